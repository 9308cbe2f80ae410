/* instance.c — records of instances: bytes, look-up, iteration, see instance.h.
 *
 *   0  u8   format version (1)
 *   1  7 × 8 bytes little-endian: buffered rows, rows since the flush, version of the segment list,
 *      cold rows, cold bytes, segments, time of the last flush
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/instance.h"

#include "base/check.h"
#include "store/store_internal.h"
#include "store/stream.h"

enum { INSTANCE_FORMAT = 1, INSTANCE_FIELDS = 7, INSTANCE_BYTES = 1 + 8 * INSTANCE_FIELDS };
enum { INSTANCE_TABLE_BYTES = 8 };

void instance_key(struct table_id table, struct str user, struct buf *out)
{
    uint64_t id = __builtin_bswap64(table.value);

    CHECK(table.value > 0);
    buf_append(out, &id, sizeof(id));
    buf_append_str(out, user);
}

void instance_key_range(struct table_id table, struct buf *lower, struct buf *upper)
{
    CHECK(table.value > 0 && table.value < UINT64_MAX);
    buf_init(lower);
    buf_init(upper);
    instance_key(table, STR_EMPTY, lower);
    instance_key((struct table_id){table.value + 1}, STR_EMPTY, upper);
}

void instance_encode(const struct instance_record *record, struct buf *out)
{
    uint64_t fields[INSTANCE_FIELDS] = {
        (uint64_t)record->buffered_rows,
        (uint64_t)record->rows_since_flush,
        record->segments_version,
        record->cold_rows,
        record->cold_bytes,
        record->segments,
        (uint64_t)record->last_flush_us,
    };

    CHECK(record->buffered_rows >= 0 && record->rows_since_flush >= 0);
    buf_append_byte(out, INSTANCE_FORMAT);
    buf_append(out, fields, sizeof(fields));
}

enum status instance_decode(struct str bytes, struct instance_record *out, struct error *err)
{
    uint64_t fields[INSTANCE_FIELDS];

    CHECK(out != NULL);
    if (bytes.size != INSTANCE_BYTES || bytes.data[0] != INSTANCE_FORMAT)
        return error_set(err, STATUS_CORRUPT, "counters of an instance cannot be read");
    memcpy(fields, bytes.data + 1, sizeof(fields));
    *out = (struct instance_record){
        .buffered_rows = (int64_t)fields[0],
        .rows_since_flush = (int64_t)fields[1],
        .segments_version = fields[2],
        .cold_rows = fields[3],
        .cold_bytes = fields[4],
        .segments = (uint32_t)fields[5],
        .last_flush_us = (int64_t)fields[6],
    };
    return STATUS_OK;
}

/* ABSENT, and all zero, when there is no record. */
static enum status instance_read(struct store *store, const struct kv_snapshot *snapshot,
                                 struct table_id table, struct str user, unsigned flags,
                                 struct instance_record *out, struct error *err)
{
    struct kv_value value;
    struct buf key;

    CHECK(out != NULL);
    buf_init(&key);
    instance_key(table, user, &key);
    *out = (struct instance_record){0};
    enum status status =
        kv_get(store->kv, store->spaces.instances, snapshot, buf_str(&key), flags, &value, err);
    buf_clear(&key);
    if (status != STATUS_OK)
        return status;
    status = instance_decode(value.bytes, out, err);
    kv_value_release(store->kv, &value);
    return status;
}

enum status instance_load(struct store *store, const struct kv_snapshot *snapshot,
                          struct table_id table, struct str user, unsigned flags,
                          struct instance_record *out, struct error *err)
{
    enum status status = instance_read(store, snapshot, table, user, flags, out, err);

    CHECK(status != STATUS_END);
    return status == STATUS_ABSENT ? STATUS_OK : status;
}

static void instance_to_counters(const struct instance_record *record,
                                 struct instance_counters *out)
{
    CHECK(record->buffered_rows >= 0);
    *out = (struct instance_counters){
        .buffered_rows = record->buffered_rows,
        .rows_since_flush = record->rows_since_flush,
        .segments_version = record->segments_version,
        .cold_rows = record->cold_rows,
        .cold_bytes = record->cold_bytes,
        .segments = record->segments,
        .last_flush_us = record->last_flush_us,
    };
}

enum status instance_counters(struct store *store, const struct view *view,
                              const struct table *table, struct str user,
                              struct instance_counters *out, struct error *err)
{
    struct instance_record record = {0};

    CHECK(view != NULL && table != NULL);
    if (table->kind == TABLE_KIND_STREAM) { /* counted in memory only, at the newest state */
        struct stream_figures figures;
        stream_figures(store, table->id, &figures);
        *out = (struct instance_counters){.buffered_rows = figures.buffered_rows};
        return STATUS_OK;
    }
    enum status status =
        instance_load(store, view_snapshot(view), table->id, user, 0, &record, err);
    if (status == STATUS_OK)
        instance_to_counters(&record, out);
    return status;
}

enum status instance_find(struct store *store, const struct view *view, const struct table *table,
                          struct str user, struct instance_counters *out, struct error *err)
{
    struct instance_record record;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    enum status status =
        instance_read(store, view_snapshot(view), table->id, user, 0, &record, err);
    if (status == STATUS_OK)
        instance_to_counters(&record, out);
    return status;
}

enum status instance_each(struct store *store, const struct view *view, const struct table *table,
                          bool (*visit)(void *context, struct str user,
                                        const struct instance_counters *counters),
                          void *context, struct error *err)
{
    struct kv_iterator_options options = {.snapshot = view_snapshot(view), .fill_cache = true};
    struct instance_record record = {0};
    struct instance_counters counters;
    struct buf lower, upper;
    enum status status = STATUS_OK;
    bool more = true;

    CHECK(visit != NULL);
    instance_key_range(table->id, &lower, &upper);
    options.lower = buf_str(&lower);
    options.upper = buf_str(&upper);
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.instances, &options);
    kv_iterator_seek_first(iterator);
    while (more && status == STATUS_OK && kv_iterator_is_valid(iterator)) {
        struct str key = kv_iterator_key(iterator);
        status = instance_decode(kv_iterator_value(iterator), &record, err);
        if (status != STATUS_OK)
            break;
        instance_to_counters(&record, &counters);
        more = visit(context,
                     str_from(key.data + INSTANCE_TABLE_BYTES, key.size - INSTANCE_TABLE_BYTES),
                     &counters);
        kv_iterator_next(iterator);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}
