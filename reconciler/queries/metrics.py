"""How a home is, as Prometheus text. Pure but for the version of this program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from reconciler import __version__
from reconciler.model.trust import moment
from reconciler.model.watched import Aspect, Watched
from reconciler.queries.status import Status

Labels = dict[str, str]


def metrics_text(status: Status, home: str) -> str:
    """``status`` of the ``home``, which each line names: several homes of one machine are told apart by it."""
    return "".join(f"{line}\n" for line in _lines(status, {"home": home}))


def _lines(status: Status, home: Labels) -> Iterator[str]:
    yield from _family("info", "gauge", "Always 1; what is at work here.", [(home | _info(status.watcher), 1)])
    kinds = Counter(str(item.key.kind) for item in status.items)
    yield from _family("items", "gauge", "Installed items.", [(home | {"kind": kind}, n) for kind, n in kinds.items()])
    for name, text, value in _figures(status):
        yield from _family(name, "gauge", text, [(home, value)])
    expiring = [(home | {"catalog": one.source}, int(moment(one.expires))) for one in status.catalogs]
    if expiring:
        text = "When the index of a signed catalog expires, in seconds since 1970."
        yield from _family("catalog_expires_timestamp_seconds", "gauge", text, expiring)
    conditions = status.watcher.conditions if status.watcher else {}
    known = [
        (home | {"type": str(aspect)}, int(conditions[aspect].status == "True"))
        for aspect in Aspect
        if aspect in conditions and conditions[aspect].status != "Unknown"
    ]
    yield from _family("condition", "gauge", "1 where the condition is true, 0 where it is false.", known)


def _figures(status: Status) -> Iterator[tuple[str, str, int]]:
    yield "generation", "The current generation.", status.generation
    yield "in_sync", "1 where the home is as the file says.", int(status.in_sync)
    yield "pending", "Changes that an apply would make.", status.pending
    yield "refused", "Changes that an apply would refuse.", status.refused
    yield "drift", "Files and folders that are not as they were installed.", len(status.drift)
    yield "lock_stale", "Entries of the lock that do not fit the file.", len(status.stale)
    yield "hold", "1 where a hold keeps the watcher from applying.", int(status.hold is not None)
    yield "suspensions", "Items, or everything, that the watcher is told to leave alone.", len(status.suspensions)
    yield "watched", "1 where a watcher is at work.", int(status.is_watched)
    yield "interrupted", "1 where a change was interrupted.", int(status.transaction == "interrupted")


def _info(watcher: Watched | None) -> Labels:
    last = watcher.attempted if watcher else None
    return {
        "version": __version__,
        "repository": watcher.repository if watcher else "",
        "commit": last.commit if last else "",
        "input": last.input if last else "",
    }


def _family(name: str, kind: Literal["gauge"], text: str, samples: list[tuple[Labels, int]]) -> Iterator[str]:
    yield f"# HELP llamagate_{name} {text}"
    yield f"# TYPE llamagate_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"llamagate_{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
