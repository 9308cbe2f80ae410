"""libkalam as others get it: installed into a folder, found by pkg-config, linked shared and static, from C and C++; what it exports."""
import os
import pathlib
import re
import shutil
import subprocess

import kalam
import pytest

EXAMPLES = kalam.ROOT / "examples" / "c"
# A sanitizer's library wants programs that are built with it.
pytestmark = pytest.mark.skipif("release" not in str(kalam.BUILD), reason="the release build is what is installed")


def run(*args, **options):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, f"{args}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("install") / "a place"
    run("cmake", "--install", kalam.BUILD, "--component", "client", "--prefix", prefix)
    return prefix


def flags(prefix, *args):
    folder = next(prefix.rglob("kalam.pc")).parent
    out = run("pkg-config", *args, "kalam", env=dict(os.environ, PKG_CONFIG_PATH=str(folder)))
    return [word.replace("\\ ", " ") for word in re.split(r"(?<!\\)\s+", out.strip())]


@pytest.mark.parametrize("compiler,standard,link", [("gcc", "-std=c11", "shared"), ("g++", "-std=c++17", "shared"),
                                                    ("gcc", "-std=c11", "static")])
def test_examples(installed, server, tmp_path, compiler, standard, link):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    library = next(installed.rglob("kalam.pc")).parent.parent
    env = dict(os.environ, LD_LIBRARY_PATH=str(library))
    words = flags(installed, "--cflags", "--libs") if link == "shared" else (
        [w.replace("-lkalam", "-l:libkalam.a") for w in flags(installed, "--cflags", "--static", "--libs")])
    for name in ("query", "live", "export"):
        run(compiler, standard, "-Wall", "-Wextra", "-Werror", "-x", "c" if compiler == "gcc" else "c++",
            EXAMPLES / f"{name}.c", "-x", "none", *words, "-o", tmp_path / name)
        needed = run("readelf", "-d", tmp_path / name)
        assert ("libkalam.so.0" in needed) == (link == "shared")
    user = f"user_{compiler.replace('+', 'p')}_{link}"
    assert run(tmp_path / "query", f"http://localhost:{server.port}", user, env=env).splitlines() == [
        "Inserted 1 row(s)", "Inserted 1 row(s)", "1 Tea", "2 Milk"]
    assert run(tmp_path / "live", f"http://localhost:{server.port}", user, "2", env=env).splitlines()[-1].startswith("2 rows:")
    assert run(tmp_path / "export", f"http://localhost:{server.port}", user, "SELECT id, title FROM examples.items ORDER BY id",
               env=env) == "id,title\n1,Tea\n2,Milk\n"
    failed = subprocess.run([str(tmp_path / "export"), f"http://localhost:{server.port}", user, "SELECT nope"], env=env, capture_output=True,
                            text=True, timeout=60)
    assert failed.returncode == 1 and failed.stderr.startswith("sql error COLUMN_NOT_FOUND: ")


def test_exports_are_the_headers(installed):
    """Every function of the headers is exported with a version, and nothing else is."""
    text = "".join(p.read_text() for p in sorted((installed / "include" / "kalam").glob("*.h")))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = set(re.findall(r"\b(kalam_\w+)\(", "\n".join(re.findall(r"KALAM_API[^;]*;", text, re.S))))
    library = next(p for p in installed.rglob("libkalam.so") if p.exists())
    symbols = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]
    assert {s for s in symbols if "@" in s} == {f"{name}@@KALAM_0" for name in declared}
    assert [s for s in symbols if "@" not in s] in ([], ["KALAM_0"])
    static = next(installed.rglob("libkalam.a"))
    out = run("nm", "-g", "--defined-only", static)
    assert {line.split()[-1] for line in out.splitlines() if re.search(r" [A-Z] ", line)} == declared
    for header in (installed / "include" / "kalam").glob("*.h"):
        assert len(header.read_text().splitlines()) <= 200


def test_the_document_compiles(installed, tmp_path):
    """The first program of docs/client-c.md, and the loop over events within a function."""
    blocks = re.findall(r"```c\n(.*?)```", (kalam.ROOT / "docs" / "client-c.md").read_text(), re.S)
    assert len(blocks) == 2
    (tmp_path / "first.c").write_text(blocks[0])
    (tmp_path / "second.c").write_text("#include <kalam/kalam.h>\n#include <stdio.h>\n"
                                       "void f(kalam_client *client)\n{\nkalam_error error;\n" + blocks[1] + "}\n")
    words = flags(installed, "--cflags", "--libs")
    run("gcc", "-Wall", "-Wextra", "-Werror", "-Wno-switch", tmp_path / "first.c", *words, "-o", tmp_path / "first")
    run("gcc", "-Wall", "-Wextra", "-Werror", "-Wno-switch", "-c", tmp_path / "second.c", *words, "-o", tmp_path / "second.o")


def test_every_call_is_documented():
    """docs/client-c.md names every function."""
    headers = "".join(p.read_text() for p in (kalam.ROOT / "include" / "kalam").glob("*.h"))
    document = (kalam.ROOT / "docs" / "client-c.md").read_text()
    assert not {name for name in re.findall(r"KALAM_API[^;]*?\b(kalam_\w+)\(", headers) if name not in document}
    assert pathlib.Path(kalam.ROOT / "examples" / "c" / "query.c").exists()
