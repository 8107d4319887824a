"""Articles whose names are others' too: by a page that many link to, or after a merge and a split."""

import pytest
from collecting import FEED, Feed, collect, numbers
from pytest_httpserver import HTTPServer

import feeds.shown
from feeds.draft import Draft
from feeds.identity import aliases, former_aliases

pytestmark = pytest.mark.each_database

NOTICE = "Het ministerie heeft vandaag bekendgemaakt welke plannen er komend jaar voor de woningbouw zijn."
TOLD = {
    "Kunstveiling brengt miljoenen op": "Schilderijen gingen gisteravond bij het veilinghuis onder de hamer.",
    "Voetbalclub wint bekerfinale": "Duizenden supporters vierden na afloop feest op het plein.",
    "Zwembad sluit wegens storing": "Een kapotte pomp laat de badgasten zeker twee weken wachten.",
}


def shown(link: str, texts: dict[str, str]) -> str:
    items = "".join(
        f"<item><guid isPermaLink='false'>{title}</guid><link>{link}</link>"
        f"<title>{title}</title><description>{text}</description></item>"
        for title, text in texts.items()
    )
    return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"


@pytest.mark.parametrize(
    "link, at_once", [("https://over.example/", 1), ("https://over.example/overzicht", 2)]
)
def test_articles_of_two_sources_that_link_to_one_page_are_articles_each(
    portal, feed: Feed, httpserver: HTTPServer, link: str, at_once: int
) -> None:
    with portal.config.open("a") as config:
        config.write(FEED.format(url=feed.url.replace("/feed", "/ander")).replace('"nieuws"', '"ander"'))
    httpserver.expect_request("/ander").respond_with_data(shown(link, {"Woningbouw": NOTICE}))
    assert numbers(collect(portal))["new"] == 1
    titles = list(TOLD)
    new = 0
    for start in range(len(titles) - at_once + 1):
        window = {title: TOLD[title] for title in titles[start : start + at_once]}
        feed.document = lambda window=window: shown(link, window)  # type: ignore[method-assign, misc]
        new += numbers(collect(portal)).get("new", 0)
    assert new == len(titles)


def test_articles_that_share_their_id_and_link_stay_who_they_are_in_any_order(portal, feed: Feed) -> None:
    def document(titles: list[str]) -> str:
        items = "".join(
            f"<item><guid>https://over.example/overzicht</guid><title>{title}</title>"
            f"<description>{TOLD[title]}</description></item>"
            for title in titles
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"

    one, two, three = TOLD
    feed.document = lambda: document([one, two, three])  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 3
    for titles in ([three, two, one], [two], [one, three], [three], [two, one]):
        feed.document = lambda titles=titles: document(titles)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)) == {"unchanged": len(titles)}


def test_an_article_whose_names_all_went_to_another_is_new_once(portal, feed: Feed) -> None:
    first, second, _ = TOLD.items()
    items = "".join(
        f"<item><guid isPermaLink='false'>{number}</guid><link>https://nieuws.example/{number}</link>"
        f"<title>{title}</title><description>{text}</description></item>"
        for number, (title, text) in enumerate((first, second))
    )
    document = f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"
    feed.document = lambda: document  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 2
    here, there = "https://nieuws.example/0", "https://nieuws.example/1"
    assert portal.run("articles", "merge", here, there, "--yes").exit_code == 0
    assert portal.run("articles", "split", there, "--yes").exit_code == 0
    assert numbers(collect(portal)).get("new") == 1
    for _ in range(2):
        portal.wait(days=1)
        assert numbers(collect(portal)) == {"unchanged": 2}


