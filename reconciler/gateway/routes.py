"""Which endpoints a running gateway really has.

Its router keeps the first handler of each endpoint, with the manifest of that time, until the gateway is restarted, and
reports at every refresh that it could not register the endpoint again: also for items that nobody touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from reconciler.fs.processes import listening_process
from reconciler.model.record import Route, Routes

_PORTS: Final = {"http": 80, "https": 443}


class RouteChange(Struct, frozen=True, kw_only=True):
    """What was installed of one extension before a change, if it is known, and whether that had endpoints."""

    before: Route | None
    had: bool


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
    routes: Mapping[str, Route],
    changes: Mapping[str, RouteChange],
    *,
    kept: Collection[str],
    registered: Collection[str],
) -> Mapping[str, Route]:
    """What the router has of extensions that changed since the gateway started.

    It ``kept`` the endpoints of some as they were, and ``registered`` those of others as they are now. Where nothing
    says that it ever keeps any, endpoints that went are believed to be gone.
    """
    keeps = bool(routes or kept)
    after = {name: route for name, route in routes.items() if name not in registered}
    for name, change in changes.items():
        if name in kept:
            after.setdefault(name, change.before or Route(version="", manifest=""))
        elif name not in registered and change.had and change.before is not None and keeps:
            after.setdefault(name, change.before)
    return after


def outdated_routes(routes: Routes, url: str, installed: Mapping[str, Route]) -> Mapping[str, str]:
    """What to say of each extension in ``installed`` whose endpoints are not those of its installed manifest."""
    old = {name: _said(route) for name, route in routes.items.items() if installed.get(name, route) != route}
    return {} if old and is_restarted(routes, process_of(url)) else old


def _said(route: Route) -> str:
    version = route.version or "an earlier version, or are missing,"
    return f"its endpoints run {version} until the gateway is restarted"
