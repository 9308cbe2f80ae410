/* segment.c — records of cold segments: building, encoding, decoding.
 *
 * Value of a record, little-endian, strings as u32 length + bytes:
 *
 *   u8 format version (2) · u64 id · u64 table · user · path · storage id · u32 schema version ·
 *   u64 rows · u64 deleted rows · u64 bytes · u64 checksum · i64 seq min · i64 seq max ·
 *   i64 updated min · i64 updated max · i64 created at · job id · u32 groups ·
 *   per group {u32 rows · key max · key min · i64 seq min · i64 seq max} · bloom ·
 *   u32 ranges · per range {u32 column id · i64 min · i64 max}   (not in format 1)
 *
 * What follows from the groups (first row of each, key range of the whole) is computed, not stored.
 * A decoded segment keeps one copy of the record; its strings point into it. Decoding believes
 * nothing: sizes, sums and the descending order of keys are checked, and nonsense is CORRUPT.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/segment.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

#include <endian.h>

enum {
    SEGMENT_FORMAT = 2,
    SEGMENT_FORMAT_NO_RANGES = 1,
    SEGMENT_GROUP_BYTES_MIN = 4 + 4 + 4 + 8 + 8,
    SEGMENT_RANGE_BYTES = 4 + 8 + 8,
};

/* ---- building and lifetime
 * ------------------------------------------------------------------------ */

struct segment *segment_new(void)
{
    struct arena *arena = mem_zalloc(sizeof(*arena));
    arena_init(arena, 0);
    struct segment *segment = arena_zalloc(arena, sizeof(*segment));

    CHECK(segment != NULL);
    segment->arena = arena;
    atomic_init(&segment->refs, 1);
    return segment;
}

struct segment *segment_ref(struct segment *segment)
{
    unsigned before = atomic_fetch_add_explicit(&segment->refs, 1, memory_order_relaxed);
    CHECK(before > 0);
    return segment;
}

