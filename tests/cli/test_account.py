"""Passwords, tokens, log-in and log-out against a server that wants credentials."""
import os
import stat

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
