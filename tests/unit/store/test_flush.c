/* test_flush.c — flushing real rows to real Parquet files: nothing lost, nothing twice, whatever
 * happens between the view of a flush and its install.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "base/clock.h"
#include "base/thread.h"
#include "store/flush/flush_internal.h"
#include "store/path.h"

static void test_flush__moves_all_rows(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 1);
    for (int64_t i = 0; i < 100; i++)
        model_write(model, i, i);
    for (int64_t i = 0; i < 100; i += 10)
        model_write(model, i, -1);
    struct flush_result result = cold_flush(&f, id, true);
    assert_int_equal(result.rows, 100);
    assert_int_equal(result.users, 1);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.instances, 0); /* none compacted */
    assert_int_equal(result.rewritten_rows, 0);
    assert_true(result.bytes > 0);
    assert_string_equal(result.location, "default/users/t/ann/");
    assert_int_equal(cold_file_count(&f), 1);
    struct instance_counters counters = fixture_counters(&f.base, id, "ann");
    assert_int_equal(counters.buffered_rows, 0);
    assert_int_equal(counters.rows_since_flush, 0);
    assert_int_equal(counters.cold_rows, 100);
    assert_int_equal(counters.segments, 1);
    assert_true(counters.last_flush_us > 0);
    model_check_all(model);
    cold_reopen(&f);
    model_check_all(model);
    test_free(model);
    cold_close(&f);
}

/* last_flushed_at as the newest view has it; also what a flush must not change: the catalogue. */
static int64_t last_flushed(struct cold_fixture *f, struct table_id id, uint64_t *version,
                            const struct table **table)
{
    struct view *view = view_acquire(f->base.store);

    *version = catalog_version(view_catalog(view));
    *table = catalog_find_table_id(view_catalog(view), id);
    int64_t time = (*table)->last_flushed_at;
    view_release(view);
    return time;
}

static void test_flush__time_is_noted_in_the_row_alone(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    const struct table *table, *same;
    uint64_t version, same_version;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 1);
    (void)cold_flush(&f, id, true); /* of nothing */
    assert_int_equal(last_flushed(&f, id, &version, &table), 0);
    model_write(model, 1, 1);
    (void)cold_flush(&f, id, true);
    int64_t time = fixture_counters(&f.base, id, "ann").last_flush_us;
    assert_true(time > 0);
    assert_int_equal(last_flushed(&f, id, &same_version, &same), time);
    assert_int_equal(same_version, version);
    assert_ptr_equal(same, table);
    cold_reopen(&f);
    assert_int_equal(last_flushed(&f, id, &version, &table), time);
    model_check_all(model);
    test_free(model);
    cold_close(&f);
}

/* All rows of the instance, whose keys are 0, 1, 2, …, in order. */
static void check_all_rows(struct cold_fixture *f, struct view *view, struct table_id id,
                           int64_t rows, bool descending)
{
    struct arena arena;
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), id),
                                   .user = STR_LIT("ann"),
                                   .descending = descending,
                                   .seq_after = -1,
                                   .arena = &arena};
    struct scan *scan = NULL;
    struct value value;
    struct error err;
    struct row row;
    int64_t seen = 0;

    arena_init(&arena, 0);
    assert_int_equal(scan_open(f->base.store, &options, &scan, &err), STATUS_OK);
    for (; scan_next(scan, &row, &err) == STATUS_OK; seen++) {
        row_column(&row, 0, &arena, &value);
        assert_int_equal(value.integer, descending ? rows - 1 - seen : seen);
    }
    assert_int_equal(seen, rows);
    scan_close(scan);
    arena_clear(&arena);
}

/* A large instance with rows so wide that a row group of the usual number would be too large. */
static void test_flush__wide_rows_make_small_groups(void **state)
{
    enum { ROWS = FLUSH_SMALL_ROWS + 4, WIDE = 2200 };
    struct cold_fixture f = {.folder = "",
                             .options = {.row_group_rows = 4 * FLUSH_ROW_GROUP_STEP,
                                         .statement_write_bytes_max = 64 << 20}};
    struct row_op *ops = test_calloc(ROWS, sizeof(*ops));
    char *body = test_malloc(WIDE);
    struct segment_list *list = NULL;
    struct error err;
    struct write write;

    memset(body, 'w', WIDE);
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    write_begin(&write, &f.base, id);
    for (int i = 0; i < ROWS; i++) {
        write.request.op_count = 0;
        ops[i] = *write_insert(&write, "ann", i, i);
        ops[i].values[2] = value_text(VALUE_TEXT, str_from(body, WIDE));
    }
    write.request.ops = ops;
    write.request.op_count = ROWS;
    assert_int_equal(write_run(&write, &f.base), STATUS_OK);
    write_end(&write);
    assert_int_equal(cold_flush(&f, id, true).rows, ROWS);
    struct view *view = view_acquire(f.base.store);
    assert_int_equal(segment_list_load(f.base.store, view, id, STR_LIT("ann"), 0, &list, &err),
                     STATUS_OK);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->segments[0]->rows, ROWS);
    assert_int_equal(list->segments[0]->group_count, 3);
    assert_int_equal(list->segments[0]->groups[0].rows, FLUSH_ROW_GROUP_STEP);
    check_all_rows(&f, view, id, ROWS, false); /* from group to group, either way */
    check_all_rows(&f, view, id, ROWS, true);
    segment_list_unref(list);
    view_release(view);
    test_free(body);
    test_free(ops);
    cold_close(&f);
}

