/* Small parts of a workbook through expat. */
#include <expat.h>

#include "reader/xlsx_xml.h"

enum { MAX_DEPTH = 100 };

struct run {
    XML_Parser parser;
    const struct slc_xml_handler *handler;
    void *user;
    const char *part;
    struct slc_error *error;
    struct slc_error own;
    int depth;
    bool stopped;
};

static void stop(struct run *run)
{
    run->stopped = true;
    XML_StopParser(run->parser, XML_FALSE);
}

static void XMLCALL on_open(void *user, const char *name, const char **attributes)
{
    struct run *run = user;

    if (run->stopped)
        return;
    if (++run->depth > MAX_DEPTH) {
        slc_fail(run->error, SLC_ERR_LIMIT, "\"%s\" is nested more than %d deep", run->part,
                 MAX_DEPTH);
        stop(run);
    } else if (!run->handler->open(run->user, name, attributes, run->error)) {
        stop(run);
    }
}

static void XMLCALL on_close(void *user, const char *name)
{
    struct run *run = user;

    run->depth--;
    if (!run->stopped && run->handler->close)
        run->handler->close(run->user, name);
}

static void XMLCALL on_doctype(void *user, const char *name, const char *system_id,
                               const char *public_id, int has_internal)
{
    struct run *run = user;

    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    slc_xml_fail_dtd(run->part, run->error);
    stop(run);
}

static bool feed(struct run *run, struct slc_zip_part *part)
{
    enum { BLOCK_BYTES = 64 << 10 };
    int64_t got;

    do {
        void *block = XML_GetBuffer(run->parser, BLOCK_BYTES);
        enum XML_Status status;

        if (!block)
            return slc_fail(run->error, SLC_ERR_MEMORY, "no memory to read \"%s\"", run->part);
        got = slc_zip_part_read(part, block, BLOCK_BYTES, run->error);
        if (got < 0)
            return false;
        status = XML_ParseBuffer(run->parser, (int)got, got == 0);
        if (run->stopped)
            return false;
        if (status != XML_STATUS_OK)
            return slc_fail(run->error, SLC_ERR_FORMAT,
                            "\"%s\" is damaged: %s in line %llu; open the workbook in a "
                            "spreadsheet program and save it again",
                            run->part, XML_ErrorString(XML_GetErrorCode(run->parser)),
                            (unsigned long long)XML_GetCurrentLineNumber(run->parser));
    } while (got > 0);
    return true;
}

bool slc_xml_parse(struct slc_zip *zip, int64_t index, int64_t max_bytes,
                   const struct slc_xml_handler *handler, void *user, struct slc_error *error)
{
    struct slc_zip_part *part;
    struct run run = {.handler = handler, .user = user};
    bool good;

    if (!slc_zip_part_open(zip, index, max_bytes, &part, error))
        return false;
    run.parser = XML_ParserCreateNS(NULL, '|');
    if (!run.parser) {
        slc_zip_part_close(part);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
    }
    run.part = slc_zip_part_name(part);
    run.error = error ? error : &run.own;
    XML_SetUserData(run.parser, &run);
    XML_SetElementHandler(run.parser, on_open, on_close);
    XML_SetStartDoctypeDeclHandler(run.parser, on_doctype);
    good = feed(&run, part);
    XML_ParserFree(run.parser);
    slc_zip_part_close(part);
    return good;
}

const char *slc_xml_attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

const char *slc_xml_sheet_name(const char *name)
{
    const char *bar = strrchr(name, '|');

    if (bar && slc_xml_is_sheet_namespace((struct slc_str){name, (size_t)(bar - name)}))
        return bar + 1;
    return "";
}
