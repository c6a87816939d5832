#include "source_test.h"

#include <json-c/json.h>

#include "source/names.h"

static const char plain[] = "{\"file_name\": \"AVATAR_SAMPLE.xlsx\", \"status\": \"READY\", "
                            "\"load_dttm\": \"2022-02-20:18:18:32\"}";

static struct slc_ticket *parse(const char *text)
{
    struct slc_ticket *ticket = NULL;
    struct slc_error error = {0};

    if (!slc_ticket_parse("a.ticket", slc_str_from(text), &ticket, &error))
        fail_msg("%s: %s", text, error.message);
    return ticket;
}

static void expect_error(struct slc_str text, enum slc_error_code code, const char *part)
{
    struct slc_ticket *ticket = NULL;
    struct slc_error error = {0};

    if (slc_ticket_parse("a.ticket", text, &ticket, &error))
        fail_msg("taken: %.200s", text.data);
    assert_null(ticket);
    assert_int_equal(error.code, code);
    assert_string_equal(error.file, "a.ticket");
    assert_contains(error.message, part);
    assert_contains(error.message, "a.ticket");
}

static void the_sample(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = parse(plain);

    (void)state;
    assert_true(slc_str_is(slc_ticket_file_name(t), "AVATAR_SAMPLE.xlsx"));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_READY);
    assert_true(slc_str_is(slc_ticket_load_dttm(t), "2022-02-20:18:18:32"));
    assert_int_equal(slc_ticket_load_usec(t), INT64_C(1645381112) * 1000000);
    assert_int_equal(slc_ticket_prim_index(t).len, 0);
    assert_int_equal(slc_ticket_size_bytes(t), -1);
    assert_int_equal(slc_ticket_sha256(t).len, 0);
    assert_int_equal(slc_ticket_sheet(t).len, 0);
    assert_null(slc_ticket_options(t));
    assert_null(slc_ticket_error(t));
    assert_true(slc_str_is(slc_ticket_text(t), plain));
}

static void every_key(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t =
        parse("\xef\xbb\xbf{\"file_n\\u0061me\":\"a.csv\",\"status\":\"FAILED\",\"load_dttm\":"
              "\"2022-02-20T18:18:32.5Z\","
              "\"prim_index\":\"id\",\"size\":12,\"sha256\":"
              "\"ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789\","
              "\"sheet\":3,\"options\":{\"prep.impute\":\"median\",\"x\":1e3},\"error\":{\"code\":"
              "\"data\"}}");
    struct json_object *value;

    (void)state;
    assert_true(slc_str_is(slc_ticket_file_name(t), "a.csv"));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_FAILED);
    assert_int_equal(slc_ticket_load_usec(t), INT64_C(1645381112500000));
    assert_true(slc_str_is(slc_ticket_prim_index(t), "id"));
    assert_int_equal(slc_ticket_size_bytes(t), 12);
    assert_true(slc_str_is(slc_ticket_sha256(t),
                           "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"));
    assert_true(slc_str_is(slc_ticket_sheet(t), "3"));
    assert_true(json_object_object_get_ex(slc_ticket_options(t), "x", &value));
    assert_string_equal(json_object_to_json_string(value), "1e3");
    assert_non_null(slc_ticket_error(t));
}

static void unset_optional_keys(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = parse(
        "{\"file_name\":\"a.csv\",\"status\":\"READY\",\"load_dttm\":null,\"prim_index\":null,"
        "\"size\":null,\"sha256\":\"\",\"sheet\":null,\"options\":null,\"error\":\"odd\"}");
    SLC_AUTO_TICKET struct slc_ticket *empty =
        parse("{\"file_name\":\"a.csv\",\"status\":\"READY\",\"load_dttm\":\"\"}");

    (void)state;
    assert_int_equal(slc_ticket_load_usec(t), INT64_MIN);
    assert_int_equal(slc_ticket_load_usec(empty), INT64_MIN);
    assert_int_equal(slc_ticket_size_bytes(t), -1);
    assert_int_equal(slc_ticket_sha256(t).len, 0);
    assert_null(slc_ticket_options(t));
    assert_null(slc_ticket_error(t));
}

