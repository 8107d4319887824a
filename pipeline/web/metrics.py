"""``/metrics``, for Prometheus: what the database says at this moment, and what this process did."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pipeline import meters
from pipeline.web.figures import DatabaseFigures


class Metrics:
    """Answers those whose address is in one of the networks.

    Behind a proxy that is the address that the proxy names (X-Forwarded-For), where it is on this machine.
    """

    def __init__(self, figures: DatabaseFigures, networks: Sequence[str]) -> None:
        self._figures = figures
        self._networks = [ip_network(network) for network in networks]

    def answer(self, request: Request) -> Response:
        if not self._may(request.client.host if request.client else ""):
            return PlainTextResponse("not for you\n", 403)
        asked = CollectorRegistry()
        asked.register(self._figures)
        text = generate_latest(asked) + generate_latest(meters.registry())
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    def _may(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)
