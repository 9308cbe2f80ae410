"""Private memory of the server: idle, per connection, subscription, table, and user with data."""
import json
import resource
import socket
import subprocess

from harness import BUILD, Cases, at_most, kalam, report, tool
from live import UNLIMITED

SOCKETS, TABLES, ROWS_PER_USER = 5000, 1000, 10
SUBSCRIPTIONS = (("that are equal", "SELECT * FROM l.all"),
                 ("of 100 texts", "SELECT * FROM l.all WHERE room = 1 OR id < 1000000{s}"),
                 ("of 100,000 texts", "SELECT * FROM l.all WHERE room = 1 OR id < {c}{s}"))


def memory_kb(server):
    """(resident, private) of the process. Private is what it has written: clean pages of libduckdb.so count as private or
    shared by whether another server happens to run."""
    lines = open(f"/proc/{server.process.pid}/smaps_rollup").read().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines}
    return sizes["Rss:"], sizes["Private_Dirty:"]


def private_kb(server):
    return memory_kb(server)[1]


class MemoryCases(Cases):
    """Each case on a server of its own: what a former one left free would hide what the next one takes."""

    def memory(self):
        self.memory_http()
        idle = self.memory_websocket()
        for name, sql in SUBSCRIPTIONS:
            self.memory_subscription(name, sql, idle)
        self.memory_tables()
        self.memory_users(self.arguments.memory_users)

    def memory_http(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with kalam.Server(config=UNLIMITED) as server:
            server.client().request("GET", "/health")
            before, sockets = private_kb(server), []
            for _ in range(SOCKETS):
                sockets.append(socket.create_connection(("127.0.0.1", server.port), 20))
                sockets[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if not sockets[-1].recv(4096).startswith(b"HTTP/1.1 200"):
                    raise SystemExit("a connection was refused")
            each = (private_kb(server) - before) / SOCKETS
            for connection in sockets:
                connection.close()
            server.stop()
        report("memory of an idle HTTP connection", "", each, "KB", clients=SOCKETS, extra="kept alive after one request")

    def memory_websocket(self):
        with kalam.Server(config=UNLIMITED) as server:
            before = private_kb(server)
            holder = subprocess.Popen([str(BUILD / "bench_fanout"), str(server.port), "hold", str(SOCKETS), "0", "0", "m{c}", ""],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not holder.stdout.readline():
                raise SystemExit("bench_fanout hold failed")
            idle = (private_kb(server) - before) / SOCKETS
            holder.stdin.close()
            holder.wait()
            server.stop()
        report("memory of an idle WebSocket", at_most(8), idle, "KB", clients=SOCKETS, extra="authenticated")
        return idle

    def memory_subscription(self, name, sql, idle):
        with kalam.Server(config=UNLIMITED) as server:
            server.client().batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.all (id BIGINT PRIMARY KEY, room INT)")
            before = private_kb(server)
            process = subprocess.Popen([str(BUILD / "bench_fanout"), str(server.port), "setup", "1000", "100", "0", "m{c}", sql,
                                        "INSERT INTO l.all VALUES ({i}, 1)"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            ours = json.loads(process.stdout.readline() or "{}")
            if not ours:
                raise SystemExit("bench_fanout setup failed")
            each = (private_kb(server) - before - 1000 * idle) / 100_000
            ours.update(json.loads(process.communicate("\n")[0]))
            server.stop()
        report(f"100,000 subscriptions on 1,000 sockets, {name}", "", 100_000 / ours["subscribe_seconds"], "/s", clients=1000,
               extra=f"set up in {ours['subscribe_seconds']:.2f} s, each has one change after "
                     f"{ours['change_seconds'] * 1000:.0f} ms")
        report(f"memory of a subscription, {name}", at_most(400), each * 1024, "B", clients=1000,
               extra="100,000 of them, sockets taken off")

    def memory_tables(self):
        """The first tables have a column family each, later ones share (storage.rocksdb.max_column_families)."""
        with kalam.Server() as server:
            db = server.client()
            db.sql("CREATE NAMESPACE m")
            marks = [private_kb(server)]
            for number in range(TABLES):
                db.sql(f"CREATE USER TABLE m.t{number} (id BIGINT PRIMARY KEY, body TEXT)")
                db.sql(f"INSERT INTO m.t{number} VALUES (1, 'a row')")
                if number in (199, 499, TABLES - 1):
                    marks.append(private_kb(server))
            server.kill()  # a stop would flush each of them
        report("memory of a table", "", (marks[3] - marks[0]) / TABLES, "KB",
               extra=f"{TABLES:,} tables of one row; the first 200: {(marks[1] - marks[0]) / 200:.0f} KB each, "
                     f"the last 500: {(marks[3] - marks[2]) / 500:.1f} KB each")

    def memory_users(self, users):
        with kalam.Server() as server:
            empty = private_kb(server)
            db = server.client()
            db.batch("CREATE NAMESPACE m; CREATE USER TABLE m.t (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999")
            before = private_kb(server)
            rows = ",".join(f"({row},'message body number {row} with some text')" for row in range(ROWS_PER_USER))
            (done,) = tool(BUILD / "bench_load", server.port, 32, 0, json.dumps({"sql": "INSERT INTO m.t VALUES " + rows}), "u{i}",
                           env={"BENCH_START": "0", "BENCH_COUNT": str(users)})
            hot = private_kb(server)
            job = server.flush("m.t", db, 1800)
            if done["errors"] or job["status"] != "completed":
                raise SystemExit(f"{done}, {job['error_message']}")
            cold = private_kb(server)
            server.stop()
            server.start()
            db = server.client()
            db.value("SELECT count(*) FROM m.t")
            again = private_kb(server)
            server.stop()
            about = f"{users:,} users × {ROWS_PER_USER} rows of about 50 B, together"
            report("memory of a user with data, hot", "", (hot - before) * 1024 / users, "B",
                   extra=f"{about} {(hot - before) / 1024:.0f} MB; write buffers bound it")
            report("memory of a user with data, just flushed", "", (cold - before) * 1024 / users, "B",
                   extra=f"{about} {(cold - before) / 1024:.0f} MB; row cache, block cache and write buffers bound it")
            report("memory of a user with data, cold after a restart", "", max(0, again - empty) * 1024 / users, "B",
                   extra=f"{about} {(again - empty) / 1024:.1f} MB")
