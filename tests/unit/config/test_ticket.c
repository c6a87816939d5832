/* A ticket's options over the configuration. */
#include "helper.h"

#include <json-c/json.h>

static bool apply(struct slc_config *config, const char *json, struct slc_error *error)
{
    struct json_object *options = json_tokener_parse(json);
    bool done;

    assert_non_null(options);
    done = slc_config_apply_ticket(config, options, error);
    json_object_put(options);
    return done;
}

static void takes(struct slc_config *config, const char *json)
{
    struct slc_error error = {0};

    if (!apply(config, json, &error))
        fail_msg("%s: %s", json, error.message);
}

static void refuses(const char *json, const char *has)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    struct slc_error error = {0};

    if (apply(config, json, &error))
        fail_msg("%s was taken", json);
    assert_int_equal(error.code, SLC_ERR_TICKET);
    assert_int_equal(error.class, SLC_CLASS_REJECT);
    if (!strstr(error.message, has))
        fail_msg("\"%s\" lacks \"%s\"", error.message, has);
}

static void forms(void **state)
{
    static const char *const all[] = {
        "{\"prep.impute\": \"median\", \"prep\": {\"scale\": \"robust\"}, \"downcast\": false}",
        "{\"prep\": {\"impute\": \"median\", \"scale\": \"robust\", \"downcast\": \"off\"}}",
        "{\"impute\": \"median\", \"scale\": \"robust\", \"prep.downcast\": \"off\"}",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();

        takes(config, all[i]);
        assert_string_equal(slc_config_text(config, "prep.impute"), "median");
        assert_string_equal(slc_config_text(config, "prep.scale"), "robust");
        assert_string_equal(slc_config_text(config, "prep.downcast"), "off");
        assert_int_equal(slc_config_origin(config, "prep.impute"), SLC_ORIGIN_TICKET);
        assert_string_equal(slc_config_where(config, "prep.impute"), "ticket");
    }
}

static void values(void **state)
{
    struct slc_config *config = *state;
    const char *const *items;

    takes(config, "{\"json_repair\": false, \"impute_value\": 1.50, \"drop_constant\": 1,"
                  " \"na_values\": [\"-\", 0, \"\", true, 2.50], \"header\": true,"
                  " \"delimiter\": \";\", \"scale\": null, \"store\": {}, \"reader\": null}");
    assert_false(slc_config_bool(config, "prep.json_repair"));
    assert_string_equal(slc_config_text(config, "prep.impute_value"), "1.50");
    assert_true(slc_config_bool(config, "prep.drop_constant"));
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 5);
    assert_string_equal(items[1], "0");
    assert_string_equal(items[2], "");
    assert_string_equal(items[3], "true");
    assert_string_equal(items[4], "2.50");
    assert_string_equal(slc_config_text(config, "reader.header"), "yes");
    assert_int_equal(slc_config_origin(config, "prep.scale"), SLC_ORIGIN_DEFAULT);
    takes(config, "{\"scale_min\": -2.5, \"scale_max\": 1e1, \"scale_clip\": true}");
    assert_true(slc_config_number(config, "prep.scale_min") == -2.5);
    assert_true(slc_config_number(config, "prep.scale_max") == 10);
    assert_true(slc_config_bool(config, "prep.scale_clip"));
    takes(config,
          "{\"columns\": [\"a\", \"b,c\"], \"dtypes\": [\"a:b:int64\"], \"escape\": \"\\\\\"}");
    assert_int_equal(slc_config_list(config, "reader.columns", &items), 2);
    assert_string_equal(items[1], "b,c");
    assert_int_equal(slc_config_list(config, "reader.dtypes", &items), 1);
    assert_string_equal(items[0], "a:b:int64");
    assert_int_equal(slc_config_character(config, "reader.escape"), '\\');
    takes(config, "{\"columns\": {\"a\": {\"scale\": \"none\"}}, \"columns.b.drop\": true}");
    assert_int_equal(slc_config_list(config, "reader.columns", &items), 2);
    takes(config, "{\"na_values\": \"x,y\"}");
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 2);
    takes(config, "{\"na_values\": []}");
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 0);
}

static void columns(void **state)
{
    struct slc_config *config = *state;

    takes(config, "{\"columns\": {\"age\": {\"impute\": \"median\", \"drop\": false},"
                  " \"a.b\": {\"scale\": \"none\"}, \"c.d.scale\": \"robust\"},"
                  " \"prep.columns.e.f.impute_value\": 7, \"columns.g.drop\": true,"
                  " \"prep\": {\"columns\": {\"h\": {\"json_repair\": false}}}}");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "impute"), "median");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "drop"), "false");
    assert_string_equal(slc_config_column(config, SLC_STR("a.b"), "scale"), "none");
    assert_string_equal(slc_config_column(config, SLC_STR("c.d"), "scale"), "robust");
    assert_string_equal(slc_config_column(config, SLC_STR("e.f"), "impute_value"), "7");
    assert_string_equal(slc_config_column(config, SLC_STR("g"), "drop"), "true");
    assert_string_equal(slc_config_column(config, SLC_STR("h"), "json_repair"), "false");
    assert_int_equal(slc_config_column_count(config), 6);
}

