/* kv_memory.c — the store of unit tests: a skip list per space, every key with its versions.
 *
 * A write takes the next sequence number and puts versions in front of the chains of its keys; a
 * reader of sequence number n sees the first version ≤ n of a chain. A batch shares one number, so
 * the change applied last wins. Versions and keys stay until the space goes: tests are small, and
 * values and iterators may point into them without pins. One mutex guards everything; an iterator
 * keeps a pointer to the node it stands on (nodes never go away) and so sees its own snapshot only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

enum { MEMORY_LEVELS = 12 };

struct memory_version {
    struct memory_version *older;
    uint64_t sequence;
    bool is_deleted;
    size_t size;
    char data[];
};

struct memory_node {
    struct str key; /* owned */
    struct memory_version *newest;
    struct memory_node *next[MEMORY_LEVELS];
};

struct memory_space {
    struct kv_space base;
    struct memory_node head; /* stands before the first key */
    uint64_t random, bytes;
};

struct memory_kv {
    struct kv base;
    pthread_mutex_t mutex;
    uint64_t sequence; /* of the last write */
};

struct memory_snapshot {
    struct kv_snapshot base;
    uint64_t sequence;
};

enum memory_change_kind { MEMORY_PUT, MEMORY_DELETE, MEMORY_DELETE_RANGE };

struct memory_change {
    enum memory_change_kind kind;
    struct memory_space *space;
    size_t first_size, second_size; /* key and value, or start and end */
};

struct memory_batch {
    struct kv_batch base;
    struct buf changes; /* struct memory_change, each followed by its bytes */
};

struct memory_iterator {
    struct kv_iterator base;
    struct memory_kv *kv;
    struct memory_space *space;
    uint64_t sequence;
    struct str lower, upper;  /* owned */
    struct memory_node *node; /* NULL = invalid */
};

static struct memory_kv *memory_kv(struct kv *kv)
{
    CHECK(kv != NULL);
    return CONTAINER_OF(kv, struct memory_kv, base);
}

static enum status memory_space_create(struct kv *kv, struct str name, unsigned flags,
                                       struct kv_space **out, struct error *err)
{
    struct memory_space *space = mem_zalloc(sizeof(*space));

    CHECK(kv != NULL && out != NULL);
    (void)kv;
    (void)err;
    kv_space_init(&space->base, name, flags);
    space->random = 0x9e3779b97f4a7c15u;
    *out = &space->base;
    return STATUS_OK;
}

static void memory_space_free(struct kv *kv, struct kv_space *base)
{
    struct memory_space *space = CONTAINER_OF(base, struct memory_space, base);
    struct memory_node *node = space->head.next[0];

    CHECK(space->head.newest == NULL);
    (void)kv;
    while (node != NULL) {
        struct memory_node *next = node->next[0];
        while (node->newest != NULL) {
            struct memory_version *older = node->newest->older;
            mem_free(node->newest);
            node->newest = older;
        }
        mem_free((void *)(uintptr_t)node->key.data);
        mem_free(node);
        node = next;
    }
    kv_space_clear(base);
    mem_free(space);
}

static enum status memory_space_drop(struct kv *kv, struct kv_space *space, struct error *err)
{
    CHECK(space != NULL);
    (void)err;
    pthread_mutex_lock(&memory_kv(kv)->mutex);
    memory_space_free(kv, space);
    pthread_mutex_unlock(&memory_kv(kv)->mutex);
    return STATUS_OK;
}

static uint64_t memory_space_bytes(struct kv *kv, struct kv_space *space)
{
    uint64_t bytes;

    CHECK(space != NULL);
    pthread_mutex_lock(&memory_kv(kv)->mutex);
    bytes = CONTAINER_OF(space, struct memory_space, base)->bytes;
    pthread_mutex_unlock(&memory_kv(kv)->mutex);
    return bytes;
}

/* Last node below `key` (or equal, with `or_equal`); the head if there is none. `path` may be NULL.
 */
static struct memory_node *memory_search(struct memory_space *space, struct str key, bool or_equal,
                                         struct memory_node **path)
{
    struct memory_node *node = &space->head;

