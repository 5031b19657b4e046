"""Who else may change what a home holds: links that lead elsewhere, and places that others own or may write to."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import RefusedError
from reconciler.fs.descriptor import READ_FOLDER_THROUGH_LINKS, naming, opened
from reconciler.fs.presence import is_folder
from reconciler.fs.tree import link_at
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS

_ROOT: Final = 0


class Exposed(Struct, frozen=True, kw_only=True):
    """A place that another user may change, or owns. ``cure`` is the command that ends it."""

    why: Literal["writable", "foreign", "home"]
    path: Path
    message: str
    cure: str


def refuse_foreign_links(home: Home) -> None:
    """``RefusedError`` for a link by which what is written would reach something that is not its owner's.

    Links are those of the home's owner or of root: nobody else's are followed. Who works in the home of another user,
    as root may, follows them only to what belongs to that user too. The registry leads nowhere else in any case.
    """
    try:
        owner = home.root.stat().st_uid
    except FileNotFoundError:
        return
    for link in _links(home):
        _refuse(link, owner, is_strict=link == home.registry or os.geteuid() != owner)


def refuse_foreign_link(home: Home, link: Path) -> None:
    """The same for one file that is to be written, where it is a link. Raises ``OSError``."""
    if link_at(link) is not None:
        _refuse(link, home.root.stat().st_uid, is_strict=True)


def _refuse(link: Path, owner: int, *, is_strict: bool) -> None:
    if fault := _fault_of(link, owner, is_strict=is_strict):
        raise RefusedError(
            f"{link} is a link {fault}, so it is not followed; nothing was changed",
            advice=f"look at where it leads (ls -l '{link}'), and remove it",
            code=ErrorCode.FOREIGN_LINK,
        )


def _links(home: Home) -> Iterator[Path]:
    folders = [folder for kind in PACKAGE_KINDS for folder in (home.installed(kind).parent, home.installed(kind))]
    for path in (home.registry.parent, home.registry, *folders, home.ours):
        if link_at(path) is not None:
            yield path
    for folder in (home.ours, home.backups, home.cache):
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            yield from (Path(entry.path) for entry in entries if entry.is_symlink())


def _fault_of(link: Path, owner: int, *, is_strict: bool) -> str:
    """Why the link must not be followed, as part of a sentence; empty where it may."""
    maker = link.lstat().st_uid
    if maker not in (owner, _ROOT):
        return f"that was made by {_user(maker)}, who does not own this home"
    if not is_strict or (maker == _ROOT and owner != _ROOT and link.name != "installed.json"):
        return ""
    try:
        target = link.stat().st_uid
    except OSError:
        return "that leads nowhere"
    return "" if target == owner else f"to something that belongs to {_user(target)}, who does not own this home"


def exposed(home: Home) -> Iterator[Exposed]:
    """Every such place: the home, our folders, the registry, the folders of items. ``OSError`` where one is hidden."""
    if not is_folder(home.root):
        return
    root = home.root.stat()
    owner, is_shared = root.st_uid, bool(root.st_mode & stat.S_IWGRP)
    if owner not in (os.geteuid(), _ROOT) and not (is_shared and os.access(home.root, os.W_OK)):
        message = f"{home.root} belongs to {_user(owner)}, and you are {_user(os.geteuid())}"
        yield Exposed(why="home", path=home.root, message=message, cure=f"sudo -u {_for_sudo(owner)} llamagate …")
    for path, status in _places(home, owner):
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            message = f"everyone can write to {path}"
            yield Exposed(why="writable", path=Path(path), message=message, cure=f"chmod o-w {shlex.quote(path)}")
        if status.st_uid not in (owner, _ROOT) and not (is_shared and status.st_gid == root.st_gid):
            message = f"{path} belongs to {_user(status.st_uid)}, and the home to {_user(owner)}"
            cure = f"chown -R {_name(owner) or owner} {shlex.quote(path)}"
            yield Exposed(why="foreign", path=Path(path), message=message, cure=cure)


def _places(home: Home, owner: int) -> Iterator[tuple[str, os.stat_result]]:
    """Those that are there, as text: there may be thousands. Of items, only those that may be of interest."""
    ours = (home.root, home.ours, home.cache, home.backups, home.pieces, home.generations)
    installed = [str(home.installed(kind)) for kind in PACKAGE_KINDS]
    for path in map(str, (*ours, home.registry.parent, home.registry, home.gateway_file, *installed)):
        with suppress(FileNotFoundError, NotADirectoryError):
            yield path, os.stat(path)  # noqa: PTH116 - as text
    for path in installed:
        yield from sorted(_items_in(path, owner))


def _items_in(installed: str, owner: int) -> Iterator[tuple[str, os.stat_result]]:
    """By a descriptor of the folder: every change asks for all of them."""
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        opened(installed, READ_FOLDER_THROUGH_LINKS) as folder,
        naming(installed),
        os.scandir(folder) as entries,
    ):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                error.filename = f"{installed}/{entry.name}"
                raise
            if status.st_mode & stat.S_IWOTH or status.st_uid != owner:
                yield f"{installed}/{entry.name}", status


def _user(number: int) -> str:
    return _name(number) or f"the user {number}"


def _for_sudo(number: int) -> str:
    return _name(number) or f"\\#{number}"


def _name(number: int) -> str:
    """Empty where the user has none, as in a container."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""
