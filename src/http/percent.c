#include "http/percent.h"

#include <string.h>

#include "base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape at `text`, or -1 when there is none. */
static int escape(const char *text, size_t left)
{
    int high, low;

    if (left < 3 || text[0] != '%')
        return -1;
    high = hex_digit(text[1]);
    low = hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool slc_percent_decode_path(struct slc_arena *arena, struct slc_str text, struct slc_str *ret_text)
{
    char *to = slc_arena_bytes(arena, text.len + 1);
    size_t len = 0;

    if (!to)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '%') {
            int byte = escape(text.data + i, text.len - i);

            if (byte < 0)
                return false;
            c = (char)byte;
            i += 2;
        }
        if (c == '\0')
            return false;
        to[len++] = c;
    }
    to[len] = '\0';
    if (slc_utf8_valid_prefix(to, len) != len)
        return false;
    *ret_text = (struct slc_str){.data = to, .len = len};
    return true;
}

struct slc_str slc_percent_decode_form(struct slc_arena *arena, struct slc_str text)
{
    char *to = slc_arena_bytes(arena, text.len + 1);
    size_t len = 0;

    if (!to)
        return (struct slc_str){0};
    for (size_t i = 0; i < text.len; i++) {
        int byte = escape(text.data + i, text.len - i);

        if (byte >= 0) {
            to[len++] = (char)byte;
            i += 2;
        } else {
            to[len++] = (char)(text.data[i] == '+' ? ' ' : text.data[i]);
        }
    }
    to[len] = '\0';
    return (struct slc_str){.data = to, .len = len};
}
