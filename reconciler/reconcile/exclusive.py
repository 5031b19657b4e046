"""One writer at a time, and what a crash left: it is finished or undone first."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.errors import telling
from reconciler.fs import durable, file_lock
from reconciler.fs.ownership import give_back, owner_of_nearest
from reconciler.fs.presence import is_there
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener, Notice
from reconciler.model.note import once
from reconciler.observe import access
from reconciler.reconcile.readers import check_there
from reconciler.store.lock_file import lock_path

_OF_ONE: Final = 0o700
_OF_A_GROUP: Final = 0o2770
_ANYONE: Final = 0o777


def settle(env: Environment, file: Path) -> Recovered:
    """Finish or undo what a crash left, in the home and beside ``file`` and its lock. The caller holds the mutex."""
    with telling("files of an interrupted command could not be removed"):
        for path in (lock_path(file, env.lock_file), file):
            durable.discard_temporary(path)
    return recovery.recover(Home(env.home))


@contextmanager
def exclusive(env: Environment, listener: Listener, *, creates: bool = False) -> Iterator[None]:
    """One writer at a time, across processes. Root leaves nothing of its own in the home of another user.

    ``InputError`` where there is no home, unless the command ``creates`` one.
    """
    if not creates:
        check_there(Home(env.home))
    env.phase("wait for other commands")
    owner = owner_of_nearest(env.home)
    prepare_home(env, listener.notice if listener.warns else _unsaid)
    with file_lock.exclusive(Home(env.home).lock, command=env.command, wait=listener.wait, notice=listener.notice):
        try:
            yield
        finally:
            give_back(env.home, owner)


def prepare_home(env: Environment, notice: Notice) -> None:
    """Make our folder, if it is not there yet; warn of what others may change. ``RefusedError`` for a foreign link."""
    home = Home(env.home)
    with telling("nothing was changed"):
        access.refuse_foreign_links(home)
        is_new = not is_there(home.ours)
        durable.make_folders(home.root, shares=False)
        durable.make_folders(home.ours)
        if is_new:
            home.ours.chmod(_mode(home))
        found = [*access.exposed(home)]
    for line in once((str(one.path), f"{one.message}; '{one.cure}' fixes this") for one in found):
        notice(line)


def _unsaid(_line: str) -> None:
    """It was said before."""


def narrow(home: Home, notice: Notice) -> None:
    """Narrow our folder where it gives others more than a new one. The caller has just written to it.

    It holds copies of packages, with what is private in them: it is its owner's alone, or the group's that may write to
    the home.
    """
    with suppress(OSError):  # of another owner, or on a file system without modes
        mode, wanted = stat.S_IMODE(home.ours.stat().st_mode), _mode(home)
        if mode & ~wanted & _ANYONE:
            home.ours.chmod(wanted)
            notice(f"{home.ours} now has the mode {wanted:o} (it had {mode:o}): others can no longer read it")


def _mode(home: Home) -> int:
    return _OF_A_GROUP if home.root.stat().st_mode & stat.S_IWGRP else _OF_ONE
