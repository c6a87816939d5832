/* Inside job: what the files of the worker share. */
#ifndef SLC_JOB_WORKER_INTERNAL_H
#define SLC_JOB_WORKER_INTERNAL_H

#include <pthread.h>

#include "job/record.h"
#include "job/worker.h"
#include "load/owner.h"

/* A load that was taken, as jobs.lua's take() hands it out; the texts are the
 * reply's and end in NUL. */
struct slc_taken {
    struct slc_reply *reply; /* owned */
    struct slc_str job, stream, entry, earlier, settle, home;
    char token[SLC_NUM_TEXT_BYTES];
    char load_id[SLC_LOAD_ID_BYTES]; /* that this attempt was announced with */
    int attempts;                    /* this one included */
    bool retaken, force, ready;
    int64_t redis_usec; /* Redis' clock at the taking, and ours */
    int64_t taken_usec;
    struct slc_record record;
    struct slc_error unreadable; /* why there is no record */
};

/* Takes the reply over, whatever comes of it. A load that says nothing
 * one can read is one, too. Errors: SERVER. */
bool slc_taken_parse(struct slc_reply *reply, const char *load_id, struct slc_taken *ret_taken,
                     struct slc_error *error);
void slc_taken_release(struct slc_taken *taken);

/* What is known of a growing file, to and from Redis. */
void slc_taken_settle(const struct slc_taken *taken, struct slc_ticket_try *attempt);
void slc_taken_settle_text(const struct slc_taken *taken, const struct slc_ticket_try *attempt,
                           struct slc_buf *text);

struct slc_worker_thread {
    struct slc_worker *worker;
    pthread_t thread;
    bool started;
    void *state;             /* of the ops */
    struct slc_redis *redis; /* NULL: not connected yet */
    int64_t look_usec;       /* monotonic, of the last look for loads of the dead */
    bool hangs;              /* Redis did not answer at the end */
    bool fresh;              /* the ops' begin was called since something went wrong */
    int64_t claim_usec;      /* monotonic: leases that ran out count from here on */
    struct slc_load_progress progress;
    atomic_bool cancel;
    /* Under the worker's lock: */
    struct slc_taken *taken; /* what runs; NULL: nothing */
    bool held, lost;         /* why it was cancelled */
    int blocked_fd; /* the connection's, by slc_redis_dup(), while it waits for loads; else -1 */
    /* The renewing thread's: */
    struct slc_record_sample sample;
    int64_t renewed_usec;
};

struct slc_worker {
    struct slc_worker_options options; /* numbers filled in */
    struct slc_redis_url url;
    char *base;
    char name[SLC_OWNER_BYTES]; /* of the consumer */
    struct slc_worker_thread *threads;
    size_t thread_count;
    pthread_t renewer;
    bool renewer_started;
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* something runs, ended, or all is to end */
    size_t running;
    bool stopping;                   /* take nothing more */
    bool ending;                     /* the renewing thread, too */
    bool away;                       /* AWAY was told */
    char home[SLC_INBOX_HOME_BYTES]; /* as it was when last a load was looked for */
};

/* worker_take.c */

/* The next load, or none (`taken->reply` NULL) after a while. False when Redis failed. */
bool slc_worker_take(struct slc_worker_thread *thread, struct slc_taken *taken,
                     struct slc_error *error);

/* worker_lease.c */

/* The thread that renews leases and says how far loads are. */
void *slc_worker_renew(void *worker);

enum slc_standing { SLC_STANDING_MINE, SLC_STANDING_HELD, SLC_STANDING_LOST, SLC_STANDING_GONE };

/* The answer of jobs.lua's renew, rest and finish. */
enum slc_standing slc_standing_of(const struct slc_reply *reply);

/* Is it still ours? Renews the lease, with patience; for slc_ticket_try. */
bool slc_worker_may_end(void *thread);

/* worker.c */

/* Connected, or connected again; one try. */
bool slc_worker_connect(struct slc_worker *worker, struct slc_redis **redis,
                        struct slc_error *error);
/* Tell AWAY or BACK when that is new. */
void slc_worker_note(struct slc_worker *worker, const struct slc_error *error);
/* Give a load back, to be tried after so many milliseconds by who sees `home` (jobs.lua,
 * rest); `attempt` may be NULL. */
void slc_worker_rest(struct slc_worker_thread *thread, const struct slc_taken *taken,
                     int64_t wait_ms, struct slc_str home, const struct slc_ticket_try *attempt);
/* False when the time is over or all is to end at once. */
bool slc_worker_pause(struct slc_worker_thread *thread, int64_t *pause_ms, int64_t deadline_usec);
void slc_worker_tell(struct slc_worker *worker, enum slc_worker_event event,
                     const char *ticket_name, const struct slc_error *error);

#endif
