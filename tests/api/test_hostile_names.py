"""Names and paths that try to leave their place: user ids, namespaces, tables, columns, storages, templates, LOCATIONs, backup
paths. Whatever the answer, no file appears outside the data directory and the folders that an administrator named."""
import json
import os

import kalam
import pytest

LONG = "x" * 65
# What no id may be made of, whatever it names.
BAD = ["", " ", ".", "..", "...", "../x", "..\\x", "a/../b", "a/..", "/", "/etc", "//x", "\\", "\\\\host\\share", "a/b", "a\\b", "a:b", ":",
       "C:\\x", "a\u0000b", "\u0000", "a\nb", "a\rb", "a\tb", "a\u001bb", "a\u007fb", "a;b", "a'b", 'a"b', "a`b", "a b", "a*b", "a?b", "a|b",
       "a<b", "a>b", "a$b", "${user_id}", "{userId}", "{namespace}", "%2e%2e", "%2e%2e%2f", "..%2f", "%00", "a%2fb", "\u2025", "\u2024\u2024",
       "\uff0e\uff0e", "\uff0e\uff0e\uff0f", "\u2215", "\u2044etc", "\u29f8", "\u202e", "\u202egnp", "\u200b", "a\u200bb", "\ufeff", "\u00e4",
       "a\u0308", "\u0430", "\u0131", "\U0001f680", "\ufffd", LONG, "x" * 300, "x" * 5000, "../" * 30, "..." * 20, "~", "~root", "a,b", "a=b",
       "#", "#a", "a#", "a&b", "a(b)", "[a]", "-\u2013", "\u00a0", "a\u00a0", "\u2028", "a..b"]
# User ids may hold these, names of tables may not.
NAMES_ONLY = ["1a", "_a", "__seq", "a-b", "a.b", "a@b", "a+b", "-", "_", "@", "+", "9", "-rf", "--", ".hidden", "a."]
PATHS = ["../x", "../../etc", "/etc/../etc", "a/../../b", "..", ".", "", "relative", "./x", "~", "~/x", "$HOME/x", "${user_id}", "a\u0000b",
         "/x\u0000y", "a\\..\\b", "file://", "file://../x", "file://host/x", "http://x/y", "https://x", "ftp://x", "s3:/x", "s3://", "gs://b/x",
         "azure://b", "/proc/self/x", "/dev/null/x", "/dev/full", "\n", "/x\ny", "%2e%2e/x", "x" * 5000, "/" + "y" * 5000, "//", "\uff0f"]
# As the path of a storage these are complete or completed with the working folder: an administrator's own choice.
COMPLETED = {".", "relative", "./x", "~", "~/x", "/proc/self/x", "/dev/null/x", "/dev/full", "%2e%2e/x", "\uff0f", "s3:/x"}
TEMPLATES = ["", "x", "{namespace}", "{tableName}", "{namespace}/../{tableName}/{userId}", "../{namespace}/{tableName}/{userId}",
             "/{namespace}/{tableName}/{userId}", "{namespace}/{tableName}", "{userId}/{tableName}/{namespace}", "{namespace}/{tableName}/{userId",
             "{namespace}/{tableName}/{userId}}", "{namespace}/{evil}/{userId}", "{namespace}/{tableName}/{userId}/..",
             "{namespace}/{tableName}/./{userId}", "{namespace}\\{tableName}\\{userId}", "{namespace}/{tableName}/{userId}\u0000",
             "{{namespace}}/{tableName}/{userId}", "{namespace}/{tableName}/$(id)", "{namespace}/{tableName}//{userId}/../../x", "x" * 5000]
LOCATIONS = ["", "x", "/abs", "/abs/${user_id}/..", "../${user_id}", "a/../${user_id}", "${user_id}/..", "..", "./${user_id}/./..", "${evil}",
             "${user_id", "{user_id}", "$user_id", "${user_id}\u0000", "a\\..\\${user_id}", "file:///etc/${user_id}", "s3://b/${user_id}",
             "http://x/${user_id}", "~/${user_id}", "%2e%2e/${user_id}", "${user_id}" * 500, "\n${user_id}", "${user_id}/${user_id", "{tableName}"]


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    """A root client; afterwards: nothing outside, nothing inside that is not below its folders."""
    folder = tmp_path_factory.mktemp("names")
    before = outside(server)
    root = server.client()
    root.batch("CREATE NAMESPACE hn; CREATE USER TABLE hn.t (id BIGINT PRIMARY KEY)")
    yield root, folder
    server.flush("hn.t", root)
    assert outside(server) == before
    known = {"rocksdb", "storage", "tmp", "s3_cache", "storage_key", "jwt_secret", "lock", "lockouts", "logs"}
    assert set(os.listdir(server.data_dir)) <= known


