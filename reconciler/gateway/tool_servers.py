"""What a running gateway says of its tool servers, and of the tools of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.gateway.call import Cause, Gateway, Missed, call
from reconciler.model.config import Json, JsonObject
from reconciler.model.tools import Tool

_UNWELL: Final = frozenset(["unhealthy", "disconnected", "error", "failed"])
_NOT_USED: Final = "it uses no tool servers, or is older than they are"


class ServedServer(Struct, frozen=True, kw_only=True):
    """A tool server as the gateway lists it. ``trouble`` says why it does not work, where that is known."""

    name: str
    transport: str
    status: str
    tools: int
    trouble: str = ""

    def to_document(self) -> JsonObject:
        return {
            "name": self.name,
            "transport": self.transport,
            "status": self.status,
            "tools": self.tools,
            "trouble": self.trouble or None,
        }


def read_servers(gateway: Gateway) -> Mapping[str, ServedServer] | Missed:
    """The tool servers that it uses, by name."""
    answer = _asked(gateway, "/v1/mcp/servers")
    if isinstance(answer, Missed):
        return answer
    try:
        return {one.name: one for one in map(_server, answer["servers"] or [])}
    except (KeyError, TypeError, AttributeError, ValueError):
        return Missed(cause=Cause.BAD_ANSWER, reason="its list of tool servers cannot be read")


def read_tools(gateway: Gateway, server: str) -> tuple[Tool, ...] | Missed:
    """The tools of one of its servers, as that describes them."""
    answer = _asked(gateway, f"/v1/mcp/servers/{server}/tools")
    if isinstance(answer, Missed):
        return answer
    try:
        return tuple(map(Tool.from_document, answer["tools"] or []))
    except (KeyError, TypeError, AttributeError, ValueError):
        return Missed(cause=Cause.BAD_ANSWER, reason=f"its list of the tools of {server} cannot be read")


def _asked(gateway: Gateway, path: str) -> Any:
    answer = call(gateway, "GET", path)
    if isinstance(answer, Missed):
        return replace(answer, reason=_NOT_USED) if answer.cause is Cause.NO_EXTENSIONS else answer
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return Missed(cause=Cause.BAD_ANSWER, reason="its answer is not JSON")


def _server(row: Any) -> ServedServer:
    status = str(row.get("status") or "unknown")
    return ServedServer(
        name=str(row["name"]),
        transport=str(row.get("transport") or ""),
        status=status,
        tools=int(row.get("tools") or 0),
        trouble=_trouble(status.lower(), row.get("health")),
    )


def _trouble(status: str, health: Json) -> str:
    said = health if isinstance(health, dict) else {}
    if status not in _UNWELL and said.get("healthy") is not False:
        return ""
    why = said.get("error") or said.get("message")
    return f"{status}: {why}" if isinstance(why, str) and why else status
