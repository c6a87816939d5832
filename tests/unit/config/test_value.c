/* Every kind of value: what is taken, what it becomes, what is refused. */
#include "helper.h"

#include <math.h>

static void defaults(void **state)
{
    struct slc_config *config = *state;
    const char *const *items;

    assert_string_equal(slc_config_text(config, "redis.url"), "");
    assert_int_equal(slc_config_int(config, "redis.timeout_ms"), 5000);
    assert_true(slc_config_seconds(config, "redis.patience") == 60);
    assert_int_equal(slc_config_bytes(config, "redis.window_bytes"), 4 << 20);
    assert_int_equal(slc_config_int(config, "http.port"), 8003);
    assert_string_equal(slc_config_text(config, "http.bind"), "127.0.0.1");
    assert_int_equal(slc_config_int(config, "http.threads"), 4);
    assert_int_equal(slc_config_bytes(config, "http.max_body_bytes"), 64 << 10);
    assert_int_equal(slc_config_int(config, "http.max_connections"), 1024);
    assert_int_equal(slc_config_list(config, "http.trusted_proxies", &items), 0);
    assert_int_equal(slc_config_int(config, "load.threads"), 0);
    assert_int_equal(slc_config_bytes(config, "load.memory"), 128 << 20);
    assert_int_equal(slc_config_bytes(config, "load.chunk_bytes"), 512 << 10);
    assert_string_equal(slc_config_text(config, "source.stream_dir"), "./IN_STREAM");
    assert_string_equal(slc_config_text(config, "store.registry_key"), "REPLICA_REGISTRY");
    assert_true(slc_config_is(config, "store.on_duplicate", "last"));
    assert_true(slc_config_is(config, "reader.delimiter", "auto"));
    assert_int_equal(slc_config_character(config, "reader.delimiter"), 0);
    assert_int_equal(slc_config_character(config, "reader.quote"), '"');
    assert_true(slc_config_bool(config, "prep.json_repair"));
    assert_string_equal(slc_config_text(config, "prep.impute"), "mean");
    assert_string_equal(slc_config_text(config, "prep.scale"), "minmax");
    assert_string_equal(slc_config_text(config, "prep.downcast"), "on");
    assert_false(slc_config_bool(config, "watch"));
    assert_true(slc_config_seconds(config, "graceful_timeout") == 30);
    assert_int_equal(slc_config_rate(config, "limits.rate").count, 10);
    assert_int_equal(slc_config_rate(config, "limits.rate").period_seconds, 1);
    assert_int_equal(slc_config_choice(config, "log.level"), 1);
    assert_int_equal(slc_config_origin(config, "http.port"), SLC_ORIGIN_DEFAULT);
    assert_string_equal(slc_config_where(config, "http.port"), "default");
}

static void integers(void **state)
{
    struct slc_config *config = *state;

    set(config, "http.port= 1 ");
    assert_int_equal(slc_config_int(config, "http.port"), 1);
    set(config, "http.port=65535");
    assert_int_equal(slc_config_int(config, "http.port"), 65535);
    set_fails(config, "http.port=65536",
              "http.port: \"65536\" is out of range; allowed: 1 to 65535", "from --set");
    set_fails(config, "http.port=0", "\"0\" is out of range", "1 to 65535");
    set_fails(config, "http.port=-1", "out of range", "");
    set_fails(config, "http.port=", "is no whole number", "1 to 65535");
    set_fails(config, "http.port=80a", "\"80a\" is no whole number", "");
    set_fails(config, "http.port=8e1", "is no whole number", "");
    set_fails(config, "http.port=99999999999999999999999", "is no whole number", "");
    assert_int_equal(slc_config_int(config, "http.port"), 65535);
}

