#include "frame/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

/* A name that stands in the header or was given to a column. */
struct seen_name {
    struct slc_str name; /* data is NULL in an empty slot */
    int64_t next;        /* 0: no column has the name yet; else the number to try next */
};

/* All of them, by hash; open addressing. */
struct name_set {
    struct seen_name *slots;
    size_t mask;
};

static struct seen_name *find_name(const struct name_set *set, struct slc_str name)
{
    size_t slot = slc_hash_bytes(name.data, name.len) & set->mask;

    while (set->slots[slot].name.data && !slc_str_eq(set->slots[slot].name, name))
        slot = (slot + 1) & set->mask;
    return &set->slots[slot];
}

/* The column's own name in the arena, "Unnamed: <i>" for an empty one, with
 * room for a number behind it; data is NULL when memory ran out. */
static struct slc_str copy_name(struct slc_schema *schema, struct slc_str wanted, int64_t i)
{
    char unnamed[48];
    char *room;

    if (wanted.len == 0) {
        snprintf(unnamed, sizeof(unnamed), "Unnamed: %lld", (long long)i);
        wanted = slc_str_from(unnamed);
    }
    room = slc_arena_bytes(&schema->arena, wanted.len + 24);
    if (!room)
        return (struct slc_str){0};
    memcpy(room, wanted.data, wanted.len);
    room[wanted.len] = '\0';
    return (struct slc_str){.data = room, .len = wanted.len};
}

/* pandas/_libs/parsers.pyx, TextReader._get_header(): a repeated name gets the
 * lowest number that makes a name which no other column has or wants. */
static bool make_unique(struct slc_schema *schema, struct name_set *set, struct slc_str *name)
{
    struct seen_name *own = find_name(set, *name), *taken = own;
    struct slc_str numbered = *name;
    char *room;

    if (own->next > 0) {
        room = slc_arena_bytes(&schema->arena, name->len + 24);
        if (!room)
            return false;
        memcpy(room, name->data, name->len);
        numbered.data = room;
        do {
            numbered.len =
                name->len + (size_t)snprintf(room + name->len, 24, ".%lld", (long long)own->next++);
            taken = find_name(set, numbered);
        } while (taken->name.data);
        taken->name = numbered;
        schema->n_renamed++;
    }
    taken->next = 1;
    *name = numbered;
    return true;
}

static bool take_names(struct slc_schema *schema, struct name_set *set, const struct slc_str *names,
                       int64_t n_names)
{
    struct slc_field *fields = schema->fields;

    for (int64_t i = 0; i < n_names; i++) {
        struct slc_str name = copy_name(schema, names[i], i);

        if (!name.data)
            return false;
        fields[i].name = name;
        schema->n_renamed += names[i].len == 0;
        find_name(set, name)->name = name;
    }
    /* Columns that have a name keep it; what was made up gives way. */
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n_names; i++)
            if ((names[i].len == 0) == (pass == 1) && !make_unique(schema, set, &fields[i].name))
                return false;
    schema->n_fields = n_names;
    return true;
}

bool slc_schema_init(struct slc_schema *schema, const struct slc_str *names, int64_t n_names)
{
    struct name_set set = {.mask = 16};
    bool good;

    *schema = (struct slc_schema){0};
    while (set.mask < (size_t)n_names * 4) /* as they stand, and as they are made unique */
        set.mask *= 2;
    set.slots = calloc(set.mask, sizeof(*set.slots));
    set.mask--;
    schema->fields = slc_arena_calloc(&schema->arena, (size_t)n_names + 1, sizeof(*schema->fields));
    good = set.slots && schema->fields && take_names(schema, &set, names, n_names);
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

struct slc_str slc_schema_nearest(const struct slc_schema *schema, struct slc_str wanted)
{
    struct slc_str best = SLC_STR("");
    size_t best_distance = SIZE_MAX;

    for (int64_t i = 0; i < schema->n_fields; i++) {
        size_t distance = slc_str_distance(schema->fields[i].name, wanted);

        if (distance < best_distance) {
            best_distance = distance;
            best = schema->fields[i].name;
        }
    }
    return best;
}

void slc_schema_release(struct slc_schema *schema)
{
    if (!schema)
        return;
    slc_arena_release(&schema->arena);
    *schema = (struct slc_schema){0};
}
