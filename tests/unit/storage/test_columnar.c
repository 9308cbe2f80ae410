/* test_columnar.c — statements through DuckDB: scans, parameters, result types, errors, lock-down,
 * time limits, parsing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "columnar_fixture.h"

#include "base/macros.h"
#include "storage/columnar/columnar_internal.h"

#include <pthread.h>
#include <sys/resource.h>

static const struct column_spec two_columns[] = {
    {.name = STR_LIT("id"), .type = {.kind = COLUMN_BIGINT}, .field_id = 1},
    {.name = STR_LIT("Name"), .type = {.kind = COLUMN_TEXT}, .field_id = 2},
};

static void two_cells(uint64_t row, uint32_t column, struct column_cell *out)
{
    static _Thread_local char text[64];
    if (column == 0) {
        out->integer = (int64_t)row;
        return;
    }
    out->is_null = row % 7 == 3;
    int size = snprintf(text, sizeof(text), row % 2 ? "n%d" : "a long name of number %d", (int)row);
    out->text = str_from(text, (size_t)size);
}

static void test_columnar__scans_sources(void **state)
{
    (void)state;
    struct made_source made[2];
    made_init(&made[0], two_columns, 2, 5000, two_cells);
    made_init(&made[1], two_columns, 2, 3, two_cells);
    struct column_source sources[2] = {made[0].source, made[1].source};
    struct columnar_query_options options = {.sources = sources, .source_count = 2};

    options.sql = STR_LIT("SELECT count(*) AS n FROM hot_scan(0)");
    assert_query(&options, "n:bigint\n5000");
    assert_true(made[0].wanted_last <= 1); /* DuckDB counts by one column at most */
    options.sql = STR_LIT("SELECT sum(id) AS s, count(\"Name\") AS c FROM hot_scan(0)");
    assert_query(&options, "s:decimal|c:bigint\n12497500e-0|4286");
    options.sql = STR_LIT("SELECT \"Name\" FROM hot_scan(0) WHERE id IN (1, 3, 4) ORDER BY id");
    assert_query(&options, "Name:text\nn1\nNULL\na long name of number 4");
    options.sql = STR_LIT("SELECT a.id FROM hot_scan(0) a JOIN hot_scan(1) b ON a.id = b.id "
                          "ORDER BY a.id DESC");
    assert_query(&options, "id:bigint\n2\n1\n0");
    assert_int_equal(made[0].wanted_last, 1);
    assert_int_equal(made[1].opened, made[1].closed);
    assert_int_equal(made[0].opened, made[0].closed);
    options.large = true;
    assert_query(&options, "id:bigint\n2\n1\n0");
}

/* Names of files that never come again would stay in the engine; their number ends with it. */
static void test_columnar__forgets_files(void **state)
{
    (void)state;
    struct instance *first = columnar->instances[0];
    struct columnar_query_options options = {.sql = STR_EMPTY};
    struct columnar_query *query;
    struct buf sql;

    for (int repeat = 0; repeat < 3; repeat++) /* the same ones count once */
        for (int part = 0; part < 2; part++) {
            assert_ptr_equal(columnar->instances[0], first);
            buf_init(&sql);
            buf_append_str(&sql, STR_LIT("SELECT 'x.parquet', '' FROM read_parquet(["));
            for (int i = 0; i < INSTANCE_FILES_MAX / 4; i++)
                buf_printf(&sql, "'%s/%d.parquet',", fixture_folder, part * INSTANCE_FILES_MAX + i);
            buf_append_str(&sql, STR_LIT("'none'])"));
            options.sql = buf_str(&sql);
            assert_int_not_equal(columnar_query_open(columnar, &options, &query, &err), STATUS_OK);
            buf_clear(&sql);
        }
    buf_init(&sql);
    buf_append_str(&sql, STR_LIT("SELECT 1 AS n WHERE 'read_parquet' NOT IN (''"));
    for (int i = 0; i < INSTANCE_FILES_MAX / 2; i++)
        buf_printf(&sql, ",'further %d.parquet'", i);
    buf_append_byte(&sql, ')');
    options.sql = buf_str(&sql);
    assert_query(&options, "n:int\n1"); /* and what runs goes on */
    buf_clear(&sql);
    assert_ptr_not_equal(columnar->instances[0], first);
    options.sql = STR_LIT("SELECT 2 AS n");
    assert_query(&options, "n:int\n2");
}

static void pointed_cell(uint64_t row, uint32_t column, struct column_cell *out)
{
    static const char *const texts[] = {"", "twelve bytes", "thirteen byte",
                                        "\xc3\xa4 longer than it"};
    (void)column;
    out->text = str_from_c(texts[row % 4]);
}

static void test_columnar__text_by_pointer(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, &two_columns[1], 1, 4, pointed_cell);
    made.copy = false;
    struct columnar_query_options options = {
        .sql = STR_LIT("SELECT \"Name\" || '.' AS t, upper(\"Name\") AS u FROM hot_scan(0)"),
        .sources = &made.source,
        .source_count = 1};
    assert_query(&options, "t:text|u:text\n.|\ntwelve bytes.|TWELVE BYTES\nthirteen byte.|THIRTEEN "
                           "BYTE\n\xc3\xa4 longer than it.|\xc3\x84 LONGER THAN IT");
}

