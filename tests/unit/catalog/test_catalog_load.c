/* test_catalog_load.c — what is written as system rows comes back as the same catalogue.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "catalog/catalog.h"
#include "catalog/system_tables.h"
#include "value/key.h"
#include "value/row.h"

static void put_row(struct kv *kv, const struct table *table, const struct value *values)
{
    struct kv_batch *batch = kv_batch_new(kv);
    struct row_header header = {.layout_version = 1, .seq = 1};
    struct buf key, row;
    struct error err;

    buf_init(&key);
    buf_init(&row);
    assert_int_equal(key_encode(&values[table->key_columns[0]], 1, &key, &err), STATUS_OK);
    row_encode(&table->schema->layout, &header, values, &row);
    kv_batch_put(batch, table->rows, buf_str(&key), buf_str(&row));
    assert_int_equal(kv_write(kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    buf_clear(&key);
    buf_clear(&row);
}

static struct table *make_rich_table(void)
{
    struct table *table = table_new();
    struct table_schema *schema = table_add_schema(table);
    struct table_column columns[] = {
        {.id = 1,
         .name = STR_LIT("id"),
         .type = {.kind = VALUE_BIGINT},
         .not_null = true,
         .auto_increment = true,
         .default_kind = DEFAULT_SNOWFLAKE,
         .key_position = 1},
        {.id = 2,
         .name = STR_LIT("room"),
         .type = {.kind = VALUE_TEXT, .length_max = 20},
         .not_null = true,
         .key_position = 0,
         .default_kind = DEFAULT_LITERAL,
         .default_value = value_text(VALUE_TEXT, STR_LIT("a \"quoted\"\n\\ room"))},
        {.id = 5,
         .name = STR_LIT("price"),
         .type = {.kind = VALUE_DECIMAL, .precision = 10, .scale = 2},
         .key_position = -1,
         .default_kind = DEFAULT_LITERAL,
         .default_value = value_decimal(-1250, 10, 2)},
        {.id = 6,
         .name = STR_LIT("note"),
         .type = {.kind = VALUE_JSON},
         .key_position = -1,
         .default_kind = DEFAULT_LITERAL,
         .default_value = value_null(VALUE_JSON)},
    };

    table->id.value = 777;
    table->kind = TABLE_KIND_SHARED;
    table->space = STR_LIT("app");
    table->name = STR_LIT("Rooms");
    table->comment = STR_LIT("rooms of the house");
    table->storage_id = STR_LIT("local");
    table->location = STR_LIT("{namespace}/shared/{tableName}");
    table->flush_rows = 1234;
    table->flush_interval_seconds = 55;
    table->deleted_retention_hours = 168;
    table->access = TABLE_ACCESS_PRIVATE;
    table->created_at = 1000;
    table->updated_at = 2000;
    schema->changes = STR_LIT("Initial schema");
    schema->created_at = 1000;
    schema->column_count = ARRAY_COUNT(columns);
    schema->columns = arena_array(schema->arena, ARRAY_COUNT(columns), sizeof(columns[0]));
    memcpy(schema->columns, columns, sizeof(columns));
    table_finish(table);
    return table;
}

static void put_table(struct kv *kv, const struct catalog *catalog, const struct table *table)
{
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct arena arena;

    arena_init(&arena, 0);
    system_row_table(table, &arena, values);
    put_row(kv, system_table(catalog, SYSTEM_TABLE_TABLES), values);
    for (uint32_t i = 0; i < table->schema_count; i++) {
        system_row_table_schema(table, table->schemas[i], false, &arena, values);
        put_row(kv, system_table(catalog, SYSTEM_TABLE_TABLE_SCHEMAS), values);
    }
    arena_clear(&arena);
}

static struct catalog *load(struct kv *kv)
{
    struct catalog *catalog = NULL;
    struct error err;

    assert_int_equal(catalog_load(kv, &catalog, &err), STATUS_OK);
    return catalog;
}

static void load__table_comes_back(void **state)
{
    struct kv *kv = kv_open_memory();
    struct catalog *catalog = load(kv);
    struct table *first = make_rich_table();
    struct table *wrote = table_copy(first, true);
    struct table_schema *next = wrote->schemas[1];
    struct value missing = value_text(VALUE_TEXT, STR_LIT("none"));

    next->changes = STR_LIT("ADD COLUMN tag TEXT");
    next->columns[next->column_count++] = (struct table_column){.id = 7,
                                                                .name = STR_LIT("tag"),
                                                                .type = {.kind = VALUE_TEXT},
                                                                .key_position = -1,
                                                                .missing = &missing,
                                                                .default_kind = DEFAULT_LITERAL,
                                                                .default_value = missing};
    table_finish(wrote);
    put_table(kv, catalog, wrote);
    catalog_unref(catalog);
    catalog = load(kv);

    const struct table *read = catalog_find_table(catalog, STR_LIT("app"), STR_LIT("Rooms"));
    assert_non_null(read);
    assert_int_equal(read->id.value, 777);
    assert_int_equal(read->kind, TABLE_KIND_SHARED);
    assert_int_equal(read->flush_rows, 1234);
    assert_int_equal(read->flush_interval_seconds, 55);
    assert_int_equal(read->deleted_retention_hours, 168);
    assert_int_equal(read->access, TABLE_ACCESS_PRIVATE);
    assert_true(str_equal(read->location, wrote->location));
    assert_true(str_equal(read->comment, wrote->comment));
    assert_int_equal(read->updated_at, 2000);
    assert_int_equal(read->schema_count, 2);
    assert_true(str_equal(read->schema->changes, STR_LIT("ADD COLUMN tag TEXT")));
    assert_int_equal(read->key_count, 2);
    assert_int_equal(read->key_columns[0], 1);
    assert_non_null(read->rows);
    for (uint32_t i = 0; i < next->column_count; i++) {
        const struct table_column *a = &next->columns[i], *b = &read->schema->columns[i];
        assert_int_equal(a->id, b->id);
        assert_true(str_equal(a->name, b->name));
        assert_int_equal(a->type.kind, b->type.kind);
        assert_int_equal(a->type.length_max, b->type.length_max);
        assert_int_equal(a->type.precision, b->type.precision);
        assert_int_equal(a->not_null, b->not_null);
        assert_int_equal(a->auto_increment, b->auto_increment);
        assert_int_equal(a->key_position, b->key_position);
        assert_int_equal(a->default_kind, b->default_kind);
        if (a->default_kind == DEFAULT_LITERAL)
            assert_true(value_is_same(&a->default_value, &b->default_value));
    }
    assert_true(value_is_same(read->schema->columns[4].missing, &missing));
    catalog_unref(catalog);
    table_unref(wrote);
    table_unref(first);
    kv_close(kv);
}

static void load__ten_thousand_tables(void **state)
{
    struct kv *kv = kv_open_memory();
    struct catalog *catalog = load(kv);
    struct table *table = make_rich_table();
    char name[16];

    for (uint64_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "t%05d", (int)i);
        struct table *copy = table_copy(table, false);
        copy->name = str_from_c(name);
        copy->id.value = 1000 + i;
        table_finish(copy);
        put_table(kv, catalog, copy);
        table_unref(copy);
    }
    catalog_unref(catalog);
    catalog = load(kv);
    for (uint64_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "t%05d", (int)i);
        const struct table *read = catalog_find_table(catalog, STR_LIT("app"), str_from_c(name));
        assert_int_equal(read->id.value, 1000 + i);
        assert_int_equal(read->schema->column_count, 4);
    }
    catalog_unref(catalog);
    table_unref(table);
    kv_close(kv);
}

static void load__user_comes_back(void **state)
{
    struct kv *kv = kv_open_memory();
    struct catalog *catalog = load(kv);
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct user *user = user_new();

    user->id = STR_LIT("ann");
    user->username = STR_LIT("Ann");
    user->role = ROLE_DBA;
    user->password_hash = STR_LIT("$argon2id$v=19$x");
    user->api_key_hash = STR_LIT("abcdef");
    user->credentials_changed = 4711;
    user->created_at = 1;
    user->updated_at = 2;
    user->deleted_at = 3;
    system_row_user(user, user->arena, values);
    put_row(kv, system_table(catalog, SYSTEM_TABLE_USERS), values);
    catalog_unref(catalog);
    catalog = load(kv);
    const struct user *read = catalog_find_user(catalog, STR_LIT("ann"));
    assert_non_null(read);
    assert_int_equal(read->role, ROLE_DBA);
    assert_true(str_equal(read->password_hash, user->password_hash));
    assert_int_equal(read->credentials_changed, 4711);
    assert_int_equal(read->deleted_at, 3);
    assert_true(str_equal(read->storage_mode, STR_LIT("table")));
    assert_ptr_equal(catalog_find_api_key(catalog, STR_LIT("abcdef")), read);
    user_unref(user);
    catalog_unref(catalog);
    kv_close(kv);
}

static void load__broken_record_is_named(void **state)
{
    struct kv *kv = kv_open_memory();
    struct catalog *catalog = load(kv), *again = NULL;
    struct kv_batch *batch = kv_batch_new(kv);
    struct error err;

    kv_batch_put(batch, system_table(catalog, SYSTEM_TABLE_USERS)->rows, STR_LIT("eve"),
                 STR_LIT("garbage"));
    assert_int_equal(kv_write(kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    assert_int_equal(catalog_load(kv, &again, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "system.users, record eve"));
    catalog_unref(catalog);
    kv_close(kv);
}

static void options__merge(void **state)
{
    struct arena arena;
    struct str out;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(options_json_merge(STR_LIT("{\"a\":1,\"b\":\"x\"}"),
                                        STR_LIT("{\"a\":null,\"c\":true}"), &arena, &out, &err),
                     STATUS_OK);
    assert_true(str_equal(out, STR_LIT("{\"b\":\"x\",\"c\":true}")));
    assert_int_equal(options_json_merge(STR_EMPTY, STR_LIT("{\"a\":[1]}"), &arena, &out, &err),
                     STATUS_INVALID_SQL);
    assert_int_equal(options_json_merge(STR_EMPTY, STR_LIT("{\"a\":1} x"), &arena, &out, &err),
                     STATUS_INVALID_SQL);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load__table_comes_back), cmocka_unit_test(load__ten_thousand_tables),
        cmocka_unit_test(load__user_comes_back),  cmocka_unit_test(load__broken_record_is_named),
        cmocka_unit_test(options__merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
