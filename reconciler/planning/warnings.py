"""What the plan passes on to people besides what it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from reconciler.codes import WarningCode
from reconciler.model.config import texts_of
from reconciler.model.ids import ItemKey, Kind, look_of
from reconciler.model.note import Note
from reconciler.model.observed import Observed
from reconciler.model.record import Record, RecordItem
from reconciler.model.regex import regex
from reconciler.model.source import Source, SourceKind
from reconciler.planning.drift import REGISTRY_PATH
from reconciler.planning.intent import Intent, Target
from reconciler.planning.unpinned import unpinned

_VARIABLE: Final = regex(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


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
            message = f"the watcher is paused for {one.what} ({one.reason}); 'apply' changes it all the same"
            yield Note(WarningCode.SUSPENDED, message)
    yield from _not_replaced(intent, changing)
    yield from _of_servers(intent, observed)
    yield from _look_alikes(intent, record, observed)
    yield from (note for note in _what_cannot_run(intent, record, observed, removed) if _is_new(note, changing))
    if intent.rules.policy.prune == "never" and intent.scope is None and intent.speaker.owner is not None:
        staying = {*intent.targets, *intent.servers, *intent.settled, *intent.pause.suspended}
        owned = (key for key, owner in record.owners_by_key.items() if owner == intent.speaker.owner)
        left = sorted(key.id for key in owned if key not in staying)
        if left:
            message = f"no longer in the file, but kept because policy.prune is 'never': {', '.join(left)}"
            yield Note(WarningCode.KEPT, message)


def _of_servers(intent: Intent, observed: Observed) -> Iterable[Note]:
    """That a tool server will not run at all, or not always the same program."""
    file = observed.gateway_file
    if intent.servers and file is not None and not file.is_on:
        yield mcp_off(file.path)
    for key, server in sorted(intent.servers.items()):
        if fetched := unpinned(server.settings):
            message = f"{key.id}: '{fetched}' is fetched again at each start, in whatever version there is; name one"
            yield Note(WarningCode.UNPINNED_COMMAND, message, key)


def mcp_off(path: str) -> Note:
    """That the gateway uses no tool server at all. It is said, and left so."""
    message = f"{path} says 'mcp.enabled: false', so the gateway uses no tool server; llamagate leaves that as it is"
    return Note(WarningCode.MCP_OFF, message)


def _not_replaced(intent: Intent, changing: Collection[ItemKey]) -> Iterable[Note]:
    """What looks like a variable of a shell, and is installed as it stands."""
    for key in sorted(key for key in changing if key in intent.targets):
        for path, text in texts_of(intent.targets[key].config):
            if match := _VARIABLE.fullmatch(text):
                message = f"{key.id}: config.{path} is the text '{text}'; for a variable write {{env: {match[1]}}}"
                yield Note(WarningCode.NOT_REPLACED, message, key)


def _look_alikes(intent: Intent, record: Record, observed: Observed) -> Iterable[Note]:
    """New ids that look like one that is installed and comes from elsewhere, or is of another owner."""
    new = [key for key in sorted(intent.targets) if key not in record.items and key not in observed.present]
    looks: dict[str, list[ItemKey]] = {}
    for key in sorted({*record.items, *observed.present}) if new else ():
        looks.setdefault(look_of(key.id), []).append(key)
    for key in new:
        for other in looks.get(look_of(key.id), ()):
            is_same = other.id.casefold() == key.id.casefold()  # which is refused
            if not is_same and not _are_together(intent.targets[key], record.items.get(other)):
                message = f"{key.id} looks like {other.id}, which is installed and comes from elsewhere; check the name"
                yield Note(WarningCode.LOOKS_LIKE, message, key)
                break


def _are_together(target: Target, recorded: RecordItem | None) -> bool:
    """Whether one hand brings both: of one owner, and from one folder, repository or catalog."""
    if recorded is None or (target.owner, target.source.kind) != (recorded.owner, recorded.source.kind):
        return False
    return _place(target.source) == _place(recorded.source)


def _place(source: Source) -> str:
    is_shared = source.kind in (SourceKind.GIT, SourceKind.CATALOG)
    return source.location if is_shared else source.location.rpartition("/")[0]


def _is_new(note: Note, changing: Collection[ItemKey]) -> bool:
    """That this gateway cannot load an item is said when the item changes, and not at each pass."""
    return note.code is not WarningCode.TASK_DIALECT or note.key in changing


def _what_cannot_run(intent: Intent, record: Record, observed: Observed, removed: frozenset[ItemKey]) -> Iterable[Note]:
    is_needed = any(target.manifest.requires for target in intent.targets.values())
    there = _extensions_there(intent, record, observed, removed) if is_needed else frozenset()
    for key, target in sorted(intent.targets.items()):
        if not target.manifest.loadable:
            message = f"{key.id} is written in the task dialect: only 'llamagate serve' runs it, gateways do not"
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
