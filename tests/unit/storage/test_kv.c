/* test_kv.c — one suite over both drivers, and what only RocksDB has: reopening, the directory of
 * spaces, volatile spaces, cached reads. A random run compares the drivers with each other.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "storage/files.h"
#include "storage/kv.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct error err;

static struct kv *open_rocksdb(unsigned families_max)
{
    const struct kv_options options = {.path = fixture_path("db"),
                                       .write_buffer_bytes = 1 << 20,
                                       .block_cache_bytes = 4 << 20,
                                       .column_families_max = families_max,
                                       .keep_wal_files = 3};
    struct kv *kv;
    assert_ok(kv_open_rocksdb(&options, &kv, &err));
    return kv;
}

static struct kv *open_kv(void **state)
{
    return strcmp(*state, "memory") == 0 ? kv_open_memory() : open_rocksdb(0);
}

static struct kv_space *space_of(struct kv *kv, const char *name, unsigned flags)
{
    struct kv_space *space;
    assert_ok(kv_space_open(kv, str_from_c(name), flags, &space, &err));
    return space;
}

static void put(struct kv *kv, struct kv_space *space, const char *key, const char *value)
{
    struct kv_batch *batch = kv_batch_new(kv);
    kv_batch_put(batch, space, str_from_c(key), str_from_c(value));
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));
    kv_batch_free(batch);
}

static void assert_value(struct kv *kv, struct kv_space *space, const struct kv_snapshot *snapshot,
                         const char *key, const char *expected)
{
    struct kv_value value;
    enum status status = kv_get(kv, space, snapshot, str_from_c(key), 0, &value, &err);
    if (expected == NULL) {
        assert_status(status, STATUS_ABSENT);
        return;
    }
    assert_ok(status);
    assert_int_equal(value.bytes.size, strlen(expected));
    assert_memory_equal(value.bytes.data, expected, value.bytes.size);
    kv_value_release(kv, &value);
}

/* All keys between the bounds, joined by spaces, in the asked direction. */
static void assert_keys(struct kv *kv, struct kv_space *space,
                        const struct kv_iterator_options *options, bool backward,
                        const char *expected)
{
    struct kv_iterator *iterator = kv_iterator_open(kv, space, options);
    struct buf keys;
    buf_init(&keys);
    backward ? kv_iterator_seek_last(iterator) : kv_iterator_seek_first(iterator);
    while (kv_iterator_is_valid(iterator)) {
        if (keys.size > 0)
            buf_append_byte(&keys, ' ');
        buf_append_str(&keys, kv_iterator_key(iterator));
        backward ? kv_iterator_prev(iterator) : kv_iterator_next(iterator);
    }
    assert_ok(kv_iterator_status(iterator, &err));
    kv_iterator_close(iterator);
    buf_append_byte(&keys, 0);
    assert_string_equal(keys.data, expected);
    buf_clear(&keys);
}

static void test_kv__get_put_delete(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", 0);
    struct kv_batch *batch = kv_batch_new(kv);

    assert_value(kv, space, NULL, "a", NULL);
    put(kv, space, "a", "1");
    put(kv, space, "b", "");
    assert_value(kv, space, NULL, "a", "1");
    assert_value(kv, space, NULL, "b", "");
    put(kv, space, "a", "2");
    assert_value(kv, space, NULL, "a", "2");
    kv_batch_delete(batch, space, STR_LIT("a"));
    kv_batch_delete(batch, space, STR_LIT("missing"));
    assert_true(kv_batch_bytes(batch) > 0);
    assert_ok(kv_write(kv, batch, KV_SYNC, &err));
    assert_value(kv, space, NULL, "a", NULL);
    kv_batch_free(batch);
    kv_close(kv);
}

static void test_kv__batch_applies_in_order(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", 0), *other = space_of(kv, "u", 0);
    struct kv_batch *batch = kv_batch_new(kv);

    put(kv, space, "b", "old");
    put(kv, space, "c", "old");
    kv_batch_put(batch, space, STR_LIT("a"), STR_LIT("gone"));
    kv_batch_delete_range(batch, space, STR_LIT("a"), STR_LIT("c"));
    kv_batch_put(batch, space, STR_LIT("b"), STR_LIT("new"));
    kv_batch_put(batch, other, STR_LIT("b"), STR_LIT("other"));
    kv_batch_delete_range(batch, space, STR_LIT("x"), STR_LIT("b")); /* reversed: nothing */
    assert_value(kv, space, NULL, "b", "old");
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));
    assert_value(kv, space, NULL, "a", NULL);
    assert_value(kv, space, NULL, "b", "new");
    assert_value(kv, space, NULL, "c", "old");
    assert_value(kv, other, NULL, "b", "other");

    kv_batch_reset(batch);
    kv_batch_put(batch, space, STR_LIT("d"), STR_LIT("1"));
    assert_ok(kv_write(kv, batch, KV_MEMORY, &err));
    assert_value(kv, space, NULL, "d", "1");
    assert_value(kv, space, NULL, "b", "new");
    kv_batch_free(batch);
    kv_close(kv);
}

