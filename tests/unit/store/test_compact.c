/* test_compact.c — which segments are merged, merging while shadows and readers are there, random
 * histories, and a process that dies on the way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "base/clock.h"
#include "store/flush/flush_internal.h"

/* ---- the choice -------------------------------------------------------------------------------
 */

/* Merges until nothing is worth it; returns the number of segments left, sizes in `rows`. */
static size_t choose_all(uint64_t *rows, size_t count, uint64_t *rewritten)
{
    for (;;) {
        struct segment made[256];
        struct segment *segments[256], *chosen[256];
        memset(made, 0, sizeof(made));
        for (size_t i = 0; i < count; i++) {
            made[i].rows = rows[i];
            made[i].bytes = rows[i] * 50;
            made[i].id = i + 1;
            segments[i] = &made[i];
        }
        size_t taken = compact_choose(segments, count, chosen);
        if (taken == 0)
            return count;
        assert_true(taken >= COMPACT_SEGMENTS);
        uint64_t sum = 0;
        for (size_t i = 0; i < taken; i++) {
            sum += chosen[i]->rows;
            chosen[i]->rows = 0;
        }
        *rewritten += sum;
        size_t left = 0;
        for (size_t i = 0; i < count; i++)
            if (made[i].rows > 0)
                rows[left++] = made[i].rows;
        rows[left++] = sum;
        count = left;
    }
}

static void test_compact__few_files_and_little_rewriting(void **state)
{
    static const uint64_t sizes[] = {1, 10, 300, 10000};

    for (size_t s = 0; s < 4; s++) {
        uint64_t rows[256], total = 0, rewritten = 0;
        size_t count = 0, most = 0;
        for (int flush = 0; flush < 3000 && total < 600000; flush++) {
            uint64_t size = 1 + (sizes[s] * (uint64_t)(flush * 7919 % 100 + 50)) / 100;
            rows[count++] = size;
            total += size;
            count = choose_all(rows, count, &rewritten);
            most = count > most ? count : most;
        }
        print_message("%llu rows a flush: at most %zu files, %.1f rewrites of a row\n",
                      (unsigned long long)sizes[s], most, (double)rewritten / (double)total);
        assert_true(most < 20 + total / 50000);
        assert_true(rewritten < 8 * total);
    }
}

static void test_compact__leaves_large_and_few_alone(void **state)
{
    uint64_t rows[16] = {60000, 60000, 60000, 60000, 60000, 60000, 60000, 1, 2, 3, 4, 5};
    uint64_t rewritten = 0;

    assert_int_equal(choose_all(rows, 12, &rewritten), 12);
    assert_int_equal(choose_all(rows, 0, &rewritten), 0);
    assert_int_equal(rewritten, 0);
    /* What would pass the limit of a merged one stays out. */
    for (int i = 0; i < 8; i++)
        rows[i] = 40000;
    assert_int_equal(choose_all(rows, 8, &rewritten), 8);
}

/* ---- merging ----------------------------------------------------------------------------------
 */

static struct flush_result cold_compact(struct cold_fixture *f, struct table_id id)
{
    struct flush_options options = {.table = id, .job_id = STR_LIT("compact-1")};
    struct flush_result result;
    struct error err;

    if (compact_table(f->base.store, &options, &result, &err) != STATUS_OK)
        fail_msg("compact: %s", err.message);
    if (result.users_failed > 0)
        fail_msg("compact: %s", result.first_error.message);
    return result;
}

static void wait_files(struct cold_fixture *f, int wanted)
{
    for (int i = 0; i < 2000 && cold_file_count(f) != wanted; i++)
        usleep(5000);
    assert_int_equal(cold_file_count(f), wanted);
}

/* Files whose deletion is recorded, so that a process that dies before it leaves none behind. */
static int pending_deletes(struct cold_fixture *f)
{
    struct kv_iterator_options options = {0};
    struct kv_iterator *iterator = kv_iterator_open(f->kv, f->base.store->spaces.pending, &options);
    int count = 0;

    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count += kv_iterator_value(iterator).data[0] == PENDING_DELETE ? 1 : 0;
    kv_iterator_close(iterator);
    return count;
}

static void test_compact__merges_unseen_by_readers(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct error err;
    bool due = true;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_TEXT);
    model_init(model, &f, id, "ann", VALUE_TEXT, 9);
    for (int64_t i = 0; i < 200; i++) {
        model_write(model, i, i);
        if (i % 25 == 24)
            (void)cold_flush(&f, id, false);
        if (i == 60) {
            assert_int_equal(compact_is_due(f.base.store, id, STR_EMPTY, &due, &err), STATUS_OK);
            assert_false(due);
        }
    }
    model_write(model, 3, -1); /* shadows go along, tombstones too */
    model_write(model, 30, 99);
    model_write(model, 300, 1); /* new: stays hot */
    assert_int_equal(fixture_counters(&f.base, id, "ann").segments, 8);
    assert_int_equal(compact_is_due(f.base.store, id, STR_LIT("ann"), &due, &err), STATUS_OK);
    assert_true(due);
    struct model *before = test_malloc(sizeof(*before));
    memcpy(before, model, sizeof(*before));
    before->view = view_acquire(f.base.store);
    struct instance_counters old = fixture_counters(&f.base, id, "ann");
    struct flush_result result = cold_compact(&f, id);
    assert_int_equal(result.instances, 1);
    assert_int_equal(result.replaced_files, 8);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.rewritten_rows, 200);
    assert_int_equal(result.rows, 2);
    assert_false(result.more);
    struct instance_counters now = fixture_counters(&f.base, id, "ann");
    assert_int_equal(now.segments, 1);
    assert_int_equal(now.cold_rows, 200);
    assert_int_equal(now.buffered_rows, 1);
    assert_int_equal(now.last_flush_us, old.last_flush_us);
    model_write(model, 31, 77);
    model_check_all(model);
    model_check_counters(model);
    model_check_all(before); /* the older view reads the replaced files */
    assert_int_equal(cold_file_count(&f), 9);
    assert_int_equal(pending_deletes(&f), 8);
    view_release(before->view);
    wait_files(&f, 1);
    assert_int_equal(cold_compact(&f, id).files, 0);
    cold_reopen(&f);
    model_check_all(model);
    test_free(before);
    test_free(model);
    cold_close(&f);
}

