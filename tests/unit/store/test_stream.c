/* test_stream.c — streams: keys in time order, what goes by age and by number, ephemeral tables and
 * who listens, nothing in the log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/stream.h"

static struct table *stream_table(const char *name, uint32_t ttl_seconds, uint32_t max_buffer)
{
    struct table *table = fixture_table(TABLE_KIND_STREAM, name);

    table->ttl_seconds = ttl_seconds;
    table->max_buffer = max_buffer;
    return table;
}

/* The time of a store never goes back: who fakes the clock begins behind what opening wrote. */
static int64_t behind_us(void)
{
    return clock_now_us() + 3600 * INT64_C(1000000);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Rows that lie in the store at a view, expired or not; the first `most` of their numbers in
 * storage order. */
static size_t events_at(struct fixture *f, struct view *view, struct table_id id, int64_t *seqs,
                        size_t most)
{
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct kv_iterator_options options = {.snapshot = view_snapshot(view)};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, table->rows, &options);
    size_t count = 0;

    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        if (count < most)
            seqs[count] = row_seq(kv_iterator_value(iterator));
        count++;
    }
    kv_iterator_close(iterator);
    return count;
}

static size_t events_stored(struct fixture *f, struct table_id id, int64_t *seqs, size_t most)
{
    struct view *view = view_acquire(f->store);
    size_t count = events_at(f, view, id, seqs, most);

    view_release(view);
    return count;
}

static struct stream_figures figures_of(struct fixture *f, struct table_id id)
{
    struct stream_figures figures;

    stream_figures(f->store, id, &figures);
    return figures;
}

/* The _seq that the event got. */
static int64_t insert_event(struct fixture *f, struct table_id id, int64_t key)
{
    struct write write;

    write_begin(&write, f, id);
    const struct row_op *op = write_insert(&write, "", key, key);
    if (write_run(&write, f) != STATUS_OK)
        fail_msg("insert: %s", write.request.error.message);
    assert_int_equal(write.request.rows_affected, 1);
    assert_true(op->inserted);
    int64_t seq = row_seq(op->new_bytes);
    write_end(&write);
    return seq;
}

