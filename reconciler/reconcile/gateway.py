"""Notify the gateway: one reload after a change, and a comparison with what it then serves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from reconciler.errors import LlamagateError, StorageError
from reconciler.gateway.call import Cause, Gateway, Missed
from reconciler.gateway.refresh import Refreshed, refresh
from reconciler.gateway.routes import RouteChange, process_of, routes_after
from reconciler.gateway.served import read_served
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.package import Manifest
from reconciler.model.record import Record, RecordItem, Route, Routes
from reconciler.observe.home import present_items
from reconciler.reconcile.serving import gateway_of, serving
from reconciler.store.state_files import read_generation, read_record, read_registry
from reconciler.store.write import write_record

ReloadState = Literal["Reloaded", "NotServed", "NotSeen", "RestartNeeded"] | Cause
_NOTIFIED: Final = ("NotServed", "NotSeen", "RestartNeeded")
"""The gateway was notified, but what it serves is not, or not known to be, as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One item that a change touched, where known: what it says of itself now, and what was recorded before."""

    manifest: Manifest | None = None
    before: RecordItem | None = None
    route: Route | None = None
    """Its endpoints before, where only the generation tells."""

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        before = self.before.manifest if self.before else None
        return tuple(one for one in (self.manifest, before) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How notifying the gateway went. ``message`` is for people: what happened and, where it failed, what to do.

    ``notes`` name each item that is not served as it should be. ``again`` is false where it is useless to try again:
    nothing listens there, or it has no extensions to reload.
    """

    state: ReloadState
    message: str
    notes: tuple[str, ...] = ()
    again: bool = True

    @property
    def reloaded(self) -> bool:
        """Whether the gateway serves the change."""
        return self.state == "Reloaded"


def reload_gateway(
    env: Environment, settings: GatewaySettings, changed: Mapping[ItemKey, Changed] | None = None
) -> Reload | None:
    """Notify the gateway where there may be one, compare what it serves, and record that it was notified.

    ``changed`` is ``None`` where it is not known what changed. The caller holds the mutex. Where the record cannot be
    written, the gateway is notified once more another time.
    """
    gateway = gateway_of(env, settings)
    if settings.reload == "off" or gateway is None:
        return None
    home = Home(env.home)
    record, _ = read_record(home)
    changed = _all_changes(home, record, changed or {})
    refreshed = None if _all_cold(changed) else refresh(gateway)
    routes = _routes(gateway, record, changed, refreshed)
    reload = _compared(gateway, home, replace(record, routes=routes), changed, refreshed)
    is_told = reload.reloaded or (reload.state in _NOTIFIED and settings.reload != "required")
    told = record.generation if is_told else record.told_generation
    if (told, routes) != (record.told_generation, record.routes):
        with suppress(StorageError):
            write_record(home, replace(record, told_generation=told, routes=routes))
    return reload


def reload_if_missed(env: Environment, settings: GatewaySettings, record: Record) -> Reload | None:
    """Notify a gateway that missed the last change; ``None`` also for one that is down, unless it is required."""
    if record.told_generation == record.generation:
        return None
    outcome = reload_gateway(env, settings)
    return outcome if outcome is not None and (outcome.again or settings.reload == "required") else None


def _all_cold(changed: Mapping[ItemKey, Changed]) -> bool:
    """Whether every item that changed needs a restart: its old and its new manifest must both permit a reload."""
    return bool(changed) and all(any(not one.hot_reload for one in item.manifests) for item in changed.values())


def _routes(
    gateway: Gateway, record: Record, changed: Mapping[ItemKey, Changed], refreshed: Refreshed | Missed | None
) -> Routes:
    """What its router has now. One that nobody listens to has nothing: it reads all when it starts."""
    if isinstance(refreshed, Missed):
        return Routes() if refreshed.is_down else record.routes
    unregistered = refreshed.unregistered if refreshed else frozenset(record.routes.items)
    changes = {
        _name(key, item): _route_change(record.items.get(key), item)
        for key, item in changed.items()
        if key.kind is Kind.EXTENSION
    }
    return routes_after(record.routes, process_of(gateway.url), changes, unregistered)


def _route_change(now: RecordItem | None, changed: Changed) -> RouteChange:
    before = changed.before
    return RouteChange(
        before=before.route if before else changed.route,
        had=before is not None and before.manifest.has_endpoints,
        has=now is not None and now.manifest.has_endpoints,
    )


def _compared(
    gateway: Gateway,
    home: Home,
    record: Record,
    changed: Mapping[ItemKey, Changed],
    refreshed: Refreshed | Missed | None,
) -> Reload:
    if isinstance(refreshed, Missed):
        advice = "; the next apply tells it again" if refreshed.again else ""
        message = f"the gateway at {gateway.url} was not reloaded: {refreshed.reason}{advice}"
        return Reload(state=refreshed.cause, message=message, again=refreshed.again)
    if refreshed is None:
        message = f"the gateway at {gateway.url} was not asked to reload, since the packages say 'hot_reload: false'"
    else:
        part = f" in part: {refreshed.errors}" if refreshed.errors else ""
        message = f"the gateway at {gateway.url} was reloaded{part}"
    served = read_served(gateway)
    if isinstance(served, Missed):
        return Reload(state="NotSeen", message=f"{message}, but what it serves is not known: {served.reason}")
    found = serving(gateway, record, read_registry(home).registry, served, _gone(home, record, changed))
    state: ReloadState = "Reloaded" if found.state == "Served" else found.state
    return Reload(state=state, message=message, notes=found.notes)


def _gone(home: Home, record: Record, changed: Mapping[ItemKey, Changed]) -> Mapping[str, Manifest | None]:
    """The extensions, by name, that were there when the gateway was notified last, and are not any more."""
    there = present_items(home) | record.items.keys()
    return {
        _name(key, item): next(iter(item.manifests), None)
        for key, item in changed.items()
        if key.kind is Kind.EXTENSION and key not in there
    }


def _name(key: ItemKey, item: Changed) -> str:
    return next((manifest.name for manifest in item.manifests), key.id)


def _all_changes(home: Home, record: Record, changed: Mapping[ItemKey, Changed]) -> Mapping[ItemKey, Changed]:
    """``changed``, and how the list differs from that of the generation of the last notification, if it is still kept.

    Where the gateway missed more than the last change, it runs what that generation says. A repair changes no list:
    the pass that made it names what it changed.
    """
    try:
        told = read_generation(home, record.told_generation).list if record.told_generation else {}
        now = read_generation(home, record.generation).list
    except LlamagateError:
        return {**{key: Changed(manifest=item.manifest) for key, item in record.items.items()}, **changed}
    missed = record.told_generation < record.generation - 1
    differing = {}
    for key in told.keys() | now.keys():
        if told.get(key) != now.get(key) and (missed or key not in changed):
            item, before = record.items.get(key), told.get(key)
            route = Route(version=before.version, manifest="") if before else None
            differing[key] = Changed(manifest=item.manifest if item else None, route=route)
    return {**changed, **differing}
