/* One ticket from end to end, against a real Redis. */
#include "job/ticket_load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job_test.h"
#include "load/owner.h"
#include "read_hook.h"
#include "store/store.h"

struct fixture {
    struct job_test test;
    struct slc_config *config;
    struct slc_ticket_loader *loader;
    struct slc_ticket_report report;
    atomic_bool cancel;
};

static void open_fixture(struct fixture *f, void **state)
{
    struct slc_ticket_loader_options options;
    struct slc_error error = {0};

    memset(f, 0, sizeof(*f));
    job_test_open(&f->test, state);
    f->config = slc_config_new();
    assert_non_null(f->config);
    assert_ok(slc_config_set(f->config, "source.settle_ms=0", &error), error);
    assert_ok(slc_config_set(f->config, "redis.patience=0", &error), error);
    options = (struct slc_ticket_loader_options){
        .config = f->config, .redis_url = f->test.url, .inbox = f->test.inbox};
    f->loader = slc_ticket_loader_new(&options, &error);
    assert_non_null(f->loader);
}

static void close_fixture(struct fixture *f)
{
    slc_ticket_loader_free(f->loader);
    slc_config_free(f->config);
    job_test_close(&f->test);
}

static void load(struct fixture *f, const char *ticket_name, bool force,
                 const struct slc_error *fault)
{
    struct slc_ticket_try attempt = {
        .ticket_name = ticket_name, .force = force, .fault = fault, .cancel = &f->cancel};

    slc_ticket_load(f->loader, &attempt, &f->report);
}

static void test_loaded(void **state)
{
    struct fixture f;
    char *row;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", ",\"prim_index\":\"ID\"");
    load(&f, "a.ticket", false, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_SKIPPED); /* READY, not REGISTERED */
    load(&f, "a.ticket", true, NULL);
    if (f.report.outcome != SLC_TICKET_OUTCOME_LOADED)
        fail_msg("%s", f.report.error.message);
    assert_int_equal(f.report.result.rows_written, 2);
    assert_int_equal(f.report.status, SLC_TICKET_PROCESSED);
    job_test_expect(&f.test, "a.ticket", "\"PROCESSED\"");
    job_test_expect(&f.test, "a.ticket", f.report.load_dttm);
    row = job_test_ask(&f.test, "HGET", "a", "2");
    assert_string_equal(row, "[1]");
    free(row);
    row = job_test_ask(&f.test, "HGET", "a.META", "LOAD_DTTM");
    assert_string_equal(row, f.report.load_dttm);
    free(row);
    load(&f, "a.ticket", false, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_SKIPPED); /* done already */
    close_fixture(&f);
}

static void test_faults(void **state)
{
    static const struct {
        const char *more;
        enum slc_error_code code;
    } cases[] = {
        {",\"prim_index\":\"nosuch\"", SLC_ERR_DATA},
        {",\"size\":7", SLC_ERR_CHANGED},
        {",\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"",
         SLC_ERR_CHANGED},
        {",\"options\":{\"prep.scael\":\"none\"}", SLC_ERR_TICKET},
    };
    struct fixture f;

    open_fixture(&f, state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *answer;

        job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", cases[i].more);
        load(&f, "a.ticket", true, NULL);
        assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
        assert_int_equal(f.report.error.code, cases[i].code);
        assert_int_equal(f.report.status, SLC_TICKET_FAILED);
        job_test_expect(&f.test, "a.ticket", "\"FAILED\"");
        answer = job_test_ask(&f.test, "EXISTS", "a", NULL);
        assert_string_equal(answer, "0");
        free(answer);
    }
    close_fixture(&f);
}

static void test_a_missing_file_and_ticket(void **state)
{
    struct fixture f;
    char *path = NULL;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    assert_true(asprintf(&path, "%s/a.csv", f.test.dir) > 0);
    assert_int_equal(unlink(path), 0);
    free(path);
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_NOT_FOUND);
    load(&f, "nosuch.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_SKIPPED);
    close_fixture(&f);
}

