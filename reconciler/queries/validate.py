"""Validate: everything that is wrong with a desired state or a package, before anyone applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Fault, InputError
from reconciler.model.desired import Desired, Limits
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.package import Dialect, Package
from reconciler.model.record import Record
from reconciler.model.source import Source
from reconciler.packages.manifest import read_package
from reconciler.resolve.pins import lock_of
from reconciler.resolve.resolve import Resolving, reach_of, resolve_items
from reconciler.resolve.resolved import Resolved
from reconciler.sources.local import DRIVERS
from reconciler.store.desired_file import read_desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found to be good, a line each, and what was strange about it."""

    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def validate_package(path: Path) -> Checked:
    """Read the package at ``path`` as an apply would."""
    if not path.exists():
        raise InputError(
            f"{path}: there is no such package", faults=[Fault(file=str(path), message="it does not exist")]
        )
    source = Source.from_document(str(path))
    content = DRIVERS[source.kind].open(path.absolute(), limits=Limits(), name=str(path))
    package = read_package(content, name=str(path))
    return Checked(lines=(f"{path} is valid: {_summary(package)}",), warnings=package.warnings)


def validate_desired(env: Environment, path: Path) -> Checked:
    """Read the desired state and every package that it names."""
    desired, found = look_at_sources(env, path)
    count = len(desired.items)
    lines = [f"{path} is valid: {count} {'item' if count == 1 else 'items'}"]
    warnings: list[str] = []
    for one in found.values():
        if one.opened is not None:
            lines.append(f"{one.name} is valid: {_summary(one.opened.package)}")
            warnings += one.opened.package.warnings
    return Checked(lines=tuple(lines), warnings=tuple(warnings))


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


def look_at_sources(env: Environment, file: Path) -> tuple[Desired, Mapping[ItemKey, Resolved]]:
    """The desired state and all its packages, each read as it is now, or as the lock says."""
    desired, nothing = read_desired(file), Record()
    how = Resolving(reach=reach_of(env, desired), record=nothing, lock=lock_of(desired))
    return desired.desired, resolve_items(desired, how)
