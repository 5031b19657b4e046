"""Upsert: one manifest, handed over as text, becomes an extension or that of the extension it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.documents import yaml_text
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey, Kind, id_problem
from reconciler.model.package import EXTENSION_MANIFEST
from reconciler.model.source import Source, SourceKind
from reconciler.packages.content import Content
from reconciler.packages.installed import open_installed
from reconciler.planning.diff import mutable_matcher
from reconciler.reconcile.changing import Outcome, Watch, change
from reconciler.reconcile.importing import Import, look_at_found
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.scene import Scene, find, read_scene
from reconciler.sources.resolve import resolve_package


def upsert(env: Environment, file: Path, name: str, manifest: bytes, watch: Watch) -> tuple[ItemKey, Outcome]:
    """Make the extension ``name`` have this ``manifest``, which is YAML or JSON; its other files stay.

    What is new belongs to nobody. ``InputError`` where the manifest is not valid; a refusal is in the outcome's plan.
    No gateway is told: whoever takes manifests over HTTP is one.
    """
    problem = id_problem(name)
    if problem:
        raise InputError(f"the name {name[:80]!r}: {problem}")
    key = find(read_scene(env, file), name, Kind.EXTENSION) or ItemKey(Kind.EXTENSION, name)
    # A gateway goes by the name in the manifest, so that is the one under which it was handed over.
    data = yaml_text.set_entry(manifest, ("name",), name, name=EXTENSION_MANIFEST)
    with TemporaryDirectory(prefix="llamagate-upsert-") as temporary:
        folder = Path(temporary) / key.id
        return key, change(env, file, watch, lambda: _look(read_scene(env, file), key, folder, data))


def _look(scene: Scene, key: ItemKey, folder: Path, manifest: bytes) -> Looked:
    """Plan it, under the lock: the other files are those that are there now. ``folder`` is made, for the package."""
    folder.mkdir()
    if key in scene.present:
        _copy(_present(scene, key), folder)
    (folder / EXTENSION_MANIFEST).write_bytes(manifest)
    found = resolve_package(folder, limits=scene.policy.limits, name=key.id)
    place = Source(SourceKind.DIR, str(scene.home.item(key)))
    asked = Import(package=folder, kind=Kind.EXTENSION, downgrade=True, overwrite=True)
    looked = look_at_found(scene, replace(found, source=place, key=key), asked)
    return replace(looked, gateway=replace(looked.gateway, reload="off"))


def _present(scene: Scene, key: ItemKey) -> Content:
    """The files of the installed package: those recorded, else all that no program may have written."""
    recorded = scene.record.items.get(key)
    is_mutable = mutable_matcher(scene.policy.mutable)
    return open_installed(
        scene.home.item(key),
        limits=scene.policy.limits,
        name=key.id,
        leaves_out=lambda path: is_mutable(path) if recorded is None else path not in recorded.files,
    )


def _copy(content: Content, folder: Path) -> None:
    for entry in content.files:
        target = folder / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            out.writelines(content.chunks(entry.path))
        if entry.executable:
            target.chmod(0o755)
