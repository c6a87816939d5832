#include "service/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/time.h"

/* The directory's time may be as coarse as seconds, so that a change right
 * behind a look may not show: for so long after a change every look reads. */
static const int64_t unsure_usec = 3 * SLC_USEC_PER_SEC;
/* A ticket that was edited in place does not change the directory's time. */
static const int64_t always_usec = 30 * SLC_USEC_PER_SEC;
/* Reading takes at most one part in so many of the time. */
enum { REST_FACTOR = 4 };

struct slc_watch {
    struct slc_watch_options options;
    int stop_fd;    /* eventfd */
    int inotify_fd; /* -1: not to be had */
    pthread_t thread;
    uint64_t known_faults;
    struct timespec dir_mtime;
    ino_t dir_inode;
    int64_t changed_usec; /* monotonic: when the directory was seen to change */
    int64_t read_usec;    /* monotonic: when the tickets were read last; 0: not yet */
    int64_t took_usec;    /* the last reading, without what was done about it */
    bool wanted;          /* inotify has spoken, or the last reading failed */
    bool failing;         /* so that one failure is one line in the log */
};

/* ---- Looking ------------------------------------------------------------- */

static void look(struct slc_watch *watch)
{
    struct slc_inbox_dir *dir = slc_inbox_take(watch->options.inbox, NULL);
    struct stat status;

    if (!dir)
        return; /* the reading says why */
    if (fstat(slc_stream_dir_fd(slc_inbox_dir_stream(dir)), &status) == 0 &&
        (status.st_mtim.tv_sec != watch->dir_mtime.tv_sec ||
         status.st_mtim.tv_nsec != watch->dir_mtime.tv_nsec || status.st_ino != watch->dir_inode)) {
        watch->dir_mtime = status.st_mtim;
        watch->dir_inode = status.st_ino;
        watch->changed_usec = slc_monotonic_usec();
    }
    slc_inbox_give(watch->options.inbox, dir);
    /* Idempotent for the same directory; needed when another one is there now. */
    if (watch->inotify_fd >= 0)
        (void)inotify_add_watch(watch->inotify_fd, slc_inbox_path(watch->options.inbox),
                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
}

static bool must_read(const struct slc_watch *watch)
{
    int64_t now = slc_monotonic_usec();

    return watch->wanted || watch->read_usec == 0 || now - watch->changed_usec < unsure_usec ||
           watch->changed_usec > watch->read_usec || now - watch->read_usec > always_usec ||
           slc_pauses_ended(watch->options.pauses, watch->read_usec, now);
}

/* ---- Reading ------------------------------------------------------------- */

static bool is_to_be_loaded(const struct slc_watch *watch, const struct slc_inbox_ticket *ticket)
{
    enum slc_ticket_status status;

    if (ticket->error)
        return false;
    status = slc_ticket_status(ticket->ticket);
    return (status == SLC_TICKET_READY || status == SLC_TICKET_REGISTERED) &&
           slc_pauses_may_try(watch->options.pauses, ticket->ticket_name,
                              slc_ticket_text(ticket->on_disk), watch->read_usec) &&
           !slc_queue_has(watch->options.queue, ticket->ticket_name);
}

static bool submit(const struct slc_watch *watch, const struct slc_inbox_listing *listing,
                   struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_queue_request *requests =
        calloc(listing->count + 1, sizeof(*requests));
    size_t count = 0;

    if (!requests)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu tickets", listing->count);
    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];

        if (is_to_be_loaded(watch, ticket))
            requests[count++] =
                (struct slc_queue_request){.ticket_name = ticket->ticket_name,
                                           .file_name = slc_ticket_file_name(ticket->ticket).data,
                                           .replica = ticket->replica};
    }
    slc_pauses_end_round(watch->options.pauses);
    return count == 0 ||
           slc_queue_submit(watch->options.queue, requests, count, false, NULL, NULL, NULL, error);
}

