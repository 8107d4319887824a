"""Reports as mail servers write them, and messages that only look like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.feedback import Feedback, FeedbackKind, read_feedback
from subscribers.token import BOUNCE, UNSUBSCRIBE, Tokens

TOKENS = Tokens([b"old", b"new"])
BACK = TOKENS.address(BOUNCE, 41, "terug.portaal.example")
LEAVE = TOKENS.address(UNSUBSCRIBE, 7, "terug.portaal.example")


def report(action: str, status: str, diagnostic: str = "", to: str = BACK) -> bytes:
    more = f"Diagnostic-Code: {diagnostic}\r\n" if diagnostic else ""
    return (
        "From: MAILER-DAEMON@relay.example\r\n"
        f"To: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.example\r\nOriginal-Envelope-Id: 0a1b\r\n\r\n"
        "Final-Recipient: rfc822; anna@x.example\r\n"
        f"Action: {action}\r\nStatus: {status}\r\n{more}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nTo: anna@x.example\r\n"
        f"List-Unsubscribe: <mailto:{LEAVE}>\r\n\r\n"
        "--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    "action, status, diagnostic, kind, reply",
    [
        ("failed", "5.7.1", "smtp; 550 5.7.1 blocked", FeedbackKind.POLICY, "550 5.7.1 blocked"),
        ("failed", "5.7.26", "", FeedbackKind.POLICY, "5.7.26"),
        (
            "failed",
            "5.0.0",
            "smtp; 554 5.7.9 see our policy",
            FeedbackKind.POLICY,
            "554 5.7.9 see our policy",
        ),
        ("failed", "5.1.1", "smtp; 550 no such user", FeedbackKind.HARD, "5.1.1 550 no such user"),
        ("failed", "5.2.2", "smtp; 552 5.2.2 full", FeedbackKind.SOFT, "552 5.2.2 full"),
        ("failed", "4.4.7", "", FeedbackKind.SOFT, "4.4.7"),
        ("delayed", "4.4.1", "", FeedbackKind.DELAYED, "4.4.1"),
        ("relayed", "2.0.0", "", FeedbackKind.DELIVERED, "2.0.0"),
        ("failed", "", "", FeedbackKind.HARD, ""),
        ("exploded", "5.1.1", "", FeedbackKind.OTHER, "5.1.1"),
    ],
)
def test_a_report_says_what_happened_to_which_delivery(
    action: str, status: str, diagnostic: str, kind: FeedbackKind, reply: str
) -> None:
    found = read_feedback(report(action, status, diagnostic), TOKENS)
    assert (found.kind, found.delivery, found.reply) == (kind, 41, reply)
    assert found.subscriber is None


@pytest.mark.parametrize("header", ["To", "Delivered-To", "X-Original-To", "Envelope-To"])
@pytest.mark.parametrize("written", [LEAVE, LEAVE.upper(), f"Portaal <{LEAVE}>"])
def test_a_mail_to_the_address_for_leaving_names_who_leaves(header: str, written: str) -> None:
    raw = f"From: anna@x.example\r\n{header}: {written}\r\nSubject: weg\r\n\r\n".encode()
    assert read_feedback(raw, TOKENS) == Feedback(FeedbackKind.UNSUBSCRIBE, subscriber=7)


def test_an_address_made_with_an_earlier_key_still_counts() -> None:
    earlier = Tokens([b"old"]).address(UNSUBSCRIBE, 7, "terug.portaal.example")
    assert read_feedback(f"To: {earlier}\r\n\r\n".encode(), TOKENS).subscriber == 7


@pytest.mark.parametrize(
    "address",
    [
        BACK.replace("+41-", "+42-"),
        LEAVE.replace("unsubscribe+", "bounce+"),
        Tokens([b"other"]).address(BOUNCE, 41, "terug.portaal.example"),
        "bounce+41@terug.portaal.example",
        "bounce+-@terug.portaal.example",
        "bounce+99999999999999999999-aaaaaaaaaaaaaaaa@terug.portaal.example",
    ],
)
def test_nobody_can_forge_whom_a_report_concerns(address: str) -> None:
    found = read_feedback(report("failed", "5.7.1", to=address), TOKENS)
    assert (found.delivery, found.subscriber) == (None, None)


def test_what_a_bounced_mail_says_inside_unsubscribes_nobody() -> None:
    assert read_feedback(report("failed", "5.1.1"), TOKENS).subscriber is None


@given(st.binary(max_size=400))
def test_anything_at_all_can_be_read(noise: bytes) -> None:
    assert read_feedback(noise, TOKENS).delivery is None
    assert isinstance(read_feedback(report("failed", "5.7.1") + noise, TOKENS), Feedback)
    assert isinstance(read_feedback(report("failed", "5.7.1").replace(b"--b", noise, 3), TOKENS), Feedback)


@pytest.mark.parametrize(
    "raw",
    [
        b"To: " + b"(" * 100_000 + b"\r\n\r\n",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' * 1_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 1_000,
    ],
    ids=["parentheses", "parts", "messages"],
)
def test_a_message_made_to_exhaust_the_parser_is_read_like_any_other_noise(raw: bytes) -> None:
    assert read_feedback(raw, TOKENS).kind is FeedbackKind.OTHER


def test_one_header_made_to_exhaust_the_parser_hides_no_other() -> None:
    raw = b"To: " + b"(" * 100_000 + f"\r\nDelivered-To: {LEAVE}\r\n\r\n".encode()
    assert read_feedback(raw, TOKENS).subscriber == 7
