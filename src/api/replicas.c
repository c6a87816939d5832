/* v1: replicas, their metadata, profile and rows. */
#include "api/internal.h"
#include "base/json.h"
#include "http/negotiate.h"
#include "store/store.h"

/* The name in the path; false: the response is 404. */
static bool take_name(struct slc_api *api, struct slc_http_request *request,
                      struct slc_http_response *response, struct slc_str *ret_name)
{
    *ret_name = slc_http_request_part(request, "name");
    return slc_api_check_replica(api, *ret_name, response);
}

/* A field of the metadata, JSON as JSON; null when it is not there. */
static void write_field(struct slc_buf *json, const char *key, const char *field,
                        struct slc_str value)
{
    slc_json_key(json, key);
    if (slc_meta_is_json(field, value))
        slc_buf_append_str(json, value);
    else if (value.data)
        slc_api_json_text(json, value);
    else
        slc_buf_append_text(json, "null");
}

/* `meta` is empty for one that is registered and not loaded yet. */
static void write_replica(struct slc_buf *json, struct slc_str name, const struct slc_meta *meta,
                          bool is_loaded)
{
    struct slc_str shape = slc_meta_get(meta, "DF_SHAPE");

    if (!slc_meta_is_json("DF_SHAPE", shape))
        shape = (struct slc_str){0};
    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "name");
    slc_api_json_text(json, name);
    slc_json_member_bool(json, "loaded", is_loaded);
    write_field(json, "load_dttm", "LOAD_DTTM", slc_meta_get(meta, "LOAD_DTTM"));
    write_field(json, "load_id", "LOAD_ID", slc_meta_get(meta, "LOAD_ID"));
    write_field(json, "shape", "DF_SHAPE", shape);
    slc_buf_append_byte(json, '}');
}

/* False when Redis failed. */
static bool write_one_of_list(struct slc_redis *redis, struct slc_buf *json, struct slc_str name,
                              struct slc_error *error)
{
    static const char *const wanted[] = {"LOAD_DTTM", "LOAD_ID", "DF_SHAPE"};
    struct slc_meta meta = {0};
    struct slc_error why = {0};

    bool is_loaded = slc_store_meta(redis, name, wanted, 3, &meta, &why);

    if (!is_loaded && why.code != SLC_ERR_NOT_FOUND) {
        *error = why;
        return false;
    }
    write_replica(json, name, &meta, is_loaded);
    slc_meta_release(&meta);
    return true;
}

void slc_api_v1_replicas(struct slc_http_request *request, struct slc_http_response *response,
                         void *context)
{
    struct slc_api *api = context;
    struct slc_redis *redis = slc_api_redis_reader(api, response);
    struct slc_names names = {0};
    struct slc_error error = {0};
    struct slc_buf *json;
    bool good;

    (void)request;
    if (!redis)
        return;
    json = slc_http_json(response, 200);
    slc_buf_append_text(json, "{\"replicas\":[");
    good = slc_store_list(redis, slc_inbox_registry_key(api->options.inbox), &names, &error);
    for (int64_t i = 0; good && i < names.n_names; i++)
        good = write_one_of_list(redis, json, slc_str_from(names.names[i]), &error);
    slc_buf_append_text(json, "]}");
    if (good) /* of no one load */
        slc_api_tag_by_content(response);
    else
        slc_api_fail(response, &error);
    slc_store_names_release(&names);
    slc_redis_pool_give(api->options.pool, redis);
}

/* They have answers of their own, or are the store's. */
static bool is_left_out(const char *name)
{
    static const char *const fields[] = {"PROFILE", "PLAN", "KEY_ORDER"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (slc_str_is(slc_str_from(name), fields[i]))
            return true;
    return false;
}

/* The client says which load's answer it has: is that the load that stands? Then
 * the answer is 304, without reading what may be long. */
static bool client_has_it(struct slc_redis *redis, const struct slc_http_request *request,
                          struct slc_http_response *response, struct slc_str name)
{
    static const char *const wanted = "LOAD_ID";
    struct slc_meta meta = {0};
    bool has_it;

    if (!slc_http_request_header(request, "if-none-match").data ||
        !slc_store_meta(redis, name, &wanted, 1, &meta, NULL))
        return false;
    has_it = slc_http_not_modified(request, response, slc_meta_get(&meta, wanted));
    slc_meta_release(&meta);
    return has_it;
}

void slc_api_v1_replica(struct slc_http_request *request, struct slc_http_response *response,
                        void *context)
{
    struct slc_api *api = context;
    struct slc_meta meta = {0};
    struct slc_error error = {0};
    struct slc_redis *redis;
    struct slc_str name;
    struct slc_buf *json;

    if (!take_name(api, request, response, &name) || !(redis = slc_api_redis_reader(api, response)))
        return;
    if (client_has_it(redis, request, response, name)) {
        slc_redis_pool_give(api->options.pool, redis);
        return;
    }
    if (slc_store_meta(redis, name, NULL, 0, &meta, &error)) {
        json = slc_http_json(response, 200);
        (void)slc_http_set_etag(response, slc_meta_get(&meta, "LOAD_ID"));
        slc_buf_append_byte(json, '{');
        slc_json_key(json, "name");
        slc_api_json_text(json, name);
        slc_json_key(json, "meta");
        slc_buf_append_byte(json, '{');
        for (int64_t i = 0; i < meta.n_fields; i++) {
            if (!is_left_out(meta.fields[i].name))
                write_field(json, meta.fields[i].name, meta.fields[i].name, meta.fields[i].value);
        }
        slc_buf_append_text(json, "}}");
        slc_meta_release(&meta);
    } else {
        slc_api_fail(response, &error);
    }
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_v1_replica_delete(struct slc_http_request *request, struct slc_http_response *response,
                               void *context)
{
    struct slc_api *api = context;
    struct slc_error error = {0};
    struct slc_redis *redis;
    struct slc_str name;

    if (!take_name(api, request, response, &name) || !(redis = slc_api_redis(api, response)))
        return;
    if (slc_store_drop(redis, slc_inbox_registry_key(api->options.inbox), name, SLC_DROP_ALL,
                       &error))
        (void)slc_http_json(response, 204);
    else
        slc_api_fail(response, &error);
    slc_redis_pool_give(api->options.pool, redis);
}

/* Answer with a field of the metadata that is a JSON document. */
static void answer_document(struct slc_api *api, struct slc_http_request *request,
                            struct slc_http_response *response, const char *field)
{
    const char *const wanted[] = {"LOAD_ID", field};
    struct slc_meta meta = {0};
    struct slc_error error = {0};
    struct slc_redis *redis;
    struct slc_str name, document;

    if (!take_name(api, request, response, &name) || !(redis = slc_api_redis_reader(api, response)))
        return;
    if (client_has_it(redis, request, response, name)) {
        slc_redis_pool_give(api->options.pool, redis);
        return;
    }
    if (slc_store_meta(redis, name, wanted, 2, &meta, &error)) {
        document = slc_meta_get(&meta, field);
        if (slc_meta_is_json(field, document)) {
            slc_buf_append_str(slc_http_json(response, 200), document);
            (void)slc_http_set_etag(response, slc_meta_get(&meta, "LOAD_ID"));
        } else {
            slc_http_detail(response, 404, "The replica was loaded without it; load it again");
        }
        slc_meta_release(&meta);
    } else {
        slc_api_fail(response, &error);
    }
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_v1_profile(struct slc_http_request *request, struct slc_http_response *response,
                        void *context)
{
    answer_document(context, request, response, "PROFILE");
}

void slc_api_v1_plan(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    answer_document(context, request, response, "PLAN");
}
