#include "source_test.h"

#include "base/time.h"
#include "source/settle.h"

static struct stat file_of(int64_t size, int64_t mtime_sec, int64_t ctime_sec)
{
    struct stat status;

    memset(&status, 0, sizeof(status));
    status.st_size = size;
    status.st_ino = 7;
    status.st_mtim.tv_sec = mtime_sec;
    status.st_ctim.tv_sec = ctime_sec;
    return status;
}

static const int64_t S = SLC_USEC_PER_SEC;

static void a_growing_file(void **state)
{
    struct slc_settle settle = {0};
    struct stat status = file_of(10, 1000, 1000);

    (void)state;
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 50 * S, 1000 * S, 2000), 2000);
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 51 * S, 1001 * S, 2000), 1000);
    status.st_size = 20;
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 52 * S, 1002 * S, 2000), 2000);
    status.st_mtim.tv_nsec = 1;
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 53 * S, 1003 * S, 2000), 2000);
    status.st_ino = 8;
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 54 * S, 1004 * S, 2000), 2000);
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 56 * S - 1, 1006 * S, 2000), 1);
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 56 * S, 1006 * S, 2000), 0);
    /* A change after long rest starts anew, however old its mtime is. */
    status.st_size = 30;
    assert_int_equal(slc_settle_wait_ms(&settle, &status, 99 * S, 9999 * S, 2000), 2000);
}

static void an_old_file(void **state)
{
    struct slc_settle a = {0}, b = {0}, c = {0}, d = {0};
    struct stat old = file_of(10, 1000, 1000), copied = file_of(10, 5, 1000),
                future = file_of(10, 9000, 9000);

    (void)state;
    assert_int_equal(slc_settle_wait_ms(&a, &old, 50 * S, 1007 * S, 2000), 0);
    assert_int_equal(slc_settle_wait_ms(&b, &old, 50 * S, 1006 * S, 2000), 2000);
    /* cp -p: mtime is old, but the file is not. */
    assert_int_equal(slc_settle_wait_ms(&c, &copied, 50 * S, 1001 * S, 2000), 2000);
    assert_int_equal(slc_settle_wait_ms(&d, &future, 50 * S, 1001 * S, 2000), 2000);
    assert_int_equal(slc_settle_wait_ms(&d, &future, 52 * S, 1003 * S, 2000), 0);
    d = (struct slc_settle){0};
    assert_int_equal(slc_settle_wait_ms(&d, &future, 50 * S, 1001 * S, 0), 0);
}

static struct slc_ticket *ticket_with(const char *extra)
{
    struct slc_ticket *ticket = NULL;
    char text[512];

    snprintf(text, sizeof(text),
             "{\"file_name\": \"a.csv\", \"status\": \"READY\", \"load_dttm\": \"\"%s}", extra);
    assert_true(slc_ticket_parse("a.ticket", slc_str_from(text), &ticket, NULL));
    return ticket;
}

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void verifying(void **state)
{
    static const struct {
        const char *extra;
        bool states;
        enum slc_error_code code;
        const char *hex;
    } cases[] = {
        {"", false, SLC_ERR_NONE, ""},
        {", \"size\": 3", true, SLC_ERR_NONE, ""},
        {", \"size\": 4", true, SLC_ERR_CHANGED, NULL},
        {", \"size\": 0", true, SLC_ERR_CHANGED, NULL},
        {", \"sha256\": \"" SHA_ABC "\"", true, SLC_ERR_NONE, SHA_ABC},
        {", \"size\": 3, \"sha256\": "
         "\"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\"",
         true, SLC_ERR_NONE, SHA_ABC},
        {", \"sha256\": \"0a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", true,
         SLC_ERR_CHANGED, NULL},
    };
    struct place *place = *state;
    int fd;

    put(place, "a.csv", "abc");
    fd = openat(place->fd, "a.csv", O_RDONLY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_TICKET struct slc_ticket *ticket = ticket_with(cases[i].extra);
        char hex[SLC_SHA256_HEX_BYTES] = "?";
        struct slc_error error = {0};

        assert_int_equal(slc_ticket_states_contents(ticket), cases[i].states);
        assert_int_equal(slc_ticket_verify(ticket, fd, NULL, hex, &error),
                         cases[i].code == SLC_ERR_NONE);
        assert_int_equal(error.code, cases[i].code);
        if (cases[i].hex)
            assert_string_equal(hex, cases[i].hex);
        else
            assert_string_equal(error.file, "a.csv");
    }
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
}

static void large_files_and_cancelling(void **state)
{
    struct place *place = *state;
    char hex[SLC_SHA256_HEX_BYTES], whole[SLC_SHA256_HEX_BYTES];
    size_t len = 3 * 1024 * 1024 + 17;
    char *bytes = malloc(len);
    struct slc_error error = {0};
    atomic_bool cancel = true;
    int fd;

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 4096);
    fd = openat(place->fd, "a.csv", O_RDWR | O_CREAT, 0600);
    assert_true(slc_write_all(fd, bytes, len, NULL));
    slc_sha256_hex((struct slc_str){bytes, len}, whole);
    assert_true(slc_sha256_of_file(fd, NULL, hex, &error));
    assert_string_equal(hex, whole);
    assert_false(slc_sha256_of_file(fd, &cancel, hex, &error));
    assert_int_equal(error.code, SLC_ERR_CANCELLED);
    free(bytes);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_growing_file),
        cmocka_unit_test(an_old_file),
        PLACE_TEST(verifying),
        PLACE_TEST(large_files_and_cancelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
