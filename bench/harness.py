"""What the bench scripts share: running the measuring programs of build/release, rows of the result, goals."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = []  # of the table, as --json writes them
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("KALAM_BUILD", ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests" / "support"))
os.environ.setdefault("KALAM_BUILD", str(BUILD))
import kalam  # noqa: E402,F401

FSYNC, GROUP, NONE = "fsync each", "group commit fsync", "none"  # durability of what a row measures
RATES = ("/s", "rows/s", "events/s", "MB/s", "deliveries/s", "users/s", "clients/s")  # more is better; else less is
PERCENTILES = {"p50": "p50_us", "p99": "p99_us", "p99.9": "p999_us"}


def tool(*args, env=None):
    """Runs a bench program; returns its JSON lines."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          env=dict(os.environ, **(env or {})))
    if done.returncode:
        raise SystemExit(f"{args}: {done.stderr}")
    if done.stderr:
        print(done.stderr[:300], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def number(value):
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def amount(value, unit):
    return number(value) + ("" if unit.startswith("/") else " ") + unit


def more_is_better(unit):
    return unit.endswith(RATES)


class Goal:
    """A bound on the value itself, on a percentile ("p50" …) or on the ratio to something measured beside it."""

    def __init__(self, sign, bound, of="", unit=""):
        self.sign, self.bound, self.of, self.unit = sign, bound, of, unit

    def text(self, unit):
        if self.of in PERCENTILES:
            return f"{self.of} {self.sign} {self.bound:g} {self.unit}"
        if self.of:
            return f"{self.sign} {self.bound:g} × {self.of}"
        return f"{self.sign} {amount(self.bound, unit)}"

    def actual(self, row):
        """What is to be held against the bound; None = not measured."""
        if self.of in PERCENTILES:
            value = row.get(PERCENTILES[self.of])
            return None if value is None else value / (1000 if self.unit == "ms" else 1)
        if not self.of:
            return row["value"]
        return next((other["ratio"] for other in row["others"] if other["name"] == self.of), None)

    def met(self, row):
        actual = self.actual(row)
        return None if actual is None else actual >= self.bound if self.sign == "≥" else actual <= self.bound

    def mark(self, row):
        """Where the goal lies on the scale of the row's value; None = nowhere."""
        if self.of in PERCENTILES:
            same = row["unit"] == self.unit and self.of == row["shows"]
            return self.bound if same else None
        if not self.of:
            return self.bound
        other = next((other for other in row["others"] if other["name"] == self.of), None)
        return other["value"] * self.bound if other else None


def at_least(bound, of=""):
    return Goal("≥", bound, of)


def at_most(bound, of="", unit=""):
    return Goal("≤", bound, of, unit)


def beside(name, value, limit=False, **percentiles):
    """Something measured in the same run: a peer, or the limit (raw engine, raw sockets)."""
    return {"name": name, "value": value, "limit": limit, **percentiles}


def of_runs(name, runs, limit=False, key="per_second", scale=1):
    """The same of the JSON lines of a program."""
    shares = {k: median(runs, k) for k in PERCENTILES.values() if k in runs[0]}
    return beside(name, median(runs, key) * scale, limit, **shares)


def verdict(marks):
    """Of one row: False if a goal was missed, True if all were met, None if none could be judged."""
    known = [mark for mark in marks if mark is not None]
    return None if not known else all(known)


def report(name, goal, value, unit, others=(), extra="", runs=None, shows="", durability="", clients=None, request_bytes=None,
           answer_bytes=None):
    """One row. `goal`: a Goal, a list of them, or a text that nothing is held against. `runs`: JSON lines of the program that
    measured it, for percentiles and bytes; `shows`: the percentile that `value` is, if it is one."""
    goals = goal if isinstance(goal, list) else [goal] if isinstance(goal, Goal) else []
    row = {"name": name, "case": report.case, "value": value, "unit": unit, "shows": shows, "durability": durability,
           "clients": clients, "request_bytes": request_bytes, "answer_bytes": answer_bytes}
    for key in (*PERCENTILES.values(), "request_bytes", "answer_bytes"):
        if runs and key in runs[0]:
            row[key] = median(runs, key)
    row["others"] = [dict(other, ratio=value / other["value"] if other["value"] else None) for other in others if other]
    row["goals"] = [{"text": g.text(unit), "met": g.met(row)} for g in goals]
    row["goal"] = ", ".join(g["text"] for g in row["goals"]) if goals else goal if isinstance(goal, str) else ""
    row["goal_marks"] = [mark for mark in (g.mark(row) for g in goals) if mark is not None]
    row["met"] = verdict(g["met"] for g in row["goals"])
    row["ratio"] = row["others"][0]["ratio"] if row["others"] else None
    row["extra"] = extra
    ROWS.append(row)
    print(line(row), flush=True)


report.case = ""
HEAD = ("| what | clients | durable | ours | p50 / p99 / p99.9 µs | beside it (ratio) | goal | met | bytes | |\n"
        "|---|---|---|---|---|---|---|---|---|---|")


def percentiles_text(row):
    return " / ".join(number(row[key]) for key in PERCENTILES.values() if row.get(key) is not None)


def bytes_text(row):
    sizes = [row.get("request_bytes"), row.get("answer_bytes")]
    return "" if sizes == [None, None] else " → ".join("" if size is None else f"{size:,.0f}" for size in sizes).strip()


def others_text(row):
    return "; ".join(f"{o['name']} {number(o['value'])}" + (f" ({o['ratio']:.2f})" if o["ratio"] is not None else "")
                     for o in row["others"])


def line(row):
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    return (f"| {row['name']} | {row['clients'] or ''} | {row['durability']} | {amount(row['value'], row['unit'])} | "
            f"{percentiles_text(row)} | {others_text(row)} | {row['goal']} | {met} | {bytes_text(row)} | {row['extra']} |")


class Cases:
    """One server with tables to measure on; beside it PostgreSQL and Redis (or None) and bare sockets."""

    def __init__(self, arguments, server, postgres, redis=None):
        self.arguments, self.server, self.postgres, self.redis = arguments, server, postgres, redis
        self.start = int(time.time()) * 1000

    def load(self, connections, body, user=None, port=None, **env):
        self.start += 100_000_000
        args = [BUILD / "bench_load", port or self.server.port, connections, self.arguments.seconds,
                json.dumps(body, separators=(",", ":")).replace('"{{', "{").replace('}}"', "}")]
        (result,) = tool(*args, *([user] if user else []), env=dict({"BENCH_START": str(self.start)}, **env))
        if result["errors"]:
            raise SystemExit(f"{result['errors']} errors in {body}")
        return result

    def raw(self, writers, rows):
        with tempfile.TemporaryDirectory(dir=self.server.data_dir.parent) as folder:
            (result,) = tool(BUILD / "bench_raw", "rocksdb", folder + "/db", writers, rows, self.arguments.seconds)
        return result

    def sockets(self, connections, body, answer_bytes):
        """The same requests against a server that does nothing but answer so many bytes."""
        process = subprocess.Popen([str(BUILD / "bench_sockets"), "http", str(int(answer_bytes))], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        port = json.loads(process.stdout.readline())["port"]
        try:
            return self.load(connections, body, port=port)
        finally:
            process.stdin.close()
            process.wait()

    def rounds(self, *functions):
        """Runs the functions in turn, several rounds; a list of results each. None stays without any."""
        results = [[] for _ in functions]
        for _ in range(self.arguments.rounds):
            for index, function in enumerate(functions):
                if function:
                    results[index].append(function())
        return results

    def beside_sockets(self, connections, body, user=None, *peers):
        """Ours, then bare sockets with answers as large as ours, then the peers, in turn."""
        sizes = []

        def ours():
            result = self.load(connections, body, user)
            sizes.append(result["answer_bytes"])
            return result
        return self.rounds(ours, lambda: self.sockets(connections, body, sizes[-1]), *peers)

    def prepare(self):
        db = self.server.client()
        db.batch("CREATE NAMESPACE b; CREATE USER TABLE b.t (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999;"
                 "CREATE USER TABLE b.hot (id BIGINT PRIMARY KEY, body TEXT, grp INT, n INT) FLUSH POLICY ROWS 999999;"
                 "CREATE USER TABLE b.cold (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999;"
                 "CREATE USER TABLE b.live (id BIGINT PRIMARY KEY, body TEXT) FLUSH POLICY ROWS 999999;"
                 "CREATE SHARED TABLE b.files (id BIGINT PRIMARY KEY, grp INT, n INT, body TEXT) FLUSH POLICY ROWS 999999")
        for start in range(0, 10_000, 1000):
            db.sql("INSERT INTO b.hot VALUES " + ",".join(
                f"({i}, 'message body number {i} with some text', {i % 100}, {i * 37 % 101})"
                for i in range(start, start + 1000)))
        return db
