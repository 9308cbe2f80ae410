"""Live rows over WebSocket: snapshot, changes with transitions, several subscriptions, errors."""
import json
import threading

import kalam
import pytest


@pytest.fixture
def table(db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, title TEXT, n INT)")
    db.sql("CREATE SHARED TABLE s (id BIGINT PRIMARY KEY, title TEXT, n INT)")
    return f"{space}.t"


@pytest.fixture
def ws(server):
    socket = server.websocket()
    yield socket
    socket.close()


def test_auth_success_comes_first(server):
    socket = server.websocket("lena")
    assert socket.auth["user"] == "lena" and socket.auth["protocol"] == {"serialization": "json",
                                                                        "compression": "none"}
    socket.close()


def test_snapshot_then_changes(server, db, table, ws):
    db.sql("INSERT INTO t VALUES (1,'a',1),(2,'b',2),(3,'c',3)")
    rows = ws.subscribe("s1", f"SELECT id, title FROM {table}", options={"last_rows": 2})
    assert [(r["id"], r["title"]) for r in rows] == [("2", "b"), ("3", "c")]
    assert ws.ack["total_rows"] == 2 and set(rows[0]) == {"id", "title", "_seq"}
    db.sql("INSERT INTO t VALUES (4,'d',4)")
    change = ws.expect("change", "s1")
    assert change["change_type"] == "insert" and change["rows"][0]["id"] == "4" and "old_values" not in change
    db.sql("UPDATE t SET title = NULL WHERE id = 4")
    change = ws.expect("change", "s1")
    assert change["change_type"] == "update" and change["rows"][0]["title"] is None
    assert change["old_values"][0]["title"] == "d" and change["old_values"][0]["id"] == "4"
    assert int(change["old_values"][0]["_seq"]) < int(change["rows"][0]["_seq"])
    db.sql("DELETE FROM t WHERE id = 4")
    change = ws.expect("change", "s1")
    assert change["change_type"] == "delete" and "rows" not in change
    assert change["old_values"][0]["id"] == "4" and change["old_values"][0]["_deleted"] is True
    ws.send({"type": "unsubscribe", "subscription_id": "s1"})
    ws.expect("unsubscribed", "s1")
    db.sql("INSERT INTO t VALUES (5,'e',5)")
    ws.subscribe("s2", f"SELECT id FROM {table}")
    assert ws.changes("s1") == []


@pytest.mark.parametrize("tier", ("hot", "cold"))
def test_deleted_rows_that_come_back(server, db, table, ws, tier):
    """A filter that names _deleted sees what was there before an INSERT of a deleted key: it leaves, or stays."""
    db.sql("INSERT INTO s VALUES (1,'a',1),(2,'b',2)")
    shared = table[:-1] + "s"
    db.sql("DELETE FROM s WHERE id = 1")
    if tier == "cold":
        server.flush(shared, db)
    assert [r["id"] for r in ws.subscribe("gone", f"SELECT id, n, _deleted FROM {shared} WHERE _deleted", options={})] == ["1"]
    assert len(ws.subscribe("all", f"SELECT id, n, _deleted FROM {shared} WHERE _deleted OR n > 0", options={})) == 2
    ws.subscribe("alive", f"SELECT id FROM {shared}")
    db.sql("INSERT INTO s VALUES (1,'c',5)")
    change = ws.expect("change", "gone")
    assert (change["change_type"], change["old_values"][0]["n"], change["old_values"][0]["_deleted"]) == ("delete", 1, False)
    change = ws.expect("change", "all")
    assert (change["change_type"], change["rows"][0]["n"], change["rows"][0]["_deleted"]) == ("update", 5, False)
    assert ws.expect("change", "alive")["change_type"] == "insert"
    assert db.rows(f"SELECT id FROM {shared} WHERE _deleted") == []


def test_filter_transitions(db, table, ws):
    assert ws.subscribe("f", f"SELECT * FROM {table} WHERE n > 10 AND title LIKE 'x%'") == []
    db.sql("INSERT INTO t VALUES (1,'x1',5)")          # out
    db.sql("UPDATE t SET n = 11 WHERE id = 1")         # enters
    db.sql("UPDATE t SET n = 12 WHERE id = 1")         # stays
    db.sql("UPDATE t SET n = NULL WHERE id = 1")       # leaves by NULL
    db.sql("UPDATE t SET n = 20 WHERE id = 1")         # re-enters
    db.sql("DELETE FROM t WHERE id = 1")
    kinds = []
    for _ in range(5):
        change = ws.expect("change", "f")
        row = (change.get("rows") or change["old_values"])[0]
        kinds.append((change["change_type"], row.get("n"), row.get("_deleted")))
    assert [k[0] for k in kinds] == ["insert", "update", "delete", "insert", "delete"]
    assert kinds[2][2] is False and kinds[4][2] is True


