/* Which keys are right. */
#include "service/key.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "support.h"

#define ED25519                                                                                    \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBriCEY677KO3PiCICbXTwV3rlOcgQprPTsrfFP4UYWe a comment\n"

static void test_fingerprints(void **state)
{
    /* As ssh-keygen -lf of OpenSSH 9.2 shows them. */
    static const struct {
        const char *line, *fingerprint;
    } good[] = {
        {ED25519, "SHA256:di01GDmGGmS03kseYPAylDuqWEX+CAUDSyHbdkELAuA"},
        {"ssh-rsa "
         "AAAAB3NzaC1yc2EAAAADAQABAAABAQCydemOtPxFBiH1Ub0XIBWTqRYoM6IGH5GsWSPAZ1qmHa46ZgXV5+hmh+"
         "IExZ8ek4j6NrflNYAy4WvswvQQxBpWmAtYYJKJES2nE2LQPbjAwLg927MSRyXincQDrFO94Nq5dCO7+"
         "fGguLdh8YV6HVnpDnu1SK7jzaQn1WZBj1uWsFL0K5SHOWt99w6nyzX/AcCYTmzWTAzCBJ7D5QPgR8A3VEOtTmZhyr"
         "HR7C0NnTmctnfbGGDXTBL2K9DCOQzsKWIoF55N49WuXv4C6WFn9zwXKRtDYxfS4yUXztQO8eyLB7jL5qmGSSFgE/"
         "cSQicqWVKt3CqO0hvVbHMokkZdJlFL x",
         "SHA256:zzeo+27XgSA44XEF4G6AFnaaa4hlTM8Ee56QYHeZTic"},
    };
    static const char *const bad[] = {
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBriCEY677KO3PiCICbXTwV3rlOcgQprPTsrfFP4UYWe",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "ssh-ed25519 ////////////////////////////////",
    };
    char text[SLC_SSH_FINGERPRINT_BYTES];
    struct slc_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_ok(slc_ssh_fingerprint(slc_str_from(good[i].line), text, &error), error);
        assert_string_equal(text, good[i].fingerprint);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(slc_ssh_fingerprint(slc_str_from(bad[i]), text, &error), error,
                     SLC_ERR_CONFIG);
}

static void set(struct slc_config *config, const char *key, const char *value)
{
    struct slc_error error = {0};

    assert_ok(slc_config_set_value(config, key, slc_str_from(value), "test", &error), error);
}

static void test_given_keys(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    char text[SLC_AUTH_KEY_TEXT_BYTES];
    struct slc_service_keys keys;
    struct slc_auth_key key;
    struct slc_error error = {0};

    (void)state;
    set(config, "auth.key", "a secret");
    assert_ok(slc_service_keys(config, "/nonexistent", &keys, &error), error);
    assert_int_equal(keys.count, 1);
    assert_true(slc_auth_key_matches(&keys.keys[0], SLC_STR("a secret")));
    assert_string_equal(keys.made, "");

    assert_ok(slc_auth_key_make(SLC_STR("another"), &key, &error), error);
    slc_auth_key_format(&key, text);
    set(config, "auth.key", text);
    assert_ok(slc_service_keys(config, "/nonexistent", &keys, &error), error);
    assert_true(slc_auth_key_matches(&keys.keys[0], SLC_STR("another")));
    assert_false(slc_auth_key_matches(&keys.keys[0], slc_str_from(text)));
}

static void test_the_kept_key(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    char *dir = test_dir_new(), *path = NULL;
    struct slc_service_keys keys;
    struct slc_error error = {0};
    struct slc_buf text = {0};
    struct stat status;
    char made[64];

    (void)state;
    assert_true(asprintf(&path, "%s/key.hash", dir) > 0);
    assert_ok(slc_service_keys(config, dir, &keys, &error), error);
    assert_int_equal(strlen(keys.made), 43);
    snprintf(made, sizeof(made), "%s", keys.made);
    assert_true(slc_auth_key_matches(&keys.keys[0], slc_str_from(made)));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_ok(slc_file_read(AT_FDCWD, path, 4096, &text, &error), error);
    assert_null(strstr(slc_buf_text(&text), made));
    slc_buf_release(&text);

    assert_ok(slc_service_keys(config, dir, &keys, &error), error);
    assert_string_equal(keys.made, "");
    assert_true(slc_auth_key_matches(&keys.keys[0], slc_str_from(made)));

    assert_ok(slc_file_replace(AT_FDCWD, path, SLC_STR("rubbish\n"), 0600, &error), error);
    assert_fails(slc_service_keys(config, dir, &keys, &error), error, SLC_ERR_CONFIG);
    assert_non_null(strstr(error.message, "key.hash"));
    free(path);
    test_dir_remove(dir);
}

static void test_an_ssh_key_beside_it(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    char *dir = test_dir_new(), *path = NULL;
    struct slc_service_keys keys;
    struct slc_error error = {0};

    (void)state;
    assert_true(asprintf(&path, "%s/k.pub", dir) > 0);
    assert_ok(slc_file_replace(AT_FDCWD, path, SLC_STR(ED25519), 0644, &error), error);
    set(config, "auth.key", "a secret");
    set(config, "auth.ssh_public_key", path);
    assert_ok(slc_service_keys(config, dir, &keys, &error), error);
    assert_int_equal(keys.count, 2);
    assert_true(slc_auth_key_matches(
        &keys.keys[1], SLC_STR("SHA256:di01GDmGGmS03kseYPAylDuqWEX+CAUDSyHbdkELAuA")));
    set(config, "auth.ssh_public_key", "/nonexistent/k.pub");
    assert_fails(slc_service_keys(config, dir, &keys, &error), error, SLC_ERR_CONFIG);
    free(path);
    test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_given_keys),
        cmocka_unit_test(test_the_kept_key),
        cmocka_unit_test(test_an_ssh_key_beside_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
