"""The error catalogue: each code a statement can end with is provoked, with its HTTP status and the words that
clients look for; every other code has its test elsewhere."""
import pathlib
import re

import kalam
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = "x" * (1 << 20)

SETUP = """
CREATE NAMESPACE e;
CREATE SHARED TABLE e.t (id INT PRIMARY KEY, name VARCHAR(3) NOT NULL DEFAULT 'a', j JSON);
CREATE USER TABLE e.u (id INT PRIMARY KEY);
INSERT INTO e.t (id) VALUES (1)
"""

# code, HTTP, statement, words of the message[, parameters]
CASES = [
    ("EMPTY_SQL", 400, " ; -- nothing\n ;", "no SQL statement"),
    ("INVALID_PARAMETER", 400, "SELECT $1", "parameter mismatch: expected 1, got 0"),
    ("INVALID_PARAMETER", 400, "SELECT $1", "parameter mismatch: expected 1, got 2", [1, 2]),
    ("INVALID_PARAMETER", 400, "SELECT $1", "", [[1]]),
    ("PARAMS_WITH_BATCH", 400, "SELECT 1; SELECT $1", "", [1]),
    ("BATCH_PARSE_ERROR", 400, "SELECT 1; SELECT 'open", ""),
    ("INVALID_SQL", 400, "SELEC 1", 'syntax error at or near "SELEC" at line 1, column 1'),
    ("INVALID_SQL", 400, f"SELECT '{LONG}'", ""),
    ("NOT_SUPPORTED", 400, "CREATE INDEX i ON e.t (name)", "is not supported in this version"),
    ("NOT_SUPPORTED", 400, "TRUNCATE e.t", "(hint: "),
    ("TABLE_NOT_FOUND", 400, "SELECT * FROM e.nope", 'table not found: relation "e.nope" does not exist'),
    ("TABLE_NOT_FOUND", 400, "DROP TABLE e.nope", "not found"),
    ("COLUMN_NOT_FOUND", 400, "SELECT nope FROM e.t", 'column not found: column "nope" does not exist'),
    ("COLUMN_NOT_FOUND", 400, "SELECT count(DISTINCT nope) FROM e.t GROUP BY 1", 'column "nope" does not exist'),
    ("NAMESPACE_NOT_FOUND", 400, "CREATE SHARED TABLE nope.t (id INT PRIMARY KEY)",
     "Namespace not found: Namespace 'nope' does not exist. Create it first with CREATE NAMESPACE."),
    ("NAMESPACE_NOT_FOUND", 400, "DROP NAMESPACE nope", "not found"),
    ("STORAGE_NOT_FOUND", 400, "CREATE SHARED TABLE e.x (id INT PRIMARY KEY) STORAGE nope",
     "Storage not found: Storage 'nope' does not exist. Create it first with CREATE STORAGE."),
    ("USER_NOT_FOUND", 400, "DROP USER nope", "User with user_id 'nope' not found"),
    ("JOB_NOT_FOUND", 400, "KILL JOB 'nope'", "not found"),
    ("LIVE_QUERY_NOT_FOUND", 400, "KILL LIVE QUERY 'nope'", "not found"),
    ("ALREADY_EXISTS", 400, "CREATE SHARED TABLE e.t (id INT PRIMARY KEY)", 'relation "e.t" already exists'),
    ("ALREADY_EXISTS", 400, "CREATE NAMESPACE e", "already exists"),
    ("ALREADY_EXISTS", 400, "CREATE USER root WITH INTERNAL", "User with user_id 'root' already exists"),
    ("CONFLICT", 400, "DROP NAMESPACE e", "2 table(s): t, u"),
    ("CONSTRAINT_VIOLATION", 400, "INSERT INTO e.t (id) VALUES (1)",
     "duplicate key value violates primary key unique constraint: key (id)=(1) already exists"),
    ("CONSTRAINT_VIOLATION", 400, "INSERT INTO e.t (id, name) VALUES (2, NULL)",
     'null value in column "name" violates not-null constraint'),
    ("CONSTRAINT_VIOLATION", 400, "INSERT INTO e.t (id, name) VALUES (2, 'long')", 'column "name"'),
    ("CONSTRAINT_VIOLATION", 400, "INSERT INTO e.t (id) VALUES (3000000000)", 'column "id"'),
    ("CONSTRAINT_VIOLATION", 400, "INSERT INTO e.t (id, j) VALUES (2, '{')", 'column "j"'),
    ("INVALID_OPERATION", 400, "UPDATE e.t SET id = 2", "primary key"),
    ("INVALID_OPERATION", 400, "INSERT INTO e.t (id, _seq) VALUES (2, 1)", '"_seq"'),
    ("INVALID_OPERATION", 400, "CREATE USER TABLE e.x (id INT PRIMARY KEY) ACCESS PUBLIC",
     "option ACCESS is not valid for USER tables"),
    ("TYPE_MISMATCH", 400, "INSERT INTO e.t (id) VALUES ('many')", 'column "id"'),
    ("TYPE_MISMATCH", 400, "INSERT INTO e.t (id) VALUES ($1)", 'parameter $1 (column "id")', ["many"]),
    ("SQL_EXECUTION_ERROR", 400, "SELECT 1 / 0", "division by zero"),
    ("PERMISSION_DENIED", 403, "CREATE TABLE system.t (id INT PRIMARY KEY)", "permission denied"),
]


