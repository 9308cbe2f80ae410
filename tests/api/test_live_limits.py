"""Live queries at their limits: a hold that overflows, a consumer that is too slow, too many subscriptions."""
import time

import kalam
import pytest

CONFIG = """
[live]
queue_events = 20
queue_bytes = 200000
[rate_limit]
max_subscriptions_per_connection = 3
max_messages_per_sec = 1000
"""


@pytest.fixture(scope="module")
def small():
    with kalam.Server(config=CONFIG) as server:
        server.client().batch("CREATE NAMESPACE l; CREATE USER TABLE l.t (id BIGINT PRIMARY KEY, v TEXT)")
        yield server
        server.stop()


def test_overflowing_hold_is_caught_up_by_a_net_difference(small):
    """More changes than the hold takes while the snapshot is fetched row by row: still exact."""
    user = small.client("holder")
    user.sql("INSERT INTO l.t VALUES " + ", ".join(f"({i}, 'before')" for i in range(30)))
    socket = small.websocket("holder")
    socket.send({"type": "subscribe", "subscription": {"id": "h", "sql": "SELECT * FROM l.t WHERE v <> 'hidden'",
                                                       "options": {"batch_size": 10}}})
    socket.expect("subscription_ack", "h")
    batch = socket.expect("initial_data_batch", "h")
    rows = kalam.RowSet(("id",), batch["rows"])
    for number in range(60):
        user.sql("UPDATE l.t SET v = $1 WHERE id = $2", [f"during{number}", number % 30])
    user.sql("DELETE FROM l.t WHERE id < 3")
    user.sql("UPDATE l.t SET v = 'hidden' WHERE id = 5")
    user.sql("INSERT INTO l.t VALUES (100, 'new'), (101, 'hidden')")
    while batch["batch_control"]["has_more"]:
        socket.send({"type": "next_batch", "subscription_id": "h"})
        batch = socket.expect("initial_data_batch", "h")
        for row in batch["rows"]:
            assert row["v"] == "before"
            rows.rows[rows.key_of(row)] = row
    user.sql("UPDATE l.t SET v = 'after' WHERE id = 100")
    expected = sorted(map(tuple, user.rows("SELECT id, v FROM l.t WHERE v <> 'hidden'")))

    def settled():
        for change in socket.changes("h"):
            rows.apply(change)
        return sorted((r["id"], r["v"]) for r in rows.rows.values()) == expected
    kalam.wait_until(settled, 20, "live rows")
    socket.close()


def test_slow_consumer_is_told_and_others_live_on(small):
    user = small.client("slow")
    slow, quick = small.websocket("slow"), small.websocket("slow")
    for socket in (slow, quick):
        socket.subscribe("s", "SELECT * FROM l.t", options={"last_rows": 0})
    slow.loop.call_soon_threadsafe(slow.socket.transport.pause_reading)
    seen = []
    for number in range(200):
        user.sql("INSERT INTO l.t VALUES ($1, $2)", [number, "x" * 20000])
        while len(seen) < number - 3:  # its queue holds ten: it keeps up, however busy the machine
            seen += quick.expect("change", "s")["rows"]
    while len(seen) < 200:
        seen += quick.expect("change", "s")["rows"]
    slow.loop.call_soon_threadsafe(slow.socket.transport.resume_reading)
    error = slow.expect("error", "s", 30)
    assert error["code"] == "SLOW_CONSUMER"
    got = [r for change in slow.changes("s") for r in change["rows"]]
    assert [int(r["id"]) for r in got] == list(range(len(got))), "a prefix, without a gap"
    assert got and int(got[-1]["_seq"]) == error["last_seq_id"]
    slow.subscribe("again", "SELECT id FROM l.t", options={"last_rows": 1})  # the connection stays
    slow.close()
    quick.close()


def test_subscription_limit(small):
    socket = small.websocket("many")
    for number in range(3):
        socket.subscribe(f"s{number}", "SELECT * FROM l.t")
    with pytest.raises(kalam.SqlError) as failure:
        socket.subscribe("s3", "SELECT * FROM l.t")
    assert failure.value.code == "SUBSCRIPTION_LIMIT_EXCEEDED"
    socket.subscribe("s1", "SELECT id FROM l.t")  # replaces
    socket.close()


