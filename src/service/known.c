#include "service/known.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static uint64_t digest_of(const char *text)
{
    uint64_t digest = slc_hash_bytes(text, strlen(text));

    return digest ? digest : 1;
}

void slc_known_release(struct slc_known *known)
{
    free(known->entries);
    *known = (struct slc_known){0};
}

void slc_known_clear(struct slc_known *known)
{
    if (known->entries)
        memset(known->entries, 0, known->capacity * sizeof(*known->entries));
    known->count = 0;
}

/* The entry of a replica, or the free one where it belongs. */
static struct slc_known_entry *place_of(const struct slc_known *known, uint64_t replica)
{
    size_t at = (size_t)replica & (known->capacity - 1);

    while (known->entries[at].replica != 0 && known->entries[at].replica != replica)
        at = (at + 1) & (known->capacity - 1);
    return &known->entries[at];
}

static bool grow(struct slc_known *known)
{
    struct slc_known larger = {.capacity = known->capacity ? 2 * known->capacity : 64,
                               .count = known->count};

    larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < known->capacity; i++)
        if (known->entries[i].replica != 0)
            *place_of(&larger, known->entries[i].replica) = known->entries[i];
    free(known->entries);
    *known = larger;
    return true;
}

bool slc_known_put(struct slc_known *known, const char *replica, const char *ticket_name)
{
    uint64_t digest = digest_of(replica), ticket = digest_of(ticket_name);
    struct slc_known_entry *entry;

    if (2 * (known->count + 1) > known->capacity && !grow(known))
        return false;
    entry = place_of(known, digest);
    if (entry->replica == 0) {
        *entry = (struct slc_known_entry){.replica = digest, .ticket = ticket};
        known->count++;
    }
    return entry->ticket == ticket;
}
