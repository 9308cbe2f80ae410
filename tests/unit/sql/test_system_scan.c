/* test_system_scan.c — who sees which rows of system tables, secrets, aliases, all by every
 * executor.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

#include "catalog/system_tables.h"
#include "sql/system/scan.h"
#include "value/key.h"

/* Rows without the line of columns. */
static const char *rows_of(struct sql_fixture *f, const char *user, enum role role, const char *sql)
{
    static char rows[8192];
    struct fixture_call call = {.caller = fixture_caller(user, role), .text = str_from_c(sql)};
    struct fixture_result result;

    fixture_run(f, &call, &result);
    if (result.code != STATUS_OK)
        fail_msg("%s: %s", sql, result.error.message);
    buf_append_byte(&result.text, 0);
    const char *end = strchr(result.text.data, '\n');
    (void)snprintf(rows, sizeof(rows), "%s", end + 1);
    buf_clear(&result.text);
    return rows;
}

static void open_users(struct sql_fixture *f)
{
    fixture_open(f, true);
    fixture_sql(f, "CREATE USER ann WITH PASSWORD 'secret-of-ann'");
    fixture_sql(f, "CREATE USER bob WITH PASSWORD 'secret-of-bob' ROLE service");
    fixture_sql(f, "CREATE USER TABLE t (id INT PRIMARY KEY)");
    rows_of(f, "ann", ROLE_USER, "INSERT INTO t VALUES (1), (2) RETURNING id");
    rows_of(f, "bob", ROLE_SERVICE, "INSERT INTO t VALUES (1) RETURNING id");
}

static void test_system_scan__rows_by_role(void **state)
{
    static const char *const users[] = {
        "SELECT user_id FROM system.users",
        "SELECT user_id FROM system.users GROUP BY user_id ORDER BY 1"};
    struct sql_fixture f = {0};
    (void)state;

    open_users(&f);
    for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
        assert_string_equal(rows_of(&f, "ann", ROLE_USER, users[i]), "ann\n");
        assert_string_equal(rows_of(&f, "bob", ROLE_SERVICE, users[i]), "bob\n");
        assert_string_equal(rows_of(&f, "boss", ROLE_DBA, users[i]), "ann\nbob\nroot\n");
    }
    assert_string_equal(rows_of(&f, "ann", ROLE_USER,
                                "SELECT user_id, buffered_rows FROM system.user_table_counters"),
                        "ann | 2\n");
    assert_string_equal(rows_of(&f, "boss", ROLE_DBA,
                                "SELECT user_id, buffered_rows FROM system.user_table_counters"),
                        "ann | 2\nbob | 1\n");
    f.live_count = 2;
    assert_string_equal(rows_of(&f, "ann", ROLE_USER, "SELECT user_id FROM system.live"), "ann\n");
    assert_string_equal(rows_of(&f, "bob", ROLE_SERVICE, "SELECT user_id FROM system.live_queries"),
                        "ann\nbob\n");
    fixture_fails(&f, "bob", ROLE_SERVICE, "SELECT * FROM system.segments",
                  STATUS_PERMISSION_DENIED, "system.segments");
    fixture_fails(&f, "ann", ROLE_USER, "SELECT * FROM system.storages", STATUS_PERMISSION_DENIED,
                  "system.storages");
    fixture_fails(&f, "ann", ROLE_USER, "SELECT count(*) FROM system.storages a JOIN t ON true",
                  STATUS_PERMISSION_DENIED, "system.storages");
    fixture_close(&f);
}

/* Trap 12: neither executor shows a hash, to anybody. */
static void test_system_scan__secrets_are_masked(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    open_users(&f);
    fixture_sql(&f, "ALTER USER ann GENERATE API KEY");
    const char *const all[] = {
        "SELECT * FROM system.users", "SHOW USERS", "SELECT * FROM (SELECT * FROM system.users) x",
        "SELECT max(password_hash) FROM system.users WHERE password_hash <> '***'"};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        const char *rows = rows_of(&f, "root", ROLE_SYSTEM, all[i]);
        assert_null(strstr(rows, "argon2"));
        assert_null(strstr(rows, "aaaa"));
    }
    assert_string_equal(
        rows_of(&f, "root", ROLE_SYSTEM,
                "SELECT password_hash, api_key, apikey FROM system.users WHERE user_id = "
                "'ann'"),
        "*** | *** | ***\n");
    fixture_close(&f);
}

