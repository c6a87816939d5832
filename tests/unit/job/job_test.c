#include "job_test.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/num.h"

static void count_event(void *state, enum slc_inbox_event event, const char *ticket_name,
                        const struct slc_error *error)
{
    struct job_test *test = state;

    (void)ticket_name;
    (void)error;
    test->events[event]++;
}

void job_test_open(struct job_test *test, void **state)
{
    struct slc_inbox_hook hook = {.on_event = count_event, .state = test};
    struct slc_error error = {0};

    memset(test, 0, sizeof(*test));
    test->dir = test_dir_new();
    test->url = *state;
    test->redis = test_open(state);
    test->inbox = slc_inbox_new(test->dir, "REPLICA_REGISTRY", &hook, &error);
    if (!test->inbox)
        fail_msg("%s", error.message);
}

void job_test_close(struct job_test *test)
{
    slc_inbox_free(test->inbox);
    slc_redis_close(test->redis);
    test_dir_remove(test->dir);
}

static char *path_of(const struct job_test *test, const char *name)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s", test->dir, name) > 0);
    return path;
}

void job_test_put(const struct job_test *test, const char *name, const char *text)
{
    char *path = path_of(test, name);
    struct slc_error error = {0};

    assert_ok(slc_file_replace(AT_FDCWD, path, slc_str_from(text), 0644, &error), error);
    free(path);
}

void job_test_put_table(const struct job_test *test, const char *stem, const char *stamp,
                        const char *more)
{
    char name[64], text[512];

    snprintf(name, sizeof(name), "%s.csv", stem);
    job_test_put(test, name, "id,v\n1,10\n2,20\n");
    snprintf(text, sizeof(text),
             "{\"file_name\":\"%s.csv\",\"status\":\"READY\",\"load_dttm\":\"%s\"%s}", stem, stamp,
             more);
    snprintf(name, sizeof(name), "%s.ticket", stem);
    job_test_put(test, name, text);
}

char *job_test_get(const struct job_test *test, const char *name)
{
    char *path = path_of(test, name);
    struct slc_buf text = {0};
    struct slc_error error = {0};

    assert_ok(slc_file_read(AT_FDCWD, path, 1 << 20, &text, &error), error);
    free(path);
    return slc_buf_steal(&text, NULL);
}

void job_test_expect(const struct job_test *test, const char *name, const char *part)
{
    char *text = job_test_get(test, name);

    if (!strstr(text, part))
        fail_msg("%s is not in %s: %s", part, name, text);
    free(text);
}

char *job_test_ask(const struct job_test *test, const char *command, const char *key,
                   const char *field)
{
    struct slc_str words[] = {slc_str_from(command), slc_str_from(key),
                              slc_str_from(field ? field : "")};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error = {0};
    char number[SLC_NUM_TEXT_BYTES];

    assert_ok(slc_redis_command(test->redis, field ? 3 : 2, words, &reply, &error), error);
    if (reply->type == SLC_REPLY_INTEGER)
        return slc_str_dup((struct slc_str){
            .data = number, .len = (size_t)(slc_write_int64(number, reply->integer) - number)});
    return slc_str_dup(reply->text.data ? reply->text : SLC_STR(""));
}
