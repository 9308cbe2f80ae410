"""Configuration through the real server: every key takes effect or is refused, and says so; what SIGHUP changes."""
import json
import os
import pathlib
import re
import signal
import subprocess

import kalam
import pytest

KEYS = (kalam.ROOT / "src/server/config_keys.h").read_text()


def kalamd(tmp_path, config, *arguments, env=None):
    path = tmp_path / "c.toml"
    path.write_text(config)
    return subprocess.run([str(kalam.BUILD / "kalamd"), str(path), *arguments], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, env=dict({"KALAMDB_LOG_FILE": ""}, **(env or {})))


def test_check_config(tmp_path):
    good = kalamd(tmp_path, "[server]\nport = 9\n[flush]\nshout = 1\n[nothing]\n", "--check-config")
    assert good.returncode == 0 and "the configuration is good" in good.stdout
    assert "line 4: unknown key flush.shout" in good.stderr and "line 5: unknown section nothing" in good.stderr
    for config, message in (("[server]\nport = 70000", 'server.port must lie between 0 and 65535, not "70000"'),
                            ("[storage]\ndurability = 'often'", 'storage.durability must be one of: sync async memory, not "often"'),
                            ("[session_cache]\nttl_seconds = 7", 'session_cache.ttl_seconds is always 1800 here, not "7"'),
                            ("[server]\ntrusted_proxy_ranges = ['10.0.0.1/8']", 'server.trusted_proxy_ranges must hold'),
                            ("[server]\npublic_origin = 'ftp://x'", 'server.public_origin must be an origin'),
                            ("[server]\npublic_origin = 'https://x/db'", 'server.public_origin must be an origin'),
                            ("[server]\ncors_origins = ['https://a.example', 'no-origin']", 'server.cors_origins must hold origins'),
                            ("[server]\napi_version = '../x'", 'server.api_version must be of letters'),
                            ("[server]\napi_version = '5 parsecs'", 'not "5 parsecs"'),
                            ("[auth]\nlocalhost_default_user = 'a:b'", 'auth.localhost_default_user must be a user id, not "a:b"'),
                            ("[flush]\ndefault_row_limit = 1000000", 'flush.default_row_limit must lie between 1 and 999999'),
                            ("[flush]\ndefault_time_interval = '1d'", 'flush.default_time_interval must lie between 1 and 86399'),
                            ("[auth]\njwt_secret = 'hush'", "auth.jwt_secret must have at least 32 bytes")):
        bad = kalamd(tmp_path, config, "--check-config")
        assert bad.returncode == 1 and message in bad.stderr and "hush" not in bad.stderr, bad.stderr
    bad = kalamd(tmp_path, "", "--check-config", env={"KALAMDB_SERVER_PORT": "x"})
    assert bad.returncode == 1 and 'KALAMDB_SERVER_PORT: server.port must be an integer, not "x"' in bad.stderr
    assert kalamd(tmp_path, "", "--check-config", "--port", "x").returncode == 1


def test_every_key_has_a_reader():
    """A key that nothing reads would have no effect. Keys of lists and of the log are read by main.c."""
    sources = "".join(p.read_text() for p in (kalam.ROOT / "src/server").glob("*.c"))
    names = re.findall(r"^    X\((\w+), \"([a-z_.0-9]+)\"", KEYS, re.M)
    assert len(names) > 80
    fixed = set(re.findall(r"X\((\w+),[^X]*?\bFIXED\b", KEYS))
    unread = [key for name, key in names if f"CONFIG_{name}" not in sources and name not in fixed]
    assert unread == []


def test_addresses_name_the_public_origin():
    with kalam.Server(config='[server]\npublic_origin = "https://db.example.org"\n') as server:
        db = server.client()
        db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)")
        assert db.sql("SUBSCRIBE TO t").dicts()[0]["ws_url"] == "wss://db.example.org/v1/ws"
        server.stop()


def test_roles_that_are_not_enforced():
    """A user may all that roles forbid; the instances of user tables stay apart."""
    with kalam.Server(config="[auth]\nenforce_roles = false\n") as server:
        db, ann = server.client(), server.client("ann")
        ann.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) ACCESS RESTRICTED;"
                  "CREATE USER TABLE n.u (id BIGINT PRIMARY KEY); CREATE USER bob WITH INTERNAL")
        db.sql("INSERT INTO n.s VALUES (1); INSERT INTO n.u VALUES (1)")
        assert ann.rows("SELECT id FROM n.s") == [["1"]]
        assert ann.value("SELECT count(*) FROM system.storages") == "1"
        assert ann.rows("SELECT id FROM n.u") == []
        server.stop()


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_a_second_signal_ends_the_server_at_once():
    """While the stop waits for a flush that does not come to its end; nothing acknowledged is lost."""
    with kalam.Server(env={"KALAM_FAULT": "flush_after_write:delay=600000"}) as server:
        server.client().sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY); INSERT INTO t VALUES (1)")
        server.process.send_signal(signal.SIGTERM)
        kalam.wait_until(lambda: "a second one stops at once" in server.log(), 10, "the stop")
        kalam.wait_until(server.parquet_files, 10, "the flush")
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 1
        server.env = {}
        server.start()
        assert server.client().rows("SELECT id FROM t") == [["1"]]
        server.stop()


