"""The dialogue on one SMTP connection once it is open: commands out, replies in, outcomes (RFC 5321).

It touches no socket. Where the server offers PIPELINING (RFC 2920), the envelope of the next message
travels right behind the contents of the last one, so that a message costs one round trip::

    ──▶ MAIL RCPT DATA                 ◀── 250 250 354
    ──▶ contents . MAIL RCPT DATA      ◀── 250 (the contents) 250 250 354
    ──▶ contents . MAIL RCPT DATA      …

What counts, when the connection is lost, is whether the dot that ends the contents can have reached
the server: if it can't, nothing was handed over; if it can and no reply came, nobody knows.
"""

import re
from collections import deque
from dataclasses import dataclass, field

from feeds.characters import one_line
from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Parcel,
    Rejected,
    Uncertain,
    Unsent,
    Unsupported,
)
from subscribers.reply import Reply
from subscribers.subscriber import needs_smtputf8

PER_CONNECTION = 500
"""Messages after which we connect anew: servers dislike a connection that never ends."""

_LONGEST_REPLY = 8192
_GO_ON = 354
_GOING_DOWN = 421
_BAD_SEQUENCE = 503
_LOG_IN_FIRST = 530
_TOO_LARGE = 552
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")


@dataclass(frozen=True, slots=True)
class Offers:
    """What the server said it can do. ``size`` is the largest message it takes, 0 for no stated limit."""

    pipelining: bool = False
    size_declared: bool = False
    size: int = 0
    smtputf8: bool = False
    dsn: bool = False
    eightbit: bool = False


@dataclass(slots=True)
class _Envelope:
    """A message of which MAIL, RCPT and DATA are out; ``replies`` to them come in that order."""

    parcel: Parcel
    commands: list[bytes]
    asked: int = 0
    replies: list["_Reply"] = field(default_factory=list)

    @property
    def at_recipient(self) -> bool:
        """Whether the server liked the sender and has not said yes to the recipient."""
        codes = [reply.code for reply in self.replies]
        return len(codes) in (1, 2) and _is_done(codes[0]) and not (len(codes) == 2 and _is_done(codes[1]))


@dataclass(slots=True)
class _Contents:
    """A message whose contents are out, until the reply to them. ``end`` counts the bytes up to its dot."""

    parcel: Parcel | None
    end: int


