/* Count, sum and central moments of a stream of finite doubles.
 *
 * The stream comes in blocks that fit the first-level cache. Each block is read
 * twice: for its sum (double-double, eight lanes), then for the powers of the
 * distances from its mean. Blocks are combined in double-double by the pairwise
 * formulas of Chan, Golub, LeVeque (1979) and Pébay, "Formulas for Robust,
 * One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical
 * Moments" (2008), whose terms do not cancel, so that 1e9 + noise keeps the
 * noise's variance. The result depends on the borders of the blocks, which
 * follow from the chunks, never on threads. */
#ifndef SLC_PROFILE_MOMENTS_H
#define SLC_PROFILE_MOMENTS_H

#include <stdint.h>

#include "profile/dd.h"

struct slc_moments {
    int64_t n;
    double min, max; /* meaningful when n > 0 */
    struct slc_dd sum;
    struct slc_dd m2; /* sum of squared distances from the mean */
    struct slc_dd m3; /* sum of their cubes */
};

/* The smallest and largest of `n` > 0 values, infinities allowed. */
void slc_extent(const double *x, int64_t n, double *ret_min, double *ret_max);

/* Fold `n` > 0 finite values whose extent is known. */
void slc_moments_add(struct slc_moments *moments, const double *x, int64_t n, double min,
                     double max);

/* Fold `n` > 0 times the same finite value. */
void slc_moments_add_constant(struct slc_moments *moments, double x, int64_t n);

double slc_moments_mean(const struct slc_moments *moments); /* NaN when n is 0 */
double slc_moments_variance(const struct slc_moments *moments, int64_t ddof);
/* Adjusted Fisher-Pearson, as pandas' skew(): NaN for fewer than three values,
 * 0 for a constant. */
double slc_moments_skewness(const struct slc_moments *moments);

#endif
