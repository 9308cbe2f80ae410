"""/metrics and the operators' views: every series is documented, well formed, and counts what it says."""
import json
import re
import threading

import kalam
import pytest

HANDBOOK = (kalam.ROOT / "docs/operations.md").read_text()
DOCUMENTED = dict((name, (kind, text)) for name, kind, text in
                  re.findall(r"^\| `kalamdb_([a-z0-9_]+)` \| (counter|gauge|histogram) \| ([^|]*) \|$", HANDBOOK, re.M))
LINE = re.compile(r'kalamdb_([a-z0-9_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)+)\})? (\S+)')


def scrape(server):
    """Families {name: (kind, help)} and samples {(name, labels): value}."""
    status, headers, data = server.client().request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4"
    text, families, samples, family = data.decode(), {}, {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP kalamdb_"):
            family, about = line[len("# HELP kalamdb_"):].split(" ", 1)
            assert family not in families, f"{family} comes twice"
            families[family] = [None, about]
        elif line.startswith("# TYPE kalamdb_"):
            name, kind = line[len("# TYPE kalamdb_"):].split(" ")
            assert name == family and families[name][0] is None
            families[name][0] = kind
        else:
            match = LINE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            plain = re.sub(r"_(bucket|sum|count)$", "", name) if families[family][0] == "histogram" else name
            assert plain == family, line
            key = (name, tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', labels or ""))))
            assert key not in samples, line
            samples[key] = float(value)
    return {k: tuple(v) for k, v in families.items()}, samples


def value(server, name, **labels):
    return scrape(server)[1].get((name, tuple(sorted(labels.items()))), 0)


@pytest.fixture(scope="module")
def used(server):
    """A server that has done something of everything that has a series only then."""
    db = server.client()
    db.batch("CREATE NAMESPACE m; CREATE SHARED TABLE m.t (id BIGINT PRIMARY KEY, v TEXT); INSERT INTO m.t VALUES (1, 'a')")
    db.post("SELECT * FROM m.nowhere")
    yield server


def test_every_series_is_documented(used):
    families, samples = scrape(used)
    assert families == DOCUMENTED
    assert len(families) >= 60 and len(samples) > 150
    assert all(kind == "counter" for name, (kind, _) in families.items() if name.endswith("_total"))
    assert all(name.endswith("_total") for name, (kind, _) in families.items() if kind == "counter")


def test_histograms_are_sound(used):
    families, samples = scrape(used)
    for name in (n for n, (kind, _) in families.items() if kind == "histogram"):
        series = {}
        for (sample, labels), number in samples.items():
            if sample == name + "_bucket":
                rest = tuple(l for l in labels if l[0] != "le")
                series.setdefault(rest, []).append((float(dict(labels)["le"]), number))
        assert series
        for rest, buckets in series.items():
            buckets.sort()
            counts = [n for _, n in buckets]
            assert buckets[-1][0] == float("inf") and counts == sorted(counts), (name, rest)
            assert samples[(name + "_count", rest)] == counts[-1]
            assert (samples[(name + "_sum", rest)] > 0) == (counts[-1] > 0)


def test_they_count(used):
    db = used.client()
    before = scrape(used)[1]
    db.batch("INSERT INTO m.t VALUES (2, 'b'), (3, 'c'); UPDATE m.t SET v = 'x' WHERE id = 2; DELETE FROM m.t WHERE id = 3;"
             "SELECT * FROM m.t; SELECT count(*) FROM m.t GROUP BY v")
    db.post("SELECT 1 / 0")
    db.post("SELEC")
    used.client().request("GET", "/nowhere")
    live = used.websocket()
    live.subscribe("s", "SELECT * FROM m.t")
    db.sql("INSERT INTO m.t VALUES (7, 'live')")
    live.expect("change", "s")
    used.flush("m.t")
    after = scrape(used)[1]

    def grown(name, **labels):
        key = (name, tuple(sorted(labels.items())))
        return after.get(key, 0) - before.get(key, 0)
    assert grown("statement_seconds_count", kind="insert") >= 2
    assert grown("statement_seconds_count", kind="update") == grown("statement_seconds_count", kind="delete") == 1
    assert grown("statement_errors_total", kind="invalid") >= 1 and grown("statement_errors_total", kind="insert") == 0
    assert grown("errors_total", code="SQL_EXECUTION_ERROR") == 1 and grown("errors_total", code="INVALID_SQL") == 1
    assert grown("http_requests_total", route="unknown", status="4xx") == 1
    assert grown("http_sql_seconds_count") >= 6 and grown("commit_write_seconds_count") >= 4
    assert grown("subscriptions") == 1 and grown("websockets") == 1 and grown("changes_delivered_total") >= 1
    assert grown("websocket_messages_total", direction="in") >= 1 and grown("websocket_messages_total", direction="out") >= 3
    assert grown("jobs_ended_total", type="flush", status="completed") == 1
    assert grown("flush_rows_total") >= 3 and grown("flush_files_total") >= 1 and grown("flush_bytes_total") > 100
    assert grown("received_bytes_total") > 500 and grown("sent_bytes_total") > 500
    assert grown("connections_accepted_total") >= 2 and grown("rows_written_total") >= 5
    live.close()


def test_hashes_in_flight(used):
    ended = threading.Event()

    def hash_passwords():
        db, number = used.client(), 0
        while not ended.is_set():
            number += 1
            db.sql(f"CREATE USER h{number} WITH PASSWORD 'correct horse {number}' ROLE user")
    thread = threading.Thread(target=hash_passwords)
    thread.start()
    try:
        kalam.wait_until(lambda: value(used, "password_hashes_running") == 1, 20, "a hash in flight")
    finally:
        ended.set()
        thread.join()
    assert value(used, "password_hashes_running") == 0


def test_totals_follow_the_tables(used):
    db = used.client()
    db.batch("CREATE USER TABLE m.u (id BIGINT PRIMARY KEY); CREATE STREAM TABLE m.e (id BIGINT PRIMARY KEY) TTL '60s'")
    for user in ("lena", "omar"):
        used.client(user).sql("INSERT INTO m.u VALUES (1), (2)")
    used.flush("m.u")
    used.client("omar").sql("INSERT INTO m.u VALUES (3)")

    def counted():
        samples = scrape(used)[1]
        return samples[("tables", (("type", "user"),))] == 1 and samples[("tables", (("type", "stream"),))] == 1 and \
            samples[("hot_rows", ())] >= 1 and samples[("cold_rows", ())] >= 4 and samples[("cold_files", ())] >= 2 and \
            samples[("table_instances", ())] >= 3 and samples[("users", ())] >= 1
    kalam.wait_until(counted, 25, "the walk over the tables")


def test_system_metrics_says_the_same(used):
    rows = used.client().sql("SELECT metric_name, labels, metric_value FROM system.metrics").rows
    listed = {(name[len("kalamdb_"):], tuple(sorted(json.loads(labels).items()))) for name, labels, _ in rows}
    samples = scrape(used)[1]
    assert set(samples) - listed == set() or all(n in ("http_requests_total", "errors_total") for n, _ in set(samples) ^ listed)
    assert used.client().value("SELECT count(*) FROM system.metrics WHERE metric_name = 'kalamdb_uptime_seconds'") == "1"


def test_dashboard_uses_what_exists():
    dashboard = json.loads((kalam.ROOT / "packaging/grafana/kalamdb.json").read_text())
    expressions = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    assert len(expressions) >= 20
    for expression in expressions:
        names = re.findall(r"kalamdb_([a-z0-9_]+)", expression)
        assert names, expression
        for name in names:
            kind = DOCUMENTED.get(re.sub(r"_(bucket|sum|count)$", "", name), DOCUMENTED.get(name))
            assert kind, f"{name} does not exist"
            if kind[0] == "counter":
                assert re.search(r"(rate|increase)\(kalamdb_" + name, expression), expression
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


VIEWS = {"settings": ["name", "value", "default_value", "source", "description"],
         "logs": ["timestamp", "level", "thread", "target", "line", "message"],
         "metrics": ["metric_name", "labels", "metric_value"],
         "segments": ["namespace_id", "table_name", "user_id", "path", "storage_id", "rows", "bytes", "min_key", "max_key",
                      "min_seq", "max_seq", "schema_version", "created_at"]}


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_operators(used, name):
    db = used.client()
    result = db.sql(f"SELECT * FROM system.{name}")
    assert result.names == VIEWS[name] and result.row_count > 0
    status, body = used.client("stranger").post(f"SELECT * FROM system.{name}")
    if status == 200:  # loopback mode gives strangers the rights of the default user
        db.sql("CREATE USER plain WITH PASSWORD 'sehr geheim 7' ROLE user") if not db.rows(
            "SELECT 1 FROM system.users WHERE user_id = 'plain'") else None
        status, body = used.client("plain").post(f"SELECT * FROM system.{name}")
    assert status == 403 and body["error"]["code"] in ("PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS"), body
    for statement in (f"DELETE FROM system.{name}", f"DROP TABLE system.{name}"):
        assert db.post(statement)[0] in (400, 403)
