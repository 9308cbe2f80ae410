"""kalam import, kalam export and \\copy: files into tables and back, malformed files, progress, Ctrl+C."""
import csv
import json
import re
import signal

import kalam
import pytest

COLUMNS = ("id BIGINT PRIMARY KEY, b BOOLEAN, i INT, d DOUBLE, n DECIMAL(20,4), t TEXT, u UUID, j JSON, x BYTES, "
           "dt DATE, tm TIME, ts TIMESTAMP")
ROWS = [
    ["9223372036854775807", True, -5, 0.1, "12.5000", 'say "x", it\'s\ntwo \\n 日本 🐎', "0190a1b2-0000-7000-8000-00000000abcd",
     '{"a": [1, 2.50, null]}', [0, 255, 16], 11016, 86399999999, 1769934030000001],
    ["-9223372036854775808", None, None, None, None, None, None, None, None, None, None, None],
    ["0", False, 0, 0, "0.0000", "", "0190a1b2-0000-7000-8000-00000000abcd", "[]", [], 0, 0, 0],
]


@pytest.fixture
def table(server, request):
    client = server.client()
    name = "shop.t" + re.sub(r"\W", "_", request.node.name)[:50].lower()
    client.sql(f"CREATE SHARED TABLE {name} ({COLUMNS})")
    yield name
    client.close()


def columns(name):
    return f"SELECT id, b, i, d, n, t, u, j, x, dt, tm, ts FROM {name} ORDER BY id DESC"


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_there_and_back(cli, server, table, tmp_path, kind):
    client = server.client()
    for row in ROWS:
        values = [("\\x" + bytes(v).hex()) if isinstance(v, list) else v for v in row]
        client.sql(f"INSERT INTO {table} VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9," +
                   ("NULL,NULL,NULL)" if row[9] is None else f"DATE '1970-01-01' + {row[9]}, '{'23:59:59.999999' if row[10] else '00:00:00'}', '{'2026-02-01 08:20:30.000001' if row[11] else '1970-01-01'}')"),
                   values[:9])
    before = client.rows(columns(table))
    assert [r[0] for r in before] == ["9223372036854775807", "0", "-9223372036854775808"]
    path = tmp_path / f"rows.{kind}"
    assert cli.ok("export", table, "to", str(path)).startswith("3 rows exported")
    client.sql(f"DELETE FROM {table}")
    assert cli.ok("import", str(path), "into", table).startswith(f"3 rows imported into {table}")
    after = client.rows(columns(table))
    if kind == "csv":  # cannot tell BYTES of length 0 from an empty text, but both from NULL
        assert '""' in path.read_text()
    assert after == before


def test_wide_rows(cli, server, table, tmp_path):
    """Rows that each fit into a request are never sent together when they do not."""
    path = tmp_path / "wide.csv"
    sizes = [600_000, 600_000, 10, 700_000, 1_000_000, 300_000, 300_000, 300_000]
    path.write_text("id,t\n" + "".join(f"{i},{'x' * size}\n" for i, size in enumerate(sizes)))
    assert cli.ok("import", str(path), "into", table).startswith(f"{len(sizes)} rows imported")
    rows = server.client().rows(f"SELECT id, length(t) FROM {table} ORDER BY id")
    assert [int(row[1]) for row in rows] == sizes
    server.client().sql(f"DELETE FROM {table}")
    path.write_text("id,t\n" + f"1,{'x' * 600_000}\nno,{'x' * 600_000}\n3,y\n")
    done = cli.run("import", str(path), "into", table)
    assert done.returncode == 1 and "The rows of lines 3 to 4 were not stored." in done.stderr, done.stderr
    assert server.client().rows(f"SELECT id FROM {table}") == [["1"]]


def test_files_are_what_others_read(cli, server, table, tmp_path):
    server.client().sql(f"INSERT INTO {table} (id, t, i) VALUES (1, 'a,\"b\"', 7), (2, NULL, NULL)")
    out = cli.ok("export", f"SELECT id, t, i FROM {table} ORDER BY id", "to", "-", "--format", "csv")
    assert list(csv.reader(out.splitlines())) == [["id", "t", "i"], ["1", 'a,"b"', "7"], ["2", "", ""]]
    out = cli.ok("export", f"SELECT id, t, i FROM {table} ORDER BY id", "to", "-", "--format", "json")
    assert json.loads(out) == [{"id": "1", "t": 'a,"b"', "i": 7}, {"id": "2", "t": None, "i": None}]
    out = cli.ok("export", f"SELECT id FROM {table} WHERE id > 5", "to", "-", "--format", "json")
    assert json.loads(out) == []
    assert cli.ok("export", f"SELECT id FROM {table} WHERE id > 5", "to", "-", "--format", "csv") == "id\n"


def test_import_from_a_pipe(cli, server, table):
    assert "2 rows imported" in cli.ok("import", "-", "into", table, "--format", "csv", stdin="\ufeffid,t\r\n1,x\r\n2,\"\"\r\n")
    assert server.client().rows(f"SELECT id, t FROM {table} ORDER BY id") == [["1", "x"], ["2", ""]]
    text = '[{"t":"\\ud83d\\udc0e\\u00e9\\n","id":3}\n,{"id":4, "j":null}]'
    done = cli.run("import", "-", "into", table, "--format", "json", stdin=text)
    assert done.returncode == 2 and 'line 2: the first object has no "j"' in done.stderr
    assert "0 rows imported" in done.stdout  # the batch was not sent
    cli.ok("import", "-", "into", table, "--format", "jsonl", stdin='{"id":3,"t":"\\ud83d\\udc0e","j":{"k":[1,"]"]}}\n\n{"t":null,"id":4}')
    assert server.client().rows(f"SELECT id, t, j FROM {table} WHERE id > 2 ORDER BY id") == [
        ["3", "🐎", '{"k":[1,"]"]}'], ["4", None, None]]


