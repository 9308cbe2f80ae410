"""What happens when the matcher or the end of loading takes its time: nothing twice, nothing past a gap. Needs a build with
fault points."""
import time

import kalam
from wire import Wire


def messages(wire, until):
    """All messages up to the first of this type."""
    got = []
    while not got or got[-1]["type"] != until:
        got.append(wire.next())
        assert got[-1] is not None, f"no {until} after {got}"
    return got


def subscribe(wire, sql, **options):
    wire.send({"type": "subscribe", "subscription": {"id": "s", "sql": sql, "options": options}})


def test_matcher_behind_the_snapshot():
    """The commit is in the snapshot; when the matcher comes to it the subscription is live long since."""
    with kalam.Server(env={"KALAM_FAULT": "live_before_match:delay=1500:2"}) as server:
        db = server.client("ann")
        db.batch("CREATE NAMESPACE d; CREATE USER TABLE d.t (id BIGINT PRIMARY KEY, n INT)")
        first = Wire(server.port, "ann")
        subscribe(first, "SELECT id FROM d.t")
        assert messages(first, "initial_data_batch")[-1]["batch_control"]["status"] == "ready"
        db.sql("INSERT INTO d.t VALUES (1, 1)")
        messages(first, "change")
        db.sql("INSERT INTO d.t VALUES (2, 2)")  # here the matcher stops for a while
        second = Wire(server.port, "ann")
        subscribe(second, "SELECT id FROM d.t")
        batch = messages(second, "initial_data_batch")[-1]
        assert [row["id"] for row in batch["rows"]] == ["1", "2"] and batch["batch_control"]["status"] == "ready"
        assert first.next(0.2) is None, "the matcher was not late"
        db.sql("INSERT INTO d.t VALUES (3, 3)")
        for wire, seen in ((first, ["2", "3"]), (second, ["3"])):
            got = []
            while not got or got[-1] != "3":
                got += [row["id"] for row in messages(wire, "change")[-1]["rows"]]
            assert got == seen
            wire.close()


def test_nothing_comes_past_a_gap():
    """A held change does not fit; before its subscription ends there is room again: no later change may use it."""
    with kalam.Server(config="[live]\nqueue_bytes = 1048576\n",
                      env={"KALAM_FAULT": "live_before_slow_end:delay=2000:1"}) as server:
        db = server.client("ann")
        db.batch("CREATE NAMESPACE d; CREATE USER TABLE d.t (id BIGINT PRIMARY KEY, v TEXT)")
        for number in range(25):
            db.sql("INSERT INTO d.t VALUES ($1, $2)", [number, "x" * 100_000])
        wire = Wire(server.port, "ann", receive_buffer=4096)
        subscribe(wire, "SELECT id, v FROM d.t", batch_size=1)
        messages(wire, "initial_data_batch")
        db.sql("UPDATE d.t SET v = 'held' WHERE id = 3")
        for _ in range(24):
            wire.send({"type": "next_batch", "subscription_id": "s"})
        changes = "SELECT status FROM system.live_queries WHERE user_id = 'ann'"
        kalam.wait_until(lambda: db.value(changes) == "active", 20, "loaded, but for what was held")
        batches = [message for _ in range(24) for message in messages(wire, "initial_data_batch")]
        ready = batches[-1]["batch_control"]
        assert ready["status"] == "ready"
        db.sql("INSERT INTO d.t VALUES (99, 'later')")
        error = wire.next()
        assert (error["type"], error["code"], error["last_seq_id"]) == ("error", "SLOW_CONSUMER", ready["last_seq_id"])
        subscribe(wire, "SELECT id, v FROM d.t", **{"from": error["last_seq_id"]})
        rows = messages(wire, "initial_data_batch")[-1]["rows"]
        assert [(row["id"], row["v"]) for row in rows] == [("3", "held"), ("99", "later")]
        wire.close()


def test_a_busy_matcher_keeps_nobody_waiting():
    """While a large group is matched others subscribe, load, unsubscribe and leave: no lock is held meanwhile."""
    with kalam.Server(env={"KALAM_FAULT": "live_while_matching:delay=5000:1"}) as server:
        db = server.client("ann")
        db.batch("CREATE NAMESPACE d; CREATE SHARED TABLE d.t (id BIGINT PRIMARY KEY, n INT)")
        first, leaving = Wire(server.port, "ann"), Wire(server.port, "bob")
        for wire in (first, leaving):
            subscribe(wire, "SELECT id FROM d.t")
            messages(wire, "initial_data_batch")
        db.sql("INSERT INTO d.t VALUES (1, 1)")
        started = time.monotonic()
        leaving.drop()
        other = Wire(server.port, "carl")
        subscribe(other, "SELECT id FROM d.t WHERE n = 1")
        assert [row["id"] for row in messages(other, "initial_data_batch")[-1]["rows"]] == ["1"]
        other.send({"type": "unsubscribe", "subscription_id": "s"})
        messages(other, "unsubscribed")
        kalam.wait_until(lambda: db.value("SELECT count(*) FROM system.live_queries") == "1", 20, "bob is gone")
        assert first.next(0) is None, "all that happened while the matcher was busy"
        assert [row["id"] for row in messages(first, "change")[-1]["rows"]] == ["1"]
        assert time.monotonic() - started > 4.5, "the matcher was not busy"
        first.close()
        other.close()


def test_a_column_replaced_while_subscribing():
    """Between compiling and the routing index its column is dropped and comes again: the changes are found by the new one."""
    with kalam.Server(env={"KALAM_FAULT": "live_before_register:delay=1500:1"}) as server:
        db = server.client("ann")
        db.batch("CREATE NAMESPACE d; CREATE SHARED TABLE d.t (id BIGINT PRIMARY KEY, c INT)")
        wire = Wire(server.port, "ann")
        subscribe(wire, "SELECT id FROM d.t WHERE c = 5")
        for number in range(5):
            db.sql("INSERT INTO d.t VALUES ($1, 4)", [number])  # it is compiled meanwhile
        started = time.monotonic()
        db.sql("ALTER TABLE d.t DROP COLUMN c")
        db.sql("ALTER TABLE d.t ADD COLUMN c INT")
        assert time.monotonic() - started < 1, "the subscription was not kept waiting for so long"
        messages(wire, "initial_data_batch")
        db.sql("INSERT INTO d.t VALUES (9, 5)")
        assert [row["id"] for row in messages(wire, "change")[-1]["rows"]] == ["9"]
        wire.close()
