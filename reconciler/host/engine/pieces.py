"""Work on what callers, models and packages send, one piece at a time, so that none keeps others waiting.

A piece is a pure function. A small one is done at once; any other in a process of its own, which is killed when the run
that waits for it ends: a time limit of a run holds for its computing, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from reconciler.host.engine.weight import MOST

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Workers(Protocol):
    """Processes that do pieces of work."""

    async def run(self, function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What ``function`` gives. ``RunTimeoutError`` where that takes too long; cancelled, it ends at once."""


async def done(
    workers: Workers, cost: int, function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs
) -> _T:
    """What ``function`` gives; ``cost`` is its estimate."""
    if cost > MOST:
        return await workers.run(function, *arguments, **named)
    await asyncio.sleep(0)  # a run of many small pieces lets others in between
    return function(*arguments, **named)
