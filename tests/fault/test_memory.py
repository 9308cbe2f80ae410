"""The Nth allocation fails while the server works, in the program or in a library it uses, once or from then on.

Whatever fails: the answer is whole and right, or an error, or the process ends with a line that says why. Nothing hangs. Afterwards
all acknowledged rows are there and no statement by half. A run that fails nothing counts what each kind of work allocates; one case of
each is tried, or all of it (of libraries CAP positions) in the long form.
"""
import collections
import http.client
import os
import random
import resource
import time

import accounts
import kalam
import libmemory
import pytest

LONG = bool(os.environ.get("KALAM_LONG"))
SEED = kalam.run_seed(12)
CAP = 200  # positions in libraries, which allocate by the thousand
LIMIT_S = 30  # for an answer: longer is a hang
LAST_WORDS = ("out of memory",)
Case = collections.namedtuple("Case", "who after times")


class Ended(Exception):
    """The connection broke: the server is gone, or gave up on the request."""


class World:
    """A server that may run short, and what it has acknowledged."""

    def __init__(self, folder):
        self.folder = folder
        self.shortage = libmemory.Shortage()
        self.server = kalam.Server(data_dir=folder / "data", preload=libmemory.library(), config=accounts.CHEAP + accounts.NO_RATE,
                                   env=dict(self.shortage.env, KALAMDB_ROOT_PASSWORD=accounts.ROOT_PASSWORD))
        self.server.data_dir.mkdir()
        self.server.log_path = folder / "server.log"
        self.groups, self.next, self.socket = [], 0, None  # groups: ids of one statement, and whether they are there (None: either)
        self.start()
        self.db.sql("CREATE NAMESPACE m")
        self.db.sql("CREATE SHARED TABLE m.t (id BIGINT PRIMARY KEY, body TEXT)")
        self.write(20)

    def start(self):
        self.mark = len(self.server.log())
        self.server.start()
        self.db = self.server.client(timeout=LIMIT_S)

    def ids(self, count):
        self.next += count
        return range(self.next - count, self.next)

    def write(self, count, text="INSERT INTO m.t VALUES {}"):
        """One request that enters whole or not at all."""
        group = [list(self.ids(count)), None]
        self.groups.append(group)
        self.ask(text.format(", ".join(f"({i}, 'row {i}')" for i in group[0])))
        group[1] = True

    def ask(self, sql, client=None):
        client = client or self.db
        try:
            return client.batch(sql)
        except (http.client.HTTPException, ConnectionError, ValueError) as error:
            client.close()
            raise Ended(f"{type(error).__name__}") from error

    def check(self):
        found = [(int(i), body) for i, body in self.db.rows("SELECT id, body FROM m.t ORDER BY id")]
        ids = {i for i, _ in found}
        assert len(ids) == len(found) and all(body == f"row {i}" for i, body in found)
        for group in self.groups:
            there = ids & set(group[0])
            assert not there or there == set(group[0]), f"by half: {sorted(there)} of {group[0]}"
            assert there or group[1] is not True, f"lost: {group[0]}"
            assert not there or group[1] is not False, f"refused, and there: {group[0]}"
            group[1] = bool(there)
        assert ids == {i for group in self.groups if group[1] for i in group[0]}
        assert int(self.db.value("SELECT count(*) FROM m.t WHERE length(body) > 1")) == len(ids)

    def live_ids(self):
        return sorted(i for ids, there in self.groups if there for i in ids)


# ---- kinds of work ------------------------------------------------------------------------------

def nothing(world):
    pass


def work_insert(world):
    world.write(1)


def work_batch(world):
    world.write(60)


def work_transaction(world):
    world.write(10, "BEGIN; INSERT INTO m.t VALUES {}; UPDATE m.t SET body = body || '' WHERE id < 5; SELECT count(*) FROM m.t; COMMIT")


def work_select(world):
    key = world.live_ids()[3]
    assert world.ask(f"SELECT id, body FROM m.t WHERE id = {key}")[0].rows == [[str(key), f"row {key}"]]
    rows = world.ask("SELECT id FROM m.t ORDER BY id DESC LIMIT 50")[0].rows
    assert rows == [[str(i)] for i in world.live_ids()[:-51:-1]]


def work_analyse(world):
    live = world.live_ids()
    rows = world.ask("SELECT id % 3 AS part, count(*), sum(id) FROM m.t GROUP BY part ORDER BY part")[0].rows
    parts = [[i for i in live if i % 3 == part] for part in range(3)]
    assert [[int(v) for v in row] for row in rows] == [[p, len(ids), sum(ids)] for p, ids in enumerate(parts) if ids]


def open_socket(world):
    try:
        world.socket = world.server.websocket()
    except Exception as error:  # whatever the library says of a connection that breaks
        raise Ended(type(error).__name__) from error


