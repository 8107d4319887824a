"""Leaving: the link that every mail carries, for people and for mail programs (RFC 8058)."""

from collections.abc import Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from pipeline.ports import EnrolWork, Start
from pipeline.steps.enrol import Enroller
from pipeline.web.pages import WebPages
from subscribers.frequency import PERIODS, Frequency
from subscribers.subscriber import LEFT, Reader, State, masked
from subscribers.token import PREFERENCES, UNSUBSCRIBE, Tokens


class Unsubscribe:
    """``/unsubscribe/TOKEN``: GET shows a button, and how to get less; POST acts, whatever its body holds.

    There is no check of where a POST comes from: mail programs send none of what it would look at,
    and the token is the permission.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        read: Start[EnrolWork],
        enroller: Enroller,
        pages: WebPages,
        frequencies: Iterable[Frequency],
    ) -> None:
        self._tokens = tokens
        self._read = read
        self._enroller = enroller
        self._pages = pages
        self._frequencies = [one for one in Frequency if one in set(frequencies)]

    def answer(self, request: Request) -> Response:
        """The body is never read: it says nothing that the token doesn't, and may be of any size."""
        id = self._tokens.read(UNSUBSCRIBE, request.path_params["token"])
        if id is None:
            return self._unknown()
        return self._act(id) if request.method == "POST" else self._ask(id)

    def _ask(self, id: int) -> Response:
        with self._read() as work:
            reader = work.subscribers.by_id(id)
        if reader is None:
            return self._unknown()
        if reader.subscriber.state in LEFT:
            return self._left(reader)
        have = PERIODS[reader.subscriber.frequency]
        return self._page(
            "unsubscribe",
            reader,
            rarer=[str(one) for one in self._frequencies if PERIODS[one] > have],
            preferences_url=self._preferences(reader),
        )

    def _act(self, id: int) -> Response:
        reader = self._enroller.unsubscribe(id, "link in a mail")
        return self._unknown() if reader is None else self._left(reader)

    def _left(self, reader: Reader) -> Response:
        """That they left; and how to have their data, for whom we may write to."""
        mailed = reader.subscriber.state is not State.SUPPRESSED
        return self._page("unsubscribed", reader, preferences_url=self._preferences(reader) if mailed else "")

    def _preferences(self, reader: Reader) -> str:
        return f"../preferences/{self._tokens.sign(PREFERENCES, reader.id)}"

    def _page(
        self, name: str, reader: Reader, rarer: Sequence[str] = (), preferences_url: str = ""
    ) -> Response:
        who = reader.subscriber
        if who.state is State.ERASED:
            return self._pages.show("erased", language=who.language)
        return self._pages.show(
            name, language=who.language, email=masked(who.email), rarer=rarer, preferences_url=preferences_url
        )

    def _unknown(self) -> Response:
        return self._pages.show("badlink", status=404)
