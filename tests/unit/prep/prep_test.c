#include "prep_test.h"

#include <math.h>
#include <string.h>

void table_begin(struct table *table, int64_t n_columns, int64_t n_rows)
{
    struct slc_str names[MAX_TEST_COLUMNS];
    static const char letters[] = "abcdefghijklmnop";

    memset(table, 0, sizeof(*table));
    assert_true(n_columns <= MAX_TEST_COLUMNS);
    for (int64_t i = 0; i < n_columns; i++) {
        names[i] = (struct slc_str){.data = &letters[i], .len = 1};
        table->wishes[i].json_repair = true;
        table->wishes[i].scale_max = 1.0;
    }
    assert_true(slc_schema_init(&table->schema, names, n_columns));
    assert_true(slc_chunk_begin(&table->chunk, n_columns));
    table->chunk.n_rows = n_rows;
    for (int64_t i = 0; i < n_columns; i++) {
        table->chunk.columns[i].requested = true;
        table->chunk.columns[i].n_missing = n_rows;
    }
    table->options = (struct slc_prep_options){
        .wishes = table->wishes, .index_column = -1, .today = 19000, /* 2022-01-08 */
    };
}

void *table_column(struct table *table, int64_t column, enum slc_type type)
{
    struct slc_column *to = &table->chunk.columns[column];

    table->schema.fields[column].type = type;
    to->type = type;
    to->n_missing = 0;
    to->data = slc_chunk_values(&table->chunk, type);
    assert_non_null(to->data);
    memset(to->data, 0, (size_t)table->chunk.n_rows * slc_type_width_bytes(type));
    return to->data;
}

void table_clear(struct table *table, int64_t column, int64_t row)
{
    struct slc_column *in = &table->chunk.columns[column];
    size_t width = slc_type_width_bytes(in->type);

    if (!in->valid)
        in->valid = slc_chunk_bitmap(&table->chunk);
    assert_non_null(in->valid);
    in->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
    in->n_missing++;
    memset((char *)in->data + (size_t)row * width, 0, width);
}

void table_numbers(struct table *table, int64_t column, enum slc_type type, const double *values)
{
    struct slc_column *to = &table->chunk.columns[column];

    table_column(table, column, type);
    for (int64_t row = 0; row < table->chunk.n_rows; row++) {
        if (isnan(values[row]))
            table_clear(table, column, row);
        else if (type == SLC_TYPE_BOOL)
            to->bools[row] = values[row] != 0.0;
        else if (type == SLC_TYPE_DATE)
            to->dates[row] = (int32_t)values[row];
        else if (type == SLC_TYPE_UINT64)
            to->uint64s[row] = (uint64_t)values[row];
        else if (type == SLC_TYPE_FLOAT64)
            to->float64s[row] = values[row];
        else
            to->int64s[row] = (int64_t)values[row];
    }
}

void table_texts(struct table *table, int64_t column, const char *const *texts)
{
    struct slc_str *to = table_column(table, column, SLC_TYPE_TEXT);

    for (int64_t row = 0; row < table->chunk.n_rows; row++) {
        if (texts[row])
            to[row] = slc_str_from(texts[row]);
        else
            table_clear(table, column, row);
    }
}

void table_profile(struct table *table)
{
    assert_true(slc_profile_new(table->schema.n_fields, 1 << 24, &table->profile, &table->error));
    assert_true(slc_profile_fold(table->profile, &table->chunk, &table->error));
    for (int64_t i = 0; i < table->schema.n_fields; i++)
        slc_profile_summarize(table->profile, i, &table->summaries[i]);
}

void table_fit(struct table *table)
{
    bool good = slc_plan_fit(&table->schema, table->summaries, table->profile, &table->options,
                             &table->plan, &table->error);

    assert_string_equal(table->error.message, "");
    assert_true(good);
}

void table_apply(struct table *table)
{
    slc_outcome_init(table->outcomes, table->schema.n_fields);
    assert_true(slc_plan_apply(&table->plan, &table->chunk, table->outcomes, &table->error));
}

void table_run(struct table *table)
{
    table_profile(table);
    table_fit(table);
    table_apply(table);
}

void table_end(struct table *table)
{
    slc_plan_release(&table->plan);
    slc_profile_free(table->profile);
    slc_schema_release(&table->schema);
    slc_chunk_release(&table->chunk);
}

void assert_close(double got, double expected)
{
    if (isnan(expected) && isnan(got))
        return;
    if (got == expected || fabs(got - expected) <= 1e-12 * fmax(1.0, fabs(expected)))
        return;
    fail_msg("got %.17g instead of %.17g", got, expected);
}
