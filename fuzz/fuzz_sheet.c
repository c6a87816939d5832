/* Any bytes as the parts of a workbook, in an archive that is sound: the sheet,
 * and, each behind a byte 0x01, the shared strings, the styles, the workbook. */
#include <zlib.h>

#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PARTS = 6 };

static void put16(struct slc_buf *out, unsigned value)
{
    slc_buf_append_byte(out, (char)(value & 0xff));
    slc_buf_append_byte(out, (char)(value >> 8 & 0xff));
}

static void put32(struct slc_buf *out, unsigned long value)
{
    put16(out, (unsigned)(value & 0xffff));
    put16(out, (unsigned)(value >> 16 & 0xffff));
}

/* What a local header and a directory entry share (APPNOTE 4.3.7, 4.3.12). */
static void put_common(struct slc_buf *out, struct slc_str name, struct slc_str content)
{
    put16(out, 20);
    put16(out, 0);
    put16(out, 0); /* stored */
    put32(out, 0x00210000);
    put32(out, crc32(0, (const unsigned char *)content.data, (unsigned)content.len));
    put32(out, content.len);
    put32(out, content.len);
    put16(out, (unsigned)name.len);
    put16(out, 0);
}

static void add_part(struct slc_buf *file, struct slc_buf *directory, const char *path,
                     struct slc_str content)
{
    struct slc_str name = slc_str_from(path);
    size_t offset = file->len;

    slc_buf_append(file, "PK\x03\x04", 4);
    put_common(file, name, content);
    slc_buf_append_str(file, name);
    slc_buf_append_str(file, content);
    slc_buf_append(directory, "PK\x01\x02\x14\0", 6);
    put_common(directory, name, content);
    put16(directory, 0);
    put16(directory, 0);
    put16(directory, 0);
    put32(directory, 0);
    put32(directory, offset);
    slc_buf_append_str(directory, name);
}

static void end_archive(struct slc_buf *file, const struct slc_buf *directory, unsigned n_parts)
{
    size_t offset = file->len;

    slc_buf_append_str(file, slc_buf_view(directory));
    slc_buf_append(file, "PK\x05\x06\0\0\0\0", 8);
    put16(file, n_parts);
    put16(file, n_parts);
    put32(file, directory->len);
    put32(file, offset);
    put16(file, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *path, *content;
    } fixed[MOST_PARTS] = {
        {"xl/worksheets/sheet1.xml", "<worksheet/>"},
        {"xl/sharedStrings.xml", "<sst><si><t>x</t></si><si><r><t>y</t></r></si></sst>"},
        {"xl/styles.xml", "<s><numFmts><numFmt numFmtId=\"164\" "
                          "formatCode=\"yyyy\"/></numFmts><cellXfs><xf numFmtId=\"0\"/>"
                          "<xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"46\"/><xf "
                          "numFmtId=\"164\"/></cellXfs></s>"},
        {"xl/workbook.xml", "<workbook><sheets><sheet name=\"S\" id=\"r1\"/></sheets></workbook>"},
        {"_rels/.rels",
         "<R><Relationship Id=\"r\" Type=\"/officeDocument\" Target=\"xl/workbook.xml\"/></R>"},
        {"xl/_rels/workbook.xml.rels",
         "<R><Relationship Id=\"r1\" Type=\"/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
         "<Relationship Id=\"r2\" Type=\"/styles\" Target=\"styles.xml\"/>"
         "<Relationship Id=\"r3\" Type=\"/sharedStrings\" Target=\"sharedStrings.xml\"/></R>"},
    };
    SLC_AUTO_BUF struct slc_buf file = {0}, directory = {0};
    struct slc_reader_options options = slc_reader_default_options();
    struct slc_str rest = {(const char *)data + 1, size - 1};

    if (size < 1)
        return 0;
    for (int i = 0; i < MOST_PARTS; i++) {
        const char *end = rest.len ? memchr(rest.data, 1, rest.len) : NULL;
        struct slc_str content = rest.len && i < 4 ? rest : slc_str_from(fixed[i].content);

        if (i < 4 && rest.len) {
            content.len = end ? (size_t)(end - rest.data) : rest.len;
            rest.data += content.len + (end != NULL);
            rest.len -= content.len + (end != NULL);
        }
        add_part(&file, &directory, fixed[i].path, content);
    }
    end_archive(&file, &directory, MOST_PARTS);
    check_same(slc_buf_view(&file), options, 1 + data[0]);
    return 0;
}
