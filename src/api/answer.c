/* Errors as answers, and the JSON that several handlers write. */
#include "api/internal.h"
#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/store.h"

unsigned slc_api_status_of(const struct slc_error *error)
{
    switch (error->code) {
    case SLC_ERR_NOT_FOUND:
    case SLC_ERR_NAME:
        return 404;
    case SLC_ERR_CONFLICT:
        return 409;
    case SLC_ERR_CONNECTION:
    case SLC_ERR_TIMEOUT:
    case SLC_ERR_SERVER:
    case SLC_ERR_VERIFY:
    case SLC_ERR_AUTH:
    case SLC_ERR_CANCELLED:
    case SLC_ERR_LIMIT:
    case SLC_ERR_IO: /* of the stream directory, which may be a mount that comes back */
        return 503;
    default:
        return 500;
    }
}

void slc_api_fail(struct slc_http_response *response, const struct slc_error *error)
{
    unsigned status = slc_api_status_of(error);

    slc_http_detail(response, status, error->message);
    if (status == 503)
        slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
}

void slc_api_json_text(struct slc_buf *json, struct slc_str text)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};

    if (slc_utf8_is_valid(text)) {
        slc_json_string(json, text);
        return;
    }
    while (text.len > 0) {
        size_t good = slc_utf8_valid_prefix(text.data, text.len);

        slc_buf_append(&clean, text.data, good);
        if (good < text.len) {
            slc_utf8_append(&clean, 0xfffd);
            good++;
        }
        text.data += good;
        text.len -= good;
    }
    json->failed |= clean.failed;
    slc_json_string(json, slc_buf_view(&clean));
}

void slc_api_json_error(struct slc_buf *json, const struct slc_error *error)
{
    if (!error) {
        slc_buf_append_text(json, "null");
        return;
    }
    slc_buf_append_byte(json, '{');
    slc_json_member_text(json, "code", slc_error_code_name(error->code));
    slc_json_key(json, "message");
    slc_api_json_text(json, slc_str_from(error->message));
    slc_json_key(json, "row");
    if (error->row > 0)
        slc_json_int64(json, error->row);
    else
        slc_buf_append_text(json, "null");
    slc_json_key(json, "column");
    if (error->column[0])
        slc_api_json_text(json, slc_str_from(error->column));
    else
        slc_buf_append_text(json, "null");
    slc_buf_append_byte(json, '}');
}

void slc_api_json_time(struct slc_buf *json, int64_t usec)
{
    char text[SLC_DATETIME_TEXT_BYTES + 1];

    if (usec == 0) {
        slc_buf_append_text(json, "null");
        return;
    }
    slc_buf_append_byte(json, '"');
    slc_buf_append(json, text, (size_t)(slc_write_datetime(text, usec) - text));
    slc_buf_append_text(json, "Z\"");
}

void slc_api_redis_failed(struct slc_api *api)
{
    slc_counters_add(api->options.counters, SLC_METRIC_REDIS_ERRORS, 1);
}

struct slc_redis *slc_api_redis(struct slc_api *api, struct slc_http_response *response)
{
    struct slc_error error = {0};
    struct slc_redis *redis = slc_redis_pool_take(api->options.pool, &error);

    if (!redis) {
        slc_api_redis_failed(api);
        slc_api_fail(response, &error);
    }
    return redis;
}

struct slc_redis *slc_api_redis_reader(struct slc_api *api, struct slc_http_response *response)
{
    struct slc_error error = {0};
    struct slc_redis *redis = slc_redis_pool_take_reader(api->options.pool, &error);

    if (!redis) {
        slc_api_redis_failed(api);
        slc_api_fail(response, &error);
    }
    return redis;
}

struct slc_params *slc_api_params(struct slc_http_request *request,
                                  struct slc_http_response *response)
{
    struct slc_params *params = slc_http_request_params(request);

    if (!params)
        slc_http_detail(response, 500, "Out of memory");
    return params;
}

bool slc_api_check_replica(struct slc_api *api, struct slc_str name,
                           struct slc_http_response *response)
{
    struct slc_error error = {0};

    if (slc_store_check_name(name, slc_inbox_registry_key(api->options.inbox), &error))
        return true;
    slc_http_detail(response, 404, "There is no replica of that name");
    return false;
}
