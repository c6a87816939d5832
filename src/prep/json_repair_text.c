/* Texts: JSON strings and Python literals, and which quote closes one. */
#include "prep/json_repair_internal.h"

#include "base/utf8.h"

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_SSE2 1
#include <emmintrin.h>
#endif

/* One code point inside a JSON string. */
static bool put_code_point(struct slc_repair *m, uint32_t c)
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
/* ---- texts ---- */

/* Which of sixteen bytes are of the class `stop`, STOP_DOUBLE or STOP_SINGLE. */
#ifdef SLC_HAVE_SSE2
static inline unsigned stops_of(__m128i block, int stop)
{
    __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                              _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))),
                                 _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block));

    if (stop == STOP_SINGLE)
        found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8('\'')));
    return (unsigned)_mm_movemask_epi8(found);
}
#endif

/* Copy up to the next byte of the class `stop`. */
static inline bool copy_run(struct slc_repair *m, int stop)
{
    const char *run = m->p;
    const char *p = run;

#ifdef SLC_HAVE_SSE2
    /* What is too many of sixteen bytes is written over. */
    while (m->end - p >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned stops = stops_of(block, stop);

        if (!room(m, 16))
            return false;
        _mm_storeu_si128((__m128i *)(void *)m->to, block);
        if (stops) {
            m->to += __builtin_ctz(stops);
            m->p = p + __builtin_ctz(stops);
            return true;
        }
        m->to += 16;
        p += 16;
    }
    run = p;
#endif
    while (p < m->end && !is(*p, stop))
        p++;
    m->p = p;
    return put_bytes(m, run, (size_t)(p - run));
}

/* Exactly `n` hexadecimal digits at `p`. */
static bool read_hex(const struct slc_repair *m, const char *p, int n, uint32_t *ret_value)
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
bool slc_repair_json_string(struct slc_repair *m)
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
        } else if (!is_one_of(m->p[1], "\"\\/bfnrt")) {
            return false;
        }
        if (!put_bytes(m, m->p, len))
            return false;
        m->p += len;
    }
}

/* The prefix and opening quotes at hand; nothing is taken when it is no text. */
bool slc_repair_open_literal(struct slc_repair *m, enum slc_repair_mode mode,
                             struct slc_literal *literal)
{
    const char *p = m->p;

    *literal = (struct slc_literal){0};
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
    if (mode == SLC_REPAIR_PYTHON && m->end - p >= 2 && p[0] == literal->quote &&
        p[1] == literal->quote) {
        literal->triple = true;
        p += 2;
    }
    m->p = p;
    return true;
}

/* A backslash that means itself. */
static bool put_backslash(struct slc_repair *m)
{
    m->p++;
    return put_bytes(m, "\\\\", 2);
}

static bool put_unit(struct slc_repair *m, const struct slc_literal *literal, uint32_t c)
{
    return literal->bytes && c >= 0x80 ? put(m, (char)c) : put_code_point(m, c);
}

/* \x, \u and \U with their digits. */
static bool hex_escape(struct slc_repair *m, enum slc_repair_mode mode,
                       const struct slc_literal *literal)
{
    int n = m->p[1] == 'x' ? 2 : m->p[1] == 'u' ? 4 : 8;
    uint32_t c;

    if (n > 2 && literal->bytes)
        return put_backslash(m);
    if (!read_hex(m, m->p + 2, n, &c) || c > 0x10ffff)
        return mode == SLC_REPAIR_LOOSE && put_backslash(m);
    m->p += 2 + n;
    return put_unit(m, literal, c);
}

static bool octal_escape(struct slc_repair *m, const struct slc_literal *literal)
{
    uint32_t c = 0;

    m->p++;
    for (int i = 0; i < 3 && m->p < m->end && *m->p >= '0' && *m->p <= '7'; i++)
        c = c * 8 + (uint32_t)(*m->p++ - '0');
    return put_unit(m, literal, literal->bytes ? c & 0xff : c);
}

/* Python reads its source with every line break as \n. */
static bool line_break(struct slc_repair *m)
{
    if (*m->p++ == '\r' && at(m, '\n'))
        m->p++;
    return put_bytes(m, "\\n", 2);
}

/* In a raw text a backslash keeps the quote behind it from closing, no more. */
static bool raw_escape(struct slc_repair *m)
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

