"""Where a function runs: in SELECT, UPDATE SET, VALUES and WHERE of changes all that the manual lists; in RETURNING, ON CONFLICT DO UPDATE and WHERE
of live queries those that it lists again, the others are refused by name."""
import pathlib
import re

import kalam

ROOT = pathlib.Path(kalam.ROOT)
PER_ROW = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}  # not in live queries


def calls():
    """(function, an expression with it) from the SQL texts that hold one call of each."""
    text = (ROOT / "tests/sql/analytic/functions.sql").read_text()
    return re.findall(r'^SELECT (.*) AS "([a-z_0-9]+)" FROM one GROUP BY ALL;$', text, re.M)


def listed():
    text = (ROOT / "docs/sql-functions.md").read_text()
    section = re.search(r"^## Everywhere$(.*?)^## ", text, re.M | re.S).group(1)
    return set(re.findall(r"`([a-z_0-9]+)`", section))


def code(client, text):
    status, body = client.post(text)
    return ("ok", "") if body["status"] == "success" else (body["error"]["code"], body["error"]["message"])


def is_refusal(answer, place, name):
    """NOT_SUPPORTED with place and name; lists, lambdas, maps and casts to their types are no syntax of ours."""
    wanted, message = answer
    return wanted in ("INVALID_SQL", "TYPE_MISMATCH") or (wanted == "NOT_SUPPORTED" and (f"{place}: function {name} here" in message or name not in message))


def test_every_documented_function(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, ok BOOLEAN)")
    db.sql("INSERT INTO t VALUES (1, true)")
    everywhere, wrong, tried = listed(), [], 0
    for expression, name in calls():
        tried += 1
        places = {
            "RETURNING": code(db, f"UPDATE t SET ok = true WHERE id = 1 RETURNING {expression} AS x"),
            "ON CONFLICT DO UPDATE": code(db, f"INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET ok = ({expression}) IS NULL"),
        }
        for place, answer in places.items():
            if (answer[0] == "ok") != (name in everywhere) or (answer[0] != "ok" and not is_refusal(answer, place, name)):
                wrong.append((name, place, *answer))
        selects = code(db, f"SELECT {expression} AS x FROM t WHERE id = 1")
        knows = places["RETURNING"][0] == "ok" or "RETURNING: " in places["RETURNING"][1]  # else our parser does not
        if selects[0] == "ok" and knows:
            for text in (f"UPDATE t SET ok = ({expression}) IS NULL WHERE id = 1", f"DELETE FROM t WHERE id = 2 AND ({expression}) IS NULL",
                         f"INSERT INTO t VALUES (2, ({expression}) IS NULL) ON CONFLICT DO NOTHING"):
                if code(db, text)[0] != "ok":
                    wrong.append((name, text, *code(db, text)))
    assert tried > 300
    assert not wrong, "\n".join(map(str, wrong))


def test_live_queries(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, d DOUBLE, w TEXT, ts TIMESTAMP)")
    everywhere, wrong = listed(), []
    some = [(expression, name) for expression, name in calls() if name in everywhere] + [("md5('a')", "md5"), ("reverse('a')", "reverse")]
    for start in range(0, len(some), 40):  # a socket may send 50 messages a second
        socket = server.websocket("ann")
        for number, (expression, name) in enumerate(some[start:start + 40]):
            socket.send({"type": "subscribe", "subscription": {"id": f"q{number}", "sql": f"SELECT id FROM {space}.t WHERE ({expression}) IS NULL"}})
            answer = socket.take(lambda m: m["type"] in ("error", "subscription_ack"))
            refused = answer["type"] == "error"
            if refused != (name not in everywhere) or (refused and f"WHERE of a live query: function {name} here" not in answer["message"]):
                wrong.append((name, answer))
        socket.close()
        kalam.wait_until(lambda: db.value("SELECT count(*) FROM system.live_queries WHERE user_id = 'ann'") == "0", 20, "they end")
    assert not wrong, "\n".join(map(str, wrong))
    socket = server.websocket("ann")
    socket.subscribe("parts", f"SELECT id FROM {space}.t WHERE starts_with(w, 'a') AND mod(id, 2) = 1 AND power(d, 2) > 4 AND split_part(w, '-', 2) = 'b' "
                              "AND year(ts) = 2026 AND round(d, 1) = 2.3 AND 'x' || d = 'x2.25'", {"last_rows": 0})
    db.sql("INSERT INTO t VALUES (1, 2.25, 'a-b', '2026-01-02'), (2, 2.25, 'a-b', '2026-01-02'), (3, 2, 'a-b', '2026-01-02'), (5, 2.25, 'a-b', '2026-01-02')")
    assert [row["id"] for row in socket.expect("change", "parts")["rows"]] == [1, 5]
    for name in sorted(PER_ROW):
        socket.send({"type": "subscribe", "subscription": {"id": name, "sql": f"SELECT id FROM {space}.t WHERE {name}() IS NULL"}})
        assert socket.take(lambda m: m["type"] == "error")["code"] == "UNSUPPORTED", name
    socket.close()


def test_parameters(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, w TEXT, d DOUBLE)")
    returned = db.rows("INSERT INTO t VALUES (1, lpad($1, $2, '.'), round($3::DOUBLE, $4)) RETURNING w, d, left(w, $4), rpad(w, $2, '-'), round(d, $4), power($2, 2), chr($5)",
                       ["tea", 5, 2.345, 2, 233])
    assert returned == [["..tea", 2.35, "..", "..tea", 2.35, 25, "é"]]
    assert db.rows("UPDATE t SET d = round(d, $1) WHERE mod(id, $2) = 1 RETURNING d, round(d, $3)", [1, 2, -9223372036854775808]) == [[2.4, 0]]
    assert db.rows("SELECT lpad(w, $1) AS a, round(d, $2) AS b FROM t WHERE id = 1", [2, 0]) == [["..", 2]]


