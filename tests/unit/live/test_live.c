/* test_live.c — subscriptions over the real store, SQL engine and matcher, with a peer that keeps
 * what it is sent: hand-over, transitions, isolation, overflow of the hold, slow consumers, closing
 * in every state.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live_fixture.h"

#include "live/live_internal.h"

static void test_live__snapshot_then_changes(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')");
    subscribe(ann, "x", "SELECT id, v FROM t", 2, 1);
    fake_expect(ann, "subscription_ack", "\"total_rows\":2");
    fake_expect(ann, "initial_data_batch", "\"id\":\"2\"");
    run_as(fixture, "ann", "UPDATE t SET v = 'held' WHERE id = 3");
    live_peer_next_batch(ann->peer, STR_LIT("x"));
    fake_expect(ann, "initial_data_batch", "\"v\":\"c\""); /* the view of the snapshot */
    fake_expect(ann, "\"update\"", "\"v\":\"held\"");
    run_as(fixture, "ann", "DELETE FROM t WHERE id = 1");
    fake_expect(ann, "\"delete\"", "\"_deleted\":true");
    fake_free(ann);
}

/* Batches that are asked for but not read are bounded; ten rows of 60 kB each, 120 times. */
static void test_live__batches_nobody_reads(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct buf sql;
    buf_init(&sql);
    for (int i = 0; i < 12; i++) {
        buf_reset(&sql);
        for (int row = 0; row < 10; row++) {
            buf_printf(&sql, "%s(%d, 1, '", row == 0 ? "INSERT INTO t VALUES " : ", ",
                       i * 10 + row);
            for (int at = 0; at < 60000; at += 10)
                buf_append_str(&sql, STR_LIT("0123456789"));
            buf_append_str(&sql, STR_LIT("')"));
        }
        buf_append_byte(&sql, 0);
        run_as(fixture, "ann", sql.data);
    }
    buf_clear(&sql);
    ann->takes = false;
    subscribe(ann, "x", "SELECT * FROM t", ALL_ROWS, 10);
    fake_expect(ann, "subscription_ack", "\"total_rows\":120");
    for (int i = 0; i < 7; i++) {
        fake_expect(ann, "initial_data_batch", "0123456789");
        live_peer_next_batch(ann->peer, STR_LIT("x"));
    }
    fake_expect(ann, "error", "SLOW_CONSUMER");
    fake_free(ann);
}

static void test_live__filter_transitions(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    subscribe(ann, "f", "SELECT * FROM t WHERE n > 10 AND v IS NOT NULL", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "\"ready\"");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 5, 'x')");
    run_as(fixture, "ann", "UPDATE t SET n = 11");
    fake_expect(ann, "\"insert\"", "\"n\":11");
    run_as(fixture, "ann", "UPDATE t SET n = 12");
    fake_expect(ann, "\"update\"", "\"old_values\":[{\"id\":\"1\",\"n\":11,");
    run_as(fixture, "ann", "UPDATE t SET v = NULL");
    fake_expect(ann, "\"delete\"", "\"_deleted\":false");
    run_as(fixture, "ann", "DELETE FROM t");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 50, 'y')");
    fake_expect(ann, "\"insert\"", "\"n\":50");
    fake_free(ann);
}

