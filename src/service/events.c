#include "service/events.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "base/utf8.h"
#include "source/names.h"

bool slc_service_open_log(const struct slc_config *config, struct slc_error *error)
{
    const char *file = slc_config_text(config, "log.file");
    /* The choices stand in the order of the enum. */
    enum slc_log_level level = (enum slc_log_level)slc_config_choice(config, "log.level");
    bool text = slc_config_is(config, "log.format", "text") ||
                (slc_config_is(config, "log.format", "auto") && !*file && isatty(STDERR_FILENO));

    return slc_log_open(file, level, text ? SLC_LOG_TEXT : SLC_LOG_JSON, error);
}

void slc_service_reopen_log(void)
{
    struct slc_error error = {0};

    if (slc_log_reopen(&error))
        slc_log(SLC_LOG_INFO, "the log was opened anew");
    else
        slc_log(SLC_LOG_ERROR, "the log cannot be opened anew; the old file goes on",
                SLC_LOG_TEXT_FIELD("reason", error.message));
}

/* ---- A new configuration ------------------------------------------------- */

bool slc_service_pin_options(const struct slc_config *old, struct slc_config *fresh,
                             struct slc_error *error)
{
    static const char *const pinned[] = {"http.bind", "http.port", "state_dir", "redis.url",
                                         "pid_file"};

    for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
        const struct slc_option *option = slc_option_find(slc_str_from(pinned[i]));
        char number[SLC_NUM_TEXT_BYTES + 1] = "";
        struct slc_str value;
        bool same;

        if (option->kind == SLC_OPTION_INT) {
            *slc_write_int64(number, slc_config_int(old, pinned[i])) = '\0';
            value = slc_str_from(number);
            same = slc_config_int(old, pinned[i]) == slc_config_int(fresh, pinned[i]);
        } else {
            value = slc_str_from(slc_config_text(old, pinned[i]));
            same = slc_str_is(value, slc_config_text(fresh, pinned[i]));
        }
        if (same)
            continue;
        slc_log(SLC_LOG_WARNING, "an option has changed and needs a restart",
                SLC_LOG_TEXT_FIELD("option", pinned[i]));
        if (!slc_config_set_value(fresh, pinned[i], value, "the service that runs", error))
            return false;
    }
    return true;
}

/* ---- Hooks --------------------------------------------------------------- */

/* The log is UTF-8; what comes from outside need not be. */
static char *printable(const char *text, char *copy, size_t size_bytes)
{
    size_t len = strlen(text) < size_bytes - 1 ? strlen(text) : size_bytes - 1, at = 0;

    memcpy(copy, text, len);
    copy[len] = '\0';
    while (at < len) {
        at += slc_utf8_valid_prefix(copy + at, len - at);
        if (at < len)
            copy[at] = '?';
    }
    return copy;
}

static char *describe(const struct slc_error *error, char text[SLC_ERROR_TEXT_BYTES])
{
    char raw[SLC_ERROR_TEXT_BYTES];

    return printable(slc_error_format(error, raw, sizeof(raw)), text, SLC_ERROR_TEXT_BYTES);
}

/* What machines ask every few seconds is of interest only to who looks closely. */
static bool is_routine(const struct slc_route *route)
{
    return route &&
           (strcmp(route->pattern, "/healthz") == 0 || strcmp(route->pattern, "/readyz") == 0 ||
            strcmp(route->pattern, "/metrics") == 0);
}

void slc_service_log_request(const struct slc_http_record *record)
{
    char path[SLC_NAME_QUOTE_BYTES], method[SLC_NAME_QUOTE_BYTES];
    enum slc_log_level level =
        is_routine(record->route) && record->status < 400 ? SLC_LOG_DEBUG : SLC_LOG_INFO;
    const char *route;

    if (!slc_log_wants(level))
        return;
    route = record->route ? record->route->pattern : slc_name_quote(record->path, path);
    slc_log(level, "request", SLC_LOG_TEXT_FIELD("method", slc_name_quote(record->method, method)),
            SLC_LOG_TEXT_FIELD("route", route), SLC_LOG_INT_FIELD("status", record->status),
            SLC_LOG_USEC_FIELD("seconds", record->duration_usec),
            SLC_LOG_INT_FIELD("bytes", record->response_bytes),
            SLC_LOG_TEXT_FIELD("client", record->client->text),
            SLC_LOG_TEXT_FIELD("request_id", record->request_id),
            SLC_LOG_TEXT_FIELD("sent", record->complete ? "whole" : "cut off"),
            SLC_LOG_TEXT_FIELD(record->load[0] ? "load" : NULL, record->load));
}

void slc_service_log_inbox(void *state, enum slc_inbox_event event, const char *ticket_name,
                           const struct slc_error *error)
{
    char name[SLC_NAME_QUOTE_BYTES], text[SLC_ERROR_TEXT_BYTES];

    (void)state;
    switch (event) {
    case SLC_INBOX_FAULTY:
        slc_log(SLC_LOG_ERROR, "a ticket cannot be worked with",
                SLC_LOG_TEXT_FIELD("ticket", slc_name_quote(slc_str_from(ticket_name), name)),
                SLC_LOG_TEXT_FIELD("reason", describe(error, text)));
        break;
    case SLC_INBOX_READ_ONLY:
        slc_log(SLC_LOG_WARNING,
                "the stream directory cannot be written to; the ticket's state is kept in Redis",
                SLC_LOG_TEXT_FIELD("ticket", slc_name_quote(slc_str_from(ticket_name), name)));
        break;
    case SLC_INBOX_REOPENED:
        slc_log(SLC_LOG_WARNING, "the stream directory was replaced and is opened anew");
        break;
    }
}

