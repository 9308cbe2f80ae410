/* encode.c — rows as the JSON objects of live messages: the select list, the key and _seq.
 * Any thread; scratch values lie in the caller's arena.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "wire/json_writer.h"

void row_views_init(struct row_views *views)
{
    *views = (struct row_views){.table = NULL};
    arena_init(&views->arena, 0);
    CHECK(views->arena.used_bytes == 0);
}

void row_views_clear(struct row_views *views)
{
    CHECK(views->table != NULL || views->arena.used_bytes == 0);
    arena_clear(&views->arena);
    views->table = NULL;
    views->known = (struct row_projections){.newest = NULL};
}

bool row_views_get(struct row_views *views, const struct table *table, struct str key,
                   struct str bytes, struct row *out)
{
    CHECK(bytes.size >= ROW_HEADER_BYTES);
    if (views->table != table) {
        row_views_clear(views);
        views->table = table;
    }
    const struct row_projection *projection =
        row_project_cached(table, row_layout_version(bytes), &views->known, &views->arena);
    *out = (struct row){.table = table, .key = key, .bytes = bytes, .projection = projection};
    return projection != NULL;
}

static void encode_column(const struct live_plan *plan, uint32_t position, const struct row *row,
                          struct arena *arena, struct buf *out)
{
    CHECK(position < plan->shape->column_count);

    struct value value;

    live_plan_column(plan, row, plan->shape->columns[position], arena, &value);
    json_key(out, plan->shape->column_specs[position].name);
    json_write_value(out, &value);
}

void encode_row(const struct live_plan *plan, const struct row *row, struct arena *arena,
                struct buf *out)
{
    CHECK(plan->shape->column_count > 0);
    json_object_begin(out);
    for (uint32_t i = 0; i < plan->shape->column_count; i++)
        encode_column(plan, i, row, arena, out);
    json_object_end(out);
}

static bool encode_is_identity(const struct live_plan *plan, uint32_t column)
{
    uint32_t user_columns = plan->table->schema->column_count;

    CHECK(column < user_columns + SYSTEM_COLUMN_COUNT);
    if (column >= user_columns)
        return column == user_columns + SYSTEM_COLUMN_SEQ;
    return plan->table->schema->columns[column].key_position >= 0;
}

void encode_old_changed(const struct live_plan *plan, const struct row *old_row,
                        const struct row *new_row, struct arena *arena, struct buf *out)
{
    CHECK(old_row && new_row);
    json_object_begin(out);
    for (uint32_t i = 0; i < plan->shape->column_count; i++) {
        struct value before, after;
        if (!encode_is_identity(plan, plan->shape->columns[i])) {
            live_plan_column(plan, old_row, plan->shape->columns[i], arena, &before);
            live_plan_column(plan, new_row, plan->shape->columns[i], arena, &after);
            if (value_is_same(&before, &after))
                continue;
        }
        encode_column(plan, i, old_row, arena, out);
    }
    json_object_end(out);
}

void encode_deleted(const struct live_plan *plan, const struct row *old_row,
                    const struct encode_delete *how, struct arena *arena, struct buf *out)
{
    uint32_t user_columns = plan->table->schema->column_count;
    bool event = plan->table->kind == TABLE_KIND_STREAM;

    CHECK(old_row);
    json_object_begin(out);
    for (uint32_t i = 0; i < plan->shape->column_count; i++) {
        uint32_t column = plan->shape->columns[i];
        if (column == user_columns + SYSTEM_COLUMN_SEQ) {
            struct value value = value_integer(VALUE_BIGINT, how->seq);
            json_key(out, plan->shape->column_specs[i].name);
            json_write_value(out, &value);
        } else if (how->key_only && !encode_is_identity(plan, column)) {
            continue;
        } else if (event || column != user_columns + SYSTEM_COLUMN_DELETED) {
            encode_column(plan, i, old_row, arena, out);
        }
    }
    if (!event)
        json_member_boolean(out, STR_LIT("_deleted"), how->deleted);
    json_object_end(out);
}
