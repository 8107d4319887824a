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
    assert not Reply.read("550 #5.7.1 refused").blames_address
    assert Reply.read("550 #5.7.1 refused").is_policy
    assert Reply.read("421 4.7.0 later").asks_for_patience
