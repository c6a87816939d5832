/* sluice loads: what was asked to be loaded, and how far it is. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/redis_access.h"
#include "cli/table.h"
#include "cli/text.h"
#include "job/queue.h"
#include "report/show.h"

enum { FOLLOW_MS = 250 };

static const struct slc_flag flags[] = {
    {.name = "follow", .letter = 'f', .help = "go on until the load of that ID is over"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

/* What is printed of one batch or all of them. */
struct view {
    struct slc_table table;
    struct slc_buf json, line;
    bool over, failed;
    size_t count;
};

static void release(struct view *view)
{
    slc_table_release(&view->table);
    slc_buf_release(&view->json);
    slc_buf_release(&view->line);
}

static const char *state_of(const struct slc_batch *batch)
{
    if (batch->ended_usec)
        return batch->failed ? "failed" : "done";
    return batch->started_usec ? "running" : "queued";
}

static double seconds_of(int64_t started_usec, int64_t ended_usec)
{
    int64_t end = ended_usec ? ended_usec : slc_now_usec();

    return started_usec && end > started_usec ? (double)((end - started_usec) / 1000) / 1000 : 0;
}

static double per_cent(double share)
{
    return (double)(int64_t)(share * 1000 + 0.5) / 10;
}

static void cell_double(struct slc_table *table, int decimals, double number, const char *unit)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_buf_printf(&text, "%.*f%s", decimals, number, unit);
    slc_table_cell(table, slc_buf_view(&text));
}

static void cell_count(struct slc_table *table, int64_t count)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_show_count(&text, count);
    slc_table_cell(table, slc_buf_view(&text));
}

static void add_titles(struct slc_table *table, const struct slc_table_column *columns,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        slc_table_column(table, columns[i]);
}

/* ---- JSON ------------------------------------------------------------------- */

static void json_text(struct slc_buf *json, const char *key, const char *text)
{
    slc_json_key(json, key);
    if (text && *text)
        slc_text_json(json, slc_str_from(text));
    else
        slc_buf_append_text(json, "null");
}

static void append_job(struct slc_buf *json, const struct slc_job *job)
{
    bool running = job->state == SLC_JOB_RUNNING;

    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    json_text(json, "ticket", job->ticket_name);
    json_text(json, "replica", job->replica);
    json_text(json, "state", slc_job_state_name(job->state));
    json_text(json, "stage", running ? slc_load_stage_name(job->stage) : NULL);
    slc_json_member_double(json, "percent", per_cent(job->share));
    slc_json_member_int64(json, "rows_read", job->rows_read);
    slc_json_member_int64(json, "rows_written", job->rows_written);
    slc_json_member_int64(json, "rows_rejected", job->rows_rejected);
    slc_json_member_double(json, "seconds", seconds_of(job->started_usec, job->ended_usec));
    slc_json_member_int64(json, "attempts", job->attempts);
    json_text(json, "worker", job->worker);
    json_text(json, "load_id", job->load_id);
    json_text(json, "error", job->error ? job->error->message : NULL);
    slc_buf_append_byte(json, '}');
}

static void append_batch(struct slc_buf *json, const struct slc_batch *batch)
{
    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    json_text(json, "id", batch->id);
    json_text(json, "state", state_of(batch));
    slc_json_member_int64(json, "count", batch->count);
    slc_json_member_int64(json, "running", batch->running);
    slc_json_member_int64(json, "done", batch->done);
    slc_json_member_int64(json, "failed", batch->failed);
    slc_json_member_int64(json, "skipped", batch->skipped);
    slc_json_member_double(json, "percent", per_cent(batch->share));
    slc_json_member_int64(json, "rows_read", batch->rows_read);
    slc_json_member_int64(json, "rows_written", batch->rows_written);
    slc_json_member_int64(json, "rows_rejected", batch->rows_rejected);
    slc_json_member_double(json, "seconds", seconds_of(batch->started_usec, batch->ended_usec));
    json_text(json, "error", batch->error ? batch->error->message : NULL);
    if (batch->jobs) {
        slc_json_key(json, "tickets");
        slc_buf_append_byte(json, '[');
        for (int64_t i = 0; i < batch->count; i++)
            append_job(json, &batch->jobs[i]);
        slc_buf_append_byte(json, ']');
    }
    slc_buf_append_byte(json, '}');
}

