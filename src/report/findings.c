#include "report/findings.h"

#include <math.h>
#include <stdlib.h>

#include "report/findings_internal.h"
#include "report/show.h"

/* The rule of prep's "auto", and when a skew is worth a word of its own. */
static const double skewness_for_median = 1.0, skewness_to_mention = 2.0;
enum { FEW_VALUES = 20, NEAR_CONSTANT_PER_MILLE = 990 };
#define DOUBLES_HOLD INT64_C(9007199254740992) /* 2^53 */

#define DROP_CONSTANT "prep.drop_constant leaves such columns out"
#define NA_VALUES "if that means missing, add it to reader.na_values"
#define ROW_KEY "--index, or prim_index in a ticket, makes it so"

static const struct {
    const char *heading, *advice;
} kinds[] = {
    [SLC_FINDING_NO_ROWS] = {"No rows", ""},
    [SLC_FINDING_REJECTED] = {"Rejected rows", ""},
    [SLC_FINDING_RENAMED] = {"Names made up", ""},
    [SLC_FINDING_EMPTY] = {"Empty", DROP_CONSTANT},
    [SLC_FINDING_DUPLICATE] = {"Duplicated", "prep.drop_duplicated leaves such columns out"},
    [SLC_FINDING_CONSTANT] = {"Constant", DROP_CONSTANT},
    [SLC_FINDING_MOSTLY_MISSING] = {"Mostly missing", ""},
    [SLC_FINDING_MISSING] = {"Missing values", ""},
    [SLC_FINDING_GAPS_CONSTANT] = {"Constant but for gaps", ""},
    [SLC_FINDING_GAPS_SKEWED] = {"Skewed, with gaps",
                                 "prep.impute=auto fills gaps there with the median"},
    [SLC_FINDING_NEAR_CONSTANT] = {"Almost constant", ""},
    [SLC_FINDING_INFINITE] = {"Infinite values",
                              "they are left out of the statistics and become null in Redis"},
    [SLC_FINDING_MARK] = {"Perhaps a mark for missing", NA_VALUES},
    [SLC_FINDING_ALMOST_NUMBERS] = {"Numbers as text", NA_VALUES},
    [SLC_FINDING_LEADING_ZEROS] = {"Leading zeros, kept as text", ""},
    [SLC_FINDING_PYTHON] = {"Python's objects or lists as text",
                            "prep.json_repair makes them JSON"},
    [SLC_FINDING_JSON] = {"JSON as text", ""},
    [SLC_FINDING_SPELLINGS] = {"Spellings of one value", ""},
    [SLC_FINDING_SPACES] = {"Spaces at the ends of values", ""},
    [SLC_FINDING_SKEWED] = {"Skewed", ""},
    [SLC_FINDING_BEYOND_2_53] = {"Whole numbers beyond 2^53",
                                 "readers that take JSON numbers for doubles round them"},
    [SLC_FINDING_KEY] = {"Could be the row key", ROW_KEY},
    [SLC_FINDING_PERHAPS_KEY] = {"Perhaps the row key (estimated)", ROW_KEY},
};

const char *slc_severity_name(enum slc_severity severity)
{
    static const char *const names[] = {"note", "advice", "warning"};

    return names[severity];
}

const char *slc_finding_heading(enum slc_finding_kind kind)
{
    return kinds[kind].heading;
}

const char *slc_finding_advice(enum slc_finding_kind kind)
{
    return kinds[kind].advice;
}

void slc_finding_begin(struct slc_findings_maker *maker)
{
    slc_buf_clear(&maker->text);
    maker->subject_bytes = maker->detail_at = maker->detail_bytes = 0;
    if (maker->column >= 0) {
        slc_show_text(&maker->text, maker->input->schema->fields[maker->column].name,
                      SLC_FINDING_NAME_CHARS);
        maker->subject_bytes = maker->text.len;
    }
}

void slc_finding_open_detail(struct slc_findings_maker *maker, const char *before)
{
    slc_buf_append_text(&maker->text, before);
    maker->detail_at = maker->text.len;
}

void slc_finding_close_detail(struct slc_findings_maker *maker, const char *behind)
{
    maker->detail_bytes = maker->text.len - maker->detail_at;
    slc_buf_append_text(&maker->text, behind);
}

