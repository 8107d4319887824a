"""Visits to sources whose answers a test has at hand."""

from collections.abc import Callable
from pathlib import Path

from feeds.source import (
    FolderRequest,
    HttpRequest,
    Memory,
    NotModified,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    SourceKind,
)

Respond = Callable[[Request], Payload | NotModified | SourceError]


def visit(
    kind: SourceKind, source: Source, respond: Respond, memory: Memory | None = None
) -> Reading | NotModified:
    """What a visit comes to. Raises what it raises."""
    steps = kind.visit(source, memory or Memory())
    try:
        request = next(steps)
        while True:
            answer = respond(request)
            request = steps.throw(answer) if isinstance(answer, SourceError) else steps.send(answer)
    except StopIteration as end:
        return end.value


def answers(path: Path) -> Respond:
    """A file answers every request; of a folder, a file by the name at the end of the address.

    The first request to a folder on the web gets the file that is named ``start``.
    """

    def respond(request: Request) -> Payload | NotModified | SourceError:
        if isinstance(request, FolderRequest):
            return Payload({f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*.*")})
        if path.is_file():
            return page(request, path.read_bytes())
        name = request.url.rpartition("/")[2]
        file = path / name if name and (path / name).exists() else next(path.glob("start.*"))
        return page(request, file.read_bytes())

    return respond


def page(request: HttpRequest, document: bytes) -> Payload:
    return Payload({request.url: document}, base=request.url)
