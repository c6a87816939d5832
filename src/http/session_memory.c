/* Sessions in this process: one bounded table a kind, so that a flood of
 * guesses cannot push out anybody's session. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "http/expiring.h"
#include "http/session.h"

_Static_assert((int)SLC_SESSION_VALUE_BYTES == (int)SLC_EXPIRING_VALUE_BYTES,
               "a value fits its entry");

enum { ENTRIES_DEFAULT = 65536 };

struct memory {
    pthread_mutex_t lock;
    struct slc_expiring *tables[SLC_SESSION_KINDS]; /* owned */
    int64_t (*clock)(void *clock_state);
    void *clock_state;
};

static int64_t memory_now(const struct memory *memory)
{
    return memory->clock ? memory->clock(memory->clock_state) : slc_now_usec();
}

static void memory_free(void *state)
{
    struct memory *memory = state;

    if (!memory)
        return;
    for (size_t i = 0; i < SLC_SESSION_KINDS; i++)
        slc_expiring_free(memory->tables[i]);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

void *slc_session_memory_new(size_t max_entries, int64_t (*clock)(void *clock_state),
                             void *clock_state)
{
    struct memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    if (pthread_mutex_init(&memory->lock, NULL) != 0) {
        free(memory);
        return NULL;
    }
    memory->clock = clock;
    memory->clock_state = clock_state;
    for (size_t i = 0; i < SLC_SESSION_KINDS; i++) {
        memory->tables[i] = slc_expiring_new(max_entries ? max_entries : ENTRIES_DEFAULT);
        if (!memory->tables[i]) {
            memory_free(memory);
            return NULL;
        }
    }
    return memory;
}

static enum slc_session_found memory_get(void *state, enum slc_session_kind kind,
                                         struct slc_str key, char value[SLC_SESSION_VALUE_BYTES],
                                         struct slc_error *error)
{
    struct memory *memory = state;
    const struct slc_expiring_entry *entry;

    (void)error;
    pthread_mutex_lock(&memory->lock);
    entry = slc_expiring_find(memory->tables[kind], key, memory_now(memory));
    if (entry)
        memcpy(value, entry->text, SLC_SESSION_VALUE_BYTES);
    pthread_mutex_unlock(&memory->lock);
    return entry ? SLC_SESSION_PRESENT : SLC_SESSION_ABSENT;
}

static bool memory_put(void *state, enum slc_session_kind kind, struct slc_str key,
                       struct slc_str value, int64_t ttl_sec, struct slc_error *error)
{
    struct memory *memory = state;
    struct slc_expiring_entry *entry;
    int64_t now;

    if (key.len > SLC_SESSION_KEY_BYTES || value.len >= SLC_SESSION_VALUE_BYTES)
        return slc_fail(error, SLC_ERR_INTERNAL, "a session entry is too long");
    pthread_mutex_lock(&memory->lock);
    now = memory_now(memory);
    entry = slc_expiring_put(memory->tables[kind], key, now, now + ttl_sec * SLC_USEC_PER_SEC);
    if (entry && value.len)
        memcpy(entry->text, value.data, value.len);
    pthread_mutex_unlock(&memory->lock);
    return entry || slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
}

static bool memory_del(void *state, enum slc_session_kind kind, struct slc_str key,
                       struct slc_error *error)
{
    struct memory *memory = state;

    (void)error;
    pthread_mutex_lock(&memory->lock);
    slc_expiring_delete(memory->tables[kind], key);
    pthread_mutex_unlock(&memory->lock);
    return true;
}

static bool memory_guess(void *state, struct slc_str network, const struct slc_guess_rule *rule,
                         int64_t now_usec, int64_t *ret_refused_until_usec, struct slc_error *error)
{
    struct memory *memory = state;
    struct slc_expiring *table = memory->tables[SLC_SESSION_GUESSES];
    struct slc_guesses guesses = {0};
    struct slc_expiring_entry *entry;
    int64_t now;
    bool refused;

    *ret_refused_until_usec = 0;
    if (network.len > SLC_SESSION_KEY_BYTES)
        return slc_fail(error, SLC_ERR_INTERNAL, "a session entry is too long");
    pthread_mutex_lock(&memory->lock);
    now = memory_now(memory);
    entry = slc_expiring_find(table, network, now);
    refused = entry && slc_guesses_parse(entry->text, &guesses) && guesses.until_usec > now_usec;
    if (refused) {
        *ret_refused_until_usec = guesses.until_usec;
    } else {
        slc_guesses_add(&guesses, rule, now_usec);
        entry = slc_expiring_put(table, network, now, now + rule->ttl_sec * SLC_USEC_PER_SEC);
        if (entry)
            slc_guesses_format(&guesses, entry->text);
    }
    pthread_mutex_unlock(&memory->lock);
    return entry || slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
}

const struct slc_session_ops slc_session_memory_ops = {
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .guess = memory_guess,
    .free = memory_free,
};
