/* test_flush_write.c — one file of a flush: what it holds while it is written, and nothing after.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/flush/flush_internal.h"

static void test_flush_write__clear_leaves_nothing(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct error err;
    bool made;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 3; i++)
        (void)cold_write(&f, id, "ann", i, i);
    struct view *view = view_acquire(f.base.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct flush_options options = {.table = id, .job_id = STR_LIT("j")};
    struct flush_run run = {
        .store = f.base.store, .options = &options, .user = STR_LIT("ann"), .buffered_at_view = 3};
    struct flush_source source = {.run = &run};
    struct flush_file file = {.store = f.base.store,
                              .view = view,
                              .table = table,
                              .place = table,
                              .user = run.user,
                              .job_id = options.job_id,
                              .next = flush_source_next,
                              .context = &source,
                              .rows_max = 100,
                              .bytes_max = FLUSH_GROUP_BYTES,
                              .group_rows = FLUSH_ROW_GROUP_STEP};
    assert_int_equal(flush_source_open(&source, view, table, &err), STATUS_OK);
    flush_file_begin(&file);
    assert_int_equal(flush_file_name(&file, &err), STATUS_OK);
    assert_int_equal(flush_file_fill(&file, &made, &err), STATUS_OK);
    assert_true(made && file.ended);
    assert_int_equal(file.segment->rows, 3);
    assert_int_equal(file.entry_count, 3);
    assert_int_equal(file.entries.size, 3 * sizeof(struct flush_entry));
    assert_true(file.kept_bytes >= file.entries.capacity);
    assert_int_equal(file.entry_keys.size, 3 * 8);
    files_abandon(f.base.store->files, file.path);
    flush_file_clear(&file);
    assert_null(file.entries.data);
    assert_null(file.entry_keys.data);
    assert_null(file.newest);
    assert_null(file.path);
    assert_null(file.segment);
    assert_null(file.writing);
    flush_file_clear(&file);
    flush_source_close(&source);
    view_release(view);
    assert_int_equal(cold_file_count(&f), 0);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush_write__clear_leaves_nothing),
    };
    return cmocka_run_group_tests_name("store/flush_write", tests, NULL, NULL);
}
