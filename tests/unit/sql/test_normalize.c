/* test_normalize.c — plan cache keys: what is lifted, what stays, what is not cached.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/parser.h"

#include "base/arena.h"
#include "base/buf.h"
#include "value/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The key and, behind a |, the literals. */
static void check(const char *text, uint32_t params, const char *want)
{
    struct arena arena;
    struct str normalized;
    struct value *literals;
    size_t count;
    struct buf got = {0};

    arena_init(&arena, 0);
    if (sql_normalize(str_from_c(text), params, &arena, &normalized, &literals, &count)) {
        buf_append_str(&got, normalized);
        for (size_t i = 0; i < count; i++) {
            buf_printf(&got, "|");
            value_format(&literals[i], &got);
        }
        struct ast_statement *out = NULL;
        struct error err = {0};
        if (sql_parse(normalized, &arena, &out, &err) != STATUS_OK)
            fail_msg("%.*s does not parse: %s", STR_ARG(normalized), err.message);
        assert_int_equal(out->param_max, params + count);
    } else {
        buf_printf(&got, "no");
    }
    if (!str_equal(buf_str(&got), str_from_c(want)))
        fail_msg("%s\n  got  %.*s\n  want %s", text, STR_ARG(buf_str(&got)), want);
    buf_clear(&got);
    arena_clear(&arena);
}

static void test_normalize__lifts_literals(void **state)
{
    check("SELECT id, title FROM app.items WHERE id = 42", 0,
          "select id , title from app . items where id = $1 /*i*/|42");
    check("select ID,title from App.Items\n where id=42 -- c", 0,
          "select id , title from app . items where id = $1 /*i*/|42");
    check("SELECT a FROM t WHERE a = 'x' AND b > 1.5 OR c = 1e3", 0,
          "select a from t where a = $1 and b > $2 or c = $3 /*tnd*/|x|1.5|1000");
    check("SELECT a FROM t WHERE a = $1 AND b = 'y' LIMIT 10 OFFSET 5", 1,
          "select a from t where a = $1 and b = $2 limit $3 offset $4 /*tii*/|y|10|5");
    check("SELECT 'x', -5, E'a\\nb', $$z$$", 0, "select $1 , - $2 , $3 , $4 /*titt*/|x|5|a\nb|z");
    check("INSERT INTO t (a, b) VALUES (1, 'x'), (2, DEFAULT)", 0,
          "insert into t ( a , b ) values ( $1 , $2 ) , ( $3 , default ) /*iti*/|1|x|2");
    check("UPDATE t SET a = a + 1, b = TRUE WHERE id IN (1, 2) RETURNING 3", 0,
          "update t set a = a + $1 , b = true where id in ( $2 , $3 ) returning $4 /*iiii*/"
          "|1|1|2|3");
    check("DELETE FROM t WHERE a LIKE 'x%' AND b BETWEEN 1 AND 2", 0,
          "delete from t where a like $1 and b between $2 and $3 /*tii*/|x%|1|2");
    check("SELECT \"Id\" FROM `T` WHERE j->>'a' = NULL", 0,
          "select \"Id\" from `T` where j ->> $1 = null /*t*/|a");
    check("SELECT a FROM t", 0, "select a from t");
    check("SELECT CASE WHEN a = 1 THEN 'x' ELSE 'y' END FROM t", 0,
          "select case when a = $1 then $2 else $3 end from t /*itt*/|1|x|y");
}

