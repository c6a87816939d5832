/* Findings that follow from the values a summary shows: the first, the least,
 * the greatest and the most frequent ones. */
#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "prep/json_repair.h"
#include "report/findings_internal.h"
#include "report/show.h"

static bool is_digits(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

static bool is_number(struct slc_str text)
{
    double value;

    return slc_parse_double(text.data, text.len, &value);
}

/* 99, 999, ..., 999999999 and the same below zero. */
static bool is_nines(double value)
{
    double nines = 99.0;

    for (int i = 0; i < 8; i++, nines = nines * 10.0 + 9.0)
        if (fabs(value) == nines)
            return true;
    return false;
}

static double number_of(const struct slc_value *value)
{
    return value->type == SLC_TYPE_FLOAT64  ? value->float64
           : value->type == SLC_TYPE_UINT64 ? (double)value->uint64
                                            : (double)value->int64;
}

static bool is_marking_date(const struct slc_value *value)
{
    static const struct slc_civil dates[] = {
        {1, 1, 1}, {1900, 1, 1}, {1970, 1, 1}, {2099, 12, 31}, {9999, 12, 31}};
    int64_t unit = value->type == SLC_TYPE_DATETIME ? SLC_USEC_PER_DAY : 1;

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        if (value->int64 == slc_days_from_civil(dates[i]) * unit)
            return true;
    return false;
}

/* The value is the least or the greatest, stands far from the middle half, and
 * is one that people write for "unknown". */
static bool is_mark(const struct slc_summary *summary, const struct slc_value *value)
{
    double x = number_of(value);
    double reach = 3.0 * (summary->quantiles[2] - summary->quantiles[0]);

    if (slc_type_is_number(summary->type) ? !is_nines(x) : !is_marking_date(value))
        return false;
    if (x == summary->finite_min)
        return reach > 0.0 && x < summary->quantiles[0] - reach;
    if (x == summary->finite_max)
        return reach > 0.0 && x > summary->quantiles[2] + reach;
    return false;
}

static void find_mark(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    for (int i = 0; i < summary->n_top; i++) {
        const struct slc_value_count *top = &summary->top[i];

        if (top->count < 2 || !is_mark(summary, &top->value))
            continue;
        slc_finding_begin(maker);
        slc_finding_open_detail(maker, ": ");
        slc_show_value(&maker->text, &top->value, SLC_FINDING_VALUE_CHARS);
        slc_buf_append_text(&maker->text, ", ");
        slc_show_plural(&maker->text, top->count, "time", "times");
        slc_finding_close_detail(maker, ", is far from the rest and looks like a mark");
        slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_MARK);
        return;
    }
}

/* Most of the frequent values are numbers and one or two are not. */
static void find_almost_numbers(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    const struct slc_value_count *other = NULL;
    int n_numbers = 0, n_others = 0;

    for (int i = 0; i < summary->n_top; i++) {
        if (is_number(summary->top[i].value.text)) {
            n_numbers++;
            continue;
        }
        n_others++;
        if (!other)
            other = &summary->top[i];
    }
    if (!other || n_others > 2 || n_numbers < 4 * n_others)
        return;
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " looks like numbers and is text ");
    slc_buf_append_text(&maker->text, "because of ");
    slc_finding_quote(&maker->text, &other->value);
    slc_buf_append_text(&maker->text, ", ");
    slc_show_plural(&maker->text, other->count, "time", "times");
    slc_finding_close_detail(maker, "");
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_ALMOST_NUMBERS);
}

static void find_leading_zeros(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    const struct slc_value *zeros = &summary->min; /* bytewise the least, so '0' comes first */

    if (!is_digits(summary->min.text) || !is_digits(summary->max.text) ||
        !is_digits(summary->first.text) || zeros->text.len < 2 || zeros->text.data[0] != '0')
        return;
    for (int i = 0; i < summary->n_top; i++)
        if (!is_digits(summary->top[i].value.text))
            return;
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " looks like whole numbers with leading zeros (");
    slc_show_value(&maker->text, zeros, SLC_FINDING_VALUE_CHARS);
    slc_finding_close_detail(maker, "), which it keeps as text");
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_LEADING_ZEROS);
}

/* Outside of its strings JSON has no apostrophe, nor the N, T or F that None,
 * NaN, True and False begin with. The value may be clipped, so it cannot be
 * parsed. */
static bool is_python(struct slc_str text)
{
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '\'' || c == 'N' || c == 'T' || c == 'F')
            return true;
    }
    return false;
}

static void find_objects(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    struct slc_str first = summary->first.text;
    bool python = summary->type != SLC_TYPE_JSON && is_python(first);

    if (summary->type != SLC_TYPE_JSON && !slc_json_looks_like(first))
        return;
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text,
                        python ? " looks like Python's objects or lists" : " looks like JSON");
    slc_finding_end(maker, SLC_SEVERITY_NOTE, python ? SLC_FINDING_PYTHON : SLC_FINDING_JSON);
}

static void find_spellings(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    for (int i = 0; i < summary->n_top; i++)
        for (int j = i + 1; j < summary->n_top; j++) {
            struct slc_str a = summary->top[i].value.text, b = summary->top[j].value.text;

            if (!slc_str_eq_nocase(slc_str_trim(a), slc_str_trim(b)))
                continue;
            slc_finding_begin(maker);
            slc_finding_open_detail(maker, " has spellings of one value: ");
            slc_finding_quote(&maker->text, &summary->top[i].value);
            slc_buf_append_text(&maker->text, " and ");
            slc_finding_quote(&maker->text, &summary->top[j].value);
            slc_finding_close_detail(maker, "");
            slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_SPELLINGS);
            return;
        }
}

static bool has_outer_space(struct slc_str text)
{
    return slc_str_trim(text).len != text.len;
}

static void find_spaces(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    const struct slc_value *found = NULL;

    if (has_outer_space(summary->first.text))
        found = &summary->first;
    /* Spaces sort before everything else. */
    if (!found && has_outer_space(summary->min.text) && summary->min.text.len < 256)
        found = &summary->min;
    for (int i = 0; !found && i < summary->n_top; i++)
        if (has_outer_space(summary->top[i].value.text) && summary->top[i].value.text.len < 256)
            found = &summary->top[i].value;
    if (!found || found->text.len >= 256)
        return; /* clipped: the space may have been inside */
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " has values with spaces at their ends, as ");
    slc_finding_quote(&maker->text, found);
    slc_finding_close_detail(maker, "");
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_SPACES);
}

void slc_findings_of_values(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (summary->type == SLC_TYPE_BOOL || summary->type == SLC_TYPE_NULL)
        return;
    if (!slc_type_is_text(summary->type)) {
        find_mark(maker, summary);
        return;
    }
    find_almost_numbers(maker, summary);
    find_leading_zeros(maker, summary);
    find_objects(maker, summary);
    find_spellings(maker, summary);
    find_spaces(maker, summary);
}
