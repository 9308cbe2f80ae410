"""ORDER BY, LIMIT and OFFSET of a live query: they choose the rows it begins with, those of the same SELECT, and nothing of
the changes."""
import itertools
import os
import threading

import kalam
import pytest

CONFIG = "[rate_limit]\nmax_messages_per_sec = 10000\n"
COLUMNS = "(id BIGINT PRIMARY KEY, n INT, title TEXT, p DECIMAL(8,2), d DOUBLE, at TIMESTAMP, ok BOOLEAN)"


def values(numbers):
    """Rows with ties and NULLs in every column, written in another order than that of the key."""
    def row(i):
        shown = [f"{i * 37 % 11}" if i % 5 else "NULL", f"'{'xyzÄb'[i % 5]}{i % 3}'" if i % 7 else "NULL",
                 f"{i * 13 % 17}.{i % 4}5" if i % 6 else "NULL", f"{i * 29 % 23} / 4.0", "NULL" if i % 4 == 1 else
                 f"TIMESTAMP '2026-01-{1 + i * 7 % 28:02} 08:00:00'", ["true", "false", "NULL"][i % 3]]
        return f"({i}, {', '.join(shown)})"
    return ", ".join(row(i) for i in sorted(numbers, key=lambda i: i * 61 % 97))


@pytest.fixture(scope="module")
def server():
    """Takes more messages per second than clients send."""
    with kalam.Server(config=CONFIG) as running:
        yield running
        running.stop()


@pytest.fixture(scope="module")
def tables(server):
    """The same rows in a user and a shared table: hot, cold, and both with some newer and some deleted ones."""
    db = server.client("ann")
    db.sql("CREATE NAMESPACE chosen")
    names = []
    for kind, tier in itertools.product(("USER", "SHARED"), ("hot", "cold", "both")):
        table = f"chosen.{kind}_{tier}".lower()
        db.sql(f"CREATE {kind} TABLE {table} {COLUMNS}")
        db.sql(f"INSERT INTO {table} VALUES {values(range(60 if tier == 'both' else 80))}")
        if tier != "hot":
            server.flush(table, db)
        if tier == "both":
            db.sql(f"INSERT INTO {table} VALUES {values(range(60, 80))}")
            db.sql(f"UPDATE {table} SET n = n + 1 WHERE id % 9 = 0")
        db.sql(f"DELETE FROM {table} WHERE id % 19 = 3")
        names.append(table)
    yield {"names": names, "db": db}
    db.close()


@pytest.fixture
def ws(server):
    socket = server.websocket("ann")
    yield socket
    socket.close()


def follows_select(db, ws, sql, params=None, **options):
    """The first rows are those of the SELECT, ascending by `_seq`; their ids."""
    rows = ws.subscribe("s", sql, options=options, params=params)
    expected = sorted(db.sql(sql, params).dicts(), key=lambda row: int(row["_seq"]))
    assert rows == expected, sql
    assert ws.ack["total_rows"] == len(rows)
    return [int(row["id"]) for row in rows]


@pytest.mark.parametrize("order", [
    "n", "n DESC", "n NULLS FIRST", "n DESC NULLS LAST", "title, n DESC, id", "title DESC, at NULLS FIRST", "p DESC, d", "ok, d DESC",
    "ok DESC NULLS LAST, at, title NULLS FIRST", "d, id DESC", "id", "id DESC", "2 DESC, 1", "twice, n", "abs(n - 5), id", "n % 3, title, id DESC",
    "lower(title) DESC NULLS LAST, p", "coalesce(n, 4), id", "CASE WHEN n > 5 THEN title END, n", "_seq", "_updated DESC, _seq", "n IS NULL, -n",
    "t.n DESC, t.id", "NOW(), n, id"])
