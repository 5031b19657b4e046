"""Which files of a package may be run, as documents have it: sorted paths beside the tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from reconciler.model.config import JsonObject


def executables_from_document(value: JsonObject) -> frozenset[str] | None:
    """The key ``exec`` of an item, which may be lost; ``None`` where it is not there."""
    return frozenset(cast("list[str]", value["exec"])) if "exec" in value else None


def executables_to_document(executables: frozenset[str] | None) -> JsonObject:
    return {} if executables is None else {"exec": [*sorted(executables)]}


def in_order(executables: Iterable[str] | None) -> tuple[str, ...] | None:
    """As a value of a document, which has one form."""
    return None if executables is None else tuple(sorted(executables))


def as_set(paths: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if paths is None else frozenset(paths)
