#include "prep/plan_parse.h"

#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"

/* ---- Errors ---------------------------------------------------------------- */

/* "columns[3].scale.center"; always false. */
bool slc_plan_refuse(const struct slc_plan_parse *p, const char *key, const char *what)
{
    char column[48] = "";

    if (p->column >= 0)
        snprintf(column, sizeof(column), "columns[%lld]%s", (long long)p->column,
                 *key || *p->section ? "." : "");
    return slc_fail(p->error, SLC_ERR_CONFIG, "the plan is refused: %s%s%s%s: %s", column,
                    p->section, *p->section && *key ? "." : "", key, what);
}

/* What the JSON reader found; always false. */
bool slc_plan_refuse_json(const struct slc_plan_parse *p)
{
    const char *why = p->json.why ? p->json.why : "";

    if (strcmp(why, "memory ran out") == 0)
        return slc_fail(p->error, SLC_ERR_MEMORY, "memory ran out while a plan was read");
    return slc_fail(p->error, SLC_ERR_CONFIG,
                    "the plan is no JSON that can be read, at byte %lld: %s", (long long)p->json.at,
                    why);
}

/* ---- Objects ---------------------------------------------------------------- */

bool slc_plan_read_token(struct slc_plan_parse *p, const char *key, struct slc_plan_token *token)
{
    struct slc_json_reader *json = &p->json;
    bool good;

    switch (slc_json_read_peek(json)) {
    case '"':
        token->kind = SLC_TOKEN_TEXT;
        good = slc_json_read_string(json, p->arena, &token->text);
        break;
    case 't':
    case 'f':
        token->kind = SLC_TOKEN_BOOL;
        good = slc_json_read_bool(json, &token->boolean);
        break;
    case 'n':
        token->kind = SLC_TOKEN_NULL;
        good = slc_json_read_null(json);
        break;
    case '{':
    case '[':
        return slc_plan_refuse(p, key, "a single value is wanted here");
    default:
        token->kind = SLC_TOKEN_NUMBER;
        good = slc_json_read_number(json, &token->text);
        break;
    }
    return good || slc_plan_refuse_json(p);
}

static bool refuse_unknown(const struct slc_plan_parse *p, struct slc_str key)
{
    char shown[96];
    struct slc_str clipped = slc_utf8_clip(key, 80);

    snprintf(shown, sizeof(shown), "\"%.*s\"", SLC_STR_ARG(clipped));
    return slc_plan_refuse(p, shown, "no such member is known; was it written by a later sluice?");
}

static bool read_member(struct slc_plan_parse *p, const struct slc_plan_member *members,
                        struct slc_plan_token *tokens, unsigned *seen, void *context)
{
    struct slc_str key;
    int i = 0;

    if (!slc_json_read_key(&p->json, p->arena, &key))
        return slc_plan_refuse_json(p);
    while (i < SLC_PLAN_MAX_MEMBERS && members[i].key && !slc_str_is(key, members[i].key))
        i++;
    if (i == SLC_PLAN_MAX_MEMBERS || !members[i].key)
        return refuse_unknown(p, key);
    if (*seen & 1U << i)
        return slc_plan_refuse(p, members[i].key, "it is there twice");
    *seen |= 1U << i;
    return members[i].read ? members[i].read(p, context)
                           : slc_plan_read_token(p, members[i].key, &tokens[i]);
}

/* The object's members, in any order, none twice; `tokens` has one a member.
 * A member that is not there leaves SLC_TOKEN_NONE. */
bool slc_plan_read_object(struct slc_plan_parse *p, const struct slc_plan_member *members,
                          struct slc_plan_token *tokens, unsigned *ret_seen, void *context)
{
    int64_t n = 0;
    int more;

    *ret_seen = 0;
    if (!slc_json_read_enter(&p->json, '{'))
        return slc_plan_refuse_json(p);
    while ((more = slc_json_read_next(&p->json, '}', &n)) == 1)
        if (!read_member(p, members, tokens, ret_seen, context))
            return false;
    return more == 0 || slc_plan_refuse_json(p);
}

/* ---- Tokens ------------------------------------------------------------------- */

bool slc_plan_want_text(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token)
{
    if (token->kind == SLC_TOKEN_NONE)
        return slc_plan_refuse(p, key, "it is missing");
    return token->kind == SLC_TOKEN_TEXT || slc_plan_refuse(p, key, "a text is wanted here");
}

bool slc_plan_want_bool(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, bool *ret_value)
{
    if (token->kind == SLC_TOKEN_NONE)
        return slc_plan_refuse(p, key, "it is missing");
    if (token->kind != SLC_TOKEN_BOOL)
        return slc_plan_refuse(p, key, "true or false is wanted here");
    *ret_value = token->boolean;
    return true;
}

bool slc_plan_want_double(const struct slc_plan_parse *p, const char *key,
                          const struct slc_plan_token *token, double *ret_value)
{
    if (token->kind == SLC_TOKEN_NONE)
        return slc_plan_refuse(p, key, "it is missing");
    if (token->kind != SLC_TOKEN_NUMBER ||
        !slc_parse_double(token->text.data, token->text.len, ret_value) || !isfinite(*ret_value))
        return slc_plan_refuse(p, key, "a number within the range of a double is wanted here");
    return true;
}

/* One of the names; `what` lists them for the error. */
bool slc_plan_want_name(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, const char *const *names, int n_names,
                        const char *what, int *ret_value)
{
    if (!slc_plan_want_text(p, key, token))
        return false;
    for (int i = 0; i < n_names; i++)
        if (slc_str_is(token->text, names[i])) {
            *ret_value = i;
            return true;
        }
    return slc_plan_refuse(p, key, what);
}

bool slc_plan_want_type(const struct slc_plan_parse *p, const char *key,
                        const struct slc_plan_token *token, enum slc_type *ret_type)
{
    return slc_plan_want_text(p, key, token) && (slc_type_from_name(token->text, ret_type) ||
                                                 slc_plan_refuse(p, key, "no type has that name"));
}
