"""Cold files in a bucket of a real S3 server (OpenStack Swift): round trip, faults, outage, cache, restart."""
import json
import threading
import time

import pytest

import kalam
import s3

pytestmark = pytest.mark.skipif(not s3.available(), reason="python3-swift is not installed")


@pytest.fixture(scope="module")
def swift():
    with s3.Swift() as running:
        yield running


@pytest.fixture
def bucket(swift, request):
    return swift.make_bucket("b-" + request.node.name.lower().replace("_", "-").replace("[", "-").replace("]", "")[:50])


@pytest.fixture
def proxy(swift):
    running = s3.Proxy(swift.port)
    yield running
    running.close()


def credentials(endpoint, access=s3.ACCESS_KEY, secret=s3.SECRET_KEY):
    return json.dumps({"access_key_id": access, "secret_access_key": secret, "endpoint": endpoint,
                       "region": "us-east-1", "path_style": True})


def create(db, endpoint, bucket, prefix="", name="remote"):
    db.sql(f"CREATE STORAGE {name} TYPE s3 URI 's3://{bucket}/{prefix}' CREDENTIALS '{credentials(endpoint)}'")


def metric(db, name):
    rows = db.rows("SELECT metric_value FROM system.metrics WHERE metric_name = $1", ["kalamdb_" + name])
    rows = rows or db.rows("SELECT metric_value FROM system.metrics WHERE metric_name = $1", [name])
    return int(float(rows[0][0]))


def cached(server):
    return sorted(p.name for p in (server.data_dir / "s3_cache").iterdir())


def test_round_trip(own_server, swift, bucket):
    server, db = own_server, own_server.client()
    create(db, swift.endpoint, bucket, "some/prefix")
    check = db.sql("STORAGE CHECK remote").dicts()[0]
    assert check["status"] == "healthy" and check["error"] is None, check
    rows = db.sql("STORAGE CHECK remote EXTENDED").dicts()
    assert [(r["operation"], r["status"]) for r in rows] == [(o, "healthy") for o in ("write", "read", "list", "delete")], rows
    assert swift.texts(bucket, "list-type=2", b"Key") == []

    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote;"
             "CREATE USER TABLE n.u (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote")
    db.sql("INSERT INTO n.s SELECT i, 'v' || i FROM range(3000) r(i)")
    for user in ("ann", "bob@x.org"):
        server.client(user).sql("INSERT INTO n.u VALUES (1, $1)", [user])
    job = server.flush("n.s", db)
    assert job["status"] == "completed" and f"s3://{bucket}/some/prefix/n/shared/s" in job["result"], job
    assert server.flush("n.u", db)["status"] == "completed"
    folders = sorted(k.rsplit("/", 1)[0] for k in swift.keys(bucket))
    assert folders == ["some/prefix/n/shared/s", "some/prefix/n/users/u/ann", "some/prefix/n/users/u/bob@x.org"]
    assert swift.get(bucket, swift.keys(bucket)[0])[:4] == b"PAR1"
    assert db.value("SELECT count(*) FROM n.s") == "3000"
    assert db.value("SELECT v FROM n.s WHERE id = 2222") == "v2222"
    assert server.client("bob@x.org").rows("SELECT v FROM n.u") == [["bob@x.org"]]
    segment = db.sql("SELECT path, storage_id FROM system.segments WHERE table_name = 's'").dicts()[0]
    assert segment["storage_id"] == "remote" and segment["path"].startswith(f"s3://{bucket}/some/prefix/n/shared/s/")

    # shadows rewrite the file; the replaced object goes
    before = swift.keys(bucket)
    db.batch("UPDATE n.s SET v = 'new' WHERE id = 7; DELETE FROM n.s WHERE id = 8")
    assert server.flush("n.s", db)["status"] == "completed"
    kalam.wait_until(lambda: len(swift.keys(bucket)) == 3 and swift.keys(bucket) != before, 20, "the replaced object is gone")
    for _ in range(2):
        assert db.rows("SELECT id, v FROM n.s WHERE id IN (7, 8, 9) ORDER BY id") == [["7", "new"], ["9", "v9"]]
        server.stop()
        for path in (server.data_dir / "s3_cache").iterdir():
            path.unlink()
        server.start()
        db = server.client()
    assert db.rows("SELECT count(*), max(length(v)) FROM n.s") == [["2999", 5]]
    assert len(cached(server)) == 1, "what is read is kept"

    db.batch("DROP TABLE n.s; DROP TABLE n.u")
    kalam.wait_until(lambda: swift.keys(bucket) == [], 20, "the objects are gone")
    kalam.wait_until(lambda: not cached(server), 10, "the copies are gone")
    kalam.wait_until(lambda: db.post("DROP STORAGE remote")[0] == 200, 10, "the storage can go")
    assert swift.uploads(bucket) == []