def test_first_rows_are_those_of_the_select(tables, ws, order):
    limits = ("LIMIT 7", "LIMIT 11 OFFSET 5", "LIMIT 500", "LIMIT 0", "LIMIT 9 OFFSET 300")
    pairs = list(itertools.product(tables["names"], limits))
    if not os.environ.get("KALAM_LONG"):  # a fixed share: every limit once, every table once or twice
        pairs = pairs[len(order) % 3::4]
    for table, limit in pairs:
        follows_select(tables["db"], ws, f"SELECT id, n, title AS twice, p, d, at, ok, _seq FROM {table} t WHERE id <> 8 AND "
                       f"(n <> 3 OR n IS NULL) ORDER BY {order} {limit}", batch_size=4)


def test_ties_go_by_key(server, db, space, ws):
    """Of equal rows the smaller keys are chosen, or, where the key is read backwards, the larger ones: as SELECT does."""
    db.sql("CREATE SHARED TABLE t (a INT, b TEXT, n INT, PRIMARY KEY (a, b))")
    for number, b in enumerate("zyxwv"):
        db.sql("INSERT INTO t VALUES " + ", ".join(f"({a}, '{b}', {number % 2})" for a in (3, 1, 2)))
    for flushed in (False, True):
        for order, chosen in {"n": ["1v", "1x"], "n DESC": ["1w", "1y"], "a": ["1v", "1w"], "a DESC": ["3z", "3y"], "a DESC, b": ["3v", "3w"],
                              "a, n": ["1v", "1x"], "a DESC, n": ["3v", "3x"], "a DESC, b DESC": ["3z", "3y"]}.items():
            sql = f"SELECT a, b FROM {space}.t ORDER BY {order} LIMIT 2"
            assert [f"{a}{b}" for a, b in db.rows(sql)] == chosen, order
            assert sorted(f"{row['a']}{row['b']}" for row in ws.subscribe("t", sql, options={})) == sorted(chosen), order
        if not flushed:
            server.flush(f"{space}.t", db)


def test_parameters(tables, ws):
    for table in tables["names"]:
        sql = f"SELECT id, n, _seq FROM {table} WHERE n > $1 ORDER BY abs(n - $2), id LIMIT $3 OFFSET $4"
        assert len(follows_select(tables["db"], ws, sql, params=[2, 6, 5, 3])) == 5
        assert len(follows_select(tables["db"], ws, sql, params=[2, 6, None, 3])) == len(follows_select(tables["db"], ws, sql, params=[2, 6, None, None])) - 3
        assert follows_select(tables["db"], ws, sql, params=[2, 6, 0, 0]) == []
    for limits in ([-1, 0], [1, -1]):
        with pytest.raises(kalam.SqlError) as failure:
            ws.subscribe("s", sql, params=[2, 6, *limits])
        assert failure.value.code == "INVALID_SQL" and "must not be negative" in str(failure.value)


def test_with_the_options(tables, ws):
    """`last_rows` takes the newest of the chosen rows; `from` tells all that changed; without options there are no rows."""
    table = tables["names"][0]
    sql = f"SELECT id, n, _seq FROM {table} ORDER BY n DESC NULLS LAST, id LIMIT 12"
    chosen = follows_select(tables["db"], ws, sql)
    assert len(chosen) == 12 and chosen != sorted(chosen)
    for options in ({"last_rows": 5}, {"last_rows": 5, "batch_size": 2}):
        assert [int(row["id"]) for row in ws.subscribe("s", sql, options=options)] == chosen[-5:]
        assert ws.ack["total_rows"] == 5
    assert [int(row["id"]) for row in ws.subscribe("s", sql, options={"last_rows": 50, "batch_size": 5})] == chosen
    assert ws.subscribe("s", sql, options={"last_rows": 0}) == [] and ws.subscribe("s", sql) == []
    everything = ws.subscribe("s", f"SELECT id, _seq FROM {table}", options={})
    first = int(everything[0]["_seq"]) - 1
    assert [row["_seq"] for row in ws.subscribe("s", sql, options={"from": first})] == [row["_seq"] for row in everything]
    middle = int(everything[30]["_seq"])
    assert len(ws.subscribe("s", sql, options={"from": middle, "last_rows": 1})) == len(everything) - 31
    text = ws.subscribe("s", f"SUBSCRIBE {sql} OPTIONS (last_rows = 4, batch_size = 3)")
    assert [int(row["id"]) for row in text] == chosen[-4:]


