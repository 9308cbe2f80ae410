"""docs/sql.md tells the truth: its ```sql blocks run in order, one request each, on a fresh server.

A block behind `<!-- fails: CODE -->` must fail with that code; every other one must succeed.
"""
import re

import kalam

MANUAL = kalam.ROOT / "docs" / "sql.md"
BLOCK = re.compile(r"(?:^<!-- fails: (?P<code>\w+) -->\n)?^```sql\n(?P<sql>.*?)^```$", re.M | re.S)


def blocks():
    """(line, expected code or None, text) of each block."""
    text = MANUAL.read_text()
    found = [(text.count("\n", 0, match.start("sql")) + 1, match["code"], match["sql"].strip())
             for match in BLOCK.finditer(text)]
    assert len(found) == text.count("```sql\n"), "a block that the pattern does not see"
    assert sum(code is not None for _, code, _ in found) == text.count("<!-- fails:")
    return found


def test_every_block_of_the_manual_does_what_it_says(own_server):
    client = own_server.client()
    wrong = []
    for line, expected, sql in blocks():
        status, body = client.post(sql)
        error = body.get("error") or {}
        if error.get("code") != expected or (body.get("status") == "success") != (expected is None):
            wrong.append(f"docs/sql.md:{line}: expected {expected or 'success'}, got {status} "
                         f"{error.get('code')}: {error.get('message')}")
    client.close()
    assert not wrong, "\n".join(wrong)


def test_the_manual_has_examples():
    found = blocks()
    assert len(found) >= 30 and sum(code is not None for _, code, _ in found) >= 10
