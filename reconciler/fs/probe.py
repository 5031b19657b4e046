"""What the system allows here: asked without changing anything. ``None`` where it does not say."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")


def may_write(folder: Path) -> bool:
    """Whether entries of ``folder`` may be made, as far as permissions and mounts tell."""
    return os.access(folder, os.W_OK | os.X_OK)


def everyone_may_write(path: Path) -> bool:
    """Whether any user may write there; a sticky folder is none of that."""
    mode = os.stat(path).st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def is_mount_point(path: Path) -> bool:
    """Whether another file system begins at ``path``, links followed."""
    return os.path.ismount(path.resolve())


def max_watches() -> int | None:
    """How many folders one user may watch."""
    try:
        return int(_WATCHES.read_text())
    except (OSError, ValueError):
        return None
