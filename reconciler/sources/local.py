"""Packages on this machine, read as they are now: folders and archives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
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


_YAML: Final = (".yaml", ".yml")
_MANIFESTS: Final = ("manifest", "extension", "agenticmodule")
_WRONG: Final = ErrorCode.WRONG_PACKAGE


def _not_a_package_folder(location: Path, name: str) -> InputError:
    """The error for a file that was named where a package belongs."""
    suffix, advice = location.suffix.lower(), ""
    if suffix == ".zip":
        message = "this is a zip archive, not a folder; write {zip: …} or only the path"
    elif suffix in _YAML and location.stem in _MANIFESTS:
        message = "this is the manifest of a package; name the folder that holds it"
    elif suffix in _YAML:
        message, advice = "this is a YAML file, not a package", f"for a desired state run 'llamagate apply -f {name}'"
    else:
        message = "this is a file; a package is a folder or a zip archive"
    return InputError.at(message, file=name, advice=advice, code=_WRONG)


def _check_exists(location: Path, name: str) -> None:
    """``InputError`` for a path that is not there, with the reason where it shows."""
    if os.path.lexists(location):  # also of a name that is too long for the system
        return
    if "\\" in name and (location.parent / name.replace("\\", "/")).exists():
        message = f"not found; a path is written with '/': {name.replace(chr(92), '/')}"
    elif "\\" in name:
        message = "not found; a path is written with '/', not with a backslash"
    elif name.startswith(("~", "$", "%")):
        message = "not found: '~' and variables are not replaced; write the whole path"
    else:
        message = "not found; check the path"
    raise InputError.at(message, file=name, code=ErrorCode.NOT_FOUND)


def _open_folder(location: Path, *, limits: Limits, name: str) -> Content:
    from reconciler.packages.folder import open_folder  # only what differs from the record is opened

    if os.path.isfile(location):  # noqa: PTH113 - the other one raises for a name that is too long
        raise _not_a_package_folder(location, name)
    _check_exists(location, name)
    return open_folder(location, limits=limits, name=name)


def _open_archive(location: Path, *, limits: Limits, name: str) -> Content:
    from reconciler.packages.zip.archive import open_archive  # as above

    if os.path.isdir(location):  # noqa: PTH112 - as above
        raise InputError.at("this is a folder, not an archive; write {dir: …} or only the path", file=name, code=_WRONG)
    if location.suffix.lower() in _YAML and os.path.isfile(location):  # noqa: PTH113
        raise _not_a_package_folder(location, name)
    _check_exists(location, name)
    return open_archive(location, limits=limits, name=name)


LOCAL: Final[Mapping[SourceKind, LocalSource]] = {
    SourceKind.DIR: LocalSource(folder_stamp, _open_folder),
    SourceKind.ZIP: LocalSource(archive_stamp, _open_archive),
}
"""Which kind of source is read how."""