/* ---- For people ---------------------------------------------------------------- */

static void see_summary(void *state, const struct slc_batch *batch)
{
    struct view *view = state;
    SLC_AUTO_BUF struct slc_buf tickets = {0};

    view->count++;
    append_batch(&view->json, batch);
    slc_buf_printf(&tickets, "%lld of %lld",
                   (long long)(batch->done + batch->failed + batch->skipped),
                   (long long)batch->count);
    slc_table_cell(&view->table, slc_str_from(batch->id));
    slc_table_cell(&view->table, slc_str_from(state_of(batch)));
    slc_table_cell(&view->table, slc_buf_view(&tickets));
    cell_double(&view->table, 1, per_cent(batch->share), " %");
    cell_count(&view->table, batch->rows_written);
    cell_double(&view->table, 1, seconds_of(batch->started_usec, batch->ended_usec), "");
    slc_table_cell(&view->table, slc_str_from(batch->error ? batch->error->message : ""));
}

static void add_job(struct slc_table *table, const struct slc_job *job)
{
    bool running = job->state == SLC_JOB_RUNNING;

    slc_table_cell(table, slc_str_from(job->ticket_name));
    slc_table_cell(table, slc_str_from(running ? slc_load_stage_name(job->stage)
                                               : slc_job_state_name(job->state)));
    cell_double(table, 1, per_cent(job->share), " %");
    cell_count(table, job->rows_read);
    cell_count(table, job->rows_written);
    if (running && job->rows_per_second > 0)
        cell_count(table, (int64_t)job->rows_per_second);
    else
        slc_table_cell(table, SLC_STR("-"));
    if (running && job->seconds_left >= 0)
        cell_double(table, 0, job->seconds_left, " s");
    else
        slc_table_cell(table, SLC_STR("-"));
    cell_double(table, 0, job->attempts, "");
    slc_table_cell(table, slc_str_from(job->error ? job->error->message : ""));
}

static void see_whole(void *state, const struct slc_batch *batch)
{
    struct view *view = state;

    append_batch(&view->json, batch);
    slc_buf_printf(&view->line, "%s  %.1f %%  %lld of %lld tickets  %lld rows written\n",
                   state_of(batch), per_cent(batch->share),
                   (long long)(batch->done + batch->failed + batch->skipped),
                   (long long)batch->count, (long long)batch->rows_written);
    for (int64_t i = 0; i < batch->count; i++)
        add_job(&view->table, &batch->jobs[i]);
    view->over = batch->ended_usec != 0;
    view->failed = batch->failed > 0;
}

static int print_table(struct view *view)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_table_print(&view->table,
                    slc_cli_stdout_is_terminal() ? slc_cli_columns() : SLC_TABLE_ANY_WIDTH, &out);
    return slc_cli_print(&out);
}

/* ---- The command ---------------------------------------------------------------- */

static int list_all(struct slc_queue *queue, bool json)
{
    static const struct slc_table_column columns[] = {
        {.title = {"id", 2}, .max_width = 40},
        {.title = {"state", 5}},
        {.title = {"tickets", 7}},
        {.title = {"", 0}, .right = true},
        {.title = {"rows", 4}, .right = true},
        {.title = {"seconds", 7}, .right = true},
        {.title = {"error", 5}, .min_width = 10, .max_width = 200},
    };
    SLC_CLEANUP(release) struct view view = {.table = {.gap = 2}};
    struct slc_error error = {0};

    add_titles(&view.table, columns, sizeof(columns) / sizeof(columns[0]));
    slc_buf_append_byte(&view.json, '[');
    if (!slc_queue_list(queue, NULL, 0, see_summary, &view, &error))
        return slc_cli_fail(&error);
    slc_buf_append_text(&view.json, "]\n");
    if (json)
        return slc_cli_print(&view.json);
    if (view.count == 0)
        slc_buf_append_text(&view.line, "Nothing was asked to be loaded.\n");
    return view.count == 0 ? slc_cli_print(&view.line) : print_table(&view);
}

