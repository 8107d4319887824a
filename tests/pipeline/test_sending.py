"""Sending in earnest: pace, providers that ask for patience, edits and stops in the middle, two senders."""

import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy
from threading import Lock

import pytest
from mailer import Mailer
from rosters import rows_of
from scripted import PIPELINING, THEN_HANG_UP, serving
from sqlmodel import select

from pipeline import jobs
from pipeline.ports import SMTPUTF8_FACT
from pipeline.steps.deliver import DeliverReport
from pipeline.steps.hand import SIZE
from pipeline.store.tables import DeliveryRow, SubscriberRow
from subscribers.bounces import Bounces
from subscribers.delivery import Accepted, Deferred, Outcome, Parcel, Rejected, Unsupported, Wanted
from subscribers.edition import EditionName
from subscribers.provider import FIRST_HOLD, REFUSALS
from subscribers.subscriber import State
from subscribers.token import BOUNCE, UNSUBSCRIBE

pytestmark = pytest.mark.each_database


def collect(portal, *titles: str) -> None:
    for title in titles:
        portal.write(title.replace(" ", "-"), title, "Tekst.")
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)


def sign_up(portal, *emails: str, theme: str = "cloud") -> None:
    document = "\n".join(["email,frequency,interests", *(f"{email},weekly,{theme}" for email in emails)])
    with portal.open() as app:
        assert app.enroller().take(rows_of(document.encode()), "op papier").refused == []


def plan(portal) -> EditionName:
    return EditionName.parse(json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"])


def send(portal, name: EditionName, mailer: Mailer, **options: object) -> DeliverReport:
    with portal.open() as app:
        app.transport = lambda connections: mailer
        return jobs.send(app, app.desk().ready(name), **options)


def planned(portal, *emails: str) -> EditionName:
    collect(portal, "De cloud")
    sign_up(portal, *emails)
    return plan(portal)


def configure(portal, more: str) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace("[mail]\n", f"[mail]\n{more}\n"))


def deliveries(portal) -> dict[str, DeliveryRow]:
    with portal.open() as app, app.store.read() as work:
        rows = work.session.exec(select(DeliveryRow)).all()
        return {work.subscribers.by_id(row.subscriber_id).subscriber.email: row for row in rows}


def states(portal) -> dict[str, str]:
    return {email: str(row.state) for email, row in deliveries(portal).items()}


def balanced(portal, name: EditionName) -> bool:
    with portal.open() as app:
        return app.desk().account(name).balanced


def many(number: int, domain: str = "a.example") -> list[str]:
    return [f"r{one:03}@{domain}" for one in range(number)]


# -- providers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["421 4.3.2 later", "450 4.7.1 too fast"])
def test_a_provider_that_asks_for_patience_is_held_back_and_no_other(portal, reply: str) -> None:
    name = planned(portal, *many(60, "traag.example"), *many(5, "vlot.example"))
    mailer = Mailer(lambda to: Deferred(reply) if to.endswith("traag.example") else Accepted())
    report = send(portal, name, mailer)
    assert report.settled["accepted"] == 5
    assert report.settled["deferred"] < 60, "the rest of them is not even tried"
    (held,) = json.loads(portal.run("domains", "list", "--closed", "--json").stdout)
    assert (held["domain"], held["paused"], held["last_reply"]) == ("traag.example", False, reply)
    assert "traag.example is held back" in portal.run("status").stdout
    kind = Mailer()
    assert send(portal, name, kind).settled == {}
    portal.wait(seconds=FIRST_HOLD.total_seconds() + 1)
    assert send(portal, name, kind).settled["accepted"] == 60 - report.settled["deferred"]
    portal.wait(hours=1)
    send(portal, name, kind)
    assert Counter(kind.sent) == Counter(many(60, "traag.example"))
    assert json.loads(portal.run("domains", "list", "--closed", "--json").stdout) == []


def test_a_mailbox_that_is_full_holds_back_nobody_else(portal) -> None:
    name = planned(portal, *many(40))
    mailer = Mailer(lambda to: Deferred("452 4.2.2 full") if to < "r003" else Accepted())
    assert send(portal, name, mailer).settled == {"deferred": 3, "accepted": 37}


