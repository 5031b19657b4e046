"""A package with other bytes in some of its files: what an editor holds and has not saved, or a fix not yet written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from msgspec import Struct

from reconciler.model.package import FileEntry
from reconciler.packages.content import Content


class Overlaid(Struct, frozen=True):
    """``data`` by path, over the files of ``whole``; ``None`` where there are no others. ``Content`` says the rest."""

    whole: Content | None
    data: Mapping[str, bytes]

    @property
    def files(self) -> tuple[FileEntry, ...]:
        entries = {entry.path: entry for entry in (self.whole.files if self.whole else ())}
        for path, data in self.data.items():
            entries[path] = FileEntry(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        return tuple(entries[path] for path in sorted(entries))

    @property
    def notes(self) -> tuple[str, ...]:
        return self.whole.notes if self.whole else ()

    def chunks(self, path: str) -> Iterator[bytes]:
        if path in self.data or self.whole is None:
            return iter([self.data[path]])
        return self.whole.chunks(path)