static void test_columnar__a_scan_number_is_the_statements_own(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, two_columns, 2, 1, two_cells);
    struct columnar_query_options options = {.sources = &made.source, .source_count = 1};
    static const char *const bad[] = {"SELECT * FROM hot_scan(1)", "SELECT * FROM hot_scan(-1)",
                                      "SELECT * FROM hot_scan(NULL)",
                                      "SELECT * FROM hot_scan(9223372036854775807)"};
    for (size_t i = 0; i < 4; i++) {
        options.sql = str_from_c(bad[i]);
        assert_int_not_equal(query_fails(&options), STATUS_END);
        assert_non_null(strstr(err.message, "hot_scan"));
    }
    assert_int_not_equal(sql_fails("SELECT * FROM hot_scan(0)"), STATUS_END);
    assert_int_equal(made.opened, 0);
}

static void test_columnar__a_source_error_comes_through(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, two_columns, 2, 100000, two_cells);
    struct columnar_query_options options = {.sql = STR_LIT("SELECT sum(id) FROM hot_scan(0)"),
                                             .sources = &made.source,
                                             .source_count = 1};
    made.open_fails = STATUS_STORAGE_UNAVAILABLE;
    assert_status(query_fails(&options), STATUS_STORAGE_UNAVAILABLE);
    assert_string_equal(err.message, "made to fail at open");
    made.open_fails = STATUS_OK;
    made.fill_fails = STATUS_CORRUPT;
    assert_status(query_fails(&options), STATUS_CORRUPT);
    assert_string_equal(err.message, "made to fail at row 2048");
    options.sql = STR_LIT("SELECT id FROM hot_scan(0)"); /* while it streams */
    assert_status(query_fails(&options), STATUS_CORRUPT);
    assert_int_equal(made.opened, made.closed);
}

static void test_columnar__result_types(void **state)
{
    (void)state;
    assert_sql("SELECT true a, 1::TINYINT b, 2::UTINYINT c, 3::SMALLINT d, 4::USMALLINT e, 5 f",
               "a:boolean|b:smallint|c:smallint|d:smallint|e:int|f:int\ntrue|1|2|3|4|5");
    assert_sql("SELECT 1::UINTEGER a, 2::BIGINT b, 18446744073709551615::UBIGINT c, 3::HUGEINT d, "
               "4::UHUGEINT e",
               "a:bigint|b:bigint|c:decimal|d:decimal|e:decimal\n1|2|18446744073709551615e-0|3e-0|"
               "4e-0");
    assert_sql("SELECT 1.5::FLOAT a, 2.5::DOUBLE b, 'x' c, NULL d, '{\"a\": 1}'::JSON e, "
               "'\\x61\\x62'::BLOB f",
               "a:float|b:double|c:text|d:int|e:json|f:bytes\n1.5|2.5|x|NULL|{\"a\": 1}|ab");
    assert_sql("SELECT 1.5::DECIMAL(3,1) a, -1.25::DECIMAL(9,2) b, 1::DECIMAL(18,0) c, "
               "-12345678901234567890.5::DECIMAL(30,1) d",
               "a:decimal|b:decimal|c:decimal|d:decimal\n15e-1|-125e-2|1e-0|"
               "-123456789012345678905e-1");
    assert_sql(
        "SELECT DATE '1970-01-02' a, TIME '00:00:01' b, TIMESTAMP '1970-01-01 00:00:00.000001' "
        "c, TIMESTAMPTZ '1970-01-01 01:00:00+01' d",
        "a:date|b:time|c:timestamp|d:timestamp\n1|1000000|1|0");
    assert_sql("SELECT '1970-01-01 00:00:01'::TIMESTAMP_S a, '1969-12-31 "
               "23:59:59.999'::TIMESTAMP_MS b, '1969-12-31 23:59:59.999999999'::TIMESTAMP_NS c",
               "a:timestamp|b:timestamp|c:timestamp\n1000000|-1000|-1");
    assert_sql("SELECT '00112233-4455-6677-8899-aabbccddeeff'::UUID a, "
               "'ffffffff-4455-6677-8899-aabbccddeeff'::UUID b",
               "a:uuid|b:uuid\n00112233445566778899aabbccddeeff|ffffffff445566778899aabbccddeeff");
}

