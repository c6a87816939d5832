/* References to secrets in values. */
#include "helper.h"

#include <json-c/json.h>

/* A wallet that counts how often it was asked. */
struct wallet {
    int asked;
};

static bool look_up(void *state, struct slc_str name, struct slc_buf *value,
                    struct slc_error *error)
{
    struct wallet *wallet = state;

    wallet->asked++;
    if (slc_str_is(name, "redis"))
        slc_buf_append_text(value, "p@ss:w/rd ${x}");
    else if (slc_str_is(name, "url"))
        slc_buf_append_text(value, "redis://:x@h:1/0");
    else if (slc_str_is(name, "port"))
        slc_buf_append_text(value, "8443");
    else if (slc_str_is(name, "item"))
        slc_buf_append_text(value, "10.1.2.3");
    else
        return slc_fail(error, SLC_ERR_NOT_FOUND, "no \"%.*s\": sluice wallet set %.*s",
                        SLC_STR_ARG(name), SLC_STR_ARG(name));
    return true;
}

static int put(struct slc_config *config)
{
    struct wallet wallet = {0};
    struct slc_error error = {0};

    if (!slc_config_put_secrets(config, &(struct slc_config_secrets){look_up, &wallet}, &error))
        fail_msg("%s", error.message);
    if (!slc_config_check(config, &error))
        fail_msg("%s", error.message);
    return wallet.asked;
}

static void put_fails(struct slc_config *config, const char *has, const char *also)
{
    struct wallet wallet = {0};
    struct slc_error error = {0};

    assert_false(
        slc_config_put_secrets(config, &(struct slc_config_secrets){look_up, &wallet}, &error));
    assert_int_equal(slc_error_exit_status(&error), 2);
    if (!strstr(error.message, has) || !strstr(error.message, also))
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error.message, has, also);
}

static void shows(const struct slc_config *config, const char *key, const char *shown)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};

    slc_config_show(config, slc_option_find(slc_str_from(key)), &buf);
    assert_string_equal(slc_buf_text(&buf), shown);
}

static void test_nothing_asked(void **state)
{
    set(*state, "redis.url=redis://:a$b@h/0");
    assert_int_equal(put(*state), 0);
    assert_string_equal(slc_config_text(*state, "redis.url"), "redis://:a$b@h/0");
}

static void test_put_in(void **state)
{
    set(*state, "redis.url=redis://:${wallet:redis}@h:1/0");
    set(*state, "auth.key=${wallet:redis}");
    set(*state, "http.port=${wallet:port}");
    set(*state, "log.file=a-${wallet:port}-$${b}");
    assert_int_equal(put(*state), 4);
    /* Encoded within a URL, as it is elsewhere; what a secret holds is no reference. */
    assert_string_equal(slc_config_text(*state, "redis.url"),
                        "redis://:p%40ss%3Aw%2Frd%20%24%7Bx%7D@h:1/0");
    assert_string_equal(slc_config_text(*state, "auth.key"), "p@ss:w/rd ${x}");
    assert_int_equal(slc_config_int(*state, "http.port"), 8443);
    assert_string_equal(slc_config_text(*state, "log.file"), "a-8443-${b}");
    shows(*state, "redis.url", "redis://:***@h:1/0");
    shows(*state, "auth.key", "(hidden)");
    shows(*state, "http.port", "${wallet:port}");
    shows(*state, "log.file", "a-${wallet:port}-$${b}");
}

static void test_whole_url(void **state)
{
    set(*state, "redis.url=${wallet:url}");
    put(*state);
    assert_string_equal(slc_config_text(*state, "redis.url"), "redis://:x@h:1/0");
    shows(*state, "redis.url", "${wallet:url}");
}

/* An escape alone is no secret: the value is shown as it is. */
static void test_escape(void **state)
{
    set(*state, "log.file=/a/$${wallet:redis}/$$${x");
    assert_int_equal(put(*state), 0);
    assert_string_equal(slc_config_text(*state, "log.file"), "/a/${wallet:redis}/$${x");
    shows(*state, "log.file", "/a/${wallet:redis}/$${x");
}

