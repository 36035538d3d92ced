"""Waiting for a file: the kernel tells when it is there."""

import asyncio
import ctypes
import fnmatch
import os
from pathlib import Path

_CREATED, _MOVED_HERE = 0x100, 0x80
_LIBC = ctypes.CDLL(None, use_errno=True)


async def appears(directory: Path, pattern: str) -> None:
    """Return as soon as there is a file like `pattern`, as "postgres/*.pid", below `directory`."""
    name, _, rest = pattern.partition("/")
    descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        _LIBC.inotify_add_watch(descriptor, os.fsencode(directory), _CREATED | _MOVED_HERE)
        while not (found := fnmatch.filter(os.listdir(directory), name)):
            news = asyncio.Event()
            asyncio.get_running_loop().add_reader(descriptor, news.set)
            await news.wait()
            asyncio.get_running_loop().remove_reader(descriptor)
            os.read(descriptor, 65_536)
    finally:
        os.close(descriptor)
    if rest:
        await appears(directory / found[0], rest)
