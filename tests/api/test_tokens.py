"""Tokens that must not open anything: on SQL, as the first message of a WebSocket, and on its upgrade. All are refused alike."""
import base64
import hashlib
import hmac
import json
import time

import accounts
import pytest
from accounts import SECRET, claims, part, sign

RSA_KEY = b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n"


def raw(header, body, secret=SECRET, digest=hashlib.sha256):
    """Signs bytes that are no JSON of ours."""
    text = part(header) + b"." + part(body)
    return (text + b"." + part(hmac.new(secret.encode(), text, digest).digest())).decode()


HEADER = b'{"alg":"HS256","typ":"JWT"}'


def vectors():
    """Made after the server has started: but for what its name says, each is a token that would be accepted."""
    now = int(time.time())
    good_text = json.dumps(claims()).encode()
    plain = sign(claims())
    head, body, mac = plain.split(".")
    return {
        # algorithm
        "none": sign(claims(), {"alg": "none"}), "None": sign(claims(), {"alg": "None"}), "NONE": sign(claims(), {"alg": "NONE"}),
        "none without signature": head.replace(head, part({"alg": "none"}).decode()) + "." + body + ".",
        "none, two parts": part({"alg": "none"}).decode() + "." + body,
        "HS384": sign(claims(), {"alg": "HS384"}, digest=hashlib.sha384), "HS512": sign(claims(), {"alg": "HS512"}, digest=hashlib.sha512),
        "HS512 header, HS256 signature": sign(claims(), {"alg": "HS512"}), "RS256 confusion": sign(claims(), {"alg": "RS256"}, RSA_KEY),
        "signed with a public key": sign(claims(), {"alg": "HS256"}, RSA_KEY), "ES256": sign(claims(), {"alg": "ES256"}),
        "hs256": sign(claims(), {"alg": "hs256"}), "no alg": sign(claims(), {"typ": "JWT"}), "alg null": sign(claims(), {"alg": None}),
        "alg number": sign(claims(), {"alg": 256}), "alg list": sign(claims(), {"alg": ["HS256"]}), "alg twice": raw(
            b'{"alg":"none","alg":"HS256"}', good_text), "alg twice, other order": raw(b'{"alg":"HS256","alg":"none"}', good_text),
        "crit": sign(claims(), {"alg": "HS256", "crit": ["exp"]}), "header no object": raw(b'["HS256"]', good_text),
        "header no JSON": raw(b"HS256", good_text), "empty header": raw(b"", good_text),
        # key
        "empty key": sign(claims(), secret=b"\0"), "other key": sign(claims(), secret="x" * 40), "key in the header": sign(
            claims(), {"alg": "HS256", "jwk": {"kty": "oct", "k": "eHh4"}}, "xxx"), "kid path": sign(
            claims(), {"alg": "HS256", "kid": "../../../dev/null"}, b"\0"), "jku": sign(
            claims(), {"alg": "HS256", "jku": "http://evil.example/keys"}, "evil"), "prefix of the key": sign(claims(), secret=SECRET[:-1]),
        # signature
        "no signature": head + "." + body + ".", "one byte less": plain[:-2], "one more": plain + "A", "padded": plain + "=",
        "another last bit": plain[:-1] + ("B" if plain[-1] == "A" else "A"), "upper case": head + "." + body + "." + mac.upper(),
        "signature of another": head + "." + part(claims(role="dba")).decode() + "." + mac, "spaces": head + " ." + body + "." + mac,
        "plus and slash": head + "." + body + "." + "+/" * 21 + "+", "four parts": plain + "." + mac, "five parts": "a.b.c.d.e",
        "dots": "." * 10, "letters": "a.b.c", "JSON": json.dumps(claims()), "huge": plain + "x" * 9000,
        "huge claims": sign(claims(email="e" * 9000)),
        # claims
        "other issuer": sign(claims(iss="other")), "issuer list": sign(claims(iss=["kalamdb"])), "no issuer": sign(claims(iss=None)),
        "issuer in capitals": sign(claims(iss="KalamDB")), "refresh": sign(claims(token_type="refresh")), "no type": sign(claims(token_type=None)),
        "type Access": sign(claims(token_type="Access")), "type number": sign(claims(token_type=1)), "no subject": sign(claims(sub=None)),
        "empty subject": sign(claims(sub="")), "subject number": sign(claims(sub=5)), "subject with NUL": sign(claims(sub="root\0x")),
        "subject root with blank": sign(claims(sub="root ")), "Root": sign(claims(sub="Root")), "unknown": sign(claims(sub="ghost")),
        "long subject": sign(claims(sub="r" * 500)), "two users": sign(claims(user_id="lena")), "raised": sign(claims(sub="lena", role="dba")),
        "raised to system": sign(claims(sub="lena", role="system")), "role of a synonym of more": sign(claims(sub="lena", role="admin")),
        "lowered": sign(claims(role="user")), "no role": sign(claims(role=None)), "role list": sign(claims(role=["system"])),
        "no exp": sign(claims(exp=None)), "exp text": sign(claims(exp=str(now + 600))), "exp zero": sign(claims(exp=0)),
        "exp negative": sign(claims(exp=-5)), "exp overflow": raw(HEADER, good_text.replace(str(claims()["exp"]).encode(), b"1e400")),
        "exp too large": raw(HEADER, b'{"sub":"root","iss":"kalamdb","iat":1,"exp":99999999999999999999999,"role":"system","token_type":"access"}'),
        "no iat": sign(claims(iat=None)), "iat in the future": sign(claims(iat=now + 3600, exp=now + 7200)), "iat text": sign(claims(iat="now")),
        "iat before the password": sign(claims(iat=now - 86400)), "nbf in the future": sign(claims(nbf=now + 3600)),
        "nbf text": sign(claims(nbf="never")), "sub twice": raw(HEADER, good_text[:-1] + b',"sub":"ghost"}'),
        "role twice": raw(HEADER, b'{"role":"user",' + good_text[1:]), "exp twice": raw(HEADER, good_text[:-1] + b',"exp":99999999999}'),
        "claims no object": raw(HEADER, b"[]"), "claims cut": raw(HEADER, good_text[:-1]), "claims with more behind": raw(HEADER, good_text + b"{}"),
        "claims not UTF-8": raw(HEADER, good_text[:-1] + b',"x":"\xff"}'), "deep": raw(HEADER, good_text[:-1] + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}"), "empty claims": raw(HEADER, b""),
        "generation of yesterday": sign(claims(generation=(now - 86400) * 1000000)), "generation text": sign(claims(generation="1")),
        "generation negative": sign(claims(generation=-1)), "too many claims": raw(
            HEADER, good_text[:-1] + b"".join(b',"m%d":1' % i for i in range(80)) + b"}"), "BOM": raw(HEADER, b"\xef\xbb\xbf" + good_text),
    }


