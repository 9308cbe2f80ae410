"""Resuming a subscription: what changed since `from` comes back exactly once, over ring, hot and cold rows,
flush, restart and kill; what cannot be resumed says so."""
import random

import kalam
import pytest

RING = "[live]\nfeed_bytes = 1048576\n"


class View:
    """What a client keeps: rows by key and the position it may resume from."""

    def __init__(self, sql, key=("id",)):
        self.sql, self.key, self.rows, self.position = sql, key, {}, None
        self.deletes, self.batch_rows = [], []

    def key_of(self, row):
        return tuple(row[k] for k in self.key)

    def load(self, socket, options, identifier="r"):
        socket.send({"type": "subscribe", "subscription": {"id": identifier, "sql": self.sql, "options": options}})
        answer = socket.take(lambda m: m.get("type") in ("subscription_ack", "error") and
                             m.get("subscription_id") == identifier)
        if answer["type"] == "error":
            raise kalam.SqlError(0, {"error": answer})
        self.ack, self.deletes, self.batch_rows, self.batches = answer, [], [], 0
        while True:
            message = socket.take(lambda m: m.get("type") in ("initial_data_batch", "change", "error") and
                                  m.get("subscription_id") == identifier)
            if message["type"] == "change":
                assert message["change_type"] == "delete"
                for row in message["old_values"]:
                    self.deletes.append(row)
                    self.rows.pop(self.key_of(row), None)
                continue
            assert message["type"] == "initial_data_batch", message
            self.batches += 1
            for row in message["rows"]:
                self.batch_rows.append(row)
                self.rows[self.key_of(row)] = row
            if not message["batch_control"]["has_more"]:
                assert message["batch_control"]["status"] == "ready"
                self.position = message["batch_control"]["last_seq_id"]
                break
            socket.send({"type": "next_batch", "subscription_id": identifier})
        told = [self.key_of(r) for r in self.deletes] + [self.key_of(r) for r in self.batch_rows]
        assert len(told) == len(set(told)), "a key was told twice"
        assert answer["total_rows"] == len(self.batch_rows)
        for rows in (self.deletes, self.batch_rows):
            numbers = [int(r["_seq"]) for r in rows]
            assert numbers == sorted(numbers)
        return self

    def shown(self):
        return sorted((r["id"], r["v"], r["n"]) for r in self.rows.values())


def shown(client, table, where):
    return sorted(map(tuple, client.rows(f"SELECT id, v, n FROM {table} WHERE {where}")))


@pytest.fixture(params=["ring", "rows"])
def resumed(request):
    """`server.evict()` pushes everything so far out of the ring, so that "rows" resumes by a scan."""
    with kalam.Server(config="" if request.param == "ring" else RING) as server:
        client = server.client()

        def evict():
            if request.param == "rows":
                for number in range(4):
                    client.sql("INSERT INTO r.noise VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
                               [str(number) * 400000])
        server.evict = evict
        client.batch("CREATE NAMESPACE r; CREATE USER TABLE r.u (id BIGINT PRIMARY KEY, v TEXT, n INT);"
                     "CREATE SHARED TABLE r.s (id BIGINT PRIMARY KEY, v TEXT, n INT);"
                     "CREATE USER TABLE r.noise (id INT PRIMARY KEY, v TEXT)")
        yield server, client
        server.stop()