static void numbers(void **state)
{
    struct slc_config *config = *state;
    SLC_AUTO_CONFIG struct slc_config *clone = NULL;
    SLC_AUTO_BUF struct slc_buf shown = {0};

    assert_true(slc_config_number(config, "prep.scale_min") == 0);
    assert_true(slc_config_number(config, "prep.scale_max") == 1);
    set(config, "prep.scale_min= -1.5e-1 ");
    assert_true(slc_config_number(config, "prep.scale_min") == -0.15);
    slc_config_show(config, slc_option_find(SLC_STR("prep.scale_min")), &shown);
    assert_string_equal(slc_buf_text(&shown), "-0.15");
    clone = slc_config_clone(config);
    assert_non_null(clone);
    assert_true(slc_config_number(clone, "prep.scale_min") == -0.15);
    set(config, "prep.scale_min=-0");
    assert_false(signbit(slc_config_number(config, "prep.scale_min")));
    set(config, "prep.scale_max=1e100");
    assert_true(slc_config_number(config, "prep.scale_max") == 1e100);
    set_fails(config, "prep.scale_max=1.1e100",
              "prep.scale_max: \"1.1e100\" is out of range; allowed: -1e+100 to 1e+100", "--set");
    set_fails(config, "prep.scale_max=-1e999", "is out of range", "");
    set_fails(config, "prep.scale_max=", "is no number", "-1e+100 to 1e+100");
    set_fails(config, "prep.scale_max=1,5", "\"1,5\" is no number", "");
    set_fails(config, "prep.scale_max=nan", "is no number", "");
    set_fails(config, "prep.scale_max=inf", "is no number", "");
    set_fails(config, "prep.scale_max=0x1", "is no number", "");
    set_fails(config, "prep.scale_max=1 2", "is no number", "");
    assert_true(slc_config_number(config, "prep.scale_max") == 1e100);
}

