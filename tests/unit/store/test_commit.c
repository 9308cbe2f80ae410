/* test_commit.c — what the commit thread promises: whole or not at all, no lost update, exact
 * counters, numbers in order, stale preparations come back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/commit/commit_internal.h"

static void commit__insert_update_delete(void **state)
{
    struct fixture f = {0};
    struct write write;
    int64_t ten = 10;
    struct row_logic add = {fixture_resolve_add, &ten}, erase = {fixture_resolve_delete, NULL};
    struct row_op *op;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    write_begin(&write, &f, id);
    op = write_insert(&write, "ann", 1, 5);
    write_insert(&write, "ann", 2, 6);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 2);
    assert_true(op->inserted);
    assert_int_equal(op->verdict, ROW_PUT);
    assert_int_equal(row_seq(write.ops[1].new_bytes), row_seq(op->new_bytes) + 1);
    assert_int_equal(write.request.position, row_seq(write.ops[1].new_bytes));
    assert_int_equal(op->old_bytes.size, 0);
    write_end(&write);

    write_begin(&write, &f, id);
    op = write_change(&write, "ann", 1, &add);
    write_change(&write, "ann", 99, &add); /* not there: does not count */
    write_change(&write, "bob", 1, &add);  /* another user's row is not there */
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 1);
    assert_false(op->inserted);
    assert_true(row_seq(op->new_bytes) > row_seq(op->old_bytes));
    assert_int_equal(write.ops[1].verdict, ROW_KEEP);
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 15);

    for (int i = 0; i < 2; i++) { /* the second delete finds nothing */
        write_begin(&write, &f, id);
        op = write_change(&write, "ann", 1, &erase);
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        assert_int_equal(write.request.rows_affected, i == 0 ? 1 : 0);
        if (i == 0)
            assert_true(row_is_deleted(op->new_bytes));
        write_end(&write);
    }
    assert_int_equal(fixture_n(&f, id, "ann", 1), -1);
    /* The tombstone is still one hot row; inserting over it adds none and is an insert. */
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 2);
    write_begin(&write, &f, id);
    op = write_insert(&write, "ann", 1, 77);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_true(op->inserted);
    assert_int_equal(op->old_bytes.size, 0);
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 77);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 2);
    fixture_close(&f);
}

static void commit__duplicate_key_fails_whole_statement(void **state)
{
    struct fixture f = {0};
    struct write write;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, id, "", 5, 1);
    write_begin(&write, &f, id);
    write_insert(&write, "", 4, 1);
    write_insert(&write, "", 5, 2);
    assert_int_equal(write_run(&write, &f), STATUS_CONSTRAINT_VIOLATION);
    assert_string_equal(write.request.error.message,
                        "duplicate key value violates primary key unique constraint: key "
                        "(id)=(5) already exists");
    assert_int_equal(write.request.failed_op, 1);
    assert_int_equal(write.request.rows_affected, 0);
    write_end(&write);
    /* Also twice within the statement. */
    write_begin(&write, &f, id);
    write_insert(&write, "", 6, 1);
    write_insert(&write, "", 6, 2);
    assert_int_equal(write_run(&write, &f), STATUS_CONSTRAINT_VIOLATION);
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "", 4), -1);
    assert_int_equal(fixture_n(&f, id, "", 6), -1);
    assert_int_equal(fixture_n(&f, id, "", 5), 1);
    assert_int_equal(fixture_counters(&f, id, "").buffered_rows, 1);
    fixture_close(&f);
}

