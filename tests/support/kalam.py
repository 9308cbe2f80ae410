"""Starts real kalamd processes and talks to them over real HTTP and WebSocket.

A `Server` owns a data directory and a free port. `stop()` ends it gracefully, `kill()` with SIGKILL;
`start()` again uses the same data. Everything waits for conditions with a limit, never for time.
"""
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib

import msgpack_lite

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("KALAM_BUILD", ROOT / "build" / "release"))
HAS_FAULTS = BUILD.name != "release"  # the named points of base/fault.h
START_LIMIT_S = float(os.environ.get("KALAM_START_LIMIT", "30"))


WORKER = int(os.environ.get("KALAM_TEST_WORKER") or 0)  # of those that run at the same time (scripts/test)


def free_port():
    """One that no connection gets by chance, and no other worker takes before it is used."""
    for port in random.SystemRandom().sample(range(10000 + 5000 * WORKER, 15000 + 5000 * WORKER), 5000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def run_seed(fixed):
    """KALAM_SEED; else random in the long form, else `fixed`, so that a short run which fails tells of
    the change before it."""
    given = os.environ.get("KALAM_SEED")
    return int(given) if given else random.SystemRandom().randrange(1 << 30) if os.environ.get("KALAM_LONG") else fixed


def files_below(folder):
    """Paths of files; folders may vanish meanwhile, which pathlib does not bear."""
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


def wait_until(condition, limit_s=10.0, what="condition"):
    """Polls until condition() is truthy and returns its value."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {limit_s} s")
        time.sleep(0.01)


def connect(port, timeout, tls=None):
    """`tls`: an ssl.SSLContext; the server's name in certificates is localhost."""
    if tls:
        return http.client.HTTPSConnection("localhost", port, timeout=timeout, context=tls)
    return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)


class SqlError(Exception):
    def __init__(self, status, body):
        self.http_status = status
        self.body = body
        error = body.get("error") or {}
        self.code = error.get("code")
        self.message = error.get("message", "")
        super().__init__(f"{status} {self.code}: {self.message}")


class Result:
    def __init__(self, raw):
        self.raw = raw
        self.row_count = raw.get("row_count")
        self.message = raw.get("message")
        self.rows = raw.get("rows")
        self.schema = raw.get("schema")
        self.names = [c["name"] for c in raw.get("schema", [])]

    def dicts(self):
        return [dict(zip(self.names, row)) for row in self.rows]


