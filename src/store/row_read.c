/* row_read.c — single rows: columns through projections, look-up by key over both tiers.
 *
 * Rows of the newest schema version, nearly all, are read without a projection table; older ones
 * get one per version and scan. Row bytes are checked once, where they enter from the kv store.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/cold.h"
#include "store/store_internal.h"
#include "store/stream.h"
#include "store/transaction/changes.h"

#include <stdio.h>

enum status hot_translate(enum status status, const struct table *table, struct error *err)
{
    if (status != STATUS_IO_FAILED && status != STATUS_CORRUPT)
        return status;
    CHECK(table != NULL);
    log_error("rows of %.*s.%.*s: %s: %s", STR_ARG(table->space), STR_ARG(table->name),
              status_name(status), err != NULL && err->code != STATUS_OK ? err->message : "");
    return error_set(err, STATUS_INTERNAL_ERROR, "rows of %.*s.%.*s cannot be read",
                     STR_ARG(table->space), STR_ARG(table->name));
}

/* ---- columns
 * -------------------------------------------------------------------------------------- */

const struct row_projection *row_project(const struct table *table, uint32_t version,
                                         struct arena *arena)
{
    const struct table_schema *schema = table_schema_version(table, version);

    CHECK(table->schema != NULL);
    if (schema == NULL)
        return NULL;
    struct row_projection *projection = arena_zalloc(arena, sizeof(*projection));
    if (schema == table->schema) {
        projection->from = projection->to = &schema->layout;
        projection->identity = true;
    } else {
        row_projection_init(projection, &schema->layout, &table->schema->layout, arena);
    }
    return projection;
}

/* A table may have thousands of versions with rows of all of them mixed: found by number. */
static const struct row_projection *row_project_version(const struct table *table,
                                                        struct row_projections *cache,
                                                        struct arena *arena, uint32_t version)
{
    uint32_t first = table->schemas[0]->version, count = table->schema_count;

    CHECK(cache != NULL && count > 0);
    if (cache->newest == NULL || version < first || version - first >= count)
        return row_project(table, version, arena);
    if (cache->all == NULL) {
        cache->all = arena_array(arena, count, sizeof(struct row_projection *));
        cache->all[cache->newest->from->version - first] = cache->newest;
    }
    if (cache->all[version - first] == NULL)
        cache->all[version - first] = row_project(table, version, arena);
    return cache->all[version - first];
}

const struct row_projection *row_project_cached(const struct table *table, uint32_t version,
                                                struct row_projections *cache, struct arena *arena)
{
    CHECK(table->schema != NULL);
    if (cache->newest == NULL || cache->newest->from->version != version)
        cache->newest = row_project_version(table, cache, arena, version);
    return cache->newest;
}

enum status row_accept(const struct table *table, struct row_projections *cache,
                       struct arena *arena, struct row *row, struct error *err)
{
    CHECK(row->table == table);
    if (row->bytes.size < ROW_HEADER_BYTES)
        return error_set(err, STATUS_CORRUPT, "row is shorter than its header");
    uint32_t version = row_layout_version(row->bytes);
    row->projection = row_project_cached(table, version, cache, arena);
    if (row->projection == NULL)
        return error_set(err, STATUS_CORRUPT, "row has unknown schema version %u", version);
    return row_check(row->projection->from, row->bytes, err);
}

void row_column(const struct row *row, uint32_t index, struct arena *arena, struct value *out)
{
    uint32_t count = row->table->schema->column_count;

    CHECK(index < count + SYSTEM_COLUMN_COUNT);
    if (index < count) {
        row_projection_get(row->projection, row->bytes, index, arena, out);
        return;
    }
    struct row_header header = row_header_get(row->bytes);
    bool is_committed = header.seq != ROW_SEQ_NONE;
    switch ((enum system_column)(index - count)) {
    case SYSTEM_COLUMN_SEQ:
        *out = is_committed ? value_integer(VALUE_BIGINT, header.seq) : value_null(VALUE_BIGINT);
        return;
    case SYSTEM_COLUMN_UPDATED:
        *out = is_committed ? value_integer(VALUE_TIMESTAMP, header.updated)
                            : value_null(VALUE_TIMESTAMP);
        return;
    case SYSTEM_COLUMN_DELETED:
        *out = value_boolean((header.flags & ROW_DELETED) != 0);
        return;
    case SYSTEM_COLUMN_COUNT:
        break;
    }
    UNREACHABLE("no such system column");
}

