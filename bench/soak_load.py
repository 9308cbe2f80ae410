"""The load of bench/soak: one process per kind of client, each at a fixed rate, so that what is measured is the
server and not how much fits into it.

Live rows stay as many: keys come from windows and are used again, tables with fresh keys are dropped after a while.
Every process sends (kind, minute, times in ms) and what went wrong to the queue it is given.
"""
import gc
import os
import random
import shutil
import socket
import time

import accounts
import kalam
import wire

USERS, WINDOW, ROOMS, BOARD = 60, 120, 20, 3000
TEXT = "a message of some words, about one hundred bytes long in all, so that rows look like those of a chat "


class Socket(wire.Wire):
    """A WebSocket on one plain socket: what is measured must not wait for another thread."""

    def __init__(self, port, user, receive_bytes=0):
        super().__init__(port, user, receive_bytes)
        self.expect("auth_success")

    def take(self, limit_s=20):
        message = self.next(limit_s)
        if message is None:
            raise TimeoutError("no message")
        return message

    def expect(self, *kinds):
        while True:
            message = self.take()
            if message["type"] in kinds:
                return message
            if message["type"] == "error":
                raise kalam.SqlError(0, {"error": message})

    def subscribe(self, name, sql, options=None):
        """Reads the whole snapshot; returns the position to resume from."""
        self.send({"type": "subscribe", "subscription": {"id": name, "sql": sql, "options": options}})
        last = self.expect("subscription_ack")["batch_control"]
        while last["status"] != "ready":
            last = self.expect("initial_data_batch")["batch_control"]
            if last["has_more"]:
                self.send({"type": "next_batch", "subscription_id": name})
        return last["last_seq_id"]

    def drain(self, seconds):
        """Takes what comes for so long; the newest position seen."""
        end, last = time.monotonic() + seconds, None
        while (left := end - time.monotonic()) > 0 and (message := self.next(left)):
            if message["type"] == "change":
                last = int((message.get("rows") or message.get("old_values"))[-1]["_seq"])
        return last


class Worker:
    """A process of the load: calls step() at `rate` per second until the run ends."""

    def __init__(self, server, queue, begin, seconds, generation):
        self.server, self.queue, self.begin, self.seconds, self.generation = server, queue, begin, seconds, generation
        self.minute, self.times, self.turn = 0, {}, 0
        self.random = random.Random(type(self).__name__)

    def client(self, user=None):
        return self.server.client(user)

    def run(self, rate):
        self.random.seed(f"{type(self).__name__} {self.begin}")
        self.prepare()
        gc.freeze()
        due, end, broken = self.begin, self.begin + self.seconds, False
        while time.monotonic() < end:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            due = max(due, time.monotonic() - 1) + 1 / rate  # after a stall not everything at once
            try:
                if broken:
                    self.recover()
                broken = False
                self.step()
            except (kalam.SqlError, wire.Gone, OSError, ValueError, KeyError) as error:
                self.queue.put(("error", type(self).__name__, f"{type(error).__name__}: {error}"[:300]))
                broken = True
            self.turn += 1
            self.flush_times()
        self.flush_times(True)

    def prepare(self):
        """What the process needs before the clock starts."""

    def recover(self):
        """After an error."""

    def timed(self, kind, function, *args):
        start = time.monotonic()
        result = function(*args)
        self.times.setdefault(kind, []).append((time.monotonic() - start) * 1000)
        return result

    def flush_times(self, last=False):
        minute = int((time.monotonic() - self.begin) / 60)
        if minute != self.minute or last:
            for kind, times in self.times.items():
                self.queue.put((kind, self.minute, times))
            self.minute, self.times = minute, {}


