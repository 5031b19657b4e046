"""Graph: which item needs which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec import Struct

from reconciler.errors import LlamagateError
from reconciler.fs.places import located
from reconciler.model.config import JsonObject
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.source import Source
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.readers import check_there, steadily

How = Literal["depends_on", "step"]
State = Literal["installed", "listed", "missing"]


class Node(Struct, frozen=True, kw_only=True):
    """One item. ``listed``: only the file has it; ``missing``: another one needs it, and nobody has it."""

    key: ItemKey
    version: str
    state: State

    def to_document(self) -> JsonObject:
        return {**self.key.to_document(), "version": self.version or None, "state": self.state}


class Edge(Struct, frozen=True, kw_only=True):
    """``item`` needs ``needs``: its ``depends_on`` says so, or a step of a module uses it."""

    item: ItemKey
    needs: ItemKey
    how: How

    def to_document(self) -> JsonObject:
        return {"from": self.item.id, "to": self.needs.id, "how": self.how}


class Graph(Struct, frozen=True, kw_only=True, dict=True):
    """All items, and which needs which; both sorted."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def to_document(self) -> JsonObject:
        return {
            "items": [node.to_document() for node in self.nodes],
            "needs": [edge.to_document() for edge in self.edges],
        }

    def needed_by(self, key: ItemKey) -> tuple[Edge, ...]:
        """Who needs the item, and how."""
        return self._by_needs.get(key, ())

    def needs_of(self, key: ItemKey) -> tuple[Edge, ...]:
        """What the item needs, and how."""
        return self._by_item.get(key, ())

    @cached_property
    def by_key(self) -> Mapping[ItemKey, Node]:
        """The nodes by what they are."""
        return {node.key: node for node in self.nodes}

    @cached_property
    def _by_item(self) -> Mapping[ItemKey, tuple[Edge, ...]]:
        found: dict[ItemKey, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.item, []).append(edge)
        return {key: tuple(edges) for key, edges in found.items()}

    @cached_property
    def _by_needs(self) -> Mapping[ItemKey, tuple[Edge, ...]]:
        found: dict[ItemKey, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.needs, []).append(edge)
        return {key: tuple(edges) for key, edges in found.items()}


def read_graph(env: Environment, file: Path) -> Graph:
    """What is installed, and what ``file`` lists, if there is one."""

    def read() -> Graph:
        state = read_home_state(env, file)
        if state.file is None:
            check_there(Home(env.home))
        return graph_of(state)

    return steadily(Home(env.home), read)


def graph_of(state: HomeState) -> Graph:
    """As ``read_graph``."""
    listed = {item.key: item for item in state.file.desired.items} if state.file else {}
    servers = {server.key for server in state.file.desired.servers} if state.file else set()
    known = {*state.known, *state.servers, *listed, *servers}
    by_id = {key.id: key for key in sorted(known, reverse=True)}
    edges = tuple(sorted(set(_edges(state, listed, known, by_id)), key=lambda edge: (edge.item, edge.needs, edge.how)))
    missing = {edge.needs for edge in edges} - known
    nodes = tuple(_node(state, key) for key in sorted(known | missing))
    return Graph(nodes=nodes, edges=edges)


def _edges(
    state: HomeState, listed: Mapping[ItemKey, DesiredItem], known: set[ItemKey], by_id: Mapping[str, ItemKey]
) -> Iterator[Edge]:
    for key in known:
        item, recorded = listed.get(key), state.record.items.get(key)
        named = item.depends_on if item else recorded.depends_on if recorded else ()
        for one in named:
            yield Edge(item=key, needs=by_id.get(one, ItemKey(Kind.EXTENSION, one)), how="depends_on")
        for one in _requires(state, key, item):
            yield Edge(item=key, needs=ItemKey(Kind.EXTENSION, one), how="step")


def _requires(state: HomeState, key: ItemKey, item: DesiredItem | None) -> tuple[str, ...]:
    """The extensions that its steps use; of what is only listed they are known where its package is on this machine."""
    manifest = state.manifest_of(key)
    if manifest is None and item is not None and not item.source.is_pinned:
        place = located(state.path.absolute().parent, item.source.location)
        try:
            source = Source(item.source.kind, str(place), path=item.source.path)
            manifest = state.store.read(source, name=key.id).package.manifest
        except LlamagateError:
            return ()
    return manifest.requires if manifest else ()


def _node(state: HomeState, key: ItemKey) -> Node:
    manifest = state.manifest_of(key)
    entry = state.registry.get(key)
    version = manifest.version if manifest else entry.version if entry else ""
    found: State = (
        "installed" if key in state.known or key in state.servers else "listed" if state.listed(key) else "missing"
    )
    return Node(key=key, version=version, state=found)
