"""Packages in archives that we packed ourselves, found again by the digest of their tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from reconciler.errors import InputError, LlamagateError, StorageError
from reconciler.fs.descriptor import READ, opened
from reconciler.fs.presence import is_there
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest, tree_digest
from reconciler.packages import checksums
from reconciler.packages.zip.archive import ArchiveContent, open_archive
from reconciler.packages.zip.pack import is_packed

_HEADER_BYTES: Final = 4096
"""More than what an archive holds for each entry besides its content: both headers, and the name in each."""


_SMALL_BYTES: Final = 2**20


def is_packed_at(path: Path, tree: Digest) -> bool:
    """Whether a small archive at ``path`` is what was packed from ``tree``. "No" says nothing: ``open_packed`` does."""
    try:
        with opened(path, READ) as descriptor:
            size = min(os.fstat(descriptor).st_size, _SMALL_BYTES)
            data = os.read(descriptor, size + 1)
    except OSError:
        return False
    return len(data) == size and is_packed(data, tree)


def open_packed(path: Path, tree: Digest, *, limits: Limits, name: str) -> ArchiveContent | None:
    """The archive at ``path``; ``None`` where there is none, or where it is not what was packed from ``tree``.

    ``StorageError`` where the system does not let us read it.
    It is stored and not compressed, and so may be larger than an archive that others bring.
    """
    if not is_there(path):
        return None
    room = replace(limits, archive=limits.unpacked + limits.entries * _HEADER_BYTES)
    try:
        content = open_archive(path, limits=room, name=name, packed_by_us=True)
    except InputError as error:
        cause = error.__cause__
        if isinstance(cause, OSError):
            cause.filename = os.fspath(path)  # what failed on a descriptor names none
            raise StorageError.of(cause, "the package was not read") from cause
        return None
    is_whole = tree_digest({entry.path: entry.sha256 for entry in content.files}) == tree and content.as_packed
    return content if is_whole and _matches_its_list(content, name) else None


def _matches_its_list(content: ArchiveContent, name: str) -> bool:
    """The digest of a tree does not cover the list of checksums, so that is held against the files."""
    try:
        checksums.verify(content, name=name)
    except LlamagateError:
        return False
    return True
