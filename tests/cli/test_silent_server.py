"""A server that answers statements and stays silent about live queries: Ctrl+C and SIGTERM end what waits for it."""
import base64
import hashlib
import http.server
import json
import signal
import threading

import kalam
import pytest

ROWS = {"status": "success", "took": 1, "results": [{"schema": [{"name": "x", "data_type": "Int", "index": 0}], "rows": [[1]], "row_count": 1,
                                                     "as_user": "u"}]}
WELCOME = json.dumps({"type": "auth_success", "user": "u", "role": "user"}).encode()
KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Silent(http.server.ThreadingHTTPServer):
    """`upgrades`: the WebSocket is opened, but a subscription gets no answer. `waiting` counts those who wait for one."""
    daemon_threads = True

    def __init__(self, upgrades):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port, self.upgrades, self.waiting = self.server_address[1], upgrades, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path != "/v1/ws":
            self.answer({"status": "healthy", "version": "1"})
            return
        if self.server.upgrades:
            accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + KEY_SUFFIX).encode()).digest()).decode()
            self.wfile.write(f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            self.wfile.write(bytes([0x81, len(WELCOME)]) + WELCOME)
            self.rfile.read1()  # subscribe
        self.server.waiting += 1
        while self.rfile.read1():
            pass
        self.close_connection = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(ROWS)


@pytest.fixture
def silent(request, alone):
    alone.server = Silent(request.param)
    yield alone
    alone.server.shutdown()
    alone.server.server_close()


@pytest.mark.parametrize("silent", [False], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_upgrade_without_answer_can_be_ended(silent, number):
    process = silent.start("-c", "SUBSCRIBE TO shop.items")
    try:
        kalam.wait_until(lambda: silent.server.waiting == 1, 20)
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "ERROR: cancelled\n")
        assert process.returncode == 1
    finally:
        process.kill()


@pytest.mark.parametrize("silent", [True], indirect=True)
def test_watch_can_be_ended_before_it_shows_anything(silent):
    terminal = silent.terminal()
    try:
        terminal.expect("kalam> ")
        terminal.line("SELECT x FROM shop.items;")
        terminal.expect("kalam> ")
        terminal.line("\\watch")
        kalam.wait_until(lambda: silent.server.waiting == 1, 20)
        terminal.interrupt()
        terminal.expect("kalam> ", 10)
    finally:
        terminal.close()