def test_each_user_gets_only_its_own(server, db, table):
    sockets = {user: server.websocket(user) for user in ("ann", "bob")}
    for user, socket in sockets.items():
        assert socket.subscribe("own", f"SELECT * FROM {table}", options={}) == []
    shared = server.websocket("cyd")
    shared.subscribe("all", f"SELECT * FROM {table.replace('.t', '.s')} WHERE n = 7")
    for number in range(10):
        for user in sockets:
            server.client(user).sql(f"INSERT INTO {table} VALUES ($1, $2, 7)", [number, user])
    server.client("bob").sql(f"INSERT INTO {table.replace('.t', '.s')} VALUES (1, 'x', 7), (2, 'y', 8)")
    for user, socket in sockets.items():
        seen = []
        while len(seen) < 10:
            seen += socket.expect("change", "own")["rows"]
        assert {r["title"] for r in seen} == {user} and [int(r["id"]) for r in seen] == list(range(10))
        socket.close()
    assert [r["id"] for r in shared.expect("change", "all")["rows"]] == ["1"]
    shared.close()


def test_snapshot_in_batches_over_both_tiers(server, db, table, ws):
    for start in range(0, 2500, 500):
        db.sql("INSERT INTO t VALUES " + ",".join(f"({i}, 't{i}', {i % 9})" for i in range(start, start + 500)))
        if start == 1000:
            server.flush(table, db)
    rows = ws.subscribe("big", f"SELECT id FROM {table} WHERE n = 3", options={"batch_size": 50})
    assert sorted(int(r["id"]) for r in rows) == [i for i in range(2500) if i % 9 == 3]
    assert [int(r["_seq"]) for r in rows] == sorted(int(r["_seq"]) for r in rows)
    assert ws.ack["total_rows"] == len(rows)
    last = ws.subscribe("last", f"SELECT id FROM {table}", options={"last_rows": 1200})
    assert [int(r["id"]) for r in last] == list(range(1300, 2500))


def test_no_gap_no_double_while_writing(server, db, table):
    """Subscribers that join while four clients write end with exactly what SELECT gives."""
    stop = threading.Event()

    def write(number):
        client = server.client()
        i = 0
        while not stop.is_set() and i < 400:
            i += 1
            key = number * 1000 + i % 50
            client.sql(f"INSERT INTO {table} VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n, "
                       "title = EXCLUDED.title", [key, f"w{i}", i])
            if i % 7 == 0:
                client.sql(f"DELETE FROM {table} WHERE id = $1", [key])
        client.close()
    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    sockets = []
    for number in range(6):
        socket = server.websocket()
        rows = socket.subscribe("w", f"SELECT * FROM {table} WHERE n % 2 = 0", options={"batch_size": 7})
        sockets.append((socket, kalam.RowSet(("id",), rows)))
        if number == 3:
            server.flush(table, db)
    for writer in writers:
        writer.join()
    stop.set()
    expected = sorted(map(tuple, db.rows("SELECT id, title, n FROM t WHERE n % 2 = 0")))
    for socket, rows in sockets:
        def settled(socket=socket, rows=rows):
            for change in socket.changes("w"):
                rows.apply(change)
            return sorted((r["id"], r["title"], r["n"]) for r in rows.rows.values()) == expected
        kalam.wait_until(settled, 20, "live rows")
        socket.close()


def test_one_bad_subscription_among_several(db, table, ws):
    ws.send({"subscriptions": [{"query_id": "a", "sql": f"SELECT * FROM {table}"},
                               {"query_id": "b", "sql": "SELECT * FROM nowhere.t"},
                               {"query_id": "c", "sql": f"SELECT count(*) FROM {table}"}]})
    assert ws.expect("subscription_ack", "a")["query_id"] == "a"
    assert ws.expect("error", "b")["code"] == "NOT_FOUND"
    assert ws.expect("error", "c")["code"] == "UNSUPPORTED"
    db.sql("INSERT INTO t VALUES (1,'x',1)")
    assert ws.expect("change", "a")["query_id"] == "a"


