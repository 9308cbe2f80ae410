/* test_backup_files.c — where a backup lies, and its scratch files: each has its record before it
 * is there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "storage/files_cache.h"
#include "store/backup/backup_internal.h"
#include "store/store_internal.h"

#include <stdlib.h>
#include <unistd.h>

static int pending_count(struct fixture *f)
{
    struct kv_iterator_options options = {0};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, f->store->spaces.pending, &options);
    int count = 0;

    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count++;
    kv_iterator_close(iterator);
    return count;
}

static void backup_scratch__every_name_is_recorded(void **state)
{
    struct fixture f = {0};
    struct kv_value value;
    struct error err;
    struct buf path;

    fixture_open(&f);
    buf_init(&path);
    struct backup_scratch scratch = {
        .store = f.store, .folder = STR_LIT(".backup/j"), .table = {.value = 7}};
    for (int i = 0; i < 130; i++) { /* more than are recorded at once */
        char expected[32];
        (void)snprintf(expected, sizeof(expected), ".backup/j/%d.parquet", i);
        assert_int_equal(backup_scratch_name(&scratch, &path, &err), STATUS_OK);
        assert_true(str_equal(buf_str(&path), str_from_c(expected)));
        assert_int_equal(
            kv_get(f.kv, f.store->spaces.pending, NULL, buf_str(&path), 0, &value, &err),
            STATUS_OK);
        assert_int_equal(value.bytes.data[0], PENDING_WRITE);
        kv_value_release(f.kv, &value);
    }
    scratch.next = 0; /* none was made: only the records go */
    backup_scratch_clear(&scratch);
    assert_int_equal(pending_count(&f), 0);
    buf_clear(&path);
    fixture_close(&f);
}

static void check_path(enum table_kind kind, const char *user, const char *expected)
{
    struct table table = {.kind = kind, .name = STR_LIT("t")};
    struct buf path;

    buf_init(&path);
    backup_path(&table, str_from_c(user), "hot-", 7, &path);
    assert_string_equal(path.data, expected);
    buf_clear(&path);
}

/* Backups that lie there are read by later versions. */
static void backup_path__by_kind(void **state)
{
    check_path(TABLE_KIND_USER, "ann", "user_tables/t/ann/hot-00007.parquet");
    check_path(TABLE_KIND_SHARED, "", "shared_tables/t/hot-00007.parquet");
}

/* ---- the target --------------------------------------------------------------------------- */

/* A storage whose credentials nobody here can open. */
static enum status add_bucket(void *context, struct ddl *ddl, struct error *err)
{
    struct storage *storage = storage_new();

    (void)context;
    storage->id = STR_LIT("eu");
    storage->name = STR_LIT("eu");
    storage->type = STORAGE_S3;
    storage->uri = STR_LIT("s3://bucket-a/x/");
    storage->credentials = STR_LIT("sealed elsewhere");
    return ddl_add_storage(ddl, storage, NULL, err);
}

static enum status open_target(struct fixture *f, const char *target)
{
    struct backup_place place;
    struct error err;
    enum status status = backup_open(f->store, str_from_c(target), true, &place, &err);

    backup_close(&place);
    return status;
}

/* Credentials of a storage are used below its root and nowhere else, those of the environment
 * there. */
static void backup_open__credentials_of_the_storage_there(void **state)
{
    char folder[] = "/tmp/kalam_copies_XXXXXX";
    struct ddl_statement statement = {.now_us = 1, .build = add_bucket};
    struct fixture f = {0};
    struct files_cache *copies;
    struct error err;

    assert_int_equal(setenv("AWS_ACCESS_KEY_ID", "key", 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "secret", 1), 0);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(files_cache_open(folder, 1 << 20, &copies, &err), STATUS_OK);
    f.options.s3_cache = copies;
    fixture_open(&f);
    assert_int_equal(ddl_run(f.store, &statement, &err), STATUS_OK);
    assert_int_equal(open_target(&f, "s3://bucket-a/x"), STATUS_INVALID_INPUT);
    assert_int_equal(open_target(&f, "s3://bucket-a/x/one"), STATUS_INVALID_INPUT);
    assert_int_equal(open_target(&f, "s3://bucket-a/xy"), STATUS_OK);
    assert_int_equal(open_target(&f, "s3://bucket-a/y"), STATUS_OK);
    assert_int_equal(open_target(&f, "s3://bucket-b/x"), STATUS_OK);
    assert_int_equal(open_target(&f, "s3://bucket-b/x/one"), STATUS_OK);
    fixture_close(&f);
    files_cache_close(copies);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup_scratch__every_name_is_recorded),
        cmocka_unit_test(backup_path__by_kind),
        cmocka_unit_test(backup_open__credentials_of_the_storage_there),
    };
    return cmocka_run_group_tests_name("store/backup_files", tests, NULL, NULL);
}
