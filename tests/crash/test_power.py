"""The power goes at any moment of a load of writes, flushes, DDL and backups; afterwards everything that was acknowledged
is there (tests/support/power.py: what a disk may lose).

A run of the server is noted, and the power lost at many moments of it. After each loss the server starts on what is left:
no acknowledged row lost, doubled or resurrected, no statement or transaction half there, nothing that was
not yet asked for; DDL and ALTER whole, counters exact, no file without a record, a backup that was
acknowledged restores to one instant. With durability `async` the last commits may be missing, none before another. One of the losses is what the next run begins with, so that recovery is cut too.
20 losses in the short form, 200 in the long one, each with its seed; a state that fails is kept.
"""
import os
import pathlib
import random
import re
import shutil
import tempfile
import time

import deaths
import kalam
import power
import pytest

LOSSES = int(os.environ.get("KALAM_LOSSES", 200 if deaths.LONG else 20))
PER_RUN = 5
RUN_S = 0.8
USERS = ["root", "u1", "u12"]
TABLES = ["p.own", "p.log", "p.all"]
ALTER = ("alter", "p.own")  # its value: how many there were
BATCH = 3  # rows of p.log that one statement writes


class History:
    """What each thing was asked to become: (when asked, when acknowledged, value), in positions of the notes."""

    def __init__(self, start):
        self.start, self.steps = start, {}

    def steps_of(self, notes, values, work):
        """One statement that changes several things."""
        steps = []
        for thing, value in values.items():
            step = [notes.position, float("inf"), value]
            self.steps.setdefault(thing, []).append(step)
            steps.append(step)
        result = work()
        now = notes.position
        for step in steps:
            step[1] = now
        return result

    def settle(self, position, found):
        """After a restart: what was asked and not acknowledged is what was found now, and stays it."""
        for thing, steps in self.steps.items():
            if steps and steps[-1][1] > position and thing[0] != "backup":
                steps.append([position, position, found.get(thing)])

    def newest(self, thing):
        steps = self.steps.get(thing)
        return steps[-1][2] if steps else self.start.get(thing)

    def allowed(self, thing, position):
        """The values that it may have when everything up to `position` is durable."""
        values = [self.start.get(thing)]
        for asked, acknowledged, value in self.steps.get(thing, []):
            if acknowledged <= position:
                values = [value]
            elif asked <= position:
                values.append(value)
        return values

    def ever(self, thing):
        return [self.start.get(thing)] + [step[2] for step in self.steps.get(thing, [])]

    def moment(self, found, things, position):
        """The last moment up to `position` that `found` is the state of; None when there was none."""
        moments = {position} | {moment for steps in self.steps.values() for step in steps for moment in step[:2]}
        for moment in sorted((moment for moment in moments if moment <= position), reverse=True):
            if all(found.get(thing) in self.allowed(thing, moment) for thing in things):
                return moment
        return None

    def things(self):
        return set(self.start) | set(self.steps)


class Load(deaths.Load):
    """Writers with keys of their own, transactions over two tables, flushes, DDL, ALTER and backups."""

    def __init__(self, server, notes, history, rng, backups):
        super().__init__(server)
        self.notes, self.history, self.backups = notes, history, backups
        for number, user in enumerate(USERS):
            self.add(user, self.worker(self.write, user, number, rng.random()))
        for work in (self.pair, self.flush, self.define, self.alter, self.save, self.event):
            self.add("root", self.worker(work, "root", 0, rng.random()))

    @staticmethod
    def worker(work, user, number, seed):
        rng = random.Random(seed)
        return lambda client: work(client, user, number, rng)

    def do(self, values, client, sql, params=None, batch=False):
        work = (lambda: client.batch(sql, params)) if batch else (lambda: deaths.again(client, sql, params))
        return self.history.steps_of(self.notes, values, work)

    def write(self, client, user, number, rng):
        value = rng.randrange(1 << 40)
        if rng.random() < 0.3:  # three rows at once, of a growing table
            first = rng.randrange(1 << 30) * BATCH
            keys = range(first, first + BATCH)
            self.do({("p.log", user, key): value for key in keys}, client, "INSERT INTO p.log (id, v) VALUES " +
                    ",".join(f"({key}, {value})" for key in keys))
            return
        table = rng.choice(["p.own", "p.all"])
        key = rng.randrange(1, 30) * len(USERS) + number
        thing = (table, user if table == "p.own" else "", key)
        kind = rng.random()
        if self.history.newest(thing) is None:
            self.do({thing: value}, client, f"INSERT INTO {table} (id, v) VALUES ($1, $2)", [key, value])
        elif kind < 0.7:
            self.do({thing: value}, client, f"UPDATE {table} SET v = $2 WHERE id = $1", [key, value])
        else:
            self.do({thing: None}, client, f"DELETE FROM {table} WHERE id = $1", [key])

    def pair(self, client, _user, _number, rng):
        value = rng.randrange(1 << 40)
        things = {("p.own", "root", -1): value, ("p.all", "", -1): value}
        sql = "; ".join(f"INSERT INTO {table} (id, v) VALUES (-1, {value}) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v"
                        for table in ("p.own", "p.all"))
        try:
            self.do(things, client, f"BEGIN; {sql}; COMMIT", batch=True)
        except kalam.SqlError as error:
            if error.code != "TRANSACTION_CONFLICT":
                raise
            for thing in things:
                self.history.steps[thing].pop()

    def flush(self, client, _user, _number, rng):
        self.server.flush(rng.choice(TABLES), client)

    def define(self, client, _user, _number, rng):
        name = f"p.extra{rng.randrange(3)}"
        thing = ("table", name)
        if self.history.newest(thing):
            self.do({thing: None}, client, f"DROP TABLE {name}")
            return
        self.do({thing: "made"}, client, f"CREATE SHARED TABLE {name} (id BIGINT PRIMARY KEY)")
        client.sql(f"INSERT INTO {name} VALUES (1)")
        if rng.random() < 0.7:
            self.server.flush(name, client)

    def alter(self, client, _user, _number, rng):
        number = self.history.newest(ALTER) + 1
        self.do({ALTER: number}, client, f"ALTER TABLE p.own DROP COLUMN c{number - 1}, ADD COLUMN c{number} INT DEFAULT 7")
        time.sleep(rng.random() / 10)  # leaves room for the others, is no condition

    def save(self, client, _user, _number, _rng):
        target = str(self.backups / str(random.SystemRandom().randrange(1 << 60)))
        self.do({("backup", target): "made"}, client, f"BACKUP DATABASE p TO '{target}'")
        client.sql("DROP NAMESPACE IF EXISTS q CASCADE")
        client.sql(f"RESTORE DATABASE q FROM '{target}'")

    def event(self, client, _user, _number, rng):
        client.sql("INSERT INTO p.events (id) VALUES ($1)", [rng.randrange(1 << 40)])


