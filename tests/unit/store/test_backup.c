/* test_backup.c — backup and restore over a real store: the figures they tell, and what is left of
 * a restore that ends early.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/backup.h"

static uint64_t folder_bytes;
static int folder_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)path;
    (void)walk;
    folder_bytes += kind == FTW_F ? (uint64_t)info->st_size : 0;
    return 0;
}

static uint64_t bytes_below(const char *folder)
{
    folder_bytes = 0;
    assert_int_equal(nftw(folder, folder_entry, 16, FTW_PHYS), 0);
    return folder_bytes;
}

static int pending_count(struct cold_fixture *f)
{
    struct kv_iterator_options options = {0};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, f->base.store->spaces.pending, &options);
    int count = 0;

    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count++;
    kv_iterator_close(iterator);
    return count;
}

static void count_space(struct kv_space *space, struct str name, void *context)
{
    (void)space;
    (void)name;
    (*(int *)context)++;
}

static int space_count(struct cold_fixture *f)
{
    int count = 0;

    kv_space_each(f->kv, count_space, &count);
    return count;
}

/* A store with cold and hot rows of ann, and where it is backed up to. */
struct backup_fixture {
    struct cold_fixture cold;
    struct model model;
    char target[80];
    struct backup_options options;
};

enum { COLD_ROWS = 20, HOT_ROWS = 5 };

static struct backup_fixture *backup_open_all(void)
{
    struct backup_fixture *f = test_calloc(1, sizeof(*f));

    cold_open(&f->cold);
    struct table_id id = cold_table(&f->cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(&f->model, &f->cold, id, "ann", VALUE_BIGINT, 1);
    for (int64_t i = 0; i < COLD_ROWS; i++)
        model_write(&f->model, i, i);
    (void)cold_flush(&f->cold, id, true);
    for (int64_t i = 0; i < HOT_ROWS; i++)
        model_write(&f->model, 100 + i, i);
    (void)snprintf(f->target, sizeof(f->target), "%s/backup", f->cold.folder);
    f->options = (struct backup_options){.space = STR_LIT("default"),
                                         .target = str_from_c(f->target),
                                         .job_id = STR_LIT("backup-1"),
                                         .version = STR_LIT("1")};
    return f;
}

static void backup_close_all(struct backup_fixture *f)
{
    cold_close(&f->cold);
    test_free(f);
}

/* Whatever stood in `result` before. */
static struct backup_result run(struct backup_fixture *f,
                                enum status (*what)(struct store *, const struct backup_options *,
                                                    struct backup_result *, struct error *))
{
    struct backup_result result;
    struct error err;

