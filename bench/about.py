"""On what the figures of a run were measured."""
import os
import pathlib
import platform
import re
import subprocess
import time

from harness import BUILD, ROOT


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    match = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return match.group(1) if match else platform.machine()


def filesystem(folder):
    """Type and source of the mount that holds the folder."""
    fields = output("findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", str(folder)).split()
    return " on ".join(fields)


def package(name):
    return output("dpkg-query", "-W", "-f", "${Version}", name)


def about(arguments, peers, folder):
    versions = {peer.name: peer.version for peer in peers.values() if peer}
    versions["RocksDB"] = package("librocksdb7.8")
    versions["DuckDB"] = next(iter(re.findall(r'"node_modules/@duckdb/node-bindings-linux-x64": \{\s*"version": "([^"]+)"', (
        ROOT / "third_party" / "duckdb" / "package-lock.json").read_text())), "")
    return {
        "commit": output("git", "rev-parse", "--short=12", "HEAD"), "changed": bool(output("git", "status", "--porcelain", "-uno")),
        "version": output(str(BUILD / "kalamd"), "--version"), "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": processor(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30, 1), "filesystem": filesystem(folder),
        "versions": versions, "seconds": arguments.seconds, "rounds": arguments.rounds, "load_before": round(os.getloadavg()[0], 1),
    }