def test_kill_live_query(small):
    socket = small.websocket("victim")
    socket.subscribe("k", "SELECT * FROM l.t")
    root = small.client()
    live_id = root.rows("SELECT live_id FROM system.live_queries WHERE user_id = 'victim'")[0][0]
    root.sql(f"KILL LIVE QUERY '{live_id}'")
    assert socket.expect("error", "k")["code"] == "LIVE_QUERY_KILLED"
    assert root.rows("SELECT live_id FROM system.live_queries WHERE user_id = 'victim'") == []
    status, body = root.post(f"KILL LIVE QUERY '{live_id}'")
    assert status == 400 and body["error"]["code"] == "LIVE_QUERY_NOT_FOUND"
    socket.close()


def test_message_size_limit(small):
    socket = small.websocket("big")
    socket.send('{"type":"ping","x":"' + "y" * (2 << 20) + '"}')
    assert socket.expect_closed()[0] == 1009


def test_heartbeat_timeout():
    with kalam.Server(config="[live]\nping_interval_seconds = 1\nclient_timeout_seconds = 2\n") as server:
        socket = server.websocket()
        socket.loop.call_soon_threadsafe(socket.socket.transport.pause_reading)  # no pong
        import time
        time.sleep(4)  # longer than the timeout: nothing observable happens while reading is paused
        socket.loop.call_soon_threadsafe(socket.socket.transport.resume_reading)
        assert socket.expect_closed()[0] == 1000


def test_a_snapshot_fetched_slowly_ends():
    """Each batch in time, but all of them take longer than live.snapshot_seconds: its view is not kept for ever."""
    config = "[live]\nsnapshot_seconds = 2\n"
    with kalam.Server(config=config) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY)")
        db.sql("INSERT INTO l.t VALUES " + ", ".join(f"({i})" for i in range(1000)))
        socket = server.websocket()
        socket.send({"type": "subscribe", "subscription": {"id": "s", "sql": "SELECT * FROM l.t", "options": {"batch_size": 1}}})
        socket.send({"type": "subscribe", "subscription": {"id": "live", "sql": "SELECT * FROM l.t"}})
        started, error = time.monotonic(), None
        while error is None:
            message = socket.take(lambda m: m.get("subscription_id") == "s" and m["type"] != "subscription_ack")
            error = message if message["type"] == "error" else None
            time.sleep(0.1)
            socket.send({"type": "next_batch", "subscription_id": "s"})
        assert error["code"] == "BATCH_FETCH_FAILED" and "live.snapshot_seconds" in error["message"], error
        assert 1.5 < time.monotonic() - started < 10
        assert db.rows("SELECT query_id FROM system.live_queries") == [["live"]]
        socket.close()
        server.stop()


def grown(text, by):
    """An expression that makes megabytes of a few letters."""
    return f"replace(replace({text}, 'a', {by}), 'a', {by})"


LETTERS = "a" * 3000


def test_a_filter_has_a_memory_limit():
    """What a filter makes of one row is bounded, as in a statement: only its subscription ends, wherever the row comes from."""
    with kalam.Server(config='[live]\nfilter_memory = "1MiB"\n') as server:
        db, socket = server.client(), server.websocket()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, v TEXT)")
        filters = {"grows": f"length({grown('v', '$1')}) > 5",
                   "joins": f"length(concat({', '.join(['v || $1 || $1 || $1 || $1'] * 80)})) > 5"}
        socket.subscribe("other", "SELECT id FROM l.t", options={})
        position = socket.ready["last_seq_id"]
        for identifier, text in filters.items():
            socket.subscribe(identifier, f"SELECT id FROM l.t WHERE {text}", params=[LETTERS])
        db.sql("INSERT INTO l.t VALUES (1, 'a'), (2, 'b')")
        assert [row["id"] for row in socket.expect("change", "other")["rows"]] == ["1", "2"]
        for identifier, text in filters.items():
            errors = [socket.expect("error", identifier)]
            for options in ({}, {"from": position}):
                with pytest.raises(kalam.SqlError) as failure:
                    socket.subscribe(identifier, f"SELECT id FROM l.t WHERE {text}", params=[LETTERS], options=options)
                errors.append({"code": failure.value.code, "message": str(failure.value)})
            for error in errors:
                assert error["code"] == "MESSAGE_TOO_LARGE", error
                assert "live.filter_memory" in error["message"], error
        socket.close()
        server.stop()


