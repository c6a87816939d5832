#include "reader/xlsx_workbook.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "base/utf8.h"
#include "reader/xlsx_xml.h"

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
}

static bool is_true(const char *value)
{
    return value &&
           (strcmp(value, "1") == 0 || strcmp(value, "true") == 0 || strcmp(value, "on") == 0);
}

/* ---- What it is -------------------------------------------------------- */

struct types {
    struct slc_arena *arena;
    struct slc_str workbook; /* the part of a workbook's type */
    const char *refusal;
};

/* What to say of content types that are no XLSX. */
static const char *refusal_of(const char *type)
{
    if (strstr(type, "ms-excel.sheet.binary"))
        return "this is an XLSB workbook (binary); open it in a spreadsheet program and save it as "
               "XLSX or CSV";
    if (strstr(type, "wordprocessingml.document.main"))
        return "this is a Word document, not a table; save its table as XLSX or CSV";
    if (strstr(type, "presentationml") && strstr(type, ".main+xml"))
        return "this is a presentation, not a table";
    return NULL;
}

/* [Content_Types].xml (ECMA-376 part 2, 10.1.2). */
static bool on_type(void *user, const char *name, const char **attributes, struct slc_error *error)
{
    struct types *types = user;
    const char *bar = strrchr(name, '|');
    const char *part = slc_xml_attribute(attributes, "PartName");
    const char *type = slc_xml_attribute(attributes, "ContentType");

    if (!bar || !type)
        return true;
    if (!types->refusal)
        types->refusal = refusal_of(type);
    if (!part || types->workbook.data || strcmp(bar + 1, "Override") != 0)
        return true;
    if (!strstr(type, "spreadsheetml.sheet.main+xml") &&
        !strstr(type, "spreadsheetml.template.main+xml") &&
        !(strstr(type, "vnd.ms-excel.") && strstr(type, "macroEnabled.main+xml")))
        return true;
    types->workbook = slc_arena_copy(types->arena, slc_str_from(part + (part[0] == '/')));
    return types->workbook.data || no_memory(error);
}

