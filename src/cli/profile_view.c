#include "cli/profile_view.h"

#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/findings_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/show.h"

enum {
    BARS = SLC_HISTOGRAM_BINS / 2,
    TOP_SHOWN = 5,
    TOP_VALUE_COLUMNS = 24,
    EXAMPLE_COLUMNS = 60,
    LEVEL_COLUMNS = 10
};

/* ---- Values ------------------------------------------------------------- */

static void append_date(struct slc_buf *text, int64_t days)
{
    char date[SLC_DATE_TEXT_BYTES + 8];
    char *end = slc_write_date(date, (int32_t)days);

    slc_buf_append(text, date, (size_t)(end - date));
}

static int64_t days_of(int64_t usec)
{
    return usec >= 0 ? usec / SLC_USEC_PER_DAY
                     : -((-usec + SLC_USEC_PER_DAY - 1) / SLC_USEC_PER_DAY);
}

/* In at most LEVEL_COLUMNS but for texts. */
static void append_value(struct slc_buf *text, const struct slc_value *value)
{
    enum { MOST = 9999999 };

    switch (value->type) {
    case SLC_TYPE_NULL:
        return;
    case SLC_TYPE_BOOL:
        slc_buf_append_text(text, value->boolean ? "true" : "false");
        return;
    case SLC_TYPE_INT64:
        slc_text_count_short(text, value->int64, MOST);
        return;
    case SLC_TYPE_UINT64:
        if (value->uint64 <= MOST)
            slc_show_count(text, (int64_t)value->uint64);
        else
            slc_text_number(text, (double)value->uint64);
        return;
    case SLC_TYPE_FLOAT64:
        slc_text_number(text, value->float64);
        return;
    case SLC_TYPE_DATE:
        append_date(text, value->int64);
        return;
    case SLC_TYPE_DATETIME:
        append_date(text, days_of(value->int64));
        return;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        slc_text_clip(text, value->text, TOP_VALUE_COLUMNS);
        return;
    }
}

static void append_mean(struct slc_buf *text, const struct slc_summary *summary)
{
    if (isnan(summary->mean))
        slc_buf_append_byte(text, '-');
    else if (summary->type == SLC_TYPE_DATE)
        append_date(text, (int64_t)floor(summary->mean));
    else if (summary->type == SLC_TYPE_DATETIME)
        append_date(text, days_of((int64_t)floor(summary->mean)));
    else
        slc_text_number(text, summary->mean);
}

/* Two bins a character; where there is anything at all, there is something to
 * be seen. */
static void append_histogram(struct slc_buf *text, const struct slc_summary *summary)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    int64_t bars[BARS], most = 0;

    if (summary->n_bins != SLC_HISTOGRAM_BINS)
        return;
    for (int i = 0; i < BARS; i++) {
        bars[i] = summary->histogram[2 * i] + summary->histogram[2 * i + 1];
        if (bars[i] > most)
            most = bars[i];
    }
    for (int i = 0; i < BARS; i++) {
        double height = most > 0 ? 8.0 * (double)bars[i] / (double)most : 0;

        slc_buf_append_text(text, blocks[bars[i] == 0 ? 0 : height < 1 ? 1 : (int)lround(height)]);
    }
}

/* The most frequent values with their shares; of a column in which no value
 * comes twice an example. */
static void append_top(struct slc_buf *text, const struct slc_summary *summary)
{
    if (summary->type == SLC_TYPE_NULL || summary->n_top == 0) {
        slc_buf_append_text(text, "(nothing in it)");
        return;
    }
    /* Where not one in a thousand rows has it, the most frequent value is chance. */
    if (summary->top[0].count <= 1 || summary->top[0].count < summary->n_rows / 1000) {
        const struct slc_value *example =
            summary->first.type ? &summary->first : &summary->top[0].value;

        slc_buf_append_text(text, "such as ");
        if (slc_type_is_text(example->type))
            slc_text_clip(text, example->text, EXAMPLE_COLUMNS);
        else
            append_value(text, example);
        return;
    }
    for (int i = 0; i < summary->n_top && i < TOP_SHOWN; i++) {
        if (i > 0)
            slc_buf_append_text(text, ", ");
        append_value(text, &summary->top[i].value);
        slc_buf_append_byte(text, ' ');
        slc_text_percent(text, summary->top[i].count, summary->n_rows);
    }
}

/* ---- The table ---------------------------------------------------------- */

static void add_titles(struct slc_table *table)
{
    static const struct slc_table_column columns[] = {
        {.title = {"column", 6}, .min_width = 10},
        {.title = {"type", 4}},
        {.title = {"miss%", 5}, .right = true},
        {.title = {"distinct", 8}, .right = true},
        {.title = {"min / top", 9}, .right = true, .max_width = LEVEL_COLUMNS},
        {.title = {"mean", 4}, .right = true, .max_width = LEVEL_COLUMNS},
        {.title = {"max", 3}, .right = true, .max_width = LEVEL_COLUMNS},
        {.title = {"histogram", 9}, .max_width = BARS},
    };

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        slc_table_column(table, columns[i]);
}