static void test_normalize__keeps_what_must_stay(void **state)
{
    check("SELECT a FROM t ORDER BY 1, f(a), 2 LIMIT 3", 0,
          "select a from t order by 1 , f ( a ) , 2 limit $1 /*i*/|3");
    check("SELECT a, count(*) FROM t WHERE b = 7 GROUP BY 1 HAVING count(*) > 2", 0,
          "select a , count ( * ) from t where b = $1 group by 1 having count ( * ) > $2 /*ii*/"
          "|7|2");
    check("SELECT a FROM t WHERE ts > now() - INTERVAL '1 day' AND b = 2", 0,
          "select a from t where ts > now ( ) - interval '1 day' and b = $1 /*i*/|2");
    check("SELECT DATE '2026-01-01', a::DECIMAL(10, 2), CAST(b AS VARCHAR(5)), 7 FROM t", 0,
          "select date '2026-01-01' , a :: decimal ( 10 , 2 ) , cast ( b as varchar ( 5 ) ) , "
          "$1 from t /*i*/|7");
    check("SELECT extract(year FROM a), b IS DISTINCT FROM 3, 0.5 FROM t WHERE c = 0.5", 0,
          "select extract ( year from a ) , b is distinct from 3 , 0.5 from t where c = $1 "
          "/*n*/|0.5");
    check("SELECT round(a, -2), - 3 FROM t WHERE a = -2147483648", 0,
          "select round ( a , - 2 ) , - $1 from t where a = - 2147483648 /*i*/|3");
    check("SELECT round(a, 2), f(3) FROM t WHERE g(a, 4) = 5", 0,
          "select round ( a , 2 ) , f ( $1 ) from t where g ( a , $2 ) = $3 /*iii*/|3|4|5");
    check("SELECT 1 AS x, a::int AND (b = 5) FROM t", 0,
          "select $1 as x , a :: int and ( b = $2 ) from t /*ii*/|1|5");
    check("SELECT extract('year' FROM ts) FROM t", 0, "select extract ( 'year' from ts ) from t");
    check("SELECT a FROM t WHERE y = X'00ff'", 0, "select a from t where y = X'00ff'");
    check("SELECT a AS \"x y\" FROM t WHERE true", 0, "select a as \"x y\" from t where true");
}

static void test_normalize__declines(void **state)
{
    static const char *const cases[] = {
        "CREATE TABLE t (a INT)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "EXPLAIN SELECT 1",
        "",
        "INSERT INTO t SELECT 1",
        "DELETE FROM t WHERE a IN (SELECT 1)",
        "SELECT 1; SELECT 2",
        "SELECT * FROM range(10)",
        "SELECT * FROM t, range(10)",
        "SELECT [1, 2]",
        "SELECT {'a': 1}",
        "SELECT sum(a) OVER (ORDER BY b ROWS 5 PRECEDING) FROM t",
        "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
        "SELECT a FROM t USING SAMPLE 10",
        "SELECT 'open",
        "SELECT 1a",
        "SELECT $1",
        "SELECT a ~ 'x'",
        "SELECT DISTINCT ON (1) a FROM t",
        "VALUES (1)",
        "SELECT * FROM (VALUES (1)) x",
        "SELECT E'\\u0000'",
        "SELECT a FROM t FOR UPDATE",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(cases[i], 0, "no");
    check("SELECT $1, $3", 2, "no");
    check("SELECT $1", 2, "no");
    check("SELECT $0", 0, "no");

    char text[2048] = "SELECT a FROM t WHERE a IN (0";
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ", %d", i);
    strcat(text, ")");
    check(text, 0, "no");
}

static void test_normalize__lifts_every_row_of_an_insert(void **state)
{
    struct arena arena;
    struct str normalized;
    struct value *literals;
    size_t count;
    struct buf text = {0};

    arena_init(&arena, 0);
    buf_printf(&text, "INSERT INTO t VALUES (0)");
    for (int i = 1; i < 20000; i++)
        buf_printf(&text, ",(%d)", i);
    assert_true(sql_normalize(buf_str(&text), 0, &arena, &normalized, &literals, &count));
    assert_int_equal(count, 20000);
    assert_true(literals[19999].integer == 19999);
    assert_true(str_ends_with(normalized, STR_LIT("iii*/")));
    buf_clear(&text);
    arena_clear(&arena);
}

static void test_normalize__tells_types_apart(void **state)
{
    static const char *const texts[] = {
        "SELECT a FROM t WHERE a = 5", "SELECT a FROM t WHERE a = '5'",
        "SELECT a FROM t WHERE a = 5.0", "SELECT a FROM t WHERE a = 5e0"};
    struct arena arena;
    struct str keys[4];
    struct value *literals;
    size_t count;

    arena_init(&arena, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_true(sql_normalize(str_from_c(texts[i]), 0, &arena, &keys[i], &literals, &count));
        for (size_t j = 0; j < i; j++)
            assert_false(str_equal(keys[i], keys[j]));
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize__lifts_literals),
        cmocka_unit_test(test_normalize__keeps_what_must_stay),
        cmocka_unit_test(test_normalize__declines),
        cmocka_unit_test(test_normalize__lifts_every_row_of_an_insert),
        cmocka_unit_test(test_normalize__tells_types_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