static void scale_ranges(void **state)
{
    struct slc_config *config = *state;
    struct slc_error error = {0};

    assert_true(slc_config_check(config, &error));
    set(config, "prep.scale_min=1");
    assert_false(slc_config_check(config, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    assert_string_equal(error.message,
                        "prep.scale_max (default) has to be above prep.scale_min (--set)");
    set(config, "prep.scale_max=10");
    assert_true(slc_config_check(config, &error));

    /* A column's bound counts together with the general other one. */
    set(config, "prep.columns.a.scale_min=10");
    assert_false(slc_config_check(config, &error));
    assert_non_null(strstr(error.message, "prep.columns.a: scale_max has to be above scale_min"));
    set(config, "prep.columns.a.scale_max=11.5");
    set(config, "prep.columns.b.scale_clip=yes");
    set(config, "prep.columns.c=d.scale_max=2");
    assert_true(slc_config_check(config, &error));
    assert_true(slc_config_column_number(config, 0, SLC_COLUMN_SCALE_MIN, 1) == 10);
    assert_true(slc_config_column_number(config, 0, SLC_COLUMN_SCALE_MAX, 10) == 11.5);
    assert_int_equal(slc_config_column_choice(config, 0, SLC_COLUMN_SCALE_CLIP), -1);
    assert_true(slc_config_column_number(config, 1, SLC_COLUMN_SCALE_MIN, 1) == 1);
    assert_int_equal(slc_config_column_choice(config, 1, SLC_COLUMN_SCALE_CLIP), 1);
    assert_string_equal(slc_config_column_name(config, 2), "c=d");
    assert_true(slc_config_column_number(config, 2, SLC_COLUMN_SCALE_MAX, 10) == 2);
    set_fails(config, "prep.columns.a.scale_min=low",
              "prep.columns.a.scale_min: \"low\" is no number", "");
    for (int step = 0; step < SLC_COLUMN_STEPS; step++)
        assert_true(strlen(slc_column_step_name((enum slc_column_step)step)) > 0);
}

static void booleans(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "TRUE", " Yes "};
    static const char *const no[] = {"false", "no", "off", "0", "False", "OFF"};
    struct slc_config *config = *state;

    for (size_t i = 0; i < 6; i++) {
        char text[64];

        snprintf(text, sizeof(text), "watch=%s", yes[i]);
        set(config, text);
        assert_true(slc_config_bool(config, "watch"));
        snprintf(text, sizeof(text), "watch=%s", no[i]);
        set(config, text);
        assert_false(slc_config_bool(config, "watch"));
    }
    set_fails(config, "watch=maybe", "watch: \"maybe\" is neither true nor false", "--set");
    set_fails(config, "watch=", "neither true nor false", "");
}

static void choices(void **state)
{
    struct slc_config *config = *state;

    set(config, "prep.impute=Median");
    assert_string_equal(slc_config_text(config, "prep.impute"), "median");
    assert_int_equal(slc_config_choice(config, "prep.impute"), 1);
    assert_true(slc_config_is(config, "prep.impute", "median"));
    assert_false(slc_config_is(config, "prep.impute", "mean"));
    set(config, "prep.impute=false");
    assert_string_equal(slc_config_text(config, "prep.impute"), "none");
    set(config, "prep.downcast=false");
    assert_string_equal(slc_config_text(config, "prep.downcast"), "off");
    set(config, "prep.downcast=true");
    assert_string_equal(slc_config_text(config, "prep.downcast"), "on");
    set(config, "prep.downcast=lossy");
    assert_string_equal(slc_config_text(config, "prep.downcast"), "lossy");
    set(config, "reader.header=true");
    assert_string_equal(slc_config_text(config, "reader.header"), "yes");
    set(config, "reader.header=0");
    assert_string_equal(slc_config_text(config, "reader.header"), "no");
    set_fails(config, "prep.impute=true", "\"true\" is not one of mean, median", "or auto");
    set_fails(config, "prep.scale=minmx",
              "prep.scale: \"minmx\" is not one of minmax, standard, maxabs, robust or none", "");
    set_fails(config, "store.layout=pillars", "is not one of rows", "");
}

static void characters(void **state)
{
    struct slc_config *config = *state;

    set(config, "reader.delimiter=;");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), ';');
    assert_false(slc_config_is(config, "reader.delimiter", "auto"));
    set(config, "reader.delimiter=tab");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), '\t');
    set(config, "reader.delimiter=,");
    set(config, "reader.delimiter=\\t");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), '\t');
    set(config, "reader.delimiter=\t");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), '\t');
    set(config, "reader.delimiter= ");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), ' ');
    set(config, "reader.delimiter==");
    assert_int_equal(slc_config_character(config, "reader.delimiter"), '=');
    set(config, "reader.delimiter=AUTO");
    assert_true(slc_config_is(config, "reader.delimiter", "auto"));
    set_fails(config, "reader.delimiter=", "one ASCII character, tab or auto", "--set");
    set_fails(config, "reader.delimiter=||", "is not allowed", "");
    set_fails(config, "reader.delimiter=\n", "is not allowed", "");
    set_fails(config, "reader.delimiter=\r", "is not allowed", "");
    set_fails(config, "reader.delimiter=\x7f", "is not allowed", "");
    set_fails(config, "reader.delimiter=\xc3\xa9", "is not allowed", "");
    set(config, "reader.quote='");
    assert_int_equal(slc_config_character(config, "reader.quote"), '\'');
    set_fails(config, "reader.quote=tab", "cannot be the quote", "");
    set_fails(config, "reader.quote= ", "cannot be the quote", "");
    set_fails(config, "reader.quote=auto", "allowed: one ASCII character", "");
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"65536", 65536},  {"64KiB", 65536},     {"64k", 65536},       {"64 kib", 65536},
        {"1M", 1 << 20},   {"1.5MiB", 3 << 19},  {"0.5GiB", 1 << 29},  {"100kB", 100000},
        {"100KB", 100000}, {"10MB", 10000000},   {"1GB", 1000000000},  {"1g", 1 << 30},
        {"65537B", 65537}, {"1048576", 1 << 20}, {" 1 MiB ", 1 << 20},
    };
    static const char *const bad[] = {"",      "x",      "MiB",       "1.5",   "1e6",  "64KiBs",
                                      "1..5M", "0x1000", "1 000 000", "-1MiB", "--1M", "65536.5"};
    struct slc_config *config = *state;
    char text[64];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "redis.window_bytes=%s", good[i].text);
        set(config, text);
        if (slc_config_bytes(config, "redis.window_bytes") != good[i].bytes)
            fail_msg("%s is %lld", good[i].text,
                     (long long)slc_config_bytes(config, "redis.window_bytes"));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "redis.window_bytes=%s", bad[i]);
        set_fails(config, text, "redis.window_bytes: \"", "64KiB to 1GiB");
    }
    set_fails(config, "redis.window_bytes=65535", "out of range", "64KiB to 1GiB");
    set_fails(config, "redis.window_bytes=1025MiB", "out of range", "64KiB to 1GiB");
    set_fails(config, "load.memory=15MiB", "out of range; allowed: 16MiB to 1TiB", "");
    set_fails(config, "load.chunk_bytes=17MiB", "allowed: 64KiB to 16MiB", "");
    set_fails(config, "load.memory=99999999999999999999999T", "out of range", "");
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"30", 30},     {"0", 0},     {"0.25", 0.25}, {"500ms", 0.5},   {"2m", 120},
                {"2 min", 120}, {"1h", 3600}, {"1.5H", 5400}, {"1 hour", 3600}, {"1d", 86400},
                {"5s", 5},      {".5", 0.5},  {"-0", 0}};
    static const char *const bad[] = {"", "s", "1w", "1m30s", "inf", "nan", "1e3"};
    struct slc_config *config = *state;
    char text[64];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "auth.session_ttl=%s", good[i].text);
        set(config, text);
        assert_true(slc_config_seconds(config, "auth.session_ttl") == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "auth.session_ttl=%s", bad[i]);
        set_fails(config, text, "is no duration", "0 to 2592000 seconds");
    }
    set_fails(config, "auth.session_ttl=-1", "out of range", "0 to 2592000 seconds");
    set_fails(config, "auth.session_ttl=31d", "out of range", "0 to 2592000 seconds");
    set_fails(config, "http.timeout=999ms", "out of range", "1 to 86400 seconds");
}

