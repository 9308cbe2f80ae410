/* commit_instance.c — the commit thread's cache of instance records, with undo per request.
 *
 * A record is written once per group and touched instance, in the batch of the rows it counts.
 * Records of streams live only here: their rows are gone after a restart, and so are the counts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/commit/commit_internal.h"
#include "store/stream.h"

static struct commit_instance_entry *commit_instance_new(struct commit_pipeline *pipeline,
                                                         const struct table *table, struct str user,
                                                         struct str key)
{
    struct commit_instance_entry *entry = mem_zalloc(sizeof(*entry) + key.size);
    char *text = (char *)(entry + 1);

    CHECK(key.size >= user.size);
    memcpy(text, key.data, key.size);
    entry->table = table->id;
    entry->key = str_from(text, key.size);
    entry->user = str_from(text + key.size - user.size, user.size);
    entry->in_memory_only = table->kind == TABLE_KIND_STREAM;
    entry->serial = pipeline->serial - 1;
    if (entry->in_memory_only)
        commit_evict_enter(pipeline, entry);
    return entry;
}

enum status commit_instance_get(struct commit_pipeline *pipeline, const struct table *table,
                                struct str user, struct commit_instance_entry **out,
                                struct error *err)
{
    struct buf *key = &pipeline->key;
    size_t start = key->size; /* the caller's key stays in front */

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    instance_key(table->id, user, key);
    struct str name = str_from(key->data + start, key->size - start);
    struct commit_instance_entry *entry = map_get(&pipeline->instances, name);
    if (entry == NULL) {
        struct instance_record record = {0};
        enum status status = STATUS_OK;
        if (table->kind != TABLE_KIND_STREAM)
            status = instance_load(pipeline->store, NULL, table->id, user, 0, &record, err);
        if (status != STATUS_OK) {
            key->size = start;
            return status;
        }
        entry = commit_instance_new(pipeline, table, user, name);
        entry->record = record;
        (void)map_put(&pipeline->instances, name, entry);
    }
    key->size = start;
    *out = entry;
    return STATUS_OK;
}

void commit_instance_touch(struct commit_pipeline *pipeline, struct commit_instance_entry *entry)
{
    if (entry->serial == pipeline->serial)
        return;
    if (pipeline->undo_count == pipeline->undo_capacity) {
        pipeline->undo_capacity = pipeline->undo_capacity * 2 + 16;
        pipeline->undo =
            mem_realloc(pipeline->undo, pipeline->undo_capacity * sizeof(*pipeline->undo));
    }
    pipeline->undo[pipeline->undo_count++] =
        (struct commit_instance_undo){.entry = entry, .record = entry->record};
    entry->serial = pipeline->serial;
    if (entry->dirty)
        return;
    CHECK(pipeline->dirty_count <= pipeline->dirty_capacity);
    if (pipeline->dirty_count == pipeline->dirty_capacity) {
        pipeline->dirty_capacity = pipeline->dirty_capacity * 2 + 16;
        pipeline->dirty =
            mem_realloc(pipeline->dirty, pipeline->dirty_capacity * sizeof(*pipeline->dirty));
    }
    pipeline->dirty[pipeline->dirty_count++] = entry;
    entry->dirty = true;
}

void commit_instance_rollback(struct commit_pipeline *pipeline, size_t mark)
{
    CHECK(mark <= pipeline->undo_count);
    while (pipeline->undo_count > mark) {
        struct commit_instance_undo *undo = &pipeline->undo[--pipeline->undo_count];
        undo->entry->record = undo->record;
    }
}

void commit_instance_write(struct commit_pipeline *pipeline, struct kv_batch *batch)
{
    for (size_t i = 0; i < pipeline->dirty_count; i++) {
        const struct commit_instance_entry *entry = pipeline->dirty[i];
        CHECK(entry->dirty);
        if (entry->in_memory_only)
            continue;
        buf_reset(&pipeline->row);
        instance_encode(&entry->record, &pipeline->row);
        kv_batch_put(batch, pipeline->store->spaces.instances, entry->key, buf_str(&pipeline->row));
    }
}

static void commit_instance_check_policy(struct commit_pipeline *pipeline,
                                         struct commit_instance_entry *entry)
{
    const struct store_options *options = &pipeline->store->options;
    const struct table *table = catalog_find_table_id(pipeline->catalog, entry->table);

    CHECK(entry->dirty);
    if (table == NULL || table->flush_rows == 0 || entry->in_memory_only)
        return;
    bool due = entry->record.rows_since_flush >= (int64_t)table->flush_rows;
    if (due && !entry->flush_posted && options->flush_due != NULL)
        options->flush_due(options->flush_due_context, entry->table, entry->user);
    entry->flush_posted = due;
}

