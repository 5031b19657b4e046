"""What a pass should bring about: the intent of a whole file, and the empty one that a command fills in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem, place_of
from reconciler.model.ids import ItemKey, is_named
from reconciler.model.servers import DesiredServer
from reconciler.planning.intent import Intent, Pause, Rules, ServerTarget, Speaker, Target
from reconciler.reconcile.home_state import HomeState
from reconciler.reconcile.options import Options
from reconciler.reconcile.target import server_target, target_for
from reconciler.resolve.resolved import Resolved
from reconciler.store.desired_file import DesiredFile


def intent_of_file(
    state: HomeState,
    file: DesiredFile,
    options: Options,
    resolved: Mapping[ItemKey, Resolved],
    settled: frozenset[ItemKey] = frozenset(),
) -> Intent:
    """What ``file`` says of the items that were resolved. ``InputError`` where a configuration cannot be filled in."""
    items = [item for item in file.desired.items if item.key in resolved]
    servers = [one for one in file.desired.servers if not options.only or is_named(one.key, options.only)]
    return Intent(
        speaker=Speaker(owner=file.desired.owner, file=state.speaker(file.desired.owner)),
        home=str(state.home.root),
        rules=replace(_rules(state), allowances=options.allowances),
        targets={item.key: _target(state, file, item, resolved[item.key]) for item in items},
        servers={server.key: _server(state, file, server) for server in servers},
        scope=frozenset([*(item.key for item in items), *(one.key for one in servers)]) if options.only else None,
        pause=Pause(ends=True),
        settled=settled,
    )


def _server(state: HomeState, file: DesiredFile, server: DesiredServer) -> ServerTarget:
    missing = state.values.missing(server.settings)
    if missing:
        place = place_of(server.key)
        faults = file.faults([((*place, *one.place), one.reason, ErrorCode.NOT_SET) for one in missing])
        raise InputError(str(faults[0]), faults=faults, advice=missing[0].advice, code=ErrorCode.NOT_SET)
    target = server_target(state, server.key, server.settings)
    return replace(target, owner=file.desired.owner, enabled=server.enabled)


def intent_of_command(state: HomeState, *, saves_for: str | None = None) -> Intent:
    """The empty intent of a command, for a function in ``planning.intents`` to fill in."""
    return Intent(
        speaker=Speaker(owner=None, file=state.speaker(saves_for), saves_for=saves_for),
        home=str(state.home.root),
        rules=_rules(state),
        scope=frozenset(),
    )


def _rules(state: HomeState) -> Rules:
    return Rules(policy=state.policy, reload_required=state.gateway.reload == "required")


def _target(state: HomeState, file: DesiredFile, item: DesiredItem, found: Resolved) -> Target:
    missing = state.values.missing(item.config)
    if missing:
        place = (*place_of(item.key), "config")
        faults = file.faults([((*place, *one.place), one.reason, ErrorCode.NOT_SET) for one in missing])
        raise InputError(str(faults[0]), faults=faults, advice=missing[0].advice, code=ErrorCode.NOT_SET)
    target = target_for(state, found, item.config)
    return replace(target, owner=file.desired.owner, enabled=item.enabled, depends_on=item.depends_on)
