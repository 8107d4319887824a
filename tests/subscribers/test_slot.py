"""Slots: what is personal, put in last and put in safely."""

from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from subscribers.slot import CLOSE, OPEN, Slot, fill, without_slots

VALUES = {
    Slot.GREETING_NAME: "Anna",
    Slot.EMAIL: "a@x.example",
    Slot.UNSUBSCRIBE: "https://x.example/?a=1&b=2",
}
hostile = st.lists(
    st.one_of(st.text(max_size=20), st.sampled_from([*Slot, OPEN, CLOSE, "<b>", "&amp;"]))
).map("".join)


def test_every_slot_is_filled_wherever_it_stands() -> None:
    text = f"{Slot.GREETING_NAME} {Slot.EMAIL}{Slot.EMAIL} {Slot.UNSUBSCRIBE}"
    assert fill(text, VALUES, html=False) == "Anna a@x.examplea@x.example https://x.example/?a=1&b=2"


def test_in_html_a_value_is_safe_in_text_and_in_either_kind_of_quotes() -> None:
    values = {Slot.GREETING_NAME: "\"'<&>"}
    assert (
        fill(f'<a title="{Slot.GREETING_NAME}">', values, html=True)
        == '<a title="&quot;&#x27;&lt;&amp;&gt;">'
    )


def test_a_slot_without_a_value_stays() -> None:
    assert fill(f"{Slot.EMAIL}", {Slot.GREETING_NAME: "Anna"}, html=False) == Slot.EMAIL


@given(hostile)
def test_no_text_from_outside_holds_a_slot(text: str) -> None:
    cleaned = without_slots(text)
    assert not any(slot in cleaned for slot in Slot)
    assert without_slots(cleaned) == cleaned


@given(name=hostile, address=hostile, html=st.booleans())
def test_a_value_comes_out_as_it_went_in_and_fills_nothing_of_its_own(
    name: str, address: str, html: bool
) -> None:
    values = {Slot.GREETING_NAME: name, Slot.EMAIL: address}
    filled = fill(f"{Slot.GREETING_NAME}|{Slot.EMAIL}", values, html=html)
    plain = f"{without_slots(name)}|{without_slots(address)}"
    assert (unescape(filled) if html else filled) == plain
    assert not (html and set("<>\"'") & set(filled))
