"""Verify: every installed file, and every package that is kept, byte for byte against what was written down."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.generation import Unreadable
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.note import Note
from reconciler.model.plan import Drift
from reconciler.observe.home import Sight
from reconciler.planning.drift import drift_of
from reconciler.queries.list import drift_of_servers
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.readers import check_there, steadily
from reconciler.store.state_files import generation_path, read_generations


class Verified(Struct, frozen=True, kw_only=True):
    """``files`` were read. ``damaged`` names packages in the cache that are missing or no longer what they were.

    ``warnings`` are for people.
    """

    items: int
    files: int
    drift: tuple[Drift, ...]
    damaged: tuple[str, ...]
    warnings: tuple[Note, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.drift and not self.damaged

    def to_document(self) -> JsonObject:
        return {
            "verified": self.is_good,
            "items": self.items,
            "files": self.files,
            "drift": [row.to_document() for row in self.drift],
            "damaged": [*self.damaged],
        }


def verify(env: Environment, file: Path) -> Verified:
    """Read everything again, whatever its stat stamp says. Files that programs edit are not compared."""
    home = Home(env.home)
    check_there(home)
    return steadily(home, lambda: _verify(read_home_state(env, file)))


def _verify(state: HomeState) -> Verified:
    items, home = state.record.items, state.home
    sight = Sight(home, state.registry, reads_all=True)
    strict = replace(state.policy, drift_edited="report", drift_missing="report")  # what else ignores it, this asks for
    rows = (drift_of(items[key], sight.alone(items[key]), strict, str(home.root)) for key in sorted(items))
    servers = drift_of_servers(state.record, state.gateway_file, strict) if state.record.servers else ()
    return Verified(
        items=len(items) + len(state.record.servers),
        files=sum(len(recorded.files) for recorded in items.values()),
        drift=(*(row for drift in rows for row in drift), *servers),
        damaged=tuple(_damaged(state)),
        warnings=state.file_warnings,
    )


_UNREADABLE: Final = {
    Unreadable.DAMAGED: "its document is damaged",
    Unreadable.NEWER: "a newer llamagate wrote its document",
}


def _damaged(state: HomeState) -> list[str]:
    """The packages that generations, or the record, need and that the cache does not hold as they were."""
    needed: dict[Digest, tuple[ItemKey, str]] = {}
    lost = []
    for number, generation in read_generations(state.home).items():
        if isinstance(generation, Unreadable):
            lost.append(f"generation {number}: {_UNREADABLE[generation]} ({generation_path(state.home, number)})")
        else:
            needed |= {item.tree: (item.key, item.version) for item in generation.items.values()}
    needed |= {item.tree: (item.key, item.version) for item in state.record.items.values()}
    return lost + [
        f"{key.id} {version}: its package in the cache is damaged or missing ({state.home.cached(tree)})"
        for tree, (key, version) in sorted(needed.items(), key=lambda row: row[1])
        if not state.store.is_kept(tree, name=key.id)
    ]
