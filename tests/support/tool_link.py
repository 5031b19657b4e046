"""A gateway's side of a tool server: the little of MCP that a gateway speaks, over stdio or streamable HTTP."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

PROTOCOL: Final = "2025-06-18"
_SECONDS: Final = 30.0


class ToolError(Exception):
    """The tool server did not do what it was asked."""


class Link(Protocol):
    """One connection to a tool server."""

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of one request. ``ToolError`` where it fails."""

    def tell(self, method: str) -> None:
        """Send a notification."""

    def close(self) -> None:
        """End it."""


def linked(entry: Mapping[str, Any]) -> Link:
    """A connection to the tool server of an entry of ``mcp.servers``, after the greeting. ``ToolError``."""
    link: Link = StdioLink(entry) if entry.get("transport", "stdio") == "stdio" else HttpLink(entry)
    greeting = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "gateway", "version": "0.11"}}
    try:
        link.ask("initialize", greeting)
        link.tell("notifications/initialized")
    except ToolError:
        link.close()
        raise
    return link


class HttpLink:
    """Streamable HTTP: a POST for each message, answered with JSON or with a stream of events."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        parts = urlsplit(str(entry.get("url")))
        self._path = parts.path or "/"
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **{str(name): str(value) for name, value in (entry.get("headers") or {}).items()},
        }
        self._number = 0

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._number += 1
        return _result(
            self._post({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}), self._number
        )

    def tell(self, method: str) -> None:
        self._post({"jsonrpc": "2.0", "method": method})

    def close(self) -> None:
        self._connection.close()

    def _post(self, message: Mapping[str, Any]) -> Iterator[Any]:
        try:
            self._connection.request("POST", self._path, json.dumps(message).encode(), self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ToolError(str(error) or type(error).__name__) from error
        if answer.status not in (200, 202):
            raise ToolError(f"it answered {answer.status}")
        session = answer.headers.get("Mcp-Session-Id")
        if session:
            self._headers["Mcp-Session-Id"] = session
            self._headers["MCP-Protocol-Version"] = PROTOCOL
        return _messages(body, answer.headers.get_content_type())


class StdioLink:
    """A process that reads and writes a JSON document a line."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        command = [str(entry.get("command")), *map(str, entry.get("args") or [])]
        variables = {**os.environ, **{str(name): str(value) for name, value in (entry.get("env") or {}).items()}}
        self._number = 0
        try:
            self._process = subprocess.Popen(
                command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise ToolError(f"{command[0]}: {error.strerror}") from error

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        return _result((json.loads(line) for line in self._process.stdout if line.strip()), self._number)

    def tell(self, method: str) -> None:
        self._write({"jsonrpc": "2.0", "method": method})

    def close(self) -> None:
        with self._process as process:
            process.kill()

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ToolError("it has ended") from error


def _messages(body: bytes, content_type: str) -> Iterator[Any]:
    if content_type != "text/event-stream":
        yield from [json.loads(body)] if body.strip() else []
        return
    for event in body.decode().replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].strip() for line in event.split("\n") if line.startswith("data:"))
        if data:
            yield json.loads(data)


def _result(messages: Iterator[Any], number: int) -> Any:
    for message in messages:
        if message.get("id") == number and "error" in message:
            raise ToolError(str(message["error"].get("message")))
        if message.get("id") == number and "method" not in message:
            return message.get("result")
    raise ToolError("it gave no answer")
