"""Set-up, log-in, lock-out, loopback mode and who may come from elsewhere."""
import json
import socket
import threading
import time

import accounts
import kalam
import pytest
import websockets
from accounts import PASSWORD, auth, login

FAR = {"X-Forwarded-For": "192.0.2.7"}
SELECT = b'{"sql":"SELECT CURRENT_USER(), CURRENT_ROLE()"}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server():
    with accounts.guarded("lockout_failures = 3\n" + accounts.NO_RATE) as running:
        yield running
        running.stop()


@pytest.fixture(scope="module")
def root(server):
    return accounts.client(server)


def ask(server, headers=None, body=SELECT):
    client = server.client()
    status, _, data = client.request("POST", "/v1/api/sql", body, dict(JSON, **(headers or {})))
    client.close()
    body = json.loads(data)
    return status, body["error"]["code"] if status != 200 else body["results"][0]["rows"][0]


def test_fields_and_bodies(server, root):
    root.sql(f"CREATE USER form WITH PASSWORD '{PASSWORD}' EMAIL 'f@x.y'")
    status, body, headers = auth(server, "login", {"username": "form", "password": PASSWORD})
    assert status == 200 and body["user"]["email"] == "f@x.y" and body["admin_ui_access"] is False
    assert set(body) == {"user", "admin_ui_access", "expires_at", "access_token", "refresh_token", "refresh_expires_at"}
    assert set(body["user"]) == {"id", "role", "email", "created_at", "updated_at"}
    for bad in ({"user": "form"}, {"password": PASSWORD}, {}, {"user": "form", "password": PASSWORD, "more": 1},
                {"user": "form", "username": "form", "password": PASSWORD}, {"user": 5, "password": PASSWORD},
                {"user": "form", "password": None}, {"user": "u" * 129, "password": PASSWORD},
                {"user": "form", "password": "p" * 257}, {"user": "", "password": PASSWORD}, [], "x", None):
        assert auth(server, "login", bad)[0] == 400, bad
    assert auth(server, "login", {"user": "form", "password": PASSWORD}, {"Content-Type": "text/plain"})[0] == 415
    assert auth(server, "login", {"user": "form", "password": "p" * 20000})[0] == 413
    assert auth(server, "login", method="GET")[0] == 405


def test_cookies_count_on_their_endpoints_only(server):
    body = login(server)[1]
    raw = kalam.http.client.HTTPConnection("127.0.0.1", server.port)
    raw.request("POST", "/v1/api/auth/login", json.dumps({"user": "root", "password": accounts.ROOT_PASSWORD}), JSON)
    answer = raw.getresponse()
    cookies = answer.headers.get_all("Set-Cookie")
    answer.read()
    raw.close()
    assert {c.split("=")[0] for c in cookies} == {"kalamdb_auth", "kalamdb_refresh"}
    for cookie in cookies:
        assert "; HttpOnly" in cookie and "; SameSite=Strict" in cookie and "; Path=/" in cookie and "Secure" not in cookie
    sent = {"Cookie": "other=1; " + "; ".join(c.split(";")[0] for c in cookies)}
    assert auth(server, "me", headers=sent, method="GET")[1]["user"]["id"] == "root"
    assert auth(server, "refresh", headers=sent)[0] == 200
    assert ask(server, sent) == (401, "MISSING_AUTHORIZATION")
    with pytest.raises(AssertionError):
        server.websocket(headers=sent).expect("auth_success", limit_s=0.1)
    swapped = {"Cookie": f"kalamdb_auth={body['refresh_token']}; kalamdb_refresh={body['access_token']}"}
    assert auth(server, "me", headers=swapped, method="GET")[0] == 401
    assert auth(server, "refresh", headers=swapped)[0] == 401
    status, answer, headers = auth(server, "logout", headers=sent)
    assert status == 200 and "Max-Age=0" in headers["Set-Cookie"]


def test_secure_cookies():
    with accounts.guarded("cookie_secure = true\n") as server:
        assert "; Secure" in login(server)[2]["Set-Cookie"]


