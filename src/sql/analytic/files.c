/* files.c — the cold half of a table reference that reads its Parquet files directly, whatever
 * schema version they were written with (docs/sql.md).
 *
 * A file has the column names and types of its version. Columns are found by id, so each version
 * gets a select list of its own that gives the newest columns: renamed ones under their new name,
 * widened ones cast, missing ones as the literal that rows older than the column show. Files with
 * the same list share one read_parquet; every further list is one more branch of the UNION ALL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "catalog/file_name.h"
#include "value/text.h"

enum { FILES_GROUPS_MAX = 16 }; /* with more the merged scan is quicker */

/* ---- the select list of one version ---- */

static void files_append_type(const struct data_type *type, struct buf *out)
{
    static const char *const names[VALUE_TYPE_COUNT] = {
        [VALUE_BOOLEAN] = "BOOLEAN", [VALUE_SMALLINT] = "SMALLINT",   [VALUE_INT] = "INTEGER",
        [VALUE_BIGINT] = "BIGINT",   [VALUE_FLOAT] = "FLOAT",         [VALUE_DOUBLE] = "DOUBLE",
        [VALUE_DECIMAL] = "DECIMAL", [VALUE_TEXT] = "VARCHAR",        [VALUE_UUID] = "UUID",
        [VALUE_JSON] = "JSON",       [VALUE_BYTES] = "BLOB",          [VALUE_DATE] = "DATE",
        [VALUE_TIME] = "TIME",       [VALUE_TIMESTAMP] = "TIMESTAMP",
    };

    CHECK(names[type->kind] != NULL);
    buf_append_str(out, str_from_c(names[type->kind]));
    if (type->kind == VALUE_DECIMAL)
        buf_printf(out, "(%u,%u)", type->precision, type->scale);
}

/* A value as a literal of its type; false when a text cannot be written as one. */
static bool files_append_literal(const struct value *value, const struct data_type *type,
                                 struct buf *out)
{
    struct buf text;
    bool good;

    CHECK(type->kind != VALUE_NULL);
    if (value != NULL && !value->is_null && type->kind == VALUE_BYTES) {
        buf_append_str(out, STR_LIT("unhex('"));
        for (size_t i = 0; i < value->text.size; i++)
            buf_printf(out, "%02x", (unsigned)(unsigned char)value->text.data[i]);
        buf_append_str(out, STR_LIT("')"));
        return true;
    }
    buf_init(&text);
    buf_append_str(out, STR_LIT("CAST("));
    if (value == NULL || value->is_null) {
        buf_append_str(out, STR_LIT("NULL"));
    } else {
        value_format(value, &text);
        splice_append_quoted(out, buf_str(&text), '\'');
    }
    buf_append_str(out, STR_LIT(" AS "));
    files_append_type(type, out);
    buf_append_byte(out, ')');
    good = text.size == 0 || memchr(text.data, 0, text.size) == NULL;
    buf_clear(&text);
    return good;
}

static const struct table_column *files_column(const struct table_schema *schema, uint32_t id)
{
    CHECK(id > 0);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].id == id)
            return &schema->columns[i];
    return NULL;
}

/* Appends the column's name in the file, quoted. Is it that of the newest schema? */
static bool files_append_stored(const struct table_schema *from, const struct table_column *stored,
                                struct str newest, struct buf *out)
{
    struct buf name;

    CHECK(stored >= from->columns && stored < from->columns + from->column_count);
    buf_init(&name);
    file_name_append(from, (uint32_t)(stored - from->columns), &name);
    splice_append_quoted(out, buf_str(&name), '"');
    bool same = str_equal(buf_str(&name), newest);
    buf_clear(&name);
    return same;
}

/* Column `column` of the newest schema as an expression over the file's columns. `rounds`: the
 * statement makes DECIMALs of REAL and DOUBLE, where DuckDB concludes from the smallest and largest
 * value, rounded its own way, what the others are: an expression hides these two. */
static bool files_append_column(const struct table_column *column, const struct table_schema *from,
                                bool rounds, struct buf *out)
{
    const struct table_column *stored = files_column(from, column->id);
    bool good = true, cast, same;
    bool hidden = rounds && stored != NULL &&
                  (column->type.kind == VALUE_FLOAT || column->type.kind == VALUE_DOUBLE);

    if (hidden)
        buf_append_str(out, STR_LIT("greatest("));
    if (stored == NULL) {
        good = files_append_literal(column->missing, &column->type, out);
    } else {
        cast = stored->type.kind != column->type.kind ||
               (column->type.kind == VALUE_DECIMAL &&
                !data_type_is_same(&stored->type, &column->type));
        if (cast)
            buf_append_str(out, STR_LIT("CAST("));
        same = files_append_stored(from, stored, column->name, out);
        if (cast)
            buf_append_str(out, STR_LIT(" AS "));
        if (cast)
            files_append_type(&column->type, out);
        if (cast)
            buf_append_byte(out, ')');
        /* DuckDB loses rows when it compares BYTES inside the file reader (a filter `blob = …` that
         * is pushed down finds nothing): an expression keeps them out of there. */
        if (column->type.kind == VALUE_BYTES)
            buf_append_str(out, STR_LIT(" || ''::BLOB"));
        else if (hidden)
            buf_append_byte(out, ')');
        else if (!cast && same)
            return true;
    }
    CHECK(column->name.size > 0);
    buf_append_str(out, STR_LIT(" AS "));
    splice_append_quoted(out, column->name, '"');
    return good;
}

