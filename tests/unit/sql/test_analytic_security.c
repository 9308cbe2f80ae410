/* test_analytic_security.c — nothing but the catalogue's tables and listed functions is reachable,
 * from any place of a statement, and no statement makes another one's worth of work.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "analytic_fake.h"

static void expect_refused(const char *sql)
{
    const char *actual = fake_run(sql);
    bool refused = fake_err.code == STATUS_NOT_SUPPORTED || fake_err.code == STATUS_INVALID_SQL ||
                   fake_err.code == STATUS_TABLE_NOT_FOUND ||
                   fake_err.code == STATUS_PERMISSION_DENIED ||
                   fake_err.code == STATUS_INVALID_PARAMETER;
    if (!refused || strncmp(actual, "ERROR", 5) != 0)
        print_error("%s\n  %s\n", sql, actual);
    assert_true(refused && strncmp(actual, "ERROR", 5) == 0);
}

/* Everything that must not be callable, in every place that takes an expression. */
static void test_analytic_security__functions_everywhere(void **state)
{
    static const char *const calls[] = {
        "getenv('HOME')",
        "current_setting('threads')",
        "getvariable('x')",
        "nextval('s')",
        "setseed(0.5)",
        "txid_current()",
        "sleep_ms(1)",
        "write_log('x')",
        "json_execute_serialized_sql('x')",
        "version()",
        "pg_sleep(1)",
        "\"getenv\"('HOME')",
        "GetEnv /* ( */ ('x')",
        "main.getenv('x')",
        "system.main.version()",
        "json_serialize_sql('SELECT 1')",
        "current_query()",
        "printf('%1000000000d', 1)",
        "format('{:>1000000000}', 1)",
        "json_deserialize_sql('x')",
        "in_search_path('a', 'b')",
    };
    static const char *const places[] = {
        "SELECT %s",
        "SELECT (SELECT %s)",
        "SELECT 1 FROM users WHERE id IN (SELECT length(%s::text))",
        "WITH x AS (SELECT %s AS a) SELECT * FROM x",
        "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT %s FROM r) SELECT * FROM r",
        "SELECT 1 FROM users, LATERAL (SELECT %s) l",
        "SELECT CASE WHEN true THEN %s ELSE NULL END",
        "SELECT CASE %s WHEN '1' THEN 1 END",
        "SELECT row_number() OVER (ORDER BY %s) FROM users",
        "SELECT sum(id) OVER (PARTITION BY %s) FROM users",
        "SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN length(%s) PRECEDING AND CURRENT ROW) FROM "
        "users",
        "SELECT lag(name, 1, %s) OVER () FROM users",
        "SELECT id FROM users ORDER BY %s",
        "SELECT 1 LIMIT (SELECT length(%s))",
        "SELECT 1 OFFSET length(%s)",
        "SELECT count(*) FILTER (WHERE %s = '') FROM users",
        "SELECT string_agg(name, ',' ORDER BY %s) FROM users",
        "SELECT 1 FROM users JOIN orders ON %s = ''",
        "SELECT 1 FROM users GROUP BY %s",
        "SELECT 1 FROM users GROUP BY GROUPING SETS ((%s), ())",
        "SELECT 1 FROM users HAVING %s = ''",
        "SELECT 1 FROM users QUALIFY %s = ''",
        "SELECT DISTINCT ON (%s) 1 FROM users",
        "SELECT list_transform([1], x -> %s)",
        "SELECT [%s for x in [1]]",
        "SELECT * REPLACE (%s AS name) FROM users",
        "SELECT COLUMNS(c -> %s = c) FROM users",
        "VALUES (%s)",
        "SELECT * FROM (VALUES (%s)) v",
        "SELECT 1 UNION ALL SELECT %s",
        "SELECT * FROM generate_series(1, length(%s))",
        "SELECT * FROM unnest([%s])",
        "SELECT {'a': %s}",
        "SELECT CAST(%s AS TEXT)",
        "SELECT %s COLLATE nocase",
        "SELECT %s BETWEEN '' AND ''",
        "SELECT abs(1 + length(%s::text))",
    };
    char sql[512];

    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(places); k++) {
            snprintf(sql, sizeof(sql), places[k], calls[i]);
            expect_refused(sql);
        }
    }
}

