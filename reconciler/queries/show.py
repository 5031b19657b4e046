"""Show: all that is known of one item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from reconciler.errors import LlamagateError, StorageError
from reconciler.fs import tree
from reconciler.model.desired import DesiredItem, Policy
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
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
from reconciler.queries.contents import Value, contents_of, values_of
from reconciler.queries.graph import graph_of
from reconciler.queries.history import difference, server_difference
from reconciler.queries.lines import config_lines, setting_lines
from reconciler.queries.list import changed_servers, known_registry, look
from reconciler.queries.offer import show_offer
from reconciler.queries.shown import FileShown, Shown, ShownOffer, Step
from reconciler.queries.why import listing_of
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import named_items, one_of
from reconciler.reconcile.readers import check_there, steadily
from reconciler.reconcile.unmanaged import unmanaged_package
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_generations


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
        return _shown(state, key) if key else show_offer(state, text, kind, catalogs, progress)

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
    lines, otherwise = setting_lines(state, key) if is_listed else {}, "last apply" if recorded else "gateway"
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
    yield from values_of(base, config, lines=config_lines(state, key) if listed else {}, listed=listed)


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
