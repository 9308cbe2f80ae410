"""SQL that tries to get out of its tables: to files, to DuckDB's own catalogue and settings, to other users. The allow-list refuses
it with an error that says why, nothing outside is read or written, and DuckDB answers afterwards."""
import itertools

import kalam
import pytest

SECRET = "the secret of bob"
REFUSED = {"NOT_SUPPORTED", "INVALID_SQL", "TABLE_NOT_FOUND", "COLUMN_NOT_FOUND", "PERMISSION_DENIED", "INVALID_OPERATION",
           "NAMESPACE_NOT_FOUND", "TYPE_MISMATCH", "INVALID_PARAMETER"}

# {f}: a file with a secret; {p}: Parquet of another user; {o}: a path where nothing may appear.
TABLE_FUNCTIONS = ["read_text('{f}')", "read_blob('{f}')", "read_csv('{f}')", "read_csv_auto('{f}')", "read_json('{f}')",
                   "read_json_auto('{f}')", "read_json_objects('{f}')", "read_ndjson('{f}')", "read_parquet('{p}')", "read_parquet(['{p}'])",
                   "parquet_scan('{p}')", "parquet_metadata('{p}')", "parquet_schema('{p}')", "parquet_file_metadata('{p}')",
                   "parquet_kv_metadata('{p}')", "parquet_bloom_probe('{p}', 'v', 1)", "parquet_full_metadata('{p}')", "sniff_csv('{f}')",
                   "glob('{g}/*')", "glob('/etc/*')", "read_text('/etc/passwd')", "read_text('/proc/self/environ')",
                   "read_text('/proc/self/cmdline')", "read_csv('/dev/stdin')", "read_csv('https://example.org/x')",
                   "read_parquet('s3://b/x')", "query('SELECT 1')", "query_table('t')", "query_table(['t', 'secret'])",
                   "json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", "sql_auto_complete('SEL')", "duckdb_tables()",
                   "duckdb_columns()", "duckdb_settings()", "duckdb_secrets()", "duckdb_functions()", "duckdb_views()", "duckdb_databases()",
                   "duckdb_extensions()", "duckdb_memory()", "duckdb_temporary_files()", "duckdb_logs()", "duckdb_variables()",
                   "duckdb_dependencies()", "duckdb_indexes()", "duckdb_keywords()", "duckdb_optimizers()", "duckdb_prepared_statements()",
                   "duckdb_schemas()", "duckdb_sequences()", "duckdb_types()", "duckdb_constraints()", "duckdb_log_contexts()",
                   "pragma_version()", "pragma_database_list()", "pragma_database_size()", "pragma_storage_info('t')",
                   "pragma_table_info('t')", "pragma_user_agent()", "pragma_metadata_info()", "pragma_show('t')", "pragma_platform()",
                   "pragma_collations()", "pragma_last_profiling_output()", "pragma_rowid()", "seq_scan('t')", "arrow_scan(1, 2, 3)",
                   "arrow_scan_dumb(1, 2, 3)", "pandas_scan(1)", "python_map_function()", "checkpoint()", "force_checkpoint()",
                   "summary((SELECT 1))", "repeat_row(1, num_rows = 10)", "test_all_types()", "test_vector_types(1)", "which_secret('x', 's3')",
                   "load_aws_credentials()", "enable_logging()", "disable_logging()", "truncate_duckdb_logs()", "hot_scan(0)", "hot_shadows(0)",
                   "kalam_scan(0)", "hot_scan(1)", "storage_info('t')", "icu_calendar_names()", "pg_timezone_names()", "unnest_rewrite('x')",
                   "sqlite_scan('{f}', 't')", "postgres_scan('x', 'y', 'z')", "st_read('{f}')", "read_xlsx('{f}')", "iceberg_scan('{f}')",
                   "delta_scan('{f}')", "sqlsmith()", "fuzzyduck()", "tpch_answers()", "dbgen(sf = 1)", "dsdgen(sf = 1)",
                   "http_get('http://example.org')", "from_substrait('x')", "from_substrait_json('x')"]
