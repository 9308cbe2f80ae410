"""PostgreSQL as the peer of the benches."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import BUILD, kalam, tool


class Postgres:
    """PostgreSQL of Debian in a temporary cluster, prepared statements through pgbench."""

    name = "PostgreSQL"

    def __init__(self, seconds):
        self.seconds = seconds
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not binaries:
            raise FileNotFoundError("PostgreSQL's server is not installed")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kalam-pg-"))
        self.bin = binaries[-1]
        self.version = subprocess.run([str(self.bin / "postgres"), "--version"], capture_output=True, text=True,
                                      check=True).stdout.split()[2]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.port = kalam.free_port()
        self.as_postgres(self.bin / "initdb", "-D", self.folder / "db", "-A", "trust")
        self.as_postgres(self.bin / "pg_ctl", "-D", self.folder / "db", "-w", "-l", self.folder / "log", "-o",
                         f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}",
                         "start")
        self.sql("CREATE TABLE t (id BIGSERIAL PRIMARY KEY, body TEXT); CREATE TABLE hot (id BIGINT PRIMARY KEY, body TEXT);"
                 "INSERT INTO hot SELECT i, 'message body number ' || i || ' with some text' FROM generate_series(0, 9999) i")

    def as_postgres(self, *args):
        command = [str(a) for a in args]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--"] + command
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def sql(self, text):
        self.as_postgres("psql", "-h", "127.0.0.1", "-p", self.port, "-d", "postgres", "-c", text)

    def bench(self, connections, script):
        """A result as bench_load prints it; pgbench notes the time of each transaction (a tenth of them with many clients)."""
        path = self.folder / "script.sql"
        path.write_text(script)
        path.chmod(0o644)
        out = self.as_postgres("pgbench", "-n", "-h", "127.0.0.1", "-p", self.port, "-M", "prepared", "-c", connections,
                               "-j", min(connections, 2), "-T", max(1, int(self.seconds)), "-f", path, "-l", "--log-prefix",
                               self.folder / "times", "--sampling-rate", 0.1 if connections > 1 else 1, "postgres")
        times = []
        for log in self.folder.glob("times.*"):
            times += [float(line.split()[2]) for line in log.read_text().splitlines()]
            log.unlink()
        times.sort()
        rate = float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])
        return dict({name: times[int(share * (len(times) - 1))] for name, share in
                     (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))}, per_second=rate)

    def insert(self, connections):
        return self.bench(connections, "INSERT INTO t (body) VALUES ('message body number with some text, about one "
                                       "hundred bytes long in all ........');\n")

    def select(self, connections):
        return self.bench(connections, "\\set id random(0, 9999)\nSELECT id, body FROM hot WHERE id = :id;\n")

    def notify(self, rounds, sockets):
        """A change through a trigger, pg_notify and a small bridge to so many sockets."""
        if not getattr(self, "notified", False):
            self.notified = True
            self.sql("CREATE TABLE n (id BIGINT PRIMARY KEY, room INT, body TEXT)")
            self.sql("CREATE FUNCTION n_tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM "
                     "pg_notify(''bench'', row_to_json(NEW)::text); RETURN NEW; END'")
            self.sql("CREATE TRIGGER n_tell AFTER INSERT ON n FOR EACH ROW EXECUTE FUNCTION n_tell()")
        return tool(BUILD / "bench_bridge", self.port, rounds, sockets,
                    "INSERT INTO n VALUES ({i}, 1, 'a message of some words')")[0]

    def stop(self):
        self.as_postgres(self.bin / "pg_ctl", "-D", self.folder / "db", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
