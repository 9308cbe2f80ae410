/* system_scan.c — collects the rows of a system table.
 *
 * Users, namespaces and tables come from the view's catalogue, so that they agree with everything
 * else the statement sees; schema versions, storages and jobs from their stored rows; the rest is
 * asked from services. Secrets are replaced by *** here, for every executor and every role.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system_scan.h"

#include "base/check.h"
#include "base/mem.h"
#include "sql/binder.h"

#include <stdlib.h>

struct value *system_scan_add(struct system_scan *scan)
{
    const struct table_schema *schema = scan->table->schema;

    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity > 0 ? 2 * scan->capacity : 32;
        scan->rows = arena_grow(&scan->arena, scan->rows, scan->count * sizeof(*scan->rows),
                                capacity * sizeof(*scan->rows));
        scan->capacity = capacity;
    }
    CHECK(schema->column_count <= SYSTEM_TABLE_COLUMNS_MAX);
    struct value *values = arena_array(&scan->arena, schema->column_count, sizeof(*values));
    for (uint32_t i = 0; i < schema->column_count; i++)
        values[i] = value_null(schema->columns[i].type.kind);
    scan->rows[scan->count++] = values;
    return values;
}

static struct value *system_column(const struct system_scan *scan, struct value *values,
                                   const char *name)
{
    int index = table_find_column(scan->table, str_from_c(name));

    CHECK(index >= 0 && (uint32_t)index < scan->table->schema->column_count);
    return &values[index];
}

static void system_mask(const struct system_scan *scan, struct value *values, const char *name)
{
    struct value *value = system_column(scan, values, name);

    CHECK(value->type == VALUE_TEXT);
    if (!value->is_null)
        value->text = STR_LIT("***");
}

/* ---- from the catalogue ---------------------------------------------------------------------- */

static void system_scan_users(struct system_scan *scan, const struct catalog *catalog)
{
    bool all = binder_sees_all_rows(scan->engine, scan->caller);
    const struct user *user;

    for (size_t i = 0; (user = catalog_user_at(catalog, i)) != NULL; i++) {
        if (!all && !str_equal(user->id, scan->caller->user))
            continue;
        if (user->deleted_at != 0 && !scan->scan->with_deleted)
            continue;
        struct value *values = system_scan_add(scan);
        system_row_user(user, &scan->arena, values);
        system_mask(scan, values, "password_hash");
        system_mask(scan, values, "api_key");
    }
    CHECK(scan->caller != NULL);
}

static int64_t system_count_tables(const struct catalog *catalog, struct str space)
{
    const struct table *table;
    int64_t count = 0;

    CHECK(catalog != NULL);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        count += str_equal(table->space, space);
    return count;
}

static void system_scan_namespaces(struct system_scan *scan, const struct catalog *catalog)
{
    const struct catalog_namespace *space;

    CHECK(catalog != NULL);
    for (size_t i = 0; (space = catalog_namespace_at(catalog, i)) != NULL; i++) {
        struct value *values = system_scan_add(scan);
        system_row_namespace(space, &scan->arena, values);
        *system_column(scan, values, "table_count") =
            value_integer(VALUE_INT, system_count_tables(catalog, space->name));
    }
}

static void system_scan_tables(struct system_scan *scan, const struct catalog *catalog)
{
    const struct table *table;

    CHECK(catalog != NULL);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        system_row_table(table, &scan->arena, system_scan_add(scan));
}

/* ---- from stored rows ------------------------------------------------------------------------ */

static bool system_sees_job(const struct system_scan *scan, struct value *values)
{
    const struct value *user = system_column(scan, values, "user_id");

    CHECK(scan->caller != NULL);
    if (binder_has_role(scan->engine, scan->caller, ROLE_SERVICE))
        return true;
    return !user->is_null && str_equal(user->text, scan->caller->user);
}

static void system_keep_row(struct system_scan *scan, enum system_table which, struct value *values,
                            const struct catalog *catalog)
{
    const struct table *table;
    int64_t count = 0;

    if (which == SYSTEM_TABLE_JOBS && !system_sees_job(scan, values)) {
        scan->count--;
        return;
    }
    if (which != SYSTEM_TABLE_STORAGES)
        return;
    system_mask(scan, values, "credentials");
    const struct value *id = system_column(scan, values, "storage_id");
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        count += str_equal(table->storage_id, id->text);
    CHECK(count >= 0);
    *system_column(scan, values, "usage_count") = value_integer(VALUE_BIGINT, count);
}

