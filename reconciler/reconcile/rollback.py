"""Rollback: the list of an earlier generation, again. Packages come from the cache, so no source is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InputError, LlamagateError
from reconciler.fs import tree
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation, GenerationItem
from reconciler.model.ids import ItemKey
from reconciler.observe.kept import backups_of
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.intent import Target
from reconciler.planning.intents import as_recorded, to_roll_back
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.proposal import Carried, Proposal
from reconciler.reconcile.propose import Parts, planned
from reconciler.reconcile.target import target_for, unset_variables
from reconciler.resolve.cache import open_cached
from reconciler.resolve.resolved import Resolved, recorded_as_resolved, resolved_as
from reconciler.store.state_files import read_generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What is asked for. ``to`` is ``None`` for the list before the one in force."""

    to: int | None = None
    overwrite: bool = False


def propose_return(env: Environment, file: Path, number: int, inputs: Mapping[str, Digest]) -> Proposal | None:
    """Plan to go back to generation ``number`` because of the gateway; ``None`` where that cannot be done.

    The hold is set against ``inputs``: those that brought what the gateway does not serve.
    """
    try:
        proposal = propose_rollback(env, file, Rollback(to=number))
    except LlamagateError:
        return None
    reason = f"the gateway did not serve generation {proposal.record.generation}; generation {number} was brought back"
    return replace(proposal, intent=replace(proposal.intent, hold=reason, hold_inputs=inputs))


def propose_rollback(env: Environment, file: Path, asked: Rollback) -> Proposal:
    """Plan it. ``InputError`` where the generation, or a package of it, is no longer kept."""
    state = read_home_state(env, file)
    generation = read_generation(state.home, asked.to) if asked.to is not None else _before(state)
    resolved: dict[ItemKey, Resolved] = {}
    wanted = [_wanted(state, item, generation.list_of, resolved) for item in generation.items.values()]
    intent = to_roll_back(
        state.base_intent(), wanted, state.record, number=generation.list_of, overwrite=asked.overwrite
    )
    carried = {one.key: found for one in wanted if (found := _carried(state, one))}
    return planned(state, intent, Parts(resolved=resolved, carried=carried, list_of=generation.list_of))


def _before(state: HomeState) -> Generation:
    """The list before the one in force: repairs make generations too, and they change no list."""
    if state.record.generation == 0:
        raise InputError("nothing was applied here yet, so that there is nothing to go back to")
    in_force = read_generation(state.home, state.record.generation)
    for number in range(in_force.list_of - 1, 0, -1):
        earlier = read_generation(state.home, number)
        if earlier.list != in_force.list:
            return earlier
    raise InputError(f"generation {in_force.list_of} is in force, and there was none before it")


def _wanted(state: HomeState, item: GenerationItem, number: int, resolved: dict[ItemKey, Resolved]) -> Target:
    recorded = state.record.items.get(item.key)
    if recorded and (recorded.tree, recorded.config) == (item.tree, item.config):
        resolved[item.key] = recorded_as_resolved(recorded)
        same = as_recorded(recorded, enabled=item.enabled)
        return replace(same, owner=item.owner, depends_on=item.depends_on)
    missing = unset_variables(state.env, item.config)
    if missing:
        message = f"{item.key.id} was configured with the environment variable {missing[0][1]}, which is not set"
        raise InputError(message, advice="set it and run the command again")
    found = cached(state, item)
    if found is None:
        what = f"{item.key.id} {item.version}, whose package in the cache is missing or damaged"
        advice = f"import it again (it came from {item.source}), or go back to another generation"
        raise InputError(f"generation {number} needs {what}", advice=advice)
    resolved[item.key] = found
    return target_for(
        state.env,
        found,
        recorded=None,
        limits=state.policy.limits,
        owner=item.owner,
        config=item.config,
        enabled=item.enabled,
        depends_on=item.depends_on,
    )


def cached(state: HomeState, item: GenerationItem) -> Resolved | None:
    """The package of a generation's item, if it is kept."""
    opened = open_cached(item.tree, state.home, state.policy.limits, name=item.key.id)
    return None if opened is None else replace(resolved_as(item.source, opened, name=item.key.id), key=item.key)


def _carried(state: HomeState, wanted: Target) -> Carried | None:
    """Where the local files of an item come from that is gone: its newest backup, but for what the package brought."""
    if wanted.key in state.present:
        return None
    number = max(backups_of(state.home, wanted.key), default=None)
    if number is None:
        return None
    folder = state.home.backup(wanted.key, number)
    is_mutable = mutable_matcher(state.policy.mutable)
    there = {node.path for node in tree.walk(folder) if node.kind is tree.NodeKind.FILE}
    keep = frozenset(path for path in wanted.files if path in there and is_mutable(path))
    brought = frozenset(wanted.files) | _package_paths(state, wanted.key, number - 1)
    return Carried(folder=folder, brought=frozenset(path for path in brought - keep if not is_mutable(path)), keep=keep)


def _package_paths(state: HomeState, key: ItemKey, number: int) -> frozenset[str]:
    """The files that the item's package brought in generation ``number``; none where that is no longer known."""
    try:
        item = read_generation(state.home, number).items.get(key)
    except InputError:
        return frozenset()
    found = cached(state, item) if item else None
    if found is None or found.opened is None:
        return frozenset()
    return frozenset((*found.opened.package.hashes, found.manifest.installed_definition))
