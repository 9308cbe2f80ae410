/* kv_rocksdb_seams.c — where RocksDB 7.8 loses keys without an error when an iterator may only read
 * the block cache, and whether a range touches such a place. There are two kinds:
 *
 *   seams          where two files of one level (above 0) meet. A merging iterator that has come to
 *                  the end of a file steps to the next one, and drops the level from its heap when
 *                  that is not cached, without looking at why it is not valid.
 *   range deletes  when one covers a key of a level below, the merging iterator seeks anew in the
 *                  levels below and clears its status: that some level could not be read is
 *                  forgotten, and so are the keys and deletes that it holds before the end of the
 *                  range delete, or all of them when it lies above.
 *
 * Elsewhere the reason comes through. So an iterator for cached data only is refused over a seam,
 * and in a family with files once a range was deleted in it, as long as its files hold such a
 * delete and until the store is opened again; who asked goes to a thread that may read the disk.
 *
 * What is known of the files is read anew when the number of the family's super version has
 * changed.
 *
 * Thread: any.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_rocksdb_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

enum { SEAMS_READS_MAX = 3 };

/* In the text of the property that sums up the properties of all files. */
static const char seams_no_deletes[] = "# range deletions=0;";

/* The last key of a file and the first one of the next. */
struct rocks_seam {
    struct str left, right; /* both lie in `keys` of the list */
};

/* The seams of one level, in order of keys. */
struct rocks_seam_level {
    struct rocks_seam *seams;
    size_t count;
};

static struct str seam_copy_key(const char *key, size_t size)
{
    char *copy = mem_alloc(size + 1);

    CHECK(key != NULL || size == 0);
    if (size > 0)
        memcpy(copy, key, size);
    return str_from(copy, size);
}

static struct str seam_key(rocksdb_sst_file_metadata_t *file,
                           char *(*get)(rocksdb_sst_file_metadata_t *, size_t *))
{
    size_t size = 0;
    char *key = get(file, &size);
    struct str copy = seam_copy_key(key, size);

    CHECK(copy.data != NULL);
    rocksdb_free(key);
    return copy;
}

static void seams_drop(struct rocks_seams *seams)
{
    for (size_t i = 0; i < seams->level_count; i++) {
        struct rocks_seam_level *level = &seams->levels[i];
        for (size_t k = 0; k < level->count; k++) {
            mem_free((void *)(uintptr_t)level->seams[k].left.data);
            mem_free((void *)(uintptr_t)level->seams[k].right.data);
        }
        mem_free(level->seams);
    }
    CHECK(seams->levels != NULL || seams->level_count == 0);
    mem_free(seams->levels);
    seams->levels = NULL;
    seams->level_count = 0;
}

/* Files of a level above 0 come in order of keys and do not overlap. */
static void seams_read_level(rocksdb_level_metadata_t *metadata, struct rocks_seam_level *level)
{
    size_t files = rocksdb_level_metadata_get_file_count(metadata);

    level->count = files > 1 ? files - 1 : 0;
    level->seams = mem_calloc(level->count + 1, sizeof(struct rocks_seam));
    for (size_t i = 0; level->count > 0 && i < files; i++) {
        rocksdb_sst_file_metadata_t *file =
            rocksdb_level_metadata_get_sst_file_metadata(metadata, i);
        CHECK(file != NULL);
        if (i > 0)
            level->seams[i - 1].right = seam_key(file, rocksdb_sst_file_metadata_get_smallestkey);
        if (i < level->count)
            level->seams[i].left = seam_key(file, rocksdb_sst_file_metadata_get_largestkey);
        rocksdb_sst_file_metadata_destroy(file);
    }
}

static void seams_read(const struct rocks_kv *kv, rocksdb_column_family_handle_t *family,
                       struct rocks_seams *seams)
{
    rocksdb_column_family_metadata_t *metadata =
        rocksdb_get_column_family_metadata_cf(kv->db, family);

