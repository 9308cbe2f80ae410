"""Every operator on every pair of types, NULLs and edges included: our expression programs, DuckDB and PostgreSQL.

Not random: all statements come from the tables below; every other one, all in the long form. Our programs and DuckDB must agree everywhere; PostgreSQL
must where the manual (docs/sql-functions.md) names no difference.
"""
import itertools
import os
import re

import kalam
import postgres
from compare import kalam_answer
from test_postgres import expected_of, same

TYPES = {"boolean": ("BOOLEAN", ["true", "false"]), "small": ("SMALLINT", ["7", "-32768"]), "int": ("INT", ["2", "-2147483648"]),
         "big": ("BIGINT", ["3", "9223372036854775807"]), "real": ("REAL", ["1.5", "-2.25"]), "dbl": ("DOUBLE PRECISION", ["2.5", "-0.5"]),
         "num": ("DECIMAL(10,2)", ["1.25", "-99.99"]), "text": ("TEXT", ["'tea'", "''"]), "date": ("DATE", ["'2024-02-29'", "'1969-12-31'"]),
         "time": ("TIME", ["'12:34:56.5'", "'00:00:00'"]), "ts": ("TIMESTAMP", ["'2024-02-29 12:34:56.789'", "'1969-12-31 00:00:00'"]),
         "uuid": ("UUID", ["'00000001-0000-4000-8000-000000000011'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
         "json": ("JSON", ["'{\"a\":1,\"*\":2}'", "'[1,2]'"]), "bytes": ("BYTEA", ["'\\x00ff'", "'\\x'"])}
BINARY = ["{a} = {b}", "{a} <> {b}", "{a} < {b}", "{a} <= {b}", "{a} > {b}", "{a} >= {b}", "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}",
          "{a} % {b}", "{a} || {b}", "{a} IS DISTINCT FROM {b}", "{a} IS NOT DISTINCT FROM {b}", "{a} IN ({b}, {a})", "{a} BETWEEN {b} AND {b}",
          "{a} LIKE {b}", "coalesce({a}, {b})", "nullif({a}, {b})", "CASE WHEN {a} IS NULL THEN {a} ELSE {b} END", "greatest({a}, {b})",
          "{a} AND {b}", "{a} OR {b}"]
TRIPLE = ["{a} IN ({c}, {b})", "{a} NOT IN ({b}, {c})", "{a} BETWEEN {c} AND {b}", "coalesce({a}, {a}) BETWEEN {c} AND {b}",
          "CASE {a} WHEN {c} THEN 1 WHEN {b} THEN 2 ELSE 3 END"]  # c: a literal
MEETING = [("small", "int", "big", "real", "dbl", "num"), ("text", "uuid"), ("date", "ts")]
UNARY = ["- {a}", "NOT {a}", "{a} IS NULL", "{a} IS NOT NULL", "{a} IS TRUE", "{a} + 1", "{a} - 1", "{a} * 2", "{a} / 2", "{a} % 2", "2 - {a}", "{a} = 1",
         "{a} > 1.5", "{a} || 'x'", "abs({a})", "floor({a})", "length({a})", "upper({a})", "{a} LIKE '%a'", "{a} ->> 'a'", "{a} ->> 0", "{a} -> 'a'", "{a} ->> '$.a'", "{a} -> ''", "{a} ->> '*'",
         "substring('hello', {a})", "substring('hello', 1, {a})", "trim({a})",
         "coalesce({a}, NULL)", "CASE WHEN true THEN {a} ELSE 1 END", "{a} + INTERVAL '1 day'", "{a} - INTERVAL '25 hours'", "date_trunc('hour', {a})"]
# Differences that docs/sql-functions.md names, as patterns of the expression.
EXECUTORS = re.compile("|".join((
    r"^CAST\(a_(small|int|big) AS TIMESTAMP\)", r"^CAST\(a_text AS BYTEA\)",  # ours only
    r"uuid.*text|text.*uuid",  # a UUID beside a TEXT is a TEXT, for our programs
    r"a_(date|int) [+] b_(int|date)$",  # DuckDB's dates go further
    r"a_big [+] b_date|a_date [+-] b_big")))  # PostgreSQL and DuckDB have it for INT only
POSTGRES = re.compile("|".join((
    r"[ab]_real", r"[ab]_json", r"substring.*a_(big|text)",  # REAL stays REAL; JSON is compared as text in DuckDB; substring of a pattern, none of BIGINT
    r"num / | / b_num",  # DECIMAL divided is DOUBLE
    r"^nullif\(a_(small|int|big|num), b_(dbl|num)\)",  # NULLIF has the type of its first argument
    r"^CAST\(a_text AS BYTEA\)",  # hex or base64, no escapes
    r"date_trunc\('hour', a_date\)", r"a_date - b_date",  # TIMESTAMP, BIGINT
    r"(date|ts|time) [+-] b_(date|time|ts)$",  # TIME is computed with INTERVAL only
    r"bytes (LIKE|[|][|])|[|][|] b_bytes|^CAST\(a_bytes AS TEXT")))  # the text of BYTES

# Scalar functions: our programs and DuckDB only, PostgreSQL has other types or none of them.
OF_NUMBERS = [f"{name}({{a}})" for name in (
    "sqrt cbrt exp ln log log10 log2 sin cos tan cot asin acos atan sinh cosh tanh asinh acosh atanh degrees radians even sign trunc round floor ceil abs"
).split()] + ["round({a}, 1)", "round({a}, -1)", "round({a}, 20)", "round({a}, -20)", "CAST({a} AS TEXT)", "a_text || {a}", "concat({a}, a_boolean, a_bytes)",
              "concat_ws('-', {a}, b_text, a_ts)"]
OF_TWO_NUMBERS = ["power({a}, {b})", "mod({a}, {b})", "{a} % {b}", "atan2({a}, {b})", "log({a}, {b})"]
OF_INTEGERS = ["gcd({a}, {b})", "lcm({a}, {b})", "left(a_text, {a})", "right(a_text, {a})", "repeat(a_text, {a})", "lpad(a_text, {a})", "rpad(a_text, {a}, 'xé')",
               "split_part(a_text, 'e', {a})", "chr({a})", "hex({a})", "factorial({a})", "round(a_dbl, {a})", "round(a_real, {a})", "make_date(2024, {a}, {b})"]
OF_TEXTS = ["starts_with({a}, 't')", "ends_with({a}, {b})", "contains({a}, 'e')", "instr({a}, {b})", "translate({a}, 'te', 'é')", "ascii({a})", "unicode({a})",
            "octet_length({a})", "bit_length({a})", "len({a})", "strlen({a})", "lcase({a})", "ucase({a})", "hex({a})", "split_part({a}, '', 2)"]
OF_MOMENTS = [f"{name}({{a}})" for name in (
    "year quarter month week day dayofyear dayofweek isodow isoyear decade century millennium hour minute second millisecond microsecond epoch epoch_ms "
    "epoch_us dayname monthname last_day").split()] + [f"date_part('{field}', {{a}})" for field in "year dow doy hour second milliseconds epoch".split()] + [
    f"date_diff('{unit}', {{a}}, {{b}})" for unit in "microsecond second minute hour day month quarter year decade century".split()]
NUMBERS, INTEGERS = ("small", "int", "big", "real", "dbl", "num"), ("small", "int", "big")


def functions():
    for texts, kinds, others in ((OF_NUMBERS, NUMBERS, ("int",)), (OF_TWO_NUMBERS, NUMBERS, NUMBERS), (OF_INTEGERS, INTEGERS, ("small", "int")),
                                 (OF_TEXTS, ("text", "json", "bytes"), ("text",)), (OF_MOMENTS, ("date", "time", "ts"), ("ts", "date"))):
        for text in texts:
            for a in kinds:
                for b in others if "{b}" in text else others[:1]:
                    yield text.format(a=f"a_{a}", b=f"b_{b}")
    yield from ("a_bytes || b_bytes", "hex(a_bytes)", "octet_length(a_bytes)", "pi()", "a_text || a_bytes")


def statements():
    for a in TYPES:
        for text in UNARY:
            yield text.format(a=f"a_{a}")
        for to in TYPES:
            yield f"CAST(a_{a} AS {TYPES[to][0]})"
        for b in TYPES:
            for text in BINARY:
                yield text.format(a=f"a_{a}", b=f"b_{b}")
    for kinds in MEETING:
        for a, b in itertools.product(kinds, kinds):
            for text in TRIPLE:
                yield text.format(a=f"a_{a}", b=f"b_{b}", c=TYPES[a][1][1])


PAIRS = [(0, 0), (0, 1), (1, 0), (None, 0), (0, None), (None, None), (1, 1)]  # of the values above
ROWS = len(PAIRS)


def rows():
    """a and b of each type: values, edges and NULLs against each other."""
    for i, (a, b) in enumerate(PAIRS):
        cells = [str(i)] + ["NULL" if which is None else values[which] for which in (a, b) for _, values in TYPES.values()]
        yield f"({', '.join(cells)})"


def columns():
    return ["id BIGINT PRIMARY KEY"] + [f"{side}_{name} {type_}" for side in "ab" for name, (type_, _) in TYPES.items()]


def ours(client, text):
    status, body = client.post(text)
    return kalam_answer(body["results"][-1]) if status == 200 and body["status"] == "success" else (
        f"{body['error']['code']}: {body['error']['message']}")


def of_data(answer):
    """Not of the types: another row may have a value."""
    return isinstance(answer, str) and answer.startswith(("SQL_EXECUTION_ERROR", "CONSTRAINT_VIOLATION", "22"))


def check(client, reference, text, right, where):
    """What differs, or None; rows one by one when one of them is an error."""
    select = f"SELECT id, {text} AS x FROM v WHERE {where} ORDER BY id"
    own, other = ours(client, select), ours(client, f"SELECT * FROM ({select}) q")
    if where == "true" and (of_data(own) or of_data(other) or of_data(right)):
        for row in range(ROWS):
            alone = f"id = {row}"
            wanted = expected_of(reference.queries([f"SELECT id, {text} AS x FROM v WHERE {alone} ORDER BY id"])[0])
            difference = check(client, reference, text, wanted, alone)
            if difference:
                return difference
        return None
    if isinstance(own, str) and isinstance(right, str) and not of_data(own):
        return None  # neither has it; DuckDB alone may convert the types by itself
    if not isinstance(right, str) and "type 1186" in right[0]:
        return None  # INTERVAL is no type of results
    if not EXECUTORS.search(text) and not same(own, other):
        return f"{text} ({where}): ours {own}, DuckDB {other}, PostgreSQL {right}"
    if not POSTGRES.search(text) and not isinstance(right, str) and not same(right, own):
        return f"{text} ({where}): ours and DuckDB {own}, PostgreSQL {right}"
    return None


def test_every_operator_and_type():
    share = 1 if os.environ.get("KALAM_LONG") else 2
    expressions = list(statements())[::share]
    with kalam.Server() as server, postgres.Postgres() as database:
        admin = server.client()
        admin.sql("CREATE NAMESPACE d")
        admin.sql(f"CREATE USER TABLE d.v ({', '.join(columns())})")
        client, reference = server.client("u", namespace="d"), database.connect()
        reference.query(f"CREATE TABLE v ({', '.join(columns())})")
        for connection in (client.sql, reference.query):
            connection("INSERT INTO v VALUES " + ", ".join(rows()))
        differences, programs = [], 0
        for first in range(0, len(expressions), 50):
            some = expressions[first:first + 50]
            answers = reference.queries([f"SELECT id, {text} AS x FROM v WHERE true ORDER BY id" for text in some])
            differences += [check(client, reference, text, expected_of(answer), "true")
                            for text, answer in zip(some, answers)]
        for text in expressions[::4]:
            status, body = client.post(f"EXPLAIN SELECT id, {text} AS x FROM v ORDER BY id")
            programs += status == 200 and not body["results"][0]["rows"][0][0].startswith("duckdb")
        server.stop()
    differences = [difference for difference in differences if difference]
    print(f"share: {len(expressions)} expressions, of every fourth {programs} our programs")
    assert programs > 200 // share
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences[:200])


def differs(client, text):
    """What our programs and DuckDB do not agree on, row by row where one of them refuses the data."""
    for where in ["true"] + [f"id = {row}" for row in range(ROWS)]:
        select = f"SELECT id, {text} AS x FROM v WHERE {where} ORDER BY id"
        own, other = ours(client, select), ours(client, f"SELECT * FROM ({select}) q")
        if isinstance(own, str) != isinstance(other, str) and where != "true":
            return f"{text} ({where}): ours {own}, DuckDB {other}"
        if not isinstance(own, str) and not isinstance(other, str):
            if not same(own, other):
                return f"{text} ({where}): ours {own}, DuckDB {other}"
            if where == "true":
                return None
        elif where == "true" and not of_data(own) and not of_data(other):
            return None  # types that neither has
    return None


def test_every_function_of_both_executors():
    share = 1 if os.environ.get("KALAM_LONG") else 3
    expressions = list(functions())[::share]
    with kalam.Server() as server:
        admin = server.client()
        admin.sql("CREATE NAMESPACE d")
        admin.sql(f"CREATE USER TABLE d.v ({', '.join(columns())})")
        client = server.client("u", namespace="d")
        client.sql("INSERT INTO v VALUES " + ", ".join(rows()))
        differences, programs = list(filter(None, (differs(client, text) for text in expressions))), 0
        for text in expressions:
            status, body = client.post(f"EXPLAIN SELECT id, {text} AS x FROM v ORDER BY id")
            programs += status == 200 and not body["results"][0]["rows"][0][0].startswith("duckdb")
        server.stop()
    print(f"share: {len(expressions)} expressions, {programs} our programs")
    assert programs > 300 // share
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences)
