#include "report/mail_body.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_tree.h"
#include "base/num.h"
#include "base/time.h"
#include "report/mail_doc.h"
#include "report/show.h"

enum { LIST_MAX = 20, HISTOGRAMS_MAX = 12, BARS_MAX = 60, JSON_DEPTH = 32, VALUE_CHARS = 60 };

struct body {
    struct slc_mail_doc *doc;
    const struct slc_mail_load *load;
    struct slc_buf line; /* the sentence at hand */
};

/* ---- META --------------------------------------------------------------- */

static struct slc_str meta(const struct body *body, const char *field)
{
    return body->load->meta_state ? body->load->meta(body->load->meta_state, field)
                                  : (struct slc_str){0};
}

static struct json_object *meta_json(const struct body *body, const char *field,
                                     enum json_type type)
{
    struct json_object *value = slc_json_tree(meta(body, field), JSON_DEPTH);

    if (value && !json_object_is_type(value, type)) {
        json_object_put(value);
        value = NULL;
    }
    return value;
}

static struct slc_str json_text(struct json_object *value)
{
    if (json_object_is_type(value, json_type_string))
        return (struct slc_str){.data = json_object_get_string(value),
                                .len = (size_t)json_object_get_string_len(value)};
    return slc_str_from(value ? json_object_get_string(value) : "missing");
}

static struct slc_str member_text(struct json_object *object, const char *key)
{
    struct json_object *value;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value))
        return (struct slc_str){0};
    return json_text(value);
}

static int64_t meta_int(const struct body *body, const char *field)
{
    struct slc_str text = meta(body, field);
    int64_t value;

    return text.data && slc_parse_int64(text.data, text.len, &value) ? value : -1;
}

/* ---- Lines -------------------------------------------------------------- */

static void fact(struct body *body, const char *name)
{
    slc_mail_doc_fact(body->doc, slc_str_from(name), slc_buf_view(&body->line), -1);
    slc_buf_clear(&body->line);
}

static void item(struct body *body)
{
    slc_mail_doc_item(body->doc, slc_buf_view(&body->line));
    slc_buf_clear(&body->line);
}

/* "a, b, c and 4 more" of an array, by its items' texts. */
static void append_names(struct slc_buf *line, struct json_object *names)
{
    size_t count = json_object_array_length(names);

    for (size_t i = 0; i < count && i < LIST_MAX; i++) {
        slc_buf_append_text(line, i ? ", " : "");
        slc_show_text(line, json_text(json_object_array_get_idx(names, i)), VALUE_CHARS);
    }
    if (count > LIST_MAX)
        slc_buf_printf(line, " and %zu more", count - LIST_MAX);
}

static void append_duration(struct slc_buf *line, struct slc_str seconds)
{
    double value;

    if (seconds.data && slc_parse_double(seconds.data, seconds.len, &value) && value >= 0) {
        if (value >= 60)
            slc_buf_printf(line, "%" PRId64 " min %d s", (int64_t)(value / 60),
                           (int)((int64_t)value % 60));
        else
            slc_buf_printf(line, "%.*s s", SLC_STR_ARG(seconds));
    }
}

/* ---- What the table is ---------------------------------------------------- */

static void say_shape(struct body *body)
{
    SLC_AUTO_JSON struct json_object *shape = meta_json(body, "DF_SHAPE", json_type_array);
    struct slc_str index = meta(body, "INDEX_COLUMN");

    if (!shape || json_object_array_length(shape) != 2)
        return;
    slc_show_plural(&body->line, json_object_get_int64(json_object_array_get_idx(shape, 0)), "row",
                    "rows");
    slc_buf_append_text(&body->line, " x ");
    slc_show_plural(&body->line, json_object_get_int64(json_object_array_get_idx(shape, 1)),
                    "column", "columns");
    if (index.data && index.len > 0) {
        slc_buf_append_text(&body->line, ", by ");
        slc_show_text(&body->line, index, VALUE_CHARS);
    }
    fact(body, "Shape");
}

