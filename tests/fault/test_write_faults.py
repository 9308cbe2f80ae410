"""A full disk and a failing fsync: writes are refused with an error, never acknowledged and lost."""
import concurrent.futures
import errno
import json
import re

import kalam
import libfault
import pytest


@pytest.fixture
def faulty():
    with kalam.Server(preload=libfault.library()) as _unused:
        pass  # proves that the library loads without being armed
    server = kalam.Server(preload=libfault.library())
    fault = libfault.Fault(server.data_dir)
    server.env = fault.env
    with server:
        yield server, fault


def prepare(server):
    db = server.client()
    db.batch("CREATE NAMESPACE f; CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY, body TEXT)")
    for number in range(20):
        db.sql("INSERT INTO f.t VALUES ($1, 'before')", [number])
    return db


def health(client):
    status, _, body = client.request("GET", "/health")
    return status, json.loads(body)["status"]


def check_after_restart(server, fault, acknowledged):
    """What was acknowledged is there; whatever else is there was at least asked for."""
    fault.disarm()
    server.kill()
    server.preload = None
    server.start()
    found = {int(r[0]) for r in server.client().rows("SELECT id FROM f.t")}
    assert acknowledged <= found
    server.client().sql("INSERT INTO f.t VALUES (100000, 'after')")
    assert health(server.client()) == (200, "healthy")


@pytest.mark.parametrize("mask,error", [
    (libfault.WRITE, errno.ENOSPC), (libfault.SYNC, errno.EIO), (libfault.WRITE, errno.EIO)])
def test_log_fault_refuses_writes(faulty, mask, error):
    server, fault = faulty
    db = prepare(server)
    acknowledged, refused = set(range(20)), 0
    fault.arm(mask, error, after=3, only=libfault.LOG)
    for number in range(20, 60):
        try:
            db.sql("INSERT INTO f.t VALUES ($1, 'during')", [number])
            acknowledged.add(number)
        except kalam.SqlError as failure:
            assert failure.code == "STORAGE_UNAVAILABLE" and failure.http_status == 503, failure
            refused += 1
    assert fault.hits > 0 and refused > 0
    # Reading goes on: nothing that failed is visible as committed beyond what was acknowledged.
    found = {int(r[0]) for r in db.rows("SELECT id FROM f.t")}
    assert found == acknowledged
    assert health(db) == (503, "unhealthy")
    check_after_restart(server, fault, acknowledged)


@pytest.mark.parametrize("mask,error,after", [
    (libfault.WRITE, errno.ENOSPC, 0), (libfault.SYNC, errno.EIO, 0), (libfault.RENAME, errno.EIO, 0),
    (libfault.CREATE, errno.ENOSPC, 0)])
def test_flush_fault_keeps_rows_hot(faulty, mask, error, after):
    server, fault = faulty
    db = prepare(server)
    fault.arm(mask, error, after=after, only=libfault.PARQUET)
    job = server.flush("f.t", db)
    assert job["status"] == "failed" and fault.hits > 0, job
    assert db.value("SELECT count(*) FROM f.t") == "20"
    fault.disarm()
    job = server.flush("f.t", db)
    assert job["status"] == "completed", job
    assert db.value("SELECT count(*) FROM f.t") == "20"
    server.stop()
    files = server.parquet_files()
    assert len(files) == 1, files


def test_metrics_do_not_wait_for_the_disk(faulty):
    """Whoever asks for figures is answered while a DDL waits for its fsync."""
    server, fault = faulty
    server.client().sql("CREATE NAMESPACE f")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        fault.arm(libfault.SYNC, libfault.HOLD, times=1, only=libfault.LOG)
        made = pool.submit(server.client().sql, "CREATE SHARED TABLE f.t (id BIGINT PRIMARY KEY)")
        kalam.wait_until(lambda: fault.hits, 10, "a held fsync")
        try:
            for _ in range(4):  # each loop
                status, _, body = server.client(timeout=5).request("GET", "/metrics")
                figures = dict(re.findall(r"^kalamdb_(\w+) (\d+)$", body.decode(), re.M))
                assert status == 200 and int(figures["hot_log_bytes"]) > 0 and int(figures["disk_free_bytes"]) > 0
        finally:
            fault.disarm()
        made.result()
