"""A package that something else put into a folder, as an item that we could have installed."""

from __future__ import annotations

from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.ids import ItemKey
from reconciler.model.source import Source, SourceKind
from reconciler.packages.installed import open_installed
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.intent import Target
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.resolved import Resolved, package_as_resolved


def unmanaged_package(
    state: HomeState, key: ItemKey, folder: Path, *, local: frozenset[str] = frozenset()
) -> tuple[Resolved, Target]:
    """The package in ``folder``, and the item ``key`` as it is there. ``InputError`` where there is no package.

    Files at the paths ``local`` are not the package's. It has no source of its own: its source is the item's folder,
    and the cache keeps it.
    """
    is_mutable, name = mutable_matcher(state.policy.mutable), str(folder)
    content = open_installed(
        folder, limits=state.policy.limits, name=name, leaves_out=lambda path: path in local or is_mutable(path)
    )
    package = state.store.add(content, name=name).package
    if package.manifest.kind is not key.kind:
        raise InputError(
            f"it holds an {package.manifest.kind}, and is in the folder of the {key.kind}s",
            code=ErrorCode.WRONG_PACKAGE,
        )
    found = package_as_resolved(package, Source(SourceKind.DIR, str(state.home.item(key))), name=name, key=key)
    recorded = state.record.items.get(key)
    target = Target(
        key=key,
        source=found.source,
        source_stamp="",
        owner=recorded.owner if recorded else None,
        manifest=package.manifest,
        tree=package.tree,
        config={},
        files=package.hashes,
        executables=package.executables,
        depends_on=recorded.depends_on if recorded else (),
    )
    return found, target
