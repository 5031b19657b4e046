"""The gateway's configuration file: edits of single tool servers in place.

The servers are a list of mappings. An entry whose dash is taken for a space is a document of its own, which ``edit``
edits as any mapping; so all that is around the entry stays as it is. A text counts only if it reads back as what was
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from reconciler.documents.yaml.dump import dump
from reconciler.documents.yaml.edit import remove_entry, set_entry
from reconciler.documents.yaml.server_list import loaded, servers_in, wrong
from reconciler.documents.yaml.server_spans import bounds, read_items
from reconciler.documents.yaml.spans import Form, read_spans
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject, same
from reconciler.model.servers import SERVERS_PLACE, ServerEdit, name_of

_BOM: Final = b"\xef\xbb\xbf"
_MCP: Final = SERVERS_PLACE[0]
_SERVERS: Final = SERVERS_PLACE[1]


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
    document = loaded(data, name)
    servers = servers_in(document)
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


def _expected(document: JsonObject, servers: list[JsonObject]) -> JsonObject:
    mcp = cast(JsonObject, document.get(_MCP) or {"enabled": True})
    return {**document, _MCP: {**mcp, _SERVERS: cast(Json, servers)}}


def _check(result: bytes, expected: JsonObject, data: bytes, server: str, name: str) -> None:
    """``InputError`` where ``result`` does not say what was asked for: then its form is one that we do not know."""
    try:
        if same(_settled(loaded(result, name)), _settled(expected)):
            _check_can_be_edited_again(expected, result, name)
            return
    except InputError:
        pass
    raise wrong(f"the entry '{server}' cannot be changed in place; write it as a block", data, SERVERS_PLACE, name)


def _check_can_be_edited_again(document: JsonObject, data: bytes, name: str) -> None:
    """Nothing is written that could not be taken out again."""
    if servers_in(document):
        read_items(data, name)


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
        raise wrong("written in braces, which cannot be edited in place; write it as a block", data, path[:1], name)


def _opened(data: bytes, path: tuple[str, ...], value: Json, name: str) -> bytes:
    """The text with ``value`` in lines of its own below the key at ``path``, which is empty so far."""
    _check_is_block(data, path, name)
    text = data.decode("utf-8-sig")
    spans = read_spans(text, path)
    mapping = spans.mappings[len(path) - 1]
    entry = mapping.find(path[-1])
    if entry is None or entry.colon < 0 or entry.form not in (Form.EMPTY, Form.INLINE):
        raise wrong("cannot be changed in place; write it as a block", data, path, name)
    lines = dump({path[-1]: value}, step=spans.step).split("\n")[1:-1]
    own = text[max(entry.end, entry.colon) : spans.line_end(entry.end)].rstrip("\r\n")
    after = text[spans.line_end(entry.end) :]
    block = "".join(f"{' ' * mapping.column}{line}{spans.newline}" for line in lines)
    return _encoded(data, f"{text[: entry.colon]}{own}{spans.newline}{block}{after}")


def _behind_last(data: bytes, entry: JsonObject, name: str) -> bytes:
    text, items = read_items(data, name)
    spans = read_spans(text, SERVERS_PLACE)
    end = spans.behind_comments(spans.line_end(items.spans[-1][1]), items.column)
    lines = dump({_SERVERS: [entry]}, step=spans.step).split("\n")[1:-1]
    block = "".join(f"{' ' * items.column}{line}{spans.newline}" for line in lines)
    before = text[:end]
    if before and before[-1] not in "\r\n":
        return _encoded(data, f"{before}{spans.newline}{block.removesuffix(spans.newline)}{text[end:]}")
    return _encoded(data, f"{before}{block}{text[end:]}")


def _removed(data: bytes, index: int, name: str) -> bytes:
    text, items = read_items(data, name)
    dash, end = bounds(text, items, index)
    start = text.rfind("\n", 0, dash) + 1
    return _encoded(data, text[:start] + text[end:])


def _changed(data: bytes, index: int, before: JsonObject, after: JsonObject, name: str) -> bytes:
    text, items = read_items(data, name)
    dash, end = bounds(text, items, index)
    start = text.rfind("\n", 0, dash) + 1
    at = dash - start
    block = text[start:end]
    alone = (block[:at] + " " + block[at + 1 :]).encode()
    for path, value in _differences((), before, after):
        alone = remove_entry(alone, path, name=name) if value is _GONE else set_entry(alone, path, value, name=name)
    edited = alone.decode()
    if edited[at : at + 1] != " ":
        raise wrong("cannot be changed in place; write it as a block", data, (*SERVERS_PLACE, index), name)
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


def _encoded(data: bytes, text: str) -> bytes:
    """``text`` with the byte order mark of ``data``."""
    return (_BOM if data.startswith(_BOM) else b"") + text.encode()
