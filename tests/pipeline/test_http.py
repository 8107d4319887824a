"""The fetcher against hand-written servers on loopback, some of them hostile."""

import asyncio
import gzip
import ipaddress
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import brotli
import httpcore2
import pytest

from feeds.source import HttpRequest, NotModified, Payload, SourceError, Validators
from pipeline.edges.addresses import is_public
from pipeline.edges.http import Fetcher, Limits

Answer = Callable[[str, dict[str, str]], bytes]


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(respond: Answer, hang: bool = False) -> AsyncIterator[str]:
    """A server that answers every request with the bytes ``respond`` makes of its path and headers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.splitlines()
            headers = dict(line.lower().split(": ", 1) for line in rest if line)
            writer.write(respond(first.split()[1], headers))
            await writer.drain()
            if hang:
                await reader.read()  # until the client gives up
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def fetcher(**changes: object) -> Fetcher:
    defaults = {
        "contact": "https://portaal.example/",
        "allow_hosts": ["127.0.0.1"],
        "host_pause": timedelta(0),
    }
    return Fetcher(**(defaults | changes))  # type: ignore[arg-type]


def get(url: str, **validators: str) -> HttpRequest:
    return HttpRequest(url, Validators(**validators), accept="application/rss+xml")


def run(respond: Answer, path: str = "/feed", *, hang: bool = False, limits: Limits | None = None) -> Payload:
    async def main() -> Payload:
        async with serving(respond, hang) as base, fetcher(limits=limits or Limits()) as fetch:
            got = await fetch.fetch(get(base + path))
            assert isinstance(got, Payload)
            return got

    return asyncio.run(main())


def refusal(respond: Answer, path: str = "/feed", *, hang: bool = False, limits: Limits | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        run(respond, path, hang=hang, limits=limits)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_document_comes_with_its_base_type_and_validators() -> None:
    got = run(lambda *_: answer(b"<rss/>", ETag='"a"', Last_Modified="yesterday", Content_Type="text/xml"))
    assert list(got.documents.values()) == [b"<rss/>"]
    assert got.base.endswith("/feed")
    assert got.content_type == "text/xml"
    assert got.validators == Validators('"a"', "yesterday")


def test_we_say_who_we_are_and_what_we_accept_and_keep_no_cookies() -> None:
    seen: list[dict[str, str]] = []

    def respond(path: str, headers: dict[str, str]) -> bytes:
        seen.append(headers)
        return answer(b"x", Set_Cookie="a=b")

    async def main() -> None:
        async with serving(respond) as base, fetcher() as fetch:
            await fetch.fetch(get(base))
            await fetch.fetch(get(base))

    asyncio.run(main())
    assert seen[0]["user-agent"] == "kennisportal (+https://portaal.example/)"
    assert seen[0]["accept"] == "application/rss+xml"
    assert "if-none-match" not in seen[0]
    assert "cookie" not in seen[1]


def test_validators_are_sent_and_304_is_not_modified() -> None:
    def respond(path: str, headers: dict[str, str]) -> bytes:
        same = headers.get("if-none-match") == '"a"' and headers.get("if-modified-since") == "yesterday"
        return answer(status="304 Not Modified") if same else answer(b"x")

    async def main() -> None:
        async with serving(respond) as base, fetcher() as fetch:
            assert await fetch.fetch(get(base, etag='"a"', last_modified="yesterday")) == NotModified()
            assert isinstance(await fetch.fetch(get(base)), Payload)

    asyncio.run(main())


def test_304_to_an_unconditional_request_is_a_fault() -> None:
    assert "304" in refusal(lambda *_: answer(status="304 Not Modified"))


def test_redirects_are_followed_and_the_base_is_where_they_end() -> None:
    def respond(path: str, headers: dict[str, str]) -> bytes:
        return answer(b"x") if path == "/map/eind" else answer(status="301 Moved", Location="map/eind")

    got = run(respond)
    assert got.base.endswith("/map/eind")
    assert list(got.documents) == [got.base]


def test_redirects_without_end_are_cut_off() -> None:
    assert "more than 5 times" in refusal(lambda *_: answer(status="302 Found", Location="/feed"))


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[fe80::1]/",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(target: str) -> None:
    said = refusal(lambda *_: answer(status="302 Found", Location=target))
    assert "private or local address" in said or "can't be reached" in said
    assert "allow_hosts" in said or "2130706433" in target or "0x7f" in target or "::1]" in target


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://x.example/",
        "http://[",
        "",
        "gopher://127.0.0.1/",
        "http://127.0.0.1:99999/",
    ],
)
def test_a_redirect_to_no_web_address_is_refused(target: str) -> None:
    assert "redirects to" in refusal(lambda *_: answer(status="302 Found", Location=target))


def test_a_name_that_resolves_to_a_private_address_is_refused_unless_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def main(allow: list[str]) -> Payload | NotModified:
        async with serving(lambda *_: answer(b"x")) as base, fetcher(allow_hosts=allow) as fetch:
            return await fetch.fetch(get(base.replace("127.0.0.1", "intern.example")))

    with pytest.raises(SourceError, match=r"'intern\.example' to allow_hosts"):
        asyncio.run(main(["127.0.0.1"]))
    assert isinstance(asyncio.run(main(["Intern.Example"])), Payload)


def test_a_name_that_means_something_else_a_moment_later_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["192.0.2.1", "93.184.216.34", "127.0.0.1", "127.0.0.1"])
    asked, connected = [], []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in [next(answers)]]

    async def connect(self: object, host: str, *_: object, **__: object) -> None:
        connected.append(host)
        raise httpcore2.ConnectError("refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)

    async def main() -> None:
        async with fetcher(allow_hosts=[]) as fetch:
            for why in ("private or local address", "can't be reached"):
                with pytest.raises(SourceError, match=why):
                    await fetch.fetch(get("http://wisselt.example"))

    asyncio.run(main())
    # Each time it is resolved once, and what was checked is what is connected to.
    assert asked == ["wisselt.example"] * 2
    assert connected == ["93.184.216.34"]


def test_names_that_nobody_answers_for_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    over = threading.Event()

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host.startswith("stil"):
            over.wait(20)
            raise socket.gaierror("nobody answered")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def main() -> None:
        async with serving(lambda *_: answer(b"x")) as base, fetcher(allow_hosts=["goed.example"]) as fetch:

            async def ask(name: str) -> None:
                await fetch.fetch(get(base.replace("127.0.0.1", name)))
                found.append(name)

            async with anyio.create_task_group() as group:
                for number in range(40):
                    group.start_soon(ask, f"stil{number}.example")
                await anyio.wait_all_tasks_blocked()
                with anyio.fail_after(10):
                    await ask("goed.example")
                group.cancel_scope.cancel()
        over.set()

    asyncio.run(main())
    assert found == ["goed.example"]


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    assert run(lambda *_: answer(b"x")).documents


@pytest.mark.parametrize(
    "address, public",
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("::7f00:1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("fec0::1", False),
    ],
)
def test_only_what_anybody_can_reach_is_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "encoding, packed",
    [
        pytest.param("gzip", gzip.compress(b"<rss/>"), id="gzip"),
        pytest.param("br", brotli.compress(b"<rss/>"), id="br"),
        pytest.param("deflate", zlib.compress(b"<rss/>"), id="deflate"),
    ],
)
def test_compressed_answers_are_unpacked(encoding: str, packed: bytes) -> None:
    assert list(run(lambda *_: answer(packed, Content_Encoding=encoding)).documents.values()) == [b"<rss/>"]


@pytest.mark.parametrize("pack", [gzip.compress, brotli.compress], ids=["gzip", "br"])
def test_a_compression_bomb_stops_at_the_cap(pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(30_000_000))
    encoding = "gzip" if pack is gzip.compress else "br"
    assert "larger than" in refusal(lambda *_: answer(bomb, Content_Encoding=encoding))


def test_an_answer_over_the_cap_is_refused() -> None:
    assert "larger than 10 bytes" in refusal(lambda *_: answer(b"x" * 11), limits=Limits(size=10))
    assert run(lambda *_: answer(b"x" * 10), limits=Limits(size=10))


def test_damaged_compression_is_a_fault() -> None:
    assert "damaged" in refusal(lambda *_: answer(b"no gzip", Content_Encoding="gzip"))


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegin"])
def test_a_server_that_never_finishes_is_given_up_on(sent: bytes) -> None:
    assert "within 0.05 seconds" in refusal(lambda *_: sent, hang=True, limits=Limits(total=0.05))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00\x01garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegin",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_hostile_answers_are_refused_in_one_line(sent: bytes) -> None:
    assert "http://127.0.0.1" in refusal(lambda *_: sent)


@pytest.mark.parametrize(
    "status, advice",
    [
        ("404 Not Found", "correct the url"),
        ("410 Gone", "remove this source"),
        ("403 Forbidden", "ask its owner"),
        ("429 Too Many Requests", "every"),
        ("503 Busy", "try again later"),
        ("418 Teapot", "check the address"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(status: str, advice: str) -> None:
    said = refusal(lambda *_: answer(status=status))
    assert f"answered {status[:3]}" in said
    assert advice in said


@pytest.mark.parametrize(
    "status, headers, wait",
    [
        ("429 Slow down", {"Retry_After": "120"}, timedelta(minutes=2)),
        ("503 Busy", {"Retry_After": "0"}, timedelta(0)),
        ("503 Busy", {"Retry_After": "9" * 400}, timedelta(days=7)),
        ("503 Busy", {"Retry_After": "soon"}, timedelta(0)),
        ("503 Busy", {"Retry_After": "Wed, 25 Nov 2020 15:00:00 GMT"}, timedelta(0)),
        (
            "503 Busy",
            {"Retry_After": "Wed, 25 Nov 2020 15:00:00 GMT", "Date": "Wed, 25 Nov 2020 10:00:00 GMT"},
            timedelta(hours=5),
        ),
        ("503 Busy", {"Retry_After": "Wed, 25 Nov 2020 15:00:00 GMT", "Date": "Fri"}, timedelta(0)),
        ("500 Broken", {"Retry_After": "120"}, timedelta(0)),
    ],
)
def test_a_server_says_how_long_to_leave_it_alone(
    status: str, headers: dict[str, str], wait: timedelta
) -> None:
    with pytest.raises(SourceError) as caught:
        run(lambda *_: answer(status=status, **headers))
    assert caught.value.wait == wait
    assert not caught.value.gone


def test_validators_that_could_not_be_sent_back_are_dropped() -> None:
    got = run(lambda *_: answer(b"x", ETag='"' + "a" * 5000 + '"'))
    assert got.validators == Validators()


def failing(url: str) -> str:
    async def main() -> None:
        async with fetcher() as fetch:
            await fetch.fetch(get(url))

    with pytest.raises(SourceError) as caught:
        asyncio.run(main())
    return str(caught.value)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        yield taken.getsockname()[1]


def test_a_refused_connection_says_so_and_hides_the_password(closed_port: int) -> None:
    said = failing(f"http://jan:geheim@127.0.0.1:{closed_port}/feed")
    assert "can't be reached" in said
    assert "geheim" not in said


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "feed.xml", "http://", "http://[", "http://x:99999/", "\x00"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert "correct it" in failing(url)


@pytest.mark.parametrize(
    "url", ["http://jan:geheim@x.example:99999/", "http://jan:geheim@[/", "ftp://jan:ge@heim@x.example/"]
)
def test_an_address_that_is_refused_keeps_its_password_to_itself(url: str) -> None:
    said = failing(url)
    assert "correct it" in said
    assert "heim" not in said


def test_a_password_in_the_url_is_used_and_does_not_reach_the_base() -> None:
    seen: list[str] = []

    def respond(path: str, headers: dict[str, str]) -> bytes:
        seen.append(headers.get("authorization", ""))
        return answer(b"x")

    async def main() -> Payload | NotModified:
        async with serving(respond) as base, fetcher() as fetch:
            return await fetch.fetch(get(base.replace("//", "//jan:geheim@")))

    got = asyncio.run(main())
    assert seen[0].startswith("basic ")
    assert isinstance(got, Payload)
    assert "geheim" not in got.base + "".join(got.documents)


def test_a_host_gets_one_request_at_a_time_with_a_pause_and_others_need_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    async def noted(seconds: float) -> None:
        waits.append(round(seconds))
        await sleep(0)

    monkeypatch.setattr(anyio, "sleep", noted)
    asked: list[str] = []

    def respond(path: str, headers: dict[str, str]) -> bytes:
        asked.append(headers["host"].partition(":")[0])
        return answer(b"x")

    async def main() -> None:
        both = ["127.0.0.1", "localhost"]
        async with (
            serving(respond) as base,
            fetcher(allow_hosts=both, host_pause=timedelta(hours=1)) as fetch,
            anyio.create_task_group() as group,
        ):
            for _ in range(3):
                group.start_soon(fetch.fetch, get(base))
            group.start_soon(fetch.fetch, get(base.replace("127.0.0.1", "localhost")))

    asyncio.run(main())
    assert waits == [3600, 3600]  # the first at each host waits for nothing
    assert sorted(asked) == ["127.0.0.1"] * 3 + ["localhost"]


def site(robots: bytes, asked: list[str], status: str = "200 OK") -> Answer:
    def respond(path: str, headers: dict[str, str]) -> bytes:
        asked.append(path)
        return answer(robots, status) if path == "/robots.txt" else answer(b"pagina")

    return respond


def test_robots_txt_is_asked_once_and_obeyed_for_pages() -> None:
    asked: list[str] = []
    rules = b"User-agent: *\nDisallow: /\n\nUser-agent: kennisportal\nDisallow: /geheim\nCrawl-delay: 0.2\n"

    async def main() -> None:
        async with serving(site(rules, asked)) as url, fetcher() as web:
            started = anyio.current_time()
            for path in ("/a", "/b"):
                assert isinstance(await web.fetch(HttpRequest(url + path, as_robot=True)), Payload)
            assert anyio.current_time() - started > 0.19  # the host asks for a pause between two
            with pytest.raises(SourceError, match="closed to robots"):
                await web.fetch(HttpRequest(f"{url}/geheim/x", as_robot=True))
            assert isinstance(await web.fetch(HttpRequest(f"{url}/geheim/feed")), Payload)

    asyncio.run(main())
    assert asked == ["/robots.txt", "/a", "/b", "/geheim/feed"]


def test_a_robots_txt_that_an_editor_on_windows_saved_is_obeyed() -> None:
    async def main() -> None:
        rules = b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /geheim\r\n"
        async with serving(site(rules, [])) as url, fetcher() as web:
            with pytest.raises(SourceError, match="closed to robots"):
                await web.fetch(HttpRequest(f"{url}/geheim/x", as_robot=True))

    asyncio.run(main())


def test_a_host_keeps_the_pause_it_asked_for_though_it_is_asked_at_another_port() -> None:
    rules = b"User-agent: *\nCrawl-delay: 0.3\n"

    async def main() -> None:
        async with serving(site(rules, [])) as slow, serving(site(b"", [])) as other, fetcher() as web:
            await web.fetch(HttpRequest(f"{slow}/a", as_robot=True))
            await web.fetch(HttpRequest(f"{other}/b", as_robot=True))
            asked = anyio.current_time()
            await web.fetch(HttpRequest(f"{slow}/c", as_robot=True))
            assert anyio.current_time() - asked > 0.25

    asyncio.run(main())


def test_a_host_without_rules_lets_robots_in() -> None:
    asked: list[str] = []

    async def main() -> None:
        async with serving(site(b"", asked, "404 Not Found")) as url, fetcher() as web:
            await web.fetch(HttpRequest(f"{url}/a", as_robot=True))

    asyncio.run(main())
    assert asked == ["/robots.txt", "/a"]


def test_a_host_whose_rules_cannot_be_had_is_left_alone() -> None:
    asked: list[str] = []

    patience = "503 Service Unavailable\r\nRetry-After: 3600"

    async def main() -> None:
        async with serving(site(b"", asked, patience)) as url, fetcher() as web:
            for path in ("/a", "/b"):
                with pytest.raises(SourceError, match=r"/robots\.txt answered 503") as told:
                    await web.fetch(HttpRequest(url + path, as_robot=True))
                assert told.value.wait == timedelta(hours=1)

    asyncio.run(main())
    assert asked == ["/robots.txt"]


def test_a_redirect_for_good_is_told_and_a_detour_is_not() -> None:
    moves = {
        "/a": ("301 Moved Permanently", "/b"),
        "/b": ("308 Permanent Redirect", "/c"),
        "/d": ("302 Found", "/c"),
    }

    def respond(path: str, headers: dict[str, str]) -> bytes:
        if path in moves:
            return answer(b"", moves[path][0], Location=moves[path][1])
        return answer(b"feed")

    async def main() -> None:
        async with serving(respond) as url, fetcher() as web:
            payloads = [await web.fetch(HttpRequest(url + path)) for path in ("/a", "/c", "/d")]
            moved = [payload.moved for payload in payloads]
            assert moved == [f"{url}/c", "", ""]

    asyncio.run(main())
