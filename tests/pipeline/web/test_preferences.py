"""Changing one's mind by the link in a mail: looking is free, and nothing is done that can't be undone."""

import re
import socket
from urllib.parse import urlencode

import pytest

from subscribers.subscriber import Reader, State
from subscribers.token import PREFERENCES, UNSUBSCRIBE, Tokens

EMAIL = "lezer1@voorbeeld.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHOICE = {"theme": ["cloud", "gemeenten"], "frequency": "daily", "language": "nl", "pause": ""}


def reader(site, email: str = EMAIL) -> Reader:
    with site.app.store.read() as work:
        return work.subscribers.by_email(email)


def joined(site, email: str = EMAIL, language: str = "nl") -> str:
    """Sign somebody up who follows cloud, weekly; gives the path of their preferences."""
    site.join(email, language)
    return f"/preferences/{site.app.tokens.sign(PREFERENCES, reader(site, email).id)}"


def save(site, path: str, headers: dict[str, str] | None = None, **fields: object):
    return site.ask(path, "POST", FORM | (headers or {}), urlencode(CHOICE | fields, doseq=True).encode())


def ticked(page: str) -> set[str]:
    """The values of the boxes and buttons that are on."""
    return set(re.findall(r'<input type="(?:checkbox|radio)" name="\w+" value="(\w+)" checked>', page))


def deliveries(site) -> list[tuple[str, str]]:
    with site.app.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT state, reason FROM delivery ORDER BY id")
        return [tuple(row) for row in rows]


def consents(site):
    with site.app.store.read() as work:
        return work.subscribers.consents(reader(site).id)


# Looking.


def test_looking_changes_nothing_and_shows_how_things_are(site) -> None:
    path = joined(site)
    site.plan()
    before = site.tables()
    for method in ("GET", "HEAD"):
        assert site.ask(path, method).status == 200
    page = site.ask(path).text
    assert site.tables() == before
    assert "<h1>Uw voorkeuren</h1>" in page
    assert ticked(page) == {"cloud", "weekly", "nl"}
    assert 'name="pause" value=""' in page
    assert 'min="2026-11-25"' in page


def test_themes_stand_in_their_tree(site) -> None:
    page = site.ask(joined(site)).text
    parent = page[page.index('value="overheid"') : page.index('value="cloud"')]
    assert parent.index('<ul class="ticks">') < parent.index('value="gemeenten"')
    assert parent.count("</ul>") == 1


def test_only_what_the_site_sends_is_offered_and_what_the_reader_has(site) -> None:
    path = joined(site)
    assert re.findall(r'name="frequency" value="(\w+)"', site.ask(path).text) == ["daily", "weekly"]
    site.app.enroller().edit(EMAIL, {"frequency": "monthly"})
    assert re.findall(r'name="frequency" value="(\w+)"', site.ask(path).text) == [
        "daily",
        "weekly",
        "monthly",
    ]
    assert save(site, path, frequency="monthly").status == 200
    assert save(site, path, frequency="immediate").status == 422
    assert reader(site).subscriber.frequency == "monthly"


def test_every_field_has_a_label_and_every_group_a_legend(site) -> None:
    page = site.ask(joined(site)).text
    inputs = re.findall(r"<input [^>]+>", page)
    assert len(re.findall(r"<label[^>]*><input [^>]+> <span>[^<]+</span></label>", page)) == len(inputs) - 1
    assert '<label class="field" for="pause">Geen mail tot</label>' in page
    assert page.count("<fieldset") == page.count("<legend>") == 5
    assert '<legend><label for="timezone">In welke tijdzone bent u?</label></legend>' in page


def test_it_speaks_the_language_of_the_reader_and_keeps_their_address_to_itself(site) -> None:
    page = site.ask(joined(site, "reader2@example.example", "en")).text
    assert '<html lang="en">' in page
    assert "<h1>Your preferences</h1>" in page
    assert "r•••2@e•••.example" in page
    assert "reader2@" not in page


def test_the_link_is_kept_from_caches_search_engines_and_the_next_site(site) -> None:
    path = joined(site)
    for answer in (site.ask(path), save(site, path), save(site, path, theme=[])):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert '<meta name="robots" content="noindex">' in answer.text
        assert '<meta name="referrer" content="no-referrer">' in answer.text
        assert path.rpartition("/")[2] not in answer.text
        assert answer.headers["location"] is None


def test_leaving_is_one_click_away(site) -> None:
    path = joined(site)
    base = site.app.settings.site.base_url
    (leave,) = re.findall(rf'href="{base}(/unsubscribe/[^"]+)"', site.ask(path).text)
    assert "<h1>Wilt u zich afmelden?</h1>" in site.ask(leave).text


