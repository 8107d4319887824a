"""A backup is put back a day later: nobody gets anything twice, and whoever left gets nothing."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes, policy
from random import Random

import pytest
from alembic import command
from click.testing import Result
from handed_out import send_what_is_handed_out
from mailer import Mailer
from rosters import rows_of
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from pipeline import jobs
from pipeline.app import App
from pipeline.settings import load
from pipeline.store import schema
from pipeline.store.backup import BackupError
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow, LogRow, NoticeRow, Segment, SignUpRow, SubscriberRow
from pipeline.upkeep import back_up
from subscribers.subscriber import State
from subscribers.token import UNSUBSCRIBE

STAYS, LEAVES, ERASED, BOUNCES, MOVES, SLOWER = (
    f"{who}@voorbeeld.example" for who in ("blijft", "vertrekt", "gewist", "kaatst", "verhuist", "trager")
)
COMPLAINS, NEW = "klaagt@voorbeeld.example", "nieuw@voorbeeld.example"
OLD = [STAYS, LEAVES, ERASED, BOUNCES, MOVES, SLOWER, COMPLAINS]


class Life:
    """A portal lived in for some days, with the transport's own record of who got which article."""

    def __init__(self, portal, monkeypatch) -> None:
        self.portal = portal
        self.mailer = Mailer()
        monkeypatch.setattr(App, "transport", lambda app, connections=1: self.mailer)

    def publish(self, *titles: str) -> None:
        for title in titles:
            self.portal.write(title.replace(" ", "-"), f"{title} in de cloud")
        self.collect()

    def collect(self) -> None:
        with self.portal.open() as app:
            app.collector().collect(app.settings.source, force=True)
            assert not jobs.publish(app).failed

    def day(self) -> None:
        """A day goes by, and at its end whatever is due has been sent."""
        self.portal.wait(days=1)
        self.tick()

    def tick(self) -> None:
        with self.portal.open() as app:
            jobs.plan(app)
            send_what_is_handed_out(app)

    def got(self) -> Counter[tuple[str, str]]:
        """How often who got what."""
        found: Counter[tuple[str, str]] = Counter()
        for parcel in self.mailer.parcels:
            text = (
                message_from_bytes(parcel.message, policy=policy.default).get_body(("plain",)).get_content()
            )
            found.update((parcel.recipient, title) for title in set(re.findall(r"Wolk \w+", text)))
        return found

    def ids(self) -> list[str]:
        return [str(message_from_bytes(parcel.message)["Message-ID"]) for parcel in self.mailer.parcels]


def last_ids(app: App) -> dict[str, int]:
    tables = (SubscriberRow, DeliveryRow, NoticeRow, SignUpRow, Segment)
    with app.store.read() as work:
        found = {
            table.__tablename__: work.session.execute(select(func.max(table.id))).scalar() or 0
            for table in tables
        }
        return found | {"log": work.session.execute(select(func.max(LogRow.position))).scalar() or 0}


@pytest.fixture
def life(portal, monkeypatch) -> Life:
    life = Life(portal, monkeypatch)
    life.collect()
    life.tick()  # from here on it is known when digests are due
    portal.wait(hours=1)
    with portal.open() as app:
        rows = "\n".join(["email,frequency,interests", *(f"{one},daily,cloud" for one in OLD)])
        assert app.enroller().take(rows_of(rows.encode()), "op papier").refused == []
    return life


def reader(app: App, email: str) -> int:
    with app.store.read() as work:
        found = work.subscribers.by_email(email)
    assert found is not None
    return found.id


@contextmanager
def backup(portal, request) -> Iterator[Callable[..., Result]]:
    """A backup made now; what it gives puts that back, by the means of the database at hand."""
    url = make_url(load(portal.config).database.url)
    if url.get_backend_name() == "sqlite":
        file = str(portal.root / "gisteren.db")
        made = portal.run("backup", file)
        assert made.exit_code == 0, made.output
        yield lambda *more: portal.run("restore", file, "--yes", *more)
        return
    with request.getfixturevalue("postgresql").database(template=url.database or "") as copy:

        def put_back(*more: str) -> Result:
            text = portal.config.read_text()
            portal.config.write_text(text.replace(url.render_as_string(hide_password=False), copy))
            return portal.run("restore", "--replay", "--yes", *more)

        yield put_back


def leave_in_every_way(portal) -> str:
    """All but two of the readers go or change; somebody new comes, of whom the unsubscribe token is given."""
    with portal.open() as app:
        app.enroller().unsubscribe(reader(app, LEAVES), "link")
        app.accounts().erase(reader(app, ERASED))
        app.enroller().suppress(BOUNCES, "bounced")
        app.enroller().suppress(COMPLAINS, "complaint")
        with app.store.write() as work:
            work.subscribers.rename(reader(app, MOVES), "elders@voorbeeld.example", app.clock())
        app.enroller().edit(SLOWER, {"frequency": "weekly"})
        new = app.enroller().add({"email": NEW, "frequency": "daily", "interests": "cloud"}, "zei het")
        return app.tokens.sign(UNSUBSCRIBE, new.id)