@pytest.fixture(scope="module")
def root(server):
    client = server.client()
    client.batch(SETUP)
    yield client
    client.close()


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_code_status_and_words(root, case):
    code, http, sql, words = case[:4]
    status, body = root.post(sql, *case[4:])
    assert (body["status"], body["error"]["code"], status) == ("error", code, http), body["error"]["message"][:300]
    assert words in body["error"]["message"], body["error"]["message"][:300]
    assert body["results"] == [] or ";" in sql
    if body["error"].get("statement_index"):
        index = body["error"]["statement_index"]
        assert body["error"]["message"].startswith(f"Statement {index} failed: ")


@pytest.mark.parametrize("sql, line, column", [
    ("SELEC 1", 1, 1),
    ("SELECT 1 +", 1, 11),
    ("SELECT id\n  FROM e.t\n WHERE id = = 1", 3, 13),
    ("-- a comment\nCREATE SHARED TABLE e.x (id INT PRIMARY KEY,\n  name NONSENSE)", 2, 8),  # counted from the statement's first word
    ("CREATE SHARED TABLE e.x (id INT PRIMARY KEY)\n\tFLUSH ROWS 0", 2, 2),
    ("CREATE SHARED TABLE e.x (id INT PRIMARY KEY) WITH (colour = 'red')", 1, 52),
    ("INSERT INTO e.t (id, name) VALUE (1)", 1, 28),
    ("UPDATE e.t SET name == 'x'", 1, 22),
    ("CREATE USER x WITH NOTHING", 1, 20),
    ("SELECT 1;\nSELECT 2; SELECT 3 +;", 1, 11),
])
def test_syntax_errors_name_line_and_column(root, sql, line, column):
    _, body = root.post(sql)
    assert body["error"]["code"] == "INVALID_SQL"
    assert f" at line {line}, column {column}" in body["error"]["message"], body["error"]["message"]


@pytest.mark.parametrize("sql, hint", [
    ("CREATE SHARED TABLE e.x (a TINYINT)", "SMALLINT"),
    ("CREATE SHARED TABLE e.x (a INT UNSIGNED)", ""),
    ("CREATE SHARED TABLE e.x (a INT[])", "JSON"),
    ("CREATE SHARED TABLE e.x (a ENUM('x'))", "TEXT"),
    ("CREATE SHARED TABLE e.x (a STRUCT(b INT))", "JSON"),
    ("CREATE SHARED TABLE e.x AS SELECT 1", "INSERT"),
    ("CREATE SHARED TABLE e.x (a INT UNIQUE)", "application"),
    ("TRUNCATE e.t", "DELETE"),
])
def test_refusals_name_the_other_way(root, sql, hint):
    _, body = root.post(sql)
    assert body["error"]["code"] in ("INVALID_SQL", "NOT_SUPPORTED")
    assert "(hint: " in body["error"]["message"] and hint in body["error"]["message"].split("(hint: ")[1]


