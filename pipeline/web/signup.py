"""Signing up: the form, the answer that tells nothing, and the link that confirms."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from feeds.theme import ThemeTree
from pipeline.steps.signup import SignUpDesk
from pipeline.web.forms import network_of, read_form, refuse_cross_site
from pipeline.web.pages import WebPages
from pipeline.web.preferences import branch
from subscribers.frequency import Frequency
from subscribers.preferences import BadPreferences, Fault
from subscribers.signup import PER_NETWORK, SignUp, SignUpForm
from subscribers.subscriber import LANGUAGES, masked
from subscribers.token import CONFIRM, PREFERENCES, Tokens


class SignUpPages:
    """``/subscribe`` and ``/confirm/TOKEN``: on both, looking changes nothing and a POST acts.

    ``notify`` sends the mails that come of it, once the answer is out: so that how long that takes tells
    nobody whether there was one. ``friends`` are the origins whose pages may have the form.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        desk: SignUpDesk,
        notify: Callable[[], None],
        pages: WebPages,
        tree: ThemeTree,
        frequencies: Iterable[Frequency],
        base_url: str,
        friends: Collection[str],
    ) -> None:
        self._tokens = tokens
        self._desk = desk
        self._notify = notify
        self._pages = pages
        self._tree = tree
        self._frequencies = [one for one in Frequency if one in set(frequencies)]
        self._base_url = base_url
        self._friends = friends

    async def subscribe(self, request: Request) -> Response:
        if request.method != "POST":
            wanted = request.query_params
            form = self._read({"theme": wanted.getlist("theme"), "language": wanted.getlist("language")})
            return self._form(form)
        refuse_cross_site(request, self._base_url, self._friends)
        form = self._read(await read_form(request))
        return await run_in_threadpool(self._ask, form, request)

    async def confirm(self, request: Request) -> Response:
        id = self._tokens.read(CONFIRM, request.path_params["token"])
        if id is None:
            return self._pages.show("badlink", status=404)
        if request.method != "POST":
            return await run_in_threadpool(self._look, id)
        refuse_cross_site(request, self._base_url)
        return await run_in_threadpool(self._confirm, id)

    def _read(self, fields: Mapping[str, Sequence[str]]) -> SignUpForm:
        usual = Frequency.WEEKLY if Frequency.WEEKLY in self._frequencies else self._frequencies[0]
        return SignUpForm.sent(fields, self._tree, frequency=usual, language=self._pages.language)

    def _ask(self, form: SignUpForm, request: Request) -> Response:
        try:
            wish = form.wish(self._tree, self._frequencies)
        except BadPreferences as error:
            return self._form(form, faults=error.faults)
        source = "sign-up form"
        origin = request.headers.get("origin")
        if origin in self._friends:
            source = f"sign-up form at {origin}"[:200]
        text = self._pages.line("asking", wish.language)
        if not self._desk.ask(wish, text=text, source=source, network=network_of(request)):
            page = self._pages.show("toomany", language=wish.language, status=429)
            page.headers["Retry-After"] = str(int(PER_NETWORK.within.total_seconds()))
            return page
        page = self._pages.show("asked", language=wish.language, email=wish.email)
        page.background = BackgroundTask(self._notify)
        return page

    def _look(self, id: int) -> Response:
        signup = self._desk.find(id)
        if signup is None:
            return self._too_late()
        if signup.confirmed_at is not None:
            return self._pages.show("confirmed", language=signup.language, again=True, preferences_url="")
        return self._pages.show(
            "confirm",
            language=signup.language,
            email=masked(signup.email),
            themes=self._names(signup),
            frequency=str(signup.frequency),
            consent=signup.text,
        )

    def _confirm(self, id: int) -> Response:
        confirmed = self._desk.confirm(id)
        if confirmed is None:
            return self._too_late()
        reader = confirmed.reader
        page = self._pages.show(
            "confirmed",
            language=reader.subscriber.language,
            again=confirmed.again,
            preferences_url=f"{self._base_url}/preferences/{self._tokens.sign(PREFERENCES, reader.id)}",
        )
        page.background = BackgroundTask(self._notify)
        return page

    def _too_late(self) -> Response:
        return self._pages.show("toolate", status=410)

    def _form(self, form: SignUpForm, *, faults: Mapping[str, Fault] | None = None) -> Response:
        language = form.language if form.language in LANGUAGES else self._pages.language
        return self._pages.show(
            "subscribe",
            language=language,
            status=422 if faults else 200,
            tree=branch(self._tree, ""),
            form=form,
            faults=faults or {},
            frequencies=[str(one) for one in self._frequencies],
            consent=self._pages.line("asking", language),
        )

    def _names(self, signup: SignUp) -> list[str]:
        return [self._tree[slug].name for slug in signup.interests.split(";") if slug in self._tree]