static void rates(void **state)
{
    static const struct {
        const char *text;
        int64_t count, period;
    } good[] = {{"10/second", 10, 1},  {"600/minute", 600, 60}, {"5/h", 5, 3600},
                {"1 / Day", 1, 86400}, {"7 per minute", 7, 60}, {"0", 0, 1},
                {"0/hour", 0, 3600}};
    static const char *const bad[] = {
        "",           "10",        "/second",    "10/",      "10/fortnight",
        "ten/second", "-1/second", "1.5/second", "10second", "10 per "};
    struct slc_config *config = *state;
    char text[64];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct slc_config_rate rate;

        snprintf(text, sizeof(text), "limits.rate=%s", good[i].text);
        set(config, text);
        rate = slc_config_rate(config, "limits.rate");
        assert_int_equal(rate.count, good[i].count);
        assert_int_equal(rate.period_seconds, good[i].period);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "limits.rate=%s", bad[i]);
        set_fails(config, text, "is no rate", "N/second");
    }
    set_fails(config, "limits.rate=1000001/day", "more than 1000000", "");
}

static void expect_list(struct slc_config *config, const char *assignment, size_t count,
                        const char *const *expected)
{
    const char *const *items;

    set(config, assignment);
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(items[i], expected[i]);
}

static void lists(void **state)
{
    struct slc_config *config = *state;
    const char *const *items;
    char long_list[6000] = "reader.na_values=";

    expect_list(config, "reader.na_values=-", 1, (const char *const[]){"-"});
    expect_list(config, "reader.na_values= - , ? ,missing", 3,
                (const char *const[]){"-", "?", "missing"});
    expect_list(config, "reader.na_values=[\"a,b\", \"\", 0, 1.50, true]", 5,
                (const char *const[]){"a,b", "", "0", "1.50", "true"});
    expect_list(config, "reader.na_values=", 0, NULL);
    expect_list(config, "reader.na_values=[]", 0, NULL);
    set_fails(config, "reader.na_values=a,,b", "has an empty item", "");
    set_fails(config, "reader.na_values=a,", "has an empty item", "");
    set(config, "reader.dtypes=a:int64,:b:text");
    assert_int_equal(slc_config_list(config, "reader.dtypes", &items), 2);
    assert_string_equal(items[1], ":b:text");
    set_fails(config, "reader.dtypes=a", "is not of the form NAME:TYPE", "");
    set_fails(config, "reader.dtypes=a:int32", "is not of the form NAME:TYPE", "");
    set_fails(config, "reader.dtypes=:int64", "is not of the form NAME:TYPE", "");
    set_fails(config, "reader.dtypes=a:json", "is not of the form NAME:TYPE", "");
    set_fails(config, "reader.columns=[\"\"]", "is empty, which no column is called", "");
    set_fails(config, "reader.na_values=[\"a\"", "is no JSON array", "");
    set_fails(config, "reader.na_values=['a']", "is no JSON array", "");
    set_fails(config, "reader.na_values=[[1]]", "is no JSON array", "");
    set_fails(config, "reader.na_values=[null]", "is no JSON array", "");
    set_fails(config, "reader.na_values=[] x", "is no JSON array", "");
    set_fails(config, "reader.na_values=[\"\\u0000\"]", "contains a NUL", "");
    set_fails(config, "reader.na_values=[[[[[[[[[[]]]]]]]]]]", "is no JSON array", "");

    for (size_t i = 0; i < 1024; i++)
        strcat(long_list, i ? ",ab" : "ab");
    set(config, long_list);
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 1024);
    strcat(long_list, ",ab");
    set_fails(config, long_list, "too many items", "at most 1024 items");
}

