/* Where values come from: the file, the environment, --set, and which wins. */
#include "helper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

static char file_path[] = "/tmp/slc-config-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(file_path);

    (void)state;
    if (fd < 0)
        return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

static void write_file(struct slc_str contents)
{
    int fd = open(file_path, O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_true(slc_write_all(fd, contents.data, contents.len, NULL));
    close(fd);
}

static void load(struct slc_config *config, const char *yaml)
{
    struct slc_error error = {0};

    write_file(slc_str_from(yaml));
    if (!slc_config_load_file(config, file_path, &error))
        fail_msg("%s", error.message);
}

/* A new configuration refuses this file, and says so at this line. */
static void load_fails(const char *yaml, int line, const char *has)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    struct slc_error error = {0};
    char start[32];

    write_file(slc_str_from(yaml));
    if (slc_config_load_file(config, file_path, &error))
        fail_msg("taken: %s", yaml);
    assert_string_equal(error.file, file_path);
    assert_int_equal(slc_error_exit_status(&error), 2);
    snprintf(start, sizeof(start), "line %d: ", line);
    if (strncmp(error.message, start, strlen(start)) != 0 || !strstr(error.message, has))
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error.message, start, has);
}

/* ---- The file --------------------------------------------------------- */

static void yaml_good(void **state)
{
    struct slc_config *config = *state;
    const char *const *items;
    char where[64];

    load(config, "# a comment\n"
                 "http:\n"
                 "  port: 81\n"
                 "  trusted_proxies: [10.0.0.0/8, \"::1\"]\n"
                 "redis.url: redis://h:1/0\n"
                 "watch: yes\n"
                 "reader:\n"
                 "  delimiter: \"\\t\"\n"
                 "  na_values:\n"
                 "    - NULL\n"
                 "    - ''\n"
                 "    - \"a,b\"\n"
                 "prep:\n"
                 "  downcast: on\n"
                 "  impute: ~\n"
                 "  columns:\n"
                 "    age: {impute: median, scale: none}\n"
                 "    my.col:\n"
                 "      drop: true\n"
                 "    x.json_repair: false\n"
                 "log:\n"
                 "load: {}\n"
                 "state_dir: ''\n");
    assert_int_equal(slc_config_int(config, "http.port"), 81);
    assert_int_equal(slc_config_list(config, "http.trusted_proxies", &items), 2);
    assert_string_equal(items[1], "::1");
    assert_string_equal(slc_config_text(config, "redis.url"), "redis://h:1/0");
    assert_true(slc_config_bool(config, "watch"));
    assert_int_equal(slc_config_character(config, "reader.delimiter"), '\t');
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 3);
    assert_string_equal(items[0], "NULL");
    assert_string_equal(items[1], "");
    assert_string_equal(items[2], "a,b");
    assert_string_equal(slc_config_text(config, "prep.downcast"), "on");
    assert_int_equal(slc_config_origin(config, "prep.impute"), SLC_ORIGIN_DEFAULT);
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "impute"), "median");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "scale"), "none");
    assert_string_equal(slc_config_column(config, SLC_STR("my.col"), "drop"), "true");
    assert_string_equal(slc_config_column(config, SLC_STR("x"), "json_repair"), "false");
    assert_int_equal(slc_config_origin(config, "http.port"), SLC_ORIGIN_FILE);
    snprintf(where, sizeof(where), "%s, line 3", file_path);
    assert_string_equal(slc_config_where(config, "http.port"), where);
}

static void yaml_empty(void **state)
{
    static const char *const empty[] = {"", "\n\n", "# nothing\n", "---\n", "~\n", "{}\n"};

    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
        load(*state, empty[i]);
}