static void faulty_keys(void **state)
{
#define WITH(extra)                                                                                \
    "{\"file_name\":\"a.csv\",\"status\":\"READY\",\"load_dttm\":\"2022-02-20:18:18:32\"," extra "}"
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"{}", "\"file_name\""},
        {"{\"file_name\":\"a.csv\"}", "\"status\""},
        {"{\"file_name\":\"a.csv\",\"status\":\"READY\"}", "\"load_dttm\""},
        {"{\"file_name\":null,\"status\":\"READY\",\"load_dttm\":\"\"}", "\"file_name\""},
        {"{\"file_name\":1,\"status\":\"READY\",\"load_dttm\":\"\"}", "\"file_name\""},
        {"{\"file_name\":\"a\",\"status\":\"ready\",\"load_dttm\":\"\"}", "\"ready\""},
        {"{\"file_name\":\"a\",\"status\":[],\"load_dttm\":\"\"}", "\"status\""},
        {"{\"file_name\":\"a\",\"status\":\"READY\",\"load_dttm\":\"yesterday\"}", "\"load_dttm\""},
        {"{\"file_name\":\"a\",\"status\":\"READY\",\"load_dttm\":\"2022-02-30:00:00:00\"}",
         "\"load_dttm\""},
        {"{\"file_name\":\"a\",\"status\":\"READY\",\"load_dttm\":20220220}", "\"load_dttm\""},
        {WITH("\"prim_index\":1"), "\"prim_index\""},
        {WITH("\"size\":\"12\""), "\"size\""},
        {WITH("\"size\":-1"), "\"size\""},
        {WITH("\"size\":1.5"), "\"size\""},
        {WITH("\"size\":99999999999999999999999"), "\"size\""},
        {WITH("\"sha256\":\"abc\""), "\"sha256\""},
        {WITH("\"sha256\":\"ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef012345678g\""),
         "\"sha256\""},
        {WITH("\"sha256\":\"ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef01234567890\""),
         "\"sha256\""},
        {WITH("\"sheet\":1.5"), "\"sheet\""},
        {WITH("\"sheet\":-1"), "\"sheet\""},
        {WITH("\"options\":[]"), "\"options\""},
        {WITH("\"status\":\"READY\""), "twice"},
        {WITH("\"st\\u0061tus\":\"READY\""), "twice"},
        {WITH("\"x\":{\"a\":1,\"a\":1}"), "twice"},
        {WITH("\"x\":[{\"a\":1},[{\"b\":1,\"c\":{},\"b\":1}]]"), "twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_error(slc_str_from(bad[i].text), SLC_ERR_TICKET, bad[i].part);
}

