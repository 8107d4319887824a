"""Feedback: what a message that came back tells of a mail of ours.

What it is about is told by what we signed: the address it was sent to. A complaint is sent to an address
that the provider knows us by; there it is the return path, or the address or link for leaving, in the copy
of the mail that comes with it. What else a message says of whom it concerns is anybody's claim.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum

from flufl.bounce import all_failures as all_failures_in

from feeds.characters import one_line
from subscribers.reply import Reply
from subscribers.token import BOUNCE, UNSUBSCRIBE, Tokens

_ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_COMPLAINTS = ("abuse", "fraud", "virus", "other")
_ANSWERING = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-From")
_SUPPRESSING = "X-Auto-Response-Suppress"
_AWAY = re.compile(
    r"(automatisch antwoord|automatic reply|auto-?reply|out of (the )?office|afwezig"
    r"|automatische antwort|abwesen|réponse automatique)",
    re.IGNORECASE,
)
"""How programs begin the subject of an answer in somebody's place that has no header to say so."""
_ANGLES = re.compile(r"<([^<>]+)>")
_LONGEST_LEAVE = 2000
_LONGEST_REPLY = 1000
_LONGEST_HEADER = 500
"""Of a header with one address of ours in it; comments in longer ones can exhaust the parser."""


class FeedbackKind(StrEnum):
    """What came back."""

    POLICY = "policy"  # refused for what we are or sent (5.7.x)
    HARD = "hard"  # the address takes no mail
    SOFT = "soft"  # not this time
    DELAYED = "delayed"  # still trying
    DELIVERED = "delivered"  # or handed on
    UNSUBSCRIBE = "unsubscribe"  # a mail to the address for leaving
    COMPLAINT = "complaint"  # a reader called it spam (RFC 5965)
    AUTO_REPLY = "auto-reply"  # somebody is on holiday
    OTHER = "other"  # nothing of which we know what to make


@dataclass(frozen=True, slots=True)
class Feedback:
    """``delivery`` and ``subscriber`` are ids of ours, None where the message names none.

    ``reply`` is what the server said that refused the mail, beginning with its status.
    """

    kind: FeedbackKind
    delivery: int | None = None
    subscriber: int | None = None
    status: str = ""
    reply: str = ""


def read_feedback(raw: bytes, tokens: Tokens) -> Feedback:
    """What a message means that came to one of our addresses; ``OTHER`` for what can't be read."""
    try:
        return _read(message_from_bytes(raw, policy=policy.compat32), tokens)
    except Exception:
        # Anybody can write to these addresses. Whatever a message does to the parser (nesting a thousand
        # deep exhausts it), the next one must be read.
        return Feedback(FeedbackKind.OTHER)


def _read(message: Message, tokens: Tokens) -> Feedback:
    delivery = subscriber = None
    for address in _recipients(message):
        subscriber = subscriber or tokens.read_address(UNSUBSCRIBE, address)
        delivery = delivery or tokens.read_address(BOUNCE, address)
    if subscriber is not None:
        return Feedback(FeedbackKind.UNSUBSCRIBE, subscriber=subscriber)
    if (report := _complaint(message)) is not None:
        original = _original(message)
        if original is not None and delivery is None:
            delivery, subscriber = _named_in(original, tokens)
        kind = FeedbackKind.COMPLAINT if report in _COMPLAINTS else FeedbackKind.OTHER
        return Feedback(kind, delivery, subscriber, reply=report[:_LONGEST_REPLY])
    for fields in _reports(message):
        status = one_line(str(fields.get("Status", ""))).partition(" ")[0]
        words = one_line(str(fields.get("Diagnostic-Code", ""))).partition(";")[2].strip()
        if status.endswith(".0.0"):  # which says nothing, while the server that refused may have said more
            words = Reply.quoted(words) or words
        reply = words if Reply.read(words).status else f"{status} {words}".strip()
        action = one_line(str(fields.get("Action", ""))).lower().partition(" ")[0]
        kind = _kind(action, Reply(Reply.read(words).code, Reply.read(reply).status or status))
        return Feedback(kind, delivery, status=status[:20], reply=reply[:_LONGEST_REPLY])
    if _is_automatic(message):
        return Feedback(FeedbackKind.AUTO_REPLY, delivery)
    temporary, permanent = all_failures_in(message) if delivery is not None else (None, None)
    if permanent or temporary:
        return Feedback(FeedbackKind.HARD if permanent else FeedbackKind.SOFT, delivery)
    away = _looks_automatic(message)
    return Feedback(FeedbackKind.AUTO_REPLY if away else FeedbackKind.OTHER, delivery)