@pytest.mark.parametrize("table", ["r.u", "r.s"])
def test_rows_deletes_and_filter_exits(resumed, table):
    server, client = resumed
    client.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, 'v{i}', {i % 10})" for i in range(200)))
    socket = server.websocket()
    view = View(f"SELECT id, v, n FROM {table} WHERE n < 5").load(socket, {})
    socket.close()
    assert view.shown() == shown(client, table, "n < 5")
    start = view.position
    client.sql(f"DELETE FROM {table} WHERE id = 0")                  # gone
    client.sql(f"UPDATE {table} SET n = 7 WHERE id = 1")             # left the filter
    client.sql(f"UPDATE {table} SET n = NULL WHERE id = 2")          # left by NULL
    client.sql(f"UPDATE {table} SET v = 'new' WHERE id = 3")         # changed
    client.sql(f"UPDATE {table} SET n = 1 WHERE id = 9")             # entered
    client.sql(f"INSERT INTO {table} VALUES (1000, 'x', 0), (1001, 'y', 9)")
    client.sql(f"DELETE FROM {table} WHERE id = 4")
    client.sql(f"INSERT INTO {table} VALUES (4, 'again', 4)")        # back again
    client.sql(f"DELETE FROM {table} WHERE id = 8")                  # never matched, gone
    for flush in (False, True):
        if flush:
            server.flush(table, client)
        again = View(view.sql)
        again.rows = dict(view.rows)
        socket = server.websocket()
        server.evict()
        again.load(socket, {"from": start, "last_rows": 1})
        assert again.shown() == shown(client, table, "n < 5")
        assert {r["id"] for r in again.batch_rows} == {"3", "9", "1000", "4"}
        gone = {r["id"]: r for r in again.deletes}
        assert set(gone) == {"0", "1", "2", "8", "1001"}
        assert gone["0"]["_deleted"] is True and gone["0"]["v"] == "v0"
        assert gone["1"]["_deleted"] is False and "v" not in gone["1"]
        assert all(int(r["_seq"]) > start for r in again.deletes)
        client.sql(f"UPDATE {table} SET v = 'after{int(flush)}' WHERE id = 3")
        change = socket.expect("change", "r")
        assert change["change_type"] == "update" and change["rows"][0]["v"] == f"after{int(flush)}"
        socket.close()


def test_nothing_changed(resumed):
    server, client = resumed
    client.sql("INSERT INTO r.u VALUES (1, 'a', 1)")
    socket = server.websocket()
    view = View("SELECT id, v, n FROM r.u").load(socket, {})
    server.evict()
    again = View(view.sql).load(socket, {"from": view.position}, "x")
    assert again.batch_rows == [] and again.deletes == [] and again.ack["total_rows"] == 0
    assert again.position >= view.position
    socket.close()


def test_in_small_batches(resumed):
    """More deletes and rows than a batch takes: every batch but the last says has_more."""
    server, client = resumed
    client.sql("INSERT INTO r.u VALUES " + ", ".join(f"({i}, 'v', {i % 2})" for i in range(100)))
    socket = server.websocket()
    view = View("SELECT id, v, n FROM r.u WHERE n = 1").load(socket, {})
    client.sql("DELETE FROM r.u WHERE id < 60")
    client.sql("UPDATE r.u SET v = 'w' WHERE id >= 80")
    server.evict()
    view.load(socket, {"from": view.position, "batch_size": 7}, "x")
    assert len(view.deletes) == 70 and len(view.batch_rows) == 10 and view.batches == 10
    assert view.shown() == shown(client, "r.u", "n = 1")
    socket.close()


def test_what_was_applied_before_ready_is_taken_back(resumed):
    """A client that stops in the middle resumes from its old position: rows it saw meanwhile and that are gone
    by then are told as deletes, though they did not exist at that position."""
    server, client = resumed
    client.sql("INSERT INTO r.u VALUES (1, 'a', 1)")
    socket = server.websocket()
    view = View("SELECT id, v, n FROM r.u").load(socket, {})
    client.sql("INSERT INTO r.u VALUES (2, 'b', 1)")
    assert socket.expect("change", "r")["rows"][0]["id"] == "2"
    view.rows[("2",)] = {"id": "2", "v": "b", "n": 1}
    socket.close()
    client.sql("DELETE FROM r.u WHERE id = 2")
    server.evict()
    socket = server.websocket()
    view.load(socket, {"from": view.position})
    assert set(view.rows) == {("1",)}
    socket.close()


