"""The power cut of a real disk, also from within the process that is at work on it."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.crash import shim
from tests.crash.shim import Call

FLUSHED: Final = 1
"""Before the cut the file system wrote its journal, but no file."""
LOST: Final = 2
"""Before the cut it wrote neither."""
_SHUTDOWN: Final = 0x8004587D


def cut(root: Path, mode: int) -> None:
    """Cut the power of the disk that is mounted at ``root``: until it is mounted again every call on it fails."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", mode))
    finally:
        os.close(descriptor)


def _die_of_a_cut(mode: int) -> None:
    """Where the process would be killed, the power goes; until then it syncs in earnest, as it would without a shim."""
    root, kill = Path(os.environ["HOME"]).parent, os.kill

    def die(process: int, signal: int) -> None:
        cut(root, mode)
        kill(process, signal)

    _sync_in_earnest()
    _put(os, "kill", die)


def _lose_the_disk() -> None:
    """Where the process would be killed, the disk is gone, and it lives on."""
    root = Path(os.environ["HOME"]).parent
    _sync_in_earnest()
    _put(os, "kill", lambda *_: cut(root, LOST))


def _sync_in_earnest() -> None:
    def syncfs(library: shim._Library, descriptor: int) -> int:
        place = str(library._shim.place(descriptor))
        counted = library._tried(lambda: library._shim.gate(Call(name="syncfs", paths=(place,))))
        return counted or int(library._real.syncfs(descriptor))

    _put(shim, "_SYNCS", ())
    _put(shim._Library, "_syncfs", syncfs)


def _put(place: object, name: str, value: object) -> None:
    assert hasattr(place, name), f"{place} has no {name} any more"
    setattr(place, name, value)


CUTS: Final[dict[str, Callable[[], None]]] = {
    "journal flushed": partial(_die_of_a_cut, FLUSHED),
    "journal lost": partial(_die_of_a_cut, LOST),
    "disk gone": _lose_the_disk,
    "synced": _sync_in_earnest,
}
"""What is done to a process with the shim before it runs."""