def test_the_condition_alone_decides_about_changes(db, space, ws):
    """A row that was not chosen is as good as any other: what is told of it is how it stands to the WHERE."""
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT)")
    db.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, {i})" for i in range(20)))
    rows = ws.subscribe("s", f"SELECT id, n FROM {space}.t WHERE n < 100 ORDER BY n DESC LIMIT 3", options={})
    assert [row["id"] for row in rows] == ["17", "18", "19"]
    for sql, kind, number in (("UPDATE t SET n = 50 WHERE id = 4", "update", "4"), ("UPDATE t SET n = 100 WHERE id = 5", "delete", "5"),
                              ("UPDATE t SET n = 0 WHERE id = 5", "insert", "5"), ("DELETE FROM t WHERE id = 6", "delete", "6"),
                              ("INSERT INTO t VALUES (20, -1)", "insert", "20"), ("UPDATE t SET n = 1 WHERE id = 19", "update", "19")):
        db.sql(sql)
        change = ws.expect("change", "s")
        assert (change["change_type"], (change.get("rows") or change["old_values"])[0]["id"]) == (kind, number), sql
    assert ws.changes("s") == []


def test_deleted_rows_only_where_they_are_named(db, space, ws):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT)")
    db.sql("INSERT INTO t VALUES (1, 9), (2, 8), (3, 7), (4, 6)")
    db.sql("DELETE FROM t WHERE id < 3")
    for where, chosen in (("", ["3", "4"]), ("WHERE _deleted", ["1", "2"]), ("WHERE _deleted OR n > 0", ["3", "1", "2"])):
        sql = f"SELECT id FROM {space}.t {where} ORDER BY n DESC LIMIT 3"  # what was deleted has a later `_seq`
        assert [row["id"] for row in ws.subscribe("s", sql, options={})] == chosen


def test_a_position_names_columns(db, space, ws):
    """What it counts stays: a column up to it cannot be dropped, one behind it can."""
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a INT, b INT, c INT)")
    db.sql("INSERT INTO t VALUES (1, 1, 3, 0), (2, 2, 2, 0)")
    assert [row["id"] for row in ws.subscribe("s", f"SELECT * FROM {space}.t ORDER BY 3 LIMIT 1", options={})] == ["2"]
    for column in ("a", "b"):
        with pytest.raises(kalam.SqlError) as failure:
            db.sql(f"ALTER TABLE t DROP COLUMN {column}")
        assert failure.value.code == "CONFLICT"
    db.sql("ALTER TABLE t DROP COLUMN c")
    db.sql("INSERT INTO t VALUES (3, 3, 3)")
    assert "c" not in ws.expect("change", "s")["rows"][0]


def test_streams_and_system_tables(server, db, space):
    db.sql("CREATE STREAM TABLE e (id BIGINT PRIMARY KEY, n INT) TTL '10 minutes'")
    for i in range(30):
        db.sql("INSERT INTO e VALUES ($1, $2)", [i, i * 7 % 10])
    socket = server.websocket()
    for order in ("n, id", "n DESC, id DESC", "id DESC", "id"):
        sql = f"SELECT id, n FROM {space}.e WHERE id <> 3 ORDER BY {order} LIMIT 6 OFFSET 2"
        expected = sorted(int(row[0]) for row in db.rows(sql))
        assert [int(row["id"]) for row in socket.subscribe("e", sql, options={"batch_size": 4})] == expected, order
    for name in ("b", "c", "a", "d"):
        db.sql(f"CREATE NAMESPACE {space}_{name}")
    where = f"FROM system.namespaces WHERE namespace_id LIKE '{space}\\_%'"
    for order, chosen in (("name DESC", "dc"), ("namespace_id", "ab"), ("lower(namespace_id) DESC", "dc"), ("created_at", "bc"), ("_seq", "bc"),
                          ("_seq DESC", "ad")):
        rows = socket.subscribe("n", f"SELECT namespace_id {where} ORDER BY {order} LIMIT 2", options={})
        assert sorted(row["namespace_id"][-1] for row in rows) == sorted(chosen), order
        assert [row["_seq"] for row in rows] == sorted(row["_seq"] for row in rows)
    for order, code in (("table_count", "UNSUPPORTED"), ("nothing", "INVALID_SQL")):
        with pytest.raises(kalam.SqlError) as failure:
            socket.subscribe("n", f"SELECT namespace_id {where} ORDER BY {order} LIMIT 2")
        assert failure.value.code == code
    socket.close()