static void say_rows(struct body *body)
{
    const struct slc_mail_load *load = body->load;

    slc_show_count(&body->line, load->rows_read);
    slc_buf_append_text(&body->line, " read, ");
    slc_show_count(&body->line, load->rows_written);
    slc_buf_append_text(&body->line, " written, ");
    slc_show_count(&body->line, load->rows_rejected);
    slc_buf_append_text(&body->line, " rejected, ");
    slc_show_count(&body->line, load->duplicate_keys);
    slc_buf_append_text(&body->line, " with a key that came again");
    fact(body, "Rows");
}

static void say_memory(struct body *body)
{
    int64_t before = meta_int(body, "MEMORY_BEFORE"), after = meta_int(body, "MEMORY_AFTER");

    if (before < 0 || after < 0)
        return;
    slc_show_bytes(&body->line, before);
    slc_buf_append_text(&body->line, " -> ");
    slc_show_bytes(&body->line, after);
    slc_buf_append_text(&body->line, " as typed columns");
    if (after < before) {
        slc_buf_append_text(&body->line, ", ");
        slc_show_share(&body->line, before - after, before);
        slc_buf_append_text(&body->line, " saved");
    }
    fact(body, "Memory");
}

static void say_facts(struct body *body)
{
    static const struct {
        const char *field, *name;
    } plain[] = {
        {"FROMFPATH", "File"}, {"FILESIZE", "Size"}, {"LOAD_DTTM", "Loaded"}, {"LOAD_ID", "Load"}};

    slc_mail_doc_facts_begin(body->doc);
    say_shape(body);
    say_rows(body);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        struct slc_str value = meta(body, plain[i].field);

        if (!value.data || value.len == 0)
            continue;
        slc_buf_append_str(&body->line, value);
        fact(body, plain[i].name);
    }
    append_duration(&body->line, meta(body, "LOAD_SECONDS"));
    if (body->line.len > 0)
        fact(body, "Load time");
    say_memory(body);
    slc_mail_doc_facts_end(body->doc);
}

/* ---- Findings -------------------------------------------------------------- */

static void say_constants(struct body *body)
{
    SLC_AUTO_JSON struct json_object *names = meta_json(body, "ZERO_STD_COLS", json_type_array);
    SLC_AUTO_JSON struct json_object *values =
        meta_json(body, "ZERO_STD_COLS_VALUES", json_type_array);
    size_t count = names ? json_object_array_length(names) : 0;

    if (count == 0 || !values || json_object_array_length(values) != count)
        return;
    slc_mail_doc_heading(body->doc, "Columns with one value (zero deviation)");
    slc_mail_doc_facts_begin(body->doc);
    for (size_t i = 0; i < count && i < BARS_MAX; i++) {
        struct json_object *value = json_object_array_get_idx(values, i);

        if (value)
            slc_show_text(&body->line, json_text(value), VALUE_CHARS);
        else
            slc_buf_append_text(&body->line, "no values");
        slc_mail_doc_fact(body->doc, json_text(json_object_array_get_idx(names, i)),
                          slc_buf_view(&body->line), -1);
        slc_buf_clear(&body->line);
    }
    slc_mail_doc_facts_end(body->doc);
    if (count > BARS_MAX) {
        slc_buf_printf(&body->line, "and %zu more", count - BARS_MAX);
        item(body);
    }
}

static void say_duplicates(struct body *body)
{
    SLC_AUTO_JSON struct json_object *kept = meta_json(body, "DUPLICATED_COLS", json_type_object);
    int said = 0;

    if (!kept || json_object_object_length(kept) == 0)
        return;
    slc_mail_doc_heading(body->doc, "Columns that are the same in every row");
    json_object_object_foreach(kept, name, same)
    {
        if (said++ == LIST_MAX || !json_object_is_type(same, json_type_array))
            break;
        slc_show_text(&body->line, slc_str_from(name), VALUE_CHARS);
        slc_buf_append_text(&body->line, " = ");
        append_names(&body->line, same);
        item(body);
    }
    if (json_object_object_length(kept) > LIST_MAX) {
        slc_buf_printf(&body->line, "and %d more", json_object_object_length(kept) - LIST_MAX);
        item(body);
    }
}

