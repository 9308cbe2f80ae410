"""Full SELECT through DuckDB, hot, cold and mixed: same answers in every state."""
import re

import pytest

QUERIES = [
    ("SELECT grp, count(*), sum(n) FROM a GROUP BY grp ORDER BY grp", None),
    ("SELECT a.id, b.label FROM a JOIN b ON a.grp = b.grp WHERE a.n > 90 ORDER BY a.id", None),
    ("SELECT b.label, count(a.id) FROM b LEFT JOIN a ON a.grp = b.grp GROUP BY b.label ORDER BY 1", None),
    ("WITH top AS (SELECT * FROM a ORDER BY n DESC, id LIMIT 5) SELECT id FROM top ORDER BY id", None),
    ("WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT sum(x) FROM r", [["15"]]),
    ("SELECT id, row_number() OVER (PARTITION BY grp ORDER BY n, id) FROM a WHERE id < 6 ORDER BY id", None),
    ("SELECT DISTINCT grp FROM a ORDER BY grp", None),
    ("SELECT grp FROM a UNION SELECT grp FROM b ORDER BY 1", None),
    ("SELECT id FROM a WHERE n = (SELECT max(n) FROM a) ORDER BY id", None),
    ("SELECT id FROM a WHERE grp IN (SELECT grp FROM b WHERE label LIKE 'l%') ORDER BY id LIMIT 7", None),
    ("SELECT grp, avg(n)::DOUBLE FROM a GROUP BY GROUPING SETS ((grp), ()) ORDER BY grp NULLS LAST", None),
    ("SELECT count(*) FROM a WHERE _updated IS NOT NULL AND _seq > 0", None),
    ("SELECT 1/2, 7 % 3, -7 / 2", [[0, 1, -3]]),
    ("SELECT a.id, x.id FROM a JOIN a x ON x.id = a.id + 1 WHERE a.id < 4 ORDER BY 1", None),
    ("SELECT string_agg(name, ',' ORDER BY id) FROM a WHERE id <= 3", [["name1,name2,name3"]]),
    ("SELECT id, doc->>'k' FROM a WHERE doc->>'k' = '7' ORDER BY id", None),
]


@pytest.fixture
def data(db, space):
    db.batch("CREATE USER TABLE a (id BIGINT PRIMARY KEY, grp INT, n INT, name TEXT, doc JSON);"
             "CREATE SHARED TABLE b (grp INT PRIMARY KEY, label TEXT)")
    db.sql("INSERT INTO a VALUES " + ",".join(
        f"({i}, {i % 7}, {(i * 37) % 101}, 'name{i}', '{{\"k\": {i % 11}}}')" for i in range(1, 301)))
    db.sql("INSERT INTO b VALUES " + ",".join(f"({i}, 'label{i}')" for i in range(9)))
    return db


def answers(db):
    return [db.rows(sql) for sql, _ in QUERIES]


def test_same_answers_hot_cold_mixed(server, data, space):
    hot = answers(data)
    for (sql, expected), rows in zip(QUERIES, hot):
        assert rows, sql
        assert expected is None or rows == expected, sql
    server.flush(f"{space}.a", data)
    assert answers(data) == hot
    server.flush(f"{space}.b", data)
    assert answers(data) == hot
    data.sql("UPDATE a SET n = n + 0 WHERE id % 3 = 0")
    data.sql("INSERT INTO a VALUES (1000, 99, 1, 'extra', NULL)")
    data.sql("DELETE FROM a WHERE id = 1000")
    assert answers(data) == hot
    server.flush(f"{space}.a", data)
    assert answers(data) == hot


def test_division_by_zero_is_an_error_everywhere(data):
    for sql in ("SELECT n / 0 FROM a WHERE id = 1", "SELECT n % 0 FROM a", "SELECT count(*), max(n) / 0 FROM a GROUP BY grp",
                "UPDATE a SET n = n / 0 WHERE id = 1"):
        status, body = data.post(sql)
        assert status == 400 and body["error"]["code"] == "SQL_EXECUTION_ERROR", (sql, body)
        assert "division by zero" in body["error"]["message"].lower()


