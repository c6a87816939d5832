#include "source/ticket.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "base/time.h"
#include "base/utf8.h"
#include "source/json_members.h"
#include "source/names.h"

struct slc_ticket {
    char *name;                      /* owned; for messages */
    struct slc_buf text;             /* the ticket as it will be written */
    struct slc_json_members members; /* offsets into the text */
    struct json_object *root;        /* owned; the text parsed */
    bool loose;
    /* Views into root; the digest in lower case below. */
    struct slc_str file_name, load_dttm, prim_index, sheet;
    int64_t load_usec;
    int64_t size_bytes;
    enum slc_ticket_status status;
    struct json_object *options; /* borrowed from root */
    struct json_object *error;   /* borrowed from root */
    char sha256[65];
};

static const char *const status_names[] = {
    [SLC_TICKET_READY] = "READY",
    [SLC_TICKET_REGISTERED] = "REGISTERED",
    [SLC_TICKET_PROCESSED] = "PROCESSED",
    [SLC_TICKET_FAILED] = "FAILED",
};

enum { STATUS_COUNT = sizeof(status_names) / sizeof(status_names[0]) };

const char *slc_ticket_status_name(enum slc_ticket_status status)
{
    return (size_t)status < STATUS_COUNT ? status_names[status] : "READY";
}

bool slc_ticket_status_from_name(struct slc_str name, enum slc_ticket_status *ret_status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (slc_str_is(name, status_names[i])) {
            *ret_status = (enum slc_ticket_status)i;
            return true;
        }
    return false;
}

bool slc_ticket_next_status(enum slc_ticket_status from, enum slc_ticket_event event, bool force,
                            enum slc_ticket_status *ret_to)
{
    switch (event) {
    case SLC_TICKET_REGISTER:
        if (from != SLC_TICKET_READY)
            return false;
        *ret_to = SLC_TICKET_REGISTERED;
        return true;
    case SLC_TICKET_UNREGISTER:
        if (from == SLC_TICKET_READY)
            return false;
        *ret_to = SLC_TICKET_READY;
        return true;
    case SLC_TICKET_LOAD:
        if (from != SLC_TICKET_REGISTERED && !force)
            return false;
        *ret_to = from;
        return true;
    case SLC_TICKET_LOADED:
        *ret_to = SLC_TICKET_PROCESSED;
        return true;
    case SLC_TICKET_FAIL:
        *ret_to = SLC_TICKET_FAILED;
        return true;
    }
    return false;
}

bool slc_ticket_parse_stamp(struct slc_str stamp, int64_t *ret_usec)
{
    char text[64];
    int32_t days;

    if (slc_parse_date(stamp.data, stamp.len, &days)) {
        *ret_usec = (int64_t)days * SLC_USEC_PER_DAY;
        return true;
    }
    if (stamp.len < 11 || stamp.len >= sizeof(text))
        return false;
    memcpy(text, stamp.data, stamp.len);
    if (text[10] == ':')
        text[10] = 'T';
    return slc_parse_datetime(text, stamp.len, ret_usec);
}

/* ---- parsing ---- */

static struct slc_str view(struct json_object *text)
{
    return (struct slc_str){.data = json_object_get_string(text),
                            .len = (size_t)json_object_get_string_len(text)};
}

static bool fail_key(const struct slc_ticket *t, const char *key, const char *advice,
                     struct slc_error *error)
{
    slc_fail(error, SLC_ERR_TICKET, "the key \"%s\" of the ticket %s %s", key, t->name, advice);
    slc_error_locate(error, t->name, 0, (struct slc_str){0});
    return false;
}

/* The value of a key, NULL when it is not there or null. */
static struct json_object *find(const struct slc_ticket *t, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(t->root, key, &value) ? value : NULL;
}

static bool read_text(struct slc_ticket *t, const char *key, bool required, struct slc_str *to,
                      struct slc_error *error)
{
    struct json_object *value = find(t, key);

