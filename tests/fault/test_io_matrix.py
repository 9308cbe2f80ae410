"""The Nth read, write, fsync, rename, open, mkdir or unlink fails while the server works, once or from then on.

Whatever fails: an error that tells of it, no acknowledged row lost or doubled, and once the fault is gone the server works, or does after
a restart. A run that fails nothing counts what each kind of work asks of the disk; the cases are drawn from that, or all of them (up to
CAP positions each) in the long form.
"""
import collections
import errno
import os
import random
import time

import kalam
import libfault
import pytest

LONG = bool(os.environ.get("KALAM_LONG"))
SEED = kalam.run_seed(11)
SHARE_S = 600 if LONG else 1.5  # of each kind of work
CAP = 12
PARTIAL = 0
ERRORS = {
    libfault.READ: (errno.EIO, errno.EINTR, PARTIAL), libfault.WRITE: (errno.EIO, errno.ENOSPC, errno.EINTR, PARTIAL),
    libfault.SYNC: (errno.EIO, errno.ENOSPC), libfault.RENAME: (errno.EIO, errno.ENOSPC),
    libfault.CREATE: (errno.EIO, errno.ENOSPC, errno.EINTR), libfault.OPEN: (errno.EIO, errno.EINTR),
    libfault.MKDIR: (errno.EIO, errno.ENOSPC), libfault.UNLINK: (errno.EIO,),
}
NAMES = {libfault.READ: "read", libfault.WRITE: "write", libfault.SYNC: "fsync", libfault.RENAME: "rename", libfault.CREATE: "create",
         libfault.OPEN: "open", libfault.MKDIR: "mkdir", libfault.UNLINK: "unlink"}
FaultCase = collections.namedtuple("FaultCase", "op error after times only")


def describe(case):
    error = errno.errorcode[case.error] if case.error else "partial"
    return f"{NAMES[case.op]} {case.after} {error} {'from then on' if case.times < 0 else f'x{case.times}'} in {case.only}"


class World:
    """A server under faults and what it has acknowledged in the namespace at hand."""

    def __init__(self, folder):
        self.folder, self.number, self.full_until = folder / "disk", 0, 0
        (self.folder / "data").mkdir(parents=True)
        self.server = kalam.Server(data_dir=self.folder / "data", preload=libfault.library())
        self.server.log_path = folder / "server.log"  # on another disk
        self.fault = libfault.Fault(self.folder)
        self.server.env = self.fault.env
        self.server.start()
        self.db = self.server.client(timeout=60)

    def begin(self, flushes=0, hot=5):
        self.mark = len(self.server.log())
        self.number += 1
        self.space, self.table = f"c{self.number}", f"c{self.number}.t"
        self.rows, self.maybe, self.dropped, self.next = set(), set(), False, 0
        self.db.sql(f"CREATE NAMESPACE {self.space}")
        self.db.sql(f"CREATE SHARED TABLE {self.table} (id BIGINT PRIMARY KEY, body TEXT)")
        for files in range(1, flushes + 1):
            self.insert(10)
            while self.files() < files:  # a flush that is just ending answers for the next one
                self.flush()
        for _ in range(hot):
            self.insert(1)

    def insert(self, count):
        ids = range(self.next, self.next + count)
        self.next += count
        self.maybe.update(ids)
        self.db.sql(f"INSERT INTO {self.table} VALUES " + ", ".join(f"({i}, 'row {i}')" for i in ids))
        self.rows.update(ids)

    def files(self):
        return int(self.db.value(f"SELECT count(*) FROM system.segments WHERE namespace_id = '{self.space}'"))

    def flush(self):
        self.wait(self.db.sql(f"STORAGE FLUSH TABLE {self.table}").dicts()[0]["job_id"])

    def wait(self, job):
        """For the end of a job; its failure raises."""
        def over():
            row = self.db.sql("SELECT * FROM system.jobs WHERE job_id = $1", [job]).dicts()[0]
            broken = "no further write is accepted until" in self.server.log()[self.mark:]
            return broken or row["status"] not in ("pending", "running") and row
        row = kalam.wait_until(over, 60, f"job {job}")
        if row is True:  # nor the job's end
            raise kalam.SqlError(0, {"error": {"code": "STORAGE_UNAVAILABLE", "message": "writes are refused"}})
        if row["status"] != "completed":
            raise kalam.SqlError(0, {"error": {"code": "JOB", "message": row["error_message"]}})

    def check(self, space=None, rows=None):
        rows = self.rows if rows is None else rows
        found = [(int(i), body) for i, body in self.db.rows(f"SELECT id, body FROM {space or self.space}.t ORDER BY id")]
        ids = [i for i, _ in found]
        assert len(ids) == len(set(ids)), f"doubled: {ids}"
        assert rows <= set(ids) <= self.maybe, f"lost {rows - set(ids)}, strange {set(ids) - self.maybe}"
        assert all(body == f"row {i}" for i, body in found)
        assert int(self.db.value(f"SELECT count(*) FROM {space or self.space}.t")) == len(ids)

    def restart(self):
        self.server.kill()
        self.server.start()
        self.mark = len(self.server.log())
        self.db = self.server.client(timeout=60)


