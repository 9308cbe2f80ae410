"""Flush policies, duplicates, jobs of several tables at once, cancelling, shutdown, what a job says."""
import re
import signal
import threading
import time

import kalam
import pytest

needs_faults = pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")


def jobs(db, table, kind="flush"):
    return db.sql("SELECT * FROM system.jobs WHERE job_type = $1 AND table_name = $2 ORDER BY created_at, job_id",
                  [kind, table]).dicts()


def wait_jobs(db, table, count, limit_s=15):
    return kalam.wait_until(
        lambda: (done := [j for j in jobs(db, table) if j["status"] == "completed"]) and len(done) >= count and done,
        limit_s, f"{count} flushes of {table}")


def buffered(db, table, user):
    return int(db.value("SELECT coalesce(sum(buffered_rows), 0)::BIGINT FROM system.user_table_counters "
                        "WHERE user_id = $1 AND namespace_id || '.' || table_name = $2", [user, table]))


def buffered_shared(db, table):
    (stats,) = db.sql(f"SHOW TABLE STATS {table}").dicts()
    return int(stats["buffered_rows"])


def insert(client, table, start, count):
    client.sql(f"INSERT INTO {table} (id) VALUES " + ", ".join(f"({i})" for i in range(start, start + count)))


def test_row_policy_is_per_user(server, db, space):
    db.sql(f"CREATE USER TABLE {space}.t (id BIGINT PRIMARY KEY) FLUSH POLICY ROWS 10")
    ann, bob = server.client("ann"), server.client("bob")
    insert(bob, f"{space}.t", 0, 9)
    insert(ann, f"{space}.t", 0, 9)
    assert jobs(db, "t") == [] or jobs(db, "t")[-1]["namespace_id"] != space
    insert(ann, f"{space}.t", 9, 1)
    job = kalam.wait_until(lambda: [j for j in jobs(db, "t") if j["namespace_id"] == space
                                    and j["status"] == "completed"], 10, "row policy")[0]
    assert job["user_id"] == "ann"
    assert re.match(r"10 rows, 1 users, 1 files, \d+ bytes, location ", job["result"])
    assert f"{space}/users/t/ann/" in job["result"]
    assert buffered(db, f"{space}.t", "ann") == 0
    assert buffered(db, f"{space}.t", "bob") == 9
    assert bob.value(f"SELECT count(*) FROM {space}.t") == "9"


def test_a_row_policy_tries_again(server, db, space, tmp_path):
    """A flush that failed is made up for by itself, without a further row."""
    place, away = tmp_path / "place", tmp_path / "away"
    db.sql(f"CREATE STORAGE {space}_away TYPE filesystem PATH '{place}'")
    db.sql(f"CREATE USER TABLE {space}.again (id BIGINT PRIMARY KEY) STORAGE {space}_away FLUSH POLICY ROWS 5")
    place.rename(away)
    insert(server.client("ann"), f"{space}.again", 0, 7)
    kalam.wait_until(lambda: [j for j in jobs(db, "again") if j["status"] == "failed"], 10, "failure")
    away.rename(place)
    (job,) = wait_jobs(db, "again", 1)
    assert job["user_id"] == "ann" and job["result"].startswith("7 rows")
    assert buffered(db, f"{space}.again", "ann") == 0


def test_a_lower_limit_looks_at_everybody(server, db, space, tmp_path):
    """Who is above a limit that ALTER lowers, or comes with RESTORE, is flushed without a further row."""
    db.sql(f"CREATE USER TABLE {space}.low (id BIGINT PRIMARY KEY) FLUSH POLICY ROWS 100")
    insert(server.client("ann"), f"{space}.low", 0, 30)
    insert(server.client("bob"), f"{space}.low", 0, 9)
    db.sql(f"ALTER TABLE {space}.low SET FLUSH POLICY ROWS 10")
    (job,) = wait_jobs(db, "low", 1)
    assert job["user_id"] == "ann" and job["result"].startswith("30 rows")
    assert buffered(db, f"{space}.low", "bob") == 9
    # A backup keeps no count since the last flush: all hot rows count, those that a flush held back, too.
    ann = server.client("ann")
    db.sql(f"CREATE USER TABLE {space}.back (id BIGINT PRIMARY KEY, v TEXT) FLUSH POLICY ROWS 50")
    insert(ann, f"{space}.back", 0, 50)
    wait_jobs(db, "back", 1)
    ann.sql(f"UPDATE {space}.back SET v = 'x' WHERE id < 9")
    insert(ann, f"{space}.back", 50, 41)
    wait_jobs(db, "back", 2)
    insert(ann, f"{space}.back", 100, 41)
    assert buffered(db, f"{space}.back", "ann") == 50
    db.sql(f"BACKUP DATABASE {space} TO '{tmp_path}/backup'")
    db.sql(f"RESTORE DATABASE {space}_again FROM '{tmp_path}/backup'")
    kalam.wait_until(lambda: buffered(db, f"{space}_again.back", "ann") == 9, 10, "flush after RESTORE")