static void test_analytic_security__sources_everywhere(void **state)
{
    static const char *const sources[] = {
        "read_text('/etc/passwd')",
        "read_parquet('/tmp/x.parquet')",
        "read_csv_auto('/etc/passwd')",
        "read_blob('*')",
        "glob('*')",
        "'file.csv'",
        "'/etc/passwd'",
        "\"file.csv\"",
        "\"/etc/passwd\"",
        "query('SELECT 1')",
        "query_table('users')",
        "duckdb_tables()",
        "duckdb_tables",
        "duckdb_settings()",
        "pg_catalog.pg_tables",
        "pg_tables",
        "sqlite_master",
        "main.sqlite_master",
        "system.main.duckdb_tables",
        "system.information_schema.tables",
        "memory.main.users",
        "temp.users",
        "secrets",
        "pragma_table_info('users')",
        "hot_scan(0)",
        "hot_scan(1) h",
        "main.hot_scan(0)",
        "json_execute_serialized_sql('x')",
        "repeat_row(1, num_rows := 1000000000)",
        "enable_logging()",
        "test_all_types()",
        "users TABLESAMPLE 10%",
        "(DESCRIBE users)",
        "(SHOW TABLES)",
        "(SUMMARIZE users)",
        "users PIVOT (sum(age) FOR name IN ('a'))",
        "users AT (VERSION => 1)",
        "json_each('[1]')",
        "\"users\"\"\"",
        "app.\"users;\"",
    };
    static const char *const places[] = {
        "SELECT * FROM %s",
        "FROM %s",
        "SELECT * FROM users, %s",
        "SELECT * FROM users u JOIN %s ON true",
        "SELECT (SELECT 1 FROM %s)",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM %s)",
        "SELECT 1 WHERE 1 IN (SELECT 1 FROM %s)",
        "WITH x AS (SELECT * FROM %s) SELECT * FROM x",
        "WITH users AS (SELECT 1) SELECT * FROM users, %s",
        "SELECT 1 UNION SELECT 1 FROM %s",
        "SELECT * FROM (SELECT * FROM %s) s",
        "SELECT 1 ORDER BY (SELECT 1 FROM %s)",
        "SELECT * FROM /* , users */ %s -- users",
    };
    char sql[512];

    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(places); k++) {
            snprintf(sql, sizeof(sql), places[k], sources[i]);
            expect_refused(sql);
        }
    }
}

static void test_analytic_security__statements(void **state)
{
    static const char *const statements[] = {
        "COPY (SELECT 1) TO '/tmp/x'",
        "COPY users FROM '/etc/passwd'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 4",
        "RESET threads",
        "CALL enable_logging()",
        "EXPLAIN SELECT 1",
        "CREATE TABLE x (a INT)",
        "DROP VIEW x",
        "CREATE MACRO f(a) AS a",
        "INSERT INTO users VALUES (1)",
        "DELETE FROM users",
        "UPDATE users SET id = 1",
        "EXPORT DATABASE '/tmp/x'",
        "VACUUM",
        "CHECKPOINT",
        "USE memory",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "DESCRIBE users",
        "SHOW TABLES",
        "PIVOT users ON name",
        "SELECT 1; DROP TABLE users",
        "SELECT 1; SELECT 2",
        "SUMMARIZE users",
        "SELECT * FROM users FOR UPDATE",
        "SELECT 1 INTO x",
        "WITH x AS (INSERT INTO users VALUES (1) RETURNING *) SELECT * FROM x",
    };

    for (size_t i = 0; i < ARRAY_COUNT(statements); i++)
        expect_refused(statements[i]);
}

/* Names of WITH queries must not be able to reach DuckDB's own views or files, whatever the scope.
 */
static void test_analytic_security__cte_names(void **state)
{
    expect_refused("WITH duckdb_tables AS (SELECT 1) SELECT * FROM duckdb_tables");
    expect_refused("WITH \"a.csv\" AS (SELECT 1) SELECT * FROM \"a.csv\"");
    expect_refused("WITH \"/etc/passwd\" AS (SELECT 1) SELECT 1");
    expect_refused("WITH PG_tables AS (SELECT 1) SELECT 1");
    expect_refused("SELECT (WITH x AS (SELECT 1 AS a) SELECT a FROM x) FROM x");
    expect_refused("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a");
    assert_string_equal(fake_run("WITH \"Ünï é\" AS (SELECT 1 AS a) SELECT * FROM \"Ünï é\""),
                        "a;1");
}

