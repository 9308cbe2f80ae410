"""ALTER TABLE over real HTTP and WebSocket: live queries go on, columns they name are kept, concurrent writers, flushes and
other ALTERs, restart, thousands of versions."""
import random
import threading
import time

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


def refused(client, code, sql, *words):
    with pytest.raises(kalam.SqlError) as caught:
        client.sql(sql)
    assert caught.value.code == code, caught.value
    assert all(word in caught.value.message for word in words), caught.value.message


def version(db, name):
    return db.value("SELECT current_schema_version FROM system.tables WHERE table_name = $1 AND namespace_id = $2",
                    [name, db.namespace])


# ---- live queries


def test_a_star_goes_on_with_the_new_schema(db, table, ws):
    db.sql("INSERT INTO t VALUES (1,'a',1)")
    ws.subscribe("s", f"SELECT * FROM {table}", options={})
    db.sql("ALTER TABLE t ADD COLUMN colour TEXT DEFAULT 'red'")
    db.sql("UPDATE t SET n = 2 WHERE id = 1")
    change = ws.expect("change", "s")
    assert change["rows"][0]["colour"] == "red" and change["rows"][0]["n"] == 2
    assert "colour" not in change["old_values"][0] and change["old_values"][0]["n"] == 1
    db.sql("ALTER TABLE t DROP COLUMN title, RENAME COLUMN n TO amount, ALTER amount TYPE BIGINT")
    db.sql("INSERT INTO t (id, amount, colour) VALUES (2, 5000000000, 'blue')")
    row = ws.expect("change", "s")["rows"][0]
    assert row["amount"] == "5000000000" and row["colour"] == "blue" and "title" not in row and "n" not in row
    db.sql("UPDATE t SET colour = NULL WHERE id = 1")
    change = ws.expect("change", "s")
    assert change["rows"][0]["amount"] == "2" and change["old_values"][0]["colour"] == "red"
    db.sql("DELETE FROM t WHERE id = 1")
    assert ws.expect("change", "s")["old_values"][0]["amount"] == "2"


def test_named_columns_go_on(db, table, ws):
    db.sql("INSERT INTO t VALUES (1,'a',1)")
    assert len(ws.subscribe("f", f"SELECT title FROM {table} WHERE n > $1 AND lower(title) LIKE 'a%'", options={},
                            params=[0])) == 1
    db.sql("ALTER TABLE t ADD z INT, ALTER n SET DEFAULT 7, ALTER n SET NOT NULL")
    db.sql("INSERT INTO t (id, title) VALUES (2, 'Ab')")
    row = ws.expect("change", "f")["rows"][0]
    assert set(row) == {"title", "id", "_seq"} and row["title"] == "Ab"
    db.sql("UPDATE t SET n = 0 WHERE id = 1")
    assert ws.expect("change", "f")["change_type"] == "delete"


def test_now_keeps_the_moment_of_the_subscription(db, space, ws):
    db.sql("CREATE SHARED TABLE m (id INT PRIMARY KEY, at TIMESTAMP)")
    ws.subscribe("m", f"SELECT id FROM {space}.m WHERE at > NOW()")
    db.sql("ALTER TABLE m ADD x INT")
    db.sql("INSERT INTO m (id, at) VALUES (1, NOW())")  # later than the subscription
    assert ws.expect("change", "m")["rows"][0]["id"] == 1


@pytest.mark.parametrize("action", ["DROP COLUMN n", "RENAME COLUMN n TO m", "MODIFY n BIGINT", "ALTER n TYPE BIGINT"])
def test_a_named_column_is_kept(db, table, ws, action):
    ws.subscribe("where", f"SELECT * FROM {table} WHERE n > 3")
    refused(db, "CONFLICT", f"ALTER TABLE t {action}", "1 active subscription", "query_id where", "connection_id")
    ws.subscribe("list", f"SELECT id, n FROM {table}")
    refused(db, "CONFLICT", f"ALTER TABLE t ADD x INT, {action}", "2 active subscription", "query_id where", "query_id list")
    assert version(db, "t") == 1
    for name in ("where", "list"):
        ws.send({"type": "unsubscribe", "subscription_id": name})
        ws.expect("unsubscribed", name)
    ws.subscribe("star", f"SELECT * FROM {table}")  # `*` is no reference
    ws.subscribe("other", f"SELECT title FROM {table} WHERE id > 0")
    db.sql(f"ALTER TABLE t {action}")
    assert version(db, "t") == 2


