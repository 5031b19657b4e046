"""What a command changes in the desired state: in place, and every other byte of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from msgspec import Struct

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError, UsageError
from reconciler.model.config import Json, JsonObject
from reconciler.model.inputs import Input
from reconciler.reconcile.inputs import writing_inputs


class Edit(Struct, frozen=True, kw_only=True):
    """One value of the file, before and after; what may be secret is masked. ``change`` tells null from no value."""

    key: str
    change: Literal["added", "changed", "removed"]
    before: Json = None
    after: Json = None

    def to_document(self) -> JsonObject:
        return {"key": self.key, "change": self.change, "before": self.before, "after": self.after}


class Edited(Struct, frozen=True, kw_only=True):
    """What changes in the file and in the lock. ``notes`` are for people."""

    file: Path
    edits: tuple[Edit, ...]
    inputs: tuple[Input, ...]
    stale: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return any(one.is_written for one in self.inputs)

    def to_document(self) -> JsonObject:
        return {
            "file": str(self.file),
            "changed": self.changed,
            "edits": [edit.to_document() for edit in self.edits],
            "lock": {"stale": [*self.stale]},
        }


def written(edited: Edited, *, dry_run: bool) -> Edited:
    """Write it, but for a ``dry_run``."""
    with writing_inputs(() if dry_run else edited.inputs):
        return edited


@contextmanager
def without_places(*, names_key: bool = False) -> Iterator[None]:
    """Errors name no line of the file: it would be one of the new text, which nobody has seen."""
    try:
        yield
    except LlamagateError as error:
        fault = error.faults[0] if error.faults else None
        key = f"{fault.path}: " if fault and fault.path and names_key else ""
        said = f"{key}{fault.message}" if fault else error.message
        raise type(error)(said, advice=error.advice, code=error.code) from error


def loaded_value(text: str, name: str, *, advice: str) -> Json:
    try:
        return yaml_text.load(text.encode(), name=name)
    except InputError as error:
        what = error.faults[0].message if error.faults else error.message
        raise UsageError(f"{name} is not YAML: {what}", advice=advice) from error
