/* test_ddl.c — namespaces, tables and users come, change and go; durable and visible as one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/store_internal.h"

static void ddl__namespaces(void **state)
{
    struct fixture f = {0};
    struct error err;
    bool created;

    fixture_open(&f);
    assert_int_equal(
        ddl_create_namespace(f.store, STR_LIT("app"), STR_LIT("{\"a\":1}"), &created, &err),
        STATUS_OK);
    assert_true(created);
    assert_int_equal(ddl_create_namespace(f.store, STR_LIT("app"), STR_EMPTY, &created, &err),
                     STATUS_ALREADY_EXISTS);
    assert_non_null(strstr(err.message, "already exists"));
    assert_int_equal(ddl_create_namespace(f.store, STR_LIT("sys"), STR_EMPTY, &created, &err),
                     STATUS_INVALID_SQL);
    assert_int_equal(
        ddl_alter_namespace(f.store, STR_LIT("app"), STR_LIT("{\"a\":null,\"b\":true}"), &err),
        STATUS_OK);
    assert_int_equal(ddl_alter_namespace(f.store, STR_LIT("nope"), STR_EMPTY, &err),
                     STATUS_NAMESPACE_NOT_FOUND);
    fixture_reopen(&f);
    struct view *view = view_acquire(f.store);
    const struct catalog_namespace *space =
        catalog_find_namespace(view_catalog(view), STR_LIT("app"));
    assert_true(str_equal(space->options, STR_LIT("{\"b\":true}")));
    view_release(view);
    assert_int_equal(ddl_drop_namespace(f.store, STR_LIT("default"), &err),
                     STATUS_INVALID_OPERATION);
    assert_int_equal(ddl_drop_namespace(f.store, STR_LIT("nope"), &err),
                     STATUS_NAMESPACE_NOT_FOUND);
    struct table *table = fixture_table(TABLE_KIND_SHARED, "t1");
    table->space = STR_LIT("app");
    struct table_id id = fixture_create(&f, table);
    assert_int_equal(ddl_drop_namespace(f.store, STR_LIT("app"), &err), STATUS_CONFLICT);
    assert_non_null(strstr(err.message, "1 table(s): t1"));
    assert_int_equal(ddl_drop_table(f.store, id, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(ddl_drop_namespace(f.store, STR_LIT("app"), &err), STATUS_OK);
    fixture_reopen(&f);
    view = view_acquire(f.store);
    assert_null(catalog_find_namespace(view_catalog(view), STR_LIT("app")));
    view_release(view);
    fixture_close(&f);
}

static void ddl__create_table_checks(void **state)
{
    struct fixture f = {0};
    struct error err;
    struct ddl_create again = {.if_not_exists = true};
    struct table *table;

    fixture_open(&f);
    table = fixture_table(TABLE_KIND_USER, "t");
    table->space = STR_LIT("nope");
    assert_int_equal(ddl_create_table(f.store, &(struct ddl_create){.table = table}, &err),
                     STATUS_NAMESPACE_NOT_FOUND);
    assert_string_equal(err.message, "Namespace not found: Namespace 'nope' does not exist. Create "
                                     "it first with CREATE NAMESPACE.");
    table = fixture_table(TABLE_KIND_USER, "t");
    table->space = STR_LIT("system");
    assert_int_equal(ddl_create_table(f.store, &(struct ddl_create){.table = table}, &err),
                     STATUS_PERMISSION_DENIED);
    table = fixture_table(TABLE_KIND_USER, "t");
    table->storage_id = STR_LIT("s3_prod");
    assert_int_equal(ddl_create_table(f.store, &(struct ddl_create){.table = table}, &err),
                     STATUS_STORAGE_NOT_FOUND);
    assert_string_equal(err.message, "Storage not found: Storage 's3_prod' does not exist. Create "
                                     "it first with CREATE STORAGE.");
    fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    table = fixture_table(TABLE_KIND_SHARED, "t");
    assert_int_equal(ddl_create_table(f.store, &(struct ddl_create){.table = table}, &err),
                     STATUS_ALREADY_EXISTS);
    assert_string_equal(err.message, "relation \"default.t\" already exists");
    again.table = fixture_table(TABLE_KIND_SHARED, "t");
    assert_int_equal(ddl_create_table(f.store, &again, &err), STATUS_OK);
    assert_false(again.created);
    fixture_close(&f);
}

static bool space_is_there(struct fixture *fixture, struct table_id id)
{
    char name[64];

    snprintf(name, sizeof(name), "user_table:default:t:%llu", (unsigned long long)id.value);
    return kv_space_find(fixture->kv, str_from_c(name)) != NULL;
}

static void ddl__drop_and_create_never_meet(void **state)
{
    struct fixture f = {0};
    struct drop_result result;
    struct error err;
    struct buf bytes;

    buf_init(&bytes);
    fixture_open(&f);
    struct table_id one = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, one, "ann", 1, 1);
    struct view *old = view_acquire(f.store);
    assert_int_equal(ddl_drop_table(f.store, one, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(ddl_drop_table(f.store, one, STR_EMPTY, &err), STATUS_TABLE_NOT_FOUND);
    struct table_id two = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    assert_true(two.value > one.value);
    assert_int_equal(fixture_n(&f, two, "ann", 1), -1);
    assert_int_equal(fixture_counters(&f, two, "ann").buffered_rows, 0);
    /* Readers of the old view still see the table; its space waits for them. */
    assert_true(fixture_hot(&f, old, one, "ann", 1, &bytes));
    for (int i = 0; i < 2; i++)
        assert_int_equal(ddl_drop_table_files(f.store, one, NULL, &result, &err),
                         STATUS_WOULD_BLOCK);
    assert_true(space_is_there(&f, one));
    view_release(old);
    assert_int_equal(ddl_drop_table_files(f.store, one, NULL, &result, &err), STATUS_OK);
    assert_false(space_is_there(&f, one));
    assert_int_equal(result.files + result.failed, 0);
    fixture_insert(&f, two, "ann", 1, 2);
    fixture_reopen(&f);
    assert_int_equal(fixture_n(&f, two, "ann", 1), 2);
    buf_clear(&bytes);
    fixture_close(&f);
}

