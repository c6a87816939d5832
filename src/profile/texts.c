#include "profile/texts.h"

#include <stdlib.h>

#include "profile/gather.h"

enum { BLOCK = 256 };

_Static_assert(BLOCK % 64 == 0, "a block starts with a word of the bitmap");

SLC_DEFINE_GATHER(gather_texts, struct slc_str)

struct slc_texts *slc_texts_new(enum slc_type type)
{
    struct slc_texts *texts = calloc(1, sizeof(*texts));

    if (texts)
        texts->type = type;
    return texts;
}

void slc_texts_free(struct slc_texts *texts)
{
    if (!texts)
        return;
    slc_text_table_release(&texts->table);
    if (texts->sketch) {
        slc_hll_release(&texts->sketch->hll);
        slc_leaders_release(&texts->sketch->leaders);
        free(texts->sketch);
    }
    free(texts);
}

/* A word of text as a number that orders as the text does. */
static inline uint64_t in_order(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

static inline uint64_t prefix_of(struct slc_str text)
{
    uint64_t word = 0;

    if (text.len >= sizeof(word))
        memcpy(&word, text.data, sizeof(word));
    else
        for (size_t i = 0; i < text.len; i++)
            ((char *)&word)[i] = text.data[i];
    return in_order(word);
}

static inline int compare(struct slc_str text, uint64_t prefix,
                          const struct slc_text_extreme *extreme)
{
    struct slc_str kept = {.data = extreme->bytes, .len = extreme->len};
    uint64_t mine, other;
    size_t at;

    if (prefix != extreme->prefix)
        return prefix < extreme->prefix ? -1 : 1;
    if (text.len > SLC_TEXT_KEPT_BYTES)
        text.len = SLC_TEXT_KEPT_BYTES;
    /* The texts of a column often begin alike: on by words, inline. */
    for (at = sizeof(mine); at + sizeof(mine) <= text.len && at + sizeof(mine) <= kept.len;
         at += sizeof(mine)) {
        memcpy(&mine, text.data + at, sizeof(mine));
        memcpy(&other, kept.data + at, sizeof(other));
        if (mine != other)
            return in_order(mine) < in_order(other) ? -1 : 1;
    }
    if (at > text.len || at > kept.len)
        at = 0;
    text.data += at;
    text.len -= at;
    kept.data += at;
    kept.len -= at;
    return slc_str_cmp(text, kept);
}

static void set_extreme(struct slc_text_extreme *extreme, struct slc_str text, uint64_t prefix)
{
    extreme->prefix = prefix;
    extreme->len = text.len < SLC_TEXT_KEPT_BYTES ? text.len : SLC_TEXT_KEPT_BYTES;
    if (extreme->len)
        memcpy(extreme->bytes, text.data, extreme->len);
}

/* `is_first`: there was no text before. */
static inline void widen(struct slc_texts *texts, struct slc_str text, int64_t chars, bool is_first)
{
    uint64_t prefix = prefix_of(text);

    if (is_first || compare(text, prefix, &texts->min) < 0)
        set_extreme(&texts->min, text, prefix);
    if (is_first || compare(text, prefix, &texts->max) > 0)
        set_extreme(&texts->max, text, prefix);
    if (is_first || chars < texts->min_chars)
        texts->min_chars = chars;
    if (is_first || chars > texts->max_chars)
        texts->max_chars = chars;
}

static void meet_new(void *data, const struct slc_text_slot *slot)
{
    struct slc_texts *texts = data;

    widen(texts, slc_text_slot_text(slot), slot->chars, texts->table.n == 1);
}

void slc_texts_sizes(const struct slc_texts *texts, int64_t *ret_chars, int64_t *ret_bytes)
{
    int64_t chars = texts->chars, bytes = texts->bytes;

    for (size_t i = 0; i < texts->table.n_slots; i++) {
        const struct slc_text_slot *slot = &texts->table.slots[i];

        chars += slot->count * slot->chars;
        bytes += slot->count * slot->len;
    }
    *ret_chars = chars;
    *ret_bytes = bytes;
}

/* Bring what the table holds into a sketch and let go of the table. */
static bool give_up_table(struct slc_texts *texts, const struct slc_sizes *sizes)
{
    struct slc_text_sketch *sketch = calloc(1, sizeof(*sketch));
    struct slc_value_count best[SLC_MAX_LEADERS];
    uint64_t hashes[SLC_MAX_LEADERS];
    int n_best = 0;
    bool good;

    if (!sketch)
        return false;
    texts->sketch = sketch; /* owned from here on, whatever happens */
    if (!slc_hll_init(&sketch->hll, sizes->hll_bits))
        return false;
    sketch->is_one = texts->table.n <= 1;
    for (size_t i = 0; i < texts->table.n_slots; i++) {
        const struct slc_text_slot *slot = &texts->table.slots[i];
        struct slc_value value = {.type = SLC_TYPE_TEXT, .text = slc_text_slot_text(slot)};

        if (!slot->count)
            continue;
        sketch->one_hash = slot->hash;
        slc_hll_add(&sketch->hll, slot->hash);
        if (slot->len <= SLC_LEADER_TEXT_BYTES)
            slc_top_offer(best, &n_best, sizes->n_leaders, &value, slot->count);
    }
    for (int i = 0; i < n_best; i++) {
        hashes[i] = slc_hash_bytes(best[i].value.text.data, best[i].value.text.len);
        best[i].value.type = texts->type;
    }
    good = slc_leaders_init(&sketch->leaders, best, hashes, n_best, sizes->n_leaders,
                            sizes->leader_text_bytes);
    slc_texts_sizes(texts, &texts->chars, &texts->bytes);
    slc_text_table_release(&texts->table);
    return good;
}

/* `n_before`: how many texts came before these. */
static void sketch_add(struct slc_texts *texts, const struct slc_str *values, uint64_t *hashes,
                       int64_t n, int64_t n_before)
{
    struct slc_text_sketch *sketch = texts->sketch;
    uint64_t differs = 0;

    for (int64_t i = 0; i < n; i++)
        hashes[i] = slc_hash_bytes(values[i].data, values[i].len);
    if (n_before == 0 && n > 0)
        sketch->one_hash = hashes[0];
    for (int64_t i = 0; i < n; i++) {
        struct slc_value_count *leader = slc_leaders_find(&sketch->leaders, hashes[i], &values[i]);
        int64_t chars = (int64_t)slc_text_chars(values[i]);

        differs |= hashes[i] ^ sketch->one_hash;
        slc_hll_add(&sketch->hll, hashes[i]);
        if (leader)
            leader->count++;
        texts->chars += chars;
        texts->bytes += (int64_t)values[i].len;
        widen(texts, values[i], chars, n_before + i == 0);
    }
    if (differs)
        sketch->is_one = false;
}

static bool fold_block(struct slc_texts *texts, const struct slc_str *values, int64_t n,
                       const struct slc_sizes *sizes, struct slc_digest128 *digest)
{
    uint64_t hashes[BLOCK];
    int64_t n_counted = 0;

    if (!texts->sketch) {
        n_counted = slc_text_table_add(&texts->table, values, hashes, n, sizes->text_table_bytes,
                                       meet_new, texts);
        if (n_counted < n && !give_up_table(texts, sizes))
            return false;
    }
    if (n_counted < n)
        sketch_add(texts, values + n_counted, hashes + n_counted, n - n_counted,
                   texts->n + n_counted);
    texts->n += n;
    slc_digest128_add(digest, hashes, (size_t)n * sizeof(*hashes));
    return true;
}

bool slc_texts_fold(struct slc_texts *texts, const struct slc_column *column, int64_t n_rows,
                    const struct slc_sizes *sizes, struct slc_digest128 *digest)
{
    struct slc_str room[BLOCK];

    for (int64_t row = 0; row < n_rows; row += BLOCK) {
        int64_t n = n_rows - row < BLOCK ? n_rows - row : BLOCK;
        const struct slc_str *values = column->texts + row;

        if (!slc_gather_is_dense(column->valid, row, n)) {
            n = gather_texts(values, column->valid, row, n, room);
            values = room;
        }
        if (n && !fold_block(texts, values, n, sizes, digest))
            return false;
    }
    return true;
}
