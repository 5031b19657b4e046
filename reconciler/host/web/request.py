"""A request on its way in: its body, the item in its path, and what an endpoint is given of it."""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request

from reconciler.documents import json_text
from reconciler.errors import InputError
from reconciler.host.engine.inputs import problem_with
from reconciler.host.engine.json_values import as_type
from reconciler.host.engine.pieces import Workers
from reconciler.host.items import Extension
from reconciler.host.routes import Match
from reconciler.host.snapshot import Snapshot
from reconciler.host.upstream.kept import Read
from reconciler.host.web.response import Problem, bad_request
from reconciler.host.workers import uncollected
from reconciler.model.config import Json, JsonObject, children

BODY_SECONDS: Final = 30
MAX_HOLDERS: Final = 50_000
"""Lists and objects in one body: taking over more of them would hold up others."""
_SHORT_BYTES: Final = 2**14
_NAME: Final = "the body"

_INVALID: Final = "invalid_request_error"
_CLOSE: Final = {"Connection": "close"}
_WITH_BODY: Final = frozenset(["POST", "PUT", "PATCH", "DELETE"])
_EXTENSIONS: Final = "/v1/extensions/"
_T = TypeVar("_T")


def path_of(request: Request) -> str:
    """Its path. Not by ``request.url``, which in some versions of Starlette begins with whatever ``Host`` says."""
    return str(request.scope["path"])


class Body:
    """What a request brought, decoded at most once, however often it is asked for."""

    def __init__(self, data: bytes, workers: Workers) -> None:
        self.data = data
        self._workers = workers
        self._decoded: asyncio.Future[Json] | None = None

    async def value(self) -> Json:
        """The JSON in it. ``InputError`` where it is none."""
        if self._decoded is None:
            self._decoded = asyncio.ensure_future(_decoded(self.data, self._workers))
        return await asyncio.shield(self._decoded)  # who waits may have less time than others

    async def read(self) -> tuple[Read, Json]:
        """Whether it can be read, and the JSON in it; ``None`` where it is none, or empty."""
        try:
            return Read.READ, await self.value() if self.data else None
        except InputError:
            return Read.UNREADABLE, None


async def _decoded(data: bytes, workers: Workers) -> Json:
    if len(data) <= _SHORT_BYTES:
        return json_text.load(data, name=_NAME)
    packed = await workers.run(_packed, data)
    with uncollected():
        value: Json = marshal.loads(packed)  # noqa: S302 - between two processes of one program
    return value


def _packed(data: bytes) -> bytes:
    """A body, decoded in a worker, in the form that is taken over fastest."""
    value = json_text.load(data, name=_NAME)
    level = [value]
    holders = 0
    while level:
        level = [below for one in level for below in children(one) if isinstance(below, dict | list)]
        holders += len(level)
        if holders > MAX_HOLDERS:
            raise InputError(f"it has more than {MAX_HOLDERS} lists and objects")
    return marshal.dumps(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that was let in, and the snapshot that it is answered from."""

    request: Request
    request_id: str
    snapshot: Snapshot
    body: Body
    workers: Workers

    @property
    def name(self) -> str:
        """The item in the path."""
        return str(self.request.path_params["name"])

    async def document(self) -> JsonObject:
        """The body as a JSON object. ``Problem`` where it is none."""
        try:
            value = await self.body.value()
        except InputError as error:
            raise bad_request(f"Invalid request body: {error.message}") from error
        if not isinstance(value, dict):
            raise bad_request("Invalid request body: expected a JSON object")
        return value

    async def unless_left(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of ``work``, which is cancelled when the caller goes away. ``ClientDisconnect`` then."""
        running = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(_left(self.request))
        try:
            await asyncio.wait([running, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                raise ClientDisconnect
            return running.result()
        finally:
            for task in (running, leaving):
                task.cancel()
            await asyncio.wait([running, leaving])


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. ``Problem`` where it has more than ``limit`` bytes, or does not end in time."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, limit)
    except TimeoutError as error:
        raise Problem(408, _INVALID, f"The body did not end within {BODY_SECONDS} seconds", _CLOSE) from error


async def _read(request: Request, limit: int) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise Problem(413, _INVALID, f"The body has more than {limit} bytes", _CLOSE)
    return bytes(data)


def path_below(request: Request) -> tuple[str, tuple[str, ...]]:
    """The extension's name and the parts of the path below it; ``%2F`` is no separator."""
    raw = bytes(request.scope.get("raw_path") or path_of(request).encode()).decode("ascii", "replace")
    name, *parts = raw.partition(_EXTENSIONS)[2].rstrip("/").split("/")
    return unquote(name), tuple(unquote(part) for part in parts)


async def endpoint_input(call: Call, match: Match) -> JsonObject:
    """What an endpoint's workflow is given. ``Problem`` where the endpoint's schema forbids the request.

    A single object that the workflow requires and the body does not name is the body itself: that is how webhooks,
    whose senders know nothing of our inputs, are written.
    """
    extension, endpoint = match.route.extension, match.route.endpoint
    body = await call.document() if call.body.data.strip() else {}
    beside = _beside_body(call.request, match)
    from_headers = {name: beside[name] for name in endpoint.headers if name in beside}
    in_path = {name: beside[name] for name in match.parameters}
    given = {**beside, **_without(body, endpoint.headers), **in_path, **from_headers}
    if endpoint.request is not None:
        problem = await problem_with(call.workers, endpoint.request, body if endpoint.method in _WITH_BODY else given)
        if problem:
            raise bad_request(f"Invalid request body: {problem}")
    wrapping = _one_input(extension, body)
    if wrapping is None:
        return given
    whole: Json = body
    return {wrapping: whole, **(beside if endpoint.strict else given)}


def _beside_body(request: Request, match: Match) -> JsonObject:
    """The inputs that the query, the path and the headers hold, of which the later counts more."""
    endpoint = match.route.endpoint
    types = {one.id: one.type for one in match.route.extension.inputs}
    shown = {name: request.headers.getlist(header) for name, header in endpoint.headers.items()}
    texts: Mapping[str, str] = {
        **_without(dict(request.query_params), endpoint.headers),
        **match.parameters,
        **{name: ", ".join(lines) for name, lines in shown.items() if lines},
    }
    return {name: as_type(text, types.get(name, "string")) for name, text in texts.items()}


def _without(values: Mapping[str, _T], names: Mapping[str, str]) -> dict[str, _T]:
    return {name: value for name, value in values.items() if name not in names}


def _one_input(extension: Extension, body: JsonObject) -> str | None:
    missing = [one for one in extension.inputs if one.required and one.id not in body]
    return missing[0].id if body and len(missing) == 1 and missing[0].type == "object" else None