static void yaml_bad(void **state)
{
    (void)state;
    load_fails("http:\n  prot: 1\n", 2,
               "unknown option \"http.prot\"; the nearest known one is http.port");
    load_fails("htpp:\n  port: 1\n", 2, "nearest known one is http.port");
    load_fails("a: 1\n", 1, "unknown option \"a\"");
    load_fails("nonsense:\n", 1, "unknown option \"nonsense\"");
    load_fails("nonsense: {}\n", 1, "unknown option \"nonsense\"");
    load_fails("\nhttp:\n\n  port: 70000\n", 4,
               "http.port: \"70000\" is out of range; allowed: 1 to 65535");
    load_fails("http: 5\n", 1, "http is a section");
    load_fails("http: [5]\n", 1, "http is a section");
    load_fails("http: {port: [5]}\n", 1, "http.port takes one value, not a list");
    load_fails("http: {port: {a: 5}}\n", 1, "http.port takes a value, not a section");
    load_fails("http:\n  port: 1\nhttp.port: 2\n", 3, "http.port is set twice, first at ");
    load_fails("http:\n  port: 1\n  port: 1\n", 3, "line 2");
    load_fails("prep:\n  columns:\n    a: {drop: 1}\nprep.columns.a.drop: 0\n", 4, "set twice");
    load_fails("reader:\n  na_values: [[a]]\n", 2, "reader.na_values: a list holds texts only");
    load_fails("reader:\n  na_values: [{a: b}]\n", 2, "a list holds texts only");
    load_fails("log:\n  file: &x a\nstate_dir: *x\n", 3, "aliases");
    load_fails("watch: yes\n---\nwatch: no\n", 2, "a second document");
    load_fails("- a\n", 1, "a mapping of sections is expected");
    load_fails("just text\n", 1, "a mapping of sections is expected");
    load_fails("? [a]\n: 1\n", 1, "a key has to be a plain text");
    load_fails("'': 1\n", 1, "a key has to be a plain text");
    load_fails("http:\n  port: [1\n", 3, "not valid YAML");
    load_fails("http:\n\tport: 1\n", 2, "not valid YAML");
    load_fails("state_dir: b: c\n", 1, "not valid YAML");
    load_fails("watch: yes\nlog: {file: \xff\xfe}\n", 2, "not valid YAML");
    load_fails("log: {file: \"\\0\"}\n", 1, "log.file: ");
    load_fails("prep: {columns: {a: {b: {c: {d: {e: {f: {g: {h: 1}}}}}}}}}}\n", 1, "too deeply");
    load_fails("prep:\n  columns:\n    age:\n      imptue: mean\n", 4, "unknown step \"imptue\"");
    load_fails("prep:\n  columns:\n    '': {drop: true}\n", 3, "a key has to be a plain text");
    load_fails("auth:\n  key: \"hunter2\\0\"\n", 2, "auth.key: the value contains a NUL");
}

static void yaml_unreadable(void **state)
{
    struct slc_config *config = *state;
    struct slc_error error = {0};
    char *huge = malloc((1 << 20) + 2);

    assert_false(slc_config_load_file(config, "/nonexistent/sluice.yaml", &error));
    assert_int_equal(slc_error_exit_status(&error), 2);
    assert_string_equal(error.file, "/nonexistent/sluice.yaml");
    assert_false(slc_config_load_file(config, "/tmp", &error));
    assert_int_equal(slc_error_exit_status(&error), 2);
    assert_non_null(huge);
    memset(huge, '\n', (1 << 20) + 1);
    write_file((struct slc_str){.data = huge, .len = (1 << 20) + 1});
    free(huge);
    assert_false(slc_config_load_file(config, file_path, &error));
    assert_int_equal(slc_error_exit_status(&error), 2);
}

/* Cut off anywhere, or with any one byte changed, a file is taken or refused,
 * and nothing is read or lost that should not be (under the sanitizers). */
static void yaml_mangled(void **state)
{
    static const char yaml[] = "http:\n  port: 81\n  trusted_proxies: [10.0.0.0/8, \"::1\"]\n"
                               "reader: {na_values: ['a', b], quote: \"'\"}\n"
                               "prep:\n  columns:\n    a.b: {impute: median}\n";
    static const char bytes[] = "\0:{}[]\"'&*-\n\t\xff#,|>%";
    char copy[sizeof(yaml)];

    (void)state;
    for (size_t cut = 0; cut < sizeof(yaml); cut++) {
        SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();

        write_file((struct slc_str){.data = yaml, .len = cut});
        slc_config_load_file(config, file_path, NULL);
    }
    for (size_t at = 0; at + 1 < sizeof(yaml); at++) {
        SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
        struct slc_error error = {0};

        memcpy(copy, yaml, sizeof(yaml));
        copy[at] = bytes[at % (sizeof(bytes) - 1)];
        write_file((struct slc_str){.data = copy, .len = sizeof(yaml) - 1});
        if (!slc_config_load_file(config, file_path, &error))
            assert_true(error.message[0] != '\0');
    }
}