class Dialogue:
    """One conversation. Say ``begin`` while ``ready``, write what ``output`` gives, ``feed`` what comes back.

    ``outcomes`` collects what became of messages. ``over`` is why the connection must be closed, and
    ``refused`` why this server takes no mail from us at all; both are empty while all is well.
    """

    def __init__(self, place: str, offers: Offers) -> None:
        self.over = ""
        self.refused = ""
        self.confused = False
        """Whether the server offers PIPELINING and can't do it."""
        self.outcomes: list[tuple[Parcel, Outcome]] = []
        self.begun = 0
        """Messages offered to the server."""
        self.heard = 0
        """Replies that came."""
        self.settled = 0
        """Messages that came to an answer."""
        self._place = place
        self._offers = offers
        self._envelope: _Envelope | None = None
        self._contents: deque[_Contents] = deque()
        self._reset_first = False
        self._resets = 0
        self._queued = 0
        self._out: list[bytes] = []
        self._in = b""
        self._lines: list[bytes] = []

    @property
    def ready(self) -> bool:
        """Whether another message can be begun now."""
        return (
            not self.over
            and self._envelope is None
            and self.begun < PER_CONNECTION
            and (not self._contents or (self._offers.pipelining and len(self._contents) == 1))
        )

    @property
    def spent(self) -> bool:
        """Whether it has carried all it should, and is best ended politely."""
        return self.begun >= PER_CONNECTION and not self.under_way

    @property
    def under_way(self) -> bool:
        """Whether the server owes us an answer."""
        return self._envelope is not None or bool(self._contents)

    @property
    def waits_for_several(self) -> bool:
        """Whether answers are owed to commands that were sent together."""
        return self._offers.pipelining and not self._contents

    @property
    def awaits_contents(self) -> bool:
        """Whether the answer owed is to a whole message, which may take long (RFC 5321 §4.5.3.2.6)."""
        return bool(self._contents)

    def begin(self, parcel: Parcel) -> None:
        """Offer a message to the server."""
        international = needs_smtputf8(parcel.recipient)
        if international and not self._offers.smtputf8:
            self._settle(
                parcel,
                Unsupported(f"{self._place} does not offer SMTPUTF8, which this address needs"),
            )
            return
        size = len(parcel.message)
        if self._offers.size and size > self._offers.size:
            self._settle(
                parcel,
                Rejected(f"552 5.3.4 {self._place} takes {self._offers.size} bytes; this mail has {size}"),
            )
            return
        self.begun += 1
        commands = [self._mail(parcel, international), self._rcpt(parcel), b"DATA\r\n"]
        self._envelope = _Envelope(parcel, commands)
        if self._reset_first:
            self._say(b"RSET\r\n")
            self._resets += 1
            self._reset_first = False
        if self._offers.pipelining:
            self._say(b"".join(commands))
            self._envelope.asked = len(commands)
        elif not self._resets:
            self._ask()

    @property
    def has_output(self) -> bool:
        return bool(self._out)

    def output(self) -> bytes:
        """What is to be written next, once."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def feed(self, data: bytes) -> None:
        """Take in what the server sent, in pieces of any size."""
        *lines, self._in = (self._in + data).split(b"\n")
        for line in lines:
            if self.over:
                return
            self._lines.append(line)
            if line[3:4] == b"-" and line[:3].isdigit():
                if sum(map(len, self._lines)) > _LONGEST_REPLY:
                    self._end("its reply never ends")
                continue
            reply, self._lines = _Reply(self._lines), []
            if len(line) > _LONGEST_REPLY:
                self._end("its reply is too long")
            else:
                self._hear(reply)
        if len(self._in) > _LONGEST_REPLY:
            self._end("its reply is too long")

    def lost(self, why: str, written: int) -> None:
        """The connection is gone, or is given up, when ``written`` bytes of the output had been written.

        Everything under way gets its outcome.
        """
        self.over = self.over or why
        fresh = not self.settled
        for contents in self._contents:
            if contents.parcel is None:
                continue
            if written >= contents.end:
                outcome: Outcome = Uncertain(f"the connection broke after DATA: {why}")
            else:
                outcome = Unsent(why)
            self.outcomes.append((contents.parcel, outcome))
        self._contents.clear()
        if self._envelope is not None:
            # It may be this one recipient that the server breaks off at; the next may fare better.
            culprit = fresh and self._envelope.at_recipient
            broken = Deferred(f"{why}; the server broke off at this recipient") if culprit else Unsent(why)
            self.outcomes.append((self._envelope.parcel, broken))
            self._envelope = None

    # Commands.

    def _mail(self, parcel: Parcel, international: bool) -> bytes:
        words = [f"MAIL FROM:<{parcel.sender}>".encode()]
        if self._offers.size_declared:
            words.append(b"SIZE=%d" % len(parcel.message))
        if self._offers.eightbit and international:
            words.append(b"BODY=8BITMIME")
        if international:
            words.append(b"SMTPUTF8")
        if self._offers.dsn:
            words.append(b"RET=HDRS")
            if parcel.envelope_id:
                words.append(b"ENVID=" + _xtext(parcel.envelope_id.encode()))
        return b" ".join(words) + b"\r\n"

    def _rcpt(self, parcel: Parcel) -> bytes:
        words = [f"RCPT TO:<{parcel.recipient}>".encode()]
        if self._offers.dsn:
            words.append(b"NOTIFY=FAILURE")
            if parcel.recipient.isascii():  # else RFC 6533 would want another form of it
                words.append(b"ORCPT=rfc822;" + _xtext(parcel.recipient.encode()))
        return b" ".join(words) + b"\r\n"

    def _ask(self) -> None:
        """Without PIPELINING: the next command of the envelope."""
        assert self._envelope is not None
        self._say(self._envelope.commands[self._envelope.asked])
        self._envelope.asked += 1

    def _say(self, out: bytes) -> None:
        self._out.append(out)
        self._queued += len(out)

    # Replies. They come in the order of what was said: contents, RSET, then an envelope's three.

    def _hear(self, reply: "_Reply") -> None:
        self.heard += 1
        if self._contents:
            self._judge_contents(reply)
        elif self._resets:
            self._resets -= 1
            if not _is_done(reply.code):
                self._end(reply.words)
            elif self._envelope is not None and not self._offers.pipelining:
                self._ask()
        elif self._envelope is not None:
            self._envelope.replies.append(reply)
            if reply.code == _GOING_DOWN and self._envelope.at_recipient and not _is_own(reply.words):
                self._settle(self._envelope.parcel, Deferred(reply.words))
                self._envelope = None
                self._end(reply.words)
            elif reply.code == _GOING_DOWN or not 200 <= reply.code < 600:
                self._end(reply.words)
            elif len(self._envelope.replies) == self._envelope.asked:
                self._go_on(self._envelope)
        else:  # nobody asked: a server that says goodbye
            self._end(reply.words)

    def _go_on(self, envelope: _Envelope) -> None:
        """Everything asked is answered: ask the next, or judge the whole."""
        if envelope.asked < len(envelope.commands) and _is_done(envelope.replies[-1].code):
            self._ask()
        else:
            self._judge_envelope(envelope)

    def _judge_envelope(self, envelope: _Envelope) -> None:
        """Hand over, or settle by the first reply that says no."""
        self._envelope = None
        stages = zip(envelope.replies, (_is_done, _is_done, _goes_on), strict=False)
        for stage, (reply, fine) in enumerate(stages):
            if not fine(reply.code):
                self._judge_refusal(envelope, stage, reply)
                return
        self._say(_transparent(envelope.parcel))
        self._contents.append(_Contents(envelope.parcel, self._queued))

    def _judge_refusal(self, envelope: _Envelope, stage: int, reply: "_Reply") -> None:
        """What it means that the server said no to the sender (0), the recipient (1) or the contents (2)."""
        parcel, code, words = envelope.parcel, reply.code, reply.words
        if _goes_on(envelope.replies[-1].code):
            # It waits for contents though it wants none of this: it gets none (RFC 2920 §3.1).
            self._say(b".\r\n")
            self._contents.append(_Contents(None, self._queued))
        out_of_step = code == _BAD_SEQUENCE and self._offers.pipelining and stage > 0
        # It has nothing to do with the reader, who would lose this and every next mail by it.
        at_us = stage == 0 and 500 <= code < 600 and code != _TOO_LARGE
        if code == _LOG_IN_FIRST or (at_us and not needs_smtputf8(parcel.recipient)):
            self.refused = words
        elif out_of_step:
            self.confused = True
        elif 400 <= code < 600:
            self._reset_first = stage > 0
            # To a sender that all others may be: it is the way in which this address has to be written.
            self._settle(parcel, Unsupported(words) if at_us else _refusal(code, words, at_us=stage == 0))
            return
        self.outcomes.append((parcel, Unsent(words)))
        self._end(words)

    def _judge_contents(self, reply: "_Reply") -> None:
        parcel = self._contents.popleft().parcel
        if parcel is None:
            return
        if _is_done(reply.code):
            self._settle(parcel, Accepted(reply.words))
        elif 400 <= reply.code < 600:
            self._settle(parcel, _refusal(reply.code, reply.words))
            if reply.code == _GOING_DOWN:
                self._end(reply.words)
        else:
            self._settle(parcel, Uncertain(f"the server's answer after DATA can't be read: {reply.words}"))
            self._end(reply.words)

    def _settle(self, parcel: Parcel, outcome: Outcome) -> None:
        self.settled += 1
        self.outcomes.append((parcel, outcome))

    def _end(self, why: str) -> None:
        # What a server says may be nothing but a line end.
        self.over = self.over or why or "its reply is empty"


class _Reply:
    """A reply's lines; ``code`` is 0 for what is no reply."""

    __slots__ = ("_lines", "code")

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        last = lines[-1]
        self.code = int(last[:3]) if last[:3].isdigit() and last[3:4] in (b" ", b"\r", b"") else 0

    @property
    def words(self) -> str:
        """Code and text on one line. The code is that of the last line, as is the verdict."""
        lines = [line.decode("utf-8", "replace") for line in self._lines]
        if len(lines) == 1:
            return one_line(lines[0])
        return one_line(f"{lines[-1][:3]} {' '.join(line[4:] for line in lines)}")


def _refusal(code: int, words: str, *, at_us: bool = False) -> Outcome:
    return Rejected(words) if 500 <= code < 600 else Deferred(words, at_us)


def _is_done(code: int) -> bool:
    """Whether a reply says yes. Its first digit decides (RFC 5321 §4.2.1): not all servers say 250."""
    return 200 <= code < 300


def _is_own(words: str) -> bool:
    """Whether a server speaks of its own state (RFC 3463 §3.4), and not of the recipient's provider."""
    return Reply.read(words).status.startswith("4.3.")


def _goes_on(code: int) -> bool:
    return code == _GO_ON


def _transparent(parcel: Parcel) -> bytes:
    """A message as DATA carries it (RFC 5321 §4.5.2): dots doubled, a lone dot at the end."""
    body = parcel.message if parcel.message.endswith(b"\r\n") else parcel.message + b"\r\n"
    if not parcel.dotless:
        if body.startswith(b"."):
            body = b"." + body
        body = body.replace(b"\r\n.", b"\r\n..")
    return body + b".\r\n"


def _xtext(value: bytes) -> bytes:
    """A parameter's value as RFC 3461 §4 wants it."""
    return _NOT_XTEXT.sub(lambda found: b"+%02X" % found[0][0], value)
