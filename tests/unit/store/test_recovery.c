/* test_recovery.c — a flush that is killed or fails at every named point: after the next start no
 * row is lost or doubled and no file is left over.
 *
 * The process that dies is this program again, told by arguments which half to play, because fault
 * points are read once per process.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "base/clock.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static const char *phase_folder;

/* ---- the half that writes
 * ------------------------------------------------------------------------- */

static void save_model(const struct model *model)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/model", phase_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(model, sizeof(*model), 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static void load_model(struct model *model, struct cold_fixture *f)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/model", phase_folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(model, sizeof(*model), 1, file), 1);
    (void)fclose(file);
    model->f = f;
    model->user = "ann";
}

/* Two flushed segments, then changes to cold rows and new rows, then the flush that meets the
 * fault. */
static void phase_write(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct flush_result result;
    struct error err;

    strcpy(f.folder, phase_folder);
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_TEXT);
    model_init(model, &f, id, "ann", VALUE_TEXT, 17);
    for (int64_t i = 0; i < 60; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, true); /* passes every point once */
    for (int64_t i = 50; i < 80; i++)
        model_write(model, i, 1000 + i);
    for (int64_t i = 0; i < 60; i += 7)
        model_write(model, i, -1);
    save_model(model);
    struct flush_options options = {
        .table = id, .all_users = true, .with_shadows = true, .job_id = STR_LIT("j")};
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    /* With an error instead of a kill (a user failed) the store goes on: all rows are there, and a
     * second try works. */
    model_check_all(model);
    model_check_counters(model);
    (void)cold_flush(&f, id, true);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_shut(&f);
}

/* ---- the half that looks
 * -------------------------------------------------------------------------- */

static void phase_check(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    strcpy(f.folder, phase_folder);
    cold_open(&f);
    load_model(model, &f);
    model_check_all(model);
    model_check_counters(model);
    assert_int_equal(cold_file_count(&f), fixture_counters(&f.base, model->table, "ann").segments);
    (void)cold_flush(&f, model->table, true);
    model_check_all(model);
    model_check_counters(model);
    assert_int_equal(fixture_counters(&f.base, model->table, "ann").buffered_rows, 0);
    cold_reopen(&f);
    model_check_all(model);
    assert_int_equal(cold_file_count(&f), fixture_counters(&f.base, model->table, "ann").segments);
    test_free(model);
    cold_shut(&f);
}

/* ---- segments merged, instances removed
 * ---------------------------------------------------------- */

/* `ann` has files to merge and shadows, `bob` is to go. Whatever happens on the way, ann's rows are
 * right and bob's are there as a whole or gone as a whole. */
static void phase_merge(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct flush_result result;
    struct drop_result dropped = {0};
    struct error err;
    uint64_t rows = 0;

    strcpy(f.folder, phase_folder);
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_TEXT);
    model_init(model, &f, id, "ann", VALUE_TEXT, 17);
    for (int64_t i = 0; i < 80; i++) {
        model_write(model, i, i);
        (void)cold_write(&f, id, "bob", i, i);
        if (i % 10 == 9)
            (void)cold_flush(&f, id, false);
    }
    for (int64_t i = 0; i < 60; i += 7)
        model_write(model, i, i % 2 == 0 ? -1 : 1000 + i);
    (void)cold_write(&f, id, "bob", 100, 1);
    save_model(model);
    struct flush_options options = {.table = id, .job_id = STR_LIT("j")};
    assert_int_equal(compact_table(f.base.store, &options, &result, &err), STATUS_OK);
    model_check_all(model);
    model_check_counters(model);
    enum status status = ddl_drop_instance(f.base.store, id, STR_LIT("bob"), &dropped, &rows, &err);
    assert_true(status == STATUS_OK || rows == 0);
    model_check_all(model);
    test_free(model);
    cold_shut(&f);
}

static void phase_merged(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct instance_counters bob;

    strcpy(f.folder, phase_folder);
    cold_open(&f);
    load_model(model, &f);
    model_check_all(model);
    model_check_counters(model);
    bob = fixture_counters(&f.base, model->table, "bob");
    assert_true(bob.buffered_rows + (int64_t)bob.cold_rows == 81 ||
                bob.buffered_rows + (int64_t)bob.cold_rows == 0);
    for (int i = 0; i < 2; i++) {
        uint32_t segments = fixture_counters(&f.base, model->table, "ann").segments +
                            fixture_counters(&f.base, model->table, "bob").segments;
        for (int k = 0; k < 1000 && cold_file_count(&f) != (int)segments; k++)
            usleep(5000);
        assert_int_equal(cold_file_count(&f), segments);
        struct flush_options options = {.table = model->table, .job_id = STR_LIT("j")};
        struct flush_result result;
        struct error err;
        assert_int_equal(compact_table(f.base.store, &options, &result, &err), STATUS_OK);
        model_check_all(model);
        model_check_counters(model);
    }
    test_free(model);
    cold_shut(&f);
}

/* ---- driving them
 * --------------------------------------------------------------------------------- */

