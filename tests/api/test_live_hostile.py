"""Peers that mean no good: they never read, send a byte at a time, send garbage, or connect and die. The others do not
notice, and nothing is left of them."""
import json
import os
import random
import socket
import time

import kalam
import pytest
from wire import Gone, Wire

CONFIG = "[rate_limit]\nmax_messages_per_sec = 100000\n[live]\nclient_timeout_seconds = 600\nping_interval_seconds = 300\n"


@pytest.fixture(scope="module")
def server():
    with kalam.Server(config=CONFIG) as running:
        running.client().batch("CREATE NAMESPACE h; CREATE SHARED TABLE h.t (id BIGINT PRIMARY KEY, v TEXT)")
        yield running
        running.stop()


@pytest.fixture
def witness(server):
    """A good client: whatever the others do, its changes come."""
    wire, db = Wire(server.port), server.client()
    wire.send({"type": "subscribe", "subscription": {"id": "w", "sql": "SELECT id FROM h.t WHERE id >= 1000000"}})
    while wire.next(20)["type"] != "subscription_ack":
        pass

    def check():
        key = random.randrange(1_000_000, 2_000_000_000)
        started = time.monotonic()
        db.sql(f"INSERT INTO h.t VALUES ({key}, 'seen')")
        while True:
            message = wire.next(10)
            assert message is not None, "the witness waits in vain"
            if message["type"] == "change":
                assert message["rows"][0]["id"] == str(key)
                return time.monotonic() - started
    check()
    yield check
    assert check() < 5
    wire.close()
    db.close()


def left(db):
    return int(db.value("SELECT count(*) FROM system.live_queries WHERE query_id <> 'w'"))


def memory(server):
    """MiB; of a sanitizer build nothing: it keeps freed memory for a while."""
    if "san" in kalam.BUILD.name:
        return 0
    text = open(f"/proc/{server.process.pid}/status").read()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def test_peers_that_never_read(server, db, witness):
    """Each has its own queue; when it is full its subscription ends, and no memory gathers."""
    deaf = [Wire(server.port, receive_buffer=4096) for _ in range(10)]
    for number, wire in enumerate(deaf):
        wire.send({"type": "subscribe", "subscription": {"id": f"d{number}", "sql": "SELECT * FROM h.t WHERE id < 1000000"}})
        while wire.next(10)["type"] != "subscription_ack":
            pass
    before = memory(server)
    for number in range(200):
        db.sql("INSERT INTO h.t VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v", [str(number) * 60_000])
        if number % 50 == 0:
            witness()
    kalam.wait_until(lambda: left(db) == 0, 20, "slow consumers end")
    assert memory(server) - before < 400, "the queues of ten peers hold far more than ten times live.queue_bytes"
    for wire in deaf:
        seen = []
        while "error" not in seen:
            message = wire.next(20)
            seen.append(message["type"])
        assert message["code"] == "SLOW_CONSUMER" and message["last_seq_id"] > 0
        wire.close()
    db.sql("DELETE FROM h.t WHERE id < 1000000")


