/* The workbook: its archive, sheets, styles and shared strings. */
#include "reader/xlsx_book.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { MAX_SHEETS = 4096, MAX_STYLES = 1 << 20, MAX_PATH_BYTES = 1024 };

/* Shared strings have to be in memory as long as the sheet is read. */
#define MAX_STRINGS_BYTES (INT64_C(512) << 20)

/* ---- The file as libzip wants it: by pread, the offset left alone ------- */

struct file_source {
    int fd;
    zip_int64_t at, size;
    zip_error_t error;
};

static zip_int64_t read_source(struct file_source *source, void *data, zip_uint64_t len)
{
    for (;;) {
        ssize_t got = pread(source->fd, data, len < INT_MAX ? (size_t)len : INT_MAX, source->at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            zip_error_set(&source->error, ZIP_ER_READ, errno);
            return -1;
        }
        source->at += got;
        return got;
    }
}

static zip_int64_t stat_source(struct file_source *source, void *data, zip_uint64_t len)
{
    zip_stat_t *status = data;

    if (len < sizeof(*status)) {
        zip_error_set(&source->error, ZIP_ER_INVAL, 0);
        return -1;
    }
    zip_stat_init(status);
    status->size = (zip_uint64_t)source->size;
    status->valid |= ZIP_STAT_SIZE;
    return sizeof(*status);
}

