"""What takes a fresh link: another address, a feed of one's own, one's data, and being forgotten."""

import json
import re
from urllib.parse import urlencode

import pytest
from signing_up import FORM, ask, confirmed, consents, link, mails, reader, state, texts

from pipeline import jobs
from subscribers.notice import FRESH, MOVING
from subscribers.subscriber import State
from subscribers.token import ACCOUNT, BOUNCE, PREFERENCES, UNSUBSCRIBE

EMAIL = "Lezer.Een@voorbeeld.example"
NEW = "nieuw@elders.example"


def post(site, path: str, headers: dict[str, str] | None = None, **fields: str):
    return site.ask(path, "POST", FORM | (headers or {}), urlencode(fields).encode())


def preferences(site, email: str = EMAIL) -> str:
    return f"/preferences/{site.app.tokens.sign(PREFERENCES, reader(site, email).id)}"


def fresh(site, portal, email: str = EMAIL) -> str:
    """The path of a fresh link, asked for on the page that every mail leads to."""
    assert post(site, preferences(site, email), link="yes").status == 200
    return link(mails(portal)[-1], "account")


# The link.


def test_the_link_goes_to_the_reader_and_not_to_who_asked(site, portal) -> None:
    site.join(EMAIL)
    page = post(site, preferences(site), link="yes").text
    assert "L•••n@v•••.example" in page
    assert "/account/" not in page
    (mail,) = mails(portal)
    assert mail["to"] == EMAIL
    assert not [name for name in mail if name.lower().startswith("list-")]
    assert "Mijn gegevens wissen" in site.ask(link(mail, "account")).text


def test_looking_changes_nothing(site, portal) -> None:
    site.join(EMAIL)
    path = fresh(site, portal)
    before = site.tables()
    for method in ("GET", "HEAD"):
        assert site.ask(path, method).status == 200
    assert site.tables() == before


def test_it_works_for_an_hour(site, portal) -> None:
    site.join(EMAIL)
    path = fresh(site, portal)
    portal.wait(seconds=FRESH.total_seconds())
    assert site.ask(path).status == 200
    portal.wait(seconds=1)
    before = site.tables()
    for method, fields in (("GET", {}), ("POST", {"do": "erase", "sure": "yes"})):
        answer = site.ask(path, method) if method == "GET" else post(site, path, **fields)
        assert answer.status == 410
    assert site.tables() == before


def test_a_link_of_another_kind_or_a_forged_one_does_nothing(site, portal) -> None:
    site.join(EMAIL)
    id = reader(site, EMAIL).id
    tokens = site.app.tokens
    later = portal.now + FRESH
    good = tokens.sign_until(ACCOUNT, id, later)
    forged = [
        tokens.sign(PREFERENCES, id),
        tokens.sign(ACCOUNT, id),
        tokens.sign_until(UNSUBSCRIBE, id, later),
        good[:-1],
        good.replace("-", "-9"),
        f"{id + 1}{good[len(str(id)) :]}",
    ]
    before = site.tables()
    for token in forged:
        assert site.ask(f"/account/{token}").status == 410
        assert post(site, f"/account/{token}", do="erase", sure="yes").status == 410
    assert site.ask(f"/address/{tokens.sign(ACCOUNT, 1)}").status == 404
    assert site.tables() == before


def test_a_form_on_another_site_does_nothing(site, portal) -> None:
    site.join(EMAIL)
    path = fresh(site, portal)
    answer = post(site, path, {"Sec-Fetch-Site": "cross-site"}, do="erase", sure="yes")
    assert answer.status == 403
    assert reader(site, EMAIL) is not None


def test_only_a_few_links_a_day_are_sent(site, portal) -> None:
    site.join(EMAIL)
    for _ in range(10):
        assert post(site, preferences(site), link="yes").status == 200
    assert len(mails(portal)) == 3


