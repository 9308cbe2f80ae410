"""What the server should hold: namespaces of tables of rows, kept by the plainest means.

A `Table` has columns with fixed ids; a row is a dict from column id to a plain Python value (int, float, str, bool, None), so that a
renamed or widened column needs no change of rows. Rows are kept per owner: in a SHARED table each
writer has keys of his own, so that concurrent statements have one outcome.
"""
import copy

INTEGERS = {"SMALLINT": 1 << 15, "INT": 1 << 31, "BIGINT": 1 << 63}
WIDER = {"SMALLINT": ("INT", "BIGINT", "DOUBLE", "DECIMAL(12,2)"), "INT": ("BIGINT", "DOUBLE", "DECIMAL(12,2)"),
         "VARCHAR(12)": ("VARCHAR(40)", "TEXT"), "VARCHAR(40)": ("TEXT",), "FLOAT": ("DOUBLE",)}
KINDS = ("SMALLINT", "INT", "BIGINT", "DOUBLE", "FLOAT", "DECIMAL(12,2)", "BOOLEAN", "TEXT", "VARCHAR(12)",
         "VARCHAR(40)", "TIMESTAMP")


def fits(kind, value):
    """Whether a plain value may be stored in a column of a kind."""
    if value is None:
        return True
    if kind in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool) and -INTEGERS[kind] <= value < INTEGERS[kind]
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if kind == "TEXT":
        return isinstance(value, str)
    if kind.startswith("VARCHAR"):
        return isinstance(value, str) and len(value) <= int(kind[8:-1])
    if kind == "TIMESTAMP":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def family(kind):
    """Kinds of one family take the same plain values."""
    if kind in ("TEXT",) or kind.startswith("VARCHAR"):
        return "text"
    return {"BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}.get(kind, "number")


def literal(kind, value):
    if value is None:
        return "NULL"
    if kind == "BOOLEAN":
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if kind == "TIMESTAMP":
        seconds, micros = divmod(value, 1_000_000)
        return f"TIMESTAMP '2025-01-01 00:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}'"
    return f"({value})" if value < 0 else str(value)


EPOCH_2025 = 1_735_689_600_000_000  # microseconds of 2025-01-01, where TIMESTAMP values count from


def on_wire(kind, value):
    """The value as the server's JSON shows it."""
    if value is None or kind == "BOOLEAN" or isinstance(value, str):
        return value
    if kind == "BIGINT":
        return str(value)
    if kind == "DECIMAL(12,2)":
        return f"{value:.2f}"
    if kind == "TIMESTAMP":
        return EPOCH_2025 + value
    return float(value) if kind in ("DOUBLE", "FLOAT") else value


class Column:
    def __init__(self, identity, name, kind, not_null=False, default=None):
        self.identity, self.name, self.kind, self.not_null, self.default = identity, name, kind, not_null, default


class Table:
    def __init__(self, scope, keys, columns, policy):
        self.scope, self.policy = scope, policy
        self.keys = list(keys)        # ids of the key's columns
        self.columns = list(columns)  # in creation order, key columns too
        self.next_id = 1 + max(c.identity for c in columns)
        self.rows = {}  # owner → key tuple → row

    def of(self, owner):
        """An owner's rows; of a SHARED table those with the keys that are his to write."""
        return self.rows.setdefault(owner, {})

    def column(self, name):
        return next((c for c in self.columns if c.name == name), None)

    def by_id(self, identity):
        return next(c for c in self.columns if c.identity == identity)

    def key_of(self, row):
        return tuple(row[k] for k in self.keys)

    def all_rows(self):
        return (row for rows in self.rows.values() for row in rows.values())

    def wire_rows(self, owner, pick=lambda row: True):
        """Rows as lists in column order, as the server sends them, sorted by their key."""
        rows = self.of(owner)
        return [[on_wire(c.kind, rows[key].get(c.identity)) for c in self.columns]
                for key in sorted(rows) if pick(rows[key])]


class World:
    def __init__(self):
        self.namespaces = {}  # name → table name → Table

    def copy(self):
        return copy.deepcopy(self)

    def table(self, name):
        namespace, _, table = name.partition(".")
        return self.namespaces.get(namespace, {}).get(table)

    def tables(self):
        return {f"{n}.{t}": table for n, tables in self.namespaces.items() for t, table in tables.items()}


# --- predicates: ("=", column id, value) … with SQL's three values; True, False or None

def holds(predicate, row):
    kind = predicate[0]
    if kind == "true":
        return True
    if kind == "and" or kind == "or":
        left, right = holds(predicate[1], row), holds(predicate[2], row)
        stop = kind == "or"
        return stop if stop in (left, right) else None if None in (left, right) else not stop
    if kind == "not":
        inner = holds(predicate[1], row)
        return None if inner is None else not inner
    value = row.get(predicate[1])
    if kind == "null":
        return value is None
    if value is None:
        return None
    if kind == "in":
        return value in predicate[2]
    wanted = predicate[2]
    return {"=": value == wanted, "<>": value != wanted, "<": value < wanted, ">=": value >= wanted}[kind]


def predicate_text(predicate, table):
    kind = predicate[0]
    if kind == "true":
        return "true"
    if kind in ("and", "or"):
        return f"({predicate_text(predicate[1], table)} {kind.upper()} {predicate_text(predicate[2], table)})"
    if kind == "not":
        return f"NOT ({predicate_text(predicate[1], table)})"
    column = table.by_id(predicate[1])
    if kind == "null":
        return f"{column.name} IS NULL"
    if kind == "in":
        return f"{column.name} IN ({', '.join(literal(column.kind, v) for v in predicate[2])})"
    return f"{column.name} {kind} {literal(column.kind, predicate[2])}"


def predicate_columns(predicate):
    """(column id, values compared with) of every leaf."""
    if predicate[0] in ("and", "or", "not"):
        for part in predicate[1:]:
            yield from predicate_columns(part)
    elif predicate[0] != "true":
        yield predicate[1], predicate[2] if predicate[0] == "in" else predicate[2:]
