"""Who may do what: the one table that tests/api/test_isolation_matrix.py turns into requests.

Callers in order of power: anonymous shows no credentials; ann and bob are of role user, svc, dba and sys of the roles
that their names say. Every row of the user table iso.u holds the name of its owner in `v`; so does what is read.

An entry says who may, as the weakest caller: ANY (user and above), SVC, DBA, SYS, NOBODY; with `ann` in front: she too.
Whoever may gets `then` (None = success), whoever may not gets PERMISSION_DENIED.
"""
CALLERS = ["anonymous", "ann", "bob", "svc", "dba", "sys"]
ROLE = {"ann": 0, "bob": 0, "svc": 1, "dba": 2, "sys": 3}
ANY, SVC, DBA, SYS, NOBODY = 0, 1, 2, 3, 9
ME = "the caller"


class Target:
    """A table as a statement names it: who may read and write, and whose rows it shows (None: nobody's in particular)."""

    def __init__(self, name, read, write, rows=None, owner=None, why=None):
        self.name, self.read, self.write, self.rows, self.owner, self.why = name, read, write, rows, owner, why


TARGETS = {
    "own": Target("iso.u", ANY, ANY, ME),
    "own, by catalog": Target("kalamdb.iso.u", ANY, ANY, ME),
    "own, by the word": Target("iso.user.u", ANY, ANY, ME),
    "of ann": Target("iso.ann.u", SVC, SVC, "ann", owner="ann"),
    "of bob": Target("iso.bob.u", SVC, SVC, "bob", owner="bob"),
    "of sys": Target("iso.sys.u", SVC, SVC, "sys", owner="sys"),
    "of nobody": Target("iso.\"no.body\".u", SVC, SVC, "no.body"),
    "shared": Target("iso.s_unset", ANY, ANY),
    "shared, public": Target("iso.s_public", ANY, SVC),
    "shared, private": Target("iso.s_private", SVC, SVC),
    "shared, restricted": Target("iso.s_restricted", DBA, DBA),
    "stream": Target("iso.e", ANY, ANY),
}
# No rows of a user there, whoever asks.
MISQUALIFIED = {"iso.ann.s_unset": "INVALID_OPERATION", "iso.ann.e": "INVALID_OPERATION", "system.ann.users": "INVALID_OPERATION",
                "iso.\"a:b\".u": "INVALID_SQL", "iso.\"..\".u": "INVALID_SQL", "iso.\"a/b\".u": "INVALID_SQL"}
# Where "own" is said, a user sees his own rows only; the column that says whose a row is.
SYSTEM = {
    "users": (ANY, "user_id"), "namespaces": (ANY, None), "tables": (ANY, None), "table_schemas": (ANY, None),
    "schemas": (ANY, None), "table_options": (ANY, None), "live_queries": (ANY, "user_id"), "live": (ANY, "user_id"),
    "jobs": (ANY, "user_id"), "user_table_counters": (ANY, "user_id"), "storages": (DBA, None),
    "storage_locations": (DBA, None), "settings": (DBA, None), "logs": (DBA, None), "metrics": (DBA, None),
    "segments": (DBA, None),
}
SEES_ALL = {"users": DBA, "live_queries": SVC, "live": SVC, "jobs": SVC, "user_table_counters": SVC}
INFORMATION = ["tables", "columns", "schemata"]

