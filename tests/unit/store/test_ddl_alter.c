/* test_ddl_alter.c — ALTER against rows: the three looks at what is there, the lock of one table,
 * versions shared by all states of a table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/store_internal.h"

/* Wants every `n` to be positive. */
struct demand {
    struct fixture *f;
    struct table_id id;
    int64_t seen, builds;
    int64_t late;      /* n of the row written right before the commit; 0 = none */
    int64_t late_rows; /* so many of them */
    int64_t next_key;
    bool check;
};

static enum status demand_build(void *context, const struct table *table, struct table **next,
                                struct error *err)
{
    struct demand *demand = context;

    demand->builds++;
    *next = table_copy(table, true);
    (*next)->schemas[(*next)->schema_count - 1]->columns[1].not_null = true;
    return STATUS_OK;
}

static bool demand_needs_check(void *context)
{
    return ((struct demand *)context)->check;
}

static enum status demand_row(void *context, const struct row *row, struct arena *scratch,
                              struct error *err)
{
    struct demand *demand = context;
    struct value value;

    demand->seen++;
    row_column(row, 1, scratch, &value);
    if (value.integer <= 0)
        return error_set(err, STATUS_INVALID_SCHEMA_EVOLUTION, "n is %lld",
                         (long long)value.integer);
    return STATUS_OK;
}

/* Under the catalogue lock: a write that no view of the check could have shown. */
static enum status demand_before_commit(void *context, const struct table *table, struct error *err)
{
    struct demand *demand = context;

    for (int64_t i = 0; i < demand->late_rows; i++)
        fixture_insert(demand->f, demand->id, "late", demand->next_key++, demand->late);
    return STATUS_OK;
}

static struct ddl_alter demand_alter(struct demand *demand)
{
    return (struct ddl_alter){
        .table = demand->id,
        .build = demand_build,
        .needs_check = demand_needs_check,
        .check_row = demand_row,
        .before_commit = demand_before_commit,
        .context = demand,
    };
}

static uint32_t version_of(struct fixture *f, struct table_id id)
{
    struct view *view = view_acquire(f->store);
    uint32_t version = catalog_find_table_id(view_catalog(view), id)->schema->version;

    view_release(view);
    return version;
}

static void alter__looks_at_rows_of_all_users(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct demand demand = {
        .f = &f, .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")), .check = true};
    struct ddl_alter alter = demand_alter(&demand);
    fixture_insert(&f, demand.id, "ann", 1, 1);
    fixture_insert(&f, demand.id, "bob", 1, 2);
    fixture_insert(&f, demand.id, "bob", 2, 3);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    assert_true(demand.seen >= 3);
    assert_int_equal(version_of(&f, demand.id), 2);
    fixture_insert(&f, demand.id, "cid", 1, -1);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_INVALID_SCHEMA_EVOLUTION);
    assert_string_equal(err.message, "n is -1");
    assert_int_equal(version_of(&f, demand.id), 2);
    demand.check = false;
    demand.seen = 0;
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    assert_int_equal(demand.seen, 0);
    fixture_close(&f);
}

static void alter__sees_what_comes_right_before_the_commit(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct demand demand = {.f = &f,
                            .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")),
                            .check = true,
                            .late = -5,
                            .late_rows = 1};
    struct ddl_alter alter = demand_alter(&demand);
    fixture_insert(&f, demand.id, "ann", 1, 1);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_INVALID_SCHEMA_EVOLUTION);
    assert_string_equal(err.message, "n is -5");
    assert_int_equal(version_of(&f, demand.id), 1);
    assert_int_equal(fixture_n(&f, demand.id, "late", 0), -5); /* the write itself stays */
    struct demand fine = {.f = &f,
                          .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "u")),
                          .check = true,
                          .late = 5,
                          .late_rows = 3};
    struct ddl_alter other = demand_alter(&fine);
    assert_int_equal(ddl_alter_table(f.store, &other, &err), STATUS_OK);
    assert_int_equal(fine.seen, 3);
    assert_int_equal(version_of(&f, fine.id), 2);
    fixture_close(&f);
}

/* Prepared before, committed after: prepared again under the new rules. */
static void alter__makes_earlier_writes_stale(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct error err;

    fixture_open(&f);
    struct demand demand = {
        .f = &f, .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")), .check = true};
    struct ddl_alter alter = demand_alter(&demand);
    write_begin(&write, &f, demand.id);
    write_insert(&write, "ann", 1, -1);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    assert_int_equal(write_run(&write, &f), STATUS_STALE);
    write_end(&write);
    assert_int_equal(fixture_n(&f, demand.id, "ann", 1), -1); /* -1: there is none */
    assert_int_equal(fixture_counters(&f, demand.id, "ann").buffered_rows, 0);
    fixture_close(&f);
}

/* The feed is small: what was lost is looked at again, but not for ever. */
static void alter__starts_anew_when_the_feed_lost_changes(void **state)
{
    struct fixture f = {.options.feed_bytes = 4096};
    struct error err;

    fixture_open(&f);
    struct demand demand = {.f = &f,
                            .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")),
                            .check = true,
                            .late = 5,
                            .late_rows = 200};
    struct ddl_alter alter = demand_alter(&demand);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_STALE);
    assert_int_equal(version_of(&f, demand.id), 1);
    assert_true(demand.builds >= 4);
    demand.late_rows = 0;
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    fixture_close(&f);
}