static void test_kv__snapshot_sees_its_time(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", 0);
    struct kv_batch *batch = kv_batch_new(kv);

    put(kv, space, "a", "1");
    put(kv, space, "b", "1");
    struct kv_snapshot *snapshot = kv_snapshot_new(kv);
    struct kv_iterator *now = kv_iterator_open(kv, space, &(struct kv_iterator_options){0});
    put(kv, space, "a", "2");
    put(kv, space, "c", "2");
    kv_batch_delete_range(batch, space, STR_LIT("b"), STR_LIT("c"));
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));

    assert_value(kv, space, snapshot, "a", "1");
    assert_value(kv, space, snapshot, "b", "1");
    assert_value(kv, space, snapshot, "c", NULL);
    assert_value(kv, space, NULL, "a", "2");
    assert_value(kv, space, NULL, "b", NULL);
    struct kv_iterator_options at = {.snapshot = snapshot};
    assert_keys(kv, space, &at, false, "a b");
    assert_keys(kv, space, &at, true, "b a");
    assert_keys(kv, space, &(struct kv_iterator_options){0}, false, "a c");
    kv_iterator_seek_first(now); /* sees what was there when it was opened */
    kv_iterator_next(now);
    assert_true(str_equal(kv_iterator_key(now), STR_LIT("b")));
    assert_true(str_equal(kv_iterator_value(now), STR_LIT("1")));
    kv_iterator_close(now);
    kv_batch_free(batch);
    kv_snapshot_free(kv, snapshot);
    kv_close(kv);
}

static void test_kv__iterators_keep_bounds(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", KV_SPACE_USER_PREFIX);
    static const char *const keys[] = {"a:1", "a:2", "a:3", "b:1", "b:2", "c:1", "noprefix"};

    for (size_t i = 0; i < 7; i++)
        put(kv, space, keys[i], "v");
    struct kv_iterator_options user = {
        .lower = STR_LIT("b:"), .upper = STR_LIT("b;"), .prefix_same = true, .fill_cache = true};
    assert_keys(kv, space, &user, false, "b:1 b:2");
    assert_keys(kv, space, &user, true, "b:2 b:1");
    struct kv_iterator_options nobody = {
        .lower = STR_LIT("ab:"), .upper = STR_LIT("ab;"), .prefix_same = true};
    assert_keys(kv, space, &nobody, false, "");
    assert_keys(kv, space, &nobody, true, "");
    struct kv_iterator_options all = {0};
    assert_keys(kv, space, &all, true, "noprefix c:1 b:2 b:1 a:3 a:2 a:1");
    struct kv_iterator_options part = {.lower = STR_LIT("a:2"), .upper = STR_LIT("b:2")};
    assert_keys(kv, space, &part, false, "a:2 a:3 b:1");
    assert_keys(kv, space, &part, true, "b:1 a:3 a:2");
    struct kv_iterator_options reversed = {.lower = STR_LIT("b"), .upper = STR_LIT("a")};
    assert_keys(kv, space, &reversed, false, "");
    assert_keys(kv, space, &reversed, true, "");
    kv_close(kv);
}

static void assert_at(const struct kv_iterator *iterator, const char *key)
{
    assert_int_equal(kv_iterator_is_valid(iterator), key != NULL);
    if (key != NULL)
        assert_true(str_equal(kv_iterator_key(iterator), str_from_c(key)));
}

static void test_kv__seek_and_turn(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", 0);
    struct kv_iterator_options options = {.lower = STR_LIT("b"), .upper = STR_LIT("f")};

    put(kv, space, "a", "v");
    put(kv, space, "b", "v");
    put(kv, space, "d", "v");
    put(kv, space, "f", "v");
    struct kv_iterator *iterator = kv_iterator_open(kv, space, &options);
    assert_at(iterator, NULL);
    kv_iterator_seek(iterator, STR_LIT("a"));
    assert_at(iterator, "b");
    kv_iterator_seek(iterator, STR_LIT("c"));
    assert_at(iterator, "d");
    kv_iterator_prev(iterator);
    assert_at(iterator, "b");
    kv_iterator_next(iterator);
    assert_at(iterator, "d");
    kv_iterator_next(iterator);
    assert_at(iterator, NULL);
    kv_iterator_seek_for_prev(iterator, STR_LIT("z"));
    assert_at(iterator, "d");
    kv_iterator_seek_for_prev(iterator, STR_LIT("c"));
    assert_at(iterator, "b");
    kv_iterator_seek_for_prev(iterator, STR_LIT("b"));
    assert_at(iterator, "b");
    kv_iterator_prev(iterator);
    assert_at(iterator, NULL);
    kv_iterator_seek(iterator, STR_LIT("e"));
    assert_at(iterator, NULL);
    kv_iterator_close(iterator);
    kv_close(kv);
}

static void count_space(struct kv_space *space, struct str name, void *context)
{
    assert_non_null(space);
    *(int *)context += !str_equal(name, STR_LIT("default"));
}

static void test_kv__spaces(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *first = space_of(kv, "one", 0), *second = space_of(kv, "two", KV_SPACE_SMALL);
    struct kv_space *out;
    int count = 0;

    assert_ptr_equal(space_of(kv, "one", 0), first);
    assert_ptr_equal(kv_space_find(kv, STR_LIT("two")), second);
    assert_null(kv_space_find(kv, STR_LIT("three")));
    kv_space_each(kv, count_space, &count);
    assert_int_equal(count, 2);
    put(kv, first, "k", "1");
    put(kv, second, "k", "2");
    assert_ok(kv_space_drop(kv, first, &err));
    assert_null(kv_space_find(kv, STR_LIT("one")));
    first = space_of(kv, "one", 0);
    assert_value(kv, first, NULL, "k", NULL);
    assert_value(kv, second, NULL, "k", "2");
    assert_true(kv_space_bytes(kv, second) > 0);
    assert_status(kv_space_open(kv, STR_EMPTY, 0, &out, &err), STATUS_INVALID_INPUT);
    assert_status(kv_space_open(kv, STR_LIT("a\nb"), 0, &out, &err), STATUS_INVALID_INPUT);
    kv_close(kv);
}

