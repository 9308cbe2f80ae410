"""A server that is not in development mode: set-up, log-in, tokens, roles."""
import base64
import hashlib
import hmac
import json
import time

import kalam
import pytest

SECRET = "0123456789abcdef0123456789abcdef-secret"


@pytest.fixture(scope="module")
def guarded():
    with kalam.Server(dev=False, env={"KALAMDB_JWT_SECRET": SECRET, "KALAMDB_ROOT_PASSWORD": "correct horse 9"}) as s:
        yield s
        s.stop()


def login(server, user, password):
    client = server.client()
    status, headers, data = client.request("POST", "/v1/api/auth/login",
                                           json.dumps({"user": user, "password": password}).encode())
    client.close()
    return status, json.loads(data), headers


@pytest.fixture(scope="module")
def root(guarded):
    status, body, _ = login(guarded, "root", "correct horse 9")
    assert status == 200, body
    return guarded.client(token=body["access_token"])


def sign(claims, header=None, secret=SECRET):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    text = part(header or {"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


def claims(**changes):
    now = int(time.time())
    base = {"sub": "root", "iss": "kalamdb", "iat": now, "exp": now + 600, "role": "system", "token_type": "access"}
    base.update(changes)
    return {k: v for k, v in base.items() if v is not None}


def test_no_credentials(guarded):
    status, body = guarded.client().post("SELECT 1")
    assert status == 401 and body["error"]["code"] == "MISSING_AUTHORIZATION"
    status, body = guarded.client("root").post("SELECT 1")
    assert status == 401


def test_login_and_query(guarded, root):
    assert root.value("SELECT CURRENT_USER()") == "root"
    status, body, _ = login(guarded, "root", "wrong")
    other, unknown, _ = login(guarded, "nobody-here", "wrong")
    assert status == other == 401 and body == unknown
    assert body["error"] == "unauthorized"


def test_users_and_roles(guarded, root):
    root.sql("CREATE NAMESPACE r")
    root.sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY)")
    root.sql("CREATE USER lena WITH PASSWORD 'sehr geheim 7' ROLE user")
    status, body, _ = login(guarded, "lena", "sehr geheim 7")
    assert status == 200 and body["user"]["role"] == "user" and body["admin_ui_access"] is False
    lena = guarded.client(token=body["access_token"])
    assert lena.sql("INSERT INTO r.t VALUES (1)").raw["as_user"] == "lena"
    assert lena.rows("SELECT id FROM r.t") == [["1"]] and root.rows("SELECT id FROM r.t") == []
    for sql in ("CREATE NAMESPACE evil", "DROP NAMESPACE r CASCADE", "CREATE USER x WITH PASSWORD 'abcdefgh9' ROLE dba",
                "SELECT * FROM r.root.t", "DROP TABLE r.t"):
        status, body = lena.post(sql)
        assert status == 403 and body["error"]["code"] in ("PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS"), (sql, body)
    assert [r[0] for r in lena.rows("SELECT user_id FROM system.users")] == ["lena"]
    assert all(r[0] in (None, "***") for r in root.rows("SELECT password_hash FROM system.users"))


@pytest.mark.parametrize("token", [
    sign(claims(), {"alg": "none"}), sign(claims(), {"alg": "HS512"}), sign(claims(), secret="x" * 40),
    sign(claims(iss="other")), sign(claims(token_type="refresh")), sign(claims(sub="ghost")), sign(claims(role="dba")),
    sign(claims(sub=None)), sign(claims(exp=None)), sign(claims(iat=int(time.time()) + 3600)),
    sign(claims(user_id="lena")), "a.b.c", "", "." * 10, sign(claims()) + "x", sign(claims())[:-3], "x" * 9000],
    ids=range(17))
def test_bad_tokens(guarded, token):
    status, body = guarded.client(token=token).post("SELECT 1")
    assert status in (400, 401), body
    assert body["error"]["code"] in ("INVALID_CREDENTIALS", "MISSING_AUTHORIZATION"), body


def test_good_and_expired_tokens(guarded):
    assert guarded.client(token=sign(claims())).value("SELECT 1") == 1
    assert guarded.client(token=sign(claims(sub=None, user_id="root"))).value("SELECT 1") == 1
    status, body = guarded.client(token=sign(claims(exp=int(time.time()) - 100))).post("SELECT 1")
    assert status == 401 and body["error"]["code"] == "TOKEN_EXPIRED"


def test_basic_is_refused(guarded):
    client = guarded.client()
    status, _, data = client.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', {
        "Content-Type": "application/json", "Authorization": "Basic cm9vdDpjb3JyZWN0IGhvcnNlIDk="})
    assert status == 401 and json.loads(data)["error"]["code"] == "INVALID_CREDENTIALS"


