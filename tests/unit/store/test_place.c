/* test_place.c — addresses of files, shards, and where files of an instance go (docs/sql.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "storage/files.h"
#include "store/storages.h"

static void check_shard(enum sharding strategy, const char *user, const char *expected)
{
    struct buf out;

    buf_init(&out);
    place_shard(strategy, 16, str_from_c(user), &out);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buf_clear(&out);
}

static void test_place__shards(void **state)
{
    check_shard(SHARDING_NONE, "ann", "");
    check_shard(SHARDING_ALPHABETIC, "ann", "a");
    check_shard(SHARDING_ALPHABETIC, "Zoe", "z");
    check_shard(SHARDING_ALPHABETIC, "_m9", "m");
    check_shard(SHARDING_ALPHABETIC, "123", "z");
    check_shard(SHARDING_NUMERIC, "u7x3", "7");
    check_shard(SHARDING_NUMERIC, "0", "0");
    check_shard(SHARDING_NUMERIC, "ann", "9");
    /* Files would be looked for elsewhere if the hash ever changed: these never do. */
    check_shard(SHARDING_HASH, "alice", "shard-0000");
    check_shard(SHARDING_HASH, "bob", "shard-0005");
}

static void test_place__addresses(void **state)
{
    struct str place, rest;
    struct buf out;

    assert_false(files_address_split(STR_LIT("app/users/t/bob@x.org/1.parquet"), &place, &rest));
    assert_false(files_address_split(STR_EMPTY, &place, &rest));
    assert_true(files_address_split(STR_LIT("s3@s3://bucket/pre//app/t/1.parquet"), &place, &rest));
    assert_true(str_equal(place, STR_LIT("s3@s3://bucket/pre")));
    assert_true(str_equal(rest, STR_LIT("app/t/1.parquet")));
    assert_true(place_is_on(STR_LIT("disk@/mnt/x//a/b"), STR_LIT("disk")));
    assert_false(place_is_on(STR_LIT("disk2@/mnt/x//a/b"), STR_LIT("disk")));
    assert_false(place_is_on(STR_LIT("dis@/mnt/x//a/b"), STR_LIT("disk")));
    assert_true(place_is_on(STR_LIT("disk@x/y"), STR_LIT("local")));
    assert_false(place_is_on(STR_LIT("local@/mnt/x//a/b"), STR_LIT("disk")));
    assert_true(place_is_on(STR_LIT("local@/mnt/x//a/b"), STR_LIT("local")));
    buf_init(&out);
    place_show(STR_LIT("disk@/mnt/a@b//u/f.parquet"), &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("/mnt/a@b/u/f.parquet")));
    buf_reset(&out);
    place_show(STR_LIT("u/f.parquet"), &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("u/f.parquet")));
    buf_clear(&out);
}

static void check_place(struct store *store, const struct table *table, const char *user,
                        const char *expected, const char *expected_id)
{
    struct view *view = view_acquire(store);
    struct str id;
    struct error err;
    struct buf out;

    buf_init(&out);
    enum status status =
        place_of_instance(store, view_catalog(view), table, str_from_c(user), &out, &id, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.message);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    assert_true(str_equal(id, str_from_c(expected_id)));
    buf_clear(&out);
    view_release(view);
}

static enum status add_storages(void *context, struct ddl *ddl, struct error *err)
{
    struct storage *storage = storage_new();

    (void)context;
    storage->id = STR_LIT("eu");
    storage->name = STR_LIT("eu");
    storage->type = STORAGE_S3;
    storage->uri = STR_LIT("s3://bucket/x/");
    storage->user_template = STR_LIT("{userId}/{tableName}");
    return ddl_add_storage(ddl, storage, NULL, err);
}

static void add_user(struct store *store, const char *id, const char *mode, const char *storage)
{
    struct user *user = user_new();
    struct error err;

    user->id = arena_copy(user->arena, str_from_c(id));
    user->username = user->id;
    user->storage_mode = arena_copy(user->arena, str_from_c(mode));
    user->storage_id = arena_copy(user->arena, str_from_c(storage));
    assert_int_equal(ddl_put_user(store, user, true, &err), STATUS_OK);
}

static void test_place__of_instances(void **state)
{
    struct fixture f = {.options = {.sharding = SHARDING_ALPHABETIC}};
    struct ddl_statement statement = {.now_us = 1, .build = add_storages};
    struct error err;

    fixture_open(&f);
    assert_int_equal(ddl_run(f.store, &statement, &err), STATUS_OK);
    add_user(f.store, "ann", "region", "eu");
    add_user(f.store, "bob", "region", "");
    add_user(f.store, "kim", "table", "eu");
    struct table table = {.kind = TABLE_KIND_USER,
                          .space = STR_LIT("app"),
                          .name = STR_LIT("t"),
                          .storage_id = STR_LIT("local"),
                          .location = STR_LIT("{namespace}/users/{tableName}/{shard}/{userId}")};
    check_place(f.store, &table, "ann", "app/users/t/a/ann", "local");
    table.storage_id = STR_LIT("d");
    check_place(f.store, &table, "ann", "app/users/t/a/ann", "d");
    table.storage_id = STR_EMPTY;
    check_place(f.store, &table, "ann", "app/users/t/a/ann", "local"); /* named nowhere */
    table.storage_id = STR_LIT("local");
    table.use_user_storage = true;
    check_place(f.store, &table, "ann", "eu@s3://bucket/x//ann/t", "eu");
    check_place(f.store, &table, "bob", "app/users/t/b/bob", "local"); /* no storage: local */
    check_place(f.store, &table, "kim", "app/users/t/k/kim", "local");
    check_place(f.store, &table, "nobody", "app/users/t/n/nobody", "local");
    table.storage_id = STR_LIT("disk"); /* as it was resolved when the table was made */
    table.storage_uri = STR_LIT("/mnt/disk");
    check_place(f.store, &table, "kim", "disk@/mnt/disk//app/users/t/k/kim", "disk");
    check_place(f.store, &table, "ann", "eu@s3://bucket/x//ann/t", "eu");
    table.has_location = true;
    table.location = STR_LIT("own/${user_id}");
    check_place(f.store, &table, "ann", "eu@s3://bucket/x//own/ann", "eu");
    check_place(f.store, &table, "kim", "disk@/mnt/disk//own/kim", "disk");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place__shards),
        cmocka_unit_test(test_place__addresses),
        cmocka_unit_test(test_place__of_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