@pytest.mark.each_database
def test_after_a_restore_nobody_gets_a_repeat_and_nobody_who_left_gets_anything(
    portal, life, request
) -> None:
    life.publish("Wolk een", "Wolk twee")
    life.day()
    assert len(life.got()) == 2 * len(OLD)
    life.publish("Wolk drie")
    with backup(portal, request) as put_back:
        life.publish("Wolk vier")
        life.day()
        link = leave_in_every_way(portal)
        life.publish("Wolk vijf")
        life.day()
        life.publish("Wolk zes")  # collected, and not sent to anybody
        before = life.got()
        assert before[STAYS, "Wolk drie"] == before[STAYS, "Wolk vier"] == before[NEW, "Wolk vijf"] == 1
        assert (LEAVES, "Wolk vijf") not in before
        told = len(life.mailer.parcels)
        with portal.open() as app:
            highest, newcomer = last_ids(app), reader(app, NEW)

        restored = put_back()
        assert restored.exit_code == 0, restored.output

        life.collect()
        life.tick()  # whatever slot it may be: it has gone out
        assert len(life.mailer.parcels) == told
        with portal.open() as app:
            other = app.enroller().add({"email": "ander@voorbeeld.example", "interests": "cloud"}, "zei het")
            assert app.tokens.read(UNSUBSCRIBE, link) == newcomer < other.id
            assert app.enroller().unsubscribe(newcomer, "an old link") is None
        life.day()
        life.publish("Wolk zeven")
        life.day()
        assert {one: times for one, times in life.got().items() if times > 1} == {}
        assert {parcel.recipient for parcel in life.mailer.parcels[told:]} == {STAYS, SLOWER}
        assert life.got()[STAYS, "Wolk zeven"] == 1
        assert len(set(life.ids())) == len(life.ids())
        with portal.open() as app:
            lasts = last_ids(app)
            assert all(lasts[name] > highest[name] for name in ("subscriber", "delivery", "segment"))
            served = [sent.cutoff for sent in app.journal.record().sent.values()]
            assert lasts["log"] in served
            assert all(account.balanced for account in app.desk().recent(20))
            for email in (LEAVES, MOVES):
                with app.store.read() as work:
                    assert work.subscribers.by_email(email).subscriber.state is State.UNSUBSCRIBED
            with app.store.read() as work:
                assert work.subscribers.suppression(COMPLAINS) == "complaint"
                assert work.subscribers.suppression(BOUNCES) == "bounced"
                assert ERASED not in [one.subscriber.email for one in work.subscribers.everyone()]


@pytest.mark.each_database
def test_what_was_planned_then_and_may_have_been_sent_since_is_not_sent_again(portal, life, request) -> None:
    life.publish("Wolk een")
    portal.wait(days=1)
    with portal.open() as app:
        jobs.plan(app)
    with backup(portal, request) as put_back:
        with portal.open() as app:
            send_what_is_handed_out(app)
        assert len(life.got()) == len(OLD)
        assert put_back().exit_code == 0
        life.tick()
        life.publish("Wolk twee")
        life.day()
        life.publish("Wolk drie")
        life.day()
        assert set(life.got().values()) == {1}
        assert {title for _, title in life.got()} == {"Wolk een", "Wolk twee", "Wolk drie"}


@pytest.mark.each_database
def test_what_was_planned_then_and_never_begun_is_still_sent(portal, life, request) -> None:
    life.publish("Wolk een")
    portal.wait(days=1)
    with portal.open() as app:
        jobs.plan(app)
    with backup(portal, request) as put_back:
        with portal.open() as app:
            app.enroller().unsubscribe(reader(app, LEAVES), "link")
        assert put_back().exit_code == 0
        life.tick()
        assert Counter(who for who, _ in life.got()) == Counter(set(OLD) - {LEAVES})


@pytest.mark.each_database
def test_the_journals_of_all_machines_are_heeded(portal, life, request, monkeypatch) -> None:
    with backup(portal, request) as put_back:
        with portal.open() as app:
            app.enroller().unsubscribe(reader(app, LEAVES), "link")
        with monkeypatch.context() as another:
            another.setenv("KENNISPORTAL_DATABASE__JOURNAL", "elders/journal")
            with portal.open() as app:
                app.enroller().unsubscribe(reader(app, STAYS), "link")
        journals = [str(portal.root / place / "journal") for place in ("var", "elders")]
        restored = put_back("--journal", journals[0], "--journal", journals[1])
        assert restored.exit_code == 0, restored.output
        with portal.open() as app, app.store.read() as work:
            states = {who: work.subscribers.by_email(who).subscriber.state for who in OLD}
        assert {who for who, state in states.items() if state is not State.ACTIVE} == {LEAVES, STAYS}