def test_random_where(server, db, space):
    """One answer for a row, though the rows of a change are looked at twice: half of them change, and not a quarter."""
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, a INT)")
    db.sql("INSERT INTO t SELECT g, 0 FROM generate_series(1, 4000) s(g)")
    for statement in ("UPDATE t SET a = 1 WHERE random() < 0.5", "DELETE FROM t WHERE uuid()::TEXT < '8'"):
        changed = db.sql(statement).row_count
        assert 1800 < changed < 2200, statement  # six standard deviations
    db.sql("CREATE STREAM TABLE s (id INT PRIMARY KEY) TTL '1h'")
    db.sql("INSERT INTO s SELECT g FROM generate_series(1, 1000) s(g)")
    assert 400 < db.sql("DELETE FROM s WHERE random() < 0.5").row_count < 600
    assert db.sql("UPDATE t SET a = 2 WHERE random() < 2 AND id IN (SELECT min(id) FROM t)").row_count == 1


OPERATORS = ["{0} LIKE {1}", "{0} NOT LIKE {1}", "{0} ILIKE {1}", "{0} LIKE {1} ESCAPE '!'", "{0} ~ {1}", "{0} !~ {1}", "{0} ~* {1}", "{0} SIMILAR TO {1}", "{0} || {1}",
             "{0} = {1}", "{0} IN ({1}, 'x')", "{0} BETWEEN {1} AND 'x'"]


def arguments(expression, name):
    """The texts before, of and behind the arguments of the call of the function, or nothing if they are no list of values."""
    begin = re.search(rf"\b{name}\(", expression)
    if begin is None:
        return None
    parts, depth, quoted, start = [], 0, False, begin.end()
    for at in range(begin.end(), len(expression)):
        byte = expression[at]
        quoted ^= byte == "'"
        if quoted:
            continue
        if byte in "([{":
            depth += 1
        elif depth > 0 and byte in ")]}":
            depth -= 1
        elif depth == 0 and byte in ",)":
            parts.append(expression[start:at].strip())
            start = at + 1
            if byte == ")":
                return expression[:begin.end()], parts, expression[at:]
    return None


def test_every_argument_as_a_subquery(server, db, space):
    """DuckDB shows a function that is being bound no argument with a subquery in it: the answer is that of the value itself, or an error, never the
    end of the server."""
    wrong, tried, same = [], 0, 0
    cases = [(name, arguments(expression, name)) for expression, name in calls()]
    cases += [(text, ("", ["'ab'", "'a%'"], text)) for text in OPERATORS]
    for name, found in cases:
        if found is None or found[1] in ([""], ["*"]):
            continue
        before, parts, behind = found
        for index, part in enumerate(parts):
            for wrapped in (f"(SELECT {part})", f"(CASE WHEN EXISTS (SELECT 1) THEN {part} END)"):
                given = [*parts[:index], wrapped, *parts[index + 1:]]
                texts = [behind.format(*p) if not before else before + ", ".join(p) + behind for p in (parts, given)]
                plain, asked = (db.post(f"SELECT ({text}) AS x") for text in texts)
                tried += 1
                if asked[1]["status"] == "success" and plain[1]["status"] == "success":
                    same += 1
                    rows = [body["results"][0]["rows"] for _, body in (plain, asked)]
                    if rows[0] != rows[1]:
                        wrong.append((texts[1], *rows))
                elif asked[0] >= 500:
                    wrong.append((texts[1], asked))
    print(f"share: {tried} arguments as subqueries, {same} answered")
    assert not wrong, "\n".join(map(str, wrong))
    assert tried > 600 and same > 400


def test_subqueries_of_rows_as_arguments(server, db, space):
    db.sql("CREATE SHARED TABLE t (id INT PRIMARY KEY, w TEXT)")
    db.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'ab')")
    assert db.rows("SELECT id FROM t WHERE w LIKE (SELECT u.w FROM t u WHERE u.id = 1)") == [[1]]
    for text, params in (("(SELECT min(u.w) || '%' FROM t u WHERE u.id < t.id)", []), ("(SELECT min(u.w) || $1 FROM t u WHERE u.id < t.id)", ["%"])):
        assert db.rows(f"SELECT id FROM t WHERE w LIKE {text}", params) == [[3]]
    assert db.rows("SELECT $1 AS p FROM t WHERE regexp_matches(w, (SELECT max(u.w) || $2 FROM t u))", [7, "$"]) == [["7"], ["7"]]
    assert db.rows("SELECT w LIKE (SELECT 'a%') AS x, count(*) FROM t GROUP BY w LIKE (SELECT 'a%') ORDER BY x") == [[False, "1"], [True, "2"]]
    assert db.value("SELECT length((SELECT array_agg(id) FROM t))") == 3
    assert code(db, "SELECT length((SELECT 5))")[0] in ("INVALID_SQL", "TYPE_MISMATCH")
    many = [" AND ".join(f"w NOT LIKE (SELECT '%{i}%')" for i in range(count)) for count in (64, 65)]
    assert db.value(f"SELECT count(*) FROM t WHERE {many[0]}") == "3"
    assert code(db, f"SELECT count(*) FROM t WHERE {many[1]}") == ("INVALID_SQL", "Statement 1 failed: too many functions of texts whose arguments "
                                                                  "hold subqueries; a statement may have 64")
