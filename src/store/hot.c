/* hot.c — walking hot rows.
 *
 * Forward is what RocksDB does best: 130 ns a row. Backward it is ten times slower as long as rows
 * lie in the memtable, because a skip list has no way back and searches from its head for every
 * step. So a descending walk goes step by step only for its first rows (newest first, few wanted).
 * Once it has cost about as much as a forward pass over the rest would, it turns: one pass forward
 * over what is left notes the first key of every chunk, then the chunks are read forward, last one
 * first, and given out backward. Never more than one chunk of rows is in memory.
 *
 * Rows that a flush has removed by range are stepped over one by one until the memtable is written
 * out. The number of hot rows of the instance is exact, so the walk ends with the last of them
 * instead of looking for another one behind.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/hot.h"

#include "base/check.h"
#include "store/store_internal.h"

enum {
    HOT_CHUNK_ROWS = 1024,
    HOT_CHUNK_BYTES = 1 << 20,
    HOT_TURN_SHARE = 16, /* turn after one in so many rows were read backward */
    HOT_TURN_MIN = 16,
    HOT_CANCEL_ROWS = 256,
};

struct hot_mark {
    size_t key_size;
    uint32_t rows; /* of the chunk that begins with it */
};

struct hot_row {
    size_t key_size, bytes_size;
};

void hot_cursor_open(struct store *store, const struct hot_cursor_options *options,
                     struct hot_cursor *out)
{
    CHECK(options->table->rows != NULL && options->rows >= -1);
    *out = (struct hot_cursor){.options = *options, .kv = store->kv};
    buf_init(&out->marks);
    buf_init(&out->mark_keys);
    buf_init(&out->chunk);
    buf_init(&out->chunk_rows);
    struct kv_iterator_options iterator = {
        .snapshot = options->snapshot,
        .lower = options->lower,
        .upper = options->upper,
        .flags = options->cached_only ? KV_READ_CACHED : 0,
        .prefix_same = options->prefix_size > 0,
        .fill_cache = options->fill_cache,
    };
    out->ended = options->rows == 0;
    if (!out->ended)
        out->iterator = kv_iterator_open(store->kv, options->table->rows, &iterator);
}

void hot_cursor_close(struct hot_cursor *cursor)
{
    if (cursor->kv == NULL)
        return;
    CHECK(cursor->ended || cursor->iterator != NULL);
    kv_iterator_close(cursor->iterator);
    buf_clear(&cursor->marks);
    buf_clear(&cursor->mark_keys);
    buf_clear(&cursor->chunk);
    buf_clear(&cursor->chunk_rows);
    *cursor = (struct hot_cursor){.kv = NULL};
}

static struct str hot_cursor_row_id(const struct hot_cursor *cursor, struct str full)
{
    CHECK(full.size > cursor->options.prefix_size);
    return str_from(full.data + cursor->options.prefix_size,
                    full.size - cursor->options.prefix_size);
}

/* ---- chunks
 * --------------------------------------------------------------------------------------- */

static void hot_chunk_reset(struct hot_cursor *cursor)
{
    CHECK(cursor->chunk_left == 0);
    buf_reset(&cursor->chunk);
    buf_reset(&cursor->chunk_rows);
}

static void hot_chunk_add(struct hot_cursor *cursor)
{
    struct str key = kv_iterator_key(cursor->iterator);
    struct str bytes = kv_iterator_value(cursor->iterator);
    struct hot_row row = {.key_size = key.size, .bytes_size = bytes.size};

    CHECK(key.size > cursor->options.prefix_size);
    buf_append_str(&cursor->chunk, key);
    buf_append_str(&cursor->chunk, bytes);
    buf_append(&cursor->chunk_rows, &row, sizeof(row));
}

static struct hot_mark *hot_chunk_mark(struct hot_cursor *cursor)
{
    CHECK(cursor->mark_count > 0);
    return (struct hot_mark *)(void *)cursor->marks.data + (cursor->mark_count - 1);
}

static bool hot_chunk_is_cancelled(const struct hot_cursor *cursor, uint64_t row)
{
    CHECK(cursor->chunked);
    return row % HOT_CANCEL_ROWS == 0 && cursor->options.cancelled != NULL &&
           atomic_load_explicit(cursor->options.cancelled, memory_order_relaxed);
}

/* The pass forward up to `end` (exclusive; empty = all): notes the chunks and keeps the rows of the
 * last one, which is needed first. */
static enum status hot_cursor_turn(struct hot_cursor *cursor, struct str end, struct error *err)
{
    cursor->chunked = true;
    kv_iterator_seek_first(cursor->iterator);
    for (uint64_t row = 0; kv_iterator_is_valid(cursor->iterator); row++) {
        struct str key = kv_iterator_key(cursor->iterator);
        if (end.size > 0 && str_compare(key, end) >= 0)
            break;
        if (hot_chunk_is_cancelled(cursor, row))
            return error_set(err, STATUS_CANCELLED, "cancelled");
        if (cursor->mark_count == 0 || hot_chunk_mark(cursor)->rows >= HOT_CHUNK_ROWS ||
            cursor->chunk.size >= HOT_CHUNK_BYTES) {
            struct hot_mark mark = {.key_size = key.size};
            buf_append(&cursor->marks, &mark, sizeof(mark));
            buf_append_str(&cursor->mark_keys, key);
            cursor->mark_count++;
            hot_chunk_reset(cursor);
        }
        hot_chunk_mark(cursor)->rows++;
        hot_chunk_add(cursor);
        kv_iterator_next(cursor->iterator);
    }
    if (cursor->mark_count > 0)
        cursor->chunk_left = hot_chunk_mark(cursor)->rows;
    CHECK(cursor->chunk_left * sizeof(struct hot_row) == cursor->chunk_rows.size);
    return kv_iterator_status(cursor->iterator, err);
}

