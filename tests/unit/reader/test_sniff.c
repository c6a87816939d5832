#include "reader_test.h"

#include "base/cleanup.h"
#include "reader/sniff.h"

static void delimiters(void **state)
{
    static const struct {
        const char *text;
        char delimiter;
    } cases[] = {
        {"a,b\n1,2\n", ','},
        {"a;b\n1;2\n", ';'},
        {"a\tb\n1\t2\n", '\t'},
        {"a|b\n1|2\n", '|'},
        {"one column\nof words\n", ','},
        {"a;b;c\n1,5;2,5;3,5\n1,5;2,5;3,5\n", ';'},
        {"name;note\nx;\"a, b, c\"\ny;d\n", ';'},
        {"name,note\nx,a|b\ny,c|d|e\n", ','},
        {"a;b\r\n1;2\r\n\r\n3;4\r\n", ';'},
        {"a\tb, c\n1\t2\n3\t4\n", '\t'},
        {"\"a;b\",\"c;d\"\n\"e\",\"f\"\n", ','},
        {"\"a\nb\",c\n1,2\n", ','},
        {"", ','},
        {"\n\n", ','},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (slc_sniff_delimiter(str(cases[i].text), '"') != cases[i].delimiter)
            fail_msg("%s", cases[i].text);
}

static void headers(void **state)
{
    static const struct {
        const char *text;
        bool header;
    } cases[] = {
        {"a,b\n1,2\n", true},
        {"1,2\n3,4\n", true}, /* counts on: 1, 2 */
        {"1,7\n3,4\n", false},
        {"2019,2020,2021\n1,2,3\n", true},
        {"2019,2021\n1,3\n", false},
        {"id,x\nfoo,bar\n", true},
        {"foo,bar\nbaz,qux\n", true},
        {"foo,1.5\nbar,2\n", false},
        {"foo,NA\nbar,2\n", true},
        {"2020-01-01,x\n2020-01-02,y\n", false},
        {"true,x\nfalse,y\n", false},
        {"x,7\n", true}, /* nothing below to judge by */
        {"7\nx\n", true},
        {"7\n8\n   \n9\n", false},
        {"5,x\n\"6\",y\n", false},
        {"", true},
    };
    struct slc_na_set na;

    (void)state;
    assert_true(slc_na_set_init(&na, true, NULL, 0));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (slc_sniff_header(str(cases[i].text), ',', '"', &na) != cases[i].header)
            fail_msg("%s", cases[i].text);
    slc_na_set_release(&na);
}

static void rows(void **state)
{
    static const struct {
        const char *text;
        size_t used;
        int64_t n_cells;
        const char *cells[4];
    } cases[] = {
        {"a,b\nc", 4, 2, {"a", "b"}},
        {"a,b\r\nc", 5, 2, {"a", "b"}},
        {"a,b\rc", 4, 2, {"a", "b"}},
        {"a", 1, 1, {"a"}},
        {",", 1, 2, {"", ""}},
        {"\n", 1, 1, {""}},
        {"\"a,b\",\"c\nd\"\n", 12, 2, {"a,b", "c\nd"}},
        {"\"a\"\"b\",\"\"\"\"\n", 12, 2, {"a\"b", "\""}},
        {"\"a\"b,c\n", 7, 2, {"ab", "c"}},
        {"a\"b\",c\n", 7, 2, {"a\"b\"", "c"}},
        {"\"a\"\"\"b,\"\"\n", 10, 2, {"a\"b", ""}},
        {"\"open,b\n", 8, 1, {"open,b\n"}},
        {"a,b,c,d,e\n", 10, 5, {"a", "b", "c", "d"}},
        {"\"a\" ,b\n", 7, 2, {"a ", "b"}},
        {" \"a,b\n", 6, 2, {" \"a", "b"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_FREE char *text = slc_str_dup(str(cases[i].text));
        struct slc_str cells[4];
        int64_t n_cells;
        size_t used = slc_split_row(text, strlen(text), ',', '"', cells, 4, &n_cells);

        if (used != cases[i].used || n_cells != cases[i].n_cells)
            fail_msg("%s: %zu bytes, %lld cells", cases[i].text, used, (long long)n_cells);
        for (int64_t j = 0; j < n_cells && j < 4; j++)
            if (!slc_str_is(cells[j], cases[i].cells[j]))
                fail_msg("%s: cell %lld is %.*s", cases[i].text, (long long)j,
                         SLC_STR_ARG(cells[j]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delimiters),
        cmocka_unit_test(headers),
        cmocka_unit_test(rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
