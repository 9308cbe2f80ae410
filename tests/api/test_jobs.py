"""Jobs that outlive the server, daily cleaning, merging of files."""
import datetime
import http.client

import kalam
import pytest

needs_faults = pytest.mark.skipif(not kalam.HAS_FAULTS, reason="needs fault points")


def newest(db, kind):
    rows = db.sql("SELECT * FROM system.jobs WHERE job_type = $1 ORDER BY created_at DESC", [kind]).dicts()
    return rows[0] if rows else None


def goes_under_four_times(server):
    """It has died, dies at the next three starts, and then stays."""
    assert server.process.wait(30) == -9
    for _ in range(3):
        server.start(wait=False)
        assert server.process.wait(30) == -9
    server.start()


@needs_faults
def test_a_flush_goes_on_under_its_id():
    with kalam.Server(env={"KALAM_FAULT": "flush_before_commit:kill:2"}) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE j; CREATE USER TABLE j.t (id BIGINT PRIMARY KEY)")
        for user in range(100):  # two batches of 64 at most: the second dies
            server.client(f"u{user}").sql("INSERT INTO j.t VALUES (1), (2)")
        job_id = db.sql("STORAGE FLUSH TABLE j.t").dicts()[0]["job_id"]
        assert server.process.wait(30) == -9
        server.env = {}
        server.start()
        db = server.client()
        job = kalam.wait_job(db, job_id)
        assert job["status"] == "completed"
        assert "resumed after a restart" in job["trace"]
        assert job["retry_count"] == 1
        assert job["result"].startswith("72 rows, 36 users, 36 files")  # the rest was done before
        assert len(server.parquet_files()) == 100
        for user in (0, 63, 64, 99):
            assert server.client(f"u{user}").value("SELECT count(*) FROM j.t") == "2"
        server.stop()


@needs_faults
@pytest.mark.parametrize("policy", ("ROWS 100", "INTERVAL 1"))
def test_a_flush_that_ends_the_server_is_given_up(policy):
    """Not even its policy begins it again: the server serves, and stops."""
    with kalam.Server(env={"KALAM_FAULT": "flush_before_commit:kill"}) as server:
        db = server.client()
        db.batch(f"CREATE NAMESPACE j; CREATE SHARED TABLE j.t (id BIGINT PRIMARY KEY) FLUSH POLICY {policy}")
        db.sql("INSERT INTO j.t VALUES " + ",".join(f"({i})" for i in range(100)))
        goes_under_four_times(server)
        db = server.client()
        with pytest.raises(AssertionError):  # none begins
            kalam.wait_until(lambda: db.value("SELECT count(*) FROM system.jobs WHERE job_type = 'flush'") != "1", 5, "a flush")
        job = newest(db, "flush")
        assert job["status"] == "failed" and "ended 4 times" in job["error_message"], job
        db.sql("INSERT INTO j.t VALUES (100)")
        server.stop()
        server.env = {}
        server.start()
        db = server.client()
        assert db.value("SELECT count(*) FROM j.t") == "101"
        assert server.flush("j.t", db)["status"] == "completed"
        server.stop()


@needs_faults
def test_a_compaction_that_ends_the_server_is_given_up():
    """Flushes do not begin it again."""
    with kalam.Server() as server:
        db = server.client()
        db.batch("CREATE NAMESPACE j; CREATE SHARED TABLE j.t (id BIGINT PRIMARY KEY)")
        server.stop()
        server.env = {"KALAM_FAULT": "compact_before_commit:kill"}
        server.start()
        db, number = server.client(), 0
        while server.process.poll() is None and number < 60:
            try:
                db.sql(f"INSERT INTO j.t VALUES ({number})")
                server.flush("j.t", db)
                number += 1
            except (OSError, ValueError, http.client.HTTPException):
                break
        goes_under_four_times(server)
        db = server.client()
        job = newest(db, "compact")
        assert job["status"] == "failed" and "ended 4 times" in job["error_message"], job
        for number in range(100, 103):
            db.sql(f"INSERT INTO j.t VALUES ({number})")
            assert server.flush("j.t", db)["status"] == "completed"
        with pytest.raises(AssertionError):
            kalam.wait_until(lambda: server.process.poll() is not None or newest(db, "compact")["job_id"] != job["job_id"], 3, "a compaction")
        server.stop()