/* ---- The environment -------------------------------------------------- */

#define ENVIRONMENT(...) ((char *const *)(const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void apply(struct slc_config *config, char *const *environment)
{
    struct slc_error error = {0};

    if (!slc_config_apply_environment(config, environment, &error))
        fail_msg("%s", error.message);
}

static void apply_fails(char *const *environment, const char *has)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    struct slc_error error = {0};

    if (slc_config_apply_environment(config, environment, &error))
        fail_msg("%s was taken", environment[0]);
    assert_int_equal(slc_error_exit_status(&error), 2);
    if (!strstr(error.message, has))
        fail_msg("\"%s\" lacks \"%s\"", error.message, has);
}

static void every_option_has_a_variable(void **state)
{
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        SLC_AUTO_BUF struct slc_buf entry = {0};

        if (option->flags & SLC_OPTION_PER_COLUMN)
            continue;
        slc_option_variable(option, &entry);
        slc_buf_append_byte(&entry, '=');
        slc_buf_append_text(&entry, *option->default_text ? option->default_text : "");
        if (strcmp(option->key, "redis.url") == 0)
            slc_buf_append_text(&entry, "unix:///x");
        apply(*state, ENVIRONMENT(slc_buf_text(&entry)));
        if (*option->default_text)
            assert_int_equal(slc_config_origin(*state, option->key), SLC_ORIGIN_ENVIRONMENT);
    }
    assert_string_equal(slc_config_text(*state, "redis.url"), "unix:///x");
    assert_string_equal(slc_config_where(*state, "redis.url"),
                        "environment variable SLUICE_REDIS_URL");
}

static void old_names(void **state)
{
    struct slc_config *config = *state;

    apply(config, ENVIRONMENT("HOST=0.0.0.0", "APP_PORT=9000", "STREAM_DIR=/data",
                              "REPLICA_REGISTRY=REG", "PATH=/bin"));
    assert_string_equal(slc_config_text(config, "http.bind"), "0.0.0.0");
    assert_int_equal(slc_config_int(config, "http.port"), 9000);
    assert_string_equal(slc_config_text(config, "source.stream_dir"), "/data");
    assert_string_equal(slc_config_text(config, "store.registry_key"), "REG");
    assert_string_equal(slc_config_where(config, "http.port"), "environment variable APP_PORT");
    apply(config, ENVIRONMENT("APP_PORT=9000", "SLUICE_HTTP_PORT=9001"));
    assert_int_equal(slc_config_int(config, "http.port"), 9001);
    apply_fails(ENVIRONMENT("APP_PORT=x"),
                "http.port: \"x\" is no whole number; allowed: 1 to 65535 (from the environment "
                "variable APP_PORT)");
}

