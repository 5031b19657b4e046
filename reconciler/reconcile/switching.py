"""Enable or disable one item: the registry entry, and our record of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey, Kind
from reconciler.planning.verbs import to_switch
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.saving import saved_switch
from reconciler.reconcile.scene import NO_PARTS, Scene, Spoken, manifest_of, must_find, planned, read_scene, spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What is asked for. ``save`` writes it into the desired state."""

    item: str
    enabled: bool
    kind: Kind | None = None
    save: bool = False


def look_at_switch(env: Environment, file: Path, asked: Switch) -> Looked:
    """Plan it. ``InputError`` where there is no such item, or none that the registry could hold."""
    scene = read_scene(env, file, needs_file=asked.save)
    key = must_find(scene, asked.item, asked.kind)
    if key not in scene.record.items and scene.registry.get(key) is None:
        raise InputError(
            f"{key} has no entry in the registry, and was not installed by us",
            advice="'llamagate sync' registers what lies there",
        )
    inputs = saved_switch(scene, key, enabled=asked.enabled) if asked.save else ()
    base = replace(scene.base_intent(), notes=tuple(_notes(scene, key, enabled=asked.enabled)))
    intent = to_switch(base, key, enabled=asked.enabled)
    return planned(scene, intent, replace(NO_PARTS, inputs=inputs, against=_contradicted(scene, key, asked)))


def _notes(scene: Scene, key: ItemKey, *, enabled: bool) -> Iterator[str]:
    manifest = None if enabled else manifest_of(scene, key)
    if manifest is not None and manifest.builtin:
        yield f"{key.id} says 'builtin: true' in its manifest: the gateway runs it all the same"


def _contradicted(scene: Scene, key: ItemKey, asked: Switch) -> Spoken | None:
    """The file that sets the opposite, if one does."""
    says = spoken(scene, key)
    if says is None or says.item is None or says.item.enabled in (None, asked.enabled):
        return None
    return None if asked.save and says.file == scene.path else says
