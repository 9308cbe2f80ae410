"""The scenarios that every client must pass (tests/sdk/README.md), with libkalam through ctypes."""
import json
import os
import pathlib
import socket
import threading
import time

import kalam
import pytest

if "release" not in str(kalam.BUILD):
    pytest.skip("a sanitizer's library cannot be loaded into Python", allow_module_level=True)
import libkalam  # noqa: E402

FOLDER = pathlib.Path(os.environ.get("KALAM_SCENARIOS", kalam.ROOT / "tests" / "sdk" / "scenarios"))
ROOT = "correct horse battery"
LIMIT_S = 20


class Relay:
    """A TCP port before the server that can lose its connections."""

    def __init__(self, port):
        self.target, self.up, self.pairs, self.lock = port, True, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                if not self.up:
                    raise OSError
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def set(self, up):
        with self.lock:
            self.up = up
            pairs, self.pairs = ([], self.pairs) if up else (self.pairs, [])
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept(), which could go on at the next listener with this descriptor
        self.listener.close()


class HalfLoss(Relay):
    """Loses the client's end alone: the server goes on with what it takes for a living connection, until `release`."""

    def __init__(self, port):
        super().__init__(port)
        self.said, self.held = b"", []

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.said = self.said[-4096:] + data
                sink.sendall(data)
        except OSError:
            pass

    def lose(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for near, far in pairs:
            near.shutdown(socket.SHUT_RDWR)
            self.held.append(far)

    def release(self):
        for far in self.held:
            far.shutdown(socket.SHUT_RDWR)


class World:
    def __init__(self, server, namespace):
        self.server, self.namespace, self.relay = server, namespace, Relay(server.port)
        self.direct = libkalam.Client(f"http://localhost:{server.port}", "root", ROOT)
        self.relayed = libkalam.Client(f"http://127.0.0.1:{self.relay.port}", "root", ROOT)
        self.live = {}

    def close(self):
        for live in self.live.values():
            live.close()
        self.relayed.close()
        self.direct.close()
        self.relay.close()

    def sql(self, text):
        return text.replace("{ns}", self.namespace)

    def step(self, step):
        getattr(self, "do_" + next(iter(step)))(step)

    def do_sql(self, step):
        results, failure = self.direct.run(self.sql(step["sql"]), step.get("params"))
        check_failure(failure, step.get("error"))
        if "expect" in step:
            check_result(results[-1], step["expect"])

    def do_batch(self, step):
        results, failure = self.direct.run(self.sql(step["batch"]))
        check_failure(failure, step.get("error"))
        if "expect" in step:
            assert len(results) == len(step["expect"]), results
            for result, expected in zip(results, step["expect"]):
                check_result(result, expected)

    def do_subscribe(self, step):
        options = dict(step)
        if "from" in step and not step["from"].isdigit():
            options["from"] = self.live[step["from"]].position()
        self.live[step["subscribe"]] = self.relayed.subscribe(self.sql(step["sql"]), options)

    def do_live(self, step):
        self.live[step["live"]] = self.relayed.live(self.sql(step["sql"]), step)

    def do_events(self, step):
        for expected in step["expect"]:
            event = self.live[step["events"]].next(LIMIT_S)
            assert event["type"] == expected["type"], event
            for key, value in expected.items():
                if key in ("row", "old"):
                    check_row(event[key], value)
                elif key == "rows":
                    assert len(event[key]) == len(value), event
                    for row, wanted in zip(event[key], value):
                        check_row(row, wanted)
                else:
                    assert event[key] == value, event

    def do_rows(self, step):
        live, end = self.live[step["rows"]], time.monotonic() + LIMIT_S
        while not (live.wait(0) and same_rows(live.rows(), step["expect"])):
            assert time.monotonic() < end, live.rows()
            live.wait(0.2)

    def do_close(self, step):
        self.live.pop(step["close"]).close()

    def do_await(self, step):
        wanted = step["await"] == "online"
        kalam.wait_until(lambda: self.relayed.online() == wanted, LIMIT_S, step["await"])

    def do_link(self, step):
        self.relay.set(step["link"] == "up")

    def do_server(self, step):
        if step["server"] == "stop":
            self.server.stop()
        elif step["server"] == "kill":
            self.server.kill()
        else:
            self.server.start()


def check_failure(failure, expected):
    if expected is None:
        assert failure is None, failure
        return
    assert failure is not None and failure.code == expected["code"], failure
    assert failure.statement == expected.get("statement", failure.statement)
    assert expected.get("message_has", "") in failure.message


def check_result(result, expected):
    for key, value in expected.items():
        assert result[key] == value, (key, result)


def fits(row, expected):
    return all(key in row and row[key] == value for key, value in expected.items())


def check_row(row, expected):
    assert fits(row, expected), (row, expected)


def same_rows(rows, expected):
    left = list(rows)
    for wanted in expected:
        found = next((row for row in left if fits(row, wanted)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


@pytest.fixture(scope="module")
def closed():
    with kalam.Server(dev=False, env={"KALAMDB_ROOT_PASSWORD": ROOT}) as running:
        yield running


def test_limit_while_the_server_holds_the_lost_connection(tmp_path):
    """Subscribed again before the server has noticed the loss, one is too many; a little later it is not."""
    with kalam.Server(config="[rate_limit]\nmax_subscriptions_per_user = 1\n") as server:
        direct, relay = server.client(), HalfLoss(server.port)
        direct.sql("CREATE NAMESPACE n")
        direct.sql("CREATE SHARED TABLE n.t (id BIGINT PRIMARY KEY)")
        client = libkalam.Client(f"http://127.0.0.1:{relay.port}", "root")
        subscription = client.subscribe("SELECT id FROM n.t", {"last_rows": "all"})
        assert [subscription.next()["type"] for _ in range(2)] == ["ack", "ready"]
        relay.lose()
        direct.sql("INSERT INTO n.t VALUES (1)")
        kalam.wait_until(lambda: b"SUBSCRIPTION_LIMIT_EXCEEDED" in relay.said, LIMIT_S, "the limit")
        relay.release()
        events = [subscription.next() for _ in range(3)]
        assert [event["type"] for event in events] == ["ack", "rows", "ready"], events
        assert [row["id"] for row in events[1]["rows"]] == ["1"]
        subscription.close()
        client.close()
        direct.close()
        relay.close()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_scenario(closed, path):
    world = World(closed, "c_" + path.stem)
    try:
        _, failure = world.direct.run(f"CREATE NAMESPACE {world.namespace}")
        assert failure is None, failure
        for number, step in enumerate(json.loads(path.read_text())["steps"], 1):
            try:
                world.step(step)
            except (AssertionError, libkalam.Failure) as err:
                raise AssertionError(f"{path.name}, step {number} {json.dumps(step)}: {err}") from err
    finally:
        world.close()

