#include "cli/replica.h"

#include "base/num.h"
#include "cli/text.h"
#include "store/size.h"

bool slc_replica_facts(struct slc_redis *redis, struct slc_str name, const struct slc_meta *meta,
                       struct slc_replica_facts *ret_facts, struct slc_error *error)
{
    struct slc_store_size size;

    if (!slc_store_size(redis, name, slc_meta_get(meta, "LAYOUT"), &size, error))
        return false;
    *ret_facts = (struct slc_replica_facts){.rows = size.rows, .memory_bytes = size.memory_bytes};
    return true;
}

struct json_object *slc_meta_json(const struct slc_meta *meta, const char *field)
{
    return slc_json_tree(slc_meta_get(meta, field), SLC_META_DEPTH);
}

int64_t slc_meta_int(const struct slc_meta *meta, const char *field)
{
    struct slc_str text = slc_meta_get(meta, field);
    int64_t value = -1;

    return text.data && slc_parse_int64(text.data, text.len, &value) ? value : -1;
}

int64_t slc_meta_columns(const struct slc_meta *meta)
{
    SLC_AUTO_JSON struct json_object *shape = slc_meta_json(meta, "DF_SHAPE");

    if (!json_object_is_type(shape, json_type_array) || json_object_array_length(shape) != 2)
        return -1;
    return json_object_get_int64(json_object_array_get_idx(shape, 1));
}

void slc_text_stamp(struct slc_buf *buf, struct slc_str stamp)
{
    enum { DATE = 10, WHOLE = 19 };

    if (stamp.len == WHOLE && stamp.data[DATE] == ':') {
        slc_text_safe(buf, (struct slc_str){.data = stamp.data, .len = DATE});
        slc_buf_append_byte(buf, ' ');
        slc_text_safe(buf,
                      (struct slc_str){.data = stamp.data + DATE + 1, .len = WHOLE - DATE - 1});
    } else if (stamp.data) {
        slc_text_safe(buf, stamp);
    }
}

struct slc_str slc_json_text_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return SLC_STR("");
    return (struct slc_str){.data = json_object_get_string(value),
                            .len = (size_t)json_object_get_string_len(value)};
}
