"""What changes in one file of a package."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from reconciler.model.config import Json, JsonObject
from reconciler.planning.content.blocks import is_prose
from reconciler.planning.content.decoded import UTF_8, decoded
from reconciler.planning.content.hunks import text_diff

Kind: TypeAlias = Literal["added", "changed", "removed"]


class FileSide(Struct, frozen=True, kw_only=True):
    """A file before or after. ``data`` is what may be shown of it; ``None`` where nothing may be."""

    sha256: str
    data: bytes | None = None
    executable: bool | None = None


def file_change(
    path: str, before: FileSide | None, after: FileSide | None, *, renamed_from: str | None = None
) -> JsonObject | None:
    """An entry of ``diff.files``, or ``None`` where nothing changes. The keys are those of ``docs/commands.md``."""
    change: Kind = "added" if before is None else "removed" if after is None else "changed"
    document: JsonObject = {"path": path, "change": change, "hunks": []}
    if renamed_from is not None:
        document["renamed_from"] = renamed_from
    mode = _mode(before, after)
    if mode:
        document["mode"] = mode
    if before and after and before.sha256 == after.sha256:
        return document if mode or renamed_from is not None else None
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
    texts = decoded(old), decoded(new)
    if texts[0] is None or texts[1] is None:
        return {"binary": {"before": _facts(before), "after": _facts(after)}}
    sides = [text for side, text in zip((before, after), texts, strict=True) if side and text]
    found = text_diff(texts[0].text, texts[1].text, prose=is_prose(path))
    document: JsonObject = {
        **_encoding([one.encoding for one in sides]),
        **_line_ends([one.line_ends for one in sides]),
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


def _encoding(found: list[str]) -> JsonObject:
    """The encoding before and after; once where it stays, and nothing where it is the usual one."""
    ways: list[Json] = [*dict.fromkeys(found)]
    return {"encoding": ways} if ways != [UTF_8] else {}


def _line_ends(found: list[str]) -> JsonObject:
    """The line ends before and after, where they change; of a file that comes or goes, where they are not LF."""
    ways: list[Json] = [*dict.fromkeys(found)]
    return {"line_ends": ways} if len(ways) > 1 or (len(found) == 1 and ways != ["LF"]) else {}


def _facts(side: FileSide | None) -> Json:
    return {"size": len(side.data or b""), "digest": f"sha256:{side.sha256}"} if side else None