def entries(*shown: tuple[str, str, str]) -> str:
    """A feed of entries, each a guid, a link and a title that TOLD has the text of."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>https://{link}</link><title>{title}</title>"
        f"<description>{TOLD[title.removesuffix('!')]}</description></item>"
        for guid, link, title in shown
    )
    return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"


def test_an_id_that_a_copy_had_and_that_is_used_again_is_of_another_article(
    portal, feed: Feed, httpserver: HTTPServer
) -> None:
    one, two, _ = TOLD
    with portal.config.open("a") as config:
        config.write(FEED.format(url=feed.url.replace("/feed", "/ander")).replace('"nieuws"', '"ander"'))
    httpserver.expect_request("/ander").respond_with_data(entries(("o", "ander.example/o", one)))
    feed.document = lambda: entries()  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 1
    for guid, link, title, expected in (
        ("1", "ander.example/o", one, "unchanged"),
        ("1", "nieuws.example/n", two, "new"),
        ("1", "nieuws.example/n", two, "unchanged"),
    ):
        document = entries((guid, link, title))
        feed.document = lambda document=document: document  # type: ignore[method-assign, misc]
        assert numbers(collect(portal))[expected] == (1 if expected == "new" else 2), title


def test_of_merged_articles_each_stays_what_it_is_when_the_source_moves(portal, feed: Feed) -> None:
    one, two, _ = TOLD
    for host in ("oud", "nieuw", "nieuwer"):
        shown = entries(("1", f"{host}.example/1", one), ("2", f"{host}.example/2", two))
        feed.document = lambda shown=shown: shown  # type: ignore[method-assign, misc]
        if host == "oud":
            assert numbers(collect(portal))["new"] == 2
            links = [f"https://oud.example/{number}" for number in (1, 2)]
            assert portal.run("articles", "merge", *links, "--yes").exit_code == 0
        assert numbers(collect(portal)) == {"unchanged": 1}


@pytest.mark.parametrize("order", [(3, 2), (2, 3)])
def test_what_was_merged_stays_so_also_where_its_id_had_been_used_before(
    portal, feed: Feed, order: tuple[int, int]
) -> None:
    one, two, three = TOLD
    other = ("2", "nieuws.example/2", two)
    for shown in ([("1", "nieuws.example/1", one), other], [("1", "nieuws.example/3", three), other]):
        feed.document = lambda shown=shown: entries(*shown)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal))["new"]
    links = [f"https://nieuws.example/{number}" for number in order]
    assert portal.run("articles", "merge", *links, "--yes").exit_code == 0
    for _ in range(2):
        assert numbers(collect(portal)) == {"unchanged": 1}
        shown.reverse()


@pytest.mark.parametrize("titles", [("Weer: storm", "Weer: regen"), ("Weer", "Weer")])
def test_articles_that_change_ids_with_one_another_stay_where_they_are(
    portal, feed: Feed, titles: tuple[str, str]
) -> None:
    def shown(*ids: str) -> str:
        items = "".join(
            f"<item><guid isPermaLink='false'>{id}</guid><link>https://nieuws.example/{number}</link>"
            f"<title>{title}</title><description>Het waait in gebied {number}.</description></item>"
            for number, (id, title) in enumerate(zip(ids, titles, strict=True), 1)
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"

    feed.document = lambda: shown("1", "2")  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 2
    for ids in (("2", "1"), ("1", "2")):
        feed.document = lambda ids=ids: shown(*ids)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)) == {"unchanged": 2}


def test_an_article_stored_when_slashes_made_other_pages_is_known_when_its_source_moves(
    portal, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_before(draft: Draft, source_name: str) -> tuple[str, ...]:
        *others, _ = aliases(draft, source_name)
        return *others, *former_aliases(draft, source_name)

    feed.document = lambda: MOVED.format(host="oud.example")  # type: ignore[method-assign]
    with monkeypatch.context() as patched:
        patched.setattr(feeds.shown, "aliases", as_before)
        assert numbers(collect(portal))["new"] == 1
    for host in ("nieuw.example", "nieuwer.example"):
        feed.document = lambda host=host: MOVED.format(host=host)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)) == {"unchanged": 1}


MOVED = (
    "<rss version='2.0'><channel><title>Nieuws</title><item><guid>https://{host}/?p=1</guid>"
    "<link>https://{host}/een-bericht/</link><title>Een bericht</title></item></channel></rss>"
)


def test_articles_that_share_their_link_and_title_are_known_by_their_ids_once_one_of_them_is_gone(
    portal, feed: Feed
) -> None:
    def document(*ids: int) -> str:
        items = "".join(
            f"<item><guid isPermaLink='false'>{id}</guid><link>https://nieuws.example/storing</link>"
            f"<title>Storing</title><description>{list(TOLD.values())[id]}</description></item>"
            for id in ids
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"

    feed.document = lambda: document(1, 0)  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 2
    for ids in ([0, 1], [1], [0], [1]):
        feed.document = lambda ids=ids: document(*ids)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)) == {"unchanged": len(ids)}
