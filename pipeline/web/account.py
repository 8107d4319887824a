"""A reader's account: what they do by a fresh link, and the link that confirms a new address."""

import json
from collections.abc import Callable

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pipeline.ports import Clock
from pipeline.steps.account import Accounts
from pipeline.steps.enrol import Enroller
from pipeline.web.forms import read_form, refuse_cross_site
from pipeline.web.pages import WebPages
from subscribers.subscriber import AddressError, Reader
from subscribers.token import ACCOUNT, ADDRESS, Tokens


class AccountPages:
    """``/account/TOKEN`` and ``/address/TOKEN``: on both, looking changes nothing and a POST acts."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        accounts: Accounts,
        enroller: Enroller,
        notify: Callable[[], None],
        pages: WebPages,
        base_url: str,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._enroller = enroller
        self._notify = notify
        self._pages = pages
        self._base_url = base_url
        self._clock = clock

    async def account(self, request: Request) -> Response:
        id = self._tokens.read_until(ACCOUNT, request.path_params["token"], self._clock())
        if id is None:
            return self._too_late()
        if request.method != "POST":
            return await run_in_threadpool(self._look, id)
        refuse_cross_site(request, self._base_url)
        fields = await read_form(request)

        def one(name: str) -> str:
            return (fields.get(name) or [""])[-1].strip()

        return await run_in_threadpool(self._act, id, one)

    async def address(self, request: Request) -> Response:
        id = self._tokens.read(ADDRESS, request.path_params["token"])
        if id is None:
            return self._pages.show("badlink", status=404)
        if request.method != "POST":
            return await run_in_threadpool(self._ask_address, id)
        refuse_cross_site(request, self._base_url)
        return await run_in_threadpool(self._move, id)

    def _look(self, id: int, said: str = "") -> Response:
        reader = self._accounts.find(id)
        return self._too_late() if reader is None else self._page(reader, said=said)

    def _act(self, id: int, one: Callable[[str], str]) -> Response:
        reader = self._accounts.find(id)
        if reader is None:
            return self._too_late()
        match one("do"):
            case "move":
                return self._ask_to_move(reader, one("email"))
            case "feed":
                self._enroller.own_feed(reader.subscriber.email, renew=True)
                return self._look(id, said="feed")
            case "nofeed":
                self._enroller.own_feed(reader.subscriber.email, revoke=True)
                return self._look(id, said="nofeed")
            case "data":
                return self._data(id)
            case "erase" if one("sure") == "yes":
                self._accounts.erase(id)
                return self._pages.show("erased", language=reader.subscriber.language)
            case "erase":
                return self._page(reader, fault="sure", status=422)
        return self._page(reader, status=422)

    def _ask_to_move(self, reader: Reader, email: str) -> Response:
        try:
            address = self._accounts.move(reader.id, email)
        except AddressError:
            return self._page(reader, fault="email", filled_in=email, status=422)
        page = self._page(reader, said="move", filled_in=address)
        page.background = BackgroundTask(self._notify)
        return page

    def _data(self, id: int) -> Response:
        document = json.dumps(self._accounts.data(id), ensure_ascii=False, indent=2)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="kennisportal.json"',
        }
        return Response(document, headers=headers, media_type="application/json")

    def _ask_address(self, id: int) -> Response:
        found = self._accounts.moving(id)
        if found is None:
            return self._too_late()
        reader, address = found
        return self._pages.show("address", language=reader.subscriber.language, email=address)

    def _move(self, id: int) -> Response:
        reader = self._accounts.confirm_move(id)
        if reader is None:
            return self._too_late()
        who = reader.subscriber
        page = self._pages.show("moved", language=who.language, email=who.email)
        page.background = BackgroundTask(self._notify)
        return page

    def _page(
        self,
        reader: Reader,
        *,
        said: str = "",
        fault: str = "",
        filled_in: str = "",
        status: int = 200,
    ) -> Response:
        serial = self._accounts.feed_serial(reader.id)
        feed = f"{self._base_url}/feeds/me/{self._tokens.sign_feed(reader.id, serial)}.atom"
        return self._pages.show(
            "account",
            language=reader.subscriber.language,
            status=status,
            email=reader.subscriber.email,
            feed=feed if serial > 0 else "",
            said=said,
            fault=fault,
            filled_in=filled_in,
        )

    def _too_late(self) -> Response:
        return self._pages.show("oldlink", status=410)
