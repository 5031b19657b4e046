"""Signatures of pins, from where they are published, into the lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.resolve.judged import Ask, Judged, nothing_asked
from reconciler.resolve.moves import republished, signers_changed
from reconciler.resolve.pins import Pins, pins_of
from reconciler.resolve.resolve import together
from reconciler.resolve.resolved import Resolved
from reconciler.resolve.tagged import commit_check
from reconciler.sources.context import IndexJudge, SourceContext
from reconciler.store.desired_file import DesiredFile
from reconciler.store.lock_file import LockFile
from reconciler.store.trust_file import asks_for_trust

if TYPE_CHECKING:
    from reconciler.resolve.trusted import Trust


def trust_of(
    env: Environment, file: DesiredFile | None, base: Path, *, old: LockFile | None = None, may_change: bool = False
) -> Trust | None:
    """The rules that hold for ``file``, which has the lock ``old``; ``None`` where nobody is asked for signatures.

    ``may_change``: new pins may come from a catalog whose index was signed, and is not now. ``InputError`` with every
    fault of a list that they name.
    """
    if not asks_for_trust(env, file):
        return None
    from reconciler.resolve.trusted import rules_of  # the door to the room of trust

    trust = rules_of(env, file, base, old=old, may_change=may_change)
    if trust is not None and file is not None:
        trust.content_of = commit_check(env, file)
    return trust


def judge_of(trust: Trust | None) -> IndexJudge | None:
    """Who says which index of a catalog may be used, where somebody is asked for signatures."""
    return trust.indexes if trust is not None else None


def looker_of(trust: Trust | None) -> IndexJudge | None:
    """As ``judge_of``, for who only looks at what there is: an index that has expired may be listed."""
    return None if trust is None else _Looker(trust.indexes)


class _Looker(Struct, frozen=True):
    judge: IndexJudge

    def check_index(self, location: str, data: bytes, signatures: bytes | None) -> None:
        self.judge.check_index(location, data, signatures)

    def check_fresh(self, _location: str) -> None:
        """Nothing is pinned from it."""


class Signing(Struct, frozen=True):
    """How the entries of a lock are judged. ``trust`` is ``None`` where nobody is asked for signatures.

    ``fresh`` came with packages that were fetched just now, ``ask`` is for others. ``may_change``: a pin may move to
    what others signed than before.
    """

    trust: Trust | None
    fresh: Mapping[ItemKey, tuple[bytes, ...]] = field(default_factory=dict)
    ask: Ask = nothing_asked
    may_change: bool = False

    def judged(self, file: DesiredFile, old: LockFile, entries: Mapping[ItemKey, LockItem]) -> Judged:
        """The entries with the signatures that count, and what is refused.

        One error for all pins that moved to what others have signed than before, or to other content of one version.
        """
        if self.trust is None:
            bare = {key: replace(one, signed=()) if one.signed else one for key, one in entries.items()}
            return Judged(entries=bare, refusals={}, lines={}, catalogs=(), notes=())
        found = self.trust.judged(file.desired.items, old.lock, entries, self.fresh, self.ask)
        good = {key: one for key, one in found.entries.items() if key not in found.refusals}
        errors = republished(file.desired.items, old.lock, good)
        errors |= {} if self.may_change else signers_changed(file.desired.items, old.lock, good, self.fresh)
        if errors:
            raise together(file, errors)
        return found


def trusted_pins(file: DesiredFile, old: LockFile, entries: Mapping[ItemKey, LockItem], signing: Signing) -> Pins:
    """The lock with these entries, for a command that has no plan: one error for all that are refused."""
    judged = signing.judged(file, old, entries)
    if judged.refusals:
        raise together(file, judged.errors())
    return pins_of(file, old, judged.entries, judged.catalogs)


def fresh_signatures(found: Mapping[ItemKey, Resolved]) -> Mapping[ItemKey, tuple[bytes, ...]]:
    """What came with packages that were fetched just now."""
    return {key: one.signatures for key, one in found.items() if one.signatures}


def asker(context: SourceContext) -> Ask:
    """Asks the source of a pin for its signatures; nobody where the command is offline."""
    if context.offline:
        return nothing_asked

    def ask(item: DesiredItem, entry: LockItem) -> tuple[bytes, ...]:
        from reconciler.sources.remotes import Remotes  # the door to the clients, which take time to load

        return Remotes(context).of(item).signatures(item, Offer.of(entry), entry.tree)

    return ask
