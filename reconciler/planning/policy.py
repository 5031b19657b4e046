"""What must not be done: each function gives the refusals of one rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from typing import Final

from reconciler.codes import RefusalCode
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import Observed, Presence
from reconciler.model.plan import Refusal
from reconciler.model.record import Record, RecordItem
from reconciler.model.servers import RecordedServer
from reconciler.model.version import is_older
from reconciler.planning.intent import Intent, ServerTarget, Target
from reconciler.planning.reasons import ItemBefore

PRUNE_GUARD_FROM: Final = 3
"""Removals of one pass below which the prune guard does not look."""


def ownership(target: Target, before: ItemBefore, intent: Intent, *, same: bool) -> Refusal | None:
    """Something that is not this owner's is in the way; unless it is the ``same`` as what would be written."""
    key, recorded = target.key, before.recorded
    is_free = same or before.found.presence is Presence.ABSENT
    if not _is_in_the_way(key, recorded, target.owner, intent, is_free=is_free):
        return None
    return _unowned(key, _whose(recorded, "it is already installed, not by llamagate, with different files"), intent)


def server_ownership(
    target: ServerTarget, recorded: RecordedServer | None, intent: Intent, *, is_free: bool
) -> Refusal | None:
    """The same for the entry of a tool server."""
    key = target.key
    if not _is_in_the_way(key, recorded, target.owner, intent, is_free=is_free):
        return None
    what = _whose(recorded, "the gateway's file has another entry of this name, not by llamagate")
    return _unowned(key, what, intent)


def _is_in_the_way(
    key: ItemKey, recorded: RecordItem | RecordedServer | None, owner: str | None, intent: Intent, *, is_free: bool
) -> bool:
    """Whether something is there that is not this ``owner``'s; what is ``is_free`` may be taken from nobody."""
    if intent.rules.allowances.takes_over(key) or (recorded and recorded.owner == owner):
        return False
    return not is_free or (recorded is not None and recorded.owner is not None)


def _whose(recorded: RecordItem | RecordedServer | None, foreign: str) -> str:
    if recorded is None:
        return foreign
    return f"it belongs to the owner '{recorded.owner}'" if recorded.owner else "a command installed it, not a file"


def gateway_file(key: ItemKey, problem: str) -> Refusal:
    """The gateway's file cannot be read, or not be edited in place."""
    message = f"the gateway's file cannot be edited in place: {problem}"
    return Refusal(key=key, code=RefusalCode.GATEWAY_FILE, message=message)


def same_file(key: ItemKey, path: str) -> Refusal:
    message = f"{path} is this desired state and the gateway's file in one; move the desired state to another folder"
    return Refusal(key=key, code=RefusalCode.SAME_FILE, message=message)


def _unowned(key: ItemKey, what: str, intent: Intent) -> Refusal:
    command = f"apply --take-over {key.id}" if intent.speaker.owner is not None else f"llamagate remove {key.id}"
    does = "replaces it" if intent.speaker.owner is not None else "makes room for it"
    return Refusal(key=key, code=RefusalCode.UNOWNED, message=f"{what}; '{command}' {does} after a backup")


def conflict(key: ItemKey, path: str) -> Refusal:
    message = f"{path} was changed by hand and by the package; --overwrite uses the package's file, after a backup"
    return Refusal(key=key, code=RefusalCode.CONFLICT, message=message)


def other_version(key: ItemKey, version: str) -> Refusal:
    """Another tool put this ``version`` of the whole item there, and something else is asked for."""
    message = f"another tool installed version {version}; --overwrite replaces it, after a backup"
    return Refusal(key=key, code=RefusalCode.CONFLICT, message=message)


def downgrade(target: Target, before: ItemBefore, intent: Intent) -> Refusal | None:
    if intent.rules.allowances.downgrade or before.version is None:
        return None
    version = target.manifest.version
    if not is_older(version, than=before.version):
        return None
    message = f"version {version} is older than the installed {before.version}; --allow-downgrade permits it"
    return Refusal(key=target.key, code=RefusalCode.DOWNGRADE, message=message)


def bad_id(intent: Intent, record: Record, observed: Observed) -> Iterable[Refusal]:
    """A new id that commands would take for an option. One that is there already stays, and can be removed."""
    for key in (*intent.targets, *intent.servers):
        if key.id.startswith("-") and not _is_known(key, record, observed):
            message = "an id that starts with '-' looks like an option on a command line; give the package another name"
            yield Refusal(key=key, code=RefusalCode.BAD_ID, message=message)


def _is_known(key: ItemKey, record: Record, observed: Observed) -> bool:
    is_recorded = key in record.items or key in record.servers
    return is_recorded or key in observed.present or observed.server(key) is not None