static void wait_for_events(struct fixture *f, struct table_id id, size_t count)
{
    for (int i = 0; events_stored(f, id, NULL, 0) != count; i++) {
        if (i == 1000)
            fail_msg("%zu events are left, not %zu", events_stored(f, id, NULL, 0), count);
        pause_ms(5);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void stream__keys_follow_time(void **state)
{
    struct fixture f = {0};
    int64_t base = behind_us(), seqs[8];
    struct buf key;

    buf_init(&key);
    stream_key_prefix(7, &key);
    assert_true(str_equal(buf_str(&key), STR_LIT("0000000000007:")));
    assert_int_equal(stream_key_ms(buf_str(&key)), 7);
    buf_clear(&key);
    fixture_open(&f);
    struct table_id id = fixture_create(&f, stream_table("s", 0, 0));
    for (int i = 0; i < 4; i++) { /* the newest has the smallest key, and one comes twice */
        clock_fake(base + i * 1000);
        (void)insert_event(&f, id, i < 3 ? 9 - i : 9);
    }
    assert_int_equal(events_stored(&f, id, seqs, 8), 4);
    for (int i = 1; i < 4; i++)
        assert_true(seqs[i] > seqs[i - 1]);
    clock_fake(base - 5000000); /* a clock that goes back does not take the events with it */
    int64_t last = insert_event(&f, id, 1);
    assert_int_equal(events_stored(&f, id, seqs, 8), 5);
    assert_int_equal(seqs[3], last); /* same millisecond as the fourth, smaller key */
    clock_fake(-1);
    fixture_close(&f);
}

/* ---- by age ---------------------------------------------------------------------------------- */

static void stream__expired_events_go(void **state)
{
    struct fixture f = {.options = {.stream_eviction_interval_ms = 10}};
    int64_t base = behind_us(), seqs[4];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, stream_table("s", 10, 0));
    struct table_id forever = fixture_create(&f, stream_table("forever", 0, 0));
    clock_fake(base);
    for (int i = 0; i < 5000; i++) /* more than one piece of a pass */
        (void)insert_event(&f, id, i);
    (void)insert_event(&f, forever, 1);
    clock_fake(base + 5000000);
    int64_t young = insert_event(&f, id, 1);
    assert_int_equal(figures_of(&f, id).buffered_rows, 5001);
    clock_fake(base + 10000000); /* not over yet */
    pause_ms(60);
    assert_int_equal(events_stored(&f, id, NULL, 0), 5001);
    clock_fake(base + 10001000);
    wait_for_events(&f, id, 1);
    assert_int_equal(events_stored(&f, id, seqs, 4), 1);
    assert_int_equal(seqs[0], young);
    struct stream_figures figures = figures_of(&f, id);
    assert_int_equal(figures.buffered_rows, 1);
    assert_int_equal(figures.expired, 5000);
    assert_int_equal(figures.displaced, 0);
    clock_fake(base + 20000000);
    wait_for_events(&f, id, 0);
    (void)insert_event(&f, id, 2); /* and it goes on */
    assert_int_equal(events_stored(&f, id, NULL, 0), 1);
    clock_fake(base + 40000000);
    wait_for_events(&f, id, 0);
    assert_int_equal(figures_of(&f, id).buffered_rows, 0);
    assert_int_equal(figures_of(&f, id).expired, 5002);
    assert_int_equal(events_stored(&f, forever, NULL, 0), 1);
    clock_fake(-1);
    fixture_close(&f);
}

/* Readers do not see them, the pass that takes them comes when its interval is over. */
static void stream__expired_events_wait_for_the_pass(void **state)
{
    struct fixture f = {.options = {.stream_eviction_interval_ms = 3600000}};
    int64_t base = behind_us();

    fixture_open(&f);
    clock_fake(base);
    struct table_id id = fixture_create(&f, stream_table("s", 10, 0));
    (void)insert_event(&f, id, 0);
    clock_fake(base + 11000000);
    for (int i = 1; i < 4; i++)
        (void)insert_event(&f, id, i);
    assert_int_equal(events_stored(&f, id, NULL, 0), 4);
    assert_int_equal(figures_of(&f, id).expired, 0);
    clock_fake(-1);
    fixture_close(&f);
}

static void insert_events(struct fixture *f, struct table_id id, int count)
{
    struct row_op *ops = test_calloc((size_t)count, sizeof(*ops));
    struct write write;

    write_begin(&write, f, id);
    for (int i = 0; i < count; i++) {
        write.request.op_count = 0;
        ops[i] = *write_insert(&write, "", i, i);
    }
    write.request.ops = ops;
    write.request.op_count = (size_t)count;
    write.request.flags = 0;
    assert_int_equal(write_run(&write, f), STATUS_OK);
    write_end(&write);
    test_free(ops);
}

/* A stream that is too large for one piece of a pass is finished before the next one's turn. */
static void stream__large_one_is_finished_first(void **state)
{
    enum { LARGE = 5000 };
    struct fixture f = {
        .options = {.stream_eviction_interval_ms = 300, .statement_write_bytes_max = 64 << 20}};
    int64_t base = behind_us();
    size_t large, small;

    fixture_open(&f);
    clock_fake(base);
    struct table_id first = fixture_create(&f, stream_table("a", 10, 0));
    struct table_id second = fixture_create(&f, stream_table("b", 10, 0));
    insert_events(&f, first, LARGE);
    insert_events(&f, second, 1);
    clock_fake(base + 11000000);
    for (int i = 0;; i++) {
        struct view *view = view_acquire(f.store);
        large = events_at(&f, view, first, NULL, 0);
        small = events_at(&f, view, second, NULL, 0);
        view_release(view);
        if (small == 0)
            break;
        assert_int_equal(small, 1);
        if (i == 5000)
            fail_msg("nothing goes");
        pause_ms(1);
    }
    assert_int_equal(large, 0);
    assert_int_equal(figures_of(&f, first).expired, LARGE);
    clock_fake(-1);
    fixture_close(&f);
}

/* What a statement read at its view stays as long as the view is held. */
static void stream__a_view_keeps_its_events(void **state)
{
    struct fixture f = {.options = {.stream_eviction_interval_ms = 10}};
    int64_t base = behind_us();
    struct scan *scan;
    struct arena arena;
    struct error err;
    struct row row;
    int rows = 0;

    fixture_open(&f);
    clock_fake(base);
    struct table_id id = fixture_create(&f, stream_table("s", 10, 0));
    for (int i = 0; i < 3; i++)
        (void)insert_event(&f, id, i);
    struct view *view = view_acquire(f.store);
    clock_fake(base + 11000000);
    wait_for_events(&f, id, 0);
    arena_init(&arena, 0);
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), id),
                                   .now_us = base,
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(scan_open(f.store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &row, &err) == STATUS_OK) {
        struct row_pin pin;
        struct row again;
        assert_int_equal(row_get_by_key(f.store, &options, row.key, &again, &pin, &err), STATUS_OK);
        row_pin_release(f.store, &pin);
        rows++;
    }
    assert_int_equal(rows, 3);
    scan_close(scan);
    options.now_us = 0; /* by the clock they have expired */
    assert_int_equal(scan_open(f.store, &options, &scan, &err), STATUS_OK);
    assert_int_equal(scan_next(scan, &row, &err), STATUS_END);
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
    clock_fake(-1);
    fixture_close(&f);
}