def test_a_column_sorted_by_is_named(db, table, ws):
    ws.subscribe("o", f"SELECT id FROM {table} ORDER BY n")
    refused(db, "CONFLICT", "ALTER TABLE t DROP COLUMN n", "query_id o")


def test_everybodys_subscriptions_count(server, db, table):
    sockets = [server.websocket(f"u{i}") for i in range(12)]
    for i, socket in enumerate(sockets):
        socket.subscribe(f"q{i}", f"SELECT n FROM {table}")
    refused(db, "CONFLICT", "ALTER TABLE t DROP COLUMN n", "12 active subscription", "query_id q", "…")
    for socket in sockets:
        socket.close()
    kalam.wait_until(lambda: db.value("SELECT count(*) FROM system.live_queries") == "0", 10, "subscriptions gone")
    db.sql("ALTER TABLE t DROP COLUMN n")


def test_a_snapshot_in_batches_survives_an_alter(db, table, ws):
    db.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, 'x{i}', {i})" for i in range(50)))
    ws.send({"type": "subscribe", "subscription": {"id": "b", "sql": f"SELECT * FROM {table}", "options": {"batch_size": 10}}})
    ws.expect("subscription_ack", "b")
    rows = ws.expect("initial_data_batch", "b")["rows"]
    db.sql("ALTER TABLE t DROP COLUMN title, ADD extra INT DEFAULT 9")
    db.sql("UPDATE t SET n = -1 WHERE id = 49")
    db.sql("INSERT INTO t (id, n, extra) VALUES (50, 50, 50)")
    more = True
    while more:
        ws.send({"type": "next_batch", "subscription_id": "b"})
        batch = ws.expect("initial_data_batch", "b")
        rows += batch["rows"]
        more = batch["batch_control"]["has_more"]
    assert [r["id"] for r in rows] == [str(i) for i in range(50)]
    assert all(r["title"] == f"x{r['id']}" and "extra" not in r for r in rows)  # one point in time, schema included
    update, insert = ws.expect("change", "b"), ws.expect("change", "b")
    assert update["rows"][0]["extra"] == 9 and update["rows"][0]["n"] == -1 and update["old_values"][0]["n"] == 49
    assert insert["change_type"] == "insert" and insert["rows"][0]["extra"] == 50


def test_a_held_overflow_across_an_alter():
    """More changes than are held while a snapshot loads, with an ALTER among them: the net difference is in the new schema."""
    with kalam.Server(config="[live]\nqueue_events = 20\n") as server:
        db, ws = server.client(), server.websocket()
        db.sql("CREATE NAMESPACE h; CREATE USER TABLE h.t (id INT PRIMARY KEY, a TEXT)")
        db.sql("INSERT INTO h.t VALUES " + ", ".join(f"({i}, 'x')" for i in range(30)))
        ws.send({"type": "subscribe", "subscription": {"id": "b", "sql": "SELECT * FROM h.t", "options": {"batch_size": 10}}})
        ws.expect("subscription_ack", "b")
        rows = kalam.RowSet(["id"], ws.expect("initial_data_batch", "b")["rows"])
        for i in range(15):
            db.sql(f"UPDATE h.t SET a = 'y{i}' WHERE id = {i}")
        db.sql("ALTER TABLE h.t DROP COLUMN a, ADD COLUMN b INT DEFAULT 5")
        for i in range(10, 40):
            db.sql(f"INSERT INTO h.t (id, b) VALUES ({i}, {i}) ON CONFLICT (id) DO UPDATE SET b = EXCLUDED.b")
        more = True
        while more:
            ws.send({"type": "next_batch", "subscription_id": "b"})
            batch = ws.expect("initial_data_batch", "b")
            for row in batch["rows"]:
                rows.rows[rows.key_of(row)] = row
            more = batch["batch_control"]["has_more"]

        def caught_up():
            for change in ws.changes("b"):
                rows.apply(change)
            return len(rows.rows) == 40
        kalam.wait_until(caught_up, 10, "all rows")
        assert {k[0]: r.get("b") for k, r in rows.rows.items() if "b" in r} == \
            {i: 5 if i < 10 else i for i in range(40)}
        ws.close()
        server.stop()


