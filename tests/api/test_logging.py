"""What the log says, and what it never says."""
import json
import re

import kalam

ROOT_PASSWORD, JWT_SECRET = "korrektes Pferd 9", "hush-0123456789abcdef0123456789abcdef"
PASSWORD, KEY_ID, SECRET_KEY = "lenas geheimes Wort 7", "AKIDHUSHHUSH", "s3-hush-secret"
NEEDLE = "Nadel im Heuhaufen"


def test_log_names_deeds_and_no_secrets():
    config = '[logging]\nlevel = "trace"\n[auth]\nallow_token_in_url = true\n'
    env = {"KALAMDB_ROOT_PASSWORD": ROOT_PASSWORD, "KALAMDB_JWT_SECRET": JWT_SECRET}
    with kalam.Server(dev=False, config=config, env=env) as server:
        def post(path, body, headers=None):
            _, answered, data = server.client().request("POST", path, json.dumps(body).encode(), dict(
                {"Content-Type": "application/json"}, **(headers or {})))
            return answered, json.loads(data)

        answered, body = post("/v1/api/auth/login", {"user": "root", "password": ROOT_PASSWORD})
        tokens = [body["access_token"], body["refresh_token"]]
        db = server.client(token=tokens[0])
        db.batch(f"CREATE NAMESPACE app; CREATE USER lena WITH PASSWORD '{PASSWORD}' ROLE user;"
                 "CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, v TEXT); ALTER TABLE app.t ADD COLUMN w INT")
        for statement in (f"ALTER USER lena SET PASSWORD '{PASSWORD}'", f"ALTER USER lena SET PASSWORD '{PASSWORD}' nonsense",
                          f"CREATE USER lena WITH PASSWORD '{PASSWORD}'", f"CREATE USER x WITH PASSWORD '{PASSWORD}",
                          "CREATE STORAGE s TYPE s3 URI 's3://b/x' CREDENTIALS '{\"access_key_id\":\"%s\",\"secret_access_key\":\"%s\"}'"
                          % (KEY_ID, SECRET_KEY), f"INSERT INTO app.t VALUES (1, '{NEEDLE}', 1)", f"SELECT '{NEEDLE}' FROM app.nowhere",
                          f"EXECUTE AS USER 'lena' (SELECT '{NEEDLE}')", "DROP TABLE app.t", "DROP NAMESPACE app"):
            db.post(statement)
        db.post("SELECT $1 FROM app.nowhere", [NEEDLE])
        _, lena = post("/v1/api/auth/login", {"user": "lena", "password": PASSWORD})
        tokens += [lena["access_token"], lena["refresh_token"]]
        for password in ("lenas falsches Wort", PASSWORD + "x"):
            post("/v1/api/auth/login", {"user": "lena", "password": password})
        post("/v1/api/auth/refresh", {}, {"Authorization": "Bearer " + tokens[1]})
        post("/v1/api/sql", {"sql": "SELECT 1"}, {"Authorization": "Bearer " + tokens[3]})
        post("/v1/api/sql", {"sql": "SELECT 1"}, {"X-API-Key": "kalam-hush-key"})
        server.websocket(token=tokens[2], auth="message").close()
        server.websocket(path="/v1/ws?token=" + tokens[2]).close()
        server.websocket(subprotocols=["kalamdb.jwt." + tokens[2] + "x"], expect_auth=False).close()
        live = server.websocket(token=tokens[0])
        live.subscribe("s1", "SELECT * FROM system.users")
        live.close()
        logs = json.dumps(db.rows("SELECT message FROM system.logs"))
        jobs = json.dumps(db.rows("SELECT * FROM system.jobs"))
        server.stop()
        log = server.log()
    secrets = [ROOT_PASSWORD, JWT_SECRET, PASSWORD, KEY_ID, SECRET_KEY, "kalam-hush-key", "lenas falsches Wort", "$argon2", *tokens]
    for where, text in (("log", log), ("system.logs", logs), ("system.jobs", jobs)):
        assert [s for s in secrets if s in text] == [], where
        assert [t for t in tokens if t.split(".")[2] in text] == [], where
    assert NEEDLE not in log  # literals belong to users
    for deed in (r"kalamd \d+\.\d+", r"hot tier: [\d.]+ MiB in files", r"log-in of root from 127\.0\.0\.1", r"failed log-in",
                 r"by root: Namespace .app. created", r"by root: .*lena", r"by root: .*app\.t", r"root executes as lena",
                 r"request of root from 127\.0\.0\.1: TABLE_NOT_FOUND", r"request of root from 127\.0\.0\.1: ok, \d+ statements, last INSERT",
                 r"live query \S+-s1 of root begins", r"live query \S+-s1 ends", r"websocket of 127\.0\.0\.1 refused",
                 r"job table_deletion\S* begins|job \S+ completed", r"shutting down", r"stopped"):
        assert re.search(deed, log), deed


def test_lines_cannot_be_forged(server):
    server.client("root").post("SELECT 1", namespace="x\n[2025-01-01 00:00:00.000] [ERROR] [x - x:1] - forged")
    server.client().request("POST", "/v1/api/auth/login", b'{"user":"a\\nb","password":"x"}', {"Content-Type": "application/json"})
    assert not any(line.startswith("[2025-01-01") for line in server.log().splitlines())


def test_statements_have_their_kinds():
    with kalam.Server(config='[logging]\nlevel = "debug"\n[storage]\ndurability = "memory"\n') as server:
        db = server.client("root")
        for sql in ("CREATE NAMESPACE k", "/* c */ use k", "EXPLAIN SELECT 1", "SELECT 1", "DROP NAMESPACE k"):
            db.post(sql)
        log = server.log()
    assert re.findall(r"last ([A-Z]+)", log) == ["CREATE", "USE", "EXPLAIN", "SELECT", "DROP"]
    assert re.search(r"\[WARN \].*storage.durability is .memory.", log)


def test_strangers_cannot_fill_the_log():
    """Of what a client is refused a hundred lines a minute stand in the log, by kind; all of it is counted."""
    with kalam.Server() as server:
        db = server.client()
        for _ in range(300):
            db.post("SELECT 1 FROM no.where")
            db.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', {"Content-Type": "application/json",
                                                                     "Authorization": "Bearer no.such.token"})
        errors = db.sql("SELECT labels ->> 'code', metric_value::BIGINT FROM system.metrics "
                        "WHERE metric_name = 'kalamdb_errors_total'").rows
        assert dict(map(tuple, errors))["TABLE_NOT_FOUND"] == "300", errors
        for line in (r"request of root from 127\.0\.0\.1: TABLE_NOT_FOUND", r"request of 127\.0\.0\.1 refused: "):
            shown = sum(1 for text in server.log().splitlines() if re.search(r"\[INFO \].*" + line, text))
            assert 100 <= shown <= 200, (line, shown)  # two minutes at most
        server.stop()


def test_rotation_by_size(tmp_path):
    log = tmp_path / "deep" / "app.log"
    config = '[logging]\nlevel = "trace"\nmax_file_size = "64KiB"\nkeep_files = 2\n'
    with kalam.Server(config=config, env={"KALAMDB_LOGGING_FILE_PATH": str(log)}) as server:
        db = server.client()
        for _ in range(1200):
            db.sql("SELECT 1")
        server.stop()
    sizes = {p.name: p.stat().st_size for p in log.parent.iterdir()}
    assert set(sizes) == {"app.log", "app.log.1", "app.log.2"} and max(sizes.values()) <= 64 << 10, sizes
