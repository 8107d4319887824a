"""A reader's own feed: the articles of exactly the themes they follow, for their reading app."""

from collections.abc import Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from feeds.feed import Feed
from feeds.formats import FORMATS
from pipeline.ports import Start
from pipeline.ports_publishing import OwnFeedWork
from pipeline.web.files import is_not_modified
from subscribers.subscriber import State
from subscribers.token import Tokens

_ATOM = FORMATS["atom"]


class OwnFeeds:
    """``/feeds/me/TOKEN.atom``. Made for each request, and kept by nobody but the reader's own app.

    ``select`` gives a reader's feed, for their id, their themes and the feed's address; ``gone`` is the page
    (410) where there is none.
    """

    def __init__(
        self,
        tokens: Tokens,
        read: Start[OwnFeedWork],
        select: Callable[[OwnFeedWork, int, tuple[str, ...], str], Feed],
        base_url: str,
        gone: Callable[[], Response],
    ) -> None:
        self._tokens = tokens
        self._read = read
        self._select = select
        self._base_url = base_url
        self._gone = gone

    def answer(self, request: Request) -> Response:
        """The feed; 410 for a token that was revoked, or is nobody's: the two look alike from outside."""
        token = request.path_params["token"]
        with self._read() as work:
            id = self._tokens.read_feed(token, work.subscribers.feed_serial)
            reader = work.subscribers.by_id(id) if id is not None else None
            if id is None or reader is None or reader.subscriber.state is State.ERASED:
                return self._gone()
            feed = self._select(work, id, reader.interests, f"{self._base_url}/feeds/me/{token}.atom")
        document = _ATOM.write(feed)
        headers = {
            "Cache-Control": "private, max-age=300",
            "ETag": f'"{sha256(document).hexdigest()[:32]}"',
            "X-Robots-Tag": "noindex",
            "Referrer-Policy": "no-referrer",
        }
        if is_not_modified(request.headers, headers["ETag"], ""):
            return Response(status_code=304, headers=headers)
        return Response(document, headers=headers, media_type=f"{_ATOM.media_type}; charset=utf-8")
