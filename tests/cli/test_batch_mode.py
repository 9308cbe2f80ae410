"""-c, -f and standard input: what is printed, in every format, and the exit codes."""
import csv
import io
import json
import os
import re
import signal
import stat
import subprocess

import kalam
import pytest

SELECT = "SELECT id, title, price FROM shop.items ORDER BY id"


def without_times(text):
    return re.sub(r"Time: \d+\.\d{3} ms\n", "", text)


def test_table(cli):
    out = cli.ok("-c", SELECT)
    assert re.search(r"Time: \d+\.\d{3} ms\n$", out)
    assert without_times(out) == ("+----+-------+-------+\n"
                                  "| id | title | price |\n"
                                  "+----+-------+-------+\n"
                                  "|  1 | Tea   |  2.50 |\n"
                                  "|  2 | 日本  |  NULL |\n"
                                  "+----+-------+-------+\n"
                                  "(2 rows)\n")


def test_empty_result_and_times(cli):
    assert "(0 rows)" in cli.ok("-c", "SELECT id FROM shop.items WHERE id = 99")
    assert "2026-02-01" in cli.ok("-c", "SELECT at FROM shop.items WHERE id = 1")


def test_json_is_only_an_array(cli):
    rows = json.loads(cli.ok("--json", "-c", SELECT))
    assert rows == [{"id": "1", "title": "Tea", "price": "2.50"}, {"id": "2", "title": "日本", "price": None}]


def test_csv(cli, server):
    client = server.client()
    client.sql("CREATE SHARED TABLE shop.odd (id BIGINT PRIMARY KEY, t TEXT)")
    texts = ['a,b', 'say "x"', 'two\nlines', '', None]
    for i, text in enumerate(texts):
        client.sql("INSERT INTO shop.odd VALUES ($1, $2)", [i, text])
    out = cli.run("--csv", "-c", "SELECT id, t FROM shop.odd ORDER BY id").stdout
    assert [row[1] for row in csv.reader(io.StringIO(out))] == ["t", 'a,b', 'say "x"', "two\nlines", "", ""]
    # In a table a line break does not break the table, nor does an escape sequence reach the terminal.
    client.sql("INSERT INTO shop.odd VALUES (9, $1)", ["\x1b[2Jx"])
    out = cli.ok("-c", "SELECT t FROM shop.odd ORDER BY id")
    assert "two\\nlines" in out and "\x1b" not in out and "\\x1b[2Jx" in out


def test_markdown(cli):
    assert cli.ok("--format", "markdown", "-c", SELECT) == (
        "| id | title | price |\n| ---: | --- | ---: |\n| 1 | Tea | 2.50 |\n| 2 | 日本 | NULL |\n")


# CSI as one byte and as two, a title, DEL, a lone carriage return; then what is to stay: a line's end
HOSTILE = "CONCAT('a', CHR(27), '[2Jb', CHR(155), '5mc', CHR(27), ']0;t', CHR(7), 'd', CHR(127), CHR(13), 'e', CHR(10), 'f')"
RAW = "a\x1b[2Jb\x9b5mc\x1b]0;t\x07d\x7f\re\nf"


def controls(text):
    """Control characters that reach a terminal, but for ends of lines."""
    return re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", re.sub(r"\r+\n", "\n", text))


@pytest.mark.parametrize("form, shown", [
    ("csv", r'"a\x1b[2Jb\x9b5mc\x1b]0;t\x07d\x7f\re'), ("markdown", r"a [2Jb\x9b5mc ]0;t d\x7f e<br>f"),
    ("html", r"a [2Jb\x9b5mc ]0;t d\x7f e<br>f"), ("table", r"a\x1b[2Jb\x9b5mc\x1b]0;t\x07d\x7f\re\nf"),
    ("json", r"a\u001b[2Jb\u009b5mc\u001b]0;t\u0007d\u007f\re\nf"),
    ("jsonl", r"a\u001b[2Jb\u009b5mc\u001b]0;t\u0007d\u007f\re\nf")])
def test_data_does_not_steer_the_terminal(cli, form, shown):
    terminal = cli.terminal("--format", form, "--no-color", "--no-progress", "-c", f"SELECT {HOSTILE} AS x")
    assert terminal.wait() == 0
    text = terminal.raw.decode()
    assert controls(text) == [] and shown in text, text
    terminal.close()


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_data_in_a_file_is_exact(cli, form):
    out = subprocess.run(cli.arguments(["--format", form, "-c", f"SELECT {HOSTILE} AS x"]),
                         env=cli.environment(), capture_output=True, timeout=60).stdout.decode()
    if form == "csv":
        assert out == f'x\r\n"{RAW}"\r\n'
    else:
        assert (json.loads(out)[0] if form == "json" else json.loads(out)) == {"x": RAW}