static enum status system_scan_stored(struct system_scan *scan, enum system_table which,
                                      const struct catalog *catalog, struct error *err)
{
    struct scan_options options = *scan->scan;
    struct scan *rows = NULL;
    struct row row;
    enum status status;

    CHECK(scan->table->rows != NULL);
    options.arena = &scan->arena;
    options.descending = false;
    options.range = (struct key_range){STR_EMPTY, STR_EMPTY};
    status = scan_open(scan->engine->store, &options, &rows, err);
    while (status == STATUS_OK) {
        status = scan_next(rows, &row, err);
        if (status != STATUS_OK)
            break;
        struct value *values = system_scan_add(scan);
        for (uint32_t i = 0; i < scan->table->schema->column_count; i++) {
            row_column(&row, i, &scan->arena, &values[i]);
            if (!values[i].is_null && value_type_is_text(values[i].type))
                values[i].text = arena_copy(&scan->arena, values[i].text);
        }
        system_keep_row(scan, which, values, catalog);
        status = arena_check(&scan->arena, err);
    }
    scan_close(rows);
    return status == STATUS_END ? STATUS_OK : status;
}

/* `local` is there even when nobody stored it. */
static void system_scan_local_storage(struct system_scan *scan, const struct catalog *catalog)
{
    for (size_t i = 0; i < scan->count; i++)
        if (str_equal(system_column(scan, scan->rows[i], "storage_id")->text, STR_LIT("local")))
            return;
    struct value *values = system_scan_add(scan);
    *system_column(scan, values, "storage_id") = value_text(VALUE_TEXT, STR_LIT("local"));
    *system_column(scan, values, "storage_name") = value_text(VALUE_TEXT, STR_LIT("Local storage"));
    *system_column(scan, values, "storage_type") = value_text(VALUE_TEXT, STR_LIT("filesystem"));
    *system_column(scan, values, "uri") = value_text(VALUE_TEXT, STR_LIT(""));
    *system_column(scan, values, "shared_tables_template") =
        value_text(VALUE_TEXT, STR_LIT("{namespace}/shared/{tableName}"));
    *system_column(scan, values, "user_tables_template") =
        value_text(VALUE_TEXT, STR_LIT("{namespace}/users/{tableName}/{shard}/{userId}"));
    const struct catalog_namespace *first = catalog_namespace_at(catalog, 0);
    int64_t created = first != NULL ? first->created_at : 0;
    *system_column(scan, values, "created_at") = value_integer(VALUE_TIMESTAMP, created);
    *system_column(scan, values, "updated_at") = value_integer(VALUE_TIMESTAMP, created);
    CHECK(scan->count > 0);
    system_keep_row(scan, SYSTEM_TABLE_STORAGES, values, catalog);
}

/* ---- from services and counters -------------------------------------------------------------- */

static struct value system_text(struct system_scan *scan, enum value_type type, struct str text)
{
    CHECK(value_type_is_text(type));
    return text.data == NULL ? value_null(type) : value_text(type, arena_copy(&scan->arena, text));
}

static void system_scan_live(struct system_scan *scan)
{
    bool all = binder_has_role(scan->engine, scan->caller, ROLE_SERVICE);
    struct sql_live_entry *entries = NULL;
    size_t count = 0;

    CHECK(scan->caller != NULL);
    if (scan->engine->services.live_entries == NULL)
        return;
    scan->engine->services.live_entries(scan->engine->services.context, (struct table_id){0},
                                        &scan->arena, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        const struct sql_live_entry *entry = &entries[i];
        if (!all && !str_equal(entry->user, scan->caller->user))
            continue;
        struct value *v = system_scan_add(scan);
        v[0] = system_text(scan, VALUE_TEXT, entry->live_id);
        v[1] = system_text(scan, VALUE_TEXT, entry->connection_id);
        v[2] = system_text(scan, VALUE_TEXT, entry->query_id);
        v[3] = system_text(scan, VALUE_TEXT, entry->space);
        v[4] = system_text(scan, VALUE_TEXT, entry->table_name);
        v[5] = system_text(scan, VALUE_TEXT, entry->user);
        v[6] = system_text(scan, VALUE_TEXT, entry->query);
        if (!str_is_empty(entry->options))
            v[7] = system_text(scan, VALUE_JSON, entry->options);
        v[8] = system_text(scan, VALUE_TEXT, entry->status);
        v[9] = value_integer(VALUE_BIGINT, entry->changes);
        v[10] = system_text(scan, VALUE_TEXT, str_from_c(scan->engine->options.node));
        v[11] = value_integer(VALUE_TIMESTAMP, entry->created_at);
        v[12] = value_integer(VALUE_TIMESTAMP, entry->last_update);
        v[13] = value_integer(VALUE_TIMESTAMP, entry->last_ping_at);
    }
}

struct system_counters {
    struct system_scan *scan;
    const struct table *table;
    bool all;
};

