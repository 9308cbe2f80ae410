"""scripts/demo: every package of `apt-cache dumpavail` through the HTTP API, checked against a plain parse.

SHARED debian.packages holds all packages, USER debian.my_packages each maintainer's own in his private
instance. Live queries of three maintainers and one filtered query on the shared table stay open while
loading. Then: flush, updates and deletes across both tiers, kill -9 in the middle of the second load,
restart, the rest. After each phase every count, sum and group must equal the model's.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import http.client
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kalam  # noqa: E402

COLUMNS = ("name", "version", "section", "priority", "maintainer", "installed_size", "size",
           "description")
NUMBERS = {"installed_size", "size"}
TABLE = """(name TEXT NOT NULL, version TEXT NOT NULL, section TEXT, priority TEXT, maintainer TEXT,
  installed_size BIGINT, size BIGINT, description TEXT, PRIMARY KEY (name, version))"""


def user_of(maintainer):
    """The mail address as a user id of docs/sql.md."""
    match = re.search(r"<([^>]*)>", maintainer)
    address = match.group(1) if match else maintainer
    user = re.sub(r"[^A-Za-z0-9_.@+-]", "_", address) or "_"
    if user != address or len(user) > 64:
        user = user[:55] + "-" + hashlib.sha256(address.encode()).hexdigest()[:8]
    return user


def parse(limit):
    """The packages as dicts, one per (name, version)."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout
    packages = {}
    for block in text.decode("utf-8", "replace").split("\n\n"):
        fields = {}
        for line in block.split("\n"):
            if line[:1] not in (" ", "\t") and ":" in line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if "Package" not in fields or "Version" not in fields:
            continue
        package = {
            "name": fields["Package"], "version": fields["Version"], "section": fields.get("Section"),
            "priority": fields.get("Priority"), "maintainer": fields.get("Maintainer", ""),
            "installed_size": int(fields["Installed-Size"]) if "Installed-Size" in fields else None,
            "size": int(fields["Size"]) if "Size" in fields else None,
            "description": fields.get("Description") or fields.get("Description-en"),
        }
        packages[(package["name"], package["version"])] = package
    chosen = sorted(packages.values(), key=lambda p: (p["name"], p["version"]))
    if limit and len(chosen) > limit:
        chosen = random.Random(1).sample(chosen, limit)
    return chosen


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def insert(table, packages, suffix=""):
    rows = ",".join("(" + ",".join(literal(p[c]) for c in COLUMNS) + ")" for p in packages)
    return f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES {rows}{suffix}"


