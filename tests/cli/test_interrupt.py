"""Ctrl+C and SIGTERM while kalam is not waiting for a statement: nothing else is begun, and the exit code says so."""
import array
import fcntl
import http.server
import json
import signal
import subprocess
import termios
import threading

import conftest
import kalam
import pytest


class Slow(http.server.ThreadingHTTPServer):
    """A server that interrupts its client while it is asked for its health, then answers, or never does."""
    daemon_threads = True

    def __init__(self, number, answers):
        super().__init__(("127.0.0.1", 0), SlowHandler)
        self.number, self.answers, self.process, self.paths = number, answers, None, []
        self.started, self.over = threading.Event(), threading.Event()
        self.port = self.server_address[1]


class SlowHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.paths.append(self.path)
        assert server.started.wait(20)
        server.process.send_signal(server.number)
        if not server.answers:
            server.over.wait(20)
        self.say({"status": "healthy", "version": "1"})

    def do_POST(self):
        self.server.paths.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say({"status": "success", "took": 1, "results": [{"schema": [], "row_count": 9, "message": "Deleted 9 row(s)"}]})

    def say(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def slow(request):
    with Slow(*request.param) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("args", [[], ["-f", "-"], ["import", "-", "into", "c.t", "--format", "csv"],
                                  ["import", "-", "into", "c.t", "--format", "jsonl"]])
def test_while_standard_input_is_open(cli, args, number):
    with subprocess.Popen(cli.arguments(args), env=cli.environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdin.write('{"a":1}\n' if "jsonl" in args else "SELECT 1;\n")
        process.stdin.flush()
        left = array.array("i", [1])
        kalam.wait_until(lambda: not fcntl.ioctl(process.stdin, termios.FIONREAD, left) and left[0] == 0, 20, "kalam reads")
        process.send_signal(number)
        assert process.wait(20) == 1
        assert process.stderr.read() == "ERROR: cancelled\n"


CASES = [(number, answers) for number in (signal.SIGINT, signal.SIGTERM) for answers in (True, False)]


@pytest.mark.parametrize("args", [["-c", "DELETE FROM shop.items"], ["import", "{rows}", "into", "shop.items"],
                                  ["export", "shop.items", "to", "-", "--format", "csv"]])
@pytest.mark.parametrize("slow", CASES, indirect=True, ids=lambda case: f"{case[0].name}-{case[1]}")
def test_during_the_health_check(slow, tmp_path, args):
    rows = tmp_path / "rows.csv"
    rows.write_text("id\n1\n")
    slow.process = conftest.Cli(slow, tmp_path).start(*[arg.format(rows=rows) for arg in args])
    slow.started.set()
    out, err = slow.process.communicate(timeout=20)
    assert (slow.process.returncode, out, err) == (1, "", "ERROR: cancelled\n")
    assert slow.paths == ["/v1/health"]
