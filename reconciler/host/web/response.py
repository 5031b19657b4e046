"""What goes out: JSON as gateways write it, and errors in their envelope."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from reconciler.errors import BusyError, InputError, LlamagateError, RefusedError, UsageError
from reconciler.host.engine.weight import weight
from reconciler.host.errors import (
    ModelError,
    RunError,
    RunInputError,
    RunTimeoutError,
    ToolError,
    UpstreamError,
    UpstreamTimeoutError,
)
from reconciler.model.config import Json, JsonObject

_PIECE: Final = 2_000
"""Of an answer, in units of ``weight``, between which others are served."""
_INVALID: Final = "invalid_request_error"
_STATUSES: Final[Mapping[type[LlamagateError], tuple[int, str]]] = {
    RunInputError: (400, _INVALID),
    RunTimeoutError: (504, "server_error"),
    ModelError: (502, "server_error"),
    UpstreamTimeoutError: (504, "server_error"),
    UpstreamError: (502, "server_error"),
    ToolError: (502, "server_error"),
    InputError: (400, _INVALID),
    UsageError: (400, _INVALID),
    RefusedError: (409, _INVALID),
    BusyError: (503, "service_unavailable"),
}
_INTERNAL: Final = (500, "internal_error")


@dataclass(slots=True)
class Problem(Exception):  # noqa: N818 - it is an answer
    """A request that is not answered with what it asked for. ``more`` joins the document."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    more: JsonObject = field(default_factory=dict)

    def response(self, request_id: str) -> Response:
        error: JsonObject = {"message": self.message, "request_id": request_id, "type": self.type}
        return answer({"error": error, **self.more}, self.status, self.headers)


def answer(document: JsonObject, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``document`` with its keys in order, as gateways send them."""
    return answer_of(_in_bytes(document), status, headers)


def answer_of(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``answer`` with a document that is encoded already."""
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


async def encoded(document: JsonObject, *, limit: int | None = None) -> bytes:
    """``document`` as ``answer`` sends it, written in pieces between which others are served.

    ``Problem`` where it has more than ``limit`` bytes.
    """
    body = bytearray()
    for piece in _pieces(document):
        body += piece
        if limit is not None and len(body) > limit:
            raise Problem(500, "internal_error", f"The answer has more than {limit} bytes")
        await asyncio.sleep(0)
    return bytes(body)


def _pieces(value: Json) -> Iterator[bytes]:
    if weight(value, most=_PIECE) < _PIECE or not isinstance(value, dict | list):
        yield _in_bytes(value)
        return
    opening, closing = (b"{", b"}") if isinstance(value, dict) else (b"[", b"]")
    rows = ((key, value[key]) for key in sorted(value)) if isinstance(value, dict) else ((None, one) for one in value)
    for first, group in _groups(rows):
        yield b"," if not first else opening
        key, below = group[0]
        if len(group) > 1:
            whole: Json = [one for _, one in group] if key is None else {str(name): one for name, one in group}
            yield _in_bytes(whole)[1:-1]
            continue
        yield b"" if key is None else _in_bytes(key) + b":"
        yield from _pieces(below)
    yield closing


def _groups(rows: Iterator[tuple[str | None, Json]]) -> Iterator[tuple[bool, list[tuple[str | None, Json]]]]:
    """Entries that are written at once, together or each alone; and whether they are the first ones."""
    is_first, total = True, 0
    group: list[tuple[str | None, Json]] = []
    for row in rows:
        heavy = weight(row[1], most=_PIECE)
        if group and total + heavy >= _PIECE:
            yield is_first, group
            is_first, group, total = False, [], 0
        group.append(row)
        total += heavy + 1
    if group:
        yield is_first, group


def _in_bytes(value: Json) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair, which a model's JSON can spell


def not_found(what: str, faults: list[str] | None = None, *, near: str = "") -> Problem:
    """``what`` is not served; ``faults`` say why, where it is there; ``near`` ends the message with a name that is."""
    return Problem(404, "not_found", f"{what} not found{near}", more={"faults": [*faults]} if faults else {})


def bad_request(message: str) -> Problem:
    """The request itself is wrong."""
    return Problem(400, _INVALID, message)


def problem_of(error: LlamagateError, what: str = "") -> Problem:
    """How a failure is answered. ``what`` stands before the reason where a run failed on its own."""
    status, kind = next((found for each, found in _STATUSES.items() if isinstance(error, each)), _INTERNAL)
    lines = [error.message, *error.details]
    failed = f"{what} execution failed: " if what and isinstance(error, RunError) and status >= _INTERNAL[0] else ""
    return Problem(status, kind, failed + "; ".join(lines))
