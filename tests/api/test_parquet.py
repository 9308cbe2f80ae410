"""Files of flush, rewrite and compaction as a reader sees them that shares no code with DuckDB (tests/support/parquet): schema,
field ids, metadata, row groups, statistics, the values of every type, NULLs."""
import json
import os
import subprocess

import kalam
from pytest import approx  # decimals are read as floating numbers

READER = kalam.ROOT / "tests/support/parquet/read.mjs"
SYSTEM = {"_seq": 0x7fff0001, "_updated": 0x7fff0002, "_deleted": 0x7fff0003}  # field ids
COLUMNS = {  # name → (type, physical type, annotation, literal, as it is read)
    "b": ("BOOLEAN", "BOOLEAN", None, "true", True),
    "s": ("SMALLINT", "INT32", "INT_16", "-32768", -32768),
    "i": ("INT", "INT32", "INT_32", "2147483647", 2147483647),
    "n": ("BIGINT", "INT64", "INT_64", "9007199254740993", "9007199254740993"),
    "f": ("FLOAT", "FLOAT", None, "1.5", 1.5),
    "d": ("DOUBLE", "DOUBLE", None, "-2.25e100", -2.25e100),
    "m": ("DECIMAL(30, 3)", "FIXED_LEN_BYTE_ARRAY", "DECIMAL", "-12345.675", approx(-12345.675)),
    "m9": ("DECIMAL(9, 2)", "INT32", "DECIMAL", "1234567.89", approx(1234567.89)),
    "t": ("TEXT", "BYTE_ARRAY", "UTF8", "'grüße 😀'", "grüße 😀"),
    "v": ("VARCHAR(5)", "BYTE_ARRAY", "UTF8", "''", ""),
    "u": ("UUID", "FIXED_LEN_BYTE_ARRAY", "UUID", "'0190f3a0-0000-7000-8000-00000000000a'", "0190f3a000007000800000000000000a"),
    "j": ("JSON", "BYTE_ARRAY", "JSON", "'{\"a\":  [1, null]}'", '{"a":  [1, null]}'),
    "y": ("BYTES", "BYTE_ARRAY", None, "'0x00ff80'", "00ff80"),
    "dt": ("DATE", "INT32", "DATE", "'1969-12-31'", -1),
    "tm": ("TIME", "INT64", "TIME_MICROS", "'12:34:56.000789'", "45296000789"),
    "ts": ("TIMESTAMP", "INT64", "TIMESTAMP_MICROS", "'1969-12-31T23:59:59.999999Z'", "-1"),
}


