/* test_system_query.c — the system-table engine as a self-contained step: injected values, one
 * batch, the listener.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

#include "catalog/system_tables.h"

static const int64_t now_us = INT64_C(1700000000000000);

struct seen {
    struct buf text; /* a line per event */
    int64_t position;
};

static void seen_value(struct seen *seen, const struct change_event *event,
                       const struct value *values, const char *column)
{
    int index = table_find_column(event->table, str_from_c(column));
    if (values == NULL || index < 0)
        buf_append_str(&seen->text, STR_LIT(" -"));
    else if (values[index].is_null)
        buf_append_str(&seen->text, STR_LIT(" NULL"));
    else {
        buf_append_byte(&seen->text, ' ');
        value_format(&values[index], &seen->text);
    }
}

static void seen_event(void *context, const struct change_event *event)
{
    static const char *const ops[] = {"insert", "update", "delete"};
    struct seen *seen = context;
    bool users = system_table_of(event->table) == SYSTEM_TABLE_USERS;

    buf_printf(&seen->text, "%s %.*s %.*s", ops[event->op], STR_ARG(event->table->name),
               STR_ARG(event->key));
    seen_value(seen, event, event->old_values, users ? "email" : "options");
    seen_value(seen, event, event->new_values, users ? "email" : "options");
    buf_printf(&seen->text, " [%.*s]\n", STR_ARG(event->sql));
    assert_true(event->position >= seen->position);
    seen->position = event->position;
}

static const char *seen_take(struct seen *seen)
{
    static char text[4096];
    (void)snprintf(text, sizeof(text), "%.*s", (int)seen->text.size, seen->text.data);
    buf_reset(&seen->text);
    return text;
}

static void open_seen(struct sql_fixture *f, struct seen *seen)
{
    *seen = (struct seen){0};
    buf_init(&seen->text);
    f->store_options.change_event = seen_event;
    f->store_options.change_event_context = seen;
    fixture_open(f, true);
    buf_reset(&seen->text); /* root and the namespace `default` of the first start */
}

static enum status query(struct sql_fixture *f, const char *sql, struct fixture_result *result)
{
    struct system_query q = {
        .sql = str_from_c(sql), .caller = fixture_caller("root", ROLE_SYSTEM), .now_us = now_us};
    struct sql_sink sink = {fixture_columns, fixture_row, result};

    *result = (struct fixture_result){0};
    buf_init(&result->text);
    result->code = execute_system_query(f->engine, &q, &sink, &result->outcome, &result->error);
    return result->code;
}

static void test_system_query__uses_the_injected_time(void **state)
{
    struct sql_fixture f = {0};
    struct fixture_result result;
    (void)state;

    fixture_open(&f, true);
    assert_int_equal(query(&f,
                           "INSERT INTO system.users (user_id, username) VALUES ('ann', 'Ann') "
                           "RETURNING created_at, updated_at",
                           &result),
                     STATUS_OK);
    assert_true(str_find(buf_str(&result.text),
                         STR_LIT("2023-11-14 22:13:20 | 2023-11-14 22:13:20")) != SIZE_MAX);
    assert_string_equal(result.outcome.message, "Inserted 1 row(s)");
    buf_clear(&result.text);
    assert_int_equal(query(&f, "DELETE FROM system.users WHERE user_id = 'ann'", &result),
                     STATUS_OK);
    buf_clear(&result.text);
    assert_non_null(
        strstr(fixture_sql(&f, "SELECT deleted_at FROM system.users WHERE user_id = 'ann' "
                               "AND deleted_at IS NOT NULL"),
               "2023-11-14 22:13:20"));
    assert_int_equal(query(&f, "SELECT NOW() AS a, (SELECT NOW()) AS b", &result), STATUS_OK);
    assert_true(str_find(buf_str(&result.text),
                         STR_LIT("2023-11-14 22:13:20 | 2023-11-14 22:13:20")) != SIZE_MAX);
    buf_clear(&result.text);
    fixture_close(&f);
}

