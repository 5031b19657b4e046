"""How the cases of a package go now and went with an earlier package: for people, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted
from reconciler.host.against import Differing
from reconciler.model.config import JsonObject


class Comparison(Struct, frozen=True, kw_only=True):
    """One package: how many cases ran, and those that differ."""

    package: str
    cases: int
    differing: tuple[Differing, ...]


def comparisons_text(against: str, found: Sequence[Comparison], style: Style) -> str:
    """Each case that differs, with what does, and a line for each package."""
    return "\n".join(line for one in found for line in _comparison(against, one, style))


def _comparison(against: str, found: Comparison, style: Style) -> Iterator[str]:
    for one in found.differing:
        yield f"{style.paint('differs', 'yellow')}  {found.package}: {one.case.name}"
        for text in one.texts:
            first, *others = text.split("\n")
            yield f"    {first}"
            yield from (f"    {_painted(line, style)}" for line in others)
    what = f"{len(found.differing)} of {counted(found.cases, 'case')}" if found.differing else "no case"
    differ = "differ" if len(found.differing) > 1 else "differs"
    yield f"{found.package}: {what} {differ} from {against}."


def _painted(line: str, style: Style) -> str:
    colour = {"+": "green", "-": "red"}.get(line.strip()[:1], "")
    return style.paint(line, colour) if colour else line


def comparisons_document(against: str, found: Sequence[Comparison]) -> JsonObject:
    """The part of the document of ``--json``."""
    return {"ref": against, "packages": [_document(one) for one in found]}


def _document(found: Comparison) -> JsonObject:
    return {
        "package": found.package,
        "cases": found.cases,
        "differing": [
            {"name": one.case.name, "prompts": [*one.prompts], "output": one.output, "error": one.error}
            for one in found.differing
        ],
    }
