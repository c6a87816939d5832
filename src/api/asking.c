/* The calls that come most often: their questions to Redis go together with those
 * of other calls, and no server thread waits. */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/hash.h"
#include "base/json.h"
#include "http/negotiate.h"
#include "store/ask.h"
#include "store/store.h"

/* A call that waits for its answer. */
struct asking {
    struct slc_api *api;
    struct slc_http_pending *pending;
    size_t name_len, key_len;
    char text[]; /* the replica's name and the row's key, a NUL behind each */
};

static struct slc_str name_of(const struct asking *asking)
{
    return (struct slc_str){.data = asking->text, .len = asking->name_len};
}

static struct slc_str key_of(const struct asking *asking)
{
    return (struct slc_str){.data = asking->text + asking->name_len + 1, .len = asking->key_len};
}

static void copy_text(char *to, struct slc_str text)
{
    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
}

/* Send the question off, or answer why not. */
static void ask(struct slc_api *api, struct slc_http_request *request,
                struct slc_http_response *response, struct slc_buf *commands, size_t count,
                struct slc_str name, struct slc_str key, slc_redis_line_answer *answer)
{
    struct asking *asking = malloc(sizeof(*asking) + name.len + key.len + 2);
    struct slc_error error;

    if (!asking) {
        slc_buf_release(commands);
        slc_http_detail(response, 500, "Out of memory");
        return;
    }
    asking->api = api;
    asking->name_len = name.len;
    asking->key_len = key.len;
    copy_text(asking->text, name);
    copy_text(asking->text + name.len + 1, key);
    asking->pending = slc_http_suspend(request);
    if (!slc_redis_line_ask(api->line, commands, count, answer, asking, &error)) {
        struct slc_http_response refused = {0};

        slc_api_fail(&refused, &error);
        slc_http_complete(asking->pending, &refused);
        free(asking);
    }
}

static void finish(struct asking *asking, struct slc_http_response *response)
{
    slc_http_complete(asking->pending, response);
    free(asking);
}

/* ---- The registered names ------------------------------------------------ */

static void answer_names(void *state, struct slc_reply *const replies[],
                         const struct slc_error *failure)
{
    SLC_AUTO_BUF struct slc_buf list = {0};
    struct asking *asking = state;
    struct slc_http_response response = {0};
    struct slc_error error;

    if (!replies) {
        slc_api_redis_failed(asking->api);
        slc_api_fail(&response, failure);
    } else if (!slc_ask_names_answer(replies, ", ", &list, &error)) {
        slc_api_fail(&response, &error);
    } else {
        struct slc_buf *json = slc_http_json(&response, 200);

        if (list.len == 0)
            slc_buf_append_text(&list, "EMPTY");
        slc_buf_append_text(json, "{\"LIST_OF_REGISTERED_REPLICS\":");
        slc_api_json_text(json, slc_buf_view(&list));
        slc_buf_append_byte(json, '}');
        json->failed |= list.failed;
    }
    finish(asking, &response);
}

void slc_api_get_registered_replics(struct slc_http_request *request,
                                    struct slc_http_response *response, void *context)
{
    struct slc_api *api = context;
    struct slc_buf commands = {0};

    slc_ask_names(&commands, slc_inbox_registry_key(api->options.inbox));
    ask(api, request, response, &commands, SLC_ASK_NAMES_COMMANDS, SLC_STR(""), SLC_STR(""),
        answer_names);
}

/* ---- One row ------------------------------------------------------------- */

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
    const struct asking *asking = task->asking;
    uint64_t bit;
    _Atomic uint64_t *word = word_of(api, name_of(asking), &bit);

    read_row(api, name_of(asking), key_of(asking), response);
    if (response->status == 200)
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
}

static void answer_row(void *state, struct slc_reply *const replies[],
                       const struct slc_error *failure)
{
    struct asking *asking = state;
    struct slc_http_response response = {0};
    struct slc_str load_id = {0};
    struct slc_buf *json;

    if (!replies) {
        slc_api_redis_failed(asking->api);
        slc_api_fail(&response, failure);
        finish(asking, &response);
        return;
    }
    json = slc_http_json(&response, 200);
    slc_buf_append_text(json, "{\"key\":");
    slc_api_json_text(json, key_of(asking));
    slc_buf_append_text(json, ",\"values\":");
    switch (slc_ask_row_answer(replies, json, &load_id)) {
    case SLC_ASK_ROW_FOUND:
        slc_buf_append_byte(json, '}');
        (void)slc_http_set_etag(&response, load_id);
        finish(asking, &response);
        break;
    case SLC_ASK_ROW_ABSENT:
        slc_http_detail(&response, 404, "The replica has no row of that key");
        finish(asking, &response);
        break;
    case SLC_ASK_ROW_UNKNOWN:
        slc_http_response_release(&response);
        slc_api_desk_later(asking->api, asking->pending,
                           &(struct slc_api_task){.run = run_row, .asking = asking});
        break;
    }
}

void slc_api_v1_row(struct slc_http_request *request, struct slc_http_response *response,
                    void *context)
{
    struct slc_api *api = context;
    struct slc_str name = slc_http_request_part(request, "name");
    struct slc_str key = slc_http_request_part(request, "key");
    struct slc_buf commands = {0};
    uint64_t bit;

    if (!slc_api_check_replica(api, name, response))
        return;
    if (atomic_load_explicit(word_of(api, name, &bit), memory_order_relaxed) & bit) {
        read_row(api, name, key, response);
        return;
    }
    slc_ask_row(&commands, name, key);
    ask(api, request, response, &commands, SLC_ASK_ROW_COMMANDS, name, key, answer_row);
}
