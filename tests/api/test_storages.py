"""Storages on the filesystem: files lie where they should, stay where they were, secrets stay secret."""
import concurrent.futures
import json
import os
import shutil
import socket
import threading
import time

import pytest

import kalam


def files(folder):
    return sorted(os.path.relpath(path, folder) for path in kalam.files_below(folder) if path.endswith(".parquet"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "disk"


def test_round_trip_on_a_second_folder(own_server, folder):
    server, db = own_server, own_server.client()
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE disk TYPE filesystem PATH '{folder}';"
             "CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, v TEXT) STORAGE disk;"
             "CREATE USER TABLE n.u (id BIGINT PRIMARY KEY, v TEXT) STORAGE disk")
    db.sql("INSERT INTO n.s SELECT i, 'v' || i FROM range(1000) r(i)")
    for user in ("ann", "böb"[:1] + "ob"):
        server.client(user).sql("INSERT INTO n.u VALUES (1, 'x'), (2, 'y')")
    job = server.flush("n.s", db)
    assert job["status"] == "completed" and str(folder) in job["result"], job
    server.flush("n.u", db)
    found = files(folder)
    assert [os.path.dirname(f) for f in found] == ["n/shared/s", "n/users/u/ann", "n/users/u/bob"]
    assert not server.parquet_files()
    assert db.value("SELECT count(*) FROM n.s") == "1000"
    assert db.value("SELECT v FROM n.s WHERE id = 777") == "v777"
    assert db.value("SELECT max(v) FROM n.s WHERE id < 500") == "v99"
    rows = db.sql("SELECT path, storage_id FROM system.segments WHERE table_name = 's'").rows
    assert rows == [[f"{folder}/{found[0]}", "disk"]]

    db.sql("UPDATE n.s SET v = 'new' WHERE id = 5")
    server.flush("n.s", db)
    kalam.wait_until(lambda: len(files(folder / "n/shared")) == 1, 10, "the replaced file is gone")
    server.restart()
    db = server.client()
    assert db.value("SELECT v FROM n.s WHERE id = 5") == "new"
    assert server.client("ann").rows("SELECT v FROM n.u ORDER BY id") == [["x"], ["y"]]
    db.batch("DROP TABLE n.s; DROP TABLE n.u")
    kalam.wait_until(lambda: not files(folder), 10, "the files are gone")
    kalam.wait_until(lambda: db.post("DROP STORAGE disk")[0] == 200, 10, "the storage can go")


def test_drop_knows_its_files(own_server, folder):
    """DROP deletes the files of the records: folders named like a template, and files of others, stay."""
    server, db = own_server, own_server.client()
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE disk TYPE filesystem PATH '{folder}';"
             "CREATE USER TABLE n.u (id BIGINT PRIMARY KEY) STORAGE disk;"
             "CREATE USER TABLE n.l (id BIGINT PRIMARY KEY) LOCATION 'l/${user_id}'")
    home = server.data_dir / "storage"
    strangers = [folder / "n/users/u/${user_id}/x.parquet", folder / "n/users/u/{userId}/x.parquet", folder / "n/users/u/ann/own.txt",
                 home / "l/${user_id}/x.parquet"]
    for stranger in strangers:
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_text("mine")
    for user in ("ann", "bob"):
        for table in ("n.u", "n.l"):
            server.client(user).sql(f"INSERT INTO {table} VALUES (1)")
    for table in ("n.u", "n.l"):
        server.flush(table, db)
    assert len(files(folder)) == 4 and len(files(home)) == 3
    db.batch("DROP TABLE n.u; DROP TABLE n.l")
    kalam.wait_until(lambda: len(files(folder)) == 2 and len(files(home)) == 1, 10, "the tables' files are gone")
    assert all(stranger.read_text() == "mine" for stranger in strangers)
    kalam.wait_until(lambda: not (folder / "n/users/u/bob").exists() and not (home / "l/ann").exists(), 10, "empty folders are gone")


