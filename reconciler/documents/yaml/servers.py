"""The gateway's configuration file: what it says of tool servers, and edits of single ones in place.

The servers are a list of mappings. An entry whose dash is taken for a space is a document of its own, which ``edit``
edits as any mapping; so all that is around the entry stays as it is. A text counts only if it reads back as what was
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import yaml
from msgspec import Struct

from reconciler.documents.yaml.dump import dump
from reconciler.documents.yaml.edit import remove_entry, set_entry
from reconciler.documents.yaml.load import load
from reconciler.documents.yaml.places import dotted, events, locate
from reconciler.documents.yaml.spans import Form, content_end, read_spans
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject, same
from reconciler.model.servers import SERVERS_PLACE, ServerEdit, name_of

_BOM: Final = b"\xef\xbb\xbf"
_MCP: Final = SERVERS_PLACE[0]
_SERVERS: Final = SERVERS_PLACE[1]


class _Items(Struct, frozen=True, kw_only=True):
    """The entries of the list: where the node of each starts, and where its last character ends."""

    is_flow: bool
    column: int
    spans: tuple[tuple[int, int], ...]


def entries_in(data: bytes, *, name: str) -> tuple[bool, list[JsonObject]]:
    """Whether the gateway uses tool servers, and their entries. ``InputError`` where it cannot be told, with the place.

    A gateway with an ``mcp:`` that does not say ``enabled`` uses them.
    """
    document = _loaded(data, name)
    mcp = cast(JsonObject, document.get(_MCP) or {})
    found = cast("list[JsonObject]", mcp.get(_SERVERS) or [])
    return mcp.get("enabled") is not False, found


def with_edits(data: bytes | None, edits: Mapping[str, ServerEdit], *, name: str) -> bytes:
    """``data`` with each entry of ``edits`` as asked for; every other byte stays.

    ``None`` is no file. Where there is no ``mcp:`` it is made, with ``enabled: true``. ``InputError`` where the text
    cannot be edited in place, with the place; nothing is guessed.
    """
    data = data or b""
    for server, edit in sorted(edits.items()):
        data = _with_edit(data, server, edit, name)
    return data


def _with_edit(data: bytes, server: str, edit: ServerEdit, name: str) -> bytes:
    document = _loaded(data, name)
    servers = _servers(document)
    index = next((at for at, entry in enumerate(servers) if name_of(entry) == server), None)
    if index is None:
        if edit.entry is None or not edit.is_whole:
            return data
        result, wanted = _added(data, document, edit.entry, name), [*servers, edit.entry]
    elif edit.entry is None:
        result, wanted = _removed(data, index, name), servers[:index] + servers[index + 1 :]
    else:
        entry = edit.entry if edit.is_whole else {**servers[index], **_spelled_as_in(servers[index], edit.entry)}
        if same(entry, servers[index]):
            return data
        result, wanted = _changed(data, index, servers[index], entry, name), [*servers]
        wanted[index] = entry
    _check(result, _expected(document, wanted), data, server, name)
    return result


def _spelled_as_in(entry: JsonObject, keys: JsonObject) -> JsonObject:
    """``keys`` with the spelling that ``entry`` has for them: the gateway reads ``Enabled`` too."""
    spelling = {key.lower(): key for key in entry}
    return {spelling.get(key, key): value for key, value in keys.items()}


def _loaded(data: bytes, name: str) -> JsonObject:
    document = load(data, name=name)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise InputError.at("expected a mapping at the top", file=name, place=(1, 1))
    _check_spelling(document, (), data, name)
    mcp = document.get(_MCP)
    if mcp is None:
        return document
    if not isinstance(mcp, dict):
        raise _wrong("expected a mapping", data, (_MCP,), name)
    _check_spelling(mcp, (_MCP,), data, name)
    _check_servers(mcp.get(_SERVERS), data, name)
    return document


def _check_spelling(document: JsonObject, place: tuple[str, ...], data: bytes, name: str) -> None:
    """The gateway takes ``MCP:`` for ``mcp:``; an edit knows the one spelling."""
    for key in document:
        if key != key.lower() and key.lower() in (_MCP, _SERVERS, "enabled"):
            raise _wrong(f"write '{key.lower()}' in lower case", data, (*place, key), name)


def _check_servers(servers: Json, data: bytes, name: str) -> None:
    if servers is not None and not isinstance(servers, list):
        raise _wrong("expected a list", data, SERVERS_PLACE, name)
    seen: set[str] = set()
    for index, entry in enumerate(servers or []):
        place = (*SERVERS_PLACE, index)
        if not isinstance(entry, dict):
            raise _wrong("expected a mapping with a name", data, place, name)
        _check_keys(entry, place, data, name)
        server = name_of(entry)
        if server in seen:
            raise _wrong(f"the name '{server}' is listed twice", data, place, name)
        seen |= {server} - {""}


def _check_keys(entry: JsonObject, place: tuple[str | int, ...], data: bytes, name: str) -> None:
    """For the gateway ``Url`` and ``url`` are one key."""
    seen: set[str] = set()
    for key in entry:
        if key.lower() in seen:
            raise _wrong(f"the key '{key.lower()}' is there twice; case does not count", data, (*place, key), name)
        seen.add(key.lower())


def _wrong(message: str, data: bytes, place: tuple[str | int, ...], name: str) -> InputError:
    return InputError.at(message, file=name, place=locate(data, place), path=dotted(place))


def _servers(document: JsonObject) -> list[JsonObject]:
    mcp = cast(JsonObject, document.get(_MCP) or {})
    return cast("list[JsonObject]", mcp.get(_SERVERS) or [])


def _expected(document: JsonObject, servers: list[JsonObject]) -> JsonObject:
    mcp = cast(JsonObject, document.get(_MCP) or {"enabled": True})
    return {**document, _MCP: {**mcp, _SERVERS: cast(Json, servers)}}


def _check(result: bytes, expected: JsonObject, data: bytes, server: str, name: str) -> None:
    """``InputError`` where ``result`` does not say what was asked for: then its form is one that we do not know."""
    try:
        if same(_settled(_loaded(result, name)), _settled(expected)):
            _check_can_be_edited_again(expected, result, name)
            return
    except InputError:
        pass
    raise _wrong(f"the entry '{server}' cannot be changed in place; write it as a block", data, SERVERS_PLACE, name)


def _check_can_be_edited_again(document: JsonObject, data: bytes, name: str) -> None:
    """Nothing is written that could not be taken out again."""
    if _servers(document):
        _read(data, name)


def _settled(document: JsonObject) -> JsonObject:
    """``document`` with an empty list of servers as none."""
    mcp = cast(JsonObject, document.get(_MCP) or {})
    return {**document, _MCP: {**mcp, _SERVERS: mcp.get(_SERVERS) or None}}


def _added(data: bytes, document: JsonObject, entry: JsonObject, name: str) -> bytes:
    mcp = cast(JsonObject, document.get(_MCP) or {})
    if not mcp and _MCP not in document:
        _check_is_block(data, (_MCP,), name)
        return set_entry(data, (_MCP,), {"enabled": True, _SERVERS: [entry]}, name=name)
    if not mcp:
        return _opened(data, (_MCP,), {"enabled": True, _SERVERS: [entry]}, name)
    if mcp.get(_SERVERS):
        return _behind_last(data, entry, name)
    if _SERVERS in mcp:
        return _opened(data, SERVERS_PLACE, [entry], name)
    _check_is_block(data, (*SERVERS_PLACE,), name)
    return set_entry(data, SERVERS_PLACE, [entry], name=name)


def _check_is_block(data: bytes, path: tuple[str, ...], name: str) -> None:
    spans = read_spans(data.decode("utf-8-sig"), path)
    if any(mapping.is_flow for mapping in spans.mappings):
        raise _wrong("written in braces, which cannot be edited in place; write it as a block", data, path[:1], name)


def _opened(data: bytes, path: tuple[str, ...], value: Json, name: str) -> bytes:
    """The text with ``value`` in lines of its own below the key at ``path``, which is empty so far."""
    _check_is_block(data, path, name)
    text = data.decode("utf-8-sig")
    spans = read_spans(text, path)
    mapping = spans.mappings[len(path) - 1]
    entry = mapping.find(path[-1])
    if entry is None or entry.colon < 0 or entry.form not in (Form.EMPTY, Form.INLINE):
        raise _wrong("cannot be changed in place; write it as a block", data, path, name)
    lines = dump({path[-1]: value}, step=spans.step).split("\n")[1:-1]
    own = text[max(entry.end, entry.colon) : spans.line_end(entry.end)].rstrip("\r\n")
    after = text[spans.line_end(entry.end) :]
    block = "".join(f"{' ' * mapping.column}{line}{spans.newline}" for line in lines)
    return _encoded(data, f"{text[: entry.colon]}{own}{spans.newline}{block}{after}")


def _behind_last(data: bytes, entry: JsonObject, name: str) -> bytes:
    text, items = _read(data, name)
    spans = read_spans(text, SERVERS_PLACE)
    end = spans.behind_comments(spans.line_end(items.spans[-1][1]), items.column)
    lines = dump({_SERVERS: [entry]}, step=spans.step).split("\n")[1:-1]
    block = "".join(f"{' ' * items.column}{line}{spans.newline}" for line in lines)
    before = text[:end]
    if before and before[-1] not in "\r\n":
        return _encoded(data, f"{before}{spans.newline}{block.removesuffix(spans.newline)}{text[end:]}")
    return _encoded(data, f"{before}{block}{text[end:]}")


def _removed(data: bytes, index: int, name: str) -> bytes:
    text, items = _read(data, name)
    dash, end = _bounds(text, items, index)
    start = text.rfind("\n", 0, dash) + 1
    return _encoded(data, text[:start] + text[end:])


def _changed(data: bytes, index: int, before: JsonObject, after: JsonObject, name: str) -> bytes:
    text, items = _read(data, name)
    dash, end = _bounds(text, items, index)
    start = text.rfind("\n", 0, dash) + 1
    at = dash - start
    block = text[start:end]
    alone = (block[:at] + " " + block[at + 1 :]).encode()
    for path, value in _differences((), before, after):
        alone = remove_entry(alone, path, name=name) if value is _GONE else set_entry(alone, path, value, name=name)
    edited = alone.decode()
    if edited[at : at + 1] != " ":
        raise _wrong("cannot be changed in place; write it as a block", data, (*SERVERS_PLACE, index), name)
    return _encoded(data, text[:start] + edited[:at] + "-" + edited[at + 1 :] + text[end:])


_GONE: Final = object()


def _differences(path: tuple[str, ...], before: JsonObject, after: JsonObject) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What to set and what to remove, key by key; what comes is set first, so that no mapping is empty in between."""
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and old and value:
            yield from _differences((*path, key), old, value)
        elif key not in before or not same(old, value):
            yield (*path, key), value
    yield from (((*path, key), _GONE) for key in before if key not in after)