static void say_missing(struct body *body)
{
    SLC_AUTO_JSON struct json_object *names =
        meta_json(body, "MISSING_DATA_COL_NAMES", json_type_array);
    SLC_AUTO_JSON struct json_object *counts =
        meta_json(body, "MISSING_DATA_COUNT", json_type_array);
    size_t count = names ? json_object_array_length(names) : 0;
    int64_t rows = body->load->rows_read - body->load->rows_rejected;

    if (count == 0 || !counts || json_object_array_length(counts) != count)
        return;
    slc_mail_doc_heading(body->doc, "Columns with missing values");
    slc_mail_doc_facts_begin(body->doc);
    for (size_t i = 0; i < count && i < BARS_MAX; i++) {
        int64_t missing = json_object_get_int64(json_object_array_get_idx(counts, i));

        slc_show_count(&body->line, missing);
        slc_buf_append_text(&body->line, " (");
        slc_show_share(&body->line, missing, rows);
        slc_buf_append_byte(&body->line, ')');
        slc_mail_doc_fact(body->doc, json_text(json_object_array_get_idx(names, i)),
                          slc_buf_view(&body->line), rows > 0 ? (double)missing / (double)rows : 0);
        slc_buf_clear(&body->line);
    }
    slc_mail_doc_facts_end(body->doc);
    if (count > BARS_MAX) {
        slc_buf_printf(&body->line, "and %zu more", count - BARS_MAX);
        item(body);
    }
}

/* ---- Steps ------------------------------------------------------------------ */

/* "impute mean: age, income" for each strategy of a step's document, in the
 * order in which they first come; columns for which nothing was done are left
 * out. */
static void say_step(struct body *body, const char *field, const char *step, bool only_counted)
{
    static const char *const strategies[] = {"mean",   "median",   "most_frequent", "constant",
                                             "minmax", "standard", "maxabs",        "robust"};
    SLC_AUTO_JSON struct json_object *document = meta_json(body, field, json_type_object);
    struct json_object *columns = NULL;

    if (!document || !json_object_object_get_ex(document, "columns", &columns) ||
        !json_object_is_type(columns, json_type_object))
        return;
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++) {
        int said = 0;

        json_object_object_foreach(columns, name, column)
        {
            struct json_object *count = NULL;

            if (!slc_str_is(member_text(column, "strategy"), strategies[i]))
                continue;
            if (only_counted && (!json_object_object_get_ex(column, "count", &count) ||
                                 json_object_get_int64(count) == 0))
                continue;
            if (said == 0)
                slc_buf_printf(&body->line, "%s, %s: ", step, strategies[i]);
            if (said < LIST_MAX) {
                slc_buf_append_text(&body->line, said ? ", " : "");
                slc_show_text(&body->line, slc_str_from(name), VALUE_CHARS);
                if (count) {
                    slc_buf_append_text(&body->line, " (");
                    slc_show_count(&body->line, json_object_get_int64(count));
                    slc_buf_append_byte(&body->line, ')');
                }
            }
            said++;
        }
        if (said > LIST_MAX)
            slc_buf_printf(&body->line, " and %d more", said - LIST_MAX);
        if (said > 0)
            item(body);
    }
}

