"""BACKUP and RESTORE: everything comes back, one moment under load, damage is noticed, failures leave nothing."""
import concurrent.futures
import ctypes
import ctypes.util
import json
import random
import threading

import kalam
import pytest
import s3


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backup"


def fill(server, db, space):
    """Rows hot, cold, changed and deleted after a flush, of several schema versions."""
    db.batch(f"""CREATE USER TABLE {space}.own (id BIGINT PRIMARY KEY, n INT, t TEXT) FLUSH POLICY ROWS 5000;
        CREATE SHARED TABLE {space}.all (k TEXT, part INT, v DECIMAL(12, 2), at TIMESTAMP, j JSON, b BYTES, u UUID,
            PRIMARY KEY (k, part)) ACCESS PUBLIC;
        CREATE SHARED TABLE {space}.empty (id BIGINT PRIMARY KEY);
        CREATE STREAM TABLE {space}.events (id BIGINT PRIMARY KEY, x INT) TTL '1 hour'""")
    for user in ("ann", "bob", "o.neil-7@example.org"):
        client = server.client(user)
        client.sql(f"INSERT INTO {space}.own VALUES " + ",".join(f"({i}, {i * 7}, 'text {i} of {user}')" for i in range(300)))
    for i in range(50):
        db.sql(f"INSERT INTO {space}.all VALUES ($1, $2, 12.34, NOW(), '{{\"a\": [1, null]}}', 'Ynl0ZXM=', "
               "'0190f3a0-0000-7000-8000-000000000000')", [f"key {i % 7}:", i])
    server.flush(f"{space}.own", db)
    server.flush(f"{space}.all", db)
    db.sql(f"ALTER TABLE {space}.own ADD COLUMN extra INT DEFAULT 5")
    ann = server.client("ann")
    ann.sql(f"UPDATE {space}.own SET n = -1, extra = 9 WHERE id < 10")
    ann.sql(f"DELETE FROM {space}.own WHERE id BETWEEN 20 AND 29")
    ann.sql(f"INSERT INTO {space}.own VALUES (1000, 1, 'new', NULL)")
    db.sql(f"DELETE FROM {space}.all WHERE part = 3")
    db.sql(f"INSERT INTO {space}.events VALUES (1, 1)")


def content(server, space):
    rows = {}
    for user in ("ann", "bob", "o.neil-7@example.org", "root"):
        client = server.client(user)
        rows[user] = client.rows(f"SELECT *, _seq, _updated, _deleted FROM {space}.own "
                                 "WHERE _deleted IN (true, false) ORDER BY id")
    db = server.client()
    rows["all"] = db.rows(f"SELECT *, _seq, _updated, _deleted FROM {space}.all "
                          "WHERE _deleted IN (true, false) ORDER BY k, part")
    return rows


def describe(db, space):
    return [(table, db.sql(f"DESCRIBE {space}.{table}").rows, db.sql(f"DESCRIBE {space}.{table} HISTORY").rows)
            for table in ("own", "all", "empty", "events")]


def files_of(server, space):
    return [path for path in server.parquet_files() if f"/{space}/" in str(path)]


