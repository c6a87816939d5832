/* sluice mail: the reports that are on their way. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "report/mail_spool.h"
#include "service/mailer.h"

static const struct slc_flag flags[] = {
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG_ONLY,
    {0},
};

/* "2026-11-22T17:20:31Z" */
static void append_time(struct slc_buf *out, int64_t usec)
{
    char when[SLC_DATETIME_TEXT_BYTES];
    char *end = slc_write_datetime(when, usec / SLC_USEC_PER_SEC * SLC_USEC_PER_SEC);

    slc_buf_printf(out, "%.*sZ", (int)(end - when), when);
}

static void append_json(struct slc_buf *out, const struct slc_mail *mail)
{
    slc_json_comma(out);
    slc_buf_append_text(out, "{\"id\":");
    slc_json_text(out, mail->id);
    slc_json_member_text(out, "state", slc_mail_state_name(slc_mail_state(mail)));
    slc_json_key(out, "made");
    slc_buf_append_byte(out, '"');
    append_time(out, mail->created_usec);
    slc_buf_append_byte(out, '"');
    slc_json_member_int64(out, "attempts", mail->attempts);
    slc_json_key(out, "recipients");
    slc_buf_append_byte(out, '[');
    for (size_t i = 0; i < mail->recipient_count; i++) {
        slc_json_comma(out);
        slc_buf_append_text(out, "{\"address\":");
        slc_json_text(out, mail->recipients[i].address);
        slc_json_member_text(out, "state", slc_mail_state_name(mail->recipients[i].state));
        slc_buf_append_byte(out, '}');
    }
    slc_buf_append_byte(out, ']');
    slc_json_key(out, "reason");
    if (mail->reason[0])
        slc_text_json(out, slc_str_from(mail->reason));
    else
        slc_buf_append_text(out, "null");
    slc_buf_append_byte(out, '}');
}

static void append_line(struct slc_buf *out, const struct slc_mail *mail)
{
    slc_buf_printf(out, "%s  ", mail->id);
    append_time(out, mail->created_usec);
    slc_buf_printf(out, "  %-7s  ", slc_mail_state_name(slc_mail_state(mail)));
    for (size_t i = 0; i < mail->recipient_count; i++)
        slc_buf_printf(out, "%s%s%s", i ? ", " : "", mail->recipients[i].address,
                       slc_mail_state(mail) != mail->recipients[i].state
                           ? mail->recipients[i].state == SLC_MAIL_SENT ? " (sent)" : " (failed)"
                           : "");
    if (mail->reason[0]) {
        slc_buf_append_text(out, "\n    ");
        slc_text_safe(out, slc_str_from(mail->reason));
    }
    slc_buf_append_byte(out, '\n');
}

static int list(const struct slc_args *args, const char *folder, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    bool as_json = slc_args_has(args, "json");
    size_t count = 0;

    if (!slc_mail_spool_list(folder, &mails, &count, error))
        return slc_cli_fail(error);
    slc_buf_append_text(&out, as_json ? "[" : "");
    for (size_t i = 0; i < count; i++) {
        if (as_json)
            append_json(&out, &mails[i]);
        else
            append_line(&out, &mails[i]);
    }
    slc_buf_append_text(&out, as_json ? "]\n" : "");
    return slc_cli_print(&out);
}

static bool act(const char *folder, const char *id, bool retry, struct slc_error *error)
{
    struct slc_error why = {0};

    if (retry ? slc_mail_spool_retry(folder, id, slc_now_usec(), &why)
              : slc_mail_spool_remove(folder, id, &why))
        return true;
    if (why.code == SLC_ERR_NOT_FOUND || why.code == SLC_ERR_NAME)
        return slc_fail(error, SLC_ERR_NOT_FOUND, "there is no mail \"%.80s\" (any more)", id);
    return slc_fail(error, why.code, "%s", why.message);
}

/* Those that are named; without a name all that failed. */
static int change(const struct slc_args *args, const char *folder, bool retry,
                  struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    size_t count = 0, done = 0;

    if (args->operand_count > 1) {
        for (size_t i = 1; i < args->operand_count; i++, done++)
            if (!act(folder, args->operands[i], retry, error))
                return slc_cli_fail(error);
    } else {
        if (!slc_mail_spool_list(folder, &mails, &count, error))
            return slc_cli_fail(error);
        for (size_t i = 0; i < count; i++) {
            if (slc_mail_state(&mails[i]) != SLC_MAIL_FAILED)
                continue;
            if (!act(folder, mails[i].id, retry, error))
                return slc_cli_fail(error);
            done++;
        }
    }
    if (slc_args_has(args, "json"))
        slc_buf_printf(&out, "{\"%s\":%zu}\n", retry ? "retried" : "removed", done);
    else
        slc_buf_printf(&out, "%zu %s\n", done,
                       retry ? "to be sent again by the service" : "removed");
    return slc_cli_print(&out);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_FREE char *folder = NULL;
    const char *action = args->operands[0];
    struct slc_error error = {0};

    if (!slc_cli_config_as_written(args, &config, &error))
        return slc_cli_fail(&error);
    folder = slc_mailer_folder(config);
    if (!folder)
        slc_fail(&error, SLC_ERR_MEMORY, "no memory for the state directory's path");
    else if (strcmp(action, "ls") == 0 && args->operand_count == 1)
        return list(args, folder, &error);
    else if (strcmp(action, "retry") == 0)
        return change(args, folder, true, &error);
    else if (strcmp(action, "rm") == 0)
        return change(args, folder, false, &error);
    else
        slc_fail(&error, SLC_ERR_USAGE,
                 "mail: usage: sluice mail ls, sluice mail retry [ID...], or sluice mail rm "
                 "[ID...]");
    return slc_cli_fail(&error);
}

const struct slc_command slc_cmd_mail = {
    .name = "mail",
    .args = "ls | retry [ID...] | rm [ID...] [OPTION...]",
    .summary = "List reports by mail, send them again, or remove them",
    .help = "Reports of loads wait in the folder mail of the state directory until the\n"
            "service has sent them. ls shows those that wait, that failed, and the last ones\n"
            "that were sent; retry has failed ones (or those named) sent again by the\n"
            "service, rm removes them. The ID is that of the batch of loads (/v1/loads/ID).",
    .example = "sluice mail ls\n"
               "sluice mail retry",
    .flags = flags,
    .min_operands = 1,
    .max_operands = SLC_ANY_OPERANDS,
    .run = run,
};
