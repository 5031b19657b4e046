"""Where in the text of the gateway's configuration file each tool server is."""

from __future__ import annotations

from typing import Any, Final

import yaml
from msgspec import Struct

from reconciler.documents.yaml.places import events
from reconciler.documents.yaml.server_list import wrong
from reconciler.documents.yaml.spans import content_end
from reconciler.errors import InputError
from reconciler.model.servers import SERVERS_PLACE

_MCP: Final = SERVERS_PLACE[0]


class Items(Struct, frozen=True, kw_only=True):
    """The entries of the list: where the node of each starts, and where its last character ends."""

    is_flow: bool
    column: int
    spans: tuple[tuple[int, int], ...]


def read_items(data: bytes, name: str) -> tuple[str, Items]:
    """The text, and where its entries are. ``InputError`` where they cannot be edited in place."""
    text = data.decode("utf-8-sig")
    if "\r" in text.replace("\r\n", ""):
        raise InputError.at("its lines end with a carriage return alone", file=name, place=(1, 1))
    items = _items_in(text)
    if items is None or items.is_flow:
        message = "written in brackets or braces, which cannot be edited in place; write it as a block"
        raise wrong(message, data, SERVERS_PLACE, name)
    return text, items


def bounds(text: str, items: Items, index: int) -> tuple[int, int]:
    """Where the dash of an entry is, and where its last line ends."""
    start, end = items.spans[index]
    line = text.rfind("\n", 0, start) + 1
    while line >= 0:
        if text[line : line + items.column].strip() == "" and text[line + items.column] == "-":
            break
        line = text.rfind("\n", 0, max(line - 1, 0)) + 1
    found = text.find("\n", end)
    return line + items.column, len(text) if found < 0 else found + 1


def _items_in(text: str) -> Items | None:
    """The list of servers, where it is one in a text that was checked."""
    reader = _Reader(text)
    for event in events(text):
        reader.take(event)
    if reader.sequence is None:
        return None
    start = reader.sequence.start_mark
    return Items(is_flow=reader.is_flow, column=start.column, spans=tuple(reader.items))


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
        self._end = max(self._end, _end_of(event, self._text))
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


def _end_of(event: Any, text: str) -> int:
    """``content_end``; to a text that is written ``|+`` the blank lines behind it belong, too."""
    end = content_end(event, text)
    start = event.start_mark.index
    if not (isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">") and "+" in text[start : start + 3]):
        return end
    at = end
    while at < len(text) and text[at] in " \t\r\n":
        end, at = at if text[at] == "\n" else end, at + 1
    return end