def test_spellings(resumed):
    server, client = resumed
    client.sql("INSERT INTO r.u VALUES (1, 'a', 1)")
    socket = server.websocket()
    view = View("SELECT id, v, n FROM r.u").load(socket, {})
    client.sql("INSERT INTO r.u VALUES (2, 'b', 1)")
    server.evict()
    first = View(view.sql).load(socket, {"from_seq_id": str(view.position)}, "a")
    socket.send({"type": "subscribe", "subscription": {
        "id": "b", "sql": f"SUBSCRIBE TO r.u OPTIONS (from = {view.position})"}})
    batch = socket.expect("initial_data_batch", "b")
    assert [r["id"] for r in first.batch_rows] == [r["id"] for r in batch["rows"]] == ["2"]
    options = client.value("SELECT options FROM system.live_queries WHERE query_id = 'a'")
    assert options == f'{{"from":{view.position}}}'
    socket.close()


@pytest.mark.parametrize("offset", [1, 10 ** 6, 2 ** 62])
def test_above_the_newest_number_fails(resumed, offset):
    server, client = resumed
    client.sql("INSERT INTO r.u VALUES (1, 'a', 1)")
    socket = server.websocket()
    position = View("SELECT id, v, n FROM r.u").load(socket, {}).position
    with pytest.raises(kalam.SqlError) as failure:
        View("SELECT id, v, n FROM r.u").load(socket, {"from": position + offset}, "x")
    assert failure.value.code == "RESUME_FAILED"
    kalam.wait_until(lambda: client.value("SELECT count(*) FROM system.live_queries WHERE query_id = 'x'") == "0", 5)
    View("SELECT id, v, n FROM r.u").load(socket, {"from": position}, "x")
    socket.close()


def test_older_than_the_table_fails(resumed):
    """DROP and CREATE of the same name: numbers of the old table mean nothing in the new one."""
    server, client = resumed
    client.sql("INSERT INTO r.s VALUES (1, 'a', 1)")
    socket = server.websocket()
    sql = "SELECT id, v, n FROM r.s"
    old = View(sql).load(socket, {}).position
    socket.close()
    client.sql("INSERT INTO r.u VALUES (1, 'a', 1)")
    kalam.wait_until(lambda: client.post("DROP TABLE r.s")[0] == 200, 5, "drop")
    client.sql("CREATE SHARED TABLE r.s (id BIGINT PRIMARY KEY, v TEXT, n INT)")
    socket = server.websocket()
    with pytest.raises(kalam.SqlError) as failure:
        View(sql).load(socket, {"from": old})
    assert failure.value.code == "RESUME_FAILED"
    new = View(sql).load(socket, {})
    client.sql("ALTER TABLE r.s ADD COLUMN extra INT")  # a change of the table is not its creation
    assert View(sql).load(socket, {"from": new.position}, "again").batch_rows == []
    socket.close()


def test_across_restart_and_kill(resumed):
    server, client = resumed
    sql = "SELECT id, v, n FROM r.s WHERE n > 0"
    client.sql("INSERT INTO r.s VALUES " + ", ".join(f"({i}, 'v', {i % 3})" for i in range(30)))
    socket = server.websocket()
    view = View(sql).load(socket, {})
    for number, end in enumerate(("stop", "kill", "stop", "kill")):
        client.sql("DELETE FROM r.s WHERE id = $1", [number * 3 + 1])
        client.sql("UPDATE r.s SET n = 0 WHERE id = $1", [number * 3 + 2])
        client.sql("INSERT INTO r.s VALUES ($1, 'new', 1)", [1000 + number])
        socket.close()
        client.close()
        getattr(server, end)()
        server.start()
        client.sql("UPDATE r.s SET v = $1 WHERE id = 20", [f"after{number}"])
        socket = server.websocket()
        before = view.position
        server.evict()
        view.load(socket, {"from": before})
        assert view.position > before and view.shown() == shown(client, "r.s", "n > 0")
        # the position that this start began with can be resumed from, too
        again = View(sql).load(socket, {"from": view.position}, "again")
        assert again.batch_rows == [] and again.deletes == []
    socket.close()


