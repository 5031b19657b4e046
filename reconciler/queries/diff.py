"""Diff: what differs between two states of items. Nothing is changed but the cache, where a version is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, UsageError
from reconciler.model.config import JsonObject
from reconciler.model.desired import DesiredItem
from reconciler.model.digits import whole
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation, GenerationItem, generation_of
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.listener import Progress, no_progress
from reconciler.model.plan import ActionKind, Plan
from reconciler.model.record import RecordItem
from reconciler.model.source import TAR_SUFFIXES
from reconciler.planning.manifest_diff import manifest_diff, secret_places
from reconciler.planning.server_views import shown_settings
from reconciler.queries.edits import drift_files, server_drift_files
from reconciler.queries.history import difference, server_difference
from reconciler.queries.versions import package_of_version
from reconciler.reconcile.compare import Side, compared
from reconciler.reconcile.explain import explained
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import find, must_find
from reconciler.reconcile.options import Options
from reconciler.reconcile.propose import propose
from reconciler.reconcile.readers import check_there, steadily
from reconciler.reconcile.unmanaged import unmanaged_package
from reconciler.resolve.resolve import resolve_path
from reconciler.store.state_files import read_generation

Change = Literal["added", "changed", "removed"]

_CHANGES: Final[Mapping[ActionKind, Change]] = {ActionKind.INSTALL: "added", ActionKind.REMOVE: "removed"}
_NOT_KEPT: Final = "its package is not in the cache any more: what changes inside it is not known"
_EXPECTED: Final = "expected nothing, an ID, a PACKAGE, @GENERATION [@GENERATION], or ID@VERSION [ID@VERSION]"


class DiffItem(Struct, frozen=True, kw_only=True):
    """One item that differs. ``diff`` is as in the actions of a plan."""

    key: ItemKey
    change: Change
    from_version: str | None
    to_version: str | None
    reasons: tuple[str, ...] = ()
    diff: JsonObject = field(default_factory=dict)

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "change": self.change,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "reasons": [*self.reasons],
            "diff": self.diff,
        }


class Diff(Struct, frozen=True, kw_only=True):
    """What differs from ``before`` to ``after``, both in words. ``drift``: what was changed by hand, and stays."""

    before: str
    after: str
    items: tuple[DiffItem, ...]
    drift: tuple[DiffItem, ...] = ()
    refusals: int = 0

    def to_document(self) -> JsonObject:
        return {
            "from": self.before,
            "to": self.after,
            "items": [item.to_document() for item in self.items],
            "drift": [item.to_document() for item in self.drift],
            "refusals": self.refusals,
        }


def read_diff(
    env: Environment, file: Path, words: Sequence[str], progress: Progress = no_progress, *, kind: Kind | None = None
) -> Diff:
    """What differs between what ``words`` name; without any, between the home and ``file``. ``kind`` is that of ids."""

    def read() -> Diff:
        return _diff(env, file, words, kind, progress)

    return steadily(Home(env.home), read)


def _diff(env: Environment, file: Path, words: Sequence[str], kind: Kind | None, progress: Progress) -> Diff:
    if not words or (len(words) == 1 and not _is_path(words[0]) and "@" not in words[0]):
        return _file_against_home(env, file, (words[0] if words else None, kind), progress)
    check_there(Home(env.home))
    state = read_home_state(env, file)
    if len(words) > 2:
        raise UsageError(_EXPECTED)
    if all(word.startswith("@") for word in words):
        return _generations(state, [_number(word) for word in words])
    if len(words) == 1 and _is_path(words[0]):
        return _package(state, Path(words[0]))
    if all(all(word.partition("@")) and not _is_path(word) for word in words):
        return _versions(state, [word.partition("@") for word in words], kind)
    raise UsageError(_EXPECTED)


def _is_path(word: str) -> bool:
    return "/" in word or word.lower().endswith((".zip", *TAR_SUFFIXES))


def _number(word: str) -> int:
    number = whole(word[1:])
    if number is None:
        raise UsageError(f"'{word}' is not a generation; write @ and a number that 'llamagate history' lists")
    return number


def _file_against_home(env: Environment, file: Path, named: tuple[str | None, Kind | None], progress: Progress) -> Diff:
    proposal = propose(env, Options(file=file), progress)
    text, kind = named
    key = None
    if text is not None:
        listed = proposal.state.file.desired.keys if proposal.state.file else []
        key = must_find(proposal.state, text, kind, listed)
    wanted = tuple(action for action in proposal.plan.actions if key in (None, action.key))
    plan = explained(replace(proposal, plan=replace(proposal.plan, actions=wanted))).plan
    refusals = sum(key in (None, refusal.key) for refusal in plan.refusals)
    drift = tuple(_drifted(proposal.state, plan, key))
    return Diff(before="the home", after=str(file), items=_of_actions(plan), drift=drift, refusals=refusals)


def _of_actions(plan: Plan) -> tuple[DiffItem, ...]:
    return tuple(
        DiffItem(
            key=action.key,
            change=_CHANGES.get(action.action, "changed"),
            from_version=action.from_version,
            to_version=action.to_version,
            reasons=action.reasons,
            diff=action.diff,
        )
        for action in plan.actions
    )


def _drifted(state: HomeState, plan: Plan, key: ItemKey | None) -> Iterator[DiffItem]:
    """Items with files that were changed by hand, and that no action of the plan replaces."""
    acted = {action.key for action in plan.actions}
    for drifted in dict.fromkeys(row.key for row in plan.drift if key in (None, row.key) and row.key not in acted):
        if recorded := state.record.items.get(drifted):
            yield from _edited(state, recorded)
        elif (server := state.record.servers.get(drifted)) and (files := server_drift_files(state.home, server)):
            yield DiffItem(key=drifted, change="changed", from_version=None, to_version=None, diff={"files": files})


def _edited(state: HomeState, recorded: RecordItem) -> Iterator[DiffItem]:
    """What was changed by hand in the item's files, if anything was."""
    if files := drift_files(state.home, recorded):
        version = recorded.version
        yield DiffItem(
            key=recorded.key, change="changed", from_version=version, to_version=version, diff={"files": files}
        )