void slc_finding_quote(struct slc_buf *buf, const struct slc_value *value)
{
    bool is_text = slc_type_is_text(value->type);

    slc_buf_append_text(buf, is_text ? "“" : "");
    slc_show_value(buf, value, SLC_FINDING_VALUE_CHARS);
    slc_buf_append_text(buf, is_text ? "”" : "");
}

static bool make_room(struct slc_findings_maker *maker)
{
    int64_t capacity = maker->capacity ? 2 * maker->capacity : 32;
    struct slc_finding *items;

    if (maker->n < maker->capacity)
        return true;
    items = realloc(maker->items, (size_t)capacity * sizeof(*items));
    if (!items)
        return false;
    maker->items = items;
    maker->capacity = capacity;
    return true;
}

void slc_finding_end(struct slc_findings_maker *maker, enum slc_severity severity,
                     enum slc_finding_kind kind)
{
    struct slc_str text;

    if (kinds[kind].advice[0]) {
        slc_buf_append_text(&maker->text, "; ");
        slc_buf_append_text(&maker->text, kinds[kind].advice);
    }
    text = slc_arena_copy(maker->arena, slc_buf_view(&maker->text));
    if (maker->text.failed || !text.data || !make_room(maker)) {
        maker->failed = true;
        return;
    }
    maker->items[maker->n++] = (struct slc_finding){
        .column = maker->column,
        .severity = severity,
        .kind = kind,
        .text = text,
        .subject_bytes = maker->subject_bytes,
        .detail = {.data = text.data + maker->detail_at, .len = maker->detail_bytes}};
}

static void find_rejects(struct slc_findings_maker *maker)
{
    const struct slc_findings_input *input = maker->input;
    int64_t n_records = input->n_rows + input->n_rejected;

    if (input->n_rejected == 0)
        return;
    slc_finding_begin(maker);
    slc_show_count(&maker->text, input->n_rejected);
    slc_buf_append_text(&maker->text, " of ");
    slc_show_plural(&maker->text, n_records, "row", "rows");
    slc_buf_append_text(&maker->text, " (");
    slc_show_share(&maker->text, input->n_rejected, n_records);
    slc_buf_append_text(&maker->text, input->n_rejected == 1 ? ") does not fit and is rejected"
                                                             : ") do not fit and are rejected");
    if (input->first_reject_row > 0) {
        slc_buf_append_text(&maker->text,
                            input->n_rejected == 1 ? "; it is row " : "; the first is row ");
        slc_show_count(&maker->text, input->first_reject_row);
        if (input->first_reject_reason && input->first_reject_reason[0]) {
            slc_buf_append_text(&maker->text, ": ");
            slc_show_text(&maker->text, slc_str_from(input->first_reject_reason),
                          SLC_FINDING_REASON_CHARS);
        }
    }
    slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_REJECTED);
}

static void look_at_table(struct slc_findings_maker *maker)
{
    const struct slc_schema *schema = maker->input->schema;

    maker->column = -1;
    if (maker->input->n_rows == 0) {
        slc_finding_begin(maker);
        slc_buf_append_text(&maker->text, "The table has no rows");
        slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_NO_ROWS);
    }
    find_rejects(maker);
    if (schema->n_renamed > 0) {
        slc_finding_begin(maker);
        slc_show_plural(&maker->text, schema->n_renamed, "column", "columns");
        slc_buf_append_text(&maker->text, " had no name, or one that another column has; a name "
                                          "was made up");
        slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_RENAMED);
    }
}

static void find_constant(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " is constant (");
    slc_buf_append_text(&maker->text, "always ");
    slc_finding_quote(&maker->text, &summary->first);
    slc_finding_close_detail(maker, ")");
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_CONSTANT);
}

static void find_duplicate(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " is ");
    slc_buf_append_text(&maker->text, "the same as ");
    slc_show_text(&maker->text, maker->input->schema->fields[summary->duplicate_of].name,
                  SLC_FINDING_NAME_CHARS);
    slc_buf_append_text(&maker->text, " in every row");
    slc_finding_close_detail(maker, "");
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_DUPLICATE);
}

