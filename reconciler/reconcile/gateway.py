"""Notify the gateway: one reload after a change, and a comparison with what it then serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import StorageError
from reconciler.gateway.call import Cause, Gateway, Missed
from reconciler.gateway.refresh import Refreshed, refresh
from reconciler.gateway.served import read_served
from reconciler.model.config import JsonObject
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.model.servers import GatewayFile
from reconciler.reconcile.changed import Changed, changed_since
from reconciler.reconcile.endpoints import routes_now
from reconciler.reconcile.serving import gateway_of, serving
from reconciler.reconcile.tool_servers import servers_seen, with_restarts
from reconciler.store.gateway_file import read_gateway_file
from reconciler.store.state_files import read_record, read_registry
from reconciler.store.write import write_record

ReloadState = Literal["Reloaded", "NotServed", "NotSeen", "RestartNeeded"] | Cause
_NOTIFIED: Final = ("NotServed", "NotSeen", "RestartNeeded")
"""The gateway was notified, but what it serves is not, or not known to be, as it should be."""


class Reload(Struct, frozen=True, kw_only=True):
    """How notifying the gateway went. ``message`` is for people: what happened and, where it failed, what to do.

    ``notes`` name each item that is not served as it should be. ``again`` is false where it is useless to try again:
    nothing listens there, or it has no extensions to reload.
    """

    state: ReloadState
    message: str
    notes: tuple[str, ...] = ()
    again: bool = True
    url: str | None = None

    def to_document(self) -> JsonObject:
        return {"state": str(self.state), "message": self.message, "notes": [*self.notes]}

    @property
    def reloaded(self) -> bool:
        """Whether the gateway serves the change."""
        return self.state == "Reloaded"


def reload_gateway(
    env: Environment,
    settings: GatewaySettings,
    by_pass: Mapping[ItemKey, Changed] | None = None,
    servers: Collection[str] = (),
) -> Reload | None:
    """Notify the gateway where there may be one, compare what it serves, and record that it was notified.

    ``by_pass`` is what this pass changed, ``None`` where that is not known; ``servers`` names the tool servers that it
    changed. The caller holds the mutex. Where the record cannot be written, the gateway is notified once more another
    time.
    """
    gateway = gateway_of(env, settings)
    if settings.reload == "off" or gateway is None:
        return None
    env.phase("notify the gateway")
    home, by_pass = Home(env.home), by_pass or {}
    record, registry = read_record(home)[0], read_registry(home).registry
    changed = changed_since(home, record, by_pass, record.told_generation)
    refreshed = None if changed and all(one.is_cold for one in changed) else refresh(gateway)
    since = record.routes.generation or record.told_generation
    uncounted = changed if since == record.told_generation else changed_since(home, record, by_pass, since)
    noted = replace(record, routes=routes_now(gateway, record, registry, uncounted, refreshed))
    reload = _compared(gateway, noted, registry, changed, refreshed)
    if noted.servers or noted.restarts or servers:
        is_down = isinstance(refreshed, Missed) and refreshed.cause is Cause.UNREACHABLE
        noted = replace(noted, restarts={}) if is_down else with_restarts(noted, gateway, servers)
        reload = (
            reload
            if is_down
            else _with_servers(gateway, noted, read_gateway_file(home), reload, is_asked_for=not by_pass)
        )
    if reload.reloaded or (reload.state in _NOTIFIED and settings.reload != "required"):
        noted = replace(noted, told_generation=record.generation)
    if noted != record:
        with suppress(StorageError):
            write_record(home, noted)
    return reload


def _with_servers(gateway: Gateway, record: Record, file: GatewayFile, reload: Reload, *, is_asked_for: bool) -> Reload:
    """The same with the tool servers, which a gateway reads when it starts.

    One without extensions is as it should be where none changed (``is_asked_for`` tells) and none is there.
    """
    seen = servers_seen(gateway, record, file)
    if seen is None or reload.state is Cause.KEY_REFUSED:
        return reload
    if reload.state is Cause.NO_EXTENSIONS and is_asked_for and not seen.unknown:
        message = f"the gateway at {gateway.url} reads its tool servers when it starts"
        reload = Reload(state="Reloaded", message=message, url=gateway.url)
    notes = (*reload.notes, *seen.notes, *seen.unwell)
    if reload.state == "Reloaded" and seen.notes:
        return replace(reload, state="RestartNeeded", notes=notes)
    return replace(reload, notes=notes)


def reload_if_missed(env: Environment, settings: GatewaySettings, record: Record) -> Reload | None:
    """Notify a gateway that missed the last change; ``None`` also for one that is down, unless it is required.

    One that is required has also missed it where it was notified while it was not, and is known to run what was there
    before.
    """
    if record.told_generation == record.generation and not (settings.reload == "required" and _runs_old(record)):
        return None
    outcome = reload_gateway(env, settings)
    return outcome if outcome is not None and (outcome.again or settings.reload == "required") else None


def _runs_old(record: Record) -> bool:
    """Whether the gateway is known to run old endpoints, or old tool servers, until it is restarted."""
    installed = {item.manifest.name: item.route for item in record.items.values() if item.enabled}
    return bool(record.restarts) or any(installed.get(name, old) != old for name, old in record.routes.items.items())


def _compared(
    gateway: Gateway,
    record: Record,
    registry: Registry,
    changed: Collection[Changed],
    refreshed: Refreshed | Missed | None,
) -> Reload:
    if isinstance(refreshed, Missed):
        advice = "; the next apply tries again" if refreshed.again else ""
        message = f"the gateway at {gateway.url} was not reloaded: {refreshed.reason}{advice}"
        return Reload(state=refreshed.cause, message=message, again=refreshed.again, url=gateway.url)
    if refreshed is None:
        message = f"the gateway at {gateway.url} was not asked to reload, because the packages say 'hot_reload: false'"
    else:
        part = f" in part: {refreshed.errors}" if refreshed.errors else ""
        message = f"the gateway at {gateway.url} was reloaded{part}"
    served = read_served(gateway)
    if isinstance(served, Missed):
        return Reload(state="NotSeen", message=f"{message}, but its list of items could not be read: {served.reason}")
    found = serving(gateway, record, registry, served, changed)
    return Reload(state="Reloaded" if found.state == "Served" else found.state, message=message, notes=found.notes)
