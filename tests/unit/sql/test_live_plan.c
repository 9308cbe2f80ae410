/* test_live_plan.c — what can be a live query, whose rows it sees, and which rows match.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

#include "sql/live_plan.h"
#include "sql/sql_internal.h"

static enum status compile(struct sql_fixture *f, const char *user, const char *sql,
                           struct live_plan **plan, struct error *err)
{
    struct sql_caller caller = fixture_caller(user, ROLE_USER);
    struct view *view = view_acquire(f->store);
    enum status status =
        sql_live_compile(f->engine, &caller, view, str_from_c(sql), NULL, 0, plan, err);

    view_release(view);
    return status;
}

static void refused(struct sql_fixture *f, const char *sql, enum status code)
{
    struct live_plan *plan = NULL;
    struct error err;
    enum status status = compile(f, "ann", sql, &plan, &err);

    if (status != code)
        fail_msg("%s: expected %s, got %s: %s", sql, status_name(code), status_name(status),
                 err.message);
    assert_null(plan);
}

static void open_tables(struct sql_fixture *f)
{
    fixture_open(f, false);
    fixture_sql(f, "CREATE USER TABLE mine (id BIGINT PRIMARY KEY, v TEXT, n INT)");
    fixture_sql(f, "CREATE SHARED TABLE ours (a INT, b TEXT, v INT, PRIMARY KEY (a, b))");
    fixture_sql(f, "CREATE SHARED TABLE secret (id INT PRIMARY KEY) ACCESS RESTRICTED");
}

static void test_live_plan__refuses_what_cannot_be_matched(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    open_tables(&f);
    refused(&f, "SELECT a.id FROM mine a JOIN mine b ON true", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT n, count(*) FROM mine GROUP BY n", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT count(*) FROM mine", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine WHERE n = (SELECT 1)", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT id + 1 FROM mine", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine WHERE id < SNOWFLAKE_ID()", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine OFFSET 3", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine ORDER BY v OFFSET 3", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine LIMIT 2 OFFSET 3", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine ORDER BY UUID_V7() LIMIT 3", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT * FROM mine ORDER BY nope", STATUS_COLUMN_NOT_FOUND);
    refused(&f, "SELECT * FROM system.live_queries", STATUS_NOT_SUPPORTED);
    refused(&f, "SELECT 1", STATUS_NOT_SUPPORTED);
    refused(&f, "DELETE FROM mine", STATUS_INVALID_SQL);
    refused(&f, "SELECT nope FROM mine", STATUS_COLUMN_NOT_FOUND);
    refused(&f, "SELECT * FROM mine WHERE nope = 1", STATUS_COLUMN_NOT_FOUND);
    refused(&f, "SELECT * FROM nope", STATUS_TABLE_NOT_FOUND);
    refused(&f, "SELECT * FROM secret", STATUS_PERMISSION_DENIED);
    refused(&f, "SELECT * FROM \"default\".bob.mine", STATUS_PERMISSION_DENIED);
    refused(&f, "SELECT * FROM mine WHERE id = $1", STATUS_INVALID_PARAMETER);
    fixture_close(&f);
}

static void test_live_plan__adds_key_and_seq(void **state)
{
    struct sql_fixture f = {0};
    struct live_plan *plan = NULL;
    struct error err;
    (void)state;

    open_tables(&f);
    fixture_check(compile(&f, "ann", "SELECT v AS value FROM ours", &plan, &err), &err, "compile");
    assert_int_equal(plan->shape->column_count, 4);
    assert_true(str_equal(plan->shape->column_specs[0].name, STR_LIT("value")));
    assert_true(str_equal(plan->shape->column_specs[1].name, STR_LIT("a")));
    assert_true(str_equal(plan->shape->column_specs[2].name, STR_LIT("b")));
    assert_true(str_equal(plan->shape->column_specs[3].name, STR_LIT("_seq")));
    assert_true(plan->shape->column_specs[1].primary_key && !plan->shape->column_specs[1].unique);
    assert_true(plan->snapshot_limit == -1 && plan->user.size == 0 && plan->shape->filter == NULL);
    live_plan_unref(plan);
    fixture_check(compile(&f, "ann", "SUBSCRIBE TO mine WHERE n > 3", &plan, &err), &err,
                  "compile");
    assert_int_equal(plan->shape->column_count, 6);
    assert_true(str_equal(plan->user, STR_LIT("ann")) && plan->shape->filter != NULL);
    live_plan_unref(plan);
    fixture_check(compile(&f, "ann", "SELECT * FROM mine ORDER BY _seq DESC LIMIT 7", &plan, &err),
                  &err, "compile");
    assert_int_equal(plan->snapshot_limit, 7);
    assert_ptr_equal(live_plan_ref(plan), plan);
    live_plan_unref(plan);
    live_plan_unref(plan);
    fixture_close(&f);
}

static void test_live_plan__finds_the_way_to_an_order(void **state)
{
    static const struct {
        const char *sql;
        enum live_order_kind kind;
        uint32_t values;
    } cases[] = {
        {"SELECT * FROM ours ORDER BY v", LIVE_ORDER_NONE, 0},
        {"SELECT * FROM ours ORDER BY v LIMIT NULL", LIVE_ORDER_NONE, 0},
        {"SELECT * FROM ours LIMIT 3", LIVE_ORDER_NEWEST, 0},
        {"SELECT * FROM ours ORDER BY _seq DESC, v LIMIT 3", LIVE_ORDER_NEWEST, 0},
        {"SELECT * FROM ours ORDER BY _seq DESC LIMIT 3 OFFSET 1", LIVE_ORDER_VALUES, 1},
        {"SELECT * FROM ours ORDER BY _seq LIMIT 3", LIVE_ORDER_VALUES, 1},
        {"SELECT v FROM ours ORDER BY a, b LIMIT 3", LIVE_ORDER_KEY, 0},
        {"SELECT b AS x, a FROM ours ORDER BY 2 DESC, x DESC, v LIMIT 3", LIVE_ORDER_KEY_DESCENDING,
         0},
        {"SELECT * FROM ours ORDER BY a, b DESC LIMIT 3", LIVE_ORDER_VALUES, 2},
        {"SELECT * FROM ours ORDER BY b LIMIT 3", LIVE_ORDER_VALUES, 1},
    };
    struct sql_fixture f = {0};
    struct live_plan *plan = NULL;
    struct error err;
    (void)state;

    open_tables(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fixture_check(compile(&f, "ann", cases[i].sql, &plan, &err), &err, cases[i].sql);
        assert_int_equal(plan->shape->order_kind, cases[i].kind);
        assert_int_equal(live_plan_is_ordered(plan),
                         cases[i].kind >= LIVE_ORDER_KEY && plan->snapshot_limit >= 0);
        if (live_plan_is_ordered(plan)) {
            assert_int_equal(live_plan_order_count(plan), cases[i].values);
            assert_int_equal(live_plan_order_keep(plan),
                             plan->snapshot_limit + plan->snapshot_offset);
        }
        live_plan_unref(plan);
    }
    fixture_close(&f);
}

/* Number of rows of ours that match. */
static unsigned matching(struct sql_fixture *f, const char *sql)
{
    struct live_plan *plan = NULL;
    struct view *view = view_acquire(f->store);
    struct arena arena;
    struct scan *scan = NULL;
    struct error err;
    struct row row;
    unsigned count = 0;

    arena_init(&arena, 0);
    fixture_check(compile(f, "ann", sql, &plan, &err), &err, sql);
    struct scan_options options = {
        .view = view, .table = plan->table, .with_deleted = true, .seq_after = -1, .arena = &arena};
    fixture_check(scan_open(f->store, &options, &scan, &err), &err, "scan");
    while (scan_next(scan, &row, &err) == STATUS_OK) {
        bool matches = false;
        fixture_check(live_plan_matches(plan, &row, &arena, &matches, &err), &err, "match");
        count += matches;
    }
    scan_close(scan);
    live_plan_unref(plan);
    view_release(view);
    arena_clear(&arena);
    return count;
}

