/* store_key.c — encoded keys of rows and how messages show them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "store/store.h"
#include "value/key.h"
#include "value/text.h"

enum status table_encode_key(const struct table *table, const struct value *values, struct buf *out,
                             struct error *err)
{
    struct value keys[LIMIT_KEY_COLUMNS];

    CHECK(table->key_count > 0 && table->key_count <= LIMIT_KEY_COLUMNS);
    for (uint32_t i = 0; i < table->key_count; i++)
        keys[i] = values[table->key_columns[i]];
    return key_encode(keys, table->key_count, out, err);
}

static void table_describe_values(const struct value *values, uint32_t count, struct buf *out)
{
    enum { SHOWN_BYTES = 64 };

    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        size_t start;
        if (i > 0)
            buf_append_str(out, STR_LIT(", "));
        start = out->size;
        value_format(&values[i], out);
        if (out->size - start > SHOWN_BYTES)
            out->size = start + SHOWN_BYTES;
    }
}

void table_describe_key(const struct table *table, struct str key, struct buf *out)
{
    enum value_type kinds[LIMIT_KEY_COLUMNS];
    struct value values[LIMIT_KEY_COLUMNS];
    struct arena arena;

    CHECK(table->key_count > 0 && table->key_count <= LIMIT_KEY_COLUMNS);
    arena_init(&arena, 0);
    buf_append_byte(out, '(');
    for (uint32_t i = 0; i < table->key_count; i++) {
        const struct table_column *column = &table->schema->columns[table->key_columns[i]];
        kinds[i] = column->type.kind;
        if (i > 0)
            buf_append_str(out, STR_LIT(", "));
        buf_append_str(out, column->name);
    }
    buf_append_str(out, STR_LIT(")=("));
    if (key_decode(key, kinds, table->key_count, &arena, values, NULL) == STATUS_OK)
        table_describe_values(values, table->key_count, out);
    else
        buf_append_str(out, STR_LIT("?"));
    buf_append_byte(out, ')');
    arena_clear(&arena);
}
