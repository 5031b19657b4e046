"""The packages of a gateway's old folder ``./extensions``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NoReturn

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, StorageError
from reconciler.model.package import MANIFESTS

MANIFEST_NAMES: Final = frozenset(chain.from_iterable(MANIFESTS.values()))
_BUILTIN: Final = "builtin"


def legacy_packages(folder: Path) -> list[Path]:
    """The folders with a manifest below ``folder``, but for its ``builtin``; nothing inside a package is one more.

    ``InputError`` where it is no folder, ``StorageError`` where one in it cannot be read: what it holds is not known.
    """
    if not folder.is_dir():
        message = "no such folder; name the 'extensions' folder of the place where the gateway was started"
        raise InputError.at(message, file=folder, code=ErrorCode.NOT_FOUND)
    return sorted(_search(folder))


def _search(root: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = [] if MANIFEST_NAMES.intersection(files) else sorted(folders)
        if Path(place) == root:
            folders[:] = [name for name in folders if name != _BUILTIN]
        if MANIFEST_NAMES.intersection(files) and Path(place) != root:
            yield Path(place)


def _refuse(error: OSError) -> NoReturn:
    raise StorageError(f"{error.filename} cannot be read: {error.strerror}") from error
