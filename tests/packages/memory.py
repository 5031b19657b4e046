"""Packages that exist in memory only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from reconciler.model.package import FileEntry


class MemoryContent:
    """A package's files, given as path → text or bytes. ``Content`` says what the parts mean."""

    def __init__(self, files: Mapping[str, str | bytes], *, notes: tuple[str, ...] = ()) -> None:
        self._data = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        self.notes = notes

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(
            FileEntry(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for path, data in sorted(self._data.items())
        )

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self._data[path]])