static void test_kv__flush_keeps_what_is_visible(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", KV_SPACE_USER_PREFIX);
    struct kv_batch *batch = kv_batch_new(kv);

    put(kv, space, "u:1", "1");
    put(kv, space, "u:2", "2");
    kv_batch_delete_range(batch, space, STR_LIT("u:1"), STR_LIT("u:2"));
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));
    kv_flush(kv, space);
    put(kv, space, "u:3", "3");
    kv_flush(kv, space);
    assert_keys(kv, space, &(struct kv_iterator_options){0}, false, "u:2 u:3");
    kv_batch_free(batch);
    kv_close(kv);
}

struct writer {
    struct kv *kv;
    struct kv_space *space;
    int number;
};

static void *writer_main(void *argument)
{
    const struct writer *writer = argument;
    struct kv_batch *batch = kv_batch_new(writer->kv);
    struct error own;
    for (int i = 0; i < 50; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%02d:%03d", writer->number, i);
        kv_batch_reset(batch);
        kv_batch_put(batch, writer->space, str_from_c(key), STR_LIT("x"));
        kv_batch_put(batch, writer->space, str_from_c("last"), str_from_c(key));
        if (kv_write(writer->kv, batch, KV_SYNC, &own) != STATUS_OK)
            abort();
    }
    kv_batch_free(batch);
    return NULL;
}

static void test_kv__sixteen_writers(void **state)
{
    struct kv *kv = open_kv(state);
    struct kv_space *space = space_of(kv, "t", KV_SPACE_USER_PREFIX);
    struct writer writers[16];
    pthread_t threads[16];
    int count = 0;

    for (int i = 0; i < 16; i++) {
        writers[i] = (struct writer){kv, space, i};
        assert_int_equal(pthread_create(&threads[i], NULL, writer_main, &writers[i]), 0);
    }
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    struct kv_iterator *iterator = kv_iterator_open(kv, space, &(struct kv_iterator_options){0});
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count++;
    kv_iterator_close(iterator);
    assert_int_equal(count, 16 * 50 + 1);
    assert_ok(kv_sync(kv, &err));
    kv_close(kv);
}

/* ---- RocksDB only
 * --------------------------------------------------------------------------------- */

static void test_kv__survives_reopening(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    put(kv, space_of(kv, "t", KV_SPACE_USER_PREFIX), "u:1", "kept");
    put(kv, space_of(kv, "default", 0), "format", "1");
    struct kv_space *gone = space_of(kv, "gone", 0);
    put(kv, gone, "k", "v");
    assert_ok(kv_space_drop(kv, gone, &err));
    kv_close(kv);

    kv = open_rocksdb(0);
    assert_non_null(kv_space_find(kv, STR_LIT("t")));
    assert_null(kv_space_find(kv, STR_LIT("gone")));
    assert_value(kv, space_of(kv, "t", KV_SPACE_USER_PREFIX), NULL, "u:1", "kept");
    assert_value(kv, space_of(kv, "default", 0), NULL, "format", "1");
    kv_close(kv);
}

static void test_kv__pooled_spaces_are_isolated(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(3); /* default and two more; the rest is pooled */
    struct kv_space *spaces[6];
    char name[16], big[600];

    memset(big, 'k', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        spaces[i] = space_of(kv, name, KV_SPACE_USER_PREFIX);
        put(kv, spaces[i], "u:1", name);
        put(kv, spaces[i], "u:2", name);
        put(kv, spaces[i], big, name); /* longer than the inline buffer */
    }
    struct kv_iterator_options all = {.upper = STR_LIT("v")};
    struct kv_iterator_options user = {
        .lower = STR_LIT("u:"), .upper = STR_LIT("u;"), .prefix_same = true};
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        assert_value(kv, spaces[i], NULL, "u:1", name);
        assert_value(kv, spaces[i], NULL, big, name);
        assert_keys(kv, spaces[i], &user, false, "u:1 u:2");
        assert_keys(kv, spaces[i], &user, true, "u:2 u:1");
        all.lower = STR_LIT("l");
        assert_keys(kv, spaces[i], &all, true, "u:2 u:1");
        assert_keys(kv, spaces[i], &(struct kv_iterator_options){.lower = STR_LIT("u")}, true,
                    "u:2 u:1");
    }
    struct kv_batch *batch = kv_batch_new(kv);
    kv_batch_delete_range(batch, spaces[4], STR_LIT("a"), STR_LIT("z"));
    kv_batch_put(batch, spaces[4], STR_LIT("u:9"), STR_LIT("new"));
    kv_batch_delete(batch, spaces[3], STR_LIT("u:1"));
    assert_ok(kv_write(kv, batch, KV_SYNC, &err));
    kv_batch_free(batch);
    assert_keys(kv, spaces[4], &(struct kv_iterator_options){0}, false, "u:9");
    assert_keys(kv, spaces[3], &user, false, "u:2");
    assert_keys(kv, spaces[5], &user, false, "u:1 u:2");
    assert_ok(kv_space_drop(kv, spaces[4], &err));
    spaces[4] = space_of(kv, "s4", KV_SPACE_USER_PREFIX);
    assert_keys(kv, spaces[4], &(struct kv_iterator_options){0}, false, "");
    put(kv, spaces[4], "u:7", "again");
    kv_close(kv);

    kv = open_rocksdb(3);
    assert_keys(kv, space_of(kv, "s4", KV_SPACE_USER_PREFIX), &user, false, "u:7");
    assert_keys(kv, space_of(kv, "s5", KV_SPACE_USER_PREFIX), &user, true, "u:2 u:1");
    kv_compact(kv, space_of(kv, "s5", KV_SPACE_USER_PREFIX), STR_EMPTY, STR_EMPTY);
    assert_keys(kv, space_of(kv, "s5", KV_SPACE_USER_PREFIX), &user, true, "u:2 u:1");
    assert_value(kv, space_of(kv, "s1", KV_SPACE_USER_PREFIX), NULL, "u:1", "s1");
    assert_true(kv_space_bytes(kv, space_of(kv, "s5", KV_SPACE_USER_PREFIX)) < 1 << 20);
    kv_close(kv);
}