def test_who_left_can_still_have_their_data_and_be_forgotten(site, portal) -> None:
    path = site.join(EMAIL)
    left = site.ask(path, "POST").text
    for page in (left, site.ask(path).text, site.ask(preferences(site)).text):
        (action,) = re.findall(r'action="\.\.(/preferences/[\w.-]+)"', page)
        assert "Stuur mij die link" in page
    assert post(site, action, link="yes").status == 200
    (mail,) = mails(portal)
    assert json.loads(post(site, link(mail, "account"), do="data").body)["subscriber"]["email"] == EMAIL
    assert post(site, link(mail, "account"), do="erase", sure="yes").status == 200
    assert reader(site, EMAIL).subscriber.state is State.ERASED


def test_a_suppressed_reader_is_sent_none(site, portal) -> None:
    site.join(EMAIL)
    site.app.enroller().suppress(EMAIL, "complaint")
    assert post(site, preferences(site), link="yes").status == 200
    assert mails(portal) == []


# The own feed.


def test_a_feed_of_ones_own_is_made_renewed_and_stopped(site, portal) -> None:
    site.join(EMAIL)
    path = fresh(site, portal)

    def feed(page: str) -> str:
        (address,) = re.findall(r"<code>https://portaal\.example(/feeds/me/[^<]+)</code>", page)
        return address

    first = feed(post(site, path, do="feed").text)
    assert site.ask(first).status == 200
    second = feed(post(site, path, do="feed").text)
    assert site.ask(first).status == 410
    assert site.ask(second).status == 200
    assert "<code>" not in post(site, path, do="nofeed").text
    assert site.ask(second).status == 410


# Another address.


@pytest.mark.each_database
def test_a_new_address_is_confirmed_there_and_told_to_the_old_one(site, portal) -> None:
    site.join(EMAIL)
    id = reader(site, EMAIL).id
    assert (
        "Wij sturen een e-mail naar nieuw@elders.example"
        in post(site, fresh(site, portal), do="move", email=" nieuw@ELDERS.example ").text
    )
    asking = mails(portal)[-1]
    assert asking["to"] == NEW
    path = link(asking, "address")
    before = state(site)
    for method in ("GET", "HEAD"):
        assert site.ask(path, method).status == 200
    assert state(site) == before
    assert "Uw adres is gewijzigd" in site.ask(path, "POST").text
    assert reader(site, EMAIL) is None
    assert reader(site, NEW).id == id
    assert consents(site, NEW)[-1].action == "move"
    told = mails(portal)[-1]
    assert told["to"] == EMAIL
    assert all("n•••w@e•••.example" in text for text in texts(told))
    assert site.ask(path, "POST").status == 410


def test_an_address_that_somebody_has_is_not_told_apart_and_gets_nothing(site, portal) -> None:
    site.join(EMAIL)
    site.join(NEW)
    path = fresh(site, portal)
    known = post(site, path, do="move", email=NEW).text
    other = post(site, path, do="move", email="vrij@elders.example").text
    assert known.replace(NEW, "ADRES") == other.replace("vrij@elders.example", "ADRES")
    assert [mail["to"] for mail in mails(portal)] == [EMAIL, "vrij@elders.example"]


def test_an_address_taken_meanwhile_is_left_alone(site, portal) -> None:
    site.join(EMAIL)
    post(site, fresh(site, portal), do="move", email=NEW)
    path = link(mails(portal)[-1], "address")
    site.join(NEW)
    assert site.ask(path, "POST").status == 410
    assert reader(site, EMAIL) is not None


def test_an_address_suppressed_meanwhile_is_left_alone(site, portal) -> None:
    site.join(EMAIL)
    post(site, fresh(site, portal), do="move", email=NEW)
    path = link(mails(portal)[-1], "address")
    site.app.enroller().suppress(NEW, "op verzoek")
    assert site.ask(path, "POST").status == 410
    assert reader(site, NEW) is None
    assert reader(site, EMAIL).subscriber.state is State.ACTIVE


def test_of_several_links_to_new_addresses_one_works(site, portal) -> None:
    site.join(EMAIL)
    account = fresh(site, portal)
    post(site, account, do="move", email="eerst@elders.example")
    first = link(mails(portal)[-1], "address")
    post(site, account, do="move", email=NEW)
    assert site.ask(link(mails(portal)[-1], "address"), "POST").status == 200
    assert site.ask(first).status == 410
    assert site.ask(first, "POST").status == 410
    assert reader(site, NEW) is not None


