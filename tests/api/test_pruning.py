"""Files that cannot hold a wanted row are not read: bounds on TIMESTAMP columns, `_updated` and `_seq`, in our own scan, in the merged
scan under DuckDB and in its list of files; EXPLAIN tells how many. The rows are those of an unbounded read, filtered here."""
import datetime
import re

import pytest

EPOCH = datetime.datetime(1970, 1, 1)
DAYS = 5
ROWS = 200


def explain(db, sql, params=None):
    text = "\n".join(row[0] for row in db.rows("EXPLAIN ANALYZE " + sql, params))
    considered, pruned = map(int, re.search(r"segments considered (\d+), pruned (\d+)", text).groups())
    return text, considered, pruned


@pytest.fixture
def events(server, db, space):
    """A file per day; the keys of all files mix, so that nothing but the time tells them apart."""
    db.sql(f"CREATE SHARED TABLE {space}.e (id TEXT PRIMARY KEY, day INT, at TIMESTAMP, v INT)")
    marks = []
    for day in range(DAYS):
        db.sql(f"INSERT INTO {space}.e VALUES " + ",".join(
            f"('{(i * 7919) % 10007}-{day}', {day}, {'NULL' if i % 10 == 0 else f'''TIMESTAMP '2026-01-0{day + 1} 00:00:00' '''}, {i})"
            for i in range(ROWS)))
        server.flush(f"{space}.e", db)
        seq, updated = db.rows(f"SELECT max(_seq), max(_updated) FROM {space}.e")[0]
        behind = EPOCH + datetime.timedelta(microseconds=int(updated) + 10)  # beyond rounding, before the next file
        marks.append((seq, behind.isoformat()))
    return f"{space}.e", marks


def check(db, table, where, kept, params=None):
    """`kept` files are read by each executor."""
    count = f"SELECT count(*) FROM {table} WHERE {where}"
    grouped = f"SELECT day, count(*) FROM {table} WHERE {where} GROUP BY day ORDER BY day"
    for sql in (count, f"SELECT id FROM {table} WHERE {where}", grouped):
        text, considered, pruned = explain(db, sql, params)
        assert (considered, considered - pruned) == (DAYS, kept), text
    assert db.rows(count, params)[0][0] == str(sum(int(n) for _, n in db.rows(grouped, params)))
    return {int(day): int(n) for day, n in db.rows(grouped, params)}


