"""Who holds a session of the older protocol. Where there are too many, one that nobody uses makes room. Pure.

The one who holds most of them gives one back: so nobody who opens many keeps others out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp.server.session import ServerSession


@dataclass(slots=True, kw_only=True)
class Held:
    """One session. ``caller`` opened it; ``calls`` and ``streams`` are under way; ``used`` is when it was, last.

    ``news`` is how the SDK tells its client of something, once that is known.
    """

    caller: str
    used: float
    calls: int = 0
    streams: int = 0
    news: ServerSession | None = None


@dataclass(slots=True)
class Sessions:
    """At ``most`` so many. The SDK forgets one that was not used for ``idle`` seconds by itself."""

    most: int
    idle: float
    clock: Callable[[], float]
    _all: dict[str, Held] = field(default_factory=dict)
    """By their ids, the one that was not used for longest first."""

    def opened(self, session_id: str, caller: str) -> str | None:
        """Count one more; the id of the one that has to end for it, if one has."""
        self._forget_idle()
        self._all[session_id] = Held(caller=caller, used=self.clock())
        return self._too_many(session_id) if len(self._all) > self.most else None

    def ended(self, session_id: str) -> None:
        """It is no more."""
        self._all.pop(session_id, None)

    def find(self, session_id: str) -> Held | None:
        return self._all.get(session_id)

    def __iter__(self) -> Iterator[Held]:
        return iter([*self._all.values()])

    @contextmanager
    def using(self, session_id: str, *, is_stream: bool) -> Iterator[None]:
        """While a request of the session is answered."""
        held = self._all.get(session_id)
        if held is None:
            yield
            return
        self._count(session_id, held, 1, is_stream=is_stream)
        try:
            yield
        finally:
            self._count(session_id, held, -1, is_stream=is_stream)

    def _count(self, session_id: str, held: Held, more: int, *, is_stream: bool) -> None:
        held.streams += more if is_stream else 0
        held.calls += 0 if is_stream else more
        held.used = self.clock()
        if self._all.pop(session_id, None) is held:
            self._all[session_id] = held

    def _forget_idle(self) -> None:
        before = self.clock() - self.idle
        for session_id, held in [*self._all.items()]:
            if held.used > before:
                return
            if not held.calls and not held.streams:
                del self._all[session_id]

    def _too_many(self, new: str) -> str | None:
        """Of the caller with most sessions the one that was not used for longest: an idle one, else one that listens.

        One with a call under way is left alone, and the next caller is looked at.
        """
        most = Counter(held.caller for held in self._all.values())
        for caller, _ in most.most_common():
            its = [(one, held) for one, held in self._all.items() if held.caller == caller and not held.calls]
            its.sort(key=lambda found: (found[0] == new, found[1].streams > 0))
            if its:
                found = its[0][0]
                del self._all[found]
                return found
        return None