static void test_kv__volatile_spaces_start_empty(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    struct kv_space *stream = space_of(kv, "stream", KV_SPACE_VOLATILE);
    struct kv_space *table = space_of(kv, "table", 0);
    struct kv_batch *batch = kv_batch_new(kv);

    kv_batch_put(batch, stream, STR_LIT("e"), STR_LIT("event"));
    kv_batch_put(batch, table, STR_LIT("r"), STR_LIT("row"));
    assert_ok(kv_write(kv, batch, KV_SYNC, &err));
    kv_batch_free(batch);
    assert_value(kv, stream, NULL, "e", "event");
    kv_compact(kv, stream, STR_EMPTY, STR_EMPTY); /* even when it reached a file */
    kv_close(kv);

    kv = open_rocksdb(0);
    stream = kv_space_find(kv, STR_LIT("stream"));
    assert_non_null(stream);
    assert_value(kv, stream, NULL, "e", NULL);
    assert_value(kv, kv_space_find(kv, STR_LIT("table")), NULL, "r", "row");
    put(kv, stream, "f", "again");
    assert_value(kv, stream, NULL, "f", "again");
    kv_close(kv);
}

static void test_kv__cached_reads_never_touch_the_disk(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "t", KV_SPACE_USER_PREFIX);
    struct kv_iterator_options options = {.flags = KV_READ_CACHED,
                                          .lower = STR_LIT("u:"),
                                          .upper = STR_LIT("u;"),
                                          .prefix_same = true};
    struct kv_value value;

    put(kv, space, "u:1", "v");
    assert_ok(kv_get(kv, space, NULL, STR_LIT("u:1"), KV_READ_CACHED, &value, &err));
    kv_value_release(kv, &value);
    kv_compact(kv, space, STR_EMPTY, STR_EMPTY);
    kv_close(kv);
    kv = open_rocksdb(0);
    space = space_of(kv, "t", KV_SPACE_USER_PREFIX);
    struct kv_snapshot *snapshot = kv_snapshot_new(kv);
    assert_status(kv_get(kv, space, snapshot, STR_LIT("u:1"), KV_READ_CACHED, &value, &err),
                  STATUS_WOULD_BLOCK);
    struct kv_iterator *iterator = kv_iterator_open(kv, space, &options);
    kv_iterator_seek_last(iterator);
    assert_false(kv_iterator_is_valid(iterator));
    assert_status(kv_iterator_status(iterator, &err), STATUS_WOULD_BLOCK);
    kv_iterator_close(iterator);
    assert_ok(kv_get(kv, space, snapshot, STR_LIT("u:1"), 0, &value, &err));
    kv_value_release(kv, &value);
    assert_ok(kv_get(kv, space, snapshot, STR_LIT("u:1"), KV_READ_CACHED, &value, &err));
    kv_value_release(kv, &value);
    assert_keys(kv, space, &options, true, "u:1");
    kv_snapshot_free(kv, snapshot);
    kv_close(kv);
}

/* Cuts `bytes` off the newest log, as a power failure may. */
static void tear_log(long bytes)
{
    char newest[300] = "";
    DIR *folder = opendir(fixture_path("db"));
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (strstr(entry->d_name, ".log") != NULL && strcmp(entry->d_name, newest) > 0)
            snprintf(newest, sizeof(newest), "%s", entry->d_name);
    closedir(folder);
    char path[512];
    struct stat info;
    snprintf(path, sizeof(path), "%s/%s", fixture_path("db"), newest);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size - bytes), 0);
}