def test_everything_comes_back(server, db, space, folder):
    fill(server, db, space)
    before, shape = content(server, space), describe(db, space)
    stats = db.sql(f"SHOW TABLE STATS {space}.own").dicts()[0]
    answer = db.sql(f"BACKUP DATABASE {space} TO '{folder}'").dicts()[0]
    assert answer["status"] == "completed" and int(answer["rows"]) > 950 and int(answer["bytes"]) > 0
    job = db.sql("SELECT * FROM system.jobs WHERE job_id = $1", [answer["job_id"]]).dicts()[0]
    assert job["job_type"] == "backup" and job["namespace_id"] == space and job["status"] == "completed"
    assert f"path:{folder}" in job["parameters"] and "4 tables, " in job["result"]
    assert int(job["memory_used"]) > 0 and int(job["cpu_used"]) > 0
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {f["path"] for t in manifest["tables"] for i in t["instances"] for f in i["files"]}
    assert listed == {str(p.relative_to(folder)) for p in folder.rglob("*.parquet")}
    assert server.scratch_folders() == []

    copy = space + "copy"
    answer = db.sql(f"RESTORE DATABASE {copy} FROM 'file://{folder}'").dicts()[0]
    assert int(answer["files"]) == len(listed)
    assert content(server, copy) == before
    assert describe(db, copy) == [(t, r, [[v, *_] for v, *_ in h] and h) for t, r, h in shape]
    again = db.sql(f"SHOW TABLE STATS {copy}.own").dicts()[0]
    for figure in ("buffered_rows", "flushed_rows", "total_rows", "parquet_files"):
        assert again[figure] == stats[figure]
    assert db.rows(f"SELECT * FROM {copy}.events") == []
    assert server.scratch_folders() == []

    # It lives on: writes, flushes, both namespaces apart.
    ann = server.client("ann")
    ann.sql(f"UPDATE {copy}.own SET n = 77 WHERE id = 5")
    ann.sql(f"INSERT INTO {copy}.own (id, n) VALUES (21, 21)")
    assert server.flush(f"{copy}.own", db)["status"] == "completed"
    assert ann.rows(f"SELECT n FROM {copy}.own WHERE id IN (5, 21) ORDER BY id") == [[77], [21]]
    assert content(server, space) == before
    server.kill()
    server.start()
    db = server.client()
    assert server.client("ann").rows(f"SELECT n FROM {copy}.own WHERE id IN (5, 21) ORDER BY id") == [[77], [21]]
    assert content(server, space) == before
    db.sql(f"DROP NAMESPACE {copy} CASCADE")
    kalam.wait_until(lambda: not files_of(server, copy), 10, "files of the copy gone")


def test_into_another_server(server, db, space, folder):
    fill(server, db, space)
    before = content(server, space)
    highest = int(db.value(f"SELECT max(_seq) FROM {space}.all"))
    db.sql(f"BACKUP DATABASE {space} TO '{folder}'")
    with kalam.Server() as other:
        fresh = other.client()
        fresh.sql(f"RESTORE DATABASE {space} FROM '{folder}'")
        assert content(other, space) == before
        (seq,) = fresh.rows(f"INSERT INTO {space}.empty VALUES (1) RETURNING _seq")[0]
        assert int(seq) > highest
        other.kill()
        other.start()
        assert content(other, space) == before
        other.stop()


def test_one_moment_under_load(server, db, space, folder):
    """Writers move amounts between rows of two tables in one transaction: in a backup the sums fit."""
    db.batch(f"CREATE SHARED TABLE {space}.a (id BIGINT PRIMARY KEY, v BIGINT);"
             f"CREATE SHARED TABLE {space}.b (id BIGINT PRIMARY KEY, v BIGINT)")
    for table in "ab":
        db.sql(f"INSERT INTO {space}.{table} VALUES " + ",".join(f"({i}, 1000)" for i in range(40)))
    stop, failures, done = threading.Event(), [], [0]

    def work(number):
        client, rng = server.client(), random.Random(number)
        while not stop.is_set():
            amount, row = rng.randrange(100), rng.randrange(40)
            status, body = client.post(f"BEGIN; UPDATE {space}.a SET v = v - {amount} WHERE id = {row};"
                                       f"UPDATE {space}.b SET v = v + {amount} WHERE id = {rng.randrange(40)}; COMMIT")
            if body.get("status") != "success" and body["error"]["code"] != "TRANSACTION_CONFLICT":
                failures.append(body)
            done[0] += 1

    def flush():
        client = server.client()
        while not stop.is_set():
            for table in "ab":
                server.flush(f"{space}.{table}", client)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)] + [threading.Thread(target=flush)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            wanted = done[0] + 20
            kalam.wait_until(lambda: done[0] >= wanted, 20, "load")
            db.sql(f"BACKUP DATABASE {space} TO '{folder}{number}'")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:2]
    for number in range(5):
        copy = f"{space}r{number}"
        db.sql(f"RESTORE DATABASE {copy} FROM '{folder}{number}'")
        assert int(db.value(f"SELECT (SELECT sum(v) FROM {copy}.a) + (SELECT sum(v) FROM {copy}.b)")) == 80_000
        as_of = int(db.sql(f"SHOW BACKUP '{folder}{number}'").dicts()[0]["as_of_seq"])
        assert int(db.value(f"SELECT max(_seq) FROM {copy}.a")) <= as_of
        assert db.value(f"SELECT count(*) FROM {copy}.a") == "40"


