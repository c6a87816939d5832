#include "base/counters.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* At the region's head, on a page of its own. */
struct head {
    _Atomic size_t rows_used; /* so that a sum does not touch, and so allocate, the rows behind */
};

struct slc_counters {
    char *region;
    size_t region_bytes, row_bytes;
    size_t rows, cells;
    size_t row; /* of this process */
};

static struct head *head_of(const struct slc_counters *counters)
{
    return (struct head *)(void *)counters->region;
}

/* Whole pages, so that a row that nobody counts in costs nothing. */
static size_t row_size(size_t cells)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (cells * sizeof(_Atomic int64_t) + page - 1) / page * page;
}

struct slc_counters *slc_counters_new(size_t rows, size_t cells, struct slc_error *error)
{
    struct slc_counters *counters;

    if (rows < 1 || rows > SLC_COUNTERS_ROWS_MAX || cells < 1 || cells > SLC_COUNTERS_CELLS_MAX) {
        slc_fail(error, SLC_ERR_INTERNAL, "%zu rows of %zu counters", rows, cells);
        return NULL;
    }
    counters = calloc(1, sizeof(*counters));
    if (!counters) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for counters");
        return NULL;
    }
    counters->rows = rows;
    counters->cells = cells;
    counters->row_bytes = row_size(cells);
    counters->region_bytes = (size_t)sysconf(_SC_PAGESIZE) + rows * counters->row_bytes;
    counters->region = mmap(NULL, counters->region_bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (counters->region == MAP_FAILED) {
        slc_fail_errno(error, errno, "no memory for counters");
        free(counters);
        return NULL;
    }
    slc_counters_use_row(counters, 0);
    return counters;
}

void slc_counters_free(struct slc_counters *counters)
{
    if (!counters)
        return;
    munmap(counters->region, counters->region_bytes);
    free(counters);
}

size_t slc_counters_rows(const struct slc_counters *counters)
{
    return counters->rows;
}

size_t slc_counters_cells(const struct slc_counters *counters)
{
    return counters->cells;
}

void slc_counters_use_row(struct slc_counters *counters, size_t row)
{
    _Atomic size_t *used = &head_of(counters)->rows_used;
    size_t before = atomic_load(used);

    assert(row < counters->rows);
    counters->row = row;
    while (before < row + 1 && !atomic_compare_exchange_weak(used, &before, row + 1))
        continue;
}

static _Atomic int64_t *at(const struct slc_counters *counters, size_t row, size_t cell)
{
    assert(row < counters->rows && cell < counters->cells);
    return (_Atomic int64_t *)(void *)(counters->region + counters->region_bytes -
                                       (counters->rows - row) * counters->row_bytes) +
           cell;
}

_Atomic int64_t *slc_counters_cell(const struct slc_counters *counters, size_t cell)
{
    return at(counters, counters->row, cell);
}

int64_t slc_counters_of_row(const struct slc_counters *counters, size_t row, size_t cell)
{
    return atomic_load_explicit(at(counters, row, cell), memory_order_relaxed);
}

int64_t slc_counters_sum(const struct slc_counters *counters, size_t cell)
{
    size_t used = atomic_load(&head_of(counters)->rows_used);
    int64_t sum = 0;

    for (size_t row = 0; row < used; row++)
        sum += slc_counters_of_row(counters, row, cell);
    return sum;
}

void slc_counters_clear(const struct slc_counters *counters, size_t row, size_t cell)
{
    atomic_store_explicit(at(counters, row, cell), 0, memory_order_relaxed);
}