static size_t events_read(struct fixture *f, struct view *view, struct table_id id, int64_t now_us)
{
    struct scan *scan;
    struct arena arena;
    struct error err;
    struct row row;
    size_t rows = 0;

    arena_init(&arena, 0);
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), id),
                                   .now_us = now_us,
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(scan_open(f->store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &row, &err) == STATUS_OK)
        rows++;
    scan_close(scan);
    arena_clear(&arena);
    return rows;
}

/* A pass that takes no number of its own begins nothing for views of the number before it. */
static void stream__a_pass_hides_nothing_of_older_views(void **state)
{
    struct fixture f = {.options = {.stream_eviction_interval_ms = 10}};
    int64_t base = behind_us();
    struct error err;

    fixture_open(&f);
    clock_fake(base);
    struct table_id id = fixture_create(&f, stream_table("s", 10, 0));
    for (int i = 0; i < 3; i++) {
        clock_fake(base + i * 1000);
        (void)insert_event(&f, id, i);
    }
    clock_fake(base + 5000000);
    assert_int_equal(stream_settle(f.store, &err), STATUS_OK); /* time goes on, numbers do not */
    struct view *view = view_acquire(f.store);
    assert_int_equal(events_read(&f, view, id, base), 3);
    clock_fake(base + 11000000);
    wait_for_events(&f, id, 0);
    assert_int_equal(events_read(&f, view, id, base), 3);
    view_release(view);
    clock_fake(-1);
    fixture_close(&f);
}

static void stream__many_tables(void **state)
{
    enum { TABLES = 1000 };
    struct fixture f = {.options = {.stream_eviction_interval_ms = 10}};
    static struct table_id ids[TABLES];
    int64_t base = behind_us();
    char name[16];

    fixture_open(&f);
    clock_fake(base);
    for (int i = 0; i < TABLES; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        ids[i] = fixture_create(&f, stream_table(name, 10, 3));
        for (int k = 0; k < 5; k++)
            (void)insert_event(&f, ids[i], k);
    }
    for (int i = 0; i < TABLES; i++)
        assert_int_equal(events_stored(&f, ids[i], NULL, 0), 3);
    clock_fake(base + 20000000);
    for (int i = 0; i < TABLES; i++) {
        wait_for_events(&f, ids[i], 0);
        assert_int_equal(figures_of(&f, ids[i]).expired, 3);
        assert_int_equal(figures_of(&f, ids[i]).displaced, 2);
    }
    clock_fake(-1);
    fixture_close(&f);
}