def test_access_taken_away_ends_subscriptions(server, db, space, table):
    lena = server.websocket("lena")
    db.sql("CREATE USER lena WITH INTERNAL ROLE user")
    other = server.websocket("lena")
    for name, socket in (("mine", lena), ("again", other)):
        socket.subscribe(name, f"SELECT * FROM {space}.s")
        socket.subscribe(name + "-own", f"SELECT * FROM {table}")
    root = server.websocket("root")
    root.subscribe("root", f"SELECT * FROM {space}.s")
    db.sql("ALTER TABLE s SET ACCESS PRIVATE")
    assert other.expect("error", "again")["code"] == "UNAUTHORIZED"
    db.sql("INSERT INTO s VALUES (1, 'secret', 1)")
    assert root.expect("change", "root")["rows"][0]["title"] == "secret"
    assert other.changes("again") == []
    with pytest.raises(kalam.SqlError) as caught:
        other.subscribe("new", f"SELECT * FROM {space}.s")
    assert caught.value.code == "UNAUTHORIZED"
    for socket in (lena, other, root):
        socket.close()
    db.sql("DROP USER lena")


@pytest.fixture
def patient_server():
    """Takes any number of messages."""
    with kalam.Server(config="[rate_limit]\nmax_messages_per_sec = 1000000\n") as running:
        yield running
        running.stop()


