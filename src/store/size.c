#include "store/size.h"

#include <inttypes.h>

#include "store/exchange.h"
#include "store/layout.h"

enum { SAMPLES = 20 };

static bool append_usage(struct slc_redis *redis, struct slc_str key, struct slc_error *error)
{
    return slc_redis_append_call(redis, error, SLC_STR("MEMORY"), SLC_STR("USAGE"), key);
}

/* The sum of the integers that `n` commands are answered with; what is none, an
 * error reply too, counts as nothing. `*ret_n` gets how many there were. */
static bool read_sum(struct slc_redis *redis, int64_t n, int64_t *ret_sum, int64_t *ret_n,
                     struct slc_error *error)
{
    *ret_sum = *ret_n = 0;
    for (int64_t i = 0; i < n; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_redis_read(redis, &reply, error))
            return false;
        if (reply->type != SLC_REPLY_INTEGER)
            continue;
        *ret_sum += reply->integer;
        ++*ret_n;
    }
    return true;
}

/* How many keys prefix + number the rows are in; 0: in no such ones. */
static int64_t numbered_keys(const struct slc_layout_place *place)
{
    int64_t n = 0;

    if (slc_layout_int(place, "chunks", 0, INT64_MAX / SAMPLES, &n, NULL) ||
        slc_layout_int(place, "buckets", 0, INT64_MAX / SAMPLES, &n, NULL))
        return n;
    if (slc_str_is(slc_layout_text(place, "keys"), "ordinals") &&
        slc_layout_int(place, "rows", 0, INT64_MAX / SAMPLES, &n, NULL))
        return n;
    return 0;
}

static bool measure(struct slc_redis *redis, const struct slc_layout_place *place,
                    int64_t *ret_bytes, struct slc_error *error)
{
    int64_t n_keys = numbered_keys(place), n = n_keys < SAMPLES ? n_keys : SAMPLES, sum, found;
    SLC_AUTO_BUF struct slc_buf key = {0};
    bool good = true;

    *ret_bytes = -1;
    if (place->layout->staged) {
        n_keys = n = 1;
        good = append_usage(redis, place->name, error);
    }
    for (int64_t i = 0; good && !place->layout->staged && i < n; i++) {
        slc_buf_clear(&key);
        slc_buf_append_str(&key, place->prefix);
        slc_buf_printf(&key, "%" PRId64, i * (n_keys / n));
        good = !key.failed && append_usage(redis, slc_buf_view(&key), error);
    }
    if (!good)
        return slc_store_replies(redis, false, NULL, 0, error);
    if (!read_sum(redis, n, &sum, &found, error))
        return false;
    /* The number of keys is the document's word. */
    if (found > 0 && __builtin_mul_overflow(sum / found, n_keys, ret_bytes))
        *ret_bytes = -1;
    return true;
}

bool slc_store_size(struct slc_redis *redis, struct slc_str name, struct slc_str layout,
                    struct slc_store_size *ret, struct slc_error *error)
{
    SLC_AUTO_PLACE struct slc_layout_place place = {0};
    struct slc_store_size size = {.rows = -1, .memory_bytes = -1};

    if (slc_layout_read(name, layout, &place, NULL)) {
        if (!place.layout->count(redis, &place, &size.rows, error)) {
            /* A key of another kind, or a document that does not say. */
            if (!slc_redis_is_idle(redis))
                return false;
            size.rows = -1;
        }
        if (!measure(redis, &place, &size.memory_bytes, error))
            return false;
    }
    *ret = size;
    return true;
}