SCALARS = ["getenv('HOME')", "getenv('KALAMDB_JWT_SECRET')", "current_setting('temp_directory')", "current_setting('home_directory')",
           "current_database()", "current_schemas(true)", "current_query()", "getvariable('x')", "read_text('{f}')", "pg_read_file('{f}')",
           "pg_ls_dir('/')", "lo_import('{f}')", "version()", "pg_sleep(10)", "sleep(10)", "nextval('x')", "currval('x')", "txid_current()",
           "json_execute_serialized_sql('x')", "json_serialize_sql('SELECT 1')", "json_serialize_plan('SELECT 1')",
           "json_deserialize_sql('x')", "write_log('x')", "error('x')", "in_search_path('a', 'b')",
           "pg_typeof(1)", "current_connection_id()", "connection_id()", "create_sort_key(1, 'ASC')", "add_parquet_key('k', 'x')",
           "encrypt('a', 'b')", "set_config('a', 'b', false)", "shell('id')", "system('id')", "eval('1')", "load_extension('x')",
           "dblink('a', 'b')", "currval('s')", "random_uuid_from_file('{f}')", "pg_terminate_backend(1)", "pg_reload_conf()",
           "pg_get_viewdef(1)", "has_table_privilege('t', 'SELECT')", "set_bit('1'::BIT, 0, 1)", "stats(1)", "vector_type(1)",
           "aggregate_state", "finalize(1)", "combine(1, 2)", "export_state(1)", "ducktype(1)"]
TABLES = ["'{f}'", "\"{f}\"", "'{p}'", "\"{p}\"", "'{g}/*.parquet'", "'/etc/passwd'", "\"/etc/passwd\"", "pg_catalog.pg_tables", "pg_tables",
          "pg_class", "pg_catalog.pg_settings", "pg_namespace", "sqlite_master", "sqlite_temp_master", "duckdb_tables", "duckdb_settings",
          "main.t", "temp.t", "memory.main.t", "system.main.duckdb_tables", "temp.information_schema.tables", "information_schema.views",
          "information_schema.character_sets", "information_schema.schemata.x", "system.information_schema.tables", "system.pg_catalog.pg_class",
          "kalamdb.main.t", "hot_scan", "\"hot_scan(0)\"", "storage.secret", "\"t\"\"; DROP TABLE t\"", "'t'", "$1", "?", "\"..\".t", "secrets.x"]
STATEMENTS = ["COPY t TO '{o}'", "COPY (SELECT 1) TO '{o}'", "COPY t FROM '{f}'", "COPY (SELECT 1) TO '{o}' (FORMAT parquet)",
              "EXPORT DATABASE '{o}'", "IMPORT DATABASE '{o}'", "ATTACH '{o}' AS x", "ATTACH DATABASE '{o}' (TYPE sqlite)", "DETACH x",
              "INSTALL httpfs", "LOAD httpfs", "FORCE INSTALL httpfs", "LOAD '{o}'", "UPDATE EXTENSIONS", "PRAGMA database_list",
              "PRAGMA enable_profiling", "PRAGMA profiling_output = '{o}'", "PRAGMA show_tables", "SET memory_limit = '1TB'",
              "SET threads = 64", "SET GLOBAL enable_external_access = true", "SET VARIABLE x = 1", "RESET memory_limit", "SET lock_configuration = false",
              "SET temp_directory = '{o}'", "SET home_directory = '{o}'", "SET allowed_directories = ['/']", "SET search_path = 'main'",
              "CALL enable_logging()", "CALL pragma_version()", "CALL force_checkpoint()", "CHECKPOINT", "FORCE CHECKPOINT", "VACUUM", "ANALYZE",
              "CREATE MACRO m(a) AS a", "CREATE OR REPLACE MACRO m() AS TABLE SELECT 1", "CREATE TEMP MACRO m() AS 1", "CREATE FUNCTION f() AS 1",
              "CREATE SECRET s (TYPE s3)", "CREATE PERSISTENT SECRET s (TYPE s3)", "DROP SECRET s", "CREATE TYPE e AS ENUM ('a')",
              "CREATE SEQUENCE s", "CREATE SCHEMA s", "CREATE DATABASE d", "CREATE TEMP TABLE x AS SELECT 1", "CREATE TEMPORARY TABLE x (a INT)",
              "CREATE VIEW v AS SELECT 1", "CREATE TEMP VIEW v AS SELECT 1", "CREATE OR REPLACE TABLE x (a INT)", "PREPARE p AS SELECT 1",
              "EXECUTE p", "DEALLOCATE p", "USE main", "SHOW ALL TABLES", "SHOW DATABASES", "SHOW VARIABLES", "SHOW search_path", "SHOW ALL",
              "SUMMARIZE t", "SUMMARIZE SELECT 1", "DESCRIBE SELECT 1", "FROM '{f}'", "FROM '{f}' SELECT *", "PIVOT t ON id USING count(*)",
              "UNPIVOT t ON id INTO NAME a VALUE b", "VALUES (1) INTO OUTFILE '{o}'", "SELECT 1 INTO OUTFILE '{o}'", "SELECT * INTO x FROM t",
              "EXPLAIN COPY t TO '{o}'", "EXPLAIN ANALYZE COPY t TO '{o}'", "BEGIN; COPY t TO '{o}'", "LISTEN x", "NOTIFY x", "LOCK TABLE t",
              "DO $$ x $$", "\\copy t to '{o}'", ".output {o}", "SELECT 1; ATTACH '{o}'", "/*x*/ ATTACH '{o}'", "-- x\nINSTALL httpfs",
              "WITH x AS (COPY t TO '{o}') SELECT 1", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
              "WITH x AS (INSERT INTO t VALUES (5, 'x') RETURNING *) SELECT * FROM x", "COMMENT ON TABLE t IS 'x'", "MERGE INTO t USING t x ON true"]
