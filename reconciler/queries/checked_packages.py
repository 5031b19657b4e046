"""Which packages a check looks at, and what is known beside them: what the file lists, and what is installed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.places import located
from reconciler.fs.presence import is_there
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.ignore_file import ignores
from reconciler.model.package import DEFINITIONS, MODULE_MANIFEST
from reconciler.model.source import TAR_SUFFIXES, Source
from reconciler.observe.below import is_package, packages_below
from reconciler.packages.check.check import Known, Subject, subject
from reconciler.packages.check.document import rows, text_at
from reconciler.packages.check.modules import UNKNOWN, Signature
from reconciler.packages.content import Content
from reconciler.packages.definitions import open_definitions, stamps_of
from reconciler.packages.overlaid import Overlaid
from reconciler.sources.local import LOCAL, kind_at
from reconciler.store.desired_file import DesiredFile, read_desired


class Target(Struct, frozen=True, kw_only=True):
    """A package to look at: where it is, and how messages call it. ``held``: bytes of a file that is not saved."""

    place: Path
    name: str
    held: Mapping[str, bytes] = field(default_factory=dict)


def desired_at(file: Path) -> DesiredFile | None:
    """The file, where it is there and can be used: what is wrong with it says ``validate``."""
    try:
        return read_desired(file) if is_there(file) else None
    except LlamagateError:
        return None


def wanted(file: Path, desired: DesiredFile | None, targets: Sequence[Path]) -> Iterator[Target]:
    seen: set[str] = set()
    for target in targets or ([file] if is_there(file) else [Path()]):
        if not is_there(target):
            raise InputError.at("no such file or folder", file=target, code=ErrorCode.NOT_FOUND)
        for one in _below(target, file, desired):
            real = os.path.realpath(one.place)
            if real not in seen:
                seen.add(real)
                yield one


def _below(target: Path, file: Path, desired: DesiredFile | None) -> Iterator[Target]:
    if target.is_dir():
        places = [target] if is_package(target) else packages_below(target)
        if not places:
            raise InputError.at("there is no package in this folder", file=target, code=ErrorCode.NOT_FOUND)
        yield from (Target(place=place, name=str(place)) for place in places)
    elif target.name.lower().endswith((".zip", *TAR_SUFFIXES)):
        yield Target(place=target, name=str(target))
    elif target.name in DEFINITIONS and is_package(target.parent):
        yield Target(place=target.parent, name=str(target.parent))
    else:
        listed = desired if target == file else desired_at(target)
        for place in _local(listed if listed is not None else read_desired(target)):
            yield Target(place=place, name=os.path.relpath(place))


def _local(file: DesiredFile) -> Iterator[Path]:
    """Where the packages are that ``file`` lists and this machine holds."""
    for item in file.desired.items:
        if not item.source.is_pinned and not item.source.path:
            place = located(file.path.parent, item.source.location)
            if is_there(place):
                yield place


def content_of(target: Target, policy: Policy) -> Content:
    if target.held and not is_there(target.place):
        return Overlaid(None, target.held)
    source = Source(kind_at(target.place), str(target.place.absolute()))
    opener = LOCAL[source.kind].open
    content = opener(
        Path(source.location), limits=policy.limits, name=target.name, path="", ignore=ignores(policy.ignore)
    )
    return Overlaid(content, target.held) if target.held else content


def known_to(env: Environment, desired: DesiredFile | None, subjects: Sequence[Subject]) -> Known:
    """The extensions that can be called: those at hand, those that the file lists, those that are installed."""
    found = {one.called: one.signature for one in subjects if one.signature is not None}
    asked = {name for one in subjects for name in _called(one)} - found.keys()
    if asked and desired is not None:
        found |= _listed(desired, asked)
    home = Home(env.home)
    for name in asked - found.keys():
        signature = _installed(home.item(ItemKey(Kind.EXTENSION, name)))
        if signature is not None:
            found[name] = signature
    return Known(extensions=found, names_all=True)


def _called(one: Subject) -> Iterator[str]:
    """The extensions that a package calls by name."""
    for path, document in one.reading.documents.items():
        if path == MODULE_MANIFEST:
            for prefix in (("steps",), ("workflow", "steps")):
                yield from (text_at(row, "extension") for _, row in rows(document, *prefix))


def _listed(desired: DesiredFile, asked: Iterable[str]) -> dict[str, Signature]:
    """Those of ``asked`` that the file lists; one that is elsewhere is known by its name alone."""
    found: dict[str, Signature] = {}
    for item in desired.desired.items:
        if item.key.kind is Kind.EXTENSION and item.key.id in asked:
            place = located(desired.path.parent, item.source.location)
            is_local = not item.source.is_pinned and place.is_dir()
            read = _installed(place) if is_local else None
            found[item.key.id] = read or UNKNOWN
    return found


def _installed(folder: Path) -> Signature | None:
    try:
        stamps = stamps_of(folder, Kind.EXTENSION)
        return subject(open_definitions(folder, stamps), name=str(folder)).signature
    except LlamagateError:
        return None


def held_target(name: Path, data: bytes) -> Target:
    """What an editor holds of the file ``name``: with the files that are beside it on disk."""
    folder = name.parent
    for place in (folder, *folder.parents):
        if is_package(place) or place == Path():
            inside = name.relative_to(place).as_posix()
            return Target(place=place, name=str(place), held={inside: data})
    return Target(place=folder, name=str(folder), held={name.name: data})
