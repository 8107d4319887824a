"""Made-up publishers: what they publish, the documents that say so, and a door that gives these out.

A piece is a real article at one publisher, as it is now. What an article is known by (its id there, its
address, its title, its words, its date) and what it says change one by one, as rules of a test want it.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from html import escape
from itertools import pairwise
from random import Random
from urllib.parse import parse_qs, urlsplit

from feeds.source import (
    FolderRequest,
    HttpRequest,
    NotModified,
    Payload,
    Request,
    Source,
    SourceError,
    Validators,
)
from feeds.weight import VERSIONS

KINDS = ("rss", "atom", "json", "wordpress", "sitemap", "folder")
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvwz" for vowel in "aeiou"]


@cache
def made_up(seed: str, number: int) -> tuple[str, ...]:
    """Words that no other seed has."""
    random = Random(seed)
    return tuple("".join(random.choices(_SYLLABLES, k=random.choice((3, 4)))) for _ in range(number))


@dataclass(frozen=True)
class Piece:
    """``root`` is the article that it is, whoever shows it; ``guid`` and ``path`` are the publisher's."""

    root: int
    guid: str
    host: str
    path: str
    date: datetime
    changed: datetime
    title: str
    length: int
    figure: int = 3
    name: str = "Jansen"
    negated: bool = False
    paragraphs: int = 0
    slip: bool = False
    style: int = 0
    own_link: bool = True
    """Whether the link is to the publisher's own site; a copy's is to the original."""

    @property
    def address(self) -> str:
        return f"{self.host}{self.path}"

    @property
    def page(self) -> tuple[str, str]:
        return self.path, self.title

    @property
    def meaning(self) -> tuple[object, ...]:
        return self.title, self.root, self.figure, self.name, self.negated, self.paragraphs

    @property
    def wording(self) -> tuple[object, ...]:
        return *self.meaning, self.slip

    def text(self) -> list[str]:
        """Its paragraphs, in HTML."""
        words = list(made_up(f"text {self.root}", self.length))
        if self.slip:
            words[2] = f"{words[2][:3]}x{words[2][3:]}"
        if self.style == 1:
            words[4] = words[4].upper()
        if self.style == 2:
            words[5] = f"<em>{words[5]}</em>"
        if self.style == 3:
            words[6] = f"{words[6]},"
        words[9:9] = ["kost", "niet" if self.negated else "", str(self.figure), "euro", "aan", self.name]
        parts = [" ".join(filter(None, words)) + "."]
        parts += [
            " ".join(made_up(f"{self.root} {n}", 12)).capitalize() + "." for n in range(self.paragraphs)
        ]
        return [f"<p>{part}</p>" for part in parts]


@dataclass
class Publisher:
    """``shown`` are the roots in its document, the first one first; ``pieces`` are all it ever had.

    ``fault`` is what goes wrong with the next answers: nothing where it is "".
    """

    name: str
    kind: str
    scheme: str = "https"
    host: str = ""
    tracking: str = ""
    dateless: bool = False
    fault: str = ""
    cut: float = 1.0
    pieces: dict[int, Piece] = field(default_factory=dict)
    shown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.host = f"{self.name}.example"

    @property
    def source(self) -> Source:
        kind = self.kind if self.kind in ("wordpress", "sitemap", "folder") else "feed"
        return Source(
            name=self.name,
            kind=kind,
            url="" if kind == "folder" else f"https://{self.name}.example/begin",
            path=self.name if kind == "folder" else "",
            themes=["nieuws"],
        )

    @property
    def offered(self) -> list[Piece]:
        return [self.pieces[root] for root in self.shown]

    def url(self, piece: Piece) -> str:
        return f"{self.scheme}://{piece.address}{self.tracking}"

    def date(self, piece: Piece) -> datetime | None:
        return None if self.dateless else piece.date

    def files(self) -> dict[str, bytes]:
        """The documents of a folder."""
        return {f"{piece.guid}.html": _file(self, piece) for piece in self.offered}

    def document(self) -> tuple[bytes, list[int]]:
        """A feed or a sitemap, and where in it each entry ends."""
        head, ends, tail = _FRAMES[self.kind]
        entry = {"rss": _item, "atom": _entry, "json": _json_item, "sitemap": _listed}[self.kind]
        body, places = head, []
        for number, piece in enumerate(self.offered):
            body += ends * bool(number) + entry(self, piece)
            places.append(len(body.encode()))
        return (body + tail).encode(), places