static void faulty_json(void **state)
{
    static const char *bad[] = {
        "",
        " ",
        "x",
        "[]",
        "\"a\"",
        "null",
        "1",
        "{",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\":1}{}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x41\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12",
        "{\"a\":\"\\",
        "{\"a\":\"tab\there\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1]",
        "{\"a\":/*c*/1}",
        "{\"a\\u0000\":1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "\xef\xbb\xbf",
        "{\"a\":1,\"b\"",
        "{\"a\":[",
        "{\"a\":[[]",
        "{\"a\":0x1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_error(slc_str_from(bad[i]), SLC_ERR_TICKET, "not valid JSON");
    expect_error((struct slc_str){.data = "{\"a\":1}\0", .len = 8}, SLC_ERR_TICKET, "behind");
    expect_error(SLC_STR("{\n\"a\": 1,\n  oops}"), SLC_ERR_TICKET, "line 3, byte 3");
    /* Every beginning of a good ticket is a bad one. */
    for (size_t len = 0; len + 1 < sizeof(plain); len++)
        expect_error((struct slc_str){.data = plain, .len = len}, SLC_ERR_TICKET, "not valid JSON");
}

static void bounds(void **state)
{
    char *text = malloc(SLC_TICKET_MAX_BYTES + 2);
    size_t head = (size_t)snprintf(text, 200, "%.*s, \"x\": \"", (int)sizeof(plain) - 2, plain);
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;
    struct slc_error error = {0};
    char deep[200];

    (void)state;
    memset(text + head, 'a', SLC_TICKET_MAX_BYTES + 1 - head);
    memcpy(text + SLC_TICKET_MAX_BYTES - 2, "\"} ", 3);
    assert_true(slc_ticket_parse("a.ticket", (struct slc_str){text, SLC_TICKET_MAX_BYTES}, &ticket,
                                 &error));
    /* Full: nothing can be added, and nothing is lost by trying. */
    assert_false(slc_ticket_set_text(ticket, "more", SLC_STR("x"), &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_int_equal(slc_ticket_text(ticket).len, SLC_TICKET_MAX_BYTES);
    expect_error((struct slc_str){text, SLC_TICKET_MAX_BYTES + 1}, SLC_ERR_LIMIT, "larger");
    free(text);

    for (int depth = 31; depth <= 33; depth++) {
        int n = snprintf(deep, sizeof(deep), "%.*s, \"x\": ", (int)sizeof(plain) - 2, plain);

        memset(deep + n, '[', (size_t)depth - 1);
        memset(deep + n + depth - 1, ']', (size_t)depth - 1);
        deep[n + 2 * depth - 2] = '}';
        deep[n + 2 * depth - 1] = '\0';
        if (depth > 32)
            expect_error(slc_str_from(deep), SLC_ERR_TICKET, "deeper");
        else
            slc_ticket_free(parse(deep));
    }
}

static void many_keys_are_quick(void **state)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;

    (void)state;
    slc_buf_append(&text, plain, sizeof(plain) - 2);
    for (int i = 0; text.len < SLC_TICKET_MAX_BYTES - 100; i++)
        slc_buf_printf(&text, ",\"\\u0061%d\":%d", i, i);
    slc_buf_append_text(&text, "}");
    ticket = parse(slc_buf_text(&text));
    assert_true(slc_ticket_set_status(ticket, SLC_TICKET_PROCESSED, NULL));
}

/* ---- changes keep everything else byte for byte ---- */

static const char odd[] =
    "\n{ \"z\" :1.0E+05,\t\"file_name\":\"a.csv\" , \"n\":12345678901234567890123, \"n2\":-0.0,"
    "\"status\":  \"READY\",\n  \"load_dttm\":\"2022-02-20:18:18:32\","
    "\"nested\":{ \"b\" : [1,  2.50 ], \"a\":\"\\u00e9\\/\"} , \"last\":null }\n\n";

static void changes_keep_the_rest(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = parse(odd);
    SLC_AUTO_TICKET struct slc_ticket *copy = NULL;

    (void)state;
    assert_true(slc_str_is(slc_ticket_text(t), odd));
    assert_true(slc_ticket_set_status(t, SLC_TICKET_PROCESSED, NULL));
    assert_true(slc_ticket_set_load_dttm(t, SLC_STR("2023-01-01:00:00:00"), NULL));
    assert_true(slc_str_is(
        slc_ticket_text(t),
        "\n{ \"z\" :1.0E+05,\t\"file_name\":\"a.csv\" , \"n\":12345678901234567890123, \"n2\":-0.0,"
        "\"status\":  \"PROCESSED\",\n  \"load_dttm\":\"2023-01-01:00:00:00\","
        "\"nested\":{ \"b\" : [1,  2.50 ], \"a\":\"\\u00e9\\/\"} , \"last\":null }\n\n"));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_PROCESSED);
    copy = slc_ticket_copy(t);
    assert_non_null(copy);
    assert_true(slc_ticket_same_request(t, copy));
    assert_true(slc_ticket_set_status(t, SLC_TICKET_READY, NULL));
    assert_false(slc_ticket_same_request(t, copy));
    assert_true(slc_ticket_set_status(copy, SLC_TICKET_REGISTERED, NULL));
    assert_true(slc_ticket_same_request(t, copy)); /* registered meanwhile */
    assert_true(slc_ticket_same_request(copy, t));
    assert_true(slc_ticket_set_text(copy, "sheet", SLC_STR("other"), NULL));
    assert_false(slc_ticket_same_request(t, copy));
    assert_true(slc_ticket_set_load_dttm(t, SLC_STR("2022-02-20:18:18:32"), NULL));
    assert_true(slc_str_is(slc_ticket_text(t), odd));
}

static void failing_and_mending(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = parse(odd);
    struct slc_error fault = {0}, where = {0};

    (void)state;
    slc_fail(&fault, SLC_ERR_DATA, "the value \"x\\y\" is no number");
    slc_error_locate(&fault, "a.csv", 17, SLC_STR("inc\"ome"));
    assert_true(slc_ticket_set_failed(t, &fault, NULL));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_FAILED);
    assert_contains(
        slc_ticket_text(t).data,
        "\"last\":null , \"error\" :{\"code\": \"data\", \"message\": \"the value "
        "\\\"x\\\\y\\\" is no number\", \"row\": 17, \"column\": \"inc\\\"ome\"} }\n\n");
    assert_non_null(slc_ticket_error(t));

    /* A second fault takes the first one's place. */
    slc_fail(&where, SLC_ERR_NOT_FOUND, "bad \xff utf8");
    assert_true(slc_ticket_set_failed(t, &where, NULL));
    assert_contains(
        slc_ticket_text(t).data,
        "{\"code\": \"not_found\", \"message\": \"bad \xef\xbf\xbd utf8\", \"row\": null, "
        "\"column\": null}");
    assert_null(strstr(slc_ticket_text(t).data, "income"));

    assert_true(slc_ticket_set_status(t, SLC_TICKET_READY, NULL));
    assert_null(slc_ticket_error(t));
    assert_true(slc_str_is(slc_ticket_text(t), odd));
}