    CHECK(space != NULL);
    for (int level = MEMORY_LEVELS - 1; level >= 0; level--) {
        while (node->next[level] != NULL) {
            int order = str_compare(node->next[level]->key, key);
            if (order > 0 || (order == 0 && !or_equal))
                break;
            node = node->next[level];
        }
        if (path != NULL)
            path[level] = node;
    }
    return node;
}

static struct memory_node *memory_node_get(struct memory_space *space, struct str key)
{
    struct memory_node *path[MEMORY_LEVELS];
    struct memory_node *node = memory_search(space, key, false, path)->next[0];

    CHECK(node == NULL || str_compare(node->key, key) >= 0);
    if (node != NULL && str_equal(node->key, key))
        return node;
    node = mem_zalloc(sizeof(*node));
    node->key = str_from(mem_strdup(key), key.size);
    for (int level = 0; level < MEMORY_LEVELS; level++) {
        node->next[level] = path[level]->next[level];
        path[level]->next[level] = node;
        space->random = space->random * 6364136223846793005u + 1442695040888963407u;
        if ((space->random >> 62) != 0)
            break;
    }
    return node;
}

static void memory_node_change(struct memory_space *space, struct memory_node *node,
                               uint64_t sequence, const struct str *value)
{
    size_t size = value == NULL ? 0 : value->size;
    struct memory_version *version = mem_alloc(sizeof(*version) + size);

    CHECK(node->newest == NULL || node->newest->sequence <= sequence);
    *version = (struct memory_version){
        .older = node->newest, .sequence = sequence, .is_deleted = value == NULL, .size = size};
    if (size > 0)
        memcpy(version->data, value->data, size);
    node->newest = version;
    space->bytes += node->key.size + size;
}

/* NULL when the key does not exist for a reader of `sequence`. */
static const struct memory_version *memory_node_version(const struct memory_node *node,
                                                        uint64_t sequence)
{
    CHECK(node != NULL);

    const struct memory_version *version = node->newest;

    while (version != NULL && version->sequence > sequence)
        version = version->older;
    return version == NULL || version->is_deleted ? NULL : version;
}

static enum status memory_get(struct kv *base, struct kv_space *base_space,
                              const struct kv_snapshot *snapshot, struct str key, unsigned flags,
                              struct kv_value *out, struct error *err)
{
    struct memory_kv *kv = memory_kv(base);
    struct memory_space *space = CONTAINER_OF(base_space, struct memory_space, base);
    const struct memory_version *version = NULL;
    const struct memory_node *node;

    CHECK(base_space != NULL && out != NULL);
    CHECK(snapshot == NULL || snapshot->kv == base);
    (void)flags;
    (void)err;
    pthread_mutex_lock(&kv->mutex);
    node = memory_search(space, key, false, NULL)->next[0];
    if (node != NULL && str_equal(node->key, key))
        version = memory_node_version(
            node,
            snapshot == NULL ? kv->sequence : ((const struct memory_snapshot *)snapshot)->sequence);
    pthread_mutex_unlock(&kv->mutex);
    if (version == NULL)
        return STATUS_ABSENT;
    out->bytes = str_from(version->data, version->size);
    return STATUS_OK;
}

static void memory_value_release(struct kv_value *value)
{
    (void)value;
    UNREACHABLE("values of the memory store have no pin");
}

static struct kv_snapshot *memory_snapshot_new(struct kv *kv)
{
    struct memory_snapshot *snapshot = mem_alloc(sizeof(*snapshot));

    CHECK(kv != NULL);
    snapshot->base.kv = kv;
    pthread_mutex_lock(&memory_kv(kv)->mutex);
    snapshot->sequence = memory_kv(kv)->sequence;
    pthread_mutex_unlock(&memory_kv(kv)->mutex);
    return &snapshot->base;
}

static void memory_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot)
{
    CHECK(snapshot->kv == kv);
    (void)kv;
    mem_free(snapshot);
}

static struct kv_batch *memory_batch_new(struct kv *kv)
{
    struct memory_batch *batch = mem_alloc(sizeof(*batch));

    CHECK(kv != NULL);
    batch->base.kv = kv;
    buf_init(&batch->changes);
    return &batch->base;
}

static void memory_batch_free(struct kv_batch *batch)
{
    CHECK(batch != NULL);
    buf_clear(&CONTAINER_OF(batch, struct memory_batch, base)->changes);
    mem_free(batch);
}

