"""The prompt on a pseudo terminal: editing, commands, Ctrl+C, live display, paging, history."""
import json
import pathlib
import re
import signal
import stat
import time

import kalam
import pytest


def test_statement_over_several_lines(shell):
    shell.line("SELECT id,")
    shell.expect("    -> ")
    shell.line("title FROM items WHERE title = 'Tea;';")
    shell.expect(r"\(0 rows\)")
    shell.expect("kalam> ")
    shell.line("SELECT 1 AS a; SELECT 2 AS b;")
    shell.expect(r"\| a \|.*\| b \|.*kalam> ")
    assert shell.leave() == 0


def test_ctrl_c_drops_a_half_typed_statement(shell):
    shell.line("SELECT 'half")
    shell.expect("    -> ")
    shell.interrupt()
    shell.expect(r"\^C.*kalam> ")
    shell.line("SELECT 41 + 1 AS answer;")
    shell.expect(r"\| +42 \|")


def test_errors_leave_the_prompt(shell):
    shell.line("SELECT nope FROM items;")
    shell.expect("ERROR: column not found")
    shell.expect("kalam> ")
    shell.line("\\nonsense")
    shell.expect(r"ERROR: unknown command \\nonsense")
    shell.line("\\timing maybe")
    shell.expect(r"ERROR: \\timing \[on\|off\]")
    shell.line("\\x 1 2")
    shell.expect("wrong number of arguments")


def test_settings(shell):
    shell.line("\\timing off")
    shell.expect("Timing is off")
    shell.expect("kalam> ")
    shell.line("SELECT 1 AS one;")
    assert "Time:" not in shell.expect(r"\(1 row\).*kalam> ").group(0)
    shell.line("\\x")
    shell.expect("Expanded display is on")
    shell.line("SELECT 7 AS seven;")
    shell.expect(r"-\[ RECORD 1 \]-\s+seven \| 7")
    shell.line("\\x off")
    shell.line("\\format json")
    shell.line("SELECT 1 AS one;")
    shell.expect(re.escape('[{"one":1}]'))
    shell.line("\\format nonsense")
    shell.expect(r"ERROR: \\format")
    shell.line("\\config")
    shell.expect(r"credentials +none.*namespace +shop.*format +json")


def test_catalogue_commands(shell):
    shell.line("\\dt")
    shell.expect(r"items.*rows?\)")
    shell.line("\\d items")
    shell.expect(r"BIGINT.*TEXT.*rows\)")
    shell.line("\\d items;DROP")
    shell.expect("takes the name of a table|rows")
    shell.line("\\du")
    shell.expect(r"root.*rows?\)")
    shell.line("\\health")
    shell.expect("is healthy")
    shell.line("\\?")
    shell.expect(r"\\watch \[seconds\]")


def test_include_and_output(shell, tmp_path):
    script, out = tmp_path / "s.sql", tmp_path / "out.txt"
    script.write_text("SELECT 5 AS five;\nSELECT 6 AS six;\n")
    shell.line(f"\\i {script}")
    shell.expect(r"Statement 1:.*five.*Statement 2:.*six")
    shell.line(f"\\o {out}")
    shell.line("\\format csv")
    shell.line("SELECT 7 AS seven;")
    shell.line("\\o")
    shell.line("SELECT 8 AS eight;")
    shell.expect(r"eight\s+8\s")
    assert out.read_text().split() == ["seven", "7"]
    shell.line("\\i /nowhere/at.all")
    shell.expect("ERROR: /nowhere/at.all: No such file")


def test_wide_table_fits_the_terminal(cli):
    terminal = cli.terminal(columns=40)
    terminal.expect("kalam> ")
    terminal.line("SELECT '" + "x" * 200 + "' AS a, 'short' AS b;")
    terminal.expect(r"\(1 row\)")
    table = [line for line in terminal.text.splitlines() if line.startswith(("+", "| "))]
    assert table and all(len(line) == 40 for line in table) and any("x… |" in line for line in table)
    terminal.line("\\x auto")
    terminal.line("SELECT '" + "y" * 60 + "' AS wide;")
    terminal.expect(r"RECORD 1.*wide \| y{60}")
    terminal.close()


