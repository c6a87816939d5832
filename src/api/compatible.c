/* The endpoints of the old service, with its bodies. */
#include <string.h>

#include "api/internal.h"
#include "base/json.h"
#include "report/mail_address.h"
#include "store/store.h"

void slc_api_check_fingerprint(struct slc_http_request *request, struct slc_http_response *response,
                               void *context)
{
    static const char denied[] = "{\"auth_status\":\"denied\",\"isApprovedSession\":false}";
    struct slc_api *api = context;
    struct slc_params *params = slc_api_params(request, response);
    struct slc_session_caller caller = slc_session_caller_of(request);
    char cookie[SLC_SESSION_COOKIE_BYTES];
    struct slc_str key = {0};
    int64_t retry_after_sec = 1;

    if (!params)
        return;
    slc_params_text(params, "md5_key", SLC_PARAM_REQUIRED, 0, SLC_AUTH_SECRET_MAX_BYTES, &key);
    if (slc_params_refused(params, response)) {
        /* The answer repeats what was given; a key that is too long is still one. */
        if (slc_params_has(params, "md5_key"))
            slc_http_json_text(response, 401, denied);
        return;
    }
    switch (slc_session_approve(api->options.sessions, &caller, key, cookie, &retry_after_sec)) {
    case SLC_SESSION_APPROVED:
        slc_http_json_text(response, 200,
                           "{\"auth_status\":\"approved\",\"isApprovedSession\":true}");
        (void)slc_http_set_header(response, "set-cookie", slc_str_from(cookie));
        break;
    case SLC_SESSION_DENIED:
        slc_http_json_text(response, 401, denied);
        break;
    case SLC_SESSION_SLOWED:
        slc_http_json_text(response, 429, denied);
        slc_http_set_retry_after(response, retry_after_sec);
        break;
    case SLC_SESSION_UNAVAILABLE:
        slc_http_detail(response, 503, "Sessions cannot be kept at the moment");
        slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
        break;
    }
}

void slc_api_stop_calling_registry(struct slc_http_request *request,
                                   struct slc_http_response *response, void *context)
{
    struct slc_api *api = context;
    struct slc_session_caller caller = slc_session_caller_of(request);
    char cookie[SLC_SESSION_COOKIE_BYTES];
    struct slc_error error = {0};

    if (!slc_session_end(api->options.sessions, &caller, cookie, &error)) {
        slc_api_fail(response, &error);
        return;
    }
    slc_http_json_text(response, 200, "null");
    (void)slc_http_set_header(response, "set-cookie", slc_str_from(cookie));
}

/* ---- Registering --------------------------------------------------------- */

static void run_register(struct slc_api *api, struct slc_api_task *task,
                         struct slc_http_response *response)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_redis *redis = slc_api_redis(api, response);
    struct slc_error error = {0};

    (void)task;
    if (!redis)
        return;
    if (slc_inbox_scan(api->options.inbox, redis, &listing, &error) &&
        slc_inbox_register(api->options.inbox, redis, &listing, NULL, &error))
        slc_http_json_text(response, 200, "{\"registry\":\"success\"}");
    else
        slc_api_fail(response, &error);
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_register_replicas(struct slc_http_request *request, struct slc_http_response *response,
                               void *context)
{
    slc_api_desk(context, request, response, &(struct slc_api_task){.run = run_register});
}

static void run_unregister(struct slc_api *api, struct slc_api_task *task,
                           struct slc_http_response *response)
{
    struct slc_redis *redis = slc_api_redis(api, response);
    struct slc_error error = {0};

