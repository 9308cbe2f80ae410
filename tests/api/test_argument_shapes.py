"""Each argument of each function as NULL, as a parameter, as an empty text, a long one and the ends of BIGINT: the server answers, and soon.
The short form tries two of these with each argument, others with the next."""
import itertools
import os
import time

import kalam
import pytest
from test_function_places import arguments, calls, listed

LONG = "a" * 100_000
SECONDS = 20  # of a build with sanitizers beside other tests
TURNS = 1 if os.environ.get("KALAM_LONG") else 5
ENDS = (-9223372036854775808, 9223372036854775807)
SHAPES = [("NULL", []), ("''", []), (f"'{LONG}'", []), *((f"({end})", []) for end in ENDS),
          *(("$1", [value]) for value in (None, "", LONG, ENDS[1])), ("coalesce($1, $1)", [7])]


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config="[query]\ntimeout_seconds = 10\n") as server:
        yield server
        server.stop()


def shaped(everywhere):
    """(function, a call of it with one argument exchanged, parameters)"""
    turn = itertools.count()
    for expression, name in calls():
        found = arguments(expression, name) if not everywhere or name in listed() else None
        if found is None or found[1] in ([""], ["*"]):
            continue
        before, parts, behind = found
        for index in range(len(parts)):
            for shape, params in SHAPES[next(turn) % TURNS::TURNS]:
                yield name, before + ", ".join([*parts[:index], shape, *parts[index + 1:]]) + behind, params


@pytest.mark.parametrize("form", ["SELECT ({}) AS x FROM t WHERE id IN (SELECT id FROM t)", "UPDATE t SET ok = true WHERE id = 1 RETURNING ({}) AS x"])
def test_every_argument(server, db, space, form):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, ok BOOLEAN)")
    db.sql("INSERT INTO t VALUES (1, true)")
    wrong, tried, answered = [], 0, 0
    for name, expression, params in shaped("RETURNING" in form):
        begin = time.monotonic()
        status, body = db.post(form.format(expression), params)
        seconds = time.monotonic() - begin
        tried += 1
        answered += status == 200
        if status >= 500 or seconds > SECONDS or "restarted" in str(body)[:200]:
            wrong.append((name, expression[:100], [str(value)[:20] for value in params], status, str(body)[:200], seconds))
    assert db.value("SELECT list_grade_up(CAST($1 AS INT[]), 'DESC')", ["[3, 1, 2]"]) == "[1,3,2]"
    assert not wrong, "\n".join(map(str, wrong))
    assert tried > 1000 / TURNS and answered > tried / 4
