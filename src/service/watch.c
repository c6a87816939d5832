#include "service/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/time.h"
#include "service/known.h"
#include "source/names.h"

/* The directory's time may be as coarse as seconds, so that a change right
 * behind a look may not show: for so long after a change every look reads. */
static const int64_t unsure_usec = 3 * SLC_USEC_PER_SEC;
/* A ticket that was edited in place does not change the directory's time. */
static const int64_t always_usec = 30 * SLC_USEC_PER_SEC;
enum {
    REST_FACTOR = 4, /* reading takes at most one part in so many of the time */
    NAMES_MAX = 256, /* more at once, and the directory is read as a whole */
    BATCH_MAX = SLC_QUEUE_ONCE_MAX,
};

struct slc_watch {
    struct slc_watch_options options;
    int stop_fd;    /* eventfd */
    int retry_fd;   /* eventfd: a load failed without a verdict, its ticket is to be tried again */
    int inotify_fd; /* -1: not to be had */
    pthread_t thread;
    uint64_t known_faults;
    struct slc_known known;
    char (*names)[NAME_MAX + 1]; /* owned; tickets that inotify named */
    size_t name_count;
    struct timespec dir_mtime;
    ino_t dir_inode;
    bool trusted;         /* inotify tells of every change */
    int64_t changed_usec; /* monotonic: when the directory was seen to change */
    int64_t read_usec;    /* monotonic: when the directory was read last; 0: not yet */
    int64_t took_usec;    /* the last reading, without what was done about it */
    int64_t again_usec;   /* monotonic: when the first pause of a ticket ends; 0: none */
    bool wanted;          /* the directory is to be read */
    bool failing;         /* so that one failure is one line in the log */
};

/* ---- Looking ------------------------------------------------------------- */

static void look(struct slc_watch *watch)
{
    struct slc_inbox_dir *dir = slc_inbox_take(watch->options.inbox, NULL);
    char home[SLC_INBOX_HOME_BYTES];
    bool lagging = true, listening;
    struct stat status;

    if (!dir)
        return; /* the reading says why */
    if (fstat(slc_stream_dir_fd(slc_inbox_dir_stream(dir)), &status) == 0 &&
        (status.st_mtim.tv_sec != watch->dir_mtime.tv_sec ||
         status.st_mtim.tv_nsec != watch->dir_mtime.tv_nsec || status.st_ino != watch->dir_inode)) {
        watch->wanted |= status.st_ino != watch->dir_inode;
        watch->dir_mtime = status.st_mtim;
        watch->dir_inode = status.st_ino;
        watch->changed_usec = slc_monotonic_usec();
    }
    slc_inbox_give(watch->options.inbox, dir);
    /* Idempotent for the same directory; needed when another one is there now. */
    listening = watch->inotify_fd >= 0 &&
                inotify_add_watch(watch->inotify_fd, slc_inbox_path(watch->options.inbox),
                                  IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) >= 0;
    slc_inbox_home(watch->options.inbox, home, &lagging);
    watch->trusted = listening && !lagging;
}

static bool must_read(const struct slc_watch *watch)
{
    int64_t now = slc_monotonic_usec();

    if (watch->wanted || watch->read_usec == 0 || now - watch->read_usec > always_usec ||
        (watch->again_usec && now >= watch->again_usec))
        return true;
    return !watch->trusted &&
           (now - watch->changed_usec < unsure_usec || watch->changed_usec > watch->read_usec);
}

/* ---- Asking for loads ------------------------------------------------------ */

static bool asks_for_load(const struct slc_ticket *ticket)
{
    enum slc_ticket_status status = slc_ticket_status(ticket);

    return status == SLC_TICKET_READY || status == SLC_TICKET_REGISTERED;
}

/* On a thread of the queue. A load that failed without a verdict (a file that
 * could not be read) changed nothing in the directory: say that it is to be looked at
 * again; the queue then says how long its pause is. */
static void on_batch_over(void *state, const struct slc_batch *batch)
{
    struct slc_watch *watch = state;
    uint64_t one = 1;

    for (int64_t i = 0; batch && batch->jobs && i < batch->count; i++) {
        const struct slc_job *job = &batch->jobs[i];

        if (job->state == SLC_JOB_FAILED && job->status != SLC_TICKET_FAILED) {
            (void)!write(watch->retry_fd, &one, sizeof(one));
            break;
        }
    }
    if (watch->options.on_done)
        watch->options.on_done(watch->options.done_state, batch);
}

/* While replicas are unregistered, and when too many loads wait, it is asked
 * again at the next look. */
static bool submit(struct slc_watch *watch, const struct slc_queue_request *requests, size_t count,
                   struct slc_error *error)
{
    struct slc_queue_submission submission = {.requests = requests,
                                              .count = count,
                                              .once = true,
                                              .on_done = on_batch_over,
                                              .done_state = watch};
    struct slc_queue_receipt receipt;
    struct slc_error why = {0};

