"""The host as an ASGI application: lets requests in, tells the hooks, and turns what fails into words."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.errors import LlamagateError
from reconciler.host.hooks import HookEvent
from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Snapshot
from reconciler.host.web.access import Access, address_of
from reconciler.host.web.api import Api
from reconciler.host.web.request import Body, Call, body_of, path_below
from reconciler.host.web.response import Problem, not_found, problem_of

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_GONE: Final = 499
"""For a caller who left; nobody reads it."""

Handler = Callable[[Call], Awaitable[Response]]


def make_app(runtime: Runtime, *, local_only: bool = False) -> Starlette:
    """The application. Its caller has started ``runtime``, and closes it. ``local_only`` as for ``Access``."""
    settings = runtime.settings
    return _Gate(runtime, Access(api_key=settings.api_key, rate=settings.rate, local_only=local_only)).app()


class _Gate:
    """What every request passes, whatever it asks for."""

    def __init__(self, runtime: Runtime, access: Access) -> None:
        self._runtime = runtime
        self._access = access
        self._api = Api(runtime)

    def app(self) -> Starlette:
        api = self._api
        extension, module = "/v1/extensions/{name}", "/v1/agentic-modules/{name}"
        routes = [
            Route("/health", self._health),
            Route("/openapi.json", self._plain(api.openapi)),
            Route("/v1/extensions", self._plain(api.list_extensions)),
            Route("/v1/extensions/refresh", self._plain(api.refresh), methods=["POST"]),
            Route(extension, self._plain(api.get_extension)),
            Route(extension, self._plain(api.put_extension), methods=["PUT"]),
            Route(f"{extension}/execute", self._plain(api.execute_extension), methods=["POST"]),
            Route(extension, self._endpoint, methods=[*METHODS]),
            Route(f"{extension}/{{rest:path}}", self._endpoint, methods=[*METHODS]),
            Route("/v1/agentic-modules", self._plain(api.list_modules)),
            Route(module, self._plain(api.get_module)),
            Route(f"{module}/execute", self._plain(api.execute_module), methods=["POST"]),
        ]
        app = Starlette(routes=routes, exception_handlers={404: _nothing_there, 405: _nothing_there})
        app.router.redirect_slashes = False
        return app

    async def _health(self, _request: Request) -> Response:
        return await self._answered(str(uuid.uuid4()), self._api.health())

    def _plain(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route of the host's own, which needs the key and counts."""

        async def serve(request: Request) -> Response:
            return await self._let_in(request, self._runtime.snapshot, handler)

        return serve

    async def _endpoint(self, request: Request) -> Response:
        snapshot = self._runtime.snapshot
        name, path = path_below(request)
        match = snapshot.routes.match(request.method, name, path)
        if match is None:
            return await self._let_in(request, snapshot, _no_route)
        endpoint = match.route.endpoint
        handler = partial(self._api.call_endpoint, match=match)
        needs_key, counts = endpoint.requires_auth, endpoint.requires_rate_limit
        return await self._let_in(request, snapshot, handler, needs_key=needs_key, counts=counts)

    async def _let_in(
        self, request: Request, snapshot: Snapshot, handler: Handler, *, needs_key: bool = True, counts: bool = True
    ) -> Response:
        request_id = str(uuid.uuid4())

        async def work() -> Response:
            self._access.check(request, needs_key=needs_key, counts=counts)
            workers = self._runtime.workers
            body = Body(await body_of(request, self._runtime.settings.body), workers)
            await self._runtime.hooks.requested(snapshot, request.url.path, partial(_seen, request, request_id, body))
            return await handler(
                Call(request=request, request_id=request_id, snapshot=snapshot, body=body, workers=workers)
            )

        return await self._answered(request_id, work())

    async def _answered(self, request_id: str, work: Awaitable[Response]) -> Response:
        try:
            response = await work
        except Problem as problem:
            response = problem.response(request_id)
        except LlamagateError as error:
            response = problem_of(error).response(request_id)
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception as error:
            self._tell_bug(request_id, error)
            response = Problem(500, "internal_error", "Internal error").response(request_id)
        return _marked(response, request_id)

    def _tell_bug(self, request_id: str, error: Exception) -> None:
        """Where it happened; the message of an exception may hold what a caller sent."""
        trace = "".join(traceback.format_tb(error.__traceback__))
        self._runtime.tell(f"request {request_id} met a bug ({type(error).__name__}):\n{trace}")


async def _no_route(_call: Call) -> Response:
    raise not_found("Endpoint")


async def _nothing_there(_request: Request, _error: Exception) -> Response:
    return _marked(not_found("Page").response(request_id := str(uuid.uuid4())), request_id)


def _marked(response: Response, request_id: str) -> Response:
    response.headers["X-Request-ID"] = request_id
    return response


def _seen(request: Request, request_id: str, body: Body) -> HookEvent:
    return HookEvent(
        method=request.method,
        path=request.url.path,
        request_id=request_id,
        address=address_of(request),
        body=body.value_or_none,
    )
