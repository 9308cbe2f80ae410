/* test_transaction.c — a view with changes: what it shows, what COMMIT checks and writes, how it
 * lives beside other writers and flushes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "store/transaction.h"

/* ---- statements of a transaction ------------------------------------------------------------- */

static void step_begin(struct write *write, struct transaction *transaction, struct table_id id)
{
    memset(write, 0, sizeof(*write));
    arena_init(&write->arena, 0);
    write->request.arena = &write->arena;
    write->request.ops = write->ops;
    write->request.view = view_ref(transaction_view(transaction));
    write->table = catalog_find_table_id(view_catalog(write->request.view), id);
    assert_non_null(write->table);
}

static enum status step_run(struct write *write, struct transaction *transaction, bool cached_only)
{
    return transaction_apply(transaction, &write->request, cached_only, &write->request.error);
}

static void step_insert(struct transaction *transaction, struct table_id id, const char *user,
                        int64_t key, int64_t n)
{
    struct write write;

    step_begin(&write, transaction, id);
    struct row_op *op = write_insert(&write, user, key, n);
    if (step_run(&write, transaction, false) != STATUS_OK)
        fail_msg("insert: %s", write.request.error.message);
    assert_int_equal(op->verdict, ROW_PUT);
    assert_true(op->inserted);
    assert_int_equal(row_seq(op->new_bytes), ROW_SEQ_NONE);
    write_end(&write);
}

/* SET n = n + add, or a deletion with NULL; returns the number of rows. */
static size_t step_change(struct transaction *transaction, struct table_id id, const char *user,
                          int64_t key, int64_t *add)
{
    struct row_logic logic = {add != NULL ? fixture_resolve_add : fixture_resolve_delete, add};
    struct write write;

    step_begin(&write, transaction, id);
    write_change(&write, user, key, &logic);
    assert_int_equal(step_run(&write, transaction, false), STATUS_OK);
    size_t rows = write.request.rows_affected;
    write_end(&write);
    return rows;
}

/* As sql/transaction.c does it. */
static enum status commit_once(struct store *store, const struct transaction *transaction,
                               struct commit_request *request, struct error *err)
{
    enum status status = transaction_prepare(transaction, request, false, err);

    if (status == STATUS_OK && request->op_count > 0)
        status = commit_submit_wait(store, request, err);
    return status;
}

static enum status commit_all(struct store *store, const struct transaction *transaction,
                              struct error *err)
{
    enum status status = STATUS_STALE;

    for (int attempt = 0; attempt < 10 && status == STATUS_STALE; attempt++) {
        struct commit_request request = {.view = view_acquire(store)};
        struct arena arena;
        arena_init(&arena, 0);
        request.arena = &arena;
        status = commit_once(store, transaction, &request, err);
        if (status == STATUS_OK)
            assert_int_equal(request.rows_affected, request.op_count);
        view_release(request.view);
        arena_clear(&arena);
    }
    return status;
}

/* Column n at a view; -1: no live row. */
static int64_t n_at(struct store *store, struct view *view, struct table_id id, const char *user,
                    int64_t key)
{
    struct value value = value_integer(VALUE_BIGINT, key);
    struct row_pin pin = {.cold = NULL};
    struct arena arena;
    struct error err;
    struct buf bytes;
    struct row row;
    int64_t n = -1;

    buf_init(&bytes);
    arena_init(&arena, 0);
    assert_int_equal(key_encode(&value, 1, &bytes, NULL), STATUS_OK);
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), id),
                                   .user = str_from_c(user),
                                   .seq_after = -1,
                                   .arena = &arena};
    enum status status = row_get_by_key(store, &options, buf_str(&bytes), &row, &pin, &err);
    if (status == STATUS_OK) {
        row_column(&row, 1, &arena, &value);
        n = value.integer;
        row_pin_release(store, &pin);
    } else {
        assert_int_equal(status, STATUS_ABSENT);
    }
    buf_clear(&bytes);
    arena_clear(&arena);
    return n;
}

/* ---- what it shows --------------------------------------------------------------------------- */

