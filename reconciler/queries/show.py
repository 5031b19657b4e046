"""Show: all that is known of one item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError, StorageError
from reconciler.fs import tree
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import DesiredItem, Policy, place_of
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import LockItem
from reconciler.model.package import Package
from reconciler.model.plan import Drift
from reconciler.model.record import RecordItem
from reconciler.observe.home import observe
from reconciler.observe.items import ListedItem, listed_items, listed_servers
from reconciler.observe.kept import backups_of
from reconciler.planning.drift import drift_of
from reconciler.planning.server_drift import server_drift
from reconciler.planning.server_views import hidden_settings, without_secrets
from reconciler.queries.catalogs import Offered, context_for, offered
from reconciler.queries.contents import Contents, Place, Value, contents_of, values_of
from reconciler.queries.graph import Edge, Graph, graph_of
from reconciler.queries.history import difference, server_difference
from reconciler.queries.list import changed_servers, known_registry, look
from reconciler.queries.why import Listing, listing_of
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import named_items, one_of
from reconciler.reconcile.readers import check_there, steadily
from reconciler.reconcile.unmanaged import unmanaged_package
from reconciler.resolve.choose import choose
from reconciler.sources.remotes import Remotes
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_generations


class FileShown(Struct, frozen=True, kw_only=True):
    """One file of an item; ``state`` is ``installed``, a change of drift, or ``local``: no package brought it."""

    path: str
    state: str

    def to_document(self) -> JsonObject:
        return {"path": self.path, "state": self.state}


class Step(Struct, frozen=True, kw_only=True):
    """One generation that changed the item, and how."""

    generation: int
    applied_at: str
    command: str
    changes: tuple[str, ...]

    def to_document(self) -> JsonObject:
        return {
            "generation": self.generation,
            "applied_at": self.applied_at,
            "command": self.command,
            "changes": [*self.changes],
        }


class Shown(Struct, frozen=True, kw_only=True):
    """All that is known of one item that is installed or listed.

    ``installed`` is ``None`` where it is only listed. ``enabled_by``: ``file`` or ``registry``. ``notes`` say what
    could not be looked at.
    """

    key: ItemKey
    installed: ListedItem | None
    recorded: RecordItem | None
    wanted: DesiredItem | None
    listing: Listing | None
    pin: LockItem | None
    enabled_by: str
    config: tuple[Value, ...]
    contents: Contents | None
    files: tuple[FileShown, ...]
    drift: tuple[Drift, ...]
    needs: tuple[Edge, ...]
    needed_by: tuple[Edge, ...]
    history: tuple[Step, ...]
    backups: tuple[int, ...]
    suspended: str
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """In one word or two."""
        return self.installed.state if self.installed else "not installed"

    def to_document(self) -> JsonObject:
        recorded, wanted, here = self.recorded, self.wanted, self.installed
        source = wanted.source if wanted else recorded.source if recorded else None
        return {
            **self.key.to_document(),
            "state": self.state,
            "name": here.name if here else None,
            "description": self.contents.description if self.contents else None,
            "version": here.version if here else None,
            "range": wanted.version if wanted else None,
            "enabled": here.enabled if here else None,
            "enabled_by": self.enabled_by or None,
            "source": source.to_full_document() if source else None,
            "listed": self.listing.to_document() if self.listing else None,
            "owner": recorded.owner if recorded else None,
            "pin": _pin_document(self.pin),
            "tree": recorded.tree if recorded else None,
            "signed_by": [{"by": one.by, "key": one.key} for one in (recorded.signers if recorded else ())],
            "config": [value.to_document() for value in self.config],
            "files": [one.to_document() for one in self.files],
            "drift": [row.to_document() for row in self.drift],
            "routes": [route.to_document() for route in (self.contents.routes if self.contents else ())],
            "needs": [edge.to_document() for edge in self.needs],
            "needed_by": [edge.to_document() for edge in self.needed_by],
            "history": [step.to_document() for step in self.history],
            "backups": [*self.backups],
            "suspended": self.suspended or None,
            "notes": [*self.notes],
        }


def _pin_document(pin: LockItem | None) -> Json:
    if pin is None:
        return None
    where: JsonObject = pin.pin.to_document() if pin.pin else {}
    return {"version": pin.version, "tree": pin.tree, **where}


class ShownOffer(Struct, frozen=True, kw_only=True):
    """An item that is not installed, as a catalog has it, and what is in its newest version."""

    offered: Offered
    contents: Contents | None
    notes: tuple[str, ...] = ()

    def to_document(self) -> JsonObject:
        contents = self.contents.to_document() if self.contents else None
        return {**self.offered.to_document(), "contents": contents, "notes": [*self.notes]}


def read_show(
    env: Environment,
    file: Path,
    text: str,
    kind: Kind | None = None,
    *,
    catalogs: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Shown | ShownOffer:
    """The item that ``text`` names: installed, listed, else as a catalog has it. ``InputError`` where nobody has it."""

    def read() -> Shown | ShownOffer:
        state = read_home_state(env, file)
        if state.file is None and not catalogs:
            check_there(Home(env.home))
        key = None if catalogs else _known(state, text, kind)
        if key is not None and key.kind is Kind.MCP_SERVER:
            return _shown_server(state, key)
        return _shown(state, key) if key else _offer(state, text, kind, catalogs, progress)

    return steadily(Home(env.home), read)


def _known(state: HomeState, text: str, kind: Kind | None) -> ItemKey | None:
    return one_of(text, named_items(state, text, kind, state.file.desired.keys if state.file else ()))


def _shown(state: HomeState, key: ItemKey) -> Shown:
    graph = graph_of(state)
    recorded, wanted = state.record.items.get(key), state.listed_item(key)
    package, notes = _package(state, key, recorded)
    drift, unreadable = _drift(state, recorded)
    installed = _listed(state, key)
    suspended = next((one.reason for one in state.record.suspensions if one.covers(key)), "")
    return Shown(
        key=key,
        installed=installed,
        recorded=recorded,
        wanted=wanted,
        listing=listing_of(state, key),
        pin=_pin(state, key) if wanted else None,
        enabled_by="" if installed is None else "file" if wanted and wanted.enabled is not None else "registry",
        config=tuple(_config(state, key, package, recorded, wanted)),
        contents=contents_of(package) if package else None,
        files=tuple(_files(state, key, recorded, drift)) if installed else (),
        drift=drift,
        needs=graph.needs_of(key),
        needed_by=graph.needed_by(key),
        history=tuple(_history(state, key)),
        backups=tuple(reversed(backups_of(state.home, key))),
        suspended=suspended,
        notes=(*notes, *unreadable),
    )


def _shown_server(state: HomeState, key: ItemKey) -> Shown:
    """All that is known of a tool server."""
    graph, recorded = graph_of(state), state.record.servers.get(key)
    wanted = state.file.desired.find_server(key) if state.file else None
    found = state.gateway_file.get(key)
    drift = server_drift(recorded, state.gateway_file, Policy()) if recorded else ()
    listed = listed_servers(state.gateway_file, state.record, changed_servers(drift))
    says = recorded or wanted
    settings = without_secrets(says.settings) if says else hidden_settings(found.settings, {}) if found else {}
    is_listed = says is not None and wanted is not None and wanted.settings == says.settings
    suspended = next((one.reason for one in state.record.suspensions if one.covers(key)), "")
    lines, otherwise = _server_lines(state, key) if is_listed else {}, "last apply" if recorded else "gateway"
    return Shown(
        key=key,
        installed=next((one for one in listed if one.key == key), None),
        recorded=None,
        wanted=None,
        listing=listing_of(state, key),
        pin=None,
        enabled_by="" if not (recorded or found) else "file" if wanted and wanted.enabled is not None else "gateway",
        config=tuple(values_of({}, settings, lines=lines, listed=is_listed, otherwise=otherwise)),
        contents=None,
        files=(),
        drift=drift,
        needs=(),
        needed_by=graph.needed_by(key),
        history=tuple(_history(state, key)),
        backups=tuple(reversed(backups_of(state.home, key))),
        suspended=suspended,
        notes=(state.gateway_file.problem,) if state.gateway_file.problem else (),
    )


def _server_lines(state: HomeState, key: ItemKey) -> Mapping[Place, int]:
    """The line of each setting in the file."""
    if state.file is None:
        return {}
    start = place_of(key)
    places = [place for place in _places(state.file.server(key.id), ()) if place]
    found = yaml_text.locate_all(state.file.data, [(*start, *place) for place in places])
    return {place: found[(*start, *place)][0] for place in places}


def _listed(state: HomeState, key: ItemKey) -> ListedItem | None:
    if key not in state.known:
        return None
    registry = known_registry(state.home, state.record, state.registry_file, state.env)
    states = look(state.home, _only(state, key), registry, state.policy).states
    return next(one for one in listed_items(state.home, state.record, registry, states) if one.key == key)


def _only(state: HomeState, key: ItemKey) -> Mapping[ItemKey, RecordItem]:
    return {key: state.record.items[key]} if key in state.record.items else {}


def _package(state: HomeState, key: ItemKey, recorded: RecordItem | None) -> tuple[Package | None, tuple[str, ...]]:
    """The package behind it, and why there is none."""
    try:
        if recorded is not None:
            return state.store.open_recorded(recorded).package, ()
        if key in state.present:
            found, _ = unmanaged_package(state, key, state.home.item(key))
            return state.store.open(found).package, ()
    except LlamagateError as error:
        return None, (f"its package cannot be read: {error.message}",)
    return None, ()


def _drift(state: HomeState, recorded: RecordItem | None) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    if recorded is None:
        return (), ()
    try:
        found = observe(state.home, {recorded.key: recorded}, state.registry, {}, corrupt=None)
    except StorageError as error:
        return (), (error.message,)
    strict = Policy(mutable=state.policy.mutable)
    return drift_of(recorded, found, strict, str(state.home.root)), ()


def _pin(state: HomeState, key: ItemKey) -> LockItem | None:
    with suppress(LlamagateError):
        return read_lock(lock_path(state.path, state.env.lock_file), known=state.record.documents).lock.by_key.get(key)
    return None


def _config(
    state: HomeState, key: ItemKey, package: Package | None, recorded: RecordItem | None, wanted: DesiredItem | None
) -> Iterator[Value]:
    """What is installed; of an item that is only listed what the file says."""
    says = recorded or wanted
    config = says.config if says else {}
    own = package.document.get("config") if package else None
    base = own if isinstance(own, dict) else {}
    listed = wanted is not None and wanted.config == config
    yield from values_of(base, config, lines=_lines(state, key) if listed else {}, listed=listed)


def _lines(state: HomeState, key: ItemKey) -> Mapping[Place, int]:
    """The line of each value of its configuration in the file."""
    entry = state.file.entry(key) if state.file else None
    config = entry.get("config") if isinstance(entry, dict) else None
    if state.file is None or not isinstance(config, dict):
        return {}
    start: Place = (*place_of(key), "config")
    places = [*_places(config, ())]
    found = yaml_text.locate_all(state.file.data, [(*start, *place) for place in places])
    return {place: found[(*start, *place)][0] for place in places}


def _places(value: Json, place: Place) -> Iterator[Place]:
    yield place
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _places(below, (*place, key))


def _files(state: HomeState, key: ItemKey, recorded: RecordItem | None, drift: Sequence[Drift]) -> Iterator[FileShown]:
    changes = {row.path: str(row.change) for row in drift}
    brought = recorded.files.keys() if recorded else ()
    there = {node.path for node in tree.walk(state.home.item(key)) if node.kind is tree.NodeKind.FILE}
    for path in sorted({*brought, *there}):
        if path in brought:
            yield FileShown(path=path, state=changes.get(path, changes.get(".", "installed")))
        else:
            yield FileShown(path=path, state="local" if recorded else "not ours")


def _history(state: HomeState, key: ItemKey) -> Iterator[Step]:
    """The kept generations that changed the item, newest first; of the oldest it is not known what it changed."""
    kept = read_generations(state.home)
    steps: list[Step] = []
    before: Generation | None = None
    for one in kept.values():
        if not isinstance(one, Generation):
            before = None
            continue
        known = before is not None or one.number == 1
        changes = _difference(before, one, key) if known else ()
        if changes:
            steps.append(Step(generation=one.number, applied_at=one.applied_at, command=one.command, changes=changes))
        before = one
    yield from reversed(steps)


def _difference(before: Generation | None, one: Generation, key: ItemKey) -> tuple[str, ...]:
    if key.kind is Kind.MCP_SERVER:
        return server_difference(before.servers.get(key) if before else None, one.servers.get(key))
    return difference(before.items.get(key) if before else None, one.items.get(key))


def _offer(state: HomeState, text: str, kind: Kind | None, catalogs: Sequence[str], progress: Progress) -> ShownOffer:
    graph = graph_of(state)
    try:
        found = offered(state, catalogs, progress)
    except InputError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        found = ()
    one = next((one for one in found if one.key.id == text and kind in (None, one.key.kind)), None)
    if one is None:
        raise _unknown(text, kind, graph, found)
    if not one.latest or not state.home.root.is_dir():
        return ShownOffer(offered=one, contents=None)
    try:
        return ShownOffer(offered=one, contents=contents_of(_fetched(state, one, progress)))
    except LlamagateError as error:
        return ShownOffer(offered=one, contents=None, notes=(error.message,))


def _unknown(text: str, kind: Kind | None, graph: Graph, found: Sequence[Offered]) -> InputError:
    keys = {*(node.key for node in graph.nodes), *(one.key for one in found)}
    others = sorted(key for key in keys if key.id == text)
    near = f", but {others[0]} is" if others else did_you_mean(text, {key.id for key in keys})
    where = "installed, listed or in a catalog of the file" if found else "installed or listed"
    return InputError(
        f"no {kind or 'item'} '{text}' is {where}{near}",
        advice="'llamagate list' shows what is installed, 'llamagate search' what catalogs have",
        code=ErrorCode.NOT_FOUND,
    )


def _fetched(state: HomeState, one: Offered, progress: Progress) -> Package:
    """The newest version; it is kept in the cache, from which an install takes it."""
    item = DesiredItem(key=one.key, source=one.catalog, fetching=one.fetching)
    remote = Remotes(context_for(state, progress)).of(item)
    return state.store.open(state.store.fetch(item, choose(remote.offers(item), item), remote)).package
