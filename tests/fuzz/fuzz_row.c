/* fuzz_row.c — row bytes: what row_check lets pass can be read column by column, also through a
 * newer layout, and comes back the same after it was written again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "value/row.h"

enum { FUZZ_COLUMNS = 14 };

static void fuzz_layout(struct row_layout *layout, struct row_column *columns, unsigned shape)
{
    uint32_t count = 1 + shape % FUZZ_COLUMNS;

    *layout = (struct row_layout){.version = 1, .column_count = count, .columns = columns};
    for (uint32_t i = 0; i < count; i++) {
        enum value_type kind =
            (enum value_type)(VALUE_BOOLEAN + (i * 5 + shape / FUZZ_COLUMNS) % FUZZ_COLUMNS);
        columns[i] = (struct row_column){.id = i + 1, .type = {.kind = kind}};
        if (kind == VALUE_DECIMAL)
            columns[i].type = (struct data_type){.kind = kind, .precision = 38, .scale = 5};
    }
    row_layout_init(layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row_column columns[FUZZ_COLUMNS], wider[FUZZ_COLUMNS];
    struct value values[FUZZ_COLUMNS], again[FUZZ_COLUMNS];
    unsigned shape = fuzz_choice(&data, &size);
    struct row_projection projection;
    struct row_layout layout, newer;
    struct arena arena;
    struct buf copy;
    struct error err;

    error_clear(&err);
    fuzz_layout(&layout, columns, shape);
    fuzz_layout(&newer, wider, shape / FUZZ_COLUMNS * FUZZ_COLUMNS + FUZZ_COLUMNS - 1);
    struct str bytes = fuzz_text(data, size);
    if (row_check(&layout, bytes, &err) != STATUS_OK)
        return 0;
    arena_init(&arena, 0);
    buf_init(&copy);
    row_projection_init(&projection, &layout, &newer, &arena);
    for (uint32_t i = 0; i < layout.column_count; i++)
        row_get(&layout, bytes, i, &values[i]);
    for (uint32_t i = 0; i < newer.column_count; i++)
        row_projection_get(&projection, bytes, i, &arena, &again[i]);
    struct row_header header = row_header_get(bytes);
    row_encode(&layout, &header, values, &copy);
    CHECK(row_check(&layout, buf_str(&copy), &err) == STATUS_OK);
    for (uint32_t i = 0; i < layout.column_count; i++) {
        row_get(&layout, buf_str(&copy), i, &again[i]);
        CHECK(again[i].is_null == values[i].is_null && again[i].type == values[i].type);
        if (!values[i].is_null && value_type_is_text(values[i].type))
            CHECK(str_equal(again[i].text, values[i].text));
    }
    buf_clear(&copy);
    arena_clear(&arena);
    return 0;
}
