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
        (
            "failed",
            "5.0.0",
            "x-mailer; host mx.x.example[192.0.2.1] said: 554-5.7.1 blocked for 90 5.5 hours",
            FeedbackKind.POLICY,
            "554-5.7.1 blocked for 90 5.5 hours",
        ),
        (
            "failed",
            "5.1.1",
            "smtp; unknown, as 554 5.7.1 was before",
            FeedbackKind.HARD,
            "5.1.1 unknown, as 554 5.7.1 was before",
        ),
        ("failed", "5.0.0", "smtp; no such user", FeedbackKind.HARD, "5.0.0 no such user"),
        ("failed", "5.1.1", "smtp; 550 no such user", FeedbackKind.HARD, "5.1.1 550 no such user"),
        ("failed", "5.2.2", "smtp; 552 5.2.2 full", FeedbackKind.SOFT, "552 5.2.2 full"),
        ("failed", "5.5.0", "smtp; 550 5.5.0 no mailbox", FeedbackKind.HARD, "550 5.5.0 no mailbox"),
        ("failed", "5.5.0", "", FeedbackKind.SOFT, "5.5.0"),
        ("failed", "", "smtp; 552 full", FeedbackKind.SOFT, "552 full"),
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


def complaint(original: str, kind: str = "abuse") -> bytes:
    return (
        "From: fbl@provider.example\r\nTo: klachten@portaal.example\r\nSubject: FW: Uw weekoverzicht\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is a complaint.\r\n\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: Provider/1.0\r\nVersion: 1\r\n\r\n"
        f"--b\r\n{original}\r\n--b--\r\n"
    ).encode()


HEADERS = "Content-Type: text/rfc822-headers\r\n\r\nSubject: Uw weekoverzicht\r\n"
WHOLE = "Content-Type: message/rfc822\r\n\r\nSubject: Uw weekoverzicht\r\n"
LINK = f"https://portaal.example/unsubscribe/{TOKENS.sign(UNSUBSCRIBE, 7)}"


@pytest.mark.parametrize(
    "original, delivery, subscriber",
    [
        (f"{HEADERS}Return-Path: <{BACK}>\r\n", 41, None),
        (f"{WHOLE}Return-Path: <{BACK}>\r\nTo: x@y.example\r\n\r\nTekst.\r\n", 41, None),
        (f"{HEADERS}List-Unsubscribe: <{LINK}>, <mailto:{LEAVE}>\r\n", None, 7),
        (f"{WHOLE}List-Unsubscribe: <mailto:{LEAVE}?subject=weg>\r\n\r\nTekst.\r\n", None, 7),
        (f"{HEADERS}List-Unsubscribe: <{LINK[:-1]}>, <mailto:{LEAVE[1:]}>\r\n", None, None),
        (f"{HEADERS}To: anna@x.example\r\n", None, None),
        ("Content-Type: text/plain\r\n\r\nNiets.", None, None),
    ],
)
def test_a_complaint_is_about_whom_the_copy_of_our_mail_was_signed_for(
    original: str, delivery: int | None, subscriber: int | None
) -> None:
    found = read_feedback(complaint(original), TOKENS)
    assert found == Feedback(FeedbackKind.COMPLAINT, delivery, subscriber, reply="abuse")


def test_a_report_that_a_mail_is_no_spam_is_no_complaint() -> None:
    original = f"{HEADERS}Return-Path: <{BACK}>\r\n"
    assert read_feedback(complaint(original, "not-spam"), TOKENS).kind is FeedbackKind.OTHER


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: auto-replied (vacation)", "X-Autoreply: yes", "X-Autorespond: weg"]
)
def test_an_automatic_answer_is_no_bounce(header: str) -> None:
    raw = f"From: anna@x.example\r\nTo: {BACK}\r\n{header}\r\n\r\nIk ben er niet.".encode()
    assert read_feedback(raw, TOKENS) == Feedback(FeedbackKind.AUTO_REPLY, 41)