/* A child writes and dies without closing, so that the log is what is left. */
static void test_kv__torn_log_keeps_what_was_before(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct kv *kv = open_rocksdb(0);
        struct kv_space *space = space_of(kv, "t", 0);
        for (int i = 0; i < 10; i++) {
            char key[8];
            snprintf(key, sizeof(key), "k%d", i);
            put(kv, space, key, "value");
        }
        _exit(kv_sync(kv, &err) == STATUS_OK ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    tear_log(3); /* inside the last record */
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = kv_space_find(kv, STR_LIT("t"));
    assert_non_null(space);
    assert_value(kv, space, NULL, "k8", "value");
    assert_value(kv, space, NULL, "k9", NULL);
    put(kv, space, "k9", "again");
    assert_value(kv, space, NULL, "k9", "again");
    kv_close(kv);
}

/* A file size limit makes the log fail; raising it again must not bring writing back. */
static void failing_writes(void)
{
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "t", 0);
    struct kv_batch *batch = kv_batch_new(kv);
    char *big = calloc(1, 4 << 20);
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    int right = 0;

    put(kv, space, "before", "v");
    right += kv_is_usable(kv);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    kv_batch_put(batch, space, STR_LIT("big"), str_from(big, 4 << 20));
    right += kv_write(kv, batch, KV_SYNC, &err) == STATUS_IO_FAILED;
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    kv_batch_reset(batch);
    kv_batch_put(batch, space, STR_LIT("after"), STR_LIT("v"));
    right += kv_write(kv, batch, KV_SYNC, &err) == STATUS_IO_FAILED;
    right += kv_sync(kv, &err) == STATUS_IO_FAILED;
    right += !kv_is_usable(kv);
    assert_value(kv, space, NULL, "before", "v");
    assert_value(kv, space, NULL, "big", NULL);
    assert_value(kv, space, NULL, "after", NULL);
    _exit(right);
}

static void test_kv__failed_write_closes_the_store(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        failing_writes();
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 5);
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = kv_space_find(kv, STR_LIT("t"));
    assert_value(kv, space, NULL, "before", "v");
    assert_value(kv, space, NULL, "after", NULL);
    put(kv, space, "after", "v");
    kv_close(kv);
}

static void test_kv__open_refuses_what_is_broken(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0), *second = (void *)1;
    const struct kv_options options = {.path = fixture_path("db")};
    enum status status = kv_open_rocksdb(&options, &second, &err);
    assert_status(status, STATUS_IO_FAILED); /* locked */
    assert_null(second);
    assert_null(strstr(err.message, fixture_folder)); /* no paths in what clients may see */
    kv_close(kv);

    int fd = open(fixture_path("db/CURRENT"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "nonsense\n", 9), 9);
    close(fd);
    status = kv_open_rocksdb(&options, &second, &err);
    assert_true(status == STATUS_CORRUPT || status == STATUS_IO_FAILED);
    assert_null(second);
}

static void test_kv__stats(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "t", 0);
    struct kv_stats stats;
    put(kv, space, "k", "v");
    kv_stats(kv, &stats);
    assert_true(stats.memtable_bytes > 0);
    assert_true(stats.wal_bytes > 0);
    kv_compact(kv, space, STR_EMPTY, STR_EMPTY);
    kv_stats(kv, &stats);
    assert_true(stats.sst_bytes > 0);
    kv_close(kv);
}

/* True if RocksDB has noted `line` in its newest file of options. */
static bool has_option(const char *line)
{
    char newest[64] = "OPTIONS-", path[128];
    struct buf text = {0};
    DIR *folder = opendir(fixture_path("db"));
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (strncmp(entry->d_name, "OPTIONS-", 8) == 0 && strcmp(entry->d_name, newest) > 0)
            snprintf(newest, sizeof(newest), "%.60s", entry->d_name);
    closedir(folder);
    snprintf(path, sizeof(path), "db/%s", newest);
    assert_ok(file_read_all(fixture_path(path), 1 << 20, &text, &err));
    bool found = str_find(buf_str(&text), str_from_c(line)) != SIZE_MAX;
    buf_clear(&text);
    return found;
}

static void test_kv__size_of_the_log(void **state)
{
    (void)state;
    struct kv_options options = {.path = fixture_path("db"), .write_buffer_bytes = 1 << 20};
    struct kv *kv;
    assert_ok(kv_open_rocksdb(&options, &kv, &err)); /* room for one buffer */
    assert_true(has_option(" max_total_wal_size=1048576\n"));
    kv_close(kv);
    options.path = fixture_path("db");
    options.keep_wal_files = 2;
    assert_ok(kv_open_rocksdb(&options, &kv, &err));
    assert_true(has_option(" max_total_wal_size=3145728\n"));
    kv_close(kv);
}

/* ---- both drivers against each other
 * --------------------------------------------------------------- */

struct twin {
    struct kv *kv[2];
    struct kv_space *spaces[2][3];
    uint64_t random;
    bool no_ranges; /* single keys only */
};

static unsigned twin_random(struct twin *twin, unsigned below)
{
    twin->random = twin->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(twin->random >> 33) % below;
}

static struct str twin_key(struct twin *twin, char out[16])
{
    int size = snprintf(out, 16, "u%02u:%02u", twin_random(twin, 20), twin_random(twin, 30));
    return str_from(out, (size_t)size);
}

static void twin_write(struct twin *twin)
{
    struct kv_batch *batches[2] = {kv_batch_new(twin->kv[0]), kv_batch_new(twin->kv[1])};
    unsigned changes = 1 + twin_random(twin, 12);
    for (unsigned i = 0; i < changes; i++) {
        char first[16], second[16], value[128];
        unsigned kind = twin_random(twin, twin->no_ranges ? 9 : 10), space = twin_random(twin, 3);
        struct str key = twin_key(twin, first), end = twin_key(twin, second);
        memset(value, 'a' + (int)twin_random(twin, 26), sizeof(value));
        for (int k = 0; k < 2; k++) {
            struct kv_space *to = twin->spaces[k][space];
            if (kind < 7)
                kv_batch_put(batches[k], to, key, str_from(value, 1 + i * 10));
            else if (kind < 9)
                kv_batch_delete(batches[k], to, key);
            else
                kv_batch_delete_range(batches[k], to, key, end);
        }
    }
    for (int k = 0; k < 2; k++) {
        assert_ok(kv_write(twin->kv[k], batches[k], KV_ASYNC, &err));
        kv_batch_free(batches[k]);
    }
}

