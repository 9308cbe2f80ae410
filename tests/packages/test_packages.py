"""Debian packages and container image: built from the release build, installed in a throw-away copy of this machine."""
import os
import pathlib
import re
import shutil
import subprocess

import kalam
import pytest

HERE = pathlib.Path(__file__).resolve().parent
DOCKER = kalam.ROOT / "packaging/docker"
KEYS = (kalam.ROOT / "src/server/config_keys.h").read_text()


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folders with the packages of two versions; the second one is repacked from the first."""
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    done = run(kalam.ROOT / "scripts/package", "--no-build", "--quick", "--version", "0.1.0", "--output", old)
    assert done.returncode == 0, done.stderr
    for package in old.iterdir():
        tree = new / "tree"
        assert run("dpkg-deb", "-R", package, tree).returncode == 0
        control = tree / "DEBIAN/control"
        control.write_text(control.read_text().replace("0.1.0", "0.1.1"))
        assert run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", tree, new / package.name.replace("0.1.0", "0.1.1")).returncode == 0
        shutil.rmtree(tree)
    return old, new


def in_overlay(*command):
    done = run(HERE / "in_overlay", *command)
    if done.returncode == 77:
        pytest.skip("no overlay here: needs root and mount name spaces")
    assert done.returncode == 0 and "all steps hold" in done.stdout, done.stdout + done.stderr


def test_contents(built):
    fields = {p.name.split("_")[0]: run("dpkg-deb", "-f", p).stdout for p in built[0].iterdir()}
    assert set(fields) == {"kalamd", "kalam", "libkalam0", "libkalam-dev"}
    assert "librocksdb" in fields["kalamd"] and "libduckdb" not in fields["kalamd"] and "libedit2" in fields["kalam"]
    assert not any("@" in text.replace("maintainers@", "") for text in fields.values())
    listing = run("dpkg-deb", "-c", next(built[0].glob("kalamd_*"))).stdout
    assert all(f"./{path}\n" in listing for path in ("usr/bin/kalamd", "usr/lib/kalamdb/libduckdb.so", "etc/kalamdb/kalamd.toml",
                                                     "lib/systemd/system/kalamd.service"))
    assert all(line.split()[1] == "root/root" for line in listing.splitlines())


def test_install_upgrade_remove_purge(built):
    before = run("dpkg-query", "-W").stdout
    in_overlay(HERE / "life_of_a_package", *built)
    assert run("dpkg-query", "-W").stdout == before and not pathlib.Path("/usr/bin/kalamd").exists()


def test_steps_of_the_image(built):
    in_overlay(HERE / "steps_of_the_image", kalam.ROOT, built[0])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_unit_is_confined():
    unit = kalam.ROOT / "packaging/systemd/kalamd.service"
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    level = float(re.search(r"Overall exposure level for kalamd.service: ([\d.]+)", done.stdout).group(1))
    assert level <= 2.5
    problems = [line for line in run("systemd-analyze", "verify", unit).stderr.splitlines()
                if "kalamd.service" in line and "not executable" not in line]
    assert problems == []
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.M).group(1))
    assert stop > 300 + 30 + 10  # flush, statements, cancelled ones


def test_container_files_agree():
    """What an engine would complain about, as far as that shows without one."""
    dockerfile, compose = (DOCKER / "Dockerfile").read_text(), (DOCKER / "compose.yaml").read_text()
    steps = [line for line in re.sub(r"\\\n", " ", dockerfile).splitlines() if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in steps} <= known and sum(line.startswith("FROM") for line in steps) == 2
    assert [line for line in steps if line.startswith("USER")] == ["USER 10001:10001"]
    for line in steps:
        if line.startswith("COPY") and "--from" not in line:
            assert all((kalam.ROOT / source).exists() for source in line.split()[1:-1]), line
    names = {"KALAMDB_" + short for short in re.findall(r'"([A-Z_]{4,})"', KEYS)} | {"KALAMDB_ROOT_PASSWORD", "KALAMDB_JWT_SECRET"} | \
        {"KALAMDB_" + key.upper().replace(".", "_") for key in re.findall(r'X\(\w+, "([a-z_.0-9]+)"', KEYS)}
    set_by_compose = set(re.findall(r"^      (KALAMDB_\w+):", compose, re.M))
    assert set_by_compose <= names and set(re.findall(r"(KALAMDB_\w+)=", dockerfile)) <= names
    asked = set(re.findall(r"\$\{(KALAMDB_\w+)", compose))
    assert asked == set(re.findall(r"^(KALAMDB_\w+)=", (DOCKER / ".env.example").read_text(), re.M))
    assert int(re.search(r"stop_grace_period: (\d+)s", compose).group(1)) >= 400


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck")
def test_scripts_are_sound():
    scripts = [kalam.ROOT / "scripts/package", DOCKER / "healthcheck", *HERE.glob("*_*"), *(kalam.ROOT / "packaging/deb").glob("kalamd.p*")]
    scripts = [p for p in scripts if p.read_text(errors="replace").startswith("#!") and "python" not in p.read_text()[:40]]
    assert len(scripts) >= 8
    done = run("shellcheck", "-e", "SC2016", *scripts)
    assert done.returncode == 0, done.stdout


def test_healthcheck_tells_the_truth(tmp_path):
    with kalam.Server() as server:
        check = [str(DOCKER / "healthcheck")]
        environment = dict(os.environ, KALAMDB_PORT=str(server.port))
        assert run(*check, env=environment).returncode == 0
        server.stop()
        assert run(*check, env=environment).returncode == 1