static void test_transaction__shows_its_own_and_the_moment_of_begin(void **state)
{
    struct fixture f = {0};
    struct error err;
    int64_t ten = 10;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 1, 1);
    fixture_insert(&f, id, "ann", 2, 2);
    struct transaction *transaction = transaction_begin(f.store);
    struct view *view = transaction_view(transaction);
    fixture_insert(&f, id, "ann", 9, 9); /* after BEGIN */
    step_insert(transaction, id, "ann", 3, 3);
    assert_int_equal(step_change(transaction, id, "ann", 1, &ten), 1);
    assert_int_equal(step_change(transaction, id, "ann", 2, NULL), 1);
    assert_int_equal(step_change(transaction, id, "ann", 2, &ten), 0);
    assert_int_equal(step_change(transaction, id, "ann", 9, &ten), 0);
    assert_int_equal(step_change(transaction, id, "bob", 1, &ten), 0);
    assert_int_equal(n_at(f.store, view, id, "ann", 1), 11);
    assert_int_equal(n_at(f.store, view, id, "ann", 2), -1);
    assert_int_equal(n_at(f.store, view, id, "ann", 3), 3);
    assert_int_equal(n_at(f.store, view, id, "ann", 9), -1);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 1); /* nobody else sees it */
    assert_int_equal(fixture_n(&f, id, "ann", 3), -1);
    int64_t before = fixture_counters(&f, id, "ann").buffered_rows;
    assert_int_equal(commit_all(f.store, transaction, &err), STATUS_OK);
    assert_int_equal(fixture_counters(&f, id, "ann").buffered_rows, before + 1);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 11);
    assert_int_equal(fixture_n(&f, id, "ann", 2), -1);
    assert_int_equal(fixture_n(&f, id, "ann", 3), 3);
    /* Who still reads it may go on when the transaction is gone. */
    (void)view_ref(view);
    transaction_end(transaction);
    assert_int_equal(n_at(f.store, view, id, "ann", 1), 11);
    view_release(view);
    transaction_end(NULL);
    fixture_close(&f);
}

static void test_transaction__a_failed_statement_leaves_nothing(void **state)
{
    struct fixture f = {0};
    struct write write;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, id, "", 5, 5);
    struct transaction *transaction = transaction_begin(f.store);
    step_insert(transaction, id, "", 1, 1);
    for (int taken = 1; taken <= 5; taken += 4) { /* own row, stored row */
        step_begin(&write, transaction, id);
        write_insert(&write, "", 2, 2);
        write_insert(&write, "", taken, 0);
        assert_int_equal(step_run(&write, transaction, false), STATUS_CONSTRAINT_VIOLATION);
        assert_int_equal(write.request.failed_op, 1);
        assert_int_equal(write.request.rows_affected, 0);
        assert_non_null(strstr(write.request.error.message, "already exists"));
        write_end(&write);
        assert_int_equal(n_at(f.store, transaction_view(transaction), id, "", 2), -1);
    }
    assert_int_equal(n_at(f.store, transaction_view(transaction), id, "", 1), 1);
    transaction_end(transaction);
    fixture_close(&f);
}

static void test_transaction__bytes_of_all_statements_count(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 20000}};
    struct write write;
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};
    enum status status = STATUS_OK;
    int steps = 0;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, id, "", 1, 0);
    struct transaction *transaction = transaction_begin(f.store);
    for (; status == STATUS_OK && steps < 1000; steps++) { /* one key: versions count, not keys */
        step_begin(&write, transaction, id);
        write_change(&write, "", 1, &add);
        status = step_run(&write, transaction, false);
        if (status != STATUS_OK)
            assert_non_null(strstr(write.request.error.message, "max_statement_write_bytes"));
        write_end(&write);
    }
    assert_int_equal(status, STATUS_RESULT_TOO_LARGE);
    assert_true(steps > 50 && steps < 500);
    assert_int_equal(n_at(f.store, transaction_view(transaction), id, "", 1), steps - 1);
    transaction_end(transaction);
    fixture_close(&f);
}

