"""What the crash tests share: loads that work until the server is gone, and the death at a named fault point."""
import http.client
import os
import pathlib
import random
import re
import threading

import kalam
import pytest

BUILD = pathlib.Path(os.environ.get("KALAM_FAULT_BUILD", kalam.ROOT / "build" / "asan"))
POINTS = re.findall(r"^ *X\((\w+)\)", (kalam.ROOT / "src/base/fault.h").read_text(), re.M)
LONG = bool(os.environ.get("KALAM_LONG"))
GONE = (OSError, http.client.HTTPException, ValueError)
LIMIT_S = 300 if LONG else 60  # a busy machine reaches some points late


def deaths(short):
    return 20 if LONG else short


class Load:
    """`works`: (name of the user, function that takes a client and works until the server is gone)."""

    def __init__(self, server):
        self.server, self.unexpected, self.threads = server, [], []

    def add(self, user, work):
        self.threads.append(threading.Thread(target=self.guard, args=(user, work)))

    def guard(self, user, work):
        client = self.server.client(user, timeout=30)
        try:
            while True:
                work(client)
        except GONE:
            pass
        except Exception as error:  # reported by the test
            self.unexpected.append(repr(error))
            self.server.process.kill()
        finally:
            client.close()

    def run(self, limit_s=LIMIT_S, wait=None):
        """Until the server has died, or `wait` returns; then it is killed."""
        for thread in self.threads:
            thread.start()
        try:
            if wait:
                wait()
            else:
                self.server.process.wait(limit_s)
        finally:
            self.server.kill()
            for thread in self.threads:
                thread.join(60)
                assert not thread.is_alive()


def again(client, sql, params=None):
    """The flushes follow each other so closely that a statement may ask to be repeated."""
    while True:
        try:
            return client.sql(sql, params)
        except kalam.SqlError as error:
            if error.code != "TRANSACTION_CONFLICT":
                raise


def passes(point, rng, most):
    return rng.randrange(1, 150) if point.startswith("commit") else rng.randrange(1, most)


def die(server, point, count, load_of):
    """The server dies when it passes `point` for the `count`th time, under the load that load_of(server) makes; afterwards
    it runs again, on what is left."""
    server.kill()
    server.env = {"KALAM_FAULT": f"{point}:kill:{count}"}
    server.start(wait=False)
    try:
        server.wait_ready()
    except AssertionError:
        assert server.process.returncode == -9, server.log()[-3000:]  # start-up passes it too
    load = load_of(server)
    load.run()
    if load.unexpected:
        print(server.log()[-3000:])
    assert not load.unexpected, load.unexpected
    assert server.process.returncode == -9, f"{point} was not reached: {server.process.returncode}"
    server.env = {}
    server.start()


def start(share):
    """A server of the build with fault points and the random numbers of a run."""
    if not (BUILD / "kalamd").exists():
        pytest.skip(f"no build with fault points in {BUILD}")
    seed = int(os.environ.get("KALAM_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"seed: {seed}; share: {share}")
    return kalam.Server(build=BUILD), random.Random(seed)


def stats(db, table):
    return db.sql(f"SHOW TABLE STATS {table}").dicts()[0]
