"""What is published, as it stands in ``[publish] directory``: conditional GET, and nothing outside it."""

import stat
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from feeds.formats import FORMATS

_FEED_TYPES = {kind.extension: f"{kind.media_type}; charset=utf-8" for kind in FORMATS.values()} | {
    "opml": "text/x-opml; charset=utf-8"
}
_AGE = "public, max-age=300"


class Files:
    """Any other web server could serve the same files; see the docs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._static = StaticFiles(directory=self._directory, check_dir=False)

    def front_page(self, request: Request) -> Response:
        return self._answer(request, "index.html", "text/html; charset=utf-8")

    def other(self, request: Request) -> Response:
        """``/feeds/SLUG.EXTENSION``, ``/themes/SLUG``, and whatever else stands there: feeds and pages."""
        name = request.path_params["path"]
        media_type = _FEED_TYPES.get(name.rpartition(".")[2])
        if media_type is not None:
            return self._answer(request, name, media_type)
        return self._answer(request, f"{name}.html", "text/html; charset=utf-8")

    def _answer(self, request: Request, name: str, media_type: str) -> Response:
        path = self._find(name)
        # Opened by its real name: should the build be replaced meanwhile, this one stays whole.
        status = path.stat()
        response = FileResponse(path, stat_result=status, media_type=media_type)
        response.headers["Cache-Control"] = _AGE
        if self._static.is_not_modified(response.headers, request.headers):
            return NotModifiedResponse(response.headers)
        return response

    def _find(self, name: str) -> Path:
        """The file behind a public name. HTTPException 404 for anything else, hidden files included."""
        if any(part.startswith(".") or not part for part in name.split("/")) or "\0" in name:
            raise HTTPException(404)
        try:
            path = (self._directory / name).resolve(strict=True)
            ordinary = stat.S_ISREG(path.stat().st_mode)
        except (OSError, ValueError, RuntimeError):  # before Python 3.13, the last is a loop of links
            raise HTTPException(404) from None
        if not ordinary or not path.is_relative_to(self._directory):
            raise HTTPException(404)
        return path
