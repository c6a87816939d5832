#include "profile/sizes.h"

#include <math.h>

#include "profile/hll.h"
#include "profile/kll.h"
#include "profile/texts.h"
#include "profile/top.h"

/* Below this share, what is kept of a text column besides (its extremes, for the
 * most part) is taken off its table; above, it is a thirtieth at most. */
enum { LARGE_SHARE_BYTES = 32 << 10, TEXT_COLUMN_BYTES = 1024 };

_Static_assert(sizeof(struct slc_texts) + SLC_TEXT_SHOWN_BYTES <= TEXT_COLUMN_BYTES + 128,
               "what a text column keeps besides its table");

struct slc_sizes slc_sizes_of_share(size_t share_bytes)
{
    struct slc_sizes sizes = {
        .number_table_bytes = share_bytes,
        .text_table_bytes =
            share_bytes < LARGE_SHARE_BYTES ? share_bytes - TEXT_COLUMN_BYTES : share_bytes,
        .hll_bits = SLC_HLL_MAX_BITS,
        .kll_k = SLC_KLL_MAX_K,
        .n_leaders = SLC_MAX_LEADERS,
        .leader_text_bytes = share_bytes / 4,
    };

    for (size_t full = SLC_FULL_SHARE_BYTES; full > share_bytes; full /= 2) {
        sizes.hll_bits--;
        sizes.kll_k /= 2;
        if (full <= 16 << 10)
            sizes.n_leaders /= 2;
    }
    return sizes;
}

static double four_decimals(double error)
{
    return round(error * 1e4) / 1e4;
}

double slc_hll_error(int bits)
{
    return four_decimals(1.04 / sqrt((double)(1 << bits)));
}

double slc_kll_error(int k)
{
    return four_decimals(0.002 * SLC_KLL_MAX_K / k);
}
