"""Packages in folders: read through descriptors, following no link, and noticing what changes meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import InputError
from reconciler.fs.descriptor import READ, READ_FOLDER, READ_FOLDER_THROUGH_LINKS, opened
from reconciler.fs.tree import stamp_of
from reconciler.model.desired import Limits
from reconciler.model.ids import path_problem
from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, NO_PATTERNS, Ignores
from reconciler.model.ignored import is_ignored, notes_on
from reconciler.model.package import FileEntry
from reconciler.packages.content import CHUNK_BYTES, refusal, shown
from reconciler.packages.ignore_file import decode
from reconciler.packages.survey import Survey

_AGAIN: Final = "run the command again"
_NAME: Final = attrgetter("name")


class FolderContent(Struct, frozen=True):
    """The files of a package in the folder ``path``. ``Content`` says what the parts mean."""

    path: Path
    name: str
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...]
    _by_path: dict[str, FileEntry]

    def chunks(self, path: str) -> Iterator[bytes]:
        entry = self._by_path[path]
        digest = hashlib.sha256()
        with _faults(self.name, path):
            descriptor = _open_below(self.path, path)
        for chunk in _contents(descriptor, self.name, path, entry.size):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != entry.sha256:
            raise _changed(self.name, path)


def open_folder(
    path: Path, *, limits: Limits, name: str, in_use: bool = False, ignore: Ignores = NO_PATTERNS
) -> FolderContent:
    """Check the whole folder and hash its files. ``name`` is how messages call it.

    Raises ``InputError`` for the first thing that is wrong: a link, a pipe, a device, a bad name, a file that cannot be
    read or changes while it is, a limit passed. ``in_use``: people and programs have been at work in it, so that a
    node which no package may hold (those above, or a file that is too large) is theirs, and left out. What
    ``ignore`` or the package's own file of patterns names is left out too.
    """
    try:
        root = os.open(path, READ_FOLDER_THROUGH_LINKS)
    except OSError as error:
        advice = "check its permissions" if error.errno == errno.EACCES else "check the path"
        raise refusal(name, f"cannot be opened: {error.strerror}", advice=advice) from error
    try:
        survey = _FolderWalk(name, limits, in_use=in_use, ignore=ignore | _own_patterns(root, name))
        survey.folder(root, "")
    finally:
        os.close(root)
    by_path = {entry.path: entry for entry in sorted(survey.files, key=attrgetter("path"))}
    return FolderContent(path, name, tuple(by_path.values()), notes_on(survey.ignored), by_path)


class _FolderWalk(Survey):
    """One walk through a folder, in which people and programs may have been at work (``in_use``)."""

    def __init__(self, name: str, limits: Limits, *, in_use: bool, ignore: Ignores) -> None:
        super().__init__(name, limits)
        self.in_use = in_use
        self.ignore = ignore

    def folder(self, descriptor: int, prefix: str) -> None:
        """Take everything in the open folder whose path, with ``/``, is ``prefix``."""
        with _faults(self.name, prefix or "."), os.scandir(descriptor) as listing:
            found = sorted(islice(listing, self.limits.entries + 1), key=_NAME)
        for entry in found:
            path = prefix + entry.name
            with _faults(self.name, path):
                status = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(status.st_mode)
            if is_ignored(f"{path}/" if is_folder else path):
                self.ignored.append(path)
                continue
            if self.ignore.names(f"{path}/" if is_folder else path):
                continue
            if self.in_use and self._is_no_packages(path, status):
                continue
            self.enter(path, folder=is_folder)
            if is_folder:
                self._folder(descriptor, entry.name, path)
            else:
                self._file(descriptor, entry.name, path, status)

    def _is_no_packages(self, path: str, status: os.stat_result) -> bool:
        is_file = stat.S_ISREG(status.st_mode)
        is_known = is_file or stat.S_ISDIR(status.st_mode)
        return not is_known or path_problem(path) is not None or (is_file and status.st_size > self.limits.file)

    def _folder(self, parent: int, leaf: str, path: str) -> None:
        with _faults(self.name, path), opened(leaf, READ_FOLDER, folder=parent) as descriptor:
            self.folder(descriptor, f"{path}/")

    def _file(self, parent: int, leaf: str, path: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._not_a_file(parent, leaf, path, status)
        self.enter_size(path, status.st_size)
        digest = hashlib.sha256()
        with _faults(self.name, path):
            descriptor = os.open(leaf, READ, dir_fd=parent)
        for chunk in _contents(descriptor, self.name, path, status.st_size):
            digest.update(chunk)
        entry = FileEntry(path=path, sha256=digest.hexdigest(), size=status.st_size)
        executable, private = status.st_mode & 0o111 != 0, status.st_mode & 0o077 == 0
        self.files.append(replace(entry, executable=executable, private=private))

    def _not_a_file(self, parent: int, leaf: str, path: str, status: os.stat_result) -> InputError:
        if not stat.S_ISLNK(status.st_mode):
            return refusal(self.name, "is not a regular file or folder", entry=path, advice="remove it")
        with _faults(self.name, path):
            target = os.readlink(leaf, dir_fd=parent)
        return refusal(self.name, f"is a symbolic link to {shown(target)}", entry=path, advice="copy the file instead")


def _own_patterns(root: int, name: str) -> Ignores:
    """What the package in the open folder ``root`` leaves out itself; a file of patterns that is no file is a fault."""
    try:
        with _faults(name, IGNORE_FILE), opened(IGNORE_FILE, READ, folder=root) as descriptor:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return decode(os.read(descriptor, MAX_IGNORE_BYTES + 1), name=name) if is_file else NO_PATTERNS
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError) or _is_link(error):
            return NO_PATTERNS  # the walk says what is wrong with a link
        raise


def _is_link(error: InputError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ELOOP


def _open_below(root: Path, path: str) -> int:
    """Open the file ``path`` below ``root``, following no link on the way from there."""
    *folders, leaf = path.split("/")
    descriptor = os.open(root, READ_FOLDER_THROUGH_LINKS)  # it may be a link: the user named it
    try:
        for part in folders:
            below = os.open(part, READ_FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        return os.open(leaf, READ, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _contents(descriptor: int, name: str, path: str, size: int) -> Iterator[bytes]:
    """The bytes of the open file, which is closed at the end. ``InputError`` unless it is and stays ``size`` long."""
    try:
        with _faults(name, path):
            before = os.fstat(descriptor)
            left = size if stat.S_ISREG(before.st_mode) and before.st_size == size else -1
            while left >= 0 and (chunk := os.read(descriptor, CHUNK_BYTES)):
                left -= len(chunk)
                yield chunk
            if left or stamp_of(os.fstat(descriptor)) != stamp_of(before):
                raise _changed(name, path)
    finally:
        os.close(descriptor)


def _changed(name: str, path: str) -> InputError:
    return refusal(name, "changed while it was read", entry=path, advice=_AGAIN)


@contextmanager
def _faults(name: str, path: str) -> Iterator[None]:
    """Turn what the system refuses for ``path`` into words. What is gone, or a link now, was there a moment ago."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise _changed(name, path) from error
        rule = f"cannot be read: {error.strerror}"
        raise refusal(name, rule, entry=path, advice="check its permissions") from error
