/* table.c — a table object: its memory, columns and what is derived from them, see catalog.h.
 *
 * A table owns one arena with everything it points to, but for its schema versions: each has an
 * arena and a count of its own, because the next states of the table share it. A table is filled by
 * one thread, derived members are computed by table_finish, then it is immutable and shared by
 * reference count.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "catalog/catalog_internal.h"

static const struct {
    const char *name;
    enum value_type type;
    uint32_t id;
} system_columns[SYSTEM_COLUMN_COUNT] = {
    [SYSTEM_COLUMN_SEQ] = {"_seq", VALUE_BIGINT, COLUMN_ID_SEQ},
    [SYSTEM_COLUMN_UPDATED] = {"_updated", VALUE_TIMESTAMP, COLUMN_ID_UPDATED},
    [SYSTEM_COLUMN_DELETED] = {"_deleted", VALUE_BOOLEAN, COLUMN_ID_DELETED},
};

const char *table_kind_name(enum table_kind kind)
{
    switch (kind) {
    case TABLE_KIND_USER:
        return "USER";
    case TABLE_KIND_SHARED:
        return "SHARED";
    case TABLE_KIND_STREAM:
        return "STREAM";
    case TABLE_KIND_SYSTEM:
        return "SYSTEM";
    }
    UNREACHABLE("table kind");
}

struct table *table_new(void)
{
    struct table *table = mem_zalloc(sizeof(*table));

    atomic_init(&table->refs, 1);
    table->arena = mem_zalloc(sizeof(*table->arena));
    arena_init(table->arena, 0);
    table->deleted_retention_hours = -1;
    CHECK(table->schema == NULL);
    return table;
}

/* For the two members that change after publication. */
static struct table *table_shared(const struct table *table)
{
    CHECK(table != NULL);
    return (struct table *)(uintptr_t)table;
}

struct table *table_ref(const struct table *table)
{
    struct table *shared = table_shared(table);
    unsigned before = atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return shared;
}

void table_set_last_flushed(const struct table *table, int64_t flushed_us)
{
    CHECK(flushed_us > 0);
    atomic_store_explicit(&table_shared(table)->last_flushed_at, flushed_us, memory_order_relaxed);
}

static void table_schema_unref(struct table_schema *schema)
{
    unsigned before = atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel);

    CHECK(before > 0);
    if (before > 1)
        return;
    arena_clear(schema->arena);
    mem_free(schema->arena);
    mem_free(schema);
}

void table_unref(struct table *table)
{
    if (table == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < table->schema_count; i++)
        table_schema_unref(table->schemas[i]);
    arena_clear(table->arena);
    mem_free(table->arena);
    mem_free(table);
}

/* The place of one more version. */
static struct table_schema **table_next_schema(struct table *table)
{
    uint32_t count = table->schema_count;
    struct table_schema **schemas = (struct table_schema **)(uintptr_t)table->schemas;

    CHECK(count <= table->schema_capacity);
    if (count == table->schema_capacity) {
        uint32_t capacity = count * 2 + 1;
        schemas = arena_grow(table->arena, schemas, count * sizeof(struct table_schema *),
                             capacity * sizeof(struct table_schema *));
        table->schemas = schemas;
        table->schema_capacity = capacity;
    }
    table->schema_count++;
    return &schemas[count];
}

struct table_schema *table_add_schema(struct table *table)
{
    struct table_schema *schema = mem_zalloc(sizeof(*schema));
    uint32_t last = table->schema_count;

    atomic_init(&schema->refs, 1);
    schema->arena = mem_zalloc(sizeof(*schema->arena));
    arena_init(schema->arena, 0);
    schema->version = last > 0 ? table->schemas[last - 1]->version + 1 : 1;
    *table_next_schema(table) = schema;
    CHECK(table->schemas[last] == schema);
    table->schema = schema;
    return schema;
}

/* ---- derived members --------------------------------------------------------------------------
 */

static void table_finish_layout(struct table_schema *schema)
{
    struct row_column *columns =
        arena_array(schema->arena, schema->column_count, sizeof(struct row_column));

    CHECK(schema->column_count > 0 && schema->version > 0);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const struct table_column *column = &schema->columns[i];
        CHECK(column->id > 0 && column->name.size > 0);
        columns[i].id = column->id;
        columns[i].type = column->type;
        columns[i].missing = column->missing;
    }
    schema->layout = (struct row_layout){
        .version = schema->version, .column_count = schema->column_count, .columns = columns};
    row_layout_init(&schema->layout);
}

