"""The packages below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NoReturn

from reconciler.errors import StorageError
from reconciler.model.ignored import is_ignored
from reconciler.model.package import MANIFESTS

MANIFEST_NAMES: Final = frozenset(chain.from_iterable(MANIFESTS.values()))


def _is_ignored(path: str) -> bool:
    return is_ignored(f"{path}/")


def is_package(folder: Path) -> bool:
    """Whether ``folder`` itself has a manifest."""
    return any(os.path.isfile(folder / name) for name in MANIFEST_NAMES)  # noqa: PTH113 - false where it may not look


def packages_below(root: Path, skips: Callable[[str], bool] = _is_ignored) -> list[Path]:
    """The folders with a manifest below ``root``, in order; nothing inside a package is one more.

    ``skips`` says which folders are not looked into, by their path below ``root``. ``StorageError`` where one cannot be
    read: what it holds is not known.
    """
    return sorted(_search(root, skips))


def _search(root: Path, skips: Callable[[str], bool]) -> Iterator[Path]:
    for place, folders, files in os.walk(root, onerror=_refuse):
        is_one, below = not MANIFEST_NAMES.isdisjoint(files), Path(place).relative_to(root)
        if is_one and Path(place) != root:
            yield Path(place)
        folders[:] = [] if is_one else [name for name in folders if not skips((below / name).as_posix())]


def _refuse(error: OSError) -> NoReturn:
    raise StorageError(f"{error.filename} cannot be read: {error.strerror}") from error
