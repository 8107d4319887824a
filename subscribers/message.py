"""A message: a letter as the bytes of one reader's mail (RFC 5322, RFC 2045–2047).

Assembled by hand, because the standard library takes 40 times as long, folds a ``List-Unsubscribe``
URL into an encoded word, and decodes what looks like one in a subject (CVE-2024-6923). The tests
parse the result with two independent parsers. What readers share is encoded once; for each of them
only slots are filled, and bytes joined.
"""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from subscribers.dkim import Signer, relaxed_body, relaxed_header
from subscribers.piece import one_line
from subscribers.quoted import Chunk, chunks, fillings
from subscribers.render import Letter
from subscribers.slot import Slot, without_slots

_LINE = 76
"""The longest line with an encoded word in it (RFC 2047 §2), and where we fold the others too."""

_WORD = 75
_PLAIN = re.compile(r"[ -~]*")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_DOT_ATOM = re.compile(r"[^\s\"(),.:;<>@\[\\\]]+(\.[^\s\"(),.:;<>@\[\\\]]+)*")


@dataclass(frozen=True, slots=True)
class Newsletter:
    """Who sends, and how one leaves: the same for every message of a site.

    ``sender`` and ``reply_to`` are mailboxes as the config has them, ``Name <address>`` or bare.
    ``list_id`` is a host name (RFC 2919) that stays the same for good; without one the messages are no
    newsletter's, and nobody can leave by them.
    """

    sender: str
    reply_to: str
    list_name: str
    list_id: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """What is personal in a message. ``greeting_name`` is a name, or the word for a reader.

    ``unsubscribe_url`` is where one leaves a newsletter; ``unsubscribe_address`` is where a mail program
    may write to instead, and empty where nobody reads that.
    """

    email: str
    greeting_name: str
    unsubscribe_url: str
    preferences_url: str
    message_id: str
    unsubscribe_address: str = ""


class Template:
    """A letter prepared for many recipients: what they share is encoded once. ``signer`` signs each."""

    def __init__(
        self, letter: Letter, newsletter: Newsletter, language: str, signer: Signer | None = None
    ) -> None:
        self.language = language
        self._is_newsletter = bool(newsletter.list_id)
        seed = f"{letter.subject}\0{letter.html}".encode("utf-8", "replace")
        boundary = f"=_{hashlib.sha256(seed).hexdigest()[:32]}"
        shared = [
            ("From", _mailbox("From", newsletter.sender)),
            ("Subject", _unstructured("Subject", letter.subject)),
            ("Reply-To", _mailbox("Reply-To", newsletter.reply_to) if newsletter.reply_to else ""),
            *(_of_list(newsletter) if newsletter.list_id else ()),
            ("Auto-Submitted", "auto-generated"),
            ("Content-Language", language),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"'),
        ]
        headers = [(name, value) for name, value in shared if value]
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
        self._signature = None
        if signer is not None:
            relaxed = b"".join(relaxed_header(name, value) for name, value in headers)
            personal = _PERSONAL if self._is_newsletter else _PERSONAL[:-1]
            self._signature = signer.of([*personal, *(name.lower() for name, _ in headers)], relaxed)
        body = _Body(relaxes=signer is not None)
        for kind, text in (("plain", letter.text), ("html", letter.html)):
            body.add(
                f"--{boundary}\r\n"
                f"Content-Type: text/{kind}; charset=utf-8\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
            )
            body.take(chunks(text), html=kind == "html")
            body.add(b"\r\n")
        body.add(f"--{boundary}--\r\n".encode())
        self._body = body

    def message(self, recipient: Recipient, date: datetime) -> bytes:
        """The complete message for one reader, CRLF line ends, text part first. ``date`` is aware."""
        leave = ""
        if self._is_newsletter:
            mailto = recipient.unsubscribe_address
            leave = f"List-Unsubscribe: <{recipient.unsubscribe_url}>"
            leave += f",\r\n <mailto:{mailto}>\r\n" if mailto else "\r\n"
        personal = (
            f"Date: {_date(date.replace(microsecond=0), date.utcoffset())}\r\n"
            f"Message-ID: <{recipient.message_id}>\r\n"
            f"To: {address_header(recipient.email)}\r\n"
            f"{leave}"
        ).encode()
        values = {
            Slot.GREETING_NAME: recipient.greeting_name,
            Slot.EMAIL: recipient.email,
            Slot.UNSUBSCRIBE: recipient.unsubscribe_url,
            Slot.PREFERENCES: recipient.preferences_url,
        }
        filled: dict[_Hole, bytes] = {}
        for slot, value in values.items():
            filled[slot, False], filled[slot, True] = fillings(without_slots(value))
        head = personal + self._headers
        if self._signature is not None:
            # Once unfolded these lines have no blanks to reduce: only their names change.
            unfolded = personal.replace(b"\r\n ", b" ")
            lines = [line.split(b": ", 1) for line in unfolded.split(b"\r\n")[:-1]]
            relaxed = b"".join(name.lower() + b":" + value + b"\r\n" for name, value in lines)
            head = self._signature.line(relaxed, self._body.relaxed(filled), int(date.timestamp())) + head
        return head + b"\r\n" + self._body.filled(filled)


