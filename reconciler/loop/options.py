"""What to watch and how often, the clock, and the lock that keeps a home to one watcher."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from reconciler.fs import file_lock
from reconciler.loop.defaults import INTERVAL_SECONDS
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.reconcile.exclusive import prepare_home
from reconciler.reconcile.options import Options

POLL_SECONDS: Final = 2.0
"""How often it is looked where there are no events."""


class Clock(Struct, frozen=True, kw_only=True):
    """Where time and chance come from. ``monotonic`` counts seconds, ``chance`` gives numbers from 0 to 1."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random


class LoopOptions(Struct, frozen=True, kw_only=True):
    """What to watch. ``interval`` is the time between two full passes, ``poll`` that between two looks, in seconds.

    ``outdated`` is how often the sources are asked for newer versions, in seconds; ``None``: never.
    ``fetch`` brings the input up to date before it is looked at and says which commit it is; see ``loop.git_follow``.
    """

    env: Environment
    options: Options
    interval: float = INTERVAL_SECONDS
    poll: float | None = None
    outdated: float | None = None
    repository: str = ""
    ref: str = ""
    fetch: Callable[[], str] = lambda: ""


@contextmanager
def only_watcher(env: Environment, notice: Callable[[str], None]) -> Iterator[None]:
    """One watcher a home; ``BusyError`` where another is at work."""
    prepare_home(env, notice)
    with file_lock.exclusive(Home(env.home).watch_lock, command=env.command, wait=0, notice=notice):
        yield
