"""What the watcher last did, and how things stand, as a value: the document ``status.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal, cast

from msgspec import Struct, field

from reconciler.model.config import JsonObject

WATCHED_SCHEMA: Final = 1
KEPT_OUTCOMES: Final = 10

Truth = Literal["True", "False", "Unknown"]


class Aspect(StrEnum):
    """What a condition is about; the words are those of Kubernetes and Flux."""

    READY = "Ready"
    """The home is as the input says."""
    RECONCILING = "Reconciling"
    """Something failed that may pass; it is tried again by itself."""
    STALLED = "Stalled"
    """Something failed that only a new input, or a person, can repair."""
    SUSPENDED = "Suspended"
    """There is a hold or a suspension."""
    GATEWAY_RELOADED = "GatewayReloaded"
    """The gateway serves what is installed."""


class Condition(Struct, frozen=True, kw_only=True):
    """One aspect: is it so, since when, and why. ``reason`` is one word for scripts, ``message`` is for people."""

    aspect: Aspect
    status: Truth
    reason: str
    message: str
    since: str

    @staticmethod
    def from_document(value: JsonObject) -> Condition:
        return Condition(
            aspect=Aspect(str(value["type"])),
            status=cast(Truth, value["status"]),
            reason=str(value["reason"]),
            message=str(value["message"]),
            since=str(value["since"]),
        )

    def to_document(self) -> JsonObject:
        return {
            "type": str(self.aspect),
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "since": self.since,
        }


class Result(StrEnum):
    """How an attempt ended."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"
    LEFT_ALONE = "left-alone"
    """A hold or a suspension told so."""


class Counts(Struct, frozen=True, kw_only=True):
    """What was counted since a watcher first ran: attempts by result, and the seconds that they took together."""

    attempts: Mapping[Result, int] = field(default_factory=dict)
    seconds: float = 0.0

    def after(self, result: Result, seconds: float) -> Counts:
        attempts = {**self.attempts, result: self.attempts.get(result, 0) + 1}
        return Counts(attempts=attempts, seconds=self.seconds + seconds)

    @staticmethod
    def from_document(value: JsonObject) -> Counts:
        attempts = cast("dict[str, int]", value["attempts"])
        return Counts(
            attempts={Result(name): count for name, count in attempts.items()},
            seconds=float(cast(float, value["seconds"])),
        )

    def to_document(self) -> JsonObject:
        return {
            "attempts": {str(result): self.attempts[result] for result in Result if result in self.attempts},
            "seconds": round(self.seconds, 6),
        }


class Newer(Struct, frozen=True, kw_only=True):
    """How many ``items`` had a newer version when the sources were asked."""

    at: str
    items: int

    @staticmethod
    def from_document(value: JsonObject) -> Newer:
        return Newer(at=str(value["at"]), items=cast(int, value["items"]))

    def to_document(self) -> JsonObject:
        return {"at": self.at, "items": self.items}


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt: when it ended, on which input and, where a repository is followed, which commit, and how."""

    at: str
    result: Result
    reason: str
    message: str
    generation: int
    input: str
    commit: str = ""

    @staticmethod
    def from_document(value: JsonObject) -> Attempt:
        return Attempt(
            at=str(value["at"]),
            result=Result(str(value["result"])),
            reason=str(value["reason"]),
            message=str(value["message"]),
            generation=cast(int, value["generation"]),
            input=str(value["input"]),
            commit=str(value["commit"]),
        )

    def to_document(self) -> JsonObject:
        return {
            "at": self.at,
            "result": str(self.result),
            "reason": self.reason,
            "message": self.message,
            "generation": self.generation,
            "input": self.input,
            "commit": self.commit,
        }


class Watched(Struct, frozen=True, kw_only=True):
    """``attempted`` is the last attempt, ``applied`` the last one after which the home was as the input says.

    ``triggers`` tells how changes are noticed, and why not by events where they are polled. ``next_at`` is when the
    next attempt is due by the clock, empty where the watcher has ended. ``ref`` is the branch of ``repository`` that is
    followed. ``counts`` go on over restarts. ``newer`` is there where the watcher is to look for newer versions.
    """

    pid: int
    started_at: str
    file: str
    triggers: str
    next_at: str = ""
    attempted: Attempt | None = None
    applied: Attempt | None = None
    conditions: Mapping[Aspect, Condition] = field(default_factory=dict)
    outcomes: tuple[Attempt, ...] = ()
    repository: str = ""
    ref: str = ""
    counts: Counts = Counts()
    newer: Newer | None = None

    @property
    def is_once(self) -> bool:
        """Whether it is ``watch --once``, which another program starts again and again: it listens to nothing."""
        return self.triggers == "none"

    @staticmethod
    def from_document(value: JsonObject) -> Watched:
        attempted, applied = (cast(JsonObject | None, value[name]) for name in ("attempted", "applied"))
        conditions = [Condition.from_document(one) for one in cast(list[JsonObject], value["conditions"])]
        return Watched(
            pid=cast(int, value["pid"]),
            started_at=str(value["started_at"]),
            file=str(value["file"]),
            triggers=str(value["triggers"]),
            next_at=str(value["next_at"]),
            attempted=Attempt.from_document(attempted) if attempted else None,
            applied=Attempt.from_document(applied) if applied else None,
            conditions={one.aspect: one for one in conditions},
            outcomes=tuple(Attempt.from_document(one) for one in cast(list[JsonObject], value["outcomes"])),
            repository=str(value["repository"]),
            ref=str(value.get("ref", "")),
            newer=Newer.from_document(cast(JsonObject, value["newer"])) if value.get("newer") else None,
            counts=Counts.from_document(cast(JsonObject, value["counts"])) if "counts" in value else Counts(),
        )

    def to_document(self) -> JsonObject:
        return {
            "schema": WATCHED_SCHEMA,
            "pid": self.pid,
            "started_at": self.started_at,
            "file": self.file,
            "repository": self.repository,
            "ref": self.ref,
            "triggers": self.triggers,
            "next_at": self.next_at,
            "attempted": self.attempted.to_document() if self.attempted else None,
            "applied": self.applied.to_document() if self.applied else None,
            "conditions": [self.conditions[aspect].to_document() for aspect in Aspect if aspect in self.conditions],
            "outcomes": [one.to_document() for one in self.outcomes],
            "counts": self.counts.to_document(),
            "newer": self.newer.to_document() if self.newer else None,
        }


def last_outcomes(before: Iterable[Attempt], attempt: Attempt) -> tuple[Attempt, ...]:
    """The outcomes that are kept, newest first; one that found nothing to do takes the place of one like it."""
    kept = list(before)
    if kept and attempt.result is Result.UNCHANGED and kept[0].result is Result.UNCHANGED:
        kept = kept[1:]
    return (attempt, *kept)[:KEPT_OUTCOMES]