/* A small instance whose rows are too wide for one file is gone on with as a large one: where only
 * rows that hide cold ones are left then, there is no second file. */
static void test_flush__only_shadows_are_left_for_the_next_file(void **state)
{
    enum { WIDE = FLUSH_GROUP_BYTES / 4 + 1, WIDE_ROWS = 4 };
    struct cold_fixture f = {.folder = "", .options = {.statement_write_bytes_max = 64 << 20}};
    char *body = test_malloc(WIDE);
    struct error err;
    struct write write;

    memset(body, 'w', WIDE);
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f, id, "ann", 0, 1);
    (void)cold_flush(&f, id, false);
    write_begin(&write, &f.base, id);
    for (int i = 0; i < WIDE_ROWS; i++) {
        struct row_op *op = write_insert(&write, "ann", 1 + i, i);
        op->values[2] = value_text(VALUE_TEXT, str_from(body, WIDE));
    }
    assert_int_equal(commit_lookup_cold(f.base.store, &write.request, false, &err), STATUS_OK);
    assert_int_equal(write_run(&write, &f.base), STATUS_OK);
    write_end(&write);
    (void)cold_write(&f, id, "ann", 0, 2);
    struct flush_result result = cold_flush(&f, id, false);
    assert_int_equal(result.rows, WIDE_ROWS + 1);
    assert_int_equal(result.rewritten_rows, 1); /* it was all that was hot then */
    struct instance_counters counters = fixture_counters(&f.base, id, "ann");
    assert_int_equal(counters.buffered_rows, 0);
    assert_int_equal(counters.rows_since_flush, 0);
    assert_int_equal(counters.cold_rows, WIDE_ROWS + 1);
    assert_int_equal(counters.segments, 2);
    struct view *view = view_acquire(f.base.store);
    check_all_rows(&f, view, id, WIDE_ROWS + 1, false);
    view_release(view);
    test_free(body);
    cold_close(&f);
}

static void test_flush__nothing_buffered_completes(void **state)
{
    struct cold_fixture f = {.folder = ""};

    cold_open(&f);
    struct table_id user = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    struct table_id shared = cold_table(&f, TABLE_KIND_SHARED, "s", VALUE_BIGINT);
    assert_int_equal(cold_flush(&f, user, true).rows, 0);
    assert_int_equal(cold_flush(&f, shared, true).files, 0);
    assert_int_equal(cold_file_count(&f), 0);
    cold_close(&f);
}

static void test_flush__refuses_streams_and_unknown_tables(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct flush_options options = {.table = {999}};
    struct flush_result result;
    struct error err;

    cold_open(&f);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_TABLE_NOT_FOUND);
    options.table = cold_table(&f, TABLE_KIND_STREAM, "e", VALUE_BIGINT);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_INVALID_OPERATION);
    cold_close(&f);
}

/* One file per user; user1 and user12 stay apart (trap 4). */
static void test_flush__keeps_users_apart(void **state)
{
    static const char *const users[] = {"user1", "user12", "user2"};
    struct cold_fixture f = {.folder = ""};
    struct model *models = test_calloc(3, sizeof(*models));

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int u = 0; u < 3; u++) {
        model_init(&models[u], &f, id, users[u], VALUE_BIGINT, 5);
        for (int64_t i = 0; i < 20; i++)
            model_write(&models[u], i * 3 + u, i);
    }
    struct flush_options one = {.table = id, .user = STR_LIT("user1"), .job_id = STR_LIT("j")};
    struct flush_result result;
    struct error err;
    assert_int_equal(flush_table(f.base.store, &one, &result, &err), STATUS_OK);
    assert_int_equal(result.rows, 20);
    assert_int_equal(fixture_counters(&f.base, id, "user12").buffered_rows, 20);
    result = cold_flush(&f, id, false);
    assert_int_equal(result.users, 2);
    assert_int_equal(result.files, 2);
    for (int u = 0; u < 3; u++)
        model_check_all(&models[u]);
    test_free(models);
    cold_close(&f);
}

/* Trap 2: a cold row that is changed, deleted, revived and flushed again shows only its newest
 * version, and lies in one file only. */
