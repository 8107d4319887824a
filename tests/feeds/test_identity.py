import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.article import Draft
from feeds.identity import aliases, canonical_url, tag_uri


@pytest.mark.parametrize(
    "url, canonical",
    [
        (
            "HTTPS://Bron.Example:443/a/../b?utm_source=rss&b=2&UTM_Medium=x&a=1#deel",
            "https://bron.example/b?b=2&a=1",
        ),
        ("https://bron.example/?fbclid=1&gclid=2&mc_cid=3&mc_eid=4", "https://bron.example/"),
        ("https://bron.example", "https://bron.example/"),
        ("https://bron.example/#!/artikel/1", "https://bron.example/#!/artikel/1"),
        ("https://bron.example/%7Ejan", "https://bron.example/~jan"),
        ("https://bron.example/?id=1&ref=2", "https://bron.example/?id=1&ref=2"),
        ("http://[", "http://["),
        ("", ""),
    ],
)
def test_links_to_one_page_have_one_address(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@given(st.text(max_size=60))
def test_any_text_has_a_canonical_form(url: str) -> None:
    canonical_url(url)
    canonical_url(f"https://{url}")


def test_a_tag_uri_is_valid_and_the_same_for_the_same_names() -> None:
    uri = tag_uri("Portaal.Example:8000", date(2026, 11, 24), "bron", "guid")
    assert re.fullmatch(r"tag:portaal\.example,2026-11-24:[0-9a-f]{40}", uri)
    assert uri == tag_uri("portaal.example", date(2026, 11, 24), "bron", "guid")
    assert uri != tag_uri("portaal.example", date(2026, 11, 24), "brong", "uid")


def test_aliases_are_short_and_begin_with_the_sources_own_id() -> None:
    first, second = aliases(Draft("k" * 5000, "https://bron.example/" + "x" * 1900, "T"), "b" * 100)
    assert first.startswith("guid:b")
    assert second.startswith("url:")
    assert max(len(first), len(second)) <= 100


def test_tracking_and_a_move_to_https_keep_the_address_and_another_source_changes_the_id() -> None:
    one = aliases(Draft("1", "http://bron.example/a", "T"), "een")
    two = aliases(Draft("1", "https://bron.example/a?utm_source=x#top", "T"), "twee")
    assert one[1] == two[1]
    assert one[0] != two[0]
