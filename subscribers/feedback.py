"""Feedback: what a message that came back tells of a mail of ours.

A report on delivery (RFC 3464) names the mail by the address it was sent to, which is ours and signed;
what else the report says of whom it concerns is anybody's claim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum

from feeds.characters import one_line
from subscribers.reply import Reply
from subscribers.token import BOUNCE, UNSUBSCRIBE, Tokens

_ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
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
    for fields in _reports(message):
        status = one_line(str(fields.get("Status", ""))).partition(" ")[0]
        words = one_line(str(fields.get("Diagnostic-Code", ""))).partition(";")[2].strip()
        reply = words if Reply.read(words).status else f"{status} {words}".strip()
        kind = _kind(one_line(str(fields.get("Action", ""))).lower(), Reply.read(reply).status or status)
        return Feedback(kind, delivery, status=status[:20], reply=reply[:_LONGEST_REPLY])
    return Feedback(FeedbackKind.OTHER, delivery)


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
            if isinstance(blocks, list):
                yield from (block for block in blocks if isinstance(block, Message) and "Action" in block)


def _kind(action: str, status: str) -> FeedbackKind:
    if action in ("delivered", "relayed", "expanded"):
        return FeedbackKind.DELIVERED
    if action == "delayed":
        return FeedbackKind.DELAYED
    if action != "failed":
        return FeedbackKind.OTHER
    if status.startswith("5.7."):
        return FeedbackKind.POLICY
    # A mailbox that is full is refused for good by some, and is empty again another day.
    return FeedbackKind.SOFT if status.startswith("4.") or status == "5.2.2" else FeedbackKind.HARD
