/* test_catalog.c — versions, sharing, look-ups, tables and what is derived from them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/catalog.h"
#include "catalog/system_tables.h"

static struct catalog *first_version(struct kv **kv)
{
    struct catalog *catalog = NULL;
    struct error err;

    *kv = kv_open_memory();
    assert_int_equal(catalog_load(*kv, &catalog, &err), STATUS_OK);
    return catalog;
}

/* id BIGINT key, body TEXT. */
static struct table *make_table(const char *space, const char *name, uint64_t id)
{
    struct table *table = table_new();
    struct table_schema *schema = table_add_schema(table);

    table->id.value = id;
    table->space = arena_copy(table->arena, str_from_c(space));
    table->name = arena_copy(table->arena, str_from_c(name));
    schema->column_count = 2;
    schema->columns = arena_array(schema->arena, 2, sizeof(struct table_column));
    schema->columns[0] = (struct table_column){
        .id = 1, .name = STR_LIT("id"), .type = {.kind = VALUE_BIGINT}, .not_null = true};
    schema->columns[1] = (struct table_column){
        .id = 2, .name = STR_LIT("body"), .type = {.kind = VALUE_TEXT}, .key_position = -1};
    table_finish(table);
    return table;
}

static void catalog__system_tables_are_there(void **state)
{
    struct kv *kv;
    struct catalog *catalog = first_version(&kv);
    const struct table *jobs = catalog_find_table(catalog, STR_LIT("system"), STR_LIT("jobs"));

    assert_ptr_equal(jobs, system_table(catalog, SYSTEM_TABLE_JOBS));
    assert_int_equal(system_table_of(jobs), SYSTEM_TABLE_JOBS);
    assert_non_null(jobs->rows);
    assert_int_equal(table_column_total(jobs), 20);
    assert_null(system_table(catalog, SYSTEM_TABLE_LIVE_QUERIES)->rows);
    assert_ptr_equal(catalog_find_table(catalog, STR_LIT("system"), STR_LIT("live")),
                     system_table(catalog, SYSTEM_TABLE_LIVE_QUERIES));
    assert_ptr_equal(catalog_find_table(catalog, STR_LIT("system"), STR_LIT("schemas")),
                     system_table(catalog, SYSTEM_TABLE_TABLE_SCHEMAS));
    assert_null(catalog_find_table(catalog, STR_LIT("system"), STR_LIT("audit_log")));
    assert_int_equal(system_table_find_alias(jobs, STR_LIT("queue")),
                     table_find_column(jobs, STR_LIT("job_type")));
    assert_int_equal(system_table_find_alias(jobs, STR_LIT("memory_used_mb")), -1);
    assert_true(str_equal(system_table_alias_expression(jobs, STR_LIT("memory_used_mb")),
                          STR_LIT("memory_used / 1048576")));
    assert_true(str_is_empty(system_table_alias_expression(jobs, STR_LIT("nope"))));
    catalog_unref(catalog);
    kv_close(kv);
}

static void catalog__versions_are_isolated(void **state)
{
    struct kv *kv;
    struct catalog *one = first_version(&kv);
    struct catalog_builder *builder = catalog_builder_new(one);
    struct catalog_namespace space = {.name = STR_LIT("app"), .created_at = 7, .updated_at = 8};

    catalog_builder_put_namespace(builder, &space);
    catalog_builder_put_table(builder, make_table("app", "b", 102));
    catalog_builder_put_table(builder, make_table("app", "a", 101));
    struct catalog *two = catalog_builder_finish(builder);
    assert_true(catalog_version(two) > catalog_version(one));
    assert_null(catalog_find_namespace(one, STR_LIT("app")));
    assert_null(catalog_find_table_id(one, (struct table_id){101}));
    const struct table *a = catalog_find_table(two, STR_LIT("app"), STR_LIT("a"));
    assert_ptr_equal(a, catalog_find_table_id(two, (struct table_id){101}));
    assert_ptr_equal(catalog_table_at(two, 0), a);
    assert_true(str_equal(catalog_namespace_at(two, 0)->name, STR_LIT("app")));
    assert_null(catalog_namespace_at(two, 1));

    builder = catalog_builder_new(two);
    catalog_builder_remove_table(builder, (struct table_id){101});
    struct catalog *three = catalog_builder_finish(builder);
    assert_null(catalog_find_table(three, STR_LIT("app"), STR_LIT("a")));
    assert_non_null(catalog_find_table(three, STR_LIT("app"), STR_LIT("b")));
    assert_ptr_equal(catalog_find_table(two, STR_LIT("app"), STR_LIT("a")), a);
    /* Shared, not copied. */
    assert_ptr_equal(catalog_find_table(two, STR_LIT("app"), STR_LIT("b")),
                     catalog_find_table(three, STR_LIT("app"), STR_LIT("b")));
    catalog_unref(one);
    catalog_unref(three);
    catalog_unref(two);
    kv_close(kv);
}

