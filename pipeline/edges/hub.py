"""The WebSub hub, over HTTP."""

import httpx2

from feeds.characters import one_line, shorten
from pipeline.edges.http import ROBOT
from pipeline.edges.post import post
from pipeline.ports_publishing import HubError

_SECONDS = 10.0
"""What a hub gets for all of its answer: it has only to write down what it is told."""


class Hub:
    """A hub by its address, which is the config's own and so may be on this machine.

    It is told in the form that hubs share (``hub.mode=publish``); the W3C's text leaves it to them.
    """

    def __init__(self, url: str, contact: str) -> None:
        self._url = url
        self._agent = f"{ROBOT} (+{contact})" if contact else ROBOT

    def tell(self, topic: str) -> None:
        """Ask the hub to fetch a document again. Raises HubError."""
        form = {"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}
        try:
            status = post(self._url, self._agent, _SECONDS, data=form)
        except TimeoutError:
            raise HubError(
                f"the hub {self._url} did not answer in {_SECONDS:g} seconds; we try again later"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = shorten(one_line(str(error) or type(error).__name__), 120)
            raise HubError(f"the hub {self._url} can't be reached ({why}); we try again later") from None
        if not 200 <= status < 300:
            raise HubError(
                f"the hub {self._url} answered {status} to a ping; check [publish] hub, or ask its owner"
            )