def test_long_results_page(shell, server):
    client = server.client()
    client.sql("CREATE SHARED TABLE shop.many (id BIGINT PRIMARY KEY)")
    for start in range(0, 2500, 500):
        client.sql("INSERT INTO shop.many VALUES " + ",".join(f"({i})" for i in range(start, start + 500)))
    shell.line("SELECT id FROM many ORDER BY id;")
    shell.expect(r"\| +999 \|.*Press Enter for more\.\.\.")
    shell.type("\n")
    shell.expect(r"\| +1999 \|.*Press Enter for more\.\.\.")
    shell.line("q")
    shell.expect(r"\(2500 rows\)")
    assert "| 2400 |" not in shell.text


def test_live_display(shell, server):
    client = server.client()
    client.sql("CREATE USER TABLE shop.live (id BIGINT PRIMARY KEY, title TEXT)")
    client.sql("INSERT INTO shop.live VALUES (1, 'Tea')")
    shell.line("SUBSCRIBE TO live LAST 10;")
    shell.expect(r"Subscription established \(live_id: .+?\)")
    shell.expect(r"Initial data: 1 row\b.*ROW → id=1, title=Tea")
    client.sql("INSERT INTO shop.live VALUES (2, 'Milk')")
    shell.expect(r"\[\d\d:\d\d:\d\d\] INSERT → id=2, title=Milk")
    shell.line("\\pause")
    shell.expect("Paused")
    client.sql("UPDATE shop.live SET title = 'Oat' WHERE id = 2")
    shell.line("\\continue")
    shell.expect(r"UPDATE → id=2, title=Milk → Oat")
    shell.interrupt()
    shell.expect("Subscription ended.*kalam> ")
    shell.line("SUBSCRIBE TO live;")
    live_id = shell.expect(r"Subscription established \(live_id: (.+?)\)").group(1)
    client.sql(f"KILL LIVE QUERY '{live_id}'")
    shell.expect("ended by KILL LIVE QUERY.*kalam> ")
    shell.line("\\pause")
    shell.expect("no subscription is running")
    count = "SELECT count(*) FROM system.live_queries WHERE table_name = 'live'"
    kalam.wait_until(lambda: client.value(count) == "0", 10, "end of the subscription")


def test_flush_waits_for_jobs(shell, server):
    client = server.client()
    client.sql("CREATE USER TABLE shop.fl (id BIGINT PRIMARY KEY)")
    client.sql("INSERT INTO shop.fl VALUES (1), (2)")
    shell.line("\\flush")
    shell.expect(r"\S*fl\S*: completed", 60)
    assert client.sql("SHOW TABLE STATS shop.fl").dicts()[0]["flushed_rows"] in ("2", 2)


def test_watch(shell):
    shell.line("\\watch")
    shell.expect("no statement to repeat")
    shell.line("SELECT 77 AS again;")
    shell.line("\\watch 1")
    shell.expect(r"77.*again.*77.*again.*77")
    shell.interrupt()
    shell.expect("kalam> ")
    shell.line("SELECT 'alive' AS x;")
    shell.expect("alive")
    shell.line("\\watch 0")
    shell.expect("whole number")


def test_completion(shell, server):
    shell.type("SELE\t")
    shell.expect("SELECT ")
    shell.type("* FROM shop.ite\t")
    shell.expect(r"shop\.items ")
    shell.type("WHERE tit\t")
    shell.expect("title ")
    shell.line("= 'Tea';")
    shell.expect(r"Tea.*\(1 row\)")
    shell.type("\\con\t\t")
    shell.expect(r"\\config +\\connect +\\continue")


