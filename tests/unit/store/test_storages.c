/* test_storages.c — the address of a file leads to the folder of its storage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "store/storages.h"

static enum status add_disk(void *context, struct ddl *ddl, struct error *err)
{
    struct storage *storage = storage_new();

    storage->id = STR_LIT("disk");
    storage->name = STR_LIT("disk");
    storage->type = STORAGE_FILESYSTEM;
    storage->uri = arena_copy(storage->arena, str_from_c(context));
    return ddl_add_storage(ddl, storage, NULL, err);
}

/* Written by its address, read there, and by the storage alone; the folder is the one that the
 * address names, no other, and is not made once more: it may be a disk that is not mounted. */
static void test_storages__an_address_leads_to_its_folder(void **state)
{
    struct cold_fixture f = {.folder = ""};
    char folder[96], address[128], file[128], marker[128], *staged = NULL;
    struct ddl_statement statement = {.now_us = 1, .build = add_disk, .context = folder};
    struct files *alone = NULL;
    struct error err;
    struct buf text;

    cold_open(&f);
    struct files *all = storages_files(f.base.store->storages);
    (void)snprintf(folder, sizeof(folder), "%s/disk", f.folder);
    (void)snprintf(address, sizeof(address), "disk@%s//a/b.parquet", folder);
    (void)snprintf(file, sizeof(file), "%s/a/b.parquet", folder);
    assert_int_equal(ddl_run(f.base.store, &statement, &err), STATUS_OK);
    (void)snprintf(marker, sizeof(marker), "%s/" FILES_MARKER, folder);
    assert_int_equal(unlink(marker), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(files_stage(all, address, &staged, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "is missing"));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(files_stage(all, address, &staged, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "is missing"));
    assert_int_equal(files_mark_root(folder, &err), STATUS_OK);
    assert_int_equal(files_stage(all, address, &staged, &err), STATUS_OK);
    assert_int_equal(file_put(staged, STR_LIT("rows"), address, &err), STATUS_OK);
    assert_int_equal(files_publish(all, address, &err), STATUS_OK);
    mem_free(staged);
    buf_init(&text);
    assert_int_equal(file_read_all(file, 100, &text, &err), STATUS_OK);
    assert_true(str_equal(buf_str(&text), STR_LIT("rows")));
    struct view *view = view_acquire(f.base.store);
    const struct storage *storage = catalog_find_storage(view_catalog(view), STR_LIT("disk"));
    assert_int_equal(storages_borrow(f.base.store, storage, &alone, &err), STATUS_OK);
    buf_reset(&text);
    assert_int_equal(files_read(alone, "a/b.parquet", 1, 2, &text, &err), STATUS_OK);
    assert_true(str_equal(buf_str(&text), STR_LIT("ow")));
    storages_return(f.base.store, alone);
    view_release(view);
    assert_int_equal(files_delete(all, address, &err), STATUS_OK);
    assert_int_equal(access(file, F_OK), -1);
    buf_clear(&text);
    cold_close(&f);
}

static void forget_marks(struct cold_fixture *f)
{
    struct kv_batch *batch = kv_batch_new(f->base.kv);
    struct error err;

    kv_batch_delete(batch, f->base.store->spaces.meta, STR_LIT("roots_marked"));
    assert_int_equal(kv_write(f->base.kv, batch, KV_MEMORY, &err), STATUS_OK);
    kv_batch_free(batch);
}

static enum status writable(struct cold_fixture *f)
{
    struct view *view = view_acquire(f->base.store);
    const struct storage *storage = catalog_find_storage(view_catalog(view), STR_LIT("disk"));
    struct error err;
    enum status status = storages_check_writable(f->base.store, storage, &err);

    view_release(view);
    return status;
}

/* Once: the data may be older than marker files. Later an empty folder is a mount point. */
static void test_storages__an_empty_folder_is_marked_once(void **state)
{
    struct cold_fixture f = {.folder = ""};
    char folder[96], marker[128];
    struct ddl_statement statement = {.now_us = 1, .build = add_disk, .context = folder};
    struct error err;

    cold_open(&f);
    (void)snprintf(folder, sizeof(folder), "%s/disk", f.folder);
    (void)snprintf(marker, sizeof(marker), "%s/" FILES_MARKER, folder);
    assert_int_equal(ddl_run(f.base.store, &statement, &err), STATUS_OK);
    assert_int_equal(writable(&f), STATUS_OK);
    forget_marks(&f);
    assert_int_equal(unlink(marker), 0);
    assert_int_equal(writable(&f), STATUS_STORAGE_UNAVAILABLE);
    cold_reopen(&f);
    for (int i = 0; i < 1000 && access(marker, F_OK) != 0; i++)
        (void)usleep(10000);
    assert_int_equal(writable(&f), STATUS_OK);
    cold_reopen(&f);
    assert_int_equal(unlink(marker), 0);
    cold_reopen(&f);
    assert_int_equal(writable(&f), STATUS_STORAGE_UNAVAILABLE);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storages__an_empty_folder_is_marked_once),
        cmocka_unit_test(test_storages__an_address_leads_to_its_folder),
    };
    return cmocka_run_group_tests_name("store/storages", tests, NULL, NULL);
}
