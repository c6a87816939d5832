/* A sheet's XML, and strings', in an archive that is sound: the first byte is the
 * chunk size, the input up to a NUL byte the inside of <sst>, the rest that of
 * <worksheet>. Read in one chunk and in small ones, it has to be the same. */
#include <zlib.h>

#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/relationships"

struct archive {
    struct slc_buf bytes, directory;
    unsigned n;
};

static void put(struct slc_buf *out, uint64_t value, int n_bytes)
{
    for (; n_bytes > 0; n_bytes--, value >>= 8)
        slc_buf_append_byte(out, (char)(value & 0xff));
}

/* What a local header and a directory's entry have in common (APPNOTE 4.3.7). */
static void put_common(struct slc_buf *out, const char *name, struct slc_str data)
{
    put(out, 20, 2);
    put(out, 0, 4); /* flags, stored */
    put(out, 0x00210000, 4);
    put(out, crc32_z(0, (const unsigned char *)data.data, data.len), 4);
    put(out, data.len, 4);
    put(out, data.len, 4);
    put(out, strlen(name), 2);
    put(out, 0, 2);
}

static void add(struct archive *a, const char *name, struct slc_str data)
{
    put(&a->directory, 0x02014b50, 4);
    put(&a->directory, 20, 2);
    put_common(&a->directory, name, data);
    put(&a->directory, 0, 10);
    put(&a->directory, a->bytes.len, 4);
    slc_buf_append_text(&a->directory, name);
    put(&a->bytes, 0x04034b50, 4);
    put_common(&a->bytes, name, data);
    slc_buf_append_text(&a->bytes, name);
    slc_buf_append_str(&a->bytes, data);
    a->n++;
}

static void finish(struct archive *a)
{
    size_t at = a->bytes.len;

    slc_buf_append_str(&a->bytes, slc_buf_view(&a->directory));
    put(&a->bytes, 0x06054b50, 4);
    put(&a->bytes, 0, 4);
    put(&a->bytes, a->n, 2);
    put(&a->bytes, a->n, 2);
    put(&a->bytes, a->directory.len, 4);
    put(&a->bytes, at, 4);
    put(&a->bytes, 0, 2);
}

static void add_wrapped(struct archive *a, const char *name, const char *before,
                        struct slc_str inside, const char *behind)
{
    SLC_AUTO_BUF struct slc_buf part = {0};

    slc_buf_append_text(&part, before);
    slc_buf_append_str(&part, inside);
    slc_buf_append_text(&part, behind);
    add(a, name, slc_buf_view(&part));
}

/* A few bytes make a million rows or 16,384 columns, which is right but slow. */
static bool is_large(struct slc_str sheet)
{
    for (size_t i = 0; i + 1 < sheet.len; i++) {
        size_t letters = 0, digits = 0;

        if (sheet.data[i] != 'r' || (sheet.data[i + 1] != '=' && sheet.data[i + 1] != ' '))
            continue;
        for (i++; i < sheet.len && strchr("= \t\r\n'\"", sheet.data[i]); i++)
            ;
        for (; i < sheet.len && slc_ascii_lower(sheet.data[i]) >= 'a' &&
               slc_ascii_lower(sheet.data[i]) <= 'z';
             i++)
            letters++;
        for (; i < sheet.len && sheet.data[i] >= '0' && sheet.data[i] <= '9'; i++)
            digits++;
        if (letters == 3 || (digits > 2 && digits < 10))
            return true;
        i--;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_reader_options options = slc_reader_default_options();
    struct archive a = {0};
    struct slc_str strings, sheet;
    const uint8_t *nul;

    if (size < 1)
        return 0;
    options.max_row_bytes = 100000;
    nul = memchr(data + 1, '\0', size - 1);
    strings = (struct slc_str){(const char *)data + 1, nul ? (size_t)(nul - data) - 1 : 0};
    sheet = (struct slc_str){strings.data + strings.len + (nul != NULL),
                             size - 1 - strings.len - (nul != NULL)};
    if (is_large(sheet))
        return 0;
    add(&a, "_rels/.rels",
        SLC_STR("<Relationships xmlns=\"" PACKAGE "\"><Relationship Id=\"a\" Type=\"" OFFICE
                "/officeDocument\" Target=\"w\"/></Relationships>"));
    add(&a, "w",
        SLC_STR("<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE
                "\"><sheets><sheet name=\"s\" r:id=\"a\"/></sheets></workbook>"));
    add(&a, "_rels/w.rels",
        SLC_STR("<Relationships xmlns=\"" PACKAGE "\"><Relationship Id=\"a\" Type=\"" OFFICE
                "/worksheet\" Target=\"s\"/><Relationship Id=\"b\" Type=\"" OFFICE
                "/sharedStrings\" Target=\"t\"/><Relationship Id=\"c\" Type=\"" OFFICE
                "/styles\" Target=\"y\"/></Relationships>"));
    add(&a, "y",
        SLC_STR("<styleSheet xmlns=\"" MAIN
                "\"><cellXfs><xf/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/>"
                "<xf numFmtId=\"21\"/><xf numFmtId=\"46\"/></cellXfs></styleSheet>"));
    add_wrapped(&a, "t", "<sst xmlns=\"" MAIN "\">", strings, "</sst>");
    add_wrapped(&a, "s", "<worksheet xmlns=\"" MAIN "\">", sheet, "</worksheet>");
    finish(&a);
    check_same(slc_buf_view(&a.bytes), options, 1 + data[0]);
    slc_buf_release(&a.bytes);
    slc_buf_release(&a.directory);
    return 0;
}