def work_subscribe(world):
    open_socket(world)
    try:
        rows = world.socket.subscribe("s", "SELECT id FROM m.t", {})
    except AssertionError as error:
        raise ended_socket(world) from error
    assert sorted(int(row["id"]) for row in rows) == world.live_ids()


def ended_socket(world):
    assert world.socket.closed or world.server.process.poll() is not None, "no answer on a WebSocket"
    return Ended("WebSocket closed")


def before_change(world):
    open_socket(world)
    assert len(world.socket.subscribe("s", "SELECT id FROM m.t", {})) == len(world.live_ids())


def work_change(world):
    world.write(3)
    wanted = set(world.groups[-1][0])
    while wanted:
        try:
            message = world.socket.take(lambda m: m.get("type") in ("change", "error"), LIMIT_S)
        except AssertionError as error:
            raise ended_socket(world) from error
        if message["type"] == "error":
            raise kalam.SqlError(0, {"error": message})
        wanted -= {int(row["id"]) for row in message["rows"]}


def wait_job(world, job):
    end = time.monotonic() + LIMIT_S
    while True:
        row = world.ask(f"SELECT status, error_message FROM system.jobs WHERE job_id = '{job}'")[0].rows[0]
        if row[0] not in ("pending", "running"):
            break
        assert time.monotonic() < end, f"job {job} does not end"
        time.sleep(0.01)
    if row[0] != "completed":
        raise kalam.SqlError(0, {"error": {"code": "JOB", "message": row[1]}})


def flush(world):
    wait_job(world, world.ask("STORAGE FLUSH TABLE m.t")[0].dicts()[0]["job_id"])


def before_flush(world):
    world.write(5)


def before_compact(world):
    """Six small files: the next flush makes them one."""
    while int(world.db.value("SELECT count(*) FROM system.segments WHERE table_name = 't'")) % 6 != 5:
        world.write(2)
        flush(world)
    world.write(2)


def work_backup(world):
    world.ask(f"BACKUP DATABASE m TO '{world.folder}/backup-{time.monotonic_ns()}'")


def before_restore(world):
    world.backup = f"{world.folder}/backup-{time.monotonic_ns()}"
    world.ask(f"BACKUP DATABASE m TO '{world.backup}'")


def work_restore(world):
    name = f"r{time.monotonic_ns()}"
    world.ask(f"RESTORE DATABASE {name} FROM '{world.backup}'")
    assert int(world.ask(f"SELECT count(*) FROM {name}.t")[0].rows[0][0]) == len(world.live_ids())
    world.ask(f"DROP NAMESPACE {name} CASCADE")


def work_ddl(world):
    name = f"m.d{time.monotonic_ns()}"
    world.ask(f"CREATE USER TABLE {name} (id BIGINT PRIMARY KEY, a INT)")
    world.ask(f"ALTER TABLE {name} ADD COLUMN b INT DEFAULT 7, RENAME a TO c")
    world.ask(f"INSERT INTO {name} (id, c) VALUES (1, 2)")
    assert world.ask(f"SELECT id, c, b FROM {name}")[0].rows == [["1", 2, 7]]
    world.ask(f"DROP TABLE {name}")


def work_login(world):
    try:
        status, body, _ = accounts.login(world.server)
    except (http.client.HTTPException, ConnectionError, ValueError) as error:
        raise Ended(type(error).__name__) from error
    assert status != 401, "the right password was called wrong"
    if status != 200:
        raise kalam.SqlError(status, {"error": {"code": body["error"], "message": body["message"]}})
    client = world.server.client(token=body["access_token"], timeout=LIMIT_S)
    assert world.ask("SELECT CURRENT_USER()", client)[0].rows == [["root"]]
    client.close()


KINDS = {
    "insert": (nothing, work_insert), "batch": (nothing, work_batch), "transaction": (nothing, work_transaction),
    "select": (nothing, work_select), "analyse": (nothing, work_analyse), "subscribe": (nothing, work_subscribe),
    "change": (before_change, work_change), "flush": (before_flush, flush), "compact": (before_compact, flush),
    "backup": (nothing, work_backup), "restore": (before_restore, work_restore), "ddl": (nothing, work_ddl),
    "login": (nothing, work_login),
}


def close_socket(world):
    if world.socket:
        try:
            world.socket.close()
        except Exception:  # it broke
            pass
        world.socket = None


def fail_once(world, before, work, case):
    """Runs the work with the fault; "done", the error, or how the server ended."""
    before(world)
    world.mark = len(world.server.log())
    world.shortage.arm(case.who, case.after, case.times)
    try:
        work(world)
        outcome = "done"
    except kalam.SqlError as error:
        outcome = f"{error.code}: {error.message}"
    except Ended as error:
        outcome = str(error)
    finally:
        world.shortage.disarm()
        close_socket(world)
    return after(world, outcome, case.who)


