"""Sending: an edition of 200 segments over four connections, database included, against what there is.

The limit is Postfix's ``smtp-source`` pushing as many bytes into the same sink; where it is not installed,
a bare loop that pipelines one message again and again. The naive way makes every message from its templates.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks import databases, naive
from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, SLUGS, TREE, add_articles, add_readers, count_rows, fill
from benchmarks.sink import SMTP_SOURCE, sink
from pipeline import jobs
from pipeline.app import App
from pipeline.edges import secrets
from pipeline.settings import load
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow, EditionRow, Segment, Wave
from subscribers.edition import BUNDLE, EditionName, EditionState

READERS = 100_000
NAIVE = 400
SEGMENTS = 200
ITEMS = 6
"""Articles in a digest, which make a message of some 20 kB."""

EDITION = "weekly/2026-12-07"
CONNECTIONS = 4


def rows() -> Iterator[Row]:
    against = "smtp-source -d" if SMTP_SOURCE else "a bare pipelined loop"
    for name, database in (("send", databases.sqlite), ("send-postgresql", databases.postgres)):
        with database() as url, sink() as port:
            if url is None:
                continue
            root, size = _portal(url, port, scaled(READERS))
            with root as directory:
                before = _limit(port, size, scaled(READERS))
                ours, memory = apart(sending, directory)
                limit = (before + _limit(port, size, scaled(READERS))) / 2
                yield Row(name, ours, limit, f"{against}, {size} bytes", "messages/s", memory)
                if name == "send":
                    slow, _ = apart(naive.sending, directory, port, scaled(NAIVE))
                    against_naive = "jinja2, premailer, EmailMessage, smtplib"
                    yield Row("send-naive", ours, slow, against_naive, "messages/s", memory)
    with databases.sqlite() as url, sink() as port:
        root, _ = _portal(url, port, scaled(READERS), signed=True)
        with root as directory:
            one_core, _ = apart(signing)
            ours, memory = apart(sending, directory)
            yield Row("send-dkim", ours, one_core, "one core that only signs", "messages/s", memory)


def _portal(url: str, port: int, readers: int, signed: bool = False) -> tuple[Any, int]:
    """A portal with an edition ready to be sent; gives its directory, and the size of a message."""
    directory = tempfile.TemporaryDirectory()
    write_config(Path(directory.name), url, f"smtp://127.0.0.1:{port}", signed=signed)
    apart(prepare, url, readers)
    size, _ = apart(message_size, directory.name)
    return directory, size


def write_config(root: Path, url: str, transport: str, *, signed: bool = False) -> None:
    """The config of a portal for measuring, with a key to sign with."""
    dkim = (
        '[mail.dkim]\ndomain = "portaal.example"\nselector = "a"\nkey_file = "dkim.pem"\n' if signed else ""
    )
    themes = "".join(
        f'[[theme]]\nslug = "{theme.slug}"\nname = "{theme.name}"\nparent = "{theme.parent}"\n'
        for theme in TREE
    )
    (root / "kennisportal.toml").write_text(
        '[site]\nname = "Portaal"\nbase_url = "https://portaal.example"\n'
        f'[database]\nurl = "{url}"\n'
        '[mail]\nfrom = "Portaal <overzicht@portaal.example>"\n'
        'postal_address = "Voorbeeldstraat 1, Voorbeeldstad"\n'
        f'transport = "{transport}"\nconnections = {CONNECTIONS}\n{dkim if signed else ""}'
        f'[[digest]]\nfrequency = "weekly"\n{themes}',
        encoding="utf-8",
    )
    (root / "dkim.pem").write_bytes(
        _key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    settings = load(root / "kennisportal.toml")
    secrets.create(settings.path(settings.mail.secret_key_file))


def prepare(url: str, readers: int) -> None:
    """Fill a portal with readers, and plan an edition for them in so many segments."""
    with (
        closing(Database(url)) as database,
        database.engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        add_articles(connection)
        add_readers(connection, readers, cursor=180)
        edition = {"id": 1, "frequency": "weekly", "slot": "2026-12-07", "n": 1, "day": NOW.date()}
        fill(connection, EditionRow, [edition | {"state": EditionState.PLANNED, "created_at": NOW}])
        wave = {"id": 1, "edition_id": 1, "due": NOW, "planned_at": NOW, "cutoff": 240}
        fill(connection, Wave, [wave | {"candidates": readers, "nothing_due": 0}])
        segments = [
            {
                "id": number,
                "wave_id": 1,
                "language": "nl",
                "cutoff": 240,
                "items": [
                    [(number * 7 + item * 11) % 240 + 1, "new", SLUGS[item // 3], []] for item in range(ITEMS)
                ],
            }
            for number in range(1, SEGMENTS + 1)
        ]
        fill(connection, Segment, segments)
        # As a plan writes them: by bundle of segments, and within one by reader.
        order = sorted(range(readers), key=lambda number: (_segment(number) // BUNDLE, number))
        fill(connection, DeliveryRow, map(_delivery, order))
    count_rows(url)


def _segment(number: int) -> int:
    return number % SEGMENTS + 1


def _delivery(number: int) -> dict[str, Any]:
    return {
        "edition_id": 1,
        "wave_id": 1,
        "segment_id": _segment(number),
        "subscriber_id": number + 1,
        "domain": f"provider{(number + 1) % 50}.example",
        "state": "planned",
        "reason": "",
        "reply": "",
        "from_position": 180,
        "cutoff": 240,
        "attempts": 0,
        "worker": "",
        "changed_at": NOW,
    }


def sending(directory: str) -> float:
    """Messages a second, until the edition is sent."""
    with App.open(Path(directory, "kennisportal.toml")) as app:
        edition = app.desk().ready(EditionName.parse(EDITION))
        began = time.perf_counter()
        report = jobs.send(app, edition)
        seconds = time.perf_counter() - began
        assert report.settled == {"accepted": report.handed_over}, report.settled
        return report.handed_over / seconds


def message_size(directory: str) -> int:
    """Bytes of a message of the edition."""
    from pipeline.steps.preview import Choice

    with App.open(Path(directory, "kennisportal.toml")) as app:
        (specimen,) = app.previewer().of_edition(EditionName.parse(EDITION), Choice())
        return len(app.previewer().message(specimen, "lezer1@provider1.example"))


def signing() -> float:
    """Signatures a second that one core makes."""
    key = _key()
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < 3:
        key.sign(b"x" * 1000, padding.PKCS1v15(), hashes.SHA256())
        number += 1
    return number / (time.perf_counter() - began)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _limit(port: int, size: int, messages: int) -> float:
    """Messages a second that can go over as many connections with nothing else to do."""
    began = time.perf_counter()
    if SMTP_SOURCE:
        command = [SMTP_SOURCE, "-d", "-l", str(size), "-m", str(messages), "-s", str(CONNECTIONS)]
        subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
    else:
        _pipeline(port, size, messages)
    return messages / (time.perf_counter() - began)


def _pipeline(port: int, size: int, messages: int) -> None:
    envelope = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
    contents = b"x" * 76 + b"\r\n"
    contents = contents * (size // len(contents)) + b".\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as replies:
        replies.readline()
        connection.sendall(b"EHLO bench\r\n")
        while replies.readline()[3:4] == b"-":
            pass
        for _ in range(messages):
            connection.sendall(envelope)
            for _ in range(3):
                replies.readline()
            connection.sendall(contents)
            replies.readline()
