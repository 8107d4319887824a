"""Leaving by the link in a mail: looking is free, and one POST of any kind is enough (RFC 8058)."""

import asyncio
import re
import socket

import pytest

from pipeline.web import build
from subscribers.subscriber import State, masked
from subscribers.token import UNSUBSCRIBE, Tokens

EMAIL = "lezer1@voorbeeld.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
IN_PARTS = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


def test_less_often_is_offered_beside_leaving_where_there_is_less(site) -> None:
    path = site.join(EMAIL)
    assert 'name="less"' not in site.ask(path).text
    site.app.enroller().edit(EMAIL, {"frequency": "daily"})
    page = site.ask(path).text
    assert re.findall(r'name="less" value="(\w+)"', page) == ["weekly"]
    (action,) = re.findall(r'<form method="post" action="\.\./(preferences/[^"]+)">', page)
    assert site.ask(f"/{action}", "POST", FORM, b"less=weekly").status == 200
    assert state(site) is State.ACTIVE
    assert 'name="less"' not in site.ask(path).text


def state(site, email: str = EMAIL) -> State:
    with site.app.store.read() as work:
        return work.subscribers.by_email(email).subscriber.state


def deliveries(site) -> list[tuple[str, str]]:
    with site.app.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT state, reason FROM delivery ORDER BY id")
        return [tuple(row) for row in rows]


def test_looking_at_the_link_changes_nothing(site) -> None:
    leave = site.join(EMAIL)
    site.plan()
    before = site.tables()
    for _ in range(3):
        for method in ("GET", "HEAD"):
            assert site.ask(leave, method).status == 200
    assert site.tables() == before
    assert state(site) is State.ACTIVE


def test_a_post_unsubscribes_at_once_whatever_it_holds(site) -> None:
    posts = [
        (FORM, ONE_CLICK),
        (MULTIPART, IN_PARTS),
        ({}, None),
        (FORM, b""),
        (FORM, b"anything=else"),
        ({"Content-Type": "application/json"}, b"\xff\x00"),
        (MULTIPART, b"not in parts"),
    ]
    emails = [f"lezer{number}@voorbeeld.example" for number, _ in enumerate(posts)]
    links = [site.join(email) for email in emails]
    assert site.plan() == len(posts)
    for number, (headers, body) in enumerate(posts):
        answer = site.ask(links[number], "POST", headers, body)
        assert answer.status == 200, body  # not a redirect: RFC 8058 §3.1
        assert "<h1>U bent afgemeld</h1>" in answer.text
        assert state(site, emails[number]) is State.UNSUBSCRIBED, body
        gone = number + 1
        assert sorted(deliveries(site)) == [
            *[("cancelled", "unsubscribed")] * gone,
            *[("planned", "")] * (len(posts) - gone),
        ]


def test_leaving_is_written_down_once_however_often_it_is_asked(site) -> None:
    leave = site.join(EMAIL)
    site.plan()
    first = site.ask(leave, "POST", FORM, ONE_CLICK)
    before = site.tables()
    second = site.ask(leave, "POST", FORM, ONE_CLICK)
    assert (second.status, second.body) == (200, first.body)
    assert site.tables() == before
    with site.app.store.read() as work:
        id = work.subscribers.by_email(EMAIL).id
        assert [consent.action for consent in work.subscribers.consents(id)] == ["subscribe", "unsubscribe"]


def test_who_left_sees_that_they_did(site) -> None:
    leave = site.join(EMAIL)
    site.ask(leave, "POST")
    page = site.ask(leave)
    assert page.status == 200
    assert "<h1>U bent afgemeld</h1>" in page.text
    # Nothing is left to press but what asks for the link to their data.
    assert re.findall(r"<button[^>]*>([^<]*)<", page.text) == ["Stuur mij die link"]


def test_the_pages_speak_the_language_of_the_reader_and_keep_their_address_to_themselves(site) -> None:
    dutch, english = site.join(EMAIL), site.join("reader2@example.example", "en")
    for path, language, asks, done, address in (
        (dutch, "nl", "Wilt u zich afmelden?", "U bent afgemeld", "l•••1@v•••.example"),
        (english, "en", "Do you want to unsubscribe?", "You are unsubscribed", "r•••2@e•••.example"),
    ):
        for answer, heading in ((site.ask(path), asks), (site.ask(path, "POST"), done)):
            assert f'<html lang="{language}">' in answer.text
            assert f"<h1>{heading}</h1>" in answer.text
            assert address in answer.text
            assert "lezer1@" not in answer.text
            assert "reader2@" not in answer.text


def test_the_link_is_kept_from_caches_search_engines_and_the_next_site(site) -> None:
    leave = site.join(EMAIL)
    for answer in (site.ask(leave), site.ask(leave, "POST"), site.ask(f"{leave}x")):
        assert answer.headers["cache-control"] == "no-store"
        assert '<meta name="robots" content="noindex">' in answer.text
        assert leave.rpartition("/")[2] not in answer.text
    assert '<meta name="referrer" content="no-referrer">' in site.ask(leave).text


def test_a_link_that_is_not_ours_gets_a_page_and_changes_nothing(site) -> None:
    leave = site.join(EMAIL)
    id, _, signature = leave.rpartition("/")[2].partition(".")
    site.plan()
    before = site.tables()
    for token in (
        signature,
        id,
        f"{id}.",
        f"{id}.{signature[:-1]}",
        f"{id}.{signature}A",
        f"{int(id) + 1}.{signature}",
        f"0{id}.{signature}",
        f"{id}.{signature.swapcase()}",
        f"{id}.{signature}%00",
        f"{id}%0a.{signature}",
        site.app.tokens.sign("preferences", int(id)),
        Tokens([b"somebody else's key"]).sign(UNSUBSCRIBE, int(id)),
        site.app.tokens.sign(UNSUBSCRIBE, 10**6),
        "%f0%9f%92%a9",
        "a" * 10_000,
    ):
        for method in ("GET", "POST"):
            answer = site.ask(f"/unsubscribe/{token}", method)
            assert answer.status == 404, token
            assert '<html lang="nl">' in answer.text
            assert "<h1>Deze link werkt niet</h1>" in answer.text
    assert site.tables() == before


def test_only_get_head_and_post_are_allowed(site) -> None:
    leave = site.join(EMAIL)
    before = site.tables()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = site.ask(leave, method)
        assert answer.status == 405, method
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert site.tables() == before


def test_the_answer_does_not_wait_for_the_body(site) -> None:
    leave = site.join(EMAIL)
    head = (
        f"POST {leave} HTTP/1.1\r\nHost: portaal.example\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"List-Unsubscribe=")
        assert connection.recv(64).startswith(b"HTTP/1.1 200 OK\r\n")
    assert state(site) is State.UNSUBSCRIBED


def test_no_part_of_a_body_is_taken_in(site) -> None:
    taken, statuses = [], []

    async def receive():
        taken.append(1)
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    async def send(message) -> None:
        statuses.append(message.get("status"))

    web = build(site.app)
    for path in (site.join(EMAIL), "/unsubscribe/forged", "/feeds/all.rss", "/nergens"):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
        }
        asyncio.run(web(scope, receive, send))
    assert [status for status in statuses if status] == [200, 404, 405, 405]
    assert taken == []


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("lezer12@voorbeeld.example", "l•••2@v•••.example"),
        ("jan@sub.voorbeeld.example", "j•••@s•••.example"),
        ("a@b", "a•••@•••b"),
    ],
)
def test_a_masked_address_is_known_to_its_owner_alone(email: str, shown: str) -> None:
    assert masked(email) == shown