# {x}: a table function or a table. Each wraps it in another corner of the grammar.
WRAPS = ["SELECT * FROM {x}", "SELECT count(*) FROM {x} AS a", "SELECT * FROM t JOIN {x} ON true", "SELECT * FROM t, LATERAL (SELECT * FROM {x}) AS l",
         "WITH a AS (SELECT * FROM {x}) SELECT * FROM a", "SELECT (SELECT count(*) FROM {x})", "SELECT 1 WHERE EXISTS (SELECT 1 FROM {x})",
         "SELECT id FROM t UNION ALL SELECT 1 FROM {x}", "INSERT INTO t SELECT 9, 'x' FROM {x}", "DELETE FROM t WHERE id IN (SELECT 1 FROM {x})"]
SCALAR_WRAPS = ["SELECT {x}", "SELECT id FROM t WHERE {x} IS NOT NULL", "SELECT max({x}) FROM t GROUP BY v", "UPDATE t SET v = ({x})::TEXT WHERE false",
                "SELECT CASE WHEN true THEN {x} END", "SELECT * FROM t ORDER BY {x}", "SELECT sum(1) OVER (PARTITION BY {x}) FROM t"]


@pytest.fixture(scope="module")
def place(server, tmp_path_factory):
    """Two users with rows, hot and cold; a file with a secret; a folder where nothing may appear."""
    folder = tmp_path_factory.mktemp("escape")
    (folder / "secret.csv").write_text("a,b\n" + SECRET + ",2\n")
    (folder / "out").mkdir()
    root = server.client()
    root.batch("CREATE NAMESPACE esc; CREATE USER TABLE esc.t (id BIGINT PRIMARY KEY, v TEXT)")
    server.client("bob").sql(f"INSERT INTO esc.t VALUES (1, '{SECRET}')")
    server.client("ann").sql("INSERT INTO esc.t VALUES (1, 'of ann')")
    server.flush("esc.t", root)
    parquet = next(p for p in server.parquet_files() if "/bob/" in p)
    root.sql("CREATE USER ann WITH PASSWORD 'sehr geheim 7' ROLE user")
    client = server.client("ann", namespace="esc")
    words = {"f": str(folder / "secret.csv"), "p": parquet, "g": str(folder), "o": str(folder / "out" / "x")}
    yield client, words, folder
    assert list((folder / "out").iterdir()) == [] and not list(folder.glob("*.db"))
    assert client.rows("SELECT id, v FROM t") == [["1", "of ann"]]
    assert server.client("bob").rows("SELECT v FROM esc.t GROUP BY v") == [[SECRET]]


