"""Replace a file only if it still says what was read, so that nothing that another program wrote is lost.

Our own commands take turns (``durable.one_writer``) from the comparison to the rename. Other programs do not: the new
file and the old one change places in one step, and where what came out is not what was read, they change back. Where
the system has no such step, the file is compared just before the rename, and a version that is written in the
microseconds between the two is lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.fs import swap
from reconciler.fs.bounded import read_if_there
from reconciler.fs.durable import behind_link, mode_of, one_writer, owner_for_new, owner_of, temporary_path, write_new
from reconciler.fs.sync import sync_folder
from reconciler.fs.tree import remove_tree


def replace_if(path: Path, data: bytes, *, expected: bytes | None) -> bool:
    """Make ``data`` the content of ``path``, durably, if the content is ``expected`` until then; ``None`` is no file.

    ``False``: another program changed or removed it, and its version is there. The file keeps its mode and, where the
    system permits it, its owner and group; a link at ``path`` stays one. Raises ``OSError`` with the path; then
    ``path`` is as it was unless only the tidying failed.
    """
    target = behind_link(path)
    temporary = temporary_path(target)
    with _naming_link(path, target), one_writer(target.parent):
        remove_tree(temporary)
        with _naming_target(temporary, target), _dropping(temporary):
            owner = owner_of(target) or owner_for_new(target.parent)
            write_new(temporary, data, mode_of(target), sync=True, owner=owner)
        with _dropping(temporary, only=(data, expected)):  # it may hold what another program wrote
            is_replaced = _take_place(temporary, target, data, expected)
            _tidy(temporary)
    return is_replaced


def remove_if(path: Path, *, expected: bytes) -> bool:
    """Remove ``path``, durably, if its content is ``expected`` until then; ``False`` where another program changed it.

    Raises ``OSError``.
    """
    target = behind_link(path)
    temporary = temporary_path(target)
    with one_writer(target.parent):
        remove_tree(temporary)
        if not _says(target, expected):
            return False
        os.rename(target, temporary)
        is_expected = _content(temporary) == expected
        if not is_expected:
            _take_free_place(temporary, target)
        _tidy(temporary)
    return is_expected


def _take_place(temporary: Path, target: Path, data: bytes, expected: bytes | None) -> bool:
    """Let ``temporary``, which holds ``data``, have the name ``target``, and leave there what is to be dropped."""
    if not _says(target, expected):
        return False
    if expected is None:
        return _take_free_place(temporary, target)
    try:
        if not swap.exchange(temporary, target):
            os.replace(temporary, target)
            return True
    except FileNotFoundError:
        return False
    if _content(temporary) == expected:
        return True
    _give_back(temporary, target, data)
    return False


def _take_free_place(temporary: Path, target: Path) -> bool:
    """Let ``temporary`` have the name ``target`` too; ``False`` where that is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            return False
        os.rename(temporary, target)
    return True


def _give_back(temporary: Path, target: Path, written: bytes) -> None:
    """Let what is now at ``temporary`` have its place at ``target`` again.

    What comes out then should be ``written``. Where it is not, somebody wrote it meanwhile: it is newer, and it is
    given back in its turn. A file that somebody removed meanwhile stays removed.
    """
    newest: bytes | None = written
    while True:
        last, newest = newest, _content(temporary)
        try:
            if not swap.exchange(temporary, target):
                os.replace(temporary, target)
        except FileNotFoundError:
            return
        except OSError:
            os.replace(temporary, target)
        sync_folder(target.parent)  # before what came out is dropped
        if _content(temporary) in (last, None):
            return


def _says(path: Path, expected: bytes | None) -> bool:
    return read_if_there(path, -1 if expected is None else len(expected) + 1) == expected


def _content(path: Path) -> bytes | None:
    """The content of a file; ``None`` where there is none, or none that can be read."""
    with suppress(OSError):
        return read_if_there(path)
    return None


@contextmanager
def _naming_link(path: Path, target: Path) -> Iterator[None]:
    """Let an ``OSError`` name the link that leads there as well: that is the file that the user knows."""
    try:
        yield
    except OSError as error:
        if target != path:
            error.filename, error.filename2 = os.fspath(path), error.filename
        raise


@contextmanager
def _naming_target(temporary: Path, target: Path) -> Iterator[None]:
    """Let an ``OSError`` name the file that was to be replaced: nobody knows the temporary."""
    try:
        yield
    except OSError as error:
        if error.filename == os.fspath(temporary):
            error.filename = os.fspath(target)
        raise


@contextmanager
def _dropping(temporary: Path, *, only: tuple[bytes | None, ...] = ()) -> Iterator[None]:
    """Remove ``temporary`` where something is raised, Ctrl-C too; with ``only``, if it holds one of these."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if not only or _content(temporary) in only:
                os.unlink(temporary)
        raise


def _tidy(temporary: Path) -> None:
    """Remove what is left of a change, and make the change last."""
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    sync_folder(temporary.parent)
