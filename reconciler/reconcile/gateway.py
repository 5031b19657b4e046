"""Notify the gateway: one reload after a change, and a comparison with what it then serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from reconciler.errors import LlamagateError, StorageError
from reconciler.gateway.call import Cause, Gateway, Missed
from reconciler.gateway.refresh import address_of, refresh
from reconciler.gateway.served import Departure, Expected, departures, read_served
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import is_enabled
from reconciler.model.package import Manifest
from reconciler.model.record import Record
from reconciler.observe.home import present_items
from reconciler.store.state_files import read_generation, read_record, read_registry
from reconciler.store.write import write_record

Changed = Mapping[ItemKey, Manifest | None]
"""The items that a change touched, with what each said of itself before or says now, where that is known."""

ReloadState = Literal["Reloaded", "NotServed", "NotSeen", "RestartNeeded"] | Cause
_NOTIFIED: Final = ("NotServed", "NotSeen", "RestartNeeded")
"""The gateway was notified, but what it serves is not, or not known to be, as it should be."""


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


def reload_gateway(env: Environment, settings: GatewaySettings, changed: Changed | None = None) -> Reload | None:
    """Notify the gateway where there may be one, compare what it serves, and record that it was notified.

    ``changed`` is ``None`` where it is not known what changed. The caller holds the mutex. Where the record cannot be
    written, the gateway is notified once more another time.
    """
    url = address_of(settings, is_own_home=env.is_own_home)
    if settings.reload == "off" or url is None:
        return None
    gateway = Gateway(url=url, api_key=env.variables.get(settings.api_key_env), key_name=settings.api_key_env)
    home = Home(env.home)
    record, _ = read_record(home)
    reload = _reload(gateway, home, record, {**_since_told(home, record), **(changed or {})})
    is_told = reload.reloaded or (reload.state in _NOTIFIED and settings.reload != "required")
    if is_told and record.told_generation != record.generation:
        with suppress(StorageError):
            write_record(home, replace(record, told_generation=record.generation))
    return reload


def reload_if_missed(env: Environment, settings: GatewaySettings, record: Record) -> Reload | None:
    """Notify a gateway that missed the last change; ``None`` also for one that is down, unless it is required."""
    if record.told_generation == record.generation:
        return None
    outcome = reload_gateway(env, settings)
    return outcome if outcome is not None and (outcome.again or settings.reload == "required") else None


def _reload(gateway: Gateway, home: Home, record: Record, changed: Changed) -> Reload:
    cold = {key: manifest for key, manifest in changed.items() if manifest is not None and not manifest.hot_reload}
    if changed and cold.keys() == changed.keys():
        message = f"the gateway at {gateway.url} was not asked to reload, since the packages say 'hot_reload: false'"
    else:
        refreshed = refresh(gateway)
        if isinstance(refreshed, Missed):
            advice = "; the next apply tells it again" if refreshed.again else ""
            message = f"the gateway at {gateway.url} was not reloaded: {refreshed.reason}{advice}"
            return Reload(state=refreshed.cause, message=message, again=refreshed.again)
        part = f" in part: {refreshed.errors}" if refreshed.errors else ""
        message = f"the gateway at {gateway.url} was reloaded{part}"
    served = read_served(gateway)
    if isinstance(served, Missed):
        message = f"{message}, but what it serves is not known: {served.reason}"
        return Reload(state="NotSeen", message=message)
    expected = _expected(home, record)
    found = departures(expected, _gone(home, record, changed), served)
    return _compared(message, expected, found, {manifest.name for manifest in cold.values()})


def _compared(
    message: str, expected: Collection[Expected], found: Collection[Departure], cold: Collection[str]
) -> Reload:
    """How it went, given what was ``found``; the extensions in ``cold`` wait for a restart of the gateway."""
    if not found:
        return Reload(state="Reloaded", message=message)
    wrong = [one.message for one in found if one.name not in cold]
    versions = {one.name: one.version for one in expected}
    for one in found:
        if one.name in cold:
            what = f"load {one.name} {versions[one.name]}" if one.name in versions else f"unload {one.name}"
            wrong.append(f"restart the gateway to {what}: its package says 'hot_reload: false'")
    state: ReloadState = "RestartNeeded" if all(one.name in cold for one in found) else "NotServed"
    return Reload(state=state, message=message, notes=tuple(wrong))


def _expected(home: Home, record: Record) -> list[Expected]:
    registry = read_registry(home).registry
    return [
        Expected(
            name=item.manifest.name,
            version=item.version,
            enabled=is_enabled(registry.get(key), item, default=item.enabled),
            loadable=item.manifest.loadable,
        )
        for key, item in record.items.items()
        if key.kind is Kind.EXTENSION
    ]


def _gone(home: Home, record: Record, changed: Changed) -> frozenset[str]:
    """The names of extensions that were there when the gateway was notified last, and are not any more."""
    there = present_items(home) | record.items.keys()
    return frozenset(
        manifest.name if manifest else key.id
        for key, manifest in changed.items()
        if key.kind is Kind.EXTENSION and key not in there
    )


def _since_told(home: Home, record: Record) -> Changed:
    """How the list differs from that of the generation of the last notification, if that is still kept.

    A repair changes no list: the pass that made it names what it changed.
    """
    try:
        told = read_generation(home, record.told_generation).list if record.told_generation else {}
        now = read_generation(home, record.generation).list
    except LlamagateError:
        return dict.fromkeys(record.items)
    differing = [key for key in told.keys() | now.keys() if told.get(key) != now.get(key)]
    return {key: item.manifest if (item := record.items.get(key)) else None for key in differing}