static void commit__on_conflict(void **state)
{
    struct fixture f = {0};
    struct write write;
    int64_t one = 1;
    struct row_logic keep = {fixture_resolve_keep, NULL}, add = {fixture_resolve_add, &one};
    struct row_op *op;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    for (int i = 0; i < 2; i++) { /* DO NOTHING */
        write_begin(&write, &f, id);
        op = write_insert(&write, "", 1, 10 + i);
        op->logic = &keep;
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        assert_int_equal(write.request.rows_affected, i == 0 ? 1 : 0);
        write_end(&write);
    }
    assert_int_equal(fixture_n(&f, id, "", 1), 10);
    for (int i = 0; i < 2; i++) { /* upsert by CHANGE: the logic sees no row, then one */
        write_begin(&write, &f, id);
        op = write_insert(&write, "", 2, 20);
        op->kind = ROW_OP_CHANGE;
        op->logic = &add;
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        assert_int_equal(op->inserted, i == 0);
        write_end(&write);
    }
    assert_int_equal(fixture_n(&f, id, "", 2), 22);
    fixture_close(&f);
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct gate { /* a request that holds the commit thread until it is opened */
    struct commit_request request;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool entered, open;
};

static enum status gate_extra(struct commit_request *request, struct kv_batch *batch,
                              struct catalog **next_catalog, struct error *err)
{
    struct gate *gate = request->extra_context;

    pthread_mutex_lock(&gate->mutex);
    gate->entered = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return STATUS_OK;
}

static void ignore_done(struct commit_request *request)
{
}

static void gate_close(struct gate *gate, struct fixture *fixture)
{
    memset(gate, 0, sizeof(*gate));
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->request.extra = gate_extra;
    gate->request.extra_context = gate;
    gate->request.done = ignore_done;
    commit_submit(fixture->store, &gate->request);
    pthread_mutex_lock(&gate->mutex);
    while (!gate->entered)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void post_done(struct commit_request *request)
{
    atomic_fetch_add((atomic_int *)request->context, 1);
}

/* Three requests in one group: the one that fails in its middle leaves no trace in its neighbours.
 */
static void commit__failure_in_group_leaves_neighbours(void **state)
{
    struct fixture f = {0};
    struct gate gate;
    struct write writes[4];
    struct store_stats stats;
    atomic_int answered = 0;
    int64_t hundred = 100;
    struct row_logic add = {fixture_resolve_add, &hundred};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 9, 1);
    gate_close(&gate, &f);
    for (int i = 0; i < 4; i++) {
        write_begin(&writes[i], &f, id);
        writes[i].request.done = post_done;
        writes[i].request.context = &answered;
    }
    write_insert(&writes[0], "ann", 1, 1);
    write_change(&writes[1], "ann", 1, &add); /* undone again: */
    write_insert(&writes[1], "bob", 1, 1);
    write_insert(&writes[1], "ann", 9, 1); /* duplicate */
    write_change(&writes[2], "ann", 1, &add);
    write_insert(&writes[3], "bob", 1, 3); /* free, because request 1 failed */
    for (int i = 0; i < 4; i++)
        commit_submit(f.store, &writes[i].request);
    gate_open(&gate);
    fixture_insert(&f, id, "ann", 50, 1); /* behind all others */
    assert_int_equal(atomic_load(&answered), 4);
    assert_int_equal(writes[0].request.status, STATUS_OK);
    assert_int_equal(writes[1].request.status, STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(writes[1].request.failed_op, 2);
    assert_int_equal(writes[2].request.status, STATUS_OK);
    assert_int_equal(writes[3].request.status, STATUS_OK);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 101);
    assert_int_equal(fixture_n(&f, id, "bob", 1), 3);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 3);
    assert_int_equal(fixture_counters(&f, id, "bob").buffered_rows, 1);
    /* Numbers without a gap: the failed request gave its own back. */
    assert_int_equal(row_seq(writes[2].ops[0].new_bytes), row_seq(writes[0].ops[0].new_bytes) + 1);
    assert_int_equal(row_seq(writes[3].ops[0].new_bytes), row_seq(writes[2].ops[0].new_bytes) + 1);
    store_stats(f.store, &stats);
    assert_true(stats.group_size_max >= 4);
    for (int i = 0; i < 4; i++)
        write_end(&writes[i]);
    fixture_close(&f);
}

struct worker {
    struct fixture *fixture;
    struct table_id id;
    int rounds, won;
    pthread_t thread;
};

static void *worker_increment(void *argument)
{
    struct worker *worker = argument;
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};
    struct write write;

    for (int i = 0; i < worker->rounds; i++) {
        write_begin(&write, worker->fixture, worker->id);
        write_change(&write, "ann", 1, &add);
        if (write_run(&write, worker->fixture) == STATUS_OK)
            worker->won++;
        write_end(&write);
    }
    return NULL;
}

