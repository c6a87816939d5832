#include "source/json_members.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
    const char *text;
    size_t len;
    size_t at;
    const char *why; /* set at the first fault */
};

static bool fault(struct scanner *s, const char *why)
{
    s->why = why;
    return false;
}

static int peek(const struct scanner *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->len && (s->text[s->at] == ' ' || s->text[s->at] == '\t' ||
                              s->text[s->at] == '\n' || s->text[s->at] == '\r'))
        s->at++;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A string with its quotes. A NUL is refused in a key: C code that reads the
 * key would take it for a shorter one. */
static bool scan_string(struct scanner *s, bool is_key)
{
    for (s->at++; s->at < s->len; s->at++) {
        unsigned char c = (unsigned char)s->text[s->at];

        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return fault(s, "a control character in a text; write it as \\n or \\uXXXX");
        if (c != '\\')
            continue;
        s->at++;
        if (peek(s) == 'u') {
            for (int i = 1; i <= 4; i++)
                if (s->at + (size_t)i >= s->len ||
                    !is_hex((unsigned char)s->text[s->at + (size_t)i]))
                    return fault(s, "\\u wants four hexadecimal digits");
            if (is_key && memcmp(s->text + s->at + 1, "0000", 4) == 0)
                return fault(s, "a key with a NUL in it");
            s->at += 4;
        } else if (peek(s) <= 0 || !strchr("\"\\/bfnrt", peek(s))) {
            return fault(s, "an escape that JSON does not have");
        }
    }
    return fault(s, "a text without its closing quote");
}

static bool scan_digits(struct scanner *s)
{
    if (!is_digit(peek(s)))
        return fault(s, "not a number as JSON has it");
    while (is_digit(peek(s)))
        s->at++;
    return true;
}

static bool scan_number(struct scanner *s)
{
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    if (is_digit(peek(s)))
        return fault(s, "a number with a leading zero");
    if (peek(s) == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        return scan_digits(s);
    }
    return true;
}

static bool scan_scalar(struct scanner *s)
{
    static const struct slc_str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    int c = peek(s);

    if (c == '"')
        return scan_string(s, false);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (s->len - s->at >= words[i].len &&
            memcmp(s->text + s->at, words[i].data, words[i].len) == 0) {
            s->at += words[i].len;
            return true;
        }
    return fault(s, c < 0 ? "the text ends too early" : "a value was expected here");
}

static struct slc_json_member *add_member(struct scanner *s, struct slc_json_members *members)
{
    if (members->count == members->capacity) {
        size_t capacity = members->capacity ? 2 * members->capacity : 16;
        struct slc_json_member *items =
            reallocarray(members->items, capacity, sizeof(members->items[0]));

        if (!items) {
            s->why = "no memory";
            return NULL;
        }
        members->items = items;
        members->capacity = capacity;
    }
    members->items[members->count] = (struct slc_json_member){0};
    return &members->items[members->count++];
}

/* The open brackets, innermost last: a bit each, set for an object. */
struct nesting {
    uint64_t objects;
    unsigned depth;
};

static bool in_object(const struct nesting *nesting)
{
    return nesting->depth > 0 && (nesting->objects & 1) != 0;
}

/* `"key" :` and the white space behind; notes the outermost object's keys. */
static bool scan_key(struct scanner *s, const struct nesting *nesting,
                     struct slc_json_members *members)
{
    size_t start = s->at;
    struct slc_json_member *member;

    if (peek(s) != '"')
        return fault(s, "a key in double quotes was expected here");
    if (!scan_string(s, true))
        return false;
    members->all_keys++;
    if (nesting->depth == 1) {
        member = add_member(s, members);
        if (!member)
            return false;
        member->key_start = start;
        member->key_end = s->at;
    }
    skip_space(s);
    if (peek(s) != ':')
        return fault(s, "a colon was expected behind the key");
    s->at++;
    skip_space(s);
    if (nesting->depth == 1)
        members->items[members->count - 1].value_start = s->at;
    return true;
}

/* Behind a value: close what ends here, up to the next comma. True with
 * depth 0 when the outermost object is closed. */
static bool scan_behind_value(struct scanner *s, struct nesting *nesting,
                              struct slc_json_members *members)
{
    for (;;) {
        if (nesting->depth == 1)
            members->items[members->count - 1].value_end = s->at;
        skip_space(s);
        if (peek(s) == ',') {
            s->at++;
            skip_space(s);
            return true;
        }
        if (peek(s) != (in_object(nesting) ? '}' : ']'))
            return fault(s, peek(s) < 0 ? "the text ends too early"
                                        : "a comma or a closing bracket was expected here");
        s->at++;
        nesting->objects >>= 1;
        if (--nesting->depth == 0)
            return true;
    }
}

/* The bracket at hand; `*ret_empty` when it is closed at once. */
static bool open_bracket(struct scanner *s, struct nesting *nesting, bool *ret_empty)
{
    bool object = peek(s) == '{';

    if (nesting->depth == SLC_JSON_MEMBERS_MAX_DEPTH)
        return fault(s, "nested deeper than 32 brackets");
    s->at++;
    skip_space(s);
    *ret_empty = peek(s) == (object ? '}' : ']');
    if (*ret_empty) {
        s->at++;
        return true;
    }
    nesting->objects = nesting->objects << 1 | (uint64_t)object;
    nesting->depth++;
    return true;
}