@pytest.mark.parametrize("form, shown", [("json", r"a\u001b[2Jb\u009b5mc"), ("table", r"a\x1b[2Jb\x9b5mc")])
def test_live_rows_do_not_steer(cli, server, table, form, shown):
    terminal = cli.terminal("--format", form, "--no-color", "--no-progress", "--max-events", "1", "-c", f"SUBSCRIBE TO {table}")
    terminal.expect("Initial data")
    client = server.client()
    client.sql(f"INSERT INTO {table} VALUES (2, {HOSTILE})")
    assert terminal.wait() == 0
    text = terminal.raw.decode()
    assert controls(text) == [] and shown in text, text
    client.close()
    terminal.close()


def test_messages_do_not_steer_the_terminal(cli, server):
    wrong = "SELECT CAST('\x1b[2J\x9b5m' AS INT)"
    raw = cli.run("-c", wrong).stderr
    assert "[2J\x9b5m" in raw, raw  # as the server says it: one line, so that ESC is a blank
    terminal = cli.terminal("--no-color", "--no-progress", "-c", wrong)
    assert terminal.wait() == 1
    text = terminal.raw.decode()
    assert controls(text) == [] and r" [2J\x9b5m" in text, text
    terminal.close()


def test_changes_say_how_many(cli):
    out = cli.ok("-c", "CREATE SHARED TABLE shop.c (id BIGINT PRIMARY KEY, n INT); INSERT INTO shop.c VALUES (1, 1);"
                       "INSERT INTO shop.c VALUES (2, 1), (3, 1); UPDATE shop.c SET n = 2; DELETE FROM shop.c WHERE id = 1")
    lines = without_times(out).splitlines()
    assert lines[0].startswith("Statement 1: ")
    assert lines[1:] == ["Statement 2: 1 row inserted.", "Statement 3: 2 rows inserted.",
                         "Statement 4: 3 rows updated.", "Statement 5: 1 row deleted."]
    # A single statement has no number; in JSON nothing but rows is printed.
    assert without_times(cli.ok("-c", "UPDATE shop.c SET n = 3;")) == "2 rows updated.\n"
    assert cli.ok("--json", "-c", "UPDATE shop.c SET n = 4") == ""


def test_file_stops_at_the_first_error(cli, tmp_path, server):
    path = tmp_path / "script.sql"
    path.write_text("-- a comment; with a semicolon\n"
                    "CREATE SHARED TABLE shop.f (id BIGINT PRIMARY KEY, t TEXT);\n"
                    "INSERT INTO shop.f VALUES (1, 'a;b');\n"
                    "SELECT * FROM shop.nowhere;\n"
                    "INSERT INTO shop.f VALUES (2, 'never');\n")
    done = cli.run("-f", str(path))
    assert done.returncode == 1
    assert "Statement 2: 1 row inserted." in done.stdout and "Statement 4" not in done.stdout
    assert done.stderr.startswith("ERROR: Statement 3 failed: table not found")
    assert server.client().rows("SELECT t FROM shop.f") == [["a;b"]]


def test_stdin(cli):
    assert "(2 rows)" in cli.ok(stdin=SELECT)
    assert json.loads(cli.ok("--json", "-f", "-", stdin=SELECT + ";\n"))[0]["title"] == "Tea"
    done = cli.run(stdin="SELECT 'open")
    assert done.returncode == 1 and done.stderr.startswith("ERROR: ")


def test_transaction_is_one_request(cli, server):
    cli.ok("-c", "CREATE SHARED TABLE shop.tx (id BIGINT PRIMARY KEY)")
    out = cli.ok("-c", "BEGIN; INSERT INTO shop.tx VALUES (1); COMMIT; SELECT count(*) AS n FROM shop.tx")
    assert "Transaction committed" in out and server.client().value("SELECT count(*) FROM shop.tx") == "1"
    done = cli.run("-c", "BEGIN; INSERT INTO shop.tx VALUES (2); INSERT INTO shop.tx VALUES (1); COMMIT")
    assert done.returncode == 1 and "already exists" in done.stderr
    done = cli.run(stdin="BEGIN;\nINSERT INTO shop.tx VALUES (2);\n")
    assert done.returncode == 1 and "COMMIT is missing" in done.stderr
    cli.ok(stdin="START TRANSACTION;\nINSERT INTO shop.tx VALUES (3);\nROLLBACK;\n")
    assert server.client().value("SELECT count(*) FROM shop.tx") == "1"


