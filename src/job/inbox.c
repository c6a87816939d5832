#include "job/inbox.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/hash.h"
#include "job/ticket_state.h"
#include "load/owner.h"
#include "store/store.h"

struct slc_inbox_dir {
    struct slc_stream *stream; /* owned */
    unsigned references;       /* under the inbox' lock; the inbox has one itself */
    char home[SLC_INBOX_HOME_BYTES];
    bool lagging;
};

struct slc_inbox {
    char *path;         /* owned */
    char *registry_key; /* owned */
    struct slc_inbox_hook hook;
    pthread_mutex_t lock;
    struct slc_inbox_dir *dir; /* NULL: not open */
};

static const char no_memory[] = "no memory for the stream directory";

static void tell(const struct slc_inbox *inbox, enum slc_inbox_event event, const char *ticket_name,
                 const struct slc_error *error)
{
    if (inbox->hook.on_event)
        inbox->hook.on_event(inbox->hook.state, event, ticket_name, error);
}

struct slc_inbox *slc_inbox_new(const char *path, const char *registry_key,
                                const struct slc_inbox_hook *hook, struct slc_error *error)
{
    struct slc_inbox *inbox = calloc(1, sizeof(*inbox));

    if (!inbox || pthread_mutex_init(&inbox->lock, NULL) != 0) {
        free(inbox);
        slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
        return NULL;
    }
    inbox->path = strdup(path);
    inbox->registry_key = strdup(registry_key);
    if (hook)
        inbox->hook = *hook;
    if (!inbox->path || !inbox->registry_key) {
        slc_inbox_free(inbox);
        slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
        return NULL;
    }
    return inbox;
}

/* With the lock held. */
static void drop_reference(struct slc_inbox_dir *dir)
{
    if (dir && --dir->references == 0) {
        slc_stream_close(dir->stream);
        free(dir);
    }
}

void slc_inbox_free(struct slc_inbox *inbox)
{
    if (!inbox)
        return;
    drop_reference(inbox->dir);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox->path);
    free(inbox->registry_key);
    free(inbox);
}

const char *slc_inbox_path(const struct slc_inbox *inbox)
{
    return inbox->path;
}

struct slc_str slc_inbox_registry_key(const struct slc_inbox *inbox)
{
    return slc_str_from(inbox->registry_key);
}

/* The path leads to the directory that is open: not so when it was removed and
 * made again, or something was mounted there or came off. */
static bool is_the_same(const char *path, const struct slc_stream *stream)
{
    struct stat open_one, there;

    return fstat(slc_stream_dir_fd(stream), &open_one) == 0 && stat(path, &there) == 0 &&
           open_one.st_dev == there.st_dev && open_one.st_ino == there.st_ino;
}

/* File systems whose contents others change behind this kernel's back. */
static bool is_network(int fd)
{
    static const unsigned long kinds[] = {FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,
                                          CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC,
                                          AFS_SUPER_MAGIC,  V9FS_MAGIC,       CODA_SUPER_MAGIC};
    struct statfs status;

    if (fstatfs(fd, &status) != 0)
        return true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (((unsigned long)status.f_type & 0xffffffff) == kinds[i])
            return true;
    return false;
}

static void name_home(struct slc_inbox_dir *dir)
{
    int fd = slc_stream_dir_fd(dir->stream);
    char boot[SLC_BOOT_BYTES];
    struct stat status;

    dir->lagging = is_network(fd);
    if (fstat(fd, &status) != 0)
        return;
    slc_boot_name(boot);
    snprintf(dir->home, sizeof(dir->home), "%s:%" PRIu64 ":%" PRIu64, boot, (uint64_t)status.st_dev,
             (uint64_t)status.st_ino);
}

static struct slc_inbox_dir *open_dir(const char *path, struct slc_error *error)
{
    struct slc_inbox_dir *dir = calloc(1, sizeof(*dir));

    if (!dir) {
        slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
        return NULL;
    }
    dir->references = 1;
    if (!slc_stream_open(path, &dir->stream, error)) {
        free(dir);
        return NULL;
    }
    name_home(dir);
    return dir;
}

struct slc_inbox_dir *slc_inbox_take(struct slc_inbox *inbox, struct slc_error *error)
{
    struct slc_inbox_dir *taken = NULL;
    bool reopened = false;

