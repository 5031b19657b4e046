"""Validate: everything that is wrong with a desired state or a package, before it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import Fault, InputError, LlamagateError, together
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.note import Note
from reconciler.model.package import Dialect, Package
from reconciler.model.record import Record
from reconciler.model.source import TAR_SUFFIXES, Source
from reconciler.observe.below import is_package, packages_below
from reconciler.resolve.pins import lock_of, partition
from reconciler.resolve.resolve import Resolver, context_of
from reconciler.resolve.store import PackageStore, store_for
from reconciler.sources.local import kind_at
from reconciler.store.desired_file import read_desired
from reconciler.store.lock_file import lock_path, read_lock

DESIRED_NAME: Final = "llamagate.yaml"


class Checked(Struct, frozen=True, kw_only=True):
    """What was found to be good, a line each, and what was strange about it."""

    lines: tuple[str, ...]
    warnings: tuple[Note, ...] = ()


def validate(env: Environment, targets: Sequence[Path]) -> Checked:
    """Check each target: a desired state, a package, or a folder of packages and files. One error for all faults."""
    done: list[Checked] = []
    errors: list[LlamagateError] = []
    places = [place for target in targets for place in _places(target)]
    for place in places:
        is_package = place.is_dir() or _is_archive(place)
        try:
            done.append(validate_package(env, place) if is_package else validate_desired(env, place))
        except LlamagateError as error:
            errors.append(error)
    if errors:
        raise together(errors, f"{len(errors)} of {len(places)} are not valid")
    lines = tuple(line for one in done for line in one.lines)
    if len(places) > 1:
        lines += (f"All {len(places)} are valid.",)
    return Checked(lines=lines, warnings=tuple(note for one in done for note in one.warnings))


def _places(target: Path) -> list[Path]:
    """The target itself; or, of a folder that is not a package, what in it can be checked."""
    if not target.is_dir() or is_package(target):
        return [target]
    archives = [path for path in sorted(target.iterdir()) if _is_archive(path) and path.is_file()]
    file = target / DESIRED_NAME
    return [*([file] if file.is_file() else []), *archives, *packages_below(target)] or [target]


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((".zip", *TAR_SUFFIXES))


def validate_package(env: Environment, path: Path) -> Checked:
    """Read the package at ``path`` as an apply would."""
    if not path.exists():
        raise InputError(
            f"{path}: no such package",
            faults=[Fault(file=str(path), message="it does not exist", code=ErrorCode.NOT_FOUND)],
            code=ErrorCode.NOT_FOUND,
        )
    store = PackageStore(home=Home(env.home), limits=Limits())
    package = store.read(Source(kind_at(path), str(path.absolute())), name=str(path)).package
    return Checked(lines=(f"{path} is valid: {_summary(package)}",), warnings=package.warnings)


def validate_desired(env: Environment, path: Path) -> Checked:
    """Read the desired state and every package that it names: each as it is now, or as the lock says."""
    file = read_desired(path)
    store = store_for(Home(env.home), file.desired.policy)
    lock = read_lock(lock_path(path, env.lock_file))
    context = context_of(env, file)
    resolver = Resolver(file=file, record=Record(), store=store, context=context, lock_path=lock.path)
    found = resolver.resolve(partition(file.desired.items, lock_of(file, lock)))
    count = len(found)
    lines = [f"{path} is valid: {count} {'item' if count == 1 else 'items'}"]
    lines += [f"{one.name} is valid: {_summary(store.open(one).package)}" for one in found.values()]
    return Checked(lines=tuple(lines), warnings=tuple(note for one in found.values() for note in one.notes))


def _summary(package: Package) -> str:
    manifest = package.manifest
    dialects = {
        Dialect.GATEWAY: "gateway dialect",
        Dialect.DEFINITION: "full definition in extension.yaml",
        Dialect.TASK: "task dialect, which this gateway cannot load",
    }
    count = len(package.files)
    files = "1 file" if count == 1 else f"{count} files"
    return f"{manifest.kind} {manifest.id} {manifest.version}, {dialects[manifest.dialect]}, {files}"
