"""What the server tells about itself: DESCRIBE, SHOW, system tables, jobs, logs, metrics; and system tables that
can be written."""
import itertools
import json
import pathlib
import threading
import time

import kalam
import pytest


def fails(client, sql, code, part=""):
    status, body = client.post(sql)
    assert body["status"] == "error", body
    assert body["error"]["code"] == code and part in body["error"]["message"], body["error"]
    return body["error"]["message"]


# ---- DESCRIBE, SHOW ----------------------------------------------------------------------------


def test_describe_has_a_table_object(db, space):
    db.sql("CREATE USER TABLE notes (region TEXT, id BIGINT, v TEXT DEFAULT 'a', PRIMARY KEY (region, id)) "
           "FLUSH POLICY ROWS 500 INTERVAL '5 minutes' DELETED_RETENTION '2d'")
    for statement in ("DESCRIBE notes", "DESC TABLE notes", "SHOW COLUMNS IN notes"):
        result = db.sql(statement)
        assert [row["column_name"] for row in result.dicts()] == ["region", "id", "v", "_seq", "_updated", "_deleted"]
        table = result.raw["table"]
        created = table.pop("created_at")
        assert isinstance(created, int) and created == table.pop("updated_at")
        assert table.pop("history") == [{"version": 1, "created_at": created, "changes": "Initial schema"}]
        query = table.pop("history_query")
        assert table == {
            "namespace": space, "table_name": "notes", "table_type": "USER", "current_schema_version": 1,
            "primary_key": "region,id", "storage": "local",
            "location": "{namespace}/users/{tableName}/{shard}/{userId}", "use_user_storage": False,
            "flush_policy": {"rows": 500, "interval_seconds": 300}, "deleted_retention": "48h", "access": None,
            "stream_config": None, "comment": None, "last_flushed_at": None}
        assert db.rows(query) == [[1, created, "Initial schema"]]
    assert "table" not in db.sql("DESCRIBE notes HISTORY").raw
    assert "table" not in db.sql("SHOW TABLES").raw
    assert db.sql("DESCRIBE system.jobs").raw["table"]["table_type"] == "SYSTEM"


def test_describe_of_a_shared_table_shows_its_access(db, space):
    db.sql("CREATE SHARED TABLE cfg (k TEXT PRIMARY KEY) ACCESS RESTRICTED DELETED_RETENTION OFF LOCATION 'cfg/{tableName}'")
    table = db.sql("DESCRIBE cfg").raw["table"]
    assert (table["access"], table["deleted_retention"], table["location"]) == ("RESTRICTED", "off", "cfg/{tableName}")


def test_table_stats_are_real_figures(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, v TEXT) FLUSH ROWS 900000")
    db.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, 'x')" for i in range(100)))

    def stats():
        return db.sql("SHOW TABLE STATS t").dicts()[0]
    before = stats()
    assert (before["buffered_rows"], before["flushed_rows"], before["total_rows"]) == ("100", "0", "100")
    assert (before["parquet_files"], before["storage_size"], before["last_flush"]) == ("0", "0", None)
    assert before["flush_config"] == "ROWS 900000"
    server.flush(f"{space}.t", db)
    after = stats()
    assert (after["buffered_rows"], after["flushed_rows"], after["total_rows"], after["parquet_files"]) == \
        ("0", "100", "100", "1")
    segment = db.sql(f"SELECT * FROM system.segments WHERE namespace_id = '{space}'").dicts()[0]
    file = server.data_dir / "storage" / segment["path"]
    assert str(file.stat().st_size) == segment["bytes"] == after["storage_size"]
    assert (segment["rows"], segment["min_key"], segment["max_key"]) == ("100", "0", "99")
    assert isinstance(after["last_flush"], int)
    db.sql("UPDATE t SET v = 'y' WHERE id < 10")  # in both tiers now: counts in both
    both = stats()
    assert (both["buffered_rows"], both["flushed_rows"], both["total_rows"]) == ("10", "100", "110")


