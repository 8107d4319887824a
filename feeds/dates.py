"""Dates and times from outside, as moments: aware, and in UTC."""

from datetime import UTC, datetime


def aware(value: datetime) -> datetime:
    """The same moment in UTC; a naive value is taken to be UTC, as feeds without an offset mean it."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