static bool files_append_columns(const struct table *table, const struct table_schema *from,
                                 bool hide_system, bool rounds, struct buf *out)
{
    uint32_t count = table->schema->column_count;
    uint32_t total = hide_system ? count : table_column_total(table);
    bool good = true;

    CHECK(total >= count);
    for (uint32_t i = 0; i < total; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        if (i < count)
            good = files_append_column(&table->schema->columns[i], from, rounds, out) && good;
        else
            splice_append_quoted(out, table_column_name(table, i), '"');
    }
    return good;
}

/* The key under the file's names. */
static void files_append_key(const struct table *table, const struct table_schema *from,
                             struct buf *out)
{
    CHECK(table->key_count > 0);
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t id = table->schema->columns[table->key_columns[i]].id;
        const struct table_column *stored = files_column(from, id);
        CHECK(stored != NULL); /* key columns are never dropped */
        if (i > 0)
            buf_append_byte(out, ',');
        (void)files_append_stored(from, stored, STR_EMPTY, out);
    }
}

/* ---- groups ---- */

static bool files_describe(const struct table *table, uint32_t version, bool hide_system,
                           bool rounds, struct arena *arena, struct analytic_files_group *out)
{
    const struct table_schema *schema = table_schema_version(table, version);
    struct buf text;
    bool good = schema != NULL;

    CHECK(table->schema != NULL);
    if (!good)
        return false; /* the scan says what is wrong with the file */
    buf_init(&text);
    good = files_append_columns(table, schema, hide_system, rounds, &text);
    out->columns = arena_copy(arena, buf_str(&text));
    buf_reset(&text);
    files_append_key(table, schema, &text);
    out->key = arena_copy(arena, buf_str(&text));
    out->version = version;
    buf_clear(&text);
    return good;
}

/* The group of a version: the one it has, one with the same text, or a new one. NULL: no more. */
static struct analytic_files_group *files_group(struct analytic_files *files,
                                                const struct table *table, uint32_t version,
                                                bool hide_system, bool rounds, struct arena *arena)
{
    struct analytic_files_group made = {.paths = NULL};

    for (uint32_t i = 0; i < files->group_count; i++)
        if (files->groups[i].version == version)
            return &files->groups[i];
    if (!files_describe(table, version, hide_system, rounds, arena, &made))
        return NULL;
    for (uint32_t i = 0; i < files->group_count; i++)
        if (str_equal(files->groups[i].columns, made.columns) &&
            str_equal(files->groups[i].key, made.key))
            return &files->groups[i];
    if (files->group_count == FILES_GROUPS_MAX)
        return NULL;
    CHECK(files->groups != NULL);
    files->groups[files->group_count] = made;
    return &files->groups[files->group_count++];
}

bool analytic_files_find(struct analytic_files *files, const struct cold_files *cold,
                         const struct table *table, bool hide_system, bool rounds,
                         struct arena *arena)
{
    *files = (struct analytic_files){.group_count = 0};
    files->groups = arena_array(arena, FILES_GROUPS_MAX, sizeof(*files->groups));
    for (size_t i = 0; i < cold->count; i++) {
        struct analytic_files_group *group =
            files_group(files, table, cold->versions[i], hide_system, rounds, arena);
        if (group == NULL)
            return false;
        if (group->paths == NULL)
            group->paths = arena_array(arena, cold->count, sizeof(struct str));
        CHECK(group->path_count < cold->count);
        group->paths[group->path_count++] = cold->paths[i];
    }
    return files->group_count > 0;
}

static void files_append_group(const struct analytic_files_group *group, struct buf *out)
{
    CHECK(group->path_count > 0);
    buf_append_str(out, STR_LIT(" FROM read_parquet(["));
    for (size_t i = 0; i < group->path_count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        splice_append_quoted(out, group->paths[i], '\'');
    }
    buf_append_str(out, STR_LIT("])"));
}

void analytic_files_append(const struct analytic_files *files, bool hide_deleted,
                           const uint32_t *shadows, struct str key, struct buf *out)
{
    CHECK(files->group_count > 0);
    for (uint32_t i = 0; i < files->group_count; i++) {
        const struct analytic_files_group *group = &files->groups[i];
        if (i > 0)
            buf_append_str(out, STR_LIT(" UNION ALL "));
        buf_append_str(out, STR_LIT("SELECT "));
        buf_append_str(out, group->columns);
        files_append_group(group, out);
        if (hide_deleted || shadows != NULL)
            buf_append_str(out, STR_LIT(" WHERE "));
        if (hide_deleted)
            buf_printf(out, "NOT \"_deleted\"%s", shadows != NULL ? " AND " : "");
        /* Of all formulations only NOT IN keeps filter and top-N pushdown into the files. */
        if (shadows != NULL)
            buf_printf(out, "(%.*s) NOT IN (SELECT (%.*s) FROM hot_scan(%u))", STR_ARG(group->key),
                       STR_ARG(key), *shadows);
    }
}

struct str analytic_files_key(const struct table *table, struct arena *arena)
{
    struct buf text;

    CHECK(table->key_count > 0);
    buf_init(&text);
    files_append_key(table, table->schema, &text);
    struct str copy = arena_copy(arena, buf_str(&text));
    buf_clear(&text);
    return copy;
}
