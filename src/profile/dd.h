/* Double-double arithmetic: a number as the unevaluated sum of two doubles,
 * some 106 bits.
 *
 * T. J. Dekker, "A Floating-Point Technique for Extending the Available
 * Precision" (1971); Hida, Li, Bailey, "Library for Double-Double and
 * Quad-Double Arithmetic" (2007). The folder is compiled with
 * -ffp-contract=off, on which the error terms rely. A result that overflows is
 * infinite with a low part of zero, never NaN by its error term. */
#ifndef SLC_PROFILE_DD_H
#define SLC_PROFILE_DD_H

#include <math.h>

struct slc_dd {
    double hi;
    double lo; /* at most half a unit in the last place of hi */
};

/* |a| >= |b| or a is 0. */
static inline struct slc_dd slc_dd_quick(double a, double b)
{
    double sum = a + b;

    return (struct slc_dd){sum, isfinite(sum) ? b - (sum - a) : 0.0};
}

static inline struct slc_dd slc_dd_from_sum(double a, double b)
{
    double sum = a + b, part = sum - a;

    return (struct slc_dd){sum, isfinite(sum) ? (a - (sum - part)) + (b - part) : 0.0};
}

static inline struct slc_dd slc_dd_from_product(double a, double b)
{
    double product = a * b;

    return (struct slc_dd){product, isfinite(product) ? fma(a, b, -product) : 0.0};
}

static inline struct slc_dd slc_dd_add(struct slc_dd a, struct slc_dd b)
{
    struct slc_dd high = slc_dd_from_sum(a.hi, b.hi), low = slc_dd_from_sum(a.lo, b.lo);

    high = slc_dd_quick(high.hi, high.lo + low.hi);
    return slc_dd_quick(high.hi, high.lo + low.lo);
}

static inline struct slc_dd slc_dd_neg(struct slc_dd a)
{
    return (struct slc_dd){-a.hi, -a.lo};
}

static inline struct slc_dd slc_dd_mul(struct slc_dd a, struct slc_dd b)
{
    struct slc_dd product = slc_dd_from_product(a.hi, b.hi);

    return slc_dd_quick(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

static inline struct slc_dd slc_dd_scale(struct slc_dd a, double factor)
{
    return slc_dd_mul(a, (struct slc_dd){factor, 0.0});
}

static inline struct slc_dd slc_dd_div(struct slc_dd a, double divisor)
{
    double first = a.hi / divisor;
    struct slc_dd rest = slc_dd_add(a, slc_dd_neg(slc_dd_from_product(first, divisor)));

    return slc_dd_quick(first, rest.hi / divisor);
}

static inline double slc_dd_value(struct slc_dd a)
{
    return a.hi + a.lo;
}

#endif