static void append_mean_and_median(struct slc_buf *text, const struct slc_summary *summary)
{
    slc_buf_append_text(text, "mean ");
    slc_show_number(text, summary->mean);
    slc_buf_append_text(text, summary->quantiles_are_exact ? ", median " : ", median ~");
    slc_show_number(text, summary->quantiles[1]);
}

static void find_missing(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    double share = (double)summary->n_missing / (double)summary->n_rows;
    enum slc_severity severity = share >= 0.5    ? SLC_SEVERITY_WARNING
                                 : share >= 0.05 ? SLC_SEVERITY_ADVICE
                                                 : SLC_SEVERITY_NOTE;

    if (summary->n_missing == 0)
        return;
    slc_finding_begin(maker);
    if (summary->distinct_is_exact && summary->n_distinct == 1) {
        slc_finding_open_detail(maker, ": ");
        slc_show_share(&maker->text, summary->n_missing, summary->n_rows);
        slc_buf_append_text(&maker->text, " missing, else always ");
        slc_finding_quote(&maker->text, &summary->first);
        slc_finding_close_detail(maker, "");
        slc_finding_end(maker, severity, SLC_FINDING_GAPS_CONSTANT);
    } else if (slc_type_is_number(summary->type) && fabs(summary->skewness) > skewness_for_median) {
        slc_finding_open_detail(maker, " is skewed, with gaps (");
        slc_show_share(&maker->text, summary->n_missing, summary->n_rows);
        slc_buf_append_text(&maker->text, " missing, ");
        append_mean_and_median(&maker->text, summary);
        slc_finding_close_detail(maker, ")");
        slc_finding_end(maker, severity, SLC_FINDING_GAPS_SKEWED);
    } else {
        slc_finding_open_detail(maker, ": ");
        slc_show_share(&maker->text, summary->n_missing, summary->n_rows);
        slc_finding_close_detail(maker, " missing");
        slc_finding_end(maker, severity,
                        severity == SLC_SEVERITY_WARNING ? SLC_FINDING_MOSTLY_MISSING
                                                         : SLC_FINDING_MISSING);
    }
}

static void find_near_constant(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    int64_t n_values = summary->n_rows - summary->n_missing;

    if (summary->n_distinct < 2 || summary->n_top == 0 || n_values < FEW_VALUES ||
        (double)summary->top[0].count * 1000.0 < (double)n_values * NEAR_CONSTANT_PER_MILLE)
        return;
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " is almost constant (");
    slc_show_share(&maker->text, summary->top[0].count, n_values);
    slc_buf_append_text(&maker->text, " are ");
    slc_finding_quote(&maker->text, &summary->top[0].value);
    slc_finding_close_detail(maker, ")");
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_NEAR_CONSTANT);
}

static void find_infinite(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (summary->n_infinite == 0)
        return;
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, ": ");
    slc_show_count(&maker->text, summary->n_infinite);
    slc_finding_close_detail(maker,
                             summary->n_infinite == 1 ? " infinite value" : " infinite values");
    slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_INFINITE);
}

/* Where values are missing, that finding says it. */
static void find_skewed(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (!slc_type_is_number(summary->type) || summary->n_missing > 0 ||
        summary->n_finite < FEW_VALUES || !(fabs(summary->skewness) > skewness_to_mention))
        return;
    slc_finding_begin(maker);
    slc_finding_open_detail(maker, " is skewed (");
    append_mean_and_median(&maker->text, summary);
    slc_finding_close_detail(maker, ")");
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_SKEWED);
}

static void find_beyond_2_53(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    bool is_beyond = false;

    if (summary->type == SLC_TYPE_UINT64 && summary->max.type == SLC_TYPE_UINT64)
        is_beyond = summary->max.uint64 > (uint64_t)DOUBLES_HOLD;
    if (summary->type == SLC_TYPE_INT64 && summary->max.type == SLC_TYPE_INT64)
        is_beyond = summary->max.int64 > DOUBLES_HOLD || summary->min.int64 < -DOUBLES_HOLD;
    if (!is_beyond)
        return;
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, " has whole numbers beyond 2^53");
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_BEYOND_2_53);
}

static bool is_without_gap(const struct slc_summary *summary)
{
    return summary->type == SLC_TYPE_INT64 && summary->min.type == SLC_TYPE_INT64 &&
           (uint64_t)summary->max.int64 - (uint64_t)summary->min.int64 ==
               (uint64_t)summary->n_rows - 1;
}

