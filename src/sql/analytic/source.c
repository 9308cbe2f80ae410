/* source.c — a table reference of a SELECT as rows for DuckDB: the merged scan (or a
 * virtual table) behind hot_scan(n), and the key range that the statement's WHERE allows.
 *
 * A cursor has its own arena, because DuckDB may open one source several times and drive each
 * cursor from another thread. Texts are copied into DuckDB's chunk: rows are borrowed until the
 * next step only. Numbers, which aggregates read most, go from the row's bytes into the chunk
 * without a value in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "value/cast.h"
#include "value/key.h"
#include "value/text.h"

enum { SOURCE_MAGIC = 0x50ca };

struct source_column {
    uint32_t index;  /* in the table */
    uint32_t offset; /* of its bytes in a row of the layout … */
    bool is_plain;   /* … if they can be copied as they are */
};

struct source_cursor {
    uint32_t magic;
    struct arena arena;
    struct table_source *rows;
    struct source_column *wanted;
    size_t wanted_count;
    const struct row_layout *layout; /* that `wanted` knows the places of */
    bool at_end;
};

/* ---- cells ---- */

void analytic_cell(const struct value *value, struct column_cell *cell)
{
    CHECK(value->type < VALUE_TYPE_COUNT);
    *cell = (struct column_cell){.is_null = value->is_null || value->type == VALUE_NULL};
    if (cell->is_null)
        return;
    switch (value->type) {
    case VALUE_BOOLEAN:
        cell->boolean = value->boolean;
        break;
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
        cell->integer = value->integer;
        break;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        cell->real = value->real;
        break;
    case VALUE_DECIMAL:
        cell->decimal = value->decimal;
        break;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        cell->text = value->text;
        break;
    case VALUE_UUID:
        memcpy(cell->uuid, value->uuid, sizeof(cell->uuid));
        break;
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        UNREACHABLE("a value without a type");
    }
}

/* ---- column_source ---- */

static void source_close(void *opaque)
{
    struct source_cursor *cursor = opaque;

    if (!cursor)
        return;
    CHECK(cursor->magic == SOURCE_MAGIC);
    table_source_close(cursor->rows);
    arena_clear(&cursor->arena);
    mem_free(cursor->wanted);
    mem_free(cursor);
}

static enum status source_open(void *context, const uint32_t *wanted, size_t wanted_count,
                               void **out, struct error *err)
{
    struct analytic_source *source = context;
    struct source_cursor *cursor = mem_zalloc(sizeof(*cursor));
    struct table_source_options options = {
        .engine = source->engine, .scan = source->scan, .caller = source->caller};
    enum status status;

    CHECK(source->source.context == source);
    cursor->magic = SOURCE_MAGIC;
    arena_init(&cursor->arena, source->engine->options.statement_memory_bytes);
    cursor->wanted = mem_calloc(wanted_count + 1, sizeof(struct source_column));
    cursor->wanted_count = wanted_count;
    for (size_t i = 0; i < wanted_count; i++) {
        CHECK(wanted[i] < source->column_count);
        cursor->wanted[i].index = wanted[i];
    }
    options.scan.arena = &cursor->arena;
    status = table_source_open(&options, &cursor->rows, err);
    if (status != STATUS_OK) {
        source_close(cursor);
        return status;
    }
    *out = cursor;
    return STATUS_OK;
}

/* Notes where the plain columns of a layout lie; NULL = of rows that need conversion. */
static void source_learn_layout(struct source_cursor *cursor, const struct row_layout *layout)
{
    CHECK(layout != cursor->layout);
    cursor->layout = layout;
    for (size_t i = 0; i < cursor->wanted_count; i++) {
        struct source_column *wanted = &cursor->wanted[i];
        wanted->is_plain = layout && wanted->index < layout->column_count &&
                           row_plain_width(&layout->columns[wanted->index]) > 0;
        wanted->offset = wanted->is_plain ? layout->columns[wanted->index].offset : 0;
    }
}

