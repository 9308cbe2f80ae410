"""Every statement kind by every caller on every kind of table, from the table in tests/support/isolation.py."""
import itertools
import re

import accounts
import isolation
import kalam
import pytest
from isolation import CALLERS, ME, ROLE, TARGETS

cases = itertools.count(1)
numbers = itertools.count(1000)


class World:
    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.inserted = {}
        root = accounts.client(server)
        for name in ("ann", "bob", "svc", "dba", "sys"):
            role = {"ann": "user", "bob": "user", "svc": "service", "dba": "dba", "sys": "system"}[name]
            root.sql(f"CREATE USER {name} WITH PASSWORD '{accounts.PASSWORD}' ROLE {role}")
        columns = "(id BIGINT PRIMARY KEY, v TEXT)"
        root.batch("CREATE NAMESPACE iso; CREATE NAMESPACE made; CREATE USER tool WITH INTERNAL; CREATE USER tool2 WITH INTERNAL;"
                   f"CREATE USER TABLE iso.u {columns}; CREATE STREAM TABLE iso.e {columns} TTL '1h';"
                   f"CREATE SHARED TABLE iso.s_unset {columns};" + "".join(
                       f"CREATE SHARED TABLE iso.s_{a} {columns} ACCESS {a.upper()};" for a in ("public", "private", "restricted")) +
                   "".join(f"INSERT INTO iso.s_{a} VALUES (1, 'shared');" for a in ("unset", "public", "private", "restricted")) +
                   f"INSERT INTO iso.e VALUES (1, 'event'); BACKUP DATABASE made TO '{folder}/ready'")
        self.clients = {"anonymous": server.client(), "root": root}
        for name in ROLE:
            self.clients[name] = accounts.client(server, name)
            self.clients[name].sql("INSERT INTO iso.u VALUES (1, $1)", [name])
            self.inserted[name] = 1
        server.flush("iso.u", root)
        for name in ROLE:
            self.clients[name].sql("INSERT INTO iso.u VALUES (2, $1)", [name])
            self.inserted[name] += 1

    def ask(self, caller, sql):
        """(error code or None, rows of the last result)"""
        next(cases)
        status, body = self.clients[caller].post(sql)
        if caller == "anonymous":
            assert (status, body["error"]["code"]) == (401, "MISSING_AUTHORIZATION"), sql
            return "MISSING_AUTHORIZATION", []
        if body["status"] == "success":
            assert all(r["as_user"] == caller for r in body["results"] if "EXECUTE AS" not in sql), (caller, sql)
            return None, next((r["rows"] for r in reversed(body["results"]) if r.get("rows")), [])
        return body["error"]["code"], []


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with accounts.guarded("[security]\nmask_errors = false\n" + accounts.NO_RATE + "max_messages_per_sec = 0\n") as server:
        yield World(server, tmp_path_factory.mktemp("isolation"))
        server.stop()


def test_every_statement_kind_has_a_row():
    """Mechanical: a new kind in the parser's enum fails here until the table says who may."""
    header = (kalam.ROOT / "src/sql/ast.h").read_text()
    enum = re.search(r"enum ast_statement_kind \{(.*?)\};", header, re.S).group(1)
    kinds = set(re.findall(r"\bAST_[A-Z_]+\b", re.sub(r"/\*.*?\*/", "", enum, flags=re.S)))
    known = set(isolation.READS) | set(isolation.WRITES) | set(isolation.STATEMENTS) | set(isolation.ELSEWHERE)
    assert len(kinds) > 25 and kinds == known
    assert all(test in globals() for test in isolation.ELSEWHERE.values())
    shown = re.search(r"enum ast_show \{(.*?)\};", header, re.S).group(1)
    words = {w.replace("AST_SHOW_", "") for w in re.findall(r"AST_SHOW_[A-Z]+", shown)}
    text = " ".join(sql for sql, _, _ in isolation.STATEMENTS["AST_SHOW"])
    assert all(re.search(r"SHOW " + w + r"|SHOW TABLE " + w, text) for w in words), words


