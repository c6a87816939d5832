#include "reader/sniff.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "frame/schema.h"
#include "reader/reader.h"

enum { SAMPLE_ROWS = 200, HEADER_ROWS = 50 };

struct slc_str slc_unquote(char *text, size_t len, char quote)
{
    char *to = text, *p = text, *end = text + len, *close;
    size_t run;

    if (len == 0 || text[0] != quote || !quote)
        return (struct slc_str){.data = text, .len = len};
    p++;
    close = memchr(p, quote, (size_t)(end - p));
    if (close == end - 1) /* nearly always */
        return (struct slc_str){.data = p, .len = (size_t)(close - p)};
    while (close) {
        run = (size_t)(close - p);
        memmove(to, p, run);
        to += run;
        p = close + 1;
        if (p == end || *p != quote)
            break; /* closed; what follows belongs to the field as it is */
        *to++ = quote;
        p++;
        close = memchr(p, quote, (size_t)(end - p));
    }
    memmove(to, p, (size_t)(end - p));
    to += end - p;
    return (struct slc_str){.data = text, .len = (size_t)(to - text)};
}

struct slc_str slc_unescape(char *text, size_t len, char quote, char escape)
{
    bool inside = len > 0 && quote && text[0] == quote, closed = false;
    size_t n = 0;

    for (size_t i = inside; i < len; i++) {
        if (text[i] == escape && !closed && i + 1 < len) {
            text[n++] = text[++i];
        } else if (inside && text[i] == quote) {
            /* Behind the closing quote one byte is taken as it is. */
            bool doubled = i + 1 < len && text[i + 1] == quote;

            inside = doubled;
            closed = !doubled;
            if (doubled)
                text[n++] = text[i++];
        } else {
            text[n++] = text[i];
            closed = false;
        }
    }
    return (struct slc_str){.data = text, .len = n};
}

size_t slc_skip_lines(struct slc_str text, int64_t n)
{
    size_t i = 0;

    for (; n > 0 && i < text.len; n--) {
        while (i < text.len && text.data[i] != '\n' && text.data[i] != '\r')
            i++;
        i +=
            i + 1 < text.len && text.data[i] == '\r' && text.data[i + 1] == '\n' ? 2 : i < text.len;
    }
    return i;
}

/* The length of the field at `text` up to its separator or the end. */
static size_t field_length(const char *text, size_t len, char delimiter, char quote)
{
    size_t i = 0;
    bool inside = len > 0 && quote && text[0] == quote;

    if (inside) {
        for (i = 1; i < len; i++) {
            if (text[i] != quote)
                continue;
            if (i + 1 == len || text[i + 1] != quote) {
                i++;
                break;
            }
            i++;
        }
    }
    while (i < len && text[i] != delimiter && text[i] != '\n' && text[i] != '\r')
        i++;
    return i;
}

size_t slc_split_row(char *text, size_t len, char delimiter, char quote, struct slc_str *cells,
                     int64_t max_cells, int64_t *ret_n_cells)
{
    size_t at = 0;
    int64_t n = 0;

    for (;;) {
        size_t field = field_length(text + at, len - at, delimiter, quote);

        if (n < max_cells)
            cells[n] = slc_unquote(text + at, field, quote);
        n++;
        at += field;
        if (at == len || text[at] != delimiter)
            break;
        at++;
    }
    if (at < len)
        at += text[at] == '\r' && at + 1 < len && text[at + 1] == '\n' ? 2 : 1;
    *ret_n_cells = n;
    return at;
}

/* Rows of `sample` that have the most common number of fields, as a share of
 * all rows; that number. Blank rows do not count. */
