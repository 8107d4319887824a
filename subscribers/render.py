"""Rendering: a digest becomes a letter, with slots still in it for what is personal.

    digest ─▶ sections ─▶ what fits ─▶ pieces, rendered and inlined once ─▶ put in the frame ─▶ letter

An edition has thousands of letters made of the same few hundred articles. So what takes time is done
once per piece (``subscribers.piece``), and a letter is joined from pieces.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from textwrap import fill as wrap

from jinja2 import Environment
from markupsafe import escape

from feeds.article import Article
from feeds.log import Kind
from feeds.theme import ThemeTree
from subscribers.digest import Digest, Item
from subscribers.piece import Mark, Piece, Press, as_subject, lead, one_line, put
from subscribers.slot import Slot
from subscribers.webedition import anchor

BUDGET = 100_000
"""Bytes of HTML a letter stays under, slots filled: past 102 kB Gmail hides what follows."""

CONTENTS_FROM = 3
"""Sections from which a letter gets a table of contents; fewer are seen at a glance."""

_LOOSE = 5_000  # bytes of the budget for what is no piece: title, preheader, intro, the frame's filled slots
_PREFERENCES = len("/preferences/") + 64  # bytes of a link to them past the site's address; see Tokens.sign
_NEXT = 3  # titles in the preheader


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: ``base_url`` is the site's; ``postal_address`` may have several lines.

    ``language`` is the site's own, which its themes have their names in.
    """

    name: str
    base_url: str
    postal_address: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What everybody in a segment gets, with ``Slot`` marks in ``text`` and ``html``."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Section:
    theme: str
    items: tuple[Item, ...]
    shown: list[Piece] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        return len(self.items) - len(self.shown)


