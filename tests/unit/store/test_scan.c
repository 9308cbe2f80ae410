/* test_scan.c — the merged scan: what it opens and what it leaves alone, older schema versions,
 * limits of loop threads, estimates. Random histories of both tiers are in test_flush.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "base/clock.h"
#include "store/cold.h"
#include "store/row_cache.h"

struct reading {
    struct view *view;
    struct scan_options options;
    struct scan *scan;
    struct arena arena;
    struct error err;
    struct row row;
};

static void reading_begin(struct reading *reading, struct cold_fixture *f, struct table_id id,
                          const char *user)
{
    memset(reading, 0, sizeof(*reading));
    arena_init(&reading->arena, 0);
    reading->view = view_acquire(f->base.store);
    reading->options = (struct scan_options){
        .view = reading->view,
        .table = catalog_find_table_id(view_catalog(reading->view), id),
        .user = str_from_c(user),
        .descending = true,
        .seq_after = -1,
        .arena = &reading->arena,
    };
}

static void reading_end(struct reading *reading)
{
    scan_close(reading->scan);
    arena_clear(&reading->arena);
    view_release(reading->view);
}

/* Rows read until `rows_max` or the end; the status that ended it. */
static enum status reading_run(struct reading *reading, struct cold_fixture *f, int rows_max,
                               int *rows)
{
    enum status status = scan_open(f->base.store, &reading->options, &reading->scan, &reading->err);

    *rows = 0;
    while (status == STATUS_OK && *rows < rows_max) {
        status = scan_next(reading->scan, &reading->row, &reading->err);
        *rows += status == STATUS_OK ? 1 : 0;
    }
    return status;
}

static uint64_t misses(struct cold_fixture *f)
{
    struct row_cache_stats stats;

    row_cache_stats(f->base.store->row_cache, &stats);
    return stats.misses;
}

enum { SEGMENTS = 10, SEGMENT_ROWS = 20 };

/* Segments of rising keys, then the store is opened anew: nothing is cached. */
static struct table_id many_segments(struct cold_fixture *f, int64_t *last_seq)
{
    cold_open(f);
    struct table_id id = cold_table(f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < SEGMENTS * SEGMENT_ROWS; i++) {
        *last_seq = cold_write(f, id, "ann", i, i);
        if ((i + 1) % SEGMENT_ROWS == 0)
            assert_int_equal(cold_flush(f, id, false).files, 1);
    }
    cold_reopen(f);
    return id;
}

static void test_scan__opens_only_the_segments_it_reaches(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct scan_estimate estimate;
    struct reading reading;
    struct value value;
    int64_t seq;
    int rows;

    struct table_id id = many_segments(&f, &seq);
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(reading_run(&reading, &f, 5, &rows), STATUS_OK);
    assert_int_equal(rows, 5);
    row_column(&reading.row, 0, &reading.arena, &value);
    assert_int_equal(value.integer, SEGMENTS * SEGMENT_ROWS - 5);
    assert_int_equal(misses(&f), 1);
    reading_end(&reading);
    /* Upwards the other end comes first. */
    reading_begin(&reading, &f, id, "ann");
    reading.options.descending = false;
    assert_int_equal(reading_run(&reading, &f, SEGMENT_ROWS + 1, &rows), STATUS_OK);
    assert_int_equal(misses(&f), 3);
    reading_end(&reading);
    /* Hot rows on top: the cold tier is not asked. */
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f, id, "ann", 10000 + i, i);
    uint64_t before = misses(&f);
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(scan_estimate(f.base.store, &reading.options, &estimate, &reading.err),
                     STATUS_OK);
    assert_int_equal(estimate.hot_rows, 10);
    assert_int_equal(estimate.segments, SEGMENTS);
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_OK);
    assert_int_equal(misses(&f), before);
    reading_end(&reading);
    cold_close(&f);
}

static void test_scan__numbers_prune_segments(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct scan_estimate estimate;
    struct reading reading;
    int64_t seq;
    int rows;

    struct table_id id = many_segments(&f, &seq);
    reading_begin(&reading, &f, id, "ann");
    reading.options.seq_after = seq - 3;
    assert_int_equal(scan_estimate(f.base.store, &reading.options, &estimate, &reading.err),
                     STATUS_OK);
    assert_int_equal(estimate.segments, SEGMENTS);
    assert_int_equal(estimate.segments_pruned, SEGMENTS - 1);
    assert_int_equal(estimate.cold_rows, SEGMENT_ROWS);
    assert_int_equal(estimate.hot_rows, 0);
    assert_int_equal(reading_run(&reading, &f, 100, &rows), STATUS_END);
    assert_int_equal(rows, 3);
    assert_int_equal(misses(&f), 1);
    reading_end(&reading);
    cold_close(&f);
}

