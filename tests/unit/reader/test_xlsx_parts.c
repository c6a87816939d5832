/* What an XLSX reader is made of: formats, serial dates, escapes, XML tokens.
 * Whole workbooks are tests/parity/test_read_xlsx.py. */
#include "reader_test.h"

#include "reader/xlsx_format.h"
#include "reader/xlsx_strings.h"
#include "reader/xlsx_xml.h"

static void test_format_codes(void **state)
{
    static const struct {
        const char *code;
        enum slc_xlsx_kind kind;
    } known[] = {
        {"General", SLC_XLSX_NUMBER},
        {"", SLC_XLSX_NUMBER},
        {"0.00", SLC_XLSX_NUMBER},
        {"0.00E+00", SLC_XLSX_NUMBER},
        {"##0.0E-0", SLC_XLSX_NUMBER},
        {"[Red]0;[Green]-0", SLC_XLSX_NUMBER},
        {"\"day\" 0", SLC_XLSX_NUMBER},
        {"\"never closed 0", SLC_XLSX_NUMBER},
        {"0\\d", SLC_XLSX_NUMBER},
        {"_d0*y", SLC_XLSX_NUMBER},
        {"[$USD-409] 0", SLC_XLSX_NUMBER},
        {"[<=9999]000\\-0000;0", SLC_XLSX_NUMBER},
        {"0;yyyy", SLC_XLSX_NUMBER},
        {"@", SLC_XLSX_NUMBER},
        {"\\", SLC_XLSX_NUMBER},
        {"[", SLC_XLSX_NUMBER},
        {"[h", SLC_XLSX_NUMBER},
        {"[]", SLC_XLSX_NUMBER},
        {"yyyy-mm-dd", SLC_XLSX_DATE},
        {"YYYY\\-MM\\-DD", SLC_XLSX_DATE},
        {"[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", SLC_XLSX_DATE},
        {"[$-411]ggge\"年\"m\"月\"d\"日\";@", SLC_XLSX_DATE},
        {"mm", SLC_XLSX_DATE},
        {"mmmmm", SLC_XLSX_DATE},
        {"d;h", SLC_XLSX_DATE},
        {"bbbb", SLC_XLSX_DATE},
        {"h:mm", SLC_XLSX_TIME},
        {"hh:mm:ss.000", SLC_XLSX_TIME},
        {"mm:ss", SLC_XLSX_TIME},
        {"h AM/PM", SLC_XLSX_TIME},
        {"h:mm A/P", SLC_XLSX_TIME},
        {"yyyy-mm-dd hh:mm", SLC_XLSX_DATETIME},
        {"m/d/yy h:mm", SLC_XLSX_DATETIME},
        {"h:mm d", SLC_XLSX_DATETIME},
        {"d [h]:mm", SLC_XLSX_DATETIME},
        {"[h]:mm:ss", SLC_XLSX_DURATION},
        {"[HH]:MM", SLC_XLSX_DURATION},
        {"[mm]:ss.0", SLC_XLSX_DURATION},
        {"[ss]", SLC_XLSX_DURATION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slc_xlsx_code_kind(str(known[i].code)) != known[i].kind)
            fail_msg("\"%s\" is taken for kind %d", known[i].code,
                     slc_xlsx_code_kind(str(known[i].code)));
}

static void test_serials(void **state)
{
    static const struct {
        double serial;
        enum slc_xlsx_kind kind;
        bool since_1904;
        const char *text; /* NULL: none */
    } known[] = {
        {1, SLC_XLSX_DATE, false, "1900-01-01"},
        {59, SLC_XLSX_DATE, false, "1900-02-28"},
        {60, SLC_XLSX_DATE, false, "1900-02-28"}, /* there was no 29th */
        {61, SLC_XLSX_DATE, false, "1900-03-01"},
        {0, SLC_XLSX_DATE, true, "1904-01-01"},
        {1462, SLC_XLSX_DATE, false, "1904-01-01"},
        {44612, SLC_XLSX_DATE, false, "2022-02-20"},
        {44612, SLC_XLSX_DATETIME, false, "2022-02-20T00:00:00"},
        {44612.5, SLC_XLSX_DATE, false, "2022-02-20T12:00:00"},
        {44612.999999999, SLC_XLSX_DATE, false, "2022-02-21"},
        {44612.7628703704, SLC_XLSX_DATETIME, false, "2022-02-20T18:18:32"},
        {0.75, SLC_XLSX_TIME, false, "18:00:00"},
        {0.75, SLC_XLSX_DATE, false, "18:00:00"},
        {0.75, SLC_XLSX_TIME, true, "18:00:00"},
        {0.75, SLC_XLSX_DATETIME, true, "1904-01-01T18:00:00"},
        {0.0000000116, SLC_XLSX_TIME, false, "00:00:00.001000"},
        {1.5, SLC_XLSX_TIME, false, "1900-01-01T12:00:00"},
        {1.5, SLC_XLSX_DURATION, false, "36:00:00"},
        {-0.5, SLC_XLSX_DURATION, false, "-12:00:00"},
        {-1, SLC_XLSX_DATE, false, "1899-12-29"},
        {2958465, SLC_XLSX_DATE, false, "9999-12-31"},
        {2958465.99999999999, SLC_XLSX_DATE, false, NULL},
        {2958466, SLC_XLSX_DATE, false, NULL},
        {-693594, SLC_XLSX_DATE, false, NULL},
        {1e300, SLC_XLSX_DATE, false, NULL},
        {1e300, SLC_XLSX_DURATION, false, NULL},
        {1, SLC_XLSX_NUMBER, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[SLC_XLSX_SERIAL_BYTES + 1];
        char *end =
            slc_xlsx_write_serial(text, known[i].serial, known[i].kind, known[i].since_1904);

        if (!known[i].text) {
            assert_null(end);
            continue;
        }
        assert_non_null(end);
        *end = '\0';
        assert_string_equal(text, known[i].text);
    }
}

static void test_unescape(void **state)
{
    static const char *const known[][2] = {
        {"plain", "plain"},
        {"_x000D_", "\r"},
        {"a_x000d_\nb", "a\r\nb"},
        {"_x005F_x000D_", "_x000D_"},
        {"_xD83D__xDE00_", "\xf0\x9f\x98\x80"},
        {"_xDE00_", "_xDE00_"},
        {"_xD83D_x", "_xD83D_x"},
        {"_x0000_", "_x0000_"},
        {"_x00G0_", "_x00G0_"},
        {"_x0041", "_x0041"},
        {"_X0041_", "_X0041_"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[64];
        size_t len = strlen(known[i][0]);

        memcpy(text, known[i][0], len + 1);
        text[slc_xml_unescape(text, len)] = '\0';
        assert_string_equal(text, known[i][1]);
    }
}

static void test_decode(void **state)
{
    static const char *const known[][2] = {
        {"a &lt;&gt;&amp;&quot;&apos; b", "a <>&\"' b"},
        {"&#65;&#x42;&#x1F600;", "AB\xf0\x9f\x98\x80"},
        {"a\r\nb\rc&#13;", "a\nb\nc\r"},
        {"&nbsp;", NULL},
        {"&#0;", NULL},
        {"&#xD800;", NULL},
        {"&#x110000;", NULL},
        {"&#99999999999999999999;", NULL},
        {"&;", NULL},
        {"&#;", NULL},
        {"&#x;", NULL},
        {"& ", NULL},
        {"\x01", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[64], *end = slc_xml_decode(text, str(known[i][0]), false);

        if (!known[i][1]) {
            assert_null(end);
            continue;
        }
        assert_non_null(end);
        *end = '\0';
        assert_string_equal(text, known[i][1]);
    }
}

/* The joined text of an item cut off after every number of bytes. */
static void test_string_items(void **state)
{
    static const char item[] =
        "<r><rPr><t>no</t></rPr><t a='>'>one</t></r><!-- <t> --><rPh><t>no</t></rPh><t/>"
        "<t><![CDATA[ <2>]]>&#33;</t></si>";

    (void)state;
    for (size_t n = 0; n < sizeof(item); n++) {
        char bytes[sizeof(item) + 64] = {0}, text[sizeof(item) + 64];
        const char *at = bytes;
        char *end;

        memcpy(bytes, item, n);
        end = slc_string_item(&at, bytes + n, SLC_STR("si"), text);
        if (n + 1 < sizeof(item)) {
            assert_null(end);
            assert_ptr_equal(at, bytes + n); /* wants more */
            continue;
        }
        assert_non_null(end);
        *end = '\0';
        assert_string_equal(text, "one <2>!");
        assert_ptr_equal(at, bytes + n);
    }
}

static void test_tokens_that_are_none(void **state)
{
    static const char *const known[] = {"< a>",   "<a b>", "<a b=c>", "<a b=\"<\">",
                                        "<a / >", "</>",   "</a b>",  "<!ELEMENT a>"};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char bytes[96] = {0};
        const char *at = bytes;
        size_t len = strlen(known[i]);

        memcpy(bytes, known[i], len);
        memcpy(bytes + len, "<c/>", 4);
        assert_int_equal(slc_xml_next(&at, bytes + len + 4).kind, SLC_XML_STOP);
        assert_ptr_equal(at, bytes);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_codes), cmocka_unit_test(test_serials),
        cmocka_unit_test(test_unescape),     cmocka_unit_test(test_decode),
        cmocka_unit_test(test_string_items), cmocka_unit_test(test_tokens_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
