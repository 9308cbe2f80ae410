"""100 random histories (10,000 in the long form): 0 gaps, 0 reorderings, 0 doubles. See history.py; KALAM_SEED repeats."""
import os

import history
import pytest

LONG = bool(os.environ.get("KALAM_LONG"))
SEED = int(os.environ.get("KALAM_SEED", "0"))


@pytest.mark.parametrize("name, count, exact, kills", [("plenty", 60, True, 0), ("small queues", 32, False, 0),
                                                       ("kill -9", 8, True, 2)])
def test_histories(name, count, exact, kills, capsys):
    seed = SEED or (int.from_bytes(os.urandom(3), "little") if LONG else 1)
    total = history.run_many(count * 100 if LONG else count, seed, exact, kills)
    with capsys.disabled():
        print(f"\nshare: {name}, from seed {seed}: {total}")
    assert total["events"] > count and total["loads"] > count
    if not exact:
        assert total["slow"] > 10  # else the queues were not small
