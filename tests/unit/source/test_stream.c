#include "source_test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/time.h"
#include "source/beneath.h"

static void put_ticket(struct place *place, const char *ticket, const char *file, const char *when)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"file_name\": \"%s\", \"status\": \"READY\", \"load_dttm\": \"%s\"}", file, when);
    put(place, ticket, text);
}

static void scan(struct place *place, struct slc_stream_listing *listing)
{
    struct slc_error error = {0};

    if (!slc_stream_scan(place->stream, listing, &error))
        fail_msg("%s", error.message);
}

static const struct slc_stream_entry *entry_of(const struct slc_stream_listing *listing,
                                               const char *name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->entries[i].ticket_name, name) == 0)
            return &listing->entries[i];
    fail_msg("no entry %s", name);
    return NULL;
}

static void no_directory(void **state)
{
    struct slc_stream *stream = NULL;
    struct slc_error error = {0};

    (void)state;
    assert_false(slc_stream_open("/nonexistent/IN_STREAM", &stream, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_null(stream);
    assert_false(slc_stream_open("/etc/passwd", &stream, &error));
    assert_contains(error.message, "/etc/passwd");
}

static void empty_directory(void **state)
{
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    scan(*state, &listing);
    assert_int_equal(listing.count, 0);
    assert_null(slc_stream_listing_find(&listing, SLC_STR("a")));
}

static void newest_first(void **state)
{
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};
    const char *order[] = {"d.ticket", "b.ticket", "c.ticket", "a.ticket", "e.ticket"};

    put_ticket(place, "a.ticket", "a.csv", "2021-01-01:00:00:00");
    put_ticket(place, "b.ticket", "b.csv", "2022-01-01:00:00:00");
    put_ticket(place, "c.ticket", "c.csv", "2022-01-01T00:00:00");
    put_ticket(place, "d.ticket", "d.csv", "2022-01-01:00:00:01");
    put_ticket(place, "e.ticket", "e.csv", "");
    scan(place, &listing);
    assert_int_equal(listing.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(listing.entries[i].ticket_name, order[i]);
        assert_null(listing.entries[i].error);
    }
    assert_string_equal(slc_stream_listing_find(&listing, SLC_STR("c"))->ticket_name, "c.ticket");
}

static void names_passed_over(void **state)
{
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    put(place, ".a.ticket", "x");
    put(place, "a.ticket~", "x");
    put(place, "a.ticket.part", "x");
    put(place, "a.ticket.tmp", "x");
    put(place, ".ticket", "x");
    put(place, "a.csv", "x");
    put(place, "a.TICKET", "x");
    scan(place, &listing);
    assert_int_equal(listing.count, 0);
}

static void faulty_tickets(void **state)
{
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    put_ticket(place, "good.ticket", "good.csv", "2021-01-01:00:00:00");
    put(place, "nojson.ticket",
        "\x7f"
        "ELF");
    put(place, "empty.ticket", "");
    put(place, "nokey.ticket", "{\"status\":\"READY\"}");
    put_ticket(place, "path.ticket", "../../etc/passwd", "2021-01-01:00:00:00");
    put_ticket(place, "star.ticket", "a*.csv", "2021-01-01:00:00:00");
    put_ticket(place, "nul.ticket", "a\\u0000.csv", "2021-01-01:00:00:00");
    put_ticket(place, "ctl.ticket", "a\\n.csv", "2021-01-01:00:00:00");
    put_ticket(place, "hid.ticket", ".x", "2021-01-01:00:00:00");
    put_ticket(place, "odd\nname\xff.ticket", "odd.csv", "2021-01-01:00:00:00");
    assert_int_equal(mkdirat(place->fd, "dir.ticket", 0755), 0);
    assert_int_equal(mkfifoat(place->fd, "fifo.ticket", 0600), 0);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, "link.ticket"), 0);
    assert_int_equal(symlinkat("nowhere", place->fd, "gone.ticket"), 0);
    scan(place, &listing);
    assert_int_equal(listing.count, 13);
    for (size_t i = 0; i < listing.count; i++) {
        const struct slc_stream_entry *e = &listing.entries[i];

        if (strcmp(e->ticket_name, "good.ticket") == 0) {
            assert_null(e->error);
            assert_string_equal(e->replica, "good");
            continue;
        }
        assert_non_null(e->error);
        assert_string_equal(e->error->file, e->ticket_name);
        assert_null(e->replica);
    }
    assert_int_equal(entry_of(&listing, "nojson.ticket")->error->code, SLC_ERR_TICKET);
    assert_int_equal(entry_of(&listing, "empty.ticket")->error->code, SLC_ERR_TICKET);
    assert_int_equal(entry_of(&listing, "nokey.ticket")->error->code, SLC_ERR_TICKET);
    assert_int_equal(entry_of(&listing, "path.ticket")->error->code, SLC_ERR_NAME);
    assert_int_equal(entry_of(&listing, "star.ticket")->error->code, SLC_ERR_NAME);
    assert_int_equal(entry_of(&listing, "nul.ticket")->error->code, SLC_ERR_NAME);
    assert_contains(entry_of(&listing, "nul.ticket")->error->message, "a\\x00.csv");
    assert_int_equal(entry_of(&listing, "ctl.ticket")->error->code, SLC_ERR_NAME);
    assert_int_equal(entry_of(&listing, "hid.ticket")->error->code, SLC_ERR_NAME);
    assert_int_equal(entry_of(&listing, "dir.ticket")->error->code, SLC_ERR_IO);
    assert_int_equal(entry_of(&listing, "fifo.ticket")->error->code, SLC_ERR_IO);
    assert_int_equal(entry_of(&listing, "link.ticket")->error->code, SLC_ERR_NAME);
    assert_int_equal(entry_of(&listing, "odd\\x0aname\\xff.ticket")->error->code, SLC_ERR_NAME);
    /* A ticket whose file name is at fault can still be marked as failed. */
    assert_non_null(entry_of(&listing, "path.ticket")->ticket);
}

