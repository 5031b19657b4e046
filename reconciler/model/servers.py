"""Tool servers of newer gateways (MCP): an item that is its settings, and its entry in the gateway's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, cast

from msgspec import Struct, field

from reconciler.model.config import Json, JsonObject, reference_of, same
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.regex import regex
from reconciler.model.tools import Tool

GATEWAY_FILE: Final = "llamagate.yaml"
"""The gateway's configuration file, in its home."""
SERVERS_PLACE: Final = ("mcp", "servers")
BACKUP_FILE: Final = "entry.json"
"""The entry in the folder of a backup."""
WHAT_RUNS: Final = ("transport", "command", "args", "url")
"""The settings that say which program is asked; the others say how."""

_URL: Final = regex(r"[hH][tT][tT][pP][sS]?://[^/?#@\s]+(?:[/?][^\s#]*)?")
_BREAK: Final = regex(r"[\x00-\x1f\x7f]")
_NAME: Final = "name"
_ENABLED: Final = "enabled"
_TRUE: Final = ("1", "t", "T", "true", "True", "TRUE")
KNOWN_SETTINGS: Final = frozenset(["transport", "command", "args", "env", "url", "headers", "timeout"])
_ORDER: Final = ("transport", "command", "args", "env", "url", "headers", "timeout")


class DesiredServer(Struct, frozen=True, kw_only=True):
    """One entry of ``mcp_servers``: its settings in their one form, with references. ``None``: the file is silent."""

    key: ItemKey
    settings: JsonObject
    enabled: bool | None = None


class ServerItem(Struct, frozen=True, kw_only=True):
    """One tool server as a generation remembers it, with references in place of secrets."""

    key: ItemKey
    owner: str | None
    settings: JsonObject
    enabled: bool

    @property
    def version(self) -> str:
        """A server has none."""
        return ""


class RecordedServer(Struct, frozen=True, kw_only=True):
    """One that we wrote. ``entry`` is the digest of its settings as written, every value filled in."""

    key: ItemKey
    owner: str | None
    settings: JsonObject
    enabled: bool
    entry: Digest
    tools: tuple[Tool, ...] = ()
    """The words of its tools that were accepted, as far as they were seen."""

    @property
    def item(self) -> ServerItem:
        """What a generation remembers of it."""
        return ServerItem(key=self.key, owner=self.owner, settings=self.settings, enabled=self.enabled)


class FoundServer(Struct, frozen=True, kw_only=True):
    """An entry of the gateway's file, as it is there and in the one form. It may hold secrets."""

    entry: JsonObject
    settings: JsonObject
    enabled: bool

    def __repr__(self) -> str:
        """Without any value."""
        return f"FoundServer(enabled={self.enabled})"

    @property
    def digest(self) -> Digest:
        return settings_digest(self.settings)


class GatewayFile(Struct, frozen=True, kw_only=True):
    """The gateway's configuration file, read once. ``data`` is ``None`` where there is none.

    ``is_on``: whether it uses tool servers at all. ``problem`` says why the file cannot be read or edited; then nothing
    is known of its servers.
    """

    path: str
    data: bytes | None = None
    is_on: bool = True
    servers: Mapping[str, FoundServer] = field(default_factory=dict)
    problem: str = ""
    is_desired_state: bool = False
    """Whether it is the desired state at hand, by its name or by a link."""

    def __repr__(self) -> str:
        """Without its content."""
        return f"GatewayFile({self.path!r})"

    def get(self, key: ItemKey) -> FoundServer | None:
        return self.servers.get(key.id)


class ServerEdit(Struct, frozen=True, kw_only=True):
    """What becomes of an entry: it is exactly ``entry``, or has these keys besides its own, or goes (``None``)."""

    entry: JsonObject | None
    is_whole: bool = True

    def __repr__(self) -> str:
        """Without any value."""
        return f"ServerEdit(is_whole={self.is_whole})"


