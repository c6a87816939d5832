#include "reader/json_text.h"

#include <stdint.h>

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

const char *slc_json_skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of "XXXX", or -1. */
static int32_t hex_unit(const char *p, const char *end)
{
    int32_t unit = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The last digit of "uXXXX", or of a pair of surrogates; a lone one is no text. */
static const char *skip_unit(const char *p, const char *end)
{
    int32_t unit = hex_unit(p + 1, end), low;

    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return NULL;
    p += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return p;
    if (end - p < 7 || p[1] != '\\' || p[2] != 'u')
        return NULL;
    low = hex_unit(p + 3, end);
    return low >= 0xdc00 && low <= 0xdfff ? p + 6 : NULL;
}

static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"')
            return p + 1;
        if (c < 0x20)
            return NULL;
        if (c != '\\')
            continue;
        p++;
        if (p == end)
            return NULL;
        if (*p == 'u') {
            p = skip_unit(p, end);
            if (!p)
                return NULL;
        } else if (*p == '\0' || !strchr("\"\\/bfnrt", *p)) {
            return NULL;
        }
    }
    return NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
    if (p == end || !is_digit(*p))
        return NULL;
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static const char *skip_number(const char *p, const char *end)
{
    p += *p == '-';
    if (p < end && *p == '0')
        p++;
    else
        p = skip_digits(p, end);
    if (p && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static const char *skip_scalar(const char *p, const char *end, enum slc_json_kind *ret_kind)
{
    switch (*p) {
    case '"':
        *ret_kind = SLC_JSON_STRING;
        return skip_string(p, end);
    case 't':
        *ret_kind = SLC_JSON_TRUE;
        return skip_word(p, end, "true");
    case 'f':
        *ret_kind = SLC_JSON_FALSE;
        return skip_word(p, end, "false");
    case 'n':
        *ret_kind = SLC_JSON_NULL;
        return skip_word(p, end, "null");
    case 'N':
        *ret_kind = SLC_JSON_NULL;
        return skip_word(p, end, "NaN");
    case 'I':
        *ret_kind = SLC_JSON_NUMBER;
        return skip_word(p, end, "Infinity");
    default:
        *ret_kind = SLC_JSON_NUMBER;
        return *p == '-' && end - p > 1 && p[1] == 'I' ? skip_word(p, end, "-Infinity")
                                                       : skip_number(p, end);
    }
}

static const char *skip_key(const char *p, const char *end)
{
    p = slc_json_skip_space(p, end);
    if (p == end || *p != '"')
        return NULL;
    p = skip_string(p, end);
    if (!p)
        return NULL;
    p = slc_json_skip_space(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* Behind a value: close what ends there. NULL: no JSON; *depth 0: all closed. */
static const char *close_levels(const char *p, const char *end, const uint64_t *is_object,
                                int *depth)
{
    while (*depth > 0) {
        bool object = is_object[(*depth - 1) / 64] >> ((*depth - 1) % 64) & 1;

        p = slc_json_skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == ',')
            return object ? skip_key(p + 1, end) : p + 1;
        if (*p != (object ? '}' : ']'))
            return NULL;
        p++;
        --*depth;
    }
    return p;
}

const char *slc_json_skip_value(const char *p, const char *end, enum slc_json_kind *ret_kind)
{
    uint64_t is_object[SLC_JSON_MAX_DEPTH / 64] = {0}; /* the levels that are open */
    enum slc_json_kind inner, *kind = ret_kind;
    int depth = 0;

    do {
        bool object;

        p = slc_json_skip_space(p, end);
        if (p == end)
            return NULL;
        object = *p == '{';
        if (object || *p == '[') {
            uint64_t bit = UINT64_C(1) << (depth % 64);

            *kind = object ? SLC_JSON_OBJECT : SLC_JSON_ARRAY;
            kind = &inner;
            if (depth == SLC_JSON_MAX_DEPTH)
                return NULL;
            if (object)
                is_object[depth / 64] |= bit;
            else
                is_object[depth / 64] &= ~bit;
            depth++;
            p = slc_json_skip_space(p + 1, end);
            if (p == end)
                return NULL;
            if (*p != (object ? '}' : ']')) {
                p = object ? skip_key(p, end) : p;
                if (!p)
                    return NULL;
                continue;
            }
            p++;
            depth--;
        } else {
            p = skip_scalar(p, end, kind);
            kind = &inner;
        }
        if (p)
            p = close_levels(p, end, is_object, &depth);
    } while (p && depth > 0);
    return p;
}

const char *slc_json_skip_member(const char *p, const char *end, struct slc_str *ret_key,
                                 struct slc_str *ret_value, enum slc_json_kind *ret_kind)
{
    const char *key = slc_json_skip_space(p, end), *key_end;

    if (key == end || *key != '"')
        return NULL;
    key_end = skip_string(key, end);
    if (!key_end)
        return NULL;
    p = slc_json_skip_space(key_end, end);
    if (p == end || *p != ':')
        return NULL;
    *ret_key = (struct slc_str){key, (size_t)(key_end - key)};
    ret_value->data = slc_json_skip_space(p + 1, end);
    p = slc_json_skip_value(ret_value->data, end, ret_kind);
    if (p)
        ret_value->len = (size_t)(p - ret_value->data);
    return p;
}

static char *write_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* "uXXXX" at p, a pair of surrogates maybe. */
static const char *unescape_unit(const char *p, const char *end, char **to)
{
    uint32_t c = (uint32_t)hex_unit(p + 1, end);

    p += 5;
    if (c >= 0xd800 && c <= 0xdbff) {
        c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex_unit(p + 2, end) - 0xdc00);
        p += 6;
    }
    *to = write_utf8(*to, c);
    return p;
}

struct slc_str slc_json_unescape(char *text, size_t len)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *p, *end = text + len - 1;
    char *to = memchr(text + 1, '\\', len - 2);

    if (!to)
        return (struct slc_str){text + 1, len - 2};
    for (p = to; p < end;) {
        const char *letter;

        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        p++;
        if (*p == 'u') {
            p = unescape_unit(p, end, &to);
            continue;
        }
        letter = strchr(letters, *p);
        *to++ = letter ? meanings[letter - letters] : *p;
        p++;
    }
    return (struct slc_str){text + 1, (size_t)(to - text - 1)};
}

size_t slc_json_compact(char *text, size_t len)
{
    char *to = text;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            const char *string_end = skip_string(text + i, text + len);

            for (; text + i < string_end; i++)
                *to++ = text[i];
            i--;
        } else if (!is_space(text[i])) {
            *to++ = text[i];
        }
    }
    return (size_t)(to - text);
}
