"""Dies at every named fault point of src/base/fault.h under load, restarts, and checks everything.

The points exist in builds with KALAM_FAULTS (the sanitizer presets); KALAM_FAULT_BUILD names another one.
All deaths share one data directory, so that what one leaves behind meets the next. After each: no
acknowledged row is lost, doubled or resurrected, there are as many files as segments, counters are zero
after a flush and the segments then hold each key exactly once. 3 deaths per point, 20 in the long
form.
"""
import random
import shutil

import deaths
import kalam
import pytest

DEATHS = deaths.deaths(3)
# Deleted users go once a day at most: tests/unit/store/test_recovery.c kills that. Those of storages
# only ask a disk: tests/api/test_storages.py lets them wait.
POINTS = [point for point in deaths.POINTS if not point.startswith(("user_drop", "live_", "storages_"))]
TABLES = ["p.own", "p.all", "p.log"]
OWN = ["p.own", "p.log"]  # USER tables; p.log grows, so that its files are merged
LOG_ROWS = 15000  # more would only make each round longer
WRITERS = 4
USERS = ["root"] + [f"writer{n}" for n in range(1, WRITERS)]  # of p.own; a flush takes them together


class Load(deaths.Load):
    """Writers with keys of their own, flushes and DDL, until the server is gone."""

    def __init__(self, server, state, rng):
        super().__init__(server)
        self.state = state
        for number, user in enumerate(USERS):
            self.add(user, self.worker(self.write, number, rng.random()))
        for work in (self.flush, self.define, self.save):
            self.add("root", self.worker(work, 0, rng.random()))

    @staticmethod
    def worker(work, number, seed):
        return lambda client: work(client, number, random.Random(seed))

    def write(self, client, number, rng):
        while True:
            table = rng.choice(TABLES)
            if table == "p.log" and len(self.state[table]) >= LOG_ROWS:
                table = "p.own"
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
            result = deaths.again(client, sql, params)
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


def check_files(server, db):
    """On disk are as many files as records name; the rows prove that each record has its file. What the
    fallen server left is deleted at start, what a flush replaces when its last reader is gone."""
    for number in range(3):
        db.sql(f"DROP TABLE IF EXISTS p.extra{number}")
    db.sql("DROP NAMESPACE IF EXISTS q CASCADE")
    shutil.rmtree(server.data_dir.parent / (server.data_dir.name + "-backups"), ignore_errors=True)
    kalam.wait_until(lambda: not server.scratch_folders(), 10, "no scratch files")

    def same():
        return len(server.parquet_files()) == sum(
            int(deaths.stats(db, table)["parquet_files"]) for table in TABLES)
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
        figures = deaths.stats(db, table)
        keys = [row[0] for row in select(
            server, table, f"SELECT id FROM {table} WHERE _deleted IN (true, false)")]
        assert len(keys) == len(set(keys)), "doubled rows among the deleted ones"
        assert int(figures["buffered_rows"]) == 0, figures
        assert int(figures["flushed_rows"]) == len(keys), (table, len(keys), figures)
    check_rows(server, state)


@pytest.fixture(scope="module")
def world():
    server, rng = deaths.start(f"{DEATHS} deaths at each of {len(POINTS)} points")
    with server:
        server.client().batch(
            "CREATE NAMESPACE p; CREATE USER TABLE p.own (id BIGINT PRIMARY KEY, v BIGINT, t TEXT);"
            "CREATE USER TABLE p.log (id BIGINT PRIMARY KEY, v BIGINT, t TEXT);"
            "CREATE SHARED TABLE p.all (id BIGINT PRIMARY KEY, v BIGINT, t TEXT)")
        yield server, {table: {} for table in TABLES}, rng
        server.stop()


@pytest.mark.parametrize("point", POINTS)
def test_death(world, point):
    server, state, rng = world
    for _ in range(DEATHS):
        most = 3 if point.startswith(("backup", "restore")) else 5  # a backup and its restore are long
        deaths.die(server, point, deaths.passes(point, rng, most), lambda server: Load(server, state, rng))
        db = server.client("root")
        check_rows(server, state)
        check_files(server, db)
        check_counters(server, db, state)
        check_files(server, db)
        db.close()
