"""Subscribers: addresses in one form, keys that stand for them, and fields that stay what they are."""

import re
from datetime import UTC, datetime

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from subscribers.subscriber import (
    CANDIDATES,
    AddressError,
    State,
    Subscriber,
    address_key,
    needs_smtputf8,
    normal_address,
    zone_name,
)


@pytest.mark.parametrize(
    "given_address, kept",
    [
        ("anna@x.example", "anna@x.example"),
        ("  anna@x.example\n", "anna@x.example"),
        ("Anna.B@X.Example", "Anna.B@x.example"),
        ("o'brien+nieuws@x.example", "o'brien+nieuws@x.example"),
        ("jan@MÜNCHEN.example", "jan@xn--mnchen-3ya.example"),
        ("jan@xn--mnchen-3ya.example", "jan@xn--mnchen-3ya.example"),
        ("José@x.example", "José@x.example"),
        ("jose\u0301@x.example", "jos\u00e9@x.example"),
    ],
)
def test_an_address_is_kept_in_one_form(given_address: str, kept: str) -> None:
    assert normal_address(given_address) == kept


@pytest.mark.parametrize(
    "text",
    [
        *["", "anna", "@x.example", "anna@", "anna@x", "anna@localhost", "a b@x.example", '"a b"@x.example'],
        *["anna@x..example", "a..b@x.example", "anna@x.example.", "anna@[127.0.0.1]", "<anna@x.example>"],
        *["Anna <anna@x.example>", "anna@x.example,bob@x.example", "anna@x.example\r\nBcc: dief@x.example"],
        *["anna\r\nBcc: x@x.example", "a\0b@x.example", "\u202eanna@x.example", f"{'a' * 65}@x.example"],
    ],
)
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        normal_address(text)
    assert repr(text.strip()) in str(caught.value)


LOCALS = st.one_of(st.text("abZ09._+-'é ", max_size=12), st.integers(62, 67).map(lambda length: "a" * length))
DOMAINS = st.one_of(
    st.sampled_from(
        [
            "x.example",
            "X.Example",
            "x",
            "localhost",
            "x.local",
            "x.invalid",
            "x.test",
            "x.onion",
            "münchen.example",
        ]
    ),
    st.text("ab-.1é", max_size=10).map(lambda text: f"{text}.example"),
    st.integers(60, 66).map(lambda length: f"{'b' * length}.example"),
    st.integers(1, 6).map(lambda number: ".".join(["c" * 50] * number) + ".example"),
)


@given(LOCALS, DOMAINS)
def test_plain_addresses_are_judged_as_the_library_judges_all(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True, strict=True)
        expected = f"{found.local_part}@{found.ascii_domain}"
    except EmailNotValidError:
        expected = ""
    try:
        assert normal_address(text) == expected
    except AddressError:
        assert expected == ""


@given(st.emails())
def test_keeping_an_address_again_changes_nothing(address: str) -> None:
    try:
        kept = normal_address(address)
    except AddressError:
        return
    assert normal_address(kept) == kept
    assert kept.lower() == address.lower()
    assert not needs_smtputf8(kept)


@given(local=st.text(min_size=1, max_size=20), domain=st.text(min_size=1, max_size=20))
def test_whatever_is_kept_is_one_line_with_one_ascii_domain(local: str, domain: str) -> None:
    try:
        kept = normal_address(f"{local}@{domain}.example")
    except AddressError:
        return
    assert kept.isprintable()
    assert not re.search(r"\s", kept)
    assert re.fullmatch(r"[a-z0-9.-]+\.example", kept.rpartition("@")[2])
    assert normal_address(kept) == kept


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert needs_smtputf8(normal_address("josé@x.example"))
    assert not needs_smtputf8(normal_address("jan@münchen.example"))


@given(st.emails())
def test_a_key_ignores_case_and_tells_nothing_without_the_secret(address: str) -> None:
    key = address_key(address, b"secret")
    assert key == address_key(address.upper(), b"secret") == address_key(address.title(), b"secret")
    assert re.fullmatch(r"[0-9a-f]{64}", key)
    assert key != address_key(address, b"other")
    assert key != address_key(f"x{address}", b"secret")


@pytest.mark.parametrize(
    "name", ["Europe/Amsterdam", "UTC", "Pacific/Kiritimati", "America/Argentina/Ushuaia"]
)
def test_a_zone_is_one_of_the_tz_database(name: str) -> None:
    assert zone_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Amsterdam",
        "europe/amsterdam",
        "CEST",
        "+01:00",
        "../../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "\0",
    ],
)
def test_any_other_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use a name like 'Europe/Amsterdam'"):
        zone_name(name)


def subscriber(**fields: object) -> Subscriber:
    moment = datetime(2026, 12, 7, tzinfo=UTC)
    return Subscriber.model_validate({"email": "Anna@X.example", "created_at": moment} | fields)


def test_a_subscriber_starts_unconfirmed_and_with_the_defaults_of_the_site() -> None:
    made = subscriber()
    assert made.email == "Anna@x.example"
    assert made.state is State.PENDING
    assert made.state not in CANDIDATES
    assert (made.language, made.timezone, made.frequency) == ("nl", "Europe/Amsterdam", "weekly")


@pytest.mark.parametrize(
    "name, kept",
    [
        ("  Anna  de Boer ", "Anna de Boer"),
        ("Anna\r\nBcc: x", "Anna Bcc: x"),
        ("A\x85B\u2028C\0D", "A B C D"),
        ("", ""),
    ],
)
def test_a_name_is_kept_on_one_line(name: str, kept: str) -> None:
    assert subscriber(name=name).name == kept


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "anna"},
        {"language": "de"},
        {"timezone": "Amsterdam"},
        {"frequency": "hourly"},
        {"state": "asleep"},
        {"name": "x" * 201},
    ],
)
def test_what_no_subscriber_can_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        subscriber(**fields)
