/* Files, errors, digests. */
#include "base_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

struct folder {
    char path[64];
    int fd;
};

static int make_folder(void **state)
{
    static struct folder folder;

    strcpy(folder.path, "/tmp/slc-base-XXXXXX");
    if (!mkdtemp(folder.path))
        return -1;
    folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY);
    *state = &folder;
    return folder.fd < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    DIR *listing = fdopendir(folder->fd);
    struct dirent *entry;

    while (listing && (entry = readdir(listing)))
        if (unlinkat(dirfd(listing), entry->d_name, 0) < 0)
            unlinkat(dirfd(listing), entry->d_name, AT_REMOVEDIR);
    closedir(listing);
    return rmdir(folder->path);
}

static int count_entries(const struct folder *folder)
{
    DIR *listing = opendir(folder->path);
    int n = 0;

    while (readdir(listing))
        n++;
    closedir(listing);
    return n - 2;
}

static void expect_contents(const struct folder *folder, const char *name, const char *contents)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_error error = {0};

    if (!slc_file_read(folder->fd, name, 1 << 20, &buf, &error))
        fail_msg("%s", error.message);
    assert_string_equal(slc_buf_text(&buf), contents);
}

static void replacing(void **state)
{
    struct folder *folder = *state;
    struct slc_error error = {0};
    struct stat status;
    char name[256];

    assert_true(slc_file_replace(folder->fd, "a.txt", slc_str_from("one"), 0640, &error));
    expect_contents(folder, "a.txt", "one");
    assert_int_equal(fstatat(folder->fd, "a.txt", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_true(slc_file_replace(folder->fd, "a.txt", slc_str_from("two, longer"), 0600, &error));
    expect_contents(folder, "a.txt", "two, longer");
    assert_true(slc_file_replace(folder->fd, "a.txt", slc_str_from(""), 0600, &error));
    expect_contents(folder, "a.txt", "");
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_true(slc_file_replace(folder->fd, name, slc_str_from("long name"), 0600, &error));
    expect_contents(folder, name, "long name");
    assert_int_equal(unlinkat(folder->fd, name, 0), 0);
    /* A folder in the way: refused, the old one stands, nothing is left over. */
    assert_int_equal(mkdirat(folder->fd, "folder", 0700), 0);
    assert_false(slc_file_replace(folder->fd, "folder", slc_str_from("x"), 0600, &error));
    assert_int_equal(error.code, SLC_ERR_IO);
    assert_false(slc_file_replace(folder->fd, "missing/x", slc_str_from("x"), 0600, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_int_equal(count_entries(folder), 2);
}

/* What a user names: the mode of a file that is there is the user's choice. */
static void putting(void **state)
{
    struct folder *folder = *state;
    struct slc_error error = {0};
    struct stat status;
    char path[128];

    snprintf(path, sizeof(path), "%s/out", folder->path);
    assert_true(slc_file_put(path, slc_str_from("one"), 0640, &error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(slc_file_put(path, slc_str_from("two"), 0644, &error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    expect_contents(folder, "out", "two");
}

/* A full disk, as a limit on files shows it: the error says which file, and the old one stands. */
static void replacing_without_room(void **state)
{
    struct folder *folder = *state;
    struct slc_error error = {0};
    struct rlimit before, none = {0};
    bool good;

    assert_true(slc_file_replace(folder->fd, "a", slc_str_from("old"), 0600, &error));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    good = slc_file_replace(folder->fd, "a", slc_str_from("new"), 0600, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(good);
    assert_string_equal(error.file, "a");
    expect_contents(folder, "a", "old");
    assert_int_equal(count_entries(folder), 1);
}

static void reading(void **state)
{
    struct folder *folder = *state;
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_error error = {0};

    slc_buf_append_text(&buf, "kept ");
    assert_true(slc_file_replace(folder->fd, "b", slc_str_from("0123456789"), 0600, NULL));
    assert_true(slc_file_read(folder->fd, "b", 10, &buf, &error));
    assert_string_equal(slc_buf_text(&buf), "kept 0123456789");
    assert_false(slc_file_read(folder->fd, "b", 9, &buf, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_false(slc_file_read(folder->fd, "none", 9, &buf, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_false(slc_file_read(folder->fd, ".", 9, &buf, &error));
    assert_int_equal(error.code, SLC_ERR_IO);
    assert_int_equal(mkfifoat(folder->fd, "pipe", 0600), 0);
    assert_false(slc_file_read(folder->fd, "pipe", 9, &buf, &error));
    assert_int_equal(error.code, SLC_ERR_IO);
    assert_false(slc_file_read(AT_FDCWD, "/dev/zero", 9, &buf, &error));
}

static void folders(void **state)
{
    struct folder *folder = *state;
    struct slc_error error = {0};
    char path[128];

    snprintf(path, sizeof(path), "%s/x", folder->path);
    assert_true(slc_dir_make(path, 0700, &error));
    assert_true(slc_dir_make(path, 0700, &error));
    assert_true(slc_file_replace(folder->fd, "plain", slc_str_from(""), 0600, NULL));
    snprintf(path, sizeof(path), "%s/plain", folder->path);
    assert_false(slc_dir_make(path, 0700, &error));
    assert_false(slc_dir_make("", 0700, &error));
}

static void names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "/", "a\nb", "a\x7f", "\xff"};
    char longest[257];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(slc_name_is_plain(slc_str_from(bad[i])));
    assert_false(slc_name_is_plain((struct slc_str){"a\0b", 3}));
    assert_true(slc_name_is_plain(slc_str_from("...")));
    assert_true(slc_name_is_plain(slc_str_from("Jos\xc3\xa9 1.csv")));
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_false(slc_name_is_plain(slc_str_from(longest)));
    assert_true(slc_name_is_plain(slc_str_from(longest + 1)));
    assert_true(slc_str_is(slc_path_base(slc_str_from("/a/b.c")), "b.c"));
    assert_true(slc_str_is(slc_path_base(slc_str_from("b.c")), "b.c"));
    assert_int_equal(slc_path_base(slc_str_from("/a/")).len, 0);
}

static void errors(void **state)
{
    struct slc_error error = {0};
    char text[SLC_ERROR_TEXT_BYTES], longer[2000], name[600];

    (void)state;
    assert_false(slc_fail(NULL, SLC_ERR_DATA, "nobody listens"));
    slc_fail(&error, SLC_ERR_SERVER, "caf\xc3\xa9 \xff\xc3 %s\xe2\x82", "\x80");
    assert_string_equal(
        error.message, "caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_false(slc_fail(&error, SLC_ERR_DATA, "line\nbreak %d\ttab \x7f", 5));
    assert_string_equal(error.message, "line break 5 tab  ");
    assert_int_equal(error.class, SLC_CLASS_REJECT);
    slc_error_locate(&error, "f.csv", 3, slc_str_from("col"));
    slc_error_locate(&error, "other", 9, slc_str_from("x"));
    assert_string_equal(slc_error_format(&error, text, sizeof(text)),
                        "f.csv: row 3: column col: line break 5 tab  ");
    assert_string_equal(slc_error_format(&error, text, 8), "f.csv: ");
    slc_error_locate(NULL, "x", 1, slc_str_from("y"));
    slc_error_clear(&error);
    assert_int_equal(error.code, SLC_ERR_NONE);

    /* Cut at the end, but never within a character. */
    for (int pad = 0; pad < 4; pad++) {
        memset(longer, 'x', sizeof(longer));
        for (size_t i = (size_t)pad; i + 4 < sizeof(longer); i += 4)
            memcpy(longer + i, "\xf0\x9f\x98\x80", 4);
        longer[sizeof(longer) - 8] = '\0';
        slc_fail(&error, SLC_ERR_CONNECTION, "%s", longer);
        assert_true(strlen(error.message) > SLC_ERROR_MESSAGE_BYTES - 6);
        assert_true(slc_utf8_is_valid(slc_str_from(error.message)) || pad > 0);
        memcpy(name, longer, sizeof(name));
        name[sizeof(name) - 1] = '\0';
        slc_error_locate(&error, name, 0, slc_str_from(name));
        slc_error_format(&error, text, sizeof(text));
        assert_true(strlen(text) < sizeof(text));
    }
    assert_int_equal(error.class, SLC_CLASS_RETRY);
    assert_int_equal(slc_error_exit_status(&error), 3);
    slc_fail_errno(&error, ENOENT, "cannot open %s", "x");
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_string_equal(error.message, "cannot open x: No such file or directory");
    slc_fail_errno(&error, ENOMEM, "x");
    assert_int_equal(error.code, SLC_ERR_MEMORY);
    slc_fail_errno(&error, EACCES, "x");
    assert_int_equal(error.code, SLC_ERR_IO);
    for (int code = 0; code <= SLC_ERR_INTERNAL; code++) {
        assert_true(strlen(slc_error_code_name((enum slc_error_code)code)) > 1);
        error.code = (enum slc_error_code)code;
        assert_in_range(slc_error_exit_status(&error), code ? 1 : 0, 3);
    }
}

static void digests(void **state)
{
    struct slc_sha256 *digest = slc_sha256_new();
    char hex[SLC_SHA256_HEX_BYTES], whole[SLC_SHA256_HEX_BYTES];
    unsigned char one[32] = {0}, two[32] = {0};

    (void)state;
    slc_sha256_hex(slc_str_from(""), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    slc_sha256_hex(slc_str_from("abc"), whole);
    assert_string_equal(whole, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    slc_sha256_update(digest, "a", 1);
    slc_sha256_update(digest, "", 0);
    slc_sha256_update(digest, "bc", 2);
    slc_sha256_finish(digest, hex);
    assert_string_equal(hex, whole);
    slc_sha256_finish(NULL, NULL);
    slc_hex_encode("\x00\xff\x1a", 3, hex);
    assert_string_equal(hex, "00ff1a");
    assert_true(slc_random_bytes(one, sizeof(one), NULL) &&
                slc_random_bytes(two, sizeof(two), NULL));
    assert_memory_not_equal(one, two, sizeof(one));
    assert_true(slc_equal_constant_time(slc_str_from("same"), slc_str_from("same")));
    assert_false(slc_equal_constant_time(slc_str_from("same"), slc_str_from("sane")));
    assert_false(slc_equal_constant_time(slc_str_from("same"), slc_str_from("sam")));
    assert_true(slc_equal_constant_time(slc_str_from(""), slc_str_from("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replacing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(putting, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(replacing_without_room, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(reading, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(folders, make_folder, remove_folder),
        cmocka_unit_test(names),
        cmocka_unit_test(errors),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
