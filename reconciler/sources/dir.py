"""Packages in local folders."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.desired import Limits
from reconciler.packages.content import Content
from reconciler.packages.folder import folder_stamp, open_folder


class DirSource:
    """A folder, read as it is now."""

    def stamp(self, location: Path) -> str:
        return folder_stamp(location)

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        return open_folder(location, limits=limits, name=name)