static void test_system_scan__aliases_resolve(void **state)
{
    static const char *const queries[] = {
        "SELECT name, metadata FROM system.namespaces WHERE name = 'default'",
        "SELECT namespace, version, access_level, flush_row_limit FROM system.tables WHERE version "
        "> 0",
        "SELECT queue, message, start_time, finished_at, memory_used_mb, priority, error FROM "
        "system.jobs",
        "SELECT subscription_id, table_id, node_id FROM live_queries ORDER BY updated_at",
        "SELECT table_id, namespace_id FROM information_schema.tables WHERE table_type = 'system'",
        "SELECT base_directory, path, table_count FROM system.storages",
        "SELECT schema_json FROM system.schemas WHERE schema_version = 1",
        "SELECT auth_data, apikey FROM system.users",
    };
    struct sql_fixture f = {0};
    (void)state;

    open_users(&f);
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                    .text = str_from_c(queries[i])};
        struct fixture_result result;
        call.caller.space = STR_LIT("system");
        fixture_run(&f, &call, &result);
        if (result.code != STATUS_OK)
            fail_msg("%s: %s: %s", queries[i], status_name(result.code), result.error.message);
        buf_clear(&result.text);
    }
    fixture_fails(&f, "root", ROLE_SYSTEM, "SELECT nope FROM system.users", STATUS_COLUMN_NOT_FOUND,
                  "\"nope\"");
    fixture_close(&f);
}

/* How many rows a scan by the key `names` collects for the filter. */
static size_t rows_looked_at(struct sql_fixture *f, enum system_table which,
                             const char *const *names, size_t count)
{
    struct view *view = view_acquire(f->store);
    struct sql_caller caller = fixture_caller("boss", ROLE_DBA);
    struct system_scan *scan;
    struct value values[3];
    struct error err;
    struct buf key;

    assert_true(count <= ARRAY_COUNT(values));
    buf_init(&key);
    for (size_t i = 0; i < count; i++)
        values[i] = value_text(VALUE_TEXT, str_from_c(names[i]));
    fixture_check(key_encode(values, (uint32_t)count, &key, &err), &err, "key");
    struct str point = buf_str(&key);
    struct table_source_options options = {
        .engine = f->engine,
        .scan = {.view = view, .table = system_table(view_catalog(view), which)},
        .points = &point,
        .point_count = 1,
        .caller = &caller};
    fixture_check(system_scan_open(&options, &scan, &err), &err, "scan");
    size_t rows = scan->count;
    system_scan_close(scan);
    view_release(view);
    buf_clear(&key);
    return rows;
}

/* Only what belongs to the table or instance of the key is computed. */
static void test_system_scan__keys_are_looked_up(void **state)
{
    static const char *const shared[] = {"app", "t7", "flush_rows"},
                             *const column[] = {"app", "t7", "id"}, *const table[] = {"app", "t7"},
                             *const none[] = {"app", "t70", "id"},
                             *const counter[] = {"ann", "default", "t"},
                             *const nobody[] = {"zoe", "default", "t"}, *const space[] = {"app"};
    struct sql_fixture f = {0};
    char sql[96];
    (void)state;

    open_users(&f);
    fixture_sql(&f, "CREATE NAMESPACE app");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(sql, sizeof(sql), "CREATE SHARED TABLE app.t%d (id INT PRIMARY KEY)", i);
        fixture_sql(&f, sql);
    }
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_TABLE_OPTIONS, shared, 3), 5);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_SCHEMA_COLUMNS, column, 3), 4);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_SCHEMA_COLUMNS, none, 3), 0);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_SCHEMA_TABLES, table, 2), 1);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_USER_TABLE_COUNTERS, counter, 3), 1);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_USER_TABLE_COUNTERS, nobody, 3), 0);
    assert_int_equal(rows_looked_at(&f, SYSTEM_TABLE_SCHEMATA, space, 1), 3);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_scan__rows_by_role),
        cmocka_unit_test(test_system_scan__secrets_are_masked),
        cmocka_unit_test(test_system_scan__aliases_resolve),
        cmocka_unit_test(test_system_scan__keys_are_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
