"""What one write takes of memory is limited by what it replaces, not only by what it writes."""
import pytest

import kalam

ROWS = 40  # of 500,000 bytes: more than query.memory_limit
CONFIG = """
[query]
memory_limit = "16MiB"
[limits]
max_statement_write_bytes = "1MiB"
"""


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config=CONFIG) as running:
        yield running
        running.stop()


@pytest.mark.parametrize("tier", ["hot", "cold"])
def test_rows_that_are_met(server, db, space, tier):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, n INT, body TEXT)")
    for i in range(ROWS):
        db.sql("INSERT INTO t VALUES ($1, 1, $2)", [i, "abcdefgh" * 62500])
    if tier == "cold":
        server.flush(f"{space}.t", db)
    insert = f"INSERT INTO t (id, n) SELECT x, 2 FROM range({ROWS}) r(x) ON CONFLICT"
    # Nobody asks what the rows hold.
    db.batch(f"{insert} DO NOTHING; BEGIN; {insert} DO NOTHING; COMMIT")
    for text in ("UPDATE t SET body = 'x'", "DELETE FROM t", f"{insert} (id) DO UPDATE SET n = 2, body = NULL",
                 "BEGIN; UPDATE t SET body = 'x'; COMMIT"):
        body = db.post(text)[1]
        assert "error" in body and body["error"]["code"] == "RESULT_TOO_LARGE", (text, body)
    assert db.rows("SELECT count(*), sum(n), min(length(body)) FROM t") == [[str(ROWS), str(ROWS), 500000]]
    db.sql("UPDATE t SET body = 'x' WHERE id < 2")  # 1 MiB
    assert db.value("SELECT count(*) FROM t WHERE body = 'x'") == "2"
