#include "profile/numbers.h"

#include <math.h>
#include <stdlib.h>

#include "profile/gather.h"

enum { BLOCK = SLC_GATHER_ROWS };

SLC_DEFINE_GATHER(gather_words, uint64_t)
SLC_DEFINE_GATHER(gather_doubles, double)

/* The values of some rows, missing ones left out. */
struct block {
    int64_t n;
    const uint64_t *keys; /* bits as the table has them */
    const double *x;      /* as doubles */
    bool is_small;        /* integers: all of less than 2^51, so that x is exact */
    uint64_t key_room[BLOCK];
    union {
        double doubles[BLOCK];
        uint64_t bits[BLOCK];
    };
    double finite_room[BLOCK];
    uint64_t hashes[BLOCK];
};

struct slc_numbers *slc_numbers_new(enum slc_type type)
{
    struct slc_numbers *numbers = calloc(1, sizeof(*numbers));

    if (numbers)
        numbers->type = type;
    return numbers;
}

void slc_numbers_drop_ranks(struct slc_numbers *numbers)
{
    if (!numbers->ranks)
        return;
    free(numbers->ranks->values);
    free(numbers->ranks->up_to);
    free(numbers->ranks);
    numbers->ranks = NULL;
}

void slc_numbers_free(struct slc_numbers *numbers)
{
    if (!numbers)
        return;
    slc_numbers_drop_ranks(numbers);
    slc_number_table_release(&numbers->table);
    if (numbers->sketch) {
        slc_hll_release(&numbers->sketch->hll);
        slc_kll_release(&numbers->sketch->kll);
        slc_leaders_release(&numbers->sketch->leaders);
        free(numbers->sketch);
    }
    free(numbers);
}

struct slc_value slc_numbers_value(enum slc_type type, uint64_t key)
{
    struct slc_value value = {.type = type, .uint64 = key}; /* the members share their bits */

    return value;
}

double slc_numbers_double(const struct slc_value *value)
{
    switch (value->type) {
    case SLC_TYPE_INT64:
    case SLC_TYPE_DATE:
    case SLC_TYPE_DATETIME:
        return (double)value->int64;
    case SLC_TYPE_UINT64:
        return (double)value->uint64;
    case SLC_TYPE_FLOAT64:
        return value->float64;
    default:
        return NAN;
    }
}

/* Integers as doubles. Where all are of less than 2^51, adding 1.5 * 2^52 to
 * the bits and taking it off as a double is exact, and the compiler can do it
 * in vectors. */
static void doubles_from_integers(struct block *block, bool is_signed)
{
    const uint64_t limit = UINT64_C(1) << 51, magic = UINT64_C(0x4338000000000000);
    const uint64_t lift = is_signed ? limit : 0, *keys = block->keys;
    uint64_t over = 0;

    for (int64_t i = 0; i < block->n; i++)
        over |= keys[i] + lift;
    block->is_small = over < limit + lift;
    if (block->is_small) {
        for (int64_t i = 0; i < block->n; i++)
            block->bits[i] = keys[i] + magic;
        for (int64_t i = 0; i < block->n; i++)
            block->doubles[i] -= 0x1.8p52;
    } else if (is_signed) {
        for (int64_t i = 0; i < block->n; i++)
            block->doubles[i] = (double)(int64_t)keys[i];
    } else {
        for (int64_t i = 0; i < block->n; i++)
            block->doubles[i] = (double)keys[i];
    }
    block->x = block->doubles;
}

/* Take the column's rows [row, row + n_rows) into the block. */
static void load(struct block *block, const struct slc_column *column, int64_t row, int64_t n_rows)
{
    bool dense = slc_gather_is_dense(column->valid, row, n_rows);

    block->n = n_rows;
    if (column->type == SLC_TYPE_FLOAT64) {
        if (dense)
            memcpy(block->doubles, column->float64s + row, (size_t)n_rows * sizeof(double));
        else
            block->n =
                gather_doubles(column->float64s + row, column->valid, row, n_rows, block->doubles);
        for (int64_t i = 0; i < block->n; i++)
            block->doubles[i] += 0.0; /* makes 0.0 of -0.0 */
        block->keys = block->bits;
        block->x = block->doubles;
        return;
    }
    if (column->type == SLC_TYPE_DATE) {
        for (int64_t i = 0; i < n_rows; i++)
            block->key_room[i] = (uint64_t)(int64_t)column->dates[row + i];
        if (!dense)
            block->n = gather_words(block->key_room, column->valid, row, n_rows, block->key_room);
        block->keys = block->key_room;
    } else if (dense) {
        block->keys = column->uint64s + row;
    } else {
        block->n = gather_words(column->uint64s + row, column->valid, row, n_rows, block->key_room);
        block->keys = block->key_room;
    }
    doubles_from_integers(block, column->type != SLC_TYPE_UINT64);
}

