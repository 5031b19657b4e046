"""What ``watch --listen`` serves: the page, and answers for machines. It runs and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from reconciler.host.web.access import Access, Sites
from reconciler.host.web.front import Front, request_id_of
from reconciler.host.web.machines import Machines
from reconciler.host.web.pages import Pages
from reconciler.host.web.plain import marked, plain_routes
from reconciler.host.web.response import not_found


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHost:
    """The watcher as something that is served; it ends with its loop."""

    tell: Callable[[str], None]
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Nothing: the loop ends by itself."""

    def abandon(self) -> None:
        """Nothing outlives it."""


def make_watch_app(
    machines: Machines, pages: Pages, access: Access, sites: Sites, tell: Callable[[str], None]
) -> Starlette:
    """The application; its caller runs the watcher."""

    async def nothing_there(request: Request, _error: Exception) -> Response:
        request_id = request_id_of(request.scope)
        return marked(not_found("Page").response(request_id), request_id)

    return Starlette(
        routes=plain_routes(machines, pages, access, tell),
        exception_handlers={404: nothing_there, 405: nothing_there},
        middleware=[Middleware(Front, sites=sites, tell=tell)],
    )
