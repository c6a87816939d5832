/* Mails: addresses, messages, and the spool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "report/mail_address.h"
#include "report/mail_body.h"
#include "report/mail_message.h"
#include "report/mail_send.h"
#include "report/mail_spool.h"

#define assert_good(call, error)                                                                   \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s", (error).message);                                                       \
    } while (0)

/* ---- Addresses --------------------------------------------------------------- */

static void test_addresses(void **state)
{
    static const char *const good[] = {"a@b", "a.b+c@d-e.example", "!#$%&'*+/=?^_`{|}~-@b.c",
                                       "x@1.2.3.4", "A@B.COM"};
    static const char *const bad[] = {
        "",
        "@",
        "a@",
        "@b",
        "a",
        "a@b@c",
        "a b@c",
        "a@b c",
        "a@b\r\nRCPT",
        "a@b\n",
        "a\t@b",
        "<a@b>",
        "a@b>",
        "\"a\"@b",
        "a@[1.2.3.4]",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a@.b",
        "a@b.",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b-.c",
        "\303\244@b",
        "a@\303\244.b",
        "a,b@c",
        "a@b_c",
        "a@1234567890123456789012345678901234567890123456789012345678901234.c",
        "12345678901234567890123456789012345678901234567890123456789012345@b"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!slc_mail_address_is_valid(slc_str_from(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (slc_mail_address_is_valid(slc_str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_false(slc_mail_address_is_valid((struct slc_str){"a\0@b", 4}));
}

static void test_lists(void **state)
{
    static const char *const domains[] = {"b.example", ".corp.example"};
    struct slc_mail_addresses list = {0};
    struct slc_error error = {0};

    (void)state;
    assert_good(slc_mail_addresses_add(&list, SLC_STR(" a@b.example,;c@d , a@B.Example"), &error),
                error);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1], "c@d");
    assert_false(slc_mail_addresses_add(&list, SLC_STR("e@f, nobody-secret"), &error));
    assert_null(strstr(error.message, "nobody"));
    assert_int_equal(list.count, 2);
    for (int i = 2; i < SLC_MAIL_ADDRESSES_MAX; i++) {
        char address[32];

        snprintf(address, sizeof(address), "u%d@b", i);
        assert_good(slc_mail_addresses_add(&list, slc_str_from(address), &error), error);
    }
    assert_false(slc_mail_addresses_add(&list, SLC_STR("more@b"), &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);

    assert_true(slc_mail_domain_is_allowed(SLC_STR("B.Example"), domains, 2));
    assert_true(slc_mail_domain_is_allowed(SLC_STR("x.corp.example"), domains, 2));
    assert_false(slc_mail_domain_is_allowed(SLC_STR("corp.example"), domains, 2));
    assert_false(slc_mail_domain_is_allowed(SLC_STR("xb.example"), domains, 2));
    assert_true(slc_mail_domain_is_allowed(SLC_STR("any"), NULL, 0));
}

static void test_senders(void **state)
{
    struct slc_str name, address;

    (void)state;
    assert_true(slc_mail_sender_parse(SLC_STR(" Gr\303\266\303\237e <a@b.c> "), &name, &address));
    assert_true(slc_str_is(name, "Gr\303\266\303\237e") && slc_str_is(address, "a@b.c"));
    assert_true(slc_mail_sender_parse(SLC_STR("a@b.c"), &name, &address) && name.len == 0);
    assert_false(slc_mail_sender_parse(SLC_STR("x\r\nBcc: y <a@b.c>"), &name, &address));
    assert_false(slc_mail_sender_parse(SLC_STR("a@b.c>"), &name, &address));
    assert_false(slc_mail_sender_parse(SLC_STR("x <a@b.c> y"), &name, &address));
}

/* ---- Messages ------------------------------------------------------------------ */

static void expect_header(const char *text, const char *line)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_mail_header(&out, "Subject", slc_str_from(text));
    assert_string_equal(slc_buf_text(&out), line);
}

static void test_headers(void **state)
{
    SLC_AUTO_BUF struct slc_buf date = {0};

    (void)state;
    expect_header("plain", "Subject: plain\r\n");
    expect_header("a\r\nBcc: x@y", "Subject: a  Bcc: x@y\r\n");
    expect_header("a =?b", "Subject: \r\n =?UTF-8?B?YSA9P2I=?=\r\n");
    expect_header("\303\274", "Subject: \r\n =?UTF-8?B?w7w=?=\r\n");
    /* 45 bytes a word, never within a character. */
    expect_header("12345678901234567890123456789012345678901234\303\274x",
                  "Subject: \r\n "
                  "=?UTF-8?B?MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ=?=\r\n "
                  "=?UTF-8?B?w7x4?=\r\n");
    slc_mail_date(&date, INT64_C(1795366740) * 1000000);
    assert_string_equal(slc_buf_text(&date), "Sun, 22 Nov 2026 16:59:00 +0000");
    slc_buf_clear(&date);
    slc_mail_date(&date, 0);
    assert_string_equal(slc_buf_text(&date), "Thu, 01 Jan 1970 00:00:00 +0000");
}

static void expect_quoted(const char *text, const char *quoted)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_mail_quoted_printable(&out, slc_str_from(text));
    assert_string_equal(slc_buf_text(&out), quoted);
}

static void test_quoted_printable(void **state)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    char text[4000];
    size_t column = 0;

    (void)state;
    expect_quoted("a=b \303\274\n", "a=3Db =C3=BC\r\n\r\n");
    expect_quoted("end \nx\t", "end=20\r\nx=09\r\n");
    expect_quoted(".\nFrom x\nxF.", "=2E\r\n=46rom x\r\nxF.\r\n");
    expect_quoted("a\r\nb", "a=0D\r\nb\r\n");
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i % 251 + 1);
    slc_mail_quoted_printable(&out, (struct slc_str){text, sizeof(text)});
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.data[i];

        assert_true((c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t');
        column = c == '\n' ? 0 : column + 1;
        assert_true(column <= 77); /* 76 and the CR */
    }
}

/* Whatever a META holds, the report is written. */
static struct slc_str hostile_meta(const void *state, const char *field)
{
    const char *const *texts = state;
    size_t hash = strlen(field);

    return slc_str_from(texts[hash % 8]);
}

static void test_hostile_meta(void **state)
{
    static const char *const texts[9] = {
        "{",
        "[1,[2],{\"a\":3},null]",
        "{\"columns\":{\"x\":{\"histogram\":{\"counts\":[1,\"a\",-5]}}}}",
        "{\"columns\":[]}",
        "\377\376",
        "{\"columns\":{\"<b>\":{\"strategy\":\"mean\",\"count\":\"x\"}}}",
        "99999999999999999999999",
        "{\"columns\":{\"x\":7},\"y\":[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}"};

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        const char *rotated[8];
        SLC_AUTO_BUF struct slc_buf subject = {0}, text = {0}, html = {0};
        struct slc_mail_load load = {.name = SLC_STR("<i>t</i>\r\n"),
                                     .rows_read = 10,
                                     .rows_written = 9,
                                     .rows_rejected = 1,
                                     .drift = slc_str_from(texts[shift]),
                                     .meta = hostile_meta,
                                     .meta_state = rotated};
        struct slc_mail_batch batch = {.loads = &load, .count = 1, .batch_id = "0", .machine = "m"};
        struct slc_error error = {0};

        for (size_t i = 0; i < 8; i++)
            rotated[i] = texts[(i + shift) % 8];
        assert_good(slc_mail_body_write(&batch, &subject, &text, &html, &error), error);
        assert_null(memmem(html.data, html.len, "<i>t", 4));
        assert_null(memmem(html.data, html.len, "<b>", 3));
        assert_non_null(memmem(html.data, html.len, "&lt;i&gt;t", 10));
    }
}

