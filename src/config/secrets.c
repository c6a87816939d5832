/* References to secrets in values: ${wallet:NAME}. */
#include "config/internal.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

static const char opening[] = "${";
static const char reference[] = "${wallet:";

enum { OPENING = sizeof(opening) - 1, REFERENCE = sizeof(reference) - 1 };

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the configuration");
}

static bool has_opening(struct slc_str text)
{
    return text.len >= OPENING && memmem(text.data, text.len, opening, OPENING);
}

bool slc_input_has_reference(const struct slc_input *input)
{
    if (!input->is_list)
        return has_opening(input->text);
    for (size_t i = 0; i < input->count; i++)
        if (has_opening(input->items[i]))
            return true;
    return false;
}

/* ---- Keeping ---------------------------------------------------------- */

static bool is_acceptable(struct slc_str text)
{
    return text.len <= SLC_CONFIG_VALUE_BYTES && slc_utf8_is_valid(text) &&
           !memchr(text.data, '\0', text.len);
}

static bool keep_items(const struct slc_option *option, struct slc_str key,
                       const struct slc_input *input, struct slc_value *value,
                       struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf shown = {0};

    if (option->kind != SLC_OPTION_LIST)
        return slc_fail(error, SLC_ERR_CONFIG, "%.*s takes one value, not a list",
                        SLC_STR_ARG(key));
    value->items = calloc(input->count + 1, sizeof(*value->items));
    if (!value->items)
        return no_memory(error);
    slc_buf_append_byte(&shown, '[');
    for (size_t i = 0; i < input->count; i++) {
        if (!is_acceptable(input->items[i]))
            return slc_fail(error, SLC_ERR_CONFIG, "%.*s: an item is too long or no text",
                            SLC_STR_ARG(key));
        value->items[i] = slc_str_dup(input->items[i]);
        if (!value->items[i])
            return no_memory(error);
        value->item_count++;
        slc_buf_append_text(&shown, i ? "," : "");
        slc_json_string(&shown, input->items[i]);
    }
    slc_buf_append_byte(&shown, ']');
    value->text = slc_buf_steal(&shown, NULL);
    return value->text || no_memory(error);
}

bool slc_value_keep(const struct slc_option *option, struct slc_str key,
                    const struct slc_input *input, struct slc_value *ret_value,
                    struct slc_error *error)
{
    struct slc_value value = {0};
    bool good;

    if (option->flags & SLC_OPTION_PLAIN)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "%.*s: \"${\" cannot be used here, because this option is needed to find "
                        "the wallet",
                        SLC_STR_ARG(key));
    if (input->is_list) {
        good = keep_items(option, key, input, &value, error);
    } else if (!is_acceptable(input->text)) {
        good = slc_fail(error, SLC_ERR_CONFIG, "%.*s: the value is too long or no text",
                        SLC_STR_ARG(key));
    } else {
        value.text = slc_str_dup(input->text);
        good = value.text || no_memory(error);
    }
    if (good)
        *ret_value = value;
    else
        slc_value_release(&value);
    return good;
}

/* ---- Putting in ------------------------------------------------------- */

struct putting {
    const struct slc_option *option;
    struct slc_str key;
    const struct slc_config_secrets *secrets;
    bool secret; /* one was put in */
    struct slc_error *error;
};

static void release_secret(struct slc_buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->capacity);
    slc_buf_release(buf);
}
#define AUTO_SECRET_BUF SLC_CLEANUP(release_secret)

/* Nothing of it is left behind in memory by growing. */
static bool reserve(struct slc_buf *buf, struct slc_error *error)
{
    return slc_buf_reserve(buf, 4 * (size_t)SLC_CONFIG_VALUE_BYTES) != NULL || no_memory(error);
}

static bool put_one(struct putting *putting, struct slc_str name, bool is_whole,
                    struct slc_buf *out)
{
    AUTO_SECRET_BUF struct slc_buf value = {0};
    struct slc_error why = {0};

