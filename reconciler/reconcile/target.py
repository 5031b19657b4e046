"""Make a target: a package, with its configuration, as an item that should be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from reconciler.model.config import JsonObject, env_references, resolved, same
from reconciler.packages.content import OpenPackage
from reconciler.packages.realise import Realised, realise
from reconciler.planning.intent import Target
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.resolved import Resolved


def target_for(state: HomeState, found: Resolved, config: JsonObject) -> Target:
    """The target for ``found`` with ``config``: without an owner, as enabled as it is, and depending on nothing."""
    if needs_reading(state, found, config):
        files: Mapping[str, str] = realised(state, state.store.open(found), config).hashes
    else:
        files = {path: kept.sha256 for path, kept in state.record.items[found.key].files.items()}
    return Target(
        key=found.key,
        source=found.source,
        source_stamp=found.stamp,
        owner=None,
        manifest=found.manifest,
        tree=found.tree,
        config=config,
        files=files,
    )


def needs_reading(state: HomeState, found: Resolved, config: JsonObject) -> bool:
    """Whether the package must be read: the record does not know its files for ``config``."""
    recorded = state.record.items.get(found.key)
    if recorded is None or recorded.tree != found.tree or state.store.is_open(found):
        return True
    return not same(recorded.config, config) or any(env_references(config))


def unset_variables(state: HomeState, config: JsonObject) -> list[tuple[tuple[str | int, ...], str]]:
    """The paths in ``config`` that name an environment variable which is not set, with its name."""
    return [(path, name) for path, name in env_references(config) if name not in state.env.variables]


def realised(state: HomeState, opened: OpenPackage, config: JsonObject) -> Realised:
    """The package's files for ``config``, its values from the environment filled in."""
    return realise(opened.package, opened.content, cast(JsonObject, resolved(config, state.env.variables)))
