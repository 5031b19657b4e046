"""What the record and the registry say after a plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from reconciler.model.config import references, same
from reconciler.model.ids import ItemKey
from reconciler.model.journal import Edits
from reconciler.model.observed import Observed
from reconciler.model.plan import Action, ActionKind, Plan
from reconciler.model.record import Hold, Record, RecordedFile, RecordItem
from reconciler.model.registry import RegistryEntry, registry_time
from reconciler.model.servers import GatewayFile, ServerChange, ServerEdit, server_key
from reconciler.planning.intent import Intent
from reconciler.planning.servers import server_edits

_FOR_OTHERS: Final = 0o077
Stamps = Mapping[ItemKey, Mapping[str, RecordedFile]]
"""Item → path → the file as it was staged."""


def next_record(record: Record, plan: Plan, intent: Intent, staged: Stamps) -> Record:
    """The record after ``plan``: one generation on, the owner's file noted, a hold set or ended as the intent says."""
    items, servers = dict(record.items), dict(record.servers)
    for action in plan.actions:
        if action.removes:
            items.pop(action.key, None)
            servers.pop(action.key, None)
        elif action.server is not None:
            servers[action.key] = action.server
        elif action.after is not None:
            items[action.key] = _with_stamps(action.after, action, staged.get(action.key, {}))
    generation = record.generation + 1
    hold = None if intent.pause.ends else record.hold
    if intent.pause.reason:
        hold = Hold(reason=intent.pause.reason, generation=generation, inputs=intent.pause.inputs)
    owner = intent.speaker.speaks_for
    return replace(
        record,
        generation=generation,
        hold=hold,
        owners=record.owners if owner is None else {**record.owners, owner: intent.speaker.file},
        items=items,
        servers=servers,
        confirm_by=None,
    )


def _with_stamps(item: RecordItem, action: Action, staged: Mapping[str, RecordedFile]) -> RecordItem:
    """A file that was kept as it is on disk has no stamp: the next pass must read it to see that it still differs."""
    unread = {path: RecordedFile(item.files[path].sha256) for path in action.keep if path in item.files}
    return replace(item, files={**item.files, **staged, **unread})


def registry_edits(plan: Plan, intent: Intent, observed: Observed, now: datetime) -> tuple[Edits, Edits]:
    """The entries that ``plan`` sets and drops, and the edits that undo that."""
    edits: dict[str, RegistryEntry | None] = {}
    for action in sorted(plan.actions, key=lambda action: not action.removes):  # an id may pass to the other kind
        before = observed.registry.get(action.key)
        if action.after is not None:
            found = observed.item(action.key)
            entry = _entry(action.after, before, intent.home, registry_time(now))
            if before and not action.rewrites and before.version == found.version != action.after.version:
                entry = replace(before, enabled=entry.enabled, last_updated_at=entry.last_updated_at)
            edits[action.key.id] = entry
        elif before is not None:  # else the entry under this id, if any, is that of an item of the other kind
            edits[action.key.id] = None if action.removes else _switched(before, action, registry_time(now))
    return edits, {item_id: observed.registry.entries.get(item_id) for item_id in edits}


def server_change(
    plan: Plan, intent: Intent, record: Record, observed: Observed, mode: int | None
) -> ServerChange | None:
    """What ``plan`` does to the gateway's file, which has this ``mode``; ``None`` where nothing is written there.

    A file that others may read, with a secret in it, is narrowed, also where it says already what it should.
    """
    edits, file = server_edits(plan.actions, intent), observed.gateway_file
    servers = [action.server for action in plan.actions if action.server is not None]
    is_private = bool(intent.entries) or any(any(references(server.settings)) for server in servers)
    is_wide = mode is not None and bool(mode & _FOR_OTHERS)
    if file is None or not (edits or (is_private and is_wide)):
        return None
    return ServerChange(
        edits=edits,
        before={name: ServerEdit(entry=found.entry if (found := file.servers.get(name)) else None) for name in edits},
        text=None if file.data is None else file.data.decode(),
        mode=mode,
        is_private=is_private,
        kept=tuple(name for name in sorted(edits) if _is_unknown(name, edits[name], record, file)),
    )


def _is_unknown(name: str, edit: ServerEdit, record: Record, file: GatewayFile) -> bool:
    """Whether an entry goes that is not as we wrote it: no generation could bring it back."""
    found, recorded = file.servers.get(name), record.servers.get(server_key(name))
    goes = found is not None and edit.is_whole and not same(found.entry, edit.entry)
    return goes and (recorded is None or found is None or found.digest != recorded.entry)


def _switched(entry: RegistryEntry, action: Action, now: str) -> RegistryEntry:
    """The entry of an item that we did not install, enabled or disabled."""
    return replace(entry, enabled=action.action is ActionKind.ENABLE, last_updated_at=now)


def _entry(item: RecordItem, before: RegistryEntry | None, home: str, now: str) -> RegistryEntry:
    return RegistryEntry(
        key=item.key,
        name=item.manifest.name,
        version=item.version,
        enabled=item.enabled,
        installed_at=(before.installed_at if before else "") or now,
        last_updated_at=now,
        source_path=f"{home}/{item.key.kind.folder}/installed/{item.key.id}",
        extra=before.extra if before else {},
    )