class Demo:
    def __init__(self, server, packages):
        self.server = server
        self.shared = {}                                  # key → package
        self.own = collections.defaultdict(dict)          # user → key → package
        self.packages = packages
        self.local = threading.local()
        self.checked = 0

    def client(self, user=None):
        clients = self.local.__dict__.setdefault("clients", {})
        key = (user, self.server.port, self.server.process.pid)
        if key not in clients:
            for old in clients.values():
                old.close()
            clients.clear()
            clients[key] = self.server.client(user)
        return clients[key]

    def say(self, text):
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    def create(self):
        db = self.client()
        db.batch("CREATE NAMESPACE debian;"
                 f"CREATE SHARED TABLE debian.packages {TABLE};"
                 f"CREATE USER TABLE debian.my_packages {TABLE}")

    def load(self, packages, again=False):
        """Loads both tables with four clients. After a crash `again` skips what is there."""
        suffix = " ON CONFLICT DO NOTHING" if again else ""
        batches = []
        for start in range(0, len(packages), 250):
            batches.append((None, "debian.packages", packages[start:start + 250]))
        by_user = collections.defaultdict(list)
        for package in packages:
            by_user[user_of(package["maintainer"])].append(package)
        for user, own in by_user.items():
            for start in range(0, len(own), 250):
                batches.append((user, "debian.my_packages", own[start:start + 250]))
        random.Random(2).shuffle(batches)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda b: self.load_batch(*b, suffix), batches))

    def load_batch(self, user, table, packages, suffix):
        result = self.client(user).sql(insert(table, packages, suffix))
        assert suffix or result.row_count == len(packages), result.raw
        target = self.own[user] if user else self.shared
        for package in packages:
            target[(package["name"], package["version"])] = dict(package)

    # ---- comparing with the model -------------------------------------------------------------------

    def check(self, what, sql, expected, user=None, ordered=False):
        rows = [tuple(row) for row in self.client(user).rows(sql)]
        if not ordered:
            rows, expected = sorted(rows, key=repr), sorted(expected, key=repr)
        assert rows == expected, (f"{what}: {sql}\nserver: {rows[:8]} … {len(rows)} rows\n"
                                  f"model:  {expected[:8]} … {len(expected)} rows")
        self.checked += 1

    def verify(self, state):
        shared = list(self.shared.values())
        self.check("count", "SELECT count(*) FROM debian.packages", [(str(len(shared)),)])
        self.check("sums", "SELECT sum(size)::TEXT, sum(installed_size)::TEXT, count(section), min(name), "
                   "max(name) FROM debian.packages",
                   [(str(sum(p["size"] or 0 for p in shared)),
                     str(sum(p["installed_size"] or 0 for p in shared)),
                     str(sum(p["section"] is not None for p in shared)),
                     min(p["name"] for p in shared), max(p["name"] for p in shared))])
        for column in ("section", "maintainer"):
            groups = collections.defaultdict(lambda: [0, 0])
            for package in shared:
                groups[package[column]][0] += 1
                groups[package[column]][1] += package["installed_size"] or 0
            self.check(f"by {column}", f"SELECT {column}, count(*), coalesce(sum(installed_size), 0)::TEXT "
                       f"FROM debian.packages GROUP BY {column}",
                       [(k, str(n), str(s)) for k, (n, s) in groups.items()])
        top = sorted(shared, key=lambda p: (-(p["installed_size"] or -1), p["name"], p["version"]))[:20]
        self.check("top 20", "SELECT name, installed_size FROM debian.packages ORDER BY installed_size DESC "
                   "NULLS LAST, name, version LIMIT 20",
                   [(p["name"], None if p["installed_size"] is None else str(p["installed_size"]))
                    for p in top], ordered=True)
        self.verify_users()
        self.check("stranger", "SELECT count(*) FROM debian.my_packages", [("0",)], user="stranger@nowhere")
        self.say(f"{state}: {len(shared)} packages, {len(self.own)} maintainers agree")

    def verify_users(self):
        users = sorted(self.own)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.verify_user, users))
        for user in sorted(users, key=lambda u: -len(self.own[u]))[:3] + users[:3]:
            own = self.own[user]
            both = [p for key, p in own.items() if key in self.shared]
            self.check("join", "SELECT count(*), coalesce(sum(p.size), 0)::TEXT FROM debian.my_packages m "
                       "JOIN debian.packages p ON p.name = m.name AND p.version = m.version",
                       [(str(len(both)), str(sum(self.shared[(p["name"], p["version"])]["size"] or 0
                                                 for p in both)))], user=user)

    def verify_user(self, user):
        own = self.own[user].values()
        self.check("own rows", "SELECT name, version, installed_size, priority FROM debian.my_packages",
                   [(p["name"], p["version"],
                     None if p["installed_size"] is None else str(p["installed_size"]), p["priority"])
                    for p in own], user=user)

    # ---- live queries ---------------------------------------------------------------------------------

    def open_live(self):
        counts = collections.Counter(user_of(p["maintainer"]) for p in self.packages)
        ranked = [user for user, _ in counts.most_common()]
        self.live = []
        for user in (ranked[0], ranked[len(ranked) // 20], ranked[len(ranked) // 3]):
            self.live.append((user, "SELECT name, version, priority FROM debian.my_packages"))
        self.live.append((None, "SELECT name, version, priority FROM debian.packages WHERE installed_size > 20000"))
        self.sockets = []
        for number, (user, sql) in enumerate(self.live):
            socket = self.server.websocket(user)
            rows = socket.subscribe(f"live{number}", sql, options={})
            self.sockets.append((socket, kalam.RowSet(("name", "version"), rows)))

    def verify_live(self):
        for number, (user, sql) in enumerate(self.live):
            socket, rows = self.sockets[number]
            expected = sorted(tuple(r) for r in self.client(user).rows(sql))

            def arrived(socket=socket, rows=rows, number=number, expected=expected):
                for change in socket.changes(f"live{number}"):
                    rows.apply(change)
                return len(rows.rows) == len(expected) and expected == sorted(
                    (r["name"], r["version"], r["priority"]) for r in rows.rows.values())
            try:
                kalam.wait_until(arrived, 60, "live rows")
            except AssertionError as error:
                raise AssertionError(f"{user} {sql}: {len(rows.rows)} live rows, SELECT has "
                                     f"{len(expected)}; closed={socket.closed} "
                                     f"inbox={socket.inbox[:3]}") from error
            self.checked += 1
        self.say("live queries hold exactly what SELECT gives")

    def close_live(self):
        for socket, _ in self.sockets:
            socket.close()

    # ---- changes --------------------------------------------------------------------------------------

    def change(self):
        """Updates some thousand rows and deletes some, in both tiers, in the model alike."""
        sections = [s for s, _ in collections.Counter(p["section"] for p in self.shared.values()).most_common()]
        result = self.client().sql("UPDATE debian.packages SET priority = 'changed', installed_size = "
                                   f"coalesce(installed_size, 0) + 7 WHERE section = {literal(sections[1])}")
        changed = 0
        for package in self.shared.values():
            if package["section"] == sections[1]:
                package.update(priority="changed", installed_size=(package["installed_size"] or 0) + 7)
                changed += 1
        assert result.row_count == changed, (result.raw, changed)
        result = self.client().sql(f"DELETE FROM debian.packages WHERE section = {literal(sections[5])}")
        gone = [k for k, p in self.shared.items() if p["section"] == sections[5]]
        assert result.row_count == len(gone), (result.raw, len(gone))
        for key in gone:
            del self.shared[key]
        chosen = [user for user in sorted(self.own) if self.own[user]][::3]
        for user in chosen:
            own = self.own[user]
            result = self.client(user).sql("UPDATE debian.my_packages SET priority = upper(priority) "
                                           "WHERE size > 100000")
            big = [p for p in own.values() if p["size"] is not None and p["size"] > 100000]
            assert result.row_count == len(big), (result.raw, len(big))
            for package in big:
                package["priority"] = package["priority"] and package["priority"].upper()
            key = min(own)
            result = self.client(user).sql("DELETE FROM debian.my_packages WHERE name = $1 AND version = $2",
                                           list(key))
            assert result.row_count == 1
            del own[key]
        self.say(f"updated {changed} and deleted {len(gone)} shared packages, and rows of "
                 f"{len(chosen)} maintainers")

    def flush(self):
        for table in ("debian.packages", "debian.my_packages"):
            job = self.server.flush(table, self.client(), 300)
            assert job["status"] == "completed", job
            self.say(f"flush {table}: {job['result']}")

    def crash_load(self, packages):
        """kill -9 in the middle of loading; what was acknowledged must be there."""
        killer = threading.Timer(1.5, self.server.kill)
        killer.start()
        try:
            while True:
                self.load(packages)
                break
        except (OSError, http.client.HTTPException, ValueError):
            pass
        killer.cancel()
        self.server.kill()
        self.say("killed the server in the middle of the second load")
        self.server.start()
        shared = {tuple(r) for r in self.client().rows("SELECT name, version FROM debian.packages")}
        lost = [k for k in self.shared if k not in shared]
        assert not lost, f"{len(lost)} acknowledged rows lost: {lost[:5]}"
        self.load(packages, again=True)

    def run(self):
        self.started = time.monotonic()
        half = len(self.packages) // 2
        self.create()
        self.open_live()
        self.load(self.packages[:half])
        self.say(f"loaded {half} packages twice over")
        self.verify("hot only")
        self.verify_live()
        self.flush()
        self.verify("cold only")
        self.change()
        self.verify("cold with changes")
        self.verify_live()
        self.close_live()
        self.crash_load(self.packages[half:])
        self.verify("hot and cold after kill -9")
        self.change_after_crash()
        self.flush()
        self.verify("all cold")
        self.server.stop()
        self.server.start()
        self.verify("after a restart")
        self.say(f"done: {self.checked} answers compared")

    def change_after_crash(self):
        self.open_live()
        self.change()
        self.verify_live()
        self.close_live()
        self.verify("mixed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--small", action="store_true", help="6000 packages instead of all")
    parser.add_argument("--keep", action="store_true", help="leave the data directory and say where")
    arguments = parser.parse_args()
    packages = parse(6000 if arguments.small else 0)
    random.Random(3).shuffle(packages)
    print(f"{len(packages)} packages, {len({user_of(p['maintainer']) for p in packages})} maintainers")
    print(f"share: {'6000 packages' if arguments.small else 'all packages'}")
    with kalam.Server() as server:
        Demo(server, packages).run()
        server.stop()
        if arguments.keep:
            server.temporary._finalizer.detach()
            print(f"data left in {server.data_dir}")


if __name__ == "__main__":
    main()
