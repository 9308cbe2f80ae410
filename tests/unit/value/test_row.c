/* test_row.c — row bytes: every type with NULLs, damage, and reading through older schema versions.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

#include "value/row.h"

enum { COLUMNS_MAX = 80 };

static struct data_type random_type(void)
{
    struct data_type type = type_of((enum value_type)(VALUE_BOOLEAN + random_below(14)));

    if (type.kind == VALUE_DECIMAL) {
        type.precision = (uint8_t)(1 + random_below(38));
        type.scale = (uint8_t)random_below(type.precision + 1u);
    }
    return type;
}

static struct value random_value(const struct data_type *type, struct arena *arena)
{
    struct value value = {.type = type->kind, .precision = type->precision, .scale = type->scale};
    char bytes[64];

    if (random_below(4) == 0)
        return value_null(type->kind);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_next();
    switch (type->kind) {
    case VALUE_BOOLEAN:
        return value_boolean(random_below(2) != 0);
    case VALUE_SMALLINT:
        return value_integer(type->kind, (int16_t)random_next());
    case VALUE_INT:
    case VALUE_DATE:
        return value_integer(type->kind, (int32_t)random_next());
    case VALUE_FLOAT:
        return value_real(type->kind, (double)((float)random_below(1000000) / 7.0f));
    case VALUE_DOUBLE:
        return value_real(type->kind, (double)random_below(1000000) / -7.0);
    case VALUE_DECIMAL:
        value.decimal = (int128)random_next() * (random_below(2) ? 1 : -1000000000);
        return value;
    case VALUE_UUID:
        memcpy(value.uuid, bytes, 16);
        return value;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        return value_text(type->kind,
                          arena_copy(arena, str_from(bytes, random_below(sizeof(bytes)))));
    default:
        return value_integer(type->kind, (int64_t)random_next());
    }
}

static void random_layout(struct row_layout *layout, struct row_column *columns)
{
    *layout = (struct row_layout){.version = 1 + (uint32_t)random_below(5),
                                  .column_count = (uint32_t)random_below(COLUMNS_MAX),
                                  .columns = columns};
    for (uint32_t i = 0; i < layout->column_count; i++)
        columns[i] = (struct row_column){.id = i + 1, .type = random_type()};
    row_layout_init(layout);
}

static void test_row__every_type_reads_back(void **state)
{
    struct row_column columns[COLUMNS_MAX];
    struct value values[COLUMNS_MAX];
    struct row_layout layout;
    struct arena arena;
    struct buf bytes = {0}, again = {0};
    struct error err;

    arena_init(&arena, 0);
    random_seed();
    for (int round = 0; round < 2000; round++) {
        random_layout(&layout, columns);
        struct row_header header = {.flags = (uint8_t)random_below(8),
                                    .layout_version = layout.version,
                                    .seq = (int64_t)random_next(),
                                    .updated = (int64_t)random_next()};
        for (uint32_t i = 0; i < layout.column_count; i++)
            values[i] = random_value(&columns[i].type, &arena);
        buf_reset(&bytes);
        buf_append_byte(&bytes, 'x'); /* rows lie at any address */
        row_encode(&layout, &header, values, &bytes);
        struct str row = str_from(bytes.data + 1, bytes.size - 1);
        assert_int_equal(row_check(&layout, row, &err), STATUS_OK);
        struct row_header back = row_header_get(row);
        assert_true(back.seq == header.seq && back.updated == header.updated);
        assert_true(back.flags == header.flags && back.layout_version == header.layout_version);
        assert_true(row_seq(row) == header.seq);
        assert_true(row_is_deleted(row) == ((header.flags & ROW_DELETED) != 0));
        for (uint32_t i = 0; i < layout.column_count; i++) {
            struct value out;
            row_get(&layout, row, i, &out);
            assert_true(value_is_same(&out, &values[i]));
        }
        buf_reset(&again);
        row_encode(&layout, &header, values, &again);
        assert_true(str_equal(buf_str(&again), row)); /* deterministic */
        arena_clear(&arena);
    }
    buf_clear(&bytes);
    buf_clear(&again);
}

/* Bytes of any content are either refused or can be read without touching foreign memory. */
static void test_row__damaged_bytes_never_harm(void **state)
{
    struct row_column columns[COLUMNS_MAX];
    struct value values[COLUMNS_MAX];
    struct row_layout layout;
    struct arena arena;
    struct buf bytes = {0}, text = {0};
    struct error err;

    arena_init(&arena, 0);
    random_seed();
    for (int round = 0; round < 5000; round++) {
        random_layout(&layout, columns);
        struct row_header header = {.layout_version = layout.version};
        for (uint32_t i = 0; i < layout.column_count; i++)
            values[i] = random_value(&columns[i].type, &arena);
        buf_reset(&bytes);
        row_encode(&layout, &header, values, &bytes);
        size_t size = random_below(3) == 0 ? random_below(bytes.size + 1) : bytes.size;
        char *copy = arena_alloc(&arena, size > 0 ? size : 1); /* exact size: ASan sees overruns */
        memcpy(copy, bytes.data, size);
        for (uint64_t i = random_below(4); i > 0 && size > 0; i--)
            copy[random_below(size)] = (char)random_next();
        if (row_check(&layout, str_from(copy, size), &err) == STATUS_OK) {
            for (uint32_t i = 0; i < layout.column_count; i++) {
                struct value out;
                row_get(&layout, str_from(copy, size), i, &out);
                if (value_type_is_text(out.type)) {
                    buf_reset(&text);
                    value_format(&out, &text);
                }
            }
        } else {
            assert_int_equal(err.code, STATUS_CORRUPT);
        }
        arena_clear(&arena);
    }
    buf_clear(&bytes);
    buf_clear(&text);
}