def _bounds(text: str, items: _Items, index: int) -> tuple[int, int]:
    """Where the dash of an entry is, and where its last line ends."""
    start, end = items.spans[index]
    line = text.rfind("\n", 0, start) + 1
    while line >= 0:
        if text[line : line + items.column].strip() == "" and text[line + items.column] == "-":
            break
        line = text.rfind("\n", 0, max(line - 1, 0)) + 1
    found = text.find("\n", end)
    return line + items.column, len(text) if found < 0 else found + 1


def _read(data: bytes, name: str) -> tuple[str, _Items]:
    text = data.decode("utf-8-sig")
    if "\r" in text.replace("\r\n", ""):
        raise InputError.at("its lines end with a carriage return alone", file=name, place=(1, 1))
    items = _read_items(text)
    if items is None or items.is_flow:
        message = "written in brackets or braces, which cannot be edited in place; write it as a block"
        raise _wrong(message, data, SERVERS_PLACE, name)
    return text, items


def _read_items(text: str) -> _Items | None:
    """The list of servers, where it is one in a text that was checked."""
    reader = _Reader(text)
    for event in events(text):
        reader.take(event)
    if reader.sequence is None:
        return None
    start = reader.sequence.start_mark
    return _Items(is_flow=reader.is_flow, column=start.column, spans=tuple(reader.items))


