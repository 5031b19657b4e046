"""Verify --signatures: who signed each pin, from the lock alone, and by which rule and line that counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.model.config import JsonObject
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem
from reconciler.model.trust import LockedCatalog, Signer
from reconciler.resolve.judged import Judged, nothing_asked
from reconciler.resolve.pins import partition
from reconciler.resolve.signatures import trust_of
from reconciler.store.desired_file import read_desired
from reconciler.store.lock_file import lock_path, read_lock


class ItemSignatures(Struct, frozen=True, kw_only=True):
    """``problem`` is empty where the item may be used; ``lines`` say what decided that."""

    key: ItemKey
    version: str
    signers: tuple[Signer, ...]
    problem: str
    code: str
    lines: tuple[str, ...]

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "version": self.version,
            "signers": [{"by": one.by, "key": one.key} for one in self.signers],
            "code": self.code or None,
            "problem": self.problem or None,
            "explained": [*self.lines],
        }


class SignaturesFound(Struct, frozen=True, kw_only=True):
    """``has_rules``: somebody is asked. ``expired`` says which indexes have, ``warnings`` what else is strange."""

    has_rules: bool
    items: tuple[ItemSignatures, ...]
    catalogs: tuple[LockedCatalog, ...] = ()
    expired: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not any(one.problem for one in self.items)

    @property
    def is_refused(self) -> bool:
        """Whether a pin may not be used; else what is not good is only missing from the lock."""
        return any(one.code not in ("", ErrorCode.LOCK_STALE) for one in self.items)

    def to_document(self) -> JsonObject:
        return {
            "verified": self.is_good,
            "items": [one.to_document() for one in self.items],
            "catalogs": [one.to_document() for one in self.catalogs],
            "expired": [*self.expired],
            "warnings": [*self.warnings],
        }


def read_signatures(env: Environment, path: Path) -> SignaturesFound:
    """Judge every pin of the lock. Nobody is asked for anything."""
    file = read_desired(path)
    old = read_lock(lock_path(path, env.lock_file))
    trust = trust_of(replace(env, offline=True), file, path.absolute().parent, old=old)
    if trust is None:
        return SignaturesFound(has_rules=False, items=())
    asked = [item for item in file.desired.items if trust.asks(item)]
    missing = _missing(asked, old.lock.by_key)
    entries = {key: entry for key, entry in old.lock.by_key.items() if key not in missing}
    judged = trust.judged(file.desired.items, old.lock, entries, {}, nothing_asked)
    items = [
        *map(_not_pinned, missing, missing.values()),
        *(_of_pin(key, judged) for key in judged.lines),
    ]
    expired = tuple(note.message for note in judged.notes if note.code is WarningCode.CATALOG_EXPIRED)
    others = tuple(str(note) for note in judged.notes if note.code is not WarningCode.CATALOG_EXPIRED)
    items.sort(key=lambda one: one.key)
    return SignaturesFound(
        has_rules=True, items=tuple(items), catalogs=judged.catalogs, expired=expired, warnings=others
    )


def _missing(asked: Iterable[DesiredItem], entries: Mapping[ItemKey, LockItem]) -> Mapping[ItemKey, str]:
    """The items of which the lock does not say which package they are, with the reason."""
    parts = partition(asked, entries)
    reasons = {item.key: reason for item, reason in parts.undecided}
    return reasons | {item.key: "not in the lock yet" for item in parts.local if item.key not in entries}


def _not_pinned(key: ItemKey, reason: str) -> ItemSignatures:
    problem = f"{reason}; 'llamagate lock' pins it"
    return ItemSignatures(key=key, version="", signers=(), problem=problem, code=ErrorCode.LOCK_STALE.value, lines=())


def _of_pin(key: ItemKey, judged: Judged) -> ItemSignatures:
    entry, problem = judged.entries[key], judged.refusals.get(key)
    return ItemSignatures(
        key=key,
        version=entry.version,
        signers=tuple(one.signer for one in entry.signed),
        problem=str(problem) if problem else "",
        code=problem.code.value if problem else "",
        lines=judged.lines[key],
    )