    *to = (struct slc_str){.data = "", .len = 0};
    if (!value)
        return !required || fail_key(t, key, "is missing; add it, as a text", error);
    if (!json_object_is_type(value, json_type_string))
        return fail_key(t, key, "has to be a text in double quotes; correct it", error);
    *to = view(value);
    return true;
}

static bool read_status(struct slc_ticket *t, struct slc_error *error)
{
    struct slc_str text;
    char quoted[SLC_NAME_QUOTE_BYTES];

    t->status = SLC_TICKET_READY;
    if (!read_text(t, "status", true, &text, error))
        return false;
    if (slc_ticket_status_from_name(text, &t->status))
        return true;
    slc_fail(error, SLC_ERR_TICKET,
             "the key \"status\" of the ticket %s is \"%s\"; it has to be READY, REGISTERED, "
             "PROCESSED or FAILED",
             t->name, slc_name_quote(text, quoted));
    slc_error_locate(error, t->name, 0, (struct slc_str){0});
    return false;
}

static bool read_load_dttm(struct slc_ticket *t, struct slc_error *error)
{
    struct json_object *value;

    t->load_usec = INT64_MIN;
    /* Null is one way of saying "never loaded"; a forgotten key is a mistake. */
    if (json_object_object_get_ex(t->root, "load_dttm", &value) && !value) {
        t->load_dttm = (struct slc_str){.data = "", .len = 0};
        return true;
    }
    if (!read_text(t, "load_dttm", true, &t->load_dttm, error))
        return false;
    if (t->load_dttm.len == 0 || slc_ticket_parse_stamp(t->load_dttm, &t->load_usec))
        return true;
    return fail_key(t, "load_dttm", "is no time; write it as \"2022-02-20:18:18:32\"", error);
}

static bool read_size(struct slc_ticket *t, struct slc_error *error)
{
    struct json_object *value = find(t, "size");

    t->size_bytes = -1;
    if (!value)
        return true;
    /* json-c holds what is beyond int64 as its largest value. */
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
        json_object_get_int64(value) == INT64_MAX)
        return fail_key(t, "size", "has to be the data file's size in bytes, as a whole number",
                        error);
    t->size_bytes = json_object_get_int64(value);
    return true;
}

static bool read_sha256(struct slc_ticket *t, struct slc_error *error)
{
    struct slc_str text;

    t->sha256[0] = '\0';
    if (!read_text(t, "sha256", false, &text, error))
        return false;
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len && text.len == 64; i++) {
        char c = slc_ascii_lower(text.data[i]);

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            break;
        t->sha256[i] = c;
        t->sha256[i + 1] = '\0';
    }
    if (strlen(t->sha256) == 64)
        return true;
    t->sha256[0] = '\0';
    return fail_key(t, "sha256", "has to be the data file's SHA-256 as 64 hexadecimal digits",
                    error);
}

static bool read_sheet(struct slc_ticket *t, struct slc_error *error)
{
    struct json_object *value = find(t, "sheet");

    t->sheet = (struct slc_str){.data = "", .len = 0};
    if (!value)
        return true;
    if (json_object_is_type(value, json_type_string)) {
        t->sheet = view(value);
        return true;
    }
    if (json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0) {
        t->sheet = slc_str_from(json_object_to_json_string(value));
        return true;
    }
    return fail_key(t, "sheet", "has to be a sheet's name or its number", error);
}

static bool read_object(struct slc_ticket *t, const char *key, struct json_object **to,
                        struct slc_error *error)
{
    struct json_object *value = find(t, key);

    *to = NULL;
    if (!value)
        return true;
    if (!json_object_is_type(value, json_type_object))
        return fail_key(t, key, "has to be an object: { ... }", error);
    *to = value;
    return true;
}

