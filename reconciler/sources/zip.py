"""Packages in local zip archives."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.desired import Limits
from reconciler.packages.content import Content
from reconciler.packages.stamps import archive_stamp


class ZipSource:
    """An archive, read by the rules of ``packages.archive``."""

    def stamp(self, location: Path) -> str:
        return archive_stamp(location)

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        from reconciler.packages.archive import open_archive  # only what differs from the record is opened

        return open_archive(location, limits=limits, name=name)
