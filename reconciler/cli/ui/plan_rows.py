"""The rows of a plan in words, for every format: how many of what, why, which versions, what departed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.documents.unseen import visible
from reconciler.model.ids import Kind
from reconciler.model.plan import Action, ActionKind, Change, Drift, Plan
from reconciler.planning.names import Name, names_among, names_in
from reconciler.planning.review import REPLACE, Marked, Part, Review

_VERSION_PAIRS: Final = 2
COUNTED: Final = {
    ActionKind.INSTALL: ("to install", "installed"),
    ActionKind.REMOVE: ("to remove", "removed"),
    ActionKind.UPDATE: ("to update", "updated"),
    ActionKind.DOWNGRADE: ("to downgrade", "downgraded"),
    ActionKind.ADOPT: ("to adopt", "adopted"),
    ActionKind.REPAIR: ("to repair", "repaired"),
    ActionKind.CONFIGURE: ("to reconfigure", "reconfigured"),
    ActionKind.ENABLE: ("to enable", "enabled"),
    ActionKind.DISABLE: ("to disable", "disabled"),
    REPLACE: ("to replace", "replaced"),
}
"""What follows the number of such actions, before and after."""


def tallies(found: Review, *, done: bool = False) -> str:
    """How many of what: ``2 to remove, 500 to update (all 1.0.0 → 1.1.0)``."""
    said = [f"{said} ({pairs})" if pairs else said for said, pairs in (tally(part, done=done) for part in found.parts)]
    return ", ".join(said) or ("registry rebuilt" if done else "registry to rebuild")


def tally(part: Part, *, done: bool = False) -> tuple[str, str]:
    """How many of what, and from which version to which if that is short: ``2 to update``, ``all 1.0.0 → 1.1.0``."""
    said = f"{part.count} {COUNTED[part.what][done]}"
    pairs = [(_pair(before, after), count) for (before, after), count in part.versions]
    if len(pairs) > _VERSION_PAIRS or not any(pair for pair, _ in pairs):
        return said, ""
    if len(pairs) == 1:
        return said, ("all " if part.count > 1 else "") + pairs[0][0]
    return said, ", ".join(
        f"{count} of them {pair}" if pair else f"{count} without a new version" for pair, count in pairs
    )


def _pair(before: str | None, after: str | None) -> str:
    return visible(f"{before} → {after}").text if before and after and before != after else ""


def named(row: Marked, name: Name) -> str:
    """The items of a row: a few by their names, many by their number."""
    ids = [*map(name, row.keys)]
    return ", ".join(ids) if len(ids) <= 3 else f"{len(ids)} items ({', '.join(ids[:3])} …)"


def refusal_rows(plan: Plan) -> list[str]:
    """Each refusal with its code."""
    name = names_in(plan)
    return [f"{name(refusal.key)}: {refusal.message} [{refusal.code}]" for refusal in plan.refusals]


def told_reasons(action: Action) -> list[str]:
    """The reasons, but for what the line of the item says already."""
    known = ("new in the home", f"version {action.from_version} → {action.to_version}")
    reasons = [visible(reason).text for reason in action.reasons if reason not in known]
    return [*reasons, *(f"signed by {visible(one).text}" for one in action.signed_by)]


def versions(action: Action) -> str:
    """From which version to which."""
    found = [visible(version).text for version in (action.from_version, action.to_version) if version]
    return " → ".join(dict.fromkeys(found))


def drift_rows(drift: Sequence[Drift], name: Name | None = None) -> list[str]:
    """Each departure in words: ``foo: manifest.yaml was changed by hand``."""
    name = name or names_among(row.key for row in drift)
    return [_drift_row(row, name(row.key)) for row in drift]


def _drift_row(row: Drift, name: str) -> str:
    path = visible(row.path).text
    if row.change is Change.REGISTRY:
        return f"{name}: its entry in {path} is missing or wrong"
    words = {
        Change.EDITED: "was changed by hand",
        Change.MISSING: "is missing",
        Change.REPLACED: "was replaced by a link or another kind of file",
        Change.OTHER_VERSION: "has another version, which another tool installed",
    }
    whole = "its entry in the gateway's file" if row.key.kind is Kind.MCP_SERVER else "its folder"
    is_whole = row.path == "." or row.key.kind is Kind.MCP_SERVER
    return f"{name}: {whole if is_whole else path} {words[row.change]}"
