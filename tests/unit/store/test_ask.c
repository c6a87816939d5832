/* The small questions, asked of a real server. */
#include "support.h"

#include <stdio.h>

#include "store/ask.h"

/* Ask on a connection of our own. */
static void ask(struct slc_redis *redis, struct slc_buf *commands, size_t count,
                struct slc_reply *replies[])
{
    struct slc_error error;

    assert_false(commands->failed);
    assert_ok(slc_redis_append_encoded(redis, slc_buf_view(commands), count, &error), error);
    for (size_t i = 0; i < count; i++)
        assert_ok(slc_redis_read(redis, &replies[i], &error), error);
    slc_buf_release(commands);
}

static void free_replies(struct slc_reply *replies[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        slc_reply_free(replies[i]);
}

static enum slc_ask_row ask_row(struct slc_redis *redis, const char *name, const char *key,
                                struct slc_buf *json, char load_id[64])
{
    struct slc_reply *replies[SLC_ASK_ROWS_COMMANDS];
    struct slc_buf commands = {0};
    struct slc_str id = {0};
    enum slc_ask_row found;

    slc_buf_clear(json);
    /* Among others, which are not there. */
    slc_ask_rows(&commands, slc_str_from(name),
                 (struct slc_str[]){SLC_STR("-"), slc_str_from(key), SLC_STR("--")}, 3);
    ask(redis, &commands, SLC_ASK_ROWS_COMMANDS, replies);
    found = slc_ask_row_answer(replies, 1, json, &id);
    if (found != SLC_ASK_ROW_UNKNOWN)
        assert_int_equal(slc_ask_row_answer(replies, 2, NULL, &id), SLC_ASK_ROW_ABSENT);
    assert_int_equal(slc_ask_row_answer(replies, 3, NULL, &id), SLC_ASK_ROW_UNKNOWN);
    snprintf(load_id, 64, "%.*s", SLC_STR_ARG(id));
    free_replies(replies, SLC_ASK_ROWS_COMMANDS);
    return found;
}

static void a_row_and_its_load(void **state)
{
    static const char *const keys[] = {"x", "y \"q\"", ""};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    const char *id = "00000000000000000000000000000001";
    struct slc_chunk chunk = {0};
    struct slc_error error;
    char load_id[64];

    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_UNKNOWN);
    test_chunk(&chunk, 0, 3, keys, 0, 4);
    test_load_all(redis, &(struct test_load){.name = "t", .load_id = id}, &chunk, NULL);
    for (size_t i = 0; i < 3; i++) {
        SLC_AUTO_BUF struct slc_buf other = {0};

        assert_int_equal(ask_row(redis, "t", keys[i], &json, load_id), SLC_ASK_ROW_FOUND);
        assert_ok(slc_store_row(redis, SLC_STR("t"), slc_str_from(keys[i]), &other, &error), error);
        assert_string_equal(slc_buf_text(&json), slc_buf_text(&other));
        assert_string_equal(load_id, id);
    }
    assert_int_equal(ask_row(redis, "t", "z", &json, load_id), SLC_ASK_ROW_ABSENT);
    assert_int_equal(json.len, 0);

    /* What cannot be told from one question. */
    test_integer(redis, SLC_STR("HSET"), SLC_STR("t.META"), SLC_STR("LAYOUT"),
                 SLC_STR("{\"version\":1,\"layout\":\"other\"}"));
    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_UNKNOWN);
    test_integer(redis, SLC_STR("HDEL"), SLC_STR("t.META"), SLC_STR("LAYOUT"));
    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_FOUND);
    test_integer(redis, SLC_STR("HSET"), SLC_STR("t"), SLC_STR("x"), SLC_STR("no array"));
    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_UNKNOWN);
    test_integer(redis, SLC_STR("HDEL"), SLC_STR("t.META"), SLC_STR("LOAD_ID"));
    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_UNKNOWN);
    test_integer(redis, SLC_STR("DEL"), SLC_STR("t"));
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("t"), SLC_STR("text")),
              error);
    assert_int_equal(ask_row(redis, "t", "x", &json, load_id), SLC_ASK_ROW_UNKNOWN);
    slc_chunk_release(&chunk);
}

/* Loaded anew between the first command and the last. */
static void a_swap_in_between_is_noticed(void **state)
{
    struct slc_reply meta_items[3] = {{.type = SLC_REPLY_STRING, .text = SLC_STR("one")},
                                      {.type = SLC_REPLY_NIL},
                                      {.type = SLC_REPLY_NIL}};
    struct slc_reply meta = {.type = SLC_REPLY_ARRAY, .items = meta_items, .count = 3};
    struct slc_reply row = {.type = SLC_REPLY_STRING, .text = SLC_STR("[1]")};
    struct slc_reply again = {.type = SLC_REPLY_STRING, .text = SLC_STR("one")};
    struct slc_reply rows = {.type = SLC_REPLY_ARRAY, .items = &row, .count = 1};
    struct slc_reply *const replies[] = {&meta, &rows, &again};
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_str load_id = {0};

    (void)state;
    assert_int_equal(slc_ask_row_answer(replies, 0, &json, &load_id), SLC_ASK_ROW_FOUND);
    again.text = SLC_STR("two");
    assert_int_equal(slc_ask_row_answer(replies, 0, &json, &load_id), SLC_ASK_ROW_CHANGED);
    again = (struct slc_reply){.type = SLC_REPLY_NIL};
    assert_int_equal(slc_ask_row_answer(replies, 0, &json, &load_id), SLC_ASK_ROW_UNKNOWN);
    assert_string_equal(slc_buf_text(&json), "[1]");

    /* A cluster's copy of the metadata may be older than the rows. */
    again = (struct slc_reply){.type = SLC_REPLY_STRING, .text = SLC_STR("one")};
    meta_items[2] = (struct slc_reply){.type = SLC_REPLY_STRING, .text = SLC_STR("{t}.META")};
    assert_int_equal(slc_ask_row_answer(replies, 0, &json, &load_id), SLC_ASK_ROW_UNKNOWN);
}

static void expect_names(struct slc_redis *redis, const char *expected)
{
    struct slc_reply *replies[SLC_ASK_NAMES_COMMANDS];
    struct slc_buf commands = {0}, text = {0};
    struct slc_error error;

    slc_ask_names(&commands, REGISTRY);
    ask(redis, &commands, SLC_ASK_NAMES_COMMANDS, replies);
    assert_ok(slc_ask_names_answer(replies, ", ", &text, &error), error);
    assert_string_equal(slc_buf_text(&text), expected);
    free_replies(replies, SLC_ASK_NAMES_COMMANDS);
    slc_buf_release(&text);
}

static void the_names(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_reply *replies[SLC_ASK_NAMES_COMMANDS];
    struct slc_buf commands = {0}, text = {0};
    struct slc_error error;

    expect_names(redis, "");
    assert_ok(slc_store_register(redis, REGISTRY, SLC_STR("a"), &error), error);
    expect_names(redis, "a");
    assert_ok(slc_store_register(redis, REGISTRY, SLC_STR("b c"), &error), error);
    expect_names(redis, "b c, a");
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), REGISTRY, SLC_STR("x")), error);
    slc_ask_names(&commands, REGISTRY);
    ask(redis, &commands, SLC_ASK_NAMES_COMMANDS, replies);
    assert_fails(slc_ask_names_answer(replies, ", ", &text, &error), error, SLC_ERR_CONFLICT);
    free_replies(replies, SLC_ASK_NAMES_COMMANDS);
    slc_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_and_its_load),
        cmocka_unit_test(a_swap_in_between_is_noticed),
        cmocka_unit_test(the_names),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