static void catalog__ten_thousand_tables(void **state)
{
    struct kv *kv;
    struct catalog *catalog = first_version(&kv);
    struct catalog_builder *builder = catalog_builder_new(catalog);
    char name[32];

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "t%05d", (i * 7919) % 10000);
        catalog_builder_put_table(builder, make_table("app", name, 1000 + (uint64_t)i));
    }
    catalog_unref(catalog);
    catalog = catalog_builder_finish(builder);
    for (size_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "t%05zu", i);
        const struct table *table = catalog_table_at(catalog, i);
        assert_true(str_equal(table->name, str_from_c(name)));
        assert_ptr_equal(catalog_find_table(catalog, STR_LIT("app"), table->name), table);
    }
    /* One more DDL each: order and index stay right. */
    for (int i = 0; i < 50; i++) {
        builder = catalog_builder_new(catalog);
        snprintf(name, sizeof(name), "t%05dx", i * 100);
        catalog_builder_put_table(builder, make_table("app", name, 20000 + (uint64_t)i));
        snprintf(name, sizeof(name), "t%05d", i * 3);
        const struct table *dead = catalog_find_table(catalog, STR_LIT("app"), str_from_c(name));
        catalog_builder_remove_table(builder, dead->id);
        catalog_unref(catalog);
        catalog = catalog_builder_finish(builder);
        assert_null(catalog_find_table(catalog, STR_LIT("app"), str_from_c(name)));
    }
    for (size_t i = 1; i < 10000; i++)
        assert_true(str_compare(catalog_table_at(catalog, i - 1)->name,
                                catalog_table_at(catalog, i)->name) < 0 ||
                    !str_equal(catalog_table_at(catalog, i - 1)->space,
                               catalog_table_at(catalog, i)->space));
    catalog_unref(catalog);
    kv_close(kv);
}

static struct user *make_user(const char *id, const char *api_key)
{
    struct user *user = user_new();

    user->id = arena_copy(user->arena, str_from_c(id));
    user->username = user->id;
    user->api_key_hash = arena_copy(user->arena, str_from_c(api_key));
    return user;
}

static void catalog__api_key_follows_user(void **state)
{
    struct kv *kv;
    struct catalog *one = first_version(&kv);
    struct catalog_builder *builder = catalog_builder_new(one);

    catalog_builder_put_user(builder, make_user("ann", "k1"));
    struct catalog *two = catalog_builder_finish(builder);
    assert_ptr_equal(catalog_find_api_key(two, STR_LIT("k1")),
                     catalog_find_user(two, STR_LIT("ann")));
    builder = catalog_builder_new(two);
    catalog_builder_put_user(builder, make_user("ann", "k2"));
    struct catalog *three = catalog_builder_finish(builder);
    assert_null(catalog_find_api_key(three, STR_LIT("k1")));
    assert_non_null(catalog_find_api_key(three, STR_LIT("k2")));
    assert_null(catalog_find_api_key(three, STR_EMPTY));
    builder = catalog_builder_new(three);
    catalog_builder_remove_user(builder, STR_LIT("ann"));
    struct catalog *four = catalog_builder_finish(builder);
    assert_null(catalog_find_api_key(four, STR_LIT("k2")));
    assert_null(catalog_user_at(four, 0));
    catalog_unref(one);
    catalog_unref(two);
    catalog_unref(three);
    catalog_unref(four);
    kv_close(kv);
}

static void table__columns_of_each_kind(void **state)
{
    struct table *table = make_table("app", "t", 150);

    assert_int_equal(table_column_total(table), 5);
    assert_int_equal(table_find_column(table, STR_LIT("_deleted")), 4);
    assert_int_equal(table_find_column(table, STR_LIT("nope")), -1);
    assert_int_equal(table_column_type(table, 3).kind, VALUE_TIMESTAMP);
    assert_true(str_equal(table_column_name(table, 2), STR_LIT("_seq")));
    assert_int_equal(table->key_count, 1);
    assert_true(table_has_user_instances(table));
    table->kind = TABLE_KIND_STREAM;
    assert_int_equal(table_column_total(table), 3);
    assert_int_equal(table_find_column(table, STR_LIT("_updated")), -1);
    table_unref(table);
}

static void table__copy_gets_a_version_of_its_own(void **state)
{
    struct table *table = make_table("app", "t", 150);
    struct table *copy = table_copy(table, true);
    struct table_schema *schema = copy->schemas[1];
    struct value missing = value_text(VALUE_TEXT, STR_LIT("none"));

    assert_int_equal(table_next_column_id(table), 3);
    schema->columns[schema->column_count++] = (struct table_column){.id = 3,
                                                                    .name = STR_LIT("tag"),
                                                                    .type = {.kind = VALUE_TEXT},
                                                                    .key_position = -1,
                                                                    .missing = &missing};
    table_finish(copy);
    assert_int_equal(copy->schema->version, 2);
    assert_int_equal(table->schema->column_count, 2);
    assert_int_equal(copy->schema->layout.column_count, 3);
    assert_ptr_equal(copy->schema->layout.columns[2].missing, &missing);
    assert_ptr_equal(table_schema_version(copy, 1), copy->schemas[0]);
    assert_null(table_schema_version(copy, 3));
    table_unref(table);
    assert_true(str_equal(copy->name, STR_LIT("t")));
    table_unref(copy);
}

static void table__space_name_carries_the_id(void **state)
{
    struct table *table = make_table("app", "t", 150);
    struct table_id id = {0};

    struct str name = table_space_name(table, table->arena);
    assert_true(str_equal(name, STR_LIT("user_table:app:t:150")));
    assert_true(table_space_parse(name, &id));
    assert_int_equal(id.value, 150);
    assert_false(table_space_parse(STR_LIT("system_users"), &id));
    table_unref(table);
}

static void role__synonyms(void **state)
{
    enum role role;

    assert_true(role_parse(STR_LIT("Admin"), &role));
    assert_string_equal(role_name(role), "dba");
    assert_true(role_parse(STR_LIT("readonly"), &role));
    assert_string_equal(role_name(role), "user");
    assert_false(role_parse(STR_LIT("anonymous"), &role));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalog__system_tables_are_there),
        cmocka_unit_test(catalog__versions_are_isolated),
        cmocka_unit_test(catalog__ten_thousand_tables),
        cmocka_unit_test(catalog__api_key_follows_user),
        cmocka_unit_test(table__columns_of_each_kind),
        cmocka_unit_test(table__copy_gets_a_version_of_its_own),
        cmocka_unit_test(table__space_name_carries_the_id),
        cmocka_unit_test(role__synonyms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
