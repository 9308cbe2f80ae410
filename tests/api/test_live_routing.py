"""Routing by `column = constant`: who asks for a value hears of every row that has, had or loses it, and EXPLAIN says
how changes find a query."""
import itertools
import random

import kalam
import pytest


@pytest.fixture
def table(db, space):
    db.sql("CREATE SHARED TABLE s (id BIGINT PRIMARY KEY, room TEXT, n INT, ok BOOLEAN, at TIMESTAMP, p DECIMAL(8,2), "
           "d DOUBLE, day DATE, u UUID, big BIGINT)")
    db.sql("CREATE USER TABLE u (id BIGINT PRIMARY KEY, room TEXT)")
    return f"{space}.s"


def explain(db, sql, params=None):
    return [row[0] for row in db.rows("EXPLAIN " + sql, params)]


@pytest.mark.parametrize("where, index", [
    ("room = 'a'", "table, then equality on room (1 value)"),
    ("'a' = room AND n > 3", "table, then equality on room (1 value)"),
    ("room IN ('a', 'b', 'a')", "table, then equality on room (2 values)"),
    ("room IN ('a', 'b') AND n = 7", "table, then equality on n (1 value)"),
    ("ok = true AND n IN (1, 2, 3)", "table, then equality on n (3 values)"),
    ("room = 'a' AND id = 7", "table, then equality on id (1 value)"),
    ("id IN (1, 2) AND room = 'a'", "table, then equality on id (2 values)"),
    ("ok = true", "table, then equality on ok (1 value)"),
    ("at = NOW()", "table, then equality on at (1 value)"),
    ("room = NULL", "table, no change can match"),
    ("room = 'a' OR n = 1", "table, every change is looked at"),
    ("NOT (room = 'a')", "table, every change is looked at"),
    ("room NOT IN ('a')", "table, every change is looked at"),
    ("room <> 'a'", "table, every change is looked at"),
    ("upper(room) = 'A'", "table, every change is looked at"),
    ("d = 1.5", "table, every change is looked at"),
    ("n > 5", "table, every change is looked at"),
    ("_seq = 5", "table, every change is looked at"),
    pytest.param(f"n IN ({', '.join(map(str, [*range(4095), 7]))})", "table, then equality on n (4095 values)", id="many"),
    pytest.param(f"n IN ({', '.join(map(str, range(4097)))})", "table, every change is looked at", id="too many"),
])
def test_explain_names_the_index(db, table, where, index):
    lines = explain(db, f"SUBSCRIBE TO {table} WHERE {where}")
    assert lines[0] == "Live query on " + table and lines[1] == "Index: " + index, lines
    assert lines[2].startswith("Filter: ") and lines[3].startswith("Output: id, room, n")


def test_explain_forms(db, table):
    assert explain(db, f"SUBSCRIBE SELECT room FROM {table}")[:3] == [
        "Live query on " + table, "Index: table, every change is looked at", "Output: room, id, _seq"]
    user = explain(db, f"SUBSCRIBE TO {table[:-2]}.u WHERE room = $1", ["x"])
    assert user[1] == "Index: table and user, then equality on room (1 value)"
    for sql, code in ((f"ANALYZE SUBSCRIBE TO {table}", "NOT_SUPPORTED"), ("SUBSCRIBE TO nowhere.t", "NAMESPACE_NOT_FOUND"),
                      (f"SUBSCRIBE SELECT count(*) FROM {table}", "NOT_SUPPORTED")):
        status, body = db.post("EXPLAIN " + sql)
        assert status == 400 and body["error"]["code"] in (code, "TABLE_NOT_FOUND"), body


FILTERS = {
    "room": ("room = 'r3'", None), "rooms": ("room IN ('r1','r2','r1')", None), "param": ("room = $1", ["r5"]),
    "number": ("n = 4", None), "widened": ("n = 4.0 OR n = 5", None), "wide": ("n = 5000000000", None),
    "big": ("big = 9007199254740993", None), "both": ("room = 'r3' AND n = 4", None), "ok": ("ok = false", None),
    "price": ("p = 1.5", None), "prices": ("p IN (1.50, 2.25)", None), "real": ("d = 0", None),
    "day": ("day = '2026-02-03'", None), "uuid": ("u = '00000000-0000-0000-0000-00000000000a'", None),
    "key": ("id = 7", None), "keys": ("id IN (1, 2, 3) AND room = 'r1'", None), "null": ("room = NULL", None),
    "is_null": ("room IS NULL", None), "rest": ("n > 3", None), "all": ("true", None),
    "deleted": ("room = 'r3' AND _deleted IN (true, false)", None),
}


