"""Messages on standard output, for a look at what would be sent."""

import sys
from email import message_from_bytes, policy
from pathlib import Path

from subscribers.delivery import Accepted, Outcome


class ConsoleTransport:
    """Prints each message's headers and its text part."""

    @classmethod
    def at(cls, url: str, root: Path) -> "ConsoleTransport":
        return cls()

    def send(self, sender: str, recipient: str, message: bytes) -> Outcome:
        parsed = message_from_bytes(message, policy=policy.default)
        text = parsed.get_body(("plain",))
        lines = [f"{name}: {value}" for name, value in parsed.items()]
        body = "\n".join(text.get_content().splitlines()) if text is not None else ""
        # The parser leaves UTF-8 in a header (RFC 6532) as bytes in disguise.
        headers = "\n".join(lines).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        sys.stdout.write("\n".join([f"-- to {recipient}", headers, "", body, ""]))
        sys.stdout.flush()
        return Accepted("printed")

    def close(self) -> None:
        """Nothing to end."""