/* Measurements are distinct, too, but nobody looks a row up by one: doubles are
 * left out, and so are texts that hold objects. */
static void find_key(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    const double three_standard_errors = 3.0 * summary->distinct_error;
    bool fits = summary->type == SLC_TYPE_INT64 || summary->type == SLC_TYPE_UINT64 ||
                summary->type == SLC_TYPE_TEXT || summary->type == SLC_TYPE_DATE ||
                summary->type == SLC_TYPE_DATETIME;

    if (!fits || summary->n_rows < 2 || summary->n_missing > 0)
        return;
    if (summary->distinct_is_exact
            ? summary->n_distinct != summary->n_rows
            : (double)summary->n_distinct < (double)summary->n_rows * (1.0 - three_standard_errors))
        return;
    /* A value that comes up twice settles it, whatever the estimate. */
    if (summary->n_top > 0 && summary->top[0].count > 1)
        return;
    slc_finding_begin(maker);
    if (summary->distinct_is_exact) {
        slc_buf_append_text(&maker->text, " could be the row key (all distinct, none missing");
        if (is_without_gap(summary)) {
            slc_finding_open_detail(maker, ", ");
            slc_show_value(&maker->text, &summary->min, SLC_FINDING_VALUE_CHARS);
            slc_buf_append_text(&maker->text, " to ");
            slc_show_value(&maker->text, &summary->max, SLC_FINDING_VALUE_CHARS);
            slc_buf_append_text(&maker->text, " without a gap");
            slc_finding_close_detail(maker, "");
        }
    } else {
        slc_buf_printf(&maker->text,
                       " may be the row key (none missing, distinct as far as an "
                       "estimate with %.3g %% standard error can tell",
                       summary->distinct_error * 100.0);
    }
    slc_buf_append_byte(&maker->text, ')');
    slc_finding_end(maker, SLC_SEVERITY_NOTE,
                    summary->distinct_is_exact ? SLC_FINDING_KEY : SLC_FINDING_PERHAPS_KEY);
}

static void look_at_column(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (summary->n_rows == 0)
        return;
    if (summary->n_missing == summary->n_rows) {
        slc_finding_begin(maker);
        slc_buf_append_text(&maker->text, " has no values");
        slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_EMPTY);
        return;
    }
    /* What else could be said stands at the column that it repeats. */
    if (summary->duplicate_of >= 0 && summary->duplicate_of < maker->input->schema->n_fields) {
        find_duplicate(maker, summary);
        return;
    }
    if (summary->is_constant) {
        find_constant(maker, summary);
        find_infinite(maker, summary);
        return;
    }
    find_missing(maker, summary);
    find_near_constant(maker, summary);
    find_infinite(maker, summary);
    slc_findings_of_values(maker, summary);
    find_skewed(maker, summary);
    find_beyond_2_53(maker, summary);
    find_key(maker, summary);
}

static int by_weight(const void *a, const void *b)
{
    const struct slc_finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

bool slc_findings_make(const struct slc_findings_input *input, int64_t max_findings,
                       struct slc_findings *ret_findings)
{
    struct slc_findings findings = {0};
    struct slc_findings_maker maker = {.input = input, .arena = &findings.arena};

    look_at_table(&maker);
    for (int64_t i = 0; i < input->schema->n_fields && !maker.failed; i++) {
        maker.column = i;
        look_at_column(&maker, &input->summaries[i]);
    }
    slc_buf_release(&maker.text);
    findings.items = maker.items;
    if (maker.failed) {
        slc_findings_release(&findings);
        return false;
    }
    if (maker.n > 0)
        qsort(maker.items, (size_t)maker.n, sizeof(*maker.items), by_weight);
    findings.n = max_findings > 0 && maker.n > max_findings ? max_findings : maker.n;
    findings.n_left_out = maker.n - findings.n;
    *ret_findings = findings;
    return true;
}

void slc_findings_release(struct slc_findings *findings)
{
    if (!findings)
        return;
    free(findings->items);
    slc_arena_release(&findings->arena);
    *findings = (struct slc_findings){0};
}
