/* The wallet: what is put in comes out; what is damaged is refused and left as
 * it is. */
#include "wallet_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "wallet/format.h"

/* A try at the cheapest that is allowed takes about a millisecond. */
static const struct slc_wallet_cost cheap = {.passes = 1, .memory_kib = SLC_WALLET_MEMORY_MIN_KIB};
static const struct slc_str passphrase = {"correct horse", 13};

static struct slc_wallet *make(void)
{
    struct slc_error error = {0};
    struct slc_wallet *wallet = slc_wallet_new(path, passphrase, &cheap, &error);

    assert_good(wallet, error);
    return wallet;
}

static void set(struct slc_wallet *wallet, const char *name, const char *value)
{
    struct slc_error error = {0};

    assert_good(slc_wallet_set(wallet, slc_str_from(name), slc_str_from(value), NULL, &error),
                error);
}

static void assert_value(const struct slc_wallet *wallet, const char *name, const char *value)
{
    struct slc_str found;

    assert_true(slc_wallet_get(wallet, slc_str_from(name), &found));
    assert_true(slc_str_is(found, value));
}

static void save(const struct slc_wallet *wallet)
{
    struct slc_error error = {0};

    assert_good(slc_wallet_save(wallet, &error), error);
}

static void read_whole(struct slc_buf *file)
{
    struct slc_error error = {0};

    assert_good(slc_file_read(AT_FDCWD, path, 1 << 24, file, &error), error);
}

