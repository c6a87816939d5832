#include "cli/findings.h"

#include <math.h>

#include "base/json.h"
#include "cli/text.h"

enum { MOST_NAMES = 10, NAME_COLUMNS = 40, VALUE_COLUMNS = 30 };

/* From here on `auto` imputes the median (prep/plan.h). */
static const double skewed_from = 1.0;

/* One finding on its way: "Constant: batch (7), site ("x") and 3 more; ..." */
struct finding {
    struct slc_buf *out;
    int columns;
    struct slc_buf text; /* owned */
    int64_t names;
};

static bool next_name(struct finding *finding, const char *head, struct slc_str name)
{
    if (finding->names == 0)
        slc_buf_append_text(&finding->text, head);
    else if (finding->names < MOST_NAMES)
        slc_buf_append_text(&finding->text, ", ");
    if (++finding->names > MOST_NAMES)
        return false;
    slc_text_clip(&finding->text, name, NAME_COLUMNS);
    return true;
}

/* Print the finding, when there is one, as a point. */
static void finish(struct finding *finding, const char *tail)
{
    struct slc_buf *text = &finding->text;

    if (text->len == 0)
        return;
    if (finding->names > MOST_NAMES) {
        slc_buf_append_text(text, " and ");
        slc_text_count(text, finding->names - MOST_NAMES);
        slc_buf_append_text(text, " more");
    }
    slc_buf_append_text(text, tail);
    slc_buf_append_text(finding->out, "- ");
    slc_text_wrap(finding->out, slc_buf_view(text), 2, 2, finding->columns);
    slc_buf_append_byte(finding->out, '\n');
    finding->out->failed |= text->failed;
    slc_buf_clear(text);
    finding->names = 0;
}

static void find_rejects(struct finding *finding, const struct slc_profile_facts *facts)
{
    const struct slc_survey *survey = facts->survey;

    if (survey->n_rejects == 0)
        return;
    slc_text_count(&finding->text, survey->n_rejects);
    slc_buf_append_text(&finding->text, " of ");
    slc_text_plural(&finding->text, survey->n_records, "row", "rows");
    slc_buf_append_text(&finding->text, " cannot be taken and would be rejected");
    if (facts->first_reject_row > 0) {
        slc_buf_append_text(&finding->text, "; the first is row ");
        slc_text_count(&finding->text, facts->first_reject_row);
        slc_buf_append_text(&finding->text, ": ");
        slc_text_safe(&finding->text, slc_str_from(facts->first_reject_reason));
    }
    finish(finding, ".");
}

static void find_renamed(struct finding *finding, const struct slc_profile_facts *facts)
{
    int64_t renamed = slc_reader_schema(facts->reader)->n_renamed;

    if (renamed == 0)
        return;
    slc_text_plural(&finding->text, renamed, "column", "columns");
    finish(finding, renamed == 1 ? " had no name of its own in the file and was given one."
                                 : " had no name of their own in the file and were given one.");
}

static void find_empty(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++)
        if (survey->summaries[i].n_missing == survey->summaries[i].n_rows)
            next_name(finding, "Empty: ", survey->schema.fields[i].name);
    finish(finding, "; every value is missing.");
}

static void find_mostly_missing(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        const struct slc_summary *summary = &survey->summaries[i];

        if (summary->n_missing < summary->n_rows && summary->n_missing > summary->n_rows / 2 &&
            next_name(finding, "Mostly missing: ", survey->schema.fields[i].name)) {
            slc_buf_append_text(&finding->text, " (");
            slc_text_percent(&finding->text, summary->n_missing, summary->n_rows);
            slc_buf_append_byte(&finding->text, ')');
        }
    }
    finish(finding, ".");
}

static void find_constant(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        const struct slc_summary *summary = &survey->summaries[i];
        SLC_AUTO_BUF struct slc_buf value = {0};

        if (!summary->is_constant || summary->n_missing > 0 ||
            !next_name(finding, "Constant: ", survey->schema.fields[i].name))
            continue;
        slc_value_json(&value, &summary->first);
        slc_buf_append_text(&finding->text, " (always ");
        slc_text_clip(&finding->text, slc_buf_view(&value), VALUE_COLUMNS);
        slc_buf_append_byte(&finding->text, ')');
    }
    finish(finding, "; prep.drop_constant leaves such columns out.");
}

