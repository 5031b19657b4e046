"""Which files of a package may be run, as documents have it: ``exec``, sorted paths beside the tree."""

from __future__ import annotations

from typing import cast

from reconciler.model.config import JsonObject


def executables_from_document(value: JsonObject) -> frozenset[str] | None:
    """The key ``exec`` of an item, which may be lost; ``None`` where it is not there."""
    return frozenset(cast("list[str]", value["exec"])) if "exec" in value else None


def executables_to_document(executables: frozenset[str] | None) -> JsonObject:
    return {} if executables is None else {"exec": [*sorted(executables)]}
