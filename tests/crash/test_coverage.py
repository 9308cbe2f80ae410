"""Every fault point that has a name is passed by a test that dies or fails there."""
import re

import deaths
import kalam


def test_every_point_is_in_a_test():
    tests = [path for kind in ("*.py", "*.c") for path in (kalam.ROOT / "tests").rglob(kind) if path.name != "test_coverage.py"]
    text = "\n".join(path.read_text() for path in tests)
    named = set(re.findall(r"\b\w+\b", text))
    # test_fault_points.py takes them from the list itself, but for these.
    import test_fault_points
    assert {point for point in deaths.POINTS if point not in test_fault_points.POINTS} <= named
    sources = "\n".join(path.read_text() for path in (kalam.ROOT / "src").rglob("*.c"))
    assert {point for point in deaths.POINTS if f"FAULT({point})" not in sources} == set(), "named, but nowhere passed"
    assert deaths.POINTS == sorted(deaths.POINTS)
