"""What the gateway should serve and really runs: the comparison that ``apply``, ``status`` and ``doctor`` share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import Struct

from reconciler.gateway.call import Cause, Gateway, Missed
from reconciler.gateway.refresh import address_of, reachable
from reconciler.gateway.routes import outdated_routes
from reconciler.gateway.served import Departure, Expected, ServedExtension, departures, read_served
from reconciler.gateway.tool_servers import ServedServer
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.ids import Kind
from reconciler.model.observed import is_enabled
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.model.servers import GatewayFile
from reconciler.reconcile.changed import Changed
from reconciler.reconcile.tool_servers import ServersSeen, servers_seen

ServingState = Literal["Served", "NotServed", "RestartNeeded"]


class Serving(Struct, frozen=True, kw_only=True):
    """How a gateway serves what is installed. ``notes`` name each item that is not served as it should be.

    ``unread`` names each hook that cannot read all that passes there.
    """

    state: ServingState | Cause
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    servers: tuple[ServedServer, ...] = ()
    """The tool servers that it uses, where some are recorded."""

    @property
    def answers(self) -> bool:
        return self.state is not Cause.UNREACHABLE


def gateway_of(env: Environment, settings: GatewaySettings) -> Gateway | None:
    """The gateway to ask, with its key; ``None`` where there is none."""
    url = address_of(settings, asked=env.gateway, is_own_home=env.is_own_home)
    if url is None:
        return None
    return Gateway(url=url, api_key=env.variables.get(settings.api_key_env), key_name=settings.api_key_env)


def look_at(gateway: Gateway, record: Record, registry: Registry, file: GatewayFile) -> Serving:
    """Ask what it serves now, and compare; one that does not answer at all is not waited for long.

    ``file`` is that with the tool servers.
    """
    if not reachable(gateway.url):
        return Serving(state=Cause.UNREACHABLE)
    served = read_served(gateway)
    if isinstance(served, Missed):
        found = Serving(state=served.cause, notes=(served.reason,))
    else:
        found = serving(gateway, record, registry, served)
    seen = servers_seen(gateway, record, file) if served_may_have_servers(found) else None
    return found if seen is None else with_servers(found, seen, has_packages=bool(record.items))


def served_may_have_servers(found: Serving) -> bool:
    """Whether it makes sense to ask it for its tool servers: it answers, and takes the key."""
    return found.state in ("Served", "NotServed", "RestartNeeded", Cause.NO_EXTENSIONS, Cause.BAD_ANSWER)


def with_servers(found: Serving, seen: ServersSeen, *, has_packages: bool) -> Serving:
    """The same with what it has of tool servers. Gateways with those have no extensions: without any, that is fine."""
    state, notes = found.state, found.notes
    if state is Cause.NO_EXTENSIONS and not has_packages and not seen.unknown:
        state, notes = "Served", ()
    if seen.unknown:
        notes = (*notes, f"tool servers: {seen.unknown}")
    if state == "Served" and (seen.notes or seen.unwell):
        state = "RestartNeeded" if seen.notes else "NotServed"
    return Serving(state=state, notes=(*notes, *seen.notes, *seen.unwell), servers=seen.servers)


def serving(
    gateway: Gateway,
    record: Record,
    registry: Registry,
    served: Mapping[str, ServedExtension],
    changed: Collection[Changed] = (),
) -> Serving:
    """Item by item: the list of the gateway, what a package says of reloads, and the endpoints that really run.

    ``changed`` are the items that were there when the gateway was notified last, and changed or went since.
    """
    expected = expected_of(record, registry)
    recorded = {item.manifest.name: item for item in record.items.values()}
    found = departures(expected, {one.name for one in changed if one.is_gone and one.is_extension}, served)
    cold = {name for name, item in recorded.items() if not item.manifest.hot_reload}
    cold.update(one.name for one in changed if one.is_cold)
    enabled = {one.name: one.version for one in expected if one.enabled}
    notes = [_restart(one.name, enabled) if one.name in cold else one.message for one in found]
    old = outdated_routes(record.routes, gateway.url, {name: recorded[name].route for name in enabled})
    notes += [f"{name}: {old[name]}" for name in sorted(old)]
    unread = tuple(f"{name}: {line}" for name, one in sorted(served.items()) for line in one.unread)
    return Serving(state=_state(found, cold, old), notes=tuple(notes), unread=unread)


def _state(found: Collection[Departure], cold: Collection[str], old: Collection[str]) -> ServingState:
    if any(one.name not in cold for one in found):
        return "NotServed"
    return "RestartNeeded" if found or old else "Served"


def _restart(name: str, enabled: Mapping[str, str]) -> str:
    what = f"load {name} {enabled[name]}" if name in enabled else f"unload {name}"
    return f"restart the gateway to {what}: its package says 'hot_reload: false'"


def expected_of(record: Record, registry: Registry) -> list[Expected]:
    """The extensions as the gateway should list them."""
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
