/* ddl_instance.c — removes one user's instance of a table (clean-up of deleted users).
 *
 * One batch: all hot rows by a range, the segment records, the counters; the files are entered as
 * pending deletions and go when the last view that names them is gone. A crash leaves all of it or
 * nothing, and start-up finishes what pending records name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/fault.h"
#include "store/cold.h"
#include "store/ddl/ddl_internal.h"
#include "store/segment.h"
#include "value/key.h"

struct ddl_instance {
    struct store *store;
    struct table_id table;
    struct str user;
    struct arena arena;
    struct ddl_instance_file {
        struct ddl_instance_file *next;
        struct str path;
    } * files;
    struct drop_result result;
    uint64_t rows;
    int64_t position;
};

struct ddl_instance_visit {
    struct ddl_instance *drop;
    struct kv_batch *batch;
};

static void ddl_instance_segment(void *context, const struct segment *segment)
{
    const struct ddl_instance_visit *visit = context;
    struct ddl_instance *drop = visit->drop;
    struct ddl_instance_file *file = arena_alloc(&drop->arena, sizeof(*file));

    CHECK(str_equal(segment->user, drop->user));
    file->path = arena_copy(&drop->arena, segment->path);
    file->next = drop->files;
    drop->files = file;
    pending_put(visit->batch, drop->store, segment->path, PENDING_DELETE, drop->table);
    drop->result.files++;
    drop->result.bytes += segment->bytes;
    drop->rows += segment->rows;
}

static enum status ddl_instance_segments(struct ddl_instance *drop, struct kv_batch *batch,
                                         struct error *err)
{
    struct ddl_instance_visit visit = {drop, batch};
    struct store *store = drop->store;
    struct buf lower, upper;

    buf_init(&lower);
    buf_init(&upper);
    segment_key_prefix(drop->table, &drop->user, &lower);
    buf_append_str(&upper, buf_str(&lower));
    CHECK(key_successor(&upper));
    struct key_range range = {buf_str(&lower), buf_str(&upper)};
    enum status status = segment_visit(store, &range, ddl_instance_segment, &visit, err);
    kv_batch_delete_range(batch, store->spaces.segments, range.lower, range.upper);
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

static void ddl_instance_rows(struct ddl_instance *drop, const struct table *table,
                              struct kv_batch *batch)
{
    struct buf lower, upper;

    CHECK(table->kind == TABLE_KIND_USER);
    buf_init(&lower);
    buf_init(&upper);
    buf_append_str(&lower, drop->user);
    buf_append_byte(&lower, ':');
    buf_append_str(&upper, drop->user);
    buf_append_byte(&upper, ':' + 1);
    kv_batch_delete_range(batch, table->rows, buf_str(&lower), buf_str(&upper));
    buf_clear(&lower);
    buf_clear(&upper);
}

static enum status ddl_instance_extra(struct commit_request *request, struct kv_batch *batch,
                                      struct catalog **next_catalog, struct error *err)
{
    struct ddl_instance *drop = request->extra_context;
    const struct table *table = catalog_find_table_id(commit_catalog(request), drop->table);
    struct instance_record record = {0};
    enum status status;

    (void)next_catalog;
    if (table == NULL)
        return STATUS_OK; /* dropped with all its instances */
    status = instance_load(drop->store, NULL, drop->table, drop->user, 0, &record, err);
    if (status == STATUS_OK)
        status = ddl_instance_segments(drop, batch, err);
    if (status == STATUS_OK && FAULT(user_drop_before_commit))
        status = error_set(err, STATUS_IO_FAILED, "fault user_drop_before_commit");
    if (status != STATUS_OK)
        return hot_translate(status, table, err);
    CHECK(record.buffered_rows >= 0);
    drop->rows += (uint64_t)record.buffered_rows;
    ddl_instance_rows(drop, table, batch);
    commit_forget_instance(request, batch, drop->table, drop->user);
    drop->position = commit_take_position(request);
    segment_cache_invalidate(drop->store->segment_cache, drop->table, drop->user, drop->position);
    return STATUS_OK;
}

enum status ddl_drop_instance(struct store *store, struct table_id id, struct str user,
                              struct drop_result *result, uint64_t *rows, struct error *err)
{
    struct ddl_instance drop = {.store = store, .table = id, .user = user};
    struct commit_request request = {.extra = ddl_instance_extra, .extra_context = &drop};

    CHECK(user.size > 0 && id.value > 0);
    arena_init(&drop.arena, 0);
    request.arena = &drop.arena;
    request.view = view_acquire(store);
    enum status status = commit_submit_wait(store, &request, err);
    view_release(request.view);
    if (status == STATUS_OK && FAULT(user_drop_after_commit))
        status = error_set(err, STATUS_IO_FAILED, "fault user_drop_after_commit");
    for (struct ddl_instance_file *file = drop.files; status == STATUS_OK && file != NULL;
         file = file->next)
        recovery_delete_later(store, file->path, drop.position);
    if (status == STATUS_OK) {
        result->files += drop.result.files;
        result->bytes += drop.result.bytes;
        *rows += drop.rows;
    }
    arena_clear(&drop.arena);
    return status;
}