def test_the_last_flush_of_a_table_is_in_its_row(own_server):
    """In system.tables and DESCRIBE, told to subscribers, kept by ALTER and over a restart."""
    db = own_server.client()
    db.sql("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY, v TEXT)")
    query = "SELECT table_id, updated_at, last_flushed_at FROM system.tables WHERE table_id = 'n:t'"

    def last_flush(client):
        flushed = client.sql(query).dicts()[0]["last_flushed_at"]
        assert client.sql("DESCRIBE n.t").raw["table"]["last_flushed_at"] == flushed
        assert client.sql("SHOW TABLE STATS n.t").dicts()[0]["last_flush"] == flushed
        return flushed

    def flush(client):
        own_server.client("ann").sql("INSERT INTO n.t (id) VALUES (SNOWFLAKE_ID() % 1000000000)")
        client.sql("INSERT INTO n.t (id) VALUES (SNOWFLAKE_ID() % 1000000000)")
        own_server.flush("n.t", client)
        return last_flush(client)
    assert last_flush(db) is None
    socket = own_server.websocket()
    old = socket.subscribe("s", query, options={})[0]
    first = flush(db)
    change = socket.expect("change", "s")
    assert (change["change_type"], change["rows"][0]["last_flushed_at"]) == ("update", first)
    assert old["last_flushed_at"] is None and change["rows"][0]["updated_at"] == old["updated_at"]
    socket.close()
    own_server.flush("n.t", db)  # nothing to flush
    assert last_flush(db) == first
    second = flush(db)
    assert second > first
    db.sql("ALTER TABLE n.t ADD COLUMN w TEXT")
    assert last_flush(db) == second
    own_server.restart()
    db = own_server.client()
    assert last_flush(db) == second < flush(db)
    db.sql("DROP TABLE n.t; CREATE USER TABLE n.t (id INT PRIMARY KEY)")
    assert last_flush(db) is None
    db.close()


@pytest.mark.parametrize("table", [
    "system.users", "system.namespaces", "system.tables", "system.table_schemas", "system.storages", "system.jobs",
    "system.storage_locations", "system.table_options", "system.live_queries", "system.user_table_counters",
    "system.segments", "system.settings", "information_schema.schemata", "information_schema.tables",
    "information_schema.columns"])
def test_a_key_finds_the_rows_that_a_scan_finds(server, db, space, table):
    """Each key by itself, the keys of one column at once, one that nobody has, in the letters it is stored with."""
    db.sql("CREATE SHARED TABLE s (id INT PRIMARY KEY, v TEXT); CREATE USER TABLE u (id INT PRIMARY KEY)")
    db.sql("INSERT INTO s VALUES (1, 'x'); INSERT INTO u VALUES (1)")
    ann = server.client("ann")
    ann.sql(f"INSERT INTO {space}.u VALUES (1)")
    server.flush(f"{space}.s", db)
    socket = server.websocket()
    socket.subscribe("one", f"SELECT * FROM {space}.s")
    socket.subscribe("two", f"SELECT * FROM {space}.s")
    keys = [r[0] for r in db.rows(f"SELECT column_name FROM information_schema.columns WHERE is_primary_key AND "
                                  f"table_schema || '.' || table_name = '{table}' ORDER BY ordinal_position")]
    listed = ", ".join(keys)
    for client in (db, ann):
        if client is ann and client.post(f"SELECT {listed} FROM {table}")[0] != 200:
            continue  # not for users
        rows = client.rows(f"SELECT {listed} FROM {table}")
        rows = [r for r in rows if space in r or table != "information_schema.columns"]
        assert rows or client is ann
        for row in rows[:25]:
            key = " AND ".join(f"{k} = ${i + 1}" for i, k in enumerate(keys))
            assert client.rows(f"SELECT {listed} FROM {table} WHERE {key}", row) == [row]
            assert client.rows(f"SELECT {listed} FROM {table} WHERE {key}", [*row[:-1], row[-1] + "x"]) == []
            for at, name in enumerate(keys):
                rest = " AND ".join(f"{k} = ${i + 1}" for i, k in enumerate(keys) if i != at)
                several = sorted({r[at] for r in rows})[:200] + ["live", "schemas"]
                sql = f"SELECT {listed} FROM {table} WHERE {name} IN ({', '.join(repr(v) for v in several)}, ${at + 1})"
                same = [r for r in rows if r[at] in several and r[:at] + r[at + 1:] == row[:at] + row[at + 1:]]
                assert sorted(client.rows(sql + (" AND " + rest if rest else ""), row)) == sorted(same)
    socket.close()
    ann.close()


