"""The main statements over real HTTP: shapes of answers, batches, parameters."""
import kalam
import pytest


def test_create_insert_select(db, space):
    db.sql("CREATE USER TABLE items (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price DECIMAL(10,2))")
    result = db.sql("INSERT INTO items VALUES (8123, 'Tea', 3.5), (8124, 'Ink', NULL)")
    assert result.row_count == 2 and result.message == "Inserted 2 row(s)"
    assert result.raw["as_user"] == "root" and "rows" not in result.raw and "schema" not in result.raw
    status, body = db.post("SELECT id, title, price FROM items ORDER BY id")
    assert status == 200 and body["status"] == "success" and isinstance(body["took"], float)
    (first,) = body["results"]
    assert first["rows"] == [["8123", "Tea", "3.50"], ["8124", "Ink", None]]
    assert first["row_count"] == 2 and first["as_user"] == "root" and "message" not in first
    assert first["schema"][0] == {"name": "id", "data_type": "BigInt", "index": 0,
                                  "flags": ["pk", "nn", "uq"]}
    assert first["schema"][2]["data_type"] == {"Decimal": {"precision": 10, "scale": 2}}
    assert first["schema"][2]["index"] == 2


def test_select_star_has_creation_order_and_system_columns(db, space):
    db.sql("CREATE SHARED TABLE t (b TEXT, id BIGINT PRIMARY KEY, a INT)")
    db.sql("INSERT INTO t (id, a, b) VALUES (1, 2, 'x')")
    result = db.sql("SELECT * FROM t")
    assert result.names == ["b", "id", "a", "_seq", "_updated", "_deleted"]
    assert result.rows[0][:3] == ["x", "1", 2] and result.rows[0][5] is False
    assert result.rows[0][3].isdigit() and isinstance(result.rows[0][4], int)


def test_empty_select_has_schema_and_rows(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)")
    result = db.sql("SELECT id FROM t")
    assert result.rows == [] and result.row_count == 0 and result.names == ["id"]


def test_batch_has_one_result_per_statement(db, space):
    results = db.batch("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1,'a;b');;"
                       "UPDATE t SET v = 'c' WHERE id = 1; -- c;\n SELECT v FROM t; DELETE FROM t")
    assert [r.row_count for r in results[1:]] == [1, 1, 1, 1]
    assert [r.message for r in results[1:]] == ["Inserted 1 row(s)", "Updated 1 row(s)", None,
                                                "Deleted 1 row(s)"]
    assert results[3].rows == [["c"]]


def test_batch_stops_at_first_failure_and_keeps_earlier(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)")
    status, body = db.post("INSERT INTO t VALUES (1); INSERT INTO nope VALUES (2); INSERT INTO t VALUES (3)")
    assert status == 400 and body["status"] == "error"
    assert len(body["results"]) == 1
    assert body["error"]["code"] == "TABLE_NOT_FOUND" and body["error"]["statement_index"] == 2
    assert body["error"]["message"].startswith("Statement 2 failed: table not found: relation ")
    assert db.rows("SELECT id FROM t") == [["1"]]


def test_parameters(db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, n INT, d DOUBLE, b BOOLEAN, s TEXT, ts TIMESTAMP, u UUID)")
    db.sql("INSERT INTO t VALUES ($1,$2,$3,$4,$5,$6,$7)",
           ["9007199254740993", 7, 1.25, True, None, "2026-01-02T03:04:05.678901Z",
            "0190A1B2-0000-7000-8000-0000000000FF"])
    assert db.rows("SELECT id,n,d,b,s,ts,u FROM t WHERE id = $1", [9007199254740993]) == [
        ["9007199254740993", 7, 1.25, True, None, 1767323045678901, "0190a1b2-0000-7000-8000-0000000000ff"]]
    assert db.rows("SELECT n FROM t WHERE $1 = 1 AND n BETWEEN $2 AND $2 + 1", [1, 7]) == [[7]]
    for params, code in (([1, 2], "INVALID_PARAMETER"), ([], "INVALID_PARAMETER"), ([[1]], "INVALID_PARAMETER")):
        status, body = db.post("SELECT n FROM t WHERE id = $1", params)
        assert (status, body["error"]["code"]) == (400, code), body
    status, body = db.post("SELECT 1; SELECT $1", [1])
    assert body["error"]["code"] == "PARAMS_WITH_BATCH"
    status, body = db.post("INSERT INTO t (id, n) VALUES (1, $1)", ["many"])
    assert status == 400 and "$1" in body["error"]["message"] and '"n"' in body["error"]["message"]


def test_namespace_of_request_and_use(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)")
    db.namespace = None
    with pytest.raises(kalam.SqlError) as failure:
        db.sql("SELECT * FROM t")
    assert failure.value.code == "TABLE_NOT_FOUND"
    assert db.sql("SELECT * FROM t", namespace=space).rows == []
    assert db.batch(f"USE {space}; SELECT * FROM t")[1].rows == []
    assert db.sql(f"SELECT * FROM kalamdb.{space}.t").rows == []


