"""What ``check`` finds in a package, as warnings of the verbs that look at packages for other reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.codes import CheckCode, WarningCode
from reconciler.model.desired import CheckRule
from reconciler.model.ids import ItemKey
from reconciler.model.note import Note
from reconciler.packages.check.check import Known, check, subject
from reconciler.packages.check.finding import Finding, Severity
from reconciler.packages.check.rating import Rating
from reconciler.packages.content import OpenPackage

_NAMED: Final = 3
"""As many of one package are told; 'check' tells the others."""
_FOR_OPERATORS: Final = (CheckCode.OPEN_ENDPOINT, CheckCode.LOGGED_BODIES, CheckCode.UNSEEN_CHARACTER)
"""Warnings that people who install a package should know; the others are for its author."""


def check_notes(opened: OpenPackage, *, name: str, rules: Sequence[CheckRule] = ()) -> list[Note]:
    """The errors of the package that messages call ``name``, and what its operator should know."""
    manifest = opened.package.manifest
    key = ItemKey(manifest.kind, manifest.id)
    found = Rating(rules).of(check(subject(opened.content, name=name), Known()), manifest.id)
    told = [one for one in found if one.severity is Severity.ERROR or one.code in _FOR_OPERATORS]
    notes = [Note(WarningCode.CHECK, _words(one), key) for one in told[:_NAMED]]
    if len(told) > _NAMED:
        message = f"{manifest.id}: {len(told) - _NAMED} more; run 'llamagate check {name}'"
        notes.append(Note(WarningCode.CHECK, message, key))
    return notes


def _words(one: Finding) -> str:
    place = ":".join(str(part) for part in (one.file, one.line, one.column) if part is not None)
    return f"{place}: {one.code} {one.message}"