static zip_int64_t file_source_call(void *state, void *data, zip_uint64_t len,
                                    zip_source_cmd_t command)
{
    struct file_source *source = state;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        source->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_source(source, data, len);
    case ZIP_SOURCE_CLOSE:
        return 0;
    case ZIP_SOURCE_STAT:
        return stat_source(source, data, len);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&source->error, data, len);
    case ZIP_SOURCE_FREE:
        free(source);
        return 0;
    case ZIP_SOURCE_SEEK: {
        zip_int64_t at = zip_source_seek_compute_offset(
            (zip_uint64_t)source->at, (zip_uint64_t)source->size, data, len, &source->error);

        if (at >= 0)
            source->at = at;
        return at < 0 ? -1 : 0;
    }
    case ZIP_SOURCE_TELL:
        return source->at;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
        zip_error_set(&source->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

static bool open_archive(struct slc_xlsx_book *book, int fd, struct slc_error *error)
{
    struct file_source *source = calloc(1, sizeof(*source));
    zip_source_t *zip_source;
    zip_error_t fault;

    if (!source)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    zip_error_init(&fault);
    zip_error_init(&source->error);
    source->fd = fd;
    source->size = lseek(fd, 0, SEEK_END);
    zip_source = zip_source_function_create(file_source_call, source, &fault);
    if (!zip_source) {
        free(source);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    }
    book->archive = zip_open_from_source(zip_source, ZIP_RDONLY, &fault);
    if (!book->archive) {
        slc_fail(error, SLC_ERR_FORMAT,
                 "this looks like a workbook, but its archive cannot be read (%s); is the file "
                 "complete?",
                 zip_error_strerror(&fault));
        zip_source_free(zip_source);
    }
    zip_error_fini(&fault);
    return book->archive != NULL;
}

/* ---- Which parts there are --------------------------------------------- */

struct relation {
    struct slc_str id, path;
    enum { RELATION_OTHER, RELATION_SHEET, RELATION_STRINGS, RELATION_STYLES, RELATION_BOOK } kind;
};

struct loading {
    struct slc_xlsx_part part; /* first: it is the handlers' user data */
    struct slc_xlsx_book *book;
    struct slc_str folder; /* of the part whose relations these are */
    struct relation relations[MAX_SHEETS];
    int64_t n_relations;
    int64_t room; /* for sheets, styles or strings */
    /* Styles. */
    bool in_cell_formats;
    struct {
        int64_t id;
        enum slc_xlsx_format format;
    } * custom;
    int64_t n_custom, custom_room;
    /* Shared strings. */
    struct slc_buf text;
    bool in_text;
    int phonetic_depth;
    int64_t strings_bytes;
};

static struct slc_str keep(struct loading *l, struct slc_str s)
{
    struct slc_str copy = slc_arena_copy(&l->book->arena, s);

    if (!copy.data) {
        slc_xlsx_part_fail(&l->part, SLC_ERR_MEMORY, "no memory to read the workbook");
        return SLC_STR("");
    }
    return copy;
}

/* A target is relative to its part's folder, or to the archive's root. */
static struct slc_str target_path(struct loading *l, const char *target)
{
    char path[MAX_PATH_BYTES];
    size_t len = l->folder.len, target_len = strlen(target);

    if (target[0] == '/')
        return keep(l, slc_str_from(target + 1));
    if (len + target_len >= sizeof(path))
        return SLC_STR("");
    if (len)
        memcpy(path, l->folder.data, len);
    while (target_len >= 3 && memcmp(target, "../", 3) == 0) {
        target += 3;
        target_len -= 3;
        for (len -= len > 0; len > 0 && path[len - 1] != '/';)
            len--;
    }
    memcpy(path + len, target, target_len);
    return keep(l, (struct slc_str){path, len + target_len});
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text), end_len = strlen(end);

    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

static void XMLCALL start_relation(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct loading *l = data;
    const char *id, *type, *target;
    struct relation *relation;

    if (strcmp(slc_xlsx_local(name), "Relationship") != 0)
        return;
    id = slc_xlsx_attribute(attributes, "Id");
    type = slc_xlsx_attribute(attributes, "Type");
    target = slc_xlsx_attribute(attributes, "Target");
    if (!id || !type || !target)
        return;
    if (l->n_relations == MAX_SHEETS) {
        slc_xlsx_part_fail(&l->part, SLC_ERR_LIMIT, "the workbook has more than 4096 parts");
        return;
    }
    relation = &l->relations[l->n_relations++];
    *relation = (struct relation){.id = keep(l, slc_str_from(id)), .path = target_path(l, target)};
    if (ends_with(type, "/worksheet"))
        relation->kind = RELATION_SHEET;
    else if (ends_with(type, "/sharedStrings"))
        relation->kind = RELATION_STRINGS;
    else if (ends_with(type, "/styles"))
        relation->kind = RELATION_STYLES;
    else if (ends_with(type, "/officeDocument"))
        relation->kind = RELATION_BOOK;
}

/* Room for one more of `size` bytes behind `n`; doubles `*room`. */
static bool grow(struct loading *l, void **array, int64_t n, int64_t *room, size_t size)
{
    int64_t wanted = *room ? 2 * *room : 64;
    void *more;

    if (n < *room)
        return true;
    more = realloc(*array, (size_t)wanted * size);
    if (!more) {
        slc_xlsx_part_fail(&l->part, SLC_ERR_MEMORY, "no memory to read the workbook");
        return false;
    }
    *array = more;
    *room = wanted;
    return true;
}

static bool is_true(const char *value)
{
    return value &&
           (strcmp(value, "1") == 0 || strcmp(value, "true") == 0 || strcmp(value, "on") == 0);
}

static void XMLCALL start_in_book(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct loading *l = data;
    const char *local = slc_xlsx_local(name), *title, *id, *state;
    struct slc_xlsx_book *book = l->book;

    if (strcmp(local, "workbookPr") == 0)
        book->epoch_1904 = is_true(slc_xlsx_attribute(attributes, "date1904"));
    if (strcmp(local, "sheet") != 0)
        return;
    title = slc_xlsx_attribute(attributes, "name");
    id = slc_xlsx_attribute(attributes, "id");
    state = slc_xlsx_attribute(attributes, "state");
    for (int64_t i = 0; title && id && i < l->n_relations; i++) {
        if (l->relations[i].kind != RELATION_SHEET || !slc_str_is(l->relations[i].id, id))
            continue;
        if (!grow(l, (void **)&book->sheets, book->n_sheets, &l->room, sizeof(*book->sheets)))
            return;
        book->sheets[book->n_sheets++] =
            (struct slc_xlsx_sheet){.name = keep(l, slc_str_from(title)),
                                    .path = l->relations[i].path,
                                    .hidden = state && strcmp(state, "visible") != 0};
        return;
    }
}

static bool load_part(struct loading *l, struct slc_str path, XML_StartElementHandler start,
                      XML_EndElementHandler end, XML_CharacterDataHandler text,
                      struct slc_error *error)
{
    bool good = slc_xlsx_part_open(&l->part, l->book, path, error);

    if (good) {
        XML_SetElementHandler(l->part.parser, start, end);
        XML_SetCharacterDataHandler(l->part.parser, text);
        good = slc_xlsx_part_parse(&l->part, error) == 0;
    }
    slc_xlsx_part_close(&l->part);
    return good;
}

/* ---- Styles ------------------------------------------------------------ */

/* 18.8.30: the formats that need not be written down. */
static enum slc_xlsx_format built_in_format(int64_t id)
{
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 54) ||
        id == 57 || id == 58)
        return SLC_XLSX_DATE;
    if (id == 22)
        return SLC_XLSX_DATETIME;
    if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id == 45 || id == 47 || id == 55 ||
        id == 56)
        return SLC_XLSX_TIME;
    return id == 46 ? SLC_XLSX_DURATION : SLC_XLSX_NUMBER;
}

