/* test_analytic.c — SELECTs that DuckDB runs mean what PostgreSQL means: rewriting, names, rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "analytic_fake.h"

struct test_case {
    const char *sql, *expected;
};

static void expect_all(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *actual = fake_run(cases[i].sql);
        if (strcmp(actual, cases[i].expected) != 0)
            print_error("%s\n", cases[i].sql);
        assert_string_equal(actual, cases[i].expected);
    }
}
#define EXPECT_ALL(cases) expect_all(cases, ARRAY_COUNT(cases))

#define USERS "id,name,age,_seq,_updated,_deleted"
#define ADA "1|Ada|36|11|1970-01-01 00:00:00|false"
#define BOB "2|Bob|NULL|12|1970-01-01 00:00:00|false"

static void test_analytic__splices_tables(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT * FROM users", USERS ";" ADA ";" BOB},
        {"SELECT * FROM users--", USERS ";" ADA ";" BOB},
        {"FROM users SELECT name LIMIT 1", "name;Ada"},
        {"SELECT u.name AS \"Ünï ' é\", sum(amount) FROM app.users AS u, app . /* ' */ \"orders\" "
         "o "
         "WHERE u.id = o.user_id AND u.id = 1 GROUP BY ALL",
         "Ünï ' é,sum;Ada|13.50"},
        {"SELECT 'é''x' AS a, users.name FROM users WHERE users.id = 2", "a,name;é'x|Bob"},
        {"SELECT app.users.name FROM app.users WHERE app.users.id = 2", "name;Bob"},
        {"SELECT a.name, b.name FROM users a JOIN users b ON a.id < b.id", "name,name;Ada|Bob"},
        {"SELECT name FROM `users` WHERE id = 1", "name;Ada"},
        {"SELECT Name, \"name\" FROM USERS Where ID = 1", "name,name;Ada|Ada"},
        {"SELECT \"Kéy\", j->'x'->>'y' FROM \"Ünï \"\"q\"\"\"", "Kéy,?column?;a|5"},
        {"SELECT name FROM kalamdb.app.users WHERE id = 1", "name;Ada"},
        {"SELECT x FROM u: (SELECT 1 AS x), b: users LIMIT 1", "x;1"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__ctes_shadow_tables(void **state)
{
    static const struct test_case cases[] = {
        {"WITH users AS (SELECT 5 AS five) SELECT * FROM users", "five;5"},
        {"WITH users AS (SELECT * FROM users WHERE id = 1) SELECT name FROM users", "name;Ada"},
        {"WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b",
         "x,y;1|2"},
        {"WITH users AS (SELECT 5 AS five) SELECT count(*) FROM app.users", "count;2"},
        {"SELECT (WITH users AS (SELECT 7 AS s) SELECT s FROM users), count(*) FROM users",
         "s,count;7|2"},
        {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) "
         "SELECT sum(n) FROM r",
         "sum;15"},
        /* the name ends with its SELECT */
        {"SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x) y, x",
         "ERROR TABLE_NOT_FOUND table not found: relation \"app.x\" does not exist"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__postgresql_meaning(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT 7/2, -7/2, 7.0/2, 7%3, -7%3, mod(7, 4)",
         "?column?,?column?,?column?,?column?,?column?,mod;3|-3|3.5|1|-1|3"},
        {"SELECT age/0 FROM users", "ERROR SQL_EXECUTION_ERROR division by zero"},
        {"SELECT 1.5/0", "ERROR SQL_EXECUTION_ERROR division by zero"},
        {"SELECT age%0 FROM users", "ERROR SQL_EXECUTION_ERROR division by zero"},
        {"SELECT mod(1, 0)", "ERROR SQL_EXECUTION_ERROR division by zero"},
        {"SELECT sum(id)/count(*), 1/NULL FROM users", "?column?,?column?;1.5|NULL"},
        {"SELECT sum(id)//2, sum(id)%2, 7/sum(id), sum(age)/5, count(*)/2 FROM users",
         "?column?,?column?,?column?,?column?,?column?;1|1|2.3333333333333335|7|1"},
        {"SELECT s/2, s/7 FROM (SELECT sum(id) AS s FROM users) q",
         "?column?,?column?;1.5|0.42857142857142855"},
        {"SELECT count(*) * 100 / sum(count(*)) OVER () FROM orders GROUP BY id",
         "?column?;33.333333333333336;33.333333333333336;33.333333333333336"},
        {"SELECT '7'/2, max(id)/'2', sum(id)/'2', 10000000000000000001/2, age/2/2/2/2/2/2/2/2/2/2 "
         "FROM users GROUP BY age ORDER BY age",
         "?column?,?column?,?column?,?column?,?column?;3|0|0.5|5e+18|0;3|1|1|5e+18|NULL"},
        {"SELECT CASE WHEN x = 0 THEN 0 ELSE 6/x END FROM (VALUES (0), (3)) v(x)", "case;0;2"},
        {"SELECT age/10, count(*) FROM users GROUP BY age/10 ORDER BY age/10",
         "?column?,count;3|1;NULL|1"},
        {"SELECT 'a%' LIKE 'a\\%', 'ab' LIKE 'a\\%', 'ab' LIKE 'a_', 'ab' NOT LIKE 'A\\_', "
         "'AB' ILIKE 'a\\b', 'a!' LIKE 'a!!' ESCAPE '!'",
         "?column?,?column?,?column?,?column?,?column?,?column?;true|false|true|true|true|true"},
        {"SELECT typeof(CAST(1 AS FLOAT)), typeof(1::real), typeof(1::numeric), "
         "typeof(1::decimal(5,1)), typeof('1'::bytes)",
         "typeof,typeof,typeof,typeof,typeof;DOUBLE|FLOAT|DECIMAL(38,10)|DECIMAL(5,1)|BLOB"},
        {"SELECT 1 AS float, 2 AS decimal", "float,decimal;1|2"},
        {"SELECT X'ff00', 'a' || NULL, 'a' || 1", "?column?,?column?,?column?;\\xFF\\x00|NULL|a1"},
        {"SELECT substring('abcdef' FROM -1 FOR 3), substr('abcdef', 0, 2), substring('abc', 2)",
         "substring,substr,substring;a|a|bc"},
        {"SELECT substring('abc' FROM 1 FOR -1)",
         "ERROR SQL_EXECUTION_ERROR negative substring length not allowed"},
        {"SELECT age FROM users ORDER BY age", "age;36;NULL"},
        {"SELECT age FROM users ORDER BY age DESC", "age;NULL;36"},
        {"SELECT 2147483647 + 1",
         "ERROR SQL_EXECUTION_ERROR Overflow in addition of INT32 (2147483647 + 1)!"},
        {"SELECT 1e308 * 10 AS big",
         "ERROR SQL_EXECUTION_ERROR column \"big\" is out of range: infinite"},
        {"SELECT '2020-01-01 00:00:00+02'::timestamp, TIMESTAMP '2020-01-01T00:00:00Z'",
         "timestamp,timestamp;2019-12-31 22:00:00|2020-01-01 00:00:00"},
        {"SELECT id FROM orders WHERE placed = '1970-01-02T02:00:00+02:00'", "id;11"},
        {"SELECT id FROM orders WHERE placed IN ('1970-01-01T22:00:00-02:00')", "id;11"},
        {"SELECT every(x > 0) FROM (VALUES (1), (2)) v(x)", "every;true"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__sums_columns_behind_a_star(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT (SELECT typeof(sum(age)) FROM (SELECT * FROM users) q) AS t FROM users LIMIT 1",
         "t;BIGINT"},
        {"WITH q AS (SELECT * FROM users) SELECT (SELECT typeof(sum(age)) FROM q) AS t FROM users "
         "LIMIT 1",
         "t;BIGINT"},
        {"SELECT (SELECT typeof(sum(age)) FROM (SELECT u.*, 1 FROM (SELECT id AS n FROM users) a "
         "JOIN users u ON u.id = a.n UNION ALL SELECT * FROM (SELECT n.*, 2 FROM users n) b) q) "
         "AS t FROM users LIMIT 1",
         "t;BIGINT"},
        {"SELECT (SELECT sum(age) FROM (SELECT * EXCLUDE (age) FROM users WHERE id = 1) q) AS s "
         "FROM users o WHERE id = 1",
         "s;36"},
        {"SELECT (SELECT sum(age) FROM (SELECT * FROM users u(a, b, c) WHERE a = 1) q) AS s FROM "
         "users o WHERE id = 1",
         "s;36"},
        {"SELECT (SELECT sum(age) FROM (SELECT * FROM (SELECT 1 AS n) a SEMI JOIN users u ON u.id "
         "= a.n) q) AS s FROM users o WHERE id = 1",
         "s;36"},
        {"SELECT (SELECT sum(age) FROM (SELECT a.* FROM (SELECT 1 AS n) a JOIN users u ON u.id = "
         "a.n) q) AS s FROM users o WHERE id = 1",
         "s;36"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__names_columns_as_postgresql(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT count(*), count(*) OVER (), max(id), 1, id + 1, lower(name) FROM users GROUP BY "
         "id, "
         "name ORDER BY id LIMIT 1",
         "count,count,max,?column?,?column?,lower;1|2|1|1|2|ada"},
        {"SELECT name::text, '5'::int, true, coalesce(age, 0) FROM users LIMIT 1",
         "name,int4,bool,coalesce;Ada|5|true|36"},
        {"SELECT extract(year FROM TIMESTAMP '2020-05-01'), date_part('month', DATE '2020-05-01')",
         "extract,date_part;2020|5"},
        {"SELECT EXISTS (SELECT 1), (SELECT max(id) FROM users), CASE WHEN true THEN 1 END",
         "exists,max,case;true|2|1"},
        {"SELECT 0 + 1, * EXCLUDE (_seq, _updated, _deleted), id * 2 FROM users LIMIT 1",
         "?column?,id,name,age,?column?;1|1|Ada|36|2"},
        {"SELECT q.* EXCLUDE (id, name, age), 5 AS five, q.* EXCLUDE (id) FROM (SELECT id, name, "
         "age FROM users) q LIMIT 1",
         "five,name,age;5|Ada|36"},
        {"SELECT q.* EXCLUDE (id, name, age), max(id) OVER (), q.* EXCLUDE (id), -1 FROM (SELECT "
         "id, name, age FROM users) q WHERE id = 1",
         "max(id) OVER (),name,age,?column?;1|Ada|36|-1"},
        {"SELECT unnest([7]), 5, unnest([8])", "unnest,?column?,unnest;7|5|8"},
        {"VALUES (1, 'a'), (2, 'b')", "column1,column2;1|a;2|b"},
        {"SELECT id + 0 FROM users UNION ALL SELECT 9", "?column?;1;2;9"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__values_of_the_statement(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT current_user, CURRENT_USER(), current_role, session_user, user",
         "current_user,current_user,current_role,session_user,user;ann|ann|user|ann|ann"},
        {"SELECT now(), CURRENT_TIMESTAMP, localtimestamp, current_date",
         "now,current_timestamp,localtimestamp,current_date;"
         "2024-02-29 12:30:00|2024-02-29 12:30:00|2024-02-29 12:30:00|2024-02-29"},
        {"SELECT now() = current_timestamp AND now() - INTERVAL '1 day' < now() AS ok", "ok;true"},
        {"SELECT \"user\", x.user FROM (SELECT 5 AS \"user\") x", "user,user;5|5"},
        {"SELECT uuid_v7() <> uuid_v7() AS differs", "differs;true"},
        {"SELECT current_schema",
         "ERROR NOT_SUPPORTED function current_schema is not supported in this version"},
    };
    clock_fake(1709209800000000);
    EXPECT_ALL(cases);
    clock_fake(-1);
}

static void test_analytic__deleted_rows(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT id FROM users WHERE _deleted IN (true, false)", "id;1;2;3"},
        {"SELECT id FROM users WHERE _deleted", "id;3"},
        {"SELECT id, _deleted FROM users", "id,_deleted;1|false;2|false"},
        {"SELECT a.id, b.id FROM users a JOIN users b ON a.id = b.id WHERE a._deleted = false "
         "AND b.id < 3",
         "id,id;1|1;2|2"},
        {"SELECT b.id FROM users a LEFT JOIN users b ON a.id = b.id WHERE a._deleted", "id;NULL"},
        {"SELECT id FROM (SELECT * FROM users) s WHERE s._deleted", "id;3"},
        {"SELECT id FROM users WHERE id = 3 OR EXISTS (SELECT 1 FROM users x WHERE x._deleted)",
         "id;1;2"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__natural_join_ignores_system_columns(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT * FROM users NATURAL JOIN (SELECT id, 5 AS x FROM users) o",
         "id,name,age,x;1|Ada|36|5;2|Bob|NULL|5"},
        {"SELECT count(*) FROM users a NATURAL JOIN users b", "count;1"}, /* Bob's age is NULL */
    };
    EXPECT_ALL(cases);
}

static void test_analytic__system_tables(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT * FROM system.tables", "table_id,namespace_id;app:users|app"},
        {"SELECT namespace, t.namespace AS n FROM system.tables t WHERE namespace = 'app'",
         "namespace,n;app|app"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__language(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT id, sum(amount) FROM orders GROUP BY ROLLUP(id) ORDER BY 1 LIMIT 1 OFFSET 3",
         "id,sum;NULL|13.55"},
        {"SELECT id FROM users QUALIFY row_number() OVER (ORDER BY id DESC) = 1", "id;2"},
        {"SELECT id, lag(id) OVER w FROM users WINDOW w AS (ORDER BY id)", "id,lag;1|NULL;2|1"},
        {"SELECT x, y FROM generate_series(1, 2) g(x), LATERAL (SELECT x * 2 AS y) z",
         "x,y;1|2;2|4"},
        {"SELECT x FROM unnest([3, 4]) u(x)", "x;3;4"},
        {"SELECT id FROM users UNION SELECT id FROM orders EXCEPT SELECT 2 ORDER BY 1 LIMIT 2",
         "id;1;10"},
        {"SELECT DISTINCT ON (user_id) user_id, id FROM orders ORDER BY user_id, id DESC",
         "user_id,id;1|11;2|12"},
        {"SELECT u.name, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.amount > 2 "
         "ORDER BY 1",
         "name,id;Ada|10;Bob|NULL"},
        {"SELECT name FROM users WHERE id = ANY(ARRAY[2, 5])", "name;Bob"},
        {"SELECT name FROM users WHERE (id, name) IN (SELECT 1, 'Ada')", "name;Ada"},
        {"SELECT list_sum(list_transform([1, 2], x -> x + 1)) AS s, "
         "list_max([y * 2 for y in [1, 2]]) AS m",
         "s,m;5|4"},
        {"SELECT string_agg(name, ',' ORDER BY id DESC) FROM users", "string_agg;Bob,Ada"},
        {"SELECT count(DISTINCT user_id) FILTER (WHERE amount > 2) FROM orders", "count;1"},
        {"SELECT * EXCLUDE (_seq, _updated, _deleted) REPLACE (upper(name) AS name) FROM users "
         "LIMIT 1",
         "id,name,age;1|ADA|36"},
        {"SELECT regexp_replace('abc', 'b', 'x'), md5('a'), round(2.5), greatest(1, NULL, 3)",
         "regexp_replace,md5,round,greatest;axc|0cc175b9c0f1b6a831c399e269772661|3|3"},
        {"SELECT date_trunc('month', TIMESTAMP '2020-05-17 10:00:00'), "
         "DATE '2020-01-31' + INTERVAL '1 month'",
         "date_trunc,?column?;2020-05-01 00:00:00|2020-02-29 00:00:00"},
    };
    EXPECT_ALL(cases);
}

static void test_analytic__parameters(void **state)
{
    struct value params[] = {value_text(VALUE_TEXT, STR_LIT("Ada")), value_integer(VALUE_BIGINT, 2),
                             value_text(VALUE_TEXT, STR_LIT("1970-01-02T02:00:00+02:00")),
                             value_null(VALUE_NULL)};

    assert_string_equal(
        fake_run_with("SELECT id FROM users WHERE name = $1 OR id = $2", params, 4, NULL),
        "id;1;2");
    /* gaps are closed, repeated use is one parameter */
    assert_string_equal(
        fake_run_with("SELECT id + $2 AS x FROM users WHERE id = $2 AND '$1' <> 'a'", params, 4,
                      NULL),
        "x;4");
    /* a text has the column's type */
    assert_string_equal(fake_run_with("SELECT id FROM orders WHERE placed >= $3", params, 4, NULL),
                        "id;11");
    assert_string_equal(fake_run_with("SELECT $4 IS NULL AS n", params, 4, NULL), "n;true");
    assert_string_equal(fake_run_with("SELECT $5", params, 4, NULL),
                        "ERROR INVALID_PARAMETER parameter mismatch: expected 5, got 4");
    assert_non_null(strstr(fake_run_with("SELECT 1 FROM users WHERE id = $1", params, 4, NULL),
                           "ERROR TYPE_MISMATCH parameter $1 (column \"id\"): "));
}

static void test_analytic__errors(void **state)
{
    static const struct test_case cases[] = {
        {"SELECT nosuch FROM users",
         "ERROR COLUMN_NOT_FOUND column not found: column \"nosuch\" does not exist"},
        {"SELECT u.nosuch FROM users u",
         "ERROR COLUMN_NOT_FOUND column not found: column \"nosuch\" does not exist"},
        {"SELECT * FROM nosuch",
         "ERROR TABLE_NOT_FOUND table not found: relation \"app.nosuch\" does not exist"},
        {"SELECT 1 FROM users WHERE", "ERROR INVALID_SQL syntax error at end of input"},
        {"   ", "ERROR EMPTY_SQL no SQL statement"},
        {"SELECT 1; SELECT 2", "ERROR INVALID_SQL only one statement is possible here"},
        {"SELECT name FROM users GROUP BY 1 HAVING 'x'",
         "ERROR SQL_EXECUTION_ERROR invalid input syntax for type BOOLEAN: \"x\""},
    };
    EXPECT_ALL(cases);
    fake_run("SELECT 1,\n  nosuch(2)");
    assert_int_equal(fake_err.position, 12);
    fake_run("SELECT 1 FROM users, secrets");
    assert_int_equal(fake_err.code, STATUS_PERMISSION_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analytic__splices_tables),
        cmocka_unit_test(test_analytic__ctes_shadow_tables),
        cmocka_unit_test(test_analytic__postgresql_meaning),
        cmocka_unit_test(test_analytic__sums_columns_behind_a_star),
        cmocka_unit_test(test_analytic__names_columns_as_postgresql),
        cmocka_unit_test(test_analytic__values_of_the_statement),
        cmocka_unit_test(test_analytic__deleted_rows),
        cmocka_unit_test(test_analytic__natural_join_ignores_system_columns),
        cmocka_unit_test(test_analytic__system_tables),
        cmocka_unit_test(test_analytic__language),
        cmocka_unit_test(test_analytic__parameters),
        cmocka_unit_test(test_analytic__errors),
    };
    return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}
