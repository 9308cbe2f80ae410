"""What a user writes cannot hold the server in DuckDB: it ends by itself, is refused, or stops at its time limit."""
import time

import kalam
import pytest

NESTED = "ts"
for _ in range(14):
    NESTED = f"ts + to_seconds(date_part('second', {NESTED}))"


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config="[query]\ntimeout_seconds = 2\n") as server:
        yield server
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 20


@pytest.fixture(scope="module")
def client(server):
    db = server.client()
    db.batch("CREATE NAMESPACE b; CREATE SHARED TABLE b.t (id INT PRIMARY KEY, s TEXT, p TEXT, ts TIMESTAMP)")
    db.batch("INSERT INTO b.t VALUES (1, 'a', '%a%a%a%a%a%a%a%a%c', '2026-01-01'), (2, 'a', '%', NULL)")
    db.namespace = "b"
    return db


def code(client, sql, *arguments):
    try:
        client.sql(sql, *arguments)
    except kalam.SqlError as error:
        return error.code
    return "OK"


def test_like(client):
    """Exponential in DuckDB."""
    steps = "%a_a" * 8 + "%b_b"
    assert client.value(f"WITH c AS (SELECT * FROM t) SELECT count(*) FROM c WHERE repeat(s, 4000) LIKE '{steps}'") == "0"
    assert client.value(f"WITH c AS (SELECT * FROM t) SELECT count(*) FROM c WHERE repeat(s, 4000) NOT ILIKE '{steps}'") == "2"
    assert client.value("WITH c AS (SELECT * FROM t) SELECT count(*) FROM c WHERE repeat(s, 4000) LIKE p") == "1"
    assert client.value("WITH c AS (SELECT * FROM t) SELECT count(*) FROM c WHERE repeat(s, 4000) LIKE $1", [steps]) == "0"


def test_like_stops_within_a_vector(client):
    """Each row is bounded; 2048 of them take minutes, which DuckDB would not interrupt."""
    begin = time.monotonic()
    assert code(client, "SELECT count(*) FROM range(2000) r(g) WHERE repeat(chr((97 + g * 0)::INT), 60000) LIKE "
                        "'%' || repeat('a', 150) || '_b'") == "QUERY_TIMEOUT"
    assert time.monotonic() - begin < 15


@pytest.mark.parametrize("sql", [
    "SELECT " + ", ".join(["count(*) OVER w"] * 500) + " FROM t WINDOW w AS (PARTITION BY " + ", ".join(["id + 1"] * 500) + ")",
    "SELECT 1" + " UNION ALL SELECT 1" * 5000,
    "WITH " + ", ".join(f"a{i} AS (SELECT 1)" for i in range(8000)) + " SELECT 1",
])
def test_large_statements(client, sql):
    begin = time.monotonic()
    assert code(client, sql) == "INVALID_SQL"
    assert time.monotonic() - begin < 5


LONG = "a" * 120_000
PAIRS = ", ".join(f"({i}, NULL)" for i in range(999))


def test_rows_and_long_texts(client):
    """The left row is written out for each row of the list."""
    for condition in (f"(length('{LONG}'), id) IN ({PAIRS})", f"(id /* {LONG} */, id) NOT IN ({PAIRS})",
                      f"(((id, length('{LONG}')) IN ((1, 2), (1, 3), (NULL, 4))), id) IN ((true, NULL)" + ", (false, 1)" * 60 + ")"):
        begin = time.monotonic()
        assert code(client, f"SELECT count(*) FROM t WHERE {condition} AND id IN (SELECT id FROM t)") == "INVALID_SQL"
        assert time.monotonic() - begin < 2


def test_lists_of_rows(client):
    name = " + length('" + "a" * 600 + "')"
    for left in ("id, length(s)", f"id, length(s) - 600{name}"):
        for pairs in (PAIRS, ", ".join(f"({i}, 1)" for i in range(999))):
            few = client.value(f"SELECT count(*) FROM t WHERE ({left}) IN ({pairs}) AND id IN (SELECT id FROM t)")
            assert few == ("0" if "NULL" in pairs else "2")


def test_names_that_a_wide_from_lacks(client):
    client.sql("CREATE NAMESPACE w")
    client.sql("CREATE SHARED TABLE w.wide (id INT PRIMARY KEY, " + ", ".join(f"c{i} INT" for i in range(990)) + ")")
    joined = ", ".join(f"w.wide a{i}" for i in range(8))

    def names(name, count):
        return code(client, f"SELECT count(*) FROM {joined} WHERE 1 IN ({', '.join([name] * count)})")

    started = time.monotonic()
    assert names("zz", 2000) == names("zz", 100000) == "INVALID_SQL"
    assert code(client, f"SELECT 1 AS zz FROM {joined} WHERE 1 IN ({', '.join(['zz'] * 2000)})") == "INVALID_SQL"
    assert time.monotonic() - started < 10
    assert names("zz", 2) == "COLUMN_NOT_FOUND"
    assert client.sql(f"SELECT count(*) FROM w.wide WHERE 1 IN ({', '.join(['c989'] * 20000)})").rows == [["0"]]
    assert client.sql(f"SELECT count(*) FROM {joined} WHERE 1 IN ({', '.join(['a0.c989'] * 2000)})").rows == [["0"]]


