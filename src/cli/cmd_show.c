/* sluice show: what is known of a replica. */
#include "cli/cli.h"
#include "cli/redis_access.h"
#include "cli/replica_view.h"

static const struct slc_flag flags[] = {
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    SLC_AUTO_META struct slc_meta meta = {0};
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_str name = slc_str_from(args->operands[0]);
    struct slc_replica_facts facts;
    struct slc_error error = {0};

    if (!slc_cli_config(args, &config, &error) ||
        !slc_redis_access_open_reader(config, &access, &error) ||
        !slc_store_meta(access.redis, name, NULL, 0, &meta, &error) ||
        !slc_replica_facts(access.redis, name, &meta, &facts, &error))
        return slc_cli_fail(&error);
    if (slc_args_has(args, "json"))
        slc_replica_view_json(&meta, &facts, &out);
    else
        slc_replica_view(name, &meta, &facts, slc_cli_columns(), &out);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_show = {
    .name = "show",
    .args = "NAME [OPTION...]",
    .summary = "Show what is known of a replica: shape, types, preprocessing",
    .help = "For each column its type in the end, how many values were missing, what a gap is\n"
            "filled with, and what the column was scaled by: smallest and largest value\n"
            "(minmax), centre and divisor (standard, robust), divisor (maxabs); ~ where these\n"
            "come from a sketch. --json gives every field of NAME.META, the statistics of\n"
            "PROFILE included.",
    .example = "sluice show sample_us_users\n"
               "sluice show sample_us_users --json | jq .SCALE.columns.age",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
