"""Reading again what is out: does it still say what it should?"""

from collections.abc import Callable, Mapping

from feeds.check import check
from feeds.feed import Feed, public_path
from feeds.formats import FORMATS
from pipeline.ports_publishing import PublishError

Read = Callable[[str], bytes | None]
"""Gives a document by its public path, None where there is none; raises PublishError for a damaged one."""


def read_back(feed: Feed, read: Read) -> list[str]:
    """What is wrong with a feed's document in any of its formats."""
    faults = []
    for extension in FORMATS:
        try:
            document = read(public_path(feed, extension))
        except PublishError as error:
            faults.append(f"{extension}: {error}")
            continue
        if document is None:
            faults.append(f"{extension}: it is missing")
        else:
            faults += [f"{extension}: {fault}" for fault in check(extension, document, feed)]
    return faults


def compared(files: Mapping[str, bytes], read: Read) -> list[str]:
    """What is wrong with files that are the same each time they are made."""
    faults = []
    for path, file in files.items():
        try:
            found = read(path)
        except PublishError as error:
            faults.append(f"{path}: {error}")
            continue
        if found is None:
            faults.append(f"{path}: it is missing")
        elif found != file:
            faults.append(f"{path}: it is not what was published")
    return faults
