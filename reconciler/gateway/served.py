"""What a running gateway serves, and how that departs from what it should serve."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from reconciler.gateway.call import Cause, Gateway, Missed, call
from reconciler.model.config import Json


class ServedExtension(Struct, frozen=True, kw_only=True):
    """An extension as the gateway lists it. ``unread`` says what its hooks cannot read there."""

    version: str
    enabled: bool
    unread: tuple[str, ...] = ()


class Expected(Struct, frozen=True, kw_only=True):
    """An extension as the gateway should list it, by the name in its manifest.

    One that is not ``loadable``, or is disabled, need not be listed; our own host loads what gateways cannot.
    """

    name: str
    version: str
    enabled: bool
    loadable: bool = True


class Departure(Struct, frozen=True, kw_only=True):
    """One extension that is not served as it should be, in words."""

    name: str
    message: str


def read_served(gateway: Gateway) -> Mapping[str, ServedExtension] | Missed:
    """What the gateway serves now, by name."""
    answer = call(gateway, "GET", "/v1/extensions")
    if isinstance(answer, Missed):
        return answer
    try:
        return dict(_extensions(json.loads(answer.body)))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Missed(cause=Cause.BAD_ANSWER, reason="its list of extensions cannot be read")


def _extensions(document: Json) -> Iterator[tuple[str, ServedExtension]]:
    if not isinstance(document, dict) or not isinstance(listed := document["extensions"] or [], list):
        raise TypeError
    for entry in listed:
        if not isinstance(entry, dict):
            raise TypeError
        unread = entry.get("unread")
        yield (
            str(entry["name"]),
            ServedExtension(
                version=str(entry["version"]),
                enabled=entry["enabled"] is True,
                unread=tuple(map(str, unread)) if isinstance(unread, list) else (),
            ),
        )


def departures(
    expected: Collection[Expected], gone: Collection[str], served: Mapping[str, ServedExtension]
) -> tuple[Departure, ...]:
    """Item by item, what is not as it should be; ``gone`` names what must not be served any more."""
    found = [(one.name, _departure(one, served.get(one.name))) for one in expected]
    names = {one.name for one in expected}
    found += [
        (name, f"it was removed, but the gateway still serves it: {_COPY}")
        for name in gone
        if name in served.keys() - names
    ]
    return tuple(Departure(name=name, message=f"{name}: {message}") for name, message in sorted(found) if message)


_COPY = "a copy may be in the folder 'extensions' from which the gateway was started"


def _departure(expected: Expected, served: ServedExtension | None) -> str:
    if not expected.loadable:
        if served is None:
            return ""
        if served.version != expected.version:
            return f"this gateway cannot load it, but serves another item of that name: {_COPY}"
    if served is None:
        return f"version {expected.version} should be served, but is not" if expected.enabled else ""
    if not expected.enabled:
        return f"it is disabled, but served: {_COPY}, or it says 'builtin: true'" if served.enabled else ""
    if served.version != expected.version:
        return f"version {served.version} is served instead of {expected.version}"
    return "" if served.enabled else "it is enabled, but served as disabled"