def test_unicode_and_odd_keys(own_server, swift, bucket):
    server, db = own_server, own_server.client()
    create(db, swift.endpoint, bucket, "pré fix/ä+b&c=d;e,f%20g/日本")
    db.batch("CREATE NAMESPACE n; CREATE USER TABLE n.u (id BIGINT PRIMARY KEY) STORAGE remote")
    users = ["a+b@x.y", "plain", "-_.", "A@B"]
    for user in users:
        server.client(user).sql("INSERT INTO n.u VALUES (1)")
    assert server.flush("n.u", db)["status"] == "completed"
    assert sorted(k.split("/")[-2] for k in swift.keys(bucket)) == sorted(users)
    assert all(k.startswith("pré fix/ä+b&c=d;e,f%20g/日本/n/users/u/") for k in swift.keys(bucket))
    server.stop()
    for path in (server.data_dir / "s3_cache").iterdir():
        path.unlink()
    server.start()
    for user in users:
        assert server.client(user).value("SELECT count(*) FROM n.u") == "1"
    rows = server.client().sql("STORAGE CHECK remote EXTENDED").dicts()
    assert {r["status"] for r in rows} == {"healthy"}, rows


def test_large_multipart(own_server, swift, bucket):
    server, db = own_server, own_server.client()
    create(db, swift.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.big (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote FLUSH POLICY ROWS 900000")
    # what does not compress: 20,000 rows of 32 hashes of 32 digits
    digits = " || ".join(f"md5((i * 32 + {k})::TEXT)" for k in range(32))
    for start in range(0, 20000, 5000):
        db.sql(f"INSERT INTO n.big SELECT i, {digits} FROM range({start}, {start + 5000}) r(i)")
    total = db.rows("SELECT count(*), md5(string_agg(v, ',' ORDER BY id)) FROM n.big")
    job = server.flush("n.big", db)
    assert job["status"] == "completed", job
    sizes = [int(s) for s in swift.texts(bucket, "list-type=2", b"Size")]
    assert max(sizes) > 8 << 20, sizes
    assert swift.uploads(bucket) == []
    server.stop()
    for path in (server.data_dir / "s3_cache").iterdir():
        path.unlink()
    server.start()
    assert server.client().rows("SELECT count(*), md5(string_agg(v, ',' ORDER BY id)) FROM n.big") == total


def test_a_damaged_copy_is_fetched_anew(own_server, swift, bucket):
    """The object is whole: the local copy alone is damaged."""
    server, db = own_server, own_server.client()
    create(db, swift.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.t (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote")
    db.sql("INSERT INTO n.t SELECT i, 'row ' || i FROM range(0, 500) r(i)")
    server.flush("n.t", db)
    server.stop()
    (copy,) = (server.data_dir / "s3_cache").iterdir()
    good = copy.read_bytes()
    copy.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    server.start()
    assert server.client().rows("SELECT count(*), max(v) FROM n.t WHERE id >= 10") == [["490", "row 99"]]
    assert "is damaged and is fetched anew" in server.log() and copy.read_bytes() == good


def test_wrong_credentials(own_server, swift, bucket):
    server, db = own_server, own_server.client()
    wrong = credentials(swift.endpoint, secret="not the secret".replace(" ", "-"))
    db.sql(f"CREATE STORAGE remote TYPE s3 BUCKET '{bucket}' CREDENTIALS '{wrong}'")
    check = db.sql("STORAGE CHECK remote").dicts()[0]
    assert check["status"] == "unreachable" and "SignatureDoesNotMatch" in check["error"], check
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE remote; INSERT INTO n.s VALUES (1)")
    started = time.monotonic()
    job = server.flush("n.s", db)
    assert job["status"] == "failed" and "403" in job["error_message"], job
    assert time.monotonic() - started < 5, "a refusal is not tried again"
    assert db.value("SELECT count(*) FROM n.s") == "1"
    for missing in ('{"access_key":"nobody:here","secret_key":"x","endpoint":"%s"}' % swift.endpoint,
                    '{"access_key":"%s","secret_key":"%s","endpoint":"%s"}' % (s3.ACCESS_KEY, s3.SECRET_KEY, "http://127.0.0.1:1")):
        db.sql(f"ALTER STORAGE remote SET CREDENTIALS '{missing}'")
        assert db.sql("STORAGE CHECK remote").dicts()[0]["status"] == "unreachable"
    db.sql(f"ALTER STORAGE remote SET CREDENTIALS '{credentials(swift.endpoint)}'")
    assert db.sql("STORAGE CHECK remote").dicts()[0]["status"] == "healthy"
    assert server.flush("n.s", db)["status"] == "completed"
    assert len(swift.keys(bucket)) == 1
    log = server.log()
    assert s3.SECRET_KEY + '"' not in log and "not-the-secret" not in log and s3.ACCESS_KEY not in log


def test_credentials_of_the_environment(swift, bucket):
    env = {"AWS_ACCESS_KEY_ID": s3.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY, "AWS_ENDPOINT_URL": swift.endpoint}
    with kalam.Server(env=env) as server:
        db = server.client()
        db.sql(f"CREATE STORAGE remote TYPE s3 BUCKET '{bucket}'")
        assert db.sql("STORAGE CHECK remote").dicts()[0]["status"] == "healthy"
        assert db.rows("SELECT credentials, config_json FROM system.storages WHERE storage_id = 'remote'") == [[None, None]]
    with kalam.Server(env={k: "" for k in env}) as server:
        db = server.client()
        db.sql(f"CREATE STORAGE remote TYPE s3 BUCKET '{bucket}' REGION 'eu-west-1'")
        check = db.sql("STORAGE CHECK remote").dicts()[0]
        assert check["status"] == "unreachable" and "no credentials" in check["error"], check


def test_slow_and_unwell_answers_are_tried_again(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    # two tables: many files of one would be merged meanwhile
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE remote;"
             "CREATE SHARED TABLE n.r (id BIGINT PRIMARY KEY) STORAGE remote")
    is_put = lambda method, path: method == "PUT"  # noqa: E731
    for number, (count, what) in enumerate([(4, 503), (2, 429), (3, 500), (2, "reset"), (1, ("wait", 3)), (2, ("cut", 20))]):
        table = "n.s" if number % 2 else "n.r"
        db.sql(f"INSERT INTO {table} VALUES ({number})")
        left = proxy.fail(count, what, is_put)
        before = metric(db, "s3_retries_total")
        job = server.flush(table, db)
        assert job["status"] == "completed" and left == [0], (what, job)
        tried_again = 0 if what == ("wait", 3) else count
        assert metric(db, "s3_retries_total") - before == tried_again, what
        assert len(swift.keys(bucket)) == number + 1
    # five failures are one too many: the rows stay hot
    db.sql("INSERT INTO n.s VALUES (100)")
    proxy.fail(1000, 503, is_put)
    proxy.seen.clear()
    job = server.flush("n.s", db)
    assert job["status"] == "failed" and "503" in job["error_message"], job
    assert sum(1 for method, _ in proxy.seen if method == "PUT") == 5, proxy.seen
    assert db.value("SELECT count(*) FROM n.s") == "4"
    # other 4xx never
    proxy.fail(1000, 403, is_put)
    before = metric(db, "s3_retries_total")
    time.sleep(2.1)
    assert server.flush("n.s", db)["status"] == "failed"
    assert metric(db, "s3_retries_total") == before
    proxy.rule = lambda method, path: None
    assert server.flush("n.s", db)["status"] == "completed"
    assert len(swift.keys(bucket)) == 7 and metric(db, "s3_errors_total") > 0

    # reading: a connection that breaks in the middle of a file goes on where it broke
    server.stop()
    for path in (server.data_dir / "s3_cache").iterdir():
        path.unlink()
    server.start()
    db = server.client()
    proxy.fail(3, ("cut", 700), lambda method, path: method == "GET" and "parquet" in path)
    assert db.value("SELECT count(*) FROM n.s WHERE id >= 0") == "4"
    proxy.fail(1, "stall", lambda method, path: method == "PUT")
    db.sql("INSERT INTO n.s VALUES (200)")
    assert server.flush("n.s", db)["status"] == "completed", "a stalled request is given up and tried again"


def test_outage(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote;"
             "CREATE SHARED TABLE n.other (id BIGINT PRIMARY KEY)")
    db.sql("INSERT INTO n.s SELECT i, 'v' || i FROM range(1000) r(i)")
    server.flush("n.s", db)
    server.stop()
    for path in (server.data_dir / "s3_cache").iterdir():
        path.unlink()
    server.start()
    db = server.client()
    proxy.rule = lambda method, path: "reset"
    for statement in ("SELECT * FROM n.s", "SELECT count(*), max(v) FROM n.s", "SELECT v FROM n.s WHERE id = 5",
                      "UPDATE n.s SET v = 'x' WHERE id = 5", "INSERT INTO n.s VALUES (5, 'x')"):
        status, body = db.post(statement)
        assert status == 503 and body["error"]["code"] == "STORAGE_UNAVAILABLE", (statement, body)
        assert proxy.endpoint not in json.dumps(body) and not any(r.get("rows") for r in body.get("results", []))
    # what does not need the cold files goes on
    db.sql("INSERT INTO n.s VALUES (5000, 'new')")
    assert db.value("SELECT v FROM n.s WHERE id = 5000") == "new"
    db.sql("INSERT INTO n.other VALUES (1)")
    job = server.flush("n.s", db)
    assert job["status"] == "failed" and job["error_message"], job
    assert db.sql("STORAGE CHECK remote").dicts()[0]["status"] == "unreachable"
    assert db.value("SELECT count(*) FROM n.other") == "1"
    # a restart during the outage does not wait for the storage
    server.stop(limit_s=60)
    started = time.monotonic()
    server.start()
    assert time.monotonic() - started < 15
    db = server.client()
    assert db.post("SELECT count(*), max(v) FROM n.s")[0] == 503
    proxy.rule = lambda method, path: None
    kalam.wait_until(lambda: db.post("SELECT count(*), max(v) FROM n.s")[0] == 200, 20, "the storage is back")
    assert db.value("SELECT count(*) FROM n.s") == "1001"
    assert server.flush("n.s", db)["status"] == "completed"
    assert db.value("SELECT count(*) FROM n.s") == "1001"


def test_server_stops_in_the_middle_of_a_flush(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE USER TABLE n.u (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote")
    users = [f"u{i}" for i in range(8)]
    for user in users:
        server.client(user).sql("INSERT INTO n.u VALUES (1, 'a'), (2, 'b')")
    puts = []

    def rule(method, path):
        if method == "PUT":
            puts.append(path)
        return "reset" if len(puts) > 3 else None
    proxy.rule = rule
    job = server.flush("n.u", db)
    assert job["status"] == "failed", job
    assert len(swift.keys(bucket)) == 3
    proxy.rule = lambda method, path: None
    for user in users:
        assert server.client(user).rows("SELECT v FROM n.u ORDER BY id") == [["a"], ["b"]]
    kalam.wait_until(lambda: server.flush("n.u", db)["status"] == "completed", 20, "the rest is flushed")
    assert len(swift.keys(bucket)) == 8
    for user in users:
        assert server.client(user).value("SELECT count(*) FROM n.u") == "2"


def test_restart_with_pending_uploads(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote FLUSH POLICY ROWS 900000;"
             "CREATE SHARED TABLE n.one (id BIGINT PRIMARY KEY) STORAGE remote; INSERT INTO n.one VALUES (1)")
    digits = " || ".join(f"md5((i * 32 + {k})::TEXT)" for k in range(32))
    db.sql(f"INSERT INTO n.s SELECT i, {digits} FROM range(20000) r(i)")
    # killed between two parts of an upload
    proxy.rule = lambda method, path: "stall" if method == "PUT" and "partNumber=2" in path else None
    db.sql("STORAGE FLUSH TABLE n.s")
    kalam.wait_until(lambda: any("partNumber=2" in path for _, path in proxy.seen), 30, "second part")
    assert swift.uploads(bucket)
    server.kill()
    # killed after the object is there and before anybody knows: the PUT is answered to nobody
    proxy.rule = lambda method, path: "reset" if "partNumber" in path else None
    server.start()
    db = server.client()
    kalam.wait_until(lambda: not swift.uploads(bucket), 30, "the upload is ended")
    assert db.value("SELECT count(*) FROM n.s") == "20000"
    # the flush of the last run goes on by itself; let it fail or succeed, then finish
    proxy.rule = lambda method, path: None
    kalam.wait_until(lambda: not db.rows("SELECT 1 FROM system.jobs WHERE status IN ('pending', 'running')"), 60, "jobs")
    assert server.flush("n.s", db)["status"] == "completed"
    listed = [row[0] for row in db.rows("SELECT path FROM system.segments WHERE namespace_id = 'n'")]
    kalam.wait_until(lambda: sorted(f"s3://{bucket}/{k}" for k in swift.keys(bucket)) == sorted(listed), 20, "no orphan")
    assert swift.uploads(bucket) == []
    assert db.rows("SELECT count(*), count(DISTINCT v) FROM n.s") == [["20000", "20000"]]


def test_drop_while_unreachable(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE remote; INSERT INTO n.s VALUES (1)")
    server.flush("n.s", db)
    proxy.rule = lambda method, path: "reset"
    db.sql("DROP TABLE n.s")

    def deletion():
        rows = db.sql("SELECT status, result, error_message FROM system.jobs WHERE job_type = 'table_deletion'").dicts()
        return rows[0] if rows and rows[0]["status"] in ("failed", "completed") else None
    job = kalam.wait_until(deletion, 30, "the deletion ends")
    assert job["status"] == "failed", job
    assert db.post("SELECT * FROM n.s")[1]["error"]["code"] == "TABLE_NOT_FOUND"
    answer = db.post("DROP STORAGE remote")[1]
    assert answer["error"]["code"] == "CONFLICT" and "deleted" in answer["error"]["message"], answer
    proxy.rule = lambda method, path: None
    assert len(swift.keys(bucket)) == 1
    server.restart()
    kalam.wait_until(lambda: swift.keys(bucket) == [], 20, "the next start deletes what was left")
    db = server.client()
    kalam.wait_until(lambda: db.post("DROP STORAGE remote")[0] == 200, 10, "the storage can go")


def test_a_backup_to_a_bucket_that_does_not_answer_ends(own_server, swift, bucket, proxy):
    """KILL JOB and the stop of the server do not wait for its files one by one."""
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.sql("CREATE NAMESPACE n")
    for number in range(6):
        db.batch(f"CREATE SHARED TABLE n.t{number} (id BIGINT PRIMARY KEY); INSERT INTO n.t{number} VALUES (1)")
        server.flush(f"n.t{number}", db)

    def begin(target):
        proxy.rule = lambda method, path: "stall" if method in ("PUT", "POST", "DELETE") else None
        proxy.seen.clear()
        job = db.sql(f"BACKUP DATABASE n TO 's3://{bucket}/{target}' ASYNC").dicts()[0]["job_id"]
        kalam.wait_until(lambda: any(method == "PUT" for method, _ in proxy.seen), 20, "a file is on its way")
        return job

    job = begin("one")
    db.sql(f"KILL JOB '{job}'")
    assert kalam.wait_job(db, job)["status"] == "cancelled"
    begin("two")
    server.stop()
    proxy.rule = lambda method, path: None
    server.start()
    db = server.client()
    db.sql(f"BACKUP DATABASE n TO 's3://{bucket}/three'")
    assert len([key for key in swift.keys(bucket) if "three/" in key]) == 7


def test_cache_limit_and_eviction_while_reading(swift, bucket):
    with kalam.Server(config='[storage]\ns3_cache_bytes = "1MiB"\n') as server:
        db = server.client()
        create(db, swift.endpoint, bucket)
        db.sql("CREATE NAMESPACE n")
        digits = " || ".join(f"md5((i * 8 + {k})::TEXT)" for k in range(8))
        tables = [f"n.t{i}" for i in range(6)]
        for index, table in enumerate(tables):
            db.sql(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, v TEXT) STORAGE remote")
            for start in range(0, 12000, 6000):
                db.sql(f"INSERT INTO {table} SELECT i, {digits} || '{index}' FROM range({start}, {start + 6000}) r(i)")
            assert server.flush(table, db)["status"] == "completed"
        total = sum(int(s) for s in swift.texts(bucket, "list-type=2", b"Size"))
        assert total > 8 << 20
        size = lambda: sum(p.stat().st_size for p in (server.data_dir / "s3_cache").iterdir())  # noqa: E731
        assert size() <= 1 << 20
        wrong, done = [], threading.Event()

        def read(number):
            client = server.client()
            for turn in range(3):
                for index in range(len(tables)):
                    index = (index + number) % len(tables)
                    rows = client.rows(f"SELECT count(*), count(DISTINCT right(v, 1)), max(right(v, 1)) FROM {tables[index]}")
                    if rows != [["12000", "1", str(index)]]:
                        wrong.append(rows)
                    one = client.value(f"SELECT right(v, 1) FROM {tables[index]} WHERE id = {turn * 997}")
                    if one != str(index):
                        wrong.append(one)
            client.close()
        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        assert not wrong
        kalam.wait_until(lambda: size() <= 1 << 20, 10, "the folder is within its limit again")
        assert metric(db, "s3_cache_evicted_total") > 0 and metric(db, "s3_cache_pinned") == 0
        join = " + ".join(f"(SELECT count(DISTINCT v) FROM {t})" for t in tables)
        assert db.value(f"SELECT {join}") == str(12000 * len(tables))


def test_copies_survive_a_restart(own_server, swift, bucket, proxy):
    server, db = own_server, own_server.client()
    create(db, proxy.endpoint, bucket)
    db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY) STORAGE remote; INSERT INTO n.s VALUES (1), (2)")
    server.flush("n.s", db)
    (server.data_dir / "s3_cache" / "half.parquet.fetched").write_bytes(b"half")
    server.restart()
    proxy.seen.clear()
    assert server.client().rows("SELECT id FROM n.s ORDER BY id") == [["1"], ["2"]]
    assert not any(method == "GET" for method, _ in proxy.seen)
    assert len(cached(server)) == 1


def test_region_users_share_a_table_between_buckets(own_server, swift, bucket):
    server, db = own_server, own_server.client()
    other = swift.make_bucket(bucket[:40] + "-other")
    create(db, swift.endpoint, bucket, name="eu")
    create(db, swift.endpoint, other, name="us")
    db.batch("CREATE NAMESPACE n; CREATE USER TABLE n.t (id BIGINT PRIMARY KEY) STORAGE us USE_USER_STORAGE;"
             "CREATE USER ann WITH INTERNAL STORAGE_MODE region STORAGE eu; CREATE USER bob WITH INTERNAL")
    for user in ("ann", "bob"):
        server.client(user).sql("INSERT INTO n.t VALUES (1)")
    assert server.flush("n.t", db)["status"] == "completed"
    assert [k.split("/")[-2] for k in swift.keys(bucket)] == ["ann"]
    assert [k.split("/")[-2] for k in swift.keys(other)] == ["bob"]
    assert db.post("DROP STORAGE eu")[1]["error"]["code"] == "CONFLICT"
    db.sql("DROP TABLE n.t")
    kalam.wait_until(lambda: not swift.keys(bucket) and not swift.keys(other), 20, "all objects are gone")