NAMES = list(vectors())
FOR_SOCKET = ["none", "other key", "refresh", "raised", "sub twice", "deep", "another last bit", "unknown"]


@pytest.fixture(scope="module")
def server():
    with accounts.guarded(accounts.NO_RATE) as running:
        accounts.client(running).sql("CREATE USER lena WITH PASSWORD 'sehr geheim 7'")
        running.vectors = vectors()
        assert running.client(token=sign(claims())).value("SELECT 1") == 1, "what the vectors are changes of"
        yield running
        running.stop()


@pytest.mark.parametrize("name", NAMES)
def test_refused(server, name):
    client = server.client()
    status, _, data = client.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', {
        "Content-Type": "application/json", "Authorization": "Bearer " + server.vectors[name]})
    body = json.loads(data)
    client.close()
    assert status == 401 and body["error"]["code"] == "INVALID_CREDENTIALS", body
    assert body["results"] == [] and SECRET not in data.decode()


def test_count(server):
    assert len(NAMES) >= 80 and len(set(server.vectors.values())) == len(NAMES)


@pytest.mark.parametrize("name", FOR_SOCKET)
def test_refused_by_websocket(server, name):
    token = server.vectors[name]
    for options in ({"auth": "message"}, {"auth": "upgrade"}):
        socket = server.websocket(token=token, expect_auth=False, **options)
        socket.expect("auth_error")
        assert socket.expect_closed()[0] == 1008
    socket = server.websocket(subprotocols=["kalamdb.v1", "kalamdb.jwt." + token], expect_auth=False)
    assert socket.expect_closed()[0] == 1008


def test_accepted(server):
    """What the vectors differ from; leeway of a minute at both ends."""
    now = int(time.time())
    for good in (claims(), claims(sub=None, user_id="root"), claims(user_id="root"), claims(exp=now - 30), claims(iat=now + 30),
                 claims(nbf=now + 30), claims(email="a@b.c", more={"x": [1]})):
        assert server.client(token=sign(good)).value("SELECT CURRENT_USER()") == "root", good
    assert server.client(token=sign(claims(sub="lena", role="viewer"))).value("SELECT CURRENT_ROLE()") == "user"


def test_expired(server):
    client = server.client(token=sign(claims(exp=int(time.time()) - 100)))
    status, body = client.post("SELECT 1")
    assert status == 401 and body["error"]["code"] == "TOKEN_EXPIRED"
    wrong_too = server.client(token=sign(claims(exp=int(time.time()) - 100), secret="y" * 40)).post("SELECT 1")
    assert wrong_too[1]["error"]["code"] == "INVALID_CREDENTIALS", "only a token that was good may be refreshed"


def test_every_prefix_and_flipped_bit(server):
    """Of a good token; the answer never differs and the server lives."""
    token = sign(claims())
    client = server.client()
    for i in range(0, len(token), 7):
        flipped = token[:i] + chr(ord(token[i]) ^ 1) + token[i + 1:]
        for bad in (token[:i], flipped if flipped.isprintable() and " " not in flipped else token[:i]):
            client.token = bad or "x"
            status, body = client.post("SELECT 1")
            assert status == 401 and body["error"]["code"] == "INVALID_CREDENTIALS", (i, body)
    client.token = token
    assert client.value("SELECT 1") == 1


@pytest.mark.parametrize("end", [(1 << 63) - 1, (1 << 63) - 2, 1 << 62, 9223372036854775])
def test_end_that_is_never_reached(server, end):
    """Another issuer's way to say so; seconds are not counted over."""
    token = sign(claims(exp=end))
    assert server.client(token=token).value("SELECT 1") == 1
    socket = server.websocket(token=token)
    time.sleep(0.3)
    socket.send({"type": "subscribe", "subscription": {"id": "s", "sql": "SELECT * FROM system.users"}})
    socket.expect("subscription_ack", "s")
    socket.close()


def test_begin_before_all_time(server):
    assert server.client(token=sign(claims(nbf=-(1 << 63)))).value("SELECT 1") == 1