static void twin_compare(struct twin *twin, const struct kv_snapshot *snapshots[2])
{
    char user[16], upper[16], from[16];
    unsigned number = twin_random(twin, 22), space = twin_random(twin, 3);
    bool backward = twin_random(twin, 2), seek = twin_random(twin, 2);
    struct kv_iterator *at[2];
    struct kv_iterator_options options = {.prefix_same = twin_random(twin, 3) > 0};
    snprintf(user, sizeof(user), "u%02u:", number);
    snprintf(upper, sizeof(upper), "u%02u;", number);
    snprintf(from, sizeof(from), "u%02u:%02u", number, twin_random(twin, 30));
    if (options.prefix_same) {
        options.lower = str_from_c(user);
        options.upper = str_from_c(upper);
    }
    for (int k = 0; k < 2; k++) {
        options.snapshot = snapshots[k];
        at[k] = kv_iterator_open(twin->kv[k], twin->spaces[k][space], &options);
        if (seek)
            backward ? kv_iterator_seek_for_prev(at[k], str_from_c(from))
                     : kv_iterator_seek(at[k], str_from_c(from));
        else
            backward ? kv_iterator_seek_last(at[k]) : kv_iterator_seek_first(at[k]);
    }
    for (;;) {
        assert_int_equal(kv_iterator_is_valid(at[0]), kv_iterator_is_valid(at[1]));
        if (!kv_iterator_is_valid(at[0]))
            break;
        assert_true(str_equal(kv_iterator_key(at[0]), kv_iterator_key(at[1])));
        assert_true(str_equal(kv_iterator_value(at[0]), kv_iterator_value(at[1])));
        bool turn = twin_random(twin, 4) == 0; /* some steps go the other way */
        for (int k = 0; k < 2; k++) {
            if (turn) {
                backward ? kv_iterator_next(at[k]) : kv_iterator_prev(at[k]);
                if (!kv_iterator_is_valid(at[k]))
                    continue;
                backward ? kv_iterator_prev(at[k]) : kv_iterator_next(at[k]);
                if (!kv_iterator_is_valid(at[k]))
                    continue;
            }
            backward ? kv_iterator_prev(at[k]) : kv_iterator_next(at[k]);
        }
    }
    for (int k = 0; k < 2; k++) {
        assert_ok(kv_iterator_status(at[k], &err));
        kv_iterator_close(at[k]);
    }
}

static void test_kv__drivers_agree(void **state)
{
    (void)state;
    struct twin twin = {.random = 20240607, .kv = {kv_open_memory(), open_rocksdb(2)}};
    const struct kv_snapshot *none[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++) {
            char name[16];
            snprintf(name, sizeof(name), "twin%d", i);
            twin.spaces[k][i] = space_of(twin.kv[k], name, i == 0 ? 0 : KV_SPACE_USER_PREFIX);
        }
    struct kv_snapshot *old[2] = {kv_snapshot_new(twin.kv[0]), kv_snapshot_new(twin.kv[1])};
    for (int round = 0; round < 1500; round++) {
        twin_write(&twin);
        twin_compare(&twin, none);
        twin_compare(&twin, (const struct kv_snapshot *[2]){old[0], old[1]});
        if (round % 100 == 50)
            for (int k = 0; k < 2; k++) {
                kv_snapshot_free(twin.kv[k], old[k]);
                old[k] = kv_snapshot_new(twin.kv[k]);
            }
        if (round % 150 == 0) { /* several files, so that the bloom filters matter */
            char low[8], high[8];
            unsigned user = twin_random(&twin, 20);
            snprintf(low, sizeof(low), "u%02u:", user);
            snprintf(high, sizeof(high), "u%02u;", user);
            kv_compact(twin.kv[1], twin.spaces[1][round / 150 % 3], str_from_c(low),
                       str_from_c(high));
        }
    }
    for (int k = 0; k < 2; k++) {
        kv_snapshot_free(twin.kv[k], old[k]);
        kv_close(twin.kv[k]);
    }
}

