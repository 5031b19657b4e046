"""Make a target: a package, with its configuration, as an item that should be there."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.config import JsonObject, references, same
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.servers import server_faults, settings_digest
from reconciler.packages.content import OpenPackage
from reconciler.packages.realise import Realised, realise
from reconciler.planning.intent import ServerTarget, Target
from reconciler.planning.manifest_diff import dotted
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
        executables=found.executables,
        signers=tuple(one.signer for one in found.signed),
    )


def server_target(state: HomeState, key: ItemKey, settings: JsonObject) -> ServerTarget:
    """The target for a tool server with these settings, none of whose values is missing: without an owner."""
    recorded = state.record.servers.get(key)
    if not state.knows_values and recorded and same(recorded.settings, settings) and any(references(settings)):
        return ServerTarget(key=key, owner=None, settings=settings, filled=None, entry=recorded.entry)
    filled = state.values.filled(settings)
    if state.knows_values:
        _check_fits(key, filled)
    return ServerTarget(key=key, owner=None, settings=settings, filled=filled, entry=settings_digest(filled))


def _check_fits(key: ItemKey, filled: JsonObject) -> None:
    """What comes from a variable or a file must be what the file could say itself: no line break in a header."""
    for place, what in server_faults(filled):
        raise InputError(f"{key.id}: {dotted(place)}: {what}", advice="correct the variable or the file it comes from")


def needs_reading(state: HomeState, found: Resolved, config: JsonObject) -> bool:
    """Whether the package must be read: the record does not know its files for ``config``."""
    recorded = state.record.items.get(found.key)
    if recorded is None or recorded.tree != found.tree or state.store.is_open(found):
        return True
    return not same(recorded.config, config) or (state.knows_values and any(references(config)))


def check_filled(state: HomeState, key: ItemKey, config: JsonObject) -> None:
    """``InputError`` where ``config``, which no file at hand has, refers to what is not set, not there or empty."""
    missing = state.values.missing(config)
    if missing:
        inside = () if key.kind is Kind.MCP_SERVER else ("config",)
        place = dotted((*inside, *missing[0].place))
        raise InputError(f"{key.id}: {place}: {missing[0].reason}", advice=missing[0].advice, code=ErrorCode.NOT_SET)


def realised(state: HomeState, opened: OpenPackage, config: JsonObject) -> Realised:
    """The package's files for ``config``, the values that it refers to filled in."""
    return realise(opened.package, opened.content, state.values.filled(config))