static void test_scan__loops_never_touch_files(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct reading reading;
    int64_t seq;
    int rows;

    struct table_id id = many_segments(&f, &seq);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f, id, "ann", 10000 + i, i);
    reading_begin(&reading, &f, id, "ann");
    /* Loops stop short of the range deletes of flushes. */
    kv_compact(f.kv, reading.options.table->rows, STR_EMPTY, STR_EMPTY);
    reading_end(&reading);
    cold_reopen(&f);
    reading_begin(&reading, &f, id, "ann"); /* brings the records into memory */
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_OK);
    reading_end(&reading);
    reading_begin(&reading, &f, id, "ann");
    reading.options.cached_only = true;
    assert_int_equal(reading_run(&reading, &f, 1000, &rows), STATUS_WOULD_BLOCK);
    assert_int_equal(rows, 10);
    assert_int_equal(misses(&f), 1);
    reading_end(&reading);
    /* Once a worker has read the rows, a loop may have them. */
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(reading_run(&reading, &f, 1000, &rows), STATUS_END);
    reading_end(&reading);
    reading_begin(&reading, &f, id, "ann");
    reading.options.cached_only = true;
    assert_int_equal(reading_run(&reading, &f, 1000, &rows), STATUS_END);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 10);
    reading_end(&reading);
    cold_close(&f);
}

static void test_scan__a_cancelled_scan_ends(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct reading reading;
    atomic_bool cancelled;
    int rows;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "ann", 1, 1);
    atomic_init(&cancelled, true);
    reading_begin(&reading, &f, id, "ann");
    reading.options.cancelled = &cancelled;
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_CANCELLED);
    reading_end(&reading);
    cold_close(&f);
}

static enum status count(struct cold_fixture *f, struct table_id id, bool with_deleted,
                         int64_t *rows)
{
    struct reading reading;

    reading_begin(&reading, f, id, "ann");
    reading.options.with_deleted = with_deleted;
    enum status status = scan_count(f->base.store, &reading.options, rows, &reading.err);
    reading_end(&reading);
    return status;
}