@needs_faults
def test_rows_that_come_while_shadows_are_rewritten_count():
    with kalam.Server(env={"KALAM_FAULT": "flush_after_write:delay=1500:2"}) as server:
        db, ann = server.client(), server.client("ann")
        db.batch("CREATE NAMESPACE f; CREATE USER TABLE f.r (id BIGINT PRIMARY KEY, v TEXT) FLUSH POLICY ROWS 20")
        insert(ann, "f.r", 0, 20)
        wait_jobs(db, "r", 1)
        ann.sql("UPDATE f.r SET v = 'y'")
        kalam.wait_until(lambda: [j for j in jobs(db, "r") if j["status"] == "running"], 5, "the rewrite runs")
        time.sleep(0.3)
        insert(ann, "f.r", 100, 25)
        kalam.wait_until(lambda: buffered(db, "f.r", "ann") == 0, 15, "the new rows are flushed, too")
        assert ann.value("SELECT count(*) FROM f.r") == "45"


@pytest.mark.parametrize("clause", ["FLUSH POLICY INTERVAL '1 second'", "FLUSH SECONDS 1",
                                    "FLUSH POLICY ROWS 100000 INTERVAL '1s'",
                                    "FLUSH POLICY COMBINED ROW_LIMIT 100000 TIME_INTERVAL 1"])
def test_interval(server, db, space, clause):
    db.sql(f"CREATE USER TABLE {space}.t (id BIGINT PRIMARY KEY) {clause}")
    for user in ("ann", "bob"):
        insert(server.client(user), f"{space}.t", 0, 3)
    kalam.wait_until(lambda: buffered(db, f"{space}.t", "ann") + buffered(db, f"{space}.t", "bob") == 0, 20, clause)


def test_combined_flushes_by_rows_first(server, db, space):
    db.sql(f"CREATE SHARED TABLE {space}.combined (id BIGINT PRIMARY KEY) FLUSH POLICY ROWS 5 INTERVAL '1 hour'")
    insert(db, f"{space}.combined", 0, 5)
    (job,) = wait_jobs(db, "combined", 1)
    assert job["result"].startswith("5 rows")


