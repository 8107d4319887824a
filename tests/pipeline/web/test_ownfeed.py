"""A reader's own feed: their themes and no others, for them alone."""

import json

import feedparser

from feeds.check import check
from pipeline.steps.select import Selector


def link(portal, *options: str) -> str:
    result = portal.run("subscribers", "feed", "lezer1@voorbeeld.example", "--json", *options)
    assert result.exit_code == 0, result.output
    address: str = json.loads(result.stdout)["feed"]
    return address.removeprefix("https://portaal.example")


def titles(site, path: str) -> list[str]:
    answer = site.ask(path)
    assert answer.status == 200
    return [entry.title for entry in feedparser.parse(answer.body).entries]


def test_it_holds_the_themes_they_follow_as_they_follow_them_now(site, portal) -> None:
    site.join("lezer1@voorbeeld.example")
    path = link(portal)
    assert path == link(portal), "the link stays what it is"
    assert titles(site, path) == ["De gemeente gaat naar de cloud"]
    portal.run("subscribers", "edit", "lezer1@voorbeeld.example", "--interests", "overheid")
    assert sorted(titles(site, path)) == ["De gemeente gaat naar de cloud", "De gemeente stemt"]


def test_it_is_kept_by_nobody_else_and_answers_304(site, portal) -> None:
    site.join("lezer1@voorbeeld.example")
    path = link(portal)
    answer = site.ask(path)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["access-control-allow-origin"] is None
    again = site.ask(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    for since in ("", "Fri, 01 Jan 2100 00:00:00 GMT"):
        assert site.ask(path, headers={"If-Modified-Since": since}).status == 200, "it has no date"
    assert "voorbeeld" not in answer.text
    with site.app.store.read() as work:
        reader = work.subscribers.by_email("lezer1@voorbeeld.example")
        select = Selector(site.app.tree, site.app.imprint)
        feed = select.own(work, reader.id, reader.interests, f"https://portaal.example{path}")
    assert check("atom", answer.body, feed) == []


def test_a_link_that_was_renewed_or_revoked_never_works_again(site, portal) -> None:
    site.join("lezer1@voorbeeld.example")
    first = link(portal)
    second = link(portal, "--renew")
    assert (site.ask(first).status, site.ask(second).status) == (410, 200)
    assert link(portal, "--revoke") == ""
    assert (site.ask(first).status, site.ask(second).status) == (410, 410)
    third = link(portal)
    assert [site.ask(path).status for path in (first, second, third)] == [410, 410, 200]
    assert "<h1>Deze link werkt niet meer</h1>" in site.ask(first).text
    assert site.ask(first).headers["cache-control"] == "no-store"


def test_nobody_elses_link_or_part_of_one_works(site, portal) -> None:
    leave = site.join("lezer1@voorbeeld.example")
    path = link(portal)
    token = path.removeprefix("/feeds/me/").removesuffix(".atom")
    site.join("lezer2@voorbeeld.example")
    number, _, signature = token.partition(".")
    for forged in (
        f"{int(number) + 1}.{signature}",
        token[:-1],
        token[1:],
        f"{number}.",
        number,
        leave.removeprefix("/unsubscribe/"),
        "9" * 30 + f".{signature}",
        f"%D9%A1.{signature}",
    ):
        answer = site.ask(f"/feeds/me/{forged}.atom")
        assert answer.status == 410, forged
    assert site.ask(f"/feeds/me/{token}.rss").status == 404
