#include "service/mailer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "report/mail_message.h"
#include "report/mail_send.h"
#include "report/mail_spool.h"
#include "service/mail_report.h"
#include "store/store.h"

enum {
    LONGEST_PAUSE_SEC = 3600,
    OTHER_SENDER_MS = 5000, /* how often to look whether the sending process is gone */
    LOOK_MS = 600000,       /* the folder, where inotify says nothing */
    ASKED_MS = 5000,        /* loads that others asked for */
    ASKED_MAX = 64,         /* of them at a time */
};

struct slc_mailer {
    struct slc_mailer_options options;
    char *folder; /* owned; NULL: nothing is sent */
    struct slc_mail_addresses standing;
    struct slc_str from_name; /* of the configuration */
    char from[SLC_MAIL_ADDRESS_MAX_BYTES + 1];
    int64_t first_pause_usec, give_up_usec;
    int stop_fd, inotify_fd;
    atomic_bool stop;
    bool started;
    pthread_t thread;
};

/* ---- Configuration -------------------------------------------------------- */

char *slc_mailer_folder(const struct slc_config *config)
{
    SLC_AUTO_FREE char *state_dir = slc_config_state_dir(config, environ);
    SLC_AUTO_BUF struct slc_buf path = {0};

    if (!state_dir)
        return NULL;
    slc_buf_printf(&path, "%s/mail", state_dir);
    return slc_buf_steal(&path, NULL);
}

/* mail.from, else sluice@ and the machine's name. */
static bool find_sender(const struct slc_config *config, struct slc_str *ret_name,
                        char address[SLC_MAIL_ADDRESS_MAX_BYTES + 1], struct slc_error *error)
{
    const char *set = slc_config_text(config, "mail.from");
    struct utsname machine;
    struct slc_str found;

    if (!*set) {
        *ret_name = SLC_STR("sluice");
        if (uname(&machine) == 0 &&
            (size_t)snprintf(address, SLC_MAIL_ADDRESS_MAX_BYTES + 1, "sluice@%s",
                             machine.nodename) <= SLC_MAIL_ADDRESS_MAX_BYTES &&
            slc_mail_address_is_valid(slc_str_from(address)))
            return true;
        return slc_fail(error, SLC_ERR_CONFIG,
                        "mail.from is not set, and this machine's name is none for an address");
    }
    if (!slc_mail_sender_parse(slc_str_from(set), ret_name, &found))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "mail.from is neither NAME@DOMAIN nor TEXT <NAME@DOMAIN>");
    memcpy(address, found.data, found.len);
    address[found.len] = '\0';
    return true;
}

static bool find_standing(const struct slc_config *config, struct slc_mail_addresses *list,
                          struct slc_error *error)
{
    const char *const *items;
    size_t count = slc_config_list(config, "mail.to", &items);

    for (size_t i = 0; i < count; i++)
        if (!slc_mail_addresses_add(list, slc_str_from(items[i]), NULL))
            return slc_fail(error, SLC_ERR_CONFIG,
                            "mail.to: item %zu is no address of the form name@domain, or one too "
                            "many",
                            i + 1);
    return true;
}

bool slc_mailer_check_config(const struct slc_config *config, struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_mail_addresses *standing = calloc(1, sizeof(*standing));
    char address[SLC_MAIL_ADDRESS_MAX_BYTES + 1];
    struct slc_str name;

    if (!standing)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for mail.to");
    return !*slc_config_text(config, "mail.url") ||
           (find_sender(config, &name, address, error) && find_standing(config, standing, error));
}

bool slc_mailer_check(const struct slc_mailer *mailer, struct slc_str recipients,
                      struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_mail_addresses *list = calloc(1, sizeof(*list));
    const char *const *domains;
    size_t count = slc_config_list(mailer->options.config, "mail.allow_domains", &domains);

    if (!list)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for addresses");
    if (!slc_mail_addresses_add(list, recipients, error))
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (!slc_mail_domain_is_allowed(slc_mail_address_domain(slc_str_from(list->items[i])),
                                        domains, count))
            return slc_fail(error, SLC_ERR_DATA,
                            "mails to that domain are not allowed here (mail.allow_domains)");
    return true;
}