    pthread_mutex_lock(&inbox->lock);
    if (!inbox->dir || !is_the_same(inbox->path, inbox->dir->stream)) {
        struct slc_inbox_dir *fresh = open_dir(inbox->path, error);

        reopened = fresh && inbox->dir;
        if (fresh) {
            drop_reference(inbox->dir);
            inbox->dir = fresh;
        }
        taken = fresh;
    } else {
        taken = inbox->dir;
    }
    if (taken)
        taken->references++;
    pthread_mutex_unlock(&inbox->lock);
    if (reopened)
        tell(inbox, SLC_INBOX_REOPENED, NULL, NULL);
    return taken;
}

struct slc_stream *slc_inbox_dir_stream(const struct slc_inbox_dir *dir)
{
    return dir->stream;
}

void slc_inbox_give(struct slc_inbox *inbox, struct slc_inbox_dir *dir)
{
    pthread_mutex_lock(&inbox->lock);
    drop_reference(dir);
    pthread_mutex_unlock(&inbox->lock);
}

void slc_inbox_home(struct slc_inbox *inbox, char home[SLC_INBOX_HOME_BYTES], bool *ret_lagging)
{
    struct slc_inbox_dir *dir = slc_inbox_take(inbox, NULL);

    snprintf(home, SLC_INBOX_HOME_BYTES, "%s", dir ? dir->home : "");
    *ret_lagging = dir && dir->lagging;
    slc_inbox_give(inbox, dir);
}

/* ---- Scanning ------------------------------------------------------------ */

static int by_age(const void *a, const void *b)
{
    const struct slc_inbox_ticket *x = a, *y = b;

    if (x->load_usec != y->load_usec)
        return x->load_usec < y->load_usec ? -1 : 1;
    return strcmp(x->ticket_name, y->ticket_name);
}

/* The tickets as they count, from what was scanned and the metastore's states. */
static bool fill_listing(const struct slc_ticket_states *states, struct slc_inbox_listing *listing,
                         struct slc_error *error)
{
    size_t count = listing->listing.count;

    listing->tickets = calloc(count + 1, sizeof(*listing->tickets));
    listing->overlaid = calloc(count + 1, sizeof(struct slc_ticket *));
    if (!listing->tickets || !listing->overlaid)
        return slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
    for (size_t i = 0; i < count; i++) {
        const struct slc_stream_entry *entry = &listing->listing.entries[i];
        struct slc_inbox_ticket *ticket = &listing->tickets[listing->count++];
        struct slc_ticket *overlaid = NULL;

        *ticket = (struct slc_inbox_ticket){.ticket_name = entry->ticket_name,
                                            .replica = entry->replica,
                                            .on_disk = entry->ticket,
                                            .ticket = entry->ticket,
                                            .error = entry->error,
                                            .load_usec = entry->load_usec};
        if (entry->ticket && !slc_ticket_state_apply(
                                 slc_ticket_states_find(states, slc_str_from(entry->ticket_name)),
                                 entry->ticket, &overlaid, error))
            return false;
        if (overlaid) {
            listing->overlaid[listing->overlaid_count++] = overlaid;
            ticket->ticket = overlaid;
            ticket->load_usec = slc_ticket_load_usec(overlaid);
        }
    }
    if (count > 1)
        qsort(listing->tickets, count, sizeof(*listing->tickets), by_age);
    return true;
}

bool slc_inbox_scan(struct slc_inbox *inbox, struct slc_redis *redis,
                    struct slc_inbox_listing *ret_listing, struct slc_error *error)
{
    SLC_AUTO_TICKET_STATES struct slc_ticket_states states = {0};
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_inbox_dir *dir;
    bool good;

    if (!slc_ticket_states_read(redis, slc_str_from(inbox->registry_key), &states, error))
        return false;
    dir = slc_inbox_take(inbox, error);
    if (!dir)
        return false;
    good = slc_stream_scan(dir->stream, &listing.listing, error);
    slc_inbox_give(inbox, dir);
    if (!good || !fill_listing(&states, &listing, error))
        return false;
    *ret_listing = listing;
    listing = (struct slc_inbox_listing){0};
    return true;
}

