/* test_row_cache.c — blocks: built, found in, read from files once, bounded, filled by flush.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/row_cache.h"

/* A block of rows `first`, first - 1, … as a flush would make it. */
static struct row_block *block_of(uint64_t segment, uint32_t group, int first, int rows)
{
    struct row_block_builder builder;
    char bytes[64] = {0};
    struct row_header header = {.layout_version = 1, .seq = 1};

    row_block_builder_init(&builder);
    row_header_set(bytes, &header);
    for (int i = 0; i < rows; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%06d", first - 2 * i);
        row_block_builder_add(&builder, str_from_c(key), str_from(bytes, sizeof(bytes)));
    }
    return row_block_builder_finish(&builder, segment, group);
}

static enum status cached(struct store *store, struct segment *segment, struct row_block **out,
                          struct error *err)
{
    struct row_cache_want want = {.segment = segment, .cached_only = true};

    return row_cache_get(store, &want, out, err);
}

static void test_row_cache__finds_keys_in_a_block(void **state)
{
    struct row_block *block = block_of(1, 0, 100, 10); /* 100, 98, … 82 */

    assert_int_equal(block->rows, 10);
    assert_int_equal(row_block_find(block, STR_LIT("000200")), 0);
    assert_int_equal(row_block_find(block, STR_LIT("000100")), 0);
    assert_int_equal(row_block_find(block, STR_LIT("000099")), 1);
    assert_int_equal(row_block_find(block, STR_LIT("000082")), 9);
    assert_int_equal(row_block_find(block, STR_LIT("000081")), 10);
    assert_true(str_equal(row_block_key(block, 3), STR_LIT("000094")));
    assert_int_equal(row_block_bytes(block, 3).size, 64);
    row_block_unref(block);
}

static void test_row_cache__is_bounded_and_drops_the_oldest(void **state)
{
    struct row_block *one = block_of(1, 0, 100, 10);
    size_t limit = one->bytes * 3;
    struct row_cache *cache = row_cache_new(limit);
    struct store store = {.row_cache = cache};
    struct segment *segment = segment_new();
    struct row_cache_stats stats;
    struct row_block *block;
    struct error err;

    segment->group_count = 10;
    row_cache_put(cache, one);
    for (uint64_t id = 2; id <= 4; id++)
        row_cache_put(cache, block_of(id, 0, 100, 10));
    row_cache_stats(cache, &stats);
    assert_int_equal(stats.bytes, limit);
    segment->id = 1; /* the oldest went */
    assert_int_equal(cached(&store, segment, &block, &err), STATUS_WOULD_BLOCK);
    for (uint64_t id = 2; id <= 4; id++) {
        segment->id = id;
        assert_int_equal(cached(&store, segment, &block, &err), STATUS_OK);
        assert_int_equal(block->segment_id, id);
        row_block_unref(block);
    }
    segment->id = 2; /* used just now: 3 goes instead */
    assert_int_equal(cached(&store, segment, &block, &err), STATUS_OK);
    row_cache_put(cache, block_of(5, 0, 100, 10));
    segment->id = 3;
    struct row_block *gone = NULL;
    assert_int_equal(cached(&store, segment, &gone, &err), STATUS_WOULD_BLOCK);
    /* A block that a reader holds outlives the cache. */
    row_cache_free(cache);
    assert_true(str_equal(row_block_key(block, 0), STR_LIT("000100")));
    row_block_unref(block);
    segment_unref(segment);
}

/* ---- over real files
 * ------------------------------------------------------------------------------ */

enum { READERS = 4 };

struct reader {
    struct cold_fixture *f;
    struct table_id table;
    pthread_t thread;
    bool found;
};

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    struct view *view = view_acquire(reader->f->base.store);
    struct row_pin pin = {.cold = NULL};
    struct value key = value_integer(VALUE_BIGINT, 5);
    struct arena arena;
    struct buf bytes;
    struct error err;
    struct row row;

    arena_init(&arena, 0);
    buf_init(&bytes);
    struct scan_options options = {.view = view,
                                   .table =
                                       catalog_find_table_id(view_catalog(view), reader->table),
                                   .seq_after = -1,
                                   .arena = &arena};
    if (key_encode(&key, 1, &bytes, &err) == STATUS_OK &&
        row_get_by_key(reader->f->base.store, &options, buf_str(&bytes), &row, &pin, &err) ==
            STATUS_OK) {
        reader->found = true;
        row_pin_release(reader->f->base.store, &pin);
    }
    buf_clear(&bytes);
    arena_clear(&arena);
    view_release(view);
    return NULL;
}

static void test_row_cache__reads_a_group_once(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct reader readers[READERS];
    struct row_cache_stats stats;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 20; i++)
        (void)cold_write(&f, id, "", i, i);
    (void)cold_flush(&f, id, true);
    cold_reopen(&f); /* an empty cache */
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.f = &f, .table = id};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]), 0);
    }
    for (int i = 0; i < READERS; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        assert_true(readers[i].found);
    }
    row_cache_stats(f.base.store->row_cache, &stats);
    assert_int_equal(stats.misses, 1);
    assert_int_equal(stats.hits, READERS - 1);
    assert_true(stats.bytes > 0);
    cold_close(&f);
}