@pytest.mark.parametrize("sql", ["SELECT a.id FROM {t} a JOIN {t} b ON a.id = b.id", "SELECT DISTINCT n FROM {t}",
                                 "SELECT n, count(*) FROM {t} GROUP BY n", "SELECT id FROM {t} UNION SELECT 1",
                                 "SELECT id FROM {t} WHERE n = (SELECT 1)", "SELECT row_number() OVER () FROM {t}",
                                 "SELECT id FROM {t} WHERE id = SNOWFLAKE_ID()"])
def test_what_cannot_be_live_is_refused(db, table, ws, sql):
    with pytest.raises(kalam.SqlError) as failure:
        ws.subscribe("x", sql.format(t=table))
    assert failure.value.code == "UNSUPPORTED"


@pytest.mark.parametrize("names, columns", [
    ("id AS k, _seq AS s, title", ["k", "s", "title", "id", "_seq"]), ("_seq, title AS t, id AS id", ["_seq", "t", "id"]),
    ("*, title AS t", ["id", "title", "n", "_seq", "_updated", "_deleted", "t"]),
    ("title AS id", None), ("id, n AS _seq", None), ("id, n AS _seq, _seq AS s", None), ("n AS _deleted", None)])
def test_key_and_position_keep_their_names(db, table, ws, names, columns):
    """Clients tell rows apart by them, and resume from `_seq`: an alias neither hides nor forges them."""
    db.sql("INSERT INTO t VALUES (1, 'a', 5)")
    sql = f"SELECT {names} FROM {table}"
    if columns is None:
        with pytest.raises(kalam.SqlError) as failure:
            ws.subscribe("s", sql)
        assert failure.value.code == "UNSUPPORTED" and "alias" in failure.value.message
        return
    row = ws.subscribe("s", sql, options={})[0]
    assert [column["name"] for column in ws.ack["schema"]] == columns and set(row) >= {"id", "_seq"}
    assert row["id"] == "1" and row["_seq"] == db.value("SELECT _seq FROM t")


def test_another_users_table_is_unauthorized(server, db, table):
    socket = server.websocket("ann")
    with pytest.raises(kalam.SqlError) as failure:
        socket.subscribe("x", f"SELECT * FROM {table.replace('.t', '.root.t')}")
    assert failure.value.code in ("UNAUTHORIZED", "NOT_FOUND")
    socket.close()


def test_drop_is_refused_while_subscribed(db, table, ws):
    ws.subscribe("x", f"SELECT * FROM {table}")
    status, body = db.post("DROP TABLE t")
    assert status == 400 and body["error"]["code"] == "CONFLICT", body
    live = db.sql(f"SELECT * FROM system.live_queries WHERE table_name = 't' AND namespace_id = '{table[:-2]}'").dicts()
    assert len(live) == 1 and live[0]["query_id"] == "x" and live[0]["live_id"] in body["error"]["message"] + live[0]["live_id"]
    ws.send({"type": "unsubscribe", "subscription_id": "x"})
    ws.expect("unsubscribed", "x")
    kalam.wait_until(lambda: db.post("DROP TABLE t")[0] == 200, 5, "drop")


def test_disconnect_cleans_up(server, db, table):
    socket = server.websocket()
    socket.subscribe("x", f"SELECT * FROM {table}")
    count = "SELECT count(*) FROM system.live_queries WHERE namespace_id = '" + table[:-2] + "'"
    assert db.value(count) == "1"
    socket.close()
    kalam.wait_until(lambda: db.value(count) == "0", 5, "clean-up")


@pytest.mark.parametrize("frame", ["{", "", "{\"type\":\"ping\"} x", "\u0000"])
def test_malformed_json_closes(server, frame):
    socket = server.websocket()
    socket.send(frame)
    assert socket.expect_closed()[0] == 1011


