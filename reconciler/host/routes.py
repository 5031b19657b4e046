"""Which endpoint of an extension a request means. Pure; made with each snapshot, so a route goes with its item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from reconciler.host.items import Endpoint, Extension, ItemFault
from reconciler.model.ids import did_you_mean

_PARAMETER: Final = re.compile(r":(?P<colon>\w+)|\{(?P<braces>\w+)\}")
_REST: Final = re.compile(r"\*(?P<star>\w+)|\{(?P<path>\w+):path\}")
_LITERAL, _VALUE, _RESTS = 0, 1, 2

_OWN: Final = frozenset([("GET", ()), ("HEAD", ()), ("PUT", ()), ("POST", ("execute",))])
"""Method and path below an extension's own that the host answers itself."""
_REFRESH: Final = ("refresh", "POST", ())


@dataclass(frozen=True, slots=True)
class _Segment:
    """One part of a path: a literal text, a parameter for one part, or one for all that follow."""

    kind: int
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint with its path taken apart."""

    extension: Extension
    endpoint: Endpoint
    parts: tuple[_Segment, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """Equal for two paths that no request could tell apart."""
        return tuple(part.text if part.kind == _LITERAL else "*" * part.kind for part in self.parts)

    @property
    def template(self) -> str:
        """The path below the extension's own as OpenAPI writes it: parameters in braces, all else percent-encoded."""
        return "".join(f"/{quote(part.text) if part.kind == _LITERAL else f'{{{part.text}}}'}" for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(part.text for part in self.parts if part.kind != _LITERAL)

    def parameters(self, path: tuple[str, ...]) -> dict[str, str] | None:
        """The values of the path's parameters, or ``None`` where it does not match."""
        found: dict[str, str] = {}
        for index, part in enumerate(self.parts):
            if part.kind == _RESTS:
                return {**found, part.text: "/".join(path[index:])} if index < len(path) else None
            if index >= len(path) or (part.kind == _LITERAL and part.text != path[index]):
                return None
            if part.kind == _VALUE:
                found[part.text] = path[index]
        return found if len(path) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request and the values in its path."""

    route: Route
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, by method and extension; the more a path says literally, the earlier it is tried."""

    _by_name: Mapping[tuple[str, str], tuple[Route, ...]]

    def match(self, method: str, name: str, path: tuple[str, ...]) -> Match | None:
        """The endpoint at ``path`` below extension ``name``, given in parts."""
        for route in self._by_name.get((method, name), ()):
            parameters = route.parameters(path)
            if parameters is not None:
                return Match(route, parameters)
        return None

    def near(self, method: str, name: str, path: tuple[str, ...]) -> str:
        """The end of a message about a request that fits no endpoint: the nearest one of that extension, if any."""
        routes = (route for (_, owner), owned in self._by_name.items() if owner == name for route in owned)
        known = {f"{route.endpoint.method} {route.template}" for route in routes}
        return did_you_mean(f"{method} /{'/'.join(path)}", known)

    def all(self) -> Iterator[Route]:
        """Every route, in a fixed order."""
        for _, routes in sorted(self._by_name.items()):
            yield from routes


def make_routes(extensions: Iterable[Extension]) -> tuple[Routes, tuple[ItemFault, ...]]:
    """The routes of all enabled workflows, and an ``ItemFault`` for each endpoint that cannot be had."""
    found: dict[tuple[str, str], list[Route]] = {}
    faults = []
    for extension in extensions:
        for endpoint in extension.endpoints if extension.enabled else ():
            route = Route(extension, endpoint, _segments(endpoint.path))
            others = found.setdefault((endpoint.method, extension.name), [])
            problem = _problem(route, others)
            if problem:
                faults.append(ItemFault(name=f"{extension.name} (routes)", message=problem))
            else:
                others.append(route)
    return Routes({key: tuple(sorted(routes, key=_specificity)) for key, routes in found.items()}), tuple(faults)


def _segments(path: str) -> tuple[_Segment, ...]:
    """A path in parts. A final ``/`` says nothing."""
    return tuple(_segment(text) for text in path.strip("/").split("/") if path.strip("/"))


def _segment(text: str) -> _Segment:
    if match := _PARAMETER.fullmatch(text):
        return _Segment(_VALUE, match["colon"] or match["braces"])
    if match := _REST.fullmatch(text):
        return _Segment(_RESTS, match["star"] or match["path"])
    return _Segment(_LITERAL, text)


def _problem(route: Route, others: list[Route]) -> str | None:
    endpoint = route.endpoint
    wanted = f"{endpoint.method} {endpoint.path}"
    if (endpoint.method, route.shape) in _OWN or (route.extension.name, endpoint.method, route.shape) == _REFRESH:
        return f"{wanted} is a route of the host itself"
    if len(set(route.names)) != len(route.names):
        return f"{wanted} names a parameter twice"
    if any(part.kind == _RESTS for part in route.parts[:-1]):
        return f"{wanted} goes on behind a parameter that takes the rest of the path"
    same = next((other for other in others if other.shape == route.shape), None)
    return f"{wanted} conflicts with {same.endpoint.method} {same.endpoint.path}" if same else None


def _specificity(route: Route) -> tuple[tuple[int, ...], str]:
    return tuple(part.kind for part in route.parts), route.endpoint.path