static void find_duplicated(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        int64_t same = survey->summaries[i].duplicate_of;

        if (same >= 0 && survey->summaries[i].n_missing < survey->summaries[i].n_rows &&
            next_name(finding, "Duplicated: ", survey->schema.fields[i].name)) {
            slc_buf_append_text(&finding->text, " (the same as ");
            slc_text_clip(&finding->text, survey->schema.fields[same].name, NAME_COLUMNS);
            slc_buf_append_text(&finding->text, " in every row)");
        }
    }
    finish(finding, "; prep.drop_duplicated leaves such columns out.");
}

/* Every row has a value of its own, certainly or (beyond the exact count)
 * probably. */
static bool may_be_key(const struct slc_summary *summary)
{
    if (summary->n_missing > 0 || summary->n_rows < 2 ||
        (summary->type != SLC_TYPE_INT64 && summary->type != SLC_TYPE_UINT64 &&
         summary->type != SLC_TYPE_TEXT))
        return false;
    if (summary->distinct_is_exact)
        return summary->n_distinct == summary->n_rows;
    return (double)summary->n_distinct > 0.975 * (double)summary->n_rows; /* three sigma */
}

static void find_keys(struct finding *finding, const struct slc_survey *survey)
{
    bool all_exact = true;

    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        const struct slc_summary *summary = &survey->summaries[i];

        if (!may_be_key(summary) ||
            !next_name(finding, "Fit to be the index: ", survey->schema.fields[i].name))
            continue;
        if (!summary->distinct_is_exact)
            slc_buf_append_text(&finding->text, " (probably)");
        all_exact &= summary->distinct_is_exact;
    }
    finish(finding, all_exact ? "; every row has a value of its own."
                              : "; (nearly) every row has a value of its own.");
}

static void find_skewed(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        const struct slc_summary *summary = &survey->summaries[i];

        if (slc_type_is_number(summary->type) && !summary->is_constant &&
            fabs(summary->skewness) > skewed_from &&
            next_name(finding, "Skewed: ", survey->schema.fields[i].name)) {
            slc_buf_printf(&finding->text, " (%s, ",
                           summary->skewness > 0 ? "long tail of large values"
                                                 : "long tail of small values");
            slc_buf_append_text(&finding->text, "median ");
            slc_text_number(&finding->text, summary->quantiles[1]);
            slc_buf_append_byte(&finding->text, ')');
        }
    }
    finish(finding, "; prep.impute=auto fills gaps there with the median.");
}

static void find_infinite(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++)
        if (survey->summaries[i].n_infinite > 0 &&
            next_name(finding, "Infinite values: ", survey->schema.fields[i].name)) {
            slc_buf_append_text(&finding->text, " (");
            slc_text_count(&finding->text, survey->summaries[i].n_infinite);
            slc_buf_append_byte(&finding->text, ')');
        }
    finish(finding, "; they are left out of the statistics and become null in Redis.");
}

static void find_json(struct finding *finding, const struct slc_survey *survey)
{
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        const struct slc_value *first = &survey->summaries[i].first;
        struct slc_str text =
            slc_type_is_text(first->type) ? slc_str_trim(first->text) : (struct slc_str){0};

        if (text.len >= 2 && (text.data[0] == '{' || text.data[0] == '['))
            next_name(finding, "Objects or arrays as text: ", survey->schema.fields[i].name);
    }
    finish(finding, "; a load turns those in Python's style into JSON (prep.json_repair).");
}

void slc_findings(const struct slc_profile_facts *facts, int columns, struct slc_buf *out)
{
    struct finding finding = {.out = out, .columns = columns};
    size_t before = out->len;

    find_rejects(&finding, facts);
    find_renamed(&finding, facts);
    find_empty(&finding, facts->survey);
    find_mostly_missing(&finding, facts->survey);
    find_constant(&finding, facts->survey);
    find_duplicated(&finding, facts->survey);
    find_skewed(&finding, facts->survey);
    find_infinite(&finding, facts->survey);
    find_json(&finding, facts->survey);
    find_keys(&finding, facts->survey);
    if (out->len == before)
        slc_buf_append_text(out, "- Nothing out of the ordinary.\n");
    slc_buf_release(&finding.text);
}
