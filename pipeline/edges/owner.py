"""Whose a file is that takes the place of another."""

import os
from pathlib import Path


def keep_owner(fresh: Path, known: os.stat_result) -> None:
    """Give a new file to the owner of the one it replaces, with its mode.

    An administrator may run a command as root, and the portal runs as somebody who must go on reading the
    file. Only root can give files away; for anybody else it is theirs already.
    """
    if os.geteuid() == 0:
        os.chown(fresh, known.st_uid, known.st_gid)
    fresh.chmod(known.st_mode & 0o7777)
