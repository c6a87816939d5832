/* Workbooks, made part by part. */
#include "reader_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "reader/xlsx_book.h"

#define MAIN_NS "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define REL_NS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE_NS "http://schemas.openxmlformats.org/package/2006/relationships"
#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"

enum { MOST_PARTS = 8 };

struct part {
    const char *path;
    const char *content;
    size_t len; /* 0: strlen(content) */
};

struct book {
    const char *sheet;      /* the rows, within sheetData */
    const char *strings;    /* the <si>s; NULL: no such part */
    const char *formats;    /* the <numFmt>s */
    const char *styles;     /* the <xf>s */
    const char *properties; /* of workbookPr */
    struct part replace;    /* another content for one part; content NULL: left out */
};

/* The archive's bytes. */
static void pack(const struct part *parts, struct slc_buf *out, bool encrypted)
{
    char path[] = "/tmp/slc-xlsx-XXXXXX";
    int fd = mkstemp(path), code;
    zip_t *archive;

    assert_true(fd >= 0);
    close(fd);
    archive = zip_open(path, ZIP_TRUNCATE, &code);
    assert_non_null(archive);
    for (int i = 0; i < MOST_PARTS && parts[i].path; i++) {
        size_t len = parts[i].len ? parts[i].len : strlen(parts[i].content);
        zip_source_t *source = zip_source_buffer(archive, parts[i].content, len, 0);
        zip_int64_t index = zip_file_add(archive, parts[i].path, source, 0);

        assert_true(index >= 0);
        if (encrypted)
            assert_int_equal(
                zip_file_set_encryption(archive, (zip_uint64_t)index, ZIP_EM_AES_256, "secret"), 0);
    }
    if (zip_close(archive) < 0)
        fail_msg("%s", zip_strerror(archive));
    assert_true(slc_file_read(-1, path, 1 << 26, out, NULL));
    unlink(path);
}

static const char relations[] =
    HEAD "<Relationships xmlns=\"" PACKAGE_NS "\"><Relationship Id=\"rId1\" Type=\"" REL_NS
         "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";

static const char book_relations[] = HEAD
    "<Relationships xmlns=\"" PACKAGE_NS "\">"
    "<Relationship Id=\"rId1\" Type=\"" REL_NS "/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
    "<Relationship Id=\"rId2\" Type=\"" REL_NS "/worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/>"
    "<Relationship Id=\"rId3\" Type=\"" REL_NS "/styles\" Target=\"styles.xml\"/>"
    "<Relationship Id=\"rId4\" Type=\"" REL_NS "/sharedStrings\" Target=\"sharedStrings.xml\"/>"
    "<Relationship Id=\"rId5\" Type=\"" REL_NS "/chartsheet\" Target=\"chartsheets/sheet3.xml\"/>"
    "</Relationships>";