@pytest.mark.parametrize("end, code, message", [
    ("ORDER BY SNOWFLAKE_ID() LIMIT 3", "UNSUPPORTED", "snowflake_id"), ("ORDER BY random() LIMIT 3", "UNSUPPORTED", ""),
    ("ORDER BY n, UUID_V7() LIMIT 3", "UNSUPPORTED", ""), ("ORDER BY SNOWFLAKE_ID()", "UNSUPPORTED", ""), ("ORDER BY count(*) LIMIT 3", "UNSUPPORTED", ""),
    ("ORDER BY row_number() OVER () LIMIT 3", "UNSUPPORTED", ""), ("ORDER BY (SELECT 1) LIMIT 3", "UNSUPPORTED", ""),
    ("OFFSET 3", "UNSUPPORTED", "OFFSET without"), ("LIMIT 5 OFFSET 3", "UNSUPPORTED", "OFFSET without"),
    ("ORDER BY n OFFSET 3", "UNSUPPORTED", "OFFSET without"), ("ORDER BY nothing LIMIT 3", "INVALID_SQL", "nothing"),
    ("ORDER BY nothing", "INVALID_SQL", "nothing"), ("ORDER BY 4 LIMIT 3", "INVALID_SQL", "position 4"), ("ORDER BY 0 LIMIT 3", "INVALID_SQL", "position 0"),
    ("ORDER BY 'n' LIMIT 3", "INVALID_SQL", "constant"), ("ORDER BY n + title LIMIT 3", "INVALID_SQL", ""),
    ("ORDER BY x.n LIMIT 3", "INVALID_SQL", "")])
def test_what_is_refused(tables, ws, end, code, message):
    for options in ({}, None):
        with pytest.raises(kalam.SqlError) as failure:
            ws.subscribe("s", f"SELECT id, n, title FROM {tables['names'][1]} {end}", options=options)
        assert failure.value.code == code and message in str(failure.value), str(failure.value)


def test_an_error_of_a_row_ends_it(db, space, ws):
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT)")
    db.sql("INSERT INTO t VALUES (1, 1), (2, 0)")
    with pytest.raises(kalam.SqlError) as failure:
        ws.subscribe("s", f"SELECT id FROM {space}.t ORDER BY 5 / n LIMIT 1", options={})
    assert "division by zero" in str(failure.value)
    assert ws.subscribe("s", f"SELECT id FROM {space}.t ORDER BY 5 / n LIMIT 1") == []  # no rows are asked for
    db.sql("INSERT INTO t VALUES (3, 0)")
    assert ws.expect("change", "s")["rows"][0]["id"] == "3"


def test_every_form_of_frames(server, tables):
    sql = f"SELECT id, n, title, at FROM {tables['names'][2]} ORDER BY title DESC, n LIMIT 9"
    seen = []
    for path in ("/v1/ws", "/v1/ws?serialization=msgpack", "/v1/ws?serialization=msgpack&compression=gzip"):
        socket = server.websocket("ann", path=path)
        seen.append([(row["id"], row["n"], row["title"], row["at"]) for row in socket.subscribe("s", sql, options={"batch_size": 4})])
        socket.close()
    assert len(seen[0]) == 9 and seen[0] == seen[1] == seen[2]


