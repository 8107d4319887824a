"""What every transport promises, and what SMTP promises besides, against servers good and bad."""

import base64
import mailbox
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from scripted import HANG_UP, THEN_HANG_UP, Script, Scripted, serving
from smtp_server import Taken, mails_taken

from pipeline.ports import Transport
from pipeline.settings_mail import TRANSPORTS as KNOWN
from pipeline.transports import TRANSPORTS, hand_over
from pipeline.transports import open_transport as open_any
from pipeline.transports import smtp as smtp_module
from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Parcel,
    Rejected,
    TransportUnavailable,
    Uncertain,
    Unsupported,
)

SERVER = Path(__file__).parents[1] / "support" / "smtp_server.py"
SENDER = "portaal@kennisportal.example"
READER = "lezer@x.example"
LETTER = (
    b"From: Kennisportal <portaal@kennisportal.example>\r\n"
    b"To: lezer@x.example\r\n"
    b"Subject: Weekoverzicht\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
)
AWKWARD = {
    "plain": b"Goedemorgen.\r\n",
    "lone dot": b"een\r\n.\r\ntwee\r\n",
    "dots first": b".een\r\n..twee\r\n...\r\n",
    "dot last": b"een\r\n.\r\n",
    "long line": b"x" * 998 + b"\r\n",
    "looks like commands": b"QUIT\r\nRSET\r\nMAIL FROM:<a@x.example>\r\n",
    "from a mailbox": b"From wie dan ook\r\n>From mij\r\n",
    "empty lines": b"\r\n\r\neen\r\n\r\n",
    "accents": "één café, ’t Zand\r\n".encode(),
    "large": b"0123456789" * 7 + b"\r\n" + b"." * 70 + b"\r\n" * 40_000,
}


# -- one message at a time ------------------------------------------------------------------------


@dataclass(frozen=True)
class OneByOne:
    """A transport that is given a message and asked for its outcome."""

    transport: Transport

    def send(self, sender: str, recipient: str, message: bytes) -> Outcome:
        return hand_over(self.transport, Parcel(0, sender, recipient, message))

    def close(self) -> None:
        self.transport.close()


def open_transport(url: str, root: Path) -> OneByOne:
    return OneByOne(open_any([url], root))


# -- servers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MailServer:
    port: int
    file: Path

    @property
    def inbox(self) -> list[Taken]:
        return mails_taken(self.file)


@contextmanager
def mail_server(directory: Path, *options: str) -> Iterator[MailServer]:
    """A real server, in a process of its own, until the block ends."""
    inbox = directory / "inbox.jsonl"
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(inbox), *options], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield MailServer(int(process.stdout.readline()), inbox)
        finally:
            process.terminate()


@contextmanager
def scripted(*scripts: Script) -> Iterator[tuple[OneByOne, Scripted]]:
    """A transport to a server that follows these scripts, one per connection."""
    with serving(*scripts) as server:
        transport = open_transport(f"smtp://127.0.0.1:{server.port}", Path())
        try:
            yield transport, server
        finally:
            transport.close()


# -- what holds for all ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """A transport, and the messages that came out at its other end."""

    transport: OneByOne
    arrived: Callable[[], list[bytes]]


@contextmanager
def _maildir(tmp_path: Path) -> Iterator[Setup]:
    def arrived() -> list[bytes]:
        files = sorted(
            (tmp_path / "var" / "mail" / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns
        )
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in files]

    yield Setup(open_transport("maildir://var/mail", tmp_path), arrived)


@contextmanager
def _smtp(tmp_path: Path) -> Iterator[Setup]:
    with mail_server(tmp_path) as server:
        yield Setup(
            open_transport(f"smtp://127.0.0.1:{server.port}", tmp_path),
            lambda: [taken.content for taken in server.inbox],
        )


@contextmanager
def _console(capsys: pytest.CaptureFixture[str]) -> Iterator[Setup]:
    def arrived() -> list[bytes]:
        return [part.partition("\n")[2].encode() for part in capsys.readouterr().out.split("-- to ")[1:]]

    yield Setup(open_transport("console:", Path()), arrived)


@pytest.fixture(params=[_maildir, _smtp], ids=["maildir", "smtp"])
def exact(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setup]:
    """The transports that carry bytes."""
    with request.param(tmp_path) as setup:
        yield setup
        setup.transport.close()


@pytest.fixture(params=["maildir", "smtp", "console"])
def setup(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Setup]:
    made = {"maildir": _maildir(tmp_path), "smtp": _smtp(tmp_path), "console": _console(capsys)}
    with made[request.param] as setup:
        yield setup
        setup.transport.close()


