/* test_analytic_allow.c — the allow-list: found by name, known to DuckDB, documented.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "analytic_fake.h"

static void test_analytic_allow__finds_every_name(void **state)
{
    size_t count = 0;

    for (struct str name; (name = allow_function_at(count)).size > 0; count++) {
        if (allow_function(name) == ALLOW_NONE)
            print_error("not sorted at %s\n", name.data);
        assert_int_not_equal(allow_function(name), ALLOW_NONE);
    }
    assert_true(count > 300);
    assert_int_equal(allow_function(STR_LIT("SUM")), ALLOW_AGGREGATE);
    assert_int_equal(allow_function(STR_LIT("getenv")), ALLOW_NONE);
    assert_int_equal(allow_function(STR_LIT("")), ALLOW_NONE);
}

/* A name DuckDB does not have would be a promise nobody keeps. */
static void test_analytic_allow__duckdb_has_them(void **state)
{
    static const char *const ours[] = {
        "uuid_v7",   "current_time",      "localtime", "localtimestamp",
        "coalesce",  "current_timestamp", "~",         "json_group_array",
        "!__postfix"};
    fake_execute(
        "CREATE TEMP TABLE known AS SELECT DISTINCT function_name FROM duckdb_functions()");
    for (size_t i = 0; allow_function_at(i).size > 0; i++) {
        struct str name = allow_function_at(i);
        struct str sql;
        struct arena arena;
        duckdb_result result;
        bool special = false;
        for (size_t k = 0; k < ARRAY_COUNT(ours); k++)
            special |= str_equal(name, str_from_c(ours[k]));
        if (special)
            continue;
        arena_init(&arena, 0);
        sql = arena_printf(&arena, "SELECT count(*) > 0 FROM known WHERE function_name = '%.*s'",
                           STR_ARG(name));
        assert_int_equal(duckdb_query(fake_columnar.connection, sql.data, &result), DuckDBSuccess);
        if (!duckdb_value_boolean(&result, 0, 0))
            print_error("DuckDB has no %s\n", name.data);
        assert_true(duckdb_value_boolean(&result, 0, 0));
        duckdb_destroy_result(&result);
        arena_clear(&arena);
    }
}

/* How often the body of a macro names one of its parameters, at most; 2 if DuckDB has to find the
 * type of its argument first. 0 if it is no macro. */
static const char MACRO_COPIES[] =
    "SELECT coalesce(max(greatest(len(regexp_extract_all(regexp_replace(macro_definition, "
    "'\\x27[^\\x27]*\\x27', '', 'g'), '\\b' || p || '\\b')), if(typed, 2, 1))), 0)::BIGINT FROM "
    "(SELECT macro_definition, unnest(parameters) AS p, len(list_filter(parameter_types, lambda x: "
    "x IS NOT NULL)) > 0 AS typed FROM macros WHERE "
    "function_name = '%.*s')";

static void expect_copies_counted(struct str name)
{
    struct arena arena;
    duckdb_result result;
    struct str sql;
    int64_t copies;

    arena_init(&arena, 0);
    sql = arena_printf(&arena, MACRO_COPIES, STR_ARG(name));
    assert_int_equal(duckdb_query(fake_columnar.connection, sql.data, &result), DuckDBSuccess);
    copies = duckdb_value_int64(&result, 0, 0);
    if (allow_copies(name) < (uint64_t)copies)
        print_error("%.*s copies its argument %d times\n", STR_ARG(name), (int)copies);
    assert_true(allow_copies(name) >= (uint64_t)copies);
    duckdb_destroy_result(&result);
    arena_clear(&arena);
}

/* A macro that writes out its argument twice is 2^n copies when it is nested n times. */
static void test_analytic_allow__copies_of_macros(void **state)
{
    fake_execute("CREATE TEMP TABLE macros AS SELECT function_name, macro_definition, parameters, "
                 "parameter_types FROM duckdb_functions() WHERE function_type = 'macro'");
    for (size_t i = 0; allow_function_at(i).size > 0; i++)
        expect_copies_counted(allow_function_at(i));
    expect_copies_counted(STR_LIT("round_to_tens"));
    expect_copies_counted(STR_LIT("row_eq"));
    expect_copies_counted(STR_LIT("row_le"));
    expect_copies_counted(STR_LIT("sum_of_type"));
    assert_int_equal(allow_copies(STR_LIT("abs")), 1);
    assert_true(allow_copies(STR_LIT("ROUND")) >= 6);
}

