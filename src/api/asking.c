/* The calls that come most often: what they ask of Redis goes together with what
 * other calls ask, and no server thread waits. Calls that ask for the same are one
 * question, which is asked after all of them have come. */
#include <stdlib.h>
#include <string.h>

#include "api/asker.h"
#include "api/internal.h"
#include "base/hash.h"
#include "base/json.h"
#include "http/negotiate.h"
#include "store/ask.h"
#include "store/store.h"

/* A call that waits for its answer. */
struct slc_asking {
    struct slc_api *api;
    struct slc_http_pending *pending;
    struct slc_asking *next; /* of one question, or not sent yet */
    bool is_row;
    bool on_lane; /* asked by its thread, not over the line */
    size_t name_len, key_len;
    char text[]; /* the replica's name and the row's key, a NUL behind each */
};

static struct slc_str name_of(const struct slc_asking *asking)
{
    return (struct slc_str){.data = asking->text, .len = asking->name_len};
}

static struct slc_str key_of(const struct slc_asking *asking)
{
    return (struct slc_str){.data = asking->text + asking->name_len + 1, .len = asking->key_len};
}

static void copy_text(char *to, struct slc_str text)
{
    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
}

static void append(struct slc_asking_list *list, struct slc_asking *asking)
{
    asking->next = NULL;
    if (list->last)
        list->last->next = asking;
    else
        list->first = asking;
    list->last = asking;
}

static void finish(struct slc_asking *asking, struct slc_http_response *response)
{
    slc_http_complete(asking->pending, response);
    free(asking);
}

static void refuse(struct slc_asking *asking, const struct slc_error *error)
{
    struct slc_http_response refused = {0};

    slc_api_fail(&refused, error);
    finish(asking, &refused);
}

/* ---- Asking -------------------------------------------------------------- */

static void answer_names(void *state, struct slc_reply *const replies[],
                         const struct slc_error *failure);
static void answer_rows(void *state, struct slc_reply *const replies[],
                        const struct slc_error *failure);

/* The question of calls that ask for the same (the names), or for rows of one
 * replica. */
static size_t encode(const struct slc_api *api, const struct slc_asking *first,
                     struct slc_buf *commands)
{
    struct slc_str keys[SLC_ASK_ROWS_MAX];
    size_t count = 0;

    if (!first->is_row) {
        slc_ask_names(commands, slc_inbox_registry_key(api->options.inbox));
        return SLC_ASK_NAMES_COMMANDS;
    }
    for (const struct slc_asking *asking = first; asking; asking = asking->next)
        keys[count++] = key_of(asking);
    slc_ask_rows(commands, name_of(first), keys, count);
    return SLC_ASK_ROWS_COMMANDS;
}

/* Each by a question of its own over the process's line. */
static void ask_line(struct slc_asking *asking)
{
    while (asking) {
        struct slc_asking *next = asking->next;
        struct slc_buf commands = {0};
        struct slc_error error;
        size_t count;

        asking->next = NULL;
        asking->on_lane = false;
        count = encode(asking->api, asking, &commands);
        if (!slc_redis_line_ask(asking->api->line, &commands, count,
                                asking->is_row ? answer_rows : answer_names, asking, &error))
            refuse(asking, &error);
        asking = next;
    }
}

/* No answer came. What was asked over a connection that got lost is asked again
 * over the line, which finds another. */
static void fail_over(struct slc_asking *asking, const struct slc_error *failure)
{
    if (asking->on_lane && failure->code == SLC_ERR_CONNECTION) {
        ask_line(asking);
        return;
    }
    while (asking) {
        struct slc_asking *next = asking->next;

        slc_api_redis_failed(asking->api);
        refuse(asking, failure);
        asking = next;
    }
}

static void ask_lane(struct slc_api_asker *asker, struct slc_asking *first)
{
    struct slc_buf commands = {0};
    size_t count = encode(asker->api, first, &commands);
    struct slc_error error;

    for (struct slc_asking *asking = first; asking; asking = asking->next)
        asking->on_lane = true;
    if (!slc_redis_lane_ask(asker->lane, &commands, count,
                            first->is_row ? answer_rows : answer_names, first, &error))
        fail_over(first, &error);
}