static void test_flush__shadows_replace_cold_rows(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 3);
    for (int64_t i = 0; i < 60; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, true);
    model_write(model, 10, 1000);
    model_write(model, 20, -1);
    model_write(model, 30, -1);
    model_write(model, 30, 77);
    model_write(model, 100, 5);
    model_check_all(model);
    /* Without shadows only the new row moves. */
    struct flush_result result = cold_flush(&f, id, false);
    (void)result;
    model_check_all(model);
    model_check_counters(model);
    result = cold_flush(&f, id, true);
    struct instance_counters counters = fixture_counters(&f.base, id, "ann");
    assert_int_equal(counters.buffered_rows, 0);
    assert_int_equal(counters.cold_rows, 61); /* each key once */
    model_check_all(model);
    cold_reopen(&f);
    model_check_all(model);
    model_check_counters(model);
    assert_int_equal(cold_file_count(&f), counters.segments);
    test_free(model);
    cold_close(&f);
}

static void test_flush__few_shadows_stay_hot(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 3);
    for (int64_t i = 0; i < 100; i++)
        model_write(model, i, i);
    (void)cold_flush(&f, id, false);
    model_write(model, 10, 1000);
    for (int64_t i = 200; i < 220; i++)
        model_write(model, i, i);
    assert_int_equal(cold_flush(&f, id, false).rows, 20);
    struct instance_counters counters = fixture_counters(&f.base, id, "ann");
    assert_int_equal(counters.buffered_rows, 1);
    assert_int_equal(counters.rows_since_flush, 0); /* held back: does not trigger another */
    model_check_all(model);
    /* Many shadows are rewritten even by the row policy. */
    for (int64_t i = 0; i < 30; i++)
        model_write(model, i, 2000 + i);
    (void)cold_flush(&f, id, false);
    assert_int_equal(fixture_counters(&f.base, id, "ann").buffered_rows, 0);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_close(&f);
}

/* ---- writes between the view of a flush and its install
 * ------------------------------------------- */

struct during {
    struct model *model;
    int calls;
};

/* A writer that does not stop while the instance is flushed again and again. */
static void *during_main(void *argument)
{
    struct during *during = argument;

    for (int round = 0; round < 200; round++) {
        int64_t index = (int64_t)model_random(during->model, 400);
        model_write(during->model, index,
                    model_random(during->model, 5) == 0 ? -1 : 100000 + round);
        during->calls++;
    }
    return NULL;
}

/* Traps 1 and 9: rows written while a flush runs stay, and the counters stay exact. */
static void test_flush__writes_meanwhile_stay(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    pthread_t thread;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_TEXT);
    model_init(model, &f, id, "", VALUE_TEXT, 9);
    for (int64_t i = 0; i < 300; i++)
        model_write(model, i, i);
    struct during during = {.model = model};
    assert_int_equal(pthread_create(&thread, NULL, during_main, &during), 0);
    for (int i = 0; i < 30; i++)
        (void)cold_flush(&f, id, i % 3 == 0);
    (void)pthread_join(thread, NULL);
    model_check_all(model);
    model_check_counters(model);
    (void)cold_flush(&f, id, true);
    model_check_all(model);
    model_check_counters(model);
    cold_reopen(&f);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_close(&f);
}

/* ---- trap 1 step by step
 * -------------------------------------------------------------------------- */

struct stepwise {
    struct cold_fixture *f;
    struct model *model; /* of a user's instance */
    struct view *view;
    struct scan *scan;
    struct arena arena;
    struct flush_file file;
    int64_t buffered;
};

static enum status stepwise_next(void *context, struct row *row, bool *from_hot, struct error *err)
{
    struct stepwise *steps = context;

    *from_hot = true;
    return scan_next(steps->scan, row, err);
}

/* Writes the file of what is hot now. */
static void stepwise_begin(struct stepwise *steps)
{
    struct cold_fixture *f = steps->f;
    struct error err;
    bool made = false;

    steps->view = view_acquire(f->base.store);
    steps->buffered =
        fixture_counters(&f->base, steps->model->table, steps->model->user).buffered_rows;
    arena_init(&steps->arena, 0);
    struct scan_options options = {
        .view = steps->view,
        .table = catalog_find_table_id(view_catalog(steps->view), steps->model->table),
        .user = str_from_c(steps->model->user),
        .descending = true,
        .with_deleted = true,
        .hot_only = true,
        .seq_after = -1,
        .arena = &steps->arena};
    assert_int_equal(scan_open(f->base.store, &options, &steps->scan, &err), STATUS_OK);
    steps->file = (struct flush_file){.store = f->base.store,
                                      .view = steps->view,
                                      .table = options.table,
                                      .place = options.table,
                                      .user = options.user,
                                      .job_id = STR_LIT("j"),
                                      .next = stepwise_next,
                                      .context = steps,
                                      .rows_max = 1000,
                                      .bytes_max = 1 << 20,
                                      .group_rows = 2048};
    assert_int_equal(flush_file_write(&steps->file, &made, &err), STATUS_OK);
    assert_true(made);
}

