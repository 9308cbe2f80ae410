"""A thousand users under load, by EXECUTE AS, X-User-Id and sockets, with kill -9 in between: no row ever reaches another user."""
import os
import random
import threading
import time

import kalam

USERS = 1000
LONG = bool(os.environ.get("KALAM_LONG"))
DELIVERIES = 10_000_000 if LONG else 20_000
ROUNDS = 20 if LONG else 2


class Load:
    """Clients that write and read as random users and check whose rows come; the count is of rows seen."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.rows, self.foreign, self.problems, self.stop = 0, [], [], threading.Event()
        self.lock = threading.Lock()

    def check(self, user, owners):
        wrong = [o for o in owners if o != user]
        with self.lock:
            self.rows += len(owners)
            self.foreign += [(user, o) for o in wrong]

    def statement(self, rng, user):
        return rng.choice((
            f"INSERT INTO il.t VALUES ({rng.randrange(20)}, '{user}') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v RETURNING v",
            "SELECT v FROM il.t", "SELECT v FROM il.t ORDER BY id DESC LIMIT 10", f"SELECT v FROM il.t WHERE id = {rng.randrange(20)}",
            "SELECT v FROM il.t GROUP BY v", "UPDATE il.t SET v = v WHERE id < 5 RETURNING v",
            f"DELETE FROM il.t WHERE id = {rng.randrange(20)} RETURNING v"))

    def failed(self, error):
        """The server is being killed and started; what it says itself is counted."""
        if isinstance(error, kalam.SqlError) and error.http_status != 503:
            self.problems.append(str(error))
        time.sleep(0.01)

    def execute_as(self, number):
        rng, client = random.Random(self.seed + number), self.server.client()
        while not self.stop.is_set():
            users = [f"u{rng.randrange(USERS)}" for _ in range(20)]
            try:
                results = client.batch(";".join(f"EXECUTE AS USER {u} ({self.statement(rng, u)})" for u in users))
            except (OSError, ValueError, kalam.http.client.HTTPException, kalam.SqlError) as error:
                self.failed(error)
                client.close()
                continue
            for user, result in zip(users, results):
                assert result.raw["as_user"] == user
                self.check(user, [r[0] for r in result.rows or []])

    def by_header(self, number):
        rng = random.Random(self.seed + number)
        while not self.stop.is_set():
            user = f"u{rng.randrange(USERS)}"
            client = self.server.client(user)
            try:
                for result in client.batch(";".join(self.statement(rng, user) for _ in range(10))):
                    self.check(user, [r[0] for r in result.rows or []])
            except (OSError, ValueError, kalam.http.client.HTTPException, kalam.SqlError) as error:
                self.failed(error)
            client.close()

    def events(self, sockets):
        """What has come to the sockets since the last look."""
        for user, socket in sockets:
            found = [r["v"] for c in socket.changes("s") for k in ("rows", "old_values") for r in c.get(k) or [] if "v" in r]
            self.check(user, found)


def subscribe(server, rng, count):
    sockets = []
    for _ in range(count):
        user = f"u{rng.randrange(USERS)}"
        socket = server.websocket(user)
        socket.subscribe("s", "SELECT id, v FROM il.t")
        sockets.append((user, socket))
    return sockets


def test_a_thousand_users():
    seed = kalam.run_seed(41)
    print(f"seed: {seed}")
    rng = random.Random(seed)
    with kalam.Server() as server:
        root = server.client()
        root.batch("CREATE NAMESPACE il; CREATE USER TABLE il.t (id BIGINT PRIMARY KEY, v TEXT) FLUSH POLICY ROWS 10")
        for start in range(0, USERS, 250):
            root.sql("INSERT INTO system.users (user_id, username) VALUES " +
                     ",".join(f"('u{i}', 'user {i}')" for i in range(start, start + 250)))
        root.close()
        load = Load(server, seed)
        threads = [threading.Thread(target=load.execute_as, args=(n,)) for n in range(4)]
        threads += [threading.Thread(target=load.by_header, args=(100 + n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(ROUNDS):
                sockets = subscribe(server, rng, 20)
                goal = DELIVERIES * (turn + 1) // ROUNDS
                kalam.wait_until(lambda: load.rows >= goal or load.foreign or load.problems, 3600 if LONG else 120, f"{goal} rows")
                load.events(sockets)
                if turn + 1 < ROUNDS:
                    server.kill()
                    server.start()
                for _, socket in sockets:
                    try:
                        socket.close()
                    except Exception:  # it died with the server
                        pass
        finally:
            load.stop.set()
            for thread in threads:
                thread.join(60)
        assert load.foreign == [] and load.problems == []
        client = server.client()
        for number in rng.sample(range(USERS), 200):
            owners = {r[0] for r in client.rows(f"SELECT v FROM il.u{number}.t")}
            assert owners <= {f"u{number}"}, owners
        print(f"share: {load.rows} rows delivered to {USERS} users over {ROUNDS - 1} kills, 0 of them foreign")
        server.stop()