static void widen_extent(struct slc_numbers *numbers, struct slc_value min, struct slc_value max)
{
    if (numbers->min.type == SLC_TYPE_NULL || slc_value_cmp(&min, &numbers->min) < 0)
        numbers->min = min;
    if (numbers->max.type == SLC_TYPE_NULL || slc_value_cmp(&max, &numbers->max) > 0)
        numbers->max = max;
}

/* The extent, exact for integers that no double holds, too. */
static void fold_extent(struct slc_numbers *numbers, const struct block *block, double min,
                        double max)
{
    const uint64_t flip = numbers->type == SLC_TYPE_UINT64 ? 0 : UINT64_C(1) << 63;
    uint64_t low = UINT64_MAX, high = 0;

    if (numbers->type == SLC_TYPE_FLOAT64) {
        widen_extent(numbers, (struct slc_value){.type = SLC_TYPE_FLOAT64, .float64 = min},
                     (struct slc_value){.type = SLC_TYPE_FLOAT64, .float64 = max});
        return;
    }
    if (block->is_small) {
        low = (uint64_t)(int64_t)min;
        high = (uint64_t)(int64_t)max;
    } else {
        for (int64_t i = 0; i < block->n; i++) {
            uint64_t key = block->keys[i] ^ flip;

            low = key < low ? key : low;
            high = key > high ? key : high;
        }
        low ^= flip;
        high ^= flip;
    }
    widen_extent(numbers, slc_numbers_value(numbers->type, low),
                 slc_numbers_value(numbers->type, high));
}

/* An integer survives float when its significant bits are 24 at most. */
static bool integer_fits_float32(uint64_t key, bool is_signed)
{
    uint64_t magnitude = is_signed && (int64_t)key < 0 ? 0 - key : key;

    return magnitude == 0 || 64 - __builtin_clzll(magnitude) - __builtin_ctzll(magnitude) <= 24;
}

static bool fits_float32(const struct slc_numbers *numbers, const struct block *block)
{
    int64_t n_lost = 0;

    if (numbers->type == SLC_TYPE_FLOAT64 || block->is_small) {
        for (int64_t i = 0; i < block->n; i++)
            n_lost += (double)(float)block->x[i] != block->x[i];
    } else {
        for (int64_t i = 0; i < block->n; i++)
            n_lost += !integer_fits_float32(block->keys[i], numbers->type != SLC_TYPE_UINT64);
    }
    return n_lost == 0;
}

static void count_signs(struct slc_numbers *numbers, const struct block *block, double min,
                        double max)
{
    int64_t n_zero = 0, n_negative = 0;

    if (min > 0.0)
        return;
    if (max < 0.0) {
        numbers->n_negative += block->n;
        return;
    }
    for (int64_t i = 0; i < block->n; i++) {
        n_zero += block->x[i] == 0.0;
        n_negative += block->x[i] < 0.0;
    }
    numbers->n_zero += n_zero;
    numbers->n_negative += n_negative;
}

/* Leave infinite values out of the block's doubles. */
static int64_t drop_infinite(struct block *block)
{
    int64_t n = 0;

    for (int64_t i = 0; i < block->n; i++) {
        block->finite_room[n] = block->x[i];
        n += isfinite(block->x[i]) != 0;
    }
    block->x = block->finite_room;
    return n;
}

static bool sketch_add(struct slc_number_sketch *sketch, const struct block *block, int64_t from)
{
    for (int64_t i = from; i < block->n; i++) {
        struct slc_value_count *leader = slc_leaders_find(&sketch->leaders, block->hashes[i], NULL);

        slc_hll_add(&sketch->hll, block->hashes[i]);
        if (leader)
            leader->count++;
    }
    return true;
}

/* The table's finite values in rising order; the caller frees them. NULL when
 * memory ran out. */
static struct slc_weighted *sorted_table(const struct slc_numbers *numbers, int64_t *ret_n)
{
    size_t n = numbers->table.n;
    struct slc_weighted *entries = malloc((n + 1) * sizeof(*entries));
    struct slc_weighted *spare = malloc((n + 1) * sizeof(*spare));
    int64_t n_entries = 0;

    for (size_t i = 0; entries && spare && i < numbers->table.n_slots; i++) {
        const struct slc_number_slot *slot = &numbers->table.slots[i];
        struct slc_value value = slc_numbers_value(numbers->type, slot->key);
        double x = slc_numbers_double(&value);

        if (slot->count && isfinite(x))
            entries[n_entries++] = (struct slc_weighted){slc_sortkey(x), (uint64_t)slot->count};
    }
    if (entries && spare)
        slc_sort_weighted(entries, spare, (size_t)n_entries);
    if (!spare) {
        free(entries);
        entries = NULL;
    }
    free(spare);
    *ret_n = n_entries;
    return entries;
}

