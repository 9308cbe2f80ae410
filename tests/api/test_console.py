"""GET /ui/**: the files of the web console, whatever is in them (tests/console drives the real page)."""
import gzip

import pytest

import kalam

PAGE, SCRIPT = b"<!doctype html><title>t</title>", b"console.log('x');\n" * 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("ui")
    (root / "assets").mkdir()
    (root / "index.html").write_bytes(PAGE)
    (root / "assets/index-4f2a.js").write_bytes(SCRIPT)
    (root / "assets/index-4f2a.js.gz").write_bytes(gzip.compress(SCRIPT))
    (root / "mark.svg").write_bytes(b"<svg/>")
    (root / ".hidden").write_bytes(b"secret")
    (root.parent / "outside.txt").write_bytes(b"secret")
    return root


@pytest.fixture(scope="module")
def ui(folder):
    with kalam.Server(config=f'[server]\nui_dir = "{folder}"\n') as running:
        yield running


def get(server, path, **headers):
    client = server.client()
    status, answered, body = client.request(
        "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    client.close()
    return status, {k.lower(): v for k, v in answered.items()}, body


def test_the_start_says_where_it_is(ui):
    assert f"http://localhost:{ui.port}/ui " in ui.log()


def test_page_and_its_policy(ui):
    status, headers, body = get(ui, "/ui/")
    assert (status, body, headers["content-type"]) == (200, PAGE, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    for source in ("script-src", "style-src", "connect-src"):
        assert policy[source] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"
    status, headers, _ = get(ui, "/ui")
    assert (status, headers["location"]) == (308, "/ui/")


@pytest.mark.parametrize("path", ["/ui/sql", "/ui/tables/shop/items", "/ui/?x=1", "/ui/index.html"])
def test_views_are_the_page(ui, path):
    assert get(ui, path)[0::2] == (200, PAGE)


def test_hashed_file_compressed_and_kept(ui):
    path = "/ui/assets/index-4f2a.js"
    status, plain, body = get(ui, path)
    assert (status, body, plain["content-type"]) == (200, SCRIPT, "text/javascript; charset=utf-8")
    assert "content-encoding" not in plain and "immutable" in plain["cache-control"]
    _, zipped, body = get(ui, path, Accept_Encoding="br;q=1, GZIP;q=0.5")
    assert zipped["content-encoding"] == "gzip" and gzip.decompress(body) == SCRIPT
    assert zipped["etag"] != plain["etag"] and zipped["vary"] == "Accept-Encoding"
    for refused in ("gzip;q=0", "gzip; q=0.000", "br", "xgzip"):
        assert "content-encoding" not in get(ui, path, Accept_Encoding=refused)[1]


def test_not_modified(ui):
    etag = get(ui, "/ui/")[1]["etag"]
    client = ui.client()
    for _ in range(2):  # the connection goes on behind an answer without body
        status, headers, body = client.request("GET", "/ui/", headers={"If-None-Match": f'W/"x", {etag}'})
        assert (status, body) == (304, b"") and headers["ETag"] == etag
    status, _, body = client.request("GET", "/ui/", headers={"If-None-Match": '"other"'})
    assert (status, body) == (200, PAGE)
    client.close()


@pytest.mark.parametrize("path", [
    "/ui/../outside.txt", "/ui/..%2foutside.txt", "/ui/%2e%2e/outside.txt", "/ui//etc/passwd.txt",
    "/ui/.hidden", "/ui/assets/../../outside.txt", "/ui/assets/index-4f2a.js.gz", "/ui/absent.js",
    "/ui/index.html%00.js"])
def test_nothing_else(ui, path):
    status, _, body = get(ui, path)
    assert status in (400, 404) and b"secret" not in body and body != PAGE


def test_other_paths_and_methods(ui):
    assert get(ui, "/uix")[0] == 404
    client = ui.client()
    assert client.request("POST", "/ui/", b"{}")[0] == 405
    client.close()


@pytest.mark.parametrize("config, text", [
    ("ui_enabled = false", b"switched off"),
    ('ui_dir = "/nonexistent/ui"', b"not installed")])
def test_no_console(config, text):
    with kalam.Server(config=f"[server]\n{config}\n") as running:
        status, headers, body = get(running, "/ui/")
        assert status == 404 and text in body and headers["content-type"].startswith("text/plain")
