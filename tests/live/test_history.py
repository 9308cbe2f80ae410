"""100 random histories (10,000 in the long form): 0 gaps, 0 reorderings, 0 doubles. See history.py; KALAM_SEED repeats."""
import os

import history
import pytest

LONG = bool(os.environ.get("KALAM_LONG"))
SEED = int(os.environ.get("KALAM_SEED", "0"))


@pytest.mark.parametrize("name, count, exact, kills, stream", [
    ("plenty", 48, True, 0, False), ("small queues", 28, False, 0, False), ("kill -9", 8, True, 2, False),
    ("streams", 16, True, 0, True)])
def test_histories(name, count, exact, kills, stream, capsys):
    seed = SEED or (int.from_bytes(os.urandom(3), "little") if LONG else 1)
    total = history.run_many(count * 100 if LONG else count, seed, exact, kills, stream)
    with capsys.disabled():
        print(f"\nshare: {name}, from seed {seed}: {total}")
    assert total["events"] > count and total["loads"] > count
    if not exact:
        assert total["slow"] > 10  # else the queues were not small
