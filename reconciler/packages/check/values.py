"""What the settings of a model and the arguments of a step hold: a number where one belongs, a text, a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import Json
from reconciler.packages.check.document import Document, mapping, rows, text_at
from reconciler.packages.check.found import Found, at_value
from reconciler.packages.steps import ARGUMENT_TYPES, MODEL_SETTINGS, STEP_KINDS

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "number": (int, float),
    "whole number": (int,),
    "text": (str,),
    "list": (list,),
    "text or list": (str, list),
}


def in_values(document: Document) -> Iterator[Found]:
    """The arguments of all steps, and what is said about the model."""
    value = document.value
    asks = False
    for index, step in rows(value, "steps"):
        uses = text_at(step, "uses")
        asks |= uses == "llm.chat"
        if kind := STEP_KINDS.get(uses):
            for key in ("with", "config"):
                yield from _wrong(document, ("steps", index, key), kind.takes)
    yield from _wrong(document, ("model",), ARGUMENT_TYPES)
    if asks:
        yield from _wrong(document, ("config",), MODEL_SETTINGS)
    if "task" in value:
        yield from _wrong(document, (), ("prompt", "rules"))


def _wrong(document: Document, path: Path, names: Iterable[str]) -> Iterator[Found]:
    given = mapping(document.value, *path)
    for name in names:
        wanted = ARGUMENT_TYPES.get(name, "")
        if name in given and wanted and not _fits(given[name], wanted):
            message = f"'{name}' is a {wanted}, not {_shown(given[name])}"
            yield at_value(document, CheckCode.WRONG_VALUE, (*path, name), message)


def _fits(value: Json, wanted: str) -> bool:
    """Nothing is as good as no entry, and what a placeholder gives is known only when it runs."""
    if value is None or (isinstance(value, str) and "{{" in value):
        return True
    return isinstance(value, _TYPES[wanted]) and not isinstance(value, bool)


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)