static void test_lists_and_columns(void **state)
{
    const char *const *items;

    set(*state, "http.trusted_proxies=127.0.0.1,${wallet:item}");
    set(*state, "prep.columns.a.b.impute_value=<${wallet:port}>");
    assert_int_equal(put(*state), 2);
    assert_int_equal(slc_config_list(*state, "http.trusted_proxies", &items), 2);
    assert_string_equal(items[1], "10.1.2.3");
    assert_string_equal(slc_config_column(*state, SLC_STR("a.b"), "impute_value"), "<8443>");
    assert_string_equal(slc_config_column_shown(*state, 0, SLC_COLUMN_IMPUTE_VALUE),
                        "<${wallet:port}>");
}

/* Only the value that counts is looked up, and a copy has all. */
static void test_overridden(void **state)
{
    SLC_AUTO_CONFIG struct slc_config *copy = NULL;
    char *environment[] = {(char[]){"SLUICE_LOG_FILE=${wallet:missing}"}, NULL};
    struct slc_error error = {0};

    assert_true(slc_config_apply_environment(*state, environment, &error));
    set(*state, "log.file=/x/${wallet:port}");
    copy = slc_config_clone(*state);
    assert_int_equal(put(copy), 1);
    assert_string_equal(slc_config_text(copy, "log.file"), "/x/8443");
    slc_config_free(copy);
    put(*state);
    copy = slc_config_clone(*state);
    assert_int_equal(put(copy), 0);
    assert_string_equal(slc_config_text(copy, "log.file"), "/x/8443");
    shows(copy, "log.file", "/x/${wallet:port}");
}

static void test_old_password(void **state)
{
    char *environment[] = {(char[]){"RED_PORT=6390"}, (char[]){"PASS=${wallet:redis}"}, NULL};
    struct slc_error error = {0};

    assert_true(slc_config_apply_environment(*state, environment, &error));
    assert_int_equal(put(*state), 1);
    assert_string_equal(slc_config_text(*state, "redis.url"),
                        "redis://:p%40ss%3Aw%2Frd%20%24%7Bx%7D@127.0.0.1:6390/0");
}

static void test_refused(void **state)
{
    static const struct {
        const char *assignment, *has, *also;
    } wrong[] = {
        {"log.file=${wallet:none}", "log.file: no \"none\"", "sluice wallet set none (from --set)"},
        {"log.file=${HOME}/x", "log.file: \"${\" begins a reference", "$${"},
        {"log.file=${wallet:redis", "log.file: \"${\" begins a reference", "--set"},
        {"log.file=a${", "log.file: \"${\" begins a reference", "--set"},
        {"http.port=${wallet:redis}", "http.port: the value is no whole number", "1 to 65535"},
        {"log.level=${wallet:redis}", "log.level: the value is not one of", "--set"},
        {"redis.url=${wallet:redis}", "redis.url: the value is no URL", "--set"},
        {"http.trusted_proxies=[\"${wallet:redis}\"]", "http.trusted_proxies: the value is no IP",
         "--set"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
        struct slc_error error = {0};

        set(config, wrong[i].assignment);
        assert_false(slc_config_check(config, &error));
        put_fails(config, wrong[i].has, wrong[i].also);
    }
}

/* What is needed to find the wallet cannot come out of it. */
static void test_places(void **state)
{
    set_fails(*state, "wallet.path=${wallet:x}", "wallet.path", "cannot be used here");
    set_fails(*state, "wallet.passphrase_file=/${wallet:x}", "cannot be used here", "--set");
    set_fails(*state, "state_dir=${wallet:x}", "state_dir", "cannot be used here");
}

/* A ticket comes from outside: it gets no secret. */
static void test_ticket(void **state)
{
    struct json_object *options =
        json_tokener_parse("{\"columns\": {\"a\": {\"impute_value\": \"${wallet:redis}\"}}}");
    struct slc_error error = {0};

    if (!slc_config_apply_ticket(*state, options, &error))
        fail_msg("%s", error.message);
    assert_int_equal(put(*state), 0);
    assert_string_equal(slc_config_column(*state, SLC_STR("a"), "impute_value"), "${wallet:redis}");
    json_object_put(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_asked),
        TEST(test_put_in),
        TEST(test_whole_url),
        TEST(test_escape),
        TEST(test_lists_and_columns),
        TEST(test_overridden),
        TEST(test_old_password),
        TEST(test_refused),
        TEST(test_places),
        TEST(test_ticket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
