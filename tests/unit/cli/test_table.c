/* Aligned tables: widths, giving way, columns that are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/table.h"
#include "cli/text.h"

/* Prints and frees. */
static void assert_table(struct slc_table *table, int width, int shown, const char *expected)
{
    struct slc_buf out = {0};

    assert_int_equal(slc_table_print(table, width, &out), shown);
    assert_non_null(slc_buf_text(&out));
    assert_string_equal(out.data, expected);
    slc_buf_release(&out);
}

static void add_two_columns(struct slc_table *table)
{
    slc_table_column(table, (struct slc_table_column){.title = SLC_STR("name"), .min_width = 5});
    slc_table_column(table, (struct slc_table_column){.title = SLC_STR("rows"), .right = true});
    slc_table_cell(table, SLC_STR("sample_us_users"));
    slc_table_cell(table, SLC_STR("5,000"));
    slc_table_cell(table, SLC_STR("日本"));
    slc_table_cell(table, SLC_STR("7"));
}

static void test_plain(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 2};

    (void)state;
    add_two_columns(&table);
    assert_table(&table, SLC_TABLE_ANY_WIDTH, 2,
                 "name              rows\n"
                 "sample_us_users  5,000\n"
                 "日本                 7\n");
}

static void test_gives_way(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 1};

    (void)state;
    add_two_columns(&table);
    assert_table(&table, 14, 2,
                 "name      rows\n"
                 "sample_… 5,000\n"
                 "日本         7\n");
    assert_table(&table, 11, 2,
                 "name   rows\n"
                 "samp… 5,000\n"
                 "日本      7\n");
    /* What does not fit at all is left out, but for the first column. */
    assert_table(&table, 10, 1,
                 "name\n"
                 "sample_us…\n"
                 "日本\n");
}

static void test_span(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 1};

    (void)state;
    for (int i = 0; i < 3; i++)
        slc_table_column(&table, (struct slc_table_column){.title = SLC_STR("col"), .right = true});
    slc_table_cell(&table, SLC_STR("a"));
    slc_table_span(&table, SLC_STR("over both of them"), 2);
    slc_table_cell(&table, SLC_STR("b"));
    slc_table_cell(&table, SLC_STR("1"));
    slc_table_cell(&table, SLC_STR("2"));
    assert_table(&table, 80, 3,
                 "col col col\n"
                 "  a over b…\n"
                 "  b   1   2\n");
    assert_table(&table, 7, 2,
                 "col col\n"
                 "  a ov…\n"
                 "  b   1\n");
}

static void test_hostile_cells(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 1};
    SLC_AUTO_BUF struct slc_buf huge = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        slc_buf_append_text(&huge, "x\n");
    slc_table_column(&table,
                     (struct slc_table_column){.title = SLC_STR("a\033[1m"), .max_width = 8});
    slc_table_cell(&table, slc_buf_view(&huge));
    slc_table_cell(&table, SLC_STR("\033]0;\007"));
    assert_true(table.text.len < 100); /* what is never shown is not kept */
    assert_table(&table, 80, 1, "a [1m\nx x x x…\n ]0;\n");
}

static void test_empty(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 1};

    (void)state;
    slc_table_cell(&table, SLC_STR("nowhere"));
    assert_table(&table, 80, 0, "");
    slc_table_column(&table, (struct slc_table_column){.title = SLC_STR("t")});
    assert_table(&table, 80, 1, "t\n");
}

/* No line is wider than what there is, however many columns there are. */
static void test_many_columns(void **state)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 2};
    SLC_AUTO_BUF struct slc_buf out = {0};
    char *rest;

    (void)state;
    for (int i = 0; i < 300; i++)
        slc_table_column(&table,
                         (struct slc_table_column){.title = SLC_STR("a title"), .min_width = 4});
    for (int i = 0; i < 600; i++)
        slc_table_cell(&table, SLC_STR("some longer text"));
    assert_int_equal(slc_table_print(&table, 80, &out), 13); /* 13 x 4 + 12 x 2 = 76 */
    rest = (char *)slc_buf_text(&out);
    for (char *line; (line = strsep(&rest, "\n")) && *line;)
        assert_int_equal(slc_text_width(slc_str_from(line)), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_gives_way),
        cmocka_unit_test(test_span),  cmocka_unit_test(test_hostile_cells),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_many_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
