/* row_projection.c — reading rows of an older schema version as rows of a newer one (docs/sql.md):
 * a column that did not exist shows its default, a widened one is cast.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/row.h"

#include "base/check.h"
#include "value/cast.h"
#include "value/text.h"

/* Columns keep their order over the versions, so the search starts behind the last hit. */
static int32_t row_projection_find(const struct row_layout *from, uint32_t start, uint32_t id)
{
    for (uint32_t i = 0; i < from->column_count; i++) {
        uint32_t index = (start + i) % from->column_count;
        CHECK(from->columns != NULL);
        if (from->columns[index].id == id)
            return (int32_t)index;
    }
    return -1;
}

/* Needs no cast: how long a text may be is no matter of how it is stored. */
static bool row_projection_is_plain(const struct data_type *from, const struct data_type *to)
{
    CHECK(from->kind != VALUE_NULL && to->kind != VALUE_NULL);
    return (from->kind == VALUE_TEXT && to->kind == VALUE_TEXT) || data_type_is_same(from, to);
}

void row_projection_init(struct row_projection *projection, const struct row_layout *from,
                         const struct row_layout *to, struct arena *arena)
{
    CHECK(from != NULL && to != NULL);
    *projection = (struct row_projection){
        .from = from,
        .to = to,
        .identity = from->column_count == to->column_count,
        .source = arena_array(arena, to->column_count, sizeof(int32_t)),
    };
    for (uint32_t i = 0, start = 0; i < to->column_count; i++) {
        int32_t source = row_projection_find(from, start, to->columns[i].id);
        projection->source[i] = source;
        if (source >= 0)
            start = (uint32_t)source + 1;
        if (source != (int32_t)i ||
            !row_projection_is_plain(&from->columns[i].type, &to->columns[i].type))
            projection->identity = false;
    }
}

void row_projection_get(const struct row_projection *projection, struct str bytes, uint32_t index,
                        struct arena *arena, struct value *out)
{
    struct error err;

    CHECK(index < projection->to->column_count);
    if (projection->identity) {
        row_get(projection->from, bytes, index, out);
        return;
    }
    const struct row_column *column = &projection->to->columns[index];
    int32_t source = projection->source[index];
    if (source < 0) {
        *out = column->missing != NULL ? *column->missing : value_null(column->type.kind);
        return;
    }
    row_get(projection->from, bytes, (uint32_t)source, out);
    if (row_projection_is_plain(&projection->from->columns[source].type, &column->type))
        return;
    struct value old = *out;
    /* ALTER allows only what widens, so that no stored value can fail here. */
    CHECK(value_cast(&old, &column->type, CAST_EXPLICIT, arena, out, &err) == STATUS_OK);
}