def test_every_system_table_has_a_row(world):
    assert {r[0] for r in world.clients["root"].rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'system'")} <= set(isolation.SYSTEM)


def whose(target, caller):
    return caller if target.rows == ME else target.rows


def allowed(target, least, caller):
    return caller != "anonymous" and (ROLE[caller] >= least or caller == target.owner)


@pytest.mark.parametrize("name", TARGETS)
def test_reads(world, name):
    target = TARGETS[name]
    for kind, statements in isolation.READS.items():
        for statement, caller in itertools.product(statements, CALLERS):
            sql = statement.format(t=target.name)
            code, rows = world.ask(caller, sql)
            if caller == "anonymous":
                continue
            assert code == (None if allowed(target, target.read, caller) else "PERMISSION_DENIED"), (caller, sql)
            if code is None and kind != "AST_EXPLAIN" and target.rows:
                owner = whose(target, caller)
                assert {r[-1] for r in rows} <= {owner, None}, (caller, sql, rows)
                assert rows or owner not in ROLE, (caller, sql)


@pytest.mark.parametrize("name", TARGETS)
def test_writes(world, name):
    target = TARGETS[name]
    for statements in isolation.WRITES.values():
        for statement, caller in itertools.product(statements, CALLERS):
            owner = whose(target, caller) or "anybody"
            sql = statement.format(t=target.name, n=next(numbers), owner=f"'{owner}'")
            code, _ = world.ask(caller, sql)
            if caller == "anonymous":
                continue
            good = allowed(target, target.write, caller)
            stream = "INVALID_OPERATION" if name == "stream" and "UPDATE" in statement else None
            assert code == (stream if good else "PERMISSION_DENIED"), (caller, sql)
            if good and statement.startswith("INSERT") and target.rows:
                world.inserted[owner] = world.inserted.get(owner, 0) + 1


@pytest.mark.parametrize("table", isolation.MISQUALIFIED)
def test_misqualified(world, table):
    for statement, caller in itertools.product(("SELECT * FROM {t}", "SELECT count(*) FROM {t} GROUP BY ALL", "DELETE FROM {t}",
                                                "INSERT INTO {t} VALUES (1, 'x')", "SUBSCRIBE TO {t}"), CALLERS[1:]):
        code, _ = world.ask(caller, statement.format(t=table))
        assert code == isolation.MISQUALIFIED[table], (caller, statement)


@pytest.mark.parametrize("table", isolation.SYSTEM)
def test_system_tables(world, table):
    least, owner = isolation.SYSTEM[table]
    everything = isolation.SEES_ALL.get(table, isolation.ANY)
    for caller in CALLERS:
        for statement in ("SELECT * FROM system.{s}", "SELECT count(*) FROM system.{s}", "SELECT s.* FROM system.{s} s LIMIT 50",
                          "WITH x AS (SELECT * FROM system.{s}) SELECT count(*) FROM x", "EXPLAIN SELECT * FROM system.{s}"):
            code, _ = world.ask(caller, statement.format(s=table))
            if caller != "anonymous":
                assert code == (None if ROLE[caller] >= least else "PERMISSION_DENIED"), (caller, statement, table)
        if caller != "anonymous" and owner and ROLE[caller] >= least:
            for column in (f"SELECT {owner} FROM system.{table}", f"SELECT {owner} FROM system.{table} GROUP BY ALL",
                           f"SELECT {owner} FROM system.{table} WHERE {owner} <> '{caller}'"):
                _, rows = world.ask(caller, column)
                if ROLE[caller] < everything:
                    assert {r[0] for r in rows} <= {caller}, (caller, column, rows)
        if caller != "anonymous" and ROLE[caller] < ROLE["dba"]:
            for statement in ("DELETE FROM system.{s}", "DELETE FROM system.{s} WHERE true"):
                code, _ = world.ask(caller, statement.format(s=table))
                assert code == "PERMISSION_DENIED", (caller, statement, table)


@pytest.mark.parametrize("table", isolation.INFORMATION)
def test_information_schema(world, table):
    for caller in CALLERS:
        code, rows = world.ask(caller, f"SELECT * FROM information_schema.{table}")
        assert caller == "anonymous" or (code is None and rows)
        if caller != "anonymous":
            code, _ = world.ask(caller, f"DELETE FROM information_schema.{table}")
            assert code in ("PERMISSION_DENIED", "INVALID_OPERATION"), (caller, table)


@pytest.mark.parametrize("kind", isolation.STATEMENTS)
def test_statements(world, kind):
    for (statement, least, then), caller in itertools.product(isolation.STATEMENTS[kind], CALLERS):
        if "SET ROLE system" in statement or "role = 'system' WHERE" in statement:
            world.clients["root"].batch("ALTER USER tool SET ROLE user; ALTER USER tool2 SET ROLE user")
        sql = statement.format(n=next(numbers), d=world.folder)
        code, _ = world.ask(caller, sql)
        if caller != "anonymous":
            assert code == (then if isolation.may(least, caller) else "PERMISSION_DENIED"), (caller, sql)


def test_execute_as(world):
    inner = ("SELECT v FROM iso.u", "SELECT v FROM iso.u GROUP BY v", "SELECT v FROM iso.user.u WHERE id = 1",
             "UPDATE iso.u SET v = v RETURNING v", "DELETE FROM iso.u WHERE id = -1 RETURNING v", "SELECT CURRENT_USER()")
    for caller, target, sql in itertools.product(CALLERS, ["ann", "bob", "svc", "dba", "sys", "root", "none"], inner):
        code, rows = world.ask(caller, f"EXECUTE AS USER {target} ({sql})")
        if caller == "anonymous":
            continue
        if target == "none":
            assert code == ("PERMISSION_DENIED" if ROLE[caller] == 0 else "USER_NOT_FOUND"), (caller, sql)
            continue
        assert code == (None if target in isolation.EXECUTE_AS[caller] else "PERMISSION_DENIED"), (caller, target, sql)
        assert {r[0] for r in rows} <= {target}, (caller, target, sql, rows)
    for caller, target in itertools.product(CALLERS[1:], TARGETS.values()):
        if target.name.startswith("kalamdb") or target.rows == ME:
            continue
        for sql in ("SELECT * FROM {t}", "INSERT INTO {t} VALUES ({n}, 'x')"):
            code, _ = world.ask(caller, f"EXECUTE AS USER {caller} ({sql.format(t=target.name, n=next(numbers))})")
            if target.name.startswith("iso.s_"):
                assert code == "INVALID_OPERATION", (caller, sql, target.name)
            elif target.name == "iso.e" or target.owner == caller:
                assert code is None, (caller, sql, target.name)
                if target.owner == caller and "INSERT" in sql:
                    world.clients["root"].sql(f"DELETE FROM iso.{caller}.u WHERE v = 'x'")
            else:
                assert code == "PERMISSION_DENIED", (caller, sql, target.name)


def expected_subscription(name, target, caller):
    """A user table gives its caller's own instance only, to every role."""
    if target.rows and target.rows != ME:
        return None if target.owner == caller else "UNAUTHORIZED"
    return None if ROLE[caller] >= target.read else "UNAUTHORIZED"


def test_subscribe(world):
    """Over HTTP the statement is checked, over WebSocket it runs, with SELECT and SUBSCRIBE."""
    for caller in CALLERS[1:]:
        socket = world.server.websocket(token=world.clients[caller].token)
        for name, target in TARGETS.items():
            want = expected_subscription(name, target, caller)
            for number, sql in enumerate((f"SELECT * FROM {target.name}", f"SELECT v FROM {target.name} WHERE id > 0",
                                          f"SUBSCRIBE TO {target.name}", f"SUBSCRIBE SELECT v FROM {target.name} WHERE v IS NOT NULL")):
                next(cases)
                try:
                    rows = socket.subscribe(f"s{number}", sql, {})
                    assert want is None, (caller, sql)
                    assert not target.rows or {r["v"] for r in rows} <= {whose(target, caller)}, (caller, sql, rows)
                except kalam.SqlError as error:
                    assert error.code == want, (caller, sql, error)
                if sql.startswith("SUBSCRIBE"):
                    code, _ = world.ask(caller, sql)
                    assert code == (None if want is None else "PERMISSION_DENIED"), (caller, sql)
        for table, (least, _) in isolation.SYSTEM.items():
            next(cases)
            try:
                socket.subscribe("sys", f"SELECT * FROM system.{table}", {})
                assert ROLE[caller] >= ROLE["dba"], (caller, table)
            except kalam.SqlError as error:
                assert error.code == "UNSUPPORTED" or ROLE[caller] < ROLE["dba"] and error.code == "UNAUTHORIZED", (caller, table)
        socket.close()
    for sql in ("SUBSCRIBE TO iso.u", "SUBSCRIBE SELECT * FROM iso.s_unset"):
        world.ask("anonymous", sql)


def test_events_reach_their_owner_only(world):
    sockets = {}
    for caller in CALLERS[1:]:
        sockets[caller] = world.server.websocket(token=world.clients[caller].token)
        sockets[caller].subscribe("u", "SELECT * FROM iso.u")
        sockets[caller].subscribe("s", "SELECT * FROM iso.s_unset")
    for caller in CALLERS[1:]:
        world.clients[caller].sql("INSERT INTO iso.u VALUES ($1, $2)", [next(numbers), caller])
        world.inserted[caller] += 1
    world.clients["root"].sql("EXECUTE AS USER ann (UPDATE iso.u SET v = v)")
    world.clients["svc"].sql("UPDATE iso.bob.u SET v = v")
    world.clients["root"].sql("INSERT INTO iso.s_unset (id, v) VALUES ($1, 'end')", [next(numbers)])
    for caller, socket in sockets.items():
        socket.expect("change", "s")
        events = [r for c in socket.changes("u") for r in c["rows"]]
        assert events and {r["v"] for r in events} == {caller}
        socket.close()


def test_kill_live_query(world):
    for caller in CALLERS[1:]:
        socket = world.server.websocket(token=world.clients["ann"].token)
        socket.subscribe("k", "SELECT * FROM iso.u")
        live = world.clients["root"].value("SELECT live_id FROM system.live_queries WHERE query_id = 'k'")
        code, _ = world.ask(caller, f"KILL LIVE QUERY '{live}'")
        assert code == ("PERMISSION_DENIED" if caller == "bob" else None), caller
        if code is None:
            assert socket.expect("error", "k")["code"] == "LIVE_QUERY_KILLED"
        socket.close()
        kalam.wait_until(lambda: not world.clients["root"].rows("SELECT 1 FROM system.live_queries WHERE query_id = 'k'"))


def test_user_header(world):
    """Beside credentials: the role stays, the rows are the other's; user may name himself only."""
    for caller, other in itertools.product(CALLERS[1:], ("ann", "bob", "sys", "root", "unheard-of")):
        client = world.server.client(other, token=world.clients[caller].token)
        for sql in ("SELECT v FROM iso.u", "SELECT v FROM iso.u GROUP BY v", "SELECT v FROM iso.user.u", "SELECT * FROM system.settings"):
            next(cases)
            status, body = client.post(sql)
            if ROLE[caller] == 0 and other != caller:
                assert (status, body["error"]["code"]) == (403, "PERMISSION_DENIED"), (caller, other)
            elif "settings" in sql:
                assert (status == 200) == (ROLE[caller] >= ROLE["dba"]), (caller, other)
            else:
                assert status == 200 and {r[-1] for r in body["results"][0]["rows"]} <= {other}, (caller, other, body)
        client.close()


def test_nothing_foreign_was_written(world):
    """Last: whatever ran above, every instance holds its owner's rows and as many as he was given."""
    root = world.clients["root"]
    for owner, count in world.inserted.items():
        assert root.rows(f'SELECT v, count(*) FROM iso."{owner}".u GROUP BY v') == [[owner, str(count)]]
    total = next(cases)
    print(f"share: {total} cases of the isolation matrix")
    assert total >= 2000
