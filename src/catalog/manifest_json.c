/* manifest_json.c — the text of manifest.json, see manifest.h.
 *
 * Definitions are rows of system.tables and system.table_schemas by column name, so that a table
 * comes back the way the catalogue is loaded.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "catalog/catalog_internal.h"
#include "catalog/manifest.h"
#include "catalog/schema_rules.h"
#include "catalog/storage.h"
#include "catalog/system_tables.h"

#include <json-c/json.h>

enum { MANIFEST_FORMAT = 1, MANIFEST_CHECKSUM_BYTES = 16, MANIFEST_DEPTH = 16 };

#define MANIFEST_SEQ_MAX (INT64_MAX / 2) /* the store that takes it up goes on counting */
#define MANIFEST_CHECKSUM ",\"checksum\":\""

static const char *const kind_names[MANIFEST_KINDS] = {"segment", "hot", "shadow"};

/* ---- in memory ---------------------------------------------------------------------------------
 */

void manifest_init(struct manifest *manifest)
{
    CHECK(manifest != NULL);
    memset(manifest, 0, sizeof(*manifest));
    arena_init(&manifest->arena, 0);
    manifest->tail = &manifest->tables;
}

void manifest_clear(struct manifest *manifest)
{
    CHECK(manifest->tail != NULL);
    for (struct manifest_table *table = manifest->tables; table != NULL; table = table->next)
        table_unref(table->table);
    arena_clear(&manifest->arena);
    memset(manifest, 0, sizeof(*manifest));
    arena_init(&manifest->arena, 0);
    manifest->tail = &manifest->tables;
}

struct manifest_table *manifest_add_table(struct manifest *manifest, const struct table *table)
{
    struct manifest_table *added = arena_zalloc(&manifest->arena, sizeof(*added));

    CHECK(table != NULL);
    added->table = table_ref(table);
    added->tail = &added->instances;
    *manifest->tail = added;
    manifest->tail = &added->next;
    return added;
}

struct manifest_instance *manifest_add_instance(struct manifest *manifest,
                                                struct manifest_table *table, struct str user)
{
    struct manifest_instance *added = arena_zalloc(&manifest->arena, sizeof(*added));

    CHECK(table->tail != NULL);
    added->user = arena_copy(&manifest->arena, user);
    added->tail = &added->files;
    *table->tail = added;
    table->tail = &added->next;
    return added;
}

void manifest_add_file(struct manifest *manifest, struct manifest_table *table,
                       struct manifest_instance *instance, const struct manifest_file *file)
{
    struct manifest_file *added = arena_alloc(&manifest->arena, sizeof(*added));

    CHECK(file->kind < MANIFEST_KINDS && file->path.size > 0);
    *added = *file;
    added->next = NULL;
    added->path = arena_copy(&manifest->arena, file->path);
    added->record = arena_copy(&manifest->arena, file->record);
    *instance->tail = added;
    instance->tail = &added->next;
    table->files++;
    table->rows += file->rows;
    table->bytes += file->bytes;
    manifest->files++;
    manifest->rows += file->rows;
    manifest->bytes += file->bytes;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void manifest_write_hex(struct str bytes, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";

    CHECK(out != NULL);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        buf_append_byte(out, (uint8_t)digits[byte >> 4]);
        buf_append_byte(out, (uint8_t)digits[byte & 15]);
    }
    buf_append_byte(out, '"');
}

/* A row of a stored system table as an object. */
static void manifest_write_row(const struct table *system, const struct value *values,
                               struct buf *out)
{
    const struct table_schema *schema = system->schema;

    CHECK(schema->column_count <= SYSTEM_TABLE_COLUMNS_MAX);
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        json_write_text(schema->columns[i].name, out);
        buf_append_byte(out, ':');
        if (values[i].is_null)
            buf_append_str(out, STR_LIT("null"));
        else if (values[i].type == VALUE_BOOLEAN)
            buf_append_str(out, values[i].boolean ? STR_LIT("true") : STR_LIT("false"));
        else if (value_type_is_text(values[i].type))
            json_write_text(values[i].text, out);
        else
            buf_printf(out, "%lld", (long long)values[i].integer);
    }
    buf_append_byte(out, '}');
}

