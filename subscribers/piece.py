"""Pieces: the parts of a letter, rendered and their CSS inlined once for everybody who gets them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from css_inline import CSSInliner
from jinja2 import Environment
from markupsafe import escape

from subscribers.slot import CLOSE, OPEN, Slot, without_slots

SUBJECT_LENGTH = 120

_ROOM = "email/digest/"
_PIECES = ("body", "section", "item", "contents", "cut", "end", "rest")
_LINES = ("subject", "preheader", "intro", "themes", "reader")

# What no title or name needs, and what could break out of a header or turn a line around: controls
# (but for white space), surrogates, directional overrides, noncharacters.
_UNFIT = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Mark(StrEnum):
    """Where the frame, and pieces that lead elsewhere, take what differs from letter to letter."""

    SUBJECT = f"{OPEN}subject{CLOSE}"
    PREHEADER = f"{OPEN}preheader{CLOSE}"
    INTRO = f"{OPEN}intro{CLOSE}"
    CONTENTS = f"{OPEN}contents{CLOSE}"
    SECTIONS = f"{OPEN}sections{CLOSE}"
    REST = f"{OPEN}rest{CLOSE}"
    THEMES = f"{OPEN}themes{CLOSE}"
    WEB = f"{OPEN}web{CLOSE}"  # the URL of the letter on the web


_ANY_MARK = re.compile("|".join(Mark))


@dataclass(frozen=True, slots=True)
class Piece:
    """One part in both forms; ``size`` is that of the HTML in bytes."""

    html: str
    text: str
    size: int


class Press:
    """The templates of one language, and the pieces made with them so far.

    ``site`` is what every template knows of the sender. Raises when a template is missing.
    """

    def __init__(self, environment: Environment, site: object) -> None:
        self._site = site
        self._marked = environment.filters["marked"]
        self._pairs = {
            name: tuple(environment.get_template(f"{_ROOM}{name}.{form}.j2") for form in ("html", "txt"))
            for name in _PIECES
        }
        self._lines = {name: environment.get_template(f"{_ROOM}{name}.txt.j2") for name in _LINES}
        self._css = environment.get_template(f"{_ROOM}style.css.j2").render()
        self._inliner = CSSInliner(load_remote_stylesheets=False, minify_css=True)
        self._made: dict[tuple[str, object], Piece] = {}
        self.reader = self.line("reader")

    def kept(self, name: str, key: object) -> Piece | None:
        """The piece made before under this key."""
        return self._made.get((name, key))

    def piece(self, name: str, key: object, **context: object) -> Piece:
        """A piece, made at the first call for its key; the context must follow from the key."""
        if found := self.kept(name, key):
            return found
        html, text = self._render(name, context)
        return self._keep(name, key, self._inliner.inline_fragment(html, self._css), text)

    def frame(self, **context: object) -> Piece:
        """The letter around the pieces, with marks; its media queries stay a style sheet."""
        key = tuple(context.values())
        if found := self.kept("body", key):
            return found
        html, text = self._render("body", context | {"slot": Slot, "mark": Mark})
        return self._keep("body", key, self._inliner.inline(html), text)

    def line(self, name: str, **context: object) -> str:
        """One line of plain text."""
        return one_line(self._lines[name].render(context))

    def marked(self, name: str, tag: str) -> str:
        """A name as HTML, marked where it is in another language than the letter."""
        return str(self._marked(name, tag))

    def _render(self, name: str, context: Mapping[str, object]) -> tuple[str, str]:
        html, text = self._pairs[name]
        return html.render(context, site=self._site), text.render(context, site=self._site)

    def _keep(self, name: str, key: object, html: str, text: str) -> Piece:
        made = self._made[name, key] = Piece(html, text, len(html.encode()))
        return made


def put(frame: str, values: Mapping[Mark, str]) -> str:
    """The frame with every mark replaced."""
    return _ANY_MARK.sub(lambda found: values[Mark(found[0])], frame)


def lead(piece: Piece, web: str) -> Piece:
    """A piece that links to the letter on the web, with the letter's own address put in."""
    html = piece.html.replace(Mark.WEB, escape(web))
    return Piece(html, piece.text.replace(Mark.WEB, web), len(html.encode()))


def one_line(text: str) -> str:
    """Text from outside on one line, without controls and without anything that could be a slot."""
    return " ".join(without_slots(_UNFIT.sub("", text)).split())


def as_subject(line: str) -> str:
    """A line that fits a subject, and that no reader takes for an encoded word (RFC 2047 §2)."""
    return line.replace("=?", "= ?")[:SUBJECT_LENGTH].rstrip()
