#include "base/utf8.h"

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

size_t slc_utf8_valid_prefix(const char *bytes, size_t len)
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
