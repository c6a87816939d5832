#include "profile/top.h"

#include <stdlib.h>

_Static_assert(SLC_MAX_LEADERS < 256, "a slot holds an index + 1");

int slc_value_cmp(const struct slc_value *a, const struct slc_value *b)
{
    switch (a->type) {
    case SLC_TYPE_NULL:
        return 0;
    case SLC_TYPE_BOOL:
        return a->boolean - b->boolean;
    case SLC_TYPE_INT64:
    case SLC_TYPE_DATE:
    case SLC_TYPE_DATETIME:
        return (a->int64 > b->int64) - (a->int64 < b->int64);
    case SLC_TYPE_UINT64:
        return (a->uint64 > b->uint64) - (a->uint64 < b->uint64);
    case SLC_TYPE_FLOAT64:
        return (a->float64 > b->float64) - (a->float64 < b->float64);
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        return slc_str_cmp(a->text, b->text);
    }
    return 0;
}

void slc_top_offer(struct slc_value_count *best, int *n, int max, const struct slc_value *value,
                   int64_t count)
{
    int at = *n;

    if (at == max) {
        const struct slc_value_count *worst = &best[max - 1];

        if (count < worst->count ||
            (count == worst->count && slc_value_cmp(value, &worst->value) >= 0))
            return;
        at--;
    } else {
        ++*n;
    }
    for (; at > 0; at--) {
        const struct slc_value_count *before = &best[at - 1];

        if (before->count > count ||
            (before->count == count && slc_value_cmp(&before->value, value) <= 0))
            break;
        best[at] = *before;
    }
    best[at].value = *value;
    best[at].count = count;
}

/* Room for `max` leaders and many more slots than those, so that a value that
 * is none of them seldom meets one. */
static bool make_room(struct slc_leaders *leaders, int max)
{
    size_t n = (size_t)max, n_slots = n * n / 2;
    char *room = calloc(1, n * (sizeof(*leaders->values) + sizeof(*leaders->hashes)) + n_slots);

    if (!room)
        return false;
    leaders->values = (struct slc_value_count *)(void *)room;
    leaders->hashes = (uint64_t *)(void *)(room + n * sizeof(*leaders->values));
    leaders->slots = (uint8_t *)(leaders->hashes + n);
    leaders->mask = (uint32_t)n_slots - 1;
    leaders->shift = 64 - __builtin_ctzll(n_slots);
    return true;
}

static bool is_text(const struct slc_value_count *value)
{
    return slc_type_is_text(value->value.type);
}

/* Choose the texts that are kept and make room for them. */
static bool choose(struct slc_leaders *leaders, const struct slc_value_count *values, int n,
                   size_t text_bytes, bool is_kept[SLC_MAX_LEADERS])
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++) {
        size_t len = is_text(&values[i]) ? values[i].value.text.len : 0;

        is_kept[i] = len <= text_bytes - bytes;
        bytes += is_kept[i] ? len : 0;
    }
    if (bytes)
        leaders->texts = malloc(bytes);
    return bytes == 0 || leaders->texts;
}

bool slc_leaders_init(struct slc_leaders *leaders, const struct slc_value_count *values,
                      const uint64_t *hashes, int n, int max, size_t text_bytes)
{
    bool is_kept[SLC_MAX_LEADERS];
    size_t used = 0;

    *leaders = (struct slc_leaders){0};
    if (!make_room(leaders, max) || !choose(leaders, values, n, text_bytes, is_kept))
        return false;
    for (int i = 0; i < n; i++) {
        struct slc_value_count *mine = &leaders->values[leaders->n];
        size_t at = hashes[i] >> leaders->shift;

        if (!is_kept[i])
            continue;
        *mine = values[i];
        if (is_text(mine) && mine->value.text.len) {
            memcpy(leaders->texts + used, mine->value.text.data, mine->value.text.len);
            mine->value.text.data = leaders->texts + used;
            used += mine->value.text.len;
        } else if (is_text(mine)) {
            mine->value.text.data = "";
        }
        while (leaders->slots[at])
            at = (at + 1) & leaders->mask;
        leaders->hashes[leaders->n++] = hashes[i];
        leaders->slots[at] = (uint8_t)leaders->n;
    }
    return true;
}

void slc_leaders_release(struct slc_leaders *leaders)
{
    free(leaders->values);
    free(leaders->texts);
    *leaders = (struct slc_leaders){0};
}
