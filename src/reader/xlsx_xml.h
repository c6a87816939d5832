/* Two ways to read the XML of a workbook's parts.
 *
 * slc_xml_parse() hands a small part to expat, which checks it in full.
 *
 * The scanner below it is for the two parts that grow with the table, sheets and
 * shared strings: expat takes some seven times as long (0.48 s against 0.07 s
 * for 72 MB of sheet). It works in place on a window of the inflated part, gives
 * slices of it, and checks what matters to the table: valid UTF-8, no NUL,
 * tags that end, attributes in quotes, elements that close, references that
 * exist. It does not compare the names of closing tags inside elements that it
 * skips, and does not look for an attribute given twice.
 *
 * Neither takes a document type declaration, so that there are no entities but
 * XML's own five and nothing to expand. */
#ifndef SLC_READER_XLSX_XML_H
#define SLC_READER_XLSX_XML_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "reader/xlsx_zip.h"

/* ---- Small parts ------------------------------------------------------- */

/* What slc_xml_parse() calls. Names are "namespace|local" (a bar between them),
 * attributes without a prefix "local"; `attributes` are pairs that end in NULL.
 * False stops, the error filled in. */
struct slc_xml_handler {
    bool (*open)(void *user, const char *name, const char **attributes, struct slc_error *error);
    void (*close)(void *user, const char *name); /* may be NULL */
};

/* Read the part whole. Errors: FORMAT (not well-formed, a document type, nested
 * too deep), LIMIT, IO, MEMORY. */
bool slc_xml_parse(struct slc_zip *zip, int64_t index, int64_t max_bytes,
                   const struct slc_xml_handler *handler, void *user, struct slc_error *error);

/* The attribute's value by name as above; NULL when it is not there. */
const char *slc_xml_attribute(const char **attributes, const char *name);

/* The local name when the element is one of SpreadsheetML's (transitional or
 * strict), else "". */
const char *slc_xml_sheet_name(const char *name);

/* `uri` is SpreadsheetML's namespace. */
bool slc_xml_is_sheet_namespace(struct slc_str uri);

/* Refuse the part of that name for its document type. Always false. */
bool slc_xml_fail_dtd(const char *part, struct slc_error *error);

/* ---- The window on a large part ---------------------------------------- */

struct slc_xml_window {
    struct slc_zip_part *part;   /* owned */
    struct slc_zip_ahead *ahead; /* owned; NULL: the part is read as it is needed */
    char *bytes;                 /* owned; a NUL and slack behind `end` */
    size_t capacity;
    char *at;     /* what is not taken yet */
    char *end;    /* of what is valid UTF-8 */
    char tail[4]; /* the start of a character that comes behind `end` */
    size_t tail_bytes;
    size_t max_bytes; /* of what has to be in the window at once */
    bool at_end;      /* the part has no more */
    bool started;
};

/* Take over the part, whose encoding has to be UTF-8. */
bool slc_xml_window_open(struct slc_xml_window *window, struct slc_zip_part *part, size_t max_bytes,
                         struct slc_error *error);
void slc_xml_window_close(struct slc_xml_window *window);

/* More behind what is not taken; everything that pointed into the window is
 * void. 1, 0 at the end of the part, -1 on error. */
int slc_xml_window_fill(struct slc_xml_window *window, struct slc_error *error);

/* Read the part to its end, so that its checksum is looked at. */
bool slc_xml_window_drain(struct slc_xml_window *window, struct slc_error *error);

/* ---- Tokens ------------------------------------------------------------ */

enum slc_xml_kind {
    SLC_XML_OPEN, /* a start tag; `is_empty` when it ends in "/>" */
    SLC_XML_CLOSE,
    SLC_XML_TEXT,  /* up to the next "<", references as they are */
    SLC_XML_CDATA, /* a CDATA section's inside */
    SLC_XML_OTHER, /* a comment or processing instruction: nothing */
    SLC_XML_STOP,  /* the window ends before the token does, or this is no XML */
    SLC_XML_DTD,   /* a document type declaration */
};

struct slc_xml_token {
    enum slc_xml_kind kind;
    bool is_empty;
    struct slc_str name;    /* OPEN and CLOSE, with its prefix */
    const char *attributes; /* OPEN: for slc_xml_next_attribute() */
    struct slc_str text;    /* TEXT and CDATA */
};