def test_lockout(server, root):
    """Known and unknown names alike, also with the right password; others are not touched."""
    root.batch(f"CREATE USER victim WITH PASSWORD '{PASSWORD}'; CREATE USER bystander WITH PASSWORD '{PASSWORD}'")
    token = login(server, "victim")[1]["access_token"]
    told = []
    for name in ("victim", "nobody-of-this-name"):
        told.append([login(server, name, "wrong password")[:2] for _ in range(3)] + [login(server, name)[:2]])
    assert told[0] == told[1]
    assert [t[0] for t in told[0]] == [401] * 4
    assert [t[1]["error"] for t in told[0]] == ["unauthorized"] * 3 + ["account_locked"]
    assert server.client(token=token).post("SELECT 1")[0] == 200, "who is in stays in: nobody is shut out by others' guesses"
    assert login(server, "bystander")[0] == 200
    kalam.wait_until(lambda: root.value("SELECT locked_until IS NOT NULL FROM system.users WHERE user_id = 'victim'"), 10)
    root.sql("ALTER USER victim SET PASSWORD 'ein neues 5'")
    assert login(server, "victim", "ein neues 5")[0] == 200, "a new password ends it"
    shown = "SELECT failed_login_attempts, locked_until, last_login_at IS NOT NULL FROM system.users WHERE user_id = 'victim'"
    kalam.wait_until(lambda: root.rows(shown) == [[0, None, True]], 10, "the note of the log-in")


def test_lockout_outlives_a_restart(server, root):
    """For known and unknown names alike, after a stop and after a kill."""
    root.sql(f"CREATE USER held WITH PASSWORD '{PASSWORD}'")
    file = server.data_dir / "lockouts"
    file.unlink(missing_ok=True)
    for name in ("held", "nobody-who-is-held"):
        for _ in range(3):
            assert login(server, name, "wrong password")[0] == 401
    kalam.wait_until(lambda: file.exists() and all(name in file.read_bytes() for name in (b"\0held", b"\0nobody-who-is-held")),
                     10, "both, however soon after the other the second one is locked")
    kalam.wait_until(lambda: root.value("SELECT locked_until IS NOT NULL FROM system.users WHERE user_id = 'held'"), 10)
    root.close()
    assert file.stat().st_mode & 0o777 == 0o600
    for end in (server.stop, server.kill):
        end()
        server.start()
        assert [login(server, name)[1]["error"] for name in ("held", "nobody-who-is-held")] == ["account_locked"] * 2
    file.write_bytes(b"damaged")
    server.kill()
    server.start()
    assert [login(server, name, "wrong password")[1]["error"] for name in ("held", "nobody-who-is-held")] == ["unauthorized"] * 2


def test_costs_do_not_tell_who_exists():
    """Hashes of a former cost: wrong log-ins take as long for all names, good ones renew the hash."""
    costs = ("password_memory_kib = 1024\npassword_iterations = 1\n", "password_memory_kib = 32768\npassword_iterations = 3\n")

    def seconds(name, password):
        started = time.monotonic()
        status = login(server, name, password)[0]
        return time.monotonic() - started, status

    def wrong(name):
        return min(seconds(name, "wrong password")[0] for _ in range(3))

    with accounts.guarded("lockout_failures = 1000\n" + accounts.NO_RATE) as server:
        client = accounts.client(server)
        client.batch(f"CREATE USER early WITH PASSWORD '{PASSWORD}'; CREATE USER other WITH PASSWORD '{PASSWORD}'")
        server.stop()
        server.config = server.config.replace(costs[0], costs[1])
        server.start()
        took = {name: wrong(name) for name in ("early", "nobody")}
        assert took["early"] > took["nobody"] / 2, took
        token = login(server, "early")[1]["access_token"]
        noted = "SELECT last_login_at IS NOT NULL FROM system.users WHERE user_id = 'early'"
        kalam.wait_until(lambda: accounts.client(server).value(noted), 10, "the note of the log-in")
        assert server.client(token=token).value("SELECT 1") == 1, "it is no new password"
        server.stop()
        server.config = server.config.replace(costs[1], costs[0])
        server.start()
        took = {name: wrong(name) for name in ("early", "other", "nobody")}
        assert max(took.values()) < 2 * min(took.values()), took
        dear, cheap = seconds("early", PASSWORD), seconds("other", PASSWORD)
        assert dear[1] == cheap[1] == 200 and dear[0] > 2 * cheap[0], (dear, cheap)