def _generations(state: HomeState, numbers: Sequence[int]) -> Diff:
    before = read_generation(state.home, numbers[0])
    if len(numbers) > 1:
        after, name = read_generation(state.home, numbers[1]), f"generation {numbers[1]}"
    else:
        after = generation_of(state.record, applied_at="", command="")
        name = f"the home (generation {state.record.generation})"
    items = tuple(_between(state, before, after))
    return Diff(before=f"generation {numbers[0]}", after=name, items=items)


def _between(state: HomeState, before: Generation, after: Generation) -> Iterator[DiffItem]:
    for key in sorted({*before.items, *after.items}):
        old, new = before.items.get(key), after.items.get(key)
        reasons = difference(old, new)
        if not reasons:
            continue
        sides = _kept_side(state, old), _kept_side(state, new)
        lost = any(item is not None and side is None for item, side in zip((old, new), sides, strict=True))
        secrets = frozenset[tuple[str | int, ...]]().union(*(secret_places(one.config) for one in (old, new) if one))
        yield DiffItem(
            key=key,
            change="changed" if old and new else "added" if new else "removed",
            from_version=old.version if old else None,
            to_version=new.version if new else None,
            reasons=(*_beside_versions(reasons, old, new), *([_NOT_KEPT] if lost else [])),
            diff={} if lost else compared(*sides, secrets),
        )
    yield from _servers_between(before, after)


def _servers_between(before: Generation, after: Generation) -> Iterator[DiffItem]:
    for key in sorted({*before.servers, *after.servers}):
        old, new = before.servers.get(key), after.servers.get(key)
        reasons = server_difference(old, new)
        shown, now = (shown_settings(one.settings) if one else {} for one in (old, new))
        if reasons:
            yield DiffItem(
                key=key,
                change="changed" if old and new else "added" if new else "removed",
                from_version=None,
                to_version=None,
                reasons=reasons if old and new else (),
                diff={"manifest": changes} if (changes := manifest_diff(shown, now)) else {},
            )