static void compact_history(enum table_kind kind, enum value_type key, uint64_t seed)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    const char *user = kind == TABLE_KIND_USER ? "ann" : "";
    uint64_t merged = 0;

    print_message("seed %llu\n", (unsigned long long)seed);
    cold_open(&f);
    struct table_id id = cold_table(&f, kind, "t", key);
    model_init(model, &f, id, user, key, seed);
    for (int step = 0; step < 300; step++) {
        uint64_t dice = model_random(model, 100);
        int64_t index = (int64_t)model_random(model, MODEL_KEYS);
        if (dice < 70)
            model_write(model, index, (int64_t)model_random(model, 1000000));
        else if (dice < 80)
            model_write(model, index, -1);
        else if (dice < 96)
            (void)cold_flush(&f, id, dice == 95);
        else
            merged += cold_compact(&f, id).replaced_files;
        if (step % 60 == 59)
            model_check_all(model);
    }
    merged += cold_compact(&f, id).replaced_files;
    assert_true(merged > 0);
    model_check_all(model);
    model_check_counters(model);
    wait_files(&f, (int)fixture_counters(&f.base, id, user).segments);
    cold_reopen(&f);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_close(&f);
}

static void test_compact__random_histories(void **state)
{
    compact_history(TABLE_KIND_USER, VALUE_BIGINT, 5);
    compact_history(TABLE_KIND_SHARED, VALUE_TEXT, 6);
    compact_history(TABLE_KIND_USER, VALUE_TEXT, (uint64_t)clock_now_us());
}

static void test_compact__many_users(void **state)
{
    enum { USERS = 12 };
    struct cold_fixture f = {.folder = ""};
    char name[16];

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t round = 0; round < COMPACT_SEGMENTS; round++) {
        for (int user = 0; user < USERS; user++) {
            (void)snprintf(name, sizeof(name), "u%d", user);
            if (user % 3 != 0 || round > 0)
                (void)cold_write(&f, id, name, round, round);
        }
        (void)cold_flush(&f, id, false);
    }
    struct flush_result result = cold_compact(&f, id);
    assert_int_equal(result.instances, 8);
    assert_int_equal(result.files, 8);
    for (int user = 0; user < USERS; user++) {
        (void)snprintf(name, sizeof(name), "u%d", user);
        assert_int_equal(fixture_counters(&f.base, id, name).segments,
                         user % 3 == 0 ? COMPACT_SEGMENTS - 1 : 1);
    }
    cold_close(&f);
}

/* ---- a user's instance removed ----------------------------------------------------------------
 */

static void test_compact__dropped_instance(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *models = test_calloc(2, sizeof(*models));
    struct drop_result result = {0};
    struct error err;
    uint64_t rows = 0, written = 0;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(&models[0], &f, id, "user1", VALUE_BIGINT, 9);
    model_init(&models[1], &f, id, "user12", VALUE_BIGINT, 9);
    for (int64_t i = 0; i < 40; i++) {
        model_write(&models[0], i, i);
        model_write(&models[1], i, i);
        if (i == 20)
            written = cold_flush(&f, id, true).bytes;
    }
    struct model *before = test_malloc(sizeof(*before));
    memcpy(before, &models[0], sizeof(*before));
    before->view = view_acquire(f.base.store);
    assert_int_equal(ddl_drop_instance(f.base.store, id, STR_LIT("user1"), &result, &rows, &err),
                     STATUS_OK);
    assert_int_equal(result.files, 1);
    assert_in_range(result.bytes, 1, written - 1); /* one of two files */
    assert_int_equal(rows, 40);
    model_check_all(before);
    view_release(before->view);
    wait_files(&f, 1);
    assert_int_equal(fixture_counters(&f.base, id, "user1").buffered_rows, 0);
    assert_int_equal(fixture_counters(&f.base, id, "user1").segments, 0);
    for (int i = 0; i < MODEL_KEYS; i++)
        models[0].rows[i].written = models[0].rows[i].live = false;
    model_check_all(&models[0]);
    model_write(&models[0], 5, 55); /* the id may be used again, nothing of the old comes back */
    model_check_all(&models[0]);
    (void)cold_flush(&f, id, true);
    model_check_all(&models[0]);
    model_check_counters(&models[0]);
    model_check_all(&models[1]);
    model_check_counters(&models[1]);
    cold_reopen(&f);
    model_check_all(&models[0]);
    model_check_all(&models[1]);
    test_free(before);
    test_free(models);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact__few_files_and_little_rewriting),
        cmocka_unit_test(test_compact__leaves_large_and_few_alone),
        cmocka_unit_test(test_compact__merges_unseen_by_readers),
        cmocka_unit_test(test_compact__random_histories),
        cmocka_unit_test(test_compact__many_users),
        cmocka_unit_test(test_compact__dropped_instance),
    };
    return cmocka_run_group_tests_name("store/compact", tests, NULL, NULL);
}