static void conflicts(void **state)
{
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    put_ticket(place, "old.ticket", "users.csv", "2021-01-01:00:00:00");
    put_ticket(place, "new.ticket", "users.xlsx", "2022-01-01:00:00:00");
    put_ticket(place, "oldest.ticket", "users.csv", "");
    put_ticket(place, "y.ticket", "tie.csv", "2022-01-01:00:00:00");
    put_ticket(place, "x.ticket", "tie.csv", "2022-01-01:00:00:00");
    put_ticket(place, "alone.ticket", "alone.csv", "2022-01-01:00:00:00");
    /* A faulty ticket claims nothing. */
    put(place, "z.ticket",
        "{\"file_name\": \"alone.csv\", \"status\": \"?\", \"load_dttm\": "
        "\"2023-01-01:00:00:00\"}");
    scan(place, &listing);
    assert_null(entry_of(&listing, "new.ticket")->error);
    assert_null(entry_of(&listing, "x.ticket")->error);
    assert_null(entry_of(&listing, "alone.ticket")->error);
    assert_int_equal(entry_of(&listing, "old.ticket")->error->code, SLC_ERR_CONFLICT);
    assert_contains(entry_of(&listing, "old.ticket")->error->message, "new.ticket");
    assert_contains(entry_of(&listing, "old.ticket")->error->message, "newer");
    assert_int_equal(entry_of(&listing, "oldest.ticket")->error->code, SLC_ERR_CONFLICT);
    assert_int_equal(entry_of(&listing, "y.ticket")->error->code, SLC_ERR_CONFLICT);
    assert_contains(entry_of(&listing, "y.ticket")->error->message, "x.ticket");
    assert_int_equal(entry_of(&listing, "z.ticket")->error->code, SLC_ERR_TICKET);
    assert_string_equal(slc_stream_listing_find(&listing, SLC_STR("users"))->ticket_name,
                        "new.ticket");
}

static void ten_thousand(void **state)
{
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};
    int64_t start;
    char ticket[32], file[32], when[32];

    for (int i = 0; i < 10000; i++) {
        snprintf(ticket, sizeof(ticket), "t%05d.ticket", i);
        snprintf(file, sizeof(file), "t%05d.csv", i % 5000);
        snprintf(when, sizeof(when), "2022-01-01:%02d:%02d:%02d", i / 3600, i / 60 % 60, i % 60);
        put_ticket(place, ticket, file, when);
    }
    start = slc_monotonic_usec();
    scan(place, &listing);
    /* Some 0.1 s; the bound is far off so that a busy machine passes, and what is quadratic does
     * not. */
    assert_true(slc_monotonic_usec() - start < 10 * SLC_USEC_PER_SEC);
    assert_int_equal(listing.count, 10000);
    for (size_t i = 0; i < listing.count; i++)
        assert_int_equal(listing.entries[i].error != NULL, i >= 5000);
    assert_string_equal(listing.entries[0].ticket_name, "t09999.ticket");
}