static bool python_escape(struct slc_repair *m, enum slc_repair_mode mode,
                          const struct slc_literal *literal)
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
        (mode == SLC_REPAIR_PYTHON || (m->end - m->p >= 3 && m->p[2] == '{')))
        return false;
    if (c == '\n' || c == '\r') {
        m->p += c == '\r' && m->end - m->p >= 3 && m->p[2] == '\n' ? 3 : 2;
        return true;
    }
    if (c == '/' && mode == SLC_REPAIR_LOOSE) {
        m->p += 2;
        return put(m, '/');
    }
    return put_backslash(m);
}

/* A control character as it stands in a text. */
static bool raw_control(struct slc_repair *m, enum slc_repair_mode mode,
                        const struct slc_literal *literal)
{
    char c = *m->p;

    if (mode == SLC_REPAIR_PYTHON && c == '\0')
        return false;
    if (mode == SLC_REPAIR_PYTHON && (c == '\n' || c == '\r'))
        return literal->triple && line_break(m);
    m->p++;
    return put_code_point(m, (unsigned char)c);
}

/* ---- is this quote the closing one? (loose texts only) ---- */

static const char *behind_space(const struct slc_repair *m, const char *p)
{
    while (p < m->end && is(*p, SPACE_PYTHON))
        p++;
    return p;
}

static bool is_quoted(const struct slc_repair *m, const char *p)
{
    if (p < m->end && (*p == 'u' || *p == 'b' || *p == 'r'))
        p++;
    return p < m->end && (*p == '\'' || *p == '"');
}

/* Behind one of the names that stand for a value; NULL when there is none. */
static const char *behind_word(const struct slc_repair *m, const char *p)
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

static bool begins_value(const struct slc_repair *m, const char *p)
{
    return p < m->end && (is_quoted(m, p) || is(*p, DIGIT) || is_one_of(*p, "{[(-+.") ||
                          behind_word(m, p) != NULL);
}

static bool begins_key(const struct slc_repair *m, const char *p)
{
    if (p >= m->end)
        return false;
    if (is_quoted(m, p) || is(*p, DIGIT) || is_one_of(*p, "-+."))
        return true;
    p = behind_word(m, p);
    if (!p)
        return false;
    p = behind_space(m, p);
    return p < m->end && *p == ':';
}

/* What stands behind the quote (at `p`) may stand behind a text here. Only
 * white space is passed over, so that all of these looks together are linear. */
static bool may_close(const struct slc_repair *m, const char *p, bool is_key)
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
    return p >= m->end ? m->depth == 1 : is_one_of(*p, ",}]){[(");
}

/* From behind the opening quote to behind the closing one. */
static inline bool literal_body(struct slc_repair *m, enum slc_repair_mode mode,
                                const struct slc_literal *literal, bool is_key)
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
            if (!literal->triple && (mode != SLC_REPAIR_LOOSE || may_close(m, m->p + 1, is_key))) {
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

bool slc_repair_plain_string(struct slc_repair *m)
{
    const char *start = m->p;
    size_t len = (size_t)(m->to - m->out->data);

    m->p++;
    /* Two quotes may be the beginning of three. */
    if (!at(m, '\'') && put(m, '"') && copy_run(m, STOP_SINGLE) && m->end - m->p >= 2 &&
        *m->p == '\'' && (m->p[1] == ',' || m->p[1] == ':' || m->p[1] == '}' || m->p[1] == ']') &&
        put(m, '"')) {
        m->p++;
        return true;
    }
    m->p = start;
    m->to = m->out->data + len;
    return false;
}

/* A text and those that stand right behind it, as one JSON string. The first
 * one's opening is read already. */
bool slc_repair_python_string(struct slc_repair *m, enum slc_repair_mode mode,
                              struct slc_literal literal, bool is_key)
{
    const bool bytes = literal.bytes;
    size_t start = (size_t)(m->to - m->out->data);

    if (!put(m, '"'))
        return false;
    do {
        const char *from = m->p;

        if (literal.bytes != bytes || !literal_body(m, mode, &literal, is_key))
            return false;
        for (; bytes && mode == SLC_REPAIR_PYTHON && from < m->p; from++)
            if ((unsigned char)*from >= 0x80)
                return false;
        if (mode == SLC_REPAIR_PYTHON)
            skip_space(m, mode);
    } while (mode == SLC_REPAIR_PYTHON && m->p < m->end && is(*m->p, STOP_SINGLE | WORD) &&
             slc_repair_open_literal(m, mode, &literal));
    if (bytes &&
        slc_utf8_valid_prefix(m->out->data + start, (size_t)(m->to - m->out->data) - start) !=
            (size_t)(m->to - m->out->data) - start)
        return false;
    return put(m, '"');
}