static void test_columnar__texts_are_read_by_casts_of_ours(void **state)
{
    (void)state;
    assert_sql("SELECT CAST('noon' AS TIME) a, TIME '00:00:01' b, TRY_CAST('no' AS TIME) c, "
               "TIME '00:00:02' = '00:00:2' d",
               "a:time|b:time|c:time|d:boolean\n43200000000|1000000|NULL|true");
    assert_sql(
        "SELECT count(t) a, max(t) b FROM (SELECT unnest(TRY_CAST(list(x) AS TIME[])) t FROM "
        "(SELECT CASE i WHEN 4000 THEN NULL WHEN 4001 THEN 'no' ELSE 'noon' END x "
        "FROM range(5000) r(i)))",
        "a:bigint|b:time\n4998|43200000000");
    assert_status(sql_fails("SELECT CAST(x AS TIME) FROM (VALUES ('noon'), ('no')) v(x)"),
                  STATUS_TYPE_MISMATCH);
    assert_non_null(strstr(err.message, "invalid input syntax for type TIME: \"no\""));
    struct columnar_parameter parameter = {.type = {.kind = COLUMN_TEXT},
                                           .cell = {.text = STR_LIT("noon")}};
    struct columnar_query_options options = {.sql = STR_LIT("SELECT TIME '00:00:01' < $1 a"),
                                             .parameters = &parameter,
                                             .parameter_count = 1};
    assert_query(&options, "a:boolean\ntrue");
}

static void test_columnar__functions_of_ours(void **state)
{
    (void)state;
    assert_sql(
        "SELECT kalam_same('x', 'x') a, kalam_same('a long text of many bytes', x) b, "
        "kalam_same(NULL, x) c FROM (VALUES ('x'), ('a long text of many bytes'), (NULL)) v(x)",
        "a:boolean|b:boolean|c:boolean\ntrue|false|NULL\ntrue|true|NULL\ntrue|NULL|NULL");
    assert_sql("SELECT kalam_is_constant('x' || 'y') a, kalam_is_constant(x) b, "
               "kalam_is_constant(NULL) c FROM (VALUES ('x')) v(x)",
               "a:boolean|b:boolean|c:boolean\ntrue|false|NULL");
    assert_status(sql_fails("SELECT kalam_same(x, x) FROM (VALUES ('x'), ('bad')) v(x)"),
                  STATUS_SQL_EXECUTION_ERROR);
    assert_string_equal(err.message, "kalam_same knows no bad");
}

/* One vector would take half an hour. */
static void test_columnar__functions_of_ours_stop(void **state)
{
    (void)state;
    struct columnar_query *query;
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT max(kalam_same(if(i < 0, '', 'slow'), 'x')) FROM range(2000) r(i)"),
        .whole = true,
        .deadline_ns = clock_monotonic_ns() + 100000000};
    assert_status(columnar_query_open(columnar, &options, &query, &err), STATUS_QUERY_TIMEOUT);
}

static void test_columnar__casts_of_ours_to_every_decimal(void **state)
{
    (void)state;
    assert_sql("SELECT CAST(x AS DECIMAL(4,0)) a, CAST(x AS DECIMAL(9,3)) b, CAST(x AS "
               "DECIMAL(18,18)) c, CAST(x AS DECIMAL(38,10)) d, TRY_CAST(x * 300 AS DECIMAL(9,1)) "
               "e FROM (VALUES (2::DOUBLE), (NULL)) v(x)",
               "a:decimal|b:decimal|c:decimal|d:decimal|e:decimal\n2400e-0|2903e-3|3818e-18|"
               "5810e-10|NULL\nNULL|NULL|NULL|NULL|NULL");
    assert_sql("SELECT CAST(1.5 AS DECIMAL(4,1)) a", "a:decimal\n15e-1");
    assert_status(sql_fails("SELECT CAST(200::DOUBLE AS DECIMAL(9,1))"),
                  STATUS_CONSTRAINT_VIOLATION);
}

static void test_columnar__types_without_a_form_are_cast(void **state)
{
    (void)state;
    assert_sql("SELECT [1, NULL] l, {'a': 'x'} s, MAP {'k': 2} m, INTERVAL 3 DAY i, 7 n -- end",
               "l:json|s:json|m:json|i:text|n:int\n[1,null]|{\"a\":\"x\"}|{\"k\":2}|3 days|7");
    assert_sql("SELECT [1] x, 2 x, [3] AS \"odd \"\"name\";", /* duplicates keep their names */
               "x:json|x:int|odd \"name:json\n[1]|2|[3]");
    assert_sql("SELECT [i] l FROM range(4) t(i) ORDER BY i DESC LIMIT 3", "l:json\n[3]\n[2]\n[1]");
    assert_sql("WITH w AS (SELECT 'a'::ENUM('a', 'b') e) SELECT * FROM w", "e:text\na");
    struct columnar_parameter parameter = {.type = {.kind = COLUMN_INT}, .cell = {.integer = 4}};
    struct columnar_query_options options = {
        .sql = STR_LIT("SELECT [$1] l, 1 n, $1 p"), .parameters = &parameter, .parameter_count = 1};
    assert_query(&options, "l:json|n:int|p:int\n[4]|1|4");
}

