"""Packages in local folders."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.desired import Limits
from reconciler.packages.content import Content
from reconciler.packages.stamps import folder_stamp


class DirSource:
    """A folder, read as it is now."""

    def stamp(self, location: Path) -> str:
        return folder_stamp(location)

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        from reconciler.packages.folder import open_folder  # only what differs from the record is opened

        return open_folder(location, limits=limits, name=name)
