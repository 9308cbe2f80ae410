/* test_files_cache.c — copies of remote files: one fetch for all, pins against eviction, restart.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/mem.h"
#include "base/thread.h"
#include "storage/files.h"
#include "storage/files_cache.h"

#include <stdatomic.h>

#define CHECKED(call) fixture_check(call, &err, __FILE__, __LINE__)

static atomic_uint fetches;
static size_t fetch_bytes = 1000;
static bool fetch_fails;

static enum status fetch(void *context, const char *path, struct error *err)
{
    struct buf text;

    (void)context;
    atomic_fetch_add(&fetches, 1);
    if (fetch_fails)
        return error_set(err, STATUS_IO_FAILED, "no answer");
    usleep(20000); /* long enough that others ask meanwhile */
    buf_init(&text);
    for (size_t i = 0; i < fetch_bytes; i++)
        buf_append_byte(&text, 'x');
    enum status status = file_write_all(path, buf_str(&text), 0640, err);
    buf_clear(&text);
    return status;
}

static struct files_cache *cache_open(uint64_t bytes_max)
{
    struct files_cache *cache;
    struct error err;

    CHECKED(files_cache_open(fixture_path("cache"), bytes_max, &cache, &err));
    fetches = 0;
    fetch_fails = false;
    return cache;
}

static char *cache_get(struct files_cache *cache, const char *name)
{
    struct error err;
    char *path = NULL;

    CHECKED(files_cache_get(cache, str_from_c(name), fetch, NULL, &path, &err));
    assert_int_equal(access(path, R_OK), 0);
    return path;
}

static void cache_use(struct files_cache *cache, const char *name)
{
    mem_free(cache_get(cache, name));
    files_cache_release(cache, str_from_c(name));
}

static struct files_cache_stats cache_stats(struct files_cache *cache)
{
    struct files_cache_stats stats;

    files_cache_stats(cache, &stats);
    return stats;
}

static void test_cache__the_oldest_unused_goes_first(void **state)
{
    struct files_cache *cache = cache_open(3000);

    cache_use(cache, "a");
    cache_use(cache, "b");
    cache_use(cache, "c");
    cache_use(cache, "a");
    assert_int_equal(fetches, 3);
    cache_use(cache, "d"); /* b goes */
    cache_use(cache, "a");
    cache_use(cache, "c");
    assert_int_equal(fetches, 4);
    cache_use(cache, "b");
    assert_int_equal(fetches, 5);
    assert_int_equal(cache_stats(cache).bytes, 3000);
    assert_int_equal(cache_stats(cache).evicted, 2);
    files_cache_close(cache);
}

static void test_cache__pinned_copies_stay(void **state)
{
    struct files_cache *cache = cache_open(1500);
    char *a = cache_get(cache, "a"), *b = cache_get(cache, "b"), *again = cache_get(cache, "a");

    cache_use(cache, "c");
    assert_int_equal(access(a, R_OK), 0);
    assert_int_equal(access(b, R_OK), 0);
    assert_int_equal(cache_stats(cache).pinned, 2);
    assert_int_equal(cache_stats(cache).bytes, 2000); /* above the limit while in use */
    files_cache_release(cache, STR_LIT("b"));
    assert_int_not_equal(access(b, R_OK), 0);
    files_cache_release(cache, STR_LIT("a"));
    assert_int_equal(access(a, R_OK), 0);
    files_cache_remove(cache, STR_LIT("a")); /* deleted while somebody reads */
    assert_int_equal(access(a, R_OK), 0);
    files_cache_release(cache, STR_LIT("a"));
    assert_int_not_equal(access(a, R_OK), 0);
    assert_int_equal(cache_stats(cache).bytes, 0);
    mem_free(a);
    mem_free(b);
    mem_free(again);
    files_cache_close(cache);
}

/* A damaged copy: who asks after it was removed gets another one, though somebody still reads it.
 */
