"""Where a path of a file leads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def located(base: Path, location: str) -> Path:
    """``location`` as a file in ``base`` means it: relative to that, or below the user's own home after ``~/``.

    Nothing else is replaced: no other user's home, and no variable.
    """
    return base / (os.path.expanduser(location) if location.startswith("~/") else location)


def located_text(base: str, location: str) -> str:
    """``located`` as text, which costs a tenth where the path is written as plainly as most are."""
    rest = location.removeprefix("./")
    if rest and rest[0] not in "/~." and "//" not in rest and "/." not in rest and rest[-1] != "/" and base != "/":
        return f"{base}/{rest}"
    return str(located(Path(base), location))


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both names lead to one file that is there: by links, or through ``..``."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return False
