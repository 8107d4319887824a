"""The examples of the docs: nginx and Caddy serve what is published by themselves, and hand on the rest."""

import gzip
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "publish.md"
PATHS = [
    "/",
    "/themes/cloud",
    "/feeds/cloud.rss",
    "/feeds/cloud.atom",
    "/feeds/all.json",
    "/feeds/index.opml",
]


HUB = re.compile(r"# (add_header Link|header /feeds/\* Link)")


def example(language: str) -> str:
    """The config of a server as the docs have it, for a portal with a hub."""
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
    config, hubs = HUB.subn(r"\1", found)
    assert hubs == 1
    return config


def nginx(root: Path, port: int, public: Path, ours: int) -> list[str]:
    server = (
        example("nginx")
        .replace("listen 80;", f"listen 127.0.0.1:{port};")
        .replace("/srv/kennisportal/var/public", str(public))
        .replace("127.0.0.1:8000", f"127.0.0.1:{ours}")
    )
    paths = "".join(
        f"{name}_temp_path {root}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = root / "nginx.conf"
    config.write_text(
        f"daemon off;\nuser root;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{server}}}\n"
    )
    return ["nginx", "-e", f"{root}/error.log", "-c", str(config)]


def caddy(root: Path, port: int, public: Path, ours: int) -> list[str]:
    config = root / "Caddyfile"
    config.write_text(
        "{\n    admin off\n    auto_https off\n}\n"
        + example("caddy")
        .replace("kennisportal.example {", f"http://127.0.0.1:{port} {{", 1)
        .replace("/srv/kennisportal/var/public", str(public))
        .replace("127.0.0.1:8000", f"127.0.0.1:{ours}")
    )
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


SERVERS: dict[str, Callable[[Path, int, Path, int], list[str]]] = {"nginx": nginx, "caddy": caddy}


class Front:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture(params=SERVERS)
def front(request: pytest.FixtureRequest, site, tmp_path: Path) -> Iterator[Front]:
    """A real server of the kind, in front of a served portal."""
    command = shutil.which(request.param) or shutil.which(request.param, path="/usr/sbin")
    if command is None:
        pytest.skip(f"no {request.param} on this machine; install Debian's package to run this test")
    root = tmp_path / "front"
    root.mkdir()
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)  # pytest keeps them to itself, and a web server runs as somebody else
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = SERVERS[request.param](root, port, site.app.public, site.port)
    environment = {"HOME": str(root), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([command, *words[1:]], env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert server.poll() is None, f"it ended; see {root}"
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield Front(port)
        finally:
            server.terminate()


def test_every_document_is_what_we_serve_ourselves(front: Front, site) -> None:
    for path in PATHS:
        ours = site.ask(path)
        status, headers, body = front.ask(path)
        assert (status, body) == (200, ours.body), path
        assert headers["content-type"].replace(" ", "") == ours.headers["content-type"].replace(" ", "")
        assert headers["cache-control"] == ours.headers["cache-control"]
    assert front.ask("/feeds/manifest.json")[1]["content-type"].partition(";")[0] == "application/json"


def test_who_has_it_gets_304_and_who_can_unpack_gets_it_packed(front: Front) -> None:
    for path in PATHS[2:5]:
        _, headers, body = front.ask(path)
        status, _, nothing = front.ask(path, If_None_Match=headers["etag"])
        assert (status, nothing) == (304, b"")
        status, packed, small = front.ask(path, Accept_Encoding="gzip")
        assert (status, packed["content-encoding"]) == (200, "gzip")
        assert gzip.decompress(small) == body


def test_feeds_may_be_read_by_pages_of_other_sites_and_pages_may_not(front: Front) -> None:
    assert front.ask("/feeds/all.json")[1]["access-control-allow-origin"] == "*"
    assert front.ask("/themes/cloud")[1]["access-control-allow-origin"] is None


def test_what_is_made_for_one_reader_is_kept_by_nobody_on_the_way(front: Front, site, portal) -> None:
    leave = site.join("lezer1@voorbeeld.example")
    told = portal.run("subscribers", "feed", "lezer1@voorbeeld.example", "--json")
    own = json.loads(told.stdout)["feed"].removeprefix("https://portaal.example")
    for path, keep in ((own, "private, max-age=300"), (leave, "no-store"), ("/subscribe", "no-store")):
        status, headers, _ = front.ask(path)
        assert (status, headers.get_all("cache-control")) == (200, [keep]), path


def test_caches_are_told_that_there_are_several_forms(front: Front) -> None:
    for path in PATHS:
        for accepted in ("gzip", "identity"):
            _, headers, _ = front.ask(path, Accept_Encoding=accepted)
            assert headers["vary"] == "Accept-Encoding", (path, accepted)


def test_a_fragment_is_kept_out_of_search_engines(front: Front) -> None:
    status, headers, _ = front.ask("/feeds/cloud.html")
    assert (status, headers["x-robots-tag"]) == (200, "noindex")
    assert headers["access-control-allow-origin"] == "*"
    assert front.ask("/themes/cloud")[1]["x-robots-tag"] is None


def test_the_hub_is_named_in_a_header(front: Front) -> None:
    link = front.ask("/feeds/cloud.rss")[1]["link"]
    assert link == (
        '<https://hub.example/>; rel="hub", <https://kennisportal.example/feeds/cloud.rss>; rel="self"'
    )


def test_what_stands_behind_the_documents_is_hidden(front: Front, site) -> None:
    for path in (
        "/.live/cloud/feeds/cloud.atom",
        "/.builds",
        "/feeds/../.live/cloud/feeds/cloud.atom",
        "/.new",
    ):
        assert front.ask(path)[0] in (400, 404), path


def test_forms_links_and_what_is_gone_reach_us(front: Front, site) -> None:
    path = site.join("lezer1@voorbeeld.example")
    assert front.ask(path)[0] == 200
    assert front.ask("/feeds/niets.rss")[0] == 404
    choice = urlencode(
        {"email": "lezer2@voorbeeld.example", "theme": "cloud", "frequency": "weekly"}
    ).encode()
    form = "application/x-www-form-urlencoded"
    assert front.ask("/subscribe", "POST", choice, Content_Type=form)[0] == 200
    status, _, _ = front.ask(path, "POST", b"List-Unsubscribe=One-Click", Content_Type=form)
    assert status == 200
    with site.app.store.read() as work:
        assert work.subscribers.by_email("lezer1@voorbeeld.example").subscriber.state == "unsubscribed"


def test_the_network_that_is_counted_is_the_readers(front: Front, site, monkeypatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        "pipeline.web.signup.network_of",
        lambda request: seen.append(request.headers["x-forwarded-for"]) or "n",
    )
    choice = urlencode({"email": "lezer3@voorbeeld.example", "theme": "cloud"}).encode()
    front.ask("/subscribe", "POST", choice, Content_Type="application/x-www-form-urlencoded")
    assert [one.rpartition(" ")[2] for one in seen] == ["127.0.0.1"]
