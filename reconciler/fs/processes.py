"""Which process listens on a port of this machine, as far as the system shows it: Linux's ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
_STATE, _ADDRESS, _INODE = 3, 1, 9
"""Columns of ``/proc/net/tcp``."""
_START_TIME: Final = 19
"""Index of the start time, in ticks since boot, among the fields of ``/proc/PID/stat`` after the name."""


def listening_process(port: int) -> str:
    """A name for the process that listens on ``port``: another one after a restart; empty where it cannot be seen.

    Several processes may share the socket; the one that started first counts. The system's first process does not:
    it holds sockets for services that it starts.
    """
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(_PROC / "net" / table, port)}
    found = sorted(_holders(sockets)) if sockets else []
    if not found:
        return ""
    started, process = found[0]
    return f"{_boot()}/{started}/{process}"


def _listening(table: Path, port: int) -> Iterator[str]:
    with suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[_STATE] == _LISTENING and int(fields[_ADDRESS].rpartition(":")[2], 16) == port:
                yield fields[_INODE]


def _holders(sockets: set[str]) -> Iterator[tuple[int, int]]:
    """Start time and number of each process that holds one of ``sockets``, of those that may be looked into."""
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # another user's, or ended meanwhile
            if folder.name != "1" and not sockets.isdisjoint(_open_files(folder)):
                yield int((folder / "stat").read_text().rpartition(")")[2].split()[_START_TIME]), int(folder.name)


def _open_files(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        with suppress(OSError):
            yield os.readlink(descriptor)


def _boot() -> str:
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""
