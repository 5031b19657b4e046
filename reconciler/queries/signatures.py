"""Verify --signatures: who signed each pin, from the lock alone, and by which rule and line that counts."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.trust import LockedCatalog, Signer
from reconciler.resolve.judged import nothing_asked
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
    """``has_rules``: somebody is asked. ``expired`` are warnings."""

    has_rules: bool
    items: tuple[ItemSignatures, ...]
    catalogs: tuple[LockedCatalog, ...] = ()
    expired: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not any(one.problem for one in self.items)

    def to_document(self) -> JsonObject:
        return {
            "verified": self.is_good,
            "items": [one.to_document() for one in self.items],
            "catalogs": [one.to_document() for one in self.catalogs],
            "expired": [*self.expired],
        }


def read_signatures(env: Environment, path: Path) -> SignaturesFound:
    """Judge every pin of the lock. Nobody is asked for anything."""
    file = read_desired(path)
    old = read_lock(lock_path(path, env.lock_file))
    trust = trust_of(env, file, path.absolute().parent, old=old)
    if trust is None:
        return SignaturesFound(has_rules=False, items=())
    entries = old.lock.by_key
    judged = trust.judged(file.desired.items, old.lock, entries, {}, nothing_asked)
    items = [
        ItemSignatures(
            key=key,
            version=judged.entries[key].version,
            signers=tuple(one.signer for one in judged.entries[key].signed),
            problem=str(problem) if (problem := judged.refusals.get(key)) else "",
            code=problem.code.value if problem else "",
            lines=judged.lines[key],
        )
        for key in sorted(judged.lines)
    ]
    expired = tuple(note.message for note in judged.notes)
    return SignaturesFound(has_rules=True, items=tuple(items), catalogs=judged.catalogs, expired=expired)