class Renderer:
    """Writes the letters of one edition. It keeps every piece it made, so let it go with the edition.

    ``environments`` are per language, see ``pipeline.edges.templates``. A template that is missing
    raises here, before anything is sent.
    """

    def __init__(self, environments: Mapping[str, Environment], sender: Sender, tree: ThemeTree) -> None:
        self._site = Sender(
            one_line(sender.name),
            one_line(sender.base_url).rstrip("/"),
            "\n".join(one_line(line) for line in sender.postal_address.splitlines()),
            sender.language,
        )
        self._presses = {
            language: Press(environment, self._site) for language, environment in environments.items()
        }
        self._names = {theme.slug: one_line(theme.name) for theme in tree}

    def greeting_name(self, name: str, language: str) -> str:
        """What fills ``Slot.GREETING_NAME``: the name, or the word for a reader who gave none."""
        return one_line(name) or self._presses[language].reader

    def letter(
        self,
        digest: Digest,
        articles: Mapping[int, Article],
        *,
        frequency: str,
        day: date,
        language: str,
        web_url: str,
    ) -> Letter:
        """The letter for everybody with this digest. ``articles`` holds at least those in it.

        ``language`` is a key of the environments. Sections take turns until the budget is used,
        and the text has the same ones; all of them are at ``web_url``. Raises ValueError for an empty
        digest, which is no letter.
        """
        if not digest:
            raise ValueError("an empty digest makes no letter; leave its readers out of the edition")
        press = self._presses[language]
        sections = [_Section(theme, tuple(run)) for theme, run in groupby(digest, lambda item: item.theme)]
        listed = len(sections) >= CONTENTS_FROM
        frame = press.frame(frequency=frequency, day=day, contents=listed)
        web = one_line(web_url)
        link = len(escape(web).encode())
        opened = self._fit(press, sections, articles, BUDGET - _LOOSE - frame.size, link)
        left_out = len(digest) - sum(len(section.shown) for section in opened)
        pieces = {
            Mark.CONTENTS: [self._heading(press, "contents", section) for section in opened if listed],
            Mark.SECTIONS: [piece for section in opened for piece in self._body(press, section, web)],
            Mark.REST: [lead(self._rest(press, left_out), web)] if left_out else [],
        }
        names = [self._name(section.theme) for section in opened]
        marked = [press.marked(name, self._site.language) for name in names]
        lines = self._lines(press, digest, articles, names) | {Mark.WEB: web}
        return Letter(
            lines[Mark.SUBJECT],
            put(
                frame.text,
                lines
                | {mark: wrap(lines[mark], 72, break_long_words=False) for mark in (Mark.INTRO, Mark.THEMES)}
                | {mark: "".join(piece.text for piece in made) for mark, made in pieces.items()},
            ),
            put(
                frame.html,
                {mark: str(escape(line)) for mark, line in lines.items()}
                | {Mark.THEMES: press.line("themes", names=marked)}
                | {mark: "".join(piece.html for piece in made) for mark, made in pieces.items()},
            ),
        )

    def _fit(
        self,
        press: Press,
        sections: list[_Section],
        articles: Mapping[int, Article],
        room: int,
        link: int,
    ) -> list[_Section]:
        """The sections that get a heading, each with the items that fit.

        Headings and the lines on what was cut are set aside first, so that every theme is at least
        named; but for no more than half the room, however many themes there are. ``link`` is the size
        of the URL that those lines lead to, and the frame. Each section also ends in a link to the
        reader's preferences, which is filled in later.
        """
        own = len(escape(self._site.base_url).encode()) + _PREFERENCES
        room -= self._rest(press, len(articles)).size + 2 * link
        opened: list[_Section] = []
        aside = 0
        for section in sections:
            made = [self._heading(press, name, section) for name in ("section", "contents")]
            made += self._cut(press, section), self._end(press, section)
            name = len(press.marked(self._name(section.theme), self._site.language).encode())
            aside += sum(piece.size for piece in made) + name + link + own
            if opened and aside > room // 2:
                break
            opened.append(section)
        room -= aside
        # By turns, so that a long section leaves something for those after it.
        for place in range(max(len(section.items) for section in opened)):
            for section in opened:
                if place >= len(section.items):
                    continue
                piece = self._item(press, section.items[place], articles)
                if piece.size > room:
                    return opened
                room -= piece.size
                section.shown.append(piece)
        return opened

    def _lines(
        self, press: Press, digest: Digest, articles: Mapping[int, Article], names: list[str]
    ) -> dict[Mark, str]:
        """What is a letter's own, as text. It is named after its first new article, or else its first."""
        top = next((item for item in digest if item.kind is Kind.NEW), digest[0])
        following = [item for item in digest if item is not top][:_NEXT]
        updated = sum(item.kind is Kind.UPDATED for item in digest)
        return {
            Mark.SUBJECT: as_subject(
                press.line(
                    "subject",
                    title=as_subject(_title(articles[top.article])),
                    updated=top.kind is Kind.UPDATED,
                    others=len(digest) - 1,
                )
            ),
            Mark.PREHEADER: press.line(
                "preheader",
                titles=[_title(articles[item.article]) for item in following],
                summary=one_line(articles[top.article].summary),
            ),
            Mark.INTRO: press.line("intro", fresh=len(digest) - updated, updated=updated),
            Mark.THEMES: press.line("themes", names=names),
        }

    def _body(self, press: Press, section: _Section, web: str) -> Iterator[Piece]:
        yield self._heading(press, "section", section)
        yield from section.shown
        if section.left_out:
            yield lead(self._cut(press, section), web)
        yield self._end(press, section)

    def _heading(self, press: Press, name: str, section: _Section) -> Piece:
        count = len(section.items)
        return press.piece(name, (section.theme, count), theme=self._name(section.theme), count=count)

    def _cut(self, press: Press, section: _Section) -> Piece:
        theme, count = section.theme, section.left_out
        url = f"{Mark.WEB}#{anchor(theme)}"
        return press.piece("cut", (theme, count), theme=self._name(theme), url=url, count=count)

    def _end(self, press: Press, section: _Section) -> Piece:
        theme = section.theme
        return press.piece("end", theme, theme=self._name(theme), url=f"{Slot.PREFERENCES}?without={theme}")

    def _rest(self, press: Press, count: int) -> Piece:
        return press.piece("rest", count, url=str(Mark.WEB), count=count)

    def _item(self, press: Press, item: Item, articles: Mapping[int, Article]) -> Piece:
        key = (item.article, item.kind, item.also)
        if found := press.kept("item", key):
            return found
        article = articles[item.article]
        return press.piece(
            "item",
            key,
            title=_title(article),
            url=one_line(article.url),
            summary=one_line(article.summary),
            author=one_line(article.author),
            change=one_line(article.change),
            published=article.published,
            tag=article.language,
            updated=item.kind is Kind.UPDATED,
            featured=article.pinned,
            also=[self._name(slug) for slug in item.also],
        )

    def _name(self, theme: str) -> str:
        return self._names.get(theme) or one_line(theme)


def _title(article: Article) -> str:
    return one_line(article.title) or one_line(article.url)