static void test_a_fault_found_before(void **state)
{
    struct slc_error fault = {0};
    struct fixture f;

    open_fixture(&f, state);
    slc_fail(&fault, SLC_ERR_CONFLICT, "another ticket is newer");
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    load(&f, "a.ticket", true, &fault);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    job_test_expect(&f.test, "a.ticket", "another ticket is newer");
    job_test_put(&f.test, "a.ticket", "no ticket");
    load(&f, "a.ticket", true, &fault);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_CONFLICT);
    job_test_expect(&f.test, "a.ticket", "no ticket");
    close_fixture(&f);
}

static void test_a_growing_file(void **state)
{
    struct slc_ticket_try attempt = {.ticket_name = "a.ticket", .force = true};
    struct slc_error error = {0};
    struct fixture f;

    open_fixture(&f, state);
    assert_ok(slc_config_set(f.config, "source.settle_ms=3600000", &error), error);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    attempt.cancel = &f.cancel;
    slc_ticket_load(f.loader, &attempt, &f.report);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_WAIT);
    assert_true(f.report.wait_ms > 0);
    job_test_expect(&f.test, "a.ticket", "\"READY\"");
    /* It grows for longer than anybody waits. */
    attempt.first_usec = slc_monotonic_usec() - (SLC_SETTLE_PATIENCE_SEC + 1) * SLC_USEC_PER_SEC;
    slc_ticket_load(f.loader, &attempt, &f.report);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_CHANGED);
    /* One of the size that its ticket states need not rest. */
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", ",\"size\":15");
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    close_fixture(&f);
}

static void test_redis_away_and_a_stop(void **state)
{
    struct slc_redis_url nowhere = {0};
    struct slc_ticket_loader_options options;
    struct slc_error error = {0};
    struct fixture f;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    f.cancel = true;
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_CANCELLED);
    job_test_expect(&f.test, "a.ticket", "\"READY\"");

    f.cancel = false;
    slc_ticket_loader_free(f.loader);
    assert_ok(slc_redis_url_from_socket("/nonexistent/redis.sock", 0, &nowhere, &error), error);
    options = (struct slc_ticket_loader_options){
        .config = f.config, .redis_url = &nowhere, .inbox = f.test.inbox};
    f.loader = slc_ticket_loader_new(&options, &error);
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.class, SLC_CLASS_RETRY);
    job_test_expect(&f.test, "a.ticket", "\"READY\"");
    close_fixture(&f);
}

static int fail_to_read(const char *path)
{
    (void)path;
    return EIO;
}

static void test_a_file_that_cannot_be_read_for_now(void **state)
{
    struct fixture f;
    char *path = NULL;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    read_hook = fail_to_read;
    load(&f, "a.ticket", true, NULL);
    read_hook = NULL;
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_IO);
    assert_int_equal(f.report.status, SLC_TICKET_READY);
    job_test_expect(&f.test, "a.ticket", "\"READY\"");
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);

    /* This one will not pass. */
    assert_true(asprintf(&path, "%s/a.csv", f.test.dir) > 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.error.code, SLC_ERR_IO);
    assert_int_equal(f.report.status, SLC_TICKET_FAILED);
    job_test_expect(&f.test, "a.ticket", "\"FAILED\"");
    assert_int_equal(rmdir(path), 0);
    free(path);
    close_fixture(&f);
}

/* What befalls the ticket while its file is read. */
static struct {
    struct job_test *test;
    enum { BE_REGISTERED, BE_REPLACED, BE_REMOVED } what;
} meanwhile;

static int befall(const char *path)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct job_test *test = meanwhile.test;
    struct slc_error error = {0};
    char *ticket = NULL;

    (void)path;
    read_hook = NULL; /* once */
    switch (meanwhile.what) {
    case BE_REGISTERED:
        assert_ok(slc_inbox_scan(test->inbox, test->redis, &listing, &error), error);
        assert_ok(slc_inbox_register(test->inbox, test->redis, &listing, NULL, &error), error);
        job_test_expect(test, "a.ticket", "\"REGISTERED\"");
        break;
    case BE_REPLACED:
        job_test_put(test, "a.ticket",
                     "{\"file_name\":\"a.csv\",\"status\":\"READY\","
                     "\"load_dttm\":\"2022-02-02\"}");
        break;
    case BE_REMOVED:
        assert_true(asprintf(&ticket, "%s/a.ticket", test->dir) > 0);
        assert_int_equal(unlink(ticket), 0);
        free(ticket);
        break;
    }
    return 0;
}

