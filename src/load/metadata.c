#include "load/metadata.h"

#include <inttypes.h>

#include "base/json.h"

enum { MAX_FIELDS = 40 };

struct builder {
    const struct slc_metadata_input *input;
    struct slc_arena *arena;
    struct slc_meta_field *fields;
    int64_t n_fields;
    struct slc_buf text; /* the value being written */
    bool failed;
};

static void add(struct builder *b, const char *name, struct slc_str value)
{
    struct slc_str copy = slc_arena_copy(b->arena, value);

    b->failed |= !copy.data || b->n_fields == MAX_FIELDS;
    if (!b->failed)
        b->fields[b->n_fields++] = (struct slc_meta_field){.name = name, .value = copy};
}

static void add_text(struct builder *b, const char *name, const char *value)
{
    add(b, name, slc_str_from(value));
}

static void add_int(struct builder *b, const char *name, int64_t value)
{
    slc_buf_clear(&b->text);
    slc_json_int64(&b->text, value);
    add(b, name, slc_buf_view(&b->text));
}

/* What stands in b->text. */
static void add_written(struct builder *b, const char *name)
{
    b->failed |= b->text.failed;
    add(b, name, slc_buf_view(&b->text));
    slc_buf_clear(&b->text);
}

static void add_size(struct builder *b)
{
    double megabytes = (double)b->input->result->size_bytes / 1e6;

    slc_buf_clear(&b->text);
    if (megabytes >= 0.05) {
        slc_buf_printf(&b->text, "%.1f MB", megabytes);
    } else { /* of small files "0.0 MB" would say nothing */
        slc_json_double(&b->text, megabytes);
        slc_buf_append_text(&b->text, " MB");
    }
    add_written(b, "FILESIZE");
}

static void add_columns(struct builder *b)
{
    const struct slc_metadata_input *in = b->input;
    struct slc_buf *text = &b->text;

    slc_buf_clear(text);
    slc_buf_append_byte(text, '[');
    for (int64_t i = 0; i < in->layout->n_columns; i++) {
        slc_json_comma(text);
        slc_json_string(text, in->plan->columns[in->layout->columns[i]].name);
    }
    slc_buf_append_byte(text, ']');
    add_written(b, "COLUMNS");
    slc_buf_printf(text, "[%" PRId64 ",%" PRId64 "]", in->result->rows_written,
                   in->layout->n_columns);
    add_written(b, "DF_SHAPE");
    slc_buf_append_byte(text, '{');
    for (int64_t i = 0; i < in->layout->n_columns; i++) {
        int64_t field = in->layout->columns[i];

        slc_json_key_str(text, in->plan->columns[field].name);
        slc_json_text(text,
                      slc_plan_final_type(&in->plan->columns[field], &in->survey->summaries[field],
                                          &in->outcomes[field]));
    }
    slc_buf_append_byte(text, '}');
    add_written(b, "DTYPES");
}

static void add_constants(struct builder *b)
{
    const struct slc_survey *survey = b->input->survey;
    SLC_AUTO_BUF struct slc_buf values = {0};

    slc_buf_append_byte(&b->text, '[');
    slc_buf_append_byte(&values, '[');
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        if (!survey->summaries[i].is_constant)
            continue;
        slc_json_comma(&b->text);
        slc_json_string(&b->text, survey->schema.fields[i].name);
        slc_json_comma(&values);
        slc_value_json(&values, &survey->summaries[i].first);
    }
    slc_buf_append_byte(&b->text, ']');
    slc_buf_append_byte(&values, ']');
    b->failed |= values.failed;
    add_written(b, "ZERO_STD_COLS");
    add(b, "ZERO_STD_COLS_VALUES", slc_buf_view(&values));
}

static void add_duplicates(struct builder *b)
{
    const struct slc_survey *survey = b->input->survey;
    int64_t n = survey->schema.n_fields;

    slc_buf_append_byte(&b->text, '{');
    for (int64_t kept = 0; kept < n; kept++) {
        bool any = false;

        for (int64_t i = kept + 1; i < n; i++) {
            if (survey->summaries[i].duplicate_of != kept)
                continue;
            if (!any) {
                slc_json_key_str(&b->text, survey->schema.fields[kept].name);
                slc_buf_append_byte(&b->text, '[');
            }
            any = true;
            slc_json_comma(&b->text);
            slc_json_string(&b->text, survey->schema.fields[i].name);
        }
        if (any)
            slc_buf_append_byte(&b->text, ']');
    }
    slc_buf_append_byte(&b->text, '}');
    add_written(b, "DUPLICATED_COLS");
}

static void add_missing(struct builder *b)
{
    const struct slc_survey *survey = b->input->survey;
    SLC_AUTO_BUF struct slc_buf counts = {0};

    slc_buf_append_byte(&b->text, '[');
    slc_buf_append_byte(&counts, '[');
    for (int64_t i = 0; i < survey->schema.n_fields; i++) {
        if (survey->summaries[i].n_missing == 0)
            continue;
        slc_json_comma(&b->text);
        slc_json_string(&b->text, survey->schema.fields[i].name);
        slc_json_comma(&counts);
        slc_json_int64(&counts, survey->summaries[i].n_missing);
    }
    slc_buf_append_byte(&b->text, ']');
    slc_buf_append_byte(&counts, ']');
    b->failed |= counts.failed;
    add_written(b, "MISSING_DATA_COL_NAMES");
    add(b, "MISSING_DATA_COUNT", slc_buf_view(&counts));
}

