"""Fixtures: one server per test module (`server`), or a server of one's own (`own_server`)."""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kalam  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    with kalam.Server() as running:
        yield running
        running.stop()


@pytest.fixture
def own_server():
    with kalam.Server() as running:
        yield running


@pytest.fixture
def db(server):
    """A root client."""
    client = server.client()
    yield client
    client.close()


@pytest.fixture
def space(db):
    """A fresh namespace of this test."""
    name = f"t{next(_numbers)}"
    db.sql(f"CREATE NAMESPACE {name}")
    db.namespace = name
    return name