static void memory_batch_reset(struct kv_batch *batch)
{
    CHECK(batch != NULL);
    buf_reset(&CONTAINER_OF(batch, struct memory_batch, base)->changes);
}

static void memory_batch_add(struct kv_batch *base, enum memory_change_kind kind,
                             struct kv_space *space, struct str first, struct str second)
{
    struct memory_batch *batch = CONTAINER_OF(base, struct memory_batch, base);
    struct memory_change change = {.kind = kind,
                                   .space = CONTAINER_OF(space, struct memory_space, base),
                                   .first_size = first.size,
                                   .second_size = second.size};

    CHECK(base != NULL && space != NULL);
    CHECK(first.size == 0 || first.data != NULL);
    buf_append(&batch->changes, &change, sizeof(change));
    buf_append_str(&batch->changes, first);
    buf_append_str(&batch->changes, second);
}

static void memory_batch_put(struct kv_batch *batch, struct kv_space *space, struct str key,
                             struct str value)
{
    CHECK(value.size == 0 || value.data != NULL);
    memory_batch_add(batch, MEMORY_PUT, space, key, value);
}

static void memory_batch_delete(struct kv_batch *batch, struct kv_space *space, struct str key)
{
    CHECK(key.size == 0 || key.data != NULL);
    memory_batch_add(batch, MEMORY_DELETE, space, key, STR_EMPTY);
}

static void memory_batch_delete_range(struct kv_batch *batch, struct kv_space *space,
                                      struct str start, struct str end)
{
    memory_batch_add(batch, MEMORY_DELETE_RANGE, space, start, end);
}

static size_t memory_batch_bytes(const struct kv_batch *batch)
{
    return ((const struct memory_batch *)batch)->changes.size;
}

static void memory_write_change(const struct memory_change *change, struct str first,
                                struct str second, uint64_t sequence)
{
    struct memory_space *space = change->space;

    CHECK(space != NULL && sequence > 0);
    if (change->kind != MEMORY_DELETE_RANGE) {
        memory_node_change(space, memory_node_get(space, first), sequence,
                           change->kind == MEMORY_PUT ? &second : NULL);
        return;
    }
    for (struct memory_node *node = memory_search(space, first, false, NULL)->next[0];
         node != NULL && str_compare(node->key, second) < 0; node = node->next[0])
        memory_node_change(space, node, sequence, NULL);
}

static enum status memory_write(struct kv *base, struct kv_batch *base_batch,
                                enum kv_durability durability, struct error *err)
{
    struct memory_kv *kv = memory_kv(base);
    const struct buf *changes = &CONTAINER_OF(base_batch, struct memory_batch, base)->changes;
    size_t offset = 0;

    (void)durability;
    (void)err;
    pthread_mutex_lock(&kv->mutex);
    uint64_t sequence = kv->sequence + 1;
    while (offset < changes->size) {
        struct memory_change change;
        memcpy(&change, changes->data + offset, sizeof(change));
        offset += sizeof(change);
        struct str first = str_from(changes->data + offset, change.first_size);
        offset += change.first_size;
        struct str second = str_from(changes->data + offset, change.second_size);
        offset += change.second_size;
        memory_write_change(&change, first, second, sequence);
    }
    CHECK(offset == changes->size);
    kv->sequence = sequence;
    pthread_mutex_unlock(&kv->mutex);
    return STATUS_OK;
}

static bool memory_is_usable(struct kv *kv)
{
    CHECK(kv != NULL); /* nothing can fail */
    return true;
}

static enum status memory_sync(struct kv *kv, struct error *err)
{
    CHECK(kv != NULL);
    (void)kv;
    (void)err;
    return STATUS_OK;
}

static struct kv_iterator *memory_iterator_open(struct kv *base, struct kv_space *space,
                                                const struct kv_iterator_options *options)
{
    struct memory_kv *kv = memory_kv(base);
    struct memory_iterator *iterator = mem_zalloc(sizeof(*iterator));

    CHECK(space != NULL && options != NULL);
    CHECK(options->snapshot == NULL || options->snapshot->kv == base);
    iterator->base.driver = base->driver;
    iterator->kv = kv;
    iterator->space = CONTAINER_OF(space, struct memory_space, base);
    pthread_mutex_lock(&kv->mutex);
    iterator->sequence = options->snapshot == NULL
                             ? kv->sequence
                             : ((const struct memory_snapshot *)options->snapshot)->sequence;
    pthread_mutex_unlock(&kv->mutex);
    iterator->lower = str_from(mem_strdup(options->lower), options->lower.size);
    iterator->upper = str_from(mem_strdup(options->upper), options->upper.size);
    return &iterator->base;
}

