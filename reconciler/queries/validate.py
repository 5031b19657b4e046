"""Validate: everything that is wrong with a desired state or a package, before it is applied."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, together
from reconciler.fs.places import located
from reconciler.fs.presence import is_there
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.note import Note
from reconciler.model.package import Dialect, Package
from reconciler.model.record import Record
from reconciler.model.regex import regex
from reconciler.model.source import TAR_SUFFIXES, Source
from reconciler.observe.below import is_package, packages_below
from reconciler.packages.check.notes import check_notes
from reconciler.resolve.pins import lock_of, partition
from reconciler.resolve.resolve import Resolver, context_of
from reconciler.resolve.signatures import judge_of, trust_of
from reconciler.resolve.store import PackageStore, store_for
from reconciler.sources.local import kind_at
from reconciler.store.desired_file import read_desired
from reconciler.store.lock_file import lock_path, read_lock

DESIRED_NAME: Final = "llamagate.yaml"
_URL: Final = regex(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")
"""A path has one slash where two were written."""
_DOWNLOAD: Final = "download it first, or list it in a llamagate.yaml and check that"


class Checked(Struct, frozen=True, kw_only=True):
    """What was found to be good, a line each, and what was strange about it."""

    lines: tuple[str, ...]
    warnings: tuple[Note, ...] = ()


def validate(env: Environment, targets: Sequence[Path]) -> Checked:
    """Check each target: a desired state, a package, or a folder of packages and files. One error for all faults."""
    done: list[Checked] = []
    errors: list[LlamagateError] = []
    places = {os.path.realpath(place): place for target in targets for place in _places(target)}.values()
    for place in places:
        try:
            done.append(_check(env, place))
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
    listed = _listed(file)
    packages = [path for path in (*archives, *packages_below(target)) if os.path.realpath(path) not in listed]
    return [*([file] if file.is_file() else []), *packages] or [target]


def _listed(file: Path) -> Collection[str]:
    """Where the packages are that ``file`` lists: they are checked with it."""
    try:
        sources = [item.source for item in read_desired(file).desired.items] if file.is_file() else []
    except LlamagateError:
        return ()
    return {os.path.realpath(located(file.parent, one.location)) for one in sources if not (one.is_pinned or one.path)}


def _check(env: Environment, place: Path) -> Checked:
    if not is_there(place) and _URL.match(str(place)):
        raise InputError(f"{place}: this is a web address, and files and folders are checked", advice=_DOWNLOAD)
    if not is_there(place) and place.name != DESIRED_NAME:
        raise InputError.at("no such file or folder", file=place, code=ErrorCode.NOT_FOUND)
    return (validate_package if place.is_dir() or _is_archive(place) else validate_desired)(env, place)


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((".zip", *TAR_SUFFIXES))


def validate_package(env: Environment, path: Path) -> Checked:
    """Read the package at ``path`` as an apply would."""
    store = PackageStore(home=Home(env.home), limits=Limits())
    opened = store.read(Source(kind_at(path), str(path.absolute())), name=str(path))
    package = opened.package
    warnings = (*package.warnings, *check_notes(opened, name=str(path)))
    return Checked(lines=(f"{path} is valid: {_summary(package)}",), warnings=warnings)


def validate_desired(env: Environment, path: Path) -> Checked:
    """Read the desired state and every package that it names: each as it is now, or as the lock says."""
    file = read_desired(path)
    store = store_for(Home(env.home), file.desired.policy)
    lock = read_lock(lock_path(path, env.lock_file))
    trust = trust_of(env, file, path.absolute().parent, old=lock)
    context = context_of(env, file, judge=judge_of(trust))
    resolver = Resolver(file=file, record=Record(), store=store, context=context, lock_path=lock.path)
    found = resolver.resolve(partition(file.desired.items, lock_of(file, lock)))
    count = len(found) + len(file.desired.servers)
    lines = [f"{path} is valid: {count} {'item' if count == 1 else 'items'}"]
    notes = [*trust.remarks(file.desired.items)] if trust else []
    for one in found.values():
        opened = store.open(one)
        lines.append(f"{one.name} is valid: {_summary(opened.package)}")
        notes += (*one.notes, *check_notes(opened, name=one.name, rules=file.desired.policy.check))
    return Checked(lines=tuple(lines), warnings=tuple(notes))


def _summary(package: Package) -> str:
    manifest = package.manifest
    dialects = {
        Dialect.GATEWAY: "gateway dialect",
        Dialect.DEFINITION: "full definition in extension.yaml",
        Dialect.TASK: "task dialect, which a gateway cannot load",
    }
    count = len(package.files)
    files = "1 file" if count == 1 else f"{count} files"
    return f"{manifest.kind} {manifest.id} {manifest.version}, {dialects[manifest.dialect]}, {files}"