static void *worker_insert(void *argument)
{
    struct worker *worker = argument;
    struct write write;

    for (int i = 0; i < worker->rounds; i++) {
        write_begin(&write, worker->fixture, worker->id);
        write_insert(&write, "ann", 1000 + i, i);
        if (write_run(&write, worker->fixture) == STATUS_OK)
            worker->won++;
        else
            assert_int_equal(write.request.status, STATUS_CONSTRAINT_VIOLATION);
        write_end(&write);
    }
    return NULL;
}

static void commit__concurrent_changes_add_up(void **state)
{
    struct fixture f = {0};
    struct worker workers[8];
    int inserted = 0;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 1, 0);
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.fixture = &f, .id = id, .rounds = 200};
        pthread_create(&workers[i].thread, NULL, worker_increment, &workers[i]);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 1600);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 1);
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.fixture = &f, .id = id, .rounds = 100};
        pthread_create(&workers[i].thread, NULL, worker_insert, &workers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(workers[i].thread, NULL);
        inserted += workers[i].won;
    }
    assert_int_equal(inserted, 100); /* of each key exactly one */
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 101);
    fixture_close(&f);
}

/* ---- cold rows ------------------------------------------------------------------------------- */

struct fake_flush {
    struct table_id id;
    int64_t version;
};

static enum status fake_flush_extra(struct commit_request *request, struct kv_batch *batch,
                                    struct catalog **next_catalog, struct error *err)
{
    struct fake_flush *flush = request->extra_context;
    struct instance_record *record = commit_instance(request, flush->id, STR_LIT("ann"), err);

    if (record == NULL)
        return err->code;
    flush->version = commit_take_position(request);
    record->segments_version = (uint64_t)flush->version;
    record->rows_since_flush = 0;
    return STATUS_OK;
}

static int64_t fake_flush(struct fixture *fixture, struct table_id id)
{
    struct fake_flush flush = {.id = id};
    struct commit_request request = {.extra = fake_flush_extra, .extra_context = &flush};

    assert_int_equal(commit_submit_wait(fixture->store, &request, NULL), STATUS_OK);
    return flush.version;
}

static void commit__cold_image_must_be_of_the_newest_list(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct row_op *op;
    struct buf cold;
    struct row_header header = {.layout_version = 1, .seq = 1, .updated = 1};
    struct value values[3] = {value_integer(VALUE_BIGINT, 1), value_integer(VALUE_BIGINT, 40),
                              value_null(VALUE_TEXT)};
    int64_t two = 2;
    struct row_logic add = {fixture_resolve_add, &two}, erase = {fixture_resolve_delete, NULL};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    int64_t version = fake_flush(&f, id);
    write_begin(&write, &f, id);
    buf_init(&cold);
    row_encode(&write.table->schema->layout, &header, values, &cold);
    op = write_insert(&write, "ann", 1, 1);
    assert_int_equal(write_run(&write, &f), STATUS_STALE); /* nobody looked */
    op->cold_known = true;
    op->cold_segments_version = (uint64_t)version - 1;
    assert_int_equal(write_run(&write, &f), STATUS_STALE); /* looked at an older list */
    op->cold_segments_version = (uint64_t)version;
    op->cold_bytes = buf_str(&cold);
    assert_int_equal(write_run(&write, &f), STATUS_CONSTRAINT_VIOLATION);
    /* UPDATE of the cold row: a hot shadow that counts. */
    op->kind = ROW_OP_CHANGE;
    op->values = NULL;
    op->logic = &add;
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_false(op->inserted);
    assert_true((row_header_get(op->new_bytes).flags & ROW_SHADOW) != 0);
    assert_true(str_equal(op->old_bytes, buf_str(&cold)));
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 42);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 1);
    assert_int_equal(fixture_counters(&f, id, "ann").rows_since_flush, 1);
    /* Now it is hot: no cold knowledge needed; the tombstone and its successor stay shadows. */
    write_begin(&write, &f, id);
    op = write_change(&write, "ann", 1, &erase);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(row_header_get(op->new_bytes).flags, ROW_SHADOW | ROW_DELETED);
    write_end(&write);
    write_begin(&write, &f, id);
    op = write_insert(&write, "ann", 1, 7);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(row_header_get(op->new_bytes).flags, ROW_SHADOW);
    assert_true(op->inserted);
    write_end(&write);
    /* Known not to be cold: an ordinary insert. */
    write_begin(&write, &f, id);
    op = write_insert(&write, "ann", 2, 7);
    op->cold_known = true;
    op->cold_segments_version = (uint64_t)version;
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(row_header_get(op->new_bytes).flags, 0);
    write_end(&write);
    /* Another user was never flushed. */
    fixture_insert(&f, id, "bob", 1, 1);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 2);
    buf_clear(&cold);
    fixture_close(&f);
}