static void manifest_write_definition(const struct table *table, struct buf *out)
{
    struct table *tables = system_table_define(SYSTEM_TABLE_TABLES);
    struct table *schemas = system_table_define(SYSTEM_TABLE_TABLE_SCHEMAS);
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct arena arena;

    arena_init(&arena, 0);
    system_row_table(table, &arena, values);
    buf_append_str(out, STR_LIT("\"definition\":"));
    manifest_write_row(tables, values, out);
    buf_append_str(out, STR_LIT(",\"schemas\":["));
    CHECK(table->schema_count > 0);
    for (uint32_t i = 0; i < table->schema_count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        system_row_table_schema(table, table->schemas[i], false, &arena, values);
        manifest_write_row(schemas, values, out);
    }
    buf_append_byte(out, ']');
    arena_clear(&arena);
    table_unref(schemas);
    table_unref(tables);
}

static void manifest_write_file(const struct manifest_file *file, struct buf *out)
{
    CHECK(file->kind < MANIFEST_KINDS);
    buf_append_str(out, STR_LIT("{\"path\":"));
    json_write_text(file->path, out);
    buf_printf(out,
               ",\"kind\":\"%s\",\"rows\":%llu,\"bytes\":%llu,\"checksum\":\"%016llx\","
               "\"record\":",
               kind_names[file->kind], (unsigned long long)file->rows,
               (unsigned long long)file->bytes, (unsigned long long)file->checksum);
    manifest_write_hex(file->record, out);
    buf_append_byte(out, '}');
}

static void manifest_write_table(const struct manifest_table *table, struct buf *out)
{
    buf_append_byte(out, '{');
    manifest_write_definition(table->table, out);
    buf_append_str(out, STR_LIT(",\"instances\":["));
    for (const struct manifest_instance *instance = table->instances; instance != NULL;
         instance = instance->next) {
        buf_append_str(out, instance == table->instances ? STR_LIT("{\"user\":")
                                                         : STR_LIT(",\n{\"user\":"));
        json_write_text(instance->user, out);
        buf_append_str(out, STR_LIT(",\"files\":["));
        for (const struct manifest_file *file = instance->files; file != NULL; file = file->next) {
            if (file != instance->files)
                buf_append_byte(out, ',');
            manifest_write_file(file, out);
        }
        buf_append_str(out, STR_LIT("]}"));
    }
    CHECK(out->size > 0);
    buf_append_str(out, STR_LIT("]}"));
}

