"""Connections to web servers: one to each origin at a time, kept for a while in case it is asked again.

A pool for any use goes over all its connections before and after every request. Whoever asks a host for one
thing at a time, and nearly every host for one thing only, needs none of that.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import anyio
import httpcore2
import httpx2

IDLE = 20
"""Connections that are kept though nothing is asked over them."""
_EXPIRY = 5.0
"""Seconds for which they are worth keeping."""


class Connections:
    """Connections that are made by a network backend. Close it once nothing is asked any more."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend
        self._idle: dict[str, httpcore2.AsyncHTTPConnection] = {}

    @asynccontextmanager
    async def asking(self, request: httpcore2.Request) -> AsyncIterator[httpx2.Response]:
        """The answer to a request, with a body that is yet to be read. Raises httpcore2's errors."""
        origin = request.url.origin
        connection = await self._take(origin)
        answer = await connection.handle_async_request(request)
        try:
            yield httpx2.Response(
                answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
            )
        finally:
            with anyio.CancelScope(shield=True):
                await answer.aclose()
                await self._keep(str(origin), connection)

    async def aclose(self) -> None:
        """Close what is open and idle."""
        while self._idle:
            _, connection = self._idle.popitem()
            await connection.aclose()

    async def _take(self, origin: httpcore2.Origin) -> httpcore2.AsyncHTTPConnection:
        connection = self._idle.pop(str(origin), None)
        if connection is not None:
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore2.AsyncHTTPConnection(
            origin,
            ssl_context=_authorities() if origin.scheme == b"https" else None,
            keepalive_expiry=_EXPIRY,
            network_backend=self._backend,
        )

    async def _keep(self, origin: str, connection: httpcore2.AsyncHTTPConnection) -> None:
        """Keep a connection that can be asked again, in the place of the one that has idled for longest."""
        if not connection.is_idle():
            return  # it closed with the answer
        replaced = self._idle.pop(origin, None)
        self._idle[origin] = connection
        if replaced is None and len(self._idle) > IDLE:
            replaced = self._idle.pop(next(iter(self._idle)))
        if replaced is not None:
            await replaced.aclose()


@cache
def _authorities() -> ssl.SSLContext:
    """Whom we trust; reading all their certificates takes as long as a dozen fetches."""
    return httpx2.create_ssl_context(trust_env=False)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk
