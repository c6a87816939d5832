#include "base/json_tree.h"

static bool is_white(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(" \t\r\n", text.data[i], 4))
            return false;
    return true;
}

struct json_object *slc_json_tree(struct slc_str text, int depth)
{
    struct json_tokener *tokener;
    struct json_object *tree;
    size_t end;

    if (!text.data || text.len > INT32_MAX || !(tokener = json_tokener_new_ex(depth)))
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    tree = json_tokener_parse_ex(tokener, text.data, (int)text.len);
    end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if ((json_object_is_type(tree, json_type_object) ||
         json_object_is_type(tree, json_type_array)) &&
        is_white((struct slc_str){.data = text.data + end, .len = text.len - end}))
        return tree;
    json_object_put(tree);
    return NULL;
}

struct json_object *slc_json_tree_object(struct slc_str text, int depth)
{
    struct json_object *tree = slc_json_tree(text, depth);

    if (json_object_is_type(tree, json_type_object))
        return tree;
    json_object_put(tree);
    return NULL;
}

struct slc_str slc_json_tree_text(struct json_object *object, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return (struct slc_str){0};
    return (struct slc_str){.data = json_object_get_string(value),
                            .len = (size_t)json_object_get_string_len(value)};
}