/* ---- by number ------------------------------------------------------------------------------- */

struct model_event {
    int64_t seq, ms, key;
};

static int model_compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

static void model_remove(struct model_event *events, size_t *count, size_t at)
{
    memmove(&events[at], &events[at + 1], (--*count - at) * sizeof(*events));
}

/* What a statement reads at a view. */
static void model_check_view(struct fixture *f, struct table_id id, struct view *view,
                             const struct model_event *events, size_t count)
{
    struct scan *scan;
    struct arena arena;
    struct error err;
    struct row row;
    int64_t seqs[64];
    size_t rows = 0;

    arena_init(&arena, 0);
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), id),
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(scan_open(f->store, &options, &scan, &err), STATUS_OK);
    while (rows < 64 && scan_next(scan, &row, &err) == STATUS_OK)
        seqs[rows++] = row_seq(row.bytes);
    scan_close(scan);
    arena_clear(&arena);
    assert_int_equal(rows, count);
    qsort(seqs, count, sizeof(*seqs), model_compare);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seqs[i], events[i].seq);
}

static void model_check(struct fixture *f, struct table_id id, const struct model_event *events,
                        size_t count)
{
    struct view *view = view_acquire(f->store);

    assert_int_equal(events_stored(f, id, NULL, 0), count);
    assert_int_equal(figures_of(f, id).buffered_rows, count);
    model_check_view(f, id, view, events, count);
    view_release(view);
}