/* ---- Writing reports -------------------------------------------------------- */

/* Those who asked, and the standing ones, each once. */
static void fill_recipients(const struct slc_mailer *mailer, const struct slc_batch *batch,
                            const char *asked, struct slc_mail_addresses *list)
{
    bool told = slc_config_is(mailer->options.config, "mail.when", "always") ||
                slc_mail_report_has_problems(batch);

    if (asked)
        (void)slc_mail_addresses_add(list, slc_str_from(asked), NULL);
    for (size_t i = 0; told && i < mailer->standing.count; i++)
        (void)slc_mail_addresses_add(list, slc_str_from(mailer->standing.items[i]), NULL);
}

static void append_state(const struct slc_mail *mail, struct slc_buf *json)
{
    slc_buf_append_text(json, "{\"state\":");
    slc_json_text(json, slc_mail_state_name(slc_mail_state(mail)));
    slc_json_key(json, "attempts");
    slc_json_int64(json, mail->attempts);
    slc_json_key(json, "recipients");
    slc_json_uint64(json, mail->recipient_count);
    slc_json_key(json, "reason");
    if (mail->reason[0])
        slc_json_text(json, mail->reason);
    else
        slc_buf_append_text(json, "null");
    slc_buf_append_byte(json, '}');
}

/* META's MAIL of the replicas that the batch loaded. A mail has nothing to do with
 * whether a load is good: what goes wrong here is left at that. */
static void tell_replicas(const struct slc_mailer *mailer, const struct slc_batch *batch,
                          const struct slc_mail *mail)
{
    struct slc_redis *redis = slc_redis_pool_take(mailer->options.pool, NULL);
    SLC_AUTO_BUF struct slc_buf json = {0};

    append_state(mail, &json);
    for (int64_t i = 0; redis && !json.failed && batch->jobs && i < batch->count; i++) {
        const struct slc_job *job = &batch->jobs[i];

        if (job->state == SLC_JOB_DONE)
            (void)slc_store_note(redis, slc_str_from(job->replica), slc_str_from(job->load_id),
                                 SLC_STR("MAIL"), slc_buf_view(&json), NULL);
    }
    slc_redis_pool_give(mailer->options.pool, redis);
}

static bool compose(const struct slc_mailer *mailer, const struct slc_batch *batch,
                    const struct slc_mail_addresses *list, struct slc_mail *mail,
                    struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf subject = {0}, text = {0}, html = {0};
    struct slc_mail_message message = {.from_name = mailer->from_name,
                                       .from_address = slc_str_from(mailer->from),
                                       .id = mail->id,
                                       .date_usec = mail->created_usec};

    for (size_t i = 0; i < list->count; i++)
        memcpy(mail->recipients[i].address, list->items[i], sizeof(list->items[i]));
    mail->recipient_count = list->count;
    memcpy(mail->from, mailer->from, sizeof(mail->from));
    if (!slc_mail_report_write(batch, mailer->options.pool, mailer->options.inbox, &subject, &text,
                               &html, error))
        return false;
    message.subject = slc_buf_view(&subject);
    message.text = slc_buf_view(&text);
    message.html = slc_buf_view(&html);
    if (!slc_mail_message_write(&message, &mail->message, error))
        return false;
    tell_replicas(mailer, batch, mail); /* before it can be sent, which is told, too */
    return slc_mail_spool_put(mailer->folder, mail, error);
}

bool slc_mailer_has_standing(const struct slc_mailer *mailer)
{
    return mailer->folder && mailer->standing.count > 0;
}

