"""Found: a package that lies in a folder without our doing, as an item that we could have installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.errors import InputError
from reconciler.model.ids import ItemKey
from reconciler.model.source import Source, SourceKind
from reconciler.packages.installed import open_installed
from reconciler.packages.manifest import read_package
from reconciler.packages.open_package import OpenPackage
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.intent import Target
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.resolved import Resolved, resolved_as


def unmanaged_package(
    state: HomeState, key: ItemKey, folder: Path, *, local: frozenset[str] = frozenset()
) -> tuple[Resolved, Target]:
    """The package in ``folder``, and the item ``key`` as it stands there. ``InputError`` where it is none.

    Files at the paths ``local`` are not the package's. It has no source of its own: it is said to come from the item's
    place, and the cache keeps it.
    """
    is_mutable = mutable_matcher(state.policy.mutable)
    limits = state.policy.limits
    content = open_installed(
        folder, limits=limits, name=str(folder), leaves_out=lambda path: path in local or is_mutable(path)
    )
    package = read_package(content, name=str(folder))
    if package.manifest.kind is not key.kind:
        raise InputError(f"it holds an {package.manifest.kind}, and lies among the {key.kind}s")
    source = Source(SourceKind.DIR, str(state.home.item(key)))
    found = replace(resolved_as(source, OpenPackage(package=package, content=content), name=str(folder)), key=key)
    recorded = state.record.items.get(key)
    wanted = Target(
        key=key,
        source=source,
        source_stamp="",
        owner=recorded.owner if recorded else None,
        manifest=package.manifest,
        tree=package.tree,
        config={},
        files=package.hashes,
        depends_on=recorded.depends_on if recorded else (),
    )
    return found, wanted
