/* JSON text (RFC 8259) as a tree of json-c's, where the shape is not known before or
 * the tree is kept. For documents of a known shape there is base/json_read.h. */
#ifndef SLC_BASE_JSON_TREE_H
#define SLC_BASE_JSON_TREE_H

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/str.h"

/* All of the text: an object or an array, in valid UTF-8, that nests at most `depth`
 * levels (its scalars are one, too), and nothing but white space behind it. NULL when it
 * is something else, or memory ran out. The caller bounds the length, and releases the
 * tree with json_object_put(). */
struct json_object *slc_json_tree(struct slc_str text, int depth);
struct json_object *slc_json_tree_object(struct slc_str text, int depth); /* no array */

/* The member's text, or a null string (data NULL) when there is none of that name or it
 * is no string. The tree's. */
struct slc_str slc_json_tree_text(struct json_object *object, const char *key);

static inline void slc_json_tree_put(struct json_object **tree)
{
    json_object_put(*tree);
}
#define SLC_AUTO_JSON SLC_CLEANUP(slc_json_tree_put)

#endif