def test_every_transport_that_the_config_allows_is_there() -> None:
    assert set(TRANSPORTS) == set(KNOWN)


def test_a_message_that_is_taken_is_accepted_and_there(setup: Setup) -> None:
    outcome = setup.transport.send(SENDER, READER, LETTER + "Één bericht.\r\n".encode())
    assert isinstance(outcome, Accepted)
    assert outcome.reply
    [message] = setup.arrived()
    parsed = message_from_bytes(message, policy=policy.default)
    assert parsed["Subject"] == "Weekoverzicht"
    assert parsed["To"] == READER
    assert "Één bericht." in message.decode()


def test_messages_arrive_each_once_in_the_order_they_were_sent(setup: Setup) -> None:
    for number in range(5):
        setup.transport.send(SENDER, READER, LETTER + b"bericht %d\r\n" % number)
    assert [message.rstrip()[-1:] for message in setup.arrived()] == [b"0", b"1", b"2", b"3", b"4"]


def test_closing_is_always_possible_and_sending_starts_anew_after_it(setup: Setup) -> None:
    setup.transport.close()
    setup.transport.send(SENDER, READER, LETTER + b"een\r\n")
    setup.transport.close()
    setup.transport.close()
    assert isinstance(setup.transport.send(SENDER, READER, LETTER + b"twee\r\n"), Accepted)
    assert len(setup.arrived()) == 2


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in AWKWARD.items()])
def test_a_message_arrives_byte_for_byte(exact: Setup, body: bytes) -> None:
    assert isinstance(exact.transport.send(SENDER, READER, LETTER + body), Accepted)
    assert exact.arrived() == [LETTER + body]


# -- console ---------------------------------------------------------------------------------------


