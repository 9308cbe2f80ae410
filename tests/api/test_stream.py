"""Stream tables on the real server: life and end of events, live delivery, ephemeral tables, restarts."""
import itertools
import json
import threading

import kalam
import pytest


@pytest.fixture
def events(db, space):
    db.sql("CREATE STREAM TABLE e (id BIGINT PRIMARY KEY, kind TEXT, n INT) TTL '1h'")
    return f"{space}.e"


@pytest.fixture
def ws(server):
    socket = server.websocket()
    yield socket
    socket.close()


def stats(db, table):
    return db.sql(f"SHOW STATS FOR TABLE {table}").dicts()[0]


def collect(socket, subscription, count, limit_s=20.0):
    rows = []
    while len(rows) < count:
        change = socket.expect("change", subscription, limit_s)
        assert change["change_type"] == "insert"
        rows += change["rows"]
    return rows


def test_events_expire(db, space):
    db.sql("CREATE STREAM TABLE short (id BIGINT PRIMARY KEY) TTL '2s'")
    db.sql("CREATE STREAM TABLE long (id BIGINT PRIMARY KEY) TTL '1h'")
    for table in ("short", "long"):
        db.sql(f"INSERT INTO {table} VALUES (1), (2), (3)")
        assert db.value(f"SELECT count(*) FROM {table}") == "3"
        assert stats(db, table)["buffered_rows"] == "3"
    kalam.wait_until(lambda: db.value("SELECT count(*) FROM short") == "0", 10, "expired events are hidden")
    kalam.wait_until(lambda: stats(db, "short")["buffered_rows"] == "0", 10, "expired events are evicted")
    assert db.value("SELECT count(*) FROM long") == "3"
    jobs = kalam.wait_until(lambda: db.sql("SELECT * FROM system.jobs WHERE job_type = 'stream_eviction' AND "
                                           "namespace_id = $1", [space]).dicts(), 10, "the summary row")
    assert len(jobs) == 1 and jobs[0]["table_name"] == "short" and jobs[0]["status"] == "completed"
    assert jobs[0]["result"].endswith(" events expired, 0 above max_buffer") and jobs[0]["completed_at"] is not None
    db.sql("INSERT INTO short VALUES (4)")
    assert db.rows("SELECT id FROM short") == [["4"]]


def test_max_buffer_holds_the_newest(db, space):
    db.sql("CREATE STREAM TABLE b (id BIGINT PRIMARY KEY) TTL '1h' MAX_BUFFER 100")
    for start in range(0, 500, 50):
        db.sql("INSERT INTO b VALUES " + ",".join(f"({1000 - i})" for i in range(start, start + 50)))
        assert int(db.value("SELECT count(*) FROM b")) == min(start + 50, 100)
    assert [int(r[0]) for r in db.rows("SELECT id FROM b ORDER BY _seq")] == [1000 - i for i in range(400, 500)]
    db.sql("INSERT INTO b SELECT id + 5000 FROM b")
    assert [int(r[0]) for r in db.rows("SELECT id FROM b ORDER BY id")] == sorted(6000 - i for i in range(400, 500))
    assert stats(db, "b")["buffered_rows"] == "100"
    jobs = kalam.wait_until(lambda: db.sql("SELECT result FROM system.jobs WHERE namespace_id = $1", [space]).rows, 10,
                            "the summary row")
    assert " above max_buffer" in jobs[0][0] and jobs[0][0].startswith("0 events expired")


def test_describe_shows_the_options(db, space):
    db.sql("CREATE STREAM TABLE d (id BIGINT PRIMARY KEY) TTL '1m' EPHEMERAL MAX_BUFFER 7")
    table = db.sql("DESCRIBE d").raw["table"]
    assert table["table_type"] == "STREAM" and table["storage"] is None
    config = table["stream_config"]
    config = json.loads(config) if isinstance(config, str) else config
    assert config == {"retention_seconds": 60, "ephemeral": True, "max_buffer": 7}
    row = stats(db, "d")
    assert (row["flushed_rows"], row["parquet_files"], row["last_flush"], row["flush_config"]) == ("0", "0", None, "N/A")