void segment_unref(struct segment *segment)
{
    if (segment == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&segment->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    struct arena *arena = segment->arena;
    arena_clear(arena);
    mem_free(arena);
}

/* ---- keys
 * ----------------------------------------------------------------------------------------- */

static void segment_key_u64(uint64_t number, struct buf *out)
{
    uint64_t big = htobe64(number);
    CHECK(out != NULL);
    buf_append(out, &big, sizeof(big));
}

void segment_key_prefix(struct table_id table, const struct str *user, struct buf *out)
{
    CHECK(table.value > 0);
    segment_key_u64(table.value, out);
    if (user == NULL)
        return;
    CHECK(user->size == 0 || memchr(user->data, '\0', user->size) == NULL);
    buf_append_str(out, *user);
    buf_append_byte(out, 0);
}

void segment_key(const struct segment *segment, struct buf *out)
{
    CHECK(segment->id > 0);
    segment_key_prefix(segment->table, &segment->user, out);
    segment_key_u64(~segment->id, out);
}

/* ---- encoding
 * ------------------------------------------------------------------------------------- */

static void segment_put_u32(struct buf *out, uint64_t number)
{
    uint32_t little = htole32((uint32_t)number);
    CHECK(number <= UINT32_MAX);
    buf_append(out, &little, sizeof(little));
}

static void segment_put_u64(struct buf *out, uint64_t number)
{
    uint64_t little = htole64(number);
    CHECK(out != NULL);
    buf_append(out, &little, sizeof(little));
}

static void segment_put_str(struct buf *out, struct str text)
{
    CHECK(text.size == 0 || text.data != NULL);
    segment_put_u32(out, text.size);
    buf_append_str(out, text);
}

void segment_encode(const struct segment *segment, struct buf *out)
{
    CHECK(segment->id > 0 && segment->group_count > 0);
    buf_append_byte(out, SEGMENT_FORMAT);
    segment_put_u64(out, segment->id);
    segment_put_u64(out, segment->table.value);
    segment_put_str(out, segment->user);
    segment_put_str(out, segment->path);
    segment_put_str(out, segment->storage_id);
    segment_put_u32(out, segment->schema_version);
    segment_put_u64(out, segment->rows);
    segment_put_u64(out, segment->deleted_rows);
    segment_put_u64(out, segment->bytes);
    segment_put_u64(out, segment->checksum);
    segment_put_u64(out, (uint64_t)segment->seq_min);
    segment_put_u64(out, (uint64_t)segment->seq_max);
    segment_put_u64(out, (uint64_t)segment->updated_min);
    segment_put_u64(out, (uint64_t)segment->updated_max);
    segment_put_u64(out, (uint64_t)segment->created_at);
    segment_put_str(out, segment->job_id);
    segment_put_u32(out, segment->group_count);
    for (uint32_t i = 0; i < segment->group_count; i++) {
        const struct row_group *group = &segment->groups[i];
        segment_put_u32(out, group->rows);
        segment_put_str(out, group->key_max);
        segment_put_str(out, group->key_min);
        segment_put_u64(out, (uint64_t)group->seq_min);
        segment_put_u64(out, (uint64_t)group->seq_max);
    }
    segment_put_str(out, segment->bloom);
    segment_put_u32(out, segment->range_count);
    for (uint32_t i = 0; i < segment->range_count; i++) {
        segment_put_u32(out, segment->ranges[i].column_id);
        segment_put_u64(out, (uint64_t)segment->ranges[i].min);
        segment_put_u64(out, (uint64_t)segment->ranges[i].max);
    }
}

/* ---- decoding
 * ------------------------------------------------------------------------------------- */

struct segment_input {
    struct str rest;
    bool failed; /* something was missing; everything read since is zero */
};

static const char *segment_take(struct segment_input *input, size_t size)
{
    if (input->failed || input->rest.size < size) {
        input->failed = true;
        return NULL;
    }
    const char *bytes = input->rest.data;
    CHECK(bytes != NULL);
    input->rest = str_from(bytes + size, input->rest.size - size);
    return bytes;
}

static uint32_t segment_take_u32(struct segment_input *input)
{
    uint32_t little = 0;
    const char *bytes = segment_take(input, sizeof(little));

    if (bytes != NULL)
        memcpy(&little, bytes, sizeof(little));
    CHECK(bytes != NULL || input->failed);
    return le32toh(little);
}

static uint64_t segment_take_u64(struct segment_input *input)
{
    uint64_t little = 0;
    const char *bytes = segment_take(input, sizeof(little));

    if (bytes != NULL)
        memcpy(&little, bytes, sizeof(little));
    CHECK(bytes != NULL || input->failed);
    return le64toh(little);
}

static struct str segment_take_str(struct segment_input *input)
{
    uint32_t size = segment_take_u32(input);
    const char *bytes = segment_take(input, size);

    CHECK(bytes != NULL || input->failed);
    return bytes != NULL ? str_from(bytes, size) : STR_EMPTY;
}

/* Keys descend within and between groups: COLD_UNIQUE inside one file. */
static bool segment_group_is_valid(const struct segment *segment, uint32_t index)
{
    const struct row_group *group = &segment->groups[index];

    CHECK(index < segment->group_count);
    if (group->rows == 0 || group->seq_min > group->seq_max)
        return false;
    int order = str_compare(group->key_min, group->key_max);
    if (order > 0 || (order == 0) != (group->rows == 1))
        return false;
    return index == 0 || str_compare(group->key_max, segment->groups[index - 1].key_min) < 0;
}

static bool segment_decode_groups(struct segment_input *input, struct segment *segment)
{
    uint64_t rows = 0;

    segment->group_count = segment_take_u32(input);
    if (segment->group_count == 0 ||
        segment->group_count > input->rest.size / SEGMENT_GROUP_BYTES_MIN)
        return false;
    segment->groups = arena_array(segment->arena, segment->group_count, sizeof(struct row_group));
    for (uint32_t i = 0; i < segment->group_count; i++) {
        struct row_group *group = &segment->groups[i];
        group->row_first = rows;
        group->rows = segment_take_u32(input);
        group->key_max = segment_take_str(input);
        group->key_min = segment_take_str(input);
        group->seq_min = (int64_t)segment_take_u64(input);
        group->seq_max = (int64_t)segment_take_u64(input);
        if (input->failed || !segment_group_is_valid(segment, i))
            return false;
        rows += group->rows;
    }
    segment->key_max = segment->groups[0].key_max;
    segment->key_min = segment->groups[segment->group_count - 1].key_min;
    CHECK(str_compare(segment->key_min, segment->key_max) <= 0);
    return rows == segment->rows;
}

static bool segment_decode_ranges(struct segment_input *input, struct segment *segment)
{
    segment->range_count = segment_take_u32(input);
    if (input->failed || segment->range_count > input->rest.size / SEGMENT_RANGE_BYTES)
        return false;
    segment->ranges =
        arena_array(segment->arena, segment->range_count + 1, sizeof(*segment->ranges));
    for (uint32_t i = 0; i < segment->range_count; i++) {
        segment->ranges[i].column_id = segment_take_u32(input);
        segment->ranges[i].min = (int64_t)segment_take_u64(input);
        segment->ranges[i].max = (int64_t)segment_take_u64(input);
    }
    CHECK(!input->failed);
    return true;
}

static bool segment_decode_fields(struct segment_input *input, struct segment *segment)
{
    const char *format = segment_take(input, 1);

    if (format == NULL || (*format != SEGMENT_FORMAT && *format != SEGMENT_FORMAT_NO_RANGES))
        return false;
    segment->id = segment_take_u64(input);
    segment->table.value = segment_take_u64(input);
    segment->user = segment_take_str(input);
    segment->path = segment_take_str(input);
    segment->storage_id = segment_take_str(input);
    segment->schema_version = segment_take_u32(input);
    segment->rows = segment_take_u64(input);
    segment->deleted_rows = segment_take_u64(input);
    segment->bytes = segment_take_u64(input);
    segment->checksum = segment_take_u64(input);
    segment->seq_min = (int64_t)segment_take_u64(input);
    segment->seq_max = (int64_t)segment_take_u64(input);
    segment->updated_min = (int64_t)segment_take_u64(input);
    segment->updated_max = (int64_t)segment_take_u64(input);
    segment->created_at = (int64_t)segment_take_u64(input);
    segment->job_id = segment_take_str(input);
    if (input->failed || !segment_decode_groups(input, segment))
        return false;
    segment->bloom = segment_take_str(input);
    if (*format == SEGMENT_FORMAT && !segment_decode_ranges(input, segment))
        return false;
    CHECK(segment->group_count > 0);
    return !input->failed && input->rest.size == 0;
}

enum status segment_decode(struct str bytes, struct segment **out, struct error *err)
{
    struct segment *segment = segment_new();
    struct segment_input input = {.rest = arena_copy(segment->arena, bytes)};
    bool valid = segment_decode_fields(&input, segment);

    CHECK(out != NULL);
    if (!valid || segment->id == 0 || segment->table.value == 0 || segment->path.size == 0 ||
        segment->schema_version == 0 || segment->deleted_rows > segment->rows ||
        segment->seq_min > segment->seq_max || segment->bloom.size % 8 != 0) {
        segment_unref(segment);
        return error_set(err, STATUS_CORRUPT, "record of a cold segment makes no sense");
    }
    *out = segment;
    return STATUS_OK;
}

/* ---- looking for values
 * --------------------------------------------------------------------------- */

/* What is known of the column; a column the file does not know may hold anything (its default). */
static struct column_bounds segment_range(const struct segment *segment, uint32_t column_id)
{
    CHECK(column_id > 0);
    if (column_id == COLUMN_ID_SEQ)
        return (struct column_bounds){column_id, segment->seq_min, segment->seq_max};
    if (column_id == COLUMN_ID_UPDATED)
        return (struct column_bounds){column_id, segment->updated_min, segment->updated_max};
    for (uint32_t i = 0; i < segment->range_count; i++)
        if (segment->ranges[i].column_id == column_id)
            return segment->ranges[i];
    return (struct column_bounds){column_id, INT64_MIN, INT64_MAX};
}

bool segment_may_hold(const struct segment *segment, const struct column_bounds *bounds,
                      uint32_t count)
{
    CHECK(bounds != NULL || count == 0);
    for (uint32_t i = 0; i < count; i++) {
        struct column_bounds range = segment_range(segment, bounds[i].column_id);
        if (range.min > bounds[i].max || range.max < bounds[i].min)
            return false;
    }
    return true;
}

/* ---- looking for keys
 * ----------------------------------------------------------------------------- */

uint32_t segment_find_group(const struct segment *segment, struct str key)
{
    uint32_t low = 0, high = segment->group_count;

    CHECK(segment->group_count > 0);
    while (low < high) { /* the first group whose smallest key is ≤ key */
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(segment->groups[middle].key_min, key) <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool segment_may_contain(const struct segment *segment, struct str key)
{
    if (str_compare(key, segment->key_min) < 0 || str_compare(key, segment->key_max) > 0)
        return false;
    uint32_t group = segment_find_group(segment, key);
    CHECK(group < segment->group_count);
    if (str_compare(key, segment->groups[group].key_max) > 0)
        return false; /* between two groups */
    return segment->bloom.size == 0 || bloom_may_contain(segment->bloom, hash_bytes(key));
}
