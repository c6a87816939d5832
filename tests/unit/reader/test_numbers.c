#include "reader_test.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "reader/numbers.h"

enum { MOST_CELLS = 300, MOST_BYTES = 48 };

/* Cells with all kinds of bytes between them, which nobody must take for a part of a number. */
struct column {
    char *room, *bytes;
    struct slc_cell cells[2 * MOST_CELLS];
    int64_t n, stride;
    size_t len;
};

static void begin(struct column *c, int64_t stride)
{
    size_t size = SLC_NUMBER_SLACK_BYTES + (size_t)MOST_CELLS * 2 * (MOST_BYTES + 4);

    c->room = malloc(size + SLC_NUMBER_SLACK_BYTES);
    assert_non_null(c->room);
    memset(c->room, '7', size + SLC_NUMBER_SLACK_BYTES);
    c->bytes = c->room + SLC_NUMBER_SLACK_BYTES;
    c->n = 0;
    c->stride = stride;
    c->len = 0;
}

static void add(struct column *c, const char *text, size_t len, const char *between)
{
    c->cells[c->n++ * c->stride] = (struct slc_cell){(uint32_t)c->len, (uint32_t)len};
    memcpy(c->bytes + c->len, text, len);
    memcpy(c->bytes + c->len + len, between, strlen(between));
    c->len += len + strlen(between);
}

/* What the careful way has: no zeros before other digits, nothing but digits. */
static bool whole_by_the_rules(const char *text, size_t len, int64_t *ret_value)
{
    size_t sign = len > 0 && text[0] == '-';

    return len > sign && text[sign] >= '0' && text[sign] <= '9' &&
           !(text[sign] == '0' && len > sign + 1) && slc_parse_int64(text, len, ret_value);
}

static bool decimal_by_the_rules(const char *text, size_t len, double *ret_value)
{
    size_t sign = len > 0 && text[0] == '-';
    int64_t whole;

    if (len > sign + 1 && text[sign] == '0' && text[sign + 1] >= '0' && text[sign + 1] <= '9')
        return false;
    if (slc_parse_int64(text, len, &whole) && len - sign > 15)
        return false;
    return slc_parse_double(text, len, ret_value) && isfinite(*ret_value);
}

typedef int64_t whole_function(const char *, const struct slc_cell *, int64_t, int64_t, int64_t,
                               int64_t *);
typedef int64_t decimal_function(const char *, const struct slc_cell *, int64_t, int64_t, int64_t,
                                 double *);

static int64_t check_whole(const struct column *c, whole_function *parse)
{
    int64_t taken = 0;

    for (int64_t row = 0; row < c->n; row++) {
        int64_t got[MOST_CELLS + 1], end;

        got[c->n] = 0x5a5a;
        end = parse(c->bytes, c->cells, c->stride, row, c->n, got);
        assert_true(end >= row && end <= c->n);
        assert_int_equal(got[c->n], 0x5a5a);
        for (; row < end; row++, taken++) {
            const struct slc_cell *cell = &c->cells[row * c->stride];
            int64_t wanted;

            if (!whole_by_the_rules(c->bytes + cell->start, cell->len, &wanted) ||
                got[row] != wanted)
                fail_msg("\"%.*s\" is taken for %lld", (int)cell->len, c->bytes + cell->start,
                         (long long)got[row]);
        }
    }
    return taken;
}

static int64_t check_decimals(const struct column *c, decimal_function *parse)
{
    int64_t taken = 0;

    for (int64_t row = 0; row < c->n; row++) {
        double got[MOST_CELLS + 1];
        int64_t end;

        got[c->n] = 1234.5;
        end = parse(c->bytes, c->cells, c->stride, row, c->n, got);
        assert_true(end >= row && end <= c->n);
        assert_true(got[c->n] == 1234.5);
        for (; row < end; row++, taken++) {
            const struct slc_cell *cell = &c->cells[row * c->stride];
            double wanted;

            if (!decimal_by_the_rules(c->bytes + cell->start, cell->len, &wanted) ||
                memcmp(&got[row], &wanted, sizeof(wanted)) != 0)
                fail_msg("\"%.*s\" is taken for %.17g", (int)cell->len, c->bytes + cell->start,
                         got[row]);
        }
    }
    return taken;
}

static void check_all(const struct column *c)
{
    check_whole(c, slc_numbers_int64);
    check_whole(c, slc_numbers_int64_portable);
    check_decimals(c, slc_numbers_float64);
    check_decimals(c, slc_numbers_float64_portable);
}

static size_t put(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    return len;
}

