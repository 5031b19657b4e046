"""Which lines of a file come and go, as far as that is plain without comparing it line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.documents.unseen import visible
from reconciler.model.config import JsonObject
from reconciler.model.unseen import UNSEEN
from reconciler.planning.content.alignment import MAX_DIFFERENCES
from reconciler.planning.content.blocks import is_prose
from reconciler.planning.content.hunks import lines_of

MAX_BYTES: Final = 1 << 20
"""Of a file that is glanced at."""
_MOST_PAIRS: Final = 100
"""Of lines that go and come in prose, each of which might be the same one, wrapped otherwise."""


def glanced_change(path: str, before: bytes | None, after: bytes | None) -> JsonObject | None:
    """``file_change`` of a file that is ``None`` where it is not there, with the lines that change as its only hunk.

    ``None`` where only a comparison tells: there is other text than UTF-8 with line feeds, a character that nobody sees
    comes, lines change places, or a paragraph may be wrapped otherwise.
    """
    old, new = (_plain(data or b"") for data in (before, after))
    if old is None or new is None or (before == after) or _may_hide(new):
        return None
    rows = changed_rows(lines_of(old), lines_of(new), prose=is_prose(path))
    if rows is None:
        return None
    added = sum(sign == "+" for sign, _ in rows)
    return {
        "path": path,
        "change": "added" if before is None else "removed" if after is None else "changed",
        "hunks": [{"rows": [{"sign": sign, "text": visible(line).text} for sign, line in rows]}],
        "added": added,
        "removed": len(rows) - added,
    }


def hides_nothing(data: bytes) -> bool:
    """Whether it is UTF-8 text with line feeds alone, and without any character that nobody sees."""
    text = _plain(data)
    return text is not None and not _may_hide(text)


def changed_rows(before: Sequence[str], after: Sequence[str], *, prose: bool) -> list[tuple[str, str]] | None:
    """The sign and the text of each line that goes or comes; ``None`` where more than one answer would be right."""
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    same, left = 0, shorter - start
    while same < left and before[-1 - same] == after[-1 - same]:
        same += 1
    gone, come = before[start : len(before) - same], after[start : len(after) - same]
    stay = frozenset(gone).intersection(come)
    kept = [line for line in gone if line in stay]
    is_plain = not (gone and come) or len(gone) + len(come) <= MAX_DIFFERENCES
    if not is_plain or kept != [line for line in come if line in stay] or (prose and _may_be_wrapped(gone, come)):
        return None
    rows: list[tuple[str, str]] = []
    at = 0
    for line in gone:
        if line not in stay:
            rows.append(("-", line))
            continue
        end = come.index(line, at)
        rows += [("+", one) for one in come[at:end]]
        at = end + 1
    return [*rows, *(("+", line) for line in come[at:])]


def _may_be_wrapped(gone: Sequence[str], come: Sequence[str]) -> bool:
    """Whether they may be of one paragraph: where it begins to differ, the shorter line begins the longer one."""
    if len(gone) * len(come) > _MOST_PAIRS:
        return True
    old, new = ([text for line in lines if (text := line.strip())] for lines in (gone, come))
    return any(one.startswith(other) or other.startswith(one) for one in old for other in new)


def _plain(data: bytes) -> str | None:
    """UTF-8 with line feeds alone."""
    if len(data) > MAX_BYTES:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text else text


def _may_hide(text: str) -> bool:
    """Whether it has a character that nobody sees, needed or not."""
    return not (text.isascii() and text.replace("\n", "").isprintable()) and UNSEEN.search(text) is not None
