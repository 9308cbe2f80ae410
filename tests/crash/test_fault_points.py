"""Dies at every named fault point of src/base/fault.h under load, restarts, and checks everything.

The points exist in builds with KALAM_FAULTS (the sanitizer presets); KALAM_FAULT_BUILD names another one.
All deaths share one data directory, so that what one leaves behind meets the next. After each: no
acknowledged row is lost, doubled or resurrected, there are as many files as segments, counters are zero
after a flush and the segments then hold each key exactly once. 3 deaths per point, 20 in the long
form.
"""
import http.client
import os
import pathlib
import random
import re
import shutil
import threading

import kalam
import pytest

BUILD = pathlib.Path(os.environ.get("KALAM_FAULT_BUILD", kalam.ROOT / "build" / "asan"))
DEATHS = 20 if os.environ.get("KALAM_LONG") else 3
# Deleted users go once a day at most: tests/unit/store/test_recovery.c kills that.
POINTS = [point for point in re.findall(r"^ *X\((\w+)\)", (kalam.ROOT / "src/base/fault.h").read_text(), re.M)
          if not point.startswith("user_drop")]
TABLES = ["p.own", "p.all", "p.log"]
OWN = ["p.own", "p.log"]  # USER tables; p.log grows, so that its files are merged
GONE = (OSError, http.client.HTTPException, ValueError)
WRITERS = 4
USERS = ["root"] + [f"writer{n}" for n in range(1, WRITERS)]  # of p.own; a flush takes them together
LIMIT_S = 60


def again(client, sql, params):
    """The flushes follow each other so closely that a statement may ask to be repeated."""
    while True:
        try:
            return client.sql(sql, params)
        except kalam.SqlError as error:
            if error.code != "TRANSACTION_CONFLICT":
                raise


class Load:
    """Writers with keys of their own, flushes and DDL, until the server is gone."""

    def __init__(self, server, state, rng):
        self.server, self.state, self.unexpected = server, state, []
        self.threads = [threading.Thread(target=self.guard, args=(self.write, number, rng.random()))
                        for number in range(WRITERS)]
        self.threads.append(threading.Thread(target=self.guard, args=(self.flush, 0, rng.random())))
        self.threads.append(threading.Thread(target=self.guard, args=(self.define, 0, rng.random())))
        self.threads.append(threading.Thread(target=self.guard, args=(self.save, 0, rng.random())))

    def guard(self, work, number, seed):
        client = self.server.client(USERS[number] if work == self.write else "root", timeout=30)
        try:
            while True:
                work(client, number, random.Random(seed))
        except GONE:
            pass
        except Exception as error:  # reported by the test
            self.unexpected.append(repr(error))
            self.server.process.kill()
        finally:
            client.close()

    def write(self, client, number, rng):
        while True:
            table = rng.choice(TABLES)
            key = rng.randrange(60 if table != "p.log" else 1 << 30) * WRITERS + number
            known = self.state[table]
            former = known.get(key, {None})
            version = rng.randrange(1 << 40)
            kind = rng.random()
            if former == {None}:
                sql, params, after = f"INSERT INTO {table} VALUES ($1, $2, 'text')", [key, version], version
            elif kind < 0.6:
                sql, params, after = f"UPDATE {table} SET v = $2 WHERE id = $1", [key, version], version
            elif kind < 0.8:
                sql, params, after = (f"INSERT INTO {table} VALUES ($1, $2, 'again') ON CONFLICT (id) "
                                      "DO UPDATE SET v = EXCLUDED.v"), [key, version], version
            else:
                sql, params, after = f"DELETE FROM {table} WHERE id = $1", [key], None
            known[key] = former | {after}
            result = again(client, sql, params)
            assert result.row_count == 1, (sql, params, result.raw)
            known[key] = {after}

    def flush(self, client, _number, rng):
        while True:
            self.server.flush(rng.choice(TABLES), client)

    def define(self, client, number, rng):
        while True:
            name = f"p.extra{rng.randrange(3)}"
            client.sql(f"CREATE SHARED TABLE IF NOT EXISTS {name} (id BIGINT PRIMARY KEY)")
            client.sql(f"INSERT INTO {name} VALUES (1) ON CONFLICT (id) DO NOTHING")
            if rng.random() < 0.5:
                self.server.flush(name, client)
            client.sql(f"DROP TABLE {name}")

    def save(self, client, _number, rng):
        folder = self.server.data_dir.parent / (self.server.data_dir.name + "-backups")
        while True:
            target = folder / str(rng.random())
            client.sql(f"BACKUP DATABASE p TO '{target}'")
            client.sql(f"RESTORE DATABASE q FROM '{target}'")
            for table in TABLES:
                name = table.replace("p.", "q.")
                assert int(client.value(f"SELECT count(*) FROM {name}")) >= 0
            self.server.flush("q.log", client)
            client.sql("DROP NAMESPACE q CASCADE")
            shutil.rmtree(folder)

    def run(self):
        for thread in self.threads:
            thread.start()
        try:
            self.server.process.wait(LIMIT_S)
        finally:
            self.server.kill()
            for thread in self.threads:
                thread.join(60)
                assert not thread.is_alive()