def test_live_delivery_and_filters(server, db, events, ws):
    db.sql(f"INSERT INTO {events} VALUES (1, 'a', 1), (2, 'b', 2), (3, 'a', 3)")
    other = server.websocket("lena")         # no implicit filter: everybody hears everything
    assert [r["id"] for r in ws.subscribe("all", f"SELECT * FROM {events}", options={"last_rows": 2})] == ["2", "3"]
    assert ws.ack["total_rows"] == 2
    assert other.subscribe("some", f"SELECT id FROM {events} WHERE n > 10") == []
    server.client("omar").sql(f"INSERT INTO {events} VALUES (4, 'c', 20), (5, 'c', 5)")
    rows = collect(ws, "all", 2)
    assert [r["id"] for r in rows] == ["4", "5"] and set(rows[0]) == {"id", "kind", "n", "_seq"}
    assert [r["id"] for r in collect(other, "some", 1)] == ["4"]
    db.sql(f"DELETE FROM {events} WHERE id IN (3, 4)")
    gone = []
    while len(gone) < 2:
        change = ws.expect("change", "all")
        assert change["change_type"] == "delete" and "rows" not in change
        gone += change["old_values"]
    assert [r["id"] for r in gone] == ["3", "4"] and all("_deleted" not in r for r in gone)
    assert int(gone[0]["_seq"]) > int(rows[-1]["_seq"])
    change = other.expect("change", "some")
    assert change["change_type"] == "delete" and change["old_values"][0]["id"] == "4"
    # A key that repeats is another event, never an update.
    db.sql(f"INSERT INTO {events} VALUES (4, 'again', 30)")
    assert collect(other, "some", 1)[0]["id"] == "4"
    other.close()


def test_subscribers_are_not_told_of_eviction(db, space, ws):
    db.sql("CREATE STREAM TABLE v (id BIGINT PRIMARY KEY) TTL '1s' MAX_BUFFER 5")
    assert ws.subscribe("v", f"SELECT * FROM {space}.v") == []
    db.sql("INSERT INTO v VALUES " + ",".join(f"({i})" for i in range(20)))
    assert [int(r["id"]) for r in collect(ws, "v", 20)] == list(range(20))   # those that were displaced at once too
    kalam.wait_until(lambda: stats(db, "v")["buffered_rows"] == "0", 10, "evicted")
    db.sql("INSERT INTO v VALUES (100)")
    assert [r["id"] for r in collect(ws, "v", 1)] == ["100"]
    assert ws.changes("v") == []


def test_snapshot_outlives_its_events(db, space, ws):
    """Batches of a snapshot are complete although its events expire and are evicted while it is fetched."""
    db.sql("CREATE STREAM TABLE o (id BIGINT PRIMARY KEY, body TEXT) TTL '2s' MAX_BUFFER 20000")
    body = "x" * 1000
    for start in range(0, 6000, 1000):       # more than is kept as text: read again when its batch is sent
        db.sql("INSERT INTO o VALUES " + ",".join(f"({i}, '{body}')" for i in range(start, start + 1000)))
    ws.send({"type": "subscribe", "subscription": {"id": "o", "sql": f"SELECT * FROM {space}.o",
                                                   "options": {"batch_size": 500}}})
    total = ws.expect("subscription_ack", "o")["total_rows"]
    assert total > 4500
    rows = ws.expect("initial_data_batch", "o")["rows"]
    kalam.wait_until(lambda: stats(db, "o")["buffered_rows"] == "0", 15, "evicted")
    more = True
    while more:
        ws.send({"type": "next_batch", "subscription_id": "o"})
        batch = ws.expect("initial_data_batch", "o")
        rows += batch["rows"]
        more = batch["batch_control"]["has_more"]
    assert len(rows) == total and len({r["_seq"] for r in rows}) == total
    db.sql("INSERT INTO o VALUES (9999, 'new')")
    assert collect(ws, "o", 1)[0]["id"] == "9999"


