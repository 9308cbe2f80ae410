"""Several statements in one request, parameters, and what the plan cache tells (docs/protocol.md)."""
import kalam
import pytest

LONG = 512 * 1024


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config="[query]\nreport_cache = true\n") as running:
        yield running
        running.stop()


@pytest.fixture
def t(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v INT, s TEXT, made TIMESTAMP, d DATE, u UUID, "
           "x DECIMAL(6,2), b BYTES, j JSON, f BOOLEAN, r DOUBLE)")
    db.sql("CREATE USER TABLE own (id BIGINT PRIMARY KEY)")
    return "t"


def error(db, sql, params=None):
    status, body = db.post(sql, params)
    assert status == 400 and body["status"] == "error", body
    return body["error"]["code"], body["error"]["message"], body["error"].get("statement_index"), body["results"]


# ---- splitting ---------------------------------------------------------------------------------

@pytest.mark.parametrize("sql, first", [
    ("SELECT 'a;b'; SELECT 2", "a;b"),
    ("SELECT 'it''s;'; SELECT 2", "it's;"),
    (r"SELECT E'a\';b'; SELECT 2", "a';b"),
    (r"SELECT 'a\'; SELECT 2", "a\\"),
    ("SELECT $$a;b$$; SELECT 2", "a;b"),
    ("SELECT $t$ ; $$ ; $t$; SELECT 2", " ; $$ ; "),
    ("SELECT $t$ $T$ $tt$ ; $t$;SELECT 2", " $T$ $tt$ ; "),
    ("SELECT 'x' /* ; /* ; */ ; */; SELECT 2", "x"),
    ("SELECT 'x' -- ; '\n; SELECT 2 -- ;", "x"),
    ("SELECT 'x' /* ' */; SELECT 2 /* \" $$ */", "x"),
    ('SELECT \'x\' AS "a;b"; SELECT 2', "x"),
    ("SELECT 'x' AS `a;b`; SELECT 2", "x"),
    (";; ; SELECT '/*';;\n--\n; SELECT 2; ;", "/*"),
    ("SELECT '--'\n;SELECT 2", "--"),
    ("SELECT '$$'; SELECT 2 AS \"$$\"", "$$"),
    ("SELECT X'3B' || X'00'; SELECT 2", [59, 0]),
])
def test_semicolons_that_do_not_split(db, sql, first):
    """Trap 5."""
    results = db.batch(sql)
    assert [r.rows for r in results] == [[[first]], [[2]]]


def test_one_statement_may_hold_them_all(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, s TEXT)")
    results = db.batch("INSERT INTO t VALUES (1, ';'), (2, $$;$$) /* ; */ -- ;\n; INSERT INTO t VALUES (3, E'\\';');"
                       "SELECT s FROM t WHERE s <> ';;'")
    assert [r.message for r in results] == ["Inserted 2 row(s)", "Inserted 1 row(s)", None]
    assert results[2].rows == [[";"], [";"], ["';"]]


@pytest.mark.parametrize("tail, what", [
    ("SELECT 'open", "quoted string"), ("SELECT 'open''", "quoted string"), (r"SELECT E'open\'", "quoted string"),
    ('SELECT "open', "quoted identifier"), ("SELECT `open", "quoted identifier"), ("SELECT 1 /* open", "comment"),
    ("SELECT 1 /* /* */", "comment"), ("SELECT 1 -- one\r + 1", "line feed"), ("DELETE FROM t -- a\r WHERE id = 9\n", "line feed"),
    ("SELECT $$open$", "dollar-quoted"), ("SELECT $a$ open $b$", "dollar-quoted"),
    ("SELECT $a$ open $A$", "dollar-quoted"), ("SELECT X'3B", "quoted string")])
def test_what_cannot_be_split_runs_nothing(db, t, tail, what):
    code, message, index, results = error(db, f"INSERT INTO t (id) VALUES (1); {tail}; SELECT 2")
    assert code == "BATCH_PARSE_ERROR" and what in message and index is None and results == []
    assert db.value("SELECT count(*) FROM t") == "0"


@pytest.mark.parametrize("sql", ["", " ", ";", " ; ;\n;", "-- nothing", "/* ; */", "/* a */ ; -- b"])
def test_nothing_to_execute(db, sql):
    assert error(db, sql) == ("EMPTY_SQL", "no SQL statement", None, [])


