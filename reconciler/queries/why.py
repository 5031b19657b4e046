"""Why: who lists an item, who needs it, and what brought it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.desired import place_of
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.queries.graph import Graph, How, graph_of
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import named_items, one_of
from reconciler.reconcile.readers import check_there, steadily
from reconciler.store.state_files import read_generations

_DEEPEST: Final = 100
"""So many items are shown one behind the other; nobody reads more, and JSON nests no deeper everywhere."""


class Listing(Struct, frozen=True, kw_only=True):
    """The file that lists an item; ``line`` is 0 where it is another one than the file at hand."""

    file: str
    line: int
    owner: str

    def to_document(self) -> JsonObject:
        return {"file": self.file, "line": self.line or None, "owner": self.owner}


class Brought(Struct, frozen=True, kw_only=True):
    """The oldest generation that is kept of those that have the item without a gap until now."""

    generation: int
    applied_at: str
    command: str

    def to_document(self) -> JsonObject:
        return {"generation": self.generation, "applied_at": self.applied_at, "command": self.command}


class Needing(Struct, frozen=True, kw_only=True):
    """One item that needs the one before it, with why that one is there."""

    how: How
    why: Why

    def to_document(self) -> JsonObject:
        return {"how": self.how, **self.why.to_document()}


class Why(Struct, frozen=True, kw_only=True):
    """Why an item is there. ``repeated``: as it is further up, not again; ``cut``: the way is too long."""

    key: ItemKey
    installed: bool
    listing: Listing | None
    brought: Brought | None
    needed_by: tuple[Needing, ...] = ()
    repeated: bool = False
    cut: bool = False

    @property
    def has_reason(self) -> bool:
        """Whether anything would bring it back, or keep it."""
        return self.listing is not None or bool(self.needed_by)

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "installed": self.installed,
            "listed": self.listing.to_document() if self.listing else None,
            "brought": self.brought.to_document() if self.brought else None,
            "needed_by": [one.to_document() for one in self.needed_by],
            "repeated": self.repeated,
            "cut": self.cut,
        }


def read_why(env: Environment, file: Path, text: str, kind: Kind | None = None) -> Why:
    """Why the item that ``text`` names is there. ``InputError`` where nobody knows of it."""

    def read() -> Why:
        state = read_home_state(env, file)
        if state.file is None:
            check_there(Home(env.home))
        graph = graph_of(state)
        return _Explaining(state, graph).why(known_key(state, graph, text, kind))

    return steadily(Home(env.home), read)


def known_key(state: HomeState, graph: Graph, text: str, kind: Kind | None) -> ItemKey:
    """The item that ``text`` names: it is installed, listed, or needed. ``InputError`` where it is none of these."""
    found = one_of(text, named_items(state, text, kind, (node.key for node in graph.nodes)))
    if found is None:
        known = {node.key.id for node in graph.nodes}
        raise InputError(
            f"no item '{text}' is installed, listed or needed{did_you_mean(text, known)}", code=ErrorCode.NOT_FOUND
        )
    return found


class _Explaining:
    """Each item is explained once: the ways to it may be more than anybody can count. What all need is read once."""

    def __init__(self, state: HomeState, graph: Graph) -> None:
        self._state, self._graph = state, graph
        self._explained: set[ItemKey] = set()
        self._newest_first = [*reversed(read_generations(state.home).values())]
        listed = state.file.desired.keys if state.file else []
        places = yaml_text.locate_all(state.file.data, [place_of(key) for key in listed]) if state.file else {}
        self._lines = {key: places[place_of(key)][0] for key in listed}

    def why(self, key: ItemKey, depth: int = 0) -> Why:
        """Why the item is there."""
        repeated = key in self._explained
        self._explained.add(key)
        edges = () if repeated or depth == _DEEPEST else self._graph.needed_by(key)
        return Why(
            key=key,
            installed=key in self._state.known or key in self._state.servers,
            listing=_listing(self._state, key, self._lines.get(key)),
            brought=self._brought(key),
            needed_by=tuple(Needing(how=edge.how, why=self.why(edge.item, depth + 1)) for edge in edges),
            repeated=repeated,
            cut=not repeated and depth == _DEEPEST and bool(self._graph.needed_by(key)),
        )

    def _brought(self, key: ItemKey) -> Brought | None:
        record = self._state.record
        if key not in record.items and key not in record.servers:
            return None
        found = None
        for one in self._newest_first:
            if not isinstance(one, Generation) or not (key in one.items or key in one.servers):
                break
            found = one
        return Brought(generation=found.number, applied_at=found.applied_at, command=found.command) if found else None


def listing_of(state: HomeState, key: ItemKey) -> Listing | None:
    """The file at hand, where it lists the item, else that of its owner."""
    is_listed = state.file is not None and state.listed(key) is not None
    line = yaml_text.locate(state.file.data, place_of(key))[0] if state.file and is_listed else None
    return _listing(state, key, line)


def _listing(state: HomeState, key: ItemKey, line: int | None) -> Listing | None:
    if state.file is not None and line is not None:
        return Listing(file=str(state.path), line=line, owner=state.file.desired.owner)
    owner = state.record.owner_of(key)
    path = state.record.owners.get(owner) if owner else None
    if path is None or owner is None or path == str(state.path.absolute()):
        return None
    return Listing(file=path, line=0, owner=owner)