_PERSONAL = ("date", "message-id", "to", "list-unsubscribe")
"""The headers that are each message's own; the last only where it is a newsletter's."""


def _of_list(newsletter: Newsletter) -> list[tuple[str, str]]:
    return [
        ("List-Id", _named("List-Id", newsletter.list_name, f"<{newsletter.list_id}>")),
        ("List-Help", f"<{newsletter.base_url}/>"),
        ("List-Archive", f"<{newsletter.base_url}/>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


_Hole = tuple[Slot, bool]
"""A slot, and whether it stands in HTML."""


class _Body:
    """A message's body in pieces: bytes that all share, and holes."""

    def __init__(self, *, relaxes: bool) -> None:
        self._pieces: list[bytes] = []
        self._relaxed: list[bytes] = []
        self._holes: list[tuple[int, _Hole]] = []
        self._relaxes = relaxes

    def add(self, shared: bytes) -> None:
        self._pieces.append(shared)
        if self._relaxes:
            self._relaxed.append(relaxed_body(shared))

    def take(self, parts: list[Chunk], *, html: bool) -> None:
        for part in parts:
            if isinstance(part, Slot):
                self._holes.append((len(self._pieces), (part, html)))
                self.add(b"")
            else:
                self.add(part)

    def filled(self, values: dict[_Hole, bytes]) -> bytes:
        return self._join(self._pieces, values)

    def relaxed(self, values: dict[_Hole, bytes]) -> bytes:
        """The same, as DKIM looks at it. No piece ends in the middle of a run of blanks."""
        return self._join(self._relaxed, {hole: relaxed_body(value) for hole, value in values.items()})

    def _join(self, pieces: list[bytes], values: dict[_Hole, bytes]) -> bytes:
        pieces = pieces.copy()
        for place, hole in self._holes:
            pieces[place] = values[hole]
        return b"".join(pieces)


@lru_cache(maxsize=8)
def _date(moment: datetime, offset: timedelta | None) -> str:
    """The moment as a header has it. The offset is there since moments are equal whatever theirs is."""
    return format_datetime(moment)


def message_id(host: str, edition: str, subscriber: int, secret: bytes) -> str:
    """The id of a subscriber's message in an edition: always the same, so that a resend is no second mail.

    Without angle brackets. Tells nothing about the reader to whom the message is forwarded.
    """
    digest = hashlib.blake2b(f"{edition}\0{subscriber}".encode(), key=secret[:64], digest_size=16)
    return f"{digest.hexdigest()}@{host}"


def address_header(address: str) -> str:
    """An address as it may stand in To: its local part quoted where RFC 5322 asks for it."""
    local, _, domain = one_line(address).rpartition("@")
    if not _DOT_ATOM.fullmatch(local):
        local = _quoted(_unquoted(local))
    return f"{local}@{domain}"


def _mailbox(header: str, value: str) -> str:
    name, bracket, address = one_line(value).rpartition("<")
    return _named(header, _unquoted(name.strip()), f"<{address}") if bracket else address


def _named(header: str, name: str, angle: str) -> str:
    """A display name, then what it is the name of; folded between the two where the line gets long."""
    start = len(header) + 2
    phrase = _phrase(name, start)
    _, folded, last = phrase.rpartition("\n")
    taken = len(last) + (0 if folded else start)
    return f"{phrase}\r\n {angle}" if taken + 1 + len(angle) > _LINE else f"{phrase} {angle}"


def _phrase(text: str, start: int) -> str:
    """A display name: bare where it may be, else quoted, else (or where it needs folding) encoded."""
    text = one_line(text)
    if _PLAIN.fullmatch(text) and "=?" not in text:
        shown = text if _ATOM.fullmatch(text) else _quoted(text)
        if start + len(shown) <= _LINE:
            return shown
    return _encoded(text, start)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    """The text itself, where it comes in quotes, as mail programs show names with commas in them."""
    if len(text) < 2 or not text.startswith('"') or not text.endswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _unstructured(name: str, text: str) -> str:
    """A header's free text: as it is where ASCII and short enough, else in encoded words."""
    start = len(name) + 2
    text = one_line(text)
    if _PLAIN.fullmatch(text) and "=?" not in text and start + len(text) <= _LINE:
        return text
    return _encoded(text, start)


def _encoded(text: str, start: int) -> str:
    """Base64 encoded words of at most 75 characters, none splitting a character (RFC 2047 §2, §5).

    ``start`` is how much of the first line is taken.
    """
    words: list[str] = []
    chunk = b""
    for character in text:
        grown = chunk + character.encode("utf-8", "replace")
        room = min(_WORD, _LINE - (start if not words else 1))
        if chunk and len("=?utf-8?b??=") + 4 * ((len(grown) + 2) // 3) > room:
            words.append(_word(chunk))
            chunk = character.encode("utf-8", "replace")
        else:
            chunk = grown
    words.append(_word(chunk))
    return "\r\n ".join(words)


def _word(chunk: bytes) -> str:
    return f"=?utf-8?b?{b64encode(chunk).decode()}?="
