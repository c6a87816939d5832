#include "store/arrow_dictionary.h"

#include <string.h>

#include "base/hash.h"

/* Open addressing, at most half full. */
struct table {
    int32_t *slots; /* the place among the values + 1; 0: free */
    uint64_t mask;
};

static bool table_init(struct table *table, struct slc_arena *arena, int64_t n_rows)
{
    uint64_t size = 16;

    while (size < 2 * (uint64_t)n_rows)
        size *= 2;
    table->slots = slc_arena_calloc(arena, size, sizeof(*table->slots));
    table->mask = size - 1;
    return table->slots != NULL;
}

/* The text's place among the values; a new one is put behind them. */
static int32_t place_of(struct table *table, struct slc_arrow_dictionary *dictionary,
                        struct slc_str text)
{
    uint64_t slot = slc_hash_bytes(text.data, text.len) & table->mask;

    while (table->slots[slot] != 0) {
        int32_t place = table->slots[slot] - 1;

        if (slc_str_eq(dictionary->values[place], text))
            return place;
        slot = (slot + 1) & table->mask;
    }
    dictionary->values[dictionary->n_values++] = text;
    table->slots[slot] = (int32_t)dictionary->n_values;
    return (int32_t)dictionary->n_values - 1;
}

bool slc_arrow_dictionary_build(struct slc_arrow_dictionary *dictionary, struct slc_arena *arena,
                                const struct slc_column *column, int64_t n_rows)
{
    struct table table;

    *dictionary = (struct slc_arrow_dictionary){
        .values = slc_arena_calloc(arena, (size_t)n_rows + 1, sizeof(*dictionary->values)),
        .codes = slc_arena_calloc(arena, (size_t)n_rows + 1, sizeof(*dictionary->codes))};
    if (n_rows >= INT32_MAX || !dictionary->values || !dictionary->codes ||
        !table_init(&table, arena, n_rows))
        return false;
    for (int64_t row = 0; column->type != SLC_TYPE_NULL && row < n_rows; row++)
        if (slc_column_has(column, row))
            dictionary->codes[row] = place_of(&table, dictionary, column->texts[row]);
    return true;
}
