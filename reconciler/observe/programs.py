"""The programs on the path that are called ``llamagate``: the gateway's own has this name too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.fs.tree import NodeKind, kind_at

NAME: Final = "llamagate"
_OURS: Final = b"reconciler"
_HEAD_BYTES: Final = 4096
"""A script that an installer writes for us is shorter, and names our package."""


class Program(Struct, frozen=True, kw_only=True):
    """``is_ours``: it starts this program, and not the gateway or anything else."""

    path: Path
    is_ours: bool


def programs(search_path: str) -> tuple[Program, ...]:
    """Every one on ``search_path``, as a shell finds them: the first is the one that the name starts."""
    return tuple(_programs(search_path))


def _programs(search_path: str) -> Iterator[Program]:
    seen = set()
    for folder in filter(None, search_path.split(os.pathsep)):
        path = Path(folder, NAME)
        real = os.path.realpath(path)
        if real not in seen and kind_at(path) is NodeKind.FILE and os.access(path, os.X_OK):
            seen.add(real)
            yield Program(path=path, is_ours=_is_ours(path))


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!" and _OURS in file.read(_HEAD_BYTES)
    except OSError:
        return False
