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
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.intent import Wanted
from reconciler.planning.verbs import as_recorded, to_roll_back
from reconciler.reconcile.backups import backups_of
from reconciler.reconcile.looking import Carried, Looked
from reconciler.reconcile.scene import Parts, Scene, planned, read_scene
from reconciler.reconcile.wanting import unset_variables, wanted_as
from reconciler.sources.cached import open_cached
from reconciler.sources.resolved import Resolved, recorded_as_resolved, resolved_as
from reconciler.store.state_files import read_generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What is asked for. ``to`` is ``None`` for the list before the one in force."""

    to: int | None = None
    overwrite: bool = False


def look_back(env: Environment, file: Path, number: int, inputs: Mapping[str, Digest]) -> Looked | None:
    """Plan to go back to generation ``number`` because of the gateway; ``None`` where that cannot be done.

    The hold is set against ``inputs``: those that brought what the gateway does not serve.
    """
    try:
        looked = look_at_rollback(env, file, Rollback(to=number))
    except LlamagateError:
        return None
    reason = f"the gateway did not serve generation {looked.record.generation}; generation {number} was brought back"
    return replace(looked, intent=replace(looked.intent, hold=reason, hold_inputs=inputs))


def look_at_rollback(env: Environment, file: Path, asked: Rollback) -> Looked:
    """Plan it. ``InputError`` where the generation, or a package of it, is no longer kept."""
    scene = read_scene(env, file)
    generation = read_generation(scene.home, asked.to) if asked.to is not None else _before(scene)
    resolved: dict[ItemKey, Resolved] = {}
    wanted = [_wanted(scene, item, generation.list_of, resolved) for item in generation.items.values()]
    intent = to_roll_back(
        scene.base_intent(), wanted, scene.record, number=generation.list_of, overwrite=asked.overwrite
    )
    carried = {one.key: found for one in wanted if (found := _carried(scene, one))}
    return planned(scene, intent, Parts(resolved=resolved, carried=carried, list_of=generation.list_of))


def _before(scene: Scene) -> Generation:
    """The list before the one in force: repairs make generations too, and they change no list."""
    if scene.record.generation == 0:
        raise InputError("nothing was applied here yet, so that there is nothing to go back to")
    in_force = read_generation(scene.home, scene.record.generation)
    for number in range(in_force.list_of - 1, 0, -1):
        earlier = read_generation(scene.home, number)
        if earlier.list != in_force.list:
            return earlier
    raise InputError(f"generation {in_force.list_of} is in force, and there was none before it")


def _wanted(scene: Scene, item: GenerationItem, number: int, resolved: dict[ItemKey, Resolved]) -> Wanted:
    recorded = scene.record.items.get(item.key)
    if recorded and (recorded.tree, recorded.config) == (item.tree, item.config):
        resolved[item.key] = recorded_as_resolved(recorded)
        same = as_recorded(recorded, enabled=item.enabled)
        return replace(same, owner=item.owner, depends_on=item.depends_on)
    missing = unset_variables(scene.env, item.config)
    if missing:
        message = f"{item.key.id} was configured with the environment variable {missing[0][1]}, which is not set"
        raise InputError(message, advice="set it and run the command again")
    found = cached(scene, item)
    if found is None:
        what = f"{item.key.id} {item.version}, whose package in the cache is missing or damaged"
        advice = f"import it again (it came from {item.source}), or go back to another generation"
        raise InputError(f"generation {number} needs {what}", advice=advice)
    resolved[item.key] = found
    return wanted_as(
        scene.env,
        found,
        recorded=None,
        limits=scene.policy.limits,
        owner=item.owner,
        config=item.config,
        enabled=item.enabled,
        depends_on=item.depends_on,
    )


def cached(scene: Scene, item: GenerationItem) -> Resolved | None:
    """The package of a generation's item, if it is kept."""
    opened = open_cached(item.tree, scene.home, scene.policy.limits, name=item.key.id)
    return None if opened is None else replace(resolved_as(item.source, opened, name=item.key.id), key=item.key)


def _carried(scene: Scene, wanted: Wanted) -> Carried | None:
    """Where the local files of an item come from that is gone: its newest backup, but for what the package brought."""
    if wanted.key in scene.present:
        return None
    number = max(backups_of(scene.home, wanted.key), default=None)
    if number is None:
        return None
    folder = scene.home.backup(wanted.key, number)
    is_mutable = mutable_matcher(scene.policy.mutable)
    there = {node.path for node in tree.walk(folder) if node.kind is tree.NodeKind.FILE}
    keep = frozenset(path for path in wanted.files if path in there and is_mutable(path))
    brought = frozenset(wanted.files) | _package_paths(scene, wanted.key, number - 1)
    return Carried(folder=folder, brought=frozenset(path for path in brought - keep if not is_mutable(path)), keep=keep)


def _package_paths(scene: Scene, key: ItemKey, number: int) -> frozenset[str]:
    """The files that the item's package brought in generation ``number``; none where that is no longer known."""
    try:
        item = read_generation(scene.home, number).items.get(key)
    except InputError:
        return frozenset()
    found = cached(scene, item) if item else None
    if found is None or found.opened is None:
        return frozenset()
    return frozenset((*found.opened.package.hashes, found.manifest.installed_definition))
