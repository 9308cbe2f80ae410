/* scan.c — collects the rows of a system table.
 *
 * Users, namespaces, tables and storages come from the view's catalogue, so that they agree with
 * everything else the statement sees; schema versions and jobs from their stored rows; the rest is
 * asked from services. Secrets are replaced by *** here, for every executor and every role.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/scan.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "sql/binder.h"
#include "value/key.h"

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

bool system_scan_looks_up(const struct table *table)
{
    enum system_table which = system_table_of(table);

    CHECK(table->schema != NULL);
    return table->key_count > 0 && which != SYSTEM_TABLE_SEGMENTS && which != SYSTEM_TABLE_SETTINGS;
}

bool system_scan_point(struct system_scan *scan, size_t index, struct value *values)
{
    enum value_type kinds[LIMIT_KEY_COLUMNS];
    uint32_t count = scan->table->key_count;

    CHECK(index < scan->point_count && count <= LIMIT_KEY_COLUMNS);
    for (uint32_t i = 0; i < count; i++) {
        kinds[i] = VALUE_TEXT;
        CHECK(scan->table->schema->columns[scan->table->key_columns[i]].type.kind == VALUE_TEXT);
    }
    return key_decode(scan->points[index], kinds, count, &scan->arena, values, NULL) == STATUS_OK;
}

/* The text of point `index`, for tables with one key column. */
static struct str system_point(struct system_scan *scan, size_t index)
{
    struct value value;

    CHECK(scan->table->key_count == 1);
    return system_scan_point(scan, index, &value) ? value.text : STR_EMPTY;
}

const struct table *system_scan_find_table(const struct catalog *catalog, struct str space,
                                           struct str name)
{
    const struct table *table = catalog_find_table(catalog, space, name);

    CHECK(catalog != NULL);
    return table != NULL && str_equal(table->name, name) ? table : NULL; /* not system.live */
}

const struct table *system_scan_next_table(struct system_scan *scan, const struct catalog *catalog,
                                           size_t *at)
{
    struct value values[LIMIT_KEY_COLUMNS];

    if (!scan->by_points)
        return catalog_table_at(catalog, (*at)++);
    CHECK(scan->table->key_count >= 2);
    while (*at < scan->point_count) {
        if (!system_scan_point(scan, (*at)++, values))
            continue;
        const struct table *table = system_scan_find_table(catalog, values[0].text, values[1].text);
        if (table == NULL || table == scan->named) /* points of one table are neighbours */
            continue;
        scan->named = table;
        return table;
    }
    return NULL;
}

static void system_add_user(struct system_scan *scan, const struct user *user)
{
    bool all = binder_sees_all_rows(scan->engine, scan->caller);

    if (user == NULL || (!all && !str_equal(user->id, scan->caller->user)) ||
        (user->deleted_at != 0 && !scan->scan->with_deleted))
        return;
    struct value *values = system_scan_add(scan);
    system_row_user(user, &scan->arena, values);
    CHECK(!values[0].is_null);
    system_mask(scan, values, "password_hash");
    system_mask(scan, values, "api_key");
}

