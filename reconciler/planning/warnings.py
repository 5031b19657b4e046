"""What the plan passes on to people besides what it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reconciler.codes import WarningCode
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.note import Note
from reconciler.model.observed import Observed
from reconciler.model.record import Record
from reconciler.planning.intent import Intent
from reconciler.planning.verdict import REGISTRY_PATH


def warnings(
    intent: Intent,
    record: Record,
    observed: Observed,
    *,
    removed: frozenset[ItemKey],
    changing: Collection[ItemKey],
) -> Iterable[Note]:
    """All warnings, in a fixed order. ``removed`` are the items that go, ``changing`` those with an action."""
    yield from intent.notes
    if observed.corrupt is not None:
        yield Note(
            WarningCode.REGISTRY_REBUILT,
            f"{REGISTRY_PATH} cannot be read ({observed.corrupt}): it is rebuilt from the record and the disk, "
            "and the broken file is kept beside it",
        )
    if record.hold is not None and intent.pause.ends:
        yield Note(WarningCode.HOLD_ENDS, f"'llamagate apply' ends the pause of the watcher ({record.hold.reason})")
    if intent.pause.ends and not intent.pause.suspended:
        for one in record.suspensions:
            what = one.item or "everything"
            message = f"{what} is suspended ({one.reason}): a watcher does not change it, an apply does"
            yield Note(WarningCode.SUSPENDED, message)
    yield from (note for note in _what_cannot_run(intent, record, observed, removed) if _is_new(note, changing))
    if intent.rules.policy.prune == "never" and intent.scope is None and intent.speaker.owner is not None:
        staying = {key.id for key in intent.targets} | intent.pause.suspended
        left = sorted(k.id for k, i in record.items.items() if i.owner == intent.speaker.owner and k.id not in staying)
        if left:
            message = f"no longer in the file, but kept because policy.prune is 'never': {', '.join(left)}"
            yield Note(WarningCode.KEPT, message)


def _is_new(note: Note, changing: Collection[ItemKey]) -> bool:
    """That this gateway cannot load an item is said when the item changes, and not at each pass."""
    return note.code is not WarningCode.TASK_DIALECT or note.key in changing


def _what_cannot_run(intent: Intent, record: Record, observed: Observed, removed: frozenset[ItemKey]) -> Iterable[Note]:
    is_needed = any(target.manifest.requires for target in intent.targets.values())
    there = _extensions_there(intent, record, observed, removed) if is_needed else frozenset()
    for key, target in sorted(intent.targets.items()):
        if not target.manifest.loadable:
            message = f"{key.id} is written in the task dialect: it is installed, but this gateway cannot load it"
            yield Note(WarningCode.TASK_DIALECT, message, key)
        for need in target.manifest.requires:
            if need not in there:
                message = f"{key.id} uses the extension '{need}', which is not bundled, not listed and not installed"
                yield Note(WarningCode.MISSING_EXTENSION, message, key)


def _extensions_there(
    intent: Intent, record: Record, observed: Observed, removed: frozenset[ItemKey]
) -> frozenset[str]:
    """The names and ids of the extensions that will be there."""
    manifests = [target.manifest for target in intent.targets.values()]
    staying = [key for key in observed.present - removed if key.kind is Kind.EXTENSION]
    manifests += [record.items[key].manifest for key in staying if key in record.items]
    named = {text for found in manifests if found.kind is Kind.EXTENSION for text in (found.id, found.name)}
    return frozenset(named | {key.id for key in staying})
