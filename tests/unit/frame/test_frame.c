#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "frame/chunk.h"
#include "frame/schema.h"

enum { MOST = 12 };

static void expect_names(const char *const *wanted, const char *const *expected, int64_t n_renamed)
{
    struct slc_str names[MOST] = {{0}};
    struct slc_schema schema;
    int64_t n = 0;

    while (wanted[n]) {
        names[n] = slc_str_from(wanted[n]);
        n++;
    }
    assert_true(slc_schema_init(&schema, names, n));
    assert_int_equal(schema.n_fields, n);
    for (int64_t i = 0; i < n; i++) {
        assert_string_equal(schema.fields[i].name.data, expected[i]);
        assert_int_equal(schema.fields[i].name.len, strlen(expected[i]));
        assert_int_equal(schema.fields[i].type, SLC_TYPE_NULL);
        assert_int_equal(slc_schema_find(&schema, schema.fields[i].name), i);
    }
    assert_int_equal(schema.n_renamed, n_renamed);
    slc_schema_release(&schema);
    slc_schema_release(&schema);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* As pandas' read_csv names them. */
static void unique_names(void **state)
{
    (void)state;
    expect_names(NAMES("a", "b"), NAMES("a", "b"), 0);
    expect_names(NAMES("a", "a", "a"), NAMES("a", "a.1", "a.2"), 2);
    expect_names(NAMES("a", "a", "a.1", "a", "", ""),
                 NAMES("a", "a.2", "a.1", "a.3", "Unnamed: 4", "Unnamed: 5"), 4);
    expect_names(NAMES("Unnamed: 1", "", "Unnamed: 1.1", ""),
                 NAMES("Unnamed: 1", "Unnamed: 1.2", "Unnamed: 1.1", "Unnamed: 3"), 3);
    expect_names(NAMES("", "Unnamed: 0"), NAMES("Unnamed: 0.1", "Unnamed: 0"), 2);
    expect_names(NAMES("a", "A", " a"), NAMES("a", "A", " a"), 0);
    expect_names(NAMES("a.1", "a", "a", "a.1"), NAMES("a.1", "a", "a.2", "a.1.1"), 2);
}

/* Many equal names, and names that lie in wait, take no time to speak of. */
static void hostile_names(void **state)
{
    static struct slc_str names[SLC_MAX_COLUMNS];
    static char texts[SLC_MAX_COLUMNS][16];
    int64_t start = slc_monotonic_usec();

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct slc_schema schema;

        for (int i = 0; i < SLC_MAX_COLUMNS; i++) {
            if (kind == 1 && i % 2)
                snprintf(texts[i], sizeof(texts[i]), "a.%d", i / 2 + 1);
            else
                strcpy(texts[i], kind == 2 ? "" : "a");
            names[i] = slc_str_from(texts[i]);
        }
        assert_true(slc_schema_init(&schema, names, SLC_MAX_COLUMNS));
        if (kind == 0)
            assert_string_equal(schema.fields[SLC_MAX_COLUMNS - 1].name.data, "a.16383");
        slc_schema_release(&schema);
    }
    assert_true(slc_monotonic_usec() - start < 2 * SLC_USEC_PER_SEC);
}

static void finding(void **state)
{
    struct slc_str names[] = {SLC_STR("id"), SLC_STR("ID"), SLC_STR("Name")};
    struct slc_schema schema;

    (void)state;
    assert_true(slc_schema_init(&schema, names, 3));
    assert_int_equal(slc_schema_find_nocase(&schema, SLC_STR("ID")), 1);
    assert_int_equal(slc_schema_find_nocase(&schema, SLC_STR("Id")), 0);
    assert_int_equal(slc_schema_find_nocase(&schema, SLC_STR("NAME")), 2);
    assert_int_equal(slc_schema_find(&schema, SLC_STR("NAME")), -1);
    assert_int_equal(slc_schema_find_nocase(&schema, SLC_STR("nam")), -1);
    slc_schema_release(&schema);
    assert_true(slc_schema_init(&schema, NULL, 0));
    assert_int_equal(slc_schema_find(&schema, SLC_STR("")), -1);
    slc_schema_release(&schema);
}

static void types(void **state)
{
    (void)state;
    for (int a = 0; a < SLC_N_TYPES; a++) {
        enum slc_type type;

        assert_true(slc_type_from_name(slc_str_from(slc_type_name((enum slc_type)a)), &type));
        assert_int_equal(type, a);
        for (int b = 0; b < SLC_N_TYPES; b++)
            assert_int_equal(slc_type_join((enum slc_type)a, (enum slc_type)b),
                             slc_type_join((enum slc_type)b, (enum slc_type)a));
        assert_int_equal(slc_type_join((enum slc_type)a, (enum slc_type)a), a);
        assert_int_equal(slc_type_join((enum slc_type)a, SLC_TYPE_NULL), a);
    }
    assert_int_equal(slc_type_join(SLC_TYPE_INT64, SLC_TYPE_FLOAT64), SLC_TYPE_FLOAT64);
    assert_int_equal(slc_type_join(SLC_TYPE_UINT64, SLC_TYPE_FLOAT64), SLC_TYPE_FLOAT64);
    assert_int_equal(slc_type_join(SLC_TYPE_DATE, SLC_TYPE_DATETIME), SLC_TYPE_DATETIME);
    assert_int_equal(slc_type_join(SLC_TYPE_BOOL, SLC_TYPE_INT64), SLC_TYPE_TEXT);
    assert_int_equal(slc_type_join(SLC_TYPE_DATE, SLC_TYPE_INT64), SLC_TYPE_TEXT);
}

static void chunks(void **state)
{
    struct slc_chunk chunk = {0};

    (void)state;
    for (int round = 0; round < 3; round++) {
        uint64_t *bitmap;

        assert_true(slc_chunk_begin(&chunk, 3));
        chunk.n_rows = 130;
        for (int type = SLC_TYPE_BOOL; type < SLC_N_TYPES; type++) {
            size_t bytes = 130 * slc_type_width_bytes((enum slc_type)type);

            memset(slc_chunk_values(&chunk, (enum slc_type)type), 0x55, bytes);
        }
        bitmap = slc_chunk_bitmap(&chunk);
        assert_true(bitmap[0] == UINT64_MAX && bitmap[1] == UINT64_MAX && (bitmap[2] & 3) == 3);
        chunk.columns[1] = (struct slc_column){.type = SLC_TYPE_INT64, .valid = bitmap};
        bitmap[1] &= ~UINT64_C(2);
        assert_true(slc_column_has(&chunk.columns[1], 64));
        assert_false(slc_column_has(&chunk.columns[1], 65));
        assert_false(slc_column_has(&chunk.columns[0], 0));
        chunk.first_record = 1000;
        assert_int_equal(slc_chunk_record(&chunk, 5), 1006);
        chunk.record_of_row = (int32_t[]){0, 3};
        assert_int_equal(slc_chunk_record(&chunk, 1), 1004);
    }
    slc_chunk_release(&chunk);
    slc_chunk_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unique_names), cmocka_unit_test(hostile_names), cmocka_unit_test(finding),
        cmocka_unit_test(types),        cmocka_unit_test(chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