static void test_analytic_security__generators_are_capped(void **state)
{
    static const char *const refused[] = {
        "SELECT range(100000000)",
        "SELECT generate_series(1, 100000000)",
        "SELECT list_sort(range(100000000))",
        "SELECT range(age) FROM users",
        "SELECT range(-9223372036854775807, 9223372036854775807)",
        "SELECT range(1, 10, 0)",
        "SELECT count(*) FROM generate_series(1, -9223372036854775807, -1) g",
        "SELECT range(1, -9223372036854775807, -1)",
        "SELECT range(9223372036854775807, -9223372036854775807, -1)",
        "SELECT range(-1, 9223372036854775807)",
        "SELECT * FROM range(1000000000)",
        "SELECT * FROM users u, range(u.id) r",
        "SELECT list_resize([1], 100000000)",
        "SELECT list_resize([1], age) FROM users",
        "SELECT len(list_transform(range(0, 1000000), lambda x: x + g)) FROM range(256) s(g)",
        "SELECT list_concat(range(6000), range(6000))",
        "SELECT list_transform(range(200), lambda x: range(200))",
        "SELECT list_transform(list_resize([1], 200), lambda x: list_resize([x], 200))",
        "SELECT list_transform(l, lambda x: range(200)) FROM (SELECT range(200) AS l) q",
        "WITH q AS (SELECT range(200) AS l) SELECT list_transform(l, lambda x: list_transform(l, "
        "lambda y: y)) FROM q",
        "SELECT list_filter(range(101), lambda x: len(list_filter(range(100), lambda y: y)) > 1)",
        "SELECT list_reduce(range(40)::TEXT[], lambda a, b: a || a)",
        "SELECT reduce(['x', 'y'], lambda a, b: concat(b, a, A))",
        "SELECT array_reduce([[1], [2]], lambda a, b: list_concat(a, a))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: list_reduce(list_transform([1, 2], lambda x: "
        "a), lambda c, d: c || d))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: hex(a))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: CAST([a, a] AS TEXT))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: ['q', a]::TEXT)",
        "SELECT list_reduce(['x', 'y'], lambda a, b: list_aggr([a, a], 'string_agg', ''))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: row(a, a)::TEXT)",
        "SELECT list_reduce(['x', 'y'], lambda a, b: list_append(['q'], a))",
        "SELECT list_reduce(['x', 'y'], lambda a, b: greatest(a || b, b || a))",
        "SELECT list_reduce([{'s': 'x'}], lambda a, b: {'s': a.s || a.s})",
        "SELECT list_reduce(['x', 'y'], lambda a, b: CASE WHEN b > 'a' THEN a || a ELSE b END)",
        "SELECT list_transform(range(10), lambda x: repeat('a', x))",
        "SELECT list_transform(range(10), lambda x: repeat('a', 60000))",
        "SELECT list_transform(range(10), lambda x: lpad('a', 60000, 'b'))",
        "SELECT list_transform(['a'], lambda x: replace(x, 'a', name)) FROM users",
        "SELECT list_transform(['a'], lambda x: regexp_replace(x, 'a', repeat('b', 9)))",
        "SELECT regexp_replace(name, 'a', repeat('b', 60000), 'g') FROM users",
        "SELECT regexp_replace(name, 'a', name) FROM users",
        "SELECT regexp_replace(name, 'a', 'b', name) FROM users",
        "SELECT regexp_replace(name, 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'ig') FROM "
        "users",
        "SELECT regexp_replace(name, '.*', '\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0') FROM users",
        "SELECT * FROM range(1, 2, 3, 4)",
    };
    static const char *const stopped[] = {
        "SELECT repeat('x', 100000000)",
        "SELECT repeat('x', age * 10000000) FROM users",
        "SELECT repeat(repeat('x', 60000), 60000)",
        "SELECT lpad('x', 100000000, 'y')",
        "SELECT rpad('x', 100000000, 'y')",
        "SELECT rpad(name, age * 10000000, 'y') FROM users",
        "SELECT replace(repeat('a', 60000), 'a', repeat('b', 60000))",
        "SELECT max(length(replace(repeat('a', 2000 + g), 'a', repeat('b', 1000)))) FROM "
        "range(2000) "
        "s(g)",
    };

    for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
        expect_refused(refused[i]);
    for (size_t i = 0; i < ARRAY_COUNT(stopped); i++)
        assert_non_null(strstr(fake_run(stopped[i]), "ERROR SQL_EXECUTION_ERROR the result of "));
    assert_string_equal(
        fake_run("SELECT repeat('ab', 2) || lpad('x', 3, '-') || rpad('y', 2, '.')"),
        "?column?;abab--xy.");
    assert_string_equal(fake_run("SELECT replace('aXb', 'X', repeat('-', 60000)) = 'a' || "
                                 "repeat('-', 60000) || 'b' AS r"),
                        "r;true");
    assert_string_equal(
        fake_run("SELECT list_transform(['a', 'b'], lambda x: lpad(replace(x, 'a', 'cc'), 3, "
                 "'0'))::TEXT "
                 "AS l, regexp_replace('aba', 'a', 'x\\0', 'g') AS r, regexp_replace('ab', 'a', "
                 "'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb') AS s"),
        "l,r,s;[0cc, 00b]|xabxa|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_string_equal(
        fake_run("SELECT list_reduce(['b', 'a', 'c'], lambda a, b: CASE WHEN a > b THEN a ELSE b "
                 "END) AS most, list_reduce([3, 1], lambda a, b: least(a, b)) AS least, "
                 "list_reduce([3, 1], lambda a, b: a * a - b) AS sum, list_reduce([[1], [2]], "
                 "lambda a, b: list_concat(a, b))::TEXT AS list"),
        "most,least,sum,list;c|1|8|[1, 2]");
    assert_string_equal(fake_run("SELECT count(*) FROM range(1000)"), "count;1000");
    assert_string_equal(fake_run("SELECT len(range(5, 0, -1))"), "len;5");
    assert_string_equal(fake_run("SELECT len(range(10000)) + len(list_resize([1], 0)), "
                                 "len(generate_series(1, 10000)) FROM range(20000) LIMIT 1"),
                        "?column?,len;10000|10000");
    assert_string_equal(fake_run("SELECT len(flatten(list_transform(range(100), lambda x: "
                                 "range(100))))"),
                        "len;10000");
    assert_string_equal(fake_run("SELECT list_reduce([1, 2, 3], lambda a, b: a * b + a)"),
                        "list_reduce;12");
    assert_string_equal(fake_run("SELECT list_reduce(['a', 'b', 'c'], lambda a, b: a || ',' || b)"),
                        "list_reduce;a,b,c");
    assert_string_equal(fake_run("SELECT len(range(-9223372036854775807, 9223372036854775807, "
                                 "9223372036854775807))"),
                        "len;2");
    assert_string_equal(fake_run("SELECT count(*) FROM generate_series(9223372036854775807, 1, "
                                 "-9223372036854775807) g"),
                        "count;1");
    assert_string_equal(fake_run("SELECT len(range(9223372036854775807, -9223372036854775807))"),
                        "len;0");
}

