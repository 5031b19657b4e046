"""What changes in one file of a package."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from reconciler.model.config import Json, JsonObject
from reconciler.planning.content.blocks import is_prose
from reconciler.planning.content.hunks import text_diff

Kind: TypeAlias = Literal["added", "changed", "removed"]


class FileSide(Struct, frozen=True, kw_only=True):
    """A file before or after. ``data`` is what may be shown of it; ``None`` where nothing may be."""

    sha256: str
    data: bytes | None = None
    executable: bool | None = None


def file_change(path: str, before: FileSide | None, after: FileSide | None) -> JsonObject | None:
    """An entry of ``diff.files``, or ``None`` where nothing changes. The keys are those of ``docs/reference.md``."""
    change: Kind = "added" if before is None else "removed" if after is None else "changed"
    document: JsonObject = {"path": path, "change": change, "hunks": []}
    mode = _mode(before, after)
    if mode:
        document["mode"] = mode
    if before and after and before.sha256 == after.sha256:
        return document if mode else None
    return document | _content(path, before, after)


def _mode(before: FileSide | None, after: FileSide | None) -> Json:
    """The modes before and after, where a file that stays may be run from now on, or no longer."""
    known = (before.executable if before else None, after.executable if after else None)
    if None in known or known[0] == known[1]:
        return None
    return ["755" if one else "644" for one in known]


def _content(path: str, before: FileSide | None, after: FileSide | None) -> JsonObject:
    old, new = (side.data if side else b"" for side in (before, after))
    if old is None or new is None:
        return {"not_shown": True}
    try:
        texts = old.decode(), new.decode()
    except UnicodeDecodeError:
        texts = "\0", ""
    if "\0" in texts[0] + texts[1]:
        return {"binary": {"before": _facts(before), "after": _facts(after)}}
    found = text_diff(*texts, prose=is_prose(path))
    document: JsonObject = {
        "hunks": [{"rows": [row.to_document() for row in hunk]} for hunk in found.hunks],
        "added": found.added,
        "removed": found.removed,
    }
    if found.wrapped:
        document["wrapped"] = found.wrapped
    if found.unseen:
        document["unseen"] = found.unseen
    if found.is_too_long:
        document["too_long"] = True
    if before and after and old == new:
        document["hidden_changed"] = True
    return document


def _facts(side: FileSide | None) -> Json:
    return {"size": len(side.data or b""), "digest": f"sha256:{side.sha256}"} if side else None