static void networks(void **state)
{
    struct slc_config *config = *state;
    const char *const *items;

    set(config, "http.trusted_proxies=10.0.0.1, 192.168.0.0/16, ::1, fd00::/8");
    assert_int_equal(slc_config_list(config, "http.trusted_proxies", &items), 4);
    set_fails(config, "http.trusted_proxies=proxy", "http.trusted_proxies: \"proxy\" is no IP", "");
    set_fails(config, "http.trusted_proxies=10.0.0.0/33", "is no IP", "");
    set_fails(config, "http.trusted_proxies=10.0.0.0/", "is no IP", "");
    set_fails(config, "http.trusted_proxies=::/129", "is no IP", "");
    set_fails(config, "http.trusted_proxies=10.0.0.1,1.2.3", "\"1.2.3\" is no IP", "");
    set_fails(config, "http.trusted_proxies=[\"\"]", "is no IP", "");
}

static void texts(void **state)
{
    struct slc_config *config = *state;
    static char huge[70000] = "log.file=";

    set(config, "redis.url=redis://user:p=w@h:1/2");
    assert_string_equal(slc_config_text(config, "redis.url"), "redis://user:p=w@h:1/2");
    set(config, "redis.url=unix:///run/redis.sock");
    set(config, "redis.url=");
    set(config, "source.stream_dir= a b ");
    assert_string_equal(slc_config_text(config, "source.stream_dir"), " a b ");
    set_fails(config, "redis.url=localhost:6379", "is no URL of the form redis://", "");
    set_fails(config, "redis.url=redis://", "is no URL", "");
    set_fails(config, "source.stream_dir=", "must not be empty", "--set");
    set_fails(config, "store.registry_key=", "must not be empty", "");
    set_fails(config, "store.registry_key=a b", "white space", "");
    set_fails(config, "log.file=\xff", "is not valid UTF-8", "");
    memset(huge + 9, 'x', 4096);
    set_fails(config, huge, "too long; at most 4095 bytes", "xxx...\"");
    memset(huge + 9, 'x', 65537);
    set_fails(config, huge, "too long; at most 65536 bytes", "");
}

static void keys(void **state)
{
    struct slc_config *config = *state;
    char long_key[1200];

    set(config, " http.port =81");
    assert_int_equal(slc_config_int(config, "http.port"), 81);
    set_fails(config, "http.prot=1",
              "unknown option \"http.prot\"; the nearest known one is http.port", "--set");
    set_fails(config, "port=1", "nearest known one is http.port", "");
    set_fails(config, "HTTP.PORT=1", "unknown option", "");
    set_fails(config, "stream_dir=x", "nearest known one is source.stream_dir", "");
    set_fails(config, "prep.column.a.impute=mean", "unknown option", "");
    set_fails(config, "http=1", "http is a section of options", "");
    set_fails(config, "=1", "--set wants KEY=VALUE", "");
    set_fails(config, "http.port", "--set wants KEY=VALUE", "");
    set_fails(config, "", "--set wants KEY=VALUE", "");
    memset(long_key, 'k', sizeof(long_key));
    memcpy(long_key + 1100, "=1", 3);
    set_fails(config, long_key, "longer than 1024 bytes", "");
    set_fails(config, "\xff\xfe=1", "no UTF-8", "");
}