/* Take the first of a list and those behind it that are of the same replica. */
static struct slc_asking *take_group(struct slc_asking_list *list)
{
    struct slc_asking_list group = {0}, rest = {0};
    size_t looked = 0;

    while (list->first && looked++ < SLC_ASK_ROWS_MAX) {
        struct slc_asking *asking = list->first;

        list->first = asking->next;
        append(!group.first || slc_str_eq(name_of(group.first), name_of(asking)) ? &group : &rest,
               asking);
    }
    if (rest.last) {
        rest.last->next = list->first;
        list->first = rest.first;
        if (!rest.last->next)
            list->last = rest.last;
    }
    if (!list->first)
        list->last = NULL;
    return group.first;
}

void slc_api_send_gathered(struct slc_api_asker *asker)
{
    struct slc_asking_list *names = &asker->names;

    asker->gathered = 0;
    if (names->first) {
        struct slc_asking *first = names->first;

        *names = (struct slc_asking_list){0};
        ask_lane(asker, first);
    }
    while (asker->rows.first)
        ask_lane(asker, take_group(&asker->rows));
}

/* An answer is under way, and as many calls as may wait for it do already: Redis is slow or
 * hangs. */
static bool is_full(const struct slc_api_asker *asker)
{
    return asker->gathered >= asker->api->options.gathered_max &&
           slc_redis_lane_is_waiting(asker->lane);
}

/* Put the call aside until its answer comes. */
static void ask(struct slc_api *api, struct slc_http_request *request,
                struct slc_http_response *response, bool is_row, struct slc_str name,
                struct slc_str key)
{
    struct slc_api_asker *asker = slc_http_request_companion(request);
    struct slc_asking *asking;

    if (asker && is_full(asker)) {
        slc_http_detail(response, 503, "Too many calls wait for Redis; try again later");
        slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
        return;
    }
    asking = malloc(sizeof(*asking) + name.len + key.len + 2);
    if (!asking) {
        slc_http_detail(response, 500, "Out of memory");
        return;
    }
    asking->api = api;
    asking->next = NULL;
    asking->is_row = is_row;
    asking->name_len = name.len;
    asking->key_len = key.len;
    copy_text(asking->text, name);
    copy_text(asking->text + name.len + 1, key);
    asking->pending = slc_http_suspend(request);
    if (asker && slc_api_asker_is_ready(asker)) {
        append(is_row ? &asker->rows : &asker->names, asking);
        asker->gathered++;
    } else {
        ask_line(asking);
    }
}

/* ---- The registered names ------------------------------------------------ */

static void answer_names(void *state, struct slc_reply *const replies[],
                         const struct slc_error *failure)
{
    SLC_AUTO_BUF struct slc_buf list = {0}, json = {0};
    struct slc_asking *asking = state;
    struct slc_error error;
    bool good;

    if (!replies) {
        fail_over(asking, failure);
        return;
    }
    good = slc_ask_names_answer(replies, ", ", &list, &error);
    if (list.len == 0)
        slc_buf_append_text(&list, "EMPTY");
    slc_buf_append_text(&json, "{\"LIST_OF_REGISTERED_REPLICS\":");
    slc_api_json_text(&json, slc_buf_view(&list));
    slc_buf_append_byte(&json, '}');
    json.failed |= list.failed;
    while (asking) {
        struct slc_asking *next = asking->next;
        struct slc_http_response response = {0};

        if (good) {
            slc_buf_append_str(slc_http_json(&response, 200), slc_buf_view(&json));
            response.body.failed |= json.failed;
        } else {
            slc_api_fail(&response, &error);
        }
        finish(asking, &response);
        asking = next;
    }
}

