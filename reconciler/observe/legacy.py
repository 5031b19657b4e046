"""The packages of a gateway's old folders, ``./extensions`` and ``./agenticmodules``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.fs.presence import is_folder
from reconciler.observe.below import packages_below

LEGACY_FOLDERS: Final = ("extensions", "agenticmodules")
"""Beside the place where a gateway was started."""
_BUILTIN: Final = "builtin"


def legacy_packages(folder: Path) -> list[Path]:
    """The folders with a manifest below ``folder``, but for its ``builtin``.

    ``InputError`` where it is no folder, ``StorageError`` where one in it cannot be read.
    """
    if not is_folder(folder):
        message = "no such folder; name the 'extensions' or 'agenticmodules' folder where the gateway was started"
        raise InputError.at(message, file=folder, code=ErrorCode.NOT_FOUND)
    return packages_below(folder, skips=lambda path: path == _BUILTIN)