static void test_live__other_users_and_tables_do_not_show(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann"), *bob = fake_new(fixture, "bob");
    subscribe(ann, "a", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(bob, "a", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(bob, "s", "SELECT * FROM s WHERE n = 7", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(bob, "subscription_ack", "");
    fake_expect(bob, "subscription_ack", "");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'of ann')");
    run_as(fixture, "bob", "INSERT INTO s VALUES (1, 8), (2, 7)");
    fake_expect(ann, "change", "of ann");
    fake_expect(bob, "change", "\"rows\":[{\"id\":\"2\"");
    run_as(fixture, "bob", "INSERT INTO t VALUES (1, 1, 'of bob')");
    fake_expect(bob, "change", "of bob");
    assert_int_equal(ann->seen, ann->count);
    fake_free(ann);
    fake_free(bob);
}

static void test_live__equal_subscriptions_share_but_keep_their_ids(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *one = fake_new(fixture, "ann"), *two = fake_new(fixture, "ann");
    subscribe(one, "same", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(two, "same", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(two, "other", "SELECT v FROM t", NO_SNAPSHOT, 0);
    fake_expect(one, "subscription_ack", "");
    fake_expect(two, "subscription_ack", "");
    fake_expect(two, "subscription_ack", "");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'x')");
    fake_expect(one, "change", "\"same\"");
    const char *first = fake_next(two), *second = fake_next(two);
    assert_true((strstr(first, "\"same\"") && strstr(second, "\"other\"")) ||
                (strstr(first, "\"other\"") && strstr(second, "\"same\"")));
    fake_free(one);
    fake_free(two);
}

static void test_live__overflowing_hold_is_caught_up(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    char sql[128];
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b')");
    subscribe(ann, "x", "SELECT * FROM t WHERE n < 100", ALL_ROWS, 1);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(ann, "initial_data_batch", "\"id\":\"1\"");
    for (int i = 0; i < 20; i++) { /* the hold takes 4 */
        snprintf(sql, sizeof sql, "UPDATE t SET v = 'v%d' WHERE id = 1", i);
        run_as(fixture, "ann", sql);
    }
    run_as(fixture, "ann", "UPDATE t SET n = 200 WHERE id = 2");
    run_as(fixture, "ann", "INSERT INTO t VALUES (3, 3, 'c')");
    run_as(fixture, "ann", "INSERT INTO t VALUES (4, 4, 'd')");
    run_as(fixture, "ann", "DELETE FROM t WHERE id = 4"); /* came and went: never shown */
    wait_matched(fixture);                                /* all of it met the hold */
    live_peer_next_batch(ann->peer, STR_LIT("x"));
    fake_expect(ann, "initial_data_batch", "\"v\":\"b\"");
    fake_expect(ann, "\"update\"", "\"v\":\"v19\"");
    fake_expect(ann, "\"delete\"", "\"id\":\"2\"");
    fake_expect(ann, "\"insert\"", "\"id\":\"3\"");
    run_as(fixture, "ann", "UPDATE t SET v = 'live' WHERE id = 3");
    fake_expect(ann, "\"update\"", "live");
    fake_free(ann);
}

/* Events are removed without a trace: what has gone is found by comparing the two views. */
static void test_live__overflowing_hold_of_a_stream(void **state)
{
    struct live_fixture *fixture = *state;
    char sql[128];
    fixture_sql(&fixture->sql,
                "CREATE STREAM TABLE app.e (id BIGINT PRIMARY KEY, v TEXT) TTL '1h'");
    struct fake_peer *ann = fake_new(fixture, "ann");
    run_as(fixture, "ann", "INSERT INTO e VALUES (1, 'a')");
    run_as(fixture, "ann", "INSERT INTO e VALUES (2, 'b')");
    subscribe(ann, "x", "SELECT * FROM e", ALL_ROWS, 1);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(ann, "initial_data_batch", "\"id\":\"1\"");
    for (int i = 0; i < 8; i++) { /* the hold takes 4 */
        snprintf(sql, sizeof sql, "INSERT INTO e VALUES (%d, 'v%d')", 10 + i, i);
        run_as(fixture, "ann", sql);
    }
    run_as(fixture, "ann", "DELETE FROM e WHERE id = 2");
    run_as(fixture, "ann", "DELETE FROM e WHERE id = 17"); /* came and went: never shown */
    wait_matched(fixture);
    live_peer_next_batch(ann->peer, STR_LIT("x"));
    fake_expect(ann, "initial_data_batch", "\"v\":\"b\"");
    bool gone = false;
    for (int seen = 0; seen < 8;) {
        const char *text = fake_next(ann);
        assert_null(strstr(text, "v7"));
        gone = gone || (strstr(text, "\"delete\"") && strstr(text, "\"id\":\"2\""));
        for (const char *at = text; (at = strstr(at, "\"v\":\"v")) != NULL; at++)
            seen++;
        seen += strstr(text, "\"delete\"") != NULL;
    }
    assert_true(gone);
    fake_free(ann);
}

static void test_live__slow_consumer_ends_with_its_position(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *slow = fake_new(fixture, "ann"), *quick = fake_new(fixture, "ann");
    struct live_stats stats;
    char sql[128];
    slow->takes = false;
    subscribe(slow, "x", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(quick, "x", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(slow, "subscription_ack", "");
    fake_expect(quick, "subscription_ack", "");
    wait_active(fixture);
    for (int i = 0; i < 8; i++) { /* the queue takes 4 */
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, 1, 'x')", i);
        run_as(fixture, "ann", sql);
        fake_expect(quick, "change", "");
    }
    for (int i = 0; i < 4; i++)
        fake_expect(slow, "change", "");
    fake_expect(slow, "SLOW_CONSUMER", "last_seq_id");
    assert_int_equal(slow->seen, slow->count);
    live_stats(fixture->live, &stats);
    assert_int_equal(stats.slow_consumers, 1);
    fake_write(slow);
    subscribe(slow, "x", "SELECT * FROM t", NO_SNAPSHOT, 0); /* the connection lives on */
    fake_expect(slow, "subscription_ack", "");
    fake_free(slow);
    fake_free(quick);
}

/* What was written frees the place of the subscription that it was for, after the list of messages
 * has grown, too. */
static void test_live__written_messages_free_their_own_places(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    ann->takes = false;
    subscribe(ann, "x", "SELECT * FROM t WHERE n = 1", NO_SNAPSHOT, 0);
    subscribe(ann, "y", "SELECT * FROM t WHERE n = 2", NO_SNAPSHOT, 0);
    subscribe(ann, "z", "SELECT * FROM t WHERE n = 3", NO_SNAPSHOT, 0);
    for (int i = 0; i < 3; i++)
        fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    fake_write(ann);
    const char *ids = "xxxxyyyyz"; /* each queue takes 4, the first list 8 */
    char sql[128], id[8];
    for (int i = 0; i < 13; i++) {
        int n = i < 9 ? ids[i] - 'w' : 1;
        if (i == 9)
            live_peer_written(ann->peer, 4, 0); /* those of x */
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, %d, 'v')", i, n);
        run_as(fixture, "ann", sql);
        snprintf(id, sizeof id, "\"%c\"", 'w' + n);
        fake_expect(ann, "change", id);
    }
    fake_free(ann);
}

/* The feed keeps 1 MiB: what the matcher did not take in time is gone for all, and told to all. */
static void test_live__behind_the_feed_everybody_ends(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann"), *bob = fake_new(fixture, "bob");
    struct live_stats stats;
    struct buf sql;
    subscribe(ann, "x", "SELECT id FROM t", NO_SNAPSHOT, 0);
    subscribe(bob, "y", "SELECT id FROM t", NO_SNAPSHOT, 0);
    subscribe(bob, "z", "SELECT id FROM s WHERE n = 3", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(bob, "subscription_ack", "");
    fake_expect(bob, "subscription_ack", "");
    wait_active(fixture);
    fake_block(ann, true);
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'the matcher waits with this one')");
    fake_wait_stuck(ann);
    buf_init(&sql);
    for (int i = 0; i < 40; i++) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO t VALUES (%d, 1, '%0100000d')", i + 2, i);
        buf_append_byte(&sql, 0);
        run_as(fixture, "ann", sql.data);
    }
    buf_clear(&sql);
    fake_block(ann, false);
    fake_expect(ann, "change", "\"id\":\"1\"");
    fake_expect(ann, "SLOW_CONSUMER", "last_seq_id");
    fake_expect(bob, "SLOW_CONSUMER", "");
    fake_expect(bob, "SLOW_CONSUMER", "");
    live_stats(fixture->live, &stats);
    assert_int_equal(stats.slow_consumers, 3);
    subscribe(ann, "x", "SELECT id FROM t", NO_SNAPSHOT, 0); /* from here on nothing is missing */
    fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (100, 1, 'v')");
    fake_expect(ann, "change", "\"id\":\"100\"");
    fake_free(ann);
    fake_free(bob);
}

static int set_up_bounded(void **state)
{
    struct live_options limits = fixture_limits();
    limits.filter_work_max = 1 << 20;
    limits.snapshot_tasks_per_user_max = 1;
    limits.snapshot_bytes_max = 100 << 10; /* one snapshot of 40 KB of JSON */
    return set_up_with(state, limits);
}

/* Two threads read snapshots: one user has one of them, however many of his tasks do not end. What
 * he replaces before its turn comes is gone at once. */
static void test_live__a_user_leaves_threads_to_others(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *stuck[2], *ann = fake_new(fixture, "ann"), *bob = fake_new(fixture, "bob");
    struct live_stats stats;
    for (size_t i = 0; i < 2; i++) {
        stuck[i] = fake_new(fixture, "ann");
        fake_block(stuck[i], true);
        subscribe(stuck[i], "x", "SELECT id FROM t", ALL_ROWS, 0);
    }
    for (size_t i = 0; i < 20; i++)
        subscribe(ann, "y", "SELECT id FROM t", ALL_ROWS, 0);
    subscribe(bob, "z", "SELECT id FROM t", ALL_ROWS, 0);
    fake_expect(bob, "subscription_ack", "");
    live_stats(fixture->live, &stats);
    assert_int_equal(stats.subscriptions, 4);
    assert_int_equal(stats.tasks_waiting, 2); /* of one stuck connection, and y */
    subscribe(ann, "gone", "SELECT id FROM t", ALL_ROWS, 0);
    live_peer_unsubscribe(ann->peer, STR_LIT("gone"));
    fake_expect(ann, "unsubscribed", "gone");
    for (size_t i = 0; i < 2; i++)
        fake_block(stuck[i], false);
    for (size_t i = 0; i < 2; i++)
        fake_expect(stuck[i], "subscription_ack", "");
    fake_expect(ann, "subscription_ack", "\"y\"");
    fake_expect(ann, "initial_data_batch", "ready");
    wait_active(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'v')");
    fake_expect(ann, "change", "\"y\"");
    for (size_t i = 0; i < 2; i++)
        fake_free(stuck[i]);
    fake_free(ann);
    fake_free(bob);
}

/* Who asks ahead for batches has one at a time: what else his user begins comes in between. */
static void test_live__batches_take_turns(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *stuck = fake_new(fixture, "ann"), *ann = fake_new(fixture, "ann");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')");
    fake_block(stuck, true);
    subscribe(stuck, "first", "SELECT id FROM t", NO_SNAPSHOT, 0);
    fake_wait_stuck(stuck); /* the one thread of its user */
    subscribe(ann, "ahead", "SELECT id FROM t", ALL_ROWS, 1);
    for (int i = 0; i < 2; i++)
        live_peer_next_batch(ann->peer, STR_LIT("ahead"));
    subscribe(ann, "other", "SELECT id FROM t", ALL_ROWS, 0);
    fake_block(stuck, false);
    fake_expect(ann, "subscription_ack", "\"ahead\"");
    fake_expect(ann, "initial_data_batch", "\"ahead\"");
    fake_expect(ann, "subscription_ack", "\"other\"");
    fake_expect(ann, "initial_data_batch", "\"other\"");
    fake_expect(ann, "initial_data_batch", "\"ahead\"");
    fake_expect(ann, "initial_data_batch", "ready");
    fake_free(stuck);
    fake_free(ann);
}

/* Closed between the request for a batch and its turn: nobody would take its task back. */
static void test_live__what_is_closed_waits_for_no_turn(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *stuck = fake_new(fixture, "ann"), *ann = fake_new(fixture, "ann");
    struct live_stats stats;
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b')");
    subscribe(ann, "x", "SELECT id FROM t", ALL_ROWS, 1);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(ann, "initial_data_batch", "has_more\":true");
    struct subscription *closed =
        subscription_ref(map_get(&ann->peer->subscriptions, STR_LIT("x")));
    fake_block(stuck, true);
    subscribe(stuck, "first", "SELECT id FROM t", NO_SNAPSHOT, 0);
    fake_wait_stuck(stuck); /* the one thread of its user: x is with none */
    pthread_mutex_lock(&closed->mutex);
    struct loading *loading = closed->loading;
    assert_false(loading->task_running);
    loading->task_running = true; /* from here on who closes it leaves that to its task */
    pthread_mutex_unlock(&closed->mutex);
    live_peer_unsubscribe(ann->peer, STR_LIT("x"));
    fake_expect(ann, "unsubscribed", "x");
    subscription_post(closed, loading);
    live_stats(fixture->live, &stats);
    fake_block(stuck, false);
    fake_expect(stuck, "subscription_ack", "");
    fake_free(stuck);
    fake_free(ann);
    assert_int_equal(stats.tasks_waiting, 0);
    assert_int_equal(stats.subscriptions, 1);
}

/* What waits to be fetched, of all snapshots of a user: a further one waits, none ends for it. */
static void test_live__snapshots_of_a_user_have_a_memory_limit(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann"), *also = fake_new(fixture, "ann"),
                     *bob = fake_new(fixture, "bob");
    struct live_stats stats;
    run_as(fixture, "ann",
           "INSERT INTO t VALUES (1, 1, repeat('v', 20000)), (2, 1, repeat('v', 20000))");
    subscribe(ann, "first", "SELECT v FROM t", ALL_ROWS, 1);
    fake_expect(ann, "subscription_ack", "first");
    fake_expect(ann, "initial_data_batch", "first");
    subscribe(ann, "second", "SELECT v FROM t", ALL_ROWS, 1);
    fake_expect(ann, "subscription_ack", "second");
    fake_expect(ann, "initial_data_batch", "second");
    subscribe(ann, "third", "SELECT v FROM t", ALL_ROWS, 1);
    subscribe(also, "fourth", "SELECT v FROM t", ALL_ROWS, 1);
    subscribe(bob, "other", "SELECT id FROM t WHERE id = 0", ALL_ROWS, 1);
    fake_expect(bob, "subscription_ack", "");
    fake_expect(bob, "initial_data_batch", "ready");
    live_stats(fixture->live, &stats);
    assert_int_equal(stats.tasks_waiting, 2);
    live_peer_next_batch(ann->peer, STR_LIT("second")); /* goes before those that waited longer */
    fake_expect(ann, "initial_data_batch", "ready");
    fake_expect(ann, "subscription_ack", "third");
    fake_expect(ann, "initial_data_batch", "third");
    live_peer_unsubscribe(ann->peer, STR_LIT("first"));
    fake_expect(ann, "unsubscribed", "first");
    fake_expect(also, "subscription_ack", "fourth");
    run_as(fixture, "bob",
           "INSERT INTO t VALUES (1, 1, repeat('v', 60000)), (2, 1, repeat('v', 60000))");
    subscribe(bob, "large", "SELECT v FROM t", ALL_ROWS, 1);
    fake_expect(bob, "MESSAGE_TOO_LARGE", "query.memory_limit");
    fake_free(ann);
    fake_free(also);
    fake_free(bob);
}

/* live.queue_bytes is that of a connection, also for what its subscriptions hold while they load:
 * one of these two keeps its changes, the other one catches up. */
static void test_live__a_connection_holds_so_much(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct sql_live_entry *entries;
    struct arena arena;
    struct buf sql;
    size_t count;
    int64_t held = 0;
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, ''), (2, 1, '')");
    for (int i = 0; i < 2; i++) {
        subscribe(ann, i == 0 ? "a" : "b", "SELECT * FROM t", ALL_ROWS, 1);
        fake_expect(ann, "subscription_ack", "");
        fake_expect(ann, "initial_data_batch", "");
    }
    buf_init(&sql);
    buf_printf(&sql, "UPDATE t SET v = '%0300000d', n = n + 1 WHERE id = 1", 0);
    buf_append_byte(&sql, 0);
    for (int i = 0; i < 2; i++) {
        run_as(fixture, "ann", sql.data);
        wait_matched(fixture);
    }
    buf_clear(&sql);
    arena_init(&arena, 0);
    live_entries(fixture->live, (struct table_id){0}, STR_EMPTY, &arena, &entries, &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        held += entries[i].lag;
    arena_clear(&arena);
    assert_in_range(held, 1, 2);
    for (int i = 0; i < 2; i++) {
        live_peer_next_batch(ann->peer, i == 0 ? STR_LIT("a") : STR_LIT("b"));
        fake_expect(ann, "initial_data_batch", "ready");
        const char *last;
        do
            last = fake_next(ann);
        while (strstr(last, "\"n\":3") == NULL);
    }
    fake_free(ann);
}

/* After an ALTER the matcher may have to compile a query anew: not one that takes long. */
static void test_live__compiling_anew_has_a_budget(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    char text[8000];
    snprintf(text, sizeof text, "SELECT * FROM t WHERE n > %6000d", 0);
    subscribe(ann, "short", "SELECT * FROM t", NO_SNAPSHOT, 0);
    subscribe(ann, "long", text, NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    fixture_sql(&fixture->sql, "ALTER TABLE app.t ADD COLUMN w INT DEFAULT 7");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'v', 8)");
    for (int i = 0; i < 2; i++) {
        const char *message = fake_next(ann);
        if (strstr(message, "\"short\"") != NULL)
            assert_non_null(strstr(message, "\"w\":8"));
        else
            assert_non_null(strstr(message, "SLOW_CONSUMER"));
    }
    fake_free(ann);
}

/* The engine here tells live/ nothing of an ALTER: it meets rows of a newer version. */
/* What reading rows of a schema version takes is made once, whoever reads them. */
static void test_live__row_views(void **state)
{
    struct live_fixture *fixture = *state;
    struct row first, again;
    struct row_views views;
    char bytes[64] = {0};

    struct view *view = view_acquire(fixture->sql.store);
    const struct table *table =
        catalog_find_table(view_catalog(view), STR_LIT("app"), STR_LIT("t"));
    row_header_set(bytes, &(struct row_header){.layout_version = table->schema->version});
    row_views_init(&views);
    assert_true(row_views_get(&views, table, STR_LIT("k"), str_from(bytes, 64), &first));
    size_t used = views.arena.used_bytes;
    assert_true(row_views_get(&views, table, STR_LIT("l"), str_from(bytes, 64), &again));
    assert_ptr_equal(first.projection, again.projection);
    assert_true(first.projection->identity && first.projection->source == NULL);
    assert_int_equal(views.arena.used_bytes, used);
    row_header_set(bytes, &(struct row_header){.layout_version = table->schema->version + 1});
    assert_false(row_views_get(&views, table, STR_LIT("k"), str_from(bytes, 64), &first));
    row_views_clear(&views);
    view_release(view);
}

static void test_live__rows_of_a_newer_schema(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    subscribe(ann, "all", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'old')");
    fake_expect(ann, "\"insert\"", "\"v\":\"old\"");
    fixture_sql(&fixture->sql, "ALTER TABLE app.t ADD COLUMN w INT DEFAULT 7");
    run_as(fixture, "ann", "UPDATE t SET n = 2");
    fake_expect(ann, "\"update\"", "\"w\":7");
    subscribe(ann, "some", "SELECT id, v FROM t WHERE n = 2", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    fixture_sql(&fixture->sql, "ALTER TABLE app.t DROP COLUMN v");
    run_as(fixture, "ann", "UPDATE t SET w = 8"); /* `some` asks for what is gone */
    const char *first = fake_next(ann), *second = fake_next(ann);
    if (strstr(first, "\"some\"") != NULL) {
        const char *swap = first;
        first = second;
        second = swap;
    }
    assert_non_null(strstr(first, "\"w\":8"));
    assert_null(strstr(first, "\"v\""));
    assert_non_null(strstr(second, "INVALID_SQL"));
    fake_free(ann);
}

static void test_live__needs_room_in_its_queues(void **state)
{
    struct live_fixture *fixture = *state;
    struct live_options options = {.store = fixture->sql.store,
                                   .engine = fixture->sql.engine,
                                   .workers = fixture->workers,
                                   .queue_events_max = 0,
                                   .queue_bytes_max = 1 << 20};
    struct live *live = NULL;
    struct error err;
    assert_int_equal(live_start(&options, &live, &err), STATUS_INVALID_INPUT);
    options.queue_events_max = 1;
    options.queue_bytes_max = 0;
    assert_int_equal(live_start(&options, &live, &err), STATUS_INVALID_INPUT);
    assert_null(live);
    live_stop(NULL);
}

static void test_live__refusals_name_their_code(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    const char *const cases[][2] = {{"SELECT * FROM nope", "NOT_FOUND"},
                                    {"SELECT nope FROM t", "INVALID_SQL"},
                                    {"SELEC", "INVALID_SQL"},
                                    {"SELECT count(*) FROM t", "UNSUPPORTED"},
                                    {"SELECT n FROM t GROUP BY n", "UNSUPPORTED"},
                                    {"SELECT * FROM app.bob.t", "UNAUTHORIZED"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        subscribe(ann, "x", cases[i][0], NO_SNAPSHOT, 0);
        fake_expect(ann, "error", cases[i][1]);
    }
    struct wire_subscription resume = {.id = STR_LIT("r"),
                                       .sql = STR_LIT("SELECT * FROM t"),
                                       .has_options = true,
                                       .batch_size = 1000,
                                       .has_from = true};
    live_peer_subscribe(ann->peer, &resume);
    fake_expect(ann, "error", "RESUME_FAILED");
    subscribe(ann, "r", "SUBSCRIBE TO t OPTIONS (from = 0)", NO_SNAPSHOT, 0); /* as above */
    fake_expect(ann, "error", "RESUME_FAILED");
    char long_id[130] = {0};
    memset(long_id, 'i', 129);
    subscribe(ann, long_id, "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "error", "INVALID_SUBSCRIPTION_ID");
    subscribe(ann, "", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "error", "INVALID_SUBSCRIPTION_ID");
    live_peer_unsubscribe(ann->peer, STR_LIT("never"));
    fake_expect(ann, "error", "INVALID_SUBSCRIPTION_ID");
    fake_free(ann);
}

static void test_live__shared_tables_only_where_allowed(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    subscribe(ann, "s", "SELECT * FROM s", NO_SNAPSHOT, 0);
    fake_expect(ann, "UNSUPPORTED", "not supported on shared tables");
    subscribe(ann, "t", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_free(ann);
}

/* The feed rests while nobody listens, and only then. */
static void test_live__who_stays_hears_on(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann"), *bob = fake_new(fixture, "bob");
    subscribe(ann, "x", "SELECT id FROM t", NO_SNAPSHOT, 0);
    subscribe(bob, "y", "SELECT id FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(bob, "subscription_ack", "");
    wait_active(fixture);
    live_peer_unsubscribe(bob->peer, STR_LIT("y"));
    fake_expect(bob, "unsubscribed", "y");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'v')");
    fake_expect(ann, "change", "\"id\":\"1\"");
    live_peer_unsubscribe(ann->peer, STR_LIT("x"));
    fake_expect(ann, "unsubscribed", "x");
    run_as(fixture, "ann", "INSERT INTO t VALUES (2, 1, 'v')");
    subscribe(ann, "x", "SELECT id FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    wait_active(fixture);
    run_as(fixture, "ann", "INSERT INTO t VALUES (3, 1, 'v')");
    fake_expect(ann, "change", "\"id\":\"3\"");
    fake_free(ann);
    fake_free(bob);
}

static void test_live__limits_and_replacement(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann"), *more = fake_new(fixture, "ann");
    char id[16];
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "s%d", i);
        subscribe(ann, id, "SELECT * FROM t", NO_SNAPSHOT, 0);
        fake_expect(ann, "subscription_ack", "");
    }
    subscribe(ann, "s10", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "error", "SUBSCRIPTION_LIMIT_EXCEEDED");
    subscribe(ann, "s3", "SELECT id FROM t", NO_SNAPSHOT, 0); /* replaces */
    fake_expect(ann, "subscription_ack", "s3");
    for (int i = 0; i < 3; i++) { /* 12 per user over all connections */
        snprintf(id, sizeof id, "m%d", i);
        subscribe(more, id, "SELECT * FROM t", NO_SNAPSHOT, 0);
        fake_expect(more, i < 2 ? "subscription_ack" : "SUBSCRIPTION_LIMIT_EXCEEDED", "");
    }
    live_peer_unsubscribe(ann->peer, STR_LIT("s1"));
    fake_expect(ann, "unsubscribed", "s1");
    subscribe(more, "m9", "SELECT * FROM t", NO_SNAPSHOT, 0);
    fake_expect(more, "subscription_ack", "");
    fake_free(ann);
    fake_free(more);
}

static atomic_int places_taken; /* when the end of a live query was told */

static void send_and_look(void *context, struct wire_message *message)
{
    struct fake_peer *fake = context;
    struct str text = wire_message_payload(message);

    if (str_starts_with(text, STR_LIT("{\"type\":\"error\"")))
        atomic_store(&places_taken, (int)atomic_load(&fake->peer->user->subscriptions));
    fake_send(context, message);
}

/* Who subscribes again when he hears of the end finds the place free. */
static void test_live__the_end_is_told_with_the_place_free(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct error err;

    ann->peer->options.send = send_and_look;
    atomic_store(&places_taken, -1);
    subscribe(ann, "x", "SELECT id FROM t", NO_SNAPSHOT, 0);
    fake_expect(ann, "subscription_ack", "");
    assert_int_equal(atomic_load(&ann->peer->user->subscriptions), 1);
    wait_active(fixture);
    assert_int_equal(live_kill(fixture->live, STR_LIT("ann-x"), STR_LIT("ann"), ROLE_USER, &err),
                     STATUS_OK);
    fake_expect(ann, "error", "LIVE_QUERY_KILLED");
    assert_int_equal(atomic_load(&places_taken), 0);
    fake_free(ann);
}

static void test_live__lists_and_kill(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct sql_live_entry *entries;
    struct arena arena;
    struct error err;
    size_t count;
    arena_init(&arena, 0);
    subscribe(ann, "x", "SELECT * FROM t", 5, 0);
    fake_expect(ann, "subscription_ack", "");
    fake_expect(ann, "initial_data_batch", "\"rows\":[]");
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')");
    fake_expect(ann, "change", "");
    live_entries(fixture->live, (struct table_id){0}, STR_EMPTY, &arena, &entries, &count);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].live_id.data, "ann-x");
    assert_int_equal(entries[0].changes, 2);
    assert_true(str_equal(entries[0].options, STR_LIT("{\"last_rows\":5}")));
    assert_int_equal(live_kill(fixture->live, STR_LIT("ann-x"), STR_LIT("bob"), ROLE_USER, &err),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(live_kill(fixture->live, STR_LIT("ann-x"), STR_LIT("ann"), ROLE_USER, &err),
                     STATUS_OK);
    fake_expect(ann, "error", "LIVE_QUERY_KILLED");
    assert_int_equal(live_kill(fixture->live, STR_LIT("ann-x"), STR_LIT("ann"), ROLE_USER, &err),
                     STATUS_LIVE_QUERY_NOT_FOUND);
    live_entries(fixture->live, (struct table_id){0}, STR_EMPTY, &arena, &entries, &count);
    assert_int_equal(count, 0);
    arena_clear(&arena);
    fake_free(ann);
}

static void test_live__options_are_listed(void **state)
{
    struct live_fixture *fixture = *state;
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct sql_live_entry *entries;
    struct arena arena;
    char expected[96];
    size_t count;
    struct view *view = view_acquire(fixture->sql.store);
    struct wire_subscription request = {.id = STR_LIT("x"),
                                        .sql = STR_LIT("SELECT * FROM t"),
                                        .has_options = true,
                                        .has_last_rows = true,
                                        .last_rows = 5,
                                        .has_batch_size = true,
                                        .batch_size = 9,
                                        .has_from = true,
                                        .from = view_position(view)};
    snprintf(expected, sizeof expected, "{\"last_rows\":5,\"batch_size\":9,\"from\":%lld}",
             (long long)request.from);
    live_peer_subscribe(ann->peer, &request);
    fake_expect(ann, "subscription_ack", "");
    arena_init(&arena, 0);
    live_entries(fixture->live, (struct table_id){0}, STR_EMPTY, &arena, &entries, &count);
    assert_int_equal(count, 1);
    assert_true(str_equal(entries[0].options, str_from_c(expected)));
    arena_clear(&arena);
    view_release(view);
    fake_free(ann);
}

/* Peers close while their subscriptions compile, load and run. */
static void test_live__closing_in_every_state(void **state)
{
    struct live_fixture *fixture = *state;
    run_as(fixture, "ann", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b')");
    for (int round = 0; round < 40; round++) {
        struct fake_peer *ann = fake_new(fixture, "ann");
        subscribe(ann, "a", "SELECT * FROM t", ALL_ROWS, 1);
        subscribe(ann, "b", "SELECT * FROM t WHERE n = 1", NO_SNAPSHOT, 0);
        for (int i = 0; i < round % 4; i++)
            (void)fake_next(ann);
        run_as(fixture, "ann", "UPDATE t SET n = n + 1");
        live_peer_close(ann->peer);
        for (size_t i = 0; i < ann->count; i++)
            mem_free(ann->texts[i]);
        /* tasks that were under way may still end; the peer's memory of texts is not theirs */
        mem_free(ann);
    }
}

/* ---- DROP while somebody subscribes ----------------------------------------------------------
 */

struct drop_race {
    struct live_fixture *fixture;
    struct fake_peer *peer;
    const char *sql; /* subscribed to between the check of DROP and its commit */
    bool answered;   /* … and what came of it before the commit */
};

static void drop_race_fence(void *context, struct sql_live_fence *fence)
{
    const struct drop_race *race = context;
    live_fence_begin(race->fixture->live, fence);
}

static void drop_race_unfence(void *context, struct sql_live_fence *fence)
{
    const struct drop_race *race = context;
    live_fence_end(race->fixture->live, fence);
}

static enum status drop_race_subscribe(void *context, struct table_id table,
                                       enum status (*check)(void *check_context, struct error *err),
                                       void *check_context, struct error *err)
{
    struct drop_race *race = context;
    struct fake_peer *fake = race->peer;
    struct timespec until;

    (void)table;
    (void)check;
    (void)check_context;
    (void)err;
    if (race->sql == NULL)
        return STATUS_OK;
    struct fake_peer *other = fake_new(race->fixture, "bob");
    subscribe(fake, "x", race->sql, ALL_ROWS, 0);
    for (int i = 0; i < 5; i++) /* more than there are threads, which serve others meanwhile */
        subscribe(fake, i % 2 ? "gone" : "gone too", race->sql, ALL_ROWS, 0);
    subscribe(other, "z", "SELECT * FROM aside.s", ALL_ROWS, 0);
    fake_expect(other, "subscription_ack", "");
    fake_free(other);
    live_peer_unsubscribe(fake->peer, STR_LIT("gone"));
    live_peer_unsubscribe(fake->peer, STR_LIT("gone too"));
    fake_expect(fake, "unsubscribed", "gone");
    fake_expect(fake, "unsubscribed", "gone too");
    size_t told = fake->count;
    race->sql = NULL;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1; /* long enough for the ack that must not come */
    pthread_mutex_lock(&fake->mutex);
    while (fake->count == told && pthread_cond_timedwait(&fake->arrived, &fake->mutex, &until) == 0)
        ;
    race->answered = fake->count > told;
    pthread_mutex_unlock(&fake->mutex);
    return STATUS_OK;
}

static void drop_race_run(struct live_fixture *fixture, const char *subscribes, const char *drops)
{
    struct fake_peer *ann = fake_new(fixture, "ann");
    struct drop_race race = {.fixture = fixture, .peer = ann, .sql = subscribes};
    struct sql_services services = {.context = &race,
                                    .cancel_table_jobs = drop_race_subscribe,
                                    .live_fence_begin = drop_race_fence,
                                    .live_fence_end = drop_race_unfence};

    fixture->sql.instead = &services;
    fixture_sql(&fixture->sql, drops);
    fixture->sql.instead = NULL;
    assert_null(race.sql);
    assert_false(race.answered);
    fake_expect(ann, "error", "table not found");
    fake_free(ann);
}

static void test_live__drop_keeps_subscribers_out(void **state)
{
    struct live_fixture *fixture = *state;

    fixture_sql(&fixture->sql, "CREATE NAMESPACE aside");
    fixture_sql(&fixture->sql, "CREATE SHARED TABLE aside.s (id BIGINT PRIMARY KEY)");
    drop_race_run(fixture, "SELECT * FROM t", "DROP TABLE app.t");
    fixture_sql(&fixture->sql, "CREATE USER TABLE app.t (id BIGINT PRIMARY KEY)");
    /* all tables of a namespace, from the first check to the last drop */
    fixture_sql(&fixture->sql, "CREATE USER TABLE app.u (id BIGINT PRIMARY KEY)");
    drop_race_run(fixture, "SELECT * FROM app.u", "DROP NAMESPACE app CASCADE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_live__snapshot_then_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__batches_nobody_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__filter_transitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__other_users_and_tables_do_not_show, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__equal_subscriptions_share_but_keep_their_ids,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__overflowing_hold_is_caught_up, set_up_small,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__overflowing_hold_of_a_stream, set_up_small,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__slow_consumer_ends_with_its_position,
                                        set_up_small, tear_down),
        cmocka_unit_test_setup_teardown(test_live__written_messages_free_their_own_places,
                                        set_up_small, tear_down),
        cmocka_unit_test_setup_teardown(test_live__behind_the_feed_everybody_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__a_user_leaves_threads_to_others, set_up_bounded,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__batches_take_turns, set_up_bounded, tear_down),
        cmocka_unit_test_setup_teardown(test_live__what_is_closed_waits_for_no_turn, set_up_bounded,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__snapshots_of_a_user_have_a_memory_limit,
                                        set_up_bounded, tear_down),
        cmocka_unit_test_setup_teardown(test_live__a_connection_holds_so_much, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__compiling_anew_has_a_budget, set_up_bounded,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__the_end_is_told_with_the_place_free, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live__row_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__rows_of_a_newer_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__needs_room_in_its_queues, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__refusals_name_their_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__shared_tables_only_where_allowed,
                                        set_up_unshared, tear_down),
        cmocka_unit_test_setup_teardown(test_live__who_stays_hears_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__limits_and_replacement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__lists_and_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__closing_in_every_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__drop_keeps_subscribers_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_live__options_are_listed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
