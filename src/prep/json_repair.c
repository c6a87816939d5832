#include "prep/json_repair_internal.h"

#include "base/utf8.h"

bool slc_repair_grow(struct slc_repair *m, size_t extra)
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

/* ---- structure ---- */

enum state { STATE_VALUE, STATE_KEY, STATE_BEHIND, STATE_DONE };

static inline bool scalar(struct slc_repair *m, enum slc_repair_mode mode, bool is_key)
{
    struct slc_literal literal;
    char c = *m->p;

    if (c == '"' && mode == SLC_REPAIR_JSON)
        return slc_repair_json_string(m);
    if (mode == SLC_REPAIR_JSON && is_key)
        return false;
    if (mode == SLC_REPAIR_PYTHON && c == '\'' && slc_repair_plain_string(m))
        return true;
    if (mode != SLC_REPAIR_JSON && is(c, STOP_SINGLE | WORD) && !is(c, DIGIT) &&
        slc_repair_open_literal(m, mode, &literal))
        return slc_repair_python_string(m, mode, literal, is_key);
    if (is_key && !put(m, '"'))
        return false;
    if (is(c, DIGIT) || c == '-' || (mode != SLC_REPAIR_JSON && (c == '+' || c == '.'))) {
        if (!slc_repair_number(m, mode, is_key))
            return false;
    } else if (!is(c, WORD) || !slc_repair_word(m, mode, is_key, false)) {
        return false;
    }
    return !is_key || put(m, '"');
}

static inline bool open_bracket(struct slc_repair *m, enum slc_repair_mode mode, enum state *state)
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

static inline bool close_bracket(struct slc_repair *m)
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
static bool behind_all(struct slc_repair *m, enum slc_repair_mode mode, enum state *state)
{
    if (m->p == m->end) {
        *state = STATE_DONE;
        return !m->commas[0] || put(m, ']');
    }
    if (mode != SLC_REPAIR_PYTHON || *m->p != ',')
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

static inline bool behind(struct slc_repair *m, enum slc_repair_mode mode, enum state *state)
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
        if (mode == SLC_REPAIR_JSON || !at(m, closer_of(kind))) {
            *state = kind == '{' ? STATE_KEY : STATE_VALUE;
            return put(m, ',');
        }
    }
    return *m->p == closer_of(kind) && close_bracket(m);
}

static inline bool key(struct slc_repair *m, enum slc_repair_mode mode)
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

static inline __attribute__((always_inline)) bool run(struct slc_repair *m, struct slc_str text,
                                                      enum slc_repair_mode mode)
{
    enum state state = STATE_VALUE;

    m->p = text.data;
    m->end = text.data + text.len;
    m->to = m->out->data + m->starts[0];
    m->depth = 0;
    m->commas[0] = false;
    skip_space(m, mode);
    if (mode == SLC_REPAIR_LOOSE && !at(m, '{') && !at(m, '[') && !at(m, '('))
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
        } else if (*m->p == '{' || *m->p == '[' || (mode != SLC_REPAIR_JSON && *m->p == '(')) {
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
    struct slc_repair m;
    size_t start = out->len;

    if (text.len == 0 || !slc_utf8_is_valid(text))
        return false;
    /* Enough but for text that grows on the way. */
    if (!slc_buf_reserve(out, text.len + 64))
        return false;
    m.out = out;
    m.limit = out->data + out->capacity;
    m.starts[0] = start;
    if (run(&m, text, SLC_REPAIR_JSON) || run(&m, text, SLC_REPAIR_PYTHON) ||
        run(&m, text, SLC_REPAIR_LOOSE)) {
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
