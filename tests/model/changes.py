"""Statements that change rows, as data: each says its text and what it should do to the world.

`possible(world)` is False once shrinking took away what a statement needs; it is then left out. `apply` changes the rows of one owner
and returns the expected Outcome; a statement that fails changes nothing.
"""
import dataclasses

from world import INTEGERS, fits, holds, literal, on_wire, predicate_columns, predicate_text


@dataclasses.dataclass
class Outcome:
    count: int = 0
    failed: str = ""      # why an error is expected
    returned: list = None  # rows of RETURNING, any order


class Refused(Exception):
    """The statement must fail."""


def names_keys(predicate, table):
    """… AND first key column IN (…), as the generator adds it for SHARED tables."""
    return predicate[0] == "and" and predicate[2][0] == "in" and predicate[2][1] == table.keys[0]


def usable(table, identity, values):
    column = next((c for c in table.columns if c.identity == identity), None)
    if column is None:
        return False
    return not (column.kind in INTEGERS and any(isinstance(v, float) for v in values))


@dataclasses.dataclass
class Change:
    table: str
    returning: bool

    def target(self, world):
        return world.table(self.table)

    def possible(self, world):
        table = self.target(world)
        return (table is not None and (table.scope == "USER" or self.is_own(table)) and
                all(usable(table, i, values) for i, values in self.uses()))

    def is_own(self, table):
        """Whether it keeps to its owner's keys; in a SHARED table it must, and a history that is made smaller, or in which a DROP was
        refused, may meet one where a USER table was expected."""
        return True

    def apply(self, world, owner):
        table = self.target(world)
        rows = dict(table.of(owner))
        try:
            touched, returned = self.change(table, rows)
        except Refused as refused:
            return Outcome(failed=str(refused))
        table.rows[owner] = rows
        shown = [[on_wire(c.kind, row.get(c.identity)) for c in table.columns] for row in returned]
        return Outcome(touched, returned=shown if self.returning else None)

    def suffix(self, table):
        return " RETURNING " + ", ".join(c.name for c in table.columns) if self.returning else ""


def checked(table, row):
    for column in table.columns:
        value = row.get(column.identity)
        if value is None and (column.not_null or column.identity in table.keys):
            raise Refused(f"NULL in {column.name}")
        if not fits(column.kind, value):
            raise Refused(f"{value!r} in {column.kind}")
    return row


@dataclasses.dataclass
class Insert(Change):
    rows: list               # of {column id: value}, all with the same columns
    conflict: str            # "", "nothing", "update"
    updated: list            # column ids of DO UPDATE

    def uses(self):
        return [(i, [row[i] for row in self.rows]) for i in self.rows[0]] + [(i, []) for i in self.updated]

    def change(self, table, rows):
        seen, returned = set(), []
        fresh = [checked(table, {c.identity: row.get(c.identity, c.default) for c in table.columns}) for row in self.rows]
        for row in fresh:
            key = table.key_of(row)
            if key in rows or key in seen:
                if not self.conflict or (self.conflict == "update" and key in seen):
                    raise Refused(f"duplicate key {key}")
                if self.conflict == "nothing":
                    continue
                row = {**rows[key], **{i: row[i] for i in self.updated}}
            seen.add(key)
            rows[key] = row
            returned.append(row)
        return len(returned), returned

    def text(self, world):
        table = self.target(world)
        columns = [table.by_id(i) for i in self.rows[0]]
        values = ", ".join("(" + ", ".join(literal(c.kind, row[c.identity]) for c in columns) + ")" for row in self.rows)
        text = f"INSERT INTO {self.table} ({', '.join(c.name for c in columns)}) VALUES {values}"
        keys = ", ".join(table.by_id(k).name for k in table.keys)
        if self.conflict == "nothing":
            text += " ON CONFLICT DO NOTHING"
        elif self.conflict:
            names = [table.by_id(i).name for i in self.updated]
            text += f" ON CONFLICT ({keys}) DO UPDATE SET " + ", ".join(f"{n} = EXCLUDED.{n}" for n in names)
        return text + self.suffix(table)

    def possible(self, world):
        table = self.target(world)
        return super().possible(world) and all(k in self.rows[0] for k in table.keys)


@dataclasses.dataclass
class Update(Change):
    assignments: list        # of (column id, "set" or "add", value)
    predicate: tuple

    def uses(self):
        return [(i, [v]) for i, _, v in self.assignments] + list(predicate_columns(self.predicate))

    def is_own(self, table):
        return names_keys(self.predicate, table)

    def change(self, table, rows):
        touched = []
        for key, row in list(rows.items()):
            if holds(self.predicate, row):
                new = dict(row)
                for identity, how, value in self.assignments:
                    old = row.get(identity)
                    new[identity] = value if how == "set" else None if old is None else old + value
                rows[key] = checked(table, new)
                touched.append(new)
        return len(touched), touched

    def text(self, world):
        table = self.target(world)
        parts = []
        for identity, how, value in self.assignments:
            column = table.by_id(identity)
            shown = literal(column.kind, value)
            parts.append(f"{column.name} = {shown if how == 'set' else f'{column.name} + {shown}'}")
        return (f"UPDATE {self.table} SET {', '.join(parts)} WHERE {predicate_text(self.predicate, table)}"
                + self.suffix(table))


@dataclasses.dataclass
class Delete(Change):
    predicate: tuple

    def uses(self):
        return list(predicate_columns(self.predicate))

    def is_own(self, table):
        return names_keys(self.predicate, table)

    def change(self, table, rows):
        gone = [key for key, row in rows.items() if holds(self.predicate, row)]
        return len(gone), [rows.pop(key) for key in gone]

    def text(self, world):
        table = self.target(world)
        return f"DELETE FROM {self.table} WHERE {predicate_text(self.predicate, table)}" + self.suffix(table)


