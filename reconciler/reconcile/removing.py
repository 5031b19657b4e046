"""Remove one item: its files go to the backup, its registry entry goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.model.environment import Environment
from reconciler.model.ids import Kind
from reconciler.model.package import Manifest
from reconciler.planning.verbs import to_remove
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.saving import saved_removal
from reconciler.reconcile.scene import NO_PARTS, Scene, find, manifest_of, not_installed, planned, read_scene, spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is asked for. ``force`` also removes what others depend on; ``save`` takes it out of the desired state."""

    item: str
    kind: Kind | None = None
    force: bool = False
    save: bool = False


def look_at_removal(env: Environment, file: Path, asked: Removal) -> Looked:
    """Plan a removal. What is already gone is a plan without actions, and a warning that says so."""
    scene = read_scene(env, file, needs_file=asked.save)
    key = find(scene, asked.item, asked.kind)
    if key is None:
        listed = scene.file.desired.items if scene.file and asked.save else ()
        key = next((item.key for item in listed if item.key.id == asked.item), None)
        inputs = saved_removal(scene, key) if key else ()
        note = f"nothing to remove: {not_installed(scene, asked.item, asked.kind)}"
        return planned(scene, replace(scene.base_intent(), notes=(note,)), replace(NO_PARTS, inputs=inputs))
    says = spoken(scene, key)
    inputs = saved_removal(scene, key) if asked.save else ()
    against = None if says is None or (asked.save and says.file == scene.path) else says
    base = replace(scene.base_intent(), others=() if asked.force else tuple(_modules_of_others(scene)))
    intent = to_remove(base, key, force=asked.force)
    return planned(scene, intent, replace(NO_PARTS, inputs=inputs, against=against))


def _modules_of_others(scene: Scene) -> Iterator[Manifest]:
    for key in scene.present - scene.record.items.keys():
        manifest = manifest_of(scene, key) if key.kind is Kind.MODULE else None
        if manifest is not None:
            yield manifest
