"""Whether the process is up, and whether it can do its work."""

from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pipeline.ports import Start
from pipeline.ports_publishing import PublishWork

_FRESH = {"Cache-Control": "no-store"}

log = structlog.get_logger()


class Health:
    """``schema_known`` raises where the database has another schema than this version works on."""

    def __init__(self, read: Start[PublishWork], schema_known: Callable[[], None]) -> None:
        self._read = read
        self._schema_known = schema_known

    async def alive(self, request: Request) -> Response:
        """``/healthz``: the process answers."""
        return PlainTextResponse("ok\n", headers=_FRESH)

    def ready(self, request: Request) -> Response:
        """``/readyz``: the database answers too, in a schema that we know, or else 503.

        What it said is in our own log alone.
        """
        try:
            self._schema_known()
            with self._read() as work:
                work.log.head()
        except Exception as error:
            log.warning("not ready", error=str(error).partition("\n")[0])
            return PlainTextResponse("the database does not answer\n", 503, _FRESH)
        return PlainTextResponse("ready\n", headers=_FRESH)
