/* The reader of replies: RESP2 and RESP3, at every border of pieces, and what a
 * hostile peer might say. */
#include "support.h"

#include "base/buf.h"
#include "redis/scan.h"

/* A reply as text: i1 "s" +s -e nil [a,b]. */
static void show(struct slc_buf *to, const struct slc_reply *reply)
{
    switch (reply->type) {
    case SLC_REPLY_NIL:
        slc_buf_append_text(to, "nil");
        break;
    case SLC_REPLY_INTEGER:
        slc_buf_printf(to, "i%lld", (long long)reply->integer);
        break;
    case SLC_REPLY_STRING:
        slc_buf_printf(to, "\"%.*s\"", SLC_STR_ARG(reply->text));
        break;
    case SLC_REPLY_STATUS:
        slc_buf_printf(to, "+%.*s", SLC_STR_ARG(reply->text));
        break;
    case SLC_REPLY_ERROR:
        slc_buf_printf(to, "-%.*s", SLC_STR_ARG(reply->text));
        break;
    case SLC_REPLY_ARRAY:
        slc_buf_append_byte(to, '[');
        for (size_t i = 0; i < reply->count; i++) {
            slc_buf_append_text(to, i > 0 ? "," : "");
            show(to, &reply->items[i]);
        }
        slc_buf_append_byte(to, ']');
        break;
    }
}

/* All replies of the bytes, fed in pieces of `piece`. */
static bool read_all(const char *bytes, size_t len, size_t piece, struct slc_buf *to,
                     struct slc_error *error)
{
    struct slc_reply_reader *reader = slc_reply_reader_new(1 << 20);
    bool good = true;

    for (size_t at = 0; good && at < len; at += piece) {
        struct slc_reply *reply = NULL;
        size_t part = len - at < piece ? len - at : piece;

        good = slc_reply_reader_feed(reader, bytes + at, part, error);
        while (good && (good = slc_reply_reader_next(reader, &reply, error)) && reply) {
            show(to, reply);
            slc_buf_append_byte(to, ' ');
            slc_reply_free(reply);
        }
    }
    slc_buf_append_byte(to, '\0');
    slc_reply_reader_free(reader);
    return good;
}

static const struct {
    const char *bytes;
    const char *shows;
    int64_t replies;     /* as the scan counts them */
    int64_t integer_sum; /* the same */
} cases[] = {
    {"+OK\r\n:42\r\n:-7\r\n$3\r\na\nb\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n",
     "+OK i42 i-7 \"a\nb\" \"\" nil nil [] ", 8, 35},
    {"*3\r\n:1\r\n*2\r\n+a\r\n$1\r\nb\r\n$-1\r\n", "[i1,[+a,\"b\"],nil] ", 1, 0},
    {"_\r\n#t\r\n#f\r\n,3.25\r\n,inf\r\n(12345678901234567890123\r\n",
     "nil i1 i0 \"3.25\" \"inf\" \"12345678901234567890123\" ", 6, 0},
    {"=15\r\ntxt:Some string\r\n%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n:1\r\n:2\r\n",
     "\"Some string\" [+a,i1,+b,[i1,i2]] ", 2, 0},
    {">2\r\n+message\r\n*1\r\n:5\r\n:9\r\n>0\r\n:1\r\n", "i9 i1 ", 2, 10},
    {"|1\r\n+ttl\r\n:3600\r\n:9\r\n", "i9 ", 1, 9},
    {"*2\r\n:1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:2\r\n:5\r\n", "[i1,i2] i5 ", 2, 5},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[[i1]]]]]]]] ", 1, 0},
    {"%0\r\n~0\r\n*0\r\n", "[] [] [] ", 3, 0},
};

