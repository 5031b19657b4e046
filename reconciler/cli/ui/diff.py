"""What changes inside an item, as lines that each format shows: its manifest value by value, its files line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.cli.ui.words import counted
from reconciler.documents.unseen import visible
from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject, same
from reconciler.planning.manifest_diff import MASK
from reconciler.planning.marks import is_prompt

_MAX_VALUE_CHARACTERS: Final = 70
_BEFORE_CHARACTERS: Final = 20
_MAX_ITEM_LINES: Final = 40
_MAX_LINES: Final = 400
_LEAST_LINES: Final = 5
"""With room for less than that an item's lines are only counted."""
_FOLDED_FROM: Final = 30
"""From so many lines on a new definition is shown without its inputs and outputs."""
_LINE_CHARACTERS: Final = 400
"""A longer line counts as several."""
_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}
_DEFINITIONS: Final = (".yaml", ".yml")

File: TypeAlias = dict[str, Any]
"""An entry of ``diff.files``."""
Spans: TypeAlias = Sequence[Sequence[int]]


class Detail(Enum):
    """How much is shown of what changes inside an item."""

    NONE = "none"
    STAT = "stat"
    """The files, and how many lines of each."""
    SHORT = "short"
    """40 lines of each item, and 400 in all; then counts."""
    FULL = "full"


class Level(Enum):
    """What a line of a diff is about."""

    VALUE = "value"
    """A value of the manifest."""
    FILE = "file"
    """The head of a file."""
    TEXT = "text"
    """A line of a file."""
    GAP = "gap"
    """Lines of a file that stay as they are, and are left out."""
    MORE = "more"
    """How much more there is."""


class Line(Struct, frozen=True, kw_only=True):
    """One line. ``words`` are the stretches that changed, ``unseen`` the escapes of what nobody sees."""

    level: Level
    sign: str
    text: str
    words: Spans = ()
    unseen: Spans = ()

    def pieces(self) -> Iterator[tuple[int, int, str]]:
        """The text in pieces, in order: from where to where, and what that is: ``word``, ``unseen`` or nothing."""
        end = 0
        outside = (span for span in self.unseen if not any(a <= span[0] and span[1] <= b for a, b in self.words))
        spans = sorted([*((*span, "word") for span in self.words), *((*span, "unseen") for span in outside)])
        for start, stop, kind in cast(list[tuple[int, int, str]], spans):
            if end < start:
                yield end, start, ""
            yield start, stop, kind
            end = stop
        if end < len(self.text):
            yield end, len(self.text), ""


