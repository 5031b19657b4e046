"""A plan as a page for people: what, why, and what changes inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from reconciler.cli.ui.diff import Detail, DiffRows
from reconciler.cli.ui.style import PLAIN, Style
from reconciler.cli.ui.words import counted
from reconciler.model.note import notes_once
from reconciler.model.plan import Action, ActionKind, Change, Drift, Plan

_INDENT: Final = " " * 6

_LOOKS: Final = {
    ActionKind.INSTALL: ("+", "green"),
    ActionKind.REMOVE: ("-", "red"),
    ActionKind.UPDATE: ("~", "yellow"),
    ActionKind.DOWNGRADE: ("~", "red"),
    ActionKind.ADOPT: ("=", "cyan"),
    ActionKind.REPAIR: ("!", "yellow"),
    ActionKind.CONFIGURE: ("~", "yellow"),
    ActionKind.ENABLE: ("~", "green"),
    ActionKind.DISABLE: ("~", "yellow"),
}

_COUNTED: Final = {
    ActionKind.INSTALL: ("to install", "installed"),
    ActionKind.REMOVE: ("to remove", "removed"),
    ActionKind.UPDATE: ("to update", "updated"),
    ActionKind.DOWNGRADE: ("to downgrade", "downgraded"),
    ActionKind.ADOPT: ("to adopt", "adopted"),
    ActionKind.REPAIR: ("to repair", "repaired"),
    ActionKind.CONFIGURE: ("to reconfigure", "reconfigured"),
    ActionKind.ENABLE: ("to enable", "enabled"),
    ActionKind.DISABLE: ("to disable", "disabled"),
}
"""What follows the number of such actions, before and after."""


class Wording(Struct, frozen=True, kw_only=True):
    """How a plan that is only shown speaks, and what the last line says where nothing changes."""

    nothing: str = "No changes: everything is as the file says"
    would: str = ""
    summary: str = "Plan: {}. Run 'llamagate apply' to do it."


FOR_A_FILE: Final = Wording()
FOR_A_COMMAND: Final = Wording(
    nothing="Nothing to do", would="would ", summary="Dry run: {}. Run it without --dry-run to do it."
)


def render_plan(
    plan: Plan,
    style: Style = PLAIN,
    *,
    done: bool = False,
    wording: Wording = FOR_A_FILE,
    detail: Detail = Detail.SHORT,
) -> str:
    """The whole plan. ``done``: it has been carried out, and the last line says so."""
    parts = [
        "\n".join(_actions(plan.actions, style, "" if done else wording.would, detail)),
        _section("Drift that was found" if done else "Drift", [drift_row(row) for row in plan.drift], "yellow", style),
        "" if done else _section("Lock", _stale_beside_the_actions(plan), "yellow", style),
        render_refusals(plan, style),
        _section("Warnings", notes_once(plan.warnings), "yellow", style),
        style.paint(_summary(plan, wording, done=done), "bold"),
    ]
    return "\n\n".join(part for part in parts if part)


def render_refusals(plan: Plan, style: Style = PLAIN) -> str:
    """Why the plan is not applied."""
    return _section(
        "Refused", [f"{refusal.key.id}: {refusal.message} [{refusal.code}]" for refusal in plan.refusals], "red", style
    )


def _stale_beside_the_actions(plan: Plan) -> list[str]:
    """What of the lock is out of date, but for the items that change anyhow: each row begins with an id."""
    changing = {action.key.id for action in plan.actions}
    return [row for row in plan.stale if row.partition(":")[0] not in changing]


def _actions(actions: Sequence[Action], style: Style, would: str, detail: Detail) -> Iterator[str]:
    width = max((len(action.key.id) for action in actions), default=0)
    diffs = DiffRows(detail, style)
    for action in actions:
        head = f"{would}{action.action:<9}  {action.key.id:<{width}}  {_versions(action):<16} {action.key.kind}"
        yield from _action(action, style, diffs, head)


def _action(action: Action, style: Style, diffs: DiffRows, head: str) -> Iterator[str]:
    sign, colour = _LOOKS[action.action]
    yield f"  {style.paint(f'{sign} {head}', colour)}"
    for reason in action.reasons:
        yield f"{_INDENT}{style.paint(reason, 'dim')}"
    yield from (f"{_INDENT}{line}".rstrip(" ") for line in diffs.rows(action.diff))


def _versions(action: Action) -> str:
    versions = [version for version in (action.from_version, action.to_version) if version]
    return " → ".join(dict.fromkeys(versions))


def drift_row(row: Drift) -> str:
    """One departure in words: ``foo: manifest.yaml was changed by hand``."""
    if row.change is Change.REGISTRY:
        return f"{row.key.id}: its entry in {row.path} is missing or wrong"
    words = {
        Change.EDITED: "was changed by hand",
        Change.MISSING: "is missing",
        Change.REPLACED: "was replaced by a link or another kind of file",
        Change.OTHER_VERSION: "has another version, which another tool installed",
    }
    return f"{row.key.id}: {'its folder' if row.path == '.' else row.path} {words[row.change]}"


def _section(title: str, rows: list[str], colour: str, style: Style) -> str:
    if not rows:
        return ""
    return "\n".join([style.paint(title, colour), *(f"  {row}" for row in rows)])


def _summary(plan: Plan, wording: Wording, *, done: bool) -> str:
    if plan.refusals:
        return f"Nothing was changed: {counted(len(plan.refusals), 'refusal')} in the plan."
    if not plan.changes:
        if plan.stale and not done:
            return f"No changes but to the lock (generation {plan.generation}). Run 'llamagate apply' to update it."
        if plan.drift:
            is_other = all(row.change is Change.OTHER_VERSION for row in plan.drift)
            kept = "what another tool installed was kept" if is_other else "files changed by hand were kept"
            return f"No changes: {kept} (generation {plan.generation})."
        return f"{wording.nothing} (generation {plan.generation})."
    counts = Counter(action.action for action in plan.actions)
    words = ", ".join(f"{counts[kind]} {_COUNTED[kind][done]}" for kind in ActionKind if counts[kind])
    if done:
        return f"Applied as generation {plan.generation + 1}: {words or 'registry rebuilt'}."
    return wording.summary.format(words or "registry to rebuild")