@pytest.mark.parametrize(
    "headers",
    [
        "Subject: Automatisch antwoord: Uw overzicht\r\nAuto-Submitted: auto-generated",
        "Subject: Re: Uw overzicht\r\nX-Auto-Response-Suppress: All",
        "Subject: Automatisch antwoord: Uw overzicht",
        "Subject: =?utf-8?Q?Automatisch_antwoord=3A_Uw_overzicht_=E2=80=93?=",
        "Subject: Afwezigheidsbericht",
        "Subject: Out of office",
    ],
)
def test_what_outlook_answers_in_somebodys_place_is_no_bounce(headers: str) -> None:
    raw = f"From: anna@x.example\r\nTo: {BACK}\r\n{headers}\r\n\r\nIk ben er niet.".encode()
    assert read_feedback(raw, TOKENS) == Feedback(FeedbackKind.AUTO_REPLY, 41)
    # And who writes by themselves is to be read by somebody.
    raw = f"From: anna@x.example\r\nTo: {BACK}\r\nSubject: Re: Automatisch\r\n\r\nVraagje".encode()
    assert read_feedback(raw, TOKENS) == Feedback(FeedbackKind.OTHER, 41)


@pytest.mark.parametrize(
    "header", ["", "Auto-Submitted: auto-replied\r\n", "Auto-Submitted: auto-generated\r\n"]
)
def test_a_bounce_without_a_standard_form_is_one_though_a_program_wrote_it(header: str) -> None:
    raw = (
        f"{header}X-Failed-Recipients: anna@x.example\r\n"
        f"From: Mail Delivery System <Mailer-Daemon@relay.example>\r\nTo: {BACK}\r\n"
        "Subject: Mail delivery failed: returning message to sender\r\n\r\n"
        "This message was created automatically by mail delivery software.\r\n\r\n"
        "A message that you sent could not be delivered to one or more of its\r\n"
        "recipients. This is a permanent error. The following address(es) failed:\r\n\r\n"
        "  anna@x.example\r\n    host mx.x.example: 550 5.1.1 unknown user\r\n"
    )
    assert read_feedback(raw.encode(), TOKENS) == Feedback(FeedbackKind.HARD, 41)


def test_a_report_on_an_address_that_is_not_ascii_is_read_like_any_other() -> None:
    raw = report("failed", "5.1.1", "smtp; 550 5.1.1 no such user")
    told = raw.replace(b"message/delivery-status", b"message/global-delivery-status")
    told = told.replace(b"rfc822; anna@x.example", "utf-8; zoë@x.example".encode())
    assert read_feedback(told, TOKENS) == read_feedback(raw, TOKENS)


def test_a_comment_in_a_report_is_no_part_of_what_it_says() -> None:
    raw = report("Failed (no such user)", "5.1.1 (bad mailbox)")
    assert read_feedback(raw, TOKENS).kind is FeedbackKind.HARD


def test_a_bounce_without_a_standard_form_is_read_where_it_came_to_a_signed_address() -> None:
    exim = (
        "From: Mail Delivery System <Mailer-Daemon@relay.example>\r\nTo: {to}\r\n"
        "X-Failed-Recipients: anna@x.example\r\n"
        "Subject: Mail delivery failed: returning message to sender\r\n\r\n"
        "A message that you sent could not be delivered to one or more of its recipients.\r\n"
        "This is a permanent error. The following address(es) failed:\r\n\r\n  anna@x.example\r\n"
    )
    assert read_feedback(exim.format(to=BACK).encode(), TOKENS) == Feedback(FeedbackKind.HARD, 41)
    other = exim.format(to="overzicht@portaal.example").encode()
    assert read_feedback(other, TOKENS) == Feedback(FeedbackKind.OTHER)


@pytest.mark.parametrize(
    "status, kind",
    [
        ("5.1.8", FeedbackKind.SOFT),  # about the sender's address
        ("5.2.1", FeedbackKind.HARD),
        ("5.3.4", FeedbackKind.SOFT),  # too large
        ("5.6.0", FeedbackKind.SOFT),  # about what is in it
    ],
)
def test_what_is_not_about_the_address_is_not_held_against_it_for_good(
    status: str, kind: FeedbackKind
) -> None:
    assert read_feedback(report("failed", status), TOKENS).kind is kind


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
