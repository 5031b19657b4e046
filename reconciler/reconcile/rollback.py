"""Bring back the list of an earlier generation. Packages come from the cache, so no source is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.fs import tree
from reconciler.model.config import same
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation, GenerationItem
from reconciler.model.ids import ItemKey
from reconciler.model.record import RecordItem
from reconciler.model.servers import ServerItem
from reconciler.observe.kept import backups_of
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.intent import Pause, ServerTarget, Target
from reconciler.planning.intents import as_recorded, to_roll_back
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.proposal import Carried, Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.reconcile.target import check_filled, server_target, target_for
from reconciler.reconcile.trusted import revoked_problems
from reconciler.resolve.resolved import Resolved, package_as_resolved, recorded_as_resolved
from reconciler.store.state_files import read_generation

_NOTHING: Final = Generation(number=0, list_of=0, applied_at="", command="", items={})
"""The list before the first change."""


class Return(Struct, frozen=True, kw_only=True):
    """A way back to generation ``number``, 0 for nothing at all, which nobody asks for at the time.

    The hold is set against ``inputs``, those that brought what is to go; ``why`` begins its reason.
    """

    number: int
    why: str
    inputs: Mapping[str, Digest]
    overwrite: bool = False


def propose_return(env: Environment, file: Path, asked: Return) -> Proposal | None:
    """Plan to go back; ``None`` where that cannot be done."""
    try:
        state = read_home_state(env, file)
        generation = read_generation(state.home, asked.number) if asked.number else _NOTHING
        proposal = propose_generation(state, generation, overwrite=asked.overwrite)
    except LlamagateError:
        return None
    reason = f"{asked.why}; generation {asked.number} was brought back"
    return replace(proposal, intent=replace(proposal.intent, pause=Pause(reason=reason, inputs=asked.inputs)))


def propose_generation(state: HomeState, generation: Generation, *, overwrite: bool) -> Proposal:
    """Plan to bring back its list. ``InputError`` where a package of it is no longer kept."""
    number = generation.list_of
    listed = [_listed(state, item, number) for item in generation.items.values()]
    targets = [target for _, target in listed]
    servers = [_listed_server(state, item) for item in generation.servers.values()]
    base = intent_of_command(state)
    intent = to_roll_back(base, targets, state.record, number=number, overwrite=overwrite, servers=servers)
    parts = Parts(
        resolved={found.key: found for found, _ in listed},
        carried={target.key: carried for target in targets if (carried := _carried(state, target))},
        list_of=number or None,
        refused=revoked_problems(
            state, {item.key: item.signers for item in generation.items.values() if _returns(state, item)}
        ),
    )
    return propose_intent(state, intent, parts)


def _listed(state: HomeState, item: GenerationItem, number: int) -> tuple[Resolved, Target]:
    recorded = state.record.items.get(item.key)
    if recorded and _is_as_recorded(recorded, item):
        found, target = recorded_as_resolved(recorded), as_recorded(recorded)
    else:
        check_filled(state, item.key, item.config)
        kept = kept_package(state, item)
        if kept is None:
            what = f"{item.key.id} {item.version}, whose package in the cache is missing or damaged"
            advice = f"import it again (it came from {item.source}), or go back to another generation"
            raise InputError(f"generation {number} needs {what}", advice=advice, code=ErrorCode.NOT_FOUND)
        found, target = kept, target_for(state, kept, item.config)
    return found, replace(
        target, owner=item.owner, enabled=item.enabled, depends_on=item.depends_on, signers=item.signers
    )


def _listed_server(state: HomeState, item: ServerItem) -> ServerTarget:
    """A tool server of a generation. What is there as it was needs no variable."""
    recorded, found = state.record.servers.get(item.key), state.gateway_file.get(item.key)
    is_as_recorded = recorded is not None and same(recorded.settings, item.settings)
    if recorded and found and is_as_recorded and found.digest == recorded.entry:
        settings, entry = recorded.settings, recorded.entry
        target = ServerTarget(key=item.key, owner=None, settings=settings, filled=found.settings, entry=entry)
    else:
        check_filled(state, item.key, item.settings)
        target = server_target(state, item.key, item.settings)
    return replace(target, owner=item.owner, enabled=item.enabled)


def kept_package(state: HomeState, item: GenerationItem) -> Resolved | None:
    """The package of a generation's item; ``None`` where the cache does not have it."""
    opened = state.store.find_kept(item.tree, name=item.key.id)
    if opened is None:
        return None
    found = package_as_resolved(opened.package, item.source, name=item.key.id, key=item.key)
    return found if item.executables is None else replace(found, executables=item.executables)


def _returns(state: HomeState, item: GenerationItem) -> bool:
    """Whether going back brings it; what is installed as it was stays, also where nobody signed it."""
    recorded = state.record.items.get(item.key)
    return recorded is None or recorded.tree != item.tree


def _is_as_recorded(recorded: RecordItem, item: GenerationItem) -> bool:
    same = (recorded.tree, recorded.config) == (item.tree, item.config)
    return same and item.executables in (None, recorded.executables)


def _carried(state: HomeState, target: Target) -> Carried | None:
    """The local files of an item that is gone: those in its newest backup that the package did not bring."""
    if target.key in state.present:
        return None
    number = max(backups_of(state.home, target.key), default=None)
    if number is None:
        return None
    folder = state.home.backup(target.key, number)
    is_mutable = mutable_matcher(state.policy.mutable)
    there = {node.path for node in tree.walk(folder) if node.kind is tree.NodeKind.FILE}
    keep = frozenset(path for path in target.files if path in there and is_mutable(path))
    brought = frozenset(target.files) | _package_paths(state, target.key, number - 1)
    return Carried(folder=folder, brought=frozenset(path for path in brought - keep if not is_mutable(path)), keep=keep)


def _package_paths(state: HomeState, key: ItemKey, number: int) -> frozenset[str]:
    """The files that the item's package brought in generation ``number``; none where that is no longer known."""
    try:
        item = read_generation(state.home, number).items.get(key)
    except InputError:
        return frozenset()
    opened = state.store.find(item.tree, name=key.id) if item else None
    if opened is None:
        return frozenset()
    return frozenset((*opened.package.hashes, opened.package.manifest.installed_definition))