static struct memory_iterator *memory_iterator(struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    return CONTAINER_OF(iterator, struct memory_iterator, base);
}

static void memory_iterator_close(struct kv_iterator *base)
{
    struct memory_iterator *iterator = memory_iterator(base);

    CHECK(iterator->kv != NULL);
    mem_free((void *)(uintptr_t)iterator->lower.data);
    mem_free((void *)(uintptr_t)iterator->upper.data);
    mem_free(iterator);
}

static bool memory_iterator_is_inside(const struct memory_iterator *iterator, struct str key)
{
    CHECK(iterator != NULL);
    return str_compare(key, iterator->lower) >= 0 &&
           (iterator->upper.size == 0 || str_compare(key, iterator->upper) < 0);
}

/* From `node` on upwards to the first key that exists and lies inside. Lock held. */
static void memory_iterator_forward(struct memory_iterator *iterator, struct memory_node *node)
{
    CHECK(node != &iterator->space->head);
    while (node != NULL && memory_iterator_is_inside(iterator, node->key) &&
           memory_node_version(node, iterator->sequence) == NULL)
        node = node->next[0];
    if (node != NULL && !memory_iterator_is_inside(iterator, node->key))
        node = NULL;
    iterator->node = node;
}

/* From `node` (the head is the end) downwards. Lock held. */
static void memory_iterator_backward(struct memory_iterator *iterator, struct memory_node *node)
{
    struct memory_node *head = &iterator->space->head;

    CHECK(node != NULL);
    while (node != head && memory_iterator_is_inside(iterator, node->key) &&
           memory_node_version(node, iterator->sequence) == NULL)
        node = memory_search(iterator->space, node->key, false, NULL);
    if (node == head || !memory_iterator_is_inside(iterator, node->key))
        node = NULL;
    iterator->node = node;
}

static void memory_seek(struct kv_iterator *base, struct str key)
{
    struct memory_iterator *iterator = memory_iterator(base);
    struct str from = str_compare(key, iterator->lower) < 0 ? iterator->lower : key;

    CHECK(iterator->sequence <= iterator->kv->sequence);
    pthread_mutex_lock(&iterator->kv->mutex);
    memory_iterator_forward(iterator, memory_search(iterator->space, from, false, NULL)->next[0]);
    pthread_mutex_unlock(&iterator->kv->mutex);
}

static void memory_seek_first(struct kv_iterator *iterator)
{
    memory_seek(iterator, memory_iterator(iterator)->lower);
}

static void memory_seek_for_prev(struct kv_iterator *base, struct str key)
{
    struct memory_iterator *iterator = memory_iterator(base);
    struct memory_node *node;

    CHECK(iterator->space != NULL);
    pthread_mutex_lock(&iterator->kv->mutex);
    if (iterator->upper.size > 0 && str_compare(key, iterator->upper) >= 0)
        node = memory_search(iterator->space, iterator->upper, false, NULL);
    else
        node = memory_search(iterator->space, key, true, NULL);
    memory_iterator_backward(iterator, node);
    pthread_mutex_unlock(&iterator->kv->mutex);
}

static void memory_seek_last(struct kv_iterator *base)
{
    struct memory_iterator *iterator = memory_iterator(base);
    struct memory_node *node = &iterator->space->head;

    CHECK(iterator->space != NULL);
    if (iterator->upper.size > 0) {
        memory_seek_for_prev(base, iterator->upper);
        return;
    }
    pthread_mutex_lock(&iterator->kv->mutex);
    for (int level = MEMORY_LEVELS - 1; level >= 0; level--)
        while (node->next[level] != NULL)
            node = node->next[level];
    memory_iterator_backward(iterator, node);
    pthread_mutex_unlock(&iterator->kv->mutex);
}