static void source_fill_row(struct source_cursor *cursor, struct column_chunk *chunk, size_t at)
{
    const struct row *row = table_source_row(cursor->rows);
    const struct row_layout *layout =
        row && row->projection->identity ? row->projection->from : NULL;
    struct value value;
    struct column_cell cell;

    CHECK(cursor->rows);
    if (layout != cursor->layout)
        source_learn_layout(cursor, layout);
    for (size_t i = 0; i < cursor->wanted_count; i++) {
        const struct source_column *wanted = &cursor->wanted[i];
        if (wanted->is_plain && !row_column_is_null(row->bytes, wanted->index)) {
            column_chunk_set_plain(chunk, i, at, row->bytes.data + wanted->offset);
            continue;
        }
        table_source_column(cursor->rows, wanted->index, &value);
        analytic_cell(&value, &cell);
        column_chunk_set(chunk, i, at, &cell, true);
    }
}

static enum status source_fill(void *opaque, struct column_chunk *chunk, size_t *rows,
                               struct error *err)
{
    struct source_cursor *cursor = opaque;
    enum status status = STATUS_OK;

    CHECK(cursor->magic == SOURCE_MAGIC);
    *rows = 0;
    while (!cursor->at_end && *rows < COLUMN_CHUNK_ROWS) {
        status = table_source_next(cursor->rows, err);
        if (status == STATUS_END) {
            cursor->at_end = true;
            break;
        }
        if (status != STATUS_OK)
            return status;
        source_fill_row(cursor, chunk, (*rows)++);
    }
    return arena_check(&cursor->arena, err);
}

static void source_column_spec(const struct table *table, uint32_t index, struct column_spec *spec)
{
    struct data_type type = table_column_type(table, index);

    CHECK(index < table_column_total(table));
    spec->name = table_column_name(table, index);
    spec->type = (struct column_type){(enum column_kind)type.kind, type.precision, type.scale};
    spec->field_id = 0;
    spec->required =
        index < table->schema->column_count ? table->schema->columns[index].not_null : true;
}

void analytic_source_init(struct analytic_source *source,
                          const struct analytic_execution *execution,
                          const struct resolved_table *resolved, bool hide_system)
{
    const struct table *table = resolved->table;
    uint32_t count = hide_system ? table->schema->column_count : table_column_total(table);
    struct column_spec *columns = arena_array(execution->arena, count + 1, sizeof(*columns));

    CHECK(count >= table->schema->column_count);
    for (uint32_t i = 0; i < count; i++)
        source_column_spec(table, i, &columns[i]);
    *source = (struct analytic_source){.engine = execution->engine, .caller = execution->caller};
    source->column_count = count;
    source->source = (struct column_source){.columns = columns,
                                            .column_count = count,
                                            .context = source,
                                            .open = source_open,
                                            .fill = source_fill,
                                            .close = source_close};
    source->scan = (struct scan_options){.view = execution->view,
                                         .table = table,
                                         .user = resolved->user,
                                         .now_us = execution->now_us,
                                         .seq_after = -1,
                                         .cancelled = execution->cancelled,
                                         .arena = execution->arena};
}

/* ---- key range ---- */

/* Exact value of a bound in the key's type. False: DuckDB's own filter has to do. */
static bool range_value(const struct analytic_bound *bound, const struct data_type *type,
                        const struct analytic_execution *execution, struct value *out)
{
    struct value source = bound->constant;
    struct error ignored;
    bool text_key =
        type->kind == VALUE_TEXT || type->kind == VALUE_UUID || type->kind == VALUE_TIMESTAMP;

    CHECK(bound->op != AST_OP_NONE);
    if (bound->param > 0) {
        if (bound->param > execution->param_count)
            return false;
        source = execution->params[bound->param - 1];
    }
    if (source.is_null)
        return false;
    if (text_key ? source.type != VALUE_TEXT && source.type != type->kind
                 : !value_type_is_integer(type->kind) ||
                       (!value_type_is_integer(source.type) && source.type != VALUE_TEXT))
        return false;
    return value_cast(&source, type, CAST_ASSIGNMENT, execution->arena, out, &ignored) == STATUS_OK;
}

/* Keeps the tighter of two bounds. */
static void range_tighten(struct str *bound, struct str key, bool lower)
{
    int order;

    CHECK(key.size > 0);
    order = bound->size ? str_compare(key, *bound) : 0;
    if (bound->size == 0 || (lower ? order > 0 : order < 0))
        *bound = key;
}

