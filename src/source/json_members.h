/* The members of one JSON object as pieces of its text.
 *
 * A ticket is rewritten by replacing the text of single values, so that
 * everything else (order, white space, how a number was written, keys nobody
 * here knows) stays byte for byte. This scanner says where the pieces are, and
 * checks on its way that the text is JSON by RFC 8259 to the letter, which
 * json-c alone does not. */
#ifndef SLC_SOURCE_JSON_MEMBERS_H
#define SLC_SOURCE_JSON_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* Offsets into the text; [start, end). The key's include its quotes. */
struct slc_json_member {
    size_t key_start, key_end;
    size_t value_start, value_end;
};

/* Zero-initialised is empty. */
struct slc_json_members {
    struct slc_json_member *items; /* owned; the outermost object's members in their order */
    size_t count;
    size_t capacity;
    size_t open;     /* offset of the outermost '{' */
    size_t all_keys; /* members of the object and of every object inside it */
};

enum { SLC_JSON_MEMBERS_MAX_DEPTH = 32 };

/* Scan one object with nothing but white space around it. The text has to be
 * valid UTF-8. False: `*ret_why` says what is wrong (a literal), `*ret_at` at
 * which offset; "no memory" when memory ran out. */
bool slc_json_members_scan(struct slc_json_members *members, struct slc_str text, size_t *ret_at,
                           const char **ret_why);

/* All of these take the text that was scanned. Keys are compared as what they
 * mean, so that "\u0073ize" is "size". */
bool slc_json_members_has(const struct slc_json_members *members, struct slc_str text,
                          struct slc_str key);

/* Append the text with the value of `key` replaced by `json` (JSON text), or
 * with a new member at the end, laid out as the one before it. `key` has to be
 * plain ASCII without quotes. */
void slc_json_members_set(const struct slc_json_members *members, struct slc_str text,
                          struct slc_str key, struct slc_str json, struct slc_buf *out);

/* Append the text without the member `key`. */
void slc_json_members_remove(const struct slc_json_members *members, struct slc_str text,
                             struct slc_str key, struct slc_buf *out);

void slc_json_members_release(struct slc_json_members *members);

#endif