/* Bring what the table holds into a sketch and let go of the table. */
static bool give_up_table(struct slc_numbers *numbers, const struct slc_sizes *sizes)
{
    struct slc_number_sketch *sketch = calloc(1, sizeof(*sketch));
    struct slc_value_count best[SLC_MAX_LEADERS];
    uint64_t hashes[SLC_MAX_LEADERS];
    struct slc_weighted *entries;
    int64_t n_entries = 0;
    int n_best = 0;
    bool good;

    if (!sketch)
        return false;
    numbers->sketch = sketch; /* owned from here on, whatever happens */
    if (!slc_hll_init(&sketch->hll, sizes->hll_bits))
        return false;
    for (size_t i = 0; i < numbers->table.n_slots; i++) {
        const struct slc_number_slot *slot = &numbers->table.slots[i];
        struct slc_value value = slc_numbers_value(numbers->type, slot->key);

        if (!slot->count)
            continue;
        slc_hll_add(&sketch->hll, slc_number_hash(slot->key));
        slc_top_offer(best, &n_best, sizes->n_leaders, &value, slot->count);
    }
    for (int i = 0; i < n_best; i++)
        hashes[i] = slc_number_hash(best[i].value.uint64);
    entries = sorted_table(numbers, &n_entries);
    good = entries &&
           slc_leaders_init(&sketch->leaders, best, hashes, n_best, sizes->n_leaders, 0) &&
           slc_kll_init(&sketch->kll, sizes->kll_k) &&
           slc_kll_add_weighted(&sketch->kll, entries, n_entries);
    free(entries);
    slc_number_table_release(&numbers->table);
    return good;
}

/* Count the block's values and collect them for the quantiles. `n_finite`
 * values of block->x are finite. */
static bool count_values(struct slc_numbers *numbers, struct block *block, const double *finite,
                         int64_t n_finite, const struct slc_sizes *sizes)
{
    int64_t n_counted = 0;

    if (!numbers->sketch && block->keys[0] == block->keys[block->n - 1]) {
        uint64_t differs = 0;

        for (int64_t i = 0; i < block->n; i++)
            differs |= block->keys[i] ^ block->keys[0];
        if (!differs && slc_number_table_add_times(&numbers->table, block->keys[0], block->n,
                                                   sizes->number_table_bytes))
            return true;
    }
    for (int64_t i = 0; i < block->n; i++)
        block->hashes[i] = slc_number_hash(block->keys[i]);
    if (!numbers->sketch) {
        n_counted = slc_number_table_add(&numbers->table, block->keys, block->hashes, block->n,
                                         sizes->number_table_bytes);
        if (n_counted == block->n)
            return true;
        if (!give_up_table(numbers, sizes))
            return false;
        for (int64_t i = 0; i < n_counted; i++)
            if (isfinite(block->doubles[i])) {
                finite++; /* what the table had seen of the block */
                n_finite--;
            }
    }
    return sketch_add(numbers->sketch, block, n_counted) &&
           slc_kll_add(&numbers->sketch->kll, finite, n_finite);
}

static bool fold_block(struct slc_numbers *numbers, struct block *block,
                       const struct slc_sizes *sizes)
{
    int64_t n_finite = block->n;
    double min, max;

    slc_extent(block->x, block->n, &min, &max);
    fold_extent(numbers, block, min, max);
    count_signs(numbers, block, min, max);
    if (!numbers->has_no_float32)
        numbers->has_no_float32 = !fits_float32(numbers, block);
    if (isinf(min) || isinf(max)) {
        n_finite = drop_infinite(block);
        numbers->n_infinite += block->n - n_finite;
        if (n_finite)
            slc_extent(block->x, n_finite, &min, &max);
    }
    if (n_finite)
        slc_moments_add(&numbers->moments, block->x, n_finite, min, max);
    numbers->n += block->n;
    return count_values(numbers, block, block->x, n_finite, sizes);
}

bool slc_numbers_fold(struct slc_numbers *numbers, const struct slc_column *column, int64_t n_rows,
                      const struct slc_sizes *sizes, struct slc_digest128 *digest)
{
    struct block block;

    slc_numbers_drop_ranks(numbers); /* of what was there before, if somebody asked */
    for (int64_t row = 0; row < n_rows; row += BLOCK) {
        load(&block, column, row, n_rows - row < BLOCK ? n_rows - row : BLOCK);
        if (block.n == 0)
            continue;
        slc_digest128_add(digest, block.keys, (size_t)block.n * sizeof(*block.keys));
        if (!fold_block(numbers, &block, sizes))
            return false;
    }
    return true;
}
