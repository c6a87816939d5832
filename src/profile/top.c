#include "profile/top.h"

_Static_assert(SLC_LEADER_SLOTS == 1 << (64 - 53), "slc_leaders_find() takes the top bits");
_Static_assert(SLC_LEADERS < 256, "a slot holds an index + 1");

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

bool slc_leaders_init(struct slc_leaders *leaders, const struct slc_value_count *values,
                      const uint64_t *hashes, int n)
{
    memset(leaders, 0, sizeof(*leaders));
    for (int i = 0; i < n; i++) {
        struct slc_value_count *mine = &leaders->values[leaders->n];
        size_t at = hashes[i] >> 53;

        *mine = values[i];
        if (slc_type_is_text(mine->value.type)) {
            mine->value.text = slc_arena_copy(&leaders->arena, mine->value.text);
            if (!mine->value.text.data)
                return false;
        }
        while (leaders->slots[at])
            at = (at + 1) & (SLC_LEADER_SLOTS - 1);
        leaders->hashes[leaders->n++] = hashes[i];
        leaders->slots[at] = (uint8_t)leaders->n;
    }
    return true;
}

void slc_leaders_release(struct slc_leaders *leaders)
{
    slc_arena_release(&leaders->arena);
    leaders->n = 0;
}