def test_upsert_and_returning(db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT DEFAULT 5, at TIMESTAMP DEFAULT NOW())")
    result = db.sql("INSERT INTO t (id) VALUES (1), (2) RETURNING id, n, _seq")
    assert [row[:2] for row in result.rows] == [["1", 5], ["2", 5]]
    assert int(result.rows[1][2]) == int(result.rows[0][2]) + 1
    assert db.sql("INSERT INTO t (id, n) VALUES (1, 9) ON CONFLICT DO NOTHING").row_count == 0
    assert db.sql("INSERT INTO t (id, n) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n "
                  "RETURNING n").rows == [[14]]
    assert db.sql("UPDATE t SET n = n * 2 WHERE id = 2 RETURNING n").rows == [[10]]
    assert db.sql("DELETE FROM t WHERE id = 2 RETURNING id, n").rows == [["2", 10]]


def test_duplicate_key_hot_and_cold(server, db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)")
    db.sql("INSERT INTO t VALUES (5, 'a')")
    for _ in range(2):
        status, body = db.post("INSERT INTO t VALUES (6, 'b'), (5, 'c')")
        assert status == 400 and body["error"]["code"] == "CONSTRAINT_VIOLATION"
        assert ("duplicate key value violates primary key unique constraint: key (id)=(5) already exists"
                in body["error"]["message"])
        assert db.value("SELECT count(*) FROM t") == "1"
        server.flush(f"{space}.t", db)
    status, body = db.post("INSERT INTO t VALUES (7, 'b'), (7, 'c')")
    assert body["error"]["code"] == "CONSTRAINT_VIOLATION"


def test_soft_delete_and_revival(server, db, space):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)")
    db.sql("INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c')")
    assert db.sql("DELETE FROM t WHERE id = 1").row_count == 1
    assert db.sql("DELETE FROM t WHERE id = 1").row_count == 0
    for _ in range(3):
        assert db.rows("SELECT id FROM t ORDER BY id") == [["2"], ["3"]]
        assert db.rows("SELECT id, v FROM t WHERE _deleted = true") == [["1", "a"]]
        assert db.value("SELECT count(*) FROM t WHERE _deleted IN (true, false)") == "3"
        assert db.sql("UPDATE t SET v = 'z' WHERE id = 1").row_count == 0
        server.flush(f"{space}.t", db)
    db.sql("DELETE FROM t WHERE id = 2")
    server.flush(f"{space}.t", db)
    assert db.rows("SELECT id FROM t") == [["3"]]
    db.sql("INSERT INTO t VALUES (1, 'again')")
    assert db.rows("SELECT id, v FROM t ORDER BY id") == [["1", "again"], ["3", "c"]]
    server.flush(f"{space}.t", db)
    assert db.rows("SELECT id, v FROM t ORDER BY id") == [["1", "again"], ["3", "c"]]


def test_default_functions(db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), u UUID DEFAULT UUID_V7(), "
           "l TEXT DEFAULT ULID(), at TIMESTAMP NOT NULL DEFAULT NOW(), who TEXT DEFAULT CURRENT_USER(), v INT)")
    db.sql("INSERT INTO t (v) VALUES (1), (2), (3)")
    rows = db.rows("SELECT id, u, l, at, who, v FROM t ORDER BY id")
    assert [r[5] for r in rows] == [1, 2, 3] and len({r[0] for r in rows}) == 3
    assert all(len(r[2]) == 26 and r[1][14] == "7" and r[4] == "root" for r in rows)
    assert len({r[3] for r in rows}) == 1


def test_implicit_key(db, space):
    db.sql("CREATE SHARED TABLE a (v INT)")
    db.sql("INSERT INTO a (v) VALUES (1), (2)")
    assert db.sql("SELECT * FROM a").names[:2] == ["id", "v"]
    db.sql("CREATE SHARED TABLE b (v INT, id TEXT)")
    db.sql("INSERT INTO b (v, id) VALUES (1, 'k')")
    status, body = db.post("INSERT INTO b (v, id) VALUES (2, 'k')")
    assert body["error"]["code"] == "CONSTRAINT_VIOLATION"


def test_concurrent_increments(server, db, space):
    import threading
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, c INT)")
    db.sql("INSERT INTO t VALUES (1, 0)")
    server.flush(f"{space}.t", db)

    def work():
        client = server.client(namespace=space)
        for _ in range(25):
            assert client.sql("UPDATE t SET c = c + 1 WHERE id = 1").row_count == 1
        client.close()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.rows("SELECT c FROM t") == [[200]]


def test_concurrent_inserts_of_one_key(server, db, space):
    import threading
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v INT)")
    for key in range(10):
        outcomes = []

        def work(number, key=key, outcomes=outcomes):
            client = server.client(namespace=space)
            outcomes.append(client.post("INSERT INTO t VALUES ($1, $2)", [key, number])[0])
            client.close()
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [200] + [400] * 7