def test_the_console_shows_the_text_part_with_the_system_s_line_ends(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    multipart = (
        b"Subject: =?utf-8?b?w6nDqW4=?=\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes("café\r\nthee\r\n".encode())
        + b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>caf\xc3\xa9</p>\r\n--b--\r\n"
    )
    open_transport("console:", tmp_path).send(SENDER, READER, multipart)
    shown = capsysbinary.readouterr().out.decode()
    assert shown.startswith(f"-- to {READER}\nSubject: één\n")
    assert "\n\ncafé\nthee\n" in shown
    assert "<p>" not in shown
    assert "\r" not in shown


def test_the_console_shows_an_address_beyond_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    open_transport("console:", Path()).send(
        SENDER, "josé@x.example", "To: josé@x.example\r\n".encode() + LETTER
    )
    assert capsys.readouterr().out.startswith("-- to josé@x.example\nTo: josé@x.example\n")


# -- maildir ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ready", [False, True], ids=["absent", "an empty directory"])
def test_a_maildir_is_made_for_its_owner_alone_and_read_by_others_programs(
    tmp_path: Path, ready: bool
) -> None:
    path = tmp_path / "een map" / "mail"
    if ready:
        path.mkdir(parents=True)
        path.chmod(0o700)
    transport = open_transport(f"maildir://{tmp_path}/een%20map/mail", Path("/nowhere"))
    transport.send(SENDER, READER, LETTER + b"een\r\n")
    transport.close()
    assert path.stat().st_mode & 0o077 == 0
    read = mailbox.Maildir(path, create=False)
    assert [message["Subject"] for message in read] == ["Weekoverzicht"]
    read.close()
    assert not list((path / "tmp").iterdir())


def test_two_transports_write_one_maildir_without_loss(tmp_path: Path) -> None:
    two = [open_transport("maildir://mail", tmp_path) for _ in range(2)]
    for number in range(20):
        two[number % 2].send(SENDER, READER, LETTER + b"%d\r\n" % number)
    bodies = {file.read_bytes().rpartition(b"\n\n")[2] for file in (tmp_path / "mail" / "new").iterdir()}
    assert bodies == {b"%d\n" % number for number in range(20)}


def test_a_maildir_that_can_t_be_made_is_unavailable_and_says_which(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(TransportUnavailable, match=r"the Maildir .*mail can't be written"):
        open_transport("maildir://mail", tmp_path).send(SENDER, READER, LETTER)


# -- smtp: what a real server makes of us ----------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@contextmanager
def connected(url: str) -> Iterator[OneByOne]:
    transport = open_transport(url, Path())
    try:
        yield transport
    finally:
        transport.close()


def test_the_envelope_is_as_given(server: MailServer) -> None:
    with connected(f"smtp://127.0.0.1:{server.port}") as transport:
        transport.send("bounces+1=2@x.example", "o'brien+a=b@xn--mnchen-3ya.example", LETTER)
    [taken] = server.inbox
    assert taken.sender == "bounces+1=2@x.example"
    assert taken.recipients == ["o'brien+a=b@xn--mnchen-3ya.example"]


@pytest.mark.parametrize(
    "recipient, outcome",
    [
        ("rcpt-450@x.example", Deferred),
        ("rcpt-550@x.example", Rejected),
        ("data-451@x.example", Deferred),
        ("data-554@x.example", Rejected),
    ],
)
def test_a_refusal_is_this_reader_s_alone_and_the_connection_serves_on(
    server: MailServer, recipient: str, outcome: type[Outcome]
) -> None:
    code = recipient[5:8]
    with connected(f"smtp://127.0.0.1:{server.port}") as transport:
        transport.send(SENDER, READER, LETTER)
        assert transport.send(SENDER, recipient, LETTER) == outcome(
            f"{code} {code[0]}.0.0 as {recipient} asked"
        )
        assert isinstance(transport.send(SENDER, READER, LETTER), Accepted)
    first, second = server.inbox
    assert first.connection == second.connection
    assert first.recipients == second.recipients == [READER]


def test_a_large_batch_goes_over_few_connections(server: MailServer) -> None:
    with connected(f"smtp://127.0.0.1:{server.port}") as transport:
        for number in range(620):
            transport.send(SENDER, f"r{number}@x.example", LETTER + b"%d\r\n" % number)
    inbox = server.inbox
    assert [taken.recipients for taken in inbox] == [[f"r{number}@x.example"] for number in range(620)]
    assert [taken.content for taken in inbox] == [LETTER + b"%d\r\n" % number for number in range(620)]
    assert len({taken.connection for taken in inbox}) == 2


def test_a_unicode_address_needs_smtputf8(tmp_path: Path, server: MailServer) -> None:
    (tmp_path / "utf8").mkdir()
    to = "To: josé@x.example\r\n".encode() + LETTER
    with connected(f"smtp://127.0.0.1:{server.port}") as transport:
        refused = transport.send(SENDER, "josé@x.example", to)
        assert isinstance(refused, Unsupported)
        assert f"127.0.0.1:{server.port} does not offer SMTPUTF8" in refused.reply
        assert isinstance(transport.send(SENDER, READER, LETTER), Accepted)
    assert len(server.inbox) == 1
    with (
        mail_server(tmp_path / "utf8", "--smtputf8") as better,
        connected(f"smtp://127.0.0.1:{better.port}") as transport,
    ):
        for recipient in ("josé@x.example", READER, "संपर्क@x.example"):
            assert isinstance(transport.send(SENDER, recipient, to), Accepted)
        assert [taken.recipients for taken in better.inbox] == [
            ["josé@x.example"],
            [READER],
            ["संपर्क@x.example"],
        ]
        assert {taken.content for taken in better.inbox} == {to}


# -- smtp: what we make of bad servers -------------------------------------------------------------


def unavailable(transport: OneByOne, recipient: str = READER) -> str:
    with pytest.raises(TransportUnavailable) as caught:
        transport.send(SENDER, recipient, LETTER)
    said = str(caught.value)
    assert "\n" not in said
    assert "127.0.0.1:" in said
    assert "nothing is lost" in said
    return said


def test_a_server_that_is_down_is_named_with_its_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        port = taken.getsockname()[1]
        with connected(f"smtp://127.0.0.1:{port}") as transport:
            assert f"127.0.0.1:{port} can't be used: Connection refused" in unavailable(transport)


def test_a_name_that_can_be_no_host_is_unavailable() -> None:
    with connected(f"smtp://{'a' * 64}.example:25") as transport, pytest.raises(TransportUnavailable):
        transport.send(SENDER, READER, LETTER)


@pytest.mark.parametrize(
    "greeting", [b"421 busy", b"554 no service here", b"HTTP/1.1 400 Bad Request", HANG_UP]
)
def test_a_server_that_does_not_greet_us_is_unavailable(greeting: bytes) -> None:
    with scripted({"220": greeting}) as (transport, server):
        unavailable(transport)
    assert server.messages == 0


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.9", b"\0\1"])
def test_of_what_is_no_mail_server_is_said_that_it_can_t_be_understood(greeting: bytes) -> None:
    with scripted({"220": greeting}) as (transport, _):
        said = unavailable(transport)
    assert "can't be understood" in said
    assert "-1" not in said


def test_a_recipient_at_whom_the_server_breaks_off_does_not_keep_the_next_from_theirs() -> None:
    for answer in (HANG_UP, b"421 4.7.0 try later"):
        with scripted({"RCPT": answer}, {}) as (transport, server):
            assert isinstance(transport.send(SENDER, READER, LETTER), Deferred)
            assert isinstance(transport.send(SENDER, "ander@x.example", LETTER), Accepted)
            assert (server.connections, server.messages) == (2, 1)


def test_a_server_that_breaks_off_at_one_recipient_after_another_is_unavailable() -> None:
    with scripted(*[{"RCPT": b"421 4.3.2 shutting down"}] * 3) as (transport, server):
        for _ in range(2):
            assert isinstance(transport.send(SENDER, READER, LETTER), Deferred)
        unavailable(transport)
    assert server.messages == 0


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "DATA"])
@pytest.mark.parametrize(
    "answer",
    [HANG_UP, b"421 4.3.2 shutting down", b"nonsense", b"250" + b"x" * 9000],
    ids=["hangs up", "421", "?", "long"],
)
def test_a_connection_that_fails_before_the_message_is_tried_once_and_nothing_is_handed_over(
    verb: str, answer: bytes
) -> None:
    script = {verb: answer} | ({"HELO": answer} if verb == "EHLO" else {})
    with scripted(script) as (transport, server):
        unavailable(transport)
        assert server.connections == 1
    assert server.messages == 0


@pytest.mark.parametrize(
    "script",
    [
        {".": b"250 taken" + THEN_HANG_UP},
        {"MAIL 2": HANG_UP},
        {"RCPT 2": HANG_UP},
        {"DATA 2": HANG_UP},
        {"MAIL 2": b"421 4.4.2 idle for too long" + THEN_HANG_UP},
        {"DATA 2": b"421 4.3.2 shutting down"},
    ],
)
def test_a_server_that_ends_a_connection_we_had_is_connected_to_anew(script: Script) -> None:
    with scripted(script, {}) as (transport, server):
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
        assert server.connections == 2
    assert server.messages == 2


def test_a_server_that_hangs_up_after_a_refusal_is_connected_to_anew() -> None:
    with scripted({"RSET": HANG_UP, "RCPT": b"550 nobody"}, {}) as (transport, server):
        assert transport.send(SENDER, "weg@x.example", LETTER) == Rejected("550 nobody")
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
        assert server.connections == 2
    assert server.messages == 1


def test_a_connection_that_is_lost_again_is_not_tried_a_third_time() -> None:
    with scripted({"MAIL 2": HANG_UP}, {"MAIL": HANG_UP}) as (transport, server):
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
        unavailable(transport)
        assert server.connections == 2
    assert server.messages == 1


@pytest.mark.parametrize("answer", [HANG_UP, b"nonsense", b"354 again"])
def test_no_answer_after_the_message_leaves_it_uncertain_and_it_is_not_sent_again(answer: bytes) -> None:
    with scripted({".": answer}, {}) as (transport, server):
        assert isinstance(transport.send(SENDER, READER, LETTER), Uncertain)
        assert server.messages == 1
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
        assert server.connections == 2


def test_silence_after_the_message_leaves_it_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "PATIENCE", 0.2)
    with scripted({".": b"250-still thinking"}) as (transport, server):
        outcome = transport.send(SENDER, READER, LETTER)
        assert isinstance(outcome, Uncertain)
        assert "it does not answer" in outcome.reply
    assert server.messages == 1


@pytest.mark.parametrize(
    "answer, outcome",
    [
        (b"250 2.0.0 queued as 1", Accepted("250 2.0.0 queued as 1")),
        (b"252 taken on", Accepted("252 taken on")),
        (b"421 4.3.2 full", Deferred("421 4.3.2 full")),
        (b"452 4.2.2 full", Deferred("452 4.2.2 full")),
        (b"550-no\r\n550 \x1b[2Jthanks", Rejected("550 no [2Jthanks")),
        (b"554 5.7.1 \xff", Rejected("554 5.7.1 \ufffd")),
    ],
)
def test_the_first_digit_decides_and_the_server_s_words_are_kept_on_one_line(
    answer: bytes, outcome: Outcome
) -> None:
    with scripted({".": answer}) as (transport, _):
        assert transport.send(SENDER, READER, LETTER) == outcome
        assert transport.send(SENDER, READER, LETTER) == outcome