def test_a_failure_stops_the_rest_and_names_its_place(db, t):
    code, message, index, results = error(
        db, ";SELECT 1;; INSERT INTO t (id) VALUES (1); INSERT INTO t (id) VALUES (2), (1); INSERT INTO t (id) VALUES (3)")
    assert (code, index, len(results)) == ("CONSTRAINT_VIOLATION", 3, 2)
    assert message.startswith("Statement 3 failed: duplicate key value violates primary key unique constraint")
    assert db.rows("SELECT id FROM t") == [["1"]]
    # What does not parse fails at its turn, not before.
    code, message, index, results = error(db, "INSERT INTO t (id) VALUES (4); SELEC 5; INSERT INTO t (id) VALUES (6)")
    assert (code, index, len(results)) == ("INVALID_SQL", 2, 1) and "line 1, column 1" in message
    assert db.rows("SELECT id FROM t") == [["1"], ["4"]]
    code, message, index, _ = error(db, "SELECT 1;\nSELECT id\n  FROM t WHERE (")
    assert (code, index) == ("INVALID_SQL", 2) and "line 2" in message


def test_thousand_statements(db, t):
    results = db.batch(";".join(f"INSERT INTO t (id, v) VALUES ({i}, {i % 7})" for i in range(1000)) +
                       "; SELECT count(*), sum(v) FROM t")
    assert len(results) == 1001 and results[-1].rows == [["1000", str(sum(i % 7 for i in range(1000)))]]


# ---- parameters --------------------------------------------------------------------------------

POINT = "SELECT id FROM t WHERE id = {0}"
DUCKDB = "WITH w AS (SELECT * FROM t) SELECT id FROM w WHERE id = {0}"
UNION = "SELECT id FROM t WHERE id = {0} UNION SELECT 7"


@pytest.mark.parametrize("form", [POINT, DUCKDB, UNION, "UPDATE t SET v = 1 WHERE id = {0}", "DELETE FROM t WHERE id = {0}",
                                  "INSERT INTO t (id) VALUES ({0})", "INSERT INTO t (id) SELECT {0}::BIGINT",
                                  "UPDATE t SET v = (SELECT max(v) FROM t) WHERE id = {0}",
                                  "DELETE FROM t WHERE id IN (SELECT id FROM t WHERE id = {0})",
                                  "EXPLAIN SELECT id FROM t WHERE id = {0}",
                                  "EXECUTE AS USER root (SELECT id FROM own WHERE id = {0})"])
def test_their_number_and_their_names(db, t, form):
    for sql, params, text in [(form.format("$1"), [], "parameter mismatch: expected 1, got 0"),
                              (form.format("$1"), None, "parameter mismatch: expected 1, got 0"),
                              (form.format("$1"), [1, 2], "parameter mismatch: expected 1, got 2"),
                              (form.format("7"), [1], "parameter mismatch: expected 0, got 1"),
                              (form.format("$2"), [1, 2], "parameter $2 is used but $1 is not"),
                              (form.format("$0"), [1], "there is no parameter $0"),
                              (form.format("$99999999999"), [1], "there is no parameter $99999999999"),
                              (form.format("$1 + $3"), [1, 2, 3], "parameter $3 is used but $2 is not")]:
        code, message, index, _ = error(db, sql, params)
        assert (code, index) == ("INVALID_PARAMETER", 1) and text in message, (sql, params, message)
    assert db.batch(form.format("$1 + $2 + $1 - $1"), [1, 2])
    assert db.batch(form.format("$1"), ["5"])  # a text becomes what the column is


def test_every_type_is_converted(db, t):
    db.sql("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
           ["9223372036854775807", "7", "text", "2026-01-02T03:04:05.000006Z", "2026-01-02",
            "00000000-0000-0000-0000-00000000000A", "12.5", "\\x00ff", '{"a": [1]}', "true", "0.25"])
    row = db.rows("SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t")[0]
    assert row == ["9223372036854775807", 7, "text", 1767323045000006, 20455, "00000000-0000-0000-0000-00000000000a",
                   "12.50", [0, 255], '{"a": [1]}', True, 0.25]
    for column, value in [("id", 9223372036854775807), ("v", 7), ("v", "7"), ("made", "2026-01-02 03:04:05.000006"),
                          ("d", "2026-01-02"), ("u", "00000000-0000-0000-0000-00000000000a"), ("x", 12.5), ("x", "12.50"),
                          ("b", "\\x00ff"), ("f", True), ("f", "t"), ("r", 0.25), ("s", "text")]:
        assert db.rows(f"SELECT v FROM t WHERE {column} = $1", [value]) == [[7]], (column, value)
        assert db.rows(f"SELECT count(*) OVER () FROM t WHERE {column} = $1", [value]) == [["1"]], (column, value)
    assert db.rows("SELECT v FROM t WHERE v = $1", [None]) == []
    assert db.rows("SELECT $1, $2, $1", [None, False]) == [[None, False, None]]