def outside(server):
    """The folders above and beside the data directory, the working directory and the root of the file system."""
    near = {str(p) for p in server.data_dir.parent.iterdir()
            if ("hn" in p.name or "manifest" in p.name) and not p.name.startswith("kalam-")}
    return near | set(os.listdir("/")) | set(os.listdir("/etc")) | {p for p in os.listdir(os.getcwd()) if not p.startswith(".")}


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def name(text):
    return '"' + text.replace('"', '""') + '"'


def refused(client, sql, params=None):
    status, body = client.post(sql, params)
    assert status == 400, (sql[:200], body)
    assert body["error"]["code"] in ("INVALID_SQL", "INVALID_OPERATION", "INVALID_INPUT", "CONSTRAINT_VIOLATION", "NOT_SUPPORTED",
                                     "BATCH_PARSE_ERROR", "TABLE_NOT_FOUND", "NAMESPACE_NOT_FOUND", "USER_NOT_FOUND", "STORAGE_NOT_FOUND",
                                     "INVALID_PARAMETER"), (sql[:200], body)
    assert len(json.dumps(body)) < 4000 + 2 * len(sql)


@pytest.mark.parametrize("number", range(len(BAD)))
def test_names(world, number):
    root, _ = world
    bad = BAD[number]
    for sql in (f"CREATE USER {quoted(bad)} WITH INTERNAL", f"CREATE USER {name(bad)} WITH INTERNAL", f"CREATE NAMESPACE {name(bad)}",
                f"CREATE USER TABLE hn.{name(bad)} (id BIGINT PRIMARY KEY)", f"CREATE SHARED TABLE {name(bad)}.t (id BIGINT PRIMARY KEY)",
                f"CREATE USER TABLE hn.cols (id BIGINT PRIMARY KEY, {name(bad)} TEXT)", f"ALTER TABLE hn.t ADD COLUMN {name(bad)} TEXT",
                f"ALTER TABLE hn.t RENAME COLUMN id TO {name(bad)}", f"CREATE STORAGE {name(bad)} TYPE filesystem PATH '/nowhere/at/all'",
                f"SELECT * FROM hn.{name(bad)}.t", f"INSERT INTO hn.{name(bad)}.t VALUES (1)", f"EXECUTE AS USER {quoted(bad)} (SELECT 1)",
                f"SHOW TABLE STATS hn.t FOR USER {quoted(bad)}", f"BACKUP DATABASE {name(bad)} TO '/nowhere/at/all'",
                f"USE {name(bad)}", f"STORAGE FLUSH TABLE hn.{name(bad)}", f"STORAGE FLUSH ALL IN {name(bad)}"):
        refused(root, sql)
    if "\u0000" not in bad:
        refused(root, "INSERT INTO system.users (user_id, username) VALUES ($1, 'x')", [bad])
        refused(root, "INSERT INTO system.namespaces (namespace_id) VALUES ($1)", [bad])


@pytest.mark.parametrize("bad", NAMES_ONLY)
def test_names_of_tables_only(world, bad):
    root, _ = world
    for sql in (f"CREATE NAMESPACE {name(bad)}", f"CREATE USER TABLE hn.{name(bad)} (id BIGINT PRIMARY KEY)",
                f"ALTER TABLE hn.t ADD COLUMN {name(bad)} TEXT"):
        refused(root, sql)


