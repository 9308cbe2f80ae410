"""Statements that name many cold keys read each row group once, also where the row cache holds none."""
import random

import kalam
import pytest

ROWS = 3000
GROUPS_MAX = 2  # a row group has at least 2,048 rows


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config='[storage]\nrow_cache_bytes = "1MiB"\n') as running:
        yield running
        running.stop()


@pytest.fixture
def cold(db, space):
    """Rows whose one file decodes to more than the row cache takes."""
    db.sql(f"CREATE SHARED TABLE {space}.t (id TEXT PRIMARY KEY, n BIGINT, body TEXT)")
    db.sql(f"INSERT INTO {space}.t SELECT 'k' || md5(g::TEXT), g, repeat(md5(g::TEXT), 20) "
           f"FROM generate_series(1, {ROWS}) AS s(g)")
    db.sql(f"STORAGE FLUSH TABLE {space}.t")
    kalam.wait_until(lambda: db.value("SELECT count(*) FROM system.segments WHERE namespace_id = $1", [space]) == "1",
                     30, "flush")
    keys = [row[0] for row in db.rows(f"SELECT id FROM {space}.t")]
    random.Random(1).shuffle(keys)
    assert len(keys) == ROWS
    return f"{space}.t", keys


def group_reads(db):
    return db.value("SELECT metric_value FROM system.metrics WHERE metric_name = 'kalamdb_row_cache_misses_total'")


def one_in(keys):
    return "(" + ", ".join(f"'{key}'" for key in keys) + ")"


STATEMENTS = {
    "upsert": lambda t, keys: f"INSERT INTO {t} (id, n) VALUES " + ", ".join(f"('{key}', 0)" for key in keys)
                              + " ON CONFLICT (id) DO UPDATE SET n = 0",
    "nothing": lambda t, keys: f"INSERT INTO {t} (id, n) VALUES " + ", ".join(f"('{key}', 0)" for key in keys)
                               + " ON CONFLICT (id) DO NOTHING",
    "update": lambda t, keys: f"UPDATE {t} SET n = 0 WHERE id IN {one_in(keys)}",
    "delete": lambda t, keys: f"DELETE FROM {t} WHERE id IN {one_in(keys)}",
    "select": lambda t, keys: f"SELECT id FROM {t} WHERE id IN {one_in(keys)}",
    "update by n": lambda t, keys: f"UPDATE {t} SET n = 0 WHERE n > 0",
    "transaction": lambda t, keys: f"BEGIN; UPDATE {t} SET n = 0 WHERE id IN {one_in(keys)}; COMMIT",
}
# Passes over the file: the scan of "update by n" and its keys, the statement of a transaction and its COMMIT.
PASSES = {"update by n": 2, "transaction": 2}
POSITIVE_AFTER = {"nothing": ROWS, "select": ROWS, "update by n": 0}


@pytest.mark.parametrize("kind", STATEMENTS)
def test_row_groups_are_read_once(db, cold, kind):
    table, keys = cold
    before = group_reads(db)
    db.batch(STATEMENTS[kind](table, keys[:1000]))
    assert group_reads(db) - before <= GROUPS_MAX * PASSES.get(kind, 1)
    assert db.value(f"SELECT count(*) FROM {table} WHERE n > 0") == str(POSITIVE_AFTER.get(kind, ROWS - 1000))
