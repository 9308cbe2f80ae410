/* test_analytic_run.c — executions of one plan: paths, key ranges, rights, limits, retries,
 * collecting.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "analytic_fake.h"

#include <unistd.h>

static void reset(void)
{
    fake_estimate = (struct scan_estimate){
        .hot_rows = 2, .segments = 4, .segments_pruned = 3, .groups = 8, .groups_pruned = 7};
    fake_files = (struct cold_files){.count = 0};
    fake_engine.options.result_rows_max = 0;
    memset(&fake_last_scan, 0, sizeof(fake_last_scan));
}

static void expect_range(const char *sql, const struct value *params, const char *lower,
                         const char *upper)
{
    const struct str bounds[] = {str_from_c(lower), str_from_c(upper)};
    struct buf key;

    reset();
    fake_run_with(sql, params, params ? 1 : 0, NULL);
    for (int i = 0; i < 2; i++) {
        struct str actual = i ? fake_last_scan.range.upper : fake_last_scan.range.lower;
        int64_t number;
        buf_init(&key);
        if (str_to_int64(bounds[i], &number)) {
            struct value value = value_integer(VALUE_BIGINT, number);
            struct error err;
            assert_int_equal(key_encode(&value, 1, &key, &err), STATUS_OK);
        }
        if (!str_equal(actual, buf_str(&key)))
            print_error("%s: bound %d\n", sql, i);
        assert_true(str_equal(actual, buf_str(&key)));
        buf_clear(&key);
    }
}

static void test_analytic_run__pushes_key_bounds(void **state)
{
    struct value five = value_integer(VALUE_BIGINT, 5), text = value_text(VALUE_TEXT, STR_LIT("7")),
                 word = value_text(VALUE_TEXT, STR_LIT("x")), null = value_null(VALUE_NULL);

    expect_range("SELECT count(*) FROM users", NULL, "", "");
    expect_range("SELECT count(*) FROM users WHERE id = 3", NULL, "3", "4");
    expect_range("SELECT count(*) FROM users WHERE 3 < id AND id <= 8 AND age > 1", NULL, "4", "9");
    expect_range("SELECT count(*) FROM users WHERE id BETWEEN 3 AND 8 AND id >= 5", NULL, "5", "9");
    expect_range("SELECT count(*) FROM users u WHERE u.id < -1", NULL, "", "-1");
    expect_range("SELECT count(*) FROM users WHERE id = $1", &five, "5", "6");
    expect_range("SELECT count(*) FROM users WHERE id >= $1", &text, "7", "");
    expect_range("SELECT count(*) FROM users WHERE id >= $1", &null, "", "");
    (void)word;
    /* not a bound: OR, NOT, another column, an expression, HAVING, an outer join's condition */
    expect_range("SELECT count(*) FROM users WHERE id = 3 OR age = 1", NULL, "", "");
    expect_range("SELECT count(*) FROM users WHERE NOT id = 3", NULL, "", "");
    expect_range("SELECT count(*) FROM users WHERE age = 3", NULL, "", "");
    expect_range("SELECT count(*) FROM users WHERE id + 1 = 3", NULL, "", "");
    expect_range("SELECT id FROM users GROUP BY id HAVING id = 3", NULL, "", "");
    expect_range("SELECT 1 FROM (VALUES (1)) v(x) LEFT JOIN users u ON u.id = 3", NULL, "", "");
    /* on the null side of an outer join WHERE still decides */
    expect_range("SELECT 1 FROM (VALUES (1)) v(x) LEFT JOIN users u ON true WHERE u.id = 3", NULL,
                 "3", "4");
    /* a position join must see all rows */
    expect_range("SELECT 1 FROM (VALUES (1)) v(x) POSITIONAL JOIN users u WHERE u.id = 3", NULL, "",
                 "");
    assert_string_equal(fake_run("SELECT name FROM users WHERE id = 2 AND id > 0"), "name;Bob");
}

static void test_analytic_run__identity_comes_from_the_caller(void **state)
{
    reset();
    fake_run("SELECT count(*) FROM users");
    assert_true(str_equal(fake_last_scan.user, STR_LIT("ann")));
    fake_run("SELECT count(*) FROM app.bob.users");
    assert_true(str_equal(fake_last_request.user, STR_LIT("bob")));
    assert_true(str_equal(fake_last_scan.user, STR_LIT("bob")));
    fake_run("SELECT count(*) FROM app.user.users");
    assert_true(str_equal(fake_last_request.user, STR_LIT("user")));
    fake_run("SELECT count(*) FROM app.\"a@B.c\".users");
    assert_true(str_equal(fake_last_request.user, STR_LIT("a@B.c")));
    assert_null(strstr(fake_columnar.last_sql, "a@B.c"));
}

