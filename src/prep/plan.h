/* The plan: everything that preprocessing learnt from a table, column by
 * column, and its application to chunks.
 *
 *     fit:   summaries (profile/) + options -> plan    pure, once
 *     apply: plan + chunk -> transformed chunk         any thread, any number
 *
 * Nothing but the plan passes from the survey to the delivery, so a plan can
 * transform rows that it never saw. Steps run in this order in every column:
 * json_repair, impute, scale, downcast; drop_constant and drop_duplicated take
 * whole columns out. Results equal scikit-learn's SimpleImputer, MinMaxScaler,
 * StandardScaler, MaxAbsScaler and RobustScaler (1.2), operation by operation. */
#ifndef SLC_PREP_PLAN_H
#define SLC_PREP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"
#include "frame/schema.h"
#include "profile/profile.h"

enum slc_impute {
    SLC_IMPUTE_MEAN,
    SLC_IMPUTE_MEDIAN,
    SLC_IMPUTE_MOST_FREQUENT,
    SLC_IMPUTE_CONSTANT,
    SLC_IMPUTE_NONE,
    SLC_IMPUTE_AUTO, /* median where |skewness| > 1, else mean */
};

enum slc_scale {
    SLC_SCALE_MINMAX,
    SLC_SCALE_STANDARD,
    SLC_SCALE_MAXABS,
    SLC_SCALE_ROBUST,
    SLC_SCALE_NONE,
};

enum slc_downcast { SLC_DOWNCAST_ON, SLC_DOWNCAST_OFF, SLC_DOWNCAST_LOSSY };

/* What is wished for one column. */
struct slc_prep_wish {
    enum slc_impute impute;
    struct slc_str impute_value; /* for CONSTANT, as text; data NULL: 0 or "" */
    enum slc_scale scale;
    double scale_min, scale_max; /* for MINMAX: feature_range, the first less than the second */
    bool scale_clip;             /* for MINMAX: clip */
    enum slc_downcast downcast;
    bool json_repair;
    bool drop;                   /* leave the column out */
};

struct slc_prep_options {
    const struct slc_prep_wish *wishes; /* one a field of the schema */
    bool drop_constant;
    bool drop_duplicated;
    int64_t index_column;  /* never transformed nor dropped; -1: none */
    int32_t today;         /* what an empty date column gets, days since 1970 */
};

enum slc_dropped { SLC_KEPT, SLC_DROPPED_BY_OPTION, SLC_DROPPED_CONSTANT, SLC_DROPPED_DUPLICATED };

struct slc_column_plan {
    struct slc_str name;
    enum slc_type in_type;   /* as read */
    enum slc_type out_type;  /* after the steps, before downcast */
    bool is_index;
    enum slc_dropped dropped;
    bool repair;             /* JSON text: repair each value */
    /* What is done, after AUTO and the fallbacks for types: a fill is fitted
     * even where no value was missing, for rows that are yet to come. NONE by
     * wish, or when nothing was missing and the wished constant does not suit
     * the type. */
    enum slc_impute impute;
    /* Of out_type, but for two cases: it keeps its whole type where a scaler
     * makes doubles of whole numbers, and it may be FLOAT64 in a column of whole
     * numbers that had no gap (chunks with gaps then become FLOAT64). Texts live
     * in the plan's arena. */
    struct slc_value fill;
    enum slc_scale scale;
    /* transformed = x * multiplier + offset for MINMAX, (x - center) / divisor
     * for the others, MINMAX clipped to its range by wish; see docs/plan.md. */
    double data_min, data_max;      /* MINMAX, of the imputed column */
    double range_min, range_max;    /* MINMAX: what these become, feature_range */
    bool clip;                      /* MINMAX: to range_min, range_max */
    double multiplier, offset;      /* MINMAX: scikit-learn's scale_, min_ */
    double center, divisor;         /* STANDARD: mean_, scale_; MAXABS: 0, scale_; ROBUST: center_, scale_ */
    double variance;                /* STANDARD: var_ */
    enum slc_downcast downcast;
    bool fit_is_exact;              /* no sketch went into the parameters */
};

/* A column of which nothing is changed; its name is the field's. */
struct slc_column_plan slc_column_plan_as_is(const struct slc_field *field);

struct slc_plan {
    int64_t n_columns;
    struct slc_column_plan *columns; /* one a field of the schema, in its order */
    struct slc_arena arena;
};

/* Fit. `summaries` has one entry a field of the schema, whose types are the
 * final ones. Errors: CONFIG (an impute_value that is not of the column's type, or
 * a scale_max that is not above scale_min, naming the column; a strategy that makes no sense for its type falls back as the
 * contract says: means of texts become ""), MEMORY. */
bool slc_plan_fit(const struct slc_schema *schema, const struct slc_summary *summaries,
                  struct slc_profile *profile, const struct slc_prep_options *options,
                  struct slc_plan *ret_plan, struct slc_error *error);
void slc_plan_release(struct slc_plan *plan);

/* What apply learns on the way, one an output column; mergeable over threads. */
struct slc_outcome {
    int64_t n_values;           /* after the steps: read or filled in */
    int64_t n_imputed;
    int64_t n_repaired;         /* JSON texts that became other, valid text */
    int64_t n_unrepaired;       /* that stayed as they were */
    int64_t first_unrepaired_row; /* data row, 0: none */
    int64_t repair_bytes;       /* by which the repaired texts grew, or shrank */
    bool fits_float32;          /* every number survives float */
    bool is_integral;           /* every number is a whole number within int64 or uint64 */
    bool has_missing;
    double min, max;            /* of the finite numbers; +inf and -inf when there is none */
};

/* Make `n_columns` outcomes empty. */
void slc_outcome_init(struct slc_outcome *outcomes, int64_t n_columns);
void slc_outcome_merge(struct slc_outcome *into, const struct slc_outcome *from, int64_t n_columns);

/* Transform the chunk's columns in place (new buffers come from the chunk's
 * arena). Columns were parsed as in_type or are NULL in this chunk, but the
 * index, which may be TEXT. Dropped columns, the index and columns that were
 * not requested are left alone. `outcomes` has one entry a column and is added
 * to. Errors: MEMORY, INTERNAL (the chunk is not of the plan's columns). */
bool slc_plan_apply(const struct slc_plan *plan, struct slc_chunk *chunk,
                    struct slc_outcome *outcomes, struct slc_error *error);

/* The type a column ends as after downcast, by its outcome: "int8".."uint64",
 * "float32", "float64", "bool", "date", "datetime", "text", "category" (text
 * of few values), "json". */
const char *slc_plan_final_type(const struct slc_column_plan *column, const struct slc_summary *summary,
                                const struct slc_outcome *outcome);

/* Bytes that the table takes as typed columns before and after the steps and
 * downcast (values, slices of texts as 8-byte offsets, texts' bytes, bitmaps). */
void slc_plan_memory(const struct slc_plan *plan, const struct slc_summary *summaries,
                     const struct slc_outcome *outcomes, int64_t n_rows, int64_t *ret_before_bytes,
                     int64_t *ret_after_bytes);

/* META's IMPUTE and SCALE documents: {"version":1,"columns":{name:{"strategy":"mean",
 * "value":12.5,...}}}; see docs/plan.md. */
void slc_plan_impute_json(const struct slc_plan *plan, const struct slc_outcome *outcomes,
                          struct slc_buf *buf);
void slc_plan_scale_json(const struct slc_plan *plan, struct slc_buf *buf);

#endif
