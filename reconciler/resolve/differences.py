"""How a lock differs from the one before, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model.lock import LockItem
from reconciler.model.tools import AcceptedTools
from reconciler.model.trust import LockedCatalog


def catalogs_changed(before: Iterable[LockedCatalog], now: Iterable[LockedCatalog]) -> Iterator[str]:
    """What is new of the signed catalogs."""
    known = {one.source: one for one in before}
    for one in now:
        was = known.pop(one.source, None)
        if was is not None and was.signed and not one.signed:
            yield f"{one.source}: its index was signed, and is not signed now"
        elif was != one:
            yield f"{one.source}: its index has the serial {one.serial}" + (f", and had {was.serial}" if was else "")
    for source in known:
        yield f"{source}: its index is no longer looked at"


def tools_difference(before: AcceptedTools | None, now: AcceptedTools) -> str:
    """How the tools of a server differ from those that were accepted."""
    if before is None:
        return f"its {len(now)} tools are not in the lock yet" if len(now) != 1 else "its tool is not in the lock yet"
    parts = {
        "changed": [name for name in before if name in now and before[name] != now[name]],
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return "tools " + "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names)


def _signers(entry: LockItem) -> str:
    names = " and ".join(dict.fromkeys(one.by for one in entry.signed))
    return f"signed by {names}" if names else "not signed"


def _signed_otherwise(before: LockItem, now: LockItem) -> str:
    was, known = _signers(before), _signers(now)
    if was != known:
        return f"{was} is now {known}"
    if {one.key for one in before.signed} != {one.key for one in now.signed}:
        return f"{was}, with other keys than before"
    if {one.signature for one in before.signed} != {one.signature for one in now.signed}:
        return f"{was}, with other signatures than before"
    return f"{was}, at a time that is in the future; it is pinned as of now"


def difference(before: LockItem | None, now: LockItem) -> str:
    """How an entry differs from the one before."""
    if before is None:
        return f"not in the lock yet (now {now.version})"
    if before.source != now.source:
        return f"the source changed from {before.source} to {now.source}"
    if before.version != now.version:
        return f"version {before.version} is now {now.version}"
    if before.tree != now.tree:
        return f"the content of {now.source} changed (version {now.version} as before)"
    if before.executables != now.executables:
        return f"the executable bit of files in {now.source} changed"
    if before.signed != now.signed:
        return _signed_otherwise(before, now)
    return f"where {now.source} has version {now.version} changed, and not its content"
