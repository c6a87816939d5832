#include "prep/json_repair.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"

enum mode { MODE_JSON, MODE_PYTHON, MODE_LOOSE };

struct machine {
    const char *p; /* where we are in the text */
    const char *end;
    char *to;    /* where the next byte goes, in out's room */
    char *limit; /* the end of that room */
    struct slc_buf *out;
    unsigned depth;
    char kinds[SLC_JSON_REPAIR_MAX_DEPTH + 1];    /* the open brackets: { [ ( */
    bool commas[SLC_JSON_REPAIR_MAX_DEPTH + 1];   /* a comma was seen in it; tells (1) from (1,) */
    size_t starts[SLC_JSON_REPAIR_MAX_DEPTH + 1]; /* of a (: its place in out */
};

/* ---- output ---- */

static bool grow(struct machine *m, size_t extra)
{
    char *at;

    m->out->len = (size_t)(m->to - m->out->data);
    /* The rest of the text will want room, too; asked for now, it comes at once. */
    at = slc_buf_reserve(m->out, extra + (size_t)(m->end - m->p));
    if (!at)
        return false;
    m->to = at;
    m->limit = m->out->data + m->out->capacity;
    return true;
}

/* Room for `n` bytes more. */
static inline bool room(struct machine *m, size_t n)
{
    return (size_t)(m->limit - m->to) >= n || grow(m, n);
}

static inline bool put(struct machine *m, char c)
{
    if (!room(m, 1))
        return false;
    *m->to++ = c;
    return true;
}

static inline bool put_bytes(struct machine *m, const char *bytes, size_t len)
{
    if (!room(m, len))
        return false;
    memcpy(m->to, bytes, len);
    m->to += len;
    return true;
}

static inline bool put_text(struct machine *m, const char *text)
{
    return put_bytes(m, text, strlen(text));
}

/* One code point inside a JSON string. */
static bool put_code_point(struct machine *m, uint32_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    if (!room(m, 6))
        return false;
    if (c < 0x20 || c == '"' || c == '\\' || (c >= 0xd800 && c <= 0xdfff)) {
        *m->to++ = '\\';
        for (const char *s = shorts; *s; s += 2)
            if ((uint32_t)*s == c) {
                *m->to++ = s[1];
                return true;
            }
        *m->to++ = 'u';
        for (int shift = 12; shift >= 0; shift -= 4)
            *m->to++ = hex[(c >> shift) & 15];
    } else if (c < 0x80) {
        *m->to++ = (char)c;
    } else if (c < 0x800) {
        *m->to++ = (char)(0xc0 | (c >> 6));
        *m->to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *m->to++ = (char)(0xe0 | (c >> 12));
        *m->to++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *m->to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *m->to++ = (char)(0xf0 | (c >> 18));
        *m->to++ = (char)(0x80 | ((c >> 12) & 0x3f));
        *m->to++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *m->to++ = (char)(0x80 | (c & 0x3f));
    }
    return true;
}

/* ---- character classes ---- */

enum {
    STOP_DOUBLE = 1, /* ends a run inside double quotes: " \ and controls */
    STOP_SINGLE = 2, /* the same inside single quotes: ' " \ and controls */
    SPACE_JSON = 4,
    SPACE_PYTHON = 8,
    WORD = 16, /* may be part of a name or number: letters, digits, _ and what is no ASCII */
    DIGIT = 32,
};