void slc_mailer_batch_asked(struct slc_mailer *mailer, const char *batch_id, const char *recipients)
{
    struct slc_error error = {0};

    if (!mailer->folder || (!recipients && mailer->standing.count == 0))
        return;
    if (!slc_mail_spool_ask(mailer->folder, batch_id, slc_str_from(recipients ? recipients : ""),
                            &error))
        slc_log(SLC_LOG_WARNING, "a report by mail may be lost when this process ends",
                SLC_LOG_TEXT_FIELD("mail", batch_id), SLC_LOG_TEXT_FIELD("reason", error.message));
}

static void report(struct slc_mailer *mailer, const struct slc_batch *batch, const char *recipients)
{
    SLC_AUTO_FREE struct slc_mail_addresses *list = calloc(1, sizeof(*list));
    SLC_AUTO_FREE struct slc_mail *mail = calloc(1, sizeof(*mail));
    struct slc_error error = {0};

    if (!list || !mail) {
        slc_log(SLC_LOG_ERROR, "no memory for a report by mail");
        return;
    }
    fill_recipients(mailer, batch, recipients, list);
    if (list->count == 0)
        return;
    (void)snprintf(mail->id, sizeof(mail->id), "%s", batch->id);
    mail->created_usec = mail->next_usec = slc_now_usec();
    if (!compose(mailer, batch, list, mail, &error)) {
        slc_log(SLC_LOG_ERROR, "a report cannot be mailed", SLC_LOG_TEXT_FIELD("mail", mail->id),
                SLC_LOG_TEXT_FIELD("reason", error.message));
        for (size_t i = 0; i < mail->recipient_count; i++)
            mail->recipients[i].state = SLC_MAIL_FAILED;
        (void)snprintf(mail->reason, sizeof(mail->reason), "%.*s", (int)(sizeof(mail->reason) - 1),
                       error.message);
        tell_replicas(mailer, batch, mail);
    }
    slc_mail_release(mail);
}

void slc_mailer_batch_over(struct slc_mailer *mailer, const struct slc_batch *batch,
                           const char *recipients)
{
    if (!batch)
        return;
    if (mailer->folder) {
        if (slc_mail_report_is_wanted(batch))
            report(mailer, batch, recipients);
        slc_mail_spool_answered(mailer->folder, batch->id);
    } else if (recipients && *recipients) {
        slc_log(SLC_LOG_WARNING, "a report was asked for by mail, but mail.url is not set",
                SLC_LOG_TEXT_FIELD("batch", batch->id));
    }
}

/* ---- Loads that others asked for ------------------------------------------------ */

struct asked {
    struct slc_mailer *mailer;
    const char *recipients;
};

static void see_asked(void *state, const struct slc_batch *batch)
{
    struct asked *asked = state;

    if (batch->ended_usec)
        slc_mailer_batch_over(asked->mailer, batch, asked->recipients);
}

/* Report what is over by now; true when some of it is not. */
static bool look_after_asked(struct slc_mailer *mailer)
{
    char(*ids)[SLC_MAIL_ID_BYTES] = calloc(ASKED_MAX, sizeof(*ids));
    size_t count = ids ? slc_mail_spool_asked(mailer->folder, ids, ASKED_MAX) : 0;

    for (size_t i = 0; i < count && !atomic_load(&mailer->stop); i++) {
        SLC_AUTO_BUF struct slc_buf recipients = {0};
        struct asked asked = {.mailer = mailer};
        struct slc_error error = {0};

        if (!slc_mail_spool_read_asked(mailer->folder, ids[i], &recipients, NULL) ||
            !(asked.recipients = slc_buf_text(&recipients)))
            continue;
        if (!slc_queue_see(mailer->options.queue, ids[i], see_asked, &asked, &error) &&
            error.code == SLC_ERR_NOT_FOUND)
            slc_mail_spool_answered(mailer->folder, ids[i]); /* forgotten long since */
    }
    free(ids);
    return count > 0;
}

