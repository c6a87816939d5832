/* The table, and the documentation that is made from it. */
#include "helper.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base/file.h"

static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        const char *dot = strchr(option->key, '.');

        assert_ptr_equal(slc_option_find(slc_str_from(option->key)), option);
        assert_true(option->max >= option->min);
        assert_true(option->help[0] && option->help[strlen(option->help) - 1] == '.');
        if (option->kind == SLC_OPTION_ENUM)
            assert_non_null(option->choices);
        if (option->kind == SLC_OPTION_LIST || option->kind == SLC_OPTION_RATE)
            assert_true(option->max > 0);
        /* A section's options stand together, or the documents would have it twice. */
        for (size_t j = i + 2; dot && j < slc_option_count(); j++) {
            size_t len = (size_t)(dot - option->key) + 1;

            if (strncmp(slc_option_at(j)->key, option->key, len) == 0)
                assert_true(strncmp(slc_option_at(j - 1)->key, option->key, len) == 0);
        }
    }
    assert_null(slc_option_find(SLC_STR("http")));
    assert_null(slc_option_find(SLC_STR("")));
}

/* A column's step takes what the option for all columns takes, in that order. */
static void steps_are_the_options(void **state)
{
    static const char prefix[] = "prep.columns.NAME.";

    (void)state;
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *step = slc_option_at(i), *option;
        char key[64];

        if (!(step->flags & SLC_OPTION_PER_COLUMN))
            continue;
        assert_int_equal(strncmp(step->key, prefix, sizeof(prefix) - 1), 0);
        snprintf(key, sizeof(key), "prep.%s", step->key + sizeof(prefix) - 1);
        option = slc_option_find(slc_str_from(key));
        if (strcmp(key, "prep.drop") == 0)
            continue;
        assert_non_null(option);
        assert_int_equal(option->kind, step->kind);
        for (size_t j = 0; option->choices && (option->choices[j] || step->choices[j]); j++)
            assert_string_equal(option->choices[j], step->choices[j]);
    }
}

static void nearest(void **state)
{
    (void)state;
    assert_string_equal(slc_option_nearest(SLC_STR("http.prot")), "http.port");
    assert_string_equal(slc_option_nearest(SLC_STR("prot")), "http.port");
    assert_string_equal(slc_option_nearest(SLC_STR("redis.ulr")), "redis.url");
    assert_string_equal(slc_option_nearest(SLC_STR("statedir")), "state_dir");
    assert_string_equal(slc_option_nearest(SLC_STR("log.lvl")), "log.level");
}

static void text_names_every_option(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    const char *text;

    (void)state;
    slc_config_describe(SLC_DESCRIBE_TEXT, &buf);
    text = slc_buf_text(&buf);
    assert_non_null(text);
    for (size_t i = 0; i < slc_option_count(); i++) {
        SLC_AUTO_BUF struct slc_buf line = {0};

        slc_buf_printf(&line, "\n%s\n", slc_option_at(i)->key);
        assert_non_null(strstr(text, slc_buf_text(&line)));
    }
    assert_non_null(strstr(text, "integer, default: 8003; 1 to 65535"));
    assert_non_null(strstr(text, "SLUICE_HTTP_PORT, APP_PORT"));
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");

        assert_true(len <= 80);
        assert_true(len == 0 || line[len - 1] != ' ');
        line += len + (line[len] == '\n');
    }
}

/* Each row has the same number of cells. */
static void markdown_is_a_table(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    const char *text;
    size_t rows = 0;

    (void)state;
    slc_config_describe(SLC_DESCRIBE_MARKDOWN, &buf);
    text = slc_buf_text(&buf);
    assert_non_null(text);
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        size_t bars = 0;

        for (size_t i = 0; i < len; i++)
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        if (*line == '|') {
            assert_int_equal(bars, 8);
            rows += line[2] == '`';
        }
        line += len + (line[len] == '\n');
    }
    assert_int_equal(rows, slc_option_count());
}

static void json_is_json(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct json_object *array, *object, *member;

    (void)state;
    slc_config_describe(SLC_DESCRIBE_JSON, &buf);
    array = json_tokener_parse(slc_buf_text(&buf));
    assert_non_null(array);
    assert_int_equal(json_object_array_length(array), slc_option_count());
    for (size_t i = 0; i < slc_option_count(); i++) {
        object = json_object_array_get_idx(array, i);
        assert_true(json_object_object_get_ex(object, "key", &member));
        assert_string_equal(json_object_get_string(member), slc_option_at(i)->key);
        if (strcmp(slc_option_at(i)->key, "http.port") != 0)
            continue;
        assert_true(json_object_object_get_ex(object, "maximum", &member));
        assert_int_equal(json_object_get_int(member), 65535);
        assert_true(json_object_object_get_ex(object, "old_variable", &member));
        assert_string_equal(json_object_get_string(member), "APP_PORT");
    }
    json_object_put(array);
}

/* The commented-out values, uncommented, are the defaults. */
static void example_is_the_defaults(void **state)
{
    char path[] = "/tmp/slc-example-XXXXXX";
    int fd = mkstemp(path);
    SLC_AUTO_BUF struct slc_buf buf = {0};
    SLC_AUTO_BUF struct slc_buf open = {0};
    SLC_AUTO_CONFIG struct slc_config *defaults = slc_config_new();
    struct slc_error error = {0};
    const char *text;

    assert_true(fd >= 0);
    slc_config_describe(SLC_DESCRIBE_YAML, &buf);
    text = slc_buf_text(&buf);
    assert_non_null(text);
    assert_true(slc_write_all(fd, text, strlen(text), NULL));
    if (!slc_config_load_file(defaults, path, &error))
        fail_msg("%s", error.message);

    for (const char *c = text; *c; c++)
        if (*c != '#' || c[1] == ' ')
            slc_buf_append_byte(&open, *c);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    text = slc_buf_text(&open);
    assert_non_null(text);
    assert_true(slc_write_all(fd, text, strlen(text), NULL));
    if (!slc_config_load_file(*state, path, &error))
        fail_msg("%s", error.message);
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        SLC_AUTO_BUF struct slc_buf here = {0};
        SLC_AUTO_BUF struct slc_buf there = {0};

        if (option->flags & SLC_OPTION_PER_COLUMN)
            continue;
        assert_int_equal(slc_config_origin(defaults, option->key), SLC_ORIGIN_DEFAULT);
        assert_int_equal(slc_config_origin(*state, option->key), SLC_ORIGIN_FILE);
        slc_config_show(*state, option, &here);
        slc_config_show(defaults, option, &there);
        assert_string_equal(slc_buf_text(&here), slc_buf_text(&there));
    }
    assert_string_equal(slc_config_column(*state, SLC_STR("age"), "impute"), "median");
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_is_sound),          TEST(nearest),
        TEST(steps_are_the_options),   TEST(text_names_every_option),
        TEST(markdown_is_a_table),     TEST(json_is_json),
        TEST(example_is_the_defaults),
    };

    return cmocka_run_group_tests_name("config documentation", tests, NULL, NULL);
}