def test_isolation_in_joins(server, data, space):
    other = server.client("lena", namespace=space)
    assert other.value("SELECT count(*) FROM a JOIN b USING (grp)") == "0"
    other.sql("INSERT INTO a (id, grp) VALUES (1, 1)")
    assert other.rows("SELECT a.id, label FROM a JOIN b USING (grp)") == [["1", "label1"]]
    assert other.value("SELECT count(*) FROM a") == "1"


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_parquet('x.parquet')",
    "SELECT * FROM 'x.parquet'", "SELECT * FROM glob('/*')", "COPY (SELECT 1) TO '/tmp/x'",
    "ATTACH '/tmp/x.db'", "INSTALL httpfs", "LOAD httpfs", "PRAGMA version", "SET threads = 4",
    "CALL duckdb_tables()", "SELECT * FROM duckdb_settings()", "SELECT * FROM pg_catalog.pg_class",
    "SELECT getenv('HOME')", "SELECT * FROM query('SELECT 1')", "SELECT current_setting('threads')",
    "WITH x AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM x",
    "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))", "CREATE MACRO m(x) AS x", "EXPORT DATABASE '/tmp/x'",
    "SELECT * FROM hot_scan(0)", "SELECT * FROM parquet_metadata('x')", "SELECT * FROM sqlite_master",
    "CHECKPOINT", "VACUUM", "SELECT json_execute_serialized_sql('x')"])
def test_no_way_out(db, space, sql):
    status, body = db.post(sql)
    assert status == 400, body
    assert body["error"]["code"] in ("NOT_SUPPORTED", "INVALID_SQL", "TABLE_NOT_FOUND", "INVALID_OPERATION"), body
    assert "kalam-test-" not in body["error"]["message"]
    assert db.value("SELECT 1") == 1


def test_explain_names_the_path(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, v INT)")
    db.sql("INSERT INTO t VALUES (1, 1), (2, 2)")

    def explain(sql):
        return "\n".join(r[0] for r in db.rows("EXPLAIN " + sql)).lower()
    assert "point lookup" in explain("SELECT * FROM t WHERE id = 1")
    assert "key range" in explain("SELECT * FROM t WHERE id > 1")
    assert "user prefix" in explain("SELECT * FROM t WHERE v = 1")
    assert "duckdb" in explain("SELECT v, count(*) FROM t GROUP BY v")
    assert "hot only" in explain("SELECT * FROM t WHERE v = 1")
    server.flush(f"{space}.t", db)
    assert "cold" in explain("SELECT * FROM t WHERE v = 1")


