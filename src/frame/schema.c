#include "frame/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

/* Names already given, by hash: open addressing over field indices + 1. */
struct name_set {
    int32_t *slots;
    size_t mask;
};

static bool name_is_taken(const struct name_set *set, const struct slc_schema *schema,
                          struct slc_str name, size_t *ret_slot)
{
    size_t slot = slc_hash_bytes(name.data, name.len) & set->mask;

    for (; set->slots[slot]; slot = (slot + 1) & set->mask)
        if (slc_str_eq(schema->fields[set->slots[slot] - 1].name, name))
            return true;
    *ret_slot = slot;
    return false;
}

/* The name of field `i`, made unique; data is NULL when memory ran out. */
static struct slc_str unique_name(struct slc_schema *schema, const struct name_set *set,
                                  struct slc_str wanted, int64_t i, size_t *ret_slot)
{
    char unnamed[48];
    struct slc_str name = wanted;
    char *room;

    if (wanted.len == 0) {
        snprintf(unnamed, sizeof(unnamed), "Unnamed: %lld", (long long)i);
        name = wanted = slc_str_from(unnamed);
    }
    room = slc_arena_bytes(&schema->arena, wanted.len + 24);
    if (!room)
        return (struct slc_str){0};
    memcpy(room, wanted.data, wanted.len);
    room[wanted.len] = '\0';
    name.data = room;
    for (long long n = 1; name_is_taken(set, schema, name, ret_slot); n++)
        name.len = wanted.len + (size_t)snprintf(room + wanted.len, 24, ".%lld", n);
    return name;
}

bool slc_schema_init(struct slc_schema *schema, const struct slc_str *names, int64_t n_names)
{
    struct name_set set = {.mask = 16};
    bool good = true;

    *schema = (struct slc_schema){0};
    while (set.mask < (size_t)n_names * 2)
        set.mask *= 2;
    set.slots = calloc(set.mask, sizeof(*set.slots));
    set.mask--;
    schema->fields = slc_arena_calloc(&schema->arena, (size_t)n_names + 1, sizeof(*schema->fields));
    good = set.slots && schema->fields;
    for (int64_t i = 0; good && i < n_names; i++) {
        size_t slot = 0;

        schema->fields[i].name = unique_name(schema, &set, names[i], i, &slot);
        good = schema->fields[i].name.data != NULL;
        set.slots[slot] = (int32_t)i + 1;
        schema->n_fields = i + 1;
    }
    free(set.slots);
    if (!good)
        slc_schema_release(schema);
    return good;
}

int64_t slc_schema_find(const struct slc_schema *schema, struct slc_str name)
{
    for (int64_t i = 0; i < schema->n_fields; i++)
        if (slc_str_eq(schema->fields[i].name, name))
            return i;
    return -1;
}

int64_t slc_schema_find_nocase(const struct slc_schema *schema, struct slc_str name)
{
    int64_t exact = slc_schema_find(schema, name);

    for (int64_t i = 0; exact < 0 && i < schema->n_fields; i++)
        if (slc_str_eq_nocase(schema->fields[i].name, name))
            return i;
    return exact;
}

void slc_schema_release(struct slc_schema *schema)
{
    if (!schema)
        return;
    slc_arena_release(&schema->arena);
    *schema = (struct slc_schema){0};
}
