/* Findings on a terminal: grouped by kind, wrapped, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/findings_view.h"
#include "cli/text.h"

static struct slc_finding about(int64_t column, enum slc_finding_kind kind, const char *text,
                                size_t subject_bytes, const char *detail)
{
    return (struct slc_finding){.column = column,
                                .kind = kind,
                                .text = slc_str_from(text),
                                .subject_bytes = subject_bytes,
                                .detail = slc_str_from(detail)};
}

static void assert_view(struct slc_finding *items, int64_t n, int columns, const char *expected)
{
    struct slc_findings findings = {.items = items, .n = n};
    struct slc_buf out = {0};

    slc_findings_view(&findings, columns, &out);
    assert_non_null(slc_buf_text(&out));
    assert_string_equal(out.data, expected);
    slc_buf_release(&out);
}

static void test_groups(void **state)
{
    struct slc_finding items[] = {
        about(-1, SLC_FINDING_NO_ROWS, "The table has no rows", 0, ""),
        about(0, SLC_FINDING_CONSTANT, "batch is constant (always 7)", 5, "always 7"),
        about(1, SLC_FINDING_KEY, "id could be", 2, "1 to 9 without a gap"),
        about(2, SLC_FINDING_CONSTANT, "country is constant (always “US”)", 7, "always “US”"),
        about(3, SLC_FINDING_MISSING, "age: 7 % missing", 3, "7 %"),
        about(4, SLC_FINDING_KEY, "email could be", 5, ""),
    };

    (void)state;
    assert_view(items, 6, 80,
                "- The table has no rows.\n"
                "- Constant: batch (always 7), country (always “US”); prep.drop_constant leaves\n"
                "  such columns out.\n"
                "- Could be the row key: id (1 to 9 without a gap), email; --index, or prim_index\n"
                "  in a ticket, makes it so.\n");
}

static void test_nothing(void **state)
{
    struct slc_finding gap = about(0, SLC_FINDING_MISSING, "age: 7 % missing", 3, "7 %");

    (void)state;
    assert_view(NULL, 0, 80, "- Nothing out of the ordinary.\n");
    assert_view(&gap, 1, 80, "- Nothing out of the ordinary.\n");
}

static void test_bounds(void **state)
{
    static char names[1012][8];
    static struct slc_finding items[1012];
    char wide[200];
    struct slc_finding hostile;

    (void)state;
    for (int i = 0; i < 1012; i++) {
        int len = snprintf(names[i], sizeof(names[i]), "c%d", i);

        items[i] = about(i, SLC_FINDING_JSON, names[i], (size_t)len, "");
    }
    assert_view(items, 10, 80, "- JSON as text: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9.\n");
    assert_view(items, 1012, 80,
                "- JSON as text: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 1,002 more.\n");
    /* A long name is cut, and what turns the direction of writing is left out. */
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    memcpy(wide, "\033[2J\xe2\x80\xae", 7);
    hostile = about(0, SLC_FINDING_JSON, wide, sizeof(wide) - 1, "");
    assert_view(&hostile, 1, 80, "- JSON as text: [2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx….\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