static int run_phase(const char *phase, const char *folder, const char *fault)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        if (fault[0] != '\0')
            (void)setenv("KALAM_FAULT", fault, 1);
        (void)execl("/proc/self/exe", "test_recovery", phase, folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void run_two(const char *first, const char *second, const char *fault, bool kills)
{
    char folder[64] = "/tmp/kalam_recovery_XXXXXX";

    print_message("%s\n", fault);
    assert_non_null(mkdtemp(folder));
    int status = run_phase(first, folder, fault);
    if (kills)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = run_phase(second, folder, "");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)nftw(folder, cold_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_both(const char *fault, bool kills)
{
    run_two("write", "check", fault, kills);
}

/* Pass 2 is the new segment of the second flush, pass 3 the rewritten one. */
static void test_recovery__killed_anywhere(void **state)
{
#ifdef KALAM_FAULTS
    run_both("flush_after_pending:kill:2", true);
    run_both("flush_after_pending:kill:3", true);
    run_both("flush_after_write:kill:2", true);
    run_both("flush_after_write:kill:3", true);
    run_both("flush_after_rename:kill:2", true);
    run_both("flush_after_rename:kill:3", true);
    run_both("flush_before_commit:kill:2", true);
    run_both("flush_before_commit:kill:3", true);
    run_both("flush_after_commit:kill:2", true);
    run_both("flush_after_commit:kill:3", true);
    run_both("flush_before_delete_replaced:kill:1", true);
#else
    skip();
#endif
}

static void test_recovery__failed_anywhere(void **state)
{
#ifdef KALAM_FAULTS
    run_both("flush_after_pending:error:2", false);
    run_both("flush_after_write:error:2", false);
    run_both("flush_after_write:error:3", false);
    run_both("flush_after_rename:error:3", false);
    run_both("flush_before_commit:error:2", false);
    run_both("flush_before_commit:error:3", false);
    run_both("flush_after_commit:error:2", false);
    run_both("flush_after_commit:error:3", false);
    run_both("flush_before_delete_replaced:error:1", false);
#else
    skip();
#endif
}

static void test_recovery__merging_and_removing(void **state)
{
#ifdef KALAM_FAULTS
    static const char *const points[] = {"compact_after_write", "compact_before_commit",
                                         "compact_after_commit", "user_drop_before_commit",
                                         "user_drop_after_commit"};
    char fault[64];

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        (void)snprintf(fault, sizeof(fault), "%s:kill:1", points[i]);
        run_two("merge", "merged", fault, true);
        (void)snprintf(fault, sizeof(fault), "%s:error:1", points[i]);
        run_two("merge", "merged", fault, false);
    }
#else
    skip();
#endif
}

/* A replaced file stays while an older view can still read it and goes when that view is released.
 */
static void test_recovery__replaced_files_wait_for_views(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    f.options.row_cache_bytes = 1; /* every read goes to the file */
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 17);
    for (int64_t i = 0; i < 50; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, true);
    struct view *old = view_acquire(f.base.store);
    model_write(model, 5, 999);
    (void)cold_flush(&f, id, true);
    assert_int_equal(cold_file_count(&f), 2);

    struct row_pin pin;
    struct row row;
    struct value value;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    struct scan_options options = {.view = old,
                                   .table = catalog_find_table_id(view_catalog(old), id),
                                   .user = STR_LIT("ann"),
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(row_get_by_key(f.base.store, &options, model_key(model, 5), &row, &pin, &err),
                     STATUS_OK);
    row_column(&row, 1, &arena, &value);
    assert_int_equal(value.integer, 5); /* the old moment */
    row_pin_release(f.base.store, &pin);
    arena_clear(&arena);
    view_release(old);
    int64_t until = clock_monotonic_ms() + 10000;
    while (cold_file_count(&f) != 1 && clock_monotonic_ms() < until)
        (void)sched_yield();
    assert_int_equal(cold_file_count(&f), 1);
    model_check_all(model);
    test_free(model);
    cold_close(&f);
}

/* Only what pending records name is deleted; a stranger's file stays. */
static void test_recovery__strange_files_stay(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    char path[160];

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 17);
    for (int64_t i = 0; i < 5; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, true);
    (void)snprintf(path, sizeof(path), "%s/storage/default/users/t/ann/mine.parquet", f.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    cold_reopen(&f);
    assert_int_equal(access(path, F_OK), 0);
    model_check_all(model);
    test_free(model);
    cold_close(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovery__killed_anywhere),
        cmocka_unit_test(test_recovery__failed_anywhere),
        cmocka_unit_test(test_recovery__merging_and_removing),
        cmocka_unit_test(test_recovery__replaced_files_wait_for_views),
        cmocka_unit_test(test_recovery__strange_files_stay),
    };
    const struct CMUnitTest halves[] = {
        {.name = "write", .test_func = phase_write},
        {.name = "check", .test_func = phase_check},
        {.name = "merge", .test_func = phase_merge},
        {.name = "merged", .test_func = phase_merged},
    };

    if (argc == 3) {
        phase_folder = argv[2];
        for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
            const struct CMUnitTest half[] = {halves[i]};
            if (strcmp(argv[1], half[0].name) == 0)
                return cmocka_run_group_tests_name(half[0].name, half, NULL, NULL);
        }
        return 127;
    }
    return cmocka_run_group_tests_name("store/recovery", tests, NULL, NULL);
}
