"""One function a verb: what a command should bring about. Each fills in ``base``, the empty intent of a command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey, Kind, word_of
from reconciler.model.note import Note
from reconciler.model.record import Record, RecordItem
from reconciler.planning.intent import Allowances, Intent, Pause, Rules, ServerTarget, Target


def to_import(base: Intent, targets: Sequence[Target], record: Record, *, downgrade: bool, overwrite: bool) -> Intent:
    """Install or update items. What something else, or an earlier command, installed under their ids gives way."""
    recorded = {one.key: record.items.get(one.key) for one in targets}
    gives_way = frozenset(word_of(key) for key, item in recorded.items() if item is None or item.owner is None)
    allowances = Allowances(downgrade=downgrade, overwrite=overwrite, take_over=gives_way)
    asked = [replace(one, is_asked_for=True) for one in targets]
    return replace(_covering(base, asked), rules=replace(base.rules, allowances=allowances))


def to_remove(base: Intent, key: ItemKey, *, force: bool) -> Intent:
    """Remove one item, also one that something else installed."""
    rules = replace(base.rules, allowances=Allowances(force=force))
    return replace(base, removals={key: "removed by a command"}, scope=frozenset([key]), rules=rules)


def to_switch(base: Intent, key: ItemKey, *, enabled: bool) -> Intent:
    """Enable or disable one item and leave its files alone."""
    return replace(base, switches={key: enabled}, scope=frozenset([key]))


def to_roll_back(
    base: Intent,
    targets: Iterable[Target],
    record: Record,
    *,
    number: int,
    overwrite: bool,
    servers: Iterable[ServerTarget] = (),
) -> Intent:
    """Bring back the list of generation ``number``: what is recorded and not in it is removed."""
    packages, tools = {one.key: one for one in targets}, {one.key: one for one in servers}
    listed, recorded = packages.keys() | tools.keys(), record.owners_by_key
    going = {key: f"not in generation {number}" for key in recorded if key not in listed}
    allowances = Allowances(
        overwrite=overwrite, force=True, take_over=frozenset(word_of(key) for key in recorded if key in listed)
    )
    return replace(
        base,
        targets=packages,
        servers=tools,
        removals=going,
        scope=frozenset([*listed, *going]),
        rules=replace(base.rules, allowances=allowances),
        pause=Pause(reason=f"rolled back to generation {number}"),
    )


def to_restore(base: Intent, target: Target) -> Intent:
    """Put the whole folder of ``target.backup`` back."""
    number = target.backup.generation if target.backup else 0
    return replace(
        _covering(base, [target]),
        rules=replace(base.rules, allowances=Allowances(take_over=frozenset([word_of(target.key)]))),
        pause=Pause(reason=f"{target.key.id} was restored from the backup of generation {number}"),
    )


def to_restore_entry(base: Intent, key: ItemKey, entry: JsonObject, *, number: int) -> Intent:
    """Put the entry of a tool server back as it was, also where another program wrote it. The record stays."""
    reason = f"{key.id} was restored from the backup of generation {number}"
    return replace(base, entries={key: entry}, scope=frozenset([key]), pause=Pause(reason=reason))


def to_sync(base: Intent, found: Iterable[Target], gone: Iterable[ItemKey], notes: Iterable[Note]) -> Intent:
    """Take ``found`` into the record as it is on disk, and forget what is ``gone`` from there.

    Nothing is healed or refused: the disk decides.
    """
    targets = {one.key: one for one in found}
    policy = replace(
        base.rules.policy,
        drift_edited="report",
        drift_missing="report",
        allow_builtin=frozenset(key.id for key in targets),
    )
    return replace(
        base,
        targets=targets,
        removals={key: f"its {'entry' if key.kind is Kind.MCP_SERVER else 'folder'} is gone" for key in gone},
        scope=None,
        rules=Rules(policy=policy, allowances=Allowances(force=True, same_id=True)),
        notes=tuple(notes),
    )


def to_migrate(
    base: Intent, found: Iterable[Target], notes: Iterable[Note], *, claims: frozenset[str] = frozenset()
) -> Intent:
    """Install legacy packages that are not installed yet; ``claims`` are the ids that an earlier migration brought."""
    rules = replace(base.rules, allowances=Allowances(take_over=claims))
    return replace(_covering(base, found), rules=rules, notes=tuple(notes))


def _covering(base: Intent, targets: Iterable[Target]) -> Intent:
    """The intent that these targets be there, and nothing else."""
    listed = {one.key: one for one in targets}
    return replace(base, targets=listed, scope=frozenset(listed))


def as_recorded(recorded: RecordItem) -> Target:
    """The target that leaves an item as the record says."""
    return Target(
        key=recorded.key,
        source=recorded.source,
        source_stamp=recorded.source_stamp,
        owner=recorded.owner,
        manifest=recorded.manifest,
        tree=recorded.tree,
        config=recorded.config,
        files={path: file.sha256 for path, file in recorded.files.items()},
        depends_on=recorded.depends_on,
        executables=recorded.executables,
        signers=recorded.signers,
    )