def stats(db, table):
    return db.sql(f"SHOW TABLE STATS {table}").dicts()[0]


def check_files(server, db):
    """On disk are as many files as records name; the rows prove that each record has its file. What the
    fallen server left is deleted at start, what a flush replaces when its last reader is gone."""
    for number in range(3):
        db.sql(f"DROP TABLE IF EXISTS p.extra{number}")
    db.sql("DROP NAMESPACE IF EXISTS q CASCADE")
    shutil.rmtree(server.data_dir.parent / (server.data_dir.name + "-backups"), ignore_errors=True)
    kalam.wait_until(lambda: not [p for p in server.data_dir.rglob("*") if p.name in (".backup", ".restore")], 10,
                     "no scratch files")

    def same():
        return len(server.parquet_files()) == sum(
            int(stats(db, table)["parquet_files"]) for table in TABLES)
    kalam.wait_until(same, 10, "no file but those of the records")


def select(server, table, sql):
    """Rows of every instance."""
    rows = []
    for user in USERS if table in OWN else USERS[:1]:
        client = server.client(user)
        rows += client.rows(sql)
        client.close()
    return rows


def check_rows(server, state):
    for table in TABLES:
        rows = [(int(i), int(v)) for i, v in select(server, table, f"SELECT id, v FROM {table}")]
        found = dict(rows)
        assert len(found) == len(rows), f"doubled rows in {table}"
        for key, allowed in state[table].items():
            assert found.get(key) in allowed, f"{table} {key}: {found.get(key)}, may be {allowed}"
        assert set(found) <= set(state[table]), "rows nobody wrote"
        counts = select(server, table, f"SELECT count(*) FROM {table}")
        assert sum(int(count) for (count,) in counts) == len(found)
        state[table] = {key: {found.get(key)} for key in state[table]}


def check_counters(server, db, state):
    """After a flush nothing is counted as hot and the segments hold each key once."""
    for table in TABLES:
        job = server.flush(table, db)
        assert job["status"] == "completed", job
        figures = stats(db, table)
        keys = [row[0] for row in select(
            server, table, f"SELECT id FROM {table} WHERE _deleted IN (true, false)")]
        assert len(keys) == len(set(keys)), "doubled rows among the deleted ones"
        assert int(figures["buffered_rows"]) == 0, figures
        assert int(figures["flushed_rows"]) == len(keys), (table, len(keys), figures)
    check_rows(server, state)


@pytest.fixture(scope="module")
def world():
    if not (BUILD / "kalamd").exists():
        pytest.skip(f"no build with fault points in {BUILD}")
    seed = int(os.environ.get("KALAM_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"seed: {seed}; share: {DEATHS} deaths at each of {len(POINTS)} points")
    with kalam.Server(build=BUILD) as server:
        server.client().batch(
            "CREATE NAMESPACE p; CREATE USER TABLE p.own (id BIGINT PRIMARY KEY, v BIGINT, t TEXT);"
            "CREATE USER TABLE p.log (id BIGINT PRIMARY KEY, v BIGINT, t TEXT);"
            "CREATE SHARED TABLE p.all (id BIGINT PRIMARY KEY, v BIGINT, t TEXT)")
        yield server, {table: {} for table in TABLES}, random.Random(seed)
        server.stop()


@pytest.mark.parametrize("point", POINTS)
def test_death(world, point):
    server, state, rng = world
    for _ in range(DEATHS):
        passes = rng.randrange(1, 150) if point.startswith("commit") else rng.randrange(1, 5)
        server.kill()
        server.env = {"KALAM_FAULT": f"{point}:kill:{passes}"}
        server.start(wait=False)
        try:
            server.wait_ready()
        except AssertionError:
            assert server.process.returncode == -9, server.log()[-3000:]  # start-up passes it too
        load = Load(server, state, rng)
        load.run()
        assert not load.unexpected, load.unexpected
        assert server.process.returncode == -9, f"{point} was not reached: {server.process.returncode}"
        server.env = {}
        server.start()
        db = server.client("root")
        check_rows(server, state)
        check_files(server, db)
        check_counters(server, db, state)
        check_files(server, db)
        db.close()