/* The job never ran: the next start removes the space; ids are not given out again. */
static void ddl__start_removes_spaces_of_dropped_tables(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct table_id one = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    assert_int_equal(ddl_drop_table(f.store, one, STR_EMPTY, &err), STATUS_OK);
    assert_true(space_is_there(&f, one));
    fixture_reopen(&f);
    assert_false(space_is_there(&f, one));
    struct table_id two = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    assert_true(two.value > one.value);
    fixture_close(&f);
}

static enum status add_column(void *context, const struct table *table, struct table **next,
                              struct error *err)
{
    static const struct value missing = {.type = VALUE_INT, .integer = 3};

    *next = table_copy(table, true);
    struct table_schema *schema = (*next)->schemas[(*next)->schema_count - 1];
    schema->changes = STR_LIT("ADD COLUMN x INT");
    schema->columns[schema->column_count++] =
        (struct table_column){.id = table_next_column_id(table),
                              .name = STR_LIT("x"),
                              .type = {.kind = VALUE_INT},
                              .key_position = -1,
                              .missing = &missing};
    return STATUS_OK;
}

static enum status refuse(void *context, const struct table *table, struct table **next,
                          struct error *err)
{
    return error_set(err, STATUS_INVALID_SCHEMA_EVOLUTION, "no");
}

static void ddl__alter_makes_prepared_writes_stale(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct error err;
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 1, 1);
    write_begin(&write, &f, id);
    write_insert(&write, "ann", 2, 2);
    assert_int_equal(
        ddl_alter_table(f.store, &(struct ddl_alter){.table = id, .build = add_column}, &err),
        STATUS_OK);
    assert_int_equal(write_run(&write, &f), STATUS_STALE);
    write_end(&write);
    assert_int_equal(
        ddl_alter_table(f.store, &(struct ddl_alter){.table = id, .build = refuse}, &err),
        STATUS_INVALID_SCHEMA_EVOLUTION);
    fixture_reopen(&f);
    struct view *view = view_acquire(f.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    assert_int_equal(table->schema_count, 2);
    assert_int_equal(table->schema->columns[3].missing->integer, 3);
    view_release(view);
    /* An update of a row of version 1 writes version 2 with the frozen default. */
    write_begin(&write, &f, id);
    struct row_op *op = write_change(&write, "ann", 1, &add);
    struct value value;
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(row_layout_version(op->old_bytes), 1);
    assert_int_equal(row_layout_version(op->new_bytes), 2);
    row_get(&write.table->schema->layout, op->new_bytes, 3, &value);
    assert_int_equal(value.integer, 3);
    write_end(&write);
    fixture_close(&f);
}

/* What the catalogue writes is no statement's: a table of many versions can go, and its name come
 * back. */