/* Every option that may stand in a ticket may also stand there by its last
 * part alone: a new option must not make an old ticket ambiguous. */
static void short_names_are_unambiguous(void **state)
{
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        char json[300];

        if (!(option->flags & SLC_OPTION_PER_FILE) || (option->flags & SLC_OPTION_PER_COLUMN) ||
            option->kind == SLC_OPTION_LIST || strcmp(option->default_text, "\"") == 0)
            continue;
        snprintf(json, sizeof(json), "{\"%s\": \"%s\"}", strrchr(option->key, '.') + 1,
                 option->default_text);
        takes(*state, json);
        assert_int_equal(slc_config_origin(*state, option->key), SLC_ORIGIN_TICKET);
    }
}

static void wins(void **state)
{
    struct slc_config *config = *state;

    set(config, "prep.impute=none");
    set(config, "prep.columns.a.scale=none");
    takes(config, "{\"impute\": \"auto\", \"columns\": {\"a\": {\"scale\": \"robust\"}}}");
    assert_string_equal(slc_config_text(config, "prep.impute"), "auto");
    assert_string_equal(slc_config_column(config, SLC_STR("a"), "scale"), "robust");
}

static void refused(void **state)
{
    struct slc_error error = {0};

    refuses("{\"redis.url\": \"redis://h/0\"}", "redis.url cannot be set for one file");
    refuses("{\"http\": {\"port\": 1}}", "http.port cannot be set for one file");
    refuses("{\"auth.key\": \"hunter2\"}", "auth.key cannot be set for one file");
    refuses("{\"port\": 1}", "unknown option \"port\"");
    refuses("{\"imptue\": \"mean\"}", "nearest known one is prep.impute");
    refuses("{\"prep\": {\"imptue\": \"mean\"}}", "nearest known one is prep.impute");
    refuses("{\"prep\": {\"imptue\": null}}", "nearest known one is prep.impute");
    refuses("{\"nonsense\": {}}", "unknown option \"nonsense\"");
    refuses("{\"impute\": \"mode\"}", "prep.impute: \"mode\" is not one of mean");
    refuses("{\"impute\": [\"mean\"]}", "takes one value, not a list");
    refuses("{\"impute\": {\"a\": 1}}", "prep.impute takes a value, not an object");
    refuses("{\"impute\": {}}", "prep.impute takes a value, not an object");
    refuses("{\"prep\": \"mean\"}", "prep is a section");
    refuses("{\"na_values\": [null]}", "a list holds texts only");
    refuses("{\"na_values\": [[]]}", "a list holds texts only");
    refuses("{\"impute_value\": \"a\\u0000b\"}", "contains a NUL");
    refuses("{\"columns\": {\"a\": {\"imput\": 1}}}", "unknown step \"imput\"");
    refuses("{\"columns\": {\"a\": 1}}", "prep.columns.NAME.STEP");
    refuses("{\"columns\": {\"\": {\"drop\": true}}}", "prep.columns.NAME.STEP");
    refuses("{\"\": 1}", "unknown option \"\"");
    refuses("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}",
            "nested too deeply");
    refuses("[1]", "are no object");
    refuses("\"impute\"", "are no object");
    refuses("{\"delimiter\": \"'\", \"quote\": \"'\"}", "the same character");
    refuses("{\"scale_min\": 1}",
            "prep.scale_max (default) has to be above prep.scale_min (ticket)");
    refuses("{\"columns\": {\"a\": {\"scale_max\": -0.5}}}", "prep.columns.a: scale_max has to be");
    refuses("{\"scale_max\": [1]}", "takes one value, not a list");
    assert_true(slc_config_apply_ticket(*state, NULL, &error));
    takes(*state, "{}");
}

static void long_keys(void **state)
{
    char json[2200] = "{\"";

    (void)state;
    memset(json + 2, 'k', 2000);
    memcpy(json + 2002, "\": 1}", 6);
    refuses(json, "longer than 1024 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forms), TEST(values),  TEST(columns),   TEST(short_names_are_unambiguous),
        TEST(wins),  TEST(refused), TEST(long_keys),
    };

    return cmocka_run_group_tests_name("config tickets", tests, NULL, NULL);
}
