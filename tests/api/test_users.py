"""CREATE, ALTER, DROP USER and system.users, sentence by sentence of the reference, on a server that asks who is there."""
import accounts
import pytest
from accounts import PASSWORD

OK = None


@pytest.fixture(scope="module")
def server():
    with accounts.guarded(accounts.NO_RATE) as running:
        yield running
        running.stop()


@pytest.fixture(scope="module")
def root(server):
    return accounts.client(server)


def outcome(client, sql):
    status, body = client.post(sql)
    return OK if status == 200 else body["error"]["code"]


WITH = f"WITH PASSWORD '{PASSWORD}'"


@pytest.mark.parametrize("sql,expected", [
    (f"CREATE USER c1 {WITH}", OK), (f"CREATE USER c1 {WITH}", "ALREADY_EXISTS"),
    (f"CREATE USER IF NOT EXISTS c1 {WITH}", OK),
    (f"CREATE USER 'C2.x@y' {WITH} ROLE developer EMAIL 'a@b.c' USERNAME 'C Two' METADATA '{{\"a\":1}}' "
     "STORAGE_MODE region STORAGE local", OK),
    ("CREATE USER c3 WITH INTERNAL ROLE service", OK), (f"CREATE USER c4 {WITH} ROLE 'viewer'", OK),
    (f"CREATE USER c5 {WITH} ROLE readonly", OK), (f"CREATE USER c6 {WITH} ROLE analyst", OK),
    (f"CREATE USER c7 {WITH} ROLE admin", OK), (f"CREATE USER c8 {WITH} ROLE SYSTEM", OK),
    (f"CREATE USER x {WITH} ROLE anonymous", "INVALID_SQL"), (f"CREATE USER x {WITH} ROLE king", "INVALID_SQL"),
    ("CREATE USER x WITH PASSWORD 'short'", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x WITH PASSWORD '{'p' * 257}'", "CONSTRAINT_VIOLATION"),
    ("CREATE USER x WITH PASSWORD 'Password1'", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x {WITH} INTERNAL", "INVALID_SQL"), ("CREATE USER x", "INVALID_SQL"),
    ("CREATE USER x WITH ROLE user", "INVALID_SQL"), ("CREATE USER x WITH OAUTH 'g'", "NOT_SUPPORTED"),
    (f"CREATE USER x {WITH} OWNER_ID 'y'", "INVALID_SQL"), (f"CREATE USER x {WITH} ROLE user ROLE dba", "INVALID_SQL"),
    (f"CREATE USER x {WITH} METADATA 'none'", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x {WITH} STORAGE nowhere", "STORAGE_NOT_FOUND"),
    (f"CREATE USER x {WITH} STORAGE_MODE odd", "INVALID_SQL"), (f"CREATE USER x {WITH} USERNAME ''", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x {WITH} USERNAME '{'ü' * 129}'", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x {WITH} EMAIL '{'e' * 257}'", "CONSTRAINT_VIOLATION"),
    (f"CREATE USER x {WITH} VALID UNTIL 'y'", "INVALID_SQL"), (f"CREATE USER root {WITH}", "ALREADY_EXISTS"),
    ("ALTER USER c1 SET PASSWORD 'ganz anders 8'", OK), ("ALTER USER c1 SET PASSWORD 'short'", "CONSTRAINT_VIOLATION"),
    ("ALTER USER c1 SET ROLE dba", OK), ("ALTER USER c1 SET ROLE = user", OK), ("ALTER USER c1 SET ROLE king", "INVALID_SQL"),
    ("ALTER USER c1 SET EMAIL 'x@y.z', USERNAME 'Zwei'", OK), ("ALTER USER c1 SET METADATA '[1]'", OK),
    ("ALTER USER c1 SET STORAGE_MODE region", OK), ("ALTER USER c1 SET STORAGE local", OK),
    ("ALTER USER c1 SET STORAGE nowhere", "STORAGE_NOT_FOUND"), ("ALTER USER c1 SET INTERNAL", "INVALID_SQL"),
    ("ALTER USER c1 RENAME TO c9", "INVALID_SQL"), ("ALTER USER ghost SET ROLE user", "USER_NOT_FOUND"),
    ("ALTER USER root SET ROLE user", "INVALID_OPERATION"), ("ALTER USER root SET ROLE system", OK),
    ("UPDATE system.users SET role = 'dba' WHERE user_id = 'root'", "INVALID_OPERATION"),
    ("DROP USER root", "INVALID_OPERATION"), ("DELETE FROM system.users WHERE user_id = 'root'", "INVALID_OPERATION"),
    ("DROP USER ghost", "USER_NOT_FOUND"), ("DROP USER IF EXISTS ghost", OK), ("DROP USER c4", OK),
    ("DROP USER c4", "USER_NOT_FOUND"), ("ALTER USER c4 SET ROLE dba", "USER_NOT_FOUND"),
    (f"CREATE USER c4 {WITH}", "ALREADY_EXISTS"), (f"CREATE USER IF NOT EXISTS c4 {WITH}", "ALREADY_EXISTS"),
    ("INSERT INTO system.users (user_id, username) VALUES ('c4', 'x')", "ALREADY_EXISTS"),
    ("UPDATE system.users SET deleted_at = NULL WHERE user_id = 'c4'", OK), ("ALTER USER c4 SET ROLE user", OK),
    ("INSERT INTO system.users (user_id, username) VALUES ('i1', 'One')", OK),
    ("INSERT INTO system.users (user_id, username, role, metadata) VALUES ('i2', 'Two', 'service', '{}')", OK),
    ("INSERT INTO system.users (user_id, username, metadata) VALUES ('i3', 'x', 'none')", "CONSTRAINT_VIOLATION"),
    ("INSERT INTO system.users (user_id, username) VALUES ('i3', '')", "CONSTRAINT_VIOLATION"),
    ("INSERT INTO system.users (user_id, username) VALUES ('', 'x')", "CONSTRAINT_VIOLATION"),
    ("INSERT INTO system.users (user_id) VALUES ('i3')", "CONSTRAINT_VIOLATION"),
    ("INSERT INTO system.users (user_id, username, password_hash) VALUES ('i3', 'x', 'y')", "INVALID_OPERATION"),
    ("INSERT INTO system.users (user_id, username, api_key) VALUES ('i3', 'x', 'y')", "INVALID_OPERATION"),
    ("INSERT INTO system.users (user_id, username, created_at) VALUES ('i3', 'x', NOW())", "INVALID_OPERATION"),
    ("UPDATE system.users SET password_hash = 'x' WHERE user_id = 'i1'", "INVALID_OPERATION"),
    ("UPDATE system.users SET user_id = 'y' WHERE user_id = 'i1'", "INVALID_OPERATION"),
    ("UPDATE system.users SET locked_until = NULL WHERE user_id = 'i1'", "INVALID_OPERATION"),
    ("UPDATE system.users SET deleted_at = NOW() WHERE user_id = 'i1'", "INVALID_OPERATION"),
    ("UPDATE system.users SET email = NULL WHERE user_id = 'i1'", OK),
    ("UPDATE system.users SET email = 'x' WHERE user_id = 'ghost'", "USER_NOT_FOUND"),
    ("DELETE FROM system.users WHERE user_id = 'i1'", OK), ("DELETE FROM system.users WHERE user_id = 'i1'", "USER_NOT_FOUND"),
    ("CREATE ROLE x", "NOT_SUPPORTED"), ("GRANT dba TO c1", "NOT_SUPPORTED"), ("REVOKE dba FROM c1", "NOT_SUPPORTED")])
def test_statements(root, sql, expected):
    assert outcome(root, sql) == expected


def test_deleted_users_are_hidden_unless_asked_for(root):
    root.sql(f"CREATE USER hidden {WITH}")
    root.sql("DROP USER hidden")
    asked = "SELECT user_id FROM system.users WHERE user_id = 'hidden'"
    assert root.rows(asked) == []
    assert root.rows(asked + " AND deleted_at IS NOT NULL") == [["hidden"]]
    root.sql("UPDATE system.users SET deleted_at = NULL WHERE user_id = 'hidden'")
    assert root.rows(asked) == [["hidden"]]


def test_dropped_user_is_refused_alike(server, root):
    root.sql(f"CREATE USER gone {WITH}")
    gone = accounts.client(server, "gone")
    assert gone.value("SELECT 1") == 1
    root.sql("DROP USER gone")
    status, body = gone.post("SELECT 1")
    assert status == 401 and body["error"]["code"] == "INVALID_CREDENTIALS"
    assert accounts.login(server, "gone")[:2] == accounts.login(server, "never-there")[:2]
    root.sql("UPDATE system.users SET deleted_at = NULL WHERE user_id = 'gone'")
    assert gone.post("SELECT 1")[0] == 401, "what was issued before stays refused"
    assert accounts.client(server, "gone").value("SELECT 1") == 1


def test_new_password_and_role_end_tokens_at_once(server, root):
    """Also a token of the very same second."""
    root.sql(f"CREATE USER chg {WITH}")
    password = PASSWORD
    for change in ("SET PASSWORD 'noch einmal 3'", "SET ROLE service", "SET ROLE user", f"SET PASSWORD '{PASSWORD}'"):
        before = accounts.client(server, "chg", password)
        assert before.value("SELECT 1") == 1
        root.sql("ALTER USER chg " + change)
        assert before.post("SELECT 1")[0] == 401, change
        password = change.split("'")[1] if "PASSWORD" in change else password
        assert accounts.client(server, "chg", password).value("SELECT 1") == 1, change
    refresh = accounts.login(server, "chg")[1]["refresh_token"]
    root.sql("ALTER USER chg SET EMAIL 'a@b.c'")
    assert accounts.auth(server, "refresh", headers={"Authorization": "Bearer " + refresh})[0] == 200
    root.sql("ALTER USER chg SET PASSWORD 'noch einmal 3'")
    assert accounts.auth(server, "refresh", headers={"Authorization": "Bearer " + refresh})[0] == 401


def key_client(server, key):
    client = server.client()
    client.headers = lambda: {"Content-Type": "application/json", "X-API-Key": key}
    return client


def test_api_key(server, root):
    root.sql("CREATE USER bot WITH INTERNAL ROLE service")
    result = root.sql("ALTER USER bot GENERATE API KEY")
    assert result.names == ["api_key"] and len(result.rows) == 1
    key = result.rows[0][0]
    bot = key_client(server, key)
    assert bot.value("SELECT CURRENT_USER()") == "bot"
    shown = root.sql("SELECT * FROM system.users WHERE user_id = 'bot'").dicts()[0]
    assert shown["api_key"] == "***" and shown["auth_type"] == "internal" and shown["password_hash"] is None
    assert all(key not in str(r) for r in root.rows("SELECT * FROM system.users")) and key not in server.log()
    for bad in (key[:-1], key + "0", key.upper(), "kalam_", "x", key[6:]):
        status, body = key_client(server, bad).post("SELECT 1")
        assert status == 401 and body["error"]["code"] == "INVALID_CREDENTIALS"
    with_socket = server.websocket(headers={"X-API-Key": key})
    second = root.value("ALTER USER bot GENERATE API KEY")
    assert with_socket.expect_closed()[0] == 1008
    assert bot.post("SELECT 1")[0] == 401 and key_client(server, second).value("SELECT 1") == 1
    with_socket = server.websocket(headers={"X-API-Key": second})
    root.sql("ALTER USER bot DROP API KEY")
    assert with_socket.expect_closed()[0] == 1008
    assert key_client(server, second).post("SELECT 1")[0] == 401
    stored = b"".join(p.read_bytes() for p in server.data_dir.rglob("*") if p.is_file())
    assert key.encode() not in stored and second.encode() not in stored and PASSWORD.encode() not in stored


@pytest.mark.parametrize("change", ["ALTER USER liver SET PASSWORD 'noch einmal 3'", "ALTER USER liver SET ROLE service",
                                    "DROP USER liver", "DELETE FROM system.users WHERE user_id = 'liver'"])
def test_changes_reach_live_connections(server, root, change):
    root.batch("CREATE NAMESPACE IF NOT EXISTS lv; CREATE USER TABLE IF NOT EXISTS lv.t (id BIGINT PRIMARY KEY)")
    if not root.rows("SELECT 1 FROM system.users WHERE user_id = 'liver' AND (deleted_at IS NULL OR true)"):
        root.sql(f"CREATE USER liver {WITH}")
    root.sql("UPDATE system.users SET deleted_at = NULL, role = 'user' WHERE user_id = 'liver'")
    root.sql(f"ALTER USER liver SET PASSWORD '{PASSWORD}'")
    for auth in ("upgrade", "message"):
        socket = server.websocket(token=accounts.client(server, "liver").token, auth=auth)
        socket.subscribe("s1", "SELECT * FROM lv.t")
        socket.subscribe("s2", "SELECT * FROM lv.t WHERE id > 5")
        if auth == "message":
            root.sql(change)
            assert {socket.expect("error", s)["code"] for s in ("s1", "s2")} == {"UNAUTHORIZED"}
            assert socket.expect_closed()[0] == 1008
        else:
            root.sql("ALTER USER liver SET EMAIL 'new@x.y'")
            root.sql("EXECUTE AS USER liver (INSERT INTO lv.t VALUES (9) ON CONFLICT DO NOTHING)")
            root.sql("EXECUTE AS USER liver (DELETE FROM lv.t)")
            socket.expect("change", "s2")
            socket.close()


def test_roles_on_users(server, root):
    """A dba touches no system user and grants no system; service and user touch nobody."""
    root.batch(f"CREATE USER sysu {WITH} ROLE system; CREATE USER other {WITH}")
    for name, role in (("rdba", "dba"), ("rsvc", "service"), ("rusr", "user")):
        root.sql(f"CREATE USER {name} {WITH} ROLE {role}")
        client = accounts.client(server, name)
        for sql in (f"CREATE USER r_{name} {WITH} ROLE system", "ALTER USER sysu SET EMAIL 'x'", "DROP USER sysu",
                    "ALTER USER sysu GENERATE API KEY", "ALTER USER sysu DROP API KEY", "ALTER USER sysu SET ROLE user",
                    "UPDATE system.users SET role = 'system' WHERE user_id = 'other'",
                    "UPDATE system.users SET email = 'x' WHERE user_id = 'sysu'",
                    "INSERT INTO system.users (user_id, username, role) VALUES ('r9', 'x', 'system')",
                    "DELETE FROM system.users WHERE user_id = 'sysu'"):
            assert outcome(client, sql) == "PERMISSION_DENIED", (name, sql)
        seen = [r[0] for r in client.rows("SELECT user_id FROM system.users")]
        assert (len(seen) > 3) if role == "dba" else seen == [name]
        assert [r[0] for r in client.rows("SHOW USERS")] == seen
        assert outcome(client, f"CREATE USER q_{name} {WITH}") == (OK if role == "dba" else "PERMISSION_DENIED")


def test_execute_as(server, root):
    root.batch("CREATE NAMESPACE ea; CREATE USER TABLE ea.t (id BIGINT PRIMARY KEY, who TEXT);"
               "CREATE SHARED TABLE ea.s (id BIGINT PRIMARY KEY); CREATE STREAM TABLE ea.e (id BIGINT PRIMARY KEY) TTL '1h'")
    clients = {"root": root}
    for name, role in (("eu", "user"), ("es", "service"), ("ed", "dba"), ("ey", "system")):
        root.sql(f"CREATE USER {name} {WITH} ROLE {role}")
        clients[name] = accounts.client(server, name)
    may = {"eu": {"eu"}, "es": {"es", "eu"}, "ed": {"ed", "es", "eu"}, "ey": {"ey", "ed", "es", "eu", "root"}}
    for caller, targets in may.items():
        for target in ("eu", "es", "ed", "ey", "root", "ghost"):
            got = outcome(clients[caller], f"EXECUTE AS USER '{target}' (SELECT CURRENT_USER(), CURRENT_ROLE())")
            want = (OK if target in targets else "USER_NOT_FOUND" if target == "ghost" and caller != "eu"
                    else "PERMISSION_DENIED")
            assert got == want, (caller, target)
    told = {clients["eu"].post(f"EXECUTE AS USER '{target}' (SELECT 1)")[1]["error"]["message"] for target in ("es", "root", "ghost")}
    assert len(told) == 1, "the same for names that exist and that do not"
    result = clients["es"].sql("EXECUTE AS USER eu (INSERT INTO ea.t VALUES (1, CURRENT_USER()) RETURNING who)")
    assert result.raw["as_user"] == "eu" and result.rows == [["eu"]]
    assert clients["eu"].rows("SELECT who FROM ea.t") == [["eu"]] and clients["es"].rows("SELECT * FROM ea.t") == []
    assert clients["ed"].rows("EXECUTE AS USER eu (SELECT CURRENT_ROLE(), count(*) FROM ea.t GROUP BY 1)") == [["user", "1"]]
    for inner, want in (("SELECT * FROM ea.s", "INVALID_OPERATION"), ("INSERT INTO ea.s VALUES (1)", "INVALID_OPERATION"),
                        ("SELECT * FROM ea.t JOIN ea.s USING (id)", "INVALID_OPERATION"),
                        ("SELECT * FROM ea.t WHERE id IN (SELECT id FROM ea.s)", "INVALID_OPERATION"),
                        ("SELECT * FROM system.users", "INVALID_OPERATION"),
                        ("SELECT count(*) FROM information_schema.tables", "INVALID_OPERATION"),
                        ("SELECT * FROM ea.root.t", "PERMISSION_DENIED"), ("INSERT INTO ea.es.t VALUES (2, 'x')", "PERMISSION_DENIED"),
                        ("SELECT * FROM ea.eu.t", OK), ("SELECT * FROM ea.user.t", OK), ("INSERT INTO ea.e VALUES (1)", OK),
                        ("SELECT * FROM ea.e", OK), ("DROP TABLE ea.t", "INVALID_SQL"), ("BEGIN", "INVALID_SQL"),
                        ("EXPLAIN SELECT 1", "INVALID_SQL"), ("EXECUTE AS USER eu (SELECT 1)", "INVALID_SQL"), ("", "INVALID_SQL"),
                        ("SELECT 1; SELECT 2", "INVALID_SQL"), ("USE ea", "INVALID_SQL"), ("CLEAR CACHE", "INVALID_SQL"),
                        ("CREATE USER x WITH INTERNAL", "INVALID_SQL"), ("SUBSCRIBE TO ea.t", "INVALID_SQL")):
        assert outcome(root, f"EXECUTE AS USER eu ({inner})") == want, inner
    root.sql("DROP USER eu")
    assert outcome(clients["ed"], "EXECUTE AS USER eu (SELECT 1)") == "USER_NOT_FOUND"
    assert "es executes as eu" in server.log()


def test_user_header_beside_credentials(server, root):
    root.batch("CREATE NAMESPACE xh; CREATE USER TABLE xh.t (id BIGINT PRIMARY KEY)")
    for name, role in (("hu", "user"), ("hs", "service")):
        root.sql(f"CREATE USER {name} {WITH} ROLE {role}")
    for name in ("hu", "hs"):
        client = accounts.client(server, name)
        client.user = name
        assert client.sql("SELECT CURRENT_ROLE()").raw["as_user"] == name
        client.user = "somebody"
        status, body = client.post("INSERT INTO xh.t VALUES (1)")
        assert (status, body.get("error", {}).get("code")) == ((403, "PERMISSION_DENIED") if name == "hu" else (200, None))
    assert root.rows("SELECT id FROM xh.somebody.t") == [["1"]]
    client.user = "root"
    assert client.rows("SELECT CURRENT_USER(), CURRENT_ROLE()") == [["root", "service"]]
    assert outcome(client, "CREATE NAMESPACE risen") == "PERMISSION_DENIED"


def test_grace_period_and_restart(server, root):
    """Who is deleted keeps his rows for the grace period; everything outlives a restart."""
    root.batch("CREATE NAMESPACE gr; CREATE USER TABLE gr.t (id BIGINT PRIMARY KEY)")
    root.sql(f"CREATE USER keeper {WITH}")
    keeper = accounts.client(server, "keeper")
    keeper.sql("INSERT INTO gr.t VALUES (7)")
    root.sql("DROP USER keeper")
    keeper.close()
    server.restart()
    root = accounts.client(server)
    assert keeper.post("SELECT 1")[0] == 401
    root.sql("UPDATE system.users SET deleted_at = NULL WHERE user_id = 'keeper'")
    assert accounts.client(server, "keeper").rows("SELECT id FROM gr.t") == [["7"]]
    assert keeper.post("SELECT 1")[0] == 401
