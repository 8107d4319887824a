"""A reader who signs up on a served portal, and reads the mail that comes of it."""

import re
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

from pipeline import jobs
from subscribers.subscriber import Reader

EMAIL = "lezer1@voorbeeld.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHOICE = {"email": EMAIL, "theme": ["cloud"], "frequency": "weekly", "language": "nl"}


def ask(site, headers: dict[str, str] | None = None, **fields: object):
    body = urlencode({**CHOICE, **fields}, doseq=True).encode()
    return site.ask("/subscribe", "POST", FORM | (headers or {}), body)


def mails(portal) -> list[EmailMessage]:
    """What was sent, the oldest first, once all is that should be: a page sends only after its answer."""
    deadline = time.monotonic() + 20
    with portal.open() as app:
        jobs.notify(app)
        while pending(app):
            assert time.monotonic() < deadline, "a notice is never settled"
            time.sleep(0.01)
    files = sorted((portal.root / "mail" / "new").glob("*"), key=when_written)
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def when_written(file: Path) -> tuple[int, int]:
    """File times are coarse; of two alike, the count in a Maildir's names tells which came first."""
    return file.stat().st_mtime_ns, int(re.search(r"Q(\d+)\.", file.name)[1])


def pending(app) -> int:
    with app.database.engine.connect() as connection:
        query = "SELECT count(*) FROM notice WHERE state = 'pending'"
        return connection.exec_driver_sql(query).scalar_one()


def texts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def link(mail: EmailMessage, page: str = "confirm") -> str:
    """The path of the mail's link to a page, the same in both its parts."""
    paths = {re.search(rf"https://portaal\.example(/{page}/[\w.-]+)", text)[1] for text in texts(mail)}
    (path,) = paths
    return path


def reader(site, email: str = EMAIL) -> Reader | None:
    with site.app.store.read() as work:
        return work.subscribers.by_email(email)


def consents(site, email: str = EMAIL):
    with site.app.store.read() as work:
        return work.subscribers.consents(reader(site, email).id)


def confirmed(site, portal, **fields: object) -> Reader:
    """Sign up and confirm."""
    known = len(mails(portal))
    assert ask(site, **fields).status == 200
    mail = mails(portal)[known]
    assert site.ask(link(mail), "POST").status == 200
    found = reader(site, str(fields.get("email", EMAIL)))
    assert found is not None
    return found


def state(site) -> dict[str, list[tuple]]:
    """The database, but for what a form counts and sends."""
    tables = site.tables()
    return {name: rows for name, rows in tables.items() if name not in ("form_count", "notice", "signup")}
