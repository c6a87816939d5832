#include "profile/profile.h"

#include <stdlib.h>

#include "profile/internal.h"

enum { RANKS_PART = 16 }; /* of the memory, for values in order */

bool slc_profile_new(int64_t n_columns, int64_t memory_bytes, struct slc_profile **ret_profile,
                     struct slc_error *error)
{
    int64_t share = n_columns > 0 ? memory_bytes / n_columns : SLC_LEAST_SHARE_BYTES;
    struct slc_profile *profile;
    size_t n = (size_t)n_columns + 1; /* a table without columns is one, too */

    if (share < SLC_LEAST_SHARE_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the statistics of %lld columns take %lld KiB, more than the %lld KiB "
                        "set aside for them: raise load.memory",
                        (long long)n_columns, (long long)n_columns * (SLC_LEAST_SHARE_BYTES / 1024),
                        (long long)memory_bytes / 1024);
    profile = calloc(1, sizeof(*profile));
    if (!profile)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
    profile->n_columns = n_columns;
    profile->sizes = slc_sizes_of_share((size_t)share);
    profile->ranks_limit_bytes = memory_bytes > 0 ? (size_t)memory_bytes / RANKS_PART : 0;
    profile->columns = calloc(n, sizeof(*profile->columns));
    profile->digests = calloc(n, sizeof(*profile->digests));
    profile->turns = calloc(n, sizeof(*profile->turns));
    pthread_mutex_init(&profile->mutex, NULL);
    pthread_cond_init(&profile->turned, NULL);
    if (!profile->columns || !profile->digests || !profile->turns) {
        slc_profile_free(profile);
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
    }
    *ret_profile = profile;
    return true;
}

void slc_profile_free(struct slc_profile *profile)
{
    if (!profile)
        return;
    for (int64_t i = 0; profile->columns && i < profile->n_columns; i++)
        slc_accumulator_release(&profile->columns[i]);
    free(profile->columns);
    free(profile->digests);
    free(profile->turns);
    pthread_cond_destroy(&profile->turned);
    pthread_mutex_destroy(&profile->mutex);
    free(profile);
}

void slc_profile_cancel(struct slc_profile *profile)
{
    pthread_mutex_lock(&profile->mutex);
    atomic_store(&profile->is_cancelled, true);
    pthread_cond_broadcast(&profile->turned);
    pthread_mutex_unlock(&profile->mutex);
}

void slc_profile_reset_column(struct slc_profile *profile, int64_t column)
{
    slc_accumulator_release(&profile->columns[column]);
    profile->digests[column] = (struct slc_digest128){0};
}

void slc_profile_new_round(struct slc_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        atomic_store(&profile->turns[i], 0);
}

/* The turn is given on before the count of the waiting is read, and a thread
 * counts itself before it looks at the turns; both sequentially consistent, so
 * that one of the two sees the other. */
static void give_turn(struct slc_profile *profile, int64_t column, int64_t seq)
{
    atomic_store(&profile->turns[column], seq + 1);
    if (atomic_load(&profile->n_waiting) == 0)
        return;
    pthread_mutex_lock(&profile->mutex);
    pthread_cond_broadcast(&profile->turned);
    pthread_mutex_unlock(&profile->mutex);
}

/* Out of line: the way less taken. */
__attribute__((noinline)) static void sleep_until_turn(struct slc_profile *profile, int64_t column,
                                                       int64_t seq)
{
    pthread_mutex_lock(&profile->mutex);
    atomic_fetch_add(&profile->n_waiting, 1);
    while (atomic_load(&profile->turns[column]) != seq && !atomic_load(&profile->is_cancelled))
        pthread_cond_wait(&profile->turned, &profile->mutex);
    atomic_fetch_sub(&profile->n_waiting, 1);
    pthread_mutex_unlock(&profile->mutex);
}

/* Wait until it is the chunk's turn in that column. False when cancelled. */
static bool wait_for_turn(struct slc_profile *profile, int64_t column, int64_t seq)
{
    if (atomic_load(&profile->is_cancelled))
        return false;
    if (atomic_load(&profile->turns[column]) == seq)
        return true;
    sleep_until_turn(profile, column, seq);
    return !atomic_load(&profile->is_cancelled);
}

bool slc_profile_fold(struct slc_profile *profile, const struct slc_chunk *chunk,
                      struct slc_error *error)
{
    if (chunk->n_columns != profile->n_columns)
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk of %lld columns in a profile of %lld",
                        (long long)chunk->n_columns, (long long)profile->n_columns);
    for (int64_t i = 0; i < chunk->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[i];

        if (!wait_for_turn(profile, i, chunk->seq))
            return slc_fail(error, SLC_ERR_CANCELLED, "the reading was stopped");
        if (column->requested &&
            !slc_accumulator_fold(&profile->columns[i], column, chunk->n_rows, &profile->sizes,
                                  &profile->digests[i], error)) {
            slc_profile_cancel(profile); /* nobody waits for a turn that never comes */
            return false;
        }
        give_turn(profile, i, chunk->seq);
    }
    return true;
}
