"""The same random statements with all rows hot, all cold and mixed, and through each executor: same rows.

300 statements, 20,000 in the long form; KALAM_SEED repeats a run.
"""
import os
import random

import kalam

STATEMENTS = 20000 if os.environ.get("KALAM_LONG") else 300
COLUMNS = {"id": "BIGINT", "grp": "INT", "small": "SMALLINT", "name": "TEXT", "price": "DECIMAL(10,2)", "moment": "TIMESTAMP",
           "day": "DATE", "flag": "BOOLEAN", "real": "DOUBLE"}
WORDS = ["tea", "ink", "Tea", "", "a_b", "100%", "ü", "zz'top", "teapot"]


def literal(rng, column):
    if rng.random() < 0.08:
        return "NULL"
    return {
        "id": lambda: str(rng.randrange(0, 260)), "grp": lambda: str(rng.randrange(-3, 8)),
        "small": lambda: str(rng.choice([-32768, -1, 0, 1, 7, 32767])),
        "name": lambda: "'" + rng.choice(WORDS).replace("'", "''") + "'",
        "price": lambda: f"{rng.randrange(-5000, 5000) / 100:.2f}",
        "moment": lambda: f"'2026-0{rng.randrange(1, 9)}-1{rng.randrange(0, 9)}T0{rng.randrange(0, 9)}:00:00.{rng.randrange(0, 9)}Z'",
        "day": lambda: f"'19{rng.randrange(60, 99)}-02-1{rng.randrange(0, 9)}'",
        "flag": lambda: rng.choice(["true", "false"]), "real": lambda: repr(rng.randrange(-40, 40) / 8),
    }[column]()


def condition(rng, depth=0):
    kind = rng.random()
    if depth < 2 and kind < 0.3:
        return f"({condition(rng, depth + 1)} {rng.choice(['AND', 'OR'])} {condition(rng, depth + 1)})"
    if kind < 0.36:
        return f"NOT ({condition(rng, depth + 1)})"
    column = rng.choice(list(COLUMNS))
    if kind < 0.46:
        return f"{column} IS {rng.choice(['', 'NOT '])}NULL"
    if kind < 0.56:
        return f"{column} {rng.choice(['', 'NOT '])}IN ({', '.join(literal(rng, column) for _ in range(3))})"
    if kind < 0.64:
        return f"{column} BETWEEN {literal(rng, column)} AND {literal(rng, column)}"
    if kind < 0.72:
        return f"name {rng.choice(['LIKE', 'ILIKE', 'NOT LIKE'])} '{rng.choice(['t%', '%a%', '_ea', '%', 'a!_b'])}'"
    if kind < 0.78:
        return f"grp * 2 + small % 5 {rng.choice(['<', '>='])} {rng.randrange(-4, 9)}"
    if kind < 0.83:
        return f"coalesce(name, 'none') || '-' = '{rng.choice(WORDS[:4])}-'"
    return f"{column} {rng.choice(['=', '<>', '<', '<=', '>', '>='])} {literal(rng, column)}"


def statement(rng):
    where = f" WHERE {condition(rng)}" if rng.random() < 0.85 else ""
    shape = rng.random()
    if shape < 0.5:
        order = rng.choice(["ORDER BY id", "ORDER BY id DESC", "ORDER BY name, id", "ORDER BY price DESC, id",
                            "ORDER BY moment DESC NULLS LAST, id DESC", "ORDER BY grp NULLS FIRST, id"])
        limit = rng.choice(["", " LIMIT 5", " LIMIT 7 OFFSET 3", " LIMIT 50"])
        return f"SELECT {rng.choice(['id, grp, small, name, price, moment, day, flag, real', 'id, name', 'id, grp + 1, upper(name)'])} FROM t{where} {order}{limit}"
    if shape < 0.75:
        return f"SELECT count(*), count(name), sum(grp), min(price), max(moment), min(name) FROM t{where}"
    return f"SELECT grp, count(*), max(real), min(day) FROM t{where} GROUP BY grp ORDER BY grp"


def run(client, sql):
    status, body = client.post(sql)
    if status == 200:
        return body["results"][-1]["rows"]
    return body["error"]["code"]


def test_tiers_agree():
    seed = int(os.environ.get("KALAM_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"seed: {seed}; share: {STATEMENTS} statements")
    rng = random.Random(seed)
    states = ("hot", "cold", "mixed")
    with kalam.Server() as server:
        db = server.client()
        db.sql("CREATE NAMESPACE d")
        columns = ", ".join(f"{n} {t}" for n, t in COLUMNS.items())
        rows = [", ".join([str(i)] + [literal(rng, c) for c in list(COLUMNS)[1:]]) for i in range(250)]
        clients = {}
        for state in states:
            user = clients[state] = server.client(state)
            table = f"d.{state}"
            db.sql(f"CREATE USER TABLE {table} ({columns}, PRIMARY KEY (id))")
            middle = 250 if state == "cold" else 125
            if state != "hot":
                # older versions first, so that updates shadow cold rows
                user.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({r})" for r in rows[:middle]))
                if state == "mixed":
                    user.sql(f"INSERT INTO {table} (id, name) VALUES (1000, 'gone')")
                    user.sql(f"UPDATE {table} SET name = 'old' WHERE id < 60")
                server.flush(table, db)
            if state == "mixed":
                user.sql(f"DELETE FROM {table} WHERE id = 1000 OR id < 60")
                user.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({r})" for r in rows[:60]))
                user.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({r})" for r in rows[middle:]))
            elif state == "hot":
                user.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({r})" for r in rows))
        for number in range(STATEMENTS):
            sql = statement(rng)
            answers = {}
            for state in states:
                text = sql.replace(" FROM t", f" FROM d.{state}", 1)
                answers[state] = run(clients[state], text)
                answers[state + " through DuckDB"] = run(clients[state], f"SELECT * FROM ({text}) forced")
            first = answers["hot"]
            assert all(a == first for a in answers.values()), (
                f"statement {number} of seed {seed}: {sql}\n" +
                "\n".join(f"{k}: {str(v)[:600]}" for k, v in answers.items()))
        server.stop()
