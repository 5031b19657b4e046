"""The addresses of the page: its files, which everyone may have, and what they ask for, which needs the key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from reconciler import __version__
from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.host.page.documents import comparison_document, diff_of, plan_document
from reconciler.host.page.look import Looker, View
from reconciler.host.web.response import Problem, answer_of, bad_request, not_found
from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.plan import Plan
from reconciler.queries.diff import Diff, read_diff
from reconciler.queries.edits import drift_of_item
from reconciler.queries.graph import read_graph
from reconciler.queries.history import read_history
from reconciler.queries.plan import read_plan
from reconciler.queries.show import read_show
from reconciler.reconcile.options import Options

_T = TypeVar("_T")

TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
_NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_KEPT_COMPARISONS: Final = 4


def static_file(name: str) -> Response:
    """A file of the page. ``Problem`` where there is none of that name."""
    return Response(_content(name), media_type=TYPES[name.rpartition(".")[2]], headers=dict(HEADERS))


@cache
def _content(name: str) -> bytes:
    static = files("reconciler.host.page") / "static"
    found = next((one for one in static.iterdir() if one.name == name), None)
    if found is None or name.rpartition(".")[2] not in TYPES:
        raise not_found("Page")
    return found.read_bytes()


class Pages:
    """Answers what the page asks."""

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._one_plan = asyncio.Lock()
        self._plan: tuple[str, Plan] | None = None
        self._compared: dict[tuple[str, str, str], Diff] = {}

    async def overview(self, _request: Request) -> Response:
        view = await self._looker.view()
        more: JsonObject = {
            "revision": view.revision,
            "at": view.at,
            "program": __version__,
            "home": str(self._looker.env().home),
            "file": str(self._looker.file),
        }
        return document_answer({**view.document, **more})

    async def plan(self, _request: Request) -> Response:
        return document_answer(plan_document(await self._current_plan()))

    async def plan_item(self, request: Request) -> Response:
        return document_answer(diff_of((await self._current_plan()).actions, _key(request)))

    async def item(self, request: Request) -> Response:
        key = _key(request)
        env, file = self._looker.env(), self._looker.file
        shown = await _found(lambda: read_show(env, file, key.id, key.kind))
        return document_answer(shown.to_document())

    async def history(self, _request: Request) -> Response:
        found = await asyncio.to_thread(read_history, self._looker.env())
        return document_answer(found.to_document())

    async def compare(self, request: Request) -> Response:
        return document_answer(comparison_document(await self._comparison(request)))

    async def compare_item(self, request: Request) -> Response:
        return document_answer(diff_of((await self._comparison(request)).items, _key(request)))

    async def drift_item(self, request: Request) -> Response:
        """What was changed by hand in one item, whether a plan would put it back or not."""
        key = _key(request)
        found = await _found(lambda: drift_of_item(self._looker.env(), key.id, key.kind))
        return document_answer({"files": [*found]})

    async def graph(self, _request: Request) -> Response:
        found = await asyncio.to_thread(read_graph, self._looker.env(), self._looker.file)
        return document_answer(found.to_document())

    async def events(self, _request: Request) -> Response:
        headers = {**_NO_STORE, "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(self._looker), media_type="text/event-stream", headers=headers)

    async def _current_plan(self) -> Plan:
        """The plan that goes with the view of now, made once for each."""
        async with self._one_plan:
            revision = (await self._looker.view()).revision
            if self._plan is None or self._plan[0] != revision:
                options = Options(file=self._looker.file)
                self._plan = revision, await asyncio.to_thread(read_plan, self._looker.env(), options)
            return self._plan[1]

    async def _comparison(self, request: Request) -> Diff:
        before, after = (request.query_params.get(name, "") for name in ("from", "to"))
        if not before:
            raise bad_request("Say from which generation")
        names = [f"@{name}" for name in (before, after) if name]
        known = ((await self._looker.view()).revision, before, after)
        if known not in self._compared:
            found = await _found(lambda: read_diff(self._looker.env(), self._looker.file, names))
            while len(self._compared) >= _KEPT_COMPARISONS:
                del self._compared[next(iter(self._compared))]
            self._compared[known] = found
        return self._compared[known]


async def _found(read: Callable[[], _T]) -> _T:
    """What ``read`` gives, beside the event loop. What is asked for by a name that nobody has is 404."""
    try:
        return await asyncio.to_thread(read)
    except InputError as error:
        if error.code != ErrorCode.NOT_FOUND:
            raise
        raise Problem(404, "not_found", error.message) from error


def _key(request: Request) -> ItemKey:
    kind, item_id = request.path_params["kind"], request.path_params["id"]
    if kind not in [*Kind]:
        raise not_found("Item")
    return ItemKey(Kind(kind), item_id)


def document_answer(document: JsonObject) -> Response:
    """What the page is told, which nothing on the way may keep."""
    return answer_of(json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace"), headers=_NO_STORE)


async def _events(looker: Looker) -> AsyncIterator[bytes]:
    async for view in looker.changes():
        yield b": still here\n\n" if view is None else _event(view)


def _event(view: View) -> bytes:
    return f"event: view\ndata: {json.dumps({'revision': view.revision, 'at': view.at})}\n\n".encode()