static void adding_and_removing(void **state)
{
    static const struct {
        const char *before, *added;
    } cases[] = {
        {"{}", "{\"k\": 1}"},
        {"{ }", "{\"k\": 1 }"},
        {"{\"a\":1}", "{\"a\":1, \"k\":1}"},
        {"{ \"a\": 1 }", "{ \"a\": 1, \"k\": 1 }"},
        {"{\n  \"a\": 1\n}", "{\n  \"a\": 1,\n  \"k\": 1\n}"},
        {"{\"a\":1,\"b\":[]}", "{\"a\":1,\"b\":[],\"k\":1}"},
        {"{\n\t\"a\" : 1,\n\t\"b\" : {}\n}\n", "{\n\t\"a\" : 1,\n\t\"b\" : {},\n\t\"k\" : 1\n}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_TICKET struct slc_ticket *t = NULL;

        assert_true(slc_ticket_parse_loosely("a.ticket", slc_str_from(cases[i].before), &t, NULL));
        assert_true(slc_ticket_set_int64(t, "k", 1, NULL));
        assert_string_equal(slc_ticket_text(t).data, cases[i].added);
        assert_true(slc_ticket_remove(t, "k", NULL));
        assert_true(slc_ticket_remove(t, "k", NULL));
        assert_string_equal(slc_ticket_text(t).data, cases[i].before);
    }
}

static void removing_anywhere(void **state)
{
    static const struct {
        const char *key, *left;
    } cases[] = {
        {"a", "{ \"b\" : 2 ,\"\\u0063\":3 }"},
        {"b", "{ \"a\" : 1 ,\"\\u0063\":3 }"},
        {"c", "{ \"a\" : 1, \"b\" : 2 }"},
        {"d", "{ \"a\" : 1, \"b\" : 2 ,\"\\u0063\":3 }"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_TICKET struct slc_ticket *t = NULL;

        assert_true(slc_ticket_parse_loosely(
            "a.ticket", SLC_STR("{ \"a\" : 1, \"b\" : 2 ,\"\\u0063\":3 }"), &t, NULL));
        assert_true(slc_ticket_remove(t, cases[i].key, NULL));
        assert_string_equal(slc_ticket_text(t).data, cases[i].left);
    }
}

static void wrong_values_are_refused(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = parse(plain);
    struct slc_error error = {0};

    (void)state;
    assert_false(slc_ticket_set_int64(t, "status", 1, &error));
    assert_int_equal(error.code, SLC_ERR_TICKET);
    assert_false(slc_ticket_set_json(t, "options", SLC_STR("{"), &error));
    assert_false(
        slc_ticket_set_json(t, "options", SLC_STR("{}, \"x\": 1, \"status\": \"READY\""), &error));
    assert_false(slc_ticket_set_load_dttm(t, SLC_STR("soon"), &error));
    assert_false(slc_ticket_set_int64(t, "size", -5, &error));
    assert_false(slc_ticket_remove(t, "file_name", &error));
    assert_true(slc_str_is(slc_ticket_text(t), plain));
    assert_true(slc_ticket_set_json(t, "options", SLC_STR("{\"prep.scale\": \"none\"}"), &error));
    assert_non_null(slc_ticket_options(t));
}

static void loose_tickets(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = NULL;
    struct slc_error error = {0}, fault = {0};

    (void)state;
    assert_true(slc_ticket_parse_loosely(
        "a.ticket", SLC_STR("{\"status\":\"REDY\",\"size\":\"x\",\"sheet\":\"S\",\"file_name\":7}"),
        &t, &error));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_READY);
    assert_int_equal(slc_ticket_size_bytes(t), -1);
    assert_int_equal(slc_ticket_file_name(t).len, 0);
    assert_true(slc_str_is(slc_ticket_sheet(t), "S"));
    slc_fail(&fault, SLC_ERR_TICKET, "no");
    assert_true(slc_ticket_set_failed(t, &fault, &error));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_FAILED);
    assert_false(slc_ticket_parse_loosely("a.ticket", SLC_STR("[1]"), &t, &error));
}