/* A table that was never flushed never asks for cold rows, not even on a loop thread. */
static void commit__lookup_of_unflushed_table_is_free(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    write_begin(&write, &f, id);
    struct row_op *op = write_insert(&write, "ann", 1, 1);
    assert_int_equal(commit_lookup_cold(f.store, &write.request, true, &err), STATUS_OK);
    assert_true(op->cold_known);
    assert_int_equal(op->cold_segments_version, 0);
    assert_int_equal(op->cold_bytes.size, 0);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    write_end(&write);
    fixture_close(&f);
}

static enum status failing_extra(struct commit_request *request, struct kv_batch *batch,
                                 struct catalog **next_catalog, struct error *err)
{
    struct table_id *id = request->extra_context;
    struct instance_record *record = commit_instance(request, *id, STR_LIT("ann"), err);

    record->buffered_rows = 1000;
    return error_set(err, STATUS_CANCELLED, "changed my mind");
}

static void commit__failing_extra_undoes_its_operations(void **state)
{
    struct fixture f = {0};
    struct write write;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    write_begin(&write, &f, id);
    write_insert(&write, "ann", 1, 1);
    write.request.extra = failing_extra;
    write.request.extra_context = &id;
    assert_int_equal(write_run(&write, &f), STATUS_CANCELLED);
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "ann", 1), -1);
    fixture_insert(&f, id, "ann", 1, 2);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, 1);
    fixture_close(&f);
}

/* ---- limits, policies, kinds ------------------------------------------------------------------
 */

static void commit__statement_write_limit(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 4096}};
    struct write write;
    char *text = calloc(1, 5000);

    memset(text, 'x', 5000);
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    write_begin(&write, &f, id);
    write_insert(&write, "", 1, 1);
    write_insert(&write, "", 2, 1)->values[2] = value_text(VALUE_TEXT, str_from(text, 5000));
    assert_int_equal(write_run(&write, &f), STATUS_RESULT_TOO_LARGE);
    assert_non_null(strstr(write.request.error.message, "limits.max_statement_write_bytes"));
    write_end(&write);
    assert_int_equal(fixture_n(&f, id, "", 1), -1);
    free(text);
    fixture_close(&f);
}

/* Rows 0 … count - 1 with bodies of that size, each by a statement of its own. */
static void insert_large(struct fixture *f, struct table_id id, int count, size_t size)
{
    char *text = calloc(1, size);

    memset(text, 'x', size);
    for (int i = 0; i < count; i++) {
        struct write write;
        write_begin(&write, f, id);
        write_insert(&write, "", i, i)->values[2] = value_text(VALUE_TEXT, str_from(text, size));
        assert_int_equal(write_run(&write, f), STATUS_OK);
        write_end(&write);
    }
    free(text);
}

static enum status resolve_shorten(void *context, const struct row *current, struct arena *arena,
                                   enum row_verdict *verdict, struct value *values,
                                   struct error *err)
{
    int64_t one = 1;
    enum status status = fixture_resolve_add(&one, current, arena, verdict, values, err);

    values[2] = value_text(VALUE_TEXT, STR_LIT("x"));
    return status;
}

/* What a statement replaces is in memory as much as what it writes. */
static void commit__replaced_rows_are_limited(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 16384}};
    struct row_logic shorten = {.resolve = resolve_shorten};
    struct write write;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_large(&f, id, 5, 5000);
    for (int rows = 5; rows > 2; rows -= 2) {
        write_begin(&write, &f, id);
        for (int i = 0; i < rows; i++)
            write_change(&write, "", i, &shorten);
        enum status expected = rows == 5 ? STATUS_RESULT_TOO_LARGE : STATUS_OK;
        assert_int_equal(write_run(&write, &f), expected);
        if (rows == 5)
            assert_non_null(strstr(write.request.error.message, "limits.max_statement_write"));
        write_end(&write);
        assert_int_equal(fixture_n(&f, id, "", 0), rows == 5 ? 0 : 1);
    }
    fixture_close(&f);
}