static void table_finish_key(struct table *table)
{
    const struct table_schema *schema = table->schema;
    uint32_t found = 0;

    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].key_position >= 0)
            found++;
    CHECK((found > 0 || table->kind == TABLE_KIND_SYSTEM) && found <= LIMIT_KEY_COLUMNS);
    table->key_columns = arena_array(table->arena, found, sizeof(*table->key_columns));
    table->key_count = found;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        int position = schema->columns[i].key_position;
        if (position < 0)
            continue;
        CHECK((uint32_t)position < found);
        table->key_columns[position] = i;
    }
}

void table_finish(struct table *table)
{
    CHECK(table->schema_count > 0 && table->name.size > 0 && table->space.size > 0);
    for (uint32_t i = 0; i < table->schema_count; i++) {
        CHECK(i == 0 || table->schemas[i]->version > table->schemas[i - 1]->version);
        if (table->schemas[i]->layout.columns == NULL) /* shared ones have it */
            table_finish_layout(table->schemas[i]);
    }
    table->schema = table->schemas[table->schema_count - 1];
    table_finish_key(table);
}

/* ---- copy for ALTER ---------------------------------------------------------------------------
 */

static void table_copy_value(struct arena *arena, struct value *value)
{
    CHECK(arena != NULL);
    if (!value->is_null && value_type_is_text(value->type))
        value->text = arena_copy(arena, value->text);
}

static void table_copy_columns(const struct table_schema *from, struct table_schema *to)
{
    struct arena *arena = to->arena;

    CHECK(from->column_count <= LIMIT_TABLE_COLUMNS);
    /* One more than needed, so that an ADD COLUMN has room. */
    to->columns = arena_array(arena, from->column_count + 1, sizeof(struct table_column));
    to->column_count = from->column_count;
    for (uint32_t i = 0; i < from->column_count; i++) {
        struct table_column *column = &to->columns[i];
        *column = from->columns[i];
        column->name = arena_copy(arena, column->name);
        if (column->default_kind == DEFAULT_LITERAL)
            table_copy_value(arena, &column->default_value);
        if (column->missing != NULL) {
            struct value *missing = arena_alloc(arena, sizeof(*missing));
            *missing = *column->missing;
            table_copy_value(arena, missing);
            column->missing = missing;
        }
    }
}

struct table *table_copy(const struct table *table, bool next_version)
{
    struct table *copy = table_new();
    struct arena *arena = copy->arena;
    uint32_t count = table->schema_count;

    CHECK(count > 0 && table->schema != NULL);
    memcpy((char *)copy + offsetof(struct table, id),
           (const char *)table + offsetof(struct table, id),
           sizeof(*copy) - offsetof(struct table, id));
    copy->arena = arena;
    atomic_init(&copy->last_flushed_at,
                atomic_load_explicit(&table->last_flushed_at, memory_order_relaxed));
    copy->space = arena_copy(arena, table->space);
    copy->name = arena_copy(arena, table->name);
    copy->comment = arena_copy(arena, table->comment);
    copy->storage_id = arena_copy(arena, table->storage_id);
    copy->storage_uri = arena_copy(arena, table->storage_uri);
    copy->location = arena_copy(arena, table->location);
    copy->key_columns = NULL;
    copy->schema_count = 0;
    copy->schema_capacity = count + 1;
    copy->schemas = arena_array(arena, count + 1, sizeof(struct table_schema *));
    for (uint32_t i = 0; i < count; i++) {
        atomic_fetch_add_explicit(&table->schemas[i]->refs, 1, memory_order_relaxed);
        *table_next_schema(copy) = table->schemas[i];
    }
    if (next_version)
        table_copy_columns(table->schema, table_add_schema(copy));
    copy->schema = copy->schemas[copy->schema_count - 1];
    return copy;
}

uint32_t table_next_column_id(const struct table *table)
{
    uint32_t highest = 0;

    CHECK(table->schema_count > 0);
    for (uint32_t i = 0; i < table->schema_count; i++)
        for (uint32_t k = 0; k < table->schemas[i]->column_count; k++)
            if (table->schemas[i]->columns[k].id > highest)
                highest = table->schemas[i]->columns[k].id;
    return highest + 1;
}