void slc_mailer_state(const struct slc_mailer *mailer, const char *batch_id, struct slc_buf *json)
{
    SLC_AUTO_FREE struct slc_mail *mail = calloc(1, sizeof(*mail));

    if (!mail || !mailer->folder ||
        !slc_mail_spool_read(mailer->folder, batch_id, false, mail, NULL)) {
        slc_buf_append_text(json, "null");
        return;
    }
    append_state(mail, json);
}

/* ---- Sending ------------------------------------------------------------------ */

static struct slc_mail_sender *make_sender(const struct slc_mailer *mailer, struct slc_error *error)
{
    const struct slc_config *config = mailer->options.config;
    const struct slc_mail_server server = {
        .url = slc_config_text(config, "mail.url"),
        .user = slc_config_text(config, "mail.user"),
        .password = slc_config_text(config, "mail.password"),
        .ca_file = slc_config_text(config, "mail.ca_file"),
        .needs_tls = slc_config_is(config, "mail.tls", "starttls"),
        .timeout_sec = slc_config_seconds(config, "mail.timeout"),
        .stop = &mailer->stop,
    };

    return slc_mail_sender_new(&server, error);
}

/* Doubling, an hour at most. */
static int64_t pause_after(const struct slc_mailer *mailer, int64_t attempts)
{
    int64_t pause = mailer->first_pause_usec;

    for (int64_t i = 1; i < attempts && pause < LONGEST_PAUSE_SEC * SLC_USEC_PER_SEC; i++)
        pause *= 2;
    return pause < LONGEST_PAUSE_SEC * SLC_USEC_PER_SEC ? pause
                                                        : LONGEST_PAUSE_SEC * SLC_USEC_PER_SEC;
}

static void log_try(const struct slc_mail *mail)
{
    enum slc_mail_state state = slc_mail_state(mail);

    if (state == SLC_MAIL_SENT)
        slc_log(SLC_LOG_INFO, "a report was mailed", SLC_LOG_TEXT_FIELD("mail", mail->id),
                SLC_LOG_INT_FIELD("recipients", (int64_t)mail->recipient_count));
    else
        slc_log(state == SLC_MAIL_FAILED ? SLC_LOG_ERROR : SLC_LOG_WARNING,
                state == SLC_MAIL_FAILED ? "a report could not be mailed"
                                         : "a report could not be mailed; it is tried again",
                SLC_LOG_TEXT_FIELD("mail", mail->id), SLC_LOG_INT_FIELD("attempts", mail->attempts),
                SLC_LOG_TEXT_FIELD("reason", mail->reason));
}

/* What one try with one recipient has come to. */
static void note(struct slc_mail_recipient *recipient, struct slc_mail *mail, bool sent, bool final,
                 const struct slc_error *error)
{
    if (sent) {
        recipient->state = SLC_MAIL_SENT;
        return;
    }
    if (final)
        recipient->state = SLC_MAIL_FAILED;
    (void)snprintf(mail->reason, sizeof(mail->reason), "%.*s", (int)(sizeof(mail->reason) - 1),
                   error->message);
}

struct told {
    const struct slc_mailer *mailer;
    const struct slc_mail *mail;
};

static void see_told(void *state, const struct slc_batch *batch)
{
    struct told *told = state;

    tell_replicas(told->mailer, batch, told->mail);
}

/* One try at all recipients that wait; what came of each is on disk before the
 * next one. */
static void try_mail(struct slc_mailer *mailer, struct slc_mail_sender *sender,
                     struct slc_mail *mail)
{
    struct slc_error error = {0};
    int64_t now = slc_now_usec();