static void test_comes_back(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_WALLET struct slc_wallet *again = NULL;
    struct slc_error error = {0};
    struct slc_str found;
    struct stat status;
    bool is_new;

    (void)state;
    set(wallet, "redis", "p@ss w\303\266rd\nof two lines");
    set(wallet, "smtp", "first");
    assert_good(slc_wallet_set(wallet, SLC_STR("smtp"), SLC_STR("second"), &is_new, &error), error);
    assert_false(is_new);
    set(wallet, "api", "x");
    save(wallet);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);

    again = slc_wallet_open(path, passphrase, &error);
    assert_good(again, error);
    assert_int_equal(slc_wallet_count(again), 3);
    assert_true(slc_str_is(slc_wallet_name(again, 0), "api"));
    assert_true(slc_str_is(slc_wallet_name(again, 1), "redis"));
    assert_true(slc_str_is(slc_wallet_name(again, 2), "smtp"));
    assert_value(again, "redis", "p@ss w\303\266rd\nof two lines");
    assert_value(again, "smtp", "second");
    assert_good(slc_wallet_remove(again, SLC_STR("redis"), &error), error);
    assert_false(slc_wallet_get(again, SLC_STR("redis"), &found));
    assert_value(again, "smtp", "second");
    assert_false(slc_wallet_remove(again, SLC_STR("redis"), &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
}

/* The same entries sealed twice have nothing in common but the header's
 * parameters, and neither names nor values stand in the file. */
static void test_sealed(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_BUF struct slc_buf one = {0}, two = {0};

    (void)state;
    set(wallet, "needle-name", "needle-value");
    save(wallet);
    read_whole(&one);
    save(wallet);
    read_whole(&two);
    assert_int_equal(one.len, two.len);
    assert_int_equal(one.len, SLC_WALLET_HEADER_BYTES + 256 + SLC_WALLET_TAG_BYTES);
    assert_memory_equal(one.data, two.data, 40);
    assert_memory_not_equal(one.data + 40, two.data + 40, 24);
    assert_memory_not_equal(one.data + 80, two.data + 80, 64);
    assert_null(memmem(one.data, one.len, "needle", 6));
}

static void refused(const char *has)
{
    struct slc_error error = {0};

    assert_null(slc_wallet_open(path, passphrase, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    assert_string_equal(error.file, path);
    assert_message(error, has);
}

static void test_wrong_passphrase(void **state)
{
    static const char *const wrong[] = {"", "correct", "correct horse ", "Correct horse"};
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();

    (void)state;
    set(wallet, "a", "b");
    save(wallet);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct slc_error error = {0};

        assert_null(slc_wallet_open(path, slc_str_from(wrong[i]), &error));
        assert_int_equal(error.code, SLC_ERR_CONFIG);
        assert_message(error, "the passphrase is wrong");
    }
}

static void test_every_byte_altered(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_BUF struct slc_buf file = {0}, after = {0};

    (void)state;
    set(wallet, "redis", "secret");
    save(wallet);
    read_whole(&file);
    for (size_t i = 0; i < file.len; i++) {
        const char *has = i < 8    ? "no wallet of sluice"
                          : i < 12 ? "version"
                          : i < 20 ? "" /* another cost is a wrong key, or is not allowed */
                          : i < 24 ? "damaged"
                          : i < 80 ? "the passphrase is wrong, or the beginning of the file"
                                   : "the passphrase is right, but the entries";

        file.data[i] = (char)(file.data[i] ^ 1 << i % 8);
        put_file(path, slc_buf_view(&file));
        refused(has);
        slc_buf_clear(&after);
        read_whole(&after);
        assert_true(slc_str_eq(slc_buf_view(&file), slc_buf_view(&after)));
        file.data[i] = (char)(file.data[i] ^ 1 << i % 8);
    }
}

static void test_cut_at_every_length(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_BUF struct slc_buf file = {0};
    struct slc_str cut;

    (void)state;
    set(wallet, "redis", "secret");
    save(wallet);
    read_whole(&file);
    for (cut = slc_buf_view(&file), cut.len = 0; cut.len < file.len; cut.len++) {
        put_file(path, cut);
        refused(cut.len < 8 ? "no wallet" : "damaged");
    }
    slc_buf_append_byte(&file, 0);
    put_file(path, slc_buf_view(&file));
    refused("not as long as it says");
}

/* A file from outside cannot make this machine work or take memory at will. */
static void test_hostile_cost(void **state)
{
    static const struct {
        size_t at;
        unsigned char bytes[4];
    } hostile[] = {
        {12, {0, 0, 0, 0}},
        {12, {17, 0, 0, 0}},
        {12, {0xff, 0xff, 0xff, 0xff}},
        {16, {0, 0, 0, 0}},
        {16, {0xff, 3, 0, 0}},
        {16, {1, 0, 4, 0}},
        {16, {0xff, 0xff, 0xff, 0xff}},
        {20, {0, 0, 0, 0}},
        {20, {0, 0, 0, 0x80}},
        {20, {0xff, 0xff, 0xff, 0xff}},
    };
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_BUF struct slc_buf file = {0};

    (void)state;
    set(wallet, "redis", "secret");
    save(wallet);
    read_whole(&file);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct slc_wallet_header header;
        struct slc_error error = {0};
        char kept[4];

        memcpy(kept, file.data + hostile[i].at, 4);
        memcpy(file.data + hostile[i].at, hostile[i].bytes, 4);
        assert_false(slc_wallet_header_parse(slc_buf_view(&file), &header, &error));
        assert_message(error, "damaged");
        memcpy(file.data + hostile[i].at, kept, 4);
    }
}

/* Entries that were sealed by somebody who knew the passphrase, and make no
 * sense all the same. */
static void test_hostile_entries(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } hostile[] = {
        {"", 0},
        {"\1\0\0", 3},
        {"\1\0\0\0", 4},
        {"\1\1\0\0\1a\1\0b", 9},                  /* 257 entries */
        {"\1\0\0\0\1a\1\0", 8},                   /* its value is missing */
        {"\1\0\0\0\1a\0\0", 8},                   /* an empty value */
        {"\1\0\0\0\0\1\0b", 8},                   /* an empty name */
        {"\1\0\0\0\1/\1\0b", 9},                  /* a name that is not allowed */
        {"\1\0\0\0\1a\1\0\0", 9},                 /* a NUL */
        {"\1\0\0\0\1a\1\0\377", 9},               /* no UTF-8 */
        {"\1\0\0\0\1a\377\377b", 9},              /* longer than the text */
        {"\1\0\0\0\1a\1\0bx", 10},                /* something behind it */
        {"\2\0\0\0\1a\1\0b\1a\1\0c", 14},         /* a name twice */
        {"\2\0\0\0\1b\1\0b\1a\1\0c", 14},         /* out of order */
        {"\1\0\0\0\1a\1\0b\0\0\0\0\0\0\0\1", 17}, /* padding that is none */
    };
    struct slc_wallet_entry entries[SLC_WALLET_ENTRIES_MAX];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        /* On the heap and exact, for the address sanitizer. */
        char *bytes = malloc(hostile[i].len + 1);
        struct slc_error error = {0};

        assert_non_null(bytes);
        memcpy(bytes, hostile[i].bytes, hostile[i].len);
        if (slc_wallet_entries_read((struct slc_str){bytes, hostile[i].len}, entries, &count,
                                    &error))
            fail_msg("taken: number %zu", i);
        assert_int_equal(error.code, SLC_ERR_CONFIG);
        free(bytes);
    }
    assert_true(slc_wallet_entries_read((struct slc_str){"\1\0\0\0\1a\1\0b\0\0", 11}, entries,
                                        &count, NULL));
    assert_int_equal(count, 1);
}

