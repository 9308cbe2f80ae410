/* store_fixture.h — a store over the in-memory kv for tests: open, tables, one-line writes and
 * reads.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/id.h"
#include "catalog/system_tables.h"
#include "store/commit.h"
#include "store/ddl.h"
#include "store/feed.h"
#include "store/store.h"
#include "value/key.h"
#include "value/row.h"

struct fixture {
    struct kv *kv;
    struct store_options options;
    struct store *store;
};

static inline void fixture_open(struct fixture *fixture)
{
    struct error err;

    if (fixture->kv == NULL)
        fixture->kv = kv_open_memory();
    fixture->options.kv = fixture->kv;
    if (fixture->options.feed_bytes == 0)
        fixture->options.feed_bytes = 1 << 20;
    enum status status = store_open(&fixture->options, &fixture->store, &err);
    if (status != STATUS_OK)
        fail_msg("store_open: %s", err.message);
}

static inline void fixture_close(struct fixture *fixture)
{
    store_close(fixture->store);
    kv_close(fixture->kv);
    *fixture = (struct fixture){0};
}

/* Closes and opens the store over the same kv. */
static inline void fixture_reopen(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture_open(fixture);
}

/* `id BIGINT` key, `n BIGINT`, `body TEXT`. */
static inline struct table *fixture_table(enum table_kind kind, const char *name)
{
    struct table *table = table_new();
    struct table_schema *schema = table_add_schema(table);

    table->kind = kind;
    table->space = STR_LIT("default");
    table->name = arena_copy(table->arena, str_from_c(name));
    schema->column_count = 3;
    schema->columns = arena_array(schema->arena, 3, sizeof(struct table_column));
    schema->columns[0] = (struct table_column){
        .name = STR_LIT("id"), .type = {.kind = VALUE_BIGINT}, .not_null = true};
    schema->columns[1] = (struct table_column){
        .name = STR_LIT("n"), .type = {.kind = VALUE_BIGINT}, .key_position = -1};
    schema->columns[2] = (struct table_column){
        .name = STR_LIT("body"), .type = {.kind = VALUE_TEXT}, .key_position = -1};
    return table;
}

static inline struct table_id fixture_create(struct fixture *fixture, struct table *table)
{
    struct table *kept = table_ref(table);
    struct ddl_create create = {.table = table};
    struct error err;

    if (ddl_create_table(fixture->store, &create, &err) != STATUS_OK)
        fail_msg("ddl_create_table: %s", err.message);
    assert_true(create.created);
    struct table_id id = kept->id;
    table_unref(kept);
    return id;
}

/* One statement in the making. */
struct write {
    struct commit_request request;
    struct row_op ops[8];
    struct arena arena;
    const struct table *table;
};

static inline void write_begin(struct write *write, struct fixture *fixture, struct table_id id)
{
    memset(write, 0, sizeof(*write));
    arena_init(&write->arena, 0);
    write->request.arena = &write->arena;
    write->request.ops = write->ops;
    write->request.view = view_acquire(fixture->store);
    write->request.flags = COMMIT_KEEP_IMAGES;
    write->table = catalog_find_table_id(view_catalog(write->request.view), id);
    assert_non_null(write->table);
}

static inline struct row_op *write_op(struct write *write, enum row_op_kind kind, const char *user,
                                      int64_t id)
{
    struct row_op *op = &write->ops[write->request.op_count++];
    struct value key = value_integer(VALUE_BIGINT, id);
    struct buf bytes;

    buf_init(&bytes);
    assert_int_equal(key_encode(&key, 1, &bytes, NULL), STATUS_OK);
    op->kind = kind;
    op->table = write->table;
    op->user = str_from_c(user);
    op->key = arena_copy(&write->arena, buf_str(&bytes));
    buf_clear(&bytes);
    return op;
}

static inline struct row_op *write_insert(struct write *write, const char *user, int64_t id,
                                          int64_t n)
{
    struct row_op *op = write_op(write, ROW_OP_INSERT, user, id);

    op->values = arena_array(&write->arena, 3, sizeof(struct value));
    op->values[0] = value_integer(VALUE_BIGINT, id);
    op->values[1] = value_integer(VALUE_BIGINT, n);
    op->values[2] = value_text(VALUE_TEXT, STR_LIT("body"));
    return op;
}

