"""Random statements of the SQL that KalamDB and PostgreSQL share, on tables of two sizes.

t and u are small and change all the time; m (200 rows) and n (1,000 rows) stay as they are and are joined. Expressions
come from expressions.py. What is left out on purpose stands in docs/sql-functions.md, "Where PostgreSQL differs".
"""
import re

from expressions import COLUMNS, DEFAULTS, LITERALS, Expressions, value_literal
from grammar import Node, join, optional

KEY = "id BIGINT PRIMARY KEY"
TABLES = {"t": ", ".join(f"{name} {type_}{' DEFAULT ' + DEFAULTS[name] if name in DEFAULTS else ''}" for name, (_, type_) in COLUMNS.items())
               + ", PRIMARY KEY (id)",
          "u": f"{KEY}, k INT, v TEXT",
          "m": f"{KEY}, k INT, w TEXT, d DATE",
          "n": f"{KEY}, m_id INT, amount DECIMAL(10,2), w TEXT, at TIMESTAMP, doc JSON"}
ROWS = {"t": 45, "u": 30, "m": 200, "n": 1000}


def rows(rng):
    """Rows of all tables, as texts of VALUES."""
    maybe = lambda text, share=.1: "NULL" if rng.random() < share else text
    one = {
        "t": lambda i: ", ".join([str(i)] + [value_literal(rng, c) for c in list(COLUMNS)[1:]]),
        "u": lambda i: f"{i}, {rng.choice(['NULL', '0', '1', '2', '3', '40'])}, {value_literal(rng, 'name')}",
        "m": lambda i: f"{i}, {maybe(str(rng.randrange(8)))}, {value_literal(rng, 'word')}, {maybe(chr(39) + f'2024-0{rng.randrange(1, 10)}-15' + chr(39))}",
        "n": lambda i: f"{i}, {maybe(str(rng.randrange(250)))}, {maybe(f'{rng.randrange(-999, 9999) / 100:.2f}')}, {value_literal(rng, 'word')}, "
                       f"{value_literal(rng, 'moment')}, {value_literal(rng, 'doc')}"}
    return {table: [f"({one[table](i)})" for i in range(count)] for table, count in ROWS.items()}


CANCELLING = re.compile(r"\bbig\b|\bwide\b|\d{10}")  # numbers so large that a sum of DOUBLEs depends on its order


