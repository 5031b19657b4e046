"""Who signed what a plan brings: named, and marked where a reviewer must look. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from reconciler.documents.unseen import visible
from reconciler.model.desired import DesiredItem
from reconciler.model.plan import Action, Mark, MarkCode
from reconciler.model.record import Record
from reconciler.model.source import SourceKind
from reconciler.model.trust import LockedCatalog, Signer, signer_change


def with_signers(actions: Sequence[Action], record: Record) -> tuple[Action, ...]:
    """``actions``, each with its signers and what is new about them, before its other marks."""
    if not any(action.after and action.after.signers for action in actions) and not any(
        item.signers for item in record.items.values()
    ):
        return tuple(actions)
    known = frozenset(one for item in record.items.values() for one in item.signers)
    return tuple(_with_signers(action, record, known) for action in actions)


def with_unsigned_indexes(
    actions: Sequence[Action], items: Iterable[DesiredItem], catalogs: Iterable[LockedCatalog]
) -> tuple[Action, ...]:
    """``actions``, of which those are marked that come from a catalog that was signed once, and is not now."""
    lost = {one.source for one in catalogs if not one.signed}
    if not lost:
        return tuple(actions)
    sources = {item.key: item.source for item in items if item.source.kind is SourceKind.CATALOG}
    return tuple(
        _from_unsigned(action, sources[action.key].location)
        if action.key in sources and sources[action.key].location in lost and action.after
        else action
        for action in actions
    )


def _from_unsigned(action: Action, location: str) -> Action:
    if any(mark.code is MarkCode.NO_LONGER_SIGNED for mark in action.marks):
        return action
    what = f"comes from {visible(location).text}, whose index was signed, and is not signed now"
    return replace(action, marks=(Mark(MarkCode.NO_LONGER_SIGNED, what), *action.marks))


def _with_signers(action: Action, record: Record, known: Collection[Signer]) -> Action:
    if action.after is None:
        return action
    recorded, now = record.items.get(action.key), action.after.signers
    marks = _marks(recorded.signers if recorded else (), now, known)
    return replace(action, signed_by=tuple(map(str, now)), marks=(*marks, *action.marks))


def _marks(before: Sequence[Signer], now: Sequence[Signer], known: Collection[Signer]) -> tuple[Mark, ...]:
    if change := signer_change(before, now):
        is_same_name = bool({one.by for one in before} & {one.by for one in now})
        code = MarkCode.KEY_CHANGED if is_same_name else MarkCode.SIGNER_CHANGED if now else MarkCode.NO_LONGER_SIGNED
        return (Mark(code, change.removeprefix("it ")),)
    new = [one for one in now if one not in known]
    return (Mark(MarkCode.NEW_SIGNER, f"is signed by {new[0]}, who signed nothing here before"),) if new else ()
