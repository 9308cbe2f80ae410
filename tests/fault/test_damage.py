"""Single flipped bits in every kind of file: an error that names the file, a recovery that says so, or the right answer. Never another answer.

The data directory is made once; each case flips one bit of one file in a copy, starts the server on it and asks. 4 flips a kind, 100
in the long form.
"""
import collections
import os
import pathlib
import random
import re
import shutil

import kalam
import pytest

FLIPS = 100 if os.environ.get("KALAM_LONG") else 4
SEED = kalam.run_seed(3)
ROWS = 600
QUERIES = {  # point read, key range, filter, DuckDB
    "SELECT v FROM d.{t} WHERE id = 7": [["text 7 " + "x" * 40]],
    "SELECT id FROM d.{t} WHERE id BETWEEN 100 AND 103": [["100"], ["101"], ["102"], ["103"]],
    "SELECT count(*) FROM d.{t} WHERE n = 3": [[str(len([i for i in range(ROWS) if i % 10 == 3]))]],
    "SELECT sum(n), count(DISTINCT v), max(id) FROM d.{t}": [[str(sum(i % 10 for i in range(ROWS))), str(ROWS),
                                                             str(ROWS - 1)]],
}
KINDS = {"parquet": r"\.parquet$", "sst": r"\.sst$", "log": r"\d+\.log$", "manifest": r"MANIFEST-\d+$"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cold table and a hot one; hot rows in SST files, the newest of them in the log alone."""
    made = tmp_path_factory.mktemp("damage") / "data"
    with kalam.Server(data_dir=made.mkdir() or made) as server:
        db = server.client()
        db.sql("CREATE NAMESPACE d")
        for table in ("cold", "hot"):
            db.sql(f"CREATE SHARED TABLE d.{table} (id BIGINT PRIMARY KEY, n INT, v TEXT)")
            insert(db, table, 0, ROWS if table == "cold" else ROWS - 50)
        server.flush("d.cold", db)
        server.kill()
        server.start()  # what the log held is in a file now
        insert(server.client(), "hot", ROWS - 50, ROWS)
        server.kill()
        yield made


def insert(db, table, first, last):
    for start in range(first, last, 10):
        db.sql(f"INSERT INTO d.{table} VALUES " + ", ".join(f"({i}, {i % 10}, 'text {i} {'x' * 40}')"
                                                           for i in range(start, start + 10)))


def flip(folder, pattern, rng):
    """Flips a bit of one of the files; its name."""
    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file() and re.search(pattern, p.name) and
                   p.stat().st_size)
    assert files, pattern
    chosen = rng.choices(files, [f.stat().st_size for f in files])[0]
    data = bytearray(chosen.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    chosen.write_bytes(data)
    return chosen.name


def answer(client, sql):
    """Rows, or the error's text."""
    try:
        return client.rows(sql), None
    except kalam.SqlError as error:
        return None, str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_one_bit(folder, tmp_path, kind):
    rng = random.Random(f"{SEED} {kind}")
    outcomes = collections.Counter()
    for number in range(FLIPS):
        copy = tmp_path / f"{number}"
        shutil.copytree(folder, copy)
        name = flip(copy, KINDS[kind], rng)
        outcomes[start_and_ask(copy, name)] += 1
        shutil.rmtree(copy)
    print(f"seed: {SEED}; share: {FLIPS} bits of {kind}: {dict(outcomes)}")
    assert kind == "log" or outcomes["right"] < FLIPS or FLIPS < 20  # the bits hit something


def start_and_ask(copy, name):
    server = kalam.Server(data_dir=copy)
    try:
        server.start()
    except AssertionError:
        assert server.process.poll() == 1 and name in server.log(), f"{name}: {server.log()}"
        return "refused to start"
    try:
        return ask(server, name)
    finally:
        server.kill()


def ask(server, name):
    """Hot rows whose commits were at the end of the log may be missing, if the server said so."""
    seen = "right"
    for table in ("cold", "hot"):
        for sql, expected in QUERIES.items():
            rows, error = answer(server.client(), sql.format(t=table))
            if error is not None:
                assert name in error + server.log(), f"{name}: {error}"
                seen = "error"
            elif rows != expected:
                assert table == "hot" and f"log file {name}" in server.log(), f"{name}: {sql}: {rows}"
                seen = "end of the log left out"
    return seen


def damaged(folder, tmp_path, change):
    """A copy whose newest log was changed; its server and the log's name."""
    copy = tmp_path / "data"
    shutil.copytree(folder, copy)
    log = max((copy / "rocksdb").glob("*.log"), key=lambda p: int(p.stem))
    log.write_bytes(change(bytearray(log.read_bytes())))
    return kalam.Server(data_dir=copy), log.name


def middle_bit(data):
    data[len(data) // 2] ^= 1
    return data


def test_damage_before_intact_commits_refuses_to_start(folder, tmp_path):
    server, name = damaged(folder, tmp_path, middle_bit)
    with pytest.raises(AssertionError):
        server.start()
    assert f"log file {name} is damaged" in server.log() and "accept_damaged_log" in server.log()
    server.config = "[storage.rocksdb]\naccept_damaged_log = true\n"
    with server:
        assert f"log file {name}: the last" in server.log()
        assert ROWS - 50 <= int(server.client().value("SELECT count(*) FROM d.hot")) < ROWS


def test_torn_end_of_the_log_is_left_out(folder, tmp_path):
    server, name = damaged(folder, tmp_path, lambda data: data[:-20])
    with server:
        assert f"log file {name}: the last" in server.log()
        assert int(server.client().value("SELECT count(*) FROM d.hot")) == ROWS - 10
        server.client().sql("INSERT INTO d.hot VALUES (100000, 1, 'after')")


def test_a_table_file_that_does_not_open_is_named(folder, tmp_path):
    """RocksDB speaks of its manifest then: which kind of checksum a file has stands in its footer, without a checksum."""
    copy = tmp_path / "data"
    shutil.copytree(folder, copy)
    chosen = max((copy / "rocksdb").glob("*.sst"), key=lambda p: p.stat().st_size)
    data = bytearray(chosen.read_bytes())
    data[-53] ^= 1
    chosen.write_bytes(data)
    before = sorted(kalam.files_below(copy / "rocksdb"))
    server = kalam.Server(data_dir=copy)
    with pytest.raises(AssertionError):
        server.start()
    # a file that RocksDB was writing when it was killed may be named, too
    assert re.search(rf"ERROR.*key-value store: damaged: (\d+\.sst, )*{chosen.name}", server.log(), re.M), server.log()
    assert set(kalam.files_below(copy / "rocksdb")) >= {path for path in before if path.endswith(".sst")}
    assert not (copy / "rocksdb" / ".check").exists() and not (copy / "rocksdb" / "lost").exists()
