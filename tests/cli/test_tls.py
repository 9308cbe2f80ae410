"""kalam and libkalam over https://: statements, live queries with large messages, resuming; certificates that are not trusted."""
import re

import certificates
import conftest
import kalam
import pytest


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(certificate):
    with kalam.Server(config=certificate.config, tls=certificate.context()) as running:
        client = running.client()
        client.sql("CREATE NAMESPACE s")
        client.sql("CREATE SHARED TABLE s.t (id BIGINT PRIMARY KEY, text TEXT)")
        client.close()
        yield running


@pytest.fixture
def cli(secure, certificate, tmp_path):
    made = conftest.Cli(None, tmp_path)
    made.flags = ["-h", f"https://localhost:{secure.port}", "--ca-file", str(certificate.cert)]
    return made


def test_statements(cli):
    assert "(1 row)" in cli.ok(*cli.flags, "-c", "SELECT 1")


def test_live_query(cli, secure):
    process = cli.start(*cli.flags, "--json", "--max-events", "300", "-c", "SUBSCRIBE TO s.t")
    client = secure.client()
    live = "SELECT count(*) FROM system.live_queries WHERE table_name = 't'"
    kalam.wait_until(lambda: client.value(live) == "1", 20, "subscriber")
    for start in range(0, 300, 50):  # messages of 400 KiB: many records, which do not end where messages do
        rows = ",".join(f"({i}, '{'x' * 8000}{i}')" for i in range(start, start + 50))
        client.sql(f"INSERT INTO s.t VALUES {rows}")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    ids = [int(i) for i in re.findall(r'"id":"(\d+)"', out)]
    assert ids == list(range(300)) and all(f'{"x" * 100}{i}"' in out for i in (0, 149, 299))


def test_it_resumes(tmp_path, certificate):
    with kalam.Server(config=certificate.config, tls=certificate.context()) as own:
        client = own.client()
        client.sql("CREATE NAMESPACE r")
        client.sql("CREATE SHARED TABLE r.t (id BIGINT PRIMARY KEY)")
        cli = conftest.Cli(None, tmp_path)
        process = cli.start("-h", f"https://localhost:{own.port}", "--ca-file", str(certificate.cert), "--max-events", "1",
                            "-c", "SUBSCRIBE TO r.t")
        live = "SELECT count(*) FROM system.live_queries WHERE table_name = 't'"
        kalam.wait_until(lambda: client.value(live) == "1", 20, "subscriber")
        own.restart()
        client = own.client()
        kalam.wait_until(lambda: client.value(live) == "1", 20, "subscriber")
        client.sql("INSERT INTO r.t VALUES (7)")
        out, err = process.communicate(timeout=40)
        assert process.returncode == 0 and "INSERT → id=7" in out, (out, err)


@pytest.mark.parametrize("url,reason", [("https://localhost:{}", "certificate"), ("https://127.0.0.2:{}", "certificate|resolve|connect")])
def test_certificates_that_are_not_trusted(cli, secure, certificate, url, reason):
    flags = ["-h", url.format(secure.port)] + (["--ca-file", str(certificate.cert)] if "127" in url else [])
    done = cli.run(*flags, "-c", "SELECT 1")
    assert done.returncode == 3 and re.search(reason, done.stderr), done.stderr


def test_live_connection_checks_too(secure, certificate):
    """The WebSocket has a TLS of its own (the CLI would have failed before)."""
    if "release" not in str(kalam.BUILD):
        pytest.skip("a sanitizer's library cannot be loaded into Python")
    import libkalam
    for ca_file, host, text in ((None, "localhost", "certificate"), ("/nowhere/ca.pem", "localhost", "TLS"),
                                (str(certificate.cert), "127.0.0.1", None), (str(certificate.cert), "localhost", None)):
        client = libkalam.Client(f"https://{host}:{secure.port}", "root", ca_file=ca_file)
        try:
            subscription = client.subscribe("SELECT id FROM s.t", {})
        except libkalam.Failure as failure:
            assert text and text in failure.message, failure
        else:
            assert text is None and subscription.next()["type"] == "ack"
            subscription.close()
        client.close()
    plain = libkalam.Client(f"http://localhost:{secure.port}", "root")
    with pytest.raises(libkalam.Failure):
        plain.subscribe("SELECT id FROM s.t", {})
    plain.close()