static void add_cell(struct slc_table *table, struct slc_buf *text)
{
    slc_table_cell(table, slc_buf_view(text));
    slc_buf_clear(text);
}

static void add_row(struct slc_table *table, const struct slc_field *field,
                    const struct slc_summary *summary)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_table_cell(table, field->name);
    slc_table_cell(table, slc_str_from(slc_type_name(summary->type)));
    if (summary->n_missing > 0) {
        slc_text_percent(&text, summary->n_missing, summary->n_rows);
        text.len--; /* its title has the sign */
    }
    add_cell(table, &text);
    if (!summary->distinct_is_exact)
        slc_buf_append_byte(&text, '~');
    slc_text_count_short(&text, summary->n_distinct, 999999);
    add_cell(table, &text);
    if (summary->n_bins == 0) {
        append_top(&text, summary);
        slc_table_span(table, slc_buf_view(&text), 4);
        return;
    }
    append_value(&text, &summary->min);
    add_cell(table, &text);
    append_mean(&text, summary);
    add_cell(table, &text);
    append_value(&text, &summary->max);
    add_cell(table, &text);
    append_histogram(&text, summary);
    add_cell(table, &text);
}

static void append_heading(const struct slc_profile_facts *facts, int columns, struct slc_buf *out)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_text_safe(&text, slc_path_base(slc_str_from(facts->path)));
    slc_buf_append_text(&text, ": ");
    slc_show_plural(&text, facts->survey->n_records, "row", "rows");
    slc_buf_append_text(&text, " x ");
    slc_show_plural(&text, facts->survey->schema.n_fields, "column", "columns");
    slc_buf_append_text(&text, ", ");
    slc_show_bytes(&text, slc_reader_size_bytes(facts->reader));
    slc_buf_printf(&text, ", %s (%s), read in %.2f s", slc_reader_format_name(facts->reader),
                   slc_reader_dialect(facts->reader), facts->seconds);
    slc_text_wrap(out, slc_buf_view(&text), 0, 2, columns);
    slc_buf_append_text(out, "\n\n");
}

static void append_findings(const struct slc_profile_facts *facts, int columns, struct slc_buf *out)
{
    const struct slc_findings_input input = {.schema = &facts->survey->schema,
                                             .summaries = facts->survey->summaries,
                                             .n_rows = facts->survey->n_rows,
                                             .n_rejected = facts->survey->n_rejects,
                                             .first_reject_row = facts->survey->first_reject_row,
                                             .first_reject_reason =
                                                 facts->survey->first_reject_reason};
    SLC_AUTO_FINDINGS struct slc_findings findings = {0};

    if (slc_findings_make(&input, 0, &findings))
        slc_findings_view(&findings, columns, out);
    else
        out->failed = true;
}

void slc_profile_view(const struct slc_profile_facts *facts, int columns, struct slc_buf *out)
{
    SLC_AUTO_TABLE struct slc_table table = {.gap = 1};
    const struct slc_survey *survey = facts->survey;

    append_heading(facts, columns, out);
    add_titles(&table);
    for (int64_t i = 0; i < survey->schema.n_fields; i++)
        add_row(&table, &survey->schema.fields[i], &survey->summaries[i]);
    slc_table_print(&table, columns, out);
    slc_buf_append_byte(out, '\n');
    append_findings(facts, columns, out);
}

/* ---- JSON ---------------------------------------------------------------- */

void slc_profile_view_json(const struct slc_profile_facts *facts, struct slc_buf *out)
{
    const struct slc_survey *survey = facts->survey;
    const char *sha256 = slc_reader_sha256(facts->reader);

    slc_buf_append_text(out, "{\"file\":");
    slc_text_json(out, slc_str_from(facts->path));
    slc_json_member_text(out, "format", slc_reader_format_name(facts->reader));
    slc_json_member_text(out, "dialect", slc_reader_dialect(facts->reader));
    slc_json_member_int64(out, "size_bytes", slc_reader_size_bytes(facts->reader));
    slc_json_key(out, "sha256");
    if (sha256)
        slc_json_text(out, sha256);
    else
        slc_buf_append_text(out, "null");
    slc_json_member_int64(out, "rows_read", survey->n_records);
    slc_json_member_int64(out, "rows_rejected", survey->n_rejects);
    slc_json_key(out, "first_reject");
    if (survey->first_reject_row > 0) {
        slc_buf_append_text(out, "{\"row\":");
        slc_json_int64(out, survey->first_reject_row);
        slc_json_key(out, "reason");
        slc_text_json(out, slc_str_from(survey->first_reject_reason));
        slc_buf_append_byte(out, '}');
    } else {
        slc_buf_append_text(out, "null");
    }
    slc_json_member_int64(out, "n_columns", survey->schema.n_fields);
    slc_json_key(out, "seconds");
    slc_buf_printf(out, "%.6f", facts->seconds);
    slc_json_key(out, "profile");
    slc_profile_json(out, &survey->schema, survey->summaries);
    slc_buf_append_text(out, "}\n");
}
