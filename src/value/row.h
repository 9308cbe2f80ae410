/* row.h — one row as bytes: what lies in RocksDB, travels in the change feed and fills the row
 * cache.
 *
 * Little-endian, deterministic, self-describing by layout version:
 *
 *   0  u8   format version (1)
 *   1  u8   flags: ROW_DELETED, ROW_SHADOW, ROW_EVENT
 *   2  u16  reserved, 0
 *   4  u32  layout (schema) version
 *   8  i64  _seq
 *  16  i64  _updated, µs since 1970 (0 for stream events)
 *  24  null bitmap, one bit per column of the layout, 1 = NULL, padded to a multiple of 8 bytes
 *  ..  fixed part: each column at a constant offset of the layout (8-byte aligned widths first come
 *      first by column order; see row.c); variable columns (TEXT, JSON, BYTES) hold u32 end offsets
 *  ..  variable part, relative to its start
 *
 * So any column is reached without decoding the others. Columns are identified by id, never by
 * position: a row of an older layout is read through a projection (missing column → default,
 * dropped column → skipped, widened → cast). Any thread; everything here is immutable after
 * building.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_ROW_H
#define VALUE_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"

enum { ROW_FORMAT_VERSION = 1, ROW_HEADER_BYTES = 24 };
/* `_seq` of a version that is not committed: its number and time are not known yet. */
enum { ROW_SEQ_NONE = 0 };

enum row_flag {
    ROW_DELETED = 1, /* soft deleted; the last values are kept */
    ROW_SHADOW = 2,  /* a cold version of this key exists: this one hides it */
    ROW_EVENT = 4,   /* stream event: no _updated, no _deleted */
};

struct row_column {
    uint32_t id; /* stable for the life of the table, never reused */
    struct data_type type;
    const struct value
        *missing;            /* what rows written before this column show; NULL pointer = NULL */
    uint32_t offset;         /* filled by row_layout_init: in the fixed part */
    uint32_t variable_index; /* filled by row_layout_init */
};

struct row_layout {
    uint32_t version; /* ≥ 1 */
    uint32_t column_count;
    struct row_column *columns; /* user columns in schema order, without system columns */
    uint32_t fixed_offset;      /* filled: bytes before the fixed part */
    uint32_t variable_offset;   /* filled: bytes before the variable part */
    uint32_t variable_count;
};

struct row_header {
    uint8_t flags;
    uint32_t layout_version;
    int64_t seq;
    int64_t updated;
};

/* Computes offsets; `columns` are filled but for the derived members. */
void row_layout_init(struct row_layout *layout);

/* Appends the row. `values` has layout->column_count entries, each NULL or exactly of its column's
 * type (already cast). */
void row_encode(const struct row_layout *layout, const struct row_header *header,
                const struct value *values, struct buf *out);
/* Checks format version, sizes and offsets once, at the border (after a read from disk); the
 * getters below trust checked bytes. CORRUPT if they make no sense, also for an unknown format
 * version. */
enum status row_check(const struct row_layout *layout, struct str bytes,
                      struct error *err) MUST_CHECK;
/* Header fields; bytes.size ≥ ROW_HEADER_BYTES. */
struct row_header row_header_get(struct str bytes);
int64_t row_seq(struct str bytes);
bool row_is_deleted(struct str bytes);
uint32_t row_layout_version(struct str bytes);
/* Overwrite header fields in place (the commit thread assigns _seq last). */
void row_header_set(char *bytes, const struct row_header *header);

/* Column `index` of the layout the bytes were written with; `out` borrows from `bytes`. */
void row_get(const struct row_layout *layout, struct str bytes, uint32_t index, struct value *out);

/* Bytes of a column that lie in the row just as C has them: bool, intN_t, float or double at
 * column->offset. 0 for the other types. */
uint32_t row_plain_width(const struct row_column *column);
/* Column `index` of the layout the bytes were written with. */
static inline bool row_column_is_null(struct str bytes, uint32_t index)
{
    return (bytes.data[ROW_HEADER_BYTES + index / 8] >> index % 8 & 1) != 0;
}

/* Maps columns of `to` to columns of `from` by id. */
struct row_projection {
    const struct row_layout *from, *to;
    bool identity;
    int32_t *source; /* per column of `to`: index in `from`, or -1 = missing */
};
void row_projection_init(struct row_projection *projection, const struct row_layout *from,
                         const struct row_layout *to, struct arena *arena);
/* Column `index` of `to`. Widening casts cannot fail; text forms lie in `arena`. */
void row_projection_get(const struct row_projection *projection, struct str bytes, uint32_t index,
                        struct arena *arena, struct value *out);

#endif
