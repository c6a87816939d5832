/* slc_stream_scan(): the tickets of the directory, in order, conflicts found. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "source/names.h"
#include "source/stream_internal.h"

enum { DRAFT_LIFE_SEC = 3600 };

struct names {
    char **items; /* owned, and so are the names */
    size_t count, capacity;
};

static void names_release(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static void closedirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool add_name(struct names *names, const char *name, struct slc_error *error)
{
    if (names->count == SLC_STREAM_MAX_TICKETS)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "there are more than %d tickets; move the old ones away",
                        SLC_STREAM_MAX_TICKETS);
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 64;
        char **items = reallocarray(names->items, capacity, sizeof(items[0]));

        if (!items)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count] = strdup(name);
    if (!names->items[names->count])
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
    names->count++;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ".NAME.ticket.<16 hex digits>.tmp": a ticket that was being written anew. */
static bool is_draft(struct slc_str name)
{
    static const char before[] = ".ticket.", behind[] = ".tmp";
    enum { BEFORE = sizeof(before) - 1, DIGITS = 16, BEHIND = sizeof(behind) - 1 };
    const char *at;

    if (name.len <= 1 + BEFORE + DIGITS + BEHIND || name.data[0] != '.')
        return false;
    at = name.data + name.len - BEHIND - DIGITS - BEFORE;
    return memcmp(at, before, BEFORE) == 0 && strspn(at + BEFORE, "0123456789abcdef") == DIGITS &&
           memcmp(at + BEFORE + DIGITS, behind, BEHIND) == 0;
}

/* Writing one takes a moment: after an hour, whoever did was killed. What cannot be
 * removed stays. */
static void remove_old_draft(int dir_fd, const char *name)
{
    struct stat status;

    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        status.st_mtim.tv_sec < slc_now_usec() / SLC_USEC_PER_SEC - DRAFT_LIFE_SEC)
        (void)unlinkat(dir_fd, name, 0);
}

/* A descriptor of its own, because the position in a directory belongs to the
 * open file and threads may scan at the same time. */
static bool list_names(const struct slc_stream *stream, struct names *names,
                       struct slc_error *error)
{
    SLC_CLEANUP(closedirp) DIR *dir = NULL;
    int fd = openat(stream->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot read the stream directory %s", stream->path);
    dir = fdopendir(fd);
    if (!dir) {
        int reason = errno;

        close(fd);
        return slc_fail_errno(error, reason, "cannot read the stream directory %s", stream->path);
    }
    for (;;) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (!entry && errno)
            return slc_fail_errno(error, errno, "cannot read the stream directory %s",
                                  stream->path);
        if (!entry)
            break;
        if (is_draft(slc_str_from(entry->d_name)))
            remove_old_draft(stream->dir_fd, entry->d_name);
        if (slc_name_is_ticket(slc_str_from(entry->d_name)) &&
            !add_name(names, entry->d_name, error)) {
            slc_error_locate(error, stream->path, 0, (struct slc_str){0});
            return false;
        }
    }
    /* The order of the directory is anybody's; ours is not. */
    if (names->count > 1)
        qsort(names->items, names->count, sizeof(names->items[0]), by_text);
    return true;
}

static bool keep_error(struct slc_stream_entry *entry, const struct slc_error *fault)
{
    entry->error = malloc(sizeof(*entry->error));
    if (!entry->error)
        return false;
    *entry->error = *fault;
    slc_error_locate(entry->error, entry->ticket_name, 0, (struct slc_str){0});
    return true;
}

/* Everything about one ticket that can be said without the others. */
static bool read_entry(const struct slc_stream *stream, const char *name, struct slc_buf *text,
                       size_t *left_bytes, struct slc_stream_entry *entry, struct slc_error *fault)
{
    struct slc_str replica;

    if (!slc_ticket_name_check(slc_str_from(name), fault))
        return false;
    if (*left_bytes == 0)
        return slc_fail(fault, SLC_ERR_LIMIT,
                        "not read: the tickets of the directory are larger than %d bytes together",
                        SLC_STREAM_MAX_SCAN_BYTES);
    slc_buf_clear(text);
    if (!slc_stream_read_text(stream, name, text, NULL, fault))
        return false;
    *left_bytes -= text->len < *left_bytes ? text->len : *left_bytes;
    if (!slc_ticket_parse(name, slc_buf_view(text), &entry->ticket, fault)) {
        /* Its status can be had all the same: whether it is marked by now. */
        (void)slc_ticket_parse_loosely(name, slc_buf_view(text), &entry->ticket, NULL);
        return false;
    }
    entry->load_usec = slc_ticket_load_usec(entry->ticket);
    if (!slc_replica_name_of_file(slc_ticket_file_name(entry->ticket), &replica, fault))
        return false;
    entry->replica = slc_str_dup(replica);
    return entry->replica || slc_fail(fault, SLC_ERR_MEMORY, "no memory for a replica's name");
}