/* Rows 0 … count - 1 with bodies of 5000 bytes. */
static void insert_large(struct fixture *f, struct table_id id, int count)
{
    static char text[5000];

    memset(text, 'x', sizeof(text));
    for (int i = 0; i < count; i++) {
        struct write write;
        write_begin(&write, f, id);
        write_insert(&write, "", i, i)->values[2] =
            value_text(VALUE_TEXT, str_from(text, sizeof(text)));
        assert_int_equal(write_run(&write, f), STATUS_OK);
        write_end(&write);
    }
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

static void test_transaction__replaced_rows_are_limited(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 16384}};
    struct row_logic shorten = {.resolve = resolve_shorten};
    enum status status = STATUS_OK;
    struct write write;
    struct error err;
    int steps = 0;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_large(&f, id, 5);
    struct transaction *transaction = transaction_begin(f.store);
    for (; status == STATUS_OK && steps < 10; steps++) { /* its own versions count once */
        step_begin(&write, transaction, id);
        write_change(&write, "", steps / 2, &shorten);
        status = step_run(&write, transaction, false);
        if (status != STATUS_OK)
            assert_non_null(strstr(write.request.error.message, "limits.max_statement_write"));
        write_end(&write);
    }
    assert_int_equal(status, STATUS_RESULT_TOO_LARGE);
    assert_int_equal(steps, 7);
    assert_int_equal(commit_all(f.store, transaction, &err), STATUS_OK); /* what was below it */
    transaction_end(transaction);
    assert_int_equal(fixture_n(&f, id, "", 2), 4);
    assert_int_equal(fixture_n(&f, id, "", 3), 3);
    fixture_close(&f);
}

static void test_transaction__memory_of_a_statement_is_limited(void **state)
{
    struct fixture f = {0};
    struct row_logic keep = {.resolve = fixture_resolve_keep};
    struct row_logic erase = {.resolve = fixture_resolve_delete};
    struct write write;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_large(&f, id, 8);
    struct transaction *transaction = transaction_begin(f.store);
    for (int round = 0; round < 2; round++) { /* rows that stay as they are take none */
        step_begin(&write, transaction, id);
        for (int i = 0; i < 8; i++)
            write_change(&write, "", i, round == 0 ? &keep : &erase);
        write.request.flags = COMMIT_KEEP_IMAGES;
        write.arena.limit_bytes = 20000;
        assert_int_equal(step_run(&write, transaction, false),
                         round == 0 ? STATUS_OK : STATUS_RESULT_TOO_LARGE);
        assert_true(write.arena.used_bytes < (round == 0 ? 5000 : 30000));
        write_end(&write);
    }
    transaction_end(transaction);
    fixture_close(&f);
}

/* ---- COMMIT ---------------------------------------------------------------------------------- */

static void test_transaction__the_first_to_commit_wins(void **state)
{
    struct fixture f = {0};
    struct error err;
    int64_t ten = 10;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    struct table_id other = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "other"));
    fixture_insert(&f, id, "", 1, 1);
    struct transaction *first = transaction_begin(f.store);
    struct transaction *second = transaction_begin(f.store);
    assert_int_equal(step_change(first, id, "", 1, &ten), 1);
    step_insert(second, other, "", 1, 1);
    assert_int_equal(step_change(second, id, "", 1, &ten), 1);
    assert_int_equal(commit_all(f.store, first, &err), STATUS_OK);
    assert_int_equal(commit_all(f.store, second, &err), STATUS_TRANSACTION_CONFLICT);
    assert_non_null(strstr(err.message, "(id)=(1)"));
    assert_int_equal(fixture_n(&f, id, "", 1), 11);
    assert_int_equal(fixture_n(&f, other, "", 1), -1); /* whole or not at all, over tables too */
    assert_int_equal(fixture_counters(&f, other, "").buffered_rows, 0);
    transaction_end(first);
    transaction_end(second);
    /* A key that came into being. */
    first = transaction_begin(f.store);
    step_insert(first, other, "", 2, 2);
    fixture_insert(&f, other, "", 2, 3);
    assert_int_equal(commit_all(f.store, first, &err), STATUS_TRANSACTION_CONFLICT);
    assert_int_equal(fixture_n(&f, other, "", 2), 3);
    transaction_end(first);
    /* Nothing written. */
    first = transaction_begin(f.store);
    assert_int_equal(step_change(first, id, "", 77, &ten), 0);
    fixture_insert(&f, id, "", 77, 1);
    assert_int_equal(transaction_row_count(first), 0);
    assert_int_equal(commit_all(f.store, first, &err), STATUS_OK);
    transaction_end(first);
    fixture_close(&f);
}