/* An archive without a workbook: what it is, as far as one can tell. */
static bool fail_no_workbook(struct slc_zip *zip, struct slc_error *error)
{
    static const struct {
        const char *part, *message;
    } known[] = {
        {"content.xml", "this is an OpenDocument file (ODS?); open it in a spreadsheet program and "
                        "save it as XLSX or CSV"},
        {"Index/Document.iwa", "this is an Apple iWork document; export it as XLSX or CSV"},
        {"Index.zip", "this is an Apple iWork document; export it as XLSX or CSV"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int64_t index = -1;

        if (slc_zip_find(zip, slc_str_from(known[i].part), &index, NULL) && index >= 0)
            return slc_fail(error, SLC_ERR_FORMAT, "%s", known[i].message);
    }
    return slc_fail(error, SLC_ERR_FORMAT,
                    "this zip archive holds no workbook; unpack it and give the table in it");
}

/* The workbook's part: by the package's relationships, else by its type. */
static bool find_workbook(struct slc_workbook *book, struct slc_str *ret_part, int64_t *ret_index,
                          struct slc_error *error)
{
    static const struct slc_xml_handler handler = {.open = on_type};
    struct types types = {.arena = &book->arena};
    struct slc_xlsx_links links;
    const struct slc_xlsx_link *link;
    int64_t index;

    if (!slc_zip_find(book->zip, SLC_STR("[Content_Types].xml"), &index, error))
        return false;
    if (index >= 0 &&
        !slc_xml_parse(book->zip, index, SLC_WORKBOOK_MAX_PART_BYTES, &handler, &types, error))
        return false;
    if (types.refusal && !types.workbook.data)
        return slc_fail(error, SLC_ERR_FORMAT, "%s", types.refusal);
    *ret_part = types.workbook.data ? types.workbook : SLC_STR("xl/workbook.xml");
    if (!slc_xlsx_links_read(book->zip, SLC_STR(""), &book->arena, &links, error))
        return false;
    link = slc_xlsx_links_of_type(&links, "officeDocument");
    if (link && !slc_xlsx_link_resolve(&links, link, &book->arena, ret_part, error))
        return false;
    if (!slc_zip_find(book->zip, *ret_part, ret_index, error))
        return false;
    return *ret_index >= 0 || fail_no_workbook(book->zip, error);
}

bool slc_workbook_fail_ole(struct slc_str head, struct slc_error *error)
{
    static const char encrypted[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e";

    if (memmem(head.data, head.len, encrypted, sizeof(encrypted)))
        return slc_fail(error, SLC_ERR_FORMAT,
                        "this workbook is encrypted (protected by a password to open it); save it "
                        "without the password");
    return slc_fail(error, SLC_ERR_FORMAT,
                    "this is an old Office file (XLS?) or an encrypted workbook; open it in a "
                    "spreadsheet program and save it as XLSX or CSV, without a password");
}

/* ---- The workbook ------------------------------------------------------ */

struct reading {
    struct slc_workbook *book;
    int64_t capacity;
    bool is_workbook;
};

static bool reserve_sheet(struct reading *r, struct slc_error *error)
{
    struct slc_workbook *book = r->book;
    struct slc_worksheet *more;

    if (book->n_sheets < r->capacity)
        return true;
    if (book->n_sheets >= SLC_WORKBOOK_MAX_SHEETS)
        return slc_fail(error, SLC_ERR_LIMIT, "the workbook has more than %d sheets",
                        SLC_WORKBOOK_MAX_SHEETS);
    r->capacity = r->capacity ? 2 * r->capacity : 8;
    more = slc_arena_alloc(&book->arena, (size_t)r->capacity * sizeof(*more));
    if (!more)
        return no_memory(error);
    if (book->n_sheets)
        memcpy(more, book->sheets, (size_t)book->n_sheets * sizeof(*more));
    book->sheets = more;
    return true;
}

static bool add_sheet(struct reading *r, const char **attributes, struct slc_error *error)
{
    struct slc_workbook *book = r->book;
    const char *name = slc_xml_attribute(attributes, "name");
    const char *state = slc_xml_attribute(attributes, "state");
    const char *relation = slc_xml_attribute(
        attributes, "http://schemas.openxmlformats.org/officeDocument/2006/relationships|id");
    struct slc_worksheet *sheet;

    if (!relation) /* strict */
        relation = slc_xml_attribute(attributes,
                                     "http://purl.oclc.org/ooxml/officeDocument/relationships|id");
    if (!reserve_sheet(r, error))
        return false;
    sheet = &book->sheets[book->n_sheets];
    sheet->name = slc_arena_copy(&book->arena, slc_str_from(name ? name : ""));
    sheet->relation = slc_arena_copy(&book->arena, slc_str_from(relation ? relation : ""));
    sheet->is_hidden = state && strcmp(state, "visible") != 0;
    if (!sheet->name.data || !sheet->relation.data)
        return no_memory(error);
    book->n_sheets++;
    return true;
}

static bool on_workbook(void *user, const char *name, const char **attributes,
                        struct slc_error *error)
{
    struct reading *r = user;
    const char *local = slc_xml_sheet_name(name);

    if (strcmp(local, "workbook") == 0)
        r->is_workbook = true;
    else if (strcmp(local, "workbookPr") == 0)
        r->book->since_1904 = is_true(slc_xml_attribute(attributes, "date1904"));
    else if (strcmp(local, "sheet") == 0)
        return add_sheet(r, attributes, error);
    return true;
}

static bool read_workbook(struct slc_workbook *book, struct slc_error *error)
{
    static const struct slc_xml_handler handler = {.open = on_workbook};
    struct reading reading = {.book = book};
    struct slc_str part;
    int64_t index;

    if (!find_workbook(book, &part, &index, error) ||
        !slc_xml_parse(book->zip, index, SLC_WORKBOOK_MAX_PART_BYTES, &handler, &reading, error))
        return false;
    if (!reading.is_workbook)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "\"%.*s\" is no workbook; open the file in a spreadsheet program and save "
                        "it as XLSX or CSV",
                        SLC_STR_ARG(slc_utf8_clip(part, 200)));
    if (book->n_sheets == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the workbook has no sheets");
    return slc_xlsx_links_read(book->zip, part, &book->arena, &book->links, error);
}

/* ---- Styles ------------------------------------------------------------ */

struct styles {
    struct slc_workbook *book;
    enum { ELSEWHERE, IN_FORMATS, IN_CELLS } place;
    uint8_t kinds[SLC_WORKBOOK_MAX_FORMAT_ID + 1]; /* by number format */
    int64_t capacity;
};

static bool format_id(const char **attributes, int64_t *ret_id, struct slc_error *error)
{
    struct slc_str text = slc_str_from(slc_xml_attribute(attributes, "numFmtId"));

    *ret_id = 0;
    if (!text.data)
        return true;
    if (slc_parse_int64(text.data, text.len, ret_id) && *ret_id >= 0 &&
        *ret_id <= SLC_WORKBOOK_MAX_FORMAT_ID)
        return true;
    return slc_fail(error, SLC_ERR_FORMAT,
                    "the workbook's number format \"%.*s\" is not one of 0 to %d; open the "
                    "workbook in a spreadsheet program and save it again",
                    SLC_STR_ARG(slc_utf8_clip(text, 40)), SLC_WORKBOOK_MAX_FORMAT_ID);
}

static bool add_style(struct styles *styles, int64_t id, struct slc_error *error)
{
    struct slc_workbook *book = styles->book;

    if (book->n_kinds == styles->capacity) {
        int64_t capacity = styles->capacity ? 2 * styles->capacity : 256;
        uint8_t *kinds;

        if (capacity > SLC_WORKBOOK_MAX_STYLES)
            return slc_fail(error, SLC_ERR_LIMIT, "the workbook has more than %d cell styles",
                            SLC_WORKBOOK_MAX_STYLES);
        kinds = realloc(book->kinds, (size_t)capacity);
        if (!kinds)
            return no_memory(error);
        book->kinds = kinds;
        styles->capacity = capacity;
    }
    book->kinds[book->n_kinds++] = styles->kinds[id];
    return true;
}

static bool on_style(void *user, const char *name, const char **attributes, struct slc_error *error)
{
    struct styles *styles = user;
    const char *local = slc_xml_sheet_name(name);
    int64_t id;

    if (strcmp(local, "numFmts") == 0) {
        styles->place = IN_FORMATS;
    } else if (strcmp(local, "cellXfs") == 0) {
        styles->place = IN_CELLS;
    } else if (styles->place == IN_FORMATS && strcmp(local, "numFmt") == 0) {
        const char *code = slc_xml_attribute(attributes, "formatCode");

        if (!format_id(attributes, &id, error))
            return false;
        if (code)
            styles->kinds[id] = (uint8_t)slc_xlsx_code_kind(slc_str_from(code));
    } else if (styles->place == IN_CELLS && strcmp(local, "xf") == 0) {
        return format_id(attributes, &id, error) && add_style(styles, id, error);
    }
    return true;
}

/* Other elements may hold a numFmt or xf, too: differential and named styles. */
static void on_style_end(void *user, const char *name)
{
    struct styles *styles = user;
    const char *local = slc_xml_sheet_name(name);

    if (strcmp(local, "numFmts") == 0 || strcmp(local, "cellXfs") == 0)
        styles->place = ELSEWHERE;
}

/* The part that a link of that type leads to; -1 when there is none. */
static bool find_linked(struct slc_workbook *book, const char *type, int64_t *ret_index,
                        struct slc_error *error)
{
    const struct slc_xlsx_link *link = slc_xlsx_links_of_type(&book->links, type);
    struct slc_str part;

    *ret_index = -1;
    return !link || (slc_xlsx_link_resolve(&book->links, link, &book->arena, &part, error) &&
                     slc_zip_find(book->zip, part, ret_index, error));
}

static bool read_styles(struct slc_workbook *book, struct slc_error *error)
{
    static const struct slc_xml_handler handler = {.open = on_style, .close = on_style_end};
    SLC_AUTO_FREE struct styles *styles = calloc(1, sizeof(*styles));
    int64_t index;

    if (!styles)
        return no_memory(error);
    styles->book = book;
    for (int64_t id = 0; id <= SLC_XLSX_LAST_BUILTIN; id++)
        styles->kinds[id] = (uint8_t)slc_xlsx_builtin_kind(id);
    if (!find_linked(book, "styles", &index, error))
        return false;
    return index < 0 ||
           slc_xml_parse(book->zip, index, SLC_WORKBOOK_MAX_PART_BYTES, &handler, styles, error);
}

/* ---- All of it --------------------------------------------------------- */

bool slc_workbook_open(struct slc_workbook *book, int fd, struct slc_error *error)
{
    int64_t index;

    return slc_zip_open(fd, &book->zip, error) && read_workbook(book, error) &&
           read_styles(book, error) && find_linked(book, "sharedStrings", &index, error) &&
           (index < 0 || slc_strings_read(&book->strings, book->zip, index, error));
}

void slc_workbook_release(struct slc_workbook *book)
{
    slc_strings_release(&book->strings);
    free(book->kinds);
    slc_arena_release(&book->arena);
    slc_zip_close(book->zip);
    *book = (struct slc_workbook){0};
}

/* ---- Finding a sheet --------------------------------------------------- */

static bool is_worksheet(const struct slc_workbook *book, const struct slc_worksheet *sheet)
{
    const struct slc_xlsx_link *link = slc_xlsx_links_of_id(&book->links, sheet->relation);

    return link && slc_str_is(link->type, "worksheet");
}

static const struct slc_worksheet *first_sheet(const struct slc_workbook *book)
{
    for (int visible = 1; visible >= 0; visible--)
        for (int64_t i = 0; i < book->n_sheets; i++)
            if ((!visible || !book->sheets[i].is_hidden) && is_worksheet(book, &book->sheets[i]))
                return &book->sheets[i];
    return NULL;
}

static const struct slc_worksheet *choose(const struct slc_workbook *book, struct slc_str wanted)
{
    int64_t position;

    if (wanted.len == 0)
        return first_sheet(book);
    for (int64_t i = 0; i < book->n_sheets; i++)
        if (slc_str_eq(book->sheets[i].name, wanted))
            return &book->sheets[i];
    for (int64_t i = 0; i < book->n_sheets; i++)
        if (slc_str_eq_nocase(book->sheets[i].name, wanted))
            return &book->sheets[i];
    if (slc_parse_int64(wanted.data, wanted.len, &position) && position >= 1 &&
        position <= book->n_sheets)
        return &book->sheets[position - 1];
    return NULL;
}

static bool fail_no_sheet(const struct slc_workbook *book, struct slc_str wanted,
                          struct slc_error *error)
{
    enum { SHOWN = 10, SHOWN_BYTES = 48 };
    SLC_AUTO_BUF struct slc_buf names = {0};

    if (wanted.len == 0)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the workbook has no worksheet, only charts or macros");
    for (int64_t i = 0; i < book->n_sheets && i < SHOWN; i++) {
        slc_buf_append_text(&names, i ? ", \"" : "\"");
        slc_buf_append_str(&names, slc_utf8_clip(book->sheets[i].name, SHOWN_BYTES));
        slc_buf_append_byte(&names, '"');
    }
    if (book->n_sheets > SHOWN)
        slc_buf_append_text(&names, ", ...");
    if (!slc_buf_text(&names))
        return no_memory(error);
    wanted = slc_utf8_clip(wanted, SHOWN_BYTES);
    return slc_fail(error, SLC_ERR_NOT_FOUND,
                    "the workbook has no sheet \"%.*s\"; its %lld sheets are %s",
                    SLC_STR_ARG(wanted), (long long)book->n_sheets, names.data);
}

bool slc_workbook_find(struct slc_workbook *book, struct slc_str wanted,
                       const struct slc_worksheet **ret_sheet, int64_t *ret_part,
                       struct slc_error *error)
{
    const struct slc_worksheet *sheet = choose(book, wanted);
    const struct slc_xlsx_link *link;
    struct slc_str part, name;

    if (!sheet)
        return fail_no_sheet(book, wanted, error);
    name = slc_utf8_clip(sheet->name, 100);
    link = slc_xlsx_links_of_id(&book->links, sheet->relation);
    if (!link)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the workbook does not say where its sheet \"%.*s\" is; open it in a "
                        "spreadsheet program and save it again",
                        SLC_STR_ARG(name));
    if (!slc_str_is(link->type, "worksheet"))
        return slc_fail(error, SLC_ERR_FORMAT, "the sheet \"%.*s\" is a %.*s and has no cells",
                        SLC_STR_ARG(name), SLC_STR_ARG(slc_utf8_clip(link->type, 40)));
    if (!slc_xlsx_link_resolve(&book->links, link, &book->arena, &part, error) ||
        !slc_zip_find(book->zip, part, ret_part, error))
        return false;
    if (*ret_part < 0)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the archive lacks \"%.*s\", the sheet \"%.*s\"; copy the file again",
                        SLC_STR_ARG(slc_utf8_clip(part, 100)), SLC_STR_ARG(name));
    *ret_sheet = sheet;
    return true;
}