static void say_repairs(struct body *body)
{
    SLC_AUTO_JSON struct json_object *columns = meta_json(body, "JSON_REPAIR", json_type_object);
    int said = 0;

    if (!columns)
        return;
    json_object_object_foreach(columns, name, counts)
    {
        struct json_object *repaired = NULL, *unrepaired = NULL;

        if (said++ == LIST_MAX || !json_object_is_type(counts, json_type_object) ||
            !json_object_object_get_ex(counts, "repaired", &repaired) ||
            !json_object_object_get_ex(counts, "unrepaired", &unrepaired))
            break;
        slc_buf_append_text(&body->line, "JSON repaired: ");
        slc_show_text(&body->line, slc_str_from(name), VALUE_CHARS);
        slc_buf_append_text(&body->line, " (");
        slc_show_count(&body->line, json_object_get_int64(repaired));
        if (json_object_get_int64(unrepaired) > 0) {
            slc_buf_append_text(&body->line, "; could not be: ");
            slc_show_count(&body->line, json_object_get_int64(unrepaired));
        }
        slc_buf_append_byte(&body->line, ')');
        item(body);
    }
}

static void say_steps(struct body *body)
{
    slc_mail_doc_heading(body->doc, "Steps applied");
    say_repairs(body);
    say_step(body, "IMPUTE", "Missing values filled", true);
    say_step(body, "SCALE", "Scaled", false);
}

/* ---- Drift, rejects ----------------------------------------------------------- */

static void say_drift(struct body *body)
{
    SLC_AUTO_JSON struct json_object *sentences = slc_json_tree(body->load->drift, JSON_DEPTH);

    if (!json_object_is_type(sentences, json_type_array) ||
        json_object_array_length(sentences) == 0)
        return;
    slc_mail_doc_heading(body->doc, "Changed since the load before");
    for (size_t i = 0; i < json_object_array_length(sentences) && i < LIST_MAX; i++) {
        slc_buf_append_str(&body->line, json_text(json_object_array_get_idx(sentences, i)));
        item(body);
    }
}

static void say_rejects(struct body *body)
{
    const struct slc_mail_load *load = body->load;

    if (load->rows_rejected == 0)
        return;
    slc_mail_doc_heading(body->doc, "Rejected rows");
    for (size_t i = 0; i < load->n_rejects; i++) {
        slc_buf_append_text(&body->line, "row ");
        slc_show_count(&body->line, load->rejects[i].row);
        slc_buf_append_text(&body->line, ": ");
        slc_buf_append_str(&body->line, load->rejects[i].reason);
        item(body);
    }
    if (load->rows_rejected > (int64_t)load->n_rejects) {
        slc_buf_append_text(&body->line, load->n_rejects ? "and " : "");
        slc_show_plural(&body->line, load->rows_rejected - (int64_t)load->n_rejects,
                        load->n_rejects ? "more row" : "row",
                        load->n_rejects ? "more rows" : "rows");
        slc_buf_append_text(&body->line, "; all are in the .rejects.csv file beside the ticket");
        item(body);
    }
}

/* ---- Distributions --------------------------------------------------------------- */

/* An end of a histogram: a number as people read it, or a date as it is. */
static void append_end(struct slc_buf *line, struct json_object *histogram, const char *key)
{
    struct slc_str text = member_text(histogram, key);
    double number;

    if (text.data && slc_parse_double(text.data, text.len, &number))
        slc_show_number(line, number);
    else
        slc_show_text(line, text, VALUE_CHARS);
}

static bool draw(struct body *body, const char *name, struct json_object *column)
{
    struct json_object *histogram = NULL, *list = NULL;
    int64_t counts[64];
    size_t n;

    if (!json_object_is_type(column, json_type_object) ||
        !json_object_object_get_ex(column, "histogram", &histogram) ||
        !json_object_is_type(histogram, json_type_object) ||
        !json_object_object_get_ex(histogram, "counts", &list) ||
        !json_object_is_type(list, json_type_array))
        return false;
    n = json_object_array_length(list);
    if (n < 2 || n > sizeof(counts) / sizeof(counts[0]))
        return false;
    for (size_t i = 0; i < n; i++) {
        counts[i] = json_object_get_int64(json_object_array_get_idx(list, i));
        if (counts[i] < 0) /* the metadata may be anybody's */
            return false;
    }
    append_end(&body->line, histogram, "from");
    slc_buf_append_text(&body->line, " … ");
    append_end(&body->line, histogram, "to");
    slc_mail_doc_histogram(body->doc, slc_str_from(name), counts, n, slc_buf_view(&body->line));
    slc_buf_clear(&body->line);
    return true;
}

