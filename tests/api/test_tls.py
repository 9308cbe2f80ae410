"""TLS in front of HTTP and WebSocket: versions, ciphers, bad handshakes, slow ones, renewal, no plain text beside it."""
import concurrent.futures
import json
import shutil
import socket
import ssl
import subprocess
import time

import certificates
import kalam
import pytest

LIMITS = 'tls_handshake_timeout = "1s"\n[performance]\nkeepalive_timeout = "20s"\nrequest_timeout = "3s"\n'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificate):
    with kalam.Server(config=certificate.config + LIMITS, tls=certificate.context()) as running:
        yield running
        running.stop()


def raw(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def wrapped(server, **changes):
    context = ssl.create_default_context(cafile=server.tls_file)
    for name, value in changes.items():
        setattr(context, name, value)
    return context.wrap_socket(raw(server), server_hostname="localhost")


@pytest.fixture(autouse=True)
def tls_file(server, certificate):
    server.tls_file = str(certificate.cert)


def read_to_end(connection):
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except (ConnectionResetError, ssl.SSLError):
        pass
    return data


def metric(server, name):
    _, _, text = server.client().request("GET", "/metrics")
    return next(float(line.split()[1]) for line in text.decode().splitlines() if line.startswith(f"kalamdb_{name} "))


def test_sql_and_live_rows(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)")
    live = server.websocket("lena")
    live.subscribe("s", f"SELECT * FROM {space}.t")
    lena = server.client("lena", namespace=space)
    lena.sql("INSERT INTO t VALUES (1, $1)", ["ä" * 200_000])
    assert live.expect("change", "s")["rows"][0]["v"] == "ä" * 200_000
    assert lena.rows("SELECT id FROM t") == [["1"]]
    live.close()
    assert db.sql("SHOW NAMESPACES").row_count > 0


def test_large_answers_and_bodies(server, db, space):
    """Answers of many records, with a client that reads late; bodies over record boundaries."""
    db.sql("CREATE SHARED TABLE big (id BIGINT PRIMARY KEY, v TEXT)")
    for start in range(0, 20_000, 4000):
        db.sql("INSERT INTO big VALUES " + ",".join(f"({i}, '{'v' * 100}')" for i in range(start, start + 4000)))
    assert [int(r[0]) for r in db.rows("SELECT id, v FROM big")] == list(range(20_000))
    body = json.dumps({"sql": "SELECT id, v FROM big", "namespace_id": space}).encode()
    connection = wrapped(server)
    connection.sendall(b"POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    kalam.wait_until(lambda: "sql" in server.client().request("GET", "/metrics")[2].decode(), 5)
    data = read_to_end(connection)
    assert data.count(b"vvvv" * 25) == 20_000 and data.endswith(b"0\r\n\r\n")


def test_pipelining_and_many_small_records(server):
    body = b'{"sql":"SELECT 42"}'
    one = (b"POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           b"Content-Length: %d\r\n\r\n" % len(body)) + body
    with wrapped(server) as connection:
        for byte in one:  # a record each
            connection.sendall(bytes([byte]))
        connection.sendall(one * 20)
        answer = b""
        while answer.count(b'"rows":[[42]]') < 21:
            part = connection.recv(65536)
            assert part, answer
            answer += part


def test_many_clients(server):
    def work(number):
        client = server.client(f"u{number}")
        for i in range(20):
            assert client.value("SELECT $1 + 0", [i]) == str(i)
        client.close()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl(server, certificate):
    done = subprocess.run(["curl", "-sS", "--cacert", str(certificate.cert), f"https://localhost:{server.port}/health"],
                          capture_output=True, text=True)
    assert json.loads(done.stdout)["status"] == "healthy", done.stderr


def test_versions_and_ciphers(server):
    with wrapped(server) as connection:
        assert connection.version() == "TLSv1.3"
    with wrapped(server, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
        assert connection.cipher()[0].startswith("ECDHE-") and ("GCM" in connection.cipher()[0] or "CHACHA" in connection.cipher()[0])
    for version in ("-tls1", "-tls1_1"):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-cipher",
                               "ALL:@SECLEVEL=0"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode != 0 and "Cipher is (NONE)" in done.stdout, done.stdout
    for cipher in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AECDH-AES128-SHA"):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-cipher",
                               cipher + ":@SECLEVEL=0"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode != 0 and "Cipher is (NONE)" in done.stdout, cipher


def test_alpn(server):
    context = server.tls
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(raw(server), server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    only_h2 = ssl.create_default_context(cafile=server.tls_file)
    only_h2.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        only_h2.wrap_socket(raw(server), server_hostname="localhost")
    context.set_alpn_protocols(["http/1.1"])


def test_no_renegotiation(server):
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        kalam.wait_until(lambda: "Verify return code" in process.stdout.readline(), 10)
        process.stdin.write("R\n")
        process.stdin.flush()
        output = process.stdout.read()  # it ends: the server refuses
    finally:
        process.kill()
        process.wait()
    assert "no renegotiation" in output or "handshake failure" in output, output
    assert server.client().value("SELECT 1") == 1


@pytest.mark.parametrize("bytes_sent", ids=["http", "zeros", "length", "short hello", "ssl2", "alert"], argvalues=[
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"A" * 300,
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x00\x02", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_garbage_instead_of_a_handshake(server, bytes_sent):
    with raw(server) as connection:
        connection.sendall(bytes_sent)
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server was quicker
        answer = read_to_end(connection)
    assert b"HTTP" not in answer and b"healthy" not in answer  # at most a TLS alert
    assert server.client().value("SELECT 1") == 1


def test_garbage_after_the_handshake(server):
    connection = wrapped(server)
    plain = socket.socket(fileno=connection.detach())
    plain.settimeout(20)
    plain.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    assert b"HTTP" not in read_to_end(plain)
    plain.close()
    assert server.client().value("SELECT 1") == 1


def test_slow_handshake_is_cut(server):
    failures = metric(server, "tls_handshake_failures_total")
    silent, slow = raw(server), raw(server)
    slow.sendall(b"\x16\x03\x01\x02\x00\x01")
    start = time.monotonic()
    assert read_to_end(silent) == b"" and read_to_end(slow) == b""
    assert 0.5 < time.monotonic() - start < 10
    assert metric(server, "tls_handshake_failures_total") >= failures + 2


def test_slow_request_after_the_handshake(server):
    with wrapped(server) as connection:  # its time counts from the handshake's end
        connection.sendall(b"GET /health HT")
        assert b"408" in read_to_end(connection)


def test_half_close(server):
    """The answer still comes when the client says that it will send nothing more."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with raw(server) as connection:
        session = server.tls.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def run(step):
            while True:
                try:
                    result = step()
                    connection.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    data = connection.recv(65536)
                    incoming.write(data) if data else incoming.write_eof()
        run(session.do_handshake)
        run(lambda: session.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        answer = run(lambda: session.read(65536))
        assert b"healthy" in answer
        run(session.unwrap)  # close_notify from both sides
    assert server.client().value("SELECT 1") == 1


def test_vanishing_clients(server):
    for _ in range(20):
        connection = wrapped(server)
        connection.sendall(b"POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        connection.close()
    kalam.wait_until(lambda: metric(server, "connections") <= 3, 10, "no connection is left")


def test_cookies_are_secure(certificate):
    env = {"KALAMDB_ROOT_PASSWORD": "correct horse 9"}
    with kalam.Server(dev=False, config=certificate.config, env=env, tls=certificate.context()) as server:
        status, headers, _ = server.client().request("POST", "/v1/api/auth/login",
                                                     b'{"user":"root","password":"correct horse 9"}')
        assert status == 200 and "Secure" in headers["Set-Cookie"]


def test_renewal(tmp_path):
    certificate = certificates.Certificate(tmp_path, "first")
    with kalam.Server(config=certificate.config, tls=certificate.context()) as server:
        old = server.client()
        assert old.value("SELECT 1") == 1
        certificate.make("second")
        server.tls = certificate.context()
        server.process.send_signal(1)
        kalam.wait_until(lambda: handshake_works(server), 10, "the new certificate")
        assert old.value("SELECT 2") == 2  # goes on with the old one
        certificate.key.write_text("nonsense")
        server.reload()
        kalam.wait_until(lambda: "certificate and key stay as they are" in server.log(), 5)
        assert server.client().value("SELECT 3") == 3
        server.stop()


def handshake_works(server):
    try:
        return server.client().value("SELECT 1") == 1
    except ssl.SSLError:
        return False


@pytest.mark.parametrize("problem", ["missing", "mismatch", "garbage", "encrypted", "only one"])
def test_bad_files_stop_the_start(tmp_path, problem):
    certificate = certificates.Certificate(tmp_path)
    config, named = certificate.config, "server.tls_key"
    if problem == "missing":
        certificate.key.unlink()
    elif problem == "mismatch":
        (tmp_path / "other").mkdir()
        shutil.copy(certificates.Certificate(tmp_path / "other").key, certificate.key)
    elif problem == "garbage":
        certificate.cert.write_text("nonsense")
        named = "server.tls_cert"
    elif problem == "encrypted":
        subprocess.run(["openssl", "ec", "-in", str(certificate.key), "-aes256", "-passout", "pass:secret", "-out",
                        str(tmp_path / "sealed.pem")], check=True, capture_output=True)
        shutil.move(tmp_path / "sealed.pem", certificate.key)
    else:
        config = f'[server]\ntls_cert = "{certificate.cert}"\n'
    (tmp_path / "c.toml").write_text(config)
    for arguments in (["--check-config"], ["--data-dir", str(tmp_path / "data"), "--port", "0"]):
        done = subprocess.run([str(kalam.BUILD / "kalamd"), str(tmp_path / "c.toml"), *arguments], capture_output=True,
                              text=True, timeout=30, stdin=subprocess.DEVNULL, env={"KALAMDB_LOG_FILE": ""})
        assert done.returncode == 1 and named in done.stderr, done.stderr
        assert not (tmp_path / "data").exists()