static void random_delete(struct fixture *f, struct table_id id, const struct model_event *event)
{
    static const struct row_logic erase = {fixture_resolve_delete, NULL};
    struct write write;
    struct buf key;

    write_begin(&write, f, id);
    struct row_op *op = write_change(&write, "", event->key, &erase);
    buf_init(&key);
    stream_key_prefix(event->ms, &key);
    buf_append_str(&key, op->key);
    op->key = arena_copy(&write.arena, buf_str(&key));
    buf_clear(&key);
    assert_int_equal(write_run(&write, f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 1);
    write_end(&write);
}

/* Inserts up to eight events at once, as the store shall see them. */
static void random_insert(struct fixture *f, struct table_id id, int64_t ms,
                          struct model_event *events, size_t *count, size_t most)
{
    struct write write;
    int rows = 1 + (rand() % 4 == 0 ? rand() % 7 : 0);

    write_begin(&write, f, id);
    for (int i = 0; i < rows; i++)
        (void)write_insert(&write, "", rand() % 20, 0);
    assert_int_equal(write_run(&write, f), STATUS_OK);
    for (int i = 0; i < rows; i++) {
        struct model_event event = {.seq = row_seq(write.ops[i].new_bytes), .ms = ms};
        event.key = write.ops[i].values[0].integer;
        for (size_t k = 0; k < *count; k++) /* of the same millisecond: replaced */
            if (events[k].ms == ms && events[k].key == event.key)
                model_remove(events, count, k);
        events[(*count)++] = event;
    }
    while (*count > most)
        model_remove(events, count, 0);
    write_end(&write);
}

/* The newest max_buffer events by _seq, whatever their keys and however many share a millisecond.
 */
static void stream__oldest_go_first(void **state)
{
    const char *given = getenv("KALAM_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)clock_now_us();
    int64_t base_ms = behind_us() / 1000;

    print_message("seed: %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20; round++) {
        struct fixture f = {0};
        struct model_event events[64];
        size_t count = 0, most = 1 + (size_t)rand() % 12;
        int64_t ms = base_ms;
        int pace = 1 + rand() % 6, leap = 1 + rand() % 40;
        struct model_event kept[64]; /* what the view shows */
        size_t kept_count = 0;
        fixture_open(&f);
        struct table_id id = fixture_create(&f, stream_table("s", 0, (uint32_t)most));
        struct view *view = view_acquire(f.store);
        for (int step = 0; step < 200; step++) {
            ms += rand() % pace == 0 ? leap : 0;
            clock_fake(ms * 1000);
            if (count > 0 && rand() % 5 == 0) {
                size_t at = (size_t)rand() % count;
                random_delete(&f, id, &events[at]);
                model_remove(events, &count, at);
            } else {
                random_insert(&f, id, ms, events, &count, most);
            }
            model_check(&f, id, events, count);
            model_check_view(&f, id, view, kept, kept_count);
            if (rand() % 8 == 0) {
                view_release(view);
                view = view_acquire(f.store);
                memcpy(kept, events, sizeof(kept));
                kept_count = count;
            }
        }
        view_release(view);
        clock_fake(-1);
        fixture_close(&f);
    }
}

/* Above the number from which whole milliseconds go as a range. */
static void stream__range_of_a_millisecond(void **state)
{
    struct fixture f = {0};
    int64_t base = behind_us(), seqs[2];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, stream_table("s", 0, 1500));
    clock_fake(base);
    for (int i = 0; i < 1500; i++)
        (void)insert_event(&f, id, 5000 - i);
    clock_fake(base + 1000);
    int64_t first = 0;
    for (int i = 0; i < 1600; i++) {
        int64_t seq = insert_event(&f, id, 5000 - i);
        first = i == 100 ? seq : first;
        assert_int_equal(figures_of(&f, id).buffered_rows, 1500);
    }
    assert_int_equal(events_stored(&f, id, NULL, 0), 1500);
    assert_int_equal(figures_of(&f, id).displaced, 1600);
    clock_fake(base + 2000);
    for (int i = 0; i < 1499; i++)
        (void)insert_event(&f, id, i);
    assert_int_equal(events_stored(&f, id, seqs, 2), 1500);
    assert_true(seqs[0] > first); /* the last of the millisecond before */
    clock_fake(-1);
    fixture_close(&f);
}

/* A statement that fails takes nothing with it. */
static void stream__failure_leaves_counts(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, stream_table("s", 0, 2));
    struct table_id other = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, other, "", 1, 1);
    (void)insert_event(&f, id, 1);
    (void)insert_event(&f, id, 2);
    write_begin(&write, &f, id);
    for (int i = 3; i < 7; i++)
        (void)write_insert(&write, "", i, i);
    struct row_op *op = write_insert(&write, "", 1, 1); /* duplicate */
    op->table = catalog_find_table_id(view_catalog(write.request.view), other);
    assert_int_equal(write_run(&write, &f), STATUS_CONSTRAINT_VIOLATION);
    write_end(&write);
    assert_int_equal(figures_of(&f, id).buffered_rows, 2);
    assert_int_equal(events_stored(&f, id, NULL, 0), 2);
    (void)insert_event(&f, id, 3);
    assert_int_equal(events_stored(&f, id, NULL, 0), 2);
    /* Dropped and made anew: no figures, no events of the old one. */
    assert_int_equal(ddl_drop_table(f.store, id, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(figures_of(&f, id).buffered_rows, 0);
    id = fixture_create(&f, stream_table("s", 0, 2));
    assert_int_equal(events_stored(&f, id, NULL, 0), 0);
    fixture_close(&f);
}

/* ---- who listens ----------------------------------------------------------------------------- */

static size_t feed_changes(struct feed_cursor *cursor)
{
    struct change_group *group;
    size_t count = 0;

    while (feed_next(cursor, 0, &group) == STATUS_OK) {
        count += group->count;
        change_group_unref(group);
    }
    return count;
}

static void stream__ephemeral_needs_a_listener(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct table *table = stream_table("s", 0, 0);
    table->ephemeral = true;
    struct table_id id = fixture_create(&f, table);
    struct view *view = view_acquire(f.store);
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), view_position(view));
    view_release(view);
    int64_t first = insert_event(&f, id, 1); /* discarded, but answered and numbered */
    int64_t second = insert_event(&f, id, 2);
    assert_true(second > first);
    assert_int_equal(events_stored(&f, id, NULL, 0), 0);
    assert_int_equal(feed_changes(cursor), 0);
    stream_subscribe(f.store, id);
    stream_subscribe(f.store, id);
    assert_int_equal(stream_settle(f.store, &err), STATUS_OK);
    assert_int_equal(figures_of(&f, id).subscribers, 2);
    (void)insert_event(&f, id, 3);
    stream_unsubscribe(f.store, id);
    (void)insert_event(&f, id, 4);
    assert_int_equal(events_stored(&f, id, NULL, 0), 2);
    assert_int_equal(feed_changes(cursor), 2);
    stream_unsubscribe(f.store, id);
    (void)insert_event(&f, id, 5);
    assert_int_equal(events_stored(&f, id, NULL, 0), 2); /* what is there stays */
    assert_int_equal(figures_of(&f, id).buffered_rows, 2);
    assert_int_equal(feed_changes(cursor), 0);
    feed_unfollow(cursor);
    fixture_close(&f);
}

