#include "reader_test.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "reader/cells.h"

static void one_cell(void **state)
{
    static const struct {
        enum slc_type type;
        const char *texts[24];
    } cases[] = {
        {SLC_TYPE_BOOL, {"true", "True", "TRUE", "false", "False", "FALSE", " true "}},
        {SLC_TYPE_INT64,
         {"0", "-0", "+5", "7", "-12", "123456789", "9223372036854775807", "-9223372036854775808",
          " 12", "12 ", "\t3"}},
        {SLC_TYPE_UINT64, {"9223372036854775808", "18446744073709551615"}},
        {SLC_TYPE_FLOAT64,
         {"0.5", ".5", "5.", "-1.5e-3", "1e5", "1E+5", "0e3", "0.0", "inf", "-Infinity", "+INF",
          "1e308", "4.9e-324", "1e-400", " 1.5 ", "12345678901234567890.5"}},
        {SLC_TYPE_DATE, {"2020-02-29", "0001-01-01", "9999-12-31", " 2020-01-01"}},
        {SLC_TYPE_DATETIME,
         {"2020-01-01T00:00", "2020-01-01 23:59:59", "2020-01-01T00:00:00.5",
          "2020-01-01T00:00:00.123456789Z", "2020-01-01 00:00:00+02:00", "2020-01-01T00:00-0230"}},
        {SLC_TYPE_TEXT,
         {"a",
          "tRUE",
          "yes",
          "007",
          "-007",
          "00",
          "01.5",
          "1_000",
          "1,000",
          "0x10",
          "1e",
          "e5",
          ".",
          "-",
          "+",
          "--1",
          "1.5.2",
          "18446744073709551616",
          "-9223372036854775809",
          "1e400",
          "in",
          "2020-02-30",
          "2020-1-1"}},
        {SLC_TYPE_TEXT,
         {"2020-01-01T24:00", "2020-01-01T00:60", "2020-01-01T00:00:60", "2020-01-01T00:00:00.",
          "2020-01-01T00:00:00.1234567890", "0001-01-01T00:00:00+01:00", "2020-01-01T00",
          "20200101T00", "2020-01-01T00:00:00 Z", "0000-01-01", "10000-01-01", "nan", "1 2",
          "12:30", "- 1", "١٢", "2020-01-01TT00:00"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int j = 0; j < 24 && cases[i].texts[j]; j++) {
            const char *text = cases[i].texts[j];
            enum slc_type type = slc_cell_type(text, strlen(text), NULL);

            if (type != cases[i].type)
                fail_msg("\"%s\" is %s", text, slc_type_name(type));
        }
}

static void columns(void **state)
{
    /* Cells with a bar between them, the column's type, its cells as JSON. */
    static const struct {
        const char *cells, *type, *values;
    } cases[] = {
        {"1|2|3", "int64", "[1],[2],[3]"},
        {"1||NA|3", "int64", "[1],[null],[null],[3]"},
        {"|NA|nan", "null", "[null],[null],[null]"},
        {"1|2.5|-3", "float64", "[1],[2.5],[-3]"},
        {"-1|9223372036854775807", "int64", "[-1],[9223372036854775807]"},
        {"1|18446744073709551615", "uint64", "[1],[18446744073709551615]"},
        {"18446744073709551615|+1|", "uint64", "[18446744073709551615],[1],[null]"},
        {"-1|9223372036854775808", "float64", "[-1],[9223372036854776000]"},
        {" -1|9223372036854775808", "float64", "[-1],[9223372036854776000]"},
        {"-1|9223372036854775809", "text", "[\"-1\"],[\"9223372036854775809\"]"},
        {"9223372036854775809|-1", "text", "[\"9223372036854775809\"],[\"-1\"]"},
        {"-1|9223372036854775808|0.5", "float64", "[-1],[9223372036854776000],[0.5]"},
        {"0.5|9007199254740993", "text", "[\"0.5\"],[\"9007199254740993\"]"},
        {"9007199254740993|0.5", "text", "[\"9007199254740993\"],[\"0.5\"]"},
        {"9007199254740992|0.5", "float64", "[9007199254740992],[0.5]"},
        {"0.5|18446744073709551616", "text", "[\"0.5\"],[\"18446744073709551616\"]"},
        {"1|007", "text", "[\"1\"],[\"007\"]"},
        {"1|1e400", "text", "[\"1\"],[\"1e400\"]"},
        {"inf|-inf|1", "float64", "[1e999],[-1e999],[1]"},
        {"true|FALSE|", "bool", "[true],[false],[null]"},
        {"true|1", "text", "[\"true\"],[\"1\"]"},
        {"1|true", "text", "[\"1\"],[\"true\"]"},
        {"2020-01-31|NA", "date", "[\"2020-01-31\"],[null]"},
        {"2020-01-31|2020-01-31 10:00", "datetime",
         "[\"2020-01-31T00:00:00\"],[\"2020-01-31T10:00:00\"]"},
        {"2020-01-31T10:00:00.25+02:00|2020-01-31", "datetime",
         "[\"2020-01-31T08:00:00.250000\"],[\"2020-01-31T00:00:00\"]"},
        {"2020-01-31|5", "text", "[\"2020-01-31\"],[\"5\"]"},
        {" 1 | 2.5", "float64", "[1],[2.5]"},
        {" 1 |x", "text", "[\" 1 \"],[\"x\"]"},
        {" NA|1", "text", "[\" NA\"],[\"1\"]"},
        {"\"1\"|2", "int64", "[1],[2]"},
        {"\"NA\"|2", "int64", "[null],[2]"},
        {"\"\"|x|\" \"", "text", "[null],[\"x\"],[\" \"]"},
        {"12345678|123456789|-12345678|1234567|0|-0", "int64",
         "[12345678],[123456789],[-12345678],[1234567],[0],[0]"},
        {"1|2/3", "text", "[\"1\"],[\"2/3\"]"},
        {"1|:", "text", "[\"1\"],[\":\"]"},
        {"-0.0|1.5", "float64", "[-0],[1.5]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_BUF struct slc_buf table = {0}, out = {0}, wanted = {0};
        struct slc_reader_options options = slc_reader_default_options();
        struct slc_error error = {0};
        const char *got;
        int64_t record = 0;

        options.header = SLC_HEADER_YES;
        options.delimiter = ',';
        slc_buf_append_text(&table, "x,y\n");
        for (const char *cell = cases[i].cells;;) {
            size_t len = strcspn(cell, "|");

            slc_buf_printf(&table, "%.*s,k\n", (int)len, cell);
            if (cell[len] == '\0')
                break;
            cell += len + 1;
        }
        assert_true(read_all(file_of(slc_buf_view(&table)), "t", &options, 1, &out, &error));
        slc_buf_printf(&wanted, "\"types\":[\"%s\",", cases[i].type);
        if (!strstr(slc_buf_text(&out), slc_buf_text(&wanted)))
            fail_msg("%s: %s", cases[i].cells, slc_buf_text(&out));
        got = strchr(out.data, '\n') + 1;
        for (const char *value = cases[i].values; *value;) {
            const char *end = strchr(value, ']');

            slc_buf_clear(&wanted);
            slc_buf_printf(&wanted, "[%lld,%.*s,\"k\"]]\n", (long long)++record, (int)(end - value),
                           value);
            if (strncmp(got, slc_buf_text(&wanted), wanted.len) != 0)
                fail_msg("%s: %s instead of %s", cases[i].cells, got, wanted.data);
            got += wanted.len;
            value = end[1] ? end + 2 : end + 1;
        }
    }
}

static void missing_texts(void **state)
{
    static const char *const defaults[] = {"",         "#N/A", "#N/A N/A", "#NA",    "-1.#IND",
                                           "-1.#QNAN", "-NaN", "-nan",     "1.#IND", "1.#QNAN",
                                           "<NA>",     "N/A",  "NA",       "NULL",   "NaN",
                                           "None",     "n/a",  "nan",      "null"};
    static const char *const others[] = {"na", "Na",  "none", "NONE", "Null",
                                         "-",  "N/a", " NA",  "NaN ", "#N/A "};
    static const char long_text[] = "a text of more than thirty-one bytes that means missing";
    struct slc_str more[] = {str("-999"), str("?"), str(long_text)};
    struct slc_na_set set;

    (void)state;
    assert_true(slc_na_set_init(&set, true, more, 1));
    assert_true(set.typed);
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        assert_true(slc_is_na(&set, defaults[i], strlen(defaults[i])));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(slc_is_na(&set, others[i], strlen(others[i])));
    assert_true(slc_is_na(&set, "-999", 4));
    assert_false(slc_is_na(&set, "-99", 3));
    slc_na_set_release(&set);
    assert_true(slc_na_set_init(&set, false, more + 1, 2));
    assert_false(set.typed);
    assert_false(slc_is_na(&set, "NA", 2));
    assert_true(slc_is_na(&set, "", 0));
    assert_true(slc_is_na(&set, "?", 1));
    assert_true(slc_is_na(&set, long_text, sizeof(long_text) - 1));
    assert_false(slc_is_na(&set, long_text, sizeof(long_text) - 2));
    slc_na_set_release(&set);
    assert_true(slc_na_set_init(&set, true, NULL, 0));
    assert_false(set.typed);
    slc_na_set_release(&set);
}

/* A number that was declared to be missing is so in a column of any type. */
static void typed_missing_texts(void **state)
{
    static const char table[] = "i,u,f,b,d,t,s\n"
                                "-999,18446744073709551615,1.5,true,2020-01-01,2020-01-01T10:00,x\n"
                                "1,-999,-999,false,1900-01-01,1900-01-01,-999\n"
                                "2,3,2.5,-999,2020-01-02,2020-01-02T10:00,1900-01-01\n";
    struct slc_str na[] = {str("-999"), str("1900-01-01")};
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf out = {0};

    (void)state;
    options.na_values = na;
    options.n_na_values = 2;
    assert_true(read_all(file_of(str(table)), "t", &options, 1, &out, NULL));
    assert_non_null(
        strstr(slc_buf_text(&out),
               "\"int64\",\"uint64\",\"float64\",\"bool\",\"date\",\"datetime\",\"text\""));
    assert_non_null(strstr(out.data, "[1,[null,18446744073709551615,1.5,true,\"2020-01-01\","
                                     "\"2020-01-01T10:00:00\",\"x\"]]"));
    assert_non_null(strstr(out.data, "[2,[1,null,null,false,null,null,null]]"));
    assert_non_null(
        strstr(out.data, "[3,[2,3,2.5,null,\"2020-01-02\",\"2020-01-02T10:00:00\",null]]"));
}

/* Decimals of every length on both sides of the point: the nearest double. */
static void decimals(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0}, out = {0};
    struct slc_reader_options options = slc_reader_default_options();
    struct dice dice = {.state = 20220222};
    char *at, *in;

    (void)state;
    slc_buf_append_text(&table, "x\n");
    for (int i = 0; i < 50000; i++) {
        uint64_t n_whole = roll(&dice, 12), n_fraction = roll(&dice, 24);

        if (roll(&dice, 3) == 0)
            slc_buf_append_byte(&table, '-');
        if (n_whole > 0)
            slc_buf_append_byte(&table, (char)('1' + roll(&dice, 9)));
        for (uint64_t j = 1; j < n_whole; j++)
            slc_buf_append_byte(&table, (char)('0' + roll(&dice, 10)));
        if (n_whole == 0)
            slc_buf_append_byte(&table, '0');
        slc_buf_append_byte(&table, '.');
        for (uint64_t j = 0; j < n_fraction; j++)
            slc_buf_append_byte(&table, (char)('0' + roll(&dice, roll(&dice, 2) ? 10 : 1)));
        if (roll(&dice, 8) == 0)
            slc_buf_printf(&table, "e%d", (int)roll(&dice, 40) - 20);
        slc_buf_append_byte(&table, '\n');
    }
    assert_true(read_all(file_of(slc_buf_view(&table)), "t", &options, 1, &out, NULL));
    assert_non_null(strstr(slc_buf_text(&out), "\"types\":[\"float64\"]"));
    in = strchr(table.data, '\n');
    at = strchr(out.data, '\n');
    for (int i = 1; i <= 50000; i++) {
        double expected = strtod(in + 1, &in), got;
        long row = strtol(at + 2, &at, 10);

        got = strtod(at + 2, &at);
        assert_int_equal(row, i);
        if (memcmp(&expected, &got, sizeof(got)) != 0)
            fail_msg("row %d is %.17g instead of %.17g", i, got, expected);
        at = strchr(at, '\n');
    }
}

static void joining(void **state)
{
    static const enum slc_type narrow[] = {SLC_TYPE_NULL,     SLC_TYPE_BOOL,    SLC_TYPE_INT64,
                                           SLC_TYPE_UINT64,   SLC_TYPE_FLOAT64, SLC_TYPE_DATE,
                                           SLC_TYPE_DATETIME, SLC_TYPE_TEXT};

    (void)state;
    /* With the sign known, any order of joining comes to the same. */
    for (unsigned facts = 0; facts < 4; facts++)
        for (size_t i = 0; i < 8; i++)
            for (size_t j = 0; j < 8; j++)
                for (size_t k = 0; k < 8; k++) {
                    enum slc_type a = narrow[i], b = narrow[j], c = narrow[k];

                    assert_int_equal(slc_reader_join(a, b, facts), slc_reader_join(b, a, facts));
                    assert_int_equal(slc_reader_join(slc_reader_join(a, b, facts), c, facts),
                                     slc_reader_join(a, slc_reader_join(b, c, facts), facts));
                }
    assert_int_equal(slc_reader_join(SLC_TYPE_INT64, SLC_TYPE_UINT64, 0), SLC_TYPE_UINT64);
    assert_int_equal(slc_reader_join(SLC_TYPE_INT64, SLC_TYPE_UINT64, SLC_FACT_NEGATIVE),
                     SLC_TYPE_FLOAT64);
}

static void styles(void **state)
{
    static const struct {
        char decimal, thousands;
        const char *table, *part;
    } cases[] = {
        {',', '\0', "a;b\n1,5;x\n2;y\n", "\"types\":[\"float64\",\"text\"]"},
        {',', '\0', "a;b\n1,5;x\n-2;y\n", "[1,[1.5,\"x\"]]\n[2,[-2,\"y\"]]"},
        {',', '.', "a;b\n1.234,5;1.234.567\n-2;12\n", "[1,[1234.5,1234567]]\n[2,[-2,12]]"},
        {',', '.', "a;b\n1.234,5;x\nz;12\n", "[1,[\"1.234,5\",\"x\"]]"},
        {',', '\0', "a;b\n1.5;x\n2.5;y\n", "\"types\":[\"text\",\"text\"]"},
        {',', '\0', "a;b\n2020-01-01;x\n2020-01-02;y\n", "\"types\":[\"date\",\"text\"]"},
        {',', '\0', "a;b\n2020-01-01T10:00:00.5;007\n", "\"types\":[\"datetime\",\"text\"]"},
        {'.', '\'', "a;b\n1'000;'1\n18'446'744'073'709'551'615;1'\n",
         "\"types\":[\"uint64\",\"text\"]"},
        {',', '\0', "7,5;x\n8,5;y\n", "\"columns\":[\"0\",\"1\"]"},
        {',', ' ', "a;b\n1 000,25;1 0\nNA;2\n", "[1,[1000.25,10]]\n[2,[null,2]]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_reader_options options = slc_reader_default_options();
        SLC_AUTO_FREE char *got = NULL;

        options.delimiter = ';';
        options.decimal = cases[i].decimal;
        options.thousands = cases[i].thousands;
        got = dump(str(cases[i].table), &options, 1);
        if (!strstr(got, cases[i].part))
            fail_msg("%s\ngives\n%s\nwithout\n%s", cases[i].table, got, cases[i].part);
        same_in_every_way(str(cases[i].table), options, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cell),      cmocka_unit_test(columns),
        cmocka_unit_test(missing_texts), cmocka_unit_test(typed_missing_texts),
        cmocka_unit_test(decimals),      cmocka_unit_test(joining),
        cmocka_unit_test(styles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
