/* test_columnar_parquet.c — Parquet files written from a source and read back by field id.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "columnar_fixture.h"

static const struct parquet_options plain = {.compression = "zstd", .row_group_rows = 8192};

static uint64_t write_made(const char *name, struct made_source *made,
                           const struct parquet_options *options)
{
    uint64_t rows = 0;
    assert_ok(
        columnar_write_parquet(columnar, fixture_path(name), &made->source, options, &rows, &err));
    assert_int_equal(made->opened, made->closed);
    return rows;
}

/* Every type, the extremes of each, and NULL in every other row. */
static const struct column_spec every_column[] = {
    {.name = STR_LIT("c_boolean"), .type = {.kind = COLUMN_BOOLEAN}, .field_id = 1},
    {.name = STR_LIT("c_smallint"), .type = {.kind = COLUMN_SMALLINT}, .field_id = 2},
    {.name = STR_LIT("c_int"), .type = {.kind = COLUMN_INT}, .field_id = 3},
    {.name = STR_LIT("c_bigint"), .type = {.kind = COLUMN_BIGINT}, .field_id = 4},
    {.name = STR_LIT("c_float"), .type = {.kind = COLUMN_FLOAT}, .field_id = 5},
    {.name = STR_LIT("c_double"), .type = {.kind = COLUMN_DOUBLE}, .field_id = 6},
    {.name = STR_LIT("c_decimal4"), .type = {COLUMN_DECIMAL, 4, 2}, .field_id = 7},
    {.name = STR_LIT("c_decimal9"), .type = {COLUMN_DECIMAL, 9, 9}, .field_id = 8},
    {.name = STR_LIT("c_decimal18"), .type = {COLUMN_DECIMAL, 18, 0}, .field_id = 9},
    {.name = STR_LIT("c_decimal38"), .type = {COLUMN_DECIMAL, 38, 10}, .field_id = 10},
    {.name = STR_LIT("c_text"), .type = {.kind = COLUMN_TEXT}, .field_id = 11},
    {.name = STR_LIT("c_uuid"), .type = {.kind = COLUMN_UUID}, .field_id = 12},
    {.name = STR_LIT("c_json"), .type = {.kind = COLUMN_JSON}, .field_id = 13},
    {.name = STR_LIT("c_bytes"), .type = {.kind = COLUMN_BYTES}, .field_id = 14},
    {.name = STR_LIT("c_date"), .type = {.kind = COLUMN_DATE}, .field_id = 15},
    {.name = STR_LIT("c_time"), .type = {.kind = COLUMN_TIME}, .field_id = 16},
    {.name = STR_LIT("c_timestamp"), .type = {.kind = COLUMN_TIMESTAMP}, .field_id = 17},
    {.name = STR_LIT("odd \"name', {x}"), .type = {.kind = COLUMN_INT}, .field_id = 99},
};
enum { EVERY_COUNT = sizeof(every_column) / sizeof(every_column[0]), EVERY_ROWS = 12 };