static void old_redis(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *with_url = slc_config_new();
    SLC_AUTO_CONFIG struct slc_config *with_file = slc_config_new();
    SLC_AUTO_CONFIG struct slc_config *without_port = slc_config_new();
    SLC_AUTO_CONFIG struct slc_config *without_pass = slc_config_new();

    apply(*state, ENVIRONMENT("PASS=a/b@c: \xc3\xa9%", "RED_PORT=6380"));
    assert_string_equal(slc_config_text(*state, "redis.url"),
                        "redis://:a%2Fb%40c%3A%20%C3%A9%25@127.0.0.1:6380/0");
    apply(without_pass, ENVIRONMENT("RED_PORT=6380"));
    assert_string_equal(slc_config_text(without_pass, "redis.url"), "redis://127.0.0.1:6380/0");
    assert_int_equal(slc_config_origin(without_pass, "redis.url"), SLC_ORIGIN_ENVIRONMENT);
    apply(without_port, ENVIRONMENT("PASS=secret"));
    assert_string_equal(slc_config_text(without_port, "redis.url"), "");
    apply(with_url, ENVIRONMENT("RED_PORT=6380", "SLUICE_REDIS_URL=redis://h/0"));
    assert_string_equal(slc_config_text(with_url, "redis.url"), "redis://h/0");
    load(with_file, "redis: {url: \"redis://f/0\"}\n");
    apply(with_file, ENVIRONMENT("RED_PORT=6380"));
    assert_string_equal(slc_config_text(with_file, "redis.url"), "redis://f/0");
    apply_fails(ENVIRONMENT("RED_PORT=0"), "redis.url: \"0\" is no port");
    apply_fails(ENVIRONMENT("RED_PORT=65536"), "(from the environment variable RED_PORT)");
    apply_fails(ENVIRONMENT("RED_PORT=6379 "), "is no port");
}

static void unknown_variables(void **state)
{
    apply_fails(ENVIRONMENT("SLUICE_HTTP_PROT=1"),
                "unknown environment variable SLUICE_HTTP_PROT; the nearest known one is "
                "SLUICE_HTTP_PORT");
    apply_fails(ENVIRONMENT("SLUICE_=1"), "unknown environment variable");
    apply_fails(ENVIRONMENT("SLUICE_HTTP_PORT=0"),
                "http.port: \"0\" is out of range; allowed: 1 to 65535 (from the environment "
                "variable SLUICE_HTTP_PORT)");
    apply(*state,
          ENVIRONMENT("SLUICE_CONFIG=/x", "SLUICE_PORT=tcp://10.0.0.1:80", "SLUICE_PORT_8003_TCP=x",
                      "SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_KEY_FILE=/k", "SLUICE_URL=x",
                      "SLUICE_TEST_X=1", "SLUICE", "sluice_x=1", "NO_EQUALS"));
    apply(*state, ENVIRONMENT("SLUICE_HTTP_PORT=", "APP_PORT="));
    assert_int_equal(slc_config_origin(*state, "http.port"), SLC_ORIGIN_DEFAULT);
    apply(*state, NULL);
    apply(*state, ENVIRONMENT());
}

static void column_variables(void **state)
{
    struct slc_config *config = *state;

    apply(config, ENVIRONMENT("SLUICE_PREP_COLUMNS_age_IMPUTE=median",
                              "SLUICE_PREP_COLUMNS_Zip_Code_IMPUTE_VALUE=0",
                              "SLUICE_PREP_COLUMNS_my_age_SCALE_MIN=-1",
                              "SLUICE_PREP_COLUMNS_x_impute_DROP=1"));
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "impute"), "median");
    assert_string_equal(slc_config_column(config, SLC_STR("Zip_Code"), "impute_value"), "0");
    assert_string_equal(slc_config_column(config, SLC_STR("my_age"), "scale_min"), "-1");
    assert_string_equal(slc_config_column(config, SLC_STR("x_impute"), "drop"), "true");
    assert_int_equal(slc_config_column_count(config), 4);
    apply_fails(ENVIRONMENT("SLUICE_PREP_COLUMNS_age_MODE=x"), "STEP one of IMPUTE");
    apply_fails(ENVIRONMENT("SLUICE_PREP_COLUMNS_IMPUTE=x"), "STEP one of IMPUTE");
    apply_fails(ENVIRONMENT("SLUICE_PREP_COLUMNS__IMPUTE=x"), "STEP one of IMPUTE");
    apply_fails(ENVIRONMENT("SLUICE_PREP_COLUMNS_=x"), "STEP one of IMPUTE");
    apply_fails(ENVIRONMENT("SLUICE_PREP_COLUMNS_a_SCALE=x"), "SLUICE_PREP_COLUMNS_a_SCALE");
}

/* ---- Together --------------------------------------------------------- */