static void make(const struct book *book, struct slc_buf *out, bool encrypted)
{
    SLC_AUTO_BUF struct slc_buf workbook = {0}, sheet = {0}, styles = {0}, strings = {0};
    struct part parts[MOST_PARTS] = {{0}};
    int n = 0;

    slc_buf_printf(
        &workbook,
        HEAD "<workbook xmlns=\"" MAIN_NS "\" xmlns:r=\"" REL_NS "\"><workbookPr %s/><sheets>"
             "<sheet name=\"Chart\" sheetId=\"9\" r:id=\"rId5\"/>"
             "<sheet name=\"Other &amp; hidden\" sheetId=\"7\" state=\"hidden\" r:id=\"rId2\"/>"
             "<sheet name=\"Data\" sheetId=\"8\" r:id=\"rId1\"/></sheets></workbook>",
        book->properties ? book->properties : "");
    slc_buf_printf(
        &sheet,
        HEAD "<worksheet xmlns=\"" MAIN_NS "\"><dimension ref=\"A1\"/><sheetData>%s</sheetData>"
             "<mergeCells count=\"1\"><mergeCell ref=\"A1:B2\"/></mergeCells></worksheet>",
        book->sheet);
    slc_buf_printf(&styles,
                   HEAD "<styleSheet xmlns=\"" MAIN_NS
                        "\"><numFmts>%s</numFmts><cellStyleXfs><xf numFmtId=\"14\"/>"
                        "</cellStyleXfs><cellXfs>%s</cellXfs></styleSheet>",
                   book->formats ? book->formats : "",
                   book->styles ? book->styles : "<xf numFmtId=\"0\"/>");
    slc_buf_printf(&strings, HEAD "<sst xmlns=\"" MAIN_NS "\">%s</sst>",
                   book->strings ? book->strings : "");
    parts[n++] = (struct part){"_rels/.rels", relations, 0};
    parts[n++] = (struct part){"xl/_rels/workbook.xml.rels", book_relations, 0};
    parts[n++] = (struct part){"xl/workbook.xml", slc_buf_text(&workbook), 0};
    parts[n++] = (struct part){"xl/worksheets/sheet1.xml", slc_buf_text(&sheet), 0};
    parts[n++] = (struct part){
        "xl/worksheets/sheet2.xml",
        "<worksheet><sheetData><row><c><v>7</v></c></row></sheetData></worksheet>", 0};
    parts[n++] = (struct part){"xl/styles.xml", slc_buf_text(&styles), 0};
    parts[n++] = (struct part){"xl/sharedStrings.xml", slc_buf_text(&strings), 0};
    for (int i = 0; book->replace.path && i < n; i++) {
        if (strcmp(parts[i].path, book->replace.path) != 0)
            continue;
        parts[i] = book->replace.content ? book->replace : parts[--n];
        parts[n].path = book->replace.content ? parts[n].path : NULL;
    }
    pack(parts, out, encrypted);
}

static void expect(const struct book *book, const char *part)
{
    SLC_AUTO_BUF struct slc_buf file = {0};
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_FREE char *got = NULL;

    make(book, &file, false);
    got = dump(slc_buf_view(&file), &options, 1);
    if (!strstr(got, part))
        fail_msg("%s\ngives\n%s\nwithout\n%s", book->sheet, got, part);
}

#define TEXT(s) "<c t=\"inlineStr\"><is><t>" s "</t></is></c>"
#define HEADER "<row r=\"1\">" TEXT("a") TEXT("b") "</row>"

