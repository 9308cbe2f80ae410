"""kill -9 at every step of a flush to a bucket: no row lost or doubled, no object that no record names.

Against a real S3 server (tests/support/s3.py). KALAM_FAULT_BUILD names another build with fault points.
"""
import json
import os
import pathlib

import pytest

import kalam
import s3

BUILD = pathlib.Path(os.environ.get("KALAM_FAULT_BUILD", kalam.ROOT / "build" / "asan"))
DEATHS = 20 if os.environ.get("KALAM_LONG") else 2
POINTS = ["flush_after_pending", "flush_after_write", "flush_after_rename", "flush_before_commit", "flush_after_commit",
          "flush_before_delete_replaced"]

pytestmark = pytest.mark.skipif(not s3.available(), reason="python3-swift is not installed")


@pytest.fixture(scope="module")
def swift():
    with s3.Swift() as running:
        yield running


@pytest.mark.parametrize("point", POINTS)
def test_death_at(point, swift):
    bucket = swift.make_bucket("crash-" + point.replace("_", "-"))
    credentials = json.dumps({"access_key": s3.ACCESS_KEY, "secret_key": s3.SECRET_KEY, "endpoint": swift.endpoint})
    expected = {}
    with kalam.Server(build=BUILD) as server:
        db = server.client()
        db.sql(f"CREATE STORAGE remote TYPE s3 BUCKET '{bucket}' CREDENTIALS '{credentials}'")
        db.batch("CREATE NAMESPACE n; CREATE SHARED TABLE n.s (id BIGINT PRIMARY KEY, v BIGINT) STORAGE remote")
        for death in range(DEATHS):
            ids = range(death * 50, death * 50 + 100)  # half of them are cold already: shadows
            db.sql("INSERT INTO n.s VALUES " + ",".join(f"({i}, {death})" for i in ids) +
                   " ON CONFLICT (id) DO UPDATE SET v = excluded.v")
            expected.update({i: death for i in ids})
            server.stop(limit_s=60) if death % 2 else server.kill()
            server.env = {"KALAM_FAULT": f"{point}:kill:1"}
            server.start()
            db = server.client()
            if death % 2:  # the stop has flushed: something to flush again
                db.sql(f"UPDATE n.s SET v = {death} + 100 WHERE id < 20")
                expected.update({i: death + 100 for i in range(20)})
            db.sql("STORAGE FLUSH TABLE n.s")
            try:
                kalam.wait_until(lambda: server.process.poll() is not None, 20, "death")
            except AssertionError:
                assert point == "flush_before_delete_replaced" and death == 0, point
            server.kill()
            server.env = {}
            server.start()
            db = server.client()
            found = {int(i): int(v) for i, v in db.rows("SELECT id, v FROM n.s")}
            assert found == expected, point
            kalam.wait_until(lambda: not db.rows("SELECT 1 FROM system.jobs WHERE status IN ('pending', 'running')"), 60,
                             "jobs of the last run")

            def no_orphan():
                paths = {row[0] for row in db.rows("SELECT path FROM system.segments WHERE namespace_id = 'n'")}
                return {f"s3://{bucket}/{key}" for key in swift.keys(bucket)} == paths
            kalam.wait_until(no_orphan, 30, "objects are those of the records")
            assert db.value("SELECT count(*) FROM n.s") == str(len(expected))
