/* system_rows.c — catalogue objects as rows of the system tables, and users and tables back from
 * them.
 *
 * Everything the catalogue needs to come back after a restart is in visible columns: the numeric id
 * of a table in `options` and in the schema text, the time of the last change of credentials in
 * front of the (always masked) password hash or API key hash.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "catalog/catalog_internal.h"

static struct value system_row_text(struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    return value_text(VALUE_TEXT, text);
}

/* Empty = NULL. */
static struct value system_row_optional(enum value_type type, struct str text)
{
    CHECK(value_type_is_text(type));
    return text.size > 0 ? value_text(type, text) : value_null(type);
}

static struct value system_row_time(int64_t time_us)
{
    return time_us != 0 ? value_integer(VALUE_TIMESTAMP, time_us) : value_null(VALUE_TIMESTAMP);
}

static struct str system_row_get_text(const struct value *value)
{
    CHECK(value->is_null || value_type_is_text(value->type));
    return value->is_null ? STR_EMPTY : value->text;
}

static int64_t system_row_get_integer(const struct value *value)
{
    return value->is_null ? 0 : value->integer;
}

/* ---- namespaces -------------------------------------------------------------------------------
 */

void system_row_namespace(const struct catalog_namespace *space, struct arena *arena,
                          struct value *values)
{
    CHECK(arena != NULL && space->name.size > 0);
    values[NAMESPACES_ID] = system_row_text(space->name);
    values[NAMESPACES_OPTIONS] = system_row_optional(VALUE_JSON, space->options);
    values[NAMESPACES_TABLE_COUNT] = value_integer(VALUE_INT, 0);
    values[NAMESPACES_CREATED_AT] = value_integer(VALUE_TIMESTAMP, space->created_at);
    values[NAMESPACES_UPDATED_AT] = value_integer(VALUE_TIMESTAMP, space->updated_at);
}

void system_row_read_namespace(const struct value *values, struct catalog_namespace *space)
{
    CHECK(!values[NAMESPACES_ID].is_null);
    space->name = system_row_get_text(&values[NAMESPACES_ID]);
    space->options = system_row_get_text(&values[NAMESPACES_OPTIONS]);
    space->created_at = system_row_get_integer(&values[NAMESPACES_CREATED_AT]);
    space->updated_at = system_row_get_integer(&values[NAMESPACES_UPDATED_AT]);
}

/* ---- users ------------------------------------------------------------------------------------
 */

/* `{µs of the last change}:{hash}` */
static struct value system_row_credential(const struct user *user, struct str hash,
                                          struct arena *arena)
{
    CHECK(arena != NULL);
    if (str_is_empty(hash))
        return value_null(VALUE_TEXT);
    return system_row_text(
        arena_printf(arena, "%lld:%.*s", (long long)user->credentials_changed, STR_ARG(hash)));
}

void system_row_user(const struct user *user, struct arena *arena, struct value *values)
{
    bool has_password = user->password_hash.size > 0;

    CHECK(user->id.size > 0);
    values[USERS_USER_ID] = system_row_text(user->id);
    values[USERS_USERNAME] = system_row_text(user->username);
    values[USERS_ROLE] = system_row_text(str_from_c(role_name(user->role)));
    values[USERS_EMAIL] = system_row_optional(VALUE_TEXT, user->email);
    values[USERS_METADATA] = system_row_optional(VALUE_JSON, user->metadata);
    values[USERS_STORAGE_MODE] = system_row_text(user->storage_mode);
    values[USERS_STORAGE_ID] = system_row_optional(VALUE_TEXT, user->storage_id);
    values[USERS_AUTH_TYPE] =
        system_row_text(has_password ? STR_LIT("password") : STR_LIT("internal"));
    values[USERS_PASSWORD_HASH] = system_row_credential(user, user->password_hash, arena);
    values[USERS_API_KEY] = system_row_credential(user, user->api_key_hash, arena);
    values[USERS_FAILED_ATTEMPTS] = value_integer(VALUE_INT, user->failed_login_attempts);
    values[USERS_LOCKED_UNTIL] = system_row_time(user->locked_until);
    values[USERS_LAST_LOGIN_AT] = system_row_time(user->last_login_at);
    values[USERS_LAST_SEEN] = system_row_time(user->last_seen);
    values[USERS_CREATED_AT] = value_integer(VALUE_TIMESTAMP, user->created_at);
    values[USERS_UPDATED_AT] = value_integer(VALUE_TIMESTAMP, user->updated_at);
    values[USERS_DELETED_AT] = system_row_time(user->deleted_at);
}