def test_websocket_needs_authentication(guarded, root):
    token = root.token
    socket = guarded.websocket(token=token)
    assert socket.auth["user"] == "root"
    socket.close()
    socket = guarded.websocket(token=token, auth="message")
    socket.close()
    socket = guarded.websocket(subprotocols=["kalamdb.v1", "kalamdb.jwt." + token])
    assert socket.socket.subprotocol == "kalamdb.v1"
    socket.close()
    socket = guarded.websocket(expect_auth=False)
    assert socket.expect_closed()[0] == 1008
    socket = guarded.websocket(expect_auth=False)
    socket.send({"type": "authenticate", "method": "jwt", "token": "a.b.c"})
    assert socket.expect_closed()[0] == 1008


def test_refresh_me_logout(guarded):
    _, body, headers = login(guarded, "root", "correct horse 9")
    client = guarded.client(token=body["refresh_token"])
    assert client.post("SELECT 1")[0] == 401
    status, _, data = client.request("POST", "/v1/api/auth/refresh")
    fresh = json.loads(data)
    assert status == 200 and fresh["access_token"]
    client = guarded.client(token=fresh["access_token"])
    status, _, data = client.request("GET", "/v1/api/auth/me")
    assert status == 200 and json.loads(data)["user"]["id"] == "root"
    status, headers, data = client.request("POST", "/v1/api/auth/logout")
    assert status == 200 and json.loads(data)["message"] == "Logged out successfully"
    status, _, data = guarded.client().request("POST", "/v1/api/auth/refresh")
    assert status == 401 and json.loads(data) == {"error": "unauthorized", "message": "no refresh token"}


def test_user_header_beside_a_token(guarded, root):
    def ask(user):
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + root.token, "X-User-Id": user}
        status, _, data = guarded.client().request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', headers)
        return status, json.loads(data)
    assert ask("lena")[1]["results"][0]["as_user"] == "lena"
    status, body = ask("a:b")
    assert status == 400 and body["error"]["code"] == "INVALID_INPUT" and "X-User-Id" in body["error"]["message"]


def test_setup_on_first_start():
    with kalam.Server(dev=False) as server:
        client = server.client()
        status, body = client.post("SELECT 1")
        assert status == 401 and body["error"]["code"] == "SETUP_REQUIRED"
        status, _, data = client.request("GET", "/v1/api/auth/status")
        assert status == 200 and json.loads(data)["needs_setup"] is True
        setup = {"user": "admin", "password": "a good one 55", "root_password": "another one 66", "email": "a@b.c"}
        status, _, data = client.request("POST", "/v1/api/auth/setup", json.dumps(setup).encode())
        assert status == 200, data
        status, body, _ = login(server, "admin", "a good one 55")
        assert status == 200 and body["user"]["role"] == "dba"
        status, _, data = client.request("POST", "/v1/api/auth/setup", json.dumps(setup).encode())
        assert status == 409
        secret = server.data_dir / "jwt_secret"
        files = [p for p in server.data_dir.iterdir() if "secret" in p.name]
        assert files and all(p.stat().st_mode & 0o077 == 0 for p in files), secret


def test_loopback_mode_rules():
    with kalam.Server() as server:
        client = server.client()
        body = b'{"sql":"SELECT CURRENT_USER()"}'
        good = {"Content-Type": "application/json"}
        assert client.request("POST", "/v1/api/sql", body, good)[0] == 200
        for extra in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"X-Forwarded-For": "1.2.3.4"},
                      {"Forwarded": "for=1.2.3.4"}, {"Authorization": "Bearer a.b.c"}):
            status, _, data = client.request("POST", "/v1/api/sql", body, dict(good, **extra))
            assert status == 401, (extra, data)
        import websockets
        with pytest.raises(websockets.InvalidStatusCode):
            server.websocket(headers={"Origin": "http://evil.example"}, expect_auth=False)
