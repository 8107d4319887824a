"""A roster: subscribers as rows of a CSV file, with the proof of their consent."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import StringIO
from itertools import chain
from types import MappingProxyType

from pydantic import ValidationError

from feeds.dates import aware
from feeds.error import KennisportalError
from feeds.theme import ThemeTree
from subscribers.frequency import Frequency
from subscribers.interest import interest_set
from subscribers.subscriber import ADMINISTRATOR, LEFT, AddressError, Consent, Reader, Subscriber

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

SUPPRESSION_COLUMNS = ("email", "address_key", "reason", "suppressed_at")
"""Those of a list of addresses that get no mail; ``address_key`` is an address's keyed hash."""


class RosterError(KennisportalError):
    """The file as a whole can't be read; the text says what is wrong with it and what to do."""


class BadRow(KennisportalError, ValueError):
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


def read_rows(
    lines: Iterable[str],
    renamed: Mapping[str, str] = MappingProxyType({}),
    columns: Sequence[str] = COLUMNS,
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file (RFC 4180), given as lines with their ends, with the line each begins at.

    ``columns`` are those it may have; ``email`` it must have.

    Separated by comma, semicolon or tab: what Excel writes depends on where it runs. ``renamed`` says which
    of our columns one of the file's is, by its name in lower case; one that is ``""`` is left out. Raises
    RosterError for a file of another kind, or with a column we don't know.
    """
    rest = (line.replace("\0", "") for line in lines)  # which no text has, and PostgreSQL can't keep
    first, above = next(rest, ""), 1
    if said := _SEPARATOR.fullmatch(first):  # which some write above it all, for Excel alone
        first, above = next(rest, ""), 2
    delimiter = said[1] if said else max(",;\t", key=first.count)
    reader = csv.DictReader(chain([first], rest), delimiter=delimiter, strict=True)
    start = above
    try:
        found = [(name or "").strip().lower() for name in reader.fieldnames or []]
        for name in renamed:
            if name not in found:
                raise RosterError(
                    f"there is no column {name!r} to be taken for another; there are: {_list(found)}"
                )
        named = [renamed.get(name, name) for name in found]
        if "email" not in named:
            raise RosterError(
                "the first line must name the columns, one of them 'email'; "
                f"known: {_list(columns)}; --map 'E-mailadres=email' says what another name means"
            )
        for name in named:
            if name and name not in columns:
                raise RosterError(
                    f"column {name!r} is unknown; remove or rename it, or say what it means with --map "
                    f"'{name}=…' (nothing after '=' leaves it out); known: {_list(columns)}"
                )
            if name and named.count(name) > 1:
                raise RosterError(f"column {name!r} stands twice; remove one")
        # A name that no file has, for what is left out: an empty one means a row of another length.
        left_out = [f"\0{place}" for place, name in enumerate(named) if not name]
        reader.fieldnames = [name or f"\0{place}" for place, name in enumerate(named)]
        start = reader.line_num + above
        for row in reader:
            if None in row or None in row.values():
                row = {"": "wrong number of fields"}
            for name in left_out:
                row.pop(name, None)
            for name, value in row.items():
                if value.startswith("'") and _FORMULA.match(value):
                    row[name] = value[1:]  # it keeps a spreadsheet from reading a formula
            yield start, row
            start = reader.line_num + above
    except csv.Error as error:
        raise RosterError(
            f"the row that begins on line {start} is no CSV ({error}); mend its quotes; nothing was taken in"
        ) from None


_SEPARATOR = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)
_FORMULA = re.compile(r"'*[=+@\t\r-]")
"""How a cell begins that a spreadsheet takes for a formula, or one that is quoted against that."""


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """A CSV file with these columns, a line of it at a time, as ``read_rows`` reads it.

    What a spreadsheet would take for a formula gets a quote before it: anybody may sign up with an address
    like ``=1+1@voorbeeld.example``.
    """
    held = StringIO()
    writer = csv.DictWriter(held, columns)
    writer.writeheader()
    for row in rows:
        yield held.getvalue()
        held.seek(0)
        held.truncate()
        writer.writerow(
            {name: f"'{value}" if _FORMULA.match(value) else value for name, value in row.items()}
        )
    yield held.getvalue()


def roster_row(reader: Reader, proof: Consent | None) -> dict[str, str]:
    """A subscriber as a row of a roster, with the proof that they asked for this, where there is any.

    What somebody asked for before they left proves nothing any more.
    """
    who = reader.subscriber
    if who.state in LEFT:
        proof = None
    return {
        "email": who.email,
        "name": who.name,
        "language": who.language,
        "timezone": who.timezone,
        "frequency": str(who.frequency),
        "interests": ";".join(reader.interests),
        "consented_at": proof.at.isoformat() if proof else "",
        "consent_source": proof.source if proof else "",
        "consent_text": proof.text if proof else "",
    }


def encoding_of(chunks: Iterable[bytes]) -> str:
    """What a text file is written in: UTF-16 where it says so, UTF-8 where it can be, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for place, chunk in enumerate(chunks):
        if place == 0 and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return "cp1252"
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


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
        if fault["loc"] == ("email",):
            raise AddressError(_said(fault["msg"], "email")) from None
        raise BadRow(_said(fault["msg"], str(fault["loc"][0]) if fault["loc"] else "")) from None
    return Enrolment(subscriber, interests, consent, frozenset(given))


@lru_cache(maxsize=1_000)
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
        at, source, text = now, ADMINISTRATOR, note
    else:
        return None
    try:
        return Consent(at=at, action="subscribe", source=source, text=text, interests=";".join(interests))
    except ValidationError:
        raise BadRow("its consent_source is longer than 200 characters") from None


def _said(message: str, field: str) -> str:
    plain = message.removeprefix("Value error, ")
    return plain if message != plain else f"{field}: {plain}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
