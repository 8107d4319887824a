"""Whom a doctor asks about the world outside."""

from dataclasses import dataclass

from pipeline.edges.dns import Resolver


@dataclass(frozen=True, slots=True)
class Outside:
    """``time_server`` is an ``ADDRESS`` or ``ADDRESS:PORT`` that speaks NTP."""

    resolver: Resolver
    time_server: str