static bool system_visit_counters(void *context, struct str user,
                                  const struct instance_counters *counters)
{
    struct system_counters *visit = context;
    struct system_scan *scan = visit->scan;

    CHECK(counters != NULL);
    if (!visit->all && !str_equal(user, scan->caller->user))
        return true;
    struct value *values = system_scan_add(scan);
    values[0] = value_text(VALUE_TEXT, arena_copy(&scan->arena, user));
    values[1] = value_text(VALUE_TEXT, visit->table->space);
    values[2] = value_text(VALUE_TEXT, visit->table->name);
    values[3] = value_integer(VALUE_BIGINT, counters->buffered_rows);
    return true;
}

static enum status system_scan_counters(struct system_scan *scan, const struct catalog *catalog,
                                        struct error *err)
{
    struct system_counters visit = {.scan = scan,
                                    .all = binder_sees_all_rows(scan->engine, scan->caller)};
    enum status status = STATUS_OK;

    CHECK(catalog != NULL);
    for (size_t i = 0; status == STATUS_OK && (visit.table = catalog_table_at(catalog, i)) != NULL;
         i++)
        if (visit.table->kind == TABLE_KIND_USER || visit.table->kind == TABLE_KIND_SHARED)
            status = instance_each(scan->engine->store, scan->scan->view, visit.table,
                                   system_visit_counters, &visit, err);
    return status;
}

/* ---- open, read ------------------------------------------------------------------------------ */

static enum status system_scan_fill(struct system_scan *scan, struct error *err)
{
    const struct catalog *catalog = view_catalog(scan->scan->view);
    enum system_table which = system_table_of(scan->table);
    enum status status = STATUS_OK;

    CHECK(scan->table->kind == TABLE_KIND_SYSTEM);
    switch (which) {
    case SYSTEM_TABLE_USERS:
        system_scan_users(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_NAMESPACES:
        system_scan_namespaces(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_TABLES:
        system_scan_tables(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_LIVE_QUERIES:
        system_scan_live(scan);
        return STATUS_OK;
    case SYSTEM_TABLE_USER_TABLE_COUNTERS:
        return system_scan_counters(scan, catalog, err);
    case SYSTEM_TABLE_TABLE_SCHEMAS:
    case SYSTEM_TABLE_JOBS:
        return system_scan_stored(scan, which, catalog, err);
    case SYSTEM_TABLE_STORAGES:
        status = system_scan_stored(scan, which, catalog, err);
        if (status == STATUS_OK)
            system_scan_local_storage(scan, catalog);
        return status;
    default:
        return system_rows_fill(scan, which, err);
    }
}

/* A total order over whole rows by the table's key columns. */
static int system_compare_rows(const void *a, const void *b, void *context)
{
    const struct table *table = context;
    const struct value *left = *(struct value *const *)a, *right = *(struct value *const *)b;

    CHECK(left != NULL && right != NULL);
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t column = table->key_columns[i];
        if (left[column].is_null || right[column].is_null)
            continue;
        int order = value_compare(&left[column], &right[column]);
        if (order != 0)
            return order;
    }
    return 0;
}

enum status system_scan_open(struct sql_engine *engine, const struct sql_caller *caller,
                             const struct scan_options *options, struct system_scan **out,
                             struct error *err)
{
    struct system_scan *scan = mem_zalloc(sizeof(*scan));
    enum status status;

    CHECK(options->view != NULL && caller != NULL);
    *out = NULL;
    arena_init(&scan->arena, engine->options.statement_memory_bytes);
    scan->engine = engine;
    scan->caller = caller;
    scan->scan = options;
    scan->table = options->table;
    status = system_scan_fill(scan, err);
    scan->scan = NULL;
    if (status != STATUS_OK) {
        system_scan_close(scan);
        return status;
    }
    if (scan->table->key_count > 0 && scan->count > 1 &&
        system_table_of(scan->table) != SYSTEM_TABLE_SCHEMA_COLUMNS)
        qsort_r(scan->rows, scan->count, sizeof(*scan->rows), system_compare_rows,
                (void *)(uintptr_t)scan->table);
    *out = scan;
    return STATUS_OK;
}

enum status system_scan_next(struct system_scan *scan)
{
    CHECK(scan->next <= scan->count);
    if (scan->next == scan->count)
        return STATUS_END;
    scan->next++;
    return STATUS_OK;
}

void system_scan_column(const struct system_scan *scan, uint32_t index, struct value *out)
{
    CHECK(scan->next > 0);
    if (index < scan->table->schema->column_count) {
        *out = scan->rows[scan->next - 1][index];
        return;
    }
    *out = value_null(table_column_type(scan->table, index).kind);
}

void system_scan_close(struct system_scan *scan)
{
    if (scan == NULL)
        return;
    CHECK(scan->engine != NULL);
    arena_clear(&scan->arena);
    mem_free(scan);
}
