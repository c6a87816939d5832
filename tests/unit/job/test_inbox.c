/* The stream directory with the states that count. */
#include "job_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/ticket_state.h"
#include "store/store.h"

static void scan(struct job_test *test, struct slc_inbox_listing *listing)
{
    struct slc_error error = {0};

    assert_ok(slc_inbox_scan(test->inbox, test->redis, listing, &error), error);
}

static const struct slc_inbox_ticket *find(const struct slc_inbox_listing *listing,
                                           const char *ticket_name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->tickets[i].ticket_name, ticket_name) == 0)
            return &listing->tickets[i];
    fail_msg("no %s in the listing", ticket_name);
    return NULL;
}

static void register_all(struct job_test *test, struct slc_inbox_counts *counts)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_error error = {0};

    scan(test, &listing);
    assert_ok(slc_inbox_register(test->inbox, test->redis, &listing, counts, &error), error);
}

static size_t mark_faulty(struct job_test *test, uint64_t *known)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};

    scan(test, &listing);
    return slc_inbox_mark_faulty(test->inbox, test->redis, &listing, known);
}

static void test_registering(void **state)
{
    struct job_test test;
    struct slc_inbox_counts counts;
    struct slc_names names = {0};
    struct slc_error error = {0};

    job_test_open(&test, state);
    job_test_put_table(&test, "new", "2023-01-01:00:00:00", ",\"zz\":[1, 2.50]");
    job_test_put_table(&test, "old", "2021-01-01:00:00:00", "");
    register_all(&test, &counts);
    assert_int_equal(counts.registered, 2);
    assert_int_equal(counts.faulty, 0);
    job_test_expect(&test, "new.ticket", "\"status\":\"REGISTERED\"");
    job_test_expect(&test, "new.ticket", "\"zz\":[1, 2.50]");
    assert_ok(slc_store_list(test.redis, SLC_STR("REPLICA_REGISTRY"), &names, &error), error);
    assert_int_equal(names.n_names, 2);
    assert_string_equal(names.names[0], "new");
    slc_store_names_release(&names);
    register_all(&test, &counts);
    assert_int_equal(counts.registered, 0);
    job_test_close(&test);
}

static void test_faulty_tickets(void **state)
{
    struct job_test test;
    struct slc_inbox_counts counts;
    uint64_t known = 0;

    job_test_open(&test, state);
    job_test_put(&test, "junk.ticket", "no ticket");
    job_test_put(&test, "out.ticket",
                 "{\"file_name\":\"../x.csv\",\"status\":\"READY\",\"load_dttm\":\"2022-01-01\"}");
    job_test_put_table(&test, "good", "2022-01-01:00:00:00", "");
    assert_int_equal(mark_faulty(&test, &known), 2);
    assert_int_equal(test.events[SLC_INBOX_FAULTY], 2);
    job_test_expect(&test, "good.ticket", "READY");
    job_test_expect(&test, "out.ticket", "\"FAILED\"");
    job_test_expect(&test, "out.ticket", "\"code\": \"name\"");
    job_test_expect(&test, "junk.ticket", "no ticket");
    assert_int_equal(mark_faulty(&test, &known), 2);
    assert_int_equal(test.events[SLC_INBOX_FAULTY], 2); /* known already */
    register_all(&test, &counts);
    assert_int_equal(counts.registered, 1);
    assert_int_equal(counts.faulty, 2);
    assert_int_equal(test.events[SLC_INBOX_FAULTY], 4); /* somebody asked */
    job_test_close(&test);
}

static void test_unregistering(void **state)
{
    struct job_test test;
    struct slc_error error = {0};
    char *answer;

    job_test_open(&test, state);
    job_test_put_table(&test, "a", "2022-01-01:00:00:00", "");
    job_test_put(&test, "b.ticket",
                 "{\"file_name\":\"b.csv\",\"status\":\"FAILED\",\"load_dttm\":\"2022-01-01\","
                 "\"error\":{\"code\":\"data\"}}");
    register_all(&test, NULL);
    assert_ok(slc_redis_call(test.redis, NULL, &error, SLC_STR("HSET"), SLC_STR("a"), SLC_STR("1"),
                             SLC_STR("[1]")),
              error);
    assert_ok(slc_inbox_unregister(test.inbox, test.redis, &error), error);
    job_test_expect(&test, "a.ticket", "\"READY\"");
    job_test_expect(&test, "b.ticket", "\"READY\"");
    answer = job_test_ask(&test, "EXISTS", "a", NULL);
    assert_string_equal(answer, "0");
    free(answer);
    answer = job_test_ask(&test, "EXISTS", "REPLICA_REGISTRY", NULL);
    assert_string_equal(answer, "0");
    free(answer);
    job_test_close(&test);
}

