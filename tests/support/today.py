"""A gateway of today (0.11): chat, models and tool servers, and no extensions.

It has the routes of such gateways, reads its configuration file once, at start, and asks for its key where they do.
What nobody has written down (the bodies below a server's name, how a tool is called in chat) is its own choice.

Its model is a script: ``use TOOL {"a": 1}`` as the last message calls that tool and says what it gave; any other
message is said back, word by word. ``script`` has calls for other messages, and what is said of what they gave.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from tests.support.tool_link import Link, ToolError, linked

_USE: Final = re.compile(r"use (?P<tool>\S+) ?(?P<arguments>\{.*\})?", re.DOTALL)
_INTROSPECTION: Final = ("info", "hardware", "models", "health", "config", "memory")
_BELOW: Final = ("tools", "resources", "prompts")


class Today:
    """One gateway. ``folder`` is where it is started, ``home`` its folder ``~/.llamagate``.

    ``tools`` holds tools of servers that are not asked for them, by the server's name; every other one is really
    asked. ``seen`` are the requests that came, ``pause`` the seconds between two parts of a streamed answer.
    """

    def __init__(
        self,
        home: Path,
        folder: Path | None = None,
        *,
        api_key: str | None = None,
        tools: Mapping[str, list[Any]] | None = None,
    ) -> None:
        self.home, self.folder, self.api_key = home, folder or home, api_key
        self.fixed_tools = dict(tools or {})
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.pause = 0.0
        self.script: dict[str, tuple[str, Callable[[str], str]]] = {}
        self.servers: dict[str, Server] = {}
        self.mcp: dict[str, Any] = {}
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.restart()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def configuration(self) -> Path | None:
        """The file that it reads: the one in its folder hides that in its home."""
        found = (folder / "llamagate.yaml" for folder in (self.folder, self.home))
        return next((file for file in found if file.is_file()), None)

    def restart(self) -> None:
        """Read the configuration file, and connect to the tool servers in it."""
        self._leave()
        file = self.configuration
        document = yaml.safe_load(file.read_text(encoding="utf-8")) if file else None
        mcp = document.get("mcp") if isinstance(document, dict) else None
        self.mcp = mcp if isinstance(mcp, dict) and mcp.get("enabled") else {}
        entries = [entry for entry in self.mcp.get("servers") or [] if entry.get("enabled")]
        self.servers = {str(one["name"]): Server(one, self.fixed_tools.get(str(one["name"]))) for one in entries}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()
        self._leave()

    def tools(self) -> Iterator[tuple[str, Server, Any]]:
        """Each tool that chat may use, under the name that the model knows it by."""
        for name, server in self.servers.items():
            for tool in server.tools:
                called = f"mcp.{name}.{tool['name']}"
                if _may(called, self.mcp):
                    yield called, server, tool

    def _leave(self) -> None:
        for server in self.servers.values():
            server.leave()


def _may(tool: str, mcp: Mapping[str, Any]) -> bool:
    """Whether the configuration allows a tool: what is denied goes before what is allowed."""
    denied, allowed = mcp.get("deny_tools") or [], mcp.get("allow_tools") or ["*"]
    return not any(fnmatchcase(tool, one) for one in denied) and any(fnmatchcase(tool, one) for one in allowed)


class Server:
    """A tool server of the configuration, as the gateway sees it."""

    def __init__(self, entry: Mapping[str, Any], fixed: list[Any] | None) -> None:
        self.entry = entry
        self.tools: list[Any] = []
        self.error = ""
        self._fixed = fixed
        self._link: Link | None = None
        self.refresh()

    def refresh(self) -> None:
        """Ask it for its tools again."""
        self.error = ""
        try:
            self.tools = self._fixed if self._fixed is not None else self._ask("tools/list", {})["tools"]
        except ToolError as error:
            self.tools, self.error = [], str(error)
            self.leave()

    def call(self, tool: str, arguments: Any) -> Any:
        return self._ask("tools/call", {"name": tool, "arguments": arguments})

    def leave(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._link = self._link or linked(self.entry)
        return self._link.ask(method, params)

    @property
    def health(self) -> dict[str, Any]:
        return {"healthy": not self.error, **({"error": self.error} if self.error else {})}

    @property
    def row(self) -> dict[str, Any]:
        return {
            "name": self.entry["name"],
            "transport": self.entry.get("transport", "stdio"),
            "status": "disconnected" if self.error else "connected",
            "health": self.health,
            "tools": len(self.tools),
            "resources": 0,
            "prompts": 0,
        }


def _listed(tool: Any) -> Any:
    """A tool in its list: what else its server says of it is left out, and numbers are as Go writes doubles."""
    return {
        "name": tool["name"],
        "description": tool.get("description", ""),
        "inputSchema": _as_go_writes(tool.get("inputSchema")),
    }


def _as_go_writes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_go_writes(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*map(_as_go_writes, value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if float(value).is_integer() and abs(value) < 10**21 else float(value)


class _RefusedError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: ClassVar[Today]
    request_id = ""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size)
        try:
            self._answer(json.loads(data or b"{}"))
        except ValueError:
            self._refuse(_RefusedError(400, "invalid_request_error", "Invalid JSON"))

    def do_PUT(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def _answer(self, body: Any) -> None:
        gateway, path = self.gateway, self.path.partition("?")[0]
        gateway.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.request_id = self.headers.get("X-Request-ID") or str(uuid.uuid4())
        try:
            if path != "/" and path.endswith("/"):
                self._redirect(path.rstrip("/"))
            elif (self.command, path) == ("POST", "/v1/chat/completions"):
                self._needs_key()
                self._chat(body)
            else:
                self._send(self._found(path, body))
        except _RefusedError as refused:
            self._refuse(refused)

    def _found(self, path: str, body: Any) -> Any:
        gateway, route = self.gateway, (self.command, path)
        if route == ("GET", "/health"):
            return {"ollama": "connected", "ollama_host": "http://localhost:11434", "status": "healthy"}
        if route == ("GET", "/v1/hardware/recommendations"):
            return {"data": {"models": []}, "success": True}
        self._needs_key()
        if route == ("GET", "/v1/models"):
            return {"object": "list", "data": [{"id": "mistral", "object": "model", "owned_by": "library"}]}
        if self.command == "GET" and path.removeprefix("/v1/system/") in _INTROSPECTION:
            return {"data": {}}
        if gateway.mcp:
            return self._of_tools(path, body)
        raise _RefusedError(404, "not_found", "Not found")

    def _of_tools(self, path: str, body: Any) -> Any:
        servers, route = self.gateway.servers, (self.command, path)
        if route == ("GET", "/v1/mcp/servers"):
            return {"servers": [server.row for server in servers.values()], "count": len(servers)}
        if route == ("GET", "/v1/mcp/servers/health"):
            return {"servers": {name: server.health for name, server in servers.items()}}
        if route == ("POST", "/v1/mcp/execute"):
            return {"result": self._called(body.get("server"), body.get("tool"), body.get("arguments") or {})}
        name, _, below = path.removeprefix("/v1/mcp/servers/").partition("/")
        if not path.startswith("/v1/mcp/servers/") or name not in servers:
            raise _RefusedError(404, "not_found", "Server not found")
        return self._below(servers[name], below)

    def _below(self, server: Server, below: str) -> Any:
        if (self.command, below) == ("POST", "refresh"):
            server.refresh()
            errors = [server.error] if server.error else []
            return {
                "server": server.entry["name"],
                "status": "partial" if errors else "refreshed",
                "errors": errors,
            }
        if self.command == "GET" and below in _BELOW:
            found = [*map(_listed, server.tools)] if below == "tools" else []
            return {below: found, "count": len(found)}
        known = {"": server.row, "health": server.health, "stats": {"calls": 0}}
        if self.command == "GET" and below in known:
            return known[below]
        raise _RefusedError(404, "not_found", "Not found")

    def _called(self, server: Any, tool: Any, arguments: Any) -> Any:
        found = next(
            (one for _, one, its in self.gateway.tools() if (one.entry["name"], its["name"]) == (server, tool)), None
        )
        if found is None:
            raise _RefusedError(404, "not_found", "Tool not found")
        try:
            return found.call(str(tool), arguments)
        except ToolError as error:
            raise _RefusedError(502, "server_error", str(error)) from error

    # Chat

    def _chat(self, body: Any) -> None:
        text = self._said(str(body["messages"][-1]["content"]))
        prompt = sum(len(str(message["content"]).split()) for message in body["messages"])
        usage = {"prompt_tokens": prompt, "completion_tokens": len(text.split())}
        usage["total_tokens"] = sum(usage.values())
        if body.get("stream"):
            with suppress(OSError):
                self._stream(body, text, usage)
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": body["model"]}
        self._send({**head, "choices": [choice], "usage": usage})

    def _said(self, text: str) -> str:
        """What the model says, after the tool that it was told to use."""
        call, made = self.gateway.script.get(text, (text, str))
        match = _USE.fullmatch(call)
        return text if match is None else made(self._used(match))

    def _used(self, match: re.Match[str]) -> str:
        for called, server, tool in self.gateway.tools():
            if called == match["tool"]:
                return str(
                    json.dumps(self._called(server.entry["name"], tool["name"], json.loads(match["arguments"] or "{}")))
                )
        return f"there is no tool {match['tool']}"

    def _stream(self, body: Any, text: str, usage: Any) -> None:
        self._begin(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        deltas: list[Any] = [{"role": "assistant"}, *({"content": word} for word in re.findall(r"\S+\s*", text))]
        for delta in deltas:
            self._event(self._part(body, [{"index": 0, "delta": delta, "finish_reason": None}]))
            time.sleep(self.gateway.pause)
        self._event(self._part(body, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event({**self._part(body, []), "usage": usage})
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _part(self, body: Any, choices: list[Any]) -> dict[str, Any]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        return {**head, "choices": choices}

    def _event(self, value: Any) -> None:
        data = f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    # Answers

    def _needs_key(self) -> None:
        key = self.gateway.api_key
        shown = (self.headers.get("X-API-Key"), self.headers.get("Authorization", "").removeprefix("Bearer "))
        if key and key not in shown:
            raise _RefusedError(401, "invalid_request_error", "Invalid API key")

    def _redirect(self, path: str) -> None:
        self._begin(301 if self.command == "GET" else 307, {"Location": path, "Content-Length": "0"})

    def _refuse(self, refused: _RefusedError) -> None:
        error = {"message": str(refused), "request_id": self.request_id, "type": refused.kind}
        self._send({"error": error}, refused.status)

    def _send(self, document: Any, status: int = 200) -> None:
        data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        self._begin(status, {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(data))})
        self.wfile.write(data)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "X-Request-Id": self.request_id}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@contextmanager
def today(home: Path, folder: Path | None = None, **options: Any) -> Iterator[Today]:
    """A gateway while it runs; options are those of ``Today``."""
    gateway = Today(home, folder, **options)
    try:
        yield gateway
    finally:
        gateway.close()