static bool read_entries(const struct slc_stream *stream, const struct names *names,
                         struct slc_stream_listing *listing, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    size_t left_bytes = SLC_STREAM_MAX_SCAN_BYTES;

    for (size_t i = 0; i < names->count; i++) {
        struct slc_stream_entry *entry = &listing->entries[listing->count];
        char quoted[SLC_NAME_QUOTE_BYTES];
        struct slc_error fault = {0};
        const char *shown = names->items[i];

        if (!slc_ticket_name_check(slc_str_from(shown), NULL))
            shown = slc_name_quote(slc_str_from(shown), quoted);
        *entry = (struct slc_stream_entry){.load_usec = INT64_MIN, .ticket_name = strdup(shown)};
        if (!entry->ticket_name)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
        listing->count++;
        if (read_entry(stream, names->items[i], &text, &left_bytes, entry, &fault))
            continue;
        if (fault.code == SLC_ERR_NOT_FOUND && !entry->ticket) {
            /* Gone since the directory was read (or a link to nothing, which
             * is as good): not there is not faulty. */
            free(entry->ticket_name);
            listing->count--;
            continue;
        }
        if (fault.code == SLC_ERR_MEMORY || !keep_error(entry, &fault))
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
    }
    return true;
}

static int by_age(const void *a, const void *b)
{
    const struct slc_stream_entry *x = a, *y = b;

    if (x->load_usec != y->load_usec)
        return x->load_usec > y->load_usec ? -1 : 1;
    return strcmp(x->ticket_name, y->ticket_name);
}

/* By replica, and of one replica in the order of the listing. */
static int by_replica(const void *a, const void *b)
{
    const struct slc_stream_entry *x = *(struct slc_stream_entry *const *)a,
                                  *y = *(struct slc_stream_entry *const *)b;
    int order = strcmp(x->replica, y->replica);

    return order ? order : (x > y) - (x < y);
}

/* The listing is sorted already. */
static bool mark_conflicts(struct slc_stream_listing *listing, struct slc_error *error)
{
    struct slc_stream_entry **good = calloc(listing->count + 1, sizeof(struct slc_stream_entry *));
    const struct slc_stream_entry *winner = NULL;
    bool enough = good != NULL;
    size_t count = 0;

    for (size_t i = 0; enough && i < listing->count; i++)
        if (!listing->entries[i].error)
            good[count++] = &listing->entries[i];
    if (count > 1)
        qsort(good, count, sizeof(struct slc_stream_entry *), by_replica);
    for (size_t i = 0; enough && i < count; i++) {
        struct slc_error fault = {0};
        char ticket[SLC_NAME_QUOTE_BYTES], replica[SLC_NAME_QUOTE_BYTES];

        if (!winner || strcmp(winner->replica, good[i]->replica) != 0) {
            winner = good[i];
            continue;
        }
        slc_fail(&fault, SLC_ERR_CONFLICT,
                 "the ticket %s is for the replica \"%s\", too, and %s; remove one of the two or "
                 "rename its data file",
                 slc_name_quote(slc_str_from(winner->ticket_name), ticket),
                 slc_name_quote(slc_str_from(winner->replica), replica),
                 winner->load_usec == good[i]->load_usec ? "stands first by name" : "is newer");
        enough = keep_error(good[i], &fault);
    }
    free(good);
    return enough || slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
}

bool slc_stream_scan(const struct slc_stream *stream, struct slc_stream_listing *ret_listing,
                     struct slc_error *error)
{
    SLC_CLEANUP(names_release) struct names names = {0};
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    if (!list_names(stream, &names, error))
        return false;
    listing.entries = calloc(names.count + 1, sizeof(listing.entries[0]));
    if (!listing.entries)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of tickets");
    if (!read_entries(stream, &names, &listing, error))
        return false;
    if (listing.count > 1)
        qsort(listing.entries, listing.count, sizeof(listing.entries[0]), by_age);
    if (!mark_conflicts(&listing, error))
        return false;
    *ret_listing = listing;
    listing = (struct slc_stream_listing){0};
    return true;
}

void slc_stream_listing_release(struct slc_stream_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->entries[i].ticket_name);
        free(listing->entries[i].replica);
        free(listing->entries[i].error);
        slc_ticket_free(listing->entries[i].ticket);
    }
    free(listing->entries);
    *listing = (struct slc_stream_listing){0};
}

const struct slc_stream_entry *slc_stream_listing_find(const struct slc_stream_listing *listing,
                                                       struct slc_str replica)
{
    for (size_t i = 0; i < listing->count; i++)
        if (!listing->entries[i].error && slc_str_is(replica, listing->entries[i].replica))
            return &listing->entries[i];
    return NULL;
}
