"""A version of an item's package: installed, kept from an earlier generation, or from its source."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.generation import Generation
from reconciler.model.ids import ItemKey
from reconciler.packages.content import OpenPackage
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.choose import choose
from reconciler.resolve.resolve import context_of
from reconciler.sources.remotes import Remotes
from reconciler.store.state_files import read_generations


def package_of_version(state: HomeState, key: ItemKey, listed: DesiredItem | None, version: str) -> OpenPackage:
    """The package of ``key`` in ``version``; it is fetched where only its source has it. ``InputError`` else."""
    for tree in _known_trees(state, key, version):
        if (opened := state.store.find(tree, name=f"{key.id} {version}")) is not None:
            return opened
    if listed is None or state.file is None or not listed.source.is_pinned:
        known = ", ".join(dict.fromkeys(_known_versions(state, key))) or "none"
        raise InputError(
            f"version {version} of {key.id} is not kept; these are: {known}",
            advice="only a repository or a catalog that the file names can be asked for other versions",
            code=ErrorCode.NO_VERSION,
        )
    asked = replace(listed, version=version, source=replace(listed.source, ref=""))
    remote = Remotes(context_of(state.env, state.file)).of(asked)
    found = state.store.fetch(asked, choose(remote.offers(asked), asked), remote)
    return state.store.open(found)


def _known_trees(state: HomeState, key: ItemKey, version: str) -> Iterator[Digest]:
    recorded = state.record.items.get(key)
    if recorded is not None and recorded.version == version:
        yield recorded.tree
    yield from (one.items[key].tree for one in _generations(state, key) if one.items[key].version == version)


def _known_versions(state: HomeState, key: ItemKey) -> Iterator[str]:
    recorded = state.record.items.get(key)
    if recorded is not None:
        yield recorded.version
    yield from (one.items[key].version for one in _generations(state, key))


def _generations(state: HomeState, key: ItemKey) -> Iterator[Generation]:
    """Those that have the item, the newest first."""
    found = reversed(read_generations(state.home).values())
    yield from (one for one in found if isinstance(one, Generation) and key in one.items)
