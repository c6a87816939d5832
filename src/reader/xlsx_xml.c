#include "reader/xlsx_xml.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "reader/xlsx_ahead.h"

enum { WINDOW_BYTES = 256 << 10, SLACK_BYTES = 64 };

static const char *const sheet_namespaces[] = {
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
};

bool slc_xml_fail_dtd(const char *part, struct slc_error *error)
{
    return slc_fail(
        error, SLC_ERR_FORMAT,
        "\"%s\" declares a document type, which no spreadsheet program writes and which "
        "is refused because entities can be made to explode; save the workbook again",
        part);
}

bool slc_xml_is_sheet_namespace(struct slc_str uri)
{
    return slc_str_is(uri, sheet_namespaces[0]) || slc_str_is(uri, sheet_namespaces[1]);
}

/* ---- The window -------------------------------------------------------- */

static bool fail_encoding(const struct slc_xml_window *w, struct slc_str encoding,
                          struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_FORMAT,
                    "\"%s\" is in the encoding \"%.*s\", not in UTF-8; open the workbook in a "
                    "spreadsheet program and save it again",
                    slc_zip_part_name(w->part), (int)(encoding.len < 40 ? encoding.len : 40),
                    encoding.data);
}

static bool is_utf16(const char *bytes, size_t len)
{
    return len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0 ||
                        !bytes[0] || !bytes[1]);
}

/* What the XML declaration says, when there is one. */
static bool check_encoding(const struct slc_xml_window *w, struct slc_error *error)
{
    const char *found, *close;
    struct slc_str encoding;

    if (w->end - w->at < 5 || memcmp(w->at, "<?xml", 5) != 0)
        return true;
    close = strstr(w->at, "?>");
    found = strstr(w->at, "encoding");
    if (!close || !found || found > close)
        return true;
    found += strcspn(found, "\"'>");
    if (*found == '>' || *found == '\0')
        return true;
    encoding = (struct slc_str){found + 1, strcspn(found + 1, "\"'>")};
    return slc_str_eq_nocase(encoding, SLC_STR("utf-8")) ||
           slc_str_eq_nocase(encoding, SLC_STR("us-ascii")) || fail_encoding(w, encoding, error);
}

static int64_t read_part(struct slc_xml_window *w, void *to, size_t len, struct slc_error *error)
{
    return w->ahead ? slc_zip_ahead_read(w->ahead, to, len, error)
                    : slc_zip_part_read(w->part, to, len, error);
}

bool slc_xml_window_open(struct slc_xml_window *window, struct slc_zip_part *part, size_t max_bytes,
                         struct slc_error *error)
{
    *window = (struct slc_xml_window){.part = part, .max_bytes = max_bytes};
    window->bytes = malloc(WINDOW_BYTES + SLACK_BYTES);
    if (!window->bytes)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    window->ahead = slc_zip_ahead_start(part);
    window->capacity = WINDOW_BYTES;
    window->at = window->end = window->bytes;
    memset(window->bytes, 0, SLACK_BYTES);
    if (slc_xml_window_fill(window, error) < 0)
        return false;
    if (window->end - window->at >= 3 && memcmp(window->at, "\xef\xbb\xbf", 3) == 0)
        window->at += 3;
    if (!check_encoding(window, error))
        return false;
    return true;
}

void slc_xml_window_close(struct slc_xml_window *window)
{
    free(window->bytes);
    slc_zip_ahead_stop(window->ahead);
    slc_zip_part_close(window->part);
    *window = (struct slc_xml_window){0};
}

static bool grow(struct slc_xml_window *w, struct slc_error *error)
{
    size_t capacity = 2 * w->capacity, at = (size_t)(w->at - w->bytes);
    size_t end = (size_t)(w->end - w->bytes);
    char *bytes;

    if (w->capacity >= w->max_bytes)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "\"%s\": a row or string takes more than the %zu bytes that are allowed",
                        slc_zip_part_name(w->part), w->max_bytes);
    bytes = realloc(w->bytes, capacity + SLACK_BYTES);
    if (!bytes)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a row of %zu bytes", capacity);
    w->bytes = bytes;
    w->at = bytes + at;
    w->end = bytes + end;
    w->capacity = capacity;
    return true;
}