static int64_t number_of(const char *text)
{
    int64_t number;

    return text && slc_parse_int64(text, strlen(text), &number) ? number : -1;
}

static enum slc_xlsx_format format_of_id(const struct loading *l, int64_t id)
{
    for (int64_t i = 0; i < l->n_custom; i++)
        if (l->custom[i].id == id)
            return l->custom[i].format;
    return built_in_format(id);
}

static void XMLCALL start_in_styles(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct loading *l = data;
    struct slc_xlsx_book *book = l->book;
    const char *local = slc_xlsx_local(name), *code;

    if (strcmp(local, "cellXfs") == 0) {
        l->in_cell_formats = true;
    } else if (strcmp(local, "numFmt") == 0 && !l->in_cell_formats) {
        code = slc_xlsx_attribute(attributes, "formatCode");
        if (!code || l->n_custom == MAX_SHEETS ||
            !grow(l, (void **)&l->custom, l->n_custom, &l->custom_room, sizeof(*l->custom)))
            return;
        l->custom[l->n_custom].id = number_of(slc_xlsx_attribute(attributes, "numFmtId"));
        l->custom[l->n_custom++].format = slc_xlsx_format_of(slc_str_from(code));
    } else if (strcmp(local, "xf") == 0 && l->in_cell_formats) {
        if (book->n_formats == MAX_STYLES) {
            slc_xlsx_part_fail(&l->part, SLC_ERR_LIMIT,
                               "the workbook has more than a million styles");
            return;
        }
        if (!grow(l, (void **)&book->formats, book->n_formats, &l->room, sizeof(*book->formats)))
            return;
        book->formats[book->n_formats++] =
            format_of_id(l, number_of(slc_xlsx_attribute(attributes, "numFmtId")));
    }
}

static void XMLCALL end_in_styles(void *data, const XML_Char *name)
{
    struct loading *l = data;

    if (strcmp(slc_xlsx_local(name), "cellXfs") == 0)
        l->in_cell_formats = false;
}

/* ---- Shared strings ---------------------------------------------------- */

static void XMLCALL start_in_strings(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct loading *l = data;
    const char *local = slc_xlsx_local(name);

    (void)attributes;
    if (strcmp(local, "si") == 0)
        slc_buf_clear(&l->text);
    else if (strcmp(local, "rPh") == 0)
        l->phonetic_depth++;
    else if (strcmp(local, "t") == 0)
        l->in_text = l->phonetic_depth == 0;
}

static void XMLCALL text_in_strings(void *data, const XML_Char *text, int len)
{
    struct loading *l = data;

    if (!l->in_text)
        return;
    slc_buf_append(&l->text, text, (size_t)len);
    if (l->text.len > 1 << 20)
        slc_xlsx_part_fail(&l->part, SLC_ERR_LIMIT, "a text of the workbook is longer than 1 MiB");
}

static void XMLCALL end_in_strings(void *data, const XML_Char *name)
{
    struct loading *l = data;
    struct slc_xlsx_book *book = l->book;
    const char *local = slc_xlsx_local(name);

    if (strcmp(local, "t") == 0)
        l->in_text = false;
    else if (strcmp(local, "rPh") == 0)
        l->phonetic_depth--;
    if (strcmp(local, "si") != 0)
        return;
    if (l->text.failed) {
        slc_xlsx_part_fail(&l->part, SLC_ERR_MEMORY, "no memory for the workbook's texts");
        return;
    }
    if (l->text.len)
        l->text.len = slc_xlsx_unescape(l->text.data, l->text.len);
    l->strings_bytes += (int64_t)(l->text.len + sizeof(struct slc_str));
    if (l->strings_bytes > MAX_STRINGS_BYTES) {
        slc_xlsx_part_fail(
            &l->part, SLC_ERR_LIMIT,
            "the workbook's shared texts are more than 512 MiB; save the sheet as CSV");
        return;
    }
    if (grow(l, (void **)&book->strings, book->n_strings, &l->room, sizeof(*book->strings)))
        book->strings[book->n_strings++] = keep(l, slc_buf_view(&l->text));
}