def test_where_a_start_began_stays_good(resumed):
    """Killed before its first write is on the disk: the position that clients got meanwhile is no loss."""
    server, client = resumed
    sql = "SELECT id, v, n FROM r.s"
    client.sql("INSERT INTO r.s VALUES (1, 'a', 1)")
    client.close()
    server.kill()
    server.env = {"KALAM_FAULT": "commit_before_write:kill:1"}
    server.start()
    socket = server.websocket()
    view = View(sql).load(socket, {})
    with pytest.raises((OSError, kalam.http.client.HTTPException)):  # its numbers are reserved, nothing else
        client.sql("INSERT INTO r.s VALUES (2, 'b', 1)")
    socket.close()
    client.close()
    server.env = {}
    server.start()
    socket = server.websocket()
    again = View(sql).load(socket, {"from": view.position})
    assert again.position > view.position and again.batch_rows == [] and again.deletes == []
    socket.close()


def test_numbers_lost_by_a_kill_fail():
    """With durability async a kill may take back what was delivered: a resume from there is refused."""
    with kalam.Server(config='[storage]\ndurability = "memory"\n') as server:
        client = server.client()
        client.batch("CREATE NAMESPACE r; CREATE SHARED TABLE r.s (id BIGINT PRIMARY KEY, v TEXT, n INT)")
        client.sql("INSERT INTO r.s VALUES (1, 'a', 1)")
        server.stop()
        server.start()
        client.close()
        socket = server.websocket()
        sql = "SELECT id, v, n FROM r.s"
        kept = View(sql).load(socket, {}).position
        client.sql("INSERT INTO r.s VALUES (2, 'b', 1)")
        lost = int(socket.expect("change", "r")["rows"][0]["_seq"])
        client.close()
        server.kill()
        server.start()
        socket = server.websocket()
        assert client.rows("SELECT id FROM r.s") == [["1"]]
        with pytest.raises(kalam.SqlError) as failure:
            View(sql).load(socket, {"from": lost})
        assert failure.value.code == "RESUME_FAILED"
        assert View(sql).load(socket, {"from": kept}, "kept").batch_rows == []
        socket.close()
        # whatever happens afterwards, what is lost stays lost
        client.sql("INSERT INTO r.s VALUES (3, 'c', 1)")
        client.close()
        server.stop()
        server.start()
        client.sql("INSERT INTO r.s VALUES (4, 'd', 1)")
        client.close()
        server.kill()
        server.start()
        socket = server.websocket()
        with pytest.raises(kalam.SqlError) as failure:
            View(sql).load(socket, {"from": lost})
        assert failure.value.code == "RESUME_FAILED"
        assert [r["id"] for r in View(sql).load(socket, {"from": kept}, "kept").batch_rows] == ["3"]
        socket.close()


def test_slow_consumer_resumes_without_loss_or_double(resumed):
    server, client = resumed
    sql = "SELECT id, v, n FROM r.u WHERE n >= 0"
    socket = server.websocket()
    view = View(sql).load(socket, {})
    rows = kalam.RowSet(("id",))
    socket.loop.call_soon_threadsafe(socket.socket.transport.pause_reading)
    for number in range(60):
        text = "x" * 4000
        client.sql("INSERT INTO r.u VALUES " + ", ".join(f"({number * 100 + i}, '{text}', 1)" for i in range(100)))
        client.sql("DELETE FROM r.u WHERE id = $1", [number * 100])
        client.sql("UPDATE r.u SET n = -1 WHERE id = $1", [number * 100 + 1])
    socket.loop.call_soon_threadsafe(socket.socket.transport.resume_reading)
    error = socket.expect("error", "r")
    assert error["code"] == "SLOW_CONSUMER"
    for change in socket.changes("r"):
        rows.apply(change)
    assert error["last_seq_id"] == rows.last_seq
    assert client.value("SELECT count(*) FROM system.live_queries WHERE query_id = 'r'") == "0"
    view.rows = rows.rows
    server.evict()
    view.load(socket, {"from": error["last_seq_id"]}, "r")
    assert view.shown() == shown(client, "r.u", "n >= 0")
    assert all(int(r["_seq"]) > error["last_seq_id"] for r in view.deletes + view.batch_rows)
    socket.close()


