"""What one item's diff says: each value of its manifest that changes, and the lines of each of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias, cast

from reconciler.cli.ui.diff_line import BEFORE_CHARACTERS, Level, Line, first_difference
from reconciler.cli.ui.words import counted
from reconciler.documents.unseen import visible
from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject, same
from reconciler.planning.manifest_diff import MASK
from reconciler.planning.marks import is_prompt

_MAX_VALUE_CHARACTERS: Final = 70
_FOLDED_FROM: Final = 30
"""From so many lines on a new definition is shown without its inputs and outputs."""
_FOLDED: Final = ("inputs", "outputs")
_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}
DEFINITIONS: Final = (".yaml", ".yml")
"""How the names of files end that say what an item is."""

File: TypeAlias = dict[str, Any]
"""An entry of ``diff.files``."""


def weight(file: File) -> tuple[int, bool, str]:
    """In which order files are shown: prompts first, then what defines the item, then the rest.

    Of each, those that change come before new ones: what a package adds cannot push them off the page.
    """
    path = str(file["path"])
    rank = 0 if is_prompt(path) else 1 if path.endswith(DEFINITIONS) else 2
    return rank, file["change"] != "changed", path


def value_lines(manifest: JsonObject, *, has_lines: bool) -> Iterator[Line]:
    """Each value that changes; of a text that is long only that it does, where its lines are shown, too."""
    for path, pair in cast(dict[str, list[Json]], manifest.get("changed", {})).items():
        is_long = has_lines and all(isinstance(value, str) and len(value) > _MAX_VALUE_CHARACTERS for value in pair)
        if path != "version":  # the line of the item says it
            yield Line(level=Level.VALUE, sign="~", text=f"{path}: {'its text changes' if is_long else _pair(pair)}")
    for sign, part in (("+", "added"), ("-", "removed")):
        for path, value in cast(JsonObject, manifest.get(part, {})).items():
            yield Line(level=Level.VALUE, sign=sign, text=f"{path}: {_cut(_written(value), 0)}")


def is_said(file: File, manifest: JsonObject) -> bool:
    """Whether the values of the manifest, which are shown, say all that changes in the lines of this file."""
    if not str(file["path"]).endswith(DEFINITIONS) or file["change"] != "changed" or not manifest:
        return False
    changed = cast(dict[str, list[Json]], manifest.get("changed", {}))
    alone = [value for part in ("added", "removed") for value in cast(JsonObject, manifest.get(part, {})).values()]
    values = [*alone, *(value for pair in changed.values() for value in pair)]
    if any(isinstance(value, dict | list) or " " in (text := _written(value)) or _is_cut(text) for value in values):
        return False  # changed words are marked
    added, removed = (len(cast(JsonObject, manifest.get(part, {}))) for part in ("added", "removed"))
    return (file.get("added", 0), file.get("removed", 0)) == (len(changed) + added, len(changed) + removed)


def head(file: File) -> Line:
    """The line that names the file, with what is to be said of it as a whole."""
    facts = ", ".join(_facts(file))
    path = visible(file["path"]).text
    if "renamed_from" in file:
        path = f"{visible(file['renamed_from']).text} → {path}"
    text = f"{path} ({facts})" if facts else path
    return Line(level=Level.FILE, sign=_SIGNS[file["change"]], text=text)


def content(file: File) -> Iterator[Line]:
    """All lines of the file's hunks."""
    for number, hunk in enumerate(file["hunks"]):
        if number:
            yield Line(level=Level.GAP, sign=" ", text="⋮")
        for row in hunk["rows"]:
            if row["sign"] == "~":
                yield Line(level=Level.TEXT, sign="~", text=f"a paragraph only wrapped otherwise: {row['text']}")
                continue
            words = () if _is_new(row) else row.get("words", ())
            unseen = row.get("unseen", ())
            yield Line(level=Level.TEXT, sign=row["sign"], text=row["text"], words=words, unseen=unseen)


def _is_new(row: dict[str, Any]) -> bool:
    """Whether the one stretch that changed is the whole line, but for spaces around it."""
    spans, text = row.get("words", ()), row["text"]
    return len(spans) == 1 and not (text[: spans[0][0]] + text[spans[0][1] :]).strip()