def test_columnar_reads_reach_a_new_folder(own_server, folder):
    server, db = own_server, own_server.client()
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE disk TYPE filesystem PATH '{folder}';"
             "CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, g INT) STORAGE disk")
    for start in range(0, 120000, 20000):
        db.sql(f"INSERT INTO n.s SELECT i, i % 7 FROM range({start}, {start + 20000}) r(i)")
    server.flush("n.s", db)
    plan = json.dumps(db.rows("EXPLAIN SELECT g, count(*) FROM n.s GROUP BY g"))
    assert "parquet" in plan.lower() or "columnar" in plan.lower(), plan
    assert len(db.rows("SELECT g, count(*) FROM n.s GROUP BY g")) == 7
    server.restart()
    assert len(server.client().rows("SELECT g, count(*) FROM n.s GROUP BY g")) == 7


def test_a_table_keeps_its_location(own_server, folder):
    server, db = own_server, own_server.client()
    one, two = folder / "one", folder / "two"
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE disk TYPE filesystem PATH '{one}';"
             "CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY) STORAGE disk; INSERT INTO n.a VALUES (1)")
    server.flush("n.a", db)
    db.sql(f"ALTER STORAGE disk SET PATH '{two}', SHARED_TABLES_TEMPLATE = 'x/{{tableName}}'")
    db.batch("INSERT INTO n.a VALUES (2); CREATE SHARED TABLE n.b (id BIGINT PRIMARY KEY) STORAGE disk;"
             "INSERT INTO n.b VALUES (1)")
    server.flush("n.a", db)
    server.flush("n.b", db)
    server.restart()
    db = server.client()
    assert [os.path.dirname(f) for f in files(folder)] == ["one/n/shared/a", "one/n/shared/a", "two/x/b"]
    assert db.value("SELECT count(*) FROM n.a") == "2"
    locations = db.rows("SELECT table_name, storage_location FROM system.tables WHERE namespace_id = 'n'")
    assert locations == [["a", f"{one}/{{namespace}}/shared/{{tableName}}"], ["b", f"{two}/x/{{tableName}}"]]


def test_local_may_move_for_new_tables(own_server, folder):
    server, db = own_server, own_server.client()
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY); INSERT INTO n.a VALUES (1)")
    db.sql(f"UPDATE system.storages SET uri = 'file://{folder}' WHERE storage_id = 'local'")
    db.batch("CREATE SHARED TABLE n.b (id BIGINT PRIMARY KEY); INSERT INTO n.b VALUES (1)")
    server.restart()  # flushes
    db = server.client()
    assert [os.path.dirname(f) for f in files(server.data_dir / "storage")] == ["n/shared/a"]
    assert [os.path.dirname(f) for f in files(folder)] == ["n/shared/b"]
    assert db.rows("SELECT a.id, b.id FROM n.a JOIN n.b ON a.id = b.id") == [["1", "1"]]
    assert db.rows("SELECT DISTINCT storage_id FROM system.segments") == [["local"]]
    db.sql("ALTER STORAGE local SET URI ''")
    db.batch("CREATE SHARED TABLE n.c (id BIGINT PRIMARY KEY); INSERT INTO n.c VALUES (1)")
    server.flush("n.c", db)
    assert len(files(server.data_dir / "storage")) == 2
    db.batch("DROP TABLE n.a; DROP TABLE n.b; DROP TABLE n.c")
    kalam.wait_until(lambda: not files(folder) and not server.parquet_files(), 10, "the files are gone")