static char *nested(const char *open, const char *middle, const char *close, int depth)
{
    struct buf text;
    size_t size;
    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT "));
    for (int i = 0; i < depth; i++)
        buf_append_str(&text, str_from_c(open));
    buf_append_str(&text, str_from_c(middle));
    for (int i = 0; i < depth; i++)
        buf_append_str(&text, str_from_c(close));
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

static void expect_nested(const char *open, const char *middle, const char *close, int depth,
                          bool refused)
{
    char *sql = nested(open, middle, close, depth);
    if (refused)
        expect_refused(sql);
    else
        assert_int_not_equal(strncmp(fake_run(sql), "ERROR", 5), 0);
    mem_free(sql);
}

static void test_analytic_security__depth_and_size(void **state)
{
    char *big;

    expect_nested("abs(", "1", ")", 150, false);
    expect_nested("abs(", "1", ")", 250, true);
    expect_nested("abs(", "1", ")", 5000, true);
    expect_nested("(", "1", ")", 10000, true);
    expect_nested("1+", "1", "", 150, false);
    expect_nested("1+", "1", "", 20000, true);
    expect_nested("NOT ", "true", "", 5000, true);
    expect_nested("(SELECT ", "1", ")", 8, false);
    expect_nested("(SELECT ", "1", ")", 24, true);
    expect_nested("EXISTS (SELECT ", "1", ")", 24, true);
    expect_nested("(SELECT ", "1", ")", 300, true);
    expect_nested("[", "1", "]", 3000, true);
    expect_nested("CASE WHEN true THEN ", "1", " END", 250, true);
    big = mem_alloc(LIMIT_ANALYTIC_SQL_BYTES + 100);
    memset(big, ' ', LIMIT_ANALYTIC_SQL_BYTES + 100);
    memcpy(big, "SELECT 1", 8);
    memcpy(big + LIMIT_ANALYTIC_SQL_BYTES + 90, "+1", 3);
    expect_refused(big);
    mem_free(big);
}

/* Aliases and macros copy expressions: 30 doublings would be 2^30 nodes. */
static void test_analytic_security__copies_are_bounded(void **state)
{
    struct buf text;

    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT 1 AS a0"));
    for (int i = 0; i < 30; i++)
        buf_printf(&text, ", a%d + a%d AS a%d", i, i, i + 1);
    buf_append_byte(&text, 0);
    expect_refused(text.data);
    assert_non_null(strstr(fake_err.message, "grow too large"));
    buf_clear(&text);
    buf_init(&text);
    buf_append_str(&text, STR_LIT("WITH a0 AS (SELECT 1 AS q)"));
    for (int i = 0; i < 24; i++)
        buf_printf(&text, ", a%d AS (SELECT x.q FROM a%d x, a%d y)", i + 1, i, i);
    buf_append_str(&text, STR_LIT(" SELECT 1 FROM a24"));
    buf_append_byte(&text, 0);
    expect_refused(text.data);
    buf_clear(&text);
    expect_nested("1/(", "1", ")", 5, false);
    expect_nested("1/(", "1", ")", 30, true);
    expect_nested("substring(", "'a'", ", 1, 1)", 30, true);
    expect_nested("replace(", "'a'", ", 'a', 'b')", 30, true);
    expect_nested("regexp_replace(", "'a'", ", 'a', 'b')", 30, false);
    expect_nested("regexp_matches('a', ", "'a'", ")::TEXT", 30, true);
    expect_nested("round(", "1.5", ")", 3, false);
    expect_nested("round(", "1.5", ")", 12, true);
    expect_nested("nullif(", "1", ", 2)", 20, true);
    expect_nested("(7 % ", "1", ")", 12, true);
    expect_nested("length(repeat('x', ", "1", "))", 9, true);
    expect_nested("('a' LIKE ", "'a'", ")::TEXT", 12, true);
    expect_nested("date_part('second', TIMESTAMP '2026-01-01' + to_seconds(",
                  "date_part('milliseconds', TIMESTAMP '2026-01-01')", "))", 14, false);
    expect_nested("(", "1", " BETWEEN 0 AND 3)::INT", 4, false);
    expect_nested("(", "1", " BETWEEN 0 AND 3)::INT", 12, true);
    expect_nested("list_transform([1], lambda x: ", "1", ")[1]", 5, false);
    expect_nested("list_transform([1], lambda x: ", "1", ")[1]", 20, true);
    assert_string_equal(fake_run("SELECT id AS a, a + 1 AS b, b * 2 AS c FROM users LIMIT 1"),
                        "a,b,c;1|2|4");
}

/* DuckDB matches the names while it binds. */
static void test_analytic_security__patterns_of_names(void **state)
{
    (void)state;
    expect_refused("SELECT COLUMNS('(a?){900}b') FROM users");
    expect_refused(
        "SELECT COLUMNS('(a?){60}b'), COLUMNS('(a?){60}b'), COLUMNS('(a?){60}b') FROM users");
    expect_refused("SELECT COLUMNS('i' || 'd') FROM users");
    expect_refused("SELECT COLUMNS(repeat('(a?)', 900)) FROM users");
    expect_refused("SELECT COLUMNS(lower('ID')) FROM users");
    assert_string_equal(fake_run("SELECT COLUMNS('^(id|key)$') FROM users LIMIT 1"), "id;1");
    assert_string_equal(
        fake_run("SELECT COLUMNS(['id']), COLUMNS(lambda c: c = 'id') FROM users LIMIT 1"),
        "id,id;1|1");
}

/* `SELECT <each> <middle> <each> <middle> … <end>` */
static char *repeated(const char *each, const char *middle, int times, const char *end)
{
    struct buf text;
    size_t size;

    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT "));
    for (int i = 0; i < times; i++) {
        buf_append_str(&text, str_from_c(i == 0 ? "" : middle));
        buf_append_str(&text, str_from_c(each));
    }
    buf_append_str(&text, str_from_c(end));
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

static void expect_repeated(const char *each, const char *middle, int times, const char *end,
                            const char *error)
{
    char *sql = repeated(each, middle, times, end);
    if (error) {
        expect_refused(sql);
        assert_non_null(strstr(fake_err.message, error));
    } else {
        assert_int_not_equal(strncmp(fake_run(sql), "ERROR", 5), 0);
    }
    mem_free(sql);
}

/* DuckDB's parser copies a named window to each OVER. */
static void test_analytic_security__named_windows_are_bounded(void **state)
{
    static const char large[] = " FROM users WINDOW v AS (ORDER BY id), w AS (PARTITION BY id + 1, "
                                "id + 2, id + 3, id + 4, id + 5, id + 6, id + 7, id + 8, id + 9)";

    expect_repeated("count(*) OVER w", ", ", 60, large, NULL);
    expect_repeated("count(*) OVER w", ", ", 1000, large, "grow too large");
    expect_repeated("count(*) OVER (w ROWS 2 PRECEDING)", ", ", 1000, large, "grow too large");
    expect_repeated("count(*) OVER (ORDER BY id)", ", ", 60, " FROM users WINDOW w AS ()", NULL);
    assert_string_equal(fake_run("SELECT count(*) OVER w AS n, max(id) OVER v AS m FROM users "
                                 "WINDOW v AS (PARTITION BY id), w AS (v) ORDER BY id LIMIT 1"),
                        "n,m;1|1");
}

/* An expression with a star is written out for each column. */
static void test_analytic_security__stars_are_weighed(void **state)
{
    static const char wide[] = " FROM (SELECT * FROM users a, users b, users c, users d) q";
    struct buf text;

    expect_repeated("*", ", ", 8, " FROM users", NULL);
    expect_repeated("*", ", ", 20000, " FROM users", "grow too large");
    expect_repeated("COLUMNS(*)", ", ", 2000, wide, "grow too large");
    expect_repeated("*", ", ", 60, " FROM (VALUES (1)) v(a)", NULL);
    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT max(greatest(COLUMNS(*)"));
    for (int i = 0; i < 2000; i++)
        buf_append_str(&text, STR_LIT(", 1"));
    buf_append_str(&text, STR_LIT("))"));
    buf_append_str(&text, str_from_c(wide));
    buf_append_byte(&text, 0);
    expect_refused(text.data);
    assert_non_null(strstr(fake_err.message, "grow too large"));
    buf_clear(&text);
    assert_string_equal(fake_run("SELECT count(*) FROM users WHERE COLUMNS('id') > 0"), "count;2");
}

/* `SELECT 1, <each> … FROM <before> 0, 1, … 999 <after>` */
static void expect_spread(const char *each, const char *before, const char *after)
{
    struct buf text;

    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT 1"));
    for (int i = 0; i < 40; i++)
        buf_printf(&text, ", %s", each);
    buf_printf(&text, " FROM %s 0", before);
    for (int i = 1; i < 1000; i++)
        buf_printf(&text, ", %d", i);
    buf_append_str(&text, str_from_c(after));
    buf_append_byte(&text, 0);
    expect_refused(text.data);
    assert_non_null(strstr(fake_err.message, "grow too large"));
    buf_clear(&text);
}

/* Columns that no table has. */
static void test_analytic_security__spread_columns_are_weighed(void **state)
{
    expect_spread("COLUMNS(*) + 1", "(VALUES (", ")) v");
    expect_spread("COLUMNS(*) + 1", "(SELECT 1 AS a UNION ALL BY NAME SELECT ", ") v");
    expect_spread("s.*", "(SELECT row(", ") AS s) q");
    expect_spread("unnest(s)", "(SELECT row(", ") AS s) q");
    assert_string_equal(fake_run("SELECT v.* FROM (VALUES (1, 2)) v(a, b)"), "a,b;1|2");
}

/* The order of a join is searched for without a look at the time. */
static void test_analytic_security__joins_are_bounded(void **state)
{
    static const char sixty[] =
        "count(*) FROM range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1), "
        "range(1), range(1), range(1), range(1), range(1), range(1), range(1), range(1)";

    expect_repeated("1 FROM range(1)", ", range(1) UNION ALL SELECT ", 100, ", range(1)", NULL);
    expect_repeated(sixty, ", range(1) UNION ALL SELECT ", 2, ", range(1)", NULL);
    expect_repeated(sixty, ", range(1), ", 1, ", range(1), range(1), range(1), range(1), range(1)",
                    "more than 64");
    expect_repeated(sixty, " UNION ALL SELECT ", 6, "", "too many large joins");
    expect_refused(
        "WITH a AS (SELECT x.id FROM users x, users y, users z) SELECT list_resize([name], "
        "10000, name) FROM users, a");
    assert_non_null(strstr(fake_err.message, "must be a constant"));
    assert_string_equal(fake_run("SELECT repeat([name], 60000) FROM users"),
                        "ERROR SQL_EXECUTION_ERROR repeat takes a text, no list");
}

/* DuckDB joins the parts of a chain to one another. */
static void test_analytic_security__selects_are_counted(void **state)
{
    expect_repeated("1", " UNION ALL SELECT ", 100, "", NULL);
    expect_repeated("1", " UNION ALL SELECT ", 501, "", "at most 500 SELECTs");
    expect_repeated("1", " INTERSECT VALUES (1) UNION SELECT ", 300, "", "at most 500 SELECTs");
    expect_repeated("1", " UNION ALL TABLE users EXCEPT SELECT ", 300, "", "at most 500 SELECTs");
    expect_repeated("(SELECT 1)", ", ", 600, "", "at most 500 SELECTs");
}

/* What is not linear is counted, or refused for long texts. */
static void test_analytic_security__texts_are_compared_in_bounded_time(void **state)
{
    static const char *const distances[] = {"levenshtein", "damerau_levenshtein", "editdist3",
                                            "jaro_similarity", "jaro_winkler_similarity"};
    char sql[200];

    for (size_t i = 0; i < ARRAY_COUNT(distances); i++) {
        snprintf(sql, sizeof(sql), "SELECT %s(repeat('a', 2000), repeat('b', 2000))", distances[i]);
        assert_non_null(strstr(fake_run(sql), "are too long"));
        snprintf(sql, sizeof(sql), "SELECT %s(repeat('a', 500), repeat('a', 500)) < 2 AS d",
                 distances[i]);
        assert_string_equal(fake_run(sql), "d;true");
    }
    assert_string_equal(fake_run("SELECT levenshtein('kitten', 'sitting') AS a, levenshtein(NULL, "
                                 "'a') AS b, jaro_similarity('a', 'a', 0.5) AS c"),
                        "a,b,c;3|NULL|1");
    assert_non_null(
        strstr(fake_run("SELECT nfc_normalize('a' || repeat(chr(769) || chr(803), 200))"),
               "too many marks"));
    assert_string_equal(fake_run("SELECT nfc_normalize(chr(228) || 'a' || chr(776) || 'b') AS n"),
                        "n;\xc3\xa4\xc3\xa4"
                        "b");
    /* exponential in DuckDB: hours */
    assert_string_equal(
        fake_run(
            "SELECT count(*) AS n FROM range(3) r(g) WHERE repeat(chr((97 + g * 0)::INT), 4000) "
            "LIKE '%a_a%a_a%a_a%a_a%a_a%a_a%a_a%a_a%b_b'"),
        "n;0");
    assert_string_equal(fake_run("SELECT count(*) AS n FROM range(3) r(g) WHERE repeat('a', 4000) "
                                 "ILIKE '%A%a%a%a%a%a%a%a%a' || chr((98 + g * 0)::INT) || '%c'"),
                        "n;0");
    assert_string_equal(
        fake_run(
            "SELECT count(*) AS n FROM range(3) r(g) WHERE repeat(chr((97 + g * 0)::INT), 4000) "
            "NOT LIKE '%a%a%a%a%a%a%a%a%a!_' ESCAPE '!'"),
        "n;3");
    assert_non_null(strstr(fake_run("SELECT count(*) FROM range(3) r(g) WHERE repeat(chr((97 + g * "
                                    "0)::INT), 60000) LIKE '%' || repeat('a', 30000) || '_b'"),
                           "the LIKE pattern takes too long"));
}

static bool explains(const char *sql, const char *part)
{
    duckdb_result result;
    assert_int_equal(duckdb_query(fake_columnar.connection, sql, &result), DuckDBSuccess);
    char *text = duckdb_value_varchar(&result, 1, 0);
    bool has = strstr(text, part) != NULL;
    duckdb_free(text);
    duckdb_destroy_result(&result);
    return has;
}

/* Constant patterns are DuckDB's own LIKE, which it exchanges for what statistics can answer. */
static void test_analytic_security__constant_patterns_stay_fast(void **state)
{
    fake_execute("CREATE TEMP TABLE patterns AS SELECT 'abc' AS s, 'a%' AS p");
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE 'a%'", "s>='a' AND s<'b'"));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE '%a' || '%'", "contains("));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE 'a%b%c'", "~~"));
    assert_false(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE 'a%b%c'", "text_like"));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s ILIKE '%a%'", "~~*"));
    assert_false(explains("EXPLAIN SELECT * FROM patterns WHERE s ILIKE '%a%'", "text_ilike"));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE 'a_c'", "text_like"));
    assert_false(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE 'a_c'", "CASE"));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s LIKE p", "text_like"));
    assert_true(explains("EXPLAIN SELECT * FROM patterns WHERE s ILIKE '%a%b'", "text_ilike"));
}

