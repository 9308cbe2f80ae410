/* columnar_files.c — which files an instance has seen, so that it does not remember them for ever.
 *
 * DuckDB keeps the metadata of every Parquet file it has read, about 10 KB each, also when the file
 * is gone; with flushes, compactions and restores there is no end of new files. An instance that
 * has seen INSTANCE_FILES_MAX different ones is replaced: statements that run end on it, the next
 * one opens another, which takes some 30 ms.
 *
 * Thread: any that runs statements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"

#include <string.h>

/* The next text literal that ends in .parquet; false if there is none. `at` goes behind it. */
static bool files_next(struct str sql, size_t *at, struct str *out)
{
    static const struct str ending = STR_LIT(".parquet");
    CHECK(*at <= sql.size);
    while (*at < sql.size) {
        const char *begin = memchr(sql.data + *at, '\'', sql.size - *at);
        if (begin == NULL)
            break;
        begin++;
        size_t left = sql.size - (size_t)(begin - sql.data);
        const char *end = memchr(begin, '\'', left);
        if (end == NULL)
            break;
        *at = (size_t)(end - sql.data) + 1;
        *out = str_from(begin, (size_t)(end - begin));
        if (out->size > ending.size && memcmp(end - ending.size, ending.data, ending.size) == 0)
            return true;
    }
    *at = sql.size;
    return false;
}

void instance_note_files(struct instance *instance, struct str sql)
{
    struct columnar *columnar = instance->columnar;
    bool is_full = false;
    struct str path;

    if (str_find(sql, STR_LIT("read_parquet")) == SIZE_MAX)
        return;
    pthread_mutex_lock(&columnar->mutex);
    CHECK(instance->users > 0); /* the caller's */
    for (size_t at = 0; files_next(sql, &at, &path);)
        if (map_get(&instance->files, path) == NULL)
            (void)map_put(&instance->files, path, instance);
    is_full = instance->files.count >= INSTANCE_FILES_MAX;
    pthread_mutex_unlock(&columnar->mutex);
    if (is_full)
        instance_replace(instance);
}