/* One look; `*ret_over` says whether there is more to come. */
static int show_one(struct slc_queue *queue, const char *id, bool json, bool follow,
                    struct slc_buf *last, bool *ret_over)
{
    static const struct slc_table_column columns[] = {
        {.title = {"ticket", 6}, .min_width = 10},
        {.title = {"state", 5}},
        {.title = {"", 0}, .right = true},
        {.title = {"read", 4}, .right = true},
        {.title = {"written", 7}, .right = true},
        {.title = {"a second", 8}, .right = true},
        {.title = {"left", 4}, .right = true},
        {.title = {"attempts", 8}, .right = true},
        {.title = {"error", 5}, .min_width = 10, .max_width = 200},
    };
    SLC_CLEANUP(release) struct view view = {.table = {.gap = 2}};
    struct slc_error error = {0};
    int status = 0;

    add_titles(&view.table, columns, sizeof(columns) / sizeof(columns[0]));
    if (!slc_queue_see(queue, id, see_whole, &view, &error)) {
        *ret_over = true;
        return slc_cli_fail(&error);
    }
    slc_buf_append_byte(&view.json, '\n');
    *ret_over = view.over;
    if (json)
        status = slc_cli_print(&view.json);
    else if (follow && !view.over && !slc_str_eq(slc_buf_view(last), slc_buf_view(&view.line)))
        status = slc_cli_print(&view.line);
    else if (!follow || view.over)
        status = print_table(&view);
    slc_buf_clear(last);
    slc_buf_append_str(last, slc_buf_view(&view.line));
    return status ? status : view.over && view.failed;
}

static int show(struct slc_queue *queue, const char *id, bool json, bool follow)
{
    /* No event is asked for: poll() waits, unless the reader of a pipe has gone (POLLERR). */
    struct pollfd reader = {.fd = STDOUT_FILENO};
    SLC_AUTO_BUF struct slc_buf last = {0};
    bool over = false;
    int status;

    while ((status = show_one(queue, id, json, follow, &last, &over)) == 0 && follow && !over)
        if (poll(&reader, 1, FOLLOW_MS) > 0)
            break;
    return status;
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    const char *id = args->operand_count > 0 ? args->operands[0] : NULL;
    bool json = slc_args_has(args, "json"), follow = slc_args_has(args, "follow");
    struct slc_queue_options options = {0};
    struct slc_error error = {0};
    struct slc_queue *queue;
    int status;

    if (follow && !id) {
        slc_fail(&error, SLC_ERR_USAGE,
                 "--follow needs the ID of a load; `sluice loads` shows them");
        return slc_cli_fail(&error);
    }
    if (!slc_cli_config(args, &config, &error) || !slc_redis_access_open(config, &access, &error))
        return slc_cli_fail(&error);
    options.redis_url = &access.url;
    options.timeout_ms = slc_config_int(config, "redis.timeout_ms");
    options.registry_key = slc_config_text(config, "store.registry_key");
    queue = slc_queue_open(&options, &error);
    if (!queue)
        return slc_cli_fail(&error);
    status = id ? show(queue, id, json, follow) : list_all(queue, json);
    slc_queue_close(queue);
    return status;
}

const struct slc_command slc_cmd_loads = {
    .name = "loads",
    .args = "[ID] [OPTION...]",
    .summary = "Show what the services were asked to load, and how far it is",
    .help = "Without an ID: every request for loads that is kept, the newest first. With one:\n"
            "each of its tickets. The exit status is 1 when that load is over and failed.",
    .example = "sluice loads\n"
               "sluice loads 0f9fe9f1a0b6b0c05a3cb0d3a5f21f5e --follow",
    .flags = flags,
    .max_operands = 1,
    .run = run,
};
