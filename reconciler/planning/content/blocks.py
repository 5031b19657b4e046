"""A text as blocks: what is compared as one. A paragraph of prose is one, however it is wrapped; else each line is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from reconciler.documents.unseen import NO_NEWLINE
from reconciler.model.regex import regex

_PROSE: Final = frozenset(["", ".md", ".markdown", ".mdx", ".txt", ".rst", ".adoc", ".prompt", ".tmpl", ".j2"])
"""The endings of files in which a line may be wrapped anywhere. In all others each line counts by itself."""
_FENCE: Final = regex(r" {0,3}(`{3,}|~{3,})")
_OWN_LINE: Final = regex(r" {0,3}(#{1,6}(\s|$)|\||<|=+\s*$|-+\s*$|([-*_] *){3,}$|\{%|\[[^\]]+\]:)|( {4}|\t)")
_BEGINS: Final = regex(r" *([-*+]|\d{1,9}[.)]|>)(\s|$)")
_WRAP: Final = regex(r"[ \t]?\n[ \t]*")
_WORD: Final = regex(f"[^ \t{NO_NEWLINE}]+|{NO_NEWLINE}")
_CODE_WORD: Final = regex(f"[^ \t{NO_NEWLINE}]+|{NO_NEWLINE}|[ \t]+")


class Block(Struct, frozen=True, kw_only=True):
    """The lines from ``start``, counted from 0. Blocks with the same ``key`` differ at most in how they are wrapped."""

    start: int
    lines: Sequence[str]
    key: tuple[str, str]
    is_prose: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.lines)


class Word(Struct, frozen=True, kw_only=True):
    """A word of a text: in which line it is, and where there."""

    text: str
    line: int
    start: int
    end: int


def is_prose(path: str) -> bool:
    """Whether a paragraph in this file may be wrapped anywhere without another meaning."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return (name[dot:].lower() if 0 < dot < len(name) - 1 else "") in _PROSE


def blocks(lines: Sequence[str], *, prose: bool) -> list[Block]:
    """The blocks of a text; of one that is not ``prose``, its lines."""
    if not prose:
        return [_line(number, line) for number, line in enumerate(lines)]
    return [*_prose(lines)]


def words(block: Block, *, spaces: bool) -> Iterator[Word]:
    """What is marked where it changes. With ``spaces`` a stretch of them is a word, too."""
    pattern = _CODE_WORD if spaces or not block.is_prose else _WORD
    for number, line in enumerate(block.lines, block.start):
        for found in pattern.finditer(line):
            yield Word(text=found[0], line=number, start=found.start(), end=found.end())


def _prose(lines: Sequence[str]) -> Iterator[Block]:
    start = 0
    for number, is_alone in enumerate(_alone(lines)):
        line = lines[number]
        goes_on = start < number and line.startswith(("    ", "\t"))
        own = is_alone or not line.strip(" \t") or bool(_OWN_LINE.match(line) and not goes_on)
        if start < number and (own or _BEGINS.match(line)):
            yield _paragraph(start, lines[start:number])
            start = number
        if own:
            yield _line(number, line)
        elif line.endswith(("  ", "\\")):  # a hard break
            yield _paragraph(start, lines[start : number + 1])
        else:
            continue
        start = number + 1
    if start < len(lines):
        yield _paragraph(start, lines[start:])


def _alone(lines: Sequence[str]) -> Iterator[bool]:
    """Whether each line is in a fenced block, or in the YAML that a text may begin with; the fences are, too."""
    fence = ""
    for number, line in enumerate(lines):
        if fence:
            yield True
            ends = line.strip(" \t")
            fence = "" if ends.startswith(fence) and not ends.strip(fence[0]) else fence
        else:
            mark = _FENCE.match(line)
            fence = mark[1] if mark else "---" if number == 0 and line == "---" else ""
            yield bool(fence)


def _line(number: int, line: str) -> Block:
    return Block(start=number, lines=(line,), key=("line", line))


def _paragraph(start: int, lines: Sequence[str]) -> Block:
    return Block(start=start, lines=lines, key=("paragraph", _WRAP.sub(" ", "\n".join(lines))), is_prose=True)