def _item(publisher: Publisher, piece: Piece) -> str:
    date = publisher.date(piece)
    dated = f"<pubDate>{format_datetime(date)}</pubDate>" if date else ""
    return (
        f"<item><guid isPermaLink='false'>{piece.guid}</guid><link>{escape(publisher.url(piece))}</link>"
        f"<title>{piece.title}</title>{dated}"
        f"<description>{escape(''.join(piece.text()))}</description></item>"
    )


def _entry(publisher: Publisher, piece: Piece) -> str:
    date = publisher.date(piece)
    dated = f"<published>{date.isoformat()}</published>" if date else ""
    return (
        f"<entry><id>{piece.guid}</id><link href='{escape(publisher.url(piece))}'/>"
        f"<title>{piece.title}</title>{dated}"
        f"<content type='html'>{escape(''.join(piece.text()))}</content></entry>"
    )


def _json_item(publisher: Publisher, piece: Piece) -> str:
    date = publisher.date(piece)
    dated = {"date_published": date.isoformat()} if date else {}
    said = {"id": piece.guid, "url": publisher.url(piece), "title": piece.title, **dated}
    return json.dumps(said | {"content_html": "".join(piece.text())})


def _listed(publisher: Publisher, piece: Piece) -> str:
    return (
        f"<url><loc>{escape(publisher.url(piece))}</loc><lastmod>{piece.changed.isoformat()}</lastmod></url>"
    )


def _file(publisher: Publisher, piece: Piece) -> bytes:
    date = publisher.date(piece)
    dated = f"date: {date.isoformat()}\n" if date else ""
    head = f"---\ntitle: '{piece.title}'\nurl: '{publisher.url(piece)}'\n{dated}---\n"
    return f"{head}<main>{''.join(piece.text())}</main>".encode()


def page(publisher: Publisher, piece: Piece) -> bytes:
    date = publisher.date(piece)
    dated = f'<meta property="article:published_time" content="{date.isoformat()}">' if date else ""
    return (
        f'<html lang="nl"><head><title>{piece.title}</title>{dated}</head><body><article>'
        f"<h1>{piece.title}</h1>{''.join(piece.text())}</article></body></html>"
    ).encode()


_FRAMES = {
    "rss": (
        "<rss version='2.0'><channel><title>Nieuws</title><language>nl</language>",
        "",
        "</channel></rss>",
    ),
    "atom": ("<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='nl'><title>Nieuws</title>", "", "</feed>"),
    "json": (
        '{"version": "https://jsonfeed.org/version/1.1", "title": "Nieuws", "language": "nl", "items": [',
        ", ",
        "]}",
    ),
    "sitemap": ("<urlset>", "", "</urlset>"),
}


