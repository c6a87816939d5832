#include "reader/cells.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "reader/columns.h"
#include "reader/numbers.h"

/* ---- One cell ---------------------------------------------------------- */

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static struct slc_str trim(const char *text, size_t len)
{
    return slc_str_trim((struct slc_str){.data = text, .len = len});
}

/* A zero that a number would lose: 007, -01.5; but not 0, 0.5, 0e3. */
static bool has_leading_zero(struct slc_str s)
{
    size_t sign = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+');

    return s.len > sign + 1 && s.data[sign] == '0' && is_digit(s.data[sign + 1]);
}

static bool is_whole(struct slc_str s)
{
    size_t i = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+');

    if (i == s.len)
        return false;
    for (; i < s.len; i++)
        if (!is_digit(s.data[i]))
            return false;
    return true;
}

static bool parse_infinity(struct slc_str s, double *ret_value)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    size_t sign = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+');

    s.data += sign;
    s.len -= sign;
    if (!slc_str_eq_nocase(s, SLC_STR("inf")) && !slc_str_eq_nocase(s, SLC_STR("infinity")))
        return false;
    *ret_value = negative ? -INFINITY : INFINITY;
    return true;
}

static bool parse_bool(struct slc_str s, uint8_t *ret_value)
{
    if (slc_str_is(s, "true") || slc_str_is(s, "True") || slc_str_is(s, "TRUE"))
        *ret_value = 1;
    else if (slc_str_is(s, "false") || slc_str_is(s, "False") || slc_str_is(s, "FALSE"))
        *ret_value = 0;
    else
        return false;
    return true;
}

static bool parse_whole(struct slc_str s, int64_t *ret_value)
{
    s = slc_str_trim(s);
    return !has_leading_zero(s) && slc_parse_int64(s.data, s.len, ret_value);
}

/* A double that keeps what the text says: a whole number is taken only when a
 * double holds it exactly or when it may be rounded, and digits beyond a
 * double's range are none, but as `style` has it. */
static bool parse_real(struct slc_str s, const struct slc_number_style *style, double *ret_value)
{
    bool rounds = style && style->rounds, pandas = style && style->pandas;
    int64_t whole;
    uint64_t big;

    s = slc_str_trim(s);
    if (has_leading_zero(s))
        return false;
    if (s.len >= 16 && !rounds && is_whole(s)) {
        if (slc_parse_int64(s.data, s.len, &whole)) {
            *ret_value = (double)whole;
            return pandas || (fabs(*ret_value) < 0x1p63 && (int64_t)*ret_value == whole);
        }
        if (slc_parse_uint64(s.data, s.len, &big)) {
            *ret_value = (double)big;
            return *ret_value < 0x1p64 && (uint64_t)*ret_value == big;
        }
        return false;
    }
    if (slc_parse_double(s.data, s.len, ret_value))
        return isfinite(*ret_value) || (pandas && *ret_value < 0);
    return parse_infinity(s, ret_value);
}

enum { STYLED_BYTES = 128 };

/* Without the zeros before the first digit that counts. */
static size_t strip_zeros(char *text, size_t len)
{
    size_t sign = len > 0 && (text[0] == '-' || text[0] == '+'), zeros = 0;

    while (sign + zeros + 1 < len && text[sign + zeros] == '0' && is_digit(text[sign + zeros + 1]))
        zeros++;
    memmove(text + sign, text + sign + zeros, len - sign - zeros);
    return len - zeros;
}

/* A styled number as a plain one in `room`; no number at all is the empty text. */
static struct slc_str to_plain(struct slc_str s, const struct slc_number_style *style, char *room)
{
    bool fraction = false;
    size_t n = 0;