    CHECK(metadata != NULL && seams->level_count == 0);
    size_t levels = rocksdb_column_family_metadata_get_level_count(metadata);
    seams->has_files = rocksdb_column_family_metadata_get_file_count(metadata) > 0;
    seams->levels = mem_calloc(levels + 1, sizeof(struct rocks_seam_level));
    for (size_t i = 0; i < levels; i++) {
        rocksdb_level_metadata_t *level =
            rocksdb_column_family_metadata_get_level_metadata(metadata, i);
        CHECK(level != NULL);
        if (rocksdb_level_metadata_get_level(level) > 0)
            seams_read_level(level, &seams->levels[seams->level_count++]);
        rocksdb_level_metadata_destroy(level);
    }
    rocksdb_column_family_metadata_destroy(metadata);
}

/* True when that is not known. */
static bool seams_have_deletes(const struct rocks_kv *kv, rocksdb_column_family_handle_t *family)
{
    char *text = rocksdb_property_value_cf(kv->db, family, "rocksdb.aggregated-table-properties");
    bool has = text == NULL || strstr(text, seams_no_deletes) == NULL;

    CHECK(family != NULL);
    rocksdb_free(text);
    return has;
}

uint64_t rocks_super_version(const struct rocks_kv *kv, rocksdb_column_family_handle_t *family)
{
    uint64_t number = 0;

    CHECK(family != NULL);
    if (rocksdb_property_int_cf(kv->db, family, "rocksdb.current-super-version-number", &number) !=
        0)
        return 0;
    return number;
}

/* Whether lower ≤ left and right < upper for some seam. The first seam whose left end is not below
 * the range decides: later ones lie farther right. */
static bool seam_level_crosses(const struct rocks_seam_level *level, struct str lower,
                               struct str upper)
{
    size_t low = 0, high = level->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(level->seams[middle].left, lower) >= 0)
            high = middle;
        else
            low = middle + 1;
    }
    CHECK(low <= level->count);
    return low < level->count &&
           (upper.size == 0 || str_compare(level->seams[low].right, upper) < 0);
}

/* Reads everything anew. False when the family was changing all the while. */
static bool seams_refresh(const struct rocks_kv *kv, struct kv_family *family)
{
    struct rocks_seams *seams = &family->seams;

    CHECK(family->handle != NULL);
    for (int i = 0; i < SEAMS_READS_MAX; i++) {
        uint64_t before = rocks_super_version(kv, family->handle);
        seams_drop(seams);
        seams_read(kv, family->handle, seams);
        seams->has_deletes = seams_have_deletes(kv, family->handle);
        seams->version = before;
        if (before != 0 && rocks_super_version(kv, family->handle) == before)
            return true;
    }
    seams->version = 0;
    return false;
}

bool rocks_may_lose_keys(const struct rocks_kv *kv, struct kv_family *family, struct str lower,
                         struct str upper, uint64_t version)
{
    struct rocks_seams *seams = &family->seams;

    pthread_mutex_lock(&seams->mutex);
    bool known = seams->version == version && version != 0;
    if (!known)
        known = seams_refresh(kv, family) && seams->version == version;
    bool has_deletes = seams->has_deletes || atomic_load(&family->has_deleted_ranges);
    bool may = !known || (seams->has_files && has_deletes);
    for (size_t i = 0; i < seams->level_count && !may; i++)
        may = seam_level_crosses(&seams->levels[i], lower, upper);
    CHECK(known || may);
    pthread_mutex_unlock(&seams->mutex);
    return may || rocks_super_version(kv, family->handle) != version;
}

void rocks_seams_init(struct rocks_seams *seams)
{
    *seams = (struct rocks_seams){.version = 0};
    CHECK(pthread_mutex_init(&seams->mutex, NULL) == 0);
}

void rocks_seams_clear(struct rocks_seams *seams)
{
    seams_drop(seams);
    CHECK(pthread_mutex_destroy(&seams->mutex) == 0);
}