void slc_api_get_registered_replics(struct slc_http_request *request,
                                    struct slc_http_response *response, void *context)
{
    ask(context, request, response, false, SLC_STR(""), SLC_STR(""));
}

/* ---- Rows ---------------------------------------------------------------- */

/* The row whatever its layout, in some round trips. */
static void read_row(struct slc_api *api, struct slc_str name, struct slc_str key,
                     struct slc_http_response *response)
{
    struct slc_redis *redis = slc_api_redis_reader(api, response);
    struct slc_error error = {0};
    struct slc_buf *json;

    if (!redis)
        return;
    json = slc_http_json(response, 200);
    slc_buf_append_text(json, "{\"key\":");
    slc_api_json_text(json, key);
    slc_buf_append_text(json, ",\"values\":");
    if (slc_store_row(redis, name, key, json, &error)) {
        slc_buf_append_byte(json, '}');
        /* Of which load it is cannot be said for sure. */
        slc_api_tag_by_content(response);
    } else {
        slc_api_fail(response, &error);
    }
    slc_redis_pool_give(api->options.pool, redis);
}

static _Atomic uint64_t *word_of(struct slc_api *api, struct slc_str name, uint64_t *ret_bit)
{
    uint64_t hash = slc_hash_bytes(name.data, name.len) % SLC_API_NAME_BITS;

    *ret_bit = UINT64_C(1) << (hash % 64);
    return &api->not_one_hash[hash / 64];
}

/* At the desk. */
static void run_row(struct slc_api *api, struct slc_api_task *task,
                    struct slc_http_response *response)
{
    const struct slc_asking *asking = task->asking;
    uint64_t bit;
    _Atomic uint64_t *word = word_of(api, name_of(asking), &bit);

    read_row(api, name_of(asking), key_of(asking), response);
    if (response->status == 200)
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
}

static void answer_row(struct slc_asking *asking, struct slc_reply *const replies[], size_t index)
{
    struct slc_http_response response = {0};
    struct slc_str load_id = {0};
    struct slc_buf *json = slc_http_json(&response, 200);

    slc_buf_append_text(json, "{\"key\":");
    slc_api_json_text(json, key_of(asking));
    slc_buf_append_text(json, ",\"values\":");
    switch (slc_ask_row_answer(replies, index, json, &load_id)) {
    case SLC_ASK_ROW_FOUND:
        slc_buf_append_byte(json, '}');
        (void)slc_http_set_etag(&response, load_id);
        finish(asking, &response);
        break;
    case SLC_ASK_ROW_ABSENT:
        slc_http_detail(&response, 404, "The replica has no row of that key");
        finish(asking, &response);
        break;
    case SLC_ASK_ROW_CHANGED:
        /* Not at the desk, which would take the layout for the reason, for good. */
        slc_http_response_release(&response);
        asking->next = NULL;
        ask_line(asking);
        break;
    case SLC_ASK_ROW_UNKNOWN:
        slc_http_response_release(&response);
        slc_api_desk_later(asking->api, asking->pending,
                           &(struct slc_api_task){.run = run_row, .asking = asking});
        break;
    }
}

static void answer_rows(void *state, struct slc_reply *const replies[],
                        const struct slc_error *failure)
{
    struct slc_asking *asking = state;

    if (!replies) {
        fail_over(asking, failure);
        return;
    }
    for (size_t i = 0; asking; i++) {
        struct slc_asking *next = asking->next;

        answer_row(asking, replies, i);
        asking = next;
    }
}

void slc_api_v1_row(struct slc_http_request *request, struct slc_http_response *response,
                    void *context)
{
    struct slc_api *api = context;
    struct slc_str name = slc_http_request_part(request, "name");
    struct slc_str key = slc_http_request_part(request, "key");
    uint64_t bit;

    if (!slc_api_check_replica(api, name, response))
        return;
    if (!(atomic_load_explicit(word_of(api, name, &bit), memory_order_relaxed) & bit))
        ask(api, request, response, true, name, key);
    else if (!slc_http_call_later(request))
        read_row(api, name, key, response);
}
