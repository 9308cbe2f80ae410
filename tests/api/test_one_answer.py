"""One expression has one answer: as parameter and as literal, in our executor and in DuckDB, before and after a flush."""
import decimal

import kalam
import pytest


@pytest.fixture
def table(db, space):
    db.sql("CREATE SHARED TABLE p (id INT PRIMARY KEY, d DECIMAL(10,2), r INT)")
    db.sql("INSERT INTO p VALUES (1, 1.25, 0), (2, 1.25, 0)")


@pytest.mark.parametrize("number", [0.1, 1.25, 12345678901.123456, "2.255", -0.5, 3])
def test_a_parameter_keeps_its_fraction(db, table, number):
    for expression in ["abs($1)", "$1 + 1.5", "$1 * 2.0", "coalesce($1, 0.0)", "greatest($1, 0.5)", "nullif($1, 0.0)",
                       "CASE WHEN true THEN $1 ELSE 0.0 END", "0.25 - $1"]:
        literal = expression.replace("$1", f"({number})")
        wanted = float(db.value(f"SELECT {literal}"))
        assert float(db.value(f"SELECT {expression}", [number])) == wanted, expression
        assert float(db.value(f"SELECT max({expression}) FROM p", [number])) == wanted, expression
    product = pytest.approx(1.25 * float(number))
    assert float(db.value("SELECT sum(d * $1) FROM p", [number])) / 2 == product
    assert float(db.value("UPDATE p SET r = 3 WHERE id = 1 RETURNING d * $1", [number])) == product


def test_the_scale_is_part_of_the_plan(db, table):
    for number in (0.1, 0.25, 7.5, 0.125, 2, 0.1):
        assert float(db.value("SELECT $1", [number])) == number
        assert float(db.value("SELECT $1 + 1", [number])) == number + 1
        assert float(db.value("SELECT 1.0 + $1", [str(number)])) == number + 1
        assert float(db.value(f"SELECT {number} AS limit, {number} AS x")) == number
        assert float(db.rows(f"SELECT 1 AS limit, {number} AS x")[0][1]) == number
        assert float(db.rows(f"UPDATE p SET r = 2 WHERE id = 1 RETURNING id AS where, {number}")[0][1]) == number


def count(db, condition):
    try:
        return int(db.value(f"SELECT count(*) FROM big WHERE {condition}"))
    except kalam.SqlError as error:
        return error.code


def test_a_flush_changes_nothing(server, db, space):
    db.sql("CREATE SHARED TABLE big (id INT PRIMARY KEY, j JSON, f DOUBLE, x TEXT, n INT, da DATE)")
    db.sql("""INSERT INTO big SELECT g, '{"$.a":1,"a":2,"/a":3,"*":4,"n":1e2}', 1.005, CASE WHEN g = 7 THEN '1.5' ELSE '2' END, g, '2026-01-01'
              FROM generate_series(1, 25000) s(g)""")
    wanted = {"j ->> '$.a' = '1'": 25000, "j ->> '/a' = '3'": 25000, "j ->> '*' = '4'": 25000, "j ->> 'n' = '100.0'": 25000,
              "CAST(f AS DECIMAL(5,2)) = 1.01": 25000, "CAST(x AS INT) = 2": "TYPE_MISMATCH", "trim(x || '\u00a0') = '2'": 0,
              "substring(x, CAST(NULL AS INT) + id) = '2'": 0, "substring(x FROM 1 FOR 2147483647) = '2'": 24999,
              "-9223372036854775808 / (n::BIGINT + 4611686018427387905) = -1": 25000, "n IN ('1.0', 2.5)": 1,
              "da IN (TIMESTAMP '2026-01-05 00:00:00', '2026-01-01T23:00:00')": 0}
    assert {condition: count(db, condition) for condition in wanted} == wanted
    server.flush(f"{space}.big", db)
    assert {condition: count(db, condition) for condition in wanted} == wanted
    assert "duckdb columnar" in str(db.rows("EXPLAIN SELECT count(*) FROM big WHERE CAST(x AS INT) = 2"))
    for condition in ("j ->> '$.a' = '2'", "CAST(f AS DECIMAL(5,2)) = 1.00", "da IN (TIMESTAMP '2026-01-05 00:00:00', '2026-01-01T23:00:00')"):
        assert db.sql(f"DELETE FROM big WHERE {condition}").row_count == 0


def test_more_digits_than_a_decimal_has(db, space):
    """RETURNING does not round what SELECT refuses."""
    db.sql("CREATE SHARED TABLE wide (id INT PRIMARY KEY, c DECIMAL(20,4), e DECIMAL(38,10), z INT)")
    db.sql("INSERT INTO wide VALUES (1, '9999999999999999.9999', '0.5', 0), (2, '99.5', '1.0000000001', 0)")
    for number in (1, 2):
        for expression in ("c * c", "c * e", "e * e * e", "c + e", "c - 0.00001", "c * c * c", "c % e", "round(c, 10)", "round(c)", "round(c, -2)", "e * e * 0.00000000001"):
            answers = []
            for text in (f"UPDATE wide SET z = 1 WHERE id = {number} RETURNING {expression} AS v", f"SELECT {expression} AS v FROM wide WHERE id = {number}"):
                try:
                    answers.append(decimal.Decimal(db.value(text)))
                except kalam.SqlError as error:
                    answers.append(error.code)
            assert answers[0] == answers[1], (number, expression, answers)
    for expression in ("round(c, 10)", "round(c)", "round(c, -20)"):
        result = db.sql(f"UPDATE wide SET z = 1 WHERE id = 1 RETURNING {expression} AS v")
        assert len(result.rows[0][0].replace(".", "")) <= result.schema[0]["data_type"]["Decimal"]["precision"]