def test_history_lasts(cli, tmp_path):
    first = cli.terminal()
    first.expect("kalam> ")
    first.line("SELECT 123 AS kept,")
    first.expect("    -> ")
    first.line("4;")
    first.expect(r"\(1 row\)")
    first.line("ALTER USER nobody SET PASSWORD 'geheim12345';")
    first.expect("ERROR.*kalam> ")
    assert first.leave() == 0
    first.close()
    path = tmp_path / ".kalam" / "history"
    assert path.read_text() == "SELECT 123 AS kept,\\n4;\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    second = cli.terminal()
    second.expect("kalam> ")
    second.line("\\history")
    second.expect(r"1 +SELECT 123 AS kept,")
    second.line("\\history clear")
    second.line("\\q")
    assert second.wait() == 0 and path.read_text() == "\\\\q\n"  # typed behind the clearing
    second.close()


def test_connect(cli, server):
    terminal = cli.terminal()
    terminal.expect("kalam> ")
    terminal.line(f"\\connect -h localhost:{kalam.free_port()}")
    terminal.expect("ERROR: cannot reach")
    terminal.line(f"\\connect -h localhost:{server.port} -u lena")
    terminal.expect("Connected to .* as lena")
    terminal.line("\\connect nonsense")
    terminal.expect(r"ERROR: \\connect")
    terminal.close()


def test_use_holds_until_connect(cli, server, tmp_path):
    client = server.client()
    client.sql("CREATE NAMESPACE other; CREATE SHARED TABLE other.here (id BIGINT PRIMARY KEY, t TEXT)")
    terminal = cli.terminal("-n", "shop")
    terminal.expect("kalam> ")
    terminal.line("USE other;")
    terminal.expect("Using namespace other.*kalam> ")
    terminal.line("INSERT INTO here VALUES (1, 'typed');")
    terminal.expect("1 row inserted")
    path = tmp_path / "rows.csv"
    path.write_text("id,t\n2,copied\n")
    terminal.line(f"\\copy here from {path}")
    terminal.expect("1 row imported")
    terminal.line("\\config")
    terminal.expect("namespace +other")
    terminal.line(f"\\connect -h localhost:{server.port}")
    terminal.expect("Connected to")
    terminal.line("\\config")
    terminal.expect("namespace +shop")
    path = tmp_path / "use.sql"
    path.write_text("USE other;")
    terminal.line(f"\\i {path}")
    terminal.expect("Using namespace other")
    terminal.line("\\d here")
    terminal.expect("BIGINT")
    terminal.close()
    assert client.rows("SELECT t FROM other.here ORDER BY id") == [["typed"], ["copied"]]
    client.close()


def test_dot_has_colour_only_when_wanted(cli):
    with_colour = cli.terminal()
    with_colour.expect("kalam> ")
    assert b"\x1b[32m" in with_colour.raw and "●" in with_colour.text
    with_colour.close()
    without = cli.terminal("--no-color")
    without.expect("kalam> ")
    assert b"\x1b[32m" not in without.raw and "●" in without.text
    without.close()


def test_a_spinner_shows_what_takes_long(shell, server):
    server.process.send_signal(signal.SIGSTOP)
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
    try:
        kalam.wait_until(lambda: all(") T" in (t / "stat").read_text() for t in tasks.iterdir()), 10, "the halt")
        shell.line("SELECT 'slow' AS x;")
        first = shell.expect(r"⠋ (\d\.\d) s\r?⠙ (\d\.\d) s\r?⠹ (\d\.\d) s")
    finally:
        server.process.send_signal(signal.SIGCONT)
    times = [float(time) for time in first.groups()]
    assert 0.2 <= times[0] < times[1] < times[2]
    shell.expect(r"\| slow \|")
    shell.expect("kalam> ")


def test_ctrl_c_stops_waiting_for_a_query(shell):
    shell.line("SELECT sum(a.id * b.id * c.id) FROM many a, many b, many c;")
    match = shell.expect(r"ERROR|\d\.\d s", 30)  # the spinner, or a refusal
    if "ERROR" not in match.group(0):
        shell.interrupt()
        shell.expect("ERROR: cancelled")
    shell.expect("kalam> ")
    shell.line("SELECT 'alive' AS x;")
    shell.expect("alive", 60)


