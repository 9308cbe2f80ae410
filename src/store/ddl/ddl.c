/* ddl.c — changes of the catalogue: the frame that all share. Namespaces and users are in
 * ddl_system.c, tables in ddl_table.c.
 *
 * Under the catalogue lock the newest view holds the newest catalogue. A change builds the next
 * version, writes its system rows through the commit thread and hands the version over in the same
 * request, so that rows and catalogue become durable and visible together.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/ddl.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "store/ddl/ddl_internal.h"
#include "value/key.h"

void ddl_begin(struct ddl *ddl, struct store *store)
{
    CHECK(store->pipeline != NULL);
    pthread_mutex_lock(&store->catalog_mutex);
    *ddl = (struct ddl){.store = store, .view = view_acquire(store), .now = clock_now_us()};
    arena_init(&ddl->arena, 0);
    map_init(&ddl->keys);
    ddl->catalog = view_catalog(ddl->view);
    ddl->builder = catalog_builder_new(view_catalog(ddl->view));
    ddl->request.arena = &ddl->arena;
    ddl->request.view = ddl->view;
}

void ddl_begin_statement(struct ddl *ddl, struct store *store, struct str sql, int64_t now_us)
{
    ddl_begin(ddl, store);
    ddl->sql = sql;
    if (now_us > 0)
        ddl->now = now_us;
    CHECK(ddl->now > 0);
}

void ddl_end(struct ddl *ddl)
{
    CHECK(ddl->store != NULL);
    catalog_builder_free(ddl->builder);
    catalog_unref(ddl->next);
    view_release(ddl->view);
    map_clear(&ddl->keys);
    for (size_t i = 0; i < ddl->storage_count; i++)
        storage_unref(ddl->storages[i]);
    arena_clear(&ddl->arena);
    pthread_mutex_unlock(&ddl->store->catalog_mutex);
}

struct value *ddl_values(struct ddl *ddl)
{
    CHECK(ddl->builder != NULL);
    return arena_array(&ddl->arena, SYSTEM_TABLE_COLUMNS_MAX, sizeof(struct value));
}

static struct row_op *ddl_next_op(struct ddl *ddl, enum system_table which,
                                  const struct value *values)
{
    size_t count = ddl->request.op_count;

    CHECK(count <= ddl->op_capacity);
    if (count == ddl->op_capacity) {
        ddl->op_capacity = count * 2 + 2;
        ddl->request.ops = arena_grow(&ddl->arena, ddl->request.ops, count * sizeof(struct row_op),
                                      ddl->op_capacity * sizeof(struct row_op));
        ddl->old_values = arena_grow(&ddl->arena, ddl->old_values, count * sizeof(struct value *),
                                     ddl->op_capacity * sizeof(struct value *));
    }
    ddl->old_values[count] =
        ddl->store->options.change_event != NULL ? ddl_event_old(ddl, which, values) : NULL;
    return &ddl->request.ops[ddl->request.op_count++];
}

/* Stands before the encoded key: two tables may have the same. */
static void ddl_key_table(enum system_table which, struct buf *out)
{
    CHECK(out->size == 0 && which < UINT8_MAX);
    buf_append_byte(out, (uint8_t)which);
}

static void ddl_note_key(struct ddl *ddl, enum system_table which)
{
    const struct row_op *op = &ddl->request.ops[ddl->request.op_count - 1];
    struct buf key;

    CHECK(op->key.size > 0);
    buf_init(&key);
    ddl_key_table(which, &key);
    buf_append_str(&key, op->key);
    (void)map_put(&ddl->keys, buf_str(&key), ddl);
    buf_clear(&key);
}

void ddl_put(struct ddl *ddl, enum system_table which, struct value *values)
{
    CHECK(values != NULL);
    commit_put_system(&ddl->request, ddl_next_op(ddl, which, values),
                      system_table(ddl->catalog, which), values);
    ddl_note_key(ddl, which);
}

void ddl_delete(struct ddl *ddl, enum system_table which, const struct value *key_values)
{
    CHECK(key_values != NULL);
    commit_delete_system(&ddl->request, ddl_next_op(ddl, which, key_values),
                         system_table(ddl->catalog, which), key_values);
    ddl_note_key(ddl, which);
}

static enum status ddl_extra(struct commit_request *request, struct kv_batch *batch,
                             struct catalog **next_catalog, struct error *err)
{
    struct ddl *ddl = request->extra_context;

    CHECK(ddl->next != NULL);
    if (ddl->extra != NULL) {
        enum status status = ddl->extra(ddl, batch, err);
        if (status != STATUS_OK)
            return status;
    }
    *next_catalog = ddl->next;
    ddl->next = NULL;
    return STATUS_OK;
}

static void ddl_published(struct commit_request *request)
{
    struct ddl *ddl = request->extra_context;

    CHECK(ddl->next == NULL);
    if (ddl->published != NULL)
        ddl->published(ddl);
}

enum status ddl_commit(struct ddl *ddl, struct error *err)
{
    CHECK(ddl->builder != NULL && ddl->request.op_count > 0);
    if (FAULT(ddl_before_commit))
        return error_set(err, STATUS_INTERNAL_ERROR, "fault injected before the change");
    ddl->next = catalog_builder_finish(ddl->builder);
    ddl->builder = NULL;
    ddl->request.extra = ddl_extra;
    ddl->request.extra_context = ddl;
    ddl->request.published = ddl_published;
    enum status status = commit_submit_wait(ddl->store, &ddl->request, err);
    if (status == STATUS_OK)
        ddl_event_send(ddl);
    if (status == STATUS_OK && FAULT(ddl_after_commit))
        return error_set(err, STATUS_INTERNAL_ERROR, "fault injected after the change");
    return status;
}

bool ddl_has(const struct ddl *ddl, enum system_table which, struct str key)
{
    struct value value = value_text(VALUE_TEXT, key);
    struct buf encoded;

    CHECK(ddl->builder != NULL);
    buf_init(&encoded);
    ddl_key_table(which, &encoded);
    bool found = key_encode(&value, 1, &encoded, NULL) == STATUS_OK &&
                 map_get(&ddl->keys, buf_str(&encoded)) != NULL;
    buf_clear(&encoded);
    return found;
}

struct view *ddl_view(struct ddl *ddl)
{
    CHECK(ddl->view != NULL);
    return ddl->view;
}

enum status ddl_run(struct store *store, const struct ddl_statement *statement, struct error *err)
{
    struct ddl ddl;

    CHECK(statement->build != NULL && statement->now_us > 0);
    ddl_begin_statement(&ddl, store, statement->sql, statement->now_us);
    enum status status = statement->build(statement->context, &ddl, err);
    if (status == STATUS_OK)
        status = ddl_prepare_storages(&ddl, err);
    if (status == STATUS_OK && ddl.request.op_count > 0)
        status = ddl_commit(&ddl, err);
    ddl_end(&ddl);
    return status;
}