/* ---- data files ---- */

static enum slc_error_code open_code(struct place *place, const char *name, enum slc_beneath how)
{
    struct slc_error error = {0};
    int fd = -1;

    if (slc_open_beneath(place->fd, name, how, &fd, NULL, &error)) {
        char text[16] = "";

        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        assert_string_equal(text, "inside");
        close(fd);
        return SLC_ERR_NONE;
    }
    assert_int_equal(fd, -1);
    return error.code;
}

static void links_and_odd_files(void **state)
{
    struct place *place = *state;
    char absolute[128];

    put(place, "real.csv", "inside");
    assert_int_equal(mkdirat(place->fd, "sub", 0755), 0);
    put(place, "sub/deep.csv", "inside");
    assert_int_equal(mkfifoat(place->fd, "fifo.csv", 0600), 0);
    snprintf(absolute, sizeof(absolute), "%s/real.csv", place->path);
    assert_int_equal(symlinkat("real.csv", place->fd, "near.csv"), 0);
    assert_int_equal(symlinkat("near.csv", place->fd, "twice.csv"), 0);
    assert_int_equal(symlinkat("sub/deep.csv", place->fd, "down.csv"), 0);
    assert_int_equal(symlinkat("sub", place->fd, "sublink"), 0);
    assert_int_equal(symlinkat("sublink/deep.csv", place->fd, "through.csv"), 0);
    assert_int_equal(symlinkat("./sub//deep.csv", place->fd, "slashes.csv"), 0);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, "abs.csv"), 0);
    assert_int_equal(symlinkat(absolute, place->fd, "absin.csv"), 0);
    assert_int_equal(symlinkat("../etc/passwd", place->fd, "up.csv"), 0);
    assert_int_equal(symlinkat("sub/../../x", place->fd, "updown.csv"), 0);
    assert_int_equal(symlinkat("/", place->fd, "root"), 0);
    assert_int_equal(symlinkat("root/etc/passwd", place->fd, "viaroot.csv"), 0);
    assert_int_equal(symlinkat("loop2.csv", place->fd, "loop1.csv"), 0);
    assert_int_equal(symlinkat("loop1.csv", place->fd, "loop2.csv"), 0);
    assert_int_equal(symlinkat("/proc/self/fd/0", place->fd, "magic.csv"), 0);
    assert_int_equal(symlinkat("nothing", place->fd, "dangling.csv"), 0);
    assert_int_equal(symlinkat("real.csv/x", place->fd, "notdir.csv"), 0);
    for (int how = SLC_BENEATH_AUTO; how <= SLC_BENEATH_BY_WALK; how++) {
        static const struct {
            const char *name;
            enum slc_error_code code;
        } cases[] = {
            {"real.csv", SLC_ERR_NONE},
            {"near.csv", SLC_ERR_NONE},
            {"twice.csv", SLC_ERR_NONE},
            {"down.csv", SLC_ERR_NONE},
            {"through.csv", SLC_ERR_NONE},
            {"slashes.csv", SLC_ERR_NONE},
            {"abs.csv", SLC_ERR_NAME},
            {"absin.csv", SLC_ERR_NAME},
            {"up.csv", SLC_ERR_NAME},
            {"updown.csv", SLC_ERR_NAME},
            {"viaroot.csv", SLC_ERR_NAME},
            {"loop1.csv", SLC_ERR_NAME},
            {"magic.csv", SLC_ERR_NAME},
            {"dangling.csv", SLC_ERR_NOT_FOUND},
            {"missing.csv", SLC_ERR_NOT_FOUND},
            {"fifo.csv", SLC_ERR_IO},
            {"sub", SLC_ERR_IO},
            {"notdir.csv", SLC_ERR_IO},
            {"sublink", SLC_ERR_IO},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
            if (open_code(place, cases[i].name, (enum slc_beneath)how) != cases[i].code)
                fail_msg("%s (%d): %d", cases[i].name, how,
                         open_code(place, cases[i].name, (enum slc_beneath)how));
    }
}

