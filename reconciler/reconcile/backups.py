"""Restore: a kept backup's whole folder takes the item's place again, local files and all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InputError
from reconciler.fs import tree
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.generation import GenerationItem
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, id_problem
from reconciler.planning.intent import Backup, Wanted
from reconciler.planning.verbs import to_restore
from reconciler.reconcile.found import found_package
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.scene import Parts, Scene, find, not_installed, planned, read_scene
from reconciler.reconcile.wanting import unset_variables, wanted_as
from reconciler.sources.cached import open_cached
from reconciler.sources.resolved import Resolved, resolved_as
from reconciler.store.state_files import read_generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What is asked for. ``generation`` names the backup; ``None`` is the newest."""

    item: str
    kind: Kind | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBackup:
    """One kept backup: what the change to ``generation`` replaced. What is no longer known is empty."""

    key: ItemKey
    generation: int
    version: str
    replaced_at: str
    path: Path

    def to_document(self) -> JsonObject:
        return {
            "kind": str(self.key.kind),
            "id": self.key.id,
            "generation": self.generation,
            "version": self.version,
            "replaced_at": self.replaced_at,
            "path": str(self.path),
        }


def backups_of(home: Home, key: ItemKey) -> list[int]:
    """The generations whose backups of the item are kept, oldest first. A link that stood in its place is none."""
    if id_problem(key.id) is not None:
        return []
    found = home.backup(key, 0).parent.glob("*")
    return sorted(int(path.name) for path in found if path.name.isdecimal() and path.is_dir() and not path.is_symlink())


def list_backups(env: Environment, file: Path, text: str, kind: Kind | None) -> tuple[KeptBackup, ...]:
    """The kept backups of one item, newest first."""
    scene = read_scene(env, file)
    key = _backed_up(scene, text, kind)
    return tuple(_described(scene, key, number) for number in reversed(backups_of(scene.home, key)))


def look_at_restore(env: Environment, file: Path, asked: Restore) -> Looked:
    """Plan it. ``InputError`` where no such backup is kept."""
    scene = read_scene(env, file)
    key = _backed_up(scene, asked.item, asked.kind)
    kept = backups_of(scene.home, key)
    number = kept[-1] if asked.generation is None else asked.generation
    if number not in kept:
        there = ", ".join(map(str, kept))
        raise InputError(f"no backup of generation {number} is kept of {key.id}; kept are those of {there}")
    found, wanted = _package(scene, key, number)
    paths = frozenset(node.path for node in tree.walk(scene.home.backup(key, number)))
    intent = to_restore(scene.base_intent(), replace(wanted, backup=Backup(number, paths)))
    return planned(scene, intent, Parts(resolved={key: found}, carried={}))


def _backed_up(scene: Scene, text: str, kind: Kind | None) -> ItemKey:
    """The item that ``text`` names; it need not be installed any more."""
    key = find(scene, text, kind)
    candidates = [key] if key else [ItemKey(one, text) for one in Kind if kind in (None, one)]
    for candidate in candidates:
        if backups_of(scene.home, candidate):
            return candidate
    message = f"no backup of '{text}' is kept" if key else f"no backup of '{text}' is kept, and {_missing(scene, text)}"
    raise InputError(message, advice="policy.backups says how many are kept of each item")


def _missing(scene: Scene, text: str) -> str:
    return not_installed(scene, text, None)


def _described(scene: Scene, key: ItemKey, number: int) -> KeptBackup:
    item = _remembered(scene, key, number)
    try:
        replaced_at = read_generation(scene.home, number).applied_at
    except InputError:
        replaced_at = ""
    return KeptBackup(
        key=key,
        generation=number,
        version=item.version if item else "",
        replaced_at=replaced_at,
        path=scene.home.backup(key, number),
    )


def _remembered(scene: Scene, key: ItemKey, number: int) -> GenerationItem | None:
    """What the item was before the change that made the backup, if that is still known."""
    try:
        return read_generation(scene.home, number - 1).items.get(key)
    except InputError:
        return None


def _package(scene: Scene, key: ItemKey, number: int) -> tuple[Resolved, Wanted]:
    """The package behind a backup, so that what was edited in it stays drift; else the folder as it is."""
    item = _remembered(scene, key, number)
    opened = open_cached(item.tree, scene.home, scene.policy.limits, name=key.id) if item else None
    entry = scene.registry.get(key)
    if item is None or opened is None or unset_variables(scene.env, item.config):
        return found_package(scene, key, scene.home.backup(key, number))
    found = replace(resolved_as(item.source, opened, name=key.id), key=key)
    wanted = wanted_as(
        scene.env,
        found,
        recorded=None,
        limits=scene.policy.limits,
        owner=item.owner,
        config=item.config,
        enabled=None if entry else item.enabled,
        depends_on=item.depends_on,
    )
    return found, wanted
