/* schema_id.c — the key of a row of system.table_schemas.
 *
 *   shown                  stored
 *   {ns}:{table}:7         {ns}:{table}:0000000007         the newest table of the name
 *   {ns}:{table}:7@104     {ns}:{table}:0000000007@104     one that was dropped before it came
 *
 * Stored versions have ten digits, so that they lie in order. The number behind the @ is the number
 * of the dropped table, which is never given again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "catalog/catalog_internal.h"

enum { SCHEMA_ID_DIGITS = 10 };

/* The parts of an id around its version, which has `digits` characters. */
struct schema_id_parts {
    struct str table;   /* with the last colon */
    struct str version; /* as it is written */
    struct str dropped; /* with the @; or empty */
};

static struct schema_id_parts schema_id_split(struct str id)
{
    size_t start = id.size, end;

    while (start > 0 && id.data[start - 1] != ':')
        start--;
    for (end = start; end < id.size && id.data[end] != '@';)
        end++;
    CHECK(start <= end && end <= id.size);
    return (struct schema_id_parts){
        .table = str_from(id.data, start),
        .version = str_from(id.data + start, end - start),
        .dropped = str_from(id.data + end, id.size - end),
    };
}

struct str schema_id_of(const struct table *table, uint32_t version, struct arena *arena)
{
    CHECK(version > 0);
    return arena_printf(arena, "%.*s:%.*s:%0*u", STR_ARG(table->space), STR_ARG(table->name),
                        SCHEMA_ID_DIGITS, version);
}

struct str schema_id_show(struct str stored, struct arena *arena)
{
    struct schema_id_parts parts = schema_id_split(stored);
    size_t zeros = 0;

    CHECK(arena != NULL);
    while (zeros + 1 < parts.version.size && parts.version.data[zeros] == '0')
        zeros++;
    return arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(parts.table),
                        (int)(parts.version.size - zeros), parts.version.data + zeros,
                        STR_ARG(parts.dropped));
}

struct str schema_id_stored(struct str shown, struct arena *arena)
{
    struct schema_id_parts parts = schema_id_split(shown);
    size_t given = parts.version.size;

    CHECK(arena != NULL);
    if (given == 0 || given >= SCHEMA_ID_DIGITS || parts.version.data[0] == '0')
        return shown; /* the id of no version */
    return arena_printf(arena, "%.*s%0*d%.*s%.*s", STR_ARG(parts.table),
                        (int)(SCHEMA_ID_DIGITS - given), 0, STR_ARG(parts.version),
                        STR_ARG(parts.dropped));
}

void system_row_set_schema_aside(struct value *values, struct arena *arena)
{
    struct value *id = &values[SCHEMAS_SCHEMA_ID];
    int64_t number = options_json_integer(values[SCHEMAS_ARROW_SCHEMA].text, "table_id", 0);

    CHECK(values[SCHEMAS_DROPPED].boolean && schema_id_split(id->text).dropped.size == 0);
    id->text = arena_printf(arena, "%.*s@%lld", STR_ARG(id->text), (long long)number);
}