/* Keys between the bounds that a cached iterator finds, or -1 = WOULD_BLOCK. */
static int count_cached(struct kv *kv, struct kv_space *space, struct str lower, bool backward)
{
    struct kv_iterator_options options = {
        .lower = lower, .upper = STR_LIT("l"), .flags = KV_READ_CACHED, .fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(kv, space, &options);
    int count = 0;
    backward ? kv_iterator_seek_last(iterator) : kv_iterator_seek_first(iterator);
    for (; kv_iterator_is_valid(iterator); count++)
        backward ? kv_iterator_prev(iterator) : kv_iterator_next(iterator);
    enum status status = kv_iterator_status(iterator, &err);
    kv_iterator_close(iterator);
    if (status != STATUS_WOULD_BLOCK)
        assert_ok(status);
    return status == STATUS_OK ? count : -1;
}

/* Reads `count` keys from one end, so that their blocks are cached. */
static void warm(struct kv *kv, struct kv_space *space, int count, bool backward)
{
    struct kv_iterator_options options = {.fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(kv, space, &options);
    backward ? kv_iterator_seek_last(iterator) : kv_iterator_seek_first(iterator);
    for (; count > 0 && kv_iterator_is_valid(iterator); count--)
        backward ? kv_iterator_prev(iterator) : kv_iterator_next(iterator);
    assert_ok(kv_iterator_status(iterator, &err));
    kv_iterator_close(iterator);
}

/* Whatever is cached, a cached scan gives all keys or says that it cannot: also where one file of a
 * level ends and the next begins. */
static void test_kv__cached_scans_lose_nothing_between_files(void **state)
{
    (void)state;
    enum { FILES = 12, KEYS_PER_FILE = 3, KEYS = FILES * KEYS_PER_FILE };
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "seams", 0);
    char key[32], first[32], value[3000];
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%06d", i);
        put(kv, space, key, value);
        if (i % KEYS_PER_FILE == 0)
            memcpy(first, key, sizeof(first));
        if (i % KEYS_PER_FILE == KEYS_PER_FILE - 1) /* files side by side in one level */
            kv_compact(kv, space, str_from_c(first), str_from_c(key));
    }
    int complete = 0;
    for (int backward = 0; backward < 2; backward++) {
        kv_close(kv); /* an empty cache */
        kv = open_rocksdb(0);
        space = space_of(kv, "seams", 0);
        for (int warmed = 0; warmed <= KEYS; warmed++) {
            warm(kv, space, warmed, backward);
            int count = count_cached(kv, space, STR_LIT("k"), backward);
            if (count >= 0)
                assert_int_equal(count, KEYS);
            snprintf(key, sizeof(key), "k%06d", KEYS - KEYS_PER_FILE); /* one file */
            count = count_cached(kv, space, str_from_c(key), backward);
            if (count >= 0)
                assert_int_equal(count, KEYS_PER_FILE);
            complete += count >= 0;
        }
    }
    assert_true(complete > 0);
    kv_close(kv);
}

enum { LARGE_BYTES = 3000 }; /* three to a block */

/* k00, k01, …, all with `value`, which is filled. */
static void put_large(struct kv *kv, struct kv_space *space, int count, char value[LARGE_BYTES])
{
    char key[32];
    memset(value, 'v', LARGE_BYTES - 1);
    value[LARGE_BYTES - 1] = 0;
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "k%02d", i);
        put(kv, space, key, value);
    }
}

/* A range delete in a file makes RocksDB seek anew in the levels below, and with that it forgets
 * that the file itself could not be read from the cache. */
static void test_kv__cached_scans_lose_nothing_to_range_deletes(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "ranges", 0);
    char value[LARGE_BYTES];
    put_large(kv, space, 10, value);
    kv_compact(kv, space, STR_EMPTY, STR_EMPTY);
    struct kv_batch *batch = kv_batch_new(kv);
    kv_batch_delete_range(batch, space, STR_LIT("k02"), STR_LIT("k06"));
    kv_batch_put(batch, space, STR_LIT("k03"), STR_LIT("stays"));
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));
    kv_batch_free(batch);
    kv_settle(kv); /* a file above the others */
    for (int backward = 0; backward < 2; backward++) {
        kv_close(kv); /* an empty cache */
        kv = open_rocksdb(0);
        space = space_of(kv, "ranges", 0);
        assert_value(kv, space, NULL, "k01", value); /* only blocks of the lower file */
        assert_value(kv, space, NULL, "k06", value);
        assert_value(kv, space, NULL, "k09", value);
        int count = count_cached(kv, space, STR_LIT("k01a"), backward);
        assert_true(count == -1 || count == 5);
        warm(kv, space, 10, backward);
        count = count_cached(kv, space, STR_LIT("k01a"), backward);
        assert_true(count == -1 || count == 5);
    }
    kv_close(kv);
}

/* The same with a range delete in memory: the file that cannot be read lies beside the one whose
 * key is covered. */
static void test_kv__cached_scans_lose_nothing_to_range_deletes_in_memory(void **state)
{
    (void)state;
    struct kv *kv = open_rocksdb(0);
    struct kv_space *space = space_of(kv, "ranges", 0);
    char value[LARGE_BYTES];
    put_large(kv, space, 9, value);
    kv_settle(kv);
    put(kv, space, "k05a", "in another file");
    kv_settle(kv);
    kv_close(kv); /* an empty cache */
    kv = open_rocksdb(0);
    space = space_of(kv, "ranges", 0);
    assert_value(kv, space, NULL, "k00", value); /* the first and the last block */
    assert_value(kv, space, NULL, "k06", value);
    assert_value(kv, space, NULL, "k05a", "in another file");
    struct kv_batch *batch = kv_batch_new(kv);
    kv_batch_delete_range(batch, space, STR_LIT("k04"), STR_LIT("k06"));
    assert_ok(kv_write(kv, batch, KV_ASYNC, &err));
    kv_batch_free(batch);
    int count = count_cached(kv, space, STR_LIT("k"), false);
    assert_true(count == -1 || count == 7);
    warm(kv, space, 10, false);
    count = count_cached(kv, space, STR_LIT("k"), false);
    assert_true(count == -1 || count == 7);
    kv_close(kv);
}

