"""Templates: one Jinja environment per language, with its translations and its dates."""

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any
from unicodedata import bidirectional
from urllib.parse import urlsplit

import jinja2
import jinja2.bccache
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape

from feeds.feed import KEPT

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent / "templates"

# The checkout's own come first: a copy made by an editable install would go stale. The probe is for
# a file of ours, since beside an installed package anybody's "templates" may stand.
TEMPLATES = _CHECKOUT if (_CHECKOUT / "email" / "digest").is_dir() else _PACKAGE / "_templates"

LOCALES = {"nl": "nl_NL", "en": "en_GB"}
"""Every language the texts exist in, and the region whose dates and numbers it uses."""

_ORIGINAL = "en"
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class TemplateMissing(jinja2.TemplateNotFound):
    """A template, or a language's texts, can't be found. The text names it and says where we looked."""

    def __init__(self, name: str, places: list[Path]) -> None:
        looked = ", ".join(str(place) for place in places)
        super().__init__(name, f"template {name!r} is missing in {looked}; put it back or reinstall")


class _Loader(jinja2.ChoiceLoader):
    def __init__(self, places: list[Path]) -> None:
        super().__init__([jinja2.FileSystemLoader(place) for place in places])
        self._places = places

    def load(
        self,
        environment: jinja2.Environment,
        name: str,
        globals: "dict[str, object] | None" = None,  # type: ignore[override]
    ) -> jinja2.Template:
        try:
            return super().load(environment, name, globals)
        except jinja2.TemplateNotFound as missing:
            raise TemplateMissing(str(missing.name), self._places) from None


class _Compiled(jinja2.BytecodeCache):
    """What each file compiled to, for as long as the process lives: every language compiles to the same."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])  # unless the file has changed since

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environments(
    directory: Path = TEMPLATES, *, own: Path | None = None, zone: tzinfo = UTC
) -> dict[str, jinja2.Environment]:
    """A ready environment for each language: ``nl`` and ``en``.

    ``own`` is a directory that may replace single files. Moments are shown as dates in ``zone``.
    Templates named ``.html.j2`` escape; an unknown variable is an error. Raises TemplateMissing
    where the translations aren't there.
    """
    places = [directory] if own is None else [own, directory]
    return {language: _environment(language, places, zone) for language in LOCALES}


def _environment(language: str, places: list[Path], zone: tzinfo) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=_Loader(places),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_COMPILED,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        _translations(language, places), newstyle=True
    )
    environment.globals["language"] = language
    environment.globals["kept"] = kept = _keeping()
    environment.globals["each"] = partial(_each, kept)
    locale = Locale.parse(LOCALES[language])

    def day(value: date) -> date:
        return value.astimezone(zone).date() if isinstance(value, datetime) else value

    environment.filters |= {
        "long_date": lru_cache(lambda value: format_date(day(value), "full", locale)),
        "short_date": lru_cache(lambda value: format_date(day(value), "long", locale)),
        "number": lru_cache(lambda value: format_decimal(value, locale=locale)),
        "listing": lambda names: _listing(list(names), locale),
        "foreign": lambda tag: _foreign(tag, language),
        "marked": lambda name, tag: _marked(name, _foreign(tag, language)),
        "shorten": shorten,
        "host": host,
        "apart": _apart,
    }
    environment.tests["web_url"] = lambda url: bool(host(url))
    return environment


def _keeping() -> Callable[..., Markup]:
    """Gives what a macro makes of its arguments; the same again for the same, where one can tell."""

    @lru_cache(maxsize=2 * KEPT)
    def made(macro: Callable[..., Markup], *arguments: Hashable) -> Markup:
        return macro(*arguments)

    def kept(macro: Callable[..., Markup], *arguments: Any) -> Markup:
        try:
            hash(arguments)
        except TypeError:
            return macro(*arguments)
        return made(macro, *arguments)

    return kept


def _each(
    kept: Callable[..., Markup], macro: Callable[..., Markup], items: Iterable[Any], *arguments: Any
) -> Markup:
    """The same of each of the items, one after the other."""
    return Markup("".join([kept(macro, item, *arguments) for item in items]))  # noqa: S704 - escaped each


def _translations(language: str, places: list[Path]) -> NullTranslations:
    if language == _ORIGINAL:
        return NullTranslations()
    name = f"locale/{language}/LC_MESSAGES/kennisportal.po"
    path = next((place / name for place in places if (place / name).is_file()), None)
    if path is None:
        raise TemplateMissing(name, places)
    compiled = BytesIO()
    with path.open("rb") as texts:
        write_mo(compiled, read_po(texts, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def _apart(name: str) -> str:
    """A name that takes no number after it along where it is written right to left (UAX #9, W2 and N1)."""
    return f"{name}\u200e" if any(bidirectional(one) in ("R", "AL") for one in name) else name


def _foreign(tag: str, language: str) -> str:
    """The tag, where it is one and means another language than the reader's; else empty."""
    same = tag.partition("-")[0].lower() == language
    return "" if same or not _LANGUAGE_TAG.fullmatch(tag) else tag


def _marked(name: str, lang: str) -> Markup:
    """A name within a passage, marked as being in a language where it is another than the passage's."""
    return Markup('<span lang="{}">{}</span>').format(lang, name) if lang else escape(name)


def _listing(names: list[str], locale: Locale) -> str:
    """Names in a sentence; HTML where they are."""
    line = format_list(names, locale=locale)
    return Markup(line) if all(isinstance(name, Markup) for name in names) else line  # noqa: S704 - they are


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, cut after a word where there is one, and then ending in "…"."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    if not text[length - 1].isspace() and " " in cut:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip(" ,.;:–—-") + "…"


def host(url: str) -> str:
    """Where a web address leads, as a reader would say it; empty for anything that is none."""
    try:
        parts = urlsplit(url)
        name = parts.hostname or ""
    except ValueError:
        return ""
    spaced = any(character.isspace() for character in url)
    return name.removeprefix("www.") if parts.scheme in ("http", "https") and not spaced else ""