def test_a_theme_that_a_mail_offers_to_stop_is_not_ticked_and_nothing_is_saved_yet(site) -> None:
    path = joined(site)
    save(site, path)
    before = site.tables()
    assert ticked(site.ask(f"{path}?without=gemeenten").text) == {"cloud", "daily", "nl"}
    assert ticked(site.ask(f"{path}?without=onzin").text) == {"cloud", "gemeenten", "daily", "nl"}
    assert site.tables() == before


# Saving.


def test_less_often_changes_the_frequency_alone(site) -> None:
    path = joined(site)
    save(site, path, timezone="America/New_York")
    answer = site.ask(path, "POST", FORM, b"less=weekly")
    assert answer.status == 200
    assert "Uw voorkeuren zijn opgeslagen" in answer.text
    found = reader(site)
    assert found.interests == ("cloud", "gemeenten")
    assert (found.subscriber.frequency, found.subscriber.timezone) == ("weekly", "America/New_York")
    assert site.ask(path, "POST", FORM, b"less=hourly").status == 422
    assert reader(site).subscriber.frequency == "weekly"


def test_saving_changes_what_the_reader_gets_and_says_so(site) -> None:
    path = joined(site)
    answer = save(site, path, language="en", pause="2026-12-24")
    assert answer.status == 200
    found = reader(site)
    assert found.interests == ("cloud", "gemeenten")
    assert (found.subscriber.frequency, found.subscriber.language) == ("daily", "en")
    assert found.subscriber.state is State.PAUSED
    assert found.subscriber.paused_until.isoformat() == "2026-12-23T23:00:00+00:00"
    notice = answer.text[answer.text.index('role="status"') : answer.text.index("<form")]
    for said in (
        "have been saved",
        '<span lang="nl">Gemeenten</span> and <span lang="nl">Cloud</span>',
        "a digest every day. Until 24 December 2026 there is no mail.",
    ):
        assert said in notice
    assert "<title>Saved: Your preferences" in answer.text
    assert ticked(answer.text) == ticked(site.ask(path).text) == {"cloud", "gemeenten", "daily", "en"}


def test_links_and_open_pages_from_before_a_theme_was_renamed_mean_what_it_is_called_now(
    serving, portal
) -> None:
    with serving() as site:
        path = joined(site)
        save(site, path)
    assert portal.run("themes", "rename", "cloud", "wolken", "--yes").exit_code == 0
    with serving() as site:
        assert ticked(site.ask(f"{path}?without=cloud").text) == {"gemeenten", "daily", "nl"}
        assert save(site, path).status == 200
        assert reader(site).interests == ("gemeenten", "wolken")


def test_mail_planned_for_other_themes_is_not_sent_any_more(site) -> None:
    path = joined(site)
    assert site.plan() == 1
    save(site, path, theme=["gemeenten"])
    assert deliveries(site) == [("cancelled", "changed")]


def test_another_choice_of_themes_is_written_down_in_the_words_that_were_agreed_to(site) -> None:
    path = joined(site)
    shown = site.ask(path).text
    save(site, path)
    save(site, path, frequency="weekly")  # the same themes: nothing new is consented to
    first, change = consents(site)
    assert first.action == "subscribe"
    assert (change.action, change.interests, change.source) == (
        "change",
        "cloud;gemeenten",
        "link in a mail",
    )
    assert change.at == site.app.clock()
    assert change.text
    assert change.text in shown


def test_saving_what_is_there_already_changes_nothing(site) -> None:
    path = joined(site)
    site.plan()
    before = site.tables()
    assert save(site, path, theme=["cloud"], frequency="weekly").status == 200
    assert site.tables() == before


def test_a_pause_holds_mail_that_is_planned_and_ends_by_its_date_or_by_hand(site, portal) -> None:
    path = joined(site)
    keep = {"theme": ["cloud"], "frequency": "weekly"}
    save(site, path, pause="2026-12-01", **keep)
    assert site.plan() == 0
    assert deliveries(site) == [("skipped", "paused")]
    assert 'value="2026-12-01"' in site.ask(path).text
    save(site, path, pause="", **keep)
    assert reader(site).subscriber.state is State.ACTIVE
    assert reader(site).subscriber.paused_until is None
    save(site, path, pause="2026-12-01", **keep)
    portal.now = portal.now.replace(month=12, day=1)
    site.plan()
    assert reader(site).subscriber.state is State.ACTIVE


