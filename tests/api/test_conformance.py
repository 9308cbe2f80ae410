"""The protocol from outside: every route, field, encoding and status as docs/openapi.json and docs/protocol.md say. Real
answers are validated against the document, its paths against the server's table of routes."""
import json
import re
import socket
import uuid

import jsonschema
import kalam
import pytest

DOCUMENT = json.loads((kalam.ROOT / "docs/openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
PASSWORD = "correct horse 9"


def validate(schema, value):
    jsonschema.Draft202012Validator(dict(schema, components=DOCUMENT["components"])).validate(value)


def operation_of(method, path):
    for template, item in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\{version\\}", "v1", re.escape(template))
        pattern = re.sub(r"/\\{path\\}", "(/.*)?", pattern)
        if re.fullmatch(pattern, path.partition("?")[0]):
            return item.get(method.lower(), {"responses": {"405": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/SqlError"}}}}}})
    return None


def call(server, method, path, body=None, headers=None, expect=200):
    """One request; the answer is as the document says. Returns headers and decoded body."""
    client = server.client()
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers = dict({"Content-Type": "application/json"}, **(headers or {}))
    status, answered, data = client.request(method, path, body, headers or {})
    client.close()
    assert status == expect, (status, data[:300])
    operation = operation_of(method, path)
    if operation is None:
        assert status in (404, 501)
        validate(SCHEMAS["SqlError"], json.loads(data))
        return answered, json.loads(data)
    known = operation["responses"].get(str(status))
    assert known, f"{method} {path} answers {status}, which the document does not know"
    kind = answered.get("Content-Type", "").partition(";")[0]
    content = known.get("content", {})
    kind = kind if kind in content or "*/*" not in content else "*/*"
    assert kind in content or (not content and data == b""), kind
    value = json.loads(data) if kind == "application/json" else data.decode(errors="replace")
    if content:
        validate(content[kind]["schema"], value)
    for name in known.get("headers", {}):
        assert name in answered, name
    return answered, value


def sql(server, text, expect=200, headers=None, **fields):
    return call(server, "POST", "/v1/api/sql", dict({"sql": text}, **fields), headers, expect)[1]


@pytest.fixture(scope="module")
def guarded():
    """Without loopback mode: credentials count."""
    with kalam.Server(dev=False, env={"KALAMDB_ROOT_PASSWORD": PASSWORD},
                      config="[rate_limit]\nauth_requests_per_ip_per_sec = 0\n[auth]\nroot_remote = true\n") as running:
        yield running
        running.stop()


@pytest.fixture(scope="module")
def bearer(guarded):
    _, body = call(guarded, "POST", "/v1/api/auth/login", {"user": "root", "password": PASSWORD})
    return {"Authorization": "Bearer " + body["access_token"]}


# ---- the document ------------------------------------------------------------------------------

def test_document_names_every_route():
    source = (kalam.ROOT / "src/net/http_routes.c").read_text()
    table = source[source.index("http_routes[] = {"):source.index("\n};")]
    rows = re.findall(r'\{\{"([^"]+)".*?ROUTE_(\w+),\s*(true|false),\s*HTTP_(\w+)_METHOD', table, re.S)
    assert len(rows) == table.count("NET_ROUTE_")
    wanted = set()
    for path, where, is_prefix, method in rows:
        for versioned in {"PLAIN": (False,), "VERSIONED": (True,), "BOTH": (False, True)}[where]:
            name = ("/{version}" if versioned else "") + path + ("/{path}" if is_prefix == "true" else "")
            wanted |= {(name, m) for m in (["get", "post"] if method == "OTHER" else [method.lower()])}
    written = {(path, m) for path, item in DOCUMENT["paths"].items() for m in item if m in ("get", "post", "put", "delete")}
    assert written == wanted


def test_document_knows_every_error_code():
    listed = re.findall(r"^\| ([A-Z_]+) \| (\d+) \|", (kalam.ROOT / "docs/protocol.md").read_text(), re.M)
    assert SCHEMAS["ErrorCode"]["enum"] == [code for code, _ in listed]
    responses = DOCUMENT["paths"]["/{version}/api/sql"]["post"]["responses"]
    assert {status for _, status in listed} - set(responses) == {"404", "405"}


def test_document_refers_to_what_is_there():
    text = json.dumps(DOCUMENT)
    for name in set(re.findall(r'#/components/(\w+/\w+)', text)):
        kind, key = name.split("/")
        assert key in DOCUMENT["components"][kind], name
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert name == "WsServerMessage" or f"#/components/schemas/{name}\"" in text, f"{name} is not used"


# ---- routes ------------------------------------------------------------------------------------

def test_health_routes(server):
    for path in ("/health", "/v1/health", "/v1/api/healthcheck"):
        _, body = call(server, "GET", path)
        assert body["status"] == "healthy" and body["api_version"] == "v1" and "metrics" in body
        call(server, "GET", path, headers={"X-Forwarded-For": "203.0.113.1"}, expect=403)
    _, body = call(server, "GET", "/v1/api/cluster/health")
    assert body["nodes"][0]["is_self"] and body["node"]
    call(server, "GET", "/v1/api/cluster/health", headers={"Forwarded": "for=203.0.113.1"}, expect=403)


def test_metrics_rights(guarded, bearer):
    far = {"X-Forwarded-For": "203.0.113.1"}
    assert "kalamdb_uptime_seconds" in call(guarded, "GET", "/metrics")[1]
    call(guarded, "GET", "/metrics", headers=far, expect=401)
    assert "kalamdb_uptime_seconds" in call(guarded, "GET", "/metrics", headers=dict(far, **bearer))[1]


def test_console_routes(server, tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html>")
    call(server, "GET", "/ui", expect=308 if call_status(server, "/ui/") == 200 else 404)
    with kalam.Server(config=f'[server]\nui_dir = "{tmp_path}"\n') as own:
        call(own, "GET", "/ui", expect=308)
        answered, _ = call(own, "GET", "/ui/")
        call(own, "GET", "/ui/tables", headers={"If-None-Match": answered["ETag"]}, expect=304)
        call(own, "GET", "/ui/missing.js", expect=404)
    with kalam.Server(config="[server]\nui_enabled = false\n") as own:
        call(own, "GET", "/ui/", expect=404)


def call_status(server, path):
    return server.client().request("GET", path)[0]


@pytest.mark.parametrize("path", ["/v1/api/topics", "/v1/api/topics/a/b", "/v1/files/x", "/v1/exports/x?y=1"])
def test_reserved_routes(server, path):
    for method in ("GET", "POST"):
        assert call(server, method, path, expect=501)[1]["error"]["code"] == "NOT_SUPPORTED"


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/api/sql", "/v1/api", "/v1/api/sql/", "/v1/api/sqlx", "/v1/metrics",
                                  "/api/auth/login", "/v1/api/topicsx", "/V1/api/sql", "/v1//api/sql"])
def test_unknown_routes(server, path):
    assert call(server, "GET", path, expect=404)[1]["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("method,path", [("GET", "/v1/api/sql"), ("PUT", "/v1/api/sql"), ("DELETE", "/api/sql"),
                                         ("POST", "/health"), ("POST", "/metrics"), ("GET", "/v1/api/auth/login"),
                                         ("POST", "/v1/api/auth/me"), ("POST", "/v1/ws"), ("HEAD", "/health")])
def test_wrong_methods(server, method, path):
    client = server.client()
    status, headers, data = client.request(method, path, b"", {})
    assert status == 405
    if method != "HEAD":
        assert json.loads(data)["error"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/health", "/nothing", "/v1/files/x"])
def test_answers_to_head_have_no_body(server, path):
    """A body would be read as the beginning of the next answer."""
    client = server.client()
    status, headers, _ = client.request("HEAD", path, b"", {})
    assert status >= 400 and int(headers["Content-Length"]) > 0
    sent = client.connection.sock
    sent.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n"
                 "Connection: close\r\n\r\n".encode())
    answers = b"".join(iter(lambda: sent.recv(65536), b""))
    first, second, _ = answers.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status) and second.startswith(b"HTTP/1.1 200 ")


# ---- SQL ---------------------------------------------------------------------------------------

def test_answers_have_one_shape(server):
    body = sql(server, "CREATE NAMESPACE shape; CREATE USER TABLE shape.t (id BIGINT PRIMARY KEY, v TEXT);"
               "INSERT INTO shape.t VALUES (1, 'a'), (2, NULL); SELECT id, v FROM shape.t ORDER BY id;"
               "SELECT v AS x, v AS x FROM shape.t WHERE id = 9; UPDATE shape.t SET v = 'b'; DELETE FROM shape.t WHERE id = 1")
    made, table, inserted, rows, none, updated, deleted = body["results"]
    assert inserted == {"row_count": 2, "message": "Inserted 2 row(s)", "as_user": "root"}
    assert updated["message"] == "Updated 2 row(s)" and deleted["message"] == "Deleted 1 row(s)"
    assert rows == {"schema": [{"name": "id", "data_type": "BigInt", "index": 0, "flags": ["pk", "nn", "uq"]},
                               {"name": "v", "data_type": "Text", "index": 1}],
                    "rows": [["1", "a"], ["2", None]], "row_count": 2, "as_user": "root"}
    assert [c["name"] for c in none["schema"]] == ["x", "x"] and none["rows"] == [] and none["row_count"] == 0
    assert all("rows" not in r and r["message"] for r in (made, table, inserted, updated, deleted))
    assert sql(server, "SELECT 1", headers={"X-User-Id": "lena"})["results"][0]["as_user"] == "lena"


ENCODINGS = [("BOOLEAN", "true", True, "Boolean"), ("SMALLINT", "-7", -7, "SmallInt"), ("INT", "7", 7, "Int"),
             ("BIGINT", "9007199254740993", "9007199254740993", "BigInt"), ("FLOAT", "1.5", 1.5, "Float"),
             ("DOUBLE", "-2.5e-300", -2.5e-300, "Double"),
             ("DECIMAL(10,2)", "12.5", "12.50", {"Decimal": {"precision": 10, "scale": 2}}), ("TEXT", "'ä\"'", 'ä"', "Text"),
             ("UUID", "'018F4E6C-0000-7000-8000-00000000000A'", "018f4e6c-0000-7000-8000-00000000000a", "Uuid"),
             ("JSON", "'{\"a\": [1, null]}'", '{"a": [1, null]}', "Json"),
             ("TIMESTAMP", "'1970-01-01T00:00:01.000002Z'", 1000002, "Timestamp"), ("DATE", "'1970-02-01'", 31, "Date"),
             ("TIME", "'00:00:01.5'", 1500000, "Time"), ("BYTES", "'0x00ff7f'", [0, 255, 127], "Bytes")]


def test_every_type_has_its_form(server):
    """Hot, cold, as parameter, and in WebSocket rows."""
    columns = ", ".join(f"c{i} {kind}" for i, (kind, *_) in enumerate(ENCODINGS))
    sql(server, f"CREATE NAMESPACE enc; CREATE SHARED TABLE enc.t (id INT PRIMARY KEY, {columns});"
        f"INSERT INTO enc.t VALUES (1, {', '.join(e[1] for e in ENCODINGS)}); INSERT INTO enc.t (id) VALUES (2)")
    wanted = [e[2] for e in ENCODINGS]
    for tier in ("hot", "cold"):
        result = sql(server, "SELECT * FROM enc.t ORDER BY id")["results"][0]
        names = [c["name"] for c in result["schema"]]
        assert [c["data_type"] for c in result["schema"] if re.fullmatch(r"c\d+", c["name"])] == [e[3] for e in ENCODINGS]
        pick = [names.index(f"c{i}") for i in range(len(ENCODINGS))]
        assert [[row[i] for i in pick] for row in result["rows"]] == [wanted, [None] * len(wanted)], tier
        server.flush("enc.t")
    live = server.websocket()
    (one, two) = live.subscribe("s", "SELECT * FROM enc.t", options={})
    assert [one[f"c{i}"] for i in range(len(wanted))] == wanted and all(two[f"c{i}"] is None for i in range(len(wanted)))
    assert one["_seq"].isdigit()
    live.close()
    again = sql(server, "SELECT c0 FROM enc.t WHERE c3 = $1 AND c6 = $2 AND c8 = $3", params=[wanted[3], wanted[6], wanted[8]])
    assert again["results"][0]["rows"] == [[True]]


def test_errors_have_one_shape(server):
    body = sql(server, "SELECT 1; SELECT * FROM nope.x", expect=400)
    assert body["error"]["statement_index"] == 2 and body["error"]["details"] == "SELECT * FROM nope.x"
    assert body["error"]["message"].startswith("Statement 2 failed: ") and len(body["results"]) == 1
    headers = {"X-User-Id": "nobody"}
    sql(server, "SELECT 1 / 0", expect=400, headers=headers)
    for broken in (b"", b"{", b"[]", b'{"sql":1}', b'{"params":[]}', b'{"sql":"SELECT 1","params":{}}',
                   b'{"sql":"SELECT 1","namespace_id":7}', b'\xff'):
        call(server, "POST", "/v1/api/sql", broken, {"Content-Type": "application/json"}, 400)
    for kind in ("text/plain", "application/jsonx", "", "application/x-www-form-urlencoded"):
        call(server, "POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', {"Content-Type": kind}, 415)
    assert call(server, "POST", "/api/sql", b'{"sql":"SELECT 1"}', {"Content-Type": "Application/JSON; charset=utf-8"})
    call(server, "POST", "/v1/api/sql", b" " * (11 << 20), {"Content-Type": "application/json"}, 413)


def form(*parts, boundary="xyz"):
    lines = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
             for name, value, more in ((p + ("",))[:3] for p in parts)]
    return "".join(lines + [f"--{boundary}--\r\n"]).encode()


def test_multipart_requests(server):
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    _, body = call(server, "POST", "/v1/api/sql", form(("sql", "SELECT $1 AS a, $2 AS b"), ("params", '["x", 2]'),
                                                       ("namespace_id", "default")), headers)
    assert body["results"][0]["rows"] == [["x", "2"]]
    for parts, code in (((("sql", "SELECT 1"), ("file:logo", "x")), "NOT_SUPPORTED"),
                        ((("sql", "SELECT 1", '; filename="q.sql"'),), "NOT_SUPPORTED"),
                        ((("params", "[]"),), "INVALID_INPUT"), ((("sql", "SELECT 1"), ("params", "nope")), "INVALID_INPUT"),
                        ((("sql", "SELECT 1"), ("sql", "SELECT 2")), "INVALID_INPUT"), ((("other", "x"),), "INVALID_INPUT")):
        assert call(server, "POST", "/v1/api/sql", form(*parts), headers, 400)[1]["error"]["code"] == code
    call(server, "POST", "/v1/api/sql", form(("sql", "SELECT 1"))[:-8], headers, 400)
    call(server, "POST", "/v1/api/sql", b"x", {"Content-Type": "multipart/form-data"}, 400)
    big = json.dumps(["y" * 400_000])
    _, body = call(server, "POST", "/api/sql", form(("sql", "SELECT length($1) AS n"), ("params", big)), headers)
    assert body["results"][0]["rows"] == [[400_000]]


def test_timing_and_cache_report():
    with kalam.Server(config="[query]\ninclude_timing = false\nreport_cache = true\n") as server:
        sql(server, "SELECT 1")
        body = sql(server, "SELECT 1")
        assert body["took"] == 0 and body["results"][0]["cache_hit"] in (True, False)


# ---- accounts ----------------------------------------------------------------------------------

def test_account_routes(guarded, bearer):
    call(guarded, "POST", "/v1/api/sql", {"sql": "SELECT 1"}, expect=401)
    call(guarded, "POST", "/v1/api/sql", {"sql": "SELECT 1"}, {"Authorization": "Basic cm9vdDp4"}, 401)
    name = "u" + uuid.uuid4().hex[:8]
    sql(guarded, f"CREATE USER {name} WITH PASSWORD 'sehr geheim 7' ROLE dba", headers=bearer)
    answered, tokens = call(guarded, "POST", "/v1/api/auth/login", {"username": name, "password": "sehr geheim 7"})
    assert tokens["user"]["id"] == name and tokens["admin_ui_access"] and answered["Cache-Control"] == "no-store"
    own = {"Authorization": "Bearer " + tokens["access_token"]}
    assert call(guarded, "GET", "/v1/api/auth/me", headers=own)[1]["user"]["role"] == "dba"
    call(guarded, "GET", "/v1/api/auth/me", expect=401)
    call(guarded, "POST", "/v1/api/auth/refresh", headers={"Authorization": "Bearer " + tokens["refresh_token"]})
    call(guarded, "POST", "/v1/api/auth/refresh", expect=401)
    call(guarded, "POST", "/v1/api/auth/refresh", headers=own, expect=401)
    call(guarded, "POST", "/v1/api/auth/logout", headers=own)
    call(guarded, "POST", "/v1/api/auth/login", {"user": name, "password": "wrong"}, expect=401)
    call(guarded, "POST", "/v1/api/auth/login", {"user": name, "password": "x", "more": 1}, expect=400)
    assert call(guarded, "GET", "/v1/api/auth/status")[1]["needs_setup"] is False
    call(guarded, "POST", "/v1/api/auth/setup", {"user": "a1", "password": "sehr geheim 8", "root_password": "sehr geheim 9"},
         expect=409)


def test_setup_route():
    with kalam.Server(dev=False) as server:
        assert call(server, "GET", "/v1/api/auth/status")[1]["needs_setup"] is True
        sql(server, "SELECT 1", expect=401)
        call(server, "POST", "/v1/api/auth/login", {"user": "root", "password": "sehr geheim 9"}, expect=428)
        request = {"user": "admin1", "password": "sehr geheim 8", "root_password": "sehr geheim 9", "email": "a@example.com"}
        call(server, "POST", "/v1/api/auth/setup", dict(request, password="kurz"), expect=400)
        assert call(server, "POST", "/v1/api/auth/setup", request)[1]["user"]["email"] == "a@example.com"


# ---- CORS --------------------------------------------------------------------------------------

def test_cors_for_every_origin(server):
    client = server.client()
    status, headers, _ = client.request("OPTIONS", "/v1/api/sql", b"", {"Origin": "https://a.example"})
    assert status == 204 and headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers  # never together with *
    assert headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    allowed = {h.strip() for h in headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed == {"Content-Type", "Authorization", "X-API-Key", "X-User-Id"}
    _, headers, _ = client.request("GET", "/health", None, {"Origin": "https://a.example"})
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert client.request("OPTIONS", "/nowhere", b"", {"Origin": "https://a.example"})[0] == 204


def test_cors_with_a_list():
    with kalam.Server(config='[server]\ncors_origins = ["https://a.example"]\n') as server:
        client = server.client()
        for path in ("/v1/api/sql", "/health"):
            _, headers, _ = client.request("OPTIONS", path, b"", {"Origin": "https://a.example"})
            assert headers["Access-Control-Allow-Origin"] == "https://a.example" and headers["Vary"] == "Origin"
            assert headers["Access-Control-Allow-Credentials"] == "true"
            for origin in ("https://b.example", "https://a.example.b", "http://a.example", "null"):
                _, headers, _ = client.request("OPTIONS", path, b"", {"Origin": origin})
                assert "Access-Control-Allow-Origin" not in headers
        for origin, answer in (("https://b.example", b"403"), ("https://a.example", b"101"),
                               (f"http://127.0.0.1:{server.port}", b"101")):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer x\r\n"
                                   f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: {origin}\r\n\r\n".encode())
                assert answer in connection.recv(65536).split(b"\r\n")[0], origin


# ---- WebSocket ---------------------------------------------------------------------------------

def test_upgrade_refusals(server):
    call(server, "GET", "/v1/ws", expect=426)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    call(server, "GET", "/ws", headers=dict(upgrade, **{"Sec-WebSocket-Version": "8"}), expect=426)
    call(server, "GET", "/v1/ws", headers=dict(upgrade, **{"Sec-WebSocket-Key": "short"}), expect=400)
    call(server, "GET", "/v1/ws?token=x", headers=upgrade, expect=401)


def test_every_message_is_as_documented(server):
    sql(server, "CREATE NAMESPACE ws; CREATE USER TABLE ws.t (id BIGINT PRIMARY KEY, v TEXT, n INT);"
        "CREATE STREAM TABLE ws.e (id BIGINT PRIMARY KEY, v TEXT) TTL '60s'; INSERT INTO ws.t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
    for path in ("/v1/ws", "/ws"):
        live = server.websocket(path=path)
        seen = [live.auth]
        live.send({"type": "subscribe", "subscription": {"id": "s", "sql": "SELECT * FROM ws.t WHERE n < 100",
                                                         "options": {"batch_size": 2}}})
        ack = live.expect("subscription_ack")
        batches = [live.expect("initial_data_batch")]
        live.send({"type": "next_batch", "subscription_id": "s", "last_seq_id": 1})
        batches.append(live.expect("initial_data_batch"))
        assert ack["total_rows"] == 3 and ack["batch_control"]["status"] == "loading"
        assert [(b["batch_control"]["status"], b["batch_control"]["has_more"], b["batch_control"]["batch_num"]) for b in batches] \
            == [("loading_batch", True, 0), ("ready", False, 1)]
        live.send({"subscriptions": [{"query_id": "q", "sql": "SELECT v FROM ws.e"}, {"query_id": "bad", "sql": "SELECT"}]})
        live.send({"type": "ping"})
        live.send({"type": "next_batch", "subscription_id": "nobody"})
        seen += [ack, *batches, live.expect("subscription_ack", "q"), live.expect("error", "bad"),
                 live.expect("error")]
        db = server.client(namespace="ws")
        db.batch("INSERT INTO t VALUES (9, 'x', 9); UPDATE t SET v = NULL WHERE id = 9; UPDATE t SET n = 200 WHERE id = 9;"
                 "DELETE FROM t WHERE id = 9; UPDATE t SET n = 5 WHERE id = 1; DELETE FROM t WHERE id = 3; INSERT INTO e VALUES (1, 'x');"
                 "INSERT INTO t VALUES (3, 'c', 3)")
        changes = [live.expect("change", "s") for _ in range(6)]
        assert [c["change_type"] for c in changes] == ["insert", "update", "delete", "update", "delete", "insert"]
        insert, update, left, _, deleted, _ = changes
        assert {k: insert["rows"][0][k] for k in ("id", "v", "n")} == {"id": "9", "v": "x", "n": 9}
        assert update["rows"][0]["v"] is None and update["old_values"][0]["v"] == "x" and "n" not in update["old_values"][0]
        assert left["old_values"][0]["_deleted"] is False and deleted["old_values"][0]["_deleted"] is True
        event = live.expect("change", "q")
        assert event["query_id"] == "q" and "_deleted" not in event["rows"][0]
        live.send({"type": "unsubscribe", "subscription_id": "s"})
        live.send({"type": "unsubscribe", "query_ids": ["q"]})
        seen += [*changes, event, live.expect("unsubscribed", "s"), live.expect("unsubscribed", "q")]
        live.send("nonsense")
        for message in seen:
            validate(SCHEMAS["WsServerMessage"], message)
        assert live.expect_closed()[0] == 1011
        assert {m["type"] for m in seen} == {"auth_success", "subscription_ack", "initial_data_batch", "error", "change", "unsubscribed"}


def test_refused_authentication_is_as_documented(guarded):
    live = guarded.websocket(token="bad", expect_auth=False)
    validate(SCHEMAS["WsAuthError"], live.expect("auth_error"))
    assert live.expect_closed()[0] == 1008
    live = guarded.websocket(expect_auth=False)
    live.send({"type": "subscribe", "subscription": {"id": "s", "sql": "SELECT 1"}})
    validate(SCHEMAS["WsServerMessage"], live.take(lambda m: True))
    assert live.expect_closed()[0] == 1008


# ---- other prefix ------------------------------------------------------------------------------

def test_api_version_moves_the_prefix():
    with kalam.Server(config='[server]\napi_version = "v7"\n') as server:
        client = server.client()
        assert client.request("POST", "/v7/api/sql", b'{"sql":"SELECT 1"}')[0] == 200
        assert client.request("POST", "/api/sql", b'{"sql":"SELECT 1"}')[0] == 200
        assert client.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}')[0] == 404
        assert json.loads(client.request("GET", "/v7/health")[2])["api_version"] == "v7"
