"""Changing one's mind: themes, frequency, language and pauses, by the link that every mail carries."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from feeds.theme import ThemeTree
from pipeline.ports import Clock, EnrolWork, Start
from pipeline.steps.account import Accounts
from pipeline.steps.enrol import Enroller
from pipeline.web.forms import read_form, refuse_cross_site
from pipeline.web.pages import WebPages
from subscribers.frequency import Frequency
from subscribers.preferences import BadPreferences, Fault, Form, pause_days
from subscribers.subscriber import LEFT, PAUSABLE, Reader, State, masked, zone_names
from subscribers.token import PREFERENCES, UNSUBSCRIBE, Tokens


class PreferencesPage:
    """``/preferences/TOKEN``: GET shows a form, POST saves it.

    Mails are forwarded, so it does only what can be undone: it shows no address in full and changes
    none. Who has left sees that they did.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        read: Start[EnrolWork],
        enroller: Enroller,
        pages: WebPages,
        tree: ThemeTree,
        frequencies: Iterable[Frequency],
        base_url: str,
        clock: Clock,
        accounts: Accounts,
        notify: Callable[[], None],
    ) -> None:
        self._tokens = tokens
        self._read = read
        self._enroller = enroller
        self._pages = pages
        self._tree = tree
        self._frequencies = frozenset(frequencies)
        self._base_url = base_url
        self._clock = clock
        self._accounts = accounts
        self._notify = notify

    async def answer(self, request: Request) -> Response:
        id = self._tokens.read(PREFERENCES, request.path_params["token"])
        if id is None:
            return self._unknown()
        if request.method != "POST":
            return await run_in_threadpool(self._ask, id, request.query_params.get("without", ""))
        refuse_cross_site(request, self._base_url)
        fields = await read_form(request)
        if "link" in fields:
            return await run_in_threadpool(self._send_link, id)
        if "less" in fields:
            return await run_in_threadpool(self._less, id, fields["less"][-1])
        form = Form.sent(fields, self._tree)
        return await run_in_threadpool(self._save, id, form)

    def _ask(self, id: int, without: str) -> Response:
        """The form. A theme that somebody came here to stop is not ticked; it stops once they save."""
        reader = self._find(id)
        if reader is None or reader.subscriber.state in LEFT:
            return self._gone(reader)
        form = Form.of(reader, self._clock())
        return self._page(reader, replace(form, themes=form.themes - {self._tree.current(without)}))

    def _less(self, id: int, frequency: str) -> Response:
        """Change the frequency alone, as the page for leaving offers."""
        reader = self._find(id)
        if reader is None or reader.subscriber.state in LEFT:
            return self._gone(reader)
        return self._save(id, replace(Form.of(reader, self._clock()), frequency=frequency))

    def _save(self, id: int, form: Form) -> Response:
        reader = self._find(id)
        if reader is None or reader.subscriber.state in LEFT:
            return self._gone(reader)
        who = reader.subscriber
        try:
            wish = form.preferences(self._tree, self._offered(reader), who.timezone, self._clock())
        except BadPreferences as error:
            return self._page(reader, form, faults=error.faults)
        changed = self._enroller.prefer(id, wish, self._pages.line("consent", who.language))
        if changed is None or changed.subscriber.state in LEFT:
            return self._gone(changed)
        return self._page(changed, Form.of(changed, self._clock()), saved=True)

    def _send_link(self, id: int) -> Response:
        """What can't be undone takes a link that goes to the reader's own mailbox."""
        reader = self._find(id)
        if reader is None or reader.subscriber.state is State.ERASED:
            return self._unknown()
        self._accounts.ask(id)
        who = reader.subscriber
        page = self._pages.show("linksent", language=who.language, email=masked(who.email))
        page.background = BackgroundTask(self._notify)
        return page

    def _find(self, id: int) -> Reader | None:
        with self._read() as work:
            return work.subscribers.by_id(id)

    def _offered(self, reader: Reader) -> list[Frequency]:
        """What the site sends, and what this reader has, which may be offered to nobody else any more."""
        return [one for one in Frequency if one in self._frequencies | {reader.subscriber.frequency}]

    def _page(
        self, reader: Reader, form: Form, *, faults: Mapping[str, Fault] | None = None, saved: bool = False
    ) -> Response:
        who = reader.subscriber
        first, last = pause_days(who.timezone, self._clock())
        return self._pages.show(
            "preferences",
            language=who.language,
            status=422 if faults else 200,
            email=masked(who.email),
            tree=branch(self._tree, ""),
            form=form,
            faults=faults or {},
            saved=saved,
            until=date.fromisoformat(form.pause) if saved and form.pause else None,
            following=[theme.name for theme in self._tree if theme.slug in reader.interests],
            frequencies=[str(one) for one in self._offered(reader)],
            zones=zone_names(),
            pausable=who.state in PAUSABLE,
            first=first.isoformat(),
            last=last.isoformat(),
            consent=self._pages.line("consent", who.language),
            unsubscribe_url=f"{self._base_url}/unsubscribe/{self._tokens.sign(UNSUBSCRIBE, reader.id)}",
        )

    def _gone(self, reader: Reader | None) -> Response:
        if reader is None:
            return self._unknown()
        who = reader.subscriber
        if who.state is State.ERASED:
            return self._pages.show("erased", language=who.language)
        # The form on that page asks this one for the link to their data, unless we may not write to them.
        here = f"../preferences/{self._tokens.sign(PREFERENCES, reader.id)}"
        return self._pages.show(
            "unsubscribed",
            language=who.language,
            email=masked(who.email),
            preferences_url="" if who.state is State.SUPPRESSED else here,
        )

    def _unknown(self) -> Response:
        return self._pages.show("badlink", status=404)


def branch(tree: ThemeTree, parent: str) -> list[dict[str, object]]:
    """The themes below one (at the top where ``parent`` is empty), as the pages with a choice want them."""
    return [
        {
            "slug": theme.slug,
            "name": theme.name,
            "description": theme.description,
            "children": branch(tree, theme.slug),
        }
        for theme in tree.children(parent)
    ]