@pytest.mark.parametrize("column, value, code", [
    ("v", "x", "TYPE_MISMATCH"), ("v", 3_000_000_000, "CONSTRAINT_VIOLATION"), ("made", "nonsense", "TYPE_MISMATCH"),
    ("d", "2026-13-01", "CONSTRAINT_VIOLATION"), ("u", "no", "TYPE_MISMATCH"), ("x", "12345.6", "CONSTRAINT_VIOLATION"),
    ("b", "\\xzz", "TYPE_MISMATCH"), ("j", "{", None), ("f", "maybe", "TYPE_MISMATCH"), ("made", True, "TYPE_MISMATCH")])
def test_wrong_ones_are_named(db, t, column, value, code):
    got, message, index, _ = error(db, f"INSERT INTO t (id, {column}) VALUES ($1, $2)", [1, value])
    assert got == code or code is None and got in ("TYPE_MISMATCH", "CONSTRAINT_VIOLATION")
    assert "parameter $2" in message and f'column "{column}"' in message and index == 1
    db.sql("INSERT INTO t (id) VALUES (1)")
    got, message, _, _ = error(db, f"UPDATE t SET {column} = $1 WHERE id = $2", [value, 1])
    assert "parameter $1" in message and f'column "{column}"' in message
    if column in ("j", "x") or not isinstance(value, str):  # 12345.6 may be compared
        return
    for sql in (f"SELECT id FROM t WHERE {column} = $1", f"SELECT count(*) OVER () FROM t WHERE {column} = $1",
                f"UPDATE t SET s = '' WHERE {column} IN ($1)", f"DELETE FROM t WHERE {column} > $1"):
        _, message, _, _ = error(db, sql, [value])
        assert f'parameter $1 (column "{column}"): ' in message, (sql, message)


def test_limits(db, t):
    fifty = ", ".join(f"${i}" for i in range(1, 51))
    assert db.rows(f"SELECT {fifty}", list(range(50))) == [[str(i) for i in range(50)]]
    code, message, _, _ = error(db, f"SELECT {fifty}, $51", list(range(51)))
    assert code == "INVALID_PARAMETER" and "51, at most 50" in message
    assert db.value("SELECT length($1)", ["x" * LONG]) == LONG
    code, message, _, _ = error(db, "SELECT length($1)", ["x" * (LONG + 1)])
    assert code == "INVALID_PARAMETER" and "$1" in message and str(LONG) in message
    for value, what in (([1], "array"), ({"a": 1}, "object")):
        code, message, _, _ = error(db, "INSERT INTO t (id, v) VALUES ($1, $2)", [1, value])
        assert code == "INVALID_PARAMETER" and "$2" in message and what in message
    for params in ("x", {"a": 1}, 5):
        assert error(db, "SELECT $1", params)[0] in ("INVALID_INPUT", "INVALID_PARAMETER")


def test_not_with_a_batch_and_not_everywhere(db, t):
    code, _, index, results = error(db, "INSERT INTO t (id) VALUES (1); SELECT $1", [1])
    assert (code, index, results) == ("PARAMS_WITH_BATCH", None, [])
    assert error(db, "BEGIN; INSERT INTO t (id) VALUES ($1); COMMIT", [1])[0] == "PARAMS_WITH_BATCH"
    assert db.value("SELECT count(*) FROM t") == "0"
    assert db.batch("SELECT 1; SELECT 2", [])  # none are none
    assert db.rows(" ; SELECT $1 ; ; ", ["x"]) == [["x"]]
    for sql in ("CREATE NAMESPACE n", "DROP TABLE t", "SHOW TABLES", "BEGIN", "USE default"):
        code, message, _, _ = error(db, sql, [1])
        assert code == "INVALID_PARAMETER" and "does not take parameters" in message
    assert error(db, "SELECT * FROM $1", ["t"])[0] == "INVALID_SQL"
    assert db.rows("SELECT $1 FROM (VALUES (1)) v", ["id"]) == [["id"]]  # a value, never a name
    code, message, _, _ = error(db, "SELECT ?", [1])
    assert code == "INVALID_SQL" and "use $1" in message


