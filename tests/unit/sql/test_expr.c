/* test_expr.c — operators, NULL logic, types, casts, bounds, parameters of expression programs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/sql/expr_fixture.h"

#include <stdlib.h>
#include <time.h>

static void check_all(const char *const cases[][2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_check(&f, cases[i][0], cases[i][1]);
        fixture_clear(&f);
    }
}
#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_expr__compares(void **state)
{
    static const char *const cases[][2] = {
        {"i = 5", "true"},
        {"i <> 5", "false"},
        {"i < 6", "true"},
        {"i <= 4", "false"},
        {"i > 4.9", "true"},
        {"i >= 5.1", "false"},
        {"5 = i", "true"},
        {"6 > i", "true"},
        {"i = '5'", "true"},
        {"'6' > i", "true"},
        {"i = 'x'", "!TYPE_MISMATCH"},
        {"s < n", "false"},
        {"s = 2", "true"},
        {"d = 12.5", "true"},
        {"d > 12", "true"},
        {"d = '12.500'", "true"},
        {"d = '12.504'", "false"},
        {"f = 0.1", "true"},
        {"r = 1.5", "true"},
        {"f < 1", "true"},
        {"t = 'Hello'", "true"},
        {"t < 'World'", "true"},
        {"t = 'hello'", "false"},
        {"t1.t = 'Hello'", "true"},
        {"u = '0190A0B0-0000-7000-8000-00000000ABCD'", "true"},
        {"u = 'x'", "!TYPE_MISMATCH"},
        {"u = t", "false"},
        {"b = true", "true"},
        {"b > false", "true"},
        {"dt = '2026-01-31'", "true"},
        {"dt < '2026-02-01'", "true"},
        {"ts > '2026-01-01'", "true"},
        {"ts >= dt", "true"},
        {"tm = '10:20:30'", "true"},
        {"ts = '2026-01-31T11:20:30.5+01:00'", "true"},
        {"y = '\\x00ff'", "true"},
        {"y = X'00ff'", "true"},
        {"t = 5", "!TYPE_MISMATCH"},
        {"i = true", "!TYPE_MISMATCH"},
        {"i = t", "!TYPE_MISMATCH"},
        {"j = '{}'", "!TYPE_MISMATCH"},
        {"i = dt", "!TYPE_MISMATCH"},
        {"nosuch = 1", "!COLUMN_NOT_FOUND"},
        {"x.i = 1", "!COLUMN_NOT_FOUND"},
        {"9223372036854775807 > 9223372036854775806", "true"},
        {"'a' = 'b'", "false"},
        {"null = null", "NULL"},
    };
    CHECK_ALL(cases);
}

static void test_expr__gives_null_for_null(void **state)
{
    static const char *const cases[][2] = {
        {"ni = 5", "NULL"},
        {"ni <> 5", "NULL"},
        {"ni < 5", "NULL"},
        {"ni <= 5", "NULL"},
        {"ni > 5", "NULL"},
        {"ni >= 5", "NULL"},
        {"5 = ni", "NULL"},
        {"ni = ni", "NULL"},
        {"ni + 1", "NULL"},
        {"1 - ni", "NULL"},
        {"ni * 0", "NULL"},
        {"ni / 0", "NULL"},
        {"ni % 2", "NULL"},
        {"-ni", "NULL"},
        {"nt || 'x'", "NULL"},
        {"'x' || nt", "NULL"},
        {"not nb", "NULL"},
        {"nt like 'x'", "NULL"},
        {"t like nt", "NULL"},
        {"nt ilike 'x'", "NULL"},
        {"ni between 1 and 2", "NULL"},
        {"i between ni and 9", "NULL"},
        {"i between ni and 2", "false"},
        {"i not between ni and 2", "true"},
        {"ni in (1, 2)", "NULL"},
        {"i in (1, null)", "NULL"},
        {"i in (5, null)", "true"},
        {"i not in (1, null)", "NULL"},
        {"i not in (5, null)", "false"},
        {"i in (ni, 5)", "true"},
        {"i in (ni, 6)", "NULL"},
        {"ni::text", "NULL"},
        {"nj -> 'a'", "NULL"},
        {"nj ->> 'a'", "NULL"},
        {"j -> nt", "NULL"},
        {"ni is null", "true"},
        {"ni is not null", "false"},
        {"i is null", "false"},
        {"null is null", "true"},
        {"nb is true", "false"},
        {"nb is not true", "true"},
        {"nb is false", "false"},
        {"nb is unknown", "true"},
        {"b is unknown", "false"},
        {"b is true", "true"},
        {"b is not false", "true"},
        {"ni is distinct from 5", "true"},
        {"ni is distinct from null", "false"},
        {"ni is not distinct from null", "true"},
        {"i is not distinct from 5", "true"},
        {"i is distinct from 5", "false"},
        {"i is distinct from ni", "true"},
        {"ts + interval '1 day' = nt::timestamp", "NULL"},
    };
    CHECK_ALL(cases);
}

static void test_expr__knows_three_valued_logic(void **state)
{
    static const char *const names[] = {"true", "false", "null"};
    static const char *const text[] = {"true", "false", "NULL"};
    static const char *const column[] = {"b", "(not b)", "nb"};
    static const int and_[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
    static const int or_[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};

    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            struct fixture f;
            char expr[64];
            fixture_init(&f);
            snprintf(expr, sizeof(expr), "%s and %s", column[a], column[b]);
            fixture_check(&f, expr, text[and_[a][b]]);
            snprintf(expr, sizeof(expr), "%s or %s", column[a], column[b]);
            fixture_check(&f, expr, text[or_[a][b]]);
            snprintf(expr, sizeof(expr), "%s and %s", names[a], names[b]);
            fixture_check(&f, expr, text[and_[a][b]]);
            snprintf(expr, sizeof(expr), "%s or %s", names[a], column[b]);
            fixture_check(&f, expr, text[or_[a][b]]);
            fixture_clear(&f);
        }
    }
}

static void test_expr__stops_early(void **state)
{
    static const char *const cases[][2] = {
        {"i = 6 and 1 / (i - 5) = 1", "false"},
        {"i = 5 or 1 / (i - 5) = 1", "true"},
        {"i = 5 and 1 / (i - 5) = 1", "?SQL_EXECUTION_ERROR"},
        {"case when i = 5 then 1 else 1 / (i - 5) end", "1"},
        {"coalesce(i, 1 / (i - 5))", "5"},
        {"i in (5, 1 / (i - 5))", "true"},
        {"false and 1 / 0 = 1", "false"},
    };
    CHECK_ALL(cases);
}

static void test_expr__calculates(void **state)
{
    static const char *const cases[][2] = {
        {"1 + 2 * 3", "7"},
        {"i / 2", "2"},
        {"-7 / 2", "-3"},
        {"n % 3", "-1"},
        {"1 / 0", "?SQL_EXECUTION_ERROR"},
        {"i % 0", "?SQL_EXECUTION_ERROR"},
        {"1 / 2", "0"},
        {"1.0 / 0", "?SQL_EXECUTION_ERROR"},
        {"9223372036854775807 + 1", "?SQL_EXECUTION_ERROR"},
        {"i + 9223372036854775807", "?SQL_EXECUTION_ERROR"},
        {"-9223372036854775808 - i", "?SQL_EXECUTION_ERROR"},
        {"i * 9223372036854775807", "?SQL_EXECUTION_ERROR"},
        {"s * s", "4"},
        {"-i", "-5"},
        {"+i", "5"},
        {"d + 1", "13.50"},
        {"d * 2", "25.00"},
        {"d - 0.005", "12.495"},
        {"f + f", "0.2"},
        {"r + 1", "2.5"},
        {"f * 1e0", "0.1"},
        {"i + '3'", "8"},
        {"'3' + i", "8"},
        {"i + 'x'", "!TYPE_MISMATCH"},
        {"i + t", "!TYPE_MISMATCH"},
        {"t + 1", "!TYPE_MISMATCH"},
        {"f % 2", "0.1"},
        {"-t", "!TYPE_MISMATCH"},
        {"b + 1", "!TYPE_MISMATCH"},
        {"dt + 1", "2026-02-01"},
        {"dt - 31", "2025-12-31"},
        {"1 + dt", "2026-02-01"},
        {"dt - date '2026-01-01'", "30"},
        {"ts - dt", "!NOT_SUPPORTED"},
        {"dt + 9999999", "?SQL_EXECUTION_ERROR"},
        {"t || 1", "Hello1"},
        {"i || t", "5Hello"},
        {"t || 'x' || d", "Hellox12.50"},
        {"'a' || 'b'", "ab"},
        {"i || i", "!NOT_SUPPORTED"},
        {"y || y", "\\x00ff00ff"},
        {"i || 'x'", "5x"},
        {"'x' || true", "xtrue"},
        {"t || u", "Hello0190a0b0-0000-7000-8000-00000000abcd"},
    };
    CHECK_ALL(cases);
}

static void test_expr__moves_in_time(void **state)
{
    static const char *const cases[][2] = {
        {"ts + interval '1 month'", "2026-02-28 10:20:30.5"},
        {"ts - interval '1 month'", "2025-12-31 10:20:30.5"},
        {"ts + interval '1 day 2 hours'", "2026-02-01 12:20:30.5"},
        {"ts - interval '10:20:30.5'", "2026-01-31 00:00:00"},
        {"interval '1 year' + ts", "2027-01-31 10:20:30.5"},
        {"dt + interval '1 day'", "2026-02-01 00:00:00"},
        {"tm + interval '20 hours'", "06:20:30"},
        {"tm - interval '11 hours'", "23:20:30"},
        {"'2024-02-29' + interval '1 year'", "2025-02-28 00:00:00"},
        {"ts + interval '9000 years'", "?SQL_EXECUTION_ERROR"},
        {"ts - interval '2026 years'", "?SQL_EXECUTION_ERROR"},
        {"i + interval '1 day'", "!TYPE_MISMATCH"},
        {"interval '1 day' - ts", "!NOT_SUPPORTED"},
        {"ts > now() - interval '1 day'", "true"},
        {"date_trunc('hour', ts)", "2026-01-31 10:00:00"},
        {"date_trunc('day', ts)", "2026-01-31 00:00:00"},
        {"date_trunc('week', ts)", "2026-01-26 00:00:00"},
        {"date_trunc('month', dt)", "2026-01-01 00:00:00"},
        {"date_trunc('quarter', timestamp '2026-06-15 01:02:03')", "2026-04-01 00:00:00"},
        {"date_trunc('year', ts)", "2026-01-01 00:00:00"},
        {"date_trunc('decade', ts)", "2020-01-01 00:00:00"},
        {"date_trunc('century', ts)", "2001-01-01 00:00:00"},
        {"date_trunc('second', ts)", "2026-01-31 10:20:30"},
        {"date_trunc('nosuch', ts)", "?SQL_EXECUTION_ERROR"},
        {"extract(year from ts)", "2026"},
        {"extract(month from dt)", "1"},
        {"extract(day from ts)", "31"},
        {"extract(hour from tm)", "10"},
        {"extract(minute from ts)", "20"},
        {"extract(second from ts)", "30.500000"},
        {"extract(milliseconds from ts)", "30500.000"},
        {"extract(microseconds from ts)", "30500000"},
        {"extract(dow from dt)", "6"},
        {"extract(isodow from date '2026-02-01')", "7"},
        {"extract(dow from date '2026-02-01')", "0"},
        {"extract(doy from dt)", "31"},
        {"extract(week from date '2026-01-01')", "1"},
        {"extract(week from date '2027-01-01')", "53"},
        {"extract(isoyear from date '2027-01-01')", "2026"},
        {"extract(quarter from dt)", "1"},
        {"extract(epoch from timestamp '1970-01-02')", "86400.000000"},
        {"extract(century from dt)", "21"},
        {"extract(decade from dt)", "202"},
        {"extract(nosuch from ts)", "!NOT_SUPPORTED"},
        {"extract(year from tm)", "!TYPE_MISMATCH"},
        {"current_date", "2026-01-31"},
        {"now() = current_timestamp", "true"},
    };
    CHECK_ALL(cases);
}

static void test_expr__casts(void **state)
{
    static const char *const cases[][2] = {
        {"'5'::int + 1", "6"},
        {"i::text || 'x'", "5x"},
        {"'12.345'::decimal(10, 2)", "12.35"},
        {"1.500::decimal", "1.500"},
        {"'1.50'::numeric", "1.50"},
        {"i::decimal", "5"},
        {"f::decimal", "0.1"},
        {"cast('0.1' as float)", "0.1"},
        {"1::boolean", "true"},
        {"0::boolean", "false"},
        {"'t'::boolean", "true"},
        {"b::int", "1"},
        {"2.5::int", "3"},
        {"2.5e0::int", "2"},
        {"300000::smallint", "?CONSTRAINT_VIOLATION"},
        {"'2026-01-31'::date", "2026-01-31"},
        {"ts::date", "2026-01-31"},
        {"ts::time", "10:20:30.5"},
        {"dt::timestamp", "2026-01-31 00:00:00"},
        {"u::text", "0190a0b0-0000-7000-8000-00000000abcd"},
        {"t::bigint", "?TYPE_MISMATCH"},
        {"'x'::bigint", "!TYPE_MISMATCH"},
        {"ts::bigint", "!TYPE_MISMATCH"},
        {"null::int", "NULL"},
        {"(i + 1)::text", "6"},
        {"date '2026-02-30'", "!CONSTRAINT_VIOLATION"},
        {"'{\"a\": 1}'::json -> 'a'", "1"},
        {"(j ->> 'a')::int + 1", "2"},
    };
    CHECK_ALL(cases);
}

static void test_expr__chooses(void **state)
{
    static const char *const cases[][2] = {
        {"case when i = 5 then 'five' when i = 6 then 'six' else 'many' end", "five"},
        {"case i when 4 then 'four' when 5 then 'five' end", "five"},
        {"case i when 4 then 'four' end", "NULL"},
        {"case ni when 4 then 'x' else 'y' end", "y"},
        {"case when nb then 1 else 2 end", "2"},
        {"case when b then 1 else 2.5 end", "1"},
        {"case when not b then 1 else 2.5 end", "2.5"},
        {"case when b then i else t end", "!TYPE_MISMATCH"},
        {"case when i then 1 end", "!TYPE_MISMATCH"},
        {"case i when 'x' then 1 end", "!TYPE_MISMATCH"},
        {"case d when 12.5 then case when b then 'in' end else 'out' end", "in"},
        {"coalesce(ni, nt)", "!TYPE_MISMATCH"},
        {"coalesce(ni, null, 7)", "7"},
        {"coalesce(nt, 'x')", "x"},
        {"coalesce(null, null)", "NULL"},
        {"coalesce(ni, 1.5)", "1.5"},
        {"nullif(i, 5)", "NULL"},
        {"nullif(i, 6)", "5"},
        {"nullif(t, '')", "Hello"},
        {"greatest(i, 7, ni)", "7"},
        {"least(i, 7, ni)", "5"},
        {"greatest(ni, null)", "NULL"},
        {"greatest(t, 'Z')", "Z"},
        {"greatest(i, 5.5)", "5.5"},
        {"greatest(j)", "!TYPE_MISMATCH"},
        {"i in (1, 2, 5)", "true"},
        {"i in (1, 2)", "false"},
        {"i not in (1, 2)", "true"},
        {"i in ('5', '6')", "true"},
        {"'5' in (i, 6)", "true"},
        {"t in ('Hello')", "true"},
        {"i in (5.0)", "true"},
        {"i in (4.9e0, 5e0)", "true"},
        {"dt in ('2026-01-31')", "true"},
        {"i + 1 in (3, 4, 5, 6, 7, 8)", "true"},
        {"d in (1, 12.5, 3)", "true"},
        {"u in ('0190a0b0-0000-7000-8000-00000000abcd', '0190a0b0-0000-7000-8000-00000000abce')",
         "true"},
        {"i between 1 and 5", "true"},
        {"i not between 1 and 4", "true"},
        {"i between 6 and 9", "false"},
        {"i + 1 between 6 and 6", "true"},
        {"i + 1 not between 6 and 6", "false"},
        {"ts between '2026-01-01' and '2026-02-01'", "true"},
        {"3 between s and i", "true"},
    };
    CHECK_ALL(cases);
}

/* Several sides: one type for all of IN and BETWEEN, of each pair for CASE. */
static void test_expr__compares_several_types(void **state)
{
    static const char *const cases[][2] = {
        {"u in ('0190a0b0-0000-7000-8000-00000000abcd', t)", "true"},
        {"u in (t, '0190a0b0-0000-7000-8000-00000000abcd')", "true"},
        {"u in ('x', upper('y'))", "false"},
        {"u in ('x', 'y', nt)", "NULL"},
        {"u not in (t, u)", "false"},
        {"'0190A0B0-0000-7000-8000-00000000ABCD' in (u, t)", "false"},
        {"'0190A0B0-0000-7000-8000-00000000ABCD' in (u, u)", "true"},
        {"u in (t, 5)", "!TYPE_MISMATCH"},
        {"u in ('x', 5)", "!TYPE_MISMATCH"},
        {"j in ('{}')", "!TYPE_MISMATCH"},
        {"'{}' in (j)", "!TYPE_MISMATCH"},
        {"u between '0190a0b0-0000-7000-8000-00000000abcd' and t", "true"},
        {"u between t and '0190a0b0-0000-7000-8000-00000000abcd'", "false"},
        {"coalesce(u, u) between '0190a0b0-0000-7000-8000-00000000abcd' and t", "true"},
        {"coalesce(u, u) not between '0190a0b0-0000-7000-8000-00000000abcd' and t", "false"},
        {"coalesce(u, u) between 'x' and 5", "!TYPE_MISMATCH"},
        {"case u when '0190a0b0-0000-7000-8000-00000000abce' then 1 when t then 2 else 3 end", "3"},
        {"case u when t then 1 when '0190A0B0-0000-7000-8000-00000000ABCD' then 2 end", "2"},
        {"case u when t then 1 when u::text then 2 when u then 3 end", "2"},
        {"case '0190a0b0-0000-7000-8000-00000000abcd' when t then 1 when u then 2 end", "2"},
        {"case coalesce(u, u) when t then 1 when u then case u when t then 2 when u then 3 end end",
         "3"},
        {"i + 9007199254740988 in (9007199254740993, 1e0)", "true"},
        {"i + 9007199254740988 in (1e0, 9007199254740993)", "true"},
        {"i + 9007199254740988 in (9007199254740993, f)", "true"},
        {"r + 16777214.5e0::real in (16777217, 1e0)", "false"},
        {"case i + 9007199254740988 when 9007199254740992 then 'wrong' when 1e0 then 'wrong' end",
         "NULL"},
        {"case i + 9007199254740988 when 1e0 then 'wrong' when 9007199254740993 then 'exact' end",
         "exact"},
        {"case i when 5e0 then 'five' end", "five"},
        {"i between '4' and 5e0", "true"},
    };
    CHECK_ALL(cases);
}