def test_more_changes_than_are_held_while_loading(db, space, ws):
    """The hold overflows: inserts and deletes since the snapshot come as the net difference."""
    db.sql("CREATE STREAM TABLE h (id BIGINT PRIMARY KEY, n INT) TTL '1h' MAX_BUFFER 100000")
    db.sql("INSERT INTO h VALUES " + ",".join(f"({i}, 0)" for i in range(300)))
    ws.send({"type": "subscribe", "subscription": {"id": "h", "sql": f"SELECT * FROM {space}.h",
                                                   "options": {"batch_size": 100}}})
    assert ws.expect("subscription_ack", "h")["total_rows"] == 300
    seen = {r["id"] for r in ws.expect("initial_data_batch", "h")["rows"]}
    for i in range(1200):                    # each a message of its own
        db.sql(f"INSERT INTO h VALUES ({1000 + i}, 1)")
    db.sql("DELETE FROM h WHERE id BETWEEN 150 AND 159 OR id BETWEEN 1100 AND 1104")
    for _ in range(2):
        ws.send({"type": "next_batch", "subscription_id": "h"})
        seen |= {r["id"] for r in ws.expect("initial_data_batch", "h")["rows"]}
    db.sql("INSERT INTO h VALUES (5000, 2)")
    while "5000" not in seen:
        change = ws.expect("change", "h")
        if change["change_type"] == "delete":
            seen -= {r["id"] for r in change["old_values"]}
        else:
            assert not seen & {r["id"] for r in change["rows"]}
            seen |= {r["id"] for r in change["rows"]}
    assert seen == {r[0] for r in db.rows("SELECT id FROM h")}


def test_resume_replays_what_is_buffered(db, space, ws):
    db.sql("CREATE STREAM TABLE q (id BIGINT PRIMARY KEY) TTL '1h' MAX_BUFFER 4")
    seqs = [int(db.rows(f"INSERT INTO q VALUES ({i}) RETURNING _seq")[0][0]) for i in range(8)]
    db.sql("DELETE FROM q WHERE id = 6")
    for seen, expected in ((5, ["7"]), (4, ["5", "7"]), (0, ["4", "5", "7"]), (7, [])):
        rows = ws.subscribe(f"q{seen}", f"SELECT * FROM {space}.q", options={"from": seqs[seen]})
        assert [r["id"] for r in rows] == expected
        assert ws.changes(f"q{seen}") == []          # a deleted event leaves nothing that could be told
    db.sql("INSERT INTO q VALUES (8)")
    for seen in (5, 4, 0, 7):
        assert [r["id"] for r in collect(ws, f"q{seen}", 1)] == ["8"]


def test_ephemeral_keeps_nothing_without_listener(db, space, ws):
    db.sql("CREATE STREAM TABLE p (id BIGINT PRIMARY KEY) TTL '1h' EPHEMERAL")
    assert db.sql("INSERT INTO p VALUES (1), (2)").row_count == 2
    assert db.value("SELECT count(*) FROM p") == "0"
    assert ws.subscribe("p", f"SELECT * FROM {space}.p", options={}) == []
    db.sql("INSERT INTO p VALUES (3)")
    assert [r["id"] for r in collect(ws, "p", 1)] == ["3"]
    assert db.rows("SELECT id FROM p") == [["3"]]
    ws.send({"type": "unsubscribe", "subscription_id": "p"})
    ws.expect("unsubscribed", "p")
    db.sql("INSERT INTO p VALUES (4)")
    assert db.rows("SELECT id FROM p") == [["3"]]
    assert db.post(f"DROP TABLE {space}.p")[1]["status"] == "success"


