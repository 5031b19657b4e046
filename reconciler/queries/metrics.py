"""How a home is, as Prometheus text: what ``/metrics`` answers, and what a file for a node exporter holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from reconciler import __version__
from reconciler.errors import InputError, LlamagateError, RefusedError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.registry import moment_of
from reconciler.model.trust import moment
from reconciler.model.watched import Aspect, Attempt, Result, Watched
from reconciler.queries.status import Status, read_status
from reconciler.store.lock_file import lock_path
from reconciler.store.state_files import read_record

Labels = dict[str, str]
Value = int | float
_Samples = Sequence[tuple[Labels, Value]]
_CURRENT: Final = "Served"


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a home beside its status.

    ``locked_at`` is when the lock was written, in seconds.
    """

    home: str
    owner: str = ""
    locked_at: float | None = None
    is_known: bool = True
    """Whether the file can be used, so that it is known what an apply would do."""


def read_metrics(env: Environment, file: Path) -> str:
    """The metrics of the home that ``file`` speaks for. Nothing is fetched: a scrape does not wait for others."""
    env = replace(env, offline=True)
    try:
        status, is_known = read_status(env, file), True
    except (InputError, RefusedError):  # the file, or what it lists: how the home is can be told all the same
        status, is_known = replace(read_status(env, None), has_file=True, in_sync=False), False
    facts = Facts(
        home=str(env.home),
        owner=_owner(env, file),
        locked_at=_written_at(lock_path(file, env.lock_file)),
        is_known=is_known and not status.unreachable,
    )
    return metrics_text(status, facts)


def _owner(env: Environment, file: Path) -> str:
    """The owner that ``file`` spoke for at the last change."""
    try:
        owners = read_record(Home(env.home))[0].owners
    except LlamagateError:
        return ""
    return next((owner for owner, path in owners.items() if path == str(file.absolute())), "")


def _written_at(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116 - as in stamps
    except OSError:
        return None


def metrics_text(status: Status, facts: Facts) -> str:
    """Each line names the home: several homes of one machine are told apart by it, also in one folder of files."""
    return "".join(f"{line}\n" for line in _lines(status, facts))


def _lines(status: Status, facts: Facts) -> Iterator[str]:
    home, watcher = {"home": facts.home}, status.watcher
    infos = [(home | _info(watcher, facts.owner), 1)]
    yield from _family("info", "gauge", "Always 1; what is at work here, and what is wanted.", infos)
    applied = watcher.applied if watcher else None
    running: _Samples = [(home | {"commit": applied.commit, "input": applied.input}, 1)] if applied else []
    yield from _family("applied_info", "gauge", "Always 1; the input that the home was last brought to.", running)
    kinds = Counter(str(item.key.kind) for item in status.items)
    yield from _family("items", "gauge", "Installed items.", [(home | {"kind": kind}, n) for kind, n in kinds.items()])
    for name, text, value in (*_figures(status, facts), *_gateway(status)):
        yield from _family(name, "gauge", text, [(home, value)] if value is not None else [])
    signed = [one for one in status.catalogs if one.signed]
    expiries: _Samples = [(home | {"catalog": one.source}, int(moment(one.expires))) for one in signed]
    yield from _family("catalog_expires_timestamp_seconds", "gauge", "When a signed catalog expires.", expiries)
    newer = watcher.newer if watcher else None
    if newer is not None:
        text = "Items that had a newer version when the sources were asked."
        yield from _family("outdated", "gauge", text, [(home, newer.items)])
        asked: _Samples = [(home, _timestamp(newer.at))]
        yield from _family("outdated_timestamp_seconds", "gauge", "When the sources were asked.", asked)
    if watcher is not None:
        yield from _watcher_lines(watcher, home)


def _figures(status: Status, facts: Facts) -> Iterator[tuple[str, str, Value | None]]:
    known = facts.is_known
    yield "generation", "The current generation.", status.generation
    yield "in_sync", "1 where the home is as the file says.", int(status.in_sync)
    yield "pending", "Changes that an apply would make.", status.pending if known else None
    yield "refused", "Changes that an apply would refuse.", status.refused if known else None
    yield "drift", "Files and folders that are not as they were installed.", len(status.drift)
    yield "lock_stale", "Entries of the lock that do not fit the file.", len(status.stale) if known else None
    yield "lock_timestamp_seconds", "When the lock last changed on this machine.", facts.locked_at
    yield "hold", "1 where a hold keeps the watcher from applying.", int(status.hold is not None)
    yield "suspensions", "Items, or everything, that the watcher is told to leave alone.", len(status.suspensions)
    yield "watched", "1 where a watcher is at work.", int(status.is_watched and not _has_ended(status.watcher))
    yield "interrupted", "1 where a change was interrupted.", int(status.transaction == "interrupted")


def _has_ended(watcher: Watched | None) -> bool:
    """Whether it says so itself: what it writes last, it writes while it still holds its lock."""
    return watcher is not None and watcher.attempted is not None and watcher.next_at == ""


def _gateway(status: Status) -> Iterator[tuple[str, str, Value | None]]:
    serving = status.serving
    yield "gateway_up", "1 where the gateway answers.", int(serving.answers) if serving else None
    is_current = int(serving.state == _CURRENT) if serving else None
    yield "gateway_current", "1 where the gateway serves what is installed.", is_current


def _info(watcher: Watched | None, owner: str) -> Labels:
    last = watcher.attempted if watcher else None
    return {
        "version": __version__,
        "owner": owner,
        "repository": watcher.repository if watcher else "",
        "ref": watcher.ref if watcher else "",
        "commit": last.commit if last else "",
        "input": last.input if last else "",
    }


def _watcher_lines(watcher: Watched, home: Labels) -> Iterator[str]:
    known: _Samples = [
        (home | {"type": str(aspect)}, int(watcher.conditions[aspect].status == "True"))
        for aspect in Aspect
        if aspect in watcher.conditions and watcher.conditions[aspect].status != "Unknown"
    ]
    yield from _family("condition", "gauge", "1 where the condition is true, 0 where it is false.", known)
    ended: _Samples = [(home | {"result": str(one)}, watcher.counts.attempts.get(one, 0)) for one in Result]
    yield from _family("watch_attempts_total", "counter", "Attempts of the watcher, by how they ended.", ended)
    seconds: _Samples = [(home, round(watcher.counts.seconds, 6))]
    yield from _family("watch_attempt_seconds_total", "counter", "Seconds that attempts took.", seconds)
    for name, text, at in (
        ("last_attempt", "When the last attempt ended.", _at(watcher.attempted)),
        ("last_success", "When the home was last as the input says.", _at(watcher.applied)),
        ("next_attempt", "When the next attempt is due by the clock.", watcher.next_at),
    ):
        samples: _Samples = [(home, _timestamp(at))] if at else []
        yield from _family(f"watch_{name}_timestamp_seconds", "gauge", text, samples)


def _at(attempt: Attempt | None) -> str:
    return attempt.at if attempt else ""


def _timestamp(at: str) -> float:
    return moment_of(at).timestamp()


def _family(name: str, kind: Literal["counter", "gauge"], text: str, samples: _Samples) -> Iterator[str]:
    """One metric; what has no sample is not known, and is left out."""
    if not samples:
        return
    yield f"# HELP llamagate_{name} {text}"
    yield f"# TYPE llamagate_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"llamagate_{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    """As a label's value. A path may hold bytes that are no UTF-8; a line that cannot be read costs all others."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