# Reads of one table; `v` is the last column where rows come back.
READS = {
    "AST_SELECT": ["SELECT id, v FROM {t}", "SELECT v FROM {t} WHERE id = 1", "SELECT v FROM {t} ORDER BY id DESC LIMIT 5",
                   "SELECT v FROM {t} WHERE v LIKE '%' AND id IN (1, 2, 3)", "SELECT v FROM {t} WHERE _seq > 0"],
    "AST_ANALYTIC": ["SELECT v FROM {t} GROUP BY v", "WITH x AS (SELECT * FROM {t}) SELECT v FROM x",
                     "SELECT v FROM (SELECT v FROM {t}) AS y", "SELECT a.v FROM {t} a JOIN {t} b ON a.id = b.id",
                     "SELECT (SELECT min(v) FROM {t})", "SELECT v FROM {t} UNION SELECT v FROM {t}",
                     "SELECT DISTINCT v FROM {t} WHERE id IN (SELECT id FROM {t})",
                     "SELECT v FROM {t} WHERE EXISTS (SELECT 1 FROM {t} z WHERE z.id = 1) GROUP BY ALL"],
    "AST_EXPLAIN": ["EXPLAIN SELECT v FROM {t} WHERE id = 1", "EXPLAIN ANALYZE SELECT v FROM {t} GROUP BY v"],
    "AST_DESCRIBE": [],
}
WRITES = {
    "AST_INSERT": ["INSERT INTO {t} (id, v) VALUES ({n}, {owner})"],
    "AST_UPDATE": ["UPDATE {t} SET v = v", "UPDATE {t} SET v = v WHERE id = 1"],
    "AST_DELETE": ["DELETE FROM {t} WHERE id = -1", "DELETE FROM {t} WHERE v = 'nobody at all'"],
    "AST_EXPLAIN": ["EXPLAIN UPDATE {t} SET v = v", "EXPLAIN DELETE FROM {t} WHERE id = -1"],
}
SYSTEM_WRITES = ["INSERT INTO system.{s} VALUES (1)", "UPDATE system.{s} SET user_id = 'x'", "DELETE FROM system.{s}"]