def test_a_table_is_found_once_by_its_names(db):
    """The old names are no names of rows."""
    rows = db.rows("SELECT table_id FROM system.tables WHERE table_id IN "
                   "('system:live', 'system:live_queries', 'system:schemas', 'system:table_schemas')")
    assert rows == [["system:live_queries"], ["system:table_schemas"]]


def test_stats_of_one_user(server, db, space):
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY)")
    db.sql("CREATE USER ann WITH INTERNAL; CREATE USER bob WITH INTERNAL")
    ann, bob = server.client("ann"), server.client("bob")
    ann.namespace = bob.namespace = space
    ann.sql("INSERT INTO t VALUES (1), (2)")
    bob.sql("INSERT INTO t VALUES (1)")
    assert db.sql("SHOW STATS FOR TABLE t").dicts()[0]["buffered_rows"] == "3"
    assert db.sql("SHOW STATS FOR TABLE t FOR USER 'ann'").dicts()[0]["buffered_rows"] == "2"
    assert ann.sql("SHOW STATS FOR TABLE t").dicts()[0]["buffered_rows"] == "2"
    fails(ann, "SHOW STATS FOR TABLE t FOR USER 'bob'", "PERMISSION_DENIED")
    # a name with a user says the same
    stats = "SHOW STATS FOR TABLE {}.{}.t"
    rows = {who: db.sql(stats.format(space, who)).dicts()[0]["buffered_rows"] for who in ("ann", "bob", "nobody", "user")}
    assert rows == {"ann": "2", "bob": "1", "nobody": "0", "user": "0"}
    assert ann.sql(stats.format(space, "ann")).dicts()[0]["buffered_rows"] == "2"
    fails(ann, stats.format(space, "bob"), "PERMISSION_DENIED")
    fails(ann, f"DESCRIBE {space}.bob.t", "PERMISSION_DENIED")
    fails(db, stats.format(space, "ann") + " FOR USER ann", "INVALID_SQL")
    fails(db, f"STORAGE FLUSH TABLE {space}.ann.t", "INVALID_SQL")
    db.sql("CREATE SHARED TABLE s (id INT PRIMARY KEY)")
    for sql in (f"SHOW STATS FOR TABLE {space}.ann.s", "SHOW STATS FOR TABLE s FOR USER ann", f"DESCRIBE {space}.ann.s"):
        fails(db, sql, "INVALID_OPERATION")


def test_show_tables_is_sorted_over_all_namespaces(db, space):
    db.sql("CREATE SHARED TABLE b (id INT PRIMARY KEY)")
    db.sql("CREATE SHARED TABLE a (id INT PRIMARY KEY)")
    names = [(row["namespace"], row["table_name"]) for row in db.sql("SHOW TABLES").dicts()]
    assert names == sorted(names) and (space, "a") in names and ("system", "jobs") in names
    jobs = [row for row in db.sql("SHOW TABLES").dicts() if row["table_name"] == "jobs"]
    assert [(row["table_type"], row["storage"], row["flush_policy"]) for row in jobs] == [("SYSTEM", None, "N/A")]


# ---- jobs, drop --------------------------------------------------------------------------------


