"""What ``watch --listen`` serves: the same answers for machines as the host, and nothing that runs or changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.errors import LlamagateError
from reconciler.host.web.access import Access, Sites
from reconciler.host.web.front import Front, request_id_of
from reconciler.host.web.machines import Machines
from reconciler.host.web.response import Problem, not_found, problem_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHost:
    """The watcher as something that is served; it ends with its loop."""

    tell: Callable[[str], None]

    async def close(self) -> None:
        """Nothing: the loop ends by itself."""

    def abandon(self) -> None:
        """Nothing outlives it."""


def make_watch_app(machines: Machines, access: Access, sites: Sites, tell: Callable[[str], None]) -> Starlette:
    """The application; its caller runs the watcher."""

    def route(path: str, handler: Callable[[], Awaitable[Response]], *, needs_key: bool = False) -> Route:
        async def serve(request: Request) -> Response:
            try:
                access.check(request, needs_key=needs_key, counts=needs_key)
                return await handler()
            except Problem as problem:
                return problem.response(request_id_of(request.scope))
            except LlamagateError as error:
                return problem_of(error).response(request_id_of(request.scope))

        return Route(path, serve)

    async def nothing_there(request: Request, _error: Exception) -> Response:
        return not_found("Page").response(request_id_of(request.scope))

    routes: Sequence[Route] = [
        route("/livez", machines.live),
        route("/readyz", machines.ready),
        route("/metrics", machines.metrics, needs_key=True),
    ]
    front = Middleware(Front, sites=sites, tell=tell)
    return Starlette(routes=routes, exception_handlers={404: nothing_there, 405: nothing_there}, middleware=[front])
