/* scan_plan.c — what a scan would touch, told from counters and records only, and the files that
 * DuckDB may read directly instead.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/cold.h"
#include "store/segment_file.h"
#include "store/store_internal.h"
#include "store/transaction/changes.h"

/* Hot rows looked at to find out whether any of them hides a cold one; with more the answer is
 * "yes", which only costs the reader an anti-join. */
enum { SCAN_SHADOW_ROWS_MAX = 20000 };

static enum status scan_plan_list(struct store *store, const struct scan_options *options,
                                  struct segment_list **out, struct error *err)
{
    const struct table *table = options->table;
    struct str user = table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    enum status status = segment_list_load(store, options->view, table->id, user,
                                           options->cached_only ? KV_READ_CACHED : 0, out, err);
    return hot_translate(status, table, err);
}

/* Counts the row groups that overlap the range, and their rows. */
static void scan_estimate_segment(const struct segment *segment, const struct scan_options *options,
                                  struct scan_estimate *out)
{
    bool may_hold = segment_may_hold(segment, options->bounds, options->bound_count);
    uint32_t touched = 0;

    CHECK(segment->group_count > 0);
    for (uint32_t i = 0; may_hold && i < segment->group_count; i++) {
        const struct row_group *group = &segment->groups[i];
        bool outside = (options->range.lower.size > 0 &&
                        str_compare(group->key_max, options->range.lower) < 0) ||
                       (options->range.upper.size > 0 &&
                        str_compare(group->key_min, options->range.upper) >= 0);
        if (outside || group->seq_max <= options->seq_after)
            continue;
        touched++;
        out->cold_rows += group->rows;
    }
    out->segments++;
    out->segments_pruned += touched == 0 ? 1 : 0;
    out->groups += segment->group_count;
    out->groups_pruned += segment->group_count - touched;
}

/* Rows of the range that the view's own transaction has written. */
static uint64_t scan_estimate_changes(const struct scan_options *options)
{
    struct changes_cursor cursor;

    CHECK(options->view->changes != NULL);
    changes_cursor_open(options->view->changes, options, &options->range, &cursor);
    return cursor.end > cursor.first ? cursor.end - cursor.first : 0;
}

enum status scan_estimate(struct store *store, const struct scan_options *options,
                          struct scan_estimate *out, struct error *err)
{
    const struct table *table = options->table;
    struct instance_counters counters;
    struct segment_list *list = NULL;

    CHECK(options->view != NULL);
    *out = (struct scan_estimate){.segments = 0};
    if (table->kind == TABLE_KIND_SYSTEM)
        return STATUS_OK;
    struct str user = table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;
    enum status status = instance_counters(store, options->view, table, user, &counters, err);
    if (status != STATUS_OK)
        return status;
    out->hot_rows = counters.buffered_rows > 0 ? (uint64_t)counters.buffered_rows : 0;
    if (options->view->changes != NULL)
        out->hot_rows += scan_estimate_changes(options);
    if (table->kind == TABLE_KIND_STREAM || options->hot_only)
        return STATUS_OK;
    status = scan_plan_list(store, options, &list, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < list->count; i++)
        scan_estimate_segment(list->segments[i], options, out);
    segment_list_unref(list);
    return STATUS_OK;
}