static void system_scan_users(struct system_scan *scan, const struct catalog *catalog)
{
    const struct user *user;

    CHECK(scan->caller != NULL);
    for (size_t i = 0; i < scan->point_count; i++)
        system_add_user(scan, catalog_find_user(catalog, system_point(scan, i)));
    for (size_t i = 0; !scan->by_points && (user = catalog_user_at(catalog, i)) != NULL; i++)
        system_add_user(scan, user);
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

static void system_add_namespace(struct system_scan *scan, const struct catalog *catalog,
                                 const struct catalog_namespace *space)
{
    if (space == NULL)
        return;
    struct value *values = system_scan_add(scan);
    CHECK(space->name.size > 0);
    system_row_namespace(space, &scan->arena, values);
    *system_column(scan, values, "table_count") =
        value_integer(VALUE_INT, system_count_tables(catalog, space->name));
}

static void system_scan_namespaces(struct system_scan *scan, const struct catalog *catalog)
{
    const struct catalog_namespace *space;

    CHECK(catalog != NULL);
    for (size_t i = 0; i < scan->point_count; i++)
        system_add_namespace(scan, catalog, catalog_find_namespace(catalog, system_point(scan, i)));
    for (size_t i = 0; !scan->by_points && (space = catalog_namespace_at(catalog, i)) != NULL; i++)
        system_add_namespace(scan, catalog, space);
}

static void system_scan_tables(struct system_scan *scan, const struct catalog *catalog)
{
    const struct table *table;

    CHECK(catalog != NULL);
    for (size_t i = 0; i < scan->point_count; i++) {
        struct str id = system_point(scan, i); /* namespace:table; names hold no colon */
        size_t colon = str_find(id, STR_LIT(":"));
        if (colon == SIZE_MAX)
            continue;
        table = system_scan_find_table(catalog, str_from(id.data, colon),
                                       str_from(id.data + colon + 1, id.size - colon - 1));
        if (table != NULL)
            system_row_table(table, &scan->arena, system_scan_add(scan));
    }
    for (size_t i = 0; !scan->by_points && (table = catalog_table_at(catalog, i)) != NULL; i++)
        system_row_table(table, &scan->arena, system_scan_add(scan));
}

static void system_add_storage(struct system_scan *scan, const struct catalog *catalog,
                               const struct storage *storage)
{
    const struct table *table;
    int64_t count = 0;

    if (storage == NULL)
        return;
    struct value *values = system_scan_add(scan);
    system_row_storage(storage, values);
    system_mask(scan, values, "credentials");
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        count += str_equal(table->storage_id, storage->id);
    CHECK(count >= 0);
    *system_column(scan, values, "usage_count") = value_integer(VALUE_BIGINT, count);
}

/* `local` first, then by name. */
static int system_compare_storages(const void *a, const void *b, void *context)
{
    const struct table *table = context;
    const struct value *left = *(struct value *const *)a, *right = *(struct value *const *)b;
    int name = table_find_column(table, STR_LIT("storage_name"));
    bool left_local = str_equal(left[0].text, STR_LIT(STORAGE_LOCAL));
    bool right_local = str_equal(right[0].text, STR_LIT(STORAGE_LOCAL));

    CHECK(name >= 0);
    if (left_local || right_local)
        return (int)right_local - (int)left_local;
    int order = str_compare(left[name].text, right[name].text);
    return order != 0 ? order : str_compare(left[0].text, right[0].text);
}

static void system_scan_storages(struct system_scan *scan, const struct catalog *catalog)
{
    const struct storage *storage;

    CHECK(catalog != NULL);
    for (size_t i = 0; i < scan->point_count; i++)
        system_add_storage(scan, catalog, catalog_find_storage(catalog, system_point(scan, i)));
    for (size_t i = 0; !scan->by_points && (storage = catalog_storage_at(catalog, i)) != NULL; i++)
        system_add_storage(scan, catalog, storage);
    if (scan->count > 1)
        qsort_r(scan->rows, scan->count, sizeof(*scan->rows), system_compare_storages,
                (void *)(uintptr_t)scan->table);
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

/* Forgets the newest row if the caller may not see it. */
static void system_keep_row(struct system_scan *scan, enum system_table which, struct value *values)
{
    CHECK(scan->count > 0);
    if (which == SYSTEM_TABLE_JOBS && !system_sees_job(scan, values))
        scan->count--;
}

/* `app:t:7` → the key under which the row is stored. */
static struct str system_stored_schema_key(struct system_scan *scan, struct str key)
{
    const enum value_type kind = VALUE_TEXT;
    struct value value;
    struct buf out;

    if (key_decode(key, &kind, 1, &scan->arena, &value, NULL) != STATUS_OK)
        return key;
    value.text = schema_id_stored(value.text, &scan->arena);
    buf_init(&out);
    enum status status = key_encode(&value, 1, &out, NULL);
    struct str copy = status == STATUS_OK ? arena_copy(&scan->arena, buf_str(&out)) : key;
    buf_clear(&out);
    return copy;
}

static void system_add_row(struct system_scan *scan, enum system_table which, const struct row *row)
{
    struct value *values = system_scan_add(scan);

    for (uint32_t i = 0; i < scan->table->schema->column_count; i++) {
        row_column(row, i, &scan->arena, &values[i]);
        if (!values[i].is_null && value_type_is_text(values[i].type))
            values[i].text = arena_copy(&scan->arena, values[i].text);
    }
    CHECK(scan->count > 0);
    if (which == SYSTEM_TABLE_TABLE_SCHEMAS)
        values[0].text = schema_id_show(values[0].text, &scan->arena);
    system_keep_row(scan, which, values);
}

static enum status system_scan_stored_points(struct system_scan *scan, enum system_table which,
                                             const struct scan_options *options, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(scan->by_points);
    for (size_t i = 0; i < scan->point_count && status == STATUS_OK; i++) {
        struct str key = which == SYSTEM_TABLE_TABLE_SCHEMAS
                             ? system_stored_schema_key(scan, scan->points[i])
                             : scan->points[i];
        struct row_pin pin = {0};
        struct row row = {0};
        status = row_get_by_key(scan->engine->store, options, key, &row, &pin, err);
        if (status == STATUS_ABSENT) {
            status = STATUS_OK;
            continue;
        }
        if (status != STATUS_OK)
            break;
        system_add_row(scan, which, &row);
        row_pin_release(scan->engine->store, &pin);
    }
    return status;
}

static enum status system_scan_stored(struct system_scan *scan, enum system_table which,
                                      struct error *err)
{
    struct scan_options options = *scan->scan;
    struct scan *rows = NULL;
    struct row row;
    enum status status;

    CHECK(scan->table->rows != NULL);
    options.arena = &scan->arena;
    options.descending = false;
    options.range = (struct key_range){STR_EMPTY, STR_EMPTY};
    if (scan->by_points)
        return system_scan_stored_points(scan, which, &options, err);
    status = scan_open(scan->engine->store, &options, &rows, err);
    while (status == STATUS_OK) {
        status = scan_next(rows, &row, err);
        if (status == STATUS_OK) {
            system_add_row(scan, which, &row);
            status = arena_check(&scan->arena, err);
        }
    }
    scan_close(rows);
    return status == STATUS_END ? STATUS_OK : status;
}

/* ---- system.storage_locations: the storages under other names -------------------------------- */

static enum status system_scan_locations(struct system_scan *scan, const struct catalog *catalog,
                                         struct error *err)
{
    static const char *const columns[][2] = {
        {"location_name", "storage_id"},
        {"location_type", "storage_type"},
        {"path", "uri"},
        {"credentials_ref", "credentials"},
        {"usage_count", "usage_count"},
        {"created_at", "created_at"},
        {"updated_at", "updated_at"},
    };
    struct scan_options options = *scan->scan;
    struct table_source_options source = {
        .engine = scan->engine, .scan = options, .caller = scan->caller};
    struct system_scan *storages = NULL;

    source.scan.table = system_table(catalog, SYSTEM_TABLE_STORAGES);
    source.points = scan->points;
    source.point_count = scan->point_count;
    enum status status = system_scan_open(&source, &storages, err);
    while (status == STATUS_OK && system_scan_next(storages) == STATUS_OK) {
        struct value *values = system_scan_add(scan);
        CHECK(ARRAY_COUNT(columns) == scan->table->schema->column_count);
        for (size_t i = 0; i < ARRAY_COUNT(columns); i++) {
            struct value *out = system_column(scan, values, columns[i][0]);
            int from = table_find_column(storages->table, str_from_c(columns[i][1]));
            system_scan_column(storages, (uint32_t)from, out);
            if (!out->is_null && value_type_is_text(out->type))
                out->text = arena_copy(&scan->arena, out->text);
        }
    }
    system_scan_close(storages);
    return status;
}

/* ---- open, read ------------------------------------------------------------------------------ */

static enum status system_scan_fill(struct system_scan *scan, struct error *err)
{
    const struct catalog *catalog = view_catalog(scan->scan->view);
    enum system_table which = system_table_of(scan->table);

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
    case SYSTEM_TABLE_TABLE_SCHEMAS:
    case SYSTEM_TABLE_JOBS:
        return system_scan_stored(scan, which, err);
    case SYSTEM_TABLE_STORAGES:
        system_scan_storages(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_STORAGE_LOCATIONS:
        return system_scan_locations(scan, catalog, err);
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

/* Rows of these come in their order already, or have no key. */
static bool system_is_ordered(const struct table *table)
{
    enum system_table which = system_table_of(table);

    CHECK(table->schema != NULL);
    return table->key_count == 0 || which == SYSTEM_TABLE_SCHEMA_COLUMNS ||
           which == SYSTEM_TABLE_TABLE_SCHEMAS || which == SYSTEM_TABLE_STORAGES ||
           which == SYSTEM_TABLE_STORAGE_LOCATIONS;
}

enum status system_scan_open(const struct table_source_options *options, struct system_scan **out,
                             struct error *err)
{
    struct system_scan *scan = mem_zalloc(sizeof(*scan));
    enum status status;

    CHECK(options->scan.view != NULL && options->caller != NULL);
    *out = NULL;
    arena_init(&scan->arena, options->engine->options.statement_memory_bytes);
    scan->engine = options->engine;
    scan->caller = options->caller;
    scan->scan = &options->scan;
    scan->table = options->scan.table;
    scan->points = options->points;
    scan->point_count = options->point_count;
    scan->by_points = options->points != NULL;
    status = system_scan_fill(scan, err);
    scan->scan = NULL;
    scan->points = NULL;
    if (status != STATUS_OK) {
        system_scan_close(scan);
        return status;
    }
    if (scan->count > 1 && !system_is_ordered(scan->table))
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