static void new_tickets(void **state)
{
    SLC_AUTO_TICKET struct slc_ticket *t = NULL;
    struct slc_error error = {0};

    (void)state;
    assert_true(slc_ticket_new(SLC_STR("My \xc3\xa9.csv"), &t, &error));
    assert_true(slc_str_is(slc_ticket_file_name(t), "My \xc3\xa9.csv"));
    assert_int_equal(slc_ticket_status(t), SLC_TICKET_READY);
    assert_int_equal(slc_ticket_load_dttm(t).len, 19);
    assert_true(slc_ticket_load_usec(t) > INT64_C(1600000000) * 1000000);
    assert_true(slc_ticket_set_text(t, "prim_index", SLC_STR("i\"d"), &error));
    assert_contains(slc_ticket_text(t).data, ", \"prim_index\": \"i\\\"d\"}\n");
    assert_true(slc_str_is(slc_ticket_prim_index(t), "i\"d"));
    slc_ticket_free(t);
    t = NULL;
    assert_false(slc_ticket_new(SLC_STR("../a.csv"), &t, &error));
    assert_int_equal(error.code, SLC_ERR_NAME);
    assert_null(t);
}

static void status_changes(void **state)
{
    /* From READY, REGISTERED, PROCESSED, FAILED; -1: the event means nothing. */
    static const struct {
        enum slc_ticket_event event;
        bool force;
        int to[4];
    } table[] = {
        {SLC_TICKET_REGISTER, false, {1, -1, -1, -1}},
        {SLC_TICKET_UNREGISTER, false, {-1, 0, 0, 0}},
        {SLC_TICKET_LOAD, false, {-1, 1, -1, -1}},
        {SLC_TICKET_LOAD, true, {0, 1, 2, 3}},
        {SLC_TICKET_LOADED, false, {2, 2, 2, 2}},
        {SLC_TICKET_FAIL, false, {3, 3, 3, 3}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        for (int from = 0; from < 4; from++) {
            enum slc_ticket_status to = (enum slc_ticket_status)99;
            bool means = slc_ticket_next_status((enum slc_ticket_status)from, table[i].event,
                                                table[i].force, &to);

            assert_int_equal(means, table[i].to[from] >= 0);
            assert_int_equal(to, means ? table[i].to[from] : 99);
        }
}

static void stamps(void **state)
{
    static const char *same[] = {"2022-02-20:18:18:32", "2022-02-20T18:18:32",
                                 "2022-02-20 18:18:32", "2022-02-20T18:18:32Z",
                                 "2022-02-20T20:18:32+02:00"};
    static const char *bad[] = {"",
                                "x",
                                "2022",
                                "2022-02-20:",
                                "2022-02-20:18",
                                "2022-02-20:25:00:00",
                                "2022-13-20:18:18:32",
                                "2022-02-20:18:18:32 and more",
                                "22-02-20:18:18:32"};
    int64_t usec = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(slc_ticket_parse_stamp(slc_str_from(same[i]), &usec));
        assert_int_equal(usec, INT64_C(1645381112000000));
    }
    assert_true(slc_ticket_parse_stamp(SLC_STR("2022-02-20"), &usec));
    assert_int_equal(usec, INT64_C(1645315200000000));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(slc_ticket_parse_stamp(slc_str_from(bad[i]), &usec));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample),          cmocka_unit_test(every_key),
        cmocka_unit_test(unset_optional_keys), cmocka_unit_test(faulty_keys),
        cmocka_unit_test(faulty_json),         cmocka_unit_test(bounds),
        cmocka_unit_test(many_keys_are_quick), cmocka_unit_test(changes_keep_the_rest),
        cmocka_unit_test(failing_and_mending), cmocka_unit_test(adding_and_removing),
        cmocka_unit_test(removing_anywhere),   cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(loose_tickets),       cmocka_unit_test(new_tickets),
        cmocka_unit_test(status_changes),      cmocka_unit_test(stamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
