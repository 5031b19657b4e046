"""Changes one entry of a YAML text and leaves every other byte as it is.

Each edit proposes texts, the best first; taken is the first that reads back as the document that was asked for. So an
unusual text can cost an edit, never the meaning of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, cast

from reconciler.documents.text import shown
from reconciler.documents.yaml.dump import dump_flow
from reconciler.documents.yaml.load import load
from reconciler.documents.yaml.places import dotted, locate
from reconciler.documents.yaml.spans import BREAKS
from reconciler.documents.yaml.splice import texts_with, texts_with_block, texts_without
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject, same

_BOM: Final = b"\xef\xbb\xbf"
_MANIFEST: Final = "manifest"
"""What messages call a package's definition, whichever file it is in."""


def set_entry(data: bytes, path: tuple[str, ...], value: Json, *, name: str) -> bytes:
    """``data`` with the entry at ``path`` holding ``value``; what is missing on the way is made.

    A value on one line is replaced by one on one line, a block by a block in its own lines; a new entry follows the
    last one of its mapping, in the style of that mapping. Comments outside the value stay. An entry that already holds
    ``value`` stays as written. Raises ``InputError``, naming the file ``name``, where something on the way is no
    mapping, the text's form is too unusual, or ``value`` is not Unicode (as names of files may be).
    """
    original = _loaded(data, name)
    _check_unicode(path, value, name)
    _check_parents(original, data, path, name)
    expected = _with(original, path, value)
    if same(original, expected):
        return data
    text = data.decode("utf-8-sig")
    result = _first_that_holds(data, _ended_like(text, texts_with(text, path, value)), expected, path)
    if result is None:
        wanted: JsonObject = {path[-1]: value}
        raise _unusual(data, path, f"write there by hand: {dump_flow(wanted)[1:-1]}", name)
    return result


def remove_entry(data: bytes, path: tuple[str, ...], *, name: str) -> bytes:
    """``data`` without the lines of the entry at ``path``, if there is one.

    Comments above the entry stay. A mapping in block style that loses its last entry is left empty, which is null.
    Raises ``InputError``, naming the file ``name``, where the text's form is too unusual.
    """
    original = _loaded(data, name)
    expected = _without(original, path)
    if same(original, expected):
        return data
    text = data.decode("utf-8-sig")
    result = _first_that_holds(data, _ended_like(text, texts_without(text, path)), expected, path)
    if result is None:
        raise _unusual(data, path, "remove it by hand", name)
    return result


def replace_block(data: bytes, key: str, value: JsonObject) -> bytes:
    """The manifest ``data`` with the top-level entry ``key`` holding ``value``, appended where it is absent.

    Every byte outside the entry's own lines stays; comments after its last value belong to what follows. Unlike with
    ``set_entry`` the whole entry is written again, in block style, and a new one goes to the end of the document. An
    entry that already holds ``value`` stays as written. Raises ``InputError`` where the text's form is too unusual.
    """
    original = _loaded(data, _MANIFEST)
    expected = _with(original, (key,), value)
    if same(original, expected):
        return data
    texts = texts_with_block(data.decode("utf-8-sig"), key, value)
    result = _first_that_holds(data, texts, expected, (key,))
    if result is None:
        raise InputError.at(f"cannot change {shown(key)} in place; write it as a plain block mapping", file=_MANIFEST)
    return result


def _loaded(data: bytes, name: str) -> JsonObject:
    document = load(data, name=name) or {}
    if not isinstance(document, dict):
        raise InputError.at("expected a mapping at the top", file=name, place=(1, 1))
    return document


def _check_parents(document: Json, data: bytes, path: tuple[str, ...], name: str) -> None:
    for depth, key in enumerate(path[:-1], start=1):
        document = cast(JsonObject, document).get(key)
        if document is None:
            return
        if not isinstance(document, dict):
            here = path[:depth]
            raise InputError.at("expected a mapping", file=name, place=locate(data, here), path=dotted(here))


def _check_unicode(path: tuple[str, ...], value: Json, name: str) -> None:
    try:
        json.dumps([path, value], ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError.at(f"cannot write {shown(dotted(path))}: its text is not Unicode", file=name) from error


def _unusual(data: bytes, path: tuple[str, ...], advice: str, name: str) -> InputError:
    return InputError.at(f"cannot change {shown(dotted(path))} in place; {advice}", file=name, place=locate(data, path))


def _with(document: JsonObject, path: tuple[str, ...], value: Json) -> JsonObject:
    """``document`` as it is to be after an entry was set; each parent is a mapping, null or missing."""
    key, *below = path
    if below:
        value = _with(cast(JsonObject, document.get(key)) or {}, tuple(below), value)
    return {**document, key: value}


def _without(document: JsonObject, path: tuple[str, ...]) -> JsonObject:
    key, *below = path
    if not below:
        return {other: value for other, value in document.items() if other != key}
    parent = document.get(key)
    return {**document, key: _without(parent, tuple(below))} if isinstance(parent, dict) else document


def _first_that_holds(data: bytes, texts: Iterable[str], expected: JsonObject, path: tuple[str, ...]) -> bytes | None:
    """The first of ``texts`` that reads as ``expected``, with the byte order mark of ``data``."""
    mark = _BOM if data.startswith(_BOM) else b""
    return next((mark + text.encode() for text in texts if _holds(text.encode(), expected, path[:-1])), None)


def _holds(data: bytes, expected: JsonObject, parents: tuple[str, ...]) -> bool:
    try:
        return same(_settled(load(data, name=""), parents), _settled(expected, parents))
    except InputError:
        return False


def _settled(document: Json, parents: tuple[str, ...]) -> Json:
    """``document`` with empty mappings at the root and along ``parents`` as null."""
    if not isinstance(document, dict) or not document:
        return None if document == {} else document
    if not parents or parents[0] not in document:
        return document
    return {**document, parents[0]: _settled(document[parents[0]], parents[1:])}


def _ended_like(before: str, texts: Iterable[str]) -> Iterator[str]:
    """``texts``, each first without a line break at the end where ``before`` has none."""
    for text in texts:
        if before and before[-1] not in BREAKS and text and text[-1] in BREAKS:
            yield text.removesuffix("\n").removesuffix("\r")
        yield text