def _beside_versions(reasons: Sequence[str], old: GenerationItem | None, new: GenerationItem | None) -> Sequence[str]:
    """What is not said by the two versions already, or by the one where there is no other."""
    return reasons if old and new and old.version == new.version else ()


def _kept_side(state: HomeState, item: GenerationItem | None) -> Side | None:
    opened = state.store.find(item.tree, name=item.key.id) if item else None
    return Side(opened=opened, config=item.config, executables=item.executables) if item and opened else None


def _package(state: HomeState, path: Path) -> Diff:
    """What is installed against a package: what an import of it would change."""
    if not path.exists():
        raise InputError.at("no such file or folder", file=path, code=ErrorCode.NOT_FOUND)
    found = resolve_path(path.absolute(), state.store, name=str(path))
    recorded = state.record.items.get(found.key)
    config = recorded.config if recorded else {}
    after = Side(opened=state.store.open(found), config=config, executables=found.executables)
    before = _installed_side(state, found.key)
    items = _pair(found.key, before, after, secret_places(config))
    drift = tuple(_edited(state, recorded)) if recorded else ()
    return Diff(before="the home", after=str(path), items=items, drift=drift)


def _installed_side(state: HomeState, key: ItemKey) -> Side | None:
    """The package that is installed; that of another tool as it is on disk."""
    recorded = state.record.items.get(key)
    if recorded is not None:
        opened = state.store.open_recorded(recorded)
        return Side(opened=opened, config=recorded.config, executables=recorded.executables)
    if key not in state.present:
        return None
    found, _ = unmanaged_package(state, key, state.home.item(key))
    return Side(opened=state.store.open(found), executables=found.executables)


def _versions(state: HomeState, words: Sequence[tuple[str, str, str]], kind: Kind | None) -> Diff:
    """One version of an item against another, or the installed one against a version. Configuration is left out."""
    ids = {item_id for item_id, _, _ in words}
    if len(ids) > 1:
        raise UsageError(f"both versions must be of one item, not of {' and '.join(sorted(ids))}")
    item_id, versions = words[0][0], [version for _, _, version in words]
    listed = _listed(state, item_id, kind)
    key = listed.key if listed else must_find(state, item_id, kind)
    after = _version_side(state, key, listed, versions[-1])
    name = f"{item_id}@{versions[-1]}"
    if len(versions) > 1:
        before: Side | None = _version_side(state, key, listed, versions[0])
        return Diff(before=f"{item_id}@{versions[0]}", after=name, items=_pair(key, before, after))
    installed = _installed_side(state, key)
    before = None if installed is None else replace(installed, config={})
    return Diff(before="the home", after=name, items=_pair(key, before, after))


def _listed(state: HomeState, item_id: str, kind: Kind | None) -> DesiredItem | None:
    items = state.file.desired.items if state.file else ()
    found = next((item for item in items if item.key.id == item_id and kind in (None, item.key.kind)), None)
    key = find(state, item_id, kind) if found is None else None
    return state.listed_item(key) if key else found


def _version_side(state: HomeState, key: ItemKey, listed: DesiredItem | None, version: str) -> Side:
    opened = package_of_version(state, key, listed, version)
    return Side(opened=opened, executables=opened.package.executables)


def _pair(
    key: ItemKey, before: Side | None, after: Side, secrets: frozenset[tuple[str | int, ...]] = frozenset()
) -> tuple[DiffItem, ...]:
    diff = compared(before, after, secrets)
    old = before.opened.package.manifest.version if before else None
    new = after.opened.package.manifest.version
    if before is not None and not diff and old == new:
        return ()
    change: Change = "changed" if before else "added"
    return (DiffItem(key=key, change=change, from_version=old, to_version=new, diff=diff),)