    /* Before anything leaves: what cannot be noted down would be sent again and again. */
    if (!slc_mail_spool_update(mailer->folder, mail, &error)) {
        slc_log(SLC_LOG_ERROR, "a report is not mailed while its state cannot be written down",
                SLC_LOG_TEXT_FIELD("mail", mail->id), SLC_LOG_TEXT_FIELD("reason", error.message));
        mail->next_usec = now + mailer->first_pause_usec;
        return;
    }
    mail->reason[0] = '\0';
    for (size_t i = 0; i < mail->recipient_count && !atomic_load(&mailer->stop); i++) {
        bool sent, final;

        if (mail->recipients[i].state != SLC_MAIL_WAITING)
            continue;
        slc_error_clear(&error);
        sent = slc_mail_send(sender, mail->from, mail->recipients[i].address,
                             slc_buf_view(&mail->message), &final, &error);
        if (!sent && error.code == SLC_ERR_CANCELLED)
            return;
        note(&mail->recipients[i], mail, sent, final, &error);
        if (sent || final)
            (void)slc_mail_spool_update(mailer->folder, mail, NULL);
        else if (error.code != SLC_ERR_SERVER) /* the others would fare no better */
            break;
    }
    if (atomic_load(&mailer->stop) && slc_mail_state(mail) == SLC_MAIL_WAITING)
        return;
    mail->attempts++;
    now = slc_now_usec();
    mail->next_usec = now + pause_after(mailer, mail->attempts);
    for (size_t i = 0; i < mail->recipient_count; i++)
        if (mail->recipients[i].state == SLC_MAIL_WAITING &&
            mail->next_usec > mail->created_usec + mailer->give_up_usec)
            mail->recipients[i].state = SLC_MAIL_FAILED;
    if (!slc_mail_spool_update(mailer->folder, mail, &error))
        slc_log(SLC_LOG_ERROR, "the state of a mail cannot be written down",
                SLC_LOG_TEXT_FIELD("mail", mail->id), SLC_LOG_TEXT_FIELD("reason", error.message));
    log_try(mail);
    if (mailer->options.queue)
        (void)slc_queue_see(mailer->options.queue, mail->id, see_told,
                            &(struct told){.mailer = mailer, .mail = mail}, NULL);
}

/* Send what is due; returns when the next mail is (wall clock; INT64_MAX: none). */
static int64_t send_due(struct slc_mailer *mailer, struct slc_mail_sender *sender)
{
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    int64_t next_usec = INT64_MAX;
    size_t count = 0;

    if (!slc_mail_spool_list(mailer->folder, &mails, &count, NULL))
        return slc_now_usec() + SLC_USEC_PER_SEC;
    for (size_t i = 0; i < count && !atomic_load(&mailer->stop); i++) {
        struct slc_mail *mail = &mails[i];

        if (slc_mail_state(mail) != SLC_MAIL_WAITING)
            continue;
        if (mail->next_usec <= slc_now_usec()) {
            struct slc_mail whole = {0};

            if (!slc_mail_spool_read(mailer->folder, mail->id, true, &whole, NULL))
                continue; /* it was removed just now */
            try_mail(mailer, sender, &whole);
            mail->next_usec =
                slc_mail_state(&whole) == SLC_MAIL_WAITING ? whole.next_usec : INT64_MAX;
            slc_mail_release(&whole);
        }
        next_usec = mail->next_usec < next_usec ? mail->next_usec : next_usec;
    }
    return next_usec;
}

/* ---- The thread --------------------------------------------------------------- */

static void wait_for_work(struct slc_mailer *mailer, int64_t wait_ms)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct pollfd fds[] = {{.fd = mailer->stop_fd, .events = POLLIN},
                           {.fd = mailer->inotify_fd, .events = POLLIN}};

    if (wait_ms > LOOK_MS)
        wait_ms = LOOK_MS;
    if (wait_ms > 0)
        (void)poll(fds, 2, (int)wait_ms);
    while (mailer->inotify_fd >= 0 && read(mailer->inotify_fd, events, sizeof(events)) > 0)
        ;
}