def test_explain(db, space):
    db.sql(f"CREATE USER TABLE t {COLUMNS}")

    def explain(end, params=None):
        lines = [row[0] for row in db.rows(f"EXPLAIN SUBSCRIBE SELECT title AS head FROM {space}.t {end}", params)]
        return [line for line in lines if not line.startswith("Plan cache")][-1]
    assert explain("ORDER BY n") == explain("") == "Output: head, id, _seq"
    assert explain("LIMIT 5") == explain("ORDER BY _seq DESC, n LIMIT 5") == "Snapshot: newest 5 rows"
    assert explain("ORDER BY head DESC, 1, n NULLS FIRST LIMIT 5 OFFSET 2") == "Snapshot: 5 rows after 2 sorted by head DESC, head, n NULLS FIRST"
    assert explain("ORDER BY n DESC NULLS LAST LIMIT $1", [3]) == "Snapshot: 3 rows sorted by n DESC NULLS LAST"
    assert explain("ORDER BY id LIMIT 3") == "Snapshot: 3 rows by key ascending"
    assert explain("ORDER BY id DESC, n LIMIT 3") == "Snapshot: 3 rows by key descending"
    assert explain("ORDER BY _seq DESC LIMIT 3 OFFSET 1") == "Snapshot: 3 rows after 1 sorted by _seq DESC"


def test_after_alter(db, space, ws):
    """The order follows the new schema; its columns are named by the live query, so they stay."""
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n SMALLINT)")
    db.sql("INSERT INTO t VALUES (1, 3), (2, 1), (3, 2)")
    sql = f"SELECT id FROM {space}.t ORDER BY n LIMIT 2"
    assert [row["id"] for row in ws.subscribe("s", sql, options={})] == ["2", "3"]
    for change in ("DROP COLUMN n", "RENAME COLUMN n TO m"):
        with pytest.raises(kalam.SqlError) as failure:
            db.sql(f"ALTER TABLE t {change}")
        assert failure.value.code == "CONFLICT"
    db.sql("ALTER TABLE t ADD COLUMN extra INT DEFAULT 5")
    db.sql("INSERT INTO t VALUES (4, 0, 6)")
    assert ws.expect("change", "s")["rows"][0]["id"] == "4"
    assert [row["id"] for row in ws.subscribe("other", f"SELECT id FROM {space}.t ORDER BY extra DESC, n DESC LIMIT 2", options={})] == ["1", "4"]


def test_no_gap_no_double_while_loading():
    """Changes while the batches are fetched are held, or, when they are too many, told as the difference since the snapshot."""
    with kalam.Server(config="[live]\nqueue_events = 8\n") as server:
        db, ws = server.client(), server.websocket()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, n INT)")
        db.sql("INSERT INTO l.t VALUES " + ", ".join(f"({i}, {i * 7 % 40})" for i in range(40)))
        server.flush("l.t", db)
        for updates in (3, 60):
            known = {row[0]: row[1] for row in db.rows("SELECT id, n FROM l.t WHERE n >= 0")}
            chosen = {row[0] for row in db.rows("SELECT id FROM l.t WHERE n >= 0 ORDER BY n DESC, id LIMIT 10")}
            ws.send({"type": "subscribe", "subscription": {"id": "s", "options": {"batch_size": 2},
                                                           "sql": "SELECT id, n FROM l.t WHERE n >= 0 ORDER BY n DESC, id LIMIT 10"}})
            batch = ws.expect("initial_data_batch", "s")
            rows = {row["id"]: row["n"] for row in batch["rows"]}
            for i in range(updates):
                db.sql("UPDATE l.t SET n = n + 100 WHERE id = $1", [i % 20])
            db.sql("UPDATE l.t SET n = -1 - n WHERE id IN (21, 33)")
            db.sql("DELETE FROM l.t WHERE id = $1", [22 + updates % 2])
            while batch["batch_control"]["has_more"]:
                ws.send({"type": "next_batch", "subscription_id": "s"})
                batch = ws.expect("initial_data_batch", "s")
                rows.update((row["id"], row["n"]) for row in batch["rows"])
            assert set(rows) == chosen and all(rows[key] == known[key] for key in rows)
            db.sql("INSERT INTO l.t VALUES ($1, 0)", [1000 + updates])
            last, told = None, {}
            while last != str(1000 + updates):
                change = ws.expect("change", "s")
                for row in change.get("rows") or change["old_values"]:
                    last = row["id"]
                    was = told.get(last, last in known)
                    assert was == (change["change_type"] != "insert"), change
                    told[last] = change["change_type"] != "delete"
                    known.pop(last, None)
                    if told[last]:
                        known[last] = row["n"]
            assert known == dict(map(tuple, db.rows("SELECT id, n FROM l.t WHERE n >= 0")))
            ws.send({"type": "unsubscribe", "subscription_id": "s"})
            ws.expect("unsubscribed", "s")
        ws.close()
        server.stop()


