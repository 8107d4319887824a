from dataclasses import replace
from datetime import UTC, datetime

import pytest

from feeds.article import Draft
from feeds.fingerprint import fingerprint

DRAFT = Draft("k", "https://x.example/", "Titel", "Kort.", '<p>Het kost <a href="a">5 euro</a> per jaar.</p>')


def test_it_is_64_hexadecimal_digits() -> None:
    assert len(bytes.fromhex(fingerprint(DRAFT))) == 32


@pytest.mark.parametrize(
    "content",
    [
        '<P>Het  kost\n<A HREF="b" title="x">5 euro</A> per jaar.</P>',
        "<div>Het kost 5 euro</div><div>per jaar!</div>",
        "<p>Het kost <em>5</em> euro per&nbsp;jaar.<img src='x'></p>",
    ],
)
def test_markup_blanks_and_attributes_leave_it(content: str) -> None:
    assert fingerprint(replace(DRAFT, content=content)) == fingerprint(DRAFT)


def test_date_author_and_address_leave_it() -> None:
    other = replace(DRAFT, published=datetime(2026, 1, 1, tzinfo=UTC), author="A", url="https://y.example/")
    assert fingerprint(other) == fingerprint(DRAFT)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "Titels"},
        {"summary": "Korter."},
        {"content": "<p>Het kost 6 euro per jaar.</p>"},
        {"content": "<p>Het kost 5% euro per jaar.</p>"},
        {"title": "Titel Kort", "summary": ""},
    ],
)
def test_words_and_figures_change_it(fields: dict[str, str]) -> None:
    assert fingerprint(replace(DRAFT, **fields)) != fingerprint(DRAFT)  # type: ignore[arg-type]