def test_defaults_of_tables():
    config = "[sql]\ndefault_shared_access = \"private\"\n[retention]\ndefault_deleted_retention_hours = 48\n"
    with kalam.Server(config=config) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY);"
                 "CREATE SHARED TABLE n.b (id BIGINT PRIMARY KEY) ACCESS PUBLIC DELETED_RETENTION '2d';"
                 "CREATE USER TABLE n.c (id BIGINT PRIMARY KEY) DELETED_RETENTION 'off'")
        rows = {r["table_name"]: r for r in db.sql("SELECT * FROM system.tables WHERE namespace_id = 'n'").dicts()}
        assert (rows["a"]["access"], rows["a"]["deleted_retention"]) == ("PRIVATE", "48h")
        assert (rows["b"]["access"], rows["b"]["deleted_retention"]) == ("PUBLIC", "48h")
        assert (rows["c"]["access"], rows["c"]["deleted_retention"]) == (None, "off")
        server.stop()


def login(server, address):
    headers = {"Content-Type": "application/json"}
    if address:
        headers["X-Forwarded-For"] = address
    return server.client().request("POST", "/v1/api/auth/login", b'{"user":"lena","password":"wrong password"}', headers)


def test_trusted_proxies():
    """Limits per address count the client behind the proxy, not the proxy; what a client claims does not count."""
    config = ('[server]\ntrusted_proxy_ranges = ["127.0.0.0/8", "10.0.0.0/8"]\n'
              "[rate_limit]\nauth_requests_per_ip_per_sec = 1\n[auth]\nlockout_failures = 1000\npassword_memory_kib = 1024\n")
    with kalam.Server(dev=False, config=config, env={"KALAMDB_ROOT_PASSWORD": "correct horse 9"}) as server:
        assert [login(server, f"203.0.113.{i}")[0] for i in range(8)] == [401] * 8
        codes = [login(server, f"198.51.100.{i}, 203.0.113.99, 10.1.1.1")[0] for i in range(8)]
        assert codes[0] == 401 and 429 in codes
        assert "from 203.0.113.99" in server.log() and "198.51.100" not in server.log()
        server.stop()
    with kalam.Server(dev=False, config=config.replace("127.0.0.0/8", "192.0.2.1"),
                      env={"KALAMDB_ROOT_PASSWORD": "correct horse 9"}) as server:
        assert 429 in [login(server, f"203.0.113.{i}")[0] for i in range(8)]
        server.stop()


def test_reload(tmp_path):
    log = tmp_path / "app.log"
    config = f'[logging]\nlevel = "warn"\nfile_path = "{log}"\nlog_to_console = true\n'
    with kalam.Server(config=config) as server:
        server.process.terminate()
        server.process.wait()
        os.environ.pop("KALAMDB_LOG_FILE", None)
        server.env = {"KALAMDB_LOGGING_FILE_PATH": str(log)}
        server.start()
        db = server.client()
        db.post("SELECT nonsense FROM nowhere")
        assert "request of root" not in log.read_text()
        log.rename(tmp_path / "moved.log")
        server.config_path.write_text(config.replace("warn", "debug") + "[server]\nworkers = 3\n")
        server.process.send_signal(1)
        kalam.wait_until(lambda: log.exists() and "server.workers has changed: it takes effect at the next start" in
                         log.read_text(), 10, "the new log")
        db.sql("SELECT 1")
        kalam.wait_until(lambda: "request of root" in log.read_text(), 5)
        assert db.rows("SELECT value FROM system.settings WHERE name = 'logging.level'") == [["debug"]]
        server.config_path.write_text("[server]\nport = 'x'\n")
        server.process.send_signal(1)
        kalam.wait_until(lambda: "the configuration stays as it is" in log.read_text(), 10)
        assert db.rows("SELECT value FROM system.settings WHERE name = 'logging.level'") == [["debug"]]
        server.stop()


def test_settings_show_every_key_with_its_source():
    with kalam.Server(config="[jobs]\nretention_days = 7\n", env={"KALAMDB_LIVE_FEED_BYTES": "32MiB"}) as server:
        rows = {r["name"]: r for r in server.client().sql("SELECT * FROM system.settings").dicts()}
        assert set(rows) == {key for _, key in re.findall(r"^    X\((\w+), \"([a-z_.0-9]+)\"", KEYS, re.M)}
        assert (rows["jobs.retention_days"]["value"], rows["jobs.retention_days"]["source"]) == ("7", "file")
        assert (rows["live.feed_bytes"]["value"], rows["live.feed_bytes"]["source"]) == ("32MiB", "environment")
        assert rows["server.port"]["source"] == "argument" and rows["server.host"]["source"] == "default"
        assert all(r["description"] for r in rows.values())
        server.stop()


def test_handbook_lists_every_key_and_range():
    """Names and defaults are checked by the unit test; here the rest of the line."""
    handbook = (kalam.ROOT / "docs/operations.md").read_text()
    for match in re.finditer(r'X\((\w+), "([a-z_.0-9]+)", (\w+), "([^"]*)", ([^;"]*?), "(\w*)",\s*(\w+), ?',
                             KEYS.replace("\\\n", " ")):
        _, key, kind, _, _, short, state = match.groups()
        line = next(line for line in handbook.splitlines() if line.startswith(f"| `{key}` |"))
        assert not short or f"`KALAMDB_{short}`" in line, key
        assert state != "FIXED" or "stops the start" in line, key
        assert kind != "CHOICE" or line.count(",") >= 1, key


def test_shipped_file_is_good(tmp_path):
    done = kalamd(tmp_path, pathlib.Path(kalam.ROOT / "packaging/kalamd.toml").read_text(), "--check-config")
    assert done.returncode == 0 and "WARN" not in done.stderr, done.stderr


def test_json_log_lines(tmp_path):
    with kalam.Server(config='[logging]\nformat = "json"\nlevel = "debug"\n') as server:
        server.client().post("SELECT '\"quoted\" \\ ä' FROM nowhere")
        server.stop()
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        assert len(lines) > 5
        assert all(set(line) == {"timestamp", "level", "thread", "target", "line", "message"} for line in lines)
        assert any("request of root" in line["message"] for line in lines)
