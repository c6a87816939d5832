/* Inside http: what is wrong with parameters, as JSON in FastAPI's shape. */
#ifndef SLC_HTTP_PARAMS_ERROR_H
#define SLC_HTTP_PARAMS_ERROR_H

#include <json.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "http/params.h"

struct slc_param {
    struct slc_str name;
    struct slc_str text;      /* as given in a query or form; unused when json is set */
    struct json_object *json; /* borrowed from the body's root; NULL in a query or form */
    bool in_body;
};

struct slc_params {
    struct slc_arena arena;
    struct slc_param *items; /* in the arena */
    size_t count, capacity;
    struct json_object *root; /* owned; the JSON body, NULL when it is none */
    size_t body_len;
    bool body_expected;
    bool body_unreadable;  /* nothing in it can be said to be missing */
    struct slc_buf errors; /* JSON objects with commas between */
};

/* One error; `param` NULL when nothing was given. `context` is JSON text of an
 * object or NULL. */
struct slc_param_fault {
    const char *name; /* NULL: about the whole query or body */
    const struct slc_param *param;
    bool in_body;
    const char *type;
    const char *message;
    const char *context;
};

void slc_param_fault_add(struct slc_params *params, const struct slc_param_fault *fault);

#endif