class Client:
    """One keep-alive connection. Not thread-safe: one per thread."""

    def __init__(self, port, user=None, token=None, namespace=None, timeout=60, tls=None):
        self.port, self.user, self.token, self.namespace = port, user, token, namespace
        self.timeout, self.tls = timeout, tls
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def headers(self):
        headers = {"Content-Type": "application/json"}
        if self.user:
            headers["X-User-Id"] = self.user
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        return headers

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, bytes)."""
        if self.connection is None:
            self.connection = connect(self.port, self.timeout, self.tls)
        try:
            self.connection.request(method, path, body, headers if headers is not None else self.headers())
            answer = self.connection.getresponse()
            data = answer.read()
        except BaseException:
            self.close()
            raise
        return answer.status, dict(answer.getheaders()), data

    def post(self, sql, params=None, namespace=None):
        """Returns (status, decoded body)."""
        body = {"sql": sql}
        if params is not None:
            body["params"] = params
        if namespace or self.namespace:
            body["namespace_id"] = namespace or self.namespace
        status, _, data = self.request("POST", "/v1/api/sql", json.dumps(body).encode())
        return status, json.loads(data)

    def batch(self, sql, params=None, namespace=None):
        status, body = self.post(sql, params, namespace)
        if body.get("status") != "success":
            raise SqlError(status, body)
        return [Result(r) for r in body["results"]]

    def sql(self, sql, params=None, namespace=None):
        return self.batch(sql, params, namespace)[-1]

    def rows(self, sql, params=None):
        return self.sql(sql, params).rows

    def value(self, sql, params=None):
        return self.rows(sql, params)[0][0]


class Server:
    def __init__(self, dev=True, config="", env=None, data_dir=None, preload=None, build=None, tls=None):
        self.dev, self.config, self.env, self.tls = dev, config, env or {}, tls
        self.preload, self.build = preload, pathlib.Path(build or BUILD)
        self.temporary = None if data_dir else tempfile.TemporaryDirectory(prefix="kalam-test-")
        self.data_dir = pathlib.Path(data_dir or self.temporary.name)
        self.port = free_port()
        self.process = None
        self.log_path = self.data_dir.parent / (self.data_dir.name + ".log")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop(check=False)
        if self.temporary:
            self.temporary.cleanup()
        self.log_path.unlink(missing_ok=True)
        self.config_path.unlink(missing_ok=True)

    def start(self, wait=True):
        config_path = self.data_dir.parent / (self.data_dir.name + ".toml")
        config_path.write_text(self.config)
        args = [str(self.build / "kalamd"), str(config_path), "--data-dir", str(self.data_dir),
                "--port", str(self.port)]
        if self.dev:
            args.append("--dev")
        env = dict(os.environ, KALAMDB_LOG_TO_CONSOLE="true", KALAMDB_LOG_FILE="", **self.env)
        if self.preload:
            env["LD_PRELOAD"] = str(self.preload)
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(args, env=env, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        self.config_path = config_path
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"kalamd ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            try:
                connection = connect(self.port, 5, self.tls)
                connection.request("GET", "/health")
                ok = connection.getresponse().status == 200
                connection.close()
                return ok
            except OSError:
                return False
        wait_until(ready, START_LIMIT_S, "health")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, check=True, limit_s=60):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("kalamd did not stop:\n" + self.log()[-4000:]) from None
        if check:
            assert code == 0, f"kalamd ended with {code}:\n{self.log()[-6000:]}"

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def reload(self, config=None):
        """SIGHUP with a new configuration file; returns when the server has worked on it."""
        before = self.log().count("reading the configuration again")
        if config is not None:
            self.config = config
            self.config_path.write_text(config)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count("reading the configuration again") > before, 10, "reload")
        self.client().request("GET", "/health")  # by its next turn

    def restart(self):
        self.stop()
        return self.start()

    def parquet_files(self):
        """Segments and half-written ones."""
        return [path for path in files_below(self.data_dir) if ".parquet" in os.path.basename(path)]

    def scratch_folders(self):
        """What a backup or restore at work keeps beside the tables."""
        return [folder for folder, _, _ in os.walk(self.data_dir) if os.path.basename(folder) in (".backup", ".restore")]

    def client(self, user=None, **options):
        return Client(self.port, user=user, tls=self.tls, **options)

    def websocket(self, user=None, **options):
        return WebSocket(self.port, user=user, tls=self.tls, **options)

    def flush(self, table, client=None, limit_s=60):
        """STORAGE FLUSH TABLE and wait for its job; returns the job's row."""
        client = client or self.client()
        job_id = client.sql(f"STORAGE FLUSH TABLE {table}").dicts()[0]["job_id"]
        return wait_job(client, job_id, limit_s)


def wait_job(client, job_id, limit_s=60):
    def finished():
        rows = client.sql("SELECT * FROM system.jobs WHERE job_id = $1", [job_id]).dicts()
        return rows[0] if rows and rows[0]["status"] not in ("pending", "running") else None
    return wait_until(finished, limit_s, f"job {job_id}")


