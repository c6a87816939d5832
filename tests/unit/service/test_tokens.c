/* API keys beside that of the installation. */
#include "service/tokens.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "service/key.h"
#include "support.h"

static char folder[64], file_path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/slc-tokens-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(file_path, sizeof(file_path), "%s/tokens", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void add(const char *name, char secret[SLC_AUTH_SECRET_TEXT_BYTES], const char *called)
{
    char given[SLC_TOKEN_NAME_BYTES];
    struct slc_error error = {0};

    assert_ok(slc_tokens_add(folder, name, given, secret, &error), error);
    assert_string_equal(given, called);
}

static void test_kept_hashed(void **state)
{
    char one[SLC_AUTH_SECRET_TEXT_BYTES], two[SLC_AUTH_SECRET_TEXT_BYTES];
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_error error = {0};
    struct slc_tokens tokens;
    struct stat status;

    (void)state;
    add(NULL, one, "token-1");
    add("dashboard", two, "dashboard");
    assert_ok(slc_tokens_read(folder, &tokens, &error), error);
    assert_int_equal(tokens.count, 2);
    assert_true(slc_auth_key_matches(&tokens.items[0].key, slc_str_from(one)));
    assert_false(slc_auth_key_matches(&tokens.items[0].key, slc_str_from(two)));
    assert_true(slc_auth_key_matches(&tokens.items[1].key, slc_str_from(two)));
    assert_ok(slc_file_read(-1, file_path, 10000, &text, &error), error);
    assert_null(memmem(text.data, text.len, one, 20));
    assert_int_equal(stat(file_path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);

    assert_ok(slc_tokens_remove(folder, "token-1", &error), error);
    assert_fails(slc_tokens_remove(folder, "token-1", &error), error, SLC_ERR_NOT_FOUND);
    assert_ok(slc_tokens_read(folder, &tokens, &error), error);
    assert_int_equal(tokens.count, 1);
    add(NULL, one, "token-1");
}

static void test_refused_names(void **state)
{
    static const char *const bad[] = {"",
                                      "-x",
                                      "a b",
                                      "a\nb",
                                      "\303\266",
                                      "12345678901234567890123456789012345678901234567890123456789"
                                      "012345"};
    char secret[SLC_AUTH_SECRET_TEXT_BYTES], given[SLC_TOKEN_NAME_BYTES];
    struct slc_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(slc_tokens_add(folder, bad[i], given, secret, &error), error, SLC_ERR_NAME);
    add("a", secret, "a");
    assert_fails(slc_tokens_add(folder, "a", given, secret, &error), error, SLC_ERR_CONFLICT);
    for (int i = 1; i < SLC_TOKENS_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "token-%d", i);
        add(NULL, secret, name);
    }
    assert_fails(slc_tokens_add(folder, NULL, given, secret, &error), error, SLC_ERR_LIMIT);
}

static void test_wrong_file(void **state)
{
#define KEY                                                                                        \
    "sha256:00112233445566778899aabbccddeeff:"                                                     \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    static const char *const wrong[] = {"x",
                                        "a 2026-01-01:00:00:00\n",
                                        "a 2026-01-01:00:00:00 sha256:00:00\n",
                                        "a 2026-01-01 00:00:00 " KEY "\n",
                                        "a/b 2026-01-01:00:00:00 " KEY "\n",
                                        "a 2026-01-01:00:00:00 " KEY "\na 2026-01-01:00:00:00 " KEY
                                        "\n",
                                        "\na 2026-01-01:00:00:00 " KEY "\n"};
    struct slc_error error = {0};
    struct slc_tokens tokens;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_ok(slc_file_replace(-1, file_path, slc_str_from(wrong[i]), 0600, &error), error);
        assert_fails(slc_tokens_read(folder, &tokens, &error), error, SLC_ERR_CONFIG);
        assert_null(strstr(error.message, "sha256:0"));
    }
    assert_ok(
        slc_file_replace(-1, file_path, SLC_STR("a 2026-01-01:00:00:00 " KEY "\n"), 0600, &error),
        error);
    assert_ok(slc_tokens_read(folder, &tokens, &error), error);
}

/* The service's keys are that of the installation and all tokens. */
static void test_counted_in(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    char secret[SLC_AUTH_SECRET_TEXT_BYTES];
    struct slc_service_keys keys;
    struct slc_error error = {0};

    (void)state;
    for (int i = 1; i <= SLC_TOKENS_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "token-%d", i);
        add(NULL, secret, name);
    }
    assert_ok(slc_service_keys(config, folder, &keys, &error), error);
    assert_int_equal(keys.count, 1 + SLC_TOKENS_MAX);
    assert_true(slc_auth_key_matches(&keys.keys[SLC_TOKENS_MAX], slc_str_from(secret)));
    assert_true(slc_auth_key_matches(&keys.keys[0], slc_str_from(keys.made)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_hashed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_refused_names, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_wrong_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_counted_in, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