static const uint8_t classes[256] = {
    [0x00 ... 0x08] = STOP_DOUBLE | STOP_SINGLE,
    ['\t' ... '\n'] = STOP_DOUBLE | STOP_SINGLE | SPACE_JSON | SPACE_PYTHON,
    ['\v'] = STOP_DOUBLE | STOP_SINGLE,
    ['\f'] = STOP_DOUBLE | STOP_SINGLE | SPACE_PYTHON,
    ['\r'] = STOP_DOUBLE | STOP_SINGLE | SPACE_JSON | SPACE_PYTHON,
    [0x0e ... 0x1f] = STOP_DOUBLE | STOP_SINGLE,
    [' '] = SPACE_JSON | SPACE_PYTHON,
    ['"'] = STOP_DOUBLE | STOP_SINGLE,
    ['\''] = STOP_SINGLE,
    ['\\'] = STOP_DOUBLE | STOP_SINGLE,
    ['0' ... '9'] = WORD | DIGIT,
    ['A' ... 'Z'] = WORD,
    ['_'] = WORD,
    ['a' ... 'z'] = WORD,
    [0x80 ... 0xff] = WORD,
};

static inline bool is(char c, int class)
{
    return (classes[(unsigned char)c] & class) != 0;
}

static inline bool at(const struct machine *m, char c)
{
    return m->p < m->end && *m->p == c;
}

static inline bool at_class(const struct machine *m, int class)
{
    return m->p < m->end && is(*m->p, class);
}

/* Comments and lines that a backslash goes on with: white space to Python. */
static bool skip_odd_space(struct machine *m)
{
    if (at(m, '#')) {
        while (m->p < m->end && *m->p != '\n' && *m->p != '\r')
            m->p++;
        return true;
    }
    if (at(m, '\\') && m->end - m->p >= 2 && (m->p[1] == '\n' || m->p[1] == '\r')) {
        m->p += 2;
        return true;
    }
    return false;
}

static inline void skip_space(struct machine *m, const enum mode mode)
{
    do
        while (at_class(m, mode == MODE_JSON ? SPACE_JSON : SPACE_PYTHON))
            m->p++;
    while (mode == MODE_PYTHON && m->p < m->end && (*m->p == '#' || *m->p == '\\') &&
           skip_odd_space(m));
}

/* ---- texts ---- */

