"""The host as an ASGI application: lets requests in, tells the hooks, and turns what fails into words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match as RouteMatch
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reconciler.host.hooks import HookEvent, unread
from reconciler.host.page.look import Looker
from reconciler.host.routes import Route as RouteOfExtension
from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Snapshot
from reconciler.host.web.access import Access, Sites
from reconciler.host.web.api import Api
from reconciler.host.web.front import Front, request_id_of
from reconciler.host.web.machines import Machines
from reconciler.host.web.mcp import MCP_METHODS, McpRoute
from reconciler.host.web.pages import Pages
from reconciler.host.web.passing import Beyond, Passer
from reconciler.host.web.plain import answered, marked, plain_routes
from reconciler.host.web.request import Body, Call, body_of, path_below, path_of
from reconciler.host.web.response import not_found
from reconciler.host.web.traffic import Counted, Traffic
from reconciler.host.web.trying import Trying
from reconciler.model.config import JsonObject

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_MOVED: Final = 301
_MOVED_AS_IT_IS: Final = 307
"""A redirect that keeps method and body."""

Handler = Callable[[Call], Awaitable[Response]]


def make_app(runtime: Runtime, *, local_only: bool = False, is_watcher: bool = False) -> Starlette:
    """The application. Its caller has started ``runtime``, and closes it.

    ``local_only``: only programs and pages of this machine may ask, and those that ``allowed_hosts`` of the settings
    names, with a key too: for a host that listens on loopback. ``is_watcher``: this process also watches the home.
    """
    settings = runtime.settings
    allowed = frozenset(name.lower() for name in settings.allowed_hosts)
    sites = Sites(checked=local_only or bool(allowed), allowed=allowed, is_open=not local_only)
    access = Access(
        settings.api_key,
        runtime.tell,
        rate=settings.rate,
        trusted_proxies=settings.trusted_proxies,
        variables=settings.env.variables,
    )
    return _Gate(runtime, access, is_watcher=is_watcher).app(sites)


class _Gate:
    """What every request passes, whatever it asks for."""

    def __init__(self, runtime: Runtime, access: Access, *, is_watcher: bool) -> None:
        self._runtime = runtime
        self._access = access
        self._api = Api(runtime)
        self._traffic = Traffic(address_of=access.address_of, log=runtime.access_log)
        machines = Machines(lambda: runtime.env, runtime.settings.file, is_watcher=is_watcher, traffic=self._traffic)
        self._mcp = McpRoute(runtime, access)
        self._trying = Trying(runtime)
        looker = Looker(lambda: runtime.env, runtime.settings.file, runtime.ending, self._serves)
        self._plain_routes = plain_routes(machines, Pages(looker), access, runtime.tell, self._trying)
        self._pages: list[Route] = []
        self._passer = Passer(runtime, runtime.pool, access) if runtime.pool else None

    def app(self, sites: Sites) -> Starlette:
        api = self._api
        extension, module = "/v1/extensions/{name}", "/v1/agentic-modules/{name}"
        routes = [
            Route("/health", self._open(api.health)),
            Route("/openapi.json", self._plain(api.openapi)),
            Route("/v1/extensions", self._plain(api.list_extensions)),
            Route("/v1/extensions/refresh", self._plain(api.refresh), methods=["POST"]),
            Route(extension, self._plain(api.get_extension)),
            Route(extension, self._plain(api.put_extension), methods=["PUT"]),
            Route(f"{extension}/execute", self._plain(api.execute_extension), methods=["POST"]),
            Route(extension, self._endpoint, methods=[*METHODS]),
            Route(f"{extension}/{{rest:path}}", self._endpoint, methods=[*METHODS]),
            Route("/mcp", self._plain(self._mcp.answer), methods=[*MCP_METHODS]),
            Route("/mcp/servers", self._plain(self._mcp.servers)),
            Route("/v1/agentic-modules", self._plain(api.list_modules)),
            Route(module, self._plain(api.get_module)),
            Route(f"{module}/execute", self._plain(api.execute_module), methods=["POST"]),
        ]
        routes += self._plain_routes
        layers = [
            Middleware(Counted, traffic=self._traffic),
            Middleware(Front, sites=sites, tell=self._runtime.tell),
        ]
        if self._passer:
            own = tuple({route.path.partition("{")[0].rstrip("/") for route in routes})
            layers.append(Middleware(Beyond, passer=self._passer, own=own))
        app = Starlette(
            routes=routes,
            exception_handlers={404: self._nothing_there, 405: self._nothing_there},
            middleware=layers,
        )
        self._pages = [route for route in routes if route.endpoint != self._endpoint]
        app.router.redirect_slashes = False
        if self._passer:
            app.router.default = self._not_own
        return app

    def _open(self, handler: Callable[[], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A route that everyone may ask, without a key."""

        async def serve(request: Request) -> Response:
            return await self._answered(request_id_of(request.scope), handler())

        return serve

    def _plain(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route of the host's own, which needs the key and counts."""

        async def serve(request: Request) -> Response:
            return await self._let_in(request, self._runtime.snapshot, handler)

        return serve

    async def _endpoint(self, request: Request) -> Response:
        snapshot = self._runtime.snapshot
        name, path = path_below(request)
        match = snapshot.routes.match(request.method, name, path)
        if match is None and self._is_page(request):
            return _without_slash(request)
        if match is None:
            return await self._let_in(request, snapshot, partial(self._no_route, path=path))
        return await self._let_in(request, snapshot, partial(self._api.call_endpoint, match=match), match.route)

    async def _let_in(
        self, request: Request, snapshot: Snapshot, handler: Handler, route: RouteOfExtension | None = None
    ) -> Response:
        """The host's own routes need the key and count; the ``route`` of an extension says what it needs."""
        request_id = request_id_of(request.scope)

        async def work() -> Response:
            body = await self._admitted(request, route)
            self._tell_hooks(request, request_id, snapshot, body)
            workers = self._runtime.workers
            return await handler(
                Call(request=request, request_id=request_id, snapshot=snapshot, body=body, workers=workers)
            )

        return await self._answered(request_id, work())

    async def _admitted(self, request: Request, route: RouteOfExtension | None) -> Body:
        """The body of a request that may be made. ``Problem`` for any other."""
        needs_key = route is None or route.endpoint.requires_auth
        counts = route is None or route.endpoint.requires_rate_limit
        self._access.check(request, needs_key=needs_key, counts=counts)
        data = await body_of(request, self._runtime.settings.body)
        if route is not None:
            self._access.check_signature(request, route, data)
        return Body(data, self._runtime.workers)

    async def _answered(self, request_id: str, work: Awaitable[Response]) -> Response:
        return await answered(request_id, work, self._runtime.tell)

    def _tell_hooks(self, request: Request, request_id: str, snapshot: Snapshot, body: Body) -> None:
        """Hooks write beside the answer, which waits for none of them."""
        hooks, beside, path = self._runtime.hooks, self._runtime.beside, path_of(request)
        if not hooks.see_requests(snapshot, path):
            return
        event = HookEvent(
            method=request.method,
            path=path,
            request_id=request_id,
            address=self._access.address_of(request),
            body=body.read if beside.has_time else unread,
        )
        beside.begin(partial(hooks.requested, snapshot, path, lambda: event))

    def _serves(self) -> JsonObject:
        """What is served by this process, for its page."""
        snapshot = self._runtime.snapshot
        items = [*snapshot.extensions.values(), *snapshot.modules.values()]
        return {
            "items": [{"name": one.name, "version": one.version, "enabled": one.enabled} for one in items],
            "faults": [str(fault) for fault in snapshot.faults],
            "servers": [one.to_document() for one in self._runtime.tools.health()],
            "tries": self._trying.names(),
        }

    def _is_page(self, request: Request) -> bool:
        """Whether a request would be for a page of the host's own, but for a slash at its end."""
        path = path_of(request)
        scope = {**request.scope, "path": path.rstrip("/")}
        return path.endswith("/") and any(page.matches(scope)[0] is RouteMatch.FULL for page in self._pages)

    async def _no_route(self, call: Call, path: tuple[str, ...]) -> Response:
        raise not_found("Endpoint", near=call.snapshot.routes.near(call.request.method, call.name, path))

    async def _not_own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What no route of the host is for."""
        request = Request(scope)
        if self._passer is None or self._is_page(request):
            raise HTTPException(404)
        await self._passer(scope, receive, send)

    async def _nothing_there(self, request: Request, _error: Exception) -> Response:
        if self._is_page(request):
            return _without_slash(request)
        request_id = request_id_of(request.scope)
        return marked(not_found("Page").response(request_id), request_id)


def _without_slash(request: Request) -> Response:
    """To the same path without the slash at its end. It begins with one of our own, so no other site is meant."""
    path = bytes(request.scope.get("raw_path") or path_of(request).encode()).decode("ascii", "replace").rstrip("/")
    asked = request.scope["query_string"].decode("ascii", "replace")
    query = f"?{asked}" if asked else ""
    status = _MOVED if request.method == "GET" else _MOVED_AS_IT_IS
    response = Response(status_code=status, headers={"Location": f"{path}{query}"})
    return marked(response, request_id_of(request.scope))
