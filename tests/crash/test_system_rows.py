"""A statement on system tables is there whole or not at all, wherever the server dies."""
import os
import pathlib

import kalam
import pytest

BUILD = pathlib.Path(os.environ.get("KALAM_FAULT_BUILD", kalam.ROOT / "build" / "asan"))
STATEMENT = ("INSERT INTO system.users (user_id, username, email) VALUES ('a', 'A', 'x'), ('b', 'B', 'y'), "
             "('c', 'C', NULL)")


@pytest.mark.parametrize("point, survives", [("ddl_before_commit", False), ("ddl_after_commit", True)])
def test_a_statement_is_whole_after_a_death(point, survives):
    if not (BUILD / "kalamd").exists():
        pytest.skip("no build with fault points")
    with kalam.Server(env={"KALAM_FAULT": f"{point}:kill:3"}, build=BUILD) as server:  # after root and `default`
        with pytest.raises((OSError, ValueError, kalam.http.client.HTTPException)):
            server.client().sql(STATEMENT)
        kalam.wait_until(lambda: server.process.poll() is not None, 30, "death")
        server.env = {}
        server.start()
        root = server.client()
        rows = root.rows("SELECT user_id, username, email FROM system.users WHERE user_id <> 'root'")
        assert rows == ([["a", "A", "x"], ["b", "B", "y"], ["c", "C", None]] if survives else [])
        if survives:
            root.sql("UPDATE system.users SET email = 'z' WHERE user_id IN ('a', 'c')")
        else:
            root.sql(STATEMENT)
        server.kill()
        server.start()
        emails = server.client().rows("SELECT email FROM system.users WHERE user_id <> 'root'")
        assert emails == ([["z"], ["y"], ["z"]] if survives else [["x"], ["y"], [None]])
