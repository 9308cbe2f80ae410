/* restore_check.c — do the rows of a restored instance fit together?
 *
 * A manifest says which file holds which kind of rows, and everything that reads or writes the
 * table later relies on it: a key lies in one segment at most (COLD_UNIQUE), a hot row is marked as
 * shadow exactly when an older version of it lies cold, and the hot rows are as many as are
 * counted. So it is looked at before anybody sees the table. Segments whose keys cannot meet are
 * not read for it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/backup/restore_internal.h"
#include "store/cold.h"
#include "value/key.h"

#include <stdlib.h>

struct restore_check {
    struct restore *restore;
    const struct table *table;
    const struct manifest_instance *instance;
    struct segment **segments; /* referenced */
    uint32_t count, capacity;
    uint64_t files[MANIFEST_KINDS], hot_rows; /* as the manifest says; shadows are hot */
};

static enum status restore_check_refuse(const struct restore_check *check, const char *what,
                                        struct error *err)
{
    CHECK(what[0] != '\0');
    return error_set(err, STATUS_CORRUPT, "corrupt manifest: table \"%.*s\": %s",
                     STR_ARG(check->table->name), what);
}

/* Cold rows that cannot be read are to blame on the backup: their files' checksums are right. */
static enum status restore_check_blame(const struct restore_check *check, enum status status,
                                       struct error *err)
{
    CHECK(status != STATUS_WOULD_BLOCK);
    if (status != STATUS_INTERNAL_ERROR && status != STATUS_SQL_EXECUTION_ERROR)
        return status;
    return restore_check_refuse(check, "one of its files does not fit it", err);
}

/* ---- the segments of the instance ------------------------------------------------------------ */

static void restore_check_add(void *context, const struct segment *segment)
{
    struct restore_check *check = context;

    if (check->count == check->capacity) {
        check->capacity = 2 * check->capacity + 8;
        check->segments = mem_realloc(check->segments, check->capacity * sizeof(*check->segments));
    }
    CHECK(check->count < check->capacity);
    check->segments[check->count++] = segment_ref((struct segment *)(uintptr_t)segment);
}

static enum status restore_check_load(struct restore_check *check, struct error *err)
{
    struct buf lower, upper;

    buf_init(&lower);
    buf_init(&upper);
    segment_key_prefix(check->table->id, &check->instance->user, &lower);
    buf_append_str(&upper, buf_str(&lower));
    bool bounded = key_successor(&upper);
    CHECK(bounded);
    struct key_range range = {buf_str(&lower), buf_str(&upper)};
    enum status status =
        segment_visit(check->restore->store, &range, restore_check_add, check, err);
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

static int restore_check_order(const void *a, const void *b)
{
    const struct segment *x = *(struct segment *const *)a, *y = *(struct segment *const *)b;

    CHECK(x->group_count > 0 && y->group_count > 0);
    return str_compare(y->key_max, x->key_max);
}

/* Puts those whose range of keys meets that of another one first, by greatest key, descending. */
static uint32_t restore_check_meeting(struct restore_check *check)
{
    struct str least = STR_EMPTY; /* of the segments so far */
    uint32_t meeting = 0;

    qsort(check->segments, check->count, sizeof(*check->segments), restore_check_order);
    for (uint32_t i = 0; i < check->count; i++) {
        struct segment *segment = check->segments[i];
        bool meets = i > 0 && str_compare(segment->key_max, least) >= 0;
        if (i + 1 < check->count)
            meets = meets || str_compare(check->segments[i + 1]->key_max, segment->key_min) >= 0;
        if (i == 0 || str_compare(segment->key_min, least) < 0)
            least = segment->key_min;
        if (!meets)
            continue;
        check->segments[i] = check->segments[meeting];
        check->segments[meeting++] = segment;
    }
    CHECK(meeting <= check->count);
    return meeting;
}

/* ---- no key in two segments ------------------------------------------------------------------ */

struct restore_merge {
    const struct restore_check *check;
    struct cold_cursor_options options;
    struct cold_cursor *open; /* by the key they stand on, descending */
    uint32_t open_count;
};

/* Puts a cursor in its place among those from `from` on; one at its end goes. */
static enum status restore_merge_place(struct restore_merge *merge, struct cold_cursor cursor,
                                       struct error *err)
{
    uint32_t at = 0;

    if (!cold_cursor_is_valid(&cursor))
        return STATUS_OK;
    while (at < merge->open_count && str_compare(merge->open[at].key, cursor.key) > 0)
        at++;
    bool twice = at < merge->open_count && str_equal(merge->open[at].key, cursor.key);
    memmove(&merge->open[at + 1], &merge->open[at], (merge->open_count - at) * sizeof(cursor));
    merge->open[at] = cursor;
    merge->open_count++;
    CHECK(merge->open_count <= merge->check->count);
    return twice ? restore_check_refuse(merge->check, "two files hold the same row", err)
                 : STATUS_OK;
}

static enum status restore_merge_open(struct restore_merge *merge, struct segment *segment,
                                      struct error *err)
{
    struct cold_cursor cursor;
    enum status status =
        cold_cursor_open(merge->check->restore->store, &merge->options, segment, &cursor, err);

    if (status == STATUS_OK)
        return restore_merge_place(merge, cursor, err);
    CHECK(status != STATUS_END);
    cold_cursor_close(&cursor);
    return restore_check_blame(merge->check, status, err);
}

/* The greatest key of all was looked at. */
static enum status restore_merge_step(struct restore_merge *merge, struct error *err)
{
    struct cold_cursor cursor = merge->open[0];
    enum status status;