class DiffLines:
    """The lines of one plan. It counts what it has given."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._left = _MAX_LINES

    def of(self, diff: JsonObject) -> Iterator[Line]:
        """The lines of one item."""
        if self._detail is Detail.NONE:
            return
        files = sorted((cast(File, one) for one in cast(list[Json], diff.get("files", []))), key=_weight)
        is_gone = all(one["change"] == "removed" for one in files) and not diff.get("manifest")
        if self._detail is Detail.STAT or (is_gone and self._detail is Detail.SHORT):
            yield from (_head(one) for one in files)
            return
        has_lines = any(one["hunks"] and str(one["path"]).endswith(_DEFINITIONS) for one in files)
        values = _values(cast(JsonObject, diff.get("manifest", {})), has_lines=has_lines)
        yield from self._limited([*values, *self._files(diff, files)])

    def _files(self, diff: JsonObject, files: Iterable[File]) -> Iterator[Line]:
        for one in files:
            yield _head(one)
            if self._detail is Detail.FULL:
                yield from _content(one)
            elif not _is_said(one, cast(JsonObject, diff.get("manifest", {}))):
                yield from _folded(one, [*_content(one)])

    def _limited(self, found: Sequence[Line]) -> Iterator[Line]:
        if self._detail is Detail.FULL:
            yield from found
            return
        left = min(self._left, _MAX_ITEM_LINES)
        if left < min(len(found), _LEAST_LINES):
            yield Line(level=Level.MORE, sign="…", text=f"{counted(len(found), 'line')}, --full shows them")
            return
        for number, line in enumerate(found):
            cost = 1 + len(line.text) // _LINE_CHARACTERS if line.level is Level.TEXT else 1
            if 0 < left < cost:
                line, cost = _excerpt(line, found[max(0, number - 1) : number + 2]), 1
            if left < cost:
                text = f"and {_rest(found[number:])} (--full shows all, --stat counts)"
                yield Line(level=Level.MORE, sign="…", text=text)
                return
            left -= cost
            self._left -= cost
            yield line


def _excerpt(line: Line, around: Iterable[Line]) -> Line:
    """A line that is too long, from a little before where it differs from the one that it replaces or gives way to."""
    first = 0
    if line.words:
        first = line.words[0][0]
    elif others := [other.text for other in around if {line.sign, other.sign} == {"-", "+"}]:
        first = _first_difference(line.text, others[-1])
    start = max(0, min(first - _BEFORE_CHARACTERS, len(line.text) - _LINE_CHARACTERS))
    end = start + _LINE_CHARACTERS
    before = "…" if start else ""

    def kept(spans: Spans) -> Spans:
        moved = ([max(a, start) - start + len(before), min(b, end) - start + len(before)] for a, b in spans)
        return [span for span in moved if span[0] < span[1]]

    left_out = f"{len(line.text) - _LINE_CHARACTERS} of {len(line.text)} characters left out"
    return replace(
        line,
        text=f"{before}{line.text[start:end]} … {left_out}",
        words=kept(line.words),
        unseen=kept(line.unseen),
    )


def _rest(lines: Sequence[Line]) -> str:
    """How much there is, with the files of which not even the head is shown."""
    files = sum(line.level is Level.FILE for line in lines)
    more = [counted(len(lines) - files, "more line")] if files < len(lines) else []
    return ", ".join([*more, *([counted(files, "more file")] if files else [])])


def _weight(file: File) -> tuple[int, bool, str]:
    """In which order files are shown: prompts first, then what defines the item, then the rest.

    Of each, those that change come before new ones: what a package adds cannot push them off the page.
    """
    path = str(file["path"])
    rank = 0 if is_prompt(path) else 1 if path.endswith(_DEFINITIONS) else 2
    return rank, file["change"] != "changed", path


def _values(manifest: JsonObject, *, has_lines: bool) -> Iterator[Line]:
    """Each value that changes; of a text that is long only that it does, where its lines are shown, too."""
    for path, pair in cast(dict[str, list[Json]], manifest.get("changed", {})).items():
        is_long = has_lines and all(isinstance(value, str) and len(value) > _MAX_VALUE_CHARACTERS for value in pair)
        if path != "version":  # the line of the item says it
            yield Line(level=Level.VALUE, sign="~", text=f"{path}: {'its text changes' if is_long else _pair(pair)}")
    for sign, part in (("+", "added"), ("-", "removed")):
        for path, value in cast(JsonObject, manifest.get(part, {})).items():
            yield Line(level=Level.VALUE, sign=sign, text=f"{path}: {_cut(_written(value), 0)}")


def _is_said(file: File, manifest: JsonObject) -> bool:
    """Whether the values of the manifest, which are shown, say all that changes in the lines of this file."""
    if not str(file["path"]).endswith(_DEFINITIONS) or file["change"] != "changed" or not manifest:
        return False
    changed = cast(dict[str, list[Json]], manifest.get("changed", {}))
    alone = [value for part in ("added", "removed") for value in cast(JsonObject, manifest.get(part, {})).values()]
    values = [*alone, *(value for pair in changed.values() for value in pair)]
    if any(isinstance(value, dict | list) or " " in (text := _written(value)) or _is_cut(text) for value in values):
        return False  # changed words are marked
    added, removed = (len(cast(JsonObject, manifest.get(part, {}))) for part in ("added", "removed"))
    return (file.get("added", 0), file.get("removed", 0)) == (len(changed) + added, len(changed) + removed)


def _head(file: File) -> Line:
    facts = ", ".join(_facts(file))
    path = visible(file["path"]).text
    if "renamed_from" in file:
        path = f"{visible(file['renamed_from']).text} → {path}"
    text = f"{path} ({facts})" if facts else path
    return Line(level=Level.FILE, sign=_SIGNS[file["change"]], text=text)


def _content(file: File) -> Iterator[Line]:
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


def _folded(file: File, lines: list[Line]) -> Iterator[Line]:
    """The lines of a new definition that is long, without what it takes and gives: so its prompts have room."""
    is_new = file["change"] == "added" and str(file["path"]).endswith(_DEFINITIONS)
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


_FOLDED: Final = ("inputs", "outputs")


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
        start = max(0, _first_difference(*texts) - _BEFORE_CHARACTERS)
    return " → ".join(_cut(text, start) for text in texts)


def _first_difference(one: str, other: str) -> int:
    """Where they differ first: behind the shorter one, if the longer one begins with it."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _is_cut(text: str) -> bool:
    return len(text) > _MAX_VALUE_CHARACTERS


def _cut(text: str, start: int) -> str:
    found = text if not start else f"…{text[start:]}"
    return found if len(found) <= _MAX_VALUE_CHARACTERS else found[: _MAX_VALUE_CHARACTERS - 1] + "…"
