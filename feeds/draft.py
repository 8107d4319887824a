"""A draft: what a source offers as an article, before it is one; and what was wrong with it."""

from dataclasses import dataclass
from datetime import datetime

TITLE_LENGTH = 500
URL_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Sound, film or a document that belongs to an article; ``length`` is in bytes, 0 where unknown."""

    url: str
    type: str = ""
    length: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """What a source says about one article, before anybody decided which article it is.

    ``key`` is the source's own name for it (RSS ``guid``, Atom ``id``, a file's path). Text fields
    are as the source gave them until ``feeds.normalise`` has made them fit to publish; it also makes
    ``text``, the content without its markup.
    """

    key: str
    url: str
    title: str
    summary: str = ""
    content: str = ""
    author: str = ""
    language: str = ""
    categories: tuple[str, ...] = ()
    published: datetime | None = None
    image: str = ""
    enclosures: tuple[Enclosure, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a source got wrong: ``what`` it concerns, ``why``, and what was done about it.

    ``lost`` tells whether the article was left out; otherwise it was kept with what could be saved.
    """

    what: str
    why: str
    lost: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"