def test_show(server, db, space, folder):
    fill(server, db, space)
    answer = db.sql(f"BACKUP DATABASE {space} TO '{folder}'").dicts()[0]
    rows = {row["table_name"]: row for row in db.sql(f"SHOW BACKUP '{folder}'").dicts()}
    assert set(rows) == {"own", "all", "empty", "events"}
    assert rows["own"]["table_type"] == "USER" and int(rows["own"]["users"]) == 3
    assert int(rows["own"]["schema_version"]) == 2 and int(rows["empty"]["files"]) == 0
    assert sum(int(row["rows"]) for row in rows.values()) == int(answer["rows"])
    for sql in (f"SHOW BACKUPS FOR DATABASE {space}", f"SHOW BACKUP FOR DATABASE {space}"):
        (row,) = db.sql(sql).dicts()
        assert row["job_id"] == answer["job_id"] and row["path"] == str(folder) and row["status"] == "completed"


def test_async(server, db, space, folder):
    fill(server, db, space)
    answer = db.sql(f"BACKUP DATABASE {space} TO '{folder}' ASYNC").dicts()[0]
    assert answer["status"] == "pending" and answer["rows"] is None
    assert kalam.wait_job(db, answer["job_id"])["status"] == "completed"
    answer = db.sql(f"RESTORE DATABASE {space}x FROM '{folder}' ASYNC").dicts()[0]
    assert kalam.wait_job(db, answer["job_id"])["status"] == "completed"
    assert content(server, space + "x") == content(server, space)


def code(db, sql):
    return db.post(sql)[1]["error"]["code"]


def test_errors(server, db, space, folder):
    db.sql(f"CREATE SHARED TABLE {space}.t (id BIGINT PRIMARY KEY)")
    assert code(db, f"BACKUP DATABASE nowhere TO '{folder}'") == "NAMESPACE_NOT_FOUND"
    assert "nothing was done" in db.sql(f"BACKUP DATABASE IF EXISTS nowhere TO '{folder}'").raw["message"]
    assert not folder.exists()
    assert code(db, f"BACKUP DATABASE {space} TO 'relative/path'") == "INVALID_INPUT"
    assert code(db, f"BACKUP DATABASE {space} TO '/proc/nothing/here'") == "INVALID_INPUT"
    assert code(db, f"BACKUP DATABASE {space} TO '{folder}' MODE INCREMENTAL") == "NOT_SUPPORTED"
    assert code(db, f"BACKUP DATABASE TO '{folder}'") == "NOT_SUPPORTED"
    assert code(db, f"RESTORE DATABASE {space}2 FROM '{folder}'") == "INVALID_INPUT"
    assert not folder.exists()
    db.sql(f"BACKUP DATABASE {space} TO '{folder}'")
    assert code(db, f"BACKUP DATABASE {space} TO '{folder}'") == "ALREADY_EXISTS"
    assert code(db, f"RESTORE DATABASE {space} FROM '{folder}'") == "ALREADY_EXISTS"
    assert "nothing was done" in db.sql(f"RESTORE DATABASE IF NOT EXISTS {space} FROM '{folder}'").raw["message"]


def test_damage_is_noticed(server, db, space, folder):
    fill(server, db, space)
    db.sql(f"BACKUP DATABASE {space} TO '{folder}'")
    files = sorted(folder.rglob("*.parquet")) + [folder / "manifest.json"]
    known = files_of(server, "")

    def refused(name):
        body = db.post(f"RESTORE DATABASE broken FROM '{folder}'")[1]
        assert body["status"] == "error" and body["error"]["code"] == "INVALID_INPUT", body
        assert code(db, "SELECT * FROM broken.own") in ("TABLE_NOT_FOUND", "NAMESPACE_NOT_FOUND"), name
        assert db.rows("SELECT * FROM system.namespaces WHERE namespace_id = 'broken'") == []
        assert files_of(server, "") == known
    for path in random.sample(files[:-1], 3) + files[-1:]:
        whole = path.read_bytes()
        at = random.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        refused(path)
        path.write_bytes(whole[:-3])
        refused(path)
        path.unlink()
        refused(path)
        path.write_bytes(whole)
    assert db.sql(f"RESTORE DATABASE broken FROM '{folder}'").dicts()[0]["status"] == "completed"


