"""Passwords, tokens, log-in and log-out against a server that wants credentials."""
import base64
import hashlib
import hmac
import json
import os
import re
import stat
import time

import conftest
import kalam
import pytest

ROOT = "correct horse battery"


@pytest.fixture(scope="module")
def closed():
    """A server without loopback mode, with a root password."""
    with kalam.Server(dev=False, env={"KALAMDB_ROOT_PASSWORD": ROOT}) as running:
        yield running


@pytest.fixture
def cli(closed, tmp_path):
    return conftest.Cli(closed, tmp_path)


def test_no_credentials(cli):
    done = cli.run("-c", "SELECT 1")
    assert done.returncode == 4 and done.stderr.startswith("ERROR: ")


def test_password(cli):
    assert "(1 row)" in cli.ok("-u", "root", "--password", ROOT, "-c", "SELECT 1")
    assert "(1 row)" in cli.ok("-u", "root", "-c", "SELECT 1", env={"KALAM_PASSWORD": ROOT})
    assert cli.run("-u", "root", "--password", "wrong password", "-c", "SELECT 1").returncode == 4
    assert cli.run("--token", "no.such.token", "-c", "SELECT 1").returncode == 4
    assert cli.run("--token", "no token", "-c", "SELECT 1").returncode == 4
    assert cli.run("--apikey", "nonsense", "-c", "SELECT 1").returncode == 4


def test_password_is_asked_for_without_echo(cli):
    terminal = cli.terminal("-u", "root")
    terminal.expect("Password of root: ")
    terminal.line(ROOT)
    terminal.expect("You are root")
    terminal.expect("kalam> ")
    terminal.line("\\q")
    assert terminal.wait() == 0 and ROOT not in terminal.text
    terminal.close()


def test_login_keeps_tokens_and_logout_drops_them(cli, tmp_path):
    out = cli.ok("login", "-u", "root", "--password", ROOT)
    assert "Logged in" in out
    path = tmp_path / ".kalam" / "credentials.toml"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and ROOT not in path.read_text()
    assert "(1 row)" in cli.ok("-c", "SELECT 1")
    cli.ok("logout")
    assert "token" not in path.read_text()
    assert cli.run("-c", "SELECT 1").returncode == 4


def test_live_query_with_a_token(cli, closed):
    cli.ok("login", "-u", "root", "--password", ROOT)
    done = cli.run("-c", "SUBSCRIBE TO default.nowhere")
    assert done.returncode == 1 and "ERROR" in done.stderr  # let in, then refused for the table


@pytest.fixture
def fresh():
    """A new server that nobody has set up."""
    with kalam.Server(dev=False) as running:
        yield running


def test_setup_is_offered(fresh, tmp_path):
    cli = conftest.Cli(fresh, tmp_path)
    declined = cli.terminal()
    declined.expect(r"no root password yet. Set it up now\? \[y/N\] ")
    declined.line("n")
    assert declined.wait() == 4
    declined.close()
    terminal = cli.terminal()
    terminal.expect(r"\[y/N\] ")
    terminal.line("y")
    terminal.expect("New password of root: ")
    terminal.line(ROOT)
    terminal.expect("Name of your own user")
    terminal.line("dora")
    terminal.expect("Its password: ")
    terminal.line("a long enough one")
    terminal.expect("You are dora")
    terminal.line("\\q")
    assert terminal.wait() == 0 and ROOT not in terminal.text
    terminal.close()
    assert "(1 row)" in cli.ok("-u", "root", "--password", ROOT, "-c", "SELECT 1")
    # Not at a pipe: nobody could answer.
    assert cli.run("-c", "SELECT 1").returncode == 4


def test_ctrl_c_while_the_password_is_asked(cli):
    terminal = cli.terminal("-u", "root")
    terminal.expect("Password of root: ")
    terminal.interrupt()
    assert terminal.wait() == 4
    terminal.close()


def token(secret, **claims):
    """A JWT as the server makes them."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + part(json.dumps(claims).encode())
    return head + "." + part(hmac.new(secret, head.encode(), hashlib.sha256).digest())


def test_an_expired_token_is_renewed_and_stored(closed, tmp_path):
    cli = conftest.Cli(closed, tmp_path)
    cli.ok("login", "-u", "root", "--password", ROOT)
    path = tmp_path / ".kalam" / "credentials.toml"
    text = path.read_text()
    fresh = re.search(r'\ntoken = "(.+?)"', text).group(1)
    claims = json.loads(base64.urlsafe_b64decode(fresh.split(".")[1] + "=="))
    secret = (closed.data_dir / "jwt_secret").read_bytes().strip()
    spent = token(secret, **dict(claims, exp=int(time.time()) - 3600))
    path.write_text(text.replace(fresh, spent))
    assert "(1 row)" in cli.ok("-c", "SELECT 1")
    now = re.search(r'\ntoken = "(.+?)"', path.read_text()).group(1)
    assert now not in (spent, "") and 'user = "root"' in path.read_text()
    # Without a refresh token it is an error of authentication.
    path.write_text(re.sub(r"\nrefresh_token = .*", "", path.read_text()).replace(now, spent))
    assert cli.run("-c", "SELECT 1").returncode == 4


def test_a_new_role_only_renews_the_token(cli):
    """The server takes no token from before it; the password still lets in."""
    def as_root(sql):
        cli.ok("-u", "root", "--password", ROOT, "-c", sql)

    as_root("CREATE USER eve WITH PASSWORD 'a long enough one' ROLE user")
    terminal = cli.terminal("-u", "eve", "--password", "a long enough one")
    terminal.expect("You are eve.*kalam> ")
    as_root("ALTER USER eve SET ROLE service")
    terminal.line("SELECT 41 + 1 AS answer;")
    terminal.expect(r"\| +42 \|")
    as_root("ALTER USER eve SET PASSWORD 'another long one'")
    terminal.line("SELECT 42 + 1 AS answer;")
    terminal.expect("ERROR: ")
    terminal.close()


def test_credentials_of_the_file_are_for_its_host(closed, cli, tmp_path):
    """With -h for another server it gets nothing of them; that server may be anybody's."""
    folder = tmp_path / ".kalam"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "config.toml"

    _, _, answer = kalam.Client(closed.port, user=None).request(
        "POST", "/v1/api/auth/login", json.dumps({"username": "root", "password": ROOT}).encode())
    token = json.loads(answer)["access_token"]

    def configure(host):
        file.write_text(f'[connection]\nhost = "{host}"\ntoken = "{token}"\n')
        file.chmod(0o600)
    configure(f"http://127.0.0.1:{closed.port}")
    assert "(1 row)" in cli.ok("-c", "SELECT 1", port=False)
    assert "(1 row)" in cli.ok("-h", f"127.0.0.1:{closed.port}", "-c", "SELECT 1", port=False)
    configure("http://db.example.org:8080")
    done = cli.run("-h", f"http://127.0.0.1:{closed.port}", "-c", "SELECT 1", port=False)
    assert done.returncode == 4 and token not in done.stderr
    assert "(1 row)" in cli.ok("-h", f"http://127.0.0.1:{closed.port}", "-c", "SELECT 1", port=False, env={"KALAM_TOKEN": token})