def test_one_point_in_time(server, db, space):
    """Transactions move a sum between rows while subscribers join: the chosen rows never show half of one."""
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT)")
    db.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, 0)" for i in range(12)))
    stop = threading.Event()

    def write():
        client = server.client()
        for i in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
            client.batch(f"BEGIN; UPDATE {space}.t SET n = n + 1 WHERE id = {i % 12}; UPDATE {space}.t SET n = n - 1 WHERE id = {(i + 5) % 12}; COMMIT")
            if i == 100:
                server.flush(f"{space}.t", db)
        client.close()
    writer = threading.Thread(target=write)
    writer.start()
    socket = server.websocket()
    try:
        for _ in range(20):
            rows = socket.subscribe("s", f"SELECT id, n FROM {space}.t ORDER BY n DESC, id LIMIT 12", options={"batch_size": 5})
            assert len(rows) == 12 and sum(row["n"] for row in rows) == 0
    finally:
        stop.set()
        writer.join()
    socket.close()


@pytest.fixture(scope="module")
def narrow():
    """Little memory for a statement, and little work for a row."""
    with kalam.Server(config='[query]\nmemory_limit = "16MiB"\nrow_work = "64MiB"\n[live]\nfilter_memory = "1MiB"\n') as server:
        db = server.client()
        db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.t (id BIGINT PRIMARY KEY, n INT, v TEXT)")
        for start in range(0, 12000, 500):
            db.sql("INSERT INTO l.t VALUES " + ", ".join(f"({i}, {i // 2}, '{i:02000}')" for i in range(start, start + 500)))
        server.flush("l.t", db)
        yield server
        server.stop()


def test_memory_is_that_of_the_rows_kept(narrow):
    """In the worst order, where each row is better than all before it, a SELECT and a live query hold the chosen ones only."""
    db, ws = narrow.client(), narrow.websocket()
    for order in ("n DESC, id", "v DESC", "-n, v"):
        sql = f"SELECT id, v FROM l.t ORDER BY {order} LIMIT 300 OFFSET 10"
        chosen = sorted(int(row[0]) for row in db.rows(sql))
        assert [int(row["id"]) for row in ws.subscribe("s", sql, options={})] == chosen and len(chosen) == 300
    assert len(ws.subscribe("s", "SELECT v FROM l.t ORDER BY n DESC LIMIT 11000", options={"batch_size": 5000})) == 11000
    with pytest.raises(kalam.SqlError) as failure:
        ws.subscribe("s", "SELECT id FROM l.t ORDER BY v DESC LIMIT 11000", options={})
    assert failure.value.code == "MESSAGE_TOO_LARGE" and "memory limit" in str(failure.value)
    ws.close()


def test_an_order_is_bounded_like_a_filter(narrow):
    ws = narrow.websocket()
    wide = "".join(chr(0x4e00 + i) for i in range(20000))
    for order, params, code, message in (("replace(v, '0', v)", None, "MESSAGE_TOO_LARGE", ""),
                                         ("rtrim(v || $2, $1)", [wide, wide[-1] * 1000], "SUBSCRIPTION_FAILED", "take too long")):
        with pytest.raises(kalam.SqlError) as failure:
            ws.subscribe("s", f"SELECT id FROM l.t WHERE id < 9 ORDER BY {order} LIMIT 1", options={}, params=params)
        assert failure.value.code == code and message in str(failure.value), str(failure.value)
    assert [row["id"] for row in ws.subscribe("s", "SELECT id FROM l.t ORDER BY v DESC LIMIT 1", options={})] == ["11999"]
    ws.close()
