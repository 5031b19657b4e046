"""The planner's verdict on one tool server: the recorded, the wanted and the found entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import RefusalCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import JsonObject, same
from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed
from reconciler.model.plan import Action, ActionKind, Drift, Mark, MarkCode, Refusal
from reconciler.model.record import Record
from reconciler.model.servers import (
    WHAT_RUNS,
    FoundServer,
    RecordedServer,
    ServerEdit,
    changed_settings,
    entry_of,
)
from reconciler.planning import policy
from reconciler.planning.intent import Intent, ServerTarget
from reconciler.planning.reasons import owner_change
from reconciler.planning.server_drift import edited, missing
from reconciler.planning.tool_changes import ToolChange, tool_changes, tool_marks
from reconciler.planning.verdict import Verdict

_ENTRY: Final = "its entry in the gateway's file"


class _Before(Struct, frozen=True, kw_only=True):
    """What there is of a server before the pass."""

    recorded: RecordedServer | None
    found: FoundServer | None

    @property
    def is_ours(self) -> bool:
        """Whether the entry is as we wrote it."""
        return self.recorded is not None and self.found is not None and self.found.digest == self.recorded.entry


class _Choice(Struct, frozen=True, kw_only=True):
    """What becomes of the settings: whether they are written, why, and what is wrong or refused."""

    writes: bool = False
    changes: tuple[tuple[ActionKind, str], ...] = ()
    drift: tuple[Drift, ...] = ()
    refusal: Refusal | None = None


def judge_server(target: ServerTarget, intent: Intent, record: Record, observed: Observed) -> Verdict:
    """A tool server that should be there."""
    key = target.key
    before = _Before(recorded=record.servers.get(key), found=observed.server(key))
    if unreadable := _unreadable(key, observed):
        return Verdict(refusals=(unreadable,))
    choice = _choice(target, before, intent)
    was_enabled = _is_enabled(before)
    enabled = was_enabled if target.enabled is None else target.enabled
    recorded_tools = before.recorded.tools if before.recorded else ()
    after = RecordedServer(
        key=key,
        owner=target.owner,
        settings=target.settings,
        enabled=enabled,
        entry=target.entry,
        tools=recorded_tools if target.tools is None else target.tools,
    )
    verdict = Verdict(drift=choice.drift, refusals=(choice.refusal,) if choice.refusal else ())
    tools = _new_words(target)
    changes = [*choice.changes, *_beside(after, before, was_enabled=was_enabled), *_tool_reasons(tools)]
    if not changes:
        return verdict
    changes.sort(key=lambda change: [*ActionKind].index(change[0]))
    switches = before.found is not None and before.found.enabled is not enabled
    action = Action(
        key=key,
        action=changes[0][0],
        from_version=None,
        to_version=None,
        reasons=tuple(reason for _, reason in changes),
        after=None,
        server=after,
        edits="entry" if choice.writes else "enabled" if switches else "",
        marks=(*(_marks(before) if choice.writes else ()), *tool_marks(tools)),
    )
    return replace(verdict, action=action)


def _new_words(target: ServerTarget) -> tuple[ToolChange, ...]:
    """The tools that are not as they were accepted. The first ones that are seen are, with the lock."""
    if target.tools is None or target.accepted is None:
        return ()
    return tool_changes(target.accepted, target.tools)


def _tool_reasons(changes: Iterable[ToolChange]) -> Iterator[tuple[ActionKind, str]]:
    for what, said in (("changed", "changed since they were accepted"), ("new", "are new"), ("gone", "are gone")):
        names = [change.name for change in changes if change.what == what]
        if names:
            yield ActionKind.UPDATE, f"tools {said}: {', '.join(names)}"


def judge_server_removal(key: ItemKey, reason: str, record: Record, observed: Observed) -> Verdict:
    """A tool server that should go, recorded or not."""
    before = _Before(recorded=record.servers.get(key), found=observed.server(key))
    if unreadable := _unreadable(key, observed):
        return Verdict(refusals=(unreadable,))
    if before.recorded is None and before.found is None:
        return Verdict()
    action = Action(
        key=key,
        action=ActionKind.REMOVE,
        from_version=None,
        to_version=None,
        reasons=(reason,),
        after=None,
        edits="entry" if before.found else "",
        marks=(Mark(MarkCode.REMOVES, "is removed"),),
    )
    return Verdict(action=action)


def judge_server_switch(key: ItemKey, enabled: bool, record: Record, observed: Observed) -> Verdict:
    """A tool server that is only enabled or disabled; its settings are left as they are."""
    before = _Before(recorded=record.servers.get(key), found=observed.server(key))
    if unreadable := _unreadable(key, observed):
        return Verdict(refusals=(unreadable,))
    if _is_enabled(before) is enabled and (before.recorded is None or before.recorded.enabled is enabled):
        return Verdict()
    action = Action(
        key=key,
        action=ActionKind.ENABLE if enabled else ActionKind.DISABLE,
        from_version=None,
        to_version=None,
        reasons=(f"enabled: {str(enabled).lower()}",),
        after=None,
        server=replace(before.recorded, enabled=enabled) if before.recorded else None,
        edits="enabled",
    )
    return Verdict(action=action)


def server_edits(actions: Iterable[Action], intent: Intent) -> dict[str, ServerEdit]:
    """What the actions write into the gateway's file. ``filled`` values are in it."""
    return {action.key.id: edit for action in actions if (edit := _edit(action, intent)) is not None}