def test_success_forgives_failures(server):
    client = accounts.client(server)
    client.sql(f"CREATE USER clumsy WITH PASSWORD '{PASSWORD}'")
    for _ in range(3):
        for _ in range(2):
            assert login(server, "clumsy", "wrong password")[1]["error"] == "unauthorized"
        assert login(server, "clumsy")[0] == 200


def test_root_from_elsewhere(server):
    """By log-in, token, key, socket and refresh; another user may."""
    client = accounts.client(server)
    key = client.value("ALTER USER root GENERATE API KEY")
    client.sql(f"CREATE USER traveller WITH PASSWORD '{PASSWORD}'")
    tokens = login(server)[1]
    bearer = {"Authorization": "Bearer " + tokens["access_token"]}
    assert login(server, headers=FAR)[:1] == (403,) and login(server, headers=FAR)[1]["error"] == "forbidden"
    for shown in (bearer, {"X-API-Key": key}):
        assert ask(server, shown)[0] == 200
        assert ask(server, dict(shown, **FAR)) == (403, "REMOTE_ACCESS_DENIED")
        assert ask(server, dict(shown, Forwarded="for=192.0.2.7")) == (403, "REMOTE_ACCESS_DENIED")
    assert auth(server, "me", headers=dict(bearer, **FAR), method="GET")[0] == 403
    assert auth(server, "refresh", headers=dict({"Authorization": "Bearer " + tokens["refresh_token"]}, **FAR))[0] == 403
    refused = server.websocket(headers=dict(bearer, **FAR), expect_auth=False)
    assert refused.expect("auth_error") and refused.expect_closed()[0] == 1008
    refused = server.websocket(headers=FAR, token=tokens["access_token"], auth="message", expect_auth=False)
    assert refused.expect("auth_error") and refused.expect_closed()[0] == 1008
    status, body, _ = login(server, "traveller", headers=FAR)
    assert status == 200 and ask(server, dict(FAR, Authorization="Bearer " + body["access_token"]))[0] == 200
    with accounts.guarded("root_remote = true\n") as open_server:
        status, body, _ = login(open_server, headers=FAR)
        assert status == 200
        assert ask(open_server, dict(FAR, Authorization="Bearer " + body["access_token"]))[0] == 200


