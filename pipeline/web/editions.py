"""The web edition: what a mail holds, for whoever has the link."""

from starlette.requests import Request
from starlette.responses import Response

from feeds.theme import ThemeTree
from pipeline.ports import EditionWork, Start
from pipeline.web.pages import WebPages
from subscribers.render import CONTENTS_FROM
from subscribers.token import EDITION, Tokens
from subscribers.webedition import web_sections


class WebEditions:
    """``/editions/TOKEN``: one page for everybody in a segment, so that nothing on it is personal."""

    def __init__(self, tokens: Tokens, read: Start[EditionWork], tree: ThemeTree, pages: WebPages) -> None:
        self._tokens = tokens
        self._read = read
        self._tree = tree
        self._pages = pages

    def answer(self, request: Request) -> Response:
        """The segment as it was planned, without what has been withdrawn since."""
        segment = self._tokens.read(EDITION, request.path_params["token"])
        if segment is None:
            return self._unknown()
        with self._read() as work:
            edition = work.editions.of_segment(segment)
            if edition is None:
                return self._unknown()
            language, digest = work.deliveries.segment(segment)
            articles = work.articles.get({item.article for item in digest})
        sections = web_sections(digest, articles, self._tree)
        return self._pages.show(
            "edition",
            language=language,
            frequency=str(edition.name.frequency),
            day=edition.day,
            sections=sections,
            contents=len(sections) >= CONTENTS_FROM,
        )

    def _unknown(self) -> Response:
        return self._pages.show("badlink", status=404)
