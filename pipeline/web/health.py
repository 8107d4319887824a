"""Whether the process is up, and whether it can do its work."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pipeline.ports import PublishWork, Start


class Health:
    def __init__(self, read: Start[PublishWork]) -> None:
        self._read = read

    async def alive(self, request: Request) -> Response:
        """``/healthz``: the process answers."""
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    def ready(self, request: Request) -> Response:
        """``/readyz``: the database answers too."""
        with self._read() as work:
            work.log.head()
        return PlainTextResponse("ready\n", headers={"Cache-Control": "no-store"})