def _original(message: Message) -> Message | None:
    """The mail of ours that came back with a report, or its headers."""
    for part in message.walk():
        match part.get_content_type():
            case "message/rfc822":
                inner = part.get_payload(0) if part.is_multipart() else None
                return inner if isinstance(inner, Message) else None
            case "text/rfc822-headers":
                text = part.get_payload(decode=True)
                return message_from_bytes(text) if isinstance(text, bytes) else None
    return None


def _named_in(original: Message, tokens: Tokens) -> tuple[int | None, int | None]:
    """The delivery and the reader that a mail of ours was for, by what we signed in it."""
    returned = one_line(str(original.get("Return-Path", "")))[:_LONGEST_HEADER].strip("<> ")
    delivery = tokens.read_address(BOUNCE, returned)
    for url in _ANGLES.findall(one_line(str(original.get("List-Unsubscribe", "")))[:_LONGEST_LEAVE]):
        token = url.rpartition("/unsubscribe/")[2]
        mailto = url.removeprefix("mailto:").partition("?")[0]
        subscriber = tokens.read(UNSUBSCRIBE, token) or tokens.read_address(UNSUBSCRIBE, mailto)
        if subscriber is not None:
            return delivery, subscriber
    return delivery, None


def _complaint(message: Message) -> str | None:
    """What kind of feedback a provider reports (RFC 5965 §3.1); None for a message that is no such report."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else None
            fields = first if isinstance(first, Message) else message_from_string(str(inner).lstrip())
            return one_line(str(fields.get("Feedback-Type", ""))).lower()
    return None


def _is_automatic(message: Message) -> bool:
    """Whether a program answered in somebody's place (RFC 3834, and what was usual before).

    Exim says so of its bounces too, which name whom they did not reach.
    """
    if "X-Failed-Recipients" in message:
        return False
    said = one_line(str(message.get("Auto-Submitted", ""))).lower()
    return said.startswith("auto-replied") or any(name in message for name in _ANSWERING)


def _looks_automatic(message: Message) -> bool:
    """Whether a message that is no bounce was written by a program, as Exchange and Outlook have it."""
    said = one_line(str(message.get("Auto-Submitted", ""))).lower()
    if said.startswith("auto-generated") or _SUPPRESSING in message:
        return True
    subject = str(make_header(decode_header(str(message.get("Subject", ""))[:_LONGEST_HEADER])))
    return _AWAY.match(one_line(subject)) is not None


def _recipients(message: Message) -> Iterator[str]:
    for name in _ADDRESSED:
        for value in message.get_all(name, []):
            if len(text := str(value)) <= _LONGEST_HEADER:
                yield from (address for _, address in getaddresses([text]))


def _reports(message: Message) -> Iterator[Message]:
    """The fields on each recipient in a ``message/delivery-status``, which begins with those on the whole."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
        elif part.get_content_type() == "message/global-delivery-status":
            # Of an address that is not ASCII (RFC 6533), which the parser takes for a mail in a mail.
            inner = part.get_payload()
            text = "".join(str(one) for one in inner) if isinstance(inner, list) else str(inner)
            blocks = [message_from_string(block) for block in re.split(r"\r?\n\r?\n", text.strip())]
        else:
            continue
        if isinstance(blocks, list):
            yield from (block for block in blocks if isinstance(block, Message) and "Action" in block)


def _kind(action: str, reply: Reply) -> FeedbackKind:
    if action in ("delivered", "relayed", "expanded"):
        return FeedbackKind.DELIVERED
    if action == "delayed":
        return FeedbackKind.DELAYED
    if action != "failed":
        return FeedbackKind.OTHER
    if reply.is_policy:
        return FeedbackKind.POLICY
    # A mailbox that is full, or a mail too large, is refused for good by some, and fits another day.
    hard = reply.blames_address or not (reply.status or reply.code)
    return FeedbackKind.HARD if hard else FeedbackKind.SOFT
