/* Packed files and other encodings. */
#include "reader_test.h"

#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"

static struct slc_reader_options defaults(void)
{
    return slc_reader_default_options();
}

/* A table of some hundred kilobytes with everything that a border can cut. */
static void make_table(struct slc_buf *table, bool crlf)
{
    struct dice dice = {5};

    slc_buf_append_text(table, "id,text,number\n");
    for (int i = 0; i < 9000; i++)
        slc_buf_printf(
            table, "%d,%s,%llu%s", i,
            ((const char *[]){"plain", "\"two\nlines\"", "\"say \"\"x\"\"\"",
                              "\xc3\xa9\xf0\x9f\x98\x80", "\xe2\x82\xac"})[roll(&dice, 5)],
            (unsigned long long)roll(&dice, 1000000), crlf ? "\r\n" : "\n");
}

static void pack_gzip(struct slc_str plain, struct slc_buf *packed)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)plain.data;
    z.avail_in = (unsigned)plain.len;
    z.avail_out = (unsigned)deflateBound(&z, plain.len);
    z.next_out = (unsigned char *)slc_buf_reserve(packed, z.avail_out);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed->len += z.total_out;
    deflateEnd(&z);
}

static void pack_zstd(struct slc_str plain, struct slc_buf *packed)
{
    size_t bound = ZSTD_compressBound(plain.len), len;
    char *to = slc_buf_reserve(packed, bound);

    /* With a checksum, as the zstd program writes it: damage is always found. */
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    len = ZSTD_compress2(context, to, bound, plain.data, plain.len);
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(len));
    packed->len += len;
}

static void to_utf16(struct slc_str text, bool big, bool bom, struct slc_buf *out)
{
    const unsigned char *p = (const unsigned char *)text.data, *end = p + text.len;
    uint32_t units[2] = {0xfeff};
    int n_units = bom ? 1 : 0;

    for (;;) {
        for (int i = 0; i < n_units; i++) {
            slc_buf_append_byte(out, (char)(big ? units[i] >> 8 : units[i]));
            slc_buf_append_byte(out, (char)(big ? units[i] : units[i] >> 8));
        }
        if (p == end)
            break;
        n_units = 1;
        if (*p < 0x80) {
            units[0] = *p++;
        } else if (*p < 0xe0) {
            units[0] = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
            p += 2;
        } else if (*p < 0xf0) {
            units[0] = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
            p += 3;
        } else {
            uint32_t c =
                ((p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu)) -
                0x10000;

            units[0] = 0xd800 + (c >> 10);
            units[1] = 0xdc00 + (c & 0x3ff);
            n_units = 2;
            p += 4;
        }
    }
}

/* All of the dump behind the head, which names the digest and the packing. */
static const char *rows_of(struct slc_buf *out)
{
    return strchr(slc_buf_text(out), '\n');
}

static void expect_same(struct slc_str plain, struct slc_str other, enum slc_encoding encoding,
                        const char *description)
{
    SLC_AUTO_BUF struct slc_buf expected = {0};
    struct slc_reader_options options = defaults();

    assert_true(read_all(file_of(plain), "t", &options, 1, &expected, NULL));
    options.encoding = encoding;
    for (int i = 0; i < 6; i++) {
        SLC_AUTO_BUF struct slc_buf got = {0};
        struct slc_error error = {0};

        options.chunk_bytes = ((int64_t[]){1 << 20, 1 << 17, 4099, 65536, 1000, 100})[i];
        if (!read_all(file_of(other), "t", &options, 1 + i % 3, &got, &error))
            fail_msg("%s: %s", description, error.message);
        assert_string_equal(rows_of(&got), rows_of(&expected));
        assert_non_null(strstr(got.data, description));
    }
}

static void packed(void **state)
{
    for (int i = 0; i < 2; i++) {
        SLC_AUTO_BUF struct slc_buf table = {0}, gzip = {0}, members = {0}, zstd = {0},
                                    frames = {0};
        struct slc_str plain, first, second;

        (void)state;
        make_table(&table, i == 1);
        plain = slc_buf_view(&table);
        first = (struct slc_str){plain.data, plain.len / 3};
        second = (struct slc_str){plain.data + plain.len / 3, plain.len - plain.len / 3};
        pack_gzip(plain, &gzip);
        expect_same(plain, slc_buf_view(&gzip), SLC_ENCODING_AUTO, "gzip, delimiter");
        pack_gzip(first, &members);
        pack_gzip(str(""), &members);
        pack_gzip(second, &members);
        slc_buf_append(&members, "\0\0\0\0", 4); /* padding, as on tapes */
        expect_same(plain, slc_buf_view(&members), SLC_ENCODING_AUTO, "gzip");
        pack_zstd(plain, &zstd);
        expect_same(plain, slc_buf_view(&zstd), SLC_ENCODING_AUTO, "zstd, delimiter");
        pack_zstd(first, &frames);
        pack_zstd(second, &frames);
        expect_same(plain, slc_buf_view(&frames), SLC_ENCODING_AUTO, "zstd");
    }
}

