"""What was acknowledged is there after any end: graceful stop, kill, both tiers, counters."""
import concurrent.futures
import json
import shutil
import socket

import kalam


def test_everything_survives_stop_and_kill(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE r; CREATE USER TABLE r.t (id BIGINT PRIMARY KEY, v TEXT DEFAULT 'd');"
             "CREATE SHARED TABLE r.s (a TEXT, b INT, PRIMARY KEY (a, b))")
    db.sql("INSERT INTO r.t (id) VALUES (1), (2), (3)")
    last = int(db.value("SELECT max(_seq) FROM r.t"))
    for end in (server.kill, server.stop, server.kill):
        end()
        left = server.data_dir / "tmp" / "small-7"
        left.mkdir()
        (left / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"rows of somebody")
        server.start()
        assert not left.exists()
        db = server.client()
        assert db.value("SELECT count(*) FROM r.t") == "3"
        seq = int(db.rows("INSERT INTO r.s VALUES ('x', (SELECT count(*) FROM r.s)::INT) RETURNING _seq")[0][0])
        assert seq > last
        last = seq
    assert db.rows("SELECT v FROM r.t WHERE id = 2") == [["d"]]
    db.sql("DROP TABLE r.t")
    server.kill()
    server.start()
    assert server.client().post("SELECT * FROM r.t")[1]["error"]["code"] == "TABLE_NOT_FOUND"


def test_tables_of_a_thousand_columns(own_server):
    """The key that is added counts: what is made is read by the next start, and can be changed."""
    server, db = own_server, own_server.client()
    columns = [f"c{i} INT" for i in range(1000)]
    db.sql("CREATE NAMESPACE r")
    status, body = db.post(f"CREATE USER TABLE r.more ({', '.join(columns)})")
    assert body["error"]["code"] == "INVALID_SQL" and "is one more" in body["error"]["message"], body
    db.sql(f"CREATE USER TABLE r.added ({', '.join(columns[1:])})")
    db.sql(f"CREATE SHARED TABLE r.own ({', '.join(columns)}, PRIMARY KEY (c0))")
    db.batch("INSERT INTO r.added (c1) VALUES (1); INSERT INTO r.own (c0) VALUES (1)")
    server.restart()
    db = server.client()
    for table in ("added", "own"):
        db.batch(f"UPDATE r.{table} SET c999 = 7; ALTER TABLE r.{table} DROP COLUMN c5, ADD COLUMN d INT")
        assert db.post(f"ALTER TABLE r.{table} ADD COLUMN e INT")[1]["error"]["code"] == "INVALID_SCHEMA_EVOLUTION"
        assert db.rows(f"SELECT c1, c999, d FROM r.{table}") == [[1 if table == "added" else None, 7, None]]
        db.sql(f"DELETE FROM r.{table} WHERE c999 = 7")


def test_recreated_table_is_empty(own_server):
    server = own_server
    db = server.client()
    db.sql("CREATE NAMESPACE r")
    for _ in range(3):
        db.sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY, v INT)")
        assert db.rows("SELECT * FROM r.t") == []
        db.sql("INSERT INTO r.t VALUES (1, 1)")
        server.flush("r.t", db)
        db.sql("INSERT INTO r.t VALUES (2, 1)")
        db.sql("DROP TABLE r.t")
    kalam.wait_until(lambda: not server.parquet_files(), 10, "files gone")
    server.stop()