static struct str system_row_read_credential(struct user *user, const struct value *value)
{
    struct str text = system_row_get_text(value);
    size_t colon = str_find(text, STR_LIT(":"));

    CHECK(user->arena != NULL);
    if (colon == SIZE_MAX)
        return STR_EMPTY;
    if (!str_to_int64(str_from(text.data, colon), &user->credentials_changed))
        return STR_EMPTY;
    return arena_copy(user->arena, str_from(text.data + colon + 1, text.size - colon - 1));
}

static struct str system_row_copy(struct arena *arena, const struct value *value)
{
    struct str text = system_row_get_text(value);

    CHECK(arena != NULL);
    return text.size > 0 ? arena_copy(arena, text) : STR_EMPTY;
}

struct user *system_row_read_user(const struct value *values)
{
    struct user *user = user_new();
    struct arena *arena = user->arena;

    CHECK(!values[USERS_USER_ID].is_null);
    user->id = system_row_copy(arena, &values[USERS_USER_ID]);
    user->username = system_row_copy(arena, &values[USERS_USERNAME]);
    if (!role_parse(system_row_get_text(&values[USERS_ROLE]), &user->role))
        user->role = ROLE_USER; /* the least a user may have */
    user->email = system_row_copy(arena, &values[USERS_EMAIL]);
    user->metadata = system_row_copy(arena, &values[USERS_METADATA]);
    user->storage_mode = system_row_copy(arena, &values[USERS_STORAGE_MODE]);
    user->storage_id = system_row_copy(arena, &values[USERS_STORAGE_ID]);
    user->failed_login_attempts = system_row_get_integer(&values[USERS_FAILED_ATTEMPTS]);
    user->locked_until = system_row_get_integer(&values[USERS_LOCKED_UNTIL]);
    user->last_login_at = system_row_get_integer(&values[USERS_LAST_LOGIN_AT]);
    user->last_seen = system_row_get_integer(&values[USERS_LAST_SEEN]);
    user->created_at = system_row_get_integer(&values[USERS_CREATED_AT]);
    user->updated_at = system_row_get_integer(&values[USERS_UPDATED_AT]);
    user->deleted_at = system_row_get_integer(&values[USERS_DELETED_AT]);
    user->credentials_changed = user->updated_at;
    user->api_key_hash = system_row_read_credential(user, &values[USERS_API_KEY]);
    user->password_hash = system_row_read_credential(user, &values[USERS_PASSWORD_HASH]);
    return user;
}

/* ---- storages ---------------------------------------------------------------------------------
 */

void system_row_storage(const struct storage *storage, struct value *values)
{
    CHECK(storage->id.size > 0);
    values[STORAGES_ID] = system_row_text(storage->id);
    values[STORAGES_NAME] = system_row_text(storage->name);
    values[STORAGES_TYPE] = system_row_text(str_from_c(storage_type_name(storage->type)));
    values[STORAGES_DESCRIPTION] = system_row_optional(VALUE_TEXT, storage->description);
    values[STORAGES_URI] = system_row_text(storage->uri);
    values[STORAGES_CREDENTIALS] = system_row_optional(VALUE_TEXT, storage->credentials);
    values[STORAGES_CONFIG_JSON] = system_row_optional(VALUE_JSON, storage->config);
    values[STORAGES_SHARED_TEMPLATE] = system_row_text(storage->shared_template);
    values[STORAGES_USER_TEMPLATE] = system_row_text(storage->user_template);
    values[STORAGES_USAGE_COUNT] = value_integer(VALUE_BIGINT, 0);
    values[STORAGES_CREATED_AT] = value_integer(VALUE_TIMESTAMP, storage->created_at);
    values[STORAGES_UPDATED_AT] = value_integer(VALUE_TIMESTAMP, storage->updated_at);
}

struct storage *system_row_read_storage(const struct value *values)
{
    struct storage *storage = storage_new();
    struct arena *arena = storage->arena;
    struct str type = system_row_get_text(&values[STORAGES_TYPE]);