def test_a_run_of_policy_rejections_pauses_that_provider_and_tells_the_administrator(portal) -> None:
    name = planned(portal, *many(80, "streng.example"), *many(3, "vlot.example"))
    refused = "550 5.7.1 blocked, see https://streng.example/why"
    mailer = Mailer(lambda to: Rejected(refused) if to.endswith("streng.example") else Accepted())
    report = send(portal, name, mailer)
    assert "streng.example" in report.paused
    assert refused in report.paused["streng.example"]
    assert report.settled["accepted"] == 3
    rejected = [row for row in deliveries(portal).values() if row.state == "rejected"]
    assert REFUSALS <= len(rejected) < 80
    assert {row.reason for row in rejected} == {"policy"}
    assert f"streng.example is paused: {REFUSALS}" in portal.run("status").stdout.replace("Mail to ", "")
    shown = portal.run("domains", "show", "streng.example").stdout
    assert refused in shown
    assert "domains resume streng.example" in shown
    letter = portal.run("domains", "letter", "streng.example").stdout
    for told in (
        "Aan: postmaster@streng.example",
        refused,
        "2026-11-24 09:00:00 UTC",
        "overzicht@portaal.example",
        "aan 80 lezers bij streng.example",
    ):
        assert told in letter
    ids = set(re.findall(r"<([0-9a-f]{32}@portaal\.example)>", letter))
    assert len(ids) == 5
    assert all(any(id.encode() in parcel.message for parcel in mailer.refused) for id in ids)
    assert not any(parcel.recipient in letter for parcel in mailer.refused)
    assert "Dear colleague," in portal.run("domains", "letter", "vlot.example", "--language", "en").stdout
    portal.wait(days=1)
    assert send(portal, name, Mailer()).settled == {}, "paused until somebody has looked"
    assert portal.run("domains", "resume", "streng.example", "--as", "beheer").exit_code == 0
    assert send(portal, name, Mailer()).settled == {"accepted": 80 - len(rejected)}
    assert balanced(portal, name)
    log = json.loads(portal.run("audit", "--json").stdout)
    assert ("beheer", "domains resume", "streng.example") in [
        (one["who"], one["action"], one["what"]) for one in log
    ]


def test_unknown_readers_are_no_reason_to_pause_a_provider(portal) -> None:
    name = planned(portal, *many(40))
    report = send(portal, name, Mailer(lambda _: Rejected("550 5.1.1 nobody")))
    assert report.paused == {}
    assert report.settled == {"rejected": 40}
    assert {row.reason for row in deliveries(portal).values()} == {"rejected"}


@pytest.mark.parametrize("reply", [b"503 5.5.1 MAIL first", b"501 syntax error", b"555 no NOTIFY here"])
def test_a_server_that_lost_its_place_in_the_dialogue_is_held_against_no_reader(portal, reply: bytes) -> None:
    name = planned(portal, *many(3))
    with serving({"RCPT": reply, "RCPT r002": b"552 5.2.2 full"}) as server:
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}"))
        assert portal.run("digest", "send", str(name), "--yes").exit_code == 1
    reasons = {email: row.reason for email, row in deliveries(portal).items()}
    full, *others = sorted(reasons, reverse=True)
    assert (reasons[full], {reasons[email] for email in others}) == ("rejected", {"protocol"})
    with portal.open() as app, app.store.read() as work:
        counted = {email: work.bounces.of(work.subscribers.by_email(email).id) for email in reasons}
    assert counted[full] != Bounces()
    assert {counted[email] for email in others} == {Bounces()}
    assert balanced(portal, name)


def test_a_domain_that_an_administrator_pauses_gets_nothing_while_others_do(portal) -> None:
    name = planned(portal, "a@stil.example", "b@vlot.example")
    assert portal.run("domains", "pause", "STIL.example", "--reason", "ze bellen terug").exit_code == 0
    assert send(portal, name, Mailer()).settled == {"accepted": 1}
    assert states(portal) == {"a@stil.example": "planned", "b@vlot.example": "accepted"}


def test_no_more_than_so_many_go_to_one_provider_at_once(portal) -> None:
    configure(portal, "domain_connections = 2")
    text = portal.config.read_text()
    portal.config.write_text(text + '[[mail.domain]]\nname = "een.example"\nconnections = 1\n')
    name = planned(portal, *many(20, "een.example"), *many(20, "twee.example"), *many(20, "drie.example"))
    mailer = _Crowd()
    assert send(portal, name, mailer).settled == {"accepted": 60}
    assert mailer.most["een.example"] == 1
    assert mailer.most["twee.example"] == mailer.most["drie.example"] == 2


