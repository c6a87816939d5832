/* Reading the order of a replica's rows. */
#include "store/key_order.h"

#include <stdlib.h>

#include "base/json_read.h"
#include "base/num.h"
#include "base/utf8.h"

/* The shortest entry is "" with its comma. */
enum { MOST_ENTRIES = SLC_KEY_ORDER_BYTES / 3 + 1 };

/* Keys of an entry; 0 when it is none, or of more keys than can be counted. */
static uint64_t entry_keys(const struct slc_key_order_entry *entry)
{
    if (entry->text.data)
        return 1;
    if (entry->run.first > entry->run.last)
        return 0;
    return (uint64_t)entry->run.last - (uint64_t)entry->run.first + 1;
}

static bool read_number(struct slc_json_reader *r, int64_t *ret_value)
{
    struct slc_str text;

    return slc_json_read_number(r, &text) && slc_parse_int64(text.data, text.len, ret_value);
}

/* "key" or [first,last]. */
static bool read_entry(struct slc_json_reader *r, struct slc_arena *arena,
                       struct slc_key_order_entry *entry)
{
    int64_t n = 0;

    *entry = (struct slc_key_order_entry){0};
    if (slc_json_read_peek(r) == '"') {
        if (!slc_json_read_string(r, arena, &entry->text))
            return false;
        if (slc_key_order_number(entry->text, &entry->run.first)) {
            entry->run.last = entry->run.first;
            entry->text = (struct slc_str){0};
        }
        return true;
    }
    return slc_json_read_enter(r, '[') && slc_json_read_next(r, ']', &n) == 1 &&
           read_number(r, &entry->run.first) && slc_json_read_next(r, ']', &n) == 1 &&
           read_number(r, &entry->run.last) && slc_json_read_next(r, ']', &n) == 0;
}

static int compare_runs(const void *a, const void *b)
{
    int64_t left = ((const struct slc_key_run *)a)->first;
    int64_t right = ((const struct slc_key_run *)b)->first;

    return (left > right) - (left < right);
}

/* Index the keys. `*ret_true` is false when one is there twice. */
static bool index_keys(struct slc_key_order_view *view, bool *ret_true)
{
    *ret_true = true;
    view->runs = slc_arena_calloc(&view->arena, view->n_entries + 1, sizeof(*view->runs));
    if (!view->runs)
        return false;
    for (size_t i = 0; i < view->n_entries; i++) {
        bool added = true;

        if (!view->entries[i].text.data)
            view->runs[view->n_runs++] = view->entries[i].run;
        else if (!slc_keyset_add(&view->texts, view->entries[i].text, &added))
            return false;
        *ret_true = *ret_true && added;
    }
    qsort(view->runs, view->n_runs, sizeof(*view->runs), compare_runs);
    for (size_t i = 1; i < view->n_runs; i++)
        *ret_true = *ret_true && view->runs[i - 1].last < view->runs[i].first;
    return true;
}

static void read_entries(struct slc_key_order_view *view, struct slc_str text)
{
    struct slc_json_reader reader = {.text = text};
    int64_t n = 0;

    if (!slc_json_read_enter(&reader, '['))
        return;
    while (view->n_entries < MOST_ENTRIES && slc_json_read_next(&reader, ']', &n) == 1) {
        struct slc_key_order_entry *entry = &view->entries[view->n_entries];
        uint64_t n_keys;

        if (!read_entry(&reader, &view->arena, entry) || (n_keys = entry_keys(entry)) == 0)
            return;
        entry->first_place = view->n_keys;
        if (__builtin_add_overflow(view->n_keys, n_keys, &view->n_keys))
            return;
        view->n_entries++;
    }
}

bool slc_key_order_view_init(struct slc_key_order_view *view, struct slc_str text,
                             uint64_t most_keys)
{
    bool is_true;

    *view = (struct slc_key_order_view){0};
    if (text.len == 0 || text.len > SLC_KEY_ORDER_BYTES || !slc_utf8_is_valid(text))
        return true;
    view->entries = slc_arena_calloc(&view->arena, text.len / 3 + 2, sizeof(*view->entries));
    if (!view->entries)
        return false;
    read_entries(view, text);
    if (!index_keys(view, &is_true)) {
        slc_key_order_view_release(view);
        return false;
    }
    if (!is_true || view->n_keys > most_keys)
        slc_key_order_view_release(view);
    return true;
}

/* The entry that the place lies in; it is in the order. */
static size_t entry_at(const struct slc_key_order_view *view, uint64_t place)
{
    size_t low = 0, high = view->n_entries;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (view->entries[middle].first_place <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void slc_key_order_view_each(const struct slc_key_order_view *view, uint64_t from,
                             bool (*take)(void *context, struct slc_str key), void *context)
{
    if (from >= view->n_keys)
        return;
    for (size_t i = entry_at(view, from); i < view->n_entries; i++) {
        const struct slc_key_order_entry *entry = &view->entries[i];
        uint64_t n_keys = entry_keys(entry);
        uint64_t skip = from > entry->first_place ? from - entry->first_place : 0;

        if (entry->text.data && !take(context, entry->text))
            return;
        for (; !entry->text.data && skip < n_keys; skip++) {
            char text[SLC_NUM_TEXT_BYTES];
            int64_t value = (int64_t)((uint64_t)entry->run.first + skip);
            size_t len = (size_t)(slc_write_int64(text, value) - text);

            if (!take(context, (struct slc_str){.data = text, .len = len}))
                return;
        }
    }
}

bool slc_key_order_view_has(const struct slc_key_order_view *view, struct slc_str key)
{
    size_t low = 0, high = view->n_runs;
    int64_t value;

    if (!slc_key_order_number(key, &value))
        return slc_keyset_has(&view->texts, key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (view->runs[middle].last < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->n_runs && view->runs[low].first <= value;
}

void slc_key_order_view_release(struct slc_key_order_view *view)
{
    if (!view)
        return;
    slc_keyset_release(&view->texts);
    slc_arena_release(&view->arena);
    *view = (struct slc_key_order_view){0};
}
