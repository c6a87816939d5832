#include "profile/accumulator.h"

#include <stdlib.h>

#include "profile/gather.h"

#include "base/utf8.h"

void slc_accumulator_release(struct slc_accumulator *accumulator)
{
    slc_numbers_free(accumulator->numbers);
    slc_texts_free(accumulator->texts);
    free(accumulator->first_text);
    *accumulator = (struct slc_accumulator){0};
}

/* Which rows have a value goes into the digest in one form for all the ways
 * that a chunk may say it. */
static int64_t fold_validity(const struct slc_column *column, int64_t n_rows,
                             struct slc_digest128 *digest)
{
    int64_t head[2] = {n_rows, 0}; /* rows, values */

    if (column->type != SLC_TYPE_NULL) {
        head[1] = n_rows;
        if (column->valid) {
            head[1] = 0;
            for (int64_t at = 0; at < n_rows; at += 64)
                head[1] += __builtin_popcountll(slc_gather_word(column->valid, 0, at, n_rows));
        }
    }
    slc_digest128_add(digest, head, sizeof(head));
    if (head[1] == 0 || head[1] == n_rows)
        return head[1];
    for (int64_t row = 0; row < n_rows; row += SLC_GATHER_ROWS) {
        uint64_t words[SLC_GATHER_ROWS / 64];
        int64_t n = n_rows - row < SLC_GATHER_ROWS ? n_rows - row : SLC_GATHER_ROWS;
        size_t n_words = 0;

        for (int64_t at = 0; at < n; at += 64)
            words[n_words++] = slc_gather_word(column->valid, row, at, n);
        slc_digest128_add(digest, words, n_words * sizeof(*words));
    }
    return head[1];
}

static bool keep_first(struct slc_accumulator *accumulator, const struct slc_column *column,
                       int64_t n_rows)
{
    struct slc_value *first = &accumulator->first;
    int64_t row = 0;

    while (row < n_rows && !slc_column_has(column, row))
        row++;
    if (row == n_rows)
        return true;
    switch (column->type) {
    case SLC_TYPE_BOOL:
        first->boolean = column->bools[row] != 0;
        break;
    case SLC_TYPE_DATE:
        first->int64 = column->dates[row];
        break;
    case SLC_TYPE_FLOAT64:
        first->float64 = column->float64s[row];
        break;
    case SLC_TYPE_INT64:
    case SLC_TYPE_DATETIME:
        first->int64 = column->int64s[row];
        break;
    case SLC_TYPE_UINT64:
        first->uint64 = column->uint64s[row];
        break;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        first->text = slc_utf8_clip(column->texts[row], SLC_TEXT_SHOWN_BYTES);
        accumulator->first_text = slc_str_dup(first->text);
        if (!accumulator->first_text)
            return false;
        first->text.data = accumulator->first_text;
        break;
    case SLC_TYPE_NULL:
        return true;
    }
    first->type = column->type;
    return true;
}

static void fold_bools(struct slc_accumulator *accumulator, const struct slc_column *column,
                       int64_t n_rows, struct slc_digest128 *digest)
{
    for (int64_t row = 0; row < n_rows; row += SLC_GATHER_ROWS) {
        uint64_t words[SLC_GATHER_ROWS / 64];
        int64_t n = n_rows - row < SLC_GATHER_ROWS ? n_rows - row : SLC_GATHER_ROWS;
        size_t n_words = 0;

        for (int64_t at = 0; at < n; at += 64) {
            int64_t n_bits = n - at < 64 ? n - at : 64;
            uint64_t has, word = 0;

            for (int64_t bit = 0; bit < n_bits; bit++)
                word |= (uint64_t)(column->bools[row + at + bit] != 0) << bit;
            has = n_bits < 64 ? (UINT64_C(1) << n_bits) - 1 : UINT64_MAX;
            if (column->valid)
                has = slc_gather_word(column->valid, row, at, n);
            word &= has;
            accumulator->n_true += __builtin_popcountll(word);
            accumulator->n_false += __builtin_popcountll(has ^ word);
            words[n_words++] = word;
        }
        slc_digest128_add(digest, words, n_words * sizeof(*words));
    }
}

/* Make room for a column of the type. */
static bool begin(struct slc_accumulator *accumulator, enum slc_type type)
{
    if (type == SLC_TYPE_BOOL) {
        accumulator->type = type;
        return true;
    }
    if (slc_type_is_text(type))
        accumulator->texts = slc_texts_new(type);
    else
        accumulator->numbers = slc_numbers_new(type);
    if (!accumulator->texts && !accumulator->numbers)
        return false;
    accumulator->type = type;
    return true;
}

bool slc_accumulator_fold(struct slc_accumulator *accumulator, const struct slc_column *column,
                          int64_t n_rows, const struct slc_sizes *sizes,
                          struct slc_digest128 *digest, struct slc_error *error)
{
    int64_t n_values = fold_validity(column, n_rows, digest);
    bool good = true;

    accumulator->n_rows += n_rows;
    accumulator->n_missing += n_rows - n_values;
    if (column->type == SLC_TYPE_NULL)
        return true;
    if (accumulator->type == SLC_TYPE_NULL)
        good = begin(accumulator, column->type);
    else if (accumulator->type != column->type)
        return slc_fail(error, SLC_ERR_INTERNAL, "a column was %s and is %s in a later chunk",
                        slc_type_name(accumulator->type), slc_type_name(column->type));
    if (good && accumulator->first.type == SLC_TYPE_NULL)
        good = keep_first(accumulator, column, n_rows);
    if (good && n_values > 0) {
        if (accumulator->numbers)
            good = slc_numbers_fold(accumulator->numbers, column, n_rows, sizes, digest);
        else if (accumulator->texts)
            good = slc_texts_fold(accumulator->texts, column, n_rows, sizes, digest);
        else
            fold_bools(accumulator, column, n_rows, digest);
    }
    return good || slc_fail(error, SLC_ERR_MEMORY, "memory ran out while profiling a column");
}