/* ---- one row by key
 * ------------------------------------------------------------------------------- */

static bool row_is_expired(const struct scan_options *options, struct str key)
{
    char oldest[STREAM_PREFIX_BYTES + 1];
    size_t size = stream_expiry_key(options->table, options->now_us, oldest);

    CHECK(size <= STREAM_PREFIX_BYTES);
    return size > 0 && str_compare(key, str_from(oldest, size)) < 0;
}

static enum status row_get_hot(struct store *store, const struct scan_options *options,
                               struct str key, struct row *row, struct row_pin *pin,
                               struct error *err)
{
    char full[LIMIT_USER_ID_BYTES + 1 + LIMIT_KEY_BYTES + STREAM_PREFIX_BYTES];
    const struct table *table = options->table;
    struct row_projections projections = {.newest = NULL};
    struct str user = table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;
    size_t prefix = table->kind == TABLE_KIND_USER ? user.size + 1 : 0;

    if (prefix + key.size > sizeof(full))
        return STATUS_ABSENT; /* longer than any key can be */
    if (prefix > 0) {
        CHECK(user.size > 0);
        memcpy(full, user.data, user.size);
        full[user.size] = ':';
    }
    memcpy(full + prefix, key.data, key.size);
    if (options->view->changes != NULL) {
        const struct overlay_entry *own =
            changes_find(options->view->changes, table->rows, str_from(full, prefix + key.size));
        if (own != NULL) {
            *row = (struct row){.table = table, .key = key, .bytes = own->bytes};
            return row_accept(table, &projections, options->arena, row, err);
        }
    }
    enum status status =
        kv_get(store->kv, table->rows, options->view->snapshot, str_from(full, prefix + key.size),
               options->cached_only ? KV_READ_CACHED : 0, &pin->hot, err);
    if (status != STATUS_OK)
        return hot_translate(status, table, err);
    *row = (struct row){.table = table, .key = key, .bytes = pin->hot.bytes};
    status = row_accept(table, &projections, options->arena, row, err);
    if (status != STATUS_OK) {
        kv_value_release(store->kv, &pin->hot);
        pin->hot = (struct kv_value){.pin = NULL};
        return hot_translate(status, table, err);
    }
    return STATUS_OK;
}

static enum status row_get_cold(struct store *store, const struct scan_options *options,
                                struct str key, struct row *row, struct row_pin *pin,
                                struct error *err)
{
    struct segment_list *list = NULL;
    struct str user = options->table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;

    CHECK(pin->cold == NULL);
    enum status status = segment_list_load(store, options->view, options->table->id, user,
                                           options->cached_only ? KV_READ_CACHED : 0, &list, err);
    if (status != STATUS_OK)
        return hot_translate(status, options->table, err);
    struct cold_lookup lookup = {.table = options->table,
                                 .list = list,
                                 .cached_only = options->cached_only,
                                 .cancelled = options->cancelled,
                                 .held = options->held != NULL ? options->held->cold : NULL};
    status = cold_lookup_get(store, &lookup, key, row, pin, err);
    if (options->held != NULL)
        options->held->cold = lookup.held;
    else
        cold_lookup_clear(&lookup);
    segment_list_unref(list);
    if (status == STATUS_OK)
        row->projection =
            row_project(options->table, row_layout_version(row->bytes), options->arena);
    return status;
}

enum status row_get_by_key(struct store *store, const struct scan_options *options, struct str key,
                           struct row *row, struct row_pin *pin, struct error *err)
{
    const struct table *table = options->table;
    bool has_cold = table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED;

    CHECK(options->view != NULL && options->arena != NULL && table->rows != NULL);
    *pin = (struct row_pin){.cold = NULL};
    if (row_is_expired(options, key))
        return STATUS_ABSENT;
    enum status status = row_get_hot(store, options, key, row, pin, err);
    if (status == STATUS_ABSENT && has_cold && !options->hot_only)
        status = row_get_cold(store, options, key, row, pin, err);
    if (status != STATUS_OK)
        return status;
    if (row_is_deleted(row->bytes) && !options->with_deleted) {
        row_pin_release(store, pin);
        return STATUS_ABSENT;
    }
    return STATUS_OK;
}

void row_pin_release(struct store *store, struct row_pin *pin)
{
    CHECK(pin != NULL);
    if (pin->hot.pin != NULL)
        kv_value_release(store->kv, &pin->hot);
    row_block_unref(pin->cold);
    *pin = (struct row_pin){.cold = NULL};
}
