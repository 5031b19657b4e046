"""Do something, and do it again whenever a file of some folders changes. Ctrl-C ends it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from reconciler.errors import LlamagateError
from reconciler.model.ignored import is_ignored

_EVERY_SECONDS: Final = 0.3
_Stamps = dict[str, tuple[int, int]]


def again(folders: Callable[[], Iterable[Path]], act: Callable[[], int]) -> int:
    """``act`` once, and after each change; what it fails at is shown, and the next change tries again."""
    while True:
        before = _stamps(folders())
        try:
            act()
        except LlamagateError as error:
            sys.stderr.write(f"llamagate: {error.message}\n")
        sys.stdout.flush()
        while _stamps(folders()) == before:
            time.sleep(_EVERY_SECONDS)


def _stamps(folders: Iterable[Path]) -> _Stamps:
    found: _Stamps = {}
    for folder in folders:
        for place, below, files in os.walk(folder):
            below[:] = [name for name in below if not is_ignored(f"{name}/")]
            for name in files:
                try:
                    status = (Path(place) / name).stat()
                except OSError:
                    continue
                found[f"{place}/{name}"] = (status.st_mtime_ns, status.st_size)
    return found