static void send_all(struct slc_mailer *mailer, struct slc_mail_sender *sender)
{
    while (!atomic_load(&mailer->stop)) {
        bool asked = mailer->options.queue && look_after_asked(mailer);
        int64_t next_usec = send_due(mailer, sender);
        int64_t now = slc_now_usec(), wait_ms = asked ? ASKED_MS : LOOK_MS;

        if (next_usec != INT64_MAX && next_usec < now + wait_ms * 1000)
            wait_ms = next_usec > now ? (next_usec - now) / 1000 + 1 : 0;
        wait_for_work(mailer, wait_ms);
    }
}

/* One process sends; the others wait until it is gone. */
static void *run(void *argument)
{
    struct slc_mailer *mailer = argument;
    struct slc_error error = {0};
    struct pollfd stop = {.fd = mailer->stop_fd, .events = POLLIN};

    while (!atomic_load(&mailer->stop)) {
        SLC_AUTO_CLOSE int fd = slc_mail_spool_sender(mailer->folder, NULL);
        struct slc_mail_sender *sender;

        if (fd < 0) {
            (void)poll(&stop, 1, OTHER_SENDER_MS);
            continue;
        }
        /* Before the first look, so that nothing is missed. */
        if (mailer->inotify_fd >= 0)
            (void)inotify_add_watch(mailer->inotify_fd, mailer->folder, IN_MOVED_TO);
        sender = make_sender(mailer, &error);
        if (!sender) {
            slc_log(SLC_LOG_ERROR, "no mails can be sent",
                    SLC_LOG_TEXT_FIELD("reason", error.message));
            return NULL;
        }
        send_all(mailer, sender);
        slc_mail_sender_free(sender);
    }
    return NULL;
}

static bool start_thread(struct slc_mailer *mailer, struct slc_error *error)
{
    mailer->stop_fd = eventfd(0, EFD_CLOEXEC);
    mailer->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without it polling does */
    if (mailer->stop_fd < 0)
        return slc_fail_errno(error, errno, "cannot wait for mails");
    if (pthread_create(&mailer->thread, NULL, run, mailer) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for mails");
    mailer->started = true;
    return true;
}

struct slc_mailer *slc_mailer_start(const struct slc_mailer_options *options,
                                    struct slc_error *error)
{
    const struct slc_config *config = options->config;
    struct slc_mailer *mailer = calloc(1, sizeof(*mailer));

    if (!mailer) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for mails");
        return NULL;
    }
    mailer->options = *options;
    mailer->stop_fd = mailer->inotify_fd = -1;
    mailer->first_pause_usec = (int64_t)(slc_config_seconds(config, "mail.retry_after") * 1e6);
    mailer->give_up_usec = (int64_t)(slc_config_seconds(config, "mail.give_up_after") * 1e6);
    if (!*slc_config_text(config, "mail.url"))
        return mailer;
    if (find_sender(config, &mailer->from_name, mailer->from, error) &&
        find_standing(config, &mailer->standing, error)) {
        mailer->folder = slc_mailer_folder(config);
        if (mailer->folder ? start_thread(mailer, error)
                           : slc_fail(error, SLC_ERR_MEMORY, "no memory for mails"))
            return mailer;
    }
    slc_mailer_free(mailer);
    return NULL;
}

void slc_mailer_stop(struct slc_mailer *mailer)
{
    uint64_t one = 1;

    if (!mailer || !mailer->started)
        return;
    atomic_store(&mailer->stop, true);
    (void)!write(mailer->stop_fd, &one, sizeof(one));
    pthread_join(mailer->thread, NULL);
    mailer->started = false;
}

void slc_mailer_free(struct slc_mailer *mailer)
{
    if (!mailer)
        return;
    slc_mailer_stop(mailer);
    if (mailer->stop_fd >= 0)
        close(mailer->stop_fd);
    if (mailer->inotify_fd >= 0)
        close(mailer->inotify_fd);
    free(mailer->folder);
    free(mailer);
}
