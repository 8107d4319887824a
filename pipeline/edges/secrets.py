"""The portal's own secrets: a file of one ``name hex`` per line, readable by its owner alone.

``suppression`` makes the hashes under which addresses that left are known: it never changes, or they
would be mailed again. ``signing`` keys sign links; a new one may be added below the old, which goes
on opening the links in old mails.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from feeds.error import KennisportalError
from pipeline.edges.owner import keep_owner

_BYTES = 32


class SecretError(KennisportalError):
    """The secret key file can't be used; the text names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """``signing`` holds the current key last."""

    suppression: bytes
    signing: tuple[bytes, ...]


def create(path: Path) -> None:
    """Make a new secret key file, mode 0600. One that is there stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name} {secrets.token_hex(_BYTES)}\n" for name in ("suppression", "signing"))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(lines)


def rotate(path: Path) -> int:
    """Add a signing key, which is the current one from then on; gives how many there are.

    Older ones go on opening the links in old mails. Raises SecretError as ``load`` does.
    """
    known = load(path)
    place = path.resolve()  # where a link leads
    new = place.with_name(f".{path.name}.new")
    lines = path.read_text(encoding="ascii").rstrip("\n")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{lines}\nsigning {secrets.token_hex(_BYTES)}\n")
            file.flush()
            os.fsync(descriptor)
        keep_owner(new, place.stat())
        new.replace(place)
    except OSError as error:
        raise SecretError(f"{path}: the secret key file can't be written: {error}") from None
    return len(known.signing) + 1


def load(path: Path) -> Secrets:
    """The secrets in a file. Raises SecretError where there are none, or where they can't be read."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        raise SecretError(
            f"{path}: the secret key file is missing; put it back from a backup (a portal that has no "
            "subscribers yet gets a new one from 'kennisportal init')"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path}: the secret key file can't be read: {error}") from None
    keys: dict[str, list[bytes]] = {"suppression": [], "signing": []}
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(" ")
        try:
            keys[name].append(bytes.fromhex(value))
        except (KeyError, ValueError):
            raise SecretError(
                f"{path}:{number}: this line is no secret; put back the file from a backup"
            ) from None
    if len(keys["suppression"]) != 1 or not keys["signing"]:
        raise SecretError(f"{path}: a secret is missing; put back the file from a backup")
    return Secrets(keys["suppression"][0], tuple(keys["signing"]))
