"""SMTP replies, by whatever software: their code, their enhanced status, and what they blame."""

import pytest

from subscribers.reply import Reply


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("550 5.1.1 no such user", Reply(550, "5.1.1")),
        ("550-5.7.26 This mail is unauthenticated", Reply(550, "5.7.26")),
        ("550 #5.7.1 Your access to this mail system has been rejected", Reply(550, "5.7.1")),
        ("5.2.2 mailbox full", Reply(0, "5.2.2")),
        ("451 try again", Reply(451, "")),
        ("no reply at all", Reply(0, "")),
        ("5502 5.1.1 no code", Reply(0, "")),
        ("", Reply(0, "")),
    ],
)
def test_a_reply_is_read_from_its_beginning(text: str, reply: Reply) -> None:
    assert Reply.read(text) == reply


def test_only_what_is_said_of_a_mailbox_blames_the_address() -> None:
    assert Reply.read("550 5.1.1 unknown").blames_address
    assert Reply.read("550 unknown").blames_address
    assert Reply.read("550 5.5.0 Requested action not taken: mailbox unavailable").blames_address
    assert not Reply.read("554 5.5.0 no").blames_address
    assert not Reply.read("550 5.5.1 bad sequence").blames_address
    assert not Reply.read("550 #5.7.1 refused").blames_address
    assert Reply.read("550 #5.7.1 refused").is_policy
    assert Reply.read("421 4.7.0 later").asks_for_patience


@pytest.mark.parametrize(
    "text", ["503 what?", "501 Syntax error in parameters", "500 5.5.2 unknown", "504 5.5.4 no", "555 no DSN"]
)
def test_a_server_that_did_not_follow_us_speaks_of_the_dialogue(text: str) -> None:
    assert Reply.read(text).is_about_dialogue


@pytest.mark.parametrize(
    "text",
    [
        "501 5.1.3 bad address",
        "550 5.5.0 mailbox unavailable",
        "505 5.7.1 no",
        "554 5.5.1 no",
        "452 4.5.3 few",
    ],
)
def test_what_is_said_of_an_address_or_of_us_is_not_about_the_dialogue(text: str) -> None:
    assert not Reply.read(text).is_about_dialogue
