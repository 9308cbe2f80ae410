/* kv_spaces.c — which family a space lies in, and the directory that remembers it.
 *
 * A space has a family of its own (named `{space}|{flags}`, because flags decide the options a
 * family is opened with) or, beyond families_max and always for volatile spaces, a prefix of eight
 * bytes in a pool family. The space "default" is prefix 0 of the default family, which also holds
 * the directory (kv_directory.h). A prefix is never used twice. Creating makes the family before
 * the record and dropping removes the record first, so that a crash leaves at most a family without
 * record: opening drops those, and volatile pools.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_spaces.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

static struct spaces_kv *spaces_kv(struct kv *kv)
{
    CHECK(kv != NULL);
    return CONTAINER_OF(kv, struct spaces_kv, base);
}

static struct spaces_space *spaces_new(struct str name, unsigned flags, bool is_pooled,
                                       uint64_t prefix)
{
    struct spaces_space *space = mem_zalloc(sizeof(*space));

    CHECK(flags < DIRECTORY_POOLS);
    kv_space_init(&space->base, name, flags);
    space->is_pooled = is_pooled;
    directory_prefix_write(space->prefix, prefix);
    directory_prefix_write(space->prefix_end, prefix + 1);
    return space;
}

void spaces_free(struct kv *kv, struct kv_space *base)
{
    struct spaces_space *space = spaces_space(base);

    CHECK(space->base.name.data != NULL);
    if (!space->is_pooled && space->family != NULL)
        spaces_kv(kv)->families->close(space->family);
    kv_space_clear(base);
    mem_free(space);
}

/* The family of a new space, or of one whose volatile pool starts anew. */
static enum status spaces_family(struct spaces_kv *kv, struct spaces_space *space,
                                 struct error *err)
{
    char name[DIRECTORY_FAMILY_MAX];
    unsigned flags = space->base.flags;
    enum status status = STATUS_OK;

    CHECK(flags < DIRECTORY_POOLS);
    if (!space->is_pooled) {
        directory_family_name(name, space->base.name, flags);
        return kv->families->create(kv, name, &space->family, err);
    }
    if (kv->pools[flags] == NULL) {
        directory_pool_name(name, flags);
        status = kv->families->create(kv, name, &kv->pools[flags], err);
    }
    space->family = kv->pools[flags];
    return status;
}

/* Enters the space in the directory, durably, together with the next free prefix. */
static enum status spaces_create_record(struct spaces_kv *kv, const struct spaces_space *space,
                                        struct error *err)
{
    const struct directory_record record = {.flags = space->base.flags,
                                            .is_pooled = space->is_pooled,
                                            .prefix = directory_prefix_read(space->prefix)};
    char key[DIRECTORY_KEY_MAX], bytes[DIRECTORY_RECORD_BYTES], next[DIRECTORY_PREFIX_BYTES];
    struct kv_batch *batch = kv_batch_new(&kv->base);
    enum status status;

    CHECK(!record.is_pooled || record.prefix < kv->prefix_next);
    directory_record_write(bytes, &record);
    directory_prefix_write(next, kv->prefix_next);
    kv_batch_put(batch, &kv->directory->base, directory_key(key, space->base.name),
                 str_from(bytes, sizeof(bytes)));
    kv_batch_put(batch, &kv->directory->base, directory_next_key(), str_from(next, sizeof(next)));
    status = kv_write(&kv->base, batch, KV_SYNC, err);
    kv_batch_free(batch);
    return status;
}

enum status spaces_create(struct kv *base, struct str name, unsigned flags, struct kv_space **out,
                          struct error *err)
{
    struct spaces_kv *kv = spaces_kv(base);
    bool is_pooled = (flags & KV_SPACE_VOLATILE) != 0 || kv->family_count >= kv->families_max;
    struct spaces_space *space =
        spaces_new(name, flags, is_pooled, is_pooled ? kv->prefix_next++ : 0);
    enum status status = spaces_family(kv, space, err);

    *out = NULL;
    if (status == STATUS_OK)
        status = spaces_create_record(kv, space, err);
    if (status != STATUS_OK) {
        spaces_free(base, &space->base);
        return status;
    }
    kv->family_count += !is_pooled;
    CHECK(space->family != NULL);
    *out = &space->base;
    return STATUS_OK;
}

enum status spaces_drop(struct kv *base, struct kv_space *base_space, struct error *err)
{
    struct spaces_kv *kv = spaces_kv(base);
    struct spaces_space *space = spaces_space(base_space);
    struct kv_batch *batch = kv_batch_new(base);
    char key[DIRECTORY_KEY_MAX];
    enum status status;

