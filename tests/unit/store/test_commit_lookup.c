/* test_commit_lookup.c — what a request takes to know its cold rows: no more than its arena may
 * hold, and no bytes of rows that nobody looks at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

enum { ROWS = 8, BODY = 5000 };

/* A file with ROWS rows of BODY bytes. */
static struct table_id cold_rows(struct cold_fixture *f)
{
    static char text[BODY];
    struct write write;

    cold_open(f);
    struct table_id id = cold_table(f, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    memset(text, 'x', sizeof(text));
    write_begin(&write, &f->base, id);
    for (int i = 0; i < ROWS; i++)
        write_insert(&write, "", i, i)->values[2] = value_text(VALUE_TEXT, str_from(text, BODY));
    assert_int_equal(write_run(&write, &f->base), STATUS_OK);
    write_end(&write);
    assert_int_equal(cold_flush(f, id, false).rows, ROWS);
    return id;
}

static void commit_lookup__rows_fit_into_the_arena(void **state)
{
    struct cold_fixture f = {0};
    struct table_id id = cold_rows(&f);
    struct row_logic erase = {.resolve = fixture_resolve_delete};

    (void)state;
    for (int rows = 2; rows <= ROWS; rows += ROWS - 2) {
        struct write write;
        struct error err;
        write_begin(&write, &f.base, id);
        for (int i = 0; i < rows; i++)
            write_change(&write, "", i, &erase);
        write.arena.limit_bytes = write.arena.used_bytes + 3 * BODY;
        assert_int_equal(commit_lookup_cold(f.base.store, &write.request, false, &err),
                         rows == 2 ? STATUS_OK : STATUS_RESULT_TOO_LARGE);
        assert_true(write.arena.used_bytes < 5 * BODY);
        write_end(&write);
    }
    cold_close(&f);
}

/* INSERT without and with ON CONFLICT DO NOTHING: that a row is there is enough. */
static void commit_lookup__unread_rows_take_no_memory(void **state)
{
    struct cold_fixture f = {0};
    struct table_id id = cold_rows(&f);
    struct row_logic nothing = {.resolve = fixture_resolve_keep};

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct write write;
        struct error err;
        write_begin(&write, &f.base, id);
        for (int i = 0; i < ROWS; i++) {
            struct row_op *op = write_insert(&write, "", i, i);
            op->logic = round == 0 ? NULL : &nothing;
            op->ignores_row = round == 1;
        }
        size_t before = write.arena.used_bytes;
        assert_int_equal(commit_lookup_cold(f.base.store, &write.request, false, &err), STATUS_OK);
        assert_true(write.arena.used_bytes - before < BODY);
        assert_int_equal(write_run(&write, &f.base),
                         round == 0 ? STATUS_CONSTRAINT_VIOLATION : STATUS_OK);
        assert_int_equal(write.request.rows_affected, 0);
        write_end(&write);
    }
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_lookup__rows_fit_into_the_arena),
        cmocka_unit_test(commit_lookup__unread_rows_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
