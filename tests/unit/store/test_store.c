/* test_store.c — first start, restart, numbers that never come again, format version.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "store/store_internal.h"

#include "base/clock.h"

#include <stdlib.h>

static void store__first_start_makes_default_and_root(void **state)
{
    struct fixture f = {0};

    fixture_open(&f);
    struct view *view = view_acquire(f.store);
    const struct catalog *catalog = view_catalog(view);
    assert_non_null(catalog_find_namespace(catalog, STR_LIT("default")));
    const struct user *root = catalog_find_user(catalog, STR_LIT("root"));
    assert_non_null(root);
    assert_int_equal(root->role, ROLE_SYSTEM);
    assert_int_equal(root->password_hash.size, 0);
    view_release(view);
    /* `local` is there: a table can be made on it, and takes its template. */
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    view = view_acquire(f.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    assert_true(str_equal(table->storage_id, STR_LIT("local")));
    assert_true(
        str_equal(table->location, STR_LIT("{namespace}/users/{tableName}/{shard}/{userId}")));
    view_release(view);
    fixture_close(&f);
}

static void store__restart_keeps_rows_and_goes_on_above(void **state)
{
    struct fixture f = {0};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 1, 7);
    struct view *view = view_acquire(f.store);
    int64_t before = view_position(view);
    view_release(view);
    fixture_reopen(&f);
    /* A clean stop leaves no gap. */
    assert_int_equal(store_recovered_position(f.store), before);
    assert_int_equal(store_start_position(f.store), before);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 7);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 1);
    fixture_insert(&f, id, "ann", 2, 8);
    view = view_acquire(f.store);
    assert_true(view_position(view) > before);
    view_release(view);
    fixture_close(&f);
}

static void store__refuses_another_format(void **state)
{
    struct fixture f = {0};
    struct kv_space *meta;
    struct store *store = NULL;
    struct error err;
    uint32_t format = 99;

    fixture_open(&f);
    store_close(f.store);
    assert_int_equal(kv_space_open(f.kv, STR_LIT("meta"), KV_SPACE_SMALL, &meta, &err), STATUS_OK);
    struct kv_batch *batch = kv_batch_new(f.kv);
    for (size_t size = 4; size >= 2; size -= 2) { /* another number, another size */
        kv_batch_put(batch, meta, STR_LIT("format"), str_from((const char *)&format, size));
        assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
        kv_batch_reset(batch);
        assert_int_equal(store_open(&f.options, &store, &err), STATUS_CORRUPT);
        assert_non_null(strstr(err.message, size == 4 ? "format version 99" : "format version 0"));
    }
    kv_batch_free(batch);
    kv_close(f.kv);
}

