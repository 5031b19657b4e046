"""The new tree of one item: what is in it, and how it is written, like what it replaces."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from msgspec import Struct

from reconciler.fs import tree
from reconciler.fs.ownership import Likeness, likeness_of
from reconciler.model.record import RecordedFile
from reconciler.packages.content import OpenPackage, executables_of, privates_of
from reconciler.packages.realise import Realised


class NewTree(Struct, frozen=True, kw_only=True):
    """What to build for one item: the package, its files as installed, and what stays as it is on disk."""

    opened: OpenPackage
    realised: Realised
    keep: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    carried_from: Path | None = None
    """Where local files come from, if not from what stands at the item's place."""
    private: bool = False
    """Whether what was written for the configuration holds secrets, and is for the owner's eyes only."""
    was_private: bool = False
    """Whether that was so of what stands at the item's place."""
    executables: frozenset[str] | None = None
    """The paths of the executable files; ``None``: as the package has them."""

    @property
    def paths(self) -> Iterator[str]:
        """The files to write."""
        return (path for path in self.realised.hashes if path not in self.keep)

    @property
    def published(self) -> frozenset[str]:
        """The paths that hold secrets no longer: their old mode does not count."""
        manifest = self.opened.package.manifest
        is_published = self.was_private and not self.private
        return frozenset([manifest.definition, manifest.installed_definition] if is_published else [])

    def modes(self) -> Callable[[str], int]:
        """The mode of each path. What only its owner may read in the source stays so, and so does a manifest of it."""
        content, manifest = self.opened.content, self.opened.package.manifest
        executables = executables_of(content) if self.executables is None else self.executables
        private = privates_of(content)
        if manifest.definition in private:
            private |= {manifest.installed_definition}
        if self.private:
            private |= self.realised.written.keys()
        return lambda path: (0o755 if path in executables else 0o644) & (0o700 if path in private else 0o777)


class Before:
    """What a new tree is like: owner, group and mode of what it replaces, else of the folder that it comes into."""

    def __init__(self, item: str, parent: Likeness | None) -> None:
        self._item = item
        self.is_there = tree.inode_of(item) is not None
        replaced = likeness_of(item) if self.is_there else None
        self._replaces = replaced is not None
        self.root = replaced or parent

    def folder(self, path: str) -> Likeness | None:
        """What the folder ``path`` is like; ``""`` is the whole."""
        found = likeness_of(f"{self._item}/{path}") if path and self._replaces else None
        return found or self.root

    def mode(self, path: str, wanted: int, *, is_new: bool) -> int:
        """The mode of a file: who may read and write it as before; nobody else where it is ``wanted`` private."""
        access = self.root.file_mode if self.root else 0o644
        if self._replaces and not is_new:
            with suppress(OSError):
                status = os.lstat(f"{self._item}/{path}")
                access = (status.st_mode if stat.S_ISREG(status.st_mode) else access) & 0o666 | 0o600
        mode = access | (access & 0o444) >> 2 if wanted & 0o100 else access
        return mode if wanted & 0o077 else mode & 0o700


def write_files(root: str, wanted: NewTree, before: Before) -> dict[str, RecordedFile]:
    """Write what is ``wanted`` into the folder ``root``; the files as written, with stamps."""
    with closing(_FolderFds(root, before)) as folder_fd:
        mode, published = wanted.modes(), wanted.published
        return {
            path: _write(root, folder_fd, path, wanted, before.mode(path, mode(path), is_new=path in published))
            for path in wanted.paths
        }


class _FolderFds:
    """Opens the folders of one tree, creating them, one descriptor each. They are like those ``before``."""

    def __init__(self, root: str, before: Before) -> None:
        self.root, self.before = root, before
        self._fds = {"": os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)}
        self._make_like("")

    def _make_like(self, folder: str) -> None:
        like = self.before.folder(folder)
        if like is None:
            return
        try:
            status, mode = os.fstat(self._fds[folder]), like.mode | stat.S_IRWXU
            if like.give(self._fds[folder], status) or stat.S_IMODE(status.st_mode) != mode:
                os.fchmod(self._fds[folder], mode)
        except OSError as error:
            error.filename = f"{self.root}/{folder}"  # it has only a descriptor
            raise

    def __call__(self, folder: str) -> int:
        if folder not in self._fds:
            parent, _, name = folder.rpartition("/")
            above = self(parent)
            os.mkdir(name, dir_fd=above)
            self._fds[folder] = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
            self._make_like(folder)
        return self._fds[folder]

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)


def _write(root: str, folder_fd: _FolderFds, path: str, wanted: NewTree, mode: int) -> RecordedFile:
    folder, _, name = path.rpartition("/")
    try:
        chunks = wanted.realised.chunks(path, wanted.opened.content)
        stamp = tree.create_file(folder_fd(folder), name, chunks, mode, like=folder_fd.before.root)
    except OSError as error:
        error.filename = f"{root}/{path}"  # relative to a descriptor, or missing
        raise
    sha256 = wanted.realised.hashes[path]
    return RecordedFile(sha256) if tree.hides_changes(stamp) else RecordedFile(sha256, *stamp)