@pytest.mark.parametrize("width", [20, 200])
def test_unicode_columns_line_up(cli, width):
    terminal = cli.terminal(columns=width)
    terminal.expect("kalam> ")
    terminal.line("\\format json")
    terminal.line("SELECT 'e\u0301' AS x;")
    match = terminal.expect(r"\[\{.x.:.*?\}\]")
    assert json.loads(match.group(0)) == [{"x": "e\u0301"}]
    terminal.close()


# ---- live views ------------------------------------------------------------------------------------

def test_watch_is_pushed_where_the_server_can_follow(shell, server):
    client = server.client()
    client.sql("CREATE SHARED TABLE shop.w (id BIGINT PRIMARY KEY, n INT)")
    client.sql("INSERT INTO shop.w VALUES (1, 10)")
    shell.line("SELECT id, n FROM w WHERE n > 5;")
    shell.expect(r"\(1 row\)")
    shell.line("\\watch")
    shell.expect(r"after every change.*\| +10 \|.*\(1 row\)")
    while shell.read(0.3):
        pass
    assert not shell.read(2.5)  # no polling, which would be every 2 s
    client.sql("INSERT INTO shop.w VALUES (2, 20)")
    shell.expect(r"\| +20 \|.*\(2 rows\)")
    client.sql("UPDATE shop.w SET n = 1 WHERE id = 1")
    shell.expect(r"\(1 row\)")
    shell.interrupt()
    shell.expect("kalam> ")
    count = "SELECT count(*) FROM system.live_queries WHERE table_name = 'w'"
    kalam.wait_until(lambda: client.value(count) == "0", 10, "end of the subscription")
    shell.line("SELECT count(*) AS c FROM w;")  # no live query: polled
    shell.line("\\watch")
    shell.expect(r"\| c \|.*\| c \|", 20)
    shell.interrupt()
    shell.expect("kalam> ")


def test_live_rows(shell, server):
    client = server.client()
    client.sql("CREATE SHARED TABLE shop.lr (id BIGINT PRIMARY KEY, title TEXT)")
    client.sql("INSERT INTO shop.lr VALUES (1, 'Tea')")
    shell.line("\\live SELECT id, title FROM lr")
    shell.expect(r"\| id \| title \|.*\| +1 \| Tea +\|.*\(1 row; Ctrl\+C ends\)")
    client.sql("INSERT INTO shop.lr VALUES (2, 'Milk')")
    shell.expect(r"Tea.*Milk.*\(2 rows; ")
    client.sql("DELETE FROM shop.lr WHERE id = 1")
    match = shell.expect(r"\+-+.*?\(1 row; ")
    assert "Milk" in match.group(0) and "Tea" not in match.group(0)
    shell.interrupt()
    shell.expect("kalam> ")
    shell.line("\\live SELECT count(*) FROM lr")
    shell.expect("ERROR: .*kalam> ")


def test_latency(shell):
    shell.line("\\latency 5")
    shell.expect(r"5 round trips: min \d+\.\d+ ms, median .* max \d+\.\d+ ms")
    shell.line("\\latency 0")
    shell.expect("whole number")


# ---- editing ---------------------------------------------------------------------------------------

def test_edit_in_the_own_editor(cli, tmp_path):
    editor = tmp_path / "my editor"
    editor.write_text("#!/bin/sh\nsed -i 's/1 AS one/2 AS two;/' \"$1\"\n")
    editor.chmod(0o755)
    terminal = cli.terminal(env={"EDITOR": f"'{editor}'", "VISUAL": "", "TMPDIR": str(tmp_path)})
    terminal.expect("kalam> ")
    terminal.line("SELECT 1 AS one")
    terminal.expect("    -> ")
    terminal.line("\\e")
    terminal.expect(r"SELECT 2 AS two;.*\| two \|.*\(1 row\)")
    terminal.line("\\q")
    assert terminal.wait() == 0 and not list(tmp_path.glob("*.sql"))
    terminal.close()
    broken = cli.terminal(env={"EDITOR": "false", "VISUAL": ""})
    broken.expect("kalam> ")
    broken.line("\\e")
    broken.expect("ERROR: the editor false failed.*kalam> ")
    broken.close()


