"""The rows of a roster that a test has in hand."""

import io
from collections.abc import Iterator, Mapping

from subscribers.roster import encoding_of, read_rows


def rows_of(
    document: bytes, renamed: Mapping[str, str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    encoding = encoding_of([document])
    lines = io.TextIOWrapper(io.BytesIO(document), encoding=encoding, errors="replace", newline="")
    return read_rows(lines, renamed or {})