static void test_system_query__refuses_what_is_no_system_row(void **state)
{
    static const struct {
        const char *sql;
        enum status code;
    } cases[] = {
        {"INSERT INTO t VALUES (1)", STATUS_INVALID_OPERATION},
        {"UPDATE default.t SET id = 2", STATUS_INVALID_OPERATION},
        {"DELETE FROM t", STATUS_INVALID_OPERATION},
        {"CREATE SHARED TABLE u (id INT PRIMARY KEY)", STATUS_INVALID_OPERATION},
        {"DROP NAMESPACE default CASCADE", STATUS_INVALID_OPERATION},
        {"USE default", STATUS_INVALID_OPERATION},
        {"SELECT * FROM system.nope", STATUS_TABLE_NOT_FOUND},
        {"SELECT nope FROM system.users", STATUS_COLUMN_NOT_FOUND},
        {"UPDATE system.users SET nope = 1", STATUS_COLUMN_NOT_FOUND},
        {"DELETE FROM system.nope", STATUS_TABLE_NOT_FOUND},
        {"DELETE FROM system.users WHERE nope = 1", STATUS_COLUMN_NOT_FOUND},
        {"SELEC", STATUS_INVALID_SQL},
    };
    struct sql_fixture f = {0};
    struct fixture_result result;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id INT PRIMARY KEY)");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (query(&f, cases[i].sql, &result) != cases[i].code)
            fail_msg("%s: %s: %s", cases[i].sql, status_name(result.code), result.error.message);
        buf_clear(&result.text);
    }
    fixture_close(&f);
}

static void test_system_query__tells_the_listener(void **state)
{
    struct sql_fixture f = {0};
    struct seen seen;
    (void)state;

    open_seen(&f, &seen);
    fixture_sql(&f, "INSERT INTO system.users (user_id, username, email) VALUES ('a', 'A', 'x'), "
                    "('b', 'B', NULL)");
    assert_string_equal(
        seen_take(&seen),
        "insert users a - x [INSERT INTO system.users (user_id, username, email) "
        "VALUES ('a', 'A', 'x'), ('b', 'B', NULL)]\n"
        "insert users b - NULL [INSERT INTO system.users (user_id, username, email) "
        "VALUES ('a', 'A', 'x'), ('b', 'B', NULL)]\n");
    fixture_sql(&f, "UPDATE system.users SET email = 'y' WHERE user_id = 'a'");
    assert_string_equal(seen_take(&seen), "update users a x y [UPDATE system.users SET email = 'y' "
                                          "WHERE user_id = 'a']\n");
    fixture_sql(&f, "DELETE FROM system.users WHERE user_id = 'a'"); /* soft */
    assert_string_equal(seen_take(&seen),
                        "update users a y y [DELETE FROM system.users WHERE user_id = 'a']\n");
    fixture_sql(&f, "CREATE USER c WITH PASSWORD 'a long secret'");
    assert_string_equal(seen_take(&seen), "insert users c - NULL []\n"); /* the text has a secret */
    fixture_sql(&f, "CREATE NAMESPACE n WITH OPTIONS (k = 1)");
    fixture_sql(&f, "UPDATE system.namespaces SET options = NULL WHERE namespace_id = 'n'");
    fixture_sql(&f, "DROP NAMESPACE n");
    assert_string_equal(
        seen_take(&seen),
        "insert namespaces n - {\"k\":1} [CREATE NAMESPACE n WITH OPTIONS (k = 1)]\n"
        "update namespaces n {\"k\":1} NULL [UPDATE system.namespaces SET options = "
        "NULL WHERE namespace_id = 'n']\n"
        "delete namespaces n NULL - [DROP NAMESPACE n]\n");
    fixture_sql(&f, "ALTER USER c SET EMAIL 'c@x'");
    fixture_sql(&f, "ALTER USER c GENERATE API KEY"); /* the key is in the answer only */
    fixture_sql(&f, "ALTER USER c SET PASSWORD 'another secret'");
    fixture_sql(&f, "DROP USER c");
    assert_string_equal(seen_take(&seen), "update users c NULL c@x [ALTER USER c SET EMAIL 'c@x']\n"
                                          "update users c c@x c@x [ALTER USER c GENERATE API KEY]\n"
                                          "update users c c@x c@x []\n"
                                          "update users c c@x c@x [DROP USER c]\n");
    fixture_fails(&f, "root", ROLE_SYSTEM,
                  "INSERT INTO system.users (user_id, username) VALUES ('d', 'D'), ('b', 'B')",
                  STATUS_ALREADY_EXISTS, "'b'");
    fixture_sql(&f, "UPDATE system.users SET email = 'z' WHERE username = 'nobody'");
    assert_string_equal(seen_take(&seen), ""); /* nothing was committed */
    assert_null(strstr(fixture_sql(&f, "SELECT user_id FROM system.users"), "d\n"));
    fixture_close(&f);
    buf_clear(&seen.text);
}