/* The first bytes of a character whose others are yet to come. */
static bool is_cut_character(const char *bytes, size_t len)
{
    unsigned char first = (unsigned char)bytes[0];

    if (len >= 4 || first < 0xc2 || first > 0xf4)
        return false;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            return false;
    return len < (first < 0xe0 ? 2u : first < 0xf0 ? 3u : 4u);
}

/* `len` more bytes stand at `end`. */
static bool check_text(struct slc_xml_window *w, size_t len, struct slc_error *error)
{
    size_t valid = slc_utf8_valid_prefix(w->end, len);

    w->end += valid;
    w->tail_bytes = len - valid;
    if (w->tail_bytes > 0 && (w->at_end || !is_cut_character(w->end, w->tail_bytes)))
        return slc_fail(error, SLC_ERR_FORMAT,
                        "\"%s\" is damaged: it is not valid UTF-8; open the workbook in a "
                        "spreadsheet program and save it again",
                        slc_zip_part_name(w->part));
    memcpy(w->tail, w->end, w->tail_bytes);
    memset(w->end, 0, SLACK_BYTES);
    return true;
}

int slc_xml_window_fill(struct slc_xml_window *w, struct slc_error *error)
{
    size_t left = (size_t)(w->end - w->at), room;
    int64_t got;

    if (w->at_end)
        return 0;
    memmove(w->bytes, w->at, left);
    w->at = w->bytes;
    w->end = w->bytes + left;
    if (left > w->capacity / 2 && !grow(w, error))
        return -1;
    memcpy(w->end, w->tail, w->tail_bytes);
    room = w->capacity - left - w->tail_bytes;
    got = read_part(w, w->end + w->tail_bytes, room, error);
    if (got < 0)
        return -1;
    w->at_end = got == 0;
    if (!w->started && is_utf16(w->bytes, (size_t)got)) {
        fail_encoding(w, SLC_STR("UTF-16"), error);
        return -1;
    }
    w->started = true;
    return check_text(w, w->tail_bytes + (size_t)got, error) ? got > 0 : -1;
}

bool slc_xml_window_drain(struct slc_xml_window *w, struct slc_error *error)
{
    int64_t got = 1;

    w->at = w->end = w->bytes;
    w->tail_bytes = 0;
    while (!w->at_end && got > 0)
        got = read_part(w, w->bytes, w->capacity, error);
    w->at_end = true;
    w->bytes[0] = '\0';
    return got >= 0;
}

/* ---- Tokens ------------------------------------------------------------ */

/* For want of more bytes, or because there is no XML. */
static struct slc_xml_token stop_token(const char **at, const char *end, bool wants_more)
{
    if (wants_more)
        *at = end;
    return (struct slc_xml_token){.kind = SLC_XML_STOP};
}

/* Behind "<!": a comment, a CDATA section or a document type. */
static struct slc_xml_token next_declaration(const char **at, const char *p, const char *end)
{
    struct slc_xml_token token = {.kind = SLC_XML_OTHER};
    const char *close;

    if (memcmp(p, "--", 2) == 0) {
        close = memmem(p + 2, (size_t)(end - p) - 2, "-->", 3);
        if (!close)
            return stop_token(at, end, true);
        *at = close + 3;
    } else if (memcmp(p, "[CDATA[", 7) == 0) {
        close = memmem(p + 7, (size_t)(end - p) - 7, "]]>", 3);
        if (!close)
            return stop_token(at, end, true);
        token.kind = SLC_XML_CDATA;
        token.text = (struct slc_str){p + 7, (size_t)(close - p) - 7};
        *at = close + 3;
    } else if (memcmp(p, "DOCTYPE", 7) == 0) {
        token.kind = SLC_XML_DTD;
    } else {
        return stop_token(at, end, end - p < 7);
    }
    return token;
}

static struct slc_str tag_name(const char *p)
{
    const char *start = p;

    while (*p != '\0' && *p != '>' && *p != '/' && *p != '<' && !slc_xml_is_space(*p))
        p++;
    return (struct slc_str){start, (size_t)(p - start)};
}

