#include "report/findings.h"

#include <math.h>
#include <stdlib.h>

#include "report/findings_internal.h"
#include "report/show.h"

/* The rule of prep's "auto", and when a skew is worth a word of its own. */
static const double skewness_for_median = 1.0, skewness_to_mention = 2.0;
enum { FEW_VALUES = 20, NEAR_CONSTANT_PER_MILLE = 990 };
#define DOUBLES_HOLD INT64_C(9007199254740992) /* 2^53 */

const char *slc_severity_name(enum slc_severity severity)
{
    static const char *const names[] = {"note", "advice", "warning"};

    return names[severity];
}

void slc_finding_begin(struct slc_findings_maker *maker)
{
    slc_buf_clear(&maker->text);
    maker->subject_bytes = 0;
    if (maker->column >= 0) {
        slc_show_text(&maker->text, maker->schema->fields[maker->column].name,
                      SLC_FINDING_NAME_CHARS);
        maker->subject_bytes = maker->text.len;
    }
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
    struct slc_str text = slc_arena_copy(maker->arena, slc_buf_view(&maker->text));

    if (maker->text.failed || !text.data || !make_room(maker)) {
        maker->failed = true;
        return;
    }
    maker->items[maker->n++] = (struct slc_finding){.column = maker->column,
                                                    .severity = severity,
                                                    .kind = kind,
                                                    .text = text,
                                                    .subject_bytes = maker->subject_bytes};
}

static void look_at_table(struct slc_findings_maker *maker, int64_t n_rows, int64_t n_rejected)
{
    maker->column = -1;
    if (n_rows == 0) {
        slc_finding_begin(maker);
        slc_buf_append_text(&maker->text, "the table has no rows");
        slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_NO_ROWS);
    }
    if (n_rejected > 0) {
        slc_finding_begin(maker);
        slc_show_count(&maker->text, n_rejected);
        slc_buf_append_text(&maker->text, " of ");
        slc_show_plural(&maker->text, n_rows + n_rejected, "row", "rows");
        slc_buf_append_text(&maker->text, n_rejected == 1 ? " was" : " were");
        slc_buf_append_text(&maker->text, " rejected (");
        slc_show_share(&maker->text, n_rejected, n_rows + n_rejected);
        slc_buf_append_byte(&maker->text, ')');
        slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_REJECTED);
    }
    if (maker->schema->n_renamed > 0) {
        slc_finding_begin(maker);
        slc_show_plural(&maker->text, maker->schema->n_renamed, "column", "columns");
        slc_buf_append_text(&maker->text, " had no name, or one that another column has; a name "
                                          "was made up");
        slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_RENAMED);
    }
}

static void find_constant(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, " is constant");
    if (summary->first.type != SLC_TYPE_NULL) {
        slc_buf_append_text(&maker->text, " (");
        slc_show_value(&maker->text, &summary->first, SLC_FINDING_VALUE_CHARS);
        slc_buf_append_byte(&maker->text, ')');
    }
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_CONSTANT);
}

static void find_duplicate(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, " repeats ");
    slc_show_text(&maker->text, maker->schema->fields[summary->duplicate_of].name,
                  SLC_FINDING_NAME_CHARS);
    slc_finding_end(maker, SLC_SEVERITY_ADVICE, SLC_FINDING_DUPLICATE);
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
    slc_buf_append_text(&maker->text, ": ");
    slc_show_share(&maker->text, summary->n_missing, summary->n_rows);
    slc_buf_append_text(&maker->text, " missing");
    if (summary->distinct_is_exact && summary->n_distinct == 1) {
        slc_buf_append_text(&maker->text, ", else constant (");
        slc_show_value(&maker->text, &summary->first, SLC_FINDING_VALUE_CHARS);
        slc_buf_append_byte(&maker->text, ')');
    } else if (slc_type_is_number(summary->type) && fabs(summary->skewness) > skewness_for_median) {
        slc_buf_append_text(&maker->text, ", skewed: median would suit");
    }
    slc_finding_end(maker, severity, SLC_FINDING_MISSING);
}

static void find_near_constant(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    int64_t n_values = summary->n_rows - summary->n_missing;

    if (summary->n_distinct < 2 || summary->n_top == 0 || n_values < FEW_VALUES ||
        (double)summary->top[0].count * 1000.0 < (double)n_values * NEAR_CONSTANT_PER_MILLE)
        return;
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, " is almost constant (");
    slc_show_share(&maker->text, summary->top[0].count, n_values);
    slc_buf_append_text(&maker->text, " are ");
    slc_show_value(&maker->text, &summary->top[0].value, SLC_FINDING_VALUE_CHARS);
    slc_buf_append_byte(&maker->text, ')');
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_NEAR_CONSTANT);
}

static void find_infinite(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (summary->n_infinite == 0)
        return;
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, ": ");
    slc_show_plural(&maker->text, summary->n_infinite, "infinite value", "infinite values");
    slc_finding_end(maker, SLC_SEVERITY_WARNING, SLC_FINDING_INFINITE);
}

/* Where values are missing, that finding says it. */
static void find_skewed(struct slc_findings_maker *maker, const struct slc_summary *summary)
{
    if (!slc_type_is_number(summary->type) || summary->n_missing > 0 ||
        summary->n_finite < FEW_VALUES || !(fabs(summary->skewness) > skewness_to_mention))
        return;
    slc_finding_begin(maker);
    slc_buf_append_text(&maker->text, " is skewed: mean ");
    slc_show_number(&maker->text, summary->mean);
    slc_buf_append_text(&maker->text, ", median ");
    slc_buf_append_text(&maker->text, summary->quantiles_are_exact ? "" : "~");
    slc_show_number(&maker->text, summary->quantiles[1]);
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
    slc_buf_append_text(&maker->text, " has whole numbers beyond 2^53, which readers that take "
                                      "JSON numbers for doubles round");
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
    const double three_standard_errors = 3.0 * 0.0081;
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
            slc_buf_append_text(&maker->text, ", ");
            slc_show_value(&maker->text, &summary->min, SLC_FINDING_VALUE_CHARS);
            slc_buf_append_text(&maker->text, " to ");
            slc_show_value(&maker->text, &summary->max, SLC_FINDING_VALUE_CHARS);
            slc_buf_append_text(&maker->text, " without a gap");
        }
    } else {
        slc_buf_append_text(&maker->text, " may be a row key (none missing, distinct as far as an "
                                          "estimate with 0.81 % standard error can tell");
    }
    slc_buf_append_byte(&maker->text, ')');
    slc_finding_end(maker, SLC_SEVERITY_NOTE, SLC_FINDING_KEY);
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
    if (summary->duplicate_of >= 0 && summary->duplicate_of < maker->schema->n_fields) {
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

bool slc_findings_make(const struct slc_schema *schema, const struct slc_summary *summaries,
                       int64_t n_rows, int64_t n_rejected, int64_t max_findings,
                       struct slc_findings *ret_findings)
{
    struct slc_findings findings = {0};
    struct slc_findings_maker maker = {
        .schema = schema, .summaries = summaries, .arena = &findings.arena};

    look_at_table(&maker, n_rows, n_rejected);
    for (int64_t i = 0; i < schema->n_fields && !maker.failed; i++) {
        maker.column = i;
        look_at_column(&maker, &summaries[i]);
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
