"""What is there. Where nobody can tell, since the disk or a permission fails, that is an error and never a "no".

``pathlib`` answers such a question with "no": its ``glob`` always did, ``exists``, ``is_dir`` and ``is_file`` do since
Python 3.14. A "no" that is wrong skips a sync, or drops a package that only an unread document names.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def mode_of(path: Path) -> int | None:
    """The mode of what ``path`` leads to; ``None`` where that is nothing. Raises ``OSError``."""
    try:
        return os.stat(path).st_mode
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def is_there(path: Path) -> bool:
    """Whether something has that name; also a link that leads nowhere, which is a mistake. Raises ``OSError``."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return True


def is_folder(path: Path) -> bool:
    """Whether ``path`` leads to a folder. Raises ``OSError``."""
    mode = mode_of(path)
    return mode is not None and stat.S_ISDIR(mode)


def is_file(path: Path) -> bool:
    """Whether ``path`` leads to a regular file. Raises ``OSError``."""
    mode = mode_of(path)
    return mode is not None and stat.S_ISREG(mode)


def entries(folder: Path) -> list[Path]:
    """What is in ``folder``, sorted; nothing where no folder is. Raises ``OSError``."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in sorted(names)]
