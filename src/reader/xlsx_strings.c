#include "reader/xlsx_strings.h"

#include <stdio.h>
#include <stdlib.h>

enum { SLACK_BYTES = 64, ROOT_BYTES = 64 };

#define MAX_PART_BYTES (INT64_C(8) << 30)
#define MAX_ITEM_BYTES (size_t)(64 << 20)

char *slc_string_text(const char **at, const char *end, struct slc_str element, char *to)
{
    char *start = to;

    for (;;) {
        struct slc_xml_token token = slc_xml_next(at, end);

        switch (token.kind) {
        case SLC_XML_TEXT:
        case SLC_XML_CDATA:
            to = slc_xml_decode(to, token.text, token.kind == SLC_XML_CDATA);
            if (!to)
                return NULL;
            break;
        case SLC_XML_OTHER:
            break;
        case SLC_XML_CLOSE:
            if (!slc_str_eq(token.name, element))
                return NULL;
            return start + slc_xml_unescape(start, (size_t)(to - start));
        default:
            return NULL;
        }
    }
}

char *slc_string_item(const char **at, const char *end, struct slc_str item, char *to)
{
    bool in_run = false;

    for (;;) {
        struct slc_xml_token token = slc_xml_next(at, end);
        struct slc_str name = slc_xml_local(token.name, item);

        if (token.kind == SLC_XML_CLOSE) {
            if (!in_run)
                return slc_str_eq(token.name, item) ? to : NULL;
            if (!slc_str_is(name, "r"))
                return NULL;
            in_run = false;
        } else if (token.kind == SLC_XML_OPEN && !token.is_empty) {
            if (slc_str_is(name, "t"))
                to = slc_string_text(at, end, token.name, to);
            else if (slc_str_is(name, "r") && !in_run)
                in_run = true;
            else if (!slc_xml_skip(at, end)) /* rPh, rPr, phoneticPr */
                return NULL;
            if (!to)
                return NULL;
        } else if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD) {
            return NULL;
        }
    }
}

/* ---- The table --------------------------------------------------------- */

struct load {
    struct slc_strings *strings;
    struct slc_xml_window window;
    size_t text_bytes, text_capacity;
    int64_t capacity;
    char root[ROOT_BYTES]; /* the root element's name */
};

static bool reserve(struct load *load, size_t n_bytes, struct slc_error *error)
{
    struct slc_strings *strings = load->strings;
    size_t wanted = load->text_bytes + n_bytes + SLACK_BYTES;

    if (wanted > load->text_capacity) {
        size_t capacity = 2 * load->text_capacity;
        char *text;

        capacity = capacity < wanted ? wanted : capacity;
        text = realloc(strings->text, capacity);
        if (!text)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the workbook's strings");
        strings->text = text;
        load->text_capacity = capacity;
    }
    if (strings->n == load->capacity) {
        int64_t capacity = load->capacity ? 2 * load->capacity : 1024;
        uint32_t *ends = realloc(strings->ends, (size_t)capacity * sizeof(*ends));

        if (!ends)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the workbook's strings");
        strings->ends = ends;
        load->capacity = capacity;
    }
    return true;
}

static bool add(struct load *load, char *end, struct slc_error *error)
{
    struct slc_strings *strings = load->strings;

    load->text_bytes = (size_t)(end - strings->text);
    if (load->text_bytes > SLC_STRINGS_MAX_BYTES || strings->n >= SLC_STRINGS_MAX)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the workbook's shared strings are more than %lld MiB or %lld texts, which "
                        "have to be in memory; save the sheet as CSV",
                        (long long)(SLC_STRINGS_MAX_BYTES >> 20), (long long)SLC_STRINGS_MAX);
    strings->ends[strings->n++] = (uint32_t)load->text_bytes;
    return true;
}

/* Take what is at the window's start: 1 more to come, 0 the end of the table, -1
 * stopped at *ret_at, -2 failed. */
static int take(struct load *load, const char **ret_at, struct slc_error *error)
{
    struct slc_xml_window *w = &load->window;
    const char *at = w->at;
    struct slc_xml_token token = slc_xml_next(&at, w->end);
    struct slc_str root = slc_str_from(load->root);
    char *to;

    *ret_at = at;
    if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD)
        return -1;
    if (token.kind == SLC_XML_CLOSE)
        return slc_str_eq(token.name, root) ? 0 : -1;
    if (token.kind == SLC_XML_OPEN && slc_str_is(slc_xml_local(token.name, root), "si")) {
        if (!reserve(load, (size_t)(w->end - w->at), error))
            return -2;
        to = load->strings->text + load->text_bytes;
        if (!token.is_empty)
            to = slc_string_item(ret_at, w->end, token.name, to);
        if (!to)
            return -1;
        if (!add(load, to, error))
            return -2;
    } else if (token.kind == SLC_XML_OPEN && !token.is_empty && !slc_xml_skip(ret_at, w->end)) {
        return -1;
    }
    w->at += *ret_at - w->at;
    return 1;
}

static bool take_all(struct load *load, struct slc_error *error)
{
    struct slc_xml_window *w = &load->window;
    char where[64];
    const char *at;

    if (!slc_xml_take_root(w, "sst", load->root, ROOT_BYTES, error))
        return false;
    if (w->at_end && w->at == w->end)
        return true; /* <sst/> */
    for (;;) {
        int got = take(load, &at, error);

        if (got == 0)
            return slc_xml_window_drain(w, error);
        if (got == -2)
            return false;
        if (got == 1)
            continue;
        if (at != w->end || w->at_end) {
            snprintf(where, sizeof(where), "text %lld", (long long)load->strings->n + 1);
            return slc_xml_fail(w, at, where, error);
        }
        if (slc_xml_window_fill(w, error) < 0)
            return false;
    }
}

/* Give back what doubling took too much. */
static void shrink(struct load *load)
{
    struct slc_strings *strings = load->strings;
    char *text = realloc(strings->text, load->text_bytes + SLACK_BYTES);
    uint32_t *ends = realloc(strings->ends, ((size_t)strings->n + 1) * sizeof(*ends));

    if (text)
        strings->text = text;
    if (ends)
        strings->ends = ends;
}

bool slc_strings_read(struct slc_strings *strings, struct slc_zip *zip, int64_t index,
                      struct slc_error *error)
{
    struct load load = {.strings = strings};
    struct slc_zip_part *part;
    bool good;

    if (!slc_zip_part_open(zip, index, MAX_PART_BYTES, &part, error))
        return false;
    good = slc_xml_window_open(&load.window, part, MAX_ITEM_BYTES, error) && take_all(&load, error);
    slc_xml_window_close(&load.window);
    if (good)
        shrink(&load);
    return good;
}

void slc_strings_release(struct slc_strings *strings)
{
    free(strings->text);
    free(strings->ends);
    *strings = (struct slc_strings){0};
}