class _Reader:
    """Follows the events to the list: ``_trail`` has a part for each open collection, a key or ``None``."""

    def __init__(self, text: str) -> None:
        self.sequence: Any = None
        self.is_flow = False
        self.items: list[tuple[int, int]] = []
        self._text = text
        self._trail: list[str | None] = []
        self._kinds: list[str] = []
        self._inside = -1
        self._start = -1
        self._end = 0

    def take(self, event: Any) -> None:
        self._end = max(self._end, content_end(event, self._text))
        if isinstance(event, yaml.CollectionEndEvent):
            self._trail.pop()
            self._kinds.pop()
            if len(self._trail) == self._inside - 1:
                self._inside = -1
            self._ended()
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: Any) -> None:
        if self._kinds and self._kinds[-1] == "mapping" and self._trail[-1] is None:
            self._trail[-1] = event.value if isinstance(event, yaml.ScalarEvent) else ""
            return
        if len(self._trail) == self._inside:
            self._start = event.start_mark.index
        if not isinstance(event, yaml.CollectionStartEvent):
            self._ended()
            return
        is_list = isinstance(event, yaml.SequenceStartEvent)
        if is_list and tuple(self._trail) == SERVERS_PLACE:
            self.sequence, self._inside = event, len(self._trail) + 1
        self.is_flow |= bool(event.flow_style) and tuple(self._trail) in ((), (_MCP,), SERVERS_PLACE)
        self._trail.append(None)
        self._kinds.append("list" if is_list else "mapping")

    def _ended(self) -> None:
        """A value has ended: of a mapping, a key is due; of the list, the entry is complete."""
        if self._kinds and self._kinds[-1] == "mapping":
            self._trail[-1] = None
        if len(self._trail) == self._inside and self._start >= 0:
            self.items.append((self._start, self._end))
            self._start = -1


def _encoded(data: bytes, text: str) -> bytes:
    """``text`` with the byte order mark of ``data``."""
    return (_BOM if data.startswith(_BOM) else b"") + text.encode()