def test_rows_hold_while_a_storage_changes(own_server, folder):
    """Statements, flushes and ALTER STORAGE at once: nobody loses a file or a row."""
    server, db = own_server, own_server.client()
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE disk TYPE filesystem PATH '{folder}/0';"
             "CREATE SHARED TABLE n.t (id BIGINT PRIMARY KEY, v BIGINT) STORAGE disk")
    stop, wrong = threading.Event(), []

    def work(run):
        client = server.client()
        try:
            while not stop.is_set():
                run(client)
        except Exception as error:  # told to the test
            wrong.append(error)
        client.close()

    def read(client):
        rows = client.rows("SELECT count(*), count(DISTINCT id), min(v), max(v) FROM n.t")
        if int(rows[0][0]) and (rows[0][0] != rows[0][1] or rows[0][2:] != ["7", "7"]):
            wrong.append(rows)

    def alter(client):
        client.sql(f"ALTER STORAGE disk SET PATH '{folder}/{int(time.monotonic() * 10) % 5}', NAME 'n'")
    threads = [threading.Thread(target=work, args=(run,)) for run in (read, read, alter)]
    for thread in threads:
        thread.start()
    for number in range(12):
        db.sql("INSERT INTO n.t VALUES " + ",".join(f"({number * 50 + i}, 7)" for i in range(50)))
        assert server.flush("n.t", db)["status"] == "completed"
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert db.value("SELECT count(*) FROM n.t") == "600"
    assert {f.split("/")[0] for f in files(folder)} == {"0"}, "a table keeps its place"


def test_user_storage_follows_the_user(own_server, folder):
    server, db = own_server, own_server.client()
    eu, us = folder / "eu", folder / "us"
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE eu TYPE filesystem PATH '{eu}';"
             f"CREATE STORAGE us TYPE filesystem PATH '{us}' USER_TABLES_TEMPLATE '{{namespace}}/{{tableName}}-{{userId}}';"
             "CREATE USER ann WITH INTERNAL STORAGE_MODE region STORAGE eu;"
             "CREATE USER bob WITH INTERNAL STORAGE_MODE region STORAGE us;"
             "CREATE USER kim WITH INTERNAL STORAGE eu;"
             "CREATE USER TABLE n.t (id BIGINT PRIMARY KEY) USE_USER_STORAGE;"
             "CREATE USER TABLE n.own (id BIGINT PRIMARY KEY) USE_USER_STORAGE LOCATION 'own/${user_id}/{tableName}';"
             "CREATE USER TABLE n.plain (id BIGINT PRIMARY KEY)")
    for user in ("ann", "bob", "kim", "zoe"):
        for table in ("t", "own", "plain"):
            server.client(user).sql(f"INSERT INTO n.{table} VALUES (1)")
    for table in ("t", "own", "plain"):
        assert server.flush(f"n.{table}", db)["status"] == "completed"
    assert [os.path.dirname(f) for f in files(eu)] == ["n/users/t/ann", "own/ann/own"]
    assert [os.path.dirname(f) for f in files(us)] == ["n/t-bob", "own/bob/own"]
    local = server.data_dir / "storage"
    assert [os.path.dirname(f) for f in files(local)] == [
        "n/users/plain/ann", "n/users/plain/bob", "n/users/plain/kim", "n/users/plain/zoe",
        "n/users/t/kim", "n/users/t/zoe", "own/kim/own", "own/zoe/own"]

    # what lies there keeps the storage alive after the user has moved
    db.sql("ALTER USER ann SET STORAGE us")
    status, body = db.post("DROP STORAGE eu")
    assert body["error"]["code"] == "CONFLICT" and "n.t" in body["error"]["message"], body
    server.client("ann").sql("INSERT INTO n.t VALUES (2)")
    server.flush("n.t", db)
    assert "n/t-ann" in [os.path.dirname(f) for f in files(us)]
    assert server.client("ann").value("SELECT count(*) FROM n.t") == "2"
    for table in ("t", "own"):
        db.sql(f"DROP TABLE n.{table}")
    kalam.wait_until(lambda: not files(eu) and not files(us), 10, "all files are gone")
    assert len(files(local)) == 4


