/* resume_scan.c — what a scan for a resume found, kept for those who come right after.
 *
 * After a restart the feed's ring is empty and everybody comes back at once: a thousand clients of
 * one table would scan it a thousand times. The rows that the first one finds are kept for half a
 * minute after their last use; who comes later, and knows at least as much as the first one did,
 * takes them and from the ring what changed since. Each worker may make one scan at the same time;
 * the last one stays. A scan that finds more than live.queue_bytes is not kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/resume_scan.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"

enum { RESUME_SCANS_MAX = 8, RESUME_SCAN_UNUSED_MS = 30 * 1000 };

struct resume_scan *resume_scan_new(const struct live_plan *plan, int64_t after, int64_t upto)
{
    struct resume_scan *scan = mem_zalloc(sizeof *scan);

    CHECK(after >= 0 && after <= upto);
    refs_init(&scan->refs);
    scan->table = plan->table->id;
    scan->user = str_from(mem_strdup(plan->user), plan->user.size);
    scan->after = after;
    scan->upto = upto;
    buf_init(&scan->bytes);
    return scan;
}

void resume_scan_unref(struct resume_scan *scan)
{
    if (!scan || !refs_drop(&scan->refs))
        return;
    CHECK(scan->count <= scan->capacity);
    mem_free((void *)(uintptr_t)scan->user.data);
    mem_free(scan->rows);
    buf_clear(&scan->bytes);
    mem_free(scan);
}

void resume_scan_add(struct resume_scan *scan, const struct row *row)
{
    CHECK(row->key.size > 0 && row->bytes.size >= ROW_HEADER_BYTES);
    if (scan->count == scan->capacity) {
        scan->capacity = scan->capacity ? scan->capacity * 2 : 64;
        scan->rows = mem_realloc(scan->rows, scan->capacity * sizeof *scan->rows);
    }
    scan->rows[scan->count++] = (struct resume_scan_row){.offset = scan->bytes.size,
                                                         .key_size = (uint32_t)row->key.size,
                                                         .bytes_size = (uint32_t)row->bytes.size};
    buf_append_str(&scan->bytes, row->key);
    buf_append_str(&scan->bytes, row->bytes);
}

size_t resume_scan_size(const struct resume_scan *scan)
{
    CHECK(scan->count <= scan->capacity);
    return scan->bytes.size + scan->count * sizeof *scan->rows;
}

struct str resume_scan_key(const struct resume_scan *scan, size_t index)
{
    CHECK(index < scan->count);
    const struct resume_scan_row *row = &scan->rows[index];
    return str_from(scan->bytes.data + row->offset, row->key_size);
}

struct str resume_scan_bytes(const struct resume_scan *scan, size_t index)
{
    CHECK(index < scan->count);
    const struct resume_scan_row *row = &scan->rows[index];
    return str_from(scan->bytes.data + row->offset + row->key_size, row->bytes_size);
}

/* ---- those that are kept ----------------------------------------------------------------------
 */

static bool resume_scan_is_of(const struct resume_scan *scan, struct table_id table,
                              struct str user)
{
    CHECK(table.value != 0);
    return scan->table.value == table.value && str_equal(scan->user, user);
}

struct resume_scan *resume_scan_find(struct live *live, const struct live_plan *plan, int64_t from,
                                     int64_t position)
{
    struct resume_scan *found = NULL;

    CHECK(from <= position);
    pthread_mutex_lock(&live->scans_mutex);
    for (struct resume_scan *scan = live->scans; scan && !found; scan = scan->next)
        if (resume_scan_is_of(scan, plan->table->id, plan->user) && scan->after <= from &&
            scan->upto <= position)
            found = scan;
    if (found) {
        refs_add(&found->refs);
        found->used_ms = clock_monotonic_ms();
    }
    pthread_mutex_unlock(&live->scans_mutex);
    return found;
}

/* Takes off the list what `kept` replaces, what was not used since then, and what is too many. */
static struct resume_scan *resume_scan_take_off(struct live *live, const struct resume_scan *kept,
                                                int64_t unused_since)
{
    struct resume_scan *gone = NULL, **place = &live->scans;
    size_t count = 0;

    CHECK(unused_since >= 0);
    while (*place) {
        struct resume_scan *scan = *place;
        bool replaced = kept && scan != kept && resume_scan_is_of(scan, kept->table, kept->user);
        if (replaced || scan->used_ms < unused_since || ++count > RESUME_SCANS_MAX) {
            *place = scan->next;
            scan->next = gone;
            gone = scan;
        } else {
            place = &scan->next;
        }
    }
    return gone;
}

static void resume_scan_drop(struct resume_scan *gone)
{
    while (gone) {
        struct resume_scan *next = gone->next;
        CHECK(next != gone);
        resume_scan_unref(gone);
        gone = next;
    }
}

/* Is there one that serves whoever the new one serves, as long as the ring goes on from it? */
static bool resume_scan_is_needless(const struct live *live, const struct resume_scan *scan,
                                    int64_t oldest)
{
    CHECK(oldest >= 0);
    for (const struct resume_scan *kept = live->scans; kept; kept = kept->next)
        if (resume_scan_is_of(kept, scan->table, scan->user) && kept->after <= scan->after &&
            kept->upto >= oldest)
            return true;
    return false;
}

void resume_scan_keep(struct live *live, struct resume_scan *scan)
{
    struct resume_scan *gone = scan;
    int64_t oldest = feed_oldest(store_feed(live->options.store));

    CHECK(!scan->next);
    pthread_mutex_lock(&live->scans_mutex);
    if (!resume_scan_is_needless(live, scan, oldest)) {
        scan->used_ms = clock_monotonic_ms();
        scan->next = live->scans; /* newest first: the oldest fall off the end */
        live->scans = scan;
        gone = resume_scan_take_off(live, scan, 0);
    }
    pthread_mutex_unlock(&live->scans_mutex);
    resume_scan_drop(gone);
}

void resume_scans_expire(struct live *live, bool all)
{
    int64_t now = clock_monotonic_ms();
    int64_t since = all ? INT64_MAX : now > RESUME_SCAN_UNUSED_MS ? now - RESUME_SCAN_UNUSED_MS : 0;

    CHECK(now >= 0);
    pthread_mutex_lock(&live->scans_mutex);
    struct resume_scan *gone = resume_scan_take_off(live, NULL, since);
    pthread_mutex_unlock(&live->scans_mutex);
    resume_scan_drop(gone);
}
