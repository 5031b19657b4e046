"""``status.json`` as Prometheus text, for the textfile collector of a node exporter. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from reconciler.model.watched import Aspect, Attempt, Result, Watched


class Counts(Struct, frozen=True, kw_only=True):
    """What was counted since the watcher started: attempts by result, and the seconds that they took together."""

    attempts: Mapping[Result, int] = field(default_factory=dict)
    seconds: float = 0.0

    def after(self, result: Result, seconds: float) -> Counts:
        attempts = {**self.attempts, result: self.attempts.get(result, 0) + 1}
        return Counts(attempts=attempts, seconds=self.seconds + seconds)


def metrics_text(watched: Watched, counts: Counts) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in _lines(watched, counts))


def _lines(watched: Watched, counts: Counts) -> Iterator[str]:
    yield from _head("attempts_total", "counter", "Attempts since the watcher started, by how they ended.")
    for result in Result:
        yield f'llamagate_watch_attempts_total{{result="{result}"}} {counts.attempts.get(result, 0)}'
    yield from _head("attempt_seconds_total", "counter", "Seconds that attempts took since the watcher started.")
    yield f"llamagate_watch_attempt_seconds_total {counts.seconds:.6f}"
    yield from _head("condition", "gauge", "1 where the condition is true, 0 where it is false.")
    for aspect in Aspect:
        condition = watched.conditions.get(aspect)
        if condition is not None and condition.status != "Unknown":
            yield f'llamagate_watch_condition{{type="{aspect}"}} {int(condition.status == "True")}'
    yield from _head("generation", "gauge", "The current generation after the last attempt.")
    yield f"llamagate_watch_generation {watched.attempted.generation if watched.attempted else 0}"
    yield from _head("last_attempt_timestamp_seconds", "gauge", "When the last attempt ended.")
    yield f"llamagate_watch_last_attempt_timestamp_seconds {_timestamp(watched.attempted)}"
    yield from _head("last_success_timestamp_seconds", "gauge", "When the home was last as the input says.")
    yield f"llamagate_watch_last_success_timestamp_seconds {_timestamp(watched.applied)}"


def _head(name: str, kind: Literal["counter", "gauge"], text: str) -> Iterator[str]:
    yield f"# HELP llamagate_watch_{name} {text}"
    yield f"# TYPE llamagate_watch_{name} {kind}"


def _timestamp(attempt: Attempt | None) -> str:
    if attempt is None:
        return "0"
    return f"{datetime.fromisoformat(f'{attempt.at[:26]}+00:00').timestamp():.6f}"