def test_what_the_editor_leaves_is_text(cli, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'SELECT 5 AS five \\0AND 6;' > \"$1\"\n")
    editor.chmod(0o755)
    terminal = cli.terminal(env={"EDITOR": str(editor), "VISUAL": "", "TMPDIR": str(tmp_path)})
    terminal.expect("kalam> ")
    terminal.line("\\e")
    terminal.expect("ERROR: line 1: not UTF-8 text.*kalam> ")
    terminal.line("SELECT 7 AS seven;")
    assert "five" not in terminal.expect(r"\(1 row\)").group(0)
    terminal.close()


def test_arrows_bring_statements_back(shell):
    shell.line("SELECT 11 AS first;")
    shell.expect(r"\(1 row\).*kalam> ")
    shell.line("SELECT 22 AS second;")
    shell.expect(r"\(1 row\).*kalam> ")
    shell.type("\x1b[A\x1b[A\n")  # twice up
    shell.expect(r"\| first \|.*\(1 row\).*kalam> ")
    shell.type("SELECT 3 AS x;\x1b[D\x1b[D\x1b[D4\n")  # left, left, left, a digit: x becomes … AS 4x is no name
    shell.expect("(ERROR|row).*kalam> ")
    shell.type("\x12second")  # Ctrl+R searches
    shell.expect("22")
    shell.type("\n")
    shell.expect(r"\| second \|")


def test_completion_knows_the_place(shell, server):
    client = server.client()
    client.sql("CREATE SHARED TABLE shop.orders (order_id BIGINT PRIMARY KEY, amount DECIMAL(10,2))")
    client.sql("CREATE SHARED TABLE shop.orphans (orphan_id BIGINT PRIMARY KEY, amount_due INT)")
    shell.line("\\refresh-tables")
    shell.type("SELECT * FROM shop.or\t\t")  # tables only, not ORDER
    match = shell.expect(r"shop\.orders +shop\.orphans\s")
    assert "ORDER" not in match.group(0)
    shell.type("d\tWHERE am\t")  # the named table's column, not the other's
    shell.expect(r"amount (?!_)")
    shell.type("> 1 AND regexp_m\t")
    shell.expect("regexp_matches ")
    shell.interrupt()
    shell.line("SELECT o.*")
    shell.expect("    -> ")
    shell.type("FROM shop.orphans o WHERE o.orph\t")  # of the lines before too, behind an alias
    shell.expect(r"o\.orphan_id ")
    shell.interrupt()
    shell.type("\\format js\t\t")
    shell.expect(r"json +jsonl")


def test_the_caret_shows_where(shell, cli):
    shell.line("SELECT 1 +")
    shell.expect("    -> ")
    shell.line("  FROM x;")
    shell.expect(r'ERROR: syntax error at or near "FROM" at line 2, column 3\s+FROM x\s+\^')
    done = cli.run("-c", "SELECT 'é', FRM FROM; x")
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and lines[1].startswith("  SELECT") and lines[2].strip() == "^"


# ---- Ctrl+C, the window, the server's restart -------------------------------------------------------

def test_ctrl_c_in_every_state(cli, shell, server):
    def alive():
        shell.expect("kalam> ")
        shell.line("SELECT 'ali' || 've' AS x;")
        shell.expect("alive")
        shell.expect("kalam> ")

    shell.type("SELECT half")
    shell.interrupt()  # on the line itself
    alive()
    shell.line("SELECT generate_series AS id FROM generate_series(1, 3000);")
    shell.expect("Press Enter for more")
    shell.interrupt()  # while paging
    alive()
    shell.line("SUBSCRIBE TO items;")
    shell.expect("established")
    shell.line("\\pause")
    shell.expect("Paused")
    shell.interrupt()  # while held
    alive()
    shell.line("SELECT 1;")
    shell.expect(r"\(1 row\).*kalam> ")
    shell.line("\\latency 100000")
    shell.interrupt()
    alive()


