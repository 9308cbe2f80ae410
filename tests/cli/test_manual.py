"""What is written about kalam and kalamd is true: options in man pages, shell completions and docs are those of --help."""
import re
import shutil
import subprocess

import kalam
import pytest

PACKAGING = kalam.ROOT / "packaging"
SECTION = {"kalam": "1", "kalamd": "8"}


def help_text(program):
    done = subprocess.run([str(kalam.BUILD / program), "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    return done.stdout


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def short_options(text):
    return set(re.findall(r"(?<![\w-])-[a-zA-Z](?=, --)", text))


@pytest.mark.parametrize("program", ["kalam", "kalamd"])
def test_man_page(program):
    source = (PACKAGING / "man" / f"{program}.{SECTION[program]}").read_text()
    plain = re.sub(r"\\f[RIB]", "", source).replace("\\-", "-")
    heads = [line for line in plain.splitlines() if line.startswith((".BR -", ".B -"))]
    assert options(" ".join(heads).replace('"', "")) == options(help_text(program))
    for short in short_options(help_text(program)):
        assert any(re.search(rf"\.BR? {short}\b", head) for head in heads), short
    assert source.startswith('.\\" SPDX') and ".SH SEE ALSO" in source
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=source, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize("program", ["kalam", "kalamd"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_file(program, shell):
    name = f"_{program}" if shell == "zsh" else f"{program}.{shell}"
    source = (PACKAGING / "completion" / name).read_text()
    # Comments are no options; fish writes long ones without their dashes.
    body = "\n".join(line for line in source.splitlines() if not line.startswith("#"))
    found = ({"--" + word for word in re.findall(r" -l ([a-z-]+)", body)} if shell == "fish"
             else {word for word in options(body)})
    assert found == options(help_text(program))
    if program == "kalam":
        for action in ("login", "logout", "import", "export"):
            assert action in body
        formats = re.search(r"table, expanded.*?html", help_text("kalam"), re.S).group(0)
        assert " ".join(re.findall(r"\w+", formats.replace(" or ", " "))) in body


def bash_completes(program, *words):
    script = (f"source '{PACKAGING}/completion/{program}.bash'; COMP_WORDS=({' '.join(repr(w) for w in (program,) + words)}); "
              f"COMP_CWORD={len(words)}; _{program}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def test_bash_completes(tmp_path):
    assert bash_completes("kalam", "lo") == ["login", "logout"]
    assert bash_completes("kalam", "--format", "j") == ["json", "jsonl"]
    assert bash_completes("kalam", "--no") == ["--no-color", "--no-progress"]
    assert bash_completes("kalam", "import", "a.csv", "i") == ["into"]
    assert bash_completes("kalam", "export", "t", "") == ["to"]
    assert bash_completes("kalamd", "--c") == ["--config", "--check-config"]
    (tmp_path / "rows.csv").write_text("")
    assert bash_completes("kalam", "import", f"{tmp_path}/ro") == [f"{tmp_path}/rows.csv"]


def test_cli_document(cli):
    """docs/cli.md knows every option and every command, and no other."""
    document = (kalam.ROOT / "docs" / "cli.md").read_text()
    assert options(help_text("kalam")) <= options(document)
    terminal = cli.terminal()
    terminal.expect("kalam> ")
    terminal.line("\\?")
    listed = terminal.expect(r"SQL ends with.*?kalam> ").group(0)
    terminal.close()
    commands = {c for c in re.findall(r"(?m)(\\[a-z?][a-z-]*)", listed)}
    written = {c for c in re.findall(r"`(\\[a-z?][a-z-]*)", document)}
    assert commands == written


def test_functions_are_those_of_the_document():
    document = (kalam.ROOT / "docs" / "sql-functions.md").read_text()
    source = (kalam.ROOT / "src" / "cli" / "functions.c").read_text()
    wanted = sorted({m for m in re.findall(r"^\| `([a-z_][a-z0-9_]*)` \|", document, re.M)})
    assert re.findall(r'"([a-z_0-9]+)"', source) == wanted