def test_ratios_of_a_month(client):
    """A column a day, as dashboards ask for."""
    columns = ", ".join(f"round(100.0 * sum(CASE WHEN s = 'a{day}' AND id > 5 THEN id ELSE 0 END) / nullif(sum(CASE WHEN id > 0 THEN id ELSE 0 END), 0), 2)"
                        for day in range(31))
    assert client.rows(f"SELECT {columns} FROM t") == [[0] * 31]
    assert len(client.rows("SELECT id " + " / 2" * 9 + " AS x, max(id) / 2 / 3 / 2 / 3 / 2 / 3 / 2 / 3 / 2 / 3 FROM t GROUP BY id")) == 2


def test_date_part(client):
    assert client.value(f"WITH c AS (SELECT * FROM t WHERE id = 1) SELECT {NESTED} AS x FROM c") == 1767225600000000


def test_parts_and_maps(client):
    """Lists of parts and maps are bounded before DuckDB makes them; shorter ones are what they were."""
    for call in ("split_part({}, ',', 3)", "string_split({}, ',')[3]", "split({}, ',')[3]", "str_split({}, ',')[3]", "string_to_array({}, ',')[3]"):
        assert client.rows(f"SELECT {call.format('s')}, i FROM (SELECT repeat(',a', 30000) AS s, i FROM range(2) r(i)) q") == [["a", "0"], ["a", "1"]]
        assert code(client, f"SELECT {call.format('s')} FROM (SELECT repeat(',', 65536 + 0 * i::INT) AS s FROM range(2) r(i)) q") == "SQL_EXECUTION_ERROR"
    assert code(client, "SELECT max(string_split(s, '')[3]) FROM (SELECT repeat('x', 60000 + i::INT) AS s FROM range(2048) r(i)) q") == "SQL_EXECUTION_ERROR"
    assert client.rows("SELECT split_part('a,b', ',', 2), split_part(s, 'x', 2), split_part(s, NULL, 1) FROM t GROUP BY s") == [["b", "", None]]
    keys = "(SELECT list(i) AS l FROM range({}) r(i)) q"
    assert client.rows(f"SELECT map(l, l)[7] FROM {keys.format(2000)}") == [["7"]]
    assert client.rows("SELECT MAP {'a': 1, 'b': 2}['b'], max(id) FROM t") == [[2, 2]]
    assert code(client, f"SELECT map(l, l)[7] FROM {keys.format(2001)}") == "SQL_EXECUTION_ERROR"
    assert code(client, "SELECT repeat([s], 60000) FROM t GROUP BY s") == "SQL_EXECUTION_ERROR"
    assert client.rows("SELECT repeat(s, 3), max(id) FROM t GROUP BY s") == [["aaa", 2]]
def test_json_of_other_types(client):
    """Lists, structs, numbers and booleans become documents, as without the guard."""
    assert client.value("SELECT json_structure([1])::TEXT FROM range(1)") == '["UBIGINT"]'
    assert client.value("SELECT json_merge_patch('{\"a\":2}', {'a': 1})::TEXT FROM range(1)") == '{"a":1}'
    assert client.value("SELECT json_merge_patch('{}', {'b': 2}, {'a': 1})::TEXT FROM range(1)") == '{"b":2,"a":1}'
    assert client.value("SELECT json_contains('[true]', true) AND json_contains([1.5], '1.5') FROM range(1)") is True
    assert client.value("SELECT json_contains('[1]', id) FROM t WHERE id = 1 GROUP BY id") is True
    assert client.value("SELECT json_contains($1, $2) FROM range(1)", ['["a"]', '"a"']) is True
    assert code(client, "SELECT json_structure('{') FROM range(1)") == "TYPE_MISMATCH"


def test_quoted_names_count(client):
    """`at` becomes `"at"` before DuckDB reads it: the text is measured again."""
    words = (256 * 1024 - 80) // 3
    assert code(client, "SELECT count(*) FROM (SELECT 1 AS at) q GROUP BY " + ",".join(["at"] * words)) == "INVALID_SQL"
    assert client.value("SELECT 1") == 1


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("call", ["json_structure(x)", "json_contains(x, '7')", "json_contains('7', x)", "json_merge_patch(x, x)",
                                  "json_merge_patch('{}', '{}', x)"])
def test_deep_json(client, opening, closing, call):
    """DuckDB descends level by level on its stack."""
    levels = 60000 // len(opening)
    deep = "||".join([f"repeat('{opening}', {levels})"] * 16 + ["'1'"] + [f"repeat('{closing}', {levels})"] * 16)
    assert code(client, f"SELECT {call} FROM (SELECT {deep} AS x) q") == "SQL_EXECUTION_ERROR"
    flat = f"'\"{opening * 5000}\\\"{opening * 5000}\"'" if opening == "[" else f"'[\"{'{' * 5000}\"]'"
    assert code(client, f"SELECT {call} FROM (SELECT {flat} AS x) q") == "OK"
    assert client.value("SELECT 1") == 1