def test_every_filter_sees_what_select_sees(server, db, table):
    """Random rows change their routed values, and every subscription keeps exactly the rows of its SELECT."""
    rng = random.Random(4711)
    sockets, views = [server.websocket() for _ in range(3)], {}
    for number, (name, (where, params)) in enumerate(FILTERS.items()):
        if name == "deleted":
            continue
        socket = sockets[number % 3]
        rows = socket.subscribe(name, f"SELECT * FROM {table} WHERE {where}", options={}, params=params)
        views[name] = (socket, kalam.RowSet(("id",), rows))

    def literal(value):
        return "NULL" if value is None else repr(value) if isinstance(value, (int, float)) else f"'{value}'"

    def values():
        return {"room": rng.choice([None] + [f"r{i}" for i in range(6)]), "n": rng.choice([None, 3, 4, 5]),
                "ok": rng.choice([None, "true", "false"]), "p": rng.choice([None, "1.50", "2.25", "3"]),
                "d": rng.choice([None, 0, "-0", 1]), "day": rng.choice([None, "2026-02-03", "2026-02-04"]),
                "u": rng.choice([None, "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"]),
                "big": rng.choice([None, 9007199254740993, 9007199254740992])}
    for step in range(250):
        key = rng.randrange(12)
        kind = rng.randrange(5)
        row = values()
        if kind == 0:
            db.sql(f"DELETE FROM {table} WHERE id = {key}")
        elif kind == 1:
            column = rng.choice(list(row))
            db.sql(f"UPDATE {table} SET {column} = {literal(row[column])} WHERE id % 3 = {key % 3}")
        else:
            names = ", ".join(row)
            db.sql(f"INSERT INTO {table} (id, {names}) VALUES ({key}, {', '.join(map(literal, row.values()))}) "
                   f"ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{c} = EXCLUDED.{c}" for c in row))
        if step == 120:
            server.flush(table, db)
        if step == 180:
            db.sql(f"ALTER TABLE {table} ADD COLUMN extra INT DEFAULT 3")
    expected = {name: sorted(map(tuple, db.rows(f"SELECT id, _seq FROM {table} WHERE {FILTERS[name][0]}",
                                                FILTERS[name][1]))) for name in views}
    for name, (socket, rows) in views.items():
        def settled(name=name, socket=socket, rows=rows):
            for change in socket.changes(name):
                rows.apply(change)
            return sorted((r["id"], r["_seq"]) for r in rows.rows.values()) == expected[name]
        try:
            kalam.wait_until(settled, 10, name)
        except AssertionError:
            got = sorted((r["id"], r["_seq"]) for r in rows.rows.values())
            raise AssertionError(f"{name}: {got} instead of {expected[name]}") from None
    for socket in sockets:
        socket.close()


@pytest.fixture
def unhurried():
    with kalam.Server(config="[rate_limit]\nmax_messages_per_sec = 100000\n") as server:
        yield server
        server.stop()


def test_routes_come_and_go(unhurried):
    """Many subscriptions on few values, in random order: the others are never disturbed."""
    db, table = unhurried.client(), "r.s"
    db.batch("CREATE NAMESPACE r; CREATE SHARED TABLE r.s (id BIGINT PRIMARY KEY, room TEXT)")
    rng, socket = random.Random(7), unhurried.websocket()
    open_ids, numbers = {}, itertools.count()
    for step in range(120):
        if open_ids and rng.random() < 0.45:
            identifier = rng.choice(list(open_ids))
            del open_ids[identifier]
            socket.send({"type": "unsubscribe", "subscription_id": identifier})
            socket.expect("unsubscribed", identifier)
        else:
            identifier, rooms = f"q{next(numbers)}", rng.sample(range(4), rng.randint(1, 3))
            socket.subscribe(identifier, f"SELECT id FROM {table} WHERE room IN (" +
                             ", ".join(f"'r{r}'" for r in rooms) + ")")
            open_ids[identifier] = rooms
        if step % 10 == 0:
            room = rng.randrange(4)
            db.sql(f"INSERT INTO {table} (id, room) VALUES ({step}, 'r{room}')")
            for identifier, rooms in open_ids.items():
                if room in rooms:
                    assert socket.expect("change", identifier)["rows"][0]["id"] == str(step)
            assert not [m for m in socket.inbox if m.get("type") == "change"]
    socket.close()


