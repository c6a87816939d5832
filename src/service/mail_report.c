#include "service/mail_report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/num.h"
#include "base/time.h"
#include "report/mail_body.h"
#include "source/stream.h"
#include "store/store.h"

enum { REJECTS_READ_BYTES = 65536 };

/* What a load's part of the report is made of. */
struct source {
    struct slc_meta meta;
    struct slc_buf rejects; /* the beginning of the file */
};

static const char *const wanted[] = {"LOAD_ID",
                                     "FROMFPATH",
                                     "FILESIZE",
                                     "DF_SHAPE",
                                     "INDEX_COLUMN",
                                     "LOAD_DTTM",
                                     "LOAD_SECONDS",
                                     "MEMORY_BEFORE",
                                     "MEMORY_AFTER",
                                     "ZERO_STD_COLS",
                                     "ZERO_STD_COLS_VALUES",
                                     "DUPLICATED_COLS",
                                     "MISSING_DATA_COL_NAMES",
                                     "MISSING_DATA_COUNT",
                                     "IMPUTE",
                                     "SCALE",
                                     "JSON_REPAIR",
                                     "PROFILE"};

enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

bool slc_mail_report_has_problems(const struct slc_batch *batch)
{
    for (size_t i = 0; i < (size_t)batch->count; i++)
        if (batch->jobs[i].state == SLC_JOB_FAILED || batch->jobs[i].rows_rejected > 0)
            return true;
    return false;
}

bool slc_mail_report_is_wanted(const struct slc_batch *batch)
{
    for (size_t i = 0; i < (size_t)batch->count; i++)
        if (batch->jobs[i].state != SLC_JOB_SKIPPED)
            return true;
    return false;
}

/* ---- Rejected rows ------------------------------------------------------- */

/* row,byte_offset,"reason","record": the first three fields hold neither quotes
 * nor line ends. */
static bool parse_reject(struct slc_str line, struct slc_mail_reject *reject)
{
    const char *comma = line.len ? memchr(line.data, ',', line.len) : NULL;
    const char *open = line.len ? memchr(line.data, '"', line.len) : NULL;
    const char *end = line.data + line.len, *close;

    if (!comma || !open || open < comma ||
        !slc_parse_int64(line.data, (size_t)(comma - line.data), &reject->row))
        return false;
    close = memchr(open + 1, '"', (size_t)(end - open - 1));
    if (!close)
        return false;
    reject->reason = (struct slc_str){.data = open + 1, .len = (size_t)(close - open - 1)};
    return reject->row > 0;
}

size_t slc_mail_report_rejects(struct slc_str text, struct slc_mail_reject *rejects, size_t most)
{
    size_t count = 0, start = 0;
    bool quoted = false, header = true;

    for (size_t i = 0; i < text.len && count < most; i++) {
        if (text.data[i] == '"')
            quoted = !quoted;
        /* A record may have line ends of its own, within its quotes. */
        if (text.data[i] != '\n' || quoted)
            continue;
        if (!header && parse_reject((struct slc_str){.data = text.data + start, .len = i - start},
                                    &rejects[count]))
            count++;
        header = false;
        start = i + 1;
    }
    return count;
}

