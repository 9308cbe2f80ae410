"""IF EXISTS and IF NOT EXISTS when several clients say the same at once: one does it, nobody fails."""
import threading

import kalam
import pytest

CLIENTS = 6
PAIRS = {
    "users": ("CREATE USER IF NOT EXISTS 'twin' WITH PASSWORD 'Quick-brown-fox-7' ROLE user", "DROP USER IF EXISTS 'twin'"),
    "namespaces": ("CREATE NAMESPACE IF NOT EXISTS twin", "DROP NAMESPACE IF EXISTS twin CASCADE"),
    "tables": ("CREATE TABLE IF NOT EXISTS base.twin (id INT PRIMARY KEY)", "DROP TABLE IF EXISTS base.twin"),
}


def at_once(server, sql):
    start, messages = threading.Barrier(CLIENTS), []

    def send():
        client = server.client()
        start.wait(10)
        try:
            messages.append(client.sql(sql).message)
        except kalam.SqlError as error:
            messages.append(str(error))
        client.close()

    threads = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return messages


@pytest.mark.parametrize("what", PAIRS)
def test_one_does_it_and_nobody_fails(server, what):
    server.client().sql("CREATE NAMESPACE IF NOT EXISTS base")
    for _ in range(1 if what == "users" else 10):
        for sql in PAIRS[what]:
            messages = at_once(server, sql)
            assert len(messages) == CLIENTS
            assert sum(message.endswith(("created", "dropped")) for message in messages) == 1, messages
            assert sum(message.endswith("nothing was changed") for message in messages) == CLIENTS - 1, messages
        if what == "namespaces":
            server.client().batch("CREATE NAMESPACE twin; CREATE TABLE twin.t (id INT PRIMARY KEY); CREATE TABLE twin.u (id INT PRIMARY KEY)")
            messages = at_once(server, PAIRS[what][1])
            assert sum(message.endswith("dropped") for message in messages) == 1, messages


def test_a_table_that_is_dropped_meanwhile_is_named(server):
    client = server.client()
    client.sql("CREATE NAMESPACE IF NOT EXISTS base")
    for _ in range(10):
        client.sql("CREATE TABLE base.once (id INT PRIMARY KEY)")
        messages = at_once(server, "DROP TABLE base.once")
        assert sum(message.endswith("dropped") for message in messages) == 1, messages
        assert sum('"base.once" does not exist' in message for message in messages) == CLIENTS - 1, messages