void manifest_write(const struct manifest *manifest, struct buf *out)
{
    size_t start = out->size;

    CHECK(manifest->space.size > 0);
    buf_printf(out, "{\"format\":%d,\"server_version\":", MANIFEST_FORMAT);
    json_write_text(manifest->server_version, out);
    buf_append_str(out, STR_LIT(",\"namespace\":"));
    json_write_text(manifest->space, out);
    buf_append_str(out, STR_LIT(",\"options\":"));
    json_write_text(manifest->options, out);
    buf_printf(out,
               ",\"created_at\":%lld,\"as_of_seq\":%lld,\"files\":%llu,\"rows\":%llu,"
               "\"bytes\":%llu,\n\"tables\":[",
               (long long)manifest->created_at, (long long)manifest->as_of_seq,
               (unsigned long long)manifest->files, (unsigned long long)manifest->rows,
               (unsigned long long)manifest->bytes);
    for (const struct manifest_table *table = manifest->tables; table != NULL;
         table = table->next) {
        buf_append_str(out, table == manifest->tables ? STR_LIT("\n") : STR_LIT(",\n"));
        manifest_write_table(table, out);
    }
    buf_append_byte(out, ']');
    uint64_t checksum = hash_bytes(str_from(out->data + start, out->size - start));
    buf_printf(out, MANIFEST_CHECKSUM "%016llx\"}\n", (unsigned long long)checksum);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

struct manifest_reading {
    struct manifest *manifest;
    struct table *tables, *schemas; /* definitions of the system tables */
};

static struct str manifest_json_text(struct json_object *object)
{
    CHECK(json_object_is_type(object, json_type_string));
    return str_from(json_object_get_string(object), (size_t)json_object_get_string_len(object));
}

static bool manifest_text(struct json_object *object, const char *name, struct str *out)
{
    struct json_object *member;

    CHECK(out != NULL);
    if (!json_object_object_get_ex(object, name, &member) ||
        !json_object_is_type(member, json_type_string))
        return false;
    *out = manifest_json_text(member);
    return true;
}

static bool manifest_number(struct json_object *object, const char *name, int64_t *out)
{
    struct json_object *member;

    CHECK(out != NULL);
    if (!json_object_object_get_ex(object, name, &member) ||
        !json_object_is_type(member, json_type_int))
        return false;
    *out = json_object_get_int64(member);
    return *out >= 0;
}

static bool manifest_array(struct json_object *object, const char *name, struct json_object **out)
{
    CHECK(out != NULL);
    return json_object_object_get_ex(object, name, out) &&
           json_object_is_type(*out, json_type_array);
}

static int manifest_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool manifest_read_hex(struct str text, struct arena *arena, struct str *out)
{
    char *bytes = arena_alloc(arena, text.size / 2 + 1);

    CHECK(out != NULL);
    for (size_t i = 0; i + 1 < text.size; i += 2) {
        int high = manifest_hex_digit(text.data[i]), low = manifest_hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *out = str_from(bytes, text.size / 2);
    return text.size % 2 == 0;
}

static bool manifest_read_checksum(struct str text, uint64_t *out)
{
    *out = 0;
    if (text.size != MANIFEST_CHECKSUM_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = manifest_hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    CHECK(text.data != NULL);
    return true;
}

/* Texts lie in the JSON tree. */
static bool manifest_read_row(struct json_object *object, const struct table *system,
                              struct value *values)
{
    const struct table_schema *schema = system->schema;
    char name[64];

    for (uint32_t i = 0; i < schema->column_count; i++) {
        const struct table_column *column = &schema->columns[i];
        struct json_object *member = NULL;
        CHECK(column->name.size < sizeof(name));
        memcpy(name, column->name.data, column->name.size);
        name[column->name.size] = '\0';
        values[i] = value_null(column->type.kind);
        if (!json_object_object_get_ex(object, name, &member) || member == NULL)
            continue;
        if (value_type_is_text(column->type.kind) && json_object_is_type(member, json_type_string))
            values[i] = value_text(column->type.kind, manifest_json_text(member));
        else if (column->type.kind == VALUE_BOOLEAN &&
                 json_object_is_type(member, json_type_boolean))
            values[i] = value_boolean(json_object_get_boolean(member) != 0);
        else if (json_object_is_type(member, json_type_int) &&
                 (column->type.kind == VALUE_TIMESTAMP || value_type_is_integer(column->type.kind)))
            values[i] = value_integer(column->type.kind, json_object_get_int64(member));
        else
            return false;
    }
    return true;
}

static bool manifest_read_schema(struct manifest_reading *reading, struct json_object *object,
                                 struct table *table, struct error *err)
{
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct table_schema *schema = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !manifest_read_row(object, reading->schemas, values) ||
        values[SCHEMAS_ARROW_SCHEMA].is_null || values[SCHEMAS_VERSION].is_null)
        return false;
    if (schema_json_read(values[SCHEMAS_ARROW_SCHEMA].text, table, &schema, err) != STATUS_OK ||
        schema == NULL)
        return false;
    CHECK(schema->column_count > 0);
    schema->version = (uint32_t)values[SCHEMAS_VERSION].integer;
    schema->created_at =
        values[SCHEMAS_CREATED_AT].is_null ? 0 : values[SCHEMAS_CREATED_AT].integer;
    if (!values[SCHEMAS_CHANGES].is_null)
        schema->changes = arena_copy(schema->arena, values[SCHEMAS_CHANGES].text);
    return true;
}

static bool manifest_read_file(struct manifest_reading *reading, struct json_object *object,
                               struct manifest_table *table, struct manifest_instance *instance)
{
    struct manifest_file file = {.kind = MANIFEST_KINDS};
    struct str kind, checksum, record;
    int64_t rows, bytes;

    CHECK(table->tail != NULL);
    if (!json_object_is_type(object, json_type_object) ||
        !manifest_text(object, "path", &file.path) || !manifest_text(object, "kind", &kind) ||
        !manifest_number(object, "rows", &rows) || !manifest_number(object, "bytes", &bytes) ||
        !manifest_text(object, "checksum", &checksum) ||
        !manifest_text(object, "record", &record) || file.path.size == 0 ||
        !manifest_read_checksum(checksum, &file.checksum) ||
        !manifest_read_hex(record, &reading->manifest->arena, &file.record))
        return false;
    for (int i = 0; i < MANIFEST_KINDS; i++)
        if (str_equal(kind, str_from_c(kind_names[i])))
            file.kind = (enum manifest_kind)i;
    if (file.kind == MANIFEST_KINDS)
        return false;
    file.rows = (uint64_t)rows;
    file.bytes = (uint64_t)bytes;
    manifest_add_file(reading->manifest, table, instance, &file);
    return true;
}

static bool manifest_read_instance(struct manifest_reading *reading, struct json_object *object,
                                   struct manifest_table *table)
{
    struct json_object *files;
    struct str user;

    CHECK(table->table != NULL);
    if (!json_object_is_type(object, json_type_object) || !manifest_text(object, "user", &user) ||
        !manifest_array(object, "files", &files) ||
        (user.size > 0) != (table->table->kind == TABLE_KIND_USER) ||
        (user.size > 0 && !user_id_is_valid(user)))
        return false;
    struct manifest_instance *instance = manifest_add_instance(reading->manifest, table, user);
    for (size_t i = 0; i < json_object_array_length(files); i++)
        if (!manifest_read_file(reading, json_object_array_get_idx(files, i), table, instance))
            return false;
    return true;
}

/* What CREATE TABLE would not let through, and what the row cannot say twice. */
static bool manifest_table_is_valid(const struct table *table, const struct value *values)
{
    struct str policy =
        values[TABLES_FLUSH_POLICY].is_null ? STR_EMPTY : values[TABLES_FLUSH_POLICY].text;
    static const char *const limits[] = {"rows", "interval_seconds"};
    struct error err;

    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        int64_t limit = options_json_integer(policy, limits[i], 0);
        if (limit < 0 || limit > UINT32_MAX)
            return false;
    }
    CHECK(table->space.size > 0);
    if (!catalog_name_is_valid(table->name))
        return false;
    if (table->kind == TABLE_KIND_STREAM || table->location.size == 0)
        return true;
    return table->has_location
               ? storage_path_problem(table->location) == NULL
               : storage_template_check(table->location, table->kind == TABLE_KIND_USER, &err) ==
                     STATUS_OK;
}

static bool manifest_read_table(struct manifest_reading *reading, struct json_object *object,
                                struct error *err)
{
    struct json_object *definition, *schemas, *instances;
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct table *table = table_new();
    struct manifest_table *added = manifest_add_table(reading->manifest, table);

    CHECK(added->table == table);
    table_unref(table); /* the manifest has it */
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, "definition", &definition) ||
        !json_object_is_type(definition, json_type_object) ||
        !manifest_array(object, "schemas", &schemas) ||
        !manifest_array(object, "instances", &instances) ||
        !manifest_read_row(definition, reading->tables, values) ||
        values[TABLES_TABLE_ID].is_null || system_row_read_table(values, table, err) != STATUS_OK ||
        !manifest_table_is_valid(table, values) || json_object_array_length(schemas) == 0 ||
        (table->kind == TABLE_KIND_STREAM && json_object_array_length(instances) > 0))
        return false;
    for (size_t i = 0; i < json_object_array_length(schemas); i++)
        if (!manifest_read_schema(reading, json_object_array_get_idx(schemas, i), table, err))
            return false;
    if (!table_schemas_are_valid(table))
        return false;
    for (size_t i = 0; i < json_object_array_length(instances); i++)
        if (!manifest_read_instance(reading, json_object_array_get_idx(instances, i), added))
            return false;
    return true;
}