/* Forgets what can be read again. */
static void commit_instance_shrink(struct commit_pipeline *pipeline)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    CHECK(pipeline->dirty_count == 0);
    while (map_next(&pipeline->instances, &cursor, &key, &value)) {
        struct commit_instance_entry *entry = value;
        if (entry->in_memory_only)
            continue;
        (void)map_remove(&pipeline->instances, key);
        mem_free(entry);
    }
}

void commit_instance_settle(struct commit_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->dirty_count; i++) {
        struct commit_instance_entry *entry = pipeline->dirty[i];
        commit_instance_check_policy(pipeline, entry);
        entry->dirty = false;
        if (entry->stream != NULL)
            commit_evict_settle(pipeline, entry);
    }
    CHECK(pipeline->dirty_count <= pipeline->dirty_capacity);
    pipeline->dirty_count = 0;
    pipeline->undo_count = 0;
    if (pipeline->instances.count > COMMIT_INSTANCES_MAX)
        commit_instance_shrink(pipeline);
}

/* Entries of one table, or all with id 0. */
static void commit_instance_drop(struct commit_pipeline *pipeline, struct table_id table)
{
    size_t cursor = 0, kept = 0;
    struct str key;
    void *value;

    for (size_t i = 0; i < pipeline->dirty_count; i++)
        if (table.value != 0 && pipeline->dirty[i]->table.value != table.value)
            pipeline->dirty[kept++] = pipeline->dirty[i];
    pipeline->dirty_count = kept;
    while (map_next(&pipeline->instances, &cursor, &key, &value)) {
        struct commit_instance_entry *entry = value;
        if (table.value != 0 && entry->table.value != table.value)
            continue;
        CHECK(entry->table.value > 0);
        (void)map_remove(&pipeline->instances, key);
        commit_evict_leave(pipeline, entry);
        mem_free(entry);
    }
}

void commit_instance_forget(struct commit_pipeline *pipeline, struct table_id table)
{
    CHECK(table.value > 0);
    pipeline->undo_count = 0; /* only `extra` drops tables, and it is alone in its group */
    commit_instance_drop(pipeline, table);
}

void commit_instance_clear(struct commit_pipeline *pipeline)
{
    commit_instance_drop(pipeline, (struct table_id){0});
    map_clear(&pipeline->instances);
    mem_free(pipeline->dirty);
    mem_free(pipeline->undo);
    CHECK(pipeline->instances.count == 0);
    pipeline->dirty = NULL;
    pipeline->undo = NULL;
    pipeline->dirty_count = pipeline->dirty_capacity = 0;
    pipeline->undo_count = pipeline->undo_capacity = 0;
}

/* ---- for `extra` ------------------------------------------------------------------------------
 */

struct instance_record *commit_instance(struct commit_request *request, struct table_id table,
                                        struct str user, struct error *err)
{
    struct commit_pipeline *pipeline = request->store->pipeline;
    const struct table *found = catalog_find_table_id(pipeline->catalog, table);
    struct commit_instance_entry *entry;

    CHECK(request->extra != NULL);
    if (found == NULL) {
        (void)error_set(err, STATUS_TABLE_NOT_FOUND, "table not found: it was dropped");
        return NULL;
    }
    if (commit_instance_get(pipeline, found, user, &entry, err) != STATUS_OK)
        return NULL;
    commit_instance_touch(pipeline, entry);
    return &entry->record;
}

const struct catalog *commit_catalog(const struct commit_request *request)
{
    CHECK(request->extra != NULL);
    return request->store->pipeline->catalog;
}

int64_t commit_take_position(struct commit_request *request)
{
    CHECK(request->extra != NULL);
    return ++request->store->pipeline->position;
}

void commit_raise_position(struct commit_request *request, int64_t position)
{
    struct commit_pipeline *pipeline = request->store->pipeline;

    CHECK(request->extra != NULL && position >= 0);
    if (pipeline->position < position)
        pipeline->position = position;
}

void commit_forget_table(struct commit_request *request, struct table_id table)
{
    CHECK(request->extra != NULL);
    commit_instance_forget(request->store->pipeline, table);
}

void commit_forget_instance(struct commit_request *request, struct kv_batch *batch,
                            struct table_id table, struct str user)
{
    struct commit_pipeline *pipeline = request->store->pipeline;
    struct commit_instance_entry *entry;

    CHECK(request->extra != NULL && request->op_count == 0);
    buf_reset(&pipeline->key);
    instance_key(table, user, &pipeline->key);
    kv_batch_delete(batch, pipeline->store->spaces.instances, buf_str(&pipeline->key));
    entry = map_get(&pipeline->instances, buf_str(&pipeline->key));
    if (entry == NULL)
        return;
    CHECK(!entry->dirty); /* it is alone in its group, and nobody touched it */
    (void)map_remove(&pipeline->instances, buf_str(&pipeline->key));
    buf_clear(&entry->low);
    mem_free(entry);
}
