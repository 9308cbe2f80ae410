/* test_segment_list.c — the lists of cold segments that are kept: of an instance, or one for all
 * instances of a table that has none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

static struct segment_list *list_of(struct cold_fixture *f, struct table_id id, const char *user)
{
    struct view *view = view_acquire(f->base.store);
    struct segment_list *list = NULL;
    struct error err;

    if (segment_list_load(f->base.store, view, id, str_from_c(user), 0, &list, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    view_release(view);
    return list;
}

static void test_segment_list__of_a_table_without_segments_is_one(void **state)
{
    struct cold_fixture f = {.folder = ""};

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "ann", 1, 1);
    struct segment_list *ann = list_of(&f, id, "ann"), *bob = list_of(&f, id, "bob");
    assert_int_equal(ann->count, 0);
    assert_ptr_equal(ann, bob); /* nothing is kept of each user */
    segment_list_unref(ann);
    segment_list_unref(bob);
    (void)cold_flush(&f, id, true);
    ann = list_of(&f, id, "ann");
    bob = list_of(&f, id, "bob");
    assert_int_equal(ann->count, 1);
    assert_int_equal(bob->count, 0);
    struct segment_list *again = list_of(&f, id, "ann");
    assert_ptr_equal(again, ann); /* kept */
    segment_list_unref(again);
    segment_list_unref(ann);
    segment_list_unref(bob);
    cold_close(&f);
}

static uint64_t cached_bytes(struct cold_fixture *f)
{
    struct store_stats stats;

    store_stats(f->base.store, &stats);
    return stats.segment_cache_bytes;
}

static void test_segment_list__goes_with_its_table(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct drop_result result;
    struct error err;

    cold_open(&f);
    struct table_id kept = cold_table(&f, TABLE_KIND_USER, "kept", VALUE_BIGINT);
    (void)cold_write(&f, kept, "ann", 1, 1);
    (void)cold_flush(&f, kept, true);
    struct segment_list *before = list_of(&f, kept, "ann");
    uint64_t bytes = cached_bytes(&f);
    assert_true(bytes > 0);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "ann", 1, 1);
    (void)cold_flush(&f, id, true);
    struct segment_list *list = list_of(&f, id, "ann");
    assert_true(cached_bytes(&f) > bytes);
    assert_int_equal(ddl_drop_table(f.base.store, id, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(ddl_drop_table_files(f.base.store, id, NULL, &result, &err), STATUS_OK);
    assert_int_equal(cached_bytes(&f), bytes);
    struct segment_list *after = list_of(&f, kept, "ann");
    assert_ptr_equal(after, before);
    assert_int_equal(list->count, 1); /* who holds it keeps it */
    segment_list_unref(list);
    segment_list_unref(before);
    segment_list_unref(after);
    cold_close(&f);
}

static enum status try_list(struct cold_fixture *f, struct table_id id, unsigned flags,
                            struct error *err)
{
    struct view *view = view_acquire(f->base.store);
    struct segment_list *list = NULL;
    enum status status =
        segment_list_load(f->base.store, view, id, STR_LIT("ann"), flags, &list, err);

    if (status == STATUS_OK)
        segment_list_unref(list);
    view_release(view);
    return status;
}

/* As if a read had shown a record that is deleted instead of the one that came after it. */
static void put_bytes(struct cold_fixture *f, const struct segment *segment, uint64_t bytes)
{
    static int id = 1;
    struct segment changed = *segment;
    struct kv_batch *batch = kv_batch_new(f->kv);
    struct buf key, value;
    struct error err;

    buf_init(&key);
    buf_init(&value);
    changed.bytes = bytes;
    segment_key(&changed, &key);
    segment_encode(&changed, &value);
    kv_batch_put(batch, f->base.store->spaces.segments, buf_str(&key), buf_str(&value));
    assert_int_equal(kv_write(f->kv, batch, KV_ASYNC, &err), STATUS_OK);
    (void)cold_write(f, segment->table, "bob", id++, 1); /* a new view */
    kv_batch_free(batch);
    buf_clear(&key);
    buf_clear(&value);
}

static void test_segment_list__is_what_the_instance_counts(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct error err;

    cold_open(&f);
    struct table_id other = cold_table(&f, TABLE_KIND_USER, "other", VALUE_BIGINT);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, other, "ann", 1, 1);
    (void)cold_flush(&f, other, true);
    struct segment_list *list = list_of(&f, other, "ann");
    segment_cache_forget(f.base.store->segment_cache, other);
    put_bytes(&f, list->segments[0], list->bytes + 1);
    assert_int_equal(try_list(&f, other, KV_READ_CACHED, &err), STATUS_WOULD_BLOCK);
    assert_int_equal(try_list(&f, other, 0, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "cold segments: 1 records of 1 rows"));
    put_bytes(&f, list->segments[0], list->bytes);
    assert_int_equal(try_list(&f, other, 0, &err), STATUS_OK); /* nothing wrong was kept */
    segment_list_unref(list);

    /* No segments: CREATE TABLE says so, after a start a worker, once. */
    assert_int_equal(try_list(&f, id, KV_READ_CACHED, &err), STATUS_OK);
    cold_reopen(&f);
    assert_int_equal(try_list(&f, id, KV_READ_CACHED, &err), STATUS_WOULD_BLOCK);
    assert_int_equal(try_list(&f, id, 0, &err), STATUS_OK);
    assert_int_equal(try_list(&f, id, KV_READ_CACHED, &err), STATUS_OK);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_list__of_a_table_without_segments_is_one),
        cmocka_unit_test(test_segment_list__goes_with_its_table),
        cmocka_unit_test(test_segment_list__is_what_the_instance_counts),
    };
    return cmocka_run_group_tests_name("store/segment_list", tests, NULL, NULL);
}