static void encodings(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0}, packed_utf16 = {0};
    struct slc_str plain;

    (void)state;
    make_table(&table, false);
    plain = slc_buf_view(&table);
    for (int big = 0; big < 2; big++)
        for (int bom = 0; bom < 2; bom++) {
            SLC_AUTO_BUF struct slc_buf utf16 = {0};
            enum slc_encoding encoding = big ? SLC_ENCODING_UTF16BE : SLC_ENCODING_UTF16LE;

            to_utf16(plain, big, bom, &utf16);
            expect_same(plain, slc_buf_view(&utf16), bom ? SLC_ENCODING_AUTO : encoding,
                        big ? "UTF-16BE, delimiter" : "UTF-16LE, delimiter");
            if (bom && big)
                pack_gzip(slc_buf_view(&utf16), &packed_utf16);
        }
    expect_same(plain, slc_buf_view(&packed_utf16), SLC_ENCODING_AUTO, "gzip, UTF-16BE");
    expect_same(str("name,n\nJos\xc3\xa9,1\n\xc3\xbf\xc2\xa0,2\n"),
                str("name,n\nJos\xe9,1\n\xff\xa0,2\n"), SLC_ENCODING_LATIN1, "Latin-1");
}

/* What is no UTF-16 costs its row alone. */
static void broken_utf16(void **state)
{
    static const char table[] = "a\0,\0b\0\n\0"
                                "1\0,\0x\0\n\0"
                                "2\0,\0\x00\xd8\n\0"
                                "3\0,\0\x00\xdc\n\0"
                                "4\0,\0y\0\n\0"
                                "5\0,\0z";
    struct slc_reader_options options = defaults();
    SLC_AUTO_BUF struct slc_buf out = {0};

    (void)state;
    options.encoding = SLC_ENCODING_UTF16LE;
    assert_true(read_all(file_of((struct slc_str){table, sizeof(table) - 1}), "t", &options, 1,
                         &out, NULL));
    assert_non_null(strstr(slc_buf_text(&out), "[1,[1,\"x\"]]\n{\"reject\":2,"));
    assert_non_null(strstr(out.data, "\"reason\":\"not valid UTF-16\""));
    assert_non_null(strstr(out.data, "\n[4,[4,\"y\"]]\n{\"reject\":5,"));
    assert_non_null(strstr(out.data, "{\"rows\":2,\"records\":5}"));
}

static void expect_refused(struct slc_str bytes, const char *words)
{
    struct slc_reader_options options = defaults();
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};

    assert_false(read_all(file_of(bytes), "t", &options, 2, &out, &error));
    assert_int_equal(error.code, SLC_ERR_FORMAT);
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
}

static void damaged(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0}, gzip = {0}, zstd = {0};
    struct slc_str view;

    (void)state;
    for (int i = 0; i < 10; i++)
        make_table(&table, false);
    pack_gzip(slc_buf_view(&table), &gzip);
    view = slc_buf_view(&gzip);
    view.len -= 9;
    expect_refused(view, "the gzip data end early");
    view.len = 5;
    expect_refused(view, "the gzip data end early");
    gzip.data[gzip.len - 6] ^= 1;
    expect_refused(slc_buf_view(&gzip), "the gzip data are damaged");
    gzip.data[gzip.len - 6] ^= 1;
    gzip.data[gzip.len / 2] ^= 0x55;
    expect_refused(slc_buf_view(&gzip), "the gzip data");
    pack_zstd(slc_buf_view(&table), &zstd);
    view = slc_buf_view(&zstd);
    view.len -= 9;
    expect_refused(view, "the zstd data end early");
    view.len = 6;
    expect_refused(view, "the zstd data end early");
    zstd.data[zstd.len / 2] ^= 0x55;
    expect_refused(slc_buf_view(&zstd), "the zstd data");
    expect_refused((struct slc_str){"\x1f\x8b\x08\x00garbage, not gzip at all", 28}, "gzip data");
    expect_refused((struct slc_str){"a\0,\0b\0\n\0"
                                    "1\0,\0"
                                    "2\0\n\0",
                                    16},
                   "UTF-16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed),
        cmocka_unit_test(encodings),
        cmocka_unit_test(broken_utf16),
        cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
