/* test_hot.c — walking hot rows: all rows once and in order, both ways, however the walk goes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/hot.h"
#include "store/store_internal.h"

struct hot_fixture {
    struct store store;
    struct table table;
    struct kv_snapshot *snapshot;
};

static void hot_put(struct hot_fixture *f, int from, int to, size_t size)
{
    struct kv_batch *batch = kv_batch_new(f->store.kv);
    char *bytes = test_calloc(1, size);
    struct error err;

    for (int i = from; i < to; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "ann:%08d", i);
        memcpy(bytes, &i, sizeof(i));
        kv_batch_put(batch, f->table.rows, str_from_c(key), str_from(bytes, size));
    }
    assert_int_equal(kv_write(f->store.kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    test_free(bytes);
}

static void hot_begin(struct hot_fixture *f)
{
    struct error err;

    memset(f, 0, sizeof(*f));
    f->store.kv = kv_open_memory();
    assert_int_equal(
        kv_space_open(f->store.kv, STR_LIT("t"), KV_SPACE_USER_PREFIX, &f->table.rows, &err),
        STATUS_OK);
}

static void hot_end(struct hot_fixture *f)
{
    kv_close(f->store.kv);
}

/* Walks [from, to) and expects exactly those numbers. */
static void hot_walk(struct hot_fixture *f, int from, int to, bool descending, bool whole,
                     int64_t count)
{
    char lower[32], upper[32];
    struct hot_cursor cursor;
    struct str key, bytes;
    struct error err;
    int number, expected = descending ? to - 1 : from;

    (void)snprintf(lower, sizeof(lower), "ann:%08d", from);
    (void)snprintf(upper, sizeof(upper), "ann:%08d", to);
    struct hot_cursor_options options = {.table = &f->table,
                                         .lower = str_from_c(lower),
                                         .upper = str_from_c(upper),
                                         .prefix_size = 4,
                                         .descending = descending,
                                         .whole = whole,
                                         .rows = count};
    hot_cursor_open(&f->store, &options, &cursor);
    for (;;) {
        assert_int_equal(hot_cursor_next(&cursor, &key, &bytes, &err), STATUS_OK);
        if (key.size == 0)
            break;
        assert_int_equal(key.size, 8);
        memcpy(&number, bytes.data, sizeof(number));
        assert_int_equal(number, expected);
        char text[32];
        (void)snprintf(text, sizeof(text), "%08d", expected);
        assert_memory_equal(key.data, text, 8);
        expected += descending ? -1 : 1;
    }
    assert_int_equal(expected, descending ? from - 1 : to);
    /* The end stays the end. */
    assert_int_equal(hot_cursor_next(&cursor, &key, &bytes, &err), STATUS_OK);
    assert_int_equal(key.size, 0);
    hot_cursor_close(&cursor);
}

static void test_hot__every_row_once_in_order(void **state)
{
    static const int counts[] = {1, 15, 16, 17, 1023, 1024, 1025, 2048, 5000};
    struct hot_fixture f;

    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        int n = counts[i];
        hot_begin(&f);
        hot_put(&f, 0, n, 40);
        for (int way = 0; way < 8; way++)
            hot_walk(&f, 0, n, way & 1, way & 2, way & 4 ? n : -1);
        hot_walk(&f, n / 3, n - n / 4, true, false, n);
        hot_walk(&f, n / 3, n - n / 4, true, true, -1);
        hot_walk(&f, n / 3, n - n / 4, false, false, n);
        hot_end(&f);
    }
}

static void test_hot__wide_rows_make_small_chunks(void **state)
{
    struct hot_fixture f;

    hot_begin(&f);
    hot_put(&f, 0, 30, 300000);
    hot_walk(&f, 0, 30, true, true, 30);
    hot_walk(&f, 0, 30, true, false, 30);
    hot_end(&f);
}

static void test_hot__nothing(void **state)
{
    struct hot_fixture f;

    hot_begin(&f);
    hot_walk(&f, 0, 0, true, true, -1);
    hot_walk(&f, 0, 0, true, false, 0);
    hot_walk(&f, 0, 0, false, false, -1);
    hot_end(&f);
}

static void test_hot__cancelled_during_the_pass(void **state)
{
    struct hot_fixture f;
    struct hot_cursor cursor;
    struct str key, bytes;
    struct error err;
    atomic_bool cancelled;

    atomic_init(&cancelled, true);
    hot_begin(&f);
    hot_put(&f, 0, 2000, 40);
    struct hot_cursor_options options = {.table = &f.table,
                                         .prefix_size = 4,
                                         .descending = true,
                                         .whole = true,
                                         .rows = -1,
                                         .cancelled = &cancelled};
    hot_cursor_open(&f.store, &options, &cursor);
    assert_int_equal(hot_cursor_next(&cursor, &key, &bytes, &err), STATUS_CANCELLED);
    hot_cursor_close(&cursor);
    hot_end(&f);
}

/* The rows of the last chunk are in memory: those before it have to be read. */
static void test_hot__a_chunk_that_cannot_be_read(void **state)
{
    enum { ROWS = 4000 };
    char folder[] = "/tmp/kalam_hot_XXXXXX";
    struct kv_options kv = {.path = folder, .block_cache_bytes = 1}; /* nothing stays in memory */
    struct hot_fixture f = {.snapshot = NULL};
    struct hot_cursor cursor;
    struct str key, bytes;
    struct error err;
    enum status status;
    int rows = 1;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(kv_open_rocksdb(&kv, &f.store.kv, &err), STATUS_OK);
    assert_int_equal(
        kv_space_open(f.store.kv, STR_LIT("t"), KV_SPACE_USER_PREFIX, &f.table.rows, &err),
        STATUS_OK);
    hot_put(&f, 0, ROWS, 400);
    kv_compact(f.store.kv, f.table.rows, STR_EMPTY, STR_EMPTY);
    struct hot_cursor_options options = {
        .table = &f.table, .prefix_size = 4, .descending = true, .whole = true, .rows = -1};
    hot_cursor_open(&f.store, &options, &cursor);
    assert_int_equal(hot_cursor_next(&cursor, &key, &bytes, &err), STATUS_OK);
    cold_flip_newest(folder);
    do {
        status = hot_cursor_next(&cursor, &key, &bytes, &err);
        rows += status == STATUS_OK;
    } while (status == STATUS_OK && rows < ROWS);
    assert_int_equal(status, STATUS_CORRUPT);
    assert_in_range(rows, 2, ROWS - 1);
    hot_cursor_close(&cursor);
    kv_close(f.store.kv);
    (void)nftw(folder, cold_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot__every_row_once_in_order),
        cmocka_unit_test(test_hot__wide_rows_make_small_chunks),
        cmocka_unit_test(test_hot__nothing),
        cmocka_unit_test(test_hot__cancelled_during_the_pass),
        cmocka_unit_test(test_hot__a_chunk_that_cannot_be_read),
    };
    return cmocka_run_group_tests_name("store/hot", tests, NULL, NULL);
}