    CHECK(!values[STORAGES_ID].is_null);
    storage->id = system_row_copy(arena, &values[STORAGES_ID]);
    storage->name = system_row_copy(arena, &values[STORAGES_NAME]);
    storage->type = str_equal(type, STR_LIT("s3")) ? STORAGE_S3 : STORAGE_FILESYSTEM;
    storage->description = system_row_copy(arena, &values[STORAGES_DESCRIPTION]);
    storage->uri = system_row_copy(arena, &values[STORAGES_URI]);
    storage->credentials = system_row_copy(arena, &values[STORAGES_CREDENTIALS]);
    storage->config = system_row_copy(arena, &values[STORAGES_CONFIG_JSON]);
    storage->shared_template = system_row_copy(arena, &values[STORAGES_SHARED_TEMPLATE]);
    storage->user_template = system_row_copy(arena, &values[STORAGES_USER_TEMPLATE]);
    storage->created_at = system_row_get_integer(&values[STORAGES_CREATED_AT]);
    storage->updated_at = system_row_get_integer(&values[STORAGES_UPDATED_AT]);
    return storage;
}

/* ---- tables -----------------------------------------------------------------------------------
 */

static const char *const access_names[] = {
    [TABLE_ACCESS_PUBLIC] = "PUBLIC",
    [TABLE_ACCESS_PRIVATE] = "PRIVATE",
    [TABLE_ACCESS_RESTRICTED] = "RESTRICTED",
};

static struct str system_row_flush_policy(const struct table *table, struct arena *arena)
{
    CHECK(table->schema != NULL);
    if (table->flush_rows > 0 && table->flush_interval_seconds > 0)
        return arena_printf(arena, "{\"rows\":%u,\"interval_seconds\":%u}", table->flush_rows,
                            table->flush_interval_seconds);
    if (table->flush_rows > 0)
        return arena_printf(arena, "{\"rows\":%u}", table->flush_rows);
    if (table->flush_interval_seconds > 0)
        return arena_printf(arena, "{\"interval_seconds\":%u}", table->flush_interval_seconds);
    return STR_EMPTY;
}

static struct str system_row_stream_config(const struct table *table, struct arena *arena)
{
    CHECK(arena != NULL);
    if (table->kind != TABLE_KIND_STREAM)
        return STR_EMPTY;
    return arena_printf(arena, "{\"retention_seconds\":%u,\"ephemeral\":%s,\"max_buffer\":%u}",
                        table->ttl_seconds, table->ephemeral ? "true" : "false", table->max_buffer);
}

static struct str system_row_retention(const struct table *table, struct arena *arena)
{
    CHECK(arena != NULL);
    if (table->kind == TABLE_KIND_STREAM || table->kind == TABLE_KIND_SYSTEM)
        return STR_EMPTY;
    if (table->deleted_retention_hours < 0)
        return STR_LIT("off");
    return arena_printf(arena, "%lldh", (long long)table->deleted_retention_hours);
}

static struct str system_row_primary_key(const struct table *table, struct arena *arena)
{
    struct buf names;

    CHECK(table->schema != NULL);
    buf_init(&names);
    for (uint32_t i = 0; i < table->key_count; i++) {
        if (i > 0)
            buf_append_str(&names, STR_LIT(","));
        buf_append_str(&names, table->schema->columns[table->key_columns[i]].name);
    }
    struct str copy = arena_copy(arena, buf_str(&names));
    buf_clear(&names);
    return copy;
}

/* All options in one object. */
static struct str system_row_options(const struct table *table, struct arena *arena)
{
    struct str flush = system_row_flush_policy(table, arena);
    struct str stream = system_row_stream_config(table, arena);
    struct buf out;

