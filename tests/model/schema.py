"""What is done between the rounds, alone: tables made, altered, dropped, namespaces backed up and restored, restarts.

`expected(world, live)` are the codes that may come, "" for success; `live` holds (table, column ids) of the open subscriptions.
"""
import copy
import dataclasses

from world import WIDER, Column, Table, fits, literal


INVALID = "INVALID_SCHEMA_EVOLUTION"


def named_live(live, table, identity):
    return any(name == table and identity in columns for name, columns in live)


@dataclasses.dataclass
class CreateTable:
    name: str
    scope: str
    columns: list
    keys: list
    policy: str

    def possible(self, world, _live):
        namespace = self.name.split(".")[0]
        return namespace in world.namespaces and world.table(self.name) is None

    def text(self, _world):
        parts = [f"{c.name} {c.kind}" + (" NOT NULL" if c.not_null else "") +
                 (f" DEFAULT {literal(c.kind, c.default)}" if c.default is not None else "") for c in self.columns]
        keys = ", ".join(c.name for c in self.columns if c.identity in self.keys)
        return f"CREATE {self.scope} TABLE {self.name} ({', '.join(parts)}, PRIMARY KEY ({keys})){self.policy}"

    def apply(self, world):
        namespace, _, table = self.name.partition(".")
        world.namespaces[namespace][table] = Table(self.scope, self.keys, copy.deepcopy(self.columns), self.policy)

    def expected(self, _world, _live):
        return ("",)


@dataclasses.dataclass
class DropTable:
    name: str

    def possible(self, world, live):
        return world.table(self.name) is not None

    def text(self, _world):
        return f"DROP TABLE {self.name}"

    def apply(self, world):
        namespace, _, table = self.name.partition(".")
        del world.namespaces[namespace][table]

    def expected(self, _world, live):
        return ("CONFLICT" if any(name == self.name for name, _ in live) else "",)


@dataclasses.dataclass
class Alter:
    name: str

    def possible(self, world, _live):
        return world.table(self.name) is not None and self.fits(world.table(self.name))

    def text(self, world):
        return f"ALTER TABLE {self.name} " + self.action(world.table(self.name))

    def apply(self, world):
        self.change(world.table(self.name))

    def expected(self, _world, _live):
        return ("",)


@dataclasses.dataclass
class AddColumn(Alter):
    column: Column

    def fits(self, table):
        return table.column(self.column.name) is None

    def action(self, _table):
        c = self.column
        return (f"ADD COLUMN {c.name} {c.kind}" + (" NOT NULL" if c.not_null else "") +
                (f" DEFAULT {literal(c.kind, c.default)}" if c.default is not None else ""))

    def expected(self, world, _live):
        if not self.column.not_null or self.column.default is not None:
            return ("",)
        # deleted rows are still rows of the table; the world does not know whether there are any
        return (INVALID,) if any(world.table(self.name).all_rows()) else ("", INVALID)

    def change(self, table):
        table.columns.append(copy.copy(self.column))
        for owner, rows in table.rows.items():
            table.rows[owner] = {k: {**row, self.column.identity: self.column.default} for k, row in rows.items()}


@dataclasses.dataclass
class OfColumn(Alter):
    identity: int

    def fits(self, table):
        return any(c.identity == self.identity for c in table.columns)

    def expected(self, world, live):
        return ("CONFLICT" if named_live(live, self.name, self.identity) else "",)


@dataclasses.dataclass
class DropColumn(OfColumn):
    def fits(self, table):
        return super().fits(table) and self.identity not in table.keys

    def action(self, table):
        return f"DROP COLUMN {table.by_id(self.identity).name}"

    def change(self, table):
        table.columns = [c for c in table.columns if c.identity != self.identity]
        for owner, rows in table.rows.items():
            table.rows[owner] = {k: {i: v for i, v in row.items() if i != self.identity} for k, row in rows.items()}


@dataclasses.dataclass
class RenameColumn(OfColumn):
    new_name: str

    def fits(self, table):
        return super().fits(table) and self.identity not in table.keys and table.column(self.new_name) is None

    def action(self, table):
        return f"RENAME COLUMN {table.by_id(self.identity).name} TO {self.new_name}"

    def change(self, table):
        table.by_id(self.identity).name = self.new_name


@dataclasses.dataclass
class Widen(OfColumn):
    kind: str

    def fits(self, table):
        return (super().fits(table) and self.identity not in table.keys and
                self.kind in WIDER.get(table.by_id(self.identity).kind, ()))

    def action(self, table):
        return f"ALTER COLUMN {table.by_id(self.identity).name} TYPE {self.kind}"

    def change(self, table):
        table.by_id(self.identity).kind = self.kind


@dataclasses.dataclass
class SetNotNull(OfColumn):
    on: bool

    def fits(self, table):
        return super().fits(table) and self.identity not in table.keys

    def action(self, table):
        return f"ALTER COLUMN {table.by_id(self.identity).name} {'SET' if self.on else 'DROP'} NOT NULL"

    def expected(self, world, _live):
        nulls = any(row.get(self.identity) is None for row in world.table(self.name).all_rows())
        return (INVALID if self.on and nulls else "",)

    def change(self, table):
        table.by_id(self.identity).not_null = self.on


@dataclasses.dataclass
class SetDefault(OfColumn):
    value: object

    def expected(self, _world, _live):
        return ("",)

    def fits(self, table):
        return (super().fits(table) and self.identity not in table.keys and
                fits(table.by_id(self.identity).kind, self.value))

    def action(self, table):
        column = table.by_id(self.identity)
        action = "DROP DEFAULT" if self.value is None else f"SET DEFAULT {literal(column.kind, self.value)}"
        return f"ALTER COLUMN {column.name} {action}"

    def change(self, table):
        table.by_id(self.identity).default = self.value


@dataclasses.dataclass
class Several(Alter):
    """ALTER TABLE with several actions, on different columns; all of them are done, or none."""
    actions: list

    def fits(self, table):
        return all(action.fits(table) for action in self.actions)

    def action(self, table):
        return ", ".join(action.action(table) for action in self.actions)

    def expected(self, world, live):
        each = [action.expected(world, live) for action in self.actions]
        refused = {code for codes in each for code in codes if code}
        return tuple(refused) + (("",) if all("" in codes for codes in each) else ())

    def change(self, table):
        for action in self.actions:
            action.change(table)


@dataclasses.dataclass
class Copy:
    """BACKUP of a namespace and RESTORE under a new name."""
    source: str
    target: str

    def possible(self, world, _live):
        return self.source in world.namespaces and self.target not in world.namespaces

    def text(self, _world):
        return f"BACKUP DATABASE {self.source} TO '{{folder}}'; RESTORE DATABASE {self.target} FROM '{{folder}}'"

    def apply(self, world):
        world.namespaces[self.target] = copy.deepcopy(world.namespaces[self.source])

    def expected(self, _world, _live):
        return ("",)


@dataclasses.dataclass
class DropNamespace:
    name: str

    def possible(self, world, live):
        return self.name in world.namespaces and not any(t.startswith(self.name + ".") for t, _ in live)

    def text(self, world):
        return "; ".join([f"DROP TABLE {self.name}.{t}" for t in world.namespaces[self.name]] +
                         [f"DROP NAMESPACE {self.name}"])

    def apply(self, world):
        del world.namespaces[self.name]

    def expected(self, _world, _live):
        return ("",)