static void test_cache__a_removed_copy_is_fetched_anew(void **state)
{
    struct files_cache *cache = cache_open(5000);
    struct error err;
    struct buf text = {0};
    char *first = cache_get(cache, "a"), *second = NULL;

    CHECKED(file_write_all(first, STR_LIT("damaged"), 0640, &err));
    files_cache_remove(cache, STR_LIT("a"));
    fetch_fails = true; /* then the old one still goes with its last pin */
    assert_int_equal(files_cache_get(cache, STR_LIT("a"), fetch, NULL, &second, &err),
                     STATUS_IO_FAILED);
    assert_int_equal(access(first, R_OK), 0);
    fetch_fails = false;
    fetch_bytes = 1500;
    second = cache_get(cache, "a");
    CHECKED(file_read_all(second, 5000, &text, &err));
    assert_int_equal(text.size, 1500);
    assert_int_equal(cache_stats(cache).bytes, 1500);
    assert_int_equal(cache_stats(cache).files, 1);
    files_cache_release(cache, STR_LIT("a"));
    files_cache_release(cache, STR_LIT("a"));
    cache_use(cache, "a");
    assert_int_equal(fetches, 3);
    fetch_bytes = 1000;
    files_cache_remove(cache, STR_LIT("a"));
    assert_int_equal(cache_stats(cache).bytes, 0);
    buf_clear(&text);
    mem_free(first);
    mem_free(second);
    files_cache_close(cache);
}

static void test_cache__failures_leave_nothing(void **state)
{
    struct files_cache *cache = cache_open(5000);
    struct error err;
    char *path = NULL;

    fetch_fails = true;
    assert_int_equal(files_cache_get(cache, STR_LIT("a"), fetch, NULL, &path, &err),
                     STATUS_IO_FAILED);
    assert_null(path);
    assert_int_equal(cache_stats(cache).files, 0);
    fetch_fails = false;
    cache_use(cache, "a");
    files_cache_remove(cache, STR_LIT("a"));
    files_cache_remove(cache, STR_LIT("a"));
    assert_int_equal(cache_stats(cache).files, 0);
    files_cache_close(cache);
}

static void test_cache__restart_takes_copies_over(void **state)
{
    struct files_cache *cache = cache_open(5000);
    struct error err;

    cache_use(cache, "a");
    cache_use(cache, "b");
    char *staged = files_cache_stage(cache, STR_LIT("c"));
    CHECKED(file_write_all(staged, STR_LIT("staged"), 0640, &err));
    CHECKED(files_cache_adopt(cache, STR_LIT("c"), &err));
    assert_int_not_equal(access(staged, R_OK), 0);
    CHECKED(file_write_all(staged, STR_LIT("half"), 0640, &err));
    files_cache_close(cache);
    cache = cache_open(5000);
    assert_int_not_equal(access(staged, R_OK), 0); /* unfinished */
    assert_int_equal(cache_stats(cache).files, 3);
    assert_int_equal(cache_stats(cache).bytes, 2006);
    cache_use(cache, "a");
    cache_use(cache, "b");
    cache_use(cache, "c");
    assert_int_equal(fetches, 0);
    files_cache_close(cache);
    cache = cache_open(1); /* a smaller limit */
    assert_int_equal(cache_stats(cache).files, 0);
    files_cache_close(cache);
    mem_free(staged);
}

struct reader {
    pthread_t thread;
    struct files_cache *cache;
    unsigned number;
};

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    char name[2] = "a";

    for (unsigned i = 0; i < 40; i++) {
        name[0] = (char)('a' + (i / 4 + reader->number / 4) % 6);
        mem_free(cache_get(reader->cache, name)); /* asserts that it is readable */
        files_cache_release(reader->cache, str_from_c(name));
    }
    return NULL;
}

static void test_cache__many_readers(void **state)
{
    struct files_cache *cache = cache_open(2500);
    struct reader readers[8];

    for (unsigned i = 0; i < 8; i++) {
        readers[i] = (struct reader){.cache = cache, .number = i};
        thread_start(&readers[i].thread, "reader", 1 << 20, reader_main, &readers[i]);
    }
    for (unsigned i = 0; i < 8; i++)
        pthread_join(readers[i].thread, NULL);
    struct files_cache_stats stats = cache_stats(cache);
    assert_true(stats.bytes <= 2500);
    assert_int_equal(stats.pinned, 0);
    assert_int_equal(stats.misses, fetches);
    assert_int_equal(stats.hits + stats.misses, 8 * 40);
    assert_true(fetches < 8 * 40 / 2); /* those who asked at the same time waited */
    files_cache_close(cache);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_cache__the_oldest_unused_goes_first),   CASE(test_cache__pinned_copies_stay),
        CASE(test_cache__a_removed_copy_is_fetched_anew), CASE(test_cache__failures_leave_nothing),
        CASE(test_cache__restart_takes_copies_over),      CASE(test_cache__many_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