@pytest.mark.parametrize("strategy,shards", [
    ("alphabetic", {"ann": "a", "Zoe": "z", "42": "z", "9q": "q"}),
    ("numeric", {"ann": "9", "u1x2": "1", "42": "4"}),
])
def test_sharding(strategy, shards):
    with kalam.Server(config=f'[sharding]\ndefault_strategy = "{strategy}"\n') as server:
        db = server.client()
        db.batch("CREATE NAMESPACE n; CREATE USER TABLE n.t (id BIGINT PRIMARY KEY)")
        for user in shards:
            server.client(user).sql("INSERT INTO n.t VALUES (1)")
        server.flush("n.t", db)
        found = {f.split("/")[-2]: f.split("/")[-3] for f in files(server.data_dir / "storage")}
        assert found == shards
        for user in shards:
            assert server.client(user).value("SELECT count(*) FROM n.t") == "1"


def test_hash_sharding_is_stable():
    config = '[sharding]\ndefault_strategy = "hash"\nhash_shards = 4\n'
    users = [f"user{i}" for i in range(24)]
    with kalam.Server(config=config) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE n; CREATE USER TABLE n.t (id BIGINT PRIMARY KEY)")
        for run in range(2):
            for user in users:
                server.client(user).sql(f"INSERT INTO n.t VALUES ({run})")
            server.flush("n.t", db)
            server.restart()
            db = server.client()
        found = {}
        for path in files(server.data_dir / "storage"):
            found.setdefault(path.split("/")[-2], set()).add(path.split("/")[-3])
        assert all(len(shard) == 1 for shard in found.values()) and len(found) == len(users)
        assert {s for shard in found.values() for s in shard} == {f"shard-{i:04d}" for i in range(4)}


@pytest.mark.parametrize("storage", ("disk", "local"))
@pytest.mark.parametrize("mount_point", (False, True))
def test_a_missing_folder_is_an_outage_not_a_new_folder(own_server, folder, storage, mount_point):
    """The folder lies on the disk that is not mounted, or it is its mount point, which is there and empty."""
    server, db = own_server, own_server.client()
    if storage == "local":
        folder = server.data_dir / "storage"
    else:
        db.sql(f"CREATE STORAGE disk TYPE filesystem PATH '{folder}'")
    db.batch(f"CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE {storage};"
             f"CREATE SHARED TABLE n.d (id BIGINT PRIMARY KEY) STORAGE {storage};"
             "INSERT INTO n.s VALUES (1), (2); INSERT INTO n.d VALUES (1)")
    server.flush("n.s", db)
    server.flush("n.d", db)
    server.stop()
    folder.rename(folder.parent / "away")
    if mount_point:
        folder.mkdir()
    server.start()
    db = server.client()
    status, body = db.post("SELECT * FROM n.s")
    assert status == 503 and body["error"]["code"] == "STORAGE_UNAVAILABLE", body
    assert str(folder) not in json.dumps(body)
    db.sql("INSERT INTO n.s VALUES (3)")
    job = server.flush("n.s", db)
    assert job["status"] == "failed" and "missing" in job["error_message"], job
    answer = db.post(f"CREATE SHARED TABLE n.more (id BIGINT PRIMARY KEY) STORAGE {storage}")
    assert answer[0] == 503 and answer[1]["error"]["code"] == "STORAGE_UNAVAILABLE", answer
    check = db.sql(f"STORAGE CHECK {storage}").dicts()[0]
    assert check["status"] == "unreachable" and "mounted" in check["error"], check
    db.sql("DROP TABLE n.d")
    kalam.wait_until(lambda: f"{folder}, the folder of storage {storage}, is missing" in server.log(), 20, "the warning")
    deletion = "SELECT status FROM system.jobs WHERE job_type = 'table_deletion'"
    kalam.wait_until(lambda: db.value(deletion) == "failed", 20, "the deletion fails")
    if mount_point:
        assert not list(folder.iterdir())
        folder.rmdir()
    assert not folder.exists()
    (folder.parent / "away").rename(folder)
    assert db.sql(f"STORAGE CHECK {storage}").dicts()[0]["status"] == "healthy"
    assert db.value("SELECT count(*) FROM n.s") == "3"
    server.flush("n.s", db)
    assert sorted(int(row[0]) for row in db.rows("SELECT id FROM n.s")) == [1, 2, 3]
    server.restart()  # deletes what the dropped table has left
    kalam.wait_until(lambda: len(files(folder)) == 2, 20, "two files")