def refuse(client, sql, codes=REFUSED):
    status, body = client.post(sql)
    assert status in (400, 403) and body["error"]["code"] in codes, (sql, body)
    text = str(body)
    assert SECRET not in text and "root:x:" not in text and body["error"]["message"], (sql, body)


def alive(client):
    assert client.rows("SELECT v, count(*) FROM t GROUP BY v") == [["of ann", "1"]]


@pytest.mark.parametrize("wrap", WRAPS)
def test_table_functions(place, wrap):
    client, words, _ = place
    for function in TABLE_FUNCTIONS:
        refuse(client, wrap.format(x=function.format(**words)))
    alive(client)


@pytest.mark.parametrize("wrap", SCALAR_WRAPS)
def test_functions(place, wrap):
    client, words, _ = place
    for function in SCALARS:
        refuse(client, wrap.format(x=function.format(**words)), REFUSED | {"CONSTRAINT_VIOLATION"})
    alive(client)


@pytest.mark.parametrize("wrap", WRAPS)
def test_names_of_tables(place, wrap):
    client, words, _ = place
    for table in TABLES:
        refuse(client, wrap.format(x=table.format(**words)))
    alive(client)


def test_statements(place):
    client, words, _ = place
    root = kalam.Client(client.port, namespace="esc")
    for statement, caller in itertools.product(STATEMENTS, (client, root)):
        refuse(caller, statement.format(**words), REFUSED | {"BATCH_PARSE_ERROR"})
    alive(client)


def test_other_users_rows(place):
    """By every form of name; ann is of role user."""
    client, _, _ = place
    for name in ("esc.bob.t", "kalamdb.esc.bob.t", "\"esc\".\"bob\".\"t\"", "esc.\"bob\".t", "esc.Bob.t", "bob.t", "esc.root.t"):
        for wrap in WRAPS:
            refuse(client, wrap.format(x=name))
    for sql in ("EXECUTE AS USER bob (SELECT v FROM esc.t)", "EXECUTE AS USER 'bob' (SELECT v FROM t)", "SHOW TABLE STATS t FOR USER 'bob'",
                "SELECT * FROM system.segments", "SELECT * FROM system.logs", "SELECT * FROM system.settings", "SELECT * FROM system.metrics",
                "SELECT * FROM t WHERE (SELECT v FROM esc.bob.t LIMIT 1) IS NOT NULL", "UPDATE esc.bob.t SET v = 'x'",
                "INSERT INTO esc.bob.t VALUES (7, 'x')", "DELETE FROM esc.bob.t", "BEGIN; INSERT INTO esc.bob.t VALUES (8, 'x'); COMMIT",
                "SUBSCRIBE TO esc.bob.t", "EXPLAIN SELECT * FROM esc.bob.t", "EXPLAIN ANALYZE SELECT v FROM esc.bob.t GROUP BY v"):
        refuse(client, sql, REFUSED | {"USER_NOT_FOUND"})
    alive(client)


def test_texts_stay_texts(place):
    """Injection through parameters, namespace and quoted names."""
    client, words, _ = place
    nasty = ["'; DROP TABLE t; --", "') FROM read_text('" + words["f"] + "') --", "$$", "\\'; SELECT", "\u2019; SELECT 1", "%27", "x' OR '1'='1"]
    for text in nasty:
        assert client.rows("SELECT $1 AS a FROM t GROUP BY ALL", [text]) == [[text]]
        assert client.rows("SELECT id FROM t WHERE v = $1", [text]) == []
        assert client.rows("SELECT count(*) FROM t WHERE v = $1 OR v LIKE $1 GROUP BY id", [text]) == []
        status, body = client.post("SELECT * FROM t", namespace=text)
        assert status == 400 and body["error"]["code"] in REFUSED | {"INVALID_INPUT"}, (text, body)
        quoted = text.replace('"', '""')
        assert client.sql(f'SELECT v AS "{quoted[:60]}" FROM t GROUP BY ALL').names == [quoted[:60]]
    assert client.sql("SELECT v AS \"a\"\"; ATTACH 'x\" FROM t GROUP BY v").names == ["a\"; ATTACH 'x"]
    alive(client)