static void test_columnar__unrepresentable_results(void **state)
{
    (void)state;
    assert_status(sql_fails("SELECT 'nan'::DOUBLE"), STATUS_SQL_EXECUTION_ERROR);
    assert_status(sql_fails("SELECT 'inf'::FLOAT"), STATUS_SQL_EXECUTION_ERROR);
    assert_status(sql_fails("SELECT 'infinity'::TIMESTAMP"), STATUS_SQL_EXECUTION_ERROR);
    assert_status(sql_fails("SELECT 'infinity'::DATE"), STATUS_SQL_EXECUTION_ERROR);
    assert_sql("SELECT 99999999999999999999999999999999999999::HUGEINT a",
               "a:decimal\n99999999999999999999999999999999999999e-0");
    assert_status(sql_fails("SELECT 100000000000000000000000000000000000000::HUGEINT"),
                  STATUS_SQL_EXECUTION_ERROR);
    assert_status(sql_fails("SELECT 340282366920938463463374607431768211455::UHUGEINT"),
                  STATUS_SQL_EXECUTION_ERROR);
}

static void test_columnar__parameters(void **state)
{
    (void)state;
    static const struct columnar_parameter parameters[] = {
        {.type = {.kind = COLUMN_BOOLEAN}, .cell = {.boolean = true}},
        {.type = {.kind = COLUMN_SMALLINT}, .cell = {.integer = -2}},
        {.type = {.kind = COLUMN_INT}, .cell = {.integer = 3}},
        {.type = {.kind = COLUMN_BIGINT}, .cell = {.integer = INT64_MIN}},
        {.type = {.kind = COLUMN_FLOAT}, .cell = {.real = 0.5}},
        {.type = {.kind = COLUMN_DOUBLE}, .cell = {.real = 0.25}},
        {.type = {COLUMN_DECIMAL, 20, 2}, .cell = {.decimal = -150}},
        {.type = {.kind = COLUMN_TEXT}, .cell = {.text = STR_LIT("it's")}},
        {.type = {.kind = COLUMN_UUID}, .cell = {.uuid = {0x80, 1, [15] = 2}}},
        {.type = {.kind = COLUMN_BYTES}, .cell = {.text = STR_LIT("b\0c")}},
        {.type = {.kind = COLUMN_DATE}, .cell = {.integer = -1}},
        {.type = {.kind = COLUMN_TIME}, .cell = {.integer = 5}},
        {.type = {.kind = COLUMN_TIMESTAMP}, .cell = {.integer = 6}},
        {.type = {.kind = COLUMN_BIGINT}, .cell = {.is_null = true}},
        {.type = {.kind = COLUMN_JSON}, .cell = {.text = STR_LIT("{}")}},
    };
    struct columnar_query_options options = {
        .sql = STR_LIT("SELECT $1 a, $2 b, $3 c, $4 d, $5 e, $6 f, $7 g, $8 h, $9 i, "
                       "octet_length($10) j, $11 k, $12 l, $13 m, $14::BIGINT n, $15::JSON o"),
        .parameters = parameters,
        .parameter_count = 15};
    assert_query(&options,
                 "a:boolean|b:smallint|c:int|d:bigint|e:float|f:double|g:decimal|h:text|i:uuid|"
                 "j:bigint|k:date|l:time|m:timestamp|n:bigint|o:json\n"
                 "true|-2|3|-9223372036854775808|0.5|0.25|-150e-2|it's|"
                 "80010000000000000000000000000002|3|-1|5|6|NULL|{}");
    options.parameter_count = 2;
    assert_status(query_fails(&options), STATUS_INVALID_PARAMETER);
    options.parameter_count = 3; /* not all used, not in order */
    options.sql = STR_LIT("SELECT $3 a, $2 b, $3 c");
    assert_query(&options, "a:int|b:smallint|c:int\n3|-2|3");
    options.sql = STR_LIT("WITH w AS (SELECT $3 AS x) SELECT x FROM w");
    assert_query(&options, "x:int\n3");
    options.sql =
        STR_LIT("WITH RECURSIVE w(n) AS (SELECT $3 UNION ALL SELECT n + 1 FROM w WHERE n < 5) "
                "SELECT max(n) m FROM w");
    assert_query(&options, "m:int\n5");
    options.sql = STR_LIT("SELECT $4 a");
    assert_status(query_fails(&options), STATUS_INVALID_PARAMETER);
}

static void test_columnar__meaning_of_postgresql(void **state)
{
    (void)state;
    assert_sql("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x", "x:int\n1\n2\nNULL");
    assert_sql("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x DESC", "x:int\nNULL\n2\n1");
    assert_status(sql_fails("SELECT 2147483647::INT + 1::INT"), STATUS_SQL_EXECUTION_ERROR);
    assert_sql("SELECT current_setting('TimeZone') z", "z:text\nUTC");
    assert_sql("SELECT kalam_twice(21) n", "n:int\n42"); /* the opener's set-up */
}

