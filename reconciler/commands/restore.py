"""Restore: a kept backup's whole folder becomes the item's folder again, local files included."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.fs import tree
from reconciler.fs.bounded import read_if_there
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.generation import GenerationItem
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.servers import BACKUP_FILE
from reconciler.observe.kept import backed_up, backups_of
from reconciler.planning.intent import Backup, Target
from reconciler.planning.intents import to_restore, to_restore_entry
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.naming import named_items, not_installed, one_of
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.reconcile.readers import check_there
from reconciler.reconcile.rollback import kept_package
from reconciler.reconcile.target import target_for
from reconciler.reconcile.trusted import revoked_problems
from reconciler.reconcile.unmanaged import unmanaged_package
from reconciler.resolve.resolved import Resolved
from reconciler.store.state_files import read_generation


class KeptBackup(Struct, frozen=True, kw_only=True):
    """One kept backup: what the change to ``generation`` replaced. What is no longer known is empty."""

    key: ItemKey
    generation: int
    version: str
    replaced_at: str
    path: Path

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "generation": self.generation,
            "version": self.version,
            "replaced_at": self.replaced_at,
            "path": str(self.path),
        }


def list_backups(env: Environment, file: Path, text: str | None, kind: Kind | None) -> tuple[KeptBackup, ...]:
    """The kept backups of one item, newest first; without ``text`` those of all items."""
    check_there(Home(env.home))
    state = read_home_state(env, file)
    keys = backed_up(state.home) if text is None else _meant(state, text, kind)
    found = tuple(_described(state, key, number) for key in keys for number in reversed(backups_of(state.home, key)))
    if text is not None and not found:
        raise _no_backup(state, text, kind)
    return found


def propose_restore(env: Environment, file: Path, text: str, kind: Kind | None, generation: int | None) -> Proposal:
    """Plan to put the backup of ``generation`` back; ``None`` is the newest. ``InputError`` where none such is kept."""
    state = read_home_state(env, file)
    key = one_of(text, _meant(state, text, kind))
    kept = backups_of(state.home, key) if key else []
    if key is None or not kept:
        raise _no_backup(state, text, kind)
    number = kept[-1] if generation is None else generation
    if number not in kept:
        there = ", ".join(map(str, kept))
        raise InputError(
            f"{key.id} has no backup of generation {number}; there are backups of {there}", code=ErrorCode.NOT_FOUND
        )
    if key.kind is Kind.MCP_SERVER:
        entry = _entry(state, key, number)
        return propose_intent(state, to_restore_entry(intent_of_command(state), key, entry, number=number))
    found, target = _package(state, key, number)
    paths = frozenset(node.path for node in tree.walk(state.home.backup(key, number)))
    intent = to_restore(intent_of_command(state), replace(target, backup=Backup(number, paths)))
    remembered = _remembered(state, key, number)
    refused = revoked_problems(state, {key: remembered.signers if remembered else ()})
    return propose_intent(state, intent, Parts(resolved={key: found}, refused=refused))


def _entry(state: HomeState, key: ItemKey, number: int) -> JsonObject:
    """The entry of a tool server that a backup keeps."""
    path = state.home.backup(key, number) / BACKUP_FILE
    data = read_if_there(path)
    try:
        value = json.loads(data or b"")
    except ValueError as error:
        raise InputError.at("it is not as llamagate writes it", file=path) from error
    if not isinstance(value, dict):
        raise InputError.at("it is not as llamagate writes it", file=path)
    return value


def _meant(state: HomeState, text: str, kind: Kind | None) -> list[ItemKey]:
    """The items that ``text`` may name: what is installed, and what only backups are left of."""
    left = (ItemKey(one, text) for one in Kind if kind in (None, one))
    return sorted({*named_items(state, text, kind), *(key for key in left if backups_of(state.home, key))})


def _no_backup(state: HomeState, text: str, kind: Kind | None) -> InputError:
    missing = "" if named_items(state, text, kind) else f", and {not_installed(state, text, kind)}"
    return InputError(
        f"there is no backup of '{text}'{missing}",
        advice="policy.backups sets how many are kept of each item",
        code=ErrorCode.NOT_FOUND,
    )


def _described(state: HomeState, key: ItemKey, number: int) -> KeptBackup:
    item = _remembered(state, key, number)
    try:
        replaced_at = read_generation(state.home, number).applied_at
    except InputError:
        replaced_at = ""
    return KeptBackup(
        key=key,
        generation=number,
        version=item.version if item else "",
        replaced_at=replaced_at,
        path=state.home.backup(key, number),
    )


def _remembered(state: HomeState, key: ItemKey, number: int) -> GenerationItem | None:
    """What the item was before the change that made the backup, if that is still known."""
    try:
        return read_generation(state.home, number - 1).items.get(key)
    except InputError:
        return None


def _package(state: HomeState, key: ItemKey, number: int) -> tuple[Resolved, Target]:
    """The package behind a backup, so that what was edited in it stays drift; else the folder as it is."""
    item = _remembered(state, key, number)
    found = kept_package(state, item) if item else None
    if item is None or found is None or state.values.missing(item.config):
        return unmanaged_package(state, key, state.home.backup(key, number))
    enabled = None if state.registry.get(key) else item.enabled
    target = target_for(state, found, item.config)
    return found, replace(target, owner=item.owner, enabled=enabled, depends_on=item.depends_on, signers=item.signers)
