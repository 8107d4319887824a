"""A real IMAP server on loopback, for as long as a block lasts."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_location = maildir:{root}/mail
first_valid_uid = 0
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  args = password=geheim:woord
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Mailbox:
    """``url`` is how a config names it; ``maildir`` is where its messages stand."""

    url: str
    maildir: Path

    def put(self, message: bytes) -> None:
        name = f"{time.time_ns()}.test"
        for folder in ("tmp", "new", "cur"):
            (self.maildir / folder).mkdir(parents=True, exist_ok=True)
        place = self.maildir / "tmp" / name
        place.write_bytes(message)
        for made in (self.maildir, *(self.maildir / folder for folder in ("tmp", "new", "cur")), place):
            shutil.chown(made, _USER)
        place.rename(self.maildir / "new" / name)

    def left(self) -> list[bytes]:
        return [file.read_bytes() for folder in ("new", "cur") for file in (self.maildir / folder).glob("*")]


_USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def imap_server(root: Path) -> Iterator[Mailbox]:
    """Everybody may log in with the password ``geheim:woord``. ``root`` is short: sockets stand in it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root.mkdir(parents=True, exist_ok=True)
    group = "nogroup" if _USER == "nobody" else str(os.getegid())
    (root / "dovecot.conf").write_text(CONFIG.format(root=root, user=_USER, group=group, port=port))
    if os.geteuid() == 0:
        shutil.chown(root, _USER)
    server = subprocess.Popen(["dovecot", "-F", "-c", str(root / "dovecot.conf")])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                log = root / "log"
                said = log.read_text() if log.exists() else "nothing"
                assert server.poll() is None, f"dovecot has stopped; it said: {said}"
                assert time.monotonic() < deadline, f"dovecot does not listen; it said: {said}"
                time.sleep(0.05)
        yield Mailbox(f"imap://bounces:geheim%3Awoord@127.0.0.1:{port}/INBOX", root / "mail")
    finally:
        server.terminate()
        server.wait()
