#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/digits.h"
#include "base/pow10.h"

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

bool slc_parse_uint64(const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i = 0;

    if (len > 0 && text[0] == '+')
        i = 1;
    if (i == len)
        return false;
    while (i < len && text[i] == '0')
        i++;
    if (len - i > 20)
        return false;
    for (; len - i >= 8 && value < 100000000; i += 8) { /* sixteen digits at most: no overflow */
        uint64_t word = slc_load_eight(text + i);

        if (!slc_are_eight_digits(word))
            return false;
        value = value * 100000000 + slc_eight_digits(word);
    }
    for (; i < len; i++) {
        unsigned digit = (unsigned char)(text[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool slc_parse_int64(const char *text, size_t len, int64_t *ret_value)
{
    bool negative = len > 0 && text[0] == '-';
    uint64_t magnitude;

    if (negative && len > 1 && text[1] == '+')
        return false;
    if (!slc_parse_uint64(text + negative, len - negative, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* A decimal number taken apart: digits * 10^exponent, digits being the first
 * 19 significant ones. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
    bool negative;
    bool truncated; /* there were more than 19 significant digits */
};

enum { MOST_DIGITS = 19 }; /* that fit into 64 bits, whichever they are */

/* Take the digits at `p` in; those that `digits` has no room for only count. */
static const char *scan_digits(const char *p, const char *end, struct decimal *d, int *significant,
                               int64_t *ret_taken)
{
    *ret_taken = 0;
    for (; d->digits == 0 && p < end && *p == '0'; p++)
        ++*ret_taken;
    for (; end - p >= 8 && *significant + 8 <= MOST_DIGITS; p += 8) {
        uint64_t word = slc_load_eight(p);

        if (!slc_are_eight_digits(word))
            break;
        d->digits = d->digits * 100000000 + slc_eight_digits(word);
        *significant += 8;
        *ret_taken += 8;
    }
    for (; p < end && is_digit(*p); p++) {
        if (*significant < MOST_DIGITS) {
            d->digits = d->digits * 10 + (unsigned char)(*p - '0');
            ++*significant;
            ++*ret_taken;
        } else {
            d->truncated |= *p != '0';
        }
    }
    return p;
}

static bool scan_decimal(const char *text, size_t len, struct decimal *ret)
{
    const char *p = text, *end = text + len, *start;
    struct decimal d = {0};
    int significant = 0;
    int64_t taken;
    bool any;

    if (p < end && (*p == '-' || *p == '+'))
        d.negative = *p++ == '-';
    start = p;
    p = scan_digits(p, end, &d, &significant, &taken);
    d.exponent = p - start - taken;
    any = p > start;
    if (p < end && *p == '.') {
        start = ++p;
        p = scan_digits(p, end, &d, &significant, &taken);
        d.exponent -= taken;
        any |= p > start;
    }
    if (!any)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = false;
        int64_t exponent = 0;

        p++;
        if (p < end && (*p == '-' || *p == '+'))
            minus = *p++ == '-';
        if (p == end)
            return false;
        for (; p < end && is_digit(*p); p++)
            if (exponent < 100000)
                exponent = exponent * 10 + (*p - '0');
        d.exponent += minus ? -exponent : exponent;
    }
    if (p != end)
        return false;
    *ret = d;
    return true;
}

static double from_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline int32_t floor_log2_pow10(int32_t k)
{
    /* floor(k * log2(10)), exact for |k| <= 1650 */
    return (int32_t)(((int64_t)k * 1741647) >> 19);
}

/* Eisel-Lemire for w * 10^q, w not zero. False when the result is not certain
 * (or not a normal number), which the caller leaves to strtod. */
static bool eisel_lemire(uint64_t w, int64_t q, uint64_t *ret_bits)
{
    int leading = __builtin_clzll(w);
    const uint64_t *power;
    unsigned __int128 product;
    uint64_t factor[2], high, low, mantissa;
    int32_t exponent;
    int upper;

    if (q < POW10_MIN || q > 308)
        return false;
    power = pow10_table[q - POW10_MIN];
    w <<= leading;
    factor[0] = power[0];
    factor[1] = power[1];
    /* The table rounds down. Where a tie between two doubles is possible, the
     * inexact powers have to be rounded up, or it would be taken for less. */
    if (q < 0 && q >= -27) {
        factor[1]++;
        factor[0] += factor[1] == 0;
    }
    product = (unsigned __int128)w * factor[0];
    high = (uint64_t)(product >> 64);
    low = (uint64_t)product;
    if ((high & 0x1ff) == 0x1ff) {
        unsigned __int128 second = (unsigned __int128)w * factor[1];
        uint64_t carry = (uint64_t)(second >> 64);

        low += carry;
        high += low < carry;
        if ((high & 0x1ff) == 0x1ff && low == UINT64_MAX && (q < -27 || q > 55))
            return false;
    }
    upper = (int)(high >> 63);
    mantissa = high >> (upper + 64 - 52 - 3);
    exponent = floor_log2_pow10((int32_t)q) + 63 + upper - leading + 1023;
    if (exponent <= 0 || exponent >= 2046)
        return false; /* subnormal or near overflow: rare */
    /* Exactly half way between two doubles happens only for small powers. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 &&
        mantissa << (upper + 64 - 52 - 3) == high)
        mantissa &= ~UINT64_C(1);
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= UINT64_C(1) << 53) {
        mantissa >>= 1;
        exponent++;
    }
    *ret_bits = (mantissa & ~(UINT64_C(1) << 52)) | (uint64_t)exponent << 52;
    return true;
}

bool slc_decimal_to_double(bool negative, uint64_t digits, int64_t exponent, double *ret_value)
{
    uint64_t bits = 0;

    if (digits != 0 && !eisel_lemire(digits, exponent, &bits))
        return false;
    *ret_value = from_bits(bits | (uint64_t)negative << 63);
    return true;
}

static locale_t c_locale(void)
{
    static locale_t cached; /* made once, the same whoever makes it */
    locale_t made = __atomic_load_n(&cached, __ATOMIC_ACQUIRE), none = (locale_t)0;

    if (made)
        return made;
    made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!__atomic_compare_exchange_n(&cached, &none, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        freelocale(made);
        made = none;
    }
    return made;
}

/* The slice was found to be a number; only its value is wanted. */
static bool parse_by_strtod(const char *text, size_t len, double *ret_value)
{
    char small[128], *copy = small;

    if (len >= sizeof(small)) {
        copy = malloc(len + 1);
        if (!copy)
            return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret_value = strtod_l(copy, NULL, c_locale());
    if (copy != small)
        free(copy);
    return true;
}

bool slc_parse_double(const char *text, size_t len, double *ret_value)
{
    static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    uint64_t bits, above;

    if (!scan_decimal(text, len, &d))
        return false;
    if (d.digits == 0 && !d.truncated) {
        *ret_value = d.negative ? -0.0 : 0.0;
        return true;
    }
    /* Clinger's fast path: both factors are exact doubles. */
    if (!d.truncated && d.digits <= UINT64_C(1) << 53 && d.exponent >= -22 && d.exponent <= 22) {
        double value = (double)d.digits;

        value =
            d.exponent < 0 ? value / exact_powers[-d.exponent] : value * exact_powers[d.exponent];
        *ret_value = d.negative ? -value : value;
        return true;
    }
    if (!eisel_lemire(d.digits, d.exponent, &bits) ||
        (d.truncated && (!eisel_lemire(d.digits + 1, d.exponent, &above) || above != bits)))
        return parse_by_strtod(text, len, ret_value);
    *ret_value = from_bits(bits | (uint64_t)d.negative << 63);
    return true;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static inline int count_digits(uint64_t v)
{
    static const uint64_t powers[] = {0,
                                      UINT64_C(10),
                                      UINT64_C(100),
                                      UINT64_C(1000),
                                      UINT64_C(10000),
                                      UINT64_C(100000),
                                      UINT64_C(1000000),
                                      UINT64_C(10000000),
                                      UINT64_C(100000000),
                                      UINT64_C(1000000000),
                                      UINT64_C(10000000000),
                                      UINT64_C(100000000000),
                                      UINT64_C(1000000000000),
                                      UINT64_C(10000000000000),
                                      UINT64_C(100000000000000),
                                      UINT64_C(1000000000000000),
                                      UINT64_C(10000000000000000),
                                      UINT64_C(100000000000000000),
                                      UINT64_C(1000000000000000000),
                                      UINT64_C(10000000000000000000)};
    int guess = ((64 - __builtin_clzll(v | 1)) * 1233) >> 12;

    return guess + (v >= powers[guess] || guess == 0);
}

static inline void write_digits(char *to, uint64_t v, int n_digits)
{
    char *p = to + n_digits;

    while (v >= 100000000) {
        p -= 8;
        slc_store_eight(p, slc_text_of_eight((uint32_t)(v % 100000000)));
        v /= 100000000;
    }
    while (v >= 100) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(p - 2, digit_pairs + 2 * v, 2);
    else
        p[-1] = (char)('0' + v);
}

char *slc_write_uint64(char *to, uint64_t value)
{
    int n = count_digits(value);

    write_digits(to, value, n);
    return to + n;
}

char *slc_write_int64(char *to, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;

    if (value < 0) {
        *to++ = '-';
        magnitude = 0 - magnitude;
    }
    return slc_write_uint64(to, magnitude);
}

/* floor(g * x / 2^128) with the lowest bit sticky: Schubfach's rounding to odd. */
static inline uint64_t round_to_odd(const uint64_t g[2], uint64_t x)
{
    unsigned __int128 low = (unsigned __int128)g[1] * x;
    unsigned __int128 high = (unsigned __int128)g[0] * x + (uint64_t)(low >> 64);

    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest digits of a positive finite double: digits * 10^exponent. */
static uint64_t shortest(double value, int32_t *ret_exponent)
{
    uint64_t bits = to_bits(value);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff);
    uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int32_t q = biased ? biased - 1075 : -1074;
    bool lower_closer = fraction == 0 && biased > 1;
    bool even = (c & 1) == 0;
    uint64_t cb = 4 * c, cbl = cb - 2 + lower_closer, cbr = cb + 2;
    uint64_t vb, vbl, vbr, lower, upper, s, s10, sp, g[2];
    int32_t k, h;
    bool up, wp_in;

    /* floor(log10(2^q)), or of 3/4 * 2^q when the lower neighbour is closer */
    k = (int32_t)(((int64_t)q * 1262611 - (lower_closer ? 524031 : 0)) >> 22);
    h = q + floor_log2_pow10(-k) + 1;
    g[0] = pow10_table[-k - POW10_MIN][0];
    g[1] = pow10_table[-k - POW10_MIN][1];
    if (-k < 0 || -k > 55) { /* not exact: round the power up */
        g[1]++;
        g[0] += g[1] == 0;
    }
    vbl = round_to_odd(g, cbl << h);
    vb = round_to_odd(g, cb << h);
    vbr = round_to_odd(g, cbr << h);
    lower = vbl + !even;
    upper = vbr - !even;
    s = vb / 4;
    if (s >= 10) {
        bool sp_in;

        s10 = s / 10;
        sp = 40 * s10;
        sp_in = lower <= sp;
        wp_in = sp + 40 <= upper;
        if (sp_in != wp_in) {
            *ret_exponent = k + 1;
            return s10 + wp_in;
        }
    }
    up = lower <= 4 * s;
    wp_in = 4 * s + 4 <= upper;
    *ret_exponent = k;
    if (up != wp_in)
        return s + wp_in;
    return s + (vb > 4 * s + 2 || (vb == 4 * s + 2 && (s & 1)));
}

#define LEAST_OF_17 UINT64_C(10000000000000000)

/* The same with one product instead of three, as Guo's yy_double and Zverovich's
 * zmij find them: for a double with regular neighbours, of which V = value / 10^k has
 * 16 or 17 digits before the point and half the distance to a neighbour, H, lies in
 * [0.5, 5). So the nearest whole number always is within H, and a multiple of ten
 * seldom. What lies too close to call is left to shortest(). */
static inline bool shortest_regular(uint64_t fraction, int32_t q, uint64_t *ret_digits,
                                    int32_t *ret_exponent)
{
    const uint64_t ten = UINT64_C(10) << 60; /* in units of 2^-60, as m and half */
    int32_t k = (int32_t)(((int64_t)q * 1262611) >> 22);
    int32_t h = q + floor_log2_pow10(-k) + 1; /* 1 to 4 */
    const uint64_t *g = pow10_table[-k - POW10_MIN];
    uint64_t x = (fraction | UINT64_C(1) << 52) << h;
    unsigned __int128 low = (unsigned __int128)g[1] * x;
    unsigned __int128 v = (unsigned __int128)g[0] * x + (uint64_t)(low >> 64);
    uint64_t whole = (uint64_t)(v >> 64), rest = (uint64_t)v;
    uint64_t last = whole % 10, m = last << 60 | rest >> 4; /* V modulo 10 */
    uint64_t half = g[0] >> (5 - h), tens;
    bool down = m < half, up = m + half >= ten, is_short;

    /* m and half are too small by less than 1.1 units, rest by less than 1.1 of 2^-64. */
    if (m - half + 2 <= 4 || ten - (m + half) <= 3 || rest - ((UINT64_C(1) << 63) - 2) <= 3)
        return false;
    /* Without branches, which nothing could foresee: zeros stay at the end. */
    tens = whole - last + (up ? 10 : 0);
    whole = down || up ? tens : whole + (rest >> 63);
    is_short = whole < LEAST_OF_17;
    *ret_digits = is_short ? 10 * whole : whole;
    *ret_exponent = k - is_short;
    return true;
}

/* Seventeen digits, the first of them not zero. */
struct digits {
    char first;
    unsigned __int128 others; /* as text, the next one lowest */
};

static inline void store_sixteen(char *to, unsigned __int128 text)
{
    slc_store_eight(to, (uint64_t)text);
    slc_store_eight(to + 8, (uint64_t)(text >> 64));
}

static inline struct digits split_digits(uint64_t v)
{
    uint64_t high = v / 100000000, first = high / 100000000;
    uint64_t low = slc_text_of_eight((uint32_t)(v - high * 100000000));

    return (struct digits){
        .first = (char)('0' + first),
        .others =
            (unsigned __int128)low << 64 | slc_text_of_eight((uint32_t)(high - first * 100000000)),
    };
}

/* Without the zeros at the end. */
static inline int count_significant(const struct digits *d)
{
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    uint64_t low = (uint64_t)(d->others >> 64) ^ zeros, high = (uint64_t)d->others ^ zeros;

    if (low)
        return 17 - __builtin_clzll(low) / 8;
    return high ? 9 - __builtin_clzll(high) / 8 : 1;
}

static char *write_scientific(char *to, const struct digits *d, int n, int exponent)
{
    *to++ = d->first;
    if (n > 1) {
        *to = '.';
        store_sixteen(to + 1, d->others);
        to += n;
    }
    *to++ = 'e';
    if (exponent >= 0)
        *to++ = '+';
    return slc_write_int64(to, exponent);
}

/* The point stands behind the first `point` digits. All are stored, whether they
 * are wanted or not. */
static inline char *lay_out(char *to, const struct digits *d, int point)
{
    int n = count_significant(d);

    if (point <= 0 && point > -6) {
        memcpy(to, "0.000000", 8);
        to += 2 - point;
        *to = d->first;
        store_sixteen(to + 1, d->others);
        return to + n;
    }
    if (point <= 0 || point > 21)
        return write_scientific(to, d, n, point - 1);
    *to = d->first;
    store_sixteen(to + 1, d->others);
    if (point < n) {
        to[point] = '.';
        store_sixteen(to + point + 1, d->others >> 8 * (point - 1));
        return to + n + 1;
    }
    slc_store_eight(to + 17, UINT64_C(0x3030303030303030));
    return to + point;
}

char *slc_write_double(char *to, double value)
{
    uint64_t bits = to_bits(value), fraction = bits & ((UINT64_C(1) << 52) - 1), decimal;
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff), exponent;
    struct digits d;

    if (bits >> 63) {
        *to++ = '-';
        value = -value;
    }
    if (value < 9007199254740992.0 && value == (double)(int64_t)value)
        return slc_write_uint64(to, (uint64_t)value);
    if (fraction == 0 || biased == 0 ||
        !shortest_regular(fraction, biased - 1075, &decimal, &exponent))
        for (decimal = shortest(value, &exponent); decimal < LEAST_OF_17; exponent--)
            decimal *= 10;
    d = split_digits(decimal);
    return lay_out(to, &d, exponent + 17);
}