static void read_rejects(struct slc_inbox *inbox, const char *ticket_name, struct slc_buf *text)
{
    SLC_AUTO_BUF struct slc_buf name = {0};
    struct slc_inbox_dir *dir = slc_inbox_take(inbox, NULL);
    SLC_AUTO_CLOSE int fd = -1;
    struct stat status;
    ssize_t got;
    char *at;

    if (dir && slc_stream_rejects_name(ticket_name, &name, NULL) && slc_buf_text(&name))
        fd = openat(slc_stream_dir_fd(slc_inbox_dir_stream(dir)), name.data,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    slc_inbox_give(inbox, dir);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    at = slc_buf_reserve(text, REJECTS_READ_BYTES);
    got = at ? read(fd, at, REJECTS_READ_BYTES) : -1;
    text->len += got > 0 ? (size_t)got : 0;
}

/* ---- META ----------------------------------------------------------------- */

static struct slc_str meta_field(const void *state, const char *field)
{
    return slc_meta_get(state, field);
}

/* Another load may have taken the table over meanwhile; then nothing is said of
 * what the table is. */
static void read_meta(struct slc_redis_pool *pool, const struct slc_job *job, struct source *source,
                      struct slc_mail_load *load)
{
    struct slc_redis *redis = slc_redis_pool_take(pool, NULL);

    if (redis &&
        slc_store_meta(redis, slc_str_from(job->replica), wanted, WANTED, &source->meta, NULL) &&
        slc_str_is(slc_meta_get(&source->meta, "LOAD_ID"), job->load_id)) {
        load->meta = meta_field;
        load->meta_state = &source->meta;
    }
    slc_redis_pool_give(pool, redis);
}

/* ---- The whole ------------------------------------------------------------- */

static void fill_load(const struct slc_job *job, struct slc_mail_load *load)
{
    load->name = slc_str_from(*job->replica     ? job->replica
                              : *job->file_name ? job->file_name
                                                : job->ticket_name);
    load->file_name = slc_str_from(job->file_name);
    load->error = job->state == SLC_JOB_FAILED ? job->error : NULL;
    load->is_skipped = job->state == SLC_JOB_SKIPPED;
    load->rows_read = job->rows_read;
    load->rows_written = job->rows_written;
    load->rows_rejected = job->rows_rejected;
    load->duplicate_keys = job->duplicate_keys;
    load->drift = slc_str_from(job->drift);
}

/* What is said of single tables is looked for. */
static void fill_details(const struct slc_batch *batch, struct slc_redis_pool *pool,
                         struct slc_inbox *inbox, struct slc_mail_load *loads, size_t count,
                         struct source *sources)
{
    size_t detailed = 0;

    for (size_t i = 0; i < count && detailed < SLC_MAIL_DETAILED_MAX; i++) {
        const struct slc_job *job = &batch->jobs[i];

        if (job->state == SLC_JOB_SKIPPED)
            continue;
        if (job->state == SLC_JOB_DONE && *job->replica)
            read_meta(pool, job, &sources[detailed], &loads[i]);
        if (job->rows_rejected > 0) {
            read_rejects(inbox, job->ticket_name, &sources[detailed].rejects);
            loads[i].n_rejects = slc_mail_report_rejects(slc_buf_view(&sources[detailed].rejects),
                                                         loads[i].rejects, SLC_MAIL_REJECTS_MAX);
        }
        detailed++;
    }
}

bool slc_mail_report_write(const struct slc_batch *batch, struct slc_redis_pool *pool,
                           struct slc_inbox *inbox, struct slc_buf *subject, struct slc_buf *text,
                           struct slc_buf *html, struct slc_error *error)
{
    size_t total = (size_t)batch->count;
    size_t count = total < SLC_MAIL_LISTED_MAX ? total : SLC_MAIL_LISTED_MAX;
    SLC_AUTO_FREE struct slc_mail_load *loads = calloc(count + 1, sizeof(*loads));
    SLC_AUTO_FREE struct source *sources = calloc(SLC_MAIL_DETAILED_MAX, sizeof(*sources));
    struct utsname machine;
    struct slc_mail_batch report = {.loads = loads,
                                    .count = count,
                                    .more = total - count,
                                    .batch_id = batch->id,
                                    .ended_usec =
                                        batch->ended_usec ? batch->ended_usec : slc_now_usec(),
                                    .machine = uname(&machine) == 0 ? machine.nodename : NULL};
    bool good;

    if (!loads || !sources)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
    for (size_t i = 0; i < count; i++)
        fill_load(&batch->jobs[i], &loads[i]);
    fill_details(batch, pool, inbox, loads, count, sources);
    good = slc_mail_body_write(&report, subject, text, html, error);
    for (size_t i = 0; i < SLC_MAIL_DETAILED_MAX; i++) {
        slc_meta_release(&sources[i].meta);
        slc_buf_release(&sources[i].rejects);
    }
    return good;
}