/* The registry outlives neither table nor listener, in any order. */
static void stream__listener_of_a_dropped_table(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct table_id never = fixture_create(&f, stream_table("never", 0, 0));
    stream_subscribe(f.store, never);
    stream_unsubscribe(f.store, never);
    assert_int_equal(figures_of(&f, never).subscribers, 0);
    struct table_id id = fixture_create(&f, stream_table("s", 0, 0));
    (void)insert_event(&f, id, 1);
    stream_subscribe(f.store, id);
    assert_int_equal(ddl_drop_table(f.store, id, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(figures_of(&f, id).subscribers, 1);
    assert_int_equal(figures_of(&f, id).buffered_rows, 0);
    stream_unsubscribe(f.store, id);
    assert_int_equal(figures_of(&f, id).subscribers, 0);
    fixture_close(&f);
}

enum { RACE_WRITERS = 2, RACE_EVENTS = 3000 };

struct ephemeral_race {
    struct fixture *fixture;
    struct table_id id;
    atomic_bool listening; /* a subscription is acknowledged */
    atomic_bool stop;
    atomic_int next_writer;
    int64_t kept[RACE_WRITERS * RACE_EVENTS]; /* _seq of events that must be there */
    atomic_size_t kept_count;
};

static void *race_listen(void *argument)
{
    struct ephemeral_race *race = argument;
    struct error err;

    while (!atomic_load(&race->stop)) {
        stream_subscribe(race->fixture->store, race->id);
        assert_int_equal(stream_settle(race->fixture->store, &err), STATUS_OK);
        atomic_store(&race->listening, true);
        pause_ms(1);
        atomic_store(&race->listening, false);
        stream_unsubscribe(race->fixture->store, race->id);
        pause_ms(1);
    }
    return NULL;
}

struct race_write {
    struct write write;
    struct ephemeral_race *race;
    bool must_be_kept;
    atomic_bool answered;
};

/* The moment of the acknowledgement. */
static void race_done(struct commit_request *request)
{
    struct race_write *write = request->context;

    write->must_be_kept = atomic_load(&write->race->listening);
    atomic_store(&write->answered, true);
}

static void *race_write(void *argument)
{
    struct ephemeral_race *race = argument;
    int number = atomic_fetch_add(&race->next_writer, 1);

    for (int i = 0; i < RACE_EVENTS; i++) {
        struct race_write write = {.race = race};
        write_begin(&write.write, race->fixture, race->id);
        const struct row_op *op = write_insert(&write.write, "", i * RACE_WRITERS + number, i);
        write.write.request.done = race_done;
        write.write.request.context = &write;
        commit_submit(race->fixture->store, &write.write.request);
        while (!atomic_load(&write.answered))
            sched_yield();
        assert_int_equal(write.write.request.status, STATUS_OK);
        if (write.must_be_kept)
            race->kept[atomic_fetch_add(&race->kept_count, 1)] = row_seq(op->new_bytes);
        write_end(&write.write);
    }
    return NULL;
}

/* Spec trap 7: the subscriber count goes 0 → 1 while events come. */
static void stream__subscriber_count_race(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 64 << 20}};
    static struct ephemeral_race race;
    static int64_t stored[RACE_WRITERS * RACE_EVENTS];
    pthread_t listener, writers[RACE_WRITERS];

    fixture_open(&f);
    race = (struct ephemeral_race){.fixture = &f};
    struct table *table = stream_table("s", 0, 0);
    table->ephemeral = true;
    race.id = fixture_create(&f, table);
    assert_int_equal(pthread_create(&listener, NULL, race_listen, &race), 0);
    for (int i = 0; i < RACE_WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, race_write, &race), 0);
    for (int i = 0; i < RACE_WRITERS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&race.stop, true);
    pthread_join(listener, NULL);
    size_t count = events_stored(&f, race.id, stored, ARRAY_COUNT(stored));
    qsort(stored, count, sizeof(*stored), model_compare);
    print_message("%zu of %d events had to be kept, %zu were\n", race.kept_count,
                  RACE_WRITERS * RACE_EVENTS, count);
    assert_true(race.kept_count > 0);
    for (size_t i = 0; i < race.kept_count; i++)
        assert_non_null(bsearch(&race.kept[i], stored, count, sizeof(*stored), model_compare));
    assert_true(count < RACE_WRITERS * RACE_EVENTS);
    assert_int_equal(figures_of(&f, race.id).subscribers, 0);
    fixture_close(&f);
}

