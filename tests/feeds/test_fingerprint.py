from dataclasses import replace
from datetime import UTC, datetime

import pytest

from feeds.draft import Draft
from feeds.fingerprint import fingerprint
from feeds.markup import plain_text
from feeds.words import tokens

DRAFT = Draft("k", "https://x.example/", "Titel", "Kort.", '<p>Het kost <a href="a">5 euro</a> per jaar.</p>')


def mark(draft: Draft) -> str:
    return fingerprint([tokens(text) for text in (draft.title, draft.summary, plain_text(draft.content))])


def test_it_is_64_hexadecimal_digits() -> None:
    assert len(bytes.fromhex(mark(DRAFT))) == 32


@pytest.mark.parametrize(
    "content",
    [
        '<P>Het  kost\n<A HREF="b" title="x">5 euro</A> per jaar.</P>',
        "<div>Het kost 5 euro</div><div>per jaar!</div>",
        "<p>Het kost <em>5</em> euro per&nbsp;jaar.<img src='x'></p>",
    ],
)
def test_markup_blanks_and_attributes_leave_it(content: str) -> None:
    assert mark(replace(DRAFT, content=content)) == mark(DRAFT)


def test_date_author_and_address_leave_it() -> None:
    other = replace(DRAFT, published=datetime(2026, 1, 1, tzinfo=UTC), author="A", url="https://y.example/")
    assert mark(other) == mark(DRAFT)


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
    assert mark(replace(DRAFT, **fields)) != mark(DRAFT)  # type: ignore[arg-type]
