"""What the page is told, as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action, Plan
from reconciler.planning.names import Name, names_among, names_in
from reconciler.planning.review import review, what_happens
from reconciler.queries.diff import Diff, DiffItem
from reconciler.queries.status import Status


def overview_document(status: Status) -> JsonObject:
    """How the home is: the document of ``status``, with what ``list`` shows of each item."""
    items: list[Json] = [{**item.to_document(), "state": item.state, "source": item.source} for item in status.items]
    document = status.to_document()
    named(cast(list[JsonObject], document["drift"]), names_among(item.key for item in status.items))
    return {**document, "has_file": status.has_file, "refused": status.refused, "items": items}


def plan_document(plan: Plan) -> JsonObject:
    """A plan as a reviewer reads it, without the lines of its diffs: those are asked for one item at a time."""
    found, name = review(plan), names_in(plan)
    parts: list[Json] = [
        {
            "what": part.what,
            "count": part.count,
            "items": [_action(one) for change in part.changes for one in change.actions],
        }
        for part in found.parts
    ]
    marked: list[Json] = [
        {"code": str(row.code), "message": row.message, "ids": [name(key) for key in row.keys]} for row in found.marked
    ]
    whole = plan.to_document()
    kept = {name: whole[name] for name in ("generation", "lock", "drift", "refusals", "warnings")}
    for rows in (kept["drift"], kept["refusals"], kept["warnings"]):
        named(cast(list[JsonObject], rows), name)
    return {**kept, "digest": str(found.digest), "parts": parts, "marked": marked}


def named(rows: Iterable[JsonObject], name: Name) -> None:
    """Say in each row how its item is called beside the others, where it is about one."""
    for row in rows:
        if row.get("id"):
            row["name"] = name(ItemKey.from_document(row))


def comparison_document(diff: Diff) -> JsonObject:
    """A comparison of two generations, without the lines."""
    whole = diff.to_document()
    return {"from": whole["from"], "to": whole["to"], "items": [_diff_item(item) for item in diff.items]}


def diff_of(items: Iterable[Action] | Iterable[DiffItem], key: ItemKey) -> JsonObject:
    """What changes inside one item, line by line; nothing where the item is not among them."""
    return next((item.diff for item in items if item.key == key), {})


def _action(action: Action) -> JsonObject:
    marks: list[Json] = [{"code": str(mark.code), "message": mark.message} for mark in action.marks]
    return {
        **action.key.to_document(),
        "what": what_happens(action),
        "from_version": action.from_version,
        "to_version": action.to_version,
        "reasons": [*action.reasons],
        "marks": marks,
        "files": _files(action.diff),
    }


def _diff_item(item: DiffItem) -> JsonObject:
    return {**item.to_document(), "what": item.change, "marks": [], "files": _files(item.diff), "diff": None}


def _files(diff: JsonObject) -> list[Json]:
    """Of each file how many lines, not which."""
    files = cast(list[dict[str, Any]], diff.get("files", []))
    return [{key: value for key, value in file.items() if key != "hunks"} for file in files]