# Everything else: (statement, weakest caller, what he then gets). {n} is new each time, {d} a folder for backups.
STATEMENTS = {
    "AST_CREATE_NAMESPACE": [("CREATE NAMESPACE iso{n}", DBA, None), ("CREATE NAMESPACE IF NOT EXISTS iso", DBA, None),
                             ("INSERT INTO system.namespaces (namespace_id) VALUES ('isn{n}')", DBA, None)],
    "AST_ALTER_NAMESPACE": [("ALTER NAMESPACE iso SET OPTIONS (k = 1)", DBA, None)],
    "AST_DROP_NAMESPACE": [("DROP NAMESPACE IF EXISTS none{n}", DBA, None), ("DROP NAMESPACE iso", DBA, "CONFLICT"),
                           ("DELETE FROM system.namespaces WHERE namespace_id = 'iso'", DBA, "CONFLICT")],
    "AST_CREATE_TABLE": [("CREATE USER TABLE made.u{n} (id BIGINT PRIMARY KEY)", ANY, None),
                         ("CREATE STREAM TABLE made.e{n} (id BIGINT PRIMARY KEY)", ANY, None),
                         ("CREATE SHARED TABLE made.s{n} (id BIGINT PRIMARY KEY)", SVC, None),
                         ("CREATE SHARED TABLE made.r{n} (id BIGINT PRIMARY KEY) ACCESS PRIVATE", SVC, None),
                         ("CREATE TABLE made.p{n} (id BIGINT PRIMARY KEY)", SVC, None),
                         ("CREATE TABLE made.w{n} (id BIGINT PRIMARY KEY) WITH (TYPE = 'USER')", ANY, None),
                         ("CREATE USER TABLE system.x{n} (id BIGINT PRIMARY KEY)", NOBODY, None),
                         ("CREATE SHARED TABLE information_schema.x{n} (id BIGINT PRIMARY KEY)", NOBODY, None)],
    "AST_DROP_TABLE": [("DROP TABLE IF EXISTS iso.none{n}", DBA, None), ("DROP TABLE iso.none{n}", DBA, "TABLE_NOT_FOUND"),
                       ("DROP SHARED TABLE iso.u", DBA, "INVALID_OPERATION"), ("DROP TABLE system.users", NOBODY, None)],
    "AST_ALTER_TABLE": [("ALTER TABLE iso.u SET FLUSH POLICY ROWS 5000", SVC, None),
                        ("ALTER TABLE iso.s_unset ADD COLUMN c{n} TEXT", SVC, None),
                        ("ALTER TABLE iso.s_public SET ACCESS PUBLIC", SVC, None),
                        ("ALTER TABLE iso.s_private SET ACCESS LEVEL PRIVATE", SVC, None),
                        ("ALTER TABLE iso.s_restricted SET ACCESS RESTRICTED", DBA, None),
                        ("ALTER TABLE iso.s_restricted SET TBLPROPERTIES (ACCESS_LEVEL = 'dba')", DBA, None),
                        ("ALTER TABLE iso.e ADD COLUMN c TEXT", ANY, "INVALID_OPERATION"),
                        ("ALTER TABLE system.users ADD COLUMN c TEXT", NOBODY, None)],
    "AST_USE": [("USE iso", ANY, None), ("SET NAMESPACE iso", ANY, None), ("USE system", ANY, None),
                ("USE none", ANY, "NAMESPACE_NOT_FOUND")],
    "AST_BEGIN": [("BEGIN; UPDATE iso.u SET v = v; COMMIT", ANY, None), ("START TRANSACTION; SELECT v FROM iso.u; ROLLBACK", ANY, None),
                  ("BEGIN; UPDATE iso.s_private SET v = v; COMMIT", SVC, None), ("BEGIN; SELECT v FROM iso.ann.u; COMMIT", "ann SVC", None)],
    "AST_COMMIT": [("COMMIT", ANY, "INVALID_OPERATION")],
    "AST_ROLLBACK": [("ROLLBACK", ANY, "INVALID_OPERATION")],
    "AST_BACKUP": [("BACKUP DATABASE made TO '{d}/{n}'", SVC, None), ("BACKUP DATABASE none TO '{d}/{n}'", SVC, "NAMESPACE_NOT_FOUND"),
                   ("RESTORE DATABASE back{n} FROM '{d}/ready'", DBA, None),
                   ("RESTORE DATABASE IF NOT EXISTS made FROM '{d}/ready'", DBA, None)],
    "AST_FLUSH": [("STORAGE FLUSH TABLE iso.u", SVC, None), ("FLUSH TABLE iso.s_unset", SVC, None), ("STORAGE FLUSH ALL IN iso", SVC, None),
                  ("FLUSH ALL TABLES", SVC, None), ("STORAGE FLUSH TABLE iso.e", SVC, "INVALID_OPERATION")],
    "AST_SHOW": [("SHOW NAMESPACES", ANY, None), ("SHOW TABLES", ANY, None), ("SHOW TABLES IN iso", ANY, None), ("SHOW JOBS", ANY, None),
                 ("SHOW USERS", ANY, None), ("SHOW STORAGES", DBA, None), ("SHOW COLUMNS IN iso.u", ANY, None),
                 ("SHOW TABLE STATS iso.u", ANY, None), ("SHOW STATS FOR TABLE iso.u FOR USER 'ann'", "ann SVC", None),
                 ("SHOW STATS FOR TABLE iso.u FOR USER 'sys'", SVC, None), ("SHOW TABLE STATS iso.s_private", SVC, None),
                 ("SHOW TABLE STATS iso.s_restricted", DBA, None), ("SHOW BACKUP '{d}/ready'", SVC, None),
                 ("SHOW BACKUPS FOR DATABASE made", SVC, None)],
    "AST_DESCRIBE": [("DESCRIBE iso.u", ANY, None), ("DESC TABLE iso.e", ANY, None), ("DESCRIBE iso.u HISTORY", ANY, None),
                     ("DESCRIBE iso.s_unset", ANY, None), ("DESCRIBE system.users", ANY, None)],
    "AST_CREATE_USER": [("CREATE USER made{n} WITH INTERNAL", DBA, None), ("CREATE USER made{n} WITH INTERNAL ROLE dba", DBA, None),
                        ("CREATE USER made{n} WITH INTERNAL ROLE system", SYS, None), ("CREATE USER ann WITH INTERNAL", DBA, "ALREADY_EXISTS"),
                        ("INSERT INTO system.users (user_id, username) VALUES ('mi{n}', 'x')", DBA, None),
                        ("INSERT INTO system.users (user_id, username, role) VALUES ('mi{n}', 'x', 'system')", SYS, None)],
    "AST_ALTER_USER": [("ALTER USER tool SET EMAIL 'a@b.c'", DBA, None), ("ALTER USER tool SET ROLE system", SYS, None),
                       ("ALTER USER tool2 SET ROLE dba", DBA, None), ("ALTER USER tool2 GENERATE API KEY", DBA, None),
                       ("ALTER USER tool2 DROP API KEY", DBA, None), ("ALTER USER root SET EMAIL 'x@y.z'", SYS, None),
                       ("ALTER USER root GENERATE API KEY", SYS, None), ("ALTER USER none SET EMAIL 'x'", DBA, "USER_NOT_FOUND"),
                       ("UPDATE system.users SET email = 'x@y.z' WHERE user_id = 'tool2'", DBA, None),
                       ("UPDATE system.users SET role = 'system' WHERE user_id = 'tool2'", SYS, None),
                       ("UPDATE system.users SET email = 'x@y.z' WHERE user_id = 'root'", SYS, None)],
    "AST_DROP_USER": [("DROP USER IF EXISTS none{n}", DBA, None), ("DROP USER none{n}", DBA, "USER_NOT_FOUND"),
                      ("DROP USER root", DBA, "INVALID_OPERATION"),
                      ("DELETE FROM system.users WHERE user_id = 'none{n}'", DBA, "USER_NOT_FOUND")],
    "AST_CREATE_STORAGE": [("CREATE STORAGE st{n} TYPE filesystem PATH '{d}/st{n}'", DBA, None),
                           ("CREATE STORAGE IF NOT EXISTS local TYPE filesystem PATH '{d}/x'", DBA, None)],
    "AST_ALTER_STORAGE": [("ALTER STORAGE local SET DESCRIPTION 'the first'", DBA, None),
                          ("ALTER STORAGE none SET NAME 'x'", DBA, "STORAGE_NOT_FOUND")],
    "AST_DROP_STORAGE": [("DROP STORAGE IF EXISTS none{n}", DBA, None), ("DROP STORAGE none{n}", DBA, "STORAGE_NOT_FOUND"),
                         ("DELETE FROM system.storages WHERE storage_id = 'local'", DBA, "INVALID_OPERATION")],
    "AST_CHECK_STORAGE": [("STORAGE CHECK local", SVC, None), ("STORAGE CHECK local EXTENDED", SVC, None),
                          ("STORAGE CHECK none", SVC, "STORAGE_NOT_FOUND")],
    "AST_KILL_JOB": [("KILL JOB 'none'", SVC, "JOB_NOT_FOUND")],
    "AST_KILL_LIVE_QUERY": [("KILL LIVE QUERY 'none'", ANY, "LIVE_QUERY_NOT_FOUND")],
    "AST_CLEAR_CACHE": [("CLEAR CACHE", DBA, None)],
}
# EXECUTE AS: whom each caller may be.
EXECUTE_AS = {"ann": {"ann"}, "bob": {"bob"}, "svc": {"svc", "ann", "bob"}, "dba": {"dba", "svc", "ann", "bob"},
              "sys": {"sys", "root", "dba", "svc", "ann", "bob"}}
# What a statement kind is tested by, if not by STATEMENTS, READS or WRITES.
ELSEWHERE = {"AST_SUBSCRIBE": "test_subscribe", "AST_EXECUTE_AS": "test_execute_as"}


def may(entry, caller):
    """Is the caller at least the weakest one of an entry?"""
    if isinstance(entry, str):
        names, least = entry.split()[:-1], globals()[entry.split()[-1]]
        return caller in names or ROLE[caller] >= least
    return ROLE[caller] >= entry