def test_both_versions_of_a_row_have_the_memory_of_a_filter():
    """And what a filter fails with is told."""
    with kalam.Server(config='[live]\nfilter_memory = "4MiB"\n') as server:
        db, socket = server.client(), server.websocket()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, n INT, v TEXT)")
        terms = " OR ".join(f"position('b{i}' IN lower(v)) > 0" for i in range(7))
        socket.subscribe("most", f"SELECT id FROM l.t WHERE {terms} OR n >= 0")
        socket.subscribe("zero", "SELECT id FROM l.t WHERE 6 / n > 1")
        db.sql("INSERT INTO l.t VALUES (1, 2, $1)", ["a" * 200_000])
        db.sql("UPDATE l.t SET n = 3")
        assert [socket.expect("change", "most")["change_type"] for _ in range(2)] == ["insert", "update"]
        db.sql("UPDATE l.t SET n = 0")
        assert socket.expect("change", "most")["change_type"] == "update"
        error = socket.expect("error", "zero")
        assert error["code"] == "CONVERSION_ERROR" and "division by zero" in error["message"]
        socket.close()
        server.stop()


def test_filters_of_a_user_share_a_budget():
    """Whose filters look at too much within a second loses those that do not fit; nobody else loses anything."""
    with kalam.Server(config='[live]\nfilter_work = "1MiB"\n') as server:
        db = server.client()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, n INT, v TEXT) ACCESS public")
        greedy, other = server.websocket("greedy"), server.websocket("other")

        def dear(i):
            return f"SELECT id FROM l.t WHERE position('b{i}' IN v) > 0 OR position('c{i}' IN v) > 0 OR n > 0"
        greedy.subscribe("cheap", "SELECT id FROM l.t WHERE n > 0")
        for i in range(4):
            greedy.subscribe(f"s{i}", dear(i))
        other.subscribe("s3", dear(3))
        db.sql("INSERT INTO l.t VALUES (1, 1, $1)", ["a" * 33_000])
        assert greedy.expect("change", "s0") and greedy.expect("change", "cheap") and other.expect("change", "s3")
        for i in range(1, 4):
            error = greedy.expect("error", f"s{i}")
            assert error["code"] == "SLOW_CONSUMER" and "live.filter_work" in error["message"], error
            assert greedy.subscribe(f"s{i}", dear(i), options={"from": error["last_seq_id"]})
            greedy.send({"type": "unsubscribe", "subscription_id": f"s{i}"})
        time.sleep(1.1)
        db.sql("INSERT INTO l.t VALUES (2, 2, $1)", ["a" * 33_000])
        assert greedy.expect("change", "s0") and greedy.expect("change", "cheap") and other.expect("change", "s3")
        terms = " OR ".join(f"n = -{i} - n" for i in range(30_000))  # much by their number alone
        greedy.subscribe("many", f"SELECT id FROM l.t WHERE {terms}")
        db.sql("INSERT INTO l.t VALUES " + ", ".join(f"({i}, {i}, '')" for i in range(10, 30)))
        assert "live.filter_work" in greedy.expect("error", "many")["message"]
        greedy.close()
        other.close()
        server.stop()


BUDGET = '[live]\nfilter_work = "1MiB"\n'


@pytest.fixture(scope="module")
def dear():
    """A user may cost the matcher little; two of them, each with rows of his own and one live query of the other table."""
    with kalam.Server(config=BUDGET) as server:
        server.client().batch("CREATE NAMESPACE l; CREATE USER TABLE l.own (id BIGINT PRIMARY KEY, n INT, v TEXT);"
                              "CREATE SHARED TABLE l.all (id BIGINT PRIMARY KEY) ACCESS public")
        yield server
        server.stop()


def ended(socket, identifier):
    """It has ended because of what it costs; the position to resume from."""
    error = socket.expect("error", identifier)
    assert error["code"] == "SLOW_CONSUMER" and "live.filter_work" in error["message"], error
    return error["last_seq_id"]


def test_short_filters_over_many_rows_count(dear):
    """Each step of a filter does, be it of few, and each row that is looked at."""
    user, other = dear.client("steps"), dear.websocket("calm")
    other.subscribe("all", "SELECT * FROM l.all")
    user.sql("INSERT INTO l.own (id, n) VALUES " + ", ".join(f"({i}, 1)" for i in range(3000)))
    socket = dear.websocket("steps")
    filters = " OR ".join(f"n + {i} = 0" for i in range(40))
    socket.subscribe("few", f"SELECT id FROM l.own WHERE {filters} OR n = 2 AND id < 5")
    user.sql("UPDATE l.own SET n = 2 WHERE true")
    position = ended(socket, "few")
    dear.client().sql("INSERT INTO l.all VALUES (1)")
    assert other.expect("change", "all")["rows"][0]["id"] == "1"
    found = socket.subscribe("few", f"SELECT id FROM l.own WHERE {filters} OR n = 2 AND id < 5", options={"from": position})
    assert sorted(row["id"] for row in found) == ["0", "1", "2", "3", "4"]
    socket.close()
    other.close()


