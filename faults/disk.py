"""A small disk for the database, which can be filled: a tmpfs with a size, where root may mount one."""

import errno
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookout.errors import StartError

MEBIBYTE = 1 << 20
_STEPS = (MEBIBYTE, 64 * 1024, 4096)
"""Bytes to go on filling by, when more is no longer to be had."""


class Disk:
    """Where the database is. `can_be_filled` is whether it is a disk of its own."""

    def __init__(self, place: Path, *, can_be_filled: bool) -> None:
        self.place = place
        self.can_be_filled = can_be_filled
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """Leave nothing. What others free meanwhile is theirs."""
        with self._ballast.open("wb") as file:
            size = 0
            for step in _STEPS:
                with suppress(OSError):
                    while True:
                        _reserve(file.fileno(), size, step)
                        size += step

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)


def _reserve(file: int, start: int, length: int) -> None:
    os.posix_fallocate(file, start, length)


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Generator[Disk]:
    """A disk of this size at `place`, until the block ends; an ordinary directory where none can be mounted."""
    is_mounted = _mount(place, mebibytes)
    try:
        yield Disk(place, can_be_filled=is_mounted)
    finally:
        if is_mounted:
            _unmount(place)


def _mount(place: Path, mebibytes: int) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    options = f"size={mebibytes}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "lookout-faults", str(place)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        mounted = subprocess.CompletedProcess(command, 1, "", error.strerror or os.strerror(errno.ENOENT))
    if mounted.returncode == 0:
        return True
    if os.environ.get("CI") == "true":
        raise StartError(f"CI=true, and no tmpfs can be mounted: {mounted.stderr.strip()}")
    return False


def _unmount(place: Path) -> None:
    # Lazily: whoever is still in it does not keep it in the tree.
    subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)