static void cells(void **state)
{
    static const char strings[] =
        "<si><t>plain</t></si><si><r><t>ri</t></r><r><rPr><b/></rPr><t xml:space=\"preserve\">ch "
        "</t></r></si>"
        "<si><t>\xe6\xbc\xa2</t><rPh sb=\"0\" "
        "eb=\"1\"><t>\xe3\x81\x8b</t></rPh></si><si><t>x_x000D_y_x005F_z_xZZ_</t></si><si/>";
    static const struct {
        const char *row, *type, *value;
    } cases[] = {
        {"<c r=\"A2\"><v>5</v></c>", "int64", "5"},
        {"<c r=\"A2\"><v>-1.5</v></c>", "float64", "-1.5"},
        {"<c r=\"A2\"><v>1.1000000000000001</v></c>", "float64", "1.1"},
        {"<c r=\"A2\"><v>1E+20</v></c>", "float64", "100000000000000000000"},
        {"<c r=\"A2\"><v>9007199254740993</v></c>", "float64", "9007199254740992"},
        {"<c r=\"A2\"><v>-9007199254740991</v></c>", "int64", "-9007199254740991"},
        {"<c r=\"A2\" t=\"n\"><v> 7 </v></c>", "int64", "7"},
        {"<c r=\"A2\" t=\"s\"><v>0</v></c>", "text", "\"plain\""},
        {"<c r=\"A2\" t=\"s\"><v>1</v></c>", "text", "\"rich \""},
        {"<c r=\"A2\" t=\"s\"><v>2</v></c>", "text", "\"\xe6\xbc\xa2\""},
        {"<c r=\"A2\" t=\"s\"><v>3</v></c>", "text", "\"x\\ry_z_xZZ_\""},
        {"<c r=\"A2\" t=\"s\"><v>4</v></c>", "null", "null"},
        {"<c r=\"A2\" t=\"inlineStr\"><is><r><t>in</t></r><r><t>line</t></r></is></c>", "text",
         "\"inline\""},
        {"<c r=\"A2\" t=\"inlineStr\"><is><t>123</t></is></c>", "text", "\"123\""},
        {"<c r=\"A2\" t=\"inlineStr\"><is><t>NA</t></is></c>", "null", "null"},
        {"<c r=\"A2\" t=\"str\"><f>A1&amp;\"x\"</f><v>made &lt;up&gt;</v></c>", "text",
         "\"made <up>\""},
        {"<c r=\"A2\"><f>1+1</f><v>2</v></c>", "int64", "2"},
        {"<c r=\"A2\"><f>1+1</f></c>", "null", "null"},
        {"<c r=\"A2\" t=\"b\"><v>1</v></c>", "bool", "true"},
        {"<c r=\"A2\" t=\"b\"><v>0</v></c>", "bool", "false"},
        {"<c r=\"A2\" t=\"e\"><v>#DIV/0!</v></c>", "null", "null"},
        {"<c r=\"A2\" t=\"d\"><v>2020-02-29T10:00:00Z</v></c>", "datetime",
         "\"2020-02-29T10:00:00\""},
        {"<c r=\"A2\" s=\"1\"><v>43890</v></c>", "date", "\"2020-02-29\""},
        {"<c r=\"A2\" s=\"2\"><v>43890.5</v></c>", "datetime", "\"2020-02-29T12:00:00\""},
        {"<c r=\"A2\" s=\"3\"><v>43890</v></c>", "date", "\"2020-02-29\""},
        {"<c r=\"A2\" s=\"4\"><v>43890</v></c>", "int64", "43890"},
        {"<c r=\"A2\" s=\"5\"><v>0.5</v></c>", "text", "\"12:00:00\""},
        {"<c r=\"A2\" s=\"6\"><v>1.5</v></c>", "text", "\"36:00:00\""},
        {"<c r=\"A2\" s=\"1\"><v>-5</v></c>", "int64", "-5"},
        {"<c r=\"A2\" s=\"99\"><v>5</v></c>", "int64", "5"},
        {"<c r=\"A2\" s=\"1\"/>", "null", "null"},
        {"<c><v>5</v></c>", "int64", "5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_BUF struct slc_buf sheet = {0}, wanted = {0};
        struct book book = {
            .strings = strings,
            .formats = "<numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>"
                       "<numFmt numFmtId=\"165\" formatCode=\"0.0&quot;days&quot;\"/>"
                       "<numFmt numFmtId=\"166\" formatCode=\"[h]:mm\"/>",
            .styles = "<xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf "
                      "numFmtId=\"164\"/>"
                      "<xf numFmtId=\"165\"/><xf numFmtId=\"20\"/><xf numFmtId=\"166\"/>",
        };

        slc_buf_printf(&sheet, HEADER "<row r=\"2\">%s<c r=\"B2\"><v>1</v></c></row>",
                       cases[i].row);
        book.sheet = slc_buf_text(&sheet);
        slc_buf_printf(&wanted, "\"types\":[\"%s\",\"int64\"]", cases[i].type);
        expect(&book, slc_buf_text(&wanted));
        slc_buf_clear(&wanted);
        slc_buf_printf(&wanted, "\n[1,[%s,1]]\n{\"rows\":1,", cases[i].value);
        expect(&book, slc_buf_text(&wanted));
    }
}

static void formats(void **state)
{
    static const struct {
        const char *code;
        enum slc_xlsx_format format;
    } cases[] = {
        {"General", SLC_XLSX_NUMBER},
        {"GENERAL", SLC_XLSX_NUMBER},
        {"0.00", SLC_XLSX_NUMBER},
        {"", SLC_XLSX_NUMBER},
        {"#,##0;[Red]-#,##0", SLC_XLSX_NUMBER},
        {"0.00E+00", SLC_XLSX_NUMBER},
        {"0\"h\"", SLC_XLSX_NUMBER},
        {"\\d0", SLC_XLSX_NUMBER},
        {"_d0", SLC_XLSX_NUMBER},
        {"[$USD] 0", SLC_XLSX_NUMBER},
        {"@", SLC_XLSX_NUMBER},
        {"[Magenta]0", SLC_XLSX_NUMBER},
        {"0;\"yes\";d", SLC_XLSX_NUMBER},
        {"\"open d", SLC_XLSX_NUMBER},
        {"yyyy-mm-dd", SLC_XLSX_DATE},
        {"D.M.YY", SLC_XLSX_DATE},
        {"mmm", SLC_XLSX_DATE},
        {"mmm yy", SLC_XLSX_DATE},
        {"[$-409]d/m/yy;@", SLC_XLSX_DATE},
        {"dddd\", the \"d", SLC_XLSX_DATE},
        {"[Red]yyyy", SLC_XLSX_DATE},
        {"yyyy-mm-dd hh:mm:ss", SLC_XLSX_DATETIME},
        {"m/d/yy h:mm AM/PM", SLC_XLSX_DATETIME},
        {"yyyy\\-mm\\-dd\\Thh:mm", SLC_XLSX_DATETIME},
        {"h:mm", SLC_XLSX_TIME},
        {"mm:ss.0", SLC_XLSX_TIME},
        {"hh:mm:ss", SLC_XLSX_TIME},
        {"[h]:mm:ss", SLC_XLSX_DURATION},
        {"[mm]:ss", SLC_XLSX_DURATION},
        {"[SS]", SLC_XLSX_DURATION},
        {"[hx]0", SLC_XLSX_NUMBER},
        {"[", SLC_XLSX_NUMBER},
        {"\\", SLC_XLSX_NUMBER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].code);
        SLC_AUTO_FREE char *code = malloc(len + 1); /* of its very length */

        memcpy(code, cases[i].code, len);
        if (slc_xlsx_format_of((struct slc_str){code, len}) != cases[i].format)
            fail_msg("%s", cases[i].code);
    }
}

