"""Which endpoints a running gateway really has.

Its router keeps the first handler of each endpoint, with the manifest of that time, until the gateway is restarted, and
reports at every refresh that it could not register the endpoint again: also for items that nobody touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from reconciler.fs.processes import listening_process
from reconciler.model.record import Route, Routes

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """One extension before a change, if it was there; whether it had endpoints, and has some after it."""

    before: Route | None
    had: bool
    has: bool


def process_of(url: str) -> str:
    """A name for the process that listens at ``url``, another one after a restart; empty where it cannot be seen."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
        is_here = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return ""
    return listening_process(port) if is_here and port else ""


def is_restarted(routes: Routes, process: str) -> bool:
    """Whether ``process`` is another one than that of ``routes``; one that cannot be seen may be the same."""
    return bool(routes.process and process and routes.process != process)


def routes_after(
    routes: Routes, process: str, changes: Mapping[str, RouteChange], unregistered: Collection[str]
) -> Routes:
    """What is known after a refresh that could not register the endpoints of ``unregistered``.

    ``changes`` has the extensions that were changed since the refresh before. Where nothing says that this gateway's
    router keeps what it has, endpoints that went are believed to be gone.
    """
    items = {} if is_restarted(routes, process) else dict(routes.items)
    keeps = bool(items or unregistered)
    for name, change in changes.items():
        if name in unregistered:
            items.setdefault(name, change.before or Route(version="", manifest=""))
        elif change.has:
            items.pop(name, None)
        elif change.before is not None and change.had and keeps:
            items.setdefault(name, change.before)
    return Routes(process=process or routes.process, items=items)


def outdated_routes(routes: Routes, process: str, installed: Mapping[str, Route]) -> Mapping[str, str]:
    """What to say of each extension in ``installed`` whose endpoints are not those of its installed manifest."""
    if is_restarted(routes, process):
        return {}
    return {
        name: _said(route) for name, route in routes.items.items() if name in installed and installed[name] != route
    }


def _said(route: Route) -> str:
    version = route.version or "an earlier version, or are missing,"
    return f"its endpoints run {version} until the gateway is restarted"