static void test_scan__counts_from_records(void **state)
{
    struct cold_fixture f = {.folder = ""};
    int64_t seq, rows;

    struct table_id id = many_segments(&f, &seq);
    uint64_t read = misses(&f);
    assert_int_equal(count(&f, id, false, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS);
    (void)cold_write(&f, id, "ann", 1000, 1); /* hot rows of new keys, one deleted again */
    (void)cold_write(&f, id, "ann", 1001, 1);
    (void)cold_write(&f, id, "ann", 1001, -1);
    assert_int_equal(count(&f, id, false, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 1);
    assert_int_equal(count(&f, id, true, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 2);
    assert_int_equal(misses(&f), read);     /* no file was read */
    (void)cold_write(&f, id, "ann", 5, -1); /* hides a cold row */
    (void)cold_write(&f, id, "ann", 6, 7);
    read = misses(&f);
    assert_int_equal(count(&f, id, false, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 1 - 1);
    struct table_id events = cold_table(&f, TABLE_KIND_STREAM, "e", VALUE_BIGINT);
    assert_int_equal(count(&f, events, false, &rows), STATUS_ABSENT); /* what has expired counts */
    assert_int_equal(count(&f, id, true, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 2);
    assert_int_equal(misses(&f), read);
    (void)cold_flush(&f, id, true);
    assert_int_equal(count(&f, id, false, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS);
    assert_int_equal(count(&f, id, true, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 2);
    (void)cold_write(&f, id, "ann", 6, 8); /* is the cold row it hides a deleted one? */
    assert_int_equal(count(&f, id, false, &rows), STATUS_ABSENT);
    assert_int_equal(count(&f, id, true, &rows), STATUS_OK);
    assert_int_equal(rows, SEGMENTS * SEGMENT_ROWS + 2);
    cold_close(&f);
}

static void test_scan__an_empty_range_is_empty(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct reading reading;
    int rows;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "ann", 1, 1);
    reading_begin(&reading, &f, id, "ann");
    reading.options.range = (struct key_range){STR_LIT("b"), STR_LIT("a")};
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_END);
    assert_int_equal(rows, 0);
    reading_end(&reading);
    cold_close(&f);
}

/* ---- schema versions
 * ------------------------------------------------------------------------------ */

/* Version 2: `n` becomes DECIMAL(20,0), `body` goes, `extra TEXT` comes with 'old' for rows before
 * it. */
static enum status alter_build(void *context, const struct table *table, struct table **next,
                               struct error *err)
{
    static const struct value old = {.type = VALUE_TEXT, .text = {"old", 3}};
    struct table *copy = table_copy(table, true);
    struct table_schema *schema = copy->schemas[copy->schema_count - 1];

    schema->columns[1].type = (struct data_type){.kind = VALUE_DECIMAL, .precision = 20};
    schema->columns[2] = (struct table_column){.id = table_next_column_id(table),
                                               .name = STR_LIT("extra"),
                                               .type = {.kind = VALUE_TEXT},
                                               .key_position = -1,
                                               .missing = &old};
    *next = copy;
    return STATUS_OK;
}

static void check_version_2(struct cold_fixture *f, struct table_id id, int expected)
{
    struct reading reading;
    struct value value;
    enum status status;
    int rows = 0;

    reading_begin(&reading, f, id, "ann");
    reading.options.descending = false;
    status = scan_open(f->base.store, &reading.options, &reading.scan, &reading.err);
    while (status == STATUS_OK) {
        status = scan_next(reading.scan, &reading.row, &reading.err);
        if (status != STATUS_OK)
            break;
        row_column(&reading.row, 0, &reading.arena, &value);
        int64_t key = value.integer;
        row_column(&reading.row, 1, &reading.arena, &value);
        assert_int_equal(value.type, VALUE_DECIMAL);
        assert_true(value.decimal == key * 2);
        row_column(&reading.row, 2, &reading.arena, &value);
        assert_true(str_equal(value.text, STR_LIT("old")));
        rows++;
    }
    assert_int_equal(status, STATUS_END);
    assert_int_equal(rows, expected);
    reading_end(&reading);
}

static void test_scan__old_versions_are_projected(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct cold_files files;
    struct reading reading;
    struct error err;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 20; i++)
        (void)cold_write(&f, id, "ann", i, i * 2);
    (void)cold_flush(&f, id, false);
    for (int64_t i = 20; i < 30; i++)
        (void)cold_write(&f, id, "ann", i, i * 2);
    assert_int_equal(
        ddl_alter_table(f.base.store, &(struct ddl_alter){.table = id, .build = alter_build}, &err),
        STATUS_OK);
    check_version_2(&f, id, 30); /* cold and hot rows of version 1 */
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(scan_cold_files(f.base.store, &reading.options, &files, &err), STATUS_OK);
    assert_int_equal(files.count, 1);
    assert_int_equal(files.versions[0], 1);
    assert_false(files.has_shadows);
    reading_end(&reading);
    (void)cold_flush(&f, id, true); /* hot rows of version 1 into a file of version 2 */
    check_version_2(&f, id, 30);
    (void)cold_write(&f, id, "ann", 5, -1);
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(scan_cold_files(f.base.store, &reading.options, &files, &err), STATUS_OK);
    assert_int_equal(files.count, 2);
    assert_true(files.has_shadows);
    for (size_t i = 0; i < files.count; i++)
        assert_int_equal(access(files.paths[i].data, R_OK), 0);
    reading_end(&reading);
    (void)cold_flush(&f, id, true); /* rewrites the file of version 1 */
    check_version_2(&f, id, 29);
    cold_reopen(&f);
    check_version_2(&f, id, 29);
    reading_begin(&reading, &f, id, "ann");
    assert_int_equal(scan_cold_files(f.base.store, &reading.options, &files, &err), STATUS_OK);
    assert_int_equal(files.versions[0], 2);
    assert_int_equal(files.versions[1], 2);
    assert_false(files.has_shadows);
    reading_end(&reading);
    cold_close(&f);
}

/* ---- streams
 * -------------------------------------------------------------------------------------- */

static void test_scan__expired_events_are_gone_before_eviction(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct table *table = fixture_table(TABLE_KIND_STREAM, "e");
    struct reading reading;
    int rows;

    cold_open(&f);
    table->ttl_seconds = 10;
    table->max_buffer = 1000;
    struct table_id id = fixture_create(&f.base, table);
    int64_t now = clock_now_us();
    clock_fake(now);
    fixture_insert(&f.base, id, "", 1, 1);
    clock_fake(now + 6000000);
    fixture_insert(&f.base, id, "", 2, 2);
    reading_begin(&reading, &f, id, "");
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_END);
    assert_int_equal(rows, 2);
    reading_end(&reading);
    clock_fake(now + 11000000);
    reading_begin(&reading, &f, id, "");
    assert_int_equal(reading_run(&reading, &f, 10, &rows), STATUS_END);
    assert_int_equal(rows, 1);
    reading_end(&reading);
    clock_fake(-1);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan__opens_only_the_segments_it_reaches),
        cmocka_unit_test(test_scan__numbers_prune_segments),
        cmocka_unit_test(test_scan__loops_never_touch_files),
        cmocka_unit_test(test_scan__a_cancelled_scan_ends),
        cmocka_unit_test(test_scan__counts_from_records),
        cmocka_unit_test(test_scan__an_empty_range_is_empty),
        cmocka_unit_test(test_scan__old_versions_are_projected),
        cmocka_unit_test(test_scan__expired_events_are_gone_before_eviction),
    };
    return cmocka_run_group_tests_name("store/scan", tests, NULL, NULL);
}