static void test_expr__reads_json(void **state)
{
    static const char *const cases[][2] = {
        {"j -> 'a'", "1"},
        {"j ->> 'a'", "1"},
        {"j -> 'b' -> 'c' -> 0", "10"},
        {"j -> 'b' -> 'c' ->> 1", "x\ny"},
        {"j -> 'b' -> 'c' -> 1", "\"x\\ny\""},
        {"j -> 'b' -> 'c' -> 2", "null"},
        {"j -> 'b' -> 'c' ->> 2", "NULL"},
        {"j -> 'b' -> 'c' ->> -1", "true"},
        {"j -> 'b' -> 'c' -> 9", "NULL"},
        {"j -> 'b' -> 'c' -> -9", "NULL"},
        {"j -> 0", "NULL"},
        {"j -> 'nosuch'", "NULL"},
        {"j -> 'a' -> 'x'", "NULL"},
        {"j -> 'b' ->> 'c'", "[10,\"x\\ny\",null,true]"},
        {"j ->> 'e\xc3\xa9'", "\xf0\x9f\x98\x80"},
        {"j ->> 'a' = '1'", "true"},
        {"'[1,[2,3]]'::text -> 1 -> 0", "2"},
        {"t -> 'a'", "?TYPE_MISMATCH"},
        {"'{\"x\":\"\\u0000\"}'::json ->> 'x'", "?SQL_EXECUTION_ERROR"},
        {"'\"s\"'::json -> 0", "NULL"},
        {"'[]'::json -> 0", "NULL"},
        {"'{}'::json -> 'a'", "NULL"},
        {"i -> 'a'", "!TYPE_MISMATCH"},
        {"j -> 1.5", "!TYPE_MISMATCH"},
        {"'{\"a\":[{\"b\":\"}\"}]}'::json -> 'a' -> 0 ->> 'b'", "}"},
    };
    CHECK_ALL(cases);
}