static void test_transaction__one_change_per_key_in_order(void **state)
{
    struct fixture f = {0};
    struct change_group *group;
    struct error err;
    int64_t ten = 10;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    struct table_id other = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "o"));
    fixture_insert(&f, id, "ann", 1, 1);
    fixture_insert(&f, id, "ann", 2, 2);
    struct transaction *transaction = transaction_begin(f.store);
    struct feed_cursor *cursor =
        feed_follow(store_feed(f.store), view_position(transaction_view(transaction)));
    step_insert(transaction, id, "bob", 7, 7);
    assert_int_equal(step_change(transaction, id, "ann", 1, &ten), 1);
    step_insert(transaction, other, "", 3, 3);
    assert_int_equal(step_change(transaction, id, "ann", 1, &ten), 1);
    assert_int_equal(step_change(transaction, id, "ann", 2, NULL), 1);
    step_insert(transaction, id, "ann", 4, 4);
    assert_int_equal(step_change(transaction, id, "ann", 4, NULL), 1); /* born and gone */
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_WOULD_BLOCK);
    assert_int_equal(commit_all(f.store, transaction, &err), STATUS_OK);
    assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
    assert_int_equal(group->count, 5);
    for (size_t i = 0; i < group->count; i++) {
        assert_int_equal(group->changes[i].seq, group->first + (int64_t)i);
        assert_int_equal(row_seq(group->changes[i].new_bytes), group->changes[i].seq);
        assert_int_equal(row_header_get(group->changes[i].new_bytes).updated,
                         row_header_get(group->changes[0].new_bytes).updated);
    }
    assert_true(str_equal(group->changes[0].user, STR_LIT("bob")));
    assert_int_equal(group->changes[0].old_bytes.size, 0);
    assert_true(group->changes[1].old_bytes.size > 0);
    assert_int_equal(group->changes[2].table->id.value, other.value);
    assert_true(row_is_deleted(group->changes[3].new_bytes));
    assert_true(row_is_deleted(group->changes[4].new_bytes));
    assert_int_equal(group->changes[4].old_bytes.size, 0);
    change_group_unref(group);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_WOULD_BLOCK);
    feed_unfollow(cursor);
    transaction_end(transaction);
    assert_int_equal(fixture_n(&f, id, "ann", 1), 21);
    fixture_close(&f);
}

static void count_due(void *context, struct table_id table, struct str user)
{
    (void)table;
    (void)user;
    atomic_fetch_add((atomic_int *)context, 1);
}

static void test_transaction__flush_is_due_after_commit(void **state)
{
    atomic_int due = 0;
    struct fixture f = {.options = {.flush_due = count_due, .flush_due_context = &due}};
    struct table *table = fixture_table(TABLE_KIND_USER, "t");
    struct error err;

    (void)state;
    table->flush_rows = 3;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, table);
    struct transaction *transaction = transaction_begin(f.store);
    for (int64_t i = 0; i < 5; i++)
        step_insert(transaction, id, "ann", i, i);
    fixture_insert(&f, id, "ann", 50, 0); /* the commit thread runs, and sees one row */
    assert_int_equal(atomic_load(&due), 0);
    assert_int_equal(commit_all(f.store, transaction, &err), STATUS_OK);
    assert_int_equal(atomic_load(&due), 1);
    assert_int_equal(fixture_counters(&f, id, "ann").rows_since_flush, 6);
    transaction_end(transaction);
    fixture_close(&f);
}

