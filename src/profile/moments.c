#include "profile/moments.h"

#include <string.h>

/* Two lanes: what every 64-bit machine has; the compiler maps them. */
typedef double lanes2 __attribute__((vector_size(16)));

static inline lanes2 load2(const double *x)
{
    lanes2 v;

    memcpy(&v, x, sizeof(v));
    return v;
}

void slc_extent(const double *x, int64_t n, double *ret_min, double *ret_max)
{
    double low[4] = {x[0], x[0], x[0], x[0]}, high[4] = {x[0], x[0], x[0], x[0]};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int lane = 0; lane < 4; lane++) {
            low[lane] = x[i + lane] < low[lane] ? x[i + lane] : low[lane];
            high[lane] = x[i + lane] > high[lane] ? x[i + lane] : high[lane];
        }
    for (; i < n; i++) {
        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
    }
    for (int lane = 1; lane < 4; lane++) {
        low[0] = low[lane] < low[0] ? low[lane] : low[0];
        high[0] = high[lane] > high[0] ? high[lane] : high[0];
    }
    *ret_min = low[0];
    *ret_max = high[0];
}

static struct slc_dd block_sum(const double *x, int64_t n)
{
    lanes2 sum[4] = {{0}}, error[4] = {{0}};
    struct slc_dd total = {0};
    int64_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 4; k++) {
            lanes2 v = load2(x + i + 2L * k), next = sum[k] + v, part = next - sum[k];

            error[k] += (sum[k] - (next - part)) + (v - part);
            sum[k] = next;
        }
    for (; i < n; i++)
        total = slc_dd_add(total, (struct slc_dd){x[i], 0.0});
    for (int k = 0; k < 4; k++)
        for (int lane = 0; lane < 2; lane++) {
            double low = isfinite(sum[k][lane]) ? error[k][lane] : 0.0;

            total = slc_dd_add(total, slc_dd_from_sum(sum[k][lane], low));
        }
    return total;
}

/* Sums of the first three powers of the distances from `center`. */
static void block_powers(const double *x, int64_t n, double center, double powers[3])
{
    lanes2 c = {center, center}, first[2] = {{0}}, second[2] = {{0}}, third[2] = {{0}};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 2; k++) {
            lanes2 d = load2(x + i + 2L * k) - c, square = d * d;

            first[k] += d;
            second[k] += square;
            third[k] += square * d;
        }
    for (; i < n; i++) {
        double d = x[i] - center;

        first[0][0] += d;
        second[0][0] += d * d;
        third[0][0] += d * d * d;
    }
    first[0] += first[1];
    second[0] += second[1];
    third[0] += third[1];
    powers[0] = first[0][0] + first[0][1];
    powers[1] = second[0][0] + second[0][1];
    powers[2] = third[0][0] + third[0][1];
}

/* Pébay (2008), equations 2.1, 3.1: `b` into `a`. */
static void combine(struct slc_moments *a, const struct slc_moments *b)
{
    double na = (double)a->n, nb = (double)b->n, n = na + nb;
    struct slc_dd delta, square, term;

    if (a->n == 0) {
        *a = *b;
        return;
    }
    delta = slc_dd_add(slc_dd_div(b->sum, nb), slc_dd_neg(slc_dd_div(a->sum, na)));
    square = slc_dd_mul(delta, delta);
    term = slc_dd_div(slc_dd_scale(slc_dd_scale(slc_dd_mul(square, delta), na * (nb / n)), na - nb),
                      n);
    a->m3 = slc_dd_add(slc_dd_add(a->m3, b->m3), term);
    term = slc_dd_add(slc_dd_scale(b->m2, na), slc_dd_neg(slc_dd_scale(a->m2, nb)));
    a->m3 = slc_dd_add(a->m3, slc_dd_div(slc_dd_scale(slc_dd_mul(delta, term), 3.0), n));
    term = slc_dd_div(slc_dd_scale(slc_dd_scale(square, na), nb), n);
    a->m2 = slc_dd_add(slc_dd_add(a->m2, b->m2), term);
    a->sum = slc_dd_add(a->sum, b->sum);
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    a->n += b->n;
}

void slc_moments_add(struct slc_moments *moments, const double *x, int64_t n, double min,
                     double max)
{
    struct slc_moments block = {.n = n, .min = min, .max = max};
    double powers[3], center, rest;

    if (min == max) {
        slc_moments_add_constant(moments, min, n);
        return;
    }
    block.sum = block_sum(x, n);
    center = block.sum.hi / (double)n;
    block_powers(x, n, center, powers);
    /* The centre is the mean but for its rounding; correct for the rest. */
    rest = powers[0] / (double)n;
    block.m2.hi = powers[1] - powers[0] * rest;
    block.m3.hi = powers[2] - 3.0 * rest * powers[1] + 2.0 * powers[0] * rest * rest;
    combine(moments, &block);
}

void slc_moments_add_constant(struct slc_moments *moments, double x, int64_t n)
{
    struct slc_moments block = {.n = n, .min = x, .max = x};

    block.sum = slc_dd_from_product(x, (double)n);
    combine(moments, &block);
}

double slc_moments_mean(const struct slc_moments *moments)
{
    if (moments->n == 0)
        return NAN;
    if (moments->min == moments->max)
        return moments->min;
    return slc_dd_value(slc_dd_div(moments->sum, (double)moments->n));
}

/* What overflowed on its way is infinite, as it is to numpy. */
static double squares(const struct slc_moments *moments)
{
    double m2 = slc_dd_value(moments->m2);

    if (moments->min == moments->max)
        return 0.0; /* and no dust of rounding */
    return isfinite(m2) ? m2 : INFINITY;
}

double slc_moments_variance(const struct slc_moments *moments, int64_t ddof)
{
    if (moments->n <= ddof)
        return NAN;
    return squares(moments) / (double)(moments->n - ddof);
}

double slc_moments_skewness(const struct slc_moments *moments)
{
    double n = (double)moments->n, m2 = squares(moments), m3 = slc_dd_value(moments->m3);

    if (moments->n < 3)
        return NAN;
    if (m2 == 0.0)
        return 0.0;
    if (!isfinite(m2) || !isfinite(m3))
        return NAN;
    return n * sqrt(n - 1.0) / (n - 2.0) * (m3 / (m2 * sqrt(m2)));
}