def test_who_came_back_of_their_own_will_is_not_sent_away_by_a_restore(portal, life) -> None:
    with portal.open() as app:
        app.enroller().unsubscribe(reader(app, LEAVES), "link")
    portal.wait(hours=1)
    with portal.open() as app:
        app.enroller().confirm(LEAVES, "belde op")
    portal.wait(hours=1)
    file = str(portal.root / "gisteren.db")
    assert portal.run("backup", file).exit_code == 0
    assert portal.run("restore", file, "--yes").exit_code == 0
    with portal.open() as app, app.store.read() as work:
        assert work.subscribers.by_email(LEAVES).subscriber.state is State.ACTIVE


def test_a_backup_of_an_earlier_version_is_put_back_as_one_of_this_and_is_left_as_it_is(portal, life) -> None:
    file = portal.root / "toen ?#%.db"
    old = Database("sqlite:///" + str(portal.root / "toen.db"))
    with old.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(schema._config(connection), "0008")
        connection.exec_driver_sql("INSERT INTO tick VALUES ('digest.daily', 'x', '2026-11-20 08:00:00')")
    with closing(old.engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA journal_mode = DELETE")
    old.close()
    (portal.root / "toen.db").rename(file)
    before = file.read_bytes()
    restored = portal.run("restore", str(file), "--yes")
    assert restored.exit_code == 0, restored.output
    assert file.read_bytes() == before
    assert portal.run("db", "check").exit_code == 0


def test_a_link_to_a_feed_that_was_revoked_since_stays_worthless(portal, life) -> None:
    file = str(portal.root / "gisteren.db")
    with portal.open() as app:
        leaked = app.tokens.sign_feed(*app.enroller().own_feed(STAYS))
        kept = app.tokens.sign_feed(*app.enroller().own_feed(LEAVES))
    portal.wait(hours=2)
    life.publish("Wolk een")
    assert portal.run("backup", file).exit_code == 0
    portal.wait(hours=2)
    with portal.open() as app:
        fresh = app.tokens.sign_feed(*app.enroller().own_feed(STAYS, renew=True))
    assert portal.run("restore", file, "--yes").exit_code == 0
    with portal.open() as app:
        next_one = app.tokens.sign_feed(*app.enroller().own_feed(STAYS))
        with app.store.read() as work:
            serial = work.subscribers.feed_serial
            assert app.tokens.read_feed(leaked, serial) is None
            assert app.tokens.read_feed(fresh, serial) is None
            assert app.tokens.read_feed(kept, serial) == reader(app, LEAVES)
            assert app.tokens.read_feed(next_one, serial) == reader(app, STAYS)


@pytest.mark.each_database
def test_on_postgresql_its_own_tools_are_named(portal) -> None:
    made = portal.run("backup", str(portal.root / "kopie"))
    if "postgresql" in portal.config.read_text():
        assert made.exit_code == 1
        assert "pg_dump --format=custom" in made.output
        refused = portal.run("restore", str(portal.root / "kopie"), "--yes")
        assert "restore --replay" in refused.output
    else:
        assert made.exit_code == 0


def test_the_command_that_copies_a_postgresql_can_be_pasted_whatever_its_address_asks_for(portal) -> None:
    url = "postgresql+psycopg://wij:geheim@db.example/portaal?sslmode=verify-full&sslrootcert=ca.pem"
    portal.config.write_text(re.sub(r'url = "sqlite.*"', f'url = "{url}"', portal.config.read_text()))
    with App(load(portal.config)) as app, pytest.raises(BackupError) as refused:
        back_up(app, None, overwrite=False)
    asked = url.replace("+psycopg", "").replace(":geheim", "")
    assert str(refused.value).endswith(f"--file=kennisportal.dump '{asked}'")


def test_a_backup_names_what_is_needed_with_it(portal, life) -> None:
    needed = [str(portal.root / "var" / name) for name in ("secret.key", "journal")]
    said = portal.run("backup").stdout
    assert all(one in said for one in needed)
    made = portal.run("backup", str(portal.root / "kopie"), "--json")
    assert json.loads(made.stdout)["without"] == needed


def test_without_its_journal_a_backup_is_put_back_only_where_that_is_said(portal, life) -> None:
    life.publish("Wolk een")
    file = str(portal.root / "gisteren.db")
    assert portal.run("backup", file).exit_code == 0
    life.day()
    (portal.root / "var" / "journal").unlink()
    refused = portal.run("restore", file, "--yes")
    assert refused.exit_code == 1
    assert "journal is missing" in refused.output
    assert portal.run("restore", file, "--yes", "--without-journal").exit_code == 0
    life.collect()
    life.day()
    assert set(life.got().values()) == {1}


def test_a_restore_refuses_while_another_process_has_the_database_open(portal, life) -> None:
    file = str(portal.root / "gisteren.db")
    assert portal.run("backup", file).exit_code == 0
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(portal.root / "var" / "kennisportal.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout
    assert held.stdout.readline()
    refused = portal.run("restore", file, "--yes")
    held.communicate()
    assert refused.exit_code == 1
    assert "is in use" in refused.output
    database = portal.root / "var" / "kennisportal.db"
    database.chmod(0o640)
    restored = portal.run("restore", file, "--yes", "--json")
    assert restored.exit_code == 0
    assert database.stat().st_mode & 0o777 == 0o640
    kept = json.loads(restored.stdout)["kept"]
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM subscriber").fetchone() == (len(OLD),)


HOLD = """
import sys
from pathlib import Path
from pipeline.store.session import Database
with Database(f"sqlite:///{sys.argv[1]}").read() as session:
    session.connection().exec_driver_sql("SELECT count(*) FROM log").all()
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_backup_made_while_others_write_is_whole_and_private(portal, life) -> None:
    life.publish("Wolk een")
    target = portal.root / "kopie.db"
    stop = threading.Event()

    def write() -> None:
        with portal.open() as app:
            while not stop.is_set():
                app.audit("test", "write", "x" * 2000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            made = portal.run("backup", str(target), "--force")
            assert made.exit_code == 0, made.output
    finally:
        stop.set()
        writer.join()
    assert "secret.key" in made.output
    assert target.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)
    again = portal.run("backup", str(target))
    assert again.exit_code == 1
    assert "--force" in again.output
    assert not list(portal.root.glob("*.part"))


@pytest.mark.parametrize("contents", [b"", b"not a database", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_replaces_nothing(portal, life, contents: bytes) -> None:
    file = portal.root / "iets.db"
    file.write_bytes(contents)
    refused = portal.run("restore", str(file), "--yes")
    assert refused.exit_code == 1
    assert str(file) in refused.output
    with portal.open() as app, app.store.read() as work:
        assert work.subscribers.by_email(STAYS) is not None


@pytest.mark.parametrize("seed", [*range(6), 28, 42, 69])
def test_whatever_happened_before_and_since_nobody_gets_a_repeat_or_is_mailed_after_leaving(
    portal, life, seed: int
) -> None:
    """A life at random, a backup somewhere in it, and one more life after that was put back."""
    random = Random(seed)
    gone: dict[str, int] = {}
    corrected: Counter[str] = Counter()

    def publish() -> None:
        life.publish(f"Wolk {''.join(random.choices('abcdefghij', k=12))}")

    def plan() -> None:
        portal.wait(days=random.choice((0, 1, 3)))
        with portal.open() as app:
            jobs.plan(app)

    def send_some() -> None:
        with portal.open() as app, app.store.read() as work:
            for edition in work.editions.open():
                jobs.send(app, edition, limit=random.randint(1, 4))

    def leave() -> None:
        who = random.choice(OLD)
        with portal.open() as app:
            app.enroller().unsubscribe(reader(app, who), "link")
        gone.setdefault(who, len(life.mailer.parcels))

    def change() -> None:
        with portal.open() as app:
            app.enroller().edit(random.choice(OLD), {"frequency": random.choice(("daily", "weekly"))})

    def correct() -> None:
        for file in list(portal.articles.glob("*.md"))[:1]:
            file.write_text(file.read_text() + f"\nEr is nieuws: {' '.join(random.choices(WORDS, k=30))}.\n")
            corrected[file.stem.replace("-", " ")] += 1
        life.collect()

    def go_on(times: int) -> None:
        for _ in range(times):
            random.choice((publish, publish, plan, send_some, life.day, life.day, leave, change, correct))()

    go_on(6)
    file = str(portal.root / "toen.db")
    assert portal.run("backup", file).exit_code == 0
    go_on(7)
    restored = portal.run("restore", file, "--yes")
    assert restored.exit_code == 0, restored.output
    life.collect()
    for _ in range(3):
        publish()
        life.day()
    portal.wait(days=7)
    life.tick()
    often = {
        (who, title): times for (who, title), times in life.got().items() if times > 1 + corrected[title]
    }
    assert often == {}
    for who, number in gone.items():
        assert who not in [parcel.recipient for parcel in life.mailer.parcels[number:]]
    assert len(set(life.ids())) == len(life.ids())
    with portal.open() as app:
        assert all(account.balanced for account in app.desk().recent(50))


WORDS = ["gemeente", "inwoner", "loket", "digitaal", "samenwerking", "begroting", "privacy", "dienst", "raad"]