def read(path):
    done = subprocess.run(["node", str(READER), str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    found["meta"] = {entry["key"]: entry["value"] for entry in found["metadata"]["key_value_metadata"]}
    found["schema"] = {leaf["name"]: leaf for leaf in found["metadata"]["schema"][1:]}
    found["groups"] = [({column["meta_data"]["path_in_schema"][0]: column["meta_data"] for column in group["columns"]},
                        int(group["num_rows"])) for group in found["metadata"]["row_groups"]]
    return found


def files_of(server, space, table):
    return sorted(path for path in server.parquet_files() if f"/{space}/" in path and f"/{table}/" in path)


def check_frame(found, space, table, user, version):
    """What holds for every file."""
    assert found["meta"] | {"kalamdb.created_at": 0, "kalamdb.job_id": 0} == {
        "kalamdb.schema_version": str(version), "kalamdb.namespace": space, "kalamdb.table": table, "kalamdb.user_id": user,
        "kalamdb.created_at": 0, "kalamdb.job_id": 0}
    assert int(found["meta"]["kalamdb.created_at"]) > 0 and found["meta"]["kalamdb.job_id"].split("-")[0] in ("flush", "compact")
    assert list(found["schema"])[-3:] == list(SYSTEM)
    for name, number in SYSTEM.items():
        assert found["schema"][name]["field_id"] == number
    assert sum(rows for _, rows in found["groups"]) == len(found["rows"]) == int(found["metadata"]["num_rows"])
    at = 0
    for columns, rows in found["groups"]:
        assert list(columns) == list(found["schema"])
        for name, column in columns.items():
            values = [row[name] for row in found["rows"][at:at + rows]]
            assert column["codec"] == "ZSTD" and int(column["num_values"]) == rows
            statistics = column["statistics"]
            assert int(statistics["null_count"]) == values.count(None), name
            if found["schema"][name].get("converted_type") in ("INT_64", "TIMESTAMP_MICROS") and values.count(None) < rows:
                numbers = [int(value) for value in values if value is not None]
                assert (int(statistics["min_value"]), int(statistics["max_value"])) == (min(numbers), max(numbers)), name
        at += rows
    for name in SYSTEM:
        assert None not in [row[name] for row in found["rows"]]


def test_every_type_and_null(server, db, space):
    db.sql(f"CREATE SHARED TABLE {space}.t (id BIGINT PRIMARY KEY, " +
           ", ".join(f"{name} {kind}" for name, (kind, *_) in COLUMNS.items()) + ")")
    db.sql(f"INSERT INTO {space}.t VALUES (1, " + ", ".join(literal for *_, literal, _ in COLUMNS.values()) + ")")
    db.sql(f"INSERT INTO {space}.t (id) VALUES (-9223372036854775808)")
    server.flush(f"{space}.t", db)
    [path] = files_of(server, space, "t")
    found = read(path)
    check_frame(found, space, "t", "", 1)
    assert [row["id"] for row in found["rows"]] == ["1", "-9223372036854775808"]  # keys fall
    for number, (name, (_, physical, annotation, _, value)) in enumerate(COLUMNS.items()):
        leaf = found["schema"][name]
        assert leaf["type"] == physical and leaf["field_id"] == number + 2, leaf
        assert annotation in (leaf.get("converted_type"), (leaf.get("logical_type") or {}).get("type")), leaf
        assert [row[name] for row in found["rows"]] == [value, None], name
    stored = db.rows(f"SELECT _seq FROM {space}.t ORDER BY id DESC")
    assert [[row["_seq"]] for row in found["rows"]] == stored
    assert [row["_deleted"] for row in found["rows"]] == [False, False]


def test_rewritten_and_altered(server, db, space):
    """A deleted row, a changed one, and columns added, dropped, renamed and widened between the flushes of a user's table."""
    db.sql(f"CREATE USER TABLE {space}.u (id INT PRIMARY KEY, a SMALLINT, gone TEXT)")
    ann = server.client("ann")
    ann.sql(f"INSERT INTO {space}.u VALUES " + ",".join(f"({i}, {i}, 'x')" for i in range(5000)))
    server.flush(f"{space}.u", db)
    [first] = files_of(server, space, "u")
    found = read(first)
    check_frame(found, space, "u", "ann", 1)
    assert "/ann/" in first and [row["id"] for row in found["rows"]] == list(range(4999, -1, -1))
    db.sql(f"ALTER TABLE {space}.u DROP COLUMN gone, ADD COLUMN extra TIMESTAMP DEFAULT '2026-01-01', RENAME COLUMN a TO b, "
           "ALTER b TYPE BIGINT")
    ann.sql(f"DELETE FROM {space}.u WHERE id = 7")
    ann.sql(f"UPDATE {space}.u SET b = 4294967296 WHERE id = 8")
    server.flush(f"{space}.u", db)
    kalam.wait_until(lambda: not os.path.exists(first), 20, "the replaced file is gone")
    [second] = files_of(server, space, "u")
    found = read(second)
    check_frame(found, space, "u", "ann", 2)
    assert [(leaf["name"], leaf["field_id"]) for leaf in found["schema"].values()][:3] == [("id", 1), ("b", 2), ("extra", 4)]
    assert found["schema"]["b"]["type"] == "INT64"
    rows = {row["id"]: row for row in found["rows"]}
    assert len(rows) == 5000 and rows[8]["b"] == "4294967296" and rows[9]["b"] == "9"
    assert [i for i, row in rows.items() if row["_deleted"]] == [7]
    assert {row["extra"] for row in rows.values()} == {"1767225600000000"}


def test_compacted(server, db, space):
    db.sql(f"CREATE SHARED TABLE {space}.c (id BIGINT PRIMARY KEY, v INT)")
    count = 0
    while not db.rows(f"SELECT 1 FROM system.jobs WHERE job_type = 'compact' AND namespace_id = '{space}' AND status = 'completed'"):
        assert count < 100
        db.sql(f"INSERT INTO {space}.c VALUES ($1, $2)", [count, count])
        server.flush(f"{space}.c", db)
        count += 1
    segments = int(db.value(f"SELECT count(*) FROM system.segments WHERE namespace_id = '{space}'"))
    assert segments < count
    kalam.wait_until(lambda: len(files_of(server, space, "c")) == segments, 20, "merged files are gone")
    found = [read(path) for path in files_of(server, space, "c")]
    for file in found:
        check_frame(file, space, "c", "", 1)
    [merged] = [file for file in found if file["meta"]["kalamdb.job_id"].startswith("compact-c-")]
    assert len(merged["rows"]) > 1
    assert sorted(int(row["id"]) for file in found for row in file["rows"]) == list(range(count))