static void test_live_plan__matches(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    open_tables(&f);
    fixture_sql(&f,
                "INSERT INTO ours VALUES (1, 'x', 10), (2, 'y', NULL), (3, 'z', 30), (4, 'w', 40)");
    fixture_sql(&f, "DELETE FROM ours WHERE a = 4");
    assert_int_equal(matching(&f, "SELECT * FROM ours"), 3);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE v > 10"), 1);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE NOT (v > 10)"), 1);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE v IS NULL OR b LIKE 'x%'"), 2);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE _deleted"), 1);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE _deleted IN (true, false)"), 4);
    assert_int_equal(matching(&f, "SELECT * FROM ours WHERE b = CURRENT_USER()"), 0);
    fixture_close(&f);
}

/* ---- sharing -----------------------------------------------------------------------------------
 */

static struct live_plan *compile_as(struct sql_fixture *f, const char *user, const char *sql,
                                    const struct value *param)
{
    struct sql_caller caller = fixture_caller(user, ROLE_USER);
    struct view *view = view_acquire(f->store);
    struct live_plan *plan = NULL;
    struct error err;

    fixture_check(sql_live_compile(f->engine, &caller, view, str_from_c(sql), param, param != NULL,
                                   &plan, &err),
                  &err, sql);
    view_release(view);
    return plan;
}

