"""Packages in local folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.model.desired import Limits
from reconciler.model.source import SourceKind
from reconciler.packages.content import Content
from reconciler.packages.stamps import archive_stamp, folder_stamp
from reconciler.sources.protocol import SourceDriver


class DirSource:
    """A folder, read as it is now."""

    def stamp(self, location: Path) -> str:
        return folder_stamp(location)

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        from reconciler.packages.folder import open_folder  # only what differs from the record is opened

        return open_folder(location, limits=limits, name=name)


class ZipSource:
    """An archive, read by the rules of ``packages.archive``."""

    def stamp(self, location: Path) -> str:
        return archive_stamp(location)

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        from reconciler.packages.zip.archive import open_archive  # only what differs from the record is opened

        return open_archive(location, limits=limits, name=name)


DRIVERS: Final[Mapping[SourceKind, SourceDriver]] = {
    SourceKind.DIR: DirSource(),
    SourceKind.ZIP: ZipSource(),
}