/* Rows that a statement leaves as they are take no memory of the group. */
static void commit__kept_rows_are_not_copied(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 16384}};
    struct row_logic keep = {.resolve = fixture_resolve_keep};
    struct write write;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_large(&f, id, 8, 5000);
    write_begin(&write, &f, id);
    for (int i = 0; i < 8; i++) {
        struct row_op *op = i % 2 == 0 ? write_insert(&write, "", i, 0) : NULL;
        if (op == NULL)
            (void)write_change(&write, "", i, &keep);
        else
            op->logic = &keep;
    }
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 0);
    assert_true(f.store->pipeline->arena.used_bytes < 5000);
    write_end(&write);
    fixture_close(&f);
}

static enum status resolve_wasteful(void *context, const struct row *current, struct arena *arena,
                                    enum row_verdict *verdict, struct value *values,
                                    struct error *err)
{
    memset(arena_alloc(arena, 1000), 0, 1000);
    return fixture_resolve_keep(context, current, arena, verdict, values, err);
}

/* What the logic of a statement computes is held against the limit of its arena. */
static void commit__memory_of_a_request_is_limited(void **state)
{
    struct fixture f = {0};
    struct row_logic wasteful = {.resolve = resolve_wasteful};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_large(&f, id, 8, 10);
    for (int rows = 2; rows <= 8; rows += 6) {
        struct write write;
        write_begin(&write, &f, id);
        for (int i = 0; i < rows; i++)
            write_change(&write, "", i, &wasteful);
        write.arena.limit_bytes = write.arena.used_bytes + 4000;
        assert_int_equal(write_run(&write, &f), rows == 2 ? STATUS_OK : STATUS_RESULT_TOO_LARGE);
        write_end(&write);
    }
    fixture_close(&f);
}

static atomic_int cancelled_checks;
static enum status check_cancelled(struct commit_request *request, struct error *err)
{
    atomic_fetch_add(&cancelled_checks, 1);
    return error_set(err, STATUS_CANCELLED, "cancelled");
}

static void commit__long_requests_can_be_cancelled(void **state)
{
    enum { MANY = 1000 };
    struct fixture f = {0};
    struct row_op *ops = calloc(MANY, sizeof(*ops));
    struct write write;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    write_begin(&write, &f, id);
    for (int i = 0; i < MANY; i++) {
        write.request.op_count = 0;
        ops[i] = *write_insert(&write, "", i, i);
    }
    write.request.ops = ops;
    write.request.op_count = MANY;
    write.request.check = check_cancelled;
    assert_int_equal(write_run(&write, &f), STATUS_CANCELLED);
    assert_int_equal(atomic_load(&cancelled_checks), 1);
    write_end(&write);
    free(ops);
    assert_int_equal(fixture_n(&f, id, "", 0), -1);
    fixture_close(&f);
}

static enum status rename_column(void *context, const struct table *table, struct table **next,
                                 struct error *err)
{
    (void)err;
    *next = table_copy(table, true);
    (*next)->schemas[(*next)->schema_count - 1]->columns[2].name = str_from_c(context);
    return STATUS_OK;
}

static void alter(struct fixture *f, struct table_id id, char *name)
{
    struct ddl_alter rename = {.table = id, .build = rename_column, .context = name};
    struct error err;

    if (ddl_alter_table(f->store, &rename, &err) != STATUS_OK)
        fail_msg("alter: %s", err.message);
}

