#include "base/json.h"

#include <math.h>

#include "base/num.h"

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_SSE2 1
#include <emmintrin.h>
#endif

/* The characters that RFC 8259 wants escaped: the short form's letter, or 'u'. */
static const char escapes[256] = {
    ['\b'] = 'b',  ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"',
    ['\\'] = '\\', [0x00] = 'u', [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
    [0x05] = 'u',  [0x06] = 'u', [0x07] = 'u', [0x0b] = 'u', [0x0e] = 'u', [0x0f] = 'u',
    [0x10] = 'u',  [0x11] = 'u', [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
    [0x16] = 'u',  [0x17] = 'u', [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u',
    [0x1c] = 'u',  [0x1d] = 'u', [0x1e] = 'u', [0x1f] = 'u',
};

static char *write_escape(char *to, unsigned char c)
{
    *to++ = '\\';
    *to++ = escapes[c];
    if (escapes[c] == 'u') {
        *to++ = '0';
        *to++ = '0';
        *to++ = "0123456789abcdef"[c >> 4];
        *to++ = "0123456789abcdef"[c & 15];
    }
    return to;
}

#ifdef SLC_HAVE_SSE2

/* Which of sixteen bytes have to be escaped. */
static inline unsigned escaped_of(__m128i block)
{
    __m128i bad = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))),
                               _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block));

    return (unsigned)_mm_movemask_epi8(bad);
}

/* The sixteen bytes at `p`, behind which as many can be read, those in `mask` escaped.
 * What follows an escape is stored whole each time, and what of it is not wanted is
 * written over. They stand at `to` as they are. */
static inline char *write_escaped_block(char *to, const char *p, unsigned mask)
{
    unsigned done = 0;

    for (; mask; mask &= mask - 1) {
        unsigned at = (unsigned)__builtin_ctz(mask);

        to = write_escape(to + (at - done), (unsigned char)p[at]);
        done = at + 1;
        _mm_storeu_si128((__m128i *)(void *)to,
                         _mm_loadu_si128((const __m128i *)(const void *)(p + done)));
    }
    return to + (16 - done);
}

#endif

char *slc_json_write_string(char *to, const char *bytes, size_t len)
{
    const char *p = bytes, *end = bytes + len;

    *to++ = '"';
#ifdef SLC_HAVE_SSE2
    while (end - p >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned mask = escaped_of(block);

        _mm_storeu_si128((__m128i *)(void *)to, block);
        if (mask && end - p >= 32) {
            to = write_escaped_block(to, p, mask);
            p += 16;
        } else if (mask) {
            unsigned clean = (unsigned)__builtin_ctz(mask);

            to = write_escape(to + clean, (unsigned char)p[clean]);
            p += clean + 1;
        } else {
            to += 16;
            p += 16;
        }
    }
    if (end - p >= 8) {
        __m128i block = _mm_loadl_epi64((const __m128i *)(const void *)p);

        if ((escaped_of(block) & 0xff) == 0) {
            _mm_storel_epi64((__m128i *)(void *)to, block);
            to += 8;
            p += 8;
        }
    }
    if (end - p >= 4) {
        int32_t four;

        memcpy(&four, p, sizeof(four));
        if ((escaped_of(_mm_cvtsi32_si128(four)) & 0xf) == 0) {
            memcpy(to, &four, sizeof(four));
            to += 4;
            p += 4;
        }
    }
#endif
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;

        if (__builtin_expect(escapes[c] != 0, 0))
            to = write_escape(to, c);
        else
            *to++ = (char)c;
    }
    *to++ = '"';
    return to;
}

void slc_json_string(struct slc_buf *buf, struct slc_str s)
{
    char *to;

    if (s.len > SIZE_MAX / 8) {
        buf->failed = true;
        return;
    }
    to = slc_buf_reserve(buf, SLC_JSON_STRING_BOUND(s.len));
    if (to)
        buf->len += (size_t)(slc_json_write_string(to, s.data, s.len) - to);
}

void slc_json_double(struct slc_buf *buf, double value)
{
    char *to;

    if (!isfinite(value)) {
        slc_buf_append_text(buf, "null");
        return;
    }
    to = slc_buf_reserve(buf, SLC_NUM_TEXT_BYTES);
    if (to)
        buf->len += (size_t)(slc_write_double(to, value) - to);
}

void slc_json_int64(struct slc_buf *buf, int64_t value)
{
    char *to = slc_buf_reserve(buf, SLC_NUM_TEXT_BYTES);

    if (to)
        buf->len += (size_t)(slc_write_int64(to, value) - to);
}

void slc_json_uint64(struct slc_buf *buf, uint64_t value)
{
    char *to = slc_buf_reserve(buf, SLC_NUM_TEXT_BYTES);

    if (to)
        buf->len += (size_t)(slc_write_uint64(to, value) - to);
}

void slc_json_comma(struct slc_buf *buf)
{
    char last = buf->len ? buf->data[buf->len - 1] : '\0';

    if (last && last != '{' && last != '[' && last != ',' && last != ':')
        slc_buf_append_byte(buf, ',');
}

void slc_json_key_str(struct slc_buf *buf, struct slc_str key)
{
    slc_json_comma(buf);
    slc_json_string(buf, key);
    slc_buf_append_byte(buf, ':');
}

void slc_json_key(struct slc_buf *buf, const char *key)
{
    slc_json_key_str(buf, slc_str_from(key));
}
