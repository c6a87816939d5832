#include "reader/numbers.h"

#include <string.h>

#include "base/digits.h"
#include "base/num.h"

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_AVX2 1
#include <immintrin.h>
#endif

/* 10^0 to 10^15: what 15 digits, which any double holds, are divided by. */
enum { EXACT_DIGITS = 15 };
static const double powers_of_ten[EXACT_DIGITS + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* ---- Eight bytes at a time ------------------------------------------------ */

/* Up to 8 digits without a leading zero, optionally behind a minus. */
static inline bool parse_short_whole(const char *text, size_t len, int64_t *ret_value)
{
    bool negative = len > 0 && text[0] == '-';
    const char *p = text + negative;
    size_t n = len - negative;
    uint64_t word;
    int64_t value;

    if (n == 0 || n > 8 || (p[0] == '0' && n > 1))
        return false;
    word = slc_pad_to_eight(slc_load_eight(p), n);
    if (!slc_are_eight_digits(word))
        return false;
    value = slc_eight_digits(word);
    *ret_value = negative ? -value : value;
    return true;
}

/* Up to 7 digits, a point and up to 8 digits, likewise: as a fraction of two
 * whole numbers that doubles hold exactly it is correctly rounded. */
static inline bool parse_short_decimal(const char *text, size_t len, double *ret_value)
{
    static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    const uint64_t ones = UINT64_C(0x0101010101010101);
    bool negative = len > 0 && text[0] == '-';
    const char *p = text + negative;
    uint64_t word = slc_load_eight(p), points = word ^ (ones * '.'), fraction;
    size_t n_whole, n_fraction;
    int64_t digits;
    double value;

    points = (points - ones) & ~points & (ones << 7); /* its lowest bit is right */
    if (points == 0)
        return false;
    n_whole = (size_t)__builtin_ctzll(points) / 8;
    n_fraction = len - negative - n_whole - 1;
    if (n_whole == 0 || (p[0] == '0' && n_whole > 1) || n_fraction - 1 > 7)
        return false;
    word = slc_pad_to_eight(word, n_whole);
    fraction = slc_pad_to_eight(slc_load_eight(p + n_whole + 1), n_fraction);
    if (!slc_are_eight_digits(word) || !slc_are_eight_digits(fraction))
        return false;
    digits = slc_eight_digits(word) * powers[n_fraction] + slc_eight_digits(fraction);
    value = (double)digits / powers_of_ten[n_fraction];
    *ret_value = negative ? -value : value;
    return true;
}

int64_t slc_numbers_int64_portable(const char *bytes, const struct slc_cell *cells, int64_t stride,
                                   int64_t from, int64_t n_rows, int64_t *out)
{
    int64_t row = from;

    for (; row < n_rows; row++) {
        struct slc_cell cell = cells[row * stride];

        if (!parse_short_whole(bytes + cell.start, cell.len, &out[row]))
            break;
    }
    return row;
}

int64_t slc_numbers_float64_portable(const char *bytes, const struct slc_cell *cells,
                                     int64_t stride, int64_t from, int64_t n_rows, double *out)
{
    int64_t row = from;

    for (; row < n_rows; row++) {
        struct slc_cell cell = cells[row * stride];

        if (!parse_short_decimal(bytes + cell.start, cell.len, &out[row]))
            break;
    }
    return row;
}

/* ---- A vector a cell ------------------------------------------------------ */

#ifdef SLC_HAVE_AVX2
#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2")))

enum { VECTOR_BYTES = 32, HALF_BYTES = 16 };

/* All ones in the last n bytes. */
WITH_AVX2 static inline __m256i last_bytes(size_t n)
{
    static const uint8_t ramp[2 * VECTOR_BYTES] = {[VECTOR_BYTES... 2 * VECTOR_BYTES - 1] = 0xff};

    return _mm256_loadu_si256((const __m256i *)(const void *)(ramp + n));
}

/* The vector that ends before `end`. */
WITH_AVX2 static inline __m256i load_before(const char *end)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(end - VECTOR_BYTES));
}

/* 16 digits from two numbers of 8, the first in the lower half. */
static inline uint64_t join_eights(uint64_t eights)
{
    return (uint32_t)eights * UINT64_C(100000000) + (eights >> 32);
}