/* A file of docs/; overwritten by the next one. */
static const char *documents_read(const char *name)
{
    static char text[1 << 18];
    char path[1024];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", KALAM_DOCS, name);
    file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    return text;
}

/* Every row of the tables of functions is a function of the code. */
static void test_analytic_allow__documents_nothing_else(void **state)
{
    const char *row = strstr(documents_read("sql-functions.md"), "## Rewritten or limited");
    size_t rows = 0, names = 0;

    assert_non_null(row);
    while ((row = strstr(row, "\n| `")) != NULL) {
        char name[64];
        size_t size = 0;
        for (row += 4; *row != '`' && size < sizeof(name) - 1; row++) {
            if (*row != '\\')
                name[size++] = *row;
        }
        name[size] = 0;
        if (allow_function(str_from_c(name)) == ALLOW_NONE)
            print_error("documented, but refused: %s\n", name);
        assert_int_not_equal(allow_function(str_from_c(name)), ALLOW_NONE);
        rows++;
    }
    while (allow_function_at(names).size > 0)
        names++;
    assert_int_equal(rows, names);
}

static void test_analytic_allow__is_documented(void **state)
{
    const char *text = documents_read("sql-functions.md");
    char cell[128];

    for (size_t i = 0; allow_function_at(i).size > 0; i++) {
        struct str name = allow_function_at(i);
        struct buf escaped;
        buf_init(&escaped);
        for (size_t k = 0; k < name.size; k++)
            buf_printf(&escaped, "%s%c", name.data[k] == '|' ? "\\" : "", name.data[k]);
        snprintf(cell, sizeof(cell), "\n| `%.*s` |", STR_ARG(buf_str(&escaped)));
        buf_clear(&escaped);
        if (!strstr(text, cell))
            print_error("not documented: %s\n", cell);
        assert_non_null(strstr(text, cell));
    }
}

/* tests/sql/analytic/functions.sql calls each of them, in a column of its name. */
static void test_analytic_allow__has_a_test_of_each(void **state)
{
    const char *text = documents_read("../tests/sql/analytic/functions.sql");
    char alias[80];

    for (size_t i = 0; allow_function_at(i).size > 0; i++) {
        snprintf(alias, sizeof(alias), " AS \"%.*s\" FROM ", STR_ARG(allow_function_at(i)));
        if (!strstr(text, alias))
            print_error("not called:%s\n", alias);
        assert_non_null(strstr(text, alias));
    }
}

static void test_analytic_allow__types_and_names(void **state)
{
    assert_true(allow_type(STR_LIT("BIGINT")));
    assert_false(allow_type(STR_LIT("ENUM")));
    assert_string_equal(allow_type_rewrite(STR_LIT("Float"), true), "DOUBLE");
    assert_null(allow_type_rewrite(STR_LIT("float"), false));
    assert_null(allow_type_rewrite(STR_LIT("bigint"), true));
    assert_true(allow_cte_name(STR_LIT("my_query")));
    assert_false(allow_cte_name(STR_LIT("a.csv")));
    assert_false(allow_cte_name(STR_LIT("DuckDB_tables")));
    assert_true(allow_collation(STR_LIT("C")));
    assert_false(allow_collation(STR_LIT("de")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analytic_allow__finds_every_name),
        cmocka_unit_test(test_analytic_allow__duckdb_has_them),
        cmocka_unit_test(test_analytic_allow__copies_of_macros),
        cmocka_unit_test(test_analytic_allow__is_documented),
        cmocka_unit_test(test_analytic_allow__documents_nothing_else),
        cmocka_unit_test(test_analytic_allow__has_a_test_of_each),
        cmocka_unit_test(test_analytic_allow__types_and_names),
    };
    return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}
