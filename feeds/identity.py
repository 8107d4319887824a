"""Who is who: under which names an article is known, and the permanent one it gets from us."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from url_normalize import url_normalize

from feeds.address import PLAIN, untracked_query
from feeds.characters import one_line, shorten
from feeds.draft import Draft, Problem
from feeds.words import tokens

WORDS = 12
"""With fewer, two articles may well read the same."""
COMPARED = 20_000
"""Characters of each."""
MOVED = 3
"""So many articles that are known by nothing but their words are no chance."""

UNLIKE = (0.34, 0.15)
"""With a smaller part of their longer words in common, two titles and two texts are of different articles."""

_DIGITS = 40
_ENOUGH_WORDS = re.compile(rf"\W*+(?:\w++\W++){{{WORDS - 1}}}\w")


def canonical_url(url: str) -> str:
    """The address by which two links to the same page are known to be one.

    Scheme, host, port, path and percent-encoding as RFC 3986 §6 normalises them; without tracking
    parameters, and without the fragment unless it is a ``#!`` route. What is no address comes back
    as it was.
    """
    if PLAIN.fullmatch(url):
        page, _, query = url.partition("?")
        return f"{page}?{kept}" if query and (kept := untracked_query(query)) else page
    page, _, fragment = url.partition("#")
    try:
        normal = url_normalize(page) or page
        parts = urlsplit(normal)
    except (ValueError, UnicodeError):  # no host name, port or bracket we know of
        return url
    fragment = fragment if fragment.startswith("!") else ""
    return parts._replace(query=untracked_query(parts.query), fragment=fragment).geturl()


def tag_uri(authority: str, first_seen: date, *names: str) -> str:
    """A permanent id: ``tag:portal.example,2026-11-24:…`` (RFC 4151), the same for the same arguments.

    ``authority`` is the portal's host, whose holder on that day we are; a port is left off.
    """
    return f"tag:{_authority(authority)},{first_seen.isoformat()}:{_hash(*names)}"


@lru_cache
def _authority(authority: str) -> str:
    host = urlsplit(f"//{authority}").hostname or authority
    return host.encode("idna").decode("ascii").lower()


def aliases(draft: Draft, source_name: str) -> tuple[str, ...]:
    """The names under which an article is known, the strongest first; each at most 100 characters.

    The source's own id for it, and its address: by either it is found again when the other changes.
    http and https, and addresses that differ in tracking only, count as one. When a source moves to
    another host, its paths and titles are still the same, but for a slash at their end.
    """
    canonical = canonical_url(draft.url)
    path, *others = _at_its_host(canonical)
    return (
        f"guid:{source_name[:40]}:{_hash(source_name, draft.key)}",
        _address_alias(canonical),
        _page_alias(draft, source_name, path.rstrip("/") or "/", *others),
    )


def former_aliases(draft: Draft, source_name: str) -> tuple[str, ...]:
    """Names from when a slash at the end made another page: by these, too, it is found, and gets no more."""
    path, *others = _at_its_host(canonical_url(draft.url))
    ends = [path] if path.rstrip("/") and path.endswith("/") else []
    return tuple(_page_alias(draft, source_name, end, *others) for end in ends)


def _page_alias(draft: Draft, source_name: str, *place: str) -> str:
    return f"page:{source_name[:40]}:{_hash(source_name, *place, draft.title.casefold())}"


def _at_its_host(address: str) -> tuple[str, str, str]:
    """The path, the query and the fragment of an address."""
    if PLAIN.fullmatch(address):
        page, _, query = address.partition("?")
        return page[page.index("/", len("https://")) :], query, ""
    parts = urlsplit(address)
    return parts.path, parts.query, parts.fragment


def text_alias(draft: Draft, source_name: str, fingerprint: str) -> str | None:
    """The name an article has by its words; None where they are too few to tell it from others."""
    if not _ENOUGH_WORDS.match(f"{draft.title} {draft.summary} {draft.content}"):
        return None
    return f"text:{source_name[:40]}:{_hash(source_name, fingerprint)}"


def address_alias(url: str) -> str:
    """The name an article has by its address, as somebody may have copied it from anywhere."""
    return _address_alias(canonical_url(url))


def _address_alias(canonical: str) -> str:
    return f"url:{_hash(canonical.partition('://')[2] or canonical)}"


def distinct(drafts: Iterable[Draft], problems: list[Problem]) -> list[Draft]:
    """Each key once. Where a source gives different pages one id, the page's address is the key.

    Addresses that differ in scheme or tracking only are of one page: it is the same entry, shown twice.
    """
    drafts = list(drafts)
    times = Counter(draft.key for draft in drafts)
    pages: dict[str, set[str]] = {}
    for draft in drafts:
        if times[draft.key] > 1:
            pages.setdefault(draft.key, set()).add(_place(draft.url))
    shared = {key: times[key] for key, places in pages.items() if len(places) > 1}
    for key, number in shared.items():
        why = f"{number} entries share this id; their links serve as ids"
        problems.append(Problem(shorten(one_line(key), 200), why, lost=False))
    found: dict[str, Draft] = {}
    at: dict[str, str] = {}
    for draft in drafts:
        key = draft.key
        if key in shared:
            key = at.setdefault(_place(draft.url), draft.url) or key
        if (same := found.get(key)) is not None and unlike(_words_of(same), _words_of(draft)):
            key = f"{key} {draft.title}"
            why = f"two articles share this id and this link; {draft.title!r} is known by its title as well"
            problems.append(
                Problem(shorten(one_line(draft.key), 200), shorten(one_line(why), 200), lost=False)
            )
        found.setdefault(key, draft if key == draft.key else replace(draft, key=key))
    return list(found.values())


def _place(url: str) -> str:
    """Where on a page an entry is, the same however its address is written."""
    page, mark, fragment = url.partition("#")
    canonical = canonical_url(page)
    return f"{canonical.partition('://')[2] or canonical}{mark}{fragment}"


def unlike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two articles, each a title and a text, have so little in common that neither is the other.

    Where there is too little to go by they are not.
    """
    return all(
        _in_common(mine, theirs) < least for mine, theirs, least in zip(one, other, UNLIKE, strict=True)
    )