/* The last n bytes as a number; false when they are no digits or more than 19 of them count. */
WITH_AVX2 static inline bool sum_digits(__m256i text, size_t n, uint64_t *ret_value)
{
    const __m256i tens = _mm256_set1_epi16(0x010a), hundreds = _mm256_set1_epi32(0x00010064);
    const __m256i ten_thousands = _mm256_set1_epi32(0x00012710);
    __m256i digits = _mm256_and_si256(_mm256_sub_epi8(text, _mm256_set1_epi8('0')), last_bytes(n));
    __m256i beyond = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
    __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, tens), hundreds);
    uint64_t high, low;

    sums = _mm256_madd_epi16(_mm256_packus_epi32(sums, sums), ten_thousands);
    high = join_eights((uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(sums)));
    low = join_eights((uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(sums, 1)));
    *ret_value = high * UINT64_C(10000000000000000) + low;
    return _mm256_testz_si256(beyond, beyond) && high < 1000;
}

/* ---- Four cells at a time, each of up to 16 bytes -------------------------- */

/* Two cells, one in each half, the last byte of each at the half's end. Outside of the cells all is
 * zero. */
struct pair {
    __m256i bytes;  /* less '0'; zero for a minus */
    __m256i inside; /* all ones: in a cell */
    __m256i minus;  /* all ones: a minus */
    __m256i bad;    /* not zero: this is not what is parsed here */
};

WITH_AVX2 static inline __m256i load_halves(const char *a, const char *b)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)b);

    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

WITH_AVX2 static inline struct pair load_pair(const char *bytes, const struct slc_cell *a,
                                              const struct slc_cell *b)
{
    static const char ramp[2 * HALF_BYTES] = {[HALF_BYTES... 2 * HALF_BYTES - 1] = (char)0xff};
    __m256i text =
        load_halves(bytes + a->start + a->len - HALF_BYTES, bytes + b->start + b->len - HALF_BYTES);
    struct pair p;

    p.inside = load_halves(ramp + a->len, ramp + b->len);
    p.bytes = _mm256_and_si256(_mm256_sub_epi8(text, _mm256_set1_epi8('0')), p.inside);
    p.minus = _mm256_cmpeq_epi8(p.bytes, _mm256_set1_epi8('-' - '0'));
    p.bytes = _mm256_andnot_si256(p.minus, p.bytes);
    /* Only in front. */
    p.bad = _mm256_and_si256(p.minus, _mm256_slli_si256(p.inside, 1));
    return p;
}

/* All ones in the last byte of each half. */
WITH_AVX2 static inline __m256i last_of_halves(void)
{
    return _mm256_slli_si256(_mm256_set1_epi8((char)0xff), HALF_BYTES - 1);
}

/* All ones where the digits start. */
WITH_AVX2 static inline __m256i first_digits(const struct pair *p)
{
    __m256i first = _mm256_andnot_si256(_mm256_slli_si256(p->inside, 1), p->inside);

    return _mm256_or_si256(_mm256_xor_si256(first, p->minus), _mm256_slli_si256(p->minus, 1));
}

/* Not zero where a zero stands before another digit, `points` being none. */
WITH_AVX2 static inline __m256i leading_zeros(const struct pair *p, __m256i first, __m256i points)
{
    __m256i zeros = _mm256_and_si256(_mm256_cmpeq_epi8(p->bytes, _mm256_setzero_si256()), first);

    return _mm256_andnot_si256(points, _mm256_slli_si256(zeros, 1));
}

/* Sums of four digits. */
WITH_AVX2 static inline __m256i sum_fours(__m256i digits)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a)),
                             _mm256_set1_epi32(0x00010064));
}

/* The four numbers of up to 16 digits; `even` are the first and the third. */
WITH_AVX2 static inline __m256i sum_pairs(__m256i even, __m256i odd)
{
    __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(sum_fours(even), sum_fours(odd)),
                                       _mm256_set1_epi32(0x00012710));

    return _mm256_add_epi64(_mm256_mul_epu32(eights, _mm256_set1_epi64x(100000000)),
                            _mm256_srli_epi64(eights, 32));
}

/* The bytes of each half added up, in both of its parts. */
WITH_AVX2 static inline __m256i add_bytes(__m256i bytes)
{
    __m256i sums = _mm256_sad_epu8(bytes, _mm256_setzero_si256());

    return _mm256_add_epi64(sums, _mm256_shuffle_epi32(sums, 0x4e));
}

WITH_AVX2 static inline bool are_short(const struct slc_cell *cells, int64_t stride)
{
    uint32_t a = cells[0].len - 1, b = cells[stride].len - 1, c = cells[2 * stride].len - 1,
             d = cells[3 * stride].len - 1;

    return (a | b | c | d) < HALF_BYTES;
}

