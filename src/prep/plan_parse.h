/* Reading the objects of a plan's document: members in any order, none twice,
 * none unknown, and errors that name the path. For plan_document.c alone. */
#ifndef SLC_PREP_PLAN_PARSE_H
#define SLC_PREP_PLAN_PARSE_H

#include "base/json_read.h"
#include "prep/plan_document.h"

/* A value that is no object or array. */
struct slc_plan_token {
    enum {
        SLC_TOKEN_NONE, /* the member is not there */
        SLC_TOKEN_TEXT,
        SLC_TOKEN_NUMBER,
        SLC_TOKEN_BOOL,
        SLC_TOKEN_NULL,
    } kind;
    struct slc_str text; /* of a text what it means, of a number its text */
    bool boolean;
};

struct slc_plan_parse {
    struct slc_json_reader json;
    struct slc_arena *arena;
    struct slc_error *error;
    int64_t column;      /* index of the one at hand; -1: outside */
    const char *section; /* "impute", "scale", "source"; "" none */
    struct slc_plan_document *document;
    int64_t capacity; /* of the plan's columns */
};

/* A member that an object may have: a single value, or something that `read`
 * takes. */
struct slc_plan_member {
    const char *key;
    bool (*read)(struct slc_plan_parse *p, void *context);
};

enum { SLC_PLAN_MAX_MEMBERS = 12 };

/* CONFIG: "columns[3].scale.center: what"; `key` may be "". Always false. */
bool slc_plan_refuse(const struct slc_plan_parse *p, const char *key, const char *what);

/* What the JSON reader found; always false. */
bool slc_plan_refuse_json(const struct slc_plan_parse *p);

bool slc_plan_read_token(struct slc_plan_parse *p, const char *key, struct slc_plan_token *token);

/* An object; `members` ends with a NULL key, `tokens` has one a member and is
 * zeroed. Bit i of `*ret_seen` is set when member i was there. */
bool slc_plan_read_object(struct slc_plan_parse *p, const struct slc_plan_member *members,
                          struct slc_plan_token *tokens, unsigned *ret_seen, void *context);

/* The token as what it has to be, or an error that names `key`. */
bool slc_plan_want_text(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token);
bool slc_plan_want_bool(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, bool *ret_value);
/* Finite. */
bool slc_plan_want_double(const struct slc_plan_parse *p, const char *key,
                          const struct slc_plan_token *token, double *ret_value);
/* The index of one of the names; `what` lists them for the error. */
bool slc_plan_want_name(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, const char *const *names, int n_names,
                        const char *what, int *ret_value);
bool slc_plan_want_type(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, enum slc_type *ret_type);

#endif
