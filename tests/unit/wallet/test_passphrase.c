/* Where the passphrase comes from, and in which order. */
#include "wallet_test.h"

#include <linux/keyctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "wallet/passphrase.h"
#include "wallet/secret_service.h"

static char in_file[128], credentials[128], secrets[128];

static int make_places(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    snprintf(in_file, sizeof(in_file), "%s/passphrase", folder);
    snprintf(credentials, sizeof(credentials), "%s/credentials", folder);
    snprintf(secrets, sizeof(secrets), "%s/secrets", folder);
    return mkdir(credentials, 0700) < 0 || mkdir(secrets, 0700) < 0 ? -1 : 0;
}

static void put(const char *dir, const char *contents)
{
    char name[256];

    snprintf(name, sizeof(name), "%s/" SLC_WALLET_CREDENTIAL, dir);
    put_file(name, slc_str_from(contents));
}

static void expect(const struct slc_passphrase_places *places, const char *passphrase,
                   const char *from)
{
    SLC_AUTO_SECRET struct slc_secret found = {0};
    struct slc_error error = {0};
    const char *source;

    assert_good(slc_passphrase_find(places, &found, &source, &error), error);
    assert_non_null(source);
    assert_non_null(strstr(source, from));
    assert_true(slc_str_is(slc_secret_view(&found), passphrase));
}

static void test_order(void **state)
{
    struct slc_passphrase_places places = {.credentials_dir = credentials,
                                           .container_secrets = secrets};
    SLC_AUTO_SECRET struct slc_secret found = {0};
    struct slc_error error = {0};
    const char *source;

    (void)state;
    assert_good(slc_passphrase_find(&places, &found, &source, &error), error);
    assert_null(source);
    put(secrets, "of the container\n");
    expect(&places, "of the container", "container's secret");
    put(credentials, "of systemd\r\n");
    expect(&places, "of systemd", "systemd credential");
    put_file(in_file, SLC_STR("of a file\n\n"));
    places.file = in_file;
    expect(&places, "of a file\n", "wallet.passphrase_file");
}

/* A place that is there and cannot be used is an error: the next one might hold
 * the passphrase of another wallet. */
static void test_wrong_places(void **state)
{
    struct slc_passphrase_places places = {.file = in_file, .credentials_dir = credentials};
    SLC_AUTO_SECRET struct slc_secret found = {0};
    struct slc_error error = {0};
    char large[SLC_WALLET_PASSPHRASE_MAX_BYTES + 2];
    const char *source;

    (void)state;
    put(credentials, "of systemd");
    assert_false(slc_passphrase_find(&places, &found, &source, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    assert_message(error, "No such file");
    put_file(in_file, SLC_STR("\n"));
    assert_false(slc_passphrase_find(&places, &found, &source, &error));
    assert_message(error, "is empty");
    memset(large, 'x', sizeof(large));
    put_file(in_file, (struct slc_str){large, sizeof(large)});
    assert_false(slc_passphrase_find(&places, &found, &source, &error));
    assert_message(error, "1024 bytes");
    assert_int_equal(unlink(in_file), 0);
    assert_int_equal(mkfifo(in_file, 0600), 0);
    assert_false(slc_passphrase_find(&places, &found, &source, &error));
    assert_message(error, "not a regular file");
    put(credentials, "");
    places.file = "";
    assert_false(slc_passphrase_find(&places, &found, &source, &error));
    assert_message(error, "is empty");
}

static void test_keyring(void **state)
{
    static const char passphrase[] = "of the keyring\n";
    const struct slc_passphrase_places places = {.keyring = true};

    (void)state;
    /* A session of our own, so that nobody's keys are seen or changed. */
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
        syscall(SYS_add_key, "user", SLC_WALLET_CREDENTIAL, passphrase, sizeof(passphrase) - 1,
                KEY_SPEC_SESSION_KEYRING) < 0) {
        print_message("no kernel keyring can be used here\n");
        skip();
    }
    expect(&places, "of the keyring", "session keyring");
}

/* Without a Secret Service it says so soon, and this process is as before. */
static void test_no_secret_service(void **state)
{
    SLC_AUTO_SECRET struct slc_secret found = {0};
    struct slc_error error = {0};

    (void)state;
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
    assert_false(slc_secret_service_get(SLC_STR("redis"), 20000, &found, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    assert_message(error, "the Secret Service cannot be asked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, make_places, remove_folder),
        cmocka_unit_test_setup_teardown(test_wrong_places, make_places, remove_folder),
        cmocka_unit_test(test_keyring),
        cmocka_unit_test(test_no_secret_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