static void ddl__statement_limits_do_not_bind_the_catalogue(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 4096}};
    struct ddl_alter alter = {.build = add_column};
    struct error err;

    fixture_open(&f);
    for (int round = 0; round < 2; round++) {
        alter.table = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
        for (int i = 0; i < 12; i++)
            assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
        assert_int_equal(ddl_drop_table(f.store, alter.table, STR_EMPTY, &err), STATUS_OK);
    }
    fixture_close(&f);
}

static enum status promote(void *context, struct user *user, struct error *err)
{
    if (context != NULL)
        return error_set(err, STATUS_PERMISSION_DENIED, "no");
    user->role = ROLE_DBA;
    user->email = arena_copy(user->arena, STR_LIT("ann@example.org"));
    return STATUS_OK;
}

static enum status bury(void *context, struct user *user, struct error *err)
{
    user->deleted_at = 7;
    return STATUS_OK;
}

static void ddl__users(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    for (int i = 0; i < 3; i++) {
        struct user *user = user_new();
        user->id = user->username = STR_LIT("ann");
        user->created_at = user->updated_at = 1;
        user->password_hash = i == 2 ? STR_LIT("hash") : STR_EMPTY;
        user->credentials_changed = 42;
        assert_int_equal(ddl_put_user(f.store, user, i < 2, &err),
                         i == 1 ? STATUS_ALREADY_EXISTS : STATUS_OK);
        if (i == 1)
            assert_string_equal(err.message, "User with user_id 'ann' already exists");
    }
    assert_int_equal(ddl_change_user(f.store, STR_LIT("ann"), promote, NULL, &err), STATUS_OK);
    assert_int_equal(ddl_change_user(f.store, STR_LIT("ann"), promote, &f, &err),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(ddl_change_user(f.store, STR_LIT("bob"), promote, NULL, &err),
                     STATUS_USER_NOT_FOUND);
    fixture_reopen(&f);
    struct view *view = view_acquire(f.store);
    const struct user *ann = catalog_find_user(view_catalog(view), STR_LIT("ann"));
    assert_true(str_equal(ann->password_hash, STR_LIT("hash")));
    assert_int_equal(ann->credentials_changed, 42);
    assert_int_equal(ann->role, ROLE_DBA);
    assert_true(str_equal(ann->email, STR_LIT("ann@example.org")));
    view_release(view);
    assert_int_equal(ddl_remove_user(f.store, STR_LIT("ann"), INT64_MAX, &err),
                     STATUS_USER_NOT_FOUND); /* he is not deleted */
    assert_int_equal(ddl_change_user(f.store, STR_LIT("ann"), bury, NULL, &err), STATUS_OK);
    assert_int_equal(ddl_remove_user(f.store, STR_LIT("ann"), 7, &err), STATUS_USER_NOT_FOUND);
    assert_int_equal(ddl_remove_user(f.store, STR_LIT("ann"), 8, &err), STATUS_OK);
    assert_int_equal(ddl_remove_user(f.store, STR_LIT("ann"), 8, &err), STATUS_USER_NOT_FOUND);
    fixture_close(&f);
}

struct creator {
    struct fixture *fixture;
    int first;
    int made;
};

static void *creator_main(void *argument)
{
    struct creator *creator = argument;
    struct error err;
    char name[16];

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "t%d", creator->first + i);
        struct ddl_create create = {.table = fixture_table(TABLE_KIND_SHARED, name),
                                    .if_not_exists = true};
        assert_int_equal(ddl_create_table(creator->fixture->store, &create, &err), STATUS_OK);
        creator->made += create.created;
    }
    return NULL;
}

static void ddl__concurrent_creates_make_each_table_once(void **state)
{
    struct fixture f = {0};
    struct creator creators[4];
    pthread_t threads[4];
    int made = 0;

    fixture_open(&f);
    for (int i = 0; i < 4; i++) {
        creators[i] = (struct creator){.fixture = &f, .first = i * 5};
        pthread_create(&threads[i], NULL, creator_main, &creators[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        made += creators[i].made;
    }
    assert_int_equal(made, 35); /* t0 … t34 */
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ddl__namespaces),
        cmocka_unit_test(ddl__create_table_checks),
        cmocka_unit_test(ddl__drop_and_create_never_meet),
        cmocka_unit_test(ddl__start_removes_spaces_of_dropped_tables),
        cmocka_unit_test(ddl__alter_makes_prepared_writes_stale),
        cmocka_unit_test(ddl__statement_limits_do_not_bind_the_catalogue),
        cmocka_unit_test(ddl__users),
        cmocka_unit_test(ddl__concurrent_creates_make_each_table_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
