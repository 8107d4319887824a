"""A mailbox on an IMAP server (RFC 9051): what came in, and out it goes once it is kept elsewhere."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from imaplib import IMAP4
from urllib.parse import unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted, MailMessageFlags
from imap_tools.errors import ImapToolsError

from pipeline.edges.mailbox import LARGEST, MailboxError

_WAIT = 60.0
_SECTION = f"(BODY.PEEK[]<0.{LARGEST}>)"


class ImapBox:
    """One folder. What stays in it is marked as seen, and is not looked at again."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box
        self._current = ""

    def unseen(self) -> Iterator[bytes]:
        """The messages that nobody has looked at yet, the oldest first, each up to its first 10 MB."""
        for uid in self._box.uids("UNSEEN"):
            self._current = uid
            _, found = self._box.client.uid("fetch", uid, _SECTION)
            parts = [part[1] for part in found if isinstance(part, tuple)]
            if parts:  # else it is gone meanwhile: somebody else has read it
                yield parts[0]

    def settle(self, *, remove: bool) -> None:
        """Be done with the message that was given last: remove it, or leave it for somebody to read."""
        if remove:
            self._box.delete(self._current)
        else:
            self._box.flag(self._current, MailMessageFlags.SEEN, value=True)


@contextmanager
def imap_box(url: str) -> Iterator[ImapBox]:
    """The folder at ``imaps://user:password@host:port/FOLDER``, or ``imap://`` for a server close by.

    Raises MailboxError, which never tells the password.
    """
    parts = urlsplit(url)
    host, folder = parts.hostname or "", unquote(parts.path.strip("/")) or "INBOX"
    try:
        if parts.scheme == "imaps":
            box: BaseMailBox = MailBox(
                host, parts.port or 993, _WAIT, ssl_context=ssl.create_default_context()
            )
        else:
            box = MailBoxUnencrypted(host, parts.port or 143, _WAIT)
        try:
            box.login(unquote(parts.username or ""), unquote(parts.password or ""), folder)
            yield ImapBox(box)
            box.logout()
        finally:
            with suppress(OSError):  # which a login that failed leaves open, and a logout does not
                box.client.shutdown()
    except (OSError, ImapToolsError, IMAP4.error) as error:
        said = " ".join(str(error).split())[:200]
        raise MailboxError(
            f"the mailbox {folder} at {host} can't be read ({said}); see [bounces] imap"
        ) from None
