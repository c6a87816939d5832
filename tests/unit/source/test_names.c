#include "source_test.h"
#include "source/names.h"

static struct slc_str str(const char *text)
{
    return slc_str_from(text);
}

static void temporary_names(void **state)
{
    const char *yes[] = {".x",    "x~",         "x.part",          "x.tmp",
                         "X.TMP", "a.csv.Part", ".a.ticket.0.tmp", "~"};
    const char *no[] = {"x", "x.csv", "part", "tmp", "x.tmpl", "x~.csv", "x.part.csv", "xtmp"};

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(slc_name_is_temporary(str(yes[i])));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(slc_name_is_temporary(str(no[i])));
    assert_false(slc_name_is_temporary(str("")));
}

static void ticket_names(void **state)
{
    (void)state;
    assert_true(slc_name_is_ticket(str("a.ticket")));
    assert_true(slc_name_is_ticket(str("a.b.ticket")));
    assert_false(slc_name_is_ticket(str(".ticket")));
    assert_false(slc_name_is_ticket(str(".a.ticket")));
    assert_false(slc_name_is_ticket(str("a.ticket~")));
    assert_false(slc_name_is_ticket(str("a.ticket.tmp")));
    assert_false(slc_name_is_ticket(str("a.TICKET")));
    assert_false(slc_name_is_ticket(str("ticket")));
}

static void expect_bad(struct slc_str name)
{
    struct slc_error error = {0};
    struct slc_str replica = {.data = "untouched", .len = 9};

    if (slc_replica_name_of_file(name, &replica, &error))
        fail_msg("\"%.*s\" was taken", SLC_STR_ARG(name));
    assert_int_equal(error.code, SLC_ERR_NAME);
    assert_true(strlen(error.message) > 20);
    assert_string_equal(replica.data, "untouched");
    /* Whatever the name was, the message is one line of UTF-8. */
    for (const char *p = error.message; *p; p++)
        assert_true((unsigned char)*p >= 0x20);
}

static void hostile_names(void **state)
{
    const char *bad[] = {
        "",
        ".",
        "..",
        "../x.csv",
        "a/b.csv",
        "/etc/passwd",
        "a/../../x",
        ".x",
        ".csv",
        ".hidden.csv",
        "x~",
        "x.csv.part",
        "x.tmp",
        "a\tb.csv",
        "a\nb.csv",
        "a\x7f.csv",
        "a\xff.csv",
        "\xc0\xaf.csv",
        "\xed\xa0\x80.csv",
        "a{b}.csv",
        "a*.csv",
        "a?.csv",
        "[a].csv",
        "a\\b.csv",
        "a,b.csv",
        "a:b.csv",
        "a\"b.csv",
        "a`b.csv",
        "a<b>.csv",
        "a|b.csv",
        "a;b.csv",
        " a.csv",
        "a .csv",
        "-a.csv",
        "--help",
        "a\xc2\x85.csv",
        "a\xe2\x80\xae"
        "b.csv",
        "a\xe2\x80\x8b.csv",
        "\xef\xbb\xbf"
        "a.csv",
        "a\xc2\xa0"
        "b.csv",
        "a\xe2\x80\xa8.csv",
        "\xf3\xa0\x81\x81.csv",
        "\xef\xbf\xbf.csv",
        "a.ticket",
    };
    char longer[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_bad(str(bad[i]));
    expect_bad((struct slc_str){.data = "a\0b.csv", .len = 7});
    memset(longer, 'a', sizeof(longer));
    expect_bad((struct slc_str){.data = longer, .len = 256});
    expect_bad((struct slc_str){.data = longer, .len = 201});
}

static void good_names(void **state)
{
    static const struct {
        const char *file, *replica;
    } good[] = {
        {"sample_us_users.csv", "sample_us_users"},
        {"AVATAR_SAMPLE.xlsx", "AVATAR_SAMPLE"},
        {"a.b.c.csv.gz", "a"},
        {"noext", "noext"},
        {"My File (2).csv", "My File (2)"},
        {"Coeur d'Alene.csv", "Coeur d'Alene"},
        {"Z\xc3\xbcrich-2022_01.csv", "Z\xc3\xbcrich-2022_01"},
        {"\xe6\x97\xa5\xe6\x9c\xac.csv", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"\xf0\x9f\x98\x80.csv", "\xf0\x9f\x98\x80"},
        {"100%&more@home#1=2+3.csv", "100%&more@home#1=2+3"},
    };
    char longer[200];
    struct slc_str replica;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct slc_error error = {0};

        if (!slc_replica_name_of_file(str(good[i].file), &replica, &error))
            fail_msg("%s", error.message);
        assert_true(slc_str_is(replica, good[i].replica));
    }
    memset(longer, 'a', sizeof(longer));
    assert_true(slc_replica_name_check((struct slc_str){.data = longer, .len = 200}, NULL));
    assert_false(slc_replica_name_check(str("a.META"), NULL));
}

static void quoting(void **state)
{
    char text[SLC_NAME_QUOTE_BYTES], longer[1000];

    (void)state;
    assert_string_equal(slc_name_quote(str("plain \xc3\xa9 \xf0\x9f\x98\x80"), text),
                        "plain \xc3\xa9 \xf0\x9f\x98\x80");
    assert_string_equal(slc_name_quote(str("a\nb\x7f\xff\xc3"), text), "a\\x0ab\\x7f\\xff\\xc3");
    assert_string_equal(slc_name_quote((struct slc_str){.data = "a\0b", .len = 3}, text),
                        "a\\x00b");
    for (size_t len = 0; len < sizeof(longer); len++) {
        memset(longer, len % 3 ? '\xff' : 'x', sizeof(longer));
        slc_name_quote((struct slc_str){.data = longer, .len = len}, text);
        assert_true(strlen(text) < sizeof(text));
    }
    assert_contains(text, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temporary_names), cmocka_unit_test(ticket_names),
        cmocka_unit_test(hostile_names),   cmocka_unit_test(good_names),
        cmocka_unit_test(quoting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
