"""The gateway's configuration file: what it says of tool servers."""

from __future__ import annotations

from typing import Final, cast

from reconciler.documents.yaml.load import load
from reconciler.documents.yaml.places import dotted, locate
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject
from reconciler.model.servers import SERVERS_PLACE, name_of

_MCP: Final = SERVERS_PLACE[0]
_SERVERS: Final = SERVERS_PLACE[1]


def entries_in(data: bytes, *, name: str) -> tuple[bool, list[JsonObject]]:
    """Whether the gateway uses tool servers, and their entries. ``InputError`` where it cannot be told, with the place.

    A gateway with an ``mcp:`` that does not say ``enabled`` uses them.
    """
    document = loaded(data, name)
    mcp = cast(JsonObject, document.get(_MCP) or {})
    found = cast("list[JsonObject]", mcp.get(_SERVERS) or [])
    return mcp.get("enabled") is not False, found


def loaded(data: bytes, name: str) -> JsonObject:
    """The document, of which all that is about tool servers is as it should be. ``InputError`` with the place."""
    document = load(data, name=name)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise InputError.at("expected a mapping at the top", file=name, place=(1, 1))
    _check_spelling(document, (), (_MCP,), data, name)
    mcp = document.get(_MCP)
    if mcp is None:
        return document
    if not isinstance(mcp, dict):
        raise wrong("expected a mapping", data, (_MCP,), name)
    _check_spelling(mcp, (_MCP,), (_SERVERS, "enabled"), data, name)
    _check_servers(mcp.get(_SERVERS), data, name)
    return document


def _check_spelling(
    document: JsonObject, place: tuple[str, ...], known: tuple[str, ...], data: bytes, name: str
) -> None:
    """The gateway takes ``MCP:`` for ``mcp:``; an edit knows the one spelling."""
    for key in document:
        if key != key.lower() and key.lower() in known:
            raise wrong(f"write '{key.lower()}' in lower case", data, (*place, key), name)


def _check_servers(servers: Json, data: bytes, name: str) -> None:
    if servers is not None and not isinstance(servers, list):
        raise wrong("expected a list", data, SERVERS_PLACE, name)
    seen: set[str] = set()
    for index, entry in enumerate(servers or []):
        place = (*SERVERS_PLACE, index)
        if not isinstance(entry, dict):
            raise wrong("expected a mapping with a name", data, place, name)
        _check_keys(entry, place, data, name)
        server = name_of(entry)
        if server in seen:
            raise wrong(f"the name '{server}' is listed twice", data, place, name)
        seen |= {server} - {""}


def _check_keys(entry: JsonObject, place: tuple[str | int, ...], data: bytes, name: str) -> None:
    """For the gateway ``Url`` and ``url`` are one key."""
    seen: set[str] = set()
    for key in entry:
        if key.lower() in seen:
            raise wrong(f"the key '{key.lower()}' is there twice; case does not count", data, (*place, key), name)
        seen.add(key.lower())


def wrong(message: str, data: bytes, place: tuple[str | int, ...], name: str) -> InputError:
    return InputError.at(message, file=name, place=locate(data, place), path=dotted(place))


def servers_in(document: JsonObject) -> list[JsonObject]:
    mcp = cast(JsonObject, document.get(_MCP) or {})
    return cast("list[JsonObject]", mcp.get(_SERVERS) or [])
