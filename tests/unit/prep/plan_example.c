/* Prints, a line each, the IMPUTE and SCALE documents of a table and its rows
 * before and after, for test_documents.py. */
#include "prep_test.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"

enum { N_ROWS = 8, N_COLUMNS = 9 };

static void print_rows(const struct table *t)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};

    slc_buf_append_byte(&buf, '[');
    for (int64_t row = 0; row < N_ROWS; row++) {
        slc_json_comma(&buf);
        slc_buf_append_byte(&buf, '[');
        for (int64_t i = 0; i < N_COLUMNS; i++) {
            const struct slc_column *column = &t->chunk.columns[i];

            slc_json_comma(&buf);
            if (!slc_column_has(column, row))
                slc_buf_append_text(&buf, "null");
            else if (column->type == SLC_TYPE_TEXT)
                slc_json_string(&buf, column->texts[row]);
            else if (column->type == SLC_TYPE_INT64)
                slc_json_int64(&buf, column->int64s[row]);
            else
                slc_json_double(&buf, column->float64s[row]);
        }
        slc_buf_append_byte(&buf, ']');
    }
    slc_buf_append_byte(&buf, ']');
    puts(slc_buf_text(&buf));
}

int main(void)
{
    static const double numbers[N_ROWS] = {1.5, NAN, -2.25, 10.0, NAN, 3.0, 3.5, 0.1};
    static const double whole[N_ROWS] = {3, NAN, -7, 1000, 12, NAN, 12, 5};
    static const char *const texts[N_ROWS] = {"a", NULL, "b", "c", "", "a", "a", "b"};
    SLC_AUTO_BUF struct slc_buf impute = {0}, scale = {0};
    struct table t;

    table_begin(&t, N_COLUMNS, N_ROWS);
    for (int i = 0; i < 4; i++) {
        table_numbers(&t, i, SLC_TYPE_FLOAT64, numbers);
        t.wishes[i].scale = (enum slc_scale)i; /* minmax, standard, maxabs, robust */
    }
    table_numbers(&t, 4, SLC_TYPE_INT64, whole);
    t.wishes[4].impute = SLC_IMPUTE_MEDIAN;
    t.wishes[4].downcast = SLC_DOWNCAST_LOSSY;
    table_numbers(&t, 5, SLC_TYPE_FLOAT64, numbers);
    t.wishes[5].impute = SLC_IMPUTE_NONE;
    table_texts(&t, 6, texts);
    t.wishes[6].impute = SLC_IMPUTE_MOST_FREQUENT;
    for (int i = 7; i < 9; i++) {
        table_numbers(&t, i, SLC_TYPE_FLOAT64, numbers);
        t.wishes[i].scale_min = i == 7 ? -1 : 0;
        t.wishes[i].scale_max = i == 7 ? 1 : 10;
        t.wishes[i].scale_clip = i == 7;
    }

    table_profile(&t);
    table_fit(&t);
    print_rows(&t);
    table_apply(&t);
    slc_plan_impute_json(&t.plan, t.outcomes, &impute);
    slc_plan_scale_json(&t.plan, &scale);
    print_rows(&t);
    puts(slc_buf_text(&impute));
    puts(slc_buf_text(&scale));
    table_end(&t);
    return 0;
}