def test_a_message_for_one_who_moved_goes_on() -> None:
    with scripted({"RCPT": b"251 will forward"}) as (transport, server):
        assert transport.send(SENDER, READER, LETTER) == Accepted("250 taken")
    assert server.messages == 1


@pytest.mark.parametrize(
    "script",
    [
        {"MAIL": b"550 5.7.1 we don't know you"},
        {"MAIL": b"530 5.7.0 log in first"},
        {"RCPT": b"530 log in first"},
    ],
)
def test_a_server_that_refuses_us_costs_no_reader_their_mail(script: Script) -> None:
    with scripted(script) as (transport, server):
        assert "takes no mail from us: 5" in unavailable(transport)
    assert server.messages == 0


@pytest.mark.parametrize(
    "outcome", [Rejected("552 5.3.4 too large"), Deferred("452 4.3.1 no room", at_us=True)]
)
def test_what_mail_from_says_about_the_message_is_settled_with_the_message(
    outcome: Rejected | Deferred,
) -> None:
    with scripted({"MAIL": outcome.reply.encode()}) as (transport, _):
        assert transport.send(SENDER, READER, LETTER) == outcome


def test_a_server_that_chokes_on_smtputf8_lacks_it_for_that_reader_alone() -> None:
    script = {"EHLO": b"250-mail.example\r\n250 SMTPUTF8", "MAIL": b"555 5.5.4 unsupported option"}
    with scripted(script) as (transport, _):
        assert transport.send(SENDER, "josé@x.example", LETTER) == Unsupported("555 5.5.4 unsupported option")


# -- smtp: who we talk to --------------------------------------------------------------------------


@pytest.fixture
def certificate() -> list[str]:
    """A certificate for 127.0.0.1 that nobody but itself vouches for, as options of the server."""
    tls = Path(__file__).parents[1] / "data" / "tls"
    return ["--certificate", str(tls / "certificate.pem"), "--key", str(tls / "key.pem")]


def encrypted(scheme: str, certificate: list[str]) -> list[str]:
    return [*certificate, "--login", "portaal:ge/heim@"] + (["--implicit"] if scheme == "smtps" else [])


both_ways = pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])


@both_ways
def test_a_certificate_that_nobody_vouches_for_is_refused(
    scheme: str, certificate: list[str], tmp_path: Path
) -> None:
    with (
        mail_server(tmp_path, *encrypted(scheme, certificate)) as server,
        connected(f"{scheme}://portaal:ge%2Fheim%40@127.0.0.1:{server.port}") as transport,
    ):
        said = unavailable(transport)
        assert "certificate verify failed: self-signed certificate" in said
        assert "heim" not in said
        assert server.inbox == []


@both_ways
def test_a_certificate_for_another_name_is_refused(
    scheme: str, certificate: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[1])
    with (
        mail_server(tmp_path, *encrypted(scheme, certificate)) as server,
        connected(f"{scheme}://localhost:{server.port}") as transport,
        pytest.raises(TransportUnavailable, match="Hostname mismatch"),
    ):
        transport.send(SENDER, READER, LETTER)


@both_ways
def test_mail_is_encrypted_and_the_user_logged_in(
    scheme: str, certificate: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[1])
    with (
        mail_server(tmp_path, *encrypted(scheme, certificate)) as server,
        connected(f"{scheme}://portaal:ge%2Fheim%40@127.0.0.1:{server.port}") as transport,
    ):
        assert isinstance(transport.send(SENDER, READER, LETTER), Accepted)
        [taken] = server.inbox
    assert taken.encrypted
    assert taken.user == "portaal"


@both_ways
@pytest.mark.parametrize("login", ["", "portaal:mis@", "portaal:misé@"], ids=["none", "wrong", "not ASCII"])
def test_a_login_that_fails_is_ours_to_mend(
    scheme: str, login: str, certificate: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[1])
    with (
        mail_server(tmp_path, *encrypted(scheme, certificate)) as server,
        connected(f"{scheme}://{login}127.0.0.1:{server.port}") as transport,
    ):
        said = unavailable(transport)
        assert "mis" not in said
        assert server.inbox == []


def test_mail_is_not_sent_in_the_clear_where_starttls_is_asked_and_not_offered(tmp_path: Path) -> None:
    with (
        mail_server(tmp_path) as server,
        connected(f"smtp+starttls://127.0.0.1:{server.port}") as transport,
    ):
        assert "STARTTLS" in unavailable(transport)
        assert server.inbox == []


def test_a_plain_server_behind_smtps_is_unavailable(server: MailServer) -> None:
    with connected(f"smtps://127.0.0.1:{server.port}") as transport:
        unavailable(transport)