class Door:
    """What the collector fetches through. ``served`` are the pieces that each source was given, in order."""

    def __init__(self) -> None:
        self.publishers: dict[str, Publisher] = {}
        self.served: dict[str, list[Piece]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[[Request], object]]:
        async def fetch(request: Request) -> Payload | NotModified:
            if isinstance(request, FolderRequest):
                return self._folder(self.publishers[request.path])
            parts = urlsplit(request.url)
            for publisher in self.publishers.values():
                if parts.hostname == f"{publisher.name}.example" and parts.path.startswith("/begin"):
                    return self._begin(publisher, request)
            return self._page(request)

        yield fetch

    def _serve(self, publisher: Publisher, pieces: Sequence[Piece]) -> None:
        self.served.setdefault(publisher.name, []).extend(pieces)

    def _folder(self, publisher: Publisher) -> Payload:
        if publisher.fault:
            raise SourceError("it is not mounted")
        self._serve(publisher, sorted(publisher.offered, key=lambda piece: f"{piece.guid}.html"))
        return Payload(publisher.files())

    def _begin(self, publisher: Publisher, request: HttpRequest) -> Payload | NotModified:
        if publisher.fault == "away":
            raise SourceError("it is away", status=503)
        if publisher.kind == "wordpress":
            return self._posts(publisher, request)
        whole, ends = publisher.document()
        validators = Validators(etag=sha256(whole).hexdigest())
        if request.validators == validators:
            return NotModified()
        document = whole[: round(len(whole) * publisher.cut)] if publisher.fault == "cut" else whole
        if publisher.kind != "sitemap":
            self._serve(
                publisher,
                [piece for piece, end in zip(publisher.offered, ends, strict=True) if end <= len(document)],
            )
        # What broke off on its way is said to be what it should have been.
        base = f"{publisher.scheme}://{publisher.host}/begin"
        return Payload({request.url: document}, base=base, validators=validators)

    def _posts(self, publisher: Publisher, request: HttpRequest) -> Payload:
        """As the API of WordPress answers."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}
        posts = publisher.offered
        if after := asked.get("modified_after"):
            posts = [piece for piece in posts if _local(piece.changed) > after]
        if after := asked.get("after"):
            posts = [piece for piece in posts if _local(piece.date) > after]
        by_change = asked["orderby"] == "modified"
        posts.sort(
            key=lambda piece: piece.changed if by_change else piece.date, reverse=asked["order"] == "desc"
        )
        if asked["page"] != "1":
            posts = []
        told = [
            {
                "id": piece.root + 1,
                "link": publisher.url(piece),
                "guid": {"rendered": piece.guid},
                "date_gmt": None if publisher.dateless else _local(piece.date),
                "modified": _local(piece.changed),
                "title": {"rendered": piece.title},
                "content": {"rendered": "".join(piece.text())},
            }
            for piece in posts
        ]
        document = json.dumps(told).encode()
        if publisher.fault == "cut":
            document = document[:-1]
        else:
            self._serve(publisher, posts)
        return Payload({request.url: document}, base=request.url)

    def _page(self, request: HttpRequest) -> Payload:
        for publisher in self.publishers.values():
            for piece in publisher.offered if publisher.kind == "sitemap" else ():
                if publisher.url(piece) == request.url:
                    self._serve(publisher, [piece])
                    return Payload({request.url: page(publisher, piece)}, base=request.url)
        raise SourceError("there is nothing there", status=404)


def _local(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def fresh(publisher: Publisher, root: int, now: datetime) -> Piece:
    """A new article of a publisher, two hours old."""
    title = " ".join(made_up(f"titel {root}", 4)).capitalize()
    return Piece(
        root,
        guid=f"{publisher.name}-{root}",
        host=publisher.host,
        path=f"/nieuws/{root}",
        date=now - timedelta(hours=2),
        changed=now,
        title=title,
        length=Random(root).randint(34, 90),
    )


def copied(publisher: Publisher, piece: Piece, now: datetime) -> Piece:
    """Another publisher's piece as this one tells of it, with a link to the original."""
    return replace(piece, guid=f"{publisher.name}-kopie-{piece.root}", changed=now, own_link=False)


@dataclass(eq=False)
class Known:
    """An article as its readers know it: what it last said, and what was told of it."""

    source: str
    piece: Piece
    date: datetime | None
    versions: list[tuple[object, ...]]
    updates: int = 0
    visible: bool = True
    kept_out: bool = False
    id: int = 0
    uri: str = ""
    addresses: set[str] = field(default_factory=set)
    wordings: set[tuple[object, ...]] = field(default_factory=set)

    @property
    def went(self) -> bool:
        """Whether its source took it out, and no editor."""
        return not self.visible and not self.kept_out

    def says(self, piece: Piece) -> None:
        """Take in what its source shows of it now, and count it where that is news."""
        before, after = self.piece.wording, piece.wording
        if self.visible and before != after:
            # What changed while nobody could see it is no step that anybody was told of.
            versions = self.versions if self.versions[-1] == before else [*self.versions, before]
            self.updates += before[:-1] != after[:-1] and (before, after) not in pairwise(versions)
            self.versions = [*versions, after][-VERSIONS:]
        self.piece = piece
