"""A gateway on loopback that loads a home and answers as the real one does, in all its moods.

It reads manifests and the registry as the gateway does, keeps what it loaded until it is asked to refresh, and speaks
over a real socket. A test may put an ``Answer`` of its own in the place of one.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

HEALTHY: Final = {"ollama": "connected", "ollama_host": "http://x", "status": "healthy"}
REFRESH: Final = "POST /v1/extensions/refresh HTTP/1.1"
LIST: Final = "GET /v1/extensions HTTP/1.1"
HEALTH: Final = "GET /health HTTP/1.1"

Answer = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived: its first line, and its headers by name in small letters."""

    line: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What the gateway knows of one extension."""

    version: str
    enabled: bool = True
    type: str = "workflow"
    description: str = ""
    has_endpoints: bool = False


def says(status: str, body: object = b"", *headers: str) -> Answer:
    """An ordinary answer; anything but bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers, "", ""])
    return lambda caller: caller.sendall(head.encode() + data)


def failure(status: str, kind: str, message: str, *headers: str) -> Answer:
    """An error as the gateway words it."""
    return says(status, {"error": {"message": message, "request_id": "1-2", "type": kind}}, *headers)


NOT_FOUND: Final = failure("404 Not Found", "not_found", "Not found")
WRONG_KEY: Final = failure("401 Unauthorized", "invalid_request_error", "Invalid API key")


@dataclass
class Gateway:
    """``home`` is what it loads, ``key`` what callers must know.

    Moods: ``busy`` counts the calls that it still answers with 429, after ``retry_after``; ``stuck``: it refreshes and
    loads nothing; ``legacy`` are copies in its working directory; ``broken`` names what it cannot load. ``answer``
    takes the place of whatever it would say, and ``lists`` of its list of extensions.
    """

    home: Path | None = None
    key: str = ""
    busy: int = 0
    retry_after: str = ""
    stuck: bool = False
    legacy: Mapping[str, Extension] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    answer: Answer | None = None
    lists: Answer | None = None
    requests: list[Request] = field(default_factory=list)
    loaded: dict[str, Extension] = field(default_factory=dict)
    routes: set[str] = field(default_factory=set)
    sent: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def lines(self) -> list[str]:
        return [request.line for request in self.requests]

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        self._listener.close()

    def stream(self, caller: socket.socket, data: bytes, *, pause: float = 0) -> None:
        """Send ``data`` again and again until nobody wants it any more."""
        while not self._ended.wait(pause):
            caller.sendall(data)
            self.sent += len(data)

    def restart(self) -> None:
        """Load everything, as a gateway does when it starts."""
        self.loaded = self._load()
        self.routes = self._with_endpoints()

    def _with_endpoints(self) -> set[str]:
        return {name for name, one in self.loaded.items() if one.has_endpoints}

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, suppress(OSError):
                caller.settimeout(10)
                self.requests.append(_request(caller))
                self._answer(self.requests[-1])(caller)

    def _answer(self, request: Request) -> Answer:
        path = request.line.split(" ")[1]
        if self.lists is not None and request.line == LIST:
            return self.lists
        if self.answer is not None and request.line != LIST:
            return self.answer
        if path.endswith("/health"):
            return says("200 OK", HEALTHY)
        if self.key and request.headers.get("x-api-key") != self.key:
            return WRONG_KEY
        if self.busy:
            self.busy -= 1
            wait = [f"Retry-After: {self.retry_after}"] if self.retry_after else []
            return failure("429 Too Many Requests", "rate_limit_error", "Rate limit exceeded", *wait)
        if request.line.startswith("POST") and path.endswith("/v1/extensions/refresh"):
            return self._refresh()
        if request.line.startswith("GET") and path.endswith("/v1/extensions"):
            return says("200 OK", self._list())
        return NOT_FOUND

    def _list(self) -> Any:
        rows = [
            {
                "description": one.description,
                "enabled": one.enabled,
                "name": name,
                "type": one.type,
                "version": one.version,
            }
            for name, one in self.loaded.items()
        ]
        return {"count": len(rows), "extensions": rows or None}

    def _refresh(self) -> Answer:
        before = self.loaded
        if not self.stuck:
            self.loaded = {**self._load(), **{name: before[name] for name in self.broken & before.keys()}}
        errors = [f"{name}: it cannot be loaded" for name in sorted(self.broken)]
        registering = self._with_endpoints()
        errors += [f"{name} (routes): it is there already" for name in sorted(registering & self.routes)]
        self.routes |= registering  # a router cannot drop a route that it has
        body: dict[str, Any] = {
            "added": sorted(self.loaded.keys() - before.keys()),
            "builtin": 0,
            "removed": sorted(before.keys() - self.loaded.keys()),
            "status": "partial" if errors else "refreshed",
            "total": len(self.loaded),
            "updated": sorted(self.loaded.keys() & before.keys()),
        }
        return says("206 Partial Content", {**body, "errors": errors}) if errors else says("200 OK", body)

    def _load(self) -> dict[str, Extension]:
        """What is installed, else the legacy copy; both are switched by the registry, by name and then by folder."""
        found = dict(self.legacy)
        switches = self._switches()
        installed = self.home / "extensions" / "installed" if self.home else None
        for folder in sorted(installed.iterdir()) if installed and installed.is_dir() else ():
            manifest = _manifest(folder)
            name = str(manifest.get("name"))
            if manifest and name not in self.broken and not folder.is_symlink():
                enabled = switches.get(name, switches.get(folder.name, manifest.get("enabled", True)))
                found[name] = Extension(
                    version=str(manifest["version"]),
                    enabled=bool(enabled or manifest.get("builtin")),
                    type=str(manifest["type"]),
                    description=str(manifest["description"]),
                    has_endpoints=bool(manifest.get("endpoints")),
                )
        return found

    def _switches(self) -> dict[str, bool]:
        path = self.home / "registry" / "installed.json" if self.home else None
        entries = json.loads(path.read_bytes()) if path and path.exists() else []
        by_id = {entry["id"]: entry["enabled"] for entry in entries}
        return by_id | {entry["name"]: entry["enabled"] for entry in entries}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.yaml"
    document = yaml.safe_load(path.read_bytes()) if path.is_file() else {}
    return document if isinstance(document, dict) else {}


def _request(caller: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := caller.recv(65536)):
            raise ConnectionError("the caller went away")  # else this would go round for ever
        data += part
    line, *headers = data.decode().split("\r\n\r\n")[0].split("\r\n")
    pairs = [header.split(": ", 1) for header in headers]
    return Request(line, {name.lower(): value for name, value in pairs})


@contextmanager
def running(home: Path | None = None) -> Iterator[Gateway]:
    """A gateway that runs for the ``with`` block."""
    server = Gateway(home)
    try:
        yield server
    finally:
        server.close()
