"""Cold start: a server with many user folders, nothing of it in the page cache."""
import base64
import json
import os
import random
import statistics
import tempfile
import time

from harness import BUILD, Cases, at_most, beside, kalam, report, tool
from wire import Wire

ROWS_PER_USER, USERS_PER_FLUSH, WRITERS = 10, 1000, 8
CREATE = ("CREATE NAMESPACE c; CREATE USER TABLE c.t (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999; "
          "CREATE SHARED TABLE c.all (id BIGINT PRIMARY KEY, body TEXT)")


def fill(server, users, bytes_per_user):
    """So many users with one file each; the texts do not compress below three quarters."""
    width = max(20, bytes_per_user * 4 // 3 // ROWS_PER_USER)
    rows = (f"({row}, '{base64.b64encode(os.urandom(width)).decode()[:width]}')" for row in range(ROWS_PER_USER))
    server.client().batch(CREATE)
    with tempfile.NamedTemporaryFile("w") as body:
        body.write(json.dumps({"sql": "INSERT INTO c.t VALUES " + ", ".join(rows)}))
        body.flush()
        for first in range(0, users, USERS_PER_FLUSH):
            (done,) = tool(BUILD / "bench_load", server.port, WRITERS, 0, "@" + body.name, "u{i}",
                           env={"BENCH_START": str(first), "BENCH_COUNT": str(min(USERS_PER_FLUSH, users - first))})
            job = server.flush("c.t", limit_s=600)
            if done["errors"] or job["status"] != "completed":
                raise SystemExit(f"filling failed: {done}, {job['error_message']}")


def drop_cache(folder):
    """The whole page cache with directories and inodes; if that is not permitted, the files of `folder` alone."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as switch:
            switch.write("3")
        return "drop_caches"
    except OSError:
        for path, _, names in os.walk(folder):
            for name in names:
                descriptor = os.open(os.path.join(path, name), os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
        return "fadvise"


def timed(action):
    begin = time.monotonic()
    action()
    return (time.monotonic() - begin) * 1000


def start(server):
    """Process start to the first 200 of /health, in ms."""
    begin = time.monotonic()
    server.start(wait=False)
    while True:
        try:
            connection = kalam.connect(server.port, 5)
            connection.request("GET", "/health")
            ready = connection.getresponse().status == 200
            connection.close()
            if ready:
                return (time.monotonic() - begin) * 1000
        except OSError:
            pass
        if server.process.poll() is not None or time.monotonic() - begin > 120:
            raise SystemExit("kalamd does not start:\n" + server.log()[-2000:])
        time.sleep(0.001)


def subscribe(port, user):
    socket = Wire(port, user)
    socket.send({"type": "subscribe", "subscription": {"id": "s", "sql": "SELECT id FROM c.t", "options": {"last_rows": 10}}})
    message = socket.next(60)
    while message and message.get("status") != "ready" and message.get("batch_control", {}).get("status") != "ready":
        message = socket.next(60)
    if not message:
        raise SystemExit("the subscription got no snapshot")
    socket.close()


def first_requests(server, users):
    """Milliseconds of the first request of each kind; every one by a user whom nobody asked for yet."""
    who = iter(random.sample(range(users), 5))
    client = server.client(timeout=120)
    client.request("GET", "/health")

    def query(user):
        client.user = f"u{user}"
        if client.sql("SELECT id, body FROM c.t ORDER BY id DESC LIMIT 50").row_count != ROWS_PER_USER:
            raise SystemExit("rows are missing")
    user, other = next(who), next(who)
    times = {"first query of a user": timed(lambda: query(user)), "the same again": timed(lambda: query(user)),
             "first query of the next user": timed(lambda: query(other))}
    client.user = f"u{next(who)}"
    times["first INSERT"] = timed(lambda: client.sql(f"INSERT INTO c.t VALUES ({time.time_ns()}, 'new')"))
    times["first subscription"] = timed(lambda: subscribe(server.port, f"u{next(who)}"))
    client.close()
    return times


def measure(empty, full, users, rounds):
    """In turn: the empty server cold, the full one cold, the full one warm; lists of start times and of first requests."""
    starts = {"empty": [], "cold": [], "warm": []}
    requests = {"cold": [], "warm": []}
    for _ in range(rounds):
        how = drop_cache(empty.data_dir)
        starts["empty"].append(start(empty))
        empty.kill()
        drop_cache(full.data_dir)
        for name in ("cold", "warm"):
            starts[name].append(start(full))
            requests[name].append(first_requests(full, users))
            full.kill()
    return starts, requests, how


def after_stop(server):
    """The first start after a graceful stop replays what log the stop left; later ones find none."""
    size = sum(f.stat().st_size for f in (server.data_dir / "rocksdb").glob("*.log")) / 1e6
    drop_cache(server.data_dir)
    report("first start after filling and a graceful stop, cold page cache", "", start(server), "ms", extra=f"{size:.0f} MB of log")
    server.kill()


def report_start(users, gigabytes, starts, requests, how):
    middle = {name: statistics.median(times) for name, times in starts.items()}
    report("start, empty, cold page cache", "", middle["empty"], "ms", extra=f"cold by {how}")
    report(f"start, {users:,} user folders, {gigabytes:g} GB, cold page cache", at_most(1.5, "empty"), middle["cold"], "ms",
           [beside("empty", middle["empty"]), beside("page cache warm", middle["warm"])])
    for name in requests["cold"][0]:
        cold, warm = (statistics.median(run[name] for run in requests[kind]) for kind in ("cold", "warm"))
        report(f"cold start: {name}", "", cold, "ms", [beside("page cache warm", warm)], clients=1)


class ColdStartCases(Cases):
    def coldstart(self):
        users, gigabytes = self.arguments.users, self.arguments.gigabytes
        with kalam.Server() as empty, kalam.Server() as full:
            empty.kill()
            fill(full, users, int(gigabytes * 1e9 / users))
            full.stop(limit_s=1800)
            after_stop(full)
            report_start(users, gigabytes, *measure(empty, full, users, self.arguments.rounds))