/* Returns the number of rows that left hot. */
static int64_t stepwise_install(struct stepwise *steps)
{
    struct flush_install install = {.table = steps->model->table,
                                    .user = str_from_c(steps->model->user),
                                    .file = &steps->file,
                                    .last = true,
                                    .buffered_at_view = steps->buffered},
                         *only = &install;
    int64_t position = 0;
    struct error err;

    assert_int_equal(flush_install(steps->f->base.store, &only, 1, &position, &err), STATUS_OK);
    assert_true(position > 0);
    flush_file_clear(&steps->file);
    scan_close(steps->scan);
    arena_clear(&steps->arena);
    view_release(steps->view);
    return install.dropped;
}

/* The file is written from a view; then rows of it are changed, deleted and joined by new ones
 * within its range; then it is installed. */
static void test_flush__changes_between_view_and_install_stay_hot(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct stepwise steps = {.f = &f, .model = model};

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 9);
    for (int64_t i = 0; i < 40; i += 2)
        model_write(model, i, i);
    stepwise_begin(&steps);
    model_write(model, 10, 999); /* in the file */
    model_write(model, 20, -1);  /* in the file */
    model_write(model, 11, 11);  /* new, inside the range */
    model_write(model, 50, 50);  /* new, outside */
    model_check_all(model);
    assert_int_equal(stepwise_install(&steps), 18);
    model_check_all(model);
    model_check_counters(model);
    struct instance_counters counters = fixture_counters(&f.base, id, "ann");
    assert_int_equal(counters.buffered_rows, 4);    /* 10, 20, 11, 50 */
    assert_int_equal(counters.rows_since_flush, 2); /* trap 9: 11 and 50 */
    cold_reopen(&f);
    model_check_all(model);
    /* The two changed rows are shadows now: flushed again, they replace the cold ones. */
    (void)cold_flush(&f, id, true);
    model_check_all(model);
    model_check_counters(model);
    assert_int_equal(fixture_counters(&f.base, id, "ann").cold_rows, 22);
    test_free(model);
    cold_close(&f);
}

/* Long and short runs of rows that go, and that stay, in any order. */
static void test_flush__random_changes_between_view_and_install(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));

    cold_open(&f);
    for (unsigned seed = 1; seed <= 2; seed++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "t%u", seed);
        enum value_type key = seed % 2 == 0 ? VALUE_TEXT : VALUE_BIGINT;
        struct stepwise steps = {.f = &f, .model = model};
        struct table_id id = cold_table(&f, TABLE_KIND_USER, name, key);
        model_init(model, &f, id, "ann", key, seed);
        for (int64_t from = 0, end; from < MODEL_KEYS; from = end) {
            end = from + 1 + (int64_t)model_random(model, 40);
            for (int64_t i = from; i < end && i < MODEL_KEYS && from % 2 == 0; i++)
                model_write(model, i, i);
        }
        stepwise_begin(&steps);
        for (uint64_t i = 0; i < 20 * seed; i++)
            model_write(model, (int64_t)model_random(model, MODEL_KEYS), 5000 + (int64_t)i);
        int64_t buffered = fixture_counters(&f.base, id, "ann").buffered_rows;
        int64_t dropped = stepwise_install(&steps);
        assert_int_equal(fixture_counters(&f.base, id, "ann").buffered_rows, buffered - dropped);
        model_check_all(model);
        model_check_counters(model);
        (void)cold_flush(&f, id, true);
        model_check_all(model);
        model_check_counters(model);
    }
    test_free(model);
    cold_close(&f);
}

/* Writers wait for an install, so its work must not follow from what is hot beside the file. */
static void test_flush__install_writes_no_row_that_stays(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct stepwise steps = {.f = &f, .model = model};
    struct kv_stats before, after;
    enum { ROWS = 150 };

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    model_init(model, &f, id, "ann", VALUE_BIGINT, 9);
    model_write(model, 0, 1);
    model_write(model, ROWS, 1);
    stepwise_begin(&steps);
    for (int64_t i = 1; i < ROWS; i++)
        model_write(model, i, i);
    kv_stats(f.kv, &before);
    assert_int_equal(stepwise_install(&steps), 2);
    kv_stats(f.kv, &after);
    assert_in_range(after.wal_bytes - before.wal_bytes, 1, 20 * ROWS);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    cold_close(&f);
}

/* ---- many users -----------------------------------------------------------------------------
 */

enum { MANY_USERS = 300, MANY_KEYS = 4 };

struct many {
    struct cold_fixture *f;
    struct table_id id;
    int64_t n[MANY_USERS][MANY_KEYS]; /* what the rows must show; -1 = deleted */
    atomic_bool stop;
    unsigned batches;
};

static const char *many_user(int user, char name[16])
{
    (void)snprintf(name, 16, "u%03d", user);
    return name;
}

