"""Requests over HTTP: writes, reads by key, newest rows, grouping, files, credentials, TLS."""
import tempfile
import threading
import time

from harness import (BUILD, FSYNC, GROUP, NONE, Cases, at_least, at_most, kalam, median, of_runs, report, tool)

STATEMENTS = ("count", "filter", "GROUP BY", "id", "range")
SQL = {"count": "SELECT count(*) FROM b.files", "filter": "SELECT count(*) FROM b.files WHERE n > 90",
       "GROUP BY": "SELECT grp, count(*), sum(n) FROM b.files GROUP BY grp",
       "id": "SELECT * FROM b.files WHERE id = 123456",
       "range": "SELECT count(*), max(n) FROM b.files WHERE id BETWEEN 100000 AND 110000"}
BY_KEY = {"sql": "SELECT id, body FROM b.hot WHERE id = $1", "params": ["{{r10000}}"]}
INSERT = {"sql": "INSERT INTO b.t (id, body) VALUES ($1, $2)",
          "params": ["{{i}}", "message body number with some text, about one hundred bytes long in all ........"]}




class RequestCases(Cases):
    def peers(self, call, *arguments):
        """For rounds(): the same work on PostgreSQL and on Redis; None where there is no peer."""
        return [(lambda peer=peer: getattr(peer, call)(*arguments)) if peer else None for peer in (self.postgres, self.redis)]

    def durable_insert(self):
        for connections, goals in ((1, [at_least(0.7, "RocksDB")]), (64, [at_least(20_000), at_least(1.2, "PostgreSQL")])):
            ours, raw, postgres, redis = self.rounds(lambda: self.load(connections, INSERT, "u{c}"),
                                                     lambda: self.raw(connections, 1), *self.peers("insert", connections))
            report(f"durable INSERT, {connections} conn.", goals, median(ours, "per_second"), "/s",
                   [of_runs("RocksDB", raw, limit=True), *named(PostgreSQL=postgres, Redis=redis)], runs=ours,
                   durability=FSYNC if connections == 1 else GROUP, clients=connections)

    def batch_insert(self):
        values = ", ".join("({i*100+%d}, 'message body number with some text, about one hundred bytes long')" % k
                           for k in range(100))
        body = {"sql": "INSERT INTO b.t (id, body) VALUES " + values}
        ours, four, raw = self.rounds(lambda: self.load(1, body, "batch"), lambda: self.load(4, body, "batch{c}"),
                                      lambda: self.raw(1, 100))
        for connections, runs in ((1, ours), (4, four)):
            report(f"100-row INSERT, {connections} conn.", at_least(0.5, "RocksDB") if connections == 1 else "",
                   median(runs, "per_second") * 100, "rows/s", [of_runs("RocksDB", raw, limit=True)], runs=runs,
                   durability=FSYNC if connections == 1 else GROUP, clients=connections)

    def select_by_key(self):
        for connections, goals in ((1, [at_most(80, "p50", "µs")]), (64, [at_least(50_000), at_least(1, "PostgreSQL")])):
            ours, sockets, postgres, redis = self.beside_sockets(connections, BY_KEY, None, *self.peers("select", connections))
            report(f"SELECT by key, {connections} conn.", goals, median(ours, "per_second"), "/s",
                   [*named(PostgreSQL=postgres, Redis=redis), of_runs("sockets", sockets, limit=True)], runs=ours,
                   durability="read", clients=connections)

    def newest(self, name, table, goal):
        ours, sockets = self.beside_sockets(1, {"sql": f"SELECT id, body FROM {table} ORDER BY id DESC LIMIT 50"})
        report(name, at_most(goal, "p50", "µs"), median(ours, "p50_us"), "µs",
               [of_runs("sockets", sockets, limit=True, key="p50_us")], runs=ours, shows="p50", durability="read", clients=1)

    def last_rows(self):
        self.newest("last 50, hot", "b.hot", 150)
        db = self.server.client()
        for segment in range(20):
            db.sql("INSERT INTO b.cold VALUES " + ",".join(
                f"({i}, 'message body number {i} with some text')" for i in range(segment * 500, segment * 500 + 500)))
            self.server.flush("b.cold", db)
        self.newest("last 50, 20 segments warm", "b.cold", 300)

    def auth(self):
        """What credentials cost per request, and what a flood of log-ins costs others."""
        import accounts
        config = "[auth]\nlocalhost_bypass = true\n" + accounts.NO_RATE
        env = {"KALAMDB_JWT_SECRET": accounts.SECRET, "KALAMDB_ROOT_PASSWORD": accounts.ROOT_PASSWORD}
        with kalam.Server(config=config, env=env) as server:
            plain, self.server = self.server, server
            self.prepare()
            key = server.client().value("ALTER USER root GENERATE API KEY")
            bearer = "Authorization: Bearer " + accounts.login(server)[1]["access_token"]

            def with_header(header):
                return self.load(1, BY_KEY, BENCH_HEADER=header)
            none, token, by_key = self.rounds(lambda: with_header("X-None: 1"), lambda: with_header(bearer),
                                              lambda: with_header("X-API-Key: " + key))
            for name, runs in (("token", token), ("API key", by_key)):
                report(f"SELECT by key with {name}, 1 conn.", at_least(0.9, "no credentials"), median(runs, "per_second"), "/s",
                       [of_runs("no credentials", none)], runs=runs, durability="read", clients=1)
            logins, (flooded,) = self.beside_logins(accounts, lambda: self.rounds(lambda: with_header(bearer)))
            report("log-ins beside it, 8 clients", "", logins, "/s", durability="read", clients=8)
            report("SELECT by key beside the log-ins", "it goes on", median(flooded, "per_second"), "/s",
                   [of_runs("alone", token)], runs=flooded, durability="read", clients=1)
            self.server = plain
            server.stop()

    def beside_logins(self, accounts, measure):
        """Log-ins a second of eight clients, and what was measured beside them."""
        stop, logins, server = threading.Event(), [0] * 8, self.server

        def flood(number):
            while not stop.is_set():
                accounts.login(server, "root" if number % 2 else "nobody")
                logins[number] += 1
        threads = [threading.Thread(target=flood, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        start, before = time.monotonic(), sum(logins)
        result = measure()
        rate = (sum(logins) - before) / (time.monotonic() - start)
        stop.set()
        for thread in threads:
            thread.join()
        return rate, result

    def tls(self):
        """The same reads in plain text and over TLS, from two servers with the same rows."""
        import certificates
        wide = {"sql": "SELECT id, body FROM b.hot ORDER BY id DESC LIMIT 500"}
        with tempfile.TemporaryDirectory() as folder:
            certificate = certificates.Certificate(folder)
            with kalam.Server(config=certificate.config, tls=certificate.context()) as server:
                plain, self.server = self.server, server
                self.prepare()
                self.server = plain
                for name, connections, what in (("SELECT by key, 1 conn.", 1, BY_KEY), ("SELECT by key, 64 conn.", 64, BY_KEY),
                                                ("500 rows, 16 conn.", 16, wide)):
                    goal = at_most(80, "p50", "µs") if connections == 1 else at_least(0.7, "plain")
                    off, on = self.rounds(lambda: self.load(connections, what),
                                          lambda: self.load(connections, what, port=server.port, BENCH_TLS="1"))
                    report(f"TLS: {name}", goal, median(on, "per_second"), "/s", [of_runs("plain", off)], runs=on,
                           durability="read", clients=connections)
                server.stop()

    def group_by(self):
        ours, raw = self.rounds(lambda: self.load(1, {"sql": "SELECT grp, count(*), sum(n) FROM b.hot GROUP BY grp"}),
                                lambda: tool(BUILD / "bench_raw", "group", 10_000, 500)[0])
        report("GROUP BY, 10,000 hot rows", at_most(3), median(ours, "p50_us") / 1000, "ms",
               [of_runs("DuckDB in memory", raw, limit=True, key="p50_us", scale=0.001)], runs=ours, shows="p50",
               durability="read", clients=1)

    def files(self):
        db = self.server.client()
        for part in range(20):
            for start in range(part * 10_000, part * 10_000 + 10_000, 2000):
                db.sql("INSERT INTO b.files VALUES " + ",".join(
                    f"({i}, {i % 100}, {i * 37 % 101}, 'message body number {i} with some text')"
                    for i in range(start, start + 2000)))
            self.server.flush("b.files", db)
        folder = next(p.parent for p in self.server.data_dir.rglob("*.parquet") if "files" in str(p))
        raw = tool(BUILD / "bench_raw", "duckdb", f"{folder}/*.parquet", 60)
        for name, single in zip(STATEMENTS, raw):
            (ours,) = self.rounds(lambda: self.load(1, {"sql": SQL[name]}))
            report(f"20 files, 200k rows: {name}", at_most(1.5, "DuckDB"), median(ours, "p50_us") / 1000, "ms",
                   [of_runs("DuckDB", [single], limit=True, key="p50_us", scale=0.001)], runs=ours, shows="p50",
                   durability="read", clients=1)

    def change(self):
        def ours_once():
            return tool(BUILD / "bench_change", self.server.port, "b.live", 3000)[0]
        peers = [(lambda: self.postgres.notify(1000, 1)) if self.postgres else None,
                 (lambda: self.redis.change(3000, 1)) if self.redis else None]
        ours, raw, sockets, postgres, redis = self.rounds(
            ours_once, lambda: self.raw(1, 1), lambda: tool(BUILD / "bench_sockets", "fanout", 1, 3000, 200)[0], *peers)
        report("INSERT sent → change received", [at_most(0.6, "p50", "ms"), at_most(3, "p99", "ms")],
               median(ours, "p50_us") / 1000, "ms",
               [*named("p50_us", 0.001, **{"NOTIFY + bridge": postgres, "Redis XREAD": redis}),
                of_runs("RocksDB put", raw, limit=True, key="p50_us", scale=0.001),
                of_runs("sockets", sockets, limit=True, key="p50_us", scale=0.001)],
               runs=ours, shows="p50", durability=FSYNC, clients=2)

    def stream(self):
        self.server.client().sql("CREATE STREAM TABLE IF NOT EXISTS b.stream (id BIGINT PRIMARY KEY, body TEXT) TTL '5s'")
        for rate, name, goals in ((10_000, "stream at 10,000 events/s", [at_least(9_900), at_most(10, "p99", "ms")]),
                                  (0, "stream, as fast as it goes", [at_least(10_000)])):
            (ours,) = self.rounds(lambda: tool(BUILD / "bench_stream", self.server.port, "b.stream", rate,
                                               self.arguments.seconds, 32)[0])
            if any(run["errors"] for run in ours):
                raise SystemExit(f"events were lost: {ours}")
            report(name, goals, median(ours, "per_second"), "events/s", runs=ours, durability=NONE, clients=33,
                   extra="times: INSERT sent → change received")


def named(key="per_second", scale=1, **peers):
    """of_runs() of the peers that were there."""
    return [of_runs(name, runs, key=key, scale=scale) for name, runs in peers.items() if runs]
