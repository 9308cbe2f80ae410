"""Live queries on stored system tables: for dba and system; rows look as in SELECT, secrets included (***)."""
import kalam
import pytest
from wire import Wire


@pytest.fixture
def ws(server):
    socket = server.websocket()
    yield socket
    socket.close()


def drain(socket, rows, identifier):
    for change in socket.changes(identifier):
        rows.apply(change)
    return rows.rows


@pytest.mark.parametrize("table, key, columns", [
    ("users", "user_id", "user_id, username, role, password_hash, api_key, email"),
    ("tables", "table_id", "table_id, table_name, table_type, current_schema_version, flush_policy"),
    ("table_schemas", "schema_id", "schema_id, table_id, version, changes"),
    ("jobs", "job_id", "job_id, job_type, status, namespace_id, table_name"),
    ("namespaces", "namespace_id", "namespace_id, options"), ("storages", "storage_id", "storage_id, storage_type, credentials")])
def test_rows_follow_select(server, db, space, ws, table, key, columns):
    def shown():
        stored = " WHERE table_type <> 'SYSTEM'" if table == "tables" else ""  # built-in ones are never stored
        return sorted(tuple(r) for r in db.rows(f"SELECT {columns} FROM system.{table}{stored}"))
    rows = kalam.RowSet((key,), ws.subscribe("s", f"SELECT {columns} FROM system.{table}", options={}))
    names = columns.split(", ")

    def follows():
        return sorted(tuple(r[n] for n in names) for r in drain(ws, rows, "s").values()) == shown()
    kalam.wait_until(follows, 20, f"first rows of system.{table}")  # jobs of tests before may be ending
    user = f"live_{table}"
    db.sql(f"CREATE USER {user} WITH PASSWORD 'sehr geheim 7' ROLE user")
    db.sql(f"CREATE NAMESPACE {space}x")
    db.sql(f"CREATE SHARED TABLE {space}x.t (id BIGINT PRIMARY KEY)")
    db.sql(f"INSERT INTO {space}x.t VALUES (1)")
    server.flush(f"{space}x.t", db)
    db.sql(f"ALTER TABLE {space}x.t ADD COLUMN n INT")
    db.sql(f"ALTER USER {user} SET ROLE service")
    db.sql(f"ALTER NAMESPACE {space}x SET OPTIONS (a = 1)") if table == "namespaces" else None
    db.sql(f"DROP TABLE {space}x.t")
    db.sql(f"DROP USER {user}")
    db.sql(f"DROP NAMESPACE {space}x")
    kalam.wait_until(follows, 20, f"rows of system.{table}")
    if table in ("users", "storages"):
        text = str(rows.rows) + str(ws.inbox)
        assert "argon2" not in text
    if table == "users":
        assert any(r["password_hash"] == "***" for r in rows.rows.values()) or user not in str(rows.rows)


def test_transitions_and_aliases(server, db, space, ws):
    assert ws.subscribe("j", "SELECT job_id, queue, status FROM system.jobs WHERE status = 'COMPLETED' AND namespace_id = "
                        f"'{space}'", options={}) == []
    db.sql("CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)")
    db.sql("INSERT INTO t VALUES (1)")
    job = server.flush(f"{space}.t", db)
    change = ws.expect("change", "j")
    assert change["change_type"] == "insert" and change["rows"][0]["job_id"] == job["job_id"]
    assert change["rows"][0]["status"] == "completed" and "_seq" in change["rows"][0]
    ws.subscribe("d", "SELECT user_id FROM system.users WHERE deleted_at IS NOT NULL OR user_id = 'gone'")
    db.sql("CREATE USER gone WITH PASSWORD 'sehr geheim 7' ROLE user")
    db.sql("DROP USER gone")
    assert [ws.expect("change", "d")["change_type"] for _ in range(2)] == ["insert", "update"]


def test_secrets_are_no_oracle(db, ws):
    """A filter sees what SELECT shows."""
    db.sql("CREATE USER oracle WITH PASSWORD 'sehr geheim 7' ROLE user")
    ws.subscribe("x", "SELECT user_id FROM system.users WHERE password_hash LIKE '%argon2%'")
    rows = ws.subscribe("y", "SELECT user_id FROM system.users WHERE password_hash = '***'", options={})
    assert "oracle" in [r["user_id"] for r in rows]
    db.sql("ALTER USER oracle SET EMAIL 'a@b.c'")
    assert ws.expect("change", "y")["change_type"] == "update"
    assert ws.changes("x") == []


def test_resume_within_the_ring(server, db, ws):
    ws.subscribe("r", "SELECT user_id FROM system.users", options={})
    position = ws.ready["last_seq_id"]
    db.sql("CREATE USER resumed WITH PASSWORD 'sehr geheim 7' ROLE user")
    assert [r["user_id"] for r in ws.subscribe("r2", "SELECT user_id FROM system.users", options={"from": position})] == ["resumed"]


def test_resume_tells_megabytes_of_deleted_rows():
    """More than is kept as JSON for what can be read again: deleted rows of a system table cannot."""
    with kalam.Server() as server:
        db, ws = server.client(), server.websocket()
        ws.subscribe("n", "SELECT * FROM system.namespaces", options={})
        position = ws.ready["last_seq_id"]
        for i in range(12):
            db.sql(f"CREATE NAMESPACE gone{i} WITH OPTIONS (a = '{'x' * 400_000}')")
        for i in range(12):
            db.sql(f"DROP NAMESPACE gone{i}")
        ws.subscribe("r", "SELECT * FROM system.namespaces", options={"from": position, "batch_size": 4})
        deleted = [row["namespace_id"] for change in ws.changes("r") for row in change["old_values"]]
        assert sorted(deleted) == sorted(f"gone{i}" for i in range(12))
        for i in range(12, 24):
            db.sql(f"CREATE NAMESPACE gone{i} WITH OPTIONS (a = '{'x' * 400_000}')")
            db.sql(f"DROP NAMESPACE gone{i}")
        with pytest.raises(kalam.SqlError) as refused:  # more than live.queue_bytes
            ws.subscribe("s", "SELECT * FROM system.namespaces", options={"from": position})
        assert refused.value.code == "RESUME_FAILED"
        ws.close()
        server.stop()