static void data_files(void **state)
{
    struct place *place = *state;
    struct slc_error error = {0};
    struct stat status;
    int fd = -1;

    put(place, "a.csv", "inside");
    put(place, ".x", "hidden");
    put(place, "b.csv.part", "half");
    assert_true(slc_stream_open_data(place->stream, SLC_STR("a.csv"), &fd, &status, &error));
    assert_int_equal(status.st_size, 6);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    assert_true(slc_stream_stat_data(place->stream, SLC_STR("a.csv"), &status, &error));
    fd = -1;
    assert_false(slc_stream_open_data(place->stream, SLC_STR("b.csv"), &fd, &status, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_contains(error.message, "b.csv");
    assert_int_equal(mkdirat(place->fd, "folder.csv", 0755), 0);
    assert_false(slc_stream_open_data(place->stream, SLC_STR("folder.csv"), &fd, &status, &error));
    assert_int_equal(error.code, SLC_ERR_IO);
    assert_int_equal(error.class, SLC_CLASS_FATAL); /* it will not pass */
    for (size_t i = 0; i < 5; i++) {
        static const struct slc_str bad[] = {
            {"../a.csv", 8}, {".x", 2}, {"b.csv.part", 10}, {"", 0}, {"a.csv\0x", 7}};

        assert_false(slc_stream_open_data(place->stream, bad[i], &fd, NULL, &error));
        assert_int_equal(error.code, SLC_ERR_NAME);
    }
    assert_int_equal(fd, -1);
}

/* Scanning while the tickets come, change and go never fails and never shows a
 * ticket that is half. */
struct churn {
    struct place *place;
    atomic_bool stop;
};

static void *churn(void *argument)
{
    struct churn *churn = argument;
    char name[32], text[256];

    for (unsigned i = 0; !atomic_load(&churn->stop); i++) {
        snprintf(name, sizeof(name), "t%u.ticket", i % 50);
        snprintf(text, sizeof(text),
                 "{\"file_name\": \"t%u.csv\", \"status\": \"READY\", \"load_dttm\": \"\"}",
                 i % 50);
        if (i % 3 == 0)
            unlinkat(churn->place->fd, name, 0);
        else if (!slc_file_replace(churn->place->fd, name, slc_str_from(text), 0644, NULL))
            return churn;
    }
    return NULL;
}

static void *scan_often(void *argument)
{
    struct churn *churn = argument;

    for (int i = 0; i < 100; i++) {
        SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

        if (!slc_stream_scan(churn->place->stream, &listing, NULL))
            return churn;
        for (size_t j = 0; j < listing.count; j++)
            if (listing.entries[j].error)
                return churn;
    }
    return NULL;
}

static void scans_while_tickets_move(void **state)
{
    struct churn all = {.place = *state};
    pthread_t mover, scanners[3];
    void *failed;

    assert_int_equal(pthread_create(&mover, NULL, churn, &all), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&scanners[i], NULL, scan_often, &all), 0);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(scanners[i], &failed);
        assert_null(failed);
    }
    atomic_store(&all.stop, true);
    pthread_join(mover, &failed);
    assert_null(failed);
}

/* What a killed writer of a ticket left goes away after an hour; nothing else does. */
static void old_drafts(void **state)
{
    static const struct {
        const char *name;
        time_t age_sec;
        bool stays;
    } files[] = {
        {".a.ticket.0123456789abcdef.tmp", 4000, false},
        {".b.ticket.0123456789abcdef.tmp", 3000, true},
        {".a.ticket.0123456789abcdeg.tmp", 4000, true},
        {".a.ticket.0123456789abcde.tmp", 4000, true},
        {".a.csv.0123456789abcdef.tmp", 4000, true},
        {"a.ticket.0123456789abcdef.tmp", 4000, true},
        {".ticket.0123456789abcdef.tmp", 4000, true},
        {".tmp", 4000, true},
    };
    struct place *place = *state;
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct timespec times[2] = {
            {.tv_sec = slc_now_usec() / SLC_USEC_PER_SEC - files[i].age_sec},
            {.tv_sec = slc_now_usec() / SLC_USEC_PER_SEC - files[i].age_sec}};

        put(place, files[i].name, "x");
        assert_int_equal(utimensat(place->fd, files[i].name, times, 0), 0);
    }
    scan(place, &listing);
    assert_int_equal(listing.count, 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if ((faccessat(place->fd, files[i].name, F_OK, 0) == 0) != files[i].stays)
            fail_msg("%s", files[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_directory), PLACE_TEST(empty_directory),
        PLACE_TEST(newest_first),       PLACE_TEST(names_passed_over),
        PLACE_TEST(faulty_tickets),     PLACE_TEST(conflicts),
        PLACE_TEST(ten_thousand),       PLACE_TEST(links_and_odd_files),
        PLACE_TEST(data_files),         PLACE_TEST(scans_while_tickets_move),
        PLACE_TEST(old_drafts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
