#include "reader/csv_scan.h"

#include <string.h>

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_AVX2 1
#include <immintrin.h>
#endif

/* Where the bytes of interest are among 64. */
struct masks {
    uint64_t quotes;
    uint64_t separators;
};

/* What one step hands to the next. */
struct carry {
    uint64_t inside;      /* all ones inside a quoted field, else zero */
    uint64_t field_start; /* 1: the byte before was a separator or a closing quote */
    uint64_t after_close; /* 1: the byte before was a closing quote */
};

/* Take one step with the prefix parity of its quotes at hand. Returns the
 * structural bits; *irregular collects quotes in places RFC 4180 has none. */
static inline uint64_t resolve(struct masks m, uint64_t parity, struct carry *carry,
                               uint64_t in_range, uint64_t *irregular)
{
    uint64_t inside = parity ^ carry->inside;
    uint64_t opening = m.quotes & inside;
    uint64_t closing = m.quotes & ~inside;
    uint64_t structural = m.separators & ~inside;
    uint64_t may_open = (structural | closing) << 1 | carry->field_start;
    uint64_t behind_close = closing << 1 | carry->after_close;

    *irregular |= opening & ~may_open;
    *irregular |= behind_close & ~(structural | opening) & in_range;
    carry->inside = (uint64_t)((int64_t)inside >> 63);
    carry->field_start = (structural | closing) >> 63;
    carry->after_close = closing >> 63;
    return structural;
}

static inline uint64_t range_mask(size_t left)
{
    return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

bool slc_csv_scan_exact(const char *bytes, size_t n, char delimiter, char quote,
                        uint64_t *structural)
{
    enum { FIELD_START, IN_FIELD, IN_QUOTES, QUOTE_IN_QUOTES } state = FIELD_START;

    memset(structural, 0, SLC_SCAN_WORDS(n) * sizeof(*structural));
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        bool is_quote = c == quote && quote;

        if (state == IN_QUOTES) {
            if (is_quote)
                state = QUOTE_IN_QUOTES;
        } else if (is_quote && state != IN_FIELD) {
            state = IN_QUOTES;
        } else if (c == delimiter || c == '\n' || c == '\r') {
            structural[i / 64] |= UINT64_C(1) << (i % 64);
            state = FIELD_START;
        } else {
            state = IN_FIELD;
        }
    }
    return state == IN_QUOTES;
}

/* pandas/_libs/src/parser/tokenizer.c, tokenize_bytes(), but for comments behind
 * a field. */
static bool scan_escaped(const char *bytes, size_t n, const struct slc_csv_dialect *dialect,
                         uint64_t *structural)
{
    enum {
        ROW_START,
        FIELD_START,
        IN_FIELD,
        IN_QUOTES,
        QUOTE_IN_QUOTES,
        ESCAPED,
        ESCAPED_IN_QUOTES,
        COMMENT
    } state = ROW_START;

    memset(structural, 0, SLC_SCAN_WORDS(n) * sizeof(*structural));
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        bool is_quote = c == dialect->quote && c, is_escape = c == dialect->escape && c;
        bool ends_row = c == '\n' || c == '\r';

        if (state == ESCAPED) {
            state = IN_FIELD;
        } else if (state == ESCAPED_IN_QUOTES) {
            state = IN_QUOTES;
        } else if (state == IN_QUOTES) {
            state = is_escape ? ESCAPED_IN_QUOTES : is_quote ? QUOTE_IN_QUOTES : IN_QUOTES;
        } else if (state == QUOTE_IN_QUOTES && is_quote) {
            state = IN_QUOTES;
        } else if (ends_row || (c == dialect->delimiter && state != COMMENT)) {
            structural[i / 64] |= UINT64_C(1) << (i % 64);
            state = ends_row ? ROW_START : FIELD_START;
        } else if (state == COMMENT) {
            continue;
        } else if (state == ROW_START && c == dialect->comment && c) {
            state = COMMENT;
        } else if (state <= FIELD_START && is_quote) {
            state = IN_QUOTES;
        } else {
            /* Right behind a closing quote an escape is an ordinary byte. */
            state = is_escape && state != QUOTE_IN_QUOTES ? ESCAPED : IN_FIELD;
        }
    }
    return state == IN_QUOTES || state == ESCAPED || state == ESCAPED_IN_QUOTES;
}