class Check:
    """One server on what a loss has left. `prefix`: the last commits may be missing, but none before one that is there."""

    def __init__(self, server, history, position, prefix=False):
        self.server, self.history, self.position, self.prefix = server, history, position, prefix
        self.db = server.client("root")
        self.clients = {user: server.client(user) for user in USERS}

    def close(self):
        for client in [self.db, *self.clients.values()]:
            client.close()

    def select(self, space="p", where=""):
        found, count = {}, 0
        for table in TABLES:
            for user in USERS if table != "p.all" else USERS[:1]:
                name = table.replace("p.", space + ".")
                rows = self.clients[user].rows(f"SELECT id, v FROM {name} {where}")
                found.update({(table, user if table != "p.all" else "", int(i)): int(v) for i, v in rows})
                count += len(rows)
                assert int(self.clients[user].value(f"SELECT count(*) FROM {name} {where}")) == len(rows)
        assert len(found) == count, "doubled rows"
        return found

    def whole(self, found):
        for thing, value in found.items():
            if thing[0] == "p.log":
                table, user, key = thing
                first = key - key % BATCH
                assert all(found.get((table, user, first + i)) == value for i in range(BATCH)), "half a statement"
        assert found.get(("p.own", "root", -1)) == found.get(("p.all", "", -1)), "half a transaction"

    def state(self):
        """Rows and what DDL has left, as the things of a history that must know them."""
        found = {**self.select(), **self.shapes()}
        things = [thing for thing in self.history.things() if thing[0] != "backup"]
        if self.prefix:
            assert self.history.moment(found, things, self.position) is not None, "a commit is missing before another"
        else:
            for thing in things:
                allowed = self.history.allowed(thing, self.position)
                assert found.get(thing) in allowed, f"{thing}: {found.get(thing)}, may be {allowed}"
        assert set(found) <= set(things), "rows nobody wrote"
        self.whole(found)
        return found

    def shapes(self):
        found = {("table", f"p.{name}"): "made" for _, name, *_ in self.db.rows("SHOW TABLES IN p") if name[:5] == "extra"}
        names = [row[0] for row in self.db.rows("DESCRIBE p.own") if not row[9]]
        number = int(names[-1][1:])
        assert names == ["id", "v", f"c{number}"]
        assert self.db.value("SELECT current_schema_version FROM system.tables WHERE table_name = 'own'") == number + 1
        assert self.db.value("SELECT count(*) FROM p.events") == "0"
        return {**found, ALTER: number}

    def backup(self):
        made = [thing[1] for thing in self.history.steps  # in order
                if thing[0] == "backup" and self.history.allowed(thing, self.position) == ["made"]]
        for target in made[-1:]:
            self.db.sql(f"RESTORE DATABASE r FROM '{target}'")
            found = self.select("r")
            for thing, value in found.items():
                assert value in self.history.ever(thing), thing
            self.whole(found)
            self.db.sql("DROP NAMESPACE r CASCADE")

    def counters(self):
        for table in TABLES:
            job = self.server.flush(table, self.db)
            assert job["status"] == "completed", job
            figures = deaths.stats(self.db, table)
            keys = sum(len(self.clients[user].rows(f"SELECT id FROM {table} WHERE _deleted IN (true, false)"))
                       for user in (USERS if table != "p.all" else USERS[:1]))
            assert int(figures["buffered_rows"]) == 0 and int(figures["flushed_rows"]) == keys, (table, keys, figures)

    def files(self):
        def settled():
            if self.db.rows("SELECT 1 FROM system.jobs WHERE status IN ('pending', 'running')"):
                return False
            recorded = [row[0] for row in self.db.rows("SELECT path FROM system.segments")]
            found = [os.path.relpath(path, self.server.data_dir / "storage") for path in self.server.parquet_files()]
            return sorted(found) == sorted(re.sub(r"^.*/data/storage/", "", path) for path in recorded)
        try:
            kalam.wait_until(settled, 10, "no file but those of the records")
        except AssertionError:
            print(sorted(self.server.parquet_files()), self.db.rows("SELECT path FROM system.segments"))
            raise
        # An empty folder may come back, when the power went before its removal was durable.
        assert not [path for name in (".backup", ".restore") for path in kalam.files_below(self.server.data_dir / "storage" / name)]


