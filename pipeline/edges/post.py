"""Telling an address of the config's own something: a hub, a chat room. It may be on this machine."""

from collections.abc import Mapping
from typing import Any

import anyio
import httpx2


def post(url: str, agent: str, seconds: float, **body: Any) -> int:
    """The status of the answer to a POST of ``data`` or ``json``. The answer itself is not read.

    Raises TimeoutError where it takes more than so many ``seconds`` in all, httpx2.HTTPError and InvalidURL.
    Where no name server answers, it takes until the system's resolver gives up.
    """
    return anyio.run(_status, url, agent, seconds, body)


async def _status(url: str, agent: str, seconds: float, body: Mapping[str, Any]) -> int:
    # Over all, since a time limit of the client's is for each byte anew.
    with anyio.fail_after(seconds):
        async with (
            httpx2.AsyncClient(trust_env=False, headers={"User-Agent": agent}, timeout=seconds) as client,
            client.stream("POST", url, **body) as response,
        ):
            return response.status_code