static void test_names_and_values(void **state)
{
    static const char *const bad[] = {"", "-x", ".x", "a b", "a/b", "a\n", "\303\266", "a}"};
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_FREE char *large = calloc(1, SLC_WALLET_VALUE_MAX_BYTES + 2);
    struct slc_error error = {0};
    char name[SLC_WALLET_NAME_MAX_BYTES + 2] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(slc_wallet_set(wallet, slc_str_from(bad[i]), SLC_STR("value"), NULL, &error));
        assert_int_equal(error.code, SLC_ERR_NAME);
    }
    memset(name, 'n', SLC_WALLET_NAME_MAX_BYTES);
    set(wallet, name, "x");
    name[SLC_WALLET_NAME_MAX_BYTES] = 'n';
    assert_false(slc_wallet_set(wallet, slc_str_from(name), SLC_STR("value"), NULL, &error));

    assert_non_null(large);
    memset(large, 'v', SLC_WALLET_VALUE_MAX_BYTES);
    set(wallet, "large", large);
    large[SLC_WALLET_VALUE_MAX_BYTES] = 'v';
    assert_false(slc_wallet_set(wallet, SLC_STR("large"), slc_str_from(large), NULL, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_false(slc_wallet_set(wallet, SLC_STR("x"), SLC_STR(""), NULL, &error));
    assert_false(slc_wallet_set(wallet, SLC_STR("x"), SLC_STR("a\0b"), NULL, &error));
    assert_false(slc_wallet_set(wallet, SLC_STR("x"), SLC_STR("\377secret"), NULL, &error));
    assert_null(strstr(error.message, "secret"));
    assert_int_equal(slc_wallet_count(wallet), 2);
}

static void test_full(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_WALLET struct slc_wallet *again = NULL;
    SLC_AUTO_FREE char *large = calloc(1, SLC_WALLET_VALUE_MAX_BYTES + 1);
    struct slc_error error = {0};
    char name[SLC_WALLET_NAME_MAX_BYTES];

    (void)state;
    assert_non_null(large);
    memset(large, 'v', SLC_WALLET_VALUE_MAX_BYTES);
    for (int i = 0; i < SLC_WALLET_ENTRIES_MAX; i++) {
        snprintf(name, sizeof(name), "%056d", i);
        set(wallet, name, i < 40 ? large : "small");
    }
    assert_false(slc_wallet_set(wallet, SLC_STR("more"), SLC_STR("x"), NULL, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    save(wallet);
    again = slc_wallet_open(path, passphrase, &error);
    assert_good(again, error);
    assert_int_equal(slc_wallet_count(again), SLC_WALLET_ENTRIES_MAX);
    assert_value(again, name, "small");
    set(again, name, "changed");
    assert_value(again, name, "changed");
}

static void test_another_passphrase(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_WALLET struct slc_wallet *again = NULL;
    struct slc_error error = {0};

    (void)state;
    set(wallet, "redis", "secret");
    save(wallet);
    assert_false(slc_wallet_change_passphrase(wallet, SLC_STR("short"), &cheap, &error));
    assert_good(slc_wallet_change_passphrase(wallet, SLC_STR("battery staple"), &cheap, &error),
                error);
    save(wallet);
    refused("the passphrase is wrong");
    again = slc_wallet_open(path, SLC_STR("battery staple"), &error);
    assert_good(again, error);
    assert_value(again, "redis", "secret");
}

/* What cannot be written leaves the old file, and no other. */
static void test_cannot_write(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_WALLET struct slc_wallet *again = NULL;
    struct slc_error error = {0};
    char away[192];

    (void)state;
    set(wallet, "redis", "secret");
    save(wallet);
    snprintf(away, sizeof(away), "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    set(wallet, "redis", "other");
    assert_false(slc_wallet_save(wallet, &error));
    assert_int_equal(rename(away, folder), 0);
    again = slc_wallet_open(path, passphrase, &error);
    assert_good(again, error);
    assert_value(again, "redis", "secret");
}

/* Writers that were killed left files; the next one takes them away, and only
 * them. */
static void test_leftovers(void **state)
{
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    char left[192], other[192];

    (void)state;
    snprintf(left, sizeof(left), "%s/.wallet.0123456789abcdef.tmp", folder);
    snprintf(other, sizeof(other), "%s/.wallets.0123456789abcdef.tmp", folder);
    put_file(left, SLC_STR("half"));
    put_file(other, SLC_STR("of another"));
    save(wallet);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
}

/* Eight processes add ten entries each: under the lock none is lost. */
static void test_two_writers(void **state)
{
    enum { WRITERS = 8, EACH = 10 };
    SLC_AUTO_WALLET struct slc_wallet *wallet = make();
    SLC_AUTO_WALLET struct slc_wallet *again = NULL;
    struct slc_error error = {0};
    pid_t children[WRITERS];

    (void)state;
    save(wallet);
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        assert_true(children[w] >= 0);
        if (children[w] > 0)
            continue;
        for (int i = 0; i < EACH; i++) {
            int fd = slc_wallet_lock(path, NULL);
            struct slc_wallet *mine = fd >= 0 ? slc_wallet_open(path, passphrase, NULL) : NULL;
            char name[32];

            snprintf(name, sizeof(name), "%d-%d", w, i);
            if (!mine || !slc_wallet_set(mine, slc_str_from(name), SLC_STR("x"), NULL, NULL) ||
                !slc_wallet_save(mine, NULL))
                _exit(1);
            slc_wallet_free(mine);
            close(fd);
        }
        _exit(0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;

        assert_int_equal(waitpid(children[w], &status, 0), children[w]);
        assert_int_equal(status, 0);
    }
    again = slc_wallet_open(path, passphrase, &error);
    assert_good(again, error);
    assert_int_equal(slc_wallet_count(again), WRITERS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_comes_back),
        TEST(test_sealed),
        TEST(test_wrong_passphrase),
        TEST(test_every_byte_altered),
        TEST(test_cut_at_every_length),
        TEST(test_hostile_cost),
        TEST(test_hostile_entries),
        TEST(test_names_and_values),
        TEST(test_full),
        TEST(test_another_passphrase),
        TEST(test_cannot_write),
        TEST(test_leftovers),
        TEST(test_two_writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