/* As for a directory that cannot be written to: the state is in Redis. */
static void test_states_in_the_metastore(void **state)
{
    struct job_test test;
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    SLC_AUTO_TICKET struct slc_ticket *wanted = NULL;
    const struct slc_inbox_ticket *entry;
    struct slc_error error = {0}, fault = {0};
    char *answer;

    job_test_open(&test, state);
    job_test_put_table(&test, "a", "2022-01-01:00:00:00", "");
    scan(&test, &listing);
    entry = find(&listing, "a.ticket");
    wanted = slc_ticket_copy(entry->on_disk);
    slc_fail(&fault, SLC_ERR_DATA, "wrong \"row\"");
    assert_ok(slc_ticket_set_failed(wanted, &fault, &error), error);
    assert_ok(slc_ticket_set_load_dttm(wanted, SLC_STR("2024-02-02:01:02:03"), &error), error);
    assert_ok(slc_ticket_state_write(test.redis, SLC_STR("REPLICA_REGISTRY"), SLC_STR("a.ticket"),
                                     entry->on_disk, wanted, &error),
              error);
    slc_inbox_listing_release(&listing);

    scan(&test, &listing);
    entry = find(&listing, "a.ticket");
    assert_int_equal(slc_ticket_status(entry->on_disk), SLC_TICKET_READY);
    assert_int_equal(slc_ticket_status(entry->ticket), SLC_TICKET_FAILED);
    assert_true(slc_str_is(slc_ticket_load_dttm(entry->ticket), "2024-02-02:01:02:03"));
    assert_non_null(slc_ticket_error(entry->ticket));

    /* Back to what the file says: nothing has to be kept. */
    assert_ok(slc_ticket_state_write(test.redis, SLC_STR("REPLICA_REGISTRY"), SLC_STR("a.ticket"),
                                     entry->on_disk, entry->on_disk, &error),
              error);
    answer = job_test_ask(&test, "EXISTS", "REPLICA_REGISTRY:tickets", NULL);
    assert_string_equal(answer, "0");
    free(answer);

    /* Another text in the ticket's place makes a state void. */
    assert_ok(slc_ticket_state_write(test.redis, SLC_STR("REPLICA_REGISTRY"), SLC_STR("a.ticket"),
                                     entry->on_disk, wanted, &error),
              error);
    slc_inbox_listing_release(&listing);
    job_test_put_table(&test, "a", "2022-01-01:00:00:00", ",\"x\":1");
    scan(&test, &listing);
    assert_int_equal(slc_ticket_status(find(&listing, "a.ticket")->ticket), SLC_TICKET_READY);
    job_test_close(&test);
}

static void test_rubbish_in_the_metastore(void **state)
{
    static const char *const rubbish[] = {"",
                                          "null",
                                          "[]",
                                          "{",
                                          "{\"text_sha256\":1}",
                                          "{\"text_sha256\":\"x\",\"status\":\"PROCESSED\"}"};
    struct job_test test;
    struct slc_error error = {0};

    job_test_open(&test, state);
    job_test_put_table(&test, "a", "2022-01-01:00:00:00", "");
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};

        assert_ok(slc_redis_call(test.redis, NULL, &error, SLC_STR("HSET"),
                                 SLC_STR("REPLICA_REGISTRY:tickets"), SLC_STR("a.ticket"),
                                 slc_str_from(rubbish[i])),
                  error);
        scan(&test, &listing);
        assert_int_equal(slc_ticket_status(find(&listing, "a.ticket")->ticket), SLC_TICKET_READY);
    }
    job_test_close(&test);
}

static void test_a_directory_that_is_replaced(void **state)
{
    struct job_test test;
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_error error = {0};
    char *aside = NULL;

    job_test_open(&test, state);
    scan(&test, &listing);
    assert_int_equal(listing.count, 0);
    assert_true(asprintf(&aside, "%s.aside", test.dir) > 0);
    assert_int_equal(rename(test.dir, aside), 0);
    assert_false(slc_inbox_scan(test.inbox, test.redis, &listing, &error));
    assert_int_equal(mkdir(test.dir, 0755), 0);
    job_test_put_table(&test, "a", "2022-01-01:00:00:00", "");
    slc_inbox_listing_release(&listing);
    scan(&test, &listing);
    assert_int_equal(listing.count, 1);
    assert_int_equal(test.events[SLC_INBOX_REOPENED], 1);
    job_test_close(&test);
    assert_int_equal(rmdir(aside), 0);
    free(aside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registering),
        cmocka_unit_test(test_faulty_tickets),
        cmocka_unit_test(test_unregistering),
        cmocka_unit_test(test_states_in_the_metastore),
        cmocka_unit_test(test_rubbish_in_the_metastore),
        cmocka_unit_test(test_a_directory_that_is_replaced),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