    if (!slc_queue_submit(watch->options.queue, &submission, &receipt, &why)) {
        if (why.code == SLC_ERR_CANCELLED) {
            watch->wanted = true;
            return true;
        }
        *error = why;
        return false;
    }
    if (receipt.taken > 0 && watch->options.on_asked)
        watch->options.on_asked(watch->options.done_state, receipt.id);
    if (receipt.wait_ms >= 0) {
        int64_t again_usec = slc_monotonic_usec() + (receipt.wait_ms + 1) * 1000;

        if (!watch->again_usec || again_usec < watch->again_usec)
            watch->again_usec = again_usec;
    }
    return true;
}

static bool submit_all(struct slc_watch *watch, const struct slc_inbox_listing *listing,
                       struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_queue_request *requests = calloc(BATCH_MAX, sizeof(*requests));
    size_t count = 0;

    if (!requests)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu tickets", listing->count);
    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];

        if (ticket->error)
            continue;
        (void)slc_known_put(&watch->known, ticket->replica, ticket->ticket_name);
        if (!asks_for_load(ticket->ticket))
            continue;
        requests[count++] =
            (struct slc_queue_request){.ticket_name = ticket->ticket_name,
                                       .file_name = slc_ticket_file_name(ticket->ticket).data,
                                       .replica = ticket->replica,
                                       .ticket = ticket->on_disk};
        if (count == BATCH_MAX) {
            if (!submit(watch, requests, count, error))
                return false;
            count = 0;
        }
    }
    return count == 0 || submit(watch, requests, count, error);
}

/* ---- Reading all of it ----------------------------------------------------- */

static bool read_directory(struct slc_watch *watch, struct slc_error *error)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_redis *redis = slc_redis_pool_take(watch->options.pool, error);
    int64_t start = slc_monotonic_usec();
    bool good;

    if (!redis)
        return false;
    watch->again_usec = 0;
    watch->name_count = 0; /* they are among all of them */
    good = slc_inbox_scan(watch->options.inbox, redis, &listing, error);
    watch->took_usec = slc_monotonic_usec() - start;
    if (good)
        (void)slc_inbox_mark_faulty(watch->options.inbox, redis, &listing, &watch->known_faults);
    slc_redis_pool_give(watch->options.pool, redis);
    slc_known_clear(&watch->known);
    return good && submit_all(watch, &listing, error);
}

/* ---- Reading what came ------------------------------------------------------ */

/* Says in `watch->wanted` when only the whole directory can tell: a ticket that
 * cannot be read, or a second one for its replica. */
static bool read_ticket(struct slc_watch *watch, struct slc_redis *redis, const char *name,
                        struct slc_error *error)
{
    SLC_AUTO_TICKET struct slc_ticket *on_disk = NULL;
    SLC_AUTO_TICKET struct slc_ticket *overlaid = NULL;
    SLC_AUTO_FREE char *replica = NULL;
    struct slc_queue_request request;
    struct slc_error why = {0};
    struct slc_str text;

    if (!slc_inbox_read(watch->options.inbox, redis, name, &on_disk, &overlaid, &why)) {
        if (why.class == SLC_CLASS_RETRY) {
            *error = why;
            return false;
        }
        watch->wanted |= why.code != SLC_ERR_NOT_FOUND;
        return true;
    }
    if (!asks_for_load(overlaid ? overlaid : on_disk))
        return true;
    if (!slc_replica_name_of_file(slc_ticket_file_name(on_disk), &text, NULL)) {
        watch->wanted = true;
        return true;
    }
    replica = slc_str_dup(text);
    if (!replica || !slc_known_put(&watch->known, replica, name)) {
        watch->wanted = true;
        return true;
    }
    request = (struct slc_queue_request){.ticket_name = name,
                                         .file_name = slc_ticket_file_name(on_disk).data,
                                         .replica = replica,
                                         .ticket = on_disk};
    return submit(watch, &request, 1, error);
}

static bool read_named(struct slc_watch *watch, struct slc_error *error)
{
    struct slc_redis *redis = slc_redis_pool_take(watch->options.pool, error);
    size_t count = watch->name_count;
    bool good = redis != NULL;

    watch->name_count = 0;
    for (size_t i = 0; good && i < count && !watch->wanted; i++)
        good = read_ticket(watch, redis, watch->names[i], error);
    slc_redis_pool_give(watch->options.pool, redis);
    watch->wanted |= !good;
    return good;
}