static void write_parquet(const char *path)
{
    char sql[1024];

    snprintf(
        sql, sizeof(sql),
        "COPY (SELECT * FROM (VALUES (2::BIGINT, 'old Bob', 1::INT, 1::BIGINT, TIMESTAMP "
        "'1970-01-01', false), (8, 'cold', 2, 2, TIMESTAMP '1970-01-01', false), (9, 'gone', 3, 3, "
        "TIMESTAMP '1970-01-01', true)) v(id, name, age, _seq, _updated, _deleted)) TO '%s' "
        "(FORMAT parquet)",
        path);
    fake_execute(sql);
}

static void test_analytic_run__reads_large_cold_parts_directly(void **state)
{
    char path[] = "/tmp/kalam'analytic-XXXXXX";
    char quoted[64];
    struct str paths[1];
    uint32_t versions[1] = {1};
    struct buf explain;
    int file = mkstemp(path);

    assert_true(file >= 0);
    close(file);
    snprintf(quoted, sizeof(quoted), "/tmp/kalam''%s", strchr(path, '\'') + 1);
    write_parquet(quoted);
    reset();
    paths[0] = str_from_c(path);
    fake_estimate.cold_rows = 50000;
    fake_files = (struct cold_files){.paths = paths,
                                     .count = 1,
                                     .rows = 3,
                                     .deleted_rows = 1,
                                     .has_shadows = true,
                                     .versions = versions};
    assert_string_equal(fake_run("SELECT id, name FROM users ORDER BY id"),
                        "id,name;1|Ada;2|Bob;8|cold");
    assert_non_null(strstr(fake_columnar.last_sql, "read_parquet(['/tmp/kalam''"));
    assert_non_null(strstr(fake_columnar.last_sql, "NOT IN (SELECT (\"id\") FROM hot_scan("));
    assert_true(fake_last_scan.hot_only);
    assert_string_equal(fake_run("SELECT count(*) FROM users a, users b WHERE a.id = b.id"),
                        "count;3");
    assert_string_equal(fake_run("SELECT count(*) FROM users WHERE _deleted OR NOT _deleted"),
                        "count;5"); /* 1, 2, 3 hot (3 deleted), 8, 9 cold: 2 is shadowed */
    fake_files.has_shadows = false;
    fake_run("SELECT count(*) FROM users");
    assert_null(strstr(fake_columnar.last_sql, "NOT IN"));
    assert_non_null(strstr(fake_columnar.last_sql, "NOT \"_deleted\""));
    /* halves of the text that can give nothing are left out */
    fake_files.deleted_rows = 0;
    fake_run("SELECT count(*) FROM users");
    assert_null(strstr(fake_columnar.last_sql, "_deleted\" AND"));
    assert_null(strstr(fake_columnar.last_sql, "NOT \"_deleted\""));
    assert_non_null(strstr(fake_columnar.last_sql, "hot_scan"));
    uint64_t hot_rows = fake_estimate.hot_rows;
    fake_estimate.hot_rows = 0;
    fake_run("SELECT count(*) FROM users");
    assert_null(strstr(fake_columnar.last_sql, "hot_scan"));
    fake_estimate.hot_rows = hot_rows;
    /* rows of one table without ORDER BY keep key order; unknown layouts go through the merged scan
     */
    fake_run("SELECT id FROM users WHERE md5(name) <> ''");
    assert_null(strstr(fake_columnar.last_sql, "read_parquet"));
    versions[0] = 99;
    fake_run("SELECT count(*) FROM users");
    assert_null(strstr(fake_columnar.last_sql, "read_parquet"));
    versions[0] = 1;
    buf_init(&explain);
    fake_run_with("SELECT count(*) FROM users WHERE id > 4", NULL, 0, &explain);
    assert_true(str_equal(
        buf_str(&explain),
        STR_LIT("duckdb columnar\n  app.users: hot rows 2, parquet files 1, segments considered 4, "
                "pruned 3, row groups considered 8, pruned 7, key range id > 4\n")));
    buf_clear(&explain);
    unlink(path);
}

static void test_analytic_run__explains(void **state)
{
    struct buf explain;

    reset();
    buf_init(&explain);
    fake_columnar.last_sql[0] = 0;
    fake_run_with("SELECT count(*) FROM users u, orders o, system.tables t", NULL, 0, &explain);
    assert_true(
        str_equal(buf_str(&explain),
                  STR_LIT("duckdb over merged scan\n"
                          "  app.users: hot rows 2, cold rows 0, segments considered 4, pruned 3, "
                          "row groups considered 8, pruned 7, user prefix\n"
                          "  app.orders: hot rows 2, cold rows 0, segments considered 4, pruned 3, "
                          "row groups considered 8, pruned 7, full scan\n"
                          "  system.tables: system table\n")));
    assert_int_equal(fake_columnar.last_sql[0], 0); /* nothing ran */
    buf_clear(&explain);
}