def test_sql_error_goes_to_stderr(cli):
    done = cli.run("-c", "SELECT nope FROM shop.items")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == 'ERROR: column not found: column "nope" does not exist\n'
    assert cli.run("--color=true", "-c", "SELECT nope FROM shop.items").stderr.startswith("\x1b[31mERROR:\x1b[0m ")


def test_namespace_and_user(cli):
    assert "(2 rows)" in cli.ok("-n", "shop", "-c", "SELECT id FROM items")
    # Another user has rows of his own: none.
    assert "(0 rows)" in cli.ok("-n", "shop", "-u", "lena", "-c", "SELECT id FROM items")


# ---- USE -------------------------------------------------------------------------------------------

@pytest.fixture
def two(server):
    """A table of the same name in two namespaces; the text in each says which."""
    client = server.client()
    for space in ("default", "shop"):
        client.sql(f"CREATE SHARED TABLE {space}.two (id BIGINT PRIMARY KEY, t TEXT); INSERT INTO {space}.two VALUES (1, '{space}')")
    yield client
    for space in ("default", "shop"):
        client.sql(f"DROP TABLE {space}.two")
    client.close()


USES = ["USE shop", "use namespace Shop", "SET NAMESPACE \"shop\"", "-- a\nUSE /* b */ `shop` -- c\n"]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_use_holds_for_what_follows(cli, two, use, form):
    sql = f"{use}; SELECT 1 AS a; SELECT t FROM two; DELETE FROM two;"
    out = cli.ok("--format", form, "-c", sql)
    assert ("Using namespace shop" in out) == (form == "table") and "default" not in out
    assert two.rows("SELECT t FROM default.two") == [["default"]] and two.rows("SELECT t FROM shop.two") == []


def test_use_in_a_file_and_on_standard_input(cli, two, tmp_path):
    path = tmp_path / "use.sql"
    path.write_text("USE shop;\nBEGIN; UPDATE two SET t = 'new'; COMMIT;\nUSE default;\nSELECT t FROM two;\n")
    assert cli.ok("--csv", "-f", str(path)).split() == ["t", "default"]
    assert two.rows("SELECT t FROM shop.two") == [["new"]]
    assert cli.ok("--csv", "-n", "shop", stdin="SELECT t FROM two; USE default; SELECT t FROM two").split() == [
        "t", "new", "t", "default"]


def test_use_holds_for_live_queries(cli, server, two):
    process = cli.start("--json", "--max-events", "1", "-c", "USE shop; SUBSCRIBE TO two LAST 5")
    wait_for_subscriber(server, "shop.two")
    two.sql("INSERT INTO default.two VALUES (2, 'no'); INSERT INTO shop.two VALUES (2, 'yes')")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert [json.loads(line)["row"]["t"] for line in out.splitlines()] == ["shop", "yes"]


def test_use_that_fails_ends_the_batch(cli, two):
    done = cli.run("-c", "USE nowhere; DELETE FROM two")
    assert done.returncode == 1 and "namespace not found" in done.stderr
    assert two.rows("SELECT t FROM default.two") == [["default"]]


# ---- text ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("bad", [b"DELETE FROM default.two \0WHERE id = 7", b"DELETE FROM default.two -- \xff\n WHERE id = 7",
                                 "DELETE FROM default.two".encode("utf-16")])
