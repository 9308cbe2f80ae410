"""Live queries: fan-out, what they cost writers, memory, snapshots, clients that all come back at once."""
import json
import subprocess

from harness import BUILD, Cases, kalam, median, report, tool


class LiveCases(Cases):
    def fanout(self, mode, sockets, subscriptions, rounds, user, sql, insert=""):
        return tool(BUILD / "bench_fanout", self.live.port, mode, sockets, subscriptions, rounds, user, sql, insert)[0]

    def held(self, sockets, subscriptions, user, sql):
        """Sockets that only listen, until `stdin` is closed."""
        process = subprocess.Popen([str(BUILD / "bench_fanout"), str(self.live.port), "hold", str(sockets),
                                    str(subscriptions), "0", user, sql], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if not process.stdout.readline():
            raise SystemExit("bench_fanout hold failed")
        return process

    def live_memory(self):
        lines = open(f"/proc/{self.live.process.pid}/smaps_rollup").read().splitlines()[1:]
        return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))

    def live_queries(self):
        """Fan-out, what it costs writers, memory, snapshots: on a server of their own, with limits out of the way."""
        config = ("[rate_limit]\nmax_messages_per_sec = 0\nmax_subscriptions_per_user = 1000000\n"
                  "max_subscriptions_per_connection = 1000000\n")
        with kalam.Server(config=config) as self.live:
            db = self.live.client()
            db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.all (id BIGINT PRIMARY KEY, room INT, body TEXT) "
                     "FLUSH POLICY ROWS 999999; CREATE USER TABLE l.own (id BIGINT PRIMARY KEY, body TEXT) "
                     "FLUSH POLICY ROWS 999999; CREATE SHARED TABLE l.thousand (id BIGINT PRIMARY KEY, body TEXT)")
            db.sql("INSERT INTO l.thousand VALUES " + ",".join(f"({i}, 'message body number {i}')" for i in range(1000)))
            ours = self.fanout("snapshot", 1, 0, 200, "u0", "SELECT * FROM l.thousand")
            report("snapshot of 1,000 rows", "p50 ≤ 3 ms", ours["p50_us"] / 1000, "ms",
                   extra=f"p99 {ours['p99_us'] / 1000:.2f} ms")
            for sockets, goal in ((1, "p50 ≤ 0.6 ms"), (1000, "≥ 100,000"), (10_000, "≥ 60,000")):
                rounds = 300 if sockets == 1 else 30
                ours = self.fanout("change", sockets, 1, rounds, "u{c}", "SELECT * FROM l.all",
                                   "INSERT INTO l.all VALUES ({i}, 1, 'a message of some words')")
                bridge = self.postgres.notify(rounds, sockets) if self.postgres else None
                report(f"one change to {sockets:,} socket{'s' if sockets > 1 else ''}", goal,
                       sockets / ours["p50_us"] * 1e6, "deliveries/s",
                       f"PostgreSQL NOTIFY and a bridge {sockets / bridge['p50_us'] * 1e6:,.0f}/s" if bridge else "",
                       bridge["p50_us"] / ours["p50_us"] if bridge else None,
                       f"the last after {ours['p50_us'] / 1000:.2f} ms, p99 {ours['p99_us'] / 1000:.2f} ms" +
                       (f"; bridge {bridge['p50_us'] / 1000:.2f}, {bridge['p99_us'] / 1000:.2f} ms" if bridge else ""))
            self.live_storm()
            self.live_writers()
            self.live.stop()
        self.live_storm_after_restart(config)
        self.live_sizes(config)

    def live_storm(self):
        """Everybody comes back at once and resumes; a hundred changes were missed."""
        self.live.client().sql("CREATE SHARED TABLE l.storm (id BIGINT PRIMARY KEY, room INT, body TEXT)")
        ours = self.fanout("storm", 1000, 1, 100, "u{c}", "SELECT * FROM l.storm",
                           "INSERT INTO l.storm VALUES ({i}, 1, 'a message of some words')")
        report("reconnect storm: 1,000 clients resume 100 changes", "", 1000 / ours["seconds"], "clients/s",
               extra=f"half are ready after {ours['p50_us'] / 1000:.0f} ms, the last after {ours['seconds'] * 1000:.0f} ms")

    def live_storm_after_restart(self, config):
        """The ring is empty then: the table is read, once for all."""
        with kalam.Server(config=config) as self.live:
            db = self.live.client()
            db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.storm (id BIGINT PRIMARY KEY, room INT, body TEXT) "
                     "FLUSH POLICY ROWS 999999")
            for start in range(0, 100_000, 5000):
                db.sql("INSERT INTO l.storm VALUES " + ",".join(f"({i}, 1, 'a message')" for i in range(start, start + 5000)))
            position = db.value("SELECT max(_seq) FROM l.storm")
            db.sql("INSERT INTO l.storm VALUES " + ",".join(f"({i}, 1, 'late')" for i in range(200_000, 200_100)))
            db.close()
            self.live.kill()
            self.live.start()
            ours = self.fanout("resume", 1000, 1, 0, "u{c}", "SELECT * FROM l.storm", position)
            report("the same after kill -9, table of 100,000 hot rows", "", 1000 / ours["seconds"], "clients/s",
                   extra=f"half are ready after {ours['p50_us'] / 1000:.0f} ms, the last after {ours['seconds'] * 1000:.0f} ms")
            self.live.stop()

    def live_writers(self):
        own = {"sql": "INSERT INTO l.own (id, body) VALUES ($1, $2)", "params": ["{{i}}", "a message of some words"]}
        shared = {"sql": "INSERT INTO l.all (id, room, body) VALUES ($1, 5, $2)", "params": ["{{i}}", "some words"]}
        outer, self.server = self.server, self.live
        for name, body, sql, subscriptions, goal in (
                ("10,000 of other users", own, "SELECT * FROM l.own", 10, "≥ 0.95 × without"),
                ("1,000 by equality, 1 matches", shared, "SELECT * FROM l.all WHERE room = {c}", 1, "≥ 0.8 × without"),
                ("1,000 that look at every row", shared, "SELECT * FROM l.all WHERE room + 0 = {c}", 1, "")):
            def watched(body=body, sql=sql, subscriptions=subscriptions):
                holder = self.held(1000, subscriptions, "o{c}", sql)
                result = self.load(16, body, "w{c}")
                holder.stdin.close()
                holder.wait()
                return result
            without, ours = self.rounds(lambda body=body: self.load(16, body, "w{c}"), watched)
            rate, plain = median(ours, "per_second"), median(without, "per_second")
            report(f"INSERT, 16 conn., live queries: {name}", goal, rate, "/s", f"without {plain:,.0f}/s", rate / plain)
        self.server = outer

    def live_sizes(self, config):
        """Each on a server of its own: what a former one left free would hide what the next one takes."""
        create = "CREATE NAMESPACE l; CREATE SHARED TABLE l.all (id BIGINT PRIMARY KEY, room INT)"
        with kalam.Server(config=config) as self.live:
            self.live.client().batch(create)
            before = self.live_memory()
            holder = self.held(5000, 0, "m{c}", "")
            idle = (self.live_memory() - before) / 5000
            holder.stdin.close()
            holder.wait()
            self.live.stop()
        report("memory of an idle WebSocket", "≤ 8 KB", idle, "KB", extra="private memory of the server, 5,000 sockets")
        for name, sql in (("that are equal", "SELECT * FROM l.all"),
                          ("of 100 texts", "SELECT * FROM l.all WHERE room = 1 OR id < 1000000{s}"),
                          ("of 100,000 texts", "SELECT * FROM l.all WHERE room = 1 OR id < {c}{s}")):
            with kalam.Server(config=config) as self.live:
                self.live.client().batch(create)
                before = self.live_memory()
                process = subprocess.Popen([str(BUILD / "bench_fanout"), str(self.live.port), "setup", "1000", "100", "0",
                                            "m{c}", sql, "INSERT INTO l.all VALUES ({i}, 1)"],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                ours = json.loads(process.stdout.readline() or "{}")
                if not ours:
                    raise SystemExit("bench_fanout setup failed")
                each = (self.live_memory() - before - 1000 * idle) / 100_000
                ours.update(json.loads(process.communicate("\n")[0]))
                self.live.stop()
            report(f"100,000 subscriptions on 1,000 sockets, {name}", "", 100_000 / ours["subscribe_seconds"], "/s",
                   extra=f"set up in {ours['subscribe_seconds']:.2f} s, each has one change after "
                         f"{ours['change_seconds'] * 1000:.0f} ms")
            report(f"memory of a subscription, {name}", "≤ 400 B", each * 1024, "B", extra="100,000 of them, sockets taken off")
