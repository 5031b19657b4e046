"""Migrate: packages of a gateway's old folders become installed items. The old folders are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import FaultCode, WarningCode
from reconciler.commands.import_ import target_from_package
from reconciler.commands.save import saved_packages, saving_owner
from reconciler.errors import Fault, InputError, LlamagateError, telling
from reconciler.fs import durable
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Listener
from reconciler.model.note import Note
from reconciler.observe.below import is_package
from reconciler.observe.legacy import legacy_packages
from reconciler.planning.intents import to_migrate
from reconciler.reconcile.change import change
from reconciler.reconcile.explain import explained
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.reconcile.trusted import judged_here
from reconciler.resolve.resolve import resolve_path
from reconciler.resolve.resolved import Resolved

MARKER: Final = ".migration_complete"
_MARKER_TEXT: Final = b"migration completed"


class Migration(Struct, frozen=True, kw_only=True):
    """What is asked for. ``skips_invalid``: a folder that is no valid package is named and left, not refused."""

    folders: tuple[Path, ...]
    save: bool = False
    skips_invalid: bool = False


def migrate(env: Environment, file: Path, asked: Migration, listener: Listener, *, detailed: bool = False) -> Outcome:
    """Install what is found, and then mark the home as migrated, so that no gateway does it again.

    ``detailed``: the plan says what changes inside each package.
    """

    def propose() -> Proposal:
        proposal = propose_migration(env, file, asked)
        return explained(proposal) if detailed else proposal

    outcome = change(env, file, listener, propose, creates=True)
    if outcome.proposal.parts.migrates and not outcome.plan.refusals:
        marker = env.home / MARKER
        with telling("everything is migrated, but the gateway may do it again"):
            if not marker.exists():
                durable.write_file(marker, _MARKER_TEXT)
    return outcome


def propose_migration(env: Environment, file: Path, asked: Migration) -> Proposal:
    """Plan it. ``InputError`` with the faults of every folder that is no valid package."""
    state = read_home_state(env, file, needs_file=asked.save)
    folders = {root: legacy_packages(root) for root in asked.folders}
    packages, faults = _read_all(state, folders)
    if faults and not asked.skips_invalid:
        count = sum(map(len, folders.values()))
        message = f"{_named(folders)}: {count - len(packages)} of {count} packages cannot be migrated"
        raise InputError(message, faults=faults, advice="fix them, or leave them out with --skip-invalid")
    judged, refusals = judged_here(state, packages)
    packages = list(judged)
    new = [one for one in packages if one.key not in state.present and one.key not in state.record.items]
    earlier = [one for one in packages if asked.save and _is_to_be_listed(state, one)]
    owner = saving_owner(state) if asked.save else None
    inputs = saved_packages(state, [*new, *earlier]) if owner is not None and (new or earlier) else ()
    notes = [Note(WarningCode.LEFT_OUT, f"{fault} (left out)") for fault in faults]
    notes += _notes(state, _named(folders), packages)
    notes += [_nothing_below(root) for root, below in folders.items() if not below and len(folders) == 1]
    targets = [target_from_package(state, one, owner=owner) for one in (*new, *earlier)]
    claims = frozenset(one.key.id for one in earlier)
    intent = to_migrate(intent_of_command(state, saves_for=owner), targets, notes, claims=claims)
    resolved = {one.key: one for one in (*new, *earlier)}
    refused = {key: problem for key, problem in refusals.items() if key in resolved}
    parts = Parts(resolved=resolved, inputs=inputs, migrates=bool(packages), refused=refused)
    return propose_intent(state, intent, parts)


def _is_to_be_listed(state: HomeState, package: Resolved) -> bool:
    """Whether it was migrated before, without being saved: a command brought this, and the file does not list it."""
    recorded = state.record.items.get(package.key)
    is_ours = recorded is not None and (recorded.owner, recorded.tree) == (None, package.tree)
    return is_ours and state.listed_item(package.key) is None


def _nothing_below(folder: Path) -> Note:
    message = f"found no package in {folder}"
    if is_package(folder):
        message += f"; it is a package itself: 'llamagate import {folder}' installs it"
    return Note(WarningCode.NOTHING_FOUND, message)


def _named(folders: Iterable[Path]) -> str:
    return " and ".join(map(str, folders))


def _read_all(state: HomeState, folders: Mapping[Path, list[Path]]) -> tuple[list[Resolved], list[Fault]]:
    packages: dict[ItemKey, Resolved] = {}
    faults: list[Fault] = []
    taken: dict[str, Path] = {}
    for root, folder in ((root, folder) for root, below in folders.items() for folder in below):
        name = f"{root.name}/{folder.relative_to(root).as_posix()}"
        try:
            found = resolve_path(folder.absolute(), state.store, name=name)
        except LlamagateError as error:
            faults += error.faults or [Fault(file=name, message=error.message, code=error.code)]
            continue
        other = taken.setdefault(found.key.id.casefold(), folder)
        if other != folder:
            faults.append(
                Fault(file=name, message=f"{other} has the id '{found.key.id}' too", code=FaultCode.DUPLICATE_ID)
            )
        else:
            packages[found.key] = found
    return list(packages.values()), faults


def _notes(state: HomeState, roots: str, packages: list[Resolved]) -> Iterator[Note]:
    for found in packages:
        recorded = state.record.items.get(found.key)
        installed = recorded.version if recorded else None
        if installed not in (None, found.manifest.version):
            message = (
                f"{found.key.id} is installed in version {installed}; the old {found.manifest.version} is left out"
            )
            yield Note(WarningCode.LEFT_OUT, message, found.key)
        if found.name.rpartition("/")[2] != found.key.id:
            message = f"{found.name} has the id '{found.key.id}', and is installed under that id"
            yield Note(WarningCode.ID_AND_NAME, message, found.key)
    if packages:
        ids = ", ".join(sorted(found.key.id for found in packages))
        yield Note(
            WarningCode.LEGACY_STAYS,
            f"{roots}: not changed; a gateway that is started beside it still loads from there what you remove or "
            f"disable later ({ids})",
        )
