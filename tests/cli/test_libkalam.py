"""libkalam as others get it: installed into a folder, found by pkg-config, linked shared and static, from C and C++; what it exports."""
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

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


WORD = "WORDofASECRET"
USES_SECRETS = """
#include <kalam/kalam.h>
#include <stdio.h>
static void use(struct kalam_options options, const char *url)
{
    kalam_client *client = NULL;
    kalam_results *results = NULL;
    kalam_subscription *subscription = NULL;
    kalam_session session = {0};
    options.url = url;
    options.retries_max = -1;
    kalam_status created = kalam_client_new(&options, &client, NULL);
    kalam_status asked = kalam_query(client, "SELECT 1", &results, NULL);
    kalam_status followed = kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL);
    kalam_status renewed = kalam_refresh(client, "r." WORD ".r", &session, NULL);
    printf("%d %d %d %d\\n", created, asked, followed, renewed);
    kalam_session_clear(&session);
    kalam_results_free(results);
    kalam_client_free(client);
}
int main(int argc, char **argv)
{
    use((struct kalam_options){.user = "u", .password = WORD}, argv[argc - 1]);
    use((struct kalam_options){.token = "a." WORD ".c", .refresh_token = "r." WORD ".r"}, argv[argc - 1]);
    use((struct kalam_options){.api_key = WORD}, argv[argc - 1]);
}
"""


class Accounts(http.server.BaseHTTPRequestHandler):
    """Lets everybody in, but has no WebSocket."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer(500, {})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if "/auth/" in self.path:
            self.answer(200, {"access_token": f"a.{WORD}{'x' * 500}.c", "refresh_token": f"r.{WORD}.r", "user": {"id": "u", "role": "user"}})
        else:
            self.answer(200, {"status": "success", "results": [], "took": 1})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def test_secrets_are_wiped(installed, tmp_path):
    """No memory that libkalam frees holds a password, a token or an API key."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Accounts)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    (tmp_path / "uses.c").write_text(USES_SECRETS)
    run("gcc", f'-DWORD="{WORD}"', tmp_path / "uses.c", *flags(installed, "--cflags", "--libs"), "-o", tmp_path / "uses")
    run("gcc", "-shared", "-fPIC", kalam.ROOT / "tests/support/libsecret.c", "-o", tmp_path / "libsecret.so", "-ldl")
    env = dict(os.environ, LD_LIBRARY_PATH=str(next(installed.rglob("kalam.pc")).parent.parent),
               LD_PRELOAD=str(tmp_path / "libsecret.so"), KALAM_LIBSECRET_WORD=WORD)
    done = subprocess.run([tmp_path / "uses", f"http://127.0.0.1:{server.server_port}"], env=env, capture_output=True, text=True, timeout=60)
    server.shutdown()
    server.server_close()
    assert done.returncode == 0 and done.stdout == "0 0 10 0\n" * 3
    assert not done.stderr


def test_every_call_is_documented():
    """docs/client-c.md names every function."""
    headers = "".join(p.read_text() for p in (kalam.ROOT / "include" / "kalam").glob("*.h"))
    document = (kalam.ROOT / "docs" / "client-c.md").read_text()
    assert not {name for name in re.findall(r"KALAM_API[^;]*?\b(kalam_\w+)\(", headers) if name not in document}
    assert pathlib.Path(kalam.ROOT / "examples" / "c" / "query.c").exists()
