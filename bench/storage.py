"""Flush, compaction, backup: how fast, and what readers and writers feel meanwhile."""
import argparse
import base64
import os
import pathlib
import statistics
import tempfile
import threading
import time

from harness import BUILD, FSYNC, GROUP, Cases, at_least, at_most, median, of_runs, report, tool


class StorageCases(Cases):
    def fill(self, table, users, rows):
        """`rows` hot rows of each of `users` users of a fresh table."""
        db = self.server.client()
        db.batch(f"CREATE USER TABLE {table} (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999")

        def work(numbers):
            for number in numbers:
                client = self.server.client(f"u{number}")
                for start in range(0, rows, 1000):
                    client.sql(f"INSERT INTO {table} VALUES " + ",".join(
                        f"({i}, 'message body number {i} with some text')"
                        for i in range(start, min(rows, start + 1000))))
                client.close()
        threads = [threading.Thread(target=work, args=(range(k, users, 16),)) for k in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return db

    def flush_of(self, db, table):
        begin = time.monotonic()
        job = self.server.flush(table, db, 600)
        if job["status"] != "completed":
            raise SystemExit(job["error_message"])
        return time.monotonic() - begin

    def flush(self):
        with tempfile.TemporaryDirectory(dir=self.server.data_dir.parent) as folder:
            (copy,) = tool(BUILD / "bench_raw", "copy", folder + "/f.parquet", 500_000, 5)
        single = of_runs("DuckDB COPY", [copy], limit=True)
        db = self.fill("b.one", 1, 500_000)
        rate = 500_000 / self.flush_of(db, "b.one")
        report("flush, 1 user × 500,000 rows", "", rate, "rows/s", [single], durability=FSYNC)
        seconds = []
        for round_ in range(self.arguments.rounds):
            db = self.fill(f"b.ten{round_}", 1, 10)
            seconds.append(self.flush_of(db, f"b.ten{round_}"))
        report("flush, 1 user × 10 rows", "", statistics.median(seconds) * 1000, "ms", durability=FSYNC,
               extra="asked for to seen done")
        db = self.fill("b.small", 2000, 20)
        rate = 2000 / self.flush_of(db, "b.small")
        report("flush, 2,000 users × 20 rows", "", rate, "users/s", durability=GROUP)

        body = {"sql": "INSERT INTO b.t (id, body) VALUES ($1, $2)", "params": ["{{i}}", "written while others are flushed"]}
        db = self.fill("b.busy", 1000, 1000)
        quiet = self.load(64, body, "u{c}")
        results = []
        arguments, self.arguments = self.arguments, argparse.Namespace(**vars(self.arguments))
        writer = threading.Thread(target=lambda: results.append(self.load(64, body, "u{c}")))
        self.arguments.seconds = max(10, arguments.seconds)
        writer.start()
        rate = 1_000_000 / self.flush_of(db, "b.busy")
        writer.join()
        self.arguments = arguments
        report("flush, 1,000 users × 1,000 rows, 64 writers", "", rate, "rows/s", [single], durability=GROUP)
        report("p99 of 64 writers meanwhile", at_most(2, "quiet"), results[0]["p99_us"] / 1000, "ms",
               [of_runs("quiet", [quiet], key="p99_us", scale=0.001)], runs=results, shows="p99", durability=GROUP, clients=64,
               extra=f"{results[0]['per_second']:,.0f}/s, quiet {quiet['per_second']:,.0f}/s")

    def flush_users(self):
        """A table of 10,000 users; memory must not grow with them."""
        db = self.fill("b.tenant", 10_000, 10)
        before = self.rss()
        rate = 10_000 / self.flush_of(db, "b.tenant")
        report("flush, 10,000 users × 10 rows", "", rate, "users/s", durability=GROUP,
               extra=f"memory +{self.rss() - before:.0f} MB")

    def rss(self):
        lines = open(f"/proc/{self.server.process.pid}/status").read().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def reads_beside_flush(self):
        """The newest 50 rows of one user, while another table is flushed and compacted over and over."""
        db = self.fill("b.beside", 500, 200)
        body = {"sql": "SELECT id, body FROM b.hot ORDER BY id DESC LIMIT 50"}
        quiet = self.load(1, body)
        stopping, flushes = threading.Event(), []

        def work():
            client, number = self.server.client(), 1000
            while not stopping.is_set():
                for user in range(0, 500, 10):
                    self.server.client(f"u{user}").sql(f"INSERT INTO b.beside VALUES ({number}, 'one more')")
                number += 1
                flushes.append(self.flush_of(client, "b.beside"))
        worker = threading.Thread(target=work)
        worker.start()
        busy = []
        while len(flushes) < 10:  # enough files of a user for compactions
            busy.append(self.load(1, body))
        stopping.set()
        worker.join()
        jobs = dict(db.rows("SELECT job_type, count(*) FROM system.jobs WHERE table_name = 'beside' GROUP BY job_type"))
        report("last 50, hot, beside flushes", at_most(150, "p50", "µs"), median(busy, "p50_us"), "µs",
               [of_runs("quiet", [quiet], key="p50_us")], runs=busy, shows="p50", durability="read", clients=1,
               extra=f"p99 quiet {quiet['p99_us']:.0f} µs; {len(flushes)} flushes, {jobs.get('compact', 0)} compactions")

    def tables(self):
        """64 writers on 500 tables, and on one."""
        db = self.server.client()
        for number in range(500):
            db.sql(f"CREATE USER TABLE b.n{number} (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999")
        one = {"sql": "INSERT INTO b.t (id, body) VALUES ($1, $2)", "params": ["{{i}}", "message body number"]}
        many = {"sql": "INSERT INTO b.n{r500} (id, body) VALUES ($1, $2)", "params": ["{{i}}", "message body number"]}
        ours, single = self.rounds(lambda: self.load(64, many, "u{c}"), lambda: self.load(64, one, "u{c}"))
        report("durable INSERT, 64 conn., 500 tables", "", median(ours, "per_second"), "/s", [of_runs("one table", single)],
               runs=ours, durability=GROUP, clients=64)

    def backup(self):
        """Random texts that do not compress, half of them cold."""
        db, rows, width = self.server.client(), 100_000, 750
        db.batch("CREATE NAMESPACE bk; CREATE SHARED TABLE bk.t (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999")
        for start in range(0, rows, 500):
            db.sql("INSERT INTO bk.t VALUES " + ",".join(
                f"({i}, '{base64.b64encode(os.urandom(width)).decode()}')" for i in range(start, start + 500)))
            if start == rows // 2:
                self.server.flush("bk.t", db, 600)
        with tempfile.TemporaryDirectory(dir=self.server.data_dir.parent) as folder:
            for name, sql in (("backup", f"BACKUP DATABASE bk TO '{folder}/b'"),
                              ("restore", f"RESTORE DATABASE bk2 FROM '{folder}/b'")):
                begin = time.monotonic()
                db.sql(sql)
                seconds = time.monotonic() - begin
                size = sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file()) / 1e6
                report(name, at_least(50), size / seconds, "MB/s", durability=FSYNC, clients=1, extra=f"{size:,.0f} MB of files, half of them from hot rows")