def test_files_of_others_do_not_tell_a_mounted_disk(own_server, folder):
    """Below the mount point of a disk that is not mounted anything may lie; a root that has lost its marker is known by its own files."""
    server, db = own_server, own_server.client()
    db.batch(f"CREATE STORAGE disk TYPE filesystem PATH '{folder}'; CREATE NAMESPACE n; CREATE NAMESPACE m;"
             "CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE disk; CREATE SHARED TABLE m.t (id BIGINT PRIMARY KEY);"
             "INSERT INTO n.s VALUES (1), (2); INSERT INTO m.t VALUES (1)")
    server.flush("n.s", db)
    server.flush("m.t", db)
    db.sql("INSERT INTO n.s VALUES (3)")
    away = folder.parent / "away"
    folder.rename(away)
    folder.mkdir()
    status, body = db.post(f"BACKUP DATABASE m TO '{folder}/backup/m'")
    assert status == 503 and body["error"]["code"] == "STORAGE_UNAVAILABLE" and "mounted" in body["error"]["message"], body
    assert not list(folder.iterdir())
    (folder / "backup").mkdir()
    (folder / "backup" / "a.parquet").write_bytes(b"PAR1")
    assert server.flush("n.s", db)["status"] == "failed"
    assert files(folder) == ["backup/a.parquet"]
    shutil.rmtree(folder)
    away.rename(folder)
    (folder / ".kalamdb").unlink()
    assert server.flush("n.s", db)["status"] == "completed"
    assert (folder / ".kalamdb").exists() and db.value("SELECT count(*) FROM n.s") == "3"
    db.sql(f"BACKUP DATABASE m TO '{folder}/backup/m'")


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_a_disk_that_does_not_answer_at_start(folder):
    """Who looks at its folder waits alone: files of dropped tables elsewhere go, and the server stops."""
    with kalam.Server() as server:
        db = server.client()
        db.batch(f"CREATE STORAGE disk TYPE filesystem PATH '{folder}'; CREATE NAMESPACE n;"
                 "CREATE SHARED TABLE n.t (id BIGINT PRIMARY KEY); INSERT INTO n.t VALUES (1)")
        server.flush("n.t", db)
        server.stop()
        server.env = {"KALAM_FAULT": "storages_ask:delay=600000"}
        server.start()
        db = server.client()
        db.sql("DROP TABLE n.t")
        kalam.wait_until(lambda: not server.parquet_files(), 20, "the files go")
        assert db.value("SELECT status FROM system.jobs WHERE job_type = 'table_deletion'") in ("running", "completed")
        server.stop(limit_s=20)


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_a_table_on_a_disk_that_does_not_answer(folder):
    """CREATE TABLE there waits without the lock of the catalogue."""
    with kalam.Server() as server:
        db = server.client()
        db.batch(f"CREATE STORAGE disk TYPE filesystem PATH '{folder}'; CREATE NAMESPACE n")
        server.stop()
        server.env = {"KALAM_FAULT": "storages_writable:delay=4000"}
        server.start()
        db = server.client()
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            there = pool.submit(server.client().sql, "CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE disk")
            time.sleep(0.5)
            db.batch("CREATE NAMESPACE m; CREATE SHARED TABLE m.t (id BIGINT PRIMARY KEY)")
            assert not there.done() and time.monotonic() - began < 4
            there.result()
        db.sql("CREATE SHARED TABLE IF NOT EXISTS n.s (id BIGINT PRIMARY KEY) STORAGE disk")
        server.stop()


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_other_disks_answer(tmp_path):
    """A disk that does not answer its first use after a start is waited for alone."""
    with kalam.Server() as server:
        db = server.client()
        db.sql("CREATE NAMESPACE n")
        for name in ("slow", "fast"):
            db.batch(f"CREATE STORAGE {name} TYPE filesystem PATH '{tmp_path}/{name}';"
                     f"CREATE SHARED TABLE n.{name} (id BIGINT PRIMARY KEY) STORAGE {name}; INSERT INTO n.{name} VALUES (1)")
            server.flush(f"n.{name}", db)
        server.stop()
        server.env = {"KALAM_FAULT": "storages_open:delay=5000"}
        server.start()
        db = server.client()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            there = pool.submit(server.client().value, "SELECT count(*) FROM n.slow WHERE id < 5")
            time.sleep(0.5)
            began = time.monotonic()
            assert db.rows("SELECT id FROM n.fast WHERE id < 5") == [["1"]]
            assert not there.done() and time.monotonic() - began < 4
            assert there.result() == "1"
        server.stop()