def shared_addresses(urls: Iterable[str]) -> set[str]:
    """The aliases of those addresses of a source's entries that are not of one article alone.

    Those are front pages, and whatever the source gives to several of its entries.
    """
    canonical = [canonical_url(url) for url in urls]
    names = [_address_alias(url) for url in canonical]
    times = Counter(names)
    return {
        name for name, url in zip(names, canonical, strict=True) if times[name] > 1 or _is_front_page(url)
    }


def _is_front_page(canonical: str) -> bool:
    path, query, fragment = _at_its_host(canonical)
    return path in ("", "/") and not query and not fragment


def recognise(
    sightings: Sequence[Sequence[str]],
    known: Mapping[str, int],
    own: Callable[[int], Collection[str]],
    may_be: Callable[[int, int], bool],
) -> list[int | None]:
    """Which known article each of a source's sightings is, given their aliases; None for new ones.

    What two of its id, its address, and its path with title agree on goes first, then stronger aliases over
    all sightings; and no article is taken twice: where a source links all its entries to one page, an entry
    with an id of its own is still an article of its own. Of several that an article is known by, such as
    after a merge, the one with its ``own`` names goes first, and then the one with its id. The id or the
    address alone counts only where the sighting at that place ``may_be`` the article; so do both, where path
    and title are those of another.
    """
    found: list[int | None] = [None] * len(sightings)
    by_id = [known.get(names[0]) for names in sightings]
    agreed = [_agreed(names, known, own) for names in sightings]
    claimed = [id if article is None else article for id, article in zip(by_id, agreed, strict=True)]
    order = list(range(len(sightings)))

    def rank(place: int) -> tuple[bool, bool]:
        article = claimed[place]
        return article is None or not {*own(article)} & {*sightings[place]}, article != by_id[place]

    if any(times > 1 for article, times in Counter(claimed).items() if article is not None):
        order.sort(key=rank)
    taken: set[int] = set()
    for place in order:
        article = agreed[place]
        if article is not None and article not in taken:
            found[place] = article
            taken.add(article)
    for strength in range(max(map(len, sightings), default=0)):
        for place in order:
            names = sightings[place]
            article = known.get(names[strength]) if strength < len(names) else None
            if found[place] is not None or article is None or article == agreed[place]:
                continue
            if strength < 2 and not may_be(place, article):
                continue
            if article not in taken:
                found[place] = article
                taken.add(article)
    return found


def _agreed(
    names: Sequence[str], known: Mapping[str, int], own: Callable[[int], Collection[str]]
) -> int | None:
    """The article that two of a sighting's id, address, and path with title are names of.

    The last tells apart what shares both of the others, in whichever order and company it is shown; so they
    do not agree on one article where it is a name of another. Of articles that share it, it is a name of the
    first alone: one that has it as well is known by its id.
    """
    id, address, page = (known.get(name) for name in names[:3])
    if page is None:
        return id if id == address else None
    if id is not None and id != page and names[2] in own(id):
        return id
    return page if page in (id, address) else None


def recognise_texts(
    sightings: Sequence[Sequence[str]],
    texts: Sequence[str | None],
    dates: Sequence[datetime | None],
    found: Sequence[int | None],
    known: Mapping[str, int],
    published: Mapping[int, datetime],
) -> list[int | None]:
    """As ``found`` for these sightings, and with the articles that are known by their words alone.

    The same words may be a notice that is given every week. So they count where a source has made all
    its ids and addresses anew, as when it moves to other software; or where the date is the same too.
    """
    alike = [
        None if text is None or article is not None else known.get(text)
        for text, article in zip(texts, found, strict=True)
    ]
    stayed = any(name in known for names in sightings for name in names[:2])
    moved = not stayed and sum(article is not None for article in alike) >= MOVED
    result = list(found)
    taken = {article for article in found if article is not None}
    of_its_day = [
        place
        for place, article in enumerate(alike)
        if article is not None and dates[place] is not None and published.get(article) == dates[place]
    ]
    # Of a notice that was given every week, the one of its own day goes first.
    for place in (*of_its_day, *(range(len(alike)) if moved else ())):
        article = alike[place]
        if article is not None and article not in taken:
            result[place] = article
            taken.add(article)
    return result


def _words_of(draft: Draft) -> tuple[str, str]:
    return draft.title, f"{draft.title} {draft.summary} {draft.text or draft.content}"


def _in_common(one: str, other: str) -> float:
    mine, theirs = ({word for word in tokens(text[:COMPARED]) if len(word) > 3} for text in (one, other))
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 1.0


def _hash(*names: str) -> str:
    # Each name with its length before it, so that no two lists of names read the same.
    joined = "".join([f"{len(name)}:{name}" for name in names])
    return sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