/* Rows of several schema versions in turn: a projection is made once for each version. */
static void commit__projections_are_made_once(void **state)
{
    struct fixture f = {0};
    struct row_logic keep = {.resolve = fixture_resolve_keep};
    static char *const names[] = {"a", "b", "c"};
    size_t used[2];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    for (int i = 0; i < 3; i++) {
        fixture_insert(&f, id, "", i, i);
        alter(&f, id, names[i]);
    }
    for (int round = 0; round < 2; round++) {
        struct write write;
        write_begin(&write, &f, id);
        for (int i = 0; i < (round == 0 ? 3 : 8); i++)
            write_change(&write, "", i % 3, &keep);
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        used[round] = f.store->pipeline->arena.used_bytes;
        write_end(&write);
    }
    assert_true(used[0] > 0);
    assert_int_equal(used[1], used[0]);
    fixture_close(&f);
}

static void count_due(void *context, struct table_id table, struct str user)
{
    assert_true(str_equal(user, STR_LIT("ann")));
    atomic_fetch_add((atomic_int *)context, 1);
}

static void commit__flush_due_once(void **state)
{
    atomic_int due = 0;
    struct fixture f = {.options = {.flush_due = count_due, .flush_due_context = &due}};
    struct table *table = fixture_table(TABLE_KIND_USER, "t");

    table->flush_rows = 3;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, table);
    for (int i = 0; i < 10; i++) {
        fixture_insert(&f, id, "ann", i, i);
        assert_int_equal(atomic_load(&due), i >= 2 ? 1 : 0);
    }
    fake_flush(&f, id);
    for (int i = 20; i < 25; i++) {
        struct write write;
        write_begin(&write, &f, id);
        struct row_op *op = write_insert(&write, "ann", i, i);
        op->cold_known = true;
        op->cold_segments_version = fixture_counters(&f, id, "ann").segments_version;
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        write_end(&write);
    }
    assert_int_equal(atomic_load(&due), 2);
    fixture_close(&f);
}

static size_t count_rows(struct fixture *fixture, struct table_id id, int64_t *first_n)
{
    struct view *view = view_acquire(fixture->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), id);
    struct kv_iterator_options options = {.snapshot = view_snapshot(view)};
    struct kv_iterator *iterator = kv_iterator_open(fixture->kv, table->rows, &options);
    struct value value;
    size_t rows = 0;

    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        if (rows++ == 0) {
            row_get(&table->schema->layout, kv_iterator_value(iterator), 1, &value);
            *first_n = value.integer;
        }
    }
    kv_iterator_close(iterator);
    view_release(view);
    return rows;
}

static void commit__stream_keeps_newest_events(void **state)
{
    struct fixture f = {0};
    struct table *table = fixture_table(TABLE_KIND_STREAM, "s");
    struct write write;
    struct row_logic erase = {fixture_resolve_delete, NULL};
    int64_t first_n = 0;

    table->max_buffer = 10;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, table);
    for (int i = 0; i < 25; i++)
        fixture_insert(&f, id, "", i, i);
    assert_int_equal(count_rows(&f, id, &first_n), 10);
    assert_int_equal(first_n, 15);
    /* The same key twice in one millisecond is replaced, not counted twice. */
    write_begin(&write, &f, id);
    write_insert(&write, "", 100, 1);
    write_insert(&write, "", 100, 2);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_true((row_header_get(write.ops[0].new_bytes).flags & ROW_EVENT) != 0);
    assert_int_equal(row_header_get(write.ops[0].new_bytes).updated, 0);
    write_end(&write);
    assert_int_equal(count_rows(&f, id, &first_n), 10);
    assert_int_equal(first_n, 16);
    /* DELETE is physical, by the key that a scan gives. */
    struct view *view = view_acquire(f.store);
    struct kv_iterator_options options = {.snapshot = view_snapshot(view)};
    const struct table *stream = catalog_find_table_id(view_catalog(view), id);
    struct kv_iterator *iterator = kv_iterator_open(f.kv, stream->rows, &options);
    kv_iterator_seek_first(iterator);
    write_begin(&write, &f, id);
    struct row_op *op = write_change(&write, "", 0, &erase);
    op->key = arena_copy(&write.arena, kv_iterator_key(iterator));
    assert_int_equal(op->key.data[13], ':');
    kv_iterator_close(iterator);
    view_release(view);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 1);
    write_end(&write);
    assert_int_equal(count_rows(&f, id, &first_n), 9);
    assert_int_equal(first_n, 17);
    fixture_close(&f);
}