static bool read_tickets(struct slc_watch *watch, struct slc_error *error)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_redis *redis = slc_redis_pool_take(watch->options.pool, error);
    int64_t start = slc_monotonic_usec();
    bool good;

    if (!redis)
        return false;
    good = slc_inbox_scan(watch->options.inbox, redis, &listing, error);
    watch->took_usec = slc_monotonic_usec() - start;
    good = good && slc_inbox_register(watch->options.inbox, redis, &listing, &watch->known_faults,
                                      NULL, error);
    slc_redis_pool_give(watch->options.pool, redis);
    return good && submit(watch, &listing, error);
}

static void round_of(struct slc_watch *watch)
{
    struct slc_error error = {0};
    int64_t start;
    bool good;

    look(watch);
    if (!must_read(watch))
        return;
    start = slc_monotonic_usec();
    watch->wanted = false;
    watch->read_usec = start;
    good = read_tickets(watch, &error);
    watch->wanted |= !good;
    if (!good && !watch->failing)
        slc_log(SLC_LOG_WARNING, "cannot watch the stream directory at the moment",
                SLC_LOG_TEXT_FIELD("reason", error.message));
    if (good && watch->failing)
        slc_log(SLC_LOG_INFO, "the stream directory is watched again");
    watch->failing = !good;
}

/* ---- Waiting ------------------------------------------------------------- */

/* True when an event was about a ticket. */
static bool drain(int inotify_fd)
{
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool about_ticket = false;
    ssize_t got;

    while ((got = read(inotify_fd, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            size_t len = event->len ? strlen(event->name) : 0;

            about_ticket |=
                (event->mask & IN_Q_OVERFLOW) ||
                (len > 7 && event->name[0] != '.' && strcmp(event->name + len - 7, ".ticket") == 0);
            at += sizeof(*event) + event->len;
        }
    }
    return about_ticket;
}

/* False when the loop is to end. */
static bool wait_until(struct slc_watch *watch, int64_t end_usec, bool with_inotify)
{
    struct pollfd fds[] = {{.fd = watch->stop_fd, .events = POLLIN},
                           {.fd = watch->inotify_fd, .events = POLLIN}};
    nfds_t count = with_inotify && watch->inotify_fd >= 0 ? 2 : 1;

    for (;;) {
        int64_t left_ms = (end_usec - slc_monotonic_usec() + 999) / 1000;

        if (left_ms <= 0)
            return true;
        if (poll(fds, count, left_ms > 60000 ? 60000 : (int)left_ms) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents)
            return false;
        if (count == 2 && fds[1].revents && drain(watch->inotify_fd)) {
            watch->wanted = true;
            return true;
        }
    }
}

static void *run(void *argument)
{
    struct slc_watch *watch = argument;
    int64_t poll_usec = watch->options.poll_ms * 1000;

    for (;;) {
        int64_t now, rest_usec;

        round_of(watch);
        /* Our own rewriting of tickets wakes inotify, too: thousands of them
         * must not mean thousands of readings. */
        now = slc_monotonic_usec();
        rest_usec = REST_FACTOR * watch->took_usec;
        watch->took_usec = 0;
        if (rest_usec > always_usec)
            rest_usec = always_usec;
        if (!wait_until(watch, now + rest_usec, false) ||
            !wait_until(watch, now + (poll_usec > rest_usec ? poll_usec : rest_usec), true))
            return NULL;
    }
}

/* ---- The loop ------------------------------------------------------------ */

static void free_watch(struct slc_watch *watch)
{
    if (watch->inotify_fd >= 0)
        close(watch->inotify_fd);
    if (watch->stop_fd >= 0)
        close(watch->stop_fd);
    free(watch);
}

struct slc_watch *slc_watch_start(const struct slc_watch_options *options, struct slc_error *error)
{
    struct slc_watch *watch = calloc(1, sizeof(*watch));

    if (!watch) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory to watch the stream directory");
        return NULL;
    }
    watch->options = *options;
    watch->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without it polling does */
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (watch->stop_fd < 0) {
        slc_fail_errno(error, errno, "cannot watch the stream directory");
        free_watch(watch);
        return NULL;
    }
    if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
        slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread to watch the stream directory");
        free_watch(watch);
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
    free_watch(watch);
}
