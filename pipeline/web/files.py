"""What is published, as it stands in ``[publish] directory``: conditional GET, and nothing outside it."""

import os
import re
import stat
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from feeds.formats import FORMATS
from feeds.theme import ThemeTree
from pipeline.edges.compress import ENCODINGS
from pipeline.ports import Start
from pipeline.ports_publishing import PublishWork
from pipeline.steps.publish import MANIFEST

_PAGE = "text/html; charset=utf-8"
_TYPES = {
    **{kind.extension: f"{kind.media_type}; charset=utf-8" for kind in FORMATS.values()},
    "opml": "text/x-opml; charset=utf-8",
}
_AGE = "public, max-age=300"
_SHARED = {"Access-Control-Allow-Origin": "*"}
"""Of feeds, which are there to be read from anywhere, by pages of other sites as well."""
_RANGE = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*")


class Files:
    """Any other web server could serve the same files; see the docs.

    ``hub`` is the WebSub hub that feeds name, also in a header; empty for none. What was published once is
    answered by where it is now, or by 410 where it is gone.
    """

    def __init__(
        self, directory: Path, *, base_url: str, hub: str, tree: ThemeTree, read: Start[PublishWork]
    ) -> None:
        self._directory = directory.resolve()
        self._root = str(self._directory)
        self._base_url = base_url
        self._hub = hub
        self._tree = tree
        self._read = read

    # Not in threads: what is asked for again and again is answered from a few looks at the disk.

    async def front_page(self, request: Request) -> Response:
        return self._answer(request, "index.html", _PAGE)

    async def other(self, request: Request) -> Response:
        """``/feeds/SLUG.EXTENSION``, ``/themes/SLUG``, and whatever else stands there: feeds and pages."""
        name = request.path_params["path"]
        media_type = _TYPES.get(name.rpartition(".")[2])
        if name == MANIFEST:
            media_type = "application/json"
        elif name.startswith("feeds/") and name.endswith(".html"):
            media_type = _PAGE
        try:
            return self._answer(request, name if media_type else f"{name}.html", media_type or _PAGE)
        except HTTPException:
            return await run_in_threadpool(self._moved_or_gone, name)

    def _answer(self, request: Request, name: str, media_type: str) -> Response:
        try:
            encoding, path, status, tag = self._form(request.headers, name)
        except FileNotFoundError:  # its build was cleared away, after two others, since the link was read
            encoding, path, status, tag = self._form(request.headers, name)
        headers = {
            "Cache-Control": _AGE,
            "ETag": tag,
            "Last-Modified": _http_date(int(status.st_mtime)),
            "Vary": "Accept-Encoding",
        }
        if name.startswith("feeds/"):
            headers |= _SHARED
            if self._hub and name.rpartition(".")[2] in FORMATS:
                headers["Link"] = f'<{self._hub}>; rel="hub", <{self._base_url}/{name}>; rel="self"'
            if name.endswith(".html"):
                headers["X-Robots-Tag"] = "noindex"
        if is_not_modified(request.headers, headers["ETag"], headers["Last-Modified"]):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["Content-Encoding"] = encoding
        _leave_out_odd_ranges(request)
        # Opened by its real name: should the build be replaced meanwhile, this one stays whole.
        return FileResponse(path, headers=headers, stat_result=status, media_type=media_type)

    def _form(self, asked: Headers, name: str) -> tuple[str, str, os.stat_result, str]:
        """The form of a document that the reader likes best: its encoding, its file, and its tag."""
        encoding, path, status = _negotiated(asked, *self._find(name))
        return encoding, path, status, _etag(path, status.st_size, status.st_mtime_ns)

    def _find(self, name: str) -> tuple[str, os.stat_result]:
        """The file behind a public name. HTTPException 404 for anything else, hidden files included."""
        if any(part.startswith(".") or not part for part in name.split("/")) or "\0" in name:
            raise HTTPException(404)
        try:
            path = os.path.realpath(f"{self._root}/{name}", strict=True)
            status = os.stat(path)  # noqa: PTH116 - asked for by every reader every hour
        except (OSError, ValueError):
            raise HTTPException(404) from None
        if not stat.S_ISREG(status.st_mode) or not path.startswith(f"{self._root}/"):
            raise HTTPException(404)
        return path, status

    def _moved_or_gone(self, name: str) -> Response:
        """A theme's documents may have been here under another slug, or be no more."""
        folder, _, rest = name.partition("/")
        slug = re.split(r"[./]", rest, maxsplit=1)[0]
        if folder not in ("feeds", "themes") or slug in self._tree:
            raise HTTPException(404)
        if (now := self._tree.current(slug)) != slug:
            # The new theme's archives are not those of the old one: both begin at the current document.
            extension = f".{rest.rpartition('.')[2]}" if "." in rest else ""
            # By default browsers keep it for good, and a theme may get an old slug back.
            headers = {"Cache-Control": _AGE} | (_SHARED if folder == "feeds" else {})
            return RedirectResponse(f"{self._base_url}/{folder}/{now}{extension}", 301, headers)
        with self._read() as work:
            if slug in work.publication.retired():
                raise HTTPException(410)
        raise HTTPException(404)


def is_not_modified(asked: Headers, etag: str, last_modified: str) -> bool:
    """Whether the reader has it already (RFC 9110 §13.1): by its tag; by its date where no tag is given."""
    if tags := asked.get("if-none-match"):
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    since = asked.get("if-modified-since")
    if not since:
        return False
    return since == last_modified or _is_later(since, last_modified)


def _negotiated(asked: Headers, path: str, status: os.stat_result) -> tuple[str, str, os.stat_result]:
    """The form of a file that the reader likes best, with its encoding: "" for the plain one."""
    for encoding in preferred(asked.get("accept-encoding", "")):
        try:
            form = path + ENCODINGS[encoding]
            return encoding, form, os.stat(form)  # noqa: PTH116
        except OSError:
            continue
    return "", path, status


@lru_cache(maxsize=256)
def preferred(header: str) -> tuple[str, ...]:
    """Our encodings that an Accept-Encoding header (RFC 9110 §12.5.3) likes better than none, the best first.

    Between those it likes alike, and between one and none, ours decides: the smaller one.
    """
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        _, _, weight = parameters.partition("q=")
        try:
            weights[name.strip()] = float(weight.strip()) if weight.strip() else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    liked = {name: weights.get(name, weights.get("*", 0.0)) for name in ENCODINGS}
    plain = weights.get("identity", 0.0)
    fit = [name for name in ENCODINGS if liked[name] > 0 and liked[name] >= plain]
    return tuple(sorted(fit, key=lambda name: -liked[name]))


def _leave_out_odd_ranges(request: Request) -> None:
    """Take from a request a Range that means nothing there: it is to be answered in full (RFC 9110 §14.2).

    That is one that we don't understand, and any of a HEAD.
    """
    if request.method != "GET" or not _RANGE.fullmatch(request.headers.get("range", "bytes=0-")):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]


@lru_cache(maxsize=4096)
def _etag(path: str, size: int, changed: int) -> str:
    """A strong tag from the content of a file, read once for as long as it stays what it is."""
    return f'"{sha256(Path(path).read_bytes()).hexdigest()[:32]}"'


def _is_later(date: str, other: str) -> bool:
    try:
        return parsedate_to_datetime(date) >= parsedate_to_datetime(other)
    except (ValueError, TypeError):  # no date at all, or one without a zone
        return False


@lru_cache(maxsize=256)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
