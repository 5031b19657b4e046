"""How items are named where a line has no kind: by the id, and by the kind too where two kinds have one id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from reconciler.model.ids import ItemKey
from reconciler.model.plan import Plan

Name: TypeAlias = Callable[[ItemKey], str]


def names_among(keys: Iterable[ItemKey]) -> Name:
    """A function that names each of ``keys`` so that it cannot be taken for another."""
    kinds: dict[str, set[str]] = {}
    for key in keys:
        kinds.setdefault(key.id, set()).add(key.kind)

    def name(key: ItemKey) -> str:
        return f"{key.id} ({key.kind})" if len(kinds.get(key.id, ())) > 1 else key.id

    return name


def names_in(plan: Plan) -> Name:
    """``names_among`` all that the plan speaks of."""
    noted = (note.key for note in plan.warnings if note.key)
    in_rows = ([row.key for row in plan.drift], [row.key for row in plan.refusals])
    return names_among([*(action.key for action in plan.actions), *in_rows[0], *in_rows[1], *noted])
