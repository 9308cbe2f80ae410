"""Dies in the middle of ALTER TABLE, with writers and flushes at work, and checks the table after the restart.

An ALTER is there as a whole or not at all: several actions in one statement, their version in the history, the columns.
An acknowledged one stays. Rows written under any version are read under the last. All deaths share one data
directory. 2 deaths per point, 20 in the long form; KALAM_FAULT_BUILD names another build with fault points.
"""
import deaths
import pytest

DEATHS = deaths.deaths(2)
POINTS = ["ddl_before_commit", "ddl_after_commit", "commit_before_write", "commit_after_write", "flush_before_commit",
          "flush_after_commit"]
WRITERS = 3


def statement(number):
    """The step from column `c{number - 1}` to `c{number}`, which old and new rows show as `number`."""
    if number % 3 == 0:
        return (f"ALTER TABLE e.t DROP COLUMN c{number - 1}, ADD COLUMN x{number} SMALLINT NOT NULL DEFAULT {number % 30000}, "
                f"RENAME COLUMN x{number} TO c{number}, ALTER c{number} TYPE BIGINT")
    return f"ALTER TABLE e.t ADD COLUMN c{number} BIGINT DEFAULT {number % 30000}, DROP COLUMN c{number - 1}"


class Load(deaths.Load):
    def __init__(self, server, state):
        super().__init__(server)
        self.state = state
        for work in [self.alter, self.flush] + [self.writer(n) for n in range(WRITERS)]:
            self.add("root", work)

    def alter(self, client):
        self.state["tried"] = self.state["done"] + 1
        client.sql(statement(self.state["tried"]))
        self.state["done"] = self.state["tried"]

    def flush(self, client):
        self.server.flush("e.t", client)

    def writer(self, number):
        def write(client):
            key = self.state["next"][number]
            self.state["next"][number] += WRITERS
            self.state["maybe"].add(key)
            client.sql("INSERT INTO e.t (id, v) VALUES ($1, $2)", [key, key * 2])
            self.state["acked"].add(key)
            if key % 5 == 0:
                client.sql("UPDATE e.t SET v = v WHERE id = $1", [key])
        return write


def check(db, state):
    names = [row[0] for row in db.rows("DESCRIBE e.t") if not row[9]]
    number = int(names[-1][1:])
    assert names == ["id", "v", f"c{number}"] and number in (state["done"], state["tried"]), (names, state["done"], state["tried"])
    state["done"] = number
    history = db.rows("SELECT version, changes FROM system.table_schemas WHERE table_name = 't' ORDER BY version")
    assert [row[0] for row in history] == list(range(1, number + 2))
    assert db.value("SELECT current_schema_version FROM system.tables WHERE table_name = 't'") == number + 1
    rows = {int(i): (int(v), int(c)) for i, v, c in db.rows(f"SELECT id, v, c{number} FROM e.t")}
    assert state["acked"] <= set(rows) <= state["maybe"]
    assert all(v == 2 * i and c == number % 30000 for i, (v, c) in rows.items())
    assert db.rows(f"SELECT min(c{number}), max(c{number}), count(*) FROM e.t HAVING count(*) > 0") in (
        [], [[str(number % 30000), str(number % 30000), str(len(rows))]])


@pytest.fixture(scope="module")
def world():
    server, rng = deaths.start(f"{DEATHS} deaths at each of {len(POINTS)} points")
    with server:
        server.client().batch("CREATE NAMESPACE e; CREATE USER TABLE e.t (id BIGINT PRIMARY KEY, v BIGINT, c0 BIGINT DEFAULT 0)")
        yield server, {"done": 0, "tried": 0, "next": list(range(WRITERS)), "acked": set(), "maybe": set()}, rng
        server.stop()


@pytest.mark.parametrize("point", POINTS)
def test_death_in_an_alter(world, point):
    server, state, rng = world
    for _ in range(DEATHS):
        deaths.die(server, point, deaths.passes(point, rng, 8), lambda server: Load(server, state))
        db = server.client("root")
        check(db, state)
        server.flush("e.t", db)
        check(db, state)
        db.close()