static void say_distributions(struct body *body)
{
    SLC_AUTO_JSON struct json_object *profile = meta_json(body, "PROFILE", json_type_object);
    struct json_object *columns = NULL;
    bool opened = false;
    int drawn = 0;

    if (!profile || !json_object_object_get_ex(profile, "columns", &columns) ||
        !json_object_is_type(columns, json_type_object))
        return;
    json_object_object_foreach(columns, name, column)
    {
        if (drawn == HISTOGRAMS_MAX)
            break;
        if (!json_object_object_get_ex(column, "histogram", NULL))
            continue;
        if (!opened) {
            slc_mail_doc_heading(body->doc, "Distributions, as in the file");
            slc_mail_doc_facts_begin(body->doc);
            opened = true;
        }
        drawn += draw(body, name, column);
    }
    if (opened)
        slc_mail_doc_facts_end(body->doc);
}

/* ---- Loads -------------------------------------------------------------------------- */

static void say_error(struct body *body)
{
    const struct slc_error *error = body->load->error;
    char text[SLC_ERROR_TEXT_BYTES];

    slc_buf_append_text(&body->line, slc_error_format(error, text, sizeof(text)));
    slc_mail_doc_paragraph(body->doc, slc_buf_view(&body->line), SLC_MAIL_BAD);
    slc_buf_clear(&body->line);
    slc_mail_doc_paragraph(
        body->doc,
        error->class == SLC_CLASS_RETRY
            ? SLC_STR("The ticket is as it was, and the load can be tried again. "
                      "The table of the load before, if any, is untouched.")
            : SLC_STR("The ticket is marked FAILED. The table of the load before, "
                      "if any, is untouched."),
        SLC_MAIL_GOOD);
}

static void say_load(struct body *body)
{
    const struct slc_mail_load *load = body->load;

    if (load->error) {
        slc_mail_doc_part(body->doc, load->name, SLC_STR("FAILED"), SLC_MAIL_BAD);
        say_error(body);
        return;
    }
    slc_mail_doc_part(body->doc, load->name, SLC_STR("LOADED"),
                      load->rows_rejected > 0 ? SLC_MAIL_WARN : SLC_MAIL_GOOD);
    say_facts(body);
    say_rejects(body);
    say_drift(body);
    say_constants(body);
    say_duplicates(body);
    say_missing(body);
    say_steps(body);
    say_distributions(body);
}

struct counts {
    int64_t loaded, failed, skipped;
    const struct slc_mail_load *first; /* that is not skipped */
};

static struct counts count(const struct slc_mail_batch *batch)
{
    struct counts counts = {0};

    for (size_t i = 0; i < batch->count; i++) {
        const struct slc_mail_load *load = &batch->loads[i];

        counts.failed += load->error != NULL;
        counts.skipped += !load->error && load->is_skipped;
        counts.loaded += !load->error && !load->is_skipped;
        if (!counts.first && !load->is_skipped)
            counts.first = load;
    }
    return counts;
}

static void append_title(struct slc_buf *title, const struct slc_mail_batch *batch,
                         const struct counts *counts)
{
    if (counts->loaded + counts->failed == 1) {
        slc_show_text(title, counts->first->name, SLC_MAIL_NAME_CHARS);
        if (counts->failed) {
            slc_buf_append_text(title, " could not be loaded");
        } else {
            slc_buf_append_text(title, ": ");
            slc_show_plural(title, counts->first->rows_written, "row", "rows");
            slc_buf_append_text(title, " loaded");
            if (counts->first->rows_rejected > 0) {
                slc_buf_append_text(title, ", ");
                slc_show_count(title, counts->first->rows_rejected);
                slc_buf_append_text(title, " rejected");
            }
        }
        return;
    }
    slc_show_plural(title, counts->loaded, "table", "tables");
    slc_buf_append_text(title, " loaded");
    if (counts->failed > 0) {
        slc_buf_append_text(title, ", ");
        slc_show_count(title, counts->failed);
        slc_buf_append_text(title, " failed");
    }
    if (batch->more > 0)
        slc_buf_printf(title, ", %zu more", batch->more);
}

