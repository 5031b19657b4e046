"""Texts that may be the wanted edit of a YAML text, the best first. ``edit`` reads them and takes one.

Each function changes one place. Where a block scalar stands, a line more or less can change what is around it: then
there is a second place to try.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.documents.yaml.dump import dump, dump_flow
from reconciler.documents.yaml.spans import BREAKS, Form, Mapping, MappingEntry, Spans, read_spans
from reconciler.model.config import Json, JsonObject
from reconciler.model.regex import regex

_NOTHING_IN_BRACES: Final = regex(r"\s*\}")
_LITERAL_HEAD: Final = regex(r"[|>][-+0-9]*")
_COMMA: Final = regex(r"\s*,")


def texts_with(text: str, path: tuple[str, ...], value: Json) -> Iterator[str]:
    """``text`` with ``value`` at ``path``, in the style that is there."""
    spans = read_spans(text, path)
    depth, mapping = _innermost(spans)
    for key in reversed(path[depth:]):
        value = {key: value}
    key = path[depth - 1]
    entry = mapping.find(key) if mapping else None
    if mapping and mapping.is_flow:
        written = dump_flow(value if entry else {key: value}, quoted=_is_json(spans))
        yield _with_flow_value(text, entry, written) if entry else _with_item(text, mapping, written[1:-1])
    elif mapping and entry:
        yield from _with_value(spans, mapping.column, entry, value, opens=depth < len(path))
    else:
        yield from _with_lines_behind(spans, mapping, {key: value})


def texts_without(text: str, path: tuple[str, ...]) -> Iterator[str]:
    """``text`` without the entry at ``path``, which is there."""
    spans = read_spans(text, path)
    mapping = spans.mappings[-1]
    at = next(index for index, entry in enumerate(mapping.entries) if entry.key == path[-1])
    if mapping.is_flow:
        yield _without_item(text, mapping.entries, at)
        return
    start, end = spans.line_start(mapping.entries[at].start), spans.line_end(mapping.entries[at].end)
    yield text[:start] + text[end:]
    yield text[:start] + text[spans.behind_blank_lines(end) :]


def texts_with_block(text: str, key: str, value: JsonObject) -> Iterator[str]:
    """``text`` with the top-level entry ``key`` written again in its own lines, or put at the end of the document."""
    spans = read_spans(text, (key,))
    mapping = spans.mappings[0] if spans.mappings else None
    entry = mapping.find(key) if mapping else None
    if mapping and mapping.is_flow:
        item = dump_flow({key: value}, quoted=True)[1:-1]
        yield _spliced(text, entry.start, entry.end, item) if entry else _with_item(text, mapping, item)
        return
    lines = dump({key: value}).split("\n")[:-1]
    column = mapping.column if mapping else 0
    if entry:
        yield _with_lines(spans, spans.line_start(entry.start), spans.line_end(entry.end), column, lines)
        return
    places = [spans.end, *(spans.line_start(mapping.entries[-1].start) for mapping in spans.mappings)]
    for place in places:
        yield _with_lines(spans, place, place, column, lines)


def _innermost(spans: Spans) -> tuple[int, Mapping | None]:
    """The mapping to change, and how many keys of the path lead into it; empty braces below a block are none."""
    mappings = spans.mappings
    if len(mappings) > 1 and not mappings[-2].is_flow and _NOTHING_IN_BRACES.match(spans.text, mappings[-1].start):
        mappings = mappings[:-1]
    return max(len(mappings), 1), mappings[-1] if mappings else None


def _is_json(spans: Spans) -> bool:
    """Whether keys in braces stand in double quotes on the way."""
    return any(
        mapping.is_flow and spans.text.startswith('"', entry.start)
        for mapping in spans.mappings
        for entry in mapping.entries[:1]
    )


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _with_lines(spans: Spans, start: int, end: int, column: int, lines: list[str]) -> str:
    """The text with ``lines``, indented by ``column``, instead of what stands from ``start`` to ``end``."""
    newline = spans.newline
    new = "".join(" " * column + line + newline for line in lines)
    starts_line = not start or spans.text[start - 1] in BREAKS
    return _spliced(spans.text, start, end, new if starts_line or not lines else newline + new)


def _with_lines_behind(spans: Spans, mapping: Mapping | None, new: JsonObject) -> Iterator[str]:
    """The text with the entry ``new`` behind the last one of ``mapping`` and the comments that are indented below it.

    A block scalar may need the blank lines behind it, or suffer no line break at its end: then the last place to try is
    before it.
    """
    column = mapping.column if mapping else 0
    places = [spans.end]
    if mapping:
        last = mapping.entries[-1]
        behind = spans.behind_comments(spans.line_end(last.end), column)
        places = [behind, spans.behind_blank_lines(behind), spans.line_start(last.start)]
    lines = dump(new, step=spans.step).split("\n")[:-1]
    for place in places:
        yield _with_lines(spans, place, place, column, lines)


def _with_value(spans: Spans, column: int, entry: MappingEntry, value: Json, *, opens: bool) -> Iterator[str]:
    """The text with ``value`` in ``entry`` of a mapping in block style.

    ``opens`` says that ``value`` makes a mapping of one that was empty: it is written as a block even so.
    """
    if entry.form is Form.INLINE and not opens:
        written = dump_flow(value) if isinstance(value, dict | list) else _head_and_lines(value, spans.step)[0][1:]
        yield _spliced(spans.text, entry.value, entry.end, written)
        return
    head, lines = _head_and_lines(value, spans.step)
    head_end, start, end = _own_lines(spans, column, entry)
    if 0 <= entry.colon <= head_end <= start:
        text = _with_lines(spans, start, end, column, lines)
        yield _spliced(text, entry.colon, head_end, head)


def _head_and_lines(value: Json, step: int) -> tuple[str, list[str]]:
    """What stands behind the colon of an entry that holds ``value``, and the lines below it."""
    head, *lines = dump({"k": value}, step=step).split("\n")[:-1]
    return head.removeprefix("k:"), lines


def _own_lines(spans: Spans, column: int, entry: MappingEntry) -> tuple[int, int, int]:
    """Where the value ends on the key's line, and from where to where its own lines run; comments above them stay."""
    if entry.form is Form.BLOCK:
        return entry.colon, spans.line_start(entry.value), spans.line_end(entry.end)
    if entry.form is Form.LITERAL:
        head = _LITERAL_HEAD.match(spans.text, entry.value)
        return head.end() if head else -1, spans.line_end(entry.value), spans.line_end(entry.end)
    head_end = entry.colon if entry.form is Form.EMPTY else entry.end
    below = spans.behind_comments(spans.line_end(head_end), column)
    return head_end, below, below


def _with_flow_value(text: str, entry: MappingEntry, written: str) -> str:
    """``text`` with ``written`` as the value of ``entry`` of a mapping in braces."""
    if entry.form is not Form.EMPTY:
        return _spliced(text, entry.value, entry.end, written)
    return _spliced(text, entry.end, entry.end, f" {written}" if entry.colon == entry.end else f": {written}")


def _with_item(text: str, mapping: Mapping, item: str) -> str:
    """``text`` with ``item`` put last into ``mapping``, which is written in braces."""
    at = mapping.entries[-1].end if mapping.entries else mapping.start
    return _spliced(text, at, at, f", {item}" if mapping.entries else item)


def _without_item(text: str, entries: tuple[MappingEntry, ...], at: int) -> str:
    """``text`` without entry ``at`` of a mapping in braces, and without one comma; comments around it stay."""
    start, end = entries[at].start, entries[at].end
    comma = _COMMA.match(text, end)
    if at + 1 < len(entries) and "#" not in text[end : entries[at + 1].start]:
        end = entries[at + 1].start
    elif at and at + 1 == len(entries) and "#" not in text[entries[at - 1].end : start]:
        start = entries[at - 1].end
    elif comma:
        end = comma.end()
    return _spliced(text, start, end, "")