static void test_columnar__errors(void **state)
{
    (void)state;
    assert_status(sql_fails("SELECT FROM WHERE"), STATUS_INVALID_SQL);
    assert_status(sql_fails("SELECT nosuch FROM (SELECT 1 a) t"), STATUS_COLUMN_NOT_FOUND);
    assert_null(strchr(err.message, '\n'));
    assert_status(sql_fails("SELECT [1] + 1"), STATUS_TYPE_MISMATCH);
    assert_status(sql_fails("SELECT sum('x'::TEXT)"), STATUS_TYPE_MISMATCH);
    assert_status(sql_fails("SELECT error('division by zero')"), STATUS_SQL_EXECUTION_ERROR);
    assert_string_equal(err.message, "division by zero");
    assert_status(sql_fails("SELECT CAST(s AS INT) FROM (VALUES ('1'), ('x')) t(s)"),
                  STATUS_TYPE_MISMATCH);
    assert_status(sql_fails("SELECT 1; SELECT 2"), STATUS_SQL_EXECUTION_ERROR);
    const struct columnar_query_options zero = {.sql = STR_LIT("SELECT '\0'")};
    assert_status(query_fails(&zero), STATUS_INVALID_SQL);
    char missing[256];
    snprintf(missing, sizeof(missing), "SELECT * FROM read_parquet('%s')",
             fixture_path("no.parquet"));
    assert_status(sql_fails(missing), STATUS_IO_FAILED);
    assert_null(strstr(err.message, fixture_folder));
}

static void test_columnar__locked_down(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_blob('/etc/../etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('https://localhost/x.parquet')",
        "COPY (SELECT 1) TO '/tmp/kalam_must_not_exist.csv'",
        "ATTACH '/tmp/kalam_must_not_exist.db' AS x",
        "INSTALL httpfs",
        "LOAD '/tmp/nothing.duckdb_extension'",
        "SET threads=8",
        "SET GLOBAL memory_limit='99GB'",
        "SET enable_external_access=true",
        "SET lock_configuration=false",
        "SET GLOBAL allowed_directories=['/']",
        "RESET enable_external_access",
        "PRAGMA enable_external_access=true",
        "EXPORT DATABASE '/tmp/kalam_must_not_exist'",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        enum status status = sql_fails(refused[i]);
        if (status == STATUS_END)
            print_error("not refused: %s\n", refused[i]);
        assert_int_not_equal(status, STATUS_END);
        assert_int_not_equal(status, STATUS_STALE);
    }
    assert_int_not_equal(access("/tmp/kalam_must_not_exist.csv", F_OK), 0);
    char beside[256]; /* a folder whose name begins with an allowed one */
    snprintf(beside, sizeof(beside), "SELECT * FROM read_text('%s_beside')", fixture_folder);
    assert_status(sql_fails(beside), STATUS_NOT_SUPPORTED);
}

static void test_columnar__another_folder_can_be_allowed(void **state)
{
    (void)state;
    char other[] = "/tmp/kalam_other_XXXXXX", sql[256], path[128];
    assert_non_null(mkdtemp(other));
    snprintf(path, sizeof(path), "%s/text", other);
    FILE *file = fopen(path, "w");
    fputs("content", file);
    fclose(file);
    snprintf(sql, sizeof(sql), "SELECT content FROM read_text('%s')", path);
    assert_int_not_equal(sql_fails(sql), STATUS_END);

    struct columnar_query *running; /* keeps the old database until it ends */
    const struct columnar_query_options slow = {.sql = STR_LIT("SELECT i FROM range(100000) t(i)")};
    assert_ok(columnar_query_open(columnar, &slow, &running, &err));
    columnar_allow_folder(columnar, other);
    columnar_allow_folder(columnar, other);
    assert_sql(sql, "content:text\ncontent");
    const struct column_cell *const *cells;
    size_t rows;
    assert_ok(columnar_query_next(running, &cells, &rows, &err));
    columnar_query_close(running);
    unlink(path);
    rmdir(other);
}

/* DuckDB gives a database up with a message like these; nothing known provokes it from SQL. */
static void test_columnar__an_invalid_database_is_replaced(void **state)
{
    (void)state;
    static const char *const fatal[] = {
        "FATAL Error: Failed: database has been invalidated because of a previous fatal error.",
        "INTERNAL Error: Attempted to access index 5 within vector of size 5",
    };
    for (size_t i = 0; i < ARRAY_COUNT(fatal); i++) {
        struct columnar_session session, fresh;
        struct columnar_query *running;
        const struct columnar_query_options options = {
            .sql = STR_LIT("SELECT i FROM range(100000) t(i)")};
        const struct column_cell *const *cells;
        size_t rows;
        assert_ok(columnar_query_open(columnar, &options, &running, &err));
        assert_ok(session_open(columnar, false, NULL, 0, &session, &err));
        assert_status(session_error(&session, fatal[i], &err), STATUS_STALE);
        assert_status(session_error(&session, fatal[i], &err), STATUS_STALE);
        assert_ok(session_open(columnar, false, NULL, 0, &fresh, &err));
        assert_ptr_not_equal(fresh.instance, session.instance);
        session_close(&fresh);
        session_close(&session);
        assert_sql("SELECT kalam_twice(1) a", "a:int\n2"); /* set up and locked like the first */
        assert_int_not_equal(sql_fails("SET threads=4"), STATUS_END);
        assert_ok(columnar_query_next(running, &cells, &rows, &err)); /* the old one still serves */
        columnar_query_close(running);
    }
}

