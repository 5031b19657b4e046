"""One writer at a time, and what a crash left: it is finished or undone first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.errors import telling
from reconciler.fs import durable, file_lock
from reconciler.fs.ownership import give_back, owner_of_nearest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener, Notice
from reconciler.observe import access
from reconciler.store.desired_file import lock_path

_MAX_EXPOSED: Final = 5


def settle(home: Home, file: Path) -> Recovered:
    """Finish or undo what a crash left, in the home and beside ``file``. The caller holds the mutex."""
    with telling("files of an interrupted command could not be removed"):
        for path in (lock_path(file), file):
            durable.discard_temporary(path)
    return recovery.recover(home)


@contextmanager
def exclusive(env: Environment, listener: Listener) -> Iterator[None]:
    """One writer at a time, across processes. Root leaves nothing of its own in the home of another user."""
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
        durable.make_folders(home.ours)
        found = [*access.exposed(home)]
    for one in found[:_MAX_EXPOSED]:
        notice(f"{one.message}; '{one.cure}' fixes this")
    if len(found) > _MAX_EXPOSED:
        notice(f"others own, or can write to, {len(found) - _MAX_EXPOSED} more places; 'llamagate doctor' lists them")


def _unsaid(_line: str) -> None:
    """It was said before."""
