"""Routes that no hook sees, of the host and of a watcher alike: those for machines, and the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reconciler.errors import LlamagateError
from reconciler.host.web.access import Access
from reconciler.host.web.front import request_id_of, tell_bug
from reconciler.host.web.machines import Machines
from reconciler.host.web.pages import Pages, document_answer, static_file
from reconciler.host.web.response import Problem, problem_of
from reconciler.host.web.trying import Trying

Handler = Callable[[Request], Awaitable[Response]]
Tell = Callable[[str], None]

_GONE: Final = 499
"""For a caller who left; nobody reads it."""


def plain_routes(
    machines: Machines, pages: Pages, access: Access, tell: Tell, trying: Trying | None = None
) -> list[Route]:
    """Each of them. Probes and the files of the page need no key; only where there is ``trying`` anything is run."""

    def route(path: str, handler: Handler, *, needs_key: bool = True, method: str = "GET") -> Route:
        async def serve(request: Request) -> Response:
            async def work() -> Response:
                access.check(request, needs_key=needs_key, counts=needs_key)
                return await handler(request)

            return await answered(request_id_of(request.scope), work(), tell)

        return Route(path, serve, methods=[method])

    item = "{kind}/{id}"
    tried: list[Route] = []
    if trying is not None:
        tried = [
            route("/ui/data/inputs/{name}", _inputs(trying)),
            route("/ui/data/run/{name}", _run(trying), method="POST"),
        ]
    return [
        *tried,
        route("/livez", machines.live, needs_key=False),
        route("/readyz", machines.ready, needs_key=False),
        route("/metrics", machines.metrics),
        route("/ui", _to_page, needs_key=False),
        route("/ui/", _page, needs_key=False),
        route("/ui/{name}", _file, needs_key=False),
        route("/ui/data/overview", pages.overview),
        route("/ui/data/plan", pages.plan),
        route(f"/ui/data/plan/{item}", pages.plan_item),
        route(f"/ui/data/item/{item}", pages.item),
        route(f"/ui/data/drift/{item}", pages.drift_item),
        route("/ui/data/history", pages.history),
        route("/ui/data/compare", pages.compare),
        route(f"/ui/data/compare/{item}", pages.compare_item),
        route("/ui/data/graph", pages.graph),
        route("/ui/data/events", pages.events),
    ]


async def answered(request_id: str, work: Awaitable[Response], tell: Tell) -> Response:
    """What ``work`` comes to; what it raises in words, with the id under which it was told."""
    try:
        response = await work
    except Problem as problem:
        response = problem.response(request_id)
    except LlamagateError as error:
        response = problem_of(error).response(request_id)
    except ClientDisconnect:
        return Response(status_code=_GONE)
    except Exception as error:
        tell_bug(tell, request_id, error)
        response = Problem(500, "internal_error", "Internal error").response(request_id)
    return marked(response, request_id)


def marked(response: Response, request_id: str) -> Response:
    """With the id of its request."""
    response.headers["X-Request-ID"] = request_id
    return response


def _inputs(trying: Trying) -> Handler:
    async def serve(request: Request) -> Response:
        return document_answer(trying.inputs(request.path_params["name"]))

    return serve


def _run(trying: Trying) -> Handler:
    async def serve(request: Request) -> Response:
        return document_answer(await trying.run(request))

    return serve


async def _to_page(_request: Request) -> Response:
    return RedirectResponse("/ui/", status_code=307)


async def _page(_request: Request) -> Response:
    return static_file("index.html")


async def _file(request: Request) -> Response:
    return static_file(request.path_params["name"])
