"""A reader's life by the links in their mail alone; and a scanner that follows every one of those links."""

import re
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from signing_up import EMAIL, FORM, confirmed, link, mails, reader, texts

from pipeline import jobs
from subscribers.render import BUDGET
from subscribers.subscriber import State

NEW = "nieuw@elders.example"


def links(mail) -> set[str]:
    """Every path of ours that a mail leads to, in its parts and its headers."""
    found = " ".join([*texts(mail), str(mail["List-Unsubscribe"] or ""), str(mail["List-Help"] or "")])
    addresses = {address.rstrip(">)") for address in re.findall(r"https://portaal\.example[^\s\"<>]*", found)}
    return {
        f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}" for parts in map(urlsplit, addresses)
    }


def next_digest(site, portal, title: str, frequency: str = "weekly") -> list:
    """An article and its edition, a week later; gives the mails that came of it."""
    before = len(mails(portal))
    portal.wait(days=7)
    portal.write(title.replace(" ", "-"), title)
    jobs.collect(site.app)
    portal.run("digest", "send", frequency, "--yes")
    return mails(portal)[before:]


def post(site, path: str, **fields: str):
    return site.ask(path, "POST", FORM, urlencode(fields).encode())


def test_from_sign_up_to_silence(serving, portal) -> None:
    portal.config.write_text(portal.config.read_text() + '\n[[digest]]\nfrequency = "monthly"\n')
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with serving() as site:
        assert confirmed(site, portal).interests == ("cloud",)
        welcome = mails(portal)[-1]
        assert all("De gemeente gaat naar de cloud" in text for text in texts(welcome))
        (digest,) = next_digest(site, portal, "Een tweede wolk in de cloud")
        assert all("Een tweede wolk" in text for text in texts(digest))
        assert not any("De gemeente gaat naar de cloud" in text for text in texts(digest))
        # They follow another theme too, by the link in the digest.
        preferences = link(digest, "preferences")
        form = {"frequency": "weekly", "language": "nl", "timezone": "Europe/Amsterdam", "pause": ""}
        body = urlencode([("theme", "cloud"), ("theme", "gemeenten"), *form.items()]).encode()
        assert site.ask(preferences, "POST", FORM, body).status == 200
        (digest,) = next_digest(site, portal, "De gemeente stemt")
        assert all("De gemeente stemt" in text for text in texts(digest))
        # Less often, on the page for leaving.
        leave = link(digest, "unsubscribe")
        (action,) = re.findall(r'action="\.\./(preferences/[^"]+)"', site.ask(leave).text)
        assert post(site, f"/{action}", less="monthly").status == 200
        assert next_digest(site, portal, "Niet elke week cloud") == []
        (digest,) = next_digest(site, portal, "Wel elke maand cloud", "monthly")
        assert all("Niet elke week cloud" in text for text in texts(digest))
        assert all("Wel elke maand cloud" in text for text in texts(digest))
        # One click of the mail program, and silence.
        one_click = urlsplit(re.findall(r"<(https:[^>]+)>", digest["List-Unsubscribe"])[0]).path
        assert site.ask(one_click, "POST", FORM, b"List-Unsubscribe=One-Click").status == 200
        assert reader(site).subscriber.state is State.UNSUBSCRIBED
        assert next_digest(site, portal, "Nog een keer cloud", "monthly") == []


def test_a_scanner_that_follows_every_link_of_every_kind_of_mail_changes_nothing(site, portal) -> None:
    confirmed(site, portal)
    next_digest(site, portal, "Meer over de cloud")
    preferences = next(path for mail in mails(portal) for path in links(mail) if "/preferences/" in path)
    post(site, preferences, link="yes")
    account = link(mails(portal)[-1], "account")
    post(site, account, do="move", email=NEW)
    moving = link(mails(portal)[-1], "address")
    body = urlencode({"email": "derde@voorbeeld.example", "theme": "cloud"}).encode()
    site.ask("/subscribe", "POST", FORM, body)

    def follow_all() -> set[str]:
        paths = {path for mail in mails(portal) for path in links(mail)}
        before, files = site.tables(), site.files()
        for path in sorted(paths):
            for method in ("GET", "HEAD", "GET"):
                assert site.ask(path, method).status in (200, 404, 410), path
        assert site.tables() == before
        assert site.files() == files
        return paths

    rooms = {path.split("/")[1].partition("?")[0] for path in follow_all()}
    assert {"confirm", "preferences", "unsubscribe", "editions", "account", "address"} <= rooms
    assert reader(site).subscriber.email == EMAIL
    assert site.ask(moving, "POST").status == 200
    assert mails(portal)[-1]["to"] == EMAIL  # told that it goes elsewhere now
    follow_all()
    assert reader(site, NEW).subscriber.state is State.ACTIVE


def test_after_a_long_pause_there_is_one_digest_that_fits_in_a_mail_and_counts_the_rest(site, portal) -> None:
    confirmed(site, portal)
    preferences = link(mails(portal)[-1], "preferences")
    until = portal.now + timedelta(days=45)
    choice = {"theme": "cloud", "frequency": "weekly", "language": "nl"}
    post(site, preferences, pause=f"{until:%Y-%m-%d}", **choice)
    assert reader(site).subscriber.state is State.PAUSED
    more = "en de gemeente is er blij mee " * 30
    for week in range(6):
        for number in range(30):
            portal.write(f"w{week}-{number}", f"De cloud van week {week}, nummer {number}", more)
        assert next_digest(site, portal, f"Een cloud in week {week}") == []
    (digest,) = next_digest(site, portal, "De cloud na de pauze")
    _, html = texts(digest)
    assert len(html.encode()) < BUDGET
    shown = html.count("<h3")
    rest = re.search(r"Nog (\d+) artikelen", html)
    assert shown + int(rest[1]) == 6 * 31 + 1
    (path,) = {path.partition("#")[0] for path in links(digest) if path.startswith("/editions/")}
    assert site.ask(path).text.count("<h3") == 6 * 31 + 1
    portal.wait(days=7)
    portal.run("digest", "send", "weekly", "--yes")
    assert mails(portal)[-1]["Message-ID"] == digest["Message-ID"], "one, and nothing is left for another"
