"""A real S3 server for the tests (swift_server.py), a small S3 client of their own, and a proxy that breaks things.

The client signs by itself, so that what kalamd wrote is looked at through other eyes.
"""
import datetime
import hashlib
import hmac
import http.client
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import xml.sax.saxutils

import kalam

SCRIPT = pathlib.Path(__file__).with_name("swift_server.py")
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"


def available():
    """Debian's python3-swift is there (scripts/setup installs it)."""
    return subprocess.run(["/usr/bin/python3", "-c", "import swift.common.middleware.s3api.s3api"],
                          capture_output=True, check=False).returncode == 0


class Swift:
    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="kalam-swift-")
        self.folder = pathlib.Path(self.temporary.name)
        self.port = kalam.free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.temporary.cleanup()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(["/usr/bin/python3", str(SCRIPT), str(self.folder), str(self.port)],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

        def ready():
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            try:
                return self.request("GET", "/")[0] == 200
            except OSError:
                return False
        kalam.wait_until(ready, 60, "Swift")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def request(self, method, path, query="", body=b""):
        """(status, headers, body) of a request signed with SigV4; path and query as they are sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        host = f"127.0.0.1:{self.port}"
        signed = "host;x-amz-content-sha256;x-amz-date"
        canonical = "\n".join([method, path, query, f"host:{host}", f"x-amz-content-sha256:{digest}",
                               f"x-amz-date:{stamp}", "", signed, digest])
        scope = f"{day}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET_KEY).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        connection.request(method, path + ("?" + query if query else ""), body, {
            "Host": host, "x-amz-date": stamp, "x-amz-content-sha256": digest,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, "
                             f"Signature={signature}"})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), data

    def make_bucket(self, name):
        status, _, body = self.request("PUT", f"/{name}")
        assert status == 200, body
        return name

    def texts(self, bucket, query, tag):
        status, _, body = self.request("GET", f"/{bucket}", query)
        assert status == 200, body
        return [xml.sax.saxutils.unescape(t.decode()) for t in re.findall(b"<%s>([^<]*)</%s>" % (tag, tag), body)]

    def keys(self, bucket):
        return sorted(k for k in self.texts(bucket, "list-type=2", b"Key") if "_kalamdb_check" not in k)

    def uploads(self, bucket):
        return self.texts(bucket, "uploads=", b"UploadId")

    def get(self, bucket, key):
        status, _, body = self.request("GET", f"/{bucket}/" + urllib.parse.quote(key, safe="/-._~"))
        assert status == 200, body
        return body


class Proxy:
    """Forwards HTTP to a port and does to a request what `rule(method, path)` says:

    None: forward it · a number: answer that status · "reset": break the connection without an answer ·
    ("cut", n): forward n bytes of the answer, then break · ("wait", s): answer after s seconds ·
    "stall": never answer while the rule stays.
    """

    def __init__(self, target):
        self.target, self.rule = target, lambda method, path: None
        self.seen, self.lock = [], threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.closed = True
        self.socket.close()

    def fail(self, count, what, when=lambda method, path: True):
        """The next `count` requests that match get `what`."""
        left = [count]

        def rule(method, path):
            with self.lock:
                if left[0] == 0 or not when(method, path):
                    return None
                left[0] -= 1
                return what
        self.rule = rule
        return left

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def read_request(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None, None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        headers = {line.split(b":", 1)[0].strip().lower(): line.split(b":", 1)[1].strip() for line in lines[1:]}
        if headers.get(b"expect") == b"100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            lines = [line for line in lines if not line.lower().startswith(b"expect:")]
        while len(body) < int(headers.get(b"content-length", b"0")):
            more = connection.recv(65536)
            if not more:
                return None, None
            body += more
        return lines + [b"Connection: close"], body

    def serve(self, connection):
        try:
            lines, body = self.read_request(connection)
            if lines is None:
                return
            method, path = lines[0].decode().split(" ")[:2]
            self.seen.append((method, path))
            what = self.rule(method, path)
            while what == "stall" and not self.closed and self.rule(method, path) == "stall":
                time.sleep(0.05)
            if what in ("reset", "stall"):
                return
            if isinstance(what, int):
                connection.sendall(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % what)
                return
            limit = None
            if isinstance(what, tuple) and what[0] == "wait":
                time.sleep(what[1])
            elif isinstance(what, tuple):
                limit = what[1]
            self.forward(connection, b"\r\n".join(lines) + b"\r\n\r\n" + body, limit)
        except OSError:
            pass
        finally:
            connection.close()

    def forward(self, connection, request, limit):
        with socket.create_connection(("127.0.0.1", self.target), timeout=60) as upstream:
            upstream.sendall(request)
            while True:
                data = upstream.recv(65536)
                if not data:
                    return
                if limit is not None and len(data) >= limit:
                    connection.sendall(data[:limit])
                    return
                if limit is not None:
                    limit -= len(data)
                connection.sendall(data)