def after(world, outcome, who=libmemory.ALL):
    """The server goes on with all that it acknowledged, or ends saying why and does so when started again."""
    try:
        world.check()
    except (OSError, http.client.HTTPException):
        code = world.server.process.wait(LIMIT_S)
        said = world.server.log()[world.mark:]
        if code == -11 and who == libmemory.LIBRARIES:
            outcome = "crashed"  # DuckDB rolls back what its own exception left half built
        else:
            assert code == -6 and any(words in said for words in LAST_WORDS), f"{outcome}, ended with {code}"
            outcome = "ended"
        world.start()
        world.check()
    world.write(1)
    world.check()
    return outcome


def cases_of(world, before, work, rng):
    cases = []
    for who in (libmemory.PROGRAM, libmemory.LIBRARIES):
        before(world)
        world.shortage.count(who)
        work(world)
        world.shortage.disarm()
        close_socket(world)
        seen = world.shortage.seen
        places = range(seen) if LONG and (who == libmemory.PROGRAM or seen <= CAP) else sorted(rng.sample(range(seen), min(seen, CAP)))
        cases += [Case(who, after_, times) for after_ in places for times in (1, -1)]
    return cases if LONG else rng.sample(cases, 1)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """The one that all kinds of work use, and others after a failure."""
    made = []

    def get():
        if not made or made[-1].server.process.poll() is not None:
            made.append(World(tmp_path_factory.mktemp("world")))
        return made[-1]
    yield get
    for world in made:
        world.server.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_work(kind, worlds):
    before, work = KINDS[kind]
    world = worlds()
    outcomes = collections.Counter()
    try:
        before(world)
        work(world)  # caches are filled
        close_socket(world)
        for case in cases_of(world, before, work, random.Random(f"{SEED} {kind}")):
            try:
                outcomes[fail_once(world, before, work, case)] += 1
            except Exception as failure:
                raise AssertionError(f"{kind}: {case}: {failure}\n{world.server.log()[world.mark:][-6000:]}") from failure
        print(f"seed: {SEED}; {dict(outcomes)}")
    except BaseException:
        world.server.kill()
        raise
    finally:
        close_socket(world)


def start_once(world, case):
    """A start that runs short serves, or ends with a line that says why; the next one serves all rows."""
    world.server.kill()
    world.shortage.arm(case.who, case.after, case.times)
    try:
        world.start()
        outcome = "serves"
    except AssertionError:
        outcome = "ended"
    finally:
        world.shortage.disarm()
    code, said = world.server.process.poll(), world.server.log()[world.mark:]
    if outcome == "ended":
        assert (code == -6 and any(words in said for words in LAST_WORDS)) or (code == 1 and "[ERROR]" in said), f"ended with {code}"
    world.server.kill()
    world.start()
    world.check()
    return outcome


def test_start(tmp_path):
    world, rng = World(tmp_path), random.Random(f"{SEED} start")
    outcomes = collections.Counter()
    try:
        flush(world)
        for who in (libmemory.PROGRAM, libmemory.LIBRARIES):
            world.server.kill()
            world.shortage.count(who)
            world.start()
            world.shortage.disarm()
            seen = world.shortage.seen
            for after_ in sorted(rng.sample(range(seen), min(seen, CAP if LONG else 1))):
                case = Case(who, after_, rng.choice((1, -1)))
                try:
                    outcomes[start_once(world, case)] += 1
                except Exception as failure:
                    raise AssertionError(f"start: {case}: {failure}\n{world.server.log()[world.mark:][-6000:]}") from failure
        print(f"seed: {SEED}; {dict(outcomes)}")
    finally:
        world.server.kill()


def address_space(process):
    return int(next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmSize")).split()[1]) << 10


@pytest.mark.skipif("asan" in str(kalam.BUILD) or "tsan" in str(kalam.BUILD), reason="a sanitizer takes terabytes of address space")
def test_little_address_space(tmp_path):
    """A large statement, large answers and new threads under a limit of the system (ulimit -v), then without it."""
    world = World(tmp_path)
    try:
        size = address_space(world.server.process)
        for spare in (4, 16, 64):
            resource.prlimit(world.server.process.pid, resource.RLIMIT_AS, (size + (spare << 20), resource.RLIM_INFINITY))
            for sql in ("SELECT count(*) FROM (SELECT i, row_number() OVER (ORDER BY hash(i)) FROM generate_series(1, 5000000) AS t(i))",
                        "SELECT repeat('x', 100000000)", "SELECT id, repeat(body, 1000) FROM m.t ORDER BY id"):
                try:
                    world.ask(sql)
                except (kalam.SqlError, Ended):
                    pass
                if world.server.process.poll() is not None:
                    break
            world.shortage.disarm()
            if world.server.process.poll() is None:
                resource.prlimit(world.server.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            after(world, "")
            size = address_space(world.server.process)
    finally:
        world.server.kill()
