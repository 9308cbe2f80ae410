/* test_parser.c — trees, precedence, every statement, refusals, depth, random text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/parser.h"

#include "unit/sql/ast_dump.h"

#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct arena arena;
static struct error err;

static int setup(void **state)
{
    arena_init(&arena, 0);
    err = (struct error){0};
    return 0;
}

static int teardown(void **state)
{
    arena_clear(&arena);
    return 0;
}

static struct ast_statement *parse(const char *text)
{
    struct ast_statement *out = NULL;
    enum status status = sql_parse(str_from_c(text), &arena, &out, &err);

    if (status != STATUS_OK)
        fail_msg("%s\n  %s: %s", text, status_name(status), err.message);
    return out;
}

static void refuse(const char *text, enum status code, const char *words)
{
    struct ast_statement *out = NULL;
    enum status status = sql_parse(str_from_c(text), &arena, &out, &err);

    if (status != code || (words != NULL && strstr(err.message, words) == NULL))
        fail_msg("%s\n  got %s: %s\n  want %s: %s", text, status_name(status),
                 status == STATUS_OK ? "" : err.message, status_name(code), words ? words : "");
}

static void same(struct str got, const char *want)
{
    if (!str_equal(got, str_from_c(want)))
        fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

static void tree(const struct ast_expr *expr, const char *want, const char *text)
{
    struct buf out;
    buf_init(&out);
    ast_dump(expr, &out);
    if (!str_equal(buf_str(&out), str_from_c(want)))
        fail_msg("%s\n  got  %.*s\n  want %s", text, STR_ARG(buf_str(&out)), want);
    buf_clear(&out);
}

static void test_parser__knows_precedence(void **state)
{
    static const char *const cases[][2] = {
        {"1 + 2 * 3", "(+ 1 (* 2 3))"},
        {"1 - 2 - 3", "(- (- 1 2) 3)"},
        {"(1 - 2) * -3", "(* (- 1 2) -3)"},
        {"- a * b", "(* (neg a) b)"},
        {"-5::int", "(neg (cast INT 5))"},
        {"a::int::text", "(cast TEXT (cast INT a))"},
        {"a or b and not c = d", "(or a (and b (not (= c d))))"},
        {"a || b + c", "(|| a (+ b c))"},
        {"a -> 'b' ->> 0", "(->> (-> a 'b') 0)"},
        {"data->>'x' = 'y'", "(= (->> data 'x') 'y')"},
        {"a = b is null", "(isnull (= a b))"},
        {"not a is null", "(not (isnull a))"},
        {"a is not distinct from b + 1", "(!isdistinct a (+ b 1))"},
        {"a between 1 and 2 and c", "(and (between a 1 2) c)"},
        {"a not between b + 1 and 2 or c", "(or (!between a (+ b 1) 2) c)"},
        {"a like 'x%' || 'y' escape '!'", "(like a (|| 'x%' 'y') '!')"},
        {"a not ilike b and c", "(and (!like i a b) c)"},
        {"a in (1, 2 + 3, 'x')", "(in a 1 (+ 2 3) 'x')"},
        {"a not in (1)", "(!in a 1)"},
        {"a in (1) = b", "(= (in a 1) b)"},
        {"a is true and b is not unknown", "(and (isbool true a) (!isbool unknown b))"},
        {"a isnull or b notnull", "(or (isnull a) (!isnull b))"},
        {"case when a then 1 else 2 end", "(case a 1 2)"},
        {"case a when 1 then 'x' when 2 then 'y' end", "(case a 1 'x' 2 'y')"},
        {"cast(a as decimal(10, 2))", "(cast DECIMAL(10,2) a)"},
        {"cast(a as float)", "(cast DOUBLE a)"},
        {"a::real", "(cast FLOAT a)"},
        {"a::double precision + 1", "(+ (cast DOUBLE a) 1)"},
        {"a::character varying(5)", "(cast VARCHAR(5) a)"},
        {"a::timestamp with time zone", "(cast TIMESTAMP a)"},
        {"count(*)", "(call count *)"},
        {"count(distinct a)", "(call count distinct a)"},
        {"f(a, g())", "(call f a (call g))"},
        {"extract(year from ts)", "(call extract 'year' ts)"},
        {"substring(a from 2 for 3)", "(call substring a 2 3)"},
        {"substring(a, 2)", "(call substring a 2)"},
        {"trim(a)", "(call btrim a)"},
        {"trim(leading 'x' from a)", "(call ltrim a 'x')"},
        {"trim(trailing from a)", "(call rtrim a)"},
        {"current_timestamp", "(call current_timestamp)"},
        {"current_user()", "(call current_user)"},
        {"date '2026-01-01'", "(cast DATE '2026-01-01')"},
        {"ts - interval '1 day 02:30'", "(- ts [0m 1d 9000000000us])"},
        {"interval '1 year 2 months'", "[14m 0d 0us]"},
        {"interval '1.5 hours'", "[0m 0d 5400000000us]"},
        {"interval '-1 month'", "[-1m 0d 0us]"},
        {"interval 3 day", "[0m 3d 0us]"},
        {"interval '90'", "[0m 0d 90000000us]"},
        {"t.a + \"B\".c", "(+ t.a B.c)"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1e2", "100d"},
        {"left(a, 2)", "(call left a 2)"},
        {"true and null", "(and true null)"},
        {"$1 + $2", "(+ $1 $2)"},
        {"a and b and c", "(and (and a b) c)"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "DELETE FROM t WHERE %s", cases[i][0]);
        tree(parse(text)->del.where, cases[i][1], cases[i][0]);
    }
    assert_int_equal(
        parse("DELETE FROM t WHERE -9223372036854775808 = a")->del.where->args[0]->value.type,
        VALUE_BIGINT);
}

static void test_parser__refuses_bad_expressions(void **state)
{
    static const char *const cases[] = {
        "a < b < c",
        "a = b = c",
        "a like b like c",
        "a between 1 and 2 between 3 and 4",
        "a +",
        "(a",
        "a)",
        "a in ()",
        "case end",
        "case when a end",
        "f(a,)",
        "1a",
        "a b",
        "and",
        "a is 5",
        "a not 5",
        "cast(a as)",
        "cast(a)",
        "a.b.c.d",
        "interval 'x'",
        "interval '1 parsec'",
        "'a' 'b'",
        "\"\" = 1",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "DELETE FROM t WHERE %s", cases[i]);
        refuse(text, STATUS_INVALID_SQL, NULL);
    }
    refuse("DELETE FROM t WHERE a ~ 'x'", STATUS_NOT_SUPPORTED, "operator ~");
    refuse("DELETE FROM t WHERE a similar to 'x'", STATUS_NOT_SUPPORTED, "SIMILAR TO");
    refuse("DELETE FROM t WHERE (a, b) = (1, 2)", STATUS_NOT_SUPPORTED, "row");
    refuse("DELETE FROM t WHERE count(*) over () > 1", STATUS_NOT_SUPPORTED, "window");
    refuse("DELETE FROM t WHERE a = $0", STATUS_INVALID_PARAMETER, "$0");
    refuse("DELETE FROM t WHERE a = $2", STATUS_INVALID_PARAMETER, "$1");
    refuse("DELETE FROM t WHERE a = $99999999999", STATUS_INVALID_PARAMETER, NULL);
}

static void test_parser__reads_select(void **state)
{
    struct ast_statement *s =
        parse("SELECT id, t.*, *, title AS name, a + 1 total FROM App.Items t WHERE id = 42 "
              "ORDER BY id DESC, 2 NULLS FIRST LIMIT 10 OFFSET $1;");

    assert_int_equal(s->kind, AST_SELECT);
    assert_int_equal(s->param_max, 1);
    assert_int_equal(s->select.item_count, 5);
    assert_null(s->select.items[1].expr);
    same(s->select.items[1].star_of, "t");
    assert_null(s->select.items[2].expr);
    assert_int_equal(s->select.items[2].star_of.size, 0);
    same(s->select.items[3].alias, "name");
    same(s->select.items[4].alias, "total");
    same(s->select.from.space, "app");
    same(s->select.from.table, "items");
    same(s->select.alias, "t");
    tree(s->select.where, "(= id 42)", "where");
    assert_int_equal(s->select.order_count, 2);
    assert_true(s->select.order[0].descending && s->select.order[0].nulls_first);
    assert_true(!s->select.order[1].descending && s->select.order[1].nulls_first);
    tree(s->select.limit, "10", "limit");
    tree(s->select.offset, "$1", "offset");
    assert_false(s->names_deleted);

    s = parse("SELECT 1, 'x' WHERE true");
    assert_int_equal(s->kind, AST_SELECT);
    assert_false(s->select.has_from);
    s = parse("select count(*), sum(a) from t where _deleted in (true, false) limit all");
    assert_int_equal(s->kind, AST_SELECT);
    assert_true(s->names_deleted);
    assert_null(s->select.limit);
    assert_false(parse("select _deleted from t")->names_deleted);
    s = parse("select * from kalamdb.app.t");
    same(s->select.from.space, "app");
    s = parse("select * from app.\"User-1\".t");
    same(s->select.from.user, "User-1");
    same(s->select.from.space, "app");
    s = parse("select * from app.user.t");
    same(s->select.from.user, "user");
}

static void test_parser__leaves_the_rest_to_duckdb(void **state)
{
    static const char *const cases[] = {
        "SELECT a FROM t JOIN u ON t.id = u.id",
        "SELECT a FROM t, u",
        "SELECT DISTINCT a FROM t",
        "SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 1",
        "SELECT a FROM t UNION SELECT b FROM u",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1), (2)",
        "FROM t",
        "(SELECT 1)",
        "SELECT * FROM (SELECT 1) x",
        "SELECT row_number() OVER (ORDER BY a) FROM t",
        "SELECT a FROM t WHERE id IN (SELECT id FROM u)",
        "SELECT a FROM t WHERE EXISTS (SELECT 1)",
        "SELECT (SELECT 1)",
        "SELECT * FROM range(10)",
        "SELECT a FROM t WHERE a ~ 'x'",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT [1, 2]",
        "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
        "SELECT a FROM t LIMIT 1 + 1",
        "SELECT a FROM t WHERE",
        "SELECT *",
        "SELECT 'x'::nosuchtype",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ast_statement *s = parse(cases[i]);
        if (s->kind != AST_ANALYTIC)
            fail_msg("%s is not analytic", cases[i]);
        same(s->text, cases[i]);
    }
    assert_int_equal(parse("SELECT a FROM t, u WHERE a = $1 AND b = $2")->param_max, 2);
    refuse("SELECT a FROM t, u WHERE a = $2", STATUS_INVALID_PARAMETER, "$1");
    refuse("SELECT a FROM t FOR UPDATE", STATUS_NOT_SUPPORTED, "FOR UPDATE");
    refuse("SELECT a FROM t, u FOR SHARE", STATUS_NOT_SUPPORTED, "FOR UPDATE");
    refuse("SELECT 'open", STATUS_INVALID_SQL, "unterminated");
    refuse("SELECT a FROM t, u WHERE 'open", STATUS_INVALID_SQL, "unterminated");
}

static void test_parser__reads_insert(void **state)
{
    struct ast_statement *s =
        parse("INSERT INTO app.t (id, Title) VALUES (1, 'a'), (DEFAULT, $1) "
              "ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title, n = t.n + 1 "
              "WHERE t.n < 5 RETURNING id, title AS x");

    assert_int_equal(s->kind, AST_INSERT);
    assert_int_equal(s->insert.column_count, 2);
    same(s->insert.columns[1], "title");
    assert_int_equal(s->insert.row_count, 2);
    assert_int_equal(s->insert.width, 2);
    tree(s->insert.values[1], "'a'", "value");
    assert_int_equal(s->insert.values[2]->kind, AST_DEFAULT);
    tree(s->insert.values[3], "$1", "value");
    assert_int_equal(s->insert.conflict, AST_CONFLICT_UPDATE);
    same(s->insert.conflict_columns[0], "id");
    tree(s->insert.conflict_set[0].value, "excluded.title", "set");
    tree(s->insert.conflict_where, "(< t.n 5)", "where");
    assert_int_equal(s->insert.returning_count, 2);

    s = parse("INSERT INTO t DEFAULT VALUES ON CONFLICT DO NOTHING");
    assert_true(s->insert.default_values);
    assert_int_equal(s->insert.conflict, AST_CONFLICT_NOTHING);
    s = parse("INSERT INTO t (a) SELECT b FROM u WHERE c IN (SELECT $1) ON CONFLICT DO NOTHING "
              "RETURNING *");
    same(s->insert.select, "SELECT b FROM u WHERE c IN (SELECT $1)");
    assert_int_equal(s->param_max, 1);
    assert_int_equal(s->insert.returning_count, 1);
    assert_memory_equal(s->text.data + s->insert.select_start, "SELECT b", 8);
    s = parse("INSERT INTO t (SELECT 1)");
    same(s->insert.select, "(SELECT 1)");
    s = parse("INSERT INTO t VALUES ((SELECT max(a) FROM u), 1 + (SELECT 2))");
    assert_int_equal(s->insert.values[0]->kind, AST_SUBQUERY);
    same(str_from(s->text.data + s->insert.values[0]->start,
                  s->insert.values[0]->end - s->insert.values[0]->start),
         "(SELECT max(a) FROM u)");
    refuse("INSERT INTO t VALUES (1), (1, 2)", STATUS_INVALID_SQL, "same length");
    refuse("INSERT INTO t VALUES", STATUS_INVALID_SQL, "end of input");
    refuse("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 1", STATUS_INVALID_SQL,
           "requires the key");
    refuse("INSERT INTO t SELECT 1)", STATUS_INVALID_SQL, NULL);
    refuse("INSERT t VALUES (1)", STATUS_INVALID_SQL, "near \"t\"");
}

static void test_parser__reads_update_and_delete(void **state)
{
    struct ast_statement *s = parse("UPDATE app.t AS x SET a = a + 1, b = DEFAULT WHERE "
                                    "x.id IN (SELECT 1) AND _deleted RETURNING *");

    assert_int_equal(s->kind, AST_UPDATE);
    same(s->update.alias, "x");
    assert_int_equal(s->update.set_count, 2);
    tree(s->update.set[0].value, "(+ a 1)", "set");
    tree(s->update.where, "(and (subquery x.id) _deleted)", "where");
    assert_true(s->names_deleted);
    same(str_from(s->text.data + s->update.where->args[0]->start,
                  s->update.where->args[0]->end - s->update.where->args[0]->start),
         "x.id IN (SELECT 1)");
    s = parse("DELETE FROM t x WHERE a = ANY (SELECT 1) AND NOT EXISTS (SELECT 2) RETURNING a");
    tree(s->del.where, "(and (subquery a) (not (subquery)))", "where");
    same(s->del.alias, "x");
    refuse("UPDATE t SET a = 1, a = 2", STATUS_INVALID_SQL, "multiple assignments");
    refuse("UPDATE t SET a = 1 FROM u LIMIT 1", STATUS_INVALID_SQL, "LIMIT");
    s = parse("UPDATE t SET a = 1 FROM u JOIN (SELECT 1) q ON true, w WHERE b");
    same(s->update.from, "u JOIN (SELECT 1) q ON true, w");
    s = parse("DELETE FROM t USING u -- that\n RETURNING a");
    same(s->del.from, "u");
    refuse("DELETE FROM t USING u, WHERE true", STATUS_INVALID_SQL, "near \"WHERE\"");
    s = parse("UPDATE t SET (a, b) = (1, 2), c = 3");
    assert_int_equal(s->update.set_count, 3);
    refuse("UPDATE t SET (a, b) = (1)", STATUS_INVALID_SQL, "does not match");
    refuse("UPDATE t SET (a, b) = (1, 2, 3)", STATUS_INVALID_SQL, "does not match");
    refuse("UPDATE t SET (a, b) = (SELECT 1, 2)", STATUS_NOT_SUPPORTED, NULL);
    refuse("DELETE t", STATUS_INVALID_SQL, "near \"t\"");
}

static const struct ast_option *option(const struct ast_statement *s, const char *key)
{
    for (size_t i = 0; i < s->create_table.option_count; i++) {
        if (str_equal(s->create_table.options[i].key, str_from_c(key)))
            return &s->create_table.options[i];
    }
    return NULL;
}

static void test_parser__reads_create_table(void **state)
{
    struct ast_statement *s = parse(
        "CREATE USER TABLE IF NOT EXISTS app.Notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), "
        "title VARCHAR(20) NOT NULL DEFAULT 'x', price DECIMAL(10, 2) NULL, n INT DEFAULT -5, "
        "at TIMESTAMP DEFAULT NOW(), d DOUBLE PRECISION, ts TIMESTAMP WITH TIME ZONE) "
        "STORAGE 'local' FLUSH POLICY INTERVAL '5 minutes' ROWS 100 DELETED_RETENTION '7d' "
        "USE_USER_STORAGE");
    const struct ast_column_def *c = s->create_table.columns;

    assert_int_equal(s->kind, AST_CREATE_TABLE);
    assert_int_equal(s->create_table.kind, AST_TABLE_USER);
    assert_true(s->create_table.if_not_exists);
    same(s->create_table.name.table, "notes");
    assert_int_equal(s->create_table.column_count, 7);
    assert_true(c[0].primary_key && !c[0].auto_increment);
    tree(c[0].default_value, "(call snowflake_id)", "default");
    assert_int_equal(c[1].type.length_max, 20);
    assert_true(c[1].not_null);
    tree(c[1].default_value, "'x'", "default");
    assert_int_equal(c[2].type.scale, 2);
    assert_true(c[2].nullable_given);
    tree(c[3].default_value, "-5", "default");
    assert_int_equal(c[5].type.kind, VALUE_DOUBLE);
    assert_int_equal(c[6].type.kind, VALUE_TIMESTAMP);
    assert_int_equal(s->create_table.key_count, 1);
    same(s->create_table.key[0], "id");
    same(option(s, "storage")->value.text, "local");
    assert_int_equal(option(s, "flush_interval")->value.integer, 300);
    assert_int_equal(option(s, "flush_rows")->value.integer, 100);
    assert_int_equal(option(s, "deleted_retention")->value.integer, 168);
    assert_true(option(s, "use_user_storage")->value.boolean);

    s = parse("CREATE TABLE t (a INT, b TEXT, PRIMARY KEY (b, a)) WITH (TYPE = 'STREAM', ttl = "
              "'10s', ephemeral = true, max_buffer = 5)");
    assert_int_equal(s->create_table.kind, AST_TABLE_STREAM);
    assert_int_equal(s->create_table.key_count, 2);
    same(s->create_table.key[0], "b");
    assert_int_equal(option(s, "ttl_seconds")->value.integer, 10);
    assert_true(option(s, "ephemeral")->value.boolean);
    assert_int_equal(option(s, "max_buffer")->value.integer, 5);
}

static void test_parser__generates_keys(void **state)
{
    static const struct {
        const char *column, *call;
        enum value_type type;
        bool raised;
    } cases[] = {
        {"SERIAL", "(call snowflake_id)", VALUE_BIGINT, true},
        {"SERIAL4", "(call snowflake_id)", VALUE_BIGINT, true},
        {"SERIAL8", "(call snowflake_id)", VALUE_BIGINT, false},
        {"BIGSERIAL", "(call snowflake_id)", VALUE_BIGINT, false},
        {"INT AUTO_INCREMENT", "(call snowflake_id)", VALUE_BIGINT, true},
        {"BIGINT AUTO_INCREMENT(SNOWFLAKE)", "(call snowflake_id)", VALUE_BIGINT, false},
        {"INT GENERATED ALWAYS AS IDENTITY", "(call snowflake_id)", VALUE_BIGINT, true},
        {"BIGINT GENERATED BY DEFAULT AS IDENTITY NOT NULL", "(call snowflake_id)", VALUE_BIGINT,
         false},
        {"UUID AUTO_INCREMENT(UUID)", "(call uuid_v7)", VALUE_UUID, false},
        {"TEXT AUTO_INCREMENT(UUID_V7)", "(call uuid_v7)", VALUE_TEXT, false},
        {"TEXT AUTO_INCREMENT(ULID)", "(call ulid)", VALUE_TEXT, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "CREATE TABLE t (id %s)", cases[i].column);
        const struct ast_column_def *c = parse(text)->create_table.columns;
        tree(c->default_value, cases[i].call, text);
        assert_int_equal(c->type.kind, cases[i].type);
        assert_int_equal(c->raised_to_bigint, cases[i].raised);
        assert_true(c->auto_increment);
    }
    refuse("CREATE TABLE t (id BIGINT AUTO_INCREMENT(ULID))", STATUS_INVALID_SQL, "TEXT");
    refuse("CREATE TABLE t (id TEXT AUTO_INCREMENT)", STATUS_INVALID_SQL, "integer column");
    refuse("CREATE TABLE t (id SERIAL DEFAULT 5)", STATUS_INVALID_SQL, "more than one DEFAULT");
}

static void test_parser__knows_every_flush_spelling(void **state)
{
    static const struct {
        const char *clause;
        int rows, interval;
    } cases[] = {
        {"FLUSH POLICY ROWS 5", 5, 0},
        {"FLUSH POLICY ROWS 5 INTERVAL '1h'", 5, 3600},
        {"FLUSH POLICY ROW_LIMIT 7", 7, 0},
        {"FLUSH POLICY TIME_INTERVAL 60", 0, 60},
        {"FLUSH POLICY COMBINED ROW_LIMIT 9 TIME_INTERVAL 30", 9, 30},
        {"FLUSH ROWS 3", 3, 0},
        {"FLUSH ROW_THRESHOLD 3", 3, 0},
        {"FLUSH SECONDS 15", 0, 15},
        {"FLUSH INTERVAL 300s", 0, 300},
        {"FLUSH INTERVAL 300s ROW_THRESHOLD 20", 20, 300},
        {"FLUSH_POLICY = 'rows:11,interval:12'", 11, 12},
        {"WITH (flush_policy = 'rows:11')", 11, 0},
        {"WITH (flush_rows = 4, flush_interval = '5m')", 4, 300},
        {"WITH (row_limit = '4', interval_seconds = 10)", 4, 10},
        {"WITH (row_threshold = 4)", 4, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "CREATE TABLE t (id INT) %s", cases[i].clause);
        struct ast_statement *s = parse(text);
        const struct ast_option *rows = option(s, "flush_rows");
        const struct ast_option *interval = option(s, "flush_interval");
        if ((rows ? rows->value.integer : 0) != cases[i].rows ||
            (interval ? interval->value.integer : 0) != cases[i].interval)
            fail_msg("%s", text);
    }
}

static void test_parser__checks_create_table(void **state)
{
    static const struct {
        const char *rest;
        enum status code;
        const char *words;
    } cases[] = {
        {"()", STATUS_INVALID_SQL, "at least one column"},
        {"(a INT, a TEXT)", STATUS_INVALID_SQL, "\"a\" specified more than once"},
        {"(_a INT)", STATUS_INVALID_SQL, "invalid column name"},
        {"(\"1a\" INT)", STATUS_INVALID_SQL, "invalid column name"},
        {"(a NOSUCH)", STATUS_INVALID_SQL, NULL},
        {"(a INT[])", STATUS_INVALID_SQL, "array"},
        {"(a INT UNSIGNED)", STATUS_INVALID_SQL, "unsigned"},
        {"(a ENUM('x', 'y'))", STATUS_INVALID_SQL, NULL},
        {"(a INTERVAL)", STATUS_INVALID_SQL, NULL},
        {"(a TINYINT)", STATUS_INVALID_SQL, NULL},
        {"(a INT UNIQUE)", STATUS_NOT_SUPPORTED, "UNIQUE"},
        {"(a INT CHECK (a > 0))", STATUS_NOT_SUPPORTED, "CHECK"},
        {"(a INT REFERENCES u (id))", STATUS_NOT_SUPPORTED, "REFERENCES"},
        {"(a INT, UNIQUE (a))", STATUS_NOT_SUPPORTED, "UNIQUE"},
        {"(a INT, CONSTRAINT x CHECK (a > 0))", STATUS_NOT_SUPPORTED, "CHECK"},
        {"(a INT, FOREIGN KEY (a) REFERENCES u (b))", STATUS_NOT_SUPPORTED, "FOREIGN KEY"},
        {"(a INT, EXCLUDE USING gist (a WITH =))", STATUS_NOT_SUPPORTED, "EXCLUDE"},
        {"(a INT PRIMARY KEY, b INT PRIMARY KEY)", STATUS_INVALID_SQL, "multiple primary keys"},
        {"(a INT PRIMARY KEY, PRIMARY KEY (a))", STATUS_INVALID_SQL, "multiple primary keys"},
        {"(a INT, PRIMARY KEY (b))", STATUS_INVALID_SQL, "\"b\" named in key"},
        {"(a INT, PRIMARY KEY (a, a))", STATUS_INVALID_SQL, "twice"},
        {"(a INT DEFAULT b)", STATUS_INVALID_SQL, "literal or a function"},
        {"(a INT DEFAULT $1)", STATUS_INVALID_SQL, "literal or a function"},
        {"(a INT NULL NOT NULL)", STATUS_INVALID_SQL, "both NULL"},
        {"(a INT DEFAULT 1 DEFAULT 2)", STATUS_INVALID_SQL, "more than one DEFAULT"},
        {"(a INT GENERATED ALWAYS AS (b + 1) STORED)", STATUS_NOT_SUPPORTED, "generated"},
        {"(a INT) STORAGE x STORAGE y", STATUS_INVALID_SQL, "more than once"},
        {"(a INT) STORAGE x WITH (storage_id = 'y')", STATUS_INVALID_SQL, "more than once"},
        {"(a INT) STORAGE x LOCATION '/y'", STATUS_INVALID_SQL, "exclude each other"},
        {"(a INT) WITH (nosuch = 1)", STATUS_INVALID_SQL, "\"nosuch\""},
        {"(a INT) WITH (type = 'user') WITH (ttl = 5)", STATUS_INVALID_SQL, "WITH is given"},
        {"(a INT) TABLE_TYPE user", STATUS_INVALID_SQL, "CREATE USER TABLE"},
        {"(a INT) OWNER_ID 'x'", STATUS_INVALID_SQL, "OWNER_ID"},
        {"(a INT) FLUSH POLICY", STATUS_INVALID_SQL, NULL},
        {"(a INT) FLUSH ROWS 0", STATUS_INVALID_SQL, "between 1 and 999999"},
        {"(a INT) FLUSH ROWS 1000000", STATUS_INVALID_SQL, "between 1 and 999999"},
        {"(a INT) FLUSH SECONDS 86400", STATUS_INVALID_SQL, "between 1 and 86399"},
        {"(a INT) TTL 0", STATUS_INVALID_SQL, "between 1 and 4294967295"},
        {"(a INT) TTL 'soon'", STATUS_INVALID_SQL, "invalid duration"},
        {"(a INT) MAX_BUFFER 0", STATUS_INVALID_SQL, "between 1 and 4294967295"},
        {"(a INT) ACCESS everyone", STATUS_INVALID_SQL, "PUBLIC"},
        {"(a INT) FLUSH_POLICY = 'rows=5'", STATUS_INVALID_SQL, "invalid flush policy"},
        {"(a INT) nonsense", STATUS_INVALID_SQL, "near \"nonsense\""},
        {"AS SELECT 1", STATUS_NOT_SUPPORTED, "CREATE TABLE AS"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "CREATE TABLE t %s", cases[i].rest);
        refuse(text, cases[i].code, cases[i].words);
    }
    refuse("CREATE USER TABLE t (a INT) WITH (type = 'shared')", STATUS_INVALID_SQL, "contradicts");
    refuse("CREATE TABLE _t (a INT)", STATUS_INVALID_SQL, "invalid table name");
    struct ast_statement *s = parse("CREATE SHARED TABLE t (a INT) ACCESS LEVEL DBA "
                                    "DELETED_RETENTION off LOCATION REFERENCE 's3'");
    same(option(s, "access")->value.text, "restricted");
    assert_true(option(s, "deleted_retention")->value.is_null);
    same(option(s, "storage")->value.text, "s3");
    s = parse("CREATE STREAM TABLE t (a INT) RETENTION '1h' EPHEMERAL FALSE MAX_BUFFER 9");
    assert_int_equal(option(s, "ttl_seconds")->value.integer, 3600);
    assert_false(option(s, "ephemeral")->value.boolean);
    s = parse("CREATE TABLE t (a INT) DELETED_RETENTION 24");
    assert_int_equal(option(s, "deleted_retention")->value.integer, 24);
    s = parse("DROP STREAM TABLE IF EXISTS a.b");
    assert_int_equal(s->drop_table.kind, AST_TABLE_STREAM);
    assert_true(s->drop_table.if_exists);
    same(s->drop_table.name.space, "a");
}

static void test_parser__reads_namespaces_and_users(void **state)
{
    struct ast_statement *s =
        parse("CREATE NAMESPACE IF NOT EXISTS Shop WITH OPTIONS (a = 'x', b = -2, c = NULL)");

    assert_int_equal(s->kind, AST_CREATE_NAMESPACE);
    same(s->name_space.name, "shop");
    assert_true(s->name_space.if_not_exists);
    assert_int_equal(s->name_space.option_count, 3);
    assert_int_equal(s->name_space.options[1].value.integer, -2);
    s = parse("ALTER NAMESPACE shop SET OPTIONS (a = true)");
    assert_int_equal(s->kind, AST_ALTER_NAMESPACE);
    s = parse("DROP NAMESPACE IF EXISTS shop CASCADE");
    assert_true(s->name_space.if_exists && s->name_space.cascade);
    assert_int_equal(parse("USE default")->kind, AST_USE);
    same(parse("SET NAMESPACE x")->name_space.name, "x");
    refuse("CREATE NAMESPACE x WITH OPTIONS ('' = 1)", STATUS_INVALID_SQL, "empty name");
    refuse("CREATE NAMESPACE _x", STATUS_INVALID_SQL, "invalid namespace name");
    refuse("CREATE NAMESPACE x WITH OPTIONS (a = 1, a = 2)", STATUS_INVALID_SQL, "more than once");

    s = parse("CREATE USER IF NOT EXISTS 'Ann@x' WITH PASSWORD 'p' ROLE dba EMAIL 'e' METADATA "
              "'{}' STORAGE_MODE region STORAGE s3");
    assert_int_equal(s->kind, AST_CREATE_USER);
    same(s->user.name, "Ann@x");
    assert_int_equal(s->user.option_count, 6);
    same(s->user.options[1].key, "role");
    same(s->user.options[1].value.text, "dba");
    s = parse("CREATE USER bob WITH INTERNAL");
    assert_true(s->user.options[0].value.boolean);
    s = parse("ALTER USER bob SET PASSWORD 'q'");
    same(s->user.options[0].key, "password");
    s = parse("ALTER USER bob GENERATE API KEY");
    same(s->user.options[0].key, "generate_api_key");
    s = parse("ALTER USER bob DROP API KEY");
    same(s->user.options[0].key, "drop_api_key");
    s = parse("DROP USER IF EXISTS bob");
    assert_true(s->user.if_exists);
    refuse("CREATE USER bob", STATUS_INVALID_SQL, "PASSWORD");
    refuse("CREATE USER bob WITH PASSWORD 'p' INTERNAL", STATUS_INVALID_SQL, "either");
    refuse("CREATE USER bob WITH OAUTH", STATUS_NOT_SUPPORTED, "OAUTH");
    refuse("CREATE USER bob WITH OWNER_ID 'x'", STATUS_INVALID_SQL, "OWNER_ID");
    refuse("CREATE USER 'a/b' WITH INTERNAL", STATUS_INVALID_SQL, "invalid user id");
    refuse("CREATE USER 'a..b' WITH INTERNAL", STATUS_INVALID_SQL, "invalid user id");
    refuse("ALTER USER bob SET", STATUS_INVALID_SQL, NULL);
}

static void test_parser__reads_the_other_statements(void **state)
{
    struct ast_statement *s = parse("EXPLAIN ANALYZE SELECT a FROM t WHERE b = $1");

    assert_int_equal(s->kind, AST_EXPLAIN);
    assert_true(s->explain.analyze);
    assert_int_equal(s->explain.inner->kind, AST_SELECT);
    assert_int_equal(s->param_max, 1);
    assert_int_equal(parse("EXPLAIN DELETE FROM t")->explain.inner->kind, AST_DELETE);
    s = parse("EXECUTE AS USER 'Ann' ( INSERT INTO t VALUES (')') )");
    assert_int_equal(s->kind, AST_EXECUTE_AS);
    same(s->execute_as.user, "Ann");
    same(s->execute_as.inner->text, "INSERT INTO t VALUES (')')");
    assert_int_equal(parse("BEGIN")->kind, AST_BEGIN);
    assert_int_equal(parse("START TRANSACTION")->kind, AST_BEGIN);
    assert_int_equal(parse("COMMIT WORK")->kind, AST_COMMIT);
    assert_int_equal(parse("ROLLBACK")->kind, AST_ROLLBACK);
    s = parse("STORAGE FLUSH TABLE a.b");
    assert_int_equal(s->kind, AST_FLUSH);
    same(s->flush.table.table, "b");
    assert_false(parse("FLUSH TABLE b")->flush.all);
    s = parse("STORAGE FLUSH ALL IN ns");
    assert_true(s->flush.all);
    same(s->flush.space, "ns");
    assert_true(parse("FLUSH ALL TABLES")->flush.all);
    assert_int_equal(parse("SHOW NAMESPACES")->show.what, AST_SHOW_NAMESPACES);
    assert_int_equal(parse("SHOW USERS")->show.what, AST_SHOW_USERS);
    assert_int_equal(parse("SHOW JOBS")->show.what, AST_SHOW_JOBS);
    assert_int_equal(parse("SHOW STORAGES")->show.what, AST_SHOW_STORAGES);
    same(parse("SHOW TABLES IN NAMESPACE ns")->show.space, "ns");
    same(parse("SHOW TABLES FROM ns")->show.space, "ns");
    assert_int_equal(parse("SHOW TABLES")->show.space.size, 0);
    same(parse("SHOW COLUMNS FROM a.t")->show.table.table, "t");
    s = parse("SHOW STATS FOR TABLE a.t FOR USER 'u'");
    assert_int_equal(s->show.what, AST_SHOW_STATS);
    same(s->show.user, "u");
    assert_int_equal(parse("SHOW TABLE STATS t")->show.what, AST_SHOW_STATS);
    assert_true(parse("DESCRIBE TABLE a.t HISTORY")->describe.history);
    same(parse("DESC t")->describe.table.table, "t");
    same(parse("KILL JOB 'FL-1'")->kill.id, "FL-1");
    same(parse("KILL JOB FL-12ab-3;")->kill.id, "FL-12ab-3");
    same(parse("KILL LIVE QUERY a-b-c")->kill.id, "a-b-c");
    assert_int_equal(parse("CLEAR CACHE")->kind, AST_CLEAR_CACHE);
    refuse("EXPLAIN EXPLAIN SELECT 1", STATUS_INVALID_SQL, "near \"EXPLAIN\"");
    refuse("EXECUTE AS USER a (DROP TABLE t)", STATUS_INVALID_SQL, "takes one SELECT");
    refuse("EXECUTE AS USER a (SELECT 1", STATUS_INVALID_SQL, NULL);
    refuse("KILL JOB", STATUS_INVALID_SQL, "end of input");
    refuse("SHOW NONSENSE", STATUS_INVALID_SQL, "near \"NONSENSE\"");
}

static void test_parser__reads_subscribe(void **state)
{
    struct ast_statement *s = parse("SUBSCRIBE TO app.t WHERE a = 'x' AND b IN (1, 2) LAST 10 "
                                    "OPTIONS (batch_size = 5, from = 77)");

    assert_int_equal(s->kind, AST_SUBSCRIBE);
    assert_int_equal(s->subscribe.last_rows, 10);
    assert_int_equal(s->subscribe.batch_size, 5);
    assert_int_equal(s->subscribe.from, 77);
    assert_int_equal(s->subscribe.select->kind, AST_SELECT);
    same(s->subscribe.select->text, "SELECT * FROM app.t WHERE a = 'x' AND b IN (1, 2)");
    s = parse("SUBSCRIBE SELECT a FROM t WHERE b = $1 OPTIONS (last_rows = 3)");
    same(s->subscribe.select->text, "SELECT a FROM t WHERE b = $1");
    assert_int_equal(s->subscribe.last_rows, 3);
    assert_int_equal(s->subscribe.from, -1);
    assert_int_equal(s->param_max, 1);
    same(parse("SUBSCRIBE TO t")->subscribe.select->text, "SELECT * FROM t");
    assert_int_equal(parse("SUBSCRIBE TO t LAST 5")->subscribe.last_rows, 5);
    refuse("SUBSCRIBE TO t OPTIONS (nosuch = 1)", STATUS_INVALID_SQL, "\"nosuch\"");
    refuse("SUBSCRIBE TO t LAST 5 OPTIONS (last_rows = 1)", STATUS_INVALID_SQL, "more than once");
    refuse("SUBSCRIBE TO t LAST -5", STATUS_INVALID_SQL, NULL);
    refuse("SUBSCRIBE t", STATUS_INVALID_SQL, "near \"t\"");
}

static void test_parser__refuses_what_is_reserved(void **state)
{
    static const char *const cases[] = {
        "TRUNCATE t",
        "GRANT ALL ON t TO u",
        "REVOKE x",
        "COPY t FROM 'x'",
        "MERGE INTO t",
        "PREPARE x AS SELECT",
        "SAVEPOINT a",
        "RELEASE a",
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX i ON t (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW v",
        "CREATE TRIGGER x",
        "CREATE SEQUENCE s",
        "CREATE FUNCTION f",
        "CREATE TOPIC t",
        "DROP TOPIC t",
        "DROP VIEW v",
        "CONSUME FROM t",
        "ACK t",
        "EXPORT USER DATA",
        "STORAGE COMPACT t",
        "ROLLBACK TO SAVEPOINT a",
        "SET x = 1",
        "EXECUTE p",
        "LOCK TABLE t",
        "ATTACH 'x'",
        "PRAGMA x",
        "INSTALL x",
        "CREATE SCHEMA s",
        "CREATE TEMP TABLE t (a INT)",
        "DROP TABLE a, b",
        "LISTEN x",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse(cases[i], STATUS_NOT_SUPPORTED, "is not supported in this version");
    refuse("TRUNCATE t", STATUS_NOT_SUPPORTED, NULL);
    assert_non_null(strstr(err.hint, "DELETE"));
    refuse("FROBNICATE t", STATUS_INVALID_SQL, "syntax error at or near \"FROBNICATE\"");
    refuse("123", STATUS_INVALID_SQL, "near \"123\"");
    refuse("  -- nothing", STATUS_EMPTY_SQL, NULL);
    refuse("BEGIN; COMMIT", STATUS_INVALID_SQL, "near \"COMMIT\"");
}

static void test_parser__places_errors(void **state)
{
    size_t line, column;

    refuse("DELETE FROM t\nWHERE a = )", STATUS_INVALID_SQL, "near \")\"");
    assert_int_equal(err.position, 24);
    sql_line_column(STR_LIT("DELETE FROM t\nWHERE a = )"), 24, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 11);
    sql_line_column(STR_LIT("'\xc3\xa9' x"), 5, &line, &column);
    assert_int_equal(column, 5);
    refuse("EXPLAIN DELETE FROM t WHERE a = )", STATUS_INVALID_SQL, NULL);
    assert_int_equal(err.position, 32);
    refuse("SUBSCRIBE TO t  WHERE a = $0", STATUS_INVALID_PARAMETER, NULL);
    assert_int_equal(err.position, 26);
}

static struct str repeat(const char *head, const char *part, size_t count, const char *tail)
{
    size_t size = strlen(head) + strlen(part) * count + strlen(tail);
    char *text = arena_alloc(&arena, size + 1), *at = text;

    at += sprintf(at, "%s", head);
    for (size_t i = 0; i < count; i++, at += strlen(part))
        memcpy(at, part, strlen(part));
    memcpy(at, tail, strlen(tail));
    return str_from(text, size);
}

static void test_parser__never_overflows_the_stack(void **state)
{
    static const struct {
        const char *head, *part;
        size_t count;
        const char *tail;
        enum status code;
    } cases[] = {
        {"DELETE FROM t WHERE 1", "+1", 100000, "", STATUS_INVALID_SQL},
        {"SELECT 1", "+1", 100000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE 1", "+1", 900, "", STATUS_OK},
        {"DELETE FROM t WHERE a", "::int", 100000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE a", " IS NULL", 50000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE a", " AND a", 100000, "", STATUS_OK},
        {"DELETE FROM t WHERE a", " OR b", 100000, "", STATUS_OK},
        {"DELETE FROM t WHERE a", " AND b OR c", 50000, "", STATUS_OK},
        {"DELETE FROM t WHERE a IN (1", ",1", 100000, ")", STATUS_OK},
        {"DELETE FROM t WHERE ", "(", 1 << 19, "", STATUS_INVALID_SQL},
        {"", "(", 1 << 20, "", STATUS_INVALID_SQL},
        {"SELECT ", "(", 1 << 19, "", STATUS_INVALID_SQL},
        {"SELECT a, b FROM t, u WHERE ", "(", 1 << 19, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "NOT ", 100000, "a", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "- ", 100000, "a", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "f(", 100000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "CASE ", 100000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "CAST(", 100000, "", STATUS_INVALID_SQL},
        {"DELETE FROM t WHERE ", "a IN (", 100000, "", STATUS_INVALID_SQL},
        {"", "EXPLAIN ", 100000, "", STATUS_INVALID_SQL},
        {"EXPLAIN ", "EXECUTE AS USER a (", 50000, "", STATUS_INVALID_SQL},
        {"INSERT INTO t VALUES (1)", ",(1)", 100000, "", STATUS_OK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str text = repeat(cases[i].head, cases[i].part, cases[i].count, cases[i].tail);
        struct ast_statement *out;
        enum status status = sql_parse(text, &arena, &out, &err);
        if (status != cases[i].code)
            fail_msg("%s %s: %s %s", cases[i].head, cases[i].part, status_name(status),
                     status ? err.message : "");
        arena_clear(&arena);
    }
    struct str text = repeat("DELETE FROM t WHERE ", "(", 300, "");
    struct ast_statement *out;
    assert_int_equal(sql_parse(text, &arena, &out, &err), STATUS_INVALID_SQL);
    assert_string_equal(err.message, "expression is nested too deeply");
}

static void test_parser__splits_batches(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *parts[3];
    } cases[] = {
        {"SELECT 1", 1, {"SELECT 1"}},
        {" SELECT 1 ; ; SELECT 2;\n", 2, {"SELECT 1", "SELECT 2"}},
        {"SELECT ';' ; b", 2, {"SELECT ';'", "b"}},
        {"SELECT $$;$$ \";\" E'\\';' `;` ; b", 2, {"SELECT $$;$$ \";\" E'\\';' `;`", "b"}},
        {"-- a;\n a; /* ; /* ; */ ; */ b", 2, {"a", "b"}},
    };
    struct str *parts;
    size_t count;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(sql_split(str_from_c(cases[i].text), &arena, &parts, &count, &err),
                         STATUS_OK);
        assert_int_equal(count, cases[i].count);
        for (size_t j = 0; j < count; j++)
            same(parts[j], cases[i].parts[j]);
    }
    assert_int_equal(sql_split(STR_LIT(" ; /* x */ ;"), &arena, &parts, &count, &err),
                     STATUS_EMPTY_SQL);
    assert_int_equal(sql_split(STR_EMPTY, &arena, &parts, &count, &err), STATUS_EMPTY_SQL);
    assert_int_equal(sql_split(STR_LIT("a; 'open"), &arena, &parts, &count, &err),
                     STATUS_BATCH_PARSE_ERROR);
    assert_int_equal(sql_split(STR_LIT("a; /* open"), &arena, &parts, &count, &err),
                     STATUS_BATCH_PARSE_ERROR);
    assert_int_equal(sql_split(str_from("a\0b", 3), &arena, &parts, &count, &err),
                     STATUS_INVALID_SQL);
    assert_int_equal(sql_split(STR_LIT("'\xff'"), &arena, &parts, &count, &err),
                     STATUS_INVALID_SQL);
    struct str big = repeat("", "x", (1 << 20) + 1, "");
    assert_int_equal(sql_split(big, &arena, &parts, &count, &err), STATUS_INVALID_SQL);
}