class WebSocket:
    """A v1 client on Debian's `websockets`, with its own event loop thread hidden behind calls."""

    def __init__(self, port, user=None, token=None, headers=None, subprotocols=None, auth="upgrade",
                 path="/v1/ws", expect_auth=True, protocol=None, tls=None):
        import asyncio
        import websockets

        self.inbox, self.condition = [], threading.Condition()
        self.frames = []  # (is binary, is gzip, bytes) of each
        self.closed = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        extra = dict(headers or {})
        if user:
            extra["X-User-Id"] = user
        if token and auth == "upgrade":
            extra["Authorization"] = "Bearer " + token

        async def connect():
            self.socket = await websockets.connect(
                f"wss://localhost:{port}{path}" if tls else f"ws://127.0.0.1:{port}{path}", ssl=tls, extra_headers=extra, subprotocols=subprotocols,
                max_size=64 << 20, ping_interval=None, open_timeout=30)
            self.reader = asyncio.ensure_future(self.read())
        try:
            self.call(connect())
        except BaseException:
            self.loop.call_soon_threadsafe(self.loop.stop)
            raise
        if token and auth == "message":
            self.send(dict({"type": "authenticate", "method": "jwt", "token": token},
                           **({"protocol": protocol} if protocol else {})))
        if expect_auth:
            self.auth = self.expect("auth_success")

    def call(self, coroutine, timeout=60):
        import asyncio
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    async def read(self):
        import websockets
        try:
            async for message in self.socket:
                with self.condition:
                    self.inbox.append(self.decode(message))
                    self.condition.notify_all()
        except websockets.ConnectionClosed:
            pass
        with self.condition:
            self.closed = (self.socket.close_code, self.socket.close_reason)
            self.condition.notify_all()

    def decode(self, message):
        zipped = isinstance(message, bytes) and message[:2] == b"\x1f\x8b"
        self.frames.append((isinstance(message, bytes), zipped, len(message)))
        if zipped:
            message = zlib.decompress(message, 31)
        if isinstance(message, bytes) and message[:1] != b"{":
            return msgpack_lite.unpack(message)
        return json.loads(message)

    def send(self, message):
        self.call(self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message)))

    def take(self, match, limit_s=20.0):
        """Removes and returns the first message that matches."""
        end = time.monotonic() + limit_s
        with self.condition:
            while True:
                for index, message in enumerate(self.inbox):
                    if isinstance(message, dict) and match(message):
                        return self.inbox.pop(index)
                left = end - time.monotonic()
                if self.closed or left <= 0:
                    raise AssertionError(f"no such message; closed={self.closed}, inbox={self.inbox[:20]}")
                self.condition.wait(left)

    def expect(self, kind, subscription=None, limit_s=20.0):
        return self.take(lambda m: m.get("type") == kind and
                         (subscription is None or m.get("subscription_id") == subscription), limit_s)

    def expect_closed(self, limit_s=20.0):
        with self.condition:
            self.condition.wait_for(lambda: self.closed, limit_s)
            assert self.closed, "still open"
            return self.closed

    def subscribe(self, identifier, sql, options=None, params=None, limit_s=20.0):
        """Subscribes, fetches the whole snapshot; returns its rows."""
        subscription = {"id": identifier, "sql": sql}
        if options is not None:
            subscription["options"] = options
        if params is not None:
            subscription["params"] = params
        self.send({"type": "subscribe", "subscription": subscription})
        answer = self.take(lambda m: m.get("subscription_id") == identifier and
                           m.get("type") in ("subscription_ack", "error"), limit_s)
        if answer["type"] == "error":
            raise SqlError(0, {"error": answer})
        self.ack = answer
        rows = []
        if answer["batch_control"]["status"] == "ready" and not answer["total_rows"]:
            return rows
        while True:
            batch = self.expect("initial_data_batch", identifier, limit_s)
            rows += batch["rows"]
            self.ready = batch["batch_control"]
            if not self.ready["has_more"]:
                return rows
            self.send({"type": "next_batch", "subscription_id": identifier})

    def changes(self, subscription):
        """Takes all changes that have arrived."""
        with self.condition:
            found = [m for m in self.inbox if isinstance(m, dict) and m.get("type") == "change" and
                     m.get("subscription_id") == subscription]
            self.inbox = [m for m in self.inbox if m not in found]
        return found

    def close(self):
        import websockets
        try:
            self.call(self.socket.close())
        except websockets.ConnectionClosed:
            pass  # the server was quicker, or is gone
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)


class RowSet:
    """Keeps the rows of a subscription by key from its snapshot and changes, and checks their order."""

    def __init__(self, key, rows=()):
        self.key, self.rows, self.last_seq = key, {}, 0
        for row in rows:
            self.rows[self.key_of(row)] = row

    def key_of(self, row):
        return tuple(row[k] for k in self.key)

    def apply(self, change):
        kind = change["change_type"]
        for row in change.get("rows") or change.get("old_values"):
            seq = int(row["_seq"])
            assert seq >= self.last_seq, f"_seq {seq} after {self.last_seq}"
            self.last_seq = seq
            key = self.key_of(row)
            if kind == "insert":
                assert key not in self.rows, f"insert of known key {key}"
                self.rows[key] = row
            elif kind == "update":
                assert key in self.rows, f"update of unknown key {key}"
                self.rows[key] = row
            else:
                assert self.rows.pop(key, None) is not None, f"delete of unknown key {key}"


def sanitize_user(text):
    return re.sub(r"[^A-Za-z0-9_.@+-]", "_", text)
