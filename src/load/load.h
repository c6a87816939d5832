/* One file into one replica: survey, fit, delivery, commit.
 *
 *     survey    all chunks once: types, statistics          (survey.h)
 *     fit       statistics + options -> plan                (prep/plan.h)
 *               or a plan that was given, held against the file
 *     delivery  all chunks again: transform, encode, write  (delivery.h)
 *     commit    verify the counts, swap in one step         (store/store.h)
 *
 * Memory does not grow with the file. A Redis that goes away is waited for up
 * to redis.patience, and the delivery is begun again; any other failure leaves
 * the old replica as it was. */
#ifndef SLC_LOAD_LOAD_H
#define SLC_LOAD_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "config/config.h"
#include "load/drift.h"
#include "prep/plan_document.h"
#include "redis/connection.h"

enum slc_load_stage {
    SLC_STAGE_OPEN,
    SLC_STAGE_SURVEY,
    SLC_STAGE_FIT,
    SLC_STAGE_DELIVERY,
    SLC_STAGE_WAITING, /* for Redis to come back */
    SLC_STAGE_COMMIT,
    SLC_STAGE_DONE,
};

/* "open", "survey", ... */
const char *slc_load_stage_name(enum slc_load_stage stage);

/* How far a load is; written by the load, read by anyone at any time. */
struct slc_load_progress {
    _Atomic int stage; /* enum slc_load_stage */
    _Atomic int64_t size_bytes;
    _Atomic int64_t position_bytes; /* of the pass under way */
    _Atomic int64_t rows_read;
    _Atomic int64_t rows_written; /* handed to Redis so far */
    _Atomic int64_t rows_rejected;
};

/* 0 to 1 over survey and delivery together. */
double slc_load_progress_share(const struct slc_load_progress *progress);

struct slc_load_job {
    struct slc_str replica;          /* its name, checked */
    int fd;                          /* of the data file; taken over */
    const char *path;                /* for META's FROMFPATH and for messages */
    struct slc_str index_column;     /* wanted prim_index; empty: ordinals */
    struct slc_str expected_sha256;  /* 64 hex digits or empty */
    const struct slc_config *config; /* with the ticket's options applied */
    /* A plan to apply as it is, borrowed; the options under prep.* then take no part, and without
     * an index_column the plan's is used. NULL: one is fitted. */
    const struct slc_plan_document *plan;
    /* A connection that nobody else uses meanwhile; borrowed. NULL: a dry run, which does all but
     * the writing. */
    struct slc_redis *redis;
    /* Rejected rows go to this file in this folder; NULL: they are only counted. */
    int rejects_dir_fd;
    const char *rejects_name;
    const char *load_dttm;              /* the stamp for META */
    const char *load_id;                /* 32 hex digits, of no other load; NULL: one is made */
    const atomic_bool *cancel;          /* checked often; may be NULL */
    struct slc_load_progress *progress; /* may be NULL */
};

enum { SLC_LOAD_ID_BYTES = 33 };

struct slc_load_result {
    char load_id[SLC_LOAD_ID_BYTES];
    int64_t rows_read; /* = rows_written + rows_rejected + duplicate_keys */
    int64_t rows_written;
    int64_t rows_rejected;
    int64_t duplicate_keys;
    int64_t n_columns; /* of the replica */
    int64_t size_bytes;
    int64_t memory_before_bytes, memory_after_bytes;
    double seconds, survey_seconds, delivery_seconds;
    char sha256[SLC_SHA256_HEX_BYTES];
    /* Against the replica's last load; nothing is compared in a dry run. */
    struct slc_drift drift;
    /* With a plan: names the columns of the file that it does not know and that were left out
     * (code NONE: there is none). */
    struct slc_error plan_warning;
    /* The load succeeded, but not as many of Redis' replicas as redis.wait_replicas have said in
     * time that they have it, too (code NONE: they have). */
    struct slc_error replicas_warning;
    /* The load succeeded but the rejected rows could not be written down (code
     * NONE: they could). */
    struct slc_error rejects_error;
};

/* Errors: every class; error->file is job->path where the file is at fault. */
bool slc_load_run(const struct slc_load_job *job, struct slc_load_result *ret_result,
                  struct slc_error *error);

/* Remove what dead loads left in Redis: those of processes of this machine that
 * are gone, and those of other machines that began more than a day ago. With
 * `own_are_dead` those of this very process, too: it has no load under way, and
 * lost Redis in the middle of an earlier one. Call it before the first load, and
 * after one that failed because Redis was away. */
bool slc_load_sweep(struct slc_redis *redis, const struct slc_config *config, bool own_are_dead,
                    int64_t *ret_swept, struct slc_error *error);

#endif