@pytest.mark.parametrize("compression", ("none", "gzip"))
def test_messages_of_large_rows_count(dear, compression):
    """What is encoded and compressed for one user ends no live query of others, and what ends of his own is resumed."""
    name = f"large_{compression}"
    user, other = dear.client(name), dear.websocket("calm")
    socket = dear.websocket(name, path=f"/v1/ws?compression={compression}")
    for i in range(8):
        socket.subscribe(f"s{i}", "SELECT * FROM l.own")
    other.subscribe("all", "SELECT * FROM l.all")
    user.sql("INSERT INTO l.own VALUES (1, 1, $1)", ["a" * 200_000])
    position = ended(socket, "s7")
    dear.client().sql(f"INSERT INTO l.all VALUES ({2 if compression == 'none' else 3})")
    assert other.expect("change", "all")
    assert [row["id"] for row in socket.subscribe("s7", "SELECT * FROM l.own", options={"from": position})] == ["1"]
    socket.close()
    other.close()


def test_messages_too_small_for_gzip_cost_none(dear):
    """One commit, many messages: what is sent as it is counts as that."""
    user = dear.client("small")
    user.sql("INSERT INTO l.own VALUES " + ", ".join(f"({i}, 1, '')" for i in range(0, 40, 2)))
    socket = dear.websocket("small", path="/v1/ws?compression=gzip")
    for i in range(30):
        socket.subscribe(f"s{i}", "SELECT id, n FROM l.own")
    user.batch("BEGIN; " + "; ".join(f"UPDATE l.own SET n = 2 WHERE id = {i}; INSERT INTO l.own VALUES ({i + 1}, 1, '')"
                                     for i in range(0, 40, 2)) + "; COMMIT")
    for i in range(30):
        assert [socket.expect("change", f"s{i}")["change_type"] for _ in range(40)] == ["update", "insert"] * 20
    socket.close()


def test_finding_who_asks_for_a_row_counts(dear):
    """Many columns are asked for, none of them for what the rows have: to know that costs, too."""
    user, other = dear.client("asked"), dear.websocket("calm")
    columns = [f"c{i}" for i in range(40)]
    dear.client().sql("CREATE USER TABLE l.wide (id BIGINT PRIMARY KEY, " + ", ".join(f"{c} INT DEFAULT 1" for c in columns) + ")")
    other.subscribe("all", "SELECT * FROM l.all")
    socket = dear.websocket("asked")
    for column in columns:
        socket.subscribe(column, f"SELECT id FROM l.wide WHERE {column} = 7")
    user.sql("INSERT INTO l.wide (id) VALUES " + ", ".join(f"({i})" for i in range(2000)))
    position = ended(socket, "c39")
    dear.client().sql("INSERT INTO l.all VALUES (5)")
    assert other.expect("change", "all")["rows"][0]["id"] == "5"
    assert not socket.subscribe("c39", "SELECT id FROM l.wide WHERE c39 = 7", options={"from": position})
    socket.close()
    other.close()


def test_what_costs_too_much_while_it_loads_is_caught_up(dear):
    """Nothing ends: the difference comes after the last batch."""
    user, socket = dear.client("loads"), dear.websocket("loads")
    user.sql("INSERT INTO l.own VALUES (1, 1, ''), (2, 1, '')")
    socket.send({"type": "subscribe", "subscription": {"id": "h", "sql": "SELECT * FROM l.own WHERE v LIKE '%'",
                                                       "options": {"batch_size": 1}}})
    assert socket.expect("initial_data_batch", "h")["batch_control"]["has_more"]
    user.sql("UPDATE l.own SET v = $1 WHERE true", ["a" * 450_000])
    dear.client().sql("INSERT INTO l.all VALUES (4)")
    socket.send({"type": "next_batch", "subscription_id": "h"})
    assert not socket.expect("initial_data_batch", "h")["batch_control"]["has_more"]
    rows = socket.expect("change", "h")["rows"]
    while len(rows) < 2:
        rows += socket.expect("change", "h")["rows"]
    assert [(row["id"], len(row["v"])) for row in rows] == [("1", 450_000), ("2", 450_000)]
    socket.close()