needs_faults = pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")


@needs_faults
@pytest.mark.parametrize("point", ["backup_after_copies", "backup_before_manifest"])
def test_a_failed_backup_leaves_nothing(point, folder):
    with kalam.Server(env={"KALAM_FAULT": f"{point}:error:1"}) as server:
        db = server.client()
        db.sql("CREATE NAMESPACE f")
        fill(server, db, "f")
        before = content(server, "f")
        assert db.post(f"BACKUP DATABASE f TO '{folder}'")[1]["status"] == "error"
        assert [p for p in folder.rglob("*") if p.is_file()] == []
        assert server.scratch_folders() == []
        db.sql(f"BACKUP DATABASE f TO '{folder}'")
        db.sql(f"RESTORE DATABASE g FROM '{folder}'")
        assert content(server, "g") == content(server, "f") == before
        server.stop()


@needs_faults
@pytest.mark.parametrize("point", ["restore_after_copies", "restore_after_rows", "restore_before_commit"])
def test_a_failed_restore_leaves_nothing(point, folder):
    with kalam.Server(env={"KALAM_FAULT": f"{point}:error:1"}) as server:
        db = server.client()
        db.sql("CREATE NAMESPACE f")
        fill(server, db, "f")
        db.sql(f"BACKUP DATABASE f TO '{folder}'")
        known = server.parquet_files()
        assert db.post(f"RESTORE DATABASE g FROM '{folder}'")[1]["status"] == "error"
        assert server.parquet_files() == known and server.scratch_folders() == []
        assert code(db, "SELECT * FROM g.own") in ("TABLE_NOT_FOUND", "NAMESPACE_NOT_FOUND")
        db.sql(f"RESTORE DATABASE g FROM '{folder}'")
        assert content(server, "g") == content(server, "f")
        server.stop()


@needs_faults
def test_two_at_once_into_one_folder(folder):
    """One of them is the backup, the other finds it there."""
    with kalam.Server(env={"KALAM_FAULT": "backup_before_manifest:delay=1500"}) as server:
        db = server.client()
        db.sql("CREATE NAMESPACE f")
        fill(server, db, "f")
        clients = [server.client(), server.client()]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda client: client.post(f"BACKUP DATABASE f TO '{folder}'")[1], clients))
        assert sorted(answer.get("error", {}).get("code", "") for answer in answers) == ["", "ALREADY_EXISTS"]
        db.sql(f"RESTORE DATABASE g FROM '{folder}'")
        assert content(server, "g") == content(server, "f")
        server.stop()


@needs_faults
def test_a_storage_does_not_go_under_a_restore(folder, tmp_path):
    with kalam.Server(env={"KALAM_FAULT": "restore_after_copies:delay=1500"}) as server:
        db = server.client()
        db.sql(f"CREATE STORAGE disk TYPE filesystem URI '{tmp_path}/disk'")
        db.sql("CREATE NAMESPACE f")
        db.sql("CREATE SHARED TABLE f.far (id BIGINT PRIMARY KEY) STORAGE disk")
        db.sql("CREATE SHARED TABLE f.near (id BIGINT PRIMARY KEY)")
        db.sql("INSERT INTO f.near VALUES (1)")
        assert server.flush("f.near", db)["status"] == "completed"
        db.sql(f"BACKUP DATABASE f TO '{folder}'")
        db.sql("DROP TABLE f.far")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            restored = pool.submit(lambda: server.client().post(f"RESTORE DATABASE g FROM '{folder}'")[1])
            kalam.wait_until(lambda: files_of(server, "g"), 10, "files of the restore")
            dropped = db.post("DROP STORAGE disk")[1]
        restored = restored.result()
        if dropped["status"] == "success":
            assert restored["error"]["code"] == "STORAGE_NOT_FOUND"
            assert files_of(server, "g") == [] and server.scratch_folders() == []
            assert db.rows("SELECT * FROM system.namespaces WHERE namespace_id = 'g'") == []
        else:
            assert restored["status"] == "success"
        server.restart()