/* `to` has room for MOST_BYTES + 16; 50 are used at most. */
static size_t random_number(struct dice *dice, char *to)
{
    static const char *const signs[] = {"", "", "", "-", "-", "+", "--"};
    static const char *const points[] = {".", ".", ".", "", "..", ",", "/", ":"};
    static const char *const letters[] = {"e", "E", "e-", "e+", "E+", "ee", "e-+"};
    size_t whole = roll(dice, 3) ? roll(dice, 8) : roll(dice, 21);
    size_t fraction = roll(dice, 3) ? roll(dice, 9) : roll(dice, 20);
    size_t n = 0, kind = roll(dice, 8);

    n += put(to, signs[roll(dice, 7)]);
    for (size_t i = 0; i < whole; i++)
        to[n++] = (char)('0' + (roll(dice, 5) ? roll(dice, 10) : roll(dice, 2) * 9));
    if (kind > 2) {
        n += put(to + n, points[roll(dice, roll(dice, 9) ? 3 : 8)]);
        for (size_t i = 0; i < fraction; i++)
            to[n++] = (char)('0' + roll(dice, 10));
    }
    if (kind == 7) {
        n += put(to + n, letters[roll(dice, 7)]);
        for (size_t i = roll(dice, 5); i > 0; i--)
            to[n++] = (char)('0' + roll(dice, 10));
    }
    if (n > 0 && roll(dice, 12) == 0)
        to[roll(dice, n)] = (char)(roll(dice, 2) ? 32 + roll(dice, 96) : roll(dice, 256));
    return n;
}

static void random_numbers(void **state)
{
    static const char *const between[] = {",", "\n", "", "-", ".", "5", "e5", "\xff\n", "0."};
    struct dice dice = {11};

    (void)state;
    for (int round = 0; round < 4000; round++) {
        struct column c;
        int64_t n = 1 + (int64_t)roll(&dice, round % 10 ? 9 : MOST_CELLS - 1);
        bool alike = round % 3 == 0;

        begin(&c, 1 + round % 2);
        for (int64_t i = 0; i < n; i++) {
            char text[MOST_BYTES + 16];
            size_t len;

            if (alike) /* so that whole groups of them are taken */
                len =
                    (size_t)snprintf(text, sizeof(text), "%s%llu.%06llu", roll(&dice, 2) ? "-" : "",
                                     (unsigned long long)roll(&dice, 2000000),
                                     (unsigned long long)roll(&dice, 1000000));
            else
                len = random_number(&dice, text);
            if (roll(&dice, 50) == 0)
                len = random_number(&dice, text);
            add(&c, text, len < MOST_BYTES ? len : MOST_BYTES, between[roll(&dice, 9)]);
        }
        check_all(&c);
        free(c.room);
    }
}

/* Every text of up to five of the bytes that mean something, in each place of a group. */
static void short_texts(void **state)
{
    static const char alphabet[] = "-.05e9+ ";
    enum { N = sizeof(alphabet) - 1 };

    (void)state;
    for (int len = 0, n = 1; len <= 5; len++, n *= N)
        for (int i = 0; i < n; i++) {
            struct column c;
            char text[8];

            for (int k = 0, rest = i; k < len; k++, rest /= N)
                text[k] = alphabet[rest % N];
            begin(&c, 1);
            for (int at = 0; at < 4; at++)
                add(&c, at == i % 4 ? text : "1.5", at == i % 4 ? (size_t)len : 3, ",");
            for (int at = 0; at < 4; at++)
                add(&c, at == i % 4 ? text : "-15", at == i % 4 ? (size_t)len : 3, ",");
            check_all(&c);
            free(c.room);
        }
}

/* What files are full of is not left to the careful way: with the portable code, that is what
 * fits into eight bytes before and behind the point. */
static void taken(void **state)
{
    static const char *const texts[] = {
        "0",      "-1",     "12345678", "-12345678", "0.5", "-0.25", "1234567.12345678",
        "98.852", "100.00", "0.000001", "-0.0"};
#if defined(__x86_64__) && !defined(SLC_PORTABLE)
    static const char *const longer[] = {
        "9223372036854775807",  "-1234567890123456",     "2.23129391e+09",        "1e5",
        "0.5450651753285951",   "-0.27986726543596274",  "123.27376626667149",    "4.9E-10",
        "12345678901234.567",   "0.0000000000000001234", "-123456789012345678.0", "5e-300",
        "123456789012345678.5",
    };
#endif
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct column c;
        bool whole = !strchr(texts[i], '.');

        begin(&c, 1);
        for (int k = 0; k < 9; k++)
            add(&c, texts[i], strlen(texts[i]), ";");
        if (whole)
            assert_int_equal(check_whole(&c, slc_numbers_int64), c.n);
        else
            assert_int_equal(check_decimals(&c, slc_numbers_float64), c.n);
        free(c.room);
    }
#if defined(__x86_64__) && !defined(SLC_PORTABLE)
    for (size_t i = 0; __builtin_cpu_supports("avx2") && i < sizeof(longer) / sizeof(longer[0]);
         i++) {
        struct column c;

        begin(&c, 1);
        for (int k = 0; k < 9; k++)
            add(&c, longer[i], strlen(longer[i]), ";");
        if (check_whole(&c, slc_numbers_int64) + check_decimals(&c, slc_numbers_float64) < c.n)
            fail_msg("%s is not taken", longer[i]);
        free(c.room);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers),
        cmocka_unit_test(short_texts),
        cmocka_unit_test(taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
