"""Clients that come in crowds, leave in the middle or never read: the server stays up, bounded and stoppable."""
import json
import os
import socket
import threading
import time

import kalam

CROWD = 2000


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port))


def post(sql):
    body = json.dumps({"sql": sql}).encode()
    return (b"POST /v1/api/sql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024


def test_crowds_come_and_go(own_server):
    server = own_server
    db = server.client()
    before = descriptors(server)
    for sent in (b"", b"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Le"):
        crowd = []
        for number in range(CROWD // 200):       # 200 at a time: the test has descriptors of its own
            crowd = [connect(server) for _ in range(200)]
            for guest in crowd:
                guest.send(sent)
                if number % 2:
                    guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            for guest in crowd:
                guest.close()
        assert db.value("SELECT 1") is not None
    kalam.wait_until(lambda: descriptors(server) <= before + 50, 20, "descriptors are given back")
    server.stop()


def test_clients_that_leave_in_the_middle(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE x; CREATE SHARED TABLE x.t (id BIGINT PRIMARY KEY, v TEXT)")
    wishes = [post("INSERT INTO x.t VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v"),
              post("SELECT v, count(*) FROM x.t GROUP BY 1"), post("SELECT * FROM x.t WHERE id = 1")]
    for number in range(300):
        guest = connect(server)
        guest.sendall(wishes[number % 3])
        if number % 2:
            guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        guest.close()
    assert [row[:2] for row in db.rows("SELECT id, v FROM x.t")] == [["1", "a"]]
    server.stop()


def test_unread_results_are_bounded(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE x; CREATE SHARED TABLE x.t (id BIGINT PRIMARY KEY, v TEXT)")
    for start in range(0, 2500, 50):
        db.sql("INSERT INTO x.t VALUES " + ",".join(f"({i}, '{'v' * 10000}')" for i in range(start, start + 50)))
    before = resident_mib(server)
    stuck = [connect(server) for _ in range(4)]
    for guest in stuck:
        guest.sendall(post("SELECT * FROM x.t"))
        assert guest.recv(100)                   # the answer has begun
    for _ in range(20):                          # answered by the loops, whoever else waits
        assert db.value("SELECT id FROM x.t WHERE id = 7") == "7"
    assert resident_mib(server) - before < 80    # 100 MB of results, and what the sanitizers keep
    for guest in stuck:
        guest.close()
    assert db.value("SELECT count(*) FROM x.t") == "2500"
    server.stop()


def test_slow_readers_do_not_hold_all_workers():
    with kalam.Server(config="[server]\nworker_threads = 4\n[query]\ntimeout_seconds = 0\n") as server:
        db = server.client()
        db.batch("CREATE NAMESPACE x; CREATE SHARED TABLE x.t (id BIGINT PRIMARY KEY, v TEXT)")
        for start in range(0, 1000, 50):
            db.sql("INSERT INTO x.t VALUES " + ",".join(f"({i}, '{'v' * 10000}')" for i in range(start, start + 50)))
        slow = [connect(server) for _ in range(6)]
        for guest in slow:
            guest.sendall(post("SELECT * FROM x.t"))
            assert guest.recv(100)
        start = time.monotonic()
        assert db.value("SELECT count(DISTINCT length(v)) FROM x.t") == "1"  # needs a worker
        assert time.monotonic() - start < 20
        ends = []
        for guest in slow:
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                part = guest.recv(1 << 20)
                assert part
                data = data[-4096:] + part
            ends.append(b'"status":"success"' in data[-3000:])
            assert ends[-1] or b"RATE_LIMIT_EXCEEDED" in data[-3000:], data[-3000:]
            guest.close()
        assert 2 <= ends.count(True) < 6  # two were waited for, the others told
        server.stop()


def test_reader_of_a_byte_now_and_then_does_not_hold_a_worker():
    with kalam.Server(config="[limits]\nstalled_answer_seconds = 1\n[query]\ntimeout_seconds = 0\n") as server:
        db = server.client()
        db.batch("CREATE NAMESPACE x; CREATE SHARED TABLE x.t (id BIGINT PRIMARY KEY, v TEXT)")
        for start in range(0, 1000, 50):
            db.sql("INSERT INTO x.t VALUES " + ",".join(f"({i}, '{'v' * 10000}')" for i in range(start, start + 50)))
        guest = connect(server)
        guest.sendall(post("SELECT * FROM x.t"))
        for _ in range(12):
            assert guest.recv(1)
            time.sleep(0.25)
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            part = guest.recv(1 << 20)
            assert part
            data = data[-4096:] + part
        assert b"RATE_LIMIT_EXCEEDED" in data[-3000:] and b'"status":"error"' in data[-3000:]
        guest.close()
        assert db.value("SELECT count(*) FROM x.t") == "1000"
        server.stop()


def test_stop_under_load(own_server):
    server = own_server
    db = server.client()
    db.batch("CREATE NAMESPACE x; CREATE SHARED TABLE x.t (id BIGINT PRIMARY KEY, v TEXT)")
    acknowledged, unexpected = [set() for _ in range(6)], []

    def work(number):
        client = server.client()
        try:
            for i in range(100000):
                client.sql("INSERT INTO x.t VALUES ($1, 'v')", [number * 1000000 + i])
                acknowledged[number].add(number * 1000000 + i)
                client.rows("SELECT v, count(*) FROM x.t GROUP BY 1")
        except kalam.SqlError as error:
            if error.code != "SHUTTING_DOWN":
                unexpected.append(error)
        except (OSError, kalam.http.client.HTTPException):
            pass
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    kalam.wait_until(lambda: all(len(keys) > 5 for keys in acknowledged), 30, "load")
    server.stop()                                # exit code 0, nothing leaks
    for thread in threads:
        thread.join(30)
    assert not unexpected
    server.start()
    found = {int(row[0]) for row in server.client().rows("SELECT id FROM x.t")}
    assert set().union(*acknowledged) <= found
    server.stop()


def test_slow_reader_of_a_last_answer_gets_all_of_it(own_server):
    """The server closes behind it, but not before it is read: as long as the client takes something."""
    db = own_server.client()
    guest = socket.socket()
    guest.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    guest.settimeout(20)
    guest.connect(("127.0.0.1", own_server.port))
    db.batch("CREATE NAMESPACE IF NOT EXISTS last; CREATE SHARED TABLE last.t (id BIGINT PRIMARY KEY, v TEXT)")
    db.sql("INSERT INTO last.t VALUES " + ",".join(f"({i}, '{'v' * 10000}')" for i in range(90)))
    guest.sendall(post("SELECT * FROM last.t").replace(b"HTTP/1.1", b"HTTP/1.0"))
    data, end = b"", time.monotonic() + 6
    while time.monotonic() < end:
        data += guest.recv(4096)
        time.sleep(0.05)
    while part := guest.recv(1 << 20):
        data += part
    assert len(data) > 900_000 and data.endswith(b"}") and b'"status":"success"' in data[-2000:] + data[:2000]
    guest.close()
    db.sql("DROP NAMESPACE last CASCADE")