    s = slc_str_trim(s);
    if (s.len > STYLED_BYTES)
        return (struct slc_str){room, 0};
    for (size_t i = 0; i < s.len; i++) {
        bool between = i > 0 && i + 1 < s.len && is_digit(s.data[i - 1]) && is_digit(s.data[i + 1]);

        if (s.data[i] == style->decimal) {
            room[n++] = '.';
            fraction = true;
        } else if (style->thousands && s.data[i] == style->thousands && between && !fraction) {
            continue;
        } else if (s.data[i] == '.') {
            return (struct slc_str){room, 0};
        } else {
            room[n++] = s.data[i];
        }
    }
    if (style->leading_zeros)
        n = strip_zeros(room, n);
    return (struct slc_str){room, n};
}

enum slc_type slc_cell_type(const char *text, size_t len, const struct slc_number_style *style)
{
    char room[STYLED_BYTES];
    struct slc_str s = trim(text, len), as_written = s;
    uint8_t boolean;
    int64_t whole;
    uint64_t big;
    int32_t days;
    double real;

    if ((!style || !style->pandas || s.len == len) && parse_bool(s, &boolean))
        return SLC_TYPE_BOOL;
    if (style)
        s = to_plain(s, style, room);
    if (!has_leading_zero(s)) {
        if (slc_parse_int64(s.data, s.len, &whole))
            return SLC_TYPE_INT64;
        if (slc_parse_uint64(s.data, s.len, &big))
            return SLC_TYPE_UINT64;
        if (is_whole(s))
            return SLC_TYPE_TEXT;
        if (parse_real(s, style, &real))
            return SLC_TYPE_FLOAT64;
    }
    if (style && style->no_dates)
        return SLC_TYPE_TEXT;
    if (slc_parse_date(as_written.data, as_written.len, &days))
        return SLC_TYPE_DATE;
    if (slc_parse_datetime(as_written.data, as_written.len, &whole))
        return SLC_TYPE_DATETIME;
    return SLC_TYPE_TEXT;
}

enum slc_type slc_reader_join(enum slc_type a, enum slc_type b, unsigned facts)
{
    bool whole = (a == SLC_TYPE_INT64 && b == SLC_TYPE_UINT64) ||
                 (a == SLC_TYPE_UINT64 && b == SLC_TYPE_INT64);
    enum slc_type joint = whole ? SLC_TYPE_UINT64 : slc_type_join(a, b);

    if ((whole && (facts & SLC_FACT_NEGATIVE)) ||
        ((joint == SLC_TYPE_INT64 || joint == SLC_TYPE_UINT64) && (facts & SLC_FACT_GAPS)))
        return SLC_TYPE_FLOAT64;
    return joint;
}

unsigned slc_reader_facts(const struct slc_reader *reader, const struct slc_chunk *chunk,
                          int64_t column)
{
    const struct slc_column *c = &chunk->columns[column];
    bool given = reader->selection->types[column] != SLC_TYPE_NULL;
    bool has_gaps = reader->options.types == SLC_TYPES_PANDAS && !given && c->n_missing > 0;
    int64_t any = 0;

    for (int64_t i = 0; c->type == SLC_TYPE_INT64 && i < chunk->n_rows; i++)
        any |= c->int64s[i];
    return (any < 0 ? SLC_FACT_NEGATIVE : 0) | (has_gaps ? SLC_FACT_GAPS : 0);
}

/* ---- One column -------------------------------------------------------- */

/* A walk down one column of the grid. Each typed loop returns the row whose
 * text its type cannot hold, or n_rows. */
struct walk {
    const char *bytes;
    const struct slc_cell *cells; /* the column's cell in row 0 */
    int64_t stride;               /* cells a row */
    int64_t n_rows;
    const struct slc_na_set *na;
    const struct slc_number_style *style; /* NULL: plain */
    struct slc_chunk *chunk;
    struct slc_column *column;
    bool out_of_memory;
};

static inline struct slc_str cell_text(const struct walk *w, int64_t row)
{
    struct slc_cell cell = w->cells[row * w->stride];

    return (struct slc_str){.data = w->bytes + cell.start, .len = cell.len};
}

static inline struct slc_str number_text(const struct walk *w, struct slc_str s, char *room)
{
    return __builtin_expect(w->style != NULL, 0) ? to_plain(s, w->style, room) : s;
}

