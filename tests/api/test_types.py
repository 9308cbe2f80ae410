"""Every type through insert, hot, flush, query; NULL included; bad values refused with the column named."""
import kalam
import pytest

TYPES = [  # type, literal, expected on the wire
    ("BOOLEAN", "true", True), ("SMALLINT", "-32768", -32768), ("INT", "2147483647", 2147483647),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808"), ("BIGINT", "9007199254740993", "9007199254740993"),
    ("FLOAT", "1.5", 1.5), ("DOUBLE", "0.1", 0.1), ("DOUBLE", "1e300", 1e300),
    ("DECIMAL(10,2)", "12.5", "12.50"), ("DECIMAL(38,10)", "-1234567890123456789012345678.0123456789",
                                        "-1234567890123456789012345678.0123456789"),
    ("DECIMAL(4,1)", "'9.25'", "9.3"), ("TEXT", "'it''s ünïcode 🚀'", "it's ünïcode 🚀"), ("TEXT", "''", ""),
    ("VARCHAR(3)", "'äöü'", "äöü"), ("UUID", "'F47AC10B-58CC-4372-A567-0E02B2C3D479'",
                                     "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("JSON", "'{\"b\": [1, null],  \"a\":1}'", "{\"b\": [1, null],  \"a\":1}"),
    ("BYTES", "'0x00ff'", [0, 255]), ("BYTES", "X'0aff'", [10, 255]), ("BYTES", "'aGk='", [104, 105]),
    ("DATE", "'1969-12-31'", -1), ("TIME", "'23:59:59.000001'", 86399000001),
    ("TIMESTAMP", "'2026-02-03 04:05:06.789+02:00'", 1770084306789000), ("TIMESTAMP", "1000001", 1000001),
]
BAD = [("SMALLINT", "32768"), ("INT", "'x'"), ("BIGINT", "9223372036854775808"), ("VARCHAR(3)", "'abcd'"),
       ("UUID", "'not-a-uuid'"), ("JSON", "'{'"), ("BYTES", "'0x0'"), ("DATE", "'2026-02-30'"),
       ("TIME", "'25:00:00'"), ("TIMESTAMP", "'yesterday-ish'"), ("DECIMAL(3,1)", "100"), ("BOOLEAN", "'maybe'"),
       ("DOUBLE", "'NaN'"), ("DOUBLE", "'Infinity'")]


def test_every_type_in_every_tier(server, db, space):
    columns = ", ".join(f"c{i} {t}" for i, (t, _, _) in enumerate(TYPES))
    db.sql(f"CREATE USER TABLE t (id INT PRIMARY KEY, {columns})")
    db.sql("INSERT INTO t VALUES (1, " + ", ".join(v for _, v, _ in TYPES) + ")")
    db.sql("INSERT INTO t (id) VALUES (2)")
    full, empty = [1] + [e for _, _, e in TYPES], [2] + [None] * len(TYPES)
    names = ", ".join(["id"] + [f"c{i}" for i in range(len(TYPES))])
    for state in ("hot", "cold"):
        for sql in (f"SELECT {names} FROM t ORDER BY id", f"SELECT {names} FROM (SELECT * FROM t) x ORDER BY id"):
            assert db.rows(sql) == [full, empty], (state, sql)
        server.flush(f"{space}.t", db)


@pytest.mark.parametrize("kind,literal", BAD)
def test_bad_values_name_the_column(db, space, kind, literal):
    db.sql(f"CREATE SHARED TABLE t (id INT PRIMARY KEY, bad {kind})")
    status, body = db.post(f"INSERT INTO t VALUES (1, NULL), (2, {literal})")
    assert status == 400 and body["error"]["code"] in ("TYPE_MISMATCH", "CONSTRAINT_VIOLATION"), body
    assert '"bad"' in body["error"]["message"], body
    assert db.rows("SELECT * FROM t") == []


def test_not_null(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, x TEXT NOT NULL)")
    for sql in ("INSERT INTO t (id) VALUES (1)", "INSERT INTO t VALUES (1, 'a'), (2, NULL)"):
        status, body = db.post(sql)
        assert body["error"]["code"] == "CONSTRAINT_VIOLATION"
        assert 'null value in column "x" violates not-null constraint' in body["error"]["message"]
    db.sql("INSERT INTO t VALUES (1, 'a')")
    assert db.post("UPDATE t SET x = NULL")[1]["error"]["code"] == "CONSTRAINT_VIOLATION"
    assert db.rows("SELECT id, x FROM t") == [[1, "a"]]


@pytest.mark.parametrize("kind,low,high", [
    ("BIGINT", "-9223372036854775808", "9223372036854775807"), ("SMALLINT", "-3", "3"), ("INT", "-100", "5"),
    ("TEXT", "'a'", "'ab'"), ("TEXT", "'user1:'", "'user1:x'"), ("DATE", "'1960-01-01'", "'2026-01-01'"),
    ("TIMESTAMP", "'1960-01-01T00:00:00Z'", "'2026-01-01T00:00:00Z'"), ("BOOLEAN", "false", "true"),
    ("UUID", "'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'")])
def test_key_order(server, db, space, kind, low, high):
    db.sql(f"CREATE SHARED TABLE t (k {kind} PRIMARY KEY, n INT)")
    db.sql(f"INSERT INTO t VALUES ({high}, 2), ({low}, 1)")
    for _ in range(2):
        assert db.rows("SELECT n FROM t ORDER BY k") == [[1], [2]]
        assert db.rows("SELECT n FROM t ORDER BY k DESC LIMIT 1") == [[2]]
        assert db.rows(f"SELECT n FROM t WHERE k = {low}") == [[1]]
        assert db.rows(f"SELECT n FROM t WHERE k > {low}") == [[2]]
        server.flush(f"{space}.t", db)


def test_big_integers_survive_filters(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v BIGINT)")
    db.sql("INSERT INTO t VALUES (9007199254740992, 9007199254740992), (9007199254740993, 9007199254740993)")
    assert db.rows("SELECT id FROM t WHERE v = 9007199254740993") == [["9007199254740993"]]
    assert db.rows("SELECT id FROM t WHERE v = $1", ["9007199254740993"]) == [["9007199254740993"]]
    assert db.rows("SELECT max(v) FROM t GROUP BY v % 2 ORDER BY 1") == [["9007199254740992"], ["9007199254740993"]]


def test_what_only_duckdb_can_count_is_not_stored(server, db, space):
    """Years beyond 9999 and JSON that is none, out of a SELECT that DuckDB runs; a stored one stopped the server when it was used."""
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, d DATE, ts TIMESTAMP, j JSON)")
    db.sql("CREATE SHARED TABLE m (d DATE PRIMARY KEY)")
    db.sql("INSERT INTO t VALUES (1, '9999-12-31', '9999-12-31 23:59:59.999999', '[1]')")
    for sql in ("INSERT INTO t (id, d) SELECT 2, make_date(10000, 1, 1)", "INSERT INTO m SELECT make_date(-1, 1, 1)",
                "INSERT INTO t (id, ts) SELECT 2, make_timestamp(253402300800000000)",
                "INSERT INTO m SELECT max(d) + 1 FROM t", "UPDATE t SET d = (SELECT make_date(5000000, 1, 1)) WHERE id = 1",
                "UPDATE t SET d = q.d + 1 FROM t q WHERE q.id = t.id", "SELECT max(d) + 1 FROM t", "SELECT make_date(10000, 1, 1)"):
        assert db.post(sql)[1]["error"]["code"] == "SQL_EXECUTION_ERROR", sql
    for text in ("NaN", "[Infinity]", "[1,]"):
        code = db.post(f"INSERT INTO t (id, j) VALUES (2, '{text}')")[1]["error"]["code"]
        for sql in (f"INSERT INTO t (id, j) SELECT 2, max('{text}')::JSON FROM t",
                    f"UPDATE t SET j = (SELECT max('{text}')::JSON FROM t) WHERE id = 1"):
            assert db.post(sql)[1]["error"]["code"] == code, sql
    db.sql("INSERT INTO t (id, d, j) SELECT 2, make_date(9999, 12, 31), max('{\"a\": 1}')::JSON FROM t")
    assert db.rows("SELECT id, j->>'a', extract(year FROM date_trunc('month', d)) FROM t ORDER BY id") == \
        [[1, None, "9999"], [2, "1", "9999"]]
    assert db.rows("SELECT * FROM m") == []


def test_max_of_texts_that_grow():
    """Every row is the best one so far: only one is kept."""
    with kalam.Server(config='[query]\nmemory_limit = "16MiB"\n') as server:
        db = server.client()
        db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id INT PRIMARY KEY, v TEXT)")
        texts = [chr(ord("A") + i) + "x" * 500_000 for i in range(40)]
        for i, text in enumerate(texts):
            db.sql("INSERT INTO f.t VALUES ($1, $2)", [i, text])
        assert db.rows("SELECT max(v), min(v) FROM f.t") == [[texts[-1], texts[0]]]
        server.stop()
