/* test_backup_files.c — scratch files of a backup: each has its record before it is there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "store/backup/backup_internal.h"
#include "store/store_internal.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup_scratch__every_name_is_recorded),
        cmocka_unit_test(backup_path__by_kind),
    };
    return cmocka_run_group_tests_name("store/backup_files", tests, NULL, NULL);
}