static void test_system_query__tells_the_listener_of_tables(void **state)
{
    struct sql_fixture f = {0};
    struct seen seen;
    (void)state;

    open_seen(&f, &seen);
    fixture_sql(&f, "CREATE SHARED TABLE t (id INT PRIMARY KEY)");
    assert_non_null(strstr(seen.text.data, "insert tables default:t - {\"table_id\":"));
    assert_non_null(strstr(seen.text.data, "[CREATE SHARED TABLE t (id INT PRIMARY KEY)]\n"
                                           "insert table_schemas default:t:0000000001 - - "
                                           "[CREATE SHARED TABLE t (id INT PRIMARY KEY)]\n"));
    (void)seen_take(&seen);
    fixture_sql(&f, "ALTER TABLE t ADD COLUMN v INT");
    const char *events = seen_take(&seen);
    assert_non_null(strstr(events, "update tables default:t {"));
    assert_non_null(strstr(events, "insert table_schemas default:t:0000000002 - - "
                                   "[ALTER TABLE t ADD COLUMN v INT]\n"));
    fixture_sql(&f, "DROP TABLE t");
    events = seen_take(&seen);
    assert_non_null(strstr(events, "delete tables default:t {"));
    assert_non_null(strstr(events, "update table_schemas default:t:0000000002 - - [DROP TABLE t]"));
    /* the history of the dropped table makes room for the new one */
    fixture_sql(&f, "CREATE SHARED TABLE t (v INT)");
    events = seen_take(&seen);
    for (int version = 1; version <= 2; version++) {
        char line[128];
        (void)snprintf(line, sizeof(line),
                       "delete table_schemas default:t:000000000%d - - "
                       "[CREATE SHARED TABLE t (v INT)]\n"
                       "insert table_schemas default:t:000000000%d@",
                       version, version);
        assert_non_null(strstr(events, line));
    }
    assert_non_null(strstr(events, "insert table_schemas default:t:0000000001 - - [CREATE"));
    fixture_close(&f);
    buf_clear(&seen.text);
}

/* Rows come back after a restart as the statement left them. */
static void test_system_query__survives_a_restart(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f,
                "INSERT INTO system.users (user_id, username, role, metadata) VALUES ('a', 'A', "
                "'dba', '{\"x\":1}'), ('b', 'B', 'user', NULL)");
    fixture_sql(&f,
                "INSERT INTO system.namespaces (namespace_id, options) VALUES ('n', '{\"k\":1}')");
    fixture_sql(&f, "DELETE FROM system.users WHERE user_id = 'b'");
    fixture_restart(&f);
    assert_non_null(
        strstr(fixture_sql(&f, "SELECT user_id, username, role, metadata FROM system.users"),
               "a | A | dba | {\"x\":1}\nroot"));
    assert_non_null(strstr(fixture_sql(&f, "SELECT user_id FROM system.users WHERE deleted_at > "
                                           "'2020-01-01'"),
                           "b\n"));
    assert_non_null(strstr(fixture_sql(&f, "SELECT namespace_id, options FROM system.namespaces"),
                           "n | {\"k\":1}\n"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_query__uses_the_injected_time),
        cmocka_unit_test(test_system_query__refuses_what_is_no_system_row),
        cmocka_unit_test(test_system_query__tells_the_listener),
        cmocka_unit_test(test_system_query__tells_the_listener_of_tables),
        cmocka_unit_test(test_system_query__survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