def test_history_of_recreated_tables(own_server):
    """Every table keeps its schema versions and nothing of a former one of its name: rows hot and cold, defaults, ids."""
    server = own_server
    db = server.client()
    db.sql("CREATE NAMESPACE r")
    history = "SELECT schema_id, version, changes, dropped FROM system.table_schemas WHERE table_name = 't' ORDER BY schema_id"

    def expect():
        rows = {row[0].split("@")[0] + ("@" if "@" in row[0] else ""): row[1:] for row in db.rows(history)}
        assert rows == {
            "r:t:1": [1, "Initial schema", False], "r:t:2": [2, "ADD COLUMN w TEXT DEFAULT 'new'", False],
            "r:t:1@": [1, "Initial schema", True], "r:t:2@": [2, "ADD COLUMN w INT DEFAULT 7", True], "r:t:3@": [3, "DROP COLUMN v", True]}
        assert db.rows("SELECT version FROM system.table_schemas WHERE schema_id = 'r:t:2' AND NOT dropped") == [[2]]
        aside = db.value("SELECT schema_id FROM system.table_schemas WHERE dropped AND version = 3")
        assert db.rows(f"SELECT changes FROM system.table_schemas WHERE schema_id = '{aside}'") == [["DROP COLUMN v"]]
        assert len(db.rows("DESCRIBE r.t HISTORY")) == 2
        query = db.post("DESCRIBE r.t")[1]["results"][0]["table"]["history_query"]
        assert [row[0] for row in db.rows(query)] == [2, 1]
        assert db.rows("SELECT id, w FROM r.t ORDER BY id") == [["1", "new"], ["3", "new"], ["5", "set"]]

    db.sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY, v INT DEFAULT 1)")
    db.sql("INSERT INTO r.t (id) VALUES (1), (2)")
    server.flush("r.t", db)
    db.sql("ALTER TABLE r.t ADD COLUMN w INT DEFAULT 7")
    db.sql("INSERT INTO r.t (id) VALUES (3)")
    db.sql("ALTER TABLE r.t DROP COLUMN v")
    db.sql("DROP TABLE r.t")
    assert db.rows("SELECT schema_id FROM system.table_schemas WHERE schema_id = 'r:t:3'") == [["r:t:3"]]
    db.sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY, v TEXT)")
    db.sql("INSERT INTO r.t VALUES (1, 'a')")
    server.flush("r.t", db)
    db.sql("INSERT INTO r.t VALUES (3, 'b')")
    db.sql("ALTER TABLE r.t ADD COLUMN w TEXT DEFAULT 'new'")
    db.sql("INSERT INTO r.t VALUES (5, 'c', 'set')")
    expect()
    for end in (server.kill, server.stop):
        end()
        server.start()
        db = server.client()
        expect()
    db.sql("DROP TABLE r.t; CREATE STREAM TABLE r.t (id BIGINT PRIMARY KEY)")
    rows = db.rows(history)
    assert sum(row[3] for row in rows) == 5 and [row[0] for row in rows if not row[3]] == ["r:t:1"]
    assert len({row[0] for row in rows}) == len(rows) == 6


