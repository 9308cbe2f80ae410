"""Histories: random writers and subscribers on one table, checked against a model at every position.

Writers own keys (so that each knows which version its statement made of a key) and record every version with its
`_seq`, read back by SELECT and never by the stream. Subscribers connect, fetch batches, read, stall, drop the
connection or unsubscribe, and go on from the last position they know. Afterwards each subscriber's log is held
against all versions:

  loaded     at `ready` of position p the rows are exactly the model's at p; after a resume from n each key
             that changed in (n, p] was told once, as a row or as a delete, and no other was
  streamed   the changes after p are exactly those the model makes for the filter, in order, with the values of
             old and new row; nothing is missing up to the last one seen, nothing comes twice
  caught up  where the hold overflowed, single versions may be skipped, but every change is a version
             of the model, in order, and fits the rows held
  settled    in the end every subscriber holds what the model holds

Stream tables keep no versions and no tombstones: there the model is the log of a witness, a subscriber without filter
that reads all the time, and what the writers read back by SELECT is held against it. A resume tells the events that are
still there and nothing of the deleted ones, so a subscriber that was away may hold more than the model.

    python3 tests/live/history.py --count 10000 --seed 1 [--small | --kill | --stream]
"""
import argparse
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kalam  # noqa: E402
from wire import Gone, Wire  # noqa: E402

COLUMNS = "id, n, v"
FILTERS = {
    "": lambda row: True,
    "n < 3": lambda row: row["n"] is not None and row["n"] < 3,
    "n = 2": lambda row: row["n"] == 2,
    "n IN (1, 4)": lambda row: row["n"] in (1, 4),
    "n IS NULL": lambda row: row["n"] is None,
    "v LIKE 'a%' AND n > 0": lambda row: row["v"].startswith("a") and row["n"] is not None and row["n"] > 0,
    "id IN (1, 2, 3)": lambda row: row["id"] in ("1", "2", "3"),
    "NOT (n = 3)": lambda row: row["n"] is not None and row["n"] != 3,
}
SMALL = "[live]\nqueue_events = 12\nqueue_bytes = 65536\nfeed_bytes = 1048576\n"
CONFIG = "[rate_limit]\nmax_messages_per_sec = 100000\nmax_subscriptions_per_user = 100000\n"


class Broken(AssertionError):
    pass


class Model:
    """All versions of all keys: key → [(seq, row or None)] ascending."""

    def __init__(self):
        self.versions, self.lock = {}, threading.Lock()

    def add(self, key, seq, row):
        with self.lock:
            line = self.versions.setdefault(key, [])
            if line and line[-1][0] >= seq:
                raise Broken(f"_seq of key {key} goes from {line[-1][0]} to {seq}")
            line.append((seq, row))

    def at(self, key, position):
        """Newest version at a position: (seq, row)."""
        found = (0, None)
        for version in self.versions.get(key, ()):
            if version[0] > position:
                break
            found = version
        return found

    def rows(self, matches, position):
        newest = {key: self.at(key, position) for key in self.versions}
        return {key: (seq, row) for key, (seq, row) in newest.items() if row is not None and matches(row)}

    def changes(self, matches, after, upto):
        """[(seq, kind, key, old row, new row)] in order."""
        out = []
        for key, line in self.versions.items():
            before = None
            for seq, row in line:
                if after < seq <= upto:
                    was = before is not None and matches(before)
                    now = row is not None and matches(row)
                    if was or now:
                        kind = "update" if was and now else "insert" if now else "delete"
                        out.append((seq, kind, key, before, row))
                before = row
        return sorted(out, key=lambda change: change[0])


def plain(row):
    return {"id": row["id"], "n": row["n"], "v": row["v"]}