static bool manifest_read_root(struct manifest_reading *reading, struct json_object *root,
                               struct error *err)
{
    struct manifest *manifest = reading->manifest;
    struct str version, space, options;
    struct json_object *tables;
    int64_t format;

    CHECK(manifest->tables == NULL);
    if (!json_object_is_type(root, json_type_object) || !manifest_number(root, "format", &format) ||
        format != MANIFEST_FORMAT || !manifest_text(root, "server_version", &version) ||
        !manifest_text(root, "namespace", &space) || !manifest_text(root, "options", &options) ||
        !manifest_number(root, "created_at", &manifest->created_at) ||
        !manifest_number(root, "as_of_seq", &manifest->as_of_seq) ||
        !manifest_array(root, "tables", &tables) || space.size == 0 || manifest->as_of_seq < 0 ||
        manifest->as_of_seq > MANIFEST_SEQ_MAX)
        return false;
    manifest->server_version = arena_copy(&manifest->arena, version);
    manifest->space = arena_copy(&manifest->arena, space);
    manifest->options = arena_copy(&manifest->arena, options);
    for (size_t i = 0; i < json_object_array_length(tables); i++)
        if (!manifest_read_table(reading, json_object_array_get_idx(tables, i), err))
            return false;
    return true;
}

/* Names of tables, users of a table and paths of files occur once. `names` is for any of them. */
static bool manifest_is_new(struct map *names, struct str name)
{
    CHECK(name.data != NULL || name.size == 0);
    return map_put(names, name, names) == NULL;
}