    if (!putting->secrets)
        return slc_fail(putting->error, SLC_ERR_CONFIG, "%.*s: there is no wallet here",
                        SLC_STR_ARG(putting->key));
    if (!reserve(&value, putting->error))
        return false;
    if (!putting->secrets->look_up(putting->secrets->state, name, &value, &why))
        return slc_fail(putting->error,
                        why.code == SLC_ERR_MEMORY ? SLC_ERR_MEMORY : SLC_ERR_CONFIG,
                        "%.*s: %s%s%s", SLC_STR_ARG(putting->key), why.file, *why.file ? ": " : "",
                        why.message);
    putting->secret = true;
    if ((putting->option->flags & SLC_OPTION_URL) && !is_whole)
        slc_buf_append_percent(out, slc_buf_view(&value));
    else
        slc_buf_append_str(out, slc_buf_view(&value));
    if (out->len > SLC_CONFIG_VALUE_BYTES)
        return slc_fail(putting->error, SLC_ERR_CONFIG, "%.*s: the value becomes too long",
                        SLC_STR_ARG(putting->key));
    return true;
}

/* One text with all of its references and escapes. */
static bool put_all(struct putting *putting, struct slc_str text, struct slc_buf *out)
{
    size_t at = 0;

    while (at < text.len) {
        const char *from = text.data + at, *end;
        const char *found = memmem(from, text.len - at, opening, OPENING);
        struct slc_str name;

        if (!found) {
            slc_buf_append(out, from, text.len - at);
            return true;
        }
        if (found > from && found[-1] == '$') {
            slc_buf_append(out, from, (size_t)(found - 1 - from));
            slc_buf_append(out, opening, OPENING);
            at = (size_t)(found - text.data) + OPENING;
            continue;
        }
        slc_buf_append(out, from, (size_t)(found - from));
        at = (size_t)(found - text.data);
        end = memchr(found, '}', text.len - at);
        if (text.len - at < REFERENCE || memcmp(found, reference, REFERENCE) != 0 || !end)
            return slc_fail(putting->error, SLC_ERR_CONFIG,
                            "%.*s: \"${\" begins a reference, and ${wallet:NAME} is the only one "
                            "known; write $${ where ${ itself is meant",
                            SLC_STR_ARG(putting->key));
        name =
            (struct slc_str){.data = found + REFERENCE, .len = (size_t)(end - found) - REFERENCE};
        if (!put_one(putting, name, at == 0 && end + 1 == text.data + text.len, out))
            return false;
        at = (size_t)(end + 1 - text.data);
    }
    return true;
}

static bool put_items(struct putting *putting, const struct slc_option *option,
                      const struct slc_value *kept, struct slc_value *ret_value)
{
    struct slc_str *items = calloc(kept->item_count + 1, sizeof(*items));
    bool good = items || no_memory(putting->error);

    for (size_t i = 0; good && i < kept->item_count; i++) {
        AUTO_SECRET_BUF struct slc_buf item = {0};

        good =
            reserve(&item, putting->error) && put_all(putting, slc_str_from(kept->items[i]), &item);
        if (good) {
            items[i].data = slc_str_dup(slc_buf_view(&item));
            items[i].len = item.len;
            good = items[i].data || no_memory(putting->error);
        }
    }
    good = good && slc_value_parse_items(option, putting->key, items, kept->item_count, ret_value,
                                         putting->error);
    for (size_t i = 0; items && i < kept->item_count; i++) {
        if (items[i].data)
            explicit_bzero((char *)items[i].data, items[i].len);
        free((char *)items[i].data);
    }
    free(items);
    return good;
}

bool slc_value_put_secrets(const struct slc_option *option, struct slc_str key,
                           const struct slc_value *kept, const struct slc_config_secrets *secrets,
                           struct slc_value *ret_value, bool *ret_secret, struct slc_error *error)
{
    /* What is wrong with it is said without it. */
    struct slc_option quiet = *option;
    struct putting putting = {.option = option, .key = key, .secrets = secrets, .error = error};
    AUTO_SECRET_BUF struct slc_buf out = {0};

    quiet.flags |= SLC_OPTION_SECRET;
    if (kept->items) {
        if (!put_items(&putting, &quiet, kept, ret_value))
            return false;
    } else if (!reserve(&out, error) || !put_all(&putting, slc_str_from(kept->text), &out) ||
               !slc_value_parse(&quiet, key, slc_buf_view(&out), ret_value, error)) {
        return false;
    }
    *ret_secret = putting.secret;
    return true;
}