static bool read_keys(struct slc_ticket *t, struct slc_error *error)
{
    struct slc_error *first = error;
    struct slc_error ignored;
    bool good = true;

    /* Every key is read even behind a fault, so that a loose ticket has what
     * can be had; the first fault is the one that is told. */
#define STEP(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            good = false;                                                                          \
            first = &ignored;                                                                      \
        }                                                                                          \
    } while (0)
    STEP(read_text(t, "file_name", true, &t->file_name, first));
    STEP(read_status(t, first));
    STEP(read_load_dttm(t, first));
    STEP(read_text(t, "prim_index", false, &t->prim_index, first));
    STEP(read_size(t, first));
    STEP(read_sha256(t, first));
    STEP(read_sheet(t, first));
    STEP(read_object(t, "options", &t->options, first));
    /* Whatever stands under "error" is ours to replace, so its type is no fault. */
    if (!read_object(t, "error", &t->error, NULL))
        t->error = NULL;
#undef STEP
    return good || t->loose;
}

/* Members in the whole tree; json-c kept one of each set of equal keys. */
static size_t count_keys(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_keys(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            count += 1 + count_keys(member);
        }
    }
    return count;
}

static bool fail_syntax(const struct slc_ticket *t, struct slc_str body, size_t at, const char *why,
                        struct slc_error *error)
{
    size_t line = 1, start = 0;

    for (size_t i = 0; i < at && i < body.len; i++)
        if (body.data[i] == '\n') {
            line++;
            start = i + 1;
        }
    slc_fail(error, SLC_ERR_TICKET,
             "the ticket %s is not valid JSON at line %zu, byte %zu: %s; correct it and try again",
             t->name, line, at - start + 1, why);
    slc_error_locate(error, t->name, 0, (struct slc_str){0});
    return false;
}

/* The ticket's JSON behind a byte order mark. */
static struct slc_str body_of(const struct slc_ticket *t)
{
    struct slc_str body = slc_buf_view(&t->text);

    if (body.len >= 3 && memcmp(body.data, "\xef\xbb\xbf", 3) == 0) {
        body.data += 3;
        body.len -= 3;
    }
    return body;
}

/* The text is new: find its members and values. */
static bool index_text(struct slc_ticket *t, struct slc_error *error)
{
    struct slc_str body = body_of(t);
    size_t at = slc_utf8_valid_prefix(body.data, body.len);
    const char *why = "";

    if (at < body.len)
        return fail_syntax(t, body, at, "it is no valid UTF-8", error);
    if (!slc_json_members_scan(&t->members, body, &at, &why))
        return fail_syntax(t, body, at, why, error);
    t->root = slc_json_tree_object(body, SLC_TICKET_MAX_DEPTH + 1);
    if (!t->root)
        return slc_fail(error, SLC_ERR_TICKET,
                        "the ticket %s is JSON that cannot be read; "
                        "correct it and try again",
                        t->name);
    if (count_keys(t->root) != t->members.all_keys) {
        slc_fail(error, SLC_ERR_TICKET,
                 "the ticket %s has a key twice in one object; remove one of the two", t->name);
        slc_error_locate(error, t->name, 0, (struct slc_str){0});
        return false;
    }
    return read_keys(t, error);
}

static bool make(const char *ticket_name, struct slc_str text, bool loose,
                 struct slc_ticket **ret_ticket, struct slc_error *error)
{
    SLC_AUTO_TICKET struct slc_ticket *t = NULL;

    if (text.len > SLC_TICKET_MAX_BYTES) {
        slc_fail(error, SLC_ERR_LIMIT, "the ticket %s is larger than %d bytes", ticket_name,
                 SLC_TICKET_MAX_BYTES);
        slc_error_locate(error, ticket_name, 0, (struct slc_str){0});
        return false;
    }
    t = calloc(1, sizeof(*t));
    if (!t)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the ticket %s", ticket_name);
    t->loose = loose;
    t->name = slc_str_dup(slc_str_from(ticket_name));
    slc_buf_append_str(&t->text, text);
    /* slc_buf_text() puts a NUL behind the text, for callers that print it. */
    if (!t->name || !slc_buf_text(&t->text))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the ticket %s", ticket_name);
    if (!index_text(t, error))
        return false;
    *ret_ticket = t;
    t = NULL;
    return true;
}

