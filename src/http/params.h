/* A request's parameters from the URL's query and from the body.
 *
 * Whatever the Content-Type says (curl -d says x-www-form-urlencoded for
 * everything), a body that starts with '{' is a JSON object, and any other is a
 * form: `a=1&b=2`, with or without a '?' before it, percent-encoded or not,
 * '+' for a space. Of equal names the last one counts, and the body counts
 * before the URL.
 *
 * The getters collect what is wrong in FastAPI's words (pydantic 2's messages
 * and types), so that a handler asks for all it needs and looks once:
 *
 *     struct slc_params *params = slc_http_request_params(request);
 *     struct slc_str replica = {0};
 *     int64_t topn = 10;
 *
 *     slc_params_text(params, "replica", SLC_PARAM_REQUIRED, 1, 255, &replica);
 *     slc_params_int(params, "topn", SLC_PARAM_OPTIONAL, 1, 100000, &topn);
 *     if (slc_params_refused(params, response))
 *         return;
 */
#ifndef SLC_HTTP_PARAMS_H
#define SLC_HTTP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "http/response.h"

struct slc_params;

enum slc_param_need { SLC_PARAM_OPTIONAL, SLC_PARAM_REQUIRED };

enum {
    SLC_PARAMS_MAX = 64,       /* names in one query, form or object */
    SLC_PARAMS_JSON_DEPTH = 8, /* nesting of a JSON body */
};

/* Read the query (without its '?') and the body. `body_expected` says where a
 * parameter that is nowhere is said to be missing: in the body (POST) or in the
 * query (GET). Never fails on what came from outside: what cannot be read is
 * an error that slc_params_refused() answers. NULL when memory ran out. The
 * views are not kept. */
struct slc_params *slc_params_new(struct slc_str query, struct slc_str body, bool body_expected);
void slc_params_free(struct slc_params *params);

/* True when a parameter of that name was given (a JSON null counts as not given). */
bool slc_params_has(const struct slc_params *params, const char *name);

/* Each getter returns true when `*ret_value` was set. An optional parameter
 * that was not given leaves `*ret_value` untouched and returns false without an
 * error; a wrong one, or a required one that is missing, is noted.
 *
 * Text: lengths in characters (code points), 0 and INT64_MAX for no bound;
 * valid UTF-8 without a NUL; a number in JSON is no text, as in pydantic. The view lives as
 * long as `params`. */
bool slc_params_text(struct slc_params *params, const char *name, enum slc_param_need need,
                     int64_t min_chars, int64_t max_chars, struct slc_str *ret_value);

/* A whole number within [min, max]; "10", " 10 ", "1_000", 10, 10.0. An empty
 * value in a query or form is no number. */
bool slc_params_int(struct slc_params *params, const char *name, enum slc_param_need need,
                    int64_t min, int64_t max, int64_t *ret_value);

/* 1 0 true false t f yes no y n on off, in any case; JSON true, false, 1, 0. */
bool slc_params_bool(struct slc_params *params, const char *name, enum slc_param_need need,
                     bool *ret_value);

/* Note an error of the caller's own about a parameter: `type` such as
 * "value_error", `message` such as "Value error, not an e-mail address". */
void slc_params_note(struct slc_params *params, const char *name, const char *type,
                     const char *message);

/* When anything was wrong: fill `response` with 422 and
 * {"detail":[{"loc":["body","topn"],"msg":"...","type":"...","input":...,"ctx":{...}}]}
 * and return true. */
bool slc_params_refused(const struct slc_params *params, struct slc_http_response *response);

#endif