@needs_faults
def test_a_table_deletion_goes_on():
    with kalam.Server(env={"KALAM_FAULT": "drop_after_commit:kill:1"}) as server:
        db = server.client()
        db.batch("CREATE NAMESPACE j; CREATE USER TABLE j.t (id BIGINT PRIMARY KEY)")
        db.sql("INSERT INTO j.t VALUES (1)")
        server.flush("j.t", db)
        assert len(server.parquet_files()) == 1
        with pytest.raises((OSError, http.client.HTTPException, ValueError)):
            db.sql("DROP TABLE j.t")
        server.process.wait(20)
        server.env = {}
        server.start()
        kalam.wait_until(lambda: not server.parquet_files(), 10, "files gone")
        assert server.client().post("SELECT * FROM j.t")[1]["error"]["code"] == "TABLE_NOT_FOUND"
        server.stop()


def test_files_are_merged(server, db, space):
    db.sql(f"CREATE USER TABLE {space}.m (id BIGINT PRIMARY KEY, v INT)")
    folder = f"{space}/users/m/"

    def files():
        return [path for path in server.parquet_files() if folder in str(path)]
    for part in range(8):
        db.sql(f"INSERT INTO {space}.m VALUES " + ",".join(f"({i}, {part})" for i in range(part * 50, part * 50 + 50)))
        assert server.flush(f"{space}.m", db)["status"] == "completed"
    kalam.wait_until(lambda: len(files()) < 6, 20, "merged")
    job = kalam.wait_until(lambda: (j := newest(db, "compact")) and j["status"] == "completed" and j, 10, "job")
    assert "files merged into" in job["result"]
    (row,) = db.rows(f"SELECT count(*), sum(v), min(id), max(id) FROM {space}.m")
    assert [int(value) for value in row] == [400, 1400, 0, 399]
    stats = db.sql(f"SHOW TABLE STATS {space}.m").dicts()[0]
    assert int(stats["flushed_rows"]) == 400 and int(stats["parquet_files"]) == len(files())


def test_daily_cleaning(own_server):
    """The schedule is set to the coming minutes; a grace period of 0 days makes a deleted user due at once."""
    server = own_server
    server.stop()
    server.config = '[jobs]\ncleanup_schedule = "* * * * *"\n[users]\ndeletion_grace_period_days = 0\n'
    server.start()
    db = server.client()
    db.batch("CREATE NAMESPACE c; CREATE USER TABLE c.t (id BIGINT PRIMARY KEY);"
             "CREATE USER ann WITH PASSWORD 'a long password'")
    ann = server.client("ann")
    ann.sql("INSERT INTO c.t VALUES (1), (2)")
    server.flush("c.t", db)
    ann.sql("INSERT INTO c.t VALUES (3)")
    server.client("bob").sql("INSERT INTO c.t VALUES (1)")
    db.sql("DROP USER ann")
    before = datetime.datetime.now()
    job = kalam.wait_until(lambda: (j := newest(db, "user_cleanup")) and "1 users" in (j["result"] or "") and j,
                           90, "user_cleanup")
    assert (datetime.datetime.now() - before).total_seconds() < 70
    assert job["status"] == "completed"
    assert job["result"].startswith("1 users, 3 rows, 1 files, ")
    assert db.value("SELECT count(*) FROM system.users WHERE user_id = 'ann'") == "0"
    kalam.wait_until(lambda: not server.parquet_files(), 10, "files gone")
    assert server.client("bob").value("SELECT count(*) FROM c.t") == "1"
    assert newest(db, "job_cleanup")["result"] == "0 job rows deleted"
    server.stop()


def test_a_wrong_schedule_stops_the_start():
    server = kalam.Server(config='[jobs]\ncleanup_schedule = "every day"\n')
    server.start(wait=False)
    assert server.process.wait(20) != 0
    assert "jobs.cleanup_schedule" in server.log()
