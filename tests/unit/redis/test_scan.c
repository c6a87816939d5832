#include "support.h"

#include "redis/scan.h"

struct seen {
    int64_t count;
    int64_t sum;
    int64_t last_reply;
};

static void on_integer(void *context, int64_t reply, int64_t value)
{
    struct seen *seen = context;

    seen->count++;
    seen->sum += value;
    assert_true(reply > seen->last_reply);
    seen->last_reply = reply;
}

/* Feed in pieces of `size` bytes; each piece in memory of its own, so that the
 * address sanitizer sees a read past its end. */
static bool feed(struct slc_scan *scan, const char *bytes, size_t len, size_t size)
{
    for (size_t at = 0; at < len; at += size) {
        size_t piece = len - at < size ? len - at : size;
        char *copy = malloc(piece);
        bool good;

        assert_non_null(copy);
        memcpy(copy, bytes + at, piece);
        good = slc_scan_feed(scan, copy, piece);
        free(copy);
        if (!good)
            return false;
    }
    return true;
}

static void every_piece_size(void **state)
{
    static const char input[] = ":0\r\n:512\r\n:-3\r\n+OK\r\n$-1\r\n$0\r\n\r\n$5\r\n:1\r\n\n\r\n"
                                "*0\r\n*-1\r\n*3\r\n:7\r\n$2\r\nab\r\n*2\r\n+x\r\n:9\r\n"
                                ":9223372036854775807\r\n:-9223372036854775808\r\n"
                                ":100000000000000000\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n";

    (void)state;
    for (size_t size = 1; size <= sizeof(input); size++) {
        struct seen seen = {.last_reply = -1};
        struct slc_scan scan = {.on_integer = on_integer, .context = &seen};

        assert_true(feed(&scan, input, sizeof(input) - 1, size));
        assert_true(slc_scan_is_between(&scan));
        assert_int_equal(scan.replies, 20);
        assert_int_equal(seen.count, 13);
        assert_true(scan.integer_sum == 509 - 1 + 100000000000000000 + 28);
        assert_true(seen.sum == scan.integer_sum);
        assert_false(scan.has_error);
    }
}

static void errors_stop(void **state)
{
    static const char plain[] = ":1\r\n:2\r\n-OOM too much\r\n:4\r\n";
    static const char nested[] = ":1\r\n*3\r\n:1\r\n-ERR inside\r\n:4\r\n";

    (void)state;
    for (size_t size = 1; size <= sizeof(plain); size++) {
        struct slc_scan scan = {0};

        assert_true(feed(&scan, plain, sizeof(plain) - 1, size));
        assert_true(scan.has_error);
        assert_int_equal(scan.replies, 3);
        assert_int_equal(scan.values_left, 0);
        assert_int_equal(scan.line_len, strlen("OOM too much"));
        assert_memory_equal(scan.line, "OOM too much", scan.line_len);
    }
    struct slc_scan scan = {0};
    assert_true(feed(&scan, nested, sizeof(nested) - 1, 3));
    assert_true(scan.has_error);
    assert_int_equal(scan.replies, 1);
    assert_true(scan.values_left > 0);
}

static void garbage_is_refused(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\n",       "\r\n",    ":\r\n",        ":1x\r\n", ":12\rx",
        ":99999999999999999999\r\n", "$x\r\n",  "$-2\r\n",      "*-2\r\n", "$99999999999999\r\n",
        "*99999999999999\r\n",       ":1\r\n1", "\x16\x03\x01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (size_t size = 1; size <= strlen(bad[i]); size++) {
            struct slc_scan scan = {0};

            if (feed(&scan, bad[i], strlen(bad[i]), size))
                fail_msg("garbage %zu in pieces of %zu was taken", i, size);
        }
}

static void long_lines_are_cut(void **state)
{
    char line[5000];
    struct slc_scan scan = {0};

    (void)state;
    memset(line, 'e', sizeof(line));
    line[0] = '-';
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    assert_true(feed(&scan, line, sizeof(line), 100));
    assert_true(scan.has_error);
    assert_int_equal(scan.line_len, SLC_SCAN_LINE_BYTES);
    /* A number of that length is no number. */
    memset(line, '0', sizeof(line));
    line[0] = ':';
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    memset(&scan, 0, sizeof(scan));
    assert_false(feed(&scan, line, sizeof(line), 100));
}

/* Arrays of arrays without end take a counter, not a stack. */
static void deep_nesting(void **state)
{
    struct slc_scan scan = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_true(slc_scan_feed(&scan, "*1\r\n", 4));
    assert_int_equal(scan.replies, 0);
    assert_true(slc_scan_feed(&scan, "+x\r\n", 4));
    assert_int_equal(scan.replies, 1);
    memset(&scan, 0, sizeof(scan));
    bool good = true;
    for (int i = 0; good && i < 100000; i++)
        good = slc_scan_feed(&scan, "*8000000000\r\n", 13);
    assert_false(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_size),   cmocka_unit_test(errors_stop),
        cmocka_unit_test(garbage_is_refused), cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(deep_nesting),
    };

    return cmocka_run_group_tests_name("redis/scan", tests, NULL, NULL);
}
