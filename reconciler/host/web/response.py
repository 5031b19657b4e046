"""What goes out: JSON as gateways write it, and errors in their envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from reconciler.errors import BusyError, InputError, LlamagateError, RefusedError
from reconciler.host.errors import ModelError, RunError, RunInputError, RunTimeoutError
from reconciler.model.config import JsonObject

_INVALID: Final = "invalid_request_error"
_STATUSES: Final[Mapping[type[LlamagateError], tuple[int, str]]] = {
    RunInputError: (400, _INVALID),
    RunTimeoutError: (504, "server_error"),
    ModelError: (502, "server_error"),
    InputError: (400, _INVALID),
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
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    body = text.encode("utf-8", "backslashreplace")  # half a surrogate pair, which a model's JSON can spell
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def not_found(what: str, faults: list[str] | None = None) -> Problem:
    """``what`` is not served; ``faults`` say why, where it is there."""
    return Problem(404, "not_found", f"{what} not found", more={"faults": [*faults]} if faults else {})


def bad_request(message: str) -> Problem:
    """The request itself is wrong."""
    return Problem(400, _INVALID, message)


def problem_of(error: LlamagateError, what: str = "") -> Problem:
    """How a failure is answered. ``what`` stands before the reason where a run failed on its own."""
    status, kind = next((found for each, found in _STATUSES.items() if isinstance(error, each)), _INTERNAL)
    lines = [error.message, *(str(fault) for fault in error.faults if str(fault) != error.message)]
    failed = f"{what} execution failed: " if what and isinstance(error, RunError) and status >= _INTERNAL[0] else ""
    return Problem(status, kind, failed + "; ".join(lines))