static void commit__one_statement_above_max_buffer(void **state)
{
    struct fixture f = {0};
    struct table *table = fixture_table(TABLE_KIND_STREAM, "s");
    struct write write;
    int64_t first_n = 0;

    table->max_buffer = 3;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, table);
    write_begin(&write, &f, id);
    for (int i = 0; i < 8; i++)
        write_insert(&write, "", i, i);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    write_end(&write);
    assert_int_equal(count_rows(&f, id, &first_n), 3);
    assert_int_equal(first_n, 5);
    fixture_close(&f);
}

static void commit__system_rows(void **state)
{
    struct fixture f = {0};
    struct arena arena;
    struct row_op op;
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];

    fixture_open(&f);
    arena_init(&arena, 0);
    struct view *view = view_acquire(f.store);
    const struct table *jobs = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);
    for (uint32_t i = 0; i < jobs->schema->column_count; i++)
        values[i] = value_null(jobs->schema->columns[i].type.kind);
    values[0] = value_text(VALUE_TEXT, STR_LIT("job-1"));
    struct commit_request request = {.ops = &op, .op_count = 1, .arena = &arena, .view = view};
    for (int i = 0; i < 2; i++) { /* put replaces */
        commit_put_system(&request, &op, jobs, values);
        assert_int_equal(commit_submit_wait(f.store, &request, NULL), STATUS_OK);
        assert_int_equal(op.inserted, i == 0);
    }
    for (int i = 0; i < 2; i++) { /* delete is physical; a second one finds nothing */
        commit_delete_system(&request, &op, jobs, values);
        assert_int_equal(commit_submit_wait(f.store, &request, NULL), STATUS_OK);
        assert_int_equal(request.rows_affected, i == 0 ? 1 : 0);
    }
    view_release(view);
    arena_clear(&arena);
    fixture_close(&f);
}

/* ---- time, faults, shutdown -------------------------------------------------------------------
 */

static void commit__updated_never_goes_back(void **state)
{
    struct fixture f = {0};
    struct write write;
    int64_t newest = clock_now_us() + 3600 * INT64_C(1000000), zero = 0;
    struct row_logic add = {fixture_resolve_add, &zero};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    clock_fake(newest);
    fixture_insert(&f, id, "", 1, 1);
    clock_fake(newest - 1000000);
    for (int i = 0; i < 2; i++) {
        write_begin(&write, &f, id);
        write_change(&write, "", 1, &add);
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        assert_int_equal(row_header_get(write.ops[0].new_bytes).updated, newest);
        write_end(&write);
        fixture_reopen(&f); /* nor after a restart */
    }
    clock_fake(-1);
    fixture_close(&f);
}

static void commit__refuses_after_stop_and_drop(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    write_begin(&write, &f, id);
    write_insert(&write, "", 1, 1);
    assert_int_equal(ddl_drop_table(f.store, id, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(write_run(&write, &f), STATUS_TABLE_NOT_FOUND);
    assert_string_equal(write.request.error.message,
                        "table not found: relation \"default.t\" does not exist");
    write_end(&write);
    fixture_close(&f);
}

/* SET the third column to 5, which must be a number before. */
static enum status resolve_third(void *context, const struct row *current, struct arena *arena,
                                 enum row_verdict *verdict, struct value *values, struct error *err)
{
    (void)context;
    (void)err;
    for (uint32_t i = 0; i < current->table->schema->column_count; i++)
        row_column(current, i, arena, &values[i]);
    assert_int_equal(values[2].type, VALUE_BIGINT);
    assert_int_equal(values[2].integer, 77);
    values[2].integer = 5;
    *verdict = ROW_PUT;
    return STATUS_OK;
}

/* Both are of schema version 1, and their columns lie differently. */
static void commit__two_tables_in_one_request(void **state)
{
    struct fixture f = {0};
    struct table *other = fixture_table(TABLE_KIND_SHARED, "b");
    struct row_logic logic = {.resolve = resolve_third};
    struct row_logic add = {.resolve = fixture_resolve_add, .context = &(int64_t){10}};
    struct write write;

    fixture_open(&f);
    other->schemas[0]->columns[1].type.kind = VALUE_TEXT;
    other->schemas[0]->columns[2].type.kind = VALUE_BIGINT;
    struct table_id a = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "a"));
    struct table_id b = fixture_create(&f, other);
    fixture_insert(&f, a, "", 1, 7);
    write_begin(&write, &f, b);
    struct row_op *op = write_insert(&write, "", 1, 0);
    op->values[1] = value_text(VALUE_TEXT, STR_LIT("a text"));
    op->values[2] = value_integer(VALUE_BIGINT, 77);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    write_end(&write);
    write_begin(&write, &f, a);
    (void)write_change(&write, "", 1, &add);
    op = write_change(&write, "", 1, &logic);
    op->table = catalog_find_table_id(view_catalog(write.request.view), b);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 2);
    write_end(&write);
    assert_int_equal(fixture_n(&f, a, "", 1), 17);
    fixture_close(&f);
}