    memset(&result, 0xff, sizeof(result));
    if (what(f->cold.base.store, &f->options, &result, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return result;
}

/* The restored table holds what the model says. */
static void check_restored(struct backup_fixture *f, const char *space)
{
    struct view *view = view_acquire(f->cold.base.store);
    const struct table *table =
        catalog_find_table(view_catalog(view), str_from_c(space), STR_LIT("t"));

    assert_non_null(table);
    f->model.table = table->id;
    view_release(view);
    model_check_all(&f->model);
    model_check_counters(&f->model);
}

static void backup__tells_what_it_moved(void **state)
{
    struct backup_fixture *f = backup_open_all();
    struct view *view = view_acquire(f->cold.base.store);
    struct backup_result result = run(f, backup_run);

    assert_int_equal(result.tables, 1);
    assert_int_equal(result.files, 2);
    assert_int_equal(result.rows, COLD_ROWS + HOT_ROWS);
    assert_int_equal(result.bytes, bytes_below(f->target));
    assert_int_equal(result.as_of_seq, view_position(view));
    assert_in_range(result.memory_bytes, 1000, 1 << 30);
    view_release(view);
    f->options.space = STR_LIT("again");
    struct backup_result back = run(f, restore_run);
    assert_int_equal(back.tables, 1);
    assert_int_equal(back.files, 2);
    assert_int_equal(back.rows, COLD_ROWS + HOT_ROWS);
    assert_in_range(back.bytes, 1000, result.bytes); /* without the manifest */
    assert_int_equal(back.as_of_seq, result.as_of_seq);
    assert_in_range(back.memory_bytes, 1000, 1 << 30);
    check_restored(f, "again");
    backup_close_all(f);
}

/* Then the manifest is the largest thing that was held. */
static void backup__of_an_empty_namespace(void **state)
{
    struct backup_fixture *f = backup_open_all();
    struct error err;
    bool created;

    assert_int_equal(
        ddl_create_namespace(f->cold.base.store, STR_LIT("none"), STR_EMPTY, &created, &err),
        STATUS_OK);
    f->options.space = STR_LIT("none");
    struct backup_result result = run(f, backup_run);
    assert_int_equal(result.tables, 0);
    assert_int_equal(result.files, 0);
    assert_int_equal(result.rows, 0);
    assert_int_equal(result.bytes, bytes_below(f->target));
    assert_in_range(result.memory_bytes, result.bytes, 1 << 20);
    backup_close_all(f);
}

static void cancel_now(void *context, uint64_t files, uint64_t rows, uint64_t bytes)
{
    (void)files;
    (void)rows;
    (void)bytes;
    atomic_store((atomic_bool *)context, true);
}

/* Cancelled when its files and their records are there and only the commit is missing. */
static void restore__that_is_cancelled_leaves_nothing(void **state)
{
    struct backup_fixture *f = backup_open_all();
    struct backup_result result;
    struct error err;
    atomic_bool cancelled;

    (void)run(f, backup_run);
    int files = cold_file_count(&f->cold), spaces = space_count(&f->cold);
    atomic_init(&cancelled, false);
    f->options.space = STR_LIT("again");
    f->options.cancelled = &cancelled;
    f->options.progress = cancel_now;
    f->options.progress_context = &cancelled;
    assert_int_equal(restore_run(f->cold.base.store, &f->options, &result, &err), STATUS_CANCELLED);
    assert_int_equal(result.files, 2);
    assert_int_equal(cold_file_count(&f->cold), files);
    assert_int_equal(space_count(&f->cold), spaces);
    assert_int_equal(pending_count(&f->cold), 0);
    f->options.progress = NULL;
    f->options.cancelled = NULL;
    (void)run(f, restore_run);
    check_restored(f, "again");
    assert_int_equal(pending_count(&f->cold), 0);
    backup_close_all(f);
}

/* Rows that reading misses would be missing in the backup without a word. */
static void backup__of_fewer_rows_than_counted(void **state)
{
    struct backup_fixture *f = backup_open_all();
    struct view *view = view_acquire(f->cold.base.store);
    struct kv_space *rows = catalog_find_table_id(view_catalog(view), f->model.table)->rows;
    struct kv_batch *batch = kv_batch_new(f->cold.kv);
    struct backup_result result;
    struct error err;
    struct buf key;

    view_release(view);
    buf_init(&key);
    buf_append_str(&key, STR_LIT("ann:"));
    buf_append_str(&key, model_key(&f->model, 101));
    kv_batch_delete(batch, rows, buf_str(&key));
    assert_int_equal(kv_write(f->cold.kv, batch, KV_SYNC, &err), STATUS_OK);
    model_write(&f->model, 0, 7); /* a view that shows it */
    assert_int_equal(backup_run(f->cold.base.store, &f->options, &result, &err),
                     STATUS_STORAGE_UNAVAILABLE);
    buf_clear(&key);
    kv_batch_free(batch);
    backup_close_all(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup__tells_what_it_moved),
        cmocka_unit_test(backup__of_an_empty_namespace),
        cmocka_unit_test(backup__of_fewer_rows_than_counted),
        cmocka_unit_test(restore__that_is_cancelled_leaves_nothing),
    };
    return cmocka_run_group_tests_name("store/backup", tests, NULL, NULL);
}
