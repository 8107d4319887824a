"""A roster: subscribers as rows of a CSV file, with the proof of their consent."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from feeds.moment import aware
from feeds.theme import ThemeTree
from subscribers.frequency import Frequency
from subscribers.interest import interest_set
from subscribers.subscriber import Consent, Subscriber

COLUMNS = (
    "email",
    "name",
    "language",
    "timezone",
    "frequency",
    "interests",
    "consented_at",
    "consent_source",
    "consent_text",
)


class RosterError(Exception):
    """The file as a whole can't be read; the text says what is wrong with it and what to do."""


class BadRow(ValueError):
    """One row can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What somebody asks for. ``consent`` is None where there is no proof that they do.

    ``chosen`` are the names of the fields that were really given, where others are defaults.
    """

    subscriber: Subscriber
    interests: tuple[str, ...]
    consent: Consent | None
    chosen: frozenset[str]


def read_rows(document: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file (RFC 4180, comma or semicolon, UTF-8) with the line each begins at.

    Raises RosterError for a file of another kind, or with a column we don't know.
    """
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = document[: error.start].count(b"\n") + 1
        raise RosterError(f"line {line} is not UTF-8; save the file as 'CSV UTF-8'") from None
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
        if "email" not in columns:
            raise RosterError(f"the first line must name the columns, one of them 'email'; known: {_known()}")
        for name in columns:
            if name not in COLUMNS:
                raise RosterError(f"column {name!r} is unknown; remove or rename it; known: {_known()}")
            if columns.count(name) > 1:
                raise RosterError(f"column {name!r} stands twice; remove one")
        reader.fieldnames = columns
        start = reader.line_num + 1
        for row in reader:
            if None in row or None in row.values():
                row = {"": "wrong number of fields"}
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise RosterError(
            f"the row that begins on line {start} is no CSV ({error}); mend its quotes; nothing was imported"
        ) from None


def enrolment(
    row: Mapping[str, str],
    tree: ThemeTree,
    *,
    language: str,
    timezone: str,
    note: str = "",
    now: datetime,
) -> Enrolment:
    """What one row asks for. Raises BadRow, AddressError or UnknownTheme, each in one line.

    ``language`` and ``timezone`` are for rows without their own. ``note`` is proof of consent for
    rows without their own: how an administrator knows.
    """
    if "" in row:
        raise BadRow("it has more or fewer fields than there are columns; mend the commas or quotes")
    given = {name: value.strip() for name, value in row.items() if value.strip()}
    if "email" not in given:
        raise BadRow("it has no email")
    interests = themes_in(given.get("interests", ""), tree)
    if not interests:
        raise BadRow("it names no interests; give theme slugs joined by ';'")
    consent = _consent(given, interests, note, now)
    try:
        subscriber = Subscriber(
            email=given["email"],
            name=given.get("name", ""),
            language=given.get("language", language).lower(),
            timezone=given.get("timezone", timezone),
            frequency=frequency(given.get("frequency", Frequency.WEEKLY)),
            confirmed_at=consent.at if consent else None,
            created_at=now,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadRow(_said(fault["msg"], str(fault["loc"][0]) if fault["loc"] else "")) from None
    return Enrolment(subscriber, interests, consent, frozenset(given))


def themes_in(text: str, tree: ThemeTree) -> tuple[str, ...]:
    """Theme slugs joined by ``;``, ``|`` or ``,``. Raises UnknownTheme."""
    return interest_set(text.replace("|", ";").replace(",", ";").split(";"), tree)


def frequency(text: str) -> Frequency:
    """A frequency by its name. Raises BadRow."""
    try:
        return Frequency(text.lower())
    except ValueError:
        raise BadRow(f"frequency {text!r} is not one of {', '.join(Frequency)}") from None


def _consent(
    given: Mapping[str, str], interests: tuple[str, ...], note: str, now: datetime
) -> Consent | None:
    if "consented_at" in given:
        try:
            at = aware(datetime.fromisoformat(given["consented_at"]))
        except (ValueError, OverflowError):
            raise BadRow(
                f"consented_at {given['consented_at']!r} is no moment; "
                "write it like 2026-11-24T08:00:00+01:00"
            ) from None
        if at > now:
            raise BadRow(f"consented_at {given['consented_at']!r} is in the future")
        source, text = given.get("consent_source", "import"), given.get("consent_text", "")
    elif note:
        at, source, text = now, "administrator", note
    else:
        return None
    try:
        return Consent(at=at, action="subscribe", source=source, text=text, interests=";".join(interests))
    except ValidationError:
        raise BadRow("its consent_source is longer than 200 characters") from None


def _said(message: str, field: str) -> str:
    plain = message.removeprefix("Value error, ")
    return plain if message != plain else f"{field}: {plain}"


def _known() -> str:
    return ", ".join(COLUMNS)