static void test_urls(void **state)
{
    (void)state;
    assert_null(slc_mail_url_check(SLC_STR("smtp://h")));
    assert_null(slc_mail_url_check(SLC_STR("smtps://u:p@h:465")));
    assert_non_null(slc_mail_url_check(SLC_STR("smtp://")));
    assert_non_null(slc_mail_url_check(SLC_STR("file:///etc/passwd")));
}

/* ---- The spool -------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/slc-mail-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static struct slc_mail new_mail(const char *id, int64_t created)
{
    struct slc_mail mail = {.created_usec = created, .next_usec = created, .recipient_count = 2};

    snprintf(mail.id, sizeof(mail.id), "%s", id);
    strcpy(mail.from, "from@x");
    strcpy(mail.recipients[0].address, "a@b");
    strcpy(mail.recipients[1].address, "c@d");
    slc_buf_append_text(&mail.message, "Subject: x\r\n\r\nbody\r\n");
    return mail;
}

static void test_spool(void **state)
{
    SLC_AUTO_MAIL struct slc_mail mail = new_mail("one", 5), later = new_mail("two", 9);
    SLC_AUTO_MAIL struct slc_mail read = {0};
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    struct slc_error error = {0};
    size_t count;

    (void)state;
    assert_good(slc_mail_spool_put(folder, &later, &error), error);
    assert_good(slc_mail_spool_put(folder, &mail, &error), error);
    assert_good(slc_mail_spool_list(folder, &mails, &count, &error), error);
    assert_int_equal(count, 2);
    assert_string_equal(mails[0].id, "one");
    mail.recipients[0].state = SLC_MAIL_SENT;
    mail.recipients[1].state = SLC_MAIL_FAILED;
    mail.attempts = 3;
    strcpy(mail.reason, "550 no");
    assert_good(slc_mail_spool_update(folder, &mail, &error), error);
    assert_good(slc_mail_spool_read(folder, "one", true, &read, &error), error);
    assert_int_equal(slc_mail_state(&read), SLC_MAIL_FAILED);
    assert_string_equal(read.reason, "550 no");
    assert_true(slc_str_is(slc_buf_view(&read.message), "Subject: x\r\n\r\nbody\r\n"));
    slc_mail_release(&read);

    assert_good(slc_mail_spool_retry(folder, "one", 77, &error), error);
    assert_good(slc_mail_spool_read(folder, "one", false, &read, &error), error);
    assert_int_equal(read.recipients[0].state, SLC_MAIL_SENT);
    assert_int_equal(read.recipients[1].state, SLC_MAIL_WAITING);
    assert_int_equal(read.created_usec, 77);
    read.recipients[1].state = SLC_MAIL_SENT;
    assert_good(slc_mail_spool_update(folder, &read, &error), error);
    assert_false(slc_mail_spool_retry(folder, "one", 77, &error));
    assert_good(slc_mail_spool_read(folder, "one", true, &read, &error), error);
    assert_int_equal(read.message.len, 0); /* sent: not kept */

    assert_good(slc_mail_spool_remove(folder, "one", &error), error);
    assert_good(slc_mail_spool_update(folder, &read, &error), error); /* stays removed */
    assert_false(slc_mail_spool_read(folder, "one", false, &read, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
}

static void test_damaged_files(void **state)
{
    static const char *const bad[] = {"",
                                      "sluice-mail 1\n",
                                      "sluice-mail 2\nfrom a@b\nto waiting a@b\n\n",
                                      "sluice-mail 1\nfrom a@b\n\n",
                                      "sluice-mail 1\nto waiting a@b\n\n",
                                      "sluice-mail 1\nfrom a@b\nto gone a@b\n\n",
                                      "sluice-mail 1\nfrom a@b\nto waiting a b\n\n",
                                      "sluice-mail 1\nfrom a@b\nto waiting a@b\ncreated -1\n\n",
                                      "sluice-mail 1\nfrom a@b\nto waiting a@b\nother x\n\n",
                                      "sluice-mail 1\nfrom a@b\nto waiting a@b\n"};
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    struct slc_error error = {0};
    char path[128];
    size_t count;

    (void)state;
    snprintf(path, sizeof(path), "%s/x.mail", folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slc_mail mail = {0};

        assert_good(slc_file_replace(-1, path, slc_str_from(bad[i]), 0600, &error), error);
        if (slc_mail_spool_read(folder, "x", true, &mail, &error))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(error.code, SLC_ERR_FORMAT);
    }
    assert_good(slc_mail_spool_list(folder, &mails, &count, &error), error);
    assert_int_equal(count, 0);
    assert_false(slc_mail_spool_remove(folder, "../x", &error));
    assert_int_equal(error.code, SLC_ERR_NAME);
}

static void test_bounds(void **state)
{
    struct slc_error error = {0};
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    size_t count;
    char id[32];

    (void)state;
    /* Finished ones go, the oldest first. */
    for (int i = 0; i < SLC_MAIL_FINISHED_MAX + 10; i++) {
        SLC_AUTO_MAIL struct slc_mail mail = {0};

        snprintf(id, sizeof(id), "m%05d", i);
        mail = new_mail(id, i);
        mail.recipients[0].state = mail.recipients[1].state = SLC_MAIL_SENT;
        assert_good(slc_mail_spool_put(folder, &mail, &error), error);
    }
    assert_good(slc_mail_spool_list(folder, &mails, &count, &error), error);
    assert_int_equal(count, SLC_MAIL_FINISHED_MAX + 1);
    assert_string_equal(mails[count - 1].id, id);
}

static void test_one_sender(void **state)
{
    struct slc_error error = {0};
    SLC_AUTO_CLOSE int fd = slc_mail_spool_sender(folder, &error);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(slc_mail_spool_sender(folder, &error), -1);
    assert_int_equal(error.code, SLC_ERR_CONFLICT);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_quoted_printable),
        cmocka_unit_test(test_hostile_meta),
        cmocka_unit_test(test_urls),
        IN_FOLDER(test_spool),
        IN_FOLDER(test_damaged_files),
        IN_FOLDER(test_bounds),
        IN_FOLDER(test_one_sender),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
