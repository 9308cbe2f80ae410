"""docs/quickstart.md, line by line: what it says to type is typed, what it shows must come."""
import os
import re
import subprocess

import kalam
import pytest

if "release" not in str(kalam.BUILD):
    pytest.skip("as a newcomer builds it", allow_module_level=True)


def steps():
    """[(command, [lines shown])] of all blocks."""
    document = (kalam.ROOT / "docs" / "quickstart.md").read_text()
    out = []
    for block in re.findall(r"^```sh\n(.*?)^```", document, re.S | re.M):
        for line in block.splitlines():
            if line.startswith("$ "):
                out.append((line[2:], []))
            else:
                out[-1][1].append(line)
    return out


def pattern(lines):
    """… stands for anything on its line, alone on a line for any lines."""
    parts = [r"(?:.*\n)*?" if line == "…" else
             ".*?".join(re.escape(part) for part in line.split("…")) + r"\n" for line in lines]
    return re.compile("".join(parts) + r"\Z")


class Shell:
    def __init__(self, folder, port):
        (folder / "bin").mkdir()
        for program, arguments in (("kalam", f"-p {port}"), ("kalamd", f"--port {port}")):
            path = folder / "bin" / program
            path.write_text(f'#!/bin/sh\nexec "{kalam.BUILD}/{program}" {arguments} "$@"\n')
            path.chmod(0o755)
        env = {k: v for k, v in os.environ.items() if not k.startswith("KALAM")}
        env.update(HOME=str(folder), PATH=f"{folder}/bin:{env['PATH']}", KALAMDB=str(kalam.ROOT), LANG="C.UTF-8")
        self.process = subprocess.Popen(["bash"], cwd=folder, env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        """A background command is waited for where the document says so, not here."""
        self.process.stdin.write(f"{command}\necho \"--- $?\"\n")
        self.process.stdin.flush()
        lines = []
        while not (line := self.process.stdout.readline()).startswith("--- "):
            assert line, "the shell is gone"
            lines.append(line)
        return "".join(lines), int(line[4:])


def test_quickstart(tmp_path):
    port, done = kalam.free_port(), 0
    shell = Shell(tmp_path, port)
    try:
        for command, lines in steps():
            if "examples/chat" in command and not (kalam.ROOT / "examples" / "chat").exists():
                continue
            output, code = shell.run(command)
            assert code == 0, f"$ {command}\n{output}"
            if command.startswith("kalamd"):
                ready = f"kalam --json -c 'SELECT 1' >/dev/null 2>&1"
                kalam.wait_until(lambda: shell.run(ready)[1] == 0, 20, "the server")
            assert pattern(lines).match(output), f"$ {command}\n--- shown:\n{output}--- in the document:\n" + "\n".join(lines)
            done += 1
        assert done >= 15
    finally:
        shell.run("kill %1; wait")
        shell.process.stdin.close()
        shell.process.wait(timeout=30)
        shell.process.stdout.close()