def test_places_are_apart(own_server, tmp_path):
    """No storage lies where another one or the server keeps files; links are followed."""
    server, db = own_server, own_server.client()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    db.sql(f"CREATE STORAGE a TYPE filesystem PATH '{tmp_path}/a/b'")
    db.sql(f"CREATE STORAGE c TYPE filesystem PATH '{tmp_path}/c'")
    db.sql("CREATE STORAGE s TYPE s3 URI 's3://bucket/x'")

    def refused(statement, *words):
        error = db.post(statement)[1].get("error") or {}
        assert error.get("code") == "INVALID_OPERATION", (statement, error)
        assert all(word in error["message"] for word in words), error

    for path in ("a/b", "a/b/c/d", "a", "link/b/x", ""):
        refused(f"CREATE STORAGE x TYPE filesystem PATH '{tmp_path}/{path}'", "'x'", "'a'")
    for path in ("", "storage", "rocksdb", "tmp/x", ".."):
        place = os.path.normpath(server.data_dir / path)
        refused(f"CREATE STORAGE x TYPE filesystem PATH '{place}'", "server's own")
    for uri in ("s3://bucket/", "s3://bucket/x/y/", "s3://bucket/x"):
        refused(f"CREATE STORAGE x TYPE s3 URI '{uri}'", "'s'")
    refused(f"ALTER STORAGE c SET PATH '{tmp_path}/a/b/c'", "'a'")
    refused("UPDATE system.storages SET uri = 's3://bucket/x/z' WHERE storage_id = 'c'")
    refused("INSERT INTO system.storages (storage_id, storage_type, uri) VALUES "
            f"('y', 'filesystem', '{tmp_path}/new/y'), ('z', 'filesystem', '{tmp_path}/new/y/z')", "'z'", "'y'")
    assert not (tmp_path / "new").exists(), "a statement that fails makes no folder"
    db.sql(f"CREATE STORAGE near TYPE filesystem PATH '{tmp_path}/a/bb'")
    db.sql("CREATE STORAGE far TYPE s3 URI 's3://bucket/x' CREDENTIALS '{\"endpoint\": \"http://127.0.0.1:9\"}'")
    db.sql(f"ALTER STORAGE c SET PATH '{tmp_path}/c/d'")
    db.sql(f"CREATE STORAGE there TYPE filesystem PATH '{tmp_path}/gone'")
    db.sql("DROP STORAGE there")
    db.sql(f"CREATE STORAGE again TYPE filesystem PATH '{tmp_path}/gone'")


@pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")
def test_storages_of_one_place_keep_their_files(tmp_path):
    """As older versions let it be: two flushes of one second take two names."""
    with kalam.Server(env={"KALAM_FAULT": "flush_after_write:delay=1200"}) as server:
        db = server.client()
        db.sql("CREATE NAMESPACE n")
        for name in ("one", "two"):
            db.batch(f"CREATE STORAGE {name} TYPE filesystem PATH '{tmp_path}/{name}' SHARED_TABLES_TEMPLATE 'x';"
                     f"CREATE SHARED TABLE n.{name} (id INT PRIMARY KEY, v TEXT) STORAGE {name}")
        shutil.rmtree(tmp_path / "two")
        (tmp_path / "two").symlink_to(tmp_path / "one")
        server.restart()
        db = server.client()
        kalam.wait_until(lambda: "storages 'one' and 'two' share one place" in server.log(), 20, "the warning")
        for name in ("one", "two"):
            db.sql(f"INSERT INTO n.{name} VALUES (1, '{name}')")
        time.sleep(1.02 - time.time() % 1)  # both within one second
        started = [db.sql(f"STORAGE FLUSH TABLE n.{name}").dicts()[0]["job_id"] for name in ("one", "two")]
        done = [kalam.wait_job(db, job) for job in started]
        assert [job["status"] for job in done] == ["completed"] * 2, done
        assert len(files(tmp_path / "one")) == 2
        assert db.rows("SELECT v FROM n.one") == [["one"]] and db.rows("SELECT v FROM n.two") == [["two"]]
        db.sql("DROP TABLE n.two")
        kalam.wait_until(lambda: len(files(tmp_path / "one")) == 1, 10, "only its own file goes")
        assert db.value("SELECT v FROM n.one") == "one"
        db.sql("ALTER STORAGE two SET NAME 'still here'")