def test_ephemeral_listener_that_vanishes(server, db, space):
    db.sql("CREATE STREAM TABLE p (id BIGINT PRIMARY KEY) TTL '1h' EPHEMERAL")
    socket = server.websocket()
    socket.subscribe("p", f"SELECT * FROM {space}.p")
    numbers = itertools.count()
    db.sql(f"INSERT INTO p VALUES ({next(numbers)})")
    assert db.value("SELECT count(*) FROM p") == "1"
    socket.close()

    def discarded():
        before = db.value("SELECT count(*) FROM p")
        db.sql(f"INSERT INTO p VALUES ({next(numbers)})")
        return db.value("SELECT count(*) FROM p") == before
    kalam.wait_until(discarded, 10, "nobody listens any more")


def test_ephemeral_race_of_subscribers_and_inserts(server, db, space):
    """Spec trap 7. While listeners come and go, whoever is subscribed when an INSERT begins gets its event."""
    db.sql("CREATE STREAM TABLE r (id BIGINT PRIMARY KEY) TTL '1h' EPHEMERAL MAX_BUFFER 100000")
    stop, failures, delivered = threading.Event(), [], []
    numbers = itertools.count(1)

    def insert_others():
        client = server.client()
        while not stop.is_set():
            client.sql(f"INSERT INTO {space}.r VALUES ($1)", [next(numbers)])
        client.close()

    def listen(name):
        socket, client = server.websocket(), server.client()
        try:
            for turn in range(25):
                subscription = f"{name}-{turn}"
                shown = socket.subscribe(subscription, f"SELECT id FROM {space}.r", options={"last_rows": 0})
                assert shown == []
                mine = [next(numbers), next(numbers)]
                for number in mine:          # sent after the acknowledgement: must come
                    client.sql(f"INSERT INTO {space}.r VALUES ($1)", [number])
                seen = []
                while not set(mine) <= set(seen):
                    seen += [int(r["id"]) for r in socket.expect("change", subscription)["rows"]]
                assert len(seen) == len(set(seen))
                delivered.extend(mine)
                socket.send({"type": "unsubscribe", "subscription_id": subscription})
                socket.expect("unsubscribed", subscription)
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)
        finally:
            socket.close()
            client.close()
    threads = [threading.Thread(target=listen, args=(f"l{n}",)) for n in range(3)]
    others = threading.Thread(target=insert_others)
    for thread in [others, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    others.join()
    assert not failures, failures
    assert len(delivered) == 3 * 25 * 2


def test_tables_are_apart(db, space):
    """Streams share one family of keys in the store: names and ids that are each other's beginning."""
    names = ["s", "s1", "s12", "s2"]
    for number, name in enumerate(names):
        db.sql(f"CREATE STREAM TABLE {name} (id TEXT PRIMARY KEY, x TEXT) TTL '1h' MAX_BUFFER 3")
        db.sql(f"INSERT INTO {name} VALUES " + ",".join(f"('{i}', '{name}')" for i in range(number + 1)))
    for number, name in enumerate(names):
        assert db.rows(f"SELECT id, x FROM {name} ORDER BY id") == [
            [str(i), name] for i in range(max(0, number - 2), number + 1)]
    db.sql("DELETE FROM s1")
    db.sql("DROP TABLE s12")
    assert db.value("SELECT count(*) FROM s") == "1" and db.value("SELECT count(*) FROM s2") == "3"
    db.sql("CREATE STREAM TABLE s12 (id TEXT PRIMARY KEY, x TEXT) TTL '1h'")
    assert db.rows("SELECT * FROM s12") == []


def test_many_streams(db, space):
    for start in range(0, 1000, 50):
        db.batch("; ".join(f"CREATE STREAM TABLE m{i} (id BIGINT PRIMARY KEY) TTL '1h'"
                           for i in range(start, start + 50)))
    for i in range(0, 1000, 7):
        db.sql(f"INSERT INTO m{i} VALUES ({i})")
    for i in range(0, 1000, 7):
        assert db.rows(f"SELECT id FROM m{i}") == [[str(i)]]
        assert i == 0 or db.value(f"SELECT count(*) FROM m{i - 1}") == "0"
    db.sql(f"DROP NAMESPACE {space} CASCADE")


def test_restart_loses_events_only(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE r; CREATE STREAM TABLE r.e (id BIGINT PRIMARY KEY) TTL '1h' MAX_BUFFER 50;"
             "CREATE SHARED TABLE r.t (id BIGINT PRIMARY KEY)")
    last = 0
    for turn, end in enumerate((server.stop, server.kill, server.stop)):
        db.sql("DELETE FROM r.e")
        db.sql("INSERT INTO r.e VALUES (1), (2), (3)")
        db.sql(f"INSERT INTO r.t VALUES ({turn})")
        last = max(last, int(db.rows("INSERT INTO r.e VALUES (4) RETURNING _seq")[0][0]))
        assert db.value("SELECT count(*) FROM r.e") == "4"
        end()
        server.start()
        db = server.client()
        assert db.rows("SELECT * FROM r.e") == []
        assert stats(db, "r.e")["buffered_rows"] == "0"
        seq = int(db.rows("INSERT INTO r.e VALUES (5) RETURNING _seq")[0][0])
        assert seq > last, "a number came twice"
        last = seq
        assert db.rows("SELECT id FROM r.e") == [["5"]]
        assert db.value("SELECT count(*) FROM r.t") == str(turn + 1)
        assert db.sql("DESCRIBE r.e").raw["table"]["table_type"] == "STREAM"
    assert not any("/e/" in path for path in server.parquet_files())
    job = db.post("STORAGE FLUSH TABLE r.e")[1]
    assert job["error"]["code"] == "INVALID_OPERATION"


def test_kill_while_events_and_rows_share_groups(own_server):
    """Durable rows survive although the events beside them are written without log, and no number comes twice."""
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE r; CREATE STREAM TABLE r.e (id BIGINT PRIMARY KEY) TTL '1h';"
             "CREATE SHARED TABLE r.t (id BIGINT PRIMARY KEY)")
    acknowledged, numbers = {"e": [], "t": []}, itertools.count()

    def write(table):
        client = server.client()
        try:
            while True:
                row = client.rows(f"INSERT INTO r.{table} VALUES ({next(numbers)}) RETURNING id, _seq")[0]
                acknowledged[table].append((row[0], int(row[1])))
        except (OSError, kalam.http.client.HTTPException):
            client.close()
    for _ in range(3):
        threads = [threading.Thread(target=write, args=(table,)) for table in "etet"]
        before = len(acknowledged["t"])
        for thread in threads:
            thread.start()
        kalam.wait_until(lambda: len(acknowledged["t"]) > before + 200, 30, "rows")
        server.kill()
        for thread in threads:
            thread.join()
        server.start()
        db = server.client()
        stored = {row[0] for row in db.rows("SELECT id FROM r.t")}
        assert {row[0] for row in acknowledged["t"]} <= stored
        assert db.rows("SELECT id FROM r.e") == []
    seqs = [row[1] for table in acknowledged.values() for row in table]
    assert len(seqs) == len(set(seqs))


def test_defaults_come_from_the_configuration():
    config = "[stream]\ndefault_ttl_seconds = 77\ndefault_max_buffer = 3\neviction_interval_ms = 20\n"
    with kalam.Server(config=config) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE c; CREATE STREAM TABLE c.e (id BIGINT PRIMARY KEY)")
        assert json.loads(db.value("SELECT stream_config FROM system.tables WHERE table_name = 'e'")) == {
            "retention_seconds": 77, "ephemeral": False, "max_buffer": 3}
        db.sql("INSERT INTO c.e VALUES (1), (2), (3), (4)")
        assert db.value("SELECT count(*) FROM c.e") == "3"
        server.stop()
