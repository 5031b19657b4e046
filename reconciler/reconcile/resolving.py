"""Resolve: what each item of the file stands for now, or everything that is wrong with any of them."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.errors import Fault, LlamagateError
from reconciler.model.desired import DesiredItem, section_of
from reconciler.model.ids import ItemKey
from reconciler.model.record import Record
from reconciler.reconcile.progress import Progress
from reconciler.sources.resolve import Resolved, resolve
from reconciler.store.desired_file import DesiredFile


def resolve_items(
    file: DesiredFile, record: Record, progress: Progress, *, only: frozenset[str] = frozenset()
) -> dict[ItemKey, Resolved]:
    """Resolve every item; with ``only``, these and what they depend on, and no other source is looked at.

    The error of one item that cannot be used, or one error with the faults of all of them.
    """
    base, limits = file.path.absolute().parent, file.desired.policy.limits
    found: dict[ItemKey, Resolved] = {}
    errors: list[LlamagateError] = []
    faults: list[Fault] = []
    for done, item in enumerate(_in_scope(file, only, found)):
        progress("reading", done, len(only) or len(file.desired.items))
        try:
            found[item.key] = resolve(
                item, base=base, recorded=record.items.get(item.key), limits=limits, fits=file.is_known
            )
        except LlamagateError as error:
            errors.append(error)
            faults.append(file.fault((section_of(item.key.kind), item.key.id), error.message))
            faults += [fault for fault in error.faults if fault.line or fault.message not in error.message]
    progress("reading", len(found), len(found))
    if len(errors) == 1:
        raise type(errors[0])(str(faults[0]), faults=faults, advice=errors[0].advice)
    if errors:
        message = f"{file.path}: {len(errors)} items cannot be used"
        raise type(errors[0])(message, faults=faults, advice=errors[0].advice)
    return found


def _in_scope(file: DesiredFile, only: frozenset[str], found: dict[ItemKey, Resolved]) -> Iterator[DesiredItem]:
    """The items to resolve. What a module requires is known once it is in ``found``, so this runs along."""
    if not only:
        yield from file.desired.items
        return
    by_id = {item.key.id: item for item in file.desired.items}
    seen: set[str] = set()
    waiting = sorted(only, reverse=True)
    while waiting:
        item = by_id.get(waiting.pop())
        if item is None or item.key.id in seen:
            continue
        seen.add(item.key.id)
        yield item
        resolved = found.get(item.key)
        waiting += [*item.depends_on, *(resolved.manifest.requires if resolved else ())]