# ---- kinds of work: what is needed before, and the work itself ------------------------------------

def work_insert(world):
    for _ in range(5):
        world.insert(1)


def work_flush(world):
    world.flush()


def work_compact(world):
    while world.files() < 6 and not world.db.rows(f"SELECT job_id FROM system.jobs WHERE job_type = 'compact' AND namespace_id = '{world.space}'"):
        world.flush()
    jobs = kalam.wait_until(lambda: world.db.rows(
        f"SELECT job_id FROM system.jobs WHERE job_type = 'compact' AND namespace_id = '{world.space}'"), 10, "compaction")
    world.wait(jobs[0][0])


def work_drop(world):
    world.dropped = None  # perhaps
    world.db.sql(f"DROP TABLE {world.table}")
    world.dropped = True
    for job in kalam.wait_until(lambda: world.db.rows(
            f"SELECT job_id FROM system.jobs WHERE job_type = 'table_deletion' AND namespace_id = '{world.space}'"), 10, "deletion"):
        world.wait(job[0])


def work_backup(world):
    world.db.sql(f"BACKUP DATABASE {world.space} TO '{world.folder}/backup-{world.space}-{time.monotonic_ns()}'")


def before_restore(world):
    world.begin(flushes=2)
    world.backup = f"{world.folder}/backup-{world.space}"
    world.db.sql(f"BACKUP DATABASE {world.space} TO '{world.backup}'")
    world.kept = set(world.rows)


def work_restore(world):
    name = f"r{time.monotonic_ns()}"
    world.db.sql(f"RESTORE DATABASE {name} FROM '{world.backup}'")
    world.check(name, world.kept)
    world.db.sql(f"DROP NAMESPACE {name} CASCADE")


KINDS = {
    "insert": (lambda world: world.begin(), work_insert, libfault.ALL),
    "flush": (lambda world: world.begin(flushes=1), work_flush, libfault.ALL),
    "flush_files": (lambda world: world.begin(flushes=1), work_flush, libfault.FILES),
    "compact": (lambda world: world.begin(flushes=5), work_compact, libfault.FILES),
    "drop": (lambda world: world.begin(flushes=2), work_drop, libfault.ALL),
    "backup": (lambda world: world.begin(flushes=2), work_backup, libfault.ALL),
    "restore": (before_restore, work_restore, libfault.ALL),
}


def cases_of(fault, only, rng):
    """From what was counted: every kind of operation first, then further ones."""
    by_op = []
    for op, errors in ERRORS.items():
        seen = fault.seen(op)
        places = range(seen) if seen <= CAP else sorted(rng.sample(range(seen), CAP))
        cases = [FaultCase(op, error, after, times, only) for after in places for error in errors
                 for times in ((1, 3) if error == errno.EINTR else (1, -1))]
        rng.shuffle(cases)
        by_op.append(cases)
    depth = max(map(len, by_op))
    return [cases[i] for i in range(depth) for cases in by_op if i < len(cases)]


def passes(world, case):
    """What is tried again: EINTR, a partial write, a disk that is full for a moment (but for fsync), unless it has been full lately."""
    lately, now = world.full_until, time.monotonic()
    if case.error == errno.ENOSPC and case.times < 0:
        world.full_until = now + 6
    return case.error in (errno.EINTR, PARTIAL) or (
        case.error == errno.ENOSPC and case.times == 1 and case.op != libfault.SYNC and now > lately)