def keys_fit(table, keys):
    """Whether the first key column has the type of the keys: shrinking may have put another table in its place."""
    return all(fits(table.by_id(table.keys[0]).kind, key) for key in keys)


def joined_text(values, kind):
    """A derived table `j (k, v)` of (key, value) pairs, for FROM or USING; its values may be too large for their column."""
    key_kind, value_kind = kind
    value_kind = "BIGINT" if value_kind in INTEGERS else "TEXT" if value_kind.startswith("VARCHAR") else value_kind
    pairs = ", ".join(f"({literal(key_kind, k)}, CAST({literal(value_kind, v)} AS {value_kind}))" for k, v in values)
    return f"(VALUES {pairs}) AS j (k, v)"


@dataclasses.dataclass
class JoinedUpdate(Change):
    """UPDATE … FROM a list of keys with the new value of each; keys of the first key column, each once."""
    identity: int
    values: list             # (key, value)
    predicate: tuple

    def uses(self):
        return [(self.identity, [v for _, v in self.values])] + list(predicate_columns(self.predicate))

    def possible(self, world):
        return super().possible(world) and keys_fit(self.target(world), [k for k, _ in self.values])

    def change(self, table, rows):
        wanted, touched = dict(self.values), []
        for key, row in list(rows.items()):
            if key[0] in wanted and holds(self.predicate, row):
                rows[key] = checked(table, {**row, self.identity: wanted[key[0]]})
                touched.append(rows[key])
        return len(touched), touched

    def text(self, world):
        table = self.target(world)
        column, key = table.by_id(self.identity), table.by_id(table.keys[0])
        short = self.table.partition(".")[2]
        return (f"UPDATE {self.table} SET {column.name} = j.v FROM {joined_text(self.values, (key.kind, column.kind))} "
                f"WHERE {short}.{key.name} = j.k AND ({predicate_text(self.predicate, table)})" + self.suffix(table))


@dataclasses.dataclass
class JoinedDelete(Change):
    """DELETE … USING a list of keys, some of them twice."""
    keys: list
    predicate: tuple

    def uses(self):
        return list(predicate_columns(self.predicate))

    def possible(self, world):
        return super().possible(world) and keys_fit(self.target(world), self.keys)

    def change(self, table, rows):
        gone = [key for key, row in rows.items() if key[0] in self.keys and holds(self.predicate, row)]
        return len(gone), [rows.pop(key) for key in gone]

    def text(self, world):
        table = self.target(world)
        key = table.by_id(table.keys[0])
        joined = joined_text([(k, 1) for k in self.keys], (key.kind, "INT"))
        return (f"DELETE FROM {self.table} AS d USING {joined} WHERE d.{key.name} = j.k AND "
                f"({predicate_text(self.predicate, table)})" + self.suffix(table))


@dataclasses.dataclass
class CopyRows(Change):
    """INSERT … SELECT of a USER table's own rows under keys moved by `step`; rows that are there stay or give way."""
    step: int
    replaces: bool
    predicate: tuple

    def uses(self):
        return list(predicate_columns(self.predicate))

    def possible(self, world):
        table = self.target(world)
        return super().possible(world) and table.by_id(table.keys[0]).kind != "TEXT"

    def is_own(self, table):
        return False

    def change(self, table, rows):
        taken = [row for row in rows.values() if holds(self.predicate, row)]
        returned = []
        for row in taken:
            row = checked(table, {**row, table.keys[0]: row[table.keys[0]] + self.step})
            key = table.key_of(row)
            if key in rows and not (self.replaces and len(table.columns) > len(table.keys)):
                continue
            rows[key] = row
            returned.append(row)
        return len(returned), returned

    def text(self, world):
        table = self.target(world)
        names = [c.name for c in table.columns]
        key = table.by_id(table.keys[0]).name
        chosen = ", ".join(f"{n} + {self.step}" if n == key else n for n in names)
        keys = [table.by_id(k).name for k in table.keys]
        rest = [n for n in names if n not in keys]
        does = "DO UPDATE SET " + ", ".join(f"{n} = EXCLUDED.{n}" for n in rest) if self.replaces and rest else "DO NOTHING"
        return (f"INSERT INTO {self.table} ({', '.join(names)}) SELECT {chosen} FROM {self.table} "
                f"WHERE {predicate_text(self.predicate, table)} ON CONFLICT ({', '.join(keys)}) {does}" + self.suffix(table))


@dataclasses.dataclass
class Request:
    """One HTTP request: a statement, several, or a transaction."""
    changes: list
    transaction: str = ""    # "", "COMMIT" or "ROLLBACK"

    def possible(self, world):
        return all(change.possible(world) for change in self.changes)

    def text(self, world):
        texts = [change.text(world) for change in self.changes]
        return "; ".join(["BEGIN", *texts, self.transaction] if self.transaction else texts)

    def tables(self, world):
        return {change.table: change.target(world) for change in self.changes}

    def run(self, world, owner):
        """Applies it; (outcomes up to the first failure, states it passes through as {table: rows})."""
        tables = self.tables(world)
        states, outcomes = [], []

        def note():
            states.append({name: table.of(owner) for name, table in tables.items()})
        note()
        for change in self.changes:
            outcomes.append(change.apply(world, owner))
            if outcomes[-1].failed:
                break
            note()
        if self.transaction:
            undone = self.transaction == "ROLLBACK" or outcomes[-1].failed
            states = [states[0]] if undone else [states[0], states[-1]]
            for name, rows in states[-1].items():
                tables[name].rows[owner] = rows
        return outcomes, states