def test_subscribing_while_columns_come_and_go(patient_server):
    """A subscription that names a column exists only while the column does; whoever is refused is told why."""
    stop, failures, held = threading.Event(), [], [0, 0]
    server, db = patient_server, patient_server.client()
    db.sql("CREATE NAMESPACE c; CREATE USER TABLE c.t (id BIGINT PRIMARY KEY)")

    def subscriber(number):
        socket = server.websocket("root")
        try:
            while not stop.is_set():
                try:
                    socket.subscribe(f"c{number}", "SELECT id, extra FROM c.t", options={})
                    held[0] += 1
                    socket.send({"type": "unsubscribe", "subscription_id": f"c{number}"})
                    answer = socket.take(lambda m: m.get("type") in ("unsubscribed", "error"))
                    if answer["type"] == "error":
                        failures.append(f"a live subscription ended: {answer}")
                except kalam.SqlError as error:
                    held[1] += 1
                    if error.code != "INVALID_SQL" or "extra" not in error.message:
                        failures.append(repr(error))
        except Exception as error:
            failures.append(repr(error))
        finally:
            socket.close()

    threads = [threading.Thread(target=subscriber, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    conflicts = done = 0
    end = time.monotonic() + 4
    while time.monotonic() < end:
        sql = ("ALTER TABLE c.t ADD COLUMN extra INT", "ALTER TABLE c.t DROP COLUMN extra")[done % 2]
        try:
            db.sql(sql)
            done += 1
        except kalam.SqlError as error:
            assert error.code == "CONFLICT" and done % 2 == 1, error
            conflicts += 1
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not failures, failures[:5]
    assert done > 10 and held[0] > 0 and held[1] > 0, (done, conflicts, held)


# ---- concurrency


class Writers:
    """Threads that insert rows with keys of their own until they are stopped; `acked` says what must be there."""

    def __init__(self, server, namespace, statement, count=4, user="root"):
        self.stop, self.acked, self.errors, self.unexpected = threading.Event(), {}, [], []
        self.statement = statement
        self.threads = [threading.Thread(target=self.run, args=(server.client(user, namespace=namespace), n, count))
                        for n in range(count)]

    def run(self, client, number, step):
        key = number
        while not self.stop.is_set():
            sql, value = self.statement(key)
            try:
                client.sql(sql)
                self.acked[key] = value
            except kalam.SqlError as error:
                self.errors.append(error.code)
            except Exception as error:
                self.unexpected.append(repr(error))
                break
            key += step
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.unexpected, self.unexpected[:3]


def test_no_null_slips_into_a_not_null_column(server, db, space):
    """Writers insert NULLs all the time: either the ALTER is refused, or no NULL is there and none comes later."""
    db.sql("CREATE USER TABLE w (id BIGINT PRIMARY KEY, v INT)")
    users = ["ann", "bob", "root"]
    with Writers(server, space, lambda key: (f"INSERT INTO w VALUES ({key}, {'NULL' if key % 50 == 0 else key})", key), user="ann"):
        won = refusals = 0
        end = time.monotonic() + 8
        while time.monotonic() < end and won < 15:
            db.sql("EXECUTE AS USER root (DELETE FROM w)")
            for user in users:
                client = server.client(user, namespace=space)
                client.sql("DELETE FROM w WHERE v IS NULL")
                client.close()
            try:
                db.sql("ALTER TABLE w ALTER COLUMN v SET NOT NULL")
                won += 1
                for user in users:
                    client = server.client(user, namespace=space)
                    assert client.value("SELECT count(*) FROM w WHERE v IS NULL") == "0"
                    client.close()
                db.sql("ALTER TABLE w ALTER COLUMN v DROP NOT NULL")
            except kalam.SqlError as error:
                assert error.code == "INVALID_SCHEMA_EVOLUTION", error
                refusals += 1
    assert won > 0, (won, refusals)


def test_a_required_column_only_on_an_empty_table(server, db, space):
    db.sql("CREATE SHARED TABLE w (id BIGINT PRIMARY KEY, v INT)")
    with Writers(server, space, lambda key: (f"INSERT INTO w (id, v) VALUES ({key}, 1)", 1), count=2) as writers:
        won = 0
        end = time.monotonic() + 5
        while time.monotonic() < end and won < 5:
            db.sql("DELETE FROM w")
            try:
                db.sql("ALTER TABLE w ADD COLUMN must INT NOT NULL")
                won += 1
                assert db.value("SELECT count(*) FROM w") == "0"
                before = len(writers.errors)
                kalam.wait_until(lambda: len(writers.errors) > before, 5, "writers are refused")
                db.sql("ALTER TABLE w DROP COLUMN must")
            except kalam.SqlError as error:
                assert error.code == "INVALID_SCHEMA_EVOLUTION", error
    assert set(writers.errors) <= {"CONSTRAINT_VIOLATION"}


def test_writers_flushes_and_alters_at_once(server, db, space):
    """Each acknowledged row is there with its values, whatever version it was written under."""
    db.sql("CREATE SHARED TABLE w (id BIGINT PRIMARY KEY, v INT, note TEXT)")
    stop, unexpected = threading.Event(), []

    def flusher():
        client = server.client(namespace=space)
        try:
            while not stop.is_set():
                server.flush(f"{space}.w", client)
        except Exception as error:
            unexpected.append(repr(error))
        client.close()

    def updater():
        client = server.client(namespace=space)
        rng = random.Random(4)
        try:
            while not stop.is_set():
                client.sql(f"UPDATE w SET note = note || '+' WHERE id % 7 = {rng.randrange(7)} AND length(note) < 20")
        except Exception as error:
            unexpected.append(repr(error))
        client.close()

    threads = [threading.Thread(target=flusher), threading.Thread(target=updater)]
    alters = 0
    with Writers(server, space, lambda key: (f"INSERT INTO w (id, v, note) VALUES ({key}, {key * 3}, 'n')", key * 3)) as writers:
        for thread in threads:
            thread.start()
        end = time.monotonic() + 6
        while time.monotonic() < end and not unexpected:
            db.sql(f"ALTER TABLE w ADD COLUMN c{alters} INT DEFAULT {alters}")
            assert db.value(f"SELECT count(*) FROM w WHERE c{alters} IS DISTINCT FROM {alters}") == "0"
            if alters % 3 == 2:
                db.sql(f"ALTER TABLE w DROP COLUMN c{alters - 1}, RENAME COLUMN c{alters} TO d{alters}")
            alters += 1
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not unexpected, unexpected[:3]
    assert not writers.errors, writers.errors[:5]
    rows = {int(i): v for i, v in db.rows("SELECT id, v FROM w")}
    assert rows == writers.acked and alters > 3
    server.flush(f"{space}.w", db)
    assert {int(i): v for i, v in db.rows("SELECT id, v FROM w")} == writers.acked
    assert db.value("SELECT count(*) FROM w WHERE c0 = 0") == str(len(rows))


def test_alters_of_one_table_queue_up(server, db, space):
    db.sql("CREATE SHARED TABLE q (id INT PRIMARY KEY)")
    failures = []

    def alter(number):
        client = server.client(namespace=space)
        try:
            for i in range(10):
                client.sql(f"ALTER TABLE q ADD COLUMN c{number}_{i} INT DEFAULT {i}")
        except Exception as error:
            failures.append(repr(error))
        client.close()

    threads = [threading.Thread(target=alter, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures[:3]
    assert version(db, "q") == 61
    columns = db.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'q' AND table_schema = $1 AND NOT is_system", [space])
    assert len(columns) == 61
    ids = db.rows("DESCRIBE q")
    assert len({row[2] for row in ids}) == len(ids)  # no column id twice


def test_an_alter_and_a_drop_at_once(server, db, space):
    for i in range(10):
        db.sql("CREATE SHARED TABLE IF NOT EXISTS g (id INT PRIMARY KEY)")
        other, codes = server.client(namespace=space), []

        def drop():
            other.sql("DROP TABLE g")
        thread = threading.Thread(target=drop)
        thread.start()
        try:
            for n in range(3):
                db.sql(f"ALTER TABLE g ADD c{n} INT")
        except kalam.SqlError as error:
            codes.append(error.code)
        thread.join(30)
        other.close()
        assert set(codes) <= {"TABLE_NOT_FOUND"}
        assert db.rows("SELECT table_name FROM system.tables WHERE namespace_id = $1 AND table_name = 'g'", [space]) == []


# ---- caches, many versions, restart


def test_cached_plans_see_the_new_schema(db, table):
    db.sql("INSERT INTO t VALUES (1, 'a', 1)")
    for _ in range(3):
        assert db.rows("SELECT title, n FROM t WHERE id = 1") == [["a", 1]]
        assert db.sql("SELECT * FROM t WHERE id = 1").names[:3] == ["id", "title", "n"]
    db.sql("ALTER TABLE t RENAME COLUMN title TO n2, RENAME COLUMN n TO title")
    assert db.rows("SELECT title, n2 FROM t WHERE id = 1") == [[1, "a"]]
    refused(db, "COLUMN_NOT_FOUND", "SELECT title, n FROM t WHERE id = 1")
    assert db.sql("SELECT * FROM t WHERE id = 1").names[:3] == ["id", "n2", "title"]
    db.sql("ALTER TABLE t ALTER title TYPE DOUBLE")
    assert db.sql("SELECT title FROM t WHERE id = 1").schema[0]["data_type"] == "Double"


def test_a_thousand_versions(own_server):
    db = own_server.client()
    db.sql("CREATE NAMESPACE m; CREATE SHARED TABLE m.t (id INT PRIMARY KEY, a TEXT)")
    took = []
    for i in range(500):
        started = time.monotonic()
        db.sql(f"ALTER TABLE m.t ADD COLUMN c{i} INT DEFAULT {i}")
        if i % 5 == 0:
            db.sql(f"INSERT INTO m.t (id, a) VALUES ({i}, 'r{i}')")
        if i in (100, 300):
            own_server.flush("m.t", db)
        db.sql(f"ALTER TABLE m.t DROP COLUMN c{i}")
        took.append(time.monotonic() - started)
    assert db.value("SELECT current_schema_version FROM system.tables WHERE table_name = 't'") == 1001
    first, last = sorted(took[:50])[25], sorted(took[-50:])[25]
    assert last < 5 * first + 0.02, f"ADD and DROP took {first:.4f} s at first, {last:.4f} s with 1000 versions"
    check = [[i, f"r{i}"] for i in range(0, 500, 5)]
    assert db.rows("SELECT id, a FROM m.t ORDER BY id") == check
    assert db.rows("SELECT id, max(a) FROM m.t GROUP BY id ORDER BY id") == check
    assert len(db.rows("DESCRIBE m.t HISTORY")) == 1001
    own_server.kill()
    own_server.start()
    db = own_server.client()
    assert db.rows("SELECT id, a FROM m.t ORDER BY id") == check
    db.sql("ALTER TABLE m.t ADD COLUMN last INT DEFAULT 1")
    assert db.value("SELECT sum(last) FROM m.t") == "100"
    assert db.value("SELECT count(*) FROM system.table_schemas WHERE table_name = 't'") == "1002"
    own_server.flush("m.t", db)
    assert db.rows("SELECT id, a FROM m.t ORDER BY id") == check
    own_server.stop()


def test_a_new_schema_survives_restarts(own_server):
    db = own_server.client()
    db.sql("CREATE NAMESPACE r; CREATE USER TABLE r.t (id INT PRIMARY KEY, a SMALLINT DEFAULT 3, b DATE)")
    db.sql("INSERT INTO r.t VALUES (1, 1, '2020-02-29'), (2, NULL, NULL)")
    own_server.flush("r.t", db)
    db.sql("INSERT INTO r.t VALUES (3, 3, '1960-01-01')")
    db.sql("ALTER TABLE r.t ADD d DECIMAL(9,2) DEFAULT 1.5, ADD e TEXT DEFAULT 'ü''\"\\', ADD f FLOAT DEFAULT 0.1, ADD g BYTES DEFAULT X'00FF', "
           "ADD h JSON DEFAULT '{\"a\": [1]}', ADD i TIME DEFAULT '12:34:56.000001', ADD j UUID DEFAULT UUID_V7(), "
           "ADD k TIMESTAMP NOT NULL DEFAULT NOW(), ADD l BOOLEAN DEFAULT true, ADD m BIGINT DEFAULT -9223372036854775808, "
           "ADD n DOUBLE DEFAULT 1e300, MODIFY a DECIMAL(20,3), MODIFY b TIMESTAMP")
    query = "SELECT id, a, b, d, e, f, g, h, i, j, k, l, m, n FROM r.t ORDER BY id"
    before = db.sql(query)
    assert before.rows[0][3:9] == ["1.50", "ü'\"\\", 0.1, [0, 255], '{"a": [1]}', 45296000001] and before.rows[0][11:] == [
        True, "-9223372036854775808", 1e300]
    assert len({str(row[3:]) for row in before.rows}) == 1
    for stop in (own_server.kill, own_server.stop, own_server.kill):
        stop()
        own_server.start()
        db = own_server.client()
        after = db.sql(query)
        assert after.rows == before.rows and after.schema == before.schema
        own_server.flush("r.t", db)
    db.sql("INSERT INTO r.t (id) VALUES (4)")
    assert db.rows("SELECT a, d, f FROM r.t WHERE id = 4") == [["3.000", "1.50", 0.1]]
    own_server.stop()
