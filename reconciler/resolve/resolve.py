"""Resolve: what each item of the file stands for now, or everything that is wrong with any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import Fault, LlamagateError, LockStaleError, UnreachableError
from reconciler.model.desired import DesiredItem, section_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import LockItem
from reconciler.model.record import Record
from reconciler.resolve.here import resolve, resolve_locked
from reconciler.resolve.pins import deciding, undecided
from reconciler.resolve.resolved import Resolved
from reconciler.sources.context import SourceContext
from reconciler.store.desired_file import DesiredFile, lock_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """How items are resolved.

    ``lock`` holds the entries that may decide which package a pinned source is; with ``locked`` nothing else may.
    ``only`` names the items to resolve, with what they depend on; empty is all. Those in ``skip`` are left out.
    """

    reach: SourceContext
    record: Record
    lock: Mapping[ItemKey, LockItem] = field(default_factory=dict)
    locked: bool = False
    only: frozenset[str] = frozenset()
    skip: frozenset[ItemKey] = frozenset()
    progress: Progress = no_progress


@dataclass(slots=True)
class Outcomes:
    """What became of each item."""

    found: dict[ItemKey, Resolved] = field(default_factory=dict)
    errors: dict[ItemKey, LlamagateError] = field(default_factory=dict)


def reach_of(env: Environment, file: DesiredFile) -> SourceContext:
    """What the sources of ``file`` are reached with."""
    policy = file.desired.policy
    return SourceContext(
        home=Home(env.home),
        base=file.path.absolute().parent,
        variables=env.variables,
        rules=policy.sources,
        limits=policy.limits,
        offline=env.offline,
    )


def resolve_items(file: DesiredFile, how: Resolving) -> dict[ItemKey, Resolved]:
    """Resolve the items in scope; no other source is looked at.

    The error of one item that cannot be used, or one error with the faults of all of them. ``LockStaleError`` where
    only the lock may decide, and it does not.
    """
    outcomes = Outcomes()
    for wave in _waves(file, how, outcomes):
        if how.locked and (reasons := undecided(wave, how.lock)):
            raise LockStaleError(f"{lock_path(file.path)} does not fit: " + "; ".join(reasons))
        _resolve_wave(file, wave, how, outcomes)
    how.progress("reading", len(outcomes.found), len(outcomes.found))
    if outcomes.errors:
        raise together(file, outcomes.errors)
    return outcomes.found


def _waves(file: DesiredFile, how: Resolving, outcomes: Outcomes) -> Iterator[list[DesiredItem]]:
    """The items in scope. What a module requires is known only once it was resolved, so this runs along."""
    listed = [item for item in file.desired.items if item.key not in how.skip]
    if not how.only:
        yield listed
        return
    waiting = {item.key.id: item for item in listed}
    names: set[str] = set(how.only)
    while wave := [waiting.pop(name) for name in sorted(names) if name in waiting]:
        yield wave
        names = {name for item in wave for name in _needs(item, outcomes.found.get(item.key))}


def _needs(item: DesiredItem, resolved: Resolved | None) -> tuple[str, ...]:
    return (*item.depends_on, *(resolved.manifest.requires if resolved else ()))


def _resolve_wave(file: DesiredFile, wave: list[DesiredItem], how: Resolving, outcomes: Outcomes) -> None:
    to_fetch: list[tuple[DesiredItem, LockItem | None]] = []
    for done, item in enumerate(wave):
        how.progress("reading", done, len(wave))
        try:
            resolved = _resolved_here(file, item, how)
        except LlamagateError as error:
            outcomes.errors[item.key] = error
            continue
        if resolved is not None:
            outcomes.found[item.key] = resolved
        else:
            to_fetch.append((item, deciding(item, how.lock)))
    if to_fetch and not outcomes.errors:  # what is wrong here is said before anyone waits for others
        from reconciler.resolve.fetch import fetch_all  # the clients take time to load

        found, errors = fetch_all(to_fetch, how.reach, how.progress)
        outcomes.found |= found
        outcomes.errors |= errors


def _resolved_here(file: DesiredFile, item: DesiredItem, how: Resolving) -> Resolved | None:
    """What the item stands for; ``None`` where someone else must be asked."""
    recorded = how.record.items.get(item.key)
    if not item.source.is_pinned:
        return resolve(item, how.reach, recorded, fits=file.is_known)
    entry = deciding(item, how.lock)
    return resolve_locked(item, entry, how.reach, recorded, fits=file.is_known) if entry else None


def together(file: DesiredFile, errors: Mapping[ItemKey, LlamagateError]) -> LlamagateError:
    """One error for all. That trying again may help is only said where nothing else is wrong."""
    faults: list[Fault] = []
    ordered = [(item.key, errors[item.key]) for item in file.desired.items if item.key in errors]
    for key, error in ordered:
        faults.append(file.fault((section_of(key.kind), key.id), error.message))
        faults += [fault for fault in error.faults if fault.line or fault.message not in error.message]
    worst = [error for _, error in ordered if not isinstance(error, UnreachableError)]
    first = (worst or [error for _, error in ordered])[0]
    message = str(faults[0]) if len(errors) == 1 else f"{file.path}: {len(errors)} items cannot be used"
    return type(first)(message, faults=faults, advice=first.advice)