def test_nothing_that_waits_goes_to_an_address_suppressed_meanwhile(site, portal) -> None:
    site.join(EMAIL)
    site.app.accounts().ask(reader(site, EMAIL).id)
    site.app.accounts().move(reader(site, EMAIL).id, NEW)
    for address in (EMAIL, NEW):
        site.app.enroller().suppress(address, "op verzoek")
    assert mails(portal) == []


def test_a_new_address_must_be_confirmed_within_a_day(site, portal) -> None:
    site.join(EMAIL)
    post(site, fresh(site, portal), do="move", email=NEW)
    path = link(mails(portal)[-1], "address")
    portal.wait(seconds=MOVING.total_seconds() + 1)
    assert site.ask(path, "POST").status == 410
    assert reader(site, NEW) is None


def test_what_is_no_address_is_said_so(site, portal) -> None:
    site.join(EMAIL)
    answer = post(site, fresh(site, portal), do="move", email="geen adres")
    assert answer.status == 422
    assert "Naar dit e-mailadres kunnen wij niet schrijven." in answer.text
    assert 'value="geen adres"' in answer.text


def test_mail_that_is_planned_goes_to_the_new_address(site, portal) -> None:
    site.join(EMAIL)
    assert site.plan() == 1
    post(site, fresh(site, portal), do="move", email=NEW)
    site.ask(link(mails(portal)[-1], "address"), "POST")
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    digest = [mail for mail in mails(portal) if mail["list-id"]]
    assert [mail["to"] for mail in digest] == [NEW]


# The data.


@pytest.mark.each_database
def test_all_that_is_kept_can_be_downloaded(site, portal) -> None:
    found = confirmed(site, portal, email=EMAIL)
    portal.wait(hours=1)
    portal.write("meer", "Meer cloud")
    jobs.collect(site.app)
    site.plan()
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    answer = post(site, fresh(site, portal), do="data")
    assert answer.headers["content-disposition"] == 'attachment; filename="kennisportal.json"'
    assert answer.headers["cache-control"] == "no-store"
    data = json.loads(answer.body)
    assert data["subscriber"]["email"] == EMAIL
    assert data["subscriber"]["interests"] == ["cloud"]
    assert [consent["action"] for consent in data["consents"]] == ["ask", "confirm"]
    (edition,) = data["editions"]
    assert edition["state"] == "accepted"
    assert [article["title"] for article in edition["articles"]] == ["Meer cloud"]
    assert {notice["kind"] for notice in data["notices"]} == {"welcome", "link"}
    command = portal.run("subscribers", "export-data", EMAIL)
    assert json.loads(command.stdout)["subscriber"] == data["subscriber"]
    assert found.id == reader(site, EMAIL).id


# Being forgotten.


def traces(site, portal, *words: str) -> list[str]:
    """Where any of these still stands: in a table, or in a file of the portal's beside its mail."""
    found = [
        table
        for table, rows in site.tables().items()
        if any(word.lower() in repr(rows).lower() for word in words)
    ]
    for file in portal.root.rglob("*"):
        if file.is_file() and (portal.root / "mail") not in file.parents:
            content = file.read_bytes().lower()
            found += [str(file) for word in words if word.lower().encode() in content]
    return found


