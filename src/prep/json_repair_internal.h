/* What the files of json_repair share; for them alone.
 *
 * One machine walks the text and writes JSON into a buffer as it goes.
 * json_repair.c has the structure (brackets, commas, colons), the others texts
 * and numbers. Every function that returns bool gives false when the text is
 * not of the mode, or when memory ran out; the walk is over then. */
#ifndef SLC_PREP_JSON_REPAIR_INTERNAL_H
#define SLC_PREP_JSON_REPAIR_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include "prep/json_repair.h"

enum slc_repair_mode { SLC_REPAIR_JSON, SLC_REPAIR_PYTHON, SLC_REPAIR_LOOSE };

struct slc_repair {
    const char *p; /* where we are in the text */
    const char *end;
    char *to;    /* where the next byte goes, in out's room */
    char *limit; /* the end of that room */
    struct slc_buf *out;
    unsigned depth;                               /* 0 is outside of all brackets */
    char kinds[SLC_JSON_REPAIR_MAX_DEPTH + 1];    /* the open brackets: { [ ( */
    bool commas[SLC_JSON_REPAIR_MAX_DEPTH + 1];   /* a comma was seen in it; tells (1) from (1,) */
    size_t starts[SLC_JSON_REPAIR_MAX_DEPTH + 1]; /* of a (: its place in out */
};

/* ---- json_repair.c ---- */

bool slc_repair_grow(struct slc_repair *m, size_t extra);

/* ---- output ---- */

/* Room for `n` bytes more. */
static inline bool room(struct slc_repair *m, size_t n)
{
    return (size_t)(m->limit - m->to) >= n || slc_repair_grow(m, n);
}

static inline bool put(struct slc_repair *m, char c)
{
    if (!room(m, 1))
        return false;
    *m->to++ = c;
    return true;
}

static inline bool put_bytes(struct slc_repair *m, const char *bytes, size_t len)
{
    if (!room(m, len))
        return false;
    memcpy(m->to, bytes, len);
    m->to += len;
    return true;
}

static inline bool put_text(struct slc_repair *m, const char *text)
{
    return put_bytes(m, text, strlen(text));
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

static inline bool is_one_of(char c, const char *list)
{
    return c != '\0' && strchr(list, c) != NULL;
}

static inline bool at(const struct slc_repair *m, char c)
{
    return m->p < m->end && *m->p == c;
}

static inline bool at_class(const struct slc_repair *m, int class)
{
    return m->p < m->end && is(*m->p, class);
}

/* Comments and lines that a backslash goes on with: white space to Python. */
static inline bool skip_odd_space(struct slc_repair *m)
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

static inline void skip_space(struct slc_repair *m, enum slc_repair_mode mode)
{
    do
        while (at_class(m, mode == SLC_REPAIR_JSON ? SPACE_JSON : SPACE_PYTHON))
            m->p++;
    while (mode == SLC_REPAIR_PYTHON && m->p < m->end && (*m->p == '#' || *m->p == '\\') &&
           skip_odd_space(m));
}

static inline char closer_of(char kind)
{
    return kind == '{' ? '}' : kind == '[' ? ']' : ')';
}

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- json_repair_text.c ---- */

/* How a Python text is written. */
struct slc_literal {
    char quote;
    bool triple, raw, bytes;
};

/* A JSON string at its quote, copied as it is. */
bool slc_repair_json_string(struct slc_repair *m);

/* Take the prefix and opening quotes at hand; nothing when there are none. */
bool slc_repair_open_literal(struct slc_repair *m, enum slc_repair_mode mode,
                             struct slc_literal *literal);

/* The usual text of a Python literal, at its single quote: nothing in it means anything
 * but itself, and a comma, a colon or a closing bracket follows at once. Nothing is
 * taken when it is another. */
bool slc_repair_plain_string(struct slc_repair *m);

/* A text, whose opening is read already, and those that stand right behind it,
 * as one JSON string. */
bool slc_repair_python_string(struct slc_repair *m, enum slc_repair_mode mode,
                              struct slc_literal literal, bool is_key);

/* ---- json_repair_number.c ---- */

/* A number with its sign; as a key, what Python's str() makes of it. */
bool slc_repair_number(struct slc_repair *m, enum slc_repair_mode mode, bool is_key);

/* A name that stands for a value; `is_signed`: behind a sign. */
bool slc_repair_word(struct slc_repair *m, enum slc_repair_mode mode, bool is_key, bool is_signed);

#endif