    (void)task;
    if (!redis)
        return;
    /* A load that ended afterwards would put its replica back. */
    if (slc_queue_hold(api->options.queue, &error)) {
        if (slc_inbox_unregister(api->options.inbox, redis, &error))
            slc_http_json_text(response, 200, "{\"unregistry\":\"success\"}");
        slc_queue_resume(api->options.queue);
    }
    if (error.code != SLC_ERR_NONE)
        slc_api_fail(response, &error);
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_unregister_replicas(struct slc_http_request *request,
                                 struct slc_http_response *response, void *context)
{
    slc_api_desk(context, request, response, &(struct slc_api_task){.run = run_unregister});
}

/* ---- Loading ------------------------------------------------------------- */

/* Addresses that may be written to; else the parameter is refused. */
static bool check_email(struct slc_api *api, struct slc_params *params, struct slc_str email)
{
    struct slc_mail_addresses addresses = {0};
    struct slc_error error = {0};

    if (api->options.mail.check ? api->options.mail.check(api->options.mail.state, email, &error)
                                : slc_mail_addresses_add(&addresses, email, &error))
        return true;
    slc_params_note(params, "email", "value_error", error.message);
    return false;
}

void slc_api_load_df2redis(struct slc_http_request *request, struct slc_http_response *response,
                           void *context)
{
    struct slc_params *params = slc_api_params(request, response);
    struct slc_api_task task = {.run = slc_api_run_load, .wait = true};
    struct slc_str email = {0};

    if (!params)
        return;
    if (slc_params_text(params, "email", SLC_PARAM_OPTIONAL, 0, SLC_API_EMAIL_MAX_CHARS, &email) &&
        email.len > 0)
        (void)check_email(context, params, email);
    slc_params_bool(params, "force_reload", SLC_PARAM_OPTIONAL, &task.force);
    if (slc_params_refused(params, response))
        return;
    if (email.len > 0 && !(task.recipients = slc_str_dup(email))) {
        slc_http_detail(response, 500, "Out of memory");
        return;
    }
    slc_api_desk(context, request, response, &task);
}

/* ---- Reading and clearing ------------------------------------------------ */

/* Registered and never loaded: a table without rows, not an unknown one. */
static bool is_registered(struct slc_api *api, struct slc_redis *redis, struct slc_str replica)
{
    struct slc_names names = {0};
    bool found = false;

    if (!slc_store_list(redis, slc_inbox_registry_key(api->options.inbox), &names, NULL))
        return false;
    for (int64_t i = 0; i < names.n_names && !found; i++)
        found = slc_str_is(replica, names.names[i]);
    slc_store_names_release(&names);
    return found;
}

void slc_api_get_top_n(struct slc_http_request *request, struct slc_http_response *response,
                       void *context)
{
    struct slc_api *api = context;
    struct slc_params *params = slc_api_params(request, response);
    struct slc_str replica = {0};
    int64_t n = SLC_API_TOP_DEFAULT, rows;
    struct slc_error error = {0};
    struct slc_redis *redis;

    if (!params)
        return;
    slc_params_text(params, "replica", SLC_PARAM_REQUIRED, 1, SLC_API_NAME_MAX_CHARS, &replica);
    slc_params_int(params, "topn", SLC_PARAM_OPTIONAL, 1, SLC_API_TOP_MAX, &n);
    if (slc_params_refused(params, response) || !slc_api_check_replica(api, replica, response))
        return;
    redis = slc_api_redis_reader(api, response);
    if (!redis)
        return;
    if (!slc_store_top(redis, replica, n, slc_http_json(response, 200), &rows, &error)) {
        if (error.code == SLC_ERR_NOT_FOUND && is_registered(api, redis, replica))
            slc_http_json_text(response, 200, "{}");
        else
            slc_api_fail(response, &error);
    }
    slc_redis_pool_give(api->options.pool, redis);
}

void slc_api_clear_redis_cache(struct slc_http_request *request, struct slc_http_response *response,
                               void *context)
{
    struct slc_api *api = context;
    struct slc_params *params = slc_api_params(request, response);
    struct slc_str replica = {0}, key = slc_inbox_registry_key(api->options.inbox);
    struct slc_error error = {0};
    struct slc_redis *redis;
    bool remove = false;

    if (!params)
        return;
    slc_params_text(params, "replica", SLC_PARAM_REQUIRED, 1, SLC_API_NAME_MAX_CHARS, &replica);
    slc_params_bool(params, "remove", SLC_PARAM_REQUIRED, &remove);
    if (slc_params_refused(params, response) || !slc_api_check_replica(api, replica, response))
        return;
    if (!remove) {
        slc_http_json_text(response, 200, "{\"clear_cache\":\"skipped\"}");
        return;
    }
    redis = slc_api_redis(api, response);
    if (!redis)
        return;
    if (slc_store_drop(redis, key, replica, SLC_DROP_ROWS, &error))
        slc_http_json_text(response, 200, "{\"clear_cache\":\"success\"}");
    else
        slc_api_fail(response, &error);
    slc_redis_pool_give(api->options.pool, redis);
}
