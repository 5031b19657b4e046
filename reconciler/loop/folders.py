"""Which folders to watch. Folders, not files: a file that is replaced takes its watch with it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.fs.tree import NodeKind, inode_of, kind_at, link_at
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS

_MAX_LINKS: Final = 40
_MANY: Final = 8
"""Packages side by side from which on their common folder is watched: each folder that is named costs a thread."""

_OURS: Final = frozenset(["record.json", "journal", "journal.undo"])
"""What of our own folder is of interest: orders to the watcher, and changes that other commands begin."""


class WatchedFolder(Struct, frozen=True):
    """A folder that is there, ``deep`` with all below it. ``inode`` tells it from another one at its path.

    ``only`` are the names of interest in it; empty for all.
    """

    path: Path
    deep: bool
    inode: int | None
    only: frozenset[str] = frozenset()


def folders_to_watch(file: Path, sources: Collection[str], home: Home) -> frozenset[WatchedFolder]:
    """What to watch for a pass over ``file``: its folder, its local sources, and the home."""
    installed = [home.installed(kind) for kind in PACKAGE_KINDS]
    above, some = _Above(), _enough_of(sources)
    folders = {folder for path in (file, *some, *installed, home.registry) for folder in _folders_of(path, above)}
    found = [_watched(folder) for folder in folders]
    found += [_watched(folder, deep=True) for folder in (*_deep_folders(some), *filter(_is_folder, installed))]
    found.append(_watched(_nearest(home.ours), only=_OURS if _is_folder(home.ours) else frozenset()))
    return frozenset(found)


def _enough_of(sources: Collection[str]) -> tuple[Path, ...]:
    """Those that tell what to watch: of plain files or folders side by side a few tell as much as thousands."""
    names: dict[str, list[str]] = defaultdict(list)
    for source in dict.fromkeys(sources):
        parent, _, name = source.rpartition("/")
        names[parent].append(name)
    return tuple(Path(f"{parent}/{name}") for parent in names for name in _unlike(parent, names[parent]))


def _unlike(parent: str, names: list[str]) -> list[str]:
    if len(names) <= _MANY:
        return names
    try:
        with os.scandir(parent) as entries:
            found = [*entries]
            all_folders = {entry.name for entry in found if entry.is_dir(follow_symlinks=False)}
            all_files = {entry.name for entry in found if entry.is_file(follow_symlinks=False)}
    except OSError:
        return names
    folders, files = ([name for name in names if name in kind] for kind in (all_folders, all_files))
    others = [name for name in names if name not in all_folders and name not in all_files]
    return [*others, *folders[:_MANY], *files[:1]]


def _deep_folders(sources: Collection[Path]) -> list[Path]:
    """The folders to watch with all below them."""
    folders = {_real(source) for source in sources if _is_folder(source)}
    crowds = {parent for parent, count in Counter(folder.parent for folder in folders).items() if count >= _MANY}
    chosen = {folder for folder in folders if folder.parent not in crowds} | crowds
    return [folder for folder in chosen if not chosen.intersection(folder.parents)]


class _Above(Struct):
    """What is known of folders for one look: packages by the thousand are side by side in one."""

    _nearest: dict[Path, Path] = field(default_factory=dict)
    _links: dict[Path, Path | None] = field(default_factory=dict)

    def nearest(self, folder: Path) -> Path:
        if folder not in self._nearest:
            self._nearest[folder] = _nearest(folder)
        return self._nearest[folder]

    def link(self, folder: Path) -> Path | None:
        """``folder``, or the closest one above it, where that is a link."""
        if folder not in self._links:
            above = (part for part in (folder, *folder.parents) if link_at(part) is not None)
            self._links[folder] = next(above, None)
        return self._links[folder]


def _folders_of(path: Path, above: _Above) -> Iterator[Path]:
    """The folders in which ``path`` can be replaced: its own, and that of each link on the way to its content."""
    for _ in range(_MAX_LINKS):
        yield above.nearest(path.parent)
        link = path if link_at(path) is not None else above.link(path.parent)
        target = link_at(link) if link is not None else None
        if link is None or target is None:
            return
        yield link.parent
        path = link.parent / target / path.relative_to(link)


def _nearest(folder: Path) -> Path:
    """``folder``, or the closest one above it that is there."""
    return next((one for one in (folder, *folder.parents) if _is_folder(one)), Path("/"))


def _is_folder(path: Path) -> bool:
    return kind_at(path) is NodeKind.FOLDER


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def _watched(folder: Path, *, deep: bool = False, only: frozenset[str] = frozenset()) -> WatchedFolder:
    real = _real(folder)
    return WatchedFolder(path=real, deep=deep, inode=inode_of(real), only=only)
