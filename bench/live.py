"""Live queries: fan-out, what they cost writers, snapshots, clients that all come back at once."""
import subprocess

from harness import BUILD, FSYNC, GROUP, Cases, at_least, at_most, beside, kalam, median, of_runs, report, tool

UNLIMITED = ("[rate_limit]\nmax_messages_per_sec = 0\nmax_subscriptions_per_user = 1000000\n"
             "max_subscriptions_per_connection = 1000000\n")


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

    def live_queries(self):
        """Fan-out, what it costs writers, snapshots: on a server of their own, with limits out of the way."""
        with kalam.Server(config=UNLIMITED) as self.live:
            db = self.live.client()
            db.batch("CREATE NAMESPACE l; CREATE SHARED TABLE l.all (id BIGINT PRIMARY KEY, room INT, body TEXT) "
                     "FLUSH POLICY ROWS 999999; CREATE USER TABLE l.own (id BIGINT PRIMARY KEY, body TEXT) "
                     "FLUSH POLICY ROWS 999999; CREATE SHARED TABLE l.thousand (id BIGINT PRIMARY KEY, body TEXT)")
            db.sql("INSERT INTO l.thousand VALUES " + ",".join(f"({i}, 'message body number {i}')" for i in range(1000)))
            ours = self.fanout("snapshot", 1, 0, 200, "u0", "SELECT * FROM l.thousand")
            report("snapshot of 1,000 rows", at_most(3, "p50", "ms"), ours["p50_us"] / 1000, "ms", runs=[ours], shows="p50",
                   durability="read", clients=1)
            for sockets, goal in ((1, at_most(0.6, "p50", "ms")), (1000, at_least(100_000)), (10_000, at_least(60_000))):
                self.live_change(sockets, goal)
            self.live_storm()
            self.live_writers()
            self.live.stop()
        self.live_storm_after_restart(UNLIMITED)

    def live_change(self, sockets, goal):
        """One change to so many sockets, from sending the INSERT to the last one."""
        count = 300 if sockets == 1 else 30

        def ours_once():
            return self.fanout("change", sockets, 1, count, "u{c}", "SELECT * FROM l.all",
                               "INSERT INTO l.all VALUES ({i}, 1, 'a message of some words')")
        runs = self.rounds(ours_once, lambda: tool(BUILD / "bench_sockets", "fanout", sockets, count, 200)[0],
                           (lambda: self.postgres.notify(count, sockets)) if self.postgres else None,
                           (lambda: self.redis.change(count, sockets)) if self.redis else None)
        others = [beside(name, sockets / median(found, "p50_us") * 1e6, name == "sockets",
                         **{key: median(found, key) for key in ("p50_us", "p99_us", "p999_us")})
                  for name, found in (("NOTIFY + bridge", runs[2]), ("Redis XREAD", runs[3]), ("sockets", runs[1])) if found]
        report(f"one change to {sockets:,} socket{'s' if sockets > 1 else ''}", goal, sockets / median(runs[0], "p50_us") * 1e6,
               "deliveries/s", others, runs=runs[0], durability=FSYNC, clients=sockets, extra="times: to the last socket")

    def live_storm(self):
        """Everybody comes back at once and resumes; a hundred changes were missed."""
        self.live.client().sql("CREATE SHARED TABLE l.storm (id BIGINT PRIMARY KEY, room INT, body TEXT)")
        ours = self.fanout("storm", 1000, 1, 100, "u{c}", "SELECT * FROM l.storm",
                           "INSERT INTO l.storm VALUES ({i}, 1, 'a message of some words')")
        report("reconnect storm: 1,000 clients resume 100 changes", "", 1000 / ours["seconds"], "clients/s", runs=[ours],
               durability="read", clients=1000,
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
            report("the same after kill -9, table of 100,000 hot rows", "", 1000 / ours["seconds"], "clients/s", runs=[ours],
                   durability="read", clients=1000,
                   extra=f"half are ready after {ours['p50_us'] / 1000:.0f} ms, the last after {ours['seconds'] * 1000:.0f} ms")
            self.live.stop()

    def live_writers(self):
        own = {"sql": "INSERT INTO l.own (id, body) VALUES ($1, $2)", "params": ["{{i}}", "a message of some words"]}
        shared = {"sql": "INSERT INTO l.all (id, room, body) VALUES ($1, 5, $2)", "params": ["{{i}}", "some words"]}
        outer, self.server = self.server, self.live
        for name, body, sql, subscriptions, goal in (
                ("10,000 of other users", own, "SELECT * FROM l.own", 10, at_least(0.95, "without")),
                ("1,000 by equality, 1 matches", shared, "SELECT * FROM l.all WHERE room = {c}", 1, at_least(0.8, "without")),
                ("1,000 that look at every row", shared, "SELECT * FROM l.all WHERE room + 0 = {c}", 1, "")):
            def watched(body=body, sql=sql, subscriptions=subscriptions):
                holder = self.held(1000, subscriptions, "o{c}", sql)
                result = self.load(16, body, "w{c}")
                holder.stdin.close()
                holder.wait()
                return result
            without, ours = self.rounds(lambda body=body: self.load(16, body, "w{c}"), watched)
            report(f"INSERT, 16 conn., live queries: {name}", goal, median(ours, "per_second"), "/s",
                   [of_runs("without", without)], runs=ours, durability=GROUP, clients=16)
        self.server = outer