class Generator(Expressions):
    # ---- clauses ----

    def where(self):
        return optional(" WHERE ", self.condition()) if self.rng.random() < .6 else ""

    def any_expression(self):
        return self.expression(self.rng.choice(list(LITERALS)))

    def order(self, columns):
        items = []
        for column in self.rng.sample(columns, min(len(columns), self.pick(1, 2))):
            items.append(Node("item", column, optional(self.pick(" ASC", " DESC")), optional(self.pick(" NULLS FIRST", " NULLS LAST"))))
        return Node("order", " ORDER BY ", join("orders", ", ", items + [Node("item", self.prefix + "id")]))

    def limit(self):
        return optional(self.pick("", "", " LIMIT 5", " LIMIT 3 OFFSET 2", " OFFSET 7", " LIMIT 0"))

    def select_plain(self):
        items = [Node("item", "id")] + [Node("item", self.any_expression(), f" AS x{i}") for i in range(self.pick(1, 2, 3))]
        return Node("statement", "SELECT ", join("list", ", ", items), " FROM t", self.where(),
                    self.order([c for c in COLUMNS if c not in ("doc",)]), self.limit())

    # ---- aggregates ----

    def summable(self, kind, depth):
        for _ in range(20):
            argument = self.expression(kind, depth)
            if kind != "real" or not CANCELLING.search(argument.text()):
                return argument
        return Node(kind, "dbl")

    def aggregate(self, depth=2):
        kind = self.pick("small", "int", "big", "num", "real")
        ordered = self.pick("small", "int", "big", "num", "real", "text", "ts", "date", "time")
        distinct = self.pick("", "", "DISTINCT ")
        return self.pick(
            lambda: Node("aggregate", "count(*)"), lambda: Node("aggregate", f"count({distinct}", self.expression(ordered, depth), ")"),
            lambda: Node("aggregate", f"sum({distinct}", self.summable(kind, depth), ")"),
            lambda: Node("aggregate", f"CAST(avg({distinct}", self.summable(kind, depth), ") AS DOUBLE PRECISION)"),
            lambda: Node("aggregate", self.pick("min", "max"), "(", self.expression(ordered, depth), ")"),
            lambda: Node("aggregate", self.pick("bool_and", "bool_or", "every"), "(", self.expression("bool", depth), ")"),
            lambda: Node("aggregate", "string_agg(", self.expression("text", depth), f", ',' ORDER BY {self.pick('id', 'id DESC', 'name NULLS FIRST, id')})"),
            lambda: Node("aggregate", self.pick("sum", "count", "max", "min"), "(", self.summable(kind, depth), ") FILTER (WHERE ", self.condition(2), ")"),
            lambda: Node("aggregate", "(max(", self.expression("int", depth), ") + count(*))"),
            lambda: Node("aggregate", "coalesce(sum(", self.expression("int", depth), "), 0)"))()

    def select_aggregate(self):
        items = [Node("item", self.aggregate(), f" AS a{i}") for i in range(self.pick(1, 2, 3))]
        return Node("statement", "SELECT ", join("list", ", ", items), " FROM t", self.where())

    def having(self):
        if self.rng.random() < .6:
            return ""
        return optional(" HAVING ", self.pick("count(*) > 1", "max(id) > 5", "count(name) >= 1", "bool_or(flag)"))

    def select_group(self):
        key = self.pick("grp", "flag", "small", "name", "grp % 2", "lower(name)", "day", "extract(month FROM day)::INT", "doc ->> 'a'", "date_trunc('month', moment)")
        sets = self.pick(f"{key}", f"{key}", f"ROLLUP ({key})", f"GROUPING SETS (({key}), ())")
        return Node("statement", f"SELECT {key} AS k, ", self.aggregate(), " AS a, ", self.aggregate(), " AS b FROM t", self.where(),
                    f" GROUP BY {sets}", self.having(), " ORDER BY 1, min(id), count(*), max(id)")

    def select_sets(self):
        """Grouping sets over two keys; GROUPING tells which."""
        one, two = self.rng.sample(["grp", "flag", "small", "day", "lower(name)", "grp % 2"], 2)
        sets = self.pick(f"CUBE ({one}, {two})", f"ROLLUP ({one}, {two})", f"GROUPING SETS (({one}, {two}), ({two}), ())", f"{one}, ROLLUP ({two})",
                         f"GROUPING SETS (({one}), ({two}))", f"CUBE ({one}), {two}")
        return Node("statement", f"SELECT {one} AS k, {two} AS l, CAST(grouping({one}, {two}) AS INT) AS g, ", self.aggregate(), " AS a FROM t", self.where(),
                    f" GROUP BY {sets}", self.having(), " ORDER BY 3, 1, 2, min(id)")

    # ---- windows ----

    def select_window(self):
        filtered = Node("filter", f"{self.pick('count(*)', 'sum(grp)', 'max(price)', 'min(day)', 'count(name)')} FILTER (WHERE ", self.condition(2), ")")
        call = self.pick("row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)", "lag(grp)", "lead(name)", "lag(grp, 2, 0)",
                         "first_value(name)", "last_value(id)", "sum(grp)", "count(*)", "max(price)", "sum(price)", "count(name)", "nth_value(id, 2)",
                         "min(day)", filtered, filtered, filtered)
        order = self.pick("id", "id DESC", "grp, id", "name NULLS FIRST, id", "price DESC, id")
        part = optional("PARTITION BY ", self.pick("flag", "grp", "small % 2"), " ") if self.rng.random() < .6 else ""
        framed = call is filtered or call.startswith(("sum", "max", "min", "count", "first", "last", "nth"))
        frame = optional(self.pick(" ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                                   " ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                                   " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW")) if framed else ""
        if self.rng.random() < .2:
            return Node("statement", "SELECT id, ", call, " OVER w AS x, row_number() OVER w AS y FROM t", self.where(), " WINDOW w AS (", part, f"ORDER BY {order}",
                        frame, ") ORDER BY id")
        return Node("statement", "SELECT id, ", call, " OVER (", part, f"ORDER BY {order}", frame, ") AS w FROM t", self.where(), " ORDER BY id")

    # ---- joins ----

    def select_join(self):
        kind = self.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
        on = "" if kind == "CROSS JOIN" else self.pick(" ON a.grp = b.k", " ON a.id = b.k", " ON a.name = b.v", " USING (id)" if kind == "JOIN" else " ON a.id = b.id")
        extra = optional(" WHERE ", self.pick("a.grp > 1", "b.v IS NOT NULL", "a.id < 10 AND b.k > 0", "a.name LIKE 't%'"))
        return Node("statement", f"SELECT a.id AS x, a.name, b.id AS y, b.v FROM t a {kind} u b{on}", extra, " ORDER BY 1, 3, 2, 4 LIMIT 200")

    def select_lateral(self):
        inner = Node("inner", "SELECT b.id AS y, b.v, ", self.pick("a.grp + b.k", "coalesce(a.name, b.v)", "b.k"), " AS z FROM u b WHERE ",
                     self.pick("b.k = a.grp", "b.id <= a.id", "b.v = a.name", "b.k < a.small"), f" ORDER BY b.id{self.pick('', ' DESC')} LIMIT {self.pick(1, 2, 3)}")
        how = self.pick(lambda: (", LATERAL (", ") x"), lambda: (" CROSS JOIN LATERAL (", ") x"), lambda: (" LEFT JOIN LATERAL (", ") x ON true"))()
        return Node("statement", f"SELECT a.id, x.y, x.v, x.z FROM t a{how[0]}", inner, how[1], optional(" WHERE ", self.pick("a.grp > 1", "a.flag", "x.y > 3")),
                    " ORDER BY 1, 2")

    def select_large(self):
        """Of 200 × 1,000 rows."""
        kind = self.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
        on = self.pick("b.m_id = a.id", "b.m_id = a.id AND b.amount > 10", "b.w = a.w", "b.m_id = a.k", "b.m_id = a.id AND b.w = a.w")
        only = optional(" WHERE ", self.pick("b.amount > 50", "a.k < 4", "b.at >= '2024-01-01'", "a.w LIKE 't%' OR b.w IS NULL", "b.doc ->> 'a' = '1'", "a.d IS NOT NULL"))
        figures = self.pick("count(*), sum(b.amount)", "count(b.id), min(b.at), max(b.amount)", "count(DISTINCT a.id), max(a.d)", "sum(a.k), min(b.w)")
        return self.pick(
            lambda: Node("statement", f"SELECT a.k, {figures} FROM m a {kind} n b ON {on}", only, " GROUP BY a.k ORDER BY 1"),
            lambda: Node("statement", f"SELECT a.w, b.m_id, count(*) FROM m a {kind} n b ON {on}", only, " GROUP BY a.w, b.m_id ORDER BY 1, 2 LIMIT 40"),
            lambda: Node("statement", f"SELECT a.id, b.id, b.amount FROM m a {kind} n b ON {on}", only, " ORDER BY 1, 2 LIMIT 60"),
            lambda: Node("statement", f"SELECT a.id, {figures} FROM m a JOIN n b ON {on} JOIN t c ON c.id = a.id", only, " GROUP BY a.id ORDER BY 1"),
            lambda: Node("statement", "SELECT a.id FROM m a WHERE ", self.pick("", "NOT "), f"EXISTS (SELECT 1 FROM n b WHERE {on}) ORDER BY a.id"),
            lambda: Node("statement", "SELECT count(*), min(a.id) FROM m a, n b WHERE a.d <= CAST(b.at AS DATE) AND a.k < 3 AND b.m_id < 20"),
            lambda: Node("statement", "SELECT a.id, x.id, x.amount FROM m a CROSS JOIN LATERAL (SELECT b.id, b.amount FROM n b WHERE b.m_id = a.id ORDER BY b.amount DESC, b.id "
                         f"LIMIT {self.pick(1, 2)}) x WHERE a.k = {self.pick(0, 1, 7)} ORDER BY 1, 3 DESC, 2"),
            lambda: Node("statement", f"SELECT id, m_id, {self.pick('rank() OVER (PARTITION BY m_id ORDER BY amount DESC, id)', 'sum(amount) OVER (PARTITION BY m_id ORDER BY id)')}"
                         " AS r FROM n b", only if "a." not in only.text() else "", " ORDER BY m_id, id LIMIT 100"),
            lambda: Node("statement", f"SELECT {self.pick('a.id', 'a.k')} FROM m a {self.pick('UNION', 'EXCEPT', 'INTERSECT')} SELECT m_id FROM n ORDER BY 1"),
            lambda: Node("statement", "SELECT count(*), sum(k) FROM m NATURAL JOIN u"))()

    # ---- subqueries, sets ----

    def select_subquery(self):
        self_condition = self.condition(2)
        return self.pick(
            lambda: Node("statement", "SELECT id FROM t WHERE id ", self.pick("", "NOT "), "IN (SELECT k FROM u WHERE k IS NOT NULL) ORDER BY id"),
            lambda: Node("statement", "SELECT id FROM t WHERE ", self.pick("", "NOT "), "EXISTS (SELECT 1 FROM u WHERE u.k = t.grp) AND ", self_condition, " ORDER BY id"),
            lambda: Node("statement", "SELECT id, (SELECT count(*) FROM u WHERE u.k = t.grp) AS n FROM t", self.where(), " ORDER BY id"),
            lambda: Node("statement", "SELECT id FROM t WHERE ", self.row_condition(), " ORDER BY id"), lambda: Node("statement", "SELECT id, ", self.row_condition(), " AS x FROM t ORDER BY id"),
            lambda: Node("statement", "SELECT id FROM t WHERE (id, grp) IN (SELECT id, k FROM u) ORDER BY id"), self.select_shadowed, self.select_shadowed,
            lambda: Node("statement", "SELECT id FROM t WHERE grp = (SELECT max(k) FROM u WHERE u.id <= t.id) ORDER BY id"),
            lambda: Node("statement", f"SELECT id FROM t WHERE grp {self.pick('> ALL', '= ANY', '<= SOME', '<> ALL')} (SELECT k FROM u WHERE k < 2) ORDER BY id"),
            lambda: Node("statement", "SELECT x.g, x.n FROM (SELECT grp AS g, count(*) AS n FROM t", self.where(), " GROUP BY grp) x WHERE x.n > 1 ORDER BY 1"),
            lambda: Node("statement", "WITH w AS (SELECT id, ", self.any_expression(), " AS v FROM t) SELECT a.id, b.v FROM w a JOIN w b ON a.id = b.id ORDER BY a.id"),
            lambda: Node("statement", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8) SELECT i, t.id FROM n LEFT JOIN t ON t.id = i ORDER BY i"),
            lambda: Node("statement", "SELECT DISTINCT ON (grp) grp, id, name FROM t ORDER BY grp, id ", self.pick("", "DESC")),
            lambda: Node("statement", f"SELECT DISTINCT {self.pick('grp, name', 'name, day', 'flag, grp', 'small, flag')} FROM t", self.where(), " ORDER BY 1, 2"),
            lambda: Node("statement", "SELECT a, b FROM (VALUES (1, 'x'), (2, NULL), (NULL, 'y')) v(a, b) ", self.pick("WHERE a IN (SELECT grp FROM t) ", ""), "ORDER BY 1"))()

    def select_shadowed(self):
        """Aliases of inner select lists that are columns of the outer table."""
        name, other = self.pick("grp", "small"), self.pick("7", "u.id", "max(u.id)")
        group, name_ = (" GROUP BY u.k HAVING ", f"u.k = {name}") if other.startswith("max") else (" WHERE ", self.pick(f"u.k = {name}", f"{name} > u.k", f"u.k = t.{name}"))
        return self.pick(
            lambda: Node("statement", "SELECT id FROM t WHERE ", self.pick("", "NOT "), f"EXISTS (SELECT {other} AS {name} FROM u{group}{name_}) ORDER BY id"),
            lambda: Node("statement", f"SELECT id, (SELECT max(q.x) FROM (SELECT u.id AS {name}, u.k + {name} AS x FROM u) q) AS y FROM t ORDER BY id"),
            lambda: Node("statement", f"SELECT id, (SELECT u.id AS {name} FROM u WHERE u.id = t.id ORDER BY {name}) AS y FROM t ORDER BY id"),
            lambda: Node("statement", f"SELECT id FROM t WHERE EXISTS (SELECT 1 AS {name} FROM u WHERE EXISTS (SELECT 1 FROM m WHERE m.k = {name} AND m.id = u.id)) ORDER BY id"))()

    def select_set(self):
        kind = self.pick("int", "text", "num", "date", "big")
        operator = self.pick("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
        return Node("statement", "SELECT ", self.expression(kind, 1), " AS x FROM t", self.where(), f" {operator} SELECT ",
                    self.expression(kind, 1), " FROM t", self.where(), " ORDER BY 1")

    def select_free(self):
        return Node("statement", "SELECT ", self.literal_expression(), " AS x")

    def select(self):
        roll = self.rng.random()
        for share, make in ((.51, self.select_plain), (.59, self.select_aggregate), (.65, self.select_group), (.68, self.select_sets), (.75, self.select_window),
                            (.79, self.select_join), (.81, self.select_lateral), (.83, self.select_large), (.89, self.select_subquery), (.93, self.select_set),
                            (1, self.select_free)):
            if roll < share:
                return make()
        raise AssertionError("unreachable")

    # ---- changes ----

    def some_ids(self):
        return f" WHERE id BETWEEN {self.rng.randrange(20)} AND {self.rng.randrange(60)}"

    def new_value(self, column):
        kind = COLUMNS[column][0]
        return self.pick(lambda: Node(kind, value_literal(self.rng, column)), lambda: self.expression(kind, 1), lambda: self.expression(kind, 1),
                         lambda: Node("default", "DEFAULT"))()

    def returning(self):
        """Of one row, by our own programs: in which order several come is not defined."""
        shown = self.rng.sample([*COLUMNS, "upper(name) AS big_name", "grp + 1 AS next", "coalesce(price, 0) * 2 AS twice", "flag IS NOT TRUE AS off",
                                 "doc ->> 'a' AS a", "moment + INTERVAL '1 day' AS later", "CASE WHEN grp > 1 THEN name ELSE word END AS chosen"], 3)
        return Node("returning", f" WHERE id = {self.rng.randrange(60)} RETURNING id, {', '.join(shown)}")

    def update(self):
        columns = self.rng.sample([c for c in COLUMNS if c != "id"], self.pick(1, 1, 2))
        sets = join("sets", ", ", [Node("set", f"{column} = ", self.new_value(column)) for column in columns])
        return self.pick(
            lambda: Node("statement", "UPDATE t SET ", sets, self.some_ids(), optional(" AND ", self.condition(1))),
            lambda: Node("statement", "UPDATE t SET ", sets, self.some_ids(), optional(" AND ", self.condition(1))),
            lambda: Node("statement", "UPDATE t SET ", sets, self.returning()),
            lambda: Node("statement", "UPDATE t SET grp = (SELECT max(k) FROM u WHERE u.id <= t.id)", self.some_ids()),
            lambda: Node("statement", f"UPDATE t SET (name, grp) = (v, {self.pick('k', 'grp + k', 'DEFAULT', 'NULL')}) FROM u WHERE u.id = t.id AND ", self.condition(2)),
            lambda: Node("statement", "UPDATE t AS x SET price = q.n, word = DEFAULT FROM (SELECT k, count(*) AS n FROM u GROUP BY k) q"
                         f" WHERE q.k = x.grp{self.pick('', ' AND q.n > 2', ' AND x.flag')}"),
            lambda: Node("statement", "UPDATE t SET ", sets, self.some_ids(), f" AND grp {self.pick('IN', 'NOT IN')} (SELECT k FROM u WHERE k IS NOT NULL)"))()

    def delete(self):
        return self.pick(
            lambda: Node("statement", f"DELETE FROM t WHERE id % 7 = {self.rng.randrange(7)} AND id > {self.rng.randrange(60)} AND ", self.condition(1)),
            lambda: Node("statement", "DELETE FROM t", self.returning()),
            lambda: Node("statement", f"DELETE FROM t USING u JOIN m ON m.id = u.id WHERE u.k = t.id AND m.k = {self.rng.randrange(8)} AND ", self.condition(2)),
            lambda: Node("statement", f"DELETE FROM t WHERE id > {self.rng.randrange(60)} AND id IN (SELECT k FROM u)"))()

    def insert(self):
        """A whole row, or some columns: DEFAULTs fill the rest."""
        columns = list(COLUMNS) if self.rng.random() < .5 else ["id"] + self.rng.sample(list(COLUMNS)[1:], 4)
        parts = []
        for name in columns:
            value = str(self.rng.randrange(60)) if name == "id" else self.pick(
                lambda: "DEFAULT", lambda: self.literal_expression(COLUMNS[name][0]), lambda: value_literal(self.rng, name))()
            parts += [", ", value] if parts else [value]
        conflict = self.pick("NOTHING", "UPDATE SET name = EXCLUDED.name, grp = t.grp", "UPDATE SET price = EXCLUDED.price + 1 WHERE t.grp < 3",
                             "UPDATE SET small = DEFAULT, day = coalesce(t.day, EXCLUDED.day)")
        return Node("statement", f"INSERT INTO t ({', '.join(columns)}) VALUES (", *parts, f") ON CONFLICT (id) DO {conflict}",
                    optional(" RETURNING id, name, grp, price") if self.rng.random() < .3 else "")

    def insert_select(self):
        column = self.rng.choice([c for c in COLUMNS if c not in ("id", "name")])
        value = self.expression(COLUMNS[column][0], 1)
        return Node("statement", f"INSERT INTO t (id, name, {column}) SELECT id + {self.pick(1, 30, 45)}, upper(name), ", value, " FROM t", self.some_ids(),
                    f" ON CONFLICT {self.pick('DO NOTHING', '(id) DO UPDATE SET name = EXCLUDED.name')}")

    def change(self):
        roll = self.rng.random()
        for share, make in ((.5, self.update), (.65, self.delete), (.92, self.insert), (1, self.insert_select)):
            if roll < share:
                return make()
        raise AssertionError("unreachable")
