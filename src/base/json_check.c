#include "base/json_check.h"

#include <string.h>

#include "base/utf8.h"

enum { DEPTH_MAX = 64 };

struct cursor {
    const char *at, *end;
};

static bool is_one_of(char byte, const char *bytes)
{
    return byte != '\0' && strchr(bytes, byte);
}

static bool is_digit(const struct cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && is_one_of(*c->at, " \t\r\n"))
        c->at++;
}

static bool take_hex4(struct cursor *c)
{
    for (int i = 0; i < 4; i++, c->at++) {
        char lower = c->at < c->end ? slc_ascii_lower(*c->at) : '\0';

        if (!(lower >= '0' && lower <= '9') && !(lower >= 'a' && lower <= 'f'))
            return false;
    }
    return true;
}

static bool take_string(struct cursor *c)
{
    if (!take(c, '"'))
        return false;
    while (c->at < c->end) {
        unsigned char byte = (unsigned char)*c->at;

        if (byte < 0x20)
            return false;
        c->at++;
        if (byte == '"')
            return true;
        if (byte != '\\')
            continue;
        if (take(c, 'u')) {
            if (!take_hex4(c))
                return false;
        } else if (c->at == c->end || !is_one_of(*c->at, "\"\\/bfnrt")) {
            return false;
        } else {
            c->at++;
        }
    }
    return false;
}

static bool take_digits(struct cursor *c)
{
    if (!is_digit(c))
        return false;
    while (is_digit(c))
        c->at++;
    return true;
}

static bool take_number(struct cursor *c)
{
    (void)take(c, '-');
    if (!take(c, '0') && !take_digits(c))
        return false;
    if (take(c, '.') && !take_digits(c))
        return false;
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '-'))
            (void)take(c, '+');
        return take_digits(c);
    }
    return true;
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool take_scalar(struct cursor *c)
{
    switch (c->at < c->end ? *c->at : '\0') {
    case '"':
        return take_string(c);
    case 't':
        return take_word(c, "true");
    case 'f':
        return take_word(c, "false");
    case 'n':
        return take_word(c, "null");
    default:
        return take_number(c);
    }
}

/* A member's name and colon, in an object. */
static bool take_name(struct cursor *c)
{
    skip_space(c);
    if (!take_string(c))
        return false;
    skip_space(c);
    if (!take(c, ':'))
        return false;
    skip_space(c);
    return true;
}

/* One value and all that is in it, with a stack of closing brackets. */
static bool take_value(struct cursor *c, unsigned max_depth)
{
    char closers[DEPTH_MAX];
    unsigned depth = 0;

    for (;;) {
        bool array;

        skip_space(c);
        array = c->at < c->end && *c->at == '[';
        if (array || (c->at < c->end && *c->at == '{')) {
            if (depth == max_depth)
                return false;
            c->at++;
            closers[depth++] = array ? ']' : '}';
            skip_space(c);
            if (!take(c, closers[depth - 1])) {
                if (!array && !take_name(c))
                    return false;
                continue;
            }
            depth--;
        } else if (!take_scalar(c)) {
            return false;
        }
        /* A value is over: close what ends here, or go on behind a comma. */
        for (;;) {
            if (depth == 0)
                return true;
            skip_space(c);
            if (take(c, ','))
                break;
            if (!take(c, closers[depth - 1]))
                return false;
            depth--;
        }
        if (closers[depth - 1] == '}' && !take_name(c))
            return false;
    }
}

bool slc_json_check(struct slc_str text, unsigned max_depth, size_t *ret_position)
{
    struct cursor c = {.at = text.data, .end = text.data + text.len};
    size_t valid = slc_utf8_valid_prefix(text.data, text.len);
    bool ok;

    skip_space(&c);
    ok = take_value(&c, max_depth < DEPTH_MAX ? max_depth : DEPTH_MAX);
    if (ok)
        skip_space(&c);
    if (ok && c.at == c.end && valid == text.len)
        return true;
    *ret_position = (size_t)(c.at - text.data);
    if (valid < *ret_position)
        *ret_position = valid;
    return false;
}