/* Copy up to the next byte of the class `stop`. */
static inline bool copy_run(struct machine *m, int stop)
{
    const char *run = m->p;
    const char *p = run;
    size_t len;

    while (p < m->end && !is(*p, stop))
        p++;
    len = (size_t)(p - run);
    m->p = p;
    /* Sixteen bytes at once cost less than a call; what is too many of them is
     * written over. */
    if (len <= 16 && m->end - run >= 16) {
        if (!room(m, 16))
            return false;
        memcpy(m->to, run, 16);
        m->to += len;
        return true;
    }
    return put_bytes(m, run, len);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly `n` hexadecimal digits at `p`. */
static bool read_hex(const struct machine *m, const char *p, int n, uint32_t *ret_value)
{
    uint32_t value = 0;

    if (m->end - p < n)
        return false;
    for (int i = 0; i < n; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

/* A JSON string at its quote, copied as it is. */
static inline bool json_string(struct machine *m)
{
    uint32_t ignored;

    m->p++;
    if (!put(m, '"'))
        return false;
    for (;;) {
        size_t len = 2;

        if (!copy_run(m, STOP_DOUBLE) || m->p == m->end)
            return false;
        if (*m->p == '"') {
            m->p++;
            return put(m, '"');
        }
        if (*m->p != '\\' || m->end - m->p < 2)
            return false;
        if (m->p[1] == 'u') {
            if (!read_hex(m, m->p + 2, 4, &ignored))
                return false;
            len = 6;
        } else if (!m->p[1] || !strchr("\"\\/bfnrt", m->p[1])) {
            return false;
        }
        if (!put_bytes(m, m->p, len))
            return false;
        m->p += len;
    }
}

/* How a Python text is written. */
struct literal {
    char quote;
    bool triple, raw, bytes;
};

/* The prefix and opening quotes at hand; nothing is taken when it is no text. */
static inline bool open_literal(struct machine *m, const enum mode mode, struct literal *literal)
{
    const char *p = m->p;

    *literal = (struct literal){0};
    for (int i = 0; i < 2 && p < m->end && is(*p, WORD); i++, p++) {
        char c = slc_ascii_lower(*p);

        if (c == 'u' && i == 0 && m->end - p >= 2 && !is(p[1], WORD))
            continue;
        if (c == 'b' && !literal->bytes)
            literal->bytes = true;
        else if (c == 'r' && !literal->raw)
            literal->raw = true;
        else
            return false;
    }
    if (p >= m->end || (*p != '\'' && *p != '"'))
        return false;
    literal->quote = *p++;
    if (mode == MODE_PYTHON && m->end - p >= 2 && p[0] == literal->quote &&
        p[1] == literal->quote) {
        literal->triple = true;
        p += 2;
    }
    m->p = p;
    return true;
}

/* A backslash that means itself. */
static bool put_backslash(struct machine *m)
{
    m->p++;
    return put_bytes(m, "\\\\", 2);
}

static bool put_unit(struct machine *m, const struct literal *literal, uint32_t c)
{
    return literal->bytes && c >= 0x80 ? put(m, (char)c) : put_code_point(m, c);
}

/* \x, \u and \U with their digits. */
static bool hex_escape(struct machine *m, const enum mode mode, const struct literal *literal)
{
    int n = m->p[1] == 'x' ? 2 : m->p[1] == 'u' ? 4 : 8;
    uint32_t c;

    if (n > 2 && literal->bytes)
        return put_backslash(m);
    if (!read_hex(m, m->p + 2, n, &c) || c > 0x10ffff)
        return mode == MODE_LOOSE && put_backslash(m);
    m->p += 2 + n;
    return put_unit(m, literal, c);
}

static bool octal_escape(struct machine *m, const struct literal *literal)
{
    uint32_t c = 0;

    m->p++;
    for (int i = 0; i < 3 && m->p < m->end && *m->p >= '0' && *m->p <= '7'; i++)
        c = c * 8 + (uint32_t)(*m->p++ - '0');
    return put_unit(m, literal, literal->bytes ? c & 0xff : c);
}

/* Python reads its source with every line break as \n. */
static bool line_break(struct machine *m)
{
    if (*m->p++ == '\r' && at(m, '\n'))
        m->p++;
    return put_bytes(m, "\\n", 2);
}

/* In a raw text a backslash keeps the quote behind it from closing, no more. */
static bool raw_escape(struct machine *m)
{
    char next = m->p[1];

    if (!put_backslash(m))
        return false;
    if (next == '\n' || next == '\r')
        return line_break(m);
    if (next != '\\' && next != '"' && next != '\'')
        return true;
    m->p++;
    return put_code_point(m, (unsigned char)next);
}

static bool python_escape(struct machine *m, const enum mode mode, const struct literal *literal)
{
    static const char named[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    char c;

    if (m->end - m->p < 2)
        return false;
    if (literal->raw)
        return raw_escape(m);
    c = m->p[1];
    for (const char *name = named; *name; name += 2)
        if (*name == c) {
            m->p += 2;
            return put_code_point(m, (unsigned char)name[1]);
        }
    if (c >= '0' && c <= '7')
        return octal_escape(m, literal);
    if (c == 'x' || c == 'u' || c == 'U')
        return hex_escape(m, mode, literal);
    /* \N{DASH} would need the names of all characters. */
    if (c == 'N' && !literal->bytes &&
        (mode == MODE_PYTHON || (m->end - m->p >= 3 && m->p[2] == '{')))
        return false;
    if (c == '\n' || c == '\r') {
        m->p += c == '\r' && m->end - m->p >= 3 && m->p[2] == '\n' ? 3 : 2;
        return true;
    }
    if (c == '/' && mode == MODE_LOOSE) {
        m->p += 2;
        return put(m, '/');
    }
    return put_backslash(m);
}

/* A control character as it stands in a text. */
static bool raw_control(struct machine *m, const enum mode mode, const struct literal *literal)
{
    char c = *m->p;

    if (mode == MODE_PYTHON && c == '\0')
        return false;
    if (mode == MODE_PYTHON && (c == '\n' || c == '\r'))
        return literal->triple && line_break(m);
    m->p++;
    return put_code_point(m, (unsigned char)c);
}

/* ---- is this quote the closing one? (loose texts only) ---- */

static const char *behind_space(const struct machine *m, const char *p)
{
    while (p < m->end && is(*p, SPACE_PYTHON))
        p++;
    return p;
}

static bool is_quoted(const struct machine *m, const char *p)
{
    if (p < m->end && (*p == 'u' || *p == 'b' || *p == 'r'))
        p++;
    return p < m->end && (*p == '\'' || *p == '"');
}

/* Behind one of the names that stand for a value; NULL when there is none. */
static const char *behind_word(const struct machine *m, const char *p)
{
    static const char *const words[] = {"None",  "True", "False", "null", "true",
                                        "false", "nan",  "NaN",   "inf",  "Infinity"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if ((size_t)(m->end - p) > len && memcmp(p, words[i], len) == 0 && !is(p[len], WORD))
            return p + len;
    }
    return NULL;
}

static bool begins_value(const struct machine *m, const char *p)
{
    return p < m->end && (is_quoted(m, p) || is(*p, DIGIT) || memchr("{[(-+.", *p, 6) != NULL ||
                          behind_word(m, p) != NULL);
}

static bool begins_key(const struct machine *m, const char *p)
{
    if (p >= m->end)
        return false;
    if (is_quoted(m, p) || is(*p, DIGIT) || memchr("-+.", *p, 3))
        return true;
    p = behind_word(m, p);
    if (!p)
        return false;
    p = behind_space(m, p);
    return p < m->end && *p == ':';
}

static char closer_of(char kind)
{
    return kind == '{' ? '}' : kind == '[' ? ']' : ')';
}

/* What stands behind the quote (at `p`) may stand behind a text here. Only
 * white space is passed over, so that all of these looks together are linear. */
static bool may_close(const struct machine *m, const char *p, bool is_key)
{
    char kind = m->kinds[m->depth], closer = closer_of(kind);

    p = behind_space(m, p);
    if (p >= m->end)
        return false;
    if (is_key)
        return *p == ':';
    if (*p == ',') {
        p = behind_space(m, p + 1);
        if (p < m->end && *p == closer)
            return true;
        return kind == '{' ? begins_key(m, p) : begins_value(m, p);
    }
    if (*p != closer)
        return false;
    /* An opening bracket may not follow either; but then two values were glued
     * together, and the one must not swallow the other as text. */
    p = behind_space(m, p + 1);
    return p >= m->end ? m->depth == 1 : memchr(",}]){[(", *p, 7) != NULL;
}

/* From behind the opening quote to behind the closing one. */
static inline bool literal_body(struct machine *m, const enum mode mode,
                                const struct literal *literal, bool is_key)
{
    const char quote = literal->quote;
    const int stop = quote == '"' ? STOP_DOUBLE : STOP_SINGLE;

    for (;;) {
        bool good;

        if (!copy_run(m, stop) || m->p == m->end)
            return false;
        if (*m->p == quote) {
            if (literal->triple && m->end - m->p >= 3 && m->p[1] == quote && m->p[2] == quote) {
                m->p += 3;
                return true;
            }
            if (!literal->triple && (mode != MODE_LOOSE || may_close(m, m->p + 1, is_key))) {
                m->p++;
                return true;
            }
        }
        if (*m->p == '\\')
            good = python_escape(m, mode, literal);
        else if ((unsigned char)*m->p < 0x20)
            good = raw_control(m, mode, literal);
        else
            good = put_code_point(m, (unsigned char)*m->p++);
        if (!good)
            return false;
    }
}

/* A text and those that stand right behind it, as one JSON string. The first
 * one's opening is read already. */
static inline bool python_string(struct machine *m, const enum mode mode, struct literal literal,
                                 bool is_key)
{
    const bool bytes = literal.bytes;
    size_t start = (size_t)(m->to - m->out->data);

    if (!put(m, '"'))
        return false;
    do {
        const char *from = m->p;

        if (literal.bytes != bytes || !literal_body(m, mode, &literal, is_key))
            return false;
        for (; bytes && mode == MODE_PYTHON && from < m->p; from++)
            if ((unsigned char)*from >= 0x80)
                return false;
        if (mode == MODE_PYTHON)
            skip_space(m, mode);
    } while (mode == MODE_PYTHON && m->p < m->end && is(*m->p, STOP_SINGLE | WORD) &&
             open_literal(m, mode, &literal));
    if (bytes &&
        slc_utf8_valid_prefix(m->out->data + start, (size_t)(m->to - m->out->data) - start) !=
            (size_t)(m->to - m->out->data) - start)
        return false;
    return put(m, '"');
}

/* ---- numbers and words ---- */

/* Digits with single underscores between them, copied without these. */
static inline size_t copy_digits(struct machine *m, const enum mode mode)
{
    char *start = m->to;

    while (m->p < m->end) {
        if (is(*m->p, DIGIT))
            *m->to++ = *m->p++;
        else if (mode != MODE_JSON && *m->p == '_' && m->to > start && m->end - m->p >= 2 &&
                 is(m->p[1], DIGIT))
            m->p++;
        else
            break;
    }
    return (size_t)(m->to - start);
}

/* 0x, 0o and 0b up to 64 bits. */
static bool radix_number(struct machine *m, char *start)
{
    char letter = slc_ascii_lower(m->p[1]);
    uint64_t radix = letter == 'x' ? 16 : letter == 'o' ? 8 : 2, value = 0;
    bool digits = false;

    for (m->p += 2; m->p < m->end; m->p++, digits = true) {
        int digit;

        if (*m->p == '_' && m->end - m->p >= 2)
            m->p++;
        digit = hex_digit(*m->p);
        if (digit < 0 || (uint64_t)digit >= radix)
            break;
        if (value > (UINT64_MAX - (uint64_t)digit) / radix)
            return false;
        value = value * radix + (uint64_t)digit;
    }
    if (!digits || at_class(m, WORD) || m->p[-1] == '_' || at(m, '.'))
        return false;
    if (value == 0)
        m->to = start; /* no minus zero */
    m->to = slc_write_uint64(m->to, value);
    return true;
}

static char *fill(char *to, const char *bytes, int n)
{
    memcpy(to, bytes, (size_t)n);
    return to + n;
}

/* A finite double's shortest digits laid out as Python's repr() does: as they
 * are for exponents from -4 to 15, else with an exponent of two digits. */
static char *write_python_float(char *to, double value)
{
    char shortest[SLC_NUM_TEXT_BYTES], digits[SLC_NUM_TEXT_BYTES];
    char *end = slc_write_double(shortest, value);
    int n = 0, point = 0, exponent = 0;
    bool fraction = false;

    for (const char *p = shortest; p < end; p++) {
        if (*p == 'e') {
            int64_t parsed = 0;

            if (slc_parse_int64(p + 1, (size_t)(end - p - 1), &parsed))
                exponent = (int)parsed;
            break;
        }
        if (*p == '-')
            *to++ = '-';
        else if (*p == '.')
            fraction = true;
        else if (n > 0 || *p != '0') {
            digits[n++] = *p;
            point += !fraction;
        } else {
            point -= fraction; /* a zero behind the point, before any digit */
        }
    }
    point += exponent;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (n == 0)
        return fill(to, "0.0", 3);
    if (point > 16 || point <= -4) {
        *to++ = digits[0];
        if (n > 1) {
            *to++ = '.';
            to = fill(to, digits + 1, n - 1);
        }
        *to++ = 'e';
        exponent = point - 1;
        *to++ = exponent < 0 ? '-' : '+';
        exponent = exponent < 0 ? -exponent : exponent;
        if (exponent < 10)
            *to++ = '0';
        return slc_write_int64(to, exponent);
    }
    if (point <= 0) {
        to = fill(to, "0.", 2);
        for (; point < 0; point++)
            *to++ = '0';
        return fill(to, digits, n);
    }
    to = fill(to, digits, n < point ? n : point);
    for (int i = n; i < point; i++)
        *to++ = '0';
    *to++ = '.';
    return n > point ? fill(to, digits + point, n - point) : fill(to, "0", 1);
}

/* A number of Python's made one of JSON's: [start, m->to) is its text with the
 * sign in front, without underscores and with digits around its point. */
static bool finish_python_number(struct machine *m, size_t n_int, bool is_float, bool exponent,
                                 char *start, bool is_key)
{
    char *digits = start + (*start == '-');
    size_t zeros = 0;
    double value;

    while (zeros + 1 < n_int && digits[zeros] == '0')
        zeros++;
    if (zeros > 0) {
        /* 007 is no integer, 000 and 00.5 are numbers. */
        if (!is_float && digits[zeros] != '0')
            return false;
        memmove(digits, digits + zeros, (size_t)(m->to - digits) - zeros);
        m->to -= zeros;
    }
    if (!is_float) {
        if (*start == '-' && *digits == '0') {
            *start = '0';
            m->to = start + 1;
        }
        return true;
    }
    if (!is_key && !exponent && n_int <= 300)
        return true;
    if (!slc_parse_double(start, (size_t)(m->to - start), &value))
        return false;
    if (isinf(value)) {
        const char *text = !is_key ? "null" : value < 0 ? "-Infinity" : "Infinity";

        m->to = fill(start, text, (int)strlen(text));
    } else if (is_key) {
        m->to = write_python_float(start, value);
    }
    return true;
}

static bool word(struct machine *m, const enum mode mode, bool is_key, bool is_signed);

static inline bool number(struct machine *m, const enum mode mode, bool is_key)
{
    bool is_float = false, exponent = false;
    size_t n_int, n_fraction;
    char *start;

    /* Enough for all that follows: a number is never longer than the rest of
     * the text but for what a key or an odd notation adds. */
    if (!room(m, (size_t)(m->end - m->p) + 64))
        return false;
    start = m->to;
    if (at(m, '-') || (mode != MODE_JSON && at(m, '+'))) {
        if (*m->p++ == '-')
            *m->to++ = '-';
        if (mode != MODE_JSON)
            skip_space(m, mode);
        if (mode == MODE_LOOSE && at_class(m, WORD) && !at_class(m, DIGIT)) {
            /* The sign is kept by the key "-Infinity" alone. */
            if (!is_key || slc_ascii_lower(*m->p) != 'i')
                m->to = start;
            return word(m, mode, is_key, true);
        }
    }
    if (mode != MODE_JSON && at(m, '0') && m->end - m->p >= 2 && memchr("xXoObB", m->p[1], 6))
        return radix_number(m, start);
    n_int = copy_digits(m, mode);
    if (n_int > 1 && mode == MODE_JSON && m->to[-(ptrdiff_t)n_int] == '0')
        return false;
    if (at(m, '.')) {
        m->p++;
        is_float = true;
        if (n_int == 0)
            *m->to++ = '0';
        *m->to++ = '.';
        n_fraction = copy_digits(m, mode);
        if (n_fraction == 0)
            *m->to++ = '0';
        if (mode == MODE_JSON ? !n_int || !n_fraction : !n_int && !n_fraction)
            return false;
    } else if (n_int == 0) {
        return false;
    }
    if (at(m, 'e') || at(m, 'E')) {
        is_float = exponent = true;
        *m->to++ = *m->p++;
        if (at(m, '+') || at(m, '-'))
            *m->to++ = *m->p++;
        if (copy_digits(m, mode) == 0)
            return false;
    }
    if (at_class(m, WORD) || at(m, '.'))
        return false;
    return mode == MODE_JSON || finish_python_number(m, n_int, is_float, exponent, start, is_key);
}

/* Names that stand for a value; `is_signed`: behind a sign. */
static bool word(struct machine *m, const enum mode mode, bool is_key, bool is_signed)
{
    enum { JSON = 1, PYTHON = 2, NUMBER = 4 };
    static const struct {
        const char *name, *value, *key;
        int in;
    } words[] = {
        {"null", "null", "null", JSON},           {"true", "true", "true", JSON},
        {"false", "false", "false", JSON},        {"None", "null", "null", PYTHON},
        {"True", "true", "true", PYTHON},         {"False", "false", "false", PYTHON},
        {"nan", "null", "NaN", NUMBER},           {"inf", "null", "Infinity", NUMBER},
        {"infinity", "null", "Infinity", NUMBER}, {"nat", "null", "null", 0},
        {"undefined", "null", "null", 0},
    };
    struct slc_str name = {.data = m->p, .len = 0};

    while (m->p < m->end && is(*m->p, WORD))
        m->p++;
    name.len = (size_t)(m->p - name.data);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct slc_str known = slc_str_from(words[i].name);

        if (mode == MODE_LOOSE ? !slc_str_eq_nocase(name, known) : !slc_str_eq(name, known))
            continue;
        if (mode == MODE_LOOSE ? is_signed && words[i].in != NUMBER
                               : words[i].in != (mode == MODE_JSON ? JSON : PYTHON))
            return false;
        return put_text(m, is_key ? words[i].key : words[i].value);
    }
    return false;
}

/* ---- structure ---- */

enum state { STATE_VALUE, STATE_KEY, STATE_BEHIND, STATE_DONE };

static inline bool scalar(struct machine *m, const enum mode mode, bool is_key)
{
    struct literal literal;
    char c = *m->p;

    if (c == '"' && mode == MODE_JSON)
        return json_string(m);
    if (mode == MODE_JSON && is_key)
        return false;
    if (mode != MODE_JSON && is(c, STOP_SINGLE | WORD) && !is(c, DIGIT) &&
        open_literal(m, mode, &literal))
        return python_string(m, mode, literal, is_key);
    if (is_key && !put(m, '"'))
        return false;
    if (is(c, DIGIT) || c == '-' || (mode != MODE_JSON && (c == '+' || c == '.'))) {
        if (!number(m, mode, is_key))
            return false;
    } else if (!is(c, WORD) || !word(m, mode, is_key, false)) {
        return false;
    }
    return !is_key || put(m, '"');
}

static inline bool open_bracket(struct machine *m, const enum mode mode, enum state *state)
{
    char kind = *m->p++;

    skip_space(m, mode);
    if (m->depth == SLC_JSON_REPAIR_MAX_DEPTH)
        return false;
    if (at(m, closer_of(kind))) {
        m->p++;
        *state = STATE_BEHIND;
        return put_bytes(m, kind == '{' ? "{}" : "[]", 2);
    }
    m->depth++;
    m->kinds[m->depth] = kind;
    m->commas[m->depth] = false;
    m->starts[m->depth] = (size_t)(m->to - m->out->data);
    *state = kind == '{' ? STATE_KEY : STATE_VALUE;
    return put(m, kind == '{' ? '{' : '[');
}

static inline bool close_bracket(struct machine *m)
{
    char kind = m->kinds[m->depth];
    size_t start = m->starts[m->depth];

    m->p++;
    if (kind == '(' && !m->commas[m->depth]) {
        /* Brackets around one value are no tuple: take the [ away again. */
        char *from = m->out->data + start;

        memmove(from, from + 1, (size_t)(m->to - from) - 1);
        m->to--;
        m->depth--;
        return true;
    }
    m->depth--;
    return put(m, kind == '{' ? '}' : ']');
}

/* Outside of all brackets: the end, or the comma of a tuple without any. */
static bool behind_all(struct machine *m, const enum mode mode, enum state *state)
{
    if (m->p == m->end) {
        *state = STATE_DONE;
        return !m->commas[0] || put(m, ']');
    }
    if (mode != MODE_PYTHON || *m->p != ',')
        return false;
    m->p++;
    if (!m->commas[0]) {
        char *from;

        if (!room(m, 1))
            return false;
        from = m->out->data + m->starts[0];
        memmove(from + 1, from, (size_t)(m->to - from));
        *from = '[';
        m->to++;
        m->commas[0] = true;
    }
    skip_space(m, mode);
    *state = m->p == m->end ? STATE_BEHIND : STATE_VALUE;
    return m->p == m->end || put(m, ',');
}

static inline bool behind(struct machine *m, const enum mode mode, enum state *state)
{
    char kind;

    skip_space(m, mode);
    if (m->depth == 0)
        return behind_all(m, mode, state);
    if (m->p == m->end)
        return false;
    kind = m->kinds[m->depth];
    if (*m->p == ',') {
        m->p++;
        skip_space(m, mode);
        m->commas[m->depth] = true;
        if (mode == MODE_JSON || !at(m, closer_of(kind))) {
            *state = kind == '{' ? STATE_KEY : STATE_VALUE;
            return put(m, ',');
        }
    }
    return *m->p == closer_of(kind) && close_bracket(m);
}

static inline bool key(struct machine *m, const enum mode mode)
{
    if (!scalar(m, mode, true))
        return false;
    skip_space(m, mode);
    if (!at(m, ':'))
        return false;
    m->p++;
    skip_space(m, mode);
    return put(m, ':');
}

static inline __attribute__((always_inline)) bool run(struct machine *m, struct slc_str text,
                                                      const enum mode mode)
{
    enum state state = STATE_VALUE;

    m->p = text.data;
    m->end = text.data + text.len;
    m->to = m->out->data + m->starts[0];
    m->depth = 0;
    m->commas[0] = false;
    skip_space(m, mode);
    if (mode == MODE_LOOSE && !at(m, '{') && !at(m, '[') && !at(m, '('))
        return false;
    while (state != STATE_DONE) {
        bool good;

        if (state == STATE_BEHIND) {
            if (!behind(m, mode, &state))
                return false;
            continue;
        }
        if (m->p == m->end)
            return false;
        if (state == STATE_KEY) {
            good = key(m, mode);
            state = STATE_VALUE;
        } else if (*m->p == '{' || *m->p == '[' || (mode != MODE_JSON && *m->p == '(')) {
            good = open_bracket(m, mode, &state);
        } else {
            good = scalar(m, mode, false);
            state = STATE_BEHIND;
        }
        if (!good)
            return false;
    }
    return true;
}

bool slc_json_repair(struct slc_str text, struct slc_buf *out)
{
    struct machine m;
    size_t start = out->len;

    if (text.len == 0 || !slc_utf8_is_valid(text))
        return false;
    /* Enough but for text that grows on the way. */
    if (!slc_buf_reserve(out, text.len + 64))
        return false;
    m.out = out;
    m.limit = out->data + out->capacity;
    m.starts[0] = start;
    if (run(&m, text, MODE_JSON) || run(&m, text, MODE_PYTHON) || run(&m, text, MODE_LOOSE)) {
        out->len = (size_t)(m.to - out->data);
        return true;
    }
    out->len = start;
    return false;
}

bool slc_json_looks_like(struct slc_str first_value)
{
    size_t i = 0;

    while (i < first_value.len && is(first_value.data[i], SPACE_PYTHON))
        i++;
    return i < first_value.len && (first_value.data[i] == '{' || first_value.data[i] == '[');
}