enum { QUEUE_THREADS = 4, QUEUE_ALTERS = 25 };

static void *alter_often(void *context)
{
    struct demand demand = *(struct demand *)context;
    struct ddl_alter alter = demand_alter(&demand);
    struct error err;

    for (int i = 0; i < QUEUE_ALTERS; i++)
        if (ddl_alter_table(demand.f->store, &alter, &err) != STATUS_OK)
            return strdup(err.message);
    return NULL;
}

static void alter__of_one_table_queues_up(void **state)
{
    struct fixture f = {0};
    pthread_t threads[QUEUE_THREADS];
    void *failed;

    fixture_open(&f);
    struct demand demand = {
        .f = &f, .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")), .check = true};
    fixture_insert(&f, demand.id, "ann", 1, 1);
    for (int i = 0; i < QUEUE_THREADS; i++)
        pthread_create(&threads[i], NULL, alter_often, &demand);
    for (int i = 0; i < QUEUE_THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(version_of(&f, demand.id), 1 + QUEUE_THREADS * QUEUE_ALTERS);
    fixture_reopen(&f);
    assert_int_equal(version_of(&f, demand.id), 1 + QUEUE_THREADS * QUEUE_ALTERS);
    assert_int_equal(fixture_n(&f, demand.id, "ann", 1), 1);
    fixture_close(&f);
}

static void alter__can_be_cancelled(void **state)
{
    struct fixture f = {0};
    struct error err;
    atomic_bool cancelled;

    fixture_open(&f);
    atomic_init(&cancelled, true);
    struct demand demand = {
        .f = &f, .id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t")), .check = true};
    struct ddl_alter alter = demand_alter(&demand);
    alter.cancelled = &cancelled;
    fixture_insert(&f, demand.id, "ann", 1, 1);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_CANCELLED);
    assert_int_equal(version_of(&f, demand.id), 1);
    atomic_store(&cancelled, false);
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    fixture_close(&f);
}

static enum status nothing_to_change(void *context, const struct table *table, struct table **next,
                                     struct error *err)
{
    *next = NULL;
    return STATUS_OK;
}

static void alter__without_a_change_commits_nothing(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    struct view *before = view_acquire(f.store);
    struct ddl_alter alter = {.table = id, .build = nothing_to_change};
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    struct view *after = view_acquire(f.store);
    assert_int_equal(view_position(before), view_position(after));
    view_release(before);
    view_release(after);
    alter.table.value = 9999;
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_TABLE_NOT_FOUND);
    alter.table.value = 1;
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_INVALID_OPERATION);
    fixture_close(&f);
}

static enum status other_ttl(void *context, const struct table *table, struct table **next,
                             struct error *err)
{
    *next = table_copy(table, false);
    (*next)->ttl_seconds = 77;
    return STATUS_OK;
}

static void alter__of_an_option_keeps_the_version(void **state)
{
    struct fixture f = {0};
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_STREAM, "t"));
    struct view *before = view_acquire(f.store);
    int64_t created = catalog_find_table_id(view_catalog(before), id)->schema->created_at;
    struct ddl_alter alter = {.table = id, .build = other_ttl, .now_us = created + 5000000};
    assert_int_equal(ddl_alter_table(f.store, &alter, &err), STATUS_OK);
    struct view *after = view_acquire(f.store);
    const struct table *table = catalog_find_table_id(view_catalog(after), id);
    assert_int_equal(table->ttl_seconds, 77);
    assert_int_equal(table->schema->version, 1);
    assert_int_equal(table->schema->created_at,
                     created); /* that of the version, not of the table */
    assert_int_equal(table->updated_at, created + 5000000);
    view_release(before);
    view_release(after);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alter__looks_at_rows_of_all_users),
        cmocka_unit_test(alter__sees_what_comes_right_before_the_commit),
        cmocka_unit_test(alter__makes_earlier_writes_stale),
        cmocka_unit_test(alter__starts_anew_when_the_feed_lost_changes),
        cmocka_unit_test(alter__of_one_table_queues_up),
        cmocka_unit_test(alter__can_be_cancelled),
        cmocka_unit_test(alter__without_a_change_commits_nothing),
        cmocka_unit_test(alter__of_an_option_keeps_the_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
