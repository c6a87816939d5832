#include "base/utf8.h"

#include <string.h>

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_AVX2 1
#include <immintrin.h>
#endif

static inline bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the sequence at p (0 when it is not valid), at most `left` bytes. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (p[0] < 0xe0)
        return left >= 2 && is_continuation(p[1]) ? 2 : 0;
    if (p[0] < 0xf0) {
        if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
            return 0;
        if (p[0] == 0xe0 && p[1] < 0xa0)
            return 0;
        if (p[0] == 0xed && p[1] > 0x9f)
            return 0;
        return 3;
    }
    if (left < 4 || !is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3]))
        return 0;
    if (p[0] == 0xf0 && p[1] < 0x90)
        return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f)
        return 0;
    return 4;
}

static size_t valid_prefix(const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t i = 0;

    while (i < len) {
        size_t step;
        uint64_t word;

        while (len - i >= 32) {
            uint64_t w[4];

            memcpy(w, p + i, sizeof(w));
            if ((w[0] | w[1] | w[2] | w[3]) & UINT64_C(0x8080808080808080))
                break;
            i += 32;
        }
        while (len - i >= 8) {
            memcpy(&word, p + i, sizeof(word));
            if (word & UINT64_C(0x8080808080808080))
                break;
            i += 8;
        }
        if (i >= len)
            break;
        step = sequence_length(p + i, len - i);
        if (step == 0)
            return i;
        i += step;
    }
    return len;
}

#ifdef SLC_HAVE_AVX2
#define WITH_AVX2 __attribute__((target("avx2")))

/* What may be wrong with a byte and the one before it, by Keiser and Lemire, "Validating UTF-8
 * in less than one instruction per byte" (SPE 2021): each half byte that is looked up
 * says what it does not rule out, and what all three leave is wrong. */
enum {
    TOO_SHORT = 1,   /* a start, and no continuation behind it */
    TOO_LONG = 2,    /* a continuation behind ASCII */
    OVERLONG_3 = 4,  /* e0 80 to e0 9f */
    TOO_LARGE = 8,   /* f4 90 and above */
    SURROGATE = 16,  /* ed a0 to ed bf */
    OVERLONG_2 = 32, /* c0 and c1 */
    OVERLONG_4 = 64, /* f0 80 to f0 8f; f5 and above with 8x behind it, too */
    TWO_CONTINUATIONS = 128,
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
    LARGE_LOW = ANY_LOW | TOO_LARGE | OVERLONG_4,
    ANY_CONTINUATION = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS,
};

#define BOTH_HALVES(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

WITH_AVX2 static inline __m256i high_halves(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
}

/* Not zero where something is wrong in `bytes`, which `before` stands in front of. */
WITH_AVX2 static inline __m256i find_errors(__m256i before, __m256i bytes)
{
    const __m256i first_high =
        BOTH_HALVES(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                    (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS, (char)TWO_CONTINUATIONS,
                    (char)TWO_CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
                    TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
    const __m256i first_low = BOTH_HALVES(
        (char)(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
        (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_LARGE), (char)LARGE_LOW, (char)LARGE_LOW,
        (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW,
        (char)LARGE_LOW, (char)(LARGE_LOW | SURROGATE), (char)LARGE_LOW, (char)LARGE_LOW);
    const __m256i second_high =
        BOTH_HALVES(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                    TOO_SHORT, (char)(ANY_CONTINUATION | OVERLONG_3 | OVERLONG_4),
                    (char)(ANY_CONTINUATION | OVERLONG_3 | TOO_LARGE),
                    (char)(ANY_CONTINUATION | SURROGATE | TOO_LARGE),
                    (char)(ANY_CONTINUATION | SURROGATE | TOO_LARGE), TOO_SHORT, TOO_SHORT,
                    TOO_SHORT, TOO_SHORT);
    __m256i middle = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i one = _mm256_alignr_epi8(bytes, middle, 15);
    __m256i two = _mm256_alignr_epi8(bytes, middle, 14);
    __m256i three = _mm256_alignr_epi8(bytes, middle, 13);
    __m256i wrong = _mm256_and_si256(
        _mm256_and_si256(
            _mm256_shuffle_epi8(first_high, high_halves(one)),
            _mm256_shuffle_epi8(first_low, _mm256_and_si256(one, _mm256_set1_epi8(0x0f)))),
        _mm256_shuffle_epi8(second_high, high_halves(bytes)));
    /* The top bit: the third of three or four, or the fourth of four, which has to be a
     * continuation behind one. */
    __m256i continues = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xe0 - 0x80)),
                                        _mm256_subs_epu8(three, _mm256_set1_epi8(0xf0 - 0x80)));

    return _mm256_xor_si256(_mm256_and_si256(continues, _mm256_set1_epi8((char)0x80)), wrong);
}

WITH_AVX2 static bool is_valid_avx2(const char *bytes, size_t len)
{
    __m256i before = _mm256_setzero_si256(), errors = before, block;
    char last[32] = {0}; /* the zeros behind the end show what is cut off there */
    size_t i = 0;

    for (; len - i >= 32; i += 32) {
        block = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i));
        errors = _mm256_or_si256(errors, find_errors(before, block));
        before = block;
    }
    memcpy(last, bytes + i, len - i);
    block = _mm256_loadu_si256((const __m256i *)(const void *)last);
    errors = _mm256_or_si256(errors, find_errors(before, block));
    return _mm256_testz_si256(errors, errors);
}
#endif

size_t slc_utf8_valid_prefix(const char *bytes, size_t len)
{
#ifdef SLC_HAVE_AVX2
    enum { WORTH_IT_BYTES = 256 };

    if (len >= WORTH_IT_BYTES && __builtin_cpu_supports("avx2") && is_valid_avx2(bytes, len))
        return len;
#endif
    return valid_prefix(bytes, len);
}

size_t slc_utf8_length(struct slc_str s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += !is_continuation((unsigned char)s.data[i]);
    return count;
}

void slc_utf8_append(struct slc_buf *buf, uint32_t c)
{
    char *p = slc_buf_reserve(buf, 4);

    if (!p)
        return;
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        p[0] = (char)c;
        buf->len += 1;
    } else if (c < 0x800) {
        p[0] = (char)(0xc0 | (c >> 6));
        p[1] = (char)(0x80 | (c & 0x3f));
        buf->len += 2;
    } else if (c < 0x10000) {
        p[0] = (char)(0xe0 | (c >> 12));
        p[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        p[2] = (char)(0x80 | (c & 0x3f));
        buf->len += 3;
    } else {
        p[0] = (char)(0xf0 | (c >> 18));
        p[1] = (char)(0x80 | ((c >> 12) & 0x3f));
        p[2] = (char)(0x80 | ((c >> 6) & 0x3f));
        p[3] = (char)(0x80 | (c & 0x3f));
        buf->len += 4;
    }
}

struct slc_str slc_utf8_clip(struct slc_str s, size_t max_bytes)
{
    if (s.len <= max_bytes)
        return s;
    s.len = max_bytes;
    while (s.len > 0 && is_continuation((unsigned char)s.data[s.len]))
        s.len--;
    return s;
}
