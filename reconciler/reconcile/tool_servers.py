"""What a gateway has of the tool servers that are recorded: it reads them when it starts, and at no other time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from reconciler.gateway.call import Gateway, Missed
from reconciler.gateway.refresh import reachable
from reconciler.gateway.routes import process_of
from reconciler.gateway.tool_servers import ServedServer, read_servers, read_tools
from reconciler.model.ids import ItemKey
from reconciler.model.record import Record
from reconciler.model.servers import GatewayFile, RecordedServer, server_key
from reconciler.model.tools import Tool
from reconciler.planning.server_views import without_secrets_of


class ServersSeen(Struct, frozen=True, kw_only=True):
    """What the gateway uses. ``notes`` say of each server what a restart would change, ``unwell`` which do not work."""

    servers: tuple[ServedServer, ...] = ()
    notes: tuple[str, ...] = ()
    unwell: tuple[str, ...] = ()
    unknown: str = ""
    """Why it does not say what it uses."""


def servers_seen(gateway: Gateway, record: Record, file: GatewayFile) -> ServersSeen | None:
    """Ask it, and compare; ``None`` where there is nothing to ask about.

    ``file`` has the secrets that its words about a server must not tell.
    """
    if not record.servers and not record.restarts:
        return None
    found = read_servers(gateway)
    if isinstance(found, Missed):
        return ServersSeen(unknown=found.reason if any(one.enabled for one in record.servers.values()) else "")
    served = {name: _masked(one, record, file) for name, one in found.items()}
    changed = changed_in(record, process_of(gateway.url))
    return ServersSeen(
        servers=tuple(served[name] for name in sorted(served)),
        notes=tuple(_notes(record, served, changed)),
        unwell=tuple(f"{one.name} does not work: {one.trouble}" for one in _ours(record, served) if one.trouble),
    )


def _masked(served: ServedServer, record: Record, file: GatewayFile) -> ServedServer:
    """The same without the secrets of the server, which may be in what the gateway says of its failure."""
    key = server_key(served.name)
    found, recorded = file.get(key), record.servers.get(key)
    if found is None or not served.trouble:
        return served
    text = without_secrets_of(found.settings, recorded.settings if recorded else {}, served.trouble)
    return replace(served, trouble=text)


def _notes(record: Record, served: Mapping[str, ServedServer], changed: frozenset[str]) -> Iterator[str]:
    for key in sorted(record.servers):
        said = _note(record.servers[key], served.get(key.id), is_changed=key.id in changed)
        if said:
            yield f"{key.id}: {said}"
    gone = (changed & served.keys()) - {key.id for key in record.servers}
    yield from (f"{name}: it was removed, and is used until the gateway is restarted" for name in sorted(gone))


def _note(recorded: RecordedServer, served: ServedServer | None, *, is_changed: bool) -> str:
    if served is None:
        return "restart the gateway to load it" if recorded.enabled else ""
    if not recorded.enabled:
        return "it is disabled, and is used until the gateway is restarted"
    transport = recorded.settings.get("transport")
    if is_changed or (served.transport and served.transport != transport):
        return "it is used as it was before its change until the gateway is restarted"
    return ""


def _ours(record: Record, served: Mapping[str, ServedServer]) -> Iterator[ServedServer]:
    for key, recorded in sorted(record.servers.items()):
        if recorded.enabled and key.id in served:
            yield served[key.id]


def tools_of(gateway: Gateway, keys: Collection[ItemKey]) -> Mapping[ItemKey, tuple[Tool, ...]]:
    """The tools of those of these servers that work. A gateway that does not answer at once is not waited for."""
    if not reachable(gateway.url):
        return {}
    served = read_servers(gateway)
    if isinstance(served, Missed):
        return {}
    found = {key: read_tools(gateway, key.id) for key in keys if key.id in served and not served[key.id].trouble}
    return {key: tools for key, tools in found.items() if not isinstance(tools, Missed)}


def changed_in(record: Record, process: str) -> frozenset[str]:
    """The servers that changed while this ``process`` of the gateway ran; one that cannot be seen may be the same."""
    return frozenset(name for name, then in record.restarts.items() if not (then and process and then != process))


def with_restarts(record: Record, gateway: Gateway, names: Collection[str]) -> Record:
    """The record, remembering that these servers changed while the gateway at hand runs."""
    process = process_of(gateway.url)
    kept = {name: record.restarts[name] for name in changed_in(record, process)}
    return replace(record, restarts=kept | dict.fromkeys(names, process))
