"""Comments that switch a finding off where it is meant: ``# llamagate: disable LG112: the reason``.

Behind something on a line, a comment is about that line; on a line of its own, about the next one. A block of text
(``prompt: |``) belongs to the line that it begins on, since nothing inside it is a comment; a text in quotes behind the
codes chooses its lines: ``# llamagate: disable LG106 "{{name}}": the reason`` is about those that hold it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from reconciler.codes import CheckCode
from reconciler.model.regex import regex
from reconciler.packages.check.document import Document, Span
from reconciler.packages.check.found import Found
from reconciler.packages.check.near import meant, near

_MARK: Final = "llamagate: disable"
_COMMENT: Final = regex(
    r"(?:^|(?<=[ \t]))#[ \t]*llamagate:[ \t]*disable\b[ \t]*(?P<codes>[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)?"
    r"(?:[ \t]+(?P<quote>[\"'])(?P<held>[^\n\r]*?)(?P=quote)(?=[ \t]*(?::|$)))?"
    r"(?:[ \t]*:[ \t]*(?P<reason>[^\n\r]*))?",
    re.MULTILINE,
)
_BLANK: Final = regex(r"[ \t]*(?:#.*)?")


class Disable(Struct, frozen=True, kw_only=True):
    """One code that a comment switches off, from line ``first`` to ``last``, in those that hold the text ``held``."""

    code: str
    first: int
    last: int
    span: Span
    document: Document
    has_reason: bool
    held: str = ""


def disables_in(document: Document) -> list[Disable]:
    """All of them."""
    if _MARK not in document.text.replace("llamagate:disable", _MARK):
        return []
    scalars = [*document.scalars()]
    return [one for match in _COMMENT.finditer(document.text) for one in _read(document, scalars, match)]


def _read(document: Document, scalars: Sequence[Span], match: re.Match[str]) -> Iterator[Disable]:
    if _is_inside(document, scalars, match.start()):
        return
    first, last = _lines(document, scalars, match.start())
    for code in (match["codes"] or "").replace(" ", "").replace("\t", "").split(","):
        yield Disable(
            code=code,
            first=first,
            last=last,
            span=Span(match.start(), match.end()),
            document=document,
            has_reason=bool((match["reason"] or "").strip()),
            held=match["held"] or "",
        )


def _is_inside(document: Document, scalars: Sequence[Span], index: int) -> bool:
    """Whether a text goes on there: what looks like a comment is none. The line where a block begins has some."""
    at = bisect.bisect_right(scalars, index, key=lambda span: span.start) - 1
    if at < 0 or index >= scalars[at].end:
        return False
    return not scalars[at].is_block or "\n" in document.text[scalars[at].start : index]


def _lines(document: Document, scalars: Sequence[Span], start: int) -> tuple[int, int]:
    line = document.place(start)[0]
    if not document.text[document.starts[line - 1] : start].strip():
        line += 1
        while line <= len(document.starts) and _BLANK.fullmatch(document.line(line)):
            line += 1
    last = line
    for span in scalars:
        if span.is_block and document.place(span.start)[0] == line:
            last = max(last, document.place(max(span.end - 1, span.start))[0])
    return line, last


def kept(found: Sequence[Found], disables: Sequence[Disable]) -> list[Found]:
    """``found`` without what is switched off, and with what is wrong with the comments."""
    used: set[int] = set()
    left = []
    for one in found:
        numbers = [number for number, disable in enumerate(disables) if _is_about(disable, one)]
        used.update(numbers)
        if not numbers:
            left.append(one)
    return [*left, *_useless(disables, used)]


def _is_about(disable: Disable, found: Found) -> bool:
    if found.span is None or found.text.inside != disable.document.inside or found.code != disable.code:
        return False
    line = found.text.place(found.span.start)[0]
    return disable.first <= line <= disable.last and disable.held in found.text.line(line)


def _useless(disables: Sequence[Disable], used: set[int]) -> Iterator[Found]:
    for number, disable in enumerate(disables):
        known = [str(code) for code in CheckCode]
        if disable.code not in known:
            what = f"there is no check {disable.code}{meant(near(disable.code, known))}" if disable.code else "no code"
            message = f"this disables nothing: {what}; write '# llamagate: disable LG112: why'"
        elif number not in used:
            where = f"in line {disable.first}" if disable.first == disable.last or not disable.held else "below"
            held = f" with {disable.held}" if disable.held else ""
            message = f"this disables nothing: there is no {disable.code} {where}{held}"
        elif not disable.has_reason:
            message = f"say why {disable.code} is wrong here: '# llamagate: disable {disable.code}: why'"
            yield _about(disable, CheckCode.NO_REASON, message)
            continue
        else:
            continue
        yield _about(disable, CheckCode.USELESS_DISABLE, message)


def _about(disable: Disable, code: CheckCode, message: str) -> Found:
    return Found(code=code, message=message, text=disable.document, span=disable.span)