@pytest.mark.parametrize("table", ["r.u", "r.s"])
def test_everybody_comes_back_after_a_restart(resumed, table):
    """The first one scans, the others take what it found and what changed since; from any position, with any filter."""
    server, client = resumed
    rng, filters, positions = random.Random(3), ["n < 5", "n = 2", "v <> 'x'", "id > 50"], []
    for start in range(0, 200, 50):
        client.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, 'v{i}', {i % 10})" for i in range(start, start + 50)))
        for where in filters:
            socket = server.websocket()
            positions.append(View(f"SELECT id, v, n FROM {table} WHERE {where}").load(socket, {}))
            socket.close()
    client.sql(f"DELETE FROM {table} WHERE id % 7 = 0")
    client.sql(f"UPDATE {table} SET n = 7 WHERE id % 5 = 0")
    client.close()
    server.kill()
    server.start()
    for turn in range(16):
        key = rng.randrange(200)
        client.sql(rng.choice([f"DELETE FROM {table} WHERE id = {key}", f"UPDATE {table} SET n = {turn % 10} WHERE id = {key}",
                               f"INSERT INTO {table} (id, v, n) VALUES ({key}, 'again', 2) ON CONFLICT (id) DO NOTHING"]))
        if turn == 5:
            client.sql(f"ALTER TABLE {table} ADD COLUMN extra INT DEFAULT 3")
        if turn == 8:
            server.flush(table, client)
        if turn in (3, 11):
            server.evict()  # the ring does not go on from the kept scan any more
        known = rng.choice(positions)
        view = View(known.sql)
        view.rows, socket = dict(known.rows), server.websocket()
        view.load(socket, {"from": known.position, "batch_size": rng.choice([40, 1000])})
        assert view.shown() == shown(client, table, known.sql.split(" WHERE ")[1])
        assert all(int(row["_seq"]) > known.position for row in view.deletes + view.batch_rows)
        socket.close()


def test_streams_tell_what_is_still_there(resumed):
    """Of an event that was deleted nothing is told; what a restart took is gone without an error."""
    server, client = resumed
    client.sql("CREATE STREAM TABLE r.e (id BIGINT PRIMARY KEY, v TEXT, n INT) RETENTION 3600")
    client.sql("INSERT INTO r.e VALUES (1, 'a', 1), (2, 'b', 1)")
    socket = server.websocket()
    view = View("SELECT id, v, n FROM r.e WHERE n = 1").load(socket, {})
    assert len(view.batch_rows) == 2
    socket.close()
    client.sql("INSERT INTO r.e VALUES (3, 'c', 1), (4, 'd', 1), (5, 'e', 2)")
    client.sql("DELETE FROM r.e WHERE id IN (1, 4)")
    server.evict()
    socket = server.websocket()
    start = view.position
    view.load(socket, {"from": start})
    assert [row["id"] for row in view.batch_rows] == ["3"] and view.deletes == []
    client.sql("INSERT INTO r.e VALUES (6, 'f', 1)")
    assert socket.expect("change", "r")["rows"][0]["id"] == "6"
    socket.close()
    for end in ("stop", "kill"):
        client.close()
        getattr(server, end)()
        server.start()
        socket = server.websocket()
        assert View(view.sql).load(socket, {"from": start}).batch_rows == []
        client.sql("INSERT INTO r.e VALUES (7, 'g', 1)")
        assert socket.expect("change", "r")["rows"][0]["id"] == "7"
        socket.close()
