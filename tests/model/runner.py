"""Runs a history against a real server and holds every answer against the world.

    python3 tests/model/runner.py --seed 7 [--rounds 40] [--minutes 60] [--no-shrink]
"""
import argparse
import collections
import http.client
import json
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kalam  # noqa: E402
from generate import WORKERS, Generator, Round  # noqa: E402
from watch import View  # noqa: E402
from world import World, holds, predicate_columns, predicate_text  # noqa: E402

GONE = (OSError, http.client.HTTPException, ValueError)
CONFIG = "[rate_limit]\nmax_messages_per_sec = 100000\nmax_subscriptions_per_user = 100000\n"


class Different(AssertionError):
    """The server and the world differ."""


def same_rows(left, right):
    """Whether two lists hold the same rows in any order; 1 and 1.0 are one number."""
    def form(rows):
        return sorted(repr([float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in row]) for row in rows)
    return form(left) == form(right)


def owner_name(owner):
    return f"u{owner}"


class Worker(threading.Thread):
    """Sends one owner's requests in turn; stops at the first that gets no answer and leaves what may be of it."""

    def __init__(self, run, owner, requests):
        super().__init__(daemon=True)
        self.run_, self.owner, self.requests = run, owner, requests
        self.failure, self.open_states = None, None

    def run(self):
        client = self.run_.server.client(owner_name(self.owner), timeout=60)
        try:
            for request in self.requests:
                outcomes = self.one(client, request) if request.possible(self.run_.world) else []
                if outcomes is None:
                    return
                self.run_.request_done(outcomes)
        except Exception as error:  # told to the main thread
            self.failure = error if isinstance(error, Different) else Different(traceback.format_exc())
        finally:
            client.close()

    def one(self, client, request):
        """Outcomes as expected and received; None if no answer came."""
        world = self.run_.world
        text = request.text(world)
        self.run_.say(f"-- u{self.owner}\n{text};")
        tables = request.tables(world)
        outcomes, states = request.run(world, self.owner)
        try:
            status, body = client.post(text)
        except GONE:
            if not self.run_.killing:
                raise
            self.open_states = (tables, states)
            return None
        if self.run_.killing and (body.get("error") or {}).get("code") == "SHUTTING_DOWN":
            self.open_states = (tables, states)
            return None
        self.compare(request, text, outcomes, body)
        return outcomes

    def compare(self, request, text, outcomes, body):
        results = body["results"][1:] if request.transaction else body["results"]
        failed = outcomes[-1].failed
        if bool(failed) != (body["status"] != "success"):
            raise Different(f"u{self.owner}: {text}\nexpected {failed or 'success'}, got {json.dumps(body)[:600]}")
        for outcome, result in zip(outcomes[:-1] if failed else outcomes, results):
            if result["row_count"] != outcome.count:
                raise Different(f"u{self.owner}: {text}\n{result['row_count']} rows, expected {outcome.count}")
            if outcome.returned is not None and not same_rows(result["rows"], outcome.returned):
                raise Different(f"u{self.owner}: {text}\nRETURNING {result['rows']}\nexpected {outcome.returned}")

    def settle(self, client):
        """After a kill: which of the possible states came true?"""
        if self.open_states is None:
            return
        tables, states = self.open_states
        for state in states:
            for name, rows in state.items():
                tables[name].rows[self.owner] = rows
            if all(self.run_.difference(client, name, table, self.owner) is None for name, table in tables.items()):
                return
        shown = [self.run_.difference(client, name, table, self.owner) for name, table in tables.items()]
        raise Different(f"u{self.owner}: after kill -9 none of the possible states of the last request: {shown}")


