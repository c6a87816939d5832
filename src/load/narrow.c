#include "load/narrow.h"

/* A column may have some 65536 different texts to be called one of few; what counts
 * here is that a chunk's rows share them. */
enum { ROWS_PER_TEXT = 2 };

static bool is_filled(const struct slc_column_plan *column, const struct slc_summary *summary)
{
    return column->impute != SLC_IMPUTE_NONE && summary->n_missing > 0;
}

static uint8_t signed_bits(int64_t min, int64_t max)
{
    if (min >= INT8_MIN && max <= INT8_MAX)
        return 8;
    if (min >= INT16_MIN && max <= INT16_MAX)
        return 16;
    return min >= INT32_MIN && max <= INT32_MAX ? 32 : 0;
}

static uint8_t unsigned_bits(uint64_t max)
{
    return max <= UINT8_MAX ? 8 : max <= UINT16_MAX ? 16 : max <= UINT32_MAX ? 32 : 0;
}

static uint8_t whole_bits(const struct slc_column_plan *column, const struct slc_summary *summary)
{
    int64_t min = summary->min.int64, max = summary->max.int64;

    if (summary->min.type != SLC_TYPE_INT64 || summary->max.type != SLC_TYPE_INT64)
        return 0;
    if (is_filled(column, summary)) {
        if (column->fill.type != SLC_TYPE_INT64)
            return 0;
        min = column->fill.int64 < min ? column->fill.int64 : min;
        max = column->fill.int64 > max ? column->fill.int64 : max;
    }
    return signed_bits(min, max);
}

static uint8_t natural_bits(const struct slc_column_plan *column, const struct slc_summary *summary)
{
    uint64_t max = summary->max.uint64;

    if (summary->max.type != SLC_TYPE_UINT64)
        return 0;
    if (is_filled(column, summary)) {
        if (column->fill.type != SLC_TYPE_UINT64)
            return 0;
        max = column->fill.uint64 > max ? column->fill.uint64 : max;
    }
    return unsigned_bits(max);
}

/* Scaled ones are known only when they are, unless all are rounded. */
static uint8_t fraction_bits(const struct slc_column_plan *column,
                             const struct slc_summary *summary, bool is_fitted)
{
    double fill = column->fill.type == SLC_TYPE_FLOAT64 ? column->fill.float64 : 0.0;

    if (column->downcast == SLC_DOWNCAST_LOSSY && is_fitted)
        return 32;
    if (column->scale != SLC_SCALE_NONE || !summary->fits_float32)
        return 0;
    if (is_filled(column, summary) &&
        (column->fill.type != SLC_TYPE_FLOAT64 || (double)(float)fill != fill))
        return 0;
    return 32;
}

static uint8_t text_bits(const struct slc_column_plan *column, const struct slc_summary *summary,
                         int64_t chunk_rows)
{
    int64_t n = summary->n_distinct + is_filled(column, summary);

    if (!summary->distinct_is_exact || n > chunk_rows / ROWS_PER_TEXT)
        return 0;
    return n <= INT8_MAX ? 8 : n <= INT16_MAX ? 16 : 32;
}

struct slc_narrow slc_narrow_column(const struct slc_column_plan *column,
                                    const struct slc_summary *summary, enum slc_type type,
                                    int64_t chunk_rows, bool is_fitted)
{
    struct slc_narrow narrow = {0};

    if (column->downcast == SLC_DOWNCAST_OFF || summary->n_missing == summary->n_rows)
        return narrow;
    if (type == SLC_TYPE_INT64)
        narrow.bits = whole_bits(column, summary);
    else if (type == SLC_TYPE_UINT64)
        narrow.bits = natural_bits(column, summary);
    else if (type == SLC_TYPE_FLOAT64)
        narrow.bits = fraction_bits(column, summary, is_fitted);
    else if (type == SLC_TYPE_TEXT && column->in_type == SLC_TYPE_TEXT)
        narrow.index_bits = text_bits(column, summary, chunk_rows);
    return narrow;
}