def test_dropping_a_table_is_a_job_with_figures(server, db, space):
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY, v TEXT)")
    for user in ("ann", "bob"):
        client = server.client(user)
        client.namespace = space
        client.sql("INSERT INTO t VALUES (1, 'x')")
    server.flush(f"{space}.t", db)
    files = [f for f in server.parquet_files() if f"/{space}/" in f]
    size = sum(pathlib.Path(f).stat().st_size for f in files)
    assert len(files) == 2
    literal = server.data_dir / "storage" / space / "users" / "t" / "${user_id}"
    literal.mkdir()
    db.sql("DROP USER TABLE t")
    fails(db, "SELECT * FROM t", "TABLE_NOT_FOUND", f'relation "{space}.t" does not exist')
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY)")  # free at once
    where = f"job_type = 'table_deletion' AND namespace_id = '{space}'"
    job = kalam.wait_until(lambda: [j for j in db.sql(f"SELECT * FROM system.jobs WHERE {where}").dicts()
                                    if j["status"] == "completed"], 30, "table_deletion")[0]
    assert job["table_name"] == "t" and job["result"] == f"2 files, {size} bytes deleted"
    assert job["error_message"] is None and job["completed_at"] >= job["started_at"] >= job["created_at"]
    assert not [f for f in server.parquet_files() if f"/{space}/" in f]
    assert literal.is_dir()
    assert db.rows("SELECT * FROM t") == []
    assert db.rows(f"SELECT version, dropped FROM system.table_schemas WHERE table_id = '{space}:t' ORDER BY dropped") == [[1, False], [1, True]]


def test_a_shared_table_has_its_folder_while_it_lives(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY) LOCATION 'cold-{namespace}/${table_name}'")
    folder = server.data_dir / "storage" / f"cold-{space}" / "t"
    assert folder.is_dir()
    db.sql("DROP TABLE t")
    kalam.wait_until(lambda: not folder.parent.exists(), 30, "the folder is gone")
    blocked = server.data_dir / "storage" / f"file-{space}"
    blocked.write_text("no folder")
    fails(db, "CREATE SHARED TABLE u (id INT PRIMARY KEY) LOCATION 'file-{namespace}/u'", "STORAGE_UNAVAILABLE", "local")
    fails(db, "SELECT * FROM u", "TABLE_NOT_FOUND")
    blocked.unlink()


def test_a_namespace_is_dropped_while_tables_are_made_in_it(server, db):
    """All of it or nothing, whatever others do meanwhile."""
    refused, ends = set(), time.monotonic() + 2

    def create(who):
        client = server.client()
        for number in itertools.count():
            if time.monotonic() > ends:
                return
            status, body = client.post(f"CREATE SHARED TABLE going.t{who}_{number} (id INT PRIMARY KEY)")
            if status != 200:
                refused.add((body["error"]["code"], body["error"]["message"]))

    threads = [threading.Thread(target=create, args=(who,)) for who in range(2)]
    for thread in threads:
        thread.start()
    dropped = 0
    while time.monotonic() < ends:
        db.sql("CREATE NAMESPACE going")
        db.post("CREATE SHARED TABLE going.base (id INT PRIMARY KEY)")
        db.sql("DROP NAMESPACE going CASCADE")
        dropped += 1
    for thread in threads:
        thread.join()
    codes = {code for code, _ in refused}
    assert dropped and codes <= {"NAMESPACE_NOT_FOUND", "CONFLICT"}, refused
    assert all("is being dropped" in message for code, message in refused if code == "CONFLICT"), refused
    assert db.value("SELECT count(*) FROM system.tables WHERE namespace_id = 'going'") == "0"


