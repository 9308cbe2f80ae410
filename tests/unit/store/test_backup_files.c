/* test_backup_files.c — scratch files of a backup: each has its record before it is there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "store/backup/backup_internal.h"
#include "store/store_internal.h"

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
    buf_clear(&path);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup_scratch__every_name_is_recorded),
    };
    return cmocka_run_group_tests_name("store/backup_files", tests, NULL, NULL);
}