class Writer(threading.Thread):
    def __init__(self, history, number):
        super().__init__()
        self.history, self.rng = history, random.Random(history.seed * 1000 + number)
        self.keys = [k for k in range(history.keys) if k % history.writers == number]
        self.seen, self.failure = 0, None
        self.events, self.next_event = [], number

    def value(self):
        n = self.rng.choice(["NULL", "0", "1", "2", "3", "4"])
        v = self.rng.choice(["a", "ab", "b", ""]) + "x" * self.rng.choice(self.history.pads)
        return n, f"'{v}'"

    def event(self):
        """Streams: appends some events, sometimes takes back some of them."""
        if self.events and self.rng.random() < 0.25:
            gone = self.rng.sample(self.events, min(len(self.events), self.rng.randint(1, 3)))
            self.events = [key for key in self.events if key not in gone]
            return f"DELETE FROM {self.history.table} WHERE id IN ({', '.join(map(str, gone))})"
        first, count = self.next_event, self.rng.randint(1, 4)
        self.next_event += count * self.history.writers
        fresh = range(first, self.next_event, self.history.writers)
        self.events += fresh
        rows = ", ".join(f"({k}, {', '.join(self.value())})" for k in fresh)
        return f"INSERT INTO {self.history.table} ({COLUMNS}) VALUES {rows}"

    def statement(self):
        table, rng = self.history.table, self.rng
        if self.history.stream:
            return self.event()
        keys = rng.sample(self.keys, rng.randint(1, min(3, len(self.keys))))
        owned = ", ".join(map(str, keys))
        kind = rng.random()
        if kind < 0.45:
            rows = ", ".join(f"({k}, {', '.join(self.value())})" for k in keys)
            return (f"INSERT INTO {table} ({COLUMNS}) VALUES {rows} ON CONFLICT (id) DO UPDATE SET "
                    "n = EXCLUDED.n, v = EXCLUDED.v")
        if kind < 0.6:
            return f"UPDATE {table} SET n = {self.value()[0]} WHERE id IN ({owned})"
        if kind < 0.7:
            return f"UPDATE {table} SET v = {self.value()[1]} WHERE id IN ({owned}) AND n > 1"
        if kind < 0.75:
            return f"UPDATE {table} SET n = n WHERE id IN ({owned})"
        return f"DELETE FROM {table} WHERE id IN ({owned})"

    def batch(self):
        if self.rng.random() < 0.2 and not self.history.stream:
            return "BEGIN; " + "; ".join(self.statement() for _ in range(self.rng.randint(2, 4))) + "; COMMIT"
        return self.statement()

    def record(self, client):
        """What the last statement made of this writer's keys."""
        if self.history.stream:
            rows = client.sql(f"SELECT {COLUMNS}, _seq FROM {self.history.table} WHERE _seq > {self.seen}").dicts()
            self.history.inserted += [(int(row["_seq"]), plain(row)) for row in rows if int(row["id"]) in self.events]
            return
        owned = ", ".join(map(str, self.keys))
        rows = client.sql(f"SELECT {COLUMNS}, _seq, _deleted FROM {self.history.table} WHERE id IN ({owned}) AND "
                          f"_seq > {self.seen} AND _deleted IN (true, false)").dicts()
        for row in sorted(rows, key=lambda r: int(r["_seq"])):
            self.history.model.add(row["id"], int(row["_seq"]), None if row["_deleted"] else plain(row))
            self.seen = int(row["_seq"])

    def run(self):
        client = kalam.Client(self.history.server.port, user="w")
        try:
            for _ in range(self.history.steps):
                text = self.batch()
                try:
                    status, body = client.post(text)
                    if status != 200 and body["error"]["code"] != "TRANSACTION_CONFLICT":
                        raise Broken(f"{text}: {body}")
                except (OSError, ValueError, kalam.http.client.HTTPException):
                    self.history.wait_up()  # killed: whether it was done is read now
                self.history.retry(lambda: self.record(client))
                if self.rng.random() < 0.1:
                    time.sleep(self.rng.random() * 0.01)
        except BaseException as error:  # told by the history
            self.failure = error
        client.close()


class Witness(threading.Thread):
    """Makes the model of a stream: every change in order."""

    def __init__(self, history):
        super().__init__()
        self.history, self.failure = history, None
        self.wire = Wire(history.server.port, "w")
        self.wire.send({"type": "subscribe", "subscription": {"id": "s", "sql": f"SELECT {COLUMNS} FROM {history.table}"}})
        while self.wire.next()["type"] != "subscription_ack":
            pass

    def run(self):
        model = self.history.model
        try:
            while not self.history.over:
                message = self.wire.next(0.02)
                if message is None:
                    continue
                if message["type"] != "change" or message["change_type"] == "update":
                    raise Broken(f"the witness gets {message}")
                for row in message.get("rows") or message["old_values"]:
                    gone = message["change_type"] == "delete"
                    model.add(row["id"], int(row["_seq"]), None if gone else plain(row))
                    self.history.witnessed = int(row["_seq"])
        except BaseException as error:
            self.failure = error
        self.wire.close()