/* ---- nothing on the disk --------------------------------------------------------------------- */

static void stream__events_leave_no_log(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct kv_stats before, after;
    struct store_stats counted, counted_after;

    cold_open(&f);
    struct table_id id = fixture_create(&f.base, stream_table("s", 10, 100));
    struct table_id shared = fixture_create(&f.base, fixture_table(TABLE_KIND_SHARED, "t"));
    (void)insert_event(&f.base, id, 0); /* numbers may be reserved here */
    kv_stats(f.kv, &before);
    store_stats(f.base.store, &counted);
    for (int i = 1; i <= 300; i++)
        (void)insert_event(&f.base, id, i);
    int64_t last = insert_event(&f.base, id, 301);
    kv_stats(f.kv, &after);
    store_stats(f.base.store, &counted_after);
    assert_int_equal(after.wal_bytes, before.wal_bytes);
    assert_int_equal(counted_after.fsync_us_total, counted.fsync_us_total);
    fixture_insert(&f.base, shared, "", 1, 1);
    kv_stats(f.kv, &after);
    assert_true(after.wal_bytes > before.wal_bytes);
    assert_int_equal(events_stored(&f.base, id, NULL, 0), 100);
    for (int i = 0; i < 2; i++) { /* a restart loses the events, never a number */
        cold_reopen(&f);
        assert_int_equal(events_stored(&f.base, id, NULL, 0), 0);
        assert_int_equal(figures_of(&f.base, id).buffered_rows, 0);
        assert_int_equal(store_recovered_position(f.base.store),
                         store_start_position(f.base.store));
        int64_t next = insert_event(&f.base, id, 1);
        assert_true(next > last);
        last = next;
        assert_int_equal(events_stored(&f.base, id, NULL, 0), 1);
    }
    cold_close(&f);
}

enum { MIXED_ROWS = 600, MIXED_VIEWS = 200 };