static struct slc_xml_token next_open(const char **at, const char *p, const char *end)
{
    struct slc_xml_token token = {.kind = SLC_XML_OPEN, .name = tag_name(p)};
    struct slc_str name, value;

    p += token.name.len;
    token.attributes = p;
    if (token.name.len == 0)
        return stop_token(at, end, p == end);
    for (;;) {
        switch (slc_xml_next_attribute(&p, &name, &value)) {
        case SLC_XML_ATTRIBUTE:
            continue;
        case SLC_XML_EMPTY_TAG_END:
            token.is_empty = true;
            *at = p;
            return token;
        case SLC_XML_TAG_END:
            *at = p;
            return token;
        case SLC_XML_ATTRIBUTE_STOP:
            return stop_token(at, end, p == end);
        }
    }
}

static struct slc_xml_token next_close(const char **at, const char *p, const char *end)
{
    struct slc_xml_token token = {.kind = SLC_XML_CLOSE, .name = tag_name(p)};

    p += token.name.len;
    while (slc_xml_is_space(*p))
        p++;
    if (*p != '>' || token.name.len == 0)
        return stop_token(at, end, p == end);
    *at = p + 1;
    return token;
}

struct slc_xml_token slc_xml_next(const char **at, const char *end)
{
    const char *p = *at, *close;

    if (*p != '<') {
        close = memchr(p, '<', (size_t)(end - p));
        if (memchr(p, '\0', (size_t)((close ? close : end) - p)))
            return stop_token(at, end, false);
        if (!close)
            return stop_token(at, end, true);
        *at = close;
        return (struct slc_xml_token){.kind = SLC_XML_TEXT, .text = {p, (size_t)(close - p)}};
    }
    p++;
    if (*p == '/')
        return next_close(at, p + 1, end);
    if (*p == '!')
        return next_declaration(at, p + 1, end);
    if (*p != '?')
        return next_open(at, p, end);
    close = memmem(p, (size_t)(end - p), "?>", 2);
    if (!close)
        return stop_token(at, end, true);
    *at = close + 2;
    return (struct slc_xml_token){.kind = SLC_XML_OTHER};
}

bool slc_xml_skip(const char **at, const char *end)
{
    int64_t depth = 1;

    while (depth > 0) {
        struct slc_xml_token token = slc_xml_next(at, end);

        if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD)
            return false;
        if (token.kind == SLC_XML_OPEN && !token.is_empty)
            depth++;
        else if (token.kind == SLC_XML_CLOSE)
            depth--;
    }
    return true;
}

/* The namespace that the start tag gives the prefix of its own name. */
static bool is_in_sheet_namespace(const struct slc_xml_token *token)
{
    const char *p = token->attributes, *colon = memchr(token->name.data, ':', token->name.len);
    struct slc_str prefix = {token->name.data, colon ? (size_t)(colon - token->name.data) : 0};
    struct slc_str name, value;

    while (slc_xml_next_attribute(&p, &name, &value) == SLC_XML_ATTRIBUTE) {
        bool plain = slc_str_is(name, "xmlns") && prefix.len == 0;
        bool prefixed = prefix.len > 0 && name.len == prefix.len + 6 &&
                        memcmp(name.data, "xmlns:", 6) == 0 &&
                        memcmp(name.data + 6, prefix.data, prefix.len) == 0;

        if (plain || prefixed)
            return slc_xml_is_sheet_namespace(value);
    }
    return false;
}

bool slc_xml_take_root(struct slc_xml_window *w, const char *local, char *ret_name,
                       size_t size_bytes, struct slc_error *error)
{
    for (;;) {
        const char *at = w->at;
        struct slc_xml_token token = slc_xml_next(&at, w->end);
        struct slc_str name;

        if (token.kind == SLC_XML_STOP && at == w->end && !w->at_end) {
            if (slc_xml_window_fill(w, error) < 0)
                return false;
            continue;
        }
        if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD)
            return slc_xml_fail(w, at, "at its start", error);
        w->at += at - w->at;
        if (token.kind != SLC_XML_OPEN)
            continue;
        name = slc_xml_local(token.name, token.name);
        if (!slc_str_is(name, local) || token.name.len >= size_bytes ||
            !is_in_sheet_namespace(&token))
            return slc_fail(error, SLC_ERR_FORMAT, "\"%s\" holds no <%s> of a workbook",
                            slc_zip_part_name(w->part), local);
        memcpy(ret_name, token.name.data, token.name.len);
        ret_name[token.name.len] = '\0';
        if (token.is_empty) { /* nothing inside: as if it were closed right away */
            w->at_end = true;
            w->at = w->end;
        }
        return true;
    }
}