def test_a_real_address_is_not_loopback():
    addresses = {a[4][0] for a in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    outside = [a for a in addresses if not a.startswith("127.")]
    with kalam.Server(config='[server]\nhost = "0.0.0.0"\n') as server:
        assert ask(server)[0] == 200
        for address in outside[:1]:
            connection = kalam.http.client.HTTPConnection(address, server.port)
            for host in (f"{address}:{server.port}", f"localhost:{server.port}"):
                connection.request("POST", "/v1/api/sql", SELECT, dict(JSON, Host=host))
                answer = connection.getresponse()
                assert answer.status == 401, answer.read()
                answer.read()
            connection.close()


def test_rates_and_waiting():
    with accounts.guarded("[rate_limit]\nauth_requests_per_ip_per_sec = 5\n") as server:
        told = [login(server, f"nobody{n}", "wrong password") for n in range(40)]
        refused = [t for t in told if t[0] == 429]
        assert refused and all(t[1]["error"] == "rate_limited" and t[2]["Retry-After"] == "1" for t in refused)
        assert all(auth(server, "status", method="GET")[0] == 200 for _ in range(30)), "what costs nothing is not limited"
    slow = "[auth]\npassword_memory_kib = 65536\nmax_waiting_logins = 1\n[rate_limit]\nauth_requests_per_ip_per_sec = 0\n"
    env = {"KALAMDB_JWT_SECRET": accounts.SECRET, "KALAMDB_ROOT_PASSWORD": accounts.ROOT_PASSWORD}
    with kalam.Server(dev=False, config=slow, env=env) as server:
        token = login(server)[1]["access_token"]
        told = []
        threads = [threading.Thread(target=lambda n=n: told.append(login(server, f"n{n}", "wrong password"))) for n in range(30)]
        for thread in threads:
            thread.start()
        assert server.client(token=token).value("SELECT 1") == 1
        assert auth(server, "me", headers={"Authorization": "Bearer " + token}, method="GET")[0] == 200
        for thread in threads:
            thread.join()
        assert {t[0] for t in told} <= {401, 429} and any(t[0] == 429 for t in told)
        kalam.wait_until(lambda: login(server)[0] == 200, 20, "room for a log-in")


def test_queries_per_second_of_a_user():
    with kalam.Server(config="[rate_limit]\nmax_queries_per_sec = 5\n") as server:
        ann, bob = server.client("ann"), server.client("bob")
        told = [ann.post("SELECT 1") for _ in range(60)]
        refused = [b for s, b in told if s == 429]
        assert refused and all(b["error"]["code"] == "RATE_LIMIT_EXCEEDED" for b in refused)
        assert bob.post("SELECT 1")[0] == 200, "each user has his own"


@pytest.mark.parametrize("extra,status", [
    ({}, 200), ({"Host": "LOCALHOST"}, 200), ({"Host": "localhost:8080"}, 200), ({"Host": "[::1]"}, 200),
    ({"Host": "[::1]:99"}, 200), ({"Host": "127.0.0.1:1"}, 200),
    ({"Host": "localhost", "Origin": "http://localhost"}, 200), ({"Host": "localhost:80", "Origin": "http://localhost:80"}, 200),
    ({"Host": "evil.example"}, 401), ({"Host": "localhost.evil.example"}, 401), ({"Host": "127.0.0.1.evil.example"}, 401),
    ({"Host": "localhost:8080.evil.example"}, 401), ({"Host": "[::1].evil.example"}, 401), ({"Host": "localhost@evil"}, 401),
    ({"Host": "evil@localhost"}, 401), ({"Host": "localhost:"}, 401), ({"Host": "localhost:99999"}, 401),
    ({"Host": "127.1"}, 401), ({"Host": "2130706433"}, 401), ({"Host": "0.0.0.0"}, 401), ({"Host": "[::]"}, 401),
    ({"Host": "localhost "}, 200), ({"Host": "localhost\u00a0"}, 401), ({"Host": ""}, 401),
    ({"Origin": "http://evil.example"}, 401), ({"Origin": "null"}, 401), ({"Origin": ""}, 200),
    ({"Host": "localhost", "Origin": "http://localhost:8080"}, 401), ({"Host": "localhost", "Origin": "http://127.0.0.1"}, 401),
    ({"Host": "localhost", "Origin": "http://localhost.evil.example"}, 401),
    ({"Host": "localhost", "Origin": "http://evil.example://localhost"}, 401),
    ({"X-Forwarded-For": "127.0.0.1"}, 401), ({"X-Forwarded-Host": "localhost"}, 401), ({"X-Forwarded-Proto": "http"}, 401),
    ({"Forwarded": "for=127.0.0.1"}, 401), ({"Authorization": "Bearer a.b.c"}, 401), ({"Authorization": "Basic cm9vdDo="}, 401),
    ({"Authorization": "Bearer"}, 401), ({"X-API-Key": "kalam_x"}, 401)])
def test_loopback_mode(dev, extra, status):
    client = dev.client()
    headers = {k: v.encode("utf-8") if not v.isascii() else v for k, v in dict(JSON, **extra).items()}
    assert client.request("POST", "/v1/api/sql", SELECT, headers)[0] == status
    client.close()
    offered = {k: v for k, v in extra.items() if v.isascii() and v.strip() == v and v and k != "Host"}
    if offered and set(offered) == set(extra):
        try:
            socket = dev.websocket(headers=offered, expect_auth=False)
            with socket.condition:
                socket.condition.wait_for(lambda: socket.inbox or socket.closed, 20)
            kind = socket.inbox[0]["type"] if socket.inbox else None
            assert (kind == "auth_success") == (status == 200), socket.inbox
        except websockets.InvalidStatusCode as refused:
            assert status == 401 and refused.status_code in (401, 403)


@pytest.fixture(scope="module")
def dev():
    with kalam.Server() as running:
        yield running
        running.stop()


def test_loopback_users(dev):
    root = dev.client()
    root.batch(f"CREATE USER low WITH PASSWORD '{PASSWORD}'; CREATE USER left WITH PASSWORD '{PASSWORD}'; DROP USER left")
    assert ask(dev) == (200, ["root", "system"])
    assert ask(dev, {"X-User-Id": "low"}) == (200, ["low", "user"])
    assert ask(dev, {"X-User-Id": "unknown"}) == (200, ["unknown", "system"])
    assert ask(dev, {"X-User-Id": "left"})[0] == 401
    assert ask(dev, {"X-User-Id": "a:b"})[0] == 400


def test_default_user_of_loopback_mode():
    with accounts.guarded('localhost_bypass = true\nlocalhost_default_user = "guest"\n') as server:
        assert ask(server) == (401, "INVALID_CREDENTIALS")
        accounts.client(server).sql(f"CREATE USER guest WITH PASSWORD '{PASSWORD}'")
        assert ask(server) == (200, ["guest", "user"])
        assert ask(server, {"X-User-Id": "stranger"}) == (200, ["stranger", "user"])


def test_setup():
    with kalam.Server(dev=False, config=accounts.CHEAP) as server:
        good = {"user": "admin", "password": "a good one 55", "root_password": "another one 66", "email": "a@b.c"}
        assert ask(server)[1] == "SETUP_REQUIRED"
        assert ask(server, {"Authorization": "Bearer a.b.c"})[1] == "SETUP_REQUIRED"
        status, body, _ = login(server, "root", "anything at all")
        assert status == 428 and body["error"] == "setup_required"
        assert auth(server, "status", method="GET")[1]["needs_setup"] is True
        for change, want in (({"user": "root"}, (400, "invalid_user")), ({"user": "a/b"}, (400, "invalid_user")),
                             ({"password": "short"}, (400, "weak_password")), ({"root_password": "password1"}, (400, "weak_password")),
                             ({"more": "x"}, (400, "invalid_request"))):
            status, body, _ = auth(server, "setup", dict(good, **change))
            assert (status, body["error"]) == want, change
        status, body, _ = auth(server, "setup", good, FAR)
        assert (status, body["error"]) == (403, "forbidden")
        # A page of another host, whose name was made to point here, is not the operator.
        for host, origin in (("evil.example", "http://evil.example"), ("localhost:1", "http://evil.example"),
                             ("localhost", "null"), ("evil.example:80", "http://localhost")):
            status, body, _ = auth(server, "setup", good, {"Host": host, "Origin": origin})
            assert (status, body["error"]) == (403, "forbidden"), (host, origin)
        socket = server.websocket(token="a.b.c", auth="message", expect_auth=False)
        assert "/api/auth/setup" in socket.expect("auth_error")["message"]
        assert socket.expect_closed()[0] == 1008
        status, body, _ = auth(server, "setup", good, {"Host": "localhost:8080", "Origin": "http://localhost:8080"})
        assert status == 200 and body["user"]["role"] == "dba" and "access_token" not in body
        status, body, _ = auth(server, "setup", good)
        assert (status, body["error"]) == (409, "already_configured")
        assert login(server, "root", "another one 66")[0] == 200 and login(server, "admin", "a good one 55")[0] == 200
        assert auth(server, "status", method="GET")[1]["needs_setup"] is False
    with kalam.Server(dev=False, config=accounts.CHEAP + "allow_remote_setup = true\n") as server:
        assert auth(server, "setup", good, FAR)[0] == 200


def test_secret_file_is_private(server):
    with kalam.Server(dev=False, config=accounts.CHEAP, env={"KALAMDB_ROOT_PASSWORD": accounts.ROOT_PASSWORD}) as other:
        files = [p for p in other.data_dir.iterdir() if "secret" in p.name]
        assert files and all(p.stat().st_mode & 0o077 == 0 for p in files)
        token = login(other)[1]["access_token"]
        other.restart()
        assert ask(other, {"Authorization": "Bearer " + token})[0] == 200
        assert ask(server, {"Authorization": "Bearer " + token}) == (401, "INVALID_CREDENTIALS")