static void range_apply(const struct analytic_bound *bound, const struct value *value,
                        struct arena *arena, struct key_range *range)
{
    struct buf key;
    struct error ignored;
    struct str exact, behind = STR_EMPTY;

    CHECK(!value->is_null);
    buf_init(&key);
    if (key_encode(value, 1, &key, &ignored) != STATUS_OK)
        goto out;
    exact = arena_copy(arena, buf_str(&key));
    if (key_successor(&key))
        behind = arena_copy(arena, buf_str(&key));
    /* All keys that start with `exact` have this value in the leading column. */
    if (bound->op == AST_OP_EQ || bound->op == AST_OP_GE)
        range_tighten(&range->lower, exact, true);
    if (bound->op == AST_OP_GT && behind.size > 0)
        range_tighten(&range->lower, behind, true);
    if (bound->op == AST_OP_LT)
        range_tighten(&range->upper, exact, false);
    if ((bound->op == AST_OP_EQ || bound->op == AST_OP_LE) && behind.size > 0)
        range_tighten(&range->upper, behind, false);
out:
    buf_clear(&key);
}

static const char *range_operator(enum ast_operator op)
{
    CHECK(op != AST_OP_NONE);
    if (op == AST_OP_EQ)
        return "=";
    if (op == AST_OP_LT)
        return "<";
    if (op == AST_OP_LE)
        return "<=";
    return op == AST_OP_GT ? ">" : ">=";
}

void analytic_source_range(const struct analytic_table *reference, const struct table *table,
                           const struct analytic_execution *execution, struct key_range *range,
                           struct buf *description)
{
    const struct table_column *key;
    struct value value;

    *range = (struct key_range){STR_EMPTY, STR_EMPTY};
    if (!table_is_keyed(table) || reference->bound_count == 0 || table->kind == TABLE_KIND_SYSTEM)
        return;
    key = &table->schema->columns[table->key_columns[0]];
    CHECK(reference->bound_count <= ARRAY_COUNT(reference->bounds));
    for (uint32_t i = 0; i < reference->bound_count; i++) {
        const struct analytic_bound *bound = &reference->bounds[i];
        if (!bound->is_key || !range_value(bound, &key->type, execution, &value))
            continue;
        range_apply(bound, &value, execution->arena, range);
        if (!description)
            continue;
        buf_printf(description, "%s%.*s %s ", description->size ? " AND " : "", STR_ARG(key->name),
                   range_operator(bound->op));
        value_format(&value, description);
    }
}

/* `integer` + `add`, or its end of the numbers. */
static int64_t source_add(int64_t integer, int64_t add)
{
    int64_t sum;

    CHECK(add >= -1 && add <= 1);
    if (__builtin_add_overflow(integer, add, &sum))
        return add < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static struct column_bounds source_bounds(const struct analytic_bound *bound, int64_t integer)
{
    struct column_bounds made = {bound->column_id, INT64_MIN, INT64_MAX};

    CHECK(bound->op != AST_OP_NONE);
    if (bound->op != AST_OP_LT && bound->op != AST_OP_LE)
        made.min = source_add(integer, bound->op == AST_OP_GT ? 1 : 0);
    if (bound->op != AST_OP_GT && bound->op != AST_OP_GE)
        made.max = source_add(integer, bound->op == AST_OP_LT ? -1 : 0);
    return made;
}

void analytic_source_bounds(const struct analytic_table *reference,
                            const struct analytic_execution *execution, struct scan_options *scan)
{
    static const struct data_type seq = {.kind = VALUE_BIGINT},
                                  timestamp = {.kind = VALUE_TIMESTAMP};
    struct column_bounds *bounds =
        arena_array(execution->arena, ARRAY_COUNT(reference->bounds), sizeof(*bounds));
    struct value value;

    CHECK(reference->bound_count <= ARRAY_COUNT(reference->bounds));
    scan->bounds = bounds;
    scan->bound_count = 0;
    for (uint32_t i = 0; i < reference->bound_count; i++) {
        const struct analytic_bound *bound = &reference->bounds[i];
        const struct data_type *type = bound->column_id == COLUMN_ID_SEQ ? &seq : &timestamp;
        if (bound->is_key || !range_value(bound, type, execution, &value))
            continue;
        bounds[scan->bound_count++] = source_bounds(bound, value.integer);
    }
}
