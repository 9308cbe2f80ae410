"""BEGIN … COMMIT in one request: whole or not at all, one moment to read, the first to commit wins.

What the statements mean is in tests/sql/transactions; here are many clients at once, live queries,
flushes, deaths of the server and of clients.
"""
import http.client
import json
import os
import random
import threading

import kalam
import pytest

GONE = (OSError, http.client.HTTPException, ValueError)
SLOW = "SELECT count(*) FROM range(300000) a(x) JOIN range(100) b(y) ON (a.x * b.y) % 7 = 3"


def fails(client, sql, code, status=400):
    got, body = client.post(sql)
    assert (got, body["status"], body["error"]["code"]) == (got, "error", code), body
    assert got == status, body
    return body


def run_all(*works):
    """Runs each work in a thread; the first failure is raised here."""
    failures = []

    def guard(work):
        try:
            work()
        except BaseException as failure:  # raised again below
            failures.append(failure)
    threads = [threading.Thread(target=guard, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# ---- shape -------------------------------------------------------------------------------------

def test_one_result_per_statement(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    results = db.batch("BEGIN; INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET v = 9 WHERE id = 1; SELECT v FROM t;"
                       "DELETE FROM t WHERE id = 2 RETURNING v; COMMIT; SELECT id, v FROM t")
    assert [r.message for r in results] == ["Transaction started", "Inserted 2 row(s)", "Updated 1 row(s)", None,
                                            "Deleted 1 row(s)", "Transaction committed", None]
    assert [r.row_count for r in results] == [0, 2, 1, 2, 1, 0, 1]
    assert results[3].rows == [[9], [2]] and results[4].rows == [[2]] and results[6].rows == [[1, 9]]
    assert all(r.raw["as_user"] == "root" for r in results)
    rolled = db.batch("START TRANSACTION; DELETE FROM t; ROLLBACK; SELECT count(*) FROM t")
    assert rolled[2].message == "Transaction rolled back" and rolled[3].rows == [["1"]]


def test_system_columns_come_at_commit(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    db.sql("INSERT INTO t VALUES (1, 1), (2, 2)")
    results = db.batch("BEGIN; UPDATE t SET v = 5 WHERE id = 1 RETURNING *; SELECT * FROM t; INSERT INTO t VALUES (3, 3);"
                       "COMMIT; SELECT id, _seq, _updated FROM t WHERE id <> 2 ORDER BY _seq")
    assert results[1].names == ["id", "v", "_seq", "_updated", "_deleted"]
    assert results[1].rows == [[1, 5, None, None, False]]
    assert "flags" not in results[1].schema[2] and "flags" not in results[1].schema[3]
    own, other = results[2].rows
    assert own == [1, 5, None, None, False] and int(other[2]) > 0 and other[3] > 0
    (first, first_seq, first_time), (second, second_seq, second_time) = results[5].rows
    assert (first, second) == (1, 3) and int(second_seq) == int(first_seq) + 1 and first_time == second_time
    assert results[5].schema[1]["flags"] == ["nn"]


def test_now_is_the_moment_of_begin(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, made TIMESTAMP DEFAULT NOW())")
    results = db.batch(f"BEGIN; SELECT now(); INSERT INTO t (id) VALUES (1); {SLOW}; INSERT INTO t (id) VALUES (2);"
                       "SELECT now(), count(*) OVER () FROM t; COMMIT; SELECT count(DISTINCT made) FROM t; SELECT now()")
    assert results[1].rows[0][0] == results[5].rows[0][0] == results[5].rows[1][0] < results[8].rows[0][0]
    assert results[7].rows == [["1"]]


def test_open_at_the_end_is_rolled_back(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY)")
    body = fails(db, "INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)", "INVALID_OPERATION")
    assert "still open" in body["error"]["message"] and "statement_index" not in body["error"]
    assert [r["message"] for r in body["results"]] == ["Inserted 1 row(s)", "Transaction started", "Inserted 1 row(s)"]
    assert db.rows("SELECT id FROM t") == [[1]]
    fails(db, "BEGIN", "INVALID_OPERATION")
    assert fails(db, "COMMIT", "INVALID_OPERATION")["error"]["statement_index"] == 1  # nothing is left of it
    # After more than one part of the answer: the status stands at its end.
    status, body = db.post("BEGIN; INSERT INTO t VALUES (3); SELECT repeat('x', 100) FROM range(30000); DELETE FROM t")
    assert status == 200 and body["status"] == "error" and body["error"]["code"] == "INVALID_OPERATION"
    assert db.rows("SELECT id FROM t") == [[1]]


def test_a_failure_inside_ends_it(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY)")
    body = fails(db, "BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT",
                 "CONSTRAINT_VIOLATION")
    assert body["error"]["statement_index"] == 3 and len(body["results"]) == 2
    for bad in ("BEGIN", "CREATE SHARED TABLE u (id INT PRIMARY KEY)", "SELECT * FROM system.users", "SHOW TABLES"):
        body = fails(db, f"BEGIN; INSERT INTO t VALUES (1); {bad}; COMMIT", "INVALID_OPERATION")
        assert body["error"]["statement_index"] == 3
    fails(db, "BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; COMMIT", "NOT_SUPPORTED")
    fails(db, "BEGIN; INSERT INTO t VALUES (1); SELEC; COMMIT", "INVALID_SQL")
    assert db.rows("SELECT id FROM t") == []
    assert [row[1] for row in db.rows(f"SHOW TABLES IN {space}")] == ["t"]


def test_returning_that_is_dear_for_a_loop_thread(db, space):
    """What RETURNING looks at may be more than a loop thread does: the statement goes on elsewhere, and changes its row once."""
    db.sql("CREATE USER TABLE dear (id BIGINT PRIMARY KEY, s TEXT, n INT)")
    db.sql("INSERT INTO dear VALUES (1, $1, 0)", ["a" * 500_000])
    likes = ", ".join(["s LIKE '%a'"] * 5)
    answers = db.batch(f"BEGIN; UPDATE dear SET n = n + 1 WHERE id = 1 RETURNING n, {likes};"
                       f"INSERT INTO dear (id, s, n) VALUES (2, repeat('a', 50000) || repeat('a', 50000) || repeat('a', 50000), 7) RETURNING n, {likes};"
                       f"DELETE FROM dear WHERE id = 1 RETURNING n, {likes}; COMMIT")
    assert [answer.rows for answer in answers[1:4]] == [[[n] + [True] * 5] for n in (1, 7, 1)]
    assert db.rows("SELECT id, n FROM dear") == [["2", 7]]
    status, body = db.post("BEGIN; UPDATE dear SET n = 8 WHERE id = 2 RETURNING 1 / (n - 8); COMMIT")
    assert status == 400 and "division by zero" in body["error"]["message"], body
    assert db.value("SELECT n FROM dear") == 7


def test_statements_beside_it_commit_on_their_own(db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY)")
    fails(db, "INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2); COMMIT; INSERT INTO t VALUES (3);"
          "BEGIN; INSERT INTO t VALUES (4); ROLLBACK; INSERT INTO t VALUES (5); INSERT INTO t VALUES (5)",
          "CONSTRAINT_VIOLATION")
    assert db.rows("SELECT id FROM t") == [[1], [2], [3], [5]]


def test_another_users_rows(server, db, space):
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY)")
    for user in ("ann", "bob"):
        db.sql(f"CREATE USER {space}_{user} WITH INTERNAL")
    results = db.batch(f"BEGIN; INSERT INTO t VALUES (1); EXECUTE AS USER {space}_ann (INSERT INTO t VALUES (2));"
                       f"EXECUTE AS USER {space}_bob (INSERT INTO t VALUES (3)); SELECT id FROM t; COMMIT")
    assert [r.raw["as_user"] for r in results[1:5]] == ["root", f"{space}_ann", f"{space}_bob", "root"]
    assert results[4].rows == [[1]]
    for user, key in ((f"{space}_ann", 2), (f"{space}_bob", 3)):
        assert db.rows(f"EXECUTE AS USER {user} (SELECT id FROM t)") == [[key]]


def test_many_statements_and_many_rows(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    count = 1000
    results = db.batch("BEGIN;" + "".join(f"INSERT INTO t VALUES ({i}, {i}); UPDATE t SET v = v + 1 WHERE id = {i // 2};"
                                          for i in range(count)) + "SELECT count(*), sum(v) FROM t; COMMIT")
    total = str(sum(range(count)) + count)
    assert len(results) == 2 * count + 3 and results[-2].rows == [[str(count), total]]
    assert db.rows("SELECT count(*), sum(v) FROM t") == [[str(count), total]]
    server.flush(f"{space}.t", db)
    db.batch("BEGIN; UPDATE t SET v = v + 1; INSERT INTO t SELECT id + 100000, 0 FROM t; DELETE FROM t WHERE id < 100;"
             "COMMIT")
    assert db.rows("SELECT count(*), sum(v) FROM t WHERE id < 100000") == \
        db.rows("SELECT count(*), sum(v) FROM t WHERE id >= 100 AND id < 100000")
    assert db.value("SELECT count(*) FROM t") == str(2 * count - 100)


def test_its_size_is_bounded():
    with kalam.Server(config="[limits]\nmax_statement_write_bytes = '1MiB'\n") as server:
        db = server.client()
        db.batch("CREATE NAMESPACE b; CREATE SHARED TABLE b.t (id INT PRIMARY KEY, v TEXT)")
        insert = "INSERT INTO b.t SELECT {0} + x, repeat('y', 1000) FROM range(400) r(x);"
        db.batch("BEGIN;" + insert.format(0) + insert.format(1000) + "ROLLBACK")
        body = fails(db, "BEGIN;" + "".join(insert.format(1000 * i) for i in range(4)) + "COMMIT", "RESULT_TOO_LARGE")
        assert "max_statement_write_bytes" in body["error"]["message"] and body["error"]["statement_index"] == 4
        assert db.value("SELECT count(*) FROM b.t") == "0"


# ---- beside others -----------------------------------------------------------------------------

def test_conflict_is_409_and_nothing_is_written(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    db.sql("INSERT INTO t VALUES (1, 0), (2, 0)")
    stop = threading.Event()

    def disturb():
        client = server.client(namespace=space)
        while not stop.is_set():
            client.sql("UPDATE t SET v = v + 1 WHERE id = 1")
        client.close()

    def collide():
        client = server.client(namespace=space)
        try:
            def conflict():
                status, body = client.post(f"BEGIN; UPDATE t SET v = -1 WHERE id = 2; UPDATE t SET v = v WHERE id = 1;"
                                           f"{SLOW}; COMMIT")
                return body if status != 200 else client.sql("UPDATE t SET v = 0 WHERE id = 2") and None
            body = kalam.wait_until(conflict, 60, "conflict")
            assert body["error"]["code"] == "TRANSACTION_CONFLICT" and body["error"]["statement_index"] == 5
            assert "(id)=(1)" in body["error"]["message"] and len(body["results"]) == 4
        finally:
            stop.set()
            client.close()
    run_all(disturb, collide)
    assert db.rows("SELECT v FROM t WHERE id = 2") == [[0]]


@pytest.mark.parametrize("kind", ["SHARED", "USER"])
def test_transfers_keep_the_sum(server, db, space, kind):
    """Read-modify-write over hot and cold rows, under flushes; readers never see half of a transfer."""
    accounts, workers, transfers = 12, 6, 12
    db.sql(f"CREATE {kind} TABLE acc (id INT PRIMARY KEY, v INT NOT NULL)")
    db.sql(f"CREATE {kind} TABLE log (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), a INT, b INT, n INT)")
    db.sql("INSERT INTO acc SELECT x, 100 FROM range(%d) r(x)" % (accounts // 2))
    server.flush(f"{space}.acc", db)
    db.sql("INSERT INTO acc SELECT x, 100 FROM range(%d, %d) r(x)" % (accounts // 2, accounts))
    seed = int(os.environ.get("KALAM_SEED", random.randrange(1 << 30)))
    print("seed:", seed)
    stop, conflicts = threading.Event(), []

    def transfer(number):
        client, rng = server.client(namespace=space), random.Random(seed + number)
        for _ in range(transfers):
            a, b = rng.sample(range(accounts), 2)
            n = rng.randrange(1, 20)
            while True:
                status, body = client.post(
                    f"BEGIN; UPDATE acc SET v = v - {n} WHERE id = {a}; INSERT INTO log (a, b, n) VALUES ({a}, {b}, {n});"
                    f"UPDATE acc SET v = (SELECT v + {n} FROM acc WHERE id = {b}) WHERE id = {b};"
                    "SELECT sum(v) FROM acc; COMMIT")
                if status == 200:
                    assert body["results"][4]["rows"] == [[str(100 * accounts)]]
                    break
                assert status == 409 and body["error"]["code"] == "TRANSACTION_CONFLICT", body
                conflicts.append(number)
        client.close()

    def read():
        client = server.client(namespace=space)
        while not stop.is_set():
            assert client.rows("SELECT sum(v) FROM acc") == [[str(100 * accounts)]]
            results = client.batch("BEGIN; SELECT id, v FROM acc; SELECT count(*) FROM log; SELECT id, v + 0 FROM acc;"
                                   "SELECT count(DISTINCT id) FROM log; COMMIT")
            assert results[1].rows == results[3].rows and results[2].rows == results[4].rows
        client.close()

    def flush():
        client = server.client(namespace=space)
        while not stop.is_set():
            server.flush(f"{space}.acc", client)
        client.close()

    def all_transfers():
        try:
            run_all(*[lambda n=n: transfer(n) for n in range(workers)])
        finally:
            stop.set()
    run_all(all_transfers, read, flush)
    print("conflicts:", len(conflicts))
    assert conflicts, "six workers on twelve accounts must have met"
    expected = {i: 100 for i in range(accounts)}
    log = db.rows("SELECT a, b, n FROM log")
    assert len(log) == workers * transfers
    for a, b, n in log:
        expected[a] -= n
        expected[b] += n
    assert dict(db.rows("SELECT id, v FROM acc")) == expected


def test_concurrent_inserts_of_one_key(server, db, space):
    """Trap 16, with and without transactions, over keys that are new, deleted, and deleted and cold."""
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    keys = list(range(18))
    db.sql("INSERT INTO t VALUES " + ",".join(f"({k}, 0)" for k in keys if k % 3 != 0))
    db.sql("DELETE FROM t WHERE id % 3 = 2")
    server.flush(f"{space}.t", db)
    db.sql("DELETE FROM t WHERE id % 3 = 1")
    for key in keys:
        outcomes = []

        def insert(number, key=key, outcomes=outcomes):
            client = server.client(namespace=space)
            text = f"INSERT INTO t VALUES ({key}, {number})"
            if number % 2 == 0:
                text = f"BEGIN; {text}; INSERT INTO t VALUES ({100 + 10 * key + number}, {key}); COMMIT"
            status, body = client.post(text)
            outcomes.append((status, body.get("error", {}).get("code"), number))
            client.close()
        run_all(*[lambda n=n: insert(n) for n in range(8)])
        won = [number for status, _, number in outcomes if status == 200]
        assert len(won) == 1, outcomes
        assert {code for status, code, _ in outcomes if status != 200} <= {"CONSTRAINT_VIOLATION",
                                                                           "TRANSACTION_CONFLICT"}
        assert db.rows("SELECT v FROM t WHERE id = $1", [key]) == [won]
        beside = db.rows("SELECT id FROM t WHERE v = $1 AND id >= 100", [key])
        assert beside == ([[100 + 10 * key + won[0]]] if won[0] % 2 == 0 else [])


def test_row_policy_waits_for_commit(server, db, space):
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY, v INT) FLUSH POLICY ROWS 50")
    insert = "INSERT INTO t SELECT x, 0 FROM range(200) r(x)"
    results = db.batch(f"BEGIN; {insert}; {SLOW}; SELECT count(*) FROM t; ROLLBACK")
    assert results[3].rows == [["200"]]
    jobs = "SELECT count(*) FROM system.jobs WHERE job_type = 'flush' AND namespace_id = $1 AND table_name = 't'"
    assert db.value(jobs, [space]) == "0"
    db.batch(f"BEGIN; {insert}; COMMIT")
    kalam.wait_until(lambda: db.value(jobs, [space]) != "0", 20, "flush after COMMIT")
    assert db.value("SELECT count(*) FROM t") == "200"


# ---- live queries ------------------------------------------------------------------------------

def test_live_queries_get_the_net_changes_in_order(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    db.sql("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
    socket = server.websocket()
    assert len(socket.subscribe("s", f"SELECT id, v FROM {space}.t", options={})) == 3
    db.batch("BEGIN; DELETE FROM t; INSERT INTO t VALUES (9, 9); ROLLBACK")
    db.batch("BEGIN; UPDATE t SET v = 10 WHERE id = 2; INSERT INTO t VALUES (4, 4); UPDATE t SET v = 11 WHERE id = 2;"
             "INSERT INTO t VALUES (5, 5); DELETE FROM t WHERE id = 5; DELETE FROM t WHERE id = 1;"
             "UPDATE t SET v = 44 WHERE id = 4; COMMIT")
    db.sql("UPDATE t SET v = 0 WHERE id = 3")
    seen = []
    while not seen or seen[-1][1] != 3:
        change = socket.expect("change", "s")
        for row in change.get("rows") or change["old_values"]:
            seen.append((change["change_type"], row["id"], row["v"], int(row["_seq"])))
    assert [s[:3] for s in seen] == [("update", 2, 11), ("insert", 4, 44), ("delete", 1, 1), ("update", 3, 0)]
    assert [s[3] for s in seen] == sorted({s[3] for s in seen})
    socket.close()


def test_live_queries_lose_and_double_nothing(server, db, space):
    """Subscribers that come while transactions run end with exactly what SELECT gives, commit by commit."""
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v INT)")
    db.sql("INSERT INTO t SELECT x, 0 FROM range(20) r(x)")
    stop = threading.Event()

    def write(number):
        client, rng = server.client(namespace=space), random.Random(number)
        for _ in range(30):
            a, b = rng.sample(range(20), 2)
            status, _ = client.post(f"BEGIN; UPDATE t SET v = v + 1 WHERE id = {a}; UPDATE t SET v = v - 1 WHERE id = {b};"
                                    f"UPDATE t SET v = v + 0 WHERE id = {a}; COMMIT")
            assert status in (200, 409)
        client.close()

    def follow():
        socket = server.websocket()
        state = {r["id"]: (r["v"], int(r["_seq"])) for r in socket.subscribe("s", f"SELECT id, v FROM {space}.t",
                                                                            options={})}
        assert sum(v for v, _ in state.values()) == 0
        last = max(seq for _, seq in state.values())

        def is_current():
            nonlocal last
            for change in socket.changes("s"):
                for row, old in zip(change["rows"], change["old_values"]):
                    assert int(row["_seq"]) > last and state[row["id"]] == (old["v"], int(old["_seq"]))
                    last = int(row["_seq"])
                    state[row["id"]] = (row["v"], last)
            return stop.is_set() and {k: v for k, (v, _) in state.items()} == rows()
        kalam.wait_until(is_current, 60, "all changes")
        socket.close()

    def rows():
        client = server.client(namespace=space)
        found = dict(client.rows("SELECT id, v FROM t"))
        client.close()
        return found

    def writers():
        try:
            run_all(*[lambda n=n: write(n) for n in range(4)])
        finally:
            stop.set()
    run_all(writers, follow, follow, follow)


# ---- ends of another kind ----------------------------------------------------------------------

def test_client_that_leaves_leaves_nothing(own_server):
    db = own_server.client()
    db.batch("CREATE NAMESPACE k; CREATE SHARED TABLE k.t (id INT PRIMARY KEY)")
    connection = http.client.HTTPConnection("127.0.0.1", own_server.port)
    body = json.dumps({"sql": "BEGIN; INSERT INTO k.t VALUES (1);" + f"{SLOW};" * 200 + "COMMIT"})
    connection.request("POST", "/v1/api/sql", body, {"Content-Type": "application/json", "X-User-Id": "gone"})
    connection.sock.close()
    connection.close()
    kalam.wait_until(lambda: "request of gone" in own_server.log(), 60, "end of the request")
    assert db.rows("SELECT id FROM k.t") == []


def test_kill_in_the_middle(own_server):
    """kill -9 under many transactions: each is there as a whole, in both tables, or not at all."""
    server, rows, workers = own_server, 5, 4
    db = server.client()
    db.batch("CREATE NAMESPACE k; CREATE SHARED TABLE k.a (id BIGINT PRIMARY KEY, tag BIGINT);"
             "CREATE USER TABLE k.b (id BIGINT PRIMARY KEY, tag BIGINT); CREATE SHARED TABLE k.c (id INT PRIMARY KEY, v INT);"
             "INSERT INTO k.c VALUES (1, 0), (2, 0)")
    acknowledged, unexpected, number = set(), [], [0]

    def write(worker, round_number):
        client = server.client()
        try:
            tag = round_number * 1_000_000 + worker * 100_000
            while True:
                tag += 1
                values = ",".join(f"({tag * 10 + i}, {tag})" for i in range(rows))
                status, body = client.post(
                    f"BEGIN; INSERT INTO k.a VALUES {values}; INSERT INTO k.b VALUES {values};"
                    "UPDATE k.c SET v = v + 1 WHERE id = 1; UPDATE k.c SET v = v - 1 WHERE id = 2; COMMIT")
                if status == 200:
                    acknowledged.add(tag)
                elif status != 409:
                    unexpected.append(body)
                    return
        except GONE:
            pass
        finally:
            client.close()

    for round_number in range(1, 4):
        before = len(acknowledged)
        threads = [threading.Thread(target=write, args=(w, round_number)) for w in range(workers)]
        for thread in threads:
            thread.start()
        if round_number == 2:
            server.flush("k.a")
        kalam.wait_until(lambda: len(acknowledged) > before + 20 or unexpected, 60, "some commits")
        server.kill()
        for thread in threads:
            thread.join()
        assert not unexpected, unexpected[0]
        server.start()
        db = server.client()
        for table in ("k.a", "k.b"):
            counts = {int(tag): int(n) for tag, n in db.rows(f"SELECT tag, count(*) FROM {table} GROUP BY tag")}
            assert set(counts.values()) <= {rows} and acknowledged <= set(counts)
            number[0] = len(counts)
        assert db.rows("SELECT tag FROM k.a GROUP BY tag ORDER BY tag") == \
            db.rows("SELECT tag FROM k.b GROUP BY tag ORDER BY tag")
        assert db.rows("SELECT v FROM k.c ORDER BY id") == [[number[0]], [-number[0]]]
    server.stop()
