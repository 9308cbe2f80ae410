/* ddl_options.c — options of CREATE TABLE: which kind of table takes which, defaults, LOCATION
 * templates.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/ddl/ddl_table.h"

#include "base/check.h"
#include "catalog/storage.h"

enum { OPTION_USER = 1, OPTION_SHARED = 2, OPTION_STREAM = 4 };

static const struct {
    const char *key;
    unsigned kinds;
} options_known[] = {
    {"type", OPTION_USER | OPTION_SHARED | OPTION_STREAM},
    {"storage", OPTION_USER | OPTION_SHARED},
    {"location", OPTION_USER | OPTION_SHARED},
    {"use_user_storage", OPTION_USER},
    {"flush_rows", OPTION_USER | OPTION_SHARED},
    {"flush_interval", OPTION_USER | OPTION_SHARED},
    {"deleted_retention", OPTION_USER | OPTION_SHARED},
    {"access", OPTION_SHARED},
    {"ttl_seconds", OPTION_STREAM},
    {"ephemeral", OPTION_STREAM},
    {"max_buffer", OPTION_STREAM},
};

/* The option's word as it was written: TTL, not ttl_seconds. */
static struct str options_word(struct str text, const struct ast_option *option)
{
    size_t end = option->start;

    CHECK(option->start < text.size);
    while (end < text.size &&
           (text.data[end] == '_' || (text.data[end] >= 'a' && text.data[end] <= 'z') ||
            (text.data[end] >= 'A' && text.data[end] <= 'Z')))
        end++;
    return str_from(text.data + option->start, end - option->start);
}

static enum status options_check_kind(struct str text, const struct ast_option *option,
                                      const struct table *table, struct error *err)
{
    static const unsigned kinds[] = {[TABLE_KIND_USER] = OPTION_USER,
                                     [TABLE_KIND_SHARED] = OPTION_SHARED,
                                     [TABLE_KIND_STREAM] = OPTION_STREAM};
    struct str word = options_word(text, option);

    CHECK(table->kind < ARRAY_COUNT(kinds));
    for (size_t i = 0; i < ARRAY_COUNT(options_known); i++) {
        if (!str_equal(option->key, str_from_c(options_known[i].key)))
            continue;
        if ((options_known[i].kinds & kinds[table->kind]) != 0)
            return STATUS_OK;
        return error_set_at(err, STATUS_INVALID_OPERATION, option->start,
                            "option %.*s is not valid for %s tables", STR_ARG(word),
                            table_kind_name(table->kind));
    }
    UNREACHABLE("an option that the parser does not know");
}

/* One variable of a template, with or without `$`. */
static enum status options_check_variable(struct str name, bool *is_user, struct error *err)
{
    static const char *const known[] = {"namespace", "tableName", "table_name", "shard"};

    CHECK(is_user != NULL);
    if (str_equal(name, STR_LIT("user_id")) || str_equal(name, STR_LIT("userId"))) {
        *is_user = true;
        return STATUS_OK;
    }
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_equal(name, str_from_c(known[i])))
            return STATUS_OK;
    return error_set(err, STATUS_INVALID_OPERATION, "LOCATION: unknown variable \"%.*s\"",
                     STR_ARG(name));
}

static enum status options_check_path(struct str text, struct error *err)
{
    const char *problem = storage_path_problem(text);

    if (problem == NULL)
        return STATUS_OK;
    CHECK(problem[0] != 0);
    return error_set(err, STATUS_INVALID_OPERATION, "invalid LOCATION: %s", problem);
}

/* All `${name}` and `{name}`; any other `$`, `{` or `}` is a mistake. */
static enum status options_check_variables(struct str text, bool *has_user, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(has_user != NULL);
    for (size_t i = 0; i < text.size && status == STATUS_OK; i++) {
        if (text.data[i] == '}')
            return error_set(err, STATUS_INVALID_OPERATION, "LOCATION: unbalanced brace");
        if (text.data[i] == '$' && (i + 1 == text.size || text.data[i + 1] != '{'))
            return error_set(err, STATUS_INVALID_OPERATION,
                             "LOCATION: a variable is written ${name} or {name}");
        if (text.data[i] != '{')
            continue;
        struct str rest = str_from(text.data + i + 1, text.size - i - 1);
        size_t size = str_find(rest, STR_LIT("}"));
        if (size == SIZE_MAX || memchr(rest.data, '{', size) != NULL)
            return error_set(err, STATUS_INVALID_OPERATION, "LOCATION: unbalanced brace");
        status = options_check_variable(str_from(rest.data, size), has_user, err);
        i += size + 1;
    }
    return status;
}

static enum status options_check_location(struct str text, enum table_kind kind, struct error *err)
{
    bool has_user = false;
    enum status status = options_check_path(text, err);

    CHECK(kind == TABLE_KIND_USER || kind == TABLE_KIND_SHARED);
    if (status == STATUS_OK)
        status = options_check_variables(text, &has_user, err);
    if (status != STATUS_OK)
        return status;
    if (kind == TABLE_KIND_USER && !has_user)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "LOCATION of a user table must hold ${user_id}");
    if (kind == TABLE_KIND_SHARED && has_user)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "LOCATION of a shared table must not hold ${user_id}");
    return STATUS_OK;
}