    CHECK(space->family != kv->directory->family);
    kv_batch_delete(batch, &kv->directory->base, directory_key(key, base_space->name));
    if (space->is_pooled) /* an empty end stands for the end of the prefix */
        base->driver->batch_delete_range(batch, base_space, STR_EMPTY, STR_EMPTY);
    status = kv_write(base, batch, KV_SYNC, err);
    kv_batch_free(batch);
    if (status != STATUS_OK)
        return status;
    if (!space->is_pooled) {
        kv->families->drop(kv, space->family);
        space->family = NULL;
        kv->family_count--;
    }
    spaces_free(base, base_space);
    return STATUS_OK;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Takes default and pools out of `found`; volatile pools start anew. */
static void spaces_open_pools(struct spaces_kv *kv, struct kv_family **found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = kv->families->name(found[i]);
        unsigned flags = directory_family_flags(name);
        if (strcmp(name, "default") == 0)
            kv->directory->family = found[i];
        else if (!directory_family_is_pool(name))
            continue;
        else if ((flags & KV_SPACE_VOLATILE) != 0)
            kv->families->drop(kv, found[i]);
        else
            kv->pools[flags] = found[i];
        found[i] = NULL;
    }
    CHECK(kv->directory->family != NULL);
}

/* The next free prefix, and the space "default", which needs no record. */
static enum status spaces_open_default(struct spaces_kv *kv, struct error *err)
{
    struct spaces_space *space = spaces_new(STR_LIT("default"), KV_SPACE_SMALL, true, 0);
    struct kv_value value;
    enum status status;

    space->family = kv->directory->family;
    kv_space_enter(&kv->base, &space->base);
    kv->family_count = 1;
    kv->prefix_next = 1;
    status = kv_get(&kv->base, &kv->directory->base, NULL, directory_next_key(), 0, &value, err);
    if (status == STATUS_ABSENT)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (value.bytes.size == DIRECTORY_PREFIX_BYTES)
        kv->prefix_next = directory_prefix_read(value.bytes.data);
    CHECK(kv->prefix_next > 0);
    kv_value_release(&kv->base, &value);
    return STATUS_OK;
}

/* Finds the family of a recorded space and takes it out of `found`. */
static enum status spaces_open_family(struct spaces_kv *kv, struct spaces_space *space,
                                      struct kv_family **found, size_t count, struct error *err)
{
    char name[DIRECTORY_FAMILY_MAX];

    CHECK(found != NULL || count == 0);
    CHECK(space->family == NULL);
    if (space->is_pooled)
        return spaces_family(kv, space, err);
    directory_family_name(name, space->base.name, space->base.flags);
    for (size_t i = 0; i < count; i++)
        if (found[i] != NULL && strcmp(kv->families->name(found[i]), name) == 0) {
            space->family = found[i];
            found[i] = NULL;
            kv->family_count++;
            return STATUS_OK;
        }
    return error_set(err, STATUS_CORRUPT, "key-value store: no column family \"%s\"", name);
}

static enum status spaces_open_record(struct spaces_kv *kv, struct str key, struct str value,
                                      struct kv_family **found, size_t count, struct error *err)
{
    struct directory_record record;
    struct spaces_space *space;

    CHECK(kv->directory != NULL);
    if (!directory_record_read(value, &record) ||
        (record.is_pooled && record.prefix >= kv->prefix_next))
        return error_set(err, STATUS_CORRUPT, "key-value store: unknown directory record");
    space = spaces_new(directory_key_name(key), record.flags, record.is_pooled, record.prefix);
    kv_space_enter(&kv->base, &space->base);
    return spaces_open_family(kv, space, found, count, err);
}

static enum status spaces_open_records(struct spaces_kv *kv, struct kv_family **found, size_t count,
                                       struct error *err)
{
    CHECK(kv->directory != NULL);

    const struct kv_iterator_options options = {.lower = directory_first_key(),
                                                .upper = directory_last_key()};
    struct kv_iterator *iterator = kv_iterator_open(&kv->base, &kv->directory->base, &options);
    enum status status = STATUS_OK;

    for (kv_iterator_seek_first(iterator); status == STATUS_OK && kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        status = spaces_open_record(kv, kv_iterator_key(iterator), kv_iterator_value(iterator),
                                    found, count, err);
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    return status;
}

enum status spaces_open(struct spaces_kv *kv, struct kv_family **found, size_t count,
                        struct error *err)
{
    enum status status;

    CHECK(kv->families_max > 0 && count > 0);
    kv->directory = spaces_new(STR_LIT("directory"), KV_SPACE_SMALL, false, 0);
    spaces_open_pools(kv, found, count);
    status = spaces_open_default(kv, err);
    if (status == STATUS_OK)
        status = spaces_open_records(kv, found, count, err);
    for (size_t i = 0; i < count; i++) {
        if (found[i] == NULL)
            continue;
        if (status == STATUS_OK)
            kv->families->drop(kv, found[i]); /* left by a crash */
        else
            kv->families->close(found[i]);
        found[i] = NULL;
    }
    return status;
}

void spaces_clear(struct spaces_kv *kv)
{
    CHECK(kv->families != NULL);
    kv_clear(&kv->base);
    for (int i = 0; i < DIRECTORY_POOLS; i++)
        if (kv->pools[i] != NULL)
            kv->families->close(kv->pools[i]);
    if (kv->directory != NULL)
        spaces_free(&kv->base, &kv->directory->base); /* not pooled: closes the default family */
}