static void test_expr__refuses_what_only_duckdb_has(void **state)
{
    static const char *const cases[][2] = {
        {"nosuch(i)", "!NOT_SUPPORTED"},      {"count(*)", "!NOT_SUPPORTED"},
        {"sum(i)", "!NOT_SUPPORTED"},         {"upper(t, t)", "!NOT_SUPPORTED"},
        {"upper()", "!NOT_SUPPORTED"},        {"concat(distinct t)", "!NOT_SUPPORTED"},
        {"(select 1) = 1", "!NOT_SUPPORTED"}, {"default = 1", "!INVALID_SQL"},
        {"upper(i)", "!TYPE_MISMATCH"},       {"reverse(t)", "!NOT_SUPPORTED"},
        {"left(i, 1)", "!NOT_SUPPORTED"},     {"lpad(t, b)", "!NOT_SUPPORTED"},
    };
    CHECK_ALL(cases);
    struct fixture f;
    fixture_init(&f);
    f.scope.allow_per_row_functions = false;
    fixture_check(&f, "snowflake_id() > 0", "!NOT_SUPPORTED");
    f.scope.allow_per_row_functions = true;
    fixture_check(&f, "snowflake_id() > 0", "true");
    fixture_check(&f, "uuid_v7() <> uuid_v7()", "true");
    fixture_check(&f, "length(ulid())", "26");
    fixture_check(&f, "current_user || current_role()", "anndba");
    fixture_clear(&f);
}