def test_flush_at_shutdown_and_row_policy(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE r; CREATE USER TABLE r.t (id BIGINT PRIMARY KEY) FLUSH POLICY ROWS 100")
    for start in range(0, 100, 25):
        db.sql("INSERT INTO r.t VALUES " + ",".join(f"({i})" for i in range(start, start + 25)))
    kalam.wait_until(lambda: server.parquet_files(), 10, "row policy flush")
    db.sql("INSERT INTO r.t VALUES (1000)")
    server.stop()
    assert len(server.parquet_files()) == 2
    server.start()
    assert server.client().value("SELECT count(*) FROM r.t") == "101"


def test_second_server_on_one_port_or_directory(own_server):
    other = kalam.Server()
    other.port = own_server.port
    other.start(wait=False)
    assert other.process.wait(20) != 0
    assert str(own_server.port) in other.log() and not (other.data_dir / "rocksdb").exists()
    other = kalam.Server(data_dir=own_server.data_dir)
    other.log_path = own_server.data_dir.parent / "second.log"
    other.start(wait=False)
    assert other.process.wait(20) != 0
    other.log_path.unlink()
    assert own_server.client().value("SELECT 1") == 1


def test_a_hot_tier_that_is_not_mounted():
    """Nothing is begun anew beside cold files, nor over what is left of a hot tier."""
    def refused(message):
        assert server.start(wait=False).process.wait(20) != 0
        assert message in server.log(), server.log()

    with kalam.Server(config="[flush]\nshutdown_timeout_seconds = 0\n") as server:
        hot, away = server.data_dir / "rocksdb", server.data_dir / "away"
        db = server.client()
        db.batch("CREATE NAMESPACE r; CREATE SHARED TABLE r.t (id INT PRIMARY KEY); INSERT INTO r.t VALUES (1)")
        server.stop()
        hot.rename(away)
        server.start()  # nothing but a key tells of the first
        assert server.client().post("SELECT * FROM r.t")[1]["error"]["code"] == "TABLE_NOT_FOUND"
        assert f"there is no hot tier in {hot}, but a key in" in server.log()
        server.stop()
        shutil.rmtree(hot)
        away.rename(hot)
        server.start()
        server.flush("r.t")
        server.stop()
        hot.rename(away)
        refused(f"{server.data_dir / 'storage'} holds files of tables: is the disk of the hot tier mounted?")
        assert not hot.exists() and len(server.parquet_files()) == 1
        away.rename(hot)
        (hot / "CURRENT").rename(away)
        before = sorted(path.name for path in hot.iterdir())
        refused("its file CURRENT is missing")
        assert sorted(path.name for path in hot.iterdir()) == before
        away.rename(hot / "CURRENT")
        server.start()
        assert server.client().rows("SELECT id FROM r.t") == [[1]]


def test_health(own_server):
    status, _, data = own_server.client().request("GET", "/health")
    import json
    body = json.loads(data)
    assert status == 200 and body["status"] == "healthy" and body["api_version"] == "v1"
    status, _, data = own_server.client().request("GET", "/health", headers={"X-Forwarded-For": "8.8.8.8"})
    assert status == 403


def test_bad_configuration_names_the_key():
    for config, key in (("[server]\nport = \"x\"\n", "port"), ("[server]\nport = 700000\n", "port"),
                        ("[storage]\ndurability = \"sometimes\"\n", "durability"), ("[server\n", "line 1")):
        server = kalam.Server(config=config)
        server.port = kalam.free_port()
        server.start(wait=False)
        assert server.process.wait(20) != 0
        assert key in server.log(), server.log()


def test_a_stop_leaves_no_log_to_replay(server, db, space):
    """What a stop writes to files the next start need not read again."""
    def log_bytes():
        return sum(path.stat().st_size for path in (server.data_dir / "rocksdb").glob("*.log"))
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999")
    db.sql("CREATE STREAM TABLE s (id BIGINT PRIMARY KEY) TTL '1h'")
    for start in range(0, 2000, 500):
        db.sql("INSERT INTO t VALUES " + ",".join(f"({i}, '{'x' * 500}')" for i in range(start, start + 500)))
    db.sql("INSERT INTO s VALUES (1)")
    assert log_bytes() > 1_000_000
    server.stop()
    assert log_bytes() < 10_000
    server.start()
    db = server.client()
    assert db.value(f"SELECT count(*) FROM {space}.t") == "2000"
    assert db.value(f"SELECT count(*) FROM {space}.s") == "0"


def slow_reader(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.settimeout(30)
    sock.connect(("127.0.0.1", port))
    return sock


def read_until(sock, wanted):
    data = b""
    while wanted not in data:
        part = sock.recv(4096)
        assert part, data
        data += part


def read_all(sock):
    data = bytearray()
    while part := sock.recv(1 << 20):
        data += part
    return bytes(data)


def is_stopping(client):
    """It says so, or takes no connections any more."""
    try:
        return client.request("GET", "/health")[0] == 503
    except OSError:
        return True


def test_stop_sends_what_is_queued(own_server):
    """Answers of statements that have ended, whole and in parts, and the last word to WebSockets, to who reads slowly."""
    server = own_server
    server.client().batch("CREATE NAMESPACE r; CREATE SHARED TABLE r.t (id BIGINT PRIMARY KEY, v TEXT)")
    ws = slow_reader(server.port)
    ws.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-User-Id: root\r\n\r\n")
    read_until(ws, b"auth_success")
    text = b'{"type":"subscribe","subscriptions":[{"query_id":"s","sql":"SELECT * FROM r.t"}]}'
    ws.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    read_until(ws, b'"status":"ready"')
    for number in range(4):
        server.client().sql("INSERT INTO r.t VALUES ($1, $2)", [number, "x" * 500_000])
    kalam.wait_until(lambda: server.client().rows("SELECT changes FROM system.live_queries") in ([[4]], [["4"]]), 10, "all are queued")
    answers = {}
    for rows in (900, 2500):
        body = json.dumps({"sql": f"SELECT repeat('y', 1000) AS v FROM generate_series(1, {rows})"}).encode()
        answers[rows] = slow_reader(server.port)
        answers[rows].sendall(b"POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                              % len(body) + body)
    idle = server.client()
    kalam.wait_until(lambda: "http_requests_in_flight 0" in idle.request("GET", "/metrics")[2].decode(), 10, "both have ended")
    server.process.terminate()
    kalam.wait_until(lambda: is_stopping(idle), 10, "it stops")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        whole, parts, last = pool.map(read_all, [*answers.values(), ws])
    assert whole.count(b"y" * 1000) == 900 and parts.count(b"y" * 1000) == 2500 and parts.endswith(b"\r\n0\r\n\r\n")
    assert last.count(b"x" * 500_000) == 4 and last.endswith(b"\x88\x19\x03\xe9server is shutting down")
    assert server.process.wait(20) == 0