class Subscriber(threading.Thread):
    """Keeps rows and a log of sessions: (kind, from, ready position, …) for the check afterwards."""

    def __init__(self, history, number):
        super().__init__()
        self.history, self.number = history, number
        self.rng = random.Random(history.seed * 1000 + 500 + number)
        self.where = self.rng.choice(list(FILTERS))
        self.rows, self.position = {}, None  # by key: (seq, row)
        self.loads, self.streams, self.failure = [], [], None
        self.slow = self.drops = 0

    def sql(self):
        return f"SELECT {COLUMNS} FROM {self.history.table}" + (f" WHERE {self.where}" if self.where else "")

    def fail(self, why):
        raise Broken(f"subscriber {self.number} ({self.where or 'all'}): {why}")

    # ---- one connection

    def load(self, wire):
        """Until `ready`; leaves the position there. False if the subscription ended before."""
        options = {"batch_size": self.rng.choice([1, 2, 5, 1000])}
        if self.position is None:
            self.rows = {}
        else:
            options["from"] = self.position
        wire.send({"type": "subscribe", "subscription": {"id": "s", "sql": self.sql(), "options": options}})
        told = {}
        while True:
            message = self.read(wire, 20)
            if message["type"] == "error":
                return self.ended(message, loading=True)
            if message["type"] == "subscription_ack":
                continue
            deletes = message["type"] == "change"
            if deletes and message["change_type"] != "delete":
                self.fail(f"{message['change_type']} before ready")
            for row in message["old_values"] if deletes else message["rows"]:
                if row["id"] in told:
                    self.fail(f"key {row['id']} is told twice by one load")
                told[row["id"]] = (int(row["_seq"]), None if deletes else plain(row))
                if deletes:
                    self.rows.pop(row["id"], None)
                else:
                    self.rows[row["id"]] = told[row["id"]]
            if deletes:
                continue
            control = message["batch_control"]
            if control["status"] == "ready":
                self.loads.append((self.position, control["last_seq_id"], told, dict(self.rows)))
                self.position = control["last_seq_id"]
                self.streams.append([self.position, []])
                return True
            if self.rng.random() < self.history.dwell:
                self.pause()
            if self.rng.random() < 0.05:
                raise Gone(None, "on purpose, while loading")
            wire.send({"type": "next_batch", "subscription_id": "s"})

    def read(self, wire, limit_s):
        end = time.monotonic() + limit_s
        while True:
            message = wire.next(max(end - time.monotonic(), 0))
            if message is None:
                if limit_s >= 20:
                    self.fail("nothing comes")
                return None
            if message["type"] != "auth_success":
                return message

    def pause(self):
        """Reads nothing for a while; with small queues sometimes until everything is written."""
        time.sleep(self.rng.random() * self.history.stall)
        while not self.history.exact and self.history.writing and self.rng.random() < 0.97:
            time.sleep(0.01)

    def ended(self, message, loading):
        if message["code"] == "RESUME_FAILED":
            self.fail(f"resume from {self.position}: {message['message']}")
        if message["code"] != "SLOW_CONSUMER":
            self.fail(str(message))
        self.slow += 1
        last = message.get("last_seq_id")
        if loading and last is None:
            self.position = None
        elif last != self.position:
            self.fail(f"SLOW_CONSUMER names {last}, the last change was {self.position}")
        return False

    def expect_end(self):
        """Nothing comes any more: within some seconds after the last write everything must be here."""
        if self.history.written_at and time.monotonic() > self.history.written_at + 15:
            self.fail(f"settles at {self.position} with {self.rows} instead of "
                      f"{self.history.model.rows(FILTERS[self.where], 1 << 62)}")

    def apply(self, message):
        kind = message["change_type"]
        news, olds = message.get("rows"), message.get("old_values")
        for index, row in enumerate(news or olds):
            seq, key = int(row["_seq"]), row["id"]
            if seq <= self.position:
                self.fail(f"{kind} of {key} at {seq} after {self.position}")
            if (key in self.rows) != (kind != "insert"):
                self.fail(f"{kind} of {key} at {seq}, known: {key in self.rows}")
            old = olds[index] if kind == "update" else None
            self.streams[-1][1].append((seq, kind, key, plain(row), old, row.get("_deleted")))
            if kind == "delete":
                del self.rows[key]
            else:
                self.rows[key] = (seq, plain(row))
            self.position = seq

    def session(self, wire):
        """False when all is seen."""
        if not self.load(wire):
            return True
        while True:
            message = self.read(wire, 0.02)
            if message is None:
                if self.history.is_settled(self):
                    return False
                self.expect_end()
                continue
            if message["type"] == "error":
                return self.ended(message, loading=False) or True
            if message["type"] != "change":
                self.fail(str(message))
            self.apply(message)
            chance = self.rng.random()
            if chance < self.history.drop:
                self.drops += 1
                return True
            if chance < self.history.drop + self.history.dwell:
                self.pause()

    def run(self):
        more = True
        while more and self.failure is None:
            wire = None
            try:
                wire = Wire(self.history.server.port, "w", self.history.receive_buffer)
                more = self.session(wire)
                wire.drop() if self.rng.random() < 0.5 else wire.close()
            except (Gone, OSError):
                if wire:
                    wire.drop()
                self.history.wait_up()
            except BaseException as error:
                self.failure = error

    # ---- afterwards

    def check(self, model, exact):
        matches = FILTERS[self.where]
        for start, position, told, rows in self.loads:
            expected = model.rows(matches, position)
            if rows != expected and (start is None or not self.history.stream):
                self.fail(f"at {position}: {rows} instead of {expected}")
            changed = {key: version for key in model.versions
                       for version in [model.at(key, position)] if version[0] > (start or 0)}
            if start is not None:
                want = {key: (seq, row if row is not None and matches(row) else None)
                        for key, (seq, row) in changed.items()}
                if self.history.stream:
                    want = {key: version for key, version in want.items() if version[1] is not None}
                if told != want:
                    self.fail(f"resume from {start} to {position}: {told} instead of {want}")
        for position, stream in self.streams:
            last = stream[-1][0] if stream else position
            expected = model.changes(matches, position, last)
            if exact and [s[:3] for s in stream] != [e[:3] for e in expected]:
                self.fail(f"after {position}: {[s[:3] for s in stream]} instead of {[e[:3] for e in expected]}")
            self.check_values(model, stream)

    def check_values(self, model, stream):
        matches = FILTERS[self.where]
        for seq, kind, key, row, old, deleted in stream:
            version = model.at(key, seq)
            if version[0] != seq:
                self.fail(f"no version of {key} has _seq {seq}")
            before = model.at(key, seq - 1)[1]
            if kind == "delete":
                if deleted != (None if self.history.stream else version[1] is None) or (version[1] is not None and matches(version[1])):
                    self.fail(f"delete of {key} at {seq}: {version}")
            elif row != version[1]:
                self.fail(f"{kind} of {key} at {seq}: {row} instead of {version[1]}")
            if old is not None and self.history.exact:
                want = {k: v for k, v in before.items() if k == "id" or v != version[1][k]}
                want["_seq"] = str(model.at(key, seq - 1)[0])
                if old != want:
                    self.fail(f"old values of {key} at {seq}: {old} instead of {want}")


