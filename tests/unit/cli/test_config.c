/* The configuration of a command: which file, and what wins over what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/cli.h"

static const struct slc_flag flags[] = {SLC_FLAGS_CONFIG, {0}};
static char folder[] = "/tmp/slc-cli-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int start_fresh(void **state)
{
    (void)state;
    return clearenv();
}

static int remove_files(void **state)
{
    (void)state;
    unlink("sluice.yaml");
    unlink("other.yaml");
    return clearenv();
}

static void write_file(const char *path, const char *yaml)
{
    assert_true(slc_file_replace(AT_FDCWD, path, slc_str_from(yaml), 0600, NULL));
}

#define BUILD(ret_config, error, ...)                                                              \
    build((ret_config), (error), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static bool build(struct slc_config **ret_config, struct slc_error *error, const char *const *words)
{
    SLC_AUTO_ARGS struct slc_args args = {0};
    int count = 0;

    while (words[count])
        count++;
    assert_true(slc_args_parse(flags, count, (char **)words, &args, error));
    return slc_cli_config(&args, ret_config, error);
}

/* The usual places: ./sluice.yaml, over it $SLUICE_CONFIG, over it --config. */
static void finds_the_file(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *none = NULL;
    SLC_AUTO_CONFIG struct slc_config *here = NULL;
    SLC_AUTO_CONFIG struct slc_config *variable = NULL;
    SLC_AUTO_CONFIG struct slc_config *option = NULL;

    (void)state;
    if (access("/etc/sluice/sluice.yaml", F_OK) != 0) {
        assert_true(BUILD(&none, NULL));
        assert_int_equal(slc_config_int(none, "http.port"), 8003);
    }
    write_file("sluice.yaml", "http: {port: 1}\n");
    assert_true(BUILD(&here, NULL));
    assert_int_equal(slc_config_int(here, "http.port"), 1);
    assert_string_equal(slc_config_where(here, "http.port"), "./sluice.yaml, line 1");
    write_file("other.yaml", "http: {port: 2}\n");
    setenv("SLUICE_CONFIG", "other.yaml", 1);
    assert_true(BUILD(&variable, NULL));
    assert_int_equal(slc_config_int(variable, "http.port"), 2);
    assert_true(BUILD(&option, NULL, "--config=sluice.yaml"));
    assert_int_equal(slc_config_int(option, "http.port"), 1);
}

static void precedence(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;

    (void)state;
    write_file("sluice.yaml", "http: {port: 1, threads: 1, bind: a}\nredis: {url: redis://f}\n");
    setenv("SLUICE_HTTP_PORT", "2", 1);
    setenv("SLUICE_HTTP_THREADS", "2", 1);
    setenv("RED_PORT", "6380", 1);
    assert_true(BUILD(&config, NULL, "--set", "http.port=3", "--set=http.port=4"));
    assert_int_equal(slc_config_int(config, "http.port"), 4);
    assert_int_equal(slc_config_int(config, "http.threads"), 2);
    assert_string_equal(slc_config_text(config, "http.bind"), "a");
    assert_string_equal(slc_config_text(config, "redis.url"), "redis://f");
}

static void redis_is_short_for_set(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;

    (void)state;
    assert_true(BUILD(&config, NULL, "--redis", "redis://a/1", "--set=redis.url=redis://b/2"));
    assert_string_equal(slc_config_text(config, "redis.url"), "redis://a/1");
}

static void refuses(const char *word, const char *value, const char *has)
{
    struct slc_config *config = NULL;
    struct slc_error error = {0};

    assert_false(BUILD(&config, &error, word, value));
    assert_null(config);
    assert_int_equal(slc_error_exit_status(&error), 2);
    if (!strstr(error.message, has))
        fail_msg("\"%s\" lacks \"%s\"", error.message, has);
}

static void errors(void **state)
{
    (void)state;
    refuses("--config", "missing.yaml", "cannot be read");
    refuses("--set", "http.prot=1", "http.port");
    refuses("--set", "http.port=0", "(from --set)");
    refuses("--redis", "localhost", "(from --redis)");
    refuses("--set", "reader.delimiter=\"", "the same character");
    setenv("SLUICE_HTTP_PROT", "1", 1);
    refuses("--set", "http.port=1", "SLUICE_HTTP_PORT");
    unsetenv("SLUICE_HTTP_PROT");
    write_file("sluice.yaml", "http: {prot: 1}\n");
    refuses("--set", "http.port=1", "line 1: unknown option \"http.prot\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_file, start_fresh, remove_files),
        cmocka_unit_test_setup_teardown(precedence, start_fresh, remove_files),
        cmocka_unit_test_setup_teardown(redis_is_short_for_set, start_fresh, remove_files),
        cmocka_unit_test_setup_teardown(errors, start_fresh, remove_files),
    };

    return cmocka_run_group_tests_name("a command's configuration", tests, enter_folder,
                                       leave_folder);
}
