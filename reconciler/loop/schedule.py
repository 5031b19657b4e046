"""When to make the next attempt. Pure: the time comes in, and so does chance.

Triggers carry no content. They only bring the next look forward; what there is to do is found by looking.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

QUIET_SECONDS: Final = 0.5
"""How long it must be quiet after a trigger before anyone looks: an editor writes a file in several steps."""
MAX_QUIET_SECONDS: Final = 5.0
"""How long triggers that never pause are waited for."""
FIRST_RETRY_SECONDS: Final = 5.0
MAX_RETRY_SECONDS: Final = 180.0
JITTER: Final = 0.1
"""The part of the interval by which it varies, so that many hosts do not ask one server at once."""


class Due(StrEnum):
    """Why it is time to look. The first two look at whether anything changed, the others attempt it in any case."""

    TRIGGER = "trigger"
    POLL = "poll"
    RETRY = "retry"
    RESYNC = "resync"


class End(StrEnum):
    """How an attempt ended, as far as the next one depends on it."""

    SETTLED = "settled"
    RETRY = "retry"
    """It failed of something that may be over in a while."""
    STUCK = "stuck"
    """It failed of something that only a new input can repair."""


class Schedule(Struct, frozen=True, kw_only=True):
    """The times, in seconds of one clock that never goes back, at which it will be due to look; ``None`` for never.

    ``interval`` and ``poll`` are seconds; where there are events, nothing is polled.
    """

    interval: float
    resync_at: float
    poll: float | None = None
    poll_at: float | None = None
    first_trigger_at: float | None = None
    last_trigger_at: float | None = None
    retry_at: float | None = None
    failures: int = 0

    def triggered(self, now: float) -> Schedule:
        """Something may have changed."""
        first = now if self.first_trigger_at is None else self.first_trigger_at
        return replace(self, first_trigger_at=first, last_trigger_at=now)

    def lost(self, now: float) -> Schedule:
        """Triggers were lost, so nobody knows what changed."""
        return replace(self.triggered(now), resync_at=min(self.resync_at, now + QUIET_SECONDS))

    def polling(self, now: float, seconds: float | None) -> Schedule:
        """From now on it is looked every ``seconds``, since there are no events; or not, since there are."""
        if seconds == self.poll:
            return self
        return replace(self, poll=seconds, poll_at=None if seconds is None else now + seconds)

    @property
    def next(self) -> tuple[float, Due]:
        """When it is due to look, and why. At one time a stronger reason comes first."""
        times = [(self.resync_at, Due.RESYNC)]
        if self.retry_at is not None:
            times.append((self.retry_at, Due.RETRY))
        if self.first_trigger_at is not None and self.last_trigger_at is not None:
            quiet = min(self.last_trigger_at + QUIET_SECONDS, self.first_trigger_at + MAX_QUIET_SECONDS)
            times.append((quiet, Due.TRIGGER))
        if self.poll_at is not None:
            times.append((self.poll_at, Due.POLL))
        return min(times, key=lambda time: time[0])

    def due(self, now: float) -> Due | None:
        """Why it is time to look; ``None`` where it is not."""
        at, why = self.next
        return why if at <= now else None

    def looked(self, now: float) -> Schedule:
        """Someone looked, and there was nothing that had not been attempted."""
        poll_at = None if self.poll is None else now + self.poll
        return replace(self, first_trigger_at=None, last_trigger_at=None, poll_at=poll_at)

    def attempted(self, now: float, end: End, chance: float) -> Schedule:
        """An attempt is over. ``chance`` is between 0 and 1."""
        failures = self.failures + 1 if end is End.RETRY else 0
        pause = min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 16), MAX_RETRY_SECONDS)
        return replace(
            self.looked(now),
            resync_at=now + self.interval * (1 + JITTER * (2 * chance - 1)),
            retry_at=now + pause if failures else None,
            failures=failures,
        )