enum sharing { NOTHING, SHAPE, EQUAL, PLAN };

static void expect_sharing(struct live_plan *a, struct live_plan *b, enum sharing sharing)
{
    assert_int_equal(a->shape == b->shape, sharing >= SHAPE);
    assert_int_equal(live_plan_is_equal(a, b), sharing >= EQUAL);
    assert_int_equal(a == b, sharing >= PLAN);
    if (sharing >= EQUAL)
        assert_true(live_plan_hash(a) == live_plan_hash(b));
    live_plan_unref(a);
    live_plan_unref(b);
}

static void expect_users_share(struct sql_fixture *f, const char *sql, enum sharing sharing)
{
    expect_sharing(compile_as(f, "ann", sql, NULL), compile_as(f, "bob", sql, NULL), sharing);
}

static void test_live_plan__equal_queries_share(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    open_tables(&f);
    expect_users_share(&f, "SELECT * FROM ours WHERE v = 3", PLAN);
    expect_users_share(&f, "SELECT * FROM mine WHERE n = 3", SHAPE);
    /* what a filter asks of its caller keeps them apart, however it is written */
    expect_users_share(&f, "SELECT * FROM ours WHERE b = CURRENT_USER", SHAPE);
    expect_users_share(&f, "SELECT * FROM ours WHERE b = Current_User()", SHAPE);
    expect_users_share(&f, "SELECT * FROM ours WHERE b = current_ROLE", SHAPE);
    expect_sharing(compile_as(&f, "ann", "SELECT * FROM ours", NULL),
                   compile_as(&f, "ann", "SELECT a FROM ours", NULL), NOTHING);
    assert_int_equal(live_shapes_count(f.engine->live_shapes), 0);
    fixture_close(&f);
}

static void test_live_plan__parameters_tell_plans_apart(void **state)
{
    static const char sql[] = "SELECT * FROM ours WHERE v > $1";
    struct value three = value_integer(VALUE_INT, 3), four = value_integer(VALUE_INT, 4),
                 text = value_text(VALUE_TEXT, STR_LIT("3")), null = value_null(VALUE_NULL),
                 one = {.type = VALUE_DECIMAL, .precision = 5, .scale = 1, .decimal = 10},
                 precise = {.type = VALUE_DECIMAL, .precision = 5, .scale = 2, .decimal = 100};
    struct sql_fixture f = {0};
    (void)state;

    open_tables(&f);
    expect_sharing(compile_as(&f, "ann", sql, &three), compile_as(&f, "bob", sql, &three), EQUAL);
    expect_sharing(compile_as(&f, "ann", sql, &three), compile_as(&f, "ann", sql, &four), SHAPE);
    expect_sharing(compile_as(&f, "ann", sql, &three), compile_as(&f, "ann", sql, &text), NOTHING);
    expect_sharing(compile_as(&f, "ann", sql, &null), compile_as(&f, "ann", sql, &three), NOTHING);
    expect_sharing(compile_as(&f, "ann", sql, &one), compile_as(&f, "ann", sql, &precise), SHAPE);
    fixture_close(&f);
}

