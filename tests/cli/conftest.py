"""Fixtures: a server per module, and `kalam` as a process or behind a pseudo terminal."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kalam  # noqa: E402

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\([A-Z]|\r")


class Cli:
    """Runs kalam with a home folder of its own."""

    def __init__(self, server, home):
        self.server, self.home = server, home
        self.binary = str(kalam.BUILD / "kalam")

    def environment(self, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("KALAM_")}
        env.update(HOME=str(self.home), TERM="xterm", LANG="C.UTF-8", TZ="UTC",
                   LSAN_OPTIONS=f"suppressions={kalam.ROOT}/tests/support/lsan.supp:print_suppressions=0",
                   **(extra or {}))
        return env

    def arguments(self, args, port=True):
        return [self.binary] + (["-p", str(self.server.port)] if port and self.server else []) + list(args)

    def run(self, *args, stdin="", env=None, port=True, limit_s=60):
        return subprocess.run(self.arguments(args, port), input=stdin, env=self.environment(env), text=True,
                              capture_output=True, timeout=limit_s)

    def ok(self, *args, **options):
        done = self.run(*args, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *args, env=None):
        return subprocess.Popen(self.arguments(args), env=self.environment(env), text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def terminal(self, *args, columns=100, env=None):
        return Terminal(self.arguments(args), self.environment(env), columns)


class Terminal:
    """A process that believes it talks to a person."""

    def __init__(self, args, env, columns):
        import fcntl
        import struct
        import termios

        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # The child knows its width before it looks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            os.execve(args[0], args, env)
        self.raw, self.seen, self.code, self.ended = b"", 0, None, False

    def resize(self, columns):
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))  # SIGWINCH comes with it

    def read(self, limit_s):
        ready, _, _ = select.select([self.fd], [], [], limit_s)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.ended = not data
        return bool(data)

    @property
    def text(self):
        return ESCAPES.sub("", self.raw.decode(errors="replace"))

    def expect(self, pattern, limit_s=20):
        """Waits for a pattern behind what was expected before; returns the match."""
        end = time.monotonic() + limit_s
        while True:
            match = re.compile(pattern, re.S).search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"no {pattern!r} in:\n{self.text[self.seen:]}\n--- before:\n{self.text}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.type(text + "\n")

    def interrupt(self):
        self.type("\x03")

    def leave(self):
        """Ctrl+D, again if it came while the terminal was not in raw mode yet (the kernel keeps it as NUL)."""
        for attempt in range(50):
            if attempt:  # Ctrl+C drops what an early one left on the line (and what is typed with it)
                self.type("\x03")
                while self.read(0.2):
                    pass
            self.type("\x04")
            while self.read(0.2):
                pass
            if self.ended:
                return self.wait()
        raise AssertionError("Ctrl+D does not end it:\n" + self.text)

    def wait(self, limit_s=20):
        """Reads to the end; returns the exit code."""
        end = time.monotonic() + limit_s
        while self.read(max(0.01, end - time.monotonic())):
            pass
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError("still running:\n" + self.text)
            else:
                time.sleep(0.01)
        return self.code

    def close(self):
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.fd)


@pytest.fixture(scope="module")
def server():
    with kalam.Server() as running:
        client = running.client()
        client.sql("CREATE NAMESPACE shop")
        client.sql("CREATE USER TABLE shop.items (id BIGINT PRIMARY KEY, title TEXT, price DECIMAL(10,2), at TIMESTAMP)")
        client.sql("INSERT INTO shop.items (id, title, price, at) VALUES (1, 'Tea', 2.5, '2026-02-01 08:00:00'), "
                   "(2, '日本', NULL, NULL)")
        client.close()
        yield running


@pytest.fixture
def cli(server, tmp_path):
    return Cli(server, tmp_path)


@pytest.fixture
def alone(tmp_path):
    """kalam without a server."""
    return Cli(None, tmp_path)


@pytest.fixture
def shell(cli):
    """An open prompt."""
    terminal = cli.terminal("-n", "shop")
    terminal.expect("Welcome to KalamDB")
    terminal.expect("kalam> ")
    yield terminal
    terminal.close()