/* ---- All of it --------------------------------------------------------- */

static bool refuse_relatives(struct slc_xlsx_book *book, struct slc_error *error)
{
    if (zip_name_locate(book->archive, "xl/workbook.bin", ZIP_FL_NOCASE) >= 0)
        return slc_fail(error, SLC_ERR_FORMAT, "this is an XLSB workbook; save it as XLSX or CSV");
    if (zip_name_locate(book->archive, "content.xml", ZIP_FL_NOCASE) >= 0)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "this is an OpenDocument file (ODS?); save it as XLSX or CSV");
    return slc_fail(error, SLC_ERR_FORMAT, "this is a zip archive, but no XLSX workbook");
}

static struct slc_str path_of_kind(const struct loading *l, int kind)
{
    for (int64_t i = 0; i < l->n_relations; i++)
        if ((int)l->relations[i].kind == kind)
            return l->relations[i].path;
    return SLC_STR("");
}

/* xl/workbook.xml has its relations in xl/_rels/workbook.xml.rels. */
static struct slc_str relations_path(struct loading *l, struct slc_str path)
{
    char text[MAX_PATH_BYTES + 16];
    size_t folder = path.len;

    while (folder > 0 && path.data[folder - 1] != '/')
        folder--;
    l->folder = (struct slc_str){path.data, folder};
    snprintf(text, sizeof(text), "%.*s_rels/%.*s.rels", (int)folder, path.data,
             (int)(path.len - folder), path.data + folder);
    return keep(l, slc_str_from(text));
}

static bool load_book(struct loading *l, struct slc_error *error)
{
    struct slc_xlsx_book *book = l->book;
    struct slc_str path, part;

    if (!load_part(l, SLC_STR("_rels/.rels"), start_relation, NULL, NULL, error))
        return error && error->code == SLC_ERR_NOT_FOUND ? refuse_relatives(book, error) : false;
    path = path_of_kind(l, RELATION_BOOK);
    if (path.len == 0 || ends_with(path.data, ".bin") ||
        zip_name_locate(book->archive, path.data, ZIP_FL_NOCASE) < 0)
        return refuse_relatives(book, error);
    l->n_relations = 0;
    if (!load_part(l, relations_path(l, path), start_relation, NULL, NULL, error) ||
        !load_part(l, path, start_in_book, NULL, NULL, error))
        return false;
    if (book->n_sheets == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the workbook has no worksheet (is it no XLSX?)");
    part = path_of_kind(l, RELATION_STYLES);
    l->room = 0;
    if (part.len && !load_part(l, part, start_in_styles, end_in_styles, NULL, error))
        return false;
    part = path_of_kind(l, RELATION_STRINGS);
    l->room = 0;
    return !part.len ||
           load_part(l, part, start_in_strings, end_in_strings, text_in_strings, error);
}

bool slc_xlsx_book_open(struct slc_xlsx_book *book, int fd, struct slc_error *error)
{
    struct loading *l = calloc(1, sizeof(*l));
    struct slc_error own = {0};
    bool good;

    if (!l)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    l->book = book;
    good = open_archive(book, fd, &own) && load_book(l, &own);
    if (!good && error)
        *error = own;
    if (!good && error && own.code == SLC_ERR_NOT_FOUND)
        error->code = SLC_ERR_FORMAT;
    slc_buf_release(&l->text);
    free(l->custom);
    free(l);
    return good;
}

void slc_xlsx_book_release(struct slc_xlsx_book *book)
{
    if (book->archive)
        zip_discard(book->archive);
    free(book->sheets);
    free(book->formats);
    free(book->strings);
    slc_arena_release(&book->arena);
    *book = (struct slc_xlsx_book){0};
}
