"""The WebSocket protocol to the letter: what is negotiated, how frames look, who is closed and with which code."""
import base64
import gzip
import hashlib
import hmac
import json
import time

import kalam
import msgpack_lite
import pytest

SECRET = "0123456789abcdef0123456789abcdef-live"
CONFIG = f"""
[auth]
jwt_secret = "{SECRET}"
allow_token_in_url = true
"""


def token(user="lena", role="user", **extra):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    now = int(time.time())
    body = dict({"sub": user, "iss": "kalamdb", "role": role, "token_type": "access", "iat": now,
                 "exp": now + 3600}, **extra)
    text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(body)
    mac = hmac.new(SECRET.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


@pytest.fixture(scope="module")
def spoken():
    with kalam.Server(config=CONFIG) as server:
        server.client().batch("CREATE USER lena WITH PASSWORD 'sehr geheim 7' ROLE user; CREATE NAMESPACE p;"
                              "CREATE USER TABLE p.t (id BIGINT PRIMARY KEY, v TEXT, d DOUBLE, j JSON)")
        yield server
        server.stop()


@pytest.fixture
def lena(spoken):
    client = spoken.client(token=token())
    yield client
    client.sql("DELETE FROM p.t")
    client.close()


ALL = [{"serialization": s, "compression": c} for s in ("json", "msgpack") for c in ("none", "gzip")]


@pytest.mark.parametrize("protocol", ALL, ids=lambda p: "-".join(p.values()))
def test_every_form_says_the_same(spoken, lena, protocol):
    socket = spoken.websocket(token=token(), path="/v1/ws?serialization={serialization}&compression={compression}"
                              .format(**protocol))
    assert socket.auth["protocol"] == protocol
    assert socket.frames[0][:2] == (False, False)  # authentication is JSON text
    lena.sql("INSERT INTO p.t VALUES (1, 'é\U0001f600', 1.5, '{\"a\":[1,null]}'), (9007199254740993, NULL, NULL, NULL)")
    rows = socket.subscribe("s", "SELECT id, v, d, j FROM p.t", options={})
    assert [(r["id"], r["v"], r["d"]) for r in rows] == [("1", "é\U0001f600", 1.5), ("9007199254740993", None, None)]
    lena.sql("INSERT INTO p.t VALUES (2, $1, -2e300, NULL)", ["long " * 400])
    change = socket.expect("change", "s")
    assert change["rows"][0]["v"] == "long " * 400 and change["rows"][0]["d"] == -2e300
    binary, zipped, size = socket.frames[-1]
    assert binary == (protocol != ALL[0]) and zipped == (protocol["compression"] == "gzip")
    assert (size < 600) == zipped
    lena.sql("DELETE FROM p.t WHERE id = 2")
    socket.expect("change", "s")
    lena.sql("INSERT INTO p.t VALUES (3, 'short', NULL, NULL)")
    socket.expect("change", "s")
    assert socket.frames[-1][1] is False  # below 512 bytes nothing is compressed
    socket.close()


def test_the_client_may_send_the_same_forms(spoken, lena):
    def subscribe(identifier):
        return {"type": "subscribe", "subscription": {"id": identifier, "sql": "SELECT * FROM p.t"}}
    packed = spoken.websocket(token=token(), path="/v1/ws?serialization=msgpack")
    for identifier, frame in (("a", msgpack_lite.pack(subscribe("a"))),
                              ("b", gzip.compress(msgpack_lite.pack(subscribe("b")))),
                              ("c", json.dumps(subscribe("c"))), ("d", gzip.compress(json.dumps(subscribe("d")).encode()))):
        packed.send(frame)
        assert packed.expect("subscription_ack", identifier)["subscription_id"] == identifier
    packed.send(b"\xc1")
    assert packed.expect_closed()[0] == 1011
    plain = spoken.websocket(token=token())
    plain.send(gzip.compress(json.dumps(subscribe("e")).encode()))
    plain.expect("subscription_ack", "e")
    plain.send(msgpack_lite.pack(subscribe("f")))
    error = plain.expect("error")
    assert (error["subscription_id"], error["code"]) == ("protocol", "UNSUPPORTED_DATA")
    damaged = bytearray(gzip.compress(json.dumps(subscribe("g")).encode()))
    damaged[-6] ^= 1  # of the checksum
    plain.send(bytes(damaged))
    assert plain.expect_closed()[0] == 1011


def test_authenticate_negotiates():
    with kalam.Server(dev=False, config=CONFIG, env={"KALAMDB_ROOT_PASSWORD": "correct horse 9"}) as server:
        for protocol in ALL:
            socket = server.websocket(token=token("root", "system"), auth="message", protocol=protocol)
            assert socket.auth["protocol"] == protocol and socket.frames[0][0] is False
            socket.send({"type": "authenticate", "method": "jwt", "token": token("root", "system"),
                         "protocol": ALL[0]})
            assert socket.expect("auth_success")["protocol"] == protocol  # what was negotiated stays
            socket.send({"type": "nonsense"})
            assert socket.expect("error")["code"] == "PROTOCOL"
            assert socket.frames[-1][0] == (protocol["serialization"] == "msgpack")
            socket.close()
        socket = server.websocket(token=token("root", "system"), auth="message")
        assert socket.auth["protocol"] == ALL[0]
        socket.close()
        socket = server.websocket(token=token("root", "system"), auth="message", path="/v1/ws?compress=false",
                                  protocol=ALL[1])
        assert socket.auth["protocol"] == ALL[0]
        socket.close()
        socket = server.websocket(token=token("root", "system"), auth="message",
                                  protocol={"serialization": "xml"}, expect_auth=False)
        assert socket.expect("error")["code"] == "PROTOCOL"
        socket.close()


@pytest.mark.parametrize("query", ["serialization=xml", "compression=br"])
def test_unknown_forms_are_refused(spoken, query):
    socket = spoken.websocket(token=token(), path="/v1/ws?" + query, expect_auth=False)
    assert query.split("=")[0] in socket.expect("auth_error")["message"]
    assert socket.expect_closed()[0] == 1008


def test_compress_false_switches_gzip_off(spoken):
    socket = spoken.websocket(token=token(), path="/v1/ws?compression=gzip&compress=false")
    assert socket.auth["protocol"] == ALL[0]
    socket.close()


def test_subprotocols(spoken):
    jwt = "kalamdb.jwt." + token()
    for offered, selected in ((["kalamdb.v1", jwt], "kalamdb.v1"), ([jwt, "kalamdb.v1"], "kalamdb.v1"),
                              ([jwt], jwt), (["other", jwt], "other")):
        socket = spoken.websocket(subprotocols=offered)
        assert socket.socket.subprotocol == selected and socket.auth["user"] == "lena"
        socket.close()
    socket = spoken.websocket(path="/v1/ws?token=" + token())
    assert socket.auth["user"] == "lena"
    socket.close()


def test_query_id_in_every_message(spoken, lena):
    lena.sql("INSERT INTO p.t VALUES (1, 'a', NULL, NULL), (2, 'b', NULL, NULL)")
    socket = spoken.websocket(token=token())
    socket.send({"type": "subscribe", "subscription": {"query_id": "q", "sql": "SELECT * FROM p.t",
                                                       "options": {"batch_size": 1}}})
    assert socket.expect("subscription_ack", "q")["query_id"] == "q"
    assert socket.expect("initial_data_batch", "q")["query_id"] == "q"
    socket.send({"type": "next_batch", "query_id": "q"})
    assert socket.expect("initial_data_batch", "q")["query_id"] == "q"
    lena.sql("INSERT INTO p.t VALUES (3, 'c', NULL, NULL)")
    assert socket.expect("change", "q")["query_id"] == "q"
    socket.send({"subscriptions": [{"query_id": "r", "sql": "SELECT * FROM p.t"},
                                   {"id": "s", "sql": "SELECT * FROM p.t"}, {"query_id": "bad", "sql": "SELECT"}]})
    assert socket.expect("error", "bad")["query_id"] == "bad"
    assert socket.expect("subscription_ack", "r")["query_id"] == "r"
    assert "query_id" not in socket.expect("subscription_ack", "s")
    socket.send({"type": "unsubscribe", "query_ids": ["q", "r", "s", "none"]})
    assert socket.expect("unsubscribed", "q")["query_id"] == "q"
    assert socket.expect("unsubscribed", "r")["query_id"] == "r"
    assert "query_id" not in socket.expect("unsubscribed", "s")
    assert socket.expect("error", "none")["code"] == "INVALID_SUBSCRIPTION_ID"
    socket.close()


def test_ids_of_errors(spoken):
    socket = spoken.websocket(token=token())
    socket.send({"type": "subscribe"})
    assert socket.expect("error")["subscription_id"] == "subscribe"
    socket.send({"type": "nonsense"})
    assert socket.expect("error")["subscription_id"] == "protocol"
    for bad in ("", "x" * 129):
        socket.send({"type": "subscribe", "subscription": {"id": bad, "sql": "SELECT * FROM p.t"}})
        error = socket.expect("error")
        assert (error["subscription_id"], error["code"]) == ("invalid_subscription", "INVALID_SUBSCRIPTION_ID")
    socket.subscribe("x" * 128, "SELECT * FROM p.t")
    socket.send({"type": "subscribe", "subscription": {"id": "o", "sql": "SELECT * FROM p.t",
                                                       "options": {"batch_size": 0}}})
    assert socket.expect("error", "o")["code"] in ("INVALID_SQL", "SUBSCRIPTION_FAILED")
    socket.close()


def test_sql_that_is_none(spoken, lena):
    """Is refused as such, not as something a live query cannot do."""
    socket = spoken.websocket(token=token())
    for sql, part in (("SELECT * FROM p.t WHERE id = = 1", "syntax error"), ("SUBSCRIBE TO p.t WHERE id = = 1", "syntax error"),
                      ("SELECT * FROM p.t \0 WHERE id = 1", "NUL byte"), ("SELECT * FROM p.t WHERE v = 'a\0b'", "NUL byte"),
                      ("SUBSCRIBE TO p.t WHERE v = 'a\0b'", "NUL byte")):
        with pytest.raises(kalam.SqlError) as refused:
            socket.subscribe("s", sql)
        assert refused.value.code == "INVALID_SQL" and part in str(refused.value), sql
    with pytest.raises(kalam.SqlError) as refused:
        socket.subscribe("s", "SELECT * FROM p.t JOIN p.t AS u ON t.id = u.id")
    assert refused.value.code == "UNSUPPORTED"
    status, body = lena.post("SUBSCRIBE TO p.t WHERE id = = 1")
    assert status == 400 and "syntax error" in str(body) and 'column 29' in str(body), body
    socket.close()


@pytest.mark.parametrize("character", ["x", "é", "𝄞", " "])
def test_ids_have_up_to_128_characters(spoken, lena, character):
    """Characters, not bytes; the longest one works in every message and in system.live_queries."""
    socket = spoken.websocket(token=token("lena", "user"))
    longest = character * 128
    socket.subscribe(longest, "SELECT id FROM p.t", options={})
    assert lena.value("SELECT count(*) FROM system.live_queries WHERE query_id = $1", [longest]) == "1"
    socket.send({"type": "unsubscribe", "subscription_id": longest})
    socket.expect("unsubscribed", longest)
    for wrong in (character * 129, ""):
        socket.send({"type": "subscribe", "subscription": {"id": wrong, "sql": "SELECT id FROM p.t"}})
        assert socket.expect("error", "invalid_subscription")["code"] == "INVALID_SUBSCRIPTION_ID"
    socket.close()


def test_rate_limit(spoken):
    socket = spoken.websocket(token=token())
    for _ in range(60):
        socket.send({"type": "ping"})
    error = socket.expect("error")
    assert (error["subscription_id"], error["code"]) == ("rate_limit", "RATE_LIMIT_EXCEEDED")

    def works():
        """Not before a second without too many of them has begun, and the last ping was read."""
        time.sleep(1.1)
        socket.send({"type": "unsubscribe", "subscription_id": "probe"})
        return socket.take(lambda m: m.get("subscription_id") in ("probe", "rate_limit"))["subscription_id"] == "probe"
    kalam.wait_until(works, 30, "the socket is served again")
    socket.subscribe("still", "SELECT * FROM p.t")
    socket.close()


def test_messages_have_a_size(spoken, lena):
    socket = spoken.websocket(token=token())
    socket.send("x" * ((1 << 20) + 1))
    assert socket.expect_closed()[0] == 1009
    socket = spoken.websocket(token=token())
    socket.send(gzip.compress(b'"' + b"x" * (2 << 20) + b'"'))
    assert socket.expect_closed()[0] == 1009


def test_large_batches_are_split(spoken, lena):
    """Six rows of almost 2 MiB: no message passes 8 MiB, whatever batch_size says."""
    for number in range(6):
        lena.sql(f"INSERT INTO p.t VALUES ({number}, $1 || $1 || $1 || $1, NULL, NULL)", ["x" * 470_000])
    socket = spoken.websocket(token=token())
    rows = socket.subscribe("big", "SELECT id, v FROM p.t", options={})
    assert [r["id"] for r in rows] == [str(n) for n in range(6)]
    assert max(size for _, _, size in socket.frames) <= 8 << 20 and len(socket.frames) >= 4
    socket.close()


def test_rows_as_large_as_a_message(spoken, lena):
    """Around the largest row that fits, byte by byte: it comes, behind a small one, or the subscription ends."""
    most = (8 << 20) - 4096
    query = "SELECT id, a, b, c, d FROM p.e"
    spoken.client().sql("CREATE USER TABLE p.e (id BIGINT PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT)")
    lena.sql("INSERT INTO p.e VALUES (1, '', '', '', '')")
    socket = spoken.websocket(token=token())
    small = len(json.dumps(socket.subscribe("small", query, options={})[0], separators=(",", ":")))
    socket.send({"type": "unsubscribe", "subscription_id": "small"})
    socket.take(lambda m: m["type"] == "unsubscribed")
    full, rest = "\u0001" * 460_000, most - small - 3 * 6 * 460_000
    outcomes = []
    for more in range(-1, 2):
        lena.sql("INSERT INTO p.e VALUES (2, $1, $1, $1, $2) ON CONFLICT (id) DO UPDATE SET d = EXCLUDED.d",
                 [full, "z" * (rest + more)])
        socket.send({"type": "subscribe", "subscription": {"id": "e", "sql": query, "options": {}}})
        first = socket.take(lambda m: m["type"] in ("error", "initial_data_batch"))
        if first["type"] == "error":
            outcomes.append(first["code"])
            continue
        assert [row["id"] for row in first["rows"]] == ["1"]
        socket.send({"type": "next_batch", "subscription_id": "e"})
        second = socket.take(lambda m: m["type"] in ("error", "initial_data_batch"))
        outcomes.append(len(json.dumps(second["rows"][0], separators=(",", ":"))) - most)
        socket.send({"type": "unsubscribe", "subscription_id": "e"})
        socket.take(lambda m: m["type"] == "unsubscribed")
    assert outcomes == [-1, 0, "MESSAGE_TOO_LARGE"]
    socket.close()


def test_rows_larger_than_a_message(spoken, lena):
    """1.6 million control characters are a text of 9.6 MB."""
    spoken.client().sql("CREATE USER TABLE p.b (id BIGINT PRIMARY KEY, v TEXT)")
    socket = spoken.websocket(token=token())
    socket.subscribe("live", "SELECT id, v FROM p.b")
    part = "\u0001" * 80_000
    lena.sql("INSERT INTO p.b VALUES (1, 'small')")
    assert socket.expect("change", "live")["rows"][0]["id"] == "1"
    lena.sql("INSERT INTO p.b VALUES (2, " + " || ".join(["$1"] * 20) + ")", [part])
    error = socket.expect("error", "live")
    assert error["code"] == "MESSAGE_TOO_LARGE" and error["last_seq_id"] > 0
    socket.send({"type": "subscribe", "subscription": {"id": "rows", "sql": "SELECT id, v FROM p.b", "options": {}}})
    assert socket.expect("error", "rows")["code"] == "MESSAGE_TOO_LARGE"
    assert [r["id"] for r in socket.subscribe("narrow", "SELECT id FROM p.b", options={})] == ["1", "2"]
    socket.close()


def test_expiry_closes_with_4401(spoken):
    now = int(time.time())
    socket = spoken.websocket(token=token(exp=now + 2))
    socket.subscribe("s", "SELECT * FROM p.t")
    error = socket.expect("error", "protocol", 10)
    assert error["code"] == "TOKEN_EXPIRED"
    assert socket.expect_closed()[0] == 4401
    assert now + 2 <= time.time() < now + 5
    renewed = spoken.websocket(token=token(exp=int(time.time()) + 2))
    renewed.send({"type": "authenticate", "method": "jwt", "token": token()})
    renewed.expect("auth_success")
    time.sleep(3.5)
    renewed.subscribe("s", "SELECT * FROM p.t")
    renewed.close()


def test_who_acts_for_another_is_not_replaced(spoken):
    """His rights are what ends the connection."""
    spoken.client().batch("CREATE USER robot WITH PASSWORD 'sehr geheim 7' ROLE service; CREATE USER other WITH PASSWORD 'sehr geheim 7' ROLE service")
    socket = spoken.websocket(user="other", token=token("robot", "service"))
    assert (socket.auth["user"], socket.auth["role"]) == ("other", "service")
    socket.send({"type": "authenticate", "method": "jwt", "token": token("other", "service")})
    socket.expect("auth_error")
    assert socket.expect_closed()[0] == 1008


@pytest.mark.parametrize("change", ["ALTER USER {u} SET ROLE service", "DROP USER {u}",
                                    "ALTER USER {u} SET PASSWORD 'another one 99'"])
def test_rights_that_change_close_at_once(spoken, change):
    root = spoken.client()
    user = "u" + str(time.monotonic_ns())
    root.sql(f"CREATE USER {user} WITH PASSWORD 'sehr geheim 7' ROLE user")
    kalam.wait_until(lambda: spoken.client(token=token(user)).post("SELECT 1")[0] == 200, 5,
                     "a token younger than the user")
    socket, other = spoken.websocket(token=token(user)), spoken.websocket(token=token())
    issued = int(time.time())
    socket.subscribe("s", "SELECT * FROM p.t")
    root.sql(f"ALTER USER {user} SET EMAIL 'a@b.c'")  # nothing of this kind
    kalam.wait_until(lambda: int(time.time()) > issued, 5, "a second that is younger than the token")
    root.sql(change.format(u=user))
    assert socket.expect("error", "protocol")["code"] == "UNAUTHORIZED"
    assert socket.expect_closed()[0] == 1008
    other.subscribe("s", "SELECT * FROM p.t")
    other.close()


def test_silence_is_pinged_and_ended():
    with kalam.Server(config="[live]\nping_interval_seconds = 1\nclient_timeout_seconds = 2\n") as server:
        import socket as sockets
        socket = server.websocket()  # the library answers pings
        raw = sockets.create_connection(("127.0.0.1", server.port), timeout=10)
        raw.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        answer = b""
        while True:
            part = raw.recv(4096)
            if not part:
                break
            answer += part
        assert b"\x89\x00" in answer  # a ping
        assert answer.endswith(b"\x88\x13\x03\xe8Heartbeat timeout")
        raw.close()
        assert socket.closed is None
        socket.send({"type": "ping"})
        socket.close()


def test_shutdown_closes_with_1001(own_server):
    socket = own_server.websocket()
    own_server.stop()
    assert socket.expect_closed() == (1001, "server is shutting down")