static void many_write(struct many *many, int user, int key, int64_t n)
{
    char name[16];

    (void)cold_write(many->f, many->id, many_user(user, name), key, n);
    many->n[user][key] = n;
}

static struct many *many_open(struct cold_fixture *f, int users)
{
    struct many *many = test_calloc(1, sizeof(*many));

    cold_open(f);
    many->f = f;
    many->id = cold_table(f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int user = 0; user < MANY_USERS; user++)
        for (int key = 0; key < MANY_KEYS; key++)
            many->n[user][key] = -1;
    for (int user = 0; user < users; user++)
        for (int key = 0; key < 2; key++)
            many_write(many, user, key, user);
    return many;
}

/* All rows of one user. */
static struct scan_options many_scan_options(const struct many *many, const struct view *view,
                                             const char *user, struct arena *arena)
{
    return (struct scan_options){.view = view,
                                 .table = catalog_find_table_id(view_catalog(view), many->id),
                                 .user = str_from_c(user),
                                 .seq_after = -1,
                                 .arena = arena};
}

static void many_check_user(struct many *many, const struct view *view, int user)
{
    struct scan *scan = NULL;
    struct arena arena;
    struct error err;
    struct row row;
    char name[16];
    int64_t found[MANY_KEYS] = {-1, -1, -1, -1};

    arena_init(&arena, 0);
    struct scan_options options = many_scan_options(many, view, many_user(user, name), &arena);
    assert_int_equal(scan_open(many->f->base.store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &row, &err) == STATUS_OK) {
        struct value key, n;
        row_column(&row, 0, &arena, &key);
        row_column(&row, 1, &arena, &n);
        assert_int_equal(found[key.integer], -1);
        found[key.integer] = n.integer;
    }
    for (int key = 0; key < MANY_KEYS; key++)
        assert_int_equal(found[key], many->n[user][key]);
    scan_close(scan);
    arena_clear(&arena);
}

/* Rows as written, counters as the rows, a file for every segment. */
static void many_check(struct many *many)
{
    struct view *view = view_acquire(many->f->base.store);
    uint32_t segments = 0;
    char name[16];

    for (int user = 0; user < MANY_USERS; user++) {
        many_check_user(many, view, user);
        segments += fixture_counters(&many->f->base, many->id, many_user(user, name)).segments;
    }
    view_release(view);
    view_wait_released(many->f->base.store, view_oldest_position(many->f->base.store), 1000);
    for (int i = 0; i < 1000 && cold_file_count(many->f) != (int)segments; i++)
        usleep(5000); /* replaced files go when their last reader is gone */
    assert_int_equal(cold_file_count(many->f), segments);
}

static void many_close(struct many *many)
{
    struct cold_fixture *f = many->f;

    test_free(many);
    cold_close(f);
}

static void many_changes(void *context, uint64_t users, uint64_t rows, uint64_t bytes)
{
    struct many *many = context;

    if (many->batches++ > 0)
        return;
    assert_true(users < MANY_USERS && rows == 2 * users && bytes > 0);
    many_write(many, 0, 0, 4242);              /* flushed already: hides a cold row */
    many_write(many, MANY_USERS - 1, 1, 4242); /* its batch comes yet, with a view of its own */
}

static void test_flush__change_before_its_own_view_is_flushed(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct many *many = many_open(&f, MANY_USERS);
    struct flush_result result;
    struct error err;

    struct flush_options options = {.table = many->id,
                                    .all_users = true,
                                    .job_id = STR_LIT("j"),
                                    .progress = many_changes,
                                    .progress_context = many};
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(many->batches, 2);
    assert_int_equal(result.rows, 2 * MANY_USERS);
    assert_int_equal(result.users, MANY_USERS);
    assert_int_equal(result.files, MANY_USERS);
    assert_int_equal(result.segments_max, 1);
    assert_int_equal(fixture_counters(&f.base, many->id, "u299").buffered_rows, 0);
    assert_int_equal(fixture_counters(&f.base, many->id, "u000").buffered_rows, 1);
    many_check(many);
    cold_reopen(&f);
    many_check(many);
    many_close(many);
}

static void *many_writer(void *argument)
{
    struct many *many = argument;
    uint64_t random = 88172645463325252u;

    while (!atomic_load(&many->stop)) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int user = (int)(random % 40), key = (int)(random / 64 % MANY_KEYS);
        bool deletes = random / 1024 % 4 == 0 && many->n[user][key] >= 0;
        many_write(many, user, key, deletes ? -1 : (int64_t)(random / 4096 % 100000));
    }
    return NULL;
}

