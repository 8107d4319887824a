"""Messages on standard output, for a look at what would be sent."""

import sys
from collections.abc import Sequence
from email import message_from_bytes, policy
from pathlib import Path

from pipeline.transports.immediate import Immediate
from subscribers.delivery import Accepted, Outcome, Parcel


class ConsoleTransport(Immediate):
    """Prints each message's headers and its text part."""

    @classmethod
    def at(cls, urls: Sequence[str], root: Path, connections: int) -> "ConsoleTransport":
        return cls()

    def send(self, parcel: Parcel) -> Outcome:
        parsed = message_from_bytes(parcel.message, policy=policy.default)
        text = parsed.get_body(("plain",))
        lines = [f"{name}: {value}" for name, value in parsed.items()]
        body = "\n".join(text.get_content().splitlines()) if text is not None else ""
        # The parser leaves UTF-8 in a header (RFC 6532) as bytes in disguise.
        headers = "\n".join(lines).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        sys.stdout.write("\n".join([f"-- to {parcel.recipient}", headers, "", body, ""]))
        sys.stdout.flush()
        return Accepted("printed")

    def close(self) -> None:
        """Nothing to end."""