/* A loop thread gives up before anything was done. */
static void test_transaction__would_block(void **state)
{
    struct cold_fixture f = {.folder = ""};
    struct write write;
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};

    (void)state;
    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f, id, "", i, i);
    (void)cold_flush(&f, id, true);
    cold_reopen(&f);
    struct transaction *transaction = transaction_begin(f.base.store);
    step_begin(&write, transaction, id);
    write_insert(&write, "", 100, 100);
    write_change(&write, "", 5, &add);
    assert_int_equal(step_run(&write, transaction, true), STATUS_WOULD_BLOCK);
    assert_int_equal(n_at(f.base.store, transaction_view(transaction), id, "", 100), -1);
    assert_int_equal(step_run(&write, transaction, false), STATUS_OK);
    assert_int_equal(write.request.rows_affected, 2);
    write_end(&write);
    assert_int_equal(n_at(f.base.store, transaction_view(transaction), id, "", 5), 6);
    assert_int_equal(n_at(f.base.store, transaction_view(transaction), id, "", 100), 100);
    transaction_end(transaction);
    cold_close(&f);
}

/* ---- random histories ------------------------------------------------------------------------ */

/* Upserts (n ≥ 0) or deletes (n < 0) inside the transaction. */
static void mine_write(struct model *mine, struct transaction *transaction, int64_t index,
                       int64_t n)
{
    struct model_row *row = &mine->rows[index];
    char text[32], body[64];
    struct write write;
    struct value values[3];

    step_begin(&write, transaction, mine->table);
    values[0] = cold_key_value(mine->key_type, index - 100, text);
    values[1] = value_integer(VALUE_BIGINT, n);
    (void)snprintf(body, sizeof(body), "mine %lld", (long long)n);
    values[2] = n % 3 == 0 ? value_null(VALUE_TEXT) : value_text(VALUE_TEXT, str_from_c(body));
    struct cold_put put = {.delete = n < 0, .values = values};
    struct row_logic logic = {.resolve = cold_resolve, .context = &put};
    struct row_op *op = &write.ops[write.request.op_count++];
    *op = (struct row_op){.kind = ROW_OP_CHANGE,
                          .table = write.table,
                          .user = str_from_c(mine->user),
                          .key = model_key(mine, index),
                          .values = n < 0 ? NULL : values,
                          .logic = &logic};
    if (step_run(&write, transaction, false) != STATUS_OK)
        fail_msg("step: %s", write.request.error.message);
    assert_int_equal(write.request.rows_affected, n >= 0 || row->live ? 1 : 0);
    write_end(&write);
    if (n < 0 && !row->live)
        return;
    row->live = n >= 0;
    row->written = true;
    row->n = n >= 0 ? n : row->n;
    row->seq = 0;
}