def fail_once(world, before, work, case):
    """Runs the work with the fault; "done", the error, or "restart" when the server wanted one."""
    try:
        before(world)
    except kalam.SqlError:  # what went on behind the last statement has met the fault
        world.restart()
        before(world)
    outcome = "done"
    world.fault.arm(case.op, case.error, case.after, case.times, case.error == PARTIAL, case.only)
    try:
        work(world)
    except kalam.SqlError as error:
        outcome = str(error)
        assert error.message and error.code not in ("INTERNAL_ERROR",), outcome
    finally:
        world.fault.disarm()
    assert world.server.process.poll() is None, world.server.log()[-4000:]
    if case.only != libfault.ALL and passes(world, case):
        assert outcome == "done", outcome
    if outcome != "done":
        said = outcome + world.server.log()[world.mark:]
        assert not world.fault.hits or os.strerror(case.error) in said, f"{outcome}\n{said}"
    return works_again(world, work, outcome)


def works_again(world, work, outcome):
    if not world.dropped and world.dropped is not None:
        world.check()
    try:
        again(world, work, outcome)
    except kalam.SqlError:
        world.restart()
        again(world, work, outcome)
        return outcome + ", then restarted"
    return outcome


def again(world, work, outcome):
    if work is work_drop:
        left = world.db.rows(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{world.space}'")
        assert not (left and world.dropped), "back again"
        if not left:
            return  # an unanswered DROP may have come through
    world.insert(1)
    world.check()
    if outcome != "done" and work is not work_compact:
        work(world)
    if work is not work_drop:
        world.check()


def check_files(world):
    """After a restart no file lies about that no table has."""
    world.server.stop()
    world.server.preload = None
    world.server.start()
    db = world.server.client()
    named = int(db.value("SELECT count(*) FROM system.segments"))
    folder = world.folder / "data" / "storage"
    marker = str(folder / ".kalamdb")
    kalam.wait_until(lambda: len([path for path in kalam.files_below(folder) if path != marker]) == named, 10, "files")


def run_share(kind, world, cases, fail):
    outcomes, end = collections.Counter(), time.monotonic() + SHARE_S
    for number, case in enumerate(cases):
        if time.monotonic() > end and number >= 2:
            break
        try:
            outcomes[fail(case)] += 1
        except Exception as failure:
            raise AssertionError(f"{kind}: {describe(case)}: {failure}\n{world.server.log()[world.mark:][-6000:]}") from failure
    print(f"seed: {SEED}; share: {sum(outcomes.values())} of {len(cases)} faults: {dict(outcomes)}")


@pytest.mark.parametrize("kind", KINDS)
def test_work(kind, tmp_path):
    before, work, only = KINDS[kind]
    world = World(tmp_path)
    try:
        before(world)
        world.fault.count(only)
        work(world)
        cases = cases_of(world.fault, only, random.Random(f"{SEED} {kind}"))
        run_share(kind, world, cases, lambda case: fail_once(world, before, work, case))
        check_files(world)
    finally:
        world.server.kill()


def start_once(world, case):
    """A start that meets the fault serves, or ends with 1 and a line that says why; the next one serves all rows."""
    world.server.kill()
    world.mark = len(world.server.log())
    world.fault.arm(case.op, case.error, case.after, case.times, case.error == PARTIAL, case.only)
    try:
        world.server.start()
        outcome = "serves"
    except AssertionError:
        outcome = "refuses"
    finally:
        world.fault.disarm()
    code = world.server.process.poll()
    if code == -6 and "AssertFalseAndGetStatusForPrevError" in world.server.log()[world.mark:]:
        outcome, code = "RocksDB's information log", 1  # written while it opens; our probe before it has passed
    assert code in (None, 1), f"ended with {code}"
    if outcome == "refuses":
        said = world.server.log()[world.mark:]
        assert code == 1 and "[ERROR]" in said, f"ended with {code}"
        assert not case.error or os.strerror(case.error) in said or "key-value store: " in said, "no reason given"
    world.restart()
    world.check()
    try:
        world.insert(1)
        world.flush()
    finally:
        world.check()
    return outcome


def test_start(tmp_path):
    world = World(tmp_path)
    try:
        world.begin(flushes=2)
        world.server.kill()
        world.fault.count()
        world.restart()
        world.check()
        cases = cases_of(world.fault, libfault.ALL, random.Random(f"{SEED} start"))
        run_share("start", world, cases, lambda case: start_once(world, case))
        check_files(world)
    finally:
        world.server.kill()
