"""A user's instance belongs to that user: prefixes, forms of address, roles."""
import pytest


def test_user_prefix_ends_at_the_colon(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)")
    users = ["user1", "user12", "user1-", "user1.", "user", "user1@a"]
    for user in users:
        server.client(user, namespace=space).sql("INSERT INTO t VALUES (1, $1)", [user])
    for _ in range(2):
        for user in users:
            client = server.client(user, namespace=space)
            assert client.rows("SELECT v FROM t") == [[user]]
            assert client.rows("SELECT v, count(*) FROM t GROUP BY v") == [[user, "1"]]
            client.close()
        server.flush(f"{space}.t", db)


def test_plan_cache_carries_no_user(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)")
    for user in ("ann", "bob"):
        server.client(user, namespace=space).sql("INSERT INTO t VALUES (7, $1)", [user])
    for _ in range(3):
        for user in ("ann", "bob"):
            client = server.client(user, namespace=space)
            assert client.rows("SELECT v FROM t WHERE id = 7") == [[user]]
            assert client.rows("SELECT upper(v) FROM t GROUP BY v") == [[user.upper()]]
            client.close()


@pytest.mark.parametrize("user", ["a:b", "a/b", "..", "a\\b", "ü", "x" * 65, "a b", "a;b"])
def test_bad_user_ids_are_refused(server, space, user):
    client = server.client(namespace=space)
    status, _, data = client.request("POST", "/v1/api/sql", b'{"sql":"SELECT 1"}',
                                     {"Content-Type": "application/json", "X-User-Id": user.encode("utf-8")})
    assert status in (400, 401, 403), data


def test_column_called_user_id_is_ordinary(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY, user_id TEXT)")
    server.client("ann", namespace=space).sql("INSERT INTO t VALUES (1, 'bob')")
    assert server.client("bob", namespace=space).rows("SELECT * FROM t") == []
    assert server.client("ann", namespace=space).rows("SELECT user_id FROM t WHERE user_id = 'bob'") == [["bob"]]


def test_even_root_sees_only_its_own_rows(server, db, space):
    db.sql("CREATE USER TABLE t (id BIGINT PRIMARY KEY)")
    server.client("ann", namespace=space).sql("INSERT INTO t VALUES (1)")
    assert db.rows("SELECT * FROM t") == []
    assert db.sql("DELETE FROM t").row_count == 0
    assert db.rows(f"SELECT id FROM {space}.ann.t") == [["1"]]
    assert server.client("ann").rows(f"SELECT id FROM {space}.user.t") == [["1"]]