bool slc_csv_scan_dialect(const char *bytes, size_t n, const struct slc_csv_dialect *dialect,
                          uint64_t *structural)
{
    if (dialect->escape || dialect->comment)
        return scan_escaped(bytes, n, dialect, structural);
    return slc_csv_scan(bytes, n, dialect->delimiter, dialect->quote, structural);
}

static inline uint64_t prefix_parity(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    x ^= x << 32;
    return x;
}

/* The top bit of every byte of x that is zero, gathered into 8 bits. */
static inline uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t zero = ~(((x & low7) + low7) | x | low7);

    return (zero >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct masks masks_portable(const char *bytes, char delimiter, char quote)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t d = ones * (unsigned char)delimiter, q = ones * (unsigned char)quote;
    struct masks m = {0};

    for (int i = 0; i < 8; i++) {
        uint64_t word;

        memcpy(&word, bytes + 8 * i, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        m.quotes |= zero_bytes(word ^ q) << (8 * i);
        m.separators |= (zero_bytes(word ^ d) | zero_bytes(word ^ (ones * '\n')) |
                         zero_bytes(word ^ (ones * '\r')))
                        << (8 * i);
    }
    if (!quote)
        m.quotes = 0;
    return m;
}

bool slc_csv_scan_portable(const char *bytes, size_t n, char delimiter, char quote,
                           uint64_t *structural)
{
    struct carry carry = {.field_start = 1};
    uint64_t irregular = 0;

    for (size_t at = 0; at < n; at += 64) {
        uint64_t in_range = range_mask(n - at);
        struct masks m = masks_portable(bytes + at, delimiter, quote);

        m.quotes &= in_range;
        m.separators &= in_range;
        structural[at / 64] =
            resolve(m, prefix_parity(m.quotes), &carry, in_range, &irregular) & in_range;
    }
    if (irregular)
        return slc_csv_scan_exact(bytes, n, delimiter, quote, structural);
    return carry.inside != 0;
}

#ifdef SLC_HAVE_AVX2
__attribute__((target("avx2,pclmul"))) static bool
scan_avx2(const char *bytes, size_t n, char delimiter, char quote, uint64_t *structural)
{
    const __m256i d = _mm256_set1_epi8(delimiter), q = _mm256_set1_epi8(quote);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    const __m128i ones = _mm_set1_epi8((char)0xff);
    struct carry carry = {.field_start = 1};
    uint64_t irregular = 0, quoting = quote ? UINT64_MAX : 0;

    for (size_t at = 0; at < n; at += 64) {
        const __m256i *block = (const __m256i *)(const void *)(bytes + at);
        __m256i a = _mm256_loadu_si256(block), b = _mm256_loadu_si256(block + 1);
        __m256i sep_a =
            _mm256_or_si256(_mm256_cmpeq_epi8(a, d),
                            _mm256_or_si256(_mm256_cmpeq_epi8(a, lf), _mm256_cmpeq_epi8(a, cr)));
        __m256i sep_b =
            _mm256_or_si256(_mm256_cmpeq_epi8(b, d),
                            _mm256_or_si256(_mm256_cmpeq_epi8(b, lf), _mm256_cmpeq_epi8(b, cr)));
        uint64_t in_range = range_mask(n - at), parity;
        struct masks m;

        m.separators = ((uint64_t)(uint32_t)_mm256_movemask_epi8(sep_b) << 32 |
                        (uint32_t)_mm256_movemask_epi8(sep_a)) &
                       in_range;
        m.quotes = ((uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, q)) << 32 |
                    (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, q))) &
                   in_range & quoting;
        parity = (uint64_t)_mm_cvtsi128_si64(
            _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)m.quotes), ones, 0));
        structural[at / 64] = resolve(m, parity, &carry, in_range, &irregular) & in_range;
    }
    if (irregular)
        return slc_csv_scan_exact(bytes, n, delimiter, quote, structural);
    return carry.inside != 0;
}
#endif

bool slc_csv_scan(const char *bytes, size_t n, char delimiter, char quote, uint64_t *structural)
{
#ifdef SLC_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul"))
        return scan_avx2(bytes, n, delimiter, quote, structural);
#endif
    return slc_csv_scan_portable(bytes, n, delimiter, quote, structural);
}