static bool scan_object(struct scanner *s, struct slc_json_members *members)
{
    struct nesting nesting = {0};
    bool empty;

    if (!open_bracket(s, &nesting, &empty))
        return false;
    while (nesting.depth > 0) {
        if (in_object(&nesting) && !scan_key(s, &nesting, members))
            return false;
        if (peek(s) == '{' || peek(s) == '[') {
            if (!open_bracket(s, &nesting, &empty))
                return false;
            if (!empty)
                continue;
        } else if (!scan_scalar(s)) {
            return false;
        }
        if (!scan_behind_value(s, &nesting, members))
            return false;
    }
    return true;
}

bool slc_json_members_scan(struct slc_json_members *members, struct slc_str text, size_t *ret_at,
                           const char **ret_why)
{
    struct scanner s = {.text = text.data, .len = text.len};

    members->count = 0;
    members->all_keys = 0;
    skip_space(&s);
    members->open = s.at;
    if (peek(&s) != '{') {
        fault(&s, peek(&s) < 0 ? "there is nothing in it" : "it has to be an object: { ... }");
    } else if (scan_object(&s, members)) {
        skip_space(&s);
        if (s.at < s.len)
            fault(&s, "there is something behind the closing bracket");
    }
    if (!s.why)
        return true;
    *ret_at = s.at;
    *ret_why = s.why;
    return false;
}

void slc_json_members_release(struct slc_json_members *members)
{
    free(members->items);
    *members = (struct slc_json_members){0};
}

/* ---- changes ---- */

static bool key_is(const struct slc_json_member *member, struct slc_str text, struct slc_str key)
{
    struct slc_str raw = {.data = text.data + member->key_start + 1,
                          .len = member->key_end - member->key_start - 2};
    struct json_tokener *tokener;
    struct json_object *decoded;
    bool equal;

    if (!memchr(raw.data, '\\', raw.len))
        return slc_str_eq(raw, key);
    /* Escapes only make a text longer; json-c knows what they mean. */
    if (raw.len < key.len)
        return false;
    tokener = json_tokener_new();
    if (!tokener)
        return false;
    decoded = json_tokener_parse_ex(tokener, raw.data - 1, (int)raw.len + 2);
    equal = decoded && slc_str_is(key, json_object_get_string(decoded));
    json_object_put(decoded);
    json_tokener_free(tokener);
    return equal;
}

static const struct slc_json_member *find(const struct slc_json_members *members,
                                          struct slc_str text, struct slc_str key)
{
    for (size_t i = 0; i < members->count; i++)
        if (key_is(&members->items[i], text, key))
            return &members->items[i];
    return NULL;
}

static void append_range(struct slc_buf *out, struct slc_str text, size_t start, size_t end)
{
    slc_buf_append(out, text.data + start, end - start);
}

bool slc_json_members_has(const struct slc_json_members *members, struct slc_str text,
                          struct slc_str key)
{
    return find(members, text, key) != NULL;
}

static void append_member(const struct slc_json_members *members, struct slc_str text,
                          struct slc_str key, struct slc_str json, struct slc_buf *out)
{
    const struct slc_json_member *first = members->items;
    const struct slc_json_member *last = members->count ? first + members->count - 1 : NULL;
    size_t at = last ? last->value_end : members->open + 1;

    append_range(out, text, 0, at);
    /* What parts the last two members parts the new one from the last. */
    if (last && members->count > 1) {
        append_range(out, text, last[-1].value_end, last->key_start);
    } else if (last) {
        slc_buf_append_text(out, ",");
        if (members->open + 1 == last->key_start)
            slc_buf_append_text(out, " ");
        append_range(out, text, members->open + 1, last->key_start);
    }
    slc_buf_append_text(out, "\"");
    slc_buf_append_str(out, key);
    slc_buf_append_text(out, "\"");
    if (members->count)
        append_range(out, text, first->key_end, first->value_start);
    else
        slc_buf_append_text(out, ": ");
    slc_buf_append_str(out, json);
    append_range(out, text, at, text.len);
}

void slc_json_members_set(const struct slc_json_members *members, struct slc_str text,
                          struct slc_str key, struct slc_str json, struct slc_buf *out)
{
    const struct slc_json_member *member = find(members, text, key);

    if (!member) {
        append_member(members, text, key, json, out);
        return;
    }
    append_range(out, text, 0, member->value_start);
    slc_buf_append_str(out, json);
    append_range(out, text, member->value_end, text.len);
}

void slc_json_members_remove(const struct slc_json_members *members, struct slc_str text,
                             struct slc_str key, struct slc_buf *out)
{
    const struct slc_json_member *member = find(members, text, key);
    size_t start, end, index;

    if (!member) {
        slc_buf_append_str(out, text);
        return;
    }
    index = (size_t)(member - members->items);
    start = member->key_start;
    end = member->value_end;
    if (index > 0)
        start = member[-1].value_end;
    else if (members->count > 1)
        end = member[1].key_start;
    append_range(out, text, 0, start);
    append_range(out, text, end, text.len);
}