def not_editable(actions: Iterable[Action], intent: Intent, observed: Observed) -> Iterator[Refusal]:
    """What cannot be written, because the gateway's file is in a form that is not edited in place."""
    actions = [action for action in actions if action.edits]
    file = observed.gateway_file
    if file is None or not actions:
        return
    try:
        yaml_text.with_edits(file.data, server_edits(actions, intent), name=file.path)
    except InputError as error:
        problem = str(error.faults[0]) if error.faults else error.message
        yield from (policy.gateway_file(action.key, problem) for action in actions)


def judge_server_restore(key: ItemKey, entry: JsonObject, observed: Observed) -> Verdict:
    """An entry that comes back as somebody else wrote it. The record says what it said: what differs is drift."""
    if unreadable := _unreadable(key, observed):
        return Verdict(refusals=(unreadable,))
    found = observed.server(key)
    if found is not None and same(found.entry, entry):
        return Verdict()
    action = Action(
        key=key,
        action=ActionKind.REPAIR if found else ActionKind.INSTALL,
        from_version=None,
        to_version=None,
        reasons=("put back from a backup",),
        after=None,
        edits="backup",
    )
    return Verdict(action=action)


def _edit(action: Action, intent: Intent) -> ServerEdit | None:
    if not action.edits:
        return None
    if action.removes:
        return ServerEdit(entry=None)
    if action.edits == "backup":
        return ServerEdit(entry=intent.entries[action.key])
    enabled = action.server.enabled if action.server else action.action is ActionKind.ENABLE
    if action.edits == "enabled":
        return ServerEdit(entry={"enabled": enabled}, is_whole=False)
    return ServerEdit(entry=entry_of(action.key.id, intent.servers[action.key].filled or {}, enabled=enabled))


def _unreadable(key: ItemKey, observed: Observed) -> Refusal | None:
    found = observed.gateway_file
    if found is not None and found.is_desired_state:
        return policy.same_file(key, found.path)
    return policy.gateway_file(key, found.problem) if found and found.problem else None


def _is_enabled(before: _Before) -> bool:
    if before.found is not None:
        return before.found.enabled
    return before.recorded.enabled if before.recorded else True


def _marks(before: _Before) -> tuple[Mark, ...]:
    is_foreign = before.recorded is None and before.found is not None
    return (Mark(MarkCode.REPLACES, "replaces what llamagate did not install"),) if is_foreign else ()


