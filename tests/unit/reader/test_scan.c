#include "reader_test.h"

#include <stdlib.h>

#include "reader/csv_scan.h"

enum { MOST_BYTES = 700 };

typedef bool scan_function(const char *, size_t, char, char, uint64_t *);

/* What the words and the return value must be, by the rules alone. */
static bool by_the_rules(const char *bytes, size_t n, char delimiter, char quote,
                         uint64_t *structural)
{
    bool quoted = false, at_start = true;

    memset(structural, 0, SLC_SCAN_WORDS(n) * sizeof(*structural));
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (bytes[i] != quote)
                continue;
            if (i + 1 < n && bytes[i + 1] == quote)
                i++;
            else
                quoted = false;
            continue;
        }
        if (at_start && quote && bytes[i] == quote) {
            quoted = true;
            at_start = false;
            continue;
        }
        at_start = bytes[i] == delimiter || bytes[i] == '\n' || bytes[i] == '\r';
        if (at_start)
            structural[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return quoted;
}

static void compare(scan_function *scan, const char *what, const char *bytes, size_t n,
                    char delimiter, char quote)
{
    uint64_t expected[MOST_BYTES / 64 + 2], got[MOST_BYTES / 64 + 2];
    bool expected_open, got_open;
    size_t words = SLC_SCAN_WORDS(n);

    memset(got, 0xa5, sizeof(got));
    expected_open = by_the_rules(bytes, n, delimiter, quote, expected);
    got_open = scan(bytes, n, delimiter, quote, got);
    if (expected_open != got_open || memcmp(expected, got, words * sizeof(*got)) != 0)
        fail_msg("%s differs on %zu bytes: %.*s", what, n, (int)n, bytes);
    if (got[words] != UINT64_C(0xa5a5a5a5a5a5a5a5))
        fail_msg("%s writes past its %zu words", what, words);
}

static void compare_all(const char *bytes, size_t n, char delimiter, char quote)
{
    compare(slc_csv_scan, "slc_csv_scan", bytes, n, delimiter, quote);
    compare(slc_csv_scan_portable, "slc_csv_scan_portable", bytes, n, delimiter, quote);
    compare(slc_csv_scan_exact, "slc_csv_scan_exact", bytes, n, delimiter, quote);
}

/* Every length, with random text over the few bytes that matter, in memory
 * that ends right behind the slack. */
static void random_text(void **state)
{
    static const char regular[] = "ab,\"\n", nasty[] = "a,\"\"\n\r;'\t|\xc3\xac \x01\x80\xff\"";
    struct dice dice = {42};

    (void)state;
    for (int round = 0; round < 60; round++) {
        for (size_t n = 0; n < MOST_BYTES; n += 1 + roll(&dice, 8)) {
            char *bytes = malloc(n + SLC_SCAN_SLACK_BYTES);
            const char *alphabet = round % 2 ? regular : nasty;
            size_t letters = strlen(alphabet);

            assert_non_null(bytes);
            for (size_t i = 0; i < n + SLC_SCAN_SLACK_BYTES; i++)
                bytes[i] = alphabet[roll(&dice, letters)];
            compare_all(bytes, n, ',', '"');
            compare_all(bytes, n, ';', '\'');
            compare_all(bytes, n, '\t', '\0');
            free(bytes);
        }
    }
}

/* Quotes where RFC 4180 has them, so that the fast way is taken, at every
 * position around the borders of the steps. */
static void regular_text(void **state)
{
    static const char *const cells[] = {"a",        "\"\"",          "\"a\"", "\"a\"\"b\"",
                                        "\"\n,\"",  "\"\"\"\"",      "",      "long long long cell",
                                        "\"\r\n\"", "\"\"\"x\"\"\"", "1.5"};
    struct dice dice = {7};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[MOST_BYTES + SLC_SCAN_SLACK_BYTES];
        size_t n = 0, end = 1 + roll(&dice, 400);

        while (n < end) {
            const char *cell = cells[roll(&dice, sizeof(cells) / sizeof(cells[0]))];

            memcpy(bytes + n, cell, strlen(cell));
            n += strlen(cell);
            bytes[n++] = ",\n\r,"[roll(&dice, 4)];
        }
        memset(bytes + n, '"', SLC_SCAN_SLACK_BYTES);
        compare_all(bytes, n, ',', '"');
        compare_all(bytes, roll(&dice, n + 1), ',', '"');
    }
}

/* Every byte value alone, at every place of a step. */
static void every_byte(void **state)
{
    (void)state;
    for (int value = 0; value < 256; value++)
        for (size_t at = 0; at < 130; at++) {
            char bytes[130 + SLC_SCAN_SLACK_BYTES];

            memset(bytes, 'x', sizeof(bytes));
            bytes[at] = (char)value;
            compare_all(bytes, 130, ',', '"');
            compare_all(bytes, 130, (char)0xff, (char)0x80);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_text),
        cmocka_unit_test(regular_text),
        cmocka_unit_test(every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