static void test_row__check_names_the_damage(void **state)
{
    struct row_column columns[] = {{.id = 1, .type = type_of(VALUE_TEXT)},
                                   {.id = 2, .type = type_of(VALUE_BOOLEAN)}};
    struct row_layout layout = {.version = 3, .column_count = 2, .columns = columns};
    struct value values[] = {value_text(VALUE_TEXT, STR_LIT("abc")), value_boolean(true)};
    struct row_header header = {.layout_version = 3};
    struct buf row = {0};
    struct error err;

    row_layout_init(&layout);
    row_encode(&layout, &header, values, &row);
    assert_int_equal(row.size, 24 + 8 + 4 + 1 + 3);
    assert_int_equal(row_check(&layout, buf_str(&row), &err), STATUS_OK);
    row.data[0] = 2;
    assert_int_equal(row_check(&layout, buf_str(&row), &err), STATUS_CORRUPT);
    assert_string_equal(err.message, "row has unknown format version 2");
    row.data[0] = 1;
    row.data[4] = 4;
    assert_int_equal(row_check(&layout, buf_str(&row), &err), STATUS_CORRUPT);
    row.data[4] = 3;
    row.data[36] = 7; /* a boolean */
    assert_int_equal(row_check(&layout, buf_str(&row), &err), STATUS_CORRUPT);
    row.data[36] = 1;
    row.data[32] = 2; /* one byte of the text belongs to nobody */
    assert_int_equal(row_check(&layout, buf_str(&row), &err), STATUS_CORRUPT);
    assert_int_equal(row_check(&layout, str_from(row.data, 10), &err), STATUS_CORRUPT);
    buf_clear(&row);
}

static void test_row__header_is_set_in_place(void **state)
{
    struct row_layout layout = {.version = 1};
    struct row_header header = {.layout_version = 1};
    struct buf row = {0};

    row_layout_init(&layout);
    row_encode(&layout, &header, NULL, &row);
    header = (struct row_header){.flags = ROW_DELETED, .layout_version = 1, .seq = 7, .updated = 8};
    row_header_set(row.data, &header);
    assert_true(row_seq(buf_str(&row)) == 7);
    assert_true(row_is_deleted(buf_str(&row)));
    assert_int_equal(row_layout_version(buf_str(&row)), 1);
    buf_clear(&row);
}

static void test_row__projection_of_an_older_version(void **state)
{
    struct value fallback = value_integer(VALUE_INT, 42);
    struct data_type decimal = {.kind = VALUE_DECIMAL, .precision = 20, .scale = 4};
    struct row_column old_columns[] = {{.id = 1, .type = type_of(VALUE_INT)},
                                       {.id = 2, .type = type_of(VALUE_TEXT)},
                                       {.id = 3, .type = type_of(VALUE_DATE)},
                                       {.id = 4, .type = type_of(VALUE_SMALLINT)},
                                       {.id = 5, .type = type_of(VALUE_UUID)}};
    /* 2 was dropped and added again under another id; 6 has a default, 7 has none. */
    struct row_column new_columns[] = {{.id = 3, .type = type_of(VALUE_TIMESTAMP)},
                                       {.id = 1, .type = type_of(VALUE_BIGINT)},
                                       {.id = 4, .type = decimal},
                                       {.id = 6, .type = type_of(VALUE_INT), .missing = &fallback},
                                       {.id = 7, .type = type_of(VALUE_TEXT)},
                                       {.id = 5, .type = type_of(VALUE_TEXT)}};
    struct row_layout old = {.version = 1, .column_count = 5, .columns = old_columns};
    struct row_layout new = {.version = 2, .column_count = 6, .columns = new_columns};
    static const char *const expected[] = {
        "1970-01-11 00:00:00", "-5", "3.0000", "42", "", "00000000-0000-0000-0000-000000000000"};
    struct value values[] = {value_integer(VALUE_INT, -5),
                             value_text(VALUE_TEXT, STR_LIT("gone")),
                             value_integer(VALUE_DATE, 10),
                             value_integer(VALUE_SMALLINT, 3),
                             {.type = VALUE_UUID}};
    struct row_header header = {.layout_version = 1};
    struct row_projection projection;
    struct arena arena;
    struct buf row = {0};
    struct value out;

    arena_init(&arena, 0);
    row_layout_init(&old);
    row_layout_init(&new);
    row_encode(&old, &header, values, &row);
    row_projection_init(&projection, &old, &new, &arena);
    assert_false(projection.identity);
    for (uint32_t i = 0; i < new.column_count; i++) {
        row_projection_get(&projection, buf_str(&row), i, &arena, &out);
        assert_int_equal(out.type, new_columns[i].type.kind);
        assert_value_text(&out, expected[i]);
    }
    row_projection_init(&projection, &old, &old, &arena);
    assert_true(projection.identity);
    row_projection_get(&projection, buf_str(&row), 1, &arena, &out);
    assert_value_text(&out, "gone");
    buf_clear(&row);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row__every_type_reads_back),
        cmocka_unit_test(test_row__damaged_bytes_never_harm),
        cmocka_unit_test(test_row__check_names_the_damage),
        cmocka_unit_test(test_row__header_is_set_in_place),
        cmocka_unit_test(test_row__projection_of_an_older_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