WITH_AVX2 static inline void finish_whole(struct pair *p)
{
    const __m256i last = last_of_halves();
    __m256i beyond = _mm256_subs_epu8(p->bytes, _mm256_set1_epi8(9));
    __m256i zeros = leading_zeros(p, first_digits(p), _mm256_setzero_si256());

    p->bad = _mm256_or_si256(_mm256_or_si256(p->bad, beyond),
                             _mm256_or_si256(zeros, _mm256_and_si256(p->minus, last)));
}

WITH_AVX2 static inline bool parse_four_whole(const char *bytes, const struct slc_cell *cells,
                                              int64_t stride, int64_t *out)
{
    struct pair even, odd;
    __m256i values, signs, bad;

    if (!are_short(cells, stride))
        return false;
    even = load_pair(bytes, cells, cells + 2 * stride);
    odd = load_pair(bytes, cells + stride, cells + 3 * stride);
    finish_whole(&even);
    finish_whole(&odd);
    bad = _mm256_or_si256(even.bad, odd.bad);
    values = sum_pairs(even.bytes, odd.bytes);
    signs = _mm256_unpacklo_epi64(add_bytes(even.minus), add_bytes(odd.minus));
    signs = _mm256_cmpgt_epi64(signs, _mm256_setzero_si256());
    values = _mm256_sub_epi64(_mm256_xor_si256(values, signs), signs);
    _mm256_storeu_si256((__m256i *)(void *)out, values);
    return _mm256_testz_si256(bad, bad);
}

/* Takes the points out. Returns in both parts of each half where the point was, counted from 1,
 * 0 for none, and 128 more for a minus. */
WITH_AVX2 static inline __m256i finish_decimal(struct pair *p)
{
    const __m256i last = last_of_halves();
    const __m256i places = _mm256_set_epi64x(0x100f0e0d0c0b0a09, 0x0807060504030201,
                                             0x100f0e0d0c0b0a09, 0x0807060504030201);
    __m256i points = _mm256_cmpeq_epi8(p->bytes, _mm256_set1_epi8('.' - '0'));
    __m256i first = first_digits(p), zeros = leading_zeros(p, first, points);
    __m256i at =
        add_bytes(_mm256_or_si256(_mm256_and_si256(points, places),
                                  _mm256_and_si256(p->minus, _mm256_set1_epi8((char)0x80))));
    __m256i before =
        _mm256_and_si256(_mm256_shuffle_epi8(at, _mm256_setzero_si256()), _mm256_set1_epi8(0x7f));
    __m256i ends = _mm256_or_si256(_mm256_and_si256(_mm256_or_si256(points, p->minus), last),
                                   _mm256_and_si256(points, first));

    p->bytes = _mm256_blendv_epi8(_mm256_slli_si256(p->bytes, 1), p->bytes,
                                  _mm256_cmpgt_epi8(places, before));
    p->bad =
        _mm256_or_si256(_mm256_or_si256(p->bad, ends),
                        _mm256_or_si256(zeros, _mm256_subs_epu8(p->bytes, _mm256_set1_epi8(9))));
    return at;
}

WITH_AVX2 static inline bool parse_four_decimals(const char *bytes, const struct slc_cell *cells,
                                                 int64_t stride, double *out)
{
    /* By the point's place; 1: there is none. */
    static const double powers[HALF_BYTES + 1] = {1e0, 1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8,
                                                  1e7, 1e6,  1e5,  1e4,  1e3,  1e2,  1e1,  1e0};
    const __m256i magic = _mm256_set1_epi64x(0x4330000000000000); /* 2^52 as a double */
    struct pair even, odd;
    __m256i at, digits, bad;
    uint64_t places[4];
    __m256d values;

    if (!are_short(cells, stride))
        return false;
    even = load_pair(bytes, cells, cells + 2 * stride);
    odd = load_pair(bytes, cells + stride, cells + 3 * stride);
    at = finish_decimal(&even);
    at = _mm256_unpacklo_epi64(at, finish_decimal(&odd));
    digits = sum_pairs(even.bytes, odd.bytes);
    bad = _mm256_or_si256(_mm256_or_si256(even.bad, odd.bad),
                          _mm256_cmpgt_epi64(digits, _mm256_set1_epi64x(999999999999999)));
    if (!_mm256_testz_si256(bad, bad))
        return false;
    values = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(digits, magic)),
                           _mm256_castsi256_pd(magic));
    _mm256_storeu_si256((__m256i *)(void *)places, _mm256_and_si256(at, _mm256_set1_epi64x(0x7f)));
    values = _mm256_div_pd(values, _mm256_set_pd(powers[places[3]], powers[places[2]],
                                                 powers[places[1]], powers[places[0]]));
    values =
        _mm256_or_pd(values, _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_srli_epi64(at, 7), 63)));
    _mm256_storeu_pd(out, values);
    return true;
}