/* Batches of settled rows and of rewritten segments while their users write. */
static void test_flush__many_users_while_they_write(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct many *many = many_open(&f, 40);
    pthread_t writer;

    thread_start(&writer, "writer", 0, many_writer, many);
    for (int i = 0; i < 12; i++)
        (void)cold_flush(&f, many->id, i % 3 == 2);
    atomic_store(&many->stop, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    many_check(many);
    (void)cold_flush(&f, many->id, true);
    for (int user = 0; user < 40; user++) {
        char name[16];
        struct instance_counters counters =
            fixture_counters(&f.base, many->id, many_user(user, name));
        assert_int_equal(counters.buffered_rows, 0);
        assert_true(counters.cold_rows <= MANY_KEYS); /* COLD_UNIQUE */
    }
    many_check(many);
    cold_reopen(&f);
    many_check(many);
    many_close(many);
}

/* A user whose file cannot be made keeps its rows, the others are flushed. */
static void test_flush__one_user_fails(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct many *many = many_open(&f, 5);
    struct flush_options options = {.table = many->id, .all_users = true, .job_id = STR_LIT("j")};
    struct flush_result result;
    struct error err;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/storage/default", f.folder);
    assert_int_equal(file_make_folders(path, &err), STATUS_OK);
    (void)snprintf(path, sizeof(path), "%s/storage/default/users/t", f.folder);
    assert_int_equal(file_make_folders(path, &err), STATUS_OK);
    (void)snprintf(path, sizeof(path), "%s/storage/default/users/t/u002", f.folder);
    assert_int_equal(file_write_all(path, STR_LIT("in the way"), 0600, &err), STATUS_OK);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(result.users_failed, 1);
    assert_int_equal(result.users, 4);
    assert_int_equal(result.rows, 8);
    assert_non_null(strstr(result.first_error.message, "u002"));
    assert_int_equal(fixture_counters(&f.base, many->id, "u002").buffered_rows, 2);
    assert_int_equal(fixture_counters(&f.base, many->id, "u003").buffered_rows, 0);
    assert_int_equal(unlink(path), 0);
    many_check(many);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(result.rows, 2);
    many_check(many);
    many_close(many);
}

/* Rows that reading misses are neither moved nor removed. */
static void test_flush__fewer_rows_than_counted(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct many *many = many_open(&f, 5);
    struct flush_options options = {.table = many->id, .all_users = true, .job_id = STR_LIT("j")};
    struct flush_result result;
    struct error err;
    struct kv_value kept;
    struct view *view = view_acquire(f.base.store);
    struct kv_space *rows = catalog_find_table_id(view_catalog(view), many->id)->rows;
    struct kv_batch *batch = kv_batch_new(f.kv);
    const struct str key = STR_LIT("u002:\x80\0\0\0\0\0\0\1");

    view_release(view);
    assert_int_equal(kv_get(f.kv, rows, NULL, key, 0, &kept, &err), STATUS_OK);
    kv_batch_delete(batch, rows, key);
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    /* In the file, but not met when it is installed; the others share its batch. */
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(result.users_failed, 5);
    assert_int_equal(cold_file_count(&f), 0);
    /* Not met at a newer view. */
    many_write(many, 4, 2, 9);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(result.users_failed, 1);
    assert_int_equal(result.users, 4);
    assert_non_null(strstr(result.first_error.message, "1 hot rows were found where 2 are"));
    assert_int_equal(fixture_counters(&f.base, many->id, "u002").buffered_rows, 2);
    assert_int_equal(fixture_counters(&f.base, many->id, "u002").segments, 0);
    kv_batch_reset(batch);
    kv_batch_put(batch, rows, key, kept.bytes);
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    many_write(many, 4, 3, 9);
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_OK);
    assert_int_equal(result.rows, 3);
    many_check(many);
    kv_value_release(f.kv, &kept);
    kv_batch_free(batch);
    many_close(many);
}

/* Status at the end of a scan of one user's rows. */
static enum status many_scan(struct many *many, int user, bool cached_only)
{
    struct view *view = view_acquire(many->f->base.store);
    struct scan *scan = NULL;
    struct arena arena;
    struct error err;
    struct row row;
    char name[16];

    arena_init(&arena, 0);
    struct scan_options options = many_scan_options(many, view, many_user(user, name), &arena);
    options.cached_only = cached_only;
    enum status status = scan_open(many->f->base.store, &options, &scan, &err);
    while (status == STATUS_OK)
        status = scan_next(scan, &row, &err);
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
    return status;
}