static void test_row_cache__flush_fills_it_with_what_the_file_holds(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct segment_list *list = NULL;
    struct row_block *filled = NULL, *loaded = NULL;
    struct error err;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_TEXT);
    for (int64_t i = 0; i < 50; i++)
        (void)cold_write(&f, id, "ann", i, i);
    (void)cold_write(&f, id, "ann", 7, -1);
    (void)cold_flush(&f, id, true);
    struct view *view = view_acquire(f.base.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    assert_int_equal(segment_list_load(f.base.store, view, id, STR_LIT("ann"), 0, &list, &err),
                     STATUS_OK);
    assert_int_equal(list->count, 1);
    struct row_cache_want want = {
        .table = table, .segment = list->segments[0], .cached_only = true};
    assert_int_equal(row_cache_get(f.base.store, &want, &filled, &err), STATUS_OK);
    assert_int_equal(row_block_load(f.base.store, table, list->segments[0], 0, &loaded, &err),
                     STATUS_OK);
    assert_int_equal(filled->rows, loaded->rows);
    for (uint32_t i = 0; i < filled->rows; i++) {
        assert_true(str_equal(row_block_key(filled, i), row_block_key(loaded, i)));
        assert_true(str_equal(row_block_bytes(filled, i), row_block_bytes(loaded, i)));
    }
    row_block_unref(filled);
    row_block_unref(loaded);
    segment_list_unref(list);
    view_release(view);
    cold_close(&f);
}

static void test_row_cache__missing_file_is_an_error_every_time(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct segment_list *list = NULL;
    struct row_block *block = NULL;
    struct error err;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "", 1, 1);
    (void)cold_flush(&f, id, true);
    cold_reopen(&f);
    struct view *view = view_acquire(f.base.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    assert_int_equal(segment_list_load(f.base.store, view, id, STR_EMPTY, 0, &list, &err),
                     STATUS_OK);
    char path[128];
    (void)snprintf(path, sizeof(path), "%.*s", STR_ARG(list->segments[0]->path));
    assert_int_equal(files_delete(f.files, path, &err), STATUS_OK);
    struct row_cache_want want = {.table = table, .segment = list->segments[0]};
    for (int i = 0; i < 2; i++)
        assert_int_not_equal(row_cache_get(f.base.store, &want, &block, &err), STATUS_OK);
    /* And for a reader of rows: never partial data. */
    struct reader reader = {.f = &f, .table = id};
    (void)reader_main(&reader);
    assert_false(reader.found);
    segment_list_unref(list);
    view_release(view);
    cold_close(&f);
}

struct waiter {
    struct store *store;
    struct row_cache_want want;
    atomic_bool cancelled;
    pthread_t thread;
    enum status status;
};

static void *waiter_main(void *argument)
{
    struct waiter *waiter = argument;
    struct row_block *block = NULL;
    struct error err;

    waiter->status = row_cache_get(waiter->store, &waiter->want, &block, &err);
    row_block_unref(block);
    return NULL;
}

/* One reads, so many wait for it. */
static void wait_waiting(struct cold_fixture *f, uint64_t wanted)
{
    struct row_cache_stats stats = {.misses = 0};

    for (int i = 0; i < 10000 && (stats.waiting != wanted || stats.misses != 1); i++) {
        usleep(1000);
        row_cache_stats(f->base.store->row_cache, &stats);
    }
    assert_int_equal(stats.waiting, wanted);
    assert_int_equal(stats.misses, 1);
}

/* A file that does not answer for long, then fails: one attempt for all who came meanwhile, and a
 * way out for who is cancelled. */
static void test_row_cache__waiters_fail_with_the_reader(void **state)
{
    struct cold_fixture f = {.folder = "", .options = {.check_files = true}};
    struct waiter waiters[READERS];
    struct segment_list *list = NULL;
    struct row_cache_stats stats;
    struct error err;
    char path[256];

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "", 1, 1);
    (void)cold_flush(&f, id, true);
    cold_reopen(&f);
    struct view *view = view_acquire(f.base.store);
    assert_int_equal(segment_list_load(f.base.store, view, id, STR_EMPTY, 0, &list, &err),
                     STATUS_OK);
    (void)snprintf(path, sizeof(path), "%s/storage/%.*s", f.folder,
                   STR_ARG(list->segments[0]->path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it waits for a writer */
    for (int i = 0; i < READERS; i++) {
        struct waiter *waiter = &waiters[i];
        *waiter = (struct waiter){.store = f.base.store,
                                  .want = {.table = catalog_find_table_id(view_catalog(view), id),
                                           .segment = list->segments[0],
                                           .cancelled = &waiter->cancelled}};
        assert_int_equal(pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
        wait_waiting(&f, (uint64_t)i);
    }
    atomic_store(&waiters[1].cancelled, true);
    (void)pthread_join(waiters[1].thread, NULL);
    assert_int_equal(waiters[1].status, STATUS_CANCELLED);
    int writer = open(path, O_WRONLY);
    assert_true(writer >= 0);
    assert_int_equal(unlink(path), 0);
    (void)close(writer);
    for (int i = 0; i < READERS; i++) {
        if (i == 1)
            continue;
        (void)pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].status, STATUS_CORRUPT); /* a second reader finds no file */
    }
    row_cache_stats(f.base.store->row_cache, &stats);
    assert_int_equal(stats.misses, 1);
    segment_list_unref(list);
    view_release(view);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_cache__finds_keys_in_a_block),
        cmocka_unit_test(test_row_cache__is_bounded_and_drops_the_oldest),
        cmocka_unit_test(test_row_cache__reads_a_group_once),
        cmocka_unit_test(test_row_cache__flush_fills_it_with_what_the_file_holds),
        cmocka_unit_test(test_row_cache__missing_file_is_an_error_every_time),
        cmocka_unit_test(test_row_cache__waiters_fail_with_the_reader),
    };
    return cmocka_run_group_tests_name("store/row_cache", tests, NULL, NULL);
}
