/* Parts of the archive through expat. */
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/utf8.h"
#include "reader/xlsx_book.h"

enum { BLOCK_BYTES = 64 << 10 };

/* A part may unpack to this much, or to this many times its packed size. */
#define SOUND_BYTES (UINT64_C(64) << 20)
#define SOUND_RATIO 300

const char *slc_xlsx_local(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon ? colon + 1 : name;
}

const char *slc_xlsx_attribute(const char *const *attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(slc_xlsx_local(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

void slc_xlsx_part_fail(struct slc_xlsx_part *part, enum slc_error_code code, const char *message)
{
    if (part->failure.code == SLC_ERR_NONE)
        slc_fail(&part->failure, code, "%s", message);
    XML_StopParser(part->parser, XML_FALSE);
}

/* No part of a workbook has one; entities could grow without bound. */
static void XMLCALL refuse_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
                                   const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    slc_xlsx_part_fail(data, SLC_ERR_FORMAT,
                       "the workbook has a document type declaration in it, which none should");
}

static bool check_sound(const zip_stat_t *status, struct slc_error *error)
{
    if (status->valid & ZIP_STAT_ENCRYPTION_METHOD && status->encryption_method != ZIP_EM_NONE)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the workbook is encrypted; save it without a password");
    if (!(status->valid & ZIP_STAT_SIZE) || !(status->valid & ZIP_STAT_COMP_SIZE))
        return slc_fail(error, SLC_ERR_FORMAT, "the workbook's archive is damaged");
    if (status->size > SOUND_BYTES && status->size / SOUND_RATIO > status->comp_size)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "a part of the workbook unpacks to more than %d times its size; this looks "
                        "like a zip bomb",
                        SOUND_RATIO);
    return true;
}

bool slc_xlsx_part_open(struct slc_xlsx_part *part, struct slc_xlsx_book *book, struct slc_str path,
                        struct slc_error *error)
{
    zip_stat_t status;
    zip_int64_t index;

    memset(part, 0, sizeof(*part));
    index = zip_name_locate(book->archive, path.data, ZIP_FL_NOCASE);
    if (index < 0)
        return slc_fail(error, SLC_ERR_NOT_FOUND, "the workbook has no part %.*s",
                        SLC_STR_ARG(path));
    if (zip_stat_index(book->archive, (zip_uint64_t)index, 0, &status) < 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the workbook's archive is damaged");
    if (!check_sound(&status, error))
        return false;
    part->size_bytes = status.size;
    part->file = zip_fopen_index(book->archive, (zip_uint64_t)index, 0);
    if (!part->file)
        return slc_fail(error, SLC_ERR_FORMAT, "the workbook's part %.*s cannot be unpacked (%s)",
                        SLC_STR_ARG(path), zip_strerror(book->archive));
    part->parser = XML_ParserCreate(NULL);
    if (!part->parser)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    XML_SetUserData(part->parser, part);
    XML_SetStartDoctypeDeclHandler(part->parser, refuse_doctype);
    return true;
}

static int fail_part(struct slc_xlsx_part *part, struct slc_error *error)
{
    enum XML_Error code = XML_GetErrorCode(part->parser);

    if (part->failure.code != SLC_ERR_NONE) {
        if (error)
            *error = part->failure;
    } else if (code == XML_ERROR_NO_MEMORY) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    } else {
        slc_fail(error, SLC_ERR_FORMAT, "the workbook is damaged (%s)", XML_ErrorString(code));
    }
    return -1;
}

/* One more block into the parser. */
static enum XML_Status feed(struct slc_xlsx_part *part)
{
    void *block = XML_GetBuffer(part->parser, BLOCK_BYTES);
    zip_int64_t got;

    if (!block)
        return XML_STATUS_ERROR;
    got = zip_fread(part->file, block, BLOCK_BYTES);
    if (got < 0) {
        slc_fail(&part->failure, SLC_ERR_FORMAT, "the workbook is damaged (%s)",
                 zip_file_strerror(part->file));
        return XML_STATUS_ERROR;
    }
    part->read_bytes += (uint64_t)got;
    if (part->read_bytes > part->size_bytes) {
        slc_fail(&part->failure, SLC_ERR_FORMAT, "a part of the workbook is longer than it says");
        return XML_STATUS_ERROR;
    }
    part->ended = got == 0;
    return XML_ParseBuffer(part->parser, (int)got, got == 0);
}

int slc_xlsx_part_parse(struct slc_xlsx_part *part, struct slc_error *error)
{
    XML_ParsingStatus status;
    enum XML_Status result = XML_STATUS_OK;

    XML_GetParsingStatus(part->parser, &status);
    if (status.parsing == XML_SUSPENDED)
        result = XML_ResumeParser(part->parser);
    while (result == XML_STATUS_OK && !part->ended)
        result = feed(part);
    if (result == XML_STATUS_ERROR)
        return fail_part(part, error);
    part->finished = result == XML_STATUS_OK;
    return result == XML_STATUS_SUSPENDED;
}

void slc_xlsx_part_close(struct slc_xlsx_part *part)
{
    if (part->parser)
        XML_ParserFree(part->parser);
    if (part->file)
        zip_fclose(part->file);
    part->parser = NULL;
    part->file = NULL;
}

static int hex_value(const char *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char c = slc_ascii_lower(p[i]);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

size_t slc_xlsx_unescape(char *text, size_t len)
{
    char *to = text, *p = text, *end = text + len;
    SLC_AUTO_BUF struct slc_buf character = {0};

    if (!memchr(text, '_', len))
        return len;
    while (p < end) {
        int value =
            end - p >= 7 && p[0] == '_' && p[1] == 'x' && p[6] == '_' ? hex_value(p + 2) : -1;

        if (value < 0 || (value >= 0xd800 && value <= 0xdfff)) {
            *to++ = *p++;
            continue;
        }
        slc_buf_clear(&character);
        slc_utf8_append(&character, (uint32_t)value);
        if (character.failed)
            return len;
        memcpy(to, character.data, character.len);
        to += character.len;
        p += 7;
    }
    return (size_t)(to - text);
}
