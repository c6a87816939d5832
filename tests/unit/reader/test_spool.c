#include "reader_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "reader/spool.h"

static struct slc_spool_options usual(void)
{
    return (struct slc_spool_options){.directory = "/tmp", .max_bytes = INT64_MAX};
}

/* A pipe that holds `text` and has ended. */
static int pipe_of(const char *text)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_true(slc_write_all(ends[1], text, strlen(text), NULL));
    close(ends[1]);
    return ends[0];
}

static void whole(void **state)
{
    static const char text[] = "a,b\n1,2\n";
    struct slc_spool_options options = usual();
    SLC_AUTO_CLOSE int in = pipe_of(text);
    SLC_AUTO_CLOSE int out = -1;
    _Atomic int64_t position = 0;
    char again[64];
    struct stat status;
    bool cut = true;

    (void)state;
    options.position_bytes = &position;
    assert_true(slc_spool_is_needed(in));
    assert_true(slc_spool(in, &options, &out, &cut, NULL));
    assert_false(slc_spool_is_needed(out));
    assert_false(cut);
    assert_int_equal(position, sizeof(text) - 1);
    assert_int_equal(read(out, again, sizeof(again)), sizeof(text) - 1);
    assert_memory_equal(again, text, sizeof(text) - 1);
    assert_true(slc_spool_is_needed(out)); /* no longer at its start */
    assert_int_equal(fstat(out, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    assert_int_equal(fcntl(out, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

struct writer {
    int fd;
    size_t n_bytes, step_bytes;
};

static void *write_slowly(void *context)
{
    struct writer *writer = context;

    for (size_t at = 0; at < writer->n_bytes;) {
        char block[5000];
        size_t n = writer->n_bytes - at;

        n = n < writer->step_bytes ? n : writer->step_bytes;
        for (size_t i = 0; i < n; i++)
            block[i] = (char)('a' + (at + i) % 23);
        if (!slc_write_all(writer->fd, block, n, NULL))
            break;
        at += n;
    }
    close(writer->fd);
    return NULL;
}

/* More than a pipe holds, in pieces that fit no block. */
static void large(void **state)
{
    struct slc_spool_options options = usual();
    struct writer writer = {.n_bytes = 3000001, .step_bytes = 4999};
    SLC_AUTO_CLOSE int out = -1;
    pthread_t thread;
    int ends[2];
    bool cut = false;
    char block[23 * 1000];
    size_t at = 0;
    ssize_t got;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    writer.fd = ends[1];
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
    assert_true(slc_spool(ends[0], &options, &out, &cut, NULL));
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_true(cut); /* not one line end in it */
    while ((got = read(out, block, sizeof(block))) > 0)
        for (ssize_t i = 0; i < got; i++)
            if (block[i] != (char)('a' + at++ % 23))
                fail_msg("byte %zu differs", at - 1);
    assert_int_equal(at, writer.n_bytes);
}

static void refused(int fd, const struct slc_spool_options *options, enum slc_error_code code,
                    const char *part)
{
    struct slc_error error = {0};
    bool cut;
    int out = -1;

    assert_false(slc_spool(fd, options, &out, &cut, &error));
    assert_int_equal(out, -1);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" without \"%s\"", error.message, part);
    close(fd);
}

static void errors(void **state)
{
    struct slc_spool_options options = usual();
    atomic_bool cancel = true;
    int ends[2];

    (void)state;
    refused(pipe_of(""), &options, SLC_ERR_DATA, "nothing was piped in");
    options.max_bytes = 3;
    refused(pipe_of("a\n1\n"), &options, SLC_ERR_LIMIT, "reader.spool_max_bytes");
    options.max_bytes = 4;
    options.directory = "/nowhere/at/all";
    refused(pipe_of("a\n1\n"), &options, SLC_ERR_NOT_FOUND, "reader.spool_dir");
    options = usual();
    options.cancel = &cancel;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* of a writer who says nothing */
    refused(ends[0], &options, SLC_ERR_CANCELLED, "stopped");
    close(ends[1]);
}

/* A socket whose other side is gone in the middle of what it said. */
static void cut_off(void **state)
{
    struct slc_spool_options options = usual();
    int ends[2], dropped;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(slc_write_all(ends[0], "unread", 6, NULL));
    dropped = ends[1];
    close(dropped); /* with bytes unread: the other side's reads fail */
    refused(ends[0], &options, SLC_ERR_IO, "cut off after 0 bytes");
}

static void disk_full(void **state)
{
    struct slc_spool_options options = usual();
    struct rlimit was, small = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

    (void)state;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    small.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    refused(pipe_of("a\n1\n"), &options, SLC_ERR_IO,
            "no room in /tmp for the piped input (full after 3");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
}

static void cut_lines(void **state)
{
    static const struct {
        const char *text;
        bool cut;
    } cases[] = {
        {"a\n1\n", false}, {"a\r1\r", false},  {"a\r\n1\r\n", false},   {"a\n1", true},
        {"\n", false},     {"x", true},        {"{\"a\":1}", false},    {"[{\"a\":1}]", false},
        {"{\"a\":", true}, {"PK\3\4x", false}, {"\x1f\x8b\x08", false}, {"\x28\xb5\x2f\xfd", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_spool_options options = usual();
        SLC_AUTO_CLOSE int in = pipe_of(cases[i].text);
        SLC_AUTO_CLOSE int out = -1;
        bool cut = !cases[i].cut;

        assert_true(slc_spool(in, &options, &out, &cut, NULL));
        if (cut != cases[i].cut)
            fail_msg("\"%s\" is %scut", cases[i].text, cut ? "" : "not ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),   cmocka_unit_test(large),     cmocka_unit_test(errors),
        cmocka_unit_test(cut_off), cmocka_unit_test(disk_full), cmocka_unit_test(cut_lines),
    };

    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
