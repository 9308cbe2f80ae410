"""Functions that make a longer text of a text: eight bytes for one, nested any number. DuckDB counts none of it as memory."""
import kalam
import pytest


@pytest.fixture(scope="module")
def db():
    with kalam.Server() as server:
        yield server.client()


@pytest.mark.parametrize("call", [
    "to_binary(to_binary(to_binary(s)))", "bin(bin(bin(s)))", "hex(hex(hex(hex(hex(hex(hex(hex(s))))))))", "to_hex(to_hex(to_hex(to_hex(to_hex(to_hex(to_hex(to_hex(s))))))))",
    "regexp_escape(regexp_escape(regexp_escape(regexp_escape(regexp_escape(regexp_escape(regexp_escape(regexp_escape(replace(s, 'a', '.')))))))))",
    "url_encode(repeat('%', 65000) || hex(hex(hex(hex(hex(hex(hex(s))))))))", "to_binary(s)"])
def test_too_long(db, call):
    rows = 2000 if call == "to_binary(s)" else 1
    with pytest.raises(kalam.SqlError, match="the result of .* is too long|grow too large"):
        db.rows(f"SELECT max(length({call})) FROM (SELECT repeat('a', 65530 + i::INT) s FROM range({rows}) t(i))")


@pytest.mark.parametrize("call,expected", [
    ("to_binary('a')", "01100001"), ("bin('a')", "01100001"), ("hex('az')", "617A"), ("to_hex(255)", "FF"), ("hex(10)", "A"), ("to_binary(5)", "101"),
    ("bin(5)", "101"), ("hex(encode('az'))", "617A"), ("regexp_escape('a.b')", "a\\.b"), ("url_encode('a b')", "a%20b"), ("hex(NULL)", None)])
def test_ordinary(db, call, expected):
    assert db.rows(f"SELECT {call} FROM range(1)") == [[expected]]