@pytest.mark.each_database
def test_nothing_personal_is_left_of_who_is_erased_and_they_stay_unmailed(site, portal, tmp_path) -> None:
    confirmed(site, portal, email=EMAIL)
    site.app.enroller().edit(EMAIL, {"name": "Anneke Lezer"})
    portal.run("subscribers", "edit", EMAIL, "--name", "Anneke van Lezer")
    ask(site, email=EMAIL.upper().replace("VOORBEELD.EXAMPLE", "voorbeeld.example"))
    portal.wait(hours=1)
    portal.write("meer", "Meer cloud")
    jobs.collect(site.app)
    site.plan()
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    with site.app.store.write() as work:
        work.register.audit(portal.now, "iemand", "iets", f"over {EMAIL.lower()}")
    id = reader(site, EMAIL).id
    feed = site.app.tokens.sign_feed(id, site.app.enroller().own_feed(EMAIL, renew=True)[1])
    other = site.join("lezer2@voorbeeld.example")
    path = fresh(site, portal)
    words = (EMAIL, "Anneke", EMAIL.partition("@")[0])
    assert traces(site, portal, *words)
    sent = [mail["to"] for mail in mails(portal)]
    answer = post(site, path, do="erase")
    assert answer.status == 422
    assert reader(site, EMAIL).subscriber.email == EMAIL
    assert "Uw gegevens zijn gewist" in post(site, path, do="erase", sure="yes").text
    assert traces(site, portal, *words) == []
    assert site.ask(path).status == 410
    assert site.ask(f"/feeds/me/{feed}.atom").status == 410
    for page in ("preferences", "unsubscribe"):
        token = site.app.tokens.sign(page, id)
        assert "Uw gegevens zijn gewist" in site.ask(f"/{page}/{token}").text
    assert site.ask(other).status == 200
    # Still not to be mailed, whoever imports the address.
    csv = tmp_path / "lezers.csv"
    csv.write_text(f"email,interests\n{EMAIL},cloud\n")
    result = portal.run("subscribers", "import", str(csv), "--confirmed", "--consent-note", "echt")
    assert result.exit_code == 1
    assert "has left" in result.output or "suppressed" in result.output
    csv.unlink()
    portal.wait(days=7)
    portal.write("nog", "Nog meer cloud")
    jobs.collect(site.app)
    site.plan()
    portal.run("digest", "send", "weekly", "--yes")
    assert [mail["to"] for mail in mails(portal)] == [*sent, "lezer2@voorbeeld.example"]
    with site.app.store.read() as work:
        proof = work.subscribers.consents(id)
        assert [consent.action for consent in proof] == ["ask", "confirm"]
        assert work.subscribers.by_id(id).subscriber.state is State.ERASED


@pytest.mark.each_database
def test_no_word_that_an_administrator_or_a_server_wrote_about_who_is_erased_is_left(site, portal) -> None:
    note = f"Anneke Lezer ({EMAIL}) belde"
    for words in (
        ("add", EMAIL, "--interests", "cloud", "--name", "Anneke Lezer"),
        ("confirm", EMAIL, "--consent-note", note),
        ("suppress", EMAIL, "--reason", note),
    ):
        assert portal.run("subscribers", *words).exit_code == 0
    id = reader(site, EMAIL).id
    # Sent to an address of ours that names no delivery.
    came_back = f"To: overzicht@portaal.example\r\nSubject: terug\r\n\r\nmislukt: {EMAIL.upper()}\r\n"
    others = came_back.replace(EMAIL.upper(), "lezer2@voorbeeld.example")
    site.app.ingester().ingest([came_back.encode(), others.encode()])
    assert portal.run("subscribers", "erase", EMAIL, "--yes").exit_code == 0
    assert traces(site, portal, EMAIL, "Anneke") == []
    with site.app.store.read() as work:
        (proof,) = work.subscribers.consents(id)
        assert (proof.action, proof.at) == ("subscribe", portal.now)
        assert work.subscribers.suppression(EMAIL) == "(erased)"
    assert sum(b"lezer2" in repr(row).encode() for row in site.tables()["feedback"]) == 1


@pytest.mark.each_database
def test_an_earlier_address_of_who_is_erased_is_left_nowhere(site, portal) -> None:
    confirmed(site, portal, email="JOSÉ@voorbeeld.example")
    post(site, fresh(site, portal, "josé@voorbeeld.example"), do="move", email=NEW)
    assert site.ask(link(mails(portal)[-1], "address"), "POST").status == 200
    mails(portal)
    # Whom somebody asked to move to, and never did, is somebody else.
    site.app.accounts().move(reader(site, NEW).id, "ander@elders.example")
    ask(site, email="ander@elders.example")
    assert portal.run("subscribers", "erase", NEW, "--yes").exit_code == 0
    assert traces(site, portal, "josé", NEW) == []
    assert "ander@elders.example" in repr(site.tables()["signup"])