class Hole:
    """An S3 endpoint that takes connections and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.taken = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for connection in self.taken:
            connection.close()


def test_a_storage_that_does_not_answer_keeps_nobody(own_server):
    """KILL JOB, DROP TABLE, a timed-out DROP and the stop of the server end transfers that go nowhere."""
    server, db = own_server, own_server.client()
    hole = Hole()
    text = json.dumps({"access_key_id": "A", "secret_access_key": "S", "endpoint": f"http://127.0.0.1:{hole.port}"})
    db.batch(f"CREATE NAMESPACE n; CREATE STORAGE hole TYPE s3 BUCKET 'bucket' CREDENTIALS '{text}'")
    for name in ("killed", "dropped", "stopped"):
        db.batch(f"CREATE SHARED TABLE n.{name} (id INT PRIMARY KEY) STORAGE hole; INSERT INTO n.{name} VALUES (1), (2)")

    def flush(name):
        job = db.sql(f"STORAGE FLUSH TABLE n.{name}").dicts()[0]["job_id"]
        before = len(hole.taken)
        kalam.wait_until(lambda: len(hole.taken) > before or
                         db.value("SELECT status FROM system.jobs WHERE job_id = $1", [job]) != "pending", 10, "begun")
        return job

    started = time.monotonic()
    job = flush("killed")
    db.sql(f"KILL JOB '{job}'")
    assert kalam.wait_job(db, job, limit_s=6)["status"] == "cancelled"
    assert db.value("SELECT count(*) FROM n.killed") == "2"
    job = flush("dropped")
    db.sql("DROP TABLE n.dropped")
    assert kalam.wait_job(db, job, limit_s=6)["status"] == "cancelled"
    flush("stopped")
    assert time.monotonic() - started < 15
    server.kill()
    hole.close()


def test_check(own_server, folder):
    server, db = own_server, own_server.client()
    db.sql(f"CREATE STORAGE disk TYPE filesystem PATH '{folder}'")
    for storage in ("local", "disk"):
        result = db.sql(f"STORAGE CHECK {storage}")
        assert result.names == ["storage_id", "storage_type", "status", "latency_ms", "error"]
        assert result.dicts()[0]["status"] == "healthy" and result.dicts()[0]["error"] is None
        rows = db.sql(f"STORAGE CHECK {storage} EXTENDED").dicts()
        assert [r["operation"] for r in rows] == ["write", "read", "list", "delete"]
        assert {r["status"] for r in rows} == {"healthy"}
    assert [path.name for path in folder.rglob("*")] == [".kalamdb"], "the check leaves nothing behind"
    assert db.post("STORAGE CHECK nope")[1]["error"]["code"] == "STORAGE_NOT_FOUND"
    db.batch("CREATE USER worker WITH INTERNAL ROLE service; CREATE USER ann WITH INTERNAL")
    service, user = server.client("worker"), server.client("ann")
    assert service.sql("STORAGE CHECK disk").dicts()[0]["status"] == "healthy"
    for statement in ("STORAGE CHECK disk", f"CREATE STORAGE x TYPE filesystem PATH '{folder}'",
                      "ALTER STORAGE disk SET NAME 'x'", "DROP STORAGE disk", "SELECT * FROM system.storages",
                      "INSERT INTO system.storages (storage_id, storage_type, uri) VALUES ('x', 'filesystem', '/tmp')"):
        assert user.post(statement)[1]["error"]["code"] == "PERMISSION_DENIED", statement
    assert service.post("DROP STORAGE disk")[1]["error"]["code"] == "PERMISSION_DENIED"
    if os.geteuid() != 0:
        folder.chmod(0o500)
        assert db.sql("STORAGE CHECK disk EXTENDED").dicts()[0]["status"] == "unreachable"
        folder.chmod(0o700)


# Trap 12 of the specification: a secret is in no answer, log, error, job, manifest or file but the sealed one.
def test_credentials_never_show(own_server):
    server, db = own_server, own_server.client()
    secrets = ["AKIDTOPSECRET", "s3cr3tS3cr3tValue", "t0kenT0ken"]
    text = json.dumps({"access_key_id": secrets[0], "secret_access_key": secrets[1], "session_token": secrets[2],
                       "endpoint": "http://127.0.0.1:9", "region": "nowhere"})
    answers = [db.post(f"CREATE STORAGE s TYPE s3 BUCKET 'bucket' CREDENTIALS '{text}'")[1],
               db.post(f"CREATE STORAGE s TYPE s3 BUCKET 'bucket' CREDENTIALS '{text}'")[1],
               db.post(f"ALTER STORAGE s SET CREDENTIALS '{text}'")[1],
               db.post(f"ALTER STORAGE s SET CREDENTIALS '{text}', NOPE 'x'")[1],
               db.post(f"CREATE STORAGE t TYPE s3 BUCKET 'bucket' CREDENTIALS '{text}' '{text}'")[1],
               db.post("UPDATE system.storages SET credentials = $1 WHERE storage_id = 's' RETURNING *", [text])[1],
               db.post("INSERT INTO system.storages (storage_id, storage_type, uri, credentials) VALUES ('u', 's3', 's3://another/', $1)", [text])[1],
               db.post("UPDATE system.storages SET credentials = upper(credentials) WHERE storage_id = 's'")[1]]
    assert [a["status"] for a in answers] == ["success", "error", "success", "error", "error", "success", "success", "error"]
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE s; INSERT INTO n.s VALUES (1)")
    answers.append(server.flush("n.s", db))
    for statement in ("SELECT * FROM system.storages", "SELECT * FROM system.storage_locations", "SHOW STORAGES",
                      "SELECT credentials || '' FROM system.storages", "SELECT * FROM system.jobs",
                      "SELECT * FROM system.segments", "SELECT * FROM system.logs", "DESCRIBE n.s",
                      "SELECT * FROM system.settings", "SELECT * FROM system.tables", "STORAGE CHECK s EXTENDED",
                      "SELECT count(*), max(credentials) FROM system.storages GROUP BY storage_type",
                      "EXPLAIN SELECT * FROM system.storages", "DROP STORAGE s"):
        answers.append(db.post(statement)[1])
    said = json.dumps(answers) + server.log()
    server.stop()
    said += server.log()
    for secret in secrets:
        assert secret not in said
    key = server.data_dir / "storage_key"
    assert key.stat().st_mode & 0o777 == 0o600
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for secret in secrets:
                assert secret.encode() not in data, path
    # another key does not open them, and says so without showing anything
    shutil.copy(key, key.with_suffix(".old"))
    key.write_text("00" * 32)
    server.start()
    row = server.client().sql("STORAGE CHECK s").dicts()[0]
    assert row["status"] == "unreachable" and "do not open" in row["error"], row
