#include "source_test.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>

static const char before[] =
    "{\n  \"mine\": 1.50,\n  \"file_name\": \"a.csv\",\n  \"status\": \"READY\",\n"
    "  \"load_dttm\": \"2022-02-20:18:18:32\"\n}\n";

static struct slc_ticket *read_ticket(struct place *place, const char *name)
{
    struct slc_ticket *ticket = NULL;
    struct slc_error error = {0};

    if (!slc_stream_read_ticket(place->stream, name, &ticket, &error))
        fail_msg("%s", error.message);
    return ticket;
}

static enum slc_rewrite rewrite(struct place *place, const char *name,
                                const struct slc_ticket *seen, struct slc_ticket_change change)
{
    enum slc_rewrite how = (enum slc_rewrite)99;
    struct slc_error error = {0};

    if (!slc_stream_rewrite(place->stream, name, seen, &change, &how, NULL, &error))
        fail_msg("%s", error.message);
    return how;
}

static void only_the_change(void **state)
{
    struct place *place = *state;
    SLC_AUTO_TICKET struct slc_ticket *now = NULL;
    struct slc_ticket_change change = {.status = SLC_TICKET_PROCESSED,
                                       .load_dttm = "2023-01-01:00:00:00"};
    enum slc_rewrite how = SLC_REWRITE_VANISHED;
    struct stat status;

    put(place, "a.ticket", before);
    assert_int_equal(fchmodat(place->fd, "a.ticket", 0640, 0), 0);
    assert_true(slc_stream_rewrite(place->stream, "a.ticket", NULL, &change, &how, &now, NULL));
    assert_int_equal(how, SLC_REWRITE_DONE);
    assert_int_equal(slc_ticket_status(now), SLC_TICKET_PROCESSED);
    assert_string_equal(
        get(place, "a.ticket"),
        "{\n  \"mine\": 1.50,\n  \"file_name\": \"a.csv\",\n  \"status\": \"PROCESSED\",\n"
        "  \"load_dttm\": \"2023-01-01:00:00:00\"\n}\n");
    assert_int_equal(fstatat(place->fd, "a.ticket", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void failed_and_back(void **state)
{
    struct place *place = *state;
    struct slc_error fault = {0};

    put(place, "a.ticket", before);
    slc_fail(&fault, SLC_ERR_DATA, "row 3 is odd");
    fault.row = 3;
    assert_int_equal(
        rewrite(place, "a.ticket", NULL,
                (struct slc_ticket_change){.status = SLC_TICKET_FAILED, .fault = &fault}),
        SLC_REWRITE_DONE);
    assert_contains(get(place, "a.ticket"), ",\n  \"error\": {\"code\": \"data\", \"message\": "
                                            "\"row 3 is odd\", \"row\": 3, \"column\": null}\n}\n");
    assert_int_equal(
        rewrite(place, "a.ticket", NULL, (struct slc_ticket_change){.status = SLC_TICKET_READY}),
        SLC_REWRITE_DONE);
    assert_string_equal(get(place, "a.ticket"), before);
    assert_int_equal(
        rewrite(place, "a.ticket", NULL, (struct slc_ticket_change){.status = SLC_TICKET_FAILED}),
        SLC_REWRITE_DONE);
    assert_contains(get(place, "a.ticket"), "\"code\": \"internal\"");
}

static void what_others_did_meanwhile(void **state)
{
    struct place *place = *state;
    SLC_AUTO_TICKET struct slc_ticket *seen = NULL;
    struct slc_ticket_change done = {.status = SLC_TICKET_PROCESSED};

    put(place, "a.ticket", before);
    seen = read_ticket(place, "a.ticket");

    /* A new ticket for new data must not be marked as done. */
    put(place, "a.ticket",
        "{\"file_name\": \"a.csv\", \"status\": \"READY\", \"load_dttm\": "
        "\"2022-02-20:18:20:00\"}");
    assert_int_equal(rewrite(place, "a.ticket", seen, done), SLC_REWRITE_REPLACED);
    assert_contains(get(place, "a.ticket"), "READY");

    /* Keys of others that came or changed stay as they are now. */
    put(place, "a.ticket",
        "{\"note\": \"hello\", \"file_name\": \"a.csv\", \"status\": \"READY\", "
        "\"load_dttm\": \"2022-02-20:18:18:32\", \"mine\": 2}");
    assert_int_equal(rewrite(place, "a.ticket", seen, done), SLC_REWRITE_DONE);
    assert_string_equal(
        get(place, "a.ticket"),
        "{\"note\": \"hello\", \"file_name\": \"a.csv\", \"status\": \"PROCESSED\", "
        "\"load_dttm\": \"2022-02-20:18:18:32\", \"mine\": 2}");

    assert_int_equal(unlinkat(place->fd, "a.ticket", 0), 0);
    assert_int_equal(rewrite(place, "a.ticket", seen, done), SLC_REWRITE_VANISHED);
    assert_int_equal(faccessat(place->fd, "a.ticket", F_OK, 0), -1);
}

static void faulty_ones(void **state)
{
    struct place *place = *state;
    struct slc_ticket_change failed = {.status = SLC_TICKET_FAILED};
    struct slc_error error = {0};
    enum slc_rewrite how;

    /* An object with wrong keys can be marked, */
    put(place, "a.ticket", "{\"status\": \"REDY\"}");
    assert_int_equal(rewrite(place, "a.ticket", NULL, failed), SLC_REWRITE_DONE);
    assert_contains(get(place, "a.ticket"), "\"status\": \"FAILED\"");
    /* what is no object is left alone. */
    put(place, "b.ticket", "{oops");
    assert_false(slc_stream_rewrite(place->stream, "b.ticket", NULL, &failed, &how, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_TICKET);
    assert_string_equal(error.file, "b.ticket");
    assert_string_equal(get(place, "b.ticket"), "{oops");
    for (size_t i = 0; i < 4; i++) {
        static const char *bad[] = {"../a.ticket", "a.csv", ".a.ticket", "sub/a.ticket"};

        assert_false(slc_stream_rewrite(place->stream, bad[i], NULL, &failed, &how, NULL, &error));
        assert_int_equal(error.code, SLC_ERR_NAME);
    }
    /* A link out of the directory is neither read nor written through. */
    assert_int_equal(symlinkat("/tmp/slc-no-such-ticket", place->fd, "c.ticket"), 0);
    assert_false(slc_stream_rewrite(place->stream, "c.ticket", NULL, &failed, &how, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_NAME);
}

static size_t count_files(struct place *place)
{
    DIR *dir = fdopendir(openat(place->fd, ".", O_RDONLY | O_DIRECTORY));
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* As somebody who may read only; root is never refused, so a child puts its
 * rights off first. */
static int read_only_child(struct place *place)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_REGISTERED};
    SLC_AUTO_TICKET struct slc_ticket *now = NULL;
    struct slc_error error = {0};
    enum slc_rewrite how = SLC_REWRITE_DONE;

    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        return 10;
    if (slc_stream_is_writable(place->stream))
        return 11;
    if (!slc_stream_rewrite(place->stream, "a.ticket", NULL, &change, &how, &now, &error))
        return 12;
    if (how != SLC_REWRITE_READ_ONLY)
        return 13;
    return slc_ticket_status(now) == SLC_TICKET_REGISTERED ? 0 : 14;
}

static void read_only_directory(void **state)
{
    struct place *place = *state;
    pid_t child;
    int status;

    put(place, "a.ticket", before);
    assert_true(slc_stream_is_writable(place->stream));
    assert_int_equal(count_files(place), 1);
    assert_int_equal(fchmod(place->fd, 0555), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(read_only_child(place));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(fchmod(place->fd, 0755), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(get(place, "a.ticket"), before);
    assert_int_equal(count_files(place), 1);
}

static void the_owner_stays(void **state)
{
    struct place *place = *state;
    struct stat status;

    if (geteuid() != 0)
        skip();
    put(place, "a.ticket", before);
    assert_int_equal(fchownat(place->fd, "a.ticket", 65534, 65534, 0), 0);
    assert_int_equal(fchmodat(place->fd, "a.ticket", 0664, 0), 0);
    assert_int_equal(
        rewrite(place, "a.ticket", NULL, (struct slc_ticket_change){.status = SLC_TICKET_FAILED}),
        SLC_REWRITE_DONE);
    assert_int_equal(fstatat(place->fd, "a.ticket", &status, 0), 0);
    assert_int_equal(status.st_uid, 65534);
    assert_int_equal(status.st_gid, 65534);
    assert_int_equal(status.st_mode & 07777, 0664);
}

static void writing_new_ones(void **state)
{
    struct place *place = *state;
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;
    SLC_AUTO_BUF struct slc_buf name = {0}, rejects = {0};
    struct slc_error error = {0};

    assert_true(slc_ticket_new(SLC_STR("users.csv.gz"), &ticket, NULL));
    assert_true(slc_stream_ticket_name(SLC_STR("users.csv.gz"), &name, NULL));
    assert_string_equal(slc_buf_text(&name), "users.ticket");
    assert_true(
        slc_stream_write_ticket(place->stream, slc_buf_text(&name), ticket, 0644, false, &error));
    assert_true(slc_str_is(slc_ticket_text(ticket), get(place, "users.ticket")));
    assert_false(
        slc_stream_write_ticket(place->stream, "users.ticket", ticket, 0644, false, &error));
    assert_int_equal(error.code, SLC_ERR_CONFLICT);
    assert_true(slc_ticket_set_text(ticket, "prim_index", SLC_STR("id"), NULL));
    assert_true(slc_stream_write_ticket(place->stream, "users.ticket", ticket, 0644, true, &error));
    assert_contains(get(place, "users.ticket"), "prim_index");
    assert_false(
        slc_stream_write_ticket(place->stream, "../users.ticket", ticket, 0644, true, &error));
    assert_false(slc_stream_ticket_name(SLC_STR("../a"), &name, NULL));
    assert_true(slc_stream_rejects_name("my.users.ticket", &rejects, NULL));
    assert_string_equal(slc_buf_text(&rejects), "my.users.rejects.csv");
    assert_false(slc_stream_rejects_name("../a.ticket", &rejects, &error));
    assert_int_equal(error.code, SLC_ERR_NAME);
}

struct turn {
    struct place *place;
    int status;
};

static void *take_turns(void *argument)
{
    struct turn *turn = argument;
    struct slc_ticket_change change = {.status = (enum slc_ticket_status)turn->status};

    for (int i = 0; i < 30; i++) {
        enum slc_rewrite how;

        if (!slc_stream_rewrite(turn->place->stream, "a.ticket", NULL, &change, &how, NULL, NULL) ||
            how != SLC_REWRITE_DONE)
            return turn;
    }
    return NULL;
}

static void threads_take_turns(void **state)
{
    struct place *place = *state;
    struct turn turns[4];
    pthread_t threads[4];
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;

    put(place, "a.ticket", before);
    for (int i = 0; i < 4; i++) {
        turns[i] = (struct turn){.place = place, .status = i};
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &turns[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ticket = read_ticket(place, "a.ticket");
    assert_true(slc_ticket_set_status(ticket, SLC_TICKET_READY, NULL));
    assert_true(slc_str_is(slc_ticket_text(ticket), before));
    assert_int_equal(count_files(place), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(only_the_change),           PLACE_TEST(failed_and_back),
        PLACE_TEST(what_others_did_meanwhile), PLACE_TEST(faulty_ones),
        PLACE_TEST(read_only_directory),       PLACE_TEST(the_owner_stays),
        PLACE_TEST(writing_new_ones),          PLACE_TEST(threads_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