    CHECK(table->id.value > 0);
    buf_init(&out);
    buf_printf(&out, "{\"table_id\":%llu,\"table_type\":\"%s\"",
               (unsigned long long)table->id.value, table_kind_name(table->kind));
    if (table->storage_id.size > 0) {
        buf_append_str(&out, STR_LIT(",\"storage_id\":"));
        json_write_text(table->storage_id, &out);
    }
    if (table->storage_uri.size > 0) {
        buf_append_str(&out, STR_LIT(",\"storage_uri\":"));
        json_write_text(table->storage_uri, &out);
    }
    if (table->has_location)
        buf_append_str(&out, STR_LIT(",\"has_location\":true"));
    if (table->kind == TABLE_KIND_USER)
        buf_printf(&out, ",\"use_user_storage\":%s", table->use_user_storage ? "true" : "false");
    if (flush.size > 0)
        buf_printf(&out, ",\"flush_policy\":%.*s", STR_ARG(flush));
    if (stream.size > 0)
        buf_printf(&out, ",\"stream_config\":%.*s", STR_ARG(stream));
    else if (table->deleted_retention_hours >= 0)
        buf_printf(&out, ",\"deleted_retention_hours\":%lld",
                   (long long)table->deleted_retention_hours);
    if (table->access != TABLE_ACCESS_UNSET)
        buf_printf(&out, ",\"access\":\"%s\"", access_names[table->access]);
    buf_append_byte(&out, '}');
    struct str copy = arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return copy;
}

static struct str system_row_table_id(const struct table *table, struct arena *arena)
{
    CHECK(table->name.size > 0);
    return arena_printf(arena, "%.*s:%.*s", STR_ARG(table->space), STR_ARG(table->name));
}

/* The template below the storage it was resolved to; relative on the default folder. */
static struct str system_row_location(const struct table *table, struct arena *arena)
{
    struct str root = storage_root(table->storage_uri);

    CHECK(arena != NULL);
    if (root.size == 0 || table->location.size == 0)
        return table->location;
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(root), STR_ARG(table->location));
}

/* Undoes system_row_location. */
static struct str system_row_read_location(const struct table *table, struct str shown)
{
    struct str root = storage_root(table->storage_uri);

    CHECK(shown.data != NULL);
    if (root.size > 0 && shown.size > root.size && str_starts_with(shown, root))
        return str_from(shown.data + root.size + 1, shown.size - root.size - 1);
    return shown;
}

void system_row_table(const struct table *table, struct arena *arena, struct value *values)
{
    CHECK(table->schema != NULL && table->kind <= TABLE_KIND_SYSTEM);
    struct str access = str_from_c(access_names[table->access]);

    values[TABLES_TABLE_ID] = system_row_text(system_row_table_id(table, arena));
    values[TABLES_NAMESPACE_ID] = system_row_text(table->space);
    values[TABLES_TABLE_NAME] = system_row_text(table->name);
    values[TABLES_TABLE_TYPE] = system_row_text(str_from_c(table_kind_name(table->kind)));
    values[TABLES_SCHEMA_VERSION] = value_integer(VALUE_INT, table->schema->version);
    values[TABLES_PRIMARY_KEY] = system_row_text(system_row_primary_key(table, arena));
    values[TABLES_STORAGE_ID] = system_row_optional(VALUE_TEXT, table->storage_id);
    values[TABLES_STORAGE_LOCATION] =
        system_row_optional(VALUE_TEXT, system_row_location(table, arena));
    values[TABLES_USE_USER_STORAGE] = value_boolean(table->use_user_storage);
    values[TABLES_FLUSH_POLICY] =
        system_row_optional(VALUE_JSON, system_row_flush_policy(table, arena));
    values[TABLES_DELETED_RETENTION] =
        system_row_optional(VALUE_TEXT, system_row_retention(table, arena));
    values[TABLES_STREAM_CONFIG] =
        system_row_optional(VALUE_JSON, system_row_stream_config(table, arena));
    values[TABLES_ACCESS] = system_row_optional(VALUE_TEXT, access);
    values[TABLES_OPTIONS] = value_text(VALUE_JSON, system_row_options(table, arena));
    values[TABLES_COMMENT] = system_row_optional(VALUE_TEXT, table->comment);
    values[TABLES_CREATED_AT] = value_integer(VALUE_TIMESTAMP, table->created_at);
    values[TABLES_UPDATED_AT] = value_integer(VALUE_TIMESTAMP, table->updated_at);
    values[TABLES_LAST_FLUSHED_AT] = system_row_time(table->last_flushed_at);
}

