"""kill -9 under 64 writers: no acknowledged row is lost, no statement is half there.

Each statement inserts a group of three rows, or updates all three; a group must always be whole and
uniform. 10 cycles, 100 in the long form.
"""
import http.client
import os
import random
import threading
import time

import kalam

CYCLES = 100 if os.environ.get("KALAM_LONG") else 10
WRITERS = 64


class Writer(threading.Thread):
    def __init__(self, server, number, cycle, seed):
        super().__init__(daemon=True)
        self.server, self.number, self.cycle = server, number, cycle
        self.random = random.Random(seed)
        self.groups = {}      # group → set of versions that may be seen, acknowledged one first
        self.stopping = False

    def run(self):
        user = f"writer{self.number}"
        client = self.server.client(user, timeout=20)
        counter = 0
        while not self.stopping:
            counter += 1
            if self.groups and self.random.random() < 0.4:
                group, version = self.random.choice(sorted(self.groups)), counter
                sql, params = "UPDATE k.t SET version = $1 WHERE grp = $2", [version, group]
            else:
                group, version = f"{self.cycle}-{counter}", 0
                values = ", ".join(f"('{group}', {i}, 0)" for i in range(3))
                sql, params = f"INSERT INTO k.t (grp, part, version) VALUES {values}", None
            former = self.groups.get(group, {None})
            self.groups[group] = former | {version}      # from now on either may be there
            try:
                result = client.sql(sql, params)
                assert result.row_count == 3, result.raw
                self.groups[group] = {version}
            except (OSError, http.client.HTTPException, ValueError):
                break
            except kalam.SqlError as error:
                if error.code in ("SHUTTING_DOWN",):
                    break
                raise
        client.close()


def check(server, number, expected):
    rows = server.client(f"writer{number}").rows("SELECT grp, part, version FROM k.t")
    found = {}
    for group, part, version in rows:
        found.setdefault(group, []).append((part, version))
    for group, versions in expected.items():
        if group not in found:
            assert None in versions, f"acknowledged group {group} of writer {number} is lost"
            continue
        parts = sorted(found[group])
        assert [p for p, _ in parts] == [0, 1, 2], f"half a statement: {group} {parts}"
        assert len({v for _, v in parts}) == 1, f"half an update: {group} {parts}"
        assert parts[0][1] in versions, f"{group} shows version {parts[0][1]}, may be {versions}"
    assert set(found) <= set(expected), "rows nobody wrote"
    return {group: {found[group][0][1]} for group in found}


def test_kill_under_writers():
    seed = int(os.environ.get("KALAM_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"seed: {seed}; share: {CYCLES} cycles of {WRITERS} writers")
    rng = random.Random(seed)
    expected = {number: {} for number in range(WRITERS)}
    with kalam.Server() as server:
        db = server.client()
        db.batch("CREATE NAMESPACE k; CREATE USER TABLE k.t (grp TEXT, part INT, version INT, "
                 "PRIMARY KEY (grp, part))")
        for cycle in range(CYCLES):
            writers = [Writer(server, n, cycle, rng.random()) for n in range(WRITERS)]
            for writer in writers:
                writer.groups = dict(expected[writer.number])
                writer.start()
            if cycle % 2:
                try:
                    db = server.client()
                    db.sql("STORAGE FLUSH TABLE k.t")
                except (OSError, http.client.HTTPException):
                    pass
            time.sleep(rng.uniform(0.2, 0.8))  # the random moment of the kill, not a condition
            server.kill()
            for writer in writers:
                writer.stopping = True
                writer.join(30)
                assert not writer.is_alive()
            server.start()
            for writer in writers:
                expected[writer.number] = check(server, writer.number, writer.groups)
        server.stop()
        assert any(expected.values())