class World:
    def __init__(self, folder, durability):
        self.folder, self.disk, self.durability = folder, folder / "disk", durability
        self.base, self.start = {}, {ALTER: 0}
        self.library = power.library(folder)

    def server(self, notes=None):
        server = kalam.Server(data_dir=self.disk / "data", config=f'[storage]\ndurability = "{self.durability}"\n')
        server.log_path = self.folder / "log"
        if notes:
            server.preload, server.env = self.library, notes.env(self.disk)
        return server

    def run(self, rng):
        """A noted run from the last state on, with a kill -9 in its middle. Notes and history."""
        notes, history = power.Notes(self.folder / "notes"), History(self.start)
        power.write_state(self.base, self.disk)
        server = self.server(notes).start()
        if not self.base:
            server.client().batch(
                "CREATE NAMESPACE p; CREATE USER TABLE p.own (id BIGINT PRIMARY KEY, v BIGINT, c0 INT);"
                "CREATE USER TABLE p.log (id BIGINT PRIMARY KEY, v BIGINT);"
                "CREATE SHARED TABLE p.all (id BIGINT PRIMARY KEY, v BIGINT); CREATE STREAM TABLE p.events (id BIGINT) TTL '1h'")
            server.restart()  # makes everything durable, `async` too
            self.first = notes.position
        self.load(server, notes, history, rng)
        notes.thaw()
        server.start()  # after a kill, on a disk that has lost nothing yet
        check = Check(server, history, notes.position)
        found = check.state()
        check.close()
        history.settle(notes.position, found)
        self.load(server, notes, history, rng)
        assert not notes.overflowed
        return notes, history

    def load(self, server, notes, history, rng):
        def wait():
            time.sleep(RUN_S)  # the length of the load, not a condition
            notes.freeze()
        notes.thaw()
        load = Load(server, notes, history, rng, self.disk / "backups")
        load.run(wait=wait)
        assert not load.unexpected, load.unexpected

    def lose(self, notes, history, position, seed):
        """One loss and its check; the state and the things that were found in it."""
        state = power.lose(notes, self.disk, self.base, position, random.Random(seed))
        power.write_state(state, self.disk)
        (self.folder / "log").unlink(missing_ok=True)
        server = self.server()
        try:
            server.start()
            check = Check(server, history, position, self.durability == "async")
            found = check.state()
            check.backup()
            check.counters()
            assert check.state() == found
            check.files()
            check.close()
            server.stop()
        except BaseException:
            kept = pathlib.Path(tempfile.mkdtemp(prefix="kalam-power-"))
            notes.keep(kept)
            print(f"seed {seed}, position {position} of {notes.position}; the state is kept in {power.keep(kept, state)}")
            print(server.log()[-3000:])
            raise
        finally:
            server.kill()
        return state, found


@pytest.mark.parametrize("durability, losses", [("sync", LOSSES - LOSSES // 4), ("async", LOSSES // 4)])
def test_power_loss(tmp_path, durability, losses):
    seed = kalam.run_seed(20261128)
    print(f"seed: {seed}; share: {losses} losses, {PER_RUN} of each run")
    rng = random.Random(seed)
    world = World(tmp_path, durability)
    for _ in range(-(-losses // PER_RUN)):
        notes, history = world.run(rng)
        skip = world.first if not world.base else 0
        moments = [max(position, skip) for position in power.moments(notes, rng, PER_RUN)]
        for position in moments:
            state, found = world.lose(notes, history, position, rng.randrange(1 << 30))
        world.base, world.start = state, found
        notes.close()
    shutil.rmtree(world.disk)