def test_a_watched_table_is_not_dropped(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY)")
    sockets = [server.websocket("root") for _ in range(2)]
    for n, socket in enumerate(sockets):
        socket.subscribe(f"watch{n}", f"SELECT * FROM {space}.t")
    message = fails(db, "DROP TABLE t", "CONFLICT", "2 active subscription(s)")
    assert "user_id root" in message and "query_id watch0" in message and "query_id watch1" in message
    ids = [row[0] for row in db.rows(f"SELECT connection_id FROM system.live WHERE namespace_id = '{space}'")]
    assert all(f"connection_id {i}" in message for i in ids) and len(ids) == 2
    fails(db, f"DROP NAMESPACE {space} CASCADE", "CONFLICT", "2 active subscription(s)")
    for socket in sockets:
        socket.close()
    kalam.wait_until(lambda: db.value(f"SELECT count(*) FROM system.live WHERE namespace_id = '{space}'") == "0", 10)
    db.sql("DROP TABLE t")


def test_jobs_by_every_name(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY)")
    db.sql("INSERT INTO t VALUES (1)")
    job = server.flush(f"{space}.t", db)
    job_id = job["job_id"]
    assert job["status"] == "completed" and job["node"] and job["trace"].startswith(job["node"] + ":")
    old = ("queue", "namespace", "message", "exception_trace", "memory_used_mb", "node_id", "leader_node_id",
           "leader_status", "priority", "start_time", "finished_at", "end_time", "updated_at", "error")
    expected = [job["job_type"], job["namespace_id"], job["result"], job["trace"],
                str(int(job["memory_used"]) // 1048576), job["node"], None, None, 0, job["started_at"],
                job["completed_at"], job["completed_at"], job["completed_at"], job["error_message"]]
    assert db.rows(f"SELECT {', '.join(old)} FROM system.jobs WHERE job_id = $1", [job_id]) == [expected]
    qualified = ", ".join("j." + name for name in old)
    assert db.rows(f"SELECT {qualified} FROM system.jobs j JOIN system.namespaces n ON n.name = j.namespace "
                   f"WHERE j.job_id = '{job_id}' AND j.queue = 'Flush' ORDER BY j.updated_at") == [expected]
    assert db.rows(f"SELECT job_id FROM system.jobs WHERE '{space}.t' = ANY(parameters) AND status = 'COMPLETED'") == \
        [[job_id]]
    assert db.rows("SELECT job_id FROM system.jobs WHERE 'nothing' = ANY (parameters)") == []
    assert "point lookup" in db.rows(f"EXPLAIN SELECT * FROM system.jobs WHERE job_id = '{job_id}'")[0][0]
    assert db.sql("SHOW JOBS").dicts()[0]["job_id"] == job_id  # newest first
    fails(db, f"KILL JOB '{job_id}'", "INVALID_OPERATION", "completed")
    fails(db, "DELETE FROM system.jobs", "INVALID_OPERATION", "read-only")


# ---- logs, metrics -----------------------------------------------------------------------------


def test_log_lines_are_a_table(db, space):
    fails(db, "SELECT 1 FROM nowhere.at_all", "TABLE_NOT_FOUND")
    columns = db.sql("SELECT * FROM system.logs LIMIT 1").names
    assert columns == ["timestamp", "level", "thread", "target", "line", "message"]
    rows = db.sql("SELECT * FROM system.logs WHERE target = 'request' AND level = 'INFO'").dicts()
    assert any("TABLE_NOT_FOUND" in row["message"] for row in rows), rows
    times = [int(row[0]) for row in db.rows("SELECT timestamp FROM system.logs")]
    # in the order in which they were written: a thread may wait between its clock and its turn
    assert all(later > earlier - 1_000_000 for earlier, later in zip(times, times[1:]))
    assert int(db.value("SELECT count(*) FROM system.logs WHERE message LIKE 'serving on %'")) == 1


def test_secrets_reach_no_log_line(db, space):
    db.sql(f"CREATE USER {space}_u WITH PASSWORD 'a very secret phrase'")
    fails(db, f"CREATE USER {space}_u WITH PASSWORD 'a very secret phrase'", "ALREADY_EXISTS")
    fails(db, f"ALTER USER {space}_u SET PASSWORD 'a very secret phrase' nonsense", "INVALID_SQL")
    assert db.value("SELECT count(*) FROM system.logs WHERE message LIKE '%very secret%'") == "0"


def test_literals_and_rows_reach_no_log_line(space):
    """Not even where DuckDB's message holds them."""
    with kalam.Server(config='[logging]\nlevel = "debug"\n') as server:
        client = server.client()
        client.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.t (id INT PRIMARY KEY, k TEXT); INSERT INTO n.t VALUES (1, 'in-the-row')")
        for sql in ("SELECT sum(CAST(k || 'in-the-text' AS INT)) FROM n.t GROUP BY id", "SELECT strftime(now(), 'in-the-text%Q')",
                    "SELECT CAST(k AS INT) FROM (SELECT 'in-the-text' AS k) x", "SELECT date_trunc('in-the-text', now()), count(*) FROM n.t"):
            assert client.post(sql)[0] == 400
        assert "in-the-" not in server.log()
        assert "duckdb: Conversion Error" in server.log()


def test_metrics_are_those_of_the_endpoint(db, space):
    def metric(name, where=""):
        return db.value(f"SELECT metric_value FROM system.metrics WHERE metric_name = 'kalamdb_{name}' {where}")
    before = metric("statements_total")
    requests = metric("http_requests_total", "AND labels ->> 'route' = 'sql' AND labels ->> 'status' = '2xx'")
    db.sql("SELECT 1")
    assert metric("statements_total") >= before + 2
    assert metric("http_requests_total", "AND labels ->> 'route' = 'sql' AND labels ->> 'status' = '2xx'") >= requests + 2
    status, headers, body = db.request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    lines = body.decode().splitlines()
    types = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}
    shown = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    histograms = {name for name, kind in types.items() if kind == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    assert shown == (set(types) - histograms) | parts and set(types.values()) == {"counter", "gauge", "histogram"}
    assert {row[0] for row in db.rows("SELECT DISTINCT metric_name FROM system.metrics")} == shown
    assert [line for line in lines if line.startswith('kalamdb_http_requests_total{route="sql",status="2xx"} ')]
    assert float([line for line in lines if line.startswith("kalamdb_uptime_seconds ")][0].split()[1]) > 0


# ---- who sees what -----------------------------------------------------------------------------


def test_visibility_by_role(server, db, space):
    db.sql("CREATE USER TABLE t (id INT PRIMARY KEY)")
    db.sql("CREATE SHARED TABLE secret (id INT PRIMARY KEY) ACCESS RESTRICTED")
    for name, role in (("v_user", "user"), ("v_service", "service"), ("v_dba", "dba")):
        db.sql(f"CREATE USER {space}_{name} WITH INTERNAL ROLE {role}")
    clients = {name: server.client(f"{space}_v_{name}") for name in ("user", "service", "dba")}
    socket = server.websocket(f"{space}_v_user")
    socket.subscribe("mine", f"SELECT * FROM {space}.t")
    for name, client in clients.items():
        client.namespace = space
        client.sql("INSERT INTO t VALUES (1)")

    def users(client, table, column="user_id"):
        return {row[0] for row in client.rows(f"SELECT {column} FROM system.{table} WHERE {column} LIKE '{space}_v_%'")}
    mine = {name: f"{space}_v_{name}" for name in clients}
    assert users(clients["user"], "users") == {mine["user"]}
    assert users(clients["service"], "users") == {mine["service"]}
    assert users(clients["dba"], "users") == set(mine.values())
    assert users(clients["user"], "user_table_counters") == {mine["user"]}
    assert users(clients["service"], "user_table_counters") == {mine["service"]}
    assert users(clients["dba"], "user_table_counters") == set(mine.values())
    assert users(clients["user"], "live_queries") == users(clients["service"], "live") == {mine["user"]}
    socket.close()
    own = server.flush(f"{space}.t", clients["service"])
    assert clients["user"].rows(f"SELECT job_id FROM system.jobs WHERE job_id = '{own['job_id']}'") == []
    assert clients["service"].rows("SELECT job_id FROM system.jobs WHERE job_id = $1", [own["job_id"]]) == \
        [[own["job_id"]]]
    for table in ("namespaces", "tables", "table_schemas", "schemas", "table_options"):
        assert clients["user"].sql(f"SELECT * FROM system.{table}").rows
    for table in ("schemata", "tables", "columns"):
        assert clients["user"].sql(f"SELECT * FROM information_schema.{table}").rows
    assert clients["user"].rows("SELECT table_name FROM information_schema.tables WHERE table_schema = $1", [space])
    for table in ("settings", "logs", "metrics", "segments", "storages", "storage_locations"):
        for name in ("user", "service"):
            fails(clients[name], f"SELECT * FROM system.{table}", "PERMISSION_DENIED", f"system.{table}")
        assert clients["dba"].sql(f"SELECT * FROM system.{table}").names


def test_settings_hide_secrets(own_server):
    own_server.stop()
    own_server.config = "[auth]\njwt_secret = 'this is a secret of thirty two bytes or more'\n"
    own_server.start()
    rows = {row["name"]: row for row in own_server.client().sql("SELECT * FROM system.settings").dicts()}
    assert rows["auth.jwt_secret"]["value"] == "***" and rows["auth.jwt_secret"]["source"] == "file"
    assert rows["server.port"]["source"] == "argument"
    assert rows["flush.default_row_limit"]["value"] == rows["flush.default_row_limit"]["default_value"] == "10000"


# ---- writing system tables ---------------------------------------------------------------------


def test_users_by_insert_update_delete(own_server):
    root = own_server.client()
    assert root.sql("INSERT INTO system.users (user_id, username, role, metadata) VALUES ('ann', 'Ann', 'service', "
                    "'{\"team\":7}'), ('bob', 'Bob', 'user', NULL)").message == "Inserted 2 row(s)"
    fails(root, "INSERT INTO system.users (user_id, username) VALUES ('ann', 'x')", "ALREADY_EXISTS",
          "User with user_id 'ann' already exists")
    fails(root, "UPDATE system.users SET email = 'x' WHERE user_id = 'nobody'", "USER_NOT_FOUND",
          "User with user_id 'nobody' not found")
    root.sql("CREATE USER TABLE default.t (id INT PRIMARY KEY)")
    ann = own_server.client("ann")
    ann.sql("INSERT INTO t VALUES (1)")
    assert root.sql("DELETE FROM system.users WHERE user_id = 'ann'").row_count == 1
    status, body = ann.post("SELECT * FROM t")
    assert status == 401 and body["error"]["code"] == "INVALID_CREDENTIALS", body
    own_server.restart()
    root = own_server.client()
    assert [row[0] for row in root.rows("SELECT user_id FROM system.users")] == ["bob", "root"]
    root.sql("UPDATE system.users SET deleted_at = NULL WHERE user_id = 'ann'")
    ann = own_server.client("ann")
    assert ann.rows("SELECT id FROM t") == [[1]]
    assert json.loads(ann.value("SELECT metadata FROM system.users")) == {"team": 7}
    assert ann.value("SELECT CURRENT_ROLE()") == "service"


def test_namespaces_by_insert_update_delete(own_server):
    root = own_server.client()
    root.sql("INSERT INTO system.namespaces (name, options) VALUES ('a', '{\"k\":1}'), ('b', NULL)")
    root.sql("CREATE SHARED TABLE a.t (id INT PRIMARY KEY)")
    fails(root, "DELETE FROM system.namespaces WHERE name = 'a'", "CONFLICT", "1 table(s): t")
    root.sql("UPDATE system.namespaces SET options = '{\"k\":2}' WHERE name = 'a'")
    root.sql("DELETE FROM system.namespaces WHERE name = 'b'")
    own_server.restart()
    assert own_server.client().rows("SELECT name, metadata, table_count FROM system.namespaces") == \
        [["a", '{"k":2}', 1], ["default", None, 0]]