/* Nor are they passed over in silence: a scan that meets fewer hot rows than are counted fails. */
static void scan_of_fewer_rows_than_counted(bool flushed)
{
    struct cold_fixture f = {.folder = ""};
    struct many *many = many_open(&f, 3);
    struct error err;
    struct kv_value kept;
    struct view *view = view_acquire(f.base.store);
    struct kv_space *rows = catalog_find_table_id(view_catalog(view), many->id)->rows;
    struct kv_batch *batch = kv_batch_new(f.kv);
    const struct str key = STR_LIT("u002:\x80\0\0\0\0\0\0\2");

    view_release(view);
    if (flushed)
        (void)cold_flush(&f, many->id, false);
    many_write(many, 2, 2, 5);
    many_write(many, 2, 3, 6);
    assert_int_equal(many_scan(many, 2, true), STATUS_END);
    assert_int_equal(kv_get(f.kv, rows, NULL, key, 0, &kept, &err), STATUS_OK);
    kv_batch_delete(batch, rows, key);
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    many_write(many, 1, 2, 5); /* a view that shows it */
    assert_int_equal(many_scan(many, 2, false), STATUS_INTERNAL_ERROR);
    assert_int_equal(many_scan(many, 2, true), STATUS_WOULD_BLOCK);
    kv_batch_reset(batch);
    kv_batch_put(batch, rows, key, kept.bytes);
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    many_write(many, 1, 3, 5);
    many_check(many);
    kv_value_release(f.kv, &kept);
    kv_batch_free(batch);
    many_close(many);
}

static void test_flush__scan_of_fewer_rows_than_counted(void **state)
{
    scan_of_fewer_rows_than_counted(true);
    scan_of_fewer_rows_than_counted(false);
}

static void test_flush__cancelled_keeps_rows_hot(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    struct flush_result result;
    struct error err;
    atomic_bool cancelled;

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    model_init(model, &f, id, "", VALUE_BIGINT, 9);
    for (int64_t i = 0; i < 10; i++)
        model_write(model, i, i);
    atomic_init(&cancelled, true);
    struct flush_options options = {.table = id, .job_id = STR_LIT("j"), .cancelled = &cancelled};
    assert_int_equal(flush_table(f.base.store, &options, &result, &err), STATUS_CANCELLED);
    assert_int_equal(fixture_counters(&f.base, id, "").buffered_rows, 10);
    assert_int_equal(cold_file_count(&f), 0);
    model_check_all(model);
    test_free(model);
    cold_close(&f);
}

/* ---- random histories
 * ----------------------------------------------------------------------------- */

static void random_history(enum table_kind kind, enum value_type key_type, uint64_t seed)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model));
    const char *user = kind == TABLE_KIND_USER ? "ann" : "";

    print_message("seed %llu\n", (unsigned long long)seed);
    f.options.row_cache_bytes = seed % 2 == 0 ? 1 : 64 << 20; /* every read from the file, or few */
    cold_open(&f);
    struct table_id id = cold_table(&f, kind, "t", key_type);
    model_init(model, &f, id, user, key_type, seed);
    for (int step = 0; step < 250; step++) {
        uint64_t dice = model_random(model, 100);
        int64_t index = (int64_t)model_random(model, MODEL_KEYS);
        if (dice < 60)
            model_write(model, index, (int64_t)model_random(model, 1000000));
        else if (dice < 90)
            model_write(model, index, -1);
        else if (dice < 94)
            (void)cold_flush(&f, id, false);
        else if (dice < 97)
            (void)cold_flush(&f, id, true);
        else
            model_check_all(model);
    }
    model_check_all(model);
    model_check_counters(model);
    cold_reopen(&f);
    model_check_all(model);
    model_check_counters(model);
    assert_int_equal(cold_file_count(&f), fixture_counters(&f.base, id, user).segments);
    test_free(model);
    cold_close(&f);
}

static void test_flush__random_histories_user(void **state)
{
    uint64_t seed = (uint64_t)clock_now_us();

    random_history(TABLE_KIND_USER, VALUE_BIGINT, 1);
    random_history(TABLE_KIND_USER, VALUE_TEXT, 2);
    random_history(TABLE_KIND_USER, VALUE_BIGINT, seed);
}

static void test_flush__random_histories_shared(void **state)
{
    uint64_t seed = (uint64_t)clock_now_us();

    random_history(TABLE_KIND_SHARED, VALUE_TEXT, 3);
    random_history(TABLE_KIND_SHARED, VALUE_BIGINT, 4);
    random_history(TABLE_KIND_SHARED, VALUE_TEXT, seed + 1);
}

/* With shadows as asked, however few they are; without, from a share or a number on. */
static void test_flush__when_shadows_are_rewritten(void **state)
{
    struct flush_options options = {.with_shadows = true};
    struct flush_run run = {.options = &options, .shadows = 1, .buffered_at_view = 100000};

    assert_true(flush_wants_rewrite(&run));
    options.with_shadows = false;
    assert_false(flush_wants_rewrite(&run));
    run.shadows = 24999;
    assert_true(flush_wants_rewrite(&run));
    run.shadows = 9999;
    assert_false(flush_wants_rewrite(&run));
    run.buffered_at_view = 4 * run.shadows;
    assert_true(flush_wants_rewrite(&run));
    run.failed = true;
    assert_false(flush_wants_rewrite(&run));
}

/* A name that a file waiting for its deletion has is not given once more, although its record is
 * not in memory. */
