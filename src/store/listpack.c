#include "store/listpack.h"

#include <string.h>

#include "base/num.h"

enum { END = 0xff };

/* ---- Bytes ---- */

static char *put_le(char *to, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        *to++ = (char)(value >> (8 * i));
    return to;
}

static char *put_be(char *to, uint64_t value, int n_bytes)
{
    for (int i = n_bytes - 1; i >= 0; i--)
        *to++ = (char)(value >> (8 * i));
    return to;
}

static int64_t get_le(const char *from, int n_bytes)
{
    uint64_t value = 0;
    int shift = 64 - 8 * n_bytes;

    for (int i = 0; i < n_bytes; i++)
        value |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return (int64_t)(value << shift) >> shift;
}

/* ---- Listpack ---- */

/* The length of an entry, written so that it can be read backwards. */
static char *put_backlen(char *to, size_t len)
{
    int n = len < 128 ? 1 : len < 16384 ? 2 : len < 2097152 ? 3 : len < 268435456 ? 4 : 5;

    for (int i = n - 1; i >= 0; i--)
        *to++ = (char)((len >> (7 * i) & 127) | (i == n - 1 ? 0 : 128));
    return to;
}

static size_t backlen_bytes(size_t len)
{
    return len < 128 ? 1 : len < 16384 ? 2 : len < 2097152 ? 3 : len < 268435456 ? 4 : 5;
}

static char *put_header(char *to, size_t len)
{
    if (len < 64) {
        *to++ = (char)(0x80 | len);
    } else if (len < 4096) {
        *to++ = (char)(0xe0 | len >> 8);
        *to++ = (char)len;
    } else {
        *to++ = (char)0xf0;
        to = put_le(to, len, 4);
    }
    return to;
}

static char *put_integer(char *to, int64_t value)
{
    char *start = to;

    if (value >= 0 && value <= 127) {
        *to++ = (char)value;
    } else if (value >= -4096 && value <= 4095) {
        uint64_t bits = (uint64_t)value & 8191;

        *to++ = (char)(0xc0 | bits >> 8);
        *to++ = (char)bits;
    } else if (value >= INT16_MIN && value <= INT16_MAX) {
        *to++ = (char)0xf1;
        to = put_le(to, (uint64_t)value, 2);
    } else if (value >= -8388608 && value <= 8388607) {
        *to++ = (char)0xf2;
        to = put_le(to, (uint64_t)value, 3);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        *to++ = (char)0xf3;
        to = put_le(to, (uint64_t)value, 4);
    } else {
        *to++ = (char)0xf4;
        to = put_le(to, (uint64_t)value, 8);
    }
    return put_backlen(to, (size_t)(to - start));
}

/* As it would be printed: 7 and -12, not 07, +7 or -0. */
static bool is_integer(const char *text, size_t len, int64_t *ret_value)
{
    char again[SLC_NUM_TEXT_BYTES];

    if (len == 0 || len > 20 || !((text[0] >= '0' && text[0] <= '9') || text[0] == '-') ||
        !slc_parse_int64(text, len, ret_value))
        return false;
    return (size_t)(slc_write_int64(again, *ret_value) - again) == len &&
           memcmp(again, text, len) == 0;
}

char *slc_listpack_wrap(char *to, char *text, size_t len)
{
    size_t header = slc_listpack_header(len);

    if (text != to + header)
        memmove(to + header, text, len);
    put_header(to, len);
    return put_backlen(to + header + len, header + len);
}

char *slc_listpack_write_integer(char *to, int64_t value)
{
    return put_integer(to, value);
}

char *slc_listpack_write(char *to, const char *text, size_t len)
{
    int64_t value;
    size_t header = slc_listpack_header(len);

    if (is_integer(text, len, &value))
        return put_integer(to, value);
    put_header(to, len);
    if (len)
        memcpy(to + header, text, len);
    return put_backlen(to + header + len, header + len);
}