def test_no_more_than_so_many_go_to_one_provider_at_once_however_many_send(portal) -> None:
    configure(portal, "domain_connections = 2")
    text = portal.config.read_text()
    portal.config.write_text(text + '[[mail.domain]]\nname = "een.example"\nconnections = 3\n')
    portal.go_live()
    name = planned(portal, *many(60, "een.example"), *many(40, "twee.example"))
    counted = _UnderWay()
    with ThreadPoolExecutor(3) as senders:
        reports = list(senders.map(lambda _: send(portal, name, _Slow(counted)), range(3)))
    assert sum(report.settled.get("accepted", 0) for report in reports) == 100
    assert counted.most == {"een.example": 3, "twee.example": 2}


class _UnderWay:
    """How many messages to one domain are under way, and were at most, over all senders."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._lock = Lock()

    def change(self, recipient: str, by: int) -> None:
        domain = recipient.partition("@")[2]
        with self._lock:
            self.now[domain] += by
            self.most[domain] = max(self.most[domain], self.now[domain])


class _Slow:
    """Takes as many at once as it can get, and some milliseconds for each."""

    smtputf8 = True

    def __init__(self, counted: _UnderWay) -> None:
        self._counted = counted
        self._held: list[Parcel] = []

    def pump(self, take, waiting, wait):
        for parcel in take(100):
            self._counted.change(parcel.recipient, +1)
            self._held.append(parcel)
        time.sleep(0.005)
        done, self._held = self._held[:1], self._held[1:]
        for parcel in done:
            self._counted.change(parcel.recipient, -1)
        return [(parcel, Accepted()) for parcel in done]

    def abort(self):
        return []

    def close(self) -> None: ...


class _Crowd:
    """Takes as many at once as it can get, and remembers how many went to one domain at a time."""

    smtputf8 = True

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()

    def pump(self, take, waiting, wait):
        parcels = take(100)
        for domain, number in Counter(parcel.recipient.partition("@")[2] for parcel in parcels).items():
            self.most[domain] = max(self.most[domain], number)
        return [(parcel, Accepted()) for parcel in parcels]

    def abort(self):
        return []

    def close(self) -> None: ...


def test_however_many_of_those_that_wait_have_left_the_others_are_sent_in_the_same_run(portal) -> None:
    name = planned(portal, *many(40))
    assert send(portal, name, Mailer(lambda _: Deferred("452 4.2.2 full"))).settled == {"deferred": 40}
    portal.wait(minutes=6)
    gone = SIZE + 2
    with portal.open() as app, app.store.write() as work:
        leavers = select(SubscriberRow).order_by(SubscriberRow.id).limit(gone)
        for reader in work.session.exec(leavers):
            reader.state = State.UNSUBSCRIBED
    report = send(portal, name, Mailer())
    assert report.settled == {"accepted": 40 - gone}
    assert report.cancelled == 0, "those were never taken in hand"
    assert Counter(states(portal).values()) == {"cancelled": gone, "accepted": 40 - gone}


# -- pace ------------------------------------------------------------------------------------------


def test_no_more_leave_than_the_pace_allows_whoever_sends(portal) -> None:
    configure(portal, "rate = 5")
    name = planned(portal, *many(40))
    moments: list[float] = []

    class Clocked(Mailer):
        def send(self, parcel):
            moments.append(time.monotonic())
            return super().send(parcel)

    portal.go_live()
    with portal.open() as app:
        app.transport = lambda connections: Clocked()
        edition = app.desk().ready(name)
        until = time.monotonic() + 3
        senders = [
            threading.Thread(
                target=jobs.send, args=[app, edition], kwargs={"stopping": lambda: time.monotonic() > until}
            )
            for _ in range(2)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    seconds = moments[-1] - moments[0]
    assert 5 < len(moments) <= 5 + 5 * (seconds + 1)


@pytest.mark.parametrize("pace", ["rate = 5\n", '[[mail.domain]]\nname = "a.example"\nrate = 5\n'])
def test_a_clock_that_ran_ahead_of_the_pace_holds_up_nothing_once_it_is_set_right(portal, pace: str) -> None:
    text = portal.config.read_text()
    portal.config.write_text(
        text + pace if pace.startswith("[[") else text.replace("[mail]\n", f"[mail]\n{pace}")
    )
    name = planned(portal, *many(12))
    portal.wait(days=1)
    for back in (0, 1):
        portal.wait(days=-back)
        until, mailer = time.monotonic() + 10, Mailer()
        send(
            portal,
            name,
            mailer,
            stopping=lambda until=until, sent=mailer.sent: len(sent) >= 5 or time.monotonic() > until,
        )
        assert len(mailer.sent) == 5


def test_a_provider_s_own_pace_slows_that_provider_alone(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[mail.domain]]\nname = "traag.example"\nrate = 2\n')
    name = planned(portal, *many(30, "traag.example"), *many(30, "vlot.example"))
    portal.go_live()
    began = time.monotonic()
    mailer = Mailer()
    send(portal, name, mailer, stopping=lambda: time.monotonic() > began + 2)
    went = Counter(to.partition("@")[2] for to in mailer.sent)
    assert went["vlot.example"] == 30
    assert 2 <= went["traag.example"] <= 8


def test_waiting_for_the_pace_costs_no_work(portal) -> None:
    configure(portal, "rate = 2")
    name = planned(portal, *many(8))
    portal.go_live()
    began, worked = time.monotonic(), time.thread_time()
    assert send(portal, name, Mailer()).settled == {"accepted": 8}
    assert time.thread_time() - worked < (time.monotonic() - began) / 2


def test_a_provider_without_any_mail_in_an_edition_keeps_nobody_waiting(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[mail.domain]]\nname = "traag.example"\nrate = 0.001\n')
    name = planned(portal, "a@traag.example", "b@vlot.example")
    portal.go_live()
    assert send(portal, name, Mailer()).settled == {"accepted": 2}
    with portal.open() as app:
        assert app.desk().account(name).state == "done"


def test_a_provider_that_defers_at_the_recipient_and_hangs_up_is_held_back_and_no_other(portal) -> None:
    name = planned(portal, *many(20, "traag.example"), *many(20, "vlot.example"))
    script = {"EHLO": PIPELINING, "RCPT r": b"250 ok"}
    slow = {f"RCPT r{one:03}@traag": b"421 4.7.0 too fast" + THEN_HANG_UP for one in range(20)}
    with serving(slow | script) as server:
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}"))
        result = portal.run("digest", "send", str(name), "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    sent = json.loads(result.stdout)["sent"]
    assert sent["accepted"] == 20
    assert sent["deferred"] < 20
    (held,) = json.loads(portal.run("domains", "list", "--closed", "--json").stdout)
    assert (held["domain"], held["last_reply"]) == ("traag.example", "421 4.7.0 too fast")


# -- what can't be delivered -----------------------------------------------------------------------


def test_an_address_beyond_ascii_is_skipped_where_no_server_takes_it_and_waits_for_one_that_does(
    portal,
) -> None:
    name = planned(portal, "josé@a.example", "jan@a.example")
    mailer = Mailer(lambda to: Accepted() if to.isascii() else Unsupported("no SMTPUTF8 here"))
    mailer.smtputf8 = False
    assert send(portal, name, mailer).settled == {"skipped": 1, "accepted": 1}
    row = deliveries(portal)["josé@a.example"]
    assert (str(row.state), row.reason, row.reply) == ("skipped", "smtputf8", "no SMTPUTF8 here")
    with portal.open() as app, app.store.read() as work:
        assert work.register.fact(SMTPUTF8_FACT) == "no"
        assert work.subscribers.by_email("josé@a.example").subscriber.cursor == 0
        assert app.desk().account(name).skipped == {"smtputf8": 1}
    assert balanced(portal, name)


@pytest.mark.parametrize(
    "script, reason, counted",
    [
        ({"MAIL": b"451 later"}, "untaken", 0),
        ({"RCPT": b"452 4.3.1 disk full"}, "untaken", 0),
        ({"RCPT": b"450 4.7.1 not so fast"}, "untaken", 0),
        ({"RCPT": b"452 4.2.2 mailbox full"}, "expired", 1),
        ({"RCPT": b"450 later"}, "expired", 1),
    ],
)
def test_what_was_put_off_for_too_long_counts_against_a_reader_only_where_it_was_for_them(
    portal, script: dict[str, bytes], reason: str, counted: int
) -> None:
    name = planned(portal, "a@a.example")
    with serving(script) as server:
        transport = f"smtp://127.0.0.1:{server.port}"
        text = portal.config.read_text().replace("maildir://mail", transport)
        portal.config.write_text(text.replace("[mail]", '[mail]\nretry_for = "1m"'))
        portal.run("digest", "send", str(name), "--yes")
    row = deliveries(portal)["a@a.example"]
    assert (str(row.state), row.reason) == ("rejected", reason)
    with portal.open() as app, app.store.read() as work:
        assert work.bounces.of(row.subscriber_id).soft == counted


def test_what_is_deferred_for_too_long_is_given_up_with_the_last_reply(portal) -> None:
    name = planned(portal, "a@a.example")
    mailer = Mailer(lambda _: Deferred("451 4.2.0 later"))
    waits = []
    while states(portal)["a@a.example"] in ("planned", "deferred"):
        send(portal, name, mailer)
        row = deliveries(portal)["a@a.example"]
        if row.retry_at is not None:
            waits.append(row.retry_at - portal.now)
            portal.now = row.retry_at
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=5)
    assert sum(waits, timedelta()) <= timedelta(hours=24)
    assert (row.reason, row.reply) == ("expired", "451 4.2.0 later")


def test_a_clock_that_jumps_ahead_and_back_strands_nobody(portal) -> None:
    name = planned(portal, "a@a.example", "b@b.example")
    right = portal.now
    portal.wait(days=400)
    send(portal, name, Mailer(lambda _: Deferred("450 4.7.1 later")))
    portal.now = right
    mailer = Mailer()
    assert send(portal, name, mailer).settled == {"accepted": 2}
    assert balanced(portal, name)


def test_a_clock_that_ran_ahead_when_a_mail_was_first_tried_lets_nobody_be_tried_for_ever(portal) -> None:
    name = planned(portal, "a@a.example")
    right = portal.now
    later = Mailer(lambda _: Deferred("450 4.2.1 later"))
    portal.wait(days=400)
    send(portal, name, later)
    portal.now = right
    for _ in range(30):
        send(portal, name, later)
        portal.wait(hours=4)
    row = deliveries(portal)["a@a.example"]
    assert (str(row.state), row.reason) == ("rejected", "expired")


@pytest.mark.each_database
def test_a_clock_that_was_behind_when_a_mail_was_first_tried_gives_nobody_up_at_once(portal) -> None:
    name = planned(portal, "a@a.example")
    right = portal.now
    later = Mailer(lambda _: Deferred("450 4.2.1 later"))
    portal.wait(days=-400)
    send(portal, name, later)
    portal.now = right
    tries = 1
    while states(portal)["a@a.example"] == "deferred":
        portal.wait(hours=4)
        send(portal, name, later)
        tries += 1
    row = deliveries(portal)["a@a.example"]
    assert (str(row.state), row.reason) == ("rejected", "expired")
    assert tries == 7, "a day, of which nobody knows when it began"


def test_a_clock_is_known_to_be_behind_also_where_a_mail_from_the_same_place_was_refused_before(
    portal,
) -> None:
    refused = planned(portal, "a@a.example")
    send(portal, refused, Mailer(lambda _: Rejected("550 5.7.1 no")))
    portal.wait(days=7)
    name = plan(portal)
    assert name != refused
    right = portal.now
    later = Mailer(lambda _: Deferred("450 4.2.1 later"))
    portal.wait(days=-3)
    send(portal, name, later)
    portal.now = right
    send(portal, name, later)
    assert states(portal) == {"a@a.example": "deferred"}


def test_a_bounce_at_a_clock_that_ran_ahead_lets_nobody_rest_until_then(portal) -> None:
    name = planned(portal, "a@a.example")
    right = portal.now
    portal.wait(days=400)
    send(portal, name, Mailer(lambda _: Rejected("550 5.1.1 unknown")))
    with portal.open() as app, app.store.read() as work:
        assert work.subscribers.by_email("a@a.example").subscriber.state == State.SUSPENDED
    portal.now = right
    mailer = Mailer()
    send(portal, plan(portal), mailer)
    assert mailer.sent == ["a@a.example"]


# -- in the middle ---------------------------------------------------------------------------------


def test_an_article_withdrawn_in_the_middle_is_in_no_mail_after_that(portal) -> None:
    collect(portal, "De cloud", "De wolk in de cloud")
    sign_up(portal, *many(50))
    name = plan(portal)

    def answer(to: str) -> Outcome:
        if to == "r010@a.example":
            portal.remove("De-cloud")
            with portal.open() as app:
                app.collector().collect(app.settings.source, force=True)
        return Accepted()

    mailer = Mailer(answer)
    assert send(portal, name, mailer).settled == {"accepted": 50}
    holds = [b"De-cloud" in parcel.message for parcel in mailer.parcels]
    assert holds == [True] * 11 + [False] * 39


def test_what_has_nothing_left_is_cancelled(portal) -> None:
    name = planned(portal, *many(3))
    portal.remove("De-cloud")
    collect(portal, "Iets anders")
    report = send(portal, name, Mailer())
    assert (report.settled, report.cancelled) == ({}, 3)
    assert {row.reason for row in deliveries(portal).values()} == {"withdrawn"}
    assert balanced(portal, name)


def test_who_leaves_in_the_middle_gets_nothing_though_their_mail_is_in_hand(portal) -> None:
    name = planned(portal, *many(40))

    def answer(to: str) -> Outcome:
        if to == "r004@a.example":
            with portal.open() as app, app.store.read() as work:
                leaving = [work.subscribers.by_email(f"r{one:03}@a.example").id for one in (5, 6, 30)]
            with portal.open() as app:
                app.enroller().unsubscribe(leaving[0], "link")
                app.enroller().suppress("r006@a.example", "klacht")
                app.enroller().unsubscribe(leaving[2], "link")
        return Accepted()

    mailer = Mailer(answer)
    send(portal, name, mailer)
    assert sorted(mailer.sent) == [to for to in many(40) if to[:4] not in ("r005", "r006", "r030")]
    assert balanced(portal, name)


@pytest.mark.parametrize("command, left", [("pause", "planned"), ("cancel", "cancelled")])
def test_an_edition_is_stopped_in_the_middle_and_what_was_sent_stays_sent(
    portal, command: str, left: str
) -> None:
    name = planned(portal, *many(60))

    def answer(to: str) -> Outcome:
        if to == "r020@a.example":
            with portal.open() as app:
                getattr(app.desk(), command)(name)
        return Accepted()

    mailer = Mailer(answer)
    assert send(portal, name, mailer).settled == {"accepted": 21}
    assert Counter(states(portal).values()) == {"accepted": 21, left: 39}
    assert balanced(portal, name)
    if command == "pause":
        with portal.open() as app:
            app.desk().resume(name)
        assert send(portal, name, mailer).settled == {"accepted": 39}
        assert Counter(mailer.sent) == Counter(many(60))


def test_whose_pause_ends_before_an_edition_is_approved_gets_it_and_no_one_else_who_paused(portal) -> None:
    name = planned(portal, "kort@a.example", "lang@a.example", "weg@a.example")
    with portal.open() as app:
        app.desk().hold(name)
        with app.store.write() as work:
            for who, days in (("kort", 1), ("lang", 9), ("weg", 1)):
                id = work.subscribers.by_email(f"{who}@a.example").id
                work.subscribers.pause(id, portal.now + timedelta(days=days))
        app.enroller().suppress("weg@a.example", "op verzoek")
        portal.wait(days=2)
        app.desk().approve(name)
    mailer = Mailer()
    send(portal, name, mailer)
    assert mailer.sent == ["kort@a.example"]
    assert balanced(portal, name)
    with portal.open() as app, app.store.read() as work:
        found = [work.subscribers.by_email(f"{who}@a.example").subscriber for who in ("kort", "lang")]
    assert [str(one.state) for one in found] == ["active", "paused"]
    assert found[0].paused_until is None
    portal.wait(days=14)
    send(portal, plan(portal), mailer)
    assert mailer.sent == ["kort@a.example", "lang@a.example"]


def test_two_senders_share_an_edition_and_never_overlap(portal) -> None:
    name = planned(portal, *many(300))
    portal.go_live()
    both_at_work = threading.Barrier(2, timeout=60)

    def mailer_that_waits_for_the_other() -> Mailer:
        waits = iter([both_at_work.wait])

        def answer(recipient: str) -> Outcome:
            for wait in waits:  # once, with the first mail in hand
                wait()
            return Accepted()

        return Mailer(answer)

    mailers = [mailer_that_waits_for_the_other(), mailer_that_waits_for_the_other()]
    with portal.open() as one, portal.open() as two:
        threads = []
        for app, mailer in zip((one, two), mailers, strict=True):
            app.transport = lambda connections, mailer=mailer: mailer
            threads.append(threading.Thread(target=jobs.send, args=[app, app.desk().ready(name)]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(mailers[0].sent + mailers[1].sent) == Counter(many(300))
    assert all(mailer.sent for mailer in mailers)
    assert states(portal) == dict.fromkeys(many(300), "accepted")


def test_late_words_of_a_worker_cancel_nothing_that_was_settled_or_is_in_other_hands(portal) -> None:
    name = planned(portal, "a@a.example", "b@a.example", "c@a.example")
    with portal.open() as app:
        wanted = Wanted(app.desk().ready(name).id)
        with app.store.write() as work:
            ids = [claim.id for claim in work.outbox.claim(wanted, "one", 3, portal.now)[0]]
            assert work.outbox.abandon("one", portal.now) == 3
            work.deliveries.accept(ids[:1])
            work.deliveries.again(ids[1:2], portal.now)
            assert [claim.id for claim in work.outbox.claim(wanted, "two", 3, portal.now)[0]] == ids[1:2]
        with app.store.write() as work:
            work.outbox.cancel(dict.fromkeys(ids, "paused"), "one", portal.now)
    assert states(portal) == {
        "a@a.example": "accepted",
        "b@a.example": "in_flight",
        "c@a.example": "cancelled",
    }


def test_a_letter_that_can_t_be_made_keeps_only_its_own_readers_waiting(portal) -> None:
    collect(portal, "De cloud", "De gemeente")
    sign_up(portal, *many(3))
    sign_up(portal, *many(3, "g.example"), theme="gemeenten")
    name = plan(portal)
    own = portal.root / "templates" / "email" / "digest"
    own.mkdir(parents=True)
    broken = "{% if 'gemeente' in title %}{{ 1 / 0 }}{% endif %}{{ title }}"
    (own / "item.html.j2").write_text(broken)
    result = portal.run("digest", "send", str(name), "--yes")
    assert result.exit_code == 1
    assert "1 letters" in result.stderr
    assert "division by zero" in result.stderr
    assert Counter(states(portal).values()) == {"accepted": 3, "planned": 3}
    (own / "item.html.j2").unlink()
    assert portal.run("digest", "send", str(name), "--yes").exit_code == 0
    assert Counter(states(portal).values()) == {"accepted": 6}
    assert len(portal.mails()) == 6


def test_a_limit_is_kept_and_the_rest_goes_another_time(portal) -> None:
    name = planned(portal, *many(100))
    mailer = Mailer()
    assert send(portal, name, mailer, limit=45).settled == {"accepted": 45}
    assert send(portal, name, mailer).settled == {"accepted": 55}
    assert Counter(mailer.sent) == Counter(many(100))


# -- the message on the wire -----------------------------------------------------------------------


def test_a_bounce_can_be_traced_to_its_delivery_and_leaving_by_mail_is_offered(portal) -> None:
    configure(portal, 'bounce_domain = "terug.portaal.example"')
    name = planned(portal, "a@a.example")
    with serving({"EHLO": PIPELINING}) as server:
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}"))
        assert portal.run("digest", "send", str(name), "--yes").exit_code == 0
    (mail,) = [line for line in server.lines if line.startswith("MAIL FROM:")]
    sender = mail.partition("<")[2].partition(">")[0]
    local, _, domain = sender.partition("@")
    assert (domain, sender, len(local) <= 64) == ("terug.portaal.example", sender.lower(), True)
    message = message_from_bytes(server.contents[0], policy=policy.default)
    https, _, mailto = str(message["List-Unsubscribe"]).partition(", ")
    assert https.startswith("<https://portaal.example/unsubscribe/")
    leave = mailto.removeprefix("<mailto:").removesuffix(">")
    with portal.open() as app, app.store.read() as work:
        reader = work.subscribers.by_email("a@a.example").id
        delivery = work.session.exec(select(DeliveryRow.id)).one()
        assert app.tokens.read_address(BOUNCE, sender) == delivery
        assert app.tokens.read_address(UNSUBSCRIBE, leave) == reader
        assert app.tokens.read_address(UNSUBSCRIBE, leave.upper()) == reader
        assert app.tokens.read_address(BOUNCE, leave) is None
        changed = sender.replace(f"+{delivery}-", f"+{delivery + 1}-")
        assert app.tokens.read_address(BOUNCE, changed) is None
