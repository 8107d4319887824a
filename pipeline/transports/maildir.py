"""Messages as files in a Maildir, as any mail program can read them."""

import mailbox
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.transports.immediate import Immediate
from subscribers.delivery import Accepted, Outcome, Parcel, TransportUnavailable


class MaildirTransport(Immediate):
    """A Maildir at ``path``, made when it isn't there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._maildir: mailbox.Maildir | None = None

    @classmethod
    def at(cls, urls: Sequence[str], root: Path, connections: int) -> "MaildirTransport":
        """``maildir:///absolute`` or ``maildir://relative/to/the/config``."""
        parts = urlsplit(urls[0])
        return cls(root / unquote(f"{parts.netloc}{parts.path}"))

    def send(self, parcel: Parcel) -> Outcome:
        try:
            if self._maildir is None:
                self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
                for name in ("tmp", "new", "cur"):  # also where an empty directory stands ready
                    (self._path / name).mkdir(mode=0o700, exist_ok=True)
                self._maildir = mailbox.Maildir(self._path, create=False)
            # Written to tmp, synced, then linked into new: a file in new is whole.
            key = self._maildir.add(_unix(parcel.message))
        except OSError as error:
            raise TransportUnavailable(
                f"the Maildir {self._path} can't be written: {error.strerror}; mend that and send again"
            ) from error
        return Accepted(key)

    def close(self) -> None:
        if self._maildir is not None:
            self._maildir.close()


def _unix(message: bytes) -> bytes:
    """Mail in a Maildir has the system's line ends."""
    return message.replace(b"\r\n", b"\n")
