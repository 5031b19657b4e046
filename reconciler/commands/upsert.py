"""Upsert: one manifest, given as text, becomes a new extension, or the manifest of the one that it names."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from msgspec.structs import replace

from reconciler.commands.import_ import Import, propose_packages
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey, Kind, id_problem
from reconciler.model.listener import Listener
from reconciler.model.package import EXTENSION_MANIFEST
from reconciler.model.source import Source, SourceKind
from reconciler.packages.content import Content
from reconciler.packages.installed import open_installed
from reconciler.planning.diff import mutable_matcher
from reconciler.reconcile.change import change
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import find
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.resolve.resolve import resolve_path


def upsert(env: Environment, file: Path, name: str, manifest: bytes, listener: Listener) -> tuple[ItemKey, Outcome]:
    """Make the extension ``name`` have this ``manifest``, which is YAML or JSON; its other files stay.

    A new one has no owner. ``InputError`` where the manifest is not valid; a refusal is in the outcome's plan.
    No gateway is notified: the caller, which takes manifests over HTTP, is one.
    """
    problem = id_problem(name)
    if problem:
        raise InputError(f"the name {name[:80]!r}: {problem}")
    key = find(read_home_state(env, file), name, Kind.EXTENSION) or ItemKey(Kind.EXTENSION, name)
    # A gateway goes by the name in the manifest: it must be the one that was asked for.
    data = yaml_text.set_entry(manifest, ("name",), name, name=EXTENSION_MANIFEST)

    def propose() -> Proposal:
        return _propose(read_home_state(env, file).without_gateway(), key, Path(temporary), data)

    with TemporaryDirectory(prefix="llamagate-upsert-") as temporary:
        return key, change(env, file, listener, propose, creates=True)


def _propose(state: HomeState, key: ItemKey, temporary: Path, manifest: bytes) -> Proposal:
    """Plan it, under the lock: the other files are those that are there now."""
    folder = Path(mkdtemp(dir=temporary)) / key.id
    folder.mkdir()
    if key in state.present:
        _copy(_present(state, key), folder)
    (folder / EXTENSION_MANIFEST).write_bytes(manifest)
    found = resolve_path(folder, state.store, name=key.id)
    source = Source(SourceKind.DIR, str(state.home.item(key)))
    asked = Import(packages=(folder,), kind=Kind.EXTENSION, downgrade=True, overwrite=True)
    return propose_packages(state, [replace(found, source=source, key=key)], asked)


def _present(state: HomeState, key: ItemKey) -> Content:
    """The files of the installed package: those recorded, else all that no program may have written."""
    recorded = state.record.items.get(key)
    is_mutable = mutable_matcher(state.policy.mutable)
    return open_installed(
        state.home.item(key),
        limits=state.policy.limits,
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
