"""Redis as the peer of the benches: streams for writes and changes, hashes for key reads."""
import pathlib
import shutil
import socket
import subprocess
import tempfile

from harness import BUILD, kalam, tool


class Redis:
    """Redis of Debian in a temporary folder; every write is in its append-only file, synced, before it is answered."""

    name = "Redis"

    def __init__(self, seconds):
        self.seconds = seconds
        binary = shutil.which("redis-server")
        if not binary:
            raise FileNotFoundError("redis-server is not installed")
        self.version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split("v=")[1].split()[0]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kalam-redis-"))
        self.port = kalam.free_port()
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--maxclients", "20000", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kalam.wait_until(self.answers, 10, "Redis")
        self.bench("fill", 10_000)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def bench(self, *args):
        done = tool(BUILD / "bench_redis", self.port, *args)
        return done[0] if done else None

    def insert(self, connections):
        return self.bench("xadd", connections, self.seconds)

    def select(self, connections):
        return self.bench("hmget", connections, self.seconds, 10_000)

    def change(self, rounds, sockets):
        """One XADD to so many clients that wait in XREAD BLOCK."""
        return self.bench("change", sockets, rounds)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