static bool manifest_says_nothing_twice(const struct manifest *manifest)
{
    struct map tables, users, paths;
    bool good = true;

    map_init(&tables);
    map_init(&users);
    map_init(&paths);
    for (const struct manifest_table *table = manifest->tables; table != NULL && good;
         table = table->next) {
        CHECK(table->table != NULL);
        good = manifest_is_new(&tables, table->table->name);
        map_clear(&users);
        for (const struct manifest_instance *instance = table->instances; instance != NULL && good;
             instance = instance->next) {
            good = manifest_is_new(&users, instance->user);
            for (const struct manifest_file *file = instance->files; file != NULL && good;
                 file = file->next)
                good = manifest_is_new(&paths, file->path);
        }
    }
    map_clear(&tables);
    map_clear(&users);
    map_clear(&paths);
    return good;
}

/* Is the last member the checksum of the text before it? */
static bool manifest_is_whole(struct str text)
{
    size_t tail = sizeof(MANIFEST_CHECKSUM) - 1 + MANIFEST_CHECKSUM_BYTES + 2;
    uint64_t checksum;

    text = str_trim(text);
    if (text.size <= tail)
        return false;
    struct str body = str_from(text.data, text.size - tail);
    struct str mark = str_from(body.data + body.size, sizeof(MANIFEST_CHECKSUM) - 1);
    CHECK(body.size > 0);
    return str_equal(mark, STR_LIT(MANIFEST_CHECKSUM)) &&
           manifest_read_checksum(str_from(mark.data + mark.size, MANIFEST_CHECKSUM_BYTES),
                                  &checksum) &&
           checksum == hash_bytes(body);
}

enum status manifest_read(struct str text, struct manifest *manifest, struct error *err)
{
    struct manifest_reading reading = {.manifest = manifest};
    struct json_tokener *tokener;
    struct json_object *root;

    manifest_init(manifest);
    if (text.size >= INT32_MAX || !manifest_is_whole(text))
        return error_set(err, STATUS_CORRUPT,
                         "corrupt manifest: its checksum does not fit its content");
    tokener = json_tokener_new_ex(MANIFEST_DEPTH);
    if (tokener == NULL)
        mem_exhausted();
    reading.tables = system_table_define(SYSTEM_TABLE_TABLES);
    reading.schemas = system_table_define(SYSTEM_TABLE_TABLE_SCHEMAS);
    root = json_tokener_parse_ex(tokener, text.data, (int)text.size);
    bool good = root != NULL && manifest_read_root(&reading, root, err) &&
                manifest_says_nothing_twice(manifest);
    json_object_put(root);
    json_tokener_free(tokener);
    table_unref(reading.schemas);
    table_unref(reading.tables);
    if (good)
        return STATUS_OK;
    manifest_clear(manifest);
    return error_set(err, STATUS_CORRUPT, "corrupt manifest: it was not written by this format");
}