def test_explain_analyze_tells_of_each_step(server, db, space):
    """Row groups, and rows and time per step, in both executors; nothing of the rows themselves, and the usual limits hold."""
    db.sql("CREATE SHARED TABLE steps (id BIGINT PRIMARY KEY, grp INT, name TEXT) FLUSH POLICY ROWS 999999")
    db.sql("INSERT INTO steps SELECT range, range % 10, 'name' || range FROM range(30000)")
    server.flush(f"{space}.steps", db)
    db.sql("INSERT INTO steps VALUES (50000, 1, 'hot')")

    def steps(sql, params=None):
        lines = [row[0] for row in db.rows("EXPLAIN ANALYZE " + sql, params)]
        found = [re.fullmatch(r"( *)Step ([a-z ]+): (\d+) row\(s\)(?: of (\d+))? in \d+\.\d{3} ms", line) for line in lines]
        actual = [re.fullmatch(r"Actual: (\d+) row\(s\) in \d+\.\d{3} ms", line) for line in lines]
        return ("\n".join(lines), [(m[2], int(m[3]), int(m[4] or m[3])) for m in found if m],
                [int(m[1]) for m in actual if m])

    text, found, actual = steps("SELECT id FROM steps WHERE id > 20000 AND grp = 4")
    assert "segments considered 1, pruned 0, row groups considered 4, pruned 2, hot rows 1, cold rows" in text
    assert found == [("output", 1000, 1000), ("filter", 1000, 1000), ("read", 10000, 10000)] and actual == [1000]
    text, found, actual = steps("SELECT id FROM steps WHERE id > 29000 AND grp = 3 ORDER BY name LIMIT 3")
    assert found == [("sort", 3, 3), ("filter", 100, 100), ("read", 1000, 1000)] and actual == [3]
    text, found, actual = steps("SELECT sum(grp) FROM steps WHERE id >= 29000")
    assert found == [("aggregate", 1, 1), ("read", 1001, 1001)] and actual == [1]
    text, found, actual = steps("SELECT id FROM steps WHERE id = 7")
    assert "row groups considered 4, pruned 3" in text and found[-1] == ("read", 1, 1)
    text, found, actual = steps("SELECT count(*) FROM steps")
    assert "Path: count by the records" in text and [step for step, _, _ in found] == ["aggregate"]
    assert steps("SELECT 1 + 1")[1] == [("output", 1, 1)]

    text, found, actual = steps("SELECT grp, count(*) FROM steps WHERE id > $1 GROUP BY grp ORDER BY 2", [100])
    assert actual == [10] and ("order by", 10, 10) == found[0], text
    assert any(step == "table scan" and 29_800 < rows <= scanned for step, rows, scanned in found), text
    text, found, actual = steps("SELECT a.id FROM steps a JOIN steps b ON a.id = b.grp WHERE b.id < 100")
    assert actual == [100] and any(step == "hash join" for step, _, _ in found), text
    assert "row groups considered 4, pruned 3" in text
    for sql in ("VALUES (1), (2)", "SELECT * FROM (VALUES (1), (2)) v (a)"):  # of these alone DuckDB makes no profile
        assert steps(sql)[1:] == ([("constants", 2, 2)], [2])
    for text in (steps("SELECT name, [grp] FROM steps WHERE name = 'name77'")[0], steps("WITH x AS (SELECT * FROM steps) SELECT * FROM x")[0]):
        assert "parquet'" not in text and "hot_scan" not in text and "/" not in text and "name77" not in text
    status, body = db.post("EXPLAIN ANALYZE SELECT 1 / (grp - grp) FROM steps GROUP BY grp")
    assert status == 400 and "division by zero" in body["error"]["message"], body
    assert [row for row in db.rows("EXPLAIN SELECT grp, count(*) FROM steps GROUP BY grp") if "Step" in row[0]] == []


def test_aggregates_over_files_read_directly(server, db, space):
    """Small results are made whole; whatever type they have, and whatever goes wrong."""
    db.sql("CREATE SHARED TABLE big (id BIGINT PRIMARY KEY, grp INT, n INT, name TEXT) FLUSH POLICY ROWS 999999")
    for start in range(0, 25_000, 5000):
        db.sql("INSERT INTO big VALUES " + ",".join(f"({i}, {i % 5}, {i}, 'name{i}')" for i in range(start, start + 5000)))
    server.flush(f"{space}.big", db)
    plan = "\n".join(row[0] for row in db.rows("EXPLAIN SELECT grp, sum(n) FROM big GROUP BY grp"))
    assert "columnar" in plan.lower(), plan
    assert db.rows("SELECT grp, count(*), sum(n), min(name), avg(n) FROM big GROUP BY grp HAVING min(n) < 2 ORDER BY grp") == [
        [0, "5000", "62487500", "name0", 12497.5], [1, "5000", "62492500", "name1", 12498.5]]
    assert db.rows("SELECT count(*), max(n) FROM big WHERE n % 2 = 1 AND grp <> 3") == [["10000", 24999]]
    assert db.rows("SELECT min([n, grp]), count(*) FROM big WHERE n > 100") == [["[101,1]", "24899"]]
    assert db.rows("SELECT max({'a': n}) FROM big WHERE n < 7 OR grp > 4") == [['{"a":6}']]
    assert len(db.rows("SELECT n, count(*) FROM big WHERE grp < 4 OR n = 4 GROUP BY n")) == 20_001
    assert db.rows("SELECT count(*), max(n) FROM big WHERE n + $1 = 25001", [2]) == [["1", 24999]]
    status, body = db.post("SELECT sum(n / (grp - 3)), count(DISTINCT name) FROM big")
    assert status == 400 and "division by zero" in body["error"]["message"].lower(), body
    status, body = db.post("SELECT max(name::INT) FROM big")
    assert status == 400 and "name" in body["error"]["message"], body
    db.sql("DELETE FROM big WHERE id >= 24000")
    assert db.rows("SELECT count(*), max(n), min(n) FROM big WHERE grp >= 0") == [["24000", 23999, 0]]


