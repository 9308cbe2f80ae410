"""Bodies up to limits.max_body_size: hostile ones cost memory in proportion to their size, ordinary ones work."""
import json
import pathlib

import kalam
import pytest

BODY = 10 << 20
# What a refused body may add at its worst moment: itself, what reading may take (docs/operations.md, Limits), as much again
# while a stack grows; redzones and the quarantine of freed memory come on top in a sanitizer build.
RISE_MIB_MAX = 120 if not kalam.HAS_FAULTS else 300


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config="[limits]\nmax_params = 10000\n") as running:
        yield running
        running.stop()


def peak_mib(server):
    """Peak of resident memory since the last mark."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def mark(server):
    pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return peak_mib(server)


def filled(head, unit, tail):
    return head + unit * ((BODY - len(head) - len(tail) - 16) // len(unit)) + tail


@pytest.mark.parametrize("body", [
    filled(b'{"sql":"SELECT 1","params":[', b"0,", b"0]}"),
    filled(b'{"sql":"SELECT 1","other":[', b"[],", b"0]}"),
    filled(b'{"sql":"SELECT 1","other":[', b"[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]],", b"0]}"),
    filled(b'{"sql":"SELECT 1"', b',"":0', b"}"),
    filled(b'{"sql":"SELECT 1","other":[', b'"",', b"0]}"),
    filled(b"[", b"{},", b"0]")], ids=["numbers", "arrays", "nested", "members", "texts", "objects"])
def test_many_small_values_are_refused(server, db, body):
    before = mark(server)
    status, _, data = db.request("POST", "/v1/api/sql", body)
    rise = peak_mib(server) - before
    print(f"rise {rise:.0f} MiB")
    assert status == 413 and json.loads(data)["error"]["code"] == "PAYLOAD_TOO_LARGE", data
    assert rise < RISE_MIB_MAX


def test_many_rows_as_parameters(server, db, space):
    db.sql(f"CREATE SHARED TABLE {space}.t (id BIGINT PRIMARY KEY, v TEXT)")
    values = ",".join(f"(${2 * i + 1}, ${2 * i + 2})" for i in range(5000))
    params = [value for i in range(5000) for value in (i, "x" * 1970)]
    assert BODY - (1 << 19) < len(json.dumps({"sql": values, "params": params})) < BODY
    db.sql(f"INSERT INTO {space}.t VALUES {values}", params)
    assert db.rows(f"SELECT count(*), sum(length(v)) FROM {space}.t") == [["5000", str(5000 * 1970)]]


def test_large_texts(server, db):
    """Texts at the limit of a parameter, escaped and plain, and a long one that nobody reads."""
    params = ["x" * (512 << 10)] * 9 + ["\u00e4\n" * (170 << 10)] * 2
    sql = "SELECT " + " + ".join(f"length(${i + 1})" for i in range(len(params)))
    assert db.value(sql, params) == sum(map(len, params))
    body = filled(b'{"sql":"SELECT 1","other":"', b"x", b'"}')
    status, _, data = db.request("POST", "/v1/api/sql", body)
    assert status == 200, data


@pytest.mark.parametrize("path, unit", [("/v1/ws", b"[],"), ("/v1/ws?serialization=msgpack", b"\x90")])
def test_websocket_messages(server, path, unit):
    size = (1 << 20) - 64
    if unit == b"\x90":  # {"type": "ping", "x": [[], …]}
        message = b"\x82\xa4type\xa4ping\xa1x\xdd" + (size - 32).to_bytes(4, "big") + unit * (size - 32)
    else:
        message = '{"type":"ping","x":[' + unit.decode() * (size // len(unit) - 20) + "0]}"
    ws = server.websocket("rude", path=path)
    before = mark(server)
    ws.send(message)
    assert ws.expect_closed()[0] == 1009
    assert peak_mib(server) - before < RISE_MIB_MAX