class Run:
    def __init__(self, server, folder, script=None):
        self.server, self.folder, self.script = server, folder, script
        self.world = World()
        self.world.namespaces["m"] = {}
        self.views, self.killing, self.copies = [], False, 0
        self.done, self.counter = 0, threading.Condition()
        self.totals = collections.Counter()

    def say(self, text):
        if self.script is not None:
            self.script.append(text)

    def request_done(self, outcomes):
        with self.counter:
            self.done += 1
            self.totals["done"] += sum(1 for outcome in outcomes if not outcome.failed)
            self.totals["refused"] += sum(1 for outcome in outcomes if outcome.failed)
            self.counter.notify_all()

    # --- checks

    def difference(self, client, name, table, owner):
        """None, or how the rows that an owner sees differ from the world's."""
        columns = ", ".join(c.name for c in table.columns)
        keys = ", ".join(table.by_id(k).name for k in table.keys)
        where = ""
        if table.scope == "SHARED":
            values = [n * WORKERS + owner for n in range(8)]
            key = table.by_id(table.keys[0])
            where = f" WHERE {key.name} IN ({', '.join(repr(f'k{v}') if key.kind == 'TEXT' else str(v) for v in values)})"
        got = client.rows(f"SELECT {columns} FROM {name}{where} ORDER BY {keys}")
        expected = table.wire_rows(owner)
        if same_rows(got, expected):
            return None
        return (f"{name} of u{owner}: missing {[r for r in expected if r not in got][:5]}, "
                f"too many {[r for r in got if r not in expected][:5]} (columns {columns})")

    def check_filter(self, client, name, table, owner, predicate):
        """A filtered SELECT by our scan and an aggregate by DuckDB."""
        rows = [row for o in ([owner] if table.scope == "USER" else table.rows) for row in table.of(o).values()]
        count = sum(1 for row in rows if holds(predicate, row))
        where = predicate_text(predicate, table)
        got = len(client.rows(f"SELECT * FROM {name} WHERE {where}"))
        analytic = int(client.value(f"SELECT count(*) FROM (SELECT * FROM {name} WHERE {where}) AS q"))
        if got != count or analytic != count:
            raise Different(f"u{owner}: {name} WHERE {where}: {got} rows, count {analytic}, expected {count}")

    def check_all(self, filters):
        for owner in range(WORKERS):
            client = self.server.client(owner_name(owner))
            for name, table in self.world.tables().items():
                found = self.difference(client, name, table, owner)
                if found:
                    later = self.difference(client, name, table, owner)
                    raise Different(f"{found}; {'gone' if later is None else 'still there'} when asked again")
            for name, predicate in filters:
                table = self.world.table(name)
                if table is not None and self.usable(table, predicate):
                    self.check_filter(client, name, table, owner, predicate)
            client.close()
        for view in self.views:
            view.settle()

    @staticmethod
    def usable(table, predicate):
        have = {c.identity for c in table.columns}
        return all(identity in have for identity, _ in predicate_columns(predicate))

    # --- steps

    def step(self, step):
        live = [(v.name, {i for i, _ in predicate_columns(v.predicate)}) for v in self.views]
        if not step.possible(self.world, live):
            return
        self.copies += 1
        text = step.text(self.world).replace("{folder}", f"{self.folder}/backup{self.copies}")
        self.say(f"-- root\n{text};")
        expected = step.expected(self.world, live)
        status, body = self.server.client(timeout=120).post(text)
        code = (body.get("error") or {}).get("code", "")
        if code not in expected:
            raise Different(f"{text}\nexpected {expected}, got {json.dumps(body)[:600]}")
        if not code:
            step.apply(self.world)
        self.totals["schema"] += 1

    def open_watches(self, watches):
        for watch in watches:
            table = self.world.table(watch.name)
            if table is not None and self.usable(table, watch.predicate):
                self.say(f"-- u{watch.owner}\nSUBSCRIBE TO SELECT * FROM {watch.name} WHERE "
                         f"{predicate_text(watch.predicate, table)};")
                self.totals["views"] += 1
                self.views.append(View(self.server, owner_name(watch.owner), watch.name, table, watch.predicate))

    def close_watches(self):
        for view in self.views:
            view.close()
        self.views = []

    def work(self, round_):
        self.done, self.killing = 0, False
        workers = [Worker(self, owner, requests) for owner, requests in enumerate(round_.requests)]
        total = round_.kill_after
        for worker in workers:
            worker.start()
        for name in round_.flushes:
            if self.world.table(name) is not None:
                self.say(f"-- meanwhile\nSTORAGE FLUSH TABLE {name};")
                self.server.client().post(f"STORAGE FLUSH TABLE {name}")
        if total:
            with self.counter:
                self.counter.wait_for(lambda: self.done >= total or not any(w.is_alive() for w in workers), 60)
            self.say("-- kill -9")
            self.killing = True
            self.server.kill()
            self.totals["kills"] += 1
        for worker in workers:
            worker.join(120)
            if worker.is_alive():
                raise Different(f"u{worker.owner} got no answer for two minutes")
        if self.killing:
            self.server.start()
        for worker in workers:
            if worker.failure:
                raise worker.failure
            client = self.server.client(owner_name(worker.owner))
            worker.settle(client)
            client.close()
        if self.killing:
            for view in self.views:
                view.resume()

    def round(self, round_):
        steps = list(round_.schema)
        if steps and self.views:
            self.step(steps.pop(0))  # one of them while the subscriptions are open
        self.close_watches()
        for step in steps:
            self.step(step)
        self.open_watches(round_.watches)
        self.work(round_)
        filters = [(c.table, c.predicate) for requests in round_.requests for r in requests[:2] for c in r.changes
                   if hasattr(c, "predicate")][:4]
        self.check_all(filters)
        if round_.restart:
            self.say("-- restart")
            self.close_watches()
            self.server.restart()
            self.check_all([])


