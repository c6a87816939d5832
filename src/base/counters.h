/* Numbers that several processes count together.
 *
 * A region of shared memory, made before fork(2), with a row of cells for each
 * process that is alive at a time. Each process counts in the row that it was
 * given (so that they do not fight for cache lines), and anyone reads the sum
 * over all rows. What a process counted stays when it ends: the next one of its
 * row counts on. A cell that is a level and no sum (connections that are open)
 * has to be cleared for a process that ended without doing so itself.
 *
 * Any thread, any process; no locks. Sums are 64 bits and wrap in no lifetime. */
#ifndef SLC_BASE_COUNTERS_H
#define SLC_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct slc_counters;

enum { SLC_COUNTERS_ROWS_MAX = 4096, SLC_COUNTERS_CELLS_MAX = 65536 };

/* All cells 0; this process counts in row 0. Memory is used for rows that are
 * counted in. NULL on failure. Errors: MEMORY, INTERNAL (0 or too many). */
struct slc_counters *slc_counters_new(size_t rows, size_t cells, struct slc_error *error);

/* This process' handle and its view of the region. NULL is fine. */
void slc_counters_free(struct slc_counters *counters);

static inline void slc_counters_freep(struct slc_counters **counters)
{
    slc_counters_free(*counters);
}
#define SLC_AUTO_COUNTERS SLC_CLEANUP(slc_counters_freep)

size_t slc_counters_rows(const struct slc_counters *counters);
size_t slc_counters_cells(const struct slc_counters *counters);

/* From now on this process counts in `row`: right after fork(2), before it
 * starts threads. */
void slc_counters_use_row(struct slc_counters *counters, size_t row);

/* The cell of this process, to be added to with atomic operations (relaxed is
 * enough). Lives as long as the handle. */
_Atomic int64_t *slc_counters_cell(const struct slc_counters *counters, size_t cell);

static inline void slc_counters_add(const struct slc_counters *counters, size_t cell, int64_t n)
{
    atomic_fetch_add_explicit(slc_counters_cell(counters, cell), n, memory_order_relaxed);
}

/* Over all processes, those that have ended among them. */
int64_t slc_counters_sum(const struct slc_counters *counters, size_t cell);

/* Of the process in `row`. */
int64_t slc_counters_of_row(const struct slc_counters *counters, size_t row, size_t cell);

/* Set one cell of a row to 0: a level whose process has ended. */
void slc_counters_clear(const struct slc_counters *counters, size_t row, size_t cell);

#endif