static void commit__async_and_memory_durability(void **state)
{
    for (int mode = KV_ASYNC; mode <= KV_MEMORY; mode++) {
        struct fixture f = {.options = {.durability = (enum kv_durability)mode}};
        fixture_open(&f);
        struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
        for (int i = 0; i < 20; i++)
            fixture_insert(&f, id, "", i, i);
        assert_int_equal(fixture_n(&f, id, "", 19), 19);
        fixture_close(&f);
    }
}

/* An id that the catalogue does not have: no record, and the reason is told. */
static enum status absent_extra(struct commit_request *request, struct kv_batch *batch,
                                struct catalog **next, struct error *err)
{
    struct table_id absent = {999999};

    *(bool *)request->extra_context = true;
    assert_null(commit_instance(request, absent, STR_LIT("ann"), err));
    return err->code;
}

static void commit__no_record_without_its_table(void **state)
{
    struct fixture f = {0};
    bool ran = false;
    struct commit_request request = {.extra = absent_extra, .extra_context = &ran};
    struct error err;

    fixture_open(&f);
    error_clear(&err);
    assert_int_equal(commit_submit_wait(f.store, &request, &err), STATUS_TABLE_NOT_FOUND);
    assert_true(ran);
    assert_non_null(strstr(request.error.message, "it was dropped"));
    fixture_close(&f);
}

static void metric_count(void *context, const struct metric *metric)
{
    if (strcmp(metric->name, "commit_write_seconds_count") == 0)
        *(double *)context = metric->value;
}

static void commit__every_group_is_measured(void **state)
{
    struct fixture f = {0};
    double before = -1, after = -1;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    store_metrics(f.store, metric_count, &before);
    for (int i = 0; i < 3; i++)
        fixture_insert(&f, id, "", i, i);
    store_metrics(f.store, metric_count, &after);
    assert_true(before > 0);
    assert_true(after == before + 3);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit__insert_update_delete),
        cmocka_unit_test(commit__duplicate_key_fails_whole_statement),
        cmocka_unit_test(commit__on_conflict),
        cmocka_unit_test(commit__failure_in_group_leaves_neighbours),
        cmocka_unit_test(commit__concurrent_changes_add_up),
        cmocka_unit_test(commit__cold_image_must_be_of_the_newest_list),
        cmocka_unit_test(commit__lookup_of_unflushed_table_is_free),
        cmocka_unit_test(commit__failing_extra_undoes_its_operations),
        cmocka_unit_test(commit__statement_write_limit),
        cmocka_unit_test(commit__replaced_rows_are_limited),
        cmocka_unit_test(commit__kept_rows_are_not_copied),
        cmocka_unit_test(commit__memory_of_a_request_is_limited),
        cmocka_unit_test(commit__long_requests_can_be_cancelled),
        cmocka_unit_test(commit__projections_are_made_once),
        cmocka_unit_test(commit__flush_due_once),
        cmocka_unit_test(commit__stream_keeps_newest_events),
        cmocka_unit_test(commit__one_statement_above_max_buffer),
        cmocka_unit_test(commit__system_rows),
        cmocka_unit_test(commit__updated_never_goes_back),
        cmocka_unit_test(commit__refuses_after_stop_and_drop),
        cmocka_unit_test(commit__two_tables_in_one_request),
        cmocka_unit_test(commit__async_and_memory_durability),
        cmocka_unit_test(commit__every_group_is_measured),
        cmocka_unit_test(commit__no_record_without_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