struct mixed_writer {
    struct fixture *fixture;
    struct table_id id;
    pthread_t thread;
};

static void *mixed_write(void *argument)
{
    struct mixed_writer *writer = argument;

    for (int i = 0; i < MIXED_ROWS; i++)
        fixture_insert(writer->fixture, writer->id, "", i, i);
    return NULL;
}

/* Events and durable rows in one group: every view shows exactly what was committed up to its
 * position, of both. */
static void stream__mixed_groups_keep_order(void **state)
{
    struct cold_fixture f = {.folder = "", .options = {.feed_bytes = 64 << 20}};
    struct mixed_writer writers[4];
    static struct seen {
        int64_t position;
        size_t rows[2];
    } seen[MIXED_VIEWS];
    struct table_id ids[2];
    struct change_group *group;
    struct seen now = {.position = 0};
    size_t checked = 0;

    cold_open(&f);
    ids[0] = fixture_create(&f.base, stream_table("s", 0, 0));
    ids[1] = fixture_create(&f.base, fixture_table(TABLE_KIND_SHARED, "t"));
    struct table_id other = fixture_create(&f.base, stream_table("s2", 0, 0));
    struct table_id users = fixture_create(&f.base, fixture_table(TABLE_KIND_SHARED, "t2"));
    struct view *view = view_acquire(f.base.store);
    struct feed_cursor *cursor = feed_follow(store_feed(f.base.store), view_position(view));
    view_release(view);
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct mixed_writer){.fixture = &f.base,
                                           .id = i < 2    ? ids[i]
                                                 : i == 2 ? other
                                                          : users};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, mixed_write, &writers[i]), 0);
    }
    for (int i = 0; i < MIXED_VIEWS; i++) {
        view = view_acquire(f.base.store);
        seen[i].position = view_position(view);
        for (int k = 0; k < 2; k++)
            seen[i].rows[k] = events_at(&f.base, view, ids[k], NULL, 0);
        view_release(view);
        pause_ms(2);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(writers[i].thread, NULL);
    while (feed_next(cursor, 0, &group) == STATUS_OK) {
        for (size_t i = 0; i < group->count; i++) {
            const struct change *change = &group->changes[i];
            assert_true(change->seq > now.position);
            for (; checked < MIXED_VIEWS && seen[checked].position < change->seq; checked++)
                assert_memory_equal(seen[checked].rows, now.rows, sizeof(now.rows));
            now.position = change->seq;
            for (int k = 0; k < 2; k++)
                now.rows[k] += change->table->id.value == ids[k].value ? 1 : 0;
        }
        change_group_unref(group);
    }
    assert_true(checked > 0);
    assert_int_equal(now.rows[0], MIXED_ROWS);
    assert_int_equal(now.rows[1], MIXED_ROWS);
    feed_unfollow(cursor);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream__keys_follow_time),
        cmocka_unit_test(stream__expired_events_go),
        cmocka_unit_test(stream__expired_events_wait_for_the_pass),
        cmocka_unit_test(stream__large_one_is_finished_first),
        cmocka_unit_test(stream__a_view_keeps_its_events),
        cmocka_unit_test(stream__a_pass_hides_nothing_of_older_views),
        cmocka_unit_test(stream__many_tables),
        cmocka_unit_test(stream__oldest_go_first),
        cmocka_unit_test(stream__range_of_a_millisecond),
        cmocka_unit_test(stream__failure_leaves_counts),
        cmocka_unit_test(stream__ephemeral_needs_a_listener),
        cmocka_unit_test(stream__listener_of_a_dropped_table),
        cmocka_unit_test(stream__subscriber_count_race),
        cmocka_unit_test(stream__events_leave_no_log),
        cmocka_unit_test(stream__mixed_groups_keep_order),
    };
    return cmocka_run_group_tests_name("store/stream", tests, NULL, NULL);
}
