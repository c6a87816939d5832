#include "service/pauses.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct pause {
    char *ticket_name; /* owned */
    uint64_t digest;   /* of the ticket's text; not known before the first question */
    bool has_digest;
    bool asked; /* in this round, or new in it */
    unsigned failures;
    int64_t until_usec;
};

struct slc_pauses {
    pthread_mutex_t lock;
    struct pause *entries; /* owned; by ticket name */
    size_t count, capacity;
};

struct slc_pauses *slc_pauses_new(void)
{
    struct slc_pauses *pauses = calloc(1, sizeof(*pauses));

    if (pauses && pthread_mutex_init(&pauses->lock, NULL) != 0) {
        free(pauses);
        return NULL;
    }
    return pauses;
}

void slc_pauses_free(struct slc_pauses *pauses)
{
    if (!pauses)
        return;
    for (size_t i = 0; i < pauses->count; i++)
        free(pauses->entries[i].ticket_name);
    free(pauses->entries);
    pthread_mutex_destroy(&pauses->lock);
    free(pauses);
}

/* With the lock held: the place of a name, and whether it is there. */
static size_t place_of(const struct slc_pauses *pauses, const char *ticket_name, bool *ret_there)
{
    size_t low = 0, high = pauses->count;

    *ret_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pauses->entries[middle].ticket_name, ticket_name);

        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* With the lock held; NULL without memory. */
static struct pause *insert(struct slc_pauses *pauses, size_t at, const char *ticket_name)
{
    char *name = strdup(ticket_name);

    if (name && pauses->count == pauses->capacity) {
        size_t capacity = pauses->capacity ? 2 * pauses->capacity : 16;
        struct pause *larger = reallocarray(pauses->entries, capacity, sizeof(*larger));

        if (larger) {
            pauses->entries = larger;
            pauses->capacity = capacity;
        }
    }
    if (!name || pauses->count == pauses->capacity) {
        free(name);
        return NULL;
    }
    memmove(&pauses->entries[at + 1], &pauses->entries[at],
            (pauses->count - at) * sizeof(*pauses->entries));
    pauses->count++;
    pauses->entries[at] = (struct pause){.ticket_name = name, .asked = true};
    return &pauses->entries[at];
}

/* With the lock held. */
static void take_out(struct slc_pauses *pauses, size_t at)
{
    free(pauses->entries[at].ticket_name);
    pauses->count--;
    memmove(&pauses->entries[at], &pauses->entries[at + 1],
            (pauses->count - at) * sizeof(*pauses->entries));
}

void slc_pauses_failed(struct slc_pauses *pauses, const char *ticket_name, int64_t now_usec)
{
    struct pause *entry;
    bool there;
    size_t at;

    if (!pauses)
        return;
    pthread_mutex_lock(&pauses->lock);
    at = place_of(pauses, ticket_name, &there);
    entry = there ? &pauses->entries[at] : insert(pauses, at, ticket_name);
    if (entry) {
        int64_t pause_usec = SLC_PAUSE_FIRST_USEC;

        for (unsigned i = 0; i < entry->failures && pause_usec < SLC_PAUSE_MAX_USEC; i++)
            pause_usec *= 2;
        if (pause_usec > SLC_PAUSE_MAX_USEC)
            pause_usec = SLC_PAUSE_MAX_USEC;
        entry->failures++;
        entry->until_usec = now_usec + pause_usec;
    }
    pthread_mutex_unlock(&pauses->lock);
}

void slc_pauses_forget(struct slc_pauses *pauses, const char *ticket_name)
{
    bool there;
    size_t at;

    if (!pauses)
        return;
    pthread_mutex_lock(&pauses->lock);
    at = place_of(pauses, ticket_name, &there);
    if (there)
        take_out(pauses, at);
    pthread_mutex_unlock(&pauses->lock);
}

bool slc_pauses_may_try(struct slc_pauses *pauses, const char *ticket_name, struct slc_str text,
                        int64_t now_usec)
{
    uint64_t digest = slc_hash_bytes(text.data, text.len);
    bool there, may = true;
    size_t at;

    if (!pauses)
        return true;
    pthread_mutex_lock(&pauses->lock);
    at = place_of(pauses, ticket_name, &there);
    if (there) {
        struct pause *entry = &pauses->entries[at];

        if (entry->has_digest && entry->digest != digest) {
            take_out(pauses, at);
        } else {
            entry->has_digest = true;
            entry->digest = digest;
            entry->asked = true;
            may = now_usec >= entry->until_usec;
        }
    }
    pthread_mutex_unlock(&pauses->lock);
    return may;
}

void slc_pauses_end_round(struct slc_pauses *pauses)
{
    size_t kept = 0;

    if (!pauses)
        return;
    pthread_mutex_lock(&pauses->lock);
    for (size_t i = 0; i < pauses->count; i++) {
        if (!pauses->entries[i].asked) {
            free(pauses->entries[i].ticket_name);
            continue;
        }
        pauses->entries[kept] = pauses->entries[i];
        pauses->entries[kept++].asked = false;
    }
    pauses->count = kept;
    pthread_mutex_unlock(&pauses->lock);
}

bool slc_pauses_ended(struct slc_pauses *pauses, int64_t since_usec, int64_t now_usec)
{
    bool ended = false;

    if (!pauses)
        return false;
    pthread_mutex_lock(&pauses->lock);
    for (size_t i = 0; i < pauses->count && !ended; i++)
        ended =
            pauses->entries[i].until_usec > since_usec && pauses->entries[i].until_usec <= now_usec;
    pthread_mutex_unlock(&pauses->lock);
    return ended;
}
