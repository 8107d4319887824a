"""The dialogue by itself: what is said when, and what becomes of each message whatever the server answers."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.transports.smtp.dialogue import PER_CONNECTION, Dialogue, Offers
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

BODY = b"Subject: x\r\n\r\nhallo\r\n"
FAST = Offers(pipelining=True)


def parcel(number: int = 1, recipient: str = "", message: bytes = BODY) -> Parcel:
    return Parcel(number, "van@p.example", recipient or f"r{number}@x.example", message, f"id{number}")


def talk(offers: Offers = FAST) -> Dialogue:
    return Dialogue("mail.example:25", offers)


def outcomes(dialogue: Dialogue) -> dict[int, Outcome]:
    return {parcel.id: outcome for parcel, outcome in dialogue.outcomes}


# -- what is said ----------------------------------------------------------------------------------


def test_an_envelope_goes_out_at_once_and_the_next_right_behind_the_contents() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1))
    first = b"MAIL FROM:<van@p.example>\r\nRCPT TO:<r1@x.example>\r\nDATA\r\n"
    assert dialogue.output() == first
    assert not dialogue.ready
    dialogue.feed(b"250 ok\r\n250 ok\r\n354 go on\r\n")
    assert dialogue.ready
    dialogue.begin(parcel(2))
    assert dialogue.output() == BODY + b".\r\n" + first.replace(b"r1@", b"r2@")
    dialogue.feed(b"250 one\r\n250 ok\r\n250 ok\r\n354 go on\r\n")
    assert outcomes(dialogue) == {1: Accepted("250 one")}
    assert dialogue.output() == BODY + b".\r\n"


def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    dialogue = talk(Offers())
    dialogue.begin(parcel())
    for said, answer in (
        (b"MAIL FROM:<van@p.example>\r\n", b"250 ok\r\n"),
        (b"RCPT TO:<r1@x.example>\r\n", b"250 ok\r\n"),
        (b"DATA\r\n", b"354 go on\r\n"),
        (BODY + b".\r\n", b""),
    ):
        assert dialogue.output() == said
        assert not dialogue.ready
        dialogue.feed(answer)
    assert not dialogue.ready
    dialogue.feed(b"250 taken\r\n")
    assert dialogue.ready


def test_what_the_server_offers_is_used() -> None:
    dialogue = talk(
        Offers(pipelining=True, size_declared=True, size=1000, smtputf8=True, dsn=True, eightbit=True)
    )
    dialogue.begin(parcel(1, "o=b+c@x.example"))
    said = dialogue.output().decode().split("\r\n")
    assert said[0] == f"MAIL FROM:<van@p.example> SIZE={len(BODY)} RET=HDRS ENVID=id1"
    assert said[1] == "RCPT TO:<o=b+c@x.example> NOTIFY=FAILURE ORCPT=rfc822;o+3Db+2Bc@x.example"
    dialogue.feed(b"550 no\r\n503 no\r\n503 no\r\n")
    dialogue = talk(Offers(pipelining=True, smtputf8=True, dsn=True, eightbit=True))
    dialogue.begin(parcel(1, "josé@x.example"))
    said = dialogue.output().decode().split("\r\n")
    assert said[0] == "MAIL FROM:<van@p.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id1"
    assert said[1] == "RCPT TO:<josé@x.example> NOTIFY=FAILURE"


def test_what_the_server_can_t_take_is_settled_without_asking() -> None:
    dialogue = talk(Offers(pipelining=True, size_declared=True, size=10))
    dialogue.begin(parcel(1))
    dialogue.begin(parcel(2, "josé@x.example", b"x"))
    assert dialogue.output() == b""
    assert isinstance(outcomes(dialogue)[1], Rejected)
    assert outcomes(dialogue)[2] == Unsupported(
        "mail.example:25 does not offer SMTPUTF8, which this address needs"
    )


@pytest.mark.parametrize("reply", ["553 not from you", "550 5.6.7 no SMTPUTF8 after all", "555 SMTPUTF8?"])
def test_a_sender_refused_for_an_address_beyond_ascii_is_nothing_that_its_reader_did(reply: str) -> None:
    dialogue = talk(Offers(pipelining=True, smtputf8=True))
    dialogue.begin(parcel(1, "josé@x.example"))
    dialogue.feed(f"{reply}\r\n503 none\r\n503 none\r\n".encode())
    assert outcomes(dialogue) == {1: Unsupported(reply)}
    assert not dialogue.over


def test_what_is_too_large_for_a_server_that_did_not_say_so_is_rejected_as_such() -> None:
    dialogue = talk(Offers(pipelining=True, smtputf8=True))
    dialogue.begin(parcel(1, "josé@x.example"))
    dialogue.feed(b"552 5.3.4 too large\r\n503 none\r\n503 none\r\n")
    assert outcomes(dialogue) == {1: Rejected("552 5.3.4 too large")}


def test_after_a_refused_recipient_the_next_begins_with_a_reset() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1))
    dialogue.output()
    dialogue.feed(b"250 ok\r\n550 5.1.1 nobody\r\n503 none\r\n")
    assert outcomes(dialogue) == {1: Rejected("550 5.1.1 nobody")}
    dialogue.begin(parcel(2))
    assert dialogue.output().startswith(b"RSET\r\nMAIL")
    dialogue.feed(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 two\r\n")
    assert outcomes(dialogue)[2] == Accepted("250 two")


def test_a_server_that_wants_contents_for_nobody_gets_none() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1))
    dialogue.output()
    dialogue.feed(b"250 ok\r\n450 4.2.0 later\r\n354 go on\r\n")
    dialogue.begin(parcel(2))
    assert dialogue.output().startswith(b".\r\nRSET\r\nMAIL")
    dialogue.feed(b"554 no recipients\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 two\r\n")
    assert outcomes(dialogue) == {1: Deferred("450 4.2.0 later"), 2: Accepted("250 two")}


def test_a_server_that_is_confused_by_pipelining_is_told_apart_from_one_that_refuses() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1))
    dialogue.feed(b"250 ok\r\n503 one at a time\r\n503 one at a time\r\n")
    assert dialogue.confused
    assert dialogue.over
    assert isinstance(outcomes(dialogue)[1], Unsent)


def test_an_answer_with_nothing_in_it_ends_the_dialogue_like_any_other_nonsense() -> None:
    so_far = [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n", b"250 ok\r\n250 ok\r\n354 go on\r\n"]
    for answers in so_far:
        for empty in (b"\r\n", b"\n", b" \r\n", b"\0\n"):
            dialogue = talk()
            dialogue.begin(parcel())
            dialogue.feed(answers)
            dialogue.feed(empty)
            assert dialogue.over
            assert not dialogue.ready


def test_a_reply_whose_lines_disagree_is_kept_with_the_code_by_which_it_was_judged() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1))
    dialogue.feed(b"250 ok\r\n250-hold on\r\n550 5.1.1 nobody\r\n503 none\r\n")
    assert outcomes(dialogue) == {1: Rejected("550 hold on 5.1.1 nobody")}


def test_a_connection_carries_so_many_and_no_more() -> None:
    dialogue = talk()
    for number in range(PER_CONNECTION):
        assert dialogue.ready
        dialogue.begin(parcel(number))
        dialogue.feed(b"250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n")
    assert not dialogue.ready
    assert dialogue.spent


def test_dots_are_doubled_and_a_message_ends_with_a_line() -> None:
    dialogue = talk()
    dialogue.begin(parcel(1, message=b".a\r\n..b\r\nc\r\n."))
    dialogue.output()
    dialogue.feed(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert dialogue.output() == b"..a\r\n...b\r\nc\r\n..\r\n.\r\n"


# -- whatever it answers ---------------------------------------------------------------------------

REPLIES = st.sampled_from(
    [b"250 ok\r\n"] * 12
    + [b"354 go on\r\n"] * 6
    + [
        b"250-ok\r\n250 really\r\n",
        b"450 4.2.0 later\r\n",
        b"550 5.1.1 nobody\r\n",
        b"503 what?\r\n",
        b"421 4.3.2 bye\r\n",
        b"530 log in\r\n",
        b"nonsense\r\n",
        b"250\r\n",
        b"\r\n",
        b"99\r\n",
        b"\xff\xfe\r\n",
        b"250-never\r\n",
    ]
)


@settings(max_examples=500, deadline=None)
@given(
    replies=st.lists(REPLIES, max_size=30),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=10),
    pipelining=st.booleans(),
    unwritten=st.integers(0, 60),
)
@example(replies=[b"250 ok\r\n"] * 2 + [b"354 go on\r\n"], cuts=[1], pipelining=True, unwritten=0)
@example(replies=[b"250 ok\r\n"] * 2 + [b"354 go on\r\n"], cuts=[1], pipelining=True, unwritten=1)
def test_every_message_begun_comes_to_one_outcome_whatever_the_server_says(
    replies: list[bytes], cuts: list[int], pipelining: bool, unwritten: int
) -> None:
    """Replies come in pieces, any of them; then the connection is lost with some bytes unwritten."""
    dialogue = talk(Offers(pipelining=pipelining))
    begun: list[int] = []
    said = b""
    stream = b"".join(replies)
    turn = 0
    while not dialogue.over:
        while dialogue.ready and len(begun) < 8:
            begun.append(len(begun))
            dialogue.begin(parcel(begun[-1], message=b"contents of %d\r\n" % begun[-1]))
        said += dialogue.output()
        if not stream:
            break
        cut = cuts[turn % len(cuts)]
        turn += 1
        dialogue.feed(stream[:cut])
        stream = stream[cut:]
    said += dialogue.output()
    arrived = said[: max(0, len(said) - unwritten)]
    dialogue.lost("the line went dead", len(arrived))
    settled = [parcel.id for parcel, _ in dialogue.outcomes]
    assert sorted(settled) == begun, "each message once"
    for number, outcome in outcomes(dialogue).items():
        whole = b"contents of %d\r\n.\r\n" % number in arrived
        if isinstance(outcome, Unsent):
            assert not whole, "what may have arrived is never tried again at once"
        if isinstance(outcome, Accepted | Uncertain):
            assert whole or unwritten, "what never left can't have been taken"