/* ---- Text -------------------------------------------------------------- */

static bool is_xml_character(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xd800) ||
           (c >= 0xe000 && c <= 0x10ffff && c != 0xfffe && c != 0xffff);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *write_character(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* "#65" or "#x41"; UINT32_MAX when it is no character. */
static uint32_t numeric_reference(struct slc_str s)
{
    bool hex = s.len > 1 && s.data[1] == 'x';
    uint32_t c = 0;

    if (s.len < (hex ? 3u : 2u))
        return UINT32_MAX;
    for (size_t i = hex ? 2 : 1; i < s.len; i++) {
        int digit = hex_digit(s.data[i]);

        if (digit < 0 || (!hex && digit > 9) || c > 0x110000)
            return UINT32_MAX;
        c = c * (hex ? 16 : 10) + (uint32_t)digit;
    }
    return is_xml_character(c) ? c : UINT32_MAX;
}

static uint32_t reference(struct slc_str s)
{
    static const struct {
        const char *name;
        char character;
    } known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};

    if (s.len > 0 && s.data[0] == '#')
        return numeric_reference(s);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slc_str_is(s, known[i].name))
            return (unsigned char)known[i].character;
    return UINT32_MAX;
}

bool slc_xml_fail(const struct slc_xml_window *w, const char *at, const char *where,
                  struct slc_error *error)
{
    const char *name = slc_zip_part_name(w->part);

    if (memcmp(at, "<!DOCTYPE", 9) == 0)
        return slc_xml_fail_dtd(name, error);
    return slc_fail(error, SLC_ERR_FORMAT,
                    "\"%s\" is damaged (%s, %s): open the workbook in a spreadsheet program and "
                    "save it again",
                    name, at == w->end ? "it ends early" : "this is not well-formed XML", where);
}

char *slc_xml_decode(char *to, struct slc_str raw, bool is_cdata)
{
    const char *p = raw.data, *end = raw.data + raw.len;

    while (p < end) {
        const char *close;
        uint32_t c;

        if (*p == '\r') { /* CR and CR LF are line ends */
            p += p + 1 < end && p[1] == '\n' ? 2 : 1;
            *to++ = '\n';
            continue;
        }
        if (*p != '&' || is_cdata) {
            if ((unsigned char)*p < 0x20 && *p != '\t' && *p != '\n')
                return NULL;
            *to++ = *p++;
            continue;
        }
        close = memchr(p, ';', (size_t)(end - p));
        if (!close)
            return NULL;
        c = reference((struct slc_str){p + 1, (size_t)(close - p) - 1});
        if (c == UINT32_MAX)
            return NULL;
        to = write_character(to, c);
        p = close + 1;
    }
    return to;
}

/* The unit of an escape at `p`; -1 when there is none. */
static int32_t escape_at(const char *p, const char *end)
{
    int32_t unit = 0;

    if (end - p < 7 || p[0] != '_' || p[1] != 'x' || p[6] != '_')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

size_t slc_xml_unescape(char *text, size_t len)
{
    enum { ESCAPE_BYTES = 7 };
    const char *p = text, *end = text + len;
    char *to = text;

    while (p < end) {
        int32_t unit = escape_at(p, end);
        size_t used = ESCAPE_BYTES;

        if (unit >= 0xd800 && unit <= 0xdbff) {
            int32_t low = escape_at(p + ESCAPE_BYTES, end);

            unit = low >= 0xdc00 && low <= 0xdfff
                       ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                       : -1;
            used = (size_t)2 * ESCAPE_BYTES;
        }
        if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
            *to++ = *p++;
            continue;
        }
        to = write_character(to, (uint32_t)unit);
        p += used;
    }
    return (size_t)(to - text);
}