static enum status scan_cold_files_shadows(struct store *store, const struct scan_options *options,
                                           bool *has_shadows, struct error *err)
{
    struct scan_options hot = *options;
    struct scan *scan = NULL;
    struct row row;

    hot.hot_only = true;
    hot.with_deleted = true;
    hot.seq_after = -1;
    *has_shadows = false;
    enum status status = scan_open(store, &hot, &scan, err);
    for (int rows = 0; status == STATUS_OK && !*has_shadows; rows++) {
        status = scan_next(scan, &row, err);
        if (status == STATUS_OK)
            *has_shadows =
                rows >= SCAN_SHADOW_ROWS_MAX || (row_header_get(row.bytes).flags & ROW_SHADOW) != 0;
    }
    scan_close(scan);
    CHECK(status != STATUS_ABSENT);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status scan_cold_files_paths(struct store *store, const struct scan_options *options,
                                         const struct segment_list *list, struct cold_files *out,
                                         struct error *err)
{
    out->paths = arena_array(options->arena, list->count + 1, sizeof(struct str));
    out->versions = arena_array(options->arena, list->count + 1, sizeof(*out->versions));
    out->pinned = arena_array(options->arena, list->count + 1, sizeof(struct str));
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment *segment = list->segments[i];
        char *local = NULL;
        if (!cold_may_contribute(segment, &options->range, options->seq_after) ||
            !segment_may_hold(segment, options->bounds, options->bound_count))
            continue;
        struct str path = arena_copy(options->arena, segment->path);
        enum status status = segment_file_open(store, segment, path.data, &local, err);
        if (status != STATUS_OK)
            return cold_translate(status, options->table, err);
        out->versions[out->count] = segment->schema_version;
        out->pinned[out->count] = path;
        out->paths[out->count++] = arena_copy(options->arena, str_from_c(local));
        mem_free(local);
        out->rows += segment->rows;
        out->deleted_rows += segment->deleted_rows;
    }
    CHECK(out->count <= list->count);
    return STATUS_OK;
}

void scan_cold_files_release(struct store *store, struct cold_files *files)
{
    CHECK(files->count == 0 || files->pinned != NULL);
    for (size_t i = 0; i < files->count; i++)
        files_release(store->files, files->pinned[i].data);
    files->count = 0;
}

enum status scan_cold_files(struct store *store, const struct scan_options *options,
                            struct cold_files *out, struct error *err)
{
    enum table_kind kind = options->table->kind;
    struct segment_list *list = NULL;

    CHECK(options->arena != NULL);
    *out = (struct cold_files){.count = 0};
    if (kind != TABLE_KIND_USER && kind != TABLE_KIND_SHARED)
        return STATUS_OK;
    enum status status = scan_plan_list(store, options, &list, err);
    if (status != STATUS_OK)
        return status;
    status = scan_cold_files_paths(store, options, list, out, err);
    segment_list_unref(list);
    if (status == STATUS_OK && out->count > 0)
        status = scan_cold_files_shadows(store, options, &out->has_shadows, err);
    return status;
}

/* ---- counting
 * ------------------------------------------------------------------------------------- */

/* `*deleted`: some of the cold rows are deleted ones that do not count. */
static enum status scan_count_cold(struct store *store, const struct scan_options *options,
                                   int64_t *out, bool *deleted, struct error *err)
{
    struct segment_list *list = NULL;
    enum status status = scan_plan_list(store, options, &list, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment *segment = list->segments[i];
        CHECK(segment->deleted_rows <= segment->rows);
        uint64_t left_out = options->with_deleted ? 0 : segment->deleted_rows;
        *out += (int64_t)(segment->rows - left_out);
        *deleted = *deleted || left_out > 0;
    }
    segment_list_unref(list);
    return STATUS_OK;
}

enum status scan_count(struct store *store, const struct scan_options *options, int64_t *out,
                       struct error *err)
{
    enum table_kind kind = options->table->kind;
    struct scan_options hot = *options;
    struct scan *scan = NULL;
    struct row row;
    bool deleted = false;

    CHECK(options->range.lower.size == 0 && options->range.upper.size == 0);
    CHECK(options->seq_after < 0 && options->bound_count == 0 && options->arena != NULL);
    *out = 0;
    if (kind != TABLE_KIND_USER && kind != TABLE_KIND_SHARED)
        return STATUS_ABSENT;
    enum status status = scan_count_cold(store, options, out, &deleted, err);
    if (status != STATUS_OK)
        return status;
    hot.hot_only = true;
    hot.with_deleted = true; /* a tombstone hides a cold row, too */
    status = scan_open(store, &hot, &scan, err);
    while (status == STATUS_OK) {
        status = scan_next(scan, &row, err);
        if (status != STATUS_OK)
            break;
        bool shadow = (row_header_get(row.bytes).flags & ROW_SHADOW) != 0;
        if (shadow && deleted) /* was the cold row counted? only its file tells */
            status = STATUS_ABSENT;
        *out -= shadow ? 1 : 0; /* COLD_UNIQUE: it hides exactly one */
        *out += options->with_deleted || !row_is_deleted(row.bytes) ? 1 : 0;
    }
    scan_close(scan);
    return status == STATUS_END ? STATUS_OK : status;
}
