#include "service/crowd.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/digest.h"
#include "base/hash.h"

enum { BUCKETS = 4096 };

struct row {
    _Atomic int32_t all;
    _Atomic int32_t by_address[2][BUCKETS];
};

struct page {
    _Atomic size_t rows_used;
    struct row rows[];
};

struct slc_crowd {
    struct page *page;
    size_t rows, page_bytes;
    uint64_t seed; /* so that nobody outside can choose addresses that collide */
};

struct slc_crowd *slc_crowd_new(size_t rows, struct slc_error *error)
{
    struct slc_crowd *crowd = calloc(1, sizeof(*crowd));
    void *page = MAP_FAILED;

    if (crowd && slc_random_bytes(&crowd->seed, sizeof(crowd->seed), NULL)) {
        crowd->rows = rows;
        crowd->page_bytes = sizeof(struct page) + rows * sizeof(struct row);
        page = mmap(NULL, crowd->page_bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (page == MAP_FAILED) {
        free(crowd);
        slc_fail(error, SLC_ERR_MEMORY, "no memory to count connections");
        return NULL;
    }
    crowd->page = page;
    return crowd;
}

void slc_crowd_free(struct slc_crowd *crowd)
{
    if (!crowd)
        return;
    munmap(crowd->page, crowd->page_bytes);
    free(crowd);
}

static void find_buckets(const struct slc_crowd *crowd, const struct sockaddr *peer,
                         size_t buckets[2])
{
    struct slc_client client;
    uint64_t hash;

    slc_client_resolve(peer, (struct slc_str){0}, NULL, &client);
    hash = XXH3_64bits_withSeed(client.network, strlen(client.network), crowd->seed);
    buckets[0] = hash % BUCKETS;
    buckets[1] = (hash >> 32) % BUCKETS;
}

bool slc_crowd_admit(void *state, const struct sockaddr *peer)
{
    const struct slc_crowd_door *door = state;
    struct page *page = door->crowd->page;
    size_t used = atomic_load(&page->rows_used), buckets[2];
    int64_t all = 0, first = 0, second = 0;

    find_buckets(door->crowd, peer, buckets);
    for (size_t i = 0; i < used; i++) {
        all += atomic_load_explicit(&page->rows[i].all, memory_order_relaxed);
        first +=
            atomic_load_explicit(&page->rows[i].by_address[0][buckets[0]], memory_order_relaxed);
        second +=
            atomic_load_explicit(&page->rows[i].by_address[1][buckets[1]], memory_order_relaxed);
    }
    if (door->max > 0 && all >= door->max)
        return false;
    return door->max_per_address == 0 ||
           (first < second ? first : second) < door->max_per_address ||
           slc_trusted_proxies_have(door->proxies, peer);
}

static void count(const struct slc_crowd_door *door, const struct sockaddr *peer, int32_t n)
{
    struct page *page = door->crowd->page;
    struct row *row = &page->rows[door->row];
    size_t used = atomic_load(&page->rows_used), buckets[2];

    while (used < door->row + 1 &&
           !atomic_compare_exchange_weak(&page->rows_used, &used, door->row + 1))
        continue;
    find_buckets(door->crowd, peer, buckets);
    atomic_fetch_add_explicit(&row->all, n, memory_order_relaxed);
    for (size_t i = 0; i < 2; i++)
        atomic_fetch_add_explicit(&row->by_address[i][buckets[i]], n, memory_order_relaxed);
}

void slc_crowd_enter(void *state, const struct sockaddr *peer)
{
    count(state, peer, 1);
}

void slc_crowd_leave(void *state, const struct sockaddr *peer)
{
    count(state, peer, -1);
}

void slc_crowd_clear(struct slc_crowd *crowd, size_t row)
{
    struct row *cleared = &crowd->page->rows[row];

    if (row >= atomic_load(&crowd->page->rows_used))
        return;
    atomic_store(&cleared->all, 0);
    for (size_t i = 0; i < 2; i++)
        for (size_t bucket = 0; bucket < BUCKETS; bucket++)
            if (atomic_load_explicit(&cleared->by_address[i][bucket], memory_order_relaxed))
                atomic_store_explicit(&cleared->by_address[i][bucket], 0, memory_order_relaxed);
}