def test_ctrl_c_cuts_off_a_write(shell):
    """What is shown afterwards is not held to have failed."""
    shell.line("SELECT 77 AS again;")
    shell.expect("77.*kalam> ")
    shell.line("\\watch 1")
    shell.expect("77.*77")
    shell.type("\x13")  # Ctrl+S: the terminal takes no more
    time.sleep(1.5)
    shell.interrupt()
    shell.expect("kalam> ")
    shell.line("SUBSCRIBE TO items;")
    shell.expect("established")
    shell.line("\\pause")
    shell.expect("Paused")
    shell.interrupt()
    shell.expect("Subscription ended")
    assert shell.leave() == 0 and "cannot be written" not in shell.text


def test_ctrl_c_behind_a_line_is_not_lost(shell):
    for tried in range(100):
        shell.line("\\latency 1000000")
        time.sleep(tried / 50000)  # before the command has started, and after
        shell.interrupt()
        shell.line("")
        shell.line(f"SELECT {tried} + 1000 AS x;")
        shell.expect(rf"\| {tried + 1000} \|.*kalam> ", 10)


def test_ctrl_c_ends_a_file_of_statements(cli, tmp_path):
    script = tmp_path / "many.sql"
    script.write_text("SELECT 1 AS one;\n" * 200000)
    running = cli.start("-f", str(script))
    assert "one" in running.stdout.readline() + running.stdout.readline() + running.stdout.readline()
    running.send_signal(signal.SIGINT)  # in a statement or between two
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 1 and re.fullmatch(r"ERROR: (Statement \d+ failed: )?cancelled\n", errors)


def test_the_window_changes(cli):
    terminal = cli.terminal(columns=100)
    terminal.expect("kalam> ")
    wide = "SELECT '" + "x" * 200 + "' AS a;"
    terminal.line(wide)
    terminal.expect(r"\(1 row\).*kalam> ")
    terminal.resize(50)
    before = len(terminal.text)
    terminal.line(wide)
    terminal.expect(r"\(1 row\)")
    table = [line for line in terminal.text[before:].splitlines() if line.startswith("+")]
    assert table and all(len(line) == 50 for line in table)
    terminal.close()


def test_the_server_restarts_meanwhile(tmp_path):
    import conftest
    with kalam.Server() as own:
        terminal = conftest.Cli(own, tmp_path).terminal()
        terminal.expect("kalam> ")
        terminal.line("CREATE NAMESPACE r; CREATE SHARED TABLE r.t (id BIGINT PRIMARY KEY);")
        terminal.expect("created.*created.*kalam> ")
        own.stop()
        terminal.line("SELECT 1 AS one;")
        terminal.expect("ERROR: cannot reach")
        assert b"\x1b[31m" in terminal.raw  # the dot is red
        own.start()
        terminal.line("SELECT 1 AS one;")
        terminal.expect(r"\| one \|.*kalam> ")
        terminal.line("\\live SELECT id FROM r.t")
        terminal.expect(r"\(0 rows; ")
        own.restart()
        own.client().sql("INSERT INTO r.t VALUES (5)")
        terminal.expect(r"\| +5 \|.*\(1 row; ", 30)
        terminal.interrupt()
        terminal.expect("kalam> ")
        terminal.line("\\q")
        assert terminal.wait() == 0
        terminal.close()


def test_the_own_pager(cli, tmp_path):
    (tmp_path / ".kalam").mkdir()
    (tmp_path / ".kalam" / "config.toml").write_text(f'[output]\npager = "cat >{tmp_path}/paged; echo pager was here"\n')
    terminal = cli.terminal("--no-color")
    terminal.expect("kalam> ")
    terminal.line("SELECT 1 AS small;")
    terminal.expect(r"\| small \|.*kalam> ")
    terminal.line("SELECT generate_series AS id FROM generate_series(1, 100);")
    terminal.expect(r"pager was here.*kalam> ")
    assert "|  99 |" in (tmp_path / "paged").read_text() and "|  99 |" not in terminal.text
    terminal.close()
