/* test_store_orphans.c — the start removes what belongs to no table: records of counters and of
 * segments, the files that those name, and nothing of the tables beside them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/instance.h"

static const uint64_t NEVER[] = {999998, 999999}; /* ids of tables that no catalogue names */
enum { NEVER_COUNT = 2 };

static void write_file(const struct cold_fixture *f, const char *path)
{
    char full[256];

    (void)snprintf(full, sizeof(full), "%s/storage/%s", f->folder, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fputs("segment", file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

/* The table's one segment record once more, as one of table `id` with a file of its own. */
static void copy_record(struct cold_fixture *f, struct table_id id, uint64_t stranger,
                        const char *path)
{
    struct store *store = f->base.store;
    struct kv_batch *batch = kv_batch_new(f->kv);
    struct segment *segment = NULL;
    struct buf key, bytes;
    struct error err;

    buf_init(&key);
    buf_init(&bytes);
    segment_key_prefix(id, NULL, &key);
    struct kv_iterator_options options = {.lower = buf_str(&key)};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, store->spaces.segments, &options);
    kv_iterator_seek_first(iterator);
    assert_true(kv_iterator_is_valid(iterator));
    assert_int_equal(segment_decode(kv_iterator_value(iterator), &segment, &err), STATUS_OK);
    kv_iterator_close(iterator);
    segment->table.value = stranger;
    segment->path = str_from_c(path);
    buf_reset(&key);
    segment_key(segment, &key);
    segment_encode(segment, &bytes);
    kv_batch_put(batch, store->spaces.segments, buf_str(&key), buf_str(&bytes));
    buf_reset(&key);
    instance_key(segment->table, segment->user, &key);
    buf_reset(&bytes);
    instance_encode(&(struct instance_record){.segments = 1}, &bytes);
    kv_batch_put(batch, store->spaces.instances, buf_str(&key), buf_str(&bytes));
    assert_int_equal(kv_write(f->kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    segment_unref(segment);
    buf_clear(&key);
    buf_clear(&bytes);
    write_file(f, path);
}

/* Records of tables from `id` on; 0 = all. */
static int records_from(struct cold_fixture *f, struct kv_space *space, uint64_t id)
{
    struct buf lower;
    int count = 0;

    buf_init(&lower);
    if (id > 0)
        instance_key((struct table_id){id}, STR_EMPTY, &lower);
    struct kv_iterator_options options = {.lower = buf_str(&lower)};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, space, &options);
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count++;
    kv_iterator_close(iterator);
    buf_clear(&lower);
    return count;
}

static void store_orphans__go_with_their_files(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 1);
    for (int64_t i = 0; i < 20; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, false);
    assert_int_equal(cold_file_count(&f), 1);
    copy_record(&f, id, NEVER[0], "first.parquet");
    copy_record(&f, id, NEVER[1], "second.parquet");
    assert_int_equal(cold_file_count(&f), 1 + NEVER_COUNT);
    assert_int_equal(records_from(&f, f.base.store->spaces.segments, NEVER[0]), NEVER_COUNT);
    assert_int_equal(records_from(&f, f.base.store->spaces.instances, NEVER[0]), NEVER_COUNT);
    cold_reopen(&f);
    assert_int_equal(records_from(&f, f.base.store->spaces.segments, NEVER[0]), 0);
    assert_int_equal(records_from(&f, f.base.store->spaces.instances, NEVER[0]), 0);
    assert_int_equal(records_from(&f, f.base.store->spaces.pending, 0), 0);
    assert_int_equal(cold_file_count(&f), 1);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_close(&f);
}

static void store_orphans__a_key_without_an_id_stops_the_start(void **state)
{
    struct fixture f = {0};
    struct store *store = NULL;
    struct error err;

    fixture_open(&f);
    struct kv_batch *batch = kv_batch_new(f.kv);
    kv_batch_put(batch, f.store->spaces.instances, STR_LIT("\xff"), STR_LIT("record"));
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    store_close(f.store);
    assert_int_equal(store_open(&f.options, &store, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "too short"));
    kv_close(f.kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_orphans__go_with_their_files),
        cmocka_unit_test(store_orphans__a_key_without_an_id_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