class History:
    def __init__(self, server, seed, exact=True, kills=0, stream=False):
        self.server, self.seed, self.exact, self.kills, self.stream = server, seed, exact, kills, stream
        self.inserted, self.witnessed, self.over = [], 0, False
        self.rng = random.Random(seed)
        self.table = f"h.t{seed}"
        self.model, self.writing, self.written_at, self.down = Model(), True, None, False
        self.keys, self.writers, self.steps = self.rng.choice([4, 9, 20]), 2, self.rng.choice([8, 15, 25])
        self.pads = [0] if exact else self.rng.choice([[0, 0, 3000, 9000], [0, 30000, 60000]])
        self.drop, self.dwell = self.rng.choice([0, 0.02, 0.1]), self.rng.choice([0, 0.05, 0.2])
        self.stall = 0.03 if exact else 0.1
        self.receive_buffer = None if exact else 4096
        if kills:
            self.steps *= 4

    def wait_up(self):
        while self.down:
            time.sleep(0.005)

    def retry(self, call):
        while True:
            try:
                return call()
            except (OSError, ValueError, kalam.http.client.HTTPException):
                self.wait_up()
                time.sleep(0.005)

    def is_settled(self, subscriber):
        """Everything is written and the subscriber holds it; a subscriber that waits in vain fails by its limit."""
        if any(thread.failure is not None for thread in self.threads):
            return True
        if self.writing:
            return False
        expected = self.model.rows(FILTERS[subscriber.where], 1 << 62)
        if self.stream:  # it may hold more: what was deleted while it was away
            changes = self.model.changes(FILTERS[subscriber.where], 0, 1 << 62)
            return (not changes or subscriber.position >= changes[-1][0]) and expected.items() <= subscriber.rows.items()
        return subscriber.rows == expected

    def disturb(self, client):
        """Flushes, ALTERs and kills while writers write; until they are done."""
        columns = 0
        while any(writer.is_alive() for writer in self.threads):
            chance = self.rng.random()
            if self.kills and chance < 0.5:
                self.down = True
                try:
                    time.sleep(self.rng.random() * 0.15)
                    self.server.kill()
                    self.server.start()
                finally:  # threads wait for it
                    self.down, self.kills = False, self.kills - 1
            elif self.stream:
                pass
            elif chance < 0.3:
                self.retry(lambda: client.post(f"STORAGE FLUSH TABLE {self.table}"))
            elif chance < 0.45:
                columns += 1
                self.retry(lambda: client.post(f"ALTER TABLE {self.table} ADD COLUMN c{columns} INT DEFAULT {columns}"))
            elif chance < 0.5 and columns:
                self.retry(lambda: client.post(f"ALTER TABLE {self.table} DROP COLUMN c{columns}"))
            time.sleep(self.rng.random() * 0.02)

    def run(self):
        kind = "STREAM" if self.stream else self.rng.choice(["USER", "SHARED"])
        owner = self.server.client()
        owner.sql(f"CREATE {kind} TABLE {self.table} (id BIGINT PRIMARY KEY, n INT, v TEXT)" +
                  (" RETENTION 3600" if self.stream else ""))
        witness = Witness(self) if self.stream else None
        if witness:
            witness.start()
        self.threads = [Writer(self, number) for number in range(self.writers)]
        subscribers = [Subscriber(self, number) for number in range(self.rng.choice([2, 3, 4]))]
        for thread in self.threads + subscribers:
            thread.start()
        self.disturb(owner)
        for thread in self.threads:
            thread.join()
        if witness:
            newest = int(owner.value(f"SELECT max(_seq) FROM {self.table}") or 0)
            kalam.wait_until(lambda: self.witnessed >= newest or witness.failure, 20, "witness")
            kalam.wait_until(lambda: witness.failure or len(self.model.rows(lambda row: True, 1 << 62)) ==
                             int(owner.value(f"SELECT count(*) FROM {self.table}")), 20, "witness")
        self.writing, self.written_at = False, time.monotonic()
        for thread in subscribers:
            thread.join()
        self.over = True
        if witness:
            witness.join()
            if witness.failure:
                raise Broken(f"seed {self.seed}: {witness.failure!r}") from witness.failure
            for seq, row in self.inserted:
                if self.model.at(row["id"], seq) != (seq, row):
                    raise Broken(f"seed {self.seed}: the witness missed {row} at {seq}")
        for thread in self.threads + subscribers :
            if thread.failure is not None:
                raise Broken(f"seed {self.seed}: {self.server.log()[-2000:]}\n{thread.failure!r}") from thread.failure
        for subscriber in subscribers:
            try:
                subscriber.check(self.model, self.exact)
            except Broken as error:
                raise Broken(f"seed {self.seed}: {error}") from None
        owner.close()  # its server may be gone
        client, owner = self.server.client("w"), self.server.client()
        expected = {key: row for key, (_, row) in self.model.rows(lambda row: True, 1 << 62).items()}
        found = {row["id"]: plain(row) for row in client.sql(f"SELECT {COLUMNS} FROM {self.table}").dicts()}
        if expected != found:
            raise Broken(f"seed {self.seed}: the model itself is wrong: {expected}, {found}")
        client.close()
        kalam.wait_until(lambda: owner.post(f"DROP TABLE {self.table}")[0] == 200, 20, "drop")
        owner.close()
        return {"versions": sum(map(len, self.model.versions.values())), "loads": sum(len(s.loads) for s in subscribers),
                "events": sum(len(e) for s in subscribers for _, e in s.streams),
                "slow": sum(s.slow for s in subscribers), "drops": sum(s.drops for s in subscribers)}


def run_many(count, seed, exact=True, kills=0, stream=False, stop_after_s=None):
    """Runs histories on one server; returns the sums of their figures."""
    total, end = {"histories": 0}, time.monotonic() + (stop_after_s or 1e9)
    with kalam.Server(config=CONFIG + ("" if exact else SMALL)) as server:
        server.client().sql("CREATE NAMESPACE h")
        for number in range(count):
            if time.monotonic() > end:
                break
            figures = History(server, seed + number, exact, kills, stream).run()
            total["histories"] += 1
            for name, figure in figures.items():
                total[name] = total.get(name, 0) + figure
        server.stop()
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("KALAM_SEED", "1")))
    parser.add_argument("--small", action="store_true", help="small queues: slow consumers, overflowing holds")
    parser.add_argument("--kill", action="store_true", help="kill -9 in between")
    parser.add_argument("--stream", action="store_true", help="stream tables")
    options = parser.parse_args()
    if options.stream and (options.small or options.kill):
        parser.error("a witness must not be slow, and events do not survive a kill")
    print(run_many(options.count, options.seed, not options.small, 2 if options.kill else 0, options.stream))


if __name__ == "__main__":
    main()
