"""What the bench scripts share: running the measuring programs of build/release, and saying what came out."""
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


def tool(*args, env=None):
    """Runs a bench program; returns its JSON lines."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          env=dict(os.environ, **(env or {})))
    if done.returncode:
        raise SystemExit(f"{args}: {done.stderr}")
    if done.stderr:
        print(done.stderr[:300], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def report(name, goal, value, unit, beside="", ratio=None, extra=""):
    ROWS.append({"name": name, "goal": goal, "value": value, "unit": unit, "beside": beside, "ratio": ratio,
                 "extra": extra})
    shown = f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    print(f"| {name} | {shown} {unit} | {beside} | {'' if ratio is None else f'{ratio:.2f}'} | {goal} | {extra} |",
          flush=True)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


class Cases:
    """One server with tables to measure on, PostgreSQL (or None) beside it."""

    def __init__(self, arguments, server, postgres):
        self.arguments, self.server, self.postgres = arguments, server, postgres
        self.start = int(time.time()) * 1000

    def load(self, connections, body, user=None):
        self.start += 100_000_000
        args = [BUILD / "bench_load", self.server.port, connections, self.arguments.seconds,
                json.dumps(body, separators=(",", ":")).replace('"{{', "{").replace('}}"', "}")]
        (result,) = tool(*args, *([user] if user else []), env={"BENCH_START": str(self.start)})
        if result["errors"]:
            raise SystemExit(f"{result['errors']} errors in {body}")
        return result

    def raw(self, writers, rows):
        with tempfile.TemporaryDirectory(dir=self.server.data_dir.parent) as folder:
            (result,) = tool(BUILD / "bench_raw", "rocksdb", folder + "/db", writers, rows, self.arguments.seconds)
        return result

    def rounds(self, *functions):
        """Runs the functions in turn, several rounds; a list of results each."""
        results = [[] for _ in functions]
        for _ in range(self.arguments.rounds):
            for index, function in enumerate(functions):
                results[index].append(function())
        return results

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