/* Random strings of tokens: any answer, but no crash and no sanitizer report. */
static void test_parser__survives_random_tokens(void **state)
{
    static const char *const tokens[] = {
        "SELECT",  "INSERT",  "INTO",      "UPDATE",   "DELETE",    "FROM",        "WHERE",
        "SET",     "VALUES",  "(",         ")",        ",",         ".",           "*",
        "+",       "-",       "=",         "<",        "a",         "b",           "t",
        "'x'",     "1",       "1.5",       "1e3",      "$1",        "$2",          "NULL",
        "TRUE",    "NOT",     "IN",        "LIKE",     "BETWEEN",   "AND",         "OR",
        "CASE",    "WHEN",    "THEN",      "ELSE",     "END",       "CAST",        "AS",
        "int",     "::",      "->",        "->>",      "||",        "IS",          "DISTINCT",
        "CREATE",  "TABLE",   "USER",      "PRIMARY",  "KEY",       "DEFAULT",     "WITH",
        "STORAGE", "FLUSH",   "POLICY",    "ROWS",     "INTERVAL",  "'5 minutes'", "ORDER",
        "BY",      "LIMIT",   "ON",        "CONFLICT", "DO",        "NOTHING",     "RETURNING",
        "EXPLAIN", "EXECUTE", "SUBSCRIBE", "TO",       "OPTIONS",   "LAST",        "KILL",
        "JOB",     "SHOW",    "DROP",      "ALTER",    "NAMESPACE", ";",           "\"q\"",
        "~",       "[",       "$$x$$",     "/*c*/",    "EXTRACT",   "SUBSTRING",   "TRIM",
        "FOR",     "ANY",     "EXISTS",    "decimal",  "10",        "EXCLUDED",    "'",
    };
    unsigned seed = (unsigned)time(NULL) ^ 0x5eed;

    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        char text[1024] = "";
        size_t size = 0;
        int count = 1 + rand() % 24;
        struct ast_statement *out = NULL;
        struct value *literals;
        size_t literal_count;
        struct str normalized;

        for (int i = 0; i < count; i++)
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s ",
                                     tokens[(size_t)rand() % (sizeof(tokens) / sizeof(*tokens))]);
        enum status status = sql_parse(str_from(text, size), &arena, &out, &err);
        if (status == STATUS_OK)
            assert_non_null(out);
        else
            assert_true(err.message[0] != '\0');
        if (sql_normalize(str_from(text, size), 0, &arena, &normalized, &literals,
                          &literal_count) &&
            status == STATUS_OK) {
            struct ast_statement *again = NULL;
            assert_int_equal(sql_parse(normalized, &arena, &again, &err), STATUS_OK);
        }
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parser__knows_precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__refuses_bad_expressions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_select, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__leaves_the_rest_to_duckdb, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_insert, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_update_and_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_create_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__generates_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__knows_every_flush_spelling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__checks_create_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_namespaces_and_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_the_other_statements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__reads_subscribe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__refuses_what_is_reserved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__places_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__never_overflows_the_stack, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__splits_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parser__survives_random_tokens, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
