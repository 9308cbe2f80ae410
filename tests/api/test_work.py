"""A row can be made expensive by anybody who owns it: what its expressions may look at is bounded, on each thread."""
import json

import kalam
import pytest

WIDE = "".join(chr(0x4e00 + i) for i in range(20000))


def refused(action, *arguments):
    with pytest.raises(kalam.SqlError) as failure:
        action(*arguments)
    assert (failure.value.code, "take too long" in failure.value.message) == ("SQL_EXECUTION_ERROR", True), failure.value.message


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config='[query]\nrow_work = "64MiB"\n') as server:
        yield server


@pytest.fixture(scope="module")
def rows(server):
    db = server.client()
    db.batch("CREATE NAMESPACE work; CREATE USER TABLE work.t (id BIGINT PRIMARY KEY, v TEXT, j JSON, w TEXT)")
    client = server.client("mallory", namespace="work")
    document = json.dumps({f"k{i}": "x" * 90 for i in range(5000)} | {"z": "end"})
    client.sql("INSERT INTO t VALUES (1, $1, $2, '')", ["\u9fa5" * 100000, document])
    client.sql("INSERT INTO t VALUES (2, $1, '{}', '')", ["a" * 200000 + "b"])
    return client


def test_a_change(rows):
    many = ", ".join(f"j->>'k{i}'" for i in range(300))
    refused(rows.sql, "UPDATE t SET w = rtrim(v, $1) WHERE id = 1", [WIDE * 3 + "\u9fa5"])
    refused(rows.sql, "UPDATE t SET w = translate(v, $1, 'x') WHERE id = 1", [WIDE])
    refused(rows.sql, "UPDATE t SET w = 'q' WHERE id = 1 RETURNING translate(v, $1, 'x')", [WIDE])
    refused(rows.sql, f"UPDATE t SET w = 'q' WHERE id = 1 AND 'q' IN ({many})")
    refused(rows.sql, f"INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET w = CASE WHEN 'q' IN ({many.replace('j->', 't.j->')}) THEN 'a' END")
    assert rows.rows("SELECT id, w FROM t ORDER BY id") == [["1", ""], ["2", ""]]
    rows.sql("UPDATE t SET w = j->>'z' || left(v, 1) WHERE id = 1")
    assert rows.value("SELECT w FROM t WHERE id = 1") == "end\u9fa5"


def test_a_select_goes_to_a_worker(rows):
    """What is too much for a loop is not for a worker."""
    few = ", ".join(f"j->>'k{i}'" for i in range(10))
    assert rows.rows(f"SELECT id, 'q' IN ({few}) AS q FROM t WHERE id = 1") == [["1", False]]
    refused(rows.sql, "SELECT rtrim(v, $1) FROM t WHERE id = 1", [WIDE * 3 + "\u9fa5"])
    assert rows.value("SELECT rtrim(v, $1) FROM t WHERE id = 2", ["xyzb" * 20000]) == "a" * 200000


def test_a_live_query(server, rows):
    socket = server.websocket("mallory")
    socket.subscribe("cheap", "SELECT id FROM work.t", {"last_rows": 0})
    socket.subscribe("dear", f"SELECT id FROM work.t WHERE rtrim(v, '{WIDE[:9000]}\u9fa5') = 'q'", {"last_rows": 0})
    rows.sql("UPDATE t SET w = 'again' WHERE id = 1")
    error = socket.take(lambda m: m["type"] == "error", 30)
    assert error["subscription_id"].endswith("dear") and "cannot be shown" in error["message"]
    assert socket.expect("change", "cheap")["rows"][0]["id"] == "1"
    socket.close()


def test_the_rows_of_a_change_together(server, rows):
    """No row is too dear, all of them are: said so, with the setting's name."""
    rows.sql("INSERT INTO t (id, v) SELECT g, repeat('ab', 30000) FROM generate_series(101, 250) s(g)")
    assert rows.value("SELECT count(*) FROM t WHERE id > 100 AND v LIKE '%b'") == "150"
    with pytest.raises(kalam.SqlError) as failure:
        rows.sql("DELETE FROM t WHERE id > 100 AND v LIKE '%b'")
    assert failure.value.code == "SQL_EXECUTION_ERROR" and "the expressions of the rows of this change take too long" in failure.value.message
    assert "query.row_work" in str(failure.value.body)
    assert rows.sql("DELETE FROM t WHERE id > 100 AND id <= 150 AND v LIKE '%b'").row_count == 50


def test_what_a_change_returns(server, rows):
    """It is computed by the thread that commits, for all rows together."""
    rows.sql("INSERT INTO t (id, v, w) SELECT g, repeat('a', 16000), '' FROM generate_series(301, 340) s(g)")
    change = "UPDATE t SET w = 'x' WHERE id > 300 RETURNING v LIKE '%' || repeat('a', 100) || 'b' AS x"
    with pytest.raises(kalam.SqlError) as failure:
        rows.sql(change)
    assert "the expressions of the rows of this change take too long" in failure.value.message
    assert rows.value("SELECT count(*) FROM t WHERE w = 'x'") == "0"
    assert rows.sql(change.replace("id > 300", "id > 338")).row_count == 2


@pytest.mark.parametrize("call", ["split_part(v, 'a', -1) = 'x'", "replace(v, 'a', 'b') = 'x'", "strpos(v, 'aaaaaaac') > 5", "upper(v) = 'x'", "v::VARCHAR(300000) = 'x'"])
def test_a_function_counts_what_it_takes(server, rows, call):
    """60 times 200 KB are little: by what is done with each byte they are much."""
    rows.sql("UPDATE t SET w = 'q' WHERE id = 2")
    refused(rows.sql, "UPDATE t SET w = 'z' WHERE id = 2 AND (v = 'b' OR " + " OR ".join([call] * 60) + ")")