# ---- plan cache --------------------------------------------------------------------------------

def hits(db, sql, params=None):
    return [r.raw["cache_hit"] for r in db.batch(sql, params)]


def test_cache_hit(db, t):
    db.sql("INSERT INTO t (id, v) VALUES (1, 10), (2, 20)")
    for form in ("SELECT v FROM t WHERE id = {0}", "UPDATE t SET v = v WHERE id = {0}", "DELETE FROM t WHERE id = {0} + 100",
                 "SELECT v, {0} AS literal FROM t ORDER BY v"):
        assert hits(db, form.format(1)) == [False], form
        assert hits(db, form.format(2)) == [True], form
        assert hits(db, form.format(3).replace(" ", "  ").lower()) == [True], form
    for value in (1, "1", 1.5):  # a plan is made for the types of its parameters
        assert [hits(db, "SELECT v FROM t WHERE id = $1", [value]) for _ in range(2)] == [[False], [True]]
    assert db.rows("SELECT v FROM t WHERE id = 1") == [[10]] and db.rows("SELECT v FROM t WHERE id = 2") == [[20]]
    duckdb = "SELECT v, count(*) OVER () FROM t WHERE id = $1"
    assert hits(db, duckdb, [1]) == [False] and hits(db, duckdb, [2]) == [True]
    assert hits(db, "BEGIN; SELECT v FROM t WHERE id = 5; COMMIT") == [False, True, False]


def test_ddl_makes_plans_anew(db, space):
    def columns():
        result = db.sql("SELECT * FROM u WHERE id = 1")
        return result.names[:-3], result.raw["cache_hit"]
    db.sql("CREATE SHARED TABLE u (id BIGINT PRIMARY KEY, v INT)")
    assert columns() == (["id", "v"], False) and columns() == (["id", "v"], True)
    db.sql("CREATE SHARED TABLE other (id INT PRIMARY KEY)")
    assert columns() == (["id", "v"], True)  # not its table
    db.batch("DROP TABLE u; CREATE SHARED TABLE u (id BIGINT PRIMARY KEY, w TEXT)")
    assert columns() == (["id", "w"], False) and columns() == (["id", "w"], True)
    db.sql("CLEAR CACHE")
    assert columns() == (["id", "w"], False)


def test_a_cached_plan_belongs_to_nobody(server, db, space):
    """Trap 3: every way to read and write a user table, by turns."""
    db.sql("CREATE USER TABLE mine (id INT PRIMARY KEY, v TEXT)")
    clients = {user: server.client(user, namespace=space) for user in ("u1", "u12", "root")}
    for user, client in clients.items():
        client.sql("INSERT INTO mine VALUES (1, $1)", [user])
    for round_number in range(2):
        for user, client in clients.items():
            for sql in ("SELECT v FROM mine WHERE id = 1", "SELECT v FROM mine", "SELECT v FROM mine WHERE v <> ''",
                        "SELECT max(v) FROM mine", "SELECT v FROM mine WHERE id IN (SELECT id FROM mine)",
                        f"SELECT v FROM {space}.user.mine", "SELECT CURRENT_USER()",
                        "UPDATE mine SET v = v WHERE id = 1 RETURNING v",
                        "UPDATE mine SET v = (SELECT max(v) FROM mine) RETURNING v",
                        "INSERT INTO mine VALUES (1, '?') ON CONFLICT (id) DO UPDATE SET v = mine.v RETURNING v"):
                result = client.sql(sql)
                assert result.rows == [[user]], (user, sql)
                if round_number > 0:
                    assert result.raw["cache_hit"], sql
            results = client.batch("BEGIN; UPDATE mine SET v = v WHERE id = 1; SELECT v FROM mine; COMMIT")
            assert results[2].rows == [[user]]
    for client in clients.values():
        client.close()
