"""Sources that mean harm or are merely broken, all in one run: each is its own problem, and no other's."""

import asyncio
import gzip
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import count

import pytest

from pipeline.edges import fetch as fetch_module
from pipeline.edges.http import Fetcher, Limits

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]
GOOD = (
    '<rss version="2.0"><channel><title>Goed</title><item><title>Een gewoon bericht</title>'
    "<link>https://goed.example/{}</link></item></channel></rss>"
)
_numbers = count()
HEAD = '<?xml version="1.0"?>'


def item(title: str = "Bericht", link: str = "", more: str = "") -> str:
    link = link or f"https://bron.example/{next(_numbers)}"
    return f"<item><title>{title}</title><link>{link}</link>{more}</item>"


def rss(*items: str, head: str = HEAD) -> bytes:
    return f'{head}<rss version="2.0"><channel><title>Bron</title>{"".join(items)}</channel></rss>'.encode()


def answers(body: bytes, **headers: str) -> Serve:
    async def serve(writer: asyncio.StreamWriter) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join(
            ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *lines, "", ""]
        )
        writer.write(head.encode() + body)

    return serve


def redirects(target: str) -> Serve:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())

    return serve


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n<rss>")
    while not writer.is_closing():
        writer.write(b"<item/>" * 10_000)
        await writer.drain()


async def slow(writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)

REFUSED = {
    "gzip-bomb": (answers(gzip.compress(b" " * 60_000_000), Content_Encoding="gzip"), "larger than"),
    "endless": (endless, "larger than"),
    "slow-loris": (slow, "no full answer within"),
    "redirect-loop": (redirects("/redirect-loop"), "redirects more than"),
    "redirect-metadata": (redirects("http://169.254.169.254/latest/meta-data/"), "private or local address"),
    "redirect-mapped": (redirects("http://[::ffff:127.0.0.1]/"), "private or local address"),
    "redirect-file": (redirects("file:///etc/passwd"), "no http or https address"),
    "html": (answers(b"<!DOCTYPE html><html><body>Onderhoud</body></html>"), "is a web page"),
    "empty": (answers(b""), "is empty"),
    "binary": (answers(bytes(range(256)) * 20), "no feed we can read"),
}
"""What gives nothing at all, and what is said of it."""

LEAST = {
    "entity-bomb": answers(rss(item("&a9;"), item("Tweede"), head=ENTITIES)),
    "external-entity": answers(
        rss(item("&x;"), head='<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    ),
    "scripts-in-titles": answers(rss(item("&lt;script&gt;alert(1)&lt;/script&gt;Kop"))),
    "javascript-links": answers(rss(item(link="javascript:alert(1)"), item("Tweede"))),
}
"""What gives what can be given of it."""

TAKEN = {
    "wrong-charset": (
        answers(rss(item("Caf\u00e9")).decode().encode("latin-1"), Content_Type="text/xml; charset=utf-8"),
        {"Caf\u00e9", "Caf\ufffd"},
    ),
    "utf-16": (answers(rss(item("Café in Zürich"), head="").decode().encode("utf-16")), {"Café in Zürich"}),
    "truncated": (answers(rss(item("Eerste"), item("Tweede"))[:-60]), {"Eerste"}),
    "year-3000": (
        answers(rss(item("Ooit", more="<pubDate>Tue, 24 Nov 3000 09:00:00 GMT</pubDate>"))),
        set(),  # it waits for its date
    ),
    "year-0000": (
        answers(rss(item("Nooit", more="<pubDate>Tue, 24 Nov 0000 09:00:00 GMT</pubDate>"))),
        {"Nooit"},
    ),
    "long-title": (answers(rss(item("woord " * 170_000))), {"woord " * 82 + "woord…"}),
    "many-entries": (
        answers(rss(*[item(f"Bericht {n}", f"https://veel.example/{n}") for n in range(100_000)])),
        None,
    ),
}
"""What is taken, and under which titles."""

SOURCES: dict[str, Serve] = (
    {name: serve for name, (serve, _) in REFUSED.items()}
    | LEAST
    | {name: serve for name, (serve, _) in TAKEN.items()}
    | {f"good-{n}": answers(GOOD.format(n).encode()) for n in range(3)}
)


@pytest.fixture
def web() -> Iterator[int]:
    """All of them on one server; gives its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await SOURCES[head.split()[1].decode().strip("/")](writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_each_bad_source_is_its_own_problem_and_all_others_are_collected(
    portal, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "Fetcher", partial(Fetcher, limits=Limits(total=4.0)))
    with portal.config.open("a") as config:
        for name in SOURCES:
            url = f"http://127.0.0.1:{web}/{name}"
            config.write(f'[[source]]\nname = "{name}"\nkind = "feed"\nurl = "{url}"\n')
    result = portal.run("collect", "--json")
    assert result.exit_code == 1  # there is something to tell
    parts = {part["name"]: part for part in json.loads(result.stdout)["per_source"]}
    for name, (_, why) in REFUSED.items():
        assert why in parts[name]["error"], (name, parts[name])
        assert "\n" not in parts[name]["error"]
    for name in SOURCES.keys() - REFUSED.keys():
        assert not parts[name]["error"], parts[name]
        assert not parts[name]["held"], parts[name]
    found: dict[str, set[str]] = {}
    listed = json.loads(portal.run("articles", "list", "--limit", "5000", "--json").stdout)
    for article in listed:
        found.setdefault(article["source"], set()).add(article["title"])
    for name, (_, titles) in TAKEN.items():
        if titles is not None:
            assert found.get(name, set()) <= titles, (name, found.get(name))
            assert bool(found.get(name)) is bool(titles), name
    assert parts["year-3000"]["waiting"] == 1
    assert 0 < parts["many-entries"]["new"] <= 2_000
    assert all(parts[f"good-{n}"]["new"] == 1 for n in range(3))
    shown = json.dumps(listed)
    for harm in ("javascript:", "root:", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"):
        assert harm not in shown
    # And all of it can be published, the script in a title as the words that it is.
    assert portal.run("feeds", "build").exit_code == 0
    published = [
        path for path in (portal.root / "public").rglob("*.*") if path.suffix in (".html", ".atom", ".rss")
    ]
    assert published
    assert not any("<script>alert" in path.read_text(encoding="utf-8") for path in published)