def test_text_that_is_none(cli, two, tmp_path, bad):
    """Nothing of it runs, not even what stands before."""
    path = tmp_path / "bad.sql"
    path.write_bytes(b"DELETE FROM default.two;\n" + bad)
    done = cli.run("-f", str(path))
    assert (done.returncode, done.stdout) == (2, "") and done.stderr == f"ERROR: {path}: line 2: not UTF-8 text\n"
    with open(path, "rb") as file:
        done = subprocess.run(cli.arguments([]), stdin=file, env=cli.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "line 2: not UTF-8 text" in done.stderr
    if b"\0" not in bad:
        done = subprocess.run(cli.arguments(["-c", path.read_bytes()]), env=cli.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and done.stderr == "ERROR: line 2: not UTF-8 text\n"
    assert two.rows("SELECT t FROM default.two") == [["default"]]


def test_byte_order_mark(cli, tmp_path):
    path = tmp_path / "bom.sql"
    path.write_text("\ufeffSELECT 1 AS one;\n")
    assert cli.ok("--json", "-f", str(path)) == '[{"one":1}]\n'
    assert cli.ok("--json", stdin=path.read_text()) == '[{"one":1}]\n'


def test_quoted_names_hide_semicolons(cli):
    assert json.loads(cli.ok("--json", "-c", "SELECT 1 AS `it's;``a`")) == [{"it's;`a": 1}]


@pytest.mark.parametrize("args", [["--bogus"], ["-p", "0"], ["--format", "xml"], ["-c"], ["word"], ["-c", "x", "-f", "y"],
                                  ["-h", "http://x/path", "-c", "SELECT 1"], ["-f", "/nowhere/at.all"]])
def test_usage_errors(cli, args):
    done = cli.run(*args, port=args[0] == "-f")
    assert done.returncode == 2 and done.stderr and done.stdout == ""


def test_help_and_version(alone):
    assert "Exit codes" in alone.ok("--help")
    assert re.fullmatch(r"kalam \d+\.\d+\.\d+\n", alone.ok("-v"))


def test_unreachable_server(alone):
    done = alone.run("-p", str(kalam.free_port()), "-c", "SELECT 1")
    assert done.returncode == 3 and done.stderr.startswith("ERROR: cannot reach http://localhost:")
    terminal = alone.terminal("-p", str(kalam.free_port()))
    assert terminal.wait() == 3 and "kalam> " not in terminal.text
    terminal.close()


def test_config_file_is_made_and_checked(cli, tmp_path):
    cli.ok("-c", "SELECT 1")
    path = tmp_path / ".kalam" / "config.toml"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    path.write_text('[output]\nformat = "csv"\n')
    assert cli.ok("-c", "SELECT 1 AS one") == "one\r\n1\r\n" or cli.ok("-c", "SELECT 1 AS one") == "one\n1\n"
    assert cli.ok("--json", "-c", "SELECT 1 AS one").strip() == '[{"one":1}]'
    path.write_text("[output]\n\nformat = 7\n")
    done = cli.run("-c", "SELECT 1")
    assert done.returncode == 2 and "line 3: format: " in done.stderr


def test_unwritable_output(cli):
    import subprocess
    with open("/dev/full", "w") as full:
        done = subprocess.run(cli.arguments(["-c", "SELECT 1"]), env=cli.environment(), stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "cannot be written" in done.stderr


# ---- subscriptions ---------------------------------------------------------------------------------

@pytest.fixture
def table(server, request):
    client = server.client()
    name = "shop.l" + re.sub(r"\W", "_", request.node.name)[:40]
    client.sql(f"CREATE USER TABLE {name} (id BIGINT PRIMARY KEY, title TEXT)")
    client.sql(f"INSERT INTO {name} VALUES (1, 'Tea')")
    yield name
    client.close()


def wait_for_subscriber(server, name):
    sql = f"SELECT count(*) FROM system.live_queries WHERE table_name = '{name.split('.')[1]}'"
    kalam.wait_until(lambda: server.client().value(sql) == "1", 20, "subscriber")


def test_subscription_until_max_events(cli, server, table):
    process = cli.start("--max-events", "3", "-c", f"SUBSCRIBE TO {table}")
    wait_for_subscriber(server, table)
    client = server.client()
    live_id = client.value(f"SELECT live_id FROM system.live_queries WHERE table_name = '{table.split('.')[1]}'")
    client.sql(f"INSERT INTO {table} VALUES (2, 'Milk')")
    client.sql(f"UPDATE {table} SET title = 'Oat milk' WHERE id = 2")
    client.sql(f"DELETE FROM {table} WHERE id = 2")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    lines = [re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", line) for line in out.splitlines()]
    assert lines[0] == f"Subscription established (live_id: {live_id})"
    assert lines[1] == "Initial data: 0 rows"
    assert lines[2].startswith("INSERT → id=2, title=Milk")
    assert lines[3].startswith("UPDATE → id=2, title=Milk → Oat milk")
    assert lines[4].startswith("DELETE → id=2, title=Oat milk") and "no longer" not in lines[4]


def test_live_id_of_a_later_attempt(cli, server, table):
    """A new column makes the client subscribe again, by an id of its own."""
    process = cli.start("--max-events", "2", "-c", f"SUBSCRIBE TO {table}")
    wait_for_subscriber(server, table)
    client = server.client()
    client.sql(f"INSERT INTO {table} VALUES (2, 'Milk')")
    client.sql(f"ALTER TABLE {table} ADD COLUMN n BIGINT")
    client.sql(f"INSERT INTO {table} VALUES (3, 'Rice', 1)")
    again = f"SELECT count(*) FROM system.live_queries WHERE table_name = '{table.split('.')[1]}' AND query_id LIKE '%.2'"
    kalam.wait_until(lambda: client.value(again) == "1", 20, "second attempt")
    client.sql(f"INSERT INTO {table} VALUES (4, 'Salt', 1)")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    first, second = re.findall(r"Subscription established \(live_id: (.+)\)", out)
    assert second == first + ".2"


def test_subscription_with_snapshot_as_json(cli, server, table):
    process = cli.start("--json", "--max-events", "1", "-c", f"SUBSCRIBE TO {table} LAST 5")
    wait_for_subscriber(server, table)
    server.client().sql(f"INSERT INTO {table} VALUES (2, 'Milk')")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [(e["type"], e["row"]["id"]) for e in events] == [("initial", "1"), ("insert", "2")]


def test_subscription_as_json_lines(cli, server, table):
    process = cli.start("--format", "jsonl", "--max-events", "1", "-c", f"SUBSCRIBE TO {table}")
    wait_for_subscriber(server, table)
    server.client().sql(f"INSERT INTO {table} VALUES (2, 'Milk')")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert [json.loads(line)["row"]["id"] for line in out.splitlines()] == ["2"]


@pytest.mark.parametrize("form", ["csv", "markdown", "html"])
def test_subscription_has_no_form_as_a_table(cli, form):
    done = cli.run("--format", form, "-c", "SUBSCRIBE TO shop.items")
    assert (done.returncode, done.stdout) == (2, "") and f"no form as {form}" in done.stderr


@pytest.mark.parametrize("name", ["`items`", '"items"', "/* a /* b */ c */ items"])
def test_subscription_in_the_default_namespace(cli, name):
    out = cli.run("-n", "shop", "--json", "-c", f"SUBSCRIBE TO {name} WHERE nope = 1")
    assert out.returncode == 1 and "column not found" in out.stderr  # not: table not found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_subscription_until_signal(cli, server, table, number):
    process = cli.start("-c", f"SUBSCRIBE SELECT id FROM {table} WHERE id > 1")
    wait_for_subscriber(server, table)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and out.endswith("Subscription ended.\n"), (out, err)


@pytest.mark.parametrize("number, code, left", [(signal.SIGINT, 0, "0"), (signal.SIGTERM, 1, "1")])
def test_statements_behind_a_subscription(cli, server, table, number, code, left):
    """Ctrl+C ends the subscription alone; SIGTERM ends kalam, which says that it has not done all."""
    process = cli.start("-c", f"SUBSCRIBE TO {table}; DELETE FROM {table} WHERE id = 1")
    wait_for_subscriber(server, table)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, "" if code == 0 else "ERROR: cancelled\n"), out
    assert server.client().value(f"SELECT count(*) FROM {table}") == left


def test_rows_per_second_while_a_result_goes_to_a_file(cli):
    import pty
    import subprocess
    ours, theirs = pty.openpty()
    process = subprocess.Popen(cli.arguments(["--csv", "-c", "SELECT generate_series AS id FROM generate_series(1, 2000000)"]),
                               env=cli.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    rows = process.stdout.read().count(b"\n")
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert process.wait(timeout=30) == 0 and rows == 2_000_001
    assert re.search(r"\d+ rows, \d+ rows/s", seen)


def test_subscription_error(cli):
    done = cli.run("-c", "SUBSCRIBE TO shop.nowhere")
    assert done.returncode == 1 and done.stderr.startswith("ERROR: ")


def test_subscription_larger_than_the_server_takes(tmp_path):
    import conftest
    with kalam.Server(config='[limits]\nmax_message_size = "4KiB"\n') as small:
        small.client().sql("CREATE NAMESPACE r")
        small.client().sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY, title TEXT)")
        done = conftest.Cli(small, tmp_path).run("-c", f"SUBSCRIBE TO r.t WHERE title = '{'x' * 5000}'")
        assert done.returncode == 1 and "limits.max_message_size" in done.stderr


def test_subscription_survives_a_restart(own_server, tmp_path):
    import conftest
    client = own_server.client()
    client.sql("CREATE NAMESPACE r")
    client.sql("CREATE USER TABLE r.t (id BIGINT PRIMARY KEY)")
    client.close()
    process = conftest.Cli(own_server, tmp_path).start("--max-events", "1", "-c", "SUBSCRIBE TO r.t")
    wait_for_subscriber(own_server, "r.t")
    own_server.restart()
    wait_for_subscriber(own_server, "r.t")
    own_server.client().sql("INSERT INTO r.t VALUES (1)")
    out, err = process.communicate(timeout=40)
    assert process.returncode == 0, err
    assert "Connection restored" in out and "INSERT → id=1" in out


@pytest.fixture
def own_server():
    with kalam.Server() as running:
        yield running
