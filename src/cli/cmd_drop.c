/* sluice drop: remove replicas. */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/redis_access.h"
#include "cli/text.h"
#include "store/store.h"

static const struct slc_flag flags[] = {
    {.name = "rows", .help = "the rows only; registration and metadata stay"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

static void describe(const struct slc_args *args, struct slc_str name, enum slc_drop what,
                     struct slc_buf *out)
{
    if (slc_args_has(args, "json")) {
        slc_buf_append_text(out, "{\"replica\":");
        slc_text_json(out, name);
        slc_json_key(out, "dropped");
        slc_buf_append_text(out, what == SLC_DROP_ROWS ? "\"rows\"}\n" : "\"all\"}\n");
    } else {
        slc_text_safe(out, name);
        slc_buf_append_text(out, what == SLC_DROP_ROWS
                                     ? ": rows dropped; registration and metadata stay\n"
                                     : ": dropped\n");
    }
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    SLC_AUTO_BUF struct slc_buf out = {0};
    enum slc_drop what = slc_args_has(args, "rows") ? SLC_DROP_ROWS : SLC_DROP_ALL;
    struct slc_error error = {0};
    struct slc_str registry;
    int status = 0, printed;

    if (!slc_cli_config(args, &config, &error) || !slc_redis_access_open(config, &access, &error))
        return slc_cli_fail(&error);
    registry = slc_str_from(slc_config_text(config, "store.registry_key"));
    for (size_t i = 0; i < args->operand_count; i++) {
        struct slc_str name = slc_str_from(args->operands[i]);
        int failed;

        slc_error_clear(&error);
        if (slc_store_drop(access.redis, registry, name, what, &error)) {
            describe(args, name, what, &out);
            continue;
        }
        failed = slc_cli_fail(&error);
        status = status ? status : failed;
        /* Another name that is wrong says nothing of the next; a lost Redis does. */
        if (error.class != SLC_CLASS_REJECT)
            break;
    }
    printed = slc_cli_print(&out);
    return status ? status : printed;
}

const struct slc_command slc_cmd_drop = {
    .name = "drop",
    .args = "NAME... [OPTION...]",
    .summary = "Remove replicas from Redis: rows, metadata and registration",
    .help = "Each in one step: a reader sees all of a replica or nothing. Tickets and\n"
            "data files stay as they are.",
    .example = "sluice drop sample_us_users\n"
               "sluice drop old_users older_users --rows",
    .flags = flags,
    .min_operands = 1,
    .max_operands = SLC_ANY_OPERANDS,
    .run = run,
};
