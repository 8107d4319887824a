"""What the processes that stay say on stderr: a line per event, for people or as JSON, and nobody's address.

What is being worked on is bound for as long as it lasts (``structlog.contextvars``): the job and its run, the
edition, the source. Our own lines and those of the libraries have one form.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from pipeline.settings import LogSettings

_ADDRESS = re.compile(r"[^\s<>\"'()\[\],;:=\\/]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_TOKEN = re.compile(r"\d{1,19}(?:-\d{1,19})?\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""As ``subscribers.token`` makes them: an id, and a signature of 32 bytes in base64."""


def masked(text: str) -> str:
    """A text without anything that looks like a mail address or a token of ours."""
    return _TOKEN.sub("(token)", _ADDRESS.sub("(address)", text))


def configure(settings: LogSettings) -> None:
    """Set up logging for this process."""
    level = getattr(logging, settings.level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    ending: list[Processor] = [_renderer(settings.format), _mask]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[:3],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *ending,
            ],
        )
    )
    # Libraries are heard when something is wrong: what they do otherwise is their own business.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _renderer(format: str) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])


def _mask(logger: Any, name: str, rendered: EventDict | str) -> str:
    """The last processor: over the whole line, so that nothing slips by in a field nobody thought of."""
    return masked(str(rendered))