    CHECK(merge->open_count > 0);
    merge->open_count--;
    memmove(&merge->open[0], &merge->open[1], merge->open_count * sizeof(cursor));
    status = cold_cursor_next(merge->check->restore->store, &merge->options, &cursor, err);
    if (status == STATUS_OK)
        return restore_merge_place(merge, cursor, err);
    cold_cursor_close(&cursor);
    return restore_check_blame(merge->check, status, err);
}

static enum status restore_check_cold(struct restore_check *check, struct error *err)
{
    uint32_t count = restore_check_meeting(check), next = 0;
    struct restore_merge merge = {
        .check = check,
        .options = {.table = check->table,
                    .descending = true,
                    .seq_after = -1,
                    .cancelled = check->restore->options->cancelled},
        .open = mem_calloc(check->count + 1, sizeof(*merge.open)),
    };
    enum status status = STATUS_OK;

    CHECK(count != 1);
    while (status == STATUS_OK && (merge.open_count > 0 || next < count)) {
        if (next < count && (merge.open_count == 0 ||
                             str_compare(check->segments[next]->key_max, merge.open[0].key) >= 0))
            status = restore_merge_open(&merge, check->segments[next++], err);
        else
            status = restore_merge_step(&merge, err);
    }
    for (uint32_t i = 0; i < merge.open_count; i++)
        cold_cursor_close(&merge.open[i]);
    mem_free(merge.open);
    return status;
}

/* ---- hot rows -------------------------------------------------------------------------------- */

/* A shadow has an older version in a segment, no other hot row has one. */
static enum status restore_check_row(struct restore_check *check, struct cold_lookup *lookup,
                                     struct str key, struct str bytes, struct error *err)
{
    struct row_header header = row_header_get(bytes);
    struct row_pin pin = {.cold = NULL};
    struct row row;

    CHECK(key.size > 0);
    if (backup_is_cancelled(check->restore->options))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    enum status status = cold_lookup_get(check->restore->store, lookup, key, &row, &pin, err);
    if (status != STATUS_OK && status != STATUS_ABSENT)
        return restore_check_blame(check, status, err);
    bool hides = status == STATUS_OK && row_seq(row.bytes) < header.seq;
    bool fits = (header.flags & ROW_SHADOW) != 0 ? hides : status == STATUS_ABSENT;
    if (status == STATUS_OK)
        row_pin_release(check->restore->store, &pin);
    return fits ? STATUS_OK
                : restore_check_refuse(check, "a hot row and the cold files contradict", err);
}

static enum status restore_check_hot(struct restore_check *check, struct error *err)
{
    struct store *store = check->restore->store;
    struct segment_list list = {.segments = check->segments, .count = check->count};
    struct cold_lookup lookup = {
        .table = check->table, .list = &list, .cancelled = check->restore->options->cancelled};
    struct kv_iterator_options options = {.fill_cache = false};
    struct buf lower, upper;
    enum status status = STATUS_OK;
    uint64_t rows = 0;

    buf_init(&lower);
    if (check->table->kind == TABLE_KIND_USER)
        buf_printf(&lower, "%.*s:", STR_ARG(check->instance->user));
    buf_init(&upper);
    buf_append_str(&upper, buf_str(&lower));
    options.lower = buf_str(&lower);
    if (lower.size > 0 && key_successor(&upper))
        options.upper = buf_str(&upper);
    struct kv_iterator *iterator = kv_iterator_open(store->kv, check->table->rows, &options);
    kv_iterator_seek_first(iterator);
    for (; status == STATUS_OK && kv_iterator_is_valid(iterator); kv_iterator_next(iterator)) {
        struct str key = kv_iterator_key(iterator);
        CHECK(key.size > lower.size);
        key = str_from(key.data + lower.size, key.size - lower.size);
        status = restore_check_row(check, &lookup, key, kv_iterator_value(iterator), err);
        rows++;
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    if (status == STATUS_OK && rows != check->hot_rows)
        status = restore_check_refuse(check, "two files hold the same hot row", err);
    kv_iterator_close(iterator);
    cold_lookup_clear(&lookup);
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

enum status restore_check_instance(struct restore *restore, const struct table *table,
                                   const struct manifest_instance *instance, struct error *err)
{
    struct restore_check check = {.restore = restore, .table = table, .instance = instance};
    enum status status = STATUS_OK;

    for (const struct manifest_file *file = instance->files; file != NULL; file = file->next) {
        CHECK(file->kind < MANIFEST_KINDS);
        check.files[file->kind]++;
        check.hot_rows += file->kind == MANIFEST_SEGMENT ? 0 : file->rows;
    }
    uint64_t hot = check.files[MANIFEST_HOT] + check.files[MANIFEST_SHADOW];
    uint64_t cold = check.files[MANIFEST_SEGMENT];
    if (hot + cold <= 1 && check.files[MANIFEST_SHADOW] == 0)
        return STATUS_OK; /* one file is checked when it is read */
    status = restore_check_load(&check, err);
    if (status == STATUS_OK && cold > 1)
        status = restore_check_cold(&check, err);
    if (status == STATUS_OK && hot > 0)
        status = restore_check_hot(&check, err);
    for (uint32_t i = 0; i < check.count; i++)
        segment_unref(check.segments[i]);
    mem_free(check.segments);
    return status;
}
