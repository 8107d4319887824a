"""Quoted-printable whose lines mean the same however they are put together, and to any SMTP server."""

import quopri
import re
from html import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from subscribers.quoted import chunks, encoded, fillings
from subscribers.slot import Slot

LONG = range(58, 83)
"""Lengths at which a line has to be broken, or almost."""
TRICKY = st.lists(st.sampled_from([*".x'= é𐀀\n", "From ", "x" * 20]), max_size=60).map("".join)


def decoded(data: bytes) -> str:
    """What the encoded text says, if every line is as RFC 2045 §6.7, 2049 §3 and 5321 §4.5.2 want it."""
    for line in data.split(b"\r\n"):
        assert len(line) <= 76
        assert re.fullmatch(rb"(=[0-9A-F]{2}|[ -<>-~\t])*=?", line), line
        assert not line.startswith((b".", b"From ")), line
        assert not line.endswith((b" ", b"\t")), line
    return quopri.decodestring(data).decode()


@settings(max_examples=500, deadline=None)
@given(value=TRICKY)
@example(value="..")
def test_what_fills_a_slot_says_what_it_is_to_say_and_no_more(value: str) -> None:
    plain, marked = fillings(value)
    wanted = value.replace("\n", "\r\n")
    for filled, said in ((plain, wanted), (marked, escape(wanted))):
        assert decoded(filled + b"end") == f"{said}end"


@settings(max_examples=500, deadline=None)
@given(before=TRICKY, between=TRICKY, name=TRICKY)
def test_a_text_reads_on_around_what_fills_its_slots(before: str, between: str, name: str) -> None:
    text = f"{before}{Slot.EMAIL}{between}{Slot.EMAIL}."
    filled = b"".join(part if isinstance(part, bytes) else fillings(name)[0] for part in chunks(text))
    assert decoded(filled) == f"{before}{name}{between}{name}.".replace("\n", "\r\n")


@pytest.mark.parametrize(
    "tail", [".", "..", ".xyz", "From me", "é", "𐀀", "𐀀.", "=", "'", " \r\n", "\t\r\n", " "]
)
@pytest.mark.parametrize("head", ["", ".", "'", ".'", "From ", "From '"])
def test_anything_may_stand_where_a_line_is_broken(head: str, tail: str) -> None:
    for length in LONG:
        value = head + "x" * (length - len(head)) + tail
        assert decoded(encoded(value)) == value
        for filled, said in zip(fillings(value), (value, escape(value)), strict=True):
            assert decoded(filled + b"end") == f"{said}end"
        dots = head + "." * length + tail
        assert decoded(fillings(dots)[0] + b"end") == f"{dots}end"
        assert decoded(encoded(dots)) == dots