static __int128 ten_power(int exponent)
{
    __int128 power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

static void every_cell(uint64_t row, uint32_t column, struct column_cell *out)
{
    static const char *const texts[] = {"", "short", "exactly 12 b", "13 bytes long",
                                        "\xe2\x82\xac and a text that is longer than inline"};
    static const int64_t integers[][5] = {
        [2] = {INT16_MIN, INT16_MAX, 0, -1, 1},
        [3] = {INT32_MIN, INT32_MAX, 0, -1, 1},
        [4] = {INT64_MIN, INT64_MAX, 0, -1, 1},
        [15] = {-719162, 2932896, 0, -1, 1},
        [16] = {0, INT64_C(86399999999), 1, 2, 3},
        [17] = {INT64_C(-62135596800000000), INT64_C(253402300799999999), 0, -1, 1},
        [18] = {7, 8, 9, 10, 11},
    };
    uint32_t kind = column + 1, pick = (uint32_t)(row / 2 % 5);
    *out = (struct column_cell){.is_null = row % 2 == 1};
    if (out->is_null)
        return;
    switch (kind) {
    case 1:
        out->boolean = pick % 2;
        return;
    case 5:
        out->real = pick == 0 ? (double)3.4e38f : pick == 1 ? (double)-1.5e-40f : pick * 0.5;
        return;
    case 6:
        out->real = pick == 0 ? 1.7e308 : pick == 1 ? -5e-324 : pick * 0.1;
        return;
    case 7:
    case 8:
    case 9:
    case 10:
        out->decimal = ten_power(every_column[column].type.precision) - 1;
        if (pick % 2)
            out->decimal = -out->decimal;
        if (pick == 4)
            out->decimal = 5;
        return;
    case 11:
        out->text = str_from_c(texts[pick]);
        return;
    case 12:
        memset(out->uuid, (int)(pick * 63), 16);
        out->uuid[15] = (uint8_t)row;
        return;
    case 13:
        out->text = pick ? STR_LIT("{\"a\":  [1, null]}") : STR_LIT("null");
        return;
    case 14:
        out->text = pick ? STR_LIT("\0\xff\xfe more than twelve bytes") : STR_LIT("\0");
        return;
    default:
        out->integer = integers[kind][pick];
    }
}

static void assert_same_cell(enum column_kind kind, const struct column_cell *got,
                             const struct column_cell *expected)
{
    assert_int_equal(got->is_null, expected->is_null);
    if (got->is_null)
        return;
    if (kind == COLUMN_BOOLEAN)
        assert_int_equal(got->boolean, expected->boolean);
    else if (kind == COLUMN_FLOAT || kind == COLUMN_DOUBLE)
        assert_true(got->real == expected->real);
    else if (kind == COLUMN_DECIMAL)
        assert_true(got->decimal == expected->decimal);
    else if (kind == COLUMN_TEXT || kind == COLUMN_JSON || kind == COLUMN_BYTES)
        assert_true(str_equal(got->text, expected->text));
    else if (kind == COLUMN_UUID)
        assert_memory_equal(got->uuid, expected->uuid, 16);
    else
        assert_int_equal(got->integer, expected->integer);
}

static void test_columnar_parquet__every_type_survives(void **state)
{
    (void)state;
    struct made_source made;
    struct parquet_reader *reader;
    const struct column_cell *const *cells;
    uint32_t ids[EVERY_COUNT];
    size_t rows;

    made_init(&made, every_column, EVERY_COUNT, EVERY_ROWS, every_cell);
    assert_int_equal(write_made("every.parquet", &made, &plain), EVERY_ROWS);
    for (size_t i = 0; i < EVERY_COUNT; i++)
        ids[i] = every_column[i].field_id;
    struct parquet_read_options options = {.path = fixture_path("every.parquet"),
                                           .field_ids = ids,
                                           .field_count = EVERY_COUNT,
                                           .row_count = UINT64_MAX};
    assert_ok(parquet_reader_open(columnar, &options, &reader, &err));
    for (size_t i = 0; i < EVERY_COUNT; i++) {
        const struct column_type *type = &parquet_reader_types(reader)[i];
        assert_true(parquet_reader_present(reader)[i]);
        assert_int_equal(type->kind, every_column[i].type.kind);
        assert_int_equal(type->precision, every_column[i].type.precision);
        assert_int_equal(type->scale, every_column[i].type.scale);
    }
    assert_ok(parquet_reader_next(reader, &cells, &rows, &err));
    assert_int_equal(rows, EVERY_ROWS);
    for (size_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < EVERY_COUNT; i++) {
            struct column_cell expected;
            every_cell(row, i, &expected);
            assert_same_cell(every_column[i].type.kind, &cells[i][row], &expected);
        }
    assert_status(parquet_reader_next(reader, &cells, &rows, &err), STATUS_END);
    assert_int_equal(rows, 0);
    parquet_reader_close(reader);
}

/* The same cells from the function into a query, without a file between. */
static void test_columnar_parquet__every_type_scans(void **state)
{
    (void)state;
    struct made_source made;
    struct columnar_query *query;
    const struct column_cell *const *cells;
    size_t rows, count;

    made_init(&made, every_column, EVERY_COUNT, EVERY_ROWS, every_cell);
    made.copy = false;
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT * FROM hot_scan(0)"), .sources = &made.source, .source_count = 1};
    assert_ok(columnar_query_open(columnar, &options, &query, &err));
    const struct columnar_result_column *columns = columnar_query_columns(query, &count);
    assert_int_equal(count, EVERY_COUNT);
    assert_ok(columnar_query_next(query, &cells, &rows, &err));
    for (uint32_t i = 0; i < EVERY_COUNT; i++) {
        assert_int_equal(columns[i].type.kind, every_column[i].type.kind);
        assert_true(str_equal(columns[i].name, every_column[i].name));
        for (size_t row = 0; row < rows; row++) {
            struct column_cell expected;
            every_cell(row, i, &expected);
            assert_same_cell(every_column[i].type.kind, &cells[i][row], &expected);
        }
    }
    columnar_query_close(query);
}

static void assert_file_sql(const char *format, const char *name, const char *expected)
{
    char sql[1024];
    snprintf(sql, sizeof(sql), format, fixture_path(name));
    assert_sql(sql, expected);
}

static void test_columnar_parquet__file_says_what_it_is(void **state)
{
    (void)state;
    static const struct parquet_meta meta[] = {
        {STR_LIT("kalamdb.schema_version"), STR_LIT("3")},
        {STR_LIT("user_id"), STR_LIT("it's \"me\"")},
    };
    const struct parquet_options options = {
        .compression = "snappy", .row_group_rows = 2048, .meta = meta, .meta_count = 2};
    struct made_source made;
    made_init(&made, every_column, EVERY_COUNT, 5000, every_cell);
    assert_int_equal(write_made("meta.parquet", &made, &options), 5000);
    assert_file_sql(
        "SELECT decode(key) k, decode(value) v FROM parquet_kv_metadata('%s') ORDER BY 1",
        "meta.parquet", "k:text|v:text\nkalamdb.schema_version|3\nuser_id|it's \"me\"");
    assert_file_sql("SELECT string_agg(field_id::TEXT, ' ') f FROM parquet_schema('%s')",
                    "meta.parquet", "f:text\n1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 99");
    assert_file_sql(
        "SELECT name n, type t, type_length l, logical_type y FROM parquet_schema('%s') "
        "WHERE name IN ('c_uuid', 'c_decimal4', 'c_time')",
        "meta.parquet",
        "n:text|t:text|l:text|y:text\n"
        "c_decimal4|INT32|NULL|DecimalType(scale=2, precision=4)\n"
        "c_uuid|FIXED_LEN_BYTE_ARRAY|16|UUIDType()\n"
        "c_time|INT64|NULL|TimeType(isAdjustedToUTC=0, unit=TimeUnit(MILLIS=<null>, "
        "MICROS=MicroSeconds(), NANOS=<null>))");
    assert_file_sql("SELECT count(DISTINCT row_group_id) g, min(compression) c FROM "
                    "parquet_metadata('%s')",
                    "meta.parquet", "g:bigint|c:text\n3|SNAPPY");
    assert_file_sql(
        "SELECT min(stats_min_value) a, max(stats_max_value) b, max(stats_null_count) n "
        "FROM parquet_metadata('%s') WHERE path_in_schema = 'c_date'",
        "meta.parquet", "a:text|b:text|n:bigint\n0001-01-01|9999-12-31|1024");
}

static void test_columnar_parquet__absent_columns_are_null(void **state)
{
    (void)state;
    struct made_source made;
    struct parquet_reader *reader;
    const struct column_cell *const *cells;
    static const uint32_t ids[] = {77, 4, 78, 2};
    size_t rows;

    made_init(&made, every_column, EVERY_COUNT, 3, every_cell);
    write_made("absent.parquet", &made, &plain);
    struct parquet_read_options options = {.path = fixture_path("absent.parquet"),
                                           .field_ids = ids,
                                           .field_count = 4,
                                           .row_count = UINT64_MAX};
    for (int i = 0; i < 2; i++) { /* the second time the schema is known */
        assert_ok(parquet_reader_open(columnar, &options, &reader, &err));
        assert_false(parquet_reader_present(reader)[0]);
        assert_true(parquet_reader_present(reader)[1]);
        assert_ok(parquet_reader_next(reader, &cells, &rows, &err));
        assert_int_equal(rows, 3);
        assert_true(cells[0][0].is_null && cells[2][2].is_null);
        assert_true(cells[1][0].integer == INT64_MIN);
        assert_true(cells[3][0].integer == INT16_MIN);
        parquet_reader_close(reader);
    }
    options.field_count = 1; /* no column at all: the rows still count */
    assert_ok(parquet_reader_open(columnar, &options, &reader, &err));
    assert_ok(parquet_reader_next(reader, &cells, &rows, &err));
    assert_int_equal(rows, 3);
    assert_true(cells[0][2].is_null);
    parquet_reader_close(reader);
}

static const struct column_spec number_columns[] = {
    {.name = STR_LIT("n"), .type = {.kind = COLUMN_BIGINT}, .field_id = 1},
    {.name = STR_LIT("t"), .type = {.kind = COLUMN_TEXT}, .field_id = 2},
};

static void number_cell(uint64_t row, uint32_t column, struct column_cell *out)
{
    static char text[64];
    if (column == 0)
        out->integer = 1000000 - (int64_t)row;
    else
        out->text = str_from(text, (size_t)snprintf(text, sizeof(text), "row number %d", (int)row));
}

/* Reads [first, first + count) and checks that it is exactly that. */
static void assert_range(const char *path, uint64_t first, uint64_t count, uint64_t expected)
{
    static const uint32_t ids[] = {1, 2};
    struct parquet_read_options options = {
        .path = path, .field_ids = ids, .field_count = 2, .row_first = first, .row_count = count};
    struct parquet_reader *reader;
    const struct column_cell *const *cells;
    uint64_t row = first;
    enum status status;
    size_t rows;
    char text[64];

    assert_ok(parquet_reader_open(columnar, &options, &reader, &err));
    while ((status = parquet_reader_next(reader, &cells, &rows, &err)) == STATUS_OK)
        for (size_t i = 0; i < rows; i++, row++) {
            assert_int_equal(cells[0][i].integer, 1000000 - (int64_t)row);
            snprintf(text, sizeof(text), "row number %d", (int)row);
            assert_true(str_equal(cells[1][i].text, str_from_c(text)));
        }
    assert_status(status, STATUS_END);
    assert_int_equal(row - first, expected);
    parquet_reader_close(reader);
}

static void test_columnar_parquet__reads_ranges_in_order(void **state)
{
    (void)state;
    struct made_source made;
    char path[256];
    snprintf(path, sizeof(path), "%s", fixture_path("range.parquet"));
    made_init(&made, number_columns, 2, 50000, number_cell);
    assert_int_equal(write_made("range.parquet", &made, &plain), 50000);
    assert_range(path, 0, UINT64_MAX, 50000);
    assert_range(path, 0, 50000, 50000);
    assert_range(path, 8192, 8192, 8192);
    assert_range(path, 10000, 3, 3);
    assert_range(path, 49152, 8192, 848);
    assert_range(path, 50000, 10, 0);
    assert_range(path, 0, 0, 0);
}

/* Statements over files with every kind of parameter and beginning. */
static void test_columnar_parquet__statements_over_files(void **state)
{
    (void)state;
    struct made_source made;
    char sql[512], from[300];
    static const struct columnar_parameter parameters[] = {
        {.type = {.kind = COLUMN_BIGINT}, .cell = {.integer = 999998}},
        {.type = {.kind = COLUMN_BIGINT}, .cell = {.integer = 999997}},
    };
    struct columnar_query_options options = {.parameters = parameters, .parameter_count = 2};
    made_init(&made, number_columns, 2, 20000, number_cell);
    write_made("query.parquet", &made, &plain);
    snprintf(from, sizeof(from), "FROM read_parquet('%s')", fixture_path("query.parquet"));

    snprintf(sql, sizeof(sql), "SELECT n, [t] l %s WHERE n IN ($1, $2) ORDER BY n DESC", from);
    options.sql = str_from_c(sql);
    assert_query(&options, "n:bigint|l:json\n999998|[\"row number 2\"]\n999997|[\"row number 3\"]");
    snprintf(sql, sizeof(sql), "SELECT n a, n a %s WHERE n = $2", from);
    options.sql = str_from_c(sql);
    assert_query(&options, "a:bigint|a:bigint\n999997|999997");
    snprintf(sql, sizeof(sql), "with w AS (SELECT n %s) SELECT count(*) c FROM w WHERE n > $1",
             from);
    options.sql = str_from_c(sql);
    assert_query(&options, "c:bigint\n2");
    snprintf(sql, sizeof(sql), "(SELECT n %s WHERE n = $1)", from);
    options.sql = str_from_c(sql);
    assert_query(&options, "n:bigint\n999998");
    snprintf(sql, sizeof(sql), "SELECT n %s WHERE n = $3", from);
    options.sql = str_from_c(sql);
    assert_status(query_fails(&options), STATUS_INVALID_PARAMETER);
    snprintf(sql, sizeof(sql), "SELECT nosuch %s", from);
    options.sql = str_from_c(sql);
    assert_status(query_fails(&options), STATUS_COLUMN_NOT_FOUND);
    assert_string_equal(err.message, "referenced column \"nosuch\" not found in FROM clause");
    snprintf(sql, sizeof(sql), "SELECT n %s LIMIT 1", from);
    options.sql = str_from_c(sql);
    options.parameter_count = 0;
    assert_query(&options, "n:bigint\n1000000");
}

static void test_columnar_parquet__empty_file(void **state)
{
    (void)state;
    struct made_source made;
    made_init(&made, number_columns, 2, 0, number_cell);
    assert_int_equal(write_made("empty.parquet", &made, &plain), 0);
    assert_range(fixture_path("empty.parquet"), 0, UINT64_MAX, 0);
}

static void test_columnar_parquet__a_path_used_anew_is_noticed(void **state)
{
    (void)state;
    struct made_source made;
    char path[256];
    snprintf(path, sizeof(path), "%s", fixture_path("again.parquet"));
    made_init(&made, number_columns, 2, 100, number_cell);
    write_made("again.parquet", &made, &plain);
    assert_range(path, 0, UINT64_MAX, 100);
    made_init(&made, number_columns, 2, 70, number_cell);
    write_made("again.parquet", &made, &plain);
    assert_range(path, 0, UINT64_MAX, 70);
}

static void test_columnar_parquet__writes_only_where_allowed(void **state)
{
    (void)state;
    struct made_source made;
    uint64_t rows;
    char path[256], listing[256];
    made_init(&made, number_columns, 2, 10, number_cell);
    assert_int_not_equal(columnar_write_parquet(columnar, "/tmp/kalam_must_not_exist.parquet",
                                                &made.source, &plain, &rows, &err),
                         STATUS_OK);
    assert_int_not_equal(access("/tmp/kalam_must_not_exist.parquet", F_OK), 0);
    snprintf(path, sizeof(path), "%s", fixture_path("no/such/folder/x.parquet"));
    assert_status(columnar_write_parquet(columnar, path, &made.source, &plain, &rows, &err),
                  STATUS_IO_FAILED);
    /* over a file that stands there, and nothing beside it */
    assert_int_equal(mkdir(fixture_path("sub"), 0700), 0);
    fclose(fopen(fixture_path("sub/.x.tmp"), "w"));
    assert_int_equal(write_made("sub/.x.tmp", &made, &plain), 10);
    snprintf(listing, sizeof(listing), "SELECT count(*) n FROM glob('%s/*')", fixture_path("sub"));
    assert_sql(listing, "n:bigint\n1");
}

static void test_columnar_parquet__write_refuses(void **state)
{
    (void)state;
    struct made_source made;
    uint64_t rows;
    static const struct column_spec twins[] = {
        {.name = STR_LIT("a"), .type = {.kind = COLUMN_BIGINT}, .field_id = 1},
        {.name = STR_LIT("A"), .type = {.kind = COLUMN_TEXT}, .field_id = 2},
    };
    made_init(&made, twins, 2, 1, number_cell);
    assert_status(
        columnar_write_parquet(columnar, fixture_path("x"), &made.source, &plain, &rows, &err),
        STATUS_NOT_SUPPORTED);
    made_init(&made, number_columns, 2, 10000, number_cell);
    const struct parquet_options unknown = {.compression = "rar"};
    assert_status(
        columnar_write_parquet(columnar, fixture_path("x"), &made.source, &unknown, &rows, &err),
        STATUS_INVALID_INPUT);
    made.fill_fails = STATUS_CANCELLED;
    assert_status(
        columnar_write_parquet(columnar, fixture_path("x"), &made.source, &plain, &rows, &err),
        STATUS_CANCELLED);
    assert_int_equal(made.opened, made.closed);
}

static void test_columnar_parquet__damaged_files(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1};
    struct made_source made;
    struct parquet_reader *reader;
    char path[256];
    snprintf(path, sizeof(path), "%s", fixture_path("damaged.parquet"));
    struct parquet_read_options options = {
        .path = path, .field_ids = ids, .field_count = 1, .row_count = UINT64_MAX};
    assert_status(parquet_reader_open(columnar, &options, &reader, &err), STATUS_ABSENT);
    assert_null(reader);
    made_init(&made, number_columns, 2, 20000, number_cell);
    write_made("damaged.parquet", &made, &plain);
    assert_int_equal(truncate(path, 1000), 0);
    assert_status(parquet_reader_open(columnar, &options, &reader, &err), STATUS_CORRUPT);
    assert_null(reader);
    assert_null(strstr(err.message, fixture_folder));
    assert_sql("SELECT 1 a", "a:int\n1");
}

#define test(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_columnar_parquet__every_type_survives),
        test(test_columnar_parquet__every_type_scans),
        test(test_columnar_parquet__file_says_what_it_is),
        test(test_columnar_parquet__absent_columns_are_null),
        test(test_columnar_parquet__reads_ranges_in_order),
        test(test_columnar_parquet__statements_over_files),
        test(test_columnar_parquet__empty_file),
        test(test_columnar_parquet__a_path_used_anew_is_noticed),
        test(test_columnar_parquet__writes_only_where_allowed),
        test(test_columnar_parquet__write_refuses),
        test(test_columnar_parquet__damaged_files),
    };
    return cmocka_run_group_tests_name("storage/columnar_parquet", tests, columnar_setup,
                                       columnar_teardown);
}
