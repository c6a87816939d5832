#include "profile/hll.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_RANKS = 64 - SLC_HLL_MIN_BITS + 1 };

bool slc_hll_init(struct slc_hll *hll, int bits)
{
    hll->bits = bits;
    hll->registers = calloc((size_t)1 << bits, sizeof(*hll->registers));
    return hll->registers != NULL;
}

void slc_hll_release(struct slc_hll *hll)
{
    free(hll->registers);
    *hll = (struct slc_hll){0};
}

/* x + x^2 + 2 x^4 + 4 x^8 + ...; infinite for x = 1. */
static double sigma(double x)
{
    double sum = x, factor = 1.0, before;

    if (x == 1.0)
        return INFINITY;
    do {
        x *= x;
        before = sum;
        sum += x * factor;
        factor += factor;
    } while (sum != before);
    return sum;
}

static double tau(double x)
{
    double sum = 1.0 - x, factor = 1.0, before;

    if (x == 0.0 || x == 1.0)
        return 0.0;
    do {
        x = sqrt(x);
        before = sum;
        factor *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * factor;
    } while (sum != before);
    return sum / 3.0;
}

double slc_hll_estimate(const struct slc_hll *hll)
{
    const int n_registers = 1 << hll->bits, n_ranks = 64 - hll->bits + 1;
    const double m = n_registers;
    int64_t of_rank[MOST_RANKS + 1] = {0};
    double sum;

    for (int i = 0; i < n_registers; i++)
        of_rank[hll->registers[i]]++;
    sum = m * tau(1.0 - (double)of_rank[n_ranks] / m);
    for (int rank = n_ranks - 1; rank >= 1; rank--)
        sum = 0.5 * (sum + (double)of_rank[rank]);
    sum += m * sigma((double)of_rank[0] / m);
    return m * m / (2.0 * log(2.0)) / sum;
}
