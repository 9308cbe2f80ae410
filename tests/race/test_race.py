"""Many clients at once on a ThreadSanitizer build: loops, commit thread, matcher, flush, snapshots."""
import os
import random
import threading
import time

import kalam

SECONDS = 120 if os.environ.get("KALAM_LONG") else 15


class Clients:
    def __init__(self, server, seed):
        self.server, self.stopping, self.failures = server, False, []
        self.random = random.Random(seed)
        self.threads = []

    def start(self, work, count):
        for number in range(count):
            thread = threading.Thread(target=self.guard, args=(work, number, self.random.random()))
            thread.start()
            self.threads.append(thread)

    def guard(self, work, number, seed):
        try:
            work(number, random.Random(seed))
        except Exception as error:  # reported at the end
            self.failures.append(f"{work.__name__} {number}: {error!r}")

    def write(self, number, rng):
        client = self.server.client(f"user{number % 3}", timeout=60)
        while not self.stopping:
            key = rng.randrange(200)
            table = rng.choice(["r.own", "r.all"])
            kind = rng.random()
            if kind < 0.6:
                client.sql(f"INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
                           [key, rng.randrange(1000)])
            elif kind < 0.8:
                client.sql(f"UPDATE {table} SET v = v + 1 WHERE id > $1 AND id < $1 + 5", [key])
            else:
                client.sql(f"DELETE FROM {table} WHERE id = $1", [key])
        client.close()

    def transact(self, number, rng):
        client = self.server.client(f"user{number % 3}", timeout=60)
        while not self.stopping:
            a, b = rng.sample(range(200), 2)
            status, body = client.post(
                f"BEGIN; UPDATE r.all SET v = v - 1 WHERE id = {a}; UPDATE r.own SET v = v + 1 WHERE id BETWEEN {b} AND {b + 3};"
                f"INSERT INTO r.own VALUES ({b}, 1) ON CONFLICT (id) DO UPDATE SET v = own.v + 1;"
                "SELECT v % 10, count(*), (SELECT count(*) FROM r.all) FROM r.own GROUP BY 1;"
                f"SELECT * FROM r.all ORDER BY id DESC LIMIT 5; {rng.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])}")
            assert status in (200, 409), body
        client.close()

    def read(self, number, rng):
        client = self.server.client(f"user{number % 3}", timeout=60)
        while not self.stopping:
            client.rows(rng.choice([
                "SELECT * FROM r.own WHERE id = 7", "SELECT id FROM r.all ORDER BY id DESC LIMIT 20",
                "SELECT v % 10, count(*) FROM r.own GROUP BY 1", "SELECT count(*) FROM r.own JOIN r.all USING (id)",
                "SELECT count(*) FROM system.live_queries", "SELECT status FROM system.jobs LIMIT 5"]))
        client.close()

    def subscribe(self, number, rng):
        while not self.stopping:
            socket = self.server.websocket(f"user{number % 3}")
            for turn in range(3):
                table = rng.choice(["r.own", "r.all"])
                rows = kalam.RowSet(("id",), socket.subscribe(
                    f"s{turn}", f"SELECT * FROM {table} WHERE v % 2 = 0", options={"batch_size": 13}, limit_s=60))
                end = time.monotonic() + rng.random()
                while time.monotonic() < end:
                    for change in socket.changes(f"s{turn}"):
                        rows.apply(change)
                    time.sleep(0.05)
                if rng.random() < 0.5:
                    socket.send({"type": "unsubscribe", "subscription_id": f"s{turn}"})
            socket.close()

    def resume(self, number, rng):
        """Goes on where it was, in every form of frames, by many queries that share rows and routes."""
        position = {}
        while not self.stopping:
            socket = self.server.websocket(f"user{number % 3}", path="/v1/ws?" + rng.choice(
                ["", "compression=gzip", "serialization=msgpack", "serialization=msgpack&compression=gzip"]))
            for key in rng.sample(range(12), 4):
                options = {"from": position[key]} if key in position else {"batch_size": 5}
                socket.subscribe(f"k{key}", f"SELECT * FROM r.all WHERE id IN ({key}, {key + 1})", options=options,
                                 limit_s=60)
                position[key] = socket.ready["last_seq_id"]
            time.sleep(rng.random() * 0.2)
            if rng.random() < 0.5:
                socket.loop.call_soon_threadsafe(socket.socket.transport.abort)
            else:
                socket.close()

    def flush(self, number, rng):
        client = self.server.client(timeout=60)
        while not self.stopping:
            kalam.wait_job(client, client.sql(f"STORAGE FLUSH TABLE {rng.choice(['r.own', 'r.all'])}").dicts()[0]
                           ["job_id"], 120)
        client.close()


def test_race():
    seed = int(os.environ.get("KALAM_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"seed: {seed}")
    with kalam.Server() as server:
        server.client().batch("CREATE NAMESPACE r; CREATE USER TABLE r.own (id BIGINT PRIMARY KEY, v INT);"
                              "CREATE SHARED TABLE r.all (id BIGINT PRIMARY KEY, v INT)")
        clients = Clients(server, seed)
        clients.start(clients.write, 4)
        clients.start(clients.transact, 3)
        clients.start(clients.resume, 2)
        clients.start(clients.read, 3)
        clients.start(clients.subscribe, 3)
        clients.start(clients.flush, 1)
        time.sleep(SECONDS)
        clients.stopping = True
        for thread in clients.threads:
            thread.join(120)
            assert not thread.is_alive()
        log = server.log()
        assert "ThreadSanitizer" not in log, log[log.index("ThreadSanitizer") - 200:][:8000]
        assert not clients.failures, clients.failures
        server.stop()
        assert "ThreadSanitizer" not in server.log(), server.log()[-8000:]
