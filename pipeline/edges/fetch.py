"""Getting what a source asks for, wherever it is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio.to_thread

from feeds.source import FolderRequest, HttpRequest, NotModified, Payload, Request
from pipeline.edges.folder import read_folder
from pipeline.edges.http import Fetcher


async def fetch(request: Request, fetcher: Fetcher, root: Path) -> Payload | NotModified:
    """The answer to any kind of request; SourceError where there is none.

    Paths are relative to ``root``, the directory of the config file.
    """
    match request:
        case HttpRequest():
            return await fetcher.fetch(request)
        case FolderRequest():
            return await anyio.to_thread.run_sync(read_folder, request, root)


@asynccontextmanager
async def fetching(
    contact: str, allow_hosts: Sequence[str], host_pause: timedelta, root: Path
) -> AsyncIterator[Callable[[Request], Awaitable[Payload | NotModified]]]:
    """``fetch`` with connections that last as long as the block."""
    async with Fetcher(contact=contact, allow_hosts=allow_hosts, host_pause=host_pause) as fetcher:

        async def one(request: Request) -> Payload | NotModified:
            return await fetch(request, fetcher, root)

        yield one