/* One scan of RocksDB, cached data only, beside one of the memory driver: the same rows, or
 * WOULD_BLOCK. True when it was whole. */
static bool twin_cached_scan(struct twin *twin, unsigned space)
{
    char lower[16], upper[16];
    unsigned user = twin_random(twin, 20), users = 1 + twin_random(twin, 2) * twin_random(twin, 20);
    bool backward = twin_random(twin, 2), same = true;
    struct kv_iterator *at[2];
    snprintf(lower, sizeof(lower), "u%02u:", user);
    snprintf(upper, sizeof(upper), "u%02u;", user + users - 1);
    struct kv_iterator_options options = {.lower = str_from_c(lower),
                                          .upper = str_from_c(upper),
                                          .prefix_same = users == 1,
                                          .fill_cache = true};
    for (int k = 0; k < 2; k++) {
        options.flags = k == 1 ? KV_READ_CACHED : 0;
        at[k] = kv_iterator_open(twin->kv[k], twin->spaces[k][space], &options);
        backward ? kv_iterator_seek_last(at[k]) : kv_iterator_seek_first(at[k]);
    }
    while (same && kv_iterator_is_valid(at[0]) && kv_iterator_is_valid(at[1])) {
        same = str_equal(kv_iterator_key(at[0]), kv_iterator_key(at[1])) &&
               str_equal(kv_iterator_value(at[0]), kv_iterator_value(at[1]));
        for (int k = 0; k < 2; k++)
            backward ? kv_iterator_prev(at[k]) : kv_iterator_next(at[k]);
    }
    enum status status = kv_iterator_status(at[1], &err);
    assert_true(same);
    assert_true(status == STATUS_OK || status == STATUS_WOULD_BLOCK);
    if (status == STATUS_OK)
        assert_int_equal(kv_iterator_is_valid(at[0]), kv_iterator_is_valid(at[1]));
    for (int k = 0; k < 2; k++)
        kv_iterator_close(at[k]);
    return status == STATUS_OK;
}

/* Whatever lies in files and whatever of it is cached: a cached scan tells the truth or
 * WOULD_BLOCK.
 */
static void test_kv__cached_scans_agree(void **state)
{
    (void)state;
    static const char *const names[] = {"twin0", "twin1", "twin2"};
    struct twin twin = {.random = 813652937, .kv = {kv_open_memory(), NULL}};
    unsigned whole = 0;
    for (unsigned round = 0; round < 60; round++) {
        twin.no_ranges = round % 20 < 12;
        twin.kv[1] = open_rocksdb(2); /* an empty cache */
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < 3; i++)
                twin.spaces[k][i] =
                    space_of(twin.kv[k], names[i], i == 0 ? 0 : KV_SPACE_USER_PREFIX);
        for (unsigned scan = 0; scan < 100; scan++) {
            unsigned space = twin_random(&twin, 3);
            whole += twin_cached_scan(&twin, space);
            if (scan % 10 == 9) {
                char key[16];
                struct kv_value value;
                struct kv_space *in = twin.spaces[1][space];
                if (kv_get(twin.kv[1], in, NULL, twin_key(&twin, key), 0, &value, &err) ==
                    STATUS_OK)
                    kv_value_release(twin.kv[1], &value);
            }
        }
        for (unsigned writes = twin_random(&twin, 40); writes > 0; writes--)
            twin_write(&twin);
        if (round % 7 == 6)
            kv_compact(twin.kv[1], twin.spaces[1][twin_random(&twin, 3)], STR_EMPTY, STR_EMPTY);
        kv_settle(twin.kv[1]);
        kv_close(twin.kv[1]);
    }
    assert_true(whole > 0);
    kv_close(twin.kv[0]);
}

#define both(function) \
    {#function "/memory", function, fixture_setup, fixture_teardown, (void *)"memory"}, \
    { \
#function "/rocksdb", function, fixture_setup, fixture_teardown, (void *)"rocksdb" \
    }
#define rocksdb(function) \
    { \
#function, function, fixture_setup, fixture_teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        both(test_kv__get_put_delete),
        both(test_kv__batch_applies_in_order),
        both(test_kv__snapshot_sees_its_time),
        both(test_kv__iterators_keep_bounds),
        both(test_kv__seek_and_turn),
        both(test_kv__spaces),
        both(test_kv__flush_keeps_what_is_visible),
        both(test_kv__sixteen_writers),
        rocksdb(test_kv__survives_reopening),
        rocksdb(test_kv__pooled_spaces_are_isolated),
        rocksdb(test_kv__volatile_spaces_start_empty),
        rocksdb(test_kv__cached_reads_never_touch_the_disk),
        rocksdb(test_kv__cached_scans_lose_nothing_between_files),
        rocksdb(test_kv__cached_scans_lose_nothing_to_range_deletes),
        rocksdb(test_kv__cached_scans_lose_nothing_to_range_deletes_in_memory),
        rocksdb(test_kv__cached_scans_agree),
        rocksdb(test_kv__torn_log_keeps_what_was_before),
        rocksdb(test_kv__failed_write_closes_the_store),
        rocksdb(test_kv__open_refuses_what_is_broken),
        rocksdb(test_kv__stats),
        rocksdb(test_kv__size_of_the_log),
        rocksdb(test_kv__drivers_agree),
    };
    return cmocka_run_group_tests_name("storage/kv", tests, NULL, NULL);
}