def test_overdue_interval_runs_at_start(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE f; CREATE USER TABLE f.late (id BIGINT PRIMARY KEY) FLUSH SECONDS 5")
    insert(server.client("ann"), "f.late", 0, 3)
    server.kill()
    time.sleep(5)  # the interval itself, not a condition
    server.start()
    begin = time.monotonic()
    wait_jobs(server.client(), "late", 1)
    assert time.monotonic() - begin < 4
    assert buffered(server.client(), "f.late", "ann") == 0


def test_nothing_buffered_and_streams(db, space):
    db.sql(f"CREATE USER TABLE {space}.idle (id BIGINT PRIMARY KEY)")
    row = db.sql(f"STORAGE FLUSH TABLE {space}.idle").dicts()[0]
    job = kalam.wait_job(db, row["job_id"])
    assert job["status"] == "completed" and job["result"].startswith("0 rows, 0 users, 0 files")
    db.sql(f"CREATE STREAM TABLE {space}.s (id BIGINT PRIMARY KEY) TTL '10s'")
    assert db.post(f"STORAGE FLUSH TABLE {space}.s")[1]["error"]["code"] == "INVALID_OPERATION"


def test_the_row_of_a_job(server, db, space):
    db.sql(f"CREATE USER TABLE {space}.told (id BIGINT PRIMARY KEY, body TEXT)")
    for user in range(5):
        insert(server.client(f"u{user}"), f"{space}.told", 0, 20)
    answer = db.sql(f"FLUSH TABLE {space}.told").dicts()[0]
    job = kalam.wait_job(db, answer["job_id"])
    assert answer["table"] == f"{space}.told"
    assert re.fullmatch(r"flush-told-\d{13}-[0-9a-f]{8}", job["job_id"])
    assert job["status"] == "completed" and job["error_message"] is None
    assert job["result"].startswith("100 rows, 5 users, 5 files, ")
    assert job["progress"].startswith("100 rows, 5 users, ")
    assert int(job["cpu_used"]) > 0 and int(job["memory_used"]) > 0
    assert re.match(r".+:job-\d+:\d+$", job["trace"])
    assert f"{space}.told" in job["parameters"]
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    assert "all_users" in job["parameters"] and "with_shadows" in job["parameters"]


class Slow:
    """A server whose flushes stop for two seconds after their files are named."""

    def __enter__(self):
        self.server = kalam.Server(env={"KALAM_FAULT": "flush_after_pending:delay=2000:1"})
        self.server.start()
        db = self.server.client()
        db.batch("CREATE NAMESPACE f; CREATE USER TABLE f.a (id BIGINT PRIMARY KEY);"
                 "CREATE SHARED TABLE f.b (id BIGINT PRIMARY KEY)")
        return self.server, db

    def __exit__(self, *_):
        self.server.stop(check=False)


def status(db, job_id):
    return db.value("SELECT status FROM system.jobs WHERE job_id = $1", [job_id])


@needs_faults
def test_the_time_of_a_flush_outlives_a_crash():
    with kalam.Server(env={"KALAM_FAULT": "flush_after_commit:kill"}) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.a (id BIGINT PRIMARY KEY)")
        insert(db, "f.a", 0, 5)
        db.post("STORAGE FLUSH TABLE f.a")
        server.process.wait(20)
        server.kill()
        server.env = {}
        server.start()
        db = server.client()
        assert db.value("SELECT last_flushed_at IS NOT NULL FROM system.tables WHERE table_name = 'a'") is True
        assert server.parquet_files() and db.value("SELECT count(*) FROM f.a") == "5"


@needs_faults
def test_a_job_that_has_ended_is_not_given_again():
    """Its row says completed a moment before it leaves the queue: rows of this moment are a new job's."""
    with kalam.Server(env={"KALAM_FAULT": "job_after_row:delay=1500:1"}) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.a (id BIGINT PRIMARY KEY)")
        insert(db, "f.a", 0, 5)
        first = server.flush("f.a", db)
        insert(db, "f.a", 5, 5)
        second = server.flush("f.a", db)
        assert second["job_id"] != first["job_id"] and second["result"].startswith("5 rows")


@needs_faults
def test_asking_twice_gives_the_running_job():
    with Slow() as (server, db):
        insert(db, "f.a", 0, 5)
        first = db.sql("STORAGE FLUSH TABLE f.a").dicts()[0]
        second = db.sql("STORAGE FLUSH TABLE f.a").dicts()[0]
        assert second["job_id"] == first["job_id"] and second["status"] == "running"  # it did not wait for the other
        assert kalam.wait_job(db, first["job_id"])["status"] == "completed"
        assert len(jobs(db, "a")) == 1
        server.stop()


@needs_faults
def test_tables_are_flushed_at_the_same_time():
    with Slow() as (server, db):
        insert(db, "f.a", 0, 5)
        insert(db, "f.b", 0, 5)
        slow = db.sql("STORAGE FLUSH TABLE f.a").dicts()[0]["job_id"]
        kalam.wait_until(lambda: status(db, slow) == "running", 5, "first job runs")
        quick = db.sql("STORAGE FLUSH TABLE f.b").dicts()[0]["job_id"]
        slow, quick = kalam.wait_job(db, slow), kalam.wait_job(db, quick)
        assert slow["status"] == quick["status"] == "completed"
        assert quick["started_at"] < slow["completed_at"] and slow["started_at"] < quick["completed_at"]
        server.stop()


@needs_faults
def test_cancelling_keeps_rows():
    with Slow() as (server, db):
        insert(db, "f.a", 0, 5)
        job_id = db.sql("STORAGE FLUSH TABLE f.a").dicts()[0]["job_id"]
        kalam.wait_until(lambda: status(db, job_id) == "running", 5, "job runs")
        db.sql(f"KILL JOB '{job_id}'")
        job = kalam.wait_job(db, job_id)
        assert job["status"] == "cancelled" and job["completed_at"] is not None
        assert job["result"].startswith("0 rows")
        assert db.post(f"KILL JOB '{job_id}'")[1]["error"]["code"] == "INVALID_OPERATION"
        assert buffered(db, "f.a", "root") == 5
        assert db.value("SELECT count(*) FROM f.a") == "5"
        assert server.flush("f.a", db)["result"].startswith("5 rows")
        kalam.wait_until(lambda: len(server.parquet_files()) == 1, 5, "one file")
        server.stop()


@needs_faults
def test_shutdown_waits_no_longer_than_allowed():
    config = "[flush]\nshutdown_timeout_seconds = 1\n"
    with kalam.Server(config=config, env={"KALAM_FAULT": "flush_after_pending:delay=3000:1"}) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE f; CREATE USER TABLE f.a (id BIGINT PRIMARY KEY)")
        insert(db, "f.a", 0, 5)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        server.env = {}
        server.start()
        db = server.client()
        assert db.value("SELECT count(*) FROM f.a") == "5"
        assert buffered(db, "f.a", "root") == 5  # cancelled: they stay hot
        server.stop()


def test_shutdown_flushes_every_table(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE f; CREATE USER TABLE f.a (id BIGINT PRIMARY KEY);"
             "CREATE SHARED TABLE f.b (id BIGINT PRIMARY KEY)")
    for user in range(40):
        insert(server.client(f"u{user}"), "f.a", 0, 2)
    insert(db, "f.b", 0, 7)
    server.stop()
    assert len(server.parquet_files()) == 41
    server.start()
    db = server.client()
    assert int(db.value("SELECT coalesce(sum(buffered_rows), 0)::BIGINT FROM system.user_table_counters")) == 0
    assert server.client("u7").value("SELECT count(*) FROM f.a") == "2"


def test_many_users_while_they_write(server, db, space):
    """Users write and change rows while all of them are flushed again and again; each sees its own."""
    db.sql(f"CREATE USER TABLE {space}.busy (id BIGINT PRIMARY KEY, v INT)")
    table, users, failures, stop = f"{space}.busy", 12, [], threading.Event()
    wanted = [{} for _ in range(users)]

    def work(number):
        client = server.client(f"u{number}")
        step = 0
        try:
            while not stop.is_set() or step < 30:
                step += 1
                key = step * 7 % 40
                if key in wanted[number] and step % 5 == 0:
                    client.sql(f"DELETE FROM {table} WHERE id = $1", [key])
                    del wanted[number][key]
                else:
                    client.sql(f"INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
                               [key, step])
                    wanted[number][key] = step
                rows = {int(i): int(v) for i, v in client.rows(f"SELECT id, v FROM {table}")}
                assert rows == wanted[number], (number, step)
        except kalam.SqlError as error:
            if error.code != "TRANSACTION_CONFLICT":
                failures.append(repr(error))
        except Exception as error:  # told below
            failures.append(repr(error))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(users)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        assert server.flush(table, db)["status"] == "completed"
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert server.flush(table, db)["status"] == "completed"
    for number in range(users):
        rows = {int(i): int(v) for i, v in server.client(f"u{number}").rows(f"SELECT id, v FROM {table}")}
        assert rows == wanted[number]


def test_column_names_that_mean_something_to_the_reader(own_server):
    """Names that differ in case only, and the name under which DuckDB counts the rows of a file: flushed and read back, before and
    after they are renamed."""
    server, db, table = own_server, own_server.client(), "app.t"
    db.sql("CREATE NAMESPACE app")
    db.sql(f'CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, v TEXT, "V" TEXT, "File_Row_Number" BIGINT, filename TEXT)')
    wanted = []

    def put(first, end):
        rows = [[str(i), f"a{i}", f"b{i}", str(100 - i), f"c{i}"] for i in range(first, end)]
        db.sql(f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, '{a}', '{b}', {n}, '{c}')" for i, a, b, n, c in rows))
        wanted.extend(rows)
        assert server.flush(table, db)["status"] == "completed"

    def check(names):
        assert db.rows(f"SELECT id, {names} FROM {table} ORDER BY id") == wanted
        for row in wanted:
            assert db.rows(f"SELECT id, {names} FROM {table} WHERE id = {row[0]}") == [row]

    put(0, 3)
    server.restart()  # nothing is in memory
    db = server.client()
    check('v, "V", "File_Row_Number", filename')
    db.sql(f'UPDATE {table} SET "V" = v, "File_Row_Number" = 7 WHERE id = 1')
    wanted[1][2:4] = ["a1", "7"]
    put(3, 6)
    db.sql(f'ALTER TABLE {table} RENAME COLUMN "V" TO w')
    put(6, 9)
    db.sql(f'ALTER TABLE {table} RENAME COLUMN "File_Row_Number" TO number')
    server.restart()
    db = server.client()
    check("v, w, number, filename")
    # DuckDB reads the files itself here.
    grouped = db.rows(f"SELECT w, sum(number), max(filename) FROM {table} GROUP BY w ORDER BY w")
    assert grouped == sorted(row[2:] for row in wanted)


def test_flushes_are_no_conflict(server, db, space):
    """A long UPDATE that meets a flush at each attempt goes on: nobody has changed its rows."""
    db.sql(f"CREATE SHARED TABLE {space}.t (id BIGINT PRIMARY KEY, v INT)")
    insert(db, f"{space}.t", 0, 10)
    server.flush(f"{space}.t", db)
    stop = threading.Event()

    def flush():
        client, key = server.client(), 1000
        while not stop.is_set() and key < 1040:
            key += 1
            insert(client, f"{space}.t", key, 1)
            server.flush(f"{space}.t", client)

    flusher = threading.Thread(target=flush)
    flusher.start()
    slow = "SELECT count(*) AS c FROM range(400000) a(x) JOIN range(100) b(y) ON (a.x * b.y) % 7 = 3"
    answer = db.sql(f"UPDATE {space}.t SET v = 7 FROM ({slow}) AS s WHERE t.id < 10 AND s.c > 0")
    stop.set()
    flusher.join()
    assert answer.row_count == 10
    assert db.value(f"SELECT count(*) FROM {space}.t WHERE v = 7") == "10"


def test_deletes_of_flushed_rows_hold_whatever_is_cached(own_server):
    """Hot rows in one file of RocksDB, the flush that removed them and a later DELETE in another; after a start only the
    first is in the cache when the row is asked for."""
    server = own_server
    db = server.client()
    db.sql("CREATE NAMESPACE s")
    db.sql("CREATE USER TABLE s.t (id BIGINT PRIMARY KEY, n INT) FLUSH POLICY ROWS 2")
    ann, bob = server.client("ann"), server.client("bob")
    bob.sql("INSERT INTO s.t (id, n) VALUES (5, 5)")
    ann.sql("INSERT INTO s.t (id, n) VALUES (17, 0)")
    server.kill()
    server.start()  # what the log holds becomes a file
    db, ann = server.client(), server.client("ann")
    ann.sql("INSERT INTO s.t (id, n) VALUES (1, 0)")
    wait_jobs(db, "t", 1)
    assert ann.sql("DELETE FROM s.t WHERE id = 17").row_count == 1
    server.kill()
    server.start()
    assert server.client("bob").rows("SELECT id FROM s.t WHERE id = 5") == [["5"]]
    ann = server.client("ann")
    assert ann.rows("SELECT id FROM s.t WHERE id = 1") == [["1"]]
    assert ann.rows("SELECT id FROM s.t ORDER BY id LIMIT 9") == [["1"]]


def test_rows_that_became_wide():
    """More of them than `query.memory_limit` holds: a flush that rewrites their segment, one of new rows, a merge."""
    wide = "".join(chr(97 + i * i % 23) for i in range(1000)) * 250
    with kalam.Server(config='[query]\nmemory_limit = "16MiB"\n') as server:
        db = server.client()
        db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.w (id BIGINT PRIMARY KEY, v TEXT) FLUSH POLICY ROWS 900000")
        db.sql("INSERT INTO f.w VALUES " + ", ".join(f"({i}, 'x')" for i in range(70)))
        server.flush("f.w", db)
        for i in range(70):
            db.sql("UPDATE f.w SET v = $1 WHERE id = $2", [wide, i])
        job = server.flush("f.w", db)
        assert (job["status"], job["error_message"]) == ("completed", None)
        assert buffered_shared(db, "f.w") == 0
        for i in range(5):  # with the one that is there as many as are merged
            for k in range(10):
                db.sql("INSERT INTO f.w VALUES ($1, $2)", [1000 + 10 * i + k, wide])
            job = server.flush("f.w", db)
            assert (job["status"], job["error_message"]) == ("completed", None)
        (merge,) = kalam.wait_until(lambda: [j for j in jobs(db, "w", "compact") if j["completed_at"]], 20, "the merge")
        assert (merge["status"], merge["error_message"]) == ("completed", None)
        assert db.value("SELECT count(*) FROM f.w") == "120"
        assert db.sql("SELECT id FROM f.w WHERE length(v) <> 250000").rows == []
        assert db.sql("SELECT v FROM f.w WHERE id IN (7, 1007)").rows == [[wide], [wide]]