static void times(void **state)
{
    static const struct {
        double serial;
        enum slc_xlsx_format format;
        bool epoch_1904;
        const char *text;
    } cases[] = {
        {1, SLC_XLSX_DATE, false, "1900-01-01"},
        {59, SLC_XLSX_DATE, false, "1900-02-28"},
        {60, SLC_XLSX_DATE, false, "1900-02-28"}, /* the day that never was */
        {61, SLC_XLSX_DATE, false, "1900-03-01"},
        {43890, SLC_XLSX_DATE, false, "2020-02-29"},
        {42428, SLC_XLSX_DATE, true, "2020-02-29"},
        {0, SLC_XLSX_DATE, true, "1904-01-01"},
        {0, SLC_XLSX_DATE, false, "00:00:00"},
        {0.75, SLC_XLSX_DATETIME, false, "18:00:00"},
        {43890, SLC_XLSX_DATETIME, false, "2020-02-29T00:00:00"},
        {43890.25, SLC_XLSX_DATE, false, "2020-02-29T06:00:00"},
        {43890.999999999, SLC_XLSX_DATETIME, false, "2020-03-01T00:00:00"},
        {43890.52450231481, SLC_XLSX_DATETIME, false, "2020-02-29T12:35:17"},
        {43890.52450231597, SLC_XLSX_DATETIME, false, "2020-02-29T12:35:17.000100"},
        {0.5, SLC_XLSX_TIME, false, "12:00:00"},
        {0.000005787, SLC_XLSX_TIME, false, "00:00:00.500"},
        {1.5, SLC_XLSX_TIME, false, "1900-01-01T12:00:00"},
        {100.5, SLC_XLSX_DURATION, false, "2412:00:00"},
        {2958465, SLC_XLSX_DATE, false, "9999-12-31"},
        {2957003, SLC_XLSX_DATE, true, "9999-12-31"},
        {2957004, SLC_XLSX_DATE, true, ""},
        {2958466, SLC_XLSX_DATE, false, ""},
        {-1, SLC_XLSX_DATE, false, ""},
        {1e300, SLC_XLSX_DURATION, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SLC_XLSX_TIME_TEXT_BYTES + 1];
        size_t len =
            slc_xlsx_time_text(cases[i].serial, cases[i].format, cases[i].epoch_1904, text);

        text[len] = '\0';
        if (i == 13) /* no more than milliseconds are kept */
            assert_string_equal(text, "2020-02-29T12:35:17");
        else
            assert_string_equal(text, cases[i].text);
    }
}