static void secrets(void **state)
{
    struct slc_config *config = *state;
    static char huge[5000] = "auth.key=hunter2";
    struct slc_error error = {0};
    SLC_AUTO_BUF struct slc_buf shown = {0};

    memset(huge + 16, 'x', 4200);
    assert_false(slc_config_set(config, huge, &error));
    assert_null(strstr(error.message, "hunter2"));
    assert_non_null(strstr(error.message, "auth.key: the value is too long"));
    assert_false(slc_config_set(config, "hunter2", &error));
    assert_null(strstr(error.message, "hunter2"));
    assert_false(slc_config_set(config, "redis.url=rdis://u:hunter2@h@x:1", &error));
    assert_null(strstr(error.message, "hunter2"));
    assert_non_null(strstr(error.message, "rdis://u:***@x:1"));

    slc_config_show(config, slc_option_find(SLC_STR("auth.key")), &shown);
    assert_int_equal(shown.len, 0);
    set(config, "auth.key=hunter2");
    assert_string_equal(slc_config_text(config, "auth.key"), "hunter2");
    slc_config_show(config, slc_option_find(SLC_STR("auth.key")), &shown);
    assert_string_equal(slc_buf_text(&shown), "(hidden)");
    slc_buf_clear(&shown);
    set(config, "redis.url=redis://:hunter2@h:1/0");
    slc_config_show(config, slc_option_find(SLC_STR("redis.url")), &shown);
    assert_string_equal(slc_buf_text(&shown), "redis://:***@h:1/0");
    slc_buf_clear(&shown);
    set(config, "redis.url=redis://h:6379/0");
    slc_config_show(config, slc_option_find(SLC_STR("redis.url")), &shown);
    assert_string_equal(slc_buf_text(&shown), "redis://h:6379/0");
}

static void columns(void **state)
{
    struct slc_config *config = *state;

    assert_int_equal(slc_config_column_count(config), 0);
    assert_null(slc_config_column(config, SLC_STR("age"), "impute"));
    set(config, "prep.columns.age.impute=Median");
    set(config, "prep.columns.my.dotted.name.impute_value=0.5");
    set(config, "prep.columns.a=b.drop=yes");
    set(config, "prep.columns.\xc3\xa9t\xc3\xa9.downcast=false");
    set(config, "prep.columns.age.scale=none");
    set(config, "prep.columns.age.json_repair=off");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "impute"), "median");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "scale"), "none");
    assert_string_equal(slc_config_column(config, SLC_STR("age"), "json_repair"), "false");
    assert_null(slc_config_column(config, SLC_STR("age"), "drop"));
    assert_null(slc_config_column(config, SLC_STR("AGE"), "impute"));
    assert_string_equal(slc_config_column(config, SLC_STR("my.dotted.name"), "impute_value"),
                        "0.5");
    assert_string_equal(slc_config_column(config, SLC_STR("a=b"), "drop"), "true");
    assert_string_equal(slc_config_column(config, SLC_STR("\xc3\xa9t\xc3\xa9"), "downcast"), "off");

    assert_int_equal(slc_config_column_count(config), 4);
    assert_string_equal(slc_config_column_name(config, 0), "a=b");
    assert_string_equal(slc_config_column_name(config, 1), "age");
    assert_string_equal(slc_config_column_name(config, 2), "my.dotted.name");
    assert_string_equal(slc_config_column_value(config, 1, SLC_COLUMN_IMPUTE), "median");
    assert_null(slc_config_column_value(config, 1, SLC_COLUMN_DROP));
    assert_int_equal(slc_config_column_choice(config, 1, SLC_COLUMN_IMPUTE), 1);
    assert_int_equal(slc_config_column_choice(config, 1, SLC_COLUMN_SCALE), 4);
    assert_int_equal(slc_config_column_choice(config, 1, SLC_COLUMN_JSON_REPAIR), 0);
    assert_int_equal(slc_config_column_choice(config, 1, SLC_COLUMN_DROP), -1);
    assert_int_equal(slc_config_column_choice(config, 0, SLC_COLUMN_DROP), 1);

    set_fails(config, "prep.columns.age.impute=mode",
              "prep.columns.age.impute: \"mode\" is not one of mean", "--set");
    set_fails(config, "prep.columns.age.imput=mean", "unknown step \"imput\"", "the steps of");
    set_fails(config, "prep.columns.age=mean", "prep.columns.NAME.STEP", "");
    set_fails(config, "prep.columns..impute=mean", "prep.columns.NAME.STEP", "");
    set_fails(config, "prep.columns.=mean", "is a section", "");
    set_fails(config, "prep.columns=mean", "is a section", "");
}