static void log_afterthoughts(const char *ticket, const struct slc_ticket_report *report)
{
    char text[SLC_ERROR_TEXT_BYTES];

    if (report->ticket_error.code != SLC_ERR_NONE)
        slc_log(SLC_LOG_WARNING, "a ticket could not be brought up to date",
                SLC_LOG_TEXT_FIELD("ticket", ticket),
                SLC_LOG_TEXT_FIELD("reason", describe(&report->ticket_error, text)));
    if (report->result.replicas_warning.code != SLC_ERR_NONE)
        slc_log(SLC_LOG_WARNING, "a load is not on as many of Redis' replicas as it should be",
                SLC_LOG_TEXT_FIELD("ticket", ticket),
                SLC_LOG_TEXT_FIELD("reason", describe(&report->result.replicas_warning, text)));
    if (report->result.rejects_error.code != SLC_ERR_NONE)
        slc_log(SLC_LOG_WARNING, "the rejected rows could not be written down",
                SLC_LOG_TEXT_FIELD("ticket", ticket),
                SLC_LOG_TEXT_FIELD("reason", describe(&report->result.rejects_error, text)));
}

void slc_service_log_worker(void *state, enum slc_worker_event event, const char *ticket_name,
                            const struct slc_error *error)
{
    char name[SLC_NAME_QUOTE_BYTES], text[SLC_ERROR_TEXT_BYTES];

    (void)state;
    slc_name_quote(slc_str_from(ticket_name ? ticket_name : ""), name);
    switch (event) {
    case SLC_WORKER_AWAY:
        slc_log(SLC_LOG_WARNING, "no loads can be taken while Redis is away",
                SLC_LOG_TEXT_FIELD("reason", describe(error, text)));
        break;
    case SLC_WORKER_BACK:
        slc_log(SLC_LOG_INFO, "Redis is back; loads are taken again");
        break;
    case SLC_WORKER_RETAKEN:
        slc_log(SLC_LOG_WARNING, "a load is taken over from a worker that is gone",
                SLC_LOG_TEXT_FIELD("ticket", name));
        break;
    case SLC_WORKER_LOST:
        slc_log(SLC_LOG_WARNING, "a load was taken over by another worker and is stopped here",
                SLC_LOG_TEXT_FIELD("ticket", name));
        break;
    case SLC_WORKER_UNREADABLE:
        slc_log(SLC_LOG_ERROR, "what Redis has of a load cannot be read",
                SLC_LOG_TEXT_FIELD("load", name),
                SLC_LOG_TEXT_FIELD("reason", describe(error, text)));
        break;
    case SLC_WORKER_CUT:
        slc_log(SLC_LOG_INFO, "the load that still runs is stopped; another worker may take it");
        break;
    }
}

void slc_service_log_load(void *state, const char *ticket_name, const char *replica_name,
                          const struct slc_ticket_report *report)
{
    char ticket[SLC_NAME_QUOTE_BYTES], replica[SLC_NAME_QUOTE_BYTES], text[SLC_ERROR_TEXT_BYTES];

    (void)state;
    slc_name_quote(slc_str_from(ticket_name), ticket);
    slc_name_quote(slc_str_from(replica_name), replica);
    switch (report->outcome) {
    case SLC_TICKET_OUTCOME_LOADED:
        slc_log(SLC_LOG_INFO, "loaded", SLC_LOG_TEXT_FIELD("ticket", ticket),
                SLC_LOG_TEXT_FIELD("replica", replica),
                SLC_LOG_INT_FIELD("rows_read", report->result.rows_read),
                SLC_LOG_INT_FIELD("rows_written", report->result.rows_written),
                SLC_LOG_INT_FIELD("rows_rejected", report->result.rows_rejected),
                SLC_LOG_INT_FIELD("duplicate_keys", report->result.duplicate_keys),
                SLC_LOG_USEC_FIELD("seconds", (int64_t)(report->result.seconds * 1e6)),
                SLC_LOG_TEXT_FIELD("load_id", report->result.load_id));
        break;
    case SLC_TICKET_OUTCOME_FAILED:
        slc_log(SLC_LOG_ERROR, "a load failed", SLC_LOG_TEXT_FIELD("ticket", ticket),
                SLC_LOG_TEXT_FIELD("replica", replica),
                SLC_LOG_TEXT_FIELD("code", slc_error_code_name(report->error.code)),
                SLC_LOG_TEXT_FIELD("reason", describe(&report->error, text)));
        break;
    case SLC_TICKET_OUTCOME_SKIPPED:
        slc_log(SLC_LOG_DEBUG, "a ticket does not ask to be loaded",
                SLC_LOG_TEXT_FIELD("ticket", ticket));
        break;
    case SLC_TICKET_OUTCOME_WAIT:
    case SLC_TICKET_OUTCOME_PASS:
        break;
    }
    log_afterthoughts(ticket, report);
}