/* ---- Longer ones, and exponents ---------------------------------------------- */

/* Numbers on their way, a step for all of them before the next step for any: a
 * processor looks ahead by some hundred instructions only, and each number would take
 * most of them while it waits for its own bytes. */
enum { BATCH = 64 };

struct batch {
    const char *ends[BATCH]; /* behind the last digit */
    uint8_t n_digits[BATCH];
    uint8_t n_fraction[BATCH]; /* of these behind the point; VECTOR_BYTES: there is no point */
    uint8_t exact[BATCH];      /* doubles hold the digits and the power of ten */
    int16_t exponents[BATCH];  /* of ten */
    uint64_t signs[BATCH];     /* 1: negative */
    uint64_t digits[BATCH];
};

/* Where the cells from `cells` on have their digits; how many of them are whole numbers by the look
 * of it. */
WITH_AVX2 static size_t locate_whole(const char *bytes, const struct slc_cell *cells,
                                     int64_t stride, size_t most, struct batch *batch)
{
    size_t i = 0;

    for (; i < most; i++, cells += stride) {
        const char *text = bytes + cells->start;
        bool negative = text[0] == '-';
        size_t n = cells->len - (size_t)negative;

        if (n - 1 > 18 || (text[negative] == '0' && n > 1))
            break;
        batch->ends[i] = text + cells->len;
        batch->n_digits[i] = (uint8_t)n;
        batch->signs[i] = negative;
    }
    return i;
}

WITH_AVX2 static int64_t int64_avx2(const char *bytes, const struct slc_cell *cells, int64_t stride,
                                    int64_t from, int64_t n_rows, int64_t *out)
{
    struct batch batch;
    int64_t row = from;

    while (row < n_rows) {
        size_t most, n;

        while (n_rows - row >= 4 &&
               parse_four_whole(bytes, cells + row * stride, stride, out + row))
            row += 4;
        most = n_rows - row < BATCH ? (size_t)(n_rows - row) : BATCH;
        n = locate_whole(bytes, cells + row * stride, stride, most, &batch);
        for (size_t i = 0; i < n; i++, row++) {
            int64_t sign = (int64_t)batch.signs[i];
            uint64_t value;

            if (!sum_digits(load_before(batch.ends[i]), batch.n_digits[i], &value) ||
                value > INT64_MAX)
                return row;
            out[row] = ((int64_t)value ^ -sign) + sign; /* no branch: signs cannot be guessed */
        }
        if (n < most)
            return row;
    }
    return row;
}

/* The bits of `found` for the last n bytes. */
WITH_AVX2 static inline uint32_t among_last(__m256i found, size_t n)
{
    return (uint32_t)_mm256_movemask_epi8(found) >> (VECTOR_BYTES - n) << (VECTOR_BYTES - n);
}

/* Take an exponent off the n bytes before *end; `marks` says where its letter is. */
WITH_AVX2 static bool take_exponent(uint32_t marks, const char **end, size_t *n,
                                    int32_t *ret_exponent)
{
    size_t len = 31 - (size_t)__builtin_ctz(marks), n_digits; /* behind the letter */
    const char *p = *end - len;
    bool minus = len > 0 && *p == '-';
    uint64_t word;

    n_digits = len - (len > 0 && (*p == '-' || *p == '+'));
    if (n_digits - 1 > 3 || *n <= len + 1)
        return false;
    word = slc_pad_to_eight(slc_load_eight(*end - n_digits), n_digits);
    if (!slc_are_eight_digits(word))
        return false;
    *ret_exponent = minus ? -(int32_t)slc_eight_digits(word) : (int32_t)slc_eight_digits(word);
    *n -= len + 1;
    *end = p - 1;
    return true;
}