def xxh3(data):
    library = ctypes.util.find_library("xxhash")
    if not library:
        pytest.skip("libxxhash is not installed")
    hashed = ctypes.CDLL(library).XXH3_64bits
    hashed.restype, hashed.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return hashed(data, len(data))


def signed(text):
    """A manifest with the checksum that it needs."""
    body = text[:text.rindex(',"checksum":"')]
    return f'{body},"checksum":"{xxh3(body.encode()):016x}"}}\n'


def with_highest_seq(record, seq):
    """The record of a segment (store/segment.c) with another greatest _seq."""
    raw = bytearray.fromhex(record)
    at = 1 + 8 + 8
    for _ in range(3): # user, path, storage
        at += 4 + int.from_bytes(raw[at:at + 4], "little")
    at += 4 + 4 * 8 + 8
    raw[at:at + 8] = seq.to_bytes(8, "little")
    return raw.hex()


def test_a_forged_manifest(own_server, folder):
    """With a checksum that fits: numbers that would be the last ones, a user id that reaches into other users' rows."""
    server, db = own_server, own_server.client()
    db.sql("CREATE NAMESPACE f")
    db.sql("CREATE USER TABLE f.own (id BIGINT PRIMARY KEY)")
    server.client("ann").sql("INSERT INTO f.own VALUES (1), (2)")
    db.sql(f"BACKUP DATABASE f TO '{folder}'")
    path = folder / "manifest.json"
    good = path.read_text()
    assert signed(good) == good
    record = json.loads(good)["tables"][0]["instances"][0]["files"][0]["record"]
    as_of = json.loads(good)["as_of_seq"]
    forged = [good.replace(record, with_highest_seq(record, 2**63 - 1)),
              good.replace(record, with_highest_seq(record, as_of + 1)),
              good.replace(f'"as_of_seq":{as_of}', f'"as_of_seq":{2**63 - 1}')]
    for bad in ("a:n", "a\x00n", "a/n"):
        hexed = bad.encode().hex()
        forged.append(good.replace('"user":"ann"', f'"user":{json.dumps(bad)}')
                      .replace("03000000" + b"ann".hex(), "03000000" + hexed))
    # What no backup writes: things twice, files of a stream, what CREATE TABLE refuses.
    def edited(edit):
        manifest = json.loads(good)
        edit(manifest, manifest["tables"][0], manifest["tables"][0]["definition"])
        return json.dumps({**manifest, "checksum": "0" * 16}, ensure_ascii=False, separators=(",", ":")) + "\n"

    def member(column, name, value):
        return edited(lambda _m, _t, d: d.update({column: json.dumps({**json.loads(d[column]), name: value})}))

    forged += [edited(lambda m, t, d: m["tables"].append(t)),
               edited(lambda m, t, d: t["instances"].append(t["instances"][0])),
               edited(lambda m, t, d: t["instances"][0]["files"].append(t["instances"][0]["files"][0])),
               edited(lambda m, t, d: d.update(table_type="STREAM"))]
    forged += [edited(lambda m, t, d, name=name: d.update(table_name=name)) for name in ("a:b", "A B", "é", "x" * 65, "1")]
    forged += [edited(lambda m, t, d, place=place: d.update(storage_location=place))
               for place in ("/abs/{userId}", "a//{userId}", "{namespace}", "{userId")]
    forged += [member("flush_policy", "rows", value) for value in (-1, 2**32)]
    for text in forged:
        assert text != good
        path.write_text(signed(text))
        assert code(db, f"RESTORE DATABASE g FROM '{folder}'") == "INVALID_INPUT"
        server.client("ann").sql("INSERT INTO f.own (id) VALUES ($1)", [random.randrange(10, 1 << 40)])
    path.write_text(good)
    db.sql(f"RESTORE DATABASE g FROM '{folder}'")
    assert server.client("ann").rows("SELECT id FROM g.own ORDER BY id") == [[1], [2]] or \
        server.client("ann").rows("SELECT id FROM g.own ORDER BY id") == [["1"], ["2"]]