void slc_inbox_listing_release(struct slc_inbox_listing *listing)
{
    for (size_t i = 0; i < listing->overlaid_count; i++)
        slc_ticket_free(listing->overlaid[i]);
    free(listing->overlaid);
    free(listing->tickets);
    slc_stream_listing_release(&listing->listing);
    *listing = (struct slc_inbox_listing){0};
}

bool slc_inbox_read(struct slc_inbox *inbox, struct slc_redis *redis, const char *ticket_name,
                    struct slc_ticket **ret_on_disk, struct slc_ticket **ret_overlaid,
                    struct slc_error *error)
{
    SLC_AUTO_TICKET struct slc_ticket *on_disk = NULL;
    struct slc_inbox_dir *dir = slc_inbox_take(inbox, error);
    bool good;

    if (!dir)
        return false;
    good = slc_stream_read_ticket(dir->stream, ticket_name, &on_disk, error);
    slc_inbox_give(inbox, dir);
    if (!good || !slc_ticket_state_read(redis, slc_str_from(inbox->registry_key),
                                        slc_str_from(ticket_name), on_disk, ret_overlaid, error))
        return false;
    *ret_on_disk = on_disk;
    on_disk = NULL;
    return true;
}

/* ---- Changing ------------------------------------------------------------ */

bool slc_inbox_change(struct slc_inbox *inbox, struct slc_redis *redis, const char *ticket_name,
                      const struct slc_ticket *on_disk, const struct slc_ticket_change *change,
                      enum slc_rewrite *ret_rewrite, struct slc_ticket **ret_ticket,
                      struct slc_error *error)
{
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;
    struct slc_inbox_dir *dir = slc_inbox_take(inbox, error);
    enum slc_rewrite rewrite;
    bool good;

    if (!dir)
        return false;
    good = slc_stream_rewrite(dir->stream, ticket_name, on_disk, change, &rewrite, &ticket, error);
    slc_inbox_give(inbox, dir);
    if (!good)
        return false;
    if (rewrite == SLC_REWRITE_READ_ONLY) {
        tell(inbox, SLC_INBOX_READ_ONLY, ticket_name, NULL);
        if (on_disk && !slc_ticket_state_write(redis, slc_str_from(inbox->registry_key),
                                               slc_str_from(ticket_name), on_disk, ticket, error))
            return false;
    }
    *ret_rewrite = rewrite;
    if (ret_ticket) {
        *ret_ticket = ticket;
        ticket = NULL;
    }
    return true;
}

/* ---- Registering --------------------------------------------------------- */

static uint64_t digest_of_faults(const struct slc_inbox_listing *listing)
{
    uint64_t digest = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];

        if (!ticket->error)
            continue;
        digest =
            slc_hash_u64(digest ^ slc_hash_bytes(ticket->ticket_name, strlen(ticket->ticket_name)));
        digest = slc_hash_u64(
            digest ^ slc_hash_bytes(ticket->error->message, strlen(ticket->error->message)));
    }
    return digest;
}

/* A fault of the ticket itself, not of the directory or the machine. */
static bool is_the_tickets(const struct slc_error *fault)
{
    return fault->class == SLC_CLASS_REJECT && fault->code != SLC_ERR_IO;
}

static void mark_faulty(struct slc_inbox *inbox, struct slc_redis *redis,
                        const struct slc_inbox_ticket *ticket)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_FAILED, .fault = ticket->error};
    enum slc_rewrite rewrite;

    if (!is_the_tickets(ticket->error) ||
        (ticket->ticket && slc_ticket_status(ticket->ticket) == SLC_TICKET_FAILED))
        return;
    /* One that is no JSON object cannot be marked; its fault was told already. */
    (void)slc_inbox_change(inbox, redis, ticket->ticket_name, ticket->on_disk, &change, &rewrite,
                           NULL, NULL);
}