/* Whatever the order: default < file < environment < --set. */
static void precedence(void **state)
{
    static const char yaml[] = "http: {port: 1, threads: 1, bind: f}\n"
                               "prep: {columns: {a: {impute: mean, scale: minmax, drop: 0}}}\n";
    const char *const environment[] = {"SLUICE_HTTP_PORT=2",
                                       "APP_PORT=7",
                                       "SLUICE_HTTP_THREADS=2",
                                       "SLUICE_PREP_COLUMNS_a_IMPUTE=median",
                                       "SLUICE_PREP_COLUMNS_a_SCALE=none",
                                       NULL};

    (void)state;
    for (int order = 0; order < 6; order++) {
        static const char steps[6][4] = {"FES", "FSE", "EFS", "ESF", "SFE", "SEF"};
        SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();

        for (int i = 0; i < 3; i++) {
            if (steps[order][i] == 'F') {
                load(config, yaml);
            } else if (steps[order][i] == 'E') {
                apply(config, (char *const *)environment);
            } else {
                set(config, "http.port=3");
                set(config, "prep.columns.a.impute=none");
            }
        }
        assert_int_equal(slc_config_int(config, "http.port"), 3);
        assert_int_equal(slc_config_int(config, "http.threads"), 2);
        assert_string_equal(slc_config_text(config, "http.bind"), "f");
        assert_int_equal(slc_config_origin(config, "http.port"), SLC_ORIGIN_SET);
        assert_int_equal(slc_config_origin(config, "http.threads"), SLC_ORIGIN_ENVIRONMENT);
        assert_int_equal(slc_config_origin(config, "http.bind"), SLC_ORIGIN_FILE);
        assert_int_equal(slc_config_origin(config, "http.timeout"), SLC_ORIGIN_DEFAULT);
        assert_string_equal(slc_config_column(config, SLC_STR("a"), "impute"), "none");
        assert_string_equal(slc_config_column(config, SLC_STR("a"), "scale"), "none");
        assert_string_equal(slc_config_column(config, SLC_STR("a"), "drop"), "false");
    }
}

/* A wrong value is wrong, also where a higher source overrides it. */
static void overridden_values_are_checked(void **state)
{
    struct slc_config *config = *state;
    struct slc_error error = {0};

    set(config, "http.port=3");
    assert_false(slc_config_apply_environment(config, ENVIRONMENT("SLUICE_HTTP_PORT=x"), &error));
}

static void set_value_names_its_source(void **state)
{
    struct slc_config *config = *state;
    struct slc_error error = {0};

    assert_true(
        slc_config_set_value(config, "redis.url", SLC_STR("redis://h/1"), "--redis", &error));
    assert_string_equal(slc_config_where(config, "redis.url"), "--redis");
    assert_false(slc_config_set_value(config, "redis.url", SLC_STR("h"), "--redis", &error));
    assert_non_null(strstr(error.message, "(from --redis)"));
}

static void expect_state_dir(struct slc_config *config, char *const *environment,
                             const char *expected)
{
    char *path = slc_config_state_dir(config, environment);

    assert_string_equal(path, expected);
    free(path);
}

static void state_directory(void **state)
{
    struct slc_config *config = *state;

    expect_state_dir(config, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=/s"), "/s/sluice");
    expect_state_dir(config, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=s"), "/h/.local/state/sluice");
    expect_state_dir(config, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME="), "/h/.local/state/sluice");
    expect_state_dir(config, ENVIRONMENT("HOMER=/h"), "/var/lib/sluice");
    expect_state_dir(config, ENVIRONMENT("HOME="), "/var/lib/sluice");
    expect_state_dir(config, NULL, "/var/lib/sluice");
    set(config, "state_dir=/srv/x");
    expect_state_dir(config, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=/s"), "/srv/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(yaml_good),
        TEST(yaml_empty),
        TEST(yaml_bad),
        TEST(yaml_unreadable),
        TEST(yaml_mangled),
        TEST(every_option_has_a_variable),
        TEST(old_names),
        TEST(old_redis),
        TEST(unknown_variables),
        TEST(column_variables),
        TEST(precedence),
        TEST(overridden_values_are_checked),
        TEST(set_value_names_its_source),
        TEST(state_directory),
    };

    return cmocka_run_group_tests_name("config sources", tests, make_file, remove_file);
}
