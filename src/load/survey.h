/* The first pass: types and statistics of every column, over all rows. */
#ifndef SLC_LOAD_SURVEY_H
#define SLC_LOAD_SURVEY_H

#include <stdatomic.h>

#include "base/error.h"
#include "frame/chunk.h"
#include "frame/schema.h"
#include "load/kept.h"
#include "load/load.h"
#include "profile/profile.h"
#include "reader/reader.h"

/* Where a chunk's rows are among all rows. */
struct slc_chunk_place {
    int64_t first_record; /* records before it, rejected ones counted */
    int64_t first_row;    /* taken rows before it */
};

struct slc_survey {
    struct slc_schema schema;      /* names (borrowed from the reader's) with final types */
    struct slc_summary *summaries; /* one a field */
    struct slc_profile *profile;
    int64_t n_records; /* rows in the file */
    int64_t n_rows;    /* rows taken */
    int64_t n_rejects;
    int64_t first_reject_row;      /* 0: none */
    char first_reject_reason[256]; /* "" with it */
    /* The key column's values are whole numbers, each greater than the one before,
     * so that no two are equal: a proof that costs nothing. */
    bool keys_rise;
    bool keys_are_plain; /* and each stands in the file as it would be printed: 7, not 07 or +7 */
    int64_t first_key, last_key;    /* of keys that rise; 0 when there are none */
    struct slc_chunk_place *places; /* by seq */
    int64_t n_chunks;
    struct slc_kept kept; /* the last chunks, as many as fit; the key column as TEXT */
};

struct slc_survey_options {
    int n_threads;
    int nice;                   /* by which they stand back for others */
    int64_t memory_bytes;       /* half of it for the profile */
    int64_t keep_bytes;         /* for chunks that will be wanted again; 0: none are kept */
    int64_t key_column;         /* of the row keys; -1: none */
    bool fail_on_reject;        /* the first bad row is an error (DATA) */
    const enum slc_type *types; /* to read each field from, as a plan has it; a value that its type
                                   cannot hold widens it as ever. NULL: found out */
    const atomic_bool *cancel;  /* may be NULL */
    struct slc_load_progress *progress; /* may be NULL */
};

/* The result is the same for any number of threads. A file of which no row can
 * be taken is no error here. Errors: those of reader/. Release it before the
 * reader is closed. */
bool slc_survey_run(struct slc_reader *reader, const struct slc_survey_options *options,
                    struct slc_survey *ret_survey, struct slc_error *error);

/* DATA when no row was taken, with the reason. */
bool slc_survey_has_rows(const struct slc_survey *survey, struct slc_error *error);

void slc_survey_release(struct slc_survey *survey);

#endif
