/* Numbers, and names that stand for a value. */
#include "prep/json_repair_internal.h"

#include <math.h>

#include "base/num.h"

/* ---- numbers and words ---- */

/* Digits with single underscores between them, copied without these. */
static inline size_t copy_digits(struct slc_repair *m, enum slc_repair_mode mode)
{
    char *start = m->to;

    while (m->p < m->end) {
        if (is(*m->p, DIGIT))
            *m->to++ = *m->p++;
        else if (mode != SLC_REPAIR_JSON && *m->p == '_' && m->to > start && m->end - m->p >= 2 &&
                 is(m->p[1], DIGIT))
            m->p++;
        else
            break;
    }
    return (size_t)(m->to - start);
}

/* 0x, 0o and 0b up to 64 bits. */
static bool radix_number(struct slc_repair *m, char *start)
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
static bool finish_python_number(struct slc_repair *m, size_t n_int, bool is_float, bool exponent,
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

bool slc_repair_number(struct slc_repair *m, enum slc_repair_mode mode, bool is_key)
{
    bool is_float = false, exponent = false;
    size_t n_int, n_fraction;
    char *start;

    /* Enough for all that follows: a number is never longer than the rest of
     * the text but for what a key or an odd notation adds. */
    if (!room(m, (size_t)(m->end - m->p) + 64))
        return false;
    start = m->to;
    if (at(m, '-') || (mode != SLC_REPAIR_JSON && at(m, '+'))) {
        if (*m->p++ == '-')
            *m->to++ = '-';
        if (mode != SLC_REPAIR_JSON)
            skip_space(m, mode);
        if (mode == SLC_REPAIR_LOOSE && at_class(m, WORD) && !at_class(m, DIGIT)) {
            /* The sign is kept by the key "-Infinity" alone. */
            if (!is_key || slc_ascii_lower(*m->p) != 'i')
                m->to = start;
            return slc_repair_word(m, mode, is_key, true);
        }
    }
    if (mode != SLC_REPAIR_JSON && at(m, '0') && m->end - m->p >= 2 && is_one_of(m->p[1], "xXoObB"))
        return radix_number(m, start);
    n_int = copy_digits(m, mode);
    if (n_int > 1 && mode == SLC_REPAIR_JSON && m->to[-(ptrdiff_t)n_int] == '0')
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
        if (mode == SLC_REPAIR_JSON ? !n_int || !n_fraction : !n_int && !n_fraction)
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
    return mode == SLC_REPAIR_JSON ||
           finish_python_number(m, n_int, is_float, exponent, start, is_key);
}

/* Names that stand for a value; `is_signed`: behind a sign. */
bool slc_repair_word(struct slc_repair *m, enum slc_repair_mode mode, bool is_key, bool is_signed)
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

        if (mode == SLC_REPAIR_LOOSE ? !slc_str_eq_nocase(name, known) : !slc_str_eq(name, known))
            continue;
        if (mode == SLC_REPAIR_LOOSE ? is_signed && words[i].in != NUMBER
                                     : words[i].in != (mode == SLC_REPAIR_JSON ? JSON : PYTHON))
            return false;
        return put_text(m, is_key ? words[i].key : words[i].value);
    }
    return false;
}