def test_bad_messages_get_errors(db, table, ws):
    ws.send({"type": "subscribe", "subscription": {"id": "", "sql": "SELECT 1"}})
    assert ws.expect("error")["code"] in ("INVALID_SUBSCRIPTION_ID", "PROTOCOL")
    for message in ({"type": "nonsense"}, [1], "x", 5, {}):
        ws.send(message if isinstance(message, dict) else __import__("json").dumps(message))
        assert ws.expect("error")["code"] in ("PROTOCOL", "UNSUPPORTED_DATA"), message
    ws.send({"type": "next_batch", "subscription_id": "unknown"})
    assert ws.expect("error", "unknown")["code"] in ("INVALID_SUBSCRIPTION_ID", "BATCH_FETCH_FAILED", "NOT_FOUND")


def test_parameters_in_subscriptions(db, table, ws):
    ws.subscribe("p", f"SELECT id FROM {table} WHERE n = $1", params=[5])
    db.sql("INSERT INTO t VALUES (1,'x',4),(2,'y',5)")
    assert [r["id"] for r in ws.expect("change", "p")["rows"]] == ["2"]
    assert ws.changes("p") == []


def test_many_changes_in_order(server, db, table, ws):
    ws.subscribe("o", f"SELECT * FROM {table}")
    for i in range(0, 1000, 10):
        db.sql("INSERT INTO t VALUES " + ",".join(f"({i + k}, 'x', {k})" for k in range(10)))
    seen = []
    while len(seen) < 1000:
        seen += ws.expect("change", "o")["rows"]
    assert [int(r["id"]) for r in seen] == list(range(1000))
    assert [int(r["_seq"]) for r in seen] == sorted(int(r["_seq"]) for r in seen)
    kalam.wait_until(lambda: db.value("SELECT changes FROM system.live_queries WHERE query_id = 'o' AND namespace_id = '"
                                      + table[:-2] + "'") == "1000", 5, "counter")


def test_subscribe_text_with_options(db, table, ws):
    db.sql("INSERT INTO t VALUES (1,'a',1),(2,'b',2),(3,'c',3)")
    ws.send({"type": "subscribe", "subscription": {"id": "t", "sql": f"SUBSCRIBE TO {table} WHERE n > 1 LAST 1"}})
    assert ws.expect("subscription_ack", "t")["total_rows"] == 1
    assert [r["id"] for r in ws.expect("initial_data_batch", "t")["rows"]] == ["3"]
    ws.send({"type": "subscribe", "subscription": {
        "id": "u", "sql": f"SUBSCRIBE TO {table} OPTIONS (last_rows = 3, batch_size = 2)"}})
    assert ws.expect("subscription_ack", "u")["total_rows"] == 3
    assert len(ws.expect("initial_data_batch", "u")["rows"]) == 2
    ws.send({"type": "subscribe", "subscription": {"id": "v", "sql": f"SUBSCRIBE TO {table} OPTIONS (from = 0)"}})
    assert ws.expect("error", "v")["code"] == "RESUME_FAILED"


@pytest.mark.parametrize("text, options, rows", [
    ("TO {t}", None, []), ("TO {t} WHERE n > 1", None, []), ("TO {t} LAST 2", {"last_rows": 2}, ["2", "3"]),
    ("SELECT * FROM {t}", None, []), ("SELECT * FROM {t} LIMIT 2", {}, ["2", "3"]),
    ("SELECT * FROM {t} ORDER BY n LIMIT 1 OFFSET 1", {}, ["2"]), ("SELECT * FROM {t} LIMIT 2 OPTIONS (last_rows = 1)", {"last_rows": 1}, ["3"]),
    ("TO {t} OPTIONS (batch_size = 5)", {"batch_size": 5}, ["1", "2", "3"])])
def test_subscribe_over_http_says_what_it_means_over_websocket(db, table, ws, text, options, rows):
    """What the answer tells to send is the same live query as the text itself."""
    db.sql("INSERT INTO t VALUES (1,'a',1),(2,'b',2),(3,'c',3)")
    text = "SUBSCRIBE " + text.format(t=table)
    answer = db.sql(text).dicts()[0]
    prepared = json.loads(answer["subscription"])
    assert prepared["options"] == options
    ws.send({"type": "subscribe", "subscription": prepared})
    ws.send({"type": "subscribe", "subscription": {"id": "text", "sql": text}})
    for identifier in (prepared["id"], "text"):
        ack = ws.expect("subscription_ack", identifier)
        assert ack["total_rows"] == len(rows) and ack["batch_control"]["has_more"] is (options is not None)
        if options is not None:
            assert [r["id"] for r in ws.expect("initial_data_batch", identifier)["rows"]] == rows