static void test_expr__assigns_to_columns(void **state)
{
    static const struct {
        const char *text;
        struct data_type target;
        const char *want;
    } cases[] = {
        {"'5'", {.kind = VALUE_BIGINT}, "5"},
        {"5.4", {.kind = VALUE_INT}, "5"},
        {"70000", {.kind = VALUE_SMALLINT}, "!CONSTRAINT_VIOLATION"},
        {"i * 70000", {.kind = VALUE_SMALLINT}, "?CONSTRAINT_VIOLATION"},
        {"i", {.kind = VALUE_DECIMAL, .precision = 5, .scale = 2}, "5.00"},
        {"1.005", {.kind = VALUE_DECIMAL, .precision = 5, .scale = 2}, "1.01"},
        {"t", {.kind = VALUE_TEXT, .length_max = 3}, "?CONSTRAINT_VIOLATION"},
        {"'abcd'", {.kind = VALUE_TEXT, .length_max = 3}, "!CONSTRAINT_VIOLATION"},
        {"'abc'", {.kind = VALUE_TEXT, .length_max = 3}, "abc"},
        {"t", {.kind = VALUE_BIGINT}, "!TYPE_MISMATCH"},
        {"upper('5')", {.kind = VALUE_BIGINT}, "!TYPE_MISMATCH"},
        {"b", {.kind = VALUE_BIGINT}, "!TYPE_MISMATCH"},
        {"'{bad'", {.kind = VALUE_JSON}, "!CONSTRAINT_VIOLATION"},
        {"'{}'", {.kind = VALUE_JSON}, "{}"},
        {"uuid_v7() is not null", {.kind = VALUE_BOOLEAN}, "true"},
        {"u", {.kind = VALUE_TEXT}, "0190a0b0-0000-7000-8000-00000000abcd"},
        {"now()", {.kind = VALUE_DATE}, "2026-01-31"},
        {"now()", {.kind = VALUE_TIME}, "10:20:30"},
        {"null", {.kind = VALUE_BIGINT}, "NULL"},
        {"i", {.kind = VALUE_BOOLEAN}, "!TYPE_MISMATCH"},
        {"dt", {.kind = VALUE_TIMESTAMP}, "2026-01-31 00:00:00"},
        {"case when b then '5' else '6' end", {.kind = VALUE_BIGINT}, "!TYPE_MISMATCH"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        fixture_init(&f);
        struct str got = fixture_eval(&f, cases[i].text, &cases[i].target);
        if (!str_equal(got, str_from_c(cases[i].want)))
            fail_msg("%s to %s: got %.*s (%s), want %s", cases[i].text,
                     value_type_name(cases[i].target.kind), STR_ARG(got), f.err.message,
                     cases[i].want);
        fixture_clear(&f);
    }
}

static void test_expr__types_parameters(void **state)
{
    struct fixture f;
    struct value params[2];
    struct data_type types[2] = {{.kind = VALUE_TEXT}, {.kind = VALUE_BIGINT}};
    struct expr_program *program;
    struct value converted[2];

    fixture_init(&f);
    f.scope.param_types = types;
    f.scope.param_count = 2;
    f.context.params = params;
    f.context.param_count = 2;
    params[0] = value_text(VALUE_TEXT, STR_LIT("5"));
    params[1] = value_integer(VALUE_BIGINT, 7);
    fixture_check(&f, "i = $1", "true");
    fixture_check(&f, "i + $1 + $2", "17");
    fixture_check(&f, "d < $1", "false");
    fixture_check(&f, "$1 || t", "5Hello");
    fixture_check(&f, "i in ($1, $2)", "true");
    fixture_check(&f, "$2 in (i, 7, $1)", "true");
    fixture_check(&f, "t = $2 and i = $1", "!TYPE_MISMATCH");
    assert_non_null(strstr(f.err.message, "parameter $2"));
    for (int i = 0; i < 3; i++) {
        const char *forms[] = {"dt = $1", "dt in ($1)", "dt between $1 and dt"};
        fixture_check(&f, forms[i], "?TYPE_MISMATCH");
        assert_non_null(strstr(f.err.message, "parameter $1 (column \"dt\"): "));
    }
    f.scope.lifted_from = 1;
    fixture_check(&f, "dt = $1", "?TYPE_MISMATCH");
    assert_null(strstr(f.err.message, "parameter"));
    f.scope.lifted_from = 0;
    fixture_check(&f, "i = $1 and $1 = '5'", "true");
    f.context.param_count = 1;
    fixture_check(&f, "i = $1 and i = $2", "?INVALID_PARAMETER");
    f.context.param_count = 2;

    assert_int_equal(fixture_compile(&f, "i = $1 and ts > $2::timestamp", NULL, &program),
                     STATUS_OK);
    assert_int_equal(expr_param_type(program, 1), VALUE_BIGINT);
    assert_int_equal(expr_param_type(program, 2), VALUE_BIGINT);
    assert_int_equal(expr_param_type(program, 3), VALUE_NULL);
    assert_int_equal(expr_convert_params(program, params, 2, &f.arena, converted, &f.err),
                     STATUS_OK);
    assert_int_equal(converted[0].type, VALUE_BIGINT);
    assert_true(converted[0].integer == 5);
    expr_unref(program);

    types[0].kind = VALUE_NULL;
    params[0] = value_null(VALUE_NULL);
    fixture_check(&f, "i = $1", "NULL");
    fixture_check(&f, "$1 is null", "true");
    fixture_clear(&f);
}

/* Bounds as "column op value…". */
static struct str bounds_of(struct fixture *f, const char *text)
{
    static const char *const ops[] = {[AST_OP_NONE] = "in", [AST_OP_EQ] = "=", [AST_OP_LT] = "<",
                                      [AST_OP_LE] = "<=",   [AST_OP_GT] = ">", [AST_OP_GE] = ">="};
    struct expr_program *program;
    struct expr_bound *bounds;
    struct buf out = {0};

    if (fixture_compile(f, text, NULL, &program) != STATUS_OK)
        fail_msg("%s: %s", text, f->err.message);
    size_t count = expr_bounds(program, &bounds);
    expr_unref(program); /* bounds keep what they need */
    for (size_t i = 0; i < count; i++) {
        buf_printf(&out, "%s%.*s %s", i > 0 ? "; " : "",
                   STR_ARG(fixture_columns[bounds[i].column].name), ops[bounds[i].op]);
        for (size_t j = 0; j < bounds[i].value_count; j++) {
            struct value value;
            assert_true(expr_is_constant(bounds[i].values[j]));
            assert_int_equal(expr_type(bounds[i].values[j])->kind,
                             fixture_columns[bounds[i].column].type.kind);
            assert_int_equal(expr_run(bounds[i].values[j], &f->context, &value, &f->err),
                             STATUS_OK);
            assert_int_equal(value.type, expr_type(bounds[i].values[j])->kind);
            buf_append_byte(&out, ' ');
            if (value.is_null)
                buf_printf(&out, "NULL");
            value_format(&value, &out);
        }
    }
    expr_bounds_free(bounds, count);
    struct str result = arena_copy(&f->arena, buf_str(&out));
    buf_clear(&out);
    return result;
}

static void test_expr__finds_bounds(void **state)
{
    static const char *const cases[][2] = {
        {"i = 42", "i = 42"},
        {"42 = i", "i = 42"},
        {"10 < i and i <= 20", "i > 10; i <= 20"},
        {"i between 1 and 9 and t = 'x'", "i >= 1; i <= 9; t = x"},
        {"i in (3, 1, 2)", "i in 1 2 3"},
        {"i in (3, null)", "i in 3"},
        {"s = 5", "s = 5"},
        {"s = 100000", "s = 100000"},
        {"i = 5 or i = 6", ""},
        {"not i = 5", ""},
        {"i <> 5", ""},
        {"i not in (1)", ""},
        {"i = s", ""},
        {"i + 0 = 5", ""},
        {"i = 2.5", ""},
        {"ts > '2026-01-01'", "ts > 2026-01-01 00:00:00"},
        {"ts > now() - interval '1 day'", "ts > 2026-01-30 10:20:30"},
        {"i = 2 + 3", "i = 5"},
        {"i = $1", "i = 77"},
        {"i in ($1, 5)", "i in 77 5"},
        {"(i = 1 and (t = 'a' and b = true)) and f > 0.5e0", "i = 1; t = a; b = true; f > 0.5"},
        {"i = null", "i = NULL"},
        {"u = '0190a0b0-0000-7000-8000-00000000abcd'", "u = 0190a0b0-0000-7000-8000-00000000abcd"},
        {"i = snowflake_id()", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct value param = value_text(VALUE_TEXT, STR_LIT("77"));
        fixture_init(&f);
        f.context.params = &param;
        f.context.param_count = 1;
        struct str got = bounds_of(&f, cases[i][0]);
        if (!str_equal(got, str_from_c(cases[i][1])))
            fail_msg("%s\n  got  %.*s\n  want %s", cases[i][0], STR_ARG(got), cases[i][1]);
        fixture_clear(&f);
    }
}

static void test_expr__describes_itself(void **state)
{
    static const char *const cases[][2] = {
        {"i = 5 and t like 'x%'", "((i = 5) AND (t LIKE 'x%'))"},
        {"not b or i is null", "(NOT b OR i IS NULL)"},
        {"i in (2, 1)", "i IN (2, 1)"},
        {"i + 1 between 2 and $1", "(i + 1) BETWEEN 2 AND $1"},
        {"upper(t) || 'x'", "(upper(t) || 'x')"},
        {"case when b then 1 else 2 end", "CASE WHEN b THEN 1 ELSE 2 END"},
        {"t::int", "CAST(t AS INT)"},
        {"1 + 2", "3"},
        {"'x'", "'x'"},
        {"$1", "$1"},
        {"null", "NULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct expr_program *program;
        struct buf out = {0};
        fixture_init(&f);
        assert_int_equal(fixture_compile(&f, cases[i][0], NULL, &program), STATUS_OK);
        expr_describe(program, &out);
        if (!str_equal(buf_str(&out), str_from_c(cases[i][1])))
            fail_msg("%s: got %.*s", cases[i][0], STR_ARG(buf_str(&out)));
        buf_clear(&out);
        expr_unref(program);
        fixture_clear(&f);
    }
}

static void test_expr__tells_columns_and_filters(void **state)
{
    struct fixture f;
    struct expr_program *program;
    bool passes = true;

    fixture_init(&f);
    assert_int_equal(fixture_compile(&f, "i = 5 and (nb or t = 'x')", NULL, &program), STATUS_OK);
    assert_true(expr_uses_column(program, 0));
    assert_false(expr_uses_column(program, 1));
    assert_true(expr_uses_column(program, 6));
    assert_true(expr_uses_column(program, 16));
    assert_false(expr_uses_column(program, 1000));
    assert_false(expr_is_constant(program));
    assert_int_equal(expr_run_filter(program, &f.context, &passes, &f.err), STATUS_OK);
    assert_false(passes); /* NULL */
    expr_unref(expr_ref(program));
    expr_unref(program);
    expr_unref(NULL);
    assert_int_equal(fixture_compile(&f, "$1 + 1", NULL, &program), STATUS_OK);
    assert_true(expr_is_constant(program));
    expr_unref(program);

    f.scope.excluded = fixture_columns;
    f.scope.excluded_count = FIXTURE_COLUMNS;
    f.row[FIXTURE_COLUMNS] = value_integer(VALUE_BIGINT, 100);
    fixture_check(&f, "excluded.i + i", "105");
    assert_int_equal(fixture_compile(&f, "excluded.i + i", NULL, &program), STATUS_OK);
    assert_true(expr_uses_column(program, FIXTURE_COLUMNS));
    expr_unref(program);
    fixture_clear(&f);
}

static void test_expr__survives_long_and_deep_text(void **state)
{
    static const struct {
        const char *head, *part;
        size_t count;
        const char *tail, *want;
    } cases[] = {
        {"1", "+1", 900, "", "901"},
        {"i", "+1", 900, "", "905"},
        {"i", " + (1", 150, ")", NULL},
        {"i = 1", " or i = 5", 100000, "", "true"},
        {"i = 5", " and i > 1", 100000, "", "true"},
        {"i in (1", ",7", 100000, ",5)", "true"},
        {"i in (i - 1", ",i + 1", 20000, ",5)", "true"},
        {"'a' || t", "|| 'b'", 900, " like 'aHello%b'", "true"},
        {"coalesce(ni", ",ni", 90, ",i)", "5"},
        {"concat(t", ",'x'", 99, ") like '%x'", "true"},
        {"case", " when i = 1 then 2", 20000, " else 3 end", "3"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t part = strlen(cases[i].part), size = part * cases[i].count + 512;
        char *text = calloc(1, size), *at = text;
        struct fixture f;
        fixture_init(&f);
        at += sprintf(at, "%s", cases[i].head);
        for (size_t j = 0; j < cases[i].count; j++, at += part)
            memcpy(at, cases[i].part, part);
        if (strcmp(cases[i].tail, ")") == 0)
            for (size_t j = 0; j < cases[i].count; j++)
                *at++ = ')';
        else
            at += sprintf(at, "%s", cases[i].tail);
        struct str got = fixture_eval(&f, text, NULL);
        if (cases[i].want != NULL && !str_equal(got, str_from_c(cases[i].want)))
            fail_msg("%s…: got %.*s %s", cases[i].head, STR_ARG(got), f.err.message);
        fixture_clear(&f);
        free(text);
    }
}

/* Any random expression: an answer or an error, the same with and without folding of constants. */
static void test_expr__survives_random_expressions(void **state)
{
    static const char *const leaves[] = {"i",
                                         "s",
                                         "n",
                                         "d",
                                         "f",
                                         "r",
                                         "t",
                                         "j",
                                         "u",
                                         "b",
                                         "dt",
                                         "tm",
                                         "ts",
                                         "y",
                                         "ni",
                                         "nt",
                                         "nb",
                                         "1",
                                         "0",
                                         "-3",
                                         "2.50",
                                         "1e2",
                                         "'x'",
                                         "'7'",
                                         "'2026-01-01'",
                                         "true",
                                         "null",
                                         "$1",
                                         "$2",
                                         "now()",
                                         "date '2026-03-01'"};
    static const char *const forms[] = {"(%s + %s)",
                                        "(%s - %s)",
                                        "(%s * %s)",
                                        "(%s / %s)",
                                        "(%s %% %s)",
                                        "(%s || %s)",
                                        "(%s = %s)",
                                        "(%s < %s)",
                                        "(%s <> %s)",
                                        "(%s AND %s)",
                                        "(%s OR %s)",
                                        "(%s LIKE %s)",
                                        "(%s ILIKE %s)",
                                        "(%s IN (%s, 1))",
                                        "coalesce(%s, %s)",
                                        "nullif(%s, %s)",
                                        "greatest(%s, %s)",
                                        "(CASE WHEN %s THEN 1 ELSE %s END)",
                                        "(CASE %s WHEN %s THEN 1 END)",
                                        "(CASE u WHEN %s THEN 1 WHEN %s THEN 2 END)",
                                        "(u IN ('0190a0b0-0000-7000-8000-00000000abcd', %s, %s))",
                                        "(coalesce(u) BETWEEN %s AND %s)",
                                        "(%s IS DISTINCT FROM %s)",
                                        "(%s BETWEEN 1 AND %s)",
                                        "(%s -> %s)",
                                        "(%s ->> %s)",
                                        "substring(%s, %s)",
                                        "concat(%s, %s)",
                                        "round(%s, %s)",
                                        "date_trunc(%s, %s)",
                                        "(%s::text || %s)",
                                        "(NOT %s OR %s)",
                                        "(- %s + %s)",
                                        "trim(%s from %s)"};
    unsigned seed = (unsigned)time(NULL) ^ 0xe59f;
    size_t compiled = 0;

    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        struct fixture f;
        char text[4096], next[4096];
        struct data_type types[2] = {{.kind = VALUE_TEXT}, {.kind = VALUE_BIGINT}};
        struct value params[2] = {value_text(VALUE_TEXT, STR_LIT("3")),
                                  value_integer(VALUE_BIGINT, 4)};
        struct expr_program *program;

        fixture_init(&f);
        f.scope.param_types = types;
        f.scope.param_count = 2;
        f.context.params = params;
        f.context.param_count = 2;
        snprintf(text, sizeof(text), "%s",
                 leaves[(size_t)rand() % (sizeof(leaves) / sizeof(*leaves))]);
        for (int depth = rand() % 5; depth > 0; depth--) {
            const char *form = forms[(size_t)rand() % (sizeof(forms) / sizeof(*forms))];
            const char *leaf = leaves[(size_t)rand() % (sizeof(leaves) / sizeof(*leaves))];
            if (strlen(text) > 1500)
                break;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-truncation"
            snprintf(next, sizeof(next), form, rand() % 2 ? text : leaf, text);
#pragma GCC diagnostic pop
            snprintf(text, sizeof(text), "%.2000s", next);
        }
        struct ast_statement *statement = NULL;
        struct str sql = arena_printf(&f.arena, "DELETE FROM x WHERE %s AND $1 = $2", text);
        if (sql_parse(sql, &f.arena, &statement, &f.err) != STATUS_OK) {
            fixture_clear(&f);
            continue;
        }
        const struct ast_expr *tree = statement->del.where->args[0];
        if (expr_compile(tree, &f.scope, NULL, &program, &f.err) == STATUS_OK) {
            struct value value;
            struct expr_bound *bounds;
            enum status status = expr_run(program, &f.context, &value, &f.err);
            if (status == STATUS_OK && !value.is_null && value.type != expr_type(program)->kind)
                fail_msg("%s: %s instead of %s", text, value_type_name(value.type),
                         value_type_name(expr_type(program)->kind));
            if (status != STATUS_OK)
                assert_true(f.err.message[0] != '\0');
            size_t count = expr_bounds(program, &bounds);
            expr_bounds_free(bounds, count);
            expr_unref(program);
            compiled++;
        }
        fixture_clear(&f);
    }
    assert_true(compiled > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expr__compares),
        cmocka_unit_test(test_expr__gives_null_for_null),
        cmocka_unit_test(test_expr__knows_three_valued_logic),
        cmocka_unit_test(test_expr__stops_early),
        cmocka_unit_test(test_expr__calculates),
        cmocka_unit_test(test_expr__moves_in_time),
        cmocka_unit_test(test_expr__casts),
        cmocka_unit_test(test_expr__chooses),
        cmocka_unit_test(test_expr__compares_several_types),
        cmocka_unit_test(test_expr__reads_json),
        cmocka_unit_test(test_expr__refuses_what_only_duckdb_has),
        cmocka_unit_test(test_expr__assigns_to_columns),
        cmocka_unit_test(test_expr__types_parameters),
        cmocka_unit_test(test_expr__finds_bounds),
        cmocka_unit_test(test_expr__describes_itself),
        cmocka_unit_test(test_expr__tells_columns_and_filters),
        cmocka_unit_test(test_expr__survives_long_and_deep_text),
        cmocka_unit_test(test_expr__survives_random_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
