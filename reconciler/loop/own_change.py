"""What a look finds after an attempt, if nothing happened but that attempt: then a second one is not needed.

An attempt writes what the watcher watches, and so brings the next look. Where that finds what the attempt left, and
nothing else, a second attempt would find nothing to do. What it left is told by record and plan, and not by a look.
"""

from __future__ import annotations

from reconciler.apply.recovery import Recovered
from reconciler.errors import LlamagateError
from reconciler.loop.fingerprint import Fingerprint, Lookout
from reconciler.loop.tried import Tried
from reconciler.model.config import references
from reconciler.model.ids import PACKAGE_KINDS, ItemKey
from reconciler.model.record import Record
from reconciler.packages.stamps import file_stamp
from reconciler.planning.drift import registry_drift
from reconciler.reconcile.outcome import Outcome
from reconciler.store.state_files import read_registry


def after(lookout: Lookout, tried: Tried, before: Fingerprint, seen: Fingerprint | None) -> Fingerprint:
    """That, for an attempt that started from ``before``; ``before`` itself where it cannot be known, or is right.

    It is right where the attempt changed nothing; but the home was not looked at where ``seen`` has another input.
    """
    outcome, record, is_looked_at = tried.outcome, lookout.record(), seen is None or seen.input == before.input
    if outcome is None or record is None or tried.error is not None or lookout.has_servers():
        return before
    if is_looked_at and not outcome.plan.changes:
        return before
    is_known = _is_clean(outcome) and _is_as_left(record, outcome) and _is_of_what_was_seen(lookout, record, outcome)
    registry = _registry_if_right(lookout, record, outcome) if is_known else ""
    if not registry:
        return before
    written = {one.path.absolute(): one.data for one in outcome.proposal.parts.inputs if one.data is not None}
    names = {kind: [key.id for key in _present(outcome) if key.kind is kind] for kind in PACKAGE_KINDS}
    return Fingerprint(input=lookout.inputs.as_written(lookout.file, written), home=lookout.mark(registry, names))


def _is_clean(outcome: Outcome) -> bool:
    """Whether everything is as the file wants it now, and every gateway that should know it does."""
    plan, reload = outcome.plan, outcome.reload
    is_usual = outcome.recovered is Recovered.NONE and outcome.gone_back is None and (not reload or reload.reloaded)
    return is_usual and not (plan.drift or plan.refusals or outcome.warnings or outcome.proposal.intent.pause.suspended)


def _is_as_left(record: Record, outcome: Outcome) -> bool:
    """Whether no other command has changed the home since: each makes a generation, or gives the watcher an order."""
    return record.generation == outcome.generation and not (record.hold or record.suspensions or record.confirm_by)


def _is_of_what_was_seen(lookout: Lookout, record: Record, outcome: Outcome) -> bool:
    """Whether the attempt read the very packages that the look before it saw: they may have changed, and changed back.

    Of a file that holds a value that cannot be told.
    """
    intent = outcome.proposal.intent
    listed = [record.items[key] for key in (*intent.targets, *intent.settled) if key in record.items]
    values = (one for target in intent.targets.values() for _, one in references(target.config))
    return not any(one.kind == "file" for one in values) and all(
        item.source.is_pinned or item.source_stamp == lookout.inputs.stamp(item.source.location) != ""
        for item in listed
    )


def _present(outcome: Outcome) -> frozenset[ItemKey]:
    """The items that have a folder now: those that the pass has seen, and what it did."""
    came = {action.key for action in outcome.plan.actions if action.after is not None}
    went = {action.key for action in outcome.plan.actions if action.removes}
    return (outcome.proposal.observed.present | came) - went


def _registry_if_right(lookout: Lookout, record: Record, outcome: Outcome) -> str:
    """The stamp of the registry, where it says of every recorded item what record and file say; else nothing."""
    home, stamp, file = lookout.home, file_stamp(lookout.home.registry), outcome.proposal.state.file
    wanted = {item.key: item.enabled for item in file.desired.items} if file is not None else {}
    try:
        found = read_registry(home).registry
    except LlamagateError:
        return ""
    root = str(home.root)
    for key, item in record.items.items():
        entry = found.get(key)
        if entry is None or entry.enabled != item.enabled or registry_drift(item, entry, root):
            return ""
        if wanted.get(key) not in (None, entry.enabled):
            return ""
    return stamp if stamp == file_stamp(home.registry) else ""