static void shapes(void **state)
{
    static const struct {
        struct book book;
        const char *part;
    } cases[] = {
        {{.sheet = HEADER "<row r=\"2\"><c r=\"B2\"><v>1</v></c></row><row r=\"5\"><c "
                          "r=\"A5\"><v>2</v></c></row><row r=\"9\"/>"},
         "[1,[null,1]]\n[2,[null,null]]\n[3,[null,null]]\n[4,[2,null]]\n{\"rows\":4,"},
        {{.sheet = "<row r=\"3\">" TEXT(
              "a") "</row><row><c><v>1</v></c></row><row><c><v>2</v></c><c><v>3</v></c></row>"},
         "\"columns\":[\"a\",\"Unnamed: 1\"]"},
        {{.sheet = "<row r=\"3\">" TEXT(
              "a") "</row><row><c><v>1</v></c></row><row><c><v>2</v></c><c><v>3</v></c></row>"},
         "[1,[1,null]]\n[2,[2,3]]\n{"},
        {{.sheet =
              "<row><c><v>7</v></c><c><v>9</v></c></row><row><c><v>1</v></c><c><v>2</v></c></row>"},
         "\"columns\":[\"0\",\"1\"],\"types\":[\"int64\",\"int64\"]"},
        {{.sheet = HEADER}, "{\"rows\":0,\"records\":0}"},
        {{.sheet = HEADER "<row><c s=\"0\"/></row>"}, "{\"rows\":0,\"records\":0}"},
        {{.sheet = "<row>" TEXT("a") TEXT("a") "<c/>" TEXT("x") "</row><row><c><v>1</v></c></row>"},
         "\"columns\":[\"a\",\"a.1\",\"Unnamed: 2\",\"x\"]"},
        {{.sheet = HEADER
          "<row><c><v>5</v></c><c><v>1</v></c></row><row>" TEXT("x") "<c><v>2.50</v></c></row>"},
         "\"types\":[\"text\",\"float64\"]"},
        {{.sheet = HEADER "<row><c s=\"0\"><v>0</v></c></row>",
          .styles = "<xf numFmtId=\"14\"/>",
          .properties = "date1904=\"1\""},
         "[1,[\"1904-01-01\",null]]"},
        {{.sheet = HEADER,
          .replace = {"xl/worksheets/sheet1.xml",
                      "<x:worksheet "
                      "xmlns:x=\"http://purl.oclc.org/ooxml/spreadsheetml/"
                      "main\"><x:sheetData><x:row r=\"1\">"
                      "<x:c r=\"A1\" t=\"inlineStr\"><x:is><x:t>k</x:t></x:is></x:c></x:row><x:row "
                      "r=\"2\"><x:c r=\"A2\"><x:v>8</x:v></x:c></x:row>"
                      "</x:sheetData></x:worksheet>",
                      0}},
         "\"columns\":[\"k\"],\"types\":[\"int64\"]"},
        {{.sheet = HEADER, .replace = {"xl/styles.xml", NULL, 0}}, "no part xl/styles.xml"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(&cases[i].book, cases[i].part);
}

static void sheets(void **state)
{
    static const struct {
        const char *sheet, *part;
    } cases[] = {
        {"", "sheet \\\"Data\\\", header"},
        {"Data", "\"columns\":[\"a\",\"b\"]"},
        {"2", "\"columns\":[\"a\",\"b\"]"},
        {"Other & hidden", "sheet \\\"Other & hidden\\\""},
        {"1", "sheet \\\"Other & hidden\\\""},
        {"3", "error: not_found row 0: the workbook has no sheet \"3\"; it has 2, the first is "
              "\"Other & hidden\""},
        {"0", "error: not_found"},
        {"data", "error: not_found"},
        {"Chart", "error: not_found"},
    };
    SLC_AUTO_BUF struct slc_buf file = {0};

    (void)state;
    make(&(struct book){.sheet = HEADER "<row><c><v>1</v></c></row>"}, &file, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_reader_options options = slc_reader_default_options();
        SLC_AUTO_FREE char *got = NULL;

        options.sheet = str(cases[i].sheet);
        got = dump(slc_buf_view(&file), &options, 1);
        if (!strstr(got, cases[i].part))
            fail_msg("%s: %s", cases[i].sheet, got);
    }
}

static void in_every_way(void **state)
{
    SLC_AUTO_BUF struct slc_buf sheet = {0}, file = {0};
    struct dice dice = {13};
    int64_t row = 1;

    (void)state;
    slc_buf_append_text(&sheet, HEADER);
    for (int i = 0; i < 3000; i++) {
        row += roll(&dice, 20) ? 1 : 1 + (int64_t)roll(&dice, 200);
        slc_buf_printf(&sheet, "<row r=\"%lld\"><c r=\"A%lld\"><v>%d</v></c>", (long long)row,
                       (long long)row, i);
        if (roll(&dice, 3))
            slc_buf_printf(&sheet,
                           "<c r=\"B%lld\" t=\"inlineStr\"><is><t>text &amp; %d</t></is></c>",
                           (long long)row, i);
        slc_buf_append_text(&sheet, "</row>");
    }
    make(&(struct book){.sheet = slc_buf_text(&sheet)}, &file, false);
    same_in_every_way(slc_buf_view(&file), slc_reader_default_options(), false);
}

static void hostile_parts(void **state)
{
    static const struct {
        struct book book;
        const char *part;
    } cases[] = {
        {{.sheet = HEADER "<row><c t=\"s\"><v>0</v></c></row>"}, "names a text that is not there"},
        {{.sheet = HEADER "<row><c t=\"s\"><v>-1</v></c></row>"}, "names a text that is not there"},
        {{.sheet = HEADER "<row r=\"1\"/>"}, "its rows are out of order"},
        {{.sheet = HEADER "<row r=\"0\"/>"}, "its rows are out of order"},
        {{.sheet = HEADER "<row r=\"1048577\"/>"}, "its rows are out of order"},
        {{.sheet = HEADER "<row r=\"9999999999999999999999\"/>"}, "its rows are out of order"},
        {{.sheet = HEADER "<row><c r=\"B2\"/><c r=\"A2\"/></row>"}, "its cells are out of order"},
        {{.sheet = HEADER "<row><c r=\"XFE2\"/></row>"}, "its cells are out of order"},
        {{.sheet = HEADER "<row><c r=\"XFD2\"/><c/></row>"}, "more than 16384 columns"},
        {{.sheet = HEADER "<row><c r=\"2\"/></row>"}, "its cells are out of order"},
        {{.sheet = HEADER "<row><c><c><v>1</v></c></c></row>"}, "a cell where none can be"},
        {{.sheet = HEADER "<c><row><c/></row></c>"}, "a cell where none can be"},
        {{.sheet = HEADER "<row><row/></row>"}, "its rows are out of order"},
        {{.sheet = HEADER "<row>"}, "the workbook is damaged (mismatched tag)"},
        {{.sheet = HEADER "<row>&x;</row>"}, "the workbook is damaged (undefined entity)"},
        {{.sheet = ""}, "the sheet \"Data\" has no rows"},
        {{.sheet = HEADER,
          .replace = {"xl/worksheets/sheet1.xml",
                      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
                      "\"&a;&a;&a;&a;\">]><worksheet><sheetData>&b;</sheetData></worksheet>",
                      0}},
         "a document type declaration"},
        {{.sheet = HEADER,
          .replace = {"xl/sharedStrings.xml", "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><sst/>",
                      0}},
         "a document type declaration"},
        {{.sheet = HEADER, .replace = {"xl/worksheets/sheet1.xml", NULL, 0}},
         "no part xl/worksheets/sheet1.xml"},
        {{.sheet = HEADER, .replace = {"xl/workbook.xml", NULL, 0}}, "no XLSX workbook"},
        {{.sheet = HEADER, .replace = {"_rels/.rels", NULL, 0}}, "no XLSX workbook"},
        {{.sheet = HEADER, .replace = {"xl/workbook.xml", "<workbook/>", 0}}, "has no worksheet"},
        {{.sheet = HEADER,
          .replace = {"xl/_rels/workbook.xml.rels",
                      "<R><Relationship Id=\"rId1\" Type=\"x/worksheet\" "
                      "Target=\"../../../../etc/passwd\"/></R>",
                      0}},
         "no part etc/passwd"},
        {{.sheet = HEADER, .replace = {"_rels/.rels", "<a", 0}}, "the workbook is damaged"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(&cases[i].book, cases[i].part);
}

static void other_archives(void **state)
{
    static const struct {
        const char *path, *part;
    } cases[] = {{"xl/workbook.bin", "XLSB"},
                 {"content.xml", "OpenDocument"},
                 {"readme.txt", "no XLSX workbook"}};
    struct slc_reader_options options = slc_reader_default_options();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct part parts[MOST_PARTS] = {{cases[i].path, "x", 0}};
        SLC_AUTO_BUF struct slc_buf file = {0};
        SLC_AUTO_FREE char *got = NULL;

        pack(parts, &file, false);
        got = dump(slc_buf_view(&file), &options, 1);
        if (!strstr(got, cases[i].part) || strncmp(got, "error: format", 13) != 0)
            fail_msg("%s", got);
    }
}

/* Cut anywhere, or with any byte changed: an error or the right rows, nothing else. */
static void damaged_archives(void **state)
{
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf file = {0}, locked = {0};
    SLC_AUTO_FREE char *good = NULL, *encrypted = NULL;
    struct book book = {.sheet = HEADER "<row><c><v>1</v></c><c t=\"s\"><v>0</v></c></row>",
                        .strings = "<si><t>x</t></si>"};

    (void)state;
    make(&book, &file, false);
    good = dump(slc_buf_view(&file), &options, 1);
    assert_non_null(strstr(good, "[1,[1,\"x\"]]"));
    for (size_t len = 4; len < file.len; len += 7) {
        SLC_AUTO_FREE char *got = dump((struct slc_str){file.data, len}, &options, 1);

        assert_int_equal(strncmp(got, "error: ", 7), 0);
    }
    for (size_t at = 4; at < file.len; at += 5) {
        SLC_AUTO_FREE char *got = NULL;

        file.data[at] ^= 0x21;
        got = dump(slc_buf_view(&file), &options, 1);
        if (strncmp(got, "error: ", 7) != 0)
            assert_non_null(strstr(got, "[1,[1,\"x\"]]"));
        file.data[at] ^= 0x21;
    }
    make(&book, &locked, true);
    encrypted = dump(slc_buf_view(&locked), &options, 1);
    assert_non_null(strstr(encrypted, "is encrypted"));
}

static void zip_bomb(void **state)
{
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf file = {0};
    SLC_AUTO_FREE char *got = NULL, *zeros = malloc(70 << 20);

    (void)state;
    memset(zeros, ' ', 70 << 20);
    make(&(struct book){.sheet = HEADER, .replace = {"xl/worksheets/sheet1.xml", zeros, 70 << 20}},
         &file, false);
    got = dump(slc_buf_view(&file), &options, 1);
    assert_non_null(strstr(got, "error: limit"));
    assert_non_null(strstr(got, "zip bomb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells),
        cmocka_unit_test(formats),
        cmocka_unit_test(times),
        cmocka_unit_test(shapes),
        cmocka_unit_test(sheets),
        cmocka_unit_test(in_every_way),
        cmocka_unit_test(hostile_parts),
        cmocka_unit_test(other_archives),
        cmocka_unit_test(damaged_archives),
        cmocka_unit_test(zip_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