static bool mark_missing(struct walk *w, int64_t row)
{
    struct slc_column *column = w->column;

    if (!column->valid) {
        column->valid = slc_chunk_bitmap(w->chunk);
        if (!column->valid) {
            w->out_of_memory = true;
            return false;
        }
    }
    column->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
    column->n_missing++;
    return true;
}

/* True when the text means "missing" and was marked so. Asked after parsing
 * failed, since that is rare; before only when -999 or the like was declared to
 * be missing. */
static inline bool take_missing(struct walk *w, int64_t row, struct slc_str s)
{
    return slc_is_na(w->na, s.data, s.len) && mark_missing(w, row);
}

static inline bool take_typed_missing(struct walk *w, int64_t row, struct slc_str s)
{
    return __builtin_expect(w->na->typed, 0) && take_missing(w, row, s);
}

static int64_t type_int64(struct walk *w)
{
    int64_t *out = w->column->int64s;
    char room[STYLED_BYTES];
    bool plain = !w->na->typed;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s;

        if (plain)
            row = slc_numbers_int64(w->bytes, w->cells, w->stride, row, w->n_rows, out);
        if (row == w->n_rows)
            break;
        s = cell_text(w, row);
        out[row] = 0;
        if (take_typed_missing(w, row, s))
            continue;
        if (s.len > 0 && parse_whole(number_text(w, s, room), &out[row]))
            continue;
        out[row] = 0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_uint64(struct walk *w)
{
    uint64_t *out = w->column->uint64s;
    char room[STYLED_BYTES];

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row), t = slc_str_trim(number_text(w, s, room));

        out[row] = 0;
        if (take_typed_missing(w, row, s))
            continue;
        if (!has_leading_zero(t) && slc_parse_uint64(t.data, t.len, &out[row]))
            continue;
        out[row] = 0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_float64(struct walk *w)
{
    double *out = w->column->float64s;
    char room[STYLED_BYTES];
    bool plain = !w->style && !w->na->typed;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s;

        if (plain)
            row = slc_numbers_float64(w->bytes, w->cells, w->stride, row, w->n_rows, out);
        if (row == w->n_rows)
            break;
        s = cell_text(w, row);
        out[row] = 0.0;
        if (take_typed_missing(w, row, s))
            continue;
        if (s.len > 0 && parse_real(number_text(w, s, room), w->style, &out[row]))
            continue;
        out[row] = 0.0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_bool(struct walk *w)
{
    uint8_t *out = w->column->bools;
    bool exact = w->style && w->style->pandas;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row);

        out[row] = 0;
        if (take_typed_missing(w, row, s))
            continue;
        if (parse_bool(exact ? s : slc_str_trim(s), &out[row]))
            continue;
        out[row] = 0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_date(struct walk *w)
{
    int32_t *out = w->column->dates;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row), t = slc_str_trim(s);

        out[row] = 0;
        if (take_typed_missing(w, row, s))
            continue;
        if (slc_parse_date(t.data, t.len, &out[row]))
            continue;
        out[row] = 0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_datetime(struct walk *w)
{
    int64_t *out = w->column->datetimes;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row), t = slc_str_trim(s);
        int32_t days;

        out[row] = 0;
        if (take_typed_missing(w, row, s))
            continue;
        if (slc_parse_datetime(t.data, t.len, &out[row]))
            continue;
        if (slc_parse_date(t.data, t.len, &days)) {
            out[row] = days * SLC_USEC_PER_DAY;
            continue;
        }
        out[row] = 0;
        if (!take_missing(w, row, s))
            return row;
    }
    return w->n_rows;
}

static int64_t type_text(struct walk *w)
{
    struct slc_str *out = w->column->texts;

    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row);

        if (__builtin_expect(slc_is_na(w->na, s.data, s.len), 0)) {
            s = (struct slc_str){.data = "", .len = 0};
            if (!mark_missing(w, row))
                return row;
        }
        out[row] = s;
    }
    return w->n_rows;
}

