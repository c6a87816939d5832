/* `packed` read: which bucket a row is in, and what is in the buckets; and their removal. */
#include <string.h>
#include <zlib.h>

#include "base/num.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/packed.h"

enum { KEYS_AT_ONCE = 256 };

const char *const slc_packed_rule_names[] = {[SLC_PACKED_BY_ORDINAL] = "ordinal",
                                             [SLC_PACKED_BY_INTEGER] = "integer",
                                             [SLC_PACKED_BY_CRC32] = "crc32"};

/* ---- What LAYOUT says ---- */

struct places {
    struct slc_str prefix;
    int64_t n_buckets;
    enum slc_packed_rule rule;
    int64_t first_key; /* by integer; by ordinal 0 */
    int64_t per_bucket;
};

static bool find_rule(struct slc_str name, enum slc_packed_rule *ret_rule)
{
    for (size_t i = 0; i < sizeof(slc_packed_rule_names) / sizeof(slc_packed_rule_names[0]); i++)
        if (slc_str_is(name, slc_packed_rule_names[i])) {
            *ret_rule = (enum slc_packed_rule)i;
            return true;
        }
    return false;
}

static bool read_places(const struct slc_layout_place *place, struct places *ret,
                        struct slc_error *error)
{
    *ret = (struct places){.prefix = place->prefix};
    if (place->prefix.len == 0 || !find_rule(slc_layout_text(place, "bucket"), &ret->rule))
        return slc_fail(error, SLC_ERR_SERVER,
                        "the buckets of the replica \"%.*s\" cannot be found in a way that this "
                        "version of sluice knows",
                        place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
    return slc_layout_int(place, "buckets", 1, INT64_MAX / 1024, &ret->n_buckets, error) &&
           slc_layout_int(place, "rows_per_bucket", 1, 1 << 20, &ret->per_bucket, error) &&
           (ret->rule != SLC_PACKED_BY_INTEGER ||
            slc_layout_int(place, "first", INT64_MIN, INT64_MAX, &ret->first_key, error));
}

int64_t slc_packed_bucket(struct slc_str key, int64_t n_buckets)
{
    uLong crc = crc32_z(0, (const unsigned char *)(key.data ? key.data : ""), key.len);

    return (int64_t)((uint64_t)crc % (uint64_t)n_buckets);
}

/* -1: no row can have this key. */
static int64_t bucket_of(const struct places *places, struct slc_str key)
{
    uint64_t bucket;
    int64_t number;

    if (places->rule == SLC_PACKED_BY_CRC32)
        return slc_packed_bucket(key, places->n_buckets);
    if (!slc_parse_int64(key.data, key.len, &number) || number < places->first_key)
        return -1;
    bucket = ((uint64_t)number - (uint64_t)places->first_key) / (uint64_t)places->per_bucket;
    return bucket < (uint64_t)places->n_buckets ? (int64_t)bucket : -1;
}

/* ---- Removing ---- */

static bool append_unlink(struct slc_redis *redis, struct slc_buf *key, struct slc_error *error)
{
    return (!key->failed ||
            slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were removed")) &&
           slc_redis_append_call(redis, error, SLC_STR("UNLINK"), slc_buf_view(key));
}

/* A key a command: a slot of a cluster that is being moved has some of the keys
 * here and some there, and refuses a command that names both. */
bool slc_packed_remove(struct slc_redis *redis, const struct slc_layout_place *place,
                       int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = true;
    int64_t end;

    *ret_done = true;
    if (!read_places(place, &places, NULL))
        return true; /* not ours to understand */
    if (*cursor == 0) {
        slc_buf_append_str(&key, places.prefix);
        slc_buf_append_text(&key, "probe");
        good = append_unlink(redis, &key, error);
    }
    end = places.n_buckets - *cursor > KEYS_AT_ONCE ? *cursor + KEYS_AT_ONCE : places.n_buckets;
    for (; good && *cursor < end; ++*cursor) {
        slc_buf_clear(&key);
        slc_bucket_key(places.prefix, *cursor, &key);
        good = append_unlink(redis, &key, error);
    }
    *ret_done = end == places.n_buckets;
    return slc_store_replies(redis, good, NULL, 0, error);
}

/* ---- Reading ---- */

bool slc_packed_count(struct slc_redis *redis, const struct slc_layout_place *place,
                      int64_t *ret_rows, struct slc_error *error)
{
    struct places places;

    (void)redis;
    return read_places(place, &places, error) &&
           slc_layout_int(place, "rows", 0, INT64_MAX, ret_rows, error);
}

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

static bool append_with_key(struct slc_redis *redis, const struct places *places, int64_t bucket,
                            struct slc_buf *key, struct slc_error *error)
{
    (void)redis;
    slc_buf_clear(key);
    slc_bucket_key(places->prefix, bucket, key);
    return !key->failed || slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read");
}

/* What was asked for is read in any case, so that it can be asked why a row was
 * not there; the first error is the one told. */
static bool read_rest(struct slc_redis *redis, bool good)
{
    if (slc_redis_outstanding(redis) > 0)
        (void)slc_store_replies(redis, true, NULL, 0, NULL);
    return good;
}

bool slc_packed_fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                      const struct slc_str keys[], size_t n_keys, slc_layout_put *put,
                      void *context, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = read_places(place, &places, error);

    for (size_t i = 0; good && i < n_keys; i++) {
        int64_t bucket = bucket_of(&places, keys[i]);

        /* A key that is in no bucket is asked for in the first: it is not there. */
        good = append_with_key(redis, &places, bucket < 0 ? 0 : bucket, &key, error) &&
               slc_redis_append_call(redis, error, SLC_STR("HGET"), slc_buf_view(&key), keys[i]);
    }
    if (!good)
        return slc_store_replies(redis, false, NULL, 0, error);
    for (size_t i = 0; good && i < n_keys; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error) &&
               put(context, keys[i], text_of(reply));
    }
    return read_rest(redis, good);
}

bool slc_packed_scan(struct slc_redis *redis, const struct slc_layout_place *place,
                     uint64_t *cursor, int64_t most, slc_layout_put *put, void *context,
                     struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = read_places(place, &places, error);
    int64_t from, to;

    if (!good)
        return false;
    from = *cursor < (uint64_t)places.n_buckets ? (int64_t)*cursor : places.n_buckets;
    to = from + 1 + (most > 0 ? most - 1 : 0) / places.per_bucket;
    if (to > places.n_buckets)
        to = places.n_buckets;
    for (int64_t bucket = from; good && bucket < to; bucket++)
        good = append_with_key(redis, &places, bucket, &key, error) &&
               slc_redis_append_call(redis, error, SLC_STR("HGETALL"), slc_buf_view(&key));
    if (!good)
        return slc_store_replies(redis, false, NULL, 0, error);
    for (int64_t bucket = from; good && bucket < to; bucket++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error);
        for (size_t i = 0; good && i + 1 < reply->count; i += 2)
            good = put(context, reply->items[i].text, text_of(&reply->items[i + 1]));
    }
    if (!read_rest(redis, good))
        return false;
    *cursor = to < places.n_buckets ? (uint64_t)to : 0;
    return true;
}
