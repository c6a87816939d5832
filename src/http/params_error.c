#include "http/params_error.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

/* More than this is not sent back as "input". */
enum { INPUT_MAX_BYTES = 65536 };

static void lossy_string(struct slc_buf *out, struct slc_str text)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};
    size_t at = 0;

    while (at < text.len) {
        size_t valid = slc_utf8_valid_prefix(text.data + at, text.len - at);

        slc_buf_append(&clean, text.data + at, valid);
        at += valid;
        if (at < text.len) {
            slc_utf8_append(&clean, 0xfffd);
            at++;
        }
    }
    out->failed |= clean.failed;
    slc_json_string(out, slc_buf_view(&clean));
}

static void json_value(struct slc_buf *out, struct json_object *value)
{
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE);

    /* json-c writes NaN and infinities as such; no JSON has them. */
    if (json_object_is_type(value, json_type_double) && text && !strpbrk(text, "0123456789"))
        text = NULL;
    slc_buf_append_text(out, text ? text : "null");
}

static void write_input(struct slc_buf *out, const struct slc_params *params,
                        const struct slc_param_fault *fault)
{
    const struct slc_param *param = fault->param;

    if (param && param->json && params->body_len <= INPUT_MAX_BYTES)
        json_value(out, param->json);
    else if (param && !param->json && param->text.len <= INPUT_MAX_BYTES)
        lossy_string(out, param->text);
    else if (!param && fault->in_body && params->root && params->body_len <= INPUT_MAX_BYTES)
        json_value(out, params->root);
    else
        slc_buf_append_text(out, "null");
}

void slc_param_fault_add(struct slc_params *params, const struct slc_param_fault *fault)
{
    struct slc_buf *out = &params->errors;

    if (out->len)
        slc_buf_append_byte(out, ',');
    slc_buf_append_text(out, fault->in_body ? "{\"loc\":[\"body\"" : "{\"loc\":[\"query\"");
    if (fault->name) {
        slc_buf_append_byte(out, ',');
        lossy_string(out, slc_str_from(fault->name));
    }
    slc_buf_append_text(out, "],\"msg\":");
    lossy_string(out, slc_str_from(fault->message));
    slc_buf_append_text(out, ",\"type\":");
    lossy_string(out, slc_str_from(fault->type));
    slc_buf_append_text(out, ",\"input\":");
    write_input(out, params, fault);
    if (fault->context) {
        slc_buf_append_text(out, ",\"ctx\":");
        slc_buf_append_text(out, fault->context);
    }
    slc_buf_append_byte(out, '}');
}

bool slc_params_refused(const struct slc_params *params, struct slc_http_response *response)
{
    struct slc_buf *body;

    if (params->errors.len == 0 && !params->errors.failed)
        return false;
    body = slc_http_json(response, 422);
    slc_buf_append_text(body, "{\"detail\":[");
    slc_buf_append_str(body, slc_buf_view(&params->errors));
    slc_buf_append_text(body, "]}");
    body->failed |= params->errors.failed;
    return true;
}