def test_what_was_wrong_comes_back_as_it_was_entered_with_a_word_on_each_fault(site) -> None:
    path = joined(site)
    before = site.tables()
    answer = save(site, path, theme=[], frequency="daily", language="en", pause="2026-11-01")
    assert answer.status == 422
    assert site.tables() == before
    page = answer.text
    assert "<title>Nog niet opgeslagen: Uw voorkeuren" in page
    alert = page[page.index('role="alert"') : page.index("<form")]
    assert re.findall(r'href="#(\w+)"', alert) == ["themes", "pause"]
    assert ticked(page) == {"daily", "en"}
    assert 'value="2026-11-01"' in page
    assert re.search(r'<fieldset id="themes" aria-describedby="themes-fault themes-hint">', page)
    assert re.search(r'<p class="fault" id="themes-fault">Kies minstens één thema\.', page)
    assert re.search(
        r'<input type="date"[^>]+ aria-invalid="true" aria-describedby="pause-fault pause-hint">', page
    )
    assert re.search(r'<p class="fault" id="pause-fault">Kies een datum vanaf morgen', page)


def test_what_somebody_enters_is_shown_as_text(site) -> None:
    page = save(site, joined(site), pause='"><script>x</script>', frequency="<b>").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


# Who has left.


@pytest.mark.parametrize("state", [State.UNSUBSCRIBED, State.SUPPRESSED, State.ERASED])
def test_who_has_left_sees_that_they_did_and_gets_no_mail_by_it(site, state: State) -> None:
    path = joined(site)
    with site.app.store.write() as work:
        work.subscribers.leave(reader(site).id, state, str(state), site.app.clock())
    before = site.tables()
    for answer in (site.ask(path), save(site, path, pause="")):
        assert answer.status == 200
        title = "Uw gegevens zijn gewist" if state is State.ERASED else "U bent afgemeld"
        assert f"<h1>{title}</h1>" in answer.text
        # Nothing to press but what asks for the link to their data, for whom we may write to.
        asks = ["Stuur mij die link"] if state is State.UNSUBSCRIBED else []
        assert re.findall(r"<button[^>]*>([^<]*)<", answer.text) == asks
        assert answer.text.count("<form") == len(asks)
    assert site.tables() == before
    assert reader(site).subscriber.state is state


@pytest.mark.parametrize("state", [State.PENDING, State.SUSPENDED])
def test_saving_brings_nobody_back_whom_we_do_not_mail(site, state: State) -> None:
    path = joined(site)
    with site.app.store.write() as work:
        work.subscribers.set_state(reader(site).id, state)
    assert 'name="pause"' not in site.ask(path).text
    assert save(site, path, pause="2026-12-24").status == 200
    assert reader(site).interests == ("cloud", "gemeenten")
    assert (reader(site).subscriber.state, reader(site).subscriber.paused_until) == (state, None)


# Who else may knock.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "https://portaal.example"}, 200),
        ({"Origin": "https://boef.example"}, 403),
        ({}, 200),
    ],
)
def test_a_form_on_another_site_is_refused(site, headers: dict[str, str], status: int) -> None:
    path = joined(site)
    assert save(site, path, headers).status == status
    assert (reader(site).interests == ("cloud",)) is (status == 403)


def test_the_form_of_the_server_itself_is_taken_under_whatever_name_it_is_reached(site) -> None:
    assert save(site, joined(site), {"Origin": f"http://127.0.0.1:{site.port}"}).status == 200


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (FORM, b"theme=cloud&pause=" + b"x" * 65_536, 413),
        (FORM, b"&".join([b"theme=cloud"] * 2_500), 400),
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({}, b"theme=gemeenten", 415),
        (FORM, b"\xff\xfe%ff=%00&theme", 422),
        (FORM, b"", 422),
    ],
)
def test_what_is_no_form_of_ours_is_refused(site, headers: dict[str, str], body: bytes, status: int) -> None:
    path = joined(site)
    before = site.tables()
    assert site.ask(path, "POST", headers, body).status == status
    assert site.tables() == before


def test_a_body_without_end_is_not_read_to_the_end(site) -> None:
    path = joined(site)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: portaal.example\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(9):
            connection.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_link_that_is_not_ours_gets_a_page_and_changes_nothing(site) -> None:
    token = joined(site).rpartition("/")[2]
    id, _, signature = token.partition(".")
    before = site.tables()
    for forged in (
        id,
        f"{token}x",
        f"{int(id) + 1}.{signature}",
        site.app.tokens.sign(UNSUBSCRIBE, int(id)),
        site.app.tokens.sign(PREFERENCES, 10**6),
        Tokens([b"somebody else's key"]).sign(PREFERENCES, int(id)),
    ):
        for answer in (site.ask(f"/preferences/{forged}"), save(site, f"/preferences/{forged}")):
            assert answer.status == 404, forged
            assert "<h1>Deze link werkt niet</h1>" in answer.text
    assert site.tables() == before


def test_only_get_head_and_post_are_allowed(site) -> None:
    path = joined(site)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = site.ask(path, method)
        assert answer.status == 405, method
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