def _beside(after: RecordedServer, before: _Before, *, was_enabled: bool) -> Iterator[tuple[ActionKind, str]]:
    """What changes besides the settings."""
    recorded = before.recorded
    if recorded is not None and recorded.owner != after.owner:
        yield ActionKind.ADOPT, owner_change(recorded.owner, after.owner)
    if was_enabled is not after.enabled and (before.found or recorded):
        kind = ActionKind.ENABLE if after.enabled else ActionKind.DISABLE
        yield kind, f"enabled: {str(after.enabled).lower()}"


def _choice(target: ServerTarget, before: _Before, intent: Intent) -> _Choice:
    is_there = before.found is not None and before.found.digest == target.entry
    if refusal := _not_ours(target, before, intent, same=is_there):
        return _Choice(refusal=refusal)
    if before.recorded is None:
        return _arrival(before, is_there=is_there)
    if is_there:  # as it should be, also where another program wrote it
        return _Choice(changes=tuple(_settings_changes(before.recorded, target)))
    if before.found is None:
        return _of_missing(target, before.recorded, intent)
    if before.is_ours:
        return _Choice(writes=True, changes=tuple(_settings_changes(before.recorded, target)))
    return _of_edited(target, before.recorded, intent)


def _not_ours(target: ServerTarget, before: _Before, intent: Intent, *, same: bool) -> Refusal | None:
    return policy.server_ownership(target, before.recorded, intent, is_free=same or before.found is None)


def _arrival(before: _Before, *, is_there: bool) -> _Choice:
    if before.found is None:
        return _Choice(writes=True, changes=((ActionKind.INSTALL, "new in the gateway's file"),))
    if is_there:
        return _Choice(changes=((ActionKind.ADOPT, "the same entry is already there"),))
    return _Choice(writes=True, changes=((ActionKind.UPDATE, "replaces what llamagate did not install"),))


def _of_missing(target: ServerTarget, recorded: RecordedServer, intent: Intent) -> _Choice:
    rules = intent.rules.policy
    drift = missing(target.key, rules)
    changes = tuple(_settings_changes(recorded, target))
    if rules.drift_missing == "heal" or changes:
        return _Choice(writes=True, changes=(*changes, (ActionKind.REPAIR, f"{_ENTRY} was missing")), drift=drift)
    return _Choice(drift=drift)


def _of_edited(target: ServerTarget, recorded: RecordedServer, intent: Intent) -> _Choice:
    """Somebody edited it. It gives way where that is asked for, and stays where the file wants the same as before."""
    rules = intent.rules.policy
    drift = edited(target.key, rules)
    changes = tuple(_settings_changes(recorded, target))
    if rules.drift_edited == "heal" or intent.rules.allowances.overwrite:
        return _Choice(writes=True, changes=(*changes, (ActionKind.REPAIR, f"{_ENTRY} was edited")), drift=drift)
    if recorded.entry == target.entry:
        return _Choice(changes=changes, drift=drift)
    return _Choice(drift=drift, refusal=_conflict(target.key))


def _conflict(key: ItemKey) -> Refusal:
    message = (
        f"{_ENTRY} was changed by hand, and in the desired state too; --overwrite writes the latter, after a backup"
    )
    return Refusal(key=key, code=RefusalCode.CONFLICT, message=message)


def _settings_changes(recorded: RecordedServer, target: ServerTarget) -> Iterator[tuple[ActionKind, str]]:
    """How the settings that the file asks for differ from those that were recorded."""
    changed = changed_settings(recorded.settings, target.settings)
    runs = [key for key in changed if key in WHAT_RUNS]
    if runs:
        yield ActionKind.UPDATE, f"{', '.join(runs)} changed"
    if others := [key for key in changed if key not in WHAT_RUNS]:
        yield ActionKind.CONFIGURE, f"{', '.join(others)} changed"
    if not changed and recorded.entry != target.entry:
        yield ActionKind.CONFIGURE, "a value from a variable or a file changed"
