"""The same random statements on PostgreSQL and on KalamDB, hot, cold and mixed, by our executor and by DuckDB.

PostgreSQL says what is right: types, rows, and whether there is an error at all. Each statement runs in all three
states of the rows, in each of them through DuckDB or as the planner likes. A failing statement is shrunk before it
is shown. 20,000 statements, 1,000,000 in the long form; KALAM_SEED repeats a run, KALAM_STATEMENTS
gives another number.
"""
import concurrent.futures
import os
import random
import re
import time

import kalam
import postgres
from compare import kalam_answer, nearly, postgres_answer
from grammar import shrink
from statements import COLUMNS, TABLES, Generator, rows

STATEMENTS = int(os.environ.get("KALAM_STATEMENTS") or (1000000 if os.environ.get("KALAM_LONG") else 20000))
BATCH = 40
WORLDS = ("hot", "cold", "mixed")

ALL = f"SELECT {', '.join(COLUMNS)} FROM t ORDER BY id"


class World:
    """One instance of the tables; `duckdb` sends every SELECT through DuckDB."""

    def __init__(self, server, name):
        self.name, self.server, self.client = name, server, server.client("u", namespace=name)
        admin = server.client()
        admin.sql(f"CREATE NAMESPACE {name}")
        for table, columns in TABLES.items():
            admin.sql(f"CREATE USER TABLE {name}.{table} ({columns})")

    def fill(self, inserts, admin):
        for table, values in inserts.items():
            add = lambda some: self.client.sql(f"INSERT INTO {table} VALUES " + ", ".join(some))
            if self.name == "mixed":  # older versions first, so that hot rows shadow cold ones
                add(values[:len(values) // 2])
                self.server.flush(f"mixed.{table}", admin)
                self.client.sql(f"DELETE FROM {table}")
                add(values[:len(values) // 4])
                self.server.flush(f"mixed.{table}", admin)
                add(values[len(values) // 4:])
            else:
                add(values)
                if self.name == "cold":
                    self.server.flush(f"cold.{table}", admin)

    def repeat(self, statements, numbers, answers):
        """Statements that succeed, or one alone."""
        if not numbers:
            return
        status, body = self.client.post(";\n".join(statements[i] for i in numbers))
        if status == 200 and body["status"] == "success":
            for i, result in zip(numbers, body["results"]):
                answers[i] = kalam_answer(result)
        else:
            assert len(numbers) == 1, body
            answers[numbers[0]] = f"{body['error']['code']}: {body['error']['message']}"

    def answers(self, statements, duckdb, good):
        """An answer per statement: (names, rows), a count, or an error's text. `good` tells which probably succeed."""
        if duckdb:
            statements = [f"SELECT * FROM ({s}) forced" if s.startswith(("SELECT", "WITH")) else s for s in statements]
        answers = [None] * len(statements)
        together = [i for i, g in enumerate(good) if g]
        while together:  # the answer to several at once; when one fails, those before it again and then the rest
            status, body = self.client.post(";\n".join(statements[i] for i in together))
            if status == 200 and body["status"] == "success":
                for i, result in zip(together, body["results"]):
                    answers[i] = kalam_answer(result)
                break
            failed = body["error"].get("statement_index", 1) - 1
            answers[together[failed]] = f"{body['error']['code']}: {body['error']['message']}"
            self.repeat(statements, together[:failed], answers)
            together = together[failed + 1:]
        for i, good_ in enumerate(good):
            if not good_:
                self.repeat(statements, [i], answers)
        return answers


UNORDERED = re.compile(r"\b(WHERE|LIMIT|OFFSET|AND|OR|CASE|coalesce|nullif|HAVING|ANY|IN|WITH|NULL|count|sum)\b|\bJOIN\b")

WIDE = re.compile(r"DECIMAL\(\d+\)|more than 38 digits|numeric field overflow|precision 38|DECIMAL\(\d+,\d+\)")  # NUMERIC has no limit, DECIMAL 38 digits, products in DuckDB 18


def same(expected, answer, statement=""):
    """The same types and rows, or both errors. Which part of a statement is computed first, or at all, is not defined:
    where that matters an error of the data on one side alone is no difference."""
    if isinstance(expected, str) or isinstance(answer, str):
        if isinstance(expected, str) and isinstance(answer, str):
            return True
        if not isinstance(expected, str) and WIDE.search(answer):
            return True
        of_data = expected.startswith("22") if isinstance(expected, str) else answer.startswith(("SQL_EXECUTION_ERROR", "CONSTRAINT_VIOLATION"))
        return of_data and UNORDERED.search(statement) is not None
    if isinstance(expected, int) or isinstance(answer, int):
        return expected == answer
    if expected == answer or expected[1] == [["not compared"]]:
        return True
    names = [own if ("NULL" in statement or name == "Decimal" or own == "Int") and all(row[i] is None for row in expected[1]) else name  # a constant NULL
             for i, (name, own) in enumerate(zip(expected[0], answer[0]))]
    return names == answer[0] and len(expected[0]) == len(names) and len(expected[1]) == len(answer[1]) and all(
        all(nearly(a, b) for a, b in zip(left, right)) for left, right in zip(expected[1], answer[1]))


def expected_of(answer):
    if isinstance(answer, postgres.PostgresError):
        return f"{answer.code}: {answer.message}"
    if isinstance(answer, tuple):
        return postgres_answer(answer)
    return int(answer.split()[-1])


class Run:
    def __init__(self, server, reference, seed):
        self.seed, self.reference = seed, reference
        self.rng = random.Random(seed)
        self.generator = Generator(self.rng)
        self.worlds = [World(server, name) for name in WORLDS]
        admin = server.client()
        inserts = rows(self.rng)
        for table, columns in TABLES.items():
            reference.query(f"CREATE TABLE {table} ({columns})")
        for table, values in inserts.items():
            reference.query(f"INSERT INTO {table} VALUES " + ", ".join(values))
        for world in self.worlds:
            world.fill(inserts, admin)
        self.pool = concurrent.futures.ThreadPoolExecutor(len(self.worlds))
        self.failures, self.errors = [], 0

    def batch(self, size):
        trees = [self.generator.select() for _ in range(size)]
        self.check(trees)

    def check(self, trees):
        statements = [tree.text() for tree in trees]
        expected = [expected_of(a) for a in self.reference.queries(statements)]
        good = [not isinstance(e, str) for e in expected]
        self.errors += good.count(False)
        turns = [(world, self.rng.random() < .4) for world in self.worlds]
        seen = set()
        for (world, duckdb), answers in zip(turns, self.pool.map(lambda turn: turn[0].answers(statements, turn[1], good), turns)):
            for tree, statement, wanted, answer in zip(trees, statements, expected, answers):
                if statement not in seen and not same(wanted, answer, statement):
                    seen.add(statement)
                    self.report(tree, world, duckdb)

    def report(self, tree, world, duckdb):
        def differs(candidate):
            text = candidate.text()
            wanted = expected_of(self.reference.queries([text])[0])
            return not same(wanted, world.answers([text], duckdb, [False])[0], text)
        whole = tree.text()
        small = shrink(tree, differs, self.generator.plain)
        text = small.text()
        wanted, answer = expected_of(self.reference.queries([text])[0]), world.answers([text], duckdb, [False])[0]
        self.fail(f"{world.name}{' through DuckDB' if duckdb else ''}: {text}\n  PostgreSQL: {show(wanted, answer)}\n  KalamDB:    "
                  f"{show(answer, wanted)}\n  from: {whole}")

    def fail(self, text):
        """Said at once: a long run takes hours."""
        print(text, flush=True)
        self.failures.append(text)

    def change(self):
        """A change on all, and all rows compared."""
        tree = self.generator.change()
        text = tree.text()
        expected = expected_of(self.reference.queries([text])[0])
        state = expected_of(self.reference.queries([ALL])[0])
        apart = False  # an error of the data on one side alone
        for world in self.worlds:
            answer = world.answers([text], False, [False])[0]
            if not same(expected, answer, text):
                self.fail(f"{world.name}: {text}\n  PostgreSQL: {show(expected, answer)}\n  KalamDB:    {show(answer, expected)}")
            if isinstance(expected, str) != isinstance(answer, str):
                apart = True
                continue
            rows = world.answers([ALL], False, [True])[0]
            if not same(state, rows):
                self.fail(f"{world.name}: {text}\n  PostgreSQL: {expected}\n  KalamDB:    {answer}\n  the tables differ: "
                          f"{[(a, b) for a, b in zip(state[1], rows[1]) if a != b][:2]}")
                apart = True
        if apart:
            self.align()

    def align(self):
        """Gives the worlds PostgreSQL's rows again."""
        _, rows = self.reference.query(ALL)
        kinds = [kind for kind, _ in COLUMNS.values()]
        plain = lambda kind, value: "NULL" if value is None else {"t": "true", "f": "false"}[value] if kind == "bool" else (
            "'" + value.replace("'", "''") + "'")
        values = [f"({', '.join(plain(kind, value) for kind, value in zip(kinds, row))})" for row in rows]
        for world in self.worlds:
            world.client.sql("DELETE FROM t")
            world.client.sql("INSERT INTO t VALUES " + ", ".join(values))
            if world.name == "cold":
                world.server.flush("cold.t")

    def text(self):
        return f"seed {self.seed}: {len(self.failures)} differences\n" + "\n".join(self.failures[:int(os.environ.get("KALAM_SHOW", 10))])


def show(answer, other):
    """The first rows that differ."""
    if not isinstance(answer, tuple):
        return str(answer)
    rows = answer[1]
    if isinstance(other, tuple) and len(other[1]) == len(rows):
        rows = [a for a, b in zip(rows, other[1]) if a != b]
    return f"{answer[0]} {len(answer[1])} rows, differing: {rows[:3]}"[:500]


def test_same_answers_as_postgres():
    seed = kalam.run_seed(813744900)
    print(f"seed: {seed}; share: {STATEMENTS} statements")
    with kalam.Server() as server, postgres.Postgres() as database:
        run = Run(server, database.connect(), seed)
        done, started = 0, time.monotonic()
        while done < STATEMENTS and len(run.failures) < int(os.environ.get("KALAM_SHOW", 10)):
            run.batch(BATCH)
            run.change()
            done += BATCH + 1
            if done % 50000 <= BATCH:
                print(f"{done} statements after {time.monotonic() - started:.0f} s", flush=True)
        print(f"{done} statements in {time.monotonic() - started:.0f} s, {run.errors} errors")
        assert not run.failures, run.text()
        server.stop()