def test_user_ids_that_look_like_more(server, world):
    """They are allowed, so they must stay below their folder and apart from each other."""
    root, _ = world
    ids = [".hidden", "-rf", "--", "a.", "@", "+", "_", "user", "root.", "CON", "nul", "a-b", "A-B", "x" * 64, ".x.", "-"]
    for number, user in enumerate(ids):
        client = server.client(user)
        client.sql("INSERT INTO hn.t VALUES ($1)", [number])
        client.close()
    server.flush("hn.t", root)
    for number, user in enumerate(ids):
        assert server.client(user).rows("SELECT id FROM hn.t") == [[str(number)]], user
    for path in server.parquet_files():
        assert os.path.realpath(path).startswith(os.path.realpath(server.data_dir) + "/storage/"), path


@pytest.mark.parametrize("bad", [b for b in BAD if b and "\n" not in b and "\r" not in b and len(b) < 400 and b.strip() == b])
def test_user_ids_by_header_and_namespaces_by_body(server, world, bad):
    root, _ = world
    status, _, data = root.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}', {
        "Content-Type": "application/json", "X-User-Id": bad.encode("utf-8")})
    assert status == 400, data
    root.close()
    status, body = root.post("SELECT * FROM t", namespace=bad)
    assert status == 400, body


@pytest.mark.parametrize("number", range(len(PATHS)))
def test_paths(world, number):
    root, _ = world
    bad = PATHS[number]
    storage = [f"CREATE STORAGE evil{number} TYPE filesystem PATH {quoted(bad)}"]
    if bad in COMPLETED:
        storage = []
    for sql in (*storage, f"BACKUP DATABASE hn TO {quoted(bad)}", f"RESTORE DATABASE back{number} FROM {quoted(bad)}",
                f"SHOW BACKUP {quoted(bad)}"):
        status, body = root.post(sql)
        assert status in (400, 503), (sql[:200], body)
        assert body["error"]["code"] != "INTERNAL_ERROR" and "root:x" not in str(body), (sql[:200], body)
    assert root.rows("SELECT storage_id FROM system.storages WHERE storage_id LIKE 'evil%'") == []


@pytest.mark.parametrize("number", range(len(TEMPLATES)))
def test_templates(world, number):
    root, folder = world
    bad = TEMPLATES[number]
    refused(root, f"CREATE STORAGE tpl{number} TYPE filesystem PATH '{folder}/tpl' USER_TABLES_TEMPLATE {quoted(bad)}")
    if "{userId}" in bad or ".." in bad or "\\" in bad or "\u0000" in bad:
        refused(root, f"CREATE STORAGE tpl{number} TYPE filesystem PATH '{folder}/tpl' SHARED_TABLES_TEMPLATE {quoted(bad)}")


@pytest.mark.parametrize("number", range(len(LOCATIONS)))
def test_locations(server, world, number):
    """Refused, or relative to the storage's root however it is spelled."""
    root, _ = world
    status, body = root.post(f"CREATE USER TABLE hn.loc{number} (id BIGINT PRIMARY KEY) LOCATION {quoted(LOCATIONS[number])}")
    if status == 200:
        root.sql(f"INSERT INTO hn.loc{number} VALUES (1)")
        job = server.flush(f"hn.loc{number}", root)
        assert job["status"] == "completed", job
        files = [p for p in server.parquet_files()]
        assert all(os.path.realpath(p).startswith(os.path.realpath(server.data_dir) + "/storage/") for p in files)
    else:
        assert status == 400 and body["error"]["code"] in ("INVALID_OPERATION", "INVALID_SQL", "NOT_SUPPORTED", "BATCH_PARSE_ERROR"), body


def test_count():
    cases = len(BAD) * 19 + len(NAMES_ONLY) * 3 + len(PATHS) * 4 + len(TEMPLATES) + len(LOCATIONS)
    print(f"share: {cases} hostile names and paths")
    assert cases >= 1000


def test_backup_never_writes_into_the_server(server, world):
    """The data directory's own folders are no place for a backup, and symbolic links do not help."""
    root, folder = world
    for inside in ("rocksdb", "rocksdb/x", "storage/hn", "tmp/x", "."):
        status, body = root.post(f"BACKUP DATABASE hn TO '{server.data_dir}/{inside}'")
        assert status == 400, (inside, body)
    link = folder / "link"
    link.symlink_to(server.data_dir / "rocksdb")
    status, body = root.post(f"BACKUP DATABASE hn TO '{link}'")
    assert status == 400, body
    assert not (server.data_dir / "rocksdb" / "manifest.json").exists()
