"""The tool servers in a gateway's own configuration file, and which of their tools may be called. It is only read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct, field

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.bounded import read_start
from reconciler.model.config import Json, JsonObject
from reconciler.model.home import Home
from reconciler.model.ids import did_you_mean
from reconciler.model.regex import regex
from reconciler.model.servers import is_on

GATEWAY_FILE: Final = "llamagate.yaml"
MAX_SERVERS: Final = 200
DEFAULT_SECONDS: Final = 30.0
DEFAULT_BYTES: Final = 2**20
MAX_BYTES: Final = 2**24
_MAX_SECONDS: Final = 3600.0
_TIME: Final = regex(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|s|m|h))+")
_PART: Final = regex(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_VARIABLE: Final = re.compile(r"[^=\0]+")


class Transport(StrEnum):
    """How a server is reached."""

    STDIO = "stdio"
    HTTP = "http"
    SSE = "sse"


class ServerDefinition(Struct, frozen=True, kw_only=True):
    """One server. A program has ``command``, ``args`` and ``env``, an address ``url`` and ``headers``."""

    name: str
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = DEFAULT_SECONDS
    enabled: bool

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that no message may hold."""
        parts = urlsplit(self.url)
        asked = (text for _, text in parse_qsl(parts.query))
        return (*self.env.values(), *self.headers.values(), *filter(None, (parts.username, parts.password)), *asked)

    def __repr__(self) -> str:
        return f"ServerDefinition(name={self.name!r}, transport={str(self.transport)!r})"


class ToolSettings(Struct, frozen=True, kw_only=True):
    """All of them. ``faults`` say by name which servers cannot be used, and why; ``fault`` why none can be.

    ``allow`` and ``deny`` are patterns of tools; ``seconds`` and ``most`` bytes bound one answer.
    """

    servers: Mapping[str, ServerDefinition] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    most: int = DEFAULT_BYTES

    def server(self, name: str) -> ServerDefinition:
        """The server ``name``. ``InputError`` says why it cannot be called."""
        if self.fault is not None:
            raise InputError(self.fault)
        if name in self.faults:
            raise InputError(f"the tool server '{name}' cannot be used: {self.faults[name]}")
        found = self.servers.get(name)
        if found is None:
            where = f"mcp.servers of the home's {GATEWAY_FILE}"
            raise InputError(f"there is no tool server '{name}' in {where}{did_you_mean(name, self.servers)}")
        if not found.enabled:
            raise InputError(f"the tool server '{name}' is disabled")
        return found

    def refusal(self, server: str, tool: str) -> str | None:
        """Why the tool may not be called; ``None`` where it may. A pattern that denies wins."""
        names = (f"mcp.{server}.{tool}", f"{server}.{tool}", tool)
        denied = next((one for one in self.deny if _fits(one, names)), None)
        if denied is not None:
            return f"deny_tools forbids it ('{denied}')"
        known = names if "." not in tool else names[:2]  # a server may call its tool 'mcp.OTHER.TOOL'
        if self.allow and not any(_fits(one, known) for one in self.allow):
            return "allow_tools does not name it"
        return None


