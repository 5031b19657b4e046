"""The files that say what an installed item is and does, and none of the others: enough to serve it.

Those are its manifests, the extensions that a module brings, and its prompt templates.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.fs.descriptor import READ, READ_FOLDER, opened
from reconciler.fs.tree import Stamp, stamp_of
from reconciler.model.ids import Kind
from reconciler.model.package import (
    EXTENSION_MANIFEST,
    EXTENSION_PACKAGING,
    MODULE_MANIFEST,
    MODULE_PACKAGING,
    FileEntry,
)
from reconciler.packages.content import CHUNK_BYTES, refusal
from reconciler.packages.manifest import MAX_YAML_BYTES

_FILES: Final = {
    Kind.EXTENSION: (EXTENSION_MANIFEST, EXTENSION_PACKAGING),
    Kind.MODULE: (MODULE_MANIFEST, MODULE_PACKAGING),
}
_BESIDE: Final = {"extensions": (".yaml", ".yml"), "templates": (".txt",)}
"""Folders whose files with these endings belong to it; not what lies deeper."""
_TEMPLATES: Final = "templates/"

FileStamps = tuple[tuple[str, Stamp], ...]
"""Each definition file with its stamp, sorted by path."""


class Definitions(Struct, frozen=True):
    """A package of nothing but its definition files. ``Content`` says what the parts mean."""

    files: tuple[FileEntry, ...]
    _data: dict[str, bytes]
    notes: tuple[str, ...] = ()

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self._data[path]])

    @property
    def templates(self) -> dict[str, str]:
        """The texts of the prompt templates, by name without ``.txt``; what is too large is left out."""
        paths = [entry.path for entry in self.files if entry.path.startswith(_TEMPLATES) and self._data[entry.path]]
        return {path[len(_TEMPLATES) : -len(".txt")]: self._data[path].decode("utf-8", "replace") for path in paths}

    @property
    def digest(self) -> str:
        """Equal for two states exactly when all their files are."""
        lines = "".join(f"{entry.sha256}  {entry.path}\n" for entry in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


def stamps_of(folder: Path, kind: Kind) -> FileStamps:
    """What ``open_definitions`` would read now. Links are left out; ``InputError`` where the folder cannot be read."""
    with _faults(folder), opened(folder, READ_FOLDER) as root:
        return tuple(sorted([*_stamps(root, _FILES[kind], ""), *_beside(root)]))


def open_definitions(folder: Path, stamps: FileStamps) -> Definitions:
    """Read the files of ``stamps``. ``InputError`` where one cannot be read, or is no longer what it was.

    Of a file that is larger than any definition may be, only the size is taken: reading the package refuses it.
    """
    data: dict[str, bytes] = {}
    files = []
    for path, stamp in stamps:
        data[path] = _read(folder, path, stamp) if stamp.size <= MAX_YAML_BYTES else b""
        files.append(FileEntry(path=path, sha256=hashlib.sha256(data[path]).hexdigest(), size=stamp.size))
    return Definitions(tuple(files), data)


def _beside(root: int) -> Iterator[tuple[str, Stamp]]:
    for name, endings in _BESIDE.items():
        try:
            folder = os.open(name, READ_FOLDER, dir_fd=root)
        except OSError:
            continue  # none, or a link, which is not followed
        try:
            names = sorted(found for found in os.listdir(folder) if found.endswith(endings))  # noqa: PTH208 - open
            yield from _stamps(folder, names, f"{name}/")
        finally:
            os.close(folder)


def _stamps(folder: int, names: tuple[str, ...] | list[str], prefix: str) -> Iterator[tuple[str, Stamp]]:
    for name in names:
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield prefix + name, stamp_of(status)


def _read(folder: Path, path: str, stamp: Stamp) -> bytes:
    with _faults(folder / path), opened(folder / path, READ) as descriptor:
        data = b""
        while len(data) <= stamp.size and (chunk := os.read(descriptor, CHUNK_BYTES)):
            data += chunk
        if stamp_of(os.fstat(descriptor)) != stamp:
            raise refusal(str(folder), "changed while it was read", entry=path, advice="refresh again")
    return data


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turn what the system refuses for ``path`` into words."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", code=ErrorCode.UNREADABLE) from error