def test_a_large_commit_finds_all_that_ask(unhurried):
    """More values than are looked up at once, in rows of two schema versions: each once, in order."""
    db = unhurried.client("many")
    db.batch("CREATE NAMESPACE m; CREATE USER TABLE m.t (id BIGINT PRIMARY KEY, " +
             ", ".join(f"c{i} INT" for i in range(30)) + ")")
    values = ", ".join(f"({i}, " + ", ".join(str((i + c) % 50) for c in range(30)) + ")" for i in range(400))
    db.sql("INSERT INTO m.t VALUES " + values)
    db.batch("ALTER TABLE m.t DROP COLUMN c0; ALTER TABLE m.t ADD COLUMN late INT DEFAULT 5")
    socket = unhurried.websocket("many")
    for column in range(1, 30):
        socket.subscribe(f"c{column}", f"SELECT id FROM m.t WHERE c{column} = 7")
    socket.subscribe("late", "SELECT id FROM m.t WHERE late = 5 AND id < 3")
    socket.subscribe("all", "SELECT id FROM m.t WHERE id + 0 >= 398")
    db.sql("UPDATE m.t SET c29 = 7 WHERE true")

    def ids(identifier, count):
        got = []
        while len(got) < count:
            got += [row["id"] for row in socket.expect("change", identifier)["rows"]]
        return got
    for column in range(1, 29):
        asked = [str(i) for i in range(400) if (i + column) % 50 == 7]
        assert ids(f"c{column}", len(asked)) == asked
    assert ids("c29", 400) == [str(i) for i in range(400)]
    assert ids("late", 3) == ["0", "1", "2"] and ids("all", 2) == ["398", "399"]
    db.sql("UPDATE m.t SET c29 = 8 WHERE id = 10")
    assert socket.expect("change", "c29")["change_type"] == "delete"
    assert not [m for m in socket.inbox if m.get("type") == "change" and m["subscription_id"] != "c29"]
    socket.close()


@pytest.mark.parametrize("word", ["CURRENT_USER", "current_user()", "Current_User"])
def test_current_user_of_a_shared_table(server, db, table, word):
    """Two users, one text, one id: each hears of his own; the filter knows its subscriber on any kind of table."""
    sockets = {user: server.websocket(user) for user in ("ann", "bob")}
    for user, socket in sockets.items():
        assert socket.subscribe("q", f"SELECT id FROM {table} WHERE room = {word}") == []
    for number, user in enumerate(("bob", "ann", "nobody", "bob")):
        db.sql("INSERT INTO s (id, room) VALUES ($1, $2)", [number, user])
    db.sql("INSERT INTO s (id, room) VALUES (10, 'ann'), (11, 'bob')")
    got = {user: [socket.expect("change", "q")["rows"][0]["id"] for _ in range(count)]
           for (user, socket), count in zip(sockets.items(), (2, 3))}
    assert got == {"ann": ["1", "10"], "bob": ["0", "3", "11"]}
    for socket in sockets.values():
        assert socket.changes("q") == []
        socket.close()


def test_equal_texts_keep_what_is_their_own(server, db, table):
    """One text, many subscribers: parameters and NOW() stay those of each."""
    early, late = server.websocket("early"), server.websocket("late")
    sql = f"SELECT id FROM {table} WHERE at > NOW() OR n = $1"
    early.subscribe("q", sql, params=[1])
    between = db.value("SELECT CAST(NOW() AS TEXT)")
    late.subscribe("q", sql, params=[2])
    db.sql(f"INSERT INTO s (id, at) VALUES (1, '{between}')")  # after the one, before the other
    db.sql("INSERT INTO s (id, n) VALUES (2, 1)")
    db.sql("INSERT INTO s (id, n) VALUES (3, 2)")
    assert [early.expect("change", "q")["rows"][0]["id"] for _ in range(2)] == ["1", "2"]
    assert late.expect("change", "q")["rows"][0]["id"] == "3"
    for socket in (early, late):
        assert socket.changes("q") == []
        socket.close()