/* Per column of JSON text: how many values were repaired, and how many could
 * not be, with the first such row. */
static void add_repairs(struct builder *b)
{
    const struct slc_plan *plan = b->input->plan;

    slc_buf_append_byte(&b->text, '{');
    for (int64_t i = 0; i < plan->n_columns; i++) {
        const struct slc_outcome *outcome = &b->input->outcomes[i];

        if (!plan->columns[i].repair || plan->columns[i].dropped)
            continue;
        slc_json_key_str(&b->text, plan->columns[i].name);
        slc_buf_printf(&b->text, "{\"repaired\":%" PRId64 ",\"unrepaired\":%" PRId64,
                       outcome->n_repaired, outcome->n_unrepaired);
        if (outcome->n_unrepaired > 0)
            slc_buf_printf(&b->text, ",\"first_unrepaired_row\":%" PRId64,
                           outcome->first_unrepaired_row);
        slc_buf_append_byte(&b->text, '}');
    }
    slc_buf_append_byte(&b->text, '}');
    add_written(b, "JSON_REPAIR");
}

/* The columns in the order in which they stand in the rows, which is not that
 * of the file when the plan was fitted on another one. */
static void add_steps(struct builder *b)
{
    const struct slc_metadata_input *in = b->input;
    size_t n = (size_t)in->layout->n_columns + 1;
    struct slc_plan in_rows = {.n_columns = in->layout->n_columns};
    struct slc_outcome *outcomes = slc_arena_calloc(b->arena, n, sizeof(*outcomes));

    in_rows.columns = slc_arena_calloc(b->arena, n, sizeof(*in_rows.columns));
    if (!in_rows.columns || !outcomes) {
        b->failed = true;
        return;
    }
    for (int64_t i = 0; i < in->layout->n_columns; i++) {
        in_rows.columns[i] = in->plan->columns[in->layout->columns[i]];
        outcomes[i] = in->outcomes[in->layout->columns[i]];
    }
    slc_plan_impute_json(&in_rows, outcomes, &b->text);
    add_written(b, "IMPUTE");
    slc_plan_scale_json(&in_rows, &b->text);
    add_written(b, "SCALE");
}

static void add_documents(struct builder *b)
{
    const struct slc_metadata_input *in = b->input;

    add_steps(b);
    add(b, "PLAN", in->plan_document);
    add(b, "DRIFT", in->drift);
    slc_profile_json(&b->text, &in->survey->schema, in->survey->summaries);
    add_written(b, "PROFILE");
}

static void add_counts(struct builder *b)
{
    const struct slc_load_result *result = b->input->result;

    add_int(b, "ROWS_READ", result->rows_read);
    add_int(b, "ROWS_WRITTEN", result->rows_written);
    add_int(b, "ROWS_REJECTED", result->rows_rejected);
    add_int(b, "DUPLICATE_KEYS", result->duplicate_keys);
    add_int(b, "MEMORY_BEFORE", result->memory_before_bytes);
    add_int(b, "MEMORY_AFTER", result->memory_after_bytes);
    slc_buf_clear(&b->text);
    slc_buf_printf(&b->text, "%.3f", result->seconds);
    add_written(b, "LOAD_SECONDS");
}

bool slc_metadata_build(const struct slc_metadata_input *input, struct slc_arena *arena,
                        struct slc_meta_field **ret_fields, int64_t *ret_n_fields,
                        struct slc_error *error)
{
    struct builder b = {.input = input, .arena = arena};
    struct slc_str index = input->index_field >= 0
                               ? input->survey->schema.fields[input->index_field].name
                               : SLC_STR("");

    b.fields = slc_arena_calloc(arena, MAX_FIELDS, sizeof(*b.fields));
    if (!b.fields)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the metadata");
    add(&b, "DB_NAME", input->job->replica);
    add_text(&b, "LOAD_DTTM", input->job->load_dttm);
    add_text(&b, "FROMFPATH", input->job->path);
    add_size(&b);
    add_columns(&b);
    add(&b, "INDEX_COLUMN", index);
    add_constants(&b);
    add_duplicates(&b);
    add_missing(&b);
    add_repairs(&b);
    add_documents(&b);
    add_counts(&b);
    add_text(&b, "LOAD_ID", input->result->load_id);
    add_text(&b, "SOURCE_SHA256", input->result->sha256);
    add_text(&b, "SLUICE_VERSION", SLC_VERSION);
    add(&b, "KEY_ORDER", input->key_order);
    slc_buf_release(&b.text);
    if (b.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the metadata");
    *ret_fields = b.fields;
    *ret_n_fields = b.n_fields;
    return true;
}