def keep(server, script, found):
    """What a difference leaves for those who look for its cause: server killed, data, log and script saved."""
    server.kill()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kalam-difference-"))
    shutil.copytree(server.data_dir, folder / "data")
    (folder / "server.log").write_text(server.log())
    (folder / "script").write_text("\n".join([*script, str(found)]))
    return f"{found}\nkept in {folder}"


def run_history(rounds, script=None, totals=None, keeps=False):
    """None, or the difference found; what was done is added to `totals`."""
    script = [] if script is None else script
    folder = tempfile.mkdtemp(prefix="kalam-model-")
    try:
        with kalam.Server(config=CONFIG) as server:
            server.client().sql("CREATE NAMESPACE m")
            run = Run(server, folder, script)
            try:
                for round_ in rounds:
                    run.round(round_)
                run.close_watches()
                server.stop()
            except (AssertionError, kalam.SqlError, *GONE) as error:
                found = error if isinstance(error, Different) else Different(traceback.format_exc() + server.log()[-1500:])
                return Different(keep(server, script, found)) if keeps else found
            if totals is not None:
                totals.update(run.totals)
            return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def smaller(rounds):
    """Histories with something left out, largest cuts first."""
    size = len(rounds) // 2
    while size >= 1:
        for start in range(0, len(rounds), size):
            yield rounds[:start] + rounds[start + size:]
        size //= 2
    for index, r in enumerate(rounds):
        def put(**fields):
            return rounds[:index] + [Round(**{**r.__dict__, **fields})] + rounds[index + 1:]
        for name, empty in (("kill_after", 0), ("restart", False)):
            if getattr(r, name):
                yield put(**{name: empty})
        for name in ("schema", "watches", "flushes"):
            for i in range(len(getattr(r, name))):
                yield put(**{name: getattr(r, name)[:i] + getattr(r, name)[i + 1:]})
        for worker in range(WORKERS):
            lines = r.requests[worker]
            size = len(lines)
            while size >= 1:
                for i in range(0, len(lines), size):
                    yield put(requests=r.requests[:worker] + [lines[:i] + lines[i + size:]] + r.requests[worker + 1:])
                size //= 2


def shrink(rounds, limit_s):
    """The smallest history found in limit_s that still differs."""
    end = time.monotonic() + limit_s
    progress = True
    while progress:
        progress = False
        for candidate in smaller(rounds):
            if time.monotonic() > end:
                return rounds
            if run_history(candidate):
                rounds, progress = candidate, True
                break
    return rounds


def search(seed, rounds, requests, limit_s, shrink_s=120):
    """Histories from `seed` on until limit_s is over (at least one); what was done without a difference."""
    end, count, totals = time.monotonic() + limit_s, 0, collections.Counter()
    while count == 0 or time.monotonic() < end:
        history = Generator(seed + count, rounds, requests).rounds
        found = run_history(history, totals=totals, keeps=True)
        if found:
            script = []
            if shrink_s:
                history = shrink(history, shrink_s)
            again = run_history(history, script)
            raise Different(f"seed {seed + count}: {found}\nmade smaller: {again or 'no difference'}\n" + "\n".join(script[-200:]))
        count += 1
    totals["histories"] = count
    return dict(totals)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--requests", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--no-shrink", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    print("no difference:", search(arguments.seed, arguments.rounds, arguments.requests, arguments.minutes * 60,
                                   0 if arguments.no_shrink else 120))