class Writer(Worker):
    """Each row of a user lives for half a window: written, changed, deleted, and its key used again."""

    def prepare(self):
        self.users = [self.client(f"u{n}") for n in range(USERS)]
        self.shared, self.next, self.board = self.client(), [WINDOW // 2] * USERS, BOARD // 2

    def step(self):
        number = self.random.randrange(USERS)
        db, place = self.users[number], self.next[number]
        self.timed("INSERT, key used before", db.sql, "INSERT INTO s.notes (id, room, body) VALUES ($1, $2, $3)",
                   [place % WINDOW, self.random.randrange(ROOMS), TEXT + str(self.turn)])
        self.next[number] += 1
        db.sql("DELETE FROM s.notes WHERE id = $1", [(place - WINDOW // 2) % WINDOW])
        self.timed("UPDATE", db.sql, "UPDATE s.notes SET body = $2 WHERE id = $1",
                   [(place - self.random.randrange(WINDOW // 2 - 1)) % WINDOW, TEXT + "changed"])
        self.timed("INSERT", db.sql, f"INSERT INTO s.made{self.generation.value} (room, body) VALUES ($1, $2)",
                   [self.random.randrange(ROOMS), TEXT])
        if self.turn % 2 == 0:
            self.shared.sql("INSERT INTO s.board (id, room, n, body) VALUES ($1, $2, $3, $4)",
                            [self.board % BOARD, self.random.randrange(ROOMS), self.turn % 1000, TEXT])
            self.shared.sql("DELETE FROM s.board WHERE id = $1", [(self.board - BOARD // 2) % BOARD])
            self.board += 1
        elif self.turn % 5 == 0:
            self.shared.sql("UPDATE s.board SET n = n + 1 WHERE room = $1 AND id < 200", [self.random.randrange(ROOMS)])


class Reader(Worker):
    def prepare(self):
        self.users, self.shared = [self.client(f"u{n}") for n in range(USERS)], self.client()

    def step(self):
        db = self.users[self.random.randrange(USERS)]
        self.timed("SELECT by key", db.sql, "SELECT id, body FROM s.notes WHERE id = $1", [self.random.randrange(WINDOW)])
        self.timed("SELECT by key", self.shared.sql, "SELECT * FROM s.board WHERE id = $1", [self.random.randrange(BOARD)])
        if self.turn % 4 == 0:
            self.timed("last 50", db.sql, "SELECT id, body FROM s.notes ORDER BY id DESC LIMIT 50")
        if self.turn % 10 == 0:
            self.timed("GROUP BY", self.shared.sql, "SELECT room, count(*), sum(n) FROM s.board GROUP BY room ORDER BY 2 DESC")
        if self.turn % 30 == 0:
            self.shared.sql("SELECT b.room, count(*) FROM s.board b JOIN s.rooms r ON r.id = b.room "
                            "WHERE r.name LIKE 'room 1%' GROUP BY b.room")
        if self.turn % 50 == 0:
            self.shared.sql("SELECT count(*) FROM s.board WHERE n + " + str(self.turn) + " > 10")  # a text of its own


class Listener(Worker):
    """One live query, and how long an INSERT takes until its change is there."""

    def prepare(self):
        self.place = 0
        self.recover()

    def recover(self):
        self.db, self.socket = self.client("listener"), Socket(self.server.port, "listener")
        self.socket.subscribe("live", "SELECT * FROM s.live")

    def step(self):
        self.place = (self.place + 1) % 200
        self.db.sql("DELETE FROM s.live WHERE id = $1", [self.place])
        self.timed("INSERT to change", self.through)

    def through(self):
        self.db.sql("INSERT INTO s.live VALUES ($1, $2)", [self.place, TEXT])
        while True:
            message = self.socket.expect("change")
            if message["change_type"] == "insert" and int(message["rows"][-1]["id"]) == self.place:
                return


class Events(Worker):
    """Events that end by age, with somebody who listens."""

    def prepare(self):
        self.recover()

    def recover(self):
        self.db, self.socket = self.client("sender"), Socket(self.server.port, "sender")
        self.socket.subscribe("events", "SELECT * FROM s.events")

    def step(self):
        self.db.sql("INSERT INTO s.events (room, body) VALUES ($1, $2)", [self.turn % ROOMS, TEXT])
        self.socket.expect("change")
        if self.turn % 25 == 0:
            self.db.sql("SELECT room, count(*) FROM s.events GROUP BY room")


class Visitors(Worker):
    """Live queries that come, go, resume and stall."""

    def prepare(self):
        self.positions, self.stalled = {}, None

    def step(self):
        user = f"u{self.random.randrange(USERS)}"
        visitor = Socket(self.server.port, user)
        last = visitor.subscribe("mine", "SELECT id, room, body FROM s.notes", {"batch_size": 50})
        for room in range(4):
            visitor.subscribe(f"room{room}", f"SELECT * FROM s.board WHERE room = {room}", {"last_rows": 10})
        visitor.subscribe("filter", "SELECT * FROM s.board WHERE room + 0 = 3", None)
        visitor.drain(0.2)
        visitor.send({"type": "unsubscribe", "subscription_id": "room1"})
        visitor.expect("unsubscribed")
        if self.turn % 3:
            visitor.send_frame(8, b"\x03\xe8")
        visitor.close()
        again = Socket(self.server.port, user)
        again.subscribe("mine", "SELECT id, room, body FROM s.notes", {"from": self.positions.get(user, last)})
        self.positions[user] = again.drain(0.1) or last
        again.close()
        if self.turn % 40 == 5:
            self.stall()

    def stall(self):
        """Takes nothing while large events come; the query ends, the others go on."""
        db = self.client("u0")
        if self.stalled:
            self.stalled.close()
        self.stalled = Socket(self.server.port, "u0", receive_bytes=4096)
        self.stalled.subscribe("large", "SELECT * FROM s.large")
        for _ in range(60):
            db.sql("INSERT INTO s.large (body) VALUES ($1)", ["x" * 100_000])
        db.close()


class Accounts(Worker):
    """Log-ins, good and bad, and requests with what they gave."""

    def prepare(self):
        self.number = 0

    def step(self):
        user = f"person{self.turn % 10}"
        status, body, _ = accounts.login(self.server, user)
        if status != 200:
            raise OSError(f"log-in: {status} {body}")
        db = self.server.client(token=body["access_token"])
        db.sql("SELECT CURRENT_USER()")
        status, answer, _ = accounts.auth(self.server, "refresh", {"refresh_token": body["refresh_token"]})
        db.close()
        if self.turn % 5 == 0:
            accounts.login(self.server, f"stranger{self.turn}")
        if self.turn % 60 == 30:
            root = self.client()
            root.sql(f"ALTER USER {user} SET PASSWORD '{accounts.PASSWORD}'")
            root.value(f"ALTER USER {user} GENERATE API KEY")
            root.close()


class Mistakes(Worker):
    """Requests that are refused, each in its own way, and connections that break off."""
    TEXTS = ["SELEC 1", "SELECT * FROM s.nowhere", "INSERT INTO s.notes (id) VALUES ('x')", "SELECT nothing FROM s.board",
             "DROP TABLE s.nowhere", "SELECT $1", "INSERT INTO s.board (id) VALUES (1), (1)", "SELECT 1/0 FROM s.board WHERE",
             "CREATE TABLE s.board (id INT)", "SELECT CAST('a' AS INT) FROM s.rooms", "BEGIN; INSERT INTO s.rooms VALUES (90, 'x')",
             "SELECT " + "(" * 300 + "1" + ")" * 300, "SELECT 'open"]

    def step(self):
        db = self.client("u1")
        status, _ = db.post(self.TEXTS[self.turn % len(self.TEXTS)])
        if status >= 500:
            raise OSError(f"{status} for {self.TEXTS[self.turn % len(self.TEXTS)]}")
        for path, body in (("/v1/api/sql", b'{"sql": '), ("/nowhere", b"x"), ("/v1/api/sql", b'{"sql":"SELECT 1","params":5}')):
            status, _, _ = db.request("POST", path, body)
            if not 400 <= status < 500:
                raise OSError(f"{status} for {path} {body}")
        db.close()
        with socket.create_connection(("127.0.0.1", self.server.port)) as broken:
            broken.sendall([b"GET /health HTT", b"POST /v1/api/sql HTTP/1.1\r\nContent-Length: 100\r\n\r\n{", b"\0\1\2\3\r\n\r\n",
                            b""][self.turn % 4])


class Transactions(Worker):
    def prepare(self):
        self.db, self.conflicts = self.client("u2"), 0

    def step(self):
        number = self.turn % 50
        end = "ROLLBACK" if self.turn % 7 == 0 else "COMMIT"
        try:
            self.db.batch(f"BEGIN; UPDATE s.rooms SET visits = visits + 1 WHERE id = {number % ROOMS}; DELETE FROM s.pairs WHERE id = {number};"
                          f"INSERT INTO s.pairs VALUES ({number}, 'one'), ({number + 1000}, 'two') ON CONFLICT (id) DO UPDATE SET body = 'again';"
                          f"SELECT count(*) FROM s.pairs; {end}")
        except kalam.SqlError as error:
            if error.code != "TRANSACTION_CONFLICT":
                raise


class Keeper(Worker):
    """What an administrator and the clock do: tables made and dropped, ALTER, flushes, backups, figures."""

    def __init__(self, *args, folder=None):
        super().__init__(*args)
        self.folder = folder

    def prepare(self):
        self.db = self.client()

    def step(self):
        if self.turn % 6 == 0:  # a minute of six steps
            self.next_generation()
        if self.turn % 2 == 1:
            self.server.flush(("s.notes", "s.board", "s.live", "s.pairs")[self.turn // 2 % 4], self.db)
        if self.turn % 6 == 3:
            name = f"s.made{self.generation.value}"
            self.db.batch(f"ALTER TABLE {name} ADD COLUMN extra INT DEFAULT 7; ALTER TABLE {name} DROP COLUMN extra")
        if self.turn % 18 == 4:
            self.backup()
        if self.turn % 3 == 0:
            for table in ("jobs", "tables", "live_queries", "segments", "metrics", "users"):
                self.db.sql(f"SELECT count(*) FROM system.{table}")
        if self.turn % 60 == 10:
            self.db.sql("CLEAR CACHE")

    def next_generation(self):
        number = self.generation.value + 1
        self.db.sql(f"CREATE USER TABLE s.made{number} (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), room INT, body TEXT) "
                    "FLUSH POLICY ROWS 20 INTERVAL 30s")
        self.generation.value = number
        if number > 2:
            self.db.sql(f"DROP TABLE s.made{number - 2}")

    def backup(self):
        folder = f"{self.folder}/backup{self.turn}"
        self.db.sql(f"BACKUP DATABASE s TO '{folder}'")
        self.db.batch(f"RESTORE DATABASE copy FROM '{folder}'; SELECT count(*) FROM copy.board; DROP NAMESPACE copy CASCADE")
        shutil.rmtree(folder)


class Control(Worker):
    """No client: what the machine itself takes for a durable append, and to wake another process and be woken."""

    def __init__(self, *args, folder=None):
        super().__init__(*args)
        self.folder = folder

    def prepare(self):
        self.file = os.open(f"{self.folder}/control", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.echo, other = socket.socketpair()
        if os.fork() == 0:
            self.echo.close()
            while said := other.recv(4096):
                other.sendall(said)
            os._exit(0)
        other.close()

    def step(self):
        self.timed("bare echo", self.round_trip)
        self.timed("bare append", self.append)

    def round_trip(self):
        self.echo.sendall(TEXT.encode())
        self.echo.recv(4096)

    def append(self):
        os.write(self.file, TEXT.encode() * 3)
        os.fdatasync(self.file)


def prepare(server):
    """Tables, people and the first half of every window."""
    db = server.client()
    db.batch("CREATE NAMESPACE s;"
             "CREATE USER TABLE s.notes (id INT PRIMARY KEY, room INT, body TEXT) FLUSH POLICY ROWS 100 INTERVAL 60s;"
             "CREATE SHARED TABLE s.board (id INT PRIMARY KEY, room INT, n INT, body TEXT) FLUSH POLICY ROWS 1000 INTERVAL 60s;"
             "CREATE USER TABLE s.live (id INT PRIMARY KEY, body TEXT);"
             "CREATE SHARED TABLE s.rooms (id INT PRIMARY KEY, name TEXT, visits INT DEFAULT 0);"
             "CREATE SHARED TABLE s.pairs (id INT PRIMARY KEY, body TEXT);"
             "CREATE STREAM TABLE s.events (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), room INT, body TEXT) TTL 5s MAX_BUFFER 1000;"
             "CREATE STREAM TABLE s.large (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), body TEXT) TTL 5s MAX_BUFFER 20;"
             "CREATE USER TABLE s.made1 (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), room INT, body TEXT) FLUSH POLICY ROWS 20")
    db.sql("INSERT INTO s.rooms (id, name) VALUES " + ",".join(f"({n}, 'room {n}')" for n in range(ROOMS)))
    db.sql("INSERT INTO s.board VALUES " + ",".join(f"({n}, {n % ROOMS}, {n % 1000}, '{TEXT}')" for n in range(BOARD // 2)))
    for n in range(10):
        db.sql(f"CREATE USER person{n} WITH PASSWORD '{accounts.PASSWORD}' ROLE user")
    for user in range(USERS):
        own = server.client(f"u{user}")
        own.sql("INSERT INTO s.notes VALUES " + ",".join(f"({n}, {n % ROOMS}, '{TEXT}')" for n in range(WINDOW // 2)))
        own.close()
    db.close()


# Steps per second of each at --load 1.
KINDS = ((Writer, 20), (Reader, 25), (Listener, 15), (Events, 20), (Visitors, 0.5), (Accounts, 0.5), (Mistakes, 1),
         (Transactions, 3), (Keeper, 0.1), (Control, 20))