/* SET n = n + context. */
static inline enum status fixture_resolve_add(void *context, const struct row *current,
                                              struct arena *arena, enum row_verdict *verdict,
                                              struct value *values, struct error *err)
{
    (void)err;
    for (uint32_t i = 0; current != NULL && i < current->table->schema->column_count; i++)
        row_column(current, i, arena, &values[i]);
    values[1].integer += *(const int64_t *)context;
    *verdict = ROW_PUT;
    return STATUS_OK;
}

static inline enum status fixture_resolve_delete(void *context, const struct row *current,
                                                 struct arena *arena, enum row_verdict *verdict,
                                                 struct value *values, struct error *err)
{
    (void)context;
    (void)current;
    (void)arena;
    (void)values;
    (void)err;
    *verdict = ROW_DELETE;
    return STATUS_OK;
}

static inline enum status fixture_resolve_keep(void *context, const struct row *current,
                                               struct arena *arena, enum row_verdict *verdict,
                                               struct value *values, struct error *err)
{
    (void)context;
    (void)current;
    (void)arena;
    (void)values;
    (void)err;
    *verdict = ROW_KEEP;
    return STATUS_OK;
}

static inline struct row_op *write_change(struct write *write, const char *user, int64_t id,
                                          const struct row_logic *logic)
{
    struct row_op *op = write_op(write, ROW_OP_CHANGE, user, id);

    op->logic = logic;
    return op;
}

static inline enum status write_run(struct write *write, struct fixture *fixture)
{
    return commit_submit_wait(fixture->store, &write->request, NULL);
}

static inline void write_end(struct write *write)
{
    view_release(write->request.view);
    arena_clear(&write->arena);
}

static inline void fixture_insert(struct fixture *fixture, struct table_id id, const char *user,
                                  int64_t key, int64_t n)
{
    struct write write;

    write_begin(&write, fixture, id);
    write_insert(&write, user, key, n);
    if (write_run(&write, fixture) != STATUS_OK)
        fail_msg("insert: %s", write.request.error.message);
    write_end(&write);
}

/* Hot bytes of a row at a view: false if there are none. */
static inline bool fixture_hot(struct fixture *fixture, struct view *view, struct table_id id,
                               const char *user, int64_t key, struct buf *out)
{
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct value value = value_integer(VALUE_BIGINT, key);
    struct kv_value bytes;
    struct error err;
    struct buf full;

    buf_init(&full);
    buf_append_str(&full, str_from_c(user));
    if (user[0] != 0)
        buf_append_byte(&full, ':');
    assert_int_equal(key_encode(&value, 1, &full, NULL), STATUS_OK);
    enum status status =
        kv_get(fixture->kv, table->rows, view_snapshot(view), buf_str(&full), 0, &bytes, &err);
    buf_clear(&full);
    if (status == STATUS_ABSENT)
        return false;
    assert_int_equal(status, STATUS_OK);
    buf_reset(out);
    buf_append_str(out, bytes.bytes);
    kv_value_release(fixture->kv, &bytes);
    return true;
}

/* Column n of a live hot row now, or -1. */
static inline int64_t fixture_n(struct fixture *fixture, struct table_id id, const char *user,
                                int64_t key)
{
    struct view *view = view_acquire(fixture->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct value value;
    struct buf bytes;
    int64_t n = -1;

    buf_init(&bytes);
    if (fixture_hot(fixture, view, id, user, key, &bytes) && !row_is_deleted(buf_str(&bytes))) {
        row_get(&table->schema->layout, buf_str(&bytes), 1, &value);
        n = value.integer;
    }
    buf_clear(&bytes);
    view_release(view);
    return n;
}

static inline struct instance_counters fixture_counters(struct fixture *fixture, struct table_id id,
                                                        const char *user)
{
    struct view *view = view_acquire(fixture->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct instance_counters counters;
    struct error err;

    assert_int_equal(
        instance_counters(fixture->store, view, table, str_from_c(user), &counters, &err),
        STATUS_OK);
    view_release(view);
    return counters;
}

#endif
