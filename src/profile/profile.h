/* Column statistics over the chunks of a table.
 *
 * One accumulator a column folds chunk after chunk. Folding is in the order of
 * the file: a thread that comes with chunk n waits, column by column, until
 * chunk n-1 has been folded into that column. So the result is the same for any
 * number of threads, to the last bit, and threads follow each other through the
 * columns without standing still.
 *
 * Exact as long as the column's distinct values fit into its share of
 * `memory_bytes`: distinct count, quartiles, most frequent values and histogram
 * come from one table of values and counts. Beyond that the table is given up
 * for sketches, and the summary says so: distinct by HyperLogLog (Flajolet et
 * al. 2007 with the bias-free estimator of Ertl 2017), quantiles and histogram
 * by KLL (Karnin, Lang, Liberty 2016), most frequent values among those that led
 * when the table was given up. With a share of 128 KiB or more the sketches are of
 * full size: 2^14 registers, standard error 0.81 %; k = 2048, rank error below
 * 0.2 % at 99 %. With each halving of the share the registers and k are halved,
 * down to 2^9 (4.6 %) and k = 64 (6.4 %) in 4 KiB; the summary states the errors. Everything else
 * is always exact; sums are kept in double-double arithmetic (106 bits).
 *
 * Missing values are counted and left out of everything else. Infinite values
 * count as distinct values and in min and max, not in mean, deviation, skewness,
 * quartiles and histogram. */
#ifndef SLC_PROFILE_PROFILE_H
#define SLC_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"
#include "frame/schema.h"

struct slc_profile;

/* `memory_bytes` bounds what all columns keep together, tables or sketches, in
 * equal shares; each column's own bookkeeping (0.4 KiB, of texts 1 KiB where the
 * share is of 32 KiB or more) comes on top. While it folds, a thread has one
 * column's table twice, and slc_profile_summarize() and slc_profile_quantile()
 * keep up to a sixteenth more, or one column's values in order.
 * A share of 2^k * 32 bytes holds 2^k * 5/4 different numbers; one of 2^k * 128
 * bytes as many texts, with half of it for the texts' bytes.
 * Errors: MEMORY, LIMIT (a share would be of less than 4 KiB). */
bool slc_profile_new(int64_t n_columns, int64_t memory_bytes, struct slc_profile **ret_profile,
                     struct slc_error *error);
void slc_profile_free(struct slc_profile *profile);

/* Fold the requested columns of the chunk. All chunks of a round come with seq
 * 0, 1, 2, ... in any order of calls from any threads, and a column has one
 * type in all of them, NULL apart (the caller sees to it). Errors: MEMORY,
 * INTERNAL (the type changed all the same), CANCELLED (after
 * slc_profile_cancel(), and for the other threads after one's error). */
bool slc_profile_fold(struct slc_profile *profile, const struct slc_chunk *chunk,
                      struct slc_error *error);

/* Wake and refuse every thread that waits in slc_profile_fold(). */
void slc_profile_cancel(struct slc_profile *profile);

/* Forget a column, to fold it again in a new round. */
void slc_profile_reset_column(struct slc_profile *profile, int64_t column);
/* Start a new round: the next chunk is seq 0. Columns not reset stay as they are. */
void slc_profile_new_round(struct slc_profile *profile);

/* A value of any type, as a column of the profile has it. */
struct slc_value {
    enum slc_type type; /* NULL: no value */
    union {
        bool boolean;
        int64_t int64; /* INT64, DATETIME, DATE (days) */
        uint64_t uint64;
        double float64;
        struct slc_str text; /* borrowed from the profile */
    };
};

enum { SLC_TOP_VALUES = 10, SLC_HISTOGRAM_BINS = 20 };

struct slc_value_count {
    struct slc_value value;
    int64_t count;
};

struct slc_summary {
    enum slc_type type;
    bool distinct_is_exact;
    bool quantiles_are_exact;
    bool fits_float32; /* numbers: every value survives the round trip through float */
    int64_t n_rows;
    int64_t n_missing;
    int64_t n_distinct;
    double distinct_error; /* 0 when exact; standard error of n_distinct as a part of it */
    /* NULL type when there is no value; texts bytewise, clipped at 256 bytes. */
    struct slc_value min, max;
    /* Numbers, and dates as days or microseconds. NaN when undefined, and for
     * booleans, of which n_zero counts the false ones. */
    int64_t n_finite;
    double sum; /* of the finite values */
    double mean;
    double std;          /* sample, ddof 1 */
    double variance;     /* population, ddof 0 */
    double skewness;     /* adjusted Fisher-Pearson, as pandas */
    double quantiles[3]; /* 0.25, 0.5, 0.75, linear interpolation (type 7) */
    /* 0 when exact; how far their ranks are off at most, in 99 of 100 cases, as a
     * part of the values. */
    double quantile_error;
    int64_t n_zero, n_negative, n_infinite;
    double finite_min, finite_max; /* as double */
    double max_abs;
    /* Texts, in characters. */
    int64_t text_min_len, text_max_len;
    double text_mean_len;
    int64_t text_bytes;
    int64_t distinct_text_bytes; /* of the distinct values; -1 when not exact */
    /* Values by falling count, equal counts by rising value. */
    struct slc_value_count top[SLC_TOP_VALUES];
    int n_top;
    bool top_is_exact;
    /* Numbers and dates: equal-width bins over [finite_min, finite_max], as
     * numpy.histogram has them. */
    int64_t histogram[SLC_HISTOGRAM_BINS];
    int n_bins;             /* 0: none */
    bool is_constant;       /* one value and none missing, or nothing but missing (n_rows > 0) */
    int64_t duplicate_of;   /* the first column that is equal in every row; -1 */
    struct slc_value first; /* the first value that is not missing (texts clipped at 256 bytes) */
};

/* After the last fold. Cheap for all but exact quantiles, which sort the
 * column's distinct values. Texts in the summary live until the column is
 * folded again, reset or freed. When memory runs out, quantiles are NaN and there
 * is no histogram. One thread at a time, and none folding. */
void slc_profile_summarize(struct slc_profile *profile, int64_t column, struct slc_summary *ret);

/* The q-quantile (0 to 1, linear interpolation) of the column's finite values
 * together with `extra_count` times `extra_value`; NaN when there is none. After
 * slc_profile_summarize() of the column, under the same conditions. */
double slc_profile_quantile(struct slc_profile *profile, int64_t column, double q,
                            double extra_value, int64_t extra_count);

/* Append a value as JSON (null for none or infinite). */
void slc_value_json(struct slc_buf *buf, const struct slc_value *value);

/* Append the PROFILE document: {"version":1,"rows":n,"columns":{name:{...}}}; see
 * docs/profile.md. `summaries` has one entry a field. */
void slc_profile_json(struct slc_buf *buf, const struct slc_schema *schema,
                      const struct slc_summary *summaries);

#endif