/* As a crash leaves it: numbers up to `reserved` may have been given out. */
static void reserve_and_crash(struct fixture *f, int64_t reserved)
{
    struct kv_space *meta;
    struct error err;

    store_close(f->store);
    assert_int_equal(kv_space_open(f->kv, STR_LIT("meta"), KV_SPACE_SMALL, &meta, &err), STATUS_OK);
    struct kv_batch *batch = kv_batch_new(f->kv);
    kv_batch_put(batch, meta, STR_LIT("seq_reserved"), str_from((const char *)&reserved, 8));
    assert_int_equal(kv_write(f->kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    fixture_open(f);
}

static void store__remembers_every_lost_range(void **state)
{
    struct fixture f = {.options = {.durability = KV_ASYNC}};

    fixture_open(&f);
    fixture_reopen(&f); /* after the first start's own changes */
    int64_t first = store_start_position(f.store);
    reserve_and_crash(&f, first + 1000);
    assert_false(store_has_lost(f.store, first));
    assert_true(store_has_lost(f.store, first + 1));
    assert_true(store_has_lost(f.store, first + 1000));
    assert_false(store_has_lost(f.store, first + 1001)); /* where the second run began */
    /* again, before anything was written: the second run's first view is no loss */
    reserve_and_crash(&f, first + 5000);
    assert_true(store_has_lost(f.store, first + 500));
    assert_false(store_has_lost(f.store, first + 1001));
    assert_true(store_has_lost(f.store, first + 1002));
    assert_false(store_has_lost(f.store, first + 5001));
    /* what is lost stays lost, whatever comes after it */
    f.options.durability = KV_SYNC;
    fixture_reopen(&f);
    assert_true(store_has_lost(f.store, first + 500));
    int64_t later = store_start_position(f.store);
    reserve_and_crash(&f, later + 1000); /* with `sync` nothing was seen that is gone */
    assert_false(store_has_lost(f.store, later + 500));
    assert_true(store_has_lost(f.store, first + 500));
    fixture_close(&f);
}

/* Twice in a row the same numbers are above what was recovered, and none of them was given out. */
static void store__a_run_that_gave_out_nothing_lost_nothing(void **state)
{
    struct fixture f = {.options = {.durability = KV_ASYNC}};

    fixture_open(&f);
    fixture_reopen(&f); /* after the first start's own changes */
    int64_t first = store_start_position(f.store);
    reserve_and_crash(&f, first + 1000);
    int64_t second = store_start_position(f.store);
    assert_int_equal(second, first + 1001);
    for (int i = 0; i < 3; i++) {
        reserve_and_crash(&f, second - 1);
        assert_int_equal(store_start_position(f.store), second);
        assert_true(store_has_lost(f.store, second - 1));
        assert_false(store_has_lost(f.store, second));
        assert_false(store_has_lost(f.store, second + 1));
    }
    fixture_close(&f);
}

static void store__lost_ranges_are_bounded(void **state)
{
    struct fixture f = {.options = {.durability = KV_ASYNC}};

    fixture_open(&f);
    fixture_reopen(&f); /* after the first start's own changes */
    int64_t first = store_start_position(f.store);
    for (int i = 0; i < 300; i++)
        reserve_and_crash(&f, store_start_position(f.store) + 10);
    assert_true(store_has_lost(f.store, first + 5));
    assert_true(store_has_lost(f.store, first + 11 * 150 + 5));
    assert_true(store_has_lost(f.store, first + 11 * 299 + 5));
    assert_false(store_has_lost(f.store, first + 11 * 299));
    fixture_close(&f);
}

/* After a crash the numbers go on above everything that may have been seen. */
static void store__crash_jumps_over_reserved_numbers(void **state)
{
    struct fixture f = {0};
    struct kv_space *meta;
    struct error err;
    int64_t reserved;

    fixture_open(&f);
    struct view *view = view_acquire(f.store);
    int64_t before = view_position(view);
    view_release(view);
    store_close(f.store);
    assert_int_equal(kv_space_open(f.kv, STR_LIT("meta"), KV_SPACE_SMALL, &meta, &err), STATUS_OK);
    struct kv_batch *batch = kv_batch_new(f.kv);
    reserved = before + 1000;
    kv_batch_put(batch, meta, STR_LIT("seq_reserved"), str_from((const char *)&reserved, 8));
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    fixture_open(&f);
    assert_int_equal(store_recovered_position(f.store), before);
    assert_int_equal(store_start_position(f.store), reserved + 1);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    struct write write;
    write_begin(&write, &f, id);
    write_insert(&write, "", 1, 1);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_true(write.request.position > reserved);
    write_end(&write);
    fixture_close(&f);
}

static void store__rocksdb_reopen(void **state)
{
    char path[] = "/tmp/kalam_store_XXXXXX";
    char command[64];
    struct kv_options options = {.path = path,
                                 .write_buffer_bytes = 1 << 20,
                                 .write_buffers_max = 2,
                                 .block_cache_bytes = 1 << 20,
                                 .background_jobs_max = 1,
                                 .column_families_max = 32,
                                 .keep_log_files = 1,
                                 .keep_wal_files = 1};
    struct fixture f = {0};
    struct error err;

    assert_non_null(mkdtemp(path));
    assert_int_equal(kv_open_rocksdb(&options, &f.kv, &err), STATUS_OK);
    fixture_open(&f);
    struct table_id shared = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "s"));
    struct table_id user = fixture_create(&f, fixture_table(TABLE_KIND_USER, "u"));
    for (int i = 0; i < 100; i++) {
        fixture_insert(&f, shared, "", i, i);
        fixture_insert(&f, user, i % 2 ? "ann" : "bob", i, i);
    }
    store_close(f.store);
    kv_close(f.kv);
    f.kv = NULL;
    assert_int_equal(kv_open_rocksdb(&options, &f.kv, &err), STATUS_OK);
    fixture_open(&f);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_n(&f, shared, "", i), i);
        assert_int_equal(fixture_n(&f, user, i % 2 ? "ann" : "bob", i), i);
    }
    assert_int_equal(fixture_counters(&f, user, "ann").buffered_rows, 50);
    fixture_close(&f);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    assert_int_equal(system(command), 0);
}

static int64_t meta_number(struct fixture *f, const char *name)
{
    struct kv_value value;
    struct error err;
    int64_t number;

    assert_int_equal(kv_get(f->kv, f->store->spaces.meta, NULL, str_from_c(name), 0, &value, &err),
                     STATUS_OK);
    assert_int_equal(value.bytes.size, sizeof(number));
    memcpy(&number, value.bytes.data, sizeof(number));
    kv_value_release(f->kv, &value);
    return number;
}

/* Snowflakes that may have been seen lie below what is recorded, whatever _seq needs; the next
 * start goes on above them. It comes last: ids of the process never go back. */
static void store__snowflakes_stay_below_what_is_reserved(void **state)
{
    struct fixture f = {0};
    int64_t base = clock_now_us() + INT64_C(7200000000);

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    clock_fake(base);
    fixture_insert(&f, id, "", 1, 1);
    assert_true(meta_number(&f, "id_reserved") >= base / 1000);
    clock_fake(-1);
    int64_t reserved = base / 1000 + 3600000;
    struct kv_batch *batch = kv_batch_new(f.kv);
    struct error err;
    struct kv_space *meta;
    store_close(f.store);
    assert_int_equal(kv_space_open(f.kv, STR_LIT("meta"), KV_SPACE_SMALL, &meta, &err), STATUS_OK);
    kv_batch_put(batch, meta, STR_LIT("id_reserved"), str_from((const char *)&reserved, 8));
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    fixture_open(&f);
    assert_true(id_snowflake_ms(id_snowflake()) >= reserved);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store__first_start_makes_default_and_root),
        cmocka_unit_test(store__restart_keeps_rows_and_goes_on_above),
        cmocka_unit_test(store__refuses_another_format),
        cmocka_unit_test(store__crash_jumps_over_reserved_numbers),
        cmocka_unit_test(store__remembers_every_lost_range),
        cmocka_unit_test(store__a_run_that_gave_out_nothing_lost_nothing),
        cmocka_unit_test(store__lost_ranges_are_bounded),
        cmocka_unit_test(store__rocksdb_reopen),
        cmocka_unit_test(store__snowflakes_stay_below_what_is_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