static void round_of(struct slc_watch *watch)
{
    struct slc_error error = {0};
    bool good = true, did = true;

    if (watch->name_count > 0 && !watch->wanted) {
        good = read_named(watch, &error);
    } else {
        look(watch);
        did = must_read(watch);
    }
    if (good && did && must_read(watch)) {
        watch->wanted = false;
        watch->read_usec = slc_monotonic_usec();
        good = read_directory(watch, &error);
        watch->wanted |= !good;
    }
    if (!did)
        return;
    if (!good && !watch->failing)
        slc_log(SLC_LOG_WARNING, "cannot watch the stream directory at the moment",
                SLC_LOG_TEXT_FIELD("reason", error.message));
    if (good && watch->failing)
        slc_log(SLC_LOG_INFO, "the stream directory is watched again");
    watch->failing = !good;
}

/* ---- Waiting ------------------------------------------------------------- */

static void keep_name(struct slc_watch *watch, const char *name)
{
    if (!slc_name_is_ticket(slc_str_from(name)))
        return;
    for (size_t i = 0; i < watch->name_count; i++)
        if (strcmp(watch->names[i], name) == 0)
            return;
    if (watch->name_count == NAMES_MAX)
        watch->wanted = true;
    else
        snprintf(watch->names[watch->name_count++], NAME_MAX + 1, "%s", name);
}

static void drain(struct slc_watch *watch)
{
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;

    while ((got = read(watch->inotify_fd, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;

            watch->wanted |= (event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0;
            if (event->len)
                keep_name(watch, event->name);
            at += sizeof(*event) + event->len;
        }
    }
}

/* Until there is something to do, or `end_usec`. False when the loop is to end. */
static bool wait_until(struct slc_watch *watch, int64_t end_usec, bool with_inotify)
{
    struct pollfd fds[] = {{.fd = watch->stop_fd, .events = POLLIN},
                           {.fd = watch->retry_fd, .events = POLLIN},
                           {.fd = watch->inotify_fd, .events = POLLIN}};
    nfds_t count = with_inotify ? (watch->inotify_fd >= 0 ? 3 : 2) : 1;
    uint64_t retries;

    for (;;) {
        int64_t left_ms = (end_usec - slc_monotonic_usec() + 999) / 1000;

        if (left_ms <= 0)
            return true;
        if (poll(fds, count, left_ms > 60000 ? 60000 : (int)left_ms) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents)
            return false;
        if (count > 1 && read(watch->retry_fd, &retries, sizeof(retries)) > 0) {
            watch->wanted = true;
            return true;
        }
        if (count > 2 && fds[2].revents) {
            drain(watch);
            if (watch->wanted || watch->name_count > 0)
                return true;
        }
    }
}

static void *run(void *argument)
{
    struct slc_watch *watch = argument;
    int64_t poll_usec = watch->options.poll_ms * 1000;

    for (;;) {
        int64_t now, rest_usec, wait_usec;

        round_of(watch);
        now = slc_monotonic_usec();
        rest_usec = REST_FACTOR * watch->took_usec;
        watch->took_usec = 0;
        if (rest_usec > always_usec)
            rest_usec = always_usec;
        /* Tickets that are named meanwhile are read meanwhile. */
        if (rest_usec > 0 && watch->wanted && !wait_until(watch, now + rest_usec, false))
            return NULL;
        wait_usec = poll_usec > rest_usec ? poll_usec : rest_usec;
        if (watch->again_usec && watch->again_usec - now < wait_usec)
            wait_usec = watch->again_usec - now > rest_usec ? watch->again_usec - now : rest_usec;
        if (!wait_until(watch, now + wait_usec, true))
            return NULL;
    }
}

/* ---- The loop ------------------------------------------------------------ */

void slc_watch_free(struct slc_watch *watch)
{
    if (!watch)
        return;
    if (watch->inotify_fd >= 0)
        close(watch->inotify_fd);
    if (watch->stop_fd >= 0)
        close(watch->stop_fd);
    if (watch->retry_fd >= 0)
        close(watch->retry_fd);
    slc_known_release(&watch->known);
    free(watch->names);
    free(watch);
}

struct slc_watch *slc_watch_start(const struct slc_watch_options *options, struct slc_error *error)
{
    struct slc_watch *watch = calloc(1, sizeof(*watch));

    if (!watch || !(watch->names = calloc(NAMES_MAX, sizeof(*watch->names)))) {
        free(watch);
        slc_fail(error, SLC_ERR_MEMORY, "no memory to watch the stream directory");
        return NULL;
    }
    watch->options = *options;
    watch->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without it polling does */
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    watch->retry_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->stop_fd < 0 || watch->retry_fd < 0) {
        slc_fail_errno(error, errno, "cannot watch the stream directory");
        slc_watch_free(watch);
        return NULL;
    }
    if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
        slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread to watch the stream directory");
        slc_watch_free(watch);
        return NULL;
    }
    return watch;
}

void slc_watch_stop(struct slc_watch *watch)
{
    uint64_t one = 1;

    if (!watch)
        return;
    (void)!write(watch->stop_fd, &one, sizeof(one));
    pthread_join(watch->thread, NULL);
}