def other_kind(intent: Intent, record: Record, observed: Observed) -> Iterable[Refusal]:
    """One id is one item, whatever its kind and case: gateways and some file systems keep only one."""
    new = [key for key in intent.targets if key not in record.items]
    if not new or intent.rules.allowances.same_id:
        return
    taken: dict[str, set[ItemKey]] = {}
    everything = {*observed.present, *record.items, *observed.registry.keys}
    for key in everything - intent.removals.keys():
        taken.setdefault(key.id.casefold(), set()).add(key)
    for key in new:
        others = taken.get(key.id.casefold(), set()) - {key}
        if others:
            message = f"the {min(others)} already has this id; remove or rename one of them"
            yield Refusal(key=key, code=RefusalCode.OTHER_KIND, message=message)


def builtin(target: Target, intent: Intent) -> Refusal | None:
    if not target.manifest.builtin or target.key.id in intent.rules.policy.allow_builtin:
        return None
    message = "its manifest says 'builtin: true': the gateway always runs it and cannot unload it"
    return Refusal(
        key=target.key,
        code=RefusalCode.BUILTIN,
        message=f"{message}; list it under policy.allow_builtin if you want that",
    )


def not_loadable(target: Target, intent: Intent) -> Refusal | None:
    if target.manifest.loadable or not intent.rules.reload_required:
        return None
    message = "a gateway cannot load a package in the task dialect, and gateway.reload is 'required'"
    return Refusal(key=target.key, code=RefusalCode.NOT_LOADABLE, message=message)


def dependencies(
    intent: Intent, cycle: Sequence[ItemKey], installed: Collection[ItemKey], removed: Collection[ItemKey]
) -> Iterable[Refusal]:
    """What a file lists must find each of its ``depends_on``, desired or installed, and there must be no ``cycle``."""
    if intent.speaker.owner is None:
        return
    listed = [*intent.targets, *intent.servers, *installed]
    there = {key.id for key in (*listed, *intent.pause.suspended) if key not in removed}
    for key, target in intent.targets.items():
        for need in target.depends_on:
            if need not in there:
                message = f"it depends on '{need}', which is not in the file and not installed"
                yield Refusal(key=key, code=RefusalCode.UNKNOWN_DEPENDENCY, message=message)
    if cycle:
        path = " → ".join(key.id for key in cycle)
        yield Refusal(key=cycle[0], code=RefusalCode.CYCLE, message=f"its dependencies form a circle: {path}")


def needed(intent: Intent, record: Record) -> Iterable[Refusal]:
    """What others depend on is not removed by a command, unless that is asked for."""
    if intent.rules.allowances.force:
        return
    staying = [item for key, item in record.items.items() if key not in intent.removals]
    for key in intent.removals:
        gone = record.items.get(key)
        names = {key.id, gone.manifest.name if gone else key.id}
        users = sorted(
            [item.key.id for item in staying if _uses(item, key, names)]
            + [other.id for other in intent.others if key.kind is Kind.EXTENSION and names.intersection(other.requires)]
        )
        if users:
            message = f"{', '.join(users)} {'depend' if len(users) > 1 else 'depends'} on it; --force removes it anyway"
            yield Refusal(key=key, code=RefusalCode.NEEDED, message=message)


def _uses(item: RecordItem, key: ItemKey, names: Set[str]) -> bool:
    is_a_step = key.kind is Kind.EXTENSION and not names.isdisjoint(item.manifest.requires)
    return key.id in item.depends_on or is_a_step


def prune_guard(intent: Intent, record: Record, pruned: list[ItemKey]) -> Iterable[Refusal]:
    """A file that lost most of its items is more often a mistake than a wish."""
    if intent.rules.allowances.prune or len(pruned) < PRUNE_GUARD_FROM:
        return
    owned = sum(owner == intent.speaker.owner for owner in record.owners_by_key.values())
    if len(pruned) * 100 <= intent.rules.policy.max_prune * owned:
        return
    names = ", ".join(key.id for key in pruned[:3]) + (", …" if len(pruned) > PRUNE_GUARD_FROM else "")
    message = (
        f"{len(pruned)} of {owned} owned items ({names}) would be removed, more than policy.max_prune "
        f"({intent.rules.policy.max_prune}%); --allow-prune permits it"
    )
    yield Refusal(key=pruned[0], code=RefusalCode.PRUNE_GUARD, message=message)


def other_file(intent: Intent, record: Record, pruned: list[ItemKey]) -> Iterable[Refusal]:
    """Two files that both leave the owner out must not remove each other's items."""
    before = record.owners.get(intent.speaker.owner or "")
    if not pruned or not intent.speaker.is_implicit or before in (None, intent.speaker.file):
        return
    if intent.rules.allowances.take_over is not None:
        message = (
            f"it would be removed, but {before} installed it; give each file its own 'owner:', "
            "or --take-over-all if this file replaces that one"
        )
        yield Refusal(key=pruned[0], code=RefusalCode.OTHER_FILE, message=message)