/* The token at *at, which moves behind it; on STOP to `end` when there have to be
 * more bytes, else it stays. *end is NUL. A text that reaches the end needs more. */
struct slc_xml_token slc_xml_next(const char **at, const char *end);

static inline bool slc_xml_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

enum slc_xml_attribute {
    SLC_XML_ATTRIBUTE,
    SLC_XML_TAG_END,
    SLC_XML_EMPTY_TAG_END,
    SLC_XML_ATTRIBUTE_STOP, /* as SLC_XML_STOP */
};

/* The next attribute of the start tag, or its end, at *at, which moves behind
 * it and, on STOP, to where it does not go on. References in the value are as
 * they are. */
static inline enum slc_xml_attribute slc_xml_next_attribute(const char **at, struct slc_str *name,
                                                            struct slc_str *value)
{
    const char *p = *at, *start;
    char quote;

    while (slc_xml_is_space(*p))
        p++;
    if (*p == '>') {
        *at = p + 1;
        return SLC_XML_TAG_END;
    }
    if (*p == '/') {
        *at = p[1] == '>' ? p + 2 : p + 1;
        return p[1] == '>' ? SLC_XML_EMPTY_TAG_END : SLC_XML_ATTRIBUTE_STOP;
    }
    start = p;
    while (*p != '=' && *p != '\0' && *p != '>' && *p != '<' && *p != '/' && *p != '"' &&
           *p != '\'' && !slc_xml_is_space(*p))
        p++;
    *name = (struct slc_str){start, (size_t)(p - start)};
    while (slc_xml_is_space(*p))
        p++;
    *at = p;
    if (*p != '=' || name->len == 0)
        return SLC_XML_ATTRIBUTE_STOP;
    p++;
    while (slc_xml_is_space(*p))
        p++;
    *at = p;
    quote = *p;
    if (quote != '"' && quote != '\'')
        return SLC_XML_ATTRIBUTE_STOP;
    start = ++p;
    while (*p != quote && *p != '\0' && *p != '<')
        p++;
    *at = p;
    if (*p != quote)
        return SLC_XML_ATTRIBUTE_STOP;
    *value = (struct slc_str){start, (size_t)(p - start)};
    *at = p + 1;
    return SLC_XML_ATTRIBUTE;
}

/* Fail because of what stands at `at` in the window; `where` for a person. */
bool slc_xml_fail(const struct slc_xml_window *window, const char *at, const char *where,
                  struct slc_error *error);

/* The part of `name` behind its prefix, when that is the prefix of `like`; else
 * empty. */
static inline struct slc_str slc_xml_local(struct slc_str name, struct slc_str like)
{
    const char *colon = memchr(like.data, ':', like.len);
    size_t prefix = colon ? (size_t)(colon - like.data) + 1 : 0;

    if (name.len <= prefix || (prefix && memcmp(name.data, like.data, prefix) != 0))
        return (struct slc_str){.data = "", .len = 0};
    return (struct slc_str){name.data + prefix, name.len - prefix};
}

/* Take up to the end tag of an element that was just opened; false on STOP, *at
 * as there. */
bool slc_xml_skip(const char **at, const char *end);

/* Take the root element's start tag at the window's start: `ret_name` (of
 * `size_bytes`) gets its name as it stands there. It has to be a SpreadsheetML
 * `local`. Errors: FORMAT, IO, LIMIT. */
bool slc_xml_take_root(struct slc_xml_window *window, const char *local, char *ret_name,
                       size_t size_bytes, struct slc_error *error);

/* Write `raw` at `to` (room for raw.len) as XML has it: references resolved
 * unless `is_cdata`, line ends made LF. Returns the end, NULL when a reference
 * is none or a character is not allowed. */
char *slc_xml_decode(char *to, struct slc_str raw, bool is_cdata);

/* Resolve the _xHHHH_ escapes of ST_Xstring (ECMA-376 part 1, 22.9.2.19) in
 * place; returns the new length. One that stands for NUL or half a surrogate
 * pair stays as it is. */
size_t slc_xml_unescape(char *text, size_t len);

#endif