/* The copy in the plan, not the caller's memory. */
static void test_live_plan__keeps_texts_of_parameters(void **state)
{
    char word[] = "left";
    struct value param = value_text(VALUE_TEXT, str_from(word, 4));
    struct sql_fixture f = {0};
    (void)state;

    open_tables(&f);
    struct live_plan *plan = compile_as(&f, "ann", "SELECT * FROM mine WHERE v = $1", &param);
    memcpy(word, "xxxx", 4);
    assert_true(str_equal(plan->params[0].text, STR_LIT("left")));
    assert_true(str_equal(plan->user, STR_LIT("ann")));
    assert_int_equal(plan->route_count, 1);
    struct value left = value_text(VALUE_TEXT, STR_LIT("left"));
    assert_true(plan->route_hashes[0] == live_route_hash(&left));
    live_plan_unref(plan);
    fixture_close(&f);
}

static void test_live_plan__an_altered_table_has_its_own(void **state)
{
    static const char sql[] = "SELECT * FROM ours";
    struct sql_caller caller;
    struct sql_fixture f = {0};
    struct live_plan *next = NULL, *again = NULL;
    struct error err;
    (void)state;

    open_tables(&f);
    caller = fixture_caller("ann", ROLE_USER);
    struct live_plan *old = compile_as(&f, "ann", sql, NULL);
    fixture_sql(&f, "ALTER TABLE ours ADD COLUMN extra INT");
    struct live_plan *new = compile_as(&f, "ann", sql, NULL);
    assert_int_equal(new->shape->column_count, old->shape->column_count + 1);
    fixture_check(sql_live_rebind(f.engine, &caller, old, new->table, &next, &err), &err, "rebind");
    fixture_check(sql_live_rebind(f.engine, &caller, old, new->table, &again, &err), &err, "again");
    assert_ptr_equal(next, new);
    assert_ptr_equal(again, new);
    live_plan_unref(old); /* it is not the newest of its text: that one stays */
    assert_int_equal(live_shapes_count(f.engine->live_shapes), 1);
    live_plan_unref(next);
    live_plan_unref(again);
    live_plan_unref(new);
    assert_int_equal(live_shapes_count(f.engine->live_shapes), 0);
    fixture_close(&f);
}

/* Rights belong to the caller, not to what is shared. */
static void test_live_plan__rights_are_asked_each_time(void **state)
{
    struct sql_fixture f = {0};
    struct sql_caller dba;
    struct live_plan *plan = NULL;
    struct error err;
    (void)state;

    open_tables(&f);
    dba = fixture_caller("root", ROLE_SYSTEM);
    struct view *view = view_acquire(f.store);
    fixture_check(sql_live_compile(f.engine, &dba, view, STR_LIT("SELECT * FROM secret"), NULL, 0,
                                   &plan, &err),
                  &err, "as system");
    view_release(view);
    refused(&f, "SELECT * FROM secret", STATUS_PERMISSION_DENIED);
    live_plan_unref(plan);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_plan__refuses_what_cannot_be_matched),
        cmocka_unit_test(test_live_plan__adds_key_and_seq),
        cmocka_unit_test(test_live_plan__finds_the_way_to_an_order),
        cmocka_unit_test(test_live_plan__matches),
        cmocka_unit_test(test_live_plan__equal_queries_share),
        cmocka_unit_test(test_live_plan__parameters_tell_plans_apart),
        cmocka_unit_test(test_live_plan__keeps_texts_of_parameters),
        cmocka_unit_test(test_live_plan__an_altered_table_has_its_own),
        cmocka_unit_test(test_live_plan__rights_are_asked_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
