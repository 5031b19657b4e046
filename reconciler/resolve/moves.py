"""Moves of pins that somebody has to permit: down, to other signers, to other content of one version. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.codes import ErrorCode
from reconciler.errors import RefusedError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock, LockItem
from reconciler.model.trust import signer_change
from reconciler.model.version import in_range, is_older


def gone_down(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem]
) -> dict[ItemKey, RefusedError]:
    """The pins that would move to an older version, though neither the file's source nor its range asks for that."""
    errors: dict[ItemKey, RefusedError] = {}
    for item, entry, now in _pinned_twice(items, old, entries):
        is_asked = item.version is not None and not in_range(entry.version, item.version)
        if not is_asked and is_older(now.version, entry.version):
            message = f"{item.source} now has version {now.version} of {item.key.id}, and the lock pins {entry.version}"
            advice = f"find out why; 'llamagate lock --upgrade --allow-downgrade {item.key.id}' takes it"
            errors[item.key] = RefusedError(message, advice=advice, code=ErrorCode.OLDER_THAN_PIN)
    return errors


def signers_changed(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem], fresh: Collection[ItemKey]
) -> dict[ItemKey, RefusedError]:
    """The pins that would move to what somebody else signed, or nobody, or the same person with another key.

    ``fresh`` have new signatures, whether they move or not.
    """
    errors: dict[ItemKey, RefusedError] = {}
    for item, entry, now in _pinned_twice(items, old, entries):
        if item.key not in fresh and (entry.version, entry.tree) == (now.version, now.tree):
            continue
        if what := signer_change([one.signer for one in entry.signed], [one.signer for one in now.signed]):
            advice = f"ask them; 'llamagate lock --upgrade --accept-signer-change {item.key.id}' takes it"
            errors[item.key] = RefusedError(what, advice=advice, code=ErrorCode.SIGNER_CHANGED)
    return errors


def republished(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem]
) -> dict[ItemKey, RefusedError]:
    """The pins that would keep their version and get other content: who signs publishes a version once."""
    errors: dict[ItemKey, RefusedError] = {}
    for item, entry, now in _pinned_twice(items, old, entries):
        if not (entry.signed and item.source.is_pinned):
            continue
        if entry.version == now.version and entry.tree != now.tree:
            message = f"{item.source} has other content as version {now.version} of {item.key.id} than the lock pins"
            advice = "find out who changed it; its publisher gives changed content a new version"
            errors[item.key] = RefusedError(message, advice=advice, code=ErrorCode.REPUBLISHED)
    return errors


def _pinned_twice(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem]
) -> Iterator[tuple[DesiredItem, LockItem, LockItem]]:
    """Each item with its pin before and now, where both are of the source that the file names."""
    before = old.by_key
    for item in items:
        entry, now = before.get(item.key), entries.get(item.key)
        if entry is not None and now is not None and entry.source == item.source:
            yield item, entry, now
