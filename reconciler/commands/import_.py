"""Import: packages from archives, folders or addresses."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.commands.edit import without_places
from reconciler.commands.save import check_can_be_kept, saved_packages, saving_owner
from reconciler.errors import InputError, LlamagateError, together
from reconciler.fs.places import located
from reconciler.model.config import Json
from reconciler.model.desired import API_VERSION, DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import Kind
from reconciler.model.package import DEFINITIONS
from reconciler.model.source import Source
from reconciler.observe.below import is_package, packages_below
from reconciler.planning.intent import Target
from reconciler.planning.intents import to_import
from reconciler.reconcile.checks import with_checks
from reconciler.reconcile.home_state import HomeState, ListedBy, listed_by, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.reconcile.target import check_filled, target_for
from reconciler.reconcile.trusted import judged_here
from reconciler.resolve.resolve import resolve_path
from reconciler.resolve.resolved import Resolved
from reconciler.sources.web.url import shown
from reconciler.store.desired_file import decode_desired
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.trust_file import asks_for_trust

_NAMED: Final = 4
"""As many packages are named; a folder with more is named as a pattern."""


class Import(Struct, frozen=True, kw_only=True):
    """What is asked for: paths, and addresses as text. ``kind`` is ``None`` where any will do; ``inside`` is the
    package's folder in an archive or repository; ``save`` writes the items into the desired state.
    """

    packages: tuple[Path | str, ...]
    inside: str = ""
    kind: Kind | None = None
    downgrade: bool = False
    overwrite: bool = False
    save: bool = False


def propose_import(env: Environment, file: Path, asked: Import) -> Proposal:
    """Plan an import, of all packages or none. ``InputError`` and ``RefusedError`` say what is wrong with them."""
    state = read_home_state(env, file, needs_file=asked.save)
    found: dict[str, Resolved] = {}
    errors: list[LlamagateError] = []
    for package in asked.packages:
        try:
            one = _read(state, package, asked)
            other = found.setdefault(one.key.id.casefold(), one)
            if (other.key, other.tree) != (one.key, one.tree):
                message = f"{one.name} has the id '{one.key.id}', as {other.name} has"
                raise InputError(message, advice="import only one of them", code=ErrorCode.MALFORMED)
        except LlamagateError as error:
            errors.append(error)
    if errors:
        raise together(errors, f"{len(errors)} of {len(asked.packages)} packages cannot be imported")
    return with_checks(propose_packages(state, [*found.values()], asked))


def propose_packages(state: HomeState, found: Sequence[Resolved], asked: Import) -> Proposal:
    """Plan an import of packages that are read already. Errors as for ``propose_import``."""
    owner = saving_owner(state) if asked.save else None
    for one in found if asked.save else ():
        check_can_be_kept(state, one)
    found, refused = judged_here(state, found)
    inputs = saved_packages(state, found) if asked.save else ()
    targets = [
        target_from_package(state, one, owner=owner, listed=state.listed_item(one.key) if asked.save else None)
        for one in found
    ]
    intent = to_import(
        intent_of_command(state, saves_for=owner),
        targets,
        state.record,
        downgrade=asked.downgrade,
        overwrite=asked.overwrite,
    )
    contradicted = (_contradicted(state, one, saving=asked.save) for one in found)
    against = next((says for says in contradicted if says), None)
    return propose_intent(
        state,
        intent,
        Parts(
            resolved={one.key: one for one in found},
            inputs=inputs,
            against=against,
            refused=refused,
        ),
    )


def _read(state: HomeState, package: Path | str, asked: Import) -> Resolved:
    if isinstance(package, str):
        found = _fetched(state, package, asked)
    else:
        _check_is_whole(package)
        found = resolve_path(_absolute(package), state.store, name=str(package), inside=asked.inside)
    if asked.kind not in (None, found.key.kind):
        name = shown(package) if isinstance(package, str) else str(package)
        message = f"{name} is the {found.key.kind} '{found.key.id}', not an {asked.kind}"
        advice = f"'llamagate import {found.key.kind} {name}' installs it"
        raise InputError(message, advice=advice, code=ErrorCode.WRONG_PACKAGE)
    return found


def _fetched(state: HomeState, address: str, asked: Import) -> Resolved:
    """The package at an address, which a file could name as well, and is held to the same rules."""
    entry: Json = address
    if asked.inside:
        entry = {**Source.from_document(address).to_full_document(), "path": asked.inside}
    listed = {"apiVersion": API_VERSION, "extensions": {"package": {"source": entry}}}
    try:
        with without_places():
            (item,) = decode_desired(json.dumps(listed).encode(), state.path).desired.items
    except InputError as error:
        raise InputError(f"{shown(address)}: {error.message}", advice=error.advice, code=error.code) from error
    from reconciler.resolve.fetch import fetch_one  # the door to the clients, which take time to load

    return fetch_one(item.source, state.store, state.context, signed=asks_for_trust(state.env, state.file))


def _check_is_whole(package: Path) -> None:
    if package.name in DEFINITIONS and package.is_file():
        advice = f"'llamagate import {package.parent}' installs the whole package"
        raise InputError(f"{package} is one file of a package", advice=advice, code=ErrorCode.WRONG_PACKAGE)
    if package.is_dir() and not is_package(package) and (below := packages_below(package)):
        named = " ".join(map(str, below)) if len(below) <= _NAMED else f"{package}/*"
        message = f"{package} is a folder of {len(below)} packages" if len(below) > 1 else f"{package} is not a package"
        advice = f"'llamagate import {named}' installs {'all of them' if len(below) > 1 else 'the one in it'}"
        raise InputError(message, advice=advice, code=ErrorCode.WRONG_PACKAGE)


def target_from_package(
    state: HomeState, found: Resolved, *, owner: str | None, listed: DesiredItem | None = None
) -> Target:
    """The target for a package. Configuration, switch and owner stay as they are, unless ``owner`` takes it.

    ``listed`` is what the file says of it, where the file decides from now on.
    """
    recorded = state.record.items.get(found.key)
    says = listed or recorded
    config = says.config if says else {}
    check_filled(state, found.key, config)
    return replace(
        target_for(state, found, config),
        owner=owner or (recorded.owner if recorded else None),
        enabled=listed.enabled if listed else None,
        depends_on=says.depends_on if says else (),
    )


def _contradicted(state: HomeState, found: Resolved, *, saving: bool) -> ListedBy | None:
    """The file that wants another package, if one does or may."""
    says = listed_by(state, found.key, saving=saving)
    item, folder = says.item if says else None, says.file.absolute().parent if says else state.path
    if says is None or not isinstance(item, DesiredItem):
        return says
    return None if _is_same(item.source, found.source, folder) or _is_wanted(state, says, item, found) else says


def _is_wanted(state: HomeState, says: ListedBy, item: DesiredItem, found: Resolved) -> bool:
    """Whether the file comes to the same package, from where it takes it."""
    try:
        if item.source.is_pinned:
            entry = read_lock(
                lock_path(says.file, state.env.lock_file if says.file == state.path else None)
            ).lock.by_key.get(item.key)
            return entry is not None and entry.source == item.source and entry.tree == found.tree
        path = says.file.absolute().parent / item.source.location
        wanted = resolve_path(path, state.store, name=str(item.source))
    except LlamagateError:
        return False
    return (wanted.tree, wanted.executables) == (found.tree, found.executables)


def _is_same(listed: Source, taken: Source, folder: Path) -> bool:
    """Whether ``listed``, as a file in ``folder`` writes it, is the source that was ``taken`` now."""
    if taken.is_pinned:
        return listed == taken
    there = located(folder, listed.location)
    return (listed.kind, listed.path) == (taken.kind, taken.path) and there.exists() and there.samefile(taken.location)


def _absolute(path: Path) -> Path:
    """``path`` without ``..``. Links in it stay, since they may change, unless it then leads elsewhere."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows every link
    return plain if ".." not in path.parts or (plain.exists() and plain.samefile(path)) else path.resolve()