def folded(file: File, lines: list[Line]) -> Iterator[Line]:
    """The lines of a new definition that is long, without what it takes and gives: so its prompts have room."""
    is_new = file["change"] == "added" and str(file["path"]).endswith(DEFINITIONS)
    if not is_new or len(lines) < _FOLDED_FROM or any(line.unseen for line in lines):
        yield from lines
        return
    left_out, begins = 0, _where_folded([line.text for line in lines])
    for number, line in enumerate(lines):
        is_below = line.text[:1] in ("", " ", "#", "-")
        if number in begins or (left_out and is_below):
            left_out += 1
        else:
            if left_out:
                yield Line(level=Level.GAP, sign=" ", text=f"⋮ {counted(left_out, 'line')} of inputs or outputs")
            left_out = 0
            yield line
    if left_out:
        yield Line(level=Level.GAP, sign=" ", text=f"⋮ {counted(left_out, 'line')} of inputs or outputs")


def _where_folded(lines: Sequence[str]) -> frozenset[int]:
    """Where inputs and outputs begin. What only looks like them may hide a prompt: the parser says where they are.

    Below an entry at the edge are lines with spaces before them; that holds where the first entry is at the edge, too.
    """
    first = next((line for line in lines if line.strip() and line != "---" and not line.startswith("#")), "")
    if not first[:1].isalpha():
        return frozenset()
    found = yaml_text.locate_all("\n".join(lines).encode(), [(key,) for key in _FOLDED])
    places = [(line - 1, f"{key}:") for (key,), (line, column) in found.items() if column == 1]
    return frozenset(at for at, start in places if lines[at].startswith(start))


def _facts(file: File) -> Iterator[str]:
    added, removed = file.get("added", 0), file.get("removed", 0)
    if file["change"] == "changed":
        if added or removed:
            yield f"+{added} -{removed}"
    else:
        lines = added or removed
        yield ("new file" if file["change"] == "added" else "removed") + (
            f", {counted(lines, 'line')}" if lines else ""
        )
    yield from _written_facts(file, has_lines=bool(added or removed))
    if "mode" in file:
        yield "mode {} → {}".format(*file["mode"])
    if wrapped := file.get("wrapped"):
        yield f"{counted(wrapped, 'paragraph')} only wrapped otherwise"
    if unseen := file.get("unseen"):
        yield f"{counted(unseen, 'character')} that nobody sees"
    if "binary" in file:
        yield "binary: " + " → ".join(_binary(side) for side in file["binary"].values() if side)
    for key, words in _NOTES.items():
        if file.get(key):
            yield words


def _written_facts(file: File, *, has_lines: bool) -> Iterator[str]:
    """What changes around the text: its name, its encoding, its line ends."""
    is_same = file["change"] == "changed" and not has_lines
    if "renamed_from" in file:
        yield "renamed"
    if encodings := file.get("encoding"):
        yield f"encoding {' → '.join(encodings)}"
    if ends := file.get("line_ends"):
        yield f"{'only ' if is_same else ''}line ends {' → '.join(ends)}"


_NOTES: Final = {
    "too_long": "more lines than can be compared",
    "not_shown": "its text cannot be shown",
    "hidden_changed": "a hidden value changed, or how it is written",
}


def _binary(side: File) -> str:
    return f"{side['size']} bytes {side['digest'][:19]}"


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pair(values: list[Json]) -> str:
    """Both values; where they are cut, from a little before what differs."""
    if values == [MASK, MASK]:
        return "changed (hidden)"
    if same(*values):  # but for what is hidden in them
        return f"{_cut(_written(values[0]), 0)}, changed (hidden)"
    texts = [_written(value) for value in values]
    start = 0
    if max(map(len, texts)) > _MAX_VALUE_CHARACTERS:
        start = max(0, first_difference(*texts) - BEFORE_CHARACTERS)
    return " → ".join(_cut(text, start) for text in texts)


def _is_cut(text: str) -> bool:
    return len(text) > _MAX_VALUE_CHARACTERS


def _cut(text: str, start: int) -> str:
    found = text if not start else f"…{text[start:]}"
    return found if len(found) <= _MAX_VALUE_CHARACTERS else found[: _MAX_VALUE_CHARACTERS - 1] + "…"