/* As locate_whole(). */
WITH_AVX2 static size_t locate_decimals(const char *bytes, const struct slc_cell *cells,
                                        int64_t stride, size_t most, struct batch *batch)
{
    const __m256i point = _mm256_set1_epi8('.'), letter = _mm256_set1_epi8('e');
    const __m256i lower = _mm256_set1_epi8(0x20);
    size_t i = 0;

    for (; i < most; i++, cells += stride) {
        const char *text = bytes + cells->start, *end = text + cells->len;
        bool negative = text[0] == '-';
        size_t n = cells->len - (size_t)negative, n_fraction, n_digits;
        int32_t exponent = 0;
        uint32_t marks, points;
        __m256i vector;

        if (n - 1 > VECTOR_BYTES - 2)
            break;
        vector = load_before(end);
        marks = among_last(_mm256_cmpeq_epi8(_mm256_or_si256(vector, lower), letter), n);
        if (marks) {
            if (!take_exponent(marks, &end, &n, &exponent))
                break;
            vector = load_before(end);
        }
        points = among_last(_mm256_cmpeq_epi8(vector, point), n);
        n_fraction = points ? 31 - (size_t)__builtin_ctz(points) : VECTOR_BYTES;
        n_digits = n - (points != 0);
        /* Whole numbers may have no more digits than a double holds: what more of them mean is
         * for others. */
        if (n_fraction == 0 || n_digits - 1 >= (points ? n - 1 : EXACT_DIGITS) ||
            n_digits == (n_fraction & 31) ||
            (text[negative] == '0' && n_digits - (n_fraction & 31) > 1))
            break;
        batch->ends[i] = end;
        batch->n_digits[i] = (uint8_t)n_digits;
        batch->n_fraction[i] = (uint8_t)n_fraction;
        batch->exact[i] = !marks && n_digits <= EXACT_DIGITS;
        batch->exponents[i] = (int16_t)(exponent - (int32_t)(n_fraction & 31));
        batch->signs[i] = negative;
    }
    return i;
}

/* The digits of the first n, the byte before each of those in front of the point in its place; how
 * many are such. */
WITH_AVX2 static size_t sum_decimals(struct batch *batch, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *end = batch->ends[i];
        __m256i text = _mm256_blendv_epi8(load_before(end - 1), load_before(end),
                                          last_bytes(batch->n_fraction[i]));

        if (!sum_digits(text, batch->n_digits[i], &batch->digits[i]))
            return i;
    }
    return n;
}

static inline double with_sign(double value, uint64_t sign)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bits |= sign << 63;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

WITH_AVX2 static int64_t float64_avx2(const char *bytes, const struct slc_cell *cells,
                                      int64_t stride, int64_t from, int64_t n_rows, double *out)
{
    struct batch batch;
    int64_t row = from;

    while (row < n_rows) {
        size_t most, n;

        while (n_rows - row >= 4 &&
               parse_four_decimals(bytes, cells + row * stride, stride, out + row))
            row += 4;
        most = n_rows - row < BATCH ? (size_t)(n_rows - row) : BATCH;
        n = locate_decimals(bytes, cells + row * stride, stride, most, &batch);
        n = sum_decimals(&batch, n);
        for (size_t i = 0; i < n; i++, row++) {
            int16_t exponent = batch.exponents[i];

            if (batch.exact[i])
                out[row] = with_sign((double)(int64_t)batch.digits[i] / powers_of_ten[-exponent],
                                     batch.signs[i]);
            else if (!slc_decimal_to_double(batch.signs[i], batch.digits[i], exponent, &out[row]))
                return row;
        }
        if (n < most)
            return row;
    }
    return row;
}
#endif

/* ---- Whichever there is ----------------------------------------------------- */

#ifdef SLC_HAVE_AVX2
static bool have_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
#endif

int64_t slc_numbers_int64(const char *bytes, const struct slc_cell *cells, int64_t stride,
                          int64_t from, int64_t n_rows, int64_t *out)
{
#ifdef SLC_HAVE_AVX2
    if (have_avx2())
        return int64_avx2(bytes, cells, stride, from, n_rows, out);
#endif
    return slc_numbers_int64_portable(bytes, cells, stride, from, n_rows, out);
}

int64_t slc_numbers_float64(const char *bytes, const struct slc_cell *cells, int64_t stride,
                            int64_t from, int64_t n_rows, double *out)
{
#ifdef SLC_HAVE_AVX2
    if (have_avx2())
        return float64_avx2(bytes, cells, stride, from, n_rows, out);
#endif
    return slc_numbers_float64_portable(bytes, cells, stride, from, n_rows, out);
}