/* The last chunk was given out: reads the one before it. */
static enum status hot_chunk_load(struct hot_cursor *cursor, struct error *err)
{
    struct hot_mark *mark = hot_chunk_mark(cursor);

    cursor->mark_keys.size -= mark->key_size;
    cursor->mark_count--;
    hot_chunk_reset(cursor);
    if (cursor->mark_count == 0)
        return STATUS_OK;
    mark = hot_chunk_mark(cursor);
    kv_iterator_seek(
        cursor->iterator,
        str_from(cursor->mark_keys.data + cursor->mark_keys.size - mark->key_size, mark->key_size));
    uint32_t rows = 0;
    for (; rows < mark->rows && kv_iterator_is_valid(cursor->iterator); rows++) {
        hot_chunk_add(cursor);
        kv_iterator_next(cursor->iterator);
    }
    enum status status = kv_iterator_status(cursor->iterator, err);
    CHECK(status != STATUS_OK || rows == mark->rows); /* one snapshot */
    if (status == STATUS_OK)
        cursor->chunk_left = rows;
    return status;
}

static enum status hot_chunk_next(struct hot_cursor *cursor, struct str *key, struct str *bytes,
                                  struct error *err)
{
    if (cursor->chunk_left == 0 && cursor->mark_count > 0) {
        enum status status = hot_chunk_load(cursor, err);
        if (status != STATUS_OK)
            return status;
    }
    *key = STR_EMPTY;
    if (cursor->chunk_left == 0)
        return STATUS_OK;
    cursor->chunk_left--;
    const struct hot_row *row =
        (const struct hot_row *)(const void *)cursor->chunk_rows.data + cursor->chunk_left;
    cursor->chunk.size -= row->bytes_size + row->key_size;
    const char *start = cursor->chunk.data + cursor->chunk.size;
    CHECK(start >= cursor->chunk.data);
    *key = hot_cursor_row_id(cursor, str_from(start, row->key_size));
    *bytes = str_from(start + row->key_size, row->bytes_size);
    return STATUS_OK;
}

/* ---- steps
 * ---------------------------------------------------------------------------------------- */

static bool hot_cursor_should_turn(const struct hot_cursor *cursor)
{
    const struct hot_cursor_options *options = &cursor->options;

    CHECK(options->descending);
    if (options->whole)
        return true;
    return options->rows >= 0 && cursor->seen >= HOT_TURN_MIN &&
           cursor->seen >= options->rows / HOT_TURN_SHARE;
}

static enum status hot_cursor_step(struct hot_cursor *cursor, struct str *key, struct str *bytes,
                                   struct error *err)
{
    struct kv_iterator *iterator = cursor->iterator;

    if (!cursor->started && cursor->options.descending)
        kv_iterator_seek_last(iterator);
    else if (!cursor->started)
        kv_iterator_seek_first(iterator);
    else if (cursor->options.descending)
        kv_iterator_prev(iterator);
    else
        kv_iterator_next(iterator);
    cursor->started = true;
    *key = STR_EMPTY;
    if (!kv_iterator_is_valid(iterator))
        return kv_iterator_status(iterator, err);
    *key = hot_cursor_row_id(cursor, kv_iterator_key(iterator));
    *bytes = kv_iterator_value(iterator);
    CHECK(key->size > 0);
    return STATUS_OK;
}

/* From the row the iterator stands on, which was given out already. */
static enum status hot_cursor_begin_chunks(struct hot_cursor *cursor, struct error *err)
{
    struct buf end;

    CHECK(!cursor->chunked);
    buf_init(&end);
    if (cursor->started)
        buf_append_str(&end, kv_iterator_key(cursor->iterator));
    enum status status = hot_cursor_turn(cursor, buf_str(&end), err);
    buf_clear(&end);
    return status;
}

/* COUNTED: RocksDB can lose keys without an error when a file cannot be read. */
static enum status hot_cursor_end(const struct hot_cursor *cursor, struct error *err)
{
    const struct hot_cursor_options *options = &cursor->options;

    CHECK(cursor->ended && cursor->seen >= 0);
    if (!options->all || cursor->seen >= options->rows)
        return STATUS_OK;
    if (options->cached_only)
        return STATUS_WOULD_BLOCK;
    return error_set(err, STATUS_IO_FAILED, "%lld hot rows were found where %lld are counted",
                     (long long)cursor->seen, (long long)options->rows);
}

enum status hot_cursor_next(struct hot_cursor *cursor, struct str *key, struct str *bytes,
                            struct error *err)
{
    enum status status = STATUS_OK;

    *key = STR_EMPTY;
    if (cursor->ended)
        return STATUS_OK;
#ifndef KALAM_SLOW_CHECKS
    if (cursor->options.rows >= 0 && cursor->seen >= cursor->options.rows) {
        cursor->ended = true;
        return STATUS_OK;
    }
#endif
    if (cursor->options.descending && !cursor->chunked && hot_cursor_should_turn(cursor))
        status = hot_cursor_begin_chunks(cursor, err);
    if (status == STATUS_OK)
        status = cursor->chunked ? hot_chunk_next(cursor, key, bytes, err)
                                 : hot_cursor_step(cursor, key, bytes, err);
    if (status != STATUS_OK)
        return status;
    cursor->ended = key->size == 0;
    cursor->seen += cursor->ended ? 0 : 1;
    CHECK_SLOW(cursor->options.rows < 0 || cursor->seen <= cursor->options.rows);
    return cursor->ended ? hot_cursor_end(cursor, err) : STATUS_OK;
}