/* The operand of CASE is copied for each WHEN while DuckDB parses: five levels of ten are too many.
 */
static void test_analytic_security__cases_are_bounded(void **state)
{
    static const char ten[] = " WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 4 WHEN 4 "
                              "THEN 5 WHEN 5 THEN 6 WHEN 6 THEN 7 WHEN 7 THEN 8 WHEN 8 THEN 9 WHEN "
                              "9 THEN 0 END";
    struct buf text;

    expect_nested("CASE ", "1", ten, 3, false);
    expect_nested("CASE ", "1", ten, 5, true);
    assert_non_null(strstr(fake_err.message, "grow too large"));
    expect_nested("CASE (SELECT ", "1", " AS end) WHEN 1 THEN 1 WHEN 2 THEN 2 END", 20, true);
    assert_non_null(strstr(fake_err.message, "grow too large"));
    expect_nested("CASE (", "1", ") WHEN 1 THEN 1 ELSE 2 END", 60, false);
    expect_nested("CASE WHEN true THEN ", "1", " WHEN false THEN 2 END", 60, false);
    buf_init(&text); /* many WHENs of a short operand are an ordinary list */
    buf_append_str(&text, STR_LIT("SELECT CASE users.id"));
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, " WHEN %d THEN %d", i, i + 1);
    buf_append_str(&text, STR_LIT(" END AS n FROM users ORDER BY id LIMIT 1"));
    buf_append_byte(&text, 0);
    assert_string_equal(fake_run(text.data), "n;2");
    buf_clear(&text);
}

