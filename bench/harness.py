"""What the bench scripts share: running the measuring programs of build/release."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("KALAM_BUILD", ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests" / "support"))
os.environ.setdefault("KALAM_BUILD", str(BUILD))
import kalam  # noqa: E402,F401


def tool(*args, env=None):
    """Runs a bench program; returns its JSON lines."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          env=dict(os.environ, **(env or {})))
    if done.returncode:
        raise SystemExit(f"{args}: {done.stderr}")
    if done.stderr:
        print(done.stderr[:300], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]