static double evenness(struct slc_str sample, char delimiter, char quote, int64_t *ret_fields)
{
    int64_t counts[SAMPLE_ROWS], n_rows = 0, best = 0;
    size_t at = 0;

    while (at < sample.len && n_rows < SAMPLE_ROWS) {
        int64_t fields = 1;
        size_t start = at;

        for (;;) {
            at += field_length(sample.data + at, sample.len - at, delimiter, quote);
            if (at == sample.len || sample.data[at] != delimiter)
                break;
            at++;
            fields++;
        }
        if (at > start || fields > 1)
            counts[n_rows++] = fields;
        at++;
    }
    *ret_fields = 1;
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t same = 0;

        for (int64_t j = 0; j < n_rows; j++)
            same += counts[j] == counts[i];
        if (same > best) {
            best = same;
            *ret_fields = counts[i];
        }
    }
    return n_rows ? (double)best / (double)n_rows : 0.0;
}

char slc_sniff_delimiter(struct slc_str sample, char quote)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    char best = ',';
    double best_score = 0.0;

    for (size_t i = 0; i < sizeof(candidates); i++) {
        int64_t fields;
        double even = evenness(sample, candidates[i], quote, &fields);
        /* Even rows first; among equally even ones the finer cut. */
        double score = fields > 1 ? even + 1e-6 * (double)(fields > 1000 ? 1000 : fields) : 0.0;

        if (score > best_score) {
            best_score = score;
            best = candidates[i];
        }
    }
    return best;
}

static bool counts_on(const struct slc_str *cells, int64_t n_cells)
{
    int64_t before = 0, n_numbers = 0;

    for (int64_t i = 0; i < n_cells; i++) {
        int64_t value;

        if (!slc_parse_int64(cells[i].data, cells[i].len, &value))
            continue;
        if (n_numbers > 0 && value != before + 1)
            return false;
        before = value;
        n_numbers++;
    }
    return n_numbers > 1;
}

bool slc_sniff_styled_header(struct slc_str sample, char delimiter, char quote,
                             const struct slc_na_set *na, const struct slc_number_style *style)
{
    size_t most = sample.len < SLC_MAX_COLUMNS ? sample.len + 1 : SLC_MAX_COLUMNS;
    SLC_AUTO_FREE char *text = slc_str_dup(sample);
    SLC_AUTO_FREE struct slc_str *first = calloc(most, sizeof(*first));
    SLC_AUTO_FREE struct slc_str *cells = calloc(most, sizeof(*cells));
    SLC_AUTO_FREE enum slc_type *below = calloc(most, sizeof(*below));
    int64_t n_first, n_cells;
    size_t at;

    if (!text || !first || !cells || !below)
        return true;
    at = slc_split_row(text, sample.len, delimiter, quote, first, (int64_t)most, &n_first);
    if (n_first > (int64_t)most || counts_on(first, n_first))
        return true;
    for (int row = 0; row < HEADER_ROWS && at < sample.len; row++) {
        at += slc_split_row(text + at, sample.len - at, delimiter, quote, cells, (int64_t)most,
                            &n_cells);
        if (n_cells == 1 && slc_str_trim(cells[0]).len == 0)
            continue;
        for (int64_t i = 0; n_cells == n_first && i < n_cells; i++)
            if (!slc_is_na(na, cells[i].data, cells[i].len))
                below[i] =
                    slc_reader_join(below[i], slc_cell_type(cells[i].data, cells[i].len, style), 0);
    }
    for (int64_t i = 0; i < n_first; i++) {
        enum slc_type type = slc_is_na(na, first[i].data, first[i].len)
                                 ? SLC_TYPE_NULL
                                 : slc_cell_type(first[i].data, first[i].len, style);

        if (type != SLC_TYPE_NULL && type != SLC_TYPE_TEXT &&
            slc_type_join(type, below[i]) != SLC_TYPE_TEXT && below[i] != SLC_TYPE_NULL)
            return false;
    }
    return true;
}

bool slc_sniff_header(struct slc_str sample, char delimiter, char quote,
                      const struct slc_na_set *na)
{
    return slc_sniff_styled_header(sample, delimiter, quote, na, NULL);
}
