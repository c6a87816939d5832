/* A worker that loads files, and watches the stream directory. */
#include "service/loading.h"
#include "service/role.h"

bool slc_role_load(struct slc_role_process *process, struct slc_error *error)
{
    const struct slc_role_context *context = process->context;
    /* For the watch loop; the loads have connections of their own. */
    struct slc_redis_pool *pool = slc_redis_pool_new(
        context->redis_url, 2, slc_config_int(context->config, "redis.timeout_ms"), error);
    struct slc_inbox *inbox = pool ? slc_role_inbox(context, error) : NULL;
    struct slc_loading *loading = inbox ? slc_loading_start(process, pool, inbox, error) : NULL;

    if (loading)
        slc_loading_stop(loading, slc_role_wait(process));
    slc_inbox_free(inbox);
    slc_redis_pool_free(pool);
    return loading != NULL;
}