def test_timestamps(db, events):
    table, _ = events
    full = ROWS - ROWS // 10  # NULLs pass no comparison
    assert check(db, table, "at >= '2026-01-04'", 2) == {3: full, 4: full}
    assert check(db, table, "at > '2026-01-03 12:00' AND at < '2026-01-04 12:00'", 1) == {3: full}
    assert check(db, table, "at = '2026-01-02'", 1) == {1: full}
    assert check(db, table, "at BETWEEN '2026-01-02' AND '2026-01-03'", 2) == {1: full, 2: full}
    assert check(db, table, "at > '2027-01-01'", 0) == {}
    assert check(db, table, "TIMESTAMP '2026-01-01 10:00' > at", 1) == {0: full}
    assert check(db, table, "at < $1", 2, ["2026-01-02T10:00:00Z"]) == {0: full, 1: full}
    assert check(db, table, "at > '2026-01-04' OR v < 0", DAYS) == {4: full}
    # More digits than are stored: whoever rounds how, no file is missed.
    for digits in ("0000004", "0000009", "00000051"):
        for op in ("<", "<=", ">", ">="):
            where = f"at {op} '2026-01-03 00:00:00.{digits}'"
            for query in ("SELECT count(*)", "SELECT count(*), avg(v)"):
                assert db.rows(f"{query} FROM {table} WHERE {where}") == db.rows(
                    f"{query} FROM {table} WHERE ({where}) OR v < 0")
    assert check(db, table, "at IS NULL", DAYS) == {day: ROWS // 10 for day in range(DAYS)}


def test_system_columns(db, events):
    table, marks = events
    assert check(db, table, f"_seq > {marks[2][0]}", 2) == {3: ROWS, 4: ROWS}
    assert check(db, table, f"_seq <= {marks[0][0]}", 1) == {0: ROWS}
    assert check(db, table, "_updated <= $1", 2, [marks[1][1]]) == {0: ROWS, 1: ROWS}
    assert check(db, table, "_updated > $1", 1, [marks[3][1]]) == {4: ROWS}


def test_hot_versions_count(db, events):
    """A hot version decides for its key, wherever the time of the cold one lies."""
    table, _ = events
    full = ROWS - ROWS // 10
    db.sql(f"UPDATE {table} SET at = '2026-01-09' WHERE id = '{7919 % 10007}-0'")
    assert check(db, table, "at >= '2026-01-09'", 0) == {0: 1}
    assert check(db, table, "at <= '2026-01-01'", 1) == {0: full - 1}
    db.sql(f"DELETE FROM {table} WHERE at < '2026-01-02'")
    assert check(db, table, "at < '2026-01-03'", 2) == {1: full}


def test_after_alter(server, db, space):
    """A file tells nothing of a column it does not have, and a new column of an old name is another one."""
    db.sql(f"CREATE SHARED TABLE {space}.a (id TEXT PRIMARY KEY, at TIMESTAMP, d DATE)")
    db.sql(f"INSERT INTO {space}.a VALUES ('x', '2020-01-01', '2020-01-01')")
    server.flush(f"{space}.a", db)
    db.sql(f"ALTER TABLE {space}.a DROP COLUMN at, ADD COLUMN at TIMESTAMP DEFAULT '2026-01-01', ALTER d TYPE TIMESTAMP")
    db.sql(f"INSERT INTO {space}.a (id, at, d) VALUES ('y', '2020-01-01', '2026-01-01')")
    server.flush(f"{space}.a", db)
    for tail in ("", " GROUP BY id ORDER BY id"):
        query = lambda where: db.rows(f"SELECT id FROM {space}.a WHERE {where}{tail or ' ORDER BY id'}")
        assert query("at > '2025-01-01'") == [["x"]]
        assert query("at < '2025-01-01'") == [["y"]]
        assert query("d > '2025-01-01'") == [["y"]]
        assert query("d < '2025-01-01'") == [["x"]]


def test_bounds_longer_than_any_key(server, db, space):
    """A key has at most 8 KiB; a longer text bounds a range all the same."""
    db.sql(f"CREATE SHARED TABLE {space}.long (k TEXT PRIMARY KEY, n INT) ACCESS PUBLIC")
    db.sql(f"CREATE SHARED TABLE {space}.pair (a TEXT, b TEXT, PRIMARY KEY (a, b)) ACCESS PUBLIC")
    db.sql(f"INSERT INTO {space}.long VALUES ('a', 1), ('b', 2), ('c', 3)")
    db.sql(f"INSERT INTO {space}.pair VALUES ('x', 'a'), ('x', 'b'), ('y', 'a')")
    bound = "a" + "b" * 9000
    for _ in ("hot", "cold"):
        for operator, wanted in ((">", ["b", "c"]), (">=", ["b", "c"]), ("<", ["a"]), ("<=", ["a"]), ("=", [])):
            for sql, params in ((f"'{bound}'", None), ("$1", [bound])):
                text = f"SELECT k FROM {space}.long WHERE k {operator} {sql}"
                assert [k for k, in db.rows(text + " ORDER BY k", params)] == wanted
                assert [k for k, in db.rows(f"SELECT upper(k) FROM ({text}) AS s ORDER BY 1", params)] == \
                    [k.upper() for k in wanted]
        assert db.rows(f"SELECT b FROM {space}.pair WHERE a = 'x' AND b > $1", [bound]) == [["b"]]
        assert db.rows(f"SELECT k FROM {space}.long WHERE k > $1 AND k < 'c'", [bound]) == [["b"]]
        server.flush(f"{space}.long", db)
        server.flush(f"{space}.pair", db)
    assert db.sql(f"UPDATE {space}.long SET n = 0 WHERE k > $1", [bound]).row_count == 2
    assert db.sql(f"DELETE FROM {space}.long WHERE k > $1", [bound]).row_count == 2