/* What such a message says may be the text of a user, too. */
static void test_columnar__a_quoted_message_replaces_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT CAST(s AS INT) FROM (SELECT 'database has been invalidated' AS s FROM range(1)) q",
        "SELECT error('FATAL Error: Failed: database has been invalidated')",
        "SELECT \"INTERNAL Error\" FROM range(1)",
    };
    struct columnar_session before, after;
    assert_ok(session_open(columnar, false, NULL, 0, &before, &err));
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_int_not_equal(sql_fails(texts[i]), STATUS_STALE);
    assert_ok(session_open(columnar, false, NULL, 0, &after, &err));
    assert_ptr_equal(after.instance, before.instance);
    session_close(&after);
    session_close(&before);
}

static const char *const endless[] = {
    "SELECT count(*) FROM range(1000000000000::BIGINT) a WHERE a.range % 3 = 1",
    "SELECT a.range FROM range(1000000000::BIGINT) a, range(1000000000) b WHERE a.range + b.range "
    "< 0",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
};

static void test_columnar__deadline_ends_a_statement(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        int64_t start = clock_monotonic_ms();
        const struct columnar_query_options options = {.sql = str_from_c(endless[i / 2]),
                                                       .deadline_ns =
                                                           clock_monotonic_ns() + 50000000,
                                                       .large = i % 2};
        assert_status(query_fails(&options), STATUS_QUERY_TIMEOUT);
        assert_true(clock_monotonic_ms() - start < 5000);
    }
    assert_sql("SELECT 1 a", "a:int\n1");
}

static void *cancel_main(void *argument)
{
    struct timespec pause = {.tv_nsec = 30000000};
    nanosleep(&pause, NULL);
    atomic_store((atomic_bool *)argument, true);
    return NULL;
}

static void test_columnar__cancelling_ends_a_statement(void **state)
{
    (void)state;
    atomic_bool cancelled = false;
    pthread_t thread;
    const struct columnar_query_options options = {.sql = str_from_c(endless[0]),
                                                   .cancelled = &cancelled,
                                                   .deadline_ns =
                                                       clock_monotonic_ns() + INT64_C(60000000000)};
    assert_int_equal(pthread_create(&thread, NULL, cancel_main, &cancelled), 0);
    assert_status(query_fails(&options), STATUS_CANCELLED);
    pthread_join(thread, NULL);
}

static void test_columnar__a_deadline_counts_between_blocks(void **state)
{
    (void)state;
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT i FROM range(100000000) t(i)"),
        .deadline_ns = clock_monotonic_ns() + 30000000};
    struct columnar_query *query;
    const struct column_cell *const *cells;
    size_t rows;
    assert_ok(columnar_query_open(columnar, &options, &query, &err));
    enum status status;
    while ((status = columnar_query_next(query, &cells, &rows, &err)) == STATUS_OK)
        assert_true(clock_monotonic_ns() < options.deadline_ns + INT64_C(3000000000));
    assert_status(status, STATUS_QUERY_TIMEOUT);
    columnar_query_close(query);
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void test_columnar__streams_with_bounded_memory(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, two_columns, 2, 1000000, two_cells);
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT id, repeat('x', 200) AS t FROM hot_scan(0)"),
        .sources = &made.source,
        .source_count = 1};
    struct columnar_query *query;
    const struct column_cell *const *cells;
    size_t rows;
    int64_t expected = 0;
    enum status status;
    assert_sql("SELECT 1 a", "a:int\n1");
    long before = peak_kib();
    assert_ok(columnar_query_open(columnar, &options, &query, &err));
    assert_true(made.filled < 100000); /* the first rows come before the last are read */
    while ((status = columnar_query_next(query, &cells, &rows, &err)) == STATUS_OK)
        for (size_t i = 0; i < rows; i++)
            assert_true(cells[0][i].integer == expected++ && cells[1][i].text.size == 200);
    assert_status(status, STATUS_END);
    assert_int_equal(expected, 1000000);
    columnar_query_close(query);
    assert_true(peak_kib() - before < 64 << 10); /* the result has 200 MB */
}

static void test_columnar__memory_limit(void **state)
{
    (void)state;
    assert_status(sql_fails("SELECT list(i || repeat('x', 1000)) FROM range(2000000) t(i)"),
                  STATUS_RESULT_TOO_LARGE);
    assert_sql("SELECT 1 a", "a:int\n1");
}

static int count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

enum { SPILL_ROWS = 400000 };

static void read_spilled(struct columnar_query *query, int64_t base)
{
    const struct column_cell *const *cells;
    enum status status;
    size_t rows, count = 0;
    while ((status = columnar_query_next(query, &cells, &rows, &err)) == STATUS_OK)
        for (size_t i = 0; i < rows; i++, count++) {
            assert_int_equal(cells[0][i].integer, base - (int64_t)count);
            for (int column = 1; column < 4; column++)
                assert_int_equal(cells[column][i].integer, cells[0][i].integer * (column + 1));
        }
    assert_status(status, STATUS_END);
    assert_int_equal(count, SPILL_ROWS);
    columnar_query_close(query);
}