/* ---- columns ----------------------------------------------------------------------------------
 */

static uint32_t table_system_column_count(const struct table *table)
{
    switch (table->kind) {
    case TABLE_KIND_USER:
    case TABLE_KIND_SHARED:
        return SYSTEM_COLUMN_COUNT;
    case TABLE_KIND_STREAM:
        return 1;
    case TABLE_KIND_SYSTEM:
        return 0;
    }
    UNREACHABLE("table kind");
}

uint32_t table_column_total(const struct table *table)
{
    CHECK(table->schema != NULL);
    return table->schema->column_count + table_system_column_count(table);
}

int table_find_column(const struct table *table, struct str name)
{
    const struct table_schema *schema = table->schema;

    CHECK(schema != NULL);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (str_equal(schema->columns[i].name, name))
            return (int)i;
    for (uint32_t i = 0; i < table_system_column_count(table); i++)
        if (str_equal(str_from_c(system_columns[i].name), name))
            return (int)(schema->column_count + i);
    return -1;
}

struct str table_column_name(const struct table *table, uint32_t index)
{
    CHECK(index < table_column_total(table));
    if (index < table->schema->column_count)
        return table->schema->columns[index].name;
    return str_from_c(system_columns[index - table->schema->column_count].name);
}

struct data_type table_column_type(const struct table *table, uint32_t index)
{
    CHECK(index < table_column_total(table));
    if (index < table->schema->column_count)
        return table->schema->columns[index].type;
    return (struct data_type){.kind = system_columns[index - table->schema->column_count].type};
}

const struct table_schema *table_schema_version(const struct table *table, uint32_t version)
{
    uint32_t low = 0, high = table->schema_count;

    CHECK(table->schema_count > 0);
    if (table->schema->version == version)
        return table->schema;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->schemas[middle]->version == version)
            return table->schemas[middle];
        if (table->schemas[middle]->version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool table_has_user_instances(const struct table *table)
{
    CHECK(table != NULL);
    return table->kind == TABLE_KIND_USER;
}

bool table_is_keyed(const struct table *table)
{
    CHECK(table->schema != NULL);
    return table->kind != TABLE_KIND_STREAM && table->key_count > 0;
}

/* ---- spaces -----------------------------------------------------------------------------------
 */

static const char *const table_space_prefixes[] = {
    [TABLE_KIND_USER] = "user_table:",
    [TABLE_KIND_SHARED] = "shared_table:",
    [TABLE_KIND_STREAM] = "stream_table:",
};

struct str table_space_name(const struct table *table, struct arena *arena)
{
    CHECK(table->kind != TABLE_KIND_SYSTEM && table->id.value > 0);
    return arena_printf(arena, "%s%.*s:%.*s:%llu", table_space_prefixes[table->kind],
                        STR_ARG(table->space), STR_ARG(table->name),
                        (unsigned long long)table->id.value);
}

unsigned table_space_flags(const struct table *table)
{
    CHECK(table != NULL);
    switch (table->kind) {
    case TABLE_KIND_USER:
        return KV_SPACE_USER_PREFIX;
    case TABLE_KIND_SHARED:
        return 0;
    case TABLE_KIND_STREAM:
        return KV_SPACE_VOLATILE;
    case TABLE_KIND_SYSTEM:
        return KV_SPACE_SMALL;
    }
    UNREACHABLE("table kind");
}

bool table_space_parse(struct str name, struct table_id *id)
{
    CHECK(id != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(table_space_prefixes); i++) {
        if (!str_starts_with(name, str_from_c(table_space_prefixes[i])))
            continue;
        size_t digits = name.size;
        while (digits > 0 && name.data[digits - 1] != ':')
            digits--;
        return str_to_uint64(str_from(name.data + digits, name.size - digits), &id->value);
    }
    return false;
}

bool catalog_name_is_valid(struct str name)
{
    bool valid = name.size > 0 && name.size <= LIMIT_IDENTIFIER_BYTES;

    CHECK(name.data != NULL || name.size == 0);
    for (size_t i = 0; i < name.size && valid; i++) {
        char c = name.data[i];
        valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (i > 0 && (c == '_' || (c >= '0' && c <= '9')));
    }
    return valid;
}