def test_what_others_write_ends_nothing_for_good(dear):
    """Rows of somebody else may cost a live query too much: it goes on from where it was."""
    db = dear.client()
    db.sql("CREATE SHARED TABLE l.body (id BIGINT PRIMARY KEY, v TEXT) ACCESS public")
    socket = dear.websocket("reader")
    socket.subscribe("s", "SELECT id FROM l.body WHERE v LIKE '%b%'")
    db.sql("INSERT INTO l.body VALUES (1, $1), (3, $1), (4, $1), (2, 'b')", ["a" * 500_000])
    position = ended(socket, "s")
    rows = socket.subscribe("s", "SELECT id FROM l.body WHERE v LIKE '%b%'", options={"from": position})
    assert [row["id"] for row in rows] == ["2"]
    socket.close()


def test_compiled_filters_of_a_user_have_a_memory_limit():
    """What a user's live queries take while they last; those of others have their own."""
    with kalam.Server(config='[live]\nfilter_memory = "1MiB"\n') as server:
        server.client().batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, n INT) ACCESS public")
        ann, bob = server.websocket("ann"), server.websocket("bob")

        def large(i):
            return f"SELECT id FROM l.t WHERE {' AND '.join(['n <> -n'] * 2500)} AND n > {i}"
        ann.subscribe("small", "SELECT id FROM l.t WHERE n <> 5", options={})
        kept = 0
        with pytest.raises(kalam.SqlError) as failure:
            for kept in range(100):
                ann.subscribe(f"s{kept}", large(kept))
        assert failure.value.code == "SUBSCRIPTION_LIMIT_EXCEEDED" and "live.filter_memory" in str(failure.value) and kept > 0
        bob.subscribe("s", large(0))
        ann.send({"type": "unsubscribe", "subscription_id": "s0"})
        ann.expect("unsubscribed", "s0")
        ann.subscribe("again", large(200))
        server.client().sql("INSERT INTO l.t VALUES (1, 201)")
        assert ann.expect("change", "again") and ann.expect("change", "small") and bob.expect("change", "s")
        ann.close()
        bob.close()
        server.stop()


def test_snapshots_have_the_time_of_a_statement():
    """Rows by the thousand, each of which takes the filter long; the threads are free again for others."""
    with kalam.Server(config="[query]\ntimeout_seconds = 1\n[live]\nsnapshot_threads = 2\n") as server:
        user, other = server.client("slow"), server.websocket("quick")
        user.batch("CREATE NAMESPACE l; CREATE USER TABLE l.own (id BIGINT PRIMARY KEY, v TEXT)")
        for i in range(0, 500, 20):
            user.sql("INSERT INTO l.own VALUES " + ", ".join(f"({i + k}, $1)" for k in range(20)), ["ab" * 20_000])
        terms = " OR ".join(f"upper(lower(upper(v))) LIKE '%Q{i}%Z%'" for i in range(40))
        socket = server.websocket("slow")
        for i in range(4):
            socket.send({"type": "subscribe", "subscription": {"id": f"s{i}", "sql": f"SELECT id FROM l.own WHERE {terms}", "options": {}}})
        assert other.subscribe("q", "SELECT id FROM l.own", options={}) == []
        for i in range(4):
            error = socket.expect("error", f"s{i}", limit_s=60)
            assert error["code"] == "SUBSCRIPTION_FAILED" and "query.timeout_seconds" in error["message"], error
        socket.close()
        other.close()
        server.stop()


def test_constants_of_a_filter_have_a_memory_limit():
    """They are evaluated when a live query begins: literals while it is compiled, and kept; parameters for the routing index."""
    with kalam.Server(config='[live]\nfilter_memory = "1MiB"\n') as server:
        db, socket = server.client(), server.websocket()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, v TEXT)")
        large = "upper(" + grown("'a'", "{}") + ")"
        with pytest.raises(kalam.SqlError) as failure:
            socket.subscribe("literals", "SELECT id FROM l.t WHERE v = " + large.replace("{}", f"'{LETTERS}'"))
        assert failure.value.code == "SUBSCRIPTION_LIMIT_EXCEEDED" and "live.filter_memory" in str(failure.value)
        socket.subscribe("params", "SELECT id FROM l.t WHERE v = " + large.replace("{}", "$1"), params=[LETTERS])
        db.sql("INSERT INTO l.t VALUES (1, 'a')")
        assert socket.expect("error", "params")["code"] == "MESSAGE_TOO_LARGE"
        socket.close()
        server.stop()
