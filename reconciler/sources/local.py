"""Packages on this machine, read as they are now: folders and archives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.model.ignore_file import Ignores
from reconciler.model.source import TAR_SUFFIXES, SourceKind
from reconciler.packages.content import Content, all_private
from reconciler.packages.stamps import archive_stamp, folder_stamp


class Opener(Protocol):
    """Opens the package at an absolute location; ``name`` is how messages name it, ``path`` its folder in an archive.

    Its files are checked against ``limits``; ``InputError`` says what is wrong with them. What ``ignore`` names in a
    folder is left out.
    """

    def __call__(self, location: Path, *, limits: Limits, name: str, path: str, ignore: Ignores) -> Content: ...


class LocalSource(NamedTuple):
    """A kind of source. While its ``stamp`` stays the same, so does its content; empty where nothing is there."""

    stamp: Callable[[Path | str, Ignores], str]
    open: Opener


_YAML: Final = (".yaml", ".yml")
_MANIFESTS: Final = ("manifest", "extension", "agenticmodule")
_WRONG: Final = ErrorCode.WRONG_PACKAGE


def _open_folder(location: Path, *, limits: Limits, name: str, path: str, ignore: Ignores) -> Content:
    from reconciler.packages.folder import open_folder  # only what differs from the record is opened

    try:
        return open_folder(location / path, limits=limits, name=name, ignore=ignore)
    except InputError as error:
        raise _explained(error, location, name, _no_folder) from error


def _open_zip(location: Path, *, limits: Limits, name: str, path: str, ignore: Ignores) -> Content:  # noqa: ARG001
    from reconciler.packages.zip.archive import open_archive  # as above

    return _opened(lambda: open_archive(location, limits=limits, name=name, path=path), location, name, _no_zip)


def _open_tar(location: Path, *, limits: Limits, name: str, path: str, ignore: Ignores) -> Content:  # noqa: ARG001
    from reconciler.packages.tar.archive import open_tar  # only what differs from the record is opened

    return _opened(lambda: open_tar(location, limits=limits, name=name, path=path), location, name, _no_archive)


def _opened(
    read: Callable[[], Content], location: Path, name: str, wrong: Callable[[Path, str], InputError | None]
) -> Content:
    """What is in an archive: for its owner alone, if the archive is."""
    try:
        content = read()
    except InputError as error:
        raise _explained(error, location, name, wrong) from error
    return all_private(content) if _is_private(location) else content


def _is_private(location: Path) -> bool:
    """Whether only its owner may read it: then so it is with what comes out of it."""
    with suppress(OSError):
        return os.name == "posix" and os.stat(location).st_mode & 0o077 == 0  # noqa: PTH116 - as in stamps
    return False


def _explained(
    error: InputError, location: Path, name: str, wrong: Callable[[Path, str], InputError | None]
) -> InputError:
    """``error``; or what to write, where the path shows a common mistake."""
    cause = error.__cause__
    if isinstance(cause, FileNotFoundError):
        return _not_found(location, name)
    if isinstance(cause, OSError) and not isinstance(cause, NotADirectoryError):
        return error
    return wrong(location, name) or error


def _no_folder(location: Path, name: str) -> InputError | None:
    if not os.path.isfile(location):  # noqa: PTH113 - the other one may raise
        return None
    suffix, advice = location.suffix.lower(), ""
    if suffix == ".zip":
        message = "this is a zip archive, not a folder; write {zip: …} or only the path"
    elif location.name.lower().endswith(TAR_SUFFIXES):
        message = "this is a tar archive, not a folder; write {tar: …} or only the path"
    elif suffix in _YAML and location.stem in _MANIFESTS:
        message = "this is the manifest of a package; name the folder that holds it"
    elif suffix in _YAML:
        message, advice = "this is a YAML file, not a package", f"for a desired state run 'llamagate apply -f {name}'"
    else:
        message = "this is a file; a package is a folder or a zip or tar archive"
    return InputError.at(message, file=name, advice=advice, code=_WRONG)


def _no_archive(location: Path, name: str) -> InputError | None:
    if os.path.isdir(location):  # noqa: PTH112 - as above
        message = f"this is a folder, not an archive; write {{dir: {name}}}"
        return InputError.at(message, file=name, code=_WRONG)
    return _no_folder(location, name) if location.suffix.lower() in _YAML else None


def _no_zip(location: Path, name: str) -> InputError | None:
    if location.name.lower().endswith(TAR_SUFFIXES):
        return InputError.at("this is a tar archive; write {tar: …} or only the path", file=name, code=_WRONG)
    return _no_archive(location, name)


def _not_found(location: Path, name: str) -> InputError:
    plain = name.replace("\\", "/")
    if plain != name and os.path.exists(location.parent / plain):  # noqa: PTH110 - as above
        message = f"not found; a path is written with '/': {plain}"
    elif plain != name:
        message = "not found; a path is written with '/', not with a backslash"
    elif name.startswith(("~", "$", "%")) and not name.startswith("~/"):
        message = "not found: of '~' and variables only '~/' is replaced; write that, or the whole path"
    else:
        message = "not found; check the path"
    return InputError.at(message, file=name, code=ErrorCode.NOT_FOUND)


LOCAL: Final[Mapping[SourceKind, LocalSource]] = {
    SourceKind.DIR: LocalSource(folder_stamp, _open_folder),
    SourceKind.ZIP: LocalSource(lambda path, _: archive_stamp(path), _open_zip),
    SourceKind.TAR: LocalSource(lambda path, _: archive_stamp(path), _open_tar),
}
"""Which kind of source is read how."""


def kind_at(path: Path) -> SourceKind:
    """The kind of the package at ``path``, by what is there and by its name."""
    if path.is_dir():
        return SourceKind.DIR
    return SourceKind.TAR if path.name.lower().endswith(TAR_SUFFIXES) else SourceKind.ZIP