/* Numbers that the commit gave. */
static void model_learn(struct model *model, int64_t index)
{
    struct view *view = view_acquire(model->f->base.store);
    struct row_pin pin = {.cold = NULL};
    struct arena arena;
    struct error err;
    struct value seq;
    struct row row;

    arena_init(&arena, 0);
    struct scan_options options = {.view = view,
                                   .table = catalog_find_table_id(view_catalog(view), model->table),
                                   .user = str_from_c(model->user),
                                   .with_deleted = true,
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(
        row_get_by_key(model->f->base.store, &options, model_key(model, index), &row, &pin, &err),
        STATUS_OK);
    row_column(&row, 3, &arena, &seq);
    model->rows[index].seq = seq.integer;
    row_pin_release(model->f->base.store, &pin);
    arena_clear(&arena);
    view_release(view);
}

/* One transaction beside other writers and flushes. */
static void random_transaction(struct model *model, struct model *mine)
{
    struct cold_fixture *f = model->f;
    struct transaction *transaction = transaction_begin(f->base.store);
    bool touched[MODEL_KEYS] = {false}, conflict = false;
    struct error err;

    *mine = *model;
    mine->view = transaction_view(transaction);
    int steps = (int)model_random(model, 40);
    for (int i = 0; i < steps; i++) {
        uint64_t dice = model_random(model, 100);
        int64_t index = (int64_t)model_random(model, MODEL_KEYS);
        int64_t n = dice % 3 == 0 ? -1 : (int64_t)model_random(model, 1000000);
        if (dice < 60) {
            mine_write(mine, transaction, index, n);
            touched[index] =
                touched[index] || (mine->rows[index].written && mine->rows[index].seq == 0);
        } else if (dice < 80) {
            bool was_live = model->rows[index].live;
            model_write(model, index, n); /* somebody else */
            conflict = conflict || (touched[index] && (n >= 0 || was_live));
        } else if (dice < 90) {
            (void)cold_flush(f, model->table, dice < 85);
        } else {
            model_check_all(mine);
        }
    }
    model_check_all(mine);
    /* What the others changed first and the transaction later is a conflict, too. */
    for (int64_t i = 0; i < MODEL_KEYS; i++)
        conflict = conflict || (touched[i] && model->rows[i].seq != 0 && mine->rows[i].seq == 0 &&
                                model->rows[i].seq > view_position(mine->view));
    enum status status = commit_all(f->base.store, transaction, &err);
    if (status != (conflict ? STATUS_TRANSACTION_CONFLICT : STATUS_OK))
        fail_msg("conflict %d, COMMIT says %s: %s", conflict, status_name(status),
                 status != STATUS_OK ? err.message : "");
    for (int64_t i = 0; i < MODEL_KEYS && !conflict; i++) {
        if (!touched[i])
            continue;
        model->rows[i].written = mine->rows[i].written;
        model->rows[i].live = mine->rows[i].live;
        model->rows[i].n = mine->rows[i].n;
        model_learn(model, i);
    }
    model_check_all(mine); /* the view stays what it was */
    transaction_end(transaction);
    model_check_all(model);
}

static void random_transactions(enum table_kind kind, enum value_type key_type, uint64_t seed)
{
    struct cold_fixture f = {.folder = ""};
    struct model *model = test_malloc(sizeof(*model)), *mine = test_malloc(sizeof(*mine));
    const char *user = kind == TABLE_KIND_USER ? "ann" : "";

    print_message("seed: %llu\n", (unsigned long long)seed);
    cold_open(&f);
    struct table_id id = cold_table(&f, kind, "t", key_type);
    model_init(model, &f, id, user, key_type, seed);
    for (int i = 0; i < 60; i++)
        model_write(model, (int64_t)model_random(model, MODEL_KEYS),
                    (int64_t)model_random(model, 1000000));
    for (int i = 0; i < 20; i++) {
        random_transaction(model, mine);
        if (i % 5 == 4)
            (void)cold_flush(&f, id, i % 10 == 9);
    }
    model_check_counters(model);
    cold_reopen(&f);
    model_check_all(model);
    model_check_counters(model);
    test_free(model);
    test_free(mine);
    cold_close(&f);
}

static void test_transaction__random_histories(void **state)
{
    const char *given = getenv("KALAM_SEED");
    uint64_t seed = given != NULL ? (uint64_t)atoll(given) : (uint64_t)clock_now_us();

    (void)state;
    random_transactions(TABLE_KIND_USER, VALUE_BIGINT, 1);
    random_transactions(TABLE_KIND_SHARED, VALUE_TEXT, 2);
    random_transactions(TABLE_KIND_USER, VALUE_TEXT, seed);
    random_transactions(TABLE_KIND_SHARED, VALUE_BIGINT, seed + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction__shows_its_own_and_the_moment_of_begin),
        cmocka_unit_test(test_transaction__a_failed_statement_leaves_nothing),
        cmocka_unit_test(test_transaction__bytes_of_all_statements_count),
        cmocka_unit_test(test_transaction__replaced_rows_are_limited),
        cmocka_unit_test(test_transaction__memory_of_a_statement_is_limited),
        cmocka_unit_test(test_transaction__the_first_to_commit_wins),
        cmocka_unit_test(test_transaction__one_change_per_key_in_order),
        cmocka_unit_test(test_transaction__flush_is_due_after_commit),
        cmocka_unit_test(test_transaction__would_block),
        cmocka_unit_test(test_transaction__random_histories),
    };

    id_init(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