def _fits(pattern: str, names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def read_tool_settings(home: Home) -> ToolSettings:
    """What the gateway's file of ``home`` says. A file that cannot be read, or is none, is a ``fault``."""
    path = home.root / GATEWAY_FILE
    try:
        data = read_start(path, yaml_text.MAX_BYTES + 1)
        document = yaml_text.load(data, name=str(path))
    except FileNotFoundError:
        return ToolSettings(fault=f"there is no {path}, which would say which tool servers there are")
    except OSError as error:
        return ToolSettings(fault=f"{path} cannot be read: {error.strerror}")
    except LlamagateError as error:
        return ToolSettings(fault=f"{path} cannot be read: {error.message}")
    return tool_settings(document)


def tool_settings(document: Json) -> ToolSettings:
    """What a decoded file says. Pure; unknown keys are the gateway's own."""
    mcp = _lower(_mapping(_lower(document), "mcp"))
    if mcp.get("enabled") is False:
        return ToolSettings(fault=f"tool servers are switched off: 'mcp.enabled' of the home's {GATEWAY_FILE} is false")
    seconds = _seconds(mcp.get("default_tool_timeout")) or DEFAULT_SECONDS
    most = mcp.get("max_tool_result_size")
    servers, faults = {}, {}
    for name, found in _servers(mcp, seconds):
        if isinstance(found, str) or name in servers:
            faults[name] = found if isinstance(found, str) else "two servers have this name"
        else:
            servers[name] = found
    return ToolSettings(
        servers={name: one for name, one in servers.items() if name not in faults},
        faults=faults,
        allow=_texts(mcp.get("allow_tools")),
        deny=_texts(mcp.get("deny_tools")),
        most=min(most, MAX_BYTES)
        if isinstance(most, int) and not isinstance(most, bool) and most > 0
        else DEFAULT_BYTES,
    )


def _servers(mcp: JsonObject, seconds: float) -> Iterator[tuple[str, ServerDefinition | str]]:
    rows = mcp.get("servers")
    for row in map(_lower, rows[:MAX_SERVERS] if isinstance(rows, list) else ()):
        if name := _text(row.get("name")):
            yield name, _problem(row) or _server(name, row, seconds)


def _problem(row: JsonObject) -> str | None:
    """What is wrong with an entry, in words."""
    transport = _transport(row)
    if transport not in [*Transport]:
        return f"its transport {str(transport)[:40]!r} is none of {', '.join(Transport)}"
    needed = "command" if transport == Transport.STDIO else "url"
    value = row.get(needed)
    if not isinstance(value, str) or not value or "\0" in value:
        return f"a server with the transport {transport} needs '{needed}'"
    if needed == "url" and not value.startswith(("http://", "https://")):
        return "its 'url' must begin with http:// or https://"
    if row.get("timeout") is not None and _seconds(row["timeout"]) is None:
        return f"its timeout {str(row['timeout'])[:40]!r} is not understood; write 30s"
    for key in ("env", "headers"):
        if any(not _VARIABLE.fullmatch(name) or "\0" in _text(one) for name, one in _mapping(row, key).items()):
            return f"a name or a value in '{key}' cannot be passed on"
    if any(not (_text(one).isascii() and _text(one).isprintable()) for one in _mapping(row, "headers").values()):
        return "a value in 'headers' is not printable ASCII"
    return None


def _transport(row: JsonObject) -> str:
    return _text(row.get("transport")) or ("http" if "url" in row and "command" not in row else "stdio")


def _server(name: str, row: JsonObject, seconds: float) -> ServerDefinition:
    args = row.get("args")
    return ServerDefinition(
        name=name,
        transport=Transport(_transport(row)),
        command=_text(row.get("command")),
        args=tuple(map(_text, args)) if isinstance(args, list) else (),
        env={key: _text(value) for key, value in _mapping(row, "env").items()},
        url=_text(row.get("url")),
        headers={key: _text(value) for key, value in _mapping(row, "headers").items()},
        seconds=_seconds(row.get("timeout")) or seconds,
        enabled=is_on(row),
    )


def _seconds(value: Json) -> float | None:
    """``30s``, ``1m30s``, or a number of seconds; ``None`` for what is neither, or no time at all."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and _TIME.fullmatch(value.strip()):
        found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    else:
        return None
    return min(found, _MAX_SECONDS) if found > 0 else None


def _lower(holder: Json) -> JsonObject:
    """A mapping with its keys in lower case: the gateway's reader knows no case."""
    return {key.lower(): value for key, value in holder.items()} if isinstance(holder, dict) else {}


def _mapping(holder: Json, key: str) -> JsonObject:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _text(value: Json) -> str:
    """A scalar as text, as the gateway's reader makes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
