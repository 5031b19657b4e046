"""How the tools of a tool server differ from those that were accepted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.plan import Mark, MarkCode
from reconciler.model.tools import AcceptedTools, Tool
from reconciler.planning.content.file_change import FileSide, file_change

What = Literal["new", "changed", "gone"]


class ToolChange(Struct, frozen=True, kw_only=True):
    """One tool that is not as it was accepted. ``before`` is known where the words were kept too."""

    name: str
    what: What
    before: Tool | None = None
    after: Tool | None = None


def tool_changes(
    accepted: AcceptedTools, found: Iterable[Tool], words: Mapping[str, Tool] | None = None
) -> tuple[ToolChange, ...]:
    """What of ``found`` is not accepted, and what is gone, by name. ``words`` are the accepted tools themselves."""
    words = words or {}
    now = {tool.name: tool for tool in found}
    changes = []
    for name in sorted({*accepted, *now}):
        tool = now.get(name)
        if tool is None:
            changes.append(ToolChange(name=name, what="gone", before=words.get(name)))
        elif name not in accepted:
            changes.append(ToolChange(name=name, what="new", after=tool))
        elif accepted[name] != tool.digest:
            changes.append(ToolChange(name=name, what="changed", before=words.get(name), after=tool))
    return tuple(changes)


def tool_marks(changes: Iterable[ToolChange]) -> Iterator[Mark]:
    """What a reviewer must not miss of them: a tool that went does no harm."""
    changed = [change.name for change in changes if change.what == "changed"]
    if changed:
        yield Mark(MarkCode.TOOL, f"describes a tool in other words than were accepted: {', '.join(changed)}")


def tool_files(changes: Iterable[ToolChange]) -> Iterator[JsonObject]:
    """The words before and after as files of a plan's ``diff``: a tool each, with the words that differ marked."""
    for change in changes:
        before, after = (_side(tool) for tool in (change.before, change.after))
        if document := file_change(f"tools/{change.name}.txt", before, after):
            yield document


def _side(tool: Tool | None) -> FileSide | None:
    return FileSide(sha256=tool.digest.removeprefix("sha256:"), data=tool.text.encode()) if tool else None
