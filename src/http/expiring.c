#include "http/expiring.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/hash.h"

struct slc_expiring {
    struct slc_expiring_entry **buckets; /* owned, a power of two of them */
    size_t bucket_mask;
    size_t count, max_entries;
    uint64_t seed; /* so that nobody outside can choose keys that collide */
    struct slc_expiring_entry *oldest, *newest;
};

struct slc_expiring *slc_expiring_new(size_t max_entries)
{
    struct slc_expiring *table = calloc(1, sizeof(*table));
    size_t buckets = 16;

    if (!table)
        return NULL;
    table->max_entries = max_entries ? max_entries : 1;
    while (buckets < table->max_entries && buckets < ((size_t)1 << 20))
        buckets *= 2;
    table->bucket_mask = buckets - 1;
    table->buckets =
        calloc(buckets, sizeof(*table->buckets)); /* NOLINT(bugprone-sizeof-expression) */
    if (!table->buckets || !slc_random_bytes(&table->seed, sizeof(table->seed), NULL)) {
        slc_expiring_free(table);
        return NULL;
    }
    return table;
}

void slc_expiring_free(struct slc_expiring *table)
{
    struct slc_expiring_entry *entry, *newer;

    if (!table)
        return;
    for (entry = table->oldest; entry; entry = newer) {
        newer = entry->newer;
        free(entry);
    }
    free(table->buckets);
    free(table);
}

static uint64_t key_hash(const struct slc_expiring *table, struct slc_str key)
{
    return XXH3_64bits_withSeed(key.data ? key.data : "", key.len, table->seed);
}

static struct slc_expiring_entry **find_link(struct slc_expiring *table, struct slc_str key,
                                             uint64_t hash)
{
    struct slc_expiring_entry **link = &table->buckets[hash & table->bucket_mask];

    for (; *link; link = &(*link)->next_in_bucket) {
        const struct slc_expiring_entry *entry = *link;
        struct slc_str have = {.data = entry->key, .len = entry->key_len};

        if (entry->hash == hash && slc_str_eq(have, key))
            break;
    }
    return link;
}

static void drop(struct slc_expiring *table, struct slc_expiring_entry **link)
{
    struct slc_expiring_entry *entry = *link;

    *link = entry->next_in_bucket;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        table->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        table->newest = entry->older;
    table->count--;
    free(entry);
}

static void drop_oldest(struct slc_expiring *table)
{
    struct slc_expiring_entry *oldest = table->oldest;
    struct slc_expiring_entry **link = &table->buckets[oldest->hash & table->bucket_mask];

    while (*link != oldest)
        link = &(*link)->next_in_bucket;
    drop(table, link);
}

struct slc_expiring_entry *slc_expiring_find(struct slc_expiring *table, struct slc_str key,
                                             int64_t now_usec)
{
    struct slc_expiring_entry **link = find_link(table, key, key_hash(table, key));

    if (*link && (*link)->end_usec <= now_usec)
        drop(table, link);
    else if (*link)
        return *link;
    return NULL;
}

struct slc_expiring_entry *slc_expiring_put(struct slc_expiring *table, struct slc_str key,
                                            int64_t now_usec, int64_t end_usec)
{
    uint64_t hash = key_hash(table, key);
    struct slc_expiring_entry **link = find_link(table, key, hash);
    struct slc_expiring_entry *entry;

    if (*link)
        drop(table, link);
    /* Entries mostly live equally long, so those that are over are the oldest;
     * two a call keep up with any stream of new ones. */
    for (int i = 0; i < 2 && table->oldest && table->oldest->end_usec <= now_usec; i++)
        drop_oldest(table);
    if (table->count >= table->max_entries)
        drop_oldest(table);
    entry = calloc(1, sizeof(*entry) + key.len);
    if (!entry)
        return NULL;
    entry->hash = hash;
    entry->end_usec = end_usec;
    entry->key_len = key.len;
    if (key.len)
        memcpy(entry->key, key.data, key.len);
    link = &table->buckets[hash & table->bucket_mask];
    entry->next_in_bucket = *link;
    *link = entry;
    entry->older = table->newest;
    if (table->newest)
        table->newest->newer = entry;
    else
        table->oldest = entry;
    table->newest = entry;
    table->count++;
    return entry;
}

void slc_expiring_delete(struct slc_expiring *table, struct slc_str key)
{
    struct slc_expiring_entry **link = find_link(table, key, key_hash(table, key));

    if (*link)
        drop(table, link);
}

size_t slc_expiring_count(const struct slc_expiring *table)
{
    return table->count;
}
