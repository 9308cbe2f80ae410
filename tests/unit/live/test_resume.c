/* test_resume.c — subscriptions that go on from a position behind the feed's ring.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live_fixture.h"

#include "live/resume_scan.h"

static int64_t position_now(struct live_fixture *fixture)
{
    struct view *view = view_acquire(fixture->sql.store);
    int64_t position = view_position(view);

    view_release(view);
    return position;
}

static void resume(struct fake_peer *fake, const char *id, const char *sql, int64_t from)
{
    struct wire_subscription request = {.id = str_from_c(id),
                                        .sql = str_from_c(sql),
                                        .has_options = true,
                                        .has_from = true,
                                        .from = from};

    live_peer_subscribe(fake->peer, &request);
}

/* Until the feed, which keeps 1 MiB, begins above a position: rows of somebody; how many. */
static int push_out(struct live_fixture *fixture, int64_t position, const char *user)
{
    struct buf sql;
    int count = 0;

    buf_init(&sql);
    for (; feed_oldest(store_feed(fixture->sql.store)) <= position; count++) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO t VALUES (%d, 1, '%0100000d')", count, count);
        buf_append_byte(&sql, 0);
        run_as(fixture, user, sql.data);
    }
    buf_clear(&sql);
    return count;
}

/* A batch of just these rows, in this order. */
static void expect_rows(struct fake_peer *fake, size_t count, const char *const *rows)
{
    const char *text = fake_next(fake), *at = strstr(text, "initial_data_batch");
    size_t found = 0;

    for (size_t i = 0; at != NULL && i < count; i++)
        at = strstr(at, rows[i]);
    for (const char *row = text; (row = strstr(row, "\"_seq\"")) != NULL; row++)
        found++;
    if (at == NULL || found != count)
        fail_msg("expected %zu rows, got %s", count, text);
}

/* The second one reads no rows: they come from the scan of the first one and from the ring. */
static void test_resume__shares_the_scan_of_another(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *one = fake_new(fixture, "ann"), *two = fake_new(fixture, "ann");

    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'first')");
    int64_t from = position_now(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (2, 2, 'second')");
    int64_t later = position_now(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (3, 3, 'c'), (4, 4, 'd'), (5, 5, 'e')");
    run_as(fixture, "ann", "DELETE FROM t WHERE id = 5");
    (void)push_out(fixture, position_now(fixture), "bob");
    resume(one, "x", "SELECT id, v FROM t", from);
    fake_expect(one, "subscription_ack", "\"total_rows\":3");
    fake_expect(one, "\"delete\"", "\"id\":\"5\"");
    expect_rows(one, 3,
                (const char *[]){"\"id\":\"2\",\"v\":\"second\"", "\"id\":\"3\",\"v\":\"c\"",
                                 "\"id\":\"4\",\"v\":\"d\""});
    assert_int_equal(fixture->live->scans->count, 4);
    run_as(fixture, "ann", "UPDATE t SET v = 'since then' WHERE id = 4");
    struct resume_scan *kept = fixture->live->scans;
    resume(two, "y", "SELECT id, v FROM t", later);
    fake_expect(two, "subscription_ack", "\"total_rows\":2");
    fake_expect(two, "\"delete\"", "\"id\":\"5\"");
    expect_rows(two, 2,
                (const char *[]){"\"id\":\"3\",\"v\":\"c\"", "\"id\":\"4\",\"v\":\"since then\""});
    assert_ptr_equal(fixture->live->scans, kept);
    assert_int_equal(atomic_load(&kept->refs), 1); /* the list's */
    fake_free(one);
    fake_free(two);
}

/* Each one scans: what is found is more than live.queue_bytes. */
static void test_resume__keeps_no_large_scan(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    char total[32];
    int64_t from = position_now(fixture);
    int count = push_out(fixture, from, "ann");

    snprintf(total, sizeof total, "\"total_rows\":%d,", count);
    for (int i = 0; i < 2; i++) {
        resume(ann, "x", "SELECT id FROM t", from);
        fake_expect(ann, "subscription_ack", total);
        fake_expect(ann, "initial_data_batch", "\"ready\"");
        assert_null(fixture->live->scans);
    }
    fake_free(ann);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resume__shares_the_scan_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume__keeps_no_large_scan, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