class ServerChange(Struct, frozen=True, kw_only=True):
    """What a change does to the gateway's file, and what undoes it. ``before`` and ``text`` are as it was read.

    ``is_private``: a secret is written, and the file is for its owner's eyes only. ``mode`` is the one it had. ``kept``
    are the entries that no generation knows, as somebody else wrote them: a backup keeps them.
    """

    edits: Mapping[str, ServerEdit]
    before: Mapping[str, ServerEdit]
    text: str | None
    mode: int | None
    is_private: bool
    kept: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without any value."""
        return f"ServerChange({sorted(self.edits)})"


def server_key(name: str) -> ItemKey:
    return ItemKey(Kind.MCP_SERVER, name)


def settings_of(entry: JsonObject) -> JsonObject:
    """The settings of an entry in their one form: ``transport`` said, arguments and values text, empty parts left out.

    References stay. A key that we do not know stays as it is.
    """
    given = {key.lower(): value for key, value in entry.items() if key.lower() not in (_NAME, _ENABLED)}
    given.setdefault("transport", "stdio" if "command" in given else "http")
    if isinstance(arguments := given.get("args"), list):
        given["args"] = [_text(one) for one in arguments]
    for part in ("env", "headers"):
        if isinstance(values := given.get(part), dict):
            given[part] = {name: _text(value) for name, value in sorted(values.items())}
    known: JsonObject = {key: given[key] for key in _ORDER if key in given}
    settings = {**known, **given}
    return {key: value for key, value in settings.items() if value not in (None, "", [], {})}


def _text(value: Json) -> Json:
    """A scalar as text: the gateway's reader makes text of it too."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def settings_digest(settings: JsonObject) -> Digest:
    """Equal for two settings exactly when they are. The order of keys does not count."""
    return digest_bytes(json.dumps(settings, sort_keys=True).encode())


def changed_settings(before: JsonObject, after: JsonObject) -> list[str]:
    """The keys whose values differ."""
    return [key for key in {**before, **after} if not same(before.get(key), after.get(key))]


def entry_of(name: str, settings: JsonObject, *, enabled: bool) -> JsonObject:
    """The entry to write."""
    return {_NAME: name, _ENABLED: enabled, **settings}


def server_faults(entry: JsonObject) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with an entry of the desired state beyond its schema, and where in it."""
    if "command" not in entry and "url" not in entry:
        yield (), "it needs a 'command' to start, or the 'url' of a server that runs"
    elif "command" in entry and "url" in entry:
        yield ("url",), "it has a 'command' too; keep one of them"
    else:
        is_stdio = "command" in entry
        for key in ("headers",) if is_stdio else ("args", "env"):
            if key in entry:
                yield (key,), f"it goes with {'a url' if is_stdio else 'a command'}, and this server has none"
        transport = entry.get("transport", "stdio" if is_stdio else "http")
        if is_stdio is not (transport == "stdio"):
            yield ("transport",), f"'{transport}' does not go with a {'command' if is_stdio else 'url'}"
    for part in ("env", "headers"):
        if reference_of(entry.get(part)):
            yield (part,), f"it maps names to values; for one value write {part}: {{NAME: {{env: …}}}}"
    yield from _value_faults(entry)


def _value_faults(entry: JsonObject) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for place, value in _values(entry):
        if isinstance(value, dict) and reference_of(value) is None:
            yield place, "expected text, {env: NAME} or {file: PATH}"
        elif isinstance(value, str) and ("\0" in value or (place[0] in ("url", "headers") and _BREAK.search(value))):
            yield place, "it holds a line break or a character that is not allowed here"
    url = entry.get("url")
    if isinstance(url, str) and not _URL.fullmatch(url):
        yield ("url",), "expected http://HOST/… or https://HOST/…, without user and password"


def _values(entry: JsonObject) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Each value of an entry that may come from elsewhere, with its place."""
    arguments = entry.get("args")
    yield from ((("args", at), one) for at, one in enumerate(arguments if isinstance(arguments, list) else ()))
    for part in ("env", "headers"):
        values = entry.get(part)
        if isinstance(values, dict) and reference_of(values) is None:
            yield from (((part, name), one) for name, one in values.items())
    if "url" in entry:
        yield ("url",), entry["url"]


def found_server(entry: JsonObject) -> FoundServer:
    """An entry as it is in the gateway's file."""
    return FoundServer(entry=entry, settings=settings_of(entry), enabled=is_on(entry))


def is_on(entry: JsonObject) -> bool:
    """Whether the gateway uses an entry of its file: one that does not say so is disabled.

    Its reader takes a number but 0, and the words that Go takes for true, for ``true``.
    """
    said = next((value for key, value in entry.items() if key.lower() == _ENABLED), None)
    return said != 0 if isinstance(said, int | float) else said in _TRUE


def name_of(entry: Json) -> str:
    """The name of an entry of the gateway's file; empty where it has none."""
    if not isinstance(entry, dict):
        return ""
    return str(next((value for key, value in entry.items() if key.lower() == _NAME and value is not None), ""))


def summary_of(settings: JsonObject) -> str:
    """What a server is, in one line: its address, or its program with the first arguments. References as they are."""
    if "command" not in settings:
        url = settings.get("url")
        return url if isinstance(url, str) else "an address from elsewhere"
    arguments = cast("list[Json]", settings.get("args", []))
    shown = [one if isinstance(one, str) else "(from elsewhere)" for one in arguments]
    return " ".join([str(settings["command"]), *shown])
