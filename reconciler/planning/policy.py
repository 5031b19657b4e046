"""What must not be done: each function gives the refusals of one rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed, ObservedItem, Presence
from reconciler.model.plan import Refusal
from reconciler.model.record import Record, RecordItem
from reconciler.planning.intent import Intent, Wanted
from reconciler.planning.order import dependency_cycle

PRUNE_GUARD_FROM: Final = 3
"""Removals of one pass below which the prune guard does not look."""


def ownership(
    key: ItemKey, recorded: RecordItem | None, found: ObservedItem, intent: Intent, *, same: bool
) -> Refusal | None:
    """Something that is not this owner's stands in the way; unless it is already ``same`` as what would be written."""
    if intent.allowances.takes_over(key.id) or (recorded and recorded.owner == intent.owner):
        return None
    advice = f"'apply --take-over {key.id}' replaces it after a backup"
    if recorded and recorded.owner is not None:
        return Refusal(key=key, code="unowned", message=f"it belongs to the owner '{recorded.owner}'; {advice}")
    if same or (recorded is None and found.presence is Presence.ABSENT):
        return None
    what = "a command brought it" if recorded else "it was installed by something else, and its files differ"
    return Refusal(key=key, code="unowned", message=f"{what}; {advice}")


def other_kind(intent: Intent, record: Record, observed: Observed) -> Iterable[Refusal]:
    """One id is one item, whatever its kind and case: gateways and some file systems keep only one."""
    new = [key for key in intent.wanted if key not in record.items]
    if not new:
        return
    taken: dict[str, set[ItemKey]] = {}
    for key in (*observed.present, *record.items, *(entry.key for entry in observed.registry.entries.values())):
        taken.setdefault(key.id.casefold(), set()).add(key)
    for key in new:
        others = taken.get(key.id.casefold(), set()) - {key}
        if others:
            message = f"an {min(others)} is installed, and one id can name only one item; remove or rename one of them"
            yield Refusal(key=key, code="other-kind", message=message)


def builtin(wanted: Wanted, intent: Intent) -> Refusal | None:
    if not wanted.manifest.builtin or wanted.key.id in intent.policy.allow_builtin:
        return None
    message = "its manifest says 'builtin: true': the gateway forces it on and cannot unload it"
    return Refusal(
        key=wanted.key, code="builtin", message=f"{message}; list it under policy.allow_builtin if you want that"
    )


def not_loadable(wanted: Wanted, intent: Intent) -> Refusal | None:
    if wanted.manifest.loadable or not intent.reload_required:
        return None
    message = "this gateway cannot load a package in the task dialect, and gateway.reload is 'required'"
    return Refusal(key=wanted.key, code="not-loadable", message=message)


def dependencies(
    intent: Intent,
    graph: Mapping[ItemKey, Collection[ItemKey]],
    installed: Collection[ItemKey],
    removed: Collection[ItemKey],
) -> Iterable[Refusal]:
    """Each ``depends_on`` must be desired or installed, and there must be no cycle."""
    there = {key.id for key in [*intent.wanted, *installed] if key not in removed}
    for key, wanted in intent.wanted.items():
        for need in wanted.depends_on:
            if need not in there:
                message = f"it depends on '{need}', which is neither in the file nor installed"
                yield Refusal(key=key, code="unknown-dependency", message=message)
    cycle = dependency_cycle(graph)
    if cycle:
        path = " → ".join(key.id for key in cycle)
        yield Refusal(key=cycle[0], code="cycle", message=f"its dependencies form a circle: {path}")


def prune_guard(intent: Intent, owned: int, removals: list[ItemKey]) -> Refusal | None:
    """A file that lost most of its items is more often a mistake than a wish."""
    if intent.allowances.prune or len(removals) < PRUNE_GUARD_FROM:
        return None
    if len(removals) * 100 <= intent.policy.max_prune * owned:
        return None
    names = ", ".join(key.id for key in removals[:3]) + (", …" if len(removals) > PRUNE_GUARD_FROM else "")
    message = (
        f"{len(removals)} of {owned} owned items ({names}) would be removed, more than policy.max_prune "
        f"({intent.policy.max_prune}%); --allow-prune permits it"
    )
    return Refusal(key=removals[0], code="prune-guard", message=message)


def other_file(intent: Intent, record: Record, removals: list[ItemKey]) -> Refusal | None:
    """Two files that both leave the owner out must not remove each other's items."""
    before = record.owners.get(intent.owner)
    if (
        not removals
        or not intent.owner_is_implicit
        or before in (None, intent.file)
        or intent.allowances.take_over is None
    ):
        return None
    message = (
        f"it would be removed, but {before} installed it; give each file its own 'owner:', "
        "or --take-over-all if this file replaces that one"
    )
    return Refusal(key=removals[0], code="other-file", message=message)
