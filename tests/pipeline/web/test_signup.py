"""Signing up: asked at a form, confirmed from the mailbox, and nothing told to anybody else."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from lxml.html import fromstring
from scripted import serving as mail_server
from signing_up import CHOICE, EMAIL, FORM, ask, confirmed, consents, link, mails, reader, state, texts
from starlette.requests import Request

from pipeline import jobs
from pipeline.web.forms import network_of
from subscribers.frequency import Frequency
from subscribers.notice import NoticeState
from subscribers.signup import PER_ADDRESS, PER_NETWORK, Wish
from subscribers.subscriber import State
from subscribers.token import CONFIRM, PREFERENCES, Tokens

# The form.


def test_the_form_offers_every_theme_with_what_it_brings_and_has_none_ticked(site) -> None:
    page = site.ask("/subscribe").text
    assert "<h1>Overzichten per e-mail</h1>" in page
    assert re.findall(r'name="theme" value="(\w+)"( checked)?', page) == [
        ("overheid", ""),
        ("gemeenten", ""),
        ("cloud", ""),
    ]
    assert re.findall(r'name="frequency" value="(\w+)"( checked)?', page) == [
        ("daily", ""),
        ("weekly", " checked"),
    ]
    assert "Door u aan te melden vraagt u Proefportaal om u overzichten te sturen" in page


def test_a_theme_in_the_address_is_ticked_and_its_page_leads_there(site) -> None:
    page = site.ask("/themes/gemeenten").text
    assert 'href="https://portaal.example/subscribe?theme=gemeenten"' in page
    ticked = re.findall(r'name="theme" value="(\w+)" checked', site.ask("/subscribe?theme=gemeenten").text)
    assert ticked == ["gemeenten"]


def test_a_form_that_knows_a_theme_by_its_old_slug_signs_up_for_it(serving, portal) -> None:
    assert portal.run("themes", "rename", "cloud", "wolken", "--yes").exit_code == 0
    with serving() as site:
        page = site.ask("/subscribe?theme=cloud").text
        assert re.findall(r'name="theme" value="(\w+)" checked', page) == ["wolken"]
        assert ask(site, theme=["cloud", "gemeenten"]).status == 200
        site.ask(link(*mails(portal)), "POST")
        assert reader(site).interests == ("gemeenten", "wolken")


def test_the_form_on_a_themes_page_signs_up_for_that_theme_and_has_nothing_ticked(site, portal) -> None:
    page = fromstring(site.ask("/themes/gemeenten").text)
    (form,) = page.forms
    assert (form.method, form.action) == ("POST", "https://portaal.example/subscribe")
    assert "Door u aan te melden vraagt u Proefportaal" in form.text_content()
    assert not form.inputs["theme"].checked
    form.fields["email"] = EMAIL
    form.inputs["theme"].checked = True
    assert site.ask("/subscribe", "POST", FORM, urlencode(form.form_values()).encode()).status == 200
    (mail,) = mails(portal)
    assert mail["To"] == EMAIL
    assert site.ask(link(mail), "POST").status == 200
    assert reader(site).interests == ("gemeenten",)


def test_the_page_is_there_in_english(site) -> None:
    page = site.ask("/subscribe?language=en&theme=cloud").text
    assert '<html lang="en">' in page
    assert "<h1>Digests by e-mail</h1>" in page
    assert 'href="https://portaal.example/subscribe?language=nl&amp;theme=cloud" lang="nl"' in page


def test_a_page_in_another_language_says_in_which_the_themes_are(site) -> None:
    assert '<span lang="nl">Cloud' in site.ask("/subscribe?language=en").text
    assert "<span>Cloud" in site.ask("/subscribe").text


def test_looking_at_the_form_changes_nothing(site) -> None:
    before = site.tables()
    for method in ("GET", "HEAD"):
        assert site.ask(f"/subscribe?{urlencode(CHOICE, doseq=True)}", method).status == 200
    assert site.tables() == before


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"email": "geen adres"}, "Naar dit e-mailadres kunnen wij niet schrijven."),
        ({"email": ""}, "Naar dit e-mailadres kunnen wij niet schrijven."),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "Naar dit e-mailadres kunnen wij niet schrijven."),
        ({"theme": []}, "Kies minstens één thema."),
        ({"theme": ["onzin"]}, "Kies minstens één thema."),
        ({"frequency": "immediate"}, "Kies een van deze"),
        ({"language": "xx"}, "Kies een van deze"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_filled_in_is_kept(site, portal, fields, says) -> None:
    before = site.tables()
    answer = ask(site, **fields)
    assert answer.status == 422
    assert says in answer.text
    assert "Er is nog niets verstuurd." in answer.text
    assert site.tables() == before
    assert mails(portal) == []


def test_without_digests_there_is_nothing_to_sign_up_for(serving, portal) -> None:
    config = portal.config.read_text()
    portal.config.write_text(config.partition("[[digest]]")[0])
    with serving() as site:
        assert site.ask("/subscribe").status == 404
        assert "/subscribe" not in site.ask("/").text


def test_a_form_on_another_site_works_only_where_the_config_allows_it(serving, portal) -> None:
    portal.config.write_text(
        portal.config.read_text() + '\n[web]\nform_origins = ["https://www.portaal.example/"]\n'
    )
    cross = {"Sec-Fetch-Site": "cross-site"}
    with serving() as site:
        assert ask(site, cross | {"Origin": "https://kwaad.example"}).status == 403
        assert ask(site, {"Origin": "https://kwaad.example"}).status == 403
        # As plain as a portal's own form may be: an address and a theme.
        body = urlencode({"email": EMAIL, "theme": "cloud"}).encode()
        friend = cross | {"Origin": "https://www.portaal.example"}
        assert site.ask("/subscribe", "POST", FORM | friend, body).status == 200
        assert site.ask(link(mails(portal)[0]), "POST", friend).status == 403
        assert site.ask(link(mails(portal)[0]), "POST").status == 200
        assert consents(site)[0].source == "sign-up form at https://www.portaal.example"


@pytest.mark.parametrize("origin", ["http://[", "https://portaal.example@kwaad.example", "https://a:b:c"])
def test_an_origin_that_is_none_is_a_foreign_one(site, origin: str) -> None:
    assert ask(site, {"Origin": origin}).status == 403


# The mail that confirms.


def test_the_mail_carries_a_link_what_was_asked_for_and_no_marketing(serving, portal) -> None:
    portal.config.write_text(
        portal.config.read_text().replace(
            "[mail]\n", '[mail]\ntransactional_from = "Proefportaal <post@portaal.example>"\n'
        )
    )
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with serving() as site:
        ask(site)
        (mail,) = mails(portal)
        assert mail["to"] == EMAIL
        assert mail["from"].addresses[0].addr_spec == "post@portaal.example"
        assert mail["auto-submitted"] == "auto-generated"
        assert not [name for name in mail if name.lower().startswith("list-")]
        for text in texts(mail):
            assert "Thema’s: Cloud" in text
            assert "Eén keer per week" in text or "elke week een overzicht" in text
            assert "De link werkt 7 dagen." in text
            assert "gaat naar de cloud" not in text
        confirmed(site, portal, email="lezer2@voorbeeld.example")
        welcome = mails(portal)[-1]
        assert welcome["from"].addresses[0].addr_spec == "overzicht@portaal.example"
        assert welcome["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


def test_the_page_sends_it_by_itself(site, portal) -> None:
    ask(site)
    site.stop()  # what was under way is finished first
    assert len(portal.mails()) == 1


@pytest.mark.each_database
def test_looking_at_the_link_confirms_nothing_and_the_button_does_once(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    before = state(site)
    for method in ("GET", "HEAD", "GET"):
        assert site.ask(path, method).status == 200
    page = site.ask(path).text
    assert "<h1>Nog één klik</h1>" in page
    assert "l•••1@v•••.example" in page
    assert '<form method="post"><button type="submit">Ja, stuur mij de overzichten</button></form>' in page
    assert state(site) == before
    assert "<h1>Welkom</h1>" in site.ask(path, "POST").text
    found = reader(site)
    assert found.subscriber.state is State.ACTIVE
    assert found.interests == ("cloud",)
    once = state(site)
    assert "<h1>U had al bevestigd</h1>" in site.ask(path, "POST").text
    assert "<h1>U had al bevestigd</h1>" in site.ask(path).text
    assert state(site) | {"lone_write": once["lone_write"]} == once, "all that changes is how often we wrote"
    assert len(mails(portal)) == 2


def test_consent_is_kept_as_proof_with_both_moments_and_the_very_words(site, portal) -> None:
    ask(site)
    asked = portal.now
    path = link(mails(portal)[0])
    portal.wait(hours=5)
    site.ask(path, "POST")
    first, second = consents(site)
    assert (first.action, first.at) == ("ask", asked)
    assert (second.action, second.at) == ("confirm", portal.now)
    for consent in (first, second):
        assert consent.source == "sign-up form"
        assert consent.interests == "cloud"
        assert consent.text.startswith("Door u aan te melden vraagt u Proefportaal om u overzichten")


def test_who_signed_up_is_exported_with_their_proof(site, portal, other_portal) -> None:
    confirmed(site, portal)
    file = portal.root / "uit.csv"
    assert portal.run("subscribers", "export", str(file)).exit_code == 0
    assert other_portal.run("subscribers", "import", str(file)).exit_code == 0
    with other_portal.open() as app, app.store.read() as work:
        taken = work.subscribers.by_email(EMAIL)
        (proof,) = work.subscribers.consents(taken.id)
    assert taken.subscriber.state is State.ACTIVE
    asked = consents(site)[1]
    assert (proof.at, proof.source, proof.text) == (asked.at, asked.source, asked.text)


def test_a_link_that_is_too_old_confirms_nothing_and_is_forgotten(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    portal.wait(days=7, seconds=1)
    for method in ("GET", "POST"):
        answer = site.ask(path, method)
        assert answer.status == 410
        assert "<h1>Deze link is te oud</h1>" in answer.text
    assert reader(site) is None
    with portal.open() as app:
        assert jobs.tidy(app) == {"signups": 1, "notices": 1}
        assert jobs.tidy(app) == {}
    assert EMAIL not in repr(site.tables())


def test_a_forged_truncated_or_foreign_link_confirms_nothing(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    own = path.rpartition("/")[2]
    tokens = [
        own[:-1],
        f"1{own}",
        own.replace(".", ".A"),
        Tokens([b"x" * 32]).sign(CONFIRM, 1),
        site.app.tokens.sign(PREFERENCES, 1),
    ]
    for token in tokens:
        for method in ("GET", "POST"):
            assert site.ask(f"/confirm/{token}", method).status == 404
    assert reader(site) is None


# Who is known, is told to nobody.


def test_the_answer_is_the_same_whoever_it_is(site, portal) -> None:
    known, left, complained = (f"lezer{n}@voorbeeld.example" for n in (2, 3, 4))
    for email in (known, left):
        site.join(email)
    site.ask(site.join("lezer5@voorbeeld.example"), "POST")
    site.app.enroller().suppress(complained, "complaint")
    answers = {
        ask(site, email=email).text.replace(email, "ADRES")
        for email in (EMAIL, known, left, complained, "lezer5@voorbeeld.example")
    }
    assert len(answers) == 1


def test_nobody_is_changed_by_a_form_in_their_name(site, portal) -> None:
    site.join(EMAIL)
    before = state(site)
    ask(site, theme=["gemeenten"], frequency="daily", language="en")
    mails(portal)
    assert state(site) == before


def test_a_reader_who_signs_up_again_gets_the_themes_beside_their_own(site, portal) -> None:
    site.join(EMAIL)
    cursor = reader(site).subscriber.cursor
    found = confirmed(site, portal, theme=["gemeenten"], frequency="daily")
    assert found.interests == ("cloud", "gemeenten")
    assert found.subscriber.frequency == "daily"
    assert found.subscriber.cursor == cursor


@pytest.mark.parametrize("reason, lifted", [("bounced", True), ("erased", True), ("complaint", False)])
def test_a_confirmed_sign_up_lifts_a_bounce_and_no_complaint(site, portal, reason, lifted) -> None:
    site.join(EMAIL)
    site.app.enroller().suppress(EMAIL, reason)
    ask(site)
    assert len(mails(portal)) == lifted
    if lifted:
        site.ask(link(mails(portal)[0]), "POST")
    assert reader(site).subscriber.state is (State.ACTIVE if lifted else State.SUPPRESSED)


def test_a_complaint_between_asking_and_confirming_holds(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    site.app.enroller().suppress(EMAIL, "complaint")
    assert site.ask(path, "POST").status == 410
    assert reader(site) is None


def test_who_left_comes_back_by_their_own_word_and_gets_nothing_twice(site, portal) -> None:
    leave = site.join(EMAIL)
    site.ask(leave, "POST")
    with site.app.store.write() as work:
        head = work.log.head()
        work.subscribers.begin(reader(site).id, head, portal.now)
        work.subscribers.set_state(reader(site).id, State.UNSUBSCRIBED)
    assert confirmed(site, portal).subscriber.state is State.ACTIVE
    welcome = mails(portal)[-1]
    assert not any("gaat naar de cloud" in text for text in texts(welcome))


# Limits.


def test_many_forms_for_one_address_send_it_a_few_mails(site, portal, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.web.signup.network_of", lambda request: request.headers["x-network"])
    answers = {ask(site, {"X-Network": str(n)}).text for n in range(50)}
    assert len(answers) == 1
    assert len(mails(portal)) == PER_ADDRESS.times
    with site.app.store.read() as work:
        assert len(site.tables()["signup"]) == PER_ADDRESS.times
        assert work.signups.get(PER_ADDRESS.times + 1) is None
    portal.wait(days=1)
    ask(site, {"X-Network": "morgen"})
    assert len(mails(portal)) == PER_ADDRESS.times + 1


def test_ten_thousand_sign_ups_for_one_address_from_as_many_networks_leave_little_behind(portal) -> None:
    wish = Wish(EMAIL, ("cloud",), Frequency.WEEKLY, "nl")
    with portal.open() as app:
        desk = app.signing_up()
        for number in range(10_000):
            assert desk.ask(wish, text="Ja.", source="formulier", network=str(number))
        app.notifier().send()
        with app.database.engine.connect() as connection:
            kept = connection.exec_driver_sql("SELECT count(*) FROM signup").scalar()
        portal.wait(days=2)
        jobs.tidy(app)
        with app.database.engine.connect() as connection:
            counted = connection.exec_driver_sql("SELECT count(*) FROM form_count").scalar()
    assert (kept, counted) == (PER_ADDRESS.times, 0)
    assert len(mails(portal)) == PER_ADDRESS.times


def test_too_many_forms_from_one_network_are_turned_away_for_a_while(site, portal) -> None:
    for number in range(PER_NETWORK.times):
        assert ask(site, email=f"lezer{number}@voorbeeld.example").status == 200
    refused = ask(site, email="teveel@voorbeeld.example")
    assert refused.status == 429
    assert refused.headers["retry-after"] == "3600"
    assert "<h1>Probeer het later nog eens</h1>" in refused.text
    portal.wait(hours=1)
    assert ask(site, email="teveel@voorbeeld.example").status == 200


def test_what_is_counted_names_nobody(site) -> None:
    ask(site)
    counts = site.tables()["form_count"]
    assert len(counts) == 2
    assert not re.search(r"lezer1|127\.0", repr(counts))


# The welcome, and what follows it.


@pytest.mark.each_database
def test_the_welcome_brings_the_latest_and_the_next_digest_goes_on_from_there(site, portal) -> None:
    confirmed(site, portal)
    welcome = mails(portal)[-1]
    assert welcome["subject"] == "Welkom bij Proefportaal"
    for text in texts(welcome):
        assert "De gemeente gaat naar de cloud" in text
        assert "De gemeente stemt" not in text
    assert site.plan() == 0
    portal.wait(hours=2)
    portal.write("meer", "Meer cloud")
    jobs.collect(site.app)
    assert site.plan() == 1
    result = portal.run("digest", "send", "weekly", "--yes")
    assert result.exit_code == 0, result.output
    digest = mails(portal)[-1]
    for text in texts(digest):
        assert "Meer cloud" in text
        assert "gaat naar de cloud" not in text


def test_the_welcome_writes_an_article_in_the_direction_of_its_own_script(site, portal) -> None:
    portal.wait(hours=2)
    portal.write("meer", "שלום cloud (1)!", "עולם cloud (1)!", more="language: he\nsummary: עולם (1)!\n")
    jobs.collect(site.app)
    confirmed(site, portal)
    page = fromstring(texts(mails(portal)[-1])[1])
    (title,) = [heading for heading in page.iter("h3") if "שלום" in heading.text_content()]
    assert title.get("dir") == "auto"
    assert [text.get("dir") for text in title.getparent().find_class("summary")] == ["auto"]


def test_on_the_way_to_the_first_digest_themes_are_marked_as_being_in_another_language(site, portal) -> None:
    named = '<span lang="nl">Cloud</span>'
    assert ask(site, language="en").status == 200
    (asked,) = mails(portal)
    assert f"Themes: {named}" in texts(asked)[1]
    assert f"digests on {named} to" in site.ask(link(asked)).text
    site.ask(link(asked), "POST")
    welcome = mails(portal)[-1]
    assert f"You follow: {named}." in texts(welcome)[1]
    assert f'">{named}</h2>' in texts(welcome)[1]
    saved = {"theme": "cloud", "frequency": "weekly", "language": "en", "timezone": "Europe/Amsterdam"}
    page = site.ask(link(welcome, "preferences"), "POST", FORM, urlencode(saved).encode()).text
    assert f"You follow: {named}." in page
    assert "<span" not in "".join(texts(mail)[0] for mail in mails(portal))


def test_a_welcome_that_never_arrives_leaves_its_articles_for_the_digest(site, portal) -> None:
    with portal.open() as app:
        wish = Wish(EMAIL, ("cloud",), Frequency.WEEKLY, "nl")
        app.signing_up().ask(wish, text="Ja.", source="test", network="")
        assert app.signing_up().confirm(1) is not None
    assert site.plan() == 0
    with mail_server({"RCPT": b"550 5.1.1 nobody here"}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        with portal.open() as app:
            report = jobs.notify(app)
    assert report.settled == {NoticeState.CANCELLED: 1, NoticeState.REJECTED: 1}
    assert site.plan() == 1


def test_who_leaves_before_the_welcome_goes_gets_none(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    with site.app.store.write() as work:
        assert work.signups.get(1) is not None
    site.app.signing_up().confirm(int(path.rpartition("/")[2].partition(".")[0]))
    site.app.enroller().unsubscribe(reader(site).id, "test")
    assert len(mails(portal)) == 1


def test_a_notice_that_nobody_settled_is_sent_again_as_the_same_message(site, portal) -> None:
    wish = Wish(EMAIL, ("cloud",), Frequency.WEEKLY, "nl")
    site.app.signing_up().ask(wish, text="Ja.", source="test", network="")
    with site.app.store.write() as work:
        assert len(work.notices.claim(portal.now, 1)) == 1  # by a process that dies
    assert jobs.notify(site.app).settled == {}
    portal.wait(minutes=15)
    assert len(mails(portal)) == 1
    with site.app.store.write() as work:
        work.notices.settle(1, NoticeState.PENDING, "", portal.now)
    first, again = mails(portal)
    assert first["message-id"] == again["message-id"]
    assert link(first) == link(again)


def test_a_notice_put_off_by_a_clock_that_ran_ahead_is_sent_once_that_is_set_right(site, portal) -> None:
    wish = Wish(EMAIL, ("cloud",), Frequency.WEEKLY, "nl")
    site.app.signing_up().ask(wish, text="Ja.", source="test", network="")
    with site.app.store.write() as work:
        work.notices.settle(1, NoticeState.PENDING, "451 later", portal.now + timedelta(days=365))
    assert jobs.notify(site.app).settled == {"accepted": 1}


def test_an_old_count_is_forgotten(site, portal) -> None:
    ask(site)
    portal.wait(days=1, seconds=1)
    jobs.tidy(site.app)
    assert site.tables()["form_count"] == []
    assert timedelta(days=1) >= PER_NETWORK.within


@pytest.mark.parametrize(
    "address, network",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2ff::7", "2001:db8:1:200::/56"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/56"),
        ("testclient", ""),
    ],
)
def test_a_network_is_one_address_or_what_a_home_has_with_ipv6(address: str, network: str) -> None:
    scope = {"type": "http", "client": (address, 1), "headers": []}
    assert network_of(Request(scope)) == network
    assert network_of(Request(scope | {"client": None})) == ""


def test_looking_at_a_link_waits_for_nobody_who_writes(site, portal) -> None:
    ask(site)
    path = link(mails(portal)[0])
    with site.app.store.write() as work:
        work.register.set_fact("x", "y")
        assert site.ask(path).status == 200


def test_a_theme_that_is_gone_before_it_is_confirmed_is_not_followed(site, serving, portal) -> None:
    ask(site, theme=["cloud", "gemeenten"])
    ask(site, email="lezer2@voorbeeld.example", theme=["cloud"])
    # Two pages that send at once may do so in either order.
    links = {mail["To"]: link(mail) for mail in mails(portal)}
    site.stop()
    config = portal.config.read_text()
    portal.config.write_text(config.replace('slug = "cloud"', 'slug = "wolken"'))
    with serving() as later:
        assert later.ask(links["lezer2@voorbeeld.example"], "POST").status == 410
        assert later.ask(links[EMAIL], "POST").status == 200
        assert reader(later).interests == ("gemeenten",)
    assert portal.run("status").exit_code == 0