/* The parser has refused other words. */
static void options_set_access(struct table *table, struct str word)
{
    CHECK(table->kind == TABLE_KIND_SHARED);
    if (str_equal(word, STR_LIT("public")))
        table->access = TABLE_ACCESS_PUBLIC;
    else if (str_equal(word, STR_LIT("private")))
        table->access = TABLE_ACCESS_PRIVATE;
    else if (str_equal(word, STR_LIT("restricted")))
        table->access = TABLE_ACCESS_RESTRICTED;
    else
        UNREACHABLE("access");
}

static enum status options_apply(struct table *table, const struct ast_option *option,
                                 struct error *err)
{
    const struct value *value = &option->value;
    struct str key = option->key;

    CHECK(key.size > 0);
    if (str_equal(key, STR_LIT("storage"))) {
        table->storage_id = arena_copy(table->arena, value->text);
    } else if (str_equal(key, STR_LIT("location"))) {
        table->location = arena_copy(table->arena, value->text);
        table->has_location = true;
        while (table->location.size > 1 && str_ends_with(table->location, STR_LIT("/")))
            table->location.size--;
        return options_check_location(table->location, table->kind, err);
    } else if (str_equal(key, STR_LIT("use_user_storage"))) {
        table->use_user_storage = value->boolean;
    } else if (str_equal(key, STR_LIT("flush_rows"))) {
        table->flush_rows = (uint32_t)value->integer;
    } else if (str_equal(key, STR_LIT("flush_interval"))) {
        table->flush_interval_seconds = (uint32_t)value->integer;
    } else if (str_equal(key, STR_LIT("deleted_retention"))) {
        table->deleted_retention_hours = value->is_null ? -1 : value->integer;
    } else if (str_equal(key, STR_LIT("ttl_seconds"))) {
        table->ttl_seconds = (uint32_t)value->integer;
    } else if (str_equal(key, STR_LIT("max_buffer"))) {
        table->max_buffer = (uint32_t)value->integer;
    } else if (str_equal(key, STR_LIT("ephemeral"))) {
        table->ephemeral = value->boolean;
    } else if (str_equal(key, STR_LIT("access"))) {
        options_set_access(table, value->text);
    }
    return STATUS_OK;
}

/* Said early because the position is known here; ddl_create_table looks again under the lock. */
static enum status options_check_storage(struct sql_run *run, const struct ast_option *option,
                                         struct error *err)
{
    CHECK(run->view != NULL);
    if (!str_equal(option->key, STR_LIT("storage")) ||
        catalog_find_storage(view_catalog(run->view), option->value.text) != NULL)
        return STATUS_OK;
    return error_set_at(err, STATUS_STORAGE_NOT_FOUND, option->start,
                        "Storage not found: Storage '%.*s' does not exist. Create it first with "
                        "CREATE STORAGE.",
                        STR_ARG(option->value.text));
}

enum status create_table_options(struct sql_run *run, const struct ast_create_table *tree,
                                 struct table *table, struct error *err)
{
    const struct sql_engine_options *defaults = &run->engine->options;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    if (table->kind != TABLE_KIND_STREAM)
        table->storage_id = STR_LIT("local");
    table->deleted_retention_hours = defaults->deleted_retention_hours_default;
    if (table->kind == TABLE_KIND_SHARED)
        table->access = defaults->shared_access_default;
    if (table->kind == TABLE_KIND_STREAM) {
        table->ttl_seconds = defaults->stream_ttl_default;
        table->max_buffer = defaults->stream_max_buffer_default;
    }
    for (size_t i = 0; i < tree->option_count; i++) {
        enum status status =
            options_check_kind(run->plan->tree->text, &tree->options[i], table, err);
        if (status == STATUS_OK)
            status = options_apply(table, &tree->options[i], err);
        if (status == STATUS_OK)
            status = options_check_storage(run, &tree->options[i], err);
        if (status != STATUS_OK)
            return status;
    }
    if (table->kind == TABLE_KIND_STREAM)
        return STATUS_OK;
    if (table->flush_rows == 0 && table->flush_interval_seconds == 0) {
        table->flush_rows = defaults->flush_rows_default;
        table->flush_interval_seconds = defaults->flush_interval_default;
    }
    return STATUS_OK;
}

enum status alter_table_options(struct str text, const struct ast_alter_table *tree,
                                struct table *table, struct error *err)
{
    bool flush = false;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    for (size_t i = 0; i < tree->option_count; i++)
        flush = flush || str_starts_with(tree->options[i].key, STR_LIT("flush_"));
    if (flush)
        table->flush_rows = table->flush_interval_seconds = 0;
    for (size_t i = 0; i < tree->option_count; i++) {
        enum status status = options_check_kind(text, &tree->options[i], table, err);
        if (status == STATUS_OK)
            status = options_apply(table, &tree->options[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