static void test_analytic_run__limits_and_retries(void **state)
{
    reset();
    fake_engine.options.result_rows_max = 2;
    assert_string_equal(fake_run("SELECT id FROM users"), "id;1;2");
    fake_engine.options.result_rows_max = 1;
    assert_string_equal(fake_run("SELECT id FROM users"),
                        "ERROR RESULT_TOO_LARGE the result has more than 1 rows "
                        "(limits.max_result_rows)");
    reset();
    fake_columnar.stale_left = 1;
    assert_string_equal(fake_run("SELECT id FROM users"), "id;1;2");
    fake_columnar.stale_left = 2;
    assert_string_equal(
        fake_run("SELECT id FROM users"),
        "ERROR SQL_EXECUTION_ERROR the query engine was restarted; please repeat the "
        "statement");
    fake_columnar.stale_left = 0;
}

/* Prepares once, then lets `change` happen, then runs. */
static enum status run_after(void (*change)(void), const char *sql)
{
    struct analytic_plan *plan;
    struct arena arena;
    struct analytic_execution execution = {.engine = &fake_engine,
                                           .caller = &fake_caller,
                                           .view = (struct view *)&fake_engine,
                                           .arena = &arena};
    enum status status;

    arena_init(&arena, 1 << 20);
    assert_int_equal(
        analytic_prepare(&fake_engine, &fake_caller, NULL, str_from_c(sql), 0, &plan, &fake_err),
        STATUS_OK);
    change();
    status = analytic_run(plan, &execution, &fake_err);
    analytic_plan_free(plan);
    arena_clear(&arena);
    return status;
}

static void new_version(void)
{
    static struct fake_table copy;
    copy = fake_tables[0];
    copy.schema.version++;
    copy.table.schema = &copy.schema;
    fake_newer = &copy.table;
}
static void other_namespace(void)
{
    fake_caller.space = STR_LIT("elsewhere");
}

static void test_analytic_run__checks_tables_again(void **state)
{
    reset();
    assert_int_equal(run_after(new_version, "SELECT count(*) FROM users"), STATUS_STALE);
    fake_newer = NULL;
    assert_int_equal(run_after(other_namespace, "SELECT count(*) FROM users"),
                     STATUS_TABLE_NOT_FOUND);
    fake_caller.space = STR_LIT("app");
}

static size_t collect(const char *sql, size_t *columns, char *first, size_t first_size)
{
    struct analytic_plan *plan;
    struct arena arena;
    struct analytic_execution execution = {.engine = &fake_engine,
                                           .caller = &fake_caller,
                                           .view = (struct view *)&fake_engine,
                                           .arena = &arena};
    struct value **rows;
    size_t count;

    arena_init(&arena, 1 << 20);
    assert_int_equal(
        analytic_prepare(&fake_engine, &fake_caller, NULL, str_from_c(sql), 0, &plan, &fake_err),
        STATUS_OK);
    assert_int_equal(analytic_collect(plan, &execution, &rows, &count, columns, &fake_err),
                     STATUS_OK);
    snprintf(first, first_size, "%.*s", STR_ARG(rows[0][1].text));
    analytic_plan_free(plan);
    arena_clear(&arena);
    return count;
}

static void test_analytic_run__collects_without_system_columns(void **state)
{
    char first[64];
    size_t columns;

    reset();
    assert_int_equal(collect("SELECT * FROM users", &columns, first, sizeof(first)), 2);
    assert_int_equal(columns, 3);
    assert_string_equal(first, "Ada");
    collect("SELECT *, id AS _seq FROM users", &columns, first, sizeof(first));
    assert_int_equal(columns, 5); /* asked for by name */
    collect("SELECT id, _seq FROM users", &columns, first, sizeof(first));
    assert_int_equal(columns, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analytic_run__pushes_key_bounds),
        cmocka_unit_test(test_analytic_run__identity_comes_from_the_caller),
        cmocka_unit_test(test_analytic_run__reads_large_cold_parts_directly),
        cmocka_unit_test(test_analytic_run__explains),
        cmocka_unit_test(test_analytic_run__limits_and_retries),
        cmocka_unit_test(test_analytic_run__checks_tables_again),
        cmocka_unit_test(test_analytic_run__collects_without_system_columns),
    };
    return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}