bool slc_ticket_parse(const char *ticket_name, struct slc_str text, struct slc_ticket **ret_ticket,
                      struct slc_error *error)
{
    return make(ticket_name, text, false, ret_ticket, error);
}

bool slc_ticket_parse_loosely(const char *ticket_name, struct slc_str text,
                              struct slc_ticket **ret_ticket, struct slc_error *error)
{
    return make(ticket_name, text, true, ret_ticket, error);
}

bool slc_ticket_new(struct slc_str file_name, struct slc_ticket **ret_ticket,
                    struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_str replica;
    char stamp[SLC_STAMP_BYTES];

    if (!slc_replica_name_of_file(file_name, &replica, error))
        return false;
    slc_stamp_now(stamp);
    slc_buf_append_text(&text, "{\"file_name\": ");
    slc_json_string(&text, file_name);
    slc_buf_append_text(&text, ", \"status\": \"READY\", \"load_dttm\": ");
    slc_json_text(&text, stamp);
    slc_buf_append_text(&text, "}\n");
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a ticket");
    return make("(new)", slc_buf_view(&text), false, ret_ticket, error);
}

struct slc_ticket *slc_ticket_copy(const struct slc_ticket *ticket)
{
    struct slc_ticket *copy = NULL;

    return make(ticket->name, slc_buf_view(&ticket->text), ticket->loose, &copy, NULL) ? copy
                                                                                       : NULL;
}

void slc_ticket_free(struct slc_ticket *t)
{
    if (!t)
        return;
    json_object_put(t->root);
    slc_json_members_release(&t->members);
    slc_buf_release(&t->text);
    free(t->name);
    free(t);
}

/* ---- getters ---- */

struct slc_str slc_ticket_file_name(const struct slc_ticket *ticket)
{
    return ticket->file_name;
}

enum slc_ticket_status slc_ticket_status(const struct slc_ticket *ticket)
{
    return ticket->status;
}

struct slc_str slc_ticket_load_dttm(const struct slc_ticket *ticket)
{
    return ticket->load_dttm;
}

int64_t slc_ticket_load_usec(const struct slc_ticket *ticket)
{
    return ticket->load_usec;
}

struct slc_str slc_ticket_prim_index(const struct slc_ticket *ticket)
{
    return ticket->prim_index;
}

int64_t slc_ticket_size_bytes(const struct slc_ticket *ticket)
{
    return ticket->size_bytes;
}

struct slc_str slc_ticket_sha256(const struct slc_ticket *ticket)
{
    return slc_str_from(ticket->sha256);
}

struct slc_str slc_ticket_sheet(const struct slc_ticket *ticket)
{
    return ticket->sheet;
}

struct json_object *slc_ticket_options(const struct slc_ticket *ticket)
{
    return ticket->options;
}

struct json_object *slc_ticket_error(const struct slc_ticket *ticket)
{
    return ticket->error;
}

struct slc_str slc_ticket_text(const struct slc_ticket *ticket)
{
    return slc_buf_view(&ticket->text);
}

static bool same_text(struct json_object *a, struct json_object *b)
{
    if (!a || !b)
        return a == b;
    return json_object_equal(a, b) == 1;
}

/* A registration may pass by while a ticket is loaded: it asks for nothing else. */
static enum slc_ticket_status asked(enum slc_ticket_status status)
{
    return status == SLC_TICKET_REGISTERED ? SLC_TICKET_READY : status;
}

bool slc_ticket_same_request(const struct slc_ticket *a, const struct slc_ticket *b)
{
    return slc_str_eq(a->file_name, b->file_name) && asked(a->status) == asked(b->status) &&
           slc_str_eq(a->load_dttm, b->load_dttm) && slc_str_eq(a->prim_index, b->prim_index) &&
           a->size_bytes == b->size_bytes && strcmp(a->sha256, b->sha256) == 0 &&
           slc_str_eq(a->sheet, b->sheet) && same_text(a->options, b->options);
}