def test_import_of_what_several_statements_wrote(cli, server, table, tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(cli.ok("--json", "-c", "SELECT 1 AS id; SELECT 2 AS id, 'x' AS t WHERE 1 = 0; SELECT 3 AS id"))
    assert cli.ok("import", str(path), "into", table).startswith(f"2 rows imported into {table}")
    assert server.client().rows(f"SELECT id FROM {table} ORDER BY id") == [["1"], ["3"]]


@pytest.mark.parametrize("kind,text,problem", [
    ("csv", "", "is empty"),
    ("csv", "id,t\n1,\"open", "line 2: not CSV"),
    ("csv", "id,t\n1,a\n2\n", "line 3: 1 fields, the header has 2"),
    ("csv", "id,t\n1,a\"b\n", "not CSV"),
    ("json", "[{\"id\":1}", "ends within the array"),
    ("json", "[{\"id\":1}]\n7", "line 2: an object was expected"),
    ("json", "[{\"id\":nonsense}]", "line 1: not JSON"),
    ("json", "[{\"id\":\"\\ud83d\"}]", "not JSON"),
    ("jsonl", "{\"id\":1}\n7\n", "line 2: an object was expected"),
])
def test_malformed_files(cli, server, table, tmp_path, kind, text, problem):
    path = tmp_path / f"bad.{kind}"
    path.write_text(text)
    done = cli.run("import", str(path), "into", table)
    assert done.returncode == 2 and problem in done.stderr, done.stderr
    assert server.client().value(f"SELECT count(*) FROM {table}") == "0"


def test_what_the_server_refuses(cli, server, table, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,i\n" + "".join(f"{i},{i}\n" for i in range(1500)) + "1500,abc\n")
    done = cli.run("import", str(path), "into", table)
    assert done.returncode == 1 and "The rows of lines 1002 to 1502 were not stored." in done.stderr
    assert "1000 rows imported" in done.stdout  # a batch is whole or not there
    assert server.client().value(f"SELECT count(*) FROM {table}") == "1000"
    assert cli.run("import", str(path), "into", "shop.nowhere").returncode == 1


@pytest.mark.parametrize("args,problem", [
    (["import", "x.parquet", "into", "t"], "no Parquet library"), (["export", "t", "to", "x.parquet"], "no Parquet library"),
    (["import", "x.txt", "into", "t"], "kind of file is not clear"), (["import", "x.csv"], "usage: kalam import"),
    (["import", "x.csv", "to", "t"], "usage: kalam import"), (["export", "t"], "usage: kalam export"),
    (["import", "/nowhere/x.csv", "into", "t"], "No such file"), (["export", "SELECT 1; SELECT 2", "to", "-", "--format", "csv"], "one statement"),
    (["export", "t", "to", "x.csv", "--format", "xml"], "kind of file is not clear"), (["--format", "xml", "-c", "SELECT 1"], "--format is"),
])
def test_refusals(cli, tmp_path, args, problem):
    done = cli.run(*args)
    assert done.returncode == 2 and problem in done.stderr, done.stderr


def test_export_that_fails_leaves_the_file(cli, tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("id\n1\n")
    for source in ("SELECT nope FROM shop.items", "shop.nowhere", "DELETE FROM shop.items WHERE id = 99"):
        assert cli.run("export", source, "to", str(path)).returncode != 0
        assert path.read_text() == "id\n1\n"
    done = cli.run("export", "shop.items", "to", str(tmp_path / "no/such/folder.csv"))
    assert done.returncode == 2 and "No such file" in done.stderr and done.stdout == ""
    done = cli.run("export", "shop.items", "to", "/dev/full", "--format", "csv")
    assert done.returncode == 2 and "No space left" in done.stderr


def test_copy_at_the_prompt(shell, server, table, tmp_path):
    path = tmp_path / "some rows.csv"
    path.write_text("id,t\n1,x\n")
    shell.line(f"\\copy {table} from '{path}'")
    shell.expect("1 row imported")
    shell.line(f"\\copy (SELECT id, t FROM {table}) to '{tmp_path}/out' json")
    shell.expect("1 row exported")
    assert json.loads((tmp_path / "out").read_text()) == [{"id": "1", "t": "x"}]
    shell.line(f"\\copy {table} nonsense x.csv")
    shell.expect(r"ERROR: \\copy table from FILE")


def test_progress_and_interruption(cli, server, table, tmp_path):
    """A bar with rows per second on a terminal; Ctrl+C ends it and what was sent stays, in whole batches."""
    path = tmp_path / "long.csv"
    with open(path, "w") as file:
        file.write("id,t\n" + "".join(f"{i},{'x' * 300}\n" for i in range(200_000)))
    terminal = cli.terminal("import", str(path), "into", table)
    terminal.expect(r"\[[#.]{30}\] +\d+% \d+ rows, \d+ rows/s")
    terminal.interrupt()
    done = int(terminal.expect(r"(\d+) rows? imported into").group(1))
    assert terminal.wait() == 1
    terminal.close()
    assert done % 1000 == 0 and done < 200_000
    # The batch on its way when Ctrl+C came is there whole or not at all.
    assert int(server.client().value(f"SELECT count(*) FROM {table}")) in (done, done + 1000)
    process = cli.start("import", str(path), "into", table)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode != 0