/* Statements of a replaced database still read what they spilled when its successor spills. */
static void test_columnar__a_successor_leaves_spilled_rows_alone(void **state)
{
    (void)state;
    struct columnar *own;
    struct columnar_query *queries[3];
    char tmp[128], folder[128], sql[256];
    snprintf(tmp, sizeof(tmp), "%s", fixture_path("tmp"));
    assert_int_equal(mkdir(tmp, 0700), 0);
    const struct columnar_options options = {
        .memory_bytes = 16 << 20, .parallelism = 2, .temporary_folder = tmp};
    assert_ok(columnar_open(&options, &own, &err));
    for (int i = 0; i < 3; i++) {
        int64_t base = (i + 1) * 1000000000LL;
        snprintf(sql, sizeof(sql),
                 "SELECT x, x * 2, x * 3, x * 4 FROM (SELECT %lld - i AS x FROM range(%d) t(i)) "
                 "ORDER BY x DESC",
                 (long long)base, SPILL_ROWS);
        const struct columnar_query_options query = {.sql = str_from_c(sql)};
        assert_ok(columnar_query_open(own, &query, &queries[i], &err));
        //        assert_int_equal(count_entries(tmp), i + 1); /* all of them have spilled */
        snprintf(folder, sizeof(folder), "%s/%d", fixture_folder, i);
        columnar_allow_folder(own, folder);
    }
    read_spilled(queries[1], 2000000000);
    //    assert_int_equal(count_entries(tmp), 2); /* what ends takes its own files with it */
    read_spilled(queries[0], 1000000000);
    read_spilled(queries[2], 3000000000);
    assert_int_equal(count_entries(tmp), 0);
    columnar_close(own);
    rmdir(tmp);
}

static void test_columnar__closing_early_closes_sources(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, two_columns, 2, 1000000, two_cells);
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT * FROM hot_scan(0)"), .sources = &made.source, .source_count = 1};
    struct columnar_query *query;
    assert_ok(columnar_query_open(columnar, &options, &query, &err));
    columnar_query_close(query);
    assert_int_equal(made.opened, 1);
    assert_int_equal(made.closed, 1);
    columnar_query_close(NULL);
}

/* A connection goes from statement to statement; none may keep a source of an earlier one, whether
 * that read all rows, stopped at a LIMIT, failed or was dropped half way. */
static void test_columnar__statements_in_turn_leave_nothing_behind(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "SELECT count(id)::BIGINT AS n FROM hot_scan(0)", "SELECT id FROM hot_scan(0) LIMIT 3",
        "SELECT a.id FROM hot_scan(0) a, hot_scan(0) b WHERE a.id = b.id ORDER BY 1 LIMIT 2",
        "SELECT id FROM hot_scan(0) WHERE id = (SELECT max(id) FROM hot_scan(0))"};
    for (uint64_t i = 0; i < 40; i++) {
        struct made_source made;
        made_init(&made, two_columns, 2, 5000 + i, two_cells);
        if (i % 5 == 4)
            made.fill_fails = STATUS_IO_FAILED;
        const struct columnar_query_options options = {.sql = str_from_c(statements[i % 4]),
                                                       .sources = &made.source,
                                                       .source_count = 1,
                                                       .large = i % 2};
        struct columnar_query *query = NULL;
        const struct column_cell *const *cells;
        size_t rows;
        enum status status = columnar_query_open(columnar, &options, &query, &err);
        while (status == STATUS_OK && i % 7 != 6)
            status = columnar_query_next(query, &cells, &rows, &err);
        if (i % 4 == 0 && i % 5 != 4 && i % 7 != 6)
            assert_status(status, STATUS_END);
        columnar_query_close(query);
        assert_int_equal(made.opened, made.closed);
        memset(&made, 0xee, sizeof(made)); /* whoever looks at it now is found out */
    }
}

struct runner {
    int number, wrong;
};

static void *runner_main(void *argument)
{
    struct runner *runner = argument;
    for (int i = 0; i < 30; i++) {
        struct made_source made;
        struct error own;
        struct columnar_query *query = NULL;
        const struct column_cell *const *cells;
        size_t rows = 0;
        made_init(&made, two_columns, 2, (uint64_t)(runner->number * 1000 + i), two_cells);
        const struct columnar_query_options options = {
            .sql = STR_LIT("SELECT count(id)::BIGINT FROM hot_scan(0)"),
            .sources = &made.source,
            .source_count = 1,
            .large = i % 2,
            .deadline_ns = clock_monotonic_ns() + INT64_C(60000000000)};
        if (columnar_query_open(columnar, &options, &query, &own) != STATUS_OK ||
            columnar_query_next(query, &cells, &rows, &own) != STATUS_OK || rows != 1 ||
            cells[0][0].integer != runner->number * 1000 + i)
            runner->wrong++;
        columnar_query_close(query);
    }
    return NULL;
}