char *slc_listpack_close(char *to, size_t len, size_t n_entries)
{
    char *end = to + SLC_LISTPACK_HEADER_BYTES + len;

    put_le(to, SLC_LISTPACK_HEADER_BYTES + len + 1, 4);
    put_le(to + 4, n_entries < 65535 ? n_entries : 65535, 2);
    *end++ = (char)END;
    return end;
}

struct slc_listpack_entry slc_listpack_take(struct slc_str *entries)
{
    const char *at = entries->data;
    unsigned char first = (unsigned char)*at;
    struct slc_listpack_entry entry = {0};
    size_t header = 0;

    if (first < 0x80) {
        entry = (struct slc_listpack_entry){.is_integer = true, .integer = first};
        header = 1;
    } else if (first < 0xc0) {
        entry.text.len = first & 63;
        header = 1;
    } else if (first < 0xe0) {
        uint64_t bits = (uint64_t)(first & 31) << 8 | (unsigned char)at[1];

        entry =
            (struct slc_listpack_entry){.is_integer = true, .integer = (int64_t)(bits << 51) >> 51};
        header = 2;
    } else if (first < 0xf0) {
        entry.text.len = (size_t)(first & 15) << 8 | (unsigned char)at[1];
        header = 2;
    } else if (first == 0xf0) {
        entry.text.len = (size_t)(uint32_t)get_le(at + 1, 4);
        header = 5;
    } else {
        static const int bytes[] = {2, 3, 4, 8};
        int n_bytes = bytes[(first - 0xf1) & 3];

        entry = (struct slc_listpack_entry){.is_integer = true, .integer = get_le(at + 1, n_bytes)};
        header = 1 + (size_t)n_bytes;
    }
    if (!entry.is_integer)
        entry.text.data = at + header;
    size_t whole = header + entry.text.len;
    whole += backlen_bytes(whole);
    entries->data += whole;
    entries->len -= whole;
    return entry;
}

/* ---- Ziplist ---- */

static char *put_ziplist_integer(char *to, int64_t value)
{
    if (value >= 0 && value <= 12) {
        *to++ = (char)(0xf1 + value);
    } else if (value >= INT8_MIN && value <= INT8_MAX) {
        *to++ = (char)0xfe;
        *to++ = (char)value;
    } else if (value >= INT16_MIN && value <= INT16_MAX) {
        *to++ = (char)0xc0;
        to = put_le(to, (uint64_t)value, 2);
    } else if (value >= -8388608 && value <= 8388607) {
        *to++ = (char)0xf0;
        to = put_le(to, (uint64_t)value, 3);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        *to++ = (char)0xd0;
        to = put_le(to, (uint64_t)value, 4);
    } else {
        *to++ = (char)0xe0;
        to = put_le(to, (uint64_t)value, 8);
    }
    return to;
}

static char *put_ziplist_text(char *to, struct slc_str text)
{
    if (text.len < 64) {
        *to++ = (char)text.len;
    } else if (text.len < 16384) {
        to = put_be(to, 0x4000 | text.len, 2);
    } else {
        *to++ = (char)0x80;
        to = put_be(to, text.len, 4);
    }
    if (text.len)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

char *slc_ziplist_write(char *to, struct slc_str entries, size_t n_entries)
{
    char *start = to, *last = to + SLC_ZIPLIST_HEADER_BYTES;
    size_t previous = 0;

    to = last;
    for (size_t i = 0; i < n_entries; i++) {
        struct slc_listpack_entry entry = slc_listpack_take(&entries);

        last = to;
        if (previous < 254) {
            *to++ = (char)previous;
        } else {
            *to++ = (char)0xfe;
            to = put_le(to, previous, 4);
        }
        to = entry.is_integer ? put_ziplist_integer(to, entry.integer)
                              : put_ziplist_text(to, entry.text);
        previous = (size_t)(to - last);
    }
    *to++ = (char)END;
    put_le(start, (uint64_t)(to - start), 4);
    put_le(start + 4, (uint64_t)(last - start), 4);
    put_le(start + 8, n_entries < 65535 ? n_entries : 65535, 2);
    return to;
}
