"""Starts a real PostgreSQL of Debian's package and talks to it over its own protocol: no driver is needed.

The server runs as an unprivileged user over a temporary directory, listens on a unix socket only and does not
fsync: it is the reference of the differential tests, not a place for data.
"""
import glob
import os
import pathlib
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile

import kalam

SETTINGS = {"listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB",
            "max_connections": "8", "timezone": "UTC", "autovacuum": "off", "jit": "off", "log_min_messages": "fatal"}


def programs():
    """The folder of initdb and postgres, or None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    return pathlib.Path(found[-1]).parent if found else None


class PostgresError(Exception):
    def __init__(self, fields):
        self.code, self.message = fields.get("C", ""), fields.get("M", "")
        super().__init__(f"{self.code}: {self.message}")


class Postgres:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kalam-postgres-"))
        self.who = {}
        if os.geteuid() == 0:  # initdb and postgres refuse to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data, bin_ = self.folder / "data", programs()
        assert bin_, "postgresql is not installed: run scripts/setup"
        subprocess.run([bin_ / "initdb", "-D", data, "-U", "kalam", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.who)
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen([bin_ / "postgres", "-D", data, "-k", self.folder, *options], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.who)
        kalam.wait_until(self.ready, 30, "PostgreSQL")
        return self

    def ready(self):
        assert self.process.poll() is None, "PostgreSQL ended"
        try:
            Connection(self.folder).close()
        except (OSError, PostgresError):
            return False
        return True

    def __exit__(self, *_):
        self.process.send_signal(3)  # immediate: nothing here is kept
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        return Connection(self.folder)


class Connection:
    """Simple queries, many of them sent before the first answer is read."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(folder / ".s.PGSQL.5432"))
        self.buffer, self.at = b"", 0
        parameters = b"user\0kalam\0database\0postgres\0\0"
        self.socket.sendall(struct.pack("!ii", len(parameters) + 8, 196608) + parameters)
        self.answer()

    def close(self):
        self.socket.close()

    def need(self, size):
        while len(self.buffer) - self.at < size:
            more = self.socket.recv(1 << 18)
            if not more:
                raise OSError("PostgreSQL closed the connection")
            self.buffer = self.buffer[self.at:] + more
            self.at = 0

    def answer(self):
        """(oids, rows of texts), the tag of a change, or a PostgresError (not raised)."""
        oids, rows, tag, failed = None, [], None, None
        while True:
            self.need(5)
            kind, size = self.buffer[self.at], struct.unpack_from("!i", self.buffer, self.at + 1)[0]
            self.need(size + 1)
            body = self.buffer[self.at + 5:self.at + 1 + size]
            self.at += size + 1
            if kind == 68:  # D
                rows.append(fields(body))
            elif kind == 84:  # T
                oids = types(body)
            elif kind == 67:  # C
                tag = body[:-1].decode()
            elif kind == 69:  # E
                failed = PostgresError({part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part})
            elif kind == 90:  # Z
                return failed or ((oids, rows) if oids is not None else tag)

    def queries(self, statements):
        """The answer of each statement; each is a transaction of its own."""
        text = b""
        for statement in statements:
            body = statement.encode()
            text += b"Q" + struct.pack("!i", len(body) + 5) + body + b"\0"
        self.socket.sendall(text)
        return [self.answer() for _ in statements]

    def query(self, statement):
        answer = self.queries([statement])[0]
        if isinstance(answer, PostgresError):
            raise answer
        return answer


def types(body):
    """Type oids of a RowDescription."""
    found, at = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        at = body.index(b"\0", at) + 1
        found.append(struct.unpack_from("!i", body, at + 6)[0])
        at += 18
    return found


def fields(body):
    """Texts of a DataRow; None is NULL."""
    row, at = [], 2
    for _ in range((body[0] << 8) + body[1]):
        size = int.from_bytes(body[at:at + 4], "big", signed=True)
        at += 4
        if size < 0:
            row.append(None)
        else:
            row.append(body[at:at + size].decode())
            at += size
    return row
