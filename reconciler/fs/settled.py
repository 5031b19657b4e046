"""Files that another program may be writing in place, without a lock: what is half written is read again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconciler.fs.bounded import read_start

_LOOKS: Final = 25
_PAUSE_SECONDS: Final = 0.02
_FRESH_SECONDS: Final = 2.0
"""What was not touched for so long is not being written: it is as it is."""


def read_settled(path: Path, is_whole: Callable[[bytes], bool]) -> bytes:
    """The bytes of ``path``; read again, for up to half a second, where they were just written and are not whole.

    They may still not be whole then. Raises ``OSError``.
    """
    data = read_start(path)
    for _ in range(_LOOKS):
        if abs(time.time() - os.stat(path).st_mtime) > _FRESH_SECONDS or is_whole(data):
            break
        time.sleep(_PAUSE_SECONDS)
        data = read_start(path)
    return data
