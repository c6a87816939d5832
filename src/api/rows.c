/* v1: a replica's rows, page by page. */
#include "api/internal.h"
#include "base/json.h"
#include "store/rows.h"

/* Where the next page is (RFC 8288). */
static void set_link(struct slc_http_response *response, struct slc_str name, int64_t limit,
                     const char *next)
{
    SLC_AUTO_BUF struct slc_buf link = {0};

    slc_buf_append_text(&link, "</v1/replicas/");
    slc_buf_append_percent(&link, name);
    slc_buf_printf(&link, "/rows?limit=%lld&cursor=%s>; rel=\"next\"", (long long)limit, next);
    if (!link.failed)
        (void)slc_http_set_header(response, "link", slc_buf_view(&link));
}

static void fail(struct slc_params *params, struct slc_str cursor, const struct slc_error *error,
                 struct slc_http_response *response)
{
    if (error->code == SLC_ERR_CONFLICT && cursor.len > 0) {
        slc_http_detail(
            response, 410,
            "The replica was loaded anew or cleared since this cursor was made, or is on "
            "another Redis server now; begin again without a cursor");
    } else if (error->code == SLC_ERR_USAGE || error->code == SLC_ERR_LIMIT) {
        slc_params_note(params, error->code == SLC_ERR_USAGE ? "cursor" : "limit", "value_error",
                        error->message);
        (void)slc_params_refused(params, response);
    } else {
        slc_api_fail(response, error);
    }
}

/* A page whose cursor would be of one server's alone is read at the master: the next
 * one may be asked of another replica. `*redis` is changed for that, and NULL when
 * there is none (the response says so). */
static bool read_page(struct slc_api *api, struct slc_redis **redis, struct slc_str name,
                      struct slc_str cursor, int64_t limit, struct slc_http_response *response,
                      struct slc_buf *json, char next[SLC_ROWS_CURSOR_BYTES],
                      struct slc_error *error)
{
    size_t start = json->len;

    if (!slc_store_rows(*redis, name, cursor, limit, json, NULL, next, error))
        return false;
    if (slc_redis_reader_since(*redis) == 0 || !slc_rows_cursor_is_bound(slc_str_from(next)))
        return true;
    slc_redis_pool_give(api->options.pool, *redis);
    *redis = slc_api_redis(api, response);
    json->len = start;
    return *redis && slc_store_rows(*redis, name, cursor, limit, json, NULL, next, error);
}

static void answer_page(struct slc_api *api, struct slc_params *params, struct slc_str name,
                        struct slc_str cursor, int64_t limit, struct slc_http_response *response)
{
    struct slc_redis *redis = slc_rows_cursor_is_bound(cursor)
                                  ? slc_api_redis(api, response)
                                  : slc_api_redis_reader(api, response);
    char next[SLC_ROWS_CURSOR_BYTES];
    struct slc_error error = {0};
    struct slc_buf *json;

    if (!redis)
        return;
    json = slc_http_json(response, 200);
    slc_buf_append_text(json, "{\"rows\":");
    if (read_page(api, &redis, name, cursor, limit, response, json, next, &error)) {
        slc_json_key(json, "next_cursor");
        if (next[0])
            slc_json_text(json, next);
        else
            slc_buf_append_text(json, "null");
        slc_buf_append_byte(json, '}');
        slc_api_tag_by_content(response);
        if (next[0])
            set_link(response, name, limit, next);
    } else if (redis) {
        fail(params, cursor, &error, response);
    }
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_v1_rows(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    struct slc_api *api = context;
    struct slc_params *params = slc_api_params(request, response);
    struct slc_str name = slc_http_request_part(request, "name"), cursor = SLC_STR("");
    int64_t limit = SLC_API_PAGE_DEFAULT;

    if (!params)
        return;
    slc_params_int(params, "limit", SLC_PARAM_OPTIONAL, 1, SLC_API_PAGE_MAX, &limit);
    slc_params_text(params, "cursor", SLC_PARAM_OPTIONAL, 0, SLC_ROWS_CURSOR_BYTES, &cursor);
    if (slc_params_refused(params, response) || !slc_api_check_replica(api, name, response))
        return;
    answer_page(api, params, name, cursor, limit, response);
}