/* A place that reads differently in DuckDB's tree and in our lexer is refused, not guessed. */
static void test_analytic_security__tricky_text(void **state)
{
    assert_string_equal(
        fake_run(
            "SELECT 'FROM secrets' AS a, $$ FROM secrets $$ AS b, E'\\' FROM secrets' AS c, name "
            "FROM /* /* secrets */ */ users -- secrets\n LIMIT 1"),
        "a,b,c,name;FROM secrets| FROM secrets |' FROM secrets|Ada");
    expect_refused("SELECT * FROM users\xc2\xa0, secrets");
    expect_refused("SELECT 1\xc2\xa0\xc2\xa0\xc2\xa0\xc2\xa0 FROM users u, secrets");
    expect_refused("SELECT ?");
    expect_refused("SELECT $foo");
    expect_refused("SELECT $0");
    expect_refused("SELECT 'open");
    expect_refused("SELECT \"open");
    expect_refused("SELECT /* open");
    expect_refused("SELECT 'abc'::varchar(2)");
    expect_refused("SELECT CAST('abc' AS character varying(2))");
    expect_refused("SELECT 1::mytype");
    expect_refused("SELECT 'a' ~ 'b'");
    expect_refused("SELECT 'a' SIMILAR TO 'b'");
    expect_refused("SELECT 'a' COLLATE de");
    expect_refused("SELECT TRY(1/0)");
    expect_refused("SELECT now(3)");
    expect_refused("SELECT snowflake_id()");
    assert_true(strlen(fake_err.hint) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analytic_security__functions_everywhere),
        cmocka_unit_test(test_analytic_security__sources_everywhere),
        cmocka_unit_test(test_analytic_security__statements),
        cmocka_unit_test(test_analytic_security__cte_names),
        cmocka_unit_test(test_analytic_security__generators_are_capped),
        cmocka_unit_test(test_analytic_security__depth_and_size),
        cmocka_unit_test(test_analytic_security__copies_are_bounded),
        cmocka_unit_test(test_analytic_security__patterns_of_names),
        cmocka_unit_test(test_analytic_security__cases_are_bounded),
        cmocka_unit_test(test_analytic_security__named_windows_are_bounded),
        cmocka_unit_test(test_analytic_security__stars_are_weighed),
        cmocka_unit_test(test_analytic_security__spread_columns_are_weighed),
        cmocka_unit_test(test_analytic_security__joins_are_bounded),
        cmocka_unit_test(test_analytic_security__selects_are_counted),
        cmocka_unit_test(test_analytic_security__texts_are_compared_in_bounded_time),
        cmocka_unit_test(test_analytic_security__constant_patterns_stay_fast),
        cmocka_unit_test(test_analytic_security__tricky_text),
    };
    return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}