/* ---- changes ---- */

/* Take the new text over, or leave the ticket as it was. */
static bool take_text(struct slc_ticket *t, struct slc_buf *text, struct slc_error *error)
{
    struct slc_ticket *changed = NULL, old;

    if (text->failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to change the ticket %s", t->name);
    if (!make(t->name, slc_buf_view(text), t->loose, &changed, error) || !changed)
        return false;
    old = *t;
    *t = *changed;
    *changed = old;
    slc_ticket_free(changed);
    return true;
}

bool slc_ticket_set_json(struct slc_ticket *t, const char *key, struct slc_str json,
                         struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_str body = body_of(t);

    slc_buf_append(&text, t->text.data, t->text.len - body.len);
    slc_json_members_set(&t->members, body, slc_str_from(key), json, &text);
    return take_text(t, &text, error);
}

bool slc_ticket_remove(struct slc_ticket *t, const char *key, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_str body = body_of(t);

    if (!slc_json_members_has(&t->members, body, slc_str_from(key)))
        return true;
    slc_buf_append(&text, t->text.data, t->text.len - body.len);
    slc_json_members_remove(&t->members, body, slc_str_from(key), &text);
    return take_text(t, &text, error);
}

/* As a JSON string; what is no UTF-8 becomes U+FFFD. */
static void append_text(struct slc_buf *json, struct slc_str value)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};

    while (value.len > 0) {
        size_t good = slc_utf8_valid_prefix(value.data, value.len);

        slc_buf_append(&clean, value.data, good);
        if (good < value.len) {
            slc_utf8_append(&clean, 0xfffd);
            good++;
        }
        value.data += good;
        value.len -= good;
    }
    json->failed |= clean.failed;
    slc_json_string(json, slc_buf_view(&clean));
}

bool slc_ticket_set_text(struct slc_ticket *t, const char *key, struct slc_str value,
                         struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    append_text(&json, value);
    if (json.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to change the ticket %s", t->name);
    return slc_ticket_set_json(t, key, slc_buf_view(&json), error);
}

bool slc_ticket_set_int64(struct slc_ticket *t, const char *key, int64_t value,
                          struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    slc_json_int64(&json, value);
    if (json.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to change the ticket %s", t->name);
    return slc_ticket_set_json(t, key, slc_buf_view(&json), error);
}

bool slc_ticket_set_load_dttm(struct slc_ticket *t, struct slc_str stamp, struct slc_error *error)
{
    return slc_ticket_set_text(t, "load_dttm", stamp, error);
}

bool slc_ticket_set_status(struct slc_ticket *t, enum slc_ticket_status status,
                           struct slc_error *error)
{
    if (status != SLC_TICKET_FAILED && !slc_ticket_remove(t, "error", error))
        return false;
    return slc_ticket_set_text(t, "status", slc_str_from(slc_ticket_status_name(status)), error);
}

bool slc_ticket_set_failed(struct slc_ticket *t, const struct slc_error *fault,
                           struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    slc_buf_append_text(&json, "{\"code\": ");
    slc_json_text(&json, slc_error_code_name(fault->code));
    slc_buf_append_text(&json, ", \"message\": ");
    append_text(&json, slc_str_from(fault->message));
    slc_buf_append_text(&json, ", \"row\": ");
    if (fault->row > 0)
        slc_json_int64(&json, fault->row);
    else
        slc_buf_append_text(&json, "null");
    slc_buf_append_text(&json, ", \"column\": ");
    if (fault->column[0])
        append_text(&json, slc_str_from(fault->column));
    else
        slc_buf_append_text(&json, "null");
    slc_buf_append_text(&json, "}");
    if (json.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to change the ticket %s", t->name);
    return slc_ticket_set_json(t, "error", slc_buf_view(&json), error) &&
           slc_ticket_set_text(t, "status", SLC_STR("FAILED"), error);
}