@pytest.mark.each_database
def test_an_address_that_was_only_asked_for_can_be_forgotten(site, portal, tmp_path) -> None:
    other = site.join("lezer2@voorbeeld.example")
    ask(site, email=EMAIL)
    path = link(mails(portal)[-1])
    site.app.accounts().move(reader(site, "lezer2@voorbeeld.example").id, EMAIL)
    ask(site, email="lezer3@voorbeeld.example")
    assert portal.run("subscribers", "erase", EMAIL).exit_code != 0  # it asks, and there is no terminal
    assert portal.run("subscribers", "erase", EMAIL.lower(), "--yes").exit_code == 0
    assert traces(site, portal, EMAIL) == []
    assert site.ask(path, "POST").status == 410
    assert reader(site, EMAIL) is None
    assert site.ask(other).status == 200
    assert "lezer3@voorbeeld.example" in repr(site.tables()["signup"])
    result = portal.run("subscribers", "erase", "niemand@voorbeeld.example", "--yes")
    assert result.exit_code == 1
    assert "is no subscriber" in result.stderr
    csv = tmp_path / "lezers.csv"
    csv.write_text(f"email,interests\n{EMAIL},cloud\n")
    assert "suppressed" in portal.run("subscribers", "import", str(csv)).stderr
    assert confirmed(site, portal, email=EMAIL).subscriber.state is State.ACTIVE


def test_who_was_erased_can_sign_up_again(site, portal) -> None:
    confirmed(site, portal, email=EMAIL)
    id = reader(site, EMAIL).id
    result = portal.run("subscribers", "erase", EMAIL)
    assert result.exit_code != 0  # it asks, and there is no terminal
    assert portal.run("subscribers", "erase", EMAIL, "--yes").exit_code == 0
    again = confirmed(site, portal, email=EMAIL)
    assert again.id == id
    assert again.subscriber.state is State.ACTIVE
    assert again.interests == ("cloud",)


def test_an_address_is_erased_from_what_servers_said(site, portal) -> None:
    site.join(EMAIL)
    with site.app.store.write() as work:
        (provider,) = work.providers.of(["voorbeeld.example"]).values()
        work.providers.put([provider.reported(f"550 5.7.1 {EMAIL} is not welcome", portal.now)])
    site.app.accounts().erase(reader(site, EMAIL).id)
    assert traces(site, portal, EMAIL) == []


def test_what_came_back_from_the_old_address_is_not_held_against_the_new_one(site, portal) -> None:
    site.join(EMAIL)
    id = reader(site, EMAIL).id
    with site.app.store.write() as work:
        bounces, _ = work.bounces.of(id).hard(None, portal.now, spike=False)
        work.bounces.put(id, bounces)
        work.subscribers.set_state(id, State.SUSPENDED)
    post(site, fresh(site, portal), do="move", email=NEW)
    assert site.ask(link(mails(portal)[-1], "address"), "POST").status == 200
    assert reader(site, NEW).subscriber.state is State.ACTIVE
    assert site.tables()["bounce"] == []


def test_what_comes_back_later_from_the_old_address_is_not_held_against_the_new_one(site, portal) -> None:
    site.join(EMAIL)
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    portal.wait(hours=1)
    post(site, fresh(site, portal), do="move", email=NEW)
    assert site.ask(link(mails(portal)[-1], "address"), "POST").status == 200

    def after_report_on(delivery: int) -> State:
        address = site.app.tokens.address(BOUNCE, delivery, "terug.portaal.example")
        report = (
            f"To: {address}\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
            "Final-Recipient: rfc822; x@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
        )
        site.app.ingester().ingest([report.encode()])
        return State(reader(site, NEW).subscriber.state)

    assert after_report_on(1) is State.ACTIVE
    portal.wait(days=7)
    portal.write("meer", "Meer cloud")
    portal.run("collect", "--force")
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    assert after_report_on(2) is State.SUSPENDED