static void load_meanwhile(struct fixture *f, int what)
{
    meanwhile.test = &f->test;
    meanwhile.what = what;
    read_hook = befall;
    load(f, "a.ticket", true, NULL);
    assert_null(read_hook);
}

static void test_what_befalls_a_ticket_meanwhile(void **state)
{
    struct fixture f;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    load_meanwhile(&f, BE_REGISTERED);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    assert_int_equal(f.report.status, SLC_TICKET_PROCESSED);
    assert_int_equal(f.report.ticket_error.code, SLC_ERR_NONE);
    job_test_expect(&f.test, "a.ticket", "\"PROCESSED\"");

    load_meanwhile(&f, BE_REPLACED);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    assert_int_equal(f.report.status, SLC_TICKET_READY);
    assert_string_equal(f.report.load_dttm, "2022-02-02");
    assert_int_equal(f.report.ticket_error.code, SLC_ERR_CONFLICT);
    job_test_expect(&f.test, "a.ticket", "\"READY\"");

    load_meanwhile(&f, BE_REMOVED);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    assert_int_equal(f.report.ticket_error.code, SLC_ERR_NOT_FOUND);

    /* The same for a load that fails. */
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", ",\"prim_index\":\"nosuch\"");
    load_meanwhile(&f, BE_REPLACED);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_FAILED);
    assert_int_equal(f.report.error.code, SLC_ERR_DATA);
    assert_int_equal(f.report.status, SLC_TICKET_READY);
    assert_int_equal(f.report.ticket_error.code, SLC_ERR_CONFLICT);
    close_fixture(&f);
}

/* As a load of this process whose connection broke leaves it. */
static void leave_something(struct fixture *f, void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = NULL;
    char owner[SLC_OWNER_BYTES];
    struct slc_store_load_options options = {
        .name = SLC_STR("b"),
        .registry_key = SLC_STR("REPLICA_REGISTRY"),
        .load_id = SLC_STR("0123456789abcdef0123456789abcdef"),
        .pairs_per_command = 1,
        .window_bytes = 65536,
    };
    struct slc_store_load *load = NULL;
    struct slc_error error = {0};

    redis = slc_redis_open(*state, 5000, &error);
    assert_non_null(redis);
    slc_owner_name(owner);
    options.owner = slc_str_from(owner);
    assert_ok(slc_store_load_begin(redis, &options, &load, &error), error);
    /* Let it clean up elsewhere. */
    assert_ok(slc_redis_call(f->test.redis, NULL, &error, SLC_STR("RENAME"),
                             SLC_STR("REPLICA_REGISTRY:staging"), SLC_STR("aside")),
              error);
    slc_store_load_free(load);
    assert_ok(slc_redis_call(f->test.redis, NULL, &error, SLC_STR("RENAME"), SLC_STR("aside"),
                             SLC_STR("REPLICA_REGISTRY:staging")),
              error);
}

static void test_sweeping_after_a_load_that_lost_its_redis(void **state)
{
    struct fixture f;
    char *left;

    open_fixture(&f, state);
    job_test_put_table(&f.test, "a", "2022-01-01:00:00:00", "");
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    leave_something(&f, state);
    f.cancel = true;
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.error.class, SLC_CLASS_RETRY);
    left = job_test_ask(&f.test, "HLEN", "REPLICA_REGISTRY:staging", NULL);
    assert_string_equal(left, "1");
    free(left);
    f.cancel = false;
    load(&f, "a.ticket", true, NULL);
    assert_int_equal(f.report.outcome, SLC_TICKET_OUTCOME_LOADED);
    left = job_test_ask(&f.test, "HLEN", "REPLICA_REGISTRY:staging", NULL);
    assert_string_equal(left, "0");
    free(left);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loaded),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_a_missing_file_and_ticket),
        cmocka_unit_test(test_a_fault_found_before),
        cmocka_unit_test(test_a_growing_file),
        cmocka_unit_test(test_redis_away_and_a_stop),
        cmocka_unit_test(test_a_file_that_cannot_be_read_for_now),
        cmocka_unit_test(test_what_befalls_a_ticket_meanwhile),
        cmocka_unit_test(test_sweeping_after_a_load_that_lost_its_redis),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
