"""Random histories: rounds of schema changes, then of concurrent requests, with flushes, kills and subscriptions in between.

A history is plain data made from one seed, so that it can be run again and made smaller. The generator keeps a world of its own, only to
pick names, columns and values that exist.
"""
import dataclasses
import random

import schema
from changes import CopyRows, Delete, Insert, JoinedDelete, JoinedUpdate, Request, Update
from world import INTEGERS, KINDS, WIDER, Column, World, family

WORKERS = 4
TEXTS = ("", "a", "ab", "b", "ü€", "o'k", "zz;--", "ten letters", "long text of more than twelve", "x" * 45)
NUMBERS = (0, 1, 2, 3, -1, 7, 100, 32767, 40000, -70000, 0.5, 12.25)


@dataclasses.dataclass
class Watch:
    """A subscription from one owner on one table."""
    name: str
    owner: int
    predicate: tuple


@dataclasses.dataclass
class Round:
    schema: list
    watches: list            # opened after the schema changes; those of the last round end before them
    requests: list           # per worker
    flushes: list            # tables flushed meanwhile
    kill_after: int = 0      # requests done by all workers before kill -9; 0: none
    restart: bool = False    # graceful, at the end


class Generator:
    def __init__(self, seed, rounds, requests):
        self.rng, self.world = random.Random(seed), World()
        self.world.namespaces["m"] = {}
        self.next_id, self.next_name, self.copies = 1, 1, 0
        self.rounds = [self.round(requests) for _ in range(rounds)]

    def identity(self):
        self.next_id += 1
        return self.next_id

    # --- values and predicates

    def value(self, kind, null=0.15):
        rng = self.rng
        if rng.random() < null:
            return None
        if family(kind) == "text":
            return rng.choice(TEXTS)
        if kind == "BOOLEAN":
            return rng.random() < 0.5
        if kind == "TIMESTAMP":
            return rng.choice((0, 1, 999_999, 61_000_001, 3_599_999_999))
        if kind in INTEGERS:
            return rng.choice([n for n in NUMBERS if isinstance(n, int)])
        return rng.choice(NUMBERS)

    def key_value(self, kind, worker):
        number = self.rng.randrange(8) * WORKERS + worker
        return f"k{number}" if family(kind) == "text" else number

    def own(self, table, worker):
        """For SHARED tables: only this worker's keys."""
        key = table.by_id(table.keys[0])
        values = [n * WORKERS + worker for n in range(8)]
        return ("in", key.identity, [f"k{v}" for v in values] if family(key.kind) == "text" else values)

    def leaf(self, table, worker):
        rng, column = self.rng, self.rng.choice(table.columns)
        if rng.random() < 0.15:
            return ("null", column.identity)
        pick = (lambda: self.key_value(column.kind, worker)) if column.identity == table.keys[0] else \
            (lambda: self.value(column.kind, 0))
        if rng.random() < 0.25:
            return ("in", column.identity, [pick() for _ in range(rng.randint(1, 3))])
        return (rng.choice(("=", "=", "<>", "<", ">=")), column.identity, pick())

    def predicate(self, table, worker):
        rng = self.rng
        found = self.leaf(table, worker)
        for _ in range(rng.choice((0, 0, 1, 2))):
            found = (rng.choice(("and", "or")), found, self.leaf(table, worker))
        return ("not", found) if rng.random() < 0.1 else found

    def scoped(self, table, worker, predicate):
        return predicate if table.scope == "USER" else ("and", predicate, self.own(table, worker))

    # --- changes

    def change(self, worker):
        rng = self.rng
        name, table = rng.choice(sorted(self.world.tables().items()))
        kind, returning = rng.random(), rng.random() < 0.3
        if kind < 0.5:
            return self.insert(name, table, worker, returning)
        predicate = self.scoped(table, worker, self.predicate(table, worker))
        plain = [c for c in table.columns if c.identity not in table.keys]
        if rng.random() < 0.25:
            return self.joined(name, table, worker, returning, predicate, plain)
        if kind < 0.8 and plain:
            chosen = rng.sample(plain, rng.randint(1, min(2, len(plain))))
            assignments = []
            for column in chosen:
                add = family(column.kind) == "number" and column.kind != "DECIMAL(12,2)" and rng.random() < 0.4
                assignments.append((column.identity, "add" if add else "set",
                                    rng.choice((1, -1, 1000)) if add else self.value(column.kind)))
            return Update(name, returning, assignments, predicate)
        return Delete(name, returning, predicate)

    def joined(self, name, table, worker, returning, predicate, plain):
        rng, key = self.rng, table.by_id(table.keys[0])
        keys = [self.key_value(key.kind, worker) for _ in range(rng.randint(1, 6))]
        kind = rng.random()
        if kind < 0.3 and family(key.kind) == "number" and table.scope == "USER":
            return CopyRows(name, returning, rng.choice((-8, 4, 16)), rng.random() < 0.5 and bool(plain), predicate)
        if kind < 0.7 and plain:
            column = rng.choice(plain)
            values = {key: self.value(column.kind) for key in keys}
            return JoinedUpdate(name, returning, column.identity, list(values.items()), predicate)
        return JoinedDelete(name, returning, keys, predicate)

    def insert(self, name, table, worker, returning):
        rng = self.rng
        plain = [c for c in table.columns if c.identity not in table.keys]
        given = [c for c in plain if rng.random() < 0.8]
        rows = []
        for _ in range(rng.choice((1, 1, 2, 5))):
            row = {}
            for position, identity in enumerate(table.keys):
                kind = table.by_id(identity).kind
                row[identity] = self.key_value(kind, worker) if position == 0 else rng.randrange(3)
            rows.append({**row, **{c.identity: self.value(c.kind, 0.05 if c.not_null else 0.15) for c in given}})
        conflict = rng.choice(("", "nothing", "update", "update"))
        updated = [c.identity for c in rng.sample(given, rng.randint(1, len(given)))] if given else []
        return Insert(name, returning, rows, conflict if updated or conflict != "update" else "nothing", updated)

    def request(self, worker):
        kind = self.rng.random()
        count = 1 if kind < 0.7 else self.rng.randint(2, 4)
        transaction = "" if kind < 0.8 else self.rng.choice(("COMMIT", "COMMIT", "ROLLBACK"))
        return Request([self.change(worker) for _ in range(count)], transaction)

    # --- schema

    def column(self, null_default=0.5):
        kind = self.rng.choice(KINDS)
        default = None if self.rng.random() < null_default else self.fitting(kind)
        self.next_name += 1
        return Column(self.identity(), f"c{self.next_name % 9}_{self.rng.randrange(3)}", kind,
                      self.rng.random() < 0.25, default)

    def fitting(self, kind):
        if kind.startswith("VARCHAR("):
            return "d"
        return {"SMALLINT": 5, "DOUBLE": 0.5, "FLOAT": 0.5, "DECIMAL(12,2)": 12.25}.get(kind, self.value(kind, 0))

    def create(self, name):
        rng = self.rng
        keys = [Column(self.identity(), "id", rng.choice(("BIGINT", "TEXT", "INT")))]
        if rng.random() < 0.3:
            keys.append(Column(self.identity(), "part", "INT"))
        columns = {c.name: c for c in [self.column() for _ in range(rng.randint(1, 5))]}
        policy = rng.choice(("", " FLUSH POLICY ROWS 15", " FLUSH POLICY ROWS 40 INTERVAL 2"))
        return schema.CreateTable(name, rng.choice(("USER", "USER", "SHARED")), keys + list(columns.values()),
                                  [k.identity for k in keys], policy)

    def alter(self, name, table):
        rng = self.rng
        column = rng.choice(table.columns)
        kind = rng.randrange(6)
        if kind == 0:
            return schema.AddColumn(name, self.column(0.3))
        if kind == 1 and len(table.columns) > len(table.keys) + 1:
            return schema.DropColumn(name, column.identity)
        if kind == 2:
            self.next_name += 1
            return schema.RenameColumn(name, column.identity, f"r{self.next_name % 9}")
        if kind == 3 and column.kind in WIDER:
            return schema.Widen(name, column.identity, rng.choice(WIDER[column.kind]))
        if kind == 4:
            return schema.SetNotNull(name, column.identity, rng.random() < 0.4)
        return schema.SetDefault(name, column.identity, None if rng.random() < 0.3 else self.fitting(column.kind))

    def schema_step(self):
        rng, tables = self.rng, self.world.tables()
        kind = rng.random()
        if kind < 0.12:
            return schema.DropTable(rng.choice(sorted(tables)))
        if kind < 0.16:
            self.copies += 1
            return schema.Copy("m", f"r{self.copies}")
        if kind < 0.2 and len(self.world.namespaces) > 1:
            return schema.DropNamespace(rng.choice(sorted(set(self.world.namespaces) - {"m"})))
        if kind < 0.3:
            return self.create(f"m.t{rng.randrange(4)}")
        name, table = rng.choice(sorted(tables.items()))
        actions = [self.alter(name, table) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        touched = [action.column.name if hasattr(action, "column") else action.identity for action in actions]
        named = [action.new_name for action in actions if hasattr(action, "new_name")] + [n for n in touched if isinstance(n, str)]
        apart = len(set(touched)) == len(touched) and len(set(named)) == len(named)
        return actions[0] if len(actions) == 1 or not apart else schema.Several(name, actions)

    def schema_steps(self):
        steps, wanted = [], self.rng.choice((0, 1, 1, 2, 3))
        while len(self.world.tables()) < 2 or wanted > 0:
            if len(self.world.tables()) < 2:
                step = self.create(next(f"m.t{n}" for n in range(4) if self.world.table(f"m.t{n}") is None))
            else:
                wanted -= 1
                step = self.schema_step()
            # rows are not kept here: what needs them (NOT NULL) is taken as done and checked when it runs
            if step.possible(self.world, []):
                step.apply(self.world)
                steps.append(step)
        return steps

    def round(self, requests):
        rng = self.rng
        steps = self.schema_steps()
        watches = []
        for owner in range(WORKERS):
            if rng.random() < 0.5:
                name, table = rng.choice(sorted(self.world.tables().items()))
                watches.append(Watch(name, owner, ("true",) if rng.random() < 0.3 else self.predicate(table, owner)))
        work = [[self.request(worker) for _ in range(requests)] for worker in range(WORKERS)]
        flushes = [rng.choice(sorted(self.world.tables())) for _ in range(rng.choice((0, 1, 2)))]
        kill = rng.randrange(1, WORKERS * requests) if rng.random() < 0.2 else 0
        return Round(steps, watches, work, flushes, kill, rng.random() < 0.1)