static void pieces_of_any_size(void **state)
{
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].bytes);

        for (size_t piece = 1; piece <= len; piece++) {
            SLC_AUTO_BUF struct slc_buf shown = {0};
            struct slc_scan scan = {0};

            assert_ok(read_all(cases[i].bytes, len, piece, &shown, &error), error);
            assert_string_equal(shown.data, cases[i].shows);
            for (size_t at = 0; at < len; at += piece)
                assert_true(
                    slc_scan_feed(&scan, cases[i].bytes + at, len - at < piece ? len - at : piece));
            if (scan.replies != cases[i].replies || scan.integer_sum != cases[i].integer_sum)
                fail_msg("case %zu, pieces of %zu: %lld replies, sum %lld", i, piece,
                         (long long)scan.replies, (long long)scan.integer_sum);
            assert_true(slc_scan_is_between(&scan));
        }
    }
}

static void errors_in_both_forms(void **state)
{
    static const char plain[] = "-OOM command\r\n", bulk[] = "!11\r\nOOM command\r\n";
    SLC_AUTO_BUF struct slc_buf shown = {0};
    struct slc_error error;

    (void)state;
    assert_ok(read_all(plain, strlen(plain), 3, &shown, &error), error);
    assert_string_equal(shown.data, "-OOM command ");
    slc_buf_clear(&shown);
    assert_ok(read_all(bulk, strlen(bulk), 3, &shown, &error), error);
    assert_string_equal(shown.data, "-OOM command ");
    for (size_t piece = 1; piece < sizeof(bulk); piece++) {
        struct slc_scan scan = {0};

        for (size_t at = 0; at < strlen(bulk); at += piece)
            assert_true(slc_scan_feed(&scan, bulk + at,
                                      strlen(bulk) - at < piece ? strlen(bulk) - at : piece));
        assert_true(scan.has_error);
        assert_int_equal(scan.line_len, 11);
        assert_memory_equal(scan.line, "OOM command", 11);
    }
}

static void hostile(void **state)
{
    static const char *const bad[] = {
        "x",
        "\r\n",
        ":\r\n",
        ":1x\r\n",
        ":1\rx",
        "$-2\r\n",
        "$1x\r\n",
        "$1\r\nabc",
        "*-2\r\n",
        "*16777217\r\n",
        "*9223372036854775807\r\n",
        "%9223372036854775807\r\n",
        "%8388609\r\n",
        "%-1\r\n",
        "~-1\r\n",
        "|-1\r\n",
        ">-1\r\n",
        "#x\r\n",
        "#\r\n",
        "_x\r\n",
        "=3\r\nabc\r\n",
        "=5\r\nabcde\r\n",
        "=-1\r\n",
        "!-1\r\n",
        "*?\r\n",
        "$?\r\n",
        "*1\r\n>1\r\n:1\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n:1\r\n",
        "$99999999999\r\n",
        "*2\r\n*16777215\r\n",
    };
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        SLC_AUTO_BUF struct slc_buf shown = {0};

        if (read_all(bad[i], strlen(bad[i]), 1, &shown, &error))
            fail_msg("case %zu was taken: %s", i, shown.data);
        assert_int_equal(error.code, SLC_ERR_CONNECTION);
    }
}

/* A line without end, and a reply without end. */
static void endless(void **state)
{
    char *piece = malloc(1 << 20);
    struct slc_reply_reader *reader = slc_reply_reader_new(256 << 10);
    struct slc_reply *reply = NULL;
    struct slc_error error;
    bool good = true;

    (void)state;
    memset(piece, '+', 1 << 20);
    assert_ok(slc_reply_reader_feed(reader, piece, 65 << 10, &error), error);
    assert_fails(slc_reply_reader_next(reader, &reply, &error), error, SLC_ERR_CONNECTION);
    slc_reply_reader_free(reader);

    reader = slc_reply_reader_new(256 << 10);
    assert_ok(slc_reply_reader_feed(reader, "*1000000\r\n", 10, &error), error);
    for (int i = 0; i < 1000000 && good; i++)
        good = slc_reply_reader_feed(reader, ":1\r\n", 4, &error) &&
               slc_reply_reader_next(reader, &reply, &error);
    assert_false(good);
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
    slc_reply_reader_free(reader);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size),
        cmocka_unit_test(errors_in_both_forms),
        cmocka_unit_test(hostile),
        cmocka_unit_test(endless),
    };

    return cmocka_run_group_tests_name("redis/reply", tests, NULL, NULL);
}