static void many_columns(void **state)
{
    struct slc_config *config = *state;
    SLC_AUTO_CONFIG struct slc_config *clone = NULL;
    char text[80];

    for (int i = 16384; i > 0; i--) {
        snprintf(text, sizeof(text), "prep.columns.c%05d.scale=none", i);
        set(config, text);
    }
    assert_int_equal(slc_config_column_count(config), 16384);
    assert_string_equal(slc_config_column_name(config, 41), "c00042");
    assert_string_equal(slc_config_column(config, SLC_STR("c12345"), "scale"), "none");
    clone = slc_config_clone(config);
    assert_non_null(clone);
    assert_int_equal(slc_config_column_count(clone), 16384);
    set(clone, "prep.columns.c00001.drop=true");
    assert_null(slc_config_column(config, SLC_STR("c00001"), "drop"));
    set_fails(config, "prep.columns.one_more.drop=true", "at most 16384 columns", "");
}

static void contradictions(void **state)
{
    struct slc_config *config = *state;
    struct slc_error error = {0};

    assert_true(slc_config_check(config, &error));
    set(config, "reader.delimiter='");
    set(config, "reader.quote='");
    assert_false(slc_config_check(config, &error));
    assert_non_null(strstr(error.message, "reader.delimiter (--set)"));
    set(config, "reader.quote=\"");
    assert_true(slc_config_check(config, &error));
    set(config, "reader.comment=#");
    set(config, "reader.escape=#");
    assert_false(slc_config_check(config, &error));
    assert_non_null(strstr(error.message, "reader.escape (--set) and reader.comment (--set)"));
    set(config, "reader.escape=none");
    assert_true(slc_config_check(config, &error));
    set(config, "load.chunk_bytes=16MiB");
    set(config, "load.memory=64MiB");
    assert_true(slc_config_check(config, &error));
    set(config, "load.memory=63MiB");
    assert_false(slc_config_check(config, &error));
    assert_non_null(strstr(error.message, "load.memory"));
}

static void cloning(void **state)
{
    struct slc_config *config = *state;
    SLC_AUTO_CONFIG struct slc_config *clone = NULL;
    const char *const *items;

    set(config, "http.port=81");
    set(config, "reader.na_values=a,b");
    set(config, "prep.columns.x.scale=none");
    clone = slc_config_clone(config);
    assert_non_null(clone);
    set(clone, "http.port=82");
    set(clone, "reader.na_values=c");
    set(clone, "prep.columns.x.scale=robust");
    assert_int_equal(slc_config_int(config, "http.port"), 81);
    assert_int_equal(slc_config_int(clone, "http.port"), 82);
    assert_int_equal(slc_config_origin(clone, "reader.na_values"), SLC_ORIGIN_SET);
    assert_string_equal(slc_config_where(clone, "http.port"), "--set");
    assert_int_equal(slc_config_list(config, "reader.na_values", &items), 2);
    assert_string_equal(slc_config_column(config, SLC_STR("x"), "scale"), "none");
    assert_string_equal(slc_config_column(clone, SLC_STR("x"), "scale"), "robust");
}

static void free_takes_null(void **state)
{
    (void)state;
    slc_config_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),     TEST(integers),       TEST(numbers),    TEST(scale_ranges),
        TEST(booleans),     TEST(choices),        TEST(characters), TEST(sizes),
        TEST(durations),    TEST(rates),          TEST(lists),      TEST(networks),
        TEST(texts),        TEST(keys),           TEST(secrets),    TEST(columns),
        TEST(many_columns), TEST(contradictions), TEST(cloning),    TEST(free_takes_null),
    };

    return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}