/* False when Redis failed; a ticket that cannot be rewritten is told. */
static bool register_one(struct slc_inbox *inbox, struct slc_redis *redis,
                         const struct slc_inbox_ticket *ticket, struct slc_inbox_counts *counts,
                         struct slc_error *error)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_REGISTERED};
    struct slc_str key = slc_str_from(inbox->registry_key), name = slc_str_from(ticket->replica);
    enum slc_rewrite rewrite;
    struct slc_error fault = {0};

    if (!slc_store_check_name(name, key, &fault)) {
        struct slc_inbox_ticket faulty = *ticket;

        faulty.error = &fault;
        tell(inbox, SLC_INBOX_FAULTY, ticket->ticket_name, &fault);
        mark_faulty(inbox, redis, &faulty);
        counts->faulty++;
        return true;
    }
    if (!slc_store_register(redis, key, name, error))
        return false;
    if (!slc_inbox_change(inbox, redis, ticket->ticket_name, ticket->on_disk, &change, &rewrite,
                          NULL, &fault)) {
        if (fault.class == SLC_CLASS_RETRY || fault.code == SLC_ERR_MEMORY) {
            if (error)
                *error = fault;
            return false;
        }
        tell(inbox, SLC_INBOX_FAULTY, ticket->ticket_name, &fault);
        counts->faulty++;
        return true;
    }
    if (rewrite == SLC_REWRITE_DONE || rewrite == SLC_REWRITE_READ_ONLY)
        counts->registered++;
    return true;
}

size_t slc_inbox_mark_faulty(struct slc_inbox *inbox, struct slc_redis *redis,
                             const struct slc_inbox_listing *listing, uint64_t *known_faults)
{
    uint64_t faults = digest_of_faults(listing);
    size_t count = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];

        if (!ticket->error)
            continue;
        count++;
        if (!known_faults || *known_faults != faults)
            tell(inbox, SLC_INBOX_FAULTY, ticket->ticket_name, ticket->error);
        mark_faulty(inbox, redis, ticket);
    }
    if (known_faults)
        *known_faults = faults;
    return count;
}

bool slc_inbox_register(struct slc_inbox *inbox, struct slc_redis *redis,
                        const struct slc_inbox_listing *listing,
                        struct slc_inbox_counts *ret_counts, struct slc_error *error)
{
    struct slc_inbox_counts counts = {.faulty = slc_inbox_mark_faulty(inbox, redis, listing, NULL)};
    bool good = true;

    for (size_t i = 0; good && i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];
        enum slc_ticket_status next;

        if (!ticket->error && slc_ticket_next_status(slc_ticket_status(ticket->ticket),
                                                     SLC_TICKET_REGISTER, false, &next))
            good = register_one(inbox, redis, ticket, &counts, error);
    }
    if (ret_counts)
        *ret_counts = counts;
    return good;
}

static bool drop_all(struct slc_inbox *inbox, struct slc_redis *redis, struct slc_error *error)
{
    struct slc_str key = slc_str_from(inbox->registry_key);
    struct slc_names names = {0};
    struct slc_error why = {0};
    bool good = slc_store_list(redis, key, &names, error);

    for (int64_t i = 0; good && i < names.n_names; i++) {
        /* One that somebody else removed meanwhile is gone as well. */
        good = slc_store_drop(redis, key, slc_str_from(names.names[i]), SLC_DROP_ALL, &why) ||
               why.code == SLC_ERR_NOT_FOUND;
        if (!good && error)
            *error = why;
    }
    slc_store_names_release(&names);
    return good;
}

bool slc_inbox_unregister(struct slc_inbox *inbox, struct slc_redis *redis, struct slc_error *error)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_ticket_change change = {.status = SLC_TICKET_READY};

    if (!slc_inbox_scan(inbox, redis, &listing, error) || !drop_all(inbox, redis, error))
        return false;
    for (size_t i = 0; i < listing.count; i++) {
        const struct slc_inbox_ticket *ticket = &listing.tickets[i];
        enum slc_ticket_status next;
        enum slc_rewrite rewrite;
        struct slc_error fault = {0};

        if (!ticket->ticket ||
            !slc_ticket_next_status(slc_ticket_status(ticket->ticket), SLC_TICKET_UNREGISTER, false,
                                    &next) ||
            slc_inbox_change(inbox, redis, ticket->ticket_name, ticket->on_disk, &change, &rewrite,
                             NULL, &fault))
            continue;
        if (fault.class == SLC_CLASS_RETRY || fault.code == SLC_ERR_MEMORY) {
            if (error)
                *error = fault;
            return false;
        }
        tell(inbox, SLC_INBOX_FAULTY, ticket->ticket_name, &fault);
    }
    return true;
}