static void memory_next(struct kv_iterator *base)
{
    struct memory_iterator *iterator = memory_iterator(base);

    CHECK(iterator->node != NULL);
    pthread_mutex_lock(&iterator->kv->mutex);
    memory_iterator_forward(iterator, iterator->node->next[0]);
    pthread_mutex_unlock(&iterator->kv->mutex);
}

static void memory_prev(struct kv_iterator *base)
{
    struct memory_iterator *iterator = memory_iterator(base);

    CHECK(iterator->node != NULL);
    pthread_mutex_lock(&iterator->kv->mutex);
    memory_iterator_backward(iterator,
                             memory_search(iterator->space, iterator->node->key, false, NULL));
    pthread_mutex_unlock(&iterator->kv->mutex);
}

static bool memory_is_valid(const struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    return ((const struct memory_iterator *)iterator)->node != NULL;
}

static struct str memory_key(const struct kv_iterator *iterator)
{
    CHECK(((const struct memory_iterator *)iterator)->node != NULL);
    return ((const struct memory_iterator *)iterator)->node->key;
}

static struct str memory_value(const struct kv_iterator *base)
{
    const struct memory_iterator *iterator = (const struct memory_iterator *)base;
    const struct memory_version *version;

    pthread_mutex_lock(&iterator->kv->mutex);
    version = memory_node_version(iterator->node, iterator->sequence);
    pthread_mutex_unlock(&iterator->kv->mutex);
    CHECK(version != NULL);
    return str_from(version->data, version->size);
}

static enum status memory_status(struct kv_iterator *iterator, struct error *err)
{
    CHECK(iterator != NULL);
    (void)iterator;
    (void)err;
    return STATUS_OK;
}

static void memory_stats(struct kv *kv, struct kv_stats *out)
{
    size_t cursor = 0;
    void *space;

    CHECK(out != NULL);
    pthread_mutex_lock(&kv->lock);
    while (map_next(&kv->spaces, &cursor, NULL, &space))
        out->memtable_bytes += memory_space_bytes(kv, space);
    pthread_mutex_unlock(&kv->lock);
}

static void memory_flush(struct kv *kv, struct kv_space *space)
{
    CHECK(kv != NULL && space != NULL); /* there are no files to move to */
}

static void memory_settle(struct kv *kv)
{
    CHECK(kv != NULL); /* there is no log either */
}

static void memory_compact(struct kv *kv, struct kv_space *space, struct str start, struct str end)
{
    CHECK(kv != NULL && space != NULL);
    (void)kv;
    (void)space;
    (void)start;
    (void)end;
}

static void memory_close(struct kv *base)
{
    struct memory_kv *kv = memory_kv(base);

    kv_clear(base);
    CHECK(pthread_mutex_destroy(&kv->mutex) == 0);
    mem_free(kv);
}

static const struct kv_driver memory_driver = {
    .close = memory_close,
    .space_create = memory_space_create,
    .space_drop = memory_space_drop,
    .space_free = memory_space_free,
    .space_bytes = memory_space_bytes,
    .get = memory_get,
    .value_release = memory_value_release,
    .snapshot_new = memory_snapshot_new,
    .snapshot_free = memory_snapshot_free,
    .batch_new = memory_batch_new,
    .batch_free = memory_batch_free,
    .batch_reset = memory_batch_reset,
    .batch_put = memory_batch_put,
    .batch_delete = memory_batch_delete,
    .batch_delete_range = memory_batch_delete_range,
    .batch_bytes = memory_batch_bytes,
    .write = memory_write,
    .is_usable = memory_is_usable,
    .sync = memory_sync,
    .iterator_open = memory_iterator_open,
    .iterator_close = memory_iterator_close,
    .seek_first = memory_seek_first,
    .seek_last = memory_seek_last,
    .seek = memory_seek,
    .seek_for_prev = memory_seek_for_prev,
    .next = memory_next,
    .prev = memory_prev,
    .is_valid = memory_is_valid,
    .key = memory_key,
    .value = memory_value,
    .status = memory_status,
    .stats = memory_stats,
    .flush = memory_flush,
    .settle = memory_settle,
    .compact = memory_compact,
};

struct kv *kv_open_memory(void)
{
    struct memory_kv *kv = mem_zalloc(sizeof(*kv));

    kv_init(&kv->base, &memory_driver);
    CHECK(pthread_mutex_init(&kv->mutex, NULL) == 0);
    return &kv->base;
}
