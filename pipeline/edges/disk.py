"""The disk under a file: how much room it has, and whether that is enough to go on."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from feeds.size import size_text


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that holds ``file``, of which ``reserve`` bytes are to be left alone."""

    file: Path
    reserve: int

    def free(self) -> int:
        """Bytes that can still be written. Raises OSError."""
        place = self.file
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def shortage(self) -> str:
        """What is wrong, in one line; "" while there is room enough."""
        free = self.free()
        if free >= self.reserve:
            return ""
        return (
            f"the disk of {self.file} has {size_text(free)} left, and {size_text(self.reserve)} are to be "
            "left alone ([database] reserve); make room, and sending goes on by itself"
        )
