#include "base/json_read.h"

static bool fail(struct slc_json_reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return false;
}

static bool at_byte(const struct slc_json_reader *r, char c)
{
    return r->at < r->text.len && r->text.data[r->at] == c;
}

char slc_json_read_peek(struct slc_json_reader *r)
{
    while (at_byte(r, ' ') || at_byte(r, '\n') || at_byte(r, '\t') || at_byte(r, '\r'))
        r->at++;
    return r->at < r->text.len ? r->text.data[r->at] : '\0';
}

bool slc_json_read_enter(struct slc_json_reader *r, char bracket)
{
    if (slc_json_read_peek(r) != bracket)
        return fail(r, bracket == '{' ? "an object is wanted here" : "an array is wanted here");
    r->at++;
    return true;
}

int slc_json_read_next(struct slc_json_reader *r, char closer, int64_t *n)
{
    char c = slc_json_read_peek(r);

    if (c == closer) {
        r->at++;
        return 0;
    }
    if (*n > 0) {
        if (c != ',') {
            fail(r, "a comma or the closing bracket is missing");
            return -1;
        }
        r->at++;
    }
    (*n)++;
    return 1;
}

/* ---- Strings ------------------------------------------------------------- */

static bool hex4(struct slc_json_reader *r, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    if (r->text.len - r->at < 4)
        return fail(r, "a \\u escape is cut off");
    for (int i = 0; i < 4; i++) {
        char c = slc_ascii_lower(r->text.data[r->at++]);

        if (c >= '0' && c <= '9')
            unit = unit * 16 + (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            unit = unit * 16 + (uint32_t)(c - 'a' + 10);
        else
            return fail(r, "a \\u escape needs four hexadecimal digits");
    }
    *ret_unit = unit;
    return true;
}

/* The code point of a \u escape whose "\u" is taken, both halves of a pair. */
static bool read_unicode(struct slc_json_reader *r, uint32_t *ret_code)
{
    uint32_t high, low;

    if (!hex4(r, &high))
        return false;
    *ret_code = high;
    if (high < 0xd800 || high > 0xdfff)
        return true;
    if (high > 0xdbff || r->text.len - r->at < 2 || r->text.data[r->at] != '\\' ||
        r->text.data[r->at + 1] != 'u')
        return fail(r, "half of a surrogate pair");
    r->at += 2;
    if (!hex4(r, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(r, "half of a surrogate pair");
    *ret_code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Never longer than its escape. */
static char *write_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

/* An escape behind its backslash; NULL when it is none. */
static char *read_escape(struct slc_json_reader *r, char *to)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->text.len ? r->text.data[r->at] : '\0';
    const char *letter = c ? strchr(letters, c) : NULL;
    uint32_t code;

    r->at++;
    if (letter) {
        *to++ = meanings[letter - letters];
        return to;
    }
    if (c != 'u') {
        fail(r, "an escape that JSON does not have");
        return NULL;
    }
    return read_unicode(r, &code) ? write_utf8(to, code) : NULL;
}

/* The offset of the quote that ends the string begun before r->at; 0: none. */
static size_t find_quote(const struct slc_json_reader *r)
{
    for (size_t i = r->at; i < r->text.len; i++) {
        if (r->text.data[i] == '"')
            return i;
        if (r->text.data[i] == '\\')
            i++;
    }
    return 0;
}

bool slc_json_read_string(struct slc_json_reader *r, struct slc_arena *arena,
                          struct slc_str *ret_text)
{
    size_t end;
    char *to, *start;

    if (slc_json_read_peek(r) != '"')
        return fail(r, "a text is wanted here");
    r->at++;
    end = find_quote(r);
    if (end == 0)
        return fail(r, "a text without an end");
    to = start = slc_arena_bytes(arena, end - r->at + 1);
    if (!start)
        return fail(r, "memory ran out");
    while (r->at < end) {
        char c = r->text.data[r->at++];

        if ((unsigned char)c < 0x20)
            return fail(r, "a control character in a text has to be escaped");
        if (c != '\\')
            *to++ = c;
        else if (!(to = read_escape(r, to)))
            return false;
    }
    if (r->at != end) /* a \u escape that took the quote for a digit */
        return fail(r, "a text without an end");
    r->at++;
    *to = '\0';
    *ret_text = (struct slc_str){.data = start, .len = (size_t)(to - start)};
    return true;
}

bool slc_json_read_key(struct slc_json_reader *r, struct slc_arena *arena, struct slc_str *ret_key)
{
    if (!slc_json_read_string(r, arena, ret_key))
        return false;
    if (slc_json_read_peek(r) != ':')
        return fail(r, "a colon is missing behind a key");
    r->at++;
    return true;
}

/* ---- Numbers and words ----------------------------------------------------- */

static size_t skip_digits(struct slc_json_reader *r)
{
    size_t start = r->at;

    while (r->at < r->text.len && r->text.data[r->at] >= '0' && r->text.data[r->at] <= '9')
        r->at++;
    return r->at - start;
}

bool slc_json_read_number(struct slc_json_reader *r, struct slc_str *ret_number)
{
    size_t start, first;
    char c = slc_json_read_peek(r);

    if (c != '-' && (c < '0' || c > '9'))
        return fail(r, "a number is wanted here");
    start = r->at;
    r->at += c == '-';
    first = r->at;
    if (skip_digits(r) == 0 || (r->text.data[first] == '0' && r->at - first > 1))
        return fail(r, "a number that JSON does not have");
    if (at_byte(r, '.')) {
        r->at++;
        if (skip_digits(r) == 0)
            return fail(r, "a number that JSON does not have");
    }
    if (at_byte(r, 'e') || at_byte(r, 'E')) {
        r->at++;
        r->at += at_byte(r, '+') || at_byte(r, '-');
        if (skip_digits(r) == 0)
            return fail(r, "a number that JSON does not have");
    }
    *ret_number = (struct slc_str){.data = r->text.data + start, .len = r->at - start};
    return true;
}

static bool take_word(struct slc_json_reader *r, struct slc_str word)
{
    (void)slc_json_read_peek(r);
    if (r->text.len - r->at < word.len || memcmp(r->text.data + r->at, word.data, word.len) != 0)
        return false;
    r->at += word.len;
    return true;
}

bool slc_json_read_bool(struct slc_json_reader *r, bool *ret_value)
{
    bool value = take_word(r, SLC_STR("true"));

    if (!value && !take_word(r, SLC_STR("false")))
        return fail(r, "true or false is wanted here");
    *ret_value = value;
    return true;
}

bool slc_json_read_null(struct slc_json_reader *r)
{
    return take_word(r, SLC_STR("null")) || fail(r, "null is wanted here");
}

bool slc_json_read_end(struct slc_json_reader *r)
{
    (void)slc_json_read_peek(r);
    return r->at == r->text.len || fail(r, "there is more behind the end of the document");
}