static void test_flush__reads_records_from_the_disk(void **state)
{
    struct cold_fixture f = {.folder = ""};
    int64_t now_us = clock_now_us() + 3600 * INT64_C(1000000); /* time never goes back */
    struct segment_list *list = NULL;
    struct error err;
    struct buf taken;

    cold_open(&f);
    clock_fake(now_us);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f, id, "ann", i, i);
    buf_init(&taken);
    buf_append_str(&taken, STR_LIT("default/users/t/ann/"));
    path_file_name(now_us, 0, &taken);
    struct kv_batch *batch = kv_batch_new(f.kv);
    pending_put(batch, f.base.store, buf_str(&taken), PENDING_DELETE, id);
    assert_int_equal(kv_write(f.kv, batch, KV_SYNC, &err), STATUS_OK);
    kv_batch_free(batch);
    kv_compact(f.kv, f.base.store->spaces.pending, STR_EMPTY, STR_EMPTY);
    assert_int_equal(cold_flush(&f, id, true).rows, 10);
    struct view *view = view_acquire(f.base.store);
    assert_int_equal(segment_list_load(f.base.store, view, id, STR_LIT("ann"), 0, &list, &err),
                     STATUS_OK);
    assert_int_equal(list->count, 1);
    assert_false(str_equal(list->segments[0]->path, buf_str(&taken)));
    segment_list_unref(list);
    view_release(view);
    clock_fake(-1);
    buf_clear(&taken);
    cold_close(&f);
}

static enum status look_up(struct cold_fixture *f, struct table_id id, int64_t key, bool *cold)
{
    struct write write;
    struct error err;

    write_begin(&write, &f->base, id);
    struct row_op *op = write_op(&write, ROW_OP_CHANGE, "ann", key);
    enum status status = commit_lookup_cold(f->base.store, &write.request, false, &err);
    *cold = op->cold_known && op->cold_bytes.size > 0;
    assert_true(*cold || !op->cold_known);
    write_end(&write);
    return status;
}

/* Whether a row is hot cannot be told: the write is refused, not based on what the file holds. */
static void test_flush__write_that_cannot_read_hot_rows(void **state)
{
    struct cold_fixture f = {.folder = ""};
    char rocks[128];
    bool cold;

    cold_open(&f);
    (void)snprintf(rocks, sizeof(rocks), "%s/rocksdb", f.folder);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f, id, "ann", i, i);
    (void)cold_flush(&f, id, true);
    (void)cold_write(&f, id, "ann", 5, 50); /* hot now: its cold version does not count */
    struct view *view = view_acquire(f.base.store);
    kv_compact(f.kv, catalog_find_table_id(view_catalog(view), id)->rows, STR_EMPTY, STR_EMPTY);
    view_release(view);
    cold_flip_newest(rocks);
    assert_int_equal(look_up(&f, id, 5, &cold), STATUS_INTERNAL_ERROR);
    assert_false(cold);
    cold_flip_newest(rocks);
    assert_int_equal(look_up(&f, id, 5, &cold), STATUS_OK);
    assert_false(cold);
    assert_int_equal(look_up(&f, id, 6, &cold), STATUS_OK);
    assert_true(cold);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush__moves_all_rows),
        cmocka_unit_test(test_flush__time_is_noted_in_the_row_alone),
        cmocka_unit_test(test_flush__wide_rows_make_small_groups),
        cmocka_unit_test(test_flush__only_shadows_are_left_for_the_next_file),
        cmocka_unit_test(test_flush__nothing_buffered_completes),
        cmocka_unit_test(test_flush__refuses_streams_and_unknown_tables),
        cmocka_unit_test(test_flush__keeps_users_apart),
        cmocka_unit_test(test_flush__shadows_replace_cold_rows),
        cmocka_unit_test(test_flush__few_shadows_stay_hot),
        cmocka_unit_test(test_flush__writes_meanwhile_stay),
        cmocka_unit_test(test_flush__changes_between_view_and_install_stay_hot),
        cmocka_unit_test(test_flush__random_changes_between_view_and_install),
        cmocka_unit_test(test_flush__install_writes_no_row_that_stays),
        cmocka_unit_test(test_flush__change_before_its_own_view_is_flushed),
        cmocka_unit_test(test_flush__many_users_while_they_write),
        cmocka_unit_test(test_flush__one_user_fails),
        cmocka_unit_test(test_flush__fewer_rows_than_counted),
        cmocka_unit_test(test_flush__scan_of_fewer_rows_than_counted),
        cmocka_unit_test(test_flush__cancelled_keeps_rows_hot),
        cmocka_unit_test(test_flush__random_histories_user),
        cmocka_unit_test(test_flush__random_histories_shared),
        cmocka_unit_test(test_flush__write_that_cannot_read_hot_rows),
        cmocka_unit_test(test_flush__when_shadows_are_rewritten),
        cmocka_unit_test(test_flush__reads_records_from_the_disk),
    };
    return cmocka_run_group_tests_name("store/flush", tests, NULL, NULL);
}