def test_deletes_after_an_overflow_of_what_is_held():
    """Loading holds back four changes; of the others the difference is told, deleted rows included."""
    with kalam.Server(config="[live]\nqueue_events = 4\n") as server:
        db, ws = server.client(), server.websocket()
        for i in range(3):
            db.sql(f"CREATE NAMESPACE a{i}")
        ws.send({"type": "subscribe", "subscription": {"id": "n", "sql": "SELECT namespace_id FROM system.namespaces",
                                                       "options": {"batch_size": 1}}})
        batch = ws.expect("initial_data_batch", "n")
        rows = kalam.RowSet(("namespace_id",), batch["rows"])
        for i in range(5):
            db.sql(f"CREATE NAMESPACE b{i}")
        for name in ("a1", "a2", "b3"):
            db.sql(f"DROP NAMESPACE {name}")
        while batch["batch_control"]["has_more"]:
            ws.send({"type": "next_batch", "subscription_id": "n"})
            batch = ws.expect("initial_data_batch", "n")
            for row in batch["rows"]:
                rows.rows[rows.key_of(row)] = row
        db.sql("CREATE NAMESPACE last")
        kalam.wait_until(lambda: ("last",) in drain(ws, rows, "n"), 20, "the newest change")
        shown = {name for (name,) in rows.rows} - {"default", "system"}
        assert shown == {"a0", "b0", "b1", "b2", "b4", "last"}
        ws.close()
        server.stop()


def follow(wire, names, changes_max):
    """Applies what comes to `names` until so many changes, an error or silence: the position to resume from."""
    position = None
    while changes_max > 0 and (message := wire.next(1.0)) is not None and message["type"] != "error":
        control = message.get("batch_control") or {}
        names |= {row["namespace_id"] for row in message.get("rows") or []}
        names -= {row["namespace_id"] for row in message.get("old_values") or []}
        if message["type"] == "change" and position is not None:
            position = max(position, *(int(row["_seq"]) for row in message.get("rows") or message["old_values"]))
            changes_max -= 1
        elif control.get("status") == "ready":
            position = control["last_seq_id"]
        elif control.get("has_more") and message["type"] == "initial_data_batch":
            wire.send({"type": "next_batch", "subscription_id": "n"})
    return position


def test_deletes_after_an_overflow_that_are_cut_off():
    """A connection lost between two messages of what was deleted: the resume tells the rest."""
    with kalam.Server(config="[live]\nqueue_events = 2\nqueue_bytes = 33554432\n") as server:
        db, names = server.client(), set()
        for i in range(12):
            db.sql(f"CREATE NAMESPACE gone{i} WITH OPTIONS (a = '{'x' * 400_000}')")
        wire = Wire(server.port, "root")

        def subscribe(options):
            wire.send({"type": "subscribe", "subscription": {"id": "n", "sql": "SELECT * FROM system.namespaces",
                                                             "options": options}})
        subscribe({"batch_size": 12})
        while not names:
            names |= {row["namespace_id"] for row in wire.next().get("rows") or []}
        for i in range(12):
            db.sql(f"DROP NAMESPACE gone{i}")
        db.sql("CREATE NAMESPACE stays")
        wire.send({"type": "next_batch", "subscription_id": "n"})
        position = follow(wire, names, changes_max=1)
        assert sum(name.startswith("gone") for name in names) > 1, "one message told all"
        wire.close()
        wire = Wire(server.port, "root")
        subscribe({"from": position})
        follow(wire, names, changes_max=12)
        assert names == {name for (name,) in db.rows("SELECT namespace_id FROM system.namespaces")}
        server.stop()


@pytest.mark.parametrize("sql, code", [
    ("SELECT * FROM system.live_queries", "UNSUPPORTED"), ("SELECT * FROM system.metrics", "UNSUPPORTED"),
    ("SELECT table_count FROM system.namespaces", "UNSUPPORTED"),
    ("SELECT namespace_id FROM system.namespaces WHERE table_count > 1", "UNSUPPORTED"),
    ("SELECT nothing FROM system.jobs", "INVALID_SQL")])
def test_refusals(ws, sql, code):
    with pytest.raises(kalam.SqlError) as failure:
        ws.subscribe("x", sql)
    assert failure.value.code == code


@pytest.mark.parametrize("role", ["user", "service"])
def test_only_for_administrators(server, db, role):
    db.sql(f"CREATE USER only_{role} WITH PASSWORD 'sehr geheim 7' ROLE {role}")
    socket = server.websocket(f"only_{role}")
    for table in ("users", "jobs", "tables"):
        with pytest.raises(kalam.SqlError) as failure:
            socket.subscribe("x", f"SELECT * FROM system.{table}")
        assert failure.value.code == "UNAUTHORIZED"
    socket.close()


def test_star_shows_what_is_stored(ws):
    ws.subscribe("n", "SELECT * FROM system.namespaces", options={})
    names = [c["name"] for c in ws.ack["schema"]]
    assert "table_count" not in names and names[-1] == "_seq"