/* The first row that is not missing decides where typing starts. */
static enum slc_type first_type(const struct walk *w)
{
    for (int64_t row = 0; row < w->n_rows; row++) {
        struct slc_str s = cell_text(w, row);

        if (!slc_is_na(w->na, s.data, s.len))
            return slc_cell_type(s.data, s.len, w->style);
    }
    return SLC_TYPE_NULL;
}

static int64_t run(struct walk *w, enum slc_type type)
{
    static int64_t (*const loops[SLC_N_TYPES])(struct walk *) = {
        [SLC_TYPE_BOOL] = type_bool,     [SLC_TYPE_INT64] = type_int64,
        [SLC_TYPE_UINT64] = type_uint64, [SLC_TYPE_FLOAT64] = type_float64,
        [SLC_TYPE_DATE] = type_date,     [SLC_TYPE_DATETIME] = type_datetime,
        [SLC_TYPE_TEXT] = type_text,     [SLC_TYPE_JSON] = type_text,
    };

    *w->column = (struct slc_column){.type = type, .requested = true};
    if (type == SLC_TYPE_NULL) {
        w->column->n_missing = w->n_rows;
        return w->n_rows;
    }
    w->column->data = slc_chunk_values(w->chunk, type);
    if (!w->column->data) {
        w->out_of_memory = true;
        return 0;
    }
    return loops[type](w);
}

bool slc_cell_fits(const char *text, size_t len, enum slc_type type,
                   const struct slc_number_style *style)
{
    char room[STYLED_BYTES];
    struct slc_str s = trim(text, len), number;
    uint8_t boolean;
    int64_t whole;
    uint64_t big;
    int32_t days;
    double real;

    number = style && slc_type_is_number(type) ? to_plain(s, style, room) : s;
    switch (type) {
    case SLC_TYPE_BOOL:
        return parse_bool(s, &boolean);
    case SLC_TYPE_INT64:
        return parse_whole(number, &whole);
    case SLC_TYPE_UINT64:
        return !has_leading_zero(number) && slc_parse_uint64(number.data, number.len, &big);
    case SLC_TYPE_FLOAT64:
        return number.len > 0 && parse_real(number, style, &real);
    case SLC_TYPE_DATE:
        return slc_parse_date(s.data, s.len, &days);
    case SLC_TYPE_DATETIME:
        return slc_parse_datetime(s.data, s.len, &whole) || slc_parse_date(s.data, s.len, &days);
    case SLC_TYPE_NULL:
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        break;
    }
    return true;
}

bool slc_cells_type_column(const struct slc_raw *raw, int64_t from, const struct slc_typing *typing,
                           struct slc_chunk *chunk, int64_t column, enum slc_type type,
                           struct slc_error *error)
{
    struct walk w = {
        .bytes = raw->bytes,
        .cells = raw->cells + from,
        .stride = raw->n_columns,
        .n_rows = raw->n_rows,
        .na = typing->na,
        .style = typing->style,
        .chunk = chunk,
        .column = &chunk->columns[column],
    };

    if (raw->column_has_text && raw->column_has_text[from] && !typing->forced)
        type = SLC_TYPE_TEXT;
    else if (type == SLC_TYPE_NULL)
        type = first_type(&w);
    for (;;) {
        int64_t row = run(&w, type);
        enum slc_type wider;
        struct slc_str s, trimmed;
        unsigned facts;

        if (w.out_of_memory)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk of %lld rows",
                            (long long)w.n_rows);
        if (row == w.n_rows)
            return true;
        s = cell_text(&w, row);
        trimmed = slc_str_trim(s);
        facts = trimmed.len > 0 && trimmed.data[0] == '-' ? SLC_FACT_NEGATIVE : 0;
        wider = slc_reader_join(type, slc_cell_type(s.data, s.len, w.style), facts);
        /* A text of the type's own kind that it cannot hold, as a whole number
         * that a double would round: only text keeps it. */
        type = wider == type ? SLC_TYPE_TEXT : wider;
    }
}