def values_in(node, texts=("arrow_schema", "flush_policy", "options")):
    """Where any value of the manifest lies: the container, its key, and what puts the text of an inner JSON back."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key, lambda: None
        inner = json.loads(value) if key in texts and isinstance(value, str) and value else value
        if isinstance(inner, (dict, list)):
            for container, at, close in values_in(inner, texts):
                def closed(close=close, inner=inner, value=value, key=key):
                    close()
                    node[key] = json.dumps(inner) if isinstance(value, str) else inner
                yield container, at, closed


def test_values_of_other_types(own_server, folder):
    """Any value of a manifest in the place of any other is read or refused, never more than that."""
    db = own_server.client()
    db.batch("""CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v TEXT DEFAULT 'x');
        ALTER TABLE f.t ADD COLUMN w INT DEFAULT 5; INSERT INTO f.t (v) VALUES ('a')""")
    db.sql(f"BACKUP DATABASE f TO '{folder}'")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    tried = 0
    for container, key, close in values_in(manifest):
        before = container[key]
        for value in (None, True, -1, 2**40, "x", [], {}):
            container[key] = value
            close()
            path.write_text(signed(json.dumps({**manifest, "checksum": "0" * 16}, separators=(",", ":")) + "\n"))
            error = db.post(f"SHOW BACKUP '{folder}'")[1].get("error", {"code": "INVALID_INPUT"})
            assert error["code"] == "INVALID_INPUT", (key, value)
            tried += 1
        container[key] = before
        close()
    assert tried > 500


def forge(good, edit):
    """The manifest after an edit of its first table: `columns` are those of a schema version, by name."""
    manifest = json.loads(good)
    table = manifest["tables"][0]

    class Columns:
        def __init__(self, version):
            self.schema = table["schemas"][version]
            self.text = json.loads(self.schema["arrow_schema"])

        def __enter__(self):
            self.fields = self.text["fields"]
            self.by_name = {field["name"]: field for field in self.fields}
            return self

        def __exit__(self, *_):
            self.schema["arrow_schema"] = json.dumps(self.text)

    edit(table, Columns)
    return signed(json.dumps({**manifest, "checksum": "0" * 16}, ensure_ascii=False, separators=(",", ":")) + "\n")


def test_a_forged_definition(own_server, folder):
    """What CREATE TABLE and ALTER TABLE would not let through does not come in by RESTORE either."""
    db = own_server.client()
    db.batch("""CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY, v TEXT, d DECIMAL(10, 2))
        ACCESS PUBLIC; ALTER TABLE f.t ADD COLUMN w INT; INSERT INTO f.t VALUES (1, 'a', 1.5, 2)""")
    db.sql(f"BACKUP DATABASE f TO '{folder}'")
    path = folder / "manifest.json"
    good = path.read_text()

    def change(column, version=1, **members):
        def edit(_table, columns):
            with columns(version) as schema:
                schema.by_name[column].update(members)
        return edit

    def many(_table, columns):
        with columns(1) as schema:
            schema.fields[2:2] = [{**schema.by_name["v"], "name": f"c{i}", "id": 10 + i} for i in range(1000)]

    def swapped(_table, columns):
        with columns(1) as schema:
            schema.fields[1], schema.fields[2] = schema.fields[2], schema.fields[1]

    def without_key(table, columns):
        for version in (0, 1):
            with columns(version) as schema:
                del schema.by_name["id"]["key_position"]

    edits = [many, swapped, without_key]
    edits += [change("id", version, type=kind) for kind in ("JSON", "DOUBLE", "BYTES") for version in (0, 1)]
    edits += [change("id", nullable=True), change("id", id=77), change("id", key_position=1), change("v", key_position=1)]
    edits += [change("v", name=name) for name in ("_seq", "", "w", "a b", 'a"b', "x" * 65)]
    edits += [change("v", id=number) for number in (1, 0x7fff0001, 2**31)]
    edits += [change("v", type="INT"), change("v", type="TEXT", length=0x7fffffff), change("v", 0, type="INT")]
    edits += [change("d", precision=p, scale=s) for p, s in ((0, 0), (38, 39), (5, 6), (9, 2), (10, 1))]
    edits += [change("w", default={"kind": "snowflake"}), change("w", id=3), change("v", default={"kind": "now"})]
    for edit in edits:
        path.write_text(forge(good, edit))
        assert path.read_text() != good
        assert code(db, f"RESTORE DATABASE g FROM '{folder}'") == "INVALID_INPUT"
    path.write_text(forge(good, lambda *_: None))
    db.sql(f"RESTORE DATABASE g FROM '{folder}'")
    db.sql("INSERT INTO g.t VALUES (1, 'b', 2.5, 3), (2, 'b', 2.5, 3) ON CONFLICT (id) DO UPDATE SET v = 'c'")
    assert db.rows("SELECT v, w FROM g.t ORDER BY id") == [["c", 2], ["b", 3]]


def with_checksum(record, checksum):
    """The record of a segment with another checksum of its file."""
    raw = bytearray.fromhex(record)
    at = 1 + 8 + 8
    for _ in range(3): # user, path, storage
        at += 4 + int.from_bytes(raw[at:at + 4], "little")
    at += 4 + 3 * 8
    raw[at:at + 8] = checksum.to_bytes(8, "little")
    return raw.hex()


@pytest.mark.parametrize("rows", ("hot", "cold"))
def test_files_that_do_not_fit(own_server, folder, rows):
    """With checksums that fit: the backup is to blame, not the server, and no words of others are told."""
    server, db = own_server, own_server.client()
    db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY, v TEXT, n BIGINT); INSERT INTO f.t VALUES (1, 'a', 2)")
    if rows == "cold": # two files whose keys meet are read
        server.flush("f.t", db)
        db.sql("INSERT INTO f.t VALUES (0, 'a', 2), (3, 'b', 4)")
        server.flush("f.t", db)
    db.sql(f"BACKUP DATABASE f TO '{folder}'")
    path = folder / "manifest.json"
    good = path.read_text()

    def refused(text):
        path.write_text(text)
        error = db.post(f"RESTORE DATABASE g FROM '{folder}'")[1]["error"]
        assert error["code"] == "INVALID_INPUT" and "fit" in error["message"], error
        assert rows == "cold" or ".parquet" in error["message"], error

    for column, kind in (("v", "JSON"), ("n", "TIMESTAMP"), ("n", "TEXT")):
        def edit(_table, columns):
            with columns(0) as schema:
                schema.by_name[column].update(type=kind)
        refused(forge(good, edit))
    for file in json.loads(good)["tables"][0]["instances"][0]["files"]:
        data = folder / file["path"]
        whole = data.read_bytes()
        for at in (4, 40, len(whole) // 2, len(whole) - 40, len(whole) - 10):
            data.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
            sum_ = xxh3(data.read_bytes())

            def edit(table, _columns):
                for other in table["instances"][0]["files"]:
                    if other["path"] == file["path"]:
                        other.update(checksum=f"{sum_:016x}", record=with_checksum(other["record"], sum_))
            path.write_text(forge(good, edit))
            body = db.post(f"RESTORE DATABASE g FROM '{folder}'")[1]
            if body["status"] == "success":
                db.sql("DROP NAMESPACE g CASCADE")
                continue
            assert body["error"]["code"] == "INVALID_INPUT", body
            assert "Error" not in body["error"]["message"], body
        data.write_bytes(whole)
    path.write_text(good)
    db.sql(f"RESTORE DATABASE g FROM '{folder}'")


def test_forged_kinds_of_files(own_server, folder):
    """A row lies in one segment at most, and the hot rows that hide a cold one are the shadows: all else is refused."""
    db = own_server.client()
    db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY, v TEXT) ACCESS PUBLIC")
    for first in (0, 25):
        db.sql("INSERT INTO f.t VALUES " + ",".join(f"({i * 2 + first % 2}, 'cold')" for i in range(first, first + 25)))
        own_server.flush("f.t", db)
    db.batch("UPDATE f.t SET v = 'shadow' WHERE id < 10; INSERT INTO f.t VALUES (1000, 'hot'), (1001, 'hot')")
    db.sql(f"BACKUP DATABASE f TO '{folder}'")
    path = folder / "manifest.json"
    good = path.read_text()

    def copied(kind, as_kind, times=1):
        def edit(table, _columns):
            files = table["instances"][0]["files"]
            file = next(file for file in files if file["kind"] == kind)
            for number in range(times):
                name = f"shared_tables/t/copy{number}.parquet"
                (folder / name).write_bytes((folder / file["path"]).read_bytes())
                files.append({**file, "kind": as_kind, "path": name})
        return edit

    def without(*kinds):
        def edit(table, _columns):
            files = table["instances"][0]["files"]
            files[:] = [file for file in files if file["kind"] not in kinds]
        return edit

    def renamed(kind, as_kind):
        def edit(table, _columns):
            for file in table["instances"][0]["files"]:
                file["kind"] = as_kind if file["kind"] == kind else file["kind"]
        return edit

    edits = [copied(kind, as_kind) for kind in ("segment", "hot", "shadow") for as_kind in ("segment", "hot", "shadow")]
    edits += [copied("segment", "segment", 7), without("segment"), renamed("hot", "shadow"), renamed("shadow", "hot"),
              renamed("segment", "shadow"), renamed("shadow", "segment")]
    for edit in edits:
        path.write_text(forge(good, edit))
        assert path.read_text() != good
        assert code(db, f"RESTORE DATABASE g FROM '{folder}'") == "INVALID_INPUT"
    assert db.rows("SELECT table_id FROM system.tables WHERE namespace_id = 'g'") == []
    path.write_text(good)
    db.sql(f"RESTORE DATABASE g FROM '{folder}'")
    own_server.flush("g.t", db)
    query = "SELECT id, v FROM {}.t ORDER BY id"
    assert db.rows(query.format("g")) == db.rows(query.format("f")) and len(db.rows(query.format("g"))) == 52
    # Fewer hot rows are no contradiction.
    path.write_text(forge(good, without("hot", "shadow")))
    db.sql(f"RESTORE DATABASE h FROM '{folder}'")
    assert db.value("SELECT count(*) FROM h.t WHERE v = 'cold'") == "50"


@pytest.mark.skipif(not s3.available(), reason="python3-swift is not installed")
def test_buckets(own_server, folder):
    """To and from a bucket; tables whose files lie in one."""
    server, db = own_server, own_server.client()
    with s3.Swift() as swift:
        bucket = swift.make_bucket("b-backups")
        secret = json.dumps({"access_key_id": s3.ACCESS_KEY, "secret_access_key": s3.SECRET_KEY,
                             "endpoint": swift.endpoint, "region": "us-east-1", "path_style": True})
        db.sql(f"CREATE STORAGE remote TYPE s3 URI 's3://{bucket}/data' CREDENTIALS '{secret}'")
        db.sql("CREATE NAMESPACE f")
        fill(server, db, "f")
        db.sql("CREATE USER TABLE f.far (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote")
        ann = server.client("ann")
        ann.sql("INSERT INTO f.far VALUES (1, 'a'), (2, 'b')")
        assert server.flush("f.far", db)["status"] == "completed"
        ann.sql("UPDATE f.far SET v = 'c' WHERE id = 2")
        before = content(server, "f")
        for number, target in enumerate((f"s3://{bucket}/data/backups/one", str(folder))):
            answer = db.sql(f"BACKUP DATABASE f TO '{target}'").dicts()[0]
            assert answer["status"] == "completed"
            assert {row["table_name"] for row in db.sql(f"SHOW BACKUP '{target}'").dicts()} == \
                {"own", "all", "empty", "events", "far"}
            assert code(db, f"BACKUP DATABASE f TO '{target}'") == "ALREADY_EXISTS"
            copy = f"g{number}"
            db.sql(f"RESTORE DATABASE {copy} FROM '{target}'")
            assert content(server, copy) == before
            assert server.client("ann").rows(f"SELECT v FROM {copy}.far ORDER BY id") == [["a"], ["c"]]
            job = db.sql("SELECT * FROM system.jobs WHERE job_id = $1", [answer["job_id"]]).dicts()[0]
            assert s3.SECRET_KEY not in json.dumps(job)
        assert code(db, f"BACKUP DATABASE f TO 's3://{bucket}-other/x'") in ("INVALID_INPUT", "STORAGE_UNAVAILABLE")
        assert code(db, "SHOW BACKUP 's3://nowhere/x'") == "INVALID_INPUT"