void system_row_table_schema(const struct table *table, const struct table_schema *schema,
                             bool dropped, struct arena *arena, struct value *values)
{
    struct buf json;

    CHECK(schema->version > 0);
    buf_init(&json);
    schema_json_write(table, schema, &json);
    values[SCHEMAS_SCHEMA_ID] = system_row_text(schema_id_of(table, schema->version, arena));
    values[SCHEMAS_TABLE_ID] = system_row_text(system_row_table_id(table, arena));
    values[SCHEMAS_NAMESPACE_ID] = system_row_text(table->space);
    values[SCHEMAS_TABLE_NAME] = system_row_text(table->name);
    values[SCHEMAS_VERSION] = value_integer(VALUE_INT, schema->version);
    values[SCHEMAS_ARROW_SCHEMA] = value_text(VALUE_JSON, arena_copy(arena, buf_str(&json)));
    values[SCHEMAS_CHANGES] = system_row_optional(VALUE_TEXT, schema->changes);
    values[SCHEMAS_DROPPED] = value_boolean(dropped);
    values[SCHEMAS_CREATED_AT] = value_integer(VALUE_TIMESTAMP, schema->created_at);
    buf_clear(&json);
}

/* ---- tables, back -----------------------------------------------------------------------------
 */

static bool system_row_read_kind(struct str name, enum table_kind *kind)
{
    for (int i = TABLE_KIND_USER; i < TABLE_KIND_SYSTEM; i++) {
        CHECK(kind != NULL);
        if (str_equal(name, str_from_c(table_kind_name((enum table_kind)i)))) {
            *kind = (enum table_kind)i;
            return true;
        }
    }
    return false;
}

static void system_row_read_options(const struct value *values, struct table *table)
{
    struct str flush = system_row_get_text(&values[TABLES_FLUSH_POLICY]);
    struct str stream = system_row_get_text(&values[TABLES_STREAM_CONFIG]);
    struct str options = system_row_get_text(&values[TABLES_OPTIONS]);
    struct str access = system_row_get_text(&values[TABLES_ACCESS]);

    CHECK(table->arena != NULL);
    table->flush_rows = (uint32_t)options_json_integer(flush, "rows", 0);
    table->flush_interval_seconds = (uint32_t)options_json_integer(flush, "interval_seconds", 0);
    table->ttl_seconds = (uint32_t)options_json_integer(stream, "retention_seconds", 0);
    table->max_buffer = (uint32_t)options_json_integer(stream, "max_buffer", 0);
    table->ephemeral = options_json_boolean(stream, "ephemeral", false);
    table->deleted_retention_hours = options_json_integer(options, "deleted_retention_hours", -1);
    table->id.value = (uint64_t)options_json_integer(options, "table_id", 0);
    table->storage_uri = options_json_text(options, "storage_uri", table->arena);
    table->has_location = options_json_boolean(options, "has_location", false);
    for (size_t i = TABLE_ACCESS_PUBLIC; i < ARRAY_COUNT(access_names); i++)
        if (str_equal(access, str_from_c(access_names[i])))
            table->access = (enum table_access)i;
}

enum status system_row_read_table(const struct value *values, struct table *table,
                                  struct error *err)
{
    struct arena *arena = table->arena;

    CHECK(arena != NULL && !values[TABLES_TABLE_ID].is_null);
    table->space = system_row_copy(arena, &values[TABLES_NAMESPACE_ID]);
    table->name = system_row_copy(arena, &values[TABLES_TABLE_NAME]);
    table->storage_id = system_row_copy(arena, &values[TABLES_STORAGE_ID]);
    table->comment = system_row_copy(arena, &values[TABLES_COMMENT]);
    table->use_user_storage = values[TABLES_USE_USER_STORAGE].boolean;
    table->created_at = system_row_get_integer(&values[TABLES_CREATED_AT]);
    table->updated_at = system_row_get_integer(&values[TABLES_UPDATED_AT]);
    table->last_flushed_at = system_row_get_integer(&values[TABLES_LAST_FLUSHED_AT]);
    system_row_read_options(values, table);
    table->location =
        system_row_read_location(table, system_row_copy(arena, &values[TABLES_STORAGE_LOCATION]));
    if (!system_row_read_kind(system_row_get_text(&values[TABLES_TABLE_TYPE]), &table->kind) ||
        table->id.value <= SYSTEM_TABLE_COUNT || table->space.size == 0 || table->name.size == 0)
        return error_set(err, STATUS_CORRUPT, "system.tables holds a row that cannot be read");
    return STATUS_OK;
}