/* All loads of a batch, a line each. */
static void say_overview(struct body *body, const struct slc_mail_batch *batch)
{
    if (batch->count < 2)
        return;
    slc_mail_doc_facts_begin(body->doc);
    for (size_t i = 0; i < batch->count; i++) {
        const struct slc_mail_load *load = &batch->loads[i];

        if (load->error) {
            slc_buf_append_text(&body->line, "FAILED: ");
            slc_buf_append_text(&body->line, load->error->message);
        } else if (load->is_skipped) {
            slc_buf_append_text(&body->line, "left as it is: its ticket asks for no load any more");
        } else {
            slc_show_plural(&body->line, load->rows_written, "row", "rows");
            if (load->rows_rejected > 0) {
                slc_buf_append_text(&body->line, ", ");
                slc_show_count(&body->line, load->rows_rejected);
                slc_buf_append_text(&body->line, " rejected");
            }
        }
        slc_mail_doc_fact(body->doc, load->name, slc_buf_view(&body->line), -1);
        slc_buf_clear(&body->line);
    }
    slc_mail_doc_facts_end(body->doc);
    if (batch->more > 0) {
        slc_buf_printf(&body->line, "and %zu more", batch->more);
        item(body);
    }
}

static void append_foot(struct slc_buf *foot, const struct slc_mail_batch *batch)
{
    char when[SLC_DATETIME_TEXT_BYTES];
    /* To the second. */
    char *end = slc_write_datetime(when, batch->ended_usec / SLC_USEC_PER_SEC * SLC_USEC_PER_SEC);

    slc_buf_append_text(foot, "sluice " SLC_VERSION);
    if (batch->machine && *batch->machine)
        slc_buf_printf(foot, " on %s", batch->machine);
    slc_buf_printf(foot, ", %.*sZ, batch %s", (int)(end - when), when, batch->batch_id);
}

bool slc_mail_body_write(const struct slc_mail_batch *batch, struct slc_buf *subject,
                         struct slc_buf *text, struct slc_buf *html, struct slc_error *error)
{
    struct slc_mail_doc doc = {0};
    struct body body = {.doc = &doc};
    struct counts counts = count(batch);
    SLC_AUTO_BUF struct slc_buf foot = {0};
    bool rejected = counts.first && counts.first->rows_rejected > 0;
    size_t detailed = 0;

    append_title(&body.line, batch, &counts);
    slc_buf_append_text(subject, "[sluice] ");
    slc_buf_append_str(subject, slc_buf_view(&body.line));
    slc_mail_doc_begin(&doc, slc_buf_view(&body.line),
                       counts.failed ? SLC_MAIL_BAD
                       : rejected    ? SLC_MAIL_WARN
                                     : SLC_MAIL_GOOD);
    slc_buf_clear(&body.line);
    say_overview(&body, batch);
    for (size_t i = 0; i < batch->count && detailed < SLC_MAIL_DETAILED_MAX; i++) {
        body.load = &batch->loads[i];
        if (body.load->is_skipped)
            continue;
        say_load(&body);
        detailed++;
    }
    append_foot(&foot, batch);
    slc_mail_doc_end(&doc, slc_buf_view(&foot));
    slc_buf_append_str(text, slc_buf_view(&doc.text));
    slc_buf_append_str(html, slc_buf_view(&doc.html));
    html->failed |= slc_mail_doc_failed(&doc) || body.line.failed || foot.failed || text->failed ||
                    subject->failed;
    slc_mail_doc_release(&doc);
    slc_buf_release(&body.line);
    return !html->failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
}