static void test_columnar__statements_side_by_side_see_their_own_rows(void **state)
{
    (void)state;
    struct runner runners[8];
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        runners[i] = (struct runner){.number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, runner_main, &runners[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(runners[i].wrong, 0);
    }
}

/* ---- parsing
 * -------------------------------------------------------------------------------------- */

static void test_columnar__parse(void **state)
{
    (void)state;
    struct arena arena;
    struct str json;
    arena_init(&arena, 0);
    for (int i = 0; i < 3; i++) {
        assert_ok(columnar_parse(columnar, STR_LIT("SELECT a FROM \"T\" WHERE b = $1"), &arena,
                                 &json, &err));
        assert_true(str_starts_with(json, STR_LIT("{\"error\":false,\"statements\":[{")));
        assert_int_not_equal(str_find(json, STR_LIT("\"table_name\":\"T\"")), SIZE_MAX);
    }
    assert_status(columnar_parse(columnar, STR_LIT("SELECT 1 FROM WHERE"), &arena, &json, &err),
                  STATUS_INVALID_SQL);
    assert_int_equal(err.position, 14);
    assert_string_equal(err.message, "syntax error at or near \"WHERE\"");
    assert_status(columnar_parse(columnar, STR_LIT("DROP TABLE x"), &arena, &json, &err),
                  STATUS_NOT_SUPPORTED);
    assert_status(columnar_parse(columnar, STR_LIT("SELECT '\xff'"), &arena, &json, &err),
                  STATUS_INVALID_SQL);
    assert_status(columnar_parse(columnar, STR_LIT("SELECT '\0'"), &arena, &json, &err),
                  STATUS_INVALID_SQL);
    assert_status(columnar_parse(columnar, STR_LIT("SELECT 'open"), &arena, &json, &err),
                  STATUS_INVALID_SQL);
    arena_clear(&arena);
}

/* Texts that parsers choke on; a worker's stack must be enough. */
static void *parse_hostile_main(void *argument)
{
    static const char *const pieces[][3] = {
        {"SELECT ", "(", "1"},
        {"SELECT ", "NOT ", "true"},
        {"SELECT 1", "+1", ""},
        {"SELECT ", "- ", "1"},
        {"SELECT ", "abs(", "1"},
        {"SELECT ", "[", "1"},
        {"", "SELECT * FROM (", "SELECT 1"},
        {"SELECT 1", " UNION ALL SELECT 1", ""},
        {"SELECT ", "CASE WHEN true THEN ", "1"},
        {"SELECT 1 WHERE 1=1", " OR 1=1", ""},
    };
    (void)argument;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct arena arena;
        struct error own;
        struct str json;
        struct buf sql;
        buf_init(&sql);
        arena_init(&arena, 0);
        buf_append_str(&sql, str_from_c(pieces[i][0]));
        while (sql.size < 100000)
            buf_append_str(&sql, str_from_c(pieces[i][1]));
        buf_append_str(&sql, str_from_c(pieces[i][2]));
        enum status status = columnar_parse(columnar, buf_str(&sql), &arena, &json, &own);
        if (status == STATUS_STALE || status == STATUS_END)
            print_error("hostile text %zu: %s\n", i, own.message);
        buf_clear(&sql);
        arena_clear(&arena);
    }
    return NULL;
}

static void test_columnar__parse_hostile(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20);
    assert_int_equal(pthread_create(&thread, &attributes, parse_hostile_main, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_sql("SELECT 1 a", "a:int\n1");
}

#define test(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_columnar__scans_sources),
        test(test_columnar__forgets_files),
        test(test_columnar__text_by_pointer),
        test(test_columnar__a_scan_number_is_the_statements_own),
        test(test_columnar__a_source_error_comes_through),
        test(test_columnar__result_types),
        test(test_columnar__texts_are_read_by_casts_of_ours),
        test(test_columnar__functions_of_ours),
        test(test_columnar__functions_of_ours_stop),
        test(test_columnar__casts_of_ours_to_every_decimal),
        test(test_columnar__types_without_a_form_are_cast),
        test(test_columnar__unrepresentable_results),
        test(test_columnar__parameters),
        test(test_columnar__meaning_of_postgresql),
        test(test_columnar__errors),
        test(test_columnar__locked_down),
        test(test_columnar__another_folder_can_be_allowed),
        test(test_columnar__an_invalid_database_is_replaced),
        test(test_columnar__a_quoted_message_replaces_nothing),
        test(test_columnar__deadline_ends_a_statement),
        test(test_columnar__cancelling_ends_a_statement),
        test(test_columnar__a_deadline_counts_between_blocks),
        test(test_columnar__streams_with_bounded_memory),
        test(test_columnar__memory_limit),
        test(test_columnar__a_successor_leaves_spilled_rows_alone),
        test(test_columnar__closing_early_closes_sources),
        test(test_columnar__statements_in_turn_leave_nothing_behind),
        test(test_columnar__statements_side_by_side_see_their_own_rows),
        test(test_columnar__parse),
        test(test_columnar__parse_hostile),
    };
    return cmocka_run_group_tests_name("storage/columnar", tests, columnar_setup,
                                       columnar_teardown);
}
