"""Cold start: a server with many user folders, nothing of it in the page cache."""
import base64
import json
import os
import random
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


class ColdStartCases(Cases):
    def cold_rounds(self, server, users):
        """Median start and first requests, the page cache dropped before each."""
        starts, firsts = [], []
        for _ in range(self.arguments.rounds):
            how = drop_cache(server.data_dir)
            starts.append(start(server))
            firsts.append(first_requests(server, users) if users else {})
            server.kill()
        middle = {name: sorted(run[name] for run in firsts)[len(firsts) // 2] for name in firsts[0]}
        return sorted(starts)[len(starts) // 2], middle, how

    def coldstart(self):
        users, gigabytes = self.arguments.users, self.arguments.gigabytes
        with kalam.Server() as server:
            server.stop()
            empty, _, how = self.cold_rounds(server, 0)
        with kalam.Server() as server:
            fill(server, users, int(gigabytes * 1e9 / users))
            server.stop(limit_s=1800)
            cold, times, _ = self.cold_rounds(server, users)
            warm = start(server)
            again = first_requests(server, users)
            server.kill()
        report_start(users, gigabytes, (empty, cold, warm), (times, again), how)


def report_start(users, gigabytes, starts, requests, how):
    empty, cold, warm = starts
    report("start, empty, cold page cache", "", empty, "ms", extra=f"cold by {how}")
    report(f"start, {users:,} user folders, {gigabytes:g} GB, cold page cache", at_most(1.5, "empty"), cold, "ms",
           [beside("empty", empty)], extra=f"page cache warm: {warm:.0f} ms")
    for name, value in requests[0].items():
        report(f"cold start: {name}", "", value, "ms", [beside("warm", requests[1][name])], clients=1)
