"""Packages on this machine, read as they are now: folders and archives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from reconciler.model.desired import Limits
from reconciler.model.source import SourceKind
from reconciler.packages.content import Content
from reconciler.packages.stamps import archive_stamp, folder_stamp


class Opener(Protocol):
    """Opens the package at an absolute location; ``name`` is how messages name it.

    Its files are checked against ``limits``; ``InputError`` says what is wrong with them.
    """

    def __call__(self, location: Path, *, limits: Limits, name: str) -> Content: ...


class LocalSource(NamedTuple):
    """A kind of source. While its ``stamp`` stays the same, so does its content; empty where nothing is there."""

    stamp: Callable[[Path], str]
    open: Opener


def _open_folder(location: Path, *, limits: Limits, name: str) -> Content:
    from reconciler.packages.folder import open_folder  # only what differs from the record is opened

    return open_folder(location, limits=limits, name=name)


def _open_archive(location: Path, *, limits: Limits, name: str) -> Content:
    from reconciler.packages.zip.archive import open_archive  # as above

    return open_archive(location, limits=limits, name=name)


LOCAL: Final[Mapping[SourceKind, LocalSource]] = {
    SourceKind.DIR: LocalSource(folder_stamp, _open_folder),
    SourceKind.ZIP: LocalSource(archive_stamp, _open_archive),
}
"""Which kind of source is read how."""