def test_a_byte_at_a_time(server, witness):
    """A handshake and a message that come in single bytes are understood, and keep nobody waiting."""
    slow = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    request = (b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    text = b'{"type":"subscribe","subscription":{"id":"b","sql":"SELECT id FROM h.t"}}'
    for at, byte in enumerate(request + bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text):
        slow.sendall(bytes([byte]))
        time.sleep(0.001)
        if at % 100 == 0:
            assert witness() < 5
    answer = b""
    while b"subscription_ack" not in answer:
        part = slow.recv(4096)
        assert part, answer
        answer += part
    slow.close()


@pytest.mark.parametrize("what, data, code", [
    ("not masked", b"\x81\x02{}", 1002), ("reserved bit", b"\xf1\x82\0\0\0\0{}", 1002),
    ("reserved opcode", b"\x83\x80\0\0\0\0", 1002),
    ("long ping", b"\x89\xfe\x00\x80\0\0\0\0" + b"x" * 128, 1002),
    ("not UTF-8", b"\x81\x81\0\0\0\0\xff", 1007), ("not JSON", b"\x81\x81\0\0\0\0{", 1011)])
def test_close_codes_of_broken_frames(server, what, data, code):
    wire = Wire(server.port)
    assert wire.next()["type"] == "auth_success"
    wire.socket.sendall(data)
    with pytest.raises(Gone) as end:
        wire.next()
    assert end.value.args[0] == code
    wire.close()


@pytest.mark.parametrize("seed", range(5))
def test_garbage(server, witness, seed):
    """Random frames and bytes behind a good handshake: an error or a close, never a crash."""
    rng = random.Random(seed)
    for _ in range(40):
        wire = Wire(server.port)
        try:
            for _ in range(rng.randint(1, 5)):
                kind = rng.randrange(6)
                if kind == 0:
                    wire.socket.sendall(os.urandom(rng.randint(1, 200)))
                elif kind == 1:
                    wire.send_frame(rng.randrange(16), os.urandom(rng.randint(0, 130)))
                elif kind == 2:
                    wire.send_frame(2, b"\x1f\x8b" + os.urandom(rng.randint(0, 60)))
                elif kind == 3:
                    wire.send_frame(1, rng.choice([b"{}", b"[]", b"null", b'{"type":"subscribe","subscription":7}',
                                                   b'{"type":"subscribe","subscription":{"id":{},"sql":[]}}',
                                                   b'{"type":"next_batch"}', b'{"type":"unsubscribe","query_ids":[1]}',
                                                   b'{"type":' * 500, b'"\xff"', b'{"type":"authenticate"}']))
                elif kind == 4:
                    wire.send({"type": "subscribe", "subscription": {
                        "id": "g", "sql": rng.choice(["", "SELECT", "SELECT * FROM h.t", "DROP TABLE h.t", "\x00"]),
                        "params": rng.choice([None, [], [1], [{}], "x"]),
                        "options": rng.choice([None, {}, {"from": -1}, {"from": "x"}, {"last_rows": 1 << 70}, [], 7])}})
                else:
                    wire.socket.sendall(bytes([0x81, 0xff]) + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0")  # 2^63 bytes to come
                wire.next(0.002)
        except (Gone, OSError):
            pass
        wire.drop()
    db = server.client()
    kalam.wait_until(lambda: left(db) == 0, 10, "subscriptions of the dead go")


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_many_sockets_that_connect_and_die(server, db, witness):
    """2,000 of them (10,000 in the long form) in every state: while subscribing, while loading, live; all is cleaned up."""
    count = 10_000 if os.environ.get("KALAM_LONG") else 2000
    db.sql("INSERT INTO h.t VALUES " + ", ".join(f"({i}, 'v')" for i in range(500)))
    rng, before = random.Random(1), None
    open_before = descriptors(server)
    for number in range(count):
        wire = Wire(server.port, f"u{number % 50}")
        for turn in range(rng.randint(0, 3)):
            wire.send({"type": "subscribe", "subscription": {
                "id": f"m{turn}", "sql": f"SELECT * FROM h.t WHERE id < {rng.randrange(500)}",
                "options": rng.choice([None, {}, {"batch_size": 7}])}})
        if rng.random() < 0.2:
            wire.next(0.01)
        wire.drop()
        if number == 500:
            kalam.wait_until(lambda: left(db) == 0, 10, "clean-up")
            before = memory(server)
    kalam.wait_until(lambda: left(db) == 0, 10, "clean-up")
    assert memory(server) - before < 60  # what 500 of them left free serves the others
    # files of the storage engine come and go; sockets would be hundreds
    kalam.wait_until(lambda: descriptors(server) <= open_before + 20, 10, "descriptors")
    assert db.value("SELECT count(*) FROM h.t WHERE id < 500") == "500"


def test_lists_longer_than_a_connection_may_have(server, db, witness):
    """One message asks for one answer per entry: it names no more than there may be subscriptions."""
    wire = Wire(server.port)
    for message in ({"type": "unsubscribe", "query_ids": ["a"] * 101},
                    {"subscriptions": [{"query_id": "a", "sql": "SELECT * FROM h.t"}] * 101},
                    {"type": "unsubscribe", "query_ids": ["a"] * 20_000}, {"subscriptions": [{}] * 20_000}):
        wire.send(message)
        answers = [wire.next(), wire.next(1)]
        while answers[0]["type"] == "auth_success":
            answers = [answers[1], wire.next(1)]
        assert answers[0]["code"] == "SUBSCRIPTION_LIMIT_EXCEEDED" and answers[1] is None, answers
    wire.send({"type": "unsubscribe", "query_ids": ["a"] * 100})
    assert [wire.next()["code"] for _ in range(100)] == ["INVALID_SUBSCRIPTION_ID"] * 100
    wire.send({"subscriptions": [{}] * 200_000})  # reading it takes many times its size
    with pytest.raises(Gone) as gone:
        wire.next()
    assert gone.value.args[0] == 1009
    assert left(db) == 0


def test_whole_messages_before_a_broken_frame_count(server, witness):
    wire = Wire(server.port)
    assert wire.next()["type"] == "auth_success"
    text = json.dumps({"type": "unsubscribe", "subscription_id": "x"}).encode()
    wire.socket.sendall(b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text + b"\x81\x03one")
    assert wire.next()["subscription_id"] == "x"
    with pytest.raises(Gone) as gone:
        wire.next()
    assert gone.value.args[0] == 1002


def test_replies_that_nobody_reads_end_the_connection(server, witness):
    """Takes a little now and then, so that it is never stalled, and asks on."""
    wire = Wire(server.port, receive_buffer=4096)
    text = json.dumps({"type": "unsubscribe", "query_ids": [f"{i:0100}" for i in range(100)]}).encode()
    frame = b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text
    for _ in range(400):
        wire.socket.sendall(frame)
    with pytest.raises(Gone) as gone:
        answers = 0
        while wire.next():
            answers += 1
    assert gone.value.args[0] == 1013 and 20_000 < answers < 30_000, (gone.value, answers)
    wire.close()


def test_messages_in_tiny_fragments(server, witness):
    """A megabyte in fragments of one byte would cost many times its size."""
    wire = Wire(server.port)
    before = memory(server)
    assert wire.next()["type"] == "auth_success"
    tiny = b"\x00\x81" + bytes(4) + b" "
    with pytest.raises((Gone, OSError)) as gone:
        wire.socket.sendall(b"\x01\x81" + bytes(4) + b" " + tiny * 500_000)
        wire.next(10)
    assert memory(server) - before < 20
    wire.close()


def test_resumes_over_large_deleted_rows(server, db):
    """Who resumes holds a few MiB of what was deleted, however much that is; all of it is told, whole."""
    db.sql("CREATE SHARED TABLE h.gone (id BIGINT PRIMARY KEY, v TEXT)")
    db.sql("INSERT INTO h.gone VALUES (0, '')")
    position = int(db.value("SELECT max(_seq) FROM h.gone"))
    for key in range(1, 13):
        db.sql("INSERT INTO h.gone VALUES ($1, $2)", [key, "\x01" * 500_000])  # six times as long in JSON
    db.sql("DELETE FROM h.gone WHERE id > 0")
    before, wire, ready = memory(server), Wire(server.port), 0
    for number in range(6):
        wire.send({"type": "subscribe", "subscription": {"id": f"r{number}", "sql": "SELECT id, v FROM h.gone",
                                                         "options": {"from": position, "batch_size": 1}}})
    told = []
    while len(told) < 12 or ready < 6:
        message = wire.next(20)
        ready += message["type"] == "subscription_ack"
        if message.get("subscription_id") != "r0":
            continue
        if message["type"] == "change":
            told += message["old_values"]
        elif message.get("batch_control", {}).get("has_more"):
            wire.send({"type": "next_batch", "subscription_id": "r0"})
    assert memory(server) - before < 120, "six resumes hold 36 MB of deleted rows each"
    assert sorted(int(row["id"]) for row in told) == list(range(1, 13))
    assert all(row["_deleted"] and row["v"] == "\x01" * 500_000 for row in told)
    wire.close()