def test_errors_of_a_batch_count_statements(root):
    _, body = root.post("SELECT 1; SELECT 2; SELECT * FROM e.nope; SELECT 4")
    assert len(body["results"]) == 2 and body["error"]["statement_index"] == 3
    assert body["error"]["message"].startswith("Statement 3 failed: table not found")
    assert body["error"]["details"] == "SELECT * FROM e.nope"


def test_limits_name_themselves(own_server):
    own_server.stop()
    own_server.config = "[limits]\nmax_result_rows = 10\n[query]\ntimeout_seconds = 1\n"
    own_server.start()
    client = own_server.client()
    status, body = client.post("SELECT * FROM generate_series(1, 100)")
    assert (status, body["error"]["code"]) == (400, "RESULT_TOO_LARGE") and "limits.max_result_rows" in body["error"]["message"]
    status, body = client.post("SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b "
                               "WHERE a.a % 7 = b.b % 11")
    assert (status, body["error"]["code"]) == (400, "QUERY_TIMEOUT") and "query.timeout_seconds" in body["error"]["message"]


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_a_fault_inside_tells_nothing():
    # root, `default` and ann pass
    with kalam.Server(env={"KALAM_FAULT": "ddl_before_commit:error:4"}) as server:
        server.client().sql("CREATE USER ann WITH INTERNAL")
        ann = server.client("ann")
        status, body = ann.post("CREATE USER TABLE t (id INT PRIMARY KEY)")
        assert (status, body["error"]["code"]) == (500, "INTERNAL_ERROR")
        assert body["error"]["message"] == "SQL request failed" and "details" not in body["error"]
        assert ann.sql("CREATE USER TABLE t (id INT PRIMARY KEY)").message == "Table 'default.t' created"


def test_every_code_has_a_test():
    table = (ROOT / "docs" / "protocol.md").read_text().split("<!-- errors: tools/gen_errors -->")[1]
    codes = set(re.findall(r"^\| ([A-Z_]+) \| \d+ \|", table.split("<!-- end of errors -->")[0], re.M))
    assert len(codes) > 35
    left = codes - {case[0] for case in CASES} - {"INTERNAL_ERROR"}
    here = pathlib.Path(__file__)
    tests = "".join(path.read_text() for kind in ("*.py", "*.c", "*.expected")
                    for path in sorted((ROOT / "tests").rglob(kind)) if path != here)
    # With the log-in guard.
    later = {"ACCOUNT_LOCKED", "REMOTE_ACCESS_DENIED"}
    assert {code for code in left if code not in tests} <= later


@pytest.mark.parametrize("sql, place", [
    ("INSERT INTO e.t (id, name) SELECT * FROM 'file'", " at line 1, column 42"),
    ("INSERT INTO e.t (id, name)\nSELECT * FROM 'file'", " at line 2, column 15"),
    ("UPDATE e.t SET name = 'a' FROM 'file' AS f", ""),
    ("UPDATE e.t SET name = (SELECT 'a' FROM 'file')", ""),
    ("DELETE FROM e.t USING 'file' AS f", ""),
    ("INSERT INTO e.t (id) VALUES ((SELECT 1 FROM 'file'))", ""),
])
def test_a_place_within_a_part_of_the_statement_is_one_of_the_statement_or_none(root, sql, place):
    status, body = root.post(sql)
    assert status == 400 and body["error"]["message"].endswith("a string cannot stand for a table" + place), body["error"]["message"]