@pytest.mark.parametrize("sql", [
    "SELECT id FROM t WHERE ts = $1",
    "SELECT id FROM (SELECT * FROM t) s WHERE ts = $1",
    "SELECT id FROM t, (SELECT 1) one WHERE ts >= $1 AND ts <= $1",
    "SELECT id FROM t GROUP BY id HAVING max(ts) IN ($1)",
    "SELECT DISTINCT id FROM t WHERE ts = coalesce($1, ts)",
    "SELECT DISTINCT id FROM t WHERE ts = CAST($1 AS TIMESTAMP)",
    "SELECT id FROM t WHERE name = $1 AND ts = $1 GROUP BY id",
    "SELECT id FROM (SELECT id, lag(ts, 1, $1) OVER (ORDER BY id) AS before FROM t WHERE id = 1) s WHERE before = '2026-01-01 11:00'",
    "DELETE FROM t USING (SELECT 1) one WHERE ts = $1 RETURNING id"])
def test_a_parameter_with_an_offset_is_that_moment(db, space, sql):
    db.sql("CREATE TABLE t (id BIGINT PRIMARY KEY, ts TIMESTAMP, name TEXT)")
    db.sql("INSERT INTO t VALUES (1, '2026-01-01T11:00:00', '2026-01-01T13:00:00+02:00'), (2, '2026-01-01T13:00:00', 'x')")
    assert db.rows(sql, ["2026-01-01T13:00:00+02:00"]) == [["1"]]


def test_a_parameter_of_two_types_prunes_as_it_filters(server, db, space):
    db.sql("CREATE TABLE t (id BIGINT PRIMARY KEY, ts TIMESTAMP, d DATE)")
    db.sql("INSERT INTO t VALUES (1, '2026-01-01T01:00:00', '2026-01-02'), (2, '2026-01-01T03:00:00', '2026-01-02')")
    sql, params = "SELECT id, count(*) FROM t WHERE ts >= $1 AND d >= $1 GROUP BY id", ["2026-01-01T00:00:00-02:00"]
    hot = db.rows(sql, params)
    server.flush(f"{space}.t", db)
    assert hot == db.rows(sql, params) == [["2", "1"]]


def test_quotients_of_what_has_no_type(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, b BIGINT, r REAL)")
    db.sql("INSERT INTO t VALUES (1, 3000000001, 2.5), (2, 4000000003, 1)")
    for text in ("SELECT u / v FROM (SELECT 2 AS u, NULL AS v) q", "SELECT v / u FROM (SELECT avg(id) AS u, NULL AS v FROM t) q",
                 "SELECT u / v FROM (SELECT sum(b) AS u, NULL AS v FROM t) q", "SELECT x / 2 FROM (VALUES (NULL)) v(x)",
                 "WITH p AS (SELECT 1 AS a, NULL AS b) SELECT a / b FROM p"):
        assert db.rows(text) == [[None]]
    assert db.value("SELECT sum(b) / max(r) FROM t") == 2800000001.6
