"""Random histories of the whole server against a model of plain dicts; an hour in the long form. See runner.py; KALAM_SEED repeats one.

Clients change rows alone, in batches and transactions, while tables are made, altered, copied by backup and restore, flushed, and the server is
killed and restarted; after each round every row, some filters, and every subscription are held against the model.
"""
import os

import kalam
import runner

SEED = kalam.run_seed(1)
MINUTES = 60 if os.environ.get("KALAM_LONG") else 0.4


def test_histories(capsys):
    total = runner.search(SEED, 12, 6, MINUTES * 60)
    with capsys.disabled():
        print(f"\nshare: from seed {SEED}: {total}")
    assert total["done"] > total["refused"] > 0 and total["kills"] > 0 and total["schema"] > 0 and total["views"] > 0
